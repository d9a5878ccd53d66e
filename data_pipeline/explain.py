"""The explanation engine: what a careful FACS coder would say about a face, in varied plain English, and no more.

``write`` answers one question from ``Facts``; ``ask`` draws a question; ``dialogue`` a whole talk; ``compare`` speaks
about two faces. Everything is decided by a ``random.Random``, so a seed gives its text. The text follows from the
facts: an AU is called present from intensity 1 on and absent only below 0.5, the conclusion is the most probable
emotion, the confidence its probability. Examples: ``python -m emoreason.data_pipeline.explain -n 20 --seed 0``.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable

from emoreason.data_pipeline import answers, details, questions
from emoreason.data_pipeline.comparison import compare
from emoreason.data_pipeline.facts import Facts
from emoreason.data_pipeline.grammar import Voice
from emoreason.data_pipeline.phrases import REGIONS
from emoreason.data_pipeline.questions import Question
from emoreason.data_pipeline.reading import Teller
from emoreason.data_pipeline.refusals import decline, unreadable
from emoreason.data_pipeline.sampling import random_facts
from emoreason.schema import Explanation, render

__all__ = ["Dialogue", "Explanation", "Facts", "Question", "ask", "ask_compare", "compare", "dialogue", "random_facts",
           "write"]

Dialogue = list[tuple[Question, Explanation]]
WRITERS: dict[str, Callable[[Teller, Question], Explanation]] = {
    "why": answers.why, "read": answers.why, "is": answers.is_, "whynot": answers.whynot, "change": answers.change,
    "sure": answers.sure,
    "other": answers.other, "aus": details.aus, "au": details.au_level, "region": details.region,
    "smile": details.smile,
    "describe": details.describe, "tone": details.tone,
}


def write(facts: Facts, question: Question, rng: random.Random) -> Explanation:
    """The answer to ``question`` about one face; ``schema.render`` makes it text."""
    if question.kind == "decline":
        return decline(question, Voice(rng))
    if not facts.readable:
        return unreadable(facts, Voice(rng))
    return WRITERS[question.kind](Teller(facts, rng), question)


def ask(facts: Facts, rng: random.Random, taken: frozenset[str] = frozenset()) -> Question:
    """A question about this face, of a kind not in ``taken``, in one of its wordings."""
    rivals = tuple(e for e in facts.ranked[1:4] if facts.p(e) >= 0.05)
    moving = tuple(name for name, units in REGIONS.items() if facts.present.intersection(units))
    regions = moving if moving and rng.random() < 0.6 else tuple(REGIONS)
    return questions.draw(rng, facts.top, rivals, facts.strongest, taken, regions)


def ask_compare(a: Facts, b: Facts, rng: random.Random) -> Question:
    """A question about two faces, for ``compare``."""
    return questions.draw_compare(rng, (a.top, b.top))


def dialogue(facts: Facts, rng: random.Random, turns: int = 3) -> Dialogue:
    """``turns`` questions of different kinds about one face, with their answers."""
    out: Dialogue = []
    taken: frozenset[str] = frozenset()
    for _ in range(turns):
        question = ask(facts, rng, taken)
        taken |= {question.kind}
        out.append((question, write(facts, question, rng)))
    return out


def main() -> None:
    """Print examples about random faces."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("-n", type=int, default=20, help="how many faces")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--kind", choices=questions.KINDS, help="only this kind of question")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    for i in range(args.n):
        facts = random_facts(rng)
        there = ", ".join(f"AU{a} {facts.aus[a]:.1f} {facts.sides.get(a, '')}".strip() for a in sorted(facts.present))
        best = ", ".join(f"{e} {facts.p(e):.2f}" for e in facts.ranked[:3])
        tone, view = f"{facts.valence:.1f}, {facts.arousal:.1f}", ", ".join(facts.quality)
        print(f"\n[{i}] {there or 'no AU'} | {best} | {tone} | {view}")
        if args.kind == "compare":
            second = random_facts(rng)
            more = ", ".join(f"AU{a} {second.aus[a]:.1f}" for a in sorted(second.present))
            question = ask_compare(facts, second, rng)
            print(f"    second: {more} | {second.top} {second.p(second.top):.2f}")
            talk: Dialogue = [(question, compare(facts, second, question, rng))]
        elif args.kind:
            taken = frozenset(k for k in questions.KINDS if k != args.kind)
            talk = [(q := ask(facts, rng, taken), write(facts, q, rng))]
        else:
            talk = dialogue(facts, rng, args.turns)
        for question, explanation in talk:
            print(f"  Q ({question.kind}): {question.text}\n  A: {render(explanation)}")


if __name__ == "__main__":
    main()
