"""Clips from the file to the answer: faces followed and measured, captions in batches, the clip that shows it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from make_clips import cut, write

from emoreason import ask, cli, film, video
from emoreason.captioning import Captioned, ClipCaptioner, Untold
from emoreason.clips import FRAMES
from emoreason.engines import Completion
from emoreason.engines.spec import Spec
from emoreason.errors import UserError
from emoreason.reason import Reasoner, find_subjects
from emoreason.schema import Explanation, Observation, render

SMILE = Path(__file__).parent.parent / "samples" / "smile.mp4"


@pytest.fixture(scope="module")
def nano():
    return Reasoner.load("nano")


@pytest.fixture(scope="module")
def smile(nano):
    return nano.measured(find_subjects(SMILE)[0])


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    rng = np.random.default_rng(0)
    return write(tmp_path_factory.mktemp("empty") / "noise.mp4", (rng.integers(0, 255, (120, 160, 3), np.uint8) for _ in range(10)))


def test_a_smile_is_measured_over_time(nano, smile):
    clip = smile.film.clip
    peaks = {e.au: e for e in clip.events}
    assert {6, 12} <= set(peaks) and 0.5 < peaks[12].onset < 1.5 < 2.5 < peaks[12].offset < 3.5
    assert clip.looks[1].ranked[0] == "happiness" == clip.overall.ranked[0] and clip.looks[0].ranked[0] == "neutral"
    assert smile.film.duration == pytest.approx(3.6, abs=0.05) and smile.index == 1 and smile.box is not None
    media = nano._media(smile)
    assert media.scene is None and len(media) == FRAMES
    assert nano.measured(smile) is smile
    request = nano.request([smile], "What changes, and when?")
    first, last = (f"AU{e.au} {e.onset:.1f}" for e in (clip.told[0], clip.told[-1]))
    asked = re.escape(f"Asked: first {first}, last {last}, most ") + r"1\.[3-6] s in part 2: AU12 "
    told = re.escape(clip.words()) + asked + r".* What changes, and when\?"
    assert re.fullmatch(told, request.messages[0]["content"][-1]["text"].replace("neutral.\n", "neutral. "))


def test_frames_too_poor_to_read_count_as_frames_without_the_face(nano, smile):
    from emoreason import watch

    dark = [replace(q, reasons=("too dark",)) for q in smile.track.quality]
    net = nano.model.model.encoder.facenet
    half = replace(smile.track, quality=(*dark[:45], *smile.track.quality[45:]))
    assert watch.measure(net, half, smile.film).clip.start == pytest.approx(1.8, abs=0.05)
    none = watch.measure(net, replace(smile.track, quality=tuple(dark)), smile.film)
    assert none.unread == "too dark" and len(none.clip.evidence.times) == 90
    asked = nano.request([replace(smile, film=none)], "Why?").messages[0]["content"][-1]["text"]
    assert "Note: the face cannot be read: too dark." in asked


def test_a_clip_without_a_face_is_a_result(nano, empty, tmp_path):
    subject = nano.measured(find_subjects(empty)[0])
    answer = nano.answer([subject], "What changes?")
    assert answer.face is None and "No face" in answer.text and answer.to_dict()["events"] == []
    assert "No face" in nano.caption(str(empty)).caption
    with pytest.raises(UserError, match="no face"):
        film.write(subject, answer, tmp_path / "o.mp4")
    with pytest.raises(UserError, match="there is no face 3"):
        find_subjects(empty, 3)


class Writer:
    """An engine that writes one of some texts for every request, in turn."""

    native, sends_to, name, spec = False, None, "writer", Spec("local", "writer")

    def __init__(self, *texts):
        self.texts, self.batches, self.asked = texts, [], []

    def generate(self, requests, on_text=None):
        self.batches.append(len(requests))
        self.asked += requests
        return [Completion(self.texts[i % len(self.texts)], 1, 1) for i in range(len(requests))]


def said(smile, text="The video shows the changing expression of one face. As the video progresses, a smile forms."):
    clip = smile.film.clip
    e = max((e for e in clip.events if e.au == 12), key=lambda e: e.peak)
    seen = Observation(12, e.peak, "both", True, (e.onset, e.offset), "The lip corners are raised")
    return render(Explanation((seen,), text, "happiness", round(clip.overall.emotions["happiness"], 2)))


def test_captions_of_several_clips_are_written_together(smile, empty, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no clip")
    writer = Writer(said(smile))
    made = ClipCaptioner(Reasoner(engine=writer)).batch([str(SMILE), str(broken), str(empty), str(SMILE)])
    assert writer.batches == [4]  # two texts of each clip with a face; none was drawn again
    assert [type(m) for m in made] == [Captioned, UserError, Captioned, Captioned]
    assert made[0].caption.startswith("The video shows") and made[0].warning is None
    assert made[0].explanation.observations[0].span and {e.au for e in made[0].events} >= {6, 12}
    assert any(smile.film.clip.words().strip() in str(r.messages) for r in writer.asked)
    assert made[2].events == () and made[2].explanation.emotion is None


def test_a_movement_is_named_once_among_the_claims_that_do_not_hold(smile):
    away = tuple(Observation(12, 3.0, "both", True, (50.0 + i, 60.0 + i), "The lip corners are raised") for i in range(2))
    writer = Writer(render(Explanation(away, "The look builds up.", "happiness", 0.8)))
    writer.spec = replace(writer.spec, retries=0)
    reasoner = Reasoner(engine=writer)
    answer = reasoner.answer([smile], "What changes, and when?")
    assert answer.unsupported == (12,) and answer.to_dict()["unsupported"] == [12]


@pytest.mark.slow
def test_texts_that_do_not_hold_are_drawn_again_and_marked(smile):
    wrong = said(smile, "At the beginning of the video, the nose wrinkles.")
    captioner = ClipCaptioner(Reasoner(engine=Writer(wrong)))
    made = captioner(str(SMILE))
    assert captioner.reasoner.engine.batches == [2, 4] and "AU9" in made.warning
    with pytest.raises(Untold, match="cannot be read") as e:
        ClipCaptioner(Reasoner(engine=Writer("no tags")))(str(SMILE))
    assert {e.au for e in e.value.events} >= {6, 12}
    declined = render(Explanation(interpretation="I cannot judge honesty; I can only describe what the face does."))
    assert "says nothing" in ClipCaptioner(Reasoner(engine=Writer(declined)))(str(SMILE)).warning
    writer = Writer("no tags", said(smile))
    writer.spec = replace(writer.spec, retries=0)
    made = ClipCaptioner(Reasoner(engine=writer))(str(SMILE))
    assert made.caption.startswith("The video") and "no caption could be read" in made.warning


@pytest.mark.parametrize("text, note", [("no tags", "does not follow the format"), (None, "of AU9")])
def test_an_answer_that_does_not_hold_is_shown_with_what_was_measured(smile, capsys, text, note):
    text = text or said(smile, "At the beginning of the video, the nose wrinkles. AU12 grows.")
    ask._show(Reasoner(engine=Writer(text)), [smile], "What changes, and when?")
    shown = " ".join(capsys.readouterr().out.split())
    assert note in shown and ("is not borne out by what was measured: it " in shown) == (text != "no tags")
    assert "Measured:" in shown and " s AU12 lip corner puller, " in shown
    ask._show(Reasoner(engine=Writer(said(smile))), [smile], "What changes, and when?")
    assert "Measured" not in capsys.readouterr().out


def test_a_clip_cut_short_is_marked(nano, tmp_path):
    whole = video.sample(SMILE)
    path = write(tmp_path / "whole.mp4", whole.images, options={"movflags": "faststart"})
    short = cut(path, tmp_path / "short.mp4", 0.6)
    subject = find_subjects(short)[0]
    assert "cut short" in subject.film.scene.warning and subject.film.duration < 3.4


def test_the_clip_with_bars_and_timeline(nano, smile, tmp_path):
    answer = next(iter([a for a in nano.stream([smile], "What changes, and when?") if not isinstance(a, str)]))
    row = answer.to_dict()
    assert row["duration"] == 3.6 and {e["au"] for e in row["events"]} >= {6, 12} and row["box"]
    assert row["evidence"]["aus"]["12"] == pytest.approx(smile.film.clip.levels[12], abs=0.01)
    written = film.write(smile, answer, tmp_path / "o.mp4")
    assert [p.name for p in written] == ["o.mp4", "o.png"]
    made, whole = video.info(written[0]), video.info(SMILE)
    assert made.frames == whole.frames and made.duration == pytest.approx(whole.duration, abs=0.05)
    assert made.width > whole.width and made.height > whole.height
    for bad in ("o.avi", "missing/o.mp4"):
        with pytest.raises(UserError, match="cannot write"):
            film.write(smile, answer, tmp_path / bad)
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.slow
def test_the_command_answers_about_a_clip(tmp_path, capsys):
    out = tmp_path / "o.mp4"
    assert cli._main(["ask", str(SMILE), "What changes, and when?", "--json", "--save-overlay", str(out)]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 1 and rows[0]["face"] == 1 and rows[0]["events"] and out.stat().st_size > 20_000
    assert cli._main(["caption", str(SMILE), "-o", str(tmp_path / "o.jsonl")]) == 0
    row = json.loads((tmp_path / "o.jsonl").read_text())
    assert row["error"] is None or "cannot be read" in row["error"]


def test_a_long_clip_is_measured_at_every_frame(nano, smile):
    """Thinned, its track keeps every fourth crop; the course still has all frames, and is the same."""
    from emoreason import tracks, watch

    scene = tracks.track(SMILE, limit=30)
    thin = scene.main()
    made = watch.measure(nano.model.model.encoder.facenet, thin, replace(smile.film, scene=scene, clip=None),
                         nano.model.config.emotion_temperature)
    assert len(thin) < 30 and len(made.clip.evidence.times) == len(smile.film.clip.evidence.times) == 90
    np.testing.assert_allclose(made.clip.evidence.aus, smile.film.clip.evidence.aus, atol=0.02)
    assert made.clip.words() == smile.film.clip.words()
    assert 8 <= len(watch.media(thin, made.clip)) <= FRAMES
