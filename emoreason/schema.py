"""The explanation: one data class, one renderer, one parser. No other file reads tags or AU mentions.

As text (the three parts of an expression chain of thought inside the tags of the R1 family)::

    <think>Key observations: The inner brows are drawn up (AU1, 2.4). The lip corners are not raised
    (AU12 absent). Interpretation: Raised inner brows are the mark of sadness. Confidence: 0.72.
    Valence: -0.4. Arousal: -0.2.</think><answer>sadness</answer>

An evidence mark ``(AU12, 2.1, left, 0.40-1.20 s)`` closes the words that describe it; ``absent`` (or a negated
clause) makes it a statement that the AU is not there. ``parse(render(x)) == x`` for every Explanation.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from emoreason.errors import ParseError
from emoreason.facs import ACTION_UNITS, LETTERS, PRESENT, au, parse_emotions

SIDES = ("left", "right", "both")
KEY, INTERPRETATION = "Key observations:", "Interpretation:"
SENTENCE = re.compile(r"(?<=[.!?])(?= )")  # between one sentence and the next
THINK_OPEN, THINK_CLOSE, ANSWER_OPEN, ANSWER_CLOSE = "<think>", "</think>", "<answer>", "</answer>"

_TAG = re.compile(r"<\s*(/?)\s*(think|answer)\s*>", re.I)
_BODY = re.compile(r"\s*<\s*think\s*>(.*?)<\s*/\s*think\s*>\s*<\s*answer\s*>(.*?)<\s*/\s*answer\s*>\s*", re.I | re.S)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_FACT = re.compile(rf"\b(confidence|valence|arousal):\s*({_NUMBER})\b\.?", re.I)
# One AU as people write it: AU4, au 12, AU06, AU4C, AU L12; and the rest of a list: "+6", "/25", ", 26" without AU.
_ONE = re.compile(r"(?<![A-Za-z0-9])AU\s?[-_]?([LR]?)0*(\d{1,3})([A-E]?)(?![A-Za-z0-9])", re.I)
_CHAIN = re.compile(r"\s*[+/&]\s*([LR]?)0*(\d{1,3})([A-E]?)(?![A-Za-z0-9.])")
# The whole mark in parentheses, one AU with its qualifiers.
_MARK = re.compile(rf"\(\s*({_ONE.pattern}(?:\s*,?\s*[^()]{{0,60}})?)\s*\)", re.I)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(\d+(?:\.\d+)?)\s*s\b")
_ABSENT = re.compile(r"\b(absent|missing|not (?:present|active|seen|visible|there)|inactive)\b", re.I)
_NEGATION = re.compile(r"\b(no|not|without|lacks?|lacking|neither|nor|never|absence of|cannot|free of"
                       r"|(?:is|are|do|does|did|was|were|ca)n['’]t)\b(?!\s+only\b)", re.I)
_CONTRAST = r",?\s\b(?:but|while|whereas|although|though|instead|yet|however)\b"
_CLAUSE_END = re.compile(rf"[.;:!?]|{_CONTRAST}", re.I)


@dataclass(frozen=True)
class Observation:
    """One claim about one action unit.

    intensity 0-5 (kept to 0.1) or None; side: the subject's own left or right, or both; present: False when the
    text says that the AU is not there; span: (onset, offset) in seconds from the clip's start (kept to 0.01) or
    None for a picture; text: the words that describe it, without the mark. Raises ValueError for values out of
    range, ParseError for an AU that FACS does not have.
    """

    au: int
    intensity: float | None = None
    side: str = "both"
    present: bool = True
    span: tuple[float, float] | None = None
    text: str = ""

    def __post_init__(self) -> None:
        au(self.au)
        if self.side not in SIDES:
            raise ValueError(f"side must be one of {SIDES}, but got {self.side!r}")
        if self.intensity is not None:
            _set(self, "intensity", _bounded("intensity", self.intensity, 0, 5, 1))
        if self.span is not None:
            start, end = (_bounded("span", t, 0, 1e6, 2) for t in self.span)
            if end < start:
                raise ValueError(f"span must not end before it starts, but got {self.span}")
            _set(self, "span", (start, end))
        _set(self, "text", _plain("text", self.text).strip(" .,;:"))
        if _ONE.search(self.text) or INTERPRETATION.lower() in self.text.lower() or KEY.lower() in self.text.lower():
            raise ValueError(f"an observation's text names its AU only in the mark, but got {self.text!r}")


@dataclass(frozen=True)
class Explanation:
    """Observations, what they add up to, and the conclusion.

    emotion: a name of facs.EMOTIONS (or of a benchmark), an ordered "fear, surprise" for a compound, None for an
    abstention (then ``interpretation`` says why); confidence in [0, 1]; valence, arousal in [-1, 1]; each of the
    three kept to 0.01, or None. Raises ValueError when two observations speak of the same AU, side and span.
    """

    observations: tuple[Observation, ...] = ()
    interpretation: str = ""
    emotion: str | None = None
    confidence: float | None = None
    valence: float | None = None
    arousal: float | None = None

    def __post_init__(self) -> None:
        _set(self, "observations", tuple(self.observations))
        keys = [(o.au, o.side, o.span) for o in self.observations]
        twice = sorted({k[0] for k in keys if keys.count(k) > 1})
        if twice:
            raise ValueError(f"AU{twice[0]} is observed twice for the same side and time")
        _set(self, "interpretation", _plain("interpretation", self.interpretation))
        low = self.interpretation.lower()
        if KEY.lower() in low or INTERPRETATION.lower() in low or _FACT.search(self.interpretation):
            raise ValueError("the interpretation must not repeat the headings or the stated figures")
        if not self.observations and not self.interpretation:
            raise ValueError("an explanation needs an observation or an interpretation")
        if self.emotion is not None:
            _set(self, "emotion", ", ".join(parse_emotions(self.emotion)) or None)
        for name, low_end in (("confidence", 0.0), ("valence", -1.0), ("arousal", -1.0)):
            if getattr(self, name) is not None:
                _set(self, name, _bounded(name, getattr(self, name), low_end, 1, 2))

    @property
    def emotions(self) -> tuple[str, ...]:
        """The conclusion as a tuple: () abstained, one name, or the ordered parts of a compound."""
        return tuple(self.emotion.split(", ")) if self.emotion else ()

    @property
    def present(self) -> dict[int, Observation]:
        """AU -> its first present observation."""
        return {o.au: o for o in reversed(self.observations) if o.present}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, fields by their names."""
        data = asdict(self)
        data["observations"] = [dict(o, span=list(o["span"]) if o["span"] else None) for o in data["observations"]]
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Explanation:
        """The inverse of ``to_dict``."""
        made = [Observation(**dict(o, span=tuple(o["span"]) if o.get("span") else None)) for o in data["observations"]]
        return cls(**dict(data, observations=tuple(made)))


