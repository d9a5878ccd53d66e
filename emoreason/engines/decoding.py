"""One batch on its way to texts: each row with its own temperature, seed, length, grammar, reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from tokenizers.decoders import DecodeStream
from torch import Tensor

from emoreason.engines import Completion, OnText, Request, reader
from emoreason.engines.grammar import for_tokenizer
from emoreason.engines.spec import Spec
from emoreason.errors import UserError


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
        self.draw = torch.Generator().manual_seed(request.seed) if request.temperature > 0 else None

    @property
    def chooses(self) -> bool:
        """Whether the likeliest token need not be the next one."""
        return self.draw is not None or self.matcher is not None

    def pick(self, scores: Tensor) -> int:
        """The next token, from its scores (V,)."""
        scores = scores.float().cpu()
        if self.matcher is None:
            return self._pick(scores)
        allowed = self._allowed(len(scores))
        return int(allowed[self._pick(scores[allowed])])

    def _pick(self, scores: Tensor) -> int:
        if self.draw is None or len(scores) == 1:
            return int(scores.argmax())
        shares = nucleus(scores / self.request.temperature, self.request.top_p)
        return int(torch.multinomial(shares, 1, generator=self.draw))

    def _allowed(self, size: int) -> Tensor:
        """The tokens that may come next, increasing."""
        assert self.matcher is not None
        bits = np.unpackbits(np.frombuffer(self.matcher.compute_bitmask(), np.uint8), bitorder="little")[:size]
        allowed = bits.nonzero()[0]
        if not len(allowed) or self.matcher.is_stopped():
            allowed = np.union1d(allowed, list(self.ends))
        return torch.from_numpy(allowed)

    def push(self, token: int) -> bool:
        """Take the next token; returns whether the row is over."""
        if token in self.ends:
            self.finish = "stop"
            return True
        self.ids.append(token)
        if self.matcher is not None:
            self.matcher.consume_token(token)
        piece = self.reader.step(self.tokenizer.backend_tokenizer, token)
        if piece and self.on_text is not None and not self.on_text(piece):
            self.finish = "cancelled"
        elif len(self.ids) >= self.request.max_tokens:
            self.finish = "length"
        return bool(self.finish)

    def completion(self) -> Completion:
        text = self.tokenizer.decode(self.ids, skip_special_tokens=True)
        return Completion(text, self.prompt_tokens, len(self.ids), self.finish or "length")


def nucleus(scores: Tensor, top_p: float) -> Tensor:
    """Probabilities (V,) of scores (V,), those outside the smallest set of tokens that holds ``top_p`` at 0, as
    transformers' TopPLogitsWarper keeps them (Holtzman et al. 2020)."""
    shares = scores.softmax(-1)
    if top_p >= 1:
        return shares
    ranked, order = shares.sort()
    out = ranked.cumsum(-1) <= 1 - top_p
    out[-1] = False
    return torch.zeros_like(shares).index_copy_(0, order, ranked.masked_fill(out, 0)) / ranked[~out].sum()


class BatchEngine:
    """What the engines of this process share: a batch of prompts, padded on the left, and its rows. ends: the tokens
    that end a text; limit: tokens of a prompt and its text at most, None for any number."""

    native = False
    sends_to: str | None = None

    def __init__(self, tokenizer: Any, spec: Spec, ends: frozenset[int], limit: int | None) -> None:
        self.tokenizer, self.spec, self.name, self.ends, self.limit = tokenizer, spec, spec.name, ends, limit

    def generate(self, requests: Sequence[Request], on_text: OnText | None = None) -> list[Completion]:
        """See ``Engine.generate``. A batch that does not fit into the GPU's memory is halved."""
        return self._generate(list(requests), list(range(len(requests))), on_text) if requests else []

    def _generate(self, requests: list[Request], numbers: list[int], on_text: OnText | None) -> list[Completion]:
        try:
            inputs, counts = self._inputs(requests)
            rows = [Row(r, self.tokenizer, self.ends, c, reader(on_text, n))
                    for r, c, n in zip(requests, counts, numbers, strict=True)]
            self._check_length(max(counts), max(c + r.max_tokens for c, r in zip(counts, requests, strict=True)))
            with torch.inference_mode():
                self._write(inputs, rows)
            return [row.completion() for row in rows]
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            if len(requests) == 1:
                raise UserError(f"{self.name} does not fit into the GPU's memory with this request; take a smaller "
                                f"model, #dtype=bfloat16, or #device=cpu") from None
        half = len(requests) // 2
        return (self._generate(requests[:half], numbers[:half], on_text)
                + self._generate(requests[half:], numbers[half:], on_text))

    def _check_length(self, prompt: int, longest: int) -> None:
        if self.limit is not None and longest > self.limit:
            raise ValueError(f"the conversation has {prompt} tokens and the answer may have {longest - prompt}, but "
                             f"{self.name} takes {self.limit} in all; shorten it or start a new one")

    def _inputs(self, requests: list[Request]) -> tuple[dict[str, Tensor], list[int]]:
        """The prompts, padded on the left, with their ``attention_mask``; and the tokens of each."""
        raise NotImplementedError

    def _write(self, inputs: dict[str, Tensor], rows: Sequence[Row]) -> None:
        """Give each row its tokens until all are over."""
        raise NotImplementedError


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
    """llguidance's tokenizer, as ``llguidance.hf`` makes it, which imports transformers."""
    import llguidance
    from tokenizers import Tokenizer

    plain = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    plain.no_padding()
    plain.no_truncation()
    return llguidance.LLTokenizer(plain.to_str(), eos_token=tokenizer.eos_token_id)
