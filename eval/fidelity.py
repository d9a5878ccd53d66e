"""``fidelity``, for makers of talking heads: does a generated clip show the expression that it should?

Each clip's main face is read frame by frame by facenet (the classifier named in the report). Against ``--target``: the
emotion read off the clip (mean of the frames' probabilities). Against ``--reference`` (clips of the same names): the
error of each AU's course, how late its movements set in and peak, and the jitter. While the reference speaks, AUs that
speech itself moves are left out, so that a wrong smile is not excused by a word, nor a word blamed as a smile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emoreason import courses
from emoreason.errors import UserError
from emoreason.eval import report
from emoreason.eval import rows as rowfile
from emoreason.eval.models import weights
from emoreason.eval.readings import Reader, reader, row_of, unpack
from emoreason.eval.stats import bootstrap
from emoreason.eval.task import Plot, Result, means
from emoreason.facs import ACTION_UNITS, EMOTIONS, MEASURED_AUS, PRESENT, emotion
from emoreason.records import Evidence
from emoreason.video import SUFFIXES

NEAR = 1.0  # seconds within which a generated movement answers the reference's
MOUTH = np.isin(MEASURED_AUS, courses.SPOKEN)
OFF, LATE, SHAKY = 0.5, 0.25, 1.5  # what the verdict names: mean error of an AU (0-5), lag in seconds, jitter ratio


@dataclass(frozen=True)
class Pair:
    """One clip against its reference. mae, bias (K,): mean |error| and mean error of each AU over the frames compared,
    NaN where none; onset, apex: seconds that each matched movement comes late, (n,) each; missed, added: AUs of
    movements without an answer; jitter, reference_jitter: see ``jitter``; hits, shown, wanted (K,): frames with the AU
    present in both, the generated clip, the reference."""

    mae: np.ndarray
    bias: np.ndarray
    onset: np.ndarray
    apex: np.ndarray
    missed: tuple[int, ...]
    added: tuple[int, ...]
    jitter: float
    reference_jitter: float
    hits: np.ndarray
    shown: np.ndarray
    wanted: np.ndarray


def jitter(evidence: Evidence) -> float:
    """How much the AU courses shake: mean distance (0-5) of the valid frames from their smoothed course."""
    keep = evidence.valid
    if keep.sum() < 3:
        return float("nan")
    times, x = evidence.times[keep], evidence.aus[keep]
    return float(np.abs(x - courses.smooth(times, x)).mean())


def compare(generated: Evidence, reference: Evidence) -> Pair:
    """A generated clip's courses beside the reference's, in seconds from each clip's start."""
    g, r = generated.valid, reference.valid
    times = reference.times[r]
    if g.sum() < 2 or len(times) < 2:
        raise UserError("a face is seen in fewer than two frames")
    inside = (times >= generated.times[g][0]) & (times <= generated.times[g][-1])
    times, want = times[inside], reference.aus[r][inside]
    have = np.stack([np.interp(times, generated.times[g], c) for c in generated.aus[g].T], 1)
    talking = courses.speaking(times, want, MEASURED_AUS)
    use = ~(talking[:, None] & MOUTH[None])
    count = use.sum(0)
    error = np.where(use, have - want, 0.0)
    mae, bias = (np.divide(e.sum(0), count, out=np.full(len(count), np.nan), where=count > 0)
                 for e in (np.abs(error), error))
    onset, apex, missed, added = _lags([e for e in courses.of(generated) if not e.speech],
                                       [e for e in courses.of(reference) if not e.speech])
    there, seen = use & (want >= PRESENT), use & (have >= PRESENT)
    return Pair(mae, bias, onset, apex, missed, added, jitter(generated), jitter(reference), (there & seen).sum(0),
                seen.sum(0), there.sum(0))


Lags = tuple[np.ndarray, np.ndarray, tuple[int, ...], tuple[int, ...]]


def _lags(have: Sequence[courses.Event], want: Sequence[courses.Event]) -> Lags:
    """Each reference movement with the nearest generated one of its AU (by apex, each used once)."""
    free, onset, apex, missed = list(have), [], [], []
    for event in want:
        near = [e for e in free if e.au == event.au and abs(e.apex - event.apex) <= NEAR]
        if not near:
            missed.append(event.au)
            continue
        best = min(near, key=lambda e: abs(e.apex - event.apex))
        free.remove(best)
        apex.append(best.apex - event.apex)
        if event.cut in ("", "end") and best.cut in ("", "end"):
            onset.append(best.onset - event.onset)
    return np.array(onset), np.array(apex), tuple(missed), tuple(e.au for e in free)


