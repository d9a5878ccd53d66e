"""What the page knows of one person: in memory only, gone when the tab closes or after an hour without a question."""

from __future__ import annotations

import shutil
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from emoreason.app.media import Loaded
from emoreason.errors import UserError
from emoreason.reason import Answer, Subject

IDLE = 3600.0  # seconds without a question after which a session is dropped
MOST = 24  # sessions kept at once; the one idle longest goes first
HEAVY = 2 << 30  # bytes of pictures and clips that all sessions together may keep in memory, likewise
TURNS = 2  # earlier questions that a follow-up still sees


@dataclass
class Session:
    """media: one, or two to compare; chosen: number of the face asked about, of each; log: the chat as shown;
    history: earlier turns about the same faces, as Reasoner.stream takes them; answer: the latest; asked: what it is
    about; rows: of the batch tab; closed: nobody looks at it any more."""

    media: list[Loaded] = field(default_factory=list)
    chosen: list[int] = field(default_factory=list)
    both: bool = True
    log: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, str]] = field(default_factory=list)
    answer: Answer | None = None
    asked: list[Subject] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    used: float = field(default_factory=time.monotonic)
    closed: bool = False

    def put(self, loaded: Loaded, beside: bool) -> None:
        """Show ``loaded``: in place of everything, or beside the first to be compared with it. Raises UserError for
        clips side by side."""
        if beside and any(m.clip is not None for m in (loaded, *self.media[:1])):
            self._leave(loaded)
            raise UserError("only pictures can be compared side by side: ask about each clip by itself")
        if self.closed:  # while the upload was read
            self._leave(loaded)
            return
        keep = self.media[:1] if beside else []
        for old in self.media[len(keep):]:
            self._leave(old)
        self.media, self.chosen = [*keep, loaded], [*self.chosen[:len(keep)], loaded.first]
        self.both = True
        self._forget()
        if not beside:
            self.log = []

    def choose(self, medium: int, face: int) -> bool:
        """Ask about face ``face`` of media ``medium`` (from 0) from now on. False where there is none such."""
        if not 0 <= medium < len(self.media) or self.media[medium].subject(face) is None:
            return False
        if self.chosen[medium] != face:
            self.chosen[medium] = face
            self._forget()
        return True

    def subjects(self) -> list[Subject]:
        """The faces that a question is about."""
        return [m.subject(n) or m.subjects[0] for m, n in zip(self.media, self.chosen, strict=True)]

    @property
    def size(self) -> int:
        """Bytes of the pictures and of the faces' crops and landmarks."""
        tracks = [s.track for m in self.media for s in m.faces if s.track is not None]
        pictures = [p for m in self.media for p in (m.picture, m.subjects[0].image if m.subjects else None)]
        return sum(p.nbytes for p in pictures if p is not None) + sum(
            t.crops.nbytes + t.landmarks.nbytes for t in tracks)

    def remember(self, question: str, answer: Answer) -> None:
        self.answer = answer
        self.history += [{"role": "user", "content": question}, {"role": "assistant", "content": answer.text}]
        self.history = self.history[-2 * TURNS:]

    def clear(self) -> None:
        """Forget everything, and delete what was uploaded."""
        for old in self.media:
            self._leave(old)
        self.media, self.chosen, self.log, self.rows = [], [], [], []
        self._forget()

    def close(self) -> None:
        """``clear``, for good."""
        self.closed = True
        self.clear()

    def _forget(self) -> None:
        self.history, self.answer, self.asked = [], None, []

    def _leave(self, old: Loaded) -> None:
        if old.room is not None:
            shutil.rmtree(old.room, ignore_errors=True)


class Sessions:
    """Sessions by the key that each tab draws for itself."""

    def __init__(self) -> None:
        self._all: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: str | None) -> Session:
        """The session of a tab, new where there is none."""
        with self._lock:
            now, key = time.monotonic(), key or ""
            old = [k for k, s in self._all.items() if k != key and now - s.used > IDLE]
            mine = self._all.pop(key, None) or Session()
            self._all[key] = mine
            mine.used = now
            old += list(self._all)[:max(0, len(self._all) - MOST)]
            left = sum(s.size for s in self._all.values()) - HEAVY
            for k, s in self._all.items():
                if left > 0 and k != key:
                    old.append(k)
                    left -= s.size
            gone = [self._all.pop(k) for k in dict.fromkeys(old) if k in self._all]
        for one in gone:
            one.close()
        return mine

    def sweep(self) -> None:
        """Drop those that nobody has asked for an hour."""
        with self._lock:
            now = time.monotonic()
            gone = [self._all.pop(k) for k, s in list(self._all.items()) if now - s.used > IDLE]
        for one in gone:
            one.close()

    def drop(self, key: str | None) -> None:
        """The tab was closed."""
        with self._lock:
            mine = self._all.pop(key or "", None)
        if mine is not None:
            mine.close()

    def __len__(self) -> int:
        return len(self._all)
