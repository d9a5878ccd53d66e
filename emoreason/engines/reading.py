"""Prompts of models made here: faces become tokens once, and stand between the words."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from emoreason.encoder import MediaEncoder
from emoreason.engines import Request
from emoreason.engines.decoding import BatchEngine
from emoreason.engines.spec import Spec
from emoreason.media import Media, stack_media, token_count
from emoreason.prompts import IMAGE, SPECIAL
from emoreason.records import Evidence

KEPT_FACES = 64


class Look(NamedTuple):
    """One media as the model reads it: tokens (n, width), and the evidence they were made from."""

    tokens: Tensor
    evidence: Evidence | None


class ReadingEngine(BatchEngine):
    """Each face goes through the vision part once: its tokens and evidence are kept for follow-up questions. encoder:
    that part; words: the language model's embeddings; image: the token that a media's tokens stand for."""

    native = True
    resumes = True

    def __init__(self, encoder: MediaEncoder, words: nn.Embedding, image: int, tokenizer: Any, spec: Spec,
                 ends: frozenset[int], limit: int | None) -> None:
        super().__init__(tokenizer, spec, ends, limit)
        self.encoder, self.words, self.image = encoder.eval(), words, image
        encoder.facenet.to(memory_format=torch.channels_last)  # a fifth less time on a CPU
        self._kept: OrderedDict[bytes, Look] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def model(self) -> Any:
        """As trainers and other users of transformers take it."""
        raise NotImplementedError

    @property
    def processor(self) -> Any:
        """What they take beside it."""
        raise NotImplementedError

    def look(self, media: Media) -> Look:
        """The media's tokens and evidence, computed where they are not known yet."""
        key = _digest(media)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with torch.inference_mode():
            pixels = stack_media([media]).to(self.words.weight.device)
            read = self.encoder.read(pixels[:, :, 1].flatten(0, 1), 1)
            found = Look(self.encoder(pixels, read)[0], self.encoder.evidence(pixels, read)[0])
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
        ids = torch.tensor(self.tokenizer(text)["input_ids"], device=self.words.weight.device)
        with torch.inference_mode():
            embeds = self.words(ids)
            if not request.media:
                return embeds
            slots = ids == self.image
            tokens = self.encoder.placed([self.look(m).tokens for m in request.media], slots.sum()[None])
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
