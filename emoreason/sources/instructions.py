"""Readers of instruction and caption sets: what vision-language peers train on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emoreason.errors import ParseError
from emoreason.facs import au, parse_emotions
from emoreason.schema import THINK_CLOSE, THINK_OPEN, find_aus, split
from emoreason.sources.files import any_json_rows, json_rows, kind_of, listed_aus, records, some, strings, within
from emoreason.sources.record import BadField, Items, Record, Row, named, source

_PLACEHOLDER = re.compile(r"<(?:image|video|audio|face)>\s*")
# Where FABA-Instruct's evaluation lists give emotions as numbers, they count in this order (EmoLA, eval_FABA.py).
FABA_EMOTIONS = ("happiness", "sadness", "surprise", "anger", "neutral", "disgust", "fear")
FABA_AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 20, 23, 24, 25, 26, 27, 43)
# The 24 values of FEAFA (Yan et al., DCC 2019, "FEAFA: a well-annotated dataset for facial expression analysis and
# 3D facial animation"), which ExpLLM's files hold, as FACS: for each AU the indices of its left and right value, or
# of its parts, of which the largest counts. Values 0-1 become intensities 0-5. FEAFA's one brow raise does not part
# AU1 from AU2, its lip corner stretch is read as AU20; AU6, 7, 14, 15, 22-25 are not coded there.
FEAFA = {1: (6, 7), 2: (6, 7), 4: (4, 5), 5: (2, 3), 9: (23,), 10: (18,), 12: (11, 12), 16: (19,), 17: (20,),
         18: (21,), 20: (13, 14), 26: (8,), 28: (15, 16), 29: (17,), 30: (9, 10), 34: (22,), 43: (0, 1)}
_LEFT_RIGHT = (43, 5, 4, 1, 2, 12, 20)


@source("fea20k", "JSON lines: id, image, question, AUs, labels, description (FEA-20K, Facial-R1)", "research; FEA-20K")
def fea20k(path: Path, media_root: str | None = None) -> Items:
    """FEA-20K as Facial-R1 reads it. ``AUs`` lists the present AUs without intensities; others are not stated. An
    empty list of labels or AUs says nothing."""
    root = Path(media_root) if media_root else path.parent

    def make(row: Row) -> Record:
        if row.data.get("is_valid") is False:
            raise BadField("is_valid", "marked invalid by its makers")
        images = row.get("image")
        images = [images] if isinstance(images, str) else images
        if not isinstance(images, list) or not images or not all(isinstance(i, str) and i for i in images):
            raise BadField("image", "must be a path or a list of paths")
        labels = strings(row, "labels")
        return Record(row.text("id") or "", "fea20k", within(root, images[0]), aus=listed_aus(row, "AUs"),
                      emotion=named(", ".join(labels), "labels") if labels else None,
                      question=row.text("question", need=False), text=row.text("description", need=False),
                      extra=some(dataset=row.text("dataset", need=False), meta_info=row.data.get("meta_info"),
                                 more_images=[within(root, i) for i in images[1:]] or None))

    return records(any_json_rows(path), make)


@source("faba", "JSON list: id, image, conversations (train) or image, label, gpt4 (eval) (FABA-Instruct)",
        "research; FABA-Instruct")
def faba(path: Path, task: str | None = None, media_root: str | None = None) -> Items:
    """FABA-Instruct. ``task``: "au" or "emotion"; without it, the file's name decides. Training texts are the only
    annotation: in the AU task the AUs they name are read from them. Evaluation AUs cover FABA_AUS, others absent."""
    task = task or ("au" if "au" in re.split(r"[^a-z]+", path.stem.lower()) else "emotion")
    root = Path(media_root) if media_root else path.parent

    def make(row: Row) -> Record:
        image = row.text("image") or ""
        name = row.text("id", need=False) or f"{path.stem}/{image}"
        extra = some(landmark=row.text("landmark", need=False), origin=row.text("source", need=False))
        if "label" in row.data:
            aus = _eval_aus(row) if task == "au" else None
            emotion = row.emotion("label", FABA_CODES) if task == "emotion" else None
            return Record(name, "faba", within(root, image), aus=aus, emotion=emotion,
                          text=row.text("gpt4", need=False), extra=extra)
        turns = _turns(row)
        return Record(name, "faba", within(root, image), question=turns[0][0], text=turns[0][1],
                      aus=_stated(turns[0][1]) if task == "au" else None, extra=extra | _further(turns))

    return records(json_rows(path), make)


FABA_CODES = {str(i): e for i, e in enumerate(FABA_EMOTIONS)} | {e.capitalize(): e for e in FABA_EMOTIONS}
FABA_CODES |= {e: e for e in FABA_EMOTIONS}


def _eval_aus(row: Row) -> dict[int, float | None]:
    values = [v for v in re.split(r"[,\s]+", row.text("label") or "") if v]
    try:
        present = {au(int(v)).number for v in values}
    except ValueError as e:
        raise BadField("label", f"must be AU numbers: {e}") from None
    return {a: (None if a in present else 0.0) for a in sorted(present.union(FABA_AUS))}


@source("expllm", "JSON list: file_name, emo, au (24 values 0-1), description (ExpLLM)", "research; ExpLLM")
def expllm(path: Path, labels: Sequence[str] | None = None, media_root: str | None = None) -> Items:
    """ExpLLM. Its AU values are FEAFA's, mapped by ``FEAFA``; a vector of zeros means that its regressor failed, so
    that nothing is known. ``labels``: the emotions in order, where ``emo`` is a number."""
    root = Path(media_root) if media_root else path.parent
    codes = {str(i): name for i, name in enumerate(labels)} if labels else None

    def make(row: Row) -> Record:
        name = row.text("file_name") or ""
        values = row.get("au", need=False)
        aus, extra = None, {}
        if values is not None:
            values = _vector(values, 24)
            if any(values):
                aus = {a: round(5 * max(values[i] for i in parts), 2) for a, parts in sorted(FEAFA.items())}
                extra = {"left_right": {str(a): [round(5 * values[i], 2) for i in FEAFA[a]] for a in _LEFT_RIGHT}}
        emotion = row.emotion("emo", None if not (row.text("emo") or "").isdigit() else codes or {})
        return Record(name, "expllm", within(root, name), aus=aus, emotion=emotion,
                      text=row.text("description", need=False), extra=extra)

    return records(json_rows(path), make)


@source("llava", "JSON list: image or video, conversations [{from, value}]; or problem, solution (LLaVA, HumanOmni, "
        "R1-Omni)")
def llava(path: Path, media_root: str | None = None) -> Items:
    """LLaVA-style conversations. The first turn is question and text, further ones are in ``extra["turns"]``. The
    emotion is the <answer>, or the whole answer where that is a bare label."""
    root = Path(media_root) if media_root else path.parent

    def make(row: Row) -> Record:
        key = "video" if row.data.get("video") else "image"
        media = row.text(key) or ""
        if "conversations" in row.data:
            turns = _turns(row)
        else:
            turns = [(_PLACEHOLDER.sub("", row.text("problem") or ""), row.text("solution") or "")]
        return Record(row.text("id", need=False) or f"{media}#{row.line}", "llava", within(root, media),
                      kind="clip" if key == "video" else kind_of(media), emotion=_answer(turns[0][1]),
                      question=turns[0][0] or None, text=turns[0][1], extra=_further(turns))

    return records(any_json_rows(path), make)


@source("unifer", "JSON list: image_path, true_label, prompt, candidate_labels (FERBench) or image_path, question, "
        "response (UniFER training)", "research; pictures of RAF-DB, FERPlus, AffectNet, SFEW")
def unifer(path: Path, media_root: str | None = None) -> Items:
    """UniFER's benchmark and training files (also with ``problem``, ``solution``)."""
    root = Path(media_root) if media_root else path.parent

    def make(row: Row) -> Record:
        media = row.text("image_path") or ""
        name, picture = f"{path.stem}/{media}", within(root, media.lstrip("/") if media_root else media)
        if "true_label" in row.data:
            return Record(name, "unifer", picture, emotion=row.emotion("true_label"),
                          question=row.text("prompt", need=False),
                          extra=some(candidates=row.data.get("candidate_labels")))
        keys = ("question", "response") if "response" in row.data else ("problem", "solution")
        answer = row.text(keys[1]) or ""
        return Record(name, "unifer", picture, emotion=_answer(answer), text=answer,
                      question=_PLACEHOLDER.sub("", row.text(keys[0]) or ""))

    return records(any_json_rows(path), make)


