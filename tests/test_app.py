"""The app's parts without a server: what it shows, keeps, refuses and writes."""

import asyncio
import csv
import io
import json
import os
import re
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from paged import SAMPLES

from emoreason import overlay
from emoreason.app import batch, charts, stage, versus, words
from emoreason.app.house import PREFIX, Guard, House, _sweep_dead
from emoreason.app.media import Loaded
from emoreason.app.session import MOST, Session, Sessions
from emoreason.clips import Clip
from emoreason.errors import UserError
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.reason import Answer, Reasoner, Subject, find_subjects
from emoreason.records import Evidence
from emoreason.schema import Explanation, Observation
from emoreason.tracks import Scene
from emoreason.watch import Film


def evidence(levels, frames=1):
    aus = np.zeros((frames, len(MEASURED_AUS)), np.float32)
    for au, value in levels.items():
        aus[:, MEASURED_AUS.index(au)] = value
    k = len(MEASURED_AUS)
    maps = np.full((frames, k, 16, 16), 1 / 256, np.float32)
    p = np.full((frames, len(EMOTIONS)), 1 / len(EMOTIONS), np.float32)
    zero = np.zeros(frames)
    return Evidence(np.arange(frames) / 25, aus, np.zeros_like(aus), maps, p, zero, zero, np.zeros((frames, 3)),
                    np.ones(frames, bool))


def answer(unsupported=(), text="Raised lip corners (AU12) look <b>glad</b>"):
    x = Explanation((Observation(12, 3.0, text="The lip corners are raised"), Observation(4, 2.0, text="The brows sink")),
                    text.replace("<b>", "").replace("</b>", ""), "happiness", 0.8)
    return Answer("a.jpg", "why <i>?", 1, (0, 0, 9, 9), "", x, evidence({12: 3.1}), tuple(unsupported))


@pytest.fixture
def house():
    made = House()
    yield made
    made.close()


# What is shown

def test_conclusion_and_confidence_stand_in_front():
    shown = words.conclusion(answer())
    assert "looks happy" in shown and "80%" in shown and "all 2 claims are supported" in shown


def test_unsupported_claims_are_marked():
    shown = words.conclusion(answer([4]))
    assert "Not supported by the evidence" in shown and 'data-au="4"' in shown and "1 of 2 claims" in shown
    reasons = words.observations(answer([4]))
    assert 'class="er-doubt"' in reasons and "does not carry this" in reasons


def test_each_au_in_the_text_is_a_link():
    linked = words.linked("The raised cheeks (AU6) and AU12 tell it; AU999 does not.")
    assert linked.count('data-au="6"') == 2, "in words and by number"
    assert 'data-au="12"' in linked and "AU999 does" in linked and 'data-au="999"' not in linked


def test_text_of_a_model_is_never_markup():
    bad = Answer("a.jpg", "q", 1, None, "<img src=x onerror=alert(1)>", None, None, problem="<script>")
    assert "<img" not in words.conclusion(bad) and "<script" not in words.conclusion(bad)
    assert "<" not in words.live("<think>a & b <img src=x").removeprefix('<div class="er-live">').removesuffix("</div>")
    assert words.linked("<b>AU12</b>").startswith("&lt;b&gt;")


def test_text_on_its_way_shows_no_tags():
    assert words.live("<think>Key a &") == '<div class="er-live">Key a &amp;</div>'
    assert words.live("<think>done</think><ans") == '<div class="er-live">done</div>'


def test_bars_show_measured_and_claimed():
    bars = charts.bars(evidence({12: 3.1, 1: 0.2}), answer([4]))
    assert bars.index('data-au="12"') < bars.index('data-au="4"'), "strongest first"
    assert "--v:62%" in bars and "left:60%" in bars and 'data-au="1"' not in bars
    assert "claim not supported" in bars


def test_timeline_has_a_button_for_each_event():
    made = evidence({}, 100)
    made.aus[25:75, MEASURED_AUS.index(12)] = 3.0
    shown = charts.timeline(Clip(made, 4.0))
    assert shown.count('class="er-event"') == 1 and "AU12 lip corner puller" in shown
    seek = float(shown.split('data-seek="')[1].split('"')[0])
    assert 1.0 <= seek <= 3.0
    assert "Nothing moves" in charts.timeline(Clip(evidence({}, 100), 4.0))


