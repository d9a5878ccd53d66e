"""Models under test: anything with ``ask(media, question) -> str``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from emoreason.errors import UserError
from emoreason.sources import Record


class Answerer(Protocol):
    """media: an upright picture (H, W, 3) uint8 RGB, or the path of a clip (or folder of its frames); the answer is
    raw text."""

    def ask(self, media: np.ndarray | str, question: str) -> str: ...


def load(model: str) -> Answerer:
    """The model named on the command line: nano, a checkpoint, hf:…, vllm:…, openai:MODEL@URL."""
    try:
        from emoreason.reason import Reasoner
    except ModuleNotFoundError as e:
        raise UserError(f"--model needs emoreason.reason ({e}); score a file with --predictions instead") from None
    return _Reasoned(Reasoner.load(model))


class _Reasoned:
    """A Reasoner as an Answerer: its answer as text."""

    def __init__(self, reasoner: Any) -> None:
        self.reasoner = reasoner

    def ask(self, media: np.ndarray | str, question: str) -> str:
        answer = self.reasoner.ask(media, question)
        return answer if isinstance(answer, str) else answer.text


def judge(spec: str) -> Callable[[str], str]:
    """``complete(prompt) -> text`` of an engine: hf:…, vllm:…, openai:MODEL@URL."""
    import emoreason.engines as engines

    if not hasattr(engines, "complete"):
        raise UserError("--judge needs emoreason.engines.complete; leave it out for offline scoring")
    return engines.complete(spec)


def media_of(record: Record) -> np.ndarray | str:
    """What a model is shown of a record. Raises UserError when the file is missing or unreadable."""
    from emoreason import images

    if "frame" in record.extra and record.kind == "picture":
        raise UserError(f"{record.id} is a frame of {record.media}; extract the frames, give --option frames=PATTERN")
    if record.kind == "clip":
        if record.media is None:
            raise UserError(f"{record.id} names no clip; give --option media_root=FOLDER")
        return record.media
    try:
        picture = record.picture()
    except OSError as e:
        raise UserError(f"{record.media} cannot be read ({e.strerror}); check --data or --option media_root=") from None
    if picture is None:
        raise UserError(f"{record.id} has no picture; give --option media_root=FOLDER")
    return images.read(picture, record.media or record.id)
