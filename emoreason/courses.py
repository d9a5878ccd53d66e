"""AU intensities over time -> events: when an action unit sets in, peaks and ends, and how sure that is.

An event begins and ends at ``LOW`` and must reach ``HIGH`` between (hysteresis, so that noise around one threshold
does not break a movement into many); two peaks with a deep valley between them are two events. Movements shorter than
``SHORT`` seconds are kept, and marked: at that length a measuring error looks like a movement. While someone speaks,
the mouth moves for speech: events of the mouth AUs are then marked, and joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from emoreason.facs import MEASURED_AUS, PRESENT
from emoreason.records import Evidence

HIGH, LOW = PRESENT, 0.5  # intensities (0-5) that an event must reach, and at which it begins and ends
SHORT = 0.5  # seconds; micro-expressions are usually said to last up to this
WINDOW = 0.1  # seconds on either side that smoothing looks at
BRIDGE = 0.3  # seconds without a face that a movement may span
SPIKE = 1.0  # a single sample that stands out this far from both neighbours is an error
SPOKEN = (10, 14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28)  # AUs that speech itself moves
CLOSED, BLINK = 43, 45  # eyes closed for less than SHORT: a blink


@dataclass(frozen=True)
class Event:
    """One movement. onset, apex, offset: seconds from the clip's start; peak: intensity 0-5 at the apex; side: the
    subject's own left or right, or both. short: under half a second; speech: of the mouth, while the person speaks;
    cut: "" or which ends lie outside what was seen ("start": it was there already, "end", "both")."""

    au: int
    onset: float
    apex: float
    offset: float
    peak: float
    side: str = "both"
    short: bool = False
    speech: bool = False
    cut: str = ""

    @property
    def uncertain(self) -> str | None:
        """Why this event may not mean what it seems to, in plain words, or None."""
        why = (self.short and "shorter than half a second", self.speech and "while speaking")
        return ", ".join(filter(None, why)) or None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; seconds to 0.01, intensity to 0.1; with ``uncertain``."""
        data = asdict(self)
        data.update({k: round(data[k], 2) for k in ("onset", "apex", "offset")}, peak=round(self.peak, 1))
        return {**data, "uncertain": self.uncertain}


def events(times: np.ndarray, intensities: np.ndarray, aus: Sequence[int] = MEASURED_AUS, *,
           valid: np.ndarray | None = None, sides: np.ndarray | None = None) -> list[Event]:
    """The events of all AUs, by onset.

    times (T,) seconds, increasing; intensities (T, K) 0-5 in the order of ``aus`` (K,); valid (T,) bool: frames that
    count (default: all); sides (T, K) right minus left intensity. Raises ValueError when shapes do not fit or times
    do not increase.
    """
    times, x = np.asarray(times, float), np.asarray(intensities, float)
    if x.shape != (len(times), len(aus)):
        raise ValueError(f"intensities must have shape {(len(times), len(aus))}, but got {x.shape}")
    if np.any(np.diff(times) <= 0):
        raise ValueError("times must increase")
    keep = np.isfinite(x).all(axis=1) & (np.ones(len(times), bool) if valid is None else np.asarray(valid, bool))
    if not keep.any():
        return []
    seen = times[keep]
    x = np.clip(x[keep], 0, 5)
    tilt = None if sides is None else np.asarray(sides, float)[keep]
    talk = speaking(seen, x, aus)
    found: list[Event] = []
    for a, b in _stretches(seen):
        part, flat = seen[a:b], smooth(seen[a:b], x[a:b])
        for k, au in enumerate(aus):
            for event, at in _course(au, part, flat[:, k]):
                lean = 0.0 if tilt is None else float(tilt[a + at, k])
                side = "both" if abs(lean) < max(1.0, 0.5 * event.peak) else "right" if lean > 0 else "left"
                inside = talk[a:b][(part >= event.onset) & (part <= event.offset)]
                speech = au in SPOKEN and len(inside) > 0 and inside.mean() > 0.5
                found.append(replace(event, side=side, speech=bool(speech)))
    found = _join_speech(found)
    return sorted((_named(e) for e in found), key=lambda e: (e.onset, e.au))