def filmed(levels):
    """A face of samples/ as a clip of four seconds in which ``levels`` show from 1 to 3 s."""
    made = evidence({}, 100)
    for au, value in levels.items():
        made.aus[25:75, MEASURED_AUS.index(au)] = value
    one = find_subjects(SAMPLES / "happy.jpg")[0].track
    fields = {name: np.repeat(getattr(one, name), 100, 0)
              for name in ("boxes", "landmarks", "crops", "valid", "scores", "poses")}
    track = replace(one, times=np.arange(100) / 25, quality=one.quality * 100, **fields)
    return Subject("a.mp4", 1, None, track, film=Film("a.mp4", 4.0, Scene((track,), track.times, 512, 512),
                                                      Clip(made, 4.0)))


def test_a_movement_that_comes_again_is_asked_for_each_time():
    subject = filmed({12: 3.0})
    subject.clip.evidence.aus[40:60, MEASURED_AUS.index(12)] = 0.0
    reasoner = Reasoner.load("nano")
    forms = [reasoner.request([subject], q).grammar for q in ("When does she smile?", "What changes, and when?")]
    assert ["SEEN1: /AU12" in form for form in forms] == [True, False]


def test_a_clip_has_the_map_of_each_au_where_it_peaks():
    read = []

    def look(crops):
        read.append(crops.shape)
        return evidence({12: 3.0, 6: 2.0}, len(crops))

    subject = filmed({12: 3.0, 6: 2.0})
    maps = stage.peak_maps(subject, look)
    assert read == [(2, 128, 128, 3)], "both peaks in one go"
    assert sorted(re.findall(r'data-au="(\d+)"', maps)) == ["12", "6"]
    assert all(1.0 <= float(t) <= 3.0 for t in re.findall(r'data-at="([\d.]+)"', maps))
    loaded = Loaded("a.mp4", (subject,), np.zeros((8, 8, 3), np.uint8), 1.0, 1, clip=SAMPLES / "x.mp4", maps={1: maps})
    assert maps in stage.clip(loaded, 0, 1, None, "x.mp4")
    assert stage.peak_maps(filmed({}), look) == ""


def test_a_claim_about_a_clip_leads_to_its_moment():
    subject = filmed({12: 3.0})
    x = Explanation((Observation(12, 3.0, span=(1.0, 3.0), text="The lip corners rise"),), "so", "happiness", 0.8)
    shown = words.observations(replace(answer(), explanation=x, film=subject.film))
    apex = subject.film.clip.events[0].apex
    assert f'data-seek="{apex:.3f}"' in shown


def test_regions_follow_the_answer():
    kinds = stage.shown_aus(evidence({12: 3.1, 6: 2.0}), answer([4]))
    assert kinds == {12: "present", 6: "present", 4: "doubt"}


def test_the_card_shows_the_picture_and_grows_with_nothing():
    subject = find_subjects(SAMPLES / "happy.jpg")[0]
    card = overlay.card(subject, answer([4]), subject.image)
    assert card.shape[0] >= 900 and card.shape[1] > 1300 and card.dtype == np.uint8
    red = np.all(np.abs(card.astype(int) - overlay.DOUBT) < 8, axis=2)
    assert red.any(), "the unsupported claim is red"
    assert overlay.card(None, replace(answer(), explanation=None), subject.image).shape == card.shape


# What is kept

def test_uploads_are_swept_and_the_folder_goes(house):
    upload, film = house.root / "a" / "x.jpg", house.room() / "clip.mp4"
    upload.parent.mkdir()
    for path in (upload, film):
        path.write_bytes(b"x")
        os.utime(path, (time.time() - 1000,) * 2)
    assert house.holds(upload) and not house.holds(film) and not house.holds("/etc/hostname")
    assert not house.holds(house.root / "a" / ".." / ".." / "other")
    house.sweep()
    assert not upload.exists() and film.exists(), "a clip stays while its page is open"
    assert house.root.stat().st_mode & 0o077 == 0
    house.close()
    assert not house.root.exists()


def test_what_a_killed_run_left_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead, alive = tmp_path / f"{PREFIX}4194399-x", tmp_path / f"{PREFIX}{os.getpid()}-x"
    dead.mkdir()
    alive.mkdir()
    _sweep_dead()
    assert not dead.exists() and alive.exists()


def test_sessions_are_apart_bounded_and_dropped(house):
    picture = np.zeros((8, 8, 3), np.uint8)
    sessions, room = Sessions(), house.room()
    sessions.of("a").put(Loaded("a.mp4", (), picture, 1.0, 1, room=room), False)
    assert sessions.of("b").media == [] and sessions.of("a").media[0].name == "a.mp4"
    sessions.drop("a")
    assert not room.exists() and sessions.of("a").media == []
    for i in range(MOST + 5):
        sessions.of(str(i))
    assert len(sessions) == MOST


