"""FEC-Bench: the published n-gram values, the event parser, and how TEM behaves."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from emoreason.eval import ngrams
from emoreason.eval.behaviour import sample, wrong_and_missing
from emoreason.eval.events import Event, parse_events, sentences
from emoreason.eval.tem import CONTRADICTED, ENTAILED, NEUTRAL, corpus, f1, match, relation

HERE = Path(__file__).parent
SHARED = HERE.parent.parent / "shared" / "data"
PAIRS = json.loads((HERE / "eval_paraphrases.json").read_text(encoding="utf-8"))
OWN = [p["caption"] for p in PAIRS]
shared = pytest.mark.shared


def need(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"needs {path.name} in the shared data")
    return path


@pytest.fixture(scope="module")
def references() -> list[str]:
    return [row["caption"] for row in json.loads(need(SHARED / "fec_bench" / "test.json").read_text(encoding="utf-8"))]


def names(text: str) -> list[str]:
    return [str(e) for e in parse_events(text)]


def tem_of(predicted: list[str], reference: list[str]) -> dict[str, float]:
    return corpus([match(parse_events(a), parse_events(b)) for a, b in zip(predicted, reference, strict=True)])


@shared
def test_ngram_metrics_equal_the_published_values() -> None:
    folder = need(SHARED / "metrics" / "nlg_eval" / "examples")
    lines = {f: [x.split() for x in (folder / f).read_text().splitlines()] for f in ("hyp.txt", "ref1.txt", "ref2.txt")}
    refs = list(zip(lines["ref1.txt"], lines["ref2.txt"], strict=True))
    counts = np.array([ngrams.bleu_counts(h, r) for h, r in zip(lines["hyp.txt"], refs, strict=True)])
    assert ngrams.bleu(counts).round(6).tolist() == [0.55, 0.428174, 0.284043, 0.201143]
    rouge = np.mean([ngrams.rouge_l(h, r) for h, r in zip(lines["hyp.txt"], refs, strict=True)])
    assert round(float(rouge), 6) == 0.522104
    assert round(float(ngrams.cider(lines["hyp.txt"], refs).mean()), 6) == 1.242192


def test_ngram_metrics_of_gold_and_of_nothing() -> None:
    gold = [ngrams.tokenize(c) for c in OWN]
    assert ngrams.bleu(np.array([ngrams.bleu_counts(g, [g]) for g in gold]))[3] == pytest.approx(1)
    assert ngrams.bleu(np.array([ngrams.bleu_counts([], [g]) for g in gold]))[3] < 1e-6
    assert ngrams.rouge_l(gold[0], [gold[0]]) == 1 and ngrams.rouge_l([], [gold[0]]) == 0
    assert ngrams.cider(gold, [[g] for g in gold]).min() > 9.99
    assert ngrams.cider([[] for _ in gold], [[g] for g in gold]).max() == 0


def test_lcs_is_the_textbook_one() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = ("".join(rng.choice(list("abcd"), rng.integers(0, 12))) for _ in range(2))
        table = np.zeros((len(a) + 1, len(b) + 1), int)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                table[i + 1, j + 1] = table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
        assert ngrams.lcs_length(a, b) == table[-1, -1]


@pytest.mark.parametrize(("text", "events"), [
    ("His brows knit; she frowns deeply.", ["brows:furrow", "strongly brows:furrow"]),
    ("With furrowed brows, he looks to the lower left.", ["brows:furrow", "gaze:look:down:left"]),
    ("He lifts his head, lowers it, then turns it to the right.", ["head:up", "head:down", "head:turn:right"]),
    ("The corners of her mouth turn up slightly.", ["slightly corners:up"]),
    ("Her left eyebrow raises and her eyes open wide.", ["left brows:raise", "strongly eyes:wide"]),
    ("The man does not blink.", ["not eyes:blink"]),
    ("Her smile fades and she stops speaking.", ["corners:relax", "speech:stop"]),
    ("There is no significant change in his facial expression.", ["face:still"]),
    ("She opens her mouth to speak, revealing her upper and lower teeth.",
     ["mouth:open", "speech:go", "teeth:show:lower:upper"]),
    ("Fine lines appear on his forehead and between his brows, then disappear.",
     ["wrinkles:present:brows:forehead"]),
    ("His eyebrows and nose bridge crease.", ["brows:furrow", "nose:wrinkle"]),
    ("He has short black hair, thick arched eyebrows, full lips and a high nose bridge.", []),
    ("This video shows the emotional changes of a young woman.", []),
    ("", []),
    (" ,,, . ;; -- '' <think> 😀 \n\n", []),
])
def test_the_parser_reads(text: str, events: list[str]) -> None:
    assert names(text) == events


def test_time_markers_and_persons() -> None:
    events = parse_events("At the beginning of the video, he blinks. In the middle, he nods. Then he smiles. "
                          "Towards the end, he speaks.")
    assert [e.time for e in events] == [0.0, 0.5, 0.5, 1.0]
    events = parse_events("The man looks down. He frowns. The woman behind him nods. He closes his eyes and his mouth.")
    assert [e.who for e in events] == ["main", "main", "other", "main", "main"]


@pytest.mark.parametrize("text", ["a" * 5000, "his " * 800, "he turns " * 300, "and , and , with", "\x00\ud7ff ’’",
                                  "<answer>sadness</answer>", "AU4, AU12", "no no not never without", "timemark timemark9x"])
def test_the_parser_never_raises(text: str) -> None:
    parse_events(text)


def one(text: str):
    (event,) = parse_events(text)
    return event


@pytest.mark.parametrize(("a", "b", "expected"), [
    ("He turns his head to the left.", "The man rotates his head leftwards.", ENTAILED),
    ("He turns his head to the left.", "His head moves.", ENTAILED),
    ("His head moves.", "He turns his head to the left.", NEUTRAL),
    ("He turns his head to the left.", "He turns his head to the right.", CONTRADICTED),
    ("Her mouth opens.", "Her mouth closes.", CONTRADICTED),
    ("Her brows rise.", "Her brows lower.", CONTRADICTED),
    ("She does not blink.", "She blinks.", CONTRADICTED),
    ("She smiles.", "The corners of her mouth lift.", ENTAILED),
    ("Her left eyebrow raises.", "Her right eyebrow raises.", NEUTRAL),
    ("At the beginning, he blinks.", "At the end, he blinks.", NEUTRAL),
    ("His eyes widen.", "His brows furrow.", NEUTRAL),
])
def test_relations(a: str, b: str, expected: int) -> None:
    assert relation(one(a), one(b)) == expected


@pytest.fixture(scope="module")
def parsed(references: list[str]) -> list[list[Event]]:
    return [parse_events(text) for text in references]


@shared
def test_identical_captions_score_one(parsed: list[list[Event]]) -> None:
    for events in parsed:
        result = match(events, events)
        assert result.tem == result.autodq == result.order == 1 and result.contradicted == 0
    assert min(map(len, parsed)) > 0


@shared
def test_dropping_events_lowers_tem_step_by_step(parsed: list[list[Event]]) -> None:
    for events in parsed[::40]:
        kept = [match(events[:k], events).tem for k in range(len(events) + 1)]
        assert kept == sorted(kept) and kept[0] == 0 and kept[-1] == 1 and len(set(kept)) == len(kept)


@shared
def test_order_counts(references: list[str], parsed: list[list[Event]]) -> None:
    some = slice(None, None, 4)
    backwards = tem_of([" ".join(reversed(sentences(t))) for t in references[some]], references[some])
    assert backwards["tem"] < 0.45 and backwards["autodq"] > 0.9 and backwards["order"] < 0.5
    swapped = [[dataclasses.replace(e, time=o.time) for e, o in zip(events[::-1], events, strict=True)]
               for events in parsed[some]]
    assert corpus([match(a, b) for a, b in zip(swapped, parsed[some], strict=True)])["tem"] < 0.3


@shared
def test_another_clip_gets_less_from_tem_than_from_word_overlap(references: list[str], parsed: list[list[Event]]) -> None:
    words = [ngrams.tokenize(t) for t in references]
    rouge = float(np.mean([ngrams.rouge_l(a, [b]) for a, b in zip([*words[1:], words[0]], words, strict=True)]))
    assert round(rouge, 3) == 0.326
    assert corpus([match(a, b) for a, b in zip([*parsed[1:], parsed[0]], parsed, strict=True)])["tem"] < 0.26
    template = ("The video shows the emotional changes of a young man. He has short black hair and thick eyebrows. "
                "At the beginning of the video. As the video progresses. In the middle of the video. "
                "Towards the end of the video.")
    assert parse_events(template) == []


def test_paraphrases_come_close_to_one() -> None:
    assert len(PAIRS) >= 30
    scores = tem_of([p["paraphrase"] for p in PAIRS], OWN)
    assert scores["tem"] >= 0.94 and scores["order"] >= 0.97 and scores["contradicted"] <= 0.01
    words = [ngrams.tokenize(c) for c in OWN]
    told = [ngrams.tokenize(p["paraphrase"]) for p in PAIRS]
    assert np.mean([ngrams.rouge_l(a, [b]) for a, b in zip(told, words, strict=True)]) < 0.45  # the words do differ


@shared
def test_a_contradiction_scores_below_an_omission(references: list[str]) -> None:
    wrong, missing, whole = wrong_and_missing(OWN + references[::6])
    said, silent = (corpus([match(a, b) for a, b in zip(x, whole, strict=True)]) for x in (wrong, missing))
    assert len(whole) > 120 and said["tem"] < silent["tem"] - 0.02
    assert said["contradicted"] > 0.05 and silent["contradicted"] < 0.005


def test_the_sample_for_reading_is_fixed() -> None:
    texts = [(str(i), "She has short hair. " + c) for i, c in enumerate(OWN)]
    rows = list(sample(texts, 20, 5))
    assert rows == list(sample(texts, 20, 5)) and len(rows) == 20 and all(events for _, _, events in rows)


def test_an_empty_side() -> None:
    events = parse_events(OWN[0])
    nothing = match([], events)
    assert (nothing.tem, nothing.recall, nothing.order) == (0, 0, None)
    assert match([], []).tem == 0 and f1(0, 0) == 0
