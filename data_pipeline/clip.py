"""One synthetic clip: AUs that rise, hold and fall at a face's own speeds, head movement, glances and blinks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emoreason.data_pipeline import expression, scene
from emoreason.data_pipeline.person import Person
from emoreason.data_pipeline.studio import Studio, furrows, labels, pose_face

FPS = 25
_CLIP = 3  # stream of random numbers
BLINK = 45


@dataclass(frozen=True)
class Event:
    """One AU's course. Seconds from the clip's start: onset (leaves rest), apex (reaches ``peak``), release (begins
    to fall), offset (back at rest; None: still there when the clip ends). peak 0-5; right, left: the sides' shares."""

    au: int
    onset: float
    apex: float
    release: float
    offset: float | None
    peak: float
    right: float = 1.0
    left: float = 1.0

    def intensity(self, times: np.ndarray) -> np.ndarray:
        """(T,) intensities 0-5 at (T,) seconds: minimum-jerk rise and fall, and a hold that sinks by a tenth."""
        rise = _smooth((times - self.onset) / max(self.apex - self.onset, 1e-3))
        hold = 1 - 0.1 * np.clip((times - self.apex) / max(self.release - self.apex, 1e-3), 0, 1)
        fall = 0.0 if self.offset is None else _smooth((times - self.release) / (self.offset - self.release))
        return self.peak * rise * hold * (1 - fall)

    def row(self) -> dict:
        side = {} if self.right == self.left else {"side": "right" if self.right > self.left else "left"}
        end = None if self.offset is None else round(self.offset, 3)
        return {"au": self.au, "onset": round(self.onset, 3), "apex": round(self.apex, 3),
                "release": round(self.release, 3), "offset": end, "peak": round(self.peak, 2)} | side


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t ** 3 * (10 - 15 * t + 6 * t * t)


def script(rng: np.random.Generator, duration: float) -> tuple[list[Event], list[tuple[float, str | None]]]:
    """The events of a clip of ``duration`` seconds, and its phases: (start in seconds, drawn emotion or None)."""
    events: list[Event] = []
    phases: list[tuple[float, str | None]] = []
    start = rng.uniform(0.1, 0.35 * duration)
    while start < duration - 0.5:
        shown = expression.draw(rng)
        end = min(start + rng.uniform(0.8, 3.0), duration + (1.0 if rng.random() < 0.4 else -0.3))
        speed = float(np.exp(rng.normal(np.log(0.45), 0.45)))  # a smile takes about half a second to its apex
        phases.append((start, shown.drawn))
        events += phase(rng, shown, start, end, duration, speed)
        start = end + rng.uniform(0.5, 1.5)
    events += blinks(rng, duration)
    return apart(sorted(events, key=lambda e: (e.onset, e.au))), phases


def phase(rng: np.random.Generator, shown: expression.Expression, start: float, end: float, duration: float,
          speed: float) -> list[Event]:
    """The events of one expression that shows from start to end (seconds); speed: seconds from rest to apex."""
    events = []
    for au, value in shown.aus.items():
        if value < 0.3 or au == 43:
            continue
        right, left = shown.sides.get(au, (value, value))
        onset = start + max(0.0, rng.normal(0.04, 0.05))
        apex = onset + max(0.12, speed * rng.uniform(0.75, 1.3))
        release = max(apex + 0.04, end - rng.uniform(0.3, 0.9) + rng.normal(0, 0.06))
        offset = release + max(0.16, 1.4 * speed * rng.uniform(0.7, 1.5))
        if onset > duration - 0.2:
            continue
        events.append(Event(au, onset, apex, release, offset if offset <= duration else None, value,
                            right / value, left / value))
    return events


def blinks(rng: np.random.Generator, duration: float) -> list[Event]:
    """Blinks about every three and a half seconds."""
    events, time = [], rng.exponential(2.0)
    while time < duration - 0.3:
        events.append(Event(BLINK, time, time + 0.10, time + 0.14, time + 0.14 + rng.uniform(0.12, 0.2), 5.0))
        time += 0.5 + rng.exponential(3.0)
    return events


def apart(events: list[Event]) -> list[Event]:
    """An AU's later course starts after the earlier one has ended."""
    kept: list[Event] = []
    for event in events:
        last = next((e for e in reversed(kept) if e.au == event.au), None)
        if last is None or (last.offset is not None and last.offset <= event.onset):
            kept.append(event)
    return kept


def drift(rng: np.random.Generator, times: np.ndarray, size: float) -> np.ndarray:
    """(T,) slow wandering around zero."""
    waves = [rng.normal(0, 0.5) * np.sin(2 * np.pi * f * times + rng.uniform(0, 6)) for f in (0.13, 0.31, 0.7)]
    return size * np.sum(waves, axis=0)


