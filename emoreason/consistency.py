"""Does a text agree with itself? Its words against its marks, its sentences against each other and the conclusion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from emoreason import scores
from emoreason.facs import EMOTION_OF_WORD, EMOTIONS, LETTERS
from emoreason.remarks import without
from emoreason.schema import SENTENCE, Explanation, claims, is_negated, mentions
from emoreason.wording import as_pattern, degree, described, may_want, spoken_aus, wanted

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
DENIAL = "denies its own conclusion"
COUNTS = "counts AU"
DEGREE = 1.0  # intensities by which a word for the strength may miss the figure
_SIDE = re.compile(r"\b(left|right)\b")
_LOOKS = re.compile(r"\b(?:overall impression is|leans toward|taken together they look|makes? (?:the|this) face look|"
                    r"(?:face|expression|clip|this|it) (?:clearly |plainly |most likely |probably )*(?:looks|appears|"
                    r"reads (?:fairly surely |clearly )?as)) (?:an? )?(\w+)")
_WOULD = re.compile(r"\bto look (\w+), [^.]* would have|\b(\w+) (?:would need|asks for)|\bfor (\w+), there would have")
_NO_FIGURE = re.compile(r"\d+\.\d+\.\d+")
_UNSMILING = re.compile(r"\bno smile\b|\bdoes not smile\b|\bnot a smiling\b")
_FOR_IT = re.compile(r"(?<!would )\bspeaks? for it\b|\breading rests on\b|\bmain support is\b|"
                     r"\b(?:reads|looks|leans)\b[^,;]*, mainly because of\b")
_FIT_IT = re.compile(r"\bwould (?:fit|agree with|allow|speak for) it\b|\b(?:is|are) too little for it\b|"
                     r"\bthe movements that \w+ needs are there\b|"
                     r"\bof its signs only\b|\bits main signs can be found\b|\bwould be a start\b")  # the denied look's
_NOT_IT = re.compile(r"\bspeaks? against it\b|\bfits? this poorly\b|\bpulls? the other way\b|\bagainst this stands?\b|"
                     r"\bdisturbs? the picture\b|\boutside this pattern\b|\bwould be unusual for\b|"
                     r"\bwhat does not agree is\b|\bthe picture less pure\b")
_OPEN = frozenset((25, 26, 27, 43))  # mouth and lids: of many looks, though in no prototype of theirs
_PERCENT = re.compile(r"\b(\d{1,2}) (?:percent|in 100)\b")
_COUNT = re.compile(r"\b(one|two|three|four|five|six|seven|eight) action units? (?:is|are) active: ([^.]*)", re.I)
# A list of all that is active, as the explanation engine puts it.
_LISTS = re.compile(r"\baction units? (?:is|are) active:|\bactive (?:is|are) |\bcode of this face is|"
                    r"\bFACS notation this is|\bof a trace or more:|\bcan be coded as|\bcoder would write|"
                    r"\blist of active units is|\b(?:is|are) active, \w+ in all", re.I)
_CODES = re.compile(r"(?:AU|\+)[LR]?(\d+)")  # AU6, AU12; AU6B+R12
_OTHER = re.compile(r"\b(?:would rather fit|brings? in a note of|belongs? more to|there is some|adds? a touch of|"
                    r"pulls? toward|a part of) (\w+)")
_NEXT = re.compile(r"\b(\w+)(?: face| look)? (?:comes (?:next|second)|remains possible|shares|also has|"
                   r"is less likely(?! than)|is the (?:next guess|second guess|nearest alternative)|"
                   r"would be the alternative|is near|cannot be ruled out)\b|"
                   r"\bwith (?:an? )?(\w+)(?: look| face)? (?:close|right behind)\b|"
                   r"\b(?:second reading is|nearest rival(?: is|,)|second choice,|separates it from|would also allow|"
                   r"reading in line is|could see|could pass for)(?: a)? (\w+)")
_RISE = frozenset(("rise", "lift", "go up", "be raised", "be pulled up", "push up", "come back up", "come up"))
_FALL = frozenset(("come down", "sink back", "sink", "settle", "turn down", "be pulled down"))
_PART = r"\bthe (?:inner |outer |upper )?\w+(?: corners)?"
_WANTED = re.compile(rf"({_PART}(?:(?:, | and |, and ){_PART})*) (?:would have to|would need to|should|to) "
                     rf"({'|'.join(sorted(_RISE | _FALL, key=len, reverse=True))})\b")
_GIVEN = re.compile(r":|,? (?:as|because|since|with)\b")  # what is spoken of comes after it
_REFERS = re.compile(r"\b(?:they|them|these|this|that is|as a set)\b")
_TURN = re.compile(r", (?:while|yet|but|though|although)\b")
_STILL_NEEDS = re.compile(r"\bwould (?:also )?(?:need|call for|ask for) ([^.;]+)")
_APART = re.compile(r"\b(\w+) apart from \1\b|\bbetween (?:an? )?(\w+)(?: look)? and (?:an? )?\2\b")
DENIED = re.compile(r"\bdoes not (?:look|read as) (\w+)")


def itself(x: Explanation) -> list[str]:
    """One face: what the text says against itself."""
    said, low = SENTENCE.split(x.interpretation), x.interpretation.lower()
    away = {o.au for o in x.observations if not o.present}
    slips = [f"speaks of AU{a}, which it calls absent" for a in sorted(spoken_aus(x.interpretation) & away)]
    slips += ["sees AU12 and no smile"] * bool(12 in x.present and _UNSMILING.search(low))
    slips += [*named_twice(x), *_lists(x, said), *others(x, x.interpretation)]
    for look, lacking in filter(None, map(wanted, said)):
        slips += [f"asks AU{min(aus)} of {look}" for aus in lacking if not aus & may_want(look)]
    slips += [f'says "{m.group()}" of nothing' for p in _they()
              if (m := p.match(low)) and not _GIVEN.match(low, m.end())]
    for tail in _STILL_NEEDS.findall(low):
        _, lacking = wanted(f"fear would need {tail}") or ("", [])
        slips += [f"asks for AU{min(aus)}, which it observes" for aus in lacking if aus <= {*x.present}]
    slips += [*_counts(x, said), *_shares(x, said), *_seconds(x, low), *_ways(low)]
    wanting = {EMOTION_OF_WORD.get(w) for found in _WOULD.findall(low) for w in found}
    return slips + [DENIAL] * (denies(x) or bool(wanting & set(x.emotions)))


def _lists(x: Explanation, said: Sequence[str]) -> list[str]:
    """Lists of action units whose number, or whose units, are not those observed."""
    slips = []
    for n, text in _COUNT.findall(x.interpretation):
        listed = {a for _, _, a in mentions(text)}
        wrong = bool(listed) and NUMBERS.index(n.lower()) != len(listed)
        slips += [f"counts {n.lower()} action units and names {len(listed)}"] * wrong
    for sentence in filter(_LISTS.search, said):
        if listed := set(map(int, _CODES.findall(sentence))):
            slips += [f"does not list AU{a}, which it observes" for a in sorted({*x.present} - listed)]
    return slips


def _counts(x: Explanation, said: Sequence[str]) -> list[str]:
    """Movements counted for a look to which they do not belong, against the one to which they do, or for two looks."""
    spoken = [(c, spoken_aus(c)) for s in said for c in _TURN.split(s.lower())]
    denied = [EMOTION_OF_WORD[w] for w in DENIED.findall(x.interpretation.lower()) if w in EMOTION_OF_WORD]
    slips = []

    def named(pattern: re.Pattern) -> list[int]:
        return [a for s, aus in spoken if pattern.search(s) for a in sorted(aus)]

    if len(x.emotions) == 1 and x.emotions[0] in EMOTIONS:
        look, signs = x.emotions[0], may_want(x.emotions[0])
        fits = signs | (_OPEN if look != "neutral" else frozenset())
        slips += [f"{COUNTS}{a} for {look}" for a in named(_FOR_IT) if a not in fits]
        slips += [f"{COUNTS}{a} against {look}" for a in named(_NOT_IT) if a in signs and not denied]
        other = {a for s, aus in spoken for a in aus
                 if {EMOTION_OF_WORD.get(w) for w in _OTHER.findall(s)} - {None, look}}
        slips += [f"{COUNTS}{a} for {look} and for another look" for a in sorted(other & {*named(_FOR_IT)})]
        slips += [f"{COUNTS}{a} for another look than {look}" for a in sorted(other & signs - {*named(_FOR_IT)})]
        slips += _parts(said, look, fits)
    if len(set(denied)) == 1:
        fits = may_want(denied[0]) | _OPEN
        slips += [f"{COUNTS}{a} for {denied[0]}" for a in named(_FIT_IT) if a not in fits]
    return slips


def _parts(said: Sequence[str], look: str, fits: frozenset[int]) -> list[str]:
    """Movements of a part of the face of which the next sentence says that they carry the look, and of which none is a
    sign of it."""
    then = [before for before, s in zip(said, said[1:], strict=False) if any(p.search(s.lower()) for p in _carries())]
    return [f"{COUNTS}{min(aus)} for {look}" for aus in map(spoken_aus, then) if aus and not aus & fits]


@cache
def _they() -> tuple[re.Pattern[str], ...]:
    """What is said of movements that a sentence before has named."""
    from emoreason.data_pipeline.sentences import PATTERN_THEY

    return tuple(re.compile(as_pattern(t.source.lower())) for texts in PATTERN_THEY.values() for t in texts
                 if _REFERS.search(t.source))


@cache
def _carries() -> tuple[re.Pattern[str], ...]:
    from emoreason.data_pipeline.details import PART_FITS

    return tuple(re.compile(as_pattern(t.source.lower())) for t in PART_FITS)


def _shares(x: Explanation, said: Sequence[str]) -> list[str]:
    """Percentages in the first sentence that are not the confidence; told in twentieths, and "over 95 percent"."""
    if x.confidence is None:
        return []
    return [f"says {n} percent and states {x.confidence}" for n in map(int, _PERCENT.findall(said[0]))
            if abs(n / 100 - x.confidence) > (0.051 if n == 95 else 0.026)]


def _seconds(x: Explanation, low: str) -> list[str]:
    """A second look that is the first."""
    slips = [f"finds signs of another look in {e}" for word in _OTHER.findall(low) for e in x.emotions
             if EMOTION_OF_WORD.get(word) == e]
    return slips + [f"calls {e} the next look" for e in x.emotions[:1] if e in called_next(low)]


def called_next(low: str) -> set[str]:
    """Looks that a text in lower case calls the next best, or possible as well."""
    return {EMOTION_OF_WORD[w] for found in _NEXT.findall(low) for w in found if w in EMOTION_OF_WORD}


def _ways(low: str) -> list[str]:
    """Parts of the face that would have to go two ways for another look."""
    moves = [(part, verb) for parts, verb in _WANTED.findall(low) for part in re.findall(_PART, parts)]
    rises, falls = ({part for part, verb in moves if verb in way} for way in (_RISE, _FALL))
    return [f"asks {part} to rise and to come down" for part in sorted(rises & falls)]


def others(x: Explanation, text: str) -> list[str]:
    """Verdicts in ``text`` on another look than the one concluded."""
    looks = {EMOTION_OF_WORD.get(word) for word in _LOOKS.findall(text.lower())} - {None, *x.emotions}
    return [f"says {e} and concludes {x.emotion}" for e in sorted(map(str, looks)) if x.emotions]


def named_twice(x: Explanation) -> list[str]:
    """AUs that one sentence of the interpretation names twice."""
    slips = []
    for sentence in SENTENCE.split(x.interpretation):
        named = [a for _, _, a in mentions(sentence)]
        slips += [f"names AU{a} twice in one sentence" for a in sorted({a for a in named if named.count(a) > 1})]
    return slips


def denies(x: Explanation) -> bool:
    """``scores.denies_itself``, apart from standing remarks."""
    return scores.denies_itself(replace(x, interpretation=without(x.interpretation)))


def repeated(text: str) -> list[str]:
    """AUs that are observed twice, for the same side and time (the parser takes the first of them); figures with two
    points."""
    seen = [(o.au, o.side, o.span) for o in claims(text)]
    slips = [f"observes AU{a} twice" for a in dict.fromkeys(one[0] for one in seen if seen.count(one) > 1)]
    return slips + [f"writes {t}, which is no figure" for t in _NO_FIGURE.findall(text)]


def twice(x: Explanation) -> list[str]:
    """Clauses of three words or more that stand twice in one sentence of the interpretation; times and sides may. And
    sentences that stand twice."""
    sentences = [s.strip() for s in SENTENCE.split(x.interpretation.lower())]
    out = [f'says "{s}" twice' for s in dict.fromkeys(sentences) if sentences.count(s) > 1]
    out += [f"sets {m[1] or m[2]} apart from itself" for s in sentences for m in _APART.finditer(s)]
    for sentence in sentences:
        parts = [p.strip(" .") for p in re.split(r",|;|:|\band\b", sentence)]
        again = {p for p in parts if parts.count(p) > 1 and len(p.split()) > 2 and not re.search(r"\d|\bside$", p)}
        out += [f'says "{p}" twice' for p in sorted(again)]
    return out


def marks(x: Explanation) -> list[str]:
    """Observations whose words do not go with their mark: of another AU, denied, of another strength or side."""
    slips = []
    for o in x.observations:
        told = described(o.text, o.present)
        if told and o.au not in told:
            slips.append(f"describes AU{min(told)} and marks AU{o.au}")
        elif o.present and not told and is_negated(o.text):
            slips.append(f"denies AU{o.au} in words and marks it")
        letter = degree(o.text) if o.present and o.intensity is not None else None
        if letter and abs(LETTERS[letter] - (o.intensity or 0.0)) > DEGREE:
            slips.append(f"gives AU{o.au} another strength in words than in figures")
    return slips + sides(x)


def sides(x: Explanation) -> list[str]:
    """A movement that the words give to one side of the face and the mark to the other."""
    other = {"left": "right", "right": "left"}
    return [f"names one side for AU{o.au} and marks the other" for o in x.observations if o.side in other
            and (said := set(_SIDE.findall(o.text.lower()))) and o.side not in said and other[o.side] in said]
