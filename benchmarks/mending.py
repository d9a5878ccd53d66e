"""How many answers fail the Reasoner's check, and what an answer costs, by model string.

``python benchmarks/mending.py --faces runs/nano/validation.npz -n 20 nano#constrain=no,retries=0 nano#retries=0 nano``

``#constrain=no``: without the grammar; ``#retries=0``: the first attempt alone, without mending. Questions in turn
about each face; then, about faces that look clearly emotional to facenet (.6 or more), why they look as they do, and
why they look as another emotion; then pairs of faces, compared. Below the table: what the check finds in the matching
ones and in the comparisons. Seconds are processor time. The caches are those of ``emoreason train facenet-data``.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import cv2
import numpy as np

from emoreason.data_pipeline.sentences import BARE
from emoreason.facs import EMOTIONS
from emoreason.media import Media
from emoreason.reason import Answer, Reasoner
from emoreason.records import CROP

QUESTIONS = ("What does this face show, and why?", "Why does this face look sad?", "Is the smile genuine?",
             "Which action units are active?", "Why does she look happy?", "How sure are you?",
             "Why does he look angry?", "Do you see fear?")
COMPARE = ("Compare the two faces.", "Which face looks happier?", "How do these two faces differ?",
           "Do both look the same?", "Which one smiles more?")
CLEAR = 0.6
ASKED = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")


def fails(answer: Answer) -> bool:
    """Whether the check found anything."""
    return bool(answer.problem or answer.unsupported or answer.slips)


def share(values: list[bool]) -> str:
    return f"{np.mean(values):.3f} of {len(values)}" if values else "none"


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--faces", required=True)
    parser.add_argument("-n", type=int, default=20, help="faces, or pairs, for each figure")
    args = parser.parse_args()
    with np.load(args.faces) as z:
        greys = z["grey"][np.random.default_rng(3).permutation(len(z["grey"]))]
    faces = [np.repeat(g[..., None], 3, 2) for g in greys]
    print("| model | fails | processor s an answer | matching why fails | other why fails | comparison fails |\n"
          "|---|---|---|---|---|---|")
    found: dict[str, Counter[str]] = {}
    for model in args.models:
        slips = found.setdefault(model, Counter())
        reasoner = Reasoner.load(model)
        reasoner.ask(faces[0])  # warm
        start = time.process_time()
        made = [reasoner.ask(f, QUESTIONS[i % len(QUESTIONS)])[0] for i, f in enumerate(faces[:args.n])]
        seconds = (time.process_time() - start) / len(made)
        why: dict[bool, list[bool]] = {True: [], False: []}
        for face in faces:
            if len(why[True]) == args.n:
                break
            crop = cv2.resize(face, (CROP, CROP), interpolation=cv2.INTER_CUBIC)
            p = reasoner.eyes.look(Media(None, crop[None])).evidence.emotions[0]
            top = EMOTIONS[int(p.argmax())]
            if top not in ASKED or p.max() < CLEAR:
                continue
            other = [e for e in ASKED if e != top][len(why[True]) % 5]
            for emotion in (top, other):
                answer = reasoner.ask(face, f"Why does this face look {BARE[emotion]}?")[0]
                why[emotion == top].append(fails(answer))
                slips.update(set(answer.slips) if emotion == top else ())
        pairs = [reasoner.compare(faces[2 * i], faces[2 * i + 1], COMPARE[i % len(COMPARE)])
                 for i in range(min(args.n, len(faces) // 2))]
        slips.update(slip for a in pairs for slip in {*a.slips, *(f"claims AU{u}" for u in a.unsupported)})
        row = (model, share([fails(a) for a in made]), f"{seconds:.2f}", share(why[True]), share(why[False]),
               share([fails(a) for a in pairs]))
        print(f"| {' | '.join(row)} |", flush=True)
    for model, slips in found.items():
        print(f"\n{model}:", *(f"  {n} {slip}" for slip, n in slips.most_common()), sep="\n")


if __name__ == "__main__":
    main()
