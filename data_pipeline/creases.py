"""Wrinkles, furrows and bulges of the skin as height maps: what each AU folds, and what age leaves behind.

Drawn in texture space (u right, v up, in [0, 1]) for the subject's left and mirrored. Heights in cm.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 512
Patch = tuple[slice, slice, np.ndarray]  # rows, columns, height map in cm there

# AU: list of (line, width as standard deviation in uv, depth in cm). A line of one point is a bulge.
LINES: dict[int, list[tuple[list[tuple[float, float]], float, float]]] = {
    1: [([(0.5, v), (0.55, v + 0.004), (0.60, v), (0.635, v - 0.012)], 0.0042, 0.10)
        for v in (0.848, 0.872, 0.897, 0.924)],
    2: [([(0.62, v - 0.006), (0.67, v + 0.002), (0.72, v - 0.010), (0.765, v - 0.034)], 0.0042, 0.09)
        for v in (0.856, 0.880, 0.906)],
    4: [([(0.524, 0.772), (0.529, 0.800), (0.527, 0.838)], 0.0052, 0.17),
        ([(0.5, 0.754), (0.522, 0.752), (0.542, 0.742)], 0.0048, 0.08), ([(0.512, 0.805)], 0.013, -0.07),
        ([(0.548, 0.826), (0.575, 0.846)], 0.008, 0.06)],
    6: [([(0.700, 0.728), (0.735, 0.746), (0.768, 0.772)], 0.0040, 0.10),
        ([(0.704, 0.721), (0.742, 0.724), (0.780, 0.732)], 0.0038, 0.10),
        ([(0.704, 0.713), (0.742, 0.703), (0.780, 0.692)], 0.0040, 0.11),
        ([(0.698, 0.704), (0.730, 0.684), (0.762, 0.660)], 0.0040, 0.09),
        ([(0.590, 0.690), (0.625, 0.675), (0.665, 0.676), (0.705, 0.692)], 0.0060, 0.12),
        ([(0.605, 0.702), (0.640, 0.693), (0.680, 0.700)], 0.0034, 0.06)],
    7: [([(0.600, 0.702), (0.635, 0.695), (0.670, 0.697), (0.692, 0.706)], 0.0040, 0.10),
        ([(0.635, 0.7045)], 0.006, -0.03), ([(0.665, 0.7055)], 0.006, -0.03)],
    9: [([(0.5, 0.742), (0.525, 0.737), (0.545, 0.722)], 0.0048, 0.15),
        ([(0.512, 0.722), (0.535, 0.712), (0.552, 0.694)], 0.0046, 0.14),
        ([(0.516, 0.700), (0.538, 0.690), (0.558, 0.670)], 0.0046, 0.12),
        ([(0.5, 0.757), (0.525, 0.760), (0.545, 0.768)], 0.0046, 0.10),
        ([(0.560, 0.640), (0.590, 0.605), (0.606, 0.560)], 0.0075, 0.15),
        ([(0.560, 0.700), (0.590, 0.680), (0.620, 0.672)], 0.0050, 0.09),
        ([(0.527, 0.778), (0.529, 0.805)], 0.005, 0.07)],
    10: [([(0.572, 0.615), (0.592, 0.590), (0.608, 0.558), (0.626, 0.528)], 0.0078, 0.19)],
    11: [([(0.592, 0.590), (0.612, 0.550), (0.632, 0.505)], 0.0075, 0.15)],
    12: [([(0.588, 0.598), (0.606, 0.562), (0.632, 0.518), (0.655, 0.468), (0.664, 0.425), (0.658, 0.388)],
          0.0085, 0.22),
         ([(0.622, 0.452), (0.636, 0.440)], 0.006, 0.09)],
    14: [([(0.634, 0.472), (0.643, 0.445), (0.640, 0.410)], 0.0062, 0.20), ([(0.664, 0.440)], 0.012, -0.06)],
    15: [([(0.618, 0.436), (0.632, 0.412), (0.640, 0.375)], 0.0065, 0.17), ([(0.660, 0.385)], 0.012, -0.06),
         ([(0.54, 0.340), (0.5, 0.346)], 0.008, 0.06)],
    16: [([(0.5, 0.336), (0.545, 0.340), (0.585, 0.356)], 0.0075, 0.13)],
    17: [([(0.5, 0.345), (0.540, 0.340), (0.570, 0.326)], 0.0075, 0.20)],
    18: [([(u, 0.520), (u * 1.06 - 0.03, 0.548)], 0.0036, 0.07) for u in (0.52, 0.545, 0.57)]
        + [([(u, 0.352), (u * 1.06 - 0.03, 0.332)], 0.0036, 0.07) for u in (0.515, 0.54, 0.565)],
    20: [([(0.652, 0.470), (0.668, 0.430), (0.664, 0.380)], 0.0070, 0.10),
         ([(0.54, 0.346), (0.5, 0.350)], 0.008, 0.06)],
    22: [([(0.5, 0.338), (0.540, 0.342), (0.570, 0.352)], 0.0075, 0.10)],
    23: [([(u, 0.516), (u * 1.06 - 0.03, 0.540)], 0.0032, 0.08) for u in (0.515, 0.535, 0.558, 0.58)]
        + [([(u, 0.356), (u * 1.06 - 0.03, 0.338)], 0.0032, 0.08) for u in (0.515, 0.535, 0.558, 0.58)],
    24: [([(0.5, 0.343), (0.545, 0.346), (0.585, 0.362)], 0.0065, 0.14), ([(0.55, 0.532)], 0.013, -0.07),
         ([(0.618, 0.448), (0.634, 0.436)], 0.006, 0.12)],
    27: [([(0.605, 0.555), (0.640, 0.480), (0.655, 0.410), (0.640, 0.350)], 0.0085, 0.11)],
    28: [([(u, 0.520), (u * 1.06 - 0.03, 0.545)], 0.0036, 0.07) for u in (0.52, 0.55, 0.58)]
        + [([(0.5, 0.338), (0.545, 0.342), (0.585, 0.358)], 0.0070, 0.14)],
}
BAGS = [([(0.595, 0.692), (0.630, 0.679), (0.668, 0.682), (0.698, 0.696)], 0.0055, 0.11),
        ([(0.64, 0.697)], 0.010, -0.05)]
MARIONETTE = [([(0.618, 0.432), (0.632, 0.395), (0.630, 0.350)], 0.0060, 0.13)]


def _spline(points: np.ndarray, steps: int = 6) -> np.ndarray:
    """Catmull-Rom through (n, 2) points."""
    p = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = [0.5 * (2 * p[i] + (p[i + 1] - p[i - 1]) * t + (2 * p[i - 1] - 5 * p[i] + 4 * p[i + 1] - p[i + 2]) * t ** 2
                    + (3 * p[i] - p[i - 1] - 3 * p[i + 1] + p[i + 2]) * t ** 3) for i in range(1, len(p) - 2)]
    return np.concatenate([*parts, p[-1:]])


def _stroke(line: np.ndarray, width: float, depth: float) -> Patch:
    """One furrow with its raised rims (or one bulge), as a patch of the height map."""
    px = np.stack([line[:, 0] * SIDE, (1 - line[:, 1]) * SIDE], 1)
    sigma = width * SIDE
    pad = int(5 * sigma) + 2
    low = np.maximum(np.floor(px.min(0)).astype(int) - pad, 0)
    high = np.minimum(np.ceil(px.max(0)).astype(int) + pad, SIDE)
    canvas = np.zeros((high[1] - low[1], high[0] - low[0]), np.float32)
    px = px - low
    if len(line) == 1:
        y, x = np.mgrid[:canvas.shape[0], :canvas.shape[1]]
        bump = np.exp(-0.5 * ((x - px[0, 0]) ** 2 + (y - px[0, 1]) ** 2) / sigma ** 2)
        return slice(low[1], high[1]), slice(low[0], high[0]), (-depth * bump).astype(np.float32)
    curve = _spline(px)
    fade = np.sin(np.pi * (np.arange(len(curve) - 1) + 0.7) / (len(curve) + 0.4)) ** 0.6
    for a, b, f in zip(curve[:-1], curve[1:], fade, strict=True):
        cv2.line(canvas, tuple(np.round(a * 16).astype(int).tolist()), tuple(np.round(b * 16).astype(int).tolist()),
                 float(f), 1, cv2.LINE_AA, 4)
    groove = cv2.GaussianBlur(canvas, (0, 0), sigma) * (sigma * 2.5)
    rims = cv2.GaussianBlur(canvas, (0, 0), 2.2 * sigma) * (2.2 * sigma * 2.5)
    return slice(low[1], high[1]), slice(low[0], high[0]), (-depth * (groove - 0.45 * rims)).astype(np.float32)


def draw(lines: list, rng: np.random.Generator) -> list[Patch]:
    """The patches of the subject's left, each line a little different per person."""
    out = []
    for points, width, depth in lines:
        line = np.array(points, np.float64)
        shift = rng.normal(0, 0.0035, 2) * (1, 0.9)
        middle = line[:, 0] == 0.5  # lines that cross the midline stay joined there
        line[~middle] += shift + rng.normal(0, 0.0015, line[~middle].shape)
        out.append(_stroke(line, width * float(rng.uniform(0.85, 1.2)), depth * float(rng.uniform(0.6, 1.3))))
    return out


