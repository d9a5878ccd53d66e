"""``faithfulness``: does an explanation follow the face, or does it tell a story?

Pairs of pictures that differ in one thing, everything else fixed. The data are labels.jsonl rows as ``synth`` writes
them with ``--pairs``, with fields more: ``pair`` (the same text for both pictures), and for the second picture either
``switched`` (the AU that was switched on or off) or ``occluded`` (the AU whose region was covered) and ``covered`` (the
regions of which something is hidden).

- ``switch_seen``: the claim of the switched AU changes with it, in the right direction;
- ``switch_only``: the other claimed AUs stay (Jaccard index of the two sets without the switched one);
- ``switch_faithful``: seen, and the other claims entirely unchanged;
- ``occlusion_gone``: a claim made on the open face is withdrawn when its region is covered; ``occlusion_only``: claims
  of other regions stay;
- ``map_iou``: overlap of the AU maps, for models that give them, with expert masks; ``map_iou_shown``: with what
  switching the AU changed in the picture (``maps``);
- ``au_f1``: claimed AUs against the true ones (emoreason.scores.soft_au_f1); ``unsupported_true``: share of claims that
  the true intensities do not carry; ``agreement`` of observations and conclusion; ``ece``, ``aurc``: calibration, and
  risk over coverage when abstaining where confidence is low.

The floor is a model that says the same of every face: it sees no switch and keeps every claim.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emoreason import images, scores
from emoreason.errors import UserError
from emoreason.eval import maps
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
    hidden = second.extra.get("covered") or [ACTION_UNITS[number].region]
    near = {a for a, unit in ACTION_UNITS.items() if unit.region in hidden}
    return {"occlusion_gone": float(not now) if was else float("nan"),
            "occlusion_only": _jaccard(claims(before) - near, claims(after) - near)}


def _jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


def looked(kept: Sequence[tuple[Record, Answer]]) -> list[dict[int, tuple[float, float]]]:
    """For each item, AU -> overlap of its map, and of the other AUs' maps, with the expert mask, over the AUs truly
    present; empty without maps or landmarks, and where a region is covered."""
    out = []
    for record, answer in kept:
        points, present = record.extra.get("landmarks"), [a for a, v in (record.aus or {}).items() if is_present(v)]
        known = answer.maps is not None and points is not None and "occluded" not in record.extra
        out.append(maps.expert_ious(answer.maps, np.array(points, float), present) if known and answer.maps else {})
    return out


def shown(pair: Both) -> tuple[float, float] | None:
    """Overlap of the switched AU's map, and of the other AUs' maps, with what switching it changed in the picture.
    None without maps or pictures."""
    first, before, second, after = pair
    number = int(second.extra["switched"])
    on, answer = (second, after) if is_present((second.aus or {}).get(number, 0.0)) else (first, before)
    if answer.maps is None or number not in answer.maps.values:
        return None
    try:
        pictures = [images.read(p) for p in (r.picture() for r in (first, second)) if p is not None]
    except (OSError, UserError):
        return None
    if len(pictures) < 2 or pictures[0].shape != pictures[1].shape:
        return None
    mine = answer.maps.values[number]
    mask = maps.shown_mask(pictures[0], pictures[1], answer.maps.frame, mine.shape)
    others = [maps.map_iou(m, mask) for a, m in answer.maps.values.items() if a != number]
    return maps.map_iou(mine, mask), float(np.mean(others)) if others else 0.0


def _score(records: Sequence[Record], answers: Sequence[Answer | None], context: Context) -> Result:
    unscored = unanswered(records, answers)
    if not any("switched" in r.extra or "occluded" in r.extra for r in records):
        raise UserError("faithfulness needs pairs of pictures that differ in one thing; render some with `emoreason "
                        "data synth --pairs both`")
    kept = [(r, a) for r, a in zip(records, answers, strict=True) if a is not None]
    nan = float("nan")
    names = ("switch_seen switch_only switch_faithful occlusion_gone occlusion_only au_f1 unsupported_true map_iou "
             "map_iou_shown").split()
    values = {name: np.full(len(kept), nan) for name in names}
    place = {r.id: i for i, (r, _) in enumerate(kept)}
    by_au: dict[int, list[float]] = {}
    seen_maps, other_maps = looked(kept), np.full((2, len(kept)), nan)
    for pair in pairs_of(kept):
        second = pair[2]
        found = switch(pair) if "switched" in second.extra else occlusion(pair)
        for name, value in found.items():
            values[name][place[second.id]] = value
        if "switched" in second.extra:
            by_au.setdefault(int(second.extra["switched"]), []).append(found["switch_seen"])
            there = shown(pair)
            if there is not None:
                values["map_iou_shown"][place[second.id]], other_maps[1, place[second.id]] = there
    for i, (r, a) in enumerate(kept):
        truth = {n: v for n, v in (r.aus or {}).items() if v is not None}
        if r.aus is not None and "occluded" not in r.extra:
            values["au_f1"][i] = scores.soft_au_f1(a.explanation, truth)
            rate = scores.unsupported_rate(a.explanation, {n: truth.get(n, 0.0) for n in ACTION_UNITS})
            values["unsupported_true"][i] = nan if rate is None else rate
        if seen_maps[i]:
            values["map_iou"][i], other_maps[0, i] = np.mean(list(seen_maps[i].values()), axis=0)
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
    floor = {"switch_seen": 0.0, "switch_only": 1.0, "switch_faithful": 0.0, "occlusion_gone": 0.0,
             "occlusion_only": 1.0}
    notes = [f"{pairs} pairs with a switched AU, {covered} with a covered region.",
             "The floor says the same of every face."]
    looked_at = {name: v for name, v in zip(("map_iou", "map_iou_shown"), other_maps, strict=True)
                 if not np.isnan(v).all()}
    if looked_at:
        floor |= {name: float(np.nanmean(v)) for name, v in looked_at.items()}
        notes.append("map_iou: AU maps against expert masks (published networks reach .27 on average, .33 at best, "
                     "with masks of their own; a network whose maps learned from these places, as nano's did, is high "
                     "by training); map_iou_shown: against what switching the AU changed. Their floor: the "
                     "maps of the other AUs.")
    result = Result(rows, unscored, bootstrap(metric, len(kept), context.seed, 300), floor=floor,
                    tables=[_table(by_au, seen_maps)], notes=notes)
    if known.any():
        at = np.flatnonzero(known)
        result.plots.append(Plot("Error among the most confident", "lines",
                                 {"model": risk_coverage(sure[at], correct[at])}, "coverage", "error"))
    return result


def _table(by_au: dict[int, list[float]], seen: Sequence[dict[int, tuple[float, float]]]
           ) -> tuple[str, list[str], list[list[object]]]:
    """How often each switched AU was seen, and how its map lies."""
    places = {a: [found[a][0] for found in seen if a in found] for a in ACTION_UNITS}
    rows: list[list[object]] = [
        [f"AU{a}", ACTION_UNITS[a].name, len(by_au.get(a, [])), float(np.mean(by_au[a])) if a in by_au else None,
         float(np.mean(places[a])) if places[a] else None] for a in ACTION_UNITS if a in by_au or places[a]]
    return "Switched AUs", ["AU", "name", "pairs", "seen", "map IoU"], rows


def _question(records: Sequence[Record]) -> str:
    from emoreason.prompts import DEFAULT_QUESTION

    return DEFAULT_QUESTION


FAITHFULNESS = Task("faithfulness", "rendered pairs: does the explanation change where the face does, and only there?",
                    ("aus",), ("synth",), _question, lambda r: r.aus is not None, _score, maps=True)
