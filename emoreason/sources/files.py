"""Reading files piece by piece: JSON arrays and objects, JSON lines, csv, lists of words. Memory stays flat.

A file that is broken as a whole raises UserError with its name and line; a single bad entry becomes a Reject.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from emoreason.errors import UserError
from emoreason.schema import find_aus
from emoreason.sources.record import BadField, Items, Record, Reject, Row

CHUNK, LARGEST = 1 << 16, 1 << 25  # characters read at once; the largest single entry of a JSON file
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s*")
csv.field_size_limit(min(sys.maxsize, 1 << 30))


class _Text:
    """The text of a file as a window that moves on: ``buffer[at:]`` is what is not used yet."""

    def __init__(self, path: Path) -> None:
        self.path, self.buffer, self.at, self.line = path, "", 0, 1
        self.file = path.open(encoding="utf-8-sig")

    def more(self) -> bool:
        """Read on, at least as much again as is held; False at the end."""
        try:
            new = self.file.read(max(CHUNK, len(self.buffer) - self.at))
        except UnicodeDecodeError as e:
            raise UserError(f"{self.path} is not UTF-8 text ({e.reason}); convert it first") from None
        self.buffer, self.at = self.buffer[self.at:] + new, 0
        return bool(new)

    def peek(self) -> str:
        """The next character that is no white space, '' at the end."""
        while True:
            self.step(_SPACE.match(self.buffer, self.at).end())  # type: ignore[union-attr]
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def step(self, to: int) -> None:
        self.line += self.buffer.count("\n", self.at, to)
        self.at = to

    def take(self, wanted: str) -> str:
        """The next character, which must be one of ``wanted``."""
        got = self.peek()
        if not got or got not in wanted:
            raise self.broken(f"expected {' or '.join(wanted)}, but got {got!r}" if got else "the file is cut off")
        self.step(self.at + 1)
        return got

    def value(self) -> Any:
        """The next JSON value."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.buffer, self.at)
                if end == len(self.buffer):  # a number may go on in the next chunk
                    end -= self.at
                    if self.more():
                        continue
                self.step(end)
                return value
            except json.JSONDecodeError as e:
                if len(self.buffer) - self.at > LARGEST or not self.more():
                    raise self.broken(f"{e.msg}; is the file cut off?") from None

    def broken(self, why: str) -> UserError:
        return UserError(f"{self.path}, line {self.line}: not valid JSON: {why}")


def json_items(path: Path) -> Iterator[tuple[int, str | None, Any]]:
    """(line, key, value) of each entry of the array (key None) or object that a JSON file holds."""
    text = _Text(path)
    with text.file:
        kind = text.take("[{")
        close = "]" if kind == "[" else "}"
        if text.peek() == close:
            return
        while True:
            key = None
            text.peek()
            line = text.line
            if kind == "{":
                key = text.value()
                text.take(":")
            yield line, key, text.value()
            if text.take("," + close) == close:
                break
        if text.peek():
            raise text.broken("text after the end")


def json_rows(path: Path, key: str | None = None) -> Iterator[Row | Reject]:
    """The objects of a JSON array; with ``key``, of a JSON object whose keys become that field."""
    for line, name, value in json_items(path):
        if not isinstance(value, dict):
            yield Reject(str(path), line, "record", f"must be an object, but got {type(value).__name__}")
        elif key is None and name is not None:
            raise UserError(f"{path}: must hold a list of records, but holds an object")
        else:
            yield Row(str(path), line, value if key is None else value | {key: name})


def jsonl_rows(path: Path) -> Iterator[Row | Reject]:
    """The objects of a file with one JSON object a line; blank lines are passed over."""
    for line, text in lines(path):
        try:
            value = json.loads(text)
        except json.JSONDecodeError as e:
            yield Reject(str(path), line, "record", f"not valid JSON: {e.msg}")
            continue
        if isinstance(value, dict):
            yield Row(str(path), line, value)
        else:
            yield Reject(str(path), line, "record", f"must be an object, but got {type(value).__name__}")


