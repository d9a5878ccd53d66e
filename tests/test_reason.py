"""The bundled model on pictures: the answer, its evidence, and what it says when there is nothing to say."""

import json
from pathlib import Path

import numpy as np
import pytest

from emoreason import cli
from emoreason.errors import UserError
from emoreason.reason import Answer, Reasoner, find_subjects

ROOT = Path(__file__).parent.parent
SAD, HAPPY = ROOT / "samples" / "sad.jpg", ROOT / "samples" / "happy.jpg"
MEDIA = ROOT.parent / "shared" / "data" / "media"


@pytest.fixture(scope="module")
def nano():
    return Reasoner.load("nano")


def test_an_answer_with_evidence(nano):
    answer = nano.ask(SAD, "Why does this face look sad?")[0]
    assert answer.problem is None and answer.explanation is not None
    assert answer.face == 1 and answer.box is not None
    assert answer.explanation.observations
    assert answer.evidence.aus.shape == (1, 22)


def test_the_smile_is_seen(nano):
    happy, sad = (nano.ask(p)[0].evidence.intensities() for p in (HAPPY, SAD))
    assert happy[12] > sad[12] + 0.5
    assert happy[12] > 1


def test_streaming_ends_with_the_same_text(nano):
    pieces = list(nano.stream(find_subjects(HAPPY), "Which action units are active?"))
    assert isinstance(pieces[-1], Answer)
    assert pieces[-1].retried or "".join(pieces[:-1]) == pieces[-1].text
    assert pieces[-1].text == nano.ask(HAPPY, "Which action units are active?")[0].text


def test_no_face_is_a_result(nano):
    rng = np.random.default_rng(0)
    answer = nano.ask(rng.integers(0, 255, (200, 300, 3)).astype(np.uint8))[0]
    assert answer.face is None and answer.explanation.emotion is None
    assert "No face" in answer.explanation.interpretation


def test_a_face_number_that_does_not_exist():
    with pytest.raises(UserError, match="there is no face 4"):
        find_subjects(SAD, 4)


def test_json_has_the_documented_fields(capsys):
    assert cli._main(["ask", str(HAPPY), "Is the smile genuine?", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 1
    assert {"media", "face", "box", "observations", "interpretation", "emotion", "confidence", "valence", "arousal"} <= rows[0].keys()
    assert {"au", "intensity", "side", "present", "span", "text"} == rows[0]["observations"][0].keys()


def test_overlay_is_written(tmp_path, capsys):
    out = tmp_path / "o.png"
    assert cli._main(["ask", str(HAPPY), "why?", "--save-overlay", str(out)]) == 0
    assert out.stat().st_size > 10_000
    assert cli._main(["ask", str(HAPPY), "why?", "--save-overlay", str(tmp_path / "missing" / "o.png")]) == 2


@pytest.mark.shared
@pytest.mark.skipif(not MEDIA.is_dir(), reason="needs the shared media")
def test_au12_rises_from_neutral_to_smiling(nano):
    rises = []
    for i in range(1, 9):
        levels = [nano.model.model.encoder.facenet.read(find_subjects(MEDIA / "london" / f"00{i}_{k}.jpg")[0].track.crops).intensities()[12]
                  for k in ("neutral", "smiling")]
        rises.append(levels[1] - levels[0])
    assert sum(r > 0 for r in rises) == 8, rises
