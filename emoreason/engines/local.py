"""The transformers engine: models trained here, and causal or vision-language models of Hugging Face."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from emoreason.engines import Completion, OnText, Request
from emoreason.engines.decoding import Chooser, Row, Watcher
from emoreason.engines.spec import Spec
from emoreason.errors import UserError
from emoreason.media import Media, stack_media, token_count
from emoreason.prompts import IMAGE, SPECIAL
from emoreason.records import Evidence

KEPT_FACES = 64


class Look(NamedTuple):
    """One media as the model reads it: tokens (n, width), and the evidence they were made from."""

    tokens: Tensor
    evidence: Evidence | None


class TransformersEngine:
    """What both kinds share: one batch through ``generate``, each row with its own settings."""

    native = False
    sends_to: str | None = None

    def __init__(self, model: Any, tokenizer: Any, spec: Spec) -> None:
        self.model, self.tokenizer, self.spec, self.name = model.eval(), tokenizer, spec, spec.name
        end = model.generation_config.eos_token_id
        ends = set(end) if isinstance(end, (list, tuple)) else {end}
        self.ends = frozenset(int(e) for e in (*ends, tokenizer.eos_token_id) if e is not None)

    def generate(self, requests: Sequence[Request], on_text: OnText | None = None) -> list[Completion]:
        """See ``Engine.generate``. A batch that does not fit into the GPU's memory is halved."""
        return self._generate(list(requests), list(range(len(requests))), on_text) if requests else []

    def _generate(self, requests: list[Request], numbers: list[int], on_text: OnText | None) -> list[Completion]:
        try:
            inputs, counts = self._inputs(requests)
            rows = [Row(r, self.tokenizer, self.ends, c, _reader(on_text, n))
                    for r, c, n in zip(requests, counts, numbers, strict=True)]
            longest = max(c + r.max_tokens for c, r in zip(counts, requests, strict=True))
            self._check_length(max(counts), longest)
            with torch.inference_mode():
                self.model.generate(
                    **inputs, do_sample=False, max_new_tokens=max(r.max_tokens for r in requests), use_cache=True,
                    logits_processor=[Chooser(rows)], stopping_criteria=[Watcher(rows)],
                    eos_token_id=sorted(self.ends), pad_token_id=self._pad())
            return [row.completion() for row in rows]
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            if len(requests) == 1:
                raise UserError(f"{self.name} does not fit into the GPU's memory with this request; take a smaller "
                                f"model, #dtype=bfloat16, or #device=cpu") from None
        half = len(requests) // 2
        return (self._generate(requests[:half], numbers[:half], on_text)
                + self._generate(requests[half:], numbers[half:], on_text))

    def _pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad) if pad is not None else min(self.ends)

    def _check_length(self, prompt: int, longest: int) -> None:
        config = self.model.config.get_text_config()
        limit = getattr(config, "max_position_embeddings", None)
        if limit is not None and longest > limit:
            raise ValueError(f"the conversation has {prompt} tokens and the answer may have {longest - prompt}, but "
                             f"{self.name} takes {limit} in all; shorten it or start a new one")

    def _inputs(self, requests: list[Request]) -> tuple[dict[str, Tensor], list[int]]:
        """What ``generate`` takes, padded on the left, and the tokens of each prompt."""
        raise NotImplementedError


class NativeEngine(TransformersEngine):
    """A model trained here. Each face goes through the vision part once: its tokens and evidence are kept for
    follow-up questions. reader: its processor, or the tokenizer alone, which is loaded two seconds sooner."""

    native = True
    resumes = True

    def __init__(self, model: Any, reader: Any, spec: Spec | None = None) -> None:
        super().__init__(model, getattr(reader, "tokenizer", reader), spec or Spec("local", "model"))
        self.model.model.encoder.facenet.to(memory_format=torch.channels_last)  # a fifth less time on a CPU
        self._kept: OrderedDict[bytes, Look] = OrderedDict()
        self._lock = threading.Lock()

    @cached_property
    def processor(self) -> Any:
        """What trainers and other users of transformers take."""
        from emoreason.processing import EmoReasonProcessor

        return EmoReasonProcessor(self.tokenizer)

    def look(self, media: Media) -> Look:
        """The media's tokens and evidence, computed where they are not known yet."""
        key = _digest(media)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with torch.inference_mode():
            pixels = stack_media([media]).to(self.model.device)
            read = self.model.model.encoder.read(pixels[:, :, 1].flatten(0, 1), 1)
            found = Look(self.model.model.encoder(pixels, read)[0], self.model.evidence(pixels, read)[0])
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT_FACES:
                self._kept.popitem(last=False)
        return found

    def embed(self, request: Request) -> Tensor:
        """The prompt as embeddings (tokens, width). Raises ValueError when images and media differ in number."""
        head, *tails = self.text(request).split(IMAGE)
        if len(tails) != len(request.media):
            raise ValueError(f"{len(tails)} images in the messages, but {len(request.media)} media")
        text = head + "".join(IMAGE * token_count(len(m)) + t for m, t in zip(request.media, tails, strict=True))
        ids = torch.tensor(self.tokenizer(text)["input_ids"], device=self.model.device)
        with torch.inference_mode():
            embeds = self.model.get_input_embeddings()(ids)
            if not request.media:
                return embeds
            slots = ids == self.model.config.image_token_id
            tokens = self.model.model.encoder.placed([self.look(m).tokens for m in request.media], slots.sum()[None])
            return embeds.masked_scatter(slots[:, None], tokens.to(embeds.dtype))

    def text(self, request: Request) -> str:
        """The prompt and what is begun of the answer, an ``<image>`` for each media; marks of the chat inside messages
        are taken out."""
        turns = [dict(m, content=_clean(m["content"])) for m in request.messages]
        return self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + request.begun

    def _inputs(self, requests: list[Request]) -> tuple[dict[str, Tensor], list[int]]:
        rows = [self.embed(r) for r in requests]
        longest = max(map(len, rows))
        embeds = rows[0].new_zeros(len(rows), longest, rows[0].shape[-1])
        mask = torch.zeros(len(rows), longest, dtype=torch.long, device=embeds.device)
        for i, row in enumerate(rows):
            embeds[i, longest - len(row):], mask[i, longest - len(row):] = row, 1
        return {"inputs_embeds": embeds, "attention_mask": mask}, list(map(len, rows))


class HubEngine(TransformersEngine):
    """A vision-language model, or a language model, which then only reads what is said of the faces."""

    def __init__(self, model: Any, processor: Any, spec: Spec, sees: bool) -> None:
        super().__init__(model, getattr(processor, "tokenizer", processor), spec)
        self.processor, self.sees = processor, sees
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

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


def _reader(on_text: OnText | None, number: int) -> Callable[[str], bool] | None:
    return None if on_text is None else lambda piece: on_text(number, piece)


def _clean(content: Any) -> Any:
    if isinstance(content, str):
        for mark in SPECIAL:
            content = content.replace(mark, " ")
        return content
    return [dict(p, text=_clean(p["text"])) if p["type"] == "text" else p for p in content]


def _digest(media: Media) -> bytes:
    sums = hashlib.blake2b(digest_size=16)
    for part in (media.scene, media.crops):
        sums.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
        sums.update(b"|")
    return sums.digest()
