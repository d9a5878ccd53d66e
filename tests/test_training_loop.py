"""The loop: its journal, its verdict, and a whole round on a tiny model that is stopped in between."""

import io
import json

import numpy as np
import pytest
import tiny
import torch
import yaml
from datasets import Dataset
from PIL import Image

from emoreason.errors import UserError
from emoreason.training import heldout, loop
from emoreason.training.config import load as load_config
from emoreason.training.models import save_merged
from emoreason.training.rewards import REWARDS

CALM = "<think>Interpretation: calm.</think><answer>neutral</answer>"


def row(i, **more):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(i).integers(0, 256, (48, 48, 3), np.uint8)).save(file, "PNG")
    return {"images": [file.getvalue()], "prompt": [{"role": "user", "content": "why?"}], "completion": [{"role": "assistant", "content": CALM}],
            "label": "neutral", "aus": None, "measured": json.dumps({"4": 0.0}), "kind": "why", **more}


def scored(*rewards):
    empty = dict.fromkeys(REWARDS) | {"confidence": None, "hit": None, "claims": 0.0, "unsupported": 0.0}
    return [empty | {"format": float(r), "emotion": float(r)} for r in rewards]


def settings(out, **more):
    base = {"model": "nano", "out": str(out), "sources": [], "talks": "t", "held": "h", "sft": "s", "grpo": "g"}
    return load_config(loop.Loop, None, [f"{k}={json.dumps(v)}" for k, v in {**base, **more}.items()])


def test_scores_of_answers():
    rows = [row(0), row(1, label="sadness"), row(2) | {"label": None}]
    for r in rows:
        r["abstain"] = False
    made = heldout.score([CALM, CALM, "no tags"], rows)
    assert [s["format"] for s in made] == [1, 1, 0] and [s["emotion"] for s in made] == [1, 0, None]
    weights = {"format": 1.0, "emotion": 1.0}
    assert heldout.total(made, weights).tolist() == [2, 1, 0]
    shown = heldout.figures(made, weights)
    assert shown["format"]["value"] == pytest.approx(2 / 3) and shown["emotion"]["value"] == 0.5
    assert shown["reward"]["low"] <= 1.0 <= shown["reward"]["high"]


def test_a_round_is_kept_only_if_it_is_better(tmp_path):
    weights, config = {"format": 1.0, "emotion": 1.0}, settings(tmp_path)
    low, high = scored(*[0, 1] * 20), scored(*[1] * 40)
    assert loop.judge(low, high, weights, config)["kept"]
    assert loop.judge(high, low, weights, config)["why"] == "the reward did not rise"
    assert not loop.judge(high, high, weights, config)["kept"]
    worse = [s | {"format": 0.0, "emotion": 3.0} for s in high]
    assert loop.judge(high, worse, weights, config)["why"] == "format fell"


def test_the_journal_keeps_what_is_done_and_refuses_other_settings(tmp_path):
    path = tmp_path / "loop.json"
    done = []
    for _ in range(2):
        journal = loop.Journal(path, {"model": "nano", "seed": 0, "rounds": 1})
        assert journal.stage("1 data", lambda: done.append(1) or "made") == "made"
    assert done == [1]
    loop.Journal(path, {"model": "nano", "seed": 0, "rounds": 5})  # more rounds are no other loop
    with pytest.raises(UserError, match="begun with seed = 0, now it is 1"):
        loop.Journal(path, {"model": "nano", "seed": 1, "rounds": 1})


def test_mistakes_in_the_stages_show_first(tmp_path):
    (tmp_path / "sft.yaml").write_text("stepz: 1\n")
    (tmp_path / "grpo.yaml").write_text("steps: 1\n")
    with pytest.raises(UserError, match="unknown key 'stepz'; allowed are"):
        loop.loop(settings(tmp_path / "out", sft=str(tmp_path / "sft.yaml"), grpo=str(tmp_path / "grpo.yaml")))


@pytest.mark.slow
def test_a_round_that_is_stopped_goes_on(tmp_path, monkeypatch, capsys):
    torch.manual_seed(0)
    save_merged(*tiny.make(), str(tmp_path / "start"))
    Dataset.from_list([row(i) for i in range(8)]).to_parquet(str(tmp_path / "talks.parquet"))
    (tmp_path / "faces" / "train" / "happy").mkdir(parents=True)
    Image.open("samples/happy.jpg").save(tmp_path / "faces" / "train" / "happy" / "a.jpg")
    common = {"steps": 1, "warmup": 0, "threads": 1}
    (tmp_path / "sft.yaml").write_text(yaml.safe_dump(common | {"batch": 4}))
    (tmp_path / "grpo.yaml").write_text(yaml.safe_dump(common | {"batch": 2, "group": 2, "longest": 6}))
    config = settings(tmp_path / "out", model=str(tmp_path / "start"), talks=str(tmp_path / "talks.parquet"), held=str(tmp_path / "talks.parquet"),
                      sft=str(tmp_path / "sft.yaml"), grpo=str(tmp_path / "grpo.yaml"), questions=3, mixed=6, ask={"k": 2},
                      sources=[{"name": "folders", "path": str(tmp_path / "faces")}])
    answers = heldout.answers
    monkeypatch.setattr(heldout, "answers", lambda model, rows, longest=8, batch=8: answers(model, rows, 8, 8))
    ran, tune = [], loop.tune
    monkeypatch.setattr(loop, "tune", lambda c: ran.append(1) or tune(c))
    reinforce = loop.reinforce

    def cut(c):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "reinforce", cut)
    with pytest.raises(KeyboardInterrupt):
        loop.loop(config)
    monkeypatch.setattr(loop, "reinforce", reinforce)
    out = loop.loop(config)
    state = json.loads((tmp_path / "out" / "loop.json").read_text())
    assert ran == [1] and list(state["done"]) == ["0 evaluate", "1 data", "1 sft", "1 grpo", "1 evaluate"]
    verdict = state["rounds"][0]
    assert state["model"] == (verdict["model"] if verdict["kept"] else str(tmp_path / "start"))
    assert (out / "model.safetensors").is_file() and (tmp_path / "out" / "round-1" / "held.json").is_file()
    before = (tmp_path / "out" / "loop.json").stat().st_mtime_ns
    loop.loop(config)
    assert (tmp_path / "out" / "loop.json").stat().st_mtime_ns == before
    capsys.readouterr()
    heldout.compare([str(tmp_path / "start"), str(tmp_path / "start")], config.held, 3, {"format": 1.0})
    assert "reward +0.000 over the model before, higher in 0% of paired resamples" in capsys.readouterr().out
