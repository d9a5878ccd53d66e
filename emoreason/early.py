"""Faces are looked for while the model is still being imported: that needs neither torch nor transformers, and
importing these takes seconds."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
_begun: dict[str, Future[Any]] = {}


def begin(path: str | os.PathLike) -> None:
    """Start to look for the faces of a picture, or to follow those of a clip, in a thread; what needs them takes them
    from there. An error shows where they are taken."""
    import onnxruntime  # noqa: F401  here: two threads that import the same library can see half of it

    from emoreason import faces, images, tracks
    from emoreason.records import is_clip

    found = _begun[str(path)] = Future[Any]()

    def work() -> None:
        try:
            found.set_result(tracks.track(path) if is_clip(path) else faces.detect(images.read(path)))
        except BaseException as e:  # handed to who takes it
            found.set_exception(e)

    threading.Thread(target=work, daemon=True).start()  # which nobody waits for where the command ends before


def take(source: Any, otherwise: Callable[[], T]) -> T:
    """What was begun for ``source``, once; or else ``otherwise()``. Raises what either raises."""
    begun = _begun.pop(str(source), None) if isinstance(source, (str, os.PathLike)) else None
    return otherwise() if begun is None else begun.result()
