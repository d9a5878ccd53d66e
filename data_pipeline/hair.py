"""Hair, hats and glasses: what is painted on the scalp and what hangs as a mesh around the face.

Meshes lie on a grid of directions around the skull, so that they follow each head. Strand textures carry opacity.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from emoreason.data_pipeline.creases import SIDE
from emoreason.data_pipeline.ict import FACE, FRAME, HAIR, HEAD, FaceModel
from emoreason.data_pipeline.skin import noise

CENTRE = np.array([0.0, 4.5, 0.5], np.float32)
BANDS = {"curtain": (0.01, 0.39), "fringe": (0.41, 0.79), "cloth": (0.81, 0.99)}  # rows of the strand texture
Mesh = tuple[np.ndarray, np.ndarray, np.ndarray, int]  # vertices (n, 3), uv (n, 2), triangles (t, 3), material


class Scalp:
    """How far inside the hairy part of the head each point of an array (..., 3) lies, in cm; negative: bare skin."""

    def __init__(self, points: np.ndarray) -> None:
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        line = np.interp(z, [-9, -6, -3, -1, 0.5, 2, 3.2, 4.5, 6, 8, 10],
                         [-3.5, -3, -1, 2.5, 4.5, 5.0, 3.2, 6.5, 8.6, 10.2, 10.6])
        ear = (np.abs(x) > 7.5) & (z < 3.0) & (z > -3.0) & (y < 5.2) & (y > -2)
        self.height = np.where(ear | np.isnan(x), -9.0, y - line).astype(np.float32)
        front = z > 4
        self.temple = np.where(front, np.exp(-((np.abs(x) - 4.5) / 1.6) ** 2), 0).astype(np.float32)
        self.sine = np.where(front, 0.35 * np.sin(x * 0.8), 0).astype(np.float32)
        self.cosine = np.where(front, 0.35 * np.cos(x * 0.8), 0).astype(np.float32)

    def field(self, recede: float, phase: float) -> np.ndarray:
        """(...) cm; recede: how far the temples go back, cm; phase: where the hairline waves."""
        return (self.height - np.float32(recede) * self.temple - np.float32(math.cos(phase)) * self.sine
                - np.float32(math.sin(phase)) * self.cosine)


@lru_cache(maxsize=2)
def _directions(count: int, rows: int, reach: float) -> np.ndarray:
    """(rows, count, 3) unit vectors: from the crown down to ``reach`` radians, all the way round from the back."""
    theta = np.linspace(-math.pi, math.pi, count)
    phi = np.linspace(0.02, reach, rows)
    return np.stack([np.sin(phi)[:, None] * np.sin(theta), np.cos(phi)[:, None] * np.ones(count),
                     np.sin(phi)[:, None] * np.cos(theta)], -1).astype(np.float32)




class Skull:
    """What hair and clothes follow: the scalp and the heights under the texels, and the head's surface along fixed
    directions: ``radius(base)`` gives (rows, count) cm for a person's vertices."""

    COUNT, ROWS, REACH = 73, 25, 1.75

    def __init__(self, model: FaceModel) -> None:
        self.scalps = [Scalp(model.face_map), Scalp(model.head_map), Scalp(model.vertices)]
        self.heights = [np.nan_to_num(m[..., 1]) for m in (model.face_map, model.head_map)]
        self.widths = [np.abs(np.nan_to_num(m[..., 0])) for m in (model.face_map, model.head_map)]
        self.directions = _directions(self.COUNT, self.ROWS, self.REACH)
        points = model.vertices
        ears = (np.abs(points[:, 0]) > 7.4) & (points[:, 1] < 5.5) & (points[:, 2] < 3.5)
        usable = np.nonzero(((model.vertex_material == FACE) | (model.vertex_material == HEAD)) & ~ears
                            & (points[:, 1] > -1.0))[0]
        way = points[usable] - CENTRE
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        flat = self.directions.reshape(-1, 3)
        near = np.argpartition(-(flat @ way.T), 6, axis=1)[:, :6]
        self.nearest = usable[near]

    def radius(self, base: np.ndarray) -> np.ndarray:
        far = np.linalg.norm(base[self.nearest] - CENTRE, axis=-1).max(1)
        grid = far.reshape(self.ROWS, self.COUNT).astype(np.float32)
        return cv2.GaussianBlur(grid, (0, 0), 1.0)


def _sheet(points: np.ndarray, band: str, across: tuple[float, float] = (0.0, 1.0)) -> Mesh:
    """A grid of points (rows, columns, 3) as a mesh whose texture is one band of the strand texture."""
    rows, columns = points.shape[:2]
    low, high = BANDS[band]
    uv = np.empty((rows, columns, 2), np.float32)
    uv[..., 0], uv[..., 1] = np.linspace(*across, columns), np.linspace(low, high, rows)[:, None]
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    triangles = np.concatenate([np.stack([a, a + columns, a + 1], 1),
                                np.stack([a + 1, a + columns, a + columns + 1], 1)])
    return points.reshape(-1, 3), uv.reshape(-1, 2), triangles.astype(np.int32), HAIR


