"""Key frames of made-up clips, for talks about clips: only the moments between which the face moves evenly are
rendered; what lies between follows from them.

``emoreason data frames -n 1000 --face-model ict_face.npz -o clips.npz``: grey (F, 64, 64) uint8 crops as facenet sees
them, clip (F,) which clip, time (F,) seconds, aus (F, K) the true intensities; a clip's frames are in order of time.
"""

from __future__ import annotations

import argparse
from functools import cache

import cv2
import numpy as np

from emoreason.data_pipeline import clip as C
from emoreason.data_pipeline import expression, scene
from emoreason.data_pipeline.clip import FPS, Event
from emoreason.data_pipeline.studio import Studio
from emoreason.facs import MEASURED_AUS
from emoreason.records import CROP

KINDS = {"script": 0.35, "turn": 0.22, "held": 0.08, "short": 0.12, "speech": 0.15, "still": 0.08}
LEAST, MOST = 10, 20  # frames of a clip; more where the mouth speaks
SPEECH_MOST = 30
PEOPLE = 6  # clips per person
SIZE = 112  # pixels of the picture that a crop is cut from
_STREAM = 5


def scenario(rng: np.random.Generator, kind: str, duration: float) -> list[Event]:
    """The movements of a clip: script (rest, expression, rest, ...), turn (one expression into another), held (there
    from the start), short (under half a second), speech, still."""
    events = [] if kind == "short" else C.blinks(rng, duration)
    speed = float(np.exp(rng.normal(np.log(0.45), 0.35)))
    if kind == "script":
        events = C.script(rng, duration)[0]
    elif kind == "turn":
        at, start = rng.uniform(0.35, 0.65) * duration, rng.choice((-0.8, rng.uniform(0.05, 0.2) * duration))
        events += C.phase(rng, expression.draw(rng), start, at + 0.2, duration, speed)
        events += C.phase(rng, expression.draw(rng), at, duration + rng.choice((-0.3, 0.8)), duration, speed)
    elif kind == "held":
        events += C.phase(rng, expression.draw(rng), -1.5, duration + rng.choice((-0.5 * duration, 1.0)), duration, 0.4)
    elif kind == "short":
        for start in rng.uniform(0.1, duration - 0.5, rng.integers(1, 3)):
            for au, value in list(expression.draw(rng).aus.items())[:4]:
                if au != 43:
                    events.append(_quick(au, start + rng.uniform(0, 0.04), rng.uniform(0.24, 0.45), max(value, 1.5)))
    elif kind == "speech":
        if rng.random() < 0.4:
            shown = expression.draw(rng)
            shown.aus = {a: v for a, v in shown.aus.items() if a not in (24, 25, 26, 27, 28)}
            events += C.phase(rng, shown, rng.uniform(0, 0.4) * duration, duration, duration, speed)
        time, end = rng.uniform(0, 0.3) * duration, duration * rng.uniform(0.7, 1.0)
        while time < end:
            beat = rng.uniform(0.18, 0.34)
            events.append(_quick(25, time, beat, rng.uniform(1.0, 3.2)))
            if rng.random() < 0.5:
                events.append(_quick(26, time, beat, rng.uniform(0.8, 2.5)))
            time += beat
    return C.apart(sorted(events, key=lambda e: (e.onset, e.au)))


def _quick(au: int, start: float, length: float, peak: float) -> Event:
    return Event(au, start, start + 0.45 * length, start + 0.55 * length, start + length, float(min(peak, 5.0)))


