"""A clip -> one FaceTrack per person, gaps marked valid=False, and the main character by a stated rule.

The main character is the face with the highest ``presence``: the share of the clip in which it is seen, times the sum
of three parts that compare it with the others: size (weight 0.5; median height over that of the biggest), centrality
(0.25; 1 in the middle of the picture, 0 in its corners) and motion (0.25; how much its features move against each
other, over that of the liveliest).
"""

from __future__ import annotations

import queue
import threading
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from emoreason import faces, video
from emoreason.errors import UserError
from emoreason.records import CROP, Face, FaceTrack, Frames
from emoreason.tracker import Tracker

LIMIT = 1500  # frames of one track that are kept; a longer clip is thinned evenly (82 MB of crops at most)
SMALLEST = 24  # pixels of the searched frame: a smaller face cannot be read, and patterns pass for one
SIDE = 1280  # longer side of the frames that are searched, in pixels


@dataclass(frozen=True)
class Scene:
    """The faces of one clip. tracks: by id (1, 2, ... in the order of appearing); each runs from where its face is
    first seen to where it is last seen. times (T,): seconds of all frames looked at (kept, after thinning); width,
    height: pixels of the upright frame; cuts: seconds at which a new shot starts; frames: how many were looked at;
    warning: one line when the clip was cut short, else None; spots: after thinning, for each track id all frames in
    which the face was seen, (N, 8): seconds, three points (``faces.anchors``) in pixels of the frame as searched
    (longer side at most SIDE), 1 where the face can be read."""

    tracks: tuple[FaceTrack, ...]
    times: np.ndarray
    width: int
    height: int
    cuts: tuple[float, ...] = ()
    frames: int = 0
    warning: str | None = None
    spots: Mapping[int, np.ndarray] = field(default_factory=dict)

    def main(self, face: int | None = None) -> FaceTrack | None:
        """The main character, or the track with id ``face``. None when there is no face at all. Raises UserError for
        an id that is not there."""
        if face is not None:
            ids = [t.id for t in self.tracks]
            if face not in ids:
                there = f"faces {', '.join(map(str, ids))}" if ids else "no faces"
                raise UserError(f"there is no face {face}; the clip has {there}: name one of them, or leave --face out")
            return self.tracks[ids.index(face)]
        if not self.tracks:
            return None
        return self.tracks[int(np.argmax(presence(self)))]


def presence(scene: Scene) -> np.ndarray:
    """(N,) in [0, 1]: how much each track is the main character; see the module for the rule."""
    size, middle, motion, share = np.array([_traits(t, scene) for t in scene.tracks]).T
    return share * (0.5 * size / max(size.max(), 1e-9) + 0.25 * middle + 0.25 * motion / max(motion.max(), 1e-9))


def _traits(track: FaceTrack, scene: Scene) -> tuple[float, float, float, float]:
    """Median height in pixels, centrality in [0, 1], motion in eye distances a second, share of the clip."""
    boxes = track.boxes[track.valid]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / (scene.width, scene.height) - 0.5
    middle = 1 - float(np.median(np.linalg.norm(centre, axis=1))) / np.sqrt(0.5)
    share = track.valid.sum() / max(len(scene.times), 1)
    return float(np.median(boxes[:, 3] - boxes[:, 1])), max(middle, 0.0), _motion(track), float(share)


def _motion(track: FaceTrack) -> float:
    """Mean speed of the landmarks in the face's own frame, in eye distances a second."""
    p = track.landmarks[:, :468, :2].astype(float)
    p = p - p.mean(axis=1, keepdims=True)
    across = p[:, 263] - p[:, 33]
    unit = (across[:, 0] + 1j * across[:, 1])[:, None]
    shape = (p[..., 0] + 1j * p[..., 1]) / np.where(np.abs(unit) > 1e-6, unit, 1)
    both = track.valid[1:] & track.valid[:-1]
    if not both.any():
        return 0.0
    return float((np.abs(np.diff(shape, axis=0)).mean(axis=1) / np.maximum(np.diff(track.times), 1e-3))[both].mean())


def over(track: FaceTrack, times: np.ndarray) -> FaceTrack:
    """The track laid over other ``times`` (T,) seconds, increasing: each of them takes the track's frame nearest to
    it, and is valid where that frame is valid and no further away than half the track's usual step."""
    near = video.nearest(track.times, np.asarray(times, float))
    step = float(np.median(np.diff(track.times))) if len(track) > 1 else 1e-3
    valid = track.valid[near] & (np.abs(track.times[near] - times) <= 0.5 * step + 1e-6)
    return replace(_take(track, near), times=np.asarray(times, float), valid=valid)


def _take(track: FaceTrack, at: np.ndarray) -> FaceTrack:
    return replace(track, times=track.times[at], boxes=track.boxes[at], landmarks=track.landmarks[at],
                   crops=track.crops[at], valid=track.valid[at], scores=track.scores[at], poses=track.poses[at],
                   quality=tuple(track.quality[i] for i in at))


