"""A larger language model that begins as the small one (Net2Net, Chen et al. 2016, for residual layers)."""

from __future__ import annotations

import copy

import torch
from torch import nn

from emoreason.errors import UserError
from emoreason.model import EmoReasonForConditionalGeneration

LAST = ("self_attn.o_proj", "mlp.down_proj")  # of a layer, before the sum
WIDE = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def grow(model: EmoReasonForConditionalGeneration, layers: int = 0, inner: int = 0) -> None:
    """Give a language model of the Llama kind ``layers`` layers and MLPs of ``inner`` units, in place; 0: as many as it
    has.

    A new layer is a copy of the one before it whose two output projections are 0; a new unit of an MLP looks at
    something random and counts for nothing yet. Raises UserError for another kind of model, and for less than it has.
    """
    text = model.model.language_model
    old = getattr(text, "layers", None)
    if not old or not {*LAST, *WIDE} <= {n for n, _ in old[0].named_modules()} or getattr(
            text.config, "layer_types", None):
        raise UserError("start.layers, start.inner: only a language model of the Llama kind can grow")
    for name, wanted, have in (("layers", layers, len(old)), ("inner", inner, text.config.intermediate_size)):
        if wanted and wanted < have:
            raise UserError(f"start.{name}: {wanted} is fewer than the {have} that the language model has")
    if inner:
        for layer in old:
            _widen(layer, inner)
    made = _deepened(old, layers or len(old))
    text.layers = nn.ModuleList(made)
    for config in (text.config, model.config.text_config):
        config.num_hidden_layers, config.intermediate_size = len(made), inner or config.intermediate_size


def _deepened(old: nn.ModuleList, layers: int) -> list[nn.Module]:
    """The old layers with new ones spread among them."""
    out: list[nn.Module] = []
    for at in range(layers):
        source = at * len(old) // layers
        layer = old[source]
        if at and (at - 1) * len(old) // layers == source:
            layer = copy.deepcopy(layer)
            for p in (p for n in LAST for p in layer.get_submodule(n).parameters()):
                nn.init.zeros_(p)
        layer.self_attn.layer_idx = at
        out.append(layer)
    return out


@torch.no_grad()
def _widen(layer: nn.Module, inner: int) -> None:
    for name in WIDE:
        linear = layer.get_submodule(name)
        more = inner - (linear.in_features if name == "mlp.down_proj" else linear.out_features)
        w = linear.weight
        if name == "mlp.down_proj":
            linear.weight = nn.Parameter(torch.cat([w, w.new_zeros(len(w), more)], 1))
            linear.in_features = inner
        else:
            linear.weight = nn.Parameter(torch.cat([w, torch.randn(more, w.shape[1], dtype=w.dtype) * w.std()]))
            linear.out_features = inner
            if linear.bias is not None:
                linear.bias = nn.Parameter(torch.cat([linear.bias, linear.bias.new_zeros(more)]))
