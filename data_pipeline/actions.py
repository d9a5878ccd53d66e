"""From action units to the face model's shapes, as the FACS manual describes each appearance change.

The model's own 53 shapes lack some movements (cheek bulge, inner brows drawn together, lower lip turned out);
``EXTRA`` adds them as smooth displacements around a place on the neutral face.
"""

from __future__ import annotations

import numpy as np

from emoreason.data_pipeline.ict import FACE, FaceModel

# name: list of (centre, spread, displacement), each x, y, z in cm on the subject's left; "_L" and "_R" are made.
# A fourth item restricts it to texels above ("upper") or below ("lower") the mouth's line.
EXTRA: dict[str, list[tuple]] = {
    "browInnerDown": [((1.5, 5.7, 10.8), (1.1, 0.9, 2.5), (-0.08, -0.42, 0.08))],
    "browTogether": [((2.2, 5.9, 10.4), (1.4, 0.9, 2.5), (-0.42, 0.0, 0.05)),
                     ((0.7, 6.0, 10.9), (0.45, 0.8, 2.0), (0.0, 0.0, 0.22))],
    "browOuterDown": [((5.3, 5.2, 8.6), (1.1, 0.8, 2.5), (-0.03, -0.30, 0.0))],
    "foldDown": [((3.4, 4.75, 9.8), (1.7, 0.42, 2.0), (0.0, -0.30, 0.10))],
    "cheekBulge": [((4.5, 1.0, 9.2), (1.5, 0.9, 2.5), (0.02, 0.42, 0.40)),
                   ((5.6, 3.0, 7.8), (0.7, 0.8, 2.0), (-0.16, -0.05, 0.06))],
    "lidPouch": [((3.3, 2.72, 9.4), (1.1, 0.22, 1.5), (0.0, 0.06, 0.14))],
    "lidLowerUp": [((3.1, 3.08, 9.4), (0.95, 0.20, 1.2), (-0.03, 0.20, 0.05))],
    "cornerPouch": [((3.1, -4.6, 9.6), (0.6, 0.6, 2.0), (0.05, -0.1, 0.25))],
    "wingUp": [((1.7, -0.6, 10.8), (0.6, 0.7, 1.5), (0.10, 0.28, 0.05))],
    "triangleUp": [((2.5, 0.2, 10.2), (0.9, 1.0, 2.0), (0.0, 0.30, 0.25))],
    "upperLipSquare": [((1.5, -2.6, 11.2), (0.8, 0.9, 2.0), (0.10, 0.36, 0.08), "upper")],
    "lowerLipOut": [((0.9, -4.2, 11.3), (1.1, 0.75, 2.0), (0.02, -0.36, 0.10), "lower"),
                    ((2.0, -5.0, 10.6), (0.8, 0.8, 2.0), (0.10, -0.18, 0.0), "lower")],
    "lipsNarrow": [((2.2, -3.5, 10.3), (0.8, 0.8, 2.5), (-0.35, 0.0, 0.10))],
    "lipsBulge": [((0.9, -2.0, 11.5), (1.2, 0.35, 2.0), (0.0, 0.05, 0.18), "upper"),
                  ((0.9, -5.0, 11.1), (1.2, 0.35, 2.0), (0.0, -0.05, 0.20), "lower")],
    "lipsWide": [((2.3, -3.5, 10.2), (0.9, 0.9, 2.5), (0.55, 0.30, -0.25))],
    "lipsMeet": [((0.0, -3.0, 11.3), (1.9, 0.55, 2.0), (0.0, -0.25, 0.0), "upper"),
                 ((0.0, -3.7, 11.2), (1.9, 0.55, 2.0), (0.0, 0.25, 0.0), "lower")],
    "chinBoss": [((0.6, -6.6, 10.9), (1.0, 0.8, 2.0), (0.0, 0.20, 0.16), "lower")],
    "dimple": [((3.3, -3.5, 9.6), (0.5, 0.8, 2.0), (0.0, 0.0, 0.22)),
               ((2.8, -3.5, 10.0), (0.35, 0.5, 1.5), (-0.05, 0.0, -0.30))],
    "foldBulge": [((3.6, -1.2, 9.8), (0.9, 1.2, 2.5), (0.05, 0.10, 0.26))],
}


def both(name: str, gain: float) -> dict[str, float]:
    """The left and the right half of a shape with one gain."""
    return {name + "_L": gain, name + "_R": gain}


