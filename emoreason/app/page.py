"""The page: what is where, and what happens on which click. No model logic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from emoreason.app import export, parts, talk
from emoreason.app.api import Api, in_words
from emoreason.app.house import House
from emoreason.app.media import load
from emoreason.app.parts import SAMPLES, SAVE, SEND, STAGE, html, with_plain_words
from emoreason.app.session import Session, Sessions
from emoreason.app.tabs import batch_tab, evaluate_tab
from emoreason.captioning import ClipCaptioner
from emoreason.errors import UserError
from emoreason.reason import Reasoner
from emoreason.video import SUFFIXES

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def build(reasoner: Reasoner, house: House) -> gr.Blocks:
    """The page as gradio Blocks."""
    sessions, captioner = Sessions(), ClipCaptioner(reasoner)
    api = Api(reasoner, captioner, house)
    house.chores.append(sessions.sweep)
    place = parts.place(reasoner.engine.sends_to)

    def of(request: gr.Request) -> Session:
        return sessions.of(request.session_hash)

    def leave(request: gr.Request) -> None:
        sessions.drop(request.session_hash)

    with gr.Blocks(title="emoreason", fill_width=True) as blocks:
        html(parts.TOP)
        with gr.Tabs():
            with gr.Tab("Ask"):
                _AskTab(reasoner, house, of)
            with gr.Tab("Batch"):
                batch_tab(of, captioner, house)
            with gr.Tab("Evaluate"):
                evaluate_tab()
            with gr.Tab("About and limits"):
                gr.Markdown(parts.about(place))
        html(parts.foot(place))
        gr.api(api.ask, api_name="ask")
        gr.api(api.caption, api_name="caption")
        blocks.unload(leave)
    return blocks


class _AskTab:
    def __init__(self, reasoner: Reasoner, house: House, of: Callable[[gr.Request], Session]) -> None:
        self.reasoner, self.house, self.of = reasoner, house, of
        with gr.Row(elem_classes="er-main"):
            with gr.Column(scale=5, min_width=320):
                self._sources()
                self.beside = gr.Checkbox(False, label="Put the next one beside it, to compare", elem_id="er-beside")
                self.stage = html(talk.EMPTY, "er-view", js_on_load=STAGE)
                self.figures = html("", "er-figures", js_on_load=SEND.format("ask"))
            with gr.Column(scale=6, min_width=320):
                self.chat = gr.Chatbot(
                    height=500, label="Conversation", sanitize_html=False, feedback_options=None, buttons=[],
                    placeholder=parts.WELCOME, elem_id="er-chat", allow_tags=True, latex_delimiters=[])
                self.box = gr.Textbox(placeholder="Why does this face look sad?", label="Question", submit_btn="Ask",
                                      max_length=talk.LONGEST, elem_id="er-box", autofocus=True)
                self.chips = html(parts.questions(talk.QUESTIONS), "er-chips", js_on_load=SEND.format("ask"))
                with gr.Row(elem_classes="er-exports"):
                    self.saves = [gr.Button(f"Save {kind}", size="sm", min_width=90) for kind in export.FORMATS]
                    self.clear = gr.Button("Start over", size="sm", min_width=90)
        self.parcel = gr.JSON(visible=False)
        self._wire()

    def _sources(self) -> None:
        webcam: dict[str, Any] = {"sources": ["webcam"], "label": "Webcam", "height": 260,
                                  "webcam_options": gr.WebcamOptions(mirror=False)}
        with gr.Tabs(elem_classes="er-sources"):
            with gr.Tab("File"):
                self.drop = gr.File(label="Picture or clip", file_types=["image", *SUFFIXES], height=132,
                                    elem_id="er-drop")
            with gr.Tab("Samples"):
                self.samples = html(parts.samples(), "er-samples", js_on_load=SEND.format("sample"))
            with gr.Tab("Webcam picture"):
                self.photo = gr.Image(type="filepath", elem_id="er-photo", **webcam)
            with gr.Tab("Webcam clip"):
                self.film = gr.Video(elem_id="er-record", **webcam)

    def _wire(self) -> None:
        seen = [self.stage, self.figures, self.chat]
        new = [*seen, self.chips]
        put = with_plain_words(self.put)
        for source, event in ((self.drop, self.drop.upload), (self.photo, self.photo.change),
                              (self.film, self.film.stop_recording)):
            event(put, [source, self.beside], [*new, source, self.beside], **QUIET)
        self.samples.sample(with_plain_words(self.sample), [self.beside], [*new, self.drop, self.beside], **QUIET)
        self.stage.face(with_plain_words(self.face), None, [self.stage, self.figures, self.chips], **QUIET)
        asking: dict[str, Any] = {"outputs": [*seen, self.box], "concurrency_id": "model", **QUIET}
        self.box.submit(with_plain_words(self.ask), [self.box], **asking)
        for chosen in (self.figures, self.chips):
            chosen.ask(with_plain_words(self.asked), None, **asking)
        self.chat.clear(self.forget, None, None, **QUIET)
        self.clear.click(with_plain_words(self.over), None, [*new, self.box, self.drop, self.beside], **QUIET)
        for button, kind in zip(self.saves, export.FORMATS, strict=True):
            saving = button.click(with_plain_words(self._saver(kind)), None, self.parcel, **QUIET)
            saving.success(None, self.parcel, None, js=SAVE)

    def put(self, path: str | None, beside: bool, request: gr.Request) -> Iterator[tuple]:
        """An upload -> stage, figures, chat, questions, the emptied source, the emptied checkbox."""
        if not path:
            yield (gr.skip(),) * 6
            return
        session, name = self.of(request), Path(path).name
        yield parts.working(name), *(gr.skip(),) * 5
        try:
            session.put(load(path, name, self.house.room), beside and bool(session.media))
            stage, figures = talk.show(self.reasoner, session)
            yield stage, figures, session.log, self.questions(session), None, False
        except Exception as e:  # what was there before comes back
            stage, figures = talk.show(self.reasoner, session)
            trouble = f'<p class="er-nothing" role="alert">{escape(in_words(e))}</p>'
            yield trouble + stage, figures, gr.skip(), gr.skip(), None, gr.skip()

    def questions(self, session: Session) -> str:
        return parts.questions(talk.suggestions(self.reasoner, session))

    def sample(self, beside: bool, event: gr.EventData, request: gr.Request) -> Iterator[tuple]:
        chosen = SAMPLES / Path(str(event._data.get("sample"))).name
        if not chosen.is_file():
            raise UserError("there is no such sample")
        yield from self.put(str(chosen), beside, request)

    def face(self, event: gr.EventData, request: gr.Request) -> tuple:
        session = self.of(request)
        session.choose(int(event._data.get("medium", 0)), int(event._data.get("face", 0)))
        return *talk.show(self.reasoner, session), self.questions(session)

    def ask(self, question: str, request: gr.Request) -> Iterator[tuple]:
        for view in talk.ask(self.reasoner, self.of(request), question):
            html_ = (gr.skip() if one is None else one for one in (view.stage, view.figures))
            yield *html_, view.log, ""

    def asked(self, event: gr.EventData, request: gr.Request) -> Iterator[tuple]:
        yield from self.ask(str(event._data.get("ask", "")), request)

    def over(self, request: gr.Request) -> tuple:
        self.of(request).clear()
        return talk.EMPTY, "", [], parts.questions(talk.QUESTIONS), "", None, False

    def forget(self, request: gr.Request) -> None:
        session = self.of(request)
        session.log, session.history = [], []

    def _saver(self, kind: str) -> Callable[[gr.Request], dict]:
        def save(request: gr.Request) -> dict:
            return export.make(self.of(request), kind, self.reasoner.engine.name)
        return save
