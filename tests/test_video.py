from pathlib import Path

import av
import numpy as np
import pytest
from make_clips import cut, number, numbered, silence, write

from emoreason import video
from emoreason.errors import UserError

MEDIA = Path(__file__).resolve().parents[2] / "shared" / "data" / "media"


def frames(n=60):
    return (numbered(i) for i in range(n))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write(tmp_path_factory.mktemp("clips") / "plain.mp4", frames(), audio=True)


def numbers(clip):
    return [number(im) for im in clip.images]


@pytest.fixture(params=["decord", "pyav"])
def reader(request, monkeypatch):
    """Each test with it runs once through each reader."""
    if request.param == "pyav":
        monkeypatch.setattr(video, "decord", None)
    elif video.decord is None:
        pytest.skip("no decord on this platform")
    else:
        def never(*_):
            raise AssertionError("decord should have read this")
        monkeypatch.setattr(video, "_pyav", never)
    return request.param


def test_info(plain):
    i = video.info(plain)
    assert (i.width, i.height, i.frames, i.codec, i.audio, i.rotation) == (160, 120, 60, "h264", True, 0)
    assert i.duration == pytest.approx(2.4, abs=1e-3) and i.fps == pytest.approx(25, abs=0.01)
    assert not i.variable and not i.truncated and i.warning is None


def test_all_frames_in_order(plain, reader):
    clip = video.sample(plain)
    assert numbers(clip) == list(range(60))
    np.testing.assert_allclose(clip.times, np.arange(60) / 25, atol=1e-6)


@pytest.mark.parametrize("how, want", [
    ({"count": 4}, [7, 22, 37, 52]),
    ({"count": 1}, [30]),
    ({"count": 999}, list(range(60))),
    ({"fps": 5}, list(range(0, 60, 5))),
    ({"fps": 25}, list(range(60))),
    ({"fps": 120}, list(range(60))),
    ({"fps": 0.1}, [0]),
    ({"times": [1.0, 0.0, 1.01, 2.35]}, [0, 25, 59]),
    ({"times": [2.4]}, [59]),
])
def test_sampling_by_time(plain, reader, how, want):
    clip = video.sample(plain, **how)
    got = numbers(clip)
    assert all(abs(a - b) <= ("count" in how) for a, b in zip(got, want, strict=True)), got
    np.testing.assert_allclose(clip.times, np.array(got) / 25, atol=1e-6)


def test_both_readers_give_the_same_pictures(plain, monkeypatch):
    a = video.sample(plain, fps=3, max_side=80)
    monkeypatch.setattr(video, "decord", None)
    b = video.sample(plain, fps=3, max_side=80)
    assert a.images.shape[1:] == (60, 80, 3)
    assert np.abs(a.images.astype(int) - b.images).mean() < 2


def test_sparse_reading_jumps_and_lands_right(tmp_path, monkeypatch):
    path = write(tmp_path / "long.mp4", frames(250), gop=50)
    monkeypatch.setattr(video, "decord", None)
    jumps = []
    monkeypatch.setattr(video.Reader, "jump", lambda self, t, old=video.Reader.jump: (jumps.append(t), old(self, t)))
    assert numbers(video.sample(path, times=[0.0, 4.4, 9.2])) == [0, 110, 230]
    assert len(jumps) == 2


def test_a_jump_that_lands_too_late_is_mended(tmp_path, monkeypatch):
    path = write(tmp_path / "long.mp4", frames(250), gop=50)
    monkeypatch.setattr(video, "decord", None)
    old = video.Reader.jump
    monkeypatch.setattr(video.Reader, "jump", lambda self, t: old(self, t + 60 * 512 if t else 0))
    assert numbers(video.sample(path, times=[0.0, 4.4, 9.2])) == [0, 110, 230]


@pytest.mark.parametrize("suffix, codec", [("mp4", "libx264"), ("mp4", "mpeg4"), ("mkv", "libx264"), ("avi", "mpeg4"),
                                           ("webm", "libvpx-vp9"), ("mp4", "libsvtav1"), ("ts", "libx264")])
