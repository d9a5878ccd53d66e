"""A clip on its way to an answer: its faces followed, one of them measured, and the frames that the model sees."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from emoreason import early, faces, tracks, video
from emoreason.clips import Clip, pick
from emoreason.facenet import FaceNet
from emoreason.media import Media
from emoreason.records import Evidence, FaceTrack
from emoreason.tracks import Scene

BATCH = 32  # crops that facenet reads at once


@dataclass(frozen=True)
class Film:
    """A clip with its faces followed. path; duration: seconds; scene: all its faces; clip: what was measured on the
    one that is asked about, None before that; unread: why that face cannot be read in any frame, "" if it can."""

    path: str
    duration: float
    scene: Scene
    clip: Clip | None = None
    unread: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: duration, events, faces (the numbers that there are), warning (None, or that it is cut short)."""
        events = [e.to_dict() for e in self.clip.events] if self.clip else []
        return {"duration": round(self.duration, 2), "events": events, "faces": [t.id for t in self.scene.tracks],
                "warning": self.scene.warning}


def follow(path: str | os.PathLike, face: int | str | None = None) -> tuple[Film, list[FaceTrack]]:
    """The clip and the tracks asked for: the main character (none without a face), number ``face``, or ``"all"``.
    Raises UserError for an unreadable clip and for a number that is not there."""
    about = video.info(Path(path))
    scene = early.take(path, lambda: tracks.track(Path(path)))
    film = Film(str(path), max(about.duration, float(scene.times[-1])), scene)
    if face == "all":
        return film, list(scene.tracks)
    chosen = scene.main(None if face is None else int(face))
    return film, [] if chosen is None else [chosen]


def measure(net: FaceNet, track: FaceTrack, film: Film, temperature: float = 1.0) -> Film:
    """With the course of the track's face, at the full frame rate. Frames in which it is too poor to be read count as
    frames without it, unless there are no others; then ``unread`` says why."""
    spots = film.scene.spots.get(track.id, np.zeros((0, 8)))
    spots = spots[spots[:, -1] > 0]
    readable = track.valid & np.array([q.readable for q in track.quality])
    unread = ""
    if not readable.any() and not len(spots):
        readable = track.valid
        reasons = Counter(r for q, ok in zip(track.quality, track.valid, strict=True) if ok for r in q.reasons)
        unread = reasons.most_common(1)[0][0] if reasons else ""
    at = np.flatnonzero(readable)
    kept = ((track.times[at[i:i + BATCH]], track.crops[at[i:i + BATCH]]) for i in range(0, len(at), BATCH))
    parts = [_lean(net.read(crops, times, temperature=temperature))
             for times, crops in (_again(film.path, spots) if len(spots) else kept)]
    evidence = Evidence(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Evidence)))
    return replace(film, clip=Clip(evidence, film.duration), unread=unread)


def _lean(e: Evidence) -> Evidence:
    """Without the maps: 22 KB a frame that nobody asks for."""
    return replace(e, maps=np.ones((*e.aus.shape, 1, 1), np.float32))


def _again(path: str, spots: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Seconds and crops of a face at its ``spots`` (N, 8), a batch at a time. A long clip's crops are not all kept, so
    it is read a second time."""
    at, times, crops = 0, [], []
    for chunk in tracks.ahead(video.stream(path, max_side=tracks.SIDE, chunk=8)):
        for image, time in zip(chunk.images, chunk.times, strict=True):
            if at == len(spots) or spots[at, 0] > time:
                continue
            crops.append(faces.align_points(image, *spots[at, 1:7].reshape(3, 2))[0])
            times.append(time)
            at += 1
            if len(crops) == BATCH or at == len(spots):
                yield np.array(times), np.stack(crops)
                times, crops = [], []
        if at == len(spots):
            return


def media(track: FaceTrack, clip: Clip) -> Media:
    """The frames that stand for the clip, as the model takes them; of a thinned track the nearest ones."""
    have = np.flatnonzero(track.valid)
    wanted = clip.evidence.times[pick(clip.evidence.times, clip.events)]
    return Media(None, track.crops[np.unique(have[video.nearest(track.times[have], wanted)])])
