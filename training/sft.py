"""Supervised fine-tuning: TRL's SFTTrainer on talks about pictures (prompt, completion, images).

The rows come from ``emoreason data`` (data_pipeline/talks.py): an image is the encoded bytes of a face crop or a
picture, a path, or a Media's fields. Loss on the completion alone. Rows of like length share a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset
from torch import Tensor
from trl import SFTConfig, SFTTrainer

from emoreason.errors import UserError
from emoreason.schema import INTERPRETATION
from emoreason.training.memory import remember_faces
from emoreason.training.models import begin, train_in_full
from emoreason.training.run import Run, finish, fit, read_rows


@dataclass(kw_only=True)
class SFT(Run):
    """epochs or steps (the smaller counts); max_length in tokens; dropout: chances that scene, face, AU tokens are
    withheld; grouped: batches of rows of like length, clips apart; stress: how many times the tokens of the
    interpretation's first sentence count (see ``Stress``); the rest as in Run."""

    lr: float = 1e-3
    warmup: int = 50
    save_steps: int = 200
    log_steps: int = 20
    epochs: float = 1.0
    steps: int = -1
    max_length: int = 768
    dropout: tuple[float, ...] = (0.3, 0.05, 0.02)
    grouped: bool = True
    stress: float = 1.0


class Stress:
    """Weights by which each token of the interpretation's first sentence counts ``weight`` times. There the question is
    answered ("It does not look afraid; it looks happy"), in a few of some 250 tokens: without it a small model learns
    the wording long before it learns to compare the look that is asked about with what was measured."""

    def __init__(self, tokenizer: Any, weight: float) -> None:
        self.tokenizer, self.weight, self.texts = tokenizer, weight, dict[int, str]()

    def weights(self, target: Tensor) -> Tensor:
        """target (N, L) token ids, -100 where nothing is supervised -> (N, L): 0, 1 or ``weight``."""
        out = (target >= 0).float()
        for row, ids in zip(out, target.tolist(), strict=True):
            said, inside = "", False
            for at, token in enumerate(ids):
                if token < 0:
                    continue
                if token not in self.texts:
                    self.texts[token] = self.tokenizer.decode([token])
                if inside:
                    row[at] = self.weight
                    if "." in self.texts[token]:
                        break
                said += self.texts[token]
                inside = inside or said.endswith(INTERPRETATION)
        return out


class StressedTrainer(SFTTrainer):
    """The loss is the mean over tokens weighted by ``stress``."""

    def __init__(self, *args: Any, stress: Stress, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stress = stress

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """SFTTrainer's, of log-probabilities that count by the weights, whose mean over the supervised tokens is 1."""
        weights = self.stress.weights(inputs["labels"][:, 1:]).to(inputs["labels"].device)
        weights *= (weights > 0).sum() / weights.sum().clamp_min(1)

        def weighted(**given: Any) -> Any:
            out = model(**given)
            out.log_probs = out.log_probs * weights
            return out

        return super().compute_loss(weighted, inputs, *args, **kwargs)


def lengths(data: Dataset) -> list[int]:
    """Characters of each row's text; clips count as longer than any picture, as a batch holds as many frames for every
    row as its longest clip has."""
    kinds = data["kind"] if "kind" in data.column_names else [""] * len(data)
    return [sum(len(m["content"]) for m in [*p, *c]) + 100_000 * (k or "").startswith("clip")
            for p, c, k in zip(data["prompt"], data["completion"], kinds, strict=True)]


def train(config: SFT) -> Path:
    """Run it; resumes from the newest checkpoint in ``out``. The merged model stands in ``out``/model."""
    if len(config.dropout) != 3 or not all(0 <= d < 1 for d in config.dropout):
        raise UserError(f"dropout must be three chances in [0, 1): scene, face, AUs; but got {list(config.dropout)}")
    shared = config.arguments()
    model, processor = begin(config.start)
    native = model.config.model_type == "emoreason"
    if native and not config.joint and "facenet" not in config.lora.saved:
        remember_faces(model)
    if native:
        model.config.dropout = model.model.encoder.config.dropout = tuple(config.dropout)
    if config.full:
        train_in_full(model, config.joint)
    data = read_rows(config.data, ("images", "prompt", "completion", "kind"))
    if config.limit:
        data = data.select(range(min(config.limit, len(data))))
    if config.grouped:
        data = data.add_column("length", lengths(data))
    data = data.select_columns([c for c in data.column_names if c != "kind"])
    if not native:
        from emoreason.training.vlm import with_evidence

        data = with_evidence(data, config.start.facenet)
    args = SFTConfig(
        **shared, num_train_epochs=config.epochs, max_steps=config.steps, lr_scheduler_type="cosine",
        max_length=config.max_length, completion_only_loss=True, weight_decay=0.01,
        train_sampling_strategy="group_by_length" if config.grouped else "random")
    kind: Any = SFTTrainer
    if config.stress != 1:
        kind = partial(StressedTrainer, stress=Stress(getattr(processor, "tokenizer", processor), config.stress))
    trainer = kind(model=model, args=args, train_dataset=data, processing_class=processor,
                   peft_config=None if config.full else config.lora.config(model, config.joint))
    fit(trainer, config.out)
    return finish(trainer, processor, config)
