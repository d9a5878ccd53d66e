"""Folders of clips -> one row a clip, by workers, with progress, atomic and resumable.

Rows are appended to a journal, each as one whole line that is on the disk before the next: with ``jsonl`` that is the
output itself, with ``parquet`` it lies beside it, with ``srt`` and ``vtt`` in the output folder as captions.jsonl.
Started again after any end, the run goes on where the journal ends. Only the parent writes; a worker that dies takes
one clip with it, whose row says so. Memory does not grow with the number of clips.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from emoreason import early
from emoreason.errors import UserError
from emoreason.farm import Farm
from emoreason.journal import Journal
from emoreason.subtitles import FORMATS as SUBTITLES
from emoreason.subtitles import cues
from emoreason.video import SUFFIXES

TOGETHER = 8  # clips whose texts are written in one batch
FORMATS = ("jsonl", "srt", "vtt", "parquet")
Captioner = Callable[[str], Any]


class Item(NamedTuple):
    """video: the path as given; path: where the file is; stem: of its subtitle file, without suffix."""

    video: str
    path: str
    stem: str


def reasoner(model: str = "nano", face: int | None = None) -> Captioner:
    """The captioner that a worker makes for itself."""
    from emoreason.captioning import make

    return make(model, face)


def rows(items: Sequence[Item], captioner: Captioner) -> list[dict[str, Any]]:
    """The rows of some clips. One that fails has its reason in ``error`` and null elsewhere; only the events stay where
    the clip could be measured, but the model's text could not be read.

    captioner: path -> an object with ``caption`` (str), ``events`` (each a dict, or with ``to_dict``), ``explanation``
    (an Explanation, a dict or None) and, where the clip was cut short, ``warning``. Where it has a method ``batch``
    (paths -> such objects or exceptions), that does them together.
    """
    together = getattr(captioner, "batch", None)
    try:
        made = together([i.path for i in items]) if together else [_tried(captioner, i.path) for i in items]
    except Exception as e:
        made = [e] * len(items)
    return [row(item.video, result) for item, result in zip(items, made, strict=True)]


def _tried(captioner: Captioner, path: str) -> Any:
    try:
        return captioner(path)
    except Exception as e:  # a clip that cannot be captioned is a row, not the end of the run
        return e


def row(video: str, result: Any) -> dict[str, Any]:
    """The row of one clip, from what a captioner made of it or raised."""
    out: dict[str, Any] = {"video": video, "caption": None, "events": None, "explanation": None, "warning": None,
                           "error": None}
    if isinstance(result, Exception):
        kind = "" if isinstance(result, UserError) else f"{type(result).__name__}: "
        measured = getattr(result, "events", None)  # of a clip that was read, but of which nothing could be told
        return {**out, "events": None if measured is None else [_plain(e) for e in measured],
                "error": (kind + " ".join(str(result).split()))[:500]}
    return {**out, "caption": result.caption, "events": [_plain(e) for e in result.events],
            "explanation": _plain(result.explanation), "warning": getattr(result, "warning", None)}


def _plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, "to_dict") else value


def find(inputs: Sequence[str]) -> list[Item]:
    """The clips of folders (and their subfolders), globs, list files (a path a line, # for remarks) and single files,
    in this order, sorted within a folder or glob, each once. Lines of a list are looked up from here, then from the
    list's folder. Raises UserError when an input is not there or has no clips."""
    found: dict[str, str] = {}
    for one in inputs:
        pairs = list(_find(one))
        if not pairs:
            raise UserError(f"{one} has no clips ({', '.join(SUFFIXES)}): name another folder, glob or list")
        for video, path in pairs:
            found.setdefault(video, path)
    return _named(found)


def _find(one: str) -> Iterator[tuple[str, str]]:
    path = Path(one)
    if path.is_dir():
        inside = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        yield from ((str(p), str(p)) for p in sorted(inside))
    elif path.is_file() and path.suffix.lower() in SUFFIXES:
        yield one, one
    elif path.is_file():
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise UserError(f"{one} is neither a clip ({', '.join(SUFFIXES)}) nor a list of paths in text") from None
        for line in (text.strip() for text in lines):
            if line and not line.startswith("#"):
                beside = path.parent / line
                yield line, str(beside) if not os.path.exists(line) and beside.exists() else line
    elif glob.has_magic(one):
        hits = (p for p in glob.glob(one, recursive=True) if os.path.isfile(p))
        yield from ((p, p) for p in sorted(hits))
    else:
        raise UserError(f"there is no {one}: name a folder, a clip, a glob in quotes, or a list of paths")


def _named(found: dict[str, str]) -> list[Item]:
    """With the names of subtitle files: the path below what all clips share; the suffix stays where two would meet."""
    whole = {video: Path(os.path.abspath(path)) for video, path in found.items()}
    base = os.path.commonpath([p.parent for p in whole.values()])
    stems = {video: os.path.relpath(p.with_suffix(""), base) for video, p in whole.items()}
    often: dict[str, int] = {}
    for stem in stems.values():
        often[stem] = often.get(stem, 0) + 1
    return [Item(v, found[v], s if often[s] == 1 else os.path.relpath(whole[v], base)) for v, s in stems.items()]


def caption(items: Sequence[Item], out: str | Path, make: Callable[[], Captioner], *, format: str | None = None,
            workers: int = 1, batch: int = 1, limit: float = 600.0, retry: bool = False, quiet: bool = False,
            engine: str = "local", ahead: bool = False) -> dict[str, int]:
    """Caption the items that have no row yet, and finish the output.

    make: makes a captioner in each worker (it must be picklable; a UserError from it ends the run). batch: clips that
    a worker does together (its first one alone, so that a row is there soon). limit: seconds that a clip may take.
    engine: "local", processes of this machine, or "ray". retry: do failed clips again. ahead: a single local worker
    follows the first clip's faces while it makes its captioner (``emoreason.early``). Returns counts: clips, done (in
    this run), failed (in all), warned (in all).
    Raises UserError for an output that cannot be written or that another run is writing.
    """
    from tqdm import tqdm

    format = format or _format_of(out)
    target = Path(out)
    subtitles = format in SUBTITLES
    book = target / "captions.jsonl" if subtitles else target if format == "jsonl" else Path(f"{out}.rows.jsonl")
    with Journal(book, drop=(lambda r: r["error"] is not None) if retry else None) as journal:
        todo = [i for i in items if i.video not in journal.done]
        stems = {i.video: i.stem for i in items}
        shown = None if quiet else sys.stderr
        first = todo[0].path if ahead and workers == 1 and todo else None
        with _crew(engine, make, min(workers, len(todo)), limit, first) as crew, tqdm(
                total=len(items), initial=len(items) - len(todo), unit="clip", file=shown or sys.stderr, disable=quiet,
                mininterval=0.2 if sys.stderr.isatty() else 10, smoothing=0.05) as bar:
            for made in _done(crew, Groups(todo, workers, batch)):
                if subtitles and made["events"] is not None:
                    write(target / f"{stems[made['video']]}.{format}", cues(made, format))
                journal.add(made)
                bar.update()
        counts = journal.count({i.video for i in items})
        if format == "parquet":
            _parquet(journal, target)
    return {"clips": len(items), "done": len(todo), **counts}


class Groups:
    """The clips in groups of ``size``, the first one for each worker and every one put back alone."""

    def __init__(self, items: Sequence[Item], workers: int, size: int) -> None:
        size = max(1, min(size, -(-len(items) // max(workers, 1))))
        alone, rest = items[:workers], items[workers:]
        self.queue = deque([[i] for i in alone] + [list(rest[n: n + size]) for n in range(0, len(rest), size)])

    def __iter__(self) -> Groups:
        return self

    def __next__(self) -> list[Item]:
        if not self.queue:
            raise StopIteration
        return self.queue.popleft()


def _done(crew: Any, groups: Groups) -> Iterator[dict[str, Any]]:
    """The rows as they come. The clips of a group that a worker did not survive are tried again one by one."""
    for group, made, died in crew.run(groups):
        if made is not None:
            yield from made
        elif len(group) > 1:
            groups.queue.extend([item] for item in group)
        else:
            yield row(group[0].video, UserError(died))


def _crew(engine: str, make: Callable[[], Captioner], workers: int, limit: float, first: str | None) -> Any:
    if engine == "ray":
        from emoreason.rays import Rays

        return Rays(partial(_worker, make), workers, limit)
    return Farm(partial(_worker, make), workers, limit, begin=None if first is None else partial(early.begin, first))


def _worker(make: Callable[[], Captioner]) -> Callable[[list[Item]], list[dict[str, Any]]]:
    captioner = make()
    return lambda group: rows(group, captioner)


def _format_of(out: str | Path) -> str:
    suffix = Path(out).suffix.lstrip(".").lower()
    return "parquet" if suffix == "parquet" else "jsonl"


def write(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8")
    os.replace(part, path)


def _parquet(journal: Journal, target: Path) -> None:
    """All rows of the journal, a few hundred at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number, flag, whole = pa.string(), pa.float64(), pa.bool_(), pa.int64()
    event = pa.struct({"au": whole, "onset": number, "apex": number, "offset": number, "peak": number, "side": text,
                       "short": flag, "speech": flag, "cut": text, "uncertain": text})
    seen = pa.struct({"au": whole, "intensity": number, "side": text, "present": flag, "span": pa.list_(number),
                      "text": text})
    said = pa.struct({"observations": pa.list_(seen), "interpretation": text, "emotion": text, "confidence": number,
                      "valence": number, "arousal": number})
    schema = pa.schema({"video": text, "caption": text, "events": pa.list_(event), "explanation": said,
                        "warning": text, "error": text})
    part = target.with_name(f".{target.name}.part")
    with pq.ParquetWriter(part, schema) as writer:
        for rows in journal.batches(256):
            writer.write_table(pa.Table.from_pylist(rows, schema))
    os.replace(part, target)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", metavar="FOLDER|GLOB|LIST",
                        help="folders, globs in quotes, clips, or text files with a path a line")
    parser.add_argument("-o", "--out", required=True, help="output file; for srt and vtt a folder")
    parser.add_argument("--format", choices=FORMATS, help="default: by the output's suffix, else jsonl")
    parser.add_argument("--workers", type=int, default=1, help="processes, each with a model of its own (default: 1)")
    parser.add_argument("--batch", type=int, help=f"clips whose texts are written together (default: {TOGETHER})")
    parser.add_argument("--engine", choices=("local", "ray"), default="local",
                        help="local processes, or Ray Data: an existing cluster, or this machine (default: local)")
    parser.add_argument("--limit", type=int, help="only the first N clips")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that one clip may take (default: 600)")
    parser.add_argument("--model", default="nano",
                        help="nano, a checkpoint folder, hf:NAME, vllm:NAME or openai:MODEL@URL")
    parser.add_argument("--face", type=int, help="the face to describe, by number (default: the main character)")
    parser.add_argument("--retry", action="store_true", help="do clips again that failed before")


def run(args: argparse.Namespace, make: Callable[[], Captioner] | None = None) -> int:
    """The command. Returns the exit code: 0, 1 when every clip failed, 130 when interrupted."""
    for name in ("workers", "batch", "limit", "timeout"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} must be at least 1, but got {value}")
    items = find(args.inputs)[: args.limit]
    start = time.monotonic()
    try:
        counts = caption(items, args.out, make or partial(reasoner, args.model, args.face), format=args.format,
                         workers=args.workers, batch=args.batch or (TOGETHER if make is None else 1),
                         limit=args.timeout, retry=args.retry, engine=args.engine, ahead=make is None)
    except KeyboardInterrupt:
        print(f"stopped: the same command goes on from here ({args.out})", file=sys.stderr)
        return 130
    took = time.monotonic() - start
    print(json.dumps({"out": str(args.out), **counts, "seconds": round(took, 1)}))
    return 1 if counts["failed"] == counts["clips"] else 0
