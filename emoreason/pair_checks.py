"""Does a comparison of two faces hold? Its words against what was measured on each, its marks, and the question."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from emoreason import scores
from emoreason.facs import EMOTION_OF_WORD, PRESENT
from emoreason.schema import SENTENCE, Explanation
from emoreason.wording import as_pattern, mentions, spoken_aus

if TYPE_CHECKING:
    from emoreason.data_pipeline.facts import Facts

GAP = 0.7  # a difference in intensity that must be said of the right face
NEAR = 0.3  # by which an order may be missed: of intensities
CLOSE = 0.1  # and of probabilities, valence, confidence
_WHOSE = re.compile(r"\b(first|second)\b")
_BOTH = re.compile(r"\bboth\b|\bneither\b|\balike\b|\bsame\b|\btwo\b|\bnot\b")
_IN_BOTH = re.compile(r"\bin both\b|\bboth (?:faces|show)\b|^both\b")
_SMILE = re.compile(r"\bsmil(?:e|es|ed|ing)\b")
_SLOTS = {"one": r"(?P<one>first|second)", "two": r"(?P<two>first|second)", "s": "s?",
          "main": "the main (?:difference is|differences are)"} | {
    name: rf"(?P<{name}>[a-z ]{{1,40}})" for name in ("adj", "adj2", "noun", "noun2", "bare")}
Said = Mapping[str, str]  # what the slots of a template hold
Holds = Callable[[Said, str, Explanation, Sequence["Facts"]], bool]


def pair_slips(x: Explanation, faces: Sequence[Facts], question: str) -> list[str]:
    """What a comparison says that does not hold, apart from its claims and its conclusion. faces: the two, in order."""
    known = [o for o in x.observations if o.present and o.au in faces[0].aus]
    slips = [slip for o in known for slip in _observed(o.text.lower(), o.au, faces)]
    slips += [f"gives AU{o.au} to one side, which is not the stronger one" for o in known
              if o.side in ("left", "right") and o.side not in _uneven(o.au, faces)]
    for sentence in SENTENCE.split(x.interpretation):
        low = sentence.lower().strip()
        slips += [f'says "{found.group()}", which is not so' for pattern, holds in _sayings()
                  if (found := pattern.search(low)) and not holds(found.groupdict(), low, x, faces)]
    if x.emotion is None:
        return slips
    low, told = question.lower(), _looks(x.interpretation)
    if _SMILE.search(low):
        return slips + ["does not speak of the smile"] * (not _SMILE.search(x.interpretation.lower()))
    wanted = {*_looks(low), *(e for pattern, e in _comparatives() if pattern.search(low))}
    return slips + [f"does not speak of {e}" for e in sorted(wanted - {*told, "neutral", *x.emotions})]


def _observed(text: str, au: int, faces: Sequence[Facts]) -> list[str]:
    """One movement: its words go with its mark, and give it to the faces that have it."""
    named = frozenset().union(*(aus for _, _, aus in mentions(text)))
    if named and au not in named:
        return [f"describes AU{min(named)} and marks AU{au}"]
    levels = dict(zip(("first", "second"), (f.aus[au] for f in faces), strict=True))
    kind, one = next(((kind, found.groupdict().get("one")) for kind, pattern in _placings()
                      if (found := pattern.search(text))), (None, None))
    whose = set(_WHOSE.findall(text))
    both = kind in ("both", "more") or kind is None and _IN_BOTH.search(text)
    if both and min(levels.values()) < scores.GREY:
        return [f"gives AU{au} to both faces"]
    if kind is None and len(whose) == 1 and not _BOTH.search(text):  # other words than the engine's
        one = min(whose)
    if one is None:
        return []
    other = levels["second" if one == "first" else "first"]
    if levels[one] - other <= (-GAP if kind is None else -NEAR):
        return [f"gives AU{au} to the wrong face"]
    alone = kind in ("only", "far more") and other >= PRESENT + NEAR
    return [f"gives AU{au} to one face alone"] if alone else []


def _uneven(au: int, faces: Sequence[Facts]) -> set[str]:
    """The stronger sides of the face that shows a movement most, or of both where they are close."""
    most = max(f.aus[au] for f in faces)
    return {f.sides[au] for f in faces if au in f.sides and f.aus[au] > most - NEAR}


@cache
def _placings() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """How the explanation engine says which face shows a movement."""
    from emoreason.data_pipeline import comparison as C

    pools = (("more", C.ONE_MORE), ("only", C.ONLY), ("far more", C.ONE_HINT), ("both", C.ALIKE))
    return tuple((kind, re.compile(as_pattern(t.source.lower(), _SLOTS))) for kind, pool in pools for t in pool)


def _looks(text: str) -> list[str]:
    """The looks that words name, in their order."""
    return [EMOTION_OF_WORD[w] for w in re.findall(r"[a-z]+", text.lower()) if w in EMOTION_OF_WORD]


@cache
def _comparatives() -> tuple[tuple[re.Pattern[str], str], ...]:
    from emoreason.data_pipeline.question_words import COMPARATIVES

    return tuple((re.compile(rf"\b{re.escape(text)}\b"), e) for e, texts in COMPARATIVES.items() for text in texts)


def _ahead(said: Said, faces: Sequence[Facts], of: Callable[[Facts], float], slack: float) -> bool:
    """Whether the face that is put first is not clearly behind in ``of``."""
    one = said.get("one") or {"first": "second", "second": "first"}[said["two"]]
    a, b = (of(f) for f in faces)
    return (a - b) * (1 if one == "first" else -1) >= -slack


def _look(said: Said, second: str = "") -> str | None:
    words = next((said[k] for k in (f"adj{second}", f"noun{second}", f"bare{second}") if said.get(k)), "")
    return next(iter(_looks(words)), None)


def _more(said: Said, low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
    look = _look(said)
    return look is None or _ahead(said, faces, lambda f: f.p(look), CLOSE)


def _level(said: Said, low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
    look = _look(said)
    return look is None or abs(faces[0].p(look) - faces[1].p(look)) < 0.1 + CLOSE


def _verdict(said: Said, low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
    told = (_look(said), _look(said, "2"))
    return not x.emotions or None in told or told == x.emotions  # one look of both is told as one


def _same(said: Said, low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
    return not x.emotions or _look(said) is None or set(x.emotions) == {_look(said)}


def _named(low: str, faces: Sequence[Facts]) -> set[int]:
    known = spoken_aus(low.replace(" lacks ", " has ")) & faces[0].aus.keys()
    return known - ({25} if 27 in known else set())  # a wide open mouth parts the lips as well


def _because(said: Said, low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
    known = _named(low, faces)
    apart = {a: abs(faces[0].aus[a] - faces[1].aus[a]) for a in faces[0].aus}
    least = max((apart[a] for a in known), default=GAP)  # a difference that hardly is one is not the main one
    return all(_ahead(said, faces, lambda f, a=a: f.aus[a], -NEAR) for a in known) and least >= GAP - NEAR


def _because_alone(said: Said, low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
    other = faces["first" in (said.get("one"), {"second": "first"}.get(said.get("two", "")))]
    return _because(said, low, x, faces) and all(other.aus[a] < PRESENT + NEAR for a in _named(low, faces))


def _equal(said: Said, low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
    told = faces[0].present | faces[1].present
    return all(abs(faces[0].aus[a] - faces[1].aus[a]) < GAP + NEAR for a in told)


def _order(of: Callable[[Facts], float], slack: float, said: Said, low: str, x: Explanation,
           faces: Sequence[Facts]) -> bool:
    return _ahead(said, faces, of, slack)


def _smiles(holds: Callable[[list[float]], bool], said: Said, low: str, x: Explanation, faces: Sequence[Facts]) -> bool:
    return holds([f.aus[12] for f in faces])


@cache
def _sayings() -> tuple[tuple[re.Pattern[str], Holds], ...]:
    """What the explanation engine says of two faces, and when it is so."""
    from emoreason.data_pipeline import comparison as C

    smile = partial(_order, lambda f: f.aus[12], NEAR)
    table: list[tuple[Sequence, Holds]] = [
        (C.MORE, _more), (C.MORE_BARELY, _more), (C.NO_MORE, _level), (C.VERDICT, _verdict), (C.SAME, _same),
        (C.BECAUSE, _because), (C.BECAUSE_ALONE[:2], _because_alone), (C.EQUAL, _equal),
        (C.STRONGER, partial(_order, lambda f: f.activity, NEAR)),
        (C.PLEASANT, partial(_order, lambda f: f.valence, CLOSE)), (C.SMILES, smile), (C.SMILES_ALONE, smile),
        (C.SURE, partial(_order, lambda f: f.confidence, CLOSE)),
        (C.UNSURE, partial(_order, lambda f: -f.confidence, CLOSE)),
        (C.SMILES_ALIKE, partial(_smiles, lambda v: min(v) >= PRESENT - NEAR and abs(v[0] - v[1]) < GAP + NEAR)),
        (C.SMILES_LEVEL, partial(_smiles, lambda v: abs(v[0] - v[1]) < GAP + NEAR)),
        (C.SMILES_NOT, partial(_smiles, lambda v: max(v) < PRESENT + NEAR))]
    return tuple((re.compile(as_pattern(t.source.lower(), _SLOTS)), holds) for pool, holds in table for t in pool)
