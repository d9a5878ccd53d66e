"""The figures of docs/synthetic.md: how fast faces are rendered, and how the face reader sees them.

    python benchmarks/synth.py --face-model ict_face.npz
    python benchmarks/synth.py --face-model ict_face.npz --sheet docs/synthetic.jpg     # the page's picture

Speed is processor time of one core around ``sample``, people included (16 pictures each), after a first picture that
compiles. The reader is ``emoreason.faces`` on renders of 256 px, compared with their labels.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from emoreason import faces
from emoreason.data_pipeline import scene
from emoreason.data_pipeline.expression import Expression
from emoreason.data_pipeline.studio import Studio, furrows, pose_face, sample, studio
from emoreason.facs import ACTION_UNITS, MEASURED_AUS, PROTOTYPES

SEED, CELL, WIDE = 5, 220, 6


def speed(model: Studio, size: int, n: int) -> float:
    """Pictures of ``size`` px a processor second."""
    sample(model, SEED, 10_000, size)
    start = time.process_time()
    for i in range(n):
        sample(model, SEED, i, size)
    return n / (time.process_time() - start)


def read(model: Studio, n: int, size: int = 256) -> list[tuple[np.ndarray, np.ndarray]]:
    """(labels, readings) of each face found among n people: the eyes' and mouth's distances from the labelled ones in
    units of the eyes' distance (3,), and yaw, pitch, roll by both."""
    found = []
    for k in range(n):
        image, row = sample(model, SEED + 1, 16 * k, size)
        seen = faces.detect(image)
        if not seen:
            continue
        points = np.array(row["points"])
        true = np.array([points[0], points[1], points[3:5].mean(0)])
        off = np.linalg.norm(faces.anchors(seen[0].landmarks) - true, axis=1) / np.linalg.norm(points[0] - points[1])
        found.append((np.array([*off, *row["pose"]]), np.asarray(seen[0].pose, float)))
    return found


def face(model: Studio, aus: dict[int, float], sides: dict[int, tuple[float, float]], who: int) -> np.ndarray:
    """One face (CELL, CELL, 3) uint8 in even light."""
    shown = Expression(aus, sides)
    person = model.person(SEED, who)
    mesh, _ = pose_face(model, person, shown)
    backdrop = np.full((2 * CELL, 2 * CELL, 3), 0.35, np.float32)
    view = scene.View(fill=0.66, shift=(0.0, 0.05))
    taken = scene.render(model.model, person, mesh, furrows(shown), (0.0, 0.0), view, scene.STUDIO, backdrop, CELL)
    return scene.photograph(taken.image, np.random.default_rng(0), flaws=False)


def sheet(model: Studio, path: Path) -> None:
    """Every measured AU at its strongest, and the prototypes, each on another person."""
    shown: list[tuple[str, dict[int, float], dict[int, tuple[float, float]]]] = [
        (f"AU{a} {ACTION_UNITS[a].name}", {a: 5.0}, {}) for a in MEASURED_AUS]
    for name, sets in PROTOTYPES.items():
        one_sided = {a: (4.0, 0.0) for a in sets[0]} if name == "contempt" else {}
        shown.append((name, {a: 4.0 for a in sorted(sets[0])}, one_sided))
    cells = []
    for who, (title, aus, sides) in enumerate(shown):
        cell = np.zeros((CELL + 22, CELL, 3), np.uint8)
        cell[:CELL] = face(model, aus, sides, who)
        cv2.putText(cell, title, (4, CELL + 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
        cells.append(cell)
    cells += [np.zeros_like(cells[0])] * (-len(cells) % WIDE)
    rows = [np.concatenate(cells[k:k + WIDE], 1) for k in range(0, len(cells), WIDE)]
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    print(f"{path}: {len(shown)} faces")


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--face-model", help="ict_face.npz (default: $EMOREASON_FACE_MODEL)")
    parser.add_argument("-n", type=int, default=96, help="pictures to time")
    parser.add_argument("--people", type=int, default=146, help="faces to read")
    parser.add_argument("--sheet", type=Path, help="only draw the sheet")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    model = studio(args.face_model)
    if args.sheet:
        sheet(model, args.sheet)
        return
    for size in (128, 224):
        print(f"{size} px: {speed(model, size, args.n):.1f} pictures a processor second")
    found = read(model, args.people)
    off = np.array([a[:3] for a, _ in found])
    print(f"found {len(found)} of {args.people}; eyes and mouth off by {off.mean():.3f} +- {off.std():.3f} of the "
          "distance of the eyes")
    for k, name in enumerate(("yaw", "pitch", "roll")):
        true, seen = np.array([(a[3 + k], b[k]) for a, b in found]).T
        print(f"{name}: reads {np.mean(seen - true):+.1f} degrees, mean |difference| {np.abs(seen - true).mean():.1f}, "
              f"slope {np.polyfit(true, seen, 1)[0]:.2f}")


if __name__ == "__main__":
    main()
