"""A failing text is written again from its first wrong sentence on."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
from test_checks import HAPPY, SAD, TEXT, measured

from emoreason.checks import check, first_fault
from emoreason.engines import Completion, Request
from emoreason.mending import AFRESH, REPEATED, RETRIES, UNJOINED, Attempt, keeps, mend
from emoreason.schema import without_sentence

GOOD = TEXT.format(said="It looks happy, as the lip corners are raised.", sure=0.8, look="happiness")
HALF = measured({12: 3.0, 25: 1.0, 6: 0.8}, {"happiness": 0.8, "neutral": 0.2})  # a trace of AU6 may be called absent
LEFT = measured({12: 3.0, 6: 2.0}, {"happiness": 0.8, "neutral": 0.2}, gaps={12: -2.0})
REQUEST = Request(({"role": "user", "content": "Why?"},))


class Writer:
    """An engine that goes on from what is begun with the next of its endings."""

    def __init__(self, *endings: str, native: bool = True) -> None:
        self.endings, self.native, self.begun = list(endings), native, list[str]()
        self.spec = SimpleNamespace(retries=1)

    def generate(self, requests, on_text=None):
        self.begun += [r.begun for r in requests]
        return [Completion(self.endings.pop(0), 1, 1) for _ in requests]


judge = partial(check, evidence=[HAPPY], question="Why?")


def mended(writer, text, request=REQUEST):
    attempt = Attempt(request, judge(text), judge, keeps(writer, request))
    return mend(writer, [attempt], lambda more: [c.text for c in writer.generate(more)])[0]


def test_a_list_that_leaves_something_out_is_written_anew():
    face = measured({12: 3.0, 25: 2.0}, {"happiness": 0.8, "neutral": 0.2})
    judge = partial(check, evidence=[face], question="Which action units are active?")
    assert judge(GOOD).slips == ("leaves out AU25",) and first_fault(judge(GOOD), judge) == 0


def test_what_speaks_against_the_look_is_added_after_what_it_rests_on():
    said = "The face clearly looks angry, mainly because of the lowered brows. The reading is clear."
    text = TEXT.replace("The lip", "The brows are lowered (AU4, 2.9). The lip").format(said=said, sure=0.8, look="anger")
    face = measured({12: 3.0, 4: 2.9}, {"anger": 0.8, "happiness": 0.2})
    judge = partial(check, evidence=[face], question="Why does it look angry?")
    found = judge(text)
    assert found.slips == ("does not speak of AU12, which speaks against it",)
    assert text[:first_fault(found, judge)].endswith("the lowered brows.")
    short = text.replace(" The reading is clear.", "")
    assert short[:first_fault(judge(short), judge)].endswith("the lowered brows.")


@pytest.mark.parametrize(("text", "kept"), [
    (GOOD.replace("(AU12, 3.0).", "(AU12, 3.0). The chin is raised (AU17, 2.0)."), "(AU12, 3.0)."),
    (GOOD.replace("raised.", "raised. The upper lids are raised."), "are raised."),
    (GOOD.replace("It looks happy", "It does not look happy; it looks happy"), "Interpretation:"),
    (GOOD.replace("0.8", "0.2"), "are raised."),
    (GOOD.replace("happiness", "sadness"), "(AU12, 3.0)."),
    (GOOD.replace("raised.", "raised. The cheeks are not raised."), None),
    ("happy", ""),
    (GOOD.replace("It looks happy, as", "The action units are few. The face looks sad, mainly because of the raised lip corners. As"
                  ).replace("raised.", "raised. This is only part of the sadness pattern.").replace("happiness", "sadness"), "are few."),
])
def test_where_the_first_fault_is(text, kept):
    found = check(text, [HAPPY])
    assert found.fails == (kept is not None)
    if kept is not None:
        assert text[:first_fault(found, judge)].endswith(kept) and (kept or not first_fault(found, judge))


@pytest.mark.parametrize(("spoiled", "kept"), [
    ("No movement differs by much.", "The first face looks happy, the second sad."), ("The second face looks more happy.", "sad."),
    ("AU12 reaches 4.9.", "sad."),
])
def test_the_first_fault_of_a_comparison(spoiled, kept):
    text = ("<think>Key observations: Only in the first face the lip corners are raised (AU12, 3.0). Interpretation: The first face looks "
            f"happy, the second sad. {spoiled} Confidence: 0.7.</think><answer>happiness, sadness</answer>")
    judge_two = partial(check, evidence=[HAPPY, SAD], question="Which face looks happier?")
    found = judge_two(text)
    assert found.fails and text[:first_fault(found, judge_two)].endswith(kept)


def test_what_is_observed_twice_is_taken_out():
    twice = GOOD.replace("(AU12, 3.0).", "(AU12, 3.0). The lip corners are lifted (AU12, 2.9).")
    assert "twice" in judge(twice).slips[0] and mended(Writer(), twice).text == GOOD


@pytest.mark.parametrize(("told", "left"), [
    ("the lips tighten a trace, the lips tighten a trace and the eyes blink.", "the lips tighten a trace and the eyes blink."),
    ("the lips tighten and the lips tighten.", "the lips tighten."),
    ("the lips part, the eyes blink and the lips part.", "the lips part, the eyes blink and the lips part."),
    ("the mouth opens, the mouth opens wide.", "the mouth opens, the mouth opens wide.")])
def test_what_a_list_tells_twice_in_a_row(told, left):
    assert REPEATED.sub(r"\1", f"At first, {told}") == f"At first, {left}"


def test_a_text_that_fails_is_rid_of_it():
    text = GOOD.replace("the lip corners are raised.", "the lip corners are raised and the lip corners are raised.")
    twice = text.replace("(AU12, 3.0).", "(AU12, 3.0). The lip corners are lifted (AU12, 2.9).")
    assert twice != text != GOOD and mended(Writer(), twice).text == GOOD


@pytest.mark.parametrize(("native", "draws"), [(True, RETRIES), (False, AFRESH)])
def test_fewer_draws_where_every_text_is_written_anew(native, draws):
    writer = Writer(*[GOOD] * 20, native=native)
    writer.spec.retries = None
    assert mended(writer, "happy").text == GOOD and len(writer.begun) == draws


def test_an_aside_that_the_confidence_belies_is_taken_out():
    sure = measured({12: 3.0, 6: 2.0}, {"happiness": 0.7, "neutral": 0.3})
    text = TEXT.format(said="Taken together they look happy, clearly so. The lip corners are raised.", sure=0.7, look="happiness")
    writer, look = Writer(), partial(check, evidence=[sure], question="Why?")
    assert "clearly so" in look(text).slips[0]
    best = mend(writer, [Attempt(REQUEST, look(text), look, True)], lambda more: [])[0]
    assert best.text == text.replace(", clearly so", "") and not best.fails and not writer.begun
    remark = text.replace(", clearly so. ", ". There is no serious rival to happiness. ")
    assert remark[:first_fault(look(remark.replace("0.7", "0.3")), look)].endswith("they look happy.")


def test_what_stands_before_is_kept():
    bad = GOOD.replace("(AU12, 3.0).", "(AU12, 3.0). The chin is raised (AU17, 2.0).")
    begun = bad[:bad.index(" The chin")]
    writer = Writer(GOOD[len(begun):])
    assert mended(writer, bad).text == GOOD and writer.begun == [begun]


def test_it_goes_on_from_the_text_that_holds_furthest():
    bad = GOOD.replace("(AU12, 3.0).", "(AU12, 3.0). The chin is raised (AU17, 2.0).")
    begun = bad[:bad.index(" The chin")]
    further = GOOD.replace("raised.", "raised. The upper lids are raised.")
    writer = Writer(further[len(begun):], " Confidence: 0.8.</think><answer>happiness</answer>")
    assert mended(writer, bad).text == GOOD
    assert writer.begun == [begun, further[:further.index(" The upper")]]


def test_it_gives_up_after_two_rounds_that_mended_nothing():
    bad = GOOD.replace("0.8", "0.2")
    writer = Writer(*["nothing"] * 9)
    assert mended(writer, bad).text == bad and len(writer.begun) == 2
    bad = GOOD.replace("(AU12, 3.0).", "(AU12, 3.0). The chin is raised (AU17, 2.0).")
    again = bad[bad.index(" The chin"):].replace("It looks happy", "It looks sad")
    writer = Writer(*[again.replace("(AU17", f"(AU{n}") for n in (17, 24, 17)])
    assert mended(writer, bad).text == GOOD and len(writer.begun) == 2


@pytest.mark.parametrize(("writer", "request_"), [
    (Writer(GOOD, native=False), REQUEST), (Writer(GOOD), Request(REQUEST.messages, grammar="start: /.*/"))])
def test_others_write_the_whole_again_once(writer, request_):
    assert mended(writer, GOOD.replace("(AU12, 3.0)", "(AU12, 3.0, left)").replace("lip corners rise", "right lip corner rises"),
                  request_).text == GOOD
    assert writer.begun == [""]


def test_an_au_is_observed_once():
    twice = GOOD.replace("(AU12, 3.0).", "(AU12, 3.0). The lip corners rise (AU12, 2.9).")
    found = check(twice.replace("2.9", "3.0"), [HAPPY])
    assert found.slips == ("observes AU12 twice",) and found.text[:first_fault(found, judge)].endswith("(AU12, 3.0).")
    assert check(twice.replace("2.9", "2.9, left"), [LEFT]).slips == ()


@pytest.mark.parametrize(("seen", "slip"), [
    ("The lip corners are clearly raised (AU12, 3.0).", None), ("The lips are clearly parted (AU12, 3.0).", "describes AU25"),
    ("The lip corners are not raised (AU12, 3.0).", "denies"), ("The lip corners are barely raised (AU12, 3.0).", "strength"),
    ("The right lip corner is clearly raised (AU12, 3.0, left).", "side"),
    ("The cheeks are not raised (AU5 absent).", "describes AU6"), ("The cheeks are not raised (AU6 absent).", None),
    ("The cheeks are slightly raised although the lip corners are not pulled up (AU6, 1.9).", None)])
def test_the_words_of_an_observation_go_with_its_mark(seen, slip):
    found = check(GOOD.replace("The lip corners rise (AU12, 3.0).", seen).replace(", as the lip corners are raised", ""), [LEFT]).slips
    assert [slip] * (slip is not None) == [slip for s in found if slip in s] and len(found) == (slip is not None)


@pytest.mark.parametrize(("said", "question", "slip"), [
    ("It looks happy; the cheeks are raised.", "Why?", "calls absent"),
    ("It looks happy because of AU12, AU25 and AU12.", "Why?", "twice"),
    ("The face most likely reads as happiness, mainly because of the raised inner brows.", "Why?", "counts AU1 for happiness"),
    ("The strongest is the lip corner puller at 4.6.", "Why?", "4.6"),
    ("The strongest is the lip corner puller at 3.0.", "Why?", None),
    ("The smile stays at the mouth.", "Why?", None),
    ("Raised cheeks with raised lip corners are known as the Duchenne look.", "Why?", "duchenne look"),
    ("The strongest is the lip corner puller at 1.0.", "Why?", "1.0"),
    ("The overall impression is neutral, clearly so.", "Why?", "says neutral"),
    ("The overall impression is happy, clearly so.", "Why?", None),
    ("To look happy, the lip corners would have to rise. As it is, it looks happy.", "Why?", "denies"),
    ("Happiness would need raised cheeks, and these are missing.", "Why?", "denies"),
    ("It is not anger: the face does not read as contempt, it looks happy.", "Why does he look angry?", "contempt"),
    ("The face does not smile, so the question does not arise.", "Why does she look happy?", "question about"),
    ("There is no smile here, yet it looks happy.", "Why?", "no smile"),
    ("The look stays happy throughout.", "Why?", "course"),
    ("It looks happy.", "Is the smile genuine?", "smile"),
    ("The smile stays at the mouth. It looks happy.", "Is the smile genuine?", None),
    ("It looks happy.", "Why does she look afraid?", "fear"),
    ("It does not look afraid; it looks happy.", "Why does she look afraid?", None),
    ("The reading is clear.", "Why does she look happy?", None),
])
def test_what_the_text_says_against_itself_and_the_question(said, question, slip):
    text = TEXT.format(said=said, sure=0.8, look="happiness")
    if slip == "calls absent":
        text = text.replace("(AU12, 3.0).", "(AU12, 3.0). The cheeks are not raised (AU6 absent).")
    assert [slip] * (slip is not None) == [slip for s in check(text, [HALF], question).slips if slip in s]


def test_in_the_end_what_does_not_hold_is_left_out():
    bad = GOOD.replace("(AU12, 3.0).", "(AU12, 3.0). The chin is raised (AU17, 2.0).")
    assert judge(bad).unsupported == (17,)
    assert mended(Writer(*["nothing"] * 9), bad).text == GOOD
    most = GOOD.replace("are raised.", "are raised. The upper lids are raised. The chin is raised.")
    assert mended(Writer(*["nothing"] * 9), most).text == most.replace(" The upper lids are raised.", "")  # no third of it
    two = GOOD.replace("are raised.", "are raised. The upper lids are raised. So it is.")
    assert mended(Writer(*["nothing"] * 9), two).text == GOOD.replace("are raised.", "are raised. So it is.")


@pytest.mark.parametrize("text", [
    GOOD.replace("The lip corners rise (AU12, 3.0)", "The chin is raised (AU17, 2.0)").replace(", as the lip corners are raised", ""),
    GOOD.replace("It looks happy, as the lip corners are raised.", "The upper lids are raised."), GOOD.replace("0.8", "0.2")])
def test_what_would_say_nothing_more_is_left_as_it_is(text):
    assert judge(text).fails and mended(Writer(*["nothing"] * 9), text).text == text


def test_without_keeps_the_headings():
    text = GOOD.replace("(AU12, 3.0).", "(AU12, 3.0). The cheeks rise (AU6, 2.0).")
    assert without_sentence(text, 0) == text.replace(" The lip corners rise (AU12, 3.0).", "")
    at = text.index(" Interpretation:")
    assert without_sentence(text, at) == text.replace(" It looks happy, as the lip corners are raised.", "")
    assert without_sentence(text, 5) is None and without_sentence(text, text.index(" Confidence:")) is None


@pytest.mark.parametrize(("told", "joined"), [
    ("Towards the end of the video, the cheeks rise strongly, the eyes blink.", "the cheeks rise strongly and the eyes blink."),
    ("At first, the lips part, the cheeks rise, the eyes blink.", "the lips part, the cheeks rise and the eyes blink."),
    ("At the beginning of the video, the face is at rest; then the lips part, the eyes blink.", "then the lips part and the eyes blink."),
    ("Near the end, the brows rise, more on the left side, a smile forms.", "the brows rise, more on the left side and a smile forms."),
    ("In the middle of the video, the lips part, the chin rises, more on the left side.", "the lips part and the chin rises, more on the left side."),
    ("In the middle of the video, the lips close and the eyes blink.", None),
    ("In the middle of the video, the lips part, the chin rises and the eyes blink.", None),
    ("In the middle of the video, the lips part and the brows rise, the eyes blink.", None),
    ("In the middle of the video, the brows rise, more on the left side.", None),
    ("At the start of the video, the face is at rest.", None),
    ("In the final part, towards the end, the eyes blink.", None),
])
def test_the_last_item_of_a_list_is_joined(told, joined):
    made = UNJOINED.sub(r"\1 and \2", told)
    assert made == told if joined is None else made.endswith(joined)


def test_a_caption_that_holds_is_joined_too():
    text = GOOD.replace("Interpretation: ", "Interpretation: At first, the brows rise, the lip corners rise. ")
    told = Attempt(Request((), ()), judge(text), judge, True).best
    assert not told.fails and "the brows rise and the lip corners rise." in told.text
