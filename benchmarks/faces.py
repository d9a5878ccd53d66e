"""Face detectors side by side on real pictures and clips: faces found, false faces, speed as ratios of one run.

    python benchmarks/faces.py DATA [--negatives DIR] [--show DIR]

DATA: a folder with media/ (london/, single_face.jpg, multi_face.jpg, the clips), fer2013/ and weights/ (YuNet).
--negatives: further pictures without a human face, each judged whole and in quarters. --show: sheets of what the
bundled detector found and missed. Prints the table of docs/faces.md.

"Found" counts at most the faces that are there; what comes on top is false. A box that lies elsewhere than the others'
for the same face would pass as found: look at --show.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq

from emoreason import detectors, faces, images

Picture = tuple[np.ndarray, int]  # (H, W, 3) uint8 RGB, faces in it
Boxes = list[tuple[float, float, float, float]]


def frames(path: Path, step: int = 1) -> Iterator[np.ndarray]:
    reader = cv2.VideoCapture(str(path))
    for i in range(10**6):
        ok, frame = reader.read()
        if not ok:
            return
        if i % step == 0:
            yield np.ascontiguousarray(frame[..., ::-1])


def man_or_sky(frame: np.ndarray) -> int:
    """The two mixed clips show a man before a warm wall, else a blue title or black."""
    red, _, blue = frame.reshape(-1, 3).mean(axis=0)
    return int(red > blue and red > 40)


def shrunk(image: np.ndarray, width: int, canvas: tuple[int, int] | None = None, seed: int = 0) -> np.ndarray:
    """The picture scaled to ``width``; with canvas (width, height), somewhere on a picture of that size."""
    small = cv2.resize(image, (width, round(image.shape[0] * width / image.shape[1])), interpolation=cv2.INTER_AREA)
    if canvas is None:
        return small
    random = np.random.default_rng(seed)
    whole = np.full((canvas[1], canvas[0], 3), image[5, 5], np.uint8)
    x, y = random.integers(0, canvas[0] - small.shape[1]), random.integers(0, canvas[1] - small.shape[0])
    whole[y:y + small.shape[0], x:x + small.shape[1]] = small
    return whole


def rotated(image: np.ndarray, degrees: float) -> np.ndarray:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def sets(data: Path, negatives: Path | None) -> dict[str, list[Picture]]:
    media = data / "media"
    london = [images.read(p) for p in sorted((media / "london").glob("*.jpg"))]
    group, single = images.read(media / "multi_face.jpg"), images.read(media / "single_face.jpg")
    tight = []
    for image in london + [single]:
        box = faces.detect(image, f"yunet:{next((data / 'weights').glob('*yunet*.onnx'))}")[0].box
        x0, y0, x1, y1 = np.maximum(box.astype(int), 0)
        tight.append((shrunk(np.ascontiguousarray(image[y0:y1, x0:x1]), 350), 1))
    table = pq.read_table(data / "fer2013" / "validation.parquet", columns=["image"]).slice(0, 400)
    fer = [images.read(row["bytes"]) for row in table["image"].to_pylist()]
    fer_big = [cv2.resize(f, (240, 240), interpolation=cv2.INTER_CUBIC) for f in fer]
    result = {
        "portraits (london, single)": [(i, 1) for i in london + [single]],
        "the same, cut to the face, 350 px": tight,
        "the same, turned 30 and -30 degrees": [(rotated(i, a), 1) for i in london + [single] for a in (30, -30)],
        "the same, at a tenth of the light": [((i * 0.1).astype(np.uint8), 1) for i in london + [single]],
        "faces of 50 px in 1280x720": [(shrunk(i, 150, (1280, 720), k), 1) for k, i in enumerate(london)],
        "faces of 25 px in 1280x720": [(shrunk(i, 75, (1280, 720), k), 1) for k, i in enumerate(london)],
        "group of 5, 1000 to 300 px wide": [(shrunk(group, w), 5) for w in (1000, 800, 600, 500, 400, 300)],
        "FER2013, 400 pictures, 5x": [(f, 1) for f in fer_big],
        "the same, in a grey frame": [(cv2.copyMakeBorder(f, 120, 120, 120, 120, cv2.BORDER_CONSTANT,
                                                          value=(128, 128, 128)), 1) for f in fer_big],
        "clip single_face": [(f, 1) for f in frames(media / "single_face.mp4", 2)],
        "clip Pexels (tears, hands, laughter)": [(f, 1) for f in frames(media / "WolfgangLanger_Pexels.mp4", 6)],
        "clips face_noface, noface_face": [(f, man_or_sky(f)) for name in ("face_noface.mov", "noface_face.mov")
                                           for f in frames(media / name, 3)],
        "clip no_face": [(f, 0) for f in frames(media / "no_face.mp4")],
    }
    if negatives:
        whole = [images.read(p) for p in sorted(negatives.iterdir())]
        quarters = [np.ascontiguousarray(i[y:y + i.shape[0] // 2, x:x + i.shape[1] // 2])
                    for i in whole for y in (0, i.shape[0] // 2) for x in (0, i.shape[1] // 2)]
        result["without a human face, and quarters"] = [(i, 0) for i in whole + quarters]
    return result


def systems(data: Path) -> dict[str, Callable[[np.ndarray], Boxes]]:
    yunet = f"yunet:{next((data / 'weights').glob('*yunet*.onnx'))}"

    def blaze(kind: str) -> Callable[[np.ndarray], Boxes]:
        def run(image: np.ndarray) -> Boxes:
            side = max(image.shape[:2])
            view = (image.shape[1] - side) / 2, (image.shape[0] - side) / 2, float(side)
            return [c.box for c in detectors.blaze(image, kind, view, least=0.5)]
        return run
    return {
        "ours": lambda image: [tuple(f.box) for f in faces.detect(image)],
        "BlazeFace short": blaze("short"),
        "BlazeFace full": blaze("full"),
        "YuNet 640": lambda image: [c.box for c in detectors.candidates(image, yunet)],
        "YuNet 640, mesh": lambda image: [tuple(f.box) for f in faces.detect(image, yunet)],
    }


def sheet(pictures: list[tuple[np.ndarray, Boxes]], path: Path) -> None:
    tiles = []
    for image, boxes in pictures[:60]:
        image = image.copy()
        for box in boxes:
            x0, y0, x1, y1 = (int(v) for v in box)
            cv2.rectangle(image, (x0, y0), (x1, y1), (0, 255, 0), max(1, image.shape[1] // 200))
        scale = 200 / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:200, :200]
        tiles.append(cv2.copyMakeBorder(small, 0, 200 - small.shape[0], 0, 200 - small.shape[1], cv2.BORDER_CONSTANT))
    tiles += [np.zeros((200, 200, 3), np.uint8)] * (-len(tiles) % 10)
    rows = [np.hstack(tiles[k:k + 10]) for k in range(0, len(tiles), 10)]
    if rows:
        cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def speed(run: Callable[[np.ndarray], Boxes], pictures: list[np.ndarray], rounds: int = 3) -> float:
    """Seconds of one core a picture, the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for image in pictures:
            run(image)
        best = min(best, (time.process_time() - start) / len(pictures))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--negatives", type=Path)
    parser.add_argument("--show", type=Path)
    parser.add_argument("--only", default="", help="only systems whose name contains this")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    runs = {k: v for k, v in systems(args.data).items() if args.only in k}
    print("| set (pictures, faces) | " + " | ".join(f"{name}: found, false" for name in runs) + " |")
    print("|---" * (len(runs) + 1) + "|")
    totals = dict.fromkeys(runs, (0, 0))
    for name, pictures in sets(args.data, args.negatives).items():
        row = [f"{name} ({len(pictures)}, {sum(n for _, n in pictures)})"]
        for system, run in runs.items():
            boxes = [run(image) for image, _ in pictures]
            found = sum(min(len(b), n) for b, (_, n) in zip(boxes, pictures, strict=True))
            false = sum(max(len(b) - n, 0) for b, (_, n) in zip(boxes, pictures, strict=True))
            totals[system] = totals[system][0] + found, totals[system][1] + false
            row.append(f"{found}, {false}")
            if args.show and system == "ours":
                args.show.mkdir(parents=True, exist_ok=True)
                wrong = [(i, b) for (i, n), b in zip(pictures, boxes, strict=True) if len(b) != n]
                label = name.split("(")[0].strip().replace(" ", "_").replace(",", "")
                sheet(wrong, args.show / f"{label}-wrong.png")
                sheet([(i, b) for (i, _), b in zip(pictures, boxes, strict=True)], args.show / f"{label}.png")
        print("| " + " | ".join(row) + " |", flush=True)
    print("| all | " + " | ".join(f"**{found}, {false}**" for found, false in totals.values()) + " |")
    portrait = images.read(args.data / "media" / "single_face.jpg")
    group = images.read(args.data / "media" / "multi_face.jpg")
    wide = [cv2.resize(portrait, (1280, 720)), cv2.resize(group, (1280, 720))]
    times = {name: [speed(run, [image]) for image in wide] for name, run in runs.items()}
    base = times.get("YuNet 640", next(iter(times.values())))
    for k, title in enumerate(("time at 1280x720, one face (YuNet = 1)", "five faces")):
        cells = [f"{t[k] / base[k]:.2f} ({t[k] * 1000:.0f} ms)" for t in times.values()]
        print(f"| {title} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
