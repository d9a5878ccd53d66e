"""What the trainers on TRL share: the common settings, resuming, stopping on a signal, curves as a picture.

A checkpoint counts once its file ``complete`` stands in it, which is written after everything else: a run that was
killed while saving goes on from the checkpoint before.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, load_dataset
from peft import PeftModel
from safetensors.torch import load_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from emoreason.errors import UserError
from emoreason.training.interrupt import Interrupt
from emoreason.training.models import Lora, Start, begin, save_merged
from emoreason.training.precision import in_bf16

MARK = "complete"
DRAWN = ("loss", "reward", "entropy", "grad_norm", "completions/mean_length", "completions/clipped_ratio", "accuracy",
         "recall", "pairs", "au_f1", "au_r", "pose_mae")


@dataclass(kw_only=True)
class Run:
    """start: the model to begin with; data: parquet files (a glob) made by ``emoreason data talks``; out: folder;
    batch: rows in a step of one process; accumulate: such batches before an update; lr: the peak, reached after
    ``warmup`` steps; full: train the whole language model instead of adapters; joint: train facenet too; half: write
    the result in fp16; bf16: compute in it, None where the machine gains by it; checkpointing: recompute activations,
    for less memory; save_steps: steps between checkpoints; threads: of the CPU, 0 for torch's choice; limit: use so
    many rows; workers: processes that prepare batches."""

    start: Start
    data: str
    out: str
    batch: int = 32
    accumulate: int = 1
    lr: float = 1e-4
    warmup: int = 10
    seed: int = 0
    full: bool = False
    joint: bool = False
    half: bool = True
    bf16: bool | None = None
    checkpointing: bool = False
    save_steps: int = 100
    log_steps: int = 10
    threads: int = 0
    workers: int = 0
    limit: int | None = None
    lora: Lora = field(default_factory=Lora)

    def arguments(self) -> dict[str, Any]:
        """These settings as TrainingArguments' keywords."""
        if self.threads:
            torch.set_num_threads(self.threads)
        torch.manual_seed(self.seed)
        return {
            "output_dir": self.out, "per_device_train_batch_size": self.batch, "learning_rate": self.lr,
            "gradient_accumulation_steps": self.accumulate, "warmup_steps": self.warmup, "seed": self.seed,
            "bf16": in_bf16(self.bf16), "gradient_checkpointing": self.checkpointing, "save_steps": self.save_steps,
            "save_total_limit": 2, "logging_steps": self.log_steps, "use_cpu": not torch.cuda.is_available(),
            "dataloader_num_workers": self.workers, "remove_unused_columns": False, "disable_tqdm": True,
            "report_to": ["tensorboard"], "ddp_find_unused_parameters": True, "optim": "adamw_torch",
            **({"gradient_checkpointing_kwargs": {"use_reentrant": False}} if self.checkpointing else {})}


def read_rows(pattern: str, columns: Iterable[str]) -> Dataset:
    """The rows of parquet files, with those of ``columns`` that they have. Raises UserError when there are none."""
    try:
        data = load_dataset("parquet", data_files=pattern, split="train")
    except (FileNotFoundError, ValueError, OSError) as e:
        why = " ".join(str(e).split())[:200]
        raise UserError(f"data {pattern}: {why}; make it with: emoreason data talks") from None
    missing = {"images", "prompt"} - set(data.column_names)
    if missing:
        raise UserError(f"data {pattern} has no column {sorted(missing)[0]!r}; make it with: emoreason data talks")
    return data.select_columns([c for c in columns if c in data.column_names])


def newest(out: str) -> str | None:
    """The newest whole checkpoint in a folder; what a kill left unfinished is removed."""
    found = sorted(Path(out).glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    for folder in found:
        if not (folder / MARK).is_file():
            shutil.rmtree(folder, ignore_errors=True)
    whole = [folder for folder in found if folder.is_dir()]
    return str(whole[-1]) if whole else None


class Marks(TrainerCallback):
    """Marks a checkpoint as whole once all of it is on the disk."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero and folder.is_dir():
            (folder / MARK).touch()


class Stops(TrainerCallback):
    """Saves and ends the run after the step in which ``stop`` was asked."""

    def __init__(self, stop: Interrupt) -> None:
        self.stop = stop

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.stop.asked:
            control.should_save = control.should_training_stop = True


class Finished(Exception):
    """The checkpoint that a run was started from is its last."""


class Ends(TrainerCallback):
    """Ends a run that had come to its end before; the Trainer by itself makes one step more."""

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step >= state.max_steps:
            raise Finished


def fit(trainer: Any, out: str) -> None:
    """Train from the newest checkpoint in ``out``, log to TensorBoard, draw curves.png; a finished run's weights are
    read again, no more. Raises KeyboardInterrupt, with everything saved, when a signal asked to stop."""
    with Interrupt() as stop:
        trainer.add_callback(Stops(stop))
        trainer.add_callback(Marks())
        trainer.add_callback(Ends())
        try:
            trainer.train(resume_from_checkpoint=newest(out))
        except Finished:
            pass
        finally:
            if trainer.is_world_process_zero():
                curves(trainer.state.log_history, Path(out) / "curves.png")
        if stop.asked:
            raise KeyboardInterrupt


def finish(trainer: Any, processor: Any, config: Run) -> Path:
    """Write the merged model to ``out``/model and return that. Where weights are split over processes or quantised,
    what was trained is gathered into a file first, and merged into the weights as they were loaded."""
    out = Path(config.out) / "model"
    split = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled or bool(config.start.bits)
    parts = Path(config.out) / "gathered"
    if split:
        trainer.save_model(str(parts))
    if not trainer.is_world_process_zero():
        return out
    if not split:
        save_merged(trainer.accelerator.unwrap_model(trainer.model), processor, str(out), config.half)
        return out
    model, _ = begin(replace(config.start, bits=0))
    if config.full:
        weights = {k: v for file in sorted(parts.glob("*.safetensors")) for k, v in load_file(file).items()}
        lost = set(model.load_state_dict(weights, strict=False).missing_keys) - {"lm_head.weight"}
        if lost:
            raise UserError(f"{parts} lacks {len(lost)} weights, first {sorted(lost)[0]}; run the command again")
    else:
        model = PeftModel.from_pretrained(model, str(parts))
    save_merged(model, processor, str(out), config.half)
    return out


def curves(history: list[Mapping[str, Any]], path: Path) -> None:
    """One panel for the loss, each reward and each held-out figure over the steps, as a PNG; none without logs."""
    from matplotlib.figure import Figure

    names = [n for n in dict.fromkeys(k for row in history for k in row if row[k] is not None)
             if n in DRAWN
             or n.startswith("rewards/") and n.endswith("/mean")]
    if not names:
        return
    rows = -(-len(names) // 3)
    figure = Figure(figsize=(12, 2.6 * rows), layout="constrained")
    for i, name in enumerate(names):
        axes = figure.add_subplot(rows, min(3, len(names)), i + 1)
        points = [(row["step"], row[name]) for row in history if row.get(name) is not None]
        dots = "." if len(points) < 50 else ""
        axes.plot(*zip(*points, strict=True), color="#33658a", linewidth=1.2, marker=dots)
        axes.set_title(name.removeprefix("rewards/").removesuffix("_reward/mean"), fontsize=9)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("step", fontsize=7)
    temporary = path.with_suffix(".tmp.png")
    figure.savefig(temporary, dpi=100)
    temporary.replace(path)
