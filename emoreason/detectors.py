"""Face detectors: a picture in, candidates out. faces.py verifies each candidate with the mesh.

The bundled default runs MediaPipe's two BlazeFace models over the whole picture, over a shrunken one (for faces that
fill it) and over tiles (for faces that are small in it). A further detector is one function with one registration:

    @register("name", suffix="part-of-file-name")
    def name(image: np.ndarray, file: Path | None) -> list[Candidate]: ...
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emoreason.errors import UserError

if TYPE_CHECKING:
    import onnxruntime

ASSETS = Path(__file__).parent / "assets" / "faces"


class Candidate(NamedTuple):
    """A possible face. score in [0, 1]; box xyxy pixels; angle: of the line from the eye on the image's left to the
    one on its right, radians, positive clockwise."""

    score: float
    box: tuple[float, float, float, float]
    angle: float


Detector = Callable[[np.ndarray, Path | None], list[Candidate]]
DETECTORS: dict[str, Detector] = {}
_SUFFIXES: dict[str, str] = {}


def register(name: str, suffix: str = "") -> Callable[[Detector], Detector]:
    """Make a detector known under ``name``; a given file whose name ends in ``suffix`` or, without its extension,
    contains ``suffix``, selects it too."""
    def add(function: Detector) -> Detector:
        DETECTORS[name] = function
        if suffix:
            _SUFFIXES[suffix] = name
        return function
    return add


def candidates(image: np.ndarray, detector: str | None = None) -> list[Candidate]:
    """Candidates of the named detector, best first, overlaps merged.

    image (H, W, 3) uint8 RGB. detector: None for the bundled one, a registered name, a detector's file, or
    "name:file". Raises UserError for a detector or a file that is not there.
    """
    name, file = _resolve(detector)
    return merge(DETECTORS[name](image, file))


def _resolve(detector: str | None) -> tuple[str, Path | None]:
    if detector is None:
        return "blazeface", None
    if detector in DETECTORS:
        return detector, None
    name, _, rest = detector.partition(":")
    file = Path(rest if name in DETECTORS else detector)
    if name not in DETECTORS:
        known = [n for suffix, n in _SUFFIXES.items() if suffix in file.name.lower()]
        if not known:
            raise UserError(f"face detector {detector!r} is not known; use one of {', '.join(sorted(DETECTORS))}, "
                            "or NAME:FILE")
        name = known[0]
    if not file.is_file():
        raise UserError(f"face detector {name}: {file} is not a file; give the path of its model")
    return name, file


@functools.cache
def session(name: str) -> onnxruntime.InferenceSession:
    """The bundled model ``name``, loaded once, on one thread (several pictures at once scale better than one)."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(ASSETS / f"{name}.onnx", options, providers=["CPUExecutionProvider"])


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with boxes (N, 4), xyxy. Returns (N,) in [0, 1]."""
    size = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.prod(np.maximum(size, 0), axis=1)
    return shared / np.maximum(np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - shared, 1e-9)


def merge(found: list[Candidate], limit: float = 0.3) -> list[Candidate]:
    """Candidates that overlap by more than ``limit`` become one: the best of them."""
    found = sorted(found, key=lambda c: -c.score)
    kept: list[Candidate] = []
    for c in found:
        if not kept or overlap(np.array(c.box), np.array([k.box for k in kept])).max() <= limit:
            kept.append(c)
    return kept


# ---------------------------------------------------------------------------------------------- BlazeFace, bundled

_GRIDS = {"short": (128, ((8, 2), (16, 6))), "full": (192, ((4, 1),))}  # input side, (stride, anchors a cell)
_LARGEST = 1600  # pixels on the longer side; a larger picture is shrunk to this before it is searched
_LEAST = 0.4  # a BlazeFace score below this is no candidate


@functools.cache
def _anchors(kind: str) -> np.ndarray:
    """Centres (N, 2) of the anchors in units of the input's side, in the order of the model's outputs."""
    side, grids = _GRIDS[kind]
    cells = []
    for stride, count in grids:
        centres = (np.arange(side // stride) + 0.5) * stride / side
        x, y = np.meshgrid(centres, centres)
        cells.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(count, axis=0))
    return np.concatenate(cells)


def blaze(image: np.ndarray, kind: str, view: tuple[float, float, float], least: float = _LEAST) -> list[Candidate]:
    """One BlazeFace model ("short" or "full") on one square view (x, y, side in pixels) of the picture.

    The view may reach beyond the picture: black there.
    """
    import cv2
    x, y, extent = (round(v) for v in view)
    side = _GRIDS[kind][0]
    scale = side / extent
    x0, x1, y0, y1 = max(x, 0), min(x + extent, image.shape[1]), max(y, 0), min(y + extent, image.shape[0])
    left, top = min(round((x0 - x) * scale), side - 1), min(round((y0 - y) * scale), side - 1)
    width = min(max(round((x1 - x0) * scale), 1), side - left)
    height = min(max(round((y1 - y0) * scale), 1), side - top)
    picture = np.zeros((side, side, 3), np.uint8)
    picture[top:top + height, left:left + width] = cv2.resize(
        image[y0:y1, x0:x1], (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    scores, points = session(f"blazeface_{kind}").run(["scores", "points"], {"picture": picture[None]})
    keep = np.flatnonzero(scores[0] > least)
    found = []
    for k in keep:
        p = points[0, k].astype(float)
        p[0] += _anchors(kind)[k]
        p[2:] += _anchors(kind)[k]
        centre, half, eyes = p[0] * extent + (x, y), p[1] * extent / 2, p[2:4]
        angle = math.atan2(eyes[1, 1] - eyes[0, 1], eyes[1, 0] - eyes[0, 0])
        found.append(Candidate(float(scores[0, k]), (*(centre - half), *(centre + half)), angle))
    return merge(found)


def _tiles(width: int, height: int, side: float) -> list[tuple[float, float, float]]:
    """Square views of ``side`` pixels that cover the picture and overlap by a fifth at least."""
    def starts(length: int) -> np.ndarray:
        count = 1 if length <= side else math.ceil((length - side) / (0.8 * side)) + 1
        return np.linspace(0, length - side, count) if count > 1 else np.array([(length - side) / 2])
    return [(x, y, side) for y in starts(height) for x in starts(width)]


@register("blazeface")
def blazeface(image: np.ndarray, file: Path | None = None) -> list[Candidate]:
    """Both bundled detectors at several scales, not yet merged."""
    import cv2
    shrink = max(max(image.shape[:2]) / _LARGEST, 1.0)
    if shrink > 1:
        size = max(round(image.shape[1] / shrink), 1), max(round(image.shape[0] / shrink), 1)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    height, width = image.shape[:2]
    longest = max(height, width)
    whole = (width - longest) / 2, (height - longest) / 2, longest
    half = width / 2 - longest, height / 2 - longest, 2 * longest  # for a face that fills the picture
    found = blaze(image, "full", whole) + blaze(image, "short", whole) + blaze(image, "short", half)
    for tile in _tiles(width, height, max(min(height, width) * 0.75, longest / 4, 96)):  # at most 7 in a long strip
        found += blaze(image, "full", tile)
    return [c._replace(box=tuple(v * shrink for v in c.box)) for c in found]


# ------------------------------------------------------------------------------------------- further detectors

@functools.cache
def _yunet(file: Path) -> object:
    import cv2
    try:
        return cv2.FaceDetectorYN.create(str(file), "", (320, 320), 0.7)
    except cv2.error as error:
        raise UserError(f"face detector yunet: OpenCV cannot read {file} ({error.err}); "
                        "give YuNet's ONNX file from opencv_zoo") from None


@register("yunet", suffix="yunet")
def yunet(image: np.ndarray, file: Path | None) -> list[Candidate]:
    """OpenCV's YuNet on the picture scaled to at most 640 pixels. Needs its ONNX file (not bundled)."""
    import cv2
    if file is None:
        raise UserError("face detector yunet needs its model: give yunet:FILE.onnx")
    scale = min(640 / max(image.shape[:2]), 1.0)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    net = _yunet(file)
    net.setInputSize((small.shape[1], small.shape[0]))
    rows = net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
    found = []
    for row in rows if rows is not None else ():
        x, y, w, h, ax, ay, bx, by = (float(v) / scale for v in row[:8])
        found.append(Candidate(float(row[14]), (x, y, x + w, y + h), math.atan2(by - ay, bx - ax)))
    return found


@functools.cache
def _landmarker(file: Path) -> object:
    try:
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError:
        raise UserError("face detector mediapipe needs the mediapipe package: pip install mediapipe") from None
    try:
        return vision.FaceLandmarker.create_from_options(vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(file)), num_faces=20))
    except (RuntimeError, ValueError) as error:
        raise UserError(f"face detector mediapipe cannot read {file}: {error}") from None


@register("mediapipe", suffix=".task")
def mediapipe(image: np.ndarray, file: Path | None) -> list[Candidate]:
    """MediaPipe's face landmarker. Needs its .task file and the mediapipe package (neither bundled)."""
    if file is None:
        raise UserError("face detector mediapipe needs its model: give mediapipe:FILE.task")
    landmarker = _landmarker(file)
    import mediapipe as mp
    result = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image)))
    found = []
    for face in result.face_landmarks:
        points = np.array([(p.x, p.y) for p in face]) * (image.shape[1], image.shape[0])
        across = points[263] - points[33]
        found.append(Candidate(1.0, (*points.min(axis=0), *points.max(axis=0)), math.atan2(across[1], across[0])))
    return found
