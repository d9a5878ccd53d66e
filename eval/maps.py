"""Where a model looked for each AU, against where the face shows it.

A row of predictions may hold ``maps``: {"aus": [AU, ...], "shape": [h, w], "data": base64 of uint8 (K, h, w), each
map's strongest point 255, "frame": 2 x 3 matrix from pixels of the picture to the map's square [0, 1]^2}.

Two masks to hold them against: the *expert* mask, discs of 0.22 of the distance of the outer eye corners around the
places that FACS names for the AU (emoreason.regions, on the true landmarks); and the *shown* mask of a switched pair,
the cells where switching the AU changed the picture by at least half of its largest change.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from emoreason.facs import MEASURED_AUS
from emoreason.regions import AU_POINTS, au_centres

DISC = 0.22  # of the distance of the outer eye corners
CHANGED = 0.5


@dataclass(frozen=True)
class Maps:
    """values: AU -> map (h, w) >= 0; frame (2, 3): pixels of the picture -> [0, 1]^2 of the maps' square."""

    values: dict[int, np.ndarray]
    frame: np.ndarray


def pack(maps: np.ndarray, frame: np.ndarray) -> dict[str, Any]:
    """maps (K, h, w) >= 0 of MEASURED_AUS and frame (2, 3), as a JSON value for a row of predictions."""
    peaks = np.maximum(maps.max((1, 2), keepdims=True), 1e-9)
    data = np.round(255 * maps / peaks).astype(np.uint8)
    return {"aus": list(MEASURED_AUS), "shape": list(maps.shape[1:]), "data": base64.b64encode(data.tobytes()).decode(),
            "frame": np.round(frame, 6).tolist()}


def unpack(value: Any) -> Maps | None:
    """The inverse of ``pack``; None for anything else."""
    try:
        h, w = (int(n) for n in value["shape"])
        numbers = [int(a) for a in value["aus"]]
        data = np.frombuffer(base64.b64decode(value["data"], validate=True), np.uint8).reshape(len(numbers), h, w)
        frame = np.array(value["frame"], float).reshape(2, 3)
    except (KeyError, TypeError, ValueError, OverflowError, binascii.Error):
        return None
    return Maps(dict(zip(numbers, data.astype(float), strict=True)), frame)


def map_iou(attention: np.ndarray, mask: np.ndarray) -> float:
    """Overlap of an AU map (h, w) with a mask (h, w) bool: the map's strongest points, as many as the mask has,
    against it; intersection over union in [0, 1]. Published networks reach .27 on average, .33 at best."""
    count = int(mask.sum())
    if not count:
        return 0.0
    top = np.zeros(mask.size, bool)
    top[np.argsort(-attention.ravel(), kind="stable")[:count]] = True
    return float((top & mask.ravel()).sum() / (top | mask.ravel()).sum())


def expert_mask(points: np.ndarray, au: int, frame: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(h, w) bool: discs around where FACS says that the AU shows; points (68, 2) pixels of the picture."""
    h, w = shape
    x, y = np.meshgrid((np.arange(w) + 0.5) / w, (np.arange(h) + 0.5) / h)
    inside = points @ frame[:, :2].T + frame[:, 2]
    radius = DISC * float(np.linalg.norm(inside[36] - inside[45]))
    centres = au_centres(inside, au)
    return np.any([(x - cx) ** 2 + (y - cy) ** 2 <= radius ** 2 for cx, cy in centres], axis=0)


def shown_mask(on: np.ndarray, off: np.ndarray, frame: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(h, w) bool: the cells in which two pictures (H, W, 3) uint8 of a pair differ most."""
    h, w = shape
    change = np.abs(on.astype(np.float32) - off.astype(np.float32)).mean(-1)
    fine = 8
    matrix = np.diag([w * fine, h * fine]) @ frame
    crop = cv2.warpAffine(change, matrix, (w * fine, h * fine), flags=cv2.INTER_LINEAR)
    cells = cv2.resize(crop, (w, h), interpolation=cv2.INTER_AREA)
    return cells >= CHANGED * cells.max() if cells.max() > 0 else np.zeros(shape, bool)


def expert_ious(maps: Maps, points: np.ndarray, present: Sequence[int]) -> dict[int, tuple[float, float]]:
    """AU -> (IoU of its map, IoU of the maps of all other AUs, on average) for the AUs that are present."""
    found = {}
    for a in present:
        if a in maps.values and a in AU_POINTS:
            mask = expert_mask(points, a, maps.frame, maps.values[a].shape)
            others = [map_iou(m, mask) for b, m in maps.values.items() if b != a]
            found[a] = map_iou(maps.values[a], mask), float(np.mean(others)) if others else 0.0
    return found

