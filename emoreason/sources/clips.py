"""Readers of labelled clips: DFEW, FERV39k, MAFW, CREMA-D."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from emoreason.errors import UserError
from emoreason.sources.files import csv_rows, first_of, records, within, word_rows
from emoreason.sources.images import split_of_name
from emoreason.sources.record import BadField, Items, Record, Row, source

# Jiang et al., "DFEW", ACM MM 2020: the order of its labels 1-7.
DFEW = {str(i): e for i, e in enumerate("happiness sadness neutral anger surprise disgust fear".split(), 1)}
CREMA = {"A": "anger", "D": "disgust", "F": "fear", "H": "happiness", "N": "neutral", "S": "sadness"}
_MODES = {"voice": "1", "face": "2", "both": "3"}
_INTENDED = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness"}


def _chain(files: Iterable[tuple[Path, str]], read: object) -> Items:
    for file, split in files:
        yield from read(file, split)  # type: ignore[operator]


@source("dfew", "EmoLabel_DataSplit/train(single-labeled)/set_1.csv (video_name,label), or one such file; clips as "
        "Clip/clip_224x224/00001", "research, non-commercial (DFEW)")
def dfew(path: Path, fold: int = 1, media_root: str | None = None) -> Items:
    """DFEW, one of its five folds. The media is the folder of face frames, or the original clip where only that is
    there."""
    if path.is_dir():
        root = path
        splits = first_of(path, "EmoLabel_DataSplit")
        files = [(first_of(splits, f"{s}(single-labeled)/set_{fold}.csv", f"{s}/set_{fold}.csv"), s)
                 for s in ("train", "test")]
    else:
        published = len(path.parents) > 2 and path.parents[1].name == "EmoLabel_DataSplit"
        root = path.parents[2] if published else path.parent
        files = [(path, "train" if "train" in path.parent.name else "test")]
    root = Path(media_root) if media_root else root
    frames = next((f for f in ("Clip/clip_224x224", "Clip/clip_224x224_16f") if (root / f).is_dir()), None)
    original = frames is None and (root / "Clip/original").is_dir()

    def one(file: Path, split: str) -> Items:
        def make(row: Row) -> Record:
            number = row.integer("video_name", 1, 99999) or 0
            name = f"Clip/original/{number}.mp4" if original else f"{frames or 'Clip/clip_224x224'}/{number:05d}"
            return Record(f"{number:05d}", "dfew", str(root / name), kind="clip", split=split,
                          emotion=row.emotion("label", DFEW), extra={"fold": fold})

        return records(csv_rows(file, ("video_name", "label")), make)

    return _chain(files, one)


@source("ferv39k", "4_setups/All_scenes/train_All.csv (path Label), or one such file; clips in 2_ClipsforFaceCrop",
        "research, non-commercial (FERV39k)")
def ferv39k(path: Path, media_root: str | None = None) -> Items:
    """FERV39k (Wang et al., 2022). The media is the folder of a clip's face frames."""
    lists = first_of(path, "4_setups/All_scenes") if path.is_dir() else path.parent
    files = [(lists / f"{s}_All.csv", s) for s in ("train", "test")] if path.is_dir() else \
        [(path, split_of_name(path.name) or "train")]
    root = path if path.is_dir() else path.parents[2] if len(path.parents) > 2 else path.parent
    root = Path(media_root) if media_root else root / "2_ClipsforFaceCrop"

    def one(file: Path, split: str) -> Items:
        if not file.exists():
            raise UserError(f"{file} does not exist; give the folder as the set was published")
        return records(word_rows(file, ("path", "label")), lambda row: Record(
            row.text("path") or "", "ferv39k", within(root, row.text("path") or ""), kind="clip", split=split,
            emotion=row.emotion("label"), extra={"scene": (row.text("path") or "").split("/")[0]}))

    return _chain(files, one)


@source("mafw", "split/single/no_caption/set_1/train.txt (00001.mp4 anger), or one such file; clips in data/clips",
        "research, non-commercial (MAFW)")
def mafw(path: Path, fold: int = 1, media_root: str | None = None) -> Items:
    """MAFW (Liu et al., 2022), one of its five folds, eleven labels."""
    if path.is_dir():
        lists = first_of(path, *(f"{s}/single/no_caption/set_{fold}" for s in ("split", "Train & Test Set", "labels")),
                         f"single/no_caption/set_{fold}")
        files = [(lists / f"{s}.txt", s) for s in ("train", "test")]
    else:
        files = [(path, split_of_name(path.name) or "train")]
    top = path if path.is_dir() else path.parent
    root = Path(media_root) if media_root else next(
        (top / d for d in ("data/clips", "clips") if (top / d).is_dir()), top / "data/clips")

    def one(file: Path, split: str) -> Items:
        if not file.exists():
            raise UserError(f"{file} does not exist; give the folder as the set was published")
        return records(word_rows(file, ("clip", "label")), lambda row: Record(
            (row.text("clip") or "").removesuffix(".mp4"), "mafw", within(root, row.text("clip") or ""), kind="clip",
            split=split, emotion=row.emotion("label"), extra={"fold": fold}))

    return _chain(files, one)


@source("crema_d", "processedResults/tabulatedVotes.csv, or the folder of the set", "ODbL 1.0 / DbCL 1.0 (CREMA-D)")
def crema_d(path: Path, by: str = "face", ending: str = ".flv") -> Items:
    """CREMA-D (Cao et al., 2014): raters' votes on acted clips, 91 actors. ``by``: whether they judged by "face",
    "voice" or "both"; ``extra["intended"]`` is what the actor was asked to show. On a tie the emotion is None."""
    if by not in _MODES:
        raise UserError(f"crema_d: by must be one of {', '.join(_MODES)}, but got {by!r}")
    file = first_of(path, "processedResults/tabulatedVotes.csv", "tabulatedVotes.csv") if path.is_dir() else path
    root = path if path.is_dir() else file.parent.parent if file.parent.name == "processedResults" else file.parent

    def make(row: Row) -> Record:
        name = row.text("fileName") or ""
        parts = name.split("_")
        if len(parts) != 4 or parts[2] not in _INTENDED:
            raise BadField("fileName", f"{name!r} is not ACTOR_SENTENCE_EMOTION_LEVEL")
        votes = {e: row.number(code, 0, 1000) or 0.0 for code, e in CREMA.items()}
        best = max(votes.values())
        if not best:
            raise BadField("A", "no votes")
        top = [e for e, v in votes.items() if v == best]
        return Record(name, "crema_d", str(root / "VideoFlash" / (name + ending)), kind="clip", subject=parts[0],
                      votes=votes, emotion=top[0] if len(top) == 1 else None,
                      extra={"intended": _INTENDED[parts[2]], "level": parts[3], "sentence": parts[1],
                             "agreement": row.number("agreement", 0, 1)})

    rows = csv_rows(file, ("", *CREMA, "fileName", "agreement"))
    return records((r for r in rows if not isinstance(r, Row) or r.data[""].startswith(_MODES[by])), make)
