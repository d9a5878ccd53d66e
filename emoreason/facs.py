"""The Facial Action Coding System as tables: action units, emotions with aliases, EMFACS prototypes.

Source of names and muscles: Ekman, Friesen & Hager, *Facial Action Coding System: the Manual* (2002).
Source of the prototypes: the same authors' *Investigator's Guide* (2002), table of predictions for the
basic emotions; contempt from Friesen & Ekman, *EMFACS-7* (1983).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emoreason.errors import ParseError

REGIONS = ("forehead", "brows", "eyes", "cheeks", "nose", "lips", "chin", "jaw", "neck", "head")


@dataclass(frozen=True)
class ActionUnit:
    """One row of FACS. ``sided``: whether it can show on one side of the face alone."""

    number: int
    name: str
    muscle: str
    region: str
    sided: bool = True


_ROWS = (
    (1, "inner brow raiser", "frontalis, pars medialis", "brows", True),
    (2, "outer brow raiser", "frontalis, pars lateralis", "brows", True),
    (4, "brow lowerer", "corrugator supercilii, depressor supercilii, procerus", "brows", True),
    (5, "upper lid raiser", "levator palpebrae superioris", "eyes", True),
    (6, "cheek raiser", "orbicularis oculi, pars orbitalis", "cheeks", True),
    (7, "lid tightener", "orbicularis oculi, pars palpebralis", "eyes", True),
    (8, "lips toward each other", "orbicularis oris", "lips", False),
    (9, "nose wrinkler", "levator labii superioris alaeque nasi", "nose", True),
    (10, "upper lip raiser", "levator labii superioris", "lips", True),
    (11, "nasolabial deepener", "zygomaticus minor", "cheeks", True),
    (12, "lip corner puller", "zygomaticus major", "lips", True),
    (13, "sharp lip puller", "levator anguli oris", "lips", True),
    (14, "dimpler", "buccinator", "lips", True),
    (15, "lip corner depressor", "depressor anguli oris", "lips", True),
    (16, "lower lip depressor", "depressor labii inferioris", "lips", True),
    (17, "chin raiser", "mentalis", "chin", False),
    (18, "lip pucker", "incisivi labii superioris and inferioris", "lips", False),
    (19, "tongue show", "", "lips", False),
    (20, "lip stretcher", "risorius, platysma", "lips", True),
    (21, "neck tightener", "platysma", "neck", True),
    (22, "lip funneler", "orbicularis oris", "lips", False),
    (23, "lip tightener", "orbicularis oris", "lips", False),
    (24, "lip pressor", "orbicularis oris", "lips", False),
    (25, "lips part", "depressor labii inferioris, or relaxed mentalis or orbicularis oris", "lips", False),
    (26, "jaw drop", "relaxed masseter, temporalis and internal pterygoid", "jaw", False),
    (27, "mouth stretch", "pterygoids, digastric", "jaw", False),
    (28, "lip suck", "orbicularis oris", "lips", False),
    (29, "jaw thrust", "pterygoids", "jaw", False),
    (30, "jaw sideways", "pterygoids", "jaw", True),
    (31, "jaw clencher", "masseter", "jaw", True),
    (32, "lip bite", "", "lips", False),
    (33, "cheek blow", "buccinator", "cheeks", True),
    (34, "cheek puff", "buccinator", "cheeks", True),
    (35, "cheek suck", "buccinator", "cheeks", True),
    (36, "tongue bulge", "", "cheeks", True),
    (37, "lip wipe", "", "lips", False),
    (38, "nostril dilator", "nasalis, pars alaris", "nose", True),
    (39, "nostril compressor", "nasalis, pars transversa", "nose", True),
    (41, "lid droop", "relaxed levator palpebrae superioris", "eyes", True),
    (42, "slit", "orbicularis oculi", "eyes", True),
    (43, "eyes closed", "relaxed levator palpebrae superioris", "eyes", True),
    (44, "squint", "orbicularis oculi, corrugator supercilii", "eyes", True),
    (45, "blink", "orbicularis oculi; relaxed levator palpebrae superioris", "eyes", True),
    (46, "wink", "orbicularis oculi", "eyes", True),
    (51, "head turn left", "", "head", False),
    (52, "head turn right", "", "head", False),
    (53, "head up", "", "head", False),
    (54, "head down", "", "head", False),
    (55, "head tilt left", "", "head", False),
    (56, "head tilt right", "", "head", False),
    (57, "head forward", "", "head", False),
    (58, "head back", "", "head", False),
    (61, "eyes turn left", "", "eyes", False),
    (62, "eyes turn right", "", "eyes", False),
    (63, "eyes up", "", "eyes", False),
    (64, "eyes down", "", "eyes", False),
    (65, "walleye", "", "eyes", False),
    (66, "cross-eye", "", "eyes", False),
)
ACTION_UNITS: dict[int, ActionUnit] = {row[0]: ActionUnit(*row) for row in _ROWS}

# The AUs that facenet measures, in the order of its outputs everywhere.
MEASURED_AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43)
PRESENT = 1.0  # an AU is present from intensity A (1 of 5) on
LETTERS = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 4.0, "E": 5.0}

EMOTIONS = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
# Labels of single benchmarks (MAFW's eleven) that are no basic emotion.
OTHER_EMOTIONS = ("anxiety", "disappointment", "helplessness")

_ALIASES = {
    "anger": "angry angrily annoyed annoyance irritated irritation furious fury rage mad",
    "contempt": "contemptuous contemptuously disdain disdainful scorn scornful",
    "disgust": "disgusted disgustedly disgusting revulsion repulsed",
    "fear": "fearful fearfully afraid scared frightened fright terror terrified",
    "happiness": "happy happily joy joyful joyous smiling delighted amusement amused pleased cheerful",
    "neutral": "neutrality calm expressionless emotionless blank",
    "sadness": "sad sadly unhappy unhappiness sorrow sorrowful grief depressed dejected",
    "surprise": "surprised surprisedly surprising astonished astonishment startled amazed amazement",
    "anxiety": "anxious worried worry nervous",
    "disappointment": "disappointed",
    "helplessness": "helpless",
}
EMOTION_OF_WORD: dict[str, str] = {name: name for name in EMOTIONS + OTHER_EMOTIONS}
EMOTION_OF_WORD.update({alias: name for name, words in _ALIASES.items() for alias in words.split()})
ABSTAINED = ("none", "unclear", "uncertain", "unknown", "undetermined")

# Each emotion: the sets of AUs that the Investigator's Guide names for it, fullest first. 25, 26 and 27 are
# alternatives there ("25, 26 or 27") and written out where they matter; contempt is one-sided.
PROTOTYPES: dict[str, tuple[frozenset[int], ...]] = {
    name: tuple(frozenset(s) for s in sets)
    for name, sets in {
        "anger": ((4, 5, 7, 10, 22, 23, 25), (4, 5, 7, 10, 23, 25), (4, 5, 7, 23, 25), (4, 5, 7, 17, 23),
                  (4, 5, 7, 17, 24), (4, 5, 7, 23), (4, 5, 7, 24), (4, 7, 23), (4, 7, 24), (4, 5, 7), (4, 7, 17, 24)),
        "contempt": ((12, 14), (14,)),
        "disgust": ((9, 15, 16, 26), (10, 16, 25), (9, 17), (10, 17), (9, 10), (9,), (10,)),
        "fear": ((1, 2, 4, 5, 20, 25), (1, 2, 4, 5, 25), (1, 2, 4, 5), (1, 2, 5), (5, 20, 25), (5, 20), (1, 2, 4)),
        "happiness": ((6, 12, 25), (6, 12), (12,)),
        "sadness": ((1, 4, 11, 15), (1, 4, 15, 17), (1, 4, 15), (6, 15), (1, 4), (1, 15), (11, 15), (11, 17), (15, 17)),
        "surprise": ((1, 2, 5, 26), (1, 2, 5, 27), (1, 2, 5), (1, 2, 26), (1, 2, 27), (5, 26), (5, 27)),
    }.items()
}
# Valence and arousal of each emotion, in [-1, 1]: Russell & Mehrabian (1977), table 1, pleasure and arousal of anger,
# contempt, disgust, fear, joy, sadness, surprise; neutral is the origin.
AFFECT: dict[str, tuple[float, float]] = {
    "anger": (-0.51, 0.59), "contempt": (-0.23, 0.31), "disgust": (-0.60, 0.35), "fear": (-0.64, 0.60),
    "happiness": (0.76, 0.48), "neutral": (0.0, 0.0), "sadness": (-0.63, -0.27), "surprise": (0.40, 0.67),
}
_WORD = re.compile(r"[a-z]+(?:['’]t)?")
_NOT = frozenset("no not never without neither nor cannot isn't doesn't don't aren't wasn't isn’t doesn’t".split())


def au(number: int) -> ActionUnit:
    """The row of AU ``number``. Raises ParseError for a number that FACS does not have (AU3, AU99)."""
    try:
        return ACTION_UNITS[int(number)]
    except KeyError:
        raise ParseError(f"AU{number} is no action unit of FACS") from None


def parse_emotions(text: str) -> tuple[str, ...]:
    """The emotions named in a short answer, in order; () when it abstains ("none", "unclear").

    Whole words only ("unhappy" is sadness, never happiness); a negated word does not count ("not angry").
    Two words for one emotion count once. Raises ParseError when no emotion is named.
    """
    words = _WORD.findall(text.lower())
    found: list[str] = []
    negated_until = -1
    for i, word in enumerate(words):
        if word in _NOT:
            negated_until = i + 3
        elif word == "but":
            negated_until = -1
        name = EMOTION_OF_WORD.get(word)
        if name and name not in found and i > negated_until:
            found.append(name)
    if found:
        return tuple(found)
    if any(word in ABSTAINED for word in words):
        return ()
    raise ParseError(f"no emotion named in {text.strip()[:60]!r}; known are {', '.join(EMOTIONS)}")


def emotion(label: str, vocabulary: tuple[str, ...] = EMOTIONS + OTHER_EMOTIONS) -> str:
    """One dataset label normalised ("Angry", "happy", " joy") to the name used everywhere here.

    Raises ParseError for a label that is no emotion, names several, or lies outside ``vocabulary``.
    """
    names = parse_emotions(label)
    if len(names) != 1 or names[0] not in vocabulary:
        raise ParseError(f"label {label!r} is not one of {', '.join(vocabulary)}")
    return names[0]


def prototype_support(aus: dict[int, float], sides: dict[int, str] | None = None) -> dict[str, float]:
    """How far a set of AU intensities (0-5) carries each emotion, in [0, 1].

    For each prototype: the mean over its AUs of min(intensity, 3) / 3, times the share of the prototype's AUs
    that are present, times 0.8 to 1 for the share of the present AUs that it explains (lips part and closed eyes
    left aside), less a tenth for each present AU that speaks against the emotion (AU12 in sadness, AU15 in
    happiness, ...). The best prototype counts. ``neutral`` is 1 - the strongest AU / 3.
    Contempt needs its AU on one side (``sides[au]`` "left" or "right"). This weighting is ours: the Guide
    names the sets, not their weights.
    """
    sides = sides or {}
    best: dict[str, float] = {}
    present = {a for a, v in aus.items() if v >= PRESENT}
    telling = present - {25, 43}
    rivals = {"happiness": {4, 9, 15, 20}, "sadness": {9, 12}, "anger": {1, 12}, "disgust": {12}, "fear": {12},
              "surprise": {4, 12, 15}, "contempt": {1, 4, 9, 15}}
    for name, sets in PROTOTYPES.items():
        clash = 0.1 * len(present & rivals[name])
        scores = [0.0]
        for core in sets:
            if name == "contempt" and not any(sides.get(a) in ("left", "right") for a in core & present):
                continue
            strength = sum(min(aus.get(a, 0.0), 3.0) / 3.0 for a in core) / len(core)
            explained = len(core & telling) / max(len(telling), 1)
            scores.append(strength * len(core & present) / len(core) * (0.8 + 0.2 * explained) - clash)
        best[name] = max(0.0, min(1.0, max(scores)))
    strongest = max((v for a, v in aus.items() if a not in (25, 26, 43)), default=0.0)
    best["neutral"] = max(0.0, 1.0 - strongest / 3.0)
    return best
