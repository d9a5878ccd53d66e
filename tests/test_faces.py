"""Faces are found, framed, posed and judged; the bundled models are what the tool makes of the wheel."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from emoreason import detectors, faces, images
from emoreason.errors import UserError
from emoreason.records import CROP, Face

ROOT = Path(__file__).parents[1]
SAMPLES = [images.read(p) for p in sorted((ROOT / "samples").glob("*.jpg"))]
DATA = ROOT.parent / "shared" / "data"
needs_data = [pytest.mark.shared, pytest.mark.skipif(not DATA.is_dir(), reason="no shared/data beside the checkout")]


@pytest.fixture(scope="module")
def found() -> list[list[Face]]:
    return [faces.detect(image) for image in SAMPLES]


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    """Clockwise about its middle."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1)
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def in_crop(landmarks: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Eyes and mouth (3, 2) in units of the crop's side."""
    whole = np.vstack([matrix, (0, 0, 1)])
    points = np.c_[faces.anchors(landmarks), np.ones(3)] @ np.linalg.inv(whole).T
    return (points[:, :2] + 0.5) / CROP


def test_importing_is_light():
    code = "import sys, emoreason.faces; print([m for m in ('cv2', 'onnxruntime', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout.strip() == "[]"


def test_one_face_in_each_sample(found):
    assert len(SAMPLES) >= 4
    for image, listed in zip(SAMPLES, found, strict=True):
        assert len(listed) == 1
        face = listed[0]
        assert face.score > 0.98 and face.quality.readable
        assert (face.box[:2] > 0).all() and face.box[2] < image.shape[1] and face.box[3] < image.shape[0]
        assert face.landmarks[faces.LEFT_IRIS, 0] < face.landmarks[1, 0] < face.landmarks[faces.RIGHT_IRIS, 0]


def test_the_crop_is_framed_and_upright(found):
    for image, (face,) in zip(SAMPLES, found, strict=True):
        crop, matrix = faces.align(image, face.landmarks)
        assert np.array_equal(crop, face.crop)
        left, right, mouth = in_crop(face.landmarks, matrix)
        assert abs(left[1] - right[1]) < 1e-6  # level
        assert 0.25 < left[0] < 0.36 and 0.64 < right[0] < 0.75 and 0.36 < left[1] < 0.42 and 0.70 < mouth[1] < 0.81
        assert (left[1] + right[1] + mouth[1]) / 3 == pytest.approx(faces.MIDDLE, abs=1e-6)


def test_the_crop_follows_shift_turn_and_size(found):
    """The same face moved, turned and scaled gives nearly the same crop."""
    image, (face,) = SAMPLES[0], found[0]
    wide = cv2.copyMakeBorder(image, 40, 10, 90, 20, cv2.BORDER_REPLICATE)
    others = [wide, turned(image, 20), turned(image, -20), cv2.resize(image, None, fx=0.6, fy=0.6,
                                                                      interpolation=cv2.INTER_AREA)]
    for other in others:
        (again,) = faces.detect(other)
        middle = slice(16, -16)
        difference = np.abs(again.crop[middle, middle].astype(int) - face.crop[middle, middle]).mean()
        assert difference < 12
        assert difference < np.abs(again.crop[middle, middle][:, ::-1].astype(int) - face.crop[middle, middle]).mean()


def test_align_points_needs_three_points_only(found):
    image, (face,) = SAMPLES[1], found[1]
    crop, matrix = faces.align_points(image, *faces.anchors(face.landmarks), size=64)
    whole, _ = faces.align(image, face.landmarks)
    assert crop.shape == (64, 64, 3)
    assert np.abs(crop.astype(int) - cv2.resize(whole, (64, 64), interpolation=cv2.INTER_AREA)).mean() < 4
    assert matrix.shape == (2, 3)


def test_the_framing_does_not_follow_a_smile_and_holds_when_the_head_turns():
    eyes = np.array([(100.0, 100.0), (160.0, 100.0)])
    straight = faces.framing(*eyes, np.array([130.0, 161.0]))
    smiling = faces.framing(*eyes, np.array([130.0, 155.0]))
    assert smiling.side == pytest.approx(straight.side)
    turned_away = faces.framing(np.array([115.0, 100.0]), np.array([145.0, 100.0]), np.array([128.0, 161.0]))
    assert turned_away.side > 0.9 * straight.side
    assert np.isfinite(faces.framing(eyes[0], eyes[0], eyes[0]).side)


def test_warp_averages_when_it_shrinks():
    """A fine chequerboard shrinks to an even grey instead of to chance."""
    board = ((np.indices((512, 512)).sum(axis=0) % 2) * 255).astype(np.uint8)
    small = faces.warp(np.repeat(board[..., None], 3, 2), faces.Roi(255.5, 255.5, 460, 0.3).matrix(64), 64)
    assert np.abs(small[8:-8, 8:-8].astype(int) - 127).max() < 12


def test_warp_keeps_places():
    """A dot stays where the matrix says, shrunk or not, off the edge or not."""
    for side, angle in ((64, 0.0), (64, 0.5), (500, 0.0), (500, -0.4)):
        roi = faces.Roi(170.0, 160.0, side, angle)
        x, y = roi.matrix(64) @ (40, 24, 1)
        image = np.zeros((300, 400, 3), np.uint8)
        if side == 500:
            cv2.circle(image, (round(x), round(y)), 12, (255, 255, 255), -1)
        else:
            image[round(y) - 1:round(y) + 2, round(x) - 1:round(x) + 2] = 255
        crop = faces.warp(image, roi.matrix(64), 64, black=True)[..., 0].astype(float)
        row, column = (np.indices(crop.shape) * crop).sum(axis=(1, 2)) / crop.sum()
        assert (column, row) == pytest.approx((40, 24), abs=0.8)


def test_several_faces_biggest_first(found):
    canvas = np.full((500, 900, 3), 200, np.uint8)
    places = [(300, 10, 40), (150, 320, 60), (90, 500, 300)]
    for image, (side, x, y) in zip(SAMPLES, places, strict=False):
        canvas[y:y + side, x:x + side] = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    listed = faces.detect(canvas)
    assert len(listed) == 3
    for face, (side, x, y) in zip(listed, places, strict=True):
        middle = (face.box[:2] + face.box[2:]) / 2
        assert x < middle[0] < x + side and y < middle[1] < y + side


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (8, 3000), (3000, 8), (64, 64), (480, 640)])
def test_no_face_is_an_empty_list(shape):
    random = np.random.default_rng(0)
    assert faces.detect(np.zeros((*shape, 3), np.uint8)) == []
    assert faces.detect(np.full((*shape, 3), 255, np.uint8)) == []
    assert faces.detect(random.integers(0, 256, (*shape, 3), np.uint8)) == []
    ramp = np.linspace(0, 255, shape[0] * shape[1] * 3).reshape(*shape, 3).astype(np.uint8)
    assert faces.detect(ramp) == []


