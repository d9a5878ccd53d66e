"""Each task proves itself: gold is the best score, nothing the worst, malformed never raises."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emoreason.errors import UserError
from emoreason.eval import fidelity, maps, readings, stats
from emoreason.eval.answers import Answer, read_answer
from emoreason.eval.faithfulness import pairs_of, shown
from emoreason.eval.judge import Judge, JudgeError
from emoreason.eval.run import TASKS
from emoreason.eval.task import Context
from emoreason.eval.units import folds_of
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.records import Evidence
from emoreason.schema import Explanation, Observation, render
from emoreason.sources import Record

HERE = Path(__file__).parent
CAPTIONS = [p["caption"] for p in json.loads((HERE / "eval_paraphrases.json").read_text(encoding="utf-8"))]
EXPLAINED = ("<think>Key observations: The brows are lowered (AU4, 3.1). The lip corners are not raised (AU12 absent). "
             "Interpretation: It looks angry. Confidence: 0.80.</think><answer>anger</answer>")
MALFORMED = ["", "   ", "<think>", "<answer></answer>", "{}", "AU99", "I cannot help with that.", "😀" * 300, "\x00",
             "<think>a</think><answer>happy</answer><answer>sad</answer>", "none", "unhappy-ish maybe", "AU" * 2000]


def records_of(task: str) -> list[Record]:
    rng = np.random.default_rng(1)
    if task == "fec-bench":
        return [Record(str(i), "fec_bench", kind="clip", caption=c) for i, c in enumerate(CAPTIONS)]
    if task in ("fer", "dfer"):
        kind = "clip" if task == "dfer" else "picture"
        return [Record(str(i), "t", kind=kind, emotion=EMOTIONS[i % 7]) for i in range(70)]
    if task == "faithfulness":
        return faces()
    if task == "va":
        return [Record(str(i), "t", valence=float(v), arousal=float(a)) for i, (v, a) in enumerate(rng.uniform(-1, 1, (60, 2)))]
    aus = [{a: float(rng.integers(0, 6)) for a in (1, 2, 4, 6, 9, 12, 25, 26)} for _ in range(60)]
    if task == "au":
        return [Record(str(i), "disfa", subject=f"SN{i % 9:03d}", aus=dict(a)) for i, a in enumerate(aus)]
    return [Record(str(i), "fea20k", emotion=EMOTIONS[i % 8], aus={4: None, 6 + i % 2: None},
                   text=f"<think>The brows come down (AU4). Number {i}.</think><answer>{EMOTIONS[i % 8]}</answer>")
            for i in range(24)]


def faces() -> list[Record]:
    """Pairs of faces: AU12 switched on in even pairs, AU4 off in every third, the brows covered in the others."""
    made = []
    for i in range(18):
        first, second = {6: 2.0, 4: 3.0}, {6: 2.0, 4: 3.0}
        if i % 3 == 0:
            second, change = {6: 2.0, 4: 3.0, 12: 2.5}, {"switched": 12}
        elif i % 3 == 1:
            second, change = {6: 2.0}, {"switched": 4}
        else:
            change = {"occluded": 4}
        made += [Record(f"{i}a", "synth", aus=first, emotion="anger", extra={"pair": i}),
                 Record(f"{i}b", "synth", aus=second, emotion="anger", extra={"pair": i} | change)]
    return made


def explain(aus: dict[int, float]) -> str:
    seen = tuple(Observation(a, v, text="it moves") for a, v in aus.items())
    return render(Explanation(seen, "It adds up.", "anger", 0.9))


def gold(task: str, r: Record) -> Answer:
    if task == "faithfulness":
        hidden = {4} if "occluded" in r.extra else set()
        return read_answer({"output": explain({a: v for a, v in (r.aus or {}).items() if a not in hidden})})
    row: dict = {"id": r.id}
    row |= {"caption": r.caption} if r.caption else {}
    row |= {"emotion": r.emotion} if r.emotion else {}
    row |= {"aus": {str(a): v for a, v in r.aus.items()} if task == "au" else list(r.aus)} if r.aus else {}
    row |= {"valence": r.valence, "arousal": r.arousal, "output": r.text}
    return read_answer(row)


BEST = {"fec-bench": ("tem", "autodq", "rouge_l", "bleu_4"), "fer": ("accuracy", "uar", "f1_macro"),
        "dfer": ("accuracy", "uar"), "va": ("ccc", "ccc_valence"), "au": ("au_f1_macro", "au_f1_micro", "icc"),
        "faithfulness": ("switch_seen", "switch_only", "switch_faithful", "occlusion_gone", "occlusion_only", "au_f1"),
        "fea": ("au_f1_macro", "au_f1_strict", "accuracy", "rouge_l")}


def score(task: str, answers: list[Answer | None], records: list[Record]):
    return TASKS[task].score(records, answers, Context())


@pytest.mark.parametrize("task", TASKS)
def test_gold_is_best_and_nothing_is_worst(task: str) -> None:
    records = records_of(task)
    best = score(task, [gold(task, r) for r in records], records)
    for name in BEST[task]:
        assert best.metrics[name]["value"] == pytest.approx(1), name
        assert best.metrics[name]["low"] <= 1 + 1e-9 and not best.unscored
    worst = score(task, [read_answer({"id": r.id, "output": ""}) for r in records], records)
    assert not worst.unscored
    for name in set(BEST[task]) - {"switch_only", "occlusion_only"}:  # who says nothing changes nothing
        assert worst.metrics.get(name, {"value": 0})["value"] < 1e-5, name
    lost = score(task, [None] * len(records), records)
    assert len(lost.unscored) == len(records) and not lost.metrics and set(lost.unscored.values()) == {"no prediction"}


@pytest.mark.parametrize("task", TASKS)
def test_malformed_answers_never_raise(task: str) -> None:
    records = records_of(task)
    rows = [{"id": "x", "output": text} for text in MALFORMED]
    rows += [{"emotion": 7}, {"emotion": ["sad", None]}, {"aus": "AU4 x"}, {"aus": {"4": "high"}}, {"aus": {"x": 1}},
             {"aus": [None, 3.5, {}]}, {"confidence": "very"}, {"caption": 3}, {"valence": 9}, {"valence": []},
             {"output": 5}, {"aus": 12}, {"aus": {"12": 99}}, {}]
    answers = [read_answer(rows[i % len(rows)]) for i in range(len(records))]
    result = score(task, answers, records)
    assert len(result.rows) == len(records)
    json.dumps(result.rows)
    assert all(np.isfinite(v["value"]) for v in result.metrics.values())


@pytest.mark.parametrize(("row", "emotions", "aus"), [
    ({"output": EXPLAINED}, ("anger",), {4: 3.1}),
    ({"output": "Happy"}, ("happiness",), None),
    ({"output": "not angry"}, None, None),
    ({"output": "none"}, (), None),
    ({"output": EXPLAINED, "emotion": "joy"}, ("happiness",), {4: 3.1}),
    ({"aus": ["AU06", 12]}, None, {6: None, 12: None}),
    ({"aus": {"AU4": 2.5, "12": 0}}, None, {4: 2.5}),
    ({"aus": "4, 12"}, None, {4: None, 12: None}),
    ({"aus": []}, None, {}),
    ({"output": "She frowns (AU4) without AU12."}, None, {4: None}),
    ({"emotion": "fearfully surprised"}, ("fear", "surprise"), None),
])
def test_answers_are_read(row: dict, emotions: tuple | None, aus: dict | None) -> None:
    answer = read_answer(row)
    assert (answer.emotions, answer.aus) == (emotions, aus)


def test_an_abstention_is_an_answer_that_is_wrong() -> None:
    records = records_of("fer")[:14]
    answers = [gold("fer", r) if i % 2 else read_answer({"output": "none"}) for i, r in enumerate(records)]
    metrics = score("fer", answers, records).metrics
    assert metrics["accuracy"]["value"] == metrics["answered"]["value"] == 0.5


def test_calibration_needs_stated_confidence() -> None:
    records = records_of("fer")
    sure = [read_answer({"emotion": r.emotion if i % 4 else "contempt", "confidence": 0.75})
            for i, r in enumerate(records)]
    metrics = score("fer", sure, records).metrics
    assert metrics["ece"]["value"] == pytest.approx(abs(0.75 - metrics["accuracy"]["value"]))
    assert "ece" not in score("fer", [gold("fer", r) for r in records], records).metrics


def test_claims_without_evidence_are_counted() -> None:
    records = records_of("fer")[:2]
    rows = [{"output": EXPLAINED, "evidence": {"4": 3.0, "12": 0.1}}, {"output": EXPLAINED, "evidence": {"4": 0.0, "12": 2.0}}]
    metrics = score("fer", [read_answer(r) for r in rows], records).metrics
    assert metrics["unsupported_rate"]["value"] == 0.5 and 0 < metrics["agreement"]["value"] <= 1


def test_a_story_that_ignores_the_face_is_not_faithful() -> None:
    records = faces()
    same = [read_answer({"output": explain({4: 3.0, 12: 2.0})}) for _ in records]
    metrics = score("faithfulness", same, records).metrics
    assert metrics["switch_faithful"]["value"] == metrics["occlusion_gone"]["value"] == 0
    assert metrics["switch_only"]["value"] == 1 and metrics["unsupported_true"]["value"] > 0.4
    story = [read_answer({"output": explain({a: 2.0 for a in ((12, 1) if "switched" in r.extra else (4, 15))})})
             for r in records]
    assert score("faithfulness", story, records).metrics["switch_only"]["value"] == 0


def test_faithfulness_without_pairs_says_how_to_get_them() -> None:
    records = [Record("a", "synth", aus={12: 3.0})]
    with pytest.raises(UserError, match="--pairs both"):
        score("faithfulness", [read_answer({"output": explain({12: 3.0})})], records)


def test_maps_are_held_against_masks() -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:4, 2:4] = True
    assert maps.map_iou(mask.astype(float), mask) == 1 and maps.map_iou(1.0 - mask, mask) == 0
    points = np.random.default_rng(0).uniform(40, 60, (68, 2))
    points[36], points[45] = (20, 40), (80, 40)  # the outer corners of the eyes
    points[48], points[54], points[31], points[35] = (35, 75), (65, 75), (45, 55), (55, 55)
    frame = np.array([(0.01, 0, 0), (0, 0.01, 0)])  # a picture of 100 px
    smile = maps.expert_mask(points, 12, frame, (16, 16))
    assert smile[11, 6] and smile[11, 10] and not smile[2, 8] and 0.05 < smile.mean() < 0.4


def test_shown_is_where_the_picture_changed() -> None:
    off = np.full((100, 100, 3), 90, np.uint8)
    on = off.copy()
    on[60:80, 20:40] = 200
    frame = np.array([(0.01, 0, 0), (0, 0.01, 0)])
    mask = maps.shown_mask(on, off, frame, (10, 10))
    assert mask[6:8, 2:4].all() and mask.sum() <= 9 and not maps.shown_mask(off, off, frame, (10, 10)).any()


def looking(right: bool, folder: Path) -> tuple[list[Record], list[Answer]]:
    """Two pictures, AU12 on and off; its map looks at the place or elsewhere."""
    points = np.full((68, 2), 50.0)
    points[36], points[45], points[48], points[54], points[31], points[35] = (20, 30), (80, 30), (30, 70), (30, 70), (30, 70), (30, 70)
    off = np.full((100, 100, 3), 90, np.uint8)
    on = off.copy()
    on[60:80, 20:40] = 200
    values = np.zeros((len(MEASURED_AUS), 10, 10))
    values[:, 0, 9] = np.array(MEASURED_AUS) != 12
    values[MEASURED_AUS.index(12), *((slice(6, 8), slice(2, 4)) if right else (slice(0, 2), slice(7, 9)))] = 1
    packed = json.loads(json.dumps(maps.pack(values, np.array([(0.01, 0, 0), (0, 0.01, 0)]))))
    records = []
    for name, picture, extra in (("a", off, {}), ("b", on, {"switched": 12})):
        Image.fromarray(picture).save(folder / f"{name}.png")
        records.append(Record(name, "synth", media=str(folder / f"{name}.png"), aus={12: 3.0 * (name == "b")},
                              extra={"pair": "0", "landmarks": points.tolist()} | extra))
    return records, [read_answer({"output": explain(r.aus if r.aus[12] else {}), "maps": packed}) for r in records]


@pytest.mark.parametrize(("right", "value"), [(True, 1.0), (False, 0.0)])
def test_the_switched_au_is_looked_at(right: bool, value: float, tmp_path: Path) -> None:
    records, answers = looking(right, tmp_path)
    metrics = score("faithfulness", answers, records).metrics
    assert metrics["map_iou_shown"]["value"] == value and (metrics["map_iou"]["value"] > 0.1) == right
    floor = score("faithfulness", answers, records).floor
    assert floor["map_iou_shown"] == 0 and set(floor) >= {"map_iou"}
    (tmp_path / "a.png").unlink()
    assert shown(pairs_of(list(zip(records, answers, strict=True)))[0]) is None
    assert read_answer({"output": "", "maps": {"shape": [2], "data": "x"}}).maps is None


def test_regions_that_are_hidden_are_not_held_against_it() -> None:
    first = Record("a", "synth", aus={12: 3.0, 26: 2.0}, extra={"pair": "0"})
    second = Record("b", "synth", aus={12: 3.0, 26: 2.0}, extra={"pair": "0", "occluded": 12, "covered": ["lips", "jaw"]})
    answers = [read_answer({"output": explain(a)}) for a in ({12: 3.0, 26: 2.0, 4: 1.5}, {4: 1.5})]
    metrics = score("faithfulness", answers, [first, second]).metrics
    assert metrics["occlusion_gone"]["value"] == metrics["occlusion_only"]["value"] == 1


# --- fidelity ----------------------------------------------------------------------------------------------------


def clip(late: float = 0.0, gain: float = 1.0, noise: float = 0.0, emotion: str = "happiness") -> Evidence:
    """Four seconds at 25 fps: AU12 sets in at 1 s and peaks at 2 s (plus ``late``)."""
    times = np.arange(100) / 25
    aus = np.random.default_rng(0).normal(0, noise, (100, len(MEASURED_AUS))).clip(0)
    aus[:, MEASURED_AUS.index(12)] += 3 * gain * np.exp(-0.5 * ((times - 2 - late) / 0.5) ** 2)
    looks = np.full((100, len(EMOTIONS)), 0.01)
    looks[:, EMOTIONS.index(emotion)] = 0.93
    k = len(MEASURED_AUS)
    return Evidence(times=times, aus=aus, sides=np.zeros((100, k)), maps=np.full((100, k, 2, 2), 0.25), emotions=looks,
                    valence=np.zeros(100), arousal=np.zeros(100), poses=np.zeros((100, 3)), valid=np.ones(100, bool))


def test_fidelity_of_the_reference_itself_is_perfect() -> None:
    result = fidelity.score([(str(i), clip(), clip(), "happiness") for i in range(3)])
    value = {k: v["value"] for k, v in result.metrics.items()}
    assert value["emotion_accuracy"] == value["au_f1_macro"] == 1 and value["au_mae"] == value["apex_lag"] == 0
    assert result.notes[0] == "Nothing fails by these measures." and not result.unscored


def test_fidelity_to_a_target_alone() -> None:
    result = fidelity.score([(str(i), clip(emotion="happiness" if i else "fear"), None, "happiness") for i in range(4)])
    assert result.metrics["emotion_accuracy"]["value"] == 0.75 and not {"au_mae", "apex_lag"} & set(result.metrics)
    assert not result.tables and "1 of 4 clips do not look like the target" in result.notes[0]
    assert not fidelity.score([("a", None, None, "happiness")]).metrics


@pytest.mark.parametrize(("made", "says"), [
    (clip(late=0.4), "movements peak 0.4"), (clip(gain=0.2), "AU12 (lip corner puller) is too weak"),
    (clip(emotion="neutral"), "3 of 3 clips do not look like the target (happiness), most often neutral"),
    (clip(noise=0.5), "shakes"),
])
def test_fidelity_says_what_fails(made: Evidence, says: str) -> None:
    result = fidelity.score([(str(i), made, clip(noise=0.05), "happiness") for i in range(3)])
    assert says in result.notes[0]


def test_fidelity_command(tmp_path: Path) -> None:
    for folder, names in (("made", "abc"), ("real", "ab")):
        (tmp_path / folder).mkdir()
        for n in names:
            (tmp_path / folder / f"{n}.mp4").write_bytes(b"")
    seen = {"a.mp4": clip(), "b.mp4": None}
    asked: list[str] = []

    def read(path: str) -> Evidence | None:
        asked.append(path)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return seen[Path(path).name]

    with pytest.raises(KeyboardInterrupt):
        fidelity.evaluate(tmp_path / "made", tmp_path / "out", tmp_path / "real", "happy", read=read)
    results = fidelity.evaluate(tmp_path / "made", tmp_path / "out", tmp_path / "real", "happy", read=read)
    assert len(asked) == 5, "the killed run went on where it stopped"
    assert (results["task"], results["n"], results["unscored"]) == ("fidelity", 2, 1)
    with pytest.raises(UserError, match="another run"):
        fidelity.evaluate(tmp_path / "real", tmp_path / "out", target="happy", read=read)
    assert json.loads((tmp_path / "out/results.json").read_text())["metrics"]["emotion_accuracy"]["value"] == 1
    assert "1 generated clips have no reference" in (tmp_path / "out/report.md").read_text()
    with pytest.raises(UserError, match="--target"):
        fidelity.evaluate(tmp_path / "made", tmp_path / "out")
    with pytest.raises(UserError, match="no clips"):
        fidelity.evaluate(tmp_path / "out", tmp_path / "o", target="sad")


def test_what_fidelity_reads_is_kept_whole() -> None:
    whole = clip(noise=0.3)
    row = json.loads(json.dumps(readings.pack(whole)))
    again = readings.unpack(row)
    assert again is not None and fidelity.compare(again, whole).mae.max() < 1e-3
    assert readings.pack(None) is readings.unpack(None) is None


def test_a_clip_that_cannot_be_read_is_unscored(tmp_path: Path) -> None:
    for folder in ("made", "real"):
        (tmp_path / folder).mkdir()
        for n in "abc":
            (tmp_path / folder / f"{n}.mp4").write_bytes(b"")

    def read(path: str) -> Evidence | None:
        if path.endswith("made/b.mp4"):
            raise OSError("broken")
        return None if path.endswith("real/c.mp4") else clip()

    results = fidelity.evaluate(tmp_path / "made", tmp_path / "out", tmp_path / "real", read=read)
    assert results["unscored_reasons"] == {"OSError: broken": 1, "no face in the reference clip": 1}
    assert results["metrics"]["au_mae"]["value"] == 0 and results["n"] == 3
    rows = [json.loads(line) for line in (tmp_path / "out/items.jsonl").read_text().splitlines()]
    assert {r["id"] for r in rows} == set("abc")


def test_votes_share() -> None:
    records = [Record("a", "ferplus", emotion="fear", votes={"fear": 6.0, "surprise": 4.0})]
    assert score("fer", [read_answer({"emotion": "surprise"})], records).metrics["votes"]["value"] == 0.4


def test_au_threshold_and_folds() -> None:
    low = [Record(str(i), "disfa", subject=f"SN{i}", aus={12: 1.0, 25: 3.0}) for i in range(6)]
    named = [read_answer({"aus": {"25": 3.0, "12": 1.0}}) for _ in low]
    assert score("au", named, low).metrics["au_f1_macro"]["value"] == 1  # intensity 1 is below DISFA's threshold
    assert folds_of(["b", "a", "c", None, "a", "d"]) == {"a": 0, "b": 1, "c": 2, "d": 0}
    with pytest.raises(UserError, match="disfa12"):
        TASKS["au"].score(low, named, Context(options={"protocol": "other"}))


def test_fea_counts_aus_outside_the_gold_set_only_in_strict() -> None:
    records = records_of("fea")
    extra = [read_answer({"aus": [*(r.aus or {}), 27]}) for r in records]
    metrics = score("fea", extra, records).metrics
    assert metrics["au_f1_macro"]["value"] == 1 and metrics["au_f1_strict"]["value"] == pytest.approx(0.8)


def test_agreement_measures() -> None:
    judges = np.array([[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7.0]])
    assert stats.icc31(*judges) == pytest.approx(0.7148, abs=1e-4)  # the example of Shrout & Fleiss
    a = judges[0]
    assert stats.ccc(a, a) == pytest.approx(1) and stats.ccc(a, -a + 2 * a.mean()) == pytest.approx(-1)
    assert stats.ccc(a[:1], a[:1]) is None and stats.icc31(np.ones(4), np.ones(4)) is None
    assert stats.ece(np.array([0.9, 0.9, 0.1, 0.1]), np.array([1, 1, 0, 0.0])) == pytest.approx(0.1)


def test_bootstrap_is_paired_and_covers() -> None:
    x = np.random.default_rng(0).normal(size=400)
    first = stats.bootstrap(lambda at: {"mean": x[at].mean()}, 400, seed=3)["mean"]
    shifted = stats.bootstrap(lambda at: {"mean": x[at].mean() + 1}, 400, seed=3)["mean"]
    assert shifted["low"] - first["low"] == pytest.approx(1)
    assert first["low"] < first["value"] < first["high"] and first["high"] - first["low"] == pytest.approx(0.196, rel=0.15)
    assert stats.bootstrap(lambda at: {"m": 1.0}, 0) == {}


# --- the judge ---------------------------------------------------------------------------------------------------


def fake_judge(prompt: str) -> str:
    """A judge that splits at full stops and calls equal texts entailed."""
    if "JSON array" in prompt:
        text = prompt.split("Description:\n")[1]
        return "Sure! " + json.dumps([s.strip() for s in text.split(".") if s.strip()])
    if "entails" in prompt:
        a, b = ([line.split(". ", 1)[1] for line in part.strip().splitlines()]
                for part in re.search(r"A:\n(.*)\n\nB:\n(.*)", prompt, re.S).groups())
        return json.dumps({str(i): {"entails": [j for j, y in enumerate(b, 1) if x == y], "contradicts": []}
                           for i, x in enumerate(a, 1)})
    return '{"score": 4}'


def test_judge_scores_and_cache(tmp_path: Path) -> None:
    asked: list[str] = []
    judge = Judge(lambda p: asked.append(p) or fake_judge(p), "fake", tmp_path / "judge.jsonl")
    records = records_of("fec-bench")[:5]
    answers = [gold("fec-bench", r) for r in records]
    result = TASKS["fec-bench"].score(records, answers, Context(judge=judge))
    assert result.metrics["tem"]["value"] == result.metrics["offline_tem"]["value"] == 1
    assert result.metrics["correctness"]["value"] == 4 and set(result.prompts) == {"events", "relations", "score"}
    assert "tem" not in result.floor and 0 < result.floor["offline_tem"] < 1, "the parser's floor is not the judge's"
    before = len(asked)
    again = Judge(lambda p: pytest.fail("asked again"), "fake", tmp_path / "judge.jsonl")
    assert TASKS["fec-bench"].score(records, answers, Context(judge=again)).metrics == result.metrics
    assert before == len(set(asked))
    other = Judge(lambda p: "{}", "another", tmp_path / "judge.jsonl")
    with pytest.raises(JudgeError):
        other.score("x", 0, 5)


@pytest.mark.parametrize("answer", ["", "no idea", "[1, 2]", '{"1": {"entails": [99]}}', '{"score": "high"}', "[[[",
                                    '{"score": true}', None])
def test_a_failing_judge_leaves_items_unscored(answer: str | None) -> None:
    def complete(prompt: str) -> str:
        if answer is None:
            raise ConnectionError("refused")
        return answer

    records = records_of("fec-bench")[:3]
    result = TASKS["fec-bench"].score(records, [gold("fec-bench", r) for r in records], Context(judge=Judge(complete, "x")))
    assert len(result.unscored) == 3 and "tem" not in result.metrics and result.metrics["offline_tem"]["value"] == 1
    assert all("judge" in why for why in result.unscored.values())
