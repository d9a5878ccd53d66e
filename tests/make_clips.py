"""Small clips for tests, made with PyAV. Every frame shows its own number as eight black or white blocks."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

BLOCK = 16


def numbered(i: int, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """Frame ``i`` (H, W, 3): its number in binary along the top, least significant bit first; red below, left."""
    w, h = size
    image = np.full((h, w, 3), 90, np.uint8)
    for bit in range(8):
        image[:BLOCK, bit * BLOCK:(bit + 1) * BLOCK] = 255 * (i >> bit & 1)
    image[h // 2:, :w // 2] = (220, 30, 30)
    return image


def number(image: np.ndarray, scale: float = 1.0) -> int:
    """The number that a frame shows."""
    b = BLOCK * scale
    return sum(int(image[int(b / 2), int((bit + 0.5) * b)].mean() > 128) << bit for bit in range(8))


def write(path, images, times=None, *, fps=25, codec="libx264", rotation=None, audio=False, options=None, gop=10,
          bitrate=None):
    """Encode images (iterable of (H, W, 3) uint8) with the given times in seconds (default: i / fps)."""
    base = Fraction(1, 1000) if times is not None else Fraction(1, fps)
    with av.open(str(path), "w", options=options or {}) as out:
        stream = None
        if audio:
            sound = out.add_stream("aac", rate=16000, layout="mono")
        for i, image in enumerate(images):
            if stream is None:
                stream = out.add_stream(codec, rate=fps)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = base
                stream.codec_context.gop_size = gop
                if bitrate:
                    stream.bit_rate = bitrate
                if rotation:
                    stream.set_display_rotation(rotation)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.time_base = base
            frame.pts = round(times[i] * 1000) if times is not None else i
            out.mux(stream.encode(frame))
        if stream is not None:
            out.mux(stream.encode())
        if audio:
            silence(out, sound, 1.0)
    return path


def silence(out, sound, seconds):
    for k in range(int(seconds * 16000 / 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, k * 1024
        out.mux(sound.encode(frame))
    out.mux(sound.encode())


def cut(source, target, part):
    """The first ``part`` (0-1) of a file's bytes."""
    data = source.read_bytes()
    target.write_bytes(data[:int(len(data) * part)])
    return target
