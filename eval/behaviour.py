"""How TEM behaves, and what the event parser reads: the figures and the table of docs/evaluation.md.

    python -m emoreason.eval.behaviour DATA/fec_bench/test.json --paraphrases tests/eval_paraphrases.json
    python -m emoreason.eval.behaviour DATA/fec_bench/test.json --sample 100 --seed 2028
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from emoreason.eval.events import Event, parse_events, parse_sentences, sentences
from emoreason.eval.tem import corpus, match
from emoreason.sources import Record, read

# One opposite for each word: put into a sentence, they turn what it says round.
OPPOSITES = {"left": "right", "right": "left", "opens": "closes", "closes": "opens", "open": "closed", "closed": "open",
             "raises": "lowers", "lowers": "raises", "raised": "lowered", "up": "down", "down": "up", "lifts": "lowers",
             "straight ahead": "down", "furrow": "relax", "furrowed": "relaxed", "widen": "narrow", "rise": "lower",
             "stops": "starts", "begins": "stops", "starts": "stops", "raise": "lower", "upturned": "downturned"}
_OPPOSITES = re.compile(r"\b(" + "|".join(sorted(OPPOSITES, key=len, reverse=True)) + r")\b")
_LOOKS = re.compile(r"(In this|This|The) video|(He|She) (has|wears|is wearing)|(His|Her) hair")


def contradict(sentence: str) -> str:
    """The sentence with each word of OPPOSITES turned round."""
    return _OPPOSITES.sub(lambda m: OPPOSITES[m[1]], sentence)


Changed = tuple[list[list[Event]], list[list[Event]], list[list[Event]]]


def wrong_and_missing(texts: Sequence[str]) -> Changed:
    """For each text in which a sentence can be turned round, its events: with that sentence contradicted; with what
    was contradicted left out; and as they were."""
    wrong, missing, whole = [], [], []
    for text in texts:
        told = [s for s, events in parse_sentences(text) if events]
        at = next((i for i, s in enumerate(told) if contradict(s) != s), None)
        if at is None:
            continue
        before, after = parse_sentences(" ".join(told)), parse_sentences(" ".join(contradict(s) if i == at else s
                                                                                  for i, s in enumerate(told)))
        if len(before) != len(after) or before[at][1] == after[at][1]:
            continue
        left = [e for e in before[at][1] if e in after[at][1]]
        whole.append([e for _, events in before for e in events])
        wrong.append([e for _, events in after for e in events])
        missing.append([e for i, (_, events) in enumerate(before) for e in (left if i == at else events)])
    return wrong, missing, whole


def sample(texts: Sequence[tuple[str, str]], n: int, seed: int) -> Iterator[tuple[str, str, list[Event]]]:
    """n random sentences (id.number, sentence, events) of (id, caption) pairs, without those that open with looks
    ("She has short hair") and tell nothing."""
    rows = [(f"{i}.{k}", s, e) for i, text in texts for k, (s, e) in enumerate(parse_sentences(text))]
    random.Random(seed).shuffle(rows)
    chosen = (row for row in rows if row[2] or not _LOOKS.match(row[1]))
    return (row for row, _ in zip(chosen, range(n), strict=False))


def figures(captions: Sequence[str], pairs: Sequence[dict[str, str]] = ()) -> dict[str, dict[str, float]]:
    """Name of a change -> TEM, AutoDQ and order of the changed captions against themselves."""
    parsed = [parse_events(c) for c in captions]

    def against(changed: Sequence[Sequence[Event]], whole: Sequence[Sequence[Event]] = parsed) -> dict[str, float]:
        return corpus([match(a, b) for a, b in zip(changed, whole, strict=True)])

    swapped = [[dataclasses.replace(e, time=o.time) for e, o in zip(x[::-1], x, strict=True)] for x in parsed]
    wrong, missing, whole = wrong_and_missing(captions)
    found = {
        "identical": against(parsed), "the next clip's caption (floor)": against([*parsed[1:], parsed[0]]),
        "events in reverse, under the old time markers": against(swapped),
        "sentences in reverse, with their time markers": against(
            [parse_events(" ".join(reversed(sentences(c)))) for c in captions]),
        **{f"first {share:.0%} of the events": against([x[:round(share * len(x))] for x in parsed])
           for share in (0.75, 0.5, 0.25)},
        "movements of one sentence left out": against(missing, whole),
        "the same movements contradicted": against(wrong, whole)}
    if pairs:
        found["paraphrases"] = against([parse_events(p["paraphrase"]) for p in pairs],
                                       [parse_events(p["caption"]) for p in pairs])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="how TEM behaves on FEC-Bench's references")
    parser.add_argument("data", type=Path)
    parser.add_argument("--paraphrases", type=Path)
    parser.add_argument("--sample", type=int, help="print N random sentences with their events instead")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    records = [r for r in read("fec_bench", args.data) if isinstance(r, Record)]
    if args.sample:
        for name, sentence, events in sample([(r.id, r.caption or "") for r in records], args.sample, args.seed):
            print(f"[{name}] {sentence}\n    {' | '.join(map(str, events))}")
        return
    pairs = json.loads(args.paraphrases.read_text(encoding="utf-8")) if args.paraphrases else []
    print("| prediction | TEM | AutoDQ | order | contradicted |\n| --- | --- | --- | --- | --- |")
    for name, values in figures([r.caption or "" for r in records], pairs).items():
        cells = [f"{values[k]:.3f}" for k in ("tem", "autodq", "order", "contradicted")]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
