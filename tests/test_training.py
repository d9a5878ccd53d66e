"""One step of each trainer on a tiny model in the real formats: everything that should move moves."""

import io
import json
import random

import numpy as np
import pytest
import tiny
import torch
from datasets import Dataset, load_dataset
from PIL import Image

from emoreason.errors import UserError
from emoreason.training import rewards
from emoreason.training.config import load as load_config
from emoreason.training.grpo import GRPO
from emoreason.training.models import PROJECTORS, load, save_merged
from emoreason.training.sft import SFT


def png(seed):
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 48, 3), np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    model, processor = tiny.make()
    save_merged(model, processor, str(folder / "start"))
    rng = random.Random(0)
    rows = [{"images": [png(i)], "prompt": [{"role": "user", "content": "why?"}],
             "completion": [{"role": "assistant", "content": "<think>Interpretation: calm.</think><answer>neutral</answer>"}],
             "label": rng.choice(["sadness", None]), "aus": json.dumps({"4": 2.0}), "measured": json.dumps({"4": 2.0})} for i in range(8)]
    Dataset.from_list(rows).to_parquet(str(folder / "rows.parquet"))
    return folder


def moved(before, after):
    """Which groups of parameters differ."""
    names = {n for n, p in after.named_parameters() if not torch.equal(p, before.get_parameter(n))}
    return {g for g in (*PROJECTORS, "language_model", "facenet", "tower") if any(g in n for n in names)}


def test_config_errors_name_the_key():
    with pytest.raises(UserError, match="unknown key 'lora.rnak'; allowed are rank"):
        load_config(SFT, None, ["data=x", "out=y", "start.checkpoint=z", "lora.rnak=3"])
    with pytest.raises(UserError, match="missing key 'data'"):
        load_config(SFT, None, ["out=y", "start.checkpoint=z"])
    with pytest.raises(UserError, match="batch must be of type int"):
        load_config(SFT, None, ["data=x", "out=y", "start.checkpoint=z", "batch=many"])


@pytest.mark.slow
def test_sft_moves_projectors_and_language_model_and_nothing_else(files, tmp_path):
    from emoreason.training.sft import train

    config = load_config(SFT, None, [f"start.checkpoint={files}/start", f"data={files}/rows.parquet", f"out={tmp_path}/sft", "batch=4",
                                     "steps=2", "warmup=0", "lr=0.01", "half=false", "dropout=[0,0,0]"])
    out = train(config)
    before, after = load(str(files / "start"))[0], load(str(out))[0]
    assert moved(before, after) >= {"face_projector", "readout_projector", "au_projector", "au_embedding", "language_model"}
    assert not moved(before, after) & {"facenet", "tower"}


@pytest.mark.slow
def test_only_the_completion_is_supervised(files):
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    _, processor = load(str(files / "start"))
    rows = load_dataset("parquet", data_files=str(files / "rows.parquet"), split="train").select_columns(["images", "prompt", "completion"])
    batch = DataCollatorForVisionLanguageModeling(processor, completion_only_loss=True)([rows[0], rows[1]])
    answer = rows[0]["completion"][0]["content"] + "<|end|>"
    expected = len(processor.tokenizer(answer)["input_ids"])
    supervised = (batch["labels"] != -100).sum(1)
    assert supervised.tolist() in ([expected, expected], [expected + 1, expected + 1])  # the assistant mark may count
    assert not (batch["labels"] == processor.tokenizer.convert_tokens_to_ids("<image>")).any()


@pytest.mark.slow
def test_one_grpo_step_moves_every_projector(files, tmp_path, monkeypatch):
    from emoreason.training.grpo import train

    # A random model earns the same from every real reward; this one tells its completions apart.
    monkeypatch.setitem(rewards.REWARDS, "letters", lambda completions, **_: [float(len(c[0]["content"]) % 5) for c in completions])
    config = load_config(GRPO, None, [f"start.checkpoint={files}/start", f"data={files}/rows.parquet", f"out={tmp_path}/grpo", "group=4", "batch=8",
                                      "steps=1", "warmup=0", "longest=12", "lr=0.01", "half=false", "rewards={letters: 1.0}"])
    out = train(config)
    assert moved(load(str(files / "start"))[0], load(str(out))[0]) >= {"face_projector", "readout_projector", "au_projector", "language_model"}


def test_grpo_knows_its_rewards(files):
    from emoreason.training.grpo import train

    with pytest.raises(UserError, match="unknown 'smile'; allowed are format"):
        train(load_config(GRPO, None, [f"start.checkpoint={files}/start", "data=x", "out=y", "rewards={smile: 1}"]))
