"""Pictures that show an answer: the face's box, where each named AU shows, and its strength."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from emoreason.errors import UserError
from emoreason.facs import ACTION_UNITS
from emoreason.reason import Answer, Subject
from emoreason.regions import AU_POINTS, au_centres, points68

BOX, PRESENT, ABSENT, DOUBT = (255, 255, 255), (255, 176, 46), (150, 150, 150), (232, 72, 85)


def draw(subject: Subject, answer: Answer) -> np.ndarray:
    """The picture (H, W, 3) uint8 with box, AU regions and a legend to its right. Claims that the evidence does not
    carry are red. Raises UserError for a subject without a picture (a ready-made crop)."""
    if subject.image is None or subject.track is None:
        raise UserError(f"{subject.name}: no overlay, since there is no face in a larger picture")
    image, box = subject.image, subject.track.boxes[0]
    landmarks = subject.track.landmarks[0]
    scale = 900 / max(image.shape[:2])
    canvas = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    points = points68(landmarks) * scale
    x0, y0, x1, y1 = (int(v * scale) for v in box)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), BOX, 2, cv2.LINE_AA)
    observations = answer.explanation.observations if answer.explanation else ()
    radius = max(5, int((x1 - x0) * 0.07))
    glow = canvas.copy()
    for o in observations:
        if o.au in AU_POINTS:
            for x, y in au_centres(points, o.au):
                size = int(radius * (0.6 + 0.12 * (o.intensity or 2))) if o.present else radius // 2
                cv2.circle(glow, (int(x), int(y)), size, _colour(o, answer), -1 if o.present else 1, cv2.LINE_AA)
    canvas = cv2.addWeighted(glow, 0.45, canvas, 0.55, 0)
    return np.concatenate([canvas, _legend(answer, canvas.shape[0])], 1)


def _colour(o: object, answer: Answer) -> tuple[int, int, int]:
    if o.au in answer.unsupported:
        return DOUBT
    return PRESENT if o.present else ABSENT


def _legend(answer: Answer, height: int) -> np.ndarray:
    panel = np.full((height, 360, 3), 24, np.uint8)

    def say(text: str, x: int, y: int, size: float, colour: tuple[int, int, int]) -> None:
        cv2.putText(panel, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)

    x = answer.explanation
    title = (x.emotion or "no reading") if x else "unparsed answer"
    say("looks: " + title if x and x.emotion else title, 16, 34, 0.75, BOX)
    if x and x.confidence is not None:
        say(f"confidence {x.confidence:.0%}", 16, 60, 0.5, ABSENT)
    for i, o in enumerate(x.observations if x else ()):
        y = 96 + 44 * i
        if y > height - 20:
            break
        say(f"AU{o.au} {ACTION_UNITS[o.au].name}", 16, y, 0.5, _colour(o, answer))
        if o.present:
            level = o.intensity if o.intensity is not None else 2.0
            cv2.rectangle(panel, (16, y + 8), (316, y + 16), (60, 60, 60), -1)
            cv2.rectangle(panel, (16, y + 8), (16 + int(60 * level), y + 16), _colour(o, answer), -1)
        else:
            say("absent", 16, y + 18, 0.42, ABSENT)
    return panel


def save(image: np.ndarray, path: str | os.PathLike) -> None:
    """Write a picture; raises UserError when the folder is missing or the ending unknown."""
    path = Path(path)
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: the folder {path.parent} does not exist")
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise UserError(f"cannot write {path}: name it .png, .jpg or .webp")
    if not cv2.imwrite(str(path), image[..., ::-1]):
        raise UserError(f"cannot write {path}: is the folder writable?")
