"""The records that pass between the parts: shape-checked dataclasses, no behaviour beyond checks and views."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emoreason.facs import EMOTIONS, MEASURED_AUS

FloatArray = np.ndarray
CROP = 128  # side of an aligned face crop in pixels
CLIP_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".gif")


def is_clip(source: object) -> bool:
    """Whether a path is that of a clip, by its ending; a GIF counts as a picture: its first frame."""
    return isinstance(source, str | os.PathLike) and Path(source).suffix.lower() in set(CLIP_SUFFIXES) - {".gif"}


def _check(name: str, value: np.ndarray, *shape: int | None, dtype: type | None = None) -> None:
    """Raise ValueError unless ``value`` has ``shape`` (None: any length) and, where given, ``dtype``."""
    fits = value.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, value.shape, strict=True))
    if not fits:
        want = tuple("_" if s is None else s for s in shape)
        raise ValueError(f"{name} must have shape {want}, but got {value.shape}")
    if dtype is not None and value.dtype != dtype:
        raise ValueError(f"{name} must be {np.dtype(dtype).name}, but got {value.dtype}")


@dataclass(frozen=True)
class Frames:
    """Decoded frames. images (T, H, W, 3) uint8 RGB, upright; times (T,) seconds from the start, increasing."""

    images: np.ndarray
    times: FloatArray

    def __post_init__(self) -> None:
        _check("images", self.images, None, None, None, 3, dtype=np.uint8)
        _check("times", self.times, len(self.images))


@dataclass(frozen=True)
class Face:
    """One face in one frame.

    box (4,) xyxy pixels of the upright frame; landmarks (478, 3) pixels (z in pixels too, towards the camera
    negative); score in [0, 1]: the mesh's own belief that this is a face; pose (3,) yaw, pitch, roll in degrees
    (yaw > 0: turned to the image's right, pitch > 0: looking up, roll > 0: head tilted clockwise in the image);
    quality: see ``Quality``; crop (CROP, CROP, 3) uint8 RGB, upright and aligned.
    """

    box: FloatArray
    landmarks: FloatArray
    score: float
    pose: FloatArray
    quality: Quality
    crop: np.ndarray

    def __post_init__(self) -> None:
        _check("box", self.box, 4)
        _check("landmarks", self.landmarks, 478, 3)
        _check("pose", self.pose, 3)
        _check("crop", self.crop, CROP, CROP, 3, dtype=np.uint8)


@dataclass(frozen=True)
class Quality:
    """What limits reading a face. size: distance between the pupils in pixels; sharpness and light in [0, 1]
    (0: useless, 1: fine); frontal in [0, 1] (1: facing the camera). ``reasons`` names what is too poor to read
    the face at all, in plain words; empty when it can be read."""

    size: float
    sharpness: float
    light: float
    frontal: float
    reasons: tuple[str, ...] = ()

    @property
    def readable(self) -> bool:
        return not self.reasons


@dataclass(frozen=True)
class FaceTrack:
    """One face over T frames (T = 1 for a picture). Frames in which it was not found have ``valid`` False, and
    the other fields repeat the nearest valid frame there.

    times (T,) seconds; boxes (T, 4) xyxy pixels; landmarks (T, 478, 3) pixels; crops (T, CROP, CROP, 3) uint8
    RGB; valid (T,) bool; scores (T,) in [0, 1]; poses (T, 3) degrees; quality of each frame.
    """

    id: int
    times: FloatArray
    boxes: FloatArray
    landmarks: FloatArray
    crops: np.ndarray
    valid: np.ndarray
    scores: FloatArray
    poses: FloatArray
    quality: tuple[Quality, ...]

    def __post_init__(self) -> None:
        n = len(self.times)
        if n == 0:
            raise ValueError("a FaceTrack has at least one frame")
        _check("boxes", self.boxes, n, 4)
        _check("landmarks", self.landmarks, n, 478, 3)
        _check("crops", self.crops, n, CROP, CROP, 3, dtype=np.uint8)
        _check("valid", self.valid, n, dtype=np.bool_)
        _check("scores", self.scores, n)
        _check("poses", self.poses, n, 3)
        if len(self.quality) != n:
            raise ValueError(f"quality must have {n} entries, but got {len(self.quality)}")

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def from_face(cls, face: Face, id: int = 1, time: float = 0.0) -> FaceTrack:
        """The track of a single picture."""
        return cls(id, np.array([time]), face.box[None], face.landmarks[None], face.crop[None], np.array([True]),
                   np.array([face.score]), face.pose[None], (face.quality,))


@dataclass(frozen=True)
class Evidence:
    """What facenet reads off T crops of one face. K = len(MEASURED_AUS), in that order.

    aus (T, K) intensities 0-5; sides (T, K) right minus left intensity (the subject's own sides), -5..5;
    maps (T, K, h, w) each non-negative and summing to 1; emotions (T, 8) probabilities in the order of EMOTIONS;
    valence, arousal (T,) in [-1, 1]; poses (T, 3) yaw, pitch, roll in degrees as in ``Face``; valid (T,) bool.
    """

    times: FloatArray
    aus: FloatArray
    sides: FloatArray
    maps: FloatArray
    emotions: FloatArray
    valence: FloatArray
    arousal: FloatArray
    poses: FloatArray
    valid: np.ndarray = field(default_factory=lambda: np.ones(1, bool))

    def __post_init__(self) -> None:
        n, k = len(self.times), len(MEASURED_AUS)
        _check("aus", self.aus, n, k)
        _check("sides", self.sides, n, k)
        _check("maps", self.maps, n, k, None, None)
        _check("emotions", self.emotions, n, len(EMOTIONS))
        _check("valence", self.valence, n)
        _check("arousal", self.arousal, n)
        _check("poses", self.poses, n, 3)
        _check("valid", self.valid, n)

    def intensities(self, t: int = 0) -> dict[int, float]:
        """AU number -> intensity at frame ``t``."""
        return {a: float(v) for a, v in zip(MEASURED_AUS, self.aus[t], strict=True)}


@dataclass(frozen=True)
class Score:
    """One item's score; ``value`` None: unscored, and ``reason`` says why."""

    value: float | None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise ValueError("an unscored item needs a reason")
