import math
import random
import re

import numpy as np
import pytest

from emoreason.data_pipeline import questions
from emoreason.data_pipeline.explain import Facts, Question, ask, compare, dialogue, random_facts, write
from emoreason.data_pipeline.grammar import Template, Voice, pool
from emoreason.data_pipeline.phrases import ADJ, BANDS, GONE, POST, PRE, REGIONS, WORDS, band, plain, shaded
from emoreason.data_pipeline.questions import KINDS, TOPICS, wording
from emoreason.data_pipeline.reading import Teller
from emoreason.data_pipeline.talks import Seen, asked_both, rows
from emoreason.data_pipeline.variety import SAMPLE, measure, of_sentences, sentences
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.records import Evidence
from emoreason.schema import find_aus, parse, render
from emoreason.wording import spoken_aus

SENTENCE = re.compile(r"(?<=[.!?])\s(?=[A-Z])")


def face(emotion="happiness", p=0.85, sides=None, quality=(), readable=True, pose=(0, 0, 0), second="neutral", **aus):
    """Facts with the named AUs (a12=3.0), everything else at rest."""
    values = {a: 0.1 for a in MEASURED_AUS} | {int(k[1:]): v for k, v in aus.items()}
    others = [e for e in EMOTIONS if e not in (emotion, second)]
    near = min(0.8 * (1 - p), 0.9 * p)
    emotions = {e: (1 - p - near) / len(others) for e in others} | {emotion: p, second: near}
    return Facts(values, sides or {}, emotions, 0.52, 0.31, pose, quality, readable)


def question(kind, rng, **fields):
    text = wording(kind, rng, fields.get("emotion"), fields.get("region"), fields.get("au"), fields.get("topic"))
    return Question(kind, text, **fields)


@pytest.fixture(scope="module")
def many():
    rng = random.Random(11)
    out = []
    for _ in range(1500):
        facts = random_facts(rng)
        out += [(facts, q, x) for q, x in dialogue(facts, rng, 3)]
    return out


def test_every_output_parses_back(many):
    for _, _, x in many:
        assert parse(render(x)) == x


def test_the_conclusion_follows_the_facts(many):
    for facts, q, x in many:
        if q.kind == "decline" or not facts.readable:
            assert (x.emotion, x.confidence, x.observations) == (None, None, ())
            continue
        assert x.emotion == max(facts.emotions, key=facts.emotions.get)
        assert x.confidence == pytest.approx(min(0.95, facts.emotions[x.emotion]), abs=0.0251)
        assert (x.valence, x.arousal) == (round(facts.valence, 1), round(facts.arousal, 1))


def test_nothing_is_claimed_beyond_the_evidence(many):
    for facts, _, x in many:
        for o in x.observations:
            if o.present:
                assert facts.aus[o.au] >= 1.0 and o.intensity == round(facts.aus[o.au], 1)
                assert o.side == facts.sides.get(o.au, "both")
            else:
                assert facts.aus[o.au] < 0.5
        for sentence in SENTENCE.split(x.interpretation):
            present, absent = find_aus(sentence)
            assert present <= facts.present and absent <= facts.absent, sentence


def test_never_says_what_a_face_cannot_show(many):
    for _, _, x in many:
        assert not re.search(r"\b(?:he|she|person|face) is (?:angry|sad|happy|afraid|disgusted|surprised)\b", x.interpretation)
        assert not re.search(r"[{}\[\]|]|\s\s|\b(\w+) \1\b", x.interpretation), x.interpretation
        assert re.match(r"^[A-Z].*[.?]$", x.interpretation)


