"""What the check lets through and what it has redrawn."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from emoreason.checks import check
from emoreason.data_pipeline.explain import Facts, Question, ask_compare, compare, dialogue, random_facts, write
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.prompts import note
from emoreason.records import Evidence
from emoreason.remarks import passed_over
from emoreason.schema import render
from emoreason.wording import spoken_aus


def measured(aus: dict[int, float], emotions: dict[str, float], pose: tuple[float, ...] = (0, 0, 0), gaps: dict[int, float] | None = None) -> Evidence:
    k = len(MEASURED_AUS)
    row, sides = (np.array([[given.get(a, 0.0) for a in MEASURED_AUS]]) for given in (aus, gaps or {}))
    looks = np.array([[emotions.get(e, 0.0) for e in EMOTIONS]])
    return Evidence(np.zeros(1), row, sides, np.full((1, k, 16, 16), 1 / 256), looks, np.zeros(1),
                    np.zeros(1), np.array([pose], float), np.ones(1, bool))


def of(facts: Facts) -> Evidence:
    gaps = {a: 1.0 if side == "right" else -1.0 for a, side in facts.sides.items()}
    return measured(dict(facts.aus), dict(facts.emotions), facts.pose, gaps)


HAPPY = measured({12: 3.0, 6: 2.0}, {"happiness": 0.8, "neutral": 0.2})
SAD = measured({15: 2.5, 1: 2.0}, {"sadness": 0.7, "neutral": 0.3})
TEXT = ("<think>Key observations: The lip corners rise (AU12, 3.0). Interpretation: {said} Confidence: {sure}.</think>"
        "<answer>{look}</answer>")
BOTH = TEXT.replace("(AU12, 3.0).", "(AU12, 3.0). The cheeks rise (AU6, 2.0).")


@pytest.mark.parametrize(("said", "sure", "look", "slip"), [
    ("It looks happy because the lip corners are raised.", 0.8, "happiness", None),
    ("It looks happy because the upper lids are raised.", 0.8, "happiness", "AU5"),
    ("Together, AU12, AU6 and AU25 make the pattern of happiness.", 0.8, "happiness", "AU25"),
    ("Three action units are active: AU6 and AU12.", 0.8, "happiness", "counts three action units and names 2"),
    ("One action unit is active: AU6.", 0.8, "happiness", "does not list AU12, which it observes"),
    ("The code of this face is AU6. It looks happy.", 0.8, "happiness", "does not list AU12, which it observes"),
    ("The code of this face is AU6+12. It looks happy.", 0.8, "happiness", None),
    ("Two action units are active: AU6 and AU12. The strongest is the lip corner puller at 3.0.", 0.8, "happiness", None),
    ("Fear would need raised inner brows and AU4.", 0.8, "happiness", None),
    ("The movements it needs are there, the raised upper lids, yet the overall impression goes to happiness.", 0.8, "happiness", "AU5"),
    ("The raised upper lids would fit it, but the rest is missing.", 0.8, "happiness", "AU5"),
    ("Quite sure: about 80 percent for happiness. The raised lip corners speak for it.", 0.8, "happiness", None),
    ("It looks happy. The raised lip corners would rather fit happiness.", 0.8, "happiness", "another look in happiness"),
    ("It looks happy. The raised lip corners bring in a note of surprise.", 0.8, "happiness", "counts AU12 for another look than happiness"),
    ("It does not look sad. The movements that sadness needs are there, the raised lip corners, yet the whole goes to happiness.", 0.8,
     "happiness", "counts AU12 for sadness"),
    ("The mouth is active: the lip corners are raised and the lip corners are raised.", 0.8, "happiness",
     'says "the lip corners are raised" twice'),
    ("Nothing essential is missing from the happiness pattern: the lip corners and the cheeks are raised.", 0.8, "happiness", None),
    ("This is the full pattern of happiness, as the lip corners and the cheeks are raised.", 0.8, "happiness", None),
    ("The raised lip corners and the raised cheeks make it happy, while there is some surprise in the eyes.", 0.8, "happiness", None),
    ("It does not look contemptuous. The movements that contempt needs are there, yet the raised cheeks decide.", 0.8, "happiness", None),
    ("It looks happy. Surprise is less likely than happiness.", 0.8, "happiness", None),
    ("It looks happy. Surprise is less likely.", 0.8, "happiness", "calls surprise the next look"),
    ("It is the raised cheeks that make the face look happy.", 0.3, "happiness", "confidence"),
    ("The raised cheeks make the face look happy.", 0.3, "happiness", "make the face look"),
    ("What makes the face look happy is elsewhere: the cheeks are raised.", 0.3, "happiness", "confidence"),
    ("It looks happy. Together they form the full pattern of happiness.", 0.8, "happiness", None),
    ("Quite sure: about 20 percent for a neutral look. The raised lip corners speak for it.", 0.2, "neutral", "counts AU12 for neutral"),
    ("It does not look sad. The raised lip corners would fit it, but the rest is missing.", 0.8, "happiness", "counts AU12 for sadness"),
    ("It does not look contemptuous. The raised lip corners would fit it, but the rest is missing.", 0.8, "happiness", None),
    ("Surprise would need an open mouth. It lacks raised brows.", 0.8, "happiness", None),
    ("Disgust is the next guess, but it would need raised lip corners.", 0.8, "happiness", "asks AU12 of disgust"),
    ("For happiness, there would have to be raised cheeks.", 0.8, "happiness", "denies"),
    ("Together they form the full pattern of happiness. No other look comes close.", 0.8, "happiness", "of nothing"),
    ("This is only part of the happiness pattern.", 0.8, "happiness", "only part of the happiness pattern"),
    ("A smile without the cheeks is the weaker sign.", 0.8, "happiness", "weaker sign"),
    ("The movements are small, so a neutral face comes next.", 0.8, "happiness", "movements are small"),
    ("The muscles pull hard here.", 0.8, "happiness", "pull hard"),
    ("It is no more than the best of several readings.", 0.8, "happiness", "best of several"),
    ("The look is open between happiness and a neutral look, with happiness slightly ahead because of the raised lip corners.", 0.8,
     "happiness", "open between happiness"),
    ("There is no serious rival to happiness.", 0.8, "happiness", None),
    ("Taken together they look happy, clearly so.", 0.75, "happiness", None),
    ("Taken together they look happy, clearly so.", 0.7, "happiness", ", clearly so"),
    ("Yes, with some doubt, because the lip corners are raised.", 0.8, "happiness", ", with some doubt"),
    ("The strongest is the lip corner puller at 3.0.", 0.8, "happiness", None),
    ("The strongest is the cheek raiser at 2.0.", 0.8, "happiness", "calls AU6 the strongest"),
    ("It looks happy. The raised upper lids would rather fit surprise.", 0.8, "happiness", "AU5"),
    ("It looks happy. The raised cheeks would rather fit pain.", 0.8, "happiness", None),
    ("The overall impression is happy. The raised lip corners (AU12) speak against it.", 0.8, "happiness", "counts AU12 against happiness"),
    ("It does not look sad. The raised lip corners (AU12) speak against it.", 0.8, "happiness", None),
    ("Quite sure. The raised lip corners (AU12) speak for it. The raised lip corners would rather fit surprise.", 0.8, "happiness",
     "counts AU12 for happiness and for another look"),
    ("Quite sure. The raised lip corners (AU12) speak for it. The raised cheeks would rather fit pain.", 0.8, "happiness", None),
    ("To look sad, the inner brows and the lip corners would have to rise. Besides, the lip corners would have to come down.", 0.8,
     "happiness", "asks the lip corners to rise and to come down"),
    ("To look sad, the inner brows would have to rise and the lip corners to come down. Besides, the cheeks would have to come down.", 0.8,
     "happiness", None),
    ("It looks happy. AU12 comes first, at the mouth.", 0.8, "happiness", "speaks of a course"),
    ("It looks happy. Happiness comes next, since the raised lip corners (AU12) would fit it.", 0.8, "happiness", "calls happiness the next"),
    ("It looks happy. The second reading is happiness, because of the raised lip corners.", 0.8, "happiness", "calls happiness the next"),
    ("It looks happy. Surprise comes next, since the raised lip corners (AU12) would fit it.", 0.8, "happiness",
     "calls surprise the next look where neutral is likelier"),
    ("It looks happy. A neutral face comes next.", 0.8, "happiness", None),
    ("It looks happy. Surprise would need raised upper lids.", 0.8, "happiness", None),
    ("Not sure: about 80 percent for happiness, with happiness close.", 0.8, "happiness", "calls happiness the next"),
    ("Rather sure: about 80 percent for happiness, and a neutral look is near.", 0.8, "happiness", None),
    ("Rather sure: about 80 percent for happiness, and happiness is near.", 0.8, "happiness", "calls happiness the next"),
    ("It is open between happiness and happiness.", 0.8, "happiness", "apart from itself"),
    ("It looks happy. This sets happiness apart from happiness.", 0.8, "happiness", "apart from itself"),
    ("It looks happy. Most of the movement is in the lower face.", 0.8, "happiness", "lower face"),
    ("It looks happy. Upper and lower face take part.", 0.8, "happiness", None),
    ("Two action units are active: AU6 and AU12. They add up to a happy look.", 0.8, "happiness", None),
    ("Two action units are active: AU6 and AU12. The set points to anger.", 0.8, "anger", "the set points to"),
    ("The cheek raiser leads with 2.0 of 5.", 0.8, "happiness", "calls AU6 the strongest"),
    ("AU6 is the strongest, at level B.", 0.8, "happiness", "calls AU6 the strongest"),
    ("AU12 is the strongest, at level C.", 0.8, "happiness", None),
    ("AU12 is the strongest, AU6 is weaker.", 0.8, "happiness", None),
    ("AU6 is not the strongest movement.", 0.8, "happiness", None),
    ("AU12 is there at level C and AU6 at level E.", 0.8, "happiness", "level E"),
    ("Level C for AU12: marked, about 3.0 of 5.", 0.8, "happiness", None),
    ("AU12 is the strongest, at level B.", 0.8, "happiness", "level B"),
    ("AU6, the cheek raiser, is there at level B, slight, with 2.0 of 5.", 0.8, "happiness", None),
    ("It looks happy, so happiness does not fit.", 0.8, "happiness", "denies"),
    ("It looks sad.", 0.8, "sadness", "likelier"),
    ("It looks happy.", 0.3, "happiness", "confidence"),
])
def test_one_face(said, sure, look, slip):
    found = check(BOTH.format(said=said, sure=sure, look=look), [HAPPY])
    assert found.unsupported == () and found.fails == (slip is not None)
    assert slip is None or slip in found.slips[0]
    assert sum(s.startswith("counts ") for s in found.slips) <= 1


def test_a_figure_belongs_to_the_unit_that_its_sentence_names():
    lips = measured({12: 3.0, 25: 2.7, 26: 1.6}, {"happiness": 0.8, "neutral": 0.2})
    text = BOTH.replace("The cheeks rise (AU6, 2.0).", "The lips are parted (AU25, 2.7). The jaw drops (AU26, 1.6).")
    for said, slip in (("It is the parting of the lips at 2.7.", ()),
                       ("It is the parting of the lips at 1.7.", ("speaks of 1.7, which was not measured there",))):
        assert check(text.format(said=said, sure=0.8, look="happiness"), [lips]).slips == slip


def test_a_wording_of_one_movement_and_of_two_names_the_one():
    assert spoken_aus("The main difference is the mouth stretched wide open.") == {27}
    assert spoken_aus("The raised brows make the difference.") == {1, 2}


def test_the_strongest_is_so_by_the_marks_too():
    even = measured({12: 3.0, 6: 2.95}, {"happiness": 0.8, "neutral": 0.2})
    for unit, slips in (("lip corner puller", ("calls AU12 the strongest",)), ("cheek raiser", ())):
        text = BOTH.replace("(AU6, 2.0)", "(AU6, 3.1)").format(said=f"The strongest is the {unit} at 3.0.", sure=0.8, look="happiness")
        assert check(text, [even]).slips == slips


def test_the_strongest_of_marks_without_figures():
    text = BOTH.replace("(AU12, 3.0)", "(AU12)").replace("(AU6, 2.0)", "(AU6)")
    for unit, slips in (("lip corner puller", ()), ("cheek raiser", ("calls AU6 the strongest",))):
        assert check(text.format(said=f"The strongest is the {unit}.", sure=0.8, look="happiness"), [HAPPY]).slips == slips


def test_what_is_built_on_is_observed():
    said = {"sure": 0.8, "look": "happiness", "said": "It looks happy because the cheeks are raised."}
    assert check(TEXT.format(**said), [HAPPY]).slips == ("speaks of AU6, which it does not observe",)
    assert not check(BOTH.format(**said), [HAPPY]).fails
    assert not check(TEXT.format(**said | {"said": "It looks happy; raised cheeks would add to it."}), [HAPPY]).fails


def test_a_wrong_claim_and_broken_text_fail():
    claim = check(TEXT.format(said="It looks sad.", sure=0.7, look="sadness"), [SAD])
    broken = check("happy", [HAPPY])
    assert claim.unsupported == (12,) and broken.problem and broken.fails
    good = check(TEXT.format(said="It looks happy.", sure=0.8, look="happiness"), [HAPPY])
    assert sorted([broken, claim, good], key=lambda c: c.faults()) == [good, claim, broken]


@pytest.mark.parametrize(("words", "mark", "fails"), [("right", "right", False), ("right", "left", True), ("left or right", "left", False)])
def test_words_and_mark_name_the_same_side(words, mark, fails):
    text = TEXT.format(said="It looks happy.", sure=0.8, look="happiness")
    smirk = measured({12: 3.0, 6: 2.0}, {"happiness": 0.8, "neutral": 0.2}, gaps={12: 2.0 if mark == "right" else -2.0})
    found = check(text.replace("The lip corners rise (AU12, 3.0)", f"The {words} lip corner rises (AU12, 3.0, {mark})"), [smirk])
    assert found.fails == fails and found.unsupported == ()


@pytest.mark.parametrize(("gap", "side", "fails"), [
    (1.2, "right", False), (1.2, "left", True), (-1.2, "left", False), (0.2, "right", True), (0.0, "both", False)])
def test_one_side_is_the_stronger_one(gap, side, fails):
    text = "<think>Key observations: The lip corner rises (AU12, 3.0{}). Interpretation: It looks happy. Confidence: 0.8.</think><answer>happiness</answer>"
    found = check(text.format("" if side == "both" else f", {side}"), [measured({12: 3.0}, {"happiness": 0.8}, gaps={12: gap})])
    assert found.slips == (("gives AU12 to one side, which is not the stronger one",) if fails else ())


def test_two_faces():
    text = ("<think>Key observations: Only in the {one} face the lip corners rise (AU12, 3.0). Interpretation: They "
            "differ. Confidence: 0.7.</think><answer>{looks}</answer>")
    assert not check(text.format(one="first", looks="happiness, sadness"), [HAPPY, SAD]).fails
    side = text.replace("the lip corners rise (AU12, 3.0)", "the right lip corner rises (AU12, 3.0, left)")
    assert "one side" in check(side.format(one="first", looks="happiness, sadness"), [HAPPY, SAD]).slips[0]
    assert "wrong face" in check(text.format(one="second", looks="happiness, sadness"), [HAPPY, SAD]).slips[0]
    assert "other looks" in check(text.format(one="first", looks="sadness, happiness"), [HAPPY, SAD]).slips[0]


@pytest.mark.parametrize(("seen", "said", "slip"), [
    ("The lip corners rise in both, more so in the first face (AU12, 3.0)", "They differ.", "gives AU12 to both"),
    ("Only in the second face the lip corners are pulled down (AU15, 2.4)", "They differ.", None),
    ("Both faces show the lowered lip corners (AU15, 2.4)", "They differ.", "gives AU15 to both"),
    ("Only in the first face the cheeks are raised (AU12, 3.0)", "They differ.", "describes AU6 and marks AU12"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "The second face looks more happy.", "looks more happy"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "The first face looks more happy.", None),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "The first face looks happy, the second happy.", "the second happy"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "Both faces look happy.", "both faces look happy"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)",
     "The main difference is the raised lip corners, stronger in the second.", "the main difference"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)",
     "The main difference is the raised lip corners, stronger in the first.", None),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "What the second face lacks is AU12.", None),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "What the first face lacks is AU12.", "what the first face lacks"),
    ("The lip corners are raised further in the first face (AU12, 3.0)", "The main difference is AU12, seen only in the first.", None),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "They differ. They differ.", 'says "they differ." twice'),
    ("Unlike the second face, the first shows raised lip corners (AU12, 3.0)", "They differ.", None),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "The second face smiles more.", "smiles more"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "Neither face smiles.", "neither face smiles"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "Happiness does not fit.", "denies its own conclusion"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "AU12 reaches 4.9.", "4.9"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)",
     "The raised lip corners in the second face make the difference.", "make the difference"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "The main difference is AU16, stronger in the first.", None),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "No movement differs by much.", "no movement differs"),
    ("Only in the first face the lip corners are raised (AU12, 3.0)", "The second face is the more expressive one.", "more expressive"),
])
def test_what_a_comparison_says_of_each(seen, said, slip):
    text = f"<think>Key observations: {seen}. Interpretation: {said} Confidence: 0.7.</think><answer>happiness, sadness</answer>"
    found = check(text, [HAPPY, SAD], "Compare the two faces.")
    assert found.unsupported == ()
    assert found.slips == () if slip is None else slip in found.slips[0]


def test_what_a_look_would_need_is_not_there():
    text = ("<think>Key observations: The upper lids are raised (AU5, 1.4). The jaw drops (AU26, 3.0). Interpretation: Surprise is the next guess, but "
            "it would need {}. Confidence: 0.5.</think><answer>fear</answer>")
    face = measured({5: 1.4, 26: 3.0}, {"fear": 0.5, "surprise": 0.4, "neutral": 0.1})
    assert check(text.format("raised upper lids"), [face]).slips == ("asks for AU5, which it observes",)
    assert check(text.format("raised brows"), [face]).slips == ()
    other = measured({5: 1.4, 26: 3.0}, {"fear": 0.5, "surprise": 0.1, "sadness": 0.4})
    assert check(text.format("raised brows"), [other]).slips == ("calls surprise the next look where sadness is likelier",)


def test_what_carries_the_look_is_a_sign_of_it():
    text = ("<think>Key observations: The lip corners rise (AU12, 2.0). The lips tighten (AU23, 2.0). Interpretation: The mouth is active: {}. {} "
            "Confidence: 0.8.</think><answer>anger</answer>")
    face = measured({12: 2.0, 23: 2.0}, {"anger": 0.8, "neutral": 0.2})
    with_jaw = text.replace("(AU23, 2.0).", "(AU23, 2.0). The jaw drops (AU26, 2.0).")
    open_ = measured({12: 2.0, 23: 2.0, 26: 2.0}, {"anger": 0.8, "neutral": 0.2})
    assert check(with_jaw.format("the jaw drops", "This carries the angry look."), [open_], "What is the mouth doing?").slips == ()
    lips = text.replace("is active: {}", "is busy, and one can see that {}")
    assert check(lips.format("the lip corners are raised", "This carries the angry look."), [face]).slips == ("counts AU12 for anger",)
    eyes = ("<think>Key observations: The cheeks rise (AU6, 2.0). The lids tighten (AU7, 2.0). Interpretation: The eyes take part, as the lids are tense "
            "and the skin around the eyes is gathered. This is part of why the face looks happy. Confidence: 0.8.</think><answer>happiness</answer>")
    assert not check(eyes, [measured({6: 2.0, 7: 2.0}, {"happiness": 0.8, "neutral": 0.2})], "What are the eyes doing?").fails
    sided = "the left lip corner is pulled down and the lip corners are raised"
    down = text.replace("(AU23, 2.0)", "(AU15, 2.0)").replace("The lips tighten", "The left lip corner sinks").replace(">anger", ">sadness")
    sad = measured({12: 2.0, 15: 2.0}, {"sadness": 0.8, "neutral": 0.2})
    assert not any("for sadness" in s for s in check(down.format(sided, "This carries the sad look."), [sad]).slips)
    for seen, then, slips in (("the lip corners are raised", "This carries the angry look.", ("counts AU12 for anger",)),
                              ("the lips are tightened", "This carries the angry look.", ()),
                              ("the lip corners are raised and the lips are tightened", "This region speaks for anger.", ()),
                              ("the lip corners are raised", "This region is no key to the angry look.", ())):
        assert check(text.format(seen, then), [face], "What is the mouth doing?").slips == slips, seen


def test_what_refers_to_nothing_may_stand_first():
    text = ("<think>Key observations: The lip corners are not raised (AU12 absent). Interpretation: {} It looks happy. Confidence: 0.8.</think>"
            "<answer>happiness</answer>")
    face = measured({}, {"happiness": 0.8, "neutral": 0.2})
    assert not check(text.format("The muscles give happiness no firm support."), [face]).fails
    assert "of nothing" in check(text.format("This is only part of the happiness pattern."), [face]).slips[-1]


def test_what_one_face_is_to_lack_it_lacks():
    text = ("<think>Key observations: {} is stronger in the first face (AU12, 4.0). Interpretation: {} Confidence: 0.7.</think>"
            "<answer>happiness</answer>")
    grin, smile = (measured({12: level}, {"happiness": 0.8, "neutral": 0.2}) for level in (4.0, 2.0))
    for words, holds in (("The main difference is AU12, clearer in the first.", True), ("What the second face lacks is AU12.", False),
                         ("The main difference is AU12, shown only in the first.", False)):
        found = check(text.format("The raising of the lip corners", words), [grin, smile], "Compare the two faces.")
        assert ([s for s in found.slips if "which is not so" in s] == []) == holds, found


def test_a_stretched_mouth_is_no_parting_of_the_lips():
    text = ("<think>Key observations: The mouth is stretched wide open in the first face alone (AU27, 4.0). Interpretation: What sets them "
            "apart is the parted lips and the mouth stretched wide open in the first face. Confidence: 0.7.</think><answer>surprise</answer>")
    wide, parted = measured({27: 4.0, 25: 3.0}, {"surprise": 0.8, "neutral": 0.2}), measured({25: 3.0}, {"surprise": 0.7, "neutral": 0.3})
    assert not [s for s in check(text, [wide, parted]).slips if "which is not so" in s]


def test_slight_is_up_to_what_is_told_as_two():
    text = ("<think>Key observations: The lip corners rise (AU12, {x}). The cheeks rise (AU6, 1.4). Interpretation: All of this stays slight. Confidence: "
            "0.8.</think><answer>happiness</answer>")
    for level, fails in ((2.04, False), (2.2, True)):
        face = measured({12: level, 6: 1.4}, {"happiness": 0.8, "neutral": 0.2})
        assert check(text.format(x=round(level, 1)), [face]).fails == fails


def test_a_main_difference_is_observed():
    rng, many = random.Random(4), 0
    while many < 120:
        a, b = random_facts(rng), random_facts(rng)
        if a.readable and b.readable and len(a.present | b.present) > 5:
            many += 1
            x = compare(a, b, ask_compare(a, b, rng), rng)
            assert spoken_aus(x.interpretation) - {25} <= {o.au for o in x.observations}, render(x)


def test_what_one_face_has_alone_is_not_called_stronger_there():
    rng, seen, forms = random.Random(6), set(), set()
    for _ in range(400):
        a, b = random_facts(rng), random_facts(rng)
        x = compare(a, b, ask_compare(a, b, rng), rng)
        for one in re.findall(r"[Tt]he main differences? (?:is|are) ([^.]*)\.", x.interpretation):
            other = b if "first" in one else a
            named = {n for n in spoken_aus(one) if n in other.aus}
            named -= {25} if 27 in named else set()  # a wide open mouth parts the lips as well
            alone = "only in the" in one
            seen.add(alone)
            forms.add("differences are" in x.interpretation)
            if named and 27 not in named or alone:
                assert alone == all(n in other.absent for n in named), x.interpretation
    assert seen == forms == {True, False}


def test_one_look_of_both_is_told_as_one():
    text = ("<think>Key observations: Only in the first face the cheeks are raised (AU6, 2.0). Interpretation: {} Confidence: 0.8.</think>"
            "<answer>happiness</answer>")
    smile = measured({12: 3.0}, {"happiness": 0.8, "neutral": 0.2})
    assert not check(text.format("Both faces look happy."), [HAPPY, smile]).fails
    assert "which is not so" in check(text.format("The first face looks happy, the second happy."), [HAPPY, smile]).slips[0]


def test_the_side_of_a_mark_in_a_comparison():
    text = ("<think>Key observations: Only in the first face the lip corners are raised (AU12, 3.0, {}). Interpretation: They differ. "
            "Confidence: 0.7.</think><answer>happiness, sadness</answer>")
    uneven = measured({12: 3.0, 6: 2.0}, {"happiness": 0.8, "neutral": 0.2}, gaps={12: -1.6})
    assert check(text.format("right"), [uneven, SAD]).slips == ("gives AU12 to one side, which is not the stronger one",)
    assert not check(text.format("left"), [uneven, SAD]).fails
    assert check(text.format("left"), [HAPPY, SAD]).fails and not check(text.format("both"), [uneven, SAD]).fails


def test_a_comparison_answers_what_was_asked():
    text = ("<think>Key observations: Only in the first face the lip corners are raised (AU12, 3.0). Interpretation: The first face looks more "
            "happy. Confidence: 0.7.</think><answer>happiness, sadness</answer>")
    assert check(text, [HAPPY, SAD], "Which one smiles more?").slips == ("does not speak of the smile",)
    assert not check(text.replace("looks more happy", "smiles more"), [HAPPY, SAD], "Which one smiles more?").fails
    assert not check("<think>Interpretation: I cannot say.</think><answer>none</answer>", [HAPPY, SAD], "Which face looks angrier?").fails
    assert check(text, [HAPPY, SAD], "Which face looks angrier?").slips == ("does not speak of anger",)


def test_the_engine_passes():
    rng = random.Random(4)
    failed = total = compared = 0
    for _ in range(300):
        one, two = random_facts(rng), random_facts(rng)
        texts = [(render(x), [of(one)], note(one.quality) + q.text) for q, x in dialogue(one, rng, 1)]
        question = ask_compare(one, two, rng)
        texts.append((render(compare(one, two, question, rng)), [of(one), of(two)], question.text))
        fails = [check(text, evidence, asked).fails for text, evidence, asked in texts]
        failed, compared = failed + sum(fails), compared + fails[-1]
        total += len(texts)
    assert failed <= 0.03 * total
    assert compared <= 0.02 * total / 2


@pytest.mark.parametrize(("pose", "noted", "said", "fails"), [
    ((30, 0, 0), "", "The head is turned to the right of the picture, which hides a part of the face.", False),
    ((-30, 0, 0), "", "The head is turned to the right of the picture, which hides a part of the face.", True),
    ((0, 25, 0), "", "The head is tipped back, which changes how the brows and mouth appear.", False),
    ((0, 0, 0), "", "The head is tipped back, which changes how the brows and mouth appear.", True),
    ((0, 0, -20), "", "The head leans to the left of the picture.", False),
    ((0, 0, 0), "the picture is dark", "The light is poor, which hides fine movements.", False),
    ((0, 0, 0), "", "The light is poor, which hides fine movements.", True),
    ((0, 0, 0), "", "From this angle, one side can hardly be judged.", True),
    ((-40, 0, 0), "", "From this angle, one side can hardly be judged.", False),
])
def test_the_view(pose, noted, said, fails):
    face = measured({12: 3.0, 6: 2.0}, {"happiness": 0.8}, pose)
    text = TEXT.format(said=f"It looks happy. {said}", sure=0.8, look="happiness")
    assert check(text, [face], note([noted] if noted else []) + "Why?").fails == fails


@pytest.mark.parametrize(("said", "fails"), [("I do not judge honesty", False), ("I do not guess age", True)])
def test_the_reason_of_a_refusal(said, fails):
    text = f"<think>Interpretation: {said}; I can describe how the face moves.</think><answer>none</answer>"
    assert check(text, [HAPPY], "Is this person honest?").fails == fails


@pytest.mark.parametrize(("level", "fails"), [(1.5, False), (3.0, True)])
def test_too_weak(level, fails):
    face = measured({2: level}, {"neutral": 0.9})
    text = (f"<think>Key observations: The outer brows are raised (AU2, {level}). Interpretation: The face looks neutral; the "
            "raised outer brows (AU2) are too weak to change that. Confidence: 0.9.</think><answer>neutral</answer>")
    assert check(text, [face]).fails == fails


@pytest.mark.parametrize(("question", "said", "slip"), [
    ("How sure are you?", "Fairly sure: about 80 percent for happiness.", None),
    ("How sure are you?", "Fairly sure: about 75 percent for happiness.", "says 75 percent"),
    ("How sure are you?", "It looks happy because the lip corners are raised.", "how sure"),
    ("Which AUs are active?", "It looks happy.", "leaves out AU25"),
    ("Which AUs are there in the mouth?", "It looks happy.", None),
    ("What do you see?", "It looks happy.", None),
    ("What do you see?", "The smile looks genuine: the cheeks rise together with the lip corners.", "about a smile"),
    ("Is this smile genuine?", "The smile looks genuine: the cheeks rise together with the lip corners.", None),
])
def test_what_was_asked(question, said, slip):
    face = measured({12: 3.0, 6: 2.0, 25: 2.0}, {"happiness": 0.8, "neutral": 0.2})
    slips = check(BOTH.format(said=said, sure=0.8, look="happiness"), [face], question).slips
    assert slip in " ".join(slips) if slip else not slips


@pytest.mark.parametrize(("aus", "said", "slip"), [
    ({4: 2.9, 12: 4.4}, "", "does not speak of AU12, which speaks against it"),
    ({4: 2.9, 12: 4.4}, " The raised lip corners (AU12) would rather fit happiness.", None),
    ({4: 2.9, 12: 4.4}, " Happiness comes next.", None),
    ({4: 2.9, 12: 4.4}, " What does not agree is the smile.", None),
    ({4: 2.9, 12: 4.4}, " The left lip corner pulled up speaks against it.", None),
    ({4: 2.9, 12: 4.4}, " It may also be anxious.", "does not speak of AU12, which speaks against it"),
    ({4: 2.9, 12: 4.4}, " Sadness comes next.", "does not speak of AU12, which speaks against it"),
    ({4: 2.9, 12: 2.7}, "", None),  # no stronger than the frown
    ({4: 1.4, 12: 2.4}, "", None),  # not marked
])
def test_what_speaks_against_the_look_is_told(aus, said, slip):
    seen = "".join(f"{'The brows are lowered' if a == 4 else 'The lip corners are raised'} (AU{a}, {v}). " for a, v in aus.items())
    text = (f"<think>Key observations: {seen}Interpretation: The face clearly looks angry, mainly because of the lowered brows (AU4).{said} "
            "Confidence: 0.8.</think><answer>anger</answer>")
    face = measured(aus, {"anger": 0.8, "happiness": 0.2})

    def against(text, question="Why does this face look angry?"):
        return [s for s in check(text, [face], question).slips if s.endswith("against it")]

    assert against(text) == ([slip] if slip else [])
    assert not against(text, "What do you see?") and not against(text.replace(", mainly", ""))
    assert not against(text.replace("<answer>anger", "<answer>neutral")) and not against(text.replace("<answer>anger", "<answer>contempt"))
    assert not against(text.replace("<answer>anger", "<answer>anger, happiness")) and not against(text.replace("The face clearly", "Ahead of happiness, it clearly"))


@pytest.mark.parametrize("look", ["anxiety", "disappointment, happiness"])
@pytest.mark.parametrize("said", [
    "It does not look sad; it looks anxious. The signs of sadness are too weak here to be counted.",
    "The face clearly looks anxious, mainly because of the raised lip corners. The reading is clear.",
    "It looks anxious. Together they form the full pattern of happiness. The raised lip corners would rather fit surprise."])
def test_a_look_beyond_the_eight_is_no_crash(look, said):
    """Other models name MAFW's, which no table has signs of."""
    slips = check(BOTH.format(said=said, sure=0.8, look=look), [HAPPY], "Why does this face look sad?").slips
    assert any(s.startswith("concludes ") for s in slips) and not any(s.startswith("counts ") for s in slips)


