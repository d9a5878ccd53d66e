"""How many answers to held-out talks fail the check, by what is asked about, before and after mending.

``python benchmarks/talks.py held.parquet nano -n 40``; talks by ``emoreason data talks``, models made here. Kinds: a
face, two faces, and for clips ``clip course`` (caption, events, develop, when: answers that tell a course) and ``clip
look`` (the rest); ``--kinds``: each kind of question by itself. Below the table: what the check finds after mending.
Answers are greedy, with ``--grammar`` held to what was measured, as those of ``emoreason ask`` are.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from emoreason import engines
from emoreason.clip_moments import asked, series, spans
from emoreason.data_pipeline.clip_talks import unpacked
from emoreason.engines import Request, grammar
from emoreason.mending import Attempt, mend
from emoreason.training.grpo import COLUMNS
from emoreason.training.heldout import request
from emoreason.training.rewards import checked
from emoreason.training.run import read_rows

COURSE = ("clip caption", "clip events", "clip develop", "clip when")


def group(row: Mapping[str, Any]) -> str:
    """Which figure a row counts for."""
    if row["course"] is not None:
        return "clip course" if row["kind"] in COURSE else "clip look"
    return "two faces" if len(row["images"]) > 1 else "a face"


def held(row: Mapping[str, Any]) -> Request:
    """A row's question within the grammar of what was measured, as ``Reasoner.request`` asks it."""
    seen = json.loads(row["seen"] or "null") or {}
    if row["course"] is not None:
        clip, question = unpacked(row["course"]), row["prompt"][-1]["content"].rpartition("\n")[2]
        form = grammar.about([clip.summary.intensities()], [look.emotions for look in asked(question, clip)],
                             spans(question, clip), series(question, clip))
    else:
        faces = [one["aus"] for one in seen["pair"]] if "pair" in seen else [json.loads(row["measured"])]
        faces = [{int(a): float(v) for a, v in face.items()} for face in faces]
        form = grammar.about(faces, [seen["emotions"]] if "emotions" in seen else [])
    return replace(request(row, grammar.TOKENS), grammar=form)


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("talks", help="parquet of held-out talks")
    parser.add_argument("models", nargs="+")
    parser.add_argument("-n", type=int, default=40, help="talks of each kind")
    parser.add_argument("--grammar", action="store_true", help="hold the answers to what was measured, as in use")
    parser.add_argument("--kinds", action="store_true", help="a column for each kind of question")
    parser.add_argument("--show", action="store_true", help="print what fails, with its question")
    args = parser.parse_args()
    chosen: dict[str, list[dict[str, Any]]] = {}
    for row in read_rows(args.talks, COLUMNS).shuffle(seed=0):
        mine = chosen.setdefault(row["kind"] or "other" if args.kinds else group(row), [])
        if len(mine) < args.n:
            mine.append(row)
    print(f"| model | {' | '.join(sorted(chosen))} |\n|---|{'---|' * len(chosen)}")
    found: dict[str, Counter[str]] = {}
    for model in args.models:
        engine, cells = engines.load(model), []
        for name, rows in sorted(chosen.items()):
            put = [held(row) if args.grammar else request(row, 320) for row in rows]
            texts = [done.text for at in range(0, len(put), 16) for done in engine.generate(put[at:at + 16])]
            judges = [partial(checked, row=row) for row in rows]
            first = [judge(text) for judge, text in zip(judges, texts, strict=True)]
            attempts = [Attempt(*one, True) for one in zip(put, first, judges, strict=True)]
            last = mend(engine, attempts, lambda more, e=engine: [c.text for c in e.generate(more)])
            cells.append(f"{sum(c.fails for c in first)}, {sum(c.fails for c in last)} of {len(rows)}")
            slips = [{*c.slips, *(f"claims AU{a}" for a in c.unsupported), *filter(None, [c.problem])} for c in last]
            found.setdefault(model, Counter()).update(f"{name}: {slip}" for some in slips for slip in some)
            for row, text, one, some in zip(rows, texts, last, slips, strict=True):
                if args.show and some:
                    print(row["prompt"][-1]["content"], text, one.text, some, "", sep="\n", flush=True)
        print(f"| {model} | {' | '.join(cells)} |", flush=True)
    for model, slips in found.items():
        print(f"\n{model}:", *(f"  {n} {slip}" for slip, n in slips.most_common()), sep="\n")


if __name__ == "__main__":
    main()