def test_length_and_number_of_observations(many):
    lengths = []
    for facts, q, x in many:
        if x.emotion is None:
            continue
        assert len(x.observations) <= (22 if q.kind == "aus" else 8)
        assert len(x.observations) >= min(2, len(facts.present | facts.absent))
        if q.kind in ("why", "read"):
            lengths.append(len(render(x).split()))
    assert 60 <= sum(lengths) / len(lengths) <= 130
    assert sorted(lengths)[-len(lengths) // 50] <= 150


def test_what_is_built_on_is_observed(many):
    for _, _, x in many:
        assert spoken_aus(x.interpretation) <= {o.au for o in x.observations}, render(x)


def test_all_present_units_are_listed(many):
    for facts, q, x in many:
        if q.kind == "aus" and facts.readable:
            assert {o.au for o in x.observations if o.present} == facts.present


def test_variety(many):
    # 800 human captions of FEC-Bench, 96,000 words: distinct-2 0.119, self-BLEU-4 0.835.
    split = [sentences(x) for _, _, x in many]
    found = of_sentences(split[:SAMPLE])
    assert found.n == SAMPLE and found.distinct2 >= 0.11 and found.self_bleu < 0.88, found
    whole = of_sentences(split)
    assert whole.share <= 0.02 + 3 * math.sqrt(0.02 / len(many)), whole.commonest
    assert 600 <= len({w for t in split[:SAMPLE] for s in t for w in re.findall(r"[a-z'-]+", s)}) < 2500


def test_measures_of_variety():
    same = of_sentences([["the brows rise", "it looks sad"]] * 4)
    assert (same.distinct2, same.self_bleu, same.share) == (pytest.approx(5 / 20), pytest.approx(1), 1)
    other = of_sentences([["a b c d e"], ["f g h i j"], ["f g h i k"]])
    assert other.distinct2 == 9 / 12 and other.self_bleu < 0.6 and other.share == 1 / 3
    figures = "<think>Key observations: Up (AU12, {}). Interpretation: AU12 at {}.</think><answer>happiness</answer>"
    assert measure([figures.format(a, a) for a in (2.1, 3.4)] + ["no schema"]).share == 1 and measure(["x"]) is None


def test_a_seed_gives_its_text_and_another_gives_another():
    facts = face(a6=2.5, a12=3.2)
    q = Question("why", "Why does she look happy?", "happiness")
    texts = [render(write(facts, q, random.Random(seed))) for seed in (1, 1, *range(2, 30))]
    assert texts[0] == texts[1]
    assert len(set(texts)) == len(texts) - 1


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "decline"])
def test_wordings(kind):
    rng = random.Random(0)
    made = {re.sub(r"\W+", " ", wording(kind, rng, "sadness", "brows", 12, "bored").lower()).strip() for _ in range(600)}
    assert len(made) >= 25


def test_every_kind_is_asked_and_the_asked_emotion_varies():
    rng = random.Random(3)
    asked = [(f, ask(f, rng)) for f in (random_facts(rng) for _ in range(1500))]
    assert {q.kind for _, q in asked} == set(KINDS) - {"compare"}
    named = [(f, q) for f, q in asked if q.emotion]
    assert 0.3 < sum(q.emotion == f.top for f, q in named) / len(named) < 0.6
    assert all(q.kind in questions.ASKS_EMOTION for _, q in named)


@pytest.mark.parametrize("topic", TOPICS)
def test_declines_in_one_polite_sentence(topic):
    rng = random.Random(5)
    for _ in range(30):
        x = write(random_facts(rng), question("decline", rng, topic=topic), rng)
        assert x.emotion is None and x.observations == ()
        assert len(SENTENCE.split(x.interpretation)) == 1 and 4 <= len(x.interpretation.split()) <= 30


@pytest.mark.parametrize("reason, word", [("the face is small in the picture", "small|pixels"), ("the picture is dark", "dark|light"),
                                          ("the picture is blurred", "blur|focus"), ("the face is turned away", "turned"), ("fog", "fog")])
def test_an_unreadable_face_is_left_without_a_reading(reason, word):
    rng = random.Random(5)
    for kind in ("why", "aus", "smile", "describe"):
        x = write(face(a12=3, quality=(reason,), readable=False), question(kind, rng, emotion="happiness"), rng)
        assert x.emotion is None and re.search(word, x.interpretation)
    limited = write(face(a6=2, a12=3, quality=(reason,)), question("why", rng, emotion="happiness"), rng)
    assert limited.emotion == "happiness"


def answers(facts, kind, n=40, **fields):
    rng = random.Random(9)
    return [write(facts, question(kind, rng, **fields), rng) for _ in range(n)]


def test_why_not_names_what_is_missing():
    for x in answers(face(a6=2.5, a12=3.2), "whynot", emotion="sadness"):
        assert x.emotion == "happiness"
        assert not find_aus(x.interpretation)[0] - {6, 12}
        assert re.search(r"\bsad(?:ness)?\b", x.interpretation.lower())
        assert any(not o.present and o.au in (1, 4, 15) for o in x.observations)


