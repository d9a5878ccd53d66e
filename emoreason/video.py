"""Bytes -> frames with the container's own timestamps.

Every read starts with a pass over the packets (no decoding, so tens of frames a millisecond), which gives the true
number of frames, their times and the key frames, and shows at once what the readers keep silent about: a clip cut
short, edit lists, a header that promises more than there is. Sampling then goes through decord (PyAV where decord
has no wheel, cannot read the codec, or would count wrongly); streaming goes through PyAV, which is the faster of
the two for reading on (docs/clips.md has the ratios).

Times are seconds from the first frame that is shown. Images are RGB uint8, upright: rotation metadata is applied.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np

from emoreason.container import Index, Info, Reader, read_index
from emoreason.errors import UserError
from emoreason.records import CLIP_SUFFIXES, Frames

try:
    import decord
except ImportError:  # no wheel for this platform: PyAV reads everything
    decord = None
else:
    decord.logging.set_level(decord.logging.QUIET)

SUFFIXES = CLIP_SUFFIXES
LIMIT = 2 << 30  # bytes that one sample() may hold
WORTH = 12  # frames that a jump to a key frame must save: it empties the decoder's threads
BATCH = 16  # frames asked of decord at once: more only cost memory
CHUNK = 24 << 20  # bytes of one chunk of stream(): below what the allocator hands back to the system each time


@dataclass(frozen=True)
class Clip(Frames):
    """Frames of one file, and what that file is. ``info.truncated`` marks a clip that ends early."""

    info: Info


def info(path: str | Path) -> Info:
    """Probe a clip: reads every packet, decodes one frame. Raises UserError for what is no readable video."""
    return read_index(path).info


def sample(path: str | Path, *, fps: float | None = None, count: int | None = None,
           times: Sequence[float] | None = None, max_side: int | None = None, threads: int = 0) -> Clip:
    """Some frames of a clip, chosen by time; all of them when nothing is asked for.

    fps: frames a second (more than the clip has: each of its frames once); count: so many, at the middles of equal
    parts of the clip (more than the clip has: each once); times: seconds. Each asked time gives the frame nearest to
    it; frames asked for twice come once; the result's times are the frames' own. max_side: pixels, larger pictures
    are shrunk to it. threads: of the decoder; 0: what OMP_NUM_THREADS says, else one for little, one a core for much.
    Raises UserError for an unreadable file, times outside the clip, or more than 2 GiB of frames.
    """
    if sum(x is not None for x in (fps, count, times)) > 1:
        raise UserError("sampling takes one of fps, count and times: leave the others out")
    index = read_index(path)
    wanted = _wanted(index, fps, count, times)
    shape = _shape(index.info, max_side)
    if len(wanted) * math.prod(shape) * 3 > LIMIT:
        raise UserError(f"{len(wanted)} frames of {shape[1]}x{shape[0]} from {path} need more than 2 GiB: ask for "
                        "fewer (fps=, count=), smaller ones (max_side=), or stream()")
    if index.plain:
        images = _decord(index, wanted, shape, threads)
        if images is not None:
            return Clip(images, index.times[wanted], index.info)
    read = list(_pyav(index, wanted, shape, threads))
    if not read:
        raise UserError(f"no frame of {path} could be decoded: the file is damaged; get it again")
    got = [i for i, _ in read]
    return Clip(np.stack([im for _, im in read]), index.times[got], _after(index, wanted, got))


def stream(path: str | Path, fps: float | None = None, max_side: int | None = None, *, chunk: int | None = None,
           threads: int = 0) -> Iterator[Clip]:
    """The clip in chunks, in bounded memory however long it is.

    fps, max_side, threads: as for ``sample``. chunk: frames a chunk (default: about 24 MiB, at most 32). The last
    chunk's ``info`` is marked ``truncated`` also when the end turned out not to decode. Raises UserError at the
    first chunk for an unreadable file.
    """
    index = read_index(path)
    wanted = _wanted(index, fps, None, None)
    shape = _shape(index.info, max_side)
    size = chunk or max(1, min(32, CHUNK // (math.prod(shape) * 3)))
    images, got = np.empty((size, *shape, 3), np.uint8), []
    for i, image in _pyav(index, wanted, shape, threads):
        if len(got) == size:  # a full chunk waits for the next frame, so that the last one can carry the final mark
            yield Clip(images, index.times[got], index.info)
            images, got = np.empty_like(images), []
        images[len(got)] = image
        got.append(i)
    if not got:
        raise UserError(f"no frame of {path} could be decoded: the file is damaged; get it again")
    yield Clip(images[:len(got)], index.times[got], _after(index, wanted, got))


def _threads(index: Index, wanted: np.ndarray, threads: int) -> int:
    """Threads for the decoder, 0 for one a core. Starting them costs more than a small clip does; several lose the
    frames that they have in hand where a cut clip breaks off."""
    if index.info.truncated:
        return threads or 1
    little = index.info.width * index.info.height * int(wanted[-1] - wanted[0] + 1) < 20_000_000
    return threads or int(os.environ.get("OMP_NUM_THREADS", "0").split(",")[0] or 0) or int(little)


def _wanted(index: Index, fps: float | None, count: int | None, times: Sequence[float] | None) -> np.ndarray:
    """Numbers of the frames to read, increasing."""
    have, info = index.times, index.info
    if fps is not None:
        if not fps > 0:
            raise UserError(f"fps must be above 0, but got {fps}")
        if fps >= 0.99 / max(np.diff(have).min(initial=np.inf), 1e-4):
            return np.arange(len(have))
        asked = np.arange(0, have[-1] + 1e-6, 1 / fps)
    elif count is not None:
        if count < 1:
            raise UserError(f"count must be at least 1, but got {count}")
        if count >= len(have):
            return np.arange(len(have))
        asked = (np.arange(count) + 0.5) * info.duration / count
    elif times is not None:
        asked = np.asarray(times, float)
        if asked.ndim != 1 or len(asked) == 0:
            raise UserError("times must be a list with at least one second")
        bad = asked[~((asked >= 0) & (asked <= max(info.duration, have[-1])))]
        if len(bad):
            raise UserError(f"{bad[0]:g} s is outside {info.path}, which has 0 to {info.duration:.2f} s")
    else:
        return np.arange(len(have))
    return np.unique(nearest(have, asked))


def nearest(times: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """(M,): for each of ``asked`` (M,), the number of the nearest of the increasing ``times`` (N,); the earlier of
    two that are as near."""
    right = np.clip(np.searchsorted(times, asked), 0, len(times) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(times[left] - asked) <= np.abs(times[right] - asked), left, right)


def _shape(info: Info, max_side: int | None) -> tuple[int, int]:
    """(height, width) of the frames to hand out."""
    if max_side is not None and max_side < 16:
        raise UserError(f"max_side must be at least 16 pixels, but got {max_side}")
    scale = min(1.0, max_side / max(info.width, info.height)) if max_side else 1.0
    return max(1, round(info.height * scale)), max(1, round(info.width * scale))


def _after(index: Index, wanted: np.ndarray, got: list[int]) -> Info:
    """The info after decoding: marked when the last wanted frames did not come."""
    if got[-1] == wanted[-1]:
        return index.info
    end = float(index.times[min(got[-1] + 1, len(index.times) - 1)])
    return replace(index.info, truncated=True, duration=end, frames=got[-1] + 1,
                   stated=index.info.stated or index.info.duration)


def _pyav(index: Index, wanted: np.ndarray, shape: tuple[int, int], threads: int) -> Iterator[tuple[int, np.ndarray]]:
    """(number, image) of each wanted frame that decodes; jumps ahead to a key frame where that saves decoding."""
    number = {int(p): i for i, p in enumerate(index.pts)} if index.pts is not None else {}
    todo, tried = deque(map(int, wanted)), {0}
    jumping = len(index.keys) > 1

    def key() -> int:
        """The key frame to jump to for the next wanted frame, or 0."""
        best = int(index.keys[index.keys <= todo[0]].max(initial=0)) if jumping else 0
        return best if best > at + WORTH and best not in tried else 0

    with Reader(index.info.path, _threads(index, wanted, threads)) as reader:
        at = -1  # the last frame seen
        while todo:
            if landing := key():
                tried.add(landing)
                reader.jump(int(index.pts[landing]))
            for order, frame in enumerate(reader.frames()):
                at = number.get(frame.pts, at) if number else order
                if landing and at > todo[0]:  # the container jumped too far: read from the start instead
                    jumping, at = False, -1
                    reader.jump(int(index.pts[0]))
                    break
                landing = 0
                while todo and todo[0] < at:
                    todo.popleft()  # it did not decode
                if todo and todo[0] == at:
                    yield todo.popleft(), _upright(frame, index.info.rotation, shape)
                if not todo or key():
                    break
            else:
                return


def _upright(frame: av.VideoFrame, rotation: int, shape: tuple[int, int]) -> np.ndarray:
    """RGB picture of ``shape`` (height, width), turned upright."""
    return _fit(np.rot90(frame.to_ndarray(format="rgb24"), rotation // 90), shape)


def _fit(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if image.shape[:2] != shape:
        image = cv2.resize(image, shape[::-1], interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image)


def _decord(index: Index, wanted: np.ndarray, shape: tuple[int, int], threads: int) -> np.ndarray | None:
    """The wanted frames (T, H, W, 3), or None when decord cannot read the file or may have read it wrongly."""
    if decord is None:
        return None
    small = shape != (index.info.height, index.info.width) and not index.info.rotation
    size = {"height": shape[0], "width": shape[1]} if small else {}  # shrinking while decoding is cheaper
    try:
        reader = decord.VideoReader(index.info.path, num_threads=_threads(index, wanted, threads), **size)
        if len(reader) != len(index.times):
            return None
        batches = (reader.get_batch(wanted[i:i + BATCH].tolist()).asnumpy() for i in range(0, len(wanted), BATCH))
        if len(wanted) <= BATCH:
            out = next(batches)
            if out.shape[1:3] != shape:
                out = np.stack([_fit(image, shape) for image in out])
        else:
            out = np.empty((len(wanted), *shape, 3), np.uint8)
            for i, batch in enumerate(batches):
                out[i * BATCH:(i + 1) * BATCH] = [_fit(image, shape) for image in batch]
        # Where it cannot decode, decord repeats a neighbour: have PyAV look at an end that does not move.
        return None if len(out) > 1 and np.array_equal(out[-1], out[-2]) else out
    except (decord.DECORDError, RuntimeError):
        return None
