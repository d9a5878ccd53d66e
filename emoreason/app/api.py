"""The HTTP API: /ask and /caption, for programs. docs/app.md has examples that the tests run."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from emoreason.app import batch
from emoreason.app.house import House
from emoreason.app.media import load
from emoreason.app.talk import LONGEST
from emoreason.caption import Captioner
from emoreason.errors import UserError
from emoreason.prompts import DEFAULT_QUESTION
from emoreason.reason import Reasoner


class Api:
    """What programs may call."""

    def __init__(self, reasoner: Reasoner, captioner: Captioner, house: House) -> None:
        self.reasoner, self.captioner, self.house = reasoner, captioner, house

    def ask(self, media: dict, question: str = DEFAULT_QUESTION, face: int = 0) -> dict:
        """An uploaded picture or clip (gradio_client's ``handle_file``) and a question -> the explanation as JSON, as
        ``emoreason ask --json`` gives it. face: 1 is a picture's largest, a clip's first; 0 the largest, or the
        clip's main character."""
        path, name = self._upload(media)
        question = str(question or DEFAULT_QUESTION)
        if len(question) > LONGEST:
            raise refused(f"that question is too long: the limit is {LONGEST} characters")
        room: Path | None = None
        try:
            loaded = load(path, name, self.house.room)
            room = loaded.room
            number = int(face) or loaded.first
            subject = loaded.subject(number) or loaded.subjects[0]
            if loaded.faces and subject.index != number:
                there = ", ".join(str(s.index) for s in loaded.faces)
                raise UserError(f"{name} has no face {number}; it has {there}")
            answer = self.reasoner.answer([subject], question)
            found = answer.to_dict()
            if found["box"] is not None:
                found["box"] = [round(v / loaded.reduced, 1) for v in found["box"]]
            if found.get("warning"):
                found["warning"] = found["warning"].replace(str(path), name)
            return found
        except Exception as e:
            raise refused(in_words(e)) from None
        finally:
            if room is not None:
                for file in room.iterdir():
                    file.unlink()
                room.rmdir()

    def caption(self, media: dict) -> dict:
        """An uploaded clip -> {"video", "caption", "events", "explanation", "warning", "error"}, a row as
        ``emoreason caption`` writes it; ``error`` has the reason where there is no caption."""
        path, name = self._upload(media)
        return batch.one(str(path), name, self.captioner)

    def _upload(self, media: Any) -> tuple[Path, str]:
        """Only uploads are read: no other file of this machine, and no address."""
        given = media.get("path") if isinstance(media, dict) else None
        if not isinstance(given, str) or not self.house.holds(given):
            raise refused("only an uploaded file can be asked about: use gradio_client's handle_file")
        name = media.get("orig_name") or Path(given).name
        return Path(given).resolve(), Path(str(name)).name


def refused(text: str) -> Exception:
    """A mistake of the caller, told in its words."""
    import gradio as gr

    return gr.Error(text, title="Sorry", duration=12, print_exception=False)


def in_words(e: Exception) -> str:
    """A user's mistake in its own words; anything else is a bug, which the terminal shows."""
    if isinstance(e, UserError):
        return str(e)
    traceback.print_exception(e)
    return "Something went wrong inside the app; the terminal that runs it says what."
