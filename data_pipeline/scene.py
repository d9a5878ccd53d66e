"""Camera, light, background and the picture's flaws; and the renderer that puts a person in front of them.

Conventions: yaw > 0 turned to the image's right, pitch > 0 looking up, roll > 0 tilted clockwise; degrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from emoreason.data_pipeline import raster, skin
from emoreason.data_pipeline.ict import FACE, FaceModel
from emoreason.data_pipeline.person import Person

MIDDLE = np.array([0.0, 3.0, 4.0], np.float32)  # what the head turns around and the camera looks at, cm
FACE_CM = 18.0
SHADOWS = 256
_GAMMA = (np.linspace(0, 1, 4096) ** (1 / 2.2)).astype(np.float32)


@dataclass(frozen=True)
class View:
    """Pose in degrees; distance cm; fill: the share of the picture's height that 18 cm of face take; shift (x, y)
    of the face as a share of the picture."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    distance: float = 90.0
    fill: float = 0.6
    shift: tuple[float, float] = (0.0, 0.03)


@dataclass(frozen=True)
class Light:
    """lights (L, 3) unit vectors towards the light, the first casts shadows; colours (L, 3); ambient below, above."""

    lights: np.ndarray
    colours: np.ndarray
    below: np.ndarray
    above: np.ndarray


@dataclass
class Rendered:
    """image (S, S, 3) linear float32; landmarks (68, 2) px; mesh (V, 3) cm: the deformed face before posing."""

    image: np.ndarray
    landmarks: np.ndarray
    mesh: np.ndarray = field(repr=False)


STUDIO = Light(skin.floats([[-0.42, 0.5, 0.76], [0.7, 0.1, 0.7]]), skin.floats([[0.95] * 3, [0.25] * 3]),
               skin.floats([0.22] * 3), skin.floats([0.42] * 3))


def random_light(rng: np.random.Generator) -> Light:
    """From flat and soft to one hard lamp from the side, above or below, warm or cold, dim or bright."""
    hard = rng.random() < 0.25
    azimuth, height = rng.uniform(-1.3, 1.3) if hard else rng.normal(0, 0.6), rng.uniform(-0.3, 1.1)
    key = (math.sin(azimuth) * math.cos(height), math.sin(height), math.cos(azimuth) * math.cos(height))
    second = -azimuth + rng.uniform(-0.6, 0.6)
    fill, rim = (math.sin(second), rng.uniform(-0.2, 0.5), math.cos(second)), (rng.choice([-0.9, 0.9]), 0.3, -0.5)
    lights = skin.floats([key, fill, rim])
    lights /= np.linalg.norm(lights, axis=1, keepdims=True)
    bright = rng.uniform(0.5, 1.35)
    ambient = rng.uniform(0.04, 0.18) if hard else rng.uniform(0.15, 0.6)
    soft = rng.uniform(0.0, 0.15) if hard else rng.uniform(0.05, 0.5)
    colours = np.stack([bright * np.exp(rng.normal(0, 0.12, 3)), soft * np.exp(rng.normal(0, 0.12, 3)),
                        np.full(3, rng.uniform(0, 0.6) * (rng.random() < 0.6))])
    return Light(lights, colours.astype(np.float32), (ambient * 0.6 * np.exp(rng.normal(0, 0.1, 3))).astype(np.float32),
                 (ambient * np.exp(rng.normal(0, 0.1, 3))).astype(np.float32))


def random_view(rng: np.random.Generator) -> View:
    """Mostly within 40 degrees of yaw and 25 of pitch."""
    return View(float(np.clip(rng.normal(0, 17), -45, 45)), float(np.clip(rng.normal(0, 10), -28, 28)),
                float(np.clip(rng.normal(0, 7), -30, 30)), float(math.exp(rng.uniform(math.log(40), math.log(180)))),
                float(rng.uniform(0.55, 0.82)), (float(rng.uniform(-0.05, 0.05)), float(rng.uniform(-0.02, 0.07))))


