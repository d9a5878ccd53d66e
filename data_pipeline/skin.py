"""Painting a face: skin, lips, make-up, brows, beard, lashes, eyes and short hair as textures.

A texture is (SIDE, SIDE, 5) float32: linear rgb in [0, 1], gloss around 1, translucency in [0, 1] (hair: 0.1).
"""

from __future__ import annotations

import cv2
import numpy as np

from emoreason.data_pipeline.creases import SIDE, _spline
from emoreason.data_pipeline.ict import FaceModel


def floats(values: object) -> np.ndarray:
    """A float32 array."""
    return np.asarray(values, np.float32)


def linear(*colours: tuple[int, int, int]) -> np.ndarray:
    """sRGB 0-255 to linear float32."""
    return ((np.clip(np.array(colours, np.float32), 1, 255) / 255) ** 2.2).astype(np.float32)


SKINS = linear((238, 206, 188), (230, 192, 168), (220, 176, 144), (204, 153, 115), (178, 124, 86), (140, 92, 62),
               (103, 67, 46), (74, 48, 36))
HAIRS = linear((17, 14, 13), (30, 22, 18), (56, 38, 27), (94, 64, 42), (150, 114, 74), (196, 166, 118), (112, 52, 30),
               (128, 126, 124), (205, 203, 198))
IRISES = linear((48, 28, 18), (66, 40, 24), (92, 62, 36), (100, 92, 52), (88, 108, 88), (94, 120, 142), (72, 92, 124))
LIPSTICKS = linear((172, 32, 52), (190, 72, 84), (122, 26, 46), (202, 112, 112), (150, 60, 70))


def noise(rng: np.random.Generator, cells: int | tuple[int, int], side: int = SIDE) -> np.ndarray:
    """(side, side) smooth unit noise with so many cells (rows, columns) across."""
    shape = (cells, cells) if isinstance(cells, int) else cells
    return cv2.resize(rng.standard_normal(shape, np.float32), (side, side), interpolation=cv2.INTER_LINEAR)


_V, _U = np.mgrid[:SIDE, :SIDE].astype(np.float32)
_U, _V = (_U + 0.5) / SIDE, 1 - (_V + 0.5) / SIDE


def spot(u: float, v: float, su: float, sv: float) -> np.ndarray:
    """(SIDE, SIDE) a soft blob; computed as an outer product, since it separates."""
    return np.exp(-0.5 * ((_V[:, :1] - v) / sv) ** 2) * np.exp(-0.5 * ((_U[:1] - u) / su) ** 2)


def pair(u: float, v: float, su: float, sv: float) -> np.ndarray:
    return spot(u, v, su, sv) + spot(1 - u, v, su, sv)


def _px(points: np.ndarray) -> np.ndarray:
    return np.round(np.stack([points[:, 0] * SIDE - 0.5, (1 - points[:, 1]) * SIDE - 0.5], 1) * 16).astype(np.int32)


def _mix(base: np.ndarray, cover: np.ndarray, colour: np.ndarray) -> None:
    """Blend a colour, (3,) or (SIDE, SIDE, 3), over base where cover (SIDE, SIDE) says so, in place."""
    rows, columns = np.nonzero(cover.max(1) > 0.004)[0], np.nonzero(cover.max(0) > 0.004)[0]
    if len(rows) == 0:
        return
    box = np.s_[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    target = base[box][..., :3]
    target += cover[box][..., None] * ((colour[box] if colour.ndim == 3 else colour) - target)


def _lips(model: FaceModel) -> np.ndarray:
    ring = model.vertex_uv[model.landmarks[48:60]]
    ring = _spline(np.concatenate([ring, ring[:1]]).astype(np.float64))
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillPoly(mask, [_px(ring)], 1.0, cv2.LINE_AA, 4)
    mask[(_V < 0.472) & (_V > 0.39) & (abs(_U - 0.5) < 0.085)] = 1.0  # the red inside, seen when the lips part
    return cv2.GaussianBlur(mask, (0, 0), 2.0)


def _brows(model: FaceModel, rng: np.random.Generator, male: bool) -> np.ndarray:
    """Hair by hair along the arch; thickness, height, length, slant and density differ much between people."""
    out = np.zeros((SIDE, SIDE), np.float32)
    thick = rng.uniform(0.009, 0.024) * (1.25 if male else 0.9)
    lift, bend, start = rng.normal(-0.012, 0.007), rng.normal(0, 0.006), rng.uniform(0.0, 0.22)
    tilt = rng.normal(0, 0.0045)
    inner, density = rng.uniform(-0.012, 0.014), rng.uniform(0.5, 1.0)
    for side, ids in ((-1, model.landmarks[17:22]), (1, model.landmarks[22:27][::-1])):
        arch = _spline(model.vertex_uv[ids].astype(np.float64), 20)  # outer to inner end
        arch[:, 0] += side * inner * np.linspace(0, 1, len(arch))
        arch[:, 1] += tilt * np.linspace(-1, 1, len(arch))
        arch[:, 1] += lift + bend * np.sin(np.pi * np.linspace(0, 1, len(arch))) + rng.normal(0, 0.002)
        n = len(arch)
        count = int(330 * density * thick / 0.014)
        along = start + (1 - start) * np.clip(rng.random(count) ** 0.85 - rng.uniform(0, 0.05, count), 0, 1)
        k = np.clip((along * (n - 1)).astype(int), 2, n - 3)
        tangent = arch[k + 2] - arch[k - 2]
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) * np.sign(tangent[:, :1])
        taper = (0.3 + 0.8 * np.minimum(along / 0.5, 1.0)) * np.minimum(0.45 + (1 - along) / 0.25, 1.0)
        offset = rng.uniform(-0.5, 0.5, count) * thick * taper
        root = arch[k] + normal * offset[:, None]
        flow = -tangent * (1.0 - 0.6 * along)[:, None]
        flow += normal * np.where(offset < 0, 0.25 + 0.7 * along ** 3, -0.15)[:, None]
        tip = root + flow / np.linalg.norm(flow, axis=1, keepdims=True) * rng.uniform(0.008, 0.018, count)[:, None]
        for a, b, f in zip(_px(root).tolist(), _px(tip).tolist(), rng.uniform(0.45, 0.95, count).tolist(), strict=True):
            cv2.line(out, a, b, f, 1, cv2.LINE_AA, 4)
    out = cv2.GaussianBlur(out, (0, 0), 0.5) + 0.6 * cv2.GaussianBlur(out, (0, 0), 2.5)
    return np.clip(out, 0, 1) * np.float32(rng.uniform(0.55, 1.0))


