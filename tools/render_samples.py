"""Render samples/: four faces and a clip that anybody may use, from the ICT face model (MIT).

    python tools/render_samples.py --face-model ict_face.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from emoreason.data_pipeline import clip, scene
from emoreason.data_pipeline.expression import Expression
from emoreason.data_pipeline.skin import floats
from emoreason.data_pipeline.studio import furrows, pose_face, studio

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
SEED = 11
# name: person, AUs, gaze, (yaw, pitch, roll)
FACES = {
    "sad": (34, {1: 4.2, 4: 3.2, 11: 2.0, 15: 3.6, 17: 2.2}, (-2, -6), (-6, -3, 3)),
    "happy": (13, {6: 3.6, 12: 4.2, 25: 4.2}, (0, 0), (7, 1, -3)),
    "angry": (29, {4: 5.0, 5: 2.6, 7: 3.4, 17: 1.5, 23: 3.5, 24: 1.5}, (0, 0), (3, -4, 1)),
    "surprised": (11, {1: 4.2, 2: 4.2, 5: 3.6, 25: 2.0, 26: 4.0}, (0, 2), (-4, 2, 0)),
}
LIGHT = scene.Light(floats([[-0.5, 0.45, 0.74], [0.75, 0.05, 0.66], [0.8, 0.35, -0.5]]),
                    floats([[0.95, 0.9, 0.84], [0.22, 0.24, 0.27], [0.35, 0.35, 0.35]]),
                    floats([0.17, 0.17, 0.18]), floats([0.36, 0.37, 0.40]))


def backdrop(seed: int, side: int) -> np.ndarray:
    """(side, side, 3) linear: a blurred room in muted colours."""
    blurred = cv2.GaussianBlur(scene.background(np.random.default_rng(seed), 128), (0, 0), 5)
    grey = blurred.mean(-1, keepdims=True)
    muted = np.clip(0.7 * (grey + 0.3 * (blurred - grey)), 0.01, 1)
    return np.ascontiguousarray(cv2.resize(muted, (side, side), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--face-model")
    model = studio(parser.parse_args().face_model)
    rng = np.random.default_rng(SEED)
    for k, (name, (who, aus, gaze, pose)) in enumerate(FACES.items()):
        person, shown = model.person(SEED, who), Expression({a: float(v) for a, v in aus.items()}, gaze=gaze)
        mesh, _ = pose_face(model, person, shown)
        view = scene.View(*pose, fill=0.62, shift=(0.0, 0.05))
        taken = scene.render(model.model, person, mesh, furrows(shown), gaze, view, LIGHT, backdrop(40 + k, 1024), 512)
        image = scene.photograph(taken.image, rng, flaws=False)
        cv2.imwrite(str(SAMPLES / f"{name}.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    times = np.arange(3.6 * clip.FPS) / clip.FPS
    events = [clip.Event(clip.BLINK, 0.52, 0.62, 0.66, 0.84, 5.0), clip.Event(12, 0.80, 1.35, 2.45, 3.30, 4.0),
              clip.Event(6, 0.90, 1.45, 2.35, 3.10, 3.4), clip.Event(25, 0.95, 1.40, 2.30, 2.90, 4.0)]
    sway = np.stack([3 * np.sin(times * 1.3), 2 * np.sin(times * 0.9 + 1), 2 * np.sin(times * 1.1)], 1)
    take = clip.Take(scene.View(-3, 0, 0, fill=0.62, shift=(0.0, 0.05)), sway, np.zeros((len(times), 2)), LIGHT,
                     backdrop(42, 640), 0.6)
    images, _ = clip.film(model, model.person(SEED, 23), "sample", events, [(0.8, "happiness")], times, take, 320, rng)
    clip.write(SAMPLES / "smile.mp4", images, times)


if __name__ == "__main__":
    main()
