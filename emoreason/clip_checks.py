"""Does an answer about a clip hold? Claims about AUs, times and looks against the clip's own course."""

from __future__ import annotations

import re
from functools import cache

from emoreason import scores
from emoreason.checks import MARGIN, Checked, _words, marks, repeated, smile
from emoreason.clips import PARTS, Clip, Look
from emoreason.courses import Event
from emoreason.errors import ParseError
from emoreason.facs import EMOTION_OF_WORD
from emoreason.schema import Explanation, Observation, parse

SLACK = 0.25  # seconds by which a stated time may miss what was measured
TOLERANCE = 1.0  # the same for an intensity
_START = re.compile(r"\b(?:at|in) (?:the |its )?(?:very )?(?:start|begin\w*|first\b|outset)|\bfirst frames\b", re.I)
_END = re.compile(r"\b(?:at|in|towards|by) (?:the |its )?(?:very )?(?:end\b|last\b)|\blast frames\b|\bfinally\b", re.I)
_AT = re.compile(r"\b(?:at|second|around|near)\s+(?:second\s+)?(\d+(?:\.\d+)?)(?:\s*s(?:ec\w*)?\b|\b)", re.I)
_LASTS = re.compile(r"still shows when the clip ends|to the end of the clip|until the clip ends")
_STAYS = re.compile(r"\b(?:stays|looks) (\w+) (?:throughout|from beginning to end|all along)|\bkeeps looking (\w+)")
_PEAK = re.compile(r"(?:builds up to|strongest near|peak comes at|seen around) (?:about )?(\d+\.\d+) seconds")
_TWICE = re.compile(r"\b(AU\d+)(?:, | and )\1\b")
_PARTS = (re.compile(r"^(?:at the (?:beginning|start) of|in the beginning|when the video starts|at first,)"),
          re.compile(r"^(?:as the video|with the progress|then, as|a little later)"),
          re.compile(r"^(?:in the middle|halfway|by the middle|around the middle)"),
          re.compile(r"^(?:towards the end|at the end of|near the end|in the final part)"))
_TIME = re.compile(r"(?<![\w.])(\d+\.\d+)(?:\s*(?:s\b|seconds?\b))?")


def asked(question: str, clip: Clip) -> tuple[Look, ...]:
    """The looks that an answer may conclude on: of the part or time that the question names, else of the whole."""
    if found := _AT.search(question):
        return (clip.looks[clip.part(float(found.group(1)))],)
    if _END.search(question):
        return (clip.looks[PARTS - 1],)
    if _START.search(question):
        return (clip.looks[0],)
    return (clip.overall,)


def check_clip(text: str, clip: Clip, question: str = "") -> Checked:
    """``text`` against what was measured: every AU said to be there has an event, at the stated time and strength;
    those said to be absent have none; stated times are times of the clip; the conclusion is a probable look."""
    try:
        x = parse(text)
    except ParseError as e:
        return Checked(text, None, str(e))
    bad = [o.au for o in x.observations if not _holds(o, clip)]
    slips = [f"gives no time for AU{o.au}" for o in x.observations if o.present and o.span is None]
    slips += [*repeated(text), *marks(x), *smile(x, clip.levels), *_words(x, clip.levels), *_times(x, clip, question)]
    slips += [*_told(x, clip), *_steady(x, clip), *_conclusion(x, asked(question, clip))]
    if scores.denies_itself(x):
        slips.append("denies its own conclusion")
    return Checked(text, x, None, tuple(dict.fromkeys(bad)), tuple(slips))


def _holds(o: Observation, clip: Clip) -> bool:
    if o.au not in clip.levels:
        return True
    mine = [e for e in clip.events if e.au == o.au]
    if not o.present:
        return not mine
    return any((o.intensity is None or abs(o.intensity - e.peak) <= TOLERANCE) and (o.span is None or _same(o.span, e))
               for e in mine)


def _same(span: tuple[float, float], e: Event) -> bool:
    return abs(span[0] - e.onset) <= SLACK and abs(span[1] - e.offset) <= SLACK


