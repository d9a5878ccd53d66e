"""Reinforcement learning: TRL's GRPOTrainer, unmodified, with the rewards of ``rewards.py``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from datasets import load_dataset
from trl import GRPOConfig, GRPOTrainer

from emoreason.errors import UserError
from emoreason.training.models import Lora, save_merged
from emoreason.training.rewards import REWARDS
from emoreason.training.sft import Start, begin

COLUMNS = ("images", "prompt", "label", "aus", "measured")


@dataclass
class GRPO:
    """data: parquet files as for SFT (completions are not used); rewards: name -> weight; group: completions for
    each prompt; batch: completions a step (a multiple of group); longest: tokens of a completion; beta: weight of
    the KL term; the rest as in SFT."""

    start: Start
    data: str
    out: str
    rewards: dict = field(default_factory=lambda: {"format": 0.5, "emotion": 1.0, "au": 1.0, "evidence": 1.0,
                                                   "agreement": 0.3, "calibration": 0.5, "length": 0.1})
    steps: int = 200
    group: int = 8
    batch: int = 32
    lr: float = 1e-4
    warmup: int = 10
    longest: int = 256
    temperature: float = 1.0
    beta: float = 0.0
    seed: int = 0
    half: bool = True
    bf16: bool = False
    save_steps: int = 50
    threads: int = 0
    limit: int | None = None
    lora: Lora = field(default_factory=Lora)


def train(config: GRPO) -> Path:
    """Run it; resumes from the newest checkpoint in ``out``. The merged model stands in ``out``/model."""
    unknown = set(config.rewards) - set(REWARDS)
    if unknown:
        raise UserError(f"rewards: unknown {sorted(unknown)[0]!r}; allowed are {', '.join(REWARDS)}")
    if config.batch % config.group:
        raise UserError(f"batch ({config.batch}) must be a multiple of group ({config.group})")
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    model, processor = begin(config.start)
    data = load_dataset("parquet", data_files=config.data, split="train")
    data = data.select_columns([c for c in COLUMNS if c in data.column_names]).shuffle(seed=config.seed)
    if config.limit:
        data = data.select(range(min(config.limit, len(data))))
    args = GRPOConfig(
        output_dir=config.out, max_steps=config.steps, learning_rate=config.lr, beta=config.beta, seed=config.seed,
        per_device_train_batch_size=config.batch, num_generations=config.group, temperature=config.temperature,
        max_completion_length=config.longest, reward_weights=list(config.rewards.values()), logging_steps=5,
        save_steps=config.save_steps, save_total_limit=1, use_cpu=not torch.cuda.is_available(), bf16=config.bf16,
        report_to=["tensorboard"], remove_unused_columns=False, disable_tqdm=True,
        lr_scheduler_type="constant_with_warmup", warmup_steps=config.warmup)
    trainer = GRPOTrainer(model=model, reward_funcs=[REWARDS[name] for name in config.rewards], args=args,
                          train_dataset=data, processing_class=processor, peft_config=config.lora.config())
    last = sorted(Path(config.out).glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    trainer.train(resume_from_checkpoint=str(last[-1]) if last else None)
    save_merged(trainer.model, processor, str(Path(config.out) / "model"), config.half)
    return Path(config.out) / "model"
