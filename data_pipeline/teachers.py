"""Teachers: AU pseudo-labels for real photographs that nobody coded, each with a confidence.

- ``facenet``: our own, read in five views of the face; it is trusted where they agree.
- ``blendshapes``: the 52 blendshapes of MediaPipe's face landmarker as intensities. It sees geometry alone, so that it
  tells brow raising, smiling and jaw opening well, lip tightening and cheek raising poorly, and nose wrinkling not at
  all (its noseSneer and cheekSquint stay at 0 on all 3,589 validation pictures of FER2013): ``TEACHER_WEIGHT``.
- ``pyfeat``: a csv that py-feat wrote. Its AUs are probabilities of presence, not intensities.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emoreason.errors import UserError
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.sources import Record

TEACHER_WEIGHT = {1: 1.0, 2: 1.0, 4: 1.0, 5: 0.8, 6: 0.5, 7: 0.4, 10: 0.4, 12: 1.0, 15: 0.3, 17: 0.3, 20: 0.3, 22: 0.2,
                  24: 0.3, 25: 1.0, 26: 1.0, 27: 1.0, 28: 0.3, 43: 1.0}

# Share of web photographs of each emotion in which an AU is present: our estimate after the rates of Du, Tao &
# Martinez (2014), table 1, lowered for unposed pictures. Used only as a weak pull on class means in training.
_ORDER = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
_RATES = {
    1: (.10, .05, .55, .05, .05, .50, .70), 2: (.10, .05, .35, .05, .05, .10, .70),
    4: (.80, .60, .45, .05, .10, .50, .05), 5: (.35, .05, .45, .05, .05, .02, .60),
    6: (.15, .25, .08, .65, .02, .12, .02), 7: (.50, .50, .15, .30, .05, .20, .02),
    9: (.25, .55, .05, .04, .01, .06, .01), 10: (.35, .60, .12, .12, .02, .08, .02),
    12: (.05, .05, .05, .95, .03, .03, .06), 14: (.06, .06, .03, .10, .06, .06, .02),
    15: (.12, .20, .08, .01, .05, .45, .02), 17: (.30, .35, .06, .03, .06, .35, .02),
    18: (.04, .04, .04, .02, .03, .05, .08), 20: (.15, .12, .30, .06, .01, .06, .03),
    22: (.06, .03, .03, .01, .01, .01, .06), 23: (.30, .10, .05, .02, .05, .08, .01),
    24: (.25, .12, .05, .02, .06, .12, .01), 25: (.50, .35, .55, .80, .10, .20, .75),
    26: (.35, .20, .35, .25, .04, .08, .65), 27: (.12, .05, .08, .03, .00, .01, .30),
    28: (.01, .02, .01, .01, .01, .02, .01), 43: (.03, .12, .06, .08, .02, .15, .01),
}


def class_means() -> np.ndarray:
    """Expected mean intensity (8, K) of each AU in pictures of each emotion; NaN for contempt, of which web sets
    have none. A present AU counts 2.3 (a little over B), an absent one 0.25."""
    means = np.full((len(EMOTIONS), len(MEASURED_AUS)), np.nan, np.float32)
    for k, number in enumerate(MEASURED_AUS):
        for name, rate in zip(_ORDER, _RATES[number], strict=True):
            means[EMOTIONS.index(name), k] = 2.3 * rate + 0.25 * (1 - rate)
    return means


def blendshape_aus(names: list[str], shapes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AU intensities from MediaPipe blendshapes.

    names: the 52 category names; shapes (N, 52) in [0, 1]; points (N, 68, 2) landmarks in any unit. Returns
    intensities (N, K) in 0-5 with NaN where the teacher has nothing to say, and sides (N, K), right minus left,
    for AU12 alone (NaN elsewhere). Gains were set so that the strongest 2% of FER2013's training faces reach D-E, the
    dead zones so that its neutral faces show little.
    """
    b = {n: shapes[:, i].astype(np.float32) for i, n in enumerate(names)}

    def pair(stem: str) -> np.ndarray:
        return (b[stem + "Left"] + b[stem + "Right"]) / 2

    def clip(x: np.ndarray) -> np.ndarray:
        return np.clip(x, 0, 1)

    smile = np.maximum(b["mouthSmileLeft"], b["mouthSmileRight"])
    squint = clip((pair("eyeSquint") - 0.3) / 0.45)
    jaw = b["jawOpen"]
    wide = clip((jaw - 0.45) / 0.3)
    gap = np.linalg.norm(points[:, [61, 62, 63]] - points[:, [67, 66, 65]], axis=-1).mean(1)
    gap = gap / np.linalg.norm(points[:, 36] - points[:, 45], axis=-1)  # by the outer eye corners
    parts = {
        1: (b["browInnerUp"] - 0.2) / 0.7, 2: (pair("browOuterUp") - 0.25) / 0.65, 4: 1.5 * pair("browDown") - 0.08,
        5: 2.2 * pair("eyeWide"),
        6: smile * (0.25 + squint), 7: squint * (1 - 0.6 * smile), 10: pair("mouthUpperUp") * (1 - 0.8 * smile),
        12: smile, 15: 2.5 * pair("mouthFrown"), 17: 2.5 * b["mouthShrugLower"] - 0.1,
        20: 1.5 * (pair("mouthStretch") - 0.1) * (1 - smile), 22: 2.5 * b["mouthFunnel"],
        24: 2.5 * pair("mouthPress") - 0.1,
        25: (gap - 0.03) / 0.15, 26: clip(jaw / 0.45) * (1 - wide), 27: wide,
        28: 3 * np.minimum(b["mouthRollLower"], b["mouthRollUpper"]), 43: (pair("eyeBlink") - 0.35) / 0.4,
    }
    aus = np.full((len(shapes), len(MEASURED_AUS)), np.nan, np.float32)
    sides = np.full_like(aus, np.nan)
    for number, level in parts.items():
        aus[:, MEASURED_AUS.index(number)] = 5 * clip(level)
    sides[:, MEASURED_AUS.index(12)] = 5 * (b["mouthSmileRight"] - b["mouthSmileLeft"])
    return aus, sides


