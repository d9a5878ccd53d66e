"""A text that does not hold is written again from its first wrong sentence on; what stands before it is kept. What it
observes or tells twice is taken out, as are asides on the doubt that its confidence belies, and in the end the
sentences that still do not hold: shorter, but true."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from emoreason.checks import Checked, first_fault, without_asides
from emoreason.engines import Engine, Request
from emoreason.schema import Explanation, once, sentences, without_sentence

RETRIES = 8  # texts of one round, where it goes on from what holds
AFRESH = 4  # the same where every text is written anew
ROUNDS = 3
REPEATED = re.compile(r"\b([a-z][^,;.]{7,}?)(?:, | and )\1(?=,|\.| and )")  # one item of a list told twice in a row
# A caption's sentence whose list lacks an "and" before its last item.
UNJOINED = re.compile(r"\b((?:video|clip|beginning|first|progresses|middle|end|part)[^.,;]*, (?!in |towards )"
                      r"(?:[^.]*; )?(?:(?! and )[^.;])*?), "
                      r"((?:the|a|both) (?:(?! and )[^,.;])+(?:, more on the \w+ side)?)(?=\.)")
IDLE = 2  # rounds that mended nothing, after which it is left
CUTS = 4  # sentences that are taken out at most


@dataclass
class Attempt:
    """A request, the best text for it so far, what checks a text, and whether the engine can go on from a text that is
    begun. part: what checks the beginning of a text, where that differs; at: where in ``furthest`` the first wrong
    sentence begins."""

    request: Request
    best: Checked
    check: Callable[[str], Checked]
    keeps: bool
    part: Callable[[str], Checked] | None = None
    over: bool = False
    idle: int = 0

    def __post_init__(self) -> None:
        if self.best.fails or UNJOINED.search(self.best.text):
            self.best = self._tidy(self.best.text)
        self.furthest = self.best
        self.at = self._fault(self.best) if self.keeps and self.best.fails else 0

    def _tidy(self, text: str) -> Checked:
        with suppress(ValueError):  # what does not parse is checked as it is
            text = UNJOINED.sub(r"\1 and \2", REPEATED.sub(r"\1", once(text)))
        found = self.check(text)
        plain = without_asides(found)
        return found if plain is None else min(found, self.check(plain), key=Checked.faults)

    def _fault(self, found: Checked) -> int:
        return first_fault(found, self.part or self.check)

    def draws(self, turn: int, more: int) -> list[Request]:
        """The requests of one round."""
        begun = self.furthest.text[:self.at]
        first = replace(self.request, temperature=0.7, top_p=0.95, begun=begun)
        return [replace(first, seed=turn * more + i) for i in range(more)]

    def take(self, texts: Sequence[str]) -> None:
        """What came of them. The round is the last one when nothing can be kept, or IDLE of them mended nothing."""
        begun, before, reached = self.furthest.text[:self.at], self.best, self.at
        drawn = [self._tidy(begun + text) for text in texts]
        self.best = min([self.best, *drawn], key=Checked.faults)
        if self.keeps and self.best.fails:
            places = [self._fault(d) for d in drawn]
            self.at = max(places)
            self.furthest = drawn[places.index(self.at)]
        self.idle += self.best is before and self.at <= reached
        self.over = not self.keeps or self.idle >= IDLE

    def shorten(self) -> None:
        """Without the sentences that do not hold, where that helps and leaves at least half of what is observed and
        half of what is made of it."""
        found = self.best
        had = _size(found.explanation)
        for _ in range(CUTS):
            text = without_sentence(found.text, self._fault(found)) if found.fails and found.explanation else None
            if text is None:
                break
            shorter = self.check(text)
            if any(2 * left < before for left, before in zip(_size(shorter.explanation), had, strict=True)):
                break
            found = shorter
        self.best = min(self.best, found, key=Checked.faults)


def _size(x: Explanation | None) -> tuple[int, int]:
    """How many observations, and sentences of interpretation."""
    return (0, 0) if x is None else (len(x.observations), len(sentences(x.interpretation)) if x.interpretation else 0)


def mend(engine: Engine, attempts: Sequence[Attempt], write: Callable[[list[Request]], list[str]],
         retries: int = RETRIES) -> list[Checked]:
    """The best text of each attempt: where it fails, ``retries`` more (or the engine's ``#retries``; AFRESH at most
    where nothing is kept) are drawn, in up to ROUNDS, then it is shortened; ``write`` gives the texts of requests."""
    more = engine.spec.retries
    if more is None:
        more = retries if all(a.keeps for a in attempts) else min(retries, AFRESH)
    for turn in range(ROUNDS):
        left = [a for a in attempts if a.best.fails and not a.over]
        if not left or not more:
            break
        texts = write([r for a in left for r in a.draws(turn, more)])
        for i, a in enumerate(left):
            a.take(texts[i * more:(i + 1) * more])
    for a in attempts:
        if more and a.keeps and a.best.fails:
            a.shorten()
    return [a.best for a in attempts]


def keeps(engine: Engine, request: Request) -> bool:
    """Whether the engine can go on from a text that is begun."""
    return engine.native and (request.grammar is None or getattr(engine, "resumes", False))
