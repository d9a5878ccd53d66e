"""Does an answer hold? A model's text against the evidence that it was given, so that a text that fails is redrawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from emoreason import scores
from emoreason.consistency import (
    COUNTS,
    DENIAL,
    DENIED,
    called_next,
    denies,
    itself,
    marks,
    named_twice,
    repeated,
    sides,
    twice,
)
from emoreason.errors import ParseError
from emoreason.facs import ACTION_UNITS, EMOTION_OF_WORD, EMOTIONS, LETTERS, MEASURED_AUS
from emoreason.pair_checks import pair_slips
from emoreason.records import Evidence
from emoreason.remarks import OPPOSED, declined_for, judges_smile, passed_over, too_faint, unfounded, unseen
from emoreason.schema import (
    INTERPRETATION,
    SENTENCE,
    Explanation,
    closed,
    is_negated,
    mentions,
    parse,
    sentences,
)
from emoreason.wording import spoken_aus

if TYPE_CHECKING:
    from emoreason.data_pipeline.facts import Facts

GAP = "tells nothing of part"
LEFT_OUT = "leaves out AU"
_QUOTED = re.compile(r'^says "(.+?)", which is not so$')
MARGIN = 0.15  # a conclusion this much less probable than the best reading: a slip
SURE = 0.075  # a confidence further than this from the probability: a slip
SLANT = 0.5  # intensities by which a side that a mark names must be the stronger one
ROUNDING = 0.15  # by which a figure in the interpretation may miss what was measured
_SMILE = frozenset(("smile", "smiles", "smiling", "grin", "grinning"))
_DECIMAL = re.compile(r"(?<![\w.])\d\.\d+(?![\w.]*\d)")
_SURE = re.compile(r"\b(?:sure|certain|certainty|confident|confidence)\b")
_HOW_SURE = re.compile(r"\b(?:un)?(?:sure|certain|likely)\b|\b(?:percent|confiden\w+|probab\w+|doubt|guess|leaning)\b|"
                       r"\bin 100\b|%")
_LIST = re.compile(r"\b(?:AUs|action units|FACS code)\b|\b(?:code|score) this face\b", re.I)
_PLACE = re.compile(r"\b(?:in|at|around|of) the\b", re.I)  # a question about one region
_LISTED = 1.5  # from this intensity on a list of the action units cannot leave one out
_LEVEL = re.compile(r"\bneither\b|\bno (?:clear difference|strong reading)\b")  # of two faces: no denial of a look
_STRONGEST = re.compile(r"\bstrongest\b|\bleads with\b|\bmost of the strength\b|\bfirst in strength\b", re.I)
_LETTER = re.compile(r"\blevel ([A-E])\b", re.I)
_COURSE = re.compile(r"\bthroughout\b|\bbeginning to end\b|\bseconds\b|\bat the end\b|\ball along\b|"
                     r"\bAU\d+ comes (?:first|last)\b(?! in strength)")  # of a picture


class Checked(NamedTuple):
    """A text and what checking it found. unsupported: the AU of each claim that the evidence does not carry; slips:
    what else does not hold, in words."""

    text: str
    explanation: Explanation | None
    problem: str | None
    unsupported: tuple[int, ...] = ()
    slips: tuple[str, ...] = ()

    @property
    def fails(self) -> bool:
        return bool(self.problem or self.unsupported or self.slips)

    def faults(self) -> tuple:
        """For choosing the best of several: parsed, not denying itself, few unsupported claims and slips, a conclusion
        that follows. What is missing counts four times, as what is wrong can be left out; a part of a clip that is left
        out counts less than what is wrong."""
        missing = sum(3.0 * slip.startswith("does not ") - 0.5 * slip.startswith(GAP) for slip in self.slips)
        return (self.problem is not None, DENIAL in self.slips, len(self.unsupported) + len(self.slips) + missing,
                -(scores.agreement(self.explanation) or 0.0))


def check(text: str, evidence: Sequence[Evidence | None], question: str = "") -> Checked:
    """``text`` about one face or, in their order, two, against the first frame of what was measured on each, and
    against itself and the question."""
    try:
        x = parse(text)
    except ParseError as e:
        return Checked(text, None, str(e))
    known = [e for e in evidence if e is not None]
    if not known or len(known) < len(evidence):
        return Checked(text, x, None)
    levels = [e.intensities() for e in known]
    strongest = {a: max(one[a] for one in levels) for a in levels[0]}
    if len(levels) == 2:
        from emoreason.data_pipeline.facts import Facts

        slips = of_two(text, x, [Facts.from_evidence(e) for e in known], question)
    else:
        gaps = dict(zip(MEASURED_AUS, map(float, known[0].sides[0]), strict=True))
        slips = of_one(text, x, strongest, known[0].poses[0], question, gaps)
    slips += conclusion(x, [dict(zip(EMOTIONS, map(float, e.emotions[0]), strict=True)) for e in known])
    return Checked(text, x, None, tuple(scores.unsupported(x, strongest)), tuple(slips))


def of_one(text: str, x: Explanation, levels: Mapping[int, float], pose: Sequence[float] | None,
           question: str, gaps: Mapping[int, float] | None = None) -> list[str]:
    """What ``text``, parsed as ``x``, says about one face that does not hold, apart from its claims and its conclusion.
    levels: AU -> intensity 0-5; pose: degrees, None where it is not known; question: with what was noted before it;
    gaps: AU -> intensity of the subject's right side less that of the left, None where it is not known."""
    slips = ["speaks of a course"] * bool(_COURSE.search(x.interpretation))
    slips += [*repeated(text), *contradictions(x, levels), *asked(x, question, levels), *one_sided(x, gaps or {})]
    slips += _strongest(x, levels)
    return slips if pose is None else slips + unseen(x, pose, question.rpartition("\n")[0])


