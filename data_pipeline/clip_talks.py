"""Talks about clips: facenet reads the key frames, the courses and the words come about as at inference.

Between key frames (``clip_frames``) the readings are joined by straight lines, at 25 frames a second. A clip is told
more than once: slower or faster, cut shorter, or backwards. A clip travels as one animated WebP of face crops.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from emoreason.clip_moments import about
from emoreason.clips import Clip, look_words, pick
from emoreason.data_pipeline.clip import FPS
from emoreason.data_pipeline.clip_text import CLIP_KINDS, ask_clip, write_clip
from emoreason.data_pipeline.courses import ClipFacts
from emoreason.data_pipeline.questions import Question
from emoreason.data_pipeline.sampling import random_clip
from emoreason.facenet import FaceNet
from emoreason.prompts import evidence_text, note
from emoreason.records import Evidence
from emoreason.schema import render

LIMITS = ("the face is small in the picture", "the picture is dark", "the picture is blurred",
          "the head is turned far away")
LONG = 0.35  # of the clips are told to and fro
LEAN = {"caption": 4, "when": 5, "develop": 3, "events": 2, "part": 4, "at": 4, "read": 4, "still": 4}  # how often
JITTER = 0.05  # intensity by which readings of real footage waver from frame to frame


@dataclass(frozen=True)
class Filmed:
    """Key frames of one clip as facenet read them: grey (F, 64, 64) uint8, evidence of F frames with their times."""

    grey: np.ndarray
    evidence: Evidence


def filmed(net: FaceNet, grey: np.ndarray, clip: np.ndarray, time: np.ndarray, temperature: float = 1.0) -> \
        Iterator[Filmed]:
    """The clips of a cache of key frames, read one by one. net: a FaceNet."""
    ends = np.flatnonzero(np.diff(clip)) + 1
    for part, times in zip(np.split(grey, ends), np.split(time.astype(float), ends), strict=True):
        crops = [cv2.cvtColor(cv2.resize(g, (128, 128), interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2RGB)
                 for g in part]
        yield Filmed(part, net.read(np.stack(crops), times, temperature=temperature))


def retimed(one: Filmed, rng: random.Random) -> Filmed:
    """At another pace (0.6 to 1.6), sometimes backwards, sometimes a part of at least a second and 6 frames, sometimes
    to and fro with rests between, so that it lasts as long as people's clips do."""
    e = one.evidence
    order = np.arange(len(e.times))
    pace = np.exp(rng.uniform(np.log(0.6), np.log(1.6)))
    times = pace * e.times
    if rng.random() < 0.25:
        order, times = order[::-1], (times[-1] - times)[::-1]
    if rng.random() < 0.35:
        low = rng.uniform(0, 0.4) * times[-1]
        inside = (times >= low) & (times <= low + max(1.0, rng.uniform(0.4, 0.9) * times[-1]))
        if inside.sum() >= 6:
            order, times = order[inside], times[inside]
    if rng.random() < LONG:
        times = times - times[0]
        whole, ends = [(order, times)], times[-1]
        for n in range(rng.randint(1, 3)):
            back = n % 2 == 0
            start = ends + rng.uniform(0.2, 3.0)
            whole.append((order[::-1], start + times[-1] - times[::-1]) if back else (order, start + times))
            ends = start + times[-1]
        order, times = (np.concatenate(part) for part in zip(*whole, strict=True))
    return Filmed(one.grey[order], _take(e, order, times - times[0]))


def _take(e: Evidence, order: np.ndarray, times: np.ndarray) -> Evidence:
    return Evidence(times, **{f.name: getattr(e, f.name)[order] for f in fields(Evidence) if f.name != "times"})


def continuous(e: Evidence, rng: np.random.Generator) -> Evidence:
    """The readings at FPS frames a second, straight lines between key frames, with a little jitter of the AUs."""
    times = np.arange(e.times[0], e.times[-1] + 1e-6, 1 / FPS)

    def line(x: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(times, e.times, c) for c in x.reshape(len(x), -1).T], 1).reshape(-1, *x.shape[1:])

    aus = line(e.aus)
    aus = (aus + rng.normal(0, JITTER, aus.shape) * np.minimum(1, aus)).clip(0, 5)
    n, k = aus.shape
    return Evidence(times, aus, line(e.sides), np.ones((n, k, 1, 1)), line(e.emotions), line(e.valence),
                    line(e.arousal), line(e.poses), np.ones(n, bool))


