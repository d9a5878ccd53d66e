"""The batch tab: clips one after the other, a row each, and the rows as files."""

from __future__ import annotations

import csv
import io
import json
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from emoreason import video
from emoreason.app.export import payload
from emoreason.app.media import MEGABYTES, SECONDS
from emoreason.caption import Captioner
from emoreason.caption import row as caption_row
from emoreason.errors import UserError
from emoreason.records import is_clip
from emoreason.subtitles import cues

MOST = 20  # clips at once
Row = dict[str, Any]
COLUMNS = ("video", "caption", "emotion", "confidence", "au", "side", "onset", "apex", "offset", "peak", "uncertain",
           "warning", "error")


def run(files: Sequence[tuple[str, str]], captioner: Captioner) -> Iterator[Row]:
    """A row for each (path, name), as it is done; one that fails has its reason in ``error``. Raises UserError for
    too many at once."""
    if not files:
        raise UserError("choose some clips first")
    if len(files) > MOST:
        raise UserError(f"{len(files)} clips are too many for the page, the limit is {MOST}; "
                        "use: emoreason caption FOLDER -o captions.jsonl")
    for path, name in files:
        yield one(path, name, captioner)


def one(path: str, name: str, captioner: Captioner) -> Row:
    """The row of one clip, as ``emoreason caption`` makes it, within the app's limits."""
    try:
        if Path(path).stat().st_size > MEGABYTES << 20:
            raise UserError(f"{name} is too large, the limit is {MEGABYTES} MB")
        if not is_clip(path):
            raise UserError(f"{name} is no clip by its ending: give a video, such as .mp4, .mov or .webm")
        about = video.info(path)
        if about.duration > SECONDS:
            raise UserError(f"{name} lasts {about.duration:.0f} s, the limit is {SECONDS:.0f} s")
        made = caption_row(name, captioner(path))
    except UserError as e:  # a clip that cannot be captioned is a row
        made = caption_row(name, e)
    except Exception as e:
        traceback.print_exception(e)
        made = caption_row(name, UserError(f"{name} cannot be captioned; the terminal that runs the app says why"))
    return {k: v.replace(path, name) if isinstance(v, str) else v for k, v in made.items()}


def table(names: Sequence[str], rows: Sequence[Row], working: bool) -> str:
    """Progress and the rows so far, as HTML."""
    done, all_ = len(rows), len(names)
    body = "".join(_line(r) for r in rows)
    states = ["working …" if working and i == 0 else "waits" for i in range(all_ - done)]
    body += "".join(f'<tr class="er-wait"><td>{escape(n)}</td><td colspan="2">{what}</td></tr>'
                    for n, what in zip(names[done:], states, strict=True))
    failed = sum(r["error"] is not None for r in rows)
    state = f"{done} of {all_} clips done" + (f", {failed} failed" if failed else "")
    return (f'<section class="er-batch"><p role="status" aria-live="polite">{state}</p><progress max="{all_}" '
            f'value="{done}">'
            f'{state}</progress><div class="er-scroll"><table><thead><tr><th>clip</th><th>caption</th><th>events'
            f'</th></tr>'
            f"</thead><tbody>{body}</tbody></table></div></section>")


def _line(r: Row) -> str:
    if r["error"] is not None:
        return f'<tr class="er-failed"><td>{escape(r["video"])}</td><td colspan="2">{escape(r["error"])}</td></tr>'
    warning = f' <em class="er-bad">{escape(r["warning"])}</em>' if r["warning"] else ""
    events = ", ".join(f"AU{e['au']} {e['onset']:.1f}-{e['offset']:.1f} s" for e in r["events"][:8])
    more = f" and {len(r['events']) - 8} more" if len(r["events"]) > 8 else ""
    return f'<tr><td>{escape(r["video"])}</td><td>{escape(r["caption"])}{warning}</td><td>{events}{more}</td></tr>'


def as_jsonl(rows: Sequence[Row]) -> tuple[str, str, bytes]:
    return "captions.jsonl", "application/x-ndjson", "".join(
        json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode()


def as_srt(rows: Sequence[Row]) -> tuple[str, str, bytes]:
    """One .srt, or a zip of one for each clip."""
    good = [r for r in rows if r["error"] is None]
    if not good:
        raise UserError("no clip was captioned, so there are no subtitles")
    if len(good) == 1:
        return f"{Path(good[0]['video']).stem}.srt", "application/x-subrip", cues(good[0], "srt").encode()
    out, used = io.BytesIO(), set()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for i, r in enumerate(good, 1):
            stem = Path(r["video"]).stem
            name = f"{stem}.srt" if stem not in used else f"{stem}_{i}.srt"
            used.add(stem)
            file.writestr(name, cues(r, "srt"))
    return "subtitles.zip", "application/zip", out.getvalue()


def as_csv(rows: Sequence[Row]) -> tuple[str, str, bytes]:
    """A line for each event, at least one for each clip. Cells that a spreadsheet would take for a formula get a
    leading apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for r in rows:
        said = r["explanation"] or {}
        head = {"video": r["video"], "caption": r["caption"], "emotion": said.get("emotion"),
                "confidence": said.get("confidence"), "warning": r["warning"], "error": r["error"]}
        for e in r["events"] or [{}]:
            writer.writerow({k: _cell(v) for k, v in {**head, **{k: e.get(k) for k in COLUMNS if k in e}}.items()})
    return "captions.csv", "text/csv", out.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


FORMATS: dict[str, Callable[[Sequence[Row]], tuple[str, str, bytes]]] = {
    "jsonl": as_jsonl, "srt": as_srt, "csv": as_csv}


def make(rows: Sequence[Row], kind: str) -> dict[str, str]:
    """The rows in one of FORMATS, as a download. Raises UserError where there are none."""
    if not rows:
        raise UserError("there are no captions to save yet: choose clips and press Caption")
    return payload(*FORMATS[kind](rows))
