"""Plausible random faces and clips: action units drawn as they go together, posteriors that mostly agree."""

from __future__ import annotations

import math
import random

import numpy as np

from emoreason.clips import Clip
from emoreason.data_pipeline.courses import ClipFacts
from emoreason.data_pipeline.facts import Facts
from emoreason.facs import EMOTIONS, MEASURED_AUS, PRESENT, PROTOTYPES, prototype_support
from emoreason.records import Evidence

# Movements that come along with others: (if this is there, then that one may follow, how often, at which share).
_TAGALONG = (
    (1, 2, 0.45, 0.8), (2, 1, 0.6, 0.8), (12, 6, 0.5, 0.7), (12, 25, 0.35, 0.7), (6, 7, 0.25, 0.5), (9, 4, 0.45, 0.6),
    (9, 7, 0.35, 0.6), (9, 10, 0.3, 0.6),
    (10, 25, 0.4, 0.6), (26, 25, 0.97, 0.8), (27, 25, 1.0, 1.0), (20, 25, 0.5, 0.7),
    (15, 17, 0.4, 0.7), (24, 17, 0.35, 0.7), (4, 7, 0.4, 0.7), (22, 25, 0.6, 0.6),
    (5, 2, 0.3, 0.6), (25, 26, 0.35, 0.7), (18, 17, 0.15, 0.5), (23, 24, 0.2, 0.6), (6, 12, 0.4, 0.8),
)
_CLASH = ((25, 24), (43, 5), (28, 25), (27, 24), (12, 18), (28, 22))  # the first stays, the second goes
_SIDED_RATE = {14: 0.35, 12: 0.07, 2: 0.08, 10: 0.08, 1: 0.03, 4: 0.03, 6: 0.03, 7: 0.03, 9: 0.03, 15: 0.06, 20: 0.04,
               5: 0.02, 43: 0.02}
_TONE = {"anger": (-0.6, 0.55), "contempt": (-0.35, 0.1), "disgust": (-0.6, 0.3), "fear": (-0.55, 0.65),
         "happiness": (0.75, 0.35), "neutral": (0.0, -0.15),
         "sadness": (-0.6, -0.25), "surprise": (0.1, 0.65)}
REASONS = ("the face is small in the picture", "the picture is dark", "the picture is blurred",
           "the face is turned away")
# A plain prior: which faces people hand in.
_PRIOR = {"anger": 0.12, "contempt": 0.06, "disgust": 0.09, "fear": 0.11, "happiness": 0.2, "neutral": 0.12,
          "sadness": 0.15, "surprise": 0.15}


def random_facts(rng: random.Random) -> Facts:
    """One face: a prototype (whole or in part), a blend, single movements or a still face, with noise around it."""
    aus = {a: abs(rng.gauss(0.0, 0.22)) for a in MEASURED_AUS}
    emotion = rng.choices(list(_PRIOR), list(_PRIOR.values()))[0]
    draw = rng.random()
    scale = min(5.0, max(0.9, rng.gauss(2.6, 0.95)))
    if emotion == "neutral" or draw < 0.08:
        if rng.random() < 0.5:
            _lay(aus, rng, [rng.choice(MEASURED_AUS)], rng.uniform(0.6, 2.0))
        if rng.random() < 0.15:
            _lay(aus, rng, [25], rng.uniform(0.8, 2.2))
    elif draw < 0.62:
        core = rng.choice(PROTOTYPES[emotion])
        _lay(aus, rng, core, scale)
    elif draw < 0.72:  # only a part of a prototype
        core = sorted(PROTOTYPES[emotion][0])
        _lay(aus, rng, rng.sample(core, rng.randint(1, max(1, len(core) - 1))), scale)
    elif draw < 0.86:  # a blend
        second = rng.choice([e for e in PROTOTYPES if e != emotion])
        _lay(aus, rng, rng.choice(PROTOTYPES[emotion]), scale)
        _lay(aus, rng, rng.choice(PROTOTYPES[second]), scale * rng.uniform(0.4, 1.0))
    else:  # single movements
        _lay(aus, rng, rng.sample(MEASURED_AUS, rng.randint(1, 4)), scale)
    if rng.random() < 0.35:
        _lay(aus, rng, [rng.choice(MEASURED_AUS)], rng.uniform(0.5, 2.2))
    for first, then, rate, share in _TAGALONG:
        if aus[first] >= 1.0 and rng.random() < rate:
            aus[then] = max(aus[then], aus[first] * share * rng.uniform(0.6, 1.3))
    for stays, goes in _CLASH:
        if aus[stays] >= 1.0 and aus[goes] >= 0.5:
            aus[goes] = rng.uniform(0.0, 0.4)
    if aus[27] >= 1.0:
        aus[25] = max(aus[25], 1.5, aus[27] * 0.9)
    aus = {a: round(min(5.0, v), 2) for a, v in aus.items()}
    sides = {a: rng.choice(("left", "right")) for a, rate in _SIDED_RATE.items()
             if aus[a] >= 1.0 and rng.random() < (0.9 if emotion == "contempt" and a == 14 else rate)}
    emotions = _posterior(rng, aus, sides, emotion)
    return _placed(rng, aus, sides, emotions)


def _lay(aus: dict[int, float], rng: random.Random, units, scale: float) -> None:
    """Set these AUs about ``scale``; those that nobody measures are left out."""
    for a in units:
        if a in aus:
            aus[a] = max(aus[a], min(5.0, max(0.0, rng.gauss(scale, 0.7))))