def test_smiles():
    for x in answers(face(a6=2.5, a12=3.2), "smile"):
        assert {6, 12} <= set(x.present) and re.search("genuine|real|felt|Duchenne|eyes", x.interpretation)
        assert re.search("proof|prov|sign|evidence|cannot be seen", x.interpretation)
    for x in answers(face(a12=2.5), "smile"):
        assert {o.au for o in x.observations if not o.present} == {6}
        assert re.search("posed|social|polite", x.interpretation)
    for x in answers(face("sadness", a1=2, a15=2), "smile"):
        assert any(o.au == 12 and not o.present for o in x.observations)
        assert not re.search("Duchenne|looks genuine", x.interpretation)
    for x in answers(face("fear", a4=4, a6=4, a12=4), "smile"):  # the movements of a smile in a face that does not look happy
        first = x.interpretation.split(". ")[0]
        assert x.emotion == "fear" and not re.search("genuine|felt smile,? (?:the|both)|reaches", first) and "look" in first
        assert re.search("afraid|fear|frightened|scared", first) and "proof" not in x.interpretation
    for x in answers(face(a12=2.5, a6=0.7), "smile"):
        assert 6 not in {o.au for o in x.observations}


def test_the_grey_zone_is_neither_present_nor_absent():
    facts = face("neutral", second="sadness", a4=0.7, a12=0.9)
    for kind in ("why", "aus", "describe", "smile", "region", "au"):
        for x in answers(facts, kind, 15, emotion="neutral" if kind == "why" else None, au=12, region="mouth"):
            assert {4, 12}.isdisjoint(o.au for o in x.observations)
            assert {4, 12}.isdisjoint(frozenset().union(*find_aus(x.interpretation)))


def test_the_mouth_is_told_with_its_jaw_and_other_signs_come_on_top():
    for x in answers(face("surprise", a1=3, a2=3, a25=3, a26=3), "region", 20, region="mouth"):
        assert {25, 26} <= set(x.present)
        more = [s for s in x.interpretation.split(". ")[1:] if "brow" in s]
        assert all(re.search(r"as well|\btoo\b|[Ff]urther|\badds? to\b", s) for s in more), more


def test_of_a_part_that_does_much_what_speaks_for_the_look_is_told():
    for x in answers(face("surprise", a1=3, a2=3, a20=4, a15=3.6, a23=3.2, a26=2), "region", 20, region="mouth"):
        assert re.search(r"\b(?:jaw|mouth (?:is open|hangs|gapes|opens|drops))", x.interpretation.split(". ")[0]), x.interpretation


def test_a_region_is_answered_with_its_own_units():
    for name, units in REGIONS.items():
        for x in answers(face("sadness", a1=2, a4=2.4, a15=2), "region", 10, region=name):
            assert x.observations[0].au in units or not {1, 4, 15}.isdisjoint(units) or name == "nose"
            assert any(o.au in units for o in x.observations)


@pytest.mark.parametrize("level, words", [(0.9, "clear|little doubt|very sure|quite sure|high|as sure"), (0.7, "fair|likely|reasonabl|enough"),
                                          (0.5, "moderate|leaning|half|not very"), (0.35, "open|not sure|close|unsure"), (0.25, "guess|low|not sure at all|unsure")])
def test_confidence_in_words_and_figures_agree(level, words):
    for x in answers(face("sadness", level, second="fear", a1=2, a4=2.4, a15=2), "sure"):
        assert x.confidence == level and re.search(words, x.interpretation.lower())
        assert str(round(level * 100)) in x.interpretation


def test_movements_and_impression_may_disagree_and_it_is_said():
    facts = face("sadness", 0.6, second="happiness", a6=3, a12=3.5)
    said = [x.interpretation for x in answers(facts, "why", emotion="sadness")]
    assert all(re.search("impression|whole|muscles|movement", s) for s in said)
    assert sum(bool(re.search("happiness", s)) for s in said) > len(said) / 2


def test_compare_names_each_unit_once_and_whose_it_is():
    rng = random.Random(2)
    for _ in range(200):
        a, b = random_facts(rng), random_facts(rng)
        x = compare(a, b, question("compare", rng), rng)
        assert parse(render(x)) == x
        if not (a.readable and b.readable):
            assert x.emotion is None
            continue
        assert x.emotions == tuple(dict.fromkeys((a.top, b.top))) and x.confidence == min(a.confidence, b.confidence)
        for o in x.observations:
            if o.present:
                assert o.intensity == round(max(a.aus[o.au], b.aus[o.au]), 1) and re.search("first|second|both|two", o.text.lower())
            else:
                assert max(a.aus[o.au], b.aus[o.au]) < 0.5


