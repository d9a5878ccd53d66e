"""Does an answer about a clip hold? Claims about AUs, times and looks against the clip's own course."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from emoreason.checks import GAP, MARGIN, Checked, _words
from emoreason.clip_moments import WHEN, asked, moment, movement, name_of, spans
from emoreason.clips import PARTS, Clip, Look
from emoreason.consistency import DENIAL, DENIED, denies, marks, others, repeated, twice
from emoreason.courses import Event
from emoreason.errors import ParseError
from emoreason.facs import EMOTION_OF_WORD, PRESENT
from emoreason.remarks import judges_smile, unfounded
from emoreason.schema import SENTENCE, Explanation, Observation, parse

SLACK = 0.25  # seconds by which a stated time may miss what was measured
TOLERANCE = 1.0  # the same for an intensity
CLEAR = 2.0  # intensity of a movement that a caption cannot leave out
_LASTS = re.compile(r"still shows when the clip ends|to the end of the clip|until the clip ends")
_TWICE = re.compile(r"\b(AU\d+)(?:, | and )\1\b")
_PARTS = (re.compile(r"^(?:at the (?:beginning|start) of|in the beginning|when the video starts|at first,)"),
          re.compile(r"^(?:as the video|with the progress|then, as|a little later)"),
          re.compile(r"^(?:in the middle|halfway|by the middle|around the middle)"),
          re.compile(r"^(?:towards the end|at the end of|near the end|in the final part)"))
# What may be said of a face as it is first seen, and the movements (none named: any) that it then cannot begin with.
_STATES = ((re.compile(r"\b(?:mouth is|lips are) closed\b"), frozenset((25, 26, 27))),
           (re.compile(r"\beyes are open\b"), frozenset((43,))),
           (re.compile(r"\bface is (?:at rest|still)\b"), frozenset()))
_TIMED = re.compile(r"\d\.\d(?! of 5)|\b(?:throughout|beginning to end|all along|at any time|at no time|to list|"
                    r"whole clip|keeps|stays|never enough|on its edge|begins as|at first|ends|start|in the middle|"
                    r"goes on|progresses|(?:beginning|start|end) of)\b", re.I)
_ASKS_COURSE = re.compile(r"\b(?:when\b|chang|develop|timeline|over (?:the clip|time)\b|events?\b|move)", re.I)
_NO_COURSE = re.compile(r"\bmove|\bwould\b|\b(?:has|have|had) to\b|^turn\b", re.I)  # of what is there, or is missing
_COURSE = re.compile(r"\d\.\d|\b(?:first|then|later|until|throughout|moment|time|back|still|same|steady|always|never|"
                     r"(?<!as a )whole|all along|over the clip|gives way|beg[iu]n\w*|start\w*|end(?:s|ed)?|stays?|"
                     r"(?<!to )chang\w*|keeps?|kept|turns?|peak\w*|returns?|holds?|lasts?|comes?(?! close| next)|goes|"
                     r"appears?|fades?|shift\w*|develop\w*)\b", re.I)
_ASKS_CHANGE = re.compile(r"^(?!.*\bdescri).*(?:\bchang|\bdevelop|\blook go)", re.I)
_OF_A_PART = re.compile(r"\b(?:at first|ends?|seconds|later|throughout|all along|starts?|begins|beginning)\b")
SECONDS = r"[0-9]+(?:\.[0-9]+)?"
# When one movement begins, ends and is strongest.
_EVENT = (re.compile(rf"\b(?:from|between|begins at) ({SECONDS})"),
          re.compile(rf"\b(?:(?:from|between) {SECONDS} (?:to|and)|gone after) ({SECONDS})"),
          re.compile(rf"\b(?:strongest at|peaks at|its peak at) ({SECONDS})"))
_SPAN = re.compile(rf"\bfrom ({SECONDS}) to ({SECONDS})")
_OFTEN = re.compile(r"\b(\d+) times\b")
_BRIEF = re.compile(r"\b(AU\d+) at [0-9.]+ seconds lasts less than half|\bshort (AU\d+)|\b(AU\d+) flashes by")
_SPOKEN = re.compile(r"\bwith speaking\b|\bto speak, which moves\b|\bspeech rather than\b")
_TIME = re.compile(r"(?<![\w.])(\d+\.\d+)(\s*(?:s\b|seconds?\b))?")


def check_clip(text: str, clip: Clip, question: str = "") -> Checked:
    """``text`` against what was measured: every AU said to be there has an event, at the stated time and strength;
    those said to be absent have none; stated times are times of the clip; the conclusion is a probable look."""
    try:
        x = parse(text)
    except ParseError as e:
        return Checked(text, None, str(e))
    bad = [o.au for o in x.observations if not _holds(o, clip)]
    slips = [f"gives no time for AU{o.au}" for o in x.observations if o.present and o.span is None]
    slips += [*repeated(text), *twice(x), *marks(x), *_words(x, clip.levels)]
    slips += [*unfounded(x, _then(clip, question), moment=False), *_elsewhere(x, clip, question)]
    slips += [*_times(x, clip, question), *_told(x, clip), *_course(x, clip), *_conclusion(x, asked(question, clip))]
    slips += [*_unasked(x, question), *_other(x, question), *_verdict(x), *_unchanged(x, clip, question)]
    slips += _doubted(x, clip)
    if denies(x):
        slips.append(DENIAL)
    return Checked(text, x, None, tuple(bad), tuple(slips))


def _then(clip: Clip, question: str) -> dict[int, float]:
    """``clip.levels``, without the movements of another time than the one that the question is about."""
    there = spans(question, clip)
    return {a: v if a in there else min(v, PRESENT - 0.06) for a, v in clip.levels.items()}


def _elsewhere(x: Explanation, clip: Clip, question: str) -> list[str]:
    """Movements of another time than the one that the question is about."""
    if moment(question, clip) is None:
        return []
    there = spans(question, clip, SLACK)
    return [f"gives AU{o.au} of another time" for o in x.observations if o.present and o.au not in there]


def _unasked(x: Explanation, question: str) -> list[str]:
    """A question about the course that is answered by denying a look, or by something that knows no time."""
    words = re.findall("[a-z]+", question.lower())
    if x.emotion is None or not _ASKS_COURSE.search(question) or any(w in EMOTION_OF_WORD for w in words):
        return []
    found = DENIED.search(SENTENCE.split(x.interpretation.lower())[0])
    slips = [f"denies {EMOTION_OF_WORD.get(found[1], found[1])}, which was not asked about"] if found else []
    slips += ["answers a question about a smile"] * judges_smile(SENTENCE.split(x.interpretation)[0])
    told = _NO_COURSE.search(question) or _COURSE.search(x.interpretation)
    if WHEN.search(question) and not _TIMED.search(x.interpretation):
        told = None
    return slips if told else [*slips, "does not tell the course"]


def _unchanged(x: Explanation, clip: Clip, question: str) -> list[str]:
    """A question about what changes whose answer leaves out that the look at the end is another than at first."""
    first, last = (clip.looks[i] for i in (0, -1))
    a, b = first.ranked[0], last.ranked[0]
    if (x.emotion is None or not _ASKS_CHANGE.search(question) or moment(question, clip)
            or min(first.emotions[a] - first.emotions[b], last.emotions[b] - last.emotions[a]) < MARGIN):
        return []
    told = {EMOTION_OF_WORD.get(word) for word in re.findall("[a-z]+", x.interpretation.lower())}
    return [] if {a, b} <= told else [f"does not tell that the look goes from {a} to {b}"]


def _verdict(x: Explanation) -> list[str]:
    """Verdicts on another look than the one concluded, apart from what is said of a part of the clip."""
    whole = [s for s in SENTENCE.split(x.interpretation) if not _OF_A_PART.search(s.lower())]
    return others(x, " ".join(whole))


def _other(x: Explanation, question: str) -> list[str]:
    """A question about when one movement shows that is answered without naming it."""
    if x.emotion is None:
        return []
    said, asked = x.interpretation.lower(), movement(question)
    named = {a for a in asked for name in (f"au{a}", name_of(a)) if re.search(rf"\b{name}\b", said)}
    return [] if named or not asked or 43 in asked and "blink" in said else [f"does not speak of AU{min(asked)}"]


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
        known = [*[clip.peak] * (not named), *map(float, re.findall(r"\d+(?:\.\d+)?", question))]
        known += [t for e in mine for t in (e.onset, e.apex, e.offset)]
        times = [None if found is None else float(found[1]) for found in (p.search(sentence) for p in _EVENT)]
        spans = [(float(a), float(b), None) for a, b in _SPAN.findall(sentence)]
        if len(spans) > 1:
            slips += [f"says {a:.1f} to {b:.1f} s, when that does not happen" for a, b, _ in spans
                      if not any(_at((a, b, None), e) for e in mine)]
            times = [None, None, times[2]]
        if (often := _OFTEN.search(sentence)) and named and int(often[1]) != sum(e.au in named for e in clip.events):
            slips.append(f"says that it comes {often[1]} times")
        if len(stated := [t for t in times if t is not None]) > 1 and not any(_at(times, e) for e in mine):
            slips.append(f"says {' and '.join(f'{t:.1f}' for t in stated)} s, which are not of one movement")
        slips += [f"speaks of {t} s, when that does not happen" for t, unit in _TIME.findall(sentence)
                  if min(abs(float(t) - k) for k in known) > SLACK
                  and (unit or min(abs(float(t) - v) for v in levels) > 0.06)]
        if _LASTS.search(sentence) and not any(clip.lasts(e) and _at((times[0], None, None), e) for e in mine):
            slips.append("says that a movement lasts to the end")
        if _TWICE.search(sentence):
            slips.append("names an AU twice in a row")
    return slips


def _doubted(x: Explanation, clip: Clip) -> list[str]:
    """Movements that are doubted for being short, or for speech, and are not."""
    short, speech = ({f"AU{e.au}" for e in clip.events if getattr(e, of)} for of in ("short", "speech"))
    brief = {a for found in _BRIEF.findall(x.interpretation) for a in found if a}
    spoken = {a for s in SENTENCE.split(x.interpretation) if _SPOKEN.search(s) for a in re.findall(r"AU\d+", s)}
    return ([f"calls {a} short" for a in sorted(brief - short)]
            + [f"puts {a} down to speech" for a in sorted(spoken - speech)])


def _at(times: Sequence[float | None], e: Event) -> bool:
    """Whether an event begins, ends and peaks at these times, as far as they are stated."""
    own = (e.onset, e.offset, e.apex)
    return all(t is None or abs(t - mine) <= SLACK for t, mine in zip(times, own, strict=True))


def _told(x: Explanation, clip: Clip) -> list[str]:
    """A caption's clauses against the part of the clip that they are told of."""
    slips: list[str] = []
    parts, heard, begun = set(), set[int](), Counter[frozenset[int]]()
    for sentence in re.split(r"(?<=\.)\s", x.interpretation.lower()):
        part = next((i for i, words in enumerate(_PARTS) if words.search(sentence)), None)
        if part is None:
            continue
        told: Counter[tuple[frozenset[int], int]] = Counter()
        parts.add(part)
        for aus, which, phrase in _phrases():
            rest, said = phrase.sub(" ", sentence), phrase.search(sentence)
            told[aus, which] += len(phrase.findall(sentence))
            heard |= aus if said else set()
            begun[aus] += said is not None and which == 0
            mine = [e for e in clip.events if e.au in aus]
            if which == 1 and part == 0:  # what is there at first does not begin later
                mine = [e for e in mine if e.onset - clip.start <= SLACK]
            if said and " still " in said.group():  # what goes on has begun before
                mine = [e for e in mine if clip.part(e.onset - 0.1) < part]
            if rest != sentence and not any(_happens(clip, e, part, which) for e in mine):
                slips.append(f"tells AU{min(aus)} of part {part + 1}")
            sentence = rest
        slips += [f"tells AU{min(aus)} twice of part {part + 1}" for (aus, _), n in told.items() if n > 1]
        if part == 0:
            slips += [f'says "{said.group()}" of the start, where AU{e.au} shows' for words, aus in _STATES
                      if (said := words.search(sentence)) for e in clip.first if e.au in aus or not aus]
        if any(words in sentence for words in _no_change()):
            slips += [f"sees no change in part {part + 1}, where AU{e.au} moves" for e in clip.told
                      if _changes(clip, e, part)]
        if "blink" in sentence and not any(_happens(clip, e, part, 1) for e in clip.blinks):
            slips.append(f"tells a blink of part {part + 1}")
    slips += [f"lets AU{min(aus)} begin {n} times" for aus, n in begun.items()
              if n > max(1, sum(e.au in aus for e in clip.events))]
    if len(parts) > 1:
        until = PARTS if x.emotion else max(parts) + 1  # a text without a conclusion is a beginning
        slips += [f"{GAP} {i + 1}" for i in range(until) if i not in parts]
        clear = {e.au: e for step in clip.steps[:until] for e in (*step.there, *step.begins)
                 if e.peak >= min(CLEAR, max(e.peak for e in clip.told))}
        slips += [f"does not tell of AU{a}, {e.peak:.1f} at its strongest" for a, e in clear.items() if a not in heard]
    return slips


