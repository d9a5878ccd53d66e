"""What is known about one face, and what follows from it by FACS: cues, needs, clashes, how full a pattern is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from emoreason.facs import ACTION_UNITS, EMOTIONS, MEASURED_AUS, PRESENT, PROTOTYPES
from emoreason.records import Evidence

ABSENT = 0.5  # below this an AU may be called absent; from here to PRESENT nothing is claimed
SUREST = 0.95
OPPOSED = 2.5  # a movement against the conclusion that is this strong, and no weaker than its signs, is told of
SIDE_GAP = 1.0  # an asymmetry this large counts as clear

# The AUs that count as signs of an emotion, most telling first, each with the AUs of which one must be there too.
CUES: dict[str, tuple[tuple[int, tuple[int, ...]], ...]] = {
    "anger": ((4, ()), (24, ()), (23, ()), (7, (4, 5, 23, 24)), (5, (4, 7, 23, 24)), (17, (4, 23, 24)), (10, (4, 23)),
              (22, (4, 23))),
    "contempt": ((14, ()), (12, (14,))),
    "disgust": ((9, ()), (10, ()), (17, (9, 10)), (15, (9, 10))),
    "fear": ((5, ()), (20, ()), (1, ()), (2, (1, 4, 5, 20)), (4, (1, 2, 5, 20)), (27, (1, 2, 5, 20)),
             (26, (1, 2, 5, 20)), (25, (1, 2, 5, 20))),
    "happiness": ((12, ()), (6, ()), (25, (12,))),
    "neutral": (),
    "sadness": ((1, ()), (15, ()), (4, (1, 15)), (17, (1, 15)), (43, (1, 15))),
    "surprise": ((1, (2,)), (2, (1, 5, 26, 27)), (5, ()), (27, ()), (26, (1, 2, 5)), (25, (2, 5))),
}
# What an emotion's pattern needs; each entry lists alternatives.
NEEDS: dict[str, tuple[tuple[int, ...], ...]] = {
    "anger": ((4,), (7, 5), (23, 24)), "contempt": ((14,),), "disgust": ((9, 10),),
    "fear": ((1,), (2,), (4,), (5,), (20,)),
    "happiness": ((12,), (6,)), "neutral": (), "sadness": ((1,), (4,), (15,)), "surprise": ((1,), (2,), (5,), (26, 27)),
}
# Movements that speak against an emotion.
AGAINST: dict[str, frozenset[int]] = {
    "anger": frozenset((12, 1, 2)), "contempt": frozenset((1, 4, 5, 9, 15, 27)), "disgust": frozenset((12, 5, 1, 2)),
    "fear": frozenset((12, 9, 14, 24)), "happiness": frozenset((4, 9, 15, 20, 1, 24)),
    "sadness": frozenset((12, 9, 27, 2)),
    "surprise": frozenset((4, 12, 15, 9, 24, 7)), "neutral": frozenset(MEASURED_AUS) - {25, 26, 43},
}
# The whole pattern: for each set, one AU of every entry.
_FULL: dict[str, tuple[tuple[tuple[int, ...], ...], ...]] = {
    "anger": (((4,), (5, 7), (23, 24)),), "contempt": (((14,),),), "disgust": (((9, 10), (15, 17)), ((9,), (10,))),
    "fear": (((1,), (2,), (4,), (5, 20)),), "happiness": (((6,), (12,)),), "neutral": (),
    "sadness": (((1,), (4,), (15,)), ((1,), (15,), (17,))), "surprise": (((1,), (2,), (5,), (25, 26, 27)),
                                                                         ((1,), (2,), (26, 27))),
}
_VARIANTS = {e: tuple(s for s in sets if all(a in MEASURED_AUS for a in s)) for e, sets in PROTOTYPES.items()}
_VARIANTS["neutral"] = ()


@dataclass(frozen=True)
class Facts:
    """The evidence about one face.

    aus: intensity 0-5 of every measured AU; sides: AU -> the subject's own "left" or "right" where it is clearly
    stronger; emotions: calibrated probabilities; valence, arousal in [-1, 1]; pose: yaw, pitch, roll in degrees as
    records.Face has them; quality: what limits the view, in plain words ("the picture is dark"); readable: False when
    that is too much to say anything.
    """

    aus: Mapping[int, float]
    sides: Mapping[int, str]
    emotions: Mapping[str, float]
    valence: float = 0.0
    arousal: float = 0.0
    pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    quality: tuple[str, ...] = ()
    readable: bool = True

    @classmethod
    def from_evidence(cls, evidence: Evidence, t: int = 0, pose: tuple[float, float, float] | None = None,
                      quality: tuple[str, ...] = (), readable: bool = True) -> Facts:
        """Frame ``t`` of what facenet read; ``pose`` in place of facenet's own where a better one is known."""
        sides = {}
        for a, gap, value in zip(MEASURED_AUS, evidence.sides[t], evidence.aus[t], strict=True):
            if ACTION_UNITS[a].sided and value >= PRESENT and abs(gap) >= SIDE_GAP:
                sides[a] = "right" if gap > 0 else "left"
        emotions = {e: float(p) for e, p in zip(EMOTIONS, evidence.emotions[t], strict=True)}
        yaw, pitch, roll = (float(v) for v in (evidence.poses[t] if pose is None else pose))
        return cls(evidence.intensities(t), sides, emotions, float(evidence.valence[t]), float(evidence.arousal[t]),
                   (yaw, pitch, roll), tuple(quality), readable and bool(evidence.valid[t]))

    @cached_property
    def present(self) -> frozenset[int]:
        return frozenset(a for a in MEASURED_AUS if self.aus.get(a, 0.0) >= PRESENT)

    @cached_property
    def absent(self) -> frozenset[int]:
        return frozenset(a for a in MEASURED_AUS if self.aus.get(a, 0.0) < ABSENT)

    @cached_property
    def strongest(self) -> tuple[int, ...]:
        """The present AUs, strongest first."""
        return tuple(sorted(self.present, key=lambda a: -self.aus[a]))

    @cached_property
    def ranked(self) -> tuple[str, ...]:
        """The emotions, most probable first."""
        return tuple(sorted(EMOTIONS, key=lambda e: -self.emotions.get(e, 0.0)))

    @property
    def top(self) -> str:
        return self.ranked[0]

    @property
    def rival(self) -> str:
        return self.ranked[1]

    @cached_property
    def confidence(self) -> float:
        """The top probability in steps of .05, at most SUREST: no look is beyond doubt."""
        return round(min(SUREST, round(self.emotions[self.top] * 20) / 20), 2)

    def p(self, emotion: str) -> float:
        return self.emotions.get(emotion, 0.0)

    @cached_property
    def _cues(self) -> dict[str, tuple[int, ...]]:
        return {e: tuple(a for a, with_ in rows if a in self.present and (not with_ or self.present.intersection(with_))
                         and (e != "contempt" or self._uneven(a))) for e, rows in CUES.items()}

    def _uneven(self, a: int) -> bool:
        """Contempt is one-sided: the AU itself, or the lip corners raised on one side while they tighten."""
        return a in self.sides or (a == 14 and 12 in self.sides)

    def cues(self, emotion: str) -> tuple[int, ...]:
        """The present signs of ``emotion``, most telling first."""
        return self._cues[emotion]

    def against(self, emotion: str) -> tuple[int, ...]:
        """The present movements that speak against it, strongest first."""
        mine = self._cues[emotion]
        return tuple(a for a in self.strongest if a in AGAINST[emotion] and a not in mine)

    def opposed(self, emotion: str) -> tuple[int, ...]:
        """Of these, what nobody who names ``emotion`` can pass over: marked ones, as strong as any of its signs."""
        least = max([OPPOSED, *(self.aus[a] for a in self._cues[emotion])])
        return tuple(a for a in self.against(emotion) if self.aus[a] >= least)

    def needs(self, emotion: str) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[tuple[int, ...]]]:
        """What its pattern needs: (met, missing, neither), each entry a tuple of alternatives."""
        met, missing, open_ = [], [], []
        for options in NEEDS[emotion]:
            if any(a in self.present and (emotion != "contempt" or self._uneven(a)) for a in options):
                met.append(options)
            elif all(a in self.absent for a in options):
                missing.append(options)
            else:
                open_.append(options)
        return met, missing, open_

    @cached_property
    def _fit(self) -> dict[str, str]:
        out = {}
        for e in EMOTIONS:
            cues = set(self._cues[e])
            have = cues if e == "contempt" else self.present
            if any(all(have.intersection(options) for options in pattern) for pattern in _FULL[e]):
                out[e] = "full"
            elif any(s <= have for s in _VARIANTS[e]):
                out[e] = "variant"
            else:
                out[e] = "partial" if cues else "none"
        return out

    def fit(self, emotion: str) -> str:
        """How far the movements carry it: full pattern, a shorter variant of it, partial, none."""
        return self._fit[emotion]

    @cached_property
    def activity(self) -> float:
        """The strongest movement other than parted lips, a slack jaw and lowered lids."""
        return max((v for a, v in self.aus.items() if a not in (25, 26, 43)), default=0.0)

    @cached_property
    def best_pattern(self) -> str | None:
        """The emotion whose full pattern is there, the strongest if several; None if none is."""
        full = [e for e in EMOTIONS if self._fit[e] == "full"]
        return max(full, key=lambda e: (sum(min(self.aus[a], 3.0) for a in self._cues[e]), self.p(e)), default=None)
