"""Caches that facenet trains on: real faces with a teacher's AUs, and renders with exact ones.

``emoreason train facenet-data real FER.parquet --teacher blend.npz -o real.npz``
``emoreason train facenet-data renders -n 60000 --face-model ict_face.npz -o renders.npz``

They hold grey (N, 64, 64) uint8 exactly as facenet sees a crop at inference, and the labels named in
``training/facenet.py``. A teacher file holds names (52), blend (N, 2, 52) of each picture and its mirror image, and
points (N, 68, 2) in units of the picture's side; NaN where the landmarker found no face; pose (N, 3) if known.
"""

from __future__ import annotations

import argparse
import io
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.records import CROP

FER_LABELS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


def small(crop: np.ndarray) -> np.ndarray:
    """A crop (H, W, 3) uint8 RGB of any size -> (64, 64) uint8 grey, by way of CROP px as at inference."""
    import torch

    from emoreason.facenet import LUMA, SIDE

    if crop.shape[:2] != (CROP, CROP):
        crop = cv2.resize(crop, (CROP, CROP), interpolation=cv2.INTER_CUBIC)
    grey = torch.from_numpy(crop @ np.array(LUMA, np.float32))[None, None]
    grey = torch.nn.functional.interpolate(grey, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
    return grey[0, 0].round().clamp(0, 255).byte().numpy()


def real(args: argparse.Namespace) -> None:
    """FER2013 parquet + teacher file -> cache."""
    import pyarrow.parquet as pq
    from PIL import Image

    from emoreason.data_pipeline.teachers import blendshape_aus

    table = pq.read_table(args.source)
    labels = np.array([EMOTIONS.index(FER_LABELS[v]) for v in table.column("label").to_pylist()])
    grey = np.stack([small(np.array(Image.open(io.BytesIO(row["bytes"])).convert("RGB")))
                     for row in tqdm(table.column("image").to_pylist(), desc="pictures")])
    with np.load(args.teacher) as z:
        blend, points = z["blend"].astype(np.float32), z["points"].astype(np.float32)
        names = [str(n) for n in z["names"]]
        extra = {"pose": z["pose"].astype(np.float32)} if "pose" in z.files else {}
    swap = [names.index(n.replace("Left", "*").replace("Right", "Left").replace("*", "Right")) for n in names]
    both = np.nanmean(np.stack([blend[:, 0], blend[:, 1][:, swap]]), 0)
    aus, _ = blendshape_aus(names, both, points)
    np.savez_compressed(args.out, grey=grey, label=labels, aus=aus.astype(np.float16),
                        points=points.astype(np.float16), **extra)
    print(f"{args.out}: {len(grey)} faces, teacher's AUs on {np.isfinite(aus[:, 0]).mean():.1%}")


_model = None


def _start(path: str) -> None:
    global _model
    cv2.setNumThreads(1)
    from emoreason.data_pipeline.studio import studio

    _model = studio(path)


def _render(job: tuple[int, int, int, int]) -> tuple:
    from emoreason.data_pipeline.studio import sample
    from emoreason.faces import align_points

    seed, i, size, shared = job
    image, y = sample(_model, seed, i, size, shared=shared)
    p = np.array(y["points"], np.float32)
    crop, matrix = align_points(image, p[0], p[1], (p[3] + p[4]) / 2, CROP)
    inside = cv2.invertAffineTransform(matrix)  # picture -> crop
    points = np.array(y["landmarks"], np.float32) @ inside[:, :2].T + inside[:, 2]
    aus = [float(y["aus"].get(str(a), 0.0)) for a in MEASURED_AUS]
    both = [y["sides"].get(str(a), (0.0, 0.0)) for a in MEASURED_AUS]
    sides = [right - left for right, left in both]
    label = EMOTIONS.index(y["emotion"]) if y["emotion"] else -1
    return small(crop), aus, sides, y["pose"], (y["valence"], y["arousal"]), points / CROP, label, y["identity"]


def renders(args: argparse.Namespace) -> None:
    """Renders -> cache; picture i depends on the seed, ``shared`` and i alone."""
    jobs = [(args.seed, i, args.size, args.shared) for i in range(args.n)]
    with ProcessPoolExecutor(args.workers, initializer=_start, initargs=(args.face_model,)) as pool:
        rows = list(tqdm(pool.map(_render, jobs, chunksize=56), total=len(jobs), desc="renders", mininterval=10))
    grey, aus, sides, pose, affect, points, label, identity = zip(*rows, strict=True)
    _, people = np.unique(np.array(identity), return_inverse=True)
    np.savez_compressed(args.out, grey=np.stack(grey), aus=np.array(aus, np.float16), sides=np.array(sides, np.float16),
                        pose=np.array(pose, np.float32), affect=np.array(affect, np.float16),
                        points=np.array(points, np.float16), label=np.array(label), identity=people.astype(np.int64))
    print(f"{args.out}: {len(grey)} renders of {people.max() + 1} people")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two commands of the module's first lines."""
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("real")
    one.add_argument("source", type=Path)
    one.add_argument("--teacher", required=True)
    one.set_defaults(make=real)
    two = commands.add_parser("renders")
    two.add_argument("-n", type=int, required=True)
    two.add_argument("--face-model", required=True)
    two.add_argument("--seed", type=int, default=0)
    two.add_argument("--size", type=int, default=144)
    two.add_argument("--shared", type=int, default=16, help="pictures of one person (default: 16)")
    two.add_argument("--workers", type=int, default=2)
    two.set_defaults(make=renders)
    for command in (one, two):
        command.add_argument("-o", "--out", required=True)


def run(args: argparse.Namespace) -> None:
    """Make the cache."""
    args.make(args)
