"""A file of JSON rows that survives being killed: each row is one line, on the disk before ``add`` returns."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from emoreason.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: nothing keeps two runs apart there
    fcntl = None

START = b'{"video": '  # how every row begins


class Journal:
    """Rows (dicts with a "video") in a JSONL file; ``done`` has the videos that have one.

    On opening, a last line that was cut off by a kill is removed, as are rows for which ``drop(row)`` is true. While
    it is open, no other run can open it. Raises UserError when it cannot be written, holds other things, or is in use.
    """

    def __init__(self, path: str | Path, drop: Callable[[dict], bool] | None = None) -> None:
        self.path = Path(path)
        self.done: set[str] = set()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b")
        except OSError as e:
            raise UserError(f"{self.path} cannot be written ({e.strerror}): name another output") from None
        try:
            _lock(self._file)
            self._mend()
            if drop and any(drop(r) for r in self):
                self._rewrite(drop)
            for r in self:
                self.done.add(r["video"])
        except BlockingIOError:
            self._file.close()
            raise UserError(f"another run is writing {self.path}: wait for it, or name another output") from None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with open(self.path, "rb") as lines:
            for n, line in enumerate(lines, 1):
                try:
                    made = json.loads(line)
                    made["video"], made["error"]
                except (ValueError, KeyError, TypeError):
                    raise self._foreign(n) from None
                yield made

    def add(self, made: dict[str, Any]) -> None:
        """Append a row, unless its video has one."""
        if made["video"] in self.done:
            return
        try:
            data = json.dumps(made, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:  # a file name that is no valid text
            data = json.dumps(made).encode() + b"\n"
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.done.add(made["video"])

    def count(self, videos: set[str]) -> dict[str, int]:
        """How many of the rows of ``videos`` failed, and how many have a warning."""
        mine = [(r["error"] is not None, r.get("warning") is not None) for r in self if r["video"] in videos]
        return {"failed": sum(f for f, _ in mine), "warned": sum(w for _, w in mine)}

    def batches(self, size: int) -> Iterator[list[dict[str, Any]]]:
        rows: list[dict[str, Any]] = []
        for r in self:
            rows.append(r)
            if len(rows) == size:
                yield rows
                rows = []
        if rows:
            yield rows

    def _mend(self) -> None:
        """Cut off what a kill left of an unfinished last line."""
        size = self._file.seek(0, os.SEEK_END)
        at = size
        while at > 0:
            start = max(0, at - 65536)
            self._file.seek(start)
            found = self._file.read(at - start).rfind(b"\n")
            if found >= 0:
                at = start + found + 1
                break
            at = start
        self._file.seek(at)
        rest = self._file.read()
        if rest and not (rest.startswith(START) or START.startswith(rest)):
            raise self._foreign("last")  # no row of ours: leave it alone
        if rest:
            self._file.truncate(at)

    def _foreign(self, line: int | str) -> UserError:
        return UserError(f"{self.path}, line {line}, is no caption row: name another output, or mend that line")

    def _rewrite(self, drop: Callable[[dict], bool]) -> None:
        """Without the dropped rows, whole or not at all; the lock goes over to the new file."""
        part = self.path.with_name(f".{self.path.name}.part")
        new = open(part, "w+b")
        _lock(new)
        with open(self.path, "rb") as lines:
            new.writelines(line for line in lines if not drop(json.loads(line)))
        new.flush()
        os.fsync(new.fileno())
        os.replace(part, self.path)
        self._file.close()
        self._file = new


def _lock(file: Any) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
