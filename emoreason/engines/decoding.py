"""Rows of one batch under transformers' generate: each with its own temperature, seed, length, grammar, reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria
from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

from emoreason.engines import Completion, Request
from emoreason.engines.grammar import for_tokenizer


class Row:
    """One request on its way to a text."""

    def __init__(self, request: Request, tokenizer: Any, ends: frozenset[int], prompt_tokens: int,
                 on_text: Callable[[str], bool] | None = None) -> None:
        self.request, self.tokenizer, self.ends, self.prompt_tokens = request, tokenizer, ends, prompt_tokens
        self.on_text, self.ids, self.finish = on_text, list[int](), ""
        self.matcher = None if request.grammar is None else matcher(tokenizer, request.grammar)
        if self.matcher is not None and request.begun:
            self.matcher.consume_tokens(tokenizer(request.begun, add_special_tokens=False)["input_ids"])
        self.reader = DecodeStream(skip_special_tokens=True)
        self.draw: torch.Generator | None = None
        if request.temperature > 0:
            self.draw = torch.Generator().manual_seed(request.seed)
            self.warpers: list[Any] = [TemperatureLogitsWarper(float(request.temperature))]
            if request.top_p < 1:
                self.warpers.append(TopPLogitsWarper(request.top_p))

    def choose(self, scores: Tensor) -> Tensor:
        """Next-token scores (V,) with all but what may come next at -inf."""
        if self.matcher is not None:
            scores = scores.masked_fill(~self._allowed(len(scores)).to(scores.device), -torch.inf)
        if self.draw is None:
            return scores
        row = scores.float().cpu()[None]
        for warp in self.warpers:
            row = warp(None, row)
        token = int(torch.multinomial(row.softmax(-1)[0], 1, generator=self.draw))
        out = torch.full_like(scores, -torch.inf)
        out[token] = 0
        return out

    def _allowed(self, size: int) -> Tensor:
        assert self.matcher is not None
        words = torch.frombuffer(bytearray(self.matcher.compute_bitmask()), dtype=torch.int32)
        bits = ((words[:, None] >> torch.arange(32)) & 1).flatten().bool()[:size]
        allowed = torch.zeros(size, dtype=torch.bool)
        allowed[:len(bits)] = bits
        if not allowed.any() or self.matcher.is_stopped():
            allowed[list(self.ends)] = True
        return allowed

    def push(self, token: int) -> bool:
        """Take the next token; returns whether the row is over."""
        if token in self.ends:
            self.finish = "stop"
            return True
        self.ids.append(token)
        if self.matcher is not None:
            self.matcher.consume_token(token)
        piece = self.reader.step(self.tokenizer._tokenizer, token)
        if piece and self.on_text is not None and not self.on_text(piece):
            self.finish = "cancelled"
        elif len(self.ids) >= self.request.max_tokens:
            self.finish = "length"
        return bool(self.finish)

    def completion(self) -> Completion:
        text = self.tokenizer.decode(self.ids, skip_special_tokens=True)
        return Completion(text, self.prompt_tokens, len(self.ids), self.finish or "length")


class Chooser(LogitsProcessor):
    """Lets each row that needs it choose for itself; greedy rows without a grammar stay as they are."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        special = [i for i, r in enumerate(self.rows) if not r.finish and (r.draw is not None or r.matcher is not None)]
        if special:
            scores = scores.clone()
            for i in special:
                scores[i] = self.rows[i].choose(scores[i])
        return scores


class Watcher(StoppingCriteria):
    """Hands each row its token, and says which rows are over."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        last = input_ids[:, -1].tolist()
        over = [bool(r.finish) or r.push(t) for r, t in zip(self.rows, last, strict=True)]
        return torch.tensor(over, device=input_ids.device)


def matcher(tokenizer: Any, grammar: str) -> Any:
    """llguidance's matcher of a grammar at its start. Raises ValueError for a grammar that is none."""
    import llguidance

    words = _words(tokenizer)
    vocabulary = tokenizer.get_vocab()
    text = for_tokenizer(grammar, lambda tag: tag in vocabulary and words.is_special_token(vocabulary[tag]))
    made = llguidance.LLMatcher(words, llguidance.LLMatcher.grammar_from_lark(text), log_level=0)
    if made.is_error():
        raise ValueError(f"the grammar cannot be used: {made.get_error().splitlines()[0][:200]}")
    return made


@lru_cache(maxsize=4)
def _words(tokenizer: Any) -> Any:
    import llguidance.hf

    return llguidance.hf.from_tokenizer(tokenizer)