def test_a_face_in_a_very_large_picture(found):
    large = np.full((4000, 6000, 3), 120, np.uint8)
    large[1500:2700, 3000:4200] = cv2.resize(SAMPLES[0], (1200, 1200))
    (face,) = faces.detect(large)
    small = found[0][0]
    scale = 1200 / SAMPLES[0].shape[0]
    assert np.abs(face.box - (small.box * scale + (3000, 1500, 3000, 1500))).max() < 40


@pytest.mark.parametrize("array", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))])
def test_another_array_is_refused(array):
    with pytest.raises(ValueError, match="H, W, 3"):
        faces.detect(array)


def test_follow_finds_a_face_that_moved(found):
    image, (face,) = SAMPLES[2], found[2]
    moved = np.roll(image, (12, -15), axis=(0, 1))
    landmarks, score = faces.follow(moved, face.landmarks)
    assert score > 0.9
    assert np.abs(landmarks[:, :2] - face.landmarks[:, :2] - (-15, 12)).mean() < 3
    assert faces.mesh(np.zeros_like(image), faces.Roi.of(face.landmarks))[1] < 0.5


def test_pose_signs(found):
    for image, (face,) in zip(SAMPLES, found, strict=True):
        (mirrored,) = faces.detect(np.ascontiguousarray(image[:, ::-1]))
        assert mirrored.pose[[0, 2]] == pytest.approx(-face.pose[[0, 2]], abs=4)
        (clockwise,) = faces.detect(turned(image, 15))
        assert clockwise.pose[2] - face.pose[2] == pytest.approx(15, abs=2.5)


