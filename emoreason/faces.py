"""Faces in a picture: found, verified by the 478-point mesh, measured and cut out upright.

Left and right in the names here are the image's: the eye on the image's left is the subject's right eye when they
face the camera. Coordinates are pixels with the centre of the first pixel at (0, 0).

The framing of the crop. FER2013's 48x48 pictures are used as they are, so a crop must show a face as they do. The mesh
on 1,500 of its training pictures (5x enlarged; 95% accepted) gives, in units of the picture's side, as median and
median absolute deviation: eye on the left (0.320 +- 0.027, 0.397 +- 0.032), eye on the right (0.684 +- 0.030,
0.391 +- 0.035), mouth (0.509 +- 0.035, 0.768 +- 0.038), chin at 1.001 +- 0.032 and top of the forehead at
0.096 +- 0.034 of the height; roll -0.8 +- 4.5 degrees; distance of the eyes 0.372 and from eyes to mouth 0.384 where
the head is turned by less than 12 degrees. EYES, DROP and MIDDLE below are set so that ``framing`` of these faces
gives back the picture: in the median its side to 1%, its centre to 0.5%.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from emoreason.detectors import blaze, candidates, overlap, session
from emoreason.records import CROP, Face, Quality

# In units of the crop's side: distance of the eyes; distance from eyes to mouth that asks for as large a crop; height
# of the middle of the three points. An eye's centre is midway between its corners, so is the mouth's.
EYES, DROP, MIDDLE = 0.377, 0.405, 0.518
LEFT_EYE, RIGHT_EYE, MOUTH = (33, 133), (362, 263), (61, 291)  # corners; left and right of the image
LEFT_IRIS, RIGHT_IRIS = 468, 473
MESH = 192  # side of the mesh's input in pixels
LEAST_SCORE = 0.98  # the mesh's score from which a candidate is a face
LEAST_CONFIRMED = 0.61  # and the short-range detector's, asked again about that face alone
LEAST_PUPILS = 12  # pixels between the pupils from which a face can be read; FER2013 has 18
NOSE_SLOPE = 6.5  # degrees by which the line from forehead to nose leans when the head is level
HOPELESS = 0.05  # a score of the mesh's first look from which a second is not worth while


class Roi(NamedTuple):
    """A square of the picture, turned: centre (x, y) and side in pixels, angle in radians, clockwise."""

    x: float
    y: float
    side: float
    angle: float

    @classmethod
    def around(cls, box: np.ndarray, angle: float, scale: float = 1.5) -> Roi:
        """The square of ``scale`` times the longer side of a box (4,) xyxy."""
        return cls((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, max(box[2] - box[0], box[3] - box[1]) * scale, angle)

    @classmethod
    def of(cls, landmarks: np.ndarray, scale: float = 1.5) -> Roi:
        """Where to look for the same face again: around its landmarks (478, 2 or 3), upright with its eyes."""
        across = landmarks[RIGHT_EYE[1], :2] - landmarks[LEFT_EYE[0], :2]
        angle = math.atan2(across[1], across[0])
        turn = np.array([(math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))])
        upright = landmarks[:468, :2] @ turn.T
        low, high = upright.min(axis=0), upright.max(axis=0)
        x, y = (low + high) / 2 @ turn
        return cls(float(x), float(y), float((high - low).max()) * scale, angle)

    def matrix(self, size: int) -> np.ndarray:
        """(2, 3): pixels of a (size, size) crop -> pixels of the picture."""
        step = self.side / size
        a, b = math.cos(self.angle) * step, math.sin(self.angle) * step
        middle = (size - 1) / 2
        return np.array([(a, -b, self.x - (a - b) * middle), (b, a, self.y - (b + a) * middle)])


def warp(image: np.ndarray, matrix: np.ndarray, size: int, black: bool = False) -> np.ndarray:
    """Cut (size, size, 3) out of image (H, W, 3). matrix (2, 3): pixels of the crop -> pixels of the picture.

    Shrinking averages over the pixels it leaves out. Outside the picture its edge is repeated, or it is black.
    """
    import cv2
    step = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if step > 1.5:  # first shrink what is needed of the picture to near the crop's own resolution
        corners = matrix @ np.array([(0, 0, 1), (size, 0, 1), (0, size, 1), (size, size, 1)], float).T
        low = np.clip(np.floor(corners.min(axis=1) - 2 * step), 0, (image.shape[1] - 1, image.shape[0] - 1)).astype(int)
        high = np.ceil(corners.max(axis=1) + 2 * step).astype(int) + 1
        part = image[low[1]:max(high[1], low[1] + 1), low[0]:max(high[0], low[0] + 1)]
        shape = max(round(part.shape[1] / step), 1), max(round(part.shape[0] / step), 1)
        factor = np.array([shape[0] / part.shape[1], shape[1] / part.shape[0]])
        image = cv2.resize(part, shape, interpolation=cv2.INTER_AREA)
        matrix = matrix.copy()
        matrix[:, 2] = (matrix[:, 2] - low + 0.5) * factor - 0.5
        matrix[:, :2] *= factor[:, None]
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_CONSTANT if black else cv2.BORDER_REPLICATE)


def mesh(image: np.ndarray, roi: Roi) -> tuple[np.ndarray, float]:
    """The attention mesh on one square of the picture (H, W, 3) uint8 RGB.

    Returns landmarks (478, 3) float32 in pixels of the picture (z on the same scale, towards the camera negative;
    468-472 and 473-477 are the irises on the image's left and right) and the score in [0, 1] that this is a face.
    """
    matrix = roi.matrix(MESH)
    crop = warp(image, matrix, MESH)
    points, score = session("facemesh").run(["landmarks", "score"], {"picture": crop[None]})
    landmarks = points[0].copy()
    landmarks[:, :2] = points[0, :, :2] @ matrix[:, :2].T + matrix[:, 2]
    landmarks[:, 2] *= roi.side / MESH
    return landmarks, float(score[0])


def follow(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, float]:
    """The mesh where the face was in the frame before: ``mesh`` without detection, for trackers."""
    return mesh(image, Roi.of(landmarks))


def anchors(landmarks: np.ndarray) -> np.ndarray:
    """(3, 2) pixels: centre of the eye on the image's left, of the one on its right, of the mouth."""
    return np.array([landmarks[list(pair), :2].mean(axis=0) for pair in (LEFT_EYE, RIGHT_EYE, MOUTH)], float)


def framing(left_eye: np.ndarray, right_eye: np.ndarray, mouth: np.ndarray) -> Roi:
    """The square to cut out around a face, from its three centres (2,) in pixels, left and right of the image.

    Upright with the eyes. The size follows the distance of the eyes, or that of eyes and mouth where this asks for
    more, which holds it steady when the head turns away; a smile does not change it. On FER2013 the spread of that
    estimate is 0.16 (standard deviation of the logarithm), that of the pictures themselves.
    """
    points = np.array([left_eye, right_eye, mouth], float)
    across = points[1] - points[0]
    angle = math.atan2(across[1], across[0])
    drop = float(np.linalg.norm(points[2] - points[:2].mean(axis=0)))
    side = max(float(np.linalg.norm(across)) / EYES, drop / DROP, 1e-3)
    x, y = points.mean(axis=0) + (0.5 - MIDDLE) * side * np.array([-math.sin(angle), math.cos(angle)])
    return Roi(float(x), float(y), side, angle)


def align_points(image: np.ndarray, left_eye: np.ndarray, right_eye: np.ndarray, mouth: np.ndarray,
                 size: int = CROP) -> tuple[np.ndarray, np.ndarray]:
    """Cut a face out upright and in the framing of FER2013.

    left_eye, right_eye, mouth: centres (2,) in pixels; left and right are the image's. Returns the crop
    (size, size, 3) uint8 RGB and the matrix (2, 3) from pixels of the crop to pixels of the picture.
    """
    matrix = framing(left_eye, right_eye, mouth).matrix(size)
    return warp(image, matrix, size), matrix


def align(image: np.ndarray, landmarks: np.ndarray, size: int = CROP) -> tuple[np.ndarray, np.ndarray]:
    """``align_points`` from mesh landmarks (478, 2 or 3) in pixels."""
    return align_points(image, *anchors(landmarks), size)


def describe(image: np.ndarray, landmarks: np.ndarray, score: float) -> Face:
    """The record of a face whose landmarks (478, 3) are known."""
    crop, _ = align(image, landmarks)
    angles = pose(landmarks)
    low, high = landmarks[:468, :2].min(axis=0), landmarks[:468, :2].max(axis=0)
    return Face(np.array([*low, *high], np.float32), landmarks, score, angles, quality(crop, landmarks, angles), crop)


def detect(image: np.ndarray, detector: str | None = None) -> list[Face]:
    """All faces of a picture, biggest first; an empty list where there are none.

    image (H, W, 3) uint8 RGB, upright. detector: None for the bundled one, else see ``detectors.candidates``; the
    mesh verifies whatever it proposes. Raises ValueError for another array, UserError for an unknown detector.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be (H, W, 3) uint8, but got {image.shape} {image.dtype}")
    found = [_verify(image, Roi.around(np.array(c.box), c.angle)) for c in candidates(image, detector)]
    kept: list[Face] = []
    for landmarks, score in sorted((f for f in found if f), key=lambda f: -Roi.of(f[0]).side):
        if not any(_same(landmarks, k.landmarks) for k in kept):
            kept.append(describe(image, landmarks, score))
    return sorted(kept, key=lambda f: -float(np.prod(f.box[2:] - f.box[:2])))


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two meshes are of one face: the middle of one lies well within the other."""
    middles = a[:468, :2].mean(axis=0), b[:468, :2].mean(axis=0)
    return float(np.linalg.norm(middles[0] - middles[1])) < 0.25 * max(Roi.of(a, 1.0).side, Roi.of(b, 1.0).side)


def _verify(image: np.ndarray, roi: Roi) -> tuple[np.ndarray, float] | None:
    """Landmarks and score of a candidate that is a face, else None.

    The mesh looks twice or, still in doubt, three times, each time where it placed the face before, as when tracking.
    On its own it takes one in twelve of what the detectors propose in pictures without a face; the short-range
    detector, asked again about the second look's face, tells these apart (docs/faces.md).
    """
    landmarks, score = mesh(image, roi)
    if score < HOPELESS:
        return None
    landmarks, score = follow(image, landmarks)
    if score < HOPELESS or confirm(image, landmarks) < LEAST_CONFIRMED:
        return None
    if score < LEAST_SCORE:
        landmarks, score = follow(image, landmarks)
    return (landmarks, score) if score >= LEAST_SCORE else None


def confirm(image: np.ndarray, landmarks: np.ndarray) -> float:
    """The short-range detector's score in [0, 1] for the face with these landmarks, upright, alone and black around
    the picture: the mean of two views, 1.5 and 2 times the face's size. 0 where it sees none there."""
    side, scores = 128, []
    for scale in (1.5, 2.0):
        view = warp(image, Roi.of(landmarks, scale).matrix(side), side, black=True)
        place = (np.array([-0.5, -0.5, 0.5, 0.5]) / scale + 0.5) * side
        found = blaze(view, "short", (0, 0, side), least=LEAST_CONFIRMED / 2)
        scores.append(max((c.score for c in found if overlap(place, np.array([c.box]))[0] > 0.3), default=0.0))
    return sum(scores) / len(scores)


def pose(landmarks: np.ndarray) -> np.ndarray:
    """Head pose (3,) yaw, pitch, roll in degrees from mesh landmarks (478, 3); signs as in ``records.Face``.

    Across: from pairs of points on both sides; down: from the forehead to the nose. On 180 renders of known pose
    (yaw to 45, pitch to 28, roll to 30 degrees) the mean error is 2.1, 3.0 and 1.8 degrees.
    """
    p = landmarks.astype(float)
    across = sum(p[b] - p[a] for a, b in ((33, 263), (133, 362), (127, 356), (234, 454)))
    across /= max(np.linalg.norm(across), 1e-6)
    down = p[2] - p[10]
    down -= across * (down @ across)
    down /= max(np.linalg.norm(down), 1e-6)
    ahead = np.cross(down, across)
    yaw = math.degrees(math.atan2(ahead[0], -ahead[2]))
    pitch = math.degrees(math.asin(np.clip(-ahead[1], -1, 1))) - NOSE_SLOPE
    return np.array([yaw, pitch, math.degrees(math.atan2(across[1], across[0]))], np.float32)


def quality(crop: np.ndarray, landmarks: np.ndarray, angles: np.ndarray) -> Quality:
    """What limits reading a face, from its aligned crop (CROP, CROP, 3), its landmarks (478, 3) and its pose (3,).

    sharpness: the share of fine detail (at a 64th of the crop) in all its contrast; 1 from 0.15 on, FER2013's median
    is 0.16, and portraits blurred by a tenth of the distance of the pupils have 0.07. light: median and contrast.
    """
    import cv2
    size = float(np.linalg.norm(landmarks[RIGHT_IRIS] - landmarks[LEFT_IRIS]))
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    low, middle, high = np.percentile(grey[20:120, 20:108], [2, 50, 98])
    small = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA)[8:60, 8:56]
    detail = float((small - cv2.GaussianBlur(small, (0, 0), 1.0)).std() / max(small.std(), 1e-3))
    sharpness = _ramp(detail, 0.05, 0.15)
    light = min(_ramp(middle, 8, 60), _ramp(255 - middle, 2, 30), _ramp(high - low, 10, 80))
    frontal = max(0.0, math.cos(math.radians(angles[0])) * math.cos(math.radians(angles[1])))
    poor = {
        f"too small ({size:.0f} px between the pupils, {LEAST_PUPILS} needed)": size < LEAST_PUPILS,
        "too dark": light < 0.08 and middle < 128,
        "too bright": light < 0.08 and middle >= 128,
        "too blurred": sharpness < 0.2,
        "turned too far away": frontal < 0.5,
    }
    return Quality(size, sharpness, light, frontal, tuple(reason for reason, holds in poor.items() if holds))


def _ramp(value: float, zero: float, one: float) -> float:
    return float(np.clip((value - zero) / (one - zero), 0, 1))
