"""Several processes, and what the sizes are computed from."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import torch
import yaml
from datasets import Dataset
from test_training_loop import row

from emoreason.training.config import load as load_config
from emoreason.training.grpo import GRPO
from emoreason.training.models import load, save_merged
from emoreason.training.sft import SFT

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("sizes", ROOT / "tools" / "sizes.py")
sizes = importlib.util.module_from_spec(spec)
sys.modules["sizes"] = sizes
spec.loader.exec_module(sizes)


def test_counted_weights_are_a_models_weights():
    from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

    from emoreason.training.models import Lora

    common = dict(vocab_size=101, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, intermediate_size=80)
    with torch.device("meta"):
        two = Qwen2ForCausalLM(Qwen2Config(**common, tie_word_embeddings=False))
        three = Qwen3ForCausalLM(Qwen3Config(**common, head_dim=16, tie_word_embeddings=True))
    first = sizes.Shape(48, 3, 4, 2, 12, 80, 101, bias=True)
    second = sizes.Shape(48, 3, 4, 2, 16, 80, 101, tied=True, norms=True)
    assert first.parameters() == sum(p.numel() for p in two.parameters())
    assert second.parameters() == sum(p.numel() for p in three.parameters())
    from peft import get_peft_model

    model = torch.nn.ModuleDict({"language_model": two})
    model.config = two.config
    adapted = get_peft_model(two, Lora(rank=4, saved=("none",)).config(model).__class__(
        r=4, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]))
    assert first.adapters(4) == sum(p.numel() for n, p in adapted.named_parameters() if "lora_" in n)


@pytest.mark.parametrize("file", sorted((ROOT / "configs" / "scale").glob("*_*b.yaml")), ids=lambda f: f.stem)
def test_configs_are_read_and_fit_their_gpus(file):
    kind = GRPO if "grpo" in file.name else SFT
    config = load_config(kind, str(file))
    content = yaml.safe_load(file.read_text())
    need = sizes.need(content, 8, 300, 150, 989, 0.4, 3.35)
    assert config.start.dtype == "bfloat16" and 1 < need.total < 80 and need.hours > 0


COMMON = ["train", "sft", "steps=3", "warmup=0", "lr=0.01", "log_steps=1", "save_steps=100", "threads=1", "dropout=[0,0,0]", "grouped=false",
          "half=false", "lora.rank=4"]


def run(folder, name, *command):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run([sys.executable, "-m", *command, *COMMON, f"start.checkpoint={folder}/start", f"data={folder}/rows.parquet",
                           f"out={folder}/{name}"], env=env, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    state = json.loads((folder / name / "checkpoint-3" / "trainer_state.json").read_text())
    return [h["loss"] for h in state["log_history"] if "loss" in h], load(str(folder / name / "model"))[0]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """(folder, losses, model) of one process with the whole batch."""
    folder = tmp_path_factory.mktemp("alone")
    torch.manual_seed(0)
    save_merged(*tiny.make(), str(folder / "start"))
    made = [row(i) for i in range(12)]
    for i, r in enumerate(made):
        r["prompt"][0]["content"] += " really?" * (i % 4)
        r["completion"][0]["content"] = r["completion"][0]["content"].replace("calm", "calm" + " and still" * (i % 3))
    Dataset.from_list(made).to_parquet(str(folder / "rows.parquet"))
    COMMON.append("batch=4")
    try:
        return folder, *run(folder, "one", "emoreason.cli")
    finally:
        COMMON[-1] = "batch=2"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("launch", ["ddp", "fsdp"])
def test_two_processes_lose_as_one(alone, launch):
    """Two CPU processes (gloo) with half the batch each give the losses of one process, and its weights."""
    folder, losses, model = alone
    if launch == "ddp":
        command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "emoreason.cli"]
    else:
        config = yaml.safe_load((ROOT / "configs" / "scale" / "fsdp.yaml").read_text())
        config |= {"num_processes": 2, "mixed_precision": "no", "use_cpu": True}
        (folder / "fsdp.yaml").write_text(yaml.safe_dump(config))
        command = ["accelerate.commands.launch", "--config_file", str(folder / "fsdp.yaml"), "-m", "emoreason.cli"]
    both, split = run(folder, launch, *command)
    assert losses == pytest.approx(both, abs=2e-3) and losses[0] > losses[-1]
    start = load(str(folder / "start"))[0]
    for (name, one), two, was in zip(model.named_parameters(), split.parameters(), start.parameters(), strict=True):
        # Adam divides by the size of the gradient, so single weights with next to none go where rounding sends them;
        # what counts is how far apart the two ended, as a share of how far one went.
        apart, went = (one - two).norm().item(), (one - was).norm().item()
        assert apart <= 0.1 * went, f"{name}: {apart:.4f} apart after {went:.4f}"