def _times(x: Explanation, clip: Clip, question: str) -> list[str]:
    """Numbers in the interpretation that are neither a time of the movements that their sentence names (of any, where
    it names none), nor the clip's peak, nor an intensity, nor asked; movements said to last that do not."""
    levels = [*clip.levels.values(), *(e.peak for e in clip.events)]
    slips = []
    for sentence in re.split(r"(?<!\d)\.|\.(?!\d)|;", x.interpretation):
        named = {int(a) for a in re.findall(r"\bAU(\d+)", sentence)}
        mine = [e for e in clip.events if e.au in named] or clip.events
        known = [clip.peak, *map(float, re.findall(r"\d+(?:\.\d+)?", question))]
        known += [t for e in mine for t in (e.onset, e.apex, e.offset)]
        slips += [f"speaks of {t} s, when that does not happen" for t in _TIME.findall(sentence)
                  if min(abs(float(t) - k) for k in known) > SLACK and min(abs(float(t) - v) for v in levels) > 0.06]
        slips += [f"puts the peak at {t} s" for t in _PEAK.findall(sentence) if abs(float(t) - clip.peak) > SLACK]
        if _LASTS.search(sentence) and not any(clip.lasts(e) for e in mine):
            slips.append("says that a movement lasts to the end")
        if _TWICE.search(sentence):
            slips.append("names an AU twice in a row")
    return slips


def _told(x: Explanation, clip: Clip) -> list[str]:
    """A caption's clauses against the part of the clip that they are told of."""
    slips = []
    for sentence in re.split(r"(?<=\.)\s", x.interpretation.lower()):
        part = next((i for i, words in enumerate(_PARTS) if words.search(sentence)), None)
        if part is None:
            continue
        for aus, which, phrase in _phrases():
            rest = phrase.sub(" ", sentence)
            if rest != sentence and not any(_happens(clip, e, part, which) for e in clip.events if e.au in aus):
                slips.append(f"tells AU{min(aus)} of part {part + 1}")
            sentence = rest
        if "blink" in sentence and not any(_happens(clip, e, part, 1) for e in clip.blinks):
            slips.append(f"tells a blink of part {part + 1}")
    return slips


def _steady(x: Explanation, clip: Clip) -> list[str]:
    """A look that is said to stay must be among the likely ones of every part."""
    said = {EMOTION_OF_WORD.get(word) for found in _STAYS.findall(x.interpretation.lower()) for word in found if word}
    return [f"says that it looks {e} throughout" for e in sorted(said - {None})
            if any(max(look.emotions.values()) - look.emotions.get(e, 0.0) >= MARGIN for look in clip.looks)]


def _happens(clip: Clip, e: Event, part: int, which: int) -> bool:
    """Whether an event begins (0), is there (1) or ends (2) in a part, give or take SLACK."""
    early, late = (e.onset, e.onset) if which == 0 else (e.offset, e.offset) if which == 2 else (e.onset, e.offset)
    return clip.part(early - SLACK) <= part <= clip.part(late + SLACK)


@cache
def _phrases() -> tuple[tuple[frozenset[int], int, re.Pattern[str]], ...]:
    """What captions say of a movement that begins (0), is there (1) or ends (2), and the AUs that it may be of; the
    longest first."""
    from emoreason.data_pipeline.clip_words import DROOP, MOVES

    table: dict[tuple[int, str], set[int]] = {}
    for a, kinds in [*MOVES.items(), (43, tuple((text,) for text in DROOP))]:
        for which, texts in enumerate(kinds):
            for text in texts:
                table.setdefault((which, text), set()).add(a)
    out = []
    for (which, text), aus in sorted(table.items(), key=lambda row: -len(row[0][1])):
        head, *tail = re.split(r" ?\{deg\}|\{pre\}", text)
        middle = r"(?:\w+ )?(?:\w+ )?" if "{pre}" in text else ""
        out.append((frozenset(aus), which, re.compile(rf"\b{re.escape(head)}{middle}{re.escape(''.join(tail))}\b")))
    return tuple(out)


def _conclusion(x: Explanation, looks: tuple[Look, ...]) -> list[str]:
    """Among the most probable readings of one of the looks, at about its probability."""
    if x.emotion is None:
        return []
    for look in looks:
        p, best = look.emotions.get(x.emotions[0], 0.0), max(look.emotions.values())
        if best - p < MARGIN and (x.confidence is None or abs(x.confidence - p) <= MARGIN):
            return []
    return [f"concludes {x.emotions[0]}, or a confidence, that the course does not carry"]
