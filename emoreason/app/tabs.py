"""The batch and the evaluate tab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from emoreason.app import batch, versus
from emoreason.app.house import House
from emoreason.app.parts import SAVE, html, with_plain_words
from emoreason.app.session import Session
from emoreason.caption import Captioner
from emoreason.errors import UserError
from emoreason.video import SUFFIXES

BATCH = (f"Several clips, one caption each: what the face does, in order, with the times of every movement. Up to "
         f"{batch.MOST} "
         "clips here; `emoreason caption FOLDER -o captions.jsonl` takes any number.")
VERSUS = ("Two models' captions of the same clips, scored against the references of FEC-Bench (its `test.json`) and "
          "compared clip "
          "by clip. A predictions file has one JSON object a line, with `id` and `caption`.")
Of = Callable[[gr.Request], Session]


def batch_tab(of: Of, captioner: Captioner, house: House) -> None:
    """Clips -> a row each, with progress; the rows as files."""
    gr.Markdown(BATCH)
    files = gr.File(label="Clips", file_count="multiple", file_types=list(SUFFIXES), height=160, elem_id="er-clips")
    with gr.Row():
        go = gr.Button("Caption", variant="primary", elem_id="er-caption")
        stop = gr.Button("Stop")
    table = html("", "er-table")
    with gr.Row():
        saves = [gr.Button(f"Save {kind}", size="sm") for kind in batch.FORMATS]
    parcel = gr.JSON(visible=False)

    def caption(paths: list[str] | None, request: gr.Request) -> Iterator[str]:
        session = of(request)
        named = [(p, Path(p).name) for p in paths or []]
        names = [n for _, n in named]
        session.rows = []
        rows = batch.run(named, captioner)
        if 0 < len(named) <= batch.MOST:
            yield batch.table(names, [], True)
        for row in rows:
            session.rows.append(row)
            house.keep(p for p, _ in named[len(session.rows):])
            yield batch.table(names, session.rows, True)

    working = go.click(with_plain_words(caption), [files], table, show_progress="hidden", concurrency_limit=1,
                       trigger_mode="once", api_visibility="private")
    stop.click(None, None, None, cancels=[working])

    def saver(kind: str) -> Callable[[gr.Request], dict]:
        def save(request: gr.Request) -> dict:
            return batch.make(of(request).rows, kind)
        return save

    for button, kind in zip(saves, batch.FORMATS, strict=True):
        saving = button.click(with_plain_words(saver(kind)), None, parcel, show_progress="hidden",
                              api_visibility="private")
        saving.success(None, parcel, None, js=SAVE)


def evaluate_tab() -> None:
    """Two files of predictions and the references -> the comparison."""
    gr.Markdown(VERSUS)
    with gr.Row():
        data = gr.File(label="References (test.json)", file_types=[".json", ".jsonl"], height=130)
        first = gr.File(label="First predictions (jsonl)", file_types=[".jsonl", ".json", ".txt"], height=130)
        second = gr.File(label="Second predictions (jsonl)", file_types=[".jsonl", ".json", ".txt"], height=130)
    go = gr.Button("Compare", variant="primary", elem_id="er-compare")
    out = html("", "er-versus", min_height=60)
    progress = gr.Progress()

    def compare(refs: str | None, one: str | None, two: str | None, progress: Any = progress) -> str:
        if not (refs and one and two):
            raise UserError("give all three files: the references and two files of predictions")
        names = (Path(one).stem, Path(two).stem)
        if names[0] == names[1]:
            names = (f"{names[0]} (first)", f"{names[1]} (second)")
        return versus.report(versus.compare(refs, one, two, names, lambda share, what: progress(share, desc=what)))

    go.click(with_plain_words(compare), [data, first, second], out, concurrency_limit=1, trigger_mode="once",
             api_visibility="private")
