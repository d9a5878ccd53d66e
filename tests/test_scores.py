import importlib.util
import json
from pathlib import Path

import pytest

from emoreason import scores
from emoreason.schema import Explanation, Observation, render
from emoreason.training import rewards

GOLD = {1: 2.5, 4: 2.0, 15: 2.0, 12: 0.0, 6: 0.0, 9: 0.0}
ABSENT_REST = {a: 0.0 for a in (2, 5, 7, 10, 14, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43)}


def explain(aus, emotion="sadness", confidence=0.7, interpretation="It looks sad.", absent=()):
    seen = tuple(Observation(a, v, text="it moves") for a, v in aus.items())
    seen += tuple(Observation(a, present=False, text="it does not move") for a in absent)
    return Explanation(seen, interpretation, emotion, confidence)


HONEST = explain({1: 2.4, 4: 2.1, 15: 1.8}, absent=(12,))
ONE_MISTAKE = explain({1: 2.4, 4: 2.1, 9: 1.5})


def test_gold_scores_one_and_empty_scores_nothing():
    gold = explain({a: v for a, v in GOLD.items() if v >= 1})
    assert scores.soft_au_f1(gold, GOLD) == 1.0
    assert scores.soft_au_f1(None, GOLD) == 0.0
    assert scores.soft_au_f1(explain({}), GOLD) == 0.0
    assert scores.soft_au_f1(explain({}), {}) == 1.0
    assert scores.emotion_score(gold, "sadness") == 1.0 and scores.emotion_score(None, "sadness") == 0.0
    assert scores.emotion_score(gold, None) is None
    assert scores.unsupported_rate(gold, GOLD) == 0.0 and scores.unsupported_rate(None, GOLD) is None
    assert scores.agreement(gold) == 1.0


def test_naming_more_emotions_never_pays():
    two, three = explain({1: 2}, "fear, surprise"), explain({1: 2}, "fear, surprise, sadness")
    assert scores.emotion_score(two, "fear") == pytest.approx(2 / 3) and scores.emotion_score(two, "surprise") == pytest.approx(1 / 3)
    assert sum(scores.emotion_score(three, e) for e in three.emotions) == pytest.approx(1)
    assert scores.emotion_score(three, "anger") == 0
    assert scores.agreement(explain({1: 2.5, 4: 2, 15: 2}, "sadness, happiness")) < scores.agreement(HONEST) == 1


def test_unsupported_claims_are_named():
    x = explain({1: 2.4, 9: 2.0, 15: 4.9}, absent=(4,))
    assert scores.unsupported(x, GOLD) == [9, 15, 4]
    assert scores.unsupported_rate(x, GOLD) == 0.75


def test_calibration_rewards_honest_doubt():
    sure, unsure = explain({1: 2}, confidence=0.95), explain({1: 2}, confidence=0.4)
    assert scores.calibration(sure, "sadness") > scores.calibration(unsure, "sadness")
    assert scores.calibration(sure, "anger") < scores.calibration(unsure, "anger")
    silent = Explanation(interpretation="Too dark.", emotion=None)
    assert scores.calibration(sure, "anger") < scores.calibration(silent, "anger") < scores.calibration(sure, "sadness")


spec = importlib.util.spec_from_file_location("cheats", Path(__file__).parent.parent / "tools" / "cheats.py")
cheats = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cheats)


@pytest.mark.parametrize("name", cheats.CHEATS)
def test_every_cheat_earns_less_than_an_honest_answer_with_a_mistake(name):
    mistaken = min(cheats.ours(text) for text in cheats.HONEST.values())
    assert cheats.ours(cheats.CHEATS[name]) < mistaken < cheats.ours(cheats.HONEST["honest"])


def test_without_true_aus_the_label_alone_does_not_pay():
    """Real photos have a label and no coded AUs: what facenet measured is all that the AUs are held against."""
    known = {**cheats.HONEST, **cheats.CHEATS}
    earned = {name: cheats.ours(text, face=None) - cheats.REWARDS["au"]([text], aus=[json.dumps({str(a): v for a, v in cheats.FACE.items()})])[0]
              for name, text in known.items()}
    worst = min(earned[k] for k in cheats.HONEST)
    assert all(earned[k] < worst for k in cheats.CHEATS), earned


def test_the_published_formula_pays_for_cheats():
    mistaken = min(cheats.facial_r1(text) for text in cheats.HONEST.values())
    paid = {name for name, text in cheats.CHEATS.items() if cheats.facial_r1(text) >= mistaken}
    assert paid == {"repeated tags", "tags within tags", "negated AUs"}


