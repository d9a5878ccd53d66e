"""Ctrl-C and SIGTERM as a question, not a blow: the step in hand is finished and saved."""

from __future__ import annotations

import signal
import threading
from typing import Any


class Interrupt:
    """``with Interrupt() as stop:`` ... ``if stop.asked``: save and leave. A second signal raises KeyboardInterrupt at
    once. Outside the main thread signals stay as they are."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._ask) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print("stopping after this step; the same command goes on from there", flush=True)
