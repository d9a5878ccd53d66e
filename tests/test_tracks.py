from pathlib import Path

import cv2
import numpy as np
import pytest
from make_clips import write

from emoreason import faces, images, tracks
from emoreason.errors import UserError
from emoreason.records import CROP, Face, Frames, Quality
from emoreason.tracker import Tracker, look

MEDIA = Path(__file__).resolve().parents[2] / "shared" / "data" / "media"
shared = [pytest.mark.shared, pytest.mark.skipif(not MEDIA.exists(), reason="the shared folder is not there")]
COLOURS = {"red": (200, 60, 60), "green": (60, 190, 60), "blue": (60, 60, 210)}
W, H = 320, 240


class World:
    """Squares for faces: a stand-in for detector and mesh that finds squares of known colours in the picture, and,
    like the mesh, runs onto whatever square is near where it is told to look."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(faces, "follow", self.follow)
        monkeypatch.setattr(faces, "describe", self.describe)
        self.detections = 0

    def squares(self, image):
        out = []
        for colour in COLOURS.values():
            mask = (np.abs(image.astype(int) - colour).sum(axis=2) < 30).astype(np.uint8)
            for x, y, w, h, area in cv2.connectedComponentsWithStats(mask)[2][1:]:
                if area > 300:
                    out.append(np.array([x, y, x + w, y + h], float))
        return sorted(out, key=lambda b: -np.prod(b[2:] - b[:2]))

    def landmarks(self, box):
        u = np.linspace(0, 1, 478)
        marks = np.stack([box[0] + u * (box[2] - box[0]), box[1] + (u * 37 % 1) * (box[3] - box[1]), 0 * u], axis=1)
        marks[[0, 1], :2] = box[:2], box[2:]
        return marks

    def follow(self, image, landmarks):
        box = np.concatenate([landmarks[:468, :2].min(axis=0), landmarks[:468, :2].max(axis=0)])
        size, centre = (box[2:] - box[:2]).max(), (box[:2] + box[2:]) / 2
        near = [(np.linalg.norm((b[:2] + b[2:]) / 2 - centre), i, b) for i, b in enumerate(self.squares(image))]
        near = [n for n in near if n[0] < 0.6 * size]
        return (self.landmarks(min(near)[2]), 1.0) if near else (landmarks, 0.1)

    def describe(self, image, landmarks, score):
        box = np.concatenate([landmarks[:468, :2].min(axis=0), landmarks[:468, :2].max(axis=0)])
        part = image[max(int(box[1]), 0):int(box[3]), max(int(box[0]), 0):int(box[2])]
        return Face(box, landmarks, score, np.zeros(3), Quality(20, 1, 1, 1), cv2.resize(part, (CROP, CROP)))

    def detect(self, image):
        self.detections += 1
        return [self.describe(image, self.landmarks(b), 1.0) for b in self.squares(image)]


def picture(*squares, back=40):
    """squares: (colour, x, y[, side]) centres."""
    image = np.full((H, W, 3), back, np.uint8)
    for colour, x, y, *side in squares:
        s = (side[0] if side else 50) / 2
        image[max(int(y - s), 0):max(int(y + s), 0), max(int(x - s), 0):max(int(x + s), 0)] = COLOURS[colour]
    return image


def run(monkeypatch, pictures, fps=25, **how):
    world = World(monkeypatch)
    tracker = Tracker(detect=world.detect)
    chunk = Frames(np.stack(pictures), np.arange(len(pictures)) / fps)
    scene = tracks.track([chunk], tracker=tracker, **how)
    return scene, world


def colour_of(track, i=0):
    return min(COLOURS, key=lambda c: np.abs(track.crops[i].mean(axis=(0, 1)) - COLOURS[c]).sum())


def test_one_face_moves(monkeypatch):
    scene, world = run(monkeypatch, [picture(("red", 60 + 4 * i, 100)) for i in range(50)])
    (t,) = scene.tracks
    assert t.valid.all() and len(t) == 50 and world.detections <= 5
    np.testing.assert_allclose((t.boxes[:, 0] + t.boxes[:, 2]) / 2, 60 + 4 * np.arange(50), atol=1.5)
    assert scene.main() is t and scene.main(1) is t and not scene.cuts


def test_two_faces_cross_and_keep_their_identities(monkeypatch):
    """Red passes in front of green: for a while there is only one of them."""
    scene, _ = run(monkeypatch, [picture(("green", 260 - 3 * i, 100), ("red", 60 + 3 * i, 104)) for i in range(66)])
    by = {colour_of(t): t for t in scene.tracks}
    assert len(scene.tracks) == 2 and set(by) == {"red", "green"}
    red, green = by["red"], by["green"]
    for t, colour in ((red, "red"), (green, "green")):
        assert all(colour_of(t, i) == colour for i in np.flatnonzero(t.valid))
    assert red.valid.all() and 0 < (~green.valid).sum() < 30 and green.valid[-1]


def test_a_gap_is_marked_and_bridged(monkeypatch):
    scene, _ = run(monkeypatch, [picture(*([("red", 100 + i, 100)] if not 20 <= i < 35 else [])) for i in range(60)])
    (t,) = scene.tracks
    assert len(t) == 60 and t.valid[:20].all() and not t.valid[20:35].any() and t.valid[41:].all()
    gap = np.flatnonzero(~t.valid)
    assert (t.boxes[gap[0]] == t.boxes[19]).all() and (t.boxes[gap[-1]] == t.boxes[gap[-1] + 1]).all()


def test_another_face_in_the_gap_is_another_person(monkeypatch):
    scene, _ = run(monkeypatch, [picture(*([("red", 100, 100)] if i < 20 else [] if i < 30 else [("blue", 100, 100)]))
                                 for i in range(60)])
    assert [colour_of(t) for t in scene.tracks] == ["red", "blue"]
    assert all(t.valid.all() for t in scene.tracks)
    wide = tracks.over(scene.tracks[0], scene.times)
    assert len(wide) == 60 and wide.valid.sum() == 20 and wide.valid[:20].all()


def test_a_cut_to_another_face_at_the_same_place(monkeypatch):
    """Shot and reverse shot: red, green, red again. Nobody moves, only looks tell them apart."""
    scene, _ = run(monkeypatch, [picture(("red", 160, 120), back=30) if i // 20 != 1 else
                                 picture(("green", 165, 120), back=160) for i in range(60)])
    assert scene.cuts == pytest.approx((0.8, 1.6))
    assert [colour_of(t) for t in scene.tracks] == ["red", "green"]
    red, green = scene.tracks
    assert len(red) == 60 and red.valid.sum() == 40 and not red.valid[20:40].any()
    assert len(green) == 20 and green.valid.all()


def test_a_change_of_person_without_a_visible_cut(monkeypatch):
    scene, _ = run(monkeypatch, [picture(("red", 60, 60)) if i < 20 else picture(("green", 76, 76)) for i in range(50)])
    assert [colour_of(t) for t in scene.tracks] == ["red", "green"]


def test_moving_camera_is_no_cut(monkeypatch):
    rng = np.random.default_rng(0)
    wide = cv2.resize(rng.integers(0, 255, (12, 60, 3), np.uint8), (1600, H), interpolation=cv2.INTER_CUBIC)
    pictures = []
    for i in range(40):
        image = wide[:, 20 * i:20 * i + W].copy()
        image[80:130, 100:150] = COLOURS["red"]
        pictures.append(image)
    scene, _ = run(monkeypatch, pictures)
    assert not scene.cuts and len(scene.tracks) == 1


def test_main_character(monkeypatch):
    def scene(*squares):
        return run(monkeypatch, [picture(*squares)] * 10)[0]
    big = scene(("red", 60, 100, 40), ("green", 160, 100, 80), ("blue", 270, 100, 40))
    assert colour_of(big.main()) == "green"
    middle = scene(("red", 30, 30), ("green", 160, 120), ("blue", 290, 30))
    assert colour_of(middle.main()) == "green"
    assert [colour_of(middle.main(i)) for i in (1, 2, 3)] == [colour_of(t) for t in middle.tracks]
    with pytest.raises(UserError, match="no face 9; the clip has faces 1, 2, 3"):
        middle.main(9)
    longer = run(monkeypatch, [picture(("red", 110, 120), *([("green", 200, 120, 60)] if i < 12 else []))
                               for i in range(40)])[0]
    assert colour_of(longer.main()) == "red"


def test_no_face(monkeypatch):
    scene, _ = run(monkeypatch, [picture()] * 30)
    assert scene.tracks == () and scene.main() is None
    with pytest.raises(UserError, match="has no faces"):
        scene.main(1)
    with pytest.raises(UserError, match="no frames"):
        tracks.track([])


def test_a_flicker_is_no_face(monkeypatch):
    pictures = [picture(("red", 100, 100), *([("blue", 250, 200)] if i in (0, 30) else [])) for i in range(60)]
    scene, _ = run(monkeypatch, pictures)
    assert [colour_of(t) for t in scene.tracks] == ["red"]


def test_a_nose_is_no_second_face(monkeypatch):
    world = World(monkeypatch)
    image = picture(("red", 160, 120, 120))
    both = [*world.detect(image), world.describe(image, world.landmarks(np.array([150, 110, 180, 140.0])), 1.0)]
    scene = tracks.track([Frames(np.stack([image] * 20), np.arange(20) / 25)], tracker=Tracker(detect=lambda _: both))
    assert len(scene.tracks) == 1


def test_long_clips_are_thinned_not_dropped(monkeypatch):
    scene, _ = run(monkeypatch, [picture(("red", 100 + i, 100)) for i in range(90)], limit=30)
    (t,) = scene.tracks
    assert 15 <= len(t) <= 30 and scene.frames == 90
    assert np.ptp(np.diff(t.times)) < 1e-6 and t.times[-1] > 3.3


def test_a_failing_reader_raises_and_leaves_no_thread():
    def chunks():
        yield Frames(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1))
        raise UserError("broken")
    got = tracks.ahead(chunks())
    assert next(got).times[0] == 0
    with pytest.raises(UserError, match="broken"):
        next(got)
    early = tracks.ahead(iter([Frames(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1))] * 50))
    next(early)
    early.close()


def test_looks_tell_colours_apart_and_bear_light():
    rng = np.random.default_rng(1)
    one = cv2.resize(rng.integers(60, 180, (6, 6, 3), np.uint8), (CROP, CROP))
    other = cv2.resize(rng.integers(60, 180, (6, 6, 3), np.uint8), (CROP, CROP))

    def far(a, b):
        return float(np.sqrt(np.mean((look(a) - look(b)) ** 2)))
    brighter = np.clip(one.astype(float) * 1.15, 0, 255).astype(np.uint8)
    assert far(one, brighter) < 0.5 * far(one, other)


# ------------------------------------------------------------------------------------------------ with real faces

def heads(n):
    """n cut-out faces of different people, 200 pixels high."""
    out = []
    for i in range(1, n + 1):
        image = images.read(MEDIA / "london" / f"00{i}_neutral.jpg")
        face = max(faces.detect(image), key=lambda f: f.box[3] - f.box[1])
        x0, y0, x1, y1 = face.box
        pad = 0.25 * (y1 - y0)
        part = image[int(y0 - pad):int(y1 + pad / 2), int(x0 - pad / 2):int(x1 + pad / 2)]
        out.append(cv2.resize(part, (int(200 * part.shape[1] / part.shape[0]), 200), interpolation=cv2.INTER_AREA))
    return out


def paste(image, head, x, y):
    h, w = head.shape[:2]
    x, y = int(x - w / 2), int(y - h / 2)
    x0, x1 = max(x, 0), min(x + w, image.shape[1])
    if x1 > x0:
        image[y:y + h, x0:x1] = head[:, x0 - x:x1 - x]
    return image


@pytest.fixture(scope="module")
def cast():
    return heads(2)


class TestRealFaces:
    pytestmark = shared

    def test_crossing(self, cast, tmp_path):
        a, b = cast
        pictures = [paste(paste(np.full((260, 640, 3), 120, np.uint8), b, 540 - 11 * i, 130), a, 100 + 11 * i, 130)
                    for i in range(40)]
        scene = tracks.track(write(tmp_path / "cross.mp4", pictures))
        assert len(scene.tracks) == 2
        front = scene.tracks[0] if scene.tracks[0].boxes[0, 0] < 320 else scene.tracks[1]
        back = next(t for t in scene.tracks if t is not front)
        x = (front.boxes[:, 0] + front.boxes[:, 2]) / 2
        assert front.valid.mean() > 0.95 and np.all(np.diff(x[front.valid]) > 0)
        x = (back.boxes[:, 0] + back.boxes[:, 2]) / 2
        assert back.valid[-1] and not back.valid.all() and x[-1] < 200

    def test_cut_and_back(self, cast):
        a, b = cast
        pictures = [paste(np.full((260, 320, 3), 60, np.uint8), a, 160, 130) if i // 8 != 1 else
                    paste(np.full((260, 320, 3), 200, np.uint8), b, 150, 130) for i in range(24)]
        scene = tracks.track([Frames(np.stack(pictures), np.arange(24) / 25)])
        assert len(scene.cuts) == 2 and [int(t.valid.sum()) for t in scene.tracks] == [16, 8]

    @pytest.mark.parametrize("name, spans", [("face_noface.mov", [(0.0, 2.37)]), ("noface_face.mov", [(3.95, 6.31)]),
                                             ("no_face.mp4", []), ("single_face.mp4", [(0.0, 2.37)])])
    def test_face_comes_goes_or_is_not_there(self, name, spans):
        scene = tracks.track(MEDIA / name, fps=8)
        assert len(scene.tracks) == len(spans)
        for t, (start, end) in zip(scene.tracks, spans, strict=True):
            assert t.times[0] == pytest.approx(start, abs=0.3) and t.times[-1] == pytest.approx(end, abs=0.15)
            assert t.valid.mean() > 0.95
