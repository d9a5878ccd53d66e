"""The runner: from data and predictions or a model to a report; kills, mistakes, the leaderboard."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_eval_tasks import CAPTIONS, EXPLAINED

from emoreason.errors import UserError
from emoreason.eval import models, report, rows
from emoreason.eval.answers import read_answer
from emoreason.eval.models import Reasoned
from emoreason.eval.run import TASKS, add_arguments, evaluate, run
from emoreason.facs import MEASURED_AUS

SAMPLES = Path(__file__).parent.parent / "samples"


def pictures(root: Path, each: int = 4) -> Path:
    for emotion in ("anger", "happiness", "sadness"):
        (root / emotion).mkdir(parents=True)
        for i in range(each):
            Image.new("L", (48, 48), 40 * i).save(root / emotion / f"{i}.png")
    return root


def command(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(w) for w in words]))


def test_predictions_to_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, said = pictures(tmp_path / "data"), tmp_path / "said.jsonl"
    rows = [{"id": f"{e}/{i}.png", "emotion": e} for e in ("anger", "happiness", "sadness") for i in range(4)]
    said.write_text("\n".join(map(json.dumps, rows[:-1])) + "\nnot json\n" + json.dumps({"id": "z", "emotion": "fear"}))
    assert command("fer", "--predictions", said, "--data", data, "--out", tmp_path / "run") == 0
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert {k: results[k] for k in ("task", "model", "n", "unscored")} == {
        "task": "fer", "model": "said", "n": 12, "unscored": 1}
    assert set(results["metrics"]["accuracy"]) == {"value", "low", "high"} and results["metrics"]["accuracy"]["value"] == 1
    assert results["unscored_reasons"] == {"no prediction": 1} and results["run"]["seed"] == 0
    assert {"python", "numpy"} <= set(results["run"]["versions"])
    page = (tmp_path / "run/report.html").read_text()
    assert page.count("<svg") >= 2 and not re.search(r"(?:src|href)=.?http", page) and "1 unscored" in page
    assert "| accuracy | 1.0000 |" in (tmp_path / "run/report.md").read_text()
    assert len((tmp_path / "run/items.jsonl").read_text().splitlines()) == 12
    assert "12 items; 1 unscored (8.3%): 1 no prediction. Report: " in capsys.readouterr().out
    assert command("fer", "--predictions", said, "--data", data, "--out", tmp_path / "run", "--limit", "8") == 0
    assert json.loads((tmp_path / "run/results.json").read_text())["n"] == 8


class Model:
    def __init__(self, fail_after: int = 10**9) -> None:
        self.asked, self.fail_after = 0, fail_after

    def ask(self, media, question: str) -> str:
        self.asked += 1
        if self.asked > self.fail_after:
            raise KeyboardInterrupt
        assert media.shape == (48, 48, 3) and "anger, happiness, sadness" in question
        if media[0, 0, 0] == 80:
            raise RuntimeError("out of memory")
        return EXPLAINED


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    data, out = pictures(tmp_path / "data"), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        evaluate(TASKS["fer"], data=data, out=out, model=Model(fail_after=5))
    with (out / "predictions.jsonl").open("a") as file:
        file.write('{"id": "anger/3.png", "outp')  # cut off in the middle of a row
    model = Model()
    results = evaluate(TASKS["fer"], data=data, out=out, model=model)
    assert model.asked == 12 - 4  # five were asked, of which one failed
    assert results["n"] == 12 and results["unscored"] == 3
    assert results["unscored_reasons"] == {"RuntimeError: out of memory": 3}
    assert results["metrics"]["accuracy"]["value"] == pytest.approx(1 / 3)
    with pytest.raises(UserError, match="another run"):
        evaluate(TASKS["fer"], data=pictures(tmp_path / "else"), out=out, model=model)
    (out / "run.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        evaluate(TASKS["fer"], data=data, out=out, model=model)
    assert evaluate(TASKS["fer"], data=data, out=tmp_path / "b", model=Model(), workers=3)["unscored"] == 3


def test_a_run_that_only_fails_stops(tmp_path: Path) -> None:
    class Dead:
        asked = 0

        def ask(self, media, question: str) -> str:
            self.asked += 1
            raise ConnectionError("refused")

    dead, data = Dead(), pictures(tmp_path / "data", each=8)
    with pytest.raises(UserError, match="first 10 answers all failed, the last with ConnectionError: refused"):
        evaluate(TASKS["fer"], data=data, out=tmp_path / "run", model=dead)
    assert dead.asked == 10
    assert evaluate(TASKS["fer"], data=data, out=tmp_path / "few", model=dead, limit=8)["unscored"] == 8


def test_other_weights_are_another_run(tmp_path: Path) -> None:
    assert len(models.weights("nano") or "") == 64 and models.weights("openai:m@http://127.0.0.1:9/v1") is None
    (tmp_path / "model.safetensors").write_bytes(b"1")
    first = models.weights(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert first != models.weights(str(tmp_path)) and models.weights(str(tmp_path / "none")) is None
    report.claim(tmp_path, {"model": "m", "weights": first, "limit": 8}, True)
    report.claim(tmp_path, {"model": "m", "weights": first, "limit": None}, True)
    with pytest.raises(UserError, match="weights was"):
        report.claim(tmp_path, {"model": "m", "weights": models.weights(str(tmp_path)), "limit": None}, True)
    report.claim(tmp_path, {"model": "another", "weights": None, "limit": None}, False)  # no answer came of the first


def test_predictions_are_read_as_they_are(tmp_path: Path) -> None:
    said = tmp_path / "said.jsonl"

    def read(text: str | bytes, wanted: str = "abc") -> tuple[dict, list[str]]:
        said.write_bytes(text if isinstance(text, bytes) else text.encode())
        return rows.predictions(said, list(wanted), ("emotion", "output"))

    found, notes = read('\ufeff{"id": "a", "output": "x\u2028y\u0085z"}\r\n\n{"id": "b", "emotion": null}\n')
    assert found == {"a": {"id": "a", "output": "x\u2028y\u0085z"}, "b": {"id": "b", "emotion": None}} and not notes
    found, notes = read('{"id": "a", "emotion": "sad"}\n{"id": "a", "emotion": "fear"}\n[1]\n{"id": [1]}\n{"id": 7, "emotion": ""}')
    assert found["a"]["emotion"] == "fear" and set(found) == {"a", "7"}
    assert [n.split()[0] for n in notes] == ["2", "1", "1"] and "the last one counts" in notes[1]
    found, _ = read('{"id": "a", "emotion": "sad"}\n{"id": "b", "label": "sad"}')
    assert found["b"]["error"] == "the prediction has none of emotion, output"
    for text, said_of_it in (("", "it is empty"), ("{\n{}", "none of its 2 lines"), ('{"emotion": "sad"}', "none of its 1"),
                             ('{"id": "z"}', "such as 'a', the file 'z'"), ('{"id": "a", "label": 1}', "the first has label"),
                             (b'{"id": "a\xfc"}', "not UTF-8")):
        with pytest.raises(UserError, match=said_of_it) as caught:
            read(text)
        assert "\n" not in str(caught.value)


def test_ids_that_come_twice_are_told(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("id,image,emotion\na,a.jpg,anger\nb,b.jpg,fear\na,c.jpg,sadness\n")
    (tmp_path / "said.jsonl").write_text('{"id": "a", "emotion": "sad"}\n{"id": "b", "emotion": "fear"}\n')
    results = evaluate(TASKS["fer"], data=tmp_path / "own.csv", out=tmp_path / "run", predictions=tmp_path / "said.jsonl")
    assert results["n"] == 2 and results["metrics"]["accuracy"]["value"] == 1
    assert any("1 items of the data have an id that came before" in n for n in results["notes"])


def test_leaderboard(tmp_path: Path) -> None:
    data = pictures(tmp_path / "data")
    for name, right in (("weak", 1), ("strong", 3)):
        rows = [{"id": f"{e}/{i}.png", "emotion": e if k < right else "fear"}
                for k, e in enumerate(("anger", "happiness", "sadness")) for i in range(4)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        evaluate(TASKS["fer"], data=data, out=tmp_path / name, predictions=tmp_path / f"{name}.jsonl")
    text = report.leaderboard([tmp_path / "weak", tmp_path / "strong/results.json"], tmp_path / "board")
    assert text.index("strong") < text.index("weak") and (tmp_path / "board/leaderboard.html").exists()
    assert "different" not in text
    other = json.loads((tmp_path / "weak/results.json").read_text())
    (tmp_path / "other.json").write_text(json.dumps(other | {"run": other["run"] | {"data": "elsewhere"}}))
    assert "different data (data, elsewhere)" in report.leaderboard([tmp_path / "weak", tmp_path / "other.json"], None)
    with pytest.raises(UserError, match="results.json"):
        report.leaderboard([tmp_path / "data"], None)


def test_leaderboard_of_what_should_be_small(tmp_path: Path) -> None:
    for name, error in (("far", 1.5), ("near", 0.2)):
        metrics = {"au_mae": {"value": error, "low": error, "high": error}}
        (tmp_path / f"{name}.json").write_text(json.dumps({"task": "fidelity", "model": name, "n": 1, "unscored": 0, "metrics": metrics}))
    text = report.leaderboard([tmp_path / "far.json", tmp_path / "near.json"], None)
    assert text.index("near") < text.index("far") and "au_mae ↓" in text


@pytest.mark.parametrize(("words", "said"), [
    ([], "--data"), (["--data", "D", "--out", "O"], "--model or --predictions"),
    (["--data", "D", "--out", "O", "--predictions", "gone.jsonl"], "gone.jsonl does not exist"),
    (["--data", "gone", "--out", "O", "--predictions", "P"], "gone does not exist"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--limit", "0"], "--limit"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--option", "fold"], "KEY=VALUE"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--option", "fold=2"], "fold is not known"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--source", "x"], "no source 'x'"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--split", "train"], "split 'train'"),
    (["--data", "D", "--out", "O", "--predictions", "P"], "no prediction for any item"),
    (["--data", "D", "--out", "O", "--predictions", "D"], "cannot be read (Is a directory)"),
    (["--data", "D", "--out", "P", "--predictions", "P"], "cannot be a folder"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--seed", "-1"], "--seed"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--judge", "nano"], "nothing for a judge"),
    (["stray", "--data", "D", "--out", "O", "--predictions", "P"], "takes no stray"),
    (["--data", "E", "--out", "O", "--predictions", "P"], "no reader of fer fits"),
    (["--data", "P", "--out", "O", "--predictions", "P"], "no reader of fer fits"),
])
def test_mistakes_are_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    pictures(tmp_path / "D")
    (tmp_path / "E").mkdir()
    (tmp_path / "P").write_text('{"id": "unknown", "emotion": "sad"}\n')
    named = [str(tmp_path / w) if w in ("D", "E", "O", "P", "gone", "gone.jsonl") else w for w in words]
    with pytest.raises(UserError) as caught:
        command("fer", *named)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("task", TASKS)
def test_a_folder_without_the_data_is_one_line(task: str, tmp_path: Path) -> None:
    (tmp_path / "D").mkdir()
    (tmp_path / "P").write_text('{"id": "unknown"}\n')
    with pytest.raises(UserError) as caught:
        command(task, "--data", tmp_path / "D", "--out", tmp_path / "O", "--predictions", tmp_path / "P")
    assert str(tmp_path / "D") in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "O").exists()


@pytest.mark.parametrize(("labels", "names", "read_as"), [
    (["happy", "sad"], None, ["happiness", "sadness"]), ([0, 3], None, ["anger", "happiness"]),
    ([0, 1], ["neutral", "fear"], ["neutral", "fear"])])
def test_labels_of_a_parquet_file(labels: list, names: list[str] | None, read_as: list[str], tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    picture = (pictures(tmp_path / "data") / "anger/1.png").read_bytes()
    table = pa.table({"image": [{"bytes": picture, "path": None}] * 2, "label": labels})
    if names:
        about = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    pq.write_table(table, tmp_path / "test.parquet")
    (tmp_path / "said.jsonl").write_text("".join(json.dumps({"id": f"test/{i}", "emotion": e}) + "\n" for i, e in enumerate(read_as, 1)))
    results = evaluate(TASKS["fer"], data=tmp_path / "test.parquet", out=tmp_path / "run", predictions=tmp_path / "said.jsonl")
    assert results["metrics"]["accuracy"]["value"] == 1 and results["n"] == 2


# --- each task on files laid out as its sets are published -----------------------------------------------------------


def lay_out(task: str, root: Path) -> tuple[Path, list[dict]]:
    """A small benchmark on disk and its gold predictions."""
    if task == "fec-bench":
        rows = [{"id": i, "video": f"DFEW/{i}.mp4", "caption": c} for i, c in enumerate(CAPTIONS[:10])]
        (root / "test.json").write_text(json.dumps(rows))
        return root / "test.json", [{"id": str(r["id"]), "caption": r["caption"]} for r in rows]
    if task == "dfer":
        lists = root / "split/single/no_caption/set_2"
        lists.mkdir(parents=True)
        for name in ("train", "test"):
            (lists / f"{name}.txt").write_text("".join(f"{i:05d}.mp4 {'anxiety' if i % 2 else 'anger'}\n" for i in range(10)))
        return root, [{"id": f"{i:05d}", "emotion": "anxiety" if i % 2 else "angry"} for i in range(10)]
    if task == "au":
        for s in ("SN001", "SN002", "SN003"):
            folder = root / "ActionUnit_Labels" / s
            folder.mkdir(parents=True)
            for a in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26):
                (folder / f"{s}_au{a}.txt").write_text("".join(f"{f},{(f + a) % 6}\n" for f in range(1, 5)))
        return root, [{"id": f"{s}/{f}", "aus": {str(a): (f + a) % 6 for a in (1, 2, 4, 6, 9, 12, 25, 26)}}
                      for s in ("SN001", "SN002", "SN003") for f in range(1, 5)]
    if task == "va":
        table = "image,valence,arousal\n" + "".join(f"{i}.jpg,{i / 10 - 0.4:.1f},{0.3 - i / 20:.2f}\n" for i in range(9))
        (root / "own.csv").write_text(table)
        return root / "own.csv", [{"id": f"{i}.jpg", "valence": round(i / 10 - 0.4, 1), "arousal": round(0.3 - i / 20, 2)}
                                  for i in range(9)]
    text = "<think>The brows are lowered (AU4).</think><answer>anger</answer>"
    rows = [{"id": f"q{i}", "image": f"{i}.jpg", "AUs": ["AU4"], "labels": ["anger"], "description": text} for i in range(9)]
    (root / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return root / "test.jsonl", [{"id": f"q{i}", "output": text} for i in range(9)]


@pytest.mark.parametrize(("task", "figure", "options"), [
    ("fec-bench", "tem", {}), ("dfer", "uar", {"fold": "2"}), ("au", "au_f1_macro", {}), ("va", "ccc", {}),
    ("fea", "accuracy", {})])
def test_a_smoke_run_of_each_task(task: str, figure: str, options: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    data, rows = lay_out(task, tmp_path / "data")
    said = tmp_path / "gold.jsonl"
    said.write_text("\n".join(map(json.dumps, rows)))
    results = evaluate(TASKS[task], data=data, out=tmp_path / "out", predictions=said, options=options)
    assert results["metrics"][figure]["value"] == pytest.approx(1) and results["unscored"] == 0
    assert results["n"] == len(rows)
    assert evaluate(TASKS[task], data=data, out=tmp_path / "out", predictions=said, options=options, limit=8)["n"] == 8
    assert (tmp_path / "out/report.html").stat().st_size > 5000


def reasoner() -> Any:
    """The real one, with a tiny random model that gets one attempt at each answer."""
    import tiny

    from emoreason.engines.local import NativeEngine
    from emoreason.engines.spec import Spec
    from emoreason.reason import Reasoner

    return Reasoner(engine=NativeEngine(*tiny.make(), Spec("local", "tiny", retries=0)))


def test_a_reasoner_as_model(tmp_path: Path) -> None:
    """The real thing, small: answers are read, evidence and maps come along, a run is resumed and scored."""
    asked = Reasoned(reasoner(), maps=True)
    face = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    row = asked.ask(face, "?")
    assert set(row["evidence"]) == {str(a) for a in MEASURED_AUS} and isinstance(row["output"], str)
    assert any(abs(100 * v - round(100 * v)) > 1e-6 for v in row["evidence"].values())  # .998 is not 1
    found = read_answer(json.loads(json.dumps(row))).maps
    assert found is not None and set(found.values) == set(MEASURED_AUS)
    assert np.allclose(found.frame, [(1 / 48, 0, 0), (0, 1 / 48, 0)], atol=1e-5)
    assert all(m.max() == 255 and m.shape == (16, 16) for m in found.values.values())
    nobody = asked.ask(np.full((300, 300, 3), 128, np.uint8), "?")
    assert read_answer(nobody).emotions == () and "evidence" not in nobody and "maps" not in nobody
    data = pictures(tmp_path / "data", each=1)
    results = evaluate(TASKS["fer"], data=data, out=tmp_path / "run", model=Reasoned(asked.reasoner))
    assert results["n"] == 3 and results["unscored"] == 0 and results["metrics"]["accuracy"]["value"] <= 1


def test_a_reasoner_on_clips(tmp_path: Path) -> None:
    """A clip without a face, by the real reader and tracker: a caption for fec-bench, an abstention for dfer."""
    import av

    with av.open(str(tmp_path / "0.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        for _ in range(12):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((96, 96, 3), 120, np.uint8), format="rgb24")))
        file.mux(stream.encode())
    model = reasoner()
    told = Reasoned(model, captions=True).ask(str(tmp_path / "0.mp4"), "?")
    assert told["caption"] == "No face can be seen in this clip." and read_answer(told).caption == told["caption"]
    assert read_answer(Reasoned(model).ask(str(tmp_path / "0.mp4"), "?")).emotions == ()
    (tmp_path / "test.json").write_text(json.dumps([{"id": i, "video": f"{i}.mp4", "caption": CAPTIONS[0]} for i in range(2)]))
    results = evaluate(TASKS["fec-bench"], data=tmp_path / "test.json", out=tmp_path / "run", options={"media_root": str(tmp_path)},
                       model=Reasoned(model, captions=True))
    assert results["n"] == 2 and results["unscored"] == 1, "the second clip is not there"


def test_a_clip_as_a_folder_of_frames(tmp_path: Path) -> None:
    """DFEW and FERV39k come as frames: the face is followed through them as through the clip itself."""
    import av

    folder = tmp_path / "00001"
    folder.mkdir()
    with av.open(str(SAMPLES / "smile.mp4")) as file:
        for i, frame in zip(range(12), file.decode(video=0), strict=False):
            frame.to_image().save(folder / f"{i:03d}.jpg", quality=95)
    subject = models.in_frames(folder)
    assert subject.track is not None and subject.track.valid.all() and len(subject.track) == 12
    assert subject.track.times[-1] == 11 / models.FPS and subject.film.duration == 12 / models.FPS
    with pytest.raises(UserError, match="no frames"):
        models.in_frames(tmp_path)
