"""Captioning many clips: clips a second by workers, and memory from 10 to N clips.

    python benchmarks/caption.py [--clips 1000] [--workers 1 2] [--model cheap]
    python benchmarks/caption.py --clips 8 --model nano --clip samples/smile.mp4    # the real thing, end to end
    python benchmarks/caption.py --texts 8    # the language model's part alone: texts one by one and in one batch

Model ``cheap`` reads every frame and finds events in the picture's brightness: it measures the machinery, not a model.
Any other name is loaded as ``emoreason caption --model`` does. The clips are one second of 160x120 at 25 frames/s.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
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


def spent() -> float:
    """CPU seconds of the workers that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def wait_for(out: Path, came: list[float]) -> None:
    """Note when the first row stands in the output."""
    while not out.exists() or not out.stat().st_size:
        time.sleep(0.02)
    came.append(time.perf_counter())


def make_clip(path: Path) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for i in range(25):
            level = 40 + 180 * np.sin(np.pi * i / 24) ** 2
            image = np.full((120, 160, 3), level, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode())


def texts(count: int, clip: str) -> None:
    """CPU seconds of ``count`` clips' texts, each by itself and all in one batch, and of the perception of one."""
    from emoreason.captioning import CAPTION, READ
    from emoreason.reason import Reasoner, find_subjects

    reasoner = Reasoner.load()
    start = time.process_time()
    subject = reasoner.measured(find_subjects(clip)[0])
    seeing = time.process_time() - start
    requests = [reasoner.request([subject], q) for q in (CAPTION, READ)] * count
    took, written = [], []
    for parts in ([[r] for r in requests], [requests]):
        reasoner.eyes.look(requests[0].media[0])
        start = time.process_time()
        made = [c for part in parts for c in reasoner.engine.generate(part)]
        took.append(time.process_time() - start)
        written.append(sum(c.completion_tokens for c in made))
    print(f"perception of {clip} ({subject.film.duration:.1f} s): {seeing:.1f} CPU s")
    print(f"{len(requests)} texts one by one: {took[0]:.1f} CPU s, {written[0]} tokens; in one batch: "
          f"{took[1]:.1f} CPU s, {written[1]} tokens; ratio {took[0] / took[1]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--model", default="cheap")
    parser.add_argument("--clip", help="a clip to take instead of the made one")
    parser.add_argument("--texts", type=int, help="measure the language model's part with so many clips")
    args = parser.parse_args()
    if args.texts:
        return texts(args.texts, str(Path(__file__).parent.parent / "samples" / "smile.mp4"))
    make = make_cheap if args.model == "cheap" else partial(caption.reasoner, args.model)
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the start\n")
    print("| clips | workers | seconds | clips/s | workers' CPU s | first row, s | parent, MiB | worker, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder, "in", "00000.mp4")
        first.parent.mkdir()
        if args.clip:
            shutil.copyfile(args.clip, first)
        else:
            make_clip(first)
        for n in range(1, args.clips):
            os.link(first, first.with_name(f"{n:05d}.mp4"))
        items = caption.find([str(first.parent)])
        for workers in args.workers:
            for count in sorted({min(10, args.clips), min(100, args.clips), args.clips}):
                watch = Watch()
                watch.start()
                start, cpu, out = time.perf_counter(), spent(), Path(folder, f"{workers}-{count}.jsonl")
                first_row = threading.Thread(target=wait_for, args=(out, came := []), daemon=True)
                first_row.start()
                done = caption.caption(items[:count], out, make, workers=workers,
                                       batch=1 if args.model == "cheap" else caption.TOGETHER, quiet=True,
                                       ahead=args.model != "cheap")
                took = time.perf_counter() - start
                watch.over.set()
                watch.join()
                assert done["done"] == count and not done["failed"], done
                first_row.join()
                print(f"| {count} | {workers} | {took:.1f} | {count / took:.2f} | {spent() - cpu:.1f} | "
                      f"{came[0] - start:.1f} | {watch.parent:.0f} | {watch.worker:.0f} |", flush=True)


if __name__ == "__main__":
    main()