def _set(obj: Any, name: str, value: Any) -> None:
    object.__setattr__(obj, name, value)


def _bounded(name: str, value: float, low: float, high: float, digits: int) -> float:
    value = float(value)
    if not low <= value <= high:
        raise ValueError(f"{name} must lie in [{low}, {high}], but got {value}")
    return round(value, digits) + 0.0  # + 0.0 turns -0.0 into 0.0


def _plain(name: str, value: str) -> str:
    """One line of text without tags."""
    if "<" in value or ">" in value:
        raise ValueError(f"{name} must not contain '<' or '>', but got {value!r}")
    return " ".join(value.split())


def is_negated(text: str) -> bool:
    """Whether the last clause of ``text`` is negated ("the lip corners are not raised")."""
    ends = [m.end() for m in _CLAUSE_END.finditer(text)]
    return bool(_NEGATION.search(text[ends[-1] if ends else 0:]))


def mark(o: Observation) -> str:
    """The evidence mark of an observation, with its parentheses."""
    parts = [f"AU{o.au}"]
    if not o.present:
        parts[0] += " absent"
    elif o.intensity is None and is_negated(o.text):
        parts[0] += " present"
    if o.intensity is not None:
        parts.append(f"{o.intensity:.1f}")
    if o.side != "both":
        parts.append(o.side)
    if o.span is not None:
        parts.append(f"{o.span[0]:.2f}-{o.span[1]:.2f} s")
    return f"({', '.join(parts)})"


def render(x: Explanation) -> str:
    """The explanation as text; ``parse`` is its inverse."""
    think = []
    if x.observations:
        think.append(KEY)
        think += [f"{o.text} {mark(o)}.".strip() for o in x.observations]
    think.append(INTERPRETATION + (" " + x.interpretation if x.interpretation else ""))
    for name in ("confidence", "valence", "arousal"):
        value = getattr(x, name)
        if value is not None:
            think.append(f"{name.capitalize()}: {value:g}.")
    answer = x.emotion or "none"
    return f"{THINK_OPEN}{' '.join(think)}{THINK_CLOSE}{ANSWER_OPEN}{answer}{ANSWER_CLOSE}"


