"""What a face shows, as a short text, and what it does not: positives and hard negatives for contrastive training.

A negative differs from the truth in one thing at least: the look of another expression with its movements, the face's
own look denied, or its own movements under another name (after FineCLIPER's positive and negative descriptions of each
class). The words are the explanation engine's.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from emoreason.data_pipeline.phrases import WORDS
from emoreason.data_pipeline.sentences import ADJECTIVE
from emoreason.facs import EMOTIONS, PRESENT, PROTOTYPES

NAMED = 4  # AUs that a text names at most, the strongest


def movements(aus: Mapping[int, float], rng: random.Random) -> list[str]:
    """Clauses for the strongest present AUs ("the lip corners are raised"), strongest first. NaN counts as unknown."""
    there = sorted((a for a, v in aus.items() if v >= PRESENT and a in WORDS), key=lambda a: -aus[a])
    return [rng.choice(WORDS[a]["clause"]) for a in there[:NAMED]]


def look(emotion: str, rng: random.Random, denied: bool = False) -> str:
    return f"the face {'does not look' if denied else 'looks'} {rng.choice(ADJECTIVE[emotion])}"


def positive(aus: Mapping[int, float], emotion: str | None, rng: random.Random) -> str:
    """A description of one face: AU -> intensity 0-5, emotion or None where it is not known."""
    parts = movements(aus, rng) or ["nothing moves in the face"]
    rng.shuffle(parts)
    if emotion is not None:
        parts.insert(0 if rng.random() < 0.5 else len(parts), look(emotion, rng))
    return ", ".join(parts)


def negatives(aus: Mapping[int, float], emotion: str | None, rng: random.Random, count: int = 3) -> list[str]:
    """``count`` descriptions that are wrong of this face, each in another way as far as they go."""
    out = []
    for i in range(count):
        other = rng.choice([e for e in EMOTIONS if e != emotion])
        own = movements(aus, rng)
        if i % 3 == 0 or not own and emotion is None:  # another expression, movements and all
            core = rng.choice(PROTOTYPES.get(other) or (frozenset(),))
            shown = {a: 3.0 for a in core if aus.get(a, 0.0) < PRESENT}
            out.append(positive(shown, other, rng) if shown or not own else look(other, rng))
        elif i % 3 == 1 and emotion is not None:  # the truth denied
            out.append(", ".join([look(emotion, rng, denied=True), *own]))
        else:  # its movements under another name
            out.append(", ".join([*own, look(other, rng)]))
    return out


def prompts(emotion: str) -> list[str]:
    """The texts by which an expression is recognised without further training: its look, with each of its patterns."""
    rng = random.Random(0)
    texts = [f"the face looks {word}" for word in ADJECTIVE[emotion]]
    for core in PROTOTYPES.get(emotion, ()):
        texts.append(positive({a: 3.0 for a in core}, emotion, rng))
    return texts