def rows(clips: list[Filmed], rng: random.Random, talks: int = 3,
         kinds: Sequence[str] = tuple(CLIP_KINDS)) -> Iterator[dict]:
    """``talks`` rows for each clip in a drawn order, in the format of ``talks.rows``; a tenth ask twice. kinds: of
    questions, as in ``ask_clip``."""
    order = [i for i in range(len(clips)) for _ in range(talks)]
    rng.shuffle(order)
    for i in order:
        one = retimed(clips[i], rng)
        evidence = continuous(one.evidence, np.random.default_rng(rng.randrange(1 << 31)))
        clip = Clip(evidence, float(evidence.times[-1]) + 1 / FPS)
        draw = rng.random()
        limit = (rng.choice(LIMITS),) if draw < 0.05 else ()
        turns, kind = talk(ClipFacts(clip, limit, draw >= 0.025), rng, 2 if rng.random() < 0.1 else 1, kinds)
        limits = note(("the face cannot be read: " + limit[0],) if draw < 0.025 else limit)
        turns[0]["content"] = clip.words() + limits + turns[0]["content"]
        frames = pick(one.evidence.times, clip.events)
        yield {"images": [encode(one.grey[frames])], "prompt": turns[:-1], "completion": turns[-1:], "label": None,
               "aus": None, "measured": json.dumps({str(a): round(v, 2) for a, v in clip.levels.items()}),
               "course": packed(clip), "seen": None, "kind": kind}


def talk(facts: ClipFacts, rng: random.Random, turns: int = 1,
         kinds: Sequence[str] = tuple(CLIP_KINDS)) -> tuple[list[dict], str]:
    """Questions and answers about a clip as chat messages, without the words that stand before the first question;
    and the kind of the last question."""
    out: list[dict] = []
    for _ in range(turns):
        question = ask_clip(facts, rng, kinds)
        out += [{"role": "user", "content": about(question.text, facts.clip) + question.text},
                {"role": "assistant", "content": render(write_clip(facts, question, rng))}]
    return out, f"clip {question.kind}"


def written(rng: random.Random) -> list[tuple[str, str]]:
    """A talk about a made clip in words alone, (user, assistant) texts, for pretraining a language model."""
    facts = random_clip(rng)
    turns, _ = talk(facts, rng)
    return [(_highest(facts.clip) + facts.clip.words() + turns[0]["content"], turns[1]["content"])]


class Lean(NamedTuple):
    """A made clip, a question about it, what is asked in full, and the answer."""

    facts: ClipFacts
    question: Question
    asked: str
    answer: str


def lean(rng: random.Random, kinds: Sequence[str] = tuple(LEAN)) -> Lean:
    """A talk about a made clip with no more before the question than what the answer is read from: how each item
    becomes a part of it is learned from many short texts sooner than from few long ones."""
    facts = random_clip(rng)
    question = ask_clip(facts, rng, rng.choices(kinds, [LEAN[k] for k in kinds]))
    clip, x = facts.clip, write_clip(facts, question, rng)
    known = f"Over all: {look_words(clip.overall)}."
    if question.kind == "caption":
        known, x = f"{known} {clip.step_words()}\n", replace(x, observations=())
    elif question.kind in ("develop", "events"):
        known = f"{known} {clip.told_words()}\n"
    elif question.kind == "when":
        known += "\n"
    else:
        known = _highest(clip)
    return Lean(facts, question, known + about(question.text, clip) + question.text, render(x))


def _highest(clip: Clip) -> str:
    """What stands where a picture's evidence does: the highest intensities and the look over all."""
    look = clip.overall
    return evidence_text(clip.levels, look.emotions, look.valence, look.arousal)


MEASURES = ("aus", "sides", "emotions", "valence", "arousal")


def packed(clip: Clip) -> bytes:
    """What was measured over a clip, for the rewards of a row: an npz."""
    file = io.BytesIO()
    arrays = {name: getattr(clip.evidence, name).astype(np.float32) for name in MEASURES}
    np.savez_compressed(file, times=clip.evidence.times, duration=clip.duration, **arrays)
    return file.getvalue()


def unpacked(course: bytes) -> Clip:
    """The Clip of ``packed``, without maps and poses."""
    with np.load(io.BytesIO(course)) as z:
        n, k = z["aus"].shape
        arrays = {name: z[name].astype(np.float64) for name in MEASURES}
        return Clip(Evidence(z["times"], **arrays, maps=np.ones((n, k, 1, 1)), poses=np.zeros((n, 3)),
                             valid=np.ones(n, bool)), float(z["duration"]))


def encode(grey: np.ndarray) -> bytes:
    """Crops (T, S, S) uint8 as one animated WebP, without loss: a frame is the same in every talk that shows it."""
    frames = [Image.fromarray(g).convert("RGB") for g in grey]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], lossless=True, quality=40, method=1)
    return file.getvalue()


def load(net: FaceNet, path: str, limit: int | None = None, temperature: float = 1.0) -> list[Filmed]:
    """The clips of a file made by ``emoreason data frames``, read by facenet."""
    from tqdm import tqdm

    with np.load(path) as z:
        count = int(z["clip"].max()) + 1
        keep = z["clip"] < (count if limit is None else limit)
        grey, clip, time = z["grey"][keep], z["clip"][keep], z["time"][keep]
    return list(tqdm(filmed(net, grey, clip, time, temperature), total=len(np.unique(clip)), desc="clips",
                     mininterval=5))
