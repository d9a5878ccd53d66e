"""Does a comparison of two faces hold? Its words against what was measured on each, its marks, and the question."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from emoreason import scores
from emoreason.facs import EMOTION_OF_WORD, PRESENT
from emoreason.schema import Explanation
from emoreason.wording import as_pattern, mentions, spoken_aus

if TYPE_CHECKING:
    from emoreason.data_pipeline.facts import Facts

GAP = 0.7  # a difference in intensity that must be said of the right face
NEAR = 0.3  # by which an order may be missed: of intensities
CLOSE = 0.1  # and of probabilities, valence, confidence
_SENTENCE = re.compile(r"(?<=[.!?])(?= )")
_WHOSE = re.compile(r"\b(first|second)\b")
_ALONE = re.compile(r"\bonly\b|\balone\b|\bnot in the\b|\bnothing of it\b|\bthis is missing\b|\bdoes not show\b")
_BOTH = re.compile(r"\bboth\b|\balike\b|\bthe two faces\b")
_SLOTS = {"one": r"(?P<one>first|second)", "two": r"(?P<two>first|second)"} | {
    name: rf"(?P<{name}>[a-z ]+)" for name in ("adj", "adj2", "noun", "noun2", "bare")}
Holds = Callable[[Mapping[str, str], str, Explanation, Sequence["Facts"]], bool]


def pair_slips(x: Explanation, faces: Sequence[Facts], question: str) -> list[str]:
    """What a comparison says that does not hold, apart from its claims and its conclusion. faces: the two, in order."""
    slips = [slip for o in x.observations for slip in _observed(o.text.lower(), o.au, o.present, faces)]
    for sentence in _SENTENCE.split(x.interpretation):
        low = sentence.lower().strip()
        slips += [f'says "{found.group()}", which is not so' for pattern, holds in _sayings()
                  if (found := pattern.search(low)) and not holds(found.groupdict(), low, x, faces)]
    told = _looks(x.interpretation)
    slips += [f"does not speak of {e}" for e in sorted(_asked(question) - told - {"neutral", *x.emotions})]
    return slips


def _observed(text: str, au: int, present: bool, faces: Sequence[Facts]) -> list[str]:
    """One observation: its words go with its mark, and give the movement to the faces that have it."""
    if au not in faces[0].aus:
        return []
    first, second = (f.aus[au] for f in faces)
    if not present:
        return []
    named = frozenset().union(*(aus for _, _, aus in mentions(text)))
    if named and au not in named:
        return [f"describes AU{min(named)} and marks AU{au}"]
    whose = _WHOSE.findall(text)
    both, alone = _BOTH.search(text), _ALONE.search(text)
    if both and not alone and min(first, second) < scores.GREY:
        return [f"gives AU{au} to both faces"]
    if not whose or both and set(whose) == {"first", "second"}:
        return []
    ahead = (first - second) * (1 if whose[0] == "first" else -1)
    if ahead <= -NEAR if both else ahead <= -GAP:
        return [f"gives AU{au} to the wrong face"]
    other = second if whose[0] == "first" else first
    return [f"gives AU{au} to one face alone"] if alone and not both and other >= PRESENT + NEAR else []


def _looks(text: str) -> set[str]:
    return {EMOTION_OF_WORD[w] for w in re.findall(r"[a-z]+", text.lower()) if w in EMOTION_OF_WORD}


@cache
def _comparatives() -> tuple[tuple[re.Pattern[str], str], ...]:
    from emoreason.data_pipeline.questions import COMPARATIVES

    return tuple((re.compile(rf"\b{re.escape(text)}\b"), e) for e, texts in COMPARATIVES.items() for text in texts)


def _asked(question: str) -> set[str]:
    low = question.lower()
    return _looks(low) | {e for pattern, e in _comparatives() if pattern.search(low)}


def _ahead(said: Mapping[str, str], faces: Sequence[Facts], of: Callable[[Facts], float], slack: float) -> bool:
    """Whether the face that is put first is not clearly behind in ``of``."""
    one = said.get("one") or {"first": "second", "second": "first"}[said["two"]]
    a, b = (of(f) for f in faces)
    return (a - b) * (1 if one == "first" else -1) >= -slack


def _look(said: Mapping[str, str], second: str = "") -> str | None:
    words = next((said[k] for k in (f"adj{second}", f"noun{second}", f"bare{second}") if said.get(k)), "")
    return next(iter(_looks(words)), None)


@cache
def _sayings() -> tuple[tuple[re.Pattern[str], Holds], ...]:
    """What the explanation engine says of two faces, and when it is so."""
    from emoreason.data_pipeline import comparison as C

    def more(said: Mapping[str, str], low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
        look = _look(said)
        return look is None or _ahead(said, faces, lambda f: f.p(look), CLOSE)

    def level(said: Mapping[str, str], low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
        look = _look(said)
        return look is None or abs(faces[0].p(look) - faces[1].p(look)) < 0.1 + CLOSE

    def verdict(said: Mapping[str, str], low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
        told = (_look(said), _look(said, "2"))
        return None in told or told == tuple(x.emotions if len(x.emotions) > 1 else x.emotions * 2)

    def same(said: Mapping[str, str], low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
        return _look(said) is None or set(x.emotions) == {_look(said)}

    def because(said: Mapping[str, str], low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
        return all(_ahead(said, faces, lambda f, a=a: f.aus.get(a, 0.0), -NEAR) for a in spoken_aus(low))

    def equal(said: Mapping[str, str], low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
        told = faces[0].present | faces[1].present
        return all(abs(faces[0].aus[a] - faces[1].aus[a]) < GAP + NEAR for a in told)

    def order(of: Callable[[Facts], float], slack: float) -> Holds:
        return lambda said, low, x, faces: _ahead(said, faces, of, slack)

    table: list[tuple[Sequence, Holds]] = [
        (C.MORE, more), (C.MORE_BARELY, more), (C.NO_MORE, level), (C.VERDICT, verdict), (C.SAME, same),
        (C.BECAUSE, because), (C.EQUAL, equal), (C.STRONGER, order(lambda f: f.activity, NEAR)),
        (C.PLEASANT, order(lambda f: f.valence, CLOSE)), (C.SURE, order(lambda f: f.confidence, CLOSE)),
        (C.UNSURE, order(lambda f: -f.confidence, CLOSE))]
    return tuple((re.compile(as_pattern(t.source.lower(), _SLOTS)), holds) for pool, holds in table for t in pool)
