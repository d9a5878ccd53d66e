"""Answers about clips: what the course of the AUs does not bear out is found."""

from dataclasses import replace

import pytest
from made import made_clip

from emoreason.clip_checks import check_clip
from emoreason.schema import Explanation, Observation, closed, render

CLIP = made_clip(aus={12: (1.0, 2.5, 3.0), 4: (0.0, 0.8, 2.0)}, looks=[(0, "neutral"), (1.1, "happiness"), (2.4, "neutral")])
SMILE = Observation(12, 3.0, "both", True, (1.0, 2.5), "The lip corners are clearly raised")
GOOD = Explanation((SMILE,), "AU12, the lip corner puller, shows from 1.0 to 2.5 seconds.", "happiness", round(CLIP.overall.emotions["happiness"], 2))


def found(x, question="", clip=CLIP):
    checked = check_clip(render(x), clip, question)
    return checked.unsupported, checked.slips


def test_a_true_answer_holds():
    assert CLIP.overall.ranked[0] == "happiness" and found(GOOD) == ((), ())


def test_what_changes_is_not_answered_by_denying_a_look():
    denial = replace(GOOD, interpretation="It does not look neutral; it looks happy. The lip corners are raised.")
    assert found(denial, "What changes, and when?")[1] == ("denies neutral, which was not asked about", "does not tell the course")
    assert found(denial, "Why does she look neutral when she moves?")[1] == ()
    assert found(GOOD, "What changes, and when?")[1] == ()
    tone = replace(GOOD, interpretation="The look is pleasant. The raised lip corners set this tone.")
    assert found(tone, "What changes over the clip?")[1] == ("does not tell the course",)
    whole = replace(tone, interpretation="The tone is taken from the face as a whole. Nothing is too weak to change that.")
    assert found(whole, "What changes, and when?")[1][-1] == "does not tell the course"
    weak = replace(GOOD, interpretation="The face looks neutral; the raised lip corners are too weak to change that.")
    assert any("too weak to change that" in slip for slip in found(weak)[1])
    close = replace(tone, interpretation="The lip corners are raised. No other look comes close.")
    assert found(close, "How does the expression change?")[1][-1] == "does not tell the course"
    assert found(tone, "What would have to change?")[1] == found(tone, "Which movements do you see?")[1] == found(tone)[1] == ()


def test_the_first_frames_are_told_as_they_are():
    def told(words, **aus):
        clip = made_clip(aus={int(a[1:]): span for a, span in aus.items()}, looks=[(0, "neutral")])
        return [s for s in found(replace(GOOD, observations=(), interpretation=f"At the beginning of the video, {words}."), clip=clip)[1]
                if "start" in s]

    assert told("the mouth is closed", a25=(0.0, 2.0, 2.0)) == ['says "mouth is closed" of the start, where AU25 shows']
    assert told("the mouth is closed", a25=(1.0, 2.0, 2.0), a4=(0.0, 2.0, 2.0)) == []
    assert told("the eyes are open", a43=(0.0, 2.0, 2.5)) and not told("the eyes are open", a25=(0.0, 2.0, 2.0))


def test_what_goes_on_has_begun_before():
    clip = made_clip(aus={12: (1.5, 3.4, 3.0)}, looks=[(0, "neutral")])
    said = replace(GOOD, observations=(), interpretation="As the video progresses, the mouth corners are still raised.")
    assert "tells AU12 of part 2" in found(said, clip=clip)[1]
    said = replace(said, interpretation="In the middle of the video, the mouth corners are still raised.")
    assert not any("AU12" in slip for slip in found(said, clip=clip)[1])


def test_a_caption_tells_of_what_moves_clearly_in_each_part_and_of_no_end_that_was_not_seen():
    clip = made_clip(aus={12: (1.2, 9.0, 3.0), 4: (0.2, 3.0, 2.0)}, looks=[(0, "neutral")])
    said = replace(GOOD, observations=(), interpretation="At the start of the video, the brows draw together clearly. Near the end, the frown eases.")
    slips = found(said, clip=clip)[1]
    assert "does not tell of AU12, 3.1 at its strongest" in slips and "tells nothing of part 3" in slips
    assert not any("AU4 of" in s or "tell of AU4" in s or "nothing of part 4" in s for s in slips)
    later = made_clip(aus={12: (2.2, 9.0, 3.0), 4: (0.2, 3.0, 2.0)}, looks=[(0, "neutral")])
    begun = "<think>Interpretation: At first, the brows draw together clearly. As the video goes on, the brows are still knitted."
    assert check_clip(closed(begun), later).slips == ()  # what begins later may still be told
    assert "does not tell of AU12, 3.1 at its strongest" in check_clip(closed(f"{begun} In the middle, the face hardly changes."), later).slips
    said = replace(said, interpretation="As the video progresses, a smile forms. Near the end, the smile fades.")
    assert "tells AU12 of part 4" in found(said, clip=clip)[1]


