"""A clip that shows an answer: the face's box, the AUs as they move, a timeline; and the courses as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageDraw

from emoreason import video
from emoreason.clips import PARTS, Clip
from emoreason.errors import UserError
from emoreason.facs import ACTION_UNITS, MEASURED_AUS
from emoreason.facs import PRESENT as PRESENT_FROM
from emoreason.overlay import ABSENT, DOUBT, GROUND, PRESENT, RAIL, WHITE, _font
from emoreason.reason import Answer, Subject

SIDE = 640  # longer side of the clip's picture, pixels
PANEL, ROW, LINE = 280, 36, 20  # width of the bars' panel, heights of a bar's row and of a timeline's row
MOST = 9  # AUs that are drawn
NEAR = 0.1  # seconds from a frame in which the face was seen
LEFT = 64  # where the timeline begins
Colour = tuple[int, int, int]


def write(subject: Subject, answer: Answer, path: str | Path) -> list[Path]:
    """The clip with box, bars and timeline as an mp4, and beside it the courses as a PNG; for a path that ends in .png
    the courses alone. Returns what was written. Raises UserError for a subject without a face in a clip, another
    ending, and a folder that is not there."""
    path = Path(path)
    if subject.film is None or subject.film.clip is None or subject.track is None:
        raise UserError(f"{subject.name}: no overlay, since there is no face in it")
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: the folder {path.parent} does not exist")
    if path.suffix.lower() not in (".mp4", ".png"):
        raise UserError(f"cannot write {path}: name it .mp4 (the clip and its courses) or .png (the courses)")
    picture = path.with_suffix(".png")
    if not cv2.imwrite(str(picture), courses(subject.film.clip, answer.unsupported)[..., ::-1]):
        raise UserError(f"cannot write {picture}: is the folder writable?")
    if path.suffix.lower() == ".png":
        return [picture]
    part = path.with_name(f".{path.name}.part")
    try:
        _encode(part, frames(subject, answer))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return [path, picture]


def frames(subject: Subject, answer: Answer) -> Iterator[tuple[float, np.ndarray]]:
    """(seconds, picture (H, W, 3) uint8 RGB) of every frame, drawn upon."""
    film, track = subject.film, subject.track
    assert film is not None and film.clip is not None and track is not None
    shown, strip = _shown(film.clip), None
    near = max(NEAR, 0.5 * float(np.median(np.diff(track.times)))) if len(track) > 1 else NEAR  # a track may be thinned
    for chunk in video.stream(film.path, max_side=SIDE):
        scale = chunk.images.shape[2] / film.scene.width
        for image, time in zip(chunk.images, chunk.times, strict=True):
            strip = strip or _timeline(film.clip, shown, image.shape[1] + PANEL, answer.unsupported)
            height = max(image.shape[0], 60 + ROW * len(shown))
            whole = Image.new("RGB", (image.shape[1] + PANEL, height + strip.height), GROUND)
            whole.paste(Image.fromarray(image), (0, (height - image.shape[0]) // 2))
            whole.paste(strip, (0, height))
            pen = ImageDraw.Draw(whole)
            at = int(np.abs(track.times - time).argmin())
            if track.valid[at] and abs(track.times[at] - time) <= near:
                box = track.boxes[at] * scale + np.tile((0, (height - image.shape[0]) // 2), 2)
                pen.rounded_rectangle(tuple(box), 6, outline=WHITE, width=2)
                pen.text((box[0] + 4, box[1] - 16), f"face {subject.index}", WHITE, _font(13))
            _bars(pen, film.clip, shown, float(time), image.shape[1] + 16, answer)
            x = _across(float(time), film.clip, whole.width, LEFT)
            pen.line((x, height + 2, x, whole.height - 2), WHITE, 1)
            yield float(time), np.asarray(whole)


def courses(clip: Clip, unsupported: tuple[int, ...] = (), width: int = 1200, height: int = 72) -> np.ndarray:
    """(H, W, 3) uint8 RGB: a line for each AU that moves, its events shaded (grey: uncertain), seconds below."""
    shown = _shown(clip) or [12]
    x0, top, e = 240, 36, clip.evidence
    whole = Image.new("RGB", (width, top + height * len(shown) + 34), GROUND)
    pen = ImageDraw.Draw(whole)
    _looks(pen, clip, width, x0, 10)
    step = next(s for s in (0.5, 1, 2, 5, 10, 30, 60, 1e9) if clip.duration / s <= 12)
    for t in np.arange(0, clip.duration + 1e-6, step):
        x = _across(float(t), clip, width, x0)
        pen.line((x, top, x, whole.height - 28), RAIL, 1)
        pen.text((x, whole.height - 22), f"{t:g} s", ABSENT, _font(13), anchor="ma")
    for n, a in enumerate(shown):
        base = top + height * (n + 1) - 8
        pen.text((16, base - 22), f"AU{a}", _tint(a, unsupported), _font(16))
        pen.text((70, base - 20), ACTION_UNITS[a].name, WHITE, _font(14))
        _events(pen, clip, a, width, x0, base - height + 16, base, 0.35)
        pen.line((x0, base, width - 12, base), RAIL, 1)
        points = [(_across(t, clip, width, x0), base - (height - 16) * v / 5)
                  for t, v in zip(e.times, e.aus[:, MEASURED_AUS.index(a)].clip(0, 5), strict=True)]
        for run in _runs(points, e.times):
            pen.line(run, _tint(a, unsupported), 2, joint="curve")
    return np.asarray(whole)


def _shown(clip: Clip) -> list[int]:
    """The AUs that move, the strongest MOST of them, in the order of FACS."""
    moving = {e.au for e in clip.events if e.au in clip.levels}
    return sorted(sorted(moving, key=lambda a: -clip.levels[a])[:MOST])


def _runs(points: list[tuple[int, float]], times: np.ndarray) -> list[list[tuple[int, float]]]:
    """Cut where the face was away."""
    breaks = [0, *(np.flatnonzero(np.diff(times) > 0.3) + 1).tolist(), len(points)]
    return [points[a:b] for a, b in zip(breaks[:-1], breaks[1:], strict=True) if b > a]


def _across(time: float, clip: Clip, width: int, x0: int) -> int:
    return x0 + int((width - x0 - 12) * min(1.0, max(0.0, time / max(clip.duration, 1e-6))))


def _timeline(clip: Clip, shown: list[int], width: int, unsupported: tuple[int, ...]) -> Image.Image:
    """A row of events for each AU, and the look of each part."""
    whole = Image.new("RGB", (width, LINE * (len(shown) + 1) + 14), GROUND)
    pen = ImageDraw.Draw(whole)
    _looks(pen, clip, width, LEFT, 4)
    for n, a in enumerate(shown):
        y = LINE * (n + 1) + 8
        pen.text((14, y), f"AU{a}", _tint(a, unsupported), _font(13))
        pen.line((LEFT, y + 7, width - 12, y + 7), RAIL, 1)
        _events(pen, clip, a, width, LEFT, y + 2, y + 12, 0.9)
    return whole


def _looks(pen: ImageDraw.ImageDraw, clip: Clip, width: int, x0: int, y: int) -> None:
    """The look of each part, named where it changes."""
    before = ""
    for i, look in enumerate(clip.looks):
        if look.ranked[0] != before:
            x = _across(clip.start + i / PARTS * (clip.end - clip.start), clip, width, x0)
            pen.text((x, y), look.ranked[0], WHITE, _font(13))
        before = look.ranked[0]


def _events(pen: ImageDraw.ImageDraw, clip: Clip, a: int, width: int, x0: int, top: int, bottom: int,
            strength: float) -> None:
    """The AU's events from onset to offset, brighter where they are stronger, grey where they are uncertain."""
    for e in clip.events:
        if e.au == a:
            share = strength * (0.4 + 0.6 * e.peak / 5)
            tone = np.array(ABSENT if e.uncertain else PRESENT) * share + np.array(GROUND) * (1 - share)
            left, right = (_across(t, clip, width, x0) for t in (e.onset, e.offset))
            pen.rectangle((left, top, max(right, left + 2), bottom), tuple(tone.astype(int).tolist()))


