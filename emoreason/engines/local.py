"""The transformers engine: models trained here, and causal or vision-language models of Hugging Face."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria

from emoreason.engines import Request
from emoreason.engines.decoding import BatchEngine, Row
from emoreason.engines.reading import ReadingEngine
from emoreason.engines.spec import Spec


class Chooser(LogitsProcessor):
    """Lets each row that needs it choose for itself, by leaving it one token; other rows stay as they are."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        special = [i for i, r in enumerate(self.rows) if not r.finish and r.chooses]
        if special:
            scores = scores.clone()
            for i in special:
                token = self.rows[i].pick(scores[i])
                scores[i] = -torch.inf
                scores[i, token] = 0
        return scores


class Watcher(StoppingCriteria):
    """Hands each row its token, and says which rows are over."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        last = input_ids[:, -1].tolist()
        over = [bool(r.finish) or r.push(t) for r, t in zip(self.rows, last, strict=True)]
        return torch.tensor(over, device=input_ids.device)


def write(model: Any, tokenizer: Any, ends: frozenset[int], inputs: dict[str, Tensor], rows: Sequence[Row]) -> None:
    """Rows by transformers' ``generate``, each with its own settings."""
    pad = tokenizer.pad_token_id
    model.generate(**inputs, do_sample=False, max_new_tokens=max(r.request.max_tokens for r in rows), use_cache=True,
                   logits_processor=[Chooser(rows)], stopping_criteria=[Watcher(rows)], eos_token_id=sorted(ends),
                   pad_token_id=int(pad) if pad is not None else min(ends))


def ends_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a text."""
    end = model.generation_config.eos_token_id
    ends = set(end) if isinstance(end, (list, tuple)) else {end}
    return frozenset(int(e) for e in (*ends, tokenizer.eos_token_id) if e is not None)


def limit_of(model: Any) -> int | None:
    """Tokens of a prompt and its text at most."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)


class NativeEngine(ReadingEngine):
    """A model trained here. reader: its processor, or its tokenizer."""

    def __init__(self, model: Any, reader: Any, spec: Spec | None = None) -> None:
        tokenizer, self._model = getattr(reader, "tokenizer", reader), model.eval()
        super().__init__(model.model.encoder, model.get_input_embeddings(), model.config.image_token_id, tokenizer,
                         spec or Spec("local", "model"), ends_of(model, tokenizer), limit_of(model))

    @property
    def model(self) -> Any:
        return self._model

    @cached_property
    def processor(self) -> Any:
        from emoreason.processing import EmoReasonProcessor

        return EmoReasonProcessor(self.tokenizer)

    def _write(self, inputs: dict[str, Tensor], rows: Sequence[Row]) -> None:
        write(self.model, self.tokenizer, self.ends, inputs, rows)


class HubEngine(BatchEngine):
    """A vision-language model, or a language model, which then only reads what is said of the faces."""

    def __init__(self, model: Any, processor: Any, spec: Spec, sees: bool) -> None:
        tokenizer, self.model = getattr(processor, "tokenizer", processor), model.eval()
        super().__init__(tokenizer, spec, ends_of(model, tokenizer), limit_of(model))
        self.processor, self.sees = processor, sees
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def _write(self, inputs: dict[str, Tensor], rows: Sequence[Row]) -> None:
        write(self.model, self.tokenizer, self.ends, inputs, rows)

    def _inputs(self, requests: list[Request]) -> tuple[dict[str, Tensor], list[int]]:
        inputs = self.processor.apply_chat_template(
            chats(requests, self.sees), add_generation_prompt=True, tokenize=True, return_dict=True,
            return_tensors="pt", **({"processor_kwargs": {"padding": True}} if self.sees else {"padding": True}))
        inputs = inputs.to(self.model.device)
        for name, value in inputs.items():
            if isinstance(value, Tensor) and value.is_floating_point():
                inputs[name] = value.to(self.model.dtype)
        return dict(inputs), inputs["attention_mask"].sum(1).tolist()


def chats(requests: Sequence[Request], sees: bool) -> list[list[dict[str, Any]]]:
    """The conversations as transformers' chat templates take them; without sight the pictures are left out."""
    from PIL import Image

    out = []
    for request in requests:
        media = iter(request.media)
        turns: list[dict[str, Any]] = []
        for m in request.messages:
            parts = [{"type": "text", "text": m["content"]}] if isinstance(m["content"], str) else list(m["content"])
            shown: list[dict[str, Any]] = [
                {"type": "image", "image": Image.fromarray(next(media))} if p["type"] == "image" else p for p in parts]
            words = "\n".join(p["text"] for p in shown if p["type"] == "text")
            turns.append({"role": m["role"], "content": shown if sees else words})
        out.append(turns)
    return out
