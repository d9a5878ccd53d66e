"""Memory and time of training, computed from the configs in configs/scale: ``python tools/sizes.py``.

Memory of one GPU, in GB (1e9 bytes):
    weights      bytes of the frozen weights, over the GPUs that share them (FSDP, ZeRO-3)
    trained      16 bytes for each adapter and projector weight (fp32 weight, gradient, two Adam moments), shared too
    activations  with checkpointing: each layer's input, and one layer's own 34 bytes x tokens x width
                 (Korthikanti et al., 2022, equation 1, without the attention matrix, which SDPA does not store)
    logits       10 bytes x tokens (GRPO: of the answers) x words (bf16, its fp32 copy, and the gradient)
Time: a token costs 2 FLOPs for each weight forward, 2 for the backward pass to the adapters (frozen weights need no
gradient) and 2 for recomputing, at --mfu of the GPU's peak. GRPO adds the rollouts, bound by reading the weights.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Shape:
    """A language model's published sizes: width, layers, heads, kv (heads of keys and values), head (their width),
    inner (of the MLP), words, tied (output head is the embedding), bias (of q, k, v), norms of q and k."""

    width: int
    layers: int
    heads: int
    kv: int
    head: int
    inner: int
    words: int
    tied: bool = False
    bias: bool = False
    norms: bool = False

    def linear(self) -> dict[str, tuple[int, int]]:
        """(in, out) of a layer's linear maps."""
        q, kv = self.heads * self.head, self.kv * self.head
        return {"q": (self.width, q), "k": (self.width, kv), "v": (self.width, kv), "o": (q, self.width),
                "gate": (self.width, self.inner), "up": (self.width, self.inner), "down": (self.inner, self.width)}

    def parameters(self) -> int:
        """All weights."""
        layer = sum(a * b for a, b in self.linear().values()) + 2 * self.width
        layer += (self.heads + 2 * self.kv) * self.head * self.bias + 2 * self.head * self.norms
        return self.layers * layer + self.width + self.words * self.width * (1 if self.tied else 2)

    def adapters(self, rank: int) -> int:
        """Weights of LoRA on every linear map."""
        return self.layers * rank * sum(a + b for a, b in self.linear().values())


SHAPES = {
    "Qwen/Qwen3-1.7B": Shape(2048, 28, 16, 8, 128, 6144, 151936, tied=True, norms=True),
    "Qwen/Qwen2.5-7B-Instruct": Shape(3584, 28, 28, 4, 128, 18944, 152064, bias=True),
    "Qwen/Qwen2.5-VL-7B-Instruct": Shape(3584, 28, 28, 4, 128, 18944, 152064, bias=True),
    "Qwen/Qwen2.5-32B-Instruct": Shape(5120, 64, 40, 8, 128, 27648, 152064, bias=True),
}
OTHER = {"ViT-B-16-SigLIP-256": 93e6, "ViT-SO400M-14-SigLIP-384": 428e6, "vlm": 677e6}  # vision towers, parameters
EVIDENCE = 22 * 64  # inputs of the projectors that matter, roughly; they are small beside the adapters


@dataclass(frozen=True)
class Need:
    """GB on one GPU and hours for a million rows."""

    weights: float
    trained: float
    activations: float
    logits: float
    step_s: float
    hours: float

    @property
    def total(self) -> float:
        return self.weights + self.trained + self.activations + self.logits


def need(config: dict, gpus: int, row: int, answer: int, tflops: float, mfu: float, bandwidth: float,
         bits: int = 16) -> Need:
    """What a config needs with its weights shared by ``gpus``. row, answer: mean tokens of a row and of its completion;
    tflops: the GPU's bf16 peak; bandwidth in TB/s of its memory; bits of a frozen weight."""
    start = config["start"]
    shape = SHAPES[start.get("vlm") or start["language_model"]]
    tower = OTHER["vlm"] if "vlm" in start else OTHER[start["tower"]["name"]]
    weights = shape.parameters()
    trained = shape.adapters(config["lora"]["rank"]) + 4 * (EVIDENCE + shape.width) * shape.width
    rows, accumulate = config["batch"], config.get("accumulate", 1)
    tokens = rows * row
    flops = tokens * weights * (6 if config.get("checkpointing") else 4)
    step = accumulate * flops / (tflops * 1e12 * mfu)
    if "group" in config:  # every new token reads all weights once, for all rows of this GPU together
        step += accumulate * config["longest"] * 2 * weights / (bandwidth * 1e12 * 0.6)
    per_step = rows * accumulate * gpus / config.get("group", 1)
    # Every process works on rows of its own: sharing weights costs no compute, only their exchange, not counted here.
    told = rows * (answer if "group" in config else row)
    return Need(weights * bits / 8 / gpus / 1e9 + tower * 2 / 1e9, 16 * trained / gpus / 1e9,
                tokens * shape.width * (2 * shape.layers + 34) / 1e9, 10 * told * shape.words / 1e9,
                step, 1e6 / per_step * step / 3600)


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", type=int, default=300, help="mean tokens of a row, media and answer included")
    parser.add_argument("--answer", type=int, default=150, help="mean tokens of its answer")
    parser.add_argument("--tflops", type=float, default=989.0, help="bf16 peak of one GPU (H100 SXM: 989)")
    parser.add_argument("--mfu", type=float, default=0.4, help="share of the peak that training reaches")
    parser.add_argument("--bandwidth", type=float, default=3.35, help="TB/s of one GPU's memory (H100 SXM: 3.35)")
    args = parser.parse_args()
    print("| config | GPUs | weights | trained | activations | logits | GB a GPU | s a step | h for 1M rows |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, gpus, bits in (("sft_1.7b", 1, 16), ("sft_7b", 1, 16), ("sft_7b", 1, 4), ("sft_7b", 8, 16),
                             ("sft_32b", 8, 16), ("sft_32b", 16, 16), ("grpo_vlm_7b", 8, 16)):
        config = yaml.safe_load((ROOT / "configs" / "scale" / f"{name}.yaml").read_text())
        n = need(config, gpus, args.row, args.answer, args.tflops, args.mfu, args.bandwidth, bits)
        label = f"{name}{' start.bits=4' if bits == 4 else ''}"
        print(f"| {label} | {gpus} | {n.weights:.1f} | {n.trained:.1f} | {n.activations:.1f} | {n.logits:.1f} | "
              f"{n.total:.1f} | {n.step_s:.2f} | {n.hours:.1f} |")


if __name__ == "__main__":
    main()