def _beard(rng: np.random.Generator, lips: np.ndarray) -> tuple[np.ndarray, float]:
    """Coverage in [0, 1] and how much it hangs: stubble, moustache, goatee or a full beard."""
    chin = spot(0.5, 0.292, 0.10, 0.040) + 0.7 * spot(0.5, 0.335, 0.035, 0.02)
    cheeks = pair(0.31, 0.34, 0.05, 0.10) + spot(0.5, 0.27, 0.19, 0.05)
    lip = pair(0.46, 0.528, 0.042, 0.013) + 0.7 * pair(0.405, 0.475, 0.020, 0.032)
    style = rng.choice(5, p=[0.42, 0.12, 0.14, 0.20, 0.12])
    region = (chin + cheeks + lip, lip, chin + lip, chin + cheeks + lip, chin + cheeks)[style]
    amount = rng.uniform(0.08, 0.35) if style == 0 else rng.uniform(0.5, 0.92)
    grain = 0.55 + 0.6 * np.clip(noise(rng, (180, 300)) * 0.8 + 0.4, 0, 1.2)
    return np.clip(np.clip(region * 1.3, 0, 1) * (1 - np.clip(1.7 * lips, 0, 1)) * amount * grain, 0, 0.95), amount


def _lids(model: FaceModel, rng: np.random.Generator, liner: float) -> np.ndarray:
    """The dark lines of lashes (and of a liner) along the lids."""
    out = np.zeros((SIDE, SIDE), np.float32)
    for ids in (model.landmarks[36:42], model.landmarks[42:48]):
        eye = model.vertex_uv[ids].astype(np.float64)
        upper, lower = _spline(eye[:4]), _spline(np.concatenate([eye[3:], eye[:1]]))
        cv2.polylines(out, [_px(upper + (0, 0.001))], False, 0.95, 2 if liner > 0.5 else 1, cv2.LINE_AA, 4)
        cv2.polylines(out, [_px(lower)], False, 0.25 + 0.4 * liner, 1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(out, (0, 0), 0.7 + 0.4 * liner) * (0.55 + 0.45 * liner)


def face(model: FaceModel, rng: np.random.Generator, tone: np.ndarray, dark: float, hair: np.ndarray, male: bool,
         age: float) -> tuple[np.ndarray, np.ndarray]:
    """The face's texture and its fine relief (SIDE, SIDE) in cm. tone, hair (3,) linear; dark, age in [0, 1]."""
    mottle = np.sum([a * noise(rng, n) for n, a in ((5, 0.05), (16, 0.035), (64, 0.03), (200, 0.03))], axis=0)
    if rng.random() < 0.2:
        dots = np.zeros((SIDE, SIDE), np.float32)
        for u, v in zip(rng.normal(0.5, 0.15, 300), rng.normal(0.62, 0.06, 300), strict=True):
            cv2.circle(dots, (int(u * SIDE), int((1 - v) * SIDE)), 1, float(rng.uniform(0.3, 1)), -1)
        mottle -= 0.25 * cv2.GaussianBlur(dots, (0, 0), 0.7)
    for _ in range(rng.poisson(0.8 + 2 * age)):
        mottle -= rng.uniform(0.3, 1.0) * spot(rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.9), 0.003, 0.003)
    out = np.empty((SIDE, SIDE, 5), np.float32)
    out[..., :3] = tone * np.exp(mottle)[..., None]
    red = pair(0.27, 0.58, 0.07, 0.05) + 0.8 * spot(0.5, 0.6, 0.035, 0.03) + 0.6 * pair(0.06, 0.6, 0.05, 0.1)
    red *= (0.08 + 0.2 * rng.random()) * (1 - 0.5 * dark)
    rings = pair(0.36, 0.690, 0.045, 0.014) * rng.uniform(0.0, 0.4)
    rings += pair(0.35, 0.742, 0.05, 0.018) * rng.uniform(0, 0.25)
    made_up = not male and rng.random() < 0.5
    if made_up:
        shade = linear((90, 60, 60), (60, 60, 90), (120, 80, 60), (70, 50, 80))[rng.integers(4)]
        _mix(out, np.clip(pair(0.35, 0.745, 0.04, 0.014) * rng.uniform(0, 0.6), 0, 1), shade * (1 - 0.5 * dark))
        red *= rng.uniform(1, 2)
    for c, (flush, ring) in enumerate(((0.15, 0.5), (-0.9, 0.75), (-0.75, 0.6))):
        out[..., c] *= np.exp(flush * red - ring * rings)
    lips = _lips(model)
    colour = tone * floats([0.92, 0.52, 0.52]) * np.float32(rng.uniform(0.75, 1.2))
    if made_up and rng.random() < 0.7:
        colour = 0.35 * colour + 0.65 * LIPSTICKS[rng.integers(len(LIPSTICKS))]
    grain = np.exp(0.10 * noise(rng, (16, 150)) + 0.05 * noise(rng, 8))
    _mix(out, lips * rng.uniform(0.6, 0.9), colour * grain[..., None])
    beard = np.zeros((SIDE, SIDE), np.float32)
    if male and rng.random() < 0.7:
        beard, _ = _beard(rng, lips)
        _mix(out, beard, np.minimum(hair * 0.8, tone * 0.6))
    brows = _brows(model, rng, male)
    brow_colour = np.minimum(hair * rng.uniform(0.7, 1.3), tone * rng.uniform(0.35, 0.7))
    _mix(out, brows, brow_colour)
    _mix(out, _lids(model, rng, rng.uniform(0.5, 1.0) if made_up else rng.uniform(0.0, 0.45)),
         floats([0.02, 0.014, 0.012]))
    out[..., :3] = np.clip(out[..., :3], 0.003, 0.95)
    shine = 0.7 + 0.35 * spot(0.5, 0.62, 0.05, 0.08) + 0.3 * spot(0.5, 0.87, 0.2, 0.04) + 0.5 * lips
    out[..., 3] = np.clip(shine + 0.12 * noise(rng, 40) - 0.5 * beard - 0.6 * brows, 0.05, 2)
    out[..., 4] = np.maximum(1 - beard - brows, 0.35)
    pores = 0.010 * noise(rng, 128) + 0.010 * noise(rng, 64) + 0.012 * noise(rng, 26)
    return out, (pores * np.float32(rng.uniform(0.15, 0.5) * (0.6 + 0.7 * age)) * (1 - 0.6 * lips)).astype(np.float32)


