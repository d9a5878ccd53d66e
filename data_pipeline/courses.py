"""What the text about a clip may say: the facts of a moment, of a part, and of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from emoreason.clips import Clip, Look
from emoreason.courses import Event
from emoreason.data_pipeline.facts import ABSENT, Facts
from emoreason.facs import ACTION_UNITS, MEASURED_AUS, PRESENT


@dataclass(frozen=True)
class ClipFacts:
    """A measured clip. quality, readable: as in ``Facts``."""

    clip: Clip
    quality: tuple[str, ...] = ()
    readable: bool = True

    @cached_property
    def overall(self) -> Facts:
        """One face for the whole clip: the movements at its peak, the mean look."""
        return self._face(self.clip.during(self.clip.peak, self.clip.peak), self.clip.overall)

    def at(self, time: float) -> Facts:
        """The face at a time, with the look of that part."""
        return self._face(self.clip.during(time, time), self.clip.looks[self.clip.part(time)])

    def of(self, e: Event) -> Facts:
        """The face at a movement's apex."""
        return self._face([*self.clip.during(e.apex, e.apex), e], self.clip.looks[self.clip.part(e.apex)])

    def part(self, i: int) -> Facts:
        """The face over a part: all movements that reach into it, with its mean look."""
        step = (self.clip.end - self.clip.start) / len(self.clip.looks)
        low = self.clip.start + i * step
        return self._face(self.clip.during(low, low + step), self.clip.looks[i])

    @cached_property
    def first(self) -> Facts:
        """The face as it is first seen."""
        return Facts.from_evidence(self.clip.evidence, 0)

    def _face(self, events: Sequence[Event], look: Look) -> Facts:
        """These movements at their apexes. What shows at another time only is neither present nor absent here."""
        aus: dict[int, float] = {}
        sides: dict[int, str] = {}
        for a in MEASURED_AUS:
            level = self.clip.levels[a]
            aus[a] = level if level < ABSENT else min(level, PRESENT - 0.06)
        for e in sorted(events, key=lambda e: e.peak):
            aus[e.au] = e.peak
            sides.pop(e.au, None)
            if e.side != "both" and ACTION_UNITS[e.au].sided:
                sides[e.au] = e.side
        return Facts(aus, sides, look.emotions, look.valence, look.arousal, (0.0, 0.0, 0.0), self.quality,
                     self.readable)