def _course(x: Explanation, clip: Clip) -> list[str]:
    """How the look is said to go: it must be among the likely ones of each part that it is said of, the peak at its
    time; and in what order the movements are said to begin."""
    slips: list[str] = []
    onsets = [o.span[0] for o in x.observations if o.span]
    for kind, pattern in _courses():
        for said in (m.groupdict() for m in pattern.finditer(x.interpretation.lower())):
            if kind == "ORDER":
                x0, y0 = float(said["x"]), float(said["y"])
                right = (_begins(clip, said["first"], x0) and _begins(clip, said["last"], y0)
                         and all(x0 - SLACK <= t <= y0 + SLACK for t in onsets))
                slips += ["tells the movements in another order than they begin in"] * (not right)
                continue
            told = [(i, said.get("start")) for i in (range(PARTS) if kind == "STAYS" else (0,))]
            last = said.get("end") or said.get("again") or (said["start"] if kind == "RETURNS" else None)
            told.append((PARTS - 1, last))
            if time := said.get("z"):
                told.append((clip.part(clip.peak), said.get("mid")))
                slips += [f"puts the peak at {time} s"] * (abs(float(time) - clip.peak) > SLACK)
            looks = [(i, EMOTION_OF_WORD[w]) for i, w in told if w in EMOTION_OF_WORD]
            slips += [f"says that it looks {e} in part {i + 1}" for i, e in looks
                      if max(clip.looks[i].emotions.values()) - clip.looks[i].emotions.get(e, 0.0) >= MARGIN]
            if kind != "STAYS" and len(looks) > 1 and len({e for _, e in looks}) == 1:
                slips.append(f"calls it a change from {looks[0][1]} to {looks[0][1]}")
    return list(dict.fromkeys(slips))


