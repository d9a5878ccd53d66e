"""Which part of a clip a question is about, a time, the first or the last frames, one movement, or how it all goes; and
what is told about that alone."""

from __future__ import annotations

import re
from functools import cache

from emoreason.clips import PARTS, Clip, Look
from emoreason.courses import Event
from emoreason.facs import MEASURED_AUS, au

WHEN = re.compile(r"\b(?:when|what time|how long|timeline|over time)\b", re.I)
COURSE = re.compile(r"\b(?:when\b|chang|develop|timeline|over (?:the clip|time)\b|events?\b|move)", re.I)
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
    """The line before a question about a time or a part (what was measured then), about when one movement shows (when
    it does), or about the course (what begins first and last, how the look goes); empty before any other question."""
    if found := moment(question, clip):
        part, low, high = found
        when = f"{low:.1f} s in part {part + 1}" if low == high else f"part {part + 1}"
        moves = ", ".join(f"AU{e.au} {e.peak:.1f}" for e in clip.during(low, high)) or "none"
        return f"Asked: {when}: {moves}. Look {_said(clip.looks[part])}.\n"
    if meant := movement(question):
        return f"Asked: {'; '.join(_course_of(a, clip) for a in sorted(meant))}.\n"
    if not COURSE.search(question) or not clip.told:
        return ""
    first, last = clip.told[0], clip.told[-1]
    looks = ", ".join(clip.looks[i].ranked[0] for i in (0, clip.part(clip.peak), -1))
    return (f"Asked: first AU{first.au} {first.onset:.1f}, last AU{last.au} {last.onset:.1f}, most {clip.peak:.1f}. "
            f"Looks {looks}.\n")


def _said(look: Look) -> str:
    return f"{look.ranked[0]} {look.emotions[look.ranked[0]]:.2f}"


def shown(a: int, clip: Clip) -> tuple[int, list[Event]]:
    """How often a movement comes, and the SHOWN strongest of its events, by onset."""
    mine = [e for e in clip.events if e.au == a]
    return len(mine), sorted(sorted(mine, key=lambda e: -e.peak)[:SHOWN], key=lambda e: e.onset)


def _course_of(a: int, clip: Clip) -> str:
    """A movement's strongest event and the times of the others, or how far it stayed below one."""
    count, events = shown(a, clip)
    if not count:
        return f"AU{a} none, at most {clip.levels[a]:.1f}"
    most = max(events, key=lambda e: e.peak)
    end = "to the end" if clip.lasts(most) else f"gone {most.offset:.1f}"
    also = ", ".join(f"{e.peak:.1f} {e.onset:.1f}-{e.offset:.1f}" for e in events if e is not most)
    more = f", {count} times, also {also}" if also else ""
    return f"AU{a} {most.peak:.1f} from {most.onset:.1f} top {most.apex:.1f} {end}{more}"
