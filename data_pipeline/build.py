"""``emoreason data build``: from annotated sets to verified explanations in shards, with every step counted.

source -> picture and its hash -> split and leak guard -> (evidence) -> explanation -> filter -> shard
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from emoreason.data_pipeline import card, shards
from emoreason.data_pipeline.hooks import evidence_of, explain_record
from emoreason.data_pipeline.job import Evidence, Job, Writer, row_features
from emoreason.data_pipeline.leakage import SHARES
from emoreason.errors import UserError
from emoreason.sources import SOURCES, Record, Reject, read

TEXTS = ("source", "engine", "auto", "none")


@dataclass(frozen=True)
class Config:
    """What to build.

    sources: [{"name", "path", further options of the reader}], read in this order; out: a folder. texts: take the
    "source"'s own explanations, write them with the "engine", "auto" (the source's where it has one, else the
    engine's) or "none"; writer: the engine, "grammar" or a model string of ``emoreason.engines``; workers: texts asked
    of a model at once; per_record: explanations a record; attempts: how often the engine tries for one that passes.
    evidence: what completes an annotation, the labels.jsonl of ``data teach`` or "package.module:function", from Record
    to Record (``hooks.from_facenet`` makes one). seed; shares of the splits where a set has none; leaks: "fail" or
    "drop"; duplicates, same_texts: "drop" or "keep" pictures and texts that nearly repeat others. pictures: put them
    into the shards; limit: stop after so many source records; rows of a shard.
    """

    sources: list[dict[str, Any]]
    out: str
    texts: str = "auto"
    writer: str = "grammar"
    workers: int = 1
    per_record: int = 1
    evidence: str | None = None
    attempts: int = 3
    seed: int = 0
    shares: dict[str, float] = field(default_factory=lambda: dict(SHARES))
    leaks: str = "fail"
    duplicates: str = "drop"
    same_texts: str = "drop"
    pictures: bool = True
    limit: int | None = None
    rows: int = 2000

    def __post_init__(self) -> None:
        if not self.sources:
            raise UserError("nothing to build from; name a source: --source fer2013=PATH")
        for entry in self.sources:
            if not {"name", "path"} <= entry.keys():
                raise UserError(f"a source needs a name and a path, but got {entry}")
        choices = {"texts": TEXTS, "same_texts": ("drop", "keep")}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise UserError(f"{name} must be one of {', '.join(known)}, but got {getattr(self, name)!r}")
        for name in ("per_record", "attempts", "rows", "workers"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, but got {getattr(self, name)}")

    def content(self) -> dict[str, Any]:
        """What the shards depend on: all but where they lie; of a path, its last part."""
        data = {k: v for k, v in asdict(self).items() if k not in ("out", "sources", "limit", "workers")}
        if self.evidence is not None and self.evidence.endswith(".jsonl"):
            data["evidence"] = Path(self.evidence).name
        return data | {"sources": [s | {"path": Path(s["path"]).name} for s in self.sources]}


def build(config: Config, evidence: Evidence | None = None, write: Writer | None = None,
          progress: bool = True) -> dict[str, Any]:
    """Build or go on building; returns the manifest.

    evidence completes a record's annotation, write makes a question and its explanation; without them the ones that
    ``config`` names are used. Raises UserError for a set-up that cannot work and for a leak between splits.
    """
    from tqdm import tqdm

    evidence = evidence or (None if config.evidence is None else evidence_of(config.evidence))
    write = write or (_writer(config) if config.texts in ("engine", "auto") else None)
    unknown = [s["name"] for s in config.sources if s["name"] not in SOURCES]
    if unknown:
        raise UserError(f"there is no source {unknown[0]!r}; known are {', '.join(sorted(SOURCES))}")
    names = dict.fromkeys(s["name"] for s in config.sources)
    terms = [{"name": n, "licence": SOURCES[n].licence} for n in names]
    out = shards.Shards(config.out, row_features(), config.content(), terms, config.rows)
    try:
        if not out.complete:
            job = Job(config, out, evidence, write)
            job.recall()
            items = job.ahead(_items(config), config.workers, out.start)
            with tqdm(items, unit=" records", disable=not progress, dynamic_ncols=True,
                      desc=Path(config.out).name) as bar:
                for number, item in enumerate(bar):
                    if number < out.start:
                        continue
                    if config.limit is not None and number >= config.limit:
                        break
                    job.take(item)
                    out.tick()
                    bar.set_postfix_str(f"{job.kept:,} kept, {job.rejected:,} left out", refresh=False)
            if config.limit is None or out.next < config.limit:
                out.finish()
            else:
                out.commit()
    finally:
        out.close()
    card.write_card(config.out)
    return out.manifest


def _writer(config: Config) -> Writer:
    if config.writer == "grammar":
        return explain_record
    from emoreason import engines
    from emoreason.data_pipeline import llm

    cache = Path(config.out) / "writer.jsonl"
    return llm.writer(engines.complete(config.writer), config.writer, config.attempts, cache)


def _items(config: Config) -> Iterator[tuple[str, Record | Reject]]:
    for entry in config.sources:
        options = {k: v for k, v in entry.items() if k not in ("name", "path")}
        for item in read(entry["name"], entry["path"], **options):
            yield entry["name"], item


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``emoreason data build``; each overrides the config file."""
    parser.add_argument("config", nargs="?", help="YAML file with the fields of Config")
    parser.add_argument("--source", action="append", metavar="NAME=PATH[,OPTION=VALUE...]",
                        help=f"a set to read; names: {', '.join(sorted(SOURCES))}")
    parser.add_argument("-o", "--out", help="folder for shards, rejects, manifest and card; resumed where it was begun")
    parser.add_argument("--texts", choices=TEXTS, help="where the explanations come from")
    parser.add_argument("--writer", metavar="MODEL",
                        help="who writes them: grammar (offline, the default), hf:NAME, vllm:NAME or openai:MODEL@URL")
    parser.add_argument("--workers", type=int, help="texts asked of a model at once")
    parser.add_argument("--evidence", metavar="FILE|MODULE:FUNCTION",
                        help="completes annotations: labels.jsonl of `data teach`, or a function, Record to Record")
    parser.add_argument("--per-record", type=int, help="explanations a record")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--leaks", choices=("fail", "drop"), help="what to do when a subject or picture crosses splits")
    parser.add_argument("--duplicates", choices=("drop", "keep"), help="near-duplicate pictures within a split")
    parser.add_argument("--same-texts", choices=("drop", "keep"), help="texts that say the same")
    parser.add_argument("--rows", type=int, help="rows of a shard")
    parser.add_argument("--limit", type=int, help="stop after so many source records; a later run goes on")
    parser.add_argument("--no-pictures", dest="pictures", action="store_const", const=False,
                        help="leave pictures out of the shards; their paths stay")