def test_follow_ups_keep_the_context_until_the_face_changes():
    found = find_subjects(SAMPLES / "happy.jpg", "all")
    other = replace(found[0], index=2)
    session = Session()
    session.put(Loaded("h.jpg", (found[0], other), found[0].image, 1.0, 1), False)
    for i in range(4):
        session.remember(f"q{i}", answer())
    assert [t["content"] for t in session.history if t["role"] == "user"] == ["q2", "q3"]
    assert session.choose(0, 2) and session.history == [] and not session.choose(0, 9)


def test_clips_are_not_put_side_by_side(house):
    picture, room, session = np.zeros((8, 8, 3), np.uint8), house.room(), Session()
    session.put(Loaded("h.jpg", (), picture, 1.0, 1), False)
    with pytest.raises(UserError, match="only pictures can be compared"):
        session.put(Loaded("c.mp4", (), picture, 1.0, 1, clip=room / "clip.mp4", room=room), True)
    assert [m.name for m in session.media] == ["h.jpg"] and not room.exists()


def test_what_all_sessions_hold_is_bounded(monkeypatch):
    monkeypatch.setattr("emoreason.app.session.HEAVY", 1000)
    sessions = Sessions()
    for key in "abc":
        sessions.of(key).put(Loaded(key, (), np.zeros((10, 20, 3), np.uint8), 1.0, 1), False)
    sessions.of("c")
    assert [sessions.of(k).media == [] for k in "cba"] == [False, True, True]


def test_a_session_goes_after_an_hour_and_a_closed_one_keeps_nothing(house):
    sessions, room, late = Sessions(), house.room(), house.room()
    mine = sessions.of("a")
    mine.put(Loaded("a.mp4", (), np.zeros((8, 8, 3), np.uint8), 1.0, 1, room=room), False)
    sessions.sweep()
    assert room.exists() and len(sessions) == 1
    mine.used -= 3601
    sessions.sweep()
    assert not room.exists() and len(sessions) == 0
    mine.put(Loaded("b.mp4", (), np.zeros((8, 8, 3), np.uint8), 1.0, 1, room=late), False)
    assert not late.exists() and mine.media == [], "the tab was closed while the upload was read"


def test_uploads_that_wait_for_the_batch_stay(house):
    upload = house.root / "a" / "x.mp4"
    upload.parent.mkdir()
    upload.write_bytes(b"x")
    os.utime(upload, (time.time() - 1000,) * 2)
    house.keep([upload, "/etc/hostname"])
    house.sweep()
    assert upload.exists()


# What is refused

def call(guard, path, headers=(), method="GET", body=b""):
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method,
             "headers": [(b"host", b"127.0.0.1:7860"), *headers] if not headers else list(headers)}
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"]


def test_only_this_machine_and_no_addresses(house):
    seen = []

    async def inner(scope, receive, send):
        seen.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})

    guard = Guard(inner, house)
    assert call(guard, "/") == 200
    assert call(guard, "/", [(b"host", b"evil.example")]) == 400
    assert call(guard, "/gradio_api/file=http://evil.example/x") == 403
    own, length = (b"host", b"127.0.0.1:7860"), (b"content-length", b"9")
    assert call(guard, "/x", [own, (b"origin", b"http://127.0.0.1:7860")]) == 200
    for origin in (b"http://evil.example", b"null", b"http://127.0.0.1.evil.example"):
        assert call(guard, "/x", [own, (b"origin", origin)], "POST") == 403
    assert call(guard, "/gradio_api/upload", [own, length], "POST") == 200
    assert call(guard, "/gradio_api/upload", [own], "POST") == 411
    assert call(guard, "/gradio_api/upload", [own, (b"content-length", b"9999999999")], "POST") == 507
    body = json.dumps({"data": [{"path": "https://evil.example/x.jpg"}]}).encode()
    assert call(guard, "/gradio_api/call/ask", method="POST", body=body) == 403
    fine = json.dumps({"data": ['say "path": "https://x"']}).encode()
    assert call(guard, "/gradio_api/call/ask", method="POST", body=fine) == 200
    assert seen[-1]["body"] == fine, "the body still arrives"
    assert call(guard, "/gradio_api/call/ask", method="POST", body=b" " * (2 << 20)) == 413
    assert call(guard, "/gradio_api/call/ask", method="POST", body=b"[" * 100_000 + b"]" * 100_000) == 400