def mirrored(patches: list[Patch]) -> list[Patch]:
    """The same furrows on the subject's right."""
    return [(rows, slice(SIDE - columns.stop, SIDE - columns.start), heights[:, ::-1])
            for rows, columns, heights in patches]


def pebbles(rng: np.random.Generator) -> Patch:
    """The dimpled chin of AU17."""
    canvas = np.zeros((64, 110), np.float32)
    for _ in range(45):
        x, y = rng.normal(55, 17), rng.normal(32, 10)
        cv2.circle(canvas, (int(x), int(y)), 2, 1.0, -1)
    top, left = int((1 - 0.308) * SIDE) - 32, SIDE // 2 - 55
    return slice(top, top + 64), slice(left, left + 110), -0.07 * cv2.GaussianBlur(canvas, (0, 0), 1.4)


class Creases:
    """One person's furrows: ``static`` (SIDE, SIDE) cm from age, and those that AUs add."""

    def __init__(self, rng: np.random.Generator, age: float):
        """age in [0, 1] (child to old): sets how deep the skin folds and what stays at rest."""
        self.depth = float(np.clip(0.9 + 1.1 * age + rng.normal(0, 0.25), 0.6, 2.3))
        self.patches: dict[tuple[int, int], list[Patch]] = {}
        for au, lines in LINES.items():
            self.patches[au, 1] = draw(lines, rng)
            self.patches[au, -1] = mirrored(self.patches[au, 1])
        rows, columns, heights = pebbles(rng)
        for side in (1, -1):
            self.patches[17, side].append((rows, columns, 0.5 * heights))
        self.static = np.zeros((SIDE, SIDE), np.float32)
        old = float(np.clip(age * 1.25 - 0.1, 0, 1))
        resting = {1: 0.45, 2: 0.40, 4: 0.45, 6: 0.32, 11: 0.45, 12: 0.42, 18: 0.4}
        for au, most in resting.items():
            amount = most * old * rng.uniform(0, 1.0) + (0.18 * rng.random() if au in (11, 12) else 0.0)
            for side in (1, -1):
                self._add(self.static, self.patches[au, side], amount * rng.uniform(0.85, 1.15))
        for lines, most in ((BAGS, 0.85), (MARIONETTE, 0.7)):
            amount, left = most * (0.15 + 0.85 * old) * rng.random(), draw(lines, rng)
            for patches in (left, mirrored(left)):
                self._add(self.static, patches, amount)

    @staticmethod
    def _add(target: np.ndarray, patches: list[Patch], amount: float) -> None:
        for rows, columns, heights in patches:
            target[rows, columns] += np.float32(amount) * heights

    def relief(self, strengths: dict[tuple[int, int], float]) -> np.ndarray:
        """(SIDE, SIDE) cm; strengths: (AU, side +1 left or -1 right) -> share of the full movement in [0, 1]."""
        out = self.static.copy()
        for key, amount in strengths.items():
            if key in self.patches and amount > 0.02:
                self._add(out, self.patches[key], self.depth * amount)
        return out
