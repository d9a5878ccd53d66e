"""Each task proves itself: gold is the best score, nothing the worst, malformed never raises; and the runner."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emoreason.errors import UserError
from emoreason.eval import fidelity, report, stats
from emoreason.eval.answers import Answer, read_answer
from emoreason.eval.faithfulness import map_iou
from emoreason.eval.judge import Judge, JudgeError
from emoreason.eval.models import Reasoned
from emoreason.eval.run import TASKS, add_arguments, evaluate, run
from emoreason.eval.task import Context
from emoreason.eval.units import folds_of
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.records import Evidence
from emoreason.schema import Explanation, Observation, parse, render
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
    mask = np.zeros((8, 8), bool)
    mask[2:4, 2:4] = True
    assert map_iou(mask.astype(float), mask) == 1 and map_iou(1.0 - mask, mask) == 0


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
    results = fidelity.evaluate(tmp_path / "made", tmp_path / "out", tmp_path / "real", "happy",
                                read=lambda path: seen[Path(path).name])
    assert (results["task"], results["n"], results["unscored"]) == ("fidelity", 2, 1)
    assert json.loads((tmp_path / "out/results.json").read_text())["metrics"]["emotion_accuracy"]["value"] == 1
    assert "1 generated clips have no reference" in (tmp_path / "out/report.md").read_text()
    with pytest.raises(UserError, match="--target"):
        fidelity.evaluate(tmp_path / "made", tmp_path / "out")
    with pytest.raises(UserError, match="no clips"):
        fidelity.evaluate(tmp_path / "out", tmp_path / "o", target="sad")


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


# --- the runner --------------------------------------------------------------------------------------------------


def pictures(root: Path, each: int = 4) -> Path:
    for emotion in ("anger", "happiness", "sadness"):
        (root / emotion).mkdir(parents=True)
        for i in range(each):
            Image.new("L", (48, 48), 40 * i).save(root / emotion / f"{i}.png")
    return root


def command(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(w) for w in words]))


def test_predictions_to_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, said = pictures(tmp_path / "data"), tmp_path / "said.jsonl"
    rows = [{"id": f"{e}/{i}.png", "emotion": e} for e in ("anger", "happiness", "sadness") for i in range(4)]
    said.write_text("\n".join(map(json.dumps, rows[:-1])) + "\nnot json\n" + json.dumps({"id": "z", "emotion": "fear"}))
    assert command("fer", "--predictions", said, "--data", data, "--out", tmp_path / "run") == 0
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert {k: results[k] for k in ("task", "model", "n", "unscored")} == {
        "task": "fer", "model": "said", "n": 12, "unscored": 1}
    assert set(results["metrics"]["accuracy"]) == {"value", "low", "high"} and results["metrics"]["accuracy"]["value"] == 1
    assert results["unscored_reasons"] == {"no prediction": 1} and results["run"]["seed"] == 0
    assert {"python", "numpy"} <= set(results["run"]["versions"])
    page = (tmp_path / "run/report.html").read_text()
    assert page.count("<svg") >= 2 and not re.search(r"(?:src|href)=.?http", page) and "1 unscored" in page
    assert "| accuracy | 1.0000 |" in (tmp_path / "run/report.md").read_text()
    assert len((tmp_path / "run/items.jsonl").read_text().splitlines()) == 12
    assert "accuracy" in capsys.readouterr().out
    assert command("fer", "--predictions", said, "--data", data, "--out", tmp_path / "run", "--limit", "8") == 0
    assert json.loads((tmp_path / "run/results.json").read_text())["n"] == 8


class Model:
    def __init__(self, fail_after: int = 10**9) -> None:
        self.asked, self.fail_after = 0, fail_after

    def ask(self, media, question: str) -> str:
        self.asked += 1
        if self.asked > self.fail_after:
            raise KeyboardInterrupt
        assert media.shape == (48, 48, 3) and "anger, happiness, sadness" in question
        if media[0, 0, 0] == 80:
            raise RuntimeError("out of memory")
        return EXPLAINED


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    data, out = pictures(tmp_path / "data"), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        evaluate(TASKS["fer"], data=data, out=out, model=Model(fail_after=5))
    with (out / "predictions.jsonl").open("a") as file:
        file.write('{"id": "anger/3.png", "outp')  # cut off in the middle of a row
    model = Model()
    results = evaluate(TASKS["fer"], data=data, out=out, model=model)
    assert model.asked == 12 - 4  # five were asked, of which one failed
    assert results["n"] == 12 and results["unscored"] == 3
    assert results["unscored_reasons"] == {"RuntimeError: out of memory": 3}
    assert results["metrics"]["accuracy"]["value"] == pytest.approx(1 / 3)
    with pytest.raises(UserError, match="another run"):
        evaluate(TASKS["fer"], data=pictures(tmp_path / "else"), out=out, model=model)
    assert evaluate(TASKS["fer"], data=data, out=tmp_path / "b", model=Model(), workers=3)["unscored"] == 3


def test_leaderboard(tmp_path: Path) -> None:
    data = pictures(tmp_path / "data")
    for name, right in (("weak", 1), ("strong", 3)):
        rows = [{"id": f"{e}/{i}.png", "emotion": e if k < right else "fear"}
                for k, e in enumerate(("anger", "happiness", "sadness")) for i in range(4)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        evaluate(TASKS["fer"], data=data, out=tmp_path / name, predictions=tmp_path / f"{name}.jsonl")
    text = report.leaderboard([tmp_path / "weak", tmp_path / "strong/results.json"], tmp_path / "board")
    assert text.index("strong") < text.index("weak") and (tmp_path / "board/leaderboard.html").exists()
    with pytest.raises(UserError, match="results.json"):
        report.leaderboard([tmp_path / "data"], None)


@pytest.mark.parametrize(("words", "said"), [
    ([], "--data"), (["--data", "D", "--out", "O"], "--model or --predictions"),
    (["--data", "D", "--out", "O", "--predictions", "gone.jsonl"], "gone.jsonl does not exist"),
    (["--data", "gone", "--out", "O", "--predictions", "P"], "gone does not exist"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--limit", "0"], "--limit"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--option", "fold"], "KEY=VALUE"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--option", "fold=2"], "fold is not known"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--source", "x"], "no source 'x'"),
    (["--data", "D", "--out", "O", "--predictions", "P", "--split", "train"], "split 'train'"),
    (["--data", "D", "--out", "O", "--predictions", "P"], "no prediction for any item"),
])
def test_mistakes_are_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    pictures(tmp_path / "D")
    (tmp_path / "P").write_text('{"id": "unknown", "emotion": "sad"}\n')
    named = [str(tmp_path / w) if w in ("D", "O", "P", "gone", "gone.jsonl") else w for w in words]
    with pytest.raises(UserError) as caught:
        command("fer", *named)
    assert said in str(caught.value) and "\n" not in str(caught.value)


# --- each task on files laid out as its sets are published -----------------------------------------------------------


def lay_out(task: str, root: Path) -> tuple[Path, list[dict]]:
    """A small benchmark on disk and its gold predictions."""
    if task == "fec-bench":
        rows = [{"id": i, "video": f"DFEW/{i}.mp4", "caption": c} for i, c in enumerate(CAPTIONS[:10])]
        (root / "test.json").write_text(json.dumps(rows))
        return root / "test.json", [{"id": str(r["id"]), "caption": r["caption"]} for r in rows]
    if task == "dfer":
        lists = root / "split/single/no_caption/set_2"
        lists.mkdir(parents=True)
        for name in ("train", "test"):
            (lists / f"{name}.txt").write_text("".join(f"{i:05d}.mp4 {'anxiety' if i % 2 else 'anger'}\n" for i in range(10)))
        return root, [{"id": f"{i:05d}", "emotion": "anxiety" if i % 2 else "angry"} for i in range(10)]
    if task == "au":
        for s in ("SN001", "SN002", "SN003"):
            folder = root / "ActionUnit_Labels" / s
            folder.mkdir(parents=True)
            for a in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26):
                (folder / f"{s}_au{a}.txt").write_text("".join(f"{f},{(f + a) % 6}\n" for f in range(1, 5)))
        return root, [{"id": f"{s}/{f}", "aus": {str(a): (f + a) % 6 for a in (1, 2, 4, 6, 9, 12, 25, 26)}}
                      for s in ("SN001", "SN002", "SN003") for f in range(1, 5)]
    if task == "va":
        table = "image,valence,arousal\n" + "".join(f"{i}.jpg,{i / 10 - 0.4:.1f},{0.3 - i / 20:.2f}\n" for i in range(9))
        (root / "own.csv").write_text(table)
        return root / "own.csv", [{"id": f"{i}.jpg", "valence": round(i / 10 - 0.4, 1), "arousal": round(0.3 - i / 20, 2)}
                                  for i in range(9)]
    text = "<think>The brows are lowered (AU4).</think><answer>anger</answer>"
    rows = [{"id": f"q{i}", "image": f"{i}.jpg", "AUs": ["AU4"], "labels": ["anger"], "description": text} for i in range(9)]
    (root / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return root / "test.jsonl", [{"id": f"q{i}", "output": text} for i in range(9)]


@pytest.mark.parametrize(("task", "figure", "options"), [
    ("fec-bench", "tem", {}), ("dfer", "uar", {"fold": "2"}), ("au", "au_f1_macro", {}), ("va", "ccc", {}),
    ("fea", "accuracy", {})])
def test_a_smoke_run_of_each_task(task: str, figure: str, options: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    data, rows = lay_out(task, tmp_path / "data")
    said = tmp_path / "gold.jsonl"
    said.write_text("\n".join(map(json.dumps, rows)))
    results = evaluate(TASKS[task], data=data, out=tmp_path / "out", predictions=said, options=options)
    assert results["metrics"][figure]["value"] == pytest.approx(1) and results["unscored"] == 0
    assert results["n"] == len(rows)
    assert evaluate(TASKS[task], data=data, out=tmp_path / "out", predictions=said, options=options, limit=8)["n"] == 8
    assert (tmp_path / "out/report.html").stat().st_size > 5000


def test_a_reasoner_as_model() -> None:
    x = Explanation(interpretation="No face was found, so there is nothing to read.")

    class Said:
        text, explanation, evidence = x.interpretation, x, None

    class Fake:
        def ask(self, media, question):
            return [Said]

    row = Reasoned(Fake()).ask(np.zeros((4, 4, 3), np.uint8), "?")
    assert read_answer(row).emotions == () and "evidence" not in row
    Said.text, Said.explanation, Said.evidence = EXPLAINED, parse(EXPLAINED), clip()
    row = Reasoned(Fake()).ask("clip.mp4", "?")
    assert row["output"] == EXPLAINED and set(row["evidence"]) == {str(a) for a in MEASURED_AUS}
