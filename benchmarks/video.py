"""Decoding and face tracking, as ratios measured in one run.

    python benchmarks/video.py [CLIP] [--rounds 5] [--loop 40]

CLIP: any clip; without one, a 10 s 720p clip at 25 frames/s is made from ../shared/data/media/single_face.mp4 (from
moving noise, without that folder: then only decoding is measured). Rounds are interleaved, the best of each counts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from emoreason import faces, tracks, video, watch
from emoreason.reason import Reasoner
from emoreason.tracker import Tracker

MEDIA = Path(__file__).resolve().parents[2] / "shared" / "data" / "media"


def make(path: Path, seconds: int = 10) -> bool:
    """Write a 720p h264 clip; says whether there is a face in it."""
    face = (MEDIA / "single_face.mp4").exists()
    if face:
        images = video.sample(MEDIA / "single_face.mp4").images
    else:
        rng = np.random.default_rng(0)
        wide = cv2.resize(rng.integers(0, 255, (40, 90, 3), np.uint8), (1500, 720), interpolation=cv2.INTER_CUBIC)
        images = np.stack([wide[:, 3 * i:3 * i + 1280] for i in range(70)])
    order = [*range(len(images)), *range(len(images) - 2, 0, -1)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.codec_context.gop_size = 50
        for i in range(25 * seconds):
            image = cv2.resize(images[order[i % len(order)]], (1280, 720))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode())
    return face


def shrink(image: np.ndarray, side: int | None) -> np.ndarray:
    if not side:
        return image
    scale = side / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def with_opencv(path: str, wanted: np.ndarray, side: int | None) -> int:
    reader, todo, n, i = cv2.VideoCapture(path), set(wanted.tolist()), 0, 0
    while reader.grab():
        if i in todo:
            shrink(cv2.cvtColor(reader.retrieve()[1], cv2.COLOR_BGR2RGB), side)
            n += 1
        i += 1
    return n


def with_pyav(path: str, wanted: np.ndarray, side: int | None) -> int:
    todo, n = set(wanted.tolist()), 0
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for i, frame in enumerate(container.decode(stream)):
            if i in todo:
                shrink(frame.to_ndarray(format="rgb24"), side)
                n += 1
    return n


def with_decord(path: str, wanted: np.ndarray, side: int | None) -> int:
    import decord
    shape = video.info(path)
    scale = side / max(shape.width, shape.height) if side else 1
    size = {"width": round(shape.width * scale), "height": round(shape.height * scale)} if side else {}
    reader = decord.VideoReader(path, **size)
    return sum(len(reader.get_batch(wanted[i:i + 8].tolist()).asnumpy()) for i in range(0, len(wanted), 8))


def race(runners: dict[str, Callable[[], int]], rounds: int) -> dict[str, tuple[float, float, int]]:
    """Name -> (best seconds by the clock, best CPU seconds of all threads, frames)."""
    best: dict[str, tuple[float, float, int]] = {}
    for _ in range(rounds):
        for name, run in runners.items():
            clock, cpu = time.perf_counter(), time.process_time()
            n = run()
            clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
            old = best.get(name, (np.inf, np.inf, n))
            best[name] = min(old[0], clock), min(old[1], cpu), n
    return best


def decoding(path: str, rounds: int) -> None:
    clip = video.info(path)
    everything = np.arange(clip.frames)
    fifth = np.arange(0, clip.frames, 5)
    sparse = np.unique(((np.arange(16) + 0.5) * clip.frames / 16).astype(int))

    def stream(**how) -> int:
        return sum(len(c.times) for c in video.stream(path, **how))

    cases = {
        "every frame": (everything, None, stream),
        "every frame, at 640 px": (everything, 640, lambda: stream(max_side=640)),
        "every 5th frame": (fifth, None, lambda: stream(fps=clip.fps / 5)),
        "16 frames of the clip": (sparse, None, lambda: len(video.sample(path, count=16).times)),
        "4 frames of the clip": (sparse[::4], None, lambda: len(video.sample(path, count=4).times)),
    }
    print("| time (CPU time) over the fastest plain reader | emoreason | opencv | pyav | decord | fastest, ms |")
    print("|---|---|---|---|---|---|")
    for name, (wanted, side, ours) in cases.items():
        runners: dict[str, Callable[[], int]] = {"emoreason": ours}
        for reader in (with_opencv, with_pyav, with_decord):
            if reader is not with_decord or video.decord is not None:
                runners[reader.__name__[5:]] = lambda r=reader, w=wanted, s=side: r(path, w, s)
        best = race(runners, rounds)
        clock, cpu = (min(b[k] for name, b in best.items() if name != "emoreason") for k in (0, 1))
        row = " | ".join(f"{best[k][0] / clock:.2f} ({best[k][1] / cpu:.2f})" if k in best else "" for k in
                         ("emoreason", "opencv", "pyav", "decord"))
        print(f"| {name} ({best['emoreason'][2]}) | {row} | {clock * 1000:.0f} ({cpu * 1000:.0f}) |", flush=True)


def perception(path: str, rounds: int, loop: int) -> None:
    clip = video.info(path)
    few = video.sample(path, count=loop, max_side=tracks.SIDE).images
    cost: dict[str, int] = {}

    def follow() -> int:
        tracker = Tracker()
        n = tracks.track(path, tracker=tracker).frames
        cost["detections"] = tracker.detections
        return n

    best = race({"track": follow, "loop": lambda: sum(len(faces.detect(im)) >= 0 for im in few)}, rounds)
    rate = {k: n / t for k, (t, _, n) in best.items()}
    cpu = {k: t / n * 1000 for k, (_, t, n) in best.items()}
    print(f"\ntracking {clip.width}x{clip.height} at {clip.fps:.4g} frames/s, decoding included: {rate['track']:.0f} "
          f"frames/s, {rate['track'] / clip.fps:.1f} times real time ({cost['detections']} detections in "
          f"{clip.frames} frames)\ndetecting in every frame, decoding left out: {rate['loop']:.1f} frames/s\n"
          f"ratio {rate['track'] / rate['loop']:.1f}; CPU time a frame {cpu['track']:.1f} and {cpu['loop']:.1f} ms, "
          f"ratio {cpu['loop'] / cpu['track']:.1f}")


def reading(path: str, rounds: int, loop: int) -> None:
    """The whole way from a file to AU courses, against detecting and reading in every frame by itself."""
    net = Reasoner.load("nano").eyes.encoder.facenet
    few = video.sample(path, count=loop, max_side=tracks.SIDE).images

    def course() -> int:
        film, found = watch.follow(path)
        watch.measure(net, found[0], film)
        return film.scene.frames

    def plain() -> int:
        return sum(len(net.read(faces.detect(im)[0].crop[None]).times) for im in few)

    best = race({"course": course, "loop": plain}, rounds)
    cost = {k: (clock / n * 1000, cpu / n * 1000) for k, (clock, cpu, n) in best.items()}
    seconds = best["course"][1] / video.info(path).duration
    print(f"\nfrom the file to AU courses: {cost['course'][0]:.1f} ms a frame (CPU time {cost['course'][1]:.1f}), "
          f"{seconds:.2f} CPU s a second of clip; detecting and reading each frame by itself, decoding left out: "
          f"{cost['loop'][0]:.1f} ms (CPU time {cost['loop'][1]:.1f}); ratio "
          f"{cost['loop'][0] / cost['course'][0]:.1f} (CPU time {cost['loop'][1] / cost['course'][1]:.1f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", help="a clip (default: one is made)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loop", type=int, default=40, help="frames of the plain detection loop")
    args = parser.parse_args()
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the start\n")
    with tempfile.TemporaryDirectory() as folder:
        path, face = args.clip, True
        if path is None:
            path = str(Path(folder) / "clip.mp4")
            face = make(Path(path))
        decoding(path, args.rounds)
        if face:
            perception(path, min(args.rounds, 3), args.loop)
            reading(path, min(args.rounds, 2), args.loop)


if __name__ == "__main__":
    main()
