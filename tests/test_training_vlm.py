"""Vision-language models of the Qwen family as backbones: the real loading code on tiny random checkpoints."""

import io
import json

import numpy as np
import pytest
import tiny_vlm
import torch
from datasets import Dataset, load_dataset
from PIL import Image

from emoreason.errors import UserError
from emoreason.training import rewards, vlm
from emoreason.training.config import load as load_config
from emoreason.training.grpo import GRPO
from emoreason.training.models import Lora, Start, begin
from emoreason.training.sft import SFT


def png(seed, size=(64, 64)):
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    made = [{"images": [png(i)], "prompt": [{"role": "user", "content": "why?" + " really?" * (i % 3)}],
             "completion": [{"role": "assistant", "content": "<think>Interpretation: calm.</think><answer>neutral</answer>"}],
             "label": "neutral", "aus": None, "measured": json.dumps({"4": 0.0}), "kind": "why"} for i in range(6)]
    Dataset.from_list(made).to_parquet(str(path))
    return str(path)


@pytest.fixture(scope="module", params=tiny_vlm.FAMILIES)
def folder(request, tmp_path_factory):
    return tiny_vlm.save(request.param, tmp_path_factory.mktemp(request.param))


def changed(folder, out):
    before, after = (begin(Start(vlm=str(f)))[0] for f in (folder, out))
    return {n for n, p in after.named_parameters() if not torch.equal(p, before.get_parameter(n))}


def test_rows_show_the_face_and_say_the_evidence(rows):
    data = vlm.with_evidence(load_dataset("parquet", data_files=rows, split="train"), None)
    row = data[0]
    parts = row["prompt"][0]["content"]
    words = " ".join(p["text"] for p in parts if p["type"] == "text")
    assert sum(p["type"] == "image" for p in parts) == len(row["images"]) == 1
    assert "Evidence:" in words and "Looks:" in words and "Answer in exactly this form" in words and words.endswith("why?")
    assert min(row["images"][0].size) >= vlm.LEAST
    assert list(data["kind"]) == ["why"] * 6


def test_loading_masks_and_targets(folder, rows):
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    model, processor = begin(Start(vlm=folder))
    config = Lora().config(model)
    assert config.target_modules and all("language_model" in n for n in config.target_modules)
    assert config.modules_to_save == ["merger"]
    data = vlm.with_evidence(load_dataset("parquet", data_files=rows, split="train").select_columns(["images", "prompt", "completion"]), None)
    batch = DataCollatorForVisionLanguageModeling(processor, completion_only_loss=True)([data[0], data[1]])
    answer = len(processor.tokenizer("<think>Interpretation: calm.</think><answer>neutral</answer><|im_end|>\n")["input_ids"])
    counted = (batch["labels"] != -100).sum(1)
    head = len(processor.tokenizer("<|im_start|>assistant\n")["input_ids"])
    assert all(n in (answer, answer + head) for n in counted.tolist())
    with torch.no_grad():
        assert model(**batch).loss.isfinite()


@pytest.mark.slow
def test_sft_and_grpo_train_it(folder, rows, tmp_path, monkeypatch):
    from emoreason.training import grpo, heldout, sft

    few = [f"start.vlm={folder}", f"data={rows}", "batch=2", "steps=1", "warmup=0", "lr=0.01", "half=false", "threads=1"]
    out = sft.train(load_config(SFT, None, [*few, f"out={tmp_path}/sft", "max_length=2000"]))
    moved = changed(folder, out)
    assert any("language_model" in n for n in moved) and any("merger" in n for n in moved)
    assert not any("visual.blocks" in n for n in moved)
    monkeypatch.setitem(rewards.REWARDS, "letters", lambda completions, **_: [float(sum(map(ord, c[0]["content"])) % 7) for c in completions])
    few[0] = f"start.checkpoint={out}"  # what was made here goes on as any checkpoint
    out = grpo.train(load_config(GRPO, None, [*few, f"out={tmp_path}/grpo", "batch=4", "group=4", "longest=6", "rewards={letters: 1.0}"]))
    assert any("language_model" in n for n in changed(tmp_path / "sft" / "model", out))
    held = heldout.read(rows, 2)
    assert len(heldout.answers(str(out), held, longest=5)) == 2


def test_what_is_no_vlm_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be loaded"):
        begin(Start(vlm=str(tmp_path)))