# What is written

ROW = {"video": "a.mp4", "caption": "=HYPERLINK(1)", "error": None, "warning": None,
       "events": [{"au": 12, "onset": 0.5, "apex": 1.0, "offset": 2.0, "peak": 3.0, "side": "both", "uncertain": None}],
       "explanation": {"emotion": "happiness", "confidence": 0.7}}
FAILED = {"video": "b.mp4", "caption": None, "events": None, "explanation": None, "warning": None, "error": "no clip"}


def test_rows_become_files():
    _, _, lines = batch.as_jsonl([ROW, FAILED])
    assert [json.loads(x)["video"] for x in lines.decode().splitlines()] == ["a.mp4", "b.mp4"]
    name, _, text = batch.as_srt([ROW, FAILED])
    assert name == "a.srt" and "00:00:00,500 --> 00:00:02,000" in text.decode()
    name, _, data = batch.as_srt([ROW, ROW])
    assert sorted(zipfile.ZipFile(io.BytesIO(data)).namelist()) == ["a.srt", "a_2.srt"]
    table = list(csv.DictReader(io.StringIO(batch.as_csv([ROW, FAILED])[2].decode("utf-8-sig"))))
    assert table[0]["au"] == "12" and table[1]["error"] == "no clip"
    assert table[0]["caption"].startswith("'="), "no formula for a spreadsheet"
    with pytest.raises(UserError, match="no clip was captioned"):
        batch.as_srt([FAILED])
    with pytest.raises(UserError, match="no captions"):
        batch.make([], "csv")


def test_a_clip_that_fails_is_a_row(tmp_path):
    path = tmp_path / "0123.mp4"
    path.write_bytes(b"no clip at all")
    row = batch.one(str(path), "mine.mp4", lambda p: None)
    assert row["video"] == "mine.mp4" and "mine.mp4" in row["error"] and str(tmp_path) not in row["error"]
    broken = batch.one(str(SAMPLES / "smile.mp4"), "mine.mp4", lambda p: 1 / 0)
    assert broken["error"] == "mine.mp4 cannot be captioned; the terminal that runs the app says why"
    assert "is no clip" in batch.one(str(SAMPLES / "sad.jpg"), "sad.jpg", lambda p: 1 / 0)["error"]
    with pytest.raises(UserError, match="too many"):
        list(batch.run([("x", "x")] * 21, lambda p: None))


CAPTIONS = ("He raises his brows and opens his mouth.", "She smiles and then closes her eyes.",
            "He frowns, then lowers his head.", "She turns her head to the left and purses her lips.",
            "His mouth opens slightly and he blinks.")


@pytest.fixture
def files(tmp_path):
    def write(name, captions):
        path = tmp_path / name
        path.write_text("".join(json.dumps({"id": str(i), "caption": c}) + "\n" for i, c in enumerate(captions)))
        return str(path)

    data = tmp_path / "test.json"
    rows = [{"id": str(i), "video": f"DFEW/{i}.mp4", "caption": f"At the beginning, the video shows a person. {c}"}
            for i, c in enumerate(CAPTIONS)]
    data.write_text(json.dumps(rows))
    return str(data), write("gold.jsonl", [r["caption"] for r in rows]), write("off.jsonl", CAPTIONS[1:] + CAPTIONS[:1])


def test_two_files_are_compared_in_pairs(files):
    data, gold, off = files
    found = versus.compare(data, gold, off)
    tem = next(r for r in found["rows"] if r["metric"] == "tem")
    assert found["n"] == 5 and tem["first"]["value"] == pytest.approx(1.0) and tem["difference"]["low"] > 0
    assert "first better" in versus.report(found)
    same = versus.compare(data, gold, gold)
    assert all(r["difference"] == {"value": 0, "low": 0, "high": 0} for r in same["rows"]) and same["apart"] == []


def test_files_that_cannot_be_compared(files, tmp_path):
    data, gold, _ = files
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"id": "77", "caption": "x"}\nno json\n')
    with pytest.raises(UserError, match="second has no prediction"):
        versus.compare(data, gold, str(empty))
    empty.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="no text file|no prediction"):
        versus.compare(data, gold, str(empty))
    with pytest.raises(UserError, match="references"):
        versus.compare(gold + ".none", gold, gold)