def test_rewards_never_raise_and_know_when_they_do_not_apply():
    odd = ["", "<think>", "<think>(AU4, 9)</think><answer>x</answer>", "\x00" * 50]
    for name, reward in rewards.REWARDS.items():
        got = reward(odd, label=[None] * 4, aus=[None] * 4, measured=[None] * 4, abstain=[None] * 4)
        assert len(got) == 4, name
    assert rewards.au_reward(odd, aus=[None] * 4) == [None] * 4


def test_words_are_held_against_measurement_marks_and_themselves():
    texts = [cheats.explain({4: 2.1, 15: 2.4}, interpretation=said) for said in (
        "It looks sad.", "It looks sad; the cheeks are raised.", "It does not look sad; it looks sad.",
        "It looks sad; AU12, AU6, AU9, AU20 and AU25 are there.")]
    level = json.dumps({str(a): v for a, v in cheats.FACE.items()})
    assert rewards.words_reward([*texts, "sad"], measured=[level] * 5) == [1.0, 0.5, -1.0, -1.0, -1.0]
    assert rewards.words_reward(texts[:1], measured=[None]) == [None]
    asked = [[{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Why does it look happy?"}]}]]
    assert rewards.words_reward(texts[:1], measured=[level], prompts=asked) == [0.5]
    turned = [cheats.explain({4: 2.1, 15: 2.4}, interpretation="It looks sad. The head is tipped back, which changes how the brows "
                                                               "and mouth appear.")]
    sad = {"emotions": {"sadness": 0.7, "neutral": 0.3}}
    for view, worth in ((None, 1.0), ({"pose": [0, 30, 0]} | sad, 1.0), ({"pose": [0, 0, 0]} | sad, 0.5),
                        ({"pose": [0, 0, 0], "emotions": {"sadness": 0.2, "neutral": 0.8}}, 0.0)):
        assert rewards.words_reward(turned, measured=[level], seen=[json.dumps(view)]) == [worth]
    slanted = [texts[0].replace("(AU15, 2.4)", "(AU15, 2.4, left)")]
    assert slanted != texts[:1]
    for sides, worth in ({"15": "left"}, 1.0), ({"15": "right"}, 0.5), ({}, 0.5):
        view = json.dumps(sad | {"pose": [0, 0, 0], "aus": {"4": 2.1, "15": 2.4}, "sides": sides})
        assert rewards.words_reward(slanted, measured=[level], seen=[view]) == [worth]


def test_words_about_two_faces_are_held_against_each():
    one = {"aus": {str(a): v for a, v in cheats.FACE.items()}, "emotions": {"sadness": 0.8}, "valence": -0.5, "pose": [0, 0, 0]}
    other = {"aus": {str(a): 0.0 for a in cheats.FACE}, "emotions": {"neutral": 0.9}, "valence": 0.0, "pose": [0, 0, 0]}
    texts = [f"<think>Key observations: Only in the {which} face the brows are lowered (AU4, 2.1). Interpretation: The first face looks sad, the "
             f"second {look}. Confidence: 0.8.</think><answer>sadness, neutral</answer>"
             for which, look in (("first", "neutral"), ("second", "neutral"), ("first", "sad"))]
    levels, seen = json.dumps(one["aus"]), json.dumps({"pair": [one, other]})
    assert rewards.words_reward(texts, measured=[levels] * 3, seen=[seen] * 3) == [1.0, 0.5, 0.5]
    left = [texts[0].replace("(AU4, 2.1)", "(AU4, 2.1, left)")]
    for sides, worth in ({"4": "left"}, 1.0), ({"4": "right"}, 0.5), ({}, 0.5):
        seen = json.dumps({"pair": [one | {"sides": sides}, other]})
        assert rewards.words_reward(left, measured=[levels], seen=[seen]) == [worth]


def test_conversational_completions_are_read():
    assert rewards.format_reward([[{"role": "assistant", "content": render(HONEST)}]]) == [1.0]


def test_a_denied_conclusion_is_noticed():
    assert scores.denies_itself(explain({1: 2}, interpretation="The face looks sad, so sadness does not fit."))
    assert not scores.denies_itself(explain({1: 2}, interpretation="It looks sad, so anger does not fit. No rival is near."))
    for said in ("Sadness is not ruled out, it comes first.", "It does not fit sadness, the reading of the whole face.",
                 "The sad look of the face does not depend on it.", "This region is no key to the sad look."):
        assert not scores.denies_itself(explain({1: 2}, interpretation=said))
    assert scores.denies_itself(explain({1: 2}, interpretation="It looks like sadness, but it does not fit sadness."))


def test_stray_aus():
    assert scores.stray_aus(explain({1: 2}, interpretation="AU43 shows too.")) == {43}
    assert not scores.stray_aus(explain({1: 2}, interpretation="AU1 shows; fear would need AU20."))