# AU: {shape: weight at intensity 5 (E)}.
SHAPES: dict[int, dict[str, float]] = {
    1: {**both("browInnerUp", 1.35)},
    2: {**both("browOuterUp", 1.0), **both("browInnerUp", 0.1)},
    4: {**both("browDown", 0.85), **both("browInnerDown", 0.8), **both("browTogether", 0.72),
        **both("foldDown", 0.6)},
    5: {**both("eyeWide", 1.15)},
    6: {**both("cheekSquint", 0.75), **both("cheekRaiser", 0.65), **both("cheekBulge", 1.3),
        **both("browOuterDown", 0.6), **both("eyeBlink", 0.05), **both("lidPouch", 0.4)},
    7: {**both("eyeSquint", 1.25), **both("lidLowerUp", 0.9), **both("lidPouch", 0.8), **both("eyeBlink", 0.15)},
    9: {**both("noseSneer", 0.85), **both("browInnerDown", 0.75), **both("browDown", 0.35), **both("wingUp", 0.9),
        **both("triangleUp", 0.7), **both("eyeSquint", 0.35), **both("browTogether", 0.3)},
    10: {**both("mouthUpperUp", 0.85), **both("upperLipSquare", 0.8), **both("wingUp", 0.45),
         **both("triangleUp", 0.45), **both("foldBulge", 0.5)},
    11: {**both("mouthUpperUp", 0.18), **both("foldBulge", 1.1)},
    12: {**both("mouthSmile", 1.15), **both("lipsWide", 0.45), **both("foldBulge", 1.0),
         **both("cheekBulge", 0.3), "mouthRollUpper": 0.10, "mouthRollLower": 0.08},
    13: {**both("mouthSmile", 0.5), **both("cheekPuff", 0.2)},
    14: {**both("mouthDimple", 0.95), **both("dimple", 0.9)},
    15: {**both("mouthFrown", 1.45), **both("cornerPouch", 1.0)},
    16: {**both("mouthLowerDown", 1.0), **both("lowerLipOut", 1.0)},
    17: {"mouthShrugLower": 0.90, "mouthShrugUpper": 0.42, **both("chinBoss", 1.3), **both("mouthFrown", 0.45)},
    18: {"mouthPucker": 1.0, **both("lipsNarrow", 0.7)},
    20: {**both("mouthStretch", 1.1), **both("lipsWide", 0.8), "mouthRollUpper": 0.12, "mouthRollLower": 0.12},
    22: {"mouthFunnel": 0.80, "mouthPucker": 0.15},
    23: {"mouthRollLower": 0.52, "mouthRollUpper": 0.50, **both("lipsNarrow", 0.9), **both("mouthPress", 0.2),
         **both("lipsMeet", 0.10)},
    24: {**both("mouthPress", 1.2), **both("lipsBulge", 1.7), "mouthRollLower": 0.44, "mouthRollUpper": 0.42,
         **both("lipsMeet", 0.20), **both("lipsWide", 0.1)},
    25: {**both("mouthLowerDown", 0.50), **both("mouthUpperUp", 0.16), "jawOpen": 0.07},
    26: {"jawOpen": 0.34},
    27: {"jawOpen": 0.92, **both("mouthLowerDown", 0.1)},
    28: {"mouthRollLower": 0.80, "mouthRollUpper": 0.78, **both("lipsMeet", 0.5), **both("lipsBulge", 0.6)},
    34: {**both("cheekPuff", 0.7)},
    43: {**both("eyeBlink", 1.0)},
}
_CURVE = ((0.0, 1.0, 2.0, 3.0, 4.0, 5.0), (0.0, 0.15, 0.32, 0.55, 0.80, 1.0))  # letters are no even steps in FACS


def strength(intensity: float) -> float:
    """The share of the full movement, in [0, 1], at an intensity of 0-5."""
    return float(np.interp(intensity, *_CURVE))


def intensity(share: float) -> float:
    """The intensity 0-5 at which a movement has this share of its full extent, in [0, 1]."""
    return float(np.interp(share, *reversed(_CURVE)))