def split(text: str) -> tuple[str, str]:
    """The think and answer texts. Raises ParseError unless there is exactly one of each, in order, and nothing
    outside them."""
    tags = [m.group(1) + m.group(2).lower() for m in _TAG.finditer(text)]
    for name in ("think", "/think", "answer", "/answer"):
        if tags.count(name) != 1:
            raise ParseError(f"{tags.count(name)} <{name}> tags, but there must be exactly one")
    match = _BODY.fullmatch(text)
    if not match:
        raise ParseError("the text must be <think>...</think><answer>...</answer> and nothing else")
    return match.group(1).strip(), match.group(2).strip()


def parse(text: str) -> Explanation:
    """Read an explanation. Raises ParseError with the reason for anything that does not follow the format.

    Reads peers' texts too: without headings, every evidence mark becomes an observation and the whole thought the
    interpretation. A repeated claim counts once; a claim that contradicts another is an error.
    """
    think, answer = split(text)
    if not think:
        raise ParseError("the thinking is empty")
    facts: dict[str, float] = {}
    for m in _FACT.finditer(think):
        if m.group(1).lower() in facts:
            raise ParseError(f"{m.group(1).lower()} is stated twice")
        facts[m.group(1).lower()] = float(m.group(2))
    think = " ".join(_FACT.sub(" ", think).split())
    head, found, tail = _cut(think, INTERPRETATION)
    if not found:
        tail = think
    before, found, after = _cut(head, KEY)
    head = after if found else before
    try:
        names = parse_emotions(answer)
        return Explanation(_observations(head), _strip_heading(tail), ", ".join(names) or None, **facts)
    except ParseError:
        raise
    except ValueError as e:
        raise ParseError(str(e)) from None


def closed(begun: str, answer: str = "none") -> str:
    """The beginning of an explanation's text, brought to an end so that it parses, without a conclusion or with one."""
    rest = "" if INTERPRETATION in begun else f" {INTERPRETATION} So it is."
    return f"{begun}{rest}{THINK_CLOSE}{ANSWER_OPEN}{answer}{ANSWER_CLOSE}"


def sentences(text: str) -> list[int]:
    """Where the sentences of an explanation's text begin: each but the first at the space before its first word."""
    return [0, *(m.start() for m in SENTENCE.finditer(text))]


def without_sentence(text: str, at: int) -> str | None:
    """An explanation's text without the sentence that begins at ``at`` (see ``sentences``); headings stay. None where
    that is no sentence of the observations or the interpretation.

    >>> without_sentence("<think>Key observations: A smile (AU12, 3.0). So. Interpretation: It is.</think>", 45)
    '<think>Key observations: A smile (AU12, 3.0). Interpretation: It is.</think>'
    """
    begins, close = sentences(text), text.find(THINK_CLOSE)
    if at not in begins or at >= close or text[at:].lstrip().startswith("Confidence:"):
        return None
    end = min([b for b in begins if b > at] + [close])
    heading = re.match(rf"\s*(?:{THINK_OPEN})?\s*(?:{KEY}|{INTERPRETATION})?", text[at:end])
    assert heading is not None  # it may be empty
    return text[:at] + heading.group().rstrip() + text[end:]


def claims(text: str) -> list[Observation]:
    """Every observation of an explanation's text, those that ``parse`` takes as one included. Raises ParseError for an
    AU that FACS does not have, ValueError for figures out of range."""
    head = _TAG.sub(" ", text.partition(INTERPRETATION)[0])
    head, start = re.sub(re.escape(KEY), " ", head, flags=re.I), 0
    made: list[Observation] = []
    for m in _MARK.finditer(head):
        made += _marked(m.group(1), _ONE.sub("", head[start:m.start()]).strip(" .,;:"))
        start = m.end()
    return made


def once(text: str) -> str:
    """An explanation's text without the sentences that observe again what an earlier one did: the same AU, side and
    time. Raises as ``claims``.

    >>> once("<think>Key observations: A smile (AU12, 3.0). A smile (AU12, 3.1). Interpretation: So it is.")
    '<think>Key observations: A smile (AU12, 3.0). Interpretation: So it is.'
    """
    head, heading, rest = text.partition(INTERPRETATION)
    seen: set[tuple] = set()
    kept, start = "", 0
    for m in re.finditer(_MARK.pattern + r"[.\s]*", head, re.I):
        told = {(o.au, o.side, o.span) for o in _marked(m.group(1), "")}
        if not told or not told <= seen:
            kept += head[start:m.end()]
        seen |= told
        start = m.end()
    return kept + head[start:] + heading + rest


