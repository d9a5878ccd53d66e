"""Standing remarks of an interpretation, and what each presupposes: "together they form the full pattern of happiness"
needs that pattern, "the reading is clear" a high confidence. Both are the explanation engine's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from emoreason.schema import Explanation
from emoreason.wording import as_pattern

if TYPE_CHECKING:
    from emoreason.data_pipeline.facts import Facts

NEAR = 0.1  # by which a confidence may miss the level that a remark on the doubt belongs to
SURE = {"clear": (0.8, 1.0), "fairly": (0.6, 0.8), "leaning": (0.4, 0.6), "open": (0.3, 0.4), "faint": (0.0, 0.3)}


class Case(NamedTuple):
    """When a remark holds. with_, without: AUs that are there and are not; emotion: the conclusion; fit: how far the
    movements carry it (``Facts.fit``); moving: bounds on its signs' strengths; sure: of the stated confidence."""

    with_: frozenset[int] = frozenset()
    without: frozenset[int] = frozenset()
    emotion: str | None = None
    fit: str | None = None
    moving: Callable[[Facts, str], bool] | None = None
    sure: tuple[float, float] | None = None

    def holds(self, x: Explanation, facts: Facts, moment: bool) -> bool:
        """moment: False for a clip, of which ``facts`` has the strongest of every movement."""
        e = x.emotions[0] if x.emotions else facts.top
        if self.emotion not in (None, e) or not self.with_ <= facts.present:
            return False
        if self.sure and x.confidence is not None:
            low, high = self.sure
            return low - NEAR <= x.confidence <= high + NEAR
        if not moment or e == "contempt":  # which is one-sided
            return True
        fits = self.fit is None or facts.fit(e) == self.fit
        return fits and not self.without & facts.present and (self.moving is None or self.moving(facts, e))


def _values(facts: Facts, e: str) -> list[float]:
    return [facts.aus[a] for a in facts.cues(e)] or [facts.activity]


@cache
def _cases() -> tuple[tuple[re.Pattern[str], tuple[Case, ...]], ...]:
    """Every remark as a pattern with the cases in which it may be made."""
    from emoreason.data_pipeline import sentences as S

    rows = [(texts, Case(with_, without, e)) for e, with_, without, texts in S.KNOWN]
    rows += [(texts, Case(with_, without)) for with_, without, texts in S.NOTES]
    rows += [(texts, Case(fit=fit)) for table in (S.PATTERN, S.PATTERN_THEY) for fit, texts in table.items()]
    rows += [(texts, Case(sure=SURE[level])) for level, texts in S.DOUBT.items()]
    rows.append((S.STRENGTH["weak"], Case(moving=lambda f, e: max(_values(f, e)) < 2.0)))
    rows.append((S.STRENGTH["strong"], Case(moving=lambda f, e: sum(_values(f, e)) >= 3.3 * len(_values(f, e)))))
    rows.append((S.RIVAL_NEUTRAL, Case(moving=lambda f, e: f.activity < 2.5)))
    rows.append((S.ALONE, Case(sure=(0.7, 1.0))))
    table: dict[str, tuple[Case, ...]] = {}
    for texts, case in rows:
        for template in texts:
            table[template.source] = (*table.get(template.source, ()), case)
    return tuple((re.compile(as_pattern(source.lower())), cases) for source, cases in table.items())


def unfounded(x: Explanation, levels: Mapping[int, float], moment: bool = True) -> list[str]:
    """Remarks that nothing measured (AU -> intensity 0-5) or stated bears out, in their own words. moment: as in
    ``Case.holds``."""
    from emoreason.data_pipeline.facts import Facts

    if not x.interpretation or not x.emotions:
        return []
    facts = Facts(dict(levels), {}, {x.emotions[0]: 1.0})
    low = x.interpretation.lower()
    return [f'says "{found.group()}", which is not so' for pattern, cases in _cases()
            if (found := pattern.search(low)) and not any(c.holds(x, facts, moment) for c in cases)]


def without(text: str) -> str:
    """``text`` in lower case without its standing remarks, some of which sound like denials ("the muscles give
    happiness no firm support")."""
    low = text.lower()
    for pattern, _ in _cases():
        low = pattern.sub(" ", low)
    return low
