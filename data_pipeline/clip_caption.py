"""A clip's caption: the movements told in order (beginning, progress, middle, end), as the captions of FEC-Bench do.

No names, no age, no looks, and no emotion that the movements do not carry.
"""

from __future__ import annotations

import random
import re

from emoreason.courses import Event
from emoreason.data_pipeline import clip_words as W
from emoreason.data_pipeline.courses import ClipFacts
from emoreason.data_pipeline.grammar import Voice, sentence
from emoreason.data_pipeline.phrases import band

AXES = ("yaw", "pitch", "roll")


def caption(facts: ClipFacts, rng: random.Random) -> str:
    """An opening, then beginning, progress, middle and end."""
    v, clip = Voice(rng), facts.clip
    state = _state(v, facts)
    said = [v.say(W.OPEN if clip.told else W.OPEN_STILL)]
    for i, step in enumerate(clip.steps):
        lines = [*(_phrase(v, e, 0) for e in step.begins), *(_phrase(v, e, 2) for e in step.ends),
                 *[v.one(W.BLINKS)] * step.blinks, *(v.one(W.TURNS[AXES[axis], way]) for axis, way in step.turns)]
        if i == 0 and state:
            what = v.listed(state) + (f"; {v.one(W.THEN)} {v.listed(list(dict.fromkeys(lines)))}" if lines else "")
        else:
            lines += [_still(v, e) for e in step.holds]
            what = v.listed(list(dict.fromkeys(lines))) or v.fresh(W.NO_CHANGE)
        said.append(v.say(W.AT[i], what=what))
    return " ".join(sentence(s) for s in said)


def _state(v: Voice, facts: ClipFacts) -> list[str]:
    """The face as it is first seen: what moves already, and closed lips or open eyes as far as that is certain."""
    absent, there = facts.first.absent, facts.clip.steps[0].there
    out = [_phrase(v, e, 1) for e in there]
    moving = {e.au for e in facts.clip.first}
    if 43 in absent and v.chance(0.3) and not moving & {5, 7, 43}:
        out.insert(0, v.one(("the eyes are open", "both eyes are open")))
    if {25, 26, 27} <= absent and v.chance(0.5) and not moving & {24, 25, 26, 27, 28}:
        out.append(v.one(("the mouth is closed", "the lips are closed")))
    return out or ([v.one(("the face is at rest", "the face is still"))] if not there else [])


def _still(v: Voice, e: Event) -> str:
    """A movement that goes on."""
    text = v.one(W.DROOP[1:2] if e.au == 43 and band(e.peak) in "ABC" else W.MOVES[e.au][1])
    if "{pre}" not in text:
        return re.sub(r" (is|are|shows) ", r" still \1 " if " shows " in text else r" \1 still ", text, count=1)
    return text.format(pre="still ")


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