@pytest.mark.parametrize(("aus", "slip"), [({15: 0.1}, True), ({1: 0.45, 4: 0.4, 15: 0.6}, False)])
def test_what_is_not_there_is_not_faint(aus, slip):
    said = "It does not look sad; it looks happy. The signs of sadness are too weak here to be counted."
    face = measured({12: 3.0, 6: 2.0} | aus, {"happiness": 0.8, "sadness": 0.2})
    slips = check(BOTH.format(said=said, sure=0.8, look="happiness"), [face], "Why does this face look sad?").slips
    assert slips == (("calls the signs of sadness faint, which are not there",) if slip else ())


def test_the_engine_tells_what_speaks_against_the_look():
    rng, faces = random.Random(4), 0
    while faces < 60:
        facts = random_facts(rng)
        if not facts.readable or facts.top == "neutral" or not facts.opposed(facts.top):
            continue
        faces += 1
        for kind in ("read", "is"):
            x = write(facts, Question(kind, "Is it, and why?", facts.top), rng)
            assert spoken_aus(x.interpretation) & {*facts.opposed(facts.top)} and not passed_over(x, facts.aus), x.interpretation


def test_spoken_aus():
    assert spoken_aus("The raised brows and the smile carry it.") == {1, 2, 12}
    assert spoken_aus("No frown shows; the lips would have to part.") == frozenset()


def test_a_movement_of_both_faces_is_neither_a_hint_nor_the_main_difference():
    text = ("<think>Key observations: In the second face the lip corners are raised, in the first hardly if at all (AU12, 3.0). Interpretation: "
            "The main difference is the raised lip corners, stronger in the second. Confidence: 0.7.</think><answer>happiness, happiness</answer>")
    looks = {"happiness": 0.8, "neutral": 0.2}
    hint, both = measured({12: 0.7}, looks), measured({12: 2.8}, looks)
    assert not check(text, [hint, measured({12: 3.0}, looks)]).slips
    slips = check(text, [both, measured({12: 3.0}, looks)]).slips
    assert "gives AU12 to one face alone" in slips and any("the main difference" in s for s in slips)
