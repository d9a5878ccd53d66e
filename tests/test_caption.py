import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import av
import cheap_captioner
import numpy as np
import pytest
from make_clips import cut, write

from emoreason import caption, early
from emoreason.errors import UserError
from emoreason.farm import Farm
from emoreason.journal import Journal
from emoreason.subtitles import cues, stamp

KEYS = ["video", "caption", "events", "explanation", "warning", "error"]


def blush(n=30):
    """A clip that turns red once."""
    return (np.dstack([np.full((48, 64), v, np.uint8) for v in (40 + int(150 * np.sin(np.pi * i / n) ** 2), 40, 40)])
            for i in range(n))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("in")
    (root / "deep").mkdir()
    write(root / "a.mp4", blush())
    write(root / "deep" / "b.mp4", blush())
    write(root / "deep" / "b.mkv", blush())
    (root / "bad.mp4").write_bytes(b"")
    whole = write(root / "whole.mp4", blush(), options={"movflags": "faststart"})
    cut(whole, root / "cut.mp4", 0.8)
    (root / "notes.txt").write_text("not a clip")
    (root / ".hidden.mp4").write_bytes(b"x")
    return root


def command(*words):
    parser = argparse.ArgumentParser()
    caption.add_arguments(parser)
    return parser.parse_args([str(w) for w in words])


