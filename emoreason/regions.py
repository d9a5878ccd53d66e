"""Where on the face each action unit shows, as points of the 68-landmark scheme and of the 478-point mesh.

The 68 points are those of iBUG 300-W; ``MESH_TO_68`` names the vertex of the MediaPipe face mesh nearest to each.
Image left and right: point 36 is the outer corner of the eye on the image's left (the subject's right eye).
"""

from __future__ import annotations

import numpy as np

MESH_TO_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,  # jaw, image left to right
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,  # brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # nose bridge, base
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # inner lips
)

# AU -> groups of 68-points; the AU shows around the mean of each group. Two groups: one on each side.
AU_POINTS: dict[int, tuple[tuple[int, ...], ...]] = {
    1: ((20, 21), (22, 23)), 2: ((17, 18, 19), (24, 25, 26)), 4: ((21, 22), (20, 21, 39), (23, 22, 42)),
    5: ((37, 38), (43, 44)), 6: ((36, 41, 48), (45, 46, 54)), 7: ((40, 41, 36), (46, 47, 45)),
    9: ((27, 28), (31, 29, 39), (35, 29, 42)), 10: ((31, 50, 49), (35, 52, 53)), 12: ((48, 48, 31), (54, 54, 35)),
    14: ((48,), (54,)), 15: ((48, 48, 6), (54, 54, 10)), 17: ((57, 8),), 18: ((51, 62), (57, 66)),
    20: ((48,), (54,)), 22: ((51, 62), (57, 66)), 23: ((51, 57), (49, 59), (53, 55)),
    24: ((62, 66), (49, 59), (53, 55)),
    25: ((62, 66),), 26: ((66, 57), (57, 8)), 27: ((62, 66), (57, 8)), 28: ((62, 66),),
    43: ((37, 38, 40, 41), (43, 44, 46, 47)),
}


def points68(mesh: np.ndarray) -> np.ndarray:
    """The 68 points (..., 68, 2) of mesh landmarks (..., 478, 3), same units."""
    return mesh[..., list(MESH_TO_68), :2]


def au_centres(points: np.ndarray, au: int) -> np.ndarray:
    """Where AU ``au`` shows: (G, 2) centres, one per group, from 68 points (68, 2), same units."""
    return np.stack([points[list(group)].mean(0) for group in AU_POINTS[au]])
