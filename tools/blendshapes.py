"""The blendshape teacher's file for a parquet of FER2013, by MediaPipe's face landmarker.

    pip install mediapipe
    python tools/blendshapes.py train.parquet --task face_landmarker.task -o train.npz

face_landmarker.task is MediaPipe's model (Apache-2.0). The 48 px pictures are enlarged four times and given a margin,
without which the landmarker misses most of them. What the file holds stands at ``save``.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from emoreason.faces import pose
from emoreason.regions import points68

SIDE, MARGIN = 192, 64  # pixels of the enlarged picture and of the margin on each side of it
_landmarker = None


def start(task: str) -> None:
    """Open the landmarker in a worker."""
    from mediapipe.tasks.python import BaseOptions, vision

    global _landmarker
    cv2.setNumThreads(1)
    _landmarker = vision.FaceLandmarker.create_from_options(vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=task), output_face_blendshapes=True, num_faces=1,
        min_face_detection_confidence=0.2, min_face_presence_confidence=0.2))


def look(grey: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray] | None:
    """A picture (48, 48) uint8 -> names, blendshapes (52,) in [0, 1], mesh (478, 3) in units of the picture's side;
    None where no face was found."""
    import mediapipe as mp

    big = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    big = cv2.copyMakeBorder(big, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
    image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(np.repeat(big[..., None], 3, 2)))
    found = _landmarker.detect(image)
    if not found.face_landmarks:
        return None
    mesh = np.array([(p.x, p.y, p.z) for p in found.face_landmarks[0]], np.float32) * (SIDE + 2 * MARGIN)
    mesh[:, :2] -= MARGIN
    shapes = found.face_blendshapes[0]
    return [s.category_name for s in shapes], np.array([s.score for s in shapes], np.float32), mesh / SIDE


def both(data: bytes) -> tuple[list[str] | None, np.ndarray, np.ndarray, np.ndarray]:
    """An encoded picture -> names, blendshapes (2, 52) of it and its mirror image, points (68, 2), pose (3,) in
    degrees; NaN where no face was found."""
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    names, blend = None, np.full((2, 52), np.nan, np.float32)
    points, angles = np.full((68, 2), np.nan, np.float32), np.full(3, np.nan, np.float32)
    for k, view in enumerate((grey, np.ascontiguousarray(grey[:, ::-1]))):
        if (seen := look(view)) is not None:
            names, blend[k], mesh = seen
            if k == 0:
                points, angles = points68(mesh), pose(mesh)
    return names, blend, points, angles


def save(path: str, source: Path, rows: list) -> None:
    """An npz: names (52,), ids (N,) as ``emoreason.sources`` numbers the pictures, blend (N, 2, 52) float16 in [0, 1]
    of each and its mirror image, points (N, 68, 2) in units of the picture's side, pose (N, 3) yaw, pitch, roll in
    degrees; NaN where no face was found. ``data teach`` and ``train facenet-data real`` read it."""
    names, blend, points, angles = zip(*rows, strict=True)
    ids = [f"{source.stem}/{i}" for i in range(1, len(rows) + 1)]
    np.savez_compressed(path, names=np.array(next(n for n in names if n)), ids=np.array(ids),
                        blend=np.stack(blend).astype(np.float16), points=np.stack(points), pose=np.stack(angles))
    print(f"{path}: a face in {np.isfinite(np.stack(blend)[:, 0, 0]).mean():.1%} of {len(rows)} pictures")


def main() -> None:
    """See the module's first lines."""
    import pyarrow.parquet as pq

    parser = argparse.ArgumentParser(description="The blendshape teacher's file for a parquet of FER2013.")
    parser.add_argument("source", type=Path, help="parquet with a column image of encoded pictures")
    parser.add_argument("--task", required=True, help="MediaPipe's face_landmarker.task")
    parser.add_argument("-o", "--out", required=True, help="npz")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=int, help="the first pictures only")
    args = parser.parse_args()
    pictures = [row["bytes"] for row in pq.read_table(args.source).column("image").to_pylist()][:args.limit]
    with ProcessPoolExecutor(args.workers, initializer=start, initargs=(args.task,)) as pool:
        rows = list(tqdm(pool.map(both, pictures, chunksize=64), total=len(pictures), unit=" pictures", mininterval=10))
    save(args.out, args.source, rows)


if __name__ == "__main__":
    main()
