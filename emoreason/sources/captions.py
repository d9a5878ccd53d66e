"""Readers of sets that describe clips in words: EMER, MERR, FEC-Bench."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emoreason.errors import ParseError
from emoreason.facs import parse_emotions
from emoreason.sources.files import csv_rows, json_rows, lines, listed_aus, records, some, within
from emoreason.sources.record import Items, Record, Reject, Row, named, source


@source("emer", "csv: names, emotions, subtitles, reasons (v1) or name, chinese, english (v2) (EMER, AffectGPT)",
        "research; clips of MER2023")
def emer(path: Path, media_root: str | None = None) -> Items:
    """EMER v1 and v2. Labels are open words: those that facs knows make the (compound) emotion, all stay in
    ``extra["labels"]``."""
    root = Path(media_root) if media_root else path.parent

    def first(row: Row) -> Record:
        labels = row.text("emotions", need=False)
        return Record(row.text("names") or "", "emer", _clip(root, row.text("names") or ""), kind="clip",
                      emotion=_known(labels), text=row.text("reasons"),
                      extra=some(labels=labels, subtitle=row.text("subtitles", need=False)))

    def second(row: Row) -> Record:
        return Record(row.text("name") or "", "emer", _clip(root, row.text("name") or ""), kind="clip",
                      text=row.text("english"), extra=some(chinese=row.text("chinese", need=False)))

    head = next((text for _, text in lines(path)), "")
    old = "names" in head.split(",")
    return records(csv_rows(path, ("names", "reasons") if old else ("name", "english")), first if old else second)


@source("merr", "MERR_*.json (name: {caption or smp_reason_caption, AU_list, ...}) or .txt (name frames label), or the "
        "folder with both (MERR, Emotion-LLaMA)", "research; clips of MER2023")
def merr(path: Path, grain: str = "fine", media_root: str | None = None) -> Items:
    """MERR. A folder needs ``grain``: "fine" or "coarse". Labels come from the txt beside the json, else from the
    json's pseudo-label. The AUs are those of the peak frame, present without intensity."""
    root = Path(media_root) if media_root else (path if path.is_dir() else path.parent)
    path = path / f"MERR_{grain}_grained.json" if path.is_dir() else path
    if path.suffix == ".txt":
        return records(_merr_list(path), lambda row: Record(
            row.text("name") or "", "merr", _clip(root, row.text("name") or ""), kind="clip",
            emotion=row.emotion("label"), extra=some(frames=row.integer("frames", 0, 10**7, need=False))))
    beside = path.with_suffix(".txt")
    labels = {r.data["name"]: r.data["label"] for r in _merr_list(beside) if isinstance(r, Row)} \
        if beside.exists() else {}

    def make(row: Row) -> Record:
        name = row.text("name") or ""
        label = labels.get(name) or row.text("pseu_emotion", need=False)
        aus = listed_aus(row, "peak_AU_list") or listed_aus(row, "AU_list")
        text = row.text("smp_reason_caption", need=False) or row.text("caption", need=False)
        return Record(name, "merr", _clip(root, name), kind="clip", aus=aus, text=text,
                      emotion=named(label) if label else None,
                      extra=some(subtitle=row.text("text", need=False), peak_index=row.data.get("peak_index"),
                                 visual=row.data.get("visual_prior_list"), audio=row.data.get("audio_prior_list")))

    return records(json_rows(path, key="name"), make)


def _merr_list(path: Path) -> Iterator[Row | Reject]:
    """``name label`` or ``name frames label [value]``, as Emotion-LLaMA documents them."""
    for line, text in lines(path):
        words = text.split()
        if len(words) < 2:
            yield Reject(str(path), line, "line", f"must hold a name and a label: {text[:60]!r}")
        else:
            keys = ("name", "label") if len(words) == 2 else ("name", "frames", "label")
            yield Row(str(path), line, dict(zip(keys, words, strict=False)))


@source("fec_bench", "JSON list: id, video, caption (FEC-Bench, DFEC test.json)", "research; FEC-Bench")
def fec_bench(path: Path, media_root: str | None = None) -> Items:
    """FEC-Bench: a reference caption for each clip of seven other sets; a folder means its test.json."""
    path = path / "test.json" if path.is_dir() else path
    root = Path(media_root) if media_root else path.parent

    def make(row: Row) -> Record:
        video = row.text("video") or ""
        return Record(row.text("id") or "", "fec_bench", within(root, video), kind="clip", split="test",
                      caption=row.text("caption"), extra={"dataset": video.split("/")[0]})

    return records(json_rows(path), make)


def _clip(root: Path, name: str) -> str:
    """A clip that its set names without an ending: the file that is there, else name.mp4."""
    for ending in (".mp4", ".avi"):
        if (root / (name + ending)).exists():
            return str(root / (name + ending))
    return str(root / (name + ".mp4"))


def _known(labels: str | None) -> str | None:
    try:
        return ", ".join(parse_emotions(labels or "")) or None
    except ParseError:
        return None
