"""The next round's data: what holds, what is refused and why, the best and the worst, rare AUs first."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny
from PIL import Image

from emoreason.data_pipeline import improve, rounds
from emoreason.data_pipeline.improve import Config, judge
from emoreason.engines import Completion
from emoreason.errors import UserError
from emoreason.facs import EMOTION_OF_WORD
from emoreason.reason import Reasoner
from emoreason.sources import Record

MEASURED = {1: 0.1, 4: 0.2, 6: 2.5, 12: 3.4, 15: 0.0, 25: 0.7}
GOOD = ("<think>Key observations: The cheeks bulge (AU6, 2.6). The smile is broad (AU12, 3.3). Interpretation: It adds up "
        "to a smile. Confidence: 0.80.</think><answer>happiness</answer>")


def record(**change) -> Record:
    return Record("1", "s", **{"emotion": "happiness"} | change)


@pytest.mark.parametrize(("text", "change", "reason"), [
    (GOOD, {}, None),
    (GOOD, {"aus": {6: 2.0, 12: 3.0}}, None),
    (GOOD, {"emotion": None, "aus": {6: 2.0, 12: 3.0}}, None),
    ("She smiles (AU12).", {}, "malformed"),
    (GOOD, {"emotion": "sadness"}, "conclusion differs"),
    (GOOD.replace("<answer>happiness", "<answer>none"), {}, "abstains"),
    (GOOD.replace("AU6, 2.6", "AU6, 4.6"), {}, "claims beyond the evidence"),
    (GOOD.replace("(AU6, 2.6)", "(AU6, 2.6). The brows sink (AU4, 2.0)"), {}, "claims beyond the evidence"),
    (GOOD, {"aus": {12: 0.0}}, "claims beyond the evidence"),
    (GOOD.replace("It adds up to a smile", "The lowered brows make it a smile"), {}, "words beyond the evidence"),
    (GOOD.replace("It adds up to a smile", "It looks happy, so happiness does not fit"), {}, "denies itself"),
    (GOOD.replace("The smile is broad (AU12, 3.3). ", "").replace("The cheeks bulge (AU6, 2.6)", "The lips part (AU25, 1.2)"),
     {}, "conclusion does not follow"),
    (GOOD.replace("The cheeks bulge (AU6, 2.6). ", ""), {"aus": {1: 4.0, 2: 4.0, 5: 3.0, 6: 3.0, 12: 2.5, 26: 3.0}}, "AUs missed"),
])
def test_what_holds(text: str, change: dict, reason: str | None) -> None:
    assert judge(text, record(**change), MEASURED).reason == reason


def test_the_truer_answer_scores_higher() -> None:
    texts = [GOOD, GOOD.replace("3.3", "2.6"), GOOD.replace("The cheeks bulge (AU6, 2.6). ", ""),
             GOOD.replace("happiness", "fear"), "nothing"]
    scored = [judge(t, record(), MEASURED).score for t in texts]
    assert scored == sorted(scored, reverse=True) and len(set(scored)) == 5


def test_no_question_tells_the_answer() -> None:
    assert not any(word in EMOTION_OF_WORD for q in improve.QUESTIONS for word in q.lower().replace("?", "").split())


def test_rare_aus_come_first() -> None:
    sets = [frozenset({12})] * 90 + [frozenset({9})] * 10
    rare = rounds.weights(sets)
    assert rare[-1] == pytest.approx(9 * rare[0]) and rare.mean() == pytest.approx(1)
    kept = [sets[i] for s in range(20) for i in rounds.chosen(rare, 20, s)]
    assert len(kept) == 400 and kept.count(frozenset({9})) > 3 * 40
    assert (rounds.chosen(rare, None, 0) == np.arange(100)).all() and len(rounds.weights([frozenset()])) == 1


class Scripted:
    """A real Reasoner whose engine answers from a list: k texts a face."""

    def __init__(self, texts: list[str]) -> None:
        self.inner, self.texts, self.requests = Reasoner(*tiny.make()), texts, []
        self.request, self.eyes, self.engine = self.inner.request, self.inner.eyes, self

    def generate(self, requests, on_text=None) -> list[Completion]:
        self.requests += requests
        return [Completion(self.texts[i % len(self.texts)], 1, 1) for i in range(len(requests))]


def faces(folder: Path, n: int = 5) -> Path:
    rng = np.random.default_rng(0)
    lines = ["image,emotion,split,AU6,AU12,AU4,AU9"]
    for i in range(n):
        Image.fromarray(rng.integers(0, 255, (48, 48), np.uint8)).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{'joy' if i else ''},{'test' if i == 1 else 'train'},2.4,3.4,0,0")
    lines[2] += "\ngone.png,joy,train,2,3,0,0"
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return folder / "t.csv"


def config(folder: Path, **options) -> Config:
    (folder / "set").mkdir(exist_ok=True)
    return Config("tiny", [{"name": "csv", "path": str(faces(folder / "set"))}], str(folder / "out"), **{"k": 3, "batch": 2} | options)


def test_a_round(tmp_path: Path) -> None:
    better = GOOD.replace("3.3", "3.4")
    model = Scripted([GOOD, better, GOOD.replace("happiness", "fear")])
    manifest = improve.improve(config(tmp_path), model, progress=False)
    assert manifest["counts"] == {"faces": 5, "texts": 12, "held": 8, "rows": 4, "pairs": 4,
                                  "faces_without_an_answer_that_holds": 0}
    assert manifest["by_reason"] == {"conclusion differs": 3, "conclusion does not follow": 1}, "one face has no label"
    assert manifest["skipped"] == {"another split": 1}
    assert manifest["not_asked"] == {"unreadable picture": 1} and manifest["parent"]["model"] == "tiny"
    assert str(tmp_path) not in json.dumps(manifest)
    rows = pq.read_table(tmp_path / "out" / rounds.TRAIN).to_pylist()
    assert {r["completion"][0]["content"] for r in rows} == {better} and {r["label"] for r in rows} == {"happiness", None}
    assert Image.open(io.BytesIO(rows[0]["images"][0])).size == (128, 128)
    pairs = pq.read_table(tmp_path / "out" / rounds.PREFERENCES).to_pylist()
    assert "fear" in pairs[0]["rejected"][0]["content"] and pairs[0]["chosen"][0]["content"] == better
    assert pairs[0]["margin"] > 0.5
    seeds = [r.seed for r in model.requests]
    assert len(set(seeds)) == len(seeds) == 12 and all(r.temperature == 1 for r in model.requests)


def test_a_killed_round_goes_on(tmp_path: Path) -> None:
    model = Scripted([GOOD])
    whole = improve.improve(config(tmp_path), model, progress=False)
    samples = tmp_path / "out" / improve.SAMPLES
    text = samples.read_text()
    samples.write_text(text[:-40])  # the last row is torn
    before = len(model.requests)
    assert improve.improve(config(tmp_path), model, progress=False) == whole
    assert len(model.requests) == before + 3 and samples.read_text() == text
    with pytest.raises(UserError, match="begun with k = 3, now it is 4"):
        improve.improve(config(tmp_path, k=4), model, progress=False)


def test_a_real_model_runs_through(tmp_path: Path) -> None:
    """A random model writes noise: all of it is refused, and the round is empty but whole."""
    manifest = improve.improve(config(tmp_path, k=2, limit=1), Reasoner(*tiny.make()), progress=False)
    assert manifest["by_reason"] == {"malformed": 2} and manifest["counts"]["rows"] == 0
    assert pq.read_table(tmp_path / "out" / rounds.TRAIN).num_rows == 0


@pytest.mark.parametrize(("change", "said"), [
    ({"sources": []}, "--source"), ({"sources": [{"name": "nope", "path": "x"}]}, "no source 'nope'"), ({"k": 0}, "--k"),
    ({"temperature": 0.0}, "--temperature"), ({"split": "validation"}, "no labelled picture")])
def test_mistakes_are_one_line(tmp_path: Path, change: dict, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        options = {"model": "tiny", "sources": [{"name": "csv", "path": str(faces(tmp_path))}], "out": str(tmp_path / "out")}
        improve.improve(Config(**options | change), Scripted([GOOD]), progress=False)
    assert "\n" not in str(caught.value)