def _posterior(rng: random.Random, aus: dict[int, float], sides: dict[int, str], meant: str) -> dict[str, float]:
    """Probabilities as a classifier of the whole face might give them: mostly led by the movements, at times not."""
    support = prototype_support(aus, sides)
    draw = rng.random()
    sharp = rng.choice((2.0, 3.0, 4.0, 5.0, 7.0, 9.0))
    scores = {e: sharp * support[e] + rng.gauss(0.0, 0.6) for e in EMOTIONS}
    scores["contempt"] -= 0.3
    if draw < 0.75:
        scores[meant] += sharp * 0.3
    elif draw < 0.87:  # the whole face says something else than its movements
        scores[rng.choice(EMOTIONS)] += sharp * rng.uniform(0.5, 1.0)
    if draw > 0.95:  # no reading stands out
        scores = {e: 0.25 * s for e, s in scores.items()}
    high = max(scores.values())
    weights = {e: math.exp(s - high) for e, s in scores.items()}
    total = sum(weights.values())
    return {e: w / total for e, w in weights.items()}


def _placed(rng: random.Random, aus: dict[int, float], sides: dict[int, str], emotions: dict[str, float]) -> Facts:
    """With tone, pose and the quality of the view."""
    level = min(1.0, 0.35 + 0.2 * max(aus.values()))
    tone = [max(-1.0, min(1.0, level * sum(p * _TONE[e][i] for e,
                                           p in emotions.items()) + rng.gauss(0, 0.1))) for i in (0, 1)]
    wide = 3.0 if rng.random() < 0.12 else 1.0
    pose = (round(rng.gauss(0, 8 * wide), 1), round(rng.gauss(0, 6 * wide), 1), round(rng.gauss(0, 5 * wide), 1))
    draw = rng.random()
    quality = () if draw < 0.86 else (rng.choice(REASONS),) if draw < 0.97 else tuple(rng.sample(REASONS, 2))
    readable = not (quality and rng.random() < 0.25)
    return Facts(aus, sides, emotions, round(tone[0], 3), round(tone[1], 3), pose, quality, readable)


def random_clip(rng: random.Random, fps: float = 10.0) -> ClipFacts:
    """A made clip: one or two random faces, in a long one up to five, in some always the same one, rise from rest, hold
    and fall, with blinks and a drifting head."""
    long = rng.random() < 0.25
    seconds = rng.uniform(8.0, 25.0) if long else rng.uniform(1.0, 8.0)
    times = np.arange(max(4, round(seconds * fps))) / fps
    n, k = len(times), len(MEASURED_AUS)
    aus = np.abs([rng.gauss(0, 0.15) for _ in range(k)]) + np.zeros((n, k))
    sides, tone = np.zeros((n, k)), np.tile([0.0, -0.1], (n, 1))
    looks = np.tile([0.79 if e == "neutral" else 0.03 for e in EMOTIONS], (n, 1))
    lag = np.array([rng.uniform(0.0, 0.25) for _ in range(k)])
    at, same = rng.uniform(-0.8, 0.3 * seconds), random_facts(rng) if rng.random() < 0.4 else None
    for _ in range(rng.choice((2, 3, 4, 5) if long else (0, 1, 1, 1, 2, 2))):
        if at > seconds - 0.4:
            break
        length = rng.uniform(0.2, 0.6) if rng.random() < 0.15 else rng.uniform(0.8, 3.0)
        _show(same or random_facts(rng), at, at + length, lag, times, (aus, sides, looks, tone))
        at += length + rng.uniform(0.0, 4.0 if long else 1.2)
    for _ in range(rng.randint(0, 3)):
        blink = rng.uniform(0, seconds)
        aus[(times >= blink) & (times < blink + 0.3), MEASURED_AUS.index(43)] = 4.6
    drift = np.array([[rng.gauss(0, 6), rng.gauss(0, 6)] for _ in range(3)])
    poses = drift[:, 0] + np.outer(times / seconds, drift[:, 1] - drift[:, 0])
    return ClipFacts(Clip(Evidence(times, aus.clip(0, 5), sides, np.ones((n, k, 1, 1)), looks, tone[:, 0], tone[:, 1],
                                   poses, np.ones(n, bool)), seconds))


def _show(face: Facts, begin: float, end: float, lag: np.ndarray, times: np.ndarray,
          into: tuple[np.ndarray, ...]) -> None:
    """Lay one face's rise, hold and fall over aus, sides, looks and tone: about 0.4 s up and 0.5 s down."""
    aus, sides, looks, tone = into
    for j, a in enumerate(MEASURED_AUS):
        level = face.aus[a] * _ramp(times, begin + lag[j], end)
        more = level > aus[:, j]
        aus[more, j] = level[more]
        lean = {"left": -2.0, "right": 2.0}.get(face.sides.get(a, ""), 0.0)
        sides[more & (level >= PRESENT), j] = lean
    share = _ramp(times, begin, end)[:, None]
    looks[:] = (1 - share) * looks + share * [face.p(e) for e in EMOTIONS]
    tone[:] = np.clip(tone + share * [face.valence, face.arousal], -1, 1)


def _ramp(times: np.ndarray, begin: float, end: float) -> np.ndarray:
    """(T,) 0 at rest, 1 at the apex."""
    rise, fall = (0.4, 0.5) if end - begin > 0.7 else ((end - begin) / 2, (end - begin) / 2)
    return np.clip(np.minimum((times - begin) / rise, (end - times) / fall), 0.0, 1.0)
