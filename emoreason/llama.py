"""A Llama for writing alone, in plain torch.

It gives the logits of transformers' LlamaForCausalLM, in half the time where the model is small and calls cost more
than sums (``benchmarks/ask.py``), and without the import of transformers, which takes longer than its answer.
(RMSNorm, rotary positions, SwiGLU, grouped queries: Touvron et al. 2023, arXiv 2302.13971 and 2307.09288.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PLAIN = {"model_type": "llama", "hidden_act": "silu", "attention_bias": False, "mlp_bias": False}


class Layer(NamedTuple):
    """Weights (in, out), which few rows are multiplied with in half the time of (out, in), each norm's multiplied into
    what follows it: query, key and value in one, gate and up in one."""

    qkv: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor


def is_plain(config: Mapping[str, Any]) -> bool:
    """Whether a text_config is one that ``Llama`` computes."""
    rope = config.get("rope_parameters") or {}
    return (all(config.get(k) == v for k, v in PLAIN.items()) and rope.get("rope_type") == "default"
            and not config.get("rope_scaling"))


class Llama:
    """Weights, and what they make of embeddings; ``write`` begins a batch of texts.

    config: a text_config (``is_plain``); weights: a LlamaModel's by their names in transformers, float32; head (V, W):
    of the output, None for that of the embeddings. Raises KeyError for a weight that is missing, ValueError for one of
    another shape."""

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Tensor], head: Tensor | None = None) -> None:
        self.width, self.heads = config["hidden_size"], config["num_attention_heads"]
        self.shared = config.get("num_key_value_heads") or self.heads
        self.side = config.get("head_dim") or self.width // self.heads
        self.eps, self.inner = config["rms_norm_eps"], config["intermediate_size"]
        table = _shaped(weights, "embed_tokens.weight", config["vocab_size"], self.width)
        self.words = nn.Embedding.from_pretrained(table)
        self.head = ((table if head is None else head) * _shaped(weights, "norm.weight", self.width)).T.contiguous()
        self.layers = [self._layer(weights, f"layers.{i}.") for i in range(config["num_hidden_layers"])]
        self.turns = 1.0 / config["rope_parameters"]["rope_theta"] ** (torch.arange(0, self.side, 2) / self.side)

    def _layer(self, weights: Mapping[str, Tensor], name: str) -> Layer:
        w, q, kv = self.width, self.heads * self.side, self.shared * self.side
        first, second = (_shaped(weights, f"{name}{n}_layernorm.weight", w) for n in ("input", "post_attention"))
        sizes = {"q": q, "k": kv, "v": kv}
        qkv = torch.cat([_shaped(weights, f"{name}self_attn.{n}_proj.weight", size, w) for n, size in sizes.items()])
        both = torch.cat([_shaped(weights, f"{name}mlp.{n}_proj.weight", self.inner, w) for n in ("gate", "up")])
        out = _shaped(weights, f"{name}self_attn.o_proj.weight", w, q)
        down = _shaped(weights, f"{name}mlp.down_proj.weight", w, self.inner)
        return Layer(*(x.T.contiguous() for x in (qkv * first, out, both * second, down)))

    def write(self, embeds: Tensor, mask: Tensor, room: int) -> Writing:
        """Begin: prompts (B, T, width), padded on the left where mask (B, T) is 0; room: tokens that may follow."""
        return Writing(self, embeds, mask, room)


class Writing:
    """One batch of texts. logits (B, V): of the next token of each."""

    def __init__(self, net: Llama, embeds: Tensor, mask: Tensor, room: int) -> None:
        n, t = mask.shape
        self.net, self.at, self.lengths = net, 0, mask.sum(1)
        self.keys = embeds.new_zeros(len(net.layers), n, net.shared, t + room, net.side)
        self.values = torch.zeros_like(self.keys)
        self.mask = None if bool(mask.all()) else F.pad(mask.bool(), (0, room), value=True)[:, None, None]
        seen = torch.ones(t, t, dtype=torch.bool).tril()
        if self.mask is not None:  # what is padded looks at itself, so that there is no row without anything
            seen = seen & self.mask[..., :t] | torch.eye(t, dtype=torch.bool)
        self.logits = self._run(embeds, (mask.cumsum(1) - 1).clamp_min(0), seen)

    def step(self, tokens: Tensor) -> None:
        """Take the next tokens (B,)."""
        seen = None if self.mask is None else self.mask[..., :self.at + 1]
        self.logits = self._run(self.net.words(tokens)[:, None], self.lengths[:, None], seen)
        self.lengths = self.lengths + 1

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows (indices) of the batch alone."""
        self.keys, self.values, self.lengths = self.keys[:, rows], self.values[:, rows], self.lengths[rows]
        self.mask = None if self.mask is None else self.mask[rows]

    def _run(self, x: Tensor, where: Tensor, seen: Tensor | None) -> Tensor:
        """Logits (B, V) after embeddings (B, T, W) at positions ``where`` (B, T); seen (..., T, all so far): what each
        may look at, None for all."""
        net, (n, t, width) = self.net, x.shape
        angles = where[..., None] * net.turns
        angles = torch.cat([angles, angles], -1)[:, None]
        cos, sin = angles.cos(), angles.sin()
        before, now, heads, half = self.at, self.at + t, net.heads + net.shared, net.side // 2
        for layer, keys, values in zip(net.layers, self.keys, self.values, strict=True):
            both = F.rms_norm(x, (width,), eps=net.eps) @ layer.qkv
            both = both.view(n, t, heads + net.shared, net.side).transpose(1, 2)
            turned = both[:, :heads]
            turned = turned * cos + torch.cat([-turned[..., half:], turned[..., :half]], -1) * sin
            keys[:, :, before:now], values[:, :, before:now] = turned[:, net.heads:], both[:, heads:]
            read = F.scaled_dot_product_attention(turned[:, :net.heads], keys[:, :, :now], values[:, :, :now], seen,
                                                  enable_gqa=net.shared < net.heads)
            x = x + read.transpose(1, 2).reshape(n, t, -1) @ layer.out
            gate, up = (F.rms_norm(x, (width,), eps=net.eps) @ layer.gate_up).chunk(2, -1)
            x = x + (F.silu(gate) * up) @ layer.down
        self.at = now
        return F.rms_norm(x[:, -1], (width,), eps=net.eps) @ net.head


def _shaped(weights: Mapping[str, Tensor], name: str, *shape: int) -> Tensor:
    if weights[name].shape != shape:
        raise ValueError(f"{name} is {tuple(weights[name].shape)}, not {shape}")
    return weights[name]
