"""Data URLs -> faces. Nothing is fetched from anywhere, and a clip's file lives only while it is read."""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from emoreason.errors import UserError
from emoreason.reason import Subject, find_subjects
from emoreason.serving.shapes import Message

_DATA = re.compile(r"data:(image|video)/([\w.+-]+);base64,(.+)", re.S)
MOST = 8  # pictures and clips of one conversation


def find(url: str, face: int | str | None = None, name: str = "the media") -> list[Subject]:
    """The faces of a picture or clip given as a data URL. Raises UserError for anything else."""
    found = _DATA.fullmatch(url.strip())
    if found is None:
        raise UserError(f"{name} must be a data URL (data:image/jpeg;base64,...); nothing is fetched from elsewhere")
    kind, subtype, body = found.groups()
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise UserError(f"{name} is no valid base64") from None
    if kind == "image":
        return find_subjects(data, face, name)
    suffix = {"quicktime": "mov", "x-matroska": "mkv", "x-msvideo": "avi"}.get(subtype, subtype)
    with tempfile.TemporaryDirectory(prefix="emoreason-") as folder:
        path = Path(folder, f"clip.{re.sub('[^a-z0-9]', '', suffix.lower())}")
        path.write_bytes(data)
        return find_subjects(str(path), face, name)


def conversation(messages: Sequence[Message]) -> tuple[list[Subject], str, list[dict[str, str]]]:
    """(subjects, question, earlier turns): pictures and clips count as shown at the start, a system message stands
    before the first question. Raises UserError for a conversation that cannot be answered."""
    subjects: list[Subject] = []
    turns: list[dict[str, str]] = []
    system: list[str] = []
    for m in messages:
        parts = m.content if isinstance(m.content, list) else []
        text = m.content if isinstance(m.content, str) else "\n".join(p.text or "" for p in parts if p.type == "text")
        for p in parts:
            given = p.image_url or p.video_url
            if p.type != "text":
                if given is None or m.role != "user":
                    raise UserError(f"a {p.type} part needs its URL, in a message of the user")
                if len(subjects) == MOST:
                    raise UserError(f"a conversation may have at most {MOST} pictures and clips")
                subjects.append(find(given.url, name=f"picture {len(subjects) + 1}")[0])
        if m.role in ("system", "developer"):
            system.append(text)
        else:
            turns.append({"role": m.role, "content": text})
    if not turns or turns[0]["role"] != "user" or turns[-1]["role"] != "user":
        raise UserError("a conversation starts and ends with a message of the user")
    if system:
        turns[0]["content"] = "\n".join([*system, turns[0]["content"]])
    return subjects, turns[-1]["content"], turns[:-1]