def weights(aus: dict[int, float], sides: dict[int, tuple[float, float]] | None = None,
            gain: dict[int, float] | None = None, parting: float = 0.3) -> dict[str, float]:
    """Shape weights of AU intensities (0-5).

    sides: AU -> intensities (right, left) where they differ, the subject's own; gain: AU -> how far this person's
    face moves, 1 on average; parting: the upper lip's share of AU25.
    """
    out: dict[str, float] = {}
    sides, gain = sides or {}, gain or {}
    for au, value in aus.items():
        right, left = sides.get(au, (value, value))
        for name, full in SHAPES.get(au, {}).items():
            one = right if name.endswith("_R") else left if name.endswith("_L") else value
            out[name] = out.get(name, 0.0) + full * strength(one) * gain.get(au, 1.0)
    if 25 in aus:  # a smile bares the upper teeth, a slack mouth the lower
        amount = strength(aus[25]) * gain.get(25, 1.0)
        for side in ("_L", "_R"):
            out["mouthUpperUp" + side] += amount * 0.40 * (parting - 0.3)
            out["mouthLowerDown" + side] -= amount * 0.45 * (parting - 0.3)
    _interact(aus, out)
    return {name: min(value, 1.6) for name, value in out.items() if abs(value) > 1e-4}


def look(out: dict[str, float], gaze: tuple[float, float]) -> None:
    """Let the lids follow the gaze (degrees to the image's right and up); changes the shape weights in place."""
    right, up = gaze
    for side, outward in (("_L", right), ("_R", -right)):
        out[("eyeLookOut" if outward > 0 else "eyeLookIn") + side] = abs(outward) / 35.0
        out[("eyeLookUp" if up > 0 else "eyeLookDown") + side] = abs(up) / (30.0 if up > 0 else 40.0)


def _interact(aus: dict[int, float], out: dict[str, float]) -> None:
    """Movements that limit each other: muscles pull against each other, lips and lids touch."""
    up, down = strength(aus.get(1, 0.0)), strength(aus.get(4, 0.0))
    for side in ("_L", "_R"):
        if up > 0 and down > 0:  # 1+4: drawn together and oblique, the inner ends go up
            out["browInnerDown" + side] *= max(0.0, 1.0 - 1.6 * up)
            out["browDown" + side] *= max(0.25, 1.0 - 0.6 * up)
        blink = out.get("eyeBlink" + side, 0.0)
        if blink > 0.5:  # a closed eye is not wide, and squinting adds nothing to the upper lid
            out["eyeWide" + side] = out.get("eyeWide" + side, 0.0) * (1.0 - min(blink, 1.0))
        out["eyeBlink" + side] = min(blink, 1.0)
        smile, frown = out.get("mouthSmile" + side, 0.0), out.get("mouthFrown" + side, 0.0)
        if smile > 0.0 and frown > 0.0:
            out["mouthFrown" + side] = frown * max(0.35, 1.0 - 0.5 * smile)
        lower_lid = [name + side for name in ("cheekSquint", "cheekRaiser", "eyeSquint", "lidLowerUp")]
        rise = sum(out.get(name, 0.0) for name in lower_lid)
        if rise > 2.2:  # the lower lid cannot pass the pupil
            for name in lower_lid:
                out[name] = out.get(name, 0.0) * 2.2 / rise
    out["jawOpen"] = min(out.get("jawOpen", 0.0), 1.05)


def shapes(model: FaceModel) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The model's shapes and ``EXTRA`` ones: name -> (vertices (k,), offsets (k, 3) cm at weight 1)."""
    out = dict(model.expressions)
    skin = model.vertex_material == FACE
    mouth_line = np.interp(np.abs(model.vertex_uv[:, 0] - 0.5), [0.0, 0.09, 0.112], [0.43, 0.43, 0.442])
    upper = np.clip((model.vertex_uv[:, 1] - mouth_line) / 0.02 + 0.5, 0, 1)
    for name, bumps in EXTRA.items():
        for side, sign in (("_L", 1.0), ("_R", -1.0)):
            total = np.zeros_like(model.vertices)
            for centre, spread, offset, *part in bumps:
                mirror = np.array([sign, 1.0, 1.0])
                d = (model.vertices - np.array(centre) * mirror) / np.array(spread)
                w = np.exp(-0.5 * (d ** 2).sum(1)) * skin
                if part:
                    w = w * (upper if part[0] == "upper" else 1.0 - upper)
                total += w[:, None] * (np.array(offset) * mirror)
            index = np.nonzero(np.abs(total).max(1) > 0.004)[0].astype(np.int32)
            out[name + side] = (index, total[index].astype(np.float32))
    return out