def rows(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


KILLED = """
import sys, argparse
sys.path.insert(0, {tests!r})
import cheap_captioner
from emoreason import caption
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    caption.add_arguments(parser)
    sys.exit(caption.run(parser.parse_args(), cheap_captioner.make_slow))
"""


def test_a_folder_to_jsonl(folder, tmp_path, capsys):
    out = tmp_path / "new" / "out.jsonl"
    assert caption.run(command(folder, "-o", out, "--workers", 2), cheap_captioner.make) == 0
    got = {r["video"]: r for r in rows(out)}
    assert sorted(got) == sorted(str(p) for p in folder.rglob("[!.]*") if p.suffix in (".mp4", ".mkv"))
    assert all(list(r) == KEYS for r in got.values())
    good = got[str(folder / "a.mp4")]
    assert good["error"] is None and good["events"][0]["au"] == 12 and "lip corners rise 1 times" in good["caption"]
    assert good["explanation"]["emotion"] == "happiness" and good["explanation"]["observations"][0]["span"]
    bad = got[str(folder / "bad.mp4")]
    assert "empty" in bad["error"] and bad["caption"] is bad["events"] is bad["explanation"] is None
    assert "cut short" in got[str(folder / "cut.mp4")]["warning"] and got[str(folder / "cut.mp4")]["error"] is None
    said = json.loads(capsys.readouterr().out)
    assert (said["clips"], said["done"], said["failed"], said["warned"]) == (6, 6, 1, 1)


def test_it_goes_on_where_it_was_and_retries_on_request(folder, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    bad = tmp_path / "later.mp4"
    bad.write_bytes(b"")
    words = [folder / "a.mp4", bad, folder / "whole.mp4", "-o", out]
    caption.run(command(*words, "--limit", 2), cheap_captioner.make)
    first = rows(out)
    assert [r["error"] is None for r in first] == [True, False]
    write(bad, blush())
    caption.run(command(*words), cheap_captioner.make)
    assert rows(out)[:2] == first and len(rows(out)) == 3
    caption.run(command(*words, "--retry"), cheap_captioner.make)
    assert sorted(r["video"] for r in rows(out)) == sorted(map(str, words[:3]))
    assert all(r["error"] is None for r in rows(out))
    before = out.read_bytes()
    caption.run(command(*words), cheap_captioner.make)
    assert out.read_bytes() == before
    assert '"done": 0' in capsys.readouterr().out.splitlines()[-1]


def test_inputs(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    listed = tmp_path / "list.txt"
    listed.write_text("\ufeff# clips\na.mp4\n\ndeep/b.mp4\ngone.mp4\na.mp4\nbeside.mp4\n", "utf-8")
    write(tmp_path / "beside.mp4", blush(5))
    items = caption.find([str(listed)])
    assert [i.video for i in items] == ["a.mp4", "deep/b.mp4", "gone.mp4", "beside.mp4"]
    assert items[3].path == str(tmp_path / "beside.mp4")
    assert [i.video for i in caption.find(["deep/*"])] == ["deep/b.mkv", "deep/b.mp4"]
    assert [i.video for i in caption.find(["**/b.*", "a.mp4"])] == ["deep/b.mkv", "deep/b.mp4", "a.mp4"]
    assert len({i.stem for i in caption.find(["."])}) == 6


@pytest.mark.parametrize("given, says", [("nowhere", "there is no nowhere"), ("*.none", "no clips"), ("empty", "no clips"),
                                         ("photo.jpg", "neither a clip")])
def test_wrong_inputs(tmp_path, monkeypatch, given, says):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" * 9)
    with pytest.raises(UserError, match=says):
        caption.find([given])


def test_subtitles(folder, tmp_path):
    for form in ("srt", "vtt"):
        out = tmp_path / form
        caption.run(command(folder, "-o", out, "--format", form), cheap_captioner.make)
        made = sorted(str(p.relative_to(out)) for p in out.rglob(f"*.{form}"))
        assert made == sorted([f"a.{form}", f"cut.{form}", f"whole.{form}", f"deep/b.mp4.{form}", f"deep/b.mkv.{form}"])
        assert len(rows(out / "captions.jsonl")) == 6
    text = (tmp_path / "srt" / "a.srt").read_text()
    assert text.startswith("1\n00:00:00,000 --> 00:00:03,000\nThe lip corners rise 1 times")
    assert "[" in (tmp_path / "srt" / "cut.srt").read_text().splitlines()[2] and "[" not in text
    for path in tmp_path.rglob("*.[sv]*t"):  # read back by another reader
        with av.open(str(path)) as file:
            shown = [p for p in file.demux() if p.size]
        assert len(shown) == path.read_text().count("-->") > 1 and all(p.duration > 0 for p in shown)
    assert "lip corner puller (AU12, " in text and (tmp_path / "vtt" / "a.vtt").read_text().startswith("WEBVTT\n\n1\n")


def test_subtitle_text():
    event = {"au": 4, "onset": 3661.5, "offset": 3661.6, "peak": 2.0, "side": "left", "uncertain": "while speaking"}
    text = cues({"caption": "a --> b <i> & c", "events": [event]}, "vtt")
    assert "01:01:01.500 --> 01:01:02.500\nbrow lowerer (AU4, 2.0, left; uncertain: while speaking)" in text
    assert "a -&gt; b &lt;i&gt; &amp; c" in text
    assert stamp(59.9996, "srt") == "00:01:00,000"


def test_parquet(folder, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "out.parquet"
    caption.run(command(folder, "-o", out), cheap_captioner.make)
    table = pq.read_table(out).to_pylist()
    journal = {r["video"]: r for r in rows(f"{out}.rows.jsonl")}
    assert len(table) == 6
    for r in table:
        assert r == journal[r["video"]]
    caption.run(command(folder, "-o", out), cheap_captioner.make)
    assert pq.read_table(out).num_rows == 6


def test_a_dying_worker_and_a_bug_cost_one_clip_each(folder, tmp_path):
    for name in ("crash.mp4", "bug.mp4"):
        write(tmp_path / name, blush(5))
    out = tmp_path / "out.jsonl"
    caption.run(command(tmp_path / "crash.mp4", tmp_path / "bug.mp4", folder / "a.mp4", folder / "whole.mp4", "-o", out,
                        "--workers", 2), cheap_captioner.make)
    got = {Path(r["video"]).name: r["error"] for r in rows(out)}
    assert got == {"crash.mp4": "the worker died on this clip (out of memory or killed)",
                   "bug.mp4": "ZeroDivisionError: division by zero", "a.mp4": None, "whole.mp4": None}


def test_a_clip_that_was_measured_but_not_told_keeps_its_events(tmp_path):
    write(tmp_path / "untold.mp4", blush())
    items = caption.find([str(tmp_path)])
    for form in ("jsonl", "srt", "parquet"):
        assert caption.caption(items, tmp_path / form, cheap_captioner.make, format=form, quiet=True)["failed"] == 1
    (row,) = rows(tmp_path / "jsonl")
    assert "cannot be read" in row["error"] and row["caption"] is None and row["events"][0]["au"] == 12
    assert (tmp_path / "srt" / "untold.srt").read_text().count("-->") == len(row["events"])


def test_a_killed_run_leaves_no_worker_behind(tmp_path):
    write(tmp_path / "hang.mp4", blush(5))
    script = tmp_path / "go.py"
    script.write_text(KILLED.format(tests=str(Path(__file__).parent)))
    log = tmp_path / "log"
    run = subprocess.Popen([sys.executable, str(script), str(tmp_path / "hang.mp4"), "-o", str(tmp_path / "o.jsonl")],
                           env={**os.environ, "CAPTION_LOG": str(log)}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while not log.exists() and time.monotonic() < deadline:  # the worker is at the clip
        time.sleep(0.05)
    workers = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    run.kill()
    run.wait(10)
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{p}").exists() for p in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers and not any(Path(f"/proc/{p}").exists() for p in workers)


def test_a_clip_that_takes_too_long_is_given_up(folder, tmp_path):
    write(tmp_path / "hang.mp4", blush(5))
    out = tmp_path / "out.jsonl"
    items = caption.find([str(tmp_path / "hang.mp4"), str(folder / "a.mp4")])
    caption.caption(items, out, cheap_captioner.make, limit=4, quiet=True)
    assert [r["error"] for r in rows(out)] == ["the clip took longer than 4 s", None]


def test_workers_are_replaced_after_a_while():
    with Farm(cheap_captioner.make_pid, 1, life=2) as farm:
        done = [(item, value) for item, value, died in farm.run(range(5))]
    assert [item for item, _ in done] == [0, 1, 2, 3, 4]
    assert [[pid for _, pid in done].count(pid) for pid in dict.fromkeys(pid for _, pid in done)] == [2, 2, 1]


def test_what_is_begun_early_is_taken_once_and_may_cost_its_worker(folder, tmp_path):
    early.begin(folder / "a.mp4")
    assert len(early.take(str(folder / "a.mp4"), list).times) and early.take(folder / "a.mp4", list) == []
    (tmp_path / "no.mp4").write_bytes(b"no clip")
    early.begin(tmp_path / "no.mp4")
    with pytest.raises(UserError):
        early.take(tmp_path / "no.mp4", list)
    with Farm(cheap_captioner.make_pid, 1, begin=cheap_captioner.die) as farm:
        assert [died for _, _, died in farm.run(range(3))] == [None] * 3


def test_a_model_that_cannot_be_loaded_ends_the_run(folder, tmp_path):
    with pytest.raises(UserError, match="reinstall"):
        caption.run(command(folder, "-o", tmp_path / "o.jsonl", "--workers", 2), cheap_captioner.make_none)
    assert (tmp_path / "o.jsonl").read_bytes() == b""
    for words in (["--workers", 0], ["--limit", 0]):
        with pytest.raises(UserError, match="at least 1"):
            caption.run(command(folder, "-o", tmp_path / "o.jsonl", *words), cheap_captioner.make)


def test_outputs_that_cannot_be(folder, tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        caption.run(command(folder, "-o", tmp_path), cheap_captioner.make)
    for text in ("my notes", "my notes\n", '{"a": 1}\n{"b"'):
        (tmp_path / "mine.txt").write_text(text)
        with pytest.raises(UserError, match="no caption row"):
            caption.run(command(folder, "-o", tmp_path / "mine.txt"), cheap_captioner.make)
        assert (tmp_path / "mine.txt").read_text() == text
    with Journal(tmp_path / "busy.jsonl"), pytest.raises(UserError, match="another run"):
        caption.run(command(folder, "-o", tmp_path / "busy.jsonl"), cheap_captioner.make)


def test_every_cut_of_the_last_row_is_mended(tmp_path):
    row = {k: None for k in KEYS}
    path = tmp_path / "j.jsonl"
    with Journal(path) as j:
        for n in range(2):
            j.add(row | {"video": f"clip {n} é.mp4", "caption": "x" * 20})
        j.add(row | {"video": "bad\udcff.mp4"})
        j.add(row | {"video": "clip 1 é.mp4"})
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 3
    for n in range(len(lines[0]), len(whole)):
        path.write_bytes(whole[:n])
        with Journal(path) as j:
            assert j.done >= {"clip 0 é.mp4"} and len(j.done) == whole[:n].count(b"\n")
        assert path.read_bytes() == b"".join(lines[:whole[:n].count(b"\n")])


def test_killed_at_any_moment_no_clip_is_lost_or_done_twice(tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    write(clips / "000.mp4", blush(6))
    for i in range(1, 40):
        os.link(clips / "000.mp4", clips / f"{i:03d}.mp4")
    script, out, log = tmp_path / "go.py", tmp_path / "out.jsonl", tmp_path / "log"
    script.write_text(KILLED.format(tests=str(Path(__file__).parent)))
    start = [sys.executable, str(script), str(clips), "-o", str(out), "--workers", "2"]
    rng, kills = random.Random(4), 0
    for _ in range(30):
        run = subprocess.Popen(start, env={**os.environ, "CAPTION_LOG": str(log)}, stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
        had = len(out.read_bytes().splitlines()) if out.exists() else 0
        deadline = time.monotonic() + 60
        while kills < 3 and run.poll() is None and time.monotonic() < deadline:  # let it do a few, then kill
            if out.exists() and len(out.read_bytes().splitlines()) >= had + 3:
                time.sleep(rng.uniform(0, 0.06))
                run.kill()
                kills += 1
                break
            time.sleep(0.01)
        run.wait(60)
        if run.returncode == 0:
            break
    got = [r["video"] for r in rows(out)]
    assert kills == 3 and sorted(got) == sorted(str(p) for p in clips.iterdir())
    assert len(got) == len(set(got)) == 40
    again = log.read_text().split()
    assert len(again) - 40 <= kills * 4  # only what was under way, or done and not yet written, is begun anew


def test_memory_stays_flat(tmp_path):
    """The parent keeps names, not rows: 20,000 rows of 2 kB may not cost it 20 MB."""
    row = {k: None for k in KEYS}
    with open(tmp_path / "j.jsonl", "w") as f:
        for n in range(20_000):
            f.write(json.dumps(row | {"video": f"{n}.mp4", "caption": "x" * 2000}) + "\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Journal(tmp_path / "j.jsonl") as j:
        assert j.count(j.done)["failed"] == 0 and sum(map(len, j.batches(256))) == 20_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_batches_and_a_clip_that_kills_one(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCH_LOG", str(tmp_path / "log"))
    clips = tmp_path / "in"
    clips.mkdir()
    for i in range(8):
        write(clips / (f"crash{i}.mp4" if i == 3 else f"bug{i}.mp4" if i == 5 else f"ok{i}.mp4"), blush(6))
    items = sorted(caption.find([str(clips)]), key=lambda i: i.stem[-1])
    counts = caption.caption(items, tmp_path / "o.jsonl", cheap_captioner.make_together, batch=4, quiet=True)
    got = {Path(r["video"]).stem: r["error"] for r in rows(tmp_path / "o.jsonl")}
    assert counts["done"] == 8 == len(got) and counts["failed"] == 2
    assert "killed" in got["crash3"] and "ZeroDivisionError" in got["bug5"] and got["ok4"] is None
    # the first alone, then two groups, of which the first is tried again one by one
    assert sorted((tmp_path / "log").read_text().split()) == sorted("1 4 3 1 1 1 1".split())