def test_what_is_doubted_is_short_or_of_a_speaking_mouth():
    clip = made_clip(aus={12: (1.0, 2.5, 3.0), 4: (0.5, 0.8, 2.0)}, looks=[(0, "neutral")])

    def told(text):
        return [s for s in found(replace(GOOD, observations=(), interpretation=text), clip=clip)[1] if s.startswith(("calls", "puts"))]

    apex = {e.au: f"{e.apex:.1f}" for e in clip.events}
    assert told(f"AU12 at {apex[12]} seconds lasts less than half a second, so it is uncertain.") == ["calls AU12 short"]
    assert told(f"AU4 flashes by at {apex[4]} seconds in under half a second; that is too short to be sure.") == []
    assert told("The person seems to speak, which moves AU12 as well.") == ["puts AU12 down to speech"]


def test_one_movement_does_not_begin_in_two_parts():
    clip = made_clip(aus={12: (0.95, 3.4, 3.0)}, looks=[(0, "neutral")])
    said = replace(GOOD, observations=(), interpretation="At the start of the video, a smile forms. As the video progresses, the mouth corners go up clearly.")
    assert "lets AU12 begin 2 times" in found(said, clip=clip)[1]
    assert not any("begin" in s for s in found(replace(said, interpretation="As the video progresses, a smile forms."), clip=clip)[1])


def test_a_verdict_in_a_clip_is_that_of_the_conclusion():
    said = replace(GOOD, interpretation="The face clearly looks sad, mainly because of the raised lip corners (AU12).")
    assert "says sadness and concludes happiness" in found(said)[1]
    said = replace(said, interpretation="The face looks sad at first, happy around 2.0 seconds, and happy again at the end.")
    assert not any("concludes happiness" in slip for slip in found(said)[1])


def test_a_caption_tells_a_movement_once_of_a_part():
    clip = made_clip(aus={12: (1.2, 3.4, 3.0), 25: (1.2, 2.0, 3.0), 27: (1.2, 2.0, 3.0)}, looks=[(0, "neutral")])
    said = replace(GOOD, observations=(), interpretation="As the video progresses, a smile forms and the mouth corners go up clearly.")
    assert "tells AU12 twice of part 2" in found(said, clip=clip)[1]
    said = replace(said, interpretation="As the video progresses, a smile forms, the lips part clearly and the mouth opens wide.")
    assert not any("twice" in slip for slip in found(said, clip=clip)[1])


def test_each_claim_of_a_movement_counts():
    away = tuple(replace(SMILE, span=(50.0 + i, 60.0 + i)) for i in range(2))
    assert found(replace(GOOD, observations=away))[0] == (12, 12)
    assert found(replace(GOOD, observations=(SMILE, away[1])))[0] == (12,)


@pytest.mark.parametrize("change", [
    {"au": 15, "text": "The lip corners are lowered"}, {"span": (2.0, 3.5)}, {"intensity": 4.6}, {"span": (1.0, 4.0)},
    {"present": False, "intensity": None, "span": None, "text": "The lip corners are not raised"}])
def test_claims_that_the_course_does_not_carry(change):
    claim = replace(SMILE, **change)
    assert found(replace(GOOD, observations=(claim,)))[0] == (claim.au,)


