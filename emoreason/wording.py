"""Movements named in words: which AUs a sentence says are there, by the phrases that the explanation engine uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from emoreason.facs import EMOTION_OF_WORD, PROTOTYPES
from emoreason.schema import find_aus, is_negated

_CLAUSE = re.compile(r"[.;:!?]")
# What is only thought of, or asked for, is not claimed.
_HYPOTHETICAL = re.compile(
    r"\b(would|needs?|should|could|require[sd]?|call(?:s|ed)? for|lack(?:s|ing)?|ask(?:s|ed)? for|missing|miss|wanted|"
    r"if|expect(?:s|ed)?|must|typical(?:ly)?|usual(?:ly)?|can|may|might|"
    r"in (?:fear|anger|sadness|disgust|surprise|happiness|contempt))\b")

# Said to be there after all.
_FULFILLED = re.compile(r"\bthe movements (?:it|that \w+) needs(?= are there)|"
                        r"\bwould(?= rather fit\b| be (?:unusual|a start)\b| (?:fit|allow|agree with|speak for) it\b)|"
                        r"\bcan(?= be found in\b| see that\b)|\bwhat does not agree(?= is\b)|"
                        r", (?:but )?the rest (?:is missing|would not)\b")


@cache
def _phrases() -> tuple[tuple[re.Pattern[str], frozenset[int]], ...]:
    """Every wording of a movement as something that is there, longest first, with the AUs it names."""
    from emoreason.data_pipeline.details import AROUND_EYES
    from emoreason.data_pipeline.phrases import WORDS
    from emoreason.data_pipeline.sentences import JOINED, SIDED_CLAUSE, SIDED_CUE

    sided = [*((a, t) for a, texts in SIDED_CUE.items() for t in texts), *SIDED_CLAUSE.items()]
    table = {text.format(side=side): frozenset((a,)) for a, text in sided for side in ("left", "right")}
    table |= {text: frozenset((6,)) for text in AROUND_EYES}
    for group, cues, clauses, _ in JOINED:
        table |= {text: frozenset(group) for text in (*(c[0] for c in cues), *clauses)}
    for a, words in WORDS.items():
        for text in (*(c[0] for c in words["cue"]), *words["clause"]):
            table[text] = frozenset((a,))  # though it may stand for a group that has it, too
    return tuple((re.compile(rf"\b{re.escape(t)}\b"), table[t]) for t in sorted(table, key=len, reverse=True))


def spoken_aus(text: str) -> frozenset[int]:
    """AUs that ``text`` says are there, in words ("the raised cheeks") or by number; clauses that deny or only suppose
    something are left out. Plain phrases only: what it finds is said, what it misses may be said too."""
    found: set[int] = set()
    for clause in _CLAUSE.split(_FULFILLED.sub("", text.lower())):
        if is_negated(clause) or _HYPOTHETICAL.search(clause):
            continue
        found |= find_aus(clause)[0]
        for pattern, aus in _phrases():
            clause, hits = pattern.subn(" ", clause)
            if hits:
                found |= aus
    return frozenset(found)


# What a look would need, in a sentence that names one look.
_NEED = re.compile(r"\b(?:would (?:also )?(?:need|call for|have to)|asks for|lacks|missing|lack of|sign of|want to see|"
                   r"do(?:es)? not show|could be seen|in addition|without)\b")


@cache
def _lacks() -> tuple[tuple[re.Pattern[str], frozenset[int]], ...]:
    """Every wording of a movement as something that is lacking, longest first, with the AUs that it may stand for."""
    from emoreason.data_pipeline.phrases import WORDS
    from emoreason.data_pipeline.sentences import JOINED

    table: dict[str, frozenset[int]] = {}
    rows = [(group, texts) for group, _, _, texts in JOINED] + [((a,), words["lack"]) for a, words in WORDS.items()]
    for group, texts in rows:
        for text in texts:
            table[text] = table.get(text, frozenset()) | frozenset(group)
    return tuple((re.compile(rf"\b{re.escape(t)}\b"), table[t]) for t in sorted(table, key=len, reverse=True))


def wanted(sentence: str) -> tuple[str, list[frozenset[int]]] | None:
    """The look that a sentence says lacks some movements ("Fear would need raised upper lids"), and for each of these
    the AUs that it may stand for; None for a sentence that says no such thing or names several looks."""
    low = sentence.lower()
    looks = {EMOTION_OF_WORD[w] for w in re.findall(r"[a-z]+", low) if w in EMOTION_OF_WORD}
    if len(looks) != 1 or not _NEED.search(low):
        return None
    lacking = []
    for pattern, aus in _lacks():
        low, hits = pattern.subn(" ", low)
        lacking += [aus] * (hits > 0)
    return looks.pop(), lacking


@cache
def may_want(look: str) -> frozenset[int]:
    """The AUs that belong to a look: of its prototypes, and those that the explanation engine asks of it."""
    from emoreason.data_pipeline.facts import NEEDS

    return frozenset().union(*PROTOTYPES.get(look, ()), *NEEDS.get(look, ()))


ANY = r"[\w,() -]{1,90}?"  # what a slot of a template may hold
_SLOT = {"pre": r"(?!not\b)[\w-]+(?: (?!not\b)[\w-]+){0,2}?", "post": r"[\w ]{1,40}?", "side": r"\w+", "s": "s?",
         "adj": r"[\w ]{1,40}?"}


@cache
def _descriptions(present: bool) -> tuple[tuple[int, re.Pattern[str]], ...]:
    """How the explanation engine puts each AU where it is there, or where it is not."""
    from emoreason.data_pipeline.phrases import WORDS

    made = []
    for a, words in WORDS.items():
        told = [*(t for texts in words["plain"].values() for t in texts), *words.get("side", ())]
        made += [(a, re.compile(as_pattern(t))) for t in (*words["moves"], *(told if present else words["gone"]))]
    return tuple(made)


def as_pattern(template: str, slots: Mapping[str, str] = _SLOT) -> str:
    """A template of the explanation engine as a pattern: ``[a|b]`` is a choice, ``{pre}`` and its like some words, by
    ``slots``, else anything."""
    return rf"\b{_plain(template, slots)}\b"


def _plain(template: str, slots: Mapping[str, str]) -> str:
    out = ""
    for part in re.split(r"(\[[^\]]*\]|\{\w+\})", template):
        if part.startswith("["):
            out += f"(?:{'|'.join(_plain(choice, slots) for choice in part[1:-1].split('|'))})"
        elif part.startswith("{"):
            out += slots.get(part.strip("{}"), ANY)
        else:
            out += re.escape(part)
    return out


def described(text: str, present: bool = True) -> frozenset[int]:
    """AUs that an observation's words describe (present: as there; else as not there), in the explanation engine's
    wording; empty for words of another kind."""
    low = text.lower()
    return frozenset(a for a, pattern in _descriptions(present) if pattern.search(low))


@cache
def _degrees() -> tuple[re.Pattern[str], dict[str, str]]:
    """The words for strengths, the longest first, and the letter of each."""
    from emoreason.data_pipeline.phrases import ADJ, BANDS, POST, PRE

    letters = {re.sub(r"^(an?|the) ", "", w): b for b in BANDS for w in (*PRE[b], *POST[b], *ADJ[b])}
    words = "|".join(map(re.escape, sorted(letters, key=len, reverse=True)))
    return re.compile(rf"\b(?:{words})\b"), letters


def degree(text: str) -> str | None:
    """The intensity letter (A-E) that an observation's words give ("clearly raised": C); None where they give none, or
    several."""
    pattern, letters = _degrees()
    found = {letters[m.group()] for m in pattern.finditer(text.lower())}
    return found.pop() if len(found) == 1 else None


def mentions(text: str) -> list[tuple[int, int, frozenset[int]]]:
    """(start, end, AUs) of each phrase in ``text`` that names a movement, in order, claimed or denied; for linking."""
    low, found = text.lower(), []
    for pattern, aus in _phrases():
        for m in pattern.finditer(low):
            if not any(m.start() < end and start < m.end() for start, end, _ in found):
                found.append((m.start(), m.end(), aus))
    return sorted(found, key=lambda one: one[0])
