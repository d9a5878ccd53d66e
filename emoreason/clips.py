"""A clip as a language model gets it: which frames, and in words what was measured over time.

Eight samples of a course in an AU token are too few to read times from, so the events stand before the question as
text. The same words are used in training and at inference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from emoreason import courses
from emoreason.courses import BLINK, Event
from emoreason.facs import EMOTIONS, MEASURED_AUS, PRESENT
from emoreason.records import Evidence

FRAMES = 16  # frames of a clip that the model sees, however long it is
TOLD = 5  # events told in words at most, the strongest
AGAIN = 1.0  # intensity by which a movement that comes again must be the stronger to be told before another
CHANGES = 3  # of them in one part, and as many that the clip begins with
HOLDS = 2  # of them that go on in a part without a change
PLACES = ("beginning", "next", "middle", "end")
PARTS = len(PLACES)
QUIET = (25, 26, 43)  # parted lips, a slack jaw and lowered lids are little of an expression
AT_ONCE = 0.12  # seconds from the first sight of the face in which a movement counts as there from then on
AWAY = 0.5  # seconds without the face that are worth a word
TURNS = (("left", "right", 10.0), ("down", "up", 8.0), ("tilted left", "tilted right", 8.0))  # yaw, pitch, roll


def pick(times: np.ndarray, events: Sequence[Event], most: int = FRAMES) -> np.ndarray:
    """Which frames (indices, increasing) stand for a clip: of ``most`` equal stretches of time each gives the frame
    in which its strongest event peaks, or else the one nearest to its middle. times (T,) seconds, increasing."""
    times = np.asarray(times, float)
    if len(times) <= most:
        return np.arange(len(times))
    edges = np.linspace(times[0], times[-1], most + 1)
    apexes = sorted((e for e in events if e.au != BLINK), key=lambda e: -e.peak)
    out = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        last = high == edges[-1]
        at = next((e.apex for e in apexes if low <= e.apex < high or last and e.apex == high), (low + high) / 2)
        out.append(int(np.abs(times - at).argmin()))
    return np.unique(out)


@dataclass(frozen=True)
class Look:
    """How the face looks over some time: emotions, probabilities by name; valence, arousal in [-1, 1]."""

    emotions: dict[str, float]
    valence: float
    arousal: float

    @property
    def ranked(self) -> list[str]:
        return sorted(self.emotions, key=lambda e: -self.emotions[e])


class Step(NamedTuple):
    """What a part of a clip brings, as far as it is told: ``there``, movements that the clip begins with (first part
    alone); ``begins``, ``ends``; whether the eyes blink; turns of the head, (axis 0-2 as in ``TURNS``, 1 or -1); where
    there is none of that, ``holds``: the strongest movements that go on."""

    there: tuple[Event, ...] = ()
    begins: tuple[Event, ...] = ()
    ends: tuple[Event, ...] = ()
    blinks: bool = False
    turns: tuple[tuple[int, int], ...] = ()
    holds: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Clip:
    """What was measured over one clip of one face. evidence: of the frames in which the face was seen, times
    increasing; duration: of the clip, seconds."""

    evidence: Evidence
    duration: float

    def __post_init__(self) -> None:
        if not len(self.evidence.times):
            raise ValueError("a Clip needs at least one frame with a face")

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Every movement, by onset; blinks among them."""
        return tuple(courses.of(self.evidence))

    @cached_property
    def told(self) -> tuple[Event, ...]:
        """The events that are put into words: without blinks, the TOLD strongest, by onset."""
        return _strongest(self.events)

    def during(self, low: float, high: float) -> tuple[Event, ...]:
        """The TOLD strongest events that reach into the time from ``low`` to ``high`` seconds, by onset."""
        return _strongest([e for e in self.events if e.onset <= high and e.offset >= low])

    @cached_property
    def first(self) -> tuple[Event, ...]:
        """Those that are there as soon as the face is seen."""
        return tuple(e for e in self.told if e.onset - self.start < AT_ONCE)

    @cached_property
    def blinks(self) -> tuple[Event, ...]:
        return tuple(e for e in self.events if e.au == BLINK)

    @cached_property
    def spans(self) -> dict[int, list[tuple[float, float, float]]]:
        """AU -> (onset, offset, peak) of each of its movements, without blinks."""
        found: dict[int, list[tuple[float, float, float]]] = {}
        for e in self.events:
            if e.au != BLINK:
                found.setdefault(e.au, []).append((e.onset, e.offset, e.peak))
        return found

    @property
    def start(self) -> float:
        """When the face is first seen."""
        return float(self.evidence.times[0])

    @property
    def end(self) -> float:
        return float(self.evidence.times[-1])

    @cached_property
    def away(self) -> tuple[tuple[float, float], ...]:
        """Stretches of more than AWAY seconds without the face."""
        times = np.concatenate([[0.0], self.evidence.times, [max(self.duration, self.end)]])
        return tuple((float(a), float(b)) for a, b in zip(times[:-1], times[1:], strict=True) if b - a > AWAY
                     and len(self.evidence.times) > 1)

    @cached_property
    def _smooth(self) -> np.ndarray:
        return courses.smooth(self.evidence.times, np.clip(self.evidence.aus, 0, 5))

    @cached_property
    def levels(self) -> dict[int, float]:
        """AU -> its highest intensity: that of its strongest event, or less than PRESENT where there is none."""
        out = dict(zip(MEASURED_AUS, map(float, self._smooth.max(0)), strict=True))
        for a in out:
            peaks = [e.peak for e in self.events if e.au == a]
            out[a] = max(peaks) if peaks else min(out[a], PRESENT - 0.06)
        return out

    @cached_property
    def summary(self) -> Evidence:
        """The clip as one frame: every AU at its strongest, the look over all."""
        e, at = self.evidence, self._smooth.argmax(0)
        sides = e.sides[at, np.arange(len(at))][None]
        n = len(MEASURED_AUS)
        return Evidence(np.zeros(1), np.array([list(self.levels.values())]), sides, np.ones((1, n, 1, 1)),
                        np.array([[self.overall.emotions[name] for name in EMOTIONS]]),
                        np.array([self.overall.valence]), np.array([self.overall.arousal]), e.poses.mean(0)[None])

    @cached_property
    def peak(self) -> float:
        """The time in seconds at which the look of the whole shows most: what moves, by that look's probability."""
        moving = [i for i, a in enumerate(MEASURED_AUS) if a not in QUIET]
        x, look = self._smooth[:, moving], self.evidence.emotions[:, EMOTIONS.index(self.overall.ranked[0])]
        return float(self.evidence.times[int((np.where(x >= PRESENT, x, 0).sum(1) * look).argmax())])

    def part(self, time: float) -> int:
        """Which quarter of the time in which the face is seen: 0 to PARTS - 1."""
        return min(PARTS - 1, max(0, int(PARTS * (time - self.start) / max(self.end - self.start, 1e-6))))

    @cached_property
    def _parts(self) -> np.ndarray:
        return np.array([self.part(t) for t in self.evidence.times])

    def _mean(self, weights: np.ndarray) -> Look:
        e, w = self.evidence, weights / weights.sum()
        return Look(dict(zip(EMOTIONS, map(float, w @ e.emotions), strict=True)), float(w @ e.valence),
                    float(w @ e.arousal))

    @cached_property
    def overall(self) -> Look:
        """The mean over the frames, with weight on those in which more moves."""
        moving = [i for i, a in enumerate(MEASURED_AUS) if a not in QUIET]
        return self._mean(0.3 + self._smooth[:, moving].max(1))

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """The mean over each part; one without a frame has that of the nearest frame."""
        out = []
        for i in range(PARTS):
            mine = (self._parts == i).astype(float)
            if not mine.any():
                middle = self.start + (i + 0.5) / PARTS * (self.end - self.start)
                mine[np.abs(self.evidence.times - middle).argmin()] = 1.0
            out.append(self._mean(mine))
        return tuple(out)

    @cached_property
    def turns(self) -> tuple[tuple[int, int, int], ...]:
        """Head movements from one part to the next: (part, axis 0-2 as in ``TURNS``, 1 or -1)."""
        if len(self.evidence.times) < 8 or len(set(self._parts)) < PARTS:
            return ()
        means = np.stack([self.evidence.poses[self._parts == i].mean(0) for i in range(PARTS)])
        change = np.diff(means, axis=0)
        return tuple((i + 1, axis, 1 if change[i, axis] > 0 else -1) for i in range(PARTS - 1)
                     for axis in range(3) if abs(change[i, axis]) >= TURNS[axis][2])

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Each part of the time with what it brings: onsets first, then offsets, blinks and turns, up to CHANGES."""
        first = self.first
        each = {e.au: e for e in sorted(first, key=lambda e: e.peak)}
        strongest = sorted(sorted(each.values(), key=lambda e: -e.peak)[:CHANGES], key=lambda e: e.au)
        out = []
        for i in range(PARTS):
            begins = {e.au: e for e in self.told if e not in first and self.part(e.onset) == i}
            begins = {a: e for a, e in begins.items() if e in _strongest(list(begins.values()), CHANGES)}
            ends = {e.au: e for e in self.told if not self.lasts(e) and self.part(e.offset) == i}
            blinks = any(self.part(e.apex) == i for e in self.blinks)
            moves = [*((0, e) for e in begins.values()), *((1, e) for e in ends.values()), *[(2, None)] * blinks,
                     *((3, turn[1:]) for turn in self.turns if turn[0] == i)][:CHANGES]
            one = [tuple(x for kind, x in moves if kind == k) for k in range(4)]
            on = [e for e in self.told if self.part(e.onset) < i and (self.lasts(e) or self.part(e.offset) > i)]
            on = sorted(sorted(on, key=lambda e: -e.peak)[:HOLDS], key=lambda e: e.au)
            out.append(Step(tuple(strongest) if i == 0 else (), one[0], one[1], bool(one[2]), one[3],
                            () if moves else tuple(on)))
        return tuple(out)

    def starts(self, e: Event) -> bool:
        """Whether the movement was there when the face was first seen."""
        return e.cut in ("start", "both") and e.onset <= self.start + 0.05

    def lasts(self, e: Event) -> bool:
        """Whether the movement still shows when the face is last seen."""
        return e.cut in ("end", "both") and e.offset >= self.end - 0.05

    def words(self) -> str:
        """The measured course of the clip, as the lines before a question."""
        head = f"Clip {self.duration:.1f} s"
        head += "".join(f", no face {a:.1f}-{b:.1f} s" for a, b in self.away[:3]) + "."
        out = [head, self.told_words()]
        if self.blinks:
            out.append(f"Blinks: {', '.join(f'{b.apex:.1f}' for b in self.blinks[:4])}.")
        if self.turns:
            out.append("Head: " + ", ".join(f"part {i + 1} {TURNS[axis][way > 0]}" for i, axis, way in self.turns[:4])
                       + ".")
        tops = ((i, x.ranked[0], x.emotions[x.ranked[0]]) for i, x in enumerate(self.looks, 1))
        looks = ", ".join(f"{i} {name} {p:.2f}" for i, name, p in tops)
        out.append(f"Looks: {looks}. Over all: {look_words(self.overall)}.")
        out.append(self.step_words())
        return " ".join(out) + "\n"

    def step_words(self) -> str:
        """What each part brings, as it stands in ``words``."""
        return f"Parts: {'; '.join(map(_step, PLACES, self.steps))}."

    def told_words(self) -> str:
        """The movements that are told, as they stand in ``words``."""
        return f"Events: {'; '.join(map(self.event_words, self.told)) or 'none'}."

    def event_words(self, e: Event) -> str:
        """A movement as it stands in ``words``."""
        first, last = self.part(e.onset) + 1, self.part(e.offset) + 1
        parts = f"part {first}" if first == last else f"parts {first}-{last}"
        always = self.starts(e) and self.lasts(e)
        marks = [(always, "throughout"), (not always, parts), (self.starts(e) and not always, "from the start"),
                 (self.lasts(e) and not always, "to the end")]
        return self.move_words(e, *(word for is_so, word in marks if is_so))

    def move_words(self, e: Event, *marks: str) -> str:
        """A movement with its strength, its time, and what marks it."""
        own = ((e.side != "both", e.side), (e.short, "short"), (e.speech, "speaking"))
        more = "".join(f" {word}" for word in (*marks, *(word for is_so, word in own if is_so)))
        return f"AU{e.au} {e.peak:.1f} {e.onset:.1f}-{e.offset:.1f} top {e.apex:.1f}{more}"


def _strongest(events: Sequence[Event], most: int = TOLD) -> tuple[Event, ...]:
    """``most`` of them without blinks, by onset: the strongest, one that comes again counting AGAIN less each time."""
    came: Counter[int] = Counter()
    weight = {}
    for e in sorted((e for e in events if e.au != BLINK), key=lambda e: -e.peak):
        weight[e] = e.peak - AGAIN * came[e.au]
        came[e.au] += 1
    moves = sorted(weight, key=lambda e: -weight[e])[:most]
    return tuple(sorted(moves, key=lambda e: (e.onset, e.au)))


def _step(place: str, one: Step) -> str:
    """A part as a caption tells it: each movement with what it does, in that order. Every item names its part, and no
    word for a part is part of one for what a movement does: a small language model finds its place by these."""
    said = ["rest"] * (place == PLACES[0] and not one.there)
    for does, events in (("is", one.there), ("on", one.begins), ("off", one.ends), ("still", one.holds)):
        new = does in ("is", "on")
        said += [f"AU{e.au} {does}" + f" {e.peak:.1f}" * new + f" {e.side}" * (new and e.side != "both")
                 + " short" * (e.short and does == "on") for e in events]
    said += ["blinks"] * one.blinks + [f"turns {TURNS[axis][way > 0]}" for axis, way in one.turns]
    return ", ".join(f"{place} {what}" for what in said or ["no change"])


def look_words(x: Look) -> str:
    """A look as it stands in ``Clip.words``: its two most probable emotions, valence, arousal."""
    first, second = x.ranked[:2]
    return (f"{first} {x.emotions[first]:.2f}, {second} {x.emotions[second]:.2f}, "
            f"{_tenth(x.valence)}, {_tenth(x.arousal)}")


def _tenth(value: float) -> str:
    return f"{round(value, 1) + 0.0:.1f}"