def of(evidence: Evidence) -> list[Event]:
    """The events of a clip's evidence."""
    return events(evidence.times, evidence.aus, valid=evidence.valid, sides=evidence.sides)


def smooth(times: np.ndarray, x: np.ndarray, window: float = WINDOW) -> np.ndarray:
    """Each of the courses x (T, K) at times (T,) fitted by a parabola over ``window`` seconds on either side, which
    takes out noise but neither flattens nor moves a peak. Single samples that stand out are replaced first. Where the
    frames are too few for a parabola (below about 20 a second), the course stays as it is."""
    x = _despike(np.asarray(x, float))
    n = len(times)
    radius = int(max(np.searchsorted(times, times + window, side="right") - np.arange(n) - 1))
    if radius < 2:
        return x
    at = np.arange(n)[:, None] + np.arange(-radius, radius + 1)
    near = np.clip(at, 0, n - 1)
    step = (times[near] - times[:, None]) / window  # (T, 2 radius + 1)
    weight = ((at == near) & (np.abs(step) <= 1 + 1e-9)) * np.maximum(1 - np.abs(step / 1.5) ** 3, 0) ** 3
    basis = np.stack([np.ones_like(step), step, step ** 2], axis=-1)
    gram = np.einsum("twi,tw,twj->tij", basis, weight, basis) + 1e-6 * np.eye(3)
    fit = np.linalg.solve(gram, np.einsum("twi,tw,twk->tik", basis, weight, x[near]))
    few = (weight > 0).sum(axis=1) < 4
    return np.clip(np.where(few[:, None], x, fit[:, 0]), 0, 5)


def _despike(x: np.ndarray) -> np.ndarray:
    if len(x) < 3:
        return x
    middle = np.median(np.stack([x[:-2], x[1:-1], x[2:]]), axis=0)
    out = x.copy()
    alone = (np.abs(x[1:-1] - x[:-2]) > SPIKE) & (np.abs(x[1:-1] - x[2:]) > SPIKE) & (middle != x[1:-1])
    out[1:-1][alone] = middle[alone]
    return out


