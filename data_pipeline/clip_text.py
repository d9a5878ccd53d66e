"""What is said about a clip: when each movement comes and goes, what it adds up to, and a caption.

A caption tells movement in order (beginning, progress, middle, end), as the captions of FEC-Bench do: no names, no
age, no looks, and no emotion that the movements do not carry. Times are seconds from the clip's start.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from emoreason.data_pipeline import clip_words as W
from emoreason.data_pipeline import sentences as S
from emoreason.data_pipeline.answers import evidence, support
from emoreason.data_pipeline.courses import ClipFacts, Course
from emoreason.data_pipeline.facts import ABSENT, Facts
from emoreason.data_pipeline.grammar import Voice, pool, sentence
from emoreason.data_pipeline.phrases import PLACE, UNIT_NAMES, band
from emoreason.data_pipeline.questions import Question, typed
from emoreason.data_pipeline.reading import Teller
from emoreason.data_pipeline.refusals import unreadable
from emoreason.facs import EMOTIONS, MEASURED_AUS, PRESENT, au
from emoreason.schema import Explanation, Observation

CLIP_KINDS = ("read", "caption", "events", "when")

_ASK = {
    "read": pool("what does the face show over the clip, and why", "how does the expression change",
                 "what emotion does the video show", "read the face in this clip",
                 "which emotion is it, and when", "explain the expression in the video", "what happens in the face",
                 "what does the person in the clip look like, and why",
                 "how does the face develop over time", "what is the emotion in this video"),
    "caption": pool("describe the video", "caption this clip", "describe the facial movements in the video",
                    "what happens in the video", "give a caption for the clip",
                    "tell what the face does from beginning to end",
                    "describe how the face changes", "write a caption of the facial expression",
                    "describe the changes of the face in order", "what can be seen in this clip"),
    "events": pool("list the facial events with their times", "which action units show, and when",
                   "when does what move", "give me the timeline", "list the movements in order of time",
                   "AUs over time",
                   "which movements come and go", "code the clip", "timeline of action units", "what moves when"),
    "when": pool("when does AU{n} show", "when does the {name} begin", "at what time is AU{n} active",
                 "how long does AU{n} last", "when is the {name} strongest", "is there an AU{n} in the clip, and when",
                 "from when to when is AU{n} there", "does AU{n} occur"),
}
# au: (it begins, it is there at the start, it ends); {deg} is a degree
def ask_clip(clip: ClipFacts, rng: random.Random) -> Question:
    """A question about a clip: of one of CLIP_KINDS, in one of its wordings."""
    kind = rng.choices(CLIP_KINDS, (4, 4, 3, 2))[0]
    voice, number, values = Voice(rng), None, {}
    if kind == "when":
        moving = [c.au for c in clip.courses]
        number = voice.one(moving) if moving and voice.chance(0.7) else voice.one(MEASURED_AUS)
        values = {"n": str(number), "name": UNIT_NAMES.get(number, au(number).name)}
    return Question(kind, typed(voice.say(_ASK[kind], **values), rng), au=number)


def write_clip(clip: ClipFacts, question: Question, rng: random.Random) -> Explanation:
    """The answer to a question about a clip: marks carry the time span in which each movement shows."""
    voice = Voice(rng)
    f = clip.overall
    if not f.readable:
        return unreadable(f, voice)
    t = Teller(f, rng, voice)
    shown = [c for c in clip.courses if not c.blink]
    if question.kind == "caption":
        seen, said = _spans(clip, voice, shown[:7]), [caption(clip, rng)]
    elif question.kind == "events":
        seen, said = _spans(clip, voice, shown[:12]), [_order(voice, shown), _overall(t)]
    elif question.kind == "when":
        mine = [c for c in shown if c.au == question.au]
        seen = _spans(clip, voice, mine[:4])
        if not seen and max(x.aus[question.au or 12] for x in clip.frames) < ABSENT:
            seen = (t.gone(question.au or 12),)
        said = [_when(voice, clip, question.au or 12, mine, bool(seen)), _overall(t)]
    else:
        seen = tuple(_timed(clip, o) for o in evidence(t))
        said = [t.verdict(), _development(voice, clip), *support(t, 2)]
    text = " ".join(sentence(s) for s in said if s)
    return Explanation(seen, text, f.top, f.confidence, round(f.valence, 1), round(f.arousal, 1))


def _spans(clip: ClipFacts, voice: Voice, courses: Sequence[Course]) -> tuple[Observation, ...]:
    """One observation for each course, as it looks at its apex."""
    out = []
    for c in courses:
        t = Teller(clip.frames[clip.times.index(c.apex)], voice.rng, voice)
        out.append(replace(t.seen(c.au), span=(c.onset, c.offset)))
    return tuple(out)


def _timed(clip: ClipFacts, o: Observation) -> Observation:
    """The observation with the span of its movement around the peak frame."""
    at = clip.times[clip.peak]
    course = next((c for c in clip.courses if o.present and c.au == o.au and c.onset <= at <= c.offset), None)
    return replace(o, span=(course.onset, course.offset)) if course else o


_ORDER = pool("{first} comes first, at {x} seconds, and {last} last, at {y} seconds",
              "the movements begin with {first} at {x} seconds and end with {last} at {y} seconds",
              "it starts at {x} seconds with {first}; {last} begins last, at {y} seconds",
              "in time, {first} leads at {x} seconds, and {last} follows as the last one at {y} seconds")
_ORDER_ONE = pool("the only movement is {first}, from {x} to {y} seconds",
                  "nothing but {first} shows, from {x} to {y} seconds",
                  "one movement is there, {first}, between {x} and {y} seconds")
_ORDER_NONE = pool("no movement reaches the level of a trace at any time", "the face stays at rest throughout",
                   "there is nothing to list, as the face does not move enough")


def _order(v: Voice, courses: list[Course]) -> str:
    if not courses:
        return v.say(_ORDER_NONE)
    first, last = courses[0], courses[-1]
    name = f"AU{first.au}"
    if len(courses) == 1:
        return v.say(_ORDER_ONE, first=name, x=f"{first.onset:.1f}", y=f"{first.offset:.1f}")
    return v.say(_ORDER, first=name, last=f"AU{last.au}", x=f"{first.onset:.1f}", y=f"{last.onset:.1f}")


_OVERALL = pool("over the clip the face looks {adj}, {conf}", "taken over the clip, it reads as {as_}, {conf}",
                "as a whole the clip reads as {as_}, {conf}", "the overall look is closest to {as_}, {conf}")


def _overall(t: Teller) -> str:
    return t.v.say(_OVERALL, **t.names())


_WHEN = pool("AU{a}, the {name}, shows from {x} to {y} seconds and is strongest at {z}",
             "the {name} (AU{a}) begins at {x} seconds, peaks at {z} and is gone after {y}",
             "AU{a} is there between {x} and {y} seconds, with its peak at {z}")
_WHEN_LASTS = pool("AU{a}, the {name}, begins at {x} seconds and still shows when the clip ends",
                   "the {name} (AU{a}) shows from {x} seconds to the end of the clip",
                   "from {x} seconds on AU{a} is there until the clip ends")
_WHEN_MORE = pool("it comes {n} times in all", "there are {n} such movements in the clip",
                  "it returns, {n} times in all")
_WHEN_BLINK = pool("the eyes close only in a blink, near {x} seconds",
                   "apart from a blink at {x} seconds, the eyes stay open", "there is just a blink, at {x} seconds")
_WHEN_NOT = pool("the {name} does not show at any time", "at no time is the {name} active",
                 "the {name} stays at rest through the whole clip")
_WHEN_EDGE = pool("the {name} stays below the level of a trace or on its edge",
                  "there may be a hint of the {name}, but never enough to score")


def _when(v: Voice, clip: ClipFacts, a: int, courses: list[Course], stated: bool) -> str:
    words = {"a": str(a), "name": UNIT_NAMES.get(a, au(a).name)}
    blinks = [c for c in clip.courses if c.blink and c.au == a]
    if not courses and blinks:
        return v.say(_WHEN_BLINK, x=f"{blinks[0].apex:.1f}")
    if not courses:
        return v.say(_WHEN_NOT if stated else _WHEN_EDGE, **words)
    c = max(courses, key=lambda c: c.peak)
    text = v.say(_WHEN_LASTS if c.lasts else _WHEN, **words, x=f"{c.onset:.1f}", y=f"{c.offset:.1f}", z=f"{c.apex:.1f}")
    return text if len(courses) == 1 else text + "; " + v.say(_WHEN_MORE, n=str(len(courses)))


_BUILDS = pool("the look builds up to about {z} seconds", "it is strongest near {z} seconds",
               "the peak comes at about {z} seconds", "most of it can be seen around {z} seconds")
_TURN = pool("it begins as {start} and turns {end} later", "the face looks {start} at first and {end} at the end",
             "from a {start} start the look goes over to {end}", "the clip starts {start} and ends {end}")


def _development(v: Voice, clip: ClipFacts) -> str:
    """How the look changes over the clip."""
    third = max(1, len(clip.frames) // 3)
    first, last = _mean_top(clip.frames[:third]), _mean_top(clip.frames[-third:])
    if first != last and len(clip.frames) > 3:
        return v.say(_TURN, start=S.BARE[first], end=S.BARE[last])
    return v.say(_BUILDS, z=f"{clip.times[clip.peak]:.1f}") if clip.overall.activity >= PRESENT else ""


def _mean_top(frames: Sequence[Facts]) -> str:
    return max(EMOTIONS, key=lambda e: sum(f.p(e) for f in frames))


def caption(clip: ClipFacts, rng: random.Random) -> str:
    """The clip told in order: an opening, then beginning, progress, middle and end."""
    v = Voice(rng)
    start, end = clip.times[0], clip.times[-1]
    quarter = max((end - start) / 4, 1e-6)
    told = [c for c in clip.courses if not c.blink]
    at_start = [c for c in told if c.onset - start < 0.12]
    state = _state(v, clip, at_start)
    parts: list[list[str]] = [[], [], [], []]
    for c in told:
        if c not in at_start:
            parts[min(3, int((c.onset - start) / quarter))].append(_phrase(v, c, 0))
    for c in told:
        if not c.lasts and c.offset < end:
            parts[min(3, int((c.offset - start) / quarter))].append(_phrase(v, c, 2))
    blinks = {min(3, int((c.onset - start) / quarter)) for c in clip.courses if c.blink}
    for i in blinks:
        parts[i].append(v.one(W.BLINKS))
    for i in range(1, 4):
        parts[i] += _turns(v, clip, i)
    said = [v.say(W.OPEN if told else W.OPEN_STILL)]
    for i, part in enumerate(parts):
        lines = list(dict.fromkeys(part))[:3]
        if i == 0 and state:
            what = v.listed(state) + (f"; {v.one(W.THEN)} {v.listed(lines)}" if lines else "")
        else:
            what = v.listed(lines) or v.fresh(W.NO_CHANGE)
        said.append(v.say(W.AT[i], what=what))
    return " ".join(sentence(s) for s in said)


def _state(v: Voice, clip: ClipFacts, courses: list[Course]) -> list[str]:
    """The face in the first frame: what moves already, and closed lips or open eyes as far as that is certain."""
    first = clip.frames[0]
    out = [_phrase(v, c, 1) for c in sorted(courses, key=lambda c: PLACE[c.au])[:3]]
    if 43 in first.absent and v.chance(0.5) and not any(c.au in (5, 7, 43) for c in courses):
        out.insert(0, v.one(("the eyes are open", "both eyes are open")))
    if {25, 26, 27} <= first.absent and not any(c.au in (24, 28) for c in courses):
        out.append(v.one(("the mouth is closed", "the lips are closed")))
    return out or ([v.one(("the face is at rest", "the face is still"))] if not first.present else [])


def _phrase(v: Voice, c: Course, which: int) -> str:
    """The course as a clause: 0 it begins, 1 it is there, 2 it ends."""
    letter = band(c.peak)
    template = v.one(W.MOVES[c.au][which])
    if c.au == 43 and letter in "ABC":
        template = W.DROOP[which]
    text = template.format(deg=v.one(W.DEGREE[letter]), pre=v.one(W.BEFORE[letter]))
    return text + (f", more on the {c.side} side" if c.side != "both" and which < 2 else "")


def _turns(v: Voice, clip: ClipFacts, part: int) -> list[str]:
    """Head movements from the quarter before to this one."""
    n = len(clip.frames)
    if n < 8:
        return []
    bounds = [round(n * i / 4) for i in range(5)]

    def mean(i: int, axis: int) -> float:
        poses = [f.pose[axis] for f in clip.frames[bounds[i]: bounds[i + 1]]]
        return sum(poses) / len(poses)

    out = []
    for axis, (name, least) in enumerate((("yaw", 10), ("pitch", 8), ("roll", 8))):
        change = mean(part, axis) - mean(part - 1, axis)
        if abs(change) >= least:
            out.append(v.one(W.TURNS[name, 1 if change > 0 else -1]))
    return out