def _on_skull(skull: Skull, radius: np.ndarray, theta: np.ndarray, phi: np.ndarray,
              above: np.ndarray | float) -> np.ndarray:
    """Points above the skull in cm at angles theta (0: front) and phi (0: crown), radians."""
    column = np.clip((theta + math.pi) / (2 * math.pi) * (Skull.COUNT - 1), 0, Skull.COUNT - 1).astype(np.float32)
    row = np.clip((phi - 0.02) / (Skull.REACH - 0.02) * (Skull.ROWS - 1), 0, Skull.ROWS - 1).astype(np.float32)
    r = cv2.remap(radius, column, row, cv2.INTER_LINEAR) + above
    way = np.stack([np.sin(phi) * np.sin(theta), np.cos(phi), np.sin(phi) * np.cos(theta)], -1)
    return (CENTRE + r[..., None] * way).astype(np.float32)


def long_hair(skull: Skull, radius: np.ndarray, rng: np.random.Generator, length: float, volume: float) -> Mesh:
    """A curtain from the crown round the sides and back, open at the face, hanging ``length`` cm below the ears."""
    opening = rng.uniform(0.85, 1.25)
    across, p = np.meshgrid(np.linspace(-1, 1, 70), np.linspace(0.12, 1.5, 16))
    edge = opening * np.clip((p - 0.25) / 0.9, 0, 1) ** 0.6  # near the crown it closes over the parting
    t = np.sign(across) * (edge + (math.pi - edge) * (1 - np.abs(across)))
    lift = volume * (0.5 + 0.5 * np.sin(p)) * (1 + 0.12 * np.sin(9 * t + rng.uniform(0, 6)))
    top = _on_skull(skull, radius, t, p, lift)
    wave = rng.uniform(0, 0.5)
    drop = np.linspace(0, 1, 13)[1:, None]
    low = top[-1][None].repeat(12, 0)
    theta = t[-1]
    ends = length * (1 + 0.06 * np.sin(5 * theta + rng.uniform(0, 6)))
    low[..., 1] -= drop * ends
    swing = 1 + drop * rng.uniform(-0.12, 0.10) + 0.04 * wave * np.sin(drop * 9 + theta * 3)
    low[..., 0] *= swing
    low[..., 2] = CENTRE[2] + (low[..., 2] - CENTRE[2]) * (swing - 0.15 * drop)
    return _sheet(np.concatenate([top, low]), "curtain", (0.0, 3.0))


def fringe(skull: Skull, radius: np.ndarray, rng: np.random.Generator) -> Mesh:
    """Hair over the forehead: full, swept to a side, parted in the middle, or a few strands."""
    half = rng.uniform(0.5, 1.05)
    theta, along = np.meshgrid(np.linspace(-half, half, 40), np.linspace(0, 1, 14))
    end = rng.uniform(0.98, 1.34)  # 1.34: at the brows
    style = rng.integers(4)
    phi = 0.55 + (end - 0.55) * along
    turn = rng.choice([-1, 1]) * rng.uniform(0.2, 0.9)
    if style == 1:
        theta = theta + turn * along ** 1.5
        phi = phi + 0.25 * along ** 2 * theta * np.sign(turn)
    elif style == 2:
        theta = theta + np.sign(theta) * 0.55 * along ** 1.3
        phi = phi + 0.30 * along ** 2 * np.clip(np.abs(theta), 0, 1) - 0.1 * along
    else:
        theta = theta + 0.15 * turn * along
    lift = rng.uniform(0.3, 0.8) * (1 - 0.55 * along) + 0.12
    return _sheet(_on_skull(skull, radius, theta, np.clip(phi, 0.1, 1.5), lift), "fringe")


def hat(skull: Skull, radius: np.ndarray, rng: np.random.Generator) -> Mesh:
    """A cap pulled down to the hairline, tilted a little."""
    theta, phi = np.meshgrid(np.linspace(-math.pi, math.pi, 64), np.linspace(0.03, 1.0, 16))
    edge = rng.uniform(0.98, 1.12) - 0.22 * np.cos(theta) * (phi > 0.4) + 0.25
    return _sheet(_on_skull(skull, radius, theta, phi * edge, rng.uniform(0.5, 1.1) * (0.6 + 0.4 * np.sin(2 * phi))),
                  "cloth", (0.0, 4.0))


