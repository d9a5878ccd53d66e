"""One answer to keep: as JSON, as one HTML file that needs nothing else, as a PNG card. Nothing is written to disk."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from emoreason import overlay
from emoreason.app import charts, stage, words
from emoreason.app.media import Loaded
from emoreason.app.session import Session
from emoreason.errors import UserError
from emoreason.reason import Answer, Subject
from emoreason.records import FaceTrack

STATIC = Path(__file__).parent / "static"
LIMITS = (
    "A face shows movement, not the mind. This says how a face looks, never what a person is or feels. It says nothing "
    "about identity, age, origin, honesty, health or fitness for a job. Inferring emotions at work or in education is "
    "prohibited in the EU (AI Act, Article 5(1)(f)).")


def as_json(session: Session, model: str) -> bytes:
    """The answer as ``emoreason ask --json`` gives it, with the model and the limits."""
    answer, loaded = _answered(session)
    data = answer.to_dict()
    if data["box"] is not None:
        data["box"] = [round(v / loaded.reduced, 1) for v in data["box"]]
    if isinstance(data.get("warning"), str) and answer.film is not None:
        data["warning"] = data["warning"].replace(answer.film.path, loaded.name)
    about = {"model": model, "emoreason": metadata.version("emoreason"), "limits": LIMITS}
    return (json.dumps({**data, **about}, ensure_ascii=False, indent=1) + "\n").encode()


def as_png(session: Session, model: str) -> bytes:
    """The card."""
    answer, loaded = _answered(session)
    subject = still(loaded, session.asked[0])
    out = io.BytesIO()
    Image.fromarray(overlay.card(subject, answer, loaded.picture)).save(out, "PNG", optimize=True)
    return out.getvalue()


def as_html(session: Session, model: str) -> bytes:
    """The report: question, answer, picture with regions, figures, limits; scripts and styles inside."""
    answer, _ = _answered(session)
    two = len(session.asked) > 1
    views = []
    for medium, (loaded, chosen) in enumerate(zip(session.media, session.chosen, strict=True)):
        subject = loaded.subject(chosen)
        if subject is None:
            views.append(stage.picture(loaded, medium, chosen, None, None))
            continue
        shown = replace(loaded, subjects=(still(loaded, subject),), scale=1.0) if subject.film else loaded
        seen = answer.evidence if not two else None
        views.append(stage.picture(shown, medium, chosen, seen, answer, faces_too=False))
    figures = "" if two else charts.bars(answer.evidence, answer)
    if answer.film is not None and answer.film.clip is not None:
        figures += charts.timeline(answer.film.clip)
    raw = escape(as_json(session, model).decode())
    style, script = ((STATIC / name).read_text("utf-8") for name in ("app.css", "app.js"))
    return (f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(words.looks(answer.explanation) if answer.explanation else "answer")}: {escape(answer.media)}</title>
<style>{style}</style><body class="er-report"><main><h1>{escape(answer.question)}</h1>
<div class="er-two"><div>{"".join(views)}</div>
<div>{words.conclusion(answer, two)}{words.observations(answer)}{figures}</div></div>
<p class="er-limits">{escape(LIMITS)}</p><details><summary>The answer as JSON</summary><pre>{raw}</pre></details>
<p class="er-limits">emoreason {escape(metadata.version("emoreason"))}, model {escape(model)}</p></main>
<script>{script}</script></body></html>
""").encode()


FORMATS: dict[str, tuple[str, str, Callable[[Session, str], bytes]]] = {
    "JSON": ("json", "application/json", as_json), "HTML report": ("html", "text/html", as_html),
    "PNG card": ("png", "image/png", as_png)}


def payload(name: str, mime: str, data: bytes) -> dict[str, str]:
    """What static/app.js turns into a download."""
    return {"name": name, "mime": mime, "data": base64.b64encode(data).decode()}


def make(session: Session, kind: str, model: str) -> dict[str, Any]:
    """One of FORMATS as a download. Raises UserError where there is no answer yet."""
    suffix, mime, write = FORMATS[kind]
    data = write(session, model)
    return payload(f"{Path(session.media[0].name).stem or 'answer'}.{suffix}", mime, data)


def _answered(session: Session) -> tuple[Answer, Loaded]:
    if session.answer is None or not session.asked:
        raise UserError("there is no answer to save yet: ask something first")
    return session.answer, session.media[0]


def still(loaded: Loaded, subject: Subject) -> Subject:
    """A clip's face as that of one picture, at its peak; a picture's face as it is."""
    if subject.film is None or subject.film.clip is None or subject.track is None:
        return subject
    t = subject.track
    i = int(np.abs(t.times - subject.film.clip.peak).argmin())
    one = FaceTrack(t.id, t.times[i:i + 1], t.boxes[i:i + 1] * loaded.scale, t.landmarks[i:i + 1] * loaded.scale,
                    t.crops[i:i + 1], t.valid[i:i + 1], t.scores[i:i + 1], t.poses[i:i + 1], (t.quality[i],))
    return replace(subject, image=loaded.picture, track=one, film=None)
