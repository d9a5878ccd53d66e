"""The next round's files from judged answers: the best of each face, a preference pair, rare AUs first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from emoreason.errors import UserError
from emoreason.facs import PRESENT
from emoreason.schema import parse
from emoreason.sources import Record

TRAIN, PREFERENCES = "train.parquet", "preferences.parquet"
Row = dict[str, Any]
Held = tuple[Record, Row, Row]  # a record, its row of samples, its best text


def weights(sets: Sequence[frozenset[int]]) -> np.ndarray:
    """How rare each row's AUs are, (n,), mean 1: the mean over its AUs of 1 / their number; 1 without AUs."""
    count = Counter(a for s in sets for a in s)
    raw = np.array([np.mean([1 / count[a] for a in s]) if s else np.nan for s in sets])
    if np.isnan(raw).all():
        return np.ones(len(sets))
    return np.where(np.isnan(raw), 1.0, raw / np.nanmean(raw))


def chosen(rare: np.ndarray, keep: int | None, seed: int) -> np.ndarray:
    """Indices of the rows to keep, in order: ``keep`` of them drawn without replacement with probabilities in
    proportion to ``rare`` (Efraimidis & Spirakis, 2006)."""
    if keep is None or keep >= len(rare):
        return np.arange(len(rare))
    keys = np.random.default_rng(seed).random(len(rare)) ** (1 / np.maximum(rare, 1e-9))
    return np.sort(np.argsort(-keys, kind="stable")[:keep])


def finish(out: Path, judged: Sequence[tuple[Record, Row]], keep: int | None, seed: int) -> dict[str, Any]:
    """Write train.parquet and preferences.parquet; returns counts, reasons and AU shares for the manifest."""
    reasons = Counter(t["reason"] for _, row in judged for t in row.get("texts", ()) if t["reason"])
    texts = sum(len(row.get("texts", ())) for _, row in judged)
    held: list[Held] = [(record, row, max((t for t in row["texts"] if t["reason"] is None), key=lambda t: t["score"]))
            for record, row in judged if any(t["reason"] is None for t in row.get("texts", ()))]
    sets = [frozenset(parse(best["text"]).present) for _, _, best in held]
    rare = weights(sets)
    at = chosen(rare, keep, seed)
    rows = [_row(held[i], float(rare[i])) for i in at]
    pairs = [p for row, i in zip(rows, at, strict=True) if (p := _pair(row, *held[i][1:])) is not None]
    _write(out / TRAIN, rows, _schema())
    _write(out / PREFERENCES, pairs, _pair_schema())
    skipped = Counter(row["skipped"].split(":")[0] for _, row in judged if "skipped" in row)
    none_held = sum(bool(row.get("texts")) for _, row in judged) - len(held)
    return {"format": 1, "by_reason": dict(reasons), "not_asked": dict(skipped),
            "counts": {"faces": len(judged), "texts": texts, "held": texts - sum(reasons.values()), "rows": len(rows),
                       "pairs": len(pairs), "faces_without_an_answer_that_holds": none_held},
            "by_emotion": dict(Counter(str(r["label"]) for r in rows)),
            "aus_of_all_that_hold": _shares(sets), "aus_of_the_rows": _shares([sets[i] for i in at])}


def subject_of(record: Record) -> Any:
    """The largest readable face of a record's picture. Raises UserError where there is none."""
    from emoreason.reason import find_subjects

    try:
        picture = record.picture()
    except OSError as e:
        raise UserError(f"unreadable picture: {e.strerror}") from None
    if picture is None:
        raise UserError("no picture")
    subject = find_subjects(picture, name=record.id)[0]
    if subject.track is None:
        raise UserError("no face")
    if subject.quality is not None and not subject.quality.readable:
        raise UserError("face not readable")
    return subject


def _shares(sets: Sequence[frozenset[int]]) -> dict[str, float]:
    count = Counter(a for s in sets for a in s)
    return {f"AU{a}": round(count[a] / len(sets), 4) for a in sorted(count)}


def _row(held: Held, weight: float) -> Row:
    record, row, best = held
    subject = subject_of(record)
    ok, code = cv2.imencode(".png", subject.track.crops[0][..., ::-1])
    if not ok:
        raise UserError(f"{record.id}: its crop cannot be encoded")
    aus = None if record.aus is None else {str(a): PRESENT if v is None else v for a, v in record.aus.items()}
    return {"images": [code.tobytes()], "prompt": [{"role": "user", "content": row["question"]}],
            "completion": [{"role": "assistant", "content": best["text"]}], "label": record.emotion,
            "aus": None if aus is None else json.dumps(aus), "measured": json.dumps(row["measured"]),
            "seen": json.dumps(row.get("seen")), "kind": "read", "id": row["id"], "score": best["score"],
            "weight": weight}


def _pair(made: Row, row: Row, best: Row) -> Row | None:
    """The answer that holds before the lowest of those that do not; None where all hold."""
    worse = [t for t in row["texts"] if t["reason"] is not None and t["text"].strip()]
    if not worse:
        return None
    low = min(worse, key=lambda t: t["score"])
    return {"images": made["images"], "prompt": made["prompt"], "chosen": made["completion"],
            "rejected": [{"role": "assistant", "content": low["text"]}], "reason": low["reason"],
            "margin": round(best["score"] - low["score"], 4), "id": row["id"]}


def _schema() -> Any:
    import pyarrow as pa

    from emoreason.data_pipeline.talks import _schema as talks

    return pa.schema([*talks(), ("id", pa.string()), ("score", pa.float32()), ("weight", pa.float32())])


def _pair_schema() -> Any:
    import pyarrow as pa

    message = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    return pa.schema([("images", pa.list_(pa.binary())), ("prompt", message), ("chosen", message),
                      ("rejected", message), ("reason", pa.string()), ("margin", pa.float32()), ("id", pa.string())])


def _write(path: Path, rows: list[Row], schema: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = path.with_name(path.name + ".part")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), part)
    part.replace(path)
