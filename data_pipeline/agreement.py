"""How far teachers agree, AU by AU: presence (Cohen's kappa), course (Pearson's r), distance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from emoreason.facs import ACTION_UNITS, MEASURED_AUS, PRESENT

FEW = 20  # faces that both teachers must have read for an AU's figures


def kappa(a: np.ndarray, b: np.ndarray) -> float:
    """Cohen's kappa (1960) of two bool arrays (n,); NaN where chance explains all (one answer throughout)."""
    seen = float((a == b).mean())
    chance = float(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))
    return (seen - chance) / (1 - chance) if chance < 1 else float("nan")


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r of (n,) arrays; NaN where one is constant."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else float("nan")


def compare(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Two teachers' intensities (n,) of one AU, NaN where one is silent: n, kappa, r, mae, and how often each says
    that the AU is there."""
    both = ~(np.isnan(a) | np.isnan(b))
    x, y = a[both], b[both]
    if both.sum() < FEW:
        return {"n": int(both.sum())}
    return {"n": int(both.sum()), "kappa": kappa(x >= PRESENT, y >= PRESENT), "r": correlation(x, y),
            "mae": float(np.abs(x - y).mean()), "first": float((x >= PRESENT).mean()),
            "second": float((y >= PRESENT).mean())}


def report(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> tuple[str, dict[str, dict[str, float]]]:
    """Markdown with a table for each pair of teachers, and the means over the AUs: "a, b" -> kappa, r, mae, aus."""
    parts = ["# Agreement of the teachers", "", f"{len(rows):,} faces. Present from {PRESENT:g} of 5 on."]
    means: dict[str, dict[str, float]] = {}
    for a, b in combinations(names, 2):
        found = {}
        for number in MEASURED_AUS:
            levels = np.array([[_level(row, t, number) for t in (a, b)] for row in rows], float).reshape(-1, 2)
            found[number] = compare(levels[:, 0], levels[:, 1])
        full = [v for v in found.values() if "r" in v]
        parts += ["", f"## {a} and {b}", "", f"| AU | | faces | {a}: present | {b}: present | kappa | r | mean abs. "
                  "difference |", "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
        parts += [f"| AU{n} | {ACTION_UNITS[n].name} | {v['n']:,} | {v['first']:.1%} | {v['second']:.1%} | "
                  f"{_cell(v['kappa'])} | {_cell(v['r'])} | {v['mae']:.2f} |" for n, v in found.items() if "r" in v]
        silent = [f"AU{n}" for n, v in found.items() if "r" not in v]
        if silent:
            parts += ["", f"Read by fewer than two of them on {FEW} faces: {', '.join(silent)}."]
        if full:
            means[f"{a}, {b}"] = {k: float(np.nanmean([v[k] for v in full])) for k in ("kappa", "r", "mae")} | {
                "aus": len(full)}
    return "\n".join(parts) + "\n", means


def _level(row: dict[str, Any], teacher: str, number: int) -> float:
    value = (row["teachers"].get(teacher) or {}).get(str(number))
    return float("nan") if value is None else value[0]


def _cell(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
