"""Synthetic faces: labels that equal what is drawn, the same item from the same seed, runs that go on after a stop."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from emoreason.data_pipeline import actions, clip, expression, ict, scene, synth
from emoreason.data_pipeline.studio import pose_face
from emoreason.errors import UserError
from emoreason.facs import EMOTIONS, MEASURED_AUS, PROTOTYPES

MODEL = Path(__file__).resolve().parents[2] / "shared" / "data" / "ict_face" / "ict_face.npz"
needs_model = [pytest.mark.shared, pytest.mark.skipif(not MODEL.is_file(), reason=f"needs the ICT face model, {MODEL}")]


# What needs no face model.


def test_every_measured_au_moves_the_face() -> None:
    for au in MEASURED_AUS:
        assert actions.weights({au: 5.0}), au


def test_weights_grow_with_intensity_and_follow_the_side() -> None:
    smile = [actions.weights({12: x})["mouthSmile_L"] for x in (1.0, 3.0, 5.0)]
    assert smile == sorted(smile)
    one = actions.weights({12: 4.0}, {12: (4.0, 0.0)})
    assert one["mouthSmile_R"] > 0.5 and one.get("mouthSmile_L", 0.0) == 0.0


def test_settle_follows_the_manual() -> None:
    assert 15 not in expression.settle({12: 4.0, 15: 2.0})  # a strong smile hides 15
    assert set(expression.settle({24: 4.0, 25: 2.0})) == {24}  # pressed lips are not parted
    assert set(expression.settle({26: 2.0, 27: 4.0})) == {27}
    low, high = (expression.settle({27: x}) for x in (1.5, 3.0))  # a jaw that a drop opens as far
    assert set(low) == {26} and set(high) == {27}
    assert actions.weights(low)["jawOpen"] == pytest.approx(actions.weights({27: 1.5})["jawOpen"], abs=1e-3)
    assert 5 not in expression.settle({5: 3.0, 43: 5.0})


def test_draws_are_varied_and_lawful() -> None:
    rng = np.random.default_rng(0)
    drawn = [expression.draw(rng) for _ in range(3000)]
    seen = {a for e in drawn for a, v in e.aus.items() if v >= 1}
    assert seen >= set(MEASURED_AUS)
    assert all(0 <= v <= 5 for e in drawn for v in e.aus.values())
    assert all(expression.settle(e.aus) == e.aus for e in drawn)
    neutral = np.mean([e.drawn == "neutral" for e in drawn])
    assert 0.11 < neutral < 0.17
    for e in drawn:
        for a, (right, left) in e.sides.items():
            assert max(right, left) == pytest.approx(e.aus[a])


@pytest.mark.parametrize("name", sorted(PROTOTYPES))
def test_prototypes_get_their_emotion(name: str) -> None:
    aus = {a: 3.0 for a in PROTOTYPES[name][0]}
    sides = {a: "left" for a in (12, 14)} if name == "contempt" else {}
    assert expression.emotion_of(aus, sides, name) == name


def test_emotion_abstains_between_two() -> None:
    assert expression.emotion_of({}) == "neutral"
    assert expression.emotion_of({18: 3.0}) is None
    assert expression.emotion_of({2: 1.5}) is None  # a raised brow is not neutral


def test_affect_signs() -> None:
    assert expression.affect({6: 3.0, 12: 4.0})[0] > 0.5
    assert expression.affect({1: 3.0, 4: 3.0, 15: 3.0})[0] < -0.5
    assert expression.affect({1: 4.0, 2: 4.0, 5: 4.0, 27: 4.0})[1] > 0.5
    assert all(-1 <= v <= 1 for v in expression.affect({a: 5.0 for a in MEASURED_AUS}))


def test_pose_conventions() -> None:
    nose = np.array([0.0, 0.0, 1.0])
    crown = np.array([0.0, 1.0, 0.0])
    assert (scene.rotation(30, 0, 0) @ nose)[0] > 0.4  # yaw: to the image's right
    assert (scene.rotation(0, 30, 0) @ nose)[1] > 0.4  # pitch: up
    assert (scene.rotation(0, 0, 30) @ crown)[0] > 0.4  # roll: clockwise


def test_events_rise_hold_and_fall() -> None:
    event = clip.Event(12, 1.0, 1.5, 2.0, 2.8, 4.0)
    at = event.intensity(np.array([0.9, 1.0, 1.25, 1.5, 2.0, 2.4, 2.8, 3.0]))
    assert at[0] == at[1] == 0 and at[3] == 4.0 and 1.5 < at[2] < 2.5
    assert at[4] == pytest.approx(3.6) and 0 < at[5] < at[4] and at[6] == at[7] == 0
    lasting = clip.Event(12, 1.0, 1.5, 2.0, None, 4.0)
    assert lasting.intensity(np.array([5.0]))[0] == pytest.approx(3.6)


def test_scripts_keep_one_course_per_au_at_a_time() -> None:
    for seed in range(200):
        events, phases = clip.script(np.random.default_rng(seed), 4.0)
        for event in events:
            assert 0 <= event.onset < event.apex < event.release and (event.offset or 99) > event.release
            assert event.onset < 4.0 and (event.offset is None or event.offset <= 4.0 or event.au == clip.BLINK)
        for au in {e.au for e in events}:
            mine = [e for e in events if e.au == au]
            for a, b in zip(mine[:-1], mine[1:], strict=True):
                assert a.offset is not None and a.offset <= b.onset


def test_user_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOREASON_FACE_MODEL", raising=False)
    with pytest.raises(UserError, match="--face-model"):
        synth.main(["-n", "2", "-o", str(tmp_path / "a")])
    with pytest.raises(UserError, match="no face model at"):
        synth.generate(2, tmp_path / "a", face_model=tmp_path / "none.npz")
    other = tmp_path / "other.npz"
    np.savez(other, vertices=np.zeros(3))
    with pytest.raises(UserError, match="not the ICT face model"):
        ict.load(other)
    with pytest.raises(UserError, match="--size"):
        synth.generate(2, tmp_path / "a", size=8, face_model=other)
    with pytest.raises(UserError, match="at least 1"):
        synth.generate(0, tmp_path / "a", face_model=other)


def test_a_folder_made_with_other_settings_is_refused(tmp_path: Path) -> None:
    (tmp_path / synth.SETTINGS).write_text(json.dumps({"version": synth.VERSION, "size": 99, "seed": 0, "clips": False}))
    (tmp_path / "model.npz").write_bytes(b"")
    with pytest.raises(UserError, match="size 99 .now 224."):
        synth.generate(2, tmp_path, face_model=tmp_path / "model.npz")


def test_command_options() -> None:
    parser = argparse.ArgumentParser()
    synth.add_arguments(parser)
    args = parser.parse_args(["-n", "5", "-o", "out"])
    assert (args.size, args.seed, args.clips, args.workers) == (224, 0, False, 2)


# What draws faces.


@pytest.fixture(scope="module")
def studio() -> synth.Studio:
    return synth.studio(MODEL)


class TestFaces:
    pytestmark = needs_model

    def test_item_depends_on_seed_and_number_alone(self, studio: synth.Studio) -> None:
        first, labels = synth.sample(studio, 5, 3, 64)
        synth.sample(studio, 5, 40, 64)
        again, same = synth.sample(synth.studio(MODEL), 5, 3, 64)
        assert (first == again).all() and labels == same
        assert (synth.sample(studio, 6, 3, 64)[0] != first).any()

    def test_labels_contract(self, studio: synth.Studio) -> None:
        for i in range(0, 200, 16):
            image, row = synth.sample(studio, 1, i, 64)
            assert image.shape == (64, 64, 3) and image.dtype == np.uint8 and image.std() > 3
            assert np.array(row["landmarks"]).shape == (68, 2) and np.array(row["points"]).shape == (5, 2)
            assert row["emotion"] in (*EMOTIONS, None) and len(row["pose"]) == 3
            assert -1 <= row["valence"] <= 1 and -1 <= row["arousal"] <= 1
            assert all(0 <= v <= 5 for v in row["aus"].values())
            assert json.loads(json.dumps(row)) == row

    @staticmethod
    def _marks(studio: synth.Studio, aus: dict[int, float]) -> tuple[np.ndarray, dict[int, float]]:
        mesh, seen = pose_face(studio, studio.person(2, 0), expression.Expression({a: float(v) for a, v in aus.items()}))
        return mesh[studio.model.landmarks], seen

    @pytest.mark.parametrize(("au", "marks", "axis", "sign"), [
        (1, [20, 21, 22, 23], 1, 1), (2, [17, 18, 25, 26], 1, 1), (4, [20, 21, 22, 23], 1, -1),
        (5, [37, 38, 43, 44], 1, 1), (6, [40, 41, 46, 47], 1, 1), (7, [40, 41, 46, 47], 1, 1), (10, [50, 51, 52], 1, 1),
        (9, [31, 35], 1, 1), (12, [48, 54], 1, 1), (15, [48, 54], 1, -1), (16, [56, 57, 58], 1, -1), (17, [8, 57], 1, 1),
        (18, [51, 57], 2, 1), (22, [51, 57], 2, 1), (27, [7, 8, 9], 1, -1), (26, [7, 8, 9], 1, -1), (43, [37, 38], 1, -1)])
    def test_each_au_moves_its_landmarks(self, studio: synth.Studio, au: int, marks: list, axis: int, sign: int) -> None:
        rest, slight, full = (self._marks(studio, {au: x})[0][marks, axis].mean() for x in (0.0, 1.0, 5.0))
        assert sign * (full - rest) > 0.12 and sign * (slight - rest) > 0.01  # cm

    def test_lips_and_mouth_width(self, studio: synth.Studio) -> None:
        def width(aus: dict) -> float:
            return float(np.ptp(self._marks(studio, aus)[0][[48, 54], 0]))

        def red(aus: dict) -> float:
            marks = self._marks(studio, aus)[0]
            return float(marks[51, 1] - marks[57, 1])

        assert width({20: 5}) > width({}) + 0.8 and width({12: 5}) > width({}) + 0.8
        assert width({18: 5}) < width({}) - 0.8 and width({23: 5}) < width({}) - 0.2
        assert red({24: 5}) < red({}) - 0.1 and red({28: 5}) < red({}) - 0.2

    def test_parted_lips_are_measured(self, studio: synth.Studio) -> None:
        assert self._marks(studio, {})[1].get(25, 0.0) < 0.5
        assert self._marks(studio, {24: 5})[1].get(25, 0.0) < 0.5
        for aus in ({10: 5}, {16: 5}, {22: 5}, {26: 4}, {25: 3}):
            assert self._marks(studio, aus)[1][25] >= 1, aus
        assert self._marks(studio, {27: 5})[1][25] > 4

    def test_closed_eyes_are_measured(self, studio: synth.Studio) -> None:
        closed = [self._marks(studio, {43: x})[1].get(43, 0.0) for x in (1.0, 3.0, 5.0)]
        assert closed == sorted(closed) and closed[-1] == 5.0
        assert 43 not in self._marks(studio, {7: 5, 6: 5})[1]

    def test_one_sided_smile_leaves_the_other_corner(self, studio: synth.Studio) -> None:
        rest = self._marks(studio, {})[0]
        shown = expression.Expression({12: 4.0}, {12: (4.0, 0.0)})
        marks = pose_face(studio, studio.person(2, 0), shown)[0][studio.model.landmarks]
        assert marks[48, 1] - rest[48, 1] > 0.4 and abs(marks[54, 1] - rest[54, 1]) < 0.1  # 48: the subject's right

    def test_files_do_not_depend_on_the_workers(self, tmp_path: Path) -> None:
        for workers in (1, 2):
            synth.generate(20, tmp_path / str(workers), size=48, face_model=MODEL, workers=workers, progress=False)
        one, two = tmp_path / "1", tmp_path / "2"
        assert (one / synth.LABELS).read_text() == (two / synth.LABELS).read_text()
        for file in sorted((one / "images").iterdir()):
            assert file.read_bytes() == (two / "images" / file.name).read_bytes()

    def test_a_stopped_run_goes_on(self, tmp_path: Path) -> None:
        whole = synth.generate(6, tmp_path / "whole", size=48, face_model=MODEL, workers=1, progress=False)
        part = tmp_path / "part"
        synth.generate(4, part, size=48, face_model=MODEL, workers=1, progress=False)
        text = (part / synth.LABELS).read_text()
        (part / synth.LABELS).write_text(text[:-200])  # killed while writing a row
        (part / "images" / "0000001.jpg").unlink()
        assert synth.generate(6, part, size=48, face_model=MODEL, workers=1, progress=False) == whole
        assert (part / synth.LABELS).read_text() == (tmp_path / "whole" / synth.LABELS).read_text()
        assert (part / synth.SHEET).is_file()

    def test_clip_events_match_its_courses(self, studio: synth.Studio, tmp_path: Path) -> None:
        images, times, row = clip.sample_clip(studio, 4, 2, 48)
        assert len(images) == len(times) == len(row["poses"]) and images.dtype == np.uint8
        assert all(len(course) == len(times) for course in row["courses"].values())
        for event in row["events"]:
            if event["au"] in (25, clip.BLINK) or event["apex"] >= row["duration"]:
                continue
            course = np.array(row["courses"][str(event["au"])])
            assert course[times < event["onset"] - 1e-6].max(initial=0) <= 5
            near = np.abs(times - event["apex"]).argmin()
            assert course[near] == pytest.approx(event["peak"], abs=0.25 * event["peak"] + 0.1)
        file = tmp_path / "clip.mp4"
        clip.write(file, images, times)
        reader = cv2.VideoCapture(str(file))
        assert int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) == len(times)
