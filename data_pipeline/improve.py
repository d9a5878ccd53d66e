"""``emoreason data improve``: the next round's data from a model's own answers.

Each labelled face is asked about k times, with a question that does not tell the label. An answer is kept when it
agrees with the label and with what is known of the face (``judge``); of those the best is taught (rejection sampling),
and the worst refused one stands against it (preference pairs). Faces of which no answer holds are left out and counted.

The folder holds ``samples.jsonl`` (every answer with its score: a killed run goes on there), ``train.parquet`` (rows as
``emoreason data talks`` writes them, for SFT and GRPO), ``preferences.parquet`` (images, prompt, chosen, rejected: the
form of TRL's preference trainers) and ``manifest.json``.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from emoreason import scores
from emoreason.data_pipeline.build import source_of
from emoreason.data_pipeline.leakage import draw_split
from emoreason.data_pipeline.resume import go_on
from emoreason.data_pipeline.rounds import finish, subject_of
from emoreason.data_pipeline.shards import sha256, versions
from emoreason.errors import ParseError, UserError
from emoreason.prompts import DEFAULT_QUESTION
from emoreason.schema import Explanation, parse
from emoreason.sources import SOURCES, Record, Reject, read
from emoreason.wording import spoken_aus

# None of them names an emotion: the answer must come from the face.
QUESTIONS = (DEFAULT_QUESTION, "What is the expression of this face, and how can you tell?", "Explain this face.",
             "Which movements do you see, and what do they add up to?")
SAMPLES, MANIFEST = "samples.jsonl", "manifest.json"
FOLLOWS = 0.3  # of scores.agreement: a conclusion below it does not follow from what is observed
TOLERANCE = 1.0  # of 5: how far a stated intensity may be off


@dataclass(frozen=True)
class Config:
    """model: whose answers; sources: as in ``build.Config``; out: a folder; k: answers a face; temperature, top_p of
    drawing them; least: of scores.soft_au_f1 against the true AUs, where they are known; keep: how many rows the next
    round takes, rare AUs first (None: all); split: whose records; seed; limit: faces; batch: faces at once."""

    model: str
    sources: list[dict[str, Any]]
    out: str
    k: int = 8
    temperature: float = 1.0
    top_p: float = 0.95
    least: float = 0.5
    keep: int | None = None
    split: str = "train"
    seed: int = 0
    limit: int | None = None
    batch: int = 4

    def __post_init__(self) -> None:
        if not self.sources:
            raise UserError("nothing to ask about; name a source: --source fer2013=PATH")
        unknown = [s["name"] for s in self.sources if s["name"] not in SOURCES]
        if unknown:
            raise UserError(f"there is no source {unknown[0]!r}; known are {', '.join(sorted(SOURCES))}")
        for name in ("k", "batch"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be at least 1, but is {getattr(self, name)}")
        if self.temperature <= 0 and self.k > 1:
            raise UserError("--temperature must be above 0: at 0 all answers are the same")

    def content(self) -> dict[str, Any]:
        """What the samples depend on."""
        kept = ("model", "k", "temperature", "top_p", "least", "split", "seed")
        return {k: v for k, v in asdict(self).items() if k in kept} | {
            "sources": [s | {"path": Path(s["path"]).name} for s in self.sources]}


class Verdict(NamedTuple):
    """reason: why an answer is refused, None when it holds; score: for ranking, higher is better."""

    reason: str | None
    score: float


def judge(text: str, record: Record, measured: Mapping[int, float], least: float = 0.5) -> Verdict:
    """One answer against a record's label and AUs, and against what was measured (AU -> 0-5) of AUs that nobody coded.

    The score is scores.emotion_score + soft_au_f1 + agreement + calibration - unsupported_rate, those that apply."""
    try:
        x = parse(text)
    except ParseError:
        return Verdict("malformed", -1.0)
    coded = {a: v for a, v in (record.aus or {}).items() if v is not None}
    known = dict(measured) | coded
    fit = scores.soft_au_f1(x, known)
    score = fit + (scores.agreement(x) or 0.0) - (scores.unsupported_rate(x, known) or 0.0)
    score += (scores.emotion_score(x, record.emotion) or 0.0) + (scores.calibration(x, record.emotion) or 0.0)
    return Verdict(_fault(x, record, known, fit if coded else None, least), round(score, 4))


def _fault(x: Explanation, record: Record, known: Mapping[int, float], fit: float | None, least: float) -> str | None:
    if record.emotion is not None and x.emotion != record.emotion:
        return "conclusion differs" if x.emotion else "abstains"
    if scores.unsupported(x, known, TOLERANCE):
        return "claims beyond the evidence"
    if any(known.get(a, 5.0) < scores.GREY for a in spoken_aus(x.interpretation)) or scores.stray_aus(x):
        return "words beyond the evidence"
    if fit is not None and fit < least:
        return "AUs missed"
    follows = scores.agreement(x)
    if follows is not None and follows < FOLLOWS:
        return "conclusion does not follow"
    return "denies itself" if scores.denies_itself(x) else None


def improve(config: Config, reasoner: Any = None, progress: bool = True) -> dict[str, Any]:
    """Sample, judge, write; returns the manifest. reasoner: a Reasoner in place of ``config.model``. Raises UserError
    for a folder begun with other settings."""
    out = Path(config.out)
    done = go_on(out / "run.json", out / SAMPLES, config.content(), "data improve")
    faces = _faces(config)
    waiting = [r for r in faces.records if _key(r) not in done]
    if waiting:
        from emoreason.reason import Reasoner

        reasoner = reasoner or Reasoner.load(config.model)
        with (out / SAMPLES).open("a", encoding="utf-8") as file:
            for row in _ask(waiting, reasoner, config, progress):
                done[row["id"]] = row
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()
    manifest = finish(out, [(r, done[_key(r)]) for r in faces.records], config.keep, config.seed)
    terms = {s["name"]: SOURCES[s["name"]].licence for s in config.sources}
    manifest |= {"parent": {"model": config.model} | _fingerprint(config.model),
                 "settings": config.content() | {"keep": config.keep, "limit": config.limit},
                 "versions": versions(), "skipped": dict(faces.skipped), "licences": terms}
    (out / (MANIFEST + ".part")).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    (out / (MANIFEST + ".part")).replace(out / MANIFEST)
    return manifest


class _Faces(NamedTuple):
    records: list[Record]
    skipped: Counter[str]


def _faces(config: Config) -> _Faces:
    """The labelled pictures of the split, and why the others are none."""
    records: list[Record] = []
    skipped: Counter[str] = Counter()
    for entry in config.sources:
        options = {k: v for k, v in entry.items() if k not in ("name", "path")}
        for item in read(entry["name"], entry["path"], **options):
            if config.limit is not None and len(records) >= config.limit:
                break
            if isinstance(item, Reject):
                skipped["bad record"] += 1
            elif item.kind != "picture":
                skipped["not a picture"] += 1
            elif item.emotion is None and not item.aus:
                skipped["no label"] += 1
            elif (item.split or draw_split(item, config.seed)) != config.split:
                skipped["another split"] += 1
            else:
                records.append(item)
    if not records:
        raise UserError(f"no labelled picture of split {config.split!r}; left out: "
                        + (", ".join(f"{n} {why}" for why, n in skipped.items()) or "nothing"))
    return _Faces(records, skipped)


def _ask(records: Sequence[Record], reasoner: Any, config: Config, progress: bool) -> Iterator[dict[str, Any]]:
    """One row a record: question, measured, and the texts with their verdicts; or why there are none."""
    from tqdm import tqdm

    with tqdm(total=len(records), unit=" faces", disable=not progress, desc=Path(config.out).name) as bar:
        for at in range(0, len(records), config.batch):
            rows, asked = [], []
            for record in records[at:at + config.batch]:
                row: dict[str, Any] = {"id": _key(record)}
                rows.append(row)
                try:
                    subject = subject_of(record)
                except UserError as e:
                    row["skipped"] = str(e)
                    continue
                rng = random.Random(f"{config.seed}|{row['id']}")
                row["question"] = rng.choice(QUESTIONS)
                request = reasoner.request([subject], row["question"])
                row["measured"], row["seen"] = _measured(reasoner, subject)
                asked.append((record, row, [replace(request, temperature=config.temperature, top_p=config.top_p,
                                                    seed=rng.getrandbits(31)) for _ in range(config.k)]))
            texts = iter(reasoner.engine.generate([r for _, _, requests in asked for r in requests]))
            for record, row, requests in asked:
                measured = {int(a): v for a, v in row["measured"].items()}
                row["texts"] = []
                for _ in requests:
                    text = next(texts).text
                    row["texts"].append({"text": text, **judge(text, record, measured, config.least)._asdict()})
            yield from rows
            bar.update(len(rows))


def _measured(reasoner: Any, subject: Any) -> tuple[dict[str, float], dict[str, Any]]:
    from emoreason.data_pipeline.facts import Facts
    from emoreason.data_pipeline.talks import seen
    from emoreason.media import Media

    evidence = reasoner.eyes.look(Media.of(subject.image, subject.track)).evidence
    known = {} if evidence is None else seen(Facts.from_evidence(evidence))
    return known.get("aus", {}), known


def _key(record: Record) -> str:
    return f"{record.source}/{record.id}"


def _fingerprint(model: str) -> dict[str, str]:
    from emoreason.reason import NANO

    folder = NANO if model.partition("#")[0] == "nano" else Path(model.partition("#")[0])
    return {f.name: sha256(f) for f in sorted(folder.glob("*.safetensors"))} if folder.is_dir() else {}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``emoreason data improve``."""
    parser.add_argument("--source", action="append", required=True, metavar="NAME=PATH[,OPTION=VALUE...]",
                        help="a labelled set")
    parser.add_argument("--model", default="nano", help="nano, a checkpoint, hf:NAME, vllm:NAME, openai:MODEL@URL")
    parser.add_argument("-o", "--out", required=True, help="folder; a run that was stopped goes on there")
    parser.add_argument("-k", type=int, default=8, help="answers for each face (default 8)")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--least", type=float, default=0.5, help="AU F1 that an answer needs where AUs are annotated")
    parser.add_argument("--keep", type=int, help="rows of the next round, rare AUs first (default: all that hold)")
    parser.add_argument("--split", default="train", choices=("train", "validation", "test"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="ask about so many faces only")
    parser.add_argument("--batch", type=int, default=4, help="faces at once")


def run(args: argparse.Namespace) -> int:
    """The command. Prints how many answers held, and why others did not."""
    known = {k: v for k, v in vars(args).items() if k in Config.__dataclass_fields__}
    manifest = improve(Config(**known | {"sources": [source_of(s) for s in args.source]}))
    n = manifest["counts"]
    share = 100 * n["held"] / max(1, n["texts"])
    print(f"{n['held']:,} of {n['texts']:,} answers about {n['faces']:,} faces hold ({share:.1f}%)\n"
          f"{n['rows']:,} rows and {n['pairs']:,} preference pairs in {args.out}")
    for reason, count in sorted(manifest["by_reason"].items(), key=lambda r: -r[1]):
        print(f"  {count:>8,}  {reason}")
    return 0
