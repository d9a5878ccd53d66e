"""The way of one record through the build, and what is remembered of those before it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from emoreason.data_pipeline import shards
from emoreason.data_pipeline.filter import Rejection, Texts, check, picture_hash
from emoreason.data_pipeline.leakage import Guard, draw_split
from emoreason.errors import UserError
from emoreason.sources import Record, Reject, features

if TYPE_CHECKING:
    from emoreason.data_pipeline.build import Config

Written = tuple[str, str, bool]  # question, text, whether the text is a whole explanation
Evidence = Callable[[Record], Record | Rejection]
Writer = Callable[[Record, random.Random], Written | Rejection]


class Job:
    """The steps for one record, with what was seen before."""

    def __init__(self, config: Config, out: shards.Shards, evidence: Evidence | None, write: Writer | None) -> None:
        self.config, self.out, self.evidence, self.write = config, out, evidence, write
        self.guard, self.texts = Guard(config.leaks, config.duplicates), Texts()
        self.kept, self.rejected = out.manifest["kept"], out.manifest["rejected"]

    def recall(self) -> None:
        """Remember what an earlier run kept."""
        last = None
        for row in shards.rows(self.out.folder, ["source", "id", "subject", "split", "text", "picture_hash"]):
            if last != (row["source"], row["id"]):
                last = row["source"], row["id"]
                record = Record(row["id"], row["source"], subject=row["subject"])
                self.guard.add(record, row["split"], row["picture_hash"])
            if row["text"] is not None:
                self.texts.add(row["text"], f"{row['source']} {row['id']}")

    def take(self, entry: tuple[str, Record | Reject]) -> None:
        name, item = entry
        if isinstance(item, Reject):
            self._leave(name, None, Rejection("bad record", str(item)))
            return
        rows = self._rows(item)
        kept = 0
        for row in rows:
            if isinstance(row, Rejection):
                self._leave(name, item, row)
            else:
                self.out.add(row, row["split"])
                kept += 1
                if kept == 1:
                    self.guard.add(item, row["split"], row["picture_hash"])
                if row["text"] is not None:
                    self.texts.add(row["text"], f"{item.source} {item.id}")
        self.kept += kept

    def _leave(self, name: str, record: Record | None, why: Rejection) -> None:
        self.rejected += 1
        self.out.reject({"source": name, "id": record and record.id, "reason": why.reason, "detail": why.detail,
                         "text": why.text or (record and record.text)})

    def _rows(self, record: Record) -> Iterator[dict[str, Any] | Rejection]:
        try:
            picture = record.picture()
            hashed = None if picture is None else picture_hash(picture)
        except (OSError, UserError) as e:
            yield Rejection("unreadable picture", f"{record.media or 'its bytes'}: {getattr(e, 'strerror', None) or e}")
            return
        split = record.split or draw_split(record, self.config.seed, self.config.shares)
        bad = self.guard.check(record, split, hashed)
        if bad:
            yield bad
            return
        if self.evidence is not None:
            known = self.evidence(record)
            if isinstance(known, Rejection):
                yield known
                return
            record = known
        image = {"bytes": picture, "path": None} if picture and self.config.pictures else None
        for part in range(self.config.per_record):
            written = self._text(record, part)
            if isinstance(written, Rejection):
                yield written
                continue
            question, text, origin = written
            yield record.row() | {"split": split, "image": image, "question": question, "text": text, "origin": origin,
                                  "part": part, "picture_hash": hashed}
            if origin == "source":
                return  # a source has one text for a record

    def _text(self, record: Record, part: int) -> tuple[str | None, str | None, str | None] | Rejection:
        mode = self.config.texts
        if mode == "none":
            return record.question, record.text, None if record.text is None else "source"
        if mode == "source" or (mode == "auto" and record.text is not None):
            if record.text is None:
                return Rejection("nothing to explain", "the source has no text")
            return self._passes(record, record.text, True) or (record.question, record.text, "source")
        assert self.write is not None
        rng = self._rng(record, part)
        why: Rejection | None = None
        for _ in range(self.config.attempts):
            made = self.write(record, rng)
            if isinstance(made, Rejection):
                return made
            question, text, whole = made
            why = self._passes(record, text, whole)
            if why is None:
                return question, text, "engine"
        assert why is not None
        return replace(why, text=text)

    def _rng(self, record: Record, part: int) -> random.Random:
        return random.Random(f"{self.config.seed}|{record.source}|{record.id}|{part}")

    def ahead(self, entries: Iterator[tuple[str, Record | Reject]], workers: int,
              start: int = 0) -> Iterator[tuple[str, Record | Reject]]:
        """The entries as they are. With several workers, what is to be written about the next ones (from number
        ``start`` on) is asked for at once: the writer keeps its answers, so that ``take`` finds them."""
        if workers <= 1 or self.write is None:
            yield from entries
            return
        with ThreadPoolExecutor(workers) as pool:
            waiting: deque[tuple[tuple[str, Record | Reject], Future[None] | None]] = deque()
            for number, entry in enumerate(entries):
                waiting.append((entry, pool.submit(self._warm, entry[1]) if number >= start else None))
                if len(waiting) > 4 * workers:
                    yield _ready(*waiting.popleft())
            while waiting:
                yield _ready(*waiting.popleft())

    def _warm(self, item: Record | Reject) -> None:
        if isinstance(item, Reject) or (self.config.texts == "auto" and item.text is not None):
            return
        try:
            known = item if self.evidence is None else self.evidence(item)
        except (OSError, UserError):  # an unreadable picture: ``take`` comes to it, and says so
            return
        if isinstance(known, Record) and self.write is not None:
            for part in range(self.config.per_record):
                self.write(known, self._rng(known, part))

    def _passes(self, record: Record, text: str, whole: bool) -> Rejection | None:
        why = check(text, record, whole)
        if why is None and self.config.same_texts == "drop":
            twin = self.texts.near(text)
            why = Rejection("duplicate text", f"says the same as {twin}") if twin else None
        return why


def _ready(entry: tuple[str, Record | Reject], written: Future[None] | None) -> tuple[str, Record | Reject]:
    if written is not None:
        written.result()
    return entry


def row_features() -> Any:
    """The ``datasets.Features`` of a row: those of a record, the picture as an image, and what the build adds."""
    from datasets import Image, Value

    made = features()
    made["image"] = Image()
    return made.__class__({**made, "origin": Value("string"), "part": Value("int32"), "picture_hash": Value("binary")})
