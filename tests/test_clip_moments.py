"""Which part of a clip a question is about, and what is told and allowed about it."""

import random
import re
from dataclasses import replace

import numpy as np
import pytest
from made import made_clip

from emoreason.clip_checks import check_clip
from emoreason.clip_moments import about, asked, moment, movement, series, spans
from emoreason.clips import Clip
from emoreason.data_pipeline.clip_text import NAMED, ask_clip, write_clip
from emoreason.data_pipeline.courses import ClipFacts
from emoreason.data_pipeline.questions import Question
from emoreason.facs import MEASURED_AUS
from emoreason.schema import Explanation, Observation, render

CLIP = made_clip(aus={12: (1.0, 2.5, 3.0), 4: (0.0, 0.8, 2.0)}, looks=[(0, "neutral"), (1.1, "happiness"), (2.4, "neutral")])


WHOLE = (r"Asked: first AU4 0\.0, last AU12 1\.0, most (1\.\d) s in part 2: AU12 3\.\d 1\.0-2\.5 top 1\.\d\. "
         r"Looks neutral, happiness, neutral\.\n")


@pytest.mark.parametrize("question, part, aus", [
    ("What is active at 1.6 s?", 1, {12}), ("Why does it look so at first?", 0, {4}), ("Does it look happy at the end?", 3, set()),
    ("What happens around second 2.2?", 2, {12})])
def test_a_time_or_a_part(question, part, aus):
    assert moment(question, CLIP)[0] == part and asked(question, CLIP) == (CLIP.looks[part],)
    assert set(spans(question, CLIP)) == aus
    line = about(question, CLIP)
    assert line.startswith("Asked: ") and line.endswith("\n") and f"part {part + 1}" in line
    assert {int(a) for a in re.findall(r"AU(\d+)", line)} == aus and CLIP.looks[part].ranked[0] in line


@pytest.mark.parametrize("question", ["Tell what the face does from beginning to end", "Describe the video.", "Is the smile genuine?",
                                      "What changes, and when?"])
def test_the_whole(question):
    assert moment(question, CLIP) is None and spans(question, CLIP) == CLIP.spans
    assert re.fullmatch(WHOLE, about(question, CLIP)), about(question, CLIP)
    assert asked(question, CLIP) == (CLIP.overall,)


@pytest.mark.parametrize("question, aus", [
    ("When does the smile begin?", {12}), ("When does the person smile?", {12}), ("How long does AU4 last?", {4}), ("When does the mouth open?", {25, 26}),
    ("Is the smile genuine?", set()), ("What changes, and when?", set())])
def test_the_movement_that_a_question_about_time_is_about(question, aus):
    assert movement(question) == aus
    assert set(spans(question, CLIP)) == (set(CLIP.spans) & aus if aus else set(CLIP.spans))


def test_what_is_told_about_one_movement():
    told = about("When does the smile begin?", CLIP)
    assert re.fullmatch(r"Asked: AU12 3\.\d 1\.0-2\.5 top (\d\.\d); once begins 1\.0 peaks \1 gone 2\.5\.\n", told), told
    assert about("Why?", made_clip(aus={})).startswith("Asked: most ")
    assert about("When does the nose wrinkle?", CLIP) == "Asked: AU9 none, at most 0.1.\n"
    assert about("When does the mouth open?", CLIP).count("none") == 2
    often = made_clip(aus={25: (0.0, 0.3, 2.0)}).evidence
    again = replace(often, aus=2 * np.abs(np.sin(4 * often.times))[:, None] * (np.array(MEASURED_AUS) == 25))
    told = about("When do the lips part?", Clip(again, 4.0))
    assert re.search(r"; 5 times, strongest \d\.\d\.\n", told)
    assert len(re.findall(r"\d-\d", told)) == 4
    blink = made_clip(aus={43: (1.0, 1.2, 4.8)})
    assert re.search(r"AU43 none, at most 0\.\d, a blink 1\.\d", about("When do the eyes close?", blink))


def test_a_movement_of_another_time_does_not_answer():
    frown = Observation(4, 2.0, "both", True, (0.0, 0.8), "The brows are slightly knitted")
    x = Explanation((frown,), "The brows are knitted.", "happiness", round(CLIP.looks[1].emotions["happiness"], 2))
    assert check_clip(render(x), CLIP, "What is active at 1.6 s?").slips == ("gives AU4 of another time",)
    assert not check_clip(render(x), CLIP, "What is there at 0.5 s?").slips[:-1]


@pytest.mark.parametrize("question, said, slip", [
    ("When does the smile begin?", "AU12, the lip corner puller, shows from 1.0 to 2.5 seconds.", None),
    ("When does she smile?", "The smile looks genuine: the cheeks rise together with the lip corners.", "answers a question about a smile"),
    ("When does the smile begin?", "The lip corners are raised, and this then goes back.", "does not tell the course"),
    ("When does the smile begin?", "AU4, the brow lowerer, shows from 0.0 to 0.8 seconds.", "does not speak of AU12"),
    ("When do the brows draw together?", "AU4, the brow lowerer, shows from 0.0 to 0.8 seconds.", None),
    ("When does the nose wrinkle?", "The nose wrinkler does not show at any time.", None)])
