"""Every kind of picture file gives the right pixels or one clear line."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from emoreason import images
from emoreason.errors import UserError
from emoreason.images import read

# Left half red, right half blue, top row of eight pixels green: wrong channels, turns and mirrors all show.
PICTURE = np.zeros((32, 48, 3), np.uint8)
PICTURE[:, :24], PICTURE[:, 24:], PICTURE[:8] = (200, 30, 30), (30, 30, 200), (30, 160, 30)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def close(got: np.ndarray, want: np.ndarray = PICTURE, within: float = 3.0) -> bool:
    return got.shape == want.shape and got.dtype == np.uint8 and float(np.abs(got.astype(int) - want).mean()) <= within


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "JPEG", "WEBP", "GIF", "TGA"])
def test_formats(kind, tmp_path):
    data = encoded(Image.fromarray(PICTURE), kind)
    path = tmp_path / "picture"
    path.write_bytes(data)
    for source in (data, path, str(path), Image.open(path)):
        assert close(read(source), within=6)


def test_array_and_pil_image():
    assert np.array_equal(read(PICTURE), PICTURE)
    assert np.array_equal(read(Image.fromarray(PICTURE)), PICTURE)
    assert np.array_equal(read(PICTURE[::2, ::-1]), PICTURE[::2, ::-1])
    assert read(PICTURE[::2, ::-1]).flags["C_CONTIGUOUS"]
    assert np.array_equal(read(PICTURE[..., 0]), np.repeat(PICTURE[..., :1], 3, 2))
    assert np.array_equal(read(PICTURE / 255.0), PICTURE)
    assert np.array_equal(read(PICTURE.astype(np.uint16) * 257), PICTURE)
    assert read(np.ones((4, 5), bool)).max() == 255


def test_reading_an_array_leaves_the_caller_s_alone():
    rgba = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 0, np.uint8)])
    before = rgba.copy()
    assert read(rgba).min() == 255  # wholly transparent: white
    assert np.array_equal(rgba, before)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_rotation(orientation, kind):
    undo = {2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.transpose(1, 0, 2),
            6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: lambda a: np.rot90(a, -1)}
    stored = np.ascontiguousarray(undo.get(orientation, lambda a: a)(PICTURE))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind != "PNG" else {}
    assert close(read(encoded(Image.fromarray(stored), kind, exif=exif.tobytes(), **options)), within=6)


def test_broken_exif_is_no_reason_to_fail():
    data = encoded(Image.fromarray(PICTURE), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff junk")
    assert close(read(data), within=6)


def test_transparency_is_white():
    alpha = np.full(PICTURE.shape[:2], 255, np.uint8)
    alpha[:, :24] = 0
    alpha[8:, 24:] = 128
    got = read(encoded(Image.fromarray(np.dstack([PICTURE, alpha])), "PNG"))
    assert (got[:, :24] == 255).all()
    assert np.abs(got[20, 40].astype(int) - (30 + 255) // 2).max() > 60  # blue stays blue
    assert np.abs(got[20, 40].astype(int) - (142, 142, 227)).max() <= 2
    grey_alpha = Image.merge("LA", (Image.new("L", (4, 4), 10), Image.new("L", (4, 4), 0)))
    assert read(encoded(grey_alpha, "PNG")).min() == 255
    palette = Image.fromarray(PICTURE).quantize(4)
    clear = palette.getpixel((0, 20))
    got = read(encoded(palette, "PNG", transparency=clear))
    assert (got[20, 0] == 255).all() and got[20, 40, 2] > got[20, 40, 0] + 100


def test_palette_grey_and_bilevel():
    assert close(read(encoded(Image.fromarray(PICTURE).quantize(8), "PNG")), within=6)
    grey = Image.fromarray(PICTURE).convert("L")
    assert np.array_equal(read(encoded(grey, "PNG")), np.repeat(np.asarray(grey)[..., None], 3, 2))
    assert set(np.unique(read(encoded(grey.convert("1"), "PNG")))) == {0, 255}


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind):
    got = read(encoded(Image.fromarray(PICTURE).convert("CMYK"), kind))
    assert close(got, within=6)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits(kind):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    got = read(encoded(Image.fromarray(ramp), kind))
    assert np.abs(got[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    dark = read(encoded(Image.fromarray((ramp // 256).astype(np.uint16)), kind))
    assert dark.max() <= 1  # a dark picture of 16 bits is not taken for one of 8


def test_float_tiff():
    values = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(4, 0)
    values[1, 0] = np.nan
    assert np.abs(read(encoded(Image.fromarray(values), "TIFF"))[0, :, 1].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animation_gives_its_first_frame(kind):
    frames = [Image.fromarray(PICTURE), Image.new("RGB", (48, 32), "white"), Image.new("RGB", (48, 32))]
    assert close(read(encoded(frames[0], kind, save_all=True, append_images=frames[1:])), within=6)
    moved = Image.open(io.BytesIO(encoded(frames[0], kind, save_all=True, append_images=frames[1:])))
    assert moved.n_frames == 3


def refused(source: object) -> str:
    with pytest.raises(UserError) as error:
        read(source)
    message = str(error.value)
    assert "\n" not in message and len(message) < 400
    return message


def test_paths_that_are_no_picture(tmp_path):
    assert "does not exist" in refused(tmp_path / "missing.jpg")
    assert "not a file" in refused(tmp_path)
    assert "web address" in refused("https://example.org/a.jpg")
    assert "check the path" in refused("a\0b.jpg")
    assert "cannot be read" in refused("x" * 256)
    empty = tmp_path / "empty.jpg"
    empty.touch()
    assert "empty" in refused(empty) and str(empty) in refused(empty)
    assert "empty" in refused(b"")


@pytest.mark.parametrize("data, hint", [
    (b"just some text, no picture", "no picture"),
    (b"\x00\x00\x00\x20ftypisom" + bytes(64), "a video"),
    (b"\x00\x00\x00\x20ftypheic" + bytes(64), "HEIC"),
    (b"%PDF-1.7 ...", "a PDF"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
    (b"\x89PNG\r\n\x1a\n" + bytes(20), "a damaged PNG"),
    (b"\xff\xd8\xff\xe0", "a damaged JPEG"),
])
def test_files_that_are_no_picture(data, hint):
    assert hint in refused(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_cut_off(kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    message = refused(data[: len(data) * 2 // 3])
    assert "cut off or damaged" in message or "no picture" in message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "TGA", "PPM"])
def test_damage_never_crashes(kind):
    """Flipped bytes give a picture or a UserError, nothing else."""
    data = encoded(Image.fromarray(PICTURE), kind)
    random = np.random.default_rng(1)
    for _ in range(60):
        broken = bytearray(data)
        for k in random.integers(0, len(broken), 4):
            broken[k] = random.integers(256)
        try:
            got = read(bytes(broken))
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert got.ndim == 3 and got.shape[2] == 3 and got.dtype == np.uint8


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises width x height pixels."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [(10_001, 10_000), (13_000, 13_000), (60_000, 60_000)])
def test_decompression_bomb(size):
    assert "the limit is 100 million" in refused(png_claiming(*size))


def test_the_limit_itself_is_allowed(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", PICTURE.shape[0] * PICTURE.shape[1])
    assert close(read(encoded(Image.fromarray(PICTURE), "PNG")))
    monkeypatch.setattr(images, "MAX_PIXELS", PICTURE.shape[0] * PICTURE.shape[1] - 1)
    refused(encoded(Image.fromarray(PICTURE), "PNG"))
    refused(PICTURE)


@pytest.mark.parametrize("array", [
    np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3), np.int64),
    np.full((4, 4, 3), 200.0), np.full((4, 4, 3), np.nan), np.zeros((2, 4, 4, 3), np.uint8), np.array([["a"]]),
])
def test_arrays_that_are_no_picture(array):
    refused(array)