def test_pose_of_turned_landmarks(found):
    """The mesh's own points turned in space by known angles."""
    points = found[0][0].landmarks.astype(float)
    start = faces.pose(points)
    centred = points - points.mean(axis=0)
    a = np.radians(20)
    to_the_right = centred @ np.array([(np.cos(a), 0, np.sin(a)), (0, 1, 0), (-np.sin(a), 0, np.cos(a))])
    assert faces.pose(to_the_right)[0] - start[0] == pytest.approx(20, abs=1.5)  # nose (z < 0) moves to x > 0
    assert to_the_right[1, 0] > centred[1, 0]
    up = centred @ np.array([(1, 0, 0), (0, np.cos(a), np.sin(a)), (0, -np.sin(a), np.cos(a))]).T
    assert up[1, 1] < centred[1, 1]  # the nose rises
    assert faces.pose(up)[1] - start[1] == pytest.approx(20, abs=1.5)


def test_quality_names_what_is_poor(found):
    image, (face,) = SAMPLES[0], found[0]
    pupils = face.quality.size
    assert pupils == pytest.approx(np.linalg.norm(np.diff(face.landmarks[[468, 473]], axis=0)), rel=1e-5)

    def judged(other: np.ndarray, scale: float = 1.0):
        crop, _ = faces.align(other, face.landmarks[:, :2] * scale)
        return faces.quality(crop, face.landmarks * scale, face.pose)
    assert judged(image).reasons == ()
    dark = judged((image * 0.06).astype(np.uint8))
    assert dark.reasons == ("too dark",) and dark.light < 0.1
    bright = judged(np.clip(image.astype(int) + 235, 0, 255).astype(np.uint8))
    assert "too bright" in bright.reasons
    blurred = judged(cv2.GaussianBlur(image, (0, 0), 0.13 * pupils))
    assert blurred.reasons == ("too blurred",) and blurred.sharpness < judged(image).sharpness
    scale = 9 / pupils
    small = judged(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), scale)
    assert "too small (9 px between the pupils, 12 needed)" in small.reasons
    away = faces.quality(face.crop, face.landmarks, np.float32([70, 0, 0]))
    assert away.reasons == ("turned too far away",) and away.frontal < face.quality.frontal


def test_unknown_detectors_are_one_line(tmp_path):
    image = SAMPLES[0]
    broken = tmp_path / "yunet.onnx"
    broken.write_bytes(b"no model")
    cases = {"nonsense": "is not known", "yunet": "needs its model", "mediapipe": "needs its model",
             "yunet:missing.onnx": "is not a file", "face_yunet_2023.onnx": "is not a file",
             str(broken): "cannot read", "mediapipe:missing.task": "is not a file"}
    for name, words in cases.items():
        with pytest.raises(UserError, match=words) as error:
            faces.detect(image, name)
        assert "\n" not in str(error.value)


def test_a_detector_is_one_registration(monkeypatch, tmp_path, found):
    monkeypatch.setattr(detectors, "DETECTORS", dict(detectors.DETECTORS))
    monkeypatch.setattr(detectors, "_SUFFIXES", dict(detectors._SUFFIXES))
    given = []

    @detectors.register("fixed", suffix="fixedbox")
    def fixed(image, file):
        given.append(file)
        return [detectors.Candidate(0.9, tuple(found[0][0].box), 0.0), detectors.Candidate(0.8, (0, 0, 20, 20), 0.0)]
    (face,) = faces.detect(SAMPLES[0], "fixed")  # the second is no face: the mesh says so
    assert detectors.overlap(face.box, found[0][0].box[None])[0] > 0.8
    file = tmp_path / "my-FixedBox-v2.bin"
    file.touch()
    assert len(faces.detect(SAMPLES[0], str(file))) == len(faces.detect(SAMPLES[0], f"fixed:{file}")) == 1
    assert given == [None, file, file]


def test_merge_keeps_the_best_of_what_overlaps():
    a, b, c = (detectors.Candidate(s, box, 0.0) for s, box in
               ((0.5, (0, 0, 10, 10)), (0.9, (1, 1, 11, 11)), (0.4, (30, 0, 40, 10))))
    assert detectors.merge([a, b, c]) == [b, c]
    assert detectors.merge([]) == []


