"""Engines: a batch of conversations with media in, texts with token counts out. Chosen by a model string.

    nano | FOLDER | hf:NAME     transformers, in this process
    vllm:nano | vllm:NAME       vLLM, in this process, on a GPU
    openai:MODEL@URL            any OpenAI-compatible server

Settings follow after '#', as in ``nano#constrain`` or ``hf:NAME#device=cuda:1,dtype=bfloat16``; ``spec.py`` lists them.
An engine is one method, ``generate``; ``stream`` turns it into an iterator. Nothing heavy is imported here.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from emoreason.engines.spec import Spec, parse_spec
from emoreason.errors import UserError

OnText = Callable[[int, str], bool]
JUDGE_TOKENS = 1024


@dataclass(frozen=True)
class Request:
    """One conversation. messages: {"role", "content"}, content a text or a list of {"type": "image"} and
    {"type": "text", "text"}; the images stand for ``media`` in their order: ``media.Media`` for a native engine,
    pictures (H, W, 3) uint8 RGB for others. temperature 0 is greedy; a request drawn with a seed gives the same text
    whoever is beside it in the batch. grammar: Lark, as ``grammar.explanation`` writes it, which the answer must
    follow. begun: the answer's first words, which the text goes on from (native engines; within a grammar only those
    that say ``resumes``)."""

    messages: tuple[dict[str, Any], ...]
    media: tuple[Any, ...] = ()
    max_tokens: int = 320
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    grammar: str | None = None
    begun: str = ""


@dataclass(frozen=True)
class Completion:
    """text without special tokens; tokens of the prompt (media included) and of the text; finish: "stop", "length", or
    "cancelled" where ``on_text`` asked for it."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: str = "stop"


def reader(on_text: OnText | None, number: int) -> Callable[[str], bool] | None:
    """What takes the pieces of one request's text, the ``number``-th of a batch; None where nobody reads along."""
    return None if on_text is None else lambda piece: on_text(number, piece)


class Engine(Protocol):
    """name: the model, as shown; native: reads ``media.Media`` through its own face and AU tokens; sends_to: the
    host that pictures are sent to, None where they stay on this machine; spec: its settings."""

    name: str
    native: bool
    sends_to: str | None
    spec: Spec

    def generate(self, requests: Sequence[Request], on_text: OnText | None = None) -> list[Completion]:
        """The completions, in order. on_text(i, piece) is called as the text of request i grows, from any thread, and
        returns whether to go on with it. Raises UserError where the engine cannot work, ValueError for a request that
        it cannot take."""
        ...


def load(model: str, device: str | None = None) -> Engine:
    """The engine of a model string. Raises UserError, with the mend, for one that cannot be had."""
    spec = parse_spec(model)
    if spec.kind == "openai":
        from emoreason.engines.openai import OpenAIEngine

        return OpenAIEngine(spec)
    if spec.kind == "vllm":
        from emoreason.engines.vllm import load_vllm

        return load_vllm(spec)
    from emoreason.engines.loading import load_local

    return load_local(spec, device)


def complete(model: str) -> Callable[[str], str]:
    """prompt -> text of a model without media, greedy; for judges."""
    engine = load(model)

    def ask(prompt: str) -> str:
        return engine.generate([Request(({"role": "user", "content": prompt},), max_tokens=JUDGE_TOKENS)])[0].text

    return ask


def stream(engine: Engine, request: Request) -> Iterator[str | Completion]:
    """The pieces of one text as they come, then the Completion. Closing the iterator stops the engine."""
    pieces: queue.SimpleQueue[str | Completion | BaseException] = queue.SimpleQueue()
    over = threading.Event()

    def on_text(_: int, piece: str) -> bool:
        pieces.put(piece)
        return not over.is_set()

    def work() -> None:
        try:
            pieces.put(engine.generate([request], on_text)[0])
        except BaseException as e:  # handed to the caller below
            pieces.put(e)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            piece = pieces.get()
            if isinstance(piece, BaseException):
                raise piece
            yield piece
            if isinstance(piece, Completion):
                return
    finally:
        over.set()


__all__ = ["Completion", "Engine", "Request", "Spec", "UserError", "complete", "load", "parse_spec", "stream"]
