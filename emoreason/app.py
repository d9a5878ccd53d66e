"""The chat app: a page over the same Reasoner as everything else. No model logic here.

Local only (127.0.0.1) and silent: no analytics, no look-ups outside, uploads deleted after an hour.
"""

from __future__ import annotations

import argparse
import html
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emoreason.errors import UserError
from emoreason.facs import ACTION_UNITS
from emoreason.prompts import DEFAULT_QUESTION
from emoreason.reason import Answer, Reasoner, Subject, find_subjects

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
LEGAL = (
    "A face shows movement, not the mind: answers say how a face *looks*. No identity, age, origin, honesty or fitness "
    "for a job. Inferring emotion at work or in education is prohibited in the EU (AI Act, Article 5). "
    "Everything stays on this machine; uploads are deleted after an hour."
)
QUESTIONS = ("Why does this face look sad?", "Which action units are active?", "Is the smile genuine?",
             "How sure are you?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--port", type=int, default=7860, help="port on 127.0.0.1 (default 7860)")
    parser.add_argument("--model", default="nano", help="nano or a checkpoint folder")


def run(args: argparse.Namespace) -> None:
    """Serve the page until interrupted."""
    page = build(Reasoner.load(args.model))
    try:
        page.queue(max_size=32, default_concurrency_limit=2).launch(
            server_name="127.0.0.1", server_port=args.port, max_file_size="40mb", show_error=True,
            allowed_paths=[str(SAMPLES)] if SAMPLES.is_dir() else [])
    except OSError as e:
        raise UserError(f"port {args.port} cannot be used ({e}); give another with --port") from None


def chart(answer: Answer) -> str:
    """The answer's claims as HTML bars; what the evidence does not carry is marked."""
    x = answer.explanation
    if x is None or not x.observations:
        return "<p>No action units to show.</p>"
    rows = []
    for o in x.observations:
        unit = ACTION_UNITS[o.au]
        doubt = o.au in answer.unsupported
        level = 0.0 if not o.present else 2.0 if o.intensity is None else o.intensity
        colour = "#e84855" if doubt else "#ffb02e"
        words = "absent" if not o.present else f"{level:.1f}"
        rows.append(
            f'<tr title="{html.escape(o.text)}"><td>AU{o.au}</td><td>{html.escape(unit.name)}'
            f'{"" if o.side == "both" else " (" + o.side + ")"}</td><td style="width:40%"><div style="background:'
            f'{colour};height:.7em;border-radius:.3em;width:{level * 20:.0f}%"></div></td><td>{words}'
            f'{" ?" if doubt else ""}</td></tr>')
    return f'<table aria-label="action units" style="width:100%">{"".join(rows)}</table>'


def summary(answer: Answer) -> str:
    """Conclusion and interpretation in front."""
    x = answer.explanation
    if x is None:
        return answer.text
    head = f"**Looks: {x.emotion}**" if x.emotion else "**No reading**"
    if x.emotion and x.confidence is not None:
        head += f", confidence {x.confidence:.0%}"
    return f"{head}\n\n{x.interpretation}"


def build(reasoner: Reasoner) -> Any:
    """The page as gradio Blocks."""
    import gradio as gr

    from emoreason import overlay

    def subject_of(path: str | None, face: float) -> Subject:
        if not path:
            raise gr.Error("Give a picture first: drop one, take one, or choose a sample.")
        try:
            return find_subjects(path, int(face or 1), Path(path).name)[0]
        except UserError as e:
            raise gr.Error(str(e)) from None

    def respond(message: str, history: list, path: str | None, face: float) -> Iterator[tuple]:
        subject = subject_of(path, face)
        question = message.strip() or DEFAULT_QUESTION
        shown = [*history, {"role": "user", "content": question}]
        text = ""
        for piece in reasoner.stream([subject], question):
            if isinstance(piece, Answer):
                thought = {"role": "assistant", "content": _thought(piece), "metadata": {"title": "How I got there"}}
                final = {"role": "assistant", "content": summary(piece)}
                picture = overlay.draw(subject, piece) if subject.image is not None and subject.track else None
                yield [*shown, thought, final] if piece.face else [*shown, final], "", picture, chart(piece)
            else:
                text += piece
                live = {"role": "assistant", "content": _plain(text), "metadata": {"title": "Looking …"}}
                yield [*shown, live], "", gr.skip(), gr.skip()

    def explain(media: dict, question: str = DEFAULT_QUESTION) -> dict:
        """Media (an uploaded file: gradio_client's ``handle_file``) and a question -> the Explanation as JSON."""
        path = Path(str(media.get("path", ""))).resolve()
        if not any(path.is_relative_to(folder) for folder in (Path(gr.utils.get_upload_folder()).resolve(), SAMPLES)):
            raise gr.Error("Only uploaded files can be asked about.")
        answer = reasoner.answer([subject_of(str(path), 1)], question).to_dict()
        return dict(answer, media=path.name)

    with gr.Blocks(title="emoreason", delete_cache=(600, 3600)) as page:
        gr.Markdown("# emoreason\nAsk a picture why a face looks the way it does, and check the answer.")
        with gr.Row():
            with gr.Column(scale=1):
                picture = gr.Image(type="filepath", sources=["upload", "webcam", "clipboard"], height=320,
                                   label="Picture")
                face = gr.Number(1, precision=0, minimum=1, label="Face (1 is the largest)")
                if SAMPLES.is_dir():
                    gr.Examples([str(p) for p in sorted(SAMPLES.glob("*.jpg"))], inputs=picture, label="Samples")
                bars = gr.HTML(label="Action units")
            with gr.Column(scale=2):
                chat = gr.Chatbot(height=420, label="Conversation")
                box = gr.Textbox(placeholder="Why does this face look sad?", label="Question", submit_btn=True)
                gr.Examples([[q] for q in QUESTIONS], inputs=box, label="Questions")
                view = gr.Image(label="What the answer rests on", interactive=False)
        gr.Markdown(LEGAL)
        box.submit(respond, [box, chat, picture, face], [chat, box, view, bars], api_name=False)
        gr.api(explain, api_name="ask")
    return page


def _plain(text: str) -> str:
    """Text on its way, shown without its tags."""
    return html.escape(text.split(">", 1)[-1].split("<", 1)[0])


def _thought(answer: Answer) -> str:
    x = answer.explanation
    return "\n".join(f"- {o.text} (AU{o.au})" for o in x.observations) if x else answer.text