def run(args: argparse.Namespace) -> int:
    """The command. Prints what was kept and why the rest was not."""
    manifest = build(config_of(args))
    total = manifest["kept"] + manifest["rejected"]
    print(f"{manifest['kept']:,} rows kept, {manifest['rejected']:,} of {total:,} left out")
    for reason, n in sorted(manifest["by_reason"].items(), key=lambda r: -r[1]):
        print(f"  {n:>8,}  {reason}")
    return 0


def config_of(args: argparse.Namespace) -> Config:
    """The config of a parsed command line. Raises UserError for what cannot be read."""
    data: dict[str, Any] = {}
    if args.config:
        try:
            data = yaml.safe_load(Path(args.config).read_text(encoding="utf-8")) or {}
        except (OSError, yaml.YAMLError) as e:
            raise UserError(f"{args.config} cannot be read: {e}") from None
        if not isinstance(data, dict):
            raise UserError(f"{args.config} must hold fields and values")
    if args.source:
        data["sources"] = [source_of(text) for text in args.source]
    data |= {k: v for k, v in vars(args).items() if k in Config.__dataclass_fields__ and v is not None}
    unknown = sorted(set(data) - set(Config.__dataclass_fields__))
    if unknown:
        known = ", ".join(Config.__dataclass_fields__)
        raise UserError(f"{args.config}: unknown field {unknown[0]!r}; known are {known}")
    if not data.get("out"):
        raise UserError("no folder to write to; give -o FOLDER")
    return Config(**{"sources": []} | data)


def source_of(text: str) -> dict[str, Any]:
    """NAME=PATH[,OPTION=VALUE...] as an entry of ``Config.sources``; numbers and true, false are read as such."""
    name, found, rest = text.partition("=")
    path, *options = rest.split(",")
    if not found or not name or not path or not all("=" in o for o in options):
        raise UserError(f"--source {text}: write it as NAME=PATH, options after commas: dfew=data/DFEW,fold=2")
    return {"name": name, "path": path} | {k: _scalar(v) for k, v in (o.split("=", 1) for o in options)}


def _scalar(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, (int, float, bool)) else text
