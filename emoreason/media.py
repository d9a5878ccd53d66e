"""What the model sees of pictures and clips: a scene, face crops, and the tensor that they become.

pixel_values (N, T, 2, 3, S, S) float32 in [0, 1]: N media, T frames (1 for a picture), scene and face crop, RGB,
S = records.CROP. A part that is missing (no face, no scene, frames beyond a shorter clip) is all zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from emoreason.records import CROP, FaceTrack, _check

if TYPE_CHECKING:
    import torch

SCENE_TOKENS, FACE_TOKENS, SEGMENTS = 4, 2, 4
MAX_FRAMES = 64  # of an animation taken as a clip


@dataclass(frozen=True)
class Media:
    """One face of one picture or clip, ready for the model: scene (T, S, S, 3) uint8 RGB or None, crops
    (T, S, S, 3) uint8 RGB or None; S = records.CROP."""

    scene: np.ndarray | None = None
    crops: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.scene is None and self.crops is None:
            raise ValueError("a Media needs a scene, crops, or both")
        for name in ("scene", "crops"):
            value = getattr(self, name)
            if value is not None:
                _check(name, value, None, CROP, CROP, 3, dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.scene if self.scene is not None else self.crops)

    @classmethod
    def of(cls, image: np.ndarray | None, track: FaceTrack | None) -> Media:
        """From an upright picture (H, W, 3) uint8 and one of its faces, either of which may be missing."""
        scene = None if image is None else shrink(image)[None]
        return cls(scene, None if track is None else track.crops[track.valid])


def shrink(image: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) uint8 -> (CROP, CROP, 3), the whole of it, proportions given up."""
    return cv2.resize(image, (CROP, CROP), interpolation=cv2.INTER_AREA)


def is_ready_crop(image: np.ndarray) -> bool:
    """Whether a picture (H, W, 3) is a ready-made face crop: no side above 64 px, or square and at most 128 px."""
    h, w = image.shape[:2]
    return max(h, w) <= 64 or (h == w and h <= CROP)


def as_media(item: Any) -> Media:
    """Anything that stands for a picture -> Media: a Media, a dict of its fields, a path, bytes, a PIL picture or an
    array (H, W, 3). A ready-made crop is taken as the face; otherwise the largest face found is. The bytes of an
    animation of ready-made crops are a clip."""
    if isinstance(item, Media):
        return item
    if isinstance(item, dict) and ("crops" in item or "scene" in item):
        parts = {k: None if item.get(k) is None else np.asarray(item[k], np.uint8) for k in ("scene", "crops")}
        return Media(**parts)
    from emoreason import faces, images

    if isinstance(item, bytes) and (crops := _crops_of(item)) is not None:
        return Media(None, crops)
    image = images.read(item)
    if is_ready_crop(image):
        return Media(None, cv2.resize(image, (CROP, CROP), interpolation=cv2.INTER_CUBIC)[None])
    found = faces.detect(image)
    return Media.of(image, FaceTrack.from_face(found[0]) if found else None)


def _crops_of(data: bytes) -> np.ndarray | None:
    """The frames (T, CROP, CROP, 3) of an animation of at most MAX_FRAMES ready-made crops; None for anything else."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    import io

    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("WEBP",)) as film:
        count = getattr(film, "n_frames", 1)
        if not 1 < count <= MAX_FRAMES or not is_ready_crop(np.empty((film.height, film.width, 0))):
            return None
        frames = []
        for i in range(count):
            film.seek(i)
            frames.append(np.asarray(film.convert("RGB")))
    return np.stack([cv2.resize(f, (CROP, CROP), interpolation=cv2.INTER_CUBIC) for f in frames])


def token_count(frames: int, aus: int = 22) -> int:
    """Placeholders of one media: scene, faces (a fixed budget, however long the clip), one per AU."""
    return SCENE_TOKENS + FACE_TOKENS * min(frames, SEGMENTS) + aus


def stack_media(media: Sequence[Media]) -> torch.Tensor:
    """pixel_values (N, T, 2, 3, S, S) of the media, shorter ones padded with zero frames."""
    import torch

    frames = max(len(m) for m in media)
    out = np.zeros((len(media), frames, 2, CROP, CROP, 3), np.float32)
    for i, m in enumerate(media):
        for j, part in enumerate((m.scene, m.crops)):
            if part is not None:
                out[i, :len(part), j] = np.maximum(part, 1) / 255.0  # black is not missing
    return torch.from_numpy(out).permute(0, 1, 2, 5, 3, 4).contiguous()
