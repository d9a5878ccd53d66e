"""Read a still picture of any common kind into the one form used here: (H, W, 3) uint8 RGB, upright."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from emoreason.errors import UserError

MAX_PIXELS = 100_000_000  # a picture that unpacks to more than this is refused: it could fill the memory
# Formats that are tried. Others that Pillow knows (EPS starts Ghostscript, GRIB is no picture, ...) are not.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "AVIF", "JPEG2000", "TGA", "ICO", "QOI")
Source = str | os.PathLike | bytes | Image.Image | np.ndarray


def read(source: Source, name: str | None = None) -> np.ndarray:
    """The picture as (H, W, 3) uint8 RGB, upright (EXIF applied), contiguous.

    source: a path, an encoded picture as bytes, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) RGB or
    (H, W, 4) RGBA of uint8, uint16 (0-65535), bool or float (0-1). Transparent parts become white, 16 bits become 8,
    CMYK becomes RGB without its colour profile, an animation its first frame. ``name``: what messages call the picture.

    Raises UserError: missing, empty, no picture, damaged, cut off, or more than MAX_PIXELS.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, name or "the array")
    if isinstance(source, Image.Image):
        return _decode(source, name or "the picture")
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        name = name or f"the picture of {len(data)} bytes"
        if not data:
            raise UserError(f"{name} is empty; give a picture")
        return _open(io.BytesIO(data), data[:16], name)
    return _from_path(source, name)


def _from_path(source: str | os.PathLike, name: str | None) -> np.ndarray:
    text = os.fspath(source)
    if str(text).lower().startswith(("http://", "https://")):
        raise UserError(f"{text} is a web address; download the picture and give its path")
    path = Path(text)
    name = name or str(path)
    try:
        if not path.exists():
            raise UserError(f"{name} does not exist; check the path")
        if not path.is_file():
            raise UserError(f"{name} is not a file; give the path of a picture")
        if path.stat().st_size == 0:
            raise UserError(f"{name} is empty (0 bytes); fetch or export the picture again")
        with path.open("rb") as file:
            head = file.read(16)
            file.seek(0)
            return _open(file, head, name)
    except (OSError, ValueError) as error:  # no permission, a name too long or with a zero byte
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{name} cannot be read ({why}); check the path and its permissions") from None


def _open(file: io.BufferedIOBase, head: bytes, name: str) -> np.ndarray:
    try:
        with warnings.catch_warnings():  # on damage, and on bombs, for which MAX_PIXELS stands
            warnings.simplefilter("ignore")
            image = Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_big(name, "more than 179 million") from None
    except Exception:  # a damaged header makes decoders raise nearly anything
        raise UserError(f"{name} is no picture that can be read{_looks_like(head)}; "
                        "give a JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP") from None
    return _decode(image, name)


def _looks_like(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return " (it looks like HEIC)" if head[8:11] in (b"hei", b"hev", b"mif") else " (it looks like a video)"
    kinds = {b"\x1aE\xdf\xa3": "a video", b"%PDF": "a PDF", b"PK\x03\x04": "a zip archive", b"<svg": "SVG",
             b"\xff\xd8\xff": "a damaged JPEG", b"\x89PNG": "a damaged PNG"}
    return next((f" (it looks like {kind})" for magic, kind in kinds.items() if head.startswith(magic)), "")


def _too_big(name: str, pixels: str) -> UserError:
    return UserError(f"{name} has {pixels} pixels, the limit is {MAX_PIXELS // 10**6} million; scale it down first")


def _decode(image: Image.Image, name: str) -> np.ndarray:
    if image.width * image.height > MAX_PIXELS:
        raise _too_big(name, f"{image.width} x {image.height}")
    if not image.width or not image.height:
        raise UserError(f"{name} has no pixels ({image.width} x {image.height}); give a picture")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image.load()
        except Exception as error:  # as above
            raise UserError(f"{name} is cut off or damaged ({error}); fetch or export the picture again") from None
        try:
            image = ImageOps.exif_transpose(image)
        except Exception:  # unreadable EXIF says nothing about which way is up
            pass
    return np.ascontiguousarray(_to_rgb(image))


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        return _grey(np.asarray(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"))


def _grey(values: np.ndarray) -> np.ndarray:
    """Grey of more than 8 bits (H, W) -> (H, W, 3) uint8. uint16 means 0-65535; wider numbers say nothing of their
    range: 0-1 (floats only), 0-255 or 0-65535, the least that holds them."""
    top = np.nanmax(values, initial=0)
    ranges = (65535.0,) if values.dtype.itemsize == 2 else (255.0, 65535.0) if values.dtype.kind == "i" else (
        1.0, 255.0, 65535.0)
    full = next((r for r in ranges if top <= r), float(top))
    grey = np.nan_to_num(values.astype(np.float32) * np.float32(255 / full)) + 0.5
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _from_array(array: np.ndarray, name: str) -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or not array.size:
        raise UserError(f"{name} has shape {array.shape}; give (H, W), (H, W, 3) RGB or (H, W, 4) RGBA")
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise _too_big(name, f"{array.shape[1]} x {array.shape[0]}")
    if array.dtype == np.uint16:
        array = (array.astype(np.float32) / 257 + 0.5).astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise UserError(f"{name} holds {array.dtype} values outside 0-1; scale them or give uint8")
        array = (array * 255 + 0.5).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise UserError(f"{name} holds {array.dtype}; give uint8, uint16, bool or float")
    if array.shape[2] == 4:
        return _to_rgb(Image.fromarray(np.ascontiguousarray(array), "RGBA")).copy()
    return np.ascontiguousarray(np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array)
