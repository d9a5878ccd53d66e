import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoreason.errors import ParseError
from emoreason.facs import ACTION_UNITS, EMOTIONS, emotion, parse_emotions, prototype_support
from emoreason.schema import Explanation, Observation, find_aus, parse, render

TEXT = st.text(alphabet=st.characters(blacklist_characters="<>", blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=60)


def try_make(cls, **fields):
    try:
        return cls(**fields)
    except ValueError:
        return None


OBSERVATION = st.builds(
    lambda **f: try_make(Observation, **f),
    au=st.sampled_from(sorted(ACTION_UNITS)), intensity=st.none() | st.floats(0, 5), present=st.booleans(),
    side=st.sampled_from(("left", "right", "both")),
    span=st.none() | st.tuples(st.floats(0, 50), st.floats(50, 99)), text=TEXT,
).filter(lambda o: o is not None)
SENTENCE = st.sampled_from(("The lip corners are not raised", "The brow is not only low but knitted", "No frown",
                            "Inner brows up, outer ends down", "the nose is normal"))
EXPLANATION = st.builds(
    lambda obs, words, **f: try_make(Explanation, observations=tuple(
        {(o.au, o.side, o.span): o for o in obs}.values()), interpretation=words, **f),
    st.lists(OBSERVATION, max_size=5), TEXT | SENTENCE,
    emotion=st.none() | st.sampled_from(EMOTIONS) | st.just("fear, surprise"), confidence=st.none() | st.floats(0, 1),
    valence=st.none() | st.floats(-1, 1), arousal=st.none() | st.floats(-1, 1),
).filter(lambda x: x is not None)


@settings(max_examples=400, deadline=None)
@given(EXPLANATION)
def test_round_trip(x):
    assert parse(render(x)) == x
    assert Explanation.from_dict(x.to_dict()) == x


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", "sad", "(AU4, 3)", "(AU99)", "Interpretation:", "Key observations:",
     "Confidence: 2.", "AU6+12", " not ", "(AU1 absent)", "Valence: -1"]), max_size=12).map("".join))
def test_parse_and_find_never_raise_anything_else(text):
    find_aus(text)
    try:
        parse(text)
    except ParseError as e:
        assert str(e)


def wrap(think, answer="sadness"):
    return f"<think>{think}</think><answer>{answer}</answer>"


def test_the_documented_example():
    x = parse(wrap("Key observations: The inner brows are drawn up (AU1, 2.4). The lip corners are not raised (AU12 absent). "
                   "Interpretation: Raised inner brows are the mark of sadness. Confidence: 0.72. Valence: -0.4. Arousal: -0.2."))
    assert [(o.au, o.intensity, o.present) for o in x.observations] == [(1, 2.4, True), (12, None, False)]
    assert x.observations[0].text == "The inner brows are drawn up"
    assert (x.emotion, x.confidence, x.valence, x.arousal) == ("sadness", 0.72, -0.4, -0.2)
    assert x.interpretation == "Raised inner brows are the mark of sadness."


@pytest.mark.parametrize("think, expected", [
    ("The brow lowers (AU4) and the lips press (AU24).", {4: True, 24: True}),
    ("smile (AU12), cheeks (AU6)", {12: True, 6: True}),                      # a reward parser of a peer sees nothing here
    ("The lip corners are not raised (AU12).", {12: False}),
    ("no smile (AU12) but a frown (AU4)", {12: False, 4: True}),
    ("The nose is normal and noticeable (AU9).", {9: True}),                  # 'no' and 'not' inside words negate nothing
    ("Not only the cheeks (AU6) but the lips (AU12) move.", {6: True, 12: True}),
    ("brow (AU06), lids (au7), mouth (AU 12)", {6: True, 7: True, 12: True}),
    ("a felt smile (AU6+12)", {6: True, 12: True}),
    ("a felt smile (AU6, AU12)", {6: True, 12: True}),
    ("brow (AU4C)", {4: True}),
    ("twice (AU4), twice (AU4)", {4: True}),
])
def test_marks_as_people_write_them(think, expected):
    x = parse(wrap("Key observations: " + think + " Interpretation: so."))
    assert {o.au: o.present for o in x.observations} == expected


