"""Pieces of the page that do nothing: texts, HTML, and the scripts by which clicks in it become events."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from emoreason.app.api import in_words, refused
from emoreason.app.house import IDLE_WORDS
from emoreason.app.media import MEGABYTES, SECONDS, data_url, fit
from emoreason.video import SUFFIXES

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
WELCOME = "**Why does this face look sad?**\n\nGive a picture or a clip, then ask."
TOP = ('<header class="er-top"><h1>emoreason</h1><p>Ask a face why it looks the way it does, and check the answer.</p>'
       "</header>")
ABOUT = """
**Looks, not is.** A face shows movement, not the mind. The answers say how a face *looks*; a smile can be posed, a
blank face can hide anything. Asked for identity, age, gender, origin, attractiveness, honesty, health or fitness for a
job, the model declines.

**Check it.** Every claim names a facial action unit and is compared with what was measured on the face. Claims that
the measurement does not carry are marked red. The measurement errs too: more so on small, dark, blurred, turned or
covered faces, and on people unlike those it was trained on.

**The law.** Inferring emotions of people at work or in education is prohibited in the EU (AI Act, Article 5(1)(f)),
other uses are regulated. Ask people before you analyse their faces.

**What is kept: nothing.** {place} {idle} Limits: {mb} MB a file, {s:.0f} s a clip.
"""
# A click on an element with data-NAME becomes the event NAME.
SEND = """element.addEventListener('click', e => {{ const b = e.target.closest('[data-{0}]');
if (b && element.contains(b)) trigger('{0}', {{...b.dataset}}); }});
watch('value', () => window.erRefresh && window.erRefresh());"""
STAGE = """element.addEventListener('click', e => { const b = e.target.closest('[data-face]');
if (b && b.getAttribute('aria-pressed') !== 'true')
  trigger('face', {face: b.dataset.face, medium: b.dataset.medium}); });
watch('value', () => window.erRefresh && window.erRefresh());"""
SAVE = "parcel => { if (parcel) window.erSave(parcel); }"


def html(value: str, id: str | None = None, **settings: Any) -> gr.HTML:
    """An HTML component without gradio's own spacing."""
    return gr.HTML(value, elem_id=id, apply_default_css=False, elem_classes="er-plain", **settings)


def place(sends_to: str | None) -> str:
    """Where pictures go, in a sentence."""
    return f"Pictures are sent to {sends_to}, as --model says." if sends_to else "Nothing leaves this machine."


def about(place: str) -> str:
    return ABOUT.format(place=place, idle=IDLE_WORDS, mb=MEGABYTES, s=SECONDS)


def foot(place: str) -> str:
    return ('<footer class="er-foot"><b>Looks, not is.</b> A face shows movement, not the mind. Inferring emotion at '
            f"work or in education is prohibited in the EU (AI Act, Art. 5). {escape(place)} Nothing is kept.</footer>")


def working(name: str) -> str:
    return ('<div class="er-stage er-empty er-busy" role="status"><p>Looking for faces in '
            f"{escape(name)} …</p></div>")


def samples() -> str:
    """A button for each picture and clip of samples/."""
    import cv2

    from emoreason import images, video

    if not SAMPLES.is_dir():
        return '<p class="er-note">No samples here: they come with the source.</p>'
    out = []
    for path in sorted(SAMPLES.iterdir()):
        moves = path.suffix in SUFFIXES
        if not moves and path.suffix != ".jpg":
            continue
        picture = video.sample(path, count=3).images[1] if moves else images.read(path)
        side = min(picture.shape[:2])
        small = data_url(fit(cv2.resize(picture[:side, :side], (192, 192), interpolation=cv2.INTER_AREA), 192))
        out.append(f'<button type="button" class="er-sample" data-sample="{path.name}"><img src="{small}" alt=""><span>'
                   f"{path.stem}{' (clip)' if moves else ''}</span></button>")
    return f'<div class="er-samples">{"".join(out)}</div>'


def questions(texts: Sequence[str]) -> str:
    """A button for each question."""
    buttons = "".join(f'<button type="button" data-ask="{escape(q)}">{escape(q)}</button>' for q in texts)
    return f'<div class="er-chips">{buttons}</div>'


def with_plain_words(handler: Callable) -> Callable:
    """The handler, with what goes wrong turned into a note on the page."""
    if inspect.isgeneratorfunction(handler):
        def stream(*args: Any) -> Iterator[Any]:
            try:
                yield from handler(*args)
            except Exception as e:
                raise refused(in_words(e)) from None
        wrapped: Callable = stream
    else:
        def call(*args: Any) -> Any:
            try:
                return handler(*args)
            except Exception as e:
                raise refused(in_words(e)) from None
        wrapped = call
    wrapped.__annotations__ = handler.__annotations__
    wrapped.__signature__ = inspect.signature(handler)  # type: ignore[attr-defined]
    return wrapped