@dataclass(frozen=True)
class Reading:
    """What one teacher says of one face: aus (K,) intensities 0-5, NaN where it is silent; confidence (K,) 0-1."""

    aus: np.ndarray
    confidence: np.ndarray

    def to_dict(self) -> dict[str, list[float]]:
        """AU -> [intensity, confidence], for the AUs that it speaks of."""
        return {str(a): [round(float(v), 2), round(float(c), 3)]
                for a, v, c in zip(MEASURED_AUS, self.aus, self.confidence, strict=True) if not math.isnan(v)}


Teacher = Callable[[Record, int], Reading | None]  # a record and its number in the reading order; None: no face
UNSTEADY = 1.0  # of 5: a spread over the views, or a gap between a face and its mirror image, that halves the trust


def teacher_of(text: str) -> tuple[str, Teacher]:
    """NAME[=FILE] as a name and a teacher. Raises UserError for one that is not known or cannot be had."""
    name, _, what = text.partition("=")
    makers: dict[str, Callable[[str], Teacher]] = {
        "facenet": facenet_teacher, "blendshapes": blendshape_teacher, "pyfeat": pyfeat_teacher}
    if name not in makers:
        raise UserError(f"--teacher {name} is not known; take {', '.join(makers)}")
    return name, makers[name](what)


def facenet_teacher(model: str = "") -> Teacher:
    """facenet of a model ("nano" or a folder). The intensity is the mean of five views of the crop (as it is, mirrored,
    larger, smaller, turned by 6 degrees), the confidence 2^-(their standard deviation / UNSTEADY)."""
    import torch

    from emoreason.facenet import FaceNet, one_jaw
    from emoreason.reason import Reasoner, find_subjects

    net = next(m for m in Reasoner.load(model or "nano").model.modules() if isinstance(m, FaceNet))

    def read(record: Record, number: int) -> Reading | None:
        picture = record.picture()
        subject = None if picture is None else find_subjects(picture, name=record.id)[0]
        if subject is None or subject.track is None or (subject.quality and not subject.quality.readable):
            return None
        levels = net.read(views(subject.track.crops[0]), settled=False).aus
        mean = one_jaw(torch.from_numpy(levels.mean(0, keepdims=True)))[0].numpy()
        return Reading(mean, 2.0 ** -(levels.std(0) / UNSTEADY))

    return read


def views(crop: np.ndarray) -> np.ndarray:
    """Five views (5, S, S, 3) uint8 of a crop (S, S, 3)."""
    import cv2

    side = len(crop)
    middle = ((side - 1) / 2, (side - 1) / 2)
    turned = [cv2.warpAffine(crop, cv2.getRotationMatrix2D(middle, angle, scale), (side, side),
                             borderMode=cv2.BORDER_REPLICATE) for angle, scale in ((0, 1.08), (0, 0.93), (6, 1.0))]
    return np.ascontiguousarray([crop, crop[:, ::-1], *turned])


