"""Held-out figures of a model of ours: does its text parse, follow from its evidence, and agree with the labels?

``python benchmarks/nano.py --faces runs/nano/validation.npz --renders runs/nano/renders_validation.npz -n 200``

Prints one table; each figure with a 95% bootstrap interval over the faces. The caches are those of
``emoreason train facenet-data``. Questions are drawn with a fixed seed from ten that ask for a reading.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

import cv2
import numpy as np

from emoreason import scores
from emoreason.engines import Request
from emoreason.errors import ParseError
from emoreason.eval import stats
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.media import Media
from emoreason.reason import MAX_TOKENS, Reasoner
from emoreason.schema import Explanation, parse

QUESTIONS = ("What does this face show, and why?", "Why does this face look sad?", "Why does this face look happy?",
             "Why does he look angry?", "Which action units are active?", "Is the smile genuine?",
             "Describe this face.", "How sure are you?", "What do the brows do?", "Why does she look surprised?")


def answers(reasoner: Reasoner, greys: np.ndarray, questions: list[str], batch: int = 32) -> list[tuple]:
    """(text, explanation or None, AU -> intensity, emotion probabilities) for each face (N, 64, 64) uint8."""
    out = []
    for at in range(0, len(greys), batch):
        crops = [cv2.resize(g, (128, 128), interpolation=cv2.INTER_CUBIC) for g in greys[at:at + batch]]
        media = [Media(None, cv2.cvtColor(c, cv2.COLOR_GRAY2RGB)[None]) for c in crops]
        turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": q}]}
                 for q in questions[at:at + batch]]
        made = reasoner.engine.generate([Request((t,), (m,), MAX_TOKENS) for t, m in zip(turns, media, strict=True)])
        for m, text in zip(media, (c.text for c in made), strict=True):
            try:
                x: Explanation | None = parse(text)
            except ParseError:
                x = None
            seen = reasoner.eyes.look(m).evidence
            out.append((text, x, seen.intensities(), seen.emotions[0]))
    return out


def checked_answers(reasoner: Reasoner, greys: np.ndarray, questions: list[str]) -> list[tuple]:
    """As ``answers``, one by one through the Reasoner, which checks an answer and draws more where it fails."""
    out = []
    for grey, question in zip(greys, questions, strict=True):
        a = reasoner.ask(np.repeat(grey[..., None], 3, 2), question)[0]
        out.append((a.text, a.explanation, a.evidence.intensities(), a.evidence.emotions[0]))
    return out


def interval(values: list[float | None], seed: int = 0) -> str:
    """Mean of the values that apply, with its bootstrap interval, and their number."""
    v = np.array([x for x in values if x is not None], float)
    if not len(v):
        return "n/a"
    means = v[np.random.default_rng(seed).integers(0, len(v), (2000, len(v)))].mean(1)
    return f"{v.mean():.3f} [{np.quantile(means, .025):.3f}, {np.quantile(means, .975):.3f}] n={len(v)}"


def figure(metric: Callable[[np.ndarray], float | None], n: int) -> str:
    """A metric over rows (indices) with its bootstrap interval."""
    made = stats.bootstrap(lambda at: {"x": metric(at)}, n).get("x")
    return "n/a" if made is None else f"{made['value']:.3f} [{made['low']:.3f}, {made['high']:.3f}]"


def table(name: str, made: list[tuple], labels: list[str | None], truth: list[dict | None]) -> None:
    """Print the figures of one set."""
    claims = np.array([(len(scores.unsupported(x, e)), sum(o.au in e for o in x.observations))
                       for _, x, e, _ in made if x]).reshape(-1, 2)
    print(f"\n## {name}")
    print("parses            ", interval([float(x is not None) for _, x, _, _ in made]))
    rate = figure(lambda at: claims[at, 0].sum() / max(1, claims[at, 1].sum()), len(claims))
    print("unsupported claims", f"{rate} of {claims[:, 1].sum()} claims")
    off = [abs(o.intensity - e[o.au]) for _, x, e, _ in made if x for o in x.observations if o.present and o.intensity]
    print("intensity off by  ", interval(off))
    top = [EMOTIONS[int(np.argmax(p))] for _, _, _, p in made]
    told = [x for _, x, _, _ in made]
    judged = list(zip(told, labels, top, truth, strict=True))
    print("conclusion = facenet's", interval([float(x is not None and x.emotion == t) for x, _, t, _ in judged]))
    print("emotion accuracy  ", interval([scores.emotion_score(x, g) for x, g, _, _ in judged]))
    print("facenet's accuracy", interval([None if g is None else float(t == g) for _, g, t, _ in judged]))
    print("agreement         ", interval([scores.agreement(x) for x in told]))
    print("AU soft F1        ", interval([None if a is None else scores.soft_au_f1(x, a) for x, _, _, a in judged]))
    known = [(x.confidence, float(x.emotion == g)) for x, g, _, _ in judged
             if x and g and x.emotion and x.confidence is not None]
    if known:
        c, h = np.array(known).T
        print("calibration error ", figure(lambda at: stats.ece(c[at], h[at], 10), len(known)), f"n={len(known)}")


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--faces", required=True)
    parser.add_argument("--renders")
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--checked", action="store_true", help="with the Reasoner's check, one by one")
    parser.add_argument("--show", type=int, default=0, help="print so many answers")
    args = parser.parse_args()
    reasoner = Reasoner.load(args.model)
    for path in filter(None, (args.faces, args.renders)):
        with np.load(path) as z:
            keep = np.random.default_rng(0).permutation(len(z["grey"]))[:args.n]
            greys, rendered = z["grey"][keep], "identity" in z.files
            labels = [EMOTIONS[i] if i >= 0 else None for i in z["label"][keep]]
            truth = [dict(zip(MEASURED_AUS, map(float, v), strict=True)) if rendered else None for v in z["aus"][keep]]
        questions = random.Random(0).choices(QUESTIONS, k=len(greys))
        start = time.perf_counter()
        made = (checked_answers if args.checked else answers)(reasoner, greys, questions)
        table(path, made, labels, truth)
        print(f"seconds for each answer: {(time.perf_counter() - start) / len(made):.2f}")
        for (text, *_), question, label in list(zip(made, questions, labels, strict=True))[:args.show]:
            print(f"\n[{label}] {question}\n{text}")


if __name__ == "__main__":
    main()