def glances(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """(T, 2) gaze in degrees: still, then a quick jump."""
    out, time = np.zeros((len(times), 2)), 0.0
    while time < times[-1]:
        out[times >= time] = (np.clip(rng.normal(0, 7), -24, 24), np.clip(rng.normal(-1, 4), -16, 12))
        time += 0.3 + rng.exponential(1.2)
    return out


@dataclass(frozen=True)
class Take:
    """What a clip shows besides the face's movements: the view at rest and moves (T, 3) degrees of yaw, pitch and
    roll around it; gaze (T, 2) degrees; light; backdrop (S, S, 3) linear; parting: see ``Expression``; camera: the seed
    of the picture's flaws, None for none."""

    view: scene.View
    moves: np.ndarray
    gaze: np.ndarray
    light: scene.Light
    backdrop: np.ndarray
    parting: float = 0.5
    camera: int | None = None


def sample_clip(model: Studio, seed: int, i: int, size: int = 224,
                supersample: float = 1.5) -> tuple[np.ndarray, np.ndarray, dict]:
    """Clip i of a seed: images (T, size, size, 3) uint8 RGB, times (T,) seconds, and its labels (see ``film``)."""
    rng = np.random.default_rng([seed, _CLIP, i])
    times = np.arange(round(rng.uniform(2.0, 6.0) * FPS)) / FPS
    events, phases = script(rng, len(times) / FPS)
    take = Take(scene.random_view(rng), np.stack([drift(rng, times, s) for s in (6.0, 4.0, 3.0)], 1),
                glances(rng, times), scene.random_light(rng), scene.background(rng, round(supersample * size)),
                float(rng.uniform(0.2, 0.9)), int(rng.integers(1 << 31)))
    images, row = film(model, model.person(seed, i), f"{seed}-c{i}", events, phases, times, take, size, rng)
    return images, times, row


def shots(model: Studio, person: Person, identity: str, events: list[Event], phases: list[tuple[float, str | None]],
          times: np.ndarray, take: Take, size: int,
          grain: np.random.Generator) -> Iterator[tuple[np.ndarray, dict, dict[int, float]]]:
    """The clip's pictures (size, size, 3) uint8 RGB at the given times, each with its labels and its AUs as seen."""
    curves = [event.intensity(times) for event in events]
    for t, time in enumerate(times):
        shown = _frame(events, [float(c[t]) for c in curves], (float(take.gaze[t, 0]), float(take.gaze[t, 1])))
        shown.parting = take.parting
        yaw, pitch, roll = (float(m) for m in take.moves[t])
        view = replace(take.view, yaw=take.view.yaw + yaw, pitch=take.view.pitch + pitch, roll=take.view.roll + roll)
        mesh, aus = pose_face(model, person, shown)
        taken = scene.render(model.model, person, mesh, furrows(shown), shown.gaze, view, take.light, take.backdrop,
                             size)
        flaws = np.random.default_rng(take.camera)
        image = scene.photograph(taken.image, flaws, take.camera is not None, grain)
        shown.drawn = next((emotion for start, emotion in reversed(phases) if start <= time), "neutral")
        yield image, labels(shown, aus, person, identity, view, taken.landmarks), aus


def film(model: Studio, person: Person, identity: str, events: list[Event], phases: list[tuple[float, str | None]],
         times: np.ndarray, take: Take, size: int, grain: np.random.Generator) -> tuple[np.ndarray, dict]:
    """Render a clip: images (T, size, size, 3) uint8 RGB and its labels.

    Labels as in ``studio.sample``, of the frame named by ``apex_time`` (the strongest one), and: fps, duration;
    events (``Event.row``; 45 is a blink); courses {"12": [T values]} of each AU as seen; poses (T, 3); phases
    [{"start", "emotion"}]. ``aus`` are the peaks over the clip.
    """
    images, rows, seen = [], [], []
    for image, row, aus in shots(model, person, identity, events, phases, times, take, size, grain):
        images.append(image)
        rows.append(row)
        seen.append(aus)
    shown_aus = sorted({a for aus in seen for a in aus})
    strongest = int(np.argmax([sum(v for a, v in aus.items() if a not in (25, 43)) for aus in seen]))
    return np.stack(images), rows[strongest] | {
        "aus": {str(a): max(aus.get(a, 0.0) for aus in seen) for a in shown_aus}, "apex_time": float(times[strongest]),
        "fps": FPS, "duration": len(times) / FPS, "events": [event.row() for event in events],
        "phases": [{"start": round(start, 3), "emotion": emotion} for start, emotion in phases],
        "courses": {str(a): [aus.get(a, 0.0) for aus in seen] for a in shown_aus},
        "poses": [row["pose"] for row in rows]}


def _frame(events: list[Event], values: list[float], gaze: tuple[float, float]) -> expression.Expression:
    aus: dict[int, float] = {}
    sides: dict[int, tuple[float, float]] = {}
    for event, value in zip(events, values, strict=True):
        au = 43 if event.au == BLINK else event.au
        if value > max(aus.get(au, 0.0), 0.02):
            aus[au] = value
            sides.pop(au, None)
            if event.right != event.left:
                sides[au] = (value * event.right, value * event.left)
    return expression.Expression(aus, sides, None, gaze)


def write(path: Path, images: np.ndarray, times: np.ndarray, rate: int = FPS) -> None:
    """Save images (T, H, W, 3) uint8 RGB as an H.264 mp4; the sides are made even by cropping."""
    import av

    height, width = images.shape[1] // 2 * 2, images.shape[2] // 2 * 2
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
