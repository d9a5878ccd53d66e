"""A captioner that is real but cheap: it reads the clip and takes its red for AU12; workers can import it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emoreason import courses, video
from emoreason.captioning import Untold
from emoreason.errors import UserError
from emoreason.facs import MEASURED_AUS
from emoreason.schema import Explanation, Observation, render


@dataclass
class Result:
    caption: str
    events: list
    explanation: Explanation | None
    warning: str | None = None


def caption(path: str) -> Result:
    clip = video.sample(path, max_side=64)
    x = np.zeros((len(clip.times), len(MEASURED_AUS)))
    x[:, MEASURED_AUS.index(12)] = np.clip((clip.images[..., 0].mean(axis=(1, 2)) - 60) / 30, 0, 5)
    events = courses.events(clip.times, x)
    name = Path(path).name
    if name.startswith("crash"):
        os.kill(os.getpid(), 9)
    if name.startswith("hang"):
        time.sleep(60)
    if name.startswith("bug"):
        raise ZeroDivisionError("division by\nzero")
    if name.startswith("untold"):
        raise Untold("the model's answer cannot be read", tuple(events))
    words = f"The lip corners rise {len(events)} times in {clip.info.duration:.1f} s."
    seen = tuple(Observation(e.au, e.peak, span=(e.onset, e.offset), text="The lip corners rise") for e in events)
    return Result(words, events, Explanation(seen, words, "happiness" if seen else None), clip.info.warning)


def make():
    return caption


def die():
    os.kill(os.getpid(), 9)


def slow(path: str) -> Result:
    log = os.environ.get("CAPTION_LOG")
    if log:
        with open(log, "a") as f:
            f.write(f"{Path(path).name}\n")
    time.sleep(0.05)
    return caption(path)


def make_slow():
    return slow


def make_none():
    raise UserError("the bundled model is missing; reinstall emoreason")


def pid(_: int) -> int:
    return os.getpid()


def make_pid():
    return pid


class Together:
    """Captions in batches, and notes their sizes in the file BATCH_LOG."""

    def __call__(self, path: str) -> Result:
        return caption(path)

    def batch(self, paths):
        with open(os.environ["BATCH_LOG"], "a") as f:
            f.write(f"{len(paths)}\n")
        out = []
        for path in paths:
            try:
                out.append(caption(path))
            except Exception as e:
                out.append(e)
        return out


def make_together():
    return Together()


class Bright:
    """Answers by a picture's brightness; deadly: it does not survive pictures of level 80."""

    def __init__(self, deadly: bool = False):
        self.deadly = deadly

    def ask(self, media, question: str) -> str:
        level = int(media.mean())
        if self.deadly and level == 80:
            os.kill(os.getpid(), 9)
        return render(Explanation((), f"Its brightness is {level}.", "sadness" if level > 60 else "anger"))