def _strongest(x: Explanation, levels: Mapping[int, float]) -> list[str]:
    """A movement that is called the strongest and is not, and FACS letters that are not those of the units told before
    them, or else in their sentence."""
    told = {a: o.intensity for a, o in x.present.items() if o.intensity is not None}
    slips, most = [], max((levels[a] for a in x.present if a in levels), default=0.0)
    top = max(told.values(), default=0.0)
    for sentence in filter(lambda s: not is_negated(s.rstrip(". ")), SENTENCE.split(x.interpretation)):
        named, at = _units(sentence) & levels.keys(), 0
        if _STRONGEST.search(sentence) and all(levels[a] < most - ROUNDING or told.get(a, top) < top for a in named):
            slips += [f"calls AU{a} the strongest" for a in sorted(named)]
        for m in _LETTER.finditer(sentence):
            near, at, letter = _units(sentence[at:m.start()]) & levels.keys() or named, m.end(), m[1].upper()
            if near and min(abs(levels[a] - LETTERS[letter]) for a in near) > 0.5 + ROUNDING:
                slips.append(f"speaks of level {letter}, which was not measured")
    return slips


def _units(text: str) -> set[int]:
    """AUs that are named by number or by the unit's name."""
    from emoreason.data_pipeline.phrases import UNIT_NAMES

    low = text.lower()
    return {a for _, _, a in mentions(text)} | {
        a for a, unit in ACTION_UNITS.items() for name in {unit.name, UNIT_NAMES.get(a, unit.name)}
        if re.search(rf"\b{re.escape(name.lower())}\b", low)}


def of_two(text: str, x: Explanation, faces: Sequence[Facts], question: str) -> list[str]:
    """As ``of_one``, of a comparison of two faces."""
    strongest = {a: max(f.aus[a] for f in faces) for a in faces[0].aus}
    slips = [*repeated(text), *twice(x), *_words(x, strongest), *sides(x), *named_twice(x)]
    slips += _figures(x, [(a, v) for f in faces for a, v in f.aus.items()])
    said = [s for s in SENTENCE.split(x.interpretation) if not _LEVEL.search(s.lower())]
    slips += [DENIAL] * denies(replace(x, interpretation=" ".join(said)))
    return slips + pair_slips(x, faces, question.rpartition("\n")[2])


