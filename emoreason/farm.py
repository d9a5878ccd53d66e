"""Worker processes that are fed one item at a time; one that dies takes only its item with it."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from emoreason.errors import UserError


class Farm:
    """``workers`` processes. make() is called once in each and gives the function that does one item. A worker that
    takes longer than ``limit`` seconds over an item (a list: over each in it) is stopped. After ``life`` items a
    worker is replaced: decoders lose a few kilobytes a file, which would add up. begin() is called in the first worker
    before make(); one that dies of it is replaced by one without."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]], workers: int, limit: float = 600.0,
                 life: int = 2000, begin: Callable[[], None] | None = None) -> None:
        self.make, self.count, self.limit, self.life, self.begin = make, workers, limit, life, begin
        self.crew: dict[Connection, Any] = {}  # the pipe to each worker -> its process
        self.served: dict[Connection, int] = {}
        self.beginner: Connection | None = None

    def __enter__(self) -> Farm:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe, process in self.crew.items():
            pipe.close()  # an idle worker ends at this; a busy one is stopped
            process.terminate()
        for process in self.crew.values():
            process.join(5)

    def _hire(self) -> Connection:
        ours, theirs = mp.get_context("spawn").Pipe()
        begin, self.begin = self.begin, None
        self.beginner = ours if begin else None
        work = (theirs, self.make, self.count, begin)
        process = mp.get_context("spawn").Process(target=_work, args=work, daemon=True)
        process.start()
        theirs.close()
        self.crew[ours] = process
        return ours

    def _patience(self, item: Any) -> float:
        return self.limit * _size(item)

    def run(self, items: Iterable[Any]) -> Iterator[tuple[Any, Any, str | None]]:
        """(item, result, None) as they are done, or (item, None, why) where the worker died. Raises UserError when a
        worker cannot be made. Workers stay for the next call."""
        todo = iter(items)
        busy: dict[Connection, Any] = {}
        started: dict[Connection, float] = {}

        def feed(pipe: Connection) -> None:
            item = next(todo, None)
            if item is not None:
                busy[pipe], started[pipe] = item, time.monotonic()
                try:
                    pipe.send(item)
                except OSError:
                    pass  # it is dead, which the next receive shows

        idle = list(self.crew)
        waiting = {self._hire() for _ in range(self.count - len(idle))}
        for pipe in idle:
            feed(pipe)
        while waiting or busy:
            for pipe in [p for p in busy if time.monotonic() - started[p] > self._patience(busy[p])]:
                self.crew[pipe].kill()  # the pipe then shows its end
            for pipe in wait([*waiting, *busy], timeout=min(1.0, self.limit)):
                assert isinstance(pipe, Connection)
                try:
                    kind, value = pipe.recv()
                except (EOFError, OSError):
                    process = self.crew.pop(pipe)
                    process.join()
                    late = pipe in busy and time.monotonic() - started[pipe] > self._patience(busy[pipe])
                    why = f"longer than {self.limit:g} s" if late else _ending(process.exitcode)
                    if pipe in waiting and pipe is self.beginner:
                        waiting.discard(pipe)
                        waiting.add(self._hire())
                        continue
                    if pipe in waiting:
                        raise UserError(f"a worker ended before its first clip ({why}): use fewer --workers") from None
                    item = busy.pop(pipe)
                    waiting.add(self._hire())
                    yield item, None, f"the clip took {why}" if late else f"the worker died on this clip ({why})"
                    continue
                if kind == "failed":
                    raise UserError(value)
                if kind == "ready":
                    waiting.discard(pipe)
                else:
                    item = busy.pop(pipe)
                    self.served[pipe] = self.served.get(pipe, 0) + _size(item)
                    yield item, value, None
                    if self.served[pipe] >= self.life:
                        self.crew.pop(pipe)
                        self.served.pop(pipe)
                        pipe.close()  # at this it ends
                        waiting.add(self._hire())
                        continue
                feed(pipe)


def _size(item: Any) -> int:
    return len(item) if isinstance(item, list) else 1


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return "out of memory or killed" if -code == signal.SIGKILL else signal.Signals(-code).name
    return f"exit code {code}"


def _end_with(parent: Any) -> None:
    """A parent that is killed takes its workers with it: nobody waits for what they are doing."""
    wait([parent.sentinel])
    os._exit(1)


def _work(pipe: Connection, make: Callable[[], Callable[[Any], Any]], workers: int,
          begin: Callable[[], None] | None = None) -> None:
    """A worker's life: make the function, then item after item until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    threading.Thread(target=_end_with, args=(mp.parent_process(),), daemon=True).start()
    share = os.environ.get("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, share)
    try:
        if begin is not None:
            begin()
        do = make()
    except UserError as e:
        pipe.send(("failed", str(e)))
        return
    try:
        pipe.send(("ready", None))
        while True:
            pipe.send(("done", do(pipe.recv())))
    except (EOFError, OSError):
        return