def score(clips: Sequence[tuple[str, Evidence | None, Evidence | None, str | None]], seed: int = 0) -> Result:
    """clips: (name, generated, reference or None, target emotion or None); evidence None: no readable face."""
    unscored = {name: "no face in the generated clip" for name, g, _, _ in clips if g is None or not g.valid.any()}
    kept = [c for c in clips if c[0] not in unscored]
    looks = [_look(g) for _, g, _, _ in kept if g is not None]
    right = np.array([np.nan if c[3] is None else float(look == c[3]) for c, look in zip(kept, looks, strict=True)])
    pairs: list[Pair | None] = []
    for name, g, r, _ in kept:
        try:
            pairs.append(compare(g, r) if g is not None and r is not None else None)
        except UserError as e:
            pairs.append(None)
            unscored[name] = str(e)
    per_au = np.array([np.full(len(MEASURED_AUS), np.nan) if p is None else p.mae for p in pairs])
    values = {"emotion_accuracy": right, "au_mae": np.array([_nanmean(m) for m in per_au], float),
              "onset_lag": np.array([_median(None if p is None else p.onset) for p in pairs]),
              "apex_lag": np.array([_median(None if p is None else p.apex) for p in pairs]),
              "jitter": np.array([jitter(g) for _, g, _, _ in kept if g is not None]),
              "jitter_ratio": np.array([np.nan if p is None or not p.reference_jitter else p.jitter / p.reference_jitter
                                        for p in pairs])}

    def metric(at: np.ndarray) -> dict[str, float | None]:
        chosen = [p for p in (pairs[i] for i in at) if p is not None]
        found = means(values, at)
        if chosen:
            hits, shown, wanted = (np.sum([getattr(p, k) for p in chosen], 0) for k in ("hits", "shown", "wanted"))
            seen = wanted > 0
            f1 = 2 * hits[seen] / (shown[seen] + wanted[seen])
            found["au_f1_macro"] = float(f1.mean()) if seen.any() else None
        return found

    rows = [{"id": name, "looks": look, "target": t} | _row(p) for (name, _, _, t), look, p in
            zip(kept, looks, pairs, strict=True)]
    known = [p for p in pairs if p is not None]
    table = [[f"AU{a}", ACTION_UNITS[a].name, _nanmean(per_au[:, k]), _nanmean(np.array([p.bias[k] for p in known])),
              sum(p.missed.count(a) for p in known), sum(p.added.count(a) for p in known)]
             for k, a in enumerate(MEASURED_AUS)] if known else []
    result = Result(rows, unscored, bootstrap(metric, len(kept), seed), notes=[verdict(kept, looks, known)])
    if table:
        header = ["AU", "name", "mean |error|", "mean error", "movements missed", "added"]
        result.tables.append(("Per AU", header, table))
        shares = {a: _nanmean(per_au[:, k] / 5) for k, a in enumerate(MEASURED_AUS)}
        result.plots.append(Plot("Mean |error| of each AU, as a share of 5", "bars", {
            f"AU{a}": (share,) * 3 for a, share in shares.items()}))
    return result


def verdict(kept: Sequence[tuple], looks: Sequence[str], pairs: Sequence[Pair]) -> str:
    """One sentence that says what fails."""
    faults = []
    wrong = [look for (_, _, _, t), look in zip(kept, looks, strict=True) if t is not None and look != t]
    if wrong:
        most = max(set(wrong), key=wrong.count)
        target = next(t for _, _, _, t in kept if t is not None)
        faults.append(f"{len(wrong)} of {len(kept)} clips do not look like the target ({target}), most often {most}")
    if pairs:
        bias = np.array([_nanmean(np.array([p.bias[k] for p in pairs])) or 0.0 for k in range(len(MEASURED_AUS))])
        for k in np.argsort(-np.abs(bias))[:3]:
            if abs(bias[k]) >= OFF:
                a = MEASURED_AUS[k]
                faults.append(f"AU{a} ({ACTION_UNITS[a].name}) is too {'strong' if bias[k] > 0 else 'weak'} by "
                              f"{abs(bias[k]):.1f}")
        lag = _median(np.concatenate([p.apex for p in pairs]))
        if np.isfinite(lag) and abs(lag) >= LATE:
            faults.append(f"movements peak {abs(lag):.2f} s {'late' if lag > 0 else 'early'}")
        ratios = [p.jitter / p.reference_jitter for p in pairs if p.reference_jitter]
        if ratios and np.median(ratios) > SHAKY:
            faults.append(f"the face shakes {np.median(ratios):.1f} times as much as the reference")
    return ("Fails: " + "; ".join(faults) + ".") if faults else "Nothing fails by these measures."