def test_when_one_movement_shows(question, said, slip):
    told = ((12, (1.0, 2.5), "The lip corners are raised"), (4, (0.0, 0.8), "The brows are knitted"))
    seen = tuple(Observation(a, None, "both", True, span, text) for a, span, text in told if f"AU{a}" in said)
    x = Explanation(seen, said, "happiness", round(CLIP.overall.emotions["happiness"], 2))
    slips = check_clip(render(x), CLIP, question).slips
    assert slip in slips if slip else slips == ()


def test_a_movement_that_comes_again_is_told_each_time():
    one = made_clip(aus={12: (1.0, 2.0, 2.0)}, looks=[(0, "happiness")])
    aus = np.maximum(one.evidence.aus, 1.5 * np.roll(one.evidence.aus, len(one.evidence.times) // 2, axis=0))
    clip = Clip(replace(one.evidence, aus=aus), one.duration)
    first, last = (e for e in clip.events if e.au == 12)
    asked = Question("when", "When does she smile?", au=12)
    x = write_clip(ClipFacts(clip), asked, random.Random(0))
    right = f"2 times, from {first.onset:.1f} to {first.offset:.1f} and from {last.onset:.1f} to {last.offset:.1f} seconds"
    assert right in x.interpretation and check_clip(render(x), clip, asked.text).slips == ()
    assert [o.span[0] for o in x.observations] == [round(first.onset, 1), round(last.onset, 1)]
    assert series(asked.text, clip) == (2, (first, last))
    for question, of in ((asked.text, one), ("What changes, and when?", clip), ("When does she smile at the end?", clip)):
        assert series(question, of) == (0, ())
    text = x.interpretation.replace(f"from {first.onset:.1f} to", f"from {first.offset:.1f} to")
    slips = check_clip(render(replace(x, interpretation=text)), clip, asked.text).slips
    assert f"says {first.offset:.1f} to {first.offset:.1f} s, when that does not happen" in slips
    text = x.interpretation.replace("2 times", "3 times")
    assert "says that it comes 3 times" in check_clip(render(replace(x, interpretation=text)), clip, asked.text).slips


def test_what_lasts_is_what_began_then():
    clip = made_clip(aus={12: (2.0, 9.0, 3.0), 4: (0.0, 0.8, 2.0)}, looks=[(0, "happiness")])
    said = "AU12, the lip corner puller, begins at {} seconds and still shows when the clip ends."
    for time, right in ((2.0, True), (0.8, False)):
        x = Explanation((), said.format(time), "happiness", round(clip.overall.emotions["happiness"], 2))
        slips = check_clip(render(x), clip, "When does she smile?").slips
        assert ("says that a movement lasts to the end" not in slips) == right


def test_everyday_words_ask_about_a_movement_and_are_answered():
    facts, rng, seen = ClipFacts(CLIP), random.Random(3), set()
    for _ in range(800):
        question = ask_clip(facts, rng, ("when",))
        words = [w for names in NAMED.get(question.au or 0, ((), ())) for w in names]
        if not any(w in question.text.lower() for w in words):
            continue
        seen.add(question.au)
        x = write_clip(facts, question, rng)
        assert check_clip(render(x), CLIP, question.text).slips == (), question.text
    assert {4, 12} <= seen and len(seen) > 5
    told = write_clip(facts, Question("when", "When does she smile?", au=12), rng)
    assert "1.0" in told.interpretation


@pytest.mark.parametrize("said, slip", [
    ("AU12, the lip corner puller, shows from 1.0 to 0.2 seconds and is strongest at 1.3.", "says 1.0 and 0.2 and 1.3 s"),
    ("AU12, the lip corner puller, begins at 1.0 seconds, peaks at 3.0 and is gone after 2.5.", "says 1.0 and 2.5 and 3.0 s"),
    ("AU4 at {peak} seconds lasts less than half a second, so it is uncertain.", "speaks of {peak} s"),
    ("AU12, the lip corner puller, begins at 3.0 seconds.", "speaks of 3.0 s"),
    ("AU12, the lip corner puller, is there at level C, with 3.0 of 5.", "does not tell the course"),
    ("The face looks neutral; the raised lip corners are too weak to change that.", "which is not so")])
def test_times_belong_to_the_movement_that_is_named(said, slip):
    peak = f"{CLIP.peak:.1f}"
    x = Explanation((), said.format(peak=peak), "happiness", round(CLIP.overall.emotions["happiness"], 2))
    assert slip.format(peak=peak) in "; ".join(check_clip(render(x), CLIP, "When does the person smile?").slips)