def test_letters_and_sides():
    x = parse(wrap("Key observations: brow (AU4C), one corner (AU R12B). Interpretation: so."))
    assert [(o.au, o.intensity, o.side) for o in x.observations] == [(4, 3.0, "both"), (12, 2.0, "right")]


@pytest.mark.parametrize("text, reason", [
    ("sadness", "think"),
    (wrap("x") + "<answer>anger</answer>", "answer"),
    ("<think>a</think><think>b</think><answer>sadness</answer>", "think"),
    ("<answer>sadness</answer><think>a</think>", "nothing else"),
    ("<think>cut off (AU4, 2.", "tags"),
    ("hello " + wrap("x"), "nothing else"),
    (wrap(""), "empty"),
    (wrap("brow (AU99)"), "AU99"),
    (wrap("x", ""), "no emotion"),
    (wrap("x", "purple"), "no emotion"),
    (wrap("Key observations: smile (AU12, 2.0). No smile (AU12 absent). Interpretation: so."), "present and absent"),
    (wrap("Interpretation: so. Confidence: 1.7."), "confidence"),
    (wrap("Key observations: brow (AU4, 9.0). Interpretation: so."), "intensity"),
    (wrap("Interpretation: a Interpretation: b"), "more than once"),
])
def test_what_cannot_be_parsed_says_why(text, reason):
    with pytest.raises(ParseError, match=reason):
        parse(text)


@pytest.mark.parametrize("text, expected", [
    ("unhappy", ("sadness",)), ("Happy", ("happiness",)), ("The person looks sad.", ("sadness",)),
    ("not angry but sad", ("sadness",)), ("fearfully surprised", ("fear", "surprise")), ("none", ()), ("Anger / anger", ("anger",)),
])
def test_emotion_words(text, expected):
    assert parse_emotions(text) == expected


def test_emotion_label_outside_the_vocabulary():
    assert emotion("ANXIETY") == "anxiety"
    with pytest.raises(ParseError, match="anxiety"):
        emotion("anxiety", EMOTIONS)
    with pytest.raises(ParseError):
        emotion("happily surprised")


@pytest.mark.parametrize("text, present, absent", [
    ("no AU12, without AU6; AU4 is strong", {4}, {12, 6}),
    ("AU12 is absent while AU4 shows", {4}, {12}),
    ("neither AU6 nor AU12 shows", set(), {6, 12}),
    ("AU6+12 and AU25.", {6, 12, 25}, set()),
    ("prototype AU99 and AU1", {1}, set()),
    ("the nose wrinkles, AU9", {9}, set()),
    ("it looks sad: AU1 and AU4. Lowered lip corners are missing.", {1, 4}, set()),
])
def test_find_aus(text, present, absent):
    assert find_aus(text) == (frozenset(present), frozenset(absent))


@pytest.mark.parametrize("aus, sides, expected", [
    ({1: 3, 4: 2.5, 15: 2}, {}, "sadness"), ({6: 3, 12: 4, 25: 2}, {}, "happiness"), ({4: 4, 5: 2, 7: 3, 23: 2}, {}, "anger"),
    ({1: 4, 2: 4, 5: 3, 26: 3, 25: 3}, {}, "surprise"), ({1: 3, 2: 3, 4: 3, 5: 3, 20: 2, 25: 2}, {}, "fear"),
    ({9: 3, 10: 2, 17: 1}, {}, "disgust"), ({14: 3}, {14: "left"}, "contempt"), ({}, {}, "neutral"),
])
def test_prototypes_support_their_own_emotion(aus, sides, expected):
    support = prototype_support(aus, sides)
    assert max(support, key=support.get) == expected
    assert all(0 <= v <= 1 for v in support.values())


def test_contempt_is_one_sided():
    assert prototype_support({14: 3})["contempt"] == 0
