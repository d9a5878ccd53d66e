"""Standing remarks of an interpretation, and what each presupposes: "together they form the full pattern of happiness"
needs that pattern, "the reading is clear" a high confidence. Both are the explanation engine's own."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from emoreason.facs import EMOTION_OF_WORD, EMOTIONS, PRESENT
from emoreason.schema import SENTENCE, Explanation
from emoreason.wording import ANY, as_pattern, spoken_aus

if TYPE_CHECKING:
    from emoreason.data_pipeline.facts import Facts

NEAR = 0.1  # by which a confidence may miss the level that a remark on the doubt belongs to
CLOSE = 0.05  # the same of a few words on it (", clearly so")
# Axis of the pose and the degrees from which a remark on it holds: two thirds of those from which it is made.
TURN = {"yaw": (0, 15.0), "up": (1, 12.0), "down": (1, -12.0), "roll": (2, 10.0)}
GREY = 0.3  # intensities by which a movement may pass for a slight one
AT_ALL = 0.2  # intensities below ``facts.ABSENT`` by which a movement is plainly not there
SIX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")  # looks whose signs are told by AUs alone
CLEAR = 1.5  # an intensity from which on a movement that fits cannot be passed over
SURE = {"clear": (0.8, 1.0), "fairly": (0.6, 0.8), "leaning": (0.4, 0.6), "open": (0.3, 0.4), "faint": (0.0, 0.3)}
# Which part of the face it is, not how sure.
_WHERE = re.compile(r"\b(?:that makes?|helps? to make) the face look\b|"
                    r"\bwhat makes the face look(?= [\w ]+ is elsewhere\b)")
OPPOSED = ", which speaks against it"
_MAINLY = re.compile(r", (?:mainly|chiefly|mostly|above all) because of\b")


class Case(NamedTuple):
    """When a remark holds. with_, without: AUs that are there and are not; emotion: the conclusion; fit: how far the
    movements carry it (``Facts.fit``); moving: bounds on its signs' strengths; sure: of the stated confidence, give or
    take ``near``; anywhere: ``moving`` holds for a clip too."""

    with_: frozenset[int] = frozenset()
    without: frozenset[int] = frozenset()
    emotion: str | None = None
    fit: str | None = None
    moving: Callable[[Facts, str], bool] | None = None
    sure: tuple[float, float] | None = None
    near: float = NEAR
    anywhere: bool = False

    def holds(self, x: Explanation, facts: Facts, moment: bool) -> bool:
        """moment: False for a clip, of which ``facts`` has the strongest of every movement."""
        e = x.emotions[0] if x.emotions else facts.top
        if self.emotion not in (None, e) or not self.with_ <= facts.present:
            return False
        if self.sure and x.confidence is not None:
            low, high = self.sure
            if not low - self.near - 1e-6 <= x.confidence <= high + self.near + 1e-6:
                return False
        if e not in EMOTIONS:  # whose signs nobody has told
            return True
        if self.anywhere:
            return self.moving is None or self.moving(facts, e)
        if not moment or e == "contempt":  # which is one-sided
            return True
        fits = self.fit is None or facts.fit(e) == self.fit
        return fits and not self.without & facts.present and (self.moving is None or self.moving(facts, e))


def _values(facts: Facts, e: str) -> list[float]:
    return [facts.aus[a] for a in facts.cues(e)] or [facts.activity]


def _top(facts: Facts, aus: Iterable[int]) -> float:
    return max(facts.aus.get(a, 0.0) for a in aus)


@cache
def _cases() -> tuple[tuple[re.Pattern[str], tuple[Case, ...]], ...]:
    """Every remark as a pattern with the cases in which it may be made."""
    from emoreason.data_pipeline import sentences as S
    from emoreason.data_pipeline.details import LOWER, SHARES, TOGETHER, UPPER

    rows = [(texts, Case(with_, without, e)) for e, with_, without, texts in S.KNOWN]
    rows += [(texts, Case(with_, without)) for with_, without, texts in S.NOTES]
    rows += [(texts, Case(fit=fit)) for table in (S.PATTERN, S.PATTERN_THEY) for fit, texts in table.items()]
    rows += [(texts, Case(sure=SURE[level])) for table in (S.DOUBT, S.VERDICT) for level, texts in table.items()]
    rows += [(texts, Case(emotion="neutral", sure=SURE[level])) for level, texts in S.NEUTRAL_STILL.items()]
    rows.append((S.STRENGTH["weak"], Case(moving=lambda f, e: max(_values(f, e)) < 2.05)))
    rows.append((S.STRENGTH["strong"], Case(moving=lambda f, e: sum(_values(f, e)) >= 3.3 * len(_values(f, e)))))
    rows.append((S.RIVAL_NEUTRAL, Case(moving=lambda f, e: f.activity < 2.5)))
    slight = Case(moving=lambda f, e: f.activity < S.SLIGHT + GREY)
    rows += [(texts, (slight if level in ("clear", "fairly") else Case())._replace(emotion="neutral", sure=SURE[level]))
             for level, texts in S.NEUTRAL_SLIGHT.items()]
    known = {t.source for texts in S.VERDICT.values() for t in texts}
    bare = Case(moving=lambda f, e: not any(f.aus[a] >= CLEAR for a in f.cues(e)), anywhere=True)
    rows += [([t for t in texts if t.source not in known], bare._replace(sure=SURE[level]))
             for level, texts in S.VERDICT_BARE.items()]
    shared = {"upper": (True, False), "lower": (False, True), "both": (True, True), "none": (False, False)}
    rows += [(texts, Case(moving=lambda f, e, there=shared[key]: all(
        _top(f, part) >= PRESENT - GREY if moves else _top(f, part) < PRESENT + GREY
        for part, moves in zip((UPPER, LOWER), there, strict=True)))) for key, texts in SHARES.items()]
    rows.append((S.ALONE, Case(sure=(0.7, 1.0))))
    table: dict[str, tuple[Case, ...]] = {}
    for texts, case in rows:
        for template in texts:
            table[template.source] = (*table.get(template.source, ()), case)
    together = Case(moving=lambda f, e: len(f.cues(e)) > 1)
    table |= {template.source.partition(" {")[0]: (together,) for template in TOGETHER}
    for level, words in S.CONF.items():
        table |= {f", {text}": (Case(sure=SURE[level], near=CLOSE),) for text in words}
    return tuple((re.compile(as_pattern(source.lower())), cases) for source, cases in table.items())


def unfounded(x: Explanation, levels: Mapping[int, float], moment: bool = True) -> list[str]:
    """Remarks that nothing measured (AU -> intensity 0-5) or stated bears out, in their own words. moment: as in
    ``Case.holds``."""
    from emoreason.data_pipeline.facts import Facts

    if not x.interpretation or not x.emotions:
        return []
    facts = Facts(dict(levels), {}, {x.emotions[0]: 1.0})
    low = _WHERE.sub(" ", x.interpretation.lower())
    return [f'says "{found.group()}", which is not so' for pattern, cases in _cases()
            if (found := pattern.search(low)) and not any(c.holds(x, facts, moment) for c in cases)]


def passed_over(x: Explanation, levels: Mapping[int, float]) -> list[str]:
    """Where a reading begins with what it mainly rests on: movements (AU -> intensity 0-5) that speak against it, as
    strong as any of its signs, of which none is told of, nor a look that one of them is a sign of. Contempt, whose
    signs are one-sided, is left out."""
    from emoreason.data_pipeline.facts import Facts

    first = x.emotions[0] if x.emotions else "neutral"
    if first not in SIX or not _MAINLY.search(SENTENCE.split(x.interpretation)[0]):
        return []
    facts = Facts(dict(levels), {}, {first: 1.0})
    named = {EMOTION_OF_WORD.get(w) for w in re.findall(r"[a-z]+", x.interpretation.lower())} - {first}
    told = spoken_aus(x.interpretation).union(*(facts.cues(e) for e in EMOTIONS if e in named | {*x.emotions}))
    opposed = facts.opposed(first)
    return [] if told.intersection(opposed) else [f"does not speak of AU{a}{OPPOSED}" for a in opposed[:1]]


def too_faint(x: Explanation, looks: Iterable[str], levels: Mapping[int, float]) -> list[str]:
    """Looks that are asked about and whose signs are called faint, where one that they need is not there at all (AU ->
    intensity 0-5) and could have been named."""
    from emoreason.data_pipeline.facts import Facts
    from emoreason.data_pipeline.reading import Teller

    if not _faint().search(x.interpretation.lower()):
        return []
    facts = Facts({a: v if v >= PRESENT else v + AT_ALL for a, v in levels.items()}, {}, {"neutral": 1.0})
    teller = Teller(facts, random.Random(0))
    return [f"calls the signs of {e} faint, which are not there" for e in looks if e in SIX and teller.missing(e)]


@cache
def _faint() -> re.Pattern[str]:
    from emoreason.data_pipeline.denials import TOO_FAINT

    return re.compile("|".join(as_pattern(t.source.lower()) for t in TOO_FAINT))


def unseen(x: Explanation, pose: Sequence[float], noted: str) -> list[str]:
    """One picture: limits of the view that are told of and are not there. pose: yaw, pitch, roll in degrees, as in
    ``records.Face``; noted: what the model was told of the view."""
    low, view, slips = x.interpretation.lower(), noted.lower(), []
    for (kind, *words), pattern in _views():
        for found in pattern.finditer(low):
            axis, least = TURN.get(kind, (0, 15.0))
            turned = pose[axis] * (-1 if least < 0 else 1)
            if "way" in pattern.groupindex:
                turned = turned if found["way"] == "right" else -turned
            elif kind == "turn":
                turned = abs(turned)
            if not any(w in view for w in words) and (kind not in (*TURN, "turn") or turned < abs(least)):
                slips.append(f'says "{found.group()}", which is not so')
    return slips


@cache
def _views() -> tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]:
    """What the explanation engine says of the view: the turn of the head (a kind of TURN), or ("" or "turn", and words
    one of which the note on the view has)."""
    from emoreason.data_pipeline import sentences as S

    rows: dict[str, tuple[str, ...]] = {t.source: (kind,) for kind, texts in S.POSE.items() for t in texts}
    for words, texts in S.LIMITS:
        for template in texts:
            known = rows.get(template.source, ("turn" if "turn" in words else "",))
            rows[template.source] = (*known, *words)
    return tuple((kinds, re.compile(as_pattern(source.lower()).replace(ANY, r"(?P<way>left|right)")))
                 for source, kinds in rows.items())


def judges_smile(sentence: str) -> bool:
    """Whether a sentence says if a smile is there or genuine, as the explanation engine does where that is asked."""
    return any(p.search(sentence.lower()) for p in _verdicts())


@cache
def _verdicts() -> tuple[re.Pattern[str], ...]:
    from emoreason.data_pipeline.details import SMILE

    return tuple(re.compile(as_pattern(t.source.lower())) for texts in SMILE.values() for t in texts)


# What a face cannot settle, by words of the question that ask for it.
_TOPICS = {topic: re.compile(rf"\b(?:{words})\b") for topic, words in {
    "identity": "who is|whose face|names?|famous|celebrity", "age": "age|how old|young|years old|birthday",
    "gender": "gender|male|female|man or a? ?woman|boy or a? ?girl",
    "ethnicity": "ethnic\\w*|race|nationality|religion|origin",
    "looks": "beaut\\w*|attractive|handsome|ugly|pretty|\\w+.looking",
    "honesty": "lying|liar|lie|honest|trust\\w*|truth|sincere|guilty|criminal|cheat",
    "job": "hire|job|employee|manager|intelligent|smart",
    "health": "ill|illness|sick|depress\\w*|autis\\w*|diagnos\\w*|drunk",
}.items()}


def declined_for(x: Explanation, question: str) -> list[str]:
    """A refusal whose reason belongs to another question ("I do not guess age" to "Is this person honest?")."""
    asked = {topic for topic, words in _TOPICS.items() if words.search(question.lower())}
    low = x.interpretation.lower()
    given = {topic for topic, patterns in _refusals().items() if any(p.search(low) for p in patterns)}
    if not asked or not given or asked & given or x.emotion is not None:
        return []
    return [f"declines as if asked about {sorted(given)[0]}"]


@cache
def _refusals() -> dict[str, tuple[re.Pattern[str], ...]]:
    from emoreason.data_pipeline.refusals import OPENING

    return {topic: tuple(re.compile(as_pattern(t.source.lower())) for t in texts) for topic, texts in OPENING.items()}


def without(text: str) -> str:
    """``text`` in lower case without its standing remarks, some of which sound like denials ("the muscles give
    happiness no firm support")."""
    low = text.lower()
    for pattern, _ in _cases():
        low = pattern.sub(" ", low)
    return low
