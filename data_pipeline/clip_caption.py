"""A clip's caption: the movements told in order (beginning, progress, middle, end), as the captions of FEC-Bench do.

No names, no age, no looks, and no emotion that the movements do not carry.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from emoreason.clips import PARTS
from emoreason.courses import Event
from emoreason.data_pipeline import clip_words as W
from emoreason.data_pipeline.courses import ClipFacts
from emoreason.data_pipeline.grammar import Voice, sentence
from emoreason.data_pipeline.phrases import PLACE, band

AXES = ("yaw", "pitch", "roll")


def caption(facts: ClipFacts, rng: random.Random) -> str:
    """An opening, then beginning, progress, middle and end."""
    v, clip = Voice(rng), facts.clip
    at_start = [e for e in clip.told if clip.starts(e) or e.onset - clip.start < 0.12]
    state = _state(v, facts, at_start)
    parts: list[list[str]] = [[] for _ in range(PARTS)]
    for e in clip.told:
        if e not in at_start:
            parts[clip.part(e.onset)].append(_phrase(v, e, 0))
    for e in clip.told:
        if not clip.lasts(e):
            parts[clip.part(e.offset)].append(_phrase(v, e, 2))
    for i in sorted({clip.part(e.apex) for e in clip.blinks}):
        parts[i].append(v.one(W.BLINKS))
    for i, axis, way in clip.turns:
        parts[i].append(v.one(W.TURNS[AXES[axis], way]))
    said = [v.say(W.OPEN if clip.told else W.OPEN_STILL)]
    for i, part in enumerate(parts):
        lines = list(dict.fromkeys(part))[:3]
        if i == 0 and state:
            what = v.listed(state) + (f"; {v.one(W.THEN)} {v.listed(lines)}" if lines else "")
        else:
            what = v.listed(lines) or v.fresh(W.NO_CHANGE)
        said.append(v.say(W.AT[i], what=what))
    return " ".join(sentence(s) for s in said)


def _state(v: Voice, facts: ClipFacts, at_start: Sequence[Event]) -> list[str]:
    """The face as it is first seen: what moves already, and closed lips or open eyes as far as that is certain."""
    absent = facts.first.absent
    out = [_phrase(v, e, 1) for e in sorted(at_start, key=lambda e: PLACE[e.au])[:3]]
    moving = {e.au for e in at_start}
    if 43 in absent and v.chance(0.3) and not moving & {5, 7, 43}:
        out.insert(0, v.one(("the eyes are open", "both eyes are open")))
    if {25, 26, 27} <= absent and v.chance(0.5) and not moving & {24, 25, 26, 27, 28}:
        out.append(v.one(("the mouth is closed", "the lips are closed")))
    return out or ([v.one(("the face is at rest", "the face is still"))] if not at_start else [])


def _phrase(v: Voice, e: Event, which: int) -> str:
    """The movement as a clause: 0 it begins, 1 it is there, 2 it ends."""
    letter = band(e.peak)
    template = v.one(W.MOVES[e.au][which])
    if e.au == 43 and letter in "ABC":
        template = W.DROOP[which]
    text = template.format(deg=v.one(W.DEGREE[letter]), pre=v.one(W.BEFORE[letter]))
    if e.short and which == 0:
        text += v.one((" for a moment", " briefly"))
    return text + (f", more on the {e.side} side" if e.side != "both" and which < 2 else "")
