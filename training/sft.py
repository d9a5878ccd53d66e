"""Supervised fine-tuning: TRL's SFTTrainer, unmodified, on talks about pictures (prompt, completion, images).

The rows come from ``emoreason data`` (data_pipeline/talks.py): an image is the encoded bytes of a face crop or a
picture, a path, or a Media's fields. Loss on the completion alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from datasets import load_dataset
from trl import SFTConfig, SFTTrainer

from emoreason.errors import UserError
from emoreason.model import EmoReasonForConditionalGeneration
from emoreason.processing import EmoReasonProcessor
from emoreason.training.models import Lora, build, load, save_merged


@dataclass
class Start:
    """What to start from: ``checkpoint`` made here, or ``language_model`` with ``facenet`` weights and a ``tower``."""

    checkpoint: str | None = None
    language_model: str | None = None
    facenet: str | None = None
    tower: dict | None = None
    facenet_config: dict | None = None


@dataclass
class SFT:
    """data: parquet files (glob); out: folder; epochs or steps (the smaller counts); batch in talks, accumulate steps;
    lr: peak; dropout: chances that scene, face, AU tokens are withheld; full: train the whole language model instead
    of adapters; half: write fp16; threads: CPU threads; limit to so many rows."""

    start: Start
    data: str
    out: str
    epochs: float = 1.0
    steps: int = -1
    batch: int = 32
    accumulate: int = 1
    lr: float = 1e-3
    warmup: int = 50
    seed: int = 0
    max_length: int = 768
    dropout: tuple[float, ...] = (0.3, 0.05, 0.02)
    full: bool = False
    half: bool = True
    bf16: bool = False
    checkpointing: bool = False
    save_steps: int = 200
    threads: int = 0
    limit: int | None = None
    lora: Lora = field(default_factory=Lora)


def train(config: SFT) -> Path:
    """Run it; resumes from the newest checkpoint in ``out``. The merged model stands in ``out``/model."""
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    model, processor = begin(config.start)
    model.config.dropout = model.model.encoder.config.dropout = tuple(config.dropout)
    if config.full:
        for name, p in model.named_parameters():
            p.requires_grad_(not (".facenet." in name or ".tower." in name))
    data = load_dataset("parquet", data_files=config.data, split="train")
    data = data.select_columns(["images", "prompt", "completion"])
    if config.limit:
        data = data.select(range(min(config.limit, len(data))))
    on_gpu = torch.cuda.is_available()
    args = SFTConfig(
        output_dir=config.out, num_train_epochs=config.epochs, max_steps=config.steps, learning_rate=config.lr,
        per_device_train_batch_size=config.batch, gradient_accumulation_steps=config.accumulate,
        lr_scheduler_type="cosine", warmup_steps=config.warmup, max_length=config.max_length, logging_steps=20,
        save_steps=config.save_steps, save_total_limit=1, seed=config.seed, bf16=config.bf16, use_cpu=not on_gpu,
        gradient_checkpointing=config.checkpointing, dataloader_num_workers=4 if on_gpu else 0,
        remove_unused_columns=False, completion_only_loss=True, disable_tqdm=True, optim="adamw_torch",
        weight_decay=0.01, report_to=["tensorboard"])
    trainer = SFTTrainer(model=model, args=args, train_dataset=data, processing_class=processor,
                         peft_config=None if config.full else config.lora.config())
    last = sorted(Path(config.out).glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    trainer.train(resume_from_checkpoint=str(last[-1]) if last else None)
    save_merged(trainer.model, processor, str(Path(config.out) / "model"), config.half)
    return Path(config.out) / "model"


def begin(start: Start) -> tuple[EmoReasonForConditionalGeneration, EmoReasonProcessor]:
    """The model to train. Raises UserError when the config names nothing to start from."""
    if start.checkpoint:
        return load(start.checkpoint)
    if not start.language_model:
        raise UserError("start needs a checkpoint, or a language_model with facenet weights")
    return build(start.language_model, start.facenet, start.tower, start.facenet_config)
