"""Models under test: anything with ``ask(media, question) -> str``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from emoreason.errors import ParseError, UserError
from emoreason.schema import parse, render
from emoreason.sources import Record


class Answerer(Protocol):
    """media: an upright picture (H, W, 3) uint8 RGB, or the path of a clip (or folder of its frames). The answer is
    raw text, or a row of fields such as {"output", "evidence": {AU: intensity}}."""

    def ask(self, media: np.ndarray | str, question: str) -> str | dict[str, Any]: ...


def load(model: str) -> Answerer:
    """The model named on the command line: nano, a checkpoint, hf:…, vllm:…, openai:MODEL@URL."""
    try:
        from emoreason.reason import Reasoner
    except ModuleNotFoundError as e:
        raise UserError(f"--model needs emoreason.reason ({e}); score a file with --predictions instead") from None
    return Reasoned(Reasoner.load(model))


class Reasoned:
    """A Reasoner as an Answerer: its answer about the main face, with the evidence that it read."""

    def __init__(self, reasoner: Any) -> None:
        self.reasoner = reasoner

    def ask(self, media: np.ndarray | str, question: str) -> dict[str, Any]:
        answer = self.reasoner.ask(media, question)
        answer = answer[0] if isinstance(answer, list) else answer
        text, x = answer.text, answer.explanation
        if x is not None:
            try:
                parse(text)
            except ParseError:
                text = render(x)  # said outside the model: no face was found
        row: dict[str, Any] = {"output": text}
        if answer.evidence is not None and answer.evidence.valid.any():
            frame = int(np.flatnonzero(answer.evidence.valid)[0])
            row["evidence"] = {str(a): round(v, 2) for a, v in answer.evidence.intensities(frame).items()}
        return row


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
