"""``emoreason data teach``: AU labels of real photographs by several teachers, with confidence and agreement.

A teacher gives each face intensities and how far each is to be trusted (``Reading``). What they say is joined by their
confidences; where they contradict one another the AU stays uncoded. The folder holds ``labels.jsonl`` (one row a
picture: aus, confidence, agreement, and what each teacher said), which ``data build --evidence`` takes, and
``agreement.md`` (how the teachers agree on each AU). A run that was stopped goes on.

Teachers: ``facenet`` or ``facenet=MODEL``; ``blendshapes=FILE.npz`` and ``pyfeat=FILE.csv``, read from files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from emoreason.data_pipeline import resume
from emoreason.data_pipeline.agreement import report
from emoreason.data_pipeline.build import source_of
from emoreason.data_pipeline.filter import Rejection
from emoreason.data_pipeline.job import Evidence
from emoreason.data_pipeline.teachers import Reading, Teacher, teacher_of
from emoreason.errors import UserError
from emoreason.facs import MEASURED_AUS
from emoreason.sources import SOURCES, Record, Reject, read

LABELS, SETTINGS = "labels.jsonl", "teach.json"
LEAST = 0.2  # confidence of all teachers together below which an AU stays uncoded
AGREE = 0.6  # 1 - distance / 5 that two teachers must have: within 2 of 5


def join(readings: Mapping[str, Reading]) -> dict[str, dict[str, float]]:
    """What the teachers say together: {"aus", "confidence", "agreement"}, each AU -> value.

    An AU's intensity is the mean by confidence, its confidence that of the surest teacher, lowered by disagreement;
    agreement = 1 - (highest - lowest) / 5 over the teachers that speak of it, for at least two. An AU that nobody
    knows, or on which they are further apart than AGREE allows, is left out of ``aus``.
    """
    levels = np.array([r.aus for r in readings.values()])
    trust = np.where(np.isnan(levels), 0.0, [r.confidence for r in readings.values()])
    found: dict[str, dict[str, float]] = {"aus": {}, "confidence": {}, "agreement": {}}
    for k, a in enumerate(MEASURED_AUS):
        speak = trust[:, k] > 0
        if not speak.any():
            continue
        values, sure = levels[speak, k], trust[speak, k]
        agreement = 1 - float(np.ptp(values)) / 5 if len(values) > 1 else None
        confidence = float(sure.max()) * (1.0 if agreement is None else agreement)
        if agreement is not None:
            found["agreement"][str(a)] = round(agreement, 3)
        if confidence >= LEAST and (agreement is None or agreement >= AGREE):
            found["aus"][str(a)] = round(float((values * sure).sum() / sure.sum()), 2)
            found["confidence"][str(a)] = round(confidence, 3)
    return found


def teach(sources: Sequence[Mapping[str, Any]], teachers: Sequence[str], out: Path, split: str | None = None,
          limit: int | None = None, progress: bool = True) -> dict[str, Any]:
    """Run the teachers over the pictures without AUs; returns {"faces", "left_out", "agreement"}. Raises UserError."""
    from tqdm import tqdm

    made: dict[str, Teacher] = {}
    for t in teachers:
        name, teacher = teacher_of(t)
        if name in made:
            raise UserError(f"--teacher {name} is given twice")
        made[name] = teacher
    settings = {"sources": [dict(s) | {"path": Path(s["path"]).name} for s in sources],
                "teachers": [t.partition("=")[0] for t in teachers], "split": split}
    done = resume.go_on(out / SETTINGS, out / LABELS, settings, "data teach")
    with (out / LABELS).open("a", encoding="utf-8") as file:
        for number, record in enumerate(tqdm(_pictures(sources, split), unit=" faces", disable=not progress)):
            if limit is not None and number >= limit:
                break
            key = f"{record.source}/{record.id}"
            if key in done:
                continue
            done[key] = _row(key, record, number, made)
            file.write(json.dumps(done[key]) + "\n")
            file.flush()
    rows = [r for r in done.values() if "teachers" in r]
    text, table = report(rows, list(made))
    (out / "agreement.md").write_text(text, encoding="utf-8")
    return {"faces": len(rows), "left_out": len(done) - len(rows), "agreement": table}


def _pictures(sources: Sequence[Mapping[str, Any]], split: str | None) -> Iterator[Record]:
    for entry in sources:
        options = {k: v for k, v in entry.items() if k not in ("name", "path")}
        for item in read(entry["name"], entry["path"], **options):
            if not isinstance(item, Reject) and item.kind == "picture" and split in (None, item.split):
                yield item


def _row(key: str, record: Record, number: int, teachers: Mapping[str, Teacher]) -> dict[str, Any]:
    try:
        said = {name: found for name, t in teachers.items() if (found := t(record, number)) is not None}
    except (OSError, UserError) as e:
        return {"id": key, "left_out": str(e)}
    if not said:
        return {"id": key, "left_out": "no face"}
    return {"id": key, **join(said), "teachers": {name: r.to_dict() for name, r in said.items()}}


def from_labels(file: str) -> Evidence:
    """An evidence step from labels.jsonl: records without AUs get the teachers', those that no teacher read are
    rejected. Raises UserError for a file that holds none."""
    path = Path(file)
    if not path.is_file():
        raise UserError(f"{file} not found; make it with: emoreason data teach")
    known = {r["id"]: r for r in resume.read(path) if "aus" in r}
    if not known:
        raise UserError(f"{file} holds no labels of teachers; make it with: emoreason data teach")

    def complete(record: Record) -> Record | Rejection:
        if record.aus is not None:
            return record
        row = known.get(f"{record.source}/{record.id}")
        if row is None:
            return Rejection("no face", "no teacher read it")
        extra = record.extra | {"aus_from": "+".join(row["teachers"]), "au_confidence": row["confidence"],
                                "au_agreement": row["agreement"]}
        return replace(record, aus={int(a): v for a, v in row["aus"].items()}, extra=extra)

    return complete


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``emoreason data teach``."""
    parser.add_argument("--source", action="append", required=True, metavar="NAME=PATH[,OPTION=VALUE...]",
                        help=f"a set of pictures; names: {', '.join(sorted(SOURCES))}")
    parser.add_argument("--teacher", action="append", required=True, metavar="NAME[=FILE]",
                        help="facenet[=MODEL], blendshapes=FILE.npz or pyfeat=FILE.csv; several are compared")
    parser.add_argument("-o", "--out", required=True, type=Path, help="folder; a run that was stopped goes on there")
    parser.add_argument("--split", choices=("train", "validation", "test"), help="only this split")
    parser.add_argument("--limit", type=int, help="so many pictures only")


def run(args: argparse.Namespace) -> int:
    """The command. Prints how many faces were read and how far the teachers agree."""
    found = teach([source_of(s) for s in args.source], args.teacher, args.out, args.split, args.limit)
    print(f"{found['faces']:,} faces labelled, {found['left_out']:,} left out: {args.out / LABELS}")
    for pair, values in found["agreement"].items():
        print(f"{pair}: kappa {values['kappa']:.2f}, r {values['r']:.2f}, mean |difference| {values['mae']:.2f} "
              f"over {values['aus']} AUs; each AU in {args.out / 'agreement.md'}")
    return 0
