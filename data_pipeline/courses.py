"""The evidence about one face over a clip, and the course of each movement: when it comes, peaks and goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from emoreason.data_pipeline.facts import ABSENT, Facts
from emoreason.data_pipeline.phrases import PLACE
from emoreason.facs import EMOTIONS, MEASURED_AUS, PRESENT

RELEASE = 0.7  # a movement that began lasts until it falls below this
SHORTEST = 0.15  # seconds; anything shorter is noise, but for a blink
BLINK = 0.5  # eyes closed for less than this are a blink


@dataclass(frozen=True)
class Course:
    """One movement in time: au; onset, apex and offset in seconds (offset is the clip's end if it still shows then,
    and ``lasts`` says so); peak 0-5; side "left", "right" or "both"."""

    au: int
    onset: float
    apex: float
    offset: float
    peak: float
    side: str = "both"
    lasts: bool = False

    @property
    def blink(self) -> bool:
        return self.au == 43 and self.offset - self.onset < BLINK and not self.lasts


@dataclass(frozen=True)
class ClipFacts:
    """The evidence about one face over a clip: times (T,) in seconds, increasing, and the facts of each frame."""

    times: tuple[float, ...]
    frames: tuple[Facts, ...]

    def __post_init__(self) -> None:
        if not self.frames or len(self.times) != len(self.frames):
            raise ValueError(f"a clip needs one time for each frame, but got {len(self.times)} and {len(self.frames)}")

    @cached_property
    def courses(self) -> tuple[Course, ...]:
        """Every movement that reaches presence, in the order of onset."""
        found = [c for a in MEASURED_AUS for c in self._courses(a)]
        return tuple(sorted(found, key=lambda c: (c.onset, PLACE[c.au])))

    def _courses(self, a: int) -> list[Course]:
        out, start = [], None
        values = [f.aus[a] for f in self.frames]
        step = (self.times[-1] - self.times[0]) / max(1, len(self.times) - 1)
        for i, value in enumerate([*values, -1.0]):
            if start is None and value >= PRESENT:
                start = i
            elif start is not None and value < RELEASE:
                apex = max(range(start, i), key=values.__getitem__)
                long_enough = self.times[i - 1] - self.times[start] + step >= SHORTEST or len(values) == 1
                if long_enough:
                    out.append(Course(a, self.times[start], self.times[apex], self.times[i - 1], values[apex],
                                      self.frames[apex].sides.get(a, "both"), i == len(values)))
                start = None
        return out

    @cached_property
    def peak(self) -> int:
        """The frame in which most moves, lips, jaw and lids aside."""
        return max(range(len(self.frames)), key=lambda i: sum(
            v for a, v in self.frames[i].aus.items() if v >= PRESENT and a not in (25, 26, 43)))

    @cached_property
    def overall(self) -> Facts:
        """One face for the whole clip: the movements of the peak frame, the emotions averaged with weight on the frames
        in which more moves. What shows at another time only is neither present nor absent here."""
        top = self.frames[self.peak]
        aus = {}
        for a in MEASURED_AUS:
            highest = max(f.aus[a] for f in self.frames)
            aus[a] = top.aus[a] if top.aus[a] >= PRESENT or highest < ABSENT else min(highest, PRESENT - 0.06)
        weights = [0.3 + f.activity for f in self.frames]
        total = sum(weights)
        emotions = {e: sum(w * f.p(e) for w, f in zip(weights, self.frames, strict=True)) / total for e in EMOTIONS}
        tone = [sum(w * getattr(f, n) for w, f in zip(weights, self.frames, strict=True)) / total
                for n in ("valence", "arousal")]
        return replace(top, aus=aus, emotions=emotions, valence=tone[0], arousal=tone[1])