def head(rng: np.random.Generator, tone: np.ndarray) -> np.ndarray:
    """The texture of the back of the head, the ears' rear and the neck."""
    out = np.empty((SIDE, SIDE, 5), np.float32)
    out[..., :3] = tone * np.exp(0.05 * noise(rng, 5) + 0.04 * noise(rng, 32))[..., None]
    out[..., 3], out[..., 4] = 0.6, 1.0
    return out


def eye(rng: np.random.Generator, dark: float) -> np.ndarray:
    """The eyeball seen along its gaze: x and y from the middle are the sine of the angle from the gaze."""
    x, y = (_U[::2, ::2] - 0.5) * 2, (_V[::2, ::2] - 0.5) * 2
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    white = linear((228, 219, 213))[0] * np.float32(rng.uniform(0.5, 0.8) * (1 - 0.3 * dark))
    out = white * np.exp(-np.clip((r - 0.5) * 0.9, 0, 1))[..., None] * floats([1.0, 0.97, 0.96])
    choice = rng.integers(0, 3) if dark > 0.35 and rng.random() < 0.95 else rng.integers(0, len(IRISES))
    iris, pupil = rng.uniform(0.40, 0.45), rng.uniform(0.12, 0.21)
    fibres = np.interp(angle, np.linspace(-np.pi, np.pi, 240), rng.standard_normal(240)).astype(np.float32)
    body = IRISES[choice] * np.exp(0.35 * fibres)[..., None]
    body = body * (1.25 - 0.55 * np.clip((r - pupil) / (iris - pupil), 0, 1) ** 2)[..., None]
    _mix(out, np.clip((iris - r) / 0.02 + 0.5, 0, 1), body)
    out *= (1 - 0.75 * np.exp(-((r - iris) / 0.04) ** 2))[..., None]
    _mix(out, np.clip((pupil - r) / 0.015 + 0.5, 0, 1), floats([0.004, 0.004, 0.004]))
    return cv2.resize(out, (SIDE, SIDE))
