"""Pairs of pictures that differ in one thing, everything else fixed: does an explanation follow the face?

``switch``: one AU is on in one picture and off in the other; ``occlude``: one picture shows an AU, in the other a grey
patch covers where it shows. Person, view, light, background and the camera's flaws are the same in both. Pair i
depends on (seed, i) alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from emoreason.data_pipeline import expression, scene
from emoreason.data_pipeline.studio import SHARED, Studio, furrows, labels, pose_face
from emoreason.facs import ACTION_UNITS, MEASURED_AUS, PRESENT

KINDS = ("switch", "occlude")
_PAIR, _FLAWS = 3, 4  # streams of random numbers, beside those of studio
TRIES = 40  # faces drawn for an AU before the next AU is taken
ALONE = 0.3  # how far the other AUs may move along (0-5): parted lips are measured, and many movements part them
# Region of FACS: the 68-points around which the patch lies, and the regions of which it hides something.
COVERS: dict[str, tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]] = {
    "brows": (((17, 18, 19, 20, 21, 22, 23, 24, 25, 26),), ("forehead", "brows")),
    "eyes": (((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47)), ("eyes", "cheeks")),
    "cheeks": (((36, 41, 40, 31, 48, 2), (45, 46, 47, 35, 54, 14)), ("cheeks",)),
    "nose": (((27, 31, 32, 33, 34, 35, 39, 42),), ("nose",)),
    "lips": ((tuple(range(48, 60)),), ("lips", "jaw")),
    "chin": (((6, 7, 8, 9, 10, 57),), ("chin", "jaw")),
    "jaw": (((*range(48, 60), 6, 7, 8, 9, 10),), ("lips", "chin", "jaw")),
}
GREY = 118  # the photographers' middle grey, 18% of the light


def sample_pair(model: Studio, seed: int, i: int, size: int, kinds: tuple[str, ...] = KINDS
                ) -> list[tuple[np.ndarray, dict]]:
    """Pair i: two images (size, size, 3) uint8 RGB with labels as ``studio.sample`` has them, and ``pair``; the second
    has ``switched`` (the AU) or ``occluded`` (the AU) and ``covered`` (the regions hidden). The kinds take turns, the
    AUs too; those that cannot be had alone (a dropped jaw parts the lips) give way to the next."""
    kind, turn = kinds[i % len(kinds)], i // len(kinds)
    person = model.person(seed, i // SHARED)
    rng = np.random.default_rng([seed, _PAIR, i])
    view, light = scene.random_view(rng), scene.random_light(rng)
    backdrop = scene.background(rng, round(1.5 * size))
    for number, base in _drawn(rng, turn):
        level = float(rng.uniform(2.2, 4.5))
        shown = _with(base, number, level)
        if expression.settle(shown.aus) != shown.aus:
            continue
        faces = [shown] if kind == "occlude" else [shown, _with(base, number, 0.0)]
        posed = [pose_face(model, person, face) for face in faces]
        seen = [aus for _, aus in posed]
        if seen[0].get(number, 0.0) >= 2 * PRESENT and (kind == "occlude" or _alone(number, *seen)):
            break
    else:
        raise RuntimeError("no AU can be switched alone on this face")
    made = []
    for face, (mesh, aus) in zip(faces, posed, strict=True):
        taken = scene.render(model.model, person, mesh, furrows(face), face.gaze, view, light, backdrop, size)
        row = labels(face, aus, person, f"{seed}-{i // SHARED}", view, taken.landmarks) | {"pair": f"{seed}-{i}"}
        made.append((scene.photograph(taken.image, np.random.default_rng([seed, _FLAWS, i])), row))
    if kind == "occlude":
        image, row = made[0]
        region = ACTION_UNITS[number].region
        hidden = row | {"occluded": number, "covered": list(COVERS[region][1])}
        return [made[0], (cover(image, np.array(row["landmarks"]), region), hidden)]
    made = made[::-1] if rng.random() < 0.5 else made  # switched off as often as on
    made[1][1]["switched"] = number
    return made


def _drawn(rng: np.random.Generator, turn: int) -> Iterator[tuple[int, expression.Expression]]:
    for k in range(len(MEASURED_AUS)):
        for _ in range(TRIES):
            yield MEASURED_AUS[(turn + k) % len(MEASURED_AUS)], expression.draw(rng)


def _with(face: expression.Expression, number: int, level: float) -> expression.Expression:
    """The face with AU ``number`` on both sides at ``level``, 0: without it; its label follows from the AUs alone."""
    aus = {a: v for a, v in face.aus.items() if a != number} | ({number: level} if level else {})
    return replace(face, aus=aus, sides={a: s for a, s in face.sides.items() if a != number}, drawn=None)


def _alone(number: int, on: dict[int, float], off: dict[int, float]) -> bool:
    """Whether the two faces' measured AUs differ in this one alone."""
    if off.get(number, 0.0) >= PRESENT / 2:
        return False
    others = (set(on) | set(off)) - {number}
    return all(abs(on.get(a, 0.0) - off.get(a, 0.0)) <= ALONE
               and (on.get(a, 0.0) >= PRESENT) == (off.get(a, 0.0) >= PRESENT) for a in others)


def cover(image: np.ndarray, points: np.ndarray, region: str) -> np.ndarray:
    """The image (S, S, 3) uint8 with a grey patch over a region of the face; points (68, 2) px."""
    out = image.copy()
    margin = 0.09 * float(np.linalg.norm(points[36] - points[45]))
    up = points[27] - points[8]
    up = up / max(float(np.linalg.norm(up)), 1e-6)
    for group in COVERS[region][0]:
        spots = points[list(group)]
        if region == "brows":  # the forehead's lowest folds too
            spots = np.concatenate([spots, spots + 2.5 * margin * up])
        around = np.concatenate([spots + margin * np.array([np.cos(t), np.sin(t)])
                                 for t in np.linspace(0, 2 * np.pi, 12, endpoint=False)])
        hull = cv2.convexHull(np.round(around * 16).astype(np.int32))
        cv2.fillConvexPoly(out, hull, (GREY,) * 3, cv2.LINE_AA, 4)
    return out
