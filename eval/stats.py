"""Statistics of the reports: classification, calibration, agreement, and bootstrap intervals. Pure numpy.

Arrays of classes hold 0..K-1; a prediction of -1 is an answer outside the classes (an abstention, a wrong word): it is
wrong, and belongs to no class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Array = np.ndarray
ROUNDS = 1000  # bootstrap resamples
LEVEL = 0.95


def bootstrap(metric: Callable[[Array], Mapping[str, float | None]], n: int, seed: int = 0,
              rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Percentile intervals of ``metric(indices)`` over n items: {name: {"value", "low", "high"}}.

    The resamples depend on n and seed alone, so that two models on the same items are resampled alike (paired). A
    metric that is None or NaN on all items is left out; one that is so in single resamples loses those.
    """
    values = {k: float(v) for k, v in metric(np.arange(n)).items() if v is not None and np.isfinite(v)} if n else {}
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(rounds if values else 0):
        for name, value in metric(rng.integers(0, n, n)).items():
            if name in drawn and value is not None and np.isfinite(value):
                drawn[name].append(float(value))
    tails = [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
    low_high = {name: np.percentile(d, tails) if d else (values[name],) * 2 for name, d in drawn.items()}
    return {name: {"value": v, "low": float(low_high[name][0]), "high": float(low_high[name][1])}
            for name, v in values.items()}


def confusion(gold: Array, predicted: Array, classes: int) -> Array:
    """(classes, classes + 1) counts, gold in rows; the last column is answers outside the classes."""
    column = np.where(predicted < 0, classes, predicted)
    return np.bincount(gold * (classes + 1) + column, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def classification(table: Array) -> dict[str, float | None]:
    """accuracy (= WAR: recall weighted by class frequency), uar (mean recall over the classes that occur), f1_macro
    (over the same classes); in [0, 1]."""
    hits, golds, guesses = np.diag(table[:, :-1]), table.sum(1), table[:, :-1].sum(0)
    seen = golds > 0
    if not seen.any():
        return {"accuracy": None, "uar": None, "f1_macro": None}
    recall = hits[seen] / golds[seen]
    f1 = 2 * hits[seen] / (golds[seen] + guesses[seen])
    return {"accuracy": float(hits.sum() / golds.sum()), "uar": float(recall.mean()), "f1_macro": float(f1.mean())}


def ece(confidence: Array, correct: Array, bins: int = 15) -> float | None:
    """Expected calibration error (Guo et al., ICML 2017): mean |accuracy - confidence| over equal bins of [0, 1],
    weighted by size."""
    if not len(confidence):
        return None
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.abs(np.bincount(place, confidence - correct, bins))
    return float(gaps.sum() / len(confidence))


def risk_coverage(confidence: Array, correct: Array) -> tuple[Array, Array]:
    """Coverage (n,) and the error among the most confident share, (n,); ties in the order given."""
    order = np.argsort(-confidence, kind="stable")
    count = np.arange(1, len(order) + 1)
    return count / max(1, len(order)), 1 - np.cumsum(correct[order]) / count


def aurc(confidence: Array, correct: Array) -> float | None:
    """Area under the risk-coverage curve (Geifman & El-Yaniv, 2017); lower is better."""
    return float(risk_coverage(confidence, correct)[1].mean()) if len(confidence) else None


def ccc(a: Array, b: Array) -> float | None:
    """Concordance correlation (Lin, 1989), population moments; None where both are constant and equal or n < 2."""
    if len(a) < 2:
        return None
    spread = a.var() + b.var() + (a.mean() - b.mean()) ** 2
    return float(2 * ((a - a.mean()) * (b - b.mean())).mean() / spread) if spread else None


def icc31(*raters: Array) -> float | None:
    """ICC(3,1) of k >= 2 raters of n items (Shrout & Fleiss, 1979): (BMS - EMS) / (BMS + (k - 1) EMS); None where
    undefined."""
    both = np.stack(raters, 1).astype(float)
    n, k = both.shape
    if n < 2:
        return None
    rows, columns, grand = both.mean(1), both.mean(0), both.mean()
    bms = k * ((rows - grand) ** 2).sum() / (n - 1)
    ems = ((both - rows[:, None] - columns[None] + grand) ** 2).sum() / ((n - 1) * (k - 1))
    return float((bms - ems) / (bms + (k - 1) * ems)) if bms + ems else None


def f1_of(hits: Array, guesses: Array, golds: Array) -> Array:
    """F1 from counts, elementwise; 0 where nothing was guessed and nothing was there."""
    total = guesses + golds
    return np.divide(2 * hits, total, out=np.zeros(np.shape(total)), where=total > 0)
