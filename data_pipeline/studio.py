"""One synthetic picture with its labels: person, expression, view and light drawn, posed, rendered, measured.

Picture i depends on (seed, i) alone. Also for training without files: ``sample(studio(path), seed, i, size)``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emoreason.data_pipeline import actions, expression, hair, ict, scene
from emoreason.data_pipeline.person import LIPS_MEET, Person, make

SHARED = 16  # pictures per person: making one costs as much as several pictures
_PERSON, _ITEM = 1, 2  # streams of random numbers


@dataclass
class Studio:
    """The face model with what is derived from it once, and the people made last."""

    model: ict.FaceModel
    shapes: dict[str, tuple[np.ndarray, np.ndarray]]
    skull: hair.Skull
    people: OrderedDict[tuple[int, int], Person] = field(default_factory=OrderedDict)

    def person(self, seed: int, identity: int) -> Person:
        key = (seed, identity)
        if key not in self.people:
            rng = np.random.default_rng([seed, _PERSON, identity])
            self.people[key] = make(self.model, self.shapes, self.skull, rng)
            while len(self.people) > 4:
                self.people.popitem(last=False)
        return self.people[key]


def studio(face_model: str | Path | None = None) -> Studio:
    """Load the face model (``ict.find`` says where from). Raises UserError when it is missing."""
    model = ict.load(ict.find(face_model))
    return Studio(model, actions.shapes(model), hair.Skull(model))


def sample(model: Studio, seed: int, i: int, size: int = 128, supersample: float = 1.5,
           shared: int = SHARED) -> tuple[np.ndarray, dict]:
    """Picture i of a seed: image (size, size, 3) uint8 RGB and its labels.

    ``shared`` consecutive pictures show one person. Labels: identity; aus {"1": 0-5, ...} (absent: 0); sides
    {"12": [right, left]} where they differ, the subject's own; emotion or None; valence, arousal in [-1, 1];
    pose [yaw, pitch, roll] degrees; landmarks (68) and points (right eye, left eye, nose tip, right and left mouth
    corner: the subject's own) as [x, y] px; gaze [right, up] degrees; traits of the person.
    """
    person = model.person(seed, i // shared)
    rng = np.random.default_rng([seed, _ITEM, i])
    shown = expression.draw(rng)
    view, light = scene.random_view(rng), scene.random_light(rng)
    backdrop = scene.background(rng, round(supersample * size))
    mesh, aus = pose_face(model, person, shown)
    taken = scene.render(model.model, person, mesh, furrows(shown), shown.gaze, view, light, backdrop, size)
    image = scene.photograph(taken.image, rng)
    return image, labels(shown, aus, person, f"{seed}-{i // shared}", view, taken.landmarks)


def pose_face(model: Studio, person: Person, shown: expression.Expression) -> tuple[np.ndarray, dict[int, float]]:
    """The face's mesh (V, 3) cm under an expression, and its AUs as seen: 25 and 43 are measured on the mesh."""
    weights = actions.weights(shown.aus, shown.sides, person.gain, shown.parting)
    actions.look(weights, shown.gaze)
    mesh = scene.deform(model.model, model.shapes, person, weights)
    marks = mesh[model.model.landmarks]
    gap = float((marks[[61, 62, 63], 1] - marks[[67, 66, 65], 1]).mean())
    behind = (model.model.vertex_material == ict.TEETH) | (model.model.vertex_material == ict.GUMS)
    mesh[behind, 2] -= 0.12 + 0.5 * (1 - float(np.clip(gap / 0.35, 0, 1)))  # closed lips hide every kind of teeth
    aus = dict(shown.aus)
    aus[25] = expression.lips_apart((gap - LIPS_MEET) * 6.4 / float(np.linalg.norm(marks[36] - marks[45]) - 2.5))
    aus[43] = max(expression.eyes_closed(weights.get("eyeBlink" + s, 0.0)) for s in ("_L", "_R")) if 43 in aus else 0.0
    return mesh, {a: round(v, 2) for a, v in sorted(aus.items()) if v >= 0.05}


def furrows(shown: expression.Expression) -> dict[tuple[int, int], float]:
    """(AU, side) -> strength of the skin's folds."""
    out = {}
    for a, value in shown.aus.items():
        right, left = shown.sides.get(a, (value, value))
        out[a, 1], out[a, -1] = actions.strength(left), actions.strength(right)
    return out


def labels(shown: expression.Expression, aus: dict[int, float], person: Person, identity: str,
           view: scene.View, marks: np.ndarray) -> dict:
    """One row of labels.jsonl, without the file; marks (68, 2) px."""
    one_sided = expression.side_names(shown)
    valence, arousal = expression.affect(aus)
    points = [marks[[36, 39]].mean(0), marks[[42, 45]].mean(0), marks[30], marks[48], marks[54]]
    return {
        "identity": identity, "aus": {str(a): v for a, v in aus.items()},
        "sides": {str(a): [round(r, 2), round(left, 2)] for a, (r, left) in sorted(shown.sides.items()) if a in aus},
        "emotion": expression.emotion_of(aus, one_sided, shown.drawn), "valence": valence, "arousal": arousal,
        "pose": [round(view.yaw, 2), round(view.pitch, 2), round(view.roll, 2)],
        "landmarks": np.round(marks.astype(float), 1).tolist(), "points": np.round(np.array(points, float), 1).tolist(),
        "gaze": [round(g, 1) for g in shown.gaze], "traits": person.traits,
    }
