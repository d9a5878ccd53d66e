"""Models under test: anything with ``ask(media, question) -> str``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from emoreason.errors import ParseError, UserError
from emoreason.eval.maps import pack
from emoreason.records import CROP, Frames
from emoreason.schema import parse, render
from emoreason.sources import Record
from emoreason.sources.files import PICTURES

if TYPE_CHECKING:
    from emoreason.reason import Subject

FPS = 25  # frames a second of a clip that comes as a folder of frames

TOGETHER = 8  # items that a Ray actor gets at a time

class Answerer(Protocol):
    """media: an upright picture (H, W, 3) uint8 RGB, or the path of a clip (or folder of its frames). The answer is
    raw text, or a row of fields such as {"output", "evidence": {AU: intensity}}."""

    def ask(self, media: np.ndarray | str, question: str) -> str | dict[str, Any]: ...


def load(model: str | Answerer, maps: bool = False, captions: bool = False) -> Answerer:
    """The model named on the command line: nano, a checkpoint, hf:…, vllm:…, openai:MODEL@URL. maps, captions: see
    ``Reasoned``. An Answerer is given back as it is."""
    if not isinstance(model, str):
        return model
    from emoreason.reason import Reasoner

    return Reasoned(Reasoner.load(model), maps, captions)


def weights(model: str) -> str | None:
    """SHA-256 over the weights of nano or a folder on disk, adapter and all; None for what others serve or keep."""
    import hashlib

    from emoreason.engines.spec import parse_spec
    from emoreason.reason import NANO

    spec = parse_spec(model)
    folders = [NANO if spec.kind == "local" and spec.name == "nano" else Path(spec.name), Path(spec.lora or "-")]
    files = [f for folder in folders if folder.is_dir() for f in sorted(folder.glob("*.safetensors"))]
    if not files or spec.kind == "openai":
        return None
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as f:
            digest.update(hashlib.file_digest(f, "sha256").digest())
    return digest.hexdigest()


class Reasoned:
    """A Reasoner as an Answerer: its answer about the main face, with the evidence that it read; with ``maps`` also
    where it looked for each AU of a picture; with ``captions`` a clip's caption (``emoreason.captioning``)."""

    def __init__(self, reasoner: Any, maps: bool = False, captions: bool = False) -> None:
        self.reasoner, self.maps, self.captions = reasoner, maps, captions

    def ask(self, media: np.ndarray | str, question: str) -> dict[str, Any]:
        from emoreason.reason import find_subjects

        if self.captions and isinstance(media, str):
            from emoreason.captioning import ClipCaptioner

            told = ClipCaptioner(self.reasoner)(media)
            return {"caption": told.caption, "output": render(told.explanation)}
        folder = isinstance(media, str) and Path(media).is_dir()
        subject = in_frames(Path(str(media))) if folder else find_subjects(media)[0]
        answer = self.reasoner.answer([subject], question)
        text, x = answer.text, answer.explanation
        if x is not None:
            try:
                parse(text)
            except ParseError:
                text = render(x)  # said outside the model: no face was found
        row: dict[str, Any] = {"output": text}
        if answer.evidence is not None and answer.evidence.valid.any():
            frame = int(np.flatnonzero(answer.evidence.valid)[0])
            row["evidence"] = {str(a): round(v, 4) for a, v in answer.evidence.intensities(frame).items()}
            if self.maps and subject.track is not None and isinstance(media, np.ndarray):
                row["maps"] = pack(answer.evidence.maps[frame], _square(subject.track.landmarks[frame], media))
        return row


def in_frames(folder: Path) -> Subject:
    """The main character of a clip that its set gives as a folder of frames, by name in their order, FPS a second.
    Raises UserError for a folder without pictures."""
    from emoreason import images, tracks, watch
    from emoreason.reason import Subject

    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)
    if not files:
        raise UserError(f"{folder} holds no frames ({', '.join(PICTURES)})")
    scene = tracks.track(Frames(images.read(f)[None], np.array([i / FPS])) for i, f in enumerate(files))
    film, track = watch.Film(str(folder), len(files) / FPS, scene), scene.main()
    return Subject(folder.name, None if track is None else track.id, None, track, film=film)


def _square(landmarks: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """(2, 3): pixels of the picture -> [0, 1]^2 of the face crop. A ready-made crop is the square itself."""
    import cv2

    from emoreason import faces

    if not landmarks.any():
        height, width = picture.shape[:2]
        return np.array([(1 / width, 0, 0), (0, 1 / height, 0)])
    return cv2.invertAffineTransform(faces.framing(*faces.anchors(landmarks)).matrix(CROP)) / CROP


def ask(answerer: Answerer, record: Record, question: str) -> dict[str, Any]:
    """The row of one item; one bad file or answer must not end a run of hours, so a failure is its ``error``."""
    try:
        said = answerer.ask(media_of(record), question)
        return {"id": record.id} | (said if isinstance(said, dict) else {"output": said})
    except Exception as e:
        return {"id": record.id, "error": f"{type(e).__name__}: {str(e)[:200]}"}


def on_ray(make: Callable[[], Answerer], records: Sequence[Record], question: str,
           workers: int) -> Iterator[dict[str, Any]]:
    """The rows as they are done, in any order, by actors on Ray, each with a model of its own (``emoreason.rays``)."""
    from emoreason.caption import Groups
    from emoreason.rays import Rays

    workers = min(workers, len(records))
    groups: Any = Groups(records, workers, TOGETHER)
    with Rays(partial(_asker, make, question), workers) as crew:
        for group, rows, died in crew.run(groups):
            if rows is not None:
                yield from rows
            elif len(group) > 1:  # whom was it that the worker did not survive?
                groups.queue.extend([r] for r in group)
            else:
                yield {"id": group[0].id, "error": died}


def _asker(make: Callable[[], Answerer], question: str) -> Callable[[list[Record]], list[dict[str, Any]]]:
    answerer = make()
    return lambda group: [ask(answerer, record, question) for record in group]


def judge(spec: str) -> Callable[[str], str]:
    """``complete(prompt) -> text`` of an engine: hf:…, vllm:…, openai:MODEL@URL."""
    from emoreason import engines

    return engines.complete(spec)


def media_of(record: Record) -> np.ndarray | str:
    """What a model is shown of a record. Raises UserError when the file is missing or unreadable."""
    from emoreason import images

    if "frame" in record.extra and record.kind == "picture":
        raise UserError(f"{record.id} is a frame of {record.media}; extract the frames, give --option frames=PATTERN")
    if record.kind == "clip":
        if record.media is None:
            raise UserError(f"{record.id} names no clip; give --option media_root=FOLDER")
        return record.media
    try:
        picture = record.picture()
    except OSError as e:
        raise UserError(f"{record.media} cannot be read ({e.strerror}); check --data or --option media_root=") from None
    if picture is None:
        raise UserError(f"{record.id} has no picture; give --option media_root=FOLDER")
    return images.read(picture, record.media or record.id)
