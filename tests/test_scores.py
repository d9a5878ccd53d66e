import json

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


CHEATS = {
    "all AUs": render(explain({a: 2.5 for a in (*GOLD, *ABSENT_REST)})),
    "prototype of another emotion": render(explain({4: 3, 5: 3, 7: 3, 23: 3}, "sadness")),
    "the label alone": "<think>Interpretation: It looks sad.</think><answer>sadness</answer>",
    "empty thinking": "<think></think><answer>sadness</answer>",
    "no tags": "sadness",
    "answer twice": render(HONEST) + "<answer>sadness</answer>",
    "contradiction": render(explain({6: 3, 12: 4}, "sadness")),
    "everything denied": render(explain({}, absent=(1, 4, 15))),
    "prompt echo": "<|user|>Why does this face look sad?",
    "unknown AU": render(HONEST).replace("AU15", "AU99"),
    "full confidence in the wrong name": render(explain({1: 2.4, 4: 2.1, 15: 1.8}, "anger", 1.0)),
}
WEIGHTS = {"format": 0.5, "emotion": 1.0, "au": 1.0, "evidence": 1.0, "agreement": 0.3, "calibration": 0.5, "length": 0.1}


def total(text):
    columns = {"label": ["sadness"], "aus": [json.dumps({**GOLD, **ABSENT_REST})], "measured": [json.dumps({**GOLD, **ABSENT_REST})]}
    return sum(w * (rewards.REWARDS[k]([text], **columns)[0] or 0.0) for k, w in WEIGHTS.items())


@pytest.mark.parametrize("name", CHEATS)
def test_every_cheat_earns_less_than_an_honest_answer_with_a_mistake(name):
    assert total(CHEATS[name]) < total(render(ONE_MISTAKE)) < total(render(HONEST))


def test_rewards_never_raise_and_know_when_they_do_not_apply():
    odd = ["", "<think>", "<think>(AU4, 9)</think><answer>x</answer>", "\x00" * 50]
    for name, reward in rewards.REWARDS.items():
        got = reward(odd, label=[None] * 4, aus=[None] * 4, measured=[None] * 4)
        assert len(got) == 4, name
    assert rewards.au_reward(odd, aus=[None] * 4) == [None] * 4


def test_conversational_completions_are_read():
    assert rewards.format_reward([[{"role": "assistant", "content": render(HONEST)}]]) == [1.0]


def test_a_denied_conclusion_is_noticed():
    assert scores.denies_itself(explain({1: 2}, interpretation="The face looks sad, so sadness does not fit."))
    assert not scores.denies_itself(explain({1: 2}, interpretation="It looks sad, so anger does not fit. No rival is near."))


def test_stray_aus():
    assert scores.stray_aus(explain({1: 2}, interpretation="AU43 shows too.")) == {43}
    assert not scores.stray_aus(explain({1: 2}, interpretation="AU1 shows; fear would need AU20."))