def _cut(text: str, heading: str) -> tuple[str, str, str]:
    """str.partition, ignoring case; raises ParseError when the heading stands there twice."""
    found = list(re.finditer(re.escape(heading), text, re.I | re.A))
    if len(found) > 1:
        raise ParseError(f"the heading {heading!r} stands there more than once")
    if not found:
        return text, "", ""
    return text[:found[0].start()].strip(), heading, text[found[0].end():].strip()


def _strip_heading(text: str) -> str:
    return re.sub(re.escape(KEY), "", text, flags=re.I).replace("<", "").replace(">", "").strip()


def _observations(text: str) -> tuple[Observation, ...]:
    made: dict[tuple, Observation] = {}
    for one in claims(text):
        key = (one.au, one.side, one.span)
        if key in made and made[key].present != one.present:
            raise ParseError(f"AU{one.au} is said to be present and absent")
        made.setdefault(key, one)
    return tuple(made.values())


def _marked(inside: str, words: str) -> list[Observation]:
    """The observations of one mark: usually one, several for peers' "(AU6, AU12)" or "(AU6+12)"."""
    units = _units(inside)
    rest = _CHAIN.sub("", _ONE.sub("", inside))
    span_m = _SPAN.search(rest)
    span = (float(span_m.group(1)), float(span_m.group(2))) if span_m else None
    rest = _SPAN.sub("", rest)
    number = re.search(_NUMBER, rest)
    intensity = float(number.group()) if number else None
    side_m = re.search(r"\b(left|right)\b", rest, re.I)
    absent = bool(_ABSENT.search(rest))
    stated = re.search(r"\bpresent\b", _ABSENT.sub("", rest), re.I) is not None or intensity is not None
    present = not absent and (stated or not is_negated(words))
    out = []
    for number_, side, letter in units:
        level = LETTERS.get(letter) if intensity is None else intensity
        where = side or (side_m.group(1).lower() if side_m else "both")
        out.append(Observation(number_, level, where, present, span, words))
    return out


def _units(text: str) -> list[tuple[int, str, str]]:
    """(AU, side or '', intensity letter or '') of every AU written in ``text``, lists like AU6+12 included."""
    out = []
    for m in _ONE.finditer(text):
        out.append(m.groups())
        at = m.end()
        while nxt := _CHAIN.match(text, at):
            out.append(nxt.groups())
            at = nxt.end()
    sides = {"L": "left", "R": "right"}
    return [(au(int(n)).number, sides.get(side.upper(), ""), letter.upper()) for side, n, letter in out]


def find_aus(text: str) -> tuple[frozenset[int], frozenset[int]]:
    """(present, absent) AUs that any text names, in marks or in running words, tags or none.

    For judging free text: an AU counts as absent when its clause is negated or says so ("without AU6", "AU12 is
    absent"). Numbers that FACS does not have are left out. An AU said to be both is taken as present.
    """
    present: set[int] = set()
    absent: set[int] = set()
    text = _TAG.sub(". ", text)
    for clause in re.split(rf"[.;!?]\s|[.;!?]$|{_CONTRAST}", text, flags=re.I):
        negated = False
        seen = list(_ONE.finditer(clause))
        for i, m in enumerate(seen):
            after = clause[m.end(): seen[i + 1].start() if i + 1 < len(seen) else len(clause)]
            near = clause[seen[i - 1].end() if i else 0: m.start()]
            shared = i > 0 and negated and re.fullmatch(r"\s*(?:[,/+]|,?\s*(?:or|nor|and))\s*", near)  # a list
            negated = bool(shared) or bool(_ABSENT.search(after)) or is_negated(near)
            try:
                units = _units(clause[m.start():m.end()] + (_CHAIN.match(clause, m.end()) or [""])[0])
            except ParseError:
                continue
            (absent if negated else present).update(u[0] for u in units)
    return frozenset(present), frozenset(absent - present)


def mentions(text: str) -> list[tuple[int, int, int]]:
    """(start, end, AU) of each AU that FACS has and ``text`` names by number, in order; for linking."""
    found = ((m.start(), m.end(), int(m.group(2))) for m in _ONE.finditer(text))
    return [one for one in found if one[2] in ACTION_UNITS]


def is_present(intensity: float | None, threshold: float = PRESENT) -> bool:
    """FACS: an AU is present from intensity A on; a claim without a figure counts as present."""
    return intensity is None or intensity >= threshold
