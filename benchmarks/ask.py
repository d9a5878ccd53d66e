"""How long an answer of the bundled model takes, and facenet for one face: ``python benchmarks/ask.py``.

Seconds to the first piece of text and to the checked answer, after loading; milliseconds of facenet on one core.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from emoreason.reason import Reasoner

SAMPLES = Path(__file__).parent.parent / "samples"
QUESTIONS = ("Why does this face look sad?", "Which action units are active?", "How sure are you?")


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
