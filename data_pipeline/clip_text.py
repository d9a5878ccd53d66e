"""What is said about a clip: when each movement comes and goes, what it adds up to, how it changes.

Times are seconds from the clip's start, to a tenth; an observation's span is that of its movement. Whatever is asked
about a still face can be asked about a clip too: then the clip's peak answers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from emoreason.clip_moments import shown
from emoreason.clips import Clip
from emoreason.courses import Event
from emoreason.data_pipeline import clip_words as W
from emoreason.data_pipeline import sentences as S
from emoreason.data_pipeline.answer_parts import cited, evidence, support
from emoreason.data_pipeline.clip_caption import caption
from emoreason.data_pipeline.courses import ClipFacts
from emoreason.data_pipeline.explain import ask, write
from emoreason.data_pipeline.facts import ABSENT, Facts
from emoreason.data_pipeline.grammar import Voice, pool, sentence
from emoreason.data_pipeline.phrases import UNIT_NAMES
from emoreason.data_pipeline.questions import Question, typed
from emoreason.data_pipeline.reading import Teller
from emoreason.data_pipeline.refusals import unreadable
from emoreason.facs import MEASURED_AUS, au
from emoreason.schema import Explanation, Observation

AGAIN = 0.6  # of the questions about when one movement shows, where one comes more than once, those about such a one
TOGETHER = 0.15  # seconds between first and last beginnings below which movements begin together
SMILES = 0.3  # of the others, those about a smile: what people ask most
# What is asked about clips, and how often.
CLIP_KINDS = {"read": 4, "caption": 5, "events": 3, "develop": 5, "when": 2, "part": 4, "at": 1, "still": 6}

_ASK = {
    "read": pool("what does the face show over the clip, and why", "read the expression in this clip",
                 "what emotion does the video show", "read the face in this clip", "why does the face look like that",
                 "which emotion is it, and when", "explain the expression in the video", "what happens in the face",
                 "what does the person in the clip look like, and why", "what does this face show, and why",
                 "what is the emotion in this video"),
    "caption": pool("describe the video", "caption this clip", "describe the facial movements in the video",
                    "what happens in the video", "give a caption for the clip", "describe the clip",
                    "tell what the face does from beginning to end", "describe what the face does in this video",
                    "describe how the face changes", "write a caption of the facial expression",
                    "describe the changes of the face in order", "what can be seen in this clip"),
    "events": pool("list the facial events with their times", "which action units show, and when",
                   "when does what move", "give me the timeline", "list the movements in order of time",
                   "AUs over time", "which movements come and go", "code the clip", "timeline of action units",
                   "what moves when"),
    "develop": pool("what changes, and when", "how does the expression change", "what changes in the face",
                    "how does the face develop over time", "does the expression change", "when does the look change",
                    "what changes over the clip, and at what time", "how does the look go over the clip",
                    "is there a change in the expression, and when"),
    "when": pool("when does AU{n} show", "when does the {name} begin", "at what time is AU{n} active",
                 "how long does AU{n} last", "when is the {name} strongest", "is there an AU{n} in the clip, and when",
                 "from when to when is AU{n} there", "does AU{n} occur"),
    "part": pool("why does the face look {adj} {part}", "why does it look {adj} {part}",
                 "does the face look {adj} {part}", "is there {noun} {part}"),
    "at": pool("what does the face show at {t} seconds", "which movements are there at {t} s",
               "how does the face look at {t} seconds", "what is active at second {t}"),
}
# A movement in everyday words: what it is called, and what the face or a person then does.
NAMED = {2: ((), ("do the eyebrows go up", "do the brows rise")),
         4: (("frown",), ("does he frown", "do the brows draw together")), 5: ((), ("do the eyes widen",)),
         6: ((), ("do the cheeks rise",)), 9: ((), ("does the nose wrinkle", "does he wrinkle his nose")),
         12: (("smile",), ("does she smile", "does he smile", "does the person smile", "does the person start to smile",
                         "do the lip corners go up")),
         15: ((), ("do the mouth corners turn down",)), 17: ((), ("does the chin go up",)),
         18: (("pucker",), ("do the lips pucker",)), 24: ((), ("does she press her lips together",)),
         25: ((), ("do the lips part", "does the mouth open")), 26: ((), ("does the jaw drop", "does the mouth open")),
         43: ((), ("do the eyes close", "does she close her eyes"))}
_ASK_NAMED = pool("when does the {name} begin", "when does the {name} start", "when does the {name} fade",
                  "how long does the {name} last", "when is the {name} strongest", "is there a {name}, and when")
_ASK_DOES = pool("when {does}", "at what time {does}", "from when to when {does}")
_ASK_PART = pool("how does the face look {part}", "what does the face show {part}", "which movements are there {part}",
                 "how does the person look {part}", "what can be seen {part}")  # without naming a look
_PART = (("at the beginning", "at the start", "at first", "in the first frames", "in the beginning"), (), (),
         ("at the end", "in the end", "towards the end", "at last", "in the last frames"))


def ask_clip(facts: ClipFacts, rng: random.Random, kinds: Sequence[str] = tuple(CLIP_KINDS)) -> Question:
    """A question about a clip: of one of ``kinds``, in one of its wordings. "still": any question about a face."""
    kind = rng.choices(kinds, [CLIP_KINDS[k] for k in kinds])[0]
    clip, voice = facts.clip, Voice(rng, skew=1.0)
    if kind == "still":
        return ask(facts.overall, rng)
    number, emotion, topic, values = None, None, None, {}
    if kind == "when":
        moving = [e.au for e in clip.told]
        again = [a for a, each in clip.spans.items() if len(each) > 1]
        if again and voice.chance(AGAIN):
            number = rng.choice(again)
        else:
            some = moving if moving and voice.chance(0.7) else MEASURED_AUS
            number = 12 if voice.chance(SMILES) else rng.choice(some)
        values = {"n": str(number), "name": UNIT_NAMES.get(number, au(number).name)}
        names, does = NAMED.get(number, ((), ()))
        if names and voice.chance(0.4):
            return Question(kind, typed(voice.say(_ASK_NAMED, name=voice.one(names)), rng), None, None, number)
        if does and voice.chance(0.4):
            return Question(kind, typed(voice.say(_ASK_DOES, does=voice.one(does)), rng), None, None, number)
    elif kind == "part":
        i = rng.choice((0, 3))
        if voice.chance(0.4):
            text = voice.say(_ASK_PART, part=rng.choice(_PART[i]))
            return Question(kind, typed(text, rng), None, None, None, str(i))
        looks = [x.ranked[0] for x in clip.looks]
        emotion = looks[i] if voice.chance(0.65) else rng.choice([*looks, *clip.looks[i].ranked[1:3]])
        topic, values = str(i), {"part": rng.choice(_PART[i]), "adj": voice.one(S.ADJECTIVE[emotion]),
                                 "noun": S.NOUN[emotion]}
    elif kind == "at":
        topic = f"{rng.uniform(clip.start, clip.end):.1f}"
        values = {"t": topic}
    return Question(kind, typed(voice.say(_ASK[kind], **values), rng), emotion, None, number, topic)


def write_clip(facts: ClipFacts, question: Question, rng: random.Random) -> Explanation:
    """The answer to a question about a clip: marks carry the time span in which each movement shows."""
    clip, voice, whole = facts.clip, Voice(rng), facts.overall
    if not facts.readable:
        return unreadable(whole, voice)
    kind = question.kind
    if kind not in CLIP_KINDS:
        return _timed(write(whole, question, rng), clip, clip.peak, clip.peak)
    if kind in ("read", "part", "at"):
        return _moment(facts, question, voice)
    t = Teller(whole, rng, voice)
    if kind == "caption":
        seen, said = _spans(facts, voice, clip.told), [caption(facts, rng)]
    elif kind == "events":
        seen = _spans(facts, voice, clip.told)
        said = [_order(voice, clip.told), *_doubts(voice, clip.told), _overall(t)]
    elif kind == "develop":
        seen = _spans(facts, voice, clip.told)
        said = [_development(voice, clip), _order(voice, clip.told), *_doubts(voice, clip.told)]
    else:
        number = question.au or 12
        count, mine = shown(number, clip)
        seen = _spans(facts, voice, mine)
        if not seen and clip.levels[number] < ABSENT:
            seen = (t.gone(number),)
        said = [_when(voice, clip, number, mine, count, bool(seen)), *_doubts(voice, mine), _overall(t)]
    return _explained(seen, said, whole)


def _explained(seen: Sequence[Observation], said: Sequence[str], f: Facts) -> Explanation:
    text = " ".join(sentence(s) for s in said if s)
    return Explanation(tuple(seen), text, f.top, f.confidence, round(f.valence, 1), round(f.arousal, 1))


def _moment(facts: ClipFacts, question: Question, voice: Voice) -> Explanation:
    """The whole by its peak, a part, or a time: what it looks like and why."""
    clip, rng = facts.clip, voice.rng
    if question.kind == "part":
        i = int(question.topic or 0)
        step = (clip.end - clip.start) / len(clip.looks)
        span = (clip.start + i * step, clip.start + (i + 1) * step)
        x = write(facts.part(i), Question("why" if question.emotion else "read", question.text, question.emotion), rng)
        return _timed(x, clip, *span)
    time = float(question.topic) if question.kind == "at" and question.topic else clip.peak
    f = facts.overall if question.kind == "read" else facts.at(time)
    t = Teller(f, rng, voice)
    seen = evidence(t)
    said = [t.verdict(), _development(voice, clip) if question.kind == "read" else "", *support(t, 2)]
    seen = cited(t, seen, said)
    mine = [e for e in clip.during(time, time) if e.au in {o.au for o in seen}]
    return _timed(_explained(seen, [*said, *_doubts(voice, mine)], f), clip, time, time)


def _spans(facts: ClipFacts, voice: Voice, events: Sequence[Event]) -> tuple[Observation, ...]:
    """One observation for each movement, as it looks at its apex."""
    out: dict[tuple, Observation] = {}
    for e in events:
        o = replace(Teller(facts.of(e), voice.rng, voice).seen(e.au), intensity=e.peak, span=_span(e))
        out.setdefault((o.au, o.side, o.span), o)
    return tuple(out.values())


def _span(e: Event) -> tuple[float, float]:
    return round(e.onset, 1), round(e.offset, 1)


def _timed(x: Explanation, clip: Clip, low: float, high: float) -> Explanation:
    """With the spans of the movements between two times."""
    there = {e.au: e for e in sorted(clip.events, key=lambda e: e.peak) if e.onset <= high and e.offset >= low}
    return replace(x, observations=tuple(
        replace(o, span=_span(there[o.au])) if o.present and o.au in there else o for o in x.observations))


_ORDER_ONE = pool("the only movement is {first}, from {x} to {y} seconds",
                  "nothing but {first} shows, from {x} to {y} seconds",
                  "one movement is there, {first}, between {x} and {y} seconds")
_ORDER_NONE = pool("no movement reaches the level of a trace at any time", "the face stays at rest throughout",
                   "there is nothing to list, as the face does not move enough")


def _order(v: Voice, events: Sequence[Event]) -> str:
    if not events:
        return v.say(_ORDER_NONE)
    first, last = events[0], events[-1]
    name = f"AU{first.au}"
    if len(events) == 1:
        return v.say(_ORDER_ONE, first=name, x=f"{first.onset:.1f}", y=f"{first.offset:.1f}")
    if last.onset - first.onset < TOGETHER:
        return v.say(W.AT_ONCE, x=f"{first.onset:.1f}")
    again = "again " * (first.au == last.au)
    return v.say(W.ORDER, first=name, last=f"{again}AU{last.au}", x=f"{first.onset:.1f}", y=f"{last.onset:.1f}")


_SHORT = pool("AU{a} at {z} seconds lasts less than half a second, so it is uncertain",
              "the short AU{a} at {z} seconds may be a measuring error",
              "AU{a} flashes by at {z} seconds in under half a second; that is too short to be sure")
_SPEECH = pool("{nums} {come} with speaking and say little about the expression",
               "the person seems to speak, which moves {nums} as well",
               "{nums} may be speech rather than expression")


def _doubts(v: Voice, events: Sequence[Event]) -> list[str]:
    """What is uncertain about these movements: too short, or of a speaking mouth."""
    short = [e for e in events if e.short]
    speech = sorted({e.au for e in events if e.speech})
    out = [v.say(_SHORT, a=str(e.au), z=f"{e.apex:.1f}") for e in short[:1]]
    if speech:
        nums = v.listed([f"AU{a}" for a in speech[:3]])
        out.append(v.say(_SPEECH, nums=nums, come="comes" if len(speech) == 1 else "come"))
    return out


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
_WHEN_OFTEN = pool("AU{a}, the {name}, shows {n} times, {often}{spans} seconds, and is strongest at {z}",
                   "the {name} (AU{a}) comes {n} times, {often}{spans} seconds, with its peak at {z}")
_WHEN_BLINK = pool("the eyes close only in a blink, near {x} seconds",
                   "apart from a blink at {x} seconds, the eyes stay open", "there is just a blink, at {x} seconds")
_WHEN_NOT = pool("the {name} does not show at any time", "at no time is the {name} active",
                 "the {name} stays at rest through the whole clip")
_WHEN_EDGE = pool("the {name} stays below the level of a trace or on its edge",
                  "there may be a hint of the {name}, but never enough to score")


def _when(v: Voice, clip: Clip, a: int, events: Sequence[Event], count: int, stated: bool) -> str:
    words = {"a": str(a), "name": UNIT_NAMES.get(a, au(a).name)}
    if not events and a == 43 and clip.blinks:
        return v.say(_WHEN_BLINK, x=f"{clip.blinks[0].apex:.1f}")
    if not events:
        return v.say(_WHEN_NOT if stated else _WHEN_EDGE, **words)
    e = max(events, key=lambda e: e.peak)
    words["z"] = f"{e.apex:.1f}"
    if count > 1:
        spans = v.listed([f"from {one.onset:.1f} to {one.offset:.1f}" for one in events])
        often = "most clearly " * (count > len(events))
        return v.say(_WHEN_OFTEN, **words, n=str(count), often=often, spans=spans)
    return v.say(_WHEN_LASTS if clip.lasts(e) else _WHEN, **words, x=f"{e.onset:.1f}", y=f"{e.offset:.1f}")


def _development(v: Voice, clip: Clip) -> str:
    """How the look changes over the clip's parts."""
    tops = [x.ranked[0] for x in clip.looks]
    first, last = tops[0], tops[-1]
    mid = tops[clip.part(clip.peak)]
    words = {"start": S.BARE[first], "mid": S.BARE[mid], "end": S.BARE[last], "z": f"{clip.peak:.1f}"}
    if first != last:
        return v.say(W.PASSES if mid not in (first, last) else W.TURN, **words)
    if mid != first:
        return v.say(W.RETURNS, **words)
    if len(set(tops)) == 1 and (not clip.told or v.chance(0.5)):
        return v.say(W.STAYS, **words)
    return v.say(W.BUILDS, **words) if clip.told else ""