@pytest.mark.parametrize("text, slip", [
    ("AU12 begins at 0.2 seconds.", "0.2"), ("AU4 begins at 1.7 seconds.", "1.7"),
    ("AU12 shows from 1.0 seconds to the end of the clip.", "lasts"), ("AU12, AU12 and AU4 are there.", "twice"),
    ("At the beginning of the video, the nose wrinkles.", "AU9 of part 1"),
    ("Towards the end of the video, a smile forms.", "AU12 of part 4"),
    ("In the middle of the video, the eyes blink.", "blink of part 3"),
    ("At the beginning of the video, the mouth corners are raised.", "AU12 of part 1"),
    ("At the beginning of the video, the face is at rest.", '"face is at rest" of the start, where AU4 shows'),
    ("In the middle of the video, the face hardly changes.", "no change in part 3, where AU12 moves"),
    ("The look stays neutral throughout.", "neutral in part 2"), ("It keeps looking happy.", "happiness in part 1"),
    ("The face looks happy at first, happy around 1.4 seconds, and neutral again at the end.", "happiness in part 1"),
    (f"It goes from neutral to neutral at about {CLIP.peak:.1f} seconds and back.", "change from neutral to neutral"),
    ("It begins as neutral and turns happy later.", "happiness in part 4"),
    ("AU12 comes first, at 1.0 seconds, and AU4 last, at 1.0 seconds.", "another order"),
    ("AU12 comes first, at 1.0 seconds, and AU4 last, at 0.0 seconds.", "another order"),
    ("The look builds up to about 0.4 seconds.", "peak at 0.4"), ("Most of it can be seen around 3.4 seconds.", "peak"),
    ("The look builds up to about 1.1.4 seconds.", "no figure"),
    ("Towards the end of the video, the smile fades and the smile fades.", "twice"),
    ("The face probably looks happy, but this rests on the overall impression, not on single movements.", "not so"),
    ("The raised cheeks make it.", "AU6"), ("It looks happy, but it does not look happy.", "denies")])
def test_sentences_that_do_not_hold(text, slip):
    assert slip in " ".join(found(replace(GOOD, interpretation=text))[1])


@pytest.mark.parametrize("text", [
    "At the start of the video, the brows are slightly knitted; then the frown eases. As the video progresses, a smile forms. In the middle of the video, the smile fades. Near the end, the face hardly changes.",
    "Towards the end of the video, the expression stays as it is.",
    "AU4 comes first, at 0.0 seconds, and AU12 last, at 1.0 seconds.",
    f"It goes from neutral to happy at about {CLIP.peak:.1f} seconds and back.", f"The look builds up to about {CLIP.peak:.1f} seconds.",
    f"The strongest is the lip corner puller at {CLIP.levels[12]:.1f}."])
def test_sentences_that_hold(text):
    frown = Observation(4, round(CLIP.levels[4], 1), "both", True, CLIP.spans[4][0][:2], "The brows are knitted")
    assert found(replace(GOOD, observations=(frown, *GOOD.observations), interpretation=text))[1] == ()


def test_a_movement_is_told_once_for_its_time():
    text = render(GOOD)
    mark = text[text.index("The lip corners are"):text.index(" Interpretation")]
    assert check_clip(text.replace(mark, f"{mark} {mark}"), CLIP).slips == ("observes AU12 twice",)
    assert check_clip(text, CLIP).slips == ()


def test_the_conclusion_is_that_of_the_part_asked_about():
    end = Explanation((), "The face looks neutral.", "neutral", 0.85)
    assert found(end, "Does it look happy at the end?")[1] == ()
    assert found(end, "What does the face show?")[1] != ()
    assert found(end, "How does it look at 3.5 seconds?")[1] == ()
    assert found(end, "How does it look at 1.8 seconds?")[1] != ()


def test_what_changes_is_answered_by_the_looks_at_first_and_at_the_end():
    clip = made_clip(aus={12: (2.0, 4.0, 3.0)}, looks=[(0, "neutral"), (2.1, "happiness")])
    smile = Observation(12, 3.0, "both", True, clip.spans[12][0][:2], "The lip corners are clearly raised")
    x = Explanation((smile,), f"The look builds up to about {clip.peak:.1f} seconds.", clip.overall.ranked[0], round(max(clip.overall.emotions.values()), 2))
    told = replace(x, interpretation="It begins as neutral and turns happy later.")
    for question in ("What changes, and when?", "how does the face develop over time"):
        assert found(x, question, clip)[1] == ("does not tell that the look goes from neutral to happiness",)
        assert found(told, question, clip)[1] == ()
    for question in ("When does the smile begin?", "Describe how the face changes.", "What changes at the end?"):
        assert "does not tell that" not in " ".join(found(x, question, clip)[1])
    same = made_clip(aus={12: (2.0, 3.0, 3.0)})
    assert "does not tell that" not in " ".join(found(x, "What changes, and when?", same)[1])


def test_text_that_does_not_parse_is_a_problem():
    assert check_clip("It smiles.", CLIP).problem


def test_a_wrong_look_and_a_wrong_confidence_are_told_apart():
    assert found(replace(GOOD, emotion="fear"))[1] == ("concludes fear, which the course does not carry",)
    assert found(replace(GOOD, confidence=0.05))[1] == ("gives a confidence that the course does not carry",)