def _vector(values: Any, length: int) -> list[float]:
    if not isinstance(values, list) or len(values) != length:
        raise BadField("au", f"must be a list of {length} values")
    try:
        numbers = [float(v) for v in values]
    except (TypeError, ValueError):
        raise BadField("au", "must hold numbers") from None
    if not all(0 <= v <= 1 for v in numbers):
        raise BadField("au", "must hold values in [0, 1]")
    return numbers


def _turns(row: Row) -> list[tuple[str, str]]:
    """(question, answer) of each turn of a conversation, placeholders for media taken out."""
    said = row.get("conversations")
    if not isinstance(said, list) or not all(isinstance(t, dict) for t in said):
        raise BadField("conversations", "must be a list of {from, value}")
    said = [t for t in said if t.get("from", t.get("role")) != "system"]
    texts = [str(t.get("value", t.get("content")) or "").strip() for t in said]
    asks = [t.get("from", t.get("role")) in ("human", "user") for t in said]
    if len(said) < 2 or len(said) % 2 or asks != [i % 2 == 0 for i in range(len(said))] or not all(texts):
        raise BadField("conversations", "must take turns between a human and an answer")
    return [(_PLACEHOLDER.sub("", texts[i]).strip(), texts[i + 1]) for i in range(0, len(texts), 2)]


def _further(turns: list[tuple[str, str]]) -> dict[str, Any]:
    return {"turns": [list(t) for t in turns[1:]]} if len(turns) > 1 else {}


def _stated(text: str) -> dict[int, float | None] | None:
    """The AUs that a text names, present or absent; None where it names none."""
    present, absent = find_aus(text)
    return {a: None if a in present else 0.0 for a in sorted(present | absent)} or None


def _answer(text: str) -> str | None:
    """The emotion of an answer: what <answer> says, or the whole text where it is a bare label; else None."""
    for whole in (text, f"{THINK_OPEN}-{THINK_CLOSE}{text}"):  # R1-Omni's solutions are an answer without a thought
        try:
            text = split(whole)[1]
            break
        except ParseError:
            continue
    try:
        return None if len(text.split()) > 3 else ", ".join(parse_emotions(text)) or None
    except ParseError:
        return None
