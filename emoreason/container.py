"""What is in a video file: its frames' times, counted packet by packet, and what the readers keep silent about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from emoreason.errors import UserError

_EXACT = ("mp4", "matroska", "avi")  # in an MPEG transport stream decord starts at the wrong frame and says nothing
_AV1 = ("av1", "libdav1d", "libaom-av1")

@dataclass(frozen=True)
class Info:
    """What a clip is. duration: seconds that can be read, last frame included; fps: mean frames a second; width,
    height: pixels, upright; frames: how many can be read; rotation: degrees counter-clockwise that make it upright;
    variable: whether the frame rate varies; stated: seconds that the header promises (None: it does not say);
    truncated: whether the clip ends before that (a file cut short or damaged)."""

    path: str
    duration: float
    fps: float
    width: int
    height: int
    frames: int
    codec: str
    audio: bool
    rotation: int = 0
    variable: bool = False
    stated: float | None = None
    truncated: bool = False

    @property
    def warning(self) -> str | None:
        """One line for people when the clip is cut short, else None."""
        if not self.truncated:
            return None
        promised = f" of {self.stated:.2f} s" if self.stated and self.stated > self.duration else ""
        return f"{self.path} is cut short or damaged: only the first {self.duration:.2f} s{promised} can be read"


@dataclass(frozen=True)
class Index:
    """The frames of a file in the order of showing: times (N,) seconds from the first; pts (N,) container ticks, or
    None where the container has none; keys: numbers of the key frames; plain: whether decord reads
    the same frames."""

    info: Info
    times: np.ndarray
    pts: np.ndarray | None
    keys: np.ndarray
    plain: bool


def open_video(path: str | Path) -> tuple[av.container.InputContainer, av.VideoStream]:
    """The container and its first moving-picture stream, or a UserError that says what the file is instead."""
    file = Path(path)
    if not file.exists():
        raise UserError(f"there is no file {path}: check the path")
    if file.is_dir():
        raise UserError(f"{path} is a folder, not a clip: name a file in it")
    if file.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes): get the file again")
    try:
        container = av.open(str(file))
    except (av.FFmpegError, OSError) as e:
        with file.open("rb") as opened:
            mp4 = b"ftyp" in opened.read(64)
        if isinstance(e, av.EOFError):
            raise UserError(f"{path} has no frames in it: get the file again") from None
        why = ("its index (moov) is missing, so it was probably cut short: get the file again" if mp4
               else f"{getattr(e, 'strerror', None) or e}: convert it to mp4 (h264)")
        raise UserError(f"{path} cannot be read as a video: {why}") from None
    moving = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not moving:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        container.close()
        raise UserError(f"{path} has no video in it (only {kinds}): name a file with pictures")
    return container, moving[0]


def read_index(path: str | Path) -> Index:
    """The pass over the packets, and one decoded frame for size and rotation."""
    container, stream = open_video(path)
    with container:
        broken, skipped, raw = False, 0, []  # raw: pts, duration, key frame of each packet, in ticks
        kind = container.format.name
        edits = "mp4" in kind
        try:
            for packet in container.demux(stream):
                if packet.size == 0:
                    continue
                broken |= packet.is_corrupt
                if packet.is_discard or (edits and packet.pts is not None and packet.pts < 0):
                    skipped += 1  # an edit list leaves these out
                else:
                    raw.append((packet.pts, packet.duration or 0, packet.is_keyframe))
        except (av.FFmpegError, OSError):
            broken = True
        lost = edits and stream.frames > len(raw) + skipped
        stated = _stated(container, stream)
        codec, audio = stream.codec_context.name, bool(container.streams.audio)
        tick, rate = float(stream.time_base), float(stream.average_rate or stream.guessed_rate or 25)
    with Reader(path) as reader:
        first = next(reader.frames(), None)
    if first is None or not raw:
        raise UserError(f"{path} has no frame that can be decoded: the file is damaged or cut short; get it again")
    pts, times, keys, last = _order(path, raw, tick, rate)
    short = stated is not None and stated - times[-1] - last > max(0.25, 3 * last)
    truncated = bool(broken or short or lost)
    if truncated and pts is not None:
        pts, times, keys = _decodable(path, pts, times, keys)
    steps = np.diff(times)
    variable = bool(len(steps) and np.ptp(steps) > 0.2 * np.median(steps) + tick)
    turn = int(round((first.rotation or 0) / 90)) * 90 % 360
    width, height = (first.height, first.width) if turn % 180 else (first.width, first.height)
    duration = float(times[-1] + last)
    meta = Info(str(path), duration, len(times) / duration, width, height, len(times), codec, audio, turn, variable,
                stated, truncated)
    plain = pts is not None and not skipped and not truncated and any(k in kind for k in _EXACT)
    return Index(meta, times, pts, keys, plain and codec not in _AV1)


def _order(path: str | Path, raw: list[tuple], tick: float, rate: float) -> tuple:
    """pts or None, times from the first frame, key frame numbers, seconds that the last frame lasts."""
    if any(p is None for p, _, _ in raw):  # raw streams: count the frames by decoding them
        with Reader(path) as reader:
            shown = [f.pts for f in reader.frames()]
        given = np.array([np.nan if p is None else p * tick for p in shown])
        times = given - given[0] if np.all(np.diff(given) > 0) else np.arange(len(shown)) / rate
        return None, times, np.zeros(0, int), 1 / rate
    raw.sort(key=lambda r: r[0])
    pts, at = np.unique([r[0] for r in raw], return_index=True)
    keys = np.flatnonzero([raw[i][2] for i in at])
    times = (pts - pts[0]) * tick
    typical = float(np.median(np.diff(times))) if len(times) > 1 else 1 / rate
    return pts, times, keys, raw[-1][1] * tick or typical


def _decodable(path: str | Path, pts: np.ndarray, times: np.ndarray, keys: np.ndarray) -> tuple:
    """Without the last frames that a cut file lists but that do not decode."""
    for key in [*keys[-1:0:-1], 0]:
        with Reader(path) as reader:
            if key:
                reader.jump(int(pts[key]))
            seen = {f.pts for f in reader.frames()}
        keep = (np.arange(len(pts)) < key) | np.isin(pts, list(seen))
        if keep[key:].any():
            return pts[keep], times[keep], keys[keys < keep.sum()]
    return pts, times, keys


def _stated(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Seconds that the header promises for the pictures, or None. The length of a whole container counts only when
    there is no sound, which may last longer than the pictures."""
    if "mpegts" in container.format.name:  # its length is found by reading, not stated
        return None
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if tag := stream.metadata.get("DURATION"):  # Matroska: 00:00:02.400000000
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    alone = len(container.streams) == 1
    return container.duration / av.time_base if container.duration and alone else None


class Reader:
    """Decodes one file in order; ``jump`` goes to the key frame at or before a time in ticks. threads: of the decoder,
    0 for one a core."""

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self.container, self.stream = open_video(path)
        self.stream.thread_type = "NONE" if threads == 1 else "AUTO"
        self.stream.codec_context.thread_count = threads

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()

    def jump(self, ticks: int) -> None:
        self.container.seek(ticks, stream=self.stream)

    def frames(self) -> Iterator[av.VideoFrame]:
        """From here to the end. What does not decode is passed over."""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError):
                packet = None
            try:
                yield from packet.decode() if packet is not None else self.stream.codec_context.decode(None)
            except (av.FFmpegError, EOFError):
                pass
            if packet is None:
                return