def _bars(pen: ImageDraw.ImageDraw, clip: Clip, shown: list[int], time: float, left: int, answer: Answer) -> None:
    """The AUs' intensities at a time."""
    at = int(np.abs(clip.evidence.times - time).argmin())
    away = abs(clip.evidence.times[at] - time) > NEAR
    x = answer.explanation
    head = f"looks: {x.emotion or 'no reading'}" if x else "unparsed answer"
    doubt = " (not borne out)" if answer.slips or answer.unsupported else ""
    pen.text((left, 14), head + doubt, DOUBT if doubt else WHITE, _font(18))
    for n, a in enumerate(shown):
        y = 48 + ROW * n
        level = 0.0 if away else float(clip.evidence.aus[at, MEASURED_AUS.index(a)])
        tint = _tint(a, answer.unsupported) if level >= PRESENT_FROM else ABSENT
        pen.text((left, y), f"AU{a} {ACTION_UNITS[a].name}", tint, _font(13))
        pen.rectangle((left, y + 19, left + 200, y + 25), RAIL)
        pen.rectangle((left, y + 19, left + int(40 * min(level, 5)), y + 25), tint)
        pen.text((left + 212, y + 14), f"{level:.1f}", ABSENT, _font(13))


def _tint(a: int, unsupported: tuple[int, ...]) -> Colour:
    return DOUBT if a in unsupported else PRESENT


def _encode(path: Path, pictures: Iterator[tuple[float, np.ndarray]]) -> None:
    """An H.264 mp4 with the pictures' own times."""
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=30, options={"crf": "21", "preset": "veryfast"})
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        started = False
        for time, image in pictures:
            image = np.ascontiguousarray(image[:image.shape[0] // 2 * 2, :image.shape[1] // 2 * 2])
            if not started:
                stream.width, stream.height, stream.pix_fmt, started = image.shape[1], image.shape[0], "yuv420p", True
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
