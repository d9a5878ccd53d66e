"""Naming the emotion: ``fer`` (pictures), ``dfer`` (clips); and ``va`` (valence and arousal).

An answer outside the task's classes, an abstention or an unreadable text is wrong, not unscored: only an item without
a prediction is unscored. ``answered`` is the share that named one of the classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emoreason.eval.answers import Answer
from emoreason.eval.stats import aurc, bootstrap, ccc, classification, confusion, ece, risk_coverage
from emoreason.eval.task import Context, Plot, Result, Task, means, reasoning, unanswered
from emoreason.facs import EMOTIONS, OTHER_EMOTIONS
from emoreason.sources import Record


def classes_of(records: Sequence[Record]) -> tuple[str, ...]:
    """The emotions that occur in the gold labels (or votes), in the order of facs; compounds after them."""
    seen = {r.emotion for r in records if r.emotion} | {e for r in records for e, v in (r.votes or {}).items() if v}
    known = [e for e in EMOTIONS + OTHER_EMOTIONS if e in seen]
    return (*known, *sorted(seen - set(known)))


def _question(what: str):
    def ask(records: Sequence[Record]) -> str:
        return (f"Which of these emotions does the face in this {what} show: {', '.join(classes_of(records))}? "
                "Explain by the facial action units that you see, then name the one that fits best.")
    return ask


def _score(records: Sequence[Record], answers: Sequence[Answer | None], context: Context) -> Result:
    classes = classes_of(records)
    compound = any(", " in c for c in classes)
    index = {c: i for i, c in enumerate(classes)}
    unscored = unanswered(records, answers)
    kept = [(r, a) for r, a in zip(records, answers, strict=True) if a is not None]
    named = [", ".join(a.emotions or ()) if compound else a.emotion for _, a in kept]
    gold = np.array([index[r.emotion or ""] for r, _ in kept], int)
    guess = np.array([index.get(name or "", -1) for name in named], int)
    correct = (gold == guess).astype(float)
    sure = np.array([np.nan if a.confidence is None else a.confidence for _, a in kept])
    has = ~np.isnan(sure)
    reasons = reasoning([a for _, a in kept])
    votes = np.array([_share(r, name) for (r, _), name in zip(kept, named, strict=True)])

    def metric(at: np.ndarray) -> dict[str, float | None]:
        known = at[has[at]]
        soft = votes[at][~np.isnan(votes[at])]
        return classification(confusion(gold[at], guess[at], len(classes))) | {
            "answered": float((guess[at] >= 0).mean()), "ece": ece(sure[known], correct[known]),
            "aurc": aurc(sure[known], correct[known]), "votes": float(soft.mean()) if len(soft) else None} | means(
            reasons, at)

    table = confusion(gold, guess, len(classes)) if kept else np.zeros((len(classes), len(classes) + 1), int)
    counts = np.bincount(gold, minlength=len(classes)) if kept else np.zeros(len(classes), int)
    most = int(counts.argmax()) if kept else 0
    rows = [{"id": r.id, "gold": r.emotion, "predicted": name, "correct": bool(c), "confidence": a.confidence,
             "note": a.note} for (r, a), name, c in zip(kept, named, correct, strict=True)]
    recall = [[c, int(n), _ratio(table[i, i], n), _ratio(table[i, i], table[:, i].sum())]
              for i, (c, n) in enumerate(zip(classes, counts, strict=True))]
    result = Result(
        rows, unscored, bootstrap(metric, len(kept), context.seed),
        floor={"accuracy": float(counts[most] / max(1, counts.sum())),
               "uar": 1 / max(1, int((counts > 0).sum()))} if kept else {},
        tables=[("Per class", ["class", "n", "recall", "precision"], recall)],
        plots=[Plot("Confusion (gold in rows)", "matrix", {"rows": list(classes), "columns": [*classes, "none of them"],
                                                           "values": table.tolist()})],
        notes=[f"The floor names {classes[most]} for every item." if kept else "No item was scored."])
    if has.any():
        known = np.flatnonzero(has)
        coverage, risk = risk_coverage(sure[known], correct[known])
        result.plots.append(Plot("Error among the most confident", "lines", {"model": (coverage, risk)}, "coverage",
                                 "error"))
        result.plots.append(_reliability(sure[known], correct[known]))
        result.notes.append(f"ECE and AURC are over the {len(known)} answers that state a confidence.")
    return result


def _share(record: Record, name: str | None) -> float:
    """The share of raters that chose the answer; NaN without votes."""
    total = sum((record.votes or {}).values())
    return (record.votes or {}).get(name or "", 0.0) / total if total else float("nan")


def _ratio(a: float, b: float) -> float | None:
    return float(a / b) if b else None


def _reliability(sure: np.ndarray, correct: np.ndarray, bins: int = 10) -> Plot:
    place = np.minimum((sure * bins).astype(int), bins - 1)
    used = [b for b in range(bins) if (place == b).any()]
    return Plot("Reliability", "lines", {
        "model": ([float(sure[place == b].mean()) for b in used], [float(correct[place == b].mean()) for b in used]),
        "calibrated": ([0, 1], [0, 1])}, "stated confidence", "share correct")


def _score_va(records: Sequence[Record], answers: Sequence[Answer | None], context: Context) -> Result:
    """CCC of valence and arousal (Lin, 1989) and their mean. An answer without a value counts as 0, the middle."""
    unscored = unanswered(records, answers)
    kept = [(r, a) for r, a in zip(records, answers, strict=True) if a is not None]
    gold = np.array([[_value(r.valence), _value(r.arousal)] for r, _ in kept]).reshape(-1, 2)
    said = np.array([[_value(a.valence), _value(a.arousal)] for _, a in kept]).reshape(-1, 2)
    guess = np.nan_to_num(said)

    def metric(at: np.ndarray) -> dict[str, float | None]:
        found: dict[str, float | None] = {"answered": float((~np.isnan(said[at])).all(1).mean())}
        for k, name in enumerate(("valence", "arousal")):
            use = at[~np.isnan(gold[at, k])]
            found[f"ccc_{name}"] = ccc(gold[use, k], guess[use, k])
            found[f"mae_{name}"] = float(np.abs(gold[use, k] - guess[use, k]).mean()) if len(use) else None
        both = [v for v in (found["ccc_valence"], found["ccc_arousal"]) if v is not None]
        return found | {"ccc": float(np.mean(both)) if both else None}

    rows = [{"id": r.id, "valence": r.valence, "arousal": r.arousal, "predicted_valence": a.valence,
             "predicted_arousal": a.arousal, "note": a.note} for r, a in kept]
    return Result(rows, unscored, bootstrap(metric, len(kept), context.seed), floor={"ccc": 0.0},
                  notes=["The floor is a constant answer. A missing value is scored as 0, the middle of the scale."])


def _value(value: float | None) -> float:
    return float("nan") if value is None else value


FER = Task("fer", "emotion of pictures: accuracy, UAR, per class, confusion, ECE", ("emotion",),
           ("fer2013", "ferplus", "raf_db", "affectnet", "folders", "csv", "unifer"), _question("picture"),
           lambda r: r.emotion is not None and r.kind == "picture", _score)
DFER = Task("dfer", "emotion of clips: WAR (= accuracy), UAR, official folds", ("emotion",),
            ("dfew", "ferv39k", "mafw", "crema_d", "folders", "csv"), _question("clip"),
            lambda r: r.emotion is not None and r.kind == "clip", _score)
VA = Task("va", "valence and arousal: CCC", ("valence", "arousal"), ("affectnet", "csv", "synth"),
          lambda records: "What valence and arousal does the face show, each from -1 to 1, and by which action units?",
          lambda r: r.valence is not None or r.arousal is not None, _score_va)
