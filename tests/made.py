"""Made-up measurements, for tests."""

import numpy as np

from emoreason.clips import Clip
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.records import Evidence


def made_clip(seconds=4.0, aus=None, looks=((0, "neutral"),), yaw=lambda t: 0 * t, extra=None, fps=25):
    """A clip with AUs {au: (onset, offset, peak)} that rise and fall within 0.1 s, and looks [(from, emotion)]."""
    times = np.arange(round(seconds * fps)) / fps
    x = np.full((len(times), len(MEASURED_AUS)), 0.1)
    courses = {a: peak * np.clip(np.minimum(times - on, off - times) / 0.1 + 0.17, 0, 1) for a, (on, off, peak) in (aus or {}).items()}
    for a, course in {**courses, **(extra(times) if extra else {})}.items():
        x[:, MEASURED_AUS.index(a)] = np.maximum(0.1, course)
    p = np.full((len(times), len(EMOTIONS)), 0.02)
    for start, emotion in looks:
        p[times >= start] = 0.02
        p[times >= start, EMOTIONS.index(emotion)] = 0.86
    poses = np.stack([yaw(times), 0 * times, 0 * times], 1)
    n = len(times)
    zero = np.zeros(n)
    return Clip(Evidence(times, x.clip(0, 5), np.zeros_like(x), np.ones((*x.shape, 1, 1)), p, zero, zero, poses, np.ones(n, bool)), seconds)
