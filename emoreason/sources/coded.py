"""Readers of AU-coded sets (DISFA, BP4D) and of tables of one's own (csv, JSON lines, our renders)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from emoreason.errors import UserError
from emoreason.facs import ACTION_UNITS, MEASURED_AUS
from emoreason.schema import find_aus
from emoreason.sources.files import csv_rows, first_of, jsonl_rows, kind_of, records, within
from emoreason.sources.images import split_of_name
from emoreason.sources.record import BadField, Items, Record, Reject, Row, source

DISFA_AUS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
SIDE_GAP = 1.0  # intensities that differ so much from right to left count as one-sided
NOT_CODED = (9.0, 999.0)  # in BP4D's tables and in the lists made from them
BP4D_AUS = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)  # the order of FMAE's lists


@source("disfa", "ActionUnit_Labels/SN001/SN001_au1.txt ... (frame,intensity), one folder a subject",
        "research, non-commercial (DISFA)")
def disfa(path: Path, every: int = 1, frames: str | None = None) -> Items:
    """DISFA (Mavadati et al., 2013): intensities 0-5 of 12 AUs of every frame, 27 subjects.

    Each ``every``-th frame is a record. ``frames`` names extracted pictures below ``path``, such as
    "pictures/{subject}/{frame:05d}.jpg"; without it a record is a frame of the left camera's clip.
    """
    labels = path if any(path.glob("SN*")) else first_of(path, "ActionUnit_Labels", "ActionUnitLabels", "annotations")
    for folder in sorted(labels.glob("SN*")):
        files = {a: folder / f"{folder.name}_au{a}.txt" for a in DISFA_AUS}
        here = [a for a in DISFA_AUS if files[a].exists()]
        if not here:
            raise UserError(f"{folder} holds no {folder.name}_au*.txt; give the folder as the set was published")
        tables = [csv_rows(files[a], names=("frame", "intensity")) for a in here]
        for i, rows in enumerate(zip_longest(*tables)):
            if i % every == 0:
                yield _disfa_frame(path, folder.name, dict(zip(here, rows, strict=True)), frames)


def _disfa_frame(root: Path, subject: str, rows: Mapping[int, Row | Reject | None],
                 frames: str | None) -> Record | Reject:
    for a, row in rows.items():
        if isinstance(row, Reject):
            return row
        if row is None:
            return Reject(str(root), 0, f"AU{a}", f"the table of {subject} is shorter than those of other AUs")

    def make(first: Row) -> Record:
        frame = first.integer("frame", 1, 10**6) or 0
        aus: dict[int, float | None] = {}
        for a, row in rows.items():
            assert isinstance(row, Row)
            if row.integer("frame", 1, 10**6) != frame:
                raise BadField("frame", f"AU{a} is at frame {row.text('frame')}, but others are at {frame}")
            aus[a] = row.number("intensity", 0, 5)
        place = _frame(root, frames, f"Videos_LeftCamera/LeftVideo{subject}_comp.avi", subject=subject, frame=frame)
        return Record(f"{subject}/{frame}", "disfa", subject=subject, aus=aus, **place)

    return next(r for r in rows.values() if isinstance(r, Row)).record(make)


def _frame(root: Path, frames: str | None, clip: str, **names: Any) -> dict[str, Any]:
    """The media of one frame: the extracted picture, or the clip with the frame's number."""
    if frames is None:
        return {"media": str(root / clip), "extra": {"frame": names["frame"]}}
    try:
        return {"media": str(root / frames.format(**names))}
    except (KeyError, IndexError, ValueError) as e:
        raise UserError(f"frames={frames!r} must use only {{{'}, {'.join(names)}}}: {e}") from None


@source("bp4d", "AU_OCC/F001_T1.csv (a header of AU numbers, 0/1/9), AU_INT/AU06/F001_T1_AU06.csv beside it; or JSON "
        "lines {img_path, AUs} with 999 (FMAE)", "research, non-commercial (BP4D, BP4D+)")
def bp4d(path: Path, every: int = 1, frames: str | None = None, media_root: str | None = None) -> Items:
    """BP4D and BP4D+ (Zhang et al., 2014): AUs of every coded frame; 9 and 999 mean not coded, so the AU is left out.

    Where an intensity is coded, it replaces the 1. ``frames`` names extracted pictures, such as
    "{subject}/{task}/{frame}.jpg". In FMAE's lists, 999 stands at the places of BP4D_AUS that were not marked.
    """
    if path.is_file():
        root = Path(media_root) if media_root else path.parent
        return records(jsonl_rows(path), lambda row: _fmae(row, root))
    occurrence = path if any(path.glob("*_T*.csv")) else first_of(path, "AU_OCC", "AUCoding/AU_OCC")
    return (item for file in sorted(occurrence.glob("*.csv"))
            for item in _bp4d_task(file, occurrence.parent / "AU_INT", path, every, frames))