def background(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, size, 3) linear: a plain wall, a gradient, a blurred room, foliage-like or clutter of shapes."""
    def colour() -> np.ndarray:
        full = rng.integers(8, 250, 3)
        return skin.linear(tuple(full.mean() + (full - full.mean()) * rng.beta(1, 2.5)))[0]

    kind, n = rng.integers(5), 96
    if kind == 0:
        out = np.ones((n, n, 3), np.float32) * colour() * (1 + 0.05 * rng.standard_normal((n, n, 1), np.float32))
    elif kind == 1:
        y, x = np.mgrid[:n, :n].astype(np.float32) / n - 0.5
        angle = rng.uniform(0, 2 * math.pi)
        t = np.clip(x * math.cos(angle) + y * math.sin(angle) + 0.5, 0, 1)[..., None]
        out = colour() * (1 - t) + colour() * t
    else:
        out = np.ones((n, n, 3), np.float32) * colour()
        for k in (3, 8, 24, 60):
            layer = cv2.resize(rng.standard_normal((k, k, 3), np.float32), (n, n), interpolation=cv2.INTER_LINEAR)
            out *= np.exp(layer * rng.uniform(0.0, 0.35))
        for _ in range(rng.integers(0, 14) if kind > 2 else 0):
            a, b = rng.integers(-10, n + 10, 2), rng.integers(4, n, 2)
            shade = tuple(float(c) for c in colour())
            if rng.random() < 0.6:
                cv2.rectangle(out, a.tolist(), (a + b).tolist(), shade, -1 if rng.random() < 0.7 else 2)
            else:
                cv2.circle(out, a.tolist(), int(b[0] // 3), shade, -1)
        if rng.random() < 0.8:
            out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.5, 6)))
    return np.ascontiguousarray(cv2.resize(np.clip(out, 0.001, 1), (size, size)), dtype=np.float32)


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(3, 3) from the head's frame to the camera's; degrees."""
    (cy, sy), (cp, sp), (cr, sr) = ((math.cos(math.radians(a)), math.sin(math.radians(a))) for a in (yaw, pitch, roll))
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    tilt = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return (tilt @ nod @ turn).astype(np.float32)


def deform(model: FaceModel, shapes: dict[str, tuple[np.ndarray, np.ndarray]], person: Person,
           weights: dict[str, float]) -> np.ndarray:
    """(V, 3) cm: the person's face with these shape weights over the resting ones; lids stay outside the eyeballs."""
    mesh = person.base.copy()
    for name in person.rest.keys() | weights.keys():
        amount = person.rest.get(name, 0.0) + weights.get(name, 0.0)
        if name.startswith("eyeBlink"):  # a share of this eye's opening
            amount = person.rest[name] + min(weights.get(name, 0.0), 1.0) * person.blink[name.endswith("_L")]
        elif name.startswith(("eyeSquint", "lidLowerUp")):  # small eyes have less way to go
            amount *= min(person.blink[name.endswith("_L")], 1.1)
        if abs(amount) > 1e-3:
            raster.displace(mesh, *shapes[name], np.float32(amount))
    for ball, name in zip(person.eyes, ("eyeBlink_R", "eyeBlink_L"), strict=True):
        index = shapes[name][0]
        index = index[model.vertex_material[index] == FACE]
        away = mesh[index] - ball[:3]
        far = np.linalg.norm(away, axis=1)
        inside = (far < ball[3] * 1.03) & (away[:, 2] > 0.4 * ball[3])
        mesh[index[inside]] += away[inside] * (ball[3] * 1.03 / far[inside] - 1)[:, None]
    return mesh


