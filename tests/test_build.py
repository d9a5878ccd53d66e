"""Shards, the build and its card: atomic, resumable, loadable, counted."""

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from emoreason import images
from emoreason.data_pipeline import build, shards
from emoreason.data_pipeline.filter import REASONS
from emoreason.data_pipeline.job import row_features
from emoreason.errors import UserError
from emoreason.sources import Record


def face(seed):
    out = io.BytesIO()
    rough = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (9, 9), np.uint8))
    rough.resize((64, 64), Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()


def make_set(folder, n=60):
    """n coded pictures, among them a bad row, a broken picture, a duplicate and a contradicted label."""
    folder.mkdir(parents=True)
    rows = ["image,emotion,subject,AU1,AU4,AU6,AU12,AU15,AU25"]
    for i in range(n):
        (folder / f"{i}.png").write_bytes(face(7 if i == 9 else i))
        sad = i % 2
        rows.append(f"{i}.png,{'sad' if sad else 'joy'},p{i // 2},{3 * sad},{2.5 * sad},{2.6 * (1 - sad)},"
                    f"{3.4 * (1 - sad)},{2.2 * sad},0")
    rows[4] += ",extra"
    (folder / "5.png").write_bytes(b"broken")
    (folder / "t.csv").write_text("\n".join(rows) + "\n")
    return folder / "t.csv"


def config(tmp_path, path, **options):
    return build.Config(sources=[{"name": "csv", "path": str(path)}], out=str(tmp_path / "out"), rows=10,
                        same_texts="keep", shares={"train": 0.6, "test": 0.4}, duplicates="drop", leaks="drop", **options)


def test_end_to_end(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    manifest = build.build(config(tmp_path, make_set(tmp_path / "set")), progress=False)
    out = tmp_path / "out"
    rejects = [json.loads(line) for line in (out / "rejects.jsonl").read_text().splitlines()]
    reasons = [r["reason"] for r in rejects]
    assert manifest["complete"] and manifest["items"] == 60 and manifest["kept"] + len(rejects) == 60
    assert reasons.count("bad record") == 1 and reasons.count("unreadable picture") == 1
    assert reasons.count("duplicate picture") + reasons.count("duplicate of another split") == 1
    assert set(reasons) <= set(REASONS) and manifest["by_reason"] == {r: reasons.count(r) for r in set(reasons)}
    assert "t.csv, line 5" in next(r["detail"] for r in rejects if r["reason"] == "bad record")
    assert str(tmp_path) not in json.dumps(manifest)

    shards.verify(out)
    data = shards.load(out)
    assert set(data) == {"train", "test"} and sum(map(len, data.values())) == manifest["kept"] > 50
    row = data["train"][0]
    assert row["image"].size == (64, 64) and row["origin"] == "engine" and "<answer>" in row["text"]
    people = [set(data[s]["subject"]) for s in data]
    assert not people[0] & people[1]
    assert next(iter(shards.load(out, streaming=True)["test"]))["id"]

    card = (out / "card.md").read_text()
    assert "60 source records" in card and "unreadable picture" in card and "AU12" in card
    assert Image.open(out / "card.png").size[0] > 500
    again = build.build(config(tmp_path, tmp_path / "set/t.csv"), progress=False)
    assert again == manifest, "a complete set is left alone"


def png_header(width, height):
    """A PNG that claims a size and holds no pixels."""
    import struct
    import zlib

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("workers", (1, 2))
def test_every_kind_of_broken_picture_is_a_counted_reject(tmp_path, workers):
    """Text, a cut-off file, one too large to decode, an empty one, none: each left out, the good one kept."""
    pictures = {"good": face(1), "text": b"GIF89a no", "cut": face(2)[:90], "huge": png_header(60_000, 60_000),
                "torn": png_header(50, 50), "empty": b""}
    for name, data in pictures.items():
        (tmp_path / f"{name}.png").write_bytes(data)
    rows = [f"{n}.png,joy,train,0,2.6,3.1" for n in (*pictures, "gone")]
    (tmp_path / "t.csv").write_text("image,emotion,split,AU4,AU6,AU12\n" + "\n".join(rows) + "\n")

    def look(record):  # as hooks.from_facenet does
        images.read(record.picture())
        return record

    c = build.Config([{"name": "csv", "path": str(tmp_path / "t.csv")}], str(tmp_path / "o"), workers=workers)
    manifest = build.build(c, evidence=look, progress=False)
    rejects = [json.loads(line) for line in (tmp_path / "o/rejects.jsonl").read_text().splitlines()]
    assert manifest["kept"] == 1 and manifest["by_reason"] == {"unreadable picture": 6}
    assert all(r["id"] in r["detail"] for r in rejects)
    assert "million" in next(r["detail"] for r in rejects if r["id"] == "huge.png")


def content(folder):
    return [{k: v for k, v in r.items()} for r in shards.rows(folder)], (folder / "rejects.jsonl").read_bytes()


def test_stopping_anywhere_changes_nothing(tmp_path):
    path = make_set(tmp_path / "set", 40)
    build.build(config(tmp_path / "a", path), progress=False)
    for limit in (1, 7, 22, 40, None):
        manifest = build.build(config(tmp_path / "b", path, limit=limit), progress=False)
    assert manifest["complete"]
    rows, rejects = content(tmp_path / "a/out")
    assert rejects == content(tmp_path / "b/out")[1]
    by_id = {(r["id"], r["part"]): r for r in content(tmp_path / "b/out")[0]}
    assert by_id == {(r["id"], r["part"]): r for r in rows} and len(by_id) == len(rows)


SLOW = """
import sys, time
from emoreason.data_pipeline import build
from emoreason.data_pipeline.hooks import explain_record
def slowly(record, rng):
    time.sleep(0.02)
    return explain_record(record, rng)
c = build.Config(sources=[{"name": "csv", "path": sys.argv[1]}], out=sys.argv[2], rows=10, same_texts="keep",
                 shares={"train": 0.6, "test": 0.4}, duplicates="drop", leaks="drop")
build.build(c, write=slowly, progress=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_kill_and_resume(tmp_path):
    """Killed for real, twice, after some shards and before the end; then the result is that of an undisturbed run."""
    path = make_set(tmp_path / "set", 80)
    build.build(config(tmp_path / "calm", path), progress=False)
    out, done = tmp_path / "killed/out", 0
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", SLOW, str(path), str(out)])
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            try:
                now = json.loads((out / "manifest.json").read_text())["items"]
            except FileNotFoundError:
                now = 0
            if now > done:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        manifest = shards.load_manifest(out)
        assert done < manifest["items"] < 80 and not manifest["complete"]
        done = manifest["items"]
    # What a kill between two steps leaves behind: a shard that the manifest does not name, a cut-off line.
    (out / "data/train-00099.parquet").write_bytes(b"half")
    (out / "data/train-00098.parquet.part").write_bytes(b"half")
    with (out / "rejects.jsonl").open("ab") as f:
        f.write(b'{"reason": "half')
    manifest = build.build(config(tmp_path / "killed", path), progress=False)
    assert manifest["complete"]
    shards.verify(out)
    rows, rejects = content(tmp_path / "calm/out")
    after, rejects_after = content(out)
    assert rejects_after == rejects
    assert sorted(r["id"] for r in after) == sorted(r["id"] for r in rows) and len({r["id"] for r in after}) == len(after)
    assert {r["id"]: r for r in after} == {r["id"]: r for r in rows}
    assert sorted(p.name for p in (out / "data").iterdir()) == sorted(s["file"].split("/")[1] for s in manifest["shards"])


def test_a_leak_stops_the_build(tmp_path):
    (tmp_path / "1.png").write_bytes(face(1))
    path = tmp_path / "t.csv"
    path.write_text("image,emotion,split,subject,id\n1.png,sad,train,p,a\n1.png,sad,test,q,b\n")
    options = {"sources": [{"name": "csv", "path": str(path)}], "texts": "none"}
    with pytest.raises(UserError, match="leak between splits: csv b in test nearly repeats csv a in train"):
        build.build(build.Config(out=str(tmp_path / "o1"), **options), progress=False)
    manifest = build.build(build.Config(out=str(tmp_path / "o2"), leaks="drop", **options), progress=False)
    assert manifest["kept"] == 1 and manifest["by_reason"] == {"duplicate of another split": 1}
    path.write_text("image,emotion,split,subject,id\n,,,,\nno.png,sad,train,p,a\n")
    path.write_text("video,emotion,split,subject,id\na.mp4,sad,train,p,a\nb.mp4,sad,test,p,b\n")
    with pytest.raises(UserError, match="subject p"):
        build.build(build.Config(out=str(tmp_path / "o3"), **options), progress=False)


def test_texts_of_the_source_and_repeats(tmp_path):
    good = "<think>Key observations: Up (AU12). Interpretation: A smile.</think><answer>happiness</answer>"
    rows = [{"id": i, "image": f"{i}.png", "question": "Why?", "AUs": ["AU12"], "labels": ["happiness"], "description": d}
            for i, d in enumerate((good, good, good.replace("happiness", "fear"), "He smiles.", None))]
    for i in range(5):
        (tmp_path / f"{i}.png").write_bytes(face(i))
    (tmp_path / "f.jsonl").write_text("\n".join(map(json.dumps, rows)))
    c = build.Config(sources=[{"name": "fea20k", "path": str(tmp_path / "f.jsonl")}], out=str(tmp_path / "o"), texts="source")
    manifest = build.build(c, progress=False)
    assert manifest["kept"] == 1 and manifest["by_reason"] == {
        "duplicate text": 1, "conclusion differs": 1, "malformed": 1, "nothing to explain": 1}
    (row,) = shards.rows(tmp_path / "o")
    assert (row["text"], row["origin"], row["question"]) == (good, "source", "Why?")
    assert Record.from_row({**row, "image": None}).aus == {12: None}


def test_an_evidence_step_completes_or_rejects(tmp_path):
    path = make_set(tmp_path / "set", 12)

    def halve(record):
        from emoreason.data_pipeline.filter import Rejection
        return record if int(record.id.split(".")[0]) < 6 else Rejection("no face", "none found")

    manifest = build.build(config(tmp_path, path), evidence=halve, progress=False)
    assert manifest["by_reason"]["no face"] == 6


def test_user_mistakes(tmp_path):
    path = make_set(tmp_path / "set", 6)
    good = config(tmp_path, path)
    build.build(good, progress=False)
    with pytest.raises(UserError, match="begun with seed = 0, now it is 1"):
        build.build(config(tmp_path, path, seed=1), progress=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    for change in ({"out": str(tmp_path / "full")}, {"sources": []}, {"sources": [{"name": "nope", "path": "x"}]},
                   {"texts": "poems"}, {"evidence": "no.module:here"}, {"rows": 0}):
        with pytest.raises(UserError):
            build.build(build.Config(**{"sources": good.sources, "out": str(tmp_path / "new")} | change), progress=False)
    assert (tmp_path / "full/notes.txt").read_text() == "mine"
    shard = tmp_path / "out" / shards.load_manifest(tmp_path / "out")["shards"][0]["file"]
    shard.write_bytes(shard.read_bytes() + b"x")
    with pytest.raises(UserError, match="changed"):
        shards.verify(tmp_path / "out")


def test_one_writer_at_a_time(tmp_path):
    first = shards.Shards(tmp_path / "o", row_features(), {}, [])
    with pytest.raises(UserError, match="another process"):
        shards.Shards(tmp_path / "o", row_features(), {}, [])
    first.close()
    shards.Shards(tmp_path / "o", row_features(), {}, []).close()


def test_command_line(tmp_path, capsys):
    path = make_set(tmp_path / "set", 8)
    parser = argparse.ArgumentParser()
    build.add_arguments(parser)
    settings = tmp_path / "c.yaml"
    settings.write_text(f"sources: [{{name: csv, path: {path}}}]\nseed: 4\nleaks: drop\nsame_texts: keep\n")
    assert build.run(parser.parse_args([str(settings), "-o", str(tmp_path / "o"), "--seed", "5"])) == 0
    assert shards.load_manifest(tmp_path / "o")["config"]["seed"] == 5
    assert "left out" in capsys.readouterr().out
    assert build.source_of("disfa=a/b,every=3,frames={subject}.jpg") == {
        "name": "disfa", "path": "a/b", "every": 3, "frames": "{subject}.jpg"}
    for bad in (["-o", "x"], ["--source", "csv=a"], ["--source", "csv", "-o", "x"], ["none.yaml", "-o", "x"]):
        with pytest.raises(UserError):
            build.config_of(parser.parse_args(bad))
    settings.write_text("sorces: []\n")
    with pytest.raises(UserError, match="unknown field 'sorces'"):
        build.config_of(parser.parse_args([str(settings)]))


def test_the_refused_text_is_kept(tmp_path):
    path = make_set(tmp_path / "set", 4)
    build.build(config(tmp_path, path), write=lambda r, rng: ("Why?", "no tags", True), progress=False)
    rejects = [json.loads(line) for line in (tmp_path / "out/rejects.jsonl").read_text().splitlines()]
    assert {(r["reason"], r["text"]) for r in rejects if r["id"]} == {("malformed", "no tags")}
