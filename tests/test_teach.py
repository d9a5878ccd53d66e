"""Teachers of real photographs: what each says, how it is joined, and what the build takes of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from emoreason.data_pipeline import agreement, build, shards, teach, teachers
from emoreason.data_pipeline.teachers import Reading, teacher_of
from emoreason.errors import UserError
from emoreason.facs import MEASURED_AUS
from emoreason.sources import Record

K = len(MEASURED_AUS)


def reading(levels: dict[int, float], trust: float = 1.0) -> Reading:
    aus = np.array([levels.get(a, np.nan) for a in MEASURED_AUS])
    return Reading(aus, np.where(np.isnan(aus), 0.0, trust))


def test_teachers_are_joined_by_their_confidence() -> None:
    found = teach.join({"a": reading({4: 3.0, 12: 2.0, 25: 0.0}), "b": reading({4: 0.0, 12: 3.0, 9: 1.0}, 0.5)})
    assert found["aus"] == {"9": 1.0, "12": 2.33, "25": 0.0}, "AU4: too far apart; AU12: 2 counts twice"
    assert found["agreement"] == {"4": 0.4, "12": 0.8} and found["confidence"] == {"9": 0.5, "12": 0.8, "25": 1.0}
    assert teach.join({"a": reading({4: 3.0}, 0.1)})["aus"] == {}, "nobody is sure"


def test_agreement_measures() -> None:
    a, b = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], bool), np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0], bool)
    assert agreement.kappa(a, b) == pytest.approx((0.8 - 0.58) / 0.42)
    assert agreement.kappa(a, a) == 1 and np.isnan(agreement.kappa(a & False, b & False))
    x = np.arange(30) / 6
    both = agreement.compare(x, x + 0.5)
    assert both["r"] == pytest.approx(1) and both["mae"] == pytest.approx(0.5) and both["n"] == 30
    assert agreement.compare(x[:9], x[:9]) == {"n": 9}, "too few to say"


def pictures(folder: Path, n: int) -> Path:
    rng = np.random.default_rng(0)
    lines = ["image,emotion,split"]
    for i in range(n):
        Image.fromarray(rng.integers(0, 255, (48, 48), np.uint8)).save(folder / f"{i}.png")
        lines.append(f"{i}.png,joy,train")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return folder / "t.csv"


NAMES = ["browInnerUp", "browOuterUpLeft", "browOuterUpRight", "browDownLeft", "browDownRight", "eyeWideLeft",
         "eyeWideRight", "eyeSquintLeft", "eyeSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft",
         "mouthSmileRight", "mouthUpperUpLeft", "mouthUpperUpRight", "mouthFrownLeft", "mouthFrownRight",
         "mouthStretchLeft", "mouthStretchRight", "mouthPressLeft", "mouthPressRight", "mouthShrugLower", "mouthFunnel",
         "mouthRollLower", "mouthRollUpper", "jawOpen"]


def blendshapes(path: Path, n: int) -> Path:
    """Face i smiles by i / n; its mirror image says the same, but on face 1; face 2 was not found."""
    blend = np.zeros((n, 2, len(NAMES)), np.float32)
    for side in ("Left", "Right"):
        blend[:, :, NAMES.index("mouthSmile" + side)] = (np.arange(n) / n)[:, None]
    blend[1, 1, NAMES.index("mouthSmileLeft")] = 0.8
    blend[2] = np.nan
    points = np.random.default_rng(0).normal(size=(n, 68, 2))
    points[2] = np.nan
    np.savez(path, names=np.array(NAMES), blend=blend, points=points)
    return path


def test_blendshapes_are_trusted_where_the_mirror_agrees(tmp_path: Path) -> None:
    name, read = teacher_of(f"blendshapes={blendshapes(tmp_path / 'b.npz', 5)}")
    at = MEASURED_AUS.index(12)
    seen = [read(Record(str(i), "s"), i) for i in range(5)]
    assert name == "blendshapes" and seen[2] is None
    assert seen[4].aus[at] == pytest.approx(4) and seen[4].confidence[at] == 1
    assert seen[1].confidence[at] < 0.2, "1 and 4 of 5 are three apart"
    assert np.isnan(seen[4].aus[MEASURED_AUS.index(9)]) and seen[4].confidence[MEASURED_AUS.index(9)] == 0
    with pytest.raises(UserError, match="5 pictures, the set has more"):
        read(Record("9", "s"), 9)


def test_several_blendshape_files_are_one_teacher(tmp_path: Path) -> None:
    """Without ids they follow one another; with ids each picture finds its own, whatever the order."""
    a, b = blendshapes(tmp_path / "a.npz", 5), blendshapes(tmp_path / "b.npz", 8)
    at = MEASURED_AUS.index(12)
    read = teacher_of(f"blendshapes={a},{b}")[1]
    assert [read(Record("x", "s"), k).aus[at] for k in (4, 5 + 4)] == pytest.approx([4, 2.5])
    for path in (a, b):
        with np.load(path) as z:
            held = dict(z)
        np.savez(path, **held, ids=np.array([f"{path.stem}/{k + 1}" for k in range(len(held["blend"]))]))
        if path == a:
            with pytest.raises(UserError, match="only some have ids"):
                teacher_of(f"blendshapes={a},{b}")
    read = teacher_of(f"blendshapes={b},{a}")[1]
    assert read(Record("a/5", "s"), 99).aus[at] == pytest.approx(4) and read(Record("c/1", "s"), 0) is None


def test_py_feat_csv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "feat.csv"
    path.write_text("input,FaceScore,AU01,AU12,AU25\nx/0.png,0.9,0.5,1.0,\nx/0.png,0.4,1.0,0.0,0.0\nx/1.png,0.8,0.1,0.2,0.9\n")
    read = teacher_of(f"pyfeat={path}")[1]
    first = read(Record("7", "s", media="/data/x/0.png"), 0).to_dict()
    assert first == {"1": [1.0, 0.0], "12": [3.0, 0.9]}, "the surer face; p = .5 says nothing"
    assert read(Record("1", "s"), 5).to_dict()["25"] == [2.6, 0.64] and read(Record("2", "s"), 0) is None
    path.write_text("input,happiness\n0.png,1\n")
    with pytest.raises(UserError, match="no csv of py-feat"):
        teacher_of(f"pyfeat={path}")


def test_facenet_is_trusted_where_its_views_agree(tmp_path: Path) -> None:
    model, processor = tiny.make()
    model.save_pretrained(tmp_path / "m")
    processor.tokenizer.save_pretrained(tmp_path / "m")
    read = teacher_of(f"facenet={tmp_path / 'm'}")[1]
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (48, 48), np.uint8)).save(out, "PNG")
    found = read(Record("1", "s", image=out.getvalue()), 0)
    assert found.aus.shape == (K,) and (found.aus >= 0).all() and (found.aus <= 5).all()
    assert (found.confidence > 0).all() and (found.confidence < 1).all()
    crop = np.random.default_rng(2).integers(0, 255, (128, 128, 3), np.uint8)
    assert (teachers.views(crop)[1] == crop[:, ::-1]).all() and teachers.views(crop).shape == (5, 128, 128, 3)


def test_command_and_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels are written once, a torn run goes on, and the build explains what the teachers saw."""
    (tmp_path / "set").mkdir()
    data, out = pictures(tmp_path / "set", 30), tmp_path / "out"
    csv = "\n".join(["input,FaceScore,AU12,AU06", *(f"{i}.png,1.0,{min(1, i / 20)},{min(1, i / 20)}" for i in range(30))])
    (tmp_path / "feat.csv").write_text(csv + "\n")
    wanted = [f"blendshapes={blendshapes(tmp_path / 'b.npz', 30)}", f"pyfeat={tmp_path / 'feat.csv'}"]
    sources = [{"name": "csv", "path": str(data)}]
    teach.teach(sources, wanted, out, limit=12, progress=False)
    text = (out / teach.LABELS).read_text()
    (out / teach.LABELS).write_text(text[:-30])
    found = teach.teach(sources, wanted, out, progress=False)
    rows = [json.loads(line) for line in (out / teach.LABELS).read_text().splitlines()]
    assert [r["id"] for r in rows] == [f"csv/{i}.png" for i in range(30)] and (out / teach.LABELS).read_text().startswith(text[:-60])
    assert found["faces"] == 30 and found["agreement"]["blendshapes, pyfeat"]["r"] > 0.8
    assert "| AU12 | lip corner puller | 29 |" in (out / "agreement.md").read_text()
    assert set(rows[2]["teachers"]) == {"pyfeat"}, "no blendshapes: that face was not found"
    with pytest.raises(UserError, match="begun with teachers"):
        teach.teach(sources, wanted[:1], out, progress=False)
    c = build.Config(sources, str(tmp_path / "built"), texts="engine", evidence=str(out / teach.LABELS), same_texts="keep")
    manifest = build.build(c, progress=False)
    assert manifest["kept"] > 5 and manifest["by_au"]["AU12"] > 5
    row = next(iter(shards.rows(tmp_path / "built")))
    assert json.loads(row["extra"])["aus_from"] == "blendshapes+pyfeat"


@pytest.mark.parametrize("words", ["nobody", "blendshapes=gone.npz", "pyfeat=gone.csv"])
def test_mistakes_are_one_line(words: str) -> None:
    with pytest.raises(UserError) as caught:
        teacher_of(words)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="not found"):
        teach.from_labels("gone.jsonl")