def track(source: str | Path | Iterable[Frames], *, fps: float | None = None, detector: str | None = None,
          most: int = 6, limit: int = LIMIT, tracker: Tracker | None = None) -> Scene:
    """Follow all faces of a clip, or of chunks of upright frames, whose frames need not stay in memory.

    fps: frames a second to look at (default: all); most: faces followed at once; limit: frames kept of a track: with
    more, every second one is dropped, again and again. Boxes and landmarks are pixels of the clip's own frames.
    Left out are faces that fewer than half of the detections confirm, that are never followed for 0.25 s on end (half
    of a shorter clip), or that are smaller than 24 pixels. Raises UserError for an unreadable file.
    """
    if isinstance(source, str | Path):
        chunks: Iterable[Frames] = ahead(video.stream(source, fps, SIDE, chunk=8))
    else:
        chunks = source
    tracker = tracker or Tracker(detector, most)
    seen: dict[int, dict[int, Face]] = {}
    times: dict[int, float] = {}
    spots: dict[int, array] = {}  # 64 bytes a face and frame
    stride, n, scale, width, height, warning = 1, 0, 1.0, 0, 0, None
    for chunk in chunks:
        height, width = chunk.images.shape[1:3]
        if isinstance(chunk, video.Clip):
            scale, warning = chunk.info.width / width, chunk.info.warning
            width, height = chunk.info.width, chunk.info.height
        for image, time in zip(chunk.images, chunk.times, strict=True):
            found = tracker.step(image, float(time))
            for who, face in found:
                spot = (time, *faces.anchors(face.landmarks).ravel(), face.quality.readable)
                spots.setdefault(who, array("d")).extend(spot)
            if n % stride == 0:
                times[n] = float(time)
                for who, face in found:
                    seen.setdefault(who, {})[n] = face
            n += 1
            if len(times) > limit:
                stride *= 2
                times = {k: t for k, t in times.items() if k % stride == 0}
                seen = {who: {k: f for k, f in all_.items() if k % stride == 0} for who, all_ in seen.items()}
    if not times:
        raise UserError("the clip has no frames to look at")
    real = [who for who, all_ in seen.items() if all_ and _real(tracker, who, all_, times)]
    tracks = tuple(_build(i, seen[who], times, scale) for i, who in enumerate(real, 1))
    all_spots = {i: np.array(spots[who]).reshape(-1, 8) for i, who in enumerate(real, 1)} if stride > 1 else {}
    return Scene(tracks, np.array(list(times.values())), width, height, tuple(tracker.cuts), n, warning, all_spots)


def _real(tracker: Tracker, who: int, seen: dict[int, Face], times: dict[int, float]) -> bool:
    """Whether this is a face, and no pattern that looked like one for a moment."""
    p = tracker.people.get(who)
    if p is None or p.confirmed <= p.denied or np.median([f.score for f in seen.values()]) < 0.7:
        return False
    if np.median([max(f.box[2:] - f.box[:2]) for f in seen.values()]) < SMALLEST:
        return False
    order = list(times)
    at = np.flatnonzero([k in seen for k in order])
    runs = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
    longest = max(times[order[r[-1]]] - times[order[r[0]]] for r in runs)
    return longest >= min(0.25, 0.5 * (times[order[-1]] - times[order[0]]))


def _build(id: int, seen: dict[int, Face], times: dict[int, float], scale: float) -> FaceTrack:
    """The FaceTrack from the first to the last frame in which the face was seen."""
    have = np.array(sorted(seen))
    every = np.array([k for k in times if have[0] <= k <= have[-1]])
    near = have[video.nearest(have, every)]
    picked = [seen[int(k)] for k in near]
    crops = np.empty((len(every), CROP, CROP, 3), np.uint8)
    for i, face in enumerate(picked):
        crops[i] = face.crop
    return FaceTrack(id, np.array([times[int(k)] for k in every]), np.array([f.box for f in picked]) * scale,
                     np.array([f.landmarks for f in picked]) * scale, crops, near == every,
                     np.array([f.score for f in picked]), np.array([f.pose for f in picked]),
                     tuple(replace(f.quality, size=f.quality.size * scale) for f in picked))


def ahead(chunks: Iterator[Frames], depth: int = 2) -> Iterator[Frames]:
    """The same chunks, read by a thread of its own up to ``depth`` ahead, so that decoding and tracking overlap."""
    ready: queue.Queue = queue.Queue(depth)
    stop = threading.Event()

    def read() -> None:
        try:
            for chunk in chunks:
                while not stop.is_set():
                    try:
                        ready.put(chunk, timeout=0.1)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
            end: object = None
        except BaseException as e:  # handed to the reader of the chunks, who raises it
            end = e
        while not stop.is_set():
            try:
                return ready.put(end, timeout=0.1)
            except queue.Full:
                continue

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        while (chunk := ready.get()) is not None:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk
    finally:
        stop.set()
        thread.join()