def any_json_rows(path: Path) -> Iterator[Row | Reject]:
    """A JSON array or JSON lines, whichever the file is."""
    with path.open("rb") as f:
        head = f.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    return json_rows(path) if head.startswith(b"[") else jsonl_rows(path)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number, text) of each line that is not blank."""
    number = 0
    with path.open(encoding="utf-8-sig") as f:
        try:
            for number, text in enumerate(f, 1):
                if text.strip():
                    yield number, text.strip()
        except UnicodeDecodeError as e:
            raise UserError(f"{path}, line {number + 1}: not UTF-8 text ({e.reason}); convert it first") from None


def word_rows(path: Path, names: Iterable[str]) -> Iterator[Row | Reject]:
    """Lines of words separated by white space, named in order; too few words are a Reject, more are left out."""
    names = tuple(names)
    for line, text in lines(path):
        words = text.split()
        if len(words) < len(names):
            yield Reject(str(path), line, "line", f"must hold {len(names)} words ({', '.join(names)}): {text[:60]!r}")
        else:
            yield Row(str(path), line, dict(zip(names, words, strict=False)))


def csv_rows(path: Path, need: Iterable[str] = (), names: Iterable[str] | None = None) -> Iterator[Row | Reject]:
    """The rows of a comma-separated file by the names of its header (stripped), or by ``names`` where it has none.

    Raises UserError when the header lacks a column of ``need``.
    """
    with path.open(encoding="utf-8-sig", newline="") as f:
        reader = csv.reader(f)
        try:
            header = [h.strip() for h in (names if names is not None else next(reader, []))]
            missing = [n for n in need if n not in header]
            if missing:
                raise UserError(f"{path}, line 1: no column {missing[0]!r}; the columns are {', '.join(header)}")
            for values in reader:
                if not any(v.strip() for v in values):
                    continue
                if len(values) != len(header):
                    yield Reject(str(path), reader.line_num, "line",
                                 f"has {len(values)} values, but the header has {len(header)}")
                else:
                    yield Row(str(path), reader.line_num, dict(zip(header, values, strict=True)))
        except csv.Error as e:
            raise UserError(f"{path}, line {reader.line_num}: not valid csv: {e}") from None
        except UnicodeDecodeError as e:
            raise UserError(f"{path}, line {reader.line_num}: not UTF-8 text ({e.reason}); convert it first") from None


def first_of(root: Path, *candidates: str) -> Path:
    """The first of ``candidates`` (paths below ``root``) that is there. Raises UserError naming them all."""
    for name in candidates:
        if (root / name).exists():
            return root / name
    raise UserError(f"{root} has none of {', '.join(candidates)}; give the folder as the set was published")


def within(root: Path, name: str) -> str:
    """The path of a media file named in an annotation: below ``root`` unless it is absolute."""
    return str(root / name.replace("\\", "/"))


PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
CLIPS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".flv", ".m4v", ".gif")


def kind_of(name: str) -> str:
    """Whether a media file is a "picture" or a "clip", by its ending; a name without one is a folder of frames."""
    return "picture" if name.lower().endswith(PICTURES) else "clip"


def records(rows: Iterable[Row | Reject], make: Callable[[Row], Record]) -> Items:
    """``make`` over the rows; a row that does not fit becomes a Reject."""
    for row in rows:
        yield row if isinstance(row, Reject) else row.record(make)


def some(**values: Any) -> dict[str, Any]:
    """The values that are there."""
    return {k: v for k, v in values.items() if v is not None}


def strings(row: Row, name: str) -> list[str]:
    """A list of texts, [] where it is missing; a single text counts as a list of one."""
    value = row.get(name, need=False)
    value = [value] if isinstance(value, str) else value or []
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise BadField(name, "must be a list of texts")
    return value


def listed_aus(row: Row, name: str) -> dict[int, float | None] | None:
    """A list like ["AU1", "AU06"]: present without intensity; None where it is empty."""
    made: dict[int, float | None] = {}
    for text in strings(row, name):
        present, _ = find_aus(text)
        if len(present) != 1:
            raise BadField(name, f"{text!r} is no action unit of FACS")
        made |= dict.fromkeys(present)
    return dict(sorted(made.items())) or None