def _begins(clip: Clip, name: str, time: float) -> bool:
    return any(f"au{e.au}" == name and abs(e.onset - time) <= SLACK for e in clip.events)


@cache
def _courses() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """How the explanation engine tells the course of a look and the order of the movements; the longest first."""
    from emoreason.data_pipeline import clip_words as W

    return tuple((kind, _with_slots(template.source)) for kind in
                 ("PASSES", "RETURNS", "TURN", "STAYS", "BUILDS", "ORDER") for template in getattr(W, kind))


def _with_slots(source: str) -> re.Pattern[str]:
    """A template as a pattern with a group for each of its slots; one that comes again is called ``again``."""
    out = ""
    for part in filter(None, re.split(r"(\{\w+\})", source)):
        name = part[1:-1]
        if part[0] != "{":
            out += re.escape(part)
        else:
            group = "again" if f"<{name}>" in out else name
            out += rf"(?P<{group}>{SECONDS if name in 'xyz' else '[a-z0-9]+'})"
    return re.compile(out)


def _happens(clip: Clip, e: Event, part: int, which: int) -> bool:
    """Whether an event begins (0), is there (1) or ends (2) in a part, give or take SLACK."""
    if which == 0 and clip.starts(e) or which == 2 and clip.lasts(e):
        return False
    early, late = (e.onset, e.onset) if which == 0 else (e.offset, e.offset) if which == 2 else (e.onset, e.offset)
    return clip.part(early - SLACK) <= part <= clip.part(late + SLACK)