def key_times(times: np.ndarray, courses: np.ndarray, least: int = LEAST, most: int = MOST,
              close: float = 0.25) -> np.ndarray:
    """Which of T moments (indices, increasing) to render: the ends, then again and again the moment at which straight
    lines between those chosen miss the courses (T, C) by most, until they miss by less than ``close`` or ``most`` are
    chosen; at least ``least``, evenly filled up."""
    n = len(times)
    chosen = sorted({0, n - 1, *np.linspace(0, n - 1, max(2, least // 2)).round().astype(int).tolist()})
    while len(chosen) < min(most, n):
        line = np.stack([np.interp(times, times[chosen], c[chosen]) for c in courses.T], 1)
        miss = np.abs(courses - line).max(1)
        if miss.max() < close and len(chosen) >= least:
            break
        gaps = np.diff(chosen)
        wide = int(gaps.argmax())
        at = int(miss.argmax()) if miss.max() >= close else chosen[wide] + int(gaps[wide]) // 2
        if at in chosen:
            break
        chosen = sorted({*chosen, at})
    return np.array(chosen)


def make(model: Studio, seed: int, i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clip i of a seed: grey (F, 64, 64) uint8, times (F,), aus (F, K)."""
    from emoreason.facenet import LUMA, SIDE
    from emoreason.faces import align_points

    rng = np.random.default_rng([seed, _STREAM, i])
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    duration = rng.uniform(1.0, 3.5) if kind == "speech" else float(np.exp(rng.uniform(np.log(1.0), np.log(8.0))))
    events = scenario(rng, kind, duration)
    times = np.arange(round(duration * FPS)) / FPS
    moves = np.stack([C.drift(rng, times, s) for s in rng.choice((0.3, 1.0, 1.8)) * np.array((5.0, 3.5, 2.5))], 1)
    courses = np.stack([e.intensity(times) for e in events] or [np.zeros(len(times))], 1)
    keys = key_times(times, np.concatenate([courses, moves / 12], 1), LEAST, SPEECH_MOST if kind == "speech" else MOST)
    take = C.Take(scene.random_view(rng), moves[keys], C.glances(rng, times)[keys], scene.random_light(rng),
                  scene.background(rng, round(1.5 * SIZE)), float(rng.uniform(0.2, 0.9)), int(rng.integers(1 << 31)))
    person = model.person(seed, i // PEOPLE)
    greys, aus = [], []
    for image, row, seen in C.shots(model, person, f"{seed}-k{i}", events, [], times[keys], take, SIZE, rng):
        p = np.array(row["points"], np.float32)
        crop, _ = align_points(image, p[0], p[1], (p[3] + p[4]) / 2, CROP)
        grey = cv2.resize(crop @ np.array(LUMA, np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        greys.append(grey.round().clip(0, 255).astype(np.uint8))
        aus.append([seen.get(a, 0.0) for a in MEASURED_AUS])
    return np.stack(greys), times[keys], np.array(aus, np.float32)


@cache
def _studio(path: str | None) -> Studio:
    cv2.setNumThreads(1)
    from emoreason.data_pipeline.studio import studio

    return studio(path)


def _job(job: tuple[str | None, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return make(_studio(job[0]), *job[1:])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``emoreason data frames``."""
    parser.add_argument("-n", type=int, required=True, help="clips")
    parser.add_argument("--face-model", help="ict_face.npz (default: EMOREASON_FACE_MODEL)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("-o", "--out", required=True, help="the npz file")


def run(args: argparse.Namespace) -> None:
    """Render and write. Raises UserError when the face model is missing."""
    from concurrent.futures import ProcessPoolExecutor
    from contextlib import nullcontext

    from tqdm import tqdm

    from emoreason.data_pipeline import ict

    path = str(ict.find(args.face_model))
    jobs = [(path, args.seed, i) for i in range(args.n)]
    with ProcessPoolExecutor(args.workers) if args.workers > 1 else nullcontext() as pool:
        made = pool.map(_job, jobs, chunksize=PEOPLE) if pool else map(_job, jobs)
        clips = list(tqdm(made, total=len(jobs), desc="clips", mininterval=5))
    np.savez_compressed(args.out, grey=np.concatenate([c[0] for c in clips]),
                        clip=np.repeat(np.arange(args.n), [len(c[0]) for c in clips]),
                        time=np.concatenate([c[1] for c in clips]).astype(np.float32),
                        aus=np.concatenate([c[2] for c in clips]).astype(np.float16))
    print(f"{args.out}: {args.n} clips, {sum(len(c[0]) for c in clips)} frames")