def _bp4d_task(file: Path, intensities: Path, root: Path, every: int, frames: str | None) -> Items:
    subject, _, task = file.stem.partition("_")
    stronger: dict[tuple[str, int], float] = {}  # (frame, AU) of one task: some thousand entries
    for table in sorted(intensities.glob(f"AU*/{file.stem}_AU*.csv")):
        number = int(table.stem.rpartition("_AU")[2])
        for row in csv_rows(table, names=("frame", "intensity")):
            if isinstance(row, Row) and row.data["intensity"].strip() in "012345":
                stronger[row.data["frame"].strip(), number] = float(row.data["intensity"])

    def make(row: Row) -> Record:
        columns = list(row.data)
        frame = row.integer(columns[0], 0, 10**7) or 0
        aus: dict[int, float | None] = {}
        for name in columns[1:]:
            if not name.isdigit() or int(name) not in ACTION_UNITS:
                continue  # columns of numbers that FACS does not have are all 9
            value = row.number(name, 0, 999)
            if value in NOT_CODED:
                continue
            if value not in (0.0, 1.0):
                raise BadField(name, f"must be 0, 1, 9 or 999, but got {value:g}")
            aus[int(name)] = stronger.get((str(frame), int(name)), None if value else 0.0)
        place = _frame(root, frames, f"{subject}/{task}", subject=subject, task=task, frame=frame)
        return Record(f"{file.stem}/{frame}", "bp4d", subject=subject, aus=aus or None, **place)

    return (item for i, item in enumerate(records(csv_rows(file), make)) if i % every == 0)


def _fmae(row: Row, root: Path) -> Record:
    name, values = row.text("img_path") or "", row.get("AUs")
    if not isinstance(values, list) or not all(isinstance(v, int) for v in values):
        raise BadField("AUs", "must be a list of numbers")
    aus: dict[int, float | None] = {}
    for v in values:
        if v not in NOT_CODED:
            if v not in ACTION_UNITS:
                raise BadField("AUs", f"{v} is no action unit of FACS")
            aus[v] = None
    folder = name.replace("\\", "/").split("/")[0]
    return Record(name, "bp4d", within(root, name), subject=folder.partition("_")[0], aus=aus or None)


@source("csv", "a header with image (or file, path, video, media) and any of emotion (or label), subject, split, "
        "valence, arousal, question, text, caption, id, AU1 ... AU43 (0-5)")
def csv(path: Path, media_root: str | None = None, columns: dict[str, str] | None = None) -> Items:
    """A table of one's own. ``columns`` maps our names to the table's where they differ: {"image": "filename"}. An
    empty cell is missing; AU columns may be called AU6, AU06 or AU06_r."""
    root = Path(media_root) if media_root else path.parent
    names = dict(columns or {})

    def place(row: Row, *ours: str) -> str:
        return next((names.get(o, o) for o in ours if names.get(o, o) in row.data), ours[0])

    def make(row: Row) -> Record:
        media = row.text(place(row, "image", "file", "path", "video", "media")) or ""
        label = place(row, "emotion", "label")
        text = {k: row.text(place(row, k), need=False) for k in ("subject", "question", "text", "caption")}
        split = row.text(place(row, "split", "set"), need=False)
        if split is not None and split_of_name(split) is None:
            raise BadField("split", f"{split!r} is not train, validation or test")
        aus = {}
        for column in row.data:
            number = find_aus(column)[0]
            value = row.number(column, 0, 5, need=False) if len(number) == 1 else None
            if value is not None:
                aus[next(iter(number))] = value
        feel = {k: row.number(place(row, k), -1, 1, need=False) for k in ("valence", "arousal")}
        return Record(row.text(place(row, "id"), need=False) or media, "csv", within(root, media), kind=kind_of(media),
                      split=split_of_name(split) if split else None, emotion=row.emotion(label, need=False),
                      aus=aus or None, **text, **feel)

    def rows() -> Iterator[Row | Reject]:
        first = True
        for row in csv_rows(path):
            if first and isinstance(row, Row):
                found = place(row, "image", "file", "path", "video", "media")
                if found not in row.data:
                    raise UserError(f"{path}, line 1: no column image, file, path, video or media; name it with "
                                    f"columns={{'image': ...}}; the columns are {', '.join(row.data)}")
                first = False
            yield row

    return records(rows(), make)


@source("synth", "labels.jsonl of `emoreason data synth`: file, identity, aus, emotion, valence, arousal, ...",
        "own renders; ICT face model, MIT")
def synth(path: Path) -> Items:
    """Our own renders: exact AUs, those not named are 0; for a clip, the peaks. The identity is the subject. A
    side that is stronger by at least SIDE_GAP goes into ``extra["sides"]``; all else is in ``extra`` as it is."""
    path = path / "labels.jsonl" if path.is_dir() else path

    def make(row: Row) -> Record:
        if row.data.get("error"):
            raise BadField("error", f"not rendered: {row.data['error']}")
        name, values, halves = row.text("file") or "", row.get("aus"), row.get("sides", need=False) or {}
        if not isinstance(values, dict) or not all(k.isdigit() for k in values):
            raise BadField("aus", "must be an object of AU numbers")
        given = Row(row.file, row.line, values)
        aus = dict.fromkeys(MEASURED_AUS, 0.0) | {int(k): given.number(k, 0, 5) for k in values}
        if not isinstance(halves, dict) or not all(isinstance(v, list) and len(v) == 2 for v in halves.values()):
            raise BadField("sides", "must be an object of [right, left]")
        sides = {k: "right" if r > left else "left" for k, (r, left) in halves.items() if abs(r - left) >= SIDE_GAP}
        known = ("file", "identity", "aus", "sides", "emotion", "valence", "arousal", "split")
        return Record(name, "synth", str(path.parent / name), kind=kind_of(name), subject=row.text("identity"),
                      split=row.text("split", need=False), emotion=row.emotion("emotion", need=False), aus=aus,
                      valence=row.number("valence", -1, 1, need=False),
                      arousal=row.number("arousal", -1, 1, need=False),
                      extra={k: v for k, v in row.data.items() if k not in known} | {"sides": sides})

    return records(jsonl_rows(path), make)
