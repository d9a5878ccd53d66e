"""Pictures that show an answer: the face's box, where each named AU shows, how strong it is, and the conclusion."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from emoreason.errors import UserError
from emoreason.facs import ACTION_UNITS
from emoreason.reason import Answer, Subject
from emoreason.records import FaceTrack
from emoreason.regions import AU_POINTS, au_centres, points68
from emoreason.schema import Observation

WHITE, PRESENT, ABSENT, DOUBT = (245, 245, 245), (255, 176, 46), (150, 150, 155), (240, 92, 104)
GROUND, RAIL = (24, 25, 29), (58, 60, 68)
TALL, PANEL, EDGE = 900, 470, 28  # pixels: longer side of the picture, width of the panel, its margin
FOOT = "A face shows movement, not the mind: this says how it looks, not what a person is or feels."


def draw(subject: Subject, answer: Answer) -> np.ndarray:
    """The picture (H, W, 3) uint8 RGB with box, AU regions and a legend to its right. Claims that the evidence does not
    carry are red. Raises UserError for a subject without a picture (a ready-made crop) or without a face."""
    if subject.image is None or subject.track is None:
        raise UserError(f"{subject.name}: no overlay, since there is no face in a larger picture")
    face = _face(subject.image, subject.track, answer)
    panel = _panel(answer, max(face.height, 460))
    whole = Image.new("RGB", (face.width + panel.width, panel.height), GROUND)
    whole.paste(face, (0, (panel.height - face.height) // 2))
    whole.paste(panel, (face.width, 0))
    return np.asarray(whole)


def card(subject: Subject | None, answer: Answer, picture: np.ndarray) -> np.ndarray:
    """One answer to show around, (H, W, 3) uint8 RGB: picture with regions, question, conclusion, why, limits.
    ``picture`` stands where the subject has none of its own (a ready-made crop, no face)."""
    face = _sized(picture)
    if subject is not None and subject.image is not None and subject.track is not None:
        face = _face(subject.image, subject.track, answer)
    panel = _panel(answer, max(face.height, 640), question=True)
    whole = Image.new("RGB", (face.width + panel.width, panel.height + 44), GROUND)
    whole.paste(face, (0, (panel.height - face.height) // 2))
    whole.paste(panel, (face.width, 0))
    pen = ImageDraw.Draw(whole)
    pen.text((16, panel.height + 14), FOOT, ABSENT, _font(15))
    pen.text((whole.width - 16, panel.height + 14), "emoreason", ABSENT, _font(15), anchor="ra")
    return np.asarray(whole)


def _sized(image: np.ndarray) -> Image.Image:
    factor = TALL / max(image.shape[:2])
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return Image.fromarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=kind))


def _face(image: np.ndarray, track: FaceTrack, answer: Answer) -> Image.Image:
    """The picture, its longer side TALL, with the box and glowing regions."""
    canvas = _sized(image).convert("RGBA")
    scale = TALL / max(image.shape[:2])
    points = points68(track.landmarks[0]) * scale
    x0, y0, x1, y1 = (float(v) * scale for v in track.boxes[0])
    glow = Image.new("RGBA", canvas.size)
    pen = ImageDraw.Draw(glow)
    rings: list[tuple[tuple[float, float, float, float], tuple[int, int, int], int]] = []
    for o in answer.explanation.observations if answer.explanation else ():
        if o.au not in AU_POINTS:
            continue
        colour, level = _colour(o, answer), 2.0 if o.intensity is None else o.intensity
        size = max(5.0, (x1 - x0) * 0.07) * ((0.6 + 0.12 * level) if o.present else 0.5)
        for x, y in au_centres(points, o.au):
            spot = (x - size, y - size, x + size, y + size)
            if o.present:
                pen.ellipse(spot, (*colour, 150))
            rings.append((spot, colour, 2 if o.present else 1))
    canvas.alpha_composite(glow.filter(ImageFilter.GaussianBlur(max(2.0, (x1 - x0) * 0.012))))
    lines = Image.new("RGBA", (2 * canvas.width, 2 * canvas.height))  # drawn at twice the size, for smooth edges
    pen = ImageDraw.Draw(lines)
    pen.rounded_rectangle((2 * x0, 2 * y0, 2 * x1, 2 * y1), 16, outline=(*WHITE, 220), width=4)
    for spot, colour, wide in rings:
        pen.ellipse(tuple(2 * v for v in spot), outline=(*colour, 230), width=2 * wide)
    canvas.alpha_composite(lines.resize(canvas.size, Image.Resampling.LANCZOS))
    return canvas.convert("RGB")


def _colour(o: Observation, answer: Answer) -> tuple[int, int, int]:
    if o.au in answer.unsupported:
        return DOUBT
    return PRESENT if o.present else ABSENT


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _panel(answer: Answer, height: int, question: bool = False) -> Image.Image:
    """Conclusion, why and claims; as many claims as there is room for."""
    panel = Image.new("RGB", (PANEL, height), GROUND)
    pen, x, y = ImageDraw.Draw(panel), answer.explanation, EDGE
    if question:
        y = _text(pen, answer.question, y, 17, ABSENT, 3) + 10
    title = "unparsed answer" if x is None else f"looks: {x.emotion}" if x.emotion else "no reading"
    y = _text(pen, title, y, 30, WHITE, 2) + 4
    if x is not None and x.emotion and x.confidence is not None:
        y = _rail(pen, y + 6, x.confidence, PRESENT) + 8
        y = _text(pen, f"{x.confidence:.0%} sure", y, 16, ABSENT, 1) + 8
    if question and x is not None:
        y = _text(pen, x.interpretation, y + 4, 17, WHITE, 9) + 12
    for o in x.observations if x else ():
        if y + 46 > height:
            break
        y = _claim(pen, o, answer, y)
    return panel


def _claim(pen: ImageDraw.ImageDraw, o: Observation, answer: Answer, y: int) -> int:
    colour, bad = _colour(o, answer), o.au in answer.unsupported
    side = "" if o.side == "both" else f", {o.side}"
    pen.text((EDGE, y), f"AU{o.au} {ACTION_UNITS[o.au].name}{side}", colour, _font(17))
    level = "absent" if not o.present else "" if o.intensity is None else f"{o.intensity:.1f}"
    pen.text((PANEL - EDGE, y), f"{level}{'  not supported' if bad else ''}", colour, _font(17), anchor="ra")
    if o.present and o.intensity is not None:
        _rail(pen, y + 25, o.intensity / 5, colour)
    return y + 46


def _rail(pen: ImageDraw.ImageDraw, y: int, share: float, colour: tuple[int, int, int]) -> int:
    pen.rounded_rectangle((EDGE, y, PANEL - EDGE, y + 8), 4, RAIL)
    pen.rounded_rectangle((EDGE, y, EDGE + max(8, (PANEL - 2 * EDGE) * share), y + 8), 4, colour)
    return y + 8


def _text(pen: ImageDraw.ImageDraw, text: str, y: int, size: int, colour: tuple[int, int, int], most: int) -> int:
    """Wrapped text, at most ``most`` lines; returns where it ends."""
    wide = max(8, int((PANEL - 2 * EDGE) / (0.52 * size)))
    lines = textwrap.wrap(text, wide, max_lines=most, placeholder=" …")
    for i, line in enumerate(lines):
        pen.text((EDGE, y + int(1.32 * size) * i), line, colour, _font(size))
    return y + int(1.32 * size) * len(lines)


def save(image: np.ndarray, path: str | os.PathLike) -> None:
    """Write a picture; raises UserError when the folder is missing or the ending unknown."""
    path = Path(path)
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: the folder {path.parent} does not exist")
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise UserError(f"cannot write {path}: name it .png, .jpg or .webp")
    if not cv2.imwrite(str(path), image[..., ::-1]):
        raise UserError(f"cannot write {path}: is the folder writable?")
