"""A caption row as subtitles: the caption over the whole clip, with what is doubtful about it, and a cue for each
event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emoreason.facs import ACTION_UNITS

FORMATS = ("srt", "vtt")
LEAST = 1.0  # seconds that a cue stays, so that it can be read


def cues(row: Mapping[str, Any], format: str) -> str:
    """The text of an .srt or .vtt file (UTF-8). row: with ``caption`` (str or None), ``warning`` and ``events`` (dicts
    with au, onset, offset in seconds, peak, side, uncertain)."""
    events = sorted(row["events"] or [], key=lambda e: (e["onset"], e["au"]))
    end = max([3.0, *(e["offset"] for e in events)])
    doubt = f" [{row['warning']}]" if row.get("warning") else ""
    spoken = [(0.0, end, row["caption"] + doubt)] if row["caption"] else []
    spoken += [(e["onset"], max(e["offset"], e["onset"] + LEAST), line(e)) for e in events]
    blocks = []
    for n, (start, stop, text) in enumerate(spoken, 1):
        text = " ".join(text.replace("-->", "->").split())
        if format == "vtt":
            text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{n}\n{stamp(start, format)} --> {stamp(stop, format)}\n{text}\n")
    return ("WEBVTT\n\n" if format == "vtt" else "") + "\n".join(blocks)


def line(event: Mapping[str, Any]) -> str:
    """One event in words: ``lip corner puller (AU12, 3.1, left; uncertain: while speaking)``."""
    side = f", {event['side']}" if event.get("side", "both") != "both" else ""
    doubt = f"; uncertain: {event['uncertain']}" if event.get("uncertain") else ""
    return f"{ACTION_UNITS[event['au']].name} (AU{event['au']}, {event['peak']:.1f}{side}{doubt})"


def stamp(seconds: float, format: str) -> str:
    """00:00:01,250 for srt, 00:00:01.250 for vtt."""
    ms = round(max(seconds, 0) * 1000)
    whole, ms = divmod(ms, 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{',' if format == 'srt' else '.'}{ms:03d}"
