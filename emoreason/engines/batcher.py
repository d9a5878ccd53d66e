"""Dynamic batching: what many threads ask for at about the same time goes through the model together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from emoreason.engines import Completion, Engine, OnText, Request, reader
from emoreason.errors import UserError

WAIT = 0.01  # seconds that a request waits for company


class _Job(NamedTuple):
    request: Request
    on_text: Callable[[str], bool]
    done: Future[Completion]


class Batcher:
    """An Engine in front of another. One thread runs the model: it takes what is waiting, at most ``size`` requests,
    as one batch; who comes meanwhile is in the next. Each request's text is as without company."""

    def __init__(self, engine: Engine, size: int = 16, watch: Callable[[int], Any] | None = None) -> None:
        self.engine, self.size, self.watch = engine, size, watch
        self.name, self.native, self.sends_to, self.spec = engine.name, engine.native, engine.sends_to, engine.spec
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="batcher")
        self._thread.start()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)  # look(), model, processor of a native engine

    def generate(self, requests: Sequence[Request], on_text: OnText | None = None) -> list[Completion]:
        """See ``Engine.generate``."""
        jobs = [_Job(r, reader(on_text, i) or (lambda _: True), Future()) for i, r in enumerate(requests)]
        with self._changed:
            if self._closed:
                raise UserError("the server is stopping")
            self._waiting.extend(jobs)
            self._changed.notify()
        return [job.done.result() for job in jobs]

    def close(self) -> None:
        """Finish what is waiting, take no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                if len(self._waiting) < self.size and not self._closed:
                    self._changed.wait_for(lambda: len(self._waiting) >= self.size, WAIT)
                batch = [self._waiting.popleft() for _ in range(min(self.size, len(self._waiting)))]
            if self.watch is not None:
                self.watch(len(batch))
            self._run(batch)

    def _run(self, batch: list[_Job]) -> None:
        try:
            made = self.engine.generate([j.request for j in batch], lambda i, piece: batch[i].on_text(piece))
        except Exception as e:
            if len(batch) == 1 or isinstance(e, UserError):
                for job in batch:
                    job.done.set_exception(e)
            else:  # one request that cannot be taken must not fail the others
                for job in batch:
                    self._run([job])
            return
        for job, completion in zip(batch, made, strict=True):
            job.done.set_result(completion)