def strands(rng: np.random.Generator, hair: np.ndarray) -> np.ndarray:
    """The strand texture (SIDE, SIDE, 5): colour, gloss, opacity; u runs across the strands, v from root to tip."""
    out = np.empty((SIDE, SIDE, 5), np.float32)
    tone = 0.5 + 0.22 * noise(rng, (6, SIDE)) + 0.16 * noise(rng, (3, 60))
    v = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None]
    out[..., :3] = np.clip(hair * (0.35 + 1.15 * np.clip(tone, 0, 1.3))[..., None], 0.002, 0.9)
    out[..., 3] = 0.10 * np.clip(tone, 0, 1.2)
    ragged = 0.55 * noise(rng, (1, 24)) + 0.45 * noise(rng, (1, 200))
    low, high = BANDS["curtain"]
    along = (v - low) / (high - low)
    opacity = (along < 0.93 + 0.05 * ragged).astype(np.float32)
    low, high = BANDS["fringe"]
    along = (v - low) / (high - low)
    reach = 0.86 + rng.uniform(0.02, 0.16) * ragged
    thin = rng.uniform(0.0, 1.3)
    gaps = noise(rng, (2, 34)) + 0.7 * noise(rng, (3, 120)) > 1.6 - 2.0 * thin * np.clip(along, 0, 1) ** 0.7
    opacity = np.where(v > 0.4, ((along < reach) & ~gaps).astype(np.float32), opacity)
    cloth = rng.uniform(0.01, 0.6, 3).astype(np.float32)
    part = int(0.8 * SIDE)
    knit = 0.8 + 0.2 * np.sin(np.arange(SIDE, dtype=np.float32) * rng.uniform(0.3, 1.2))
    out[part:, :, :3] = cloth * (knit[None, :] * (0.9 + 0.1 * noise(rng, 60)[part:]))[..., None]
    out[part:, :, 3] = 0.02
    opacity[part:] = 1.0
    out[..., 4] = opacity
    return out


def glasses(base: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> tuple[Mesh, np.ndarray]:
    """A frame as tubes and the outlines of its lenses (2, 24, 3) in cm (right eye first)."""
    eyes = np.stack([base[landmarks[36:42]].mean(0), base[landmarks[42:48]].mean(0)])
    bridge = base[landmarks[27]]
    gap = abs(eyes[1, 0] - eyes[0, 0])
    wide, high = gap * rng.uniform(0.36, 0.43), gap * rng.uniform(0.24, 0.38)
    power = rng.uniform(2.0, 5.0)
    a = np.linspace(0, 2 * math.pi, 25)[:-1]
    shape = np.stack([np.sign(np.cos(a)) * np.abs(np.cos(a)) ** (2 / power) * wide,
                      np.sign(np.sin(a)) * np.abs(np.sin(a)) ** (2 / power) * high - 0.25], 1)
    front = max(eyes[:, 2].max() + 1.35, bridge[2] + 0.15)
    lenses, paths = [], []
    for eye in eyes:
        rim = np.zeros((24, 3))
        rim[:, :2] = eye[:2] + shape
        rim[:, 2] = front - 0.045 * (rim[:, 0]) ** 2 / 2
        lenses.append(rim)
        paths.append(np.concatenate([rim, rim[:1]]))
        side = np.sign(eye[0])
        hinge = rim[np.argmax(rim[:, 0] * side)]
        ear = base[landmarks[0 if side < 0 else 16]] + (side * 0.9, 0.6, -3.0)
        paths.append(np.linspace(hinge, ear, 8))
    inner = [lenses[0][np.argmax(lenses[0][:, 0])], lenses[1][np.argmin(lenses[1][:, 0])]]
    arch = np.array([[0, 0.25 * math.sin(k * math.pi / 5), 0] for k in range(6)])
    paths.append(np.linspace(inner[0], inner[1], 6) + arch)
    thick = rng.uniform(0.07, 0.24)
    points, triangles, start = [], [], 0
    for path in paths:
        around = np.linspace(0, 2 * math.pi, 7)[:-1]
        along = np.gradient(path, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
        u = np.cross(along, [0.2, 0.3, 1.0])
        u /= np.linalg.norm(u, axis=1, keepdims=True) + 1e-9
        v = np.cross(along, u)
        cosine, sine = np.cos(around)[None, :, None], np.sin(around)[None, :, None]
        ring = path[:, None] + thick * (cosine * u[:, None] + sine * v[:, None])
        points.append(ring.reshape(-1, 3))
        n = len(path)
        for k in range(n - 1):
            for q in range(6):
                b, c = start + k * 6 + q, start + k * 6 + (q + 1) % 6
                triangles += [(b, c, b + 6), (c, c + 6, b + 6)]
        start += n * 6
    tubes = np.concatenate(points).astype(np.float32)
    return (tubes, np.zeros((len(tubes), 2), np.float32), np.array(triangles, np.int32), FRAME), np.stack(lenses)