def render(model: FaceModel, person: Person, mesh: np.ndarray, furrows: dict[tuple[int, int], float],
           gaze: tuple[float, float], view: View, light: Light, backdrop: np.ndarray, size: int) -> Rendered:
    """The person in linear light at the backdrop's resolution, shrunk to size.

    mesh (V, 3) from ``deform``; furrows as in ``Creases.relief``; gaze: degrees to the image's right and up, in the
    head's frame; backdrop (S, S, 3) with S >= size: the supersampled side.
    """
    side = len(backdrop)
    points = np.concatenate([mesh, person.hanging])
    facing = np.empty_like(points)
    raster.normals(points, person.triangles, facing)
    if person.puff.any():
        points[:len(mesh)] += facing[:len(mesh)] * person.puff[:, None]
        raster.normals(points, person.triangles, facing)
    turn = rotation(view.yaw, view.pitch, view.roll)
    posed, facing = (points - MIDDLE) @ turn.T, facing @ turn.T
    scale = side * view.fill / FACE_CM
    seen = _project(posed, view, side)
    nearness, index = np.zeros((side, side), np.float32), np.full((side, side), -1, np.int32)
    weights = np.zeros((side, side, 2), np.float32)
    raster.visible(seen, person.triangles, person.materials, person.triangles_uv, person.uv, person.textures[3],
                   nearness, index, weights)
    depth = np.where(nearness > 0, 1 / np.maximum(nearness, np.float32(1e-6)), np.float32(view.distance + 8))
    small = cv2.resize(depth, (side // 2, side // 2), interpolation=cv2.INTER_NEAREST)
    occlusion = np.ones_like(small)
    for radius, gain in ((0.35, 1.1), (1.2, 0.5)):
        k = max(3, int(radius * scale / 2) * 2 + 1)
        occlusion *= 1 - np.clip((small - cv2.blur(small, (k, k))) * np.float32(gain / radius), 0, 0.75)
    occlusion = cv2.resize(occlusion, (side, side))
    transform = _light_frame(light.lights[0])
    shadows = np.full((SHADOWS, SHADOWS), -1e9, np.float32)
    raster.shadow_map(posed @ transform[:, :3].T + transform[:, 3], person.triangles, person.materials, shadows)
    eyes = np.zeros((2, 12), np.float32)
    frame = turn @ rotation(gaze[0], gaze[1], 0.0)
    for k in range(2):
        eyes[k, :3] = turn @ (person.eyes[k, :3] - MIDDLE)
        eyes[k, 3:] = frame.T.ravel()
    relief = person.pores + person.creases.relief(furrows)
    out = backdrop.copy()
    raster.shade(index, weights, person.triangles, person.materials, person.triangles_uv, posed, facing, person.uv,
                 person.textures, relief, person.flats, eyes, occlusion, light.lights, light.colours, light.below,
                 light.above, shadows, transform, skin.floats([0, 0, view.distance]), person.skin, out)
    if person.lenses is not None:
        _lenses(out, person, turn, view)
    image = cv2.resize(out, (size, size), interpolation=cv2.INTER_AREA) if side != size else out
    return Rendered(image, seen[model.landmarks, :2] * (size / side), mesh)


def _project(posed: np.ndarray, view: View, side: int) -> np.ndarray:
    """(n, 3): x, y in px of a picture of that side, depth in cm."""
    depth = view.distance - posed[:, 2]
    focal = side * view.fill / FACE_CM * view.distance
    return np.stack([side / 2 + view.shift[0] * side + focal * posed[:, 0] / depth,
                     side / 2 + view.shift[1] * side - focal * posed[:, 1] / depth, depth], 1).astype(np.float32)


def _light_frame(towards: np.ndarray) -> np.ndarray:
    across = np.cross([0.0, 1.0, 0.0], towards)
    across /= np.linalg.norm(across) + 1e-9
    up, k = np.cross(towards, across), SHADOWS / 40.0
    out = np.zeros((3, 4), np.float32)
    out[0, :3], out[1, :3], out[2, :3], out[:2, 3] = across * k, -up * k, towards, SHADOWS / 2
    return out


def _lenses(out: np.ndarray, person: Person, turn: np.ndarray, view: View) -> None:
    """Darken and reflect a little inside the outlines of the lenses."""
    darkness, reflection = person.tint
    for outline in person.lenses:
        px = _project((outline - MIDDLE) @ turn.T, view, len(out))[:, :2]
        mask = np.zeros(out.shape[:2], np.float32)
        cv2.fillPoly(mask, [np.round(px * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
        sheen = np.clip(np.linspace(1, -0.6, len(out), dtype=np.float32), 0, 1)[:, None] * np.float32(reflection)
        out *= (1 - mask * np.float32(darkness))[..., None]
        out += (mask * sheen * 0.4)[..., None]


def photograph(image: np.ndarray, rng: np.random.Generator, flaws: bool = True,
               grain: np.random.Generator | None = None) -> np.ndarray:
    """(S, S, 3) uint8: exposure, blur, noise, low resolution, JPEG; without flaws only the tone curve.

    grain: where the noise comes from (a clip's frames share ``rng``'s seed, not their noise).
    """
    size = len(image)
    if flaws:
        lens = rng.random()
        if lens < 0.35:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.3)) * size / 160)
        elif lens < 0.42:
            k = max(3, int(size / 40) | 1)
            streak = np.zeros((k, k), np.float32)
            cv2.line(streak, (0, int(rng.integers(k))), (k - 1, int(rng.integers(k))), 1.0)
            image = cv2.filter2D(image, -1, streak / streak.sum())
        middle = max(float(np.median(image[size // 4:3 * size // 4, size // 4:3 * size // 4].mean(-1))), 0.01)
        image = image * np.float32((rng.uniform(0.10, 0.32) / middle) ** rng.uniform(0.3, 0.8))  # the camera's exposure
    image = np.maximum(image, 0)
    image = image / (1 + np.float32(0.25) * image)
    out = _GAMMA[(np.minimum(image, 1) * 4095).astype(np.int32)]
    if not flaws:
        return (out * 255 + 0.5).astype(np.uint8)
    middle = out.mean()
    out = middle + (out - middle) * np.float32(rng.uniform(0.85, 1.5))
    sigma = rng.uniform(0, 0.02) if rng.random() < 0.8 else rng.uniform(0.02, 0.07)
    out = out + (grain or rng).standard_normal(out.shape, np.float32) * np.float32(sigma)
    out = (np.clip(out, 0, 1) * 255 + 0.5).astype(np.uint8)
    if rng.random() < 0.25:
        few = max(40, int(size * rng.uniform(0.35, 0.8)))
        out = cv2.resize(cv2.resize(out, (few, few), interpolation=cv2.INTER_AREA), (size, size))
    if rng.random() < 0.5:
        ok, code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))])
        out = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)) if ok else out
    return out