def test_tiles_cover_the_picture():
    for width, height in ((1280, 720), (640, 480), (100, 1000), (300, 300), (1, 7)):
        side = min(width, height) * 0.75
        seen = np.zeros((height, width), bool)
        for x, y, extent in detectors._tiles(width, height, side):
            assert x > -1 and y > -1 and x + extent <= width + 1e-6 and y + extent <= height + 1e-6
            seen[max(int(np.floor(y)), 0):int(np.ceil(y + extent)), max(int(np.floor(x)), 0):int(np.ceil(x + extent))] = True
        assert seen.all()


class TestRealPictures:
    pytestmark = needs_data

    def test_portraits_and_group(self):
        for path in sorted((DATA / "media" / "london").glob("*.jpg"))[::3] + [DATA / "media" / "single_face.jpg"]:
            (face,) = faces.detect(images.read(path))
            assert face.quality.readable and abs(face.pose).max() < 15
        assert len(faces.detect(images.read(DATA / "media" / "multi_face.jpg"))) == 5

    def test_a_clip_without_a_face(self):
        reader = cv2.VideoCapture(str(DATA / "media" / "no_face.mp4"))
        frames = [frame[..., ::-1] for ok, frame in iter(reader.read, (False, None)) if ok]
        assert len(frames) == 95
        assert sum(len(faces.detect(np.ascontiguousarray(f))) for f in frames[::6]) == 0

    def test_the_framing_is_that_of_fer2013(self):
        """Framing the faces of enlarged FER2013 pictures gives back the pictures: side, middle and level."""
        pq = pytest.importorskip("pyarrow.parquet")
        table = pq.read_table(DATA / "fer2013" / "train.parquet", columns=["image"]).slice(1000, 100)
        squares = []
        for row in table["image"].to_pylist():
            small = cv2.copyMakeBorder(images.read(row["bytes"]), 24, 24, 24, 24, cv2.BORDER_REPLICATE)
            image = cv2.resize(small, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
            landmarks, _ = faces.mesh(image, faces.Roi(240, 245, 330, 0))
            landmarks, score = faces.follow(image, landmarks)
            if score > 0.9:
                squares.append(faces.framing(*faces.anchors(landmarks)))
        x, y, side, angle = np.median(np.array(squares), axis=0)
        assert len(squares) > 80
        assert side / 240 == pytest.approx(1, abs=0.05)
        assert ((x + 0.5 - 120) / 240, (y + 0.5 - 120) / 240) == pytest.approx((0.5, 0.5), abs=0.02)
        assert abs(np.degrees(angle)) < 3

    def test_yunet_by_its_file(self):
        file = next((DATA / "weights").glob("*yunet*.onnx"))
        image = images.read(DATA / "media" / "multi_face.jpg")
        theirs, ours = faces.detect(image, str(file)), faces.detect(image)
        assert len(theirs) == 5
        for a, b in zip(theirs, ours, strict=True):
            assert detectors.overlap(a.box, b.box[None])[0] > 0.8

    def test_mediapipe_by_its_file(self):
        pytest.importorskip("mediapipe")
        file = DATA / "weights" / "face_landmarker.task"
        assert len(faces.detect(images.read(DATA / "media" / "single_face.jpg"), str(file))) == 1

    def test_the_bundled_mesh_is_the_converted_original(self):
        """The same picture through the bundled model and through an independent conversion."""
        import onnxruntime
        picture = cv2.resize(images.read(DATA / "media" / "london" / "001_smiling.jpg")[250:1150, 250:1150], (192, 192))
        original = onnxruntime.InferenceSession(DATA / "weights" / "face_landmark_with_attention.onnx",
                                                providers=["CPUExecutionProvider"])
        want = original.run(["output_mesh_identity", "output_lips"],
                            {"input": np.ascontiguousarray((picture / np.float32(255)).transpose(2, 0, 1)[None])})
        got = detectors.session("facemesh").run(["landmarks"], {"picture": picture[None]})[0][0]
        assert np.abs(got[1] - want[0].reshape(468, 3)[1]).max() < 0.01
        assert np.abs(got[61, :2] - want[1].reshape(80, 2)[0]).max() < 0.01
