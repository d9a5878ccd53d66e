"""Tokens a second and memory of SFT and GRPO at several sizes of language model with random weights, on a GPU.

    python benchmarks/scale.py DATA.parquet [--sizes 1.7B 4B 7B] [--stages sft grpo] [--batch 32] [--answers 32]

DATA: rows of ``emoreason data talks``. The trainers are those of ``emoreason train``; only the model is made in memory
instead of being loaded, and nothing is written. Adapters on every linear layer, activations recomputed. Random weights
never end an answer, so that every GRPO answer has its full length (``--longest``). The first two steps warm up; the
seconds of a step are the median of the others. Tokens: questions and media included, padding not.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config, Qwen3Config, TrainerCallback

from emoreason.model import EmoReasonConfig, EmoReasonForConditionalGeneration
from emoreason.training import grpo, sft
from emoreason.training.models import Lora, Start, load

QWEN3: dict[str, Any] = {"num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True}
SHAPES: dict[str, Any] = {  # after Qwen3-1.7B, Qwen3-4B and Qwen2.5-7B
    "tiny": (Qwen3Config, {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128,
                           "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 2052}),
    "1.7B": (Qwen3Config, QWEN3 | {"hidden_size": 2048, "num_hidden_layers": 28, "intermediate_size": 6144,
                                   "num_attention_heads": 16, "vocab_size": 151936}),
    "4B": (Qwen3Config, QWEN3 | {"hidden_size": 2560, "num_hidden_layers": 36, "intermediate_size": 9728,
                                 "num_attention_heads": 32, "vocab_size": 151936}),
    "7B": (Qwen2Config, {"hidden_size": 3584, "num_hidden_layers": 28, "intermediate_size": 18944,
                         "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064}),
}


def make(size: str) -> tuple[Any, Any]:
    """A model of this size with random weights (bfloat16 on a GPU), and nano's processor."""
    _, processor = load("nano")
    kind, shape = SHAPES[size]
    tokens = processor.tokenizer
    text = kind(**shape, pad_token_id=tokens.pad_token_id, eos_token_id=tokens.eos_token_id)
    before = torch.get_default_dtype()
    on_gpu = torch.cuda.is_available()
    torch.set_default_dtype(torch.bfloat16 if on_gpu else torch.float32)
    try:
        with torch.device("cuda" if on_gpu else "cpu"):
            config = EmoReasonConfig(text, image_token_id=tokens.convert_tokens_to_ids("<image>"))
            model = EmoReasonForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    model.model.encoder.float()
    model.generation_config.pad_token_id, model.generation_config.eos_token_id = text.pad_token_id, text.eos_token_id
    return model, processor


class Clock(TrainerCallback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def run(stage: str, size: str, args: argparse.Namespace) -> str:
    """A line of the table."""
    module: Any = {"sft": sft, "grpo": grpo}[stage]
    model, processor = make(size)
    count = sum(p.numel() for p in model.parameters())
    clock, logs = Clock(), []

    def fit(trainer: Any, out: str) -> None:
        trainer.add_callback(clock)
        trainer.train()
        logs.extend(row for row in trainer.state.log_history if "num_tokens" in row)

    module.begin, module.fit, module.finish = (lambda start: (model, processor)), fit, (lambda *_: Path())
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as out:
        shared: dict[str, Any] = {"start": Start(checkpoint="nano"), "data": args.data, "out": out, "log_steps": 1,
                                  "save_steps": 10_000, "checkpointing": True, "workers": args.workers,
                                  "lora": Lora(rank=32, alpha=64)}
        if stage == "sft":
            module.train(sft.SFT(**shared, batch=args.batch, steps=args.steps, limit=args.batch * (args.steps + 1)))
        else:
            module.train(grpo.GRPO(**shared, batch=args.answers, steps=args.rollouts, longest=args.longest))
    del module.begin  # the model goes with it
    seconds = statistics.median(b - a for a, b in zip(clock.ends[1:], clock.ends[2:], strict=False))
    total = [float(row["num_tokens"]) for row in logs]
    tokens = statistics.median(b - a for a, b in zip(total[1:], total[2:], strict=False))
    peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0
    rows = args.batch if stage == "sft" else args.answers
    return f"| {stage} | {size} | {count / 1e9:.2f} | {rows} | {seconds:.2f} | {tokens / seconds:.0f} | {peak:.1f} |"


def main() -> None:
    """Print the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--sizes", nargs="+", choices=SHAPES, default=["1.7B", "4B", "7B"])
    parser.add_argument("--stages", nargs="+", choices=["sft", "grpo"], default=["sft", "grpo"])
    parser.add_argument("--batch", type=int, default=32, help="rows of an SFT step")
    parser.add_argument("--answers", type=int, default=32, help="completions of a GRPO step")
    parser.add_argument("--longest", type=int, default=256, help="tokens of a completion")
    parser.add_argument("--steps", type=int, default=8, help="of SFT")
    parser.add_argument("--rollouts", type=int, default=4, help="steps of GRPO")
    parser.add_argument("--workers", type=int, default=0)
    args = parser.parse_args()
    print(torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU")
    print("| stage | size | B weights | rows a step | s a step | tokens/s | GB at most |", "|---" * 7 + "|", sep="\n")
    for size in args.sizes:
        for stage in args.stages:
            try:
                print(run(stage, size, args), flush=True)
            except torch.cuda.OutOfMemoryError:
                print(f"| {stage} | {size} | | | out of memory | | |", flush=True)
            gc.collect()
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