def first_fault(found: Checked, check: Callable[[str], Checked]) -> int:
    """Where in the text the first sentence that does not hold begins, in characters, by what ``check`` says of the text
    up to each. Words that only what comes later belies ("the reading is clear", of a low confidence) are wrong where
    they stand; a confidence is blamed on its own figure, anything else that no one sentence says on the whole
    interpretation; text that does not parse, and a list that leaves something out, is wrong from the start."""
    x, text = found.explanation, found.text
    if x is None:
        return 0
    if any(slip.startswith(LEFT_OUT) for slip in found.slips):  # what was passed over is not taken up later
        return 0
    starts, observed = sentences(text), max(0, text.find(f" {INTERPRETATION}"))
    counted = {slip for slip in found.slips if slip.startswith(COUNTS)}  # wrong where they stand, by what is concluded
    for start, end in zip(starts, [*starts[1:], text.find("</think>")], strict=True):
        begun = check(closed(text[:end]))
        if begun.problem is None and begun.fails:
            return start
        if counted and counted & {*check(closed(text[:end], ", ".join(x.emotions))).slips}:
            return start
    low = text.lower()
    quoted = [low.index(m[1]) for slip in found.slips if (m := _QUOTED.search(slip)) and m[1] in low]
    if quoted:
        return max((s for s in starts if s <= min(quoted)), default=0)
    denials = [s for s in SENTENCE.split(x.interpretation) if denies(replace(x, interpretation=s))]
    if denials and denials[0] in text:
        return len(text[:text.index(denials[0])].rstrip())  # the space before a word is the word's
    if any(slip.endswith(OPPOSED) for slip in found.slips):  # it belongs after what the look mainly rests on
        later = [s for s in starts if s > observed]
        return later[0] if later else max(0, text.find(" Confidence:"))
    own = all("confidence" in slip for slip in found.slips)
    return max(0, text.find(" Confidence:")) if own else observed


def without_asides(found: Checked) -> str | None:
    """The text without asides on the doubt (", clearly so") that its confidence belies; None where there are none."""
    text = found.text
    for slip in found.slips:
        if (m := _QUOTED.search(slip)) and m[1].startswith(", "):
            text = re.sub(re.escape(m[1]), "", text, flags=re.I)
    return None if text == found.text else text


def contradictions(x: Explanation, levels: Mapping[int, float]) -> list[str]:
    """One face: what the words say against the measurement (AU -> intensity 0-5), the marks, or themselves."""
    return [*marks(x), *_words(x, levels), *_figures(x, levels.items()), *unfounded(x, levels), *itself(x), *twice(x)]


def _words(x: Explanation, levels: Mapping[int, float]) -> list[str]:
    """AUs that the interpretation builds on and that are not there, or are there and no observation gives them."""
    seen, slips = {o.au for o in x.observations}, []
    for a in sorted(spoken_aus(x.interpretation)):
        there = levels.get(a, 5.0) >= scores.GREY
        slips += [f"speaks of AU{a}, which it does not observe"] * (a in levels and there and a not in seen)
        slips += [f"speaks of AU{a}, which is not there"] * (not there)
    return slips


def _figures(x: Explanation, levels: Iterable[tuple[int, float]]) -> list[str]:
    """Figures in the interpretation that neither were measured, on the AUs that their sentence names (on any, where it
    names none), nor are the observations' own."""
    known = [*levels, *((o.au, o.intensity) for o in x.observations if o.intensity is not None)]
    slips = []
    for sentence in SENTENCE.split(x.interpretation):
        named = _units(sentence)
        mine = [v for a, v in known if a in named] or [v for _, v in known]
        slips += [f"speaks of {t}, which was not measured there" for t in _DECIMAL.findall(sentence)
                  if mine and min(abs(float(t) - v) for v in mine) > ROUNDING]
    return slips


