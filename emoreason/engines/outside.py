"""Faces for models that were not made here: the scene and the face as two pictures, the evidence as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.prompts import INSTRUCTION, evidence_text
from emoreason.records import Evidence

SIDE = 768  # longest side of a picture that is handed on
MARGIN = 0.35  # around the face's box, of its longer side
FRAMES = 4  # crops of a clip that are handed on
ASYMMETRY = 1.0  # difference of the sides from which the stronger one is named

Shown = tuple[np.ndarray | None, tuple[float, float, float, float] | None, np.ndarray]


def introduce(faces: Sequence[Shown], seen: Sequence[Evidence | None]) -> tuple[list[dict[str, Any]], tuple]:
    """The parts of a message that show faces, before the question, and its pictures (H, W, 3) uint8 RGB.

    faces: (the picture, the face's box in it in pixels, its crops (T, S, S, 3)); picture and box None for a crop or a
    clip."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": INSTRUCTION}]
    pictures: list[np.ndarray] = []
    for number, ((image, box, crops), evidence) in enumerate(zip(faces, seen, strict=True), 1):
        which = f"Face {number}" if len(faces) > 1 else "The face"
        if image is not None and box is not None:
            mine = [fit(image), fit(cut(image, box))]
            says = f"{which}: the whole picture, then the face that is asked about."
        else:
            mine = list(crops[np.linspace(0, len(crops) - 1, min(FRAMES, len(crops))).round().astype(int)])
            says = f"{which}: frames of it in order." if len(mine) > 1 else f"{which}:"
        parts += [{"type": "text", "text": says}, *[{"type": "image"}] * len(mine)]
        pictures += mine
        if evidence is not None:
            parts.append({"type": "text", "text": describe(evidence)})
    return parts, tuple(pictures)


def describe(evidence: Evidence) -> str:
    """Evidence as ``prompts.evidence_text``: of a clip the peaks of the AUs and the mean of the rest."""
    apex = evidence.aus.argmax(0)
    sides = {a: "right" if evidence.sides[t, i] > 0 else "left" for i, (a, t) in
             enumerate(zip(MEASURED_AUS, apex, strict=True)) if abs(evidence.sides[t, i]) >= ASYMMETRY}
    aus = {a: float(v) for a, v in zip(MEASURED_AUS, evidence.aus.max(0), strict=True)}
    looks = {e: float(p) for e, p in zip(EMOTIONS, evidence.emotions.mean(0), strict=True)}
    return evidence_text(aus, looks, float(evidence.valence.mean()), float(evidence.arousal.mean()), sides,
                         evidence.poses.mean(0))


def cut(image: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """The face in its box (xyxy pixels) with a margin, as it stands in the picture (H, W, 3)."""
    h, w = image.shape[:2]
    pad = MARGIN * max(box[2] - box[0], box[3] - box[1])
    x0, y0 = max(0, int(box[0] - pad)), max(0, int(box[1] - pad))
    x1, y1 = min(w, int(np.ceil(box[2] + pad))), min(h, int(np.ceil(box[3] + pad)))
    return np.ascontiguousarray(image[y0:max(y1, y0 + 1), x0:max(x1, x0 + 1)])


def fit(image: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) shrunk so that no side is longer than SIDE."""
    h, w = image.shape[:2]
    scale = SIDE / max(h, w)
    if scale >= 1:
        return image
    return cv2.resize(image, (max(1, round(w * scale)), max(1, round(h * scale))), interpolation=cv2.INTER_AREA)
