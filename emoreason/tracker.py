"""Follows faces from frame to frame and keeps people apart; tracks.py makes FaceTracks of what it sees.

Between detections the mesh follows each face by itself (a fraction of a detection's cost). Detection runs on the first
frame, after a cut, when a face is lost, and every ``EVERY`` seconds to find newcomers and to check the others.

Who is who. A face keeps its identity while the mesh follows it. When two faces meet, so that the mesh runs from one
onto the other, looks decide (``look``: a coarse colour picture of the aligned face, compared with those seen of that
person in this clip; it is no biometric template, tells people apart only within a clip, and is never stored). A face
found again is a known person when it looks like one and, without a cut, could have moved there; else it is a new one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations

import cv2
import numpy as np

from emoreason import faces
from emoreason.detectors import overlap
from emoreason.records import Face

EVERY = 0.6  # seconds between detections when all is well
SOON = 0.2  # the same while a face is missing
KEPT = 0.5  # the mesh's score below which a face is lost
NEAR, ALIKE = 9.0, 4.0  # looks that still pass for the same person: at a likely place, anywhere
GALLERY, VARIED = 12, 1.5  # looks kept of a person, and how much a new one must differ
MEMORY = 3.0  # seconds for which a lost face's place means something


def look(crop: np.ndarray) -> np.ndarray:
    """(286,) float32: a coarse Lab picture of an aligned crop (S, S, 3), its light evened out."""
    lab = cv2.cvtColor(cv2.resize(crop, (16, 16), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    lab = lab[4:15, 2:-2].astype(np.float32)
    light = lab[..., 0]
    light = 10 * (light - light.mean()) / (light.std() + 8)
    return np.concatenate([light.ravel(), lab[..., 1:].ravel() - 128])


@dataclass
class Person:
    """What the tracker knows of one face: landmarks where last seen, its speed in pixels a second, the looks."""

    id: int
    face: Face
    time: float
    speed: np.ndarray = field(default_factory=lambda: np.zeros(2))
    looks: list[np.ndarray] = field(default_factory=list)
    here: bool = True
    shot: int = 0  # the shot in which it was last seen
    confirmed: int = 1  # detections that found it
    denied: int = 0  # detections that did not, while it was followed
    doubt: int = 0  # of these, the latest in a row

    @property
    def size(self) -> float:
        return float(max(self.face.box[2:] - self.face.box[:2]))

    def unlike(self, seen: np.ndarray) -> float:
        """Root mean square difference from the nearest look; 1-4 for one person in one light, more for others."""
        return min((math.sqrt(float(np.mean((seen - one) ** 2))) for one in self.looks), default=0.0)

    def learn(self, seen: np.ndarray) -> None:
        if not self.looks or (len(self.looks) < GALLERY and self.unlike(seen) > VARIED):
            self.looks.append(seen)

    def ahead(self, time: float) -> np.ndarray:
        """(2,) pixels: how far it should have moved by ``time``, at most half its size."""
        step = self.speed * (time - self.time)
        far = float(np.linalg.norm(step))
        return step * min(1.0, 0.5 * self.size / far) if far > 0 else step

    def see(self, face: Face, time: float, shot: int, steady: bool = True) -> None:
        if steady and time > self.time:
            speed = (_centre(face.box) - _centre(self.face.box)) / (time - self.time)
            self.speed = 0.5 * self.speed + 0.5 * speed
        else:
            self.speed = np.zeros(2)
        self.face, self.time, self.here, self.shot = face, time, True, shot


def _centre(box: np.ndarray) -> np.ndarray:
    return np.array([box[0] + box[2], box[1] + box[3]]) / 2


def inside(box: np.ndarray, other: np.ndarray) -> float:
    """The share of ``box`` (4,) that lies in ``other`` (4,)."""
    size = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    return float(np.prod(np.maximum(size, 0)) / max(np.prod(box[2:] - box[:2]), 1e-9))


class Cuts:
    """Finds cuts: both the pixels and the colours of the whole picture change at once."""

    def __init__(self) -> None:
        self.last: tuple[np.ndarray, np.ndarray] | None = None

    def change(self, image: np.ndarray) -> tuple[float, float]:
        """Mean absolute difference of 32x18 pictures and half the L1 distance of their colour histograms to the frame
        before, both in [0, 1]."""
        step = max(1, min(image.shape[0] // 72, image.shape[1] // 128))
        small = cv2.resize(image[::step, ::step], (32, 18), interpolation=cv2.INTER_AREA)
        bins = (small >> 5).astype(np.int64) @ (64, 8, 1)
        histogram = np.bincount(bins.ravel(), minlength=512) / bins.size
        before, self.last = self.last, (small.astype(np.int16), histogram)
        if before is None:
            return 0.0, 0.0
        return float(np.abs(self.last[0] - before[0]).mean() / 255), float(np.abs(histogram - before[1]).sum() / 2)


class Tracker:
    """Feed frames in order with ``step``; memory does not grow with the clip's length.

    detector: see ``faces.detect``. most: faces followed at once, the biggest first.
    """

    def __init__(self, detector: str | None = None, most: int = 6,
                 detect: Callable[[np.ndarray], list[Face]] | None = None) -> None:
        self.detect = detect or (lambda image: faces.detect(image, detector))
        self.most = most
        self.people: dict[int, Person] = {}
        self._next = 1
        self.cuts: list[float] = []
        self.detections = 0
        self._looked = -math.inf  # time of the last detection
        self._change = Cuts()
        self._pool = ThreadPoolExecutor(2)

    def step(self, image: np.ndarray, time: float) -> list[tuple[int, Face]]:
        """The faces of the next frame (H, W, 3) uint8 RGB at ``time`` seconds, with the ids of their people."""
        pixels, colours = self._change.change(image)
        if pixels > 0.12 and colours > 0.35:
            self._cut(time)
        active = [p for p in self.people.values() if p.here]
        found = list((self._pool.map if len(active) > 1 else map)(lambda p: self._follow(image, p, time), active))
        lost = [p for p, face in zip(active, found, strict=True) if face is None]
        if active and len(lost) == len(active) and pixels > 0.05 and colours > 0.15:
            self._cut(time)  # a smaller change counts as a cut when no face is where it was
        kept = [(p, face) for p, face in zip(active, found, strict=True) if face is not None]
        self._settle(kept)
        for p in active:
            p.here = any(p is q for q, _ in kept)
        for p, face in kept:
            p.see(face, time, len(self.cuts))
        wait = SOON if self._missing(time) or not kept else EVERY
        if time - self._looked >= wait - 1e-6 or len(kept) < len(active):
            self._looked = time
            self._search(image, time)
        here = [p for p in self.people.values() if p.here and p.time == time]
        for p in here:
            alone = all(p is q or inside(p.face.box, q.face.box) < 0.05 for q in here)
            if alone and p.face.score > 0.9:
                p.learn(look(p.face.crop))
        return [(p.id, p.face) for p in here]

    def _missing(self, time: float) -> bool:
        """Whether somebody was lost in this shot a moment ago."""
        return any(not p.here and p.shot == len(self.cuts) and time - p.time < MEMORY for p in self.people.values())

    def _cut(self, time: float) -> None:
        if not self.cuts or self.cuts[-1] != time:
            self.cuts.append(time)
        for p in self.people.values():
            p.here = False
        self._looked = -math.inf

    def _follow(self, image: np.ndarray, p: Person, time: float) -> Face | None:
        """The person's face in this frame by the mesh alone, or None: lost, or it cannot be the same one."""
        start = p.face.landmarks.copy()
        start[:, :2] += p.ahead(time)
        landmarks, score = faces.follow(image, start)
        centre = landmarks[:468, :2].mean(axis=0)
        if score < KEPT or not (0 <= centre[0] < image.shape[1] and 0 <= centre[1] < image.shape[0]):
            return None
        face = faces.describe(image, landmarks, score)
        growth = float(max(face.box[2:] - face.box[:2])) / p.size
        jump = float(np.linalg.norm(_centre(face.box) - _centre(p.face.box))) / p.size
        odd = jump > 0.35 or not 0.75 < growth < 1.33
        if not 0.5 < growth < 2 or (odd and p.unlike(look(face.crop)) > NEAR):
            return None
        return face

    def _settle(self, kept: list[tuple[Person, Face]]) -> None:
        """Two who meet: exchanged if that fits their looks; one that is covered, or on the other's face, goes."""
        gone: set[int] = set()
        for i, j in combinations(range(len(kept)), 2):
            (p, a), (q, b) = kept[i], kept[j]
            if gone & {p.id, q.id} or max(inside(a.box, b.box), inside(b.box, a.box)) < 0.1:
                continue
            la, lb = look(a.crop), look(b.crop)
            pa, pb, qa, qb = p.unlike(la), p.unlike(lb), q.unlike(la), q.unlike(lb)
            if pb + qa < pa + qb - 2:
                kept[i], kept[j] = (p, b), (q, a)
                pa, pb, qa, qb = pb, pa, qb, qa
            if overlap(a.box, b.box[None])[0] > 0.5:
                gone.add(q.id if pa <= qb else p.id)
            elif pa > qa + 1 or qb > pb + 1:  # mostly covered by the other
                gone.add(p.id if pa - qa > qb - pb else q.id)
        kept[:] = [(p, face) for p, face in kept if p.id not in gone]

    def _search(self, image: np.ndarray, time: float) -> None:
        """Detect; confirm the people that are here, find lost ones again, and take in newcomers."""
        self.detections += 1
        for p in [p for p in self.people.values() if not p.here and p.confirmed == 1 and time - p.time > MEMORY]:
            del self.people[p.id]  # seen once only: most likely no face
        here = [p for p in self.people.values() if p.here]
        new: list[Face] = []
        hit: set[int] = set()
        for face in self.detect(image):  # biggest first
            over = [float(overlap(face.box, p.face.box[None])[0]) for p in here]
            if over and max(over) > 0.3:
                hit.add(int(np.argmax(over)))
            elif not any(inside(face.box, f.box) > 0.6 for f in [*new, *(p.face for p in here)]):  # a nose is no face
                new.append(face)
        for i, p in enumerate(here):
            p.confirmed, p.denied = p.confirmed + (i in hit), p.denied + (i not in hit)
            p.doubt = 0 if i in hit else p.doubt + 1
            if p.doubt >= 2 and p.face.score < 0.9:
                p.here = False
        looks = [look(f.crop) for f in new]
        options = sorted(((unlike, i, p.id) for i, f in enumerate(new) for p in self.people.values() if not p.here
                          for unlike in [self._fits(p, f, looks[i], time)] if unlike is not None))
        taken: set[int] = set()
        for _, i, who in options:
            p = self.people[who]
            if i not in taken and not p.here:
                taken.add(i)
                p.see(new[i], time, len(self.cuts), steady=False)
                p.confirmed, p.doubt = p.confirmed + 1, 0
        missing = self._missing(time)
        for i, face in enumerate(new):
            around = [p.face.box for p in self.people.values() if p.here]
            # A face partly behind another is taken in once it is free: it may be the one that was lost there.
            covered = any(inside(face.box, box) > (0.1 if missing else 0.3) for box in around)
            if i not in taken and not covered and len(around) < self.most:
                self.people[self._next] = Person(self._next, face, time, looks=[looks[i]], shot=len(self.cuts))
                self._next += 1

    def _fits(self, p: Person, face: Face, seen: np.ndarray, time: float) -> float | None:
        """How unlike a found face is to a lost person, or None when it cannot be them."""
        unlike, gap = p.unlike(seen), time - p.time
        if p.shot == len(self.cuts) and gap <= MEMORY:
            far = float(np.linalg.norm(_centre(face.box) - _centre(p.face.box) - p.ahead(time))) / p.size
            growth = float(max(face.box[2:] - face.box[:2])) / p.size
            if far < 1 + 3 * gap and 0.5 < growth < 2 and unlike < NEAR:
                return unlike
        return unlike if unlike < ALIKE else None
