"""An upload -> its faces, ready to be shown and asked about. Limits of the app stand here."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from emoreason import images, video
from emoreason.errors import UserError
from emoreason.reason import Subject, find_subjects
from emoreason.records import is_clip
from emoreason.tracks import presence

MEGABYTES = 60  # an upload may have
SECONDS = 60.0  # a clip may last
SHOWN = 960  # pixels of the longer side of what the page shows
KEPT = 1600  # pixels of the longer side of a picture that is kept in memory
_TICK = Fraction(1, 90000)  # seconds
PLAYS = ("h264", "vp8", "vp9", "av1", "libdav1d")  # codecs that browsers play


@dataclass(frozen=True)
class Loaded:
    """One picture or clip. subjects: its faces, or one without a track; picture (H, W, 3) uint8 RGB as shown, of a clip
    the frame at the clip's peak; scale: pixels of it for a pixel of the media; first: number of the face that is
    asked about at first; clip: the file that the page plays; room: the folder that goes with it; reduced: pixels of the
    subjects' picture for a pixel of the upload, below 1 where it was very large; maps: of a clip's measured faces, by
    number, the SVG of where their AUs were read (see ``stage.peak_maps``)."""

    name: str
    subjects: tuple[Subject, ...]
    picture: np.ndarray
    scale: float
    first: int
    clip: Path | None = None
    room: Path | None = None
    reduced: float = 1.0
    maps: Mapping[int, str] = field(default_factory=dict)

    @property
    def faces(self) -> tuple[Subject, ...]:
        return tuple(s for s in self.subjects if s.track is not None)

    def subject(self, number: int) -> Subject | None:
        return next((s for s in self.faces if s.index == number), None)

    def with_subject(self, subject: Subject) -> Loaded:
        """The same with one face measured."""
        return replace(self, subjects=tuple(subject if s.index == subject.index else s for s in self.subjects))


def load(path: str | os.PathLike, name: str, room: Callable[[], Path]) -> Loaded:
    """Read an upload. ``room`` makes the folder for a clip that is played. Raises UserError in words that name the
    file as its owner does: unreadable, too long, too large."""
    try:
        size = os.stat(path).st_size
        if size > MEGABYTES << 20:
            raise UserError(f"{name} has {size >> 20} MB, the limit is {MEGABYTES} MB; cut or shrink it first")
        return _clip(Path(path), name, room) if is_clip(path) else _picture(path, name)
    except FileNotFoundError:
        raise UserError(f"{name} is no longer there; upload it again") from None
    except UserError as e:
        raise UserError(str(e).replace(str(path), name)) from None


def _picture(path: str | os.PathLike, name: str) -> Loaded:
    whole = images.read(path, name)
    image = fit(whole, KEPT)
    found = tuple(find_subjects(image, "all", name))
    shown = fit(image, SHOWN)
    if found[0].image is None and found[0].track is not None:  # a ready-made crop
        shown = cv2.resize(found[0].track.crops[0], (384, 384), interpolation=cv2.INTER_CUBIC)
    return Loaded(name, found, shown, shown.shape[1] / image.shape[1], 1, reduced=image.shape[1] / whole.shape[1])


def _clip(path: Path, name: str, room: Callable[[], Path]) -> Loaded:
    about = video.info(path)
    if about.duration > SECONDS:
        raise UserError(f"{name} lasts {about.duration:.0f} s, the limit is {SECONDS:.0f} s; cut out the part that "
                        "matters")
    subjects = tuple(find_subjects(path, "all", name))
    film = subjects[0].film
    first = 1
    if film is not None and film.scene.tracks:
        first = film.scene.tracks[int(np.argmax(presence(film.scene)))].id
    picture = video.sample(path, times=[about.duration / 2], max_side=SHOWN).images[0]
    place = room()
    played = place / f"clip{'.webm' if path.suffix.lower() == '.webm' else '.mp4'}"
    try:
        if about.codec in PLAYS and path.suffix.lower() in (".mp4", ".m4v", ".mov", ".webm") and not about.truncated:
            shutil.copyfile(path, played)
        else:
            played = place / "clip.mp4"
            _transcode(path, played)
    except Exception:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return Loaded(name, subjects, picture, picture.shape[1] / about.width, first, played, place)


def at_peak(loaded: Loaded, subject: Subject) -> Loaded:
    """With the clip's picture taken from the peak of ``subject``'s face (``Clip.peak``)."""
    if loaded.clip is None or subject.film is None or subject.film.clip is None:
        return loaded
    try:
        picture = video.sample(loaded.clip, times=[subject.film.clip.peak], max_side=SHOWN).images[0]
    except UserError:
        return loaded
    return replace(loaded, picture=picture)


def _transcode(source: Path, target: Path) -> None:
    """An mp4 that browsers play, at most 640 pixels, from whatever can be read."""
    import av

    with av.open(str(target), "w", options={"movflags": "faststart"}) as out:
        stream = None
        for chunk in video.stream(source, max_side=640):
            for image, time in zip(chunk.images, chunk.times, strict=True):
                image = image[:image.shape[0] // 2 * 2, :image.shape[1] // 2 * 2]
                if stream is None:
                    stream = out.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "26"})
                    stream.height, stream.width = image.shape[:2]
                    stream.pix_fmt = "yuv420p"
                    stream.codec_context.time_base = _TICK
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
                frame.pts, frame.time_base = round(float(time) / _TICK), _TICK
                out.mux(stream.encode(frame))
        if stream is not None:
            out.mux(stream.encode())


def fit(image: np.ndarray, side: int) -> np.ndarray:
    factor = side / max(image.shape[:2])
    if factor >= 1:
        return image
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def data_url(image: np.ndarray, kind: str = ".jpg", quality: int = 88) -> str:
    """A picture (H, W, 3 RGB or 4 RGBA) uint8 as a data: address."""
    order = cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind == ".jpg" else []
    _, data = cv2.imencode(kind, cv2.cvtColor(image, order), options)
    mime = {".jpg": "jpeg", ".png": "png", ".webp": "webp"}[kind]
    return f"data:image/{mime};base64,{base64.b64encode(data.tobytes()).decode()}"