def _look(evidence: Evidence) -> str:
    return EMOTIONS[int(evidence.emotions[evidence.valid].mean(0).argmax())]


def _row(pair: Pair | None) -> dict[str, Any]:
    if pair is None:
        return {"au_mae": None}
    worst = int(np.nan_to_num(pair.mae).argmax())
    return {"au_mae": _nanmean(pair.mae), "worst_au": MEASURED_AUS[worst], "worst_error": float(pair.bias[worst]),
            "apex_lag": _none(_median(pair.apex)), "missed": list(pair.missed), "added": list(pair.added),
            "jitter": pair.jitter, "reference_jitter": pair.reference_jitter}


def _nanmean(x: np.ndarray) -> float | None:
    x = np.array(x, float)
    return None if not len(x) or np.isnan(x).all() else float(np.nanmean(x))


def _median(x: np.ndarray | None) -> float:
    return float("nan") if x is None or not len(x) else float(np.median(x))


def _none(x: float) -> float | None:
    return None if np.isnan(x) else x


def clips_of(folder: Path, what: str) -> dict[str, Path]:
    """Name without suffix -> clip. Raises UserError for a folder without clips."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; give the folder of the {what} clips")
    found = {p.relative_to(folder).with_suffix("").as_posix(): p for p in sorted(folder.rglob("*"))
             if p.suffix.lower() in SUFFIXES}
    if not found:
        raise UserError(f"{folder} holds no clips ({', '.join(sorted(SUFFIXES))})")
    return found


def evaluate(generated: Path, out: Path, reference: Path | None = None, target: str | None = None,
             model: str = "nano", limit: int | None = None, seed: int = 0, read: Reader | None = None,
             versions: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read, compare, report; returns what results.json holds. What was read of a clip is kept below ``out``, so that a
    run that was killed goes on where it stopped. read: reads the clips instead of ``model``."""
    from tqdm import tqdm

    if reference is None and target is None:
        raise UserError("fidelity needs --reference DIR, --target EMOTION, or both")
    try:
        wanted = emotion(target) if target is not None else None
    except ValueError as e:
        raise UserError(f"--target: {e}") from None
    ours = clips_of(generated, "generated")
    theirs = clips_of(reference, "reference") if reference is not None else {}
    if theirs and not set(ours) & set(theirs):
        raise UserError(f"no clip of {generated} has the name of one in {reference}: {next(iter(ours))!r} against "
                        f"{next(iter(theirs))!r}")
    names = [n for n in ours if not theirs or n in theirs]
    alone, names = len(ours) - len(names), names[:limit]
    report.folder(out)
    path = out / "predictions.jsonl"
    rows = rowfile.kept(path)
    report.claim(out, {"task": "fidelity", "classifier": model, "weights": weights(model) if read is None else None,
                       "generated": str(generated), "reference": str(reference) if reference else None}, bool(rows))
    report.put(path, "".join(json.dumps(row) + "\n" for row in rows.values()))
    todo = [(f"{side}/{n}", found[n]) for side, found in (("generated", ours), ("reference", theirs)) for n in names
            if found and f"{side}/{n}" not in rows]
    if todo:
        read = read or reader(model)
        with path.open("a", encoding="utf-8") as file:
            for name, clip in tqdm(todo, desc="fidelity", disable=None):
                rows[name] = row_of(read, name, clip)
                file.write(json.dumps(rows[name]) + "\n")
                file.flush()

    def seen(side: str, name: str) -> Evidence | None:
        return unpack(rows.get(f"{side}/{name}", {}).get("evidence"))

    clips = [(n, seen("generated", n), seen("reference", n), wanted) for n in names]
    failed = {n: rows[i]["error"] for n in names for i in (f"reference/{n}", f"generated/{n}")
              if "error" in rows.get(i, {})}
    failed |= {n: "no face in the reference clip" for n, _, r, _ in clips if theirs and r is None and n not in failed}
    result = score(clips, seed)
    result.unscored |= failed
    result.notes.append(f"Classifier: facenet of {model}; emotion: the mean of the frames' probabilities. Mouth AUs "
                        f"are left out while the reference speaks. A movement answers another within {NEAR:g} s.")
    if alone:
        result.notes.append(f"{alone} generated clips have no reference of their name.")
    results = report.summary("fidelity", generated.name, len(names), result, {
        "seed": seed, "versions": dict(versions or {}), "classifier": model, "generated": str(generated),
        "reference": str(reference) if reference else None, "target": wanted})
    report.write(out, results, result)
    return results
