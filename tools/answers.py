"""Print a model's answers about pictures as Markdown, for a model card: ``python tools/answers.py PICTURE...``.

The questions go round in a fixed order, so that nothing is picked; ``--all`` asks about every face of a picture.
"""

from __future__ import annotations

import argparse
from itertools import cycle
from pathlib import Path

from emoreason.reason import Reasoner, find_subjects
from emoreason.schema import mark

QUESTIONS = ("What does this face show, and why?", "Why does this face look sad?", "Is the smile genuine?",
             "Which action units are active?", "Why does she look happy?", "How sure are you?")


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    reasoner = Reasoner.load(args.model)
    questions = cycle(QUESTIONS)
    for picture in args.pictures:
        for subject in find_subjects(picture, "all" if args.all else None):
            question = next(questions)
            answer = reasoner.answer([subject], question)
            x = answer.explanation
            where = f"{Path(picture).stem}, face {subject.index}"
            measured = ", ".join(f"AU{a} {v:.1f}" for a, v in answer.evidence.intensities().items() if v >= 1) or "none"
            print(f"**{where}.** *{question}* (facenet: {measured})  ")
            if x is None:
                print(f"Not parsed ({answer.problem}): {answer.text}\n")
                continue
            claims = " ".join(f"{o.text} {mark(o)}." for o in x.observations)
            slips = [*(f"claims AU{a}" for a in answer.unsupported), *answer.slips]
            doubt = f" — marked: {'; '.join(slips)}" if slips else ""
            sure = "" if x.confidence is None else f" {x.confidence:.0%}"
            print(f"{claims} *{x.interpretation}* **{x.emotion or 'no reading'}{sure}**{doubt}\n")


if __name__ == "__main__":
    main()