def _changes(clip: Clip, e: Event, part: int) -> bool:
    """Whether an event begins or ends in a part, a tenth of a second or more from its bounds."""
    moves = [e.onset] * (e.onset - clip.start > SLACK) + [e.offset] * (not clip.lasts(e))
    return any(clip.part(t - 0.1) == part == clip.part(t + 0.1) for t in moves)


@cache
def _no_change() -> tuple[str, ...]:
    from emoreason.data_pipeline.clip_words import NO_CHANGE

    return NO_CHANGE


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
    for (which, text), aus in sorted(table.items(), key=lambda row: -len(re.sub(r"\{\w+\}", "", row[0][1]).strip())):
        head, *tail = re.split(r" ?\{deg\}|\{pre\}", text)
        middle = r"(?:\w+ )?(?:\w+ )?" if "{pre}" in text else ""
        out.append((frozenset(aus), which, re.compile(rf"\b{re.escape(head)}{middle}{re.escape(''.join(tail))}\b")))
    return tuple(out)


def _conclusion(x: Explanation, looks: tuple[Look, ...]) -> list[str]:
    """Among the most probable readings of one of the looks, at about its probability."""
    if x.emotion is None:
        return []
    shares = [(look.emotions.get(x.emotions[0], 0.0), max(look.emotions.values())) for look in looks]
    likely = [p for p, best in shares if best - p < MARGIN]
    if not likely:
        return [f"concludes {x.emotions[0]}, which the course does not carry"]
    sure = x.confidence is None or any(abs(x.confidence - p) <= MARGIN for p in likely)
    return [] if sure else ["gives a confidence that the course does not carry"]
