"""Teachers: AU pseudo-labels for real photographs that nobody coded, each with a confidence.

``blendshape_aus`` turns the 52 blendshapes of MediaPipe's face landmarker into intensities. The weights say how far
each is to be trusted: the landmarker sees geometry alone, so that it tells brow raising, smiling and jaw opening
well, lip tightening and cheek raising poorly, and nose wrinkling not at all (its noseSneer and cheekSquint stay
at 0 on all 3,589 validation pictures of FER2013).
"""

from __future__ import annotations

import numpy as np

from emoreason.facs import EMOTIONS, MEASURED_AUS

TEACHER_WEIGHT = {1: 1.0, 2: 1.0, 4: 1.0, 5: 0.8, 6: 0.5, 7: 0.4, 10: 0.4, 12: 1.0, 15: 0.3, 17: 0.3, 20: 0.3, 22: 0.2,
                  24: 0.3, 25: 1.0, 26: 1.0, 27: 1.0, 28: 0.3, 43: 1.0}

# Share of web photographs of each emotion in which an AU is present: our estimate after the rates of Du, Tao &
# Martinez (2014), table 1, lowered for unposed pictures. Used only as a weak pull on class means in training.
_ORDER = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
_RATES = {
    1: (.10, .05, .55, .05, .05, .50, .70), 2: (.10, .05, .35, .05, .05, .10, .70),
    4: (.80, .60, .45, .05, .10, .50, .05), 5: (.35, .05, .45, .05, .05, .02, .60),
    6: (.15, .25, .08, .65, .02, .12, .02), 7: (.50, .50, .15, .30, .05, .20, .02),
    9: (.25, .55, .05, .04, .01, .06, .01), 10: (.35, .60, .12, .12, .02, .08, .02),
    12: (.05, .05, .05, .95, .03, .03, .06), 14: (.06, .06, .03, .10, .06, .06, .02),
    15: (.12, .20, .08, .01, .05, .45, .02), 17: (.30, .35, .06, .03, .06, .35, .02),
    18: (.04, .04, .04, .02, .03, .05, .08), 20: (.15, .12, .30, .06, .01, .06, .03),
    22: (.06, .03, .03, .01, .01, .01, .06), 23: (.30, .10, .05, .02, .05, .08, .01),
    24: (.25, .12, .05, .02, .06, .12, .01), 25: (.50, .35, .55, .80, .10, .20, .75),
    26: (.35, .20, .35, .25, .04, .08, .65), 27: (.12, .05, .08, .03, .00, .01, .30),
    28: (.01, .02, .01, .01, .01, .02, .01), 43: (.03, .12, .06, .08, .02, .15, .01),
}


def class_means() -> np.ndarray:
    """Expected mean intensity (8, K) of each AU in pictures of each emotion; NaN for contempt, of which web sets
    have none. A present AU counts 2.3 (a little over B), an absent one 0.25."""
    means = np.full((len(EMOTIONS), len(MEASURED_AUS)), np.nan, np.float32)
    for k, number in enumerate(MEASURED_AUS):
        for name, rate in zip(_ORDER, _RATES[number], strict=True):
            means[EMOTIONS.index(name), k] = 2.3 * rate + 0.25 * (1 - rate)
    return means


def blendshape_aus(names: list[str], shapes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AU intensities from MediaPipe blendshapes.

    names: the 52 category names; shapes (N, 52) in [0, 1]; points (N, 68, 2) landmarks in any unit. Returns
    intensities (N, K) in 0-5 with NaN where the teacher has nothing to say, and sides (N, K), right minus left,
    for AU12 alone (NaN elsewhere). Gains were set so that the strongest 2% of FER2013's training faces reach D-E, the
    dead zones so that its neutral faces show little.
    """
    b = {n: shapes[:, i].astype(np.float32) for i, n in enumerate(names)}

    def pair(stem: str) -> np.ndarray:
        return (b[stem + "Left"] + b[stem + "Right"]) / 2

    def clip(x: np.ndarray) -> np.ndarray:
        return np.clip(x, 0, 1)

    smile = np.maximum(b["mouthSmileLeft"], b["mouthSmileRight"])
    squint = clip((pair("eyeSquint") - 0.3) / 0.45)
    jaw = b["jawOpen"]
    wide = clip((jaw - 0.45) / 0.3)
    gap = np.linalg.norm(points[:, [61, 62, 63]] - points[:, [67, 66, 65]], axis=-1).mean(1)
    gap = gap / np.linalg.norm(points[:, 36] - points[:, 45], axis=-1)  # by the outer eye corners
    parts = {
        1: (b["browInnerUp"] - 0.2) / 0.7, 2: (pair("browOuterUp") - 0.25) / 0.65, 4: 1.5 * pair("browDown") - 0.08,
        5: 2.2 * pair("eyeWide"),
        6: smile * (0.25 + squint), 7: squint * (1 - 0.6 * smile), 10: pair("mouthUpperUp") * (1 - 0.8 * smile),
        12: smile, 15: 2.5 * pair("mouthFrown"), 17: 2.5 * b["mouthShrugLower"] - 0.1,
        20: 1.5 * (pair("mouthStretch") - 0.1) * (1 - smile), 22: 2.5 * b["mouthFunnel"],
        24: 2.5 * pair("mouthPress") - 0.1,
        25: (gap - 0.03) / 0.15, 26: clip(jaw / 0.45) * (1 - wide), 27: wide,
        28: 3 * np.minimum(b["mouthRollLower"], b["mouthRollUpper"]), 43: (pair("eyeBlink") - 0.35) / 0.4,
    }
    aus = np.full((len(shapes), len(MEASURED_AUS)), np.nan, np.float32)
    sides = np.full_like(aus, np.nan)
    for number, level in parts.items():
        aus[:, MEASURED_AUS.index(number)] = 5 * clip(level)
    sides[:, MEASURED_AUS.index(12)] = 5 * (b["mouthSmileRight"] - b["mouthSmileLeft"])
    return aus, sides