def test_a_twentieth_of_the_comparisons_has_a_limited_view():
    rng = random.Random(9)
    seen = [Seen(b"", face("sadness", 0.8, a1=2.0, a15=1.5)), Seen(b"", face("happiness", 0.9, a12=3.0))] * 200
    pairs = [r for r in rows(seen, rng, compared=0.9) if r["kind"] == "compare"]
    assert 330 < len(pairs) < 390
    noted = [r for r in pairs if r["prompt"][0]["content"].startswith("Note: ")]
    unread = [r for r in noted if "cannot be read" in r["prompt"][0]["content"]]
    assert 5 < len(noted) < 40 and 0 < len(unread) < len(noted)
    for row in pairs:
        assert (parse(row["completion"][0]["content"]).emotion is None) == (row in unread)


def test_bands_and_phrases_cover_every_unit_and_level():
    assert [band(v) for v in (1.0, 1.44, 1.5, 2.5, 3.5, 4.5, 5.0)] == list("AABCDEE")
    assert set(WORDS) == set(MEASURED_AUS)
    for a in MEASURED_AUS:
        assert len(GONE[a]) >= 2
        for letter in "ABCDE":
            assert len(plain(a, letter, frozenset(), frozenset())) >= 3


def test_grammar():
    voice = Voice(random.Random(0))
    assert {voice.expand(Template("a[ b|[ c| d]|]"), {}) for _ in range(60)} == {"a b", "a c", "a d", "a"}
    assert voice.say(pool("{x} and {y}"), x="1", y=lambda: "2") == "1 and 2"
    for bad in ("a]", "[a", "{x", "}"):
        with pytest.raises(ValueError):
            Template(bad)


def test_facts_from_what_facenet_reads():
    k = len(MEASURED_AUS)
    aus, sides = np.full((2, k), 0.2), np.zeros((2, k))
    smile = MEASURED_AUS.index(12)
    aus[1, smile], sides[1, smile] = 2.4, -1.5
    sides[1, 0] = 2.0  # AU1 is not there, so its side means nothing
    evidence = Evidence(np.array([0.0, 0.1]), aus, sides, np.ones((2, k, 1, 1)), np.full((2, 8), 0.125), np.zeros(2), np.zeros(2),
                        np.full((2, 3), 4.0), np.array([False, True]))
    assert not Facts.from_evidence(evidence).readable
    facts = Facts.from_evidence(evidence, 1, pose=(5.0, 0.0, 0.0))
    assert facts.pose == (5, 0, 0) and Facts.from_evidence(evidence, 1).pose == (4, 4, 4)
    assert (facts.present, dict(facts.sides), facts.readable) == ({12}, {12: "left"}, True)


def test_two_rows_differ_only_in_the_look_that_is_asked_about():
    rng = random.Random(5)
    for _ in range(200):
        facts = random_facts(rng)
        own, other = asked_both(Seen(b"", facts), rng)
        assert own["kind"] == other["kind"] and own["prompt"] != other["prompt"]
        asked = [r["prompt"][0]["content"].lower().split() for r in (own, other)]
        assert abs(len(asked[0]) - len(asked[1])) <= 4 and len(set(asked[0]) - set(asked[1])) <= 4
        said = [parse(r["completion"][0]["content"]) for r in (own, other)]
        assert all(x.emotion == facts.top for x in said if facts.readable)
        short = parse(next(asked_both(Seen(b"", facts), rng, brief=True))["completion"][0]["content"])
        assert not short.observations and len(SENTENCE.split(short.interpretation)) == 1
    seen = [Seen(b"", random_facts(rng)) for _ in range(300)]
    plain, paired = (sum(1 for _ in rows(seen, random.Random(1), pairs=p)) for p in (0.0, 0.5))
    assert plain == 300 and 480 < paired < 660


@pytest.mark.parametrize(("level", "very"), [(1.1, True), (1.4, False), (3.6, False), (3.9, False), (4.0, True), (4.4, True)])
def test_very_is_said_at_the_end_of_the_scale(level, very):
    for words in (PRE, POST, ADJ):
        left = shaded(words[band(level)], level)
        assert len(left) > 1 and any("very" in w for w in left) == (very and any("very" in w for w in words[band(level)]))
    assert all(shaded(words[b], v) == words[b] for words in (PRE, POST, ADJ) for b, v in zip(BANDS[1:3], (2.0, 3.0), strict=True))


def test_an_observation_is_told_by_its_half_of_the_level():
    rng = random.Random(2)
    told = [Teller(Facts({a: 3.7 if a == 12 else 0.0 for a in MEASURED_AUS}, {}, {"happiness": 0.9}), rng).seen(12).text for _ in range(60)]
    assert not any("very" in text for text in told) and any("strong" in text for text in told)