def asked(x: Explanation, question: str, levels: Mapping[int, float]) -> list[str]:
    """One face: what the question asks for and the answer leaves out: a look, the smile, how sure, all of the action
    units (levels: AU -> intensity 0-5, as measured); and answers to another question."""
    question, low = question.rpartition("\n")[2], x.interpretation.lower()
    wanted, said = (set(re.findall(r"[a-z]+", t)) for t in (question.lower(), low))
    if x.emotion is None:
        return declined_for(x, question)
    if wanted & (_SMILE | {"genuine", "duchenne"}):
        return [] if said & _SMILE else ["does not speak of the smile"]
    slips = passed_over(x, levels) if "why" in wanted else []
    looks = {EMOTION_OF_WORD[w] for w in wanted if w in EMOTION_OF_WORD}
    told = {EMOTION_OF_WORD[w] for w in said if w in EMOTION_OF_WORD}
    slips += [f"does not speak of {e}" for e in EMOTIONS if e in looks - told - {"neutral", *x.emotions}]
    slips += too_faint(x, sorted(looks - {*x.emotions}), levels)
    denied = {EMOTION_OF_WORD.get(w) for w in DENIED.findall(low)} - {None, *looks} if looks else set()
    slips += ["answers a question about a smile"] * judges_smile(SENTENCE.split(low)[0])
    if not looks and _SURE.search(question.lower()) and not _HOW_SURE.search(low):
        slips.append("does not say how sure")
    if _LIST.search(question) and not looks and not _PLACE.search(question):
        slips += [f"{LEFT_OUT}{a}" for a in sorted(levels) if levels[a] >= _LISTED and a not in x.present]
    return slips + [f"denies {e}, which was not asked about" for e in sorted(map(str, denied))]


def one_sided(x: Explanation, gaps: Mapping[int, float]) -> list[str]:
    """Movements marked on one side that is not clearly the stronger one; gaps: AU -> right less left, where known."""
    sign = {"right": 1.0, "left": -1.0}
    return [f"gives AU{o.au} to one side, which is not the stronger one" for o in x.observations
            if o.present and o.side in sign and sign[o.side] * gaps.get(o.au, 5 * sign[o.side]) < SLANT]


def shares(readings: Iterable[Mapping[str, float]]) -> list[float]:
    """The probabilities of the looks that may be concluded from readings (emotion -> probability)."""
    return [p for r in readings for p in r.values() if max(r.values()) - p < MARGIN]


def conclusion(x: Explanation, readings: Sequence[Mapping[str, float]]) -> list[str]:
    """One face: among its most probable looks (emotion -> probability), at about that probability. Two: the best of
    each, in order. And which look comes next. No readings: nothing is known."""
    if x.emotion is None or not readings:
        return []
    best = [max(r, key=lambda e: r[e]) for r in readings]
    if len(readings) > 1:
        told = x.emotions if len(x.emotions) > 1 else x.emotions * 2
        close = all(r[b] - r.get(e, 0.0) < MARGIN for r, b, e in zip(readings, best, told, strict=False))
        return [] if len(told) == len(best) and close else ["names other looks than the faces have"]
    p = readings[0].get(x.emotions[0], 0.0)
    if readings[0][best[0]] - p >= MARGIN:
        return [f"concludes {x.emotions[0]} where {best[0]} is likelier"]
    others = {e: v for e, v in readings[0].items() if e != x.emotions[0]}
    second = max(others, key=lambda e: others[e], default="")
    named = sorted(called_next(x.interpretation.lower()))
    slips = [f"calls {e} the next look where {second} is likelier" for e in named
             if others.get(second, 0.0) - others.get(e, 1.0) >= MARGIN]
    far = x.confidence is not None and abs(x.confidence - p) > SURE
    return slips + ["states a confidence far from the probability"] * far
