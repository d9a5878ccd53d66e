"""What a made-up face shows: sets of AUs drawn from prototypes, blends, singles and speech, and their labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from emoreason.data_pipeline.actions import SHAPES, intensity, strength
from emoreason.facs import MEASURED_AUS, PRESENT, PROTOTYPES, prototype_support

# Pairs that cannot or hardly show together; the weaker one goes.
_CLASHES = ((5, 43), (10, 24), (10, 28), (12, 18), (12, 22), (14, 18), (14, 22), (16, 24), (16, 28), (17, 27),
            (18, 20), (18, 23), (18, 24), (18, 27), (18, 28), (20, 22), (20, 28), (22, 24), (22, 28), (23, 27),
            (23, 28), (24, 25), (24, 26), (24, 27), (24, 28), (25, 28), (26, 27), (26, 28), (27, 28), (10, 18), (9, 27),
            (12, 28), (15, 27))
_SINGLES = tuple(a for a in MEASURED_AUS) + (11, 16)
_VISEMES = ({25: 2.0}, {25: 2.0, 26: 1.5}, {25: 1.5, 26: 2.5}, {22: 2.0, 25: 1.5}, {18: 2.5}, {18: 2.0, 26: 1.0},
            {20: 1.5, 25: 2.0}, {24: 1.5}, {23: 1.5}, {28: 1.5}, {16: 1.5, 25: 1.5}, {17: 1.5, 24: 1.0})
_SPEECH = {a for viseme in _VISEMES for a in viseme}
# AU: (valence, arousal) at full strength. Ours: the circumplex names emotions, not AUs.
_AFFECT = {1: (-0.15, 0.15), 2: (0.0, 0.25), 4: (-0.40, 0.15), 5: (-0.05, 0.45), 6: (0.25, 0.10), 7: (-0.10, 0.20),
           9: (-0.60, 0.25), 10: (-0.40, 0.20), 11: (-0.15, -0.05), 12: (0.80, 0.20), 14: (-0.20, -0.05),
           15: (-0.50, -0.15), 16: (-0.15, 0.15), 17: (-0.25, 0.0), 20: (-0.40, 0.40), 22: (-0.20, 0.30),
           23: (-0.35, 0.30), 24: (-0.25, 0.10), 26: (0.0, 0.25), 27: (0.0, 0.60), 43: (0.0, -0.40)}


@dataclass
class Expression:
    """aus: AU -> intensity 0-5 (the stronger side); sides: AU -> (right, left) where they differ, the subject's own;
    drawn: the emotion whose prototype this was, or None; gaze: degrees to the image's right and up; parting: how far
    AU25 lifts the upper lip rather than lowering the lower one, 0-1."""

    aus: dict[int, float]
    sides: dict[int, tuple[float, float]] = field(default_factory=dict)
    drawn: str | None = None
    gaze: tuple[float, float] = (0.0, 0.0)
    parting: float = 0.3


def settle(aus: dict[int, float]) -> dict[int, float]:
    """Drop what cannot be seen beside something stronger, by the manual's rules. A mouth stretch that opens the jaw no
    further than a jaw drop can is one."""
    out = {a: float(np.clip(v, 0.0, 5.0)) for a, v in aus.items() if v > 0.05}
    opening = strength(out.get(27, 0.0)) * SHAPES[27]["jawOpen"] / SHAPES[26]["jawOpen"]
    if 0 < opening <= 1:
        del out[27]
        out[26] = max(intensity(opening), out.get(26, 0.0))
    for a, b in _CLASHES:
        if out.get(a, 0.0) >= 0.5 and out.get(b, 0.0) >= 0.5:
            del out[a if out[a] < out[b] else b]
    if out.get(12, 0.0) >= 3.0:
        out.pop(15, None)  # a strong smile hides the lip corner depressor
    if out.get(43, 0.0) >= 4.0:
        out.pop(5, None)
    return out


def draw(rng: np.random.Generator) -> Expression:
    """One expression: 14% neutral (a third of them speaking), 44% prototypes, 10% blends, 14% singles, 18% mixtures."""
    kind = rng.choice(5, p=[0.14, 0.44, 0.10, 0.14, 0.18])
    aus: dict[int, float] = {}
    drawn, speaks = None, rng.random() < (0.35 if kind == 0 else 0.12)
    if kind == 0:
        drawn = "neutral"
    elif kind in (1, 2):
        names = [str(n) for n in rng.choice(list(PROTOTYPES), 1 if kind == 1 else 2, replace=False)]
        drawn = names[0] if kind == 1 else None
        for name in names:
            aus.update(_prototype(rng, name))
        if rng.random() < 0.25:
            aus.setdefault(int(rng.choice(_SINGLES)), float(rng.uniform(0.5, 3)))
    elif kind == 3:
        aus[int(rng.choice(_SINGLES))] = float(rng.uniform(0.7, 5.0))
    else:
        for a in rng.choice(_SINGLES, rng.integers(2, 6), replace=False):
            aus[int(a)] = float(5 * rng.beta(1.3, 1.2))
    if speaks:
        for a, v in _VISEMES[rng.integers(len(_VISEMES))].items():
            aus.setdefault(a, v * float(rng.uniform(0.5, 1.5)))
    for a in rng.choice(_SINGLES, rng.integers(0, 4), replace=False):  # traces below what counts as present
        if a != 43:
            aus.setdefault(int(a), float(rng.uniform(0, 0.7)))
    if 43 not in aus and rng.random() < 0.06:
        aus[43] = float(rng.uniform(1, 5))  # caught in a blink
    aus = settle(aus)
    sides = _sides(rng, aus, drawn)
    gaze = (float(np.clip(rng.normal(0, 9), -28, 28)), float(np.clip(rng.normal(-1, 6), -20, 16)))
    parting = float(rng.uniform(0.3, 1.0) if aus.get(12, 0.0) >= PRESENT else rng.beta(1.2, 2.0))
    return Expression(aus, sides, drawn, gaze, parting)


def _prototype(rng: np.random.Generator, name: str) -> dict[int, float]:
    sets = PROTOTYPES[name]
    chosen = sets[min(int(rng.exponential(len(sets) / 3)), len(sets) - 1)]
    level = rng.uniform(1.3, 4.8)
    return {a: float(np.clip(level * rng.uniform(0.65, 1.25), 0.8, 5.0)) for a in sorted(chosen)
            if rng.random() < 0.93 or len(chosen) == 1}


def _sides(rng: np.random.Generator, aus: dict[int, float], drawn: str | None) -> dict[int, tuple[float, float]]:
    sides = {}
    for a, value in aus.items():
        lean = rng.random()
        if drawn == "contempt" and a in (12, 14):
            weak = value * float(rng.uniform(0, 0.15))
        elif a in (17, 18, 22, 23, 24, 25, 26, 27, 28) or lean > 0.25:
            continue
        else:
            weak = value * float(rng.uniform(0.0, 0.3) if lean < 0.04 else rng.uniform(0.5, 0.95))
        sides[a] = (value, weak) if rng.random() < 0.5 else (weak, value)
    if drawn == "contempt" and 12 in sides and 14 in sides:  # on the same side
        weaker, stronger = sorted(sides[14])
        sides[14] = (stronger, weaker) if sides[12][0] > sides[12][1] else (weaker, stronger)
    return sides


def side_names(expression: Expression) -> dict[int, str]:
    """AU -> "left" or "right" for the AUs present on one side alone."""
    return {a: "right" if r > left else "left" for a, (r, left) in expression.sides.items()
            if min(r, left) < PRESENT <= max(r, left)}


def emotion_of(aus: dict[int, float], one_sided: dict[int, str] | None = None, drawn: str | None = None) -> str | None:
    """The emotion that a set of AU intensities (0-5) shows; None where it shows none clearly.

    ``drawn`` (the prototype that the set came from) counts where it is among the best supported.
    """
    support = prototype_support(aus, one_sided)
    if any(v >= PRESENT and (drawn != "neutral" or a not in _SPEECH) for a, v in aus.items() if a not in (25, 26, 43)):
        support["neutral"] = 0.0
    best = max(support.values())
    if drawn in support and support[drawn] >= 0.25 and support[drawn] >= best - 0.2:
        return drawn
    ranked = sorted(support, key=support.__getitem__, reverse=True)
    clear = support[ranked[0]] >= 0.4 and support[ranked[0]] - support[ranked[1]] >= 0.12
    return ranked[0] if clear else None


def affect(aus: dict[int, float]) -> tuple[float, float]:
    """(valence, arousal) in [-1, 1] of a set of AU intensities (0-5)."""
    valence = arousal = 0.0
    for a, v in aus.items():
        one, other = _AFFECT.get(a, (0.0, 0.0))
        valence, arousal = valence + one * v / 4.0, arousal + other * v / 4.0
    return round(float(np.tanh(valence)), 3), round(float(np.tanh(arousal - 0.1)), 3)


def lips_apart(gap: float) -> float:
    """AU25 from the visible gap between the inner lips in cm, less the resting one, on a face of usual size."""
    return float(np.interp(gap, [0.05, 0.14, 0.35, 0.8, 1.7, 3.0], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))


def eyes_closed(closure: float) -> float:
    """AU43 from the share of the eye's opening that the upper lid has given up, 0-1."""
    return float(np.interp(closure, [0.06, 0.15, 0.32, 0.55, 0.80, 0.97], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
