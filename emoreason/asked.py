"""Texts asked of a language model, each prompt once: answers are kept on disk, so that a run goes on after a kill."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path


class Asked:
    """``complete(prompt) -> text`` with a memory. name: of the model, part of the key; path: JSON lines of
    {"key": SHA-256 of name and prompt, "answer"}, or None; a line cut off by a kill is asked again. Safe to call from
    several threads."""

    def __init__(self, complete: Callable[[str], str], name: str, path: Path | None = None) -> None:
        self.complete, self.name, self.path = complete, name, path
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                    self._known[row["key"]] = row["answer"]
                except (json.JSONDecodeError, KeyError, TypeError):
                    continue

    def __call__(self, prompt: str) -> str:
        """The answer. Raises ValueError for one that is no text or empty, and whatever ``complete`` raises."""
        key = sha(f"{self.name}\n{prompt}")
        if key in self._known:
            return self._known[key]
        answer = self.complete(prompt)
        if not isinstance(answer, str) or not answer.strip():
            raise ValueError("answered nothing")
        with self._lock:
            self._known[key] = answer
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a", encoding="utf-8") as out:
                    out.write(json.dumps({"key": key, "answer": answer}, ensure_ascii=False) + "\n")
        return answer


def sha(text: str) -> str:
    """SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
