"""Readers of labelled pictures: FER2013, FERPlus, RAF-DB, AffectNet, plain folders."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from emoreason.errors import UserError
from emoreason.facs import EMOTIONS
from emoreason.sources.files import CLIPS, PICTURES, csv_rows, first_of, kind_of, records, some, within, word_rows
from emoreason.sources.record import BadField, Items, Record, Reject, Row, named, source

# Goodfellow et al., "Challenges in representation learning", 2013: labels 0-6, and what its Usage column means.
FER2013 = {str(i): e for i, e in enumerate("anger disgust fear happiness sadness surprise neutral".split())}
USAGE = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
# Li et al., "Reliable crowdsourcing and deep locality-preserving learning", CVPR 2017: readme of the set.
RAF_BASIC = {str(i): e for i, e in enumerate("surprise fear disgust happiness sadness anger neutral".split(), 1)}
RAF_COMPOUND = {str(i): e for i, e in enumerate(
    ("happily surprised", "happily disgusted", "sadly fearful", "sadly angry", "sadly surprised", "sadly disgusted",
     "fearfully angry", "fearfully surprised", "angrily surprised", "angrily disgusted", "disgustedly surprised"), 1)}
# Mollahosseini et al., "AffectNet", 2017; 8 none, 9 uncertain, 10 no face; valence and arousal -2 where missing.
AFFECTNET = {str(i): e for i, e in enumerate(
    "neutral happiness sadness surprise fear disgust anger contempt".split())}
_SPLIT_WORDS = {"train": "train", "training": "train", "train_set": "train", "val": "validation", "valid": "validation",
                "validation": "validation", "val_set": "validation", "dev": "validation", "test": "test"}


def split_of_name(name: str) -> str | None:
    """The split that a file or folder name says ("train_All.csv", "val_set"), or None."""
    low = name.lower().split(".")[0]
    return next((s for w, s in _SPLIT_WORDS.items() if low == w or low.startswith((w + "_", w + "-"))), None)


@source("fer2013", "fer2013.csv (emotion, pixels, Usage), parquet (image, label), or folders train/angry/*.jpg",
        "research; web photos, not for redistribution")
def fer2013(path: Path) -> Items:
    """FER2013 in each form it goes round in: the csv of pixels (48 x 48 grey, re-encoded as PNG), parquet files as
    ``datasets`` writes them, or folders. PublicTest is "validation", PrivateTest is "test"."""
    if path.is_dir():
        tables = sorted(path.glob("*.parquet"))
        if not tables:
            csv = path / "fer2013.csv"
            return fer2013(csv) if csv.exists() else folders(path, "fer2013")
        return (item for table in tables for item in _parquet(table))
    if path.suffix == ".parquet":
        return _parquet(path)

    def make(row: Row) -> Record:  # numbered from the first row on, as FERPlus names the pictures
        return Record(f"fer{row.line - 2:07d}", "fer2013", image=_pixels(row), emotion=row.emotion("emotion", FER2013),
                      split=USAGE.get(row.text("Usage", need=False) or ""))

    return records(csv_rows(path, ("emotion", "pixels")), make)


def _pixels(row: Row) -> bytes:
    from PIL import Image

    try:
        values = np.array((row.text("pixels") or "").split(), np.uint8)
    except (ValueError, OverflowError):
        raise BadField("pixels", "must be whole numbers 0-255") from None
    if values.size != 48 * 48:
        raise BadField("pixels", f"must be 2304 values, but are {values.size}")
    out = io.BytesIO()
    Image.fromarray(values.reshape(48, 48)).save(out, "PNG")
    return out.getvalue()


def _parquet(path: Path) -> Items:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path)
    except pa.ArrowException as e:
        raise UserError(f"{path} is not a parquet file: {e}") from None
    missing = {"image", "label"} - set(table.schema_arrow.names)
    if missing:
        raise UserError(f"{path}: no column {min(missing)!r}; the columns are {', '.join(table.schema_arrow.names)}")
    split, line, labels = split_of_name(path.name), 0, _labels(table.schema_arrow)

    def make(row: Row) -> Record:
        image = row.get("image")
        if not isinstance(image, dict) or not image.get("bytes"):
            raise BadField("image", "holds no bytes")
        name = image.get("path")
        return Record(f"{path.stem}/{row.line}", "fer2013", image=image["bytes"], split=split,
                      emotion=row.emotion("label", labels), extra=some(file=name))

    for batch in table.iter_batches(256, columns=["image", "label"]):
        for data in batch.to_pylist():
            line += 1
            yield Row(str(path), line, data).record(make)


def _labels(schema: Any) -> dict[str, str] | None:
    """What the numbers of a label column mean: the names that ``datasets`` writes into the file, else FER2013's; None
    where the labels are words."""
    if "string" in str(schema.field("label").type):
        return None
    try:
        names = json.loads(schema.metadata[b"huggingface"])["info"]["features"]["label"]["names"]
        return {str(i): str(name) for i, name in enumerate(names)}
    except (KeyError, TypeError, ValueError):
        return FER2013


@source("ferplus", "fer2013new.csv (Usage, Image name, votes), with fer2013.csv or FER2013Train/*.png beside it",
        "MIT labels (Microsoft); pictures as FER2013")
def ferplus(path: Path, media_root: str | None = None) -> Items:
    """FERPlus: ten raters' votes on FER2013's pictures (Barsoum et al., 2016). The emotion is the one with the most
    votes; None on a tie, or when "unknown" has as many. Pictures that most raters call no face are Rejects. With
    fer2013.csv beside the votes, the pictures come from its rows, which have the same order."""
    path = path / "fer2013new.csv" if path.is_dir() else path
    root = Path(media_root) if media_root else path.parent
    folder = {"train": "FER2013Train", "validation": "FER2013Valid", "test": "FER2013Test"}
    pixels = root / "fer2013.csv"

    def make(row: Row) -> Record:
        votes = {e: row.number(e, 0, 100) or 0.0 for e in EMOTIONS}
        unknown, none = row.number("unknown", 0, 100) or 0.0, row.number("NF", 0, 100) or 0.0
        best = max(votes.values())
        if none > best or not best:
            raise BadField("NF", "most raters see no face" if none else "no votes")
        top = [e for e, v in votes.items() if v == best]
        split = USAGE.get(row.text("Usage") or "")
        name = row.text("Image name")
        image = _pixels(row) if "pixels" in row.data else None
        return Record(str(name), "ferplus", None if image else within(root / folder.get(split or "", ""), str(name)),
                      image, split=split, votes=votes, emotion=top[0] if len(top) == 1 and best > unknown else None,
                      extra={"unknown": unknown})

    rows = csv_rows(path, ("Usage", "Image name", *EMOTIONS, "unknown", "NF"))
    if pixels.exists():
        rows = _beside(rows, csv_rows(pixels, ("pixels",)), path, pixels)
    return records(rows, make)


def _beside(rows: Iterator[Row | Reject], more: Iterator[Row | Reject], a: Path, b: Path) -> Iterator[Row | Reject]:
    """Each row with the pixels of the row at its place in the other file."""
    for row, other in zip_longest(rows, more):
        if row is None or other is None:
            raise UserError(f"{a} and {b} have not as many rows; take both whole")
        bad = next((r for r in (row, other) if isinstance(r, Reject)), None)
        yield bad or Row(row.file, row.line, row.data | {"pixels": other.data["pixels"]})


@source("raf_db", "EmoLabel/list_patition_label.txt with Image/aligned, or train_labels.csv with DATASET/train",
        "research, not for redistribution (RAF-DB)")
def raf_db(path: Path, form: str = "basic", picture: str = "aligned") -> Items:
    """RAF-DB, ``form`` "basic" (7 emotions) or "compound" (11 ordered pairs); ``picture`` "aligned" or "original"."""
    table = RAF_BASIC if form == "basic" else RAF_COMPOUND
    root = path if path.is_dir() else path.parents[1] if path.parent.name == "EmoLabel" else path.parent
    root = root / form if (root / form).is_dir() else root

    def make(row: Row) -> Record:
        name = row.text("image") or ""
        file = f"Image/aligned/{Path(name).stem}_aligned.jpg" if picture == "aligned" else f"Image/original/{name}"
        return Record(f"{form}/{name}", "raf_db", within(root, file), split=split_of_name(name),
                      emotion=row.emotion("label", table))

    def mirrored(row: Row) -> Record:
        name, split = row.text("image") or "", split_of_name(Path(row.file).name)
        folder = "DATASET/" if (root / "DATASET").is_dir() else ""
        return Record(f"{form}/{name}", "raf_db", within(root, f"{folder}{split}/{row.text('label')}/{name}"),
                      split=split, emotion=row.emotion("label", table))

    if path.suffix == ".csv":
        return records(csv_rows(path, ("image", "label")), mirrored)
    if path.is_dir() and (root / "train_labels.csv").exists():
        files = [root / f"{s}_labels.csv" for s in ("train", "test") if (root / f"{s}_labels.csv").exists()]
        return (item for f in files for item in records(csv_rows(f, ("image", "label")), mirrored))
    listing = first_of(root, "EmoLabel/list_patition_label.txt", "list_patition_label.txt") if path.is_dir() else path
    return records(word_rows(listing, ("image", "label")), make)


@source("affectnet", "training.csv / validation.csv (subDirectory_filePath, expression, ...), or train_set/, val_set/ "
        "with images and annotations/*.npy", "research, not for redistribution (AffectNet)")
def affectnet(path: Path, media_root: str | None = None) -> Items:
    """AffectNet, both releases. "None" and "uncertain" keep their valence without an emotion; "no face" is a Reject.
    ``extra["box"]`` is the face in xyxy pixels, where the csv says it."""
    if path.is_dir() and not list(path.glob("*.csv")):
        return _affectnet_npy(path)
    root = Path(media_root) if media_root else (path if path.is_dir() else path.parent)
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]

    def make(row: Row) -> Record:
        name, code = row.text("subDirectory_filePath") or "", row.text("expression") or ""
        box = [row.integer(f"face_{k}", -10**5, 10**5, need=False) for k in ("x", "y", "width", "height")]
        corner = None if None in box else [box[0], box[1], box[0] + box[2], box[1] + box[3]]  # type: ignore[operator]
        return _affect(row, name, within(root, name), code, split_of_name(Path(row.file).name), some(box=corner))

    return (item for f in files for item in records(csv_rows(f, ("subDirectory_filePath", "expression")), make))


def _affect(row: Row, name: str, media: str, code: str, split: str | None, extra: dict[str, Any]) -> Record:
    if code == "10":
        raise BadField("expression", "no face")
    feel = {k: row.number(k, -2, 1, need=False) for k in ("valence", "arousal")}
    feel = {k: None if v is None or v < -1 else v for k, v in feel.items()}
    emotion = None if code in ("8", "9") else row.emotion("expression", AFFECTNET)
    if emotion is None and feel["valence"] is None:
        raise BadField("expression", "neither an emotion nor a valence")
    return Record(name, "affectnet", media, split=split, emotion=emotion, extra=extra, **feel)


def _affectnet_npy(path: Path) -> Items:
    sets = [path / s for s in ("train_set", "val_set") if (path / s).is_dir()] or [path]
    for folder in sets:
        notes = first_of(folder, "annotations")
        for file in sorted(notes.glob("*_exp.npy")):
            stem = file.name.removesuffix("_exp.npy")
            data: dict[str, str] = {}
            for key, part in (("expression", "exp"), ("valence", "val"), ("arousal", "aro")):
                at = notes / f"{stem}_{part}.npy"
                try:
                    data[key] = str(np.load(at, allow_pickle=False)) if at.exists() else ""
                except (ValueError, EOFError, OSError) as e:
                    data[key] = f"unreadable: {e}"
            name, picture = f"{folder.name}/{stem}", str(folder / "images" / f"{stem}.jpg")
            yield Row(str(file), 0, data).record(
                lambda row, n=name, p=picture: _affect(row, n, p, row.text("expression") or "",
                                                       split_of_name(n.split("/")[0]), {}))


@source("folders", "EMOTION/*.jpg, or SPLIT/EMOTION/*.jpg; clips too")
def folders(path: Path, name: str = "folders") -> Items:
    """Pictures or clips in folders named after emotions, alone or below folders named after splits."""
    if not path.is_dir():
        raise UserError(f"{path} is a file; give the folder that holds a folder for each emotion")
    tops = [(split_of_name(d.name), d) for d in sorted(path.iterdir()) if d.is_dir()]
    roots = [(s, d) for s, d in tops if s] or [(None, path)]
    for split, root in roots:
        for folder in sorted(d for d in root.iterdir() if d.is_dir()):
            for file in sorted(folder.iterdir()):
                if file.suffix.lower() in PICTURES + CLIPS:
                    yield Row(str(file), 0, {"folder": folder.name}).record(
                        lambda row, f=file, s=split: Record(
                            f.relative_to(path).as_posix(), name, str(f), kind=kind_of(f.name), split=s,
                            emotion=named(row.data["folder"], "folder")))
