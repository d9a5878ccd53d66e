"""How long an answer of the bundled model takes, and facenet for one face: ``python benchmarks/ask.py``.

Seconds to the first piece of text and to the checked answer, after loading; the same first texts by transformers'
``generate`` over those in plain torch, one by one and in one batch; milliseconds of facenet on one core.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from emoreason.engines import Engine, Request
from emoreason.engines.loading import NANO, load_native
from emoreason.engines.spec import Spec
from emoreason.reason import Reasoner, find_subjects

SAMPLES = Path(__file__).parent.parent / "samples"
QUESTIONS = ("Why does this face look sad?", "Which action units are active?", "How sure are you?")


def took(engine: Engine, batches: list[list[Request]], rounds: int = 4) -> float:
    """Seconds of the fastest of some rounds."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        for batch in batches:
            engine.generate(batch)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """See the module's first lines."""
    reasoner = Reasoner.load()
    reasoner.ask(SAMPLES / "happy.jpg")
    names = ("sad", "happy", "angry", "surprised")
    made = [reasoner.ask(SAMPLES / f"{name}.jpg", q)[0] for name in names for q in QUESTIONS]
    first, whole = np.array([a.seconds for a in made]).T
    print(f"first token: median {np.median(first):.2f} s, longest {first.max():.2f} s")
    print(f"whole answer: median {np.median(whole):.2f} s, longest {whole.max():.2f} s, "
          f"{sum(a.retried for a in made)} of {len(made)} drawn again")
    plain = Reasoner(engine=load_native(NANO, Spec("local", "nano")))
    asked = [reasoner.request(find_subjects(SAMPLES / f"{name}.jpg"), q) for name in names for q in QUESTIONS]
    for what, batches in (("one by one", [[r] for r in asked]), ("in one batch", [asked])):
        slow, fast = (took(r.engine, batches) for r in (plain, reasoner))
        print(f"{len(asked)} texts {what}: {fast:.2f} s, by transformers {slow:.2f}, ratio {slow / fast:.1f}")
    torch.set_num_threads(1)
    net, x = reasoner.eyes.encoder.facenet, torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        for name, read in (("one view", net), ("with the mirror image", net.mirrored)):
            taken = []
            for _ in range(60):
                start = time.perf_counter()
                read(x)
                taken.append(time.perf_counter() - start)
            print(f"facenet, {name}: {1000 * np.median(taken):.1f} ms a face")


if __name__ == "__main__":
    main()
