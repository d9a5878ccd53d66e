"""A text that does not hold is written again from its first wrong sentence on; what stands before it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emoreason.checks import Checked
from emoreason.engines import Engine, Request

RETRIES = 4
ROUNDS = 3


def mend(engine: Engine, request: Request, found: Checked, check: Callable[[str], Checked],
         fault: Callable[[Checked], int] | None = None) -> Checked:
    """The best of ``found`` and of further texts for the request, by ``check``.

    RETRIES (or the engine's ``#retries``) are drawn together. fault: where in a text its first wrong sentence begins;
    with it each draw keeps the words before, and there are up to ROUNDS, each from the text that holds furthest.
    """
    more = RETRIES if engine.spec.retries is None else engine.spec.retries
    keeps = fault is not None and engine.native and request.grammar is None
    best = furthest = found
    for turn in range(ROUNDS if keeps else 1):
        if not best.fails or not more:
            break
        begun = furthest.text[:fault(furthest)] if fault is not None and keeps else ""
        draws = [replace(request, temperature=0.7, top_p=0.95, seed=turn * more + i, begun=begun) for i in range(more)]
        drawn = [check(begun + c.text) for c in engine.generate(draws)]
        best = min([best, *drawn], key=Checked.faults)
        if fault is not None and best.fails:
            furthest = max(drawn, key=fault)
    return best
