"""Captioning many clips: clips a second by workers, and memory from 10 to N clips.

    python benchmarks/caption.py [--clips 1000] [--workers 1 2] [--model cheap]

Model ``cheap`` reads every frame and finds events in the picture's brightness: it measures the machinery, not a model.
Any other name is loaded as ``emoreason caption --model`` does. The clips are one second of 160x120 at 25 frames/s.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np

from emoreason import caption, courses, video
from emoreason.facs import MEASURED_AUS


@dataclass
class Cheap:
    caption: str
    events: list
    explanation: None = None


def cheap(path: str) -> Cheap:
    clip = video.sample(path, max_side=64)
    x = np.zeros((len(clip.times), len(MEASURED_AUS)))
    x[:, 8] = clip.images.mean(axis=(1, 2, 3)) / 51
    found = courses.events(clip.times, x)
    return Cheap(f"{len(found)} movements.", found)


def make_cheap():
    return cheap


def resident(pid: int) -> float:
    """MiB of a process."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
    except (OSError, IndexError):
        return 0.0


def children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(p) for p in text.split()]


class Watch(threading.Thread):
    """The largest memory of this process and of its biggest worker while it runs, sampled ten times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.parent = self.worker = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.1):
            self.parent = max(self.parent, resident(os.getpid()))
            self.worker = max([self.worker, *map(resident, children(os.getpid()))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--model", default="cheap")
    args = parser.parse_args()
    make = make_cheap if args.model == "cheap" else partial(caption.reasoner, args.model)
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the start\n")
    print("| clips | workers | seconds | clips/s | parent, MiB | worker, MiB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder, "in", "00000.mp4")
        first.parent.mkdir()
        with av.open(str(first), "w") as out:
            stream = out.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            for i in range(25):
                level = 40 + 180 * np.sin(np.pi * i / 24) ** 2
                image = np.full((120, 160, 3), level, np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            out.mux(stream.encode())
        for n in range(1, args.clips):
            os.link(first, first.with_name(f"{n:05d}.mp4"))
        items = caption.find([str(first.parent)])
        for workers in args.workers:
            for count in sorted({min(10, args.clips), min(100, args.clips), args.clips}):
                watch = Watch()
                watch.start()
                start = time.perf_counter()
                done = caption.caption(items[:count], Path(folder, f"{workers}-{count}.jsonl"), make, workers=workers,
                                       quiet=True)
                took = time.perf_counter() - start
                watch.over.set()
                watch.join()
                assert done["done"] == count and not done["failed"], done
                print(f"| {count} | {workers} | {took:.1f} | {count / took:.1f} | {watch.parent:.0f} | "
                      f"{watch.worker:.0f} |", flush=True)


if __name__ == "__main__":
    main()