def _stretches(times: np.ndarray) -> list[tuple[int, int]]:
    """Runs [a, b) without a gap of more than BRIDGE seconds (three usual steps, where frames are rarer)."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    breaks = np.flatnonzero(np.diff(times) > max(BRIDGE, 3 * step)) + 1
    edges = [0, *breaks.tolist(), len(times)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def _course(au: int, t: np.ndarray, y: np.ndarray) -> list[tuple[Event, int]]:
    """Events of one smooth course y (T,) at t (T,), each with the sample of its apex."""
    over = np.concatenate([[False], y >= LOW, [False]])
    starts, ends = np.flatnonzero(over[1:] & ~over[:-1]), np.flatnonzero(~over[1:] & over[:-1])  # [start, end)
    pieces = [p for s, e in zip(starts, ends, strict=True) for p in _split(y, int(s), int(e))]
    out = []
    for s, e in pieces:
        top = s + int(np.argmax(y[s:e]))
        if y[top] < HIGH:
            continue
        onset = t[s] if s == 0 or y[s - 1] >= LOW else _crossing(t, y, s - 1)
        offset = t[e - 1] if e == len(y) or y[e] >= LOW else _crossing(t, y, e - 1)
        cut = {(True, True): "both", (True, False): "start", (False, True): "end"}.get((s == 0, e == len(y)), "")
        short = bool(offset - onset < SHORT) and not cut
        out.append((Event(au, float(onset), float(t[top]), float(offset), float(y[top]), short=short, cut=cut), top))
    return out


def _crossing(t: np.ndarray, y: np.ndarray, i: int) -> float:
    """When the course passes LOW between samples i and i + 1."""
    part = (LOW - y[i]) / (y[i + 1] - y[i]) if y[i + 1] != y[i] else 0.5
    return t[i] + float(np.clip(part, 0, 1)) * (t[i + 1] - t[i])


def _split(y: np.ndarray, start: int, end: int) -> list[tuple[int, int]]:
    """Cut [start, end) at valleys that lie below half of the peaks on either side and 1 below both."""
    best: tuple[float, int] | None = None
    left = np.maximum.accumulate(y[start:end])
    right = np.maximum.accumulate(y[start:end][::-1])[::-1]
    lower = np.minimum(left, right)
    deep = (y[start:end] < 0.5 * lower) & (y[start:end] < lower - 1)
    if deep.any():
        i = int(np.argmin(np.where(deep, y[start:end], np.inf)))
        best = (float(y[start + i]), start + i)
    if best is None or not start < best[1] < end - 1:
        return [(start, end)]
    return _split(y, start, best[1]) + _split(y, best[1], end)


def speaking(times: np.ndarray, intensities: np.ndarray, aus: Sequence[int] = MEASURED_AUS) -> np.ndarray:
    """(T,) bool: where the person seems to speak, from the face alone: within a second the mouth opens and closes
    (AU25, 26, 27) at least twice, and the rest of the face does not go along with it (as it does in laughing). Never
    below 8 frames a second, where this cannot be seen."""
    x = np.asarray(intensities, float)
    n = len(times)
    mouth = [i for i, a in enumerate(aus) if a in (25, 26, 27)]
    others = [i for i, a in enumerate(aus) if a not in SPOKEN and a != CLOSED]
    out = np.zeros(n, bool)
    if n < 8 or not mouth or np.median(np.diff(times)) > 0.125:
        return out
    turns = _turns(x[:, mouth].max(axis=1), 0.6)
    half = 0.5
    for i in range(n):
        a, b = np.searchsorted(times, [times[i] - half, times[i] + half])
        if b - a < 6 or turns[a:b].sum() < 4:
            continue
        opening = x[a:b][:, mouth].max(axis=1)
        out[i] = not any(_together(opening, x[a:b, k]) for k in others)
    return _close(out, times, 0.5)


def _together(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether b moves by more than noise, and with a."""
    return bool(np.ptp(b) > 0.6 and a.std() > 0 and np.corrcoef(a, b)[0, 1] > 0.6)


def _turns(y: np.ndarray, least: float) -> np.ndarray:
    """(T,) bool: the samples at which the course turns, after moving by at least ``least``."""
    out = np.zeros(len(y), bool)
    way, low, high = 0, 0, 0  # way: 1 rising, -1 falling, 0 not known yet; low, high: the latest extremes
    for i in range(1, len(y)):
        if way <= 0 and y[i] < y[low]:
            low = i
        if way >= 0 and y[i] > y[high]:
            high = i
        if way >= 0 and y[high] - y[i] >= least:
            out[high], way, low = way > 0, -1, i
        elif way <= 0 and y[i] - y[low] >= least:
            out[low], way, high = way < 0, 1, i
    return out


def _close(flags: np.ndarray, times: np.ndarray, gap: float) -> np.ndarray:
    """Fill pauses of at most ``gap`` seconds."""
    on = np.flatnonzero(flags)
    out = flags.copy()
    for a, b in zip(on[:-1], on[1:], strict=True):
        if b - a > 1 and times[b] - times[a] <= gap:
            out[a:b] = True
    return out


def _join_speech(found: list[Event]) -> list[Event]:
    """Mouth events of one AU that follow each other within half a second of speech become one."""
    out: list[Event] = []
    for e in sorted(found, key=lambda e: (e.au, e.onset)):
        last = out[-1] if out else None
        if last and e.speech and last.speech and last.au == e.au and e.onset - last.offset < 0.5:
            top = max(last, e, key=lambda one: one.peak)
            cut = "both" if "start" in last.cut and "end" in e.cut else last.cut or e.cut
            short = e.offset - last.onset < SHORT and not cut
            out[-1] = replace(top, onset=last.onset, offset=e.offset, cut=cut, short=short)
        else:
            out.append(e)
    return out


def _named(e: Event) -> Event:
    """Eyes closed for a moment are a blink, which is short by nature."""
    return replace(e, au=BLINK, short=False) if e.au == CLOSED and e.short else e