def test_containers_and_codecs(tmp_path, suffix, codec):
    try:
        path = write(tmp_path / f"a.{suffix}", (numbered(i) for i in range(30)), codec=codec)
    except (av.FFmpegError, ValueError) as e:
        pytest.skip(f"no encoder: {e}")
    clip = video.sample(path, fps=5)
    assert numbers(clip) == [0, 5, 10, 15, 20, 25]
    assert np.diff(clip.times) == pytest.approx(0.2, abs=2e-3)
    assert not clip.info.truncated
    assert [n for c in video.stream(path, chunk=7) for n in numbers(c)] == list(range(30))


def test_a_raw_stream_without_times_is_counted(tmp_path):
    path = write(tmp_path / "a.h264", frames(30))
    assert numbers(video.sample(path, count=3)) == [5, 15, 25]


def test_variable_frame_rate(tmp_path, reader):
    times = np.cumsum([0.0] + [0.3 if i % 5 == 0 else 0.02 for i in range(1, 40)])
    path = write(tmp_path / "vfr.mp4", frames(40), times)
    i = video.info(path)
    assert i.variable and i.frames == 40
    clip = video.sample(path, fps=4)
    for k, (n, t) in enumerate(zip(numbers(clip), clip.times, strict=True)):
        assert t == pytest.approx(times[n], abs=2e-3), k
    wanted = {int(np.abs(times - t).argmin()) for t in np.arange(0, times[-1], 0.25)}
    assert set(numbers(clip)) == wanted


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(tmp_path, reader, degrees):
    path = write(tmp_path / "r.mp4", frames(12), rotation=degrees)
    clip = video.sample(path, count=1)
    upright = np.rot90(numbered(6), degrees // 90)
    assert clip.images.shape[1:] == upright.shape == (clip.info.height, clip.info.width, 3)
    assert np.abs(clip.images[0].astype(int) - upright).mean() < 8
    assert next(video.stream(path, max_side=60)).images.shape[1:3] == ((60, 45) if degrees % 180 else (45, 60)) \
        if reader == "pyav" else True


@pytest.mark.parametrize("threads", ["", "2"])
def test_cut_short_mp4_is_marked(tmp_path, monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    whole = write(tmp_path / "whole.mp4", frames(), options={"movflags": "faststart"})
    path = cut(whole, tmp_path / "cut.mp4", 0.7)
    i = video.info(path)
    assert i.truncated and 0.2 < i.duration < 2.2 and i.stated == pytest.approx(2.4, abs=0.01)
    assert f"first {i.duration:.2f} s of 2.40 s" in i.warning
    clip = video.sample(path)
    assert clip.info.truncated and len(numbers(clip)) == i.frames
    assert numbers(clip) == np.round(clip.times * 25).tolist() and numbers(clip)[:-1] == list(range(i.frames - 1))
    assert list(video.stream(path))[-1].info.truncated
    with pytest.raises(UserError, match="outside"):
        video.sample(path, times=[2.3])


@pytest.mark.parametrize("name, codec", [("a.mkv", "libx264"), ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4")])
def test_other_cut_containers_are_marked(tmp_path, name, codec):
    path = cut(write(tmp_path / name, frames(), codec=codec), tmp_path / ("cut_" + name), 0.5)
    i = video.info(path)
    assert i.truncated and i.duration < 2
    assert numbers(video.sample(path))[-1] < 50


def test_damage_in_the_middle_keeps_the_rest(tmp_path):
    path = write(tmp_path / "a.mp4", frames(), options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    at = len(data) // 2
    data[at:at + 400] = bytes(400)
    path.write_bytes(data)
    clip = video.sample(path)
    assert len(clip.times) > 30 and np.all(np.diff(clip.times) > 0)


def test_a_missing_frame_does_not_take_the_next_with_it(plain, monkeypatch):
    monkeypatch.setattr(video, "decord", None)
    old = video.Reader.frames
    monkeypatch.setattr(video.Reader, "frames", lambda self: (f for i, f in enumerate(old(self)) if i != 30))
    assert numbers(video.sample(plain)) == [*range(30), *range(31, 60)]


def test_an_end_that_does_not_decode_is_marked(plain, monkeypatch):
    monkeypatch.setattr(video, "decord", None)
    old = video.Reader.frames
    monkeypatch.setattr(video.Reader, "frames", lambda self: (f for i, f in enumerate(old(self)) if i < 40))
    clip = video.sample(plain)
    assert clip.info.truncated and clip.info.frames == 40 and clip.info.duration == pytest.approx(1.6, abs=1e-3)
    marks = [c.info.truncated for c in video.stream(plain, chunk=20)]
    assert marks == [False, True]


def test_stream_in_chunks(plain):
    chunks = list(video.stream(plain, chunk=16))
    assert [len(c.times) for c in chunks] == [16, 16, 16, 12]
    assert [n for c in chunks for n in numbers(c)] == list(range(60))
    assert [n for c in video.stream(plain, fps=5) for n in numbers(c)] == list(range(0, 60, 5))


def _audio_only(path):
    with av.open(str(path), "w") as out:
        silence(out, out.add_stream("aac", rate=16000, layout="mono"), 0.5)


def _cover(path):
    """Sound with a cover picture: a video stream that is none."""
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=16000, layout="mono")
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        out.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        silence(out, sound, 0.5)


@pytest.mark.parametrize("make, says", [
    (_audio_only, "no video in it .only audio"),
    (_cover, "no video in it"),
    (lambda p: p.write_bytes(b""), "empty .0 bytes"),
    (lambda p: p.write_text("hello " * 500), "cannot be read as a video"),
    (lambda p: p.mkdir(), "is a folder"),
    (lambda p: None, "there is no file"),
    (lambda p: cut(write(p.with_name("w.mp4"), frames()), p, 0.5), "cut short"),
    (lambda p: write(p, []), "no "),
])
def test_what_is_no_video_is_said_in_one_line(tmp_path, make, says):
    path = tmp_path / "clip.mp4"
    make(path)
    for read in (video.info, video.sample, lambda p: next(video.stream(p))):
        with pytest.raises(UserError, match=says) as e:
            read(path)
        assert str(path) in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize("how", [{"fps": 0}, {"fps": -1}, {"fps": float("nan")}, {"count": 0}, {"times": []}, {"times": [-1]},
                                 {"times": [99]}, {"times": [float("nan")]}, {"fps": 1, "count": 2}, {"max_side": 0}])
def test_bad_requests(plain, how):
    with pytest.raises(UserError):
        video.sample(plain, **how)


def test_too_much_at_once_is_refused(plain, monkeypatch):
    monkeypatch.setattr(video, "LIMIT", 1 << 20)
    with pytest.raises(UserError, match="stream"):
        video.sample(plain)


def test_one_frame(tmp_path):
    path = write(tmp_path / "one.mp4", frames(1))
    for how in ({}, {"fps": 5}, {"count": 3}, {"times": [0.0]}):
        assert numbers(video.sample(path, **how)) == [0]


@pytest.mark.shared
@pytest.mark.skipif(not MEDIA.exists(), reason="the shared folder is not there")
@pytest.mark.parametrize("name, count", [("face_noface.mov", 169), ("noface_face.mov", 169), ("no_face.mp4", 95),
                                         ("single_face.mp4", 72), ("WolfgangLanger_Pexels.mp4", 472)])
def test_shared_clips(name, count):
    i = video.info(MEDIA / name)
    assert i.frames == count and not i.truncated and i.audio
    clip = video.sample(MEDIA / name, count=8, max_side=320)
    assert clip.images.shape[0] == 8 and np.all(np.diff(clip.times) > 0) and clip.times[0] >= 0
    got = sum(len(c.times) for c in video.stream(MEDIA / name, fps=10, max_side=320))
    assert abs(got - i.duration * 10) <= 2
