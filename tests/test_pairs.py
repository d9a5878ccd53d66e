"""Pairs of renders: one thing differs and nothing else, reproducible, resumed, read by the evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from emoreason.data_pipeline import expression, pairs, synth
from emoreason.errors import UserError
from emoreason.eval.faithfulness import FAITHFULNESS, pairs_of
from emoreason.eval.run import evaluate
from emoreason.facs import ACTION_UNITS, MEASURED_AUS
from emoreason.schema import Explanation, Observation, render
from emoreason.sources import read

MODEL = Path(__file__).resolve().parents[2] / "shared" / "data" / "ict_face" / "ict_face.npz"
N = 8


def test_every_measured_region_can_be_covered() -> None:
    assert {ACTION_UNITS[a].region for a in MEASURED_AUS} <= set(pairs.COVERS)
    for region, (groups, hidden) in pairs.COVERS.items():
        assert region in hidden and all(0 <= i < 68 for g in groups for i in g)


def test_one_au_is_switched_on_both_sides() -> None:
    face = expression.Expression({4: 2.0, 12: 3.0}, {12: (3.0, 1.0), 4: (2.0, 1.5)}, "happiness")
    off, on = pairs._with(face, 12, 0.0), pairs._with(face, 12, 4.0)
    assert off.aus == {4: 2.0} and on.aus == {4: 2.0, 12: 4.0} and on.sides == off.sides == {4: (2.0, 1.5)}
    assert on.drawn is None, "the label follows from what shows"


def test_alone_means_alone() -> None:
    assert pairs._alone(12, {12: 3.0, 4: 2.0}, {4: 2.2})
    assert not pairs._alone(26, {26: 3.0, 25: 2.0}, {}), "a dropped jaw parts the lips"
    assert not pairs._alone(12, {12: 3.0, 6: 1.1}, {6: 0.9}), "another AU would count as absent"
    assert not pairs._alone(12, {12: 3.0}, {12: 0.8})


def test_a_patch_covers_its_region_alone() -> None:
    points = np.random.default_rng(0).uniform(10, 90, (68, 2))
    points[36], points[45] = (20, 40), (80, 40)
    points[48:60] = np.random.default_rng(1).uniform((40, 65), (60, 75), (12, 2))
    image = np.zeros((100, 100, 3), np.uint8)
    out = pairs.cover(image, points, "lips")
    assert (out[70, 50] == pairs.GREY).all() and not out[:55].any() and not image.any()


def test_pairs_are_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--clips"):
        synth.generate(2, tmp_path, clips=True, pairs_of="switch")


@pytest.mark.shared
@pytest.mark.skipif(not MODEL.is_file(), reason=f"needs the ICT face model, {MODEL}")
def test_rendered_pairs_end_to_end(tmp_path: Path) -> None:
    rows = synth.generate(N, tmp_path / "a", size=64, seed=3, face_model=MODEL, workers=1, progress=False, pairs_of="both")
    assert len(rows) == 2 * N and [r["file"] for r in rows[:2]] == ["images/0000000a.jpg", "images/0000000b.jpg"]
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert first["pair"] == second["pair"] and first["pose"] == second["pose"] and first["traits"] == second["traits"]
        pictures = [cv2.imread(str(tmp_path / "a" / r["file"])).astype(float) for r in (first, second)]
        change = np.abs(pictures[0] - pictures[1])
        assert change.max() > 15 and np.median(change) < 12, "something differs, most does not"
        if "switched" in second:
            a = str(second["switched"])
            strong, none = sorted((first["aus"].get(a, 0.0), second["aus"].get(a, 0.0)), reverse=True)
            assert strong >= 2 and none < 0.5
            rest = [{k: v for k, v in r["aus"].items() if k != a and v >= 1} for r in (first, second)]
            assert rest[0].keys() == rest[1].keys()
        else:
            assert first["aus"] == second["aus"] and first["aus"][str(second["occluded"])] >= 2
            assert ACTION_UNITS[second["occluded"]].region in second["covered"]
    again = synth.generate(N, tmp_path / "b", size=64, seed=3, face_model=MODEL, workers=1, progress=False, pairs_of="both")
    assert again == rows
    labels = tmp_path / "b" / synth.LABELS
    text = labels.read_text()
    labels.write_text(text[:-200])  # half a pair is left
    assert synth.generate(N, tmp_path / "b", size=64, seed=3, face_model=MODEL, workers=1, progress=False,
                          pairs_of="both") == rows and labels.read_text() == text
    with pytest.raises(UserError, match="pairs both"):
        synth.generate(N, tmp_path / "b", size=64, seed=3, face_model=MODEL, workers=1, progress=False)

    records = [r for r in read("synth", tmp_path / "a")]
    said = tmp_path / "gold.jsonl"
    with said.open("w") as file:
        for r in records:
            hidden = r.extra.get("covered", [])
            seen = tuple(Observation(a, v, text="it moves") for a, v in r.aus.items()
                         if v >= 1 and ACTION_UNITS[a].region not in hidden)
            file.write(json.dumps({"id": r.id, "output": render(Explanation(seen, "It adds up.", r.emotion))}) + "\n")
    results = evaluate(FAITHFULNESS, data=tmp_path / "a", out=tmp_path / "run", predictions=said)
    values = {k: v["value"] for k, v in results["metrics"].items()}
    assert len(pairs_of([(r, None) for r in records])) == N
    assert all(values[k] == 1 for k in ("switch_seen", "switch_only", "switch_faithful", "occlusion_gone", "occlusion_only"))
    assert values["au_f1"] > 0.98 and values["unsupported_true"] == 0, "intensities are told to a tenth"