def blendshape_teacher(files: str) -> Teacher:
    """From an npz, or several with commas between: names (52,), blend (N, 2, 52) of each picture and its mirror image,
    points (N, 68, 2), NaN where no face was found; the pictures named by ``ids`` (N,), as tools/blendshapes.py does, or
    else in reading order. The confidence is TEACHER_WEIGHT, halved for every UNSTEADY between the two."""
    names, blend, points, ids = _blendshapes(files)
    places = None if ids is None else {name: k for k, name in enumerate(ids)}
    swap = [names.index(n.replace("Left", "*").replace("Right", "Left").replace("*", "Right")) for n in names]
    plain, mirrored = (blendshape_aus(names, b, points)[0] for b in (blend[:, 0], blend[:, 1][:, swap]))
    trust = np.array([TEACHER_WEIGHT.get(a, 0.0) for a in MEASURED_AUS])

    def read(record: Record, number: int) -> Reading | None:
        k = number if places is None else places.get(record.id)
        if k is None:
            return None
        if k >= len(plain):
            raise UserError(f"{files} has {len(plain)} pictures, the set has more; give --split, or a file with ids")
        if np.isnan(plain[k]).all():
            return None
        gap = np.nan_to_num(np.abs(plain[k] - mirrored[k]))
        level = np.where(np.isnan(mirrored[k]), plain[k], (plain[k] + mirrored[k]) / 2)
        return Reading(level, np.where(np.isnan(level), 0.0, trust * 2.0 ** -(gap / UNSTEADY)))

    return read


def _blendshapes(files: str) -> tuple[list[str], np.ndarray, np.ndarray, list[str] | None]:
    """names, blend, points and ids (None where no file has them) of all files. Raises UserError."""
    parts: list[dict[str, np.ndarray]] = []
    for file in files.split(","):
        if not Path(file).is_file():
            raise UserError(f"--teacher blendshapes={file}: no such file; give an npz with names, blend and points")
        with np.load(file) as z:
            missing = {"names", "blend", "points"} - set(z.files)
            if missing:
                raise UserError(f"{file} lacks {', '.join(sorted(missing))}; give an npz with names, blend and points")
            parts.append({k: z[k] for k in ("names", "blend", "points", "ids") if k in z.files})
    if len({tuple(sorted(p)) for p in parts}) > 1 or len({tuple(p["names"]) for p in parts}) > 1:
        raise UserError(f"the files of --teacher blendshapes={files} differ in names, or only some have ids; make them "
                        "anew with tools/blendshapes.py")
    joined = {k: np.concatenate([p[k] for p in parts]) for k in parts[0] if k != "names"}
    ids = [str(i) for i in joined["ids"]] if "ids" in joined else None
    return ([str(n) for n in parts[0]["names"]], joined["blend"].astype(np.float32),
            joined["points"].astype(np.float32), ids)


def pyfeat_teacher(file: str) -> Teacher:
    """From the csv of py-feat (columns AU01 ... AU43 in [0, 1], input, FaceScore). A record is found by its id, its
    file name, or its name without ending; of several faces the surest counts. A probability p stands for an intensity
    of 0, 1, 3 at p = 0, .5, 1, and is trusted by |2 p - 1| times the face's score."""
    path = Path(file)
    if not path.is_file():
        raise UserError(f"--teacher pyfeat={file}: no such file; give the csv that py-feat wrote")
    faces: dict[str, tuple[float, np.ndarray]] = {}
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        columns = set(reader.fieldnames or ())
        if "input" not in columns or not any(f"AU{a:02d}" in columns for a in MEASURED_AUS):
            raise UserError(f"{file} is no csv of py-feat: it needs the columns input and AU01, AU02, ...")
        for row in reader:
            p = np.array([_share(row.get(f"AU{a:02d}")) for a in MEASURED_AUS])
            score = _share(row.get("FaceScore"))
            score = 1.0 if math.isnan(score) else score
            name = (row.get("input") or "").replace("\\", "/")
            for key in {name, Path(name).name, Path(name).stem} - {""}:
                if not np.isnan(p).all() and score >= faces.get(key, (0.0, p))[0]:
                    faces[key] = score, p
    if not faces:
        raise UserError(f"{file} holds no face with AUs")

    def read(record: Record, number: int) -> Reading | None:
        names = [record.id, Path(record.media or record.id).name, Path(record.media or record.id).stem]
        found = next((faces[n] for n in names if n in faces), None)
        if found is None:
            return None
        score, p = found
        level = np.where(np.isnan(p), np.nan, np.interp(np.nan_to_num(p), [0, 0.5, 1], [0, 1, 3]))
        return Reading(level, np.where(np.isnan(p), 0.0, np.abs(2 * np.nan_to_num(p) - 1) * score))

    return read


def _share(text: str | None) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        return float("nan")
    return value if 0 <= value <= 1 else float("nan")
