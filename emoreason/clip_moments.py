"""Which part of a clip a question is about, a time, the first or the last frames, one movement, or how it all goes; and
what is told about that alone."""

from __future__ import annotations

import re
from functools import cache

from emoreason.clips import PARTS, Clip, Look, look_words
from emoreason.courses import CLOSED, Event
from emoreason.facs import MEASURED_AUS, au

WHEN = re.compile(r"\b(?:when|what time|how long|timeline|over time|occurs?)\b", re.I)
SHOWN = 4  # events of one movement that are told

_START = re.compile(r"\b(?:at|in) (?:the |its )?(?:very )?(?:start|begin\w*|first\b|outset)|\bfirst frames\b", re.I)
_END = re.compile(r"\b(?:at|in|towards|by) (?:the |its )?(?:very )?(?:end\b|last\b)|\blast frames\b|\bfinally\b", re.I)
_AT = re.compile(r"\b(?:at|second|around|near)\s+(?:second\s+)?(\d+(?:\.\d+)?)(?:\s*s(?:ec\w*)?\b|\b)", re.I)


def moment(question: str, clip: Clip) -> tuple[int, float, float] | None:
    """The part (0 to PARTS - 1) that a question is about, and from when to when in seconds; None: the whole."""
    step = (clip.end - clip.start) / PARTS
    if found := _AT.search(question):
        time = float(found.group(1))
        return clip.part(time), time, time
    part = PARTS - 1 if _END.search(question) else 0 if _START.search(question) else None
    return None if part is None else (part, clip.start + part * step, clip.start + (part + 1) * step)


def movement(question: str) -> frozenset[int]:
    """The AUs that a question about when one movement shows may mean; none for any other question."""
    low = question.lower()
    found = (aus for phrase, aus in _movements() if phrase.search(low))
    return next(found, frozenset()) if WHEN.search(low) else frozenset()


@cache
def _movements() -> tuple[tuple[re.Pattern[str], frozenset[int]], ...]:
    """What questions call a movement, with the AUs that it may be."""
    from emoreason.data_pipeline.clip_text import NAMED

    table: dict[str, set[int]] = {}
    for a in MEASURED_AUS:
        names, does = NAMED.get(a, ((), ()))
        for phrase in (f"au{a}", name_of(a), *(f"{n[:-1]}\\w+" for n in names), *does):
            table.setdefault(phrase, set()).add(a)
    return tuple((re.compile(rf"\b{p}\b"), frozenset(table[p])) for p in sorted(table, key=len, reverse=True))


def name_of(a: int) -> str:
    """What the explanation engine calls a movement, in lower case."""
    from emoreason.data_pipeline.phrases import UNIT_NAMES

    return UNIT_NAMES.get(a, au(a).name).lower()


def asked(question: str, clip: Clip) -> tuple[Look, ...]:
    """The looks that an answer may conclude on: of the part or time that the question names, else of the whole."""
    found = moment(question, clip)
    return (clip.overall if found is None else clip.looks[found[0]],)


def spans(question: str, clip: Clip, slack: float = 0.0) -> dict[int, list[tuple[float, float, float]]]:
    """``clip.spans``, of a question about a time or a part those that reach into it, give or take ``slack`` seconds; of
    one about when a movement shows those of that movement."""
    found = moment(question, clip)
    if found is None:
        meant = movement(question)
        return {a: each for a, each in clip.spans.items() if a in meant or not meant}
    _, low, high = found
    near = {a: [s for s in each if s[0] <= high + slack and s[1] >= low - slack] for a, each in clip.spans.items()}
    return {a: each for a, each in near.items() if each}


def about(question: str, clip: Clip) -> str:
    """The line before a question: what was measured at the time or in the part that it names, of the one movement that
    it asks the time of, or else of the whole: what begins first and last, what shows when its look shows most."""
    if found := moment(question, clip):
        part, low, high = found
        when = f"{low:.1f} s in " if low == high else ""
        return f"Asked: {when}part {part + 1}: {_moves(clip, low, high)}. Look {look_words(clip.looks[part])}.\n"
    if meant := movement(question):
        return f"Asked: {'; '.join(_course_of(a, clip) for a in sorted(meant))}.\n"
    part = clip.part(clip.peak)
    looks = ", ".join(clip.looks[i].ranked[0] for i in (0, part, -1))
    ends = zip(("first", "last"), (*clip.told[:1], *clip.told[-1:]), strict=False)
    order = "".join(f"{name} AU{e.au} {e.onset:.1f}, " for name, e in ends)
    most = f"most {clip.peak:.1f} s in part {part + 1}: {_moves(clip, clip.peak, clip.peak)}"
    return f"Asked: {order}{most}. Looks {looks}.\n"


def _moves(clip: Clip, low: float, high: float) -> str:
    return ", ".join(clip.move_words(e) for e in clip.during(low, high)) or "none"


def shown(a: int, clip: Clip) -> tuple[int, list[Event]]:
    """How often a movement comes, and the SHOWN strongest of its events, by onset."""
    mine = [e for e in clip.events if e.au == a]
    return len(mine), sorted(sorted(mine, key=lambda e: -e.peak)[:SHOWN], key=lambda e: e.onset)


def series(question: str, clip: Clip) -> tuple[int, tuple[Event, ...]]:
    """Of a question about when one movement shows that comes more than once: how often it comes, and the events that an
    answer observes one by one; (0, ()) for any other question."""
    if moment(question, clip) is not None:
        return 0, ()
    coming = [(count, events) for count, events in (shown(a, clip) for a in movement(question)) if count]
    if len(coming) != 1 or coming[0][0] < 2:
        return 0, ()
    return coming[0][0], tuple(coming[0][1])


def _course_of(a: int, clip: Clip) -> str:
    """A movement's events, how often it comes and when the strongest does, or how far it stayed below one."""
    count, events = shown(a, clip)
    if not count:
        blinks = f", a blink {clip.blinks[0].apex:.1f}" if a == CLOSED and clip.blinks else ""
        return f"AU{a} none, at most {clip.levels[a]:.1f}{blinks}"
    most = max(events, key=lambda e: e.peak)
    if count > 1:
        often = f"{count} times, strongest {most.apex:.1f}"
    else:
        end = "lasts to the end" if clip.lasts(most) else f"gone {most.offset:.1f}"
        often = f"once begins {most.onset:.1f} peaks {most.apex:.1f} {end}"
    return f"{', '.join(map(clip.move_words, events))}; {often}"
