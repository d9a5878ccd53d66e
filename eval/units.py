"""``au``: action units by the benchmarks' own rules.

Occurrence: an AU is there from the benchmark's threshold on (DISFA: intensity 2; BP4D's 0/1 codes, others: 1). F1 of
each AU over all frames of a fold, or of all items where there are no folds; the macro F1 is the mean over the AUs
scored. Subject-exclusive three folds as the field uses them: the subjects sorted by name, dealt in turn (Zhao et al.,
DRML, CVPR 2016, fix three groups without publishing a rule; give a file of theirs with ``folds=FILE``, lines
``subject fold``). Intensity: ICC(3,1) and MAE over all items, for AUs coded with intensities.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emoreason.errors import UserError
from emoreason.eval.answers import Answer
from emoreason.eval.stats import bootstrap, f1_of, icc31
from emoreason.eval.task import Context, Plot, Result, Task, unanswered
from emoreason.facs import ACTION_UNITS, PRESENT
from emoreason.sources import Record

# The AUs that results are published for, and the intensity from which one counts as present.
PROTOCOLS = {"disfa": ((1, 2, 4, 6, 9, 12, 25, 26), 2.0),
             "disfa12": ((1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26), 2.0),
             "bp4d": ((1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24), PRESENT)}
FOLDS = 3


def folds_of(subjects: Sequence[str | None], file: str | None = None) -> dict[str, int]:
    """subject -> fold 0..2: from the file, or dealt in turn over the sorted names."""
    names = sorted({s for s in subjects if s})
    if not file:
        return {s: i % FOLDS for i, s in enumerate(names)}
    try:
        pairs = [line.split() for line in Path(file).read_text(encoding="utf-8").splitlines() if line.strip()]
        found = {s: int(f) for s, f in pairs}
    except (OSError, ValueError) as e:
        raise UserError(f"{file}: {e}; give lines of a subject and its fold") from None
    missing = [s for s in names if s not in found]
    if missing:
        raise UserError(f"{file} names no fold for subject {missing[0]}; add a line '{missing[0]} 0'")
    return found


def _score(records: Sequence[Record], answers: Sequence[Answer | None], context: Context) -> Result:
    protocol = context.options.get("protocol") or (records[0].source if records else "")
    if context.options.get("protocol") and protocol not in PROTOCOLS:
        raise UserError(f"protocol={protocol} is not known; use one of {', '.join(PROTOCOLS)}, or leave it out")
    coded = sorted({a for r in records for a in r.aus or {}})
    aus, threshold = PROTOCOLS.get(protocol, (tuple(coded), PRESENT))
    unscored = unanswered(records, answers)
    kept = [(r, a) for r, a in zip(records, answers, strict=True) if a is not None]
    folds = folds_of([r.subject for r, _ in kept], context.options.get("folds"))
    fold = np.array([folds.get(r.subject or "", 0) for r, _ in kept], int)
    gold = np.array([[_level((r.aus or {}).get(a, np.nan), threshold) for a in aus] for r, _ in kept])
    guess = np.array([[_said(answer, a, threshold) for a in aus] for _, answer in kept])
    gold, guess = gold.reshape(-1, len(aus)), guess.reshape(-1, len(aus))
    known = ~np.isnan(gold)
    there, found = known & (np.nan_to_num(gold) >= threshold), known & (guess >= threshold)
    graded = [k for k, a in enumerate(aus) if any((r.aus or {}).get(a) not in (None, 0.0, 1.0) for r, _ in kept)]
    groups = sorted(set(fold.tolist())) if len(folds) >= FOLDS else [0]
    fold = fold if len(folds) >= FOLDS else np.zeros(len(kept), int)

    def per_au(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F1 (folds, AUs), NaN for an AU that no item of the fold has; and the same over all items (AUs,)."""
        sums = np.array([[x[at[fold[at] == g]].sum(0) for g in groups] for x in (there & found, found, there)])
        f1 = np.where(sums[2] + sums[1] > 0, f1_of(*sums), np.nan)
        return f1, f1_of(*sums.sum(1))

    def metric(at: np.ndarray) -> dict[str, float | None]:
        f1, pooled = per_au(at)
        hits, guesses, golds = ((x[at]).sum() for x in (there & found, found, there))
        pairs = {k: at[known[at, k]] for k in graded}
        iccs = [v for k, i in pairs.items() if (v := icc31(gold[i, k], guess[i, k])) is not None]
        gaps = [float(np.abs(gold[i, k] - guess[i, k]).mean()) for k, i in pairs.items() if len(i)]
        return {"au_f1_macro": _mean(_over_folds(f1)), "au_f1_micro": float(f1_of(hits, guesses, golds)),
                "au_f1_pooled": _mean(pooled[there.any(0)]), "icc": float(np.mean(iccs)) if iccs else None,
                "mae": float(np.mean(gaps)) if gaps else None}

    everything = np.arange(len(kept))
    f1 = _over_folds(per_au(everything)[0]) if kept else np.full(len(aus), np.nan)
    table = [[f"AU{a}", ACTION_UNITS[a].name, int(there[:, k].sum()), int(found[:, k].sum()), _none(f1[k]),
              _none(icc31(gold[known[:, k], k], guess[known[:, k], k])) if k in graded else None]
             for k, a in enumerate(aus)]
    always = f1_of(there.sum(0), known.sum(0), there.sum(0)) if kept else np.zeros(len(aus))
    rows = [{"id": r.id, "gold": sorted(np.array(aus)[t].tolist()), "predicted": sorted(np.array(aus)[f].tolist()),
             "note": answer.note} for (r, answer), t, f in zip(kept, there, found, strict=True)]
    split = f"{len(groups)} folds of whole subjects" if len(groups) > 1 else "all items at once (fewer than 3 subjects)"
    return Result(rows, unscored, bootstrap(metric, len(kept), context.seed, 300),
                  floor={"au_f1_macro": float(always.mean()) if len(always) else 0.0},
                  tables=[("Per AU", ["AU", "name", "present", "predicted", "F1", "ICC(3,1)"], table)],
                  plots=[Plot("F1 of each AU", "bars", {f"AU{a}": (_none(f1[k]),) * 3 for k, a in enumerate(aus)})],
                  notes=[f"Present from intensity {threshold:g} on; {split}; an AU's F1 is its mean over the folds "
                         "that have or predict it.", "The floor says every AU of every item is present.",
                         "Outside these AUs predictions are not counted."])


def _over_folds(f1: np.ndarray) -> np.ndarray:
    """Mean over folds (F, K) -> (K,), without those that have no such AU."""
    seen = ~np.isnan(f1)
    return np.divide(np.nansum(f1, 0), seen.sum(0), out=np.full(f1.shape[1], np.nan), where=seen.any(0))


def _mean(values: np.ndarray) -> float | None:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else None


def _none(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _level(value: float | None, threshold: float) -> float:
    """A coded intensity; present without one counts as the threshold."""
    return max(threshold, PRESENT) if value is None else value


def _said(answer: Answer, number: int, threshold: float) -> float:
    """The predicted intensity: 0 when not named; one named without intensity counts as the threshold."""
    return _level(answer.aus[number], threshold) if answer.aus and number in answer.aus else 0.0


AU = Task("au", "action units: F1 at the official thresholds, subject-exclusive folds, ICC(3,1), MAE", ("aus",),
          ("disfa", "bp4d", "csv", "synth", "fea20k", "faba"),
          lambda records: "Which facial action units are active in this face, and how strong is each (0-5)?",
          lambda r: bool(r.aus), _score, ("protocol", "folds"))
