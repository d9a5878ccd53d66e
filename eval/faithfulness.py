"""``faithfulness``: does an explanation follow the face, or does it tell a story?

Pairs of pictures that differ in one thing, everything else fixed. The data are labels.jsonl rows as ``synth`` writes
them, with three fields more: ``pair`` (the same text for both pictures), and for the second picture either
``switched`` (the AU that was switched on or off) or ``occluded`` (the AU whose region was covered).

- ``switch_seen``: the claim of the switched AU changes with it, in the right direction;
- ``switch_only``: the other claimed AUs stay (Jaccard index of the two sets without the switched one);
- ``switch_faithful``: seen, and the other claims entirely unchanged;
- ``occlusion_gone``: a claim made on the open face is withdrawn when its region is covered; ``occlusion_only``: claims
  of other regions stay;
- ``au_f1``: claimed AUs against the true ones (emoreason.scores.soft_au_f1); ``unsupported_true``: share of claims that
  the true intensities do not carry; ``agreement`` of observations and conclusion; ``ece``, ``aurc``: calibration, and
  risk over coverage when abstaining where confidence is low.

The floor is a model that says the same of every face: it sees no switch and keeps every claim.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emoreason import scores
from emoreason.eval.answers import Answer
from emoreason.eval.stats import aurc, bootstrap, ece, risk_coverage
from emoreason.eval.task import Context, Plot, Result, Task, means, reasoning, unanswered
from emoreason.facs import ACTION_UNITS
from emoreason.schema import is_present
from emoreason.sources import Record

Both = tuple[Record, Answer, Record, Answer]


def pairs_of(kept: Sequence[tuple[Record, Answer]]) -> list[Both]:
    """(first, its answer, changed, its answer) of each pair of which both have an answer."""
    groups: dict[str, dict[bool, tuple[Record, Answer]]] = {}
    for record, answer in kept:
        changed = "switched" in record.extra or "occluded" in record.extra
        if record.extra.get("pair") is not None:
            groups.setdefault(str(record.extra["pair"]), {})[changed] = (record, answer)
    return [(*g[False], *g[True]) for g in groups.values() if len(g) == 2]


def claims(answer: Answer) -> frozenset[int]:
    """The AUs that an answer says are present."""
    return frozenset(a for a, v in (answer.aus or {}).items() if is_present(v))


def switch(pair: Both) -> dict[str, float]:
    """Scores of one pair with a switched AU."""
    first, before, second, after = pair
    number = int(second.extra["switched"])
    was, now = number in claims(before), number in claims(after)
    on = (second.aus or {}).get(number, 0.0), (first.aus or {}).get(number, 0.0)
    appeared = is_present(on[0]) and not is_present(on[1])
    seen = float(now and not was if appeared else was and not now)
    only = _jaccard(claims(before) - {number}, claims(after) - {number})
    return {"switch_seen": seen, "switch_only": only, "switch_faithful": float(seen == 1 and only == 1)}


def occlusion(pair: Both) -> dict[str, float]:
    """Scores of one pair with a covered region; NaN for ``occlusion_gone`` where there was no claim to withdraw."""
    _, before, second, after = pair
    number = int(second.extra["occluded"])
    was, now = number in claims(before), number in claims(after)
    region = ACTION_UNITS[number].region
    near = {a for a, unit in ACTION_UNITS.items() if unit.region == region}
    return {"occlusion_gone": float(not now) if was else float("nan"),
            "occlusion_only": _jaccard(claims(before) - near, claims(after) - near)}


def _jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


def map_iou(attention: np.ndarray, mask: np.ndarray) -> float:
    """Overlap of an AU map (h, w) with an expert mask (h, w) bool: the map's strongest points, as many as the mask
    has, against it; intersection over union in [0, 1]. Published networks reach .27 on average, .33 at best."""
    count = int(mask.sum())
    if not count:
        return 0.0
    top = np.zeros(mask.size, bool)
    top[np.argsort(-attention.ravel(), kind="stable")[:count]] = True
    return float((top & mask.ravel()).sum() / (top | mask.ravel()).sum())


def _score(records: Sequence[Record], answers: Sequence[Answer | None], context: Context) -> Result:
    unscored = unanswered(records, answers)
    kept = [(r, a) for r, a in zip(records, answers, strict=True) if a is not None]
    nan = float("nan")
    names = "switch_seen switch_only switch_faithful occlusion_gone occlusion_only au_f1 unsupported_true".split()
    values = {name: np.full(len(kept), nan) for name in names}
    place = {r.id: i for i, (r, _) in enumerate(kept)}
    by_au: dict[int, list[float]] = {}
    for pair in pairs_of(kept):
        second = pair[2]
        found = switch(pair) if "switched" in second.extra else occlusion(pair)
        for name, value in found.items():
            values[name][place[second.id]] = value
        if "switched" in second.extra:
            by_au.setdefault(int(second.extra["switched"]), []).append(found["switch_seen"])
    for i, (r, a) in enumerate(kept):
        truth = {n: v for n, v in (r.aus or {}).items() if v is not None}
        if r.aus is not None and "occluded" not in r.extra:
            values["au_f1"][i] = scores.soft_au_f1(a.explanation, truth)
            rate = scores.unsupported_rate(a.explanation, {n: truth.get(n, 0.0) for n in ACTION_UNITS})
            values["unsupported_true"][i] = nan if rate is None else rate
    values |= reasoning([a for _, a in kept])
    labelled = np.array([r.emotion is not None and "occluded" not in r.extra for r, _ in kept], bool)
    correct = np.array([float(a.emotion is not None and a.emotion == r.emotion) for r, a in kept])
    sure = np.array([nan if a.confidence is None else a.confidence for _, a in kept])
    known = labelled & ~np.isnan(sure)

    def metric(at: np.ndarray) -> dict[str, float | None]:
        use = at[known[at]]
        return means(values, at) | {"ece": ece(sure[use], correct[use]), "aurc": aurc(sure[use], correct[use]),
                                    "accuracy": float(correct[at[labelled[at]]].mean()) if labelled[at].any() else None}

    rows = [{"id": r.id, "claims": sorted(claims(a))} | {k: None if np.isnan(v[i]) else float(v[i])
                                                          for k, v in values.items()} for i, (r, a) in enumerate(kept)]
    pairs = int((~np.isnan(values["switch_seen"])).sum())
    covered = int((~np.isnan(values["occlusion_only"])).sum())
    result = Result(rows, unscored, bootstrap(metric, len(kept), context.seed, 300), floor={
        "switch_seen": 0.0, "switch_only": 1.0, "switch_faithful": 0.0, "occlusion_gone": 0.0, "occlusion_only": 1.0},
        tables=[("Switched AUs", ["AU", "name", "pairs", "seen"], [
            [f"AU{a}", ACTION_UNITS[a].name, len(v), float(np.mean(v))] for a, v in sorted(by_au.items())])],
        notes=[f"{pairs} pairs with a switched AU, {covered} with a covered region.",
               "The floor says the same of every face."])
    if known.any():
        at = np.flatnonzero(known)
        result.plots.append(Plot("Error among the most confident", "lines",
                                 {"model": risk_coverage(sure[at], correct[at])}, "coverage", "error"))
    return result


def _question(records: Sequence[Record]) -> str:
    from emoreason.prompts import DEFAULT_QUESTION

    return DEFAULT_QUESTION


FAITHFULNESS = Task("faithfulness", "rendered pairs: does the explanation change where the face does, and only there?",
                    "output", ("synth",), _question, lambda r: r.aus is not None, _score)
