"""Models made here on a CPU, without transformers: loaded and writing in a fraction of the time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from emoreason.encoder import MediaEncoder
from emoreason.engines.decoding import Row
from emoreason.engines.reading import ReadingEngine
from emoreason.engines.spec import Spec
from emoreason.engines.tokens import Tokens
from emoreason.llama import Llama, is_plain

LARGE = 500_000_000  # bytes of weights
TEXT, HEAD, EYES = "model.language_model.", "lm_head.weight", "model.encoder."


class DirectEngine(ReadingEngine):
    """A folder made here whose language model is a plain Llama, in float32. ``model`` and ``processor``, for those who
    want transformers' own, are loaded when they are asked for."""

    def __init__(self, folder: Path, spec: Spec) -> None:
        """Raises what its readers raise for a folder that does not do: safetensors and tokenizers have kinds of their
        own."""
        from safetensors.torch import load_file

        config = json.loads((folder / "config.json").read_text("utf-8"))
        text = config["text_config"]
        if not is_plain(text) or (folder / "model.safetensors").stat().st_size > LARGE:
            raise ValueError(f"{folder}: its language model is no plain Llama, or too large to gain by it")
        weights = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
        tokens = Tokens(folder)
        inner = {k.removeprefix(TEXT): v for k, v in weights.items() if k.startswith(TEXT)}
        self.folder, self.llama = folder, Llama(text, inner, weights.get(HEAD))
        names = ("tower", "facenet", "emotion_temperature", "dropout")
        encoder = MediaEncoder(SimpleNamespace(**{n: config[n] for n in names}), text["hidden_size"])
        encoder.load_state_dict({k.removeprefix(EYES): v for k, v in weights.items() if k.startswith(EYES)})
        super().__init__(encoder.requires_grad_(False), self.llama.words, config["image_token_id"], tokens, spec,
                         _ends(folder, tokens), text.get("max_position_embeddings"))

    @cached_property
    def model(self) -> Any:
        return self._loaded[0]

    @cached_property
    def processor(self) -> Any:
        from emoreason.processing import EmoReasonProcessor

        return EmoReasonProcessor(self._loaded[1])

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from emoreason.engines.loading import load_checkpoint

        model, tokenizer = load_checkpoint(self.folder)
        return model.eval(), tokenizer

    def _write(self, inputs: dict[str, Tensor], rows: Sequence[Row]) -> None:
        room, left = max(r.request.max_tokens for r in rows), list(rows)
        draft = self.llama.write(inputs["inputs_embeds"], inputs["attention_mask"], room)
        while True:
            likeliest = draft.logits.argmax(-1).tolist()
            next_ = [r.pick(x) if r.chooses else t for r, x, t in zip(left, draft.logits, likeliest, strict=True)]
            on = [i for i, (r, token) in enumerate(zip(left, next_, strict=True)) if not r.push(token)]
            if not on:
                return
            if len(on) < len(left):
                draft.keep(torch.tensor(on))
                left = [left[i] for i in on]
            draft.step(torch.tensor([next_[i] for i in on]))


def _ends(folder: Path, tokens: Tokens) -> frozenset[int]:
    path = folder / "generation_config.json"
    end = json.loads(path.read_text("utf-8")).get("eos_token_id") if path.is_file() else None
    ends = end if isinstance(end, list) else [end]
    return frozenset(int(e) for e in (*ends, tokens.eos_token_id) if e is not None)
