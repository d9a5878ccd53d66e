"""Reinforcement learning: TRL's GRPOTrainer, unmodified, with the rewards of ``rewards.py``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from emoreason.errors import ParseError, UserError
from emoreason.schema import parse
from emoreason.training.memory import remember_faces
from emoreason.training.models import begin, train_in_full
from emoreason.training.rewards import REWARDS
from emoreason.training.run import Run, finish, fit, read_rows

COLUMNS = ("images", "prompt", "completion", "label", "aus", "measured", "course", "seen", "kind")
SCALES = ("group", "batch", "none")
WEIGHTS = {"format": 0.5, "emotion": 1.0, "au": 1.0, "evidence": 1.0, "words": 0.5, "agreement": 0.3,
           "calibration": 0.5, "length": 0.1, "abstention": 0.5}


@dataclass(kw_only=True)
class GRPO(Run):
    """data: as for SFT; of its completions only whether they abstain is used; rewards: name -> weight; kinds: of
    questions to ask, none for all; group: completions for each prompt; batch: completions in a step of
    one process, a multiple of group; iterations: updates from one set of completions; longest: tokens of a completion;
    temperature: of the draws, and of the policy that learns; scale: advantages are divided by the rewards' deviation
    in the "group", in the "batch", or by none; beta: weight of the KL term; vllm: roll out with vLLM ("colocate" or
    "server"; a VLM on a GPU only); the rest as in Run."""

    rewards: dict = field(default_factory=lambda: dict(WEIGHTS))
    kinds: tuple[str, ...] = ()
    steps: int = 200
    group: int = 8
    iterations: int = 1
    longest: int = 256
    temperature: float = 1.0
    scale: str = "group"
    beta: float = 0.0
    vllm: str | None = None
    save_steps: int = 50
    log_steps: int = 5


def train(config: GRPO) -> Path:
    """Run it; resumes from the newest checkpoint in ``out``. The merged model stands in ``out``/model."""
    check(config)
    shared = config.arguments()
    model, processor = begin(config.start)
    native = model.config.model_type == "emoreason"
    if native and not config.joint and "facenet" not in config.lora.saved:
        remember_faces(model)
    data = prompts(read_rows(config.data, COLUMNS), config).shuffle(seed=config.seed)
    if config.limit:
        data = data.select(range(min(config.limit, len(data))))
    if not native:
        from emoreason.training.vlm import with_evidence

        data = with_evidence(data, config.start.facenet)
    if config.full:
        train_in_full(model, config.joint)
    if config.vllm:
        shared |= {"use_vllm": True, "vllm_mode": config.vllm}
    args = GRPOConfig(
        **shared, max_steps=config.steps, beta=config.beta, num_generations=config.group,
        num_iterations=config.iterations, scale_rewards=config.scale,
        temperature=config.temperature, max_completion_length=config.longest,
        reward_weights=[float(w) for w in config.rewards.values()], lr_scheduler_type="constant_with_warmup")
    trainer = GRPOTrainer(model=model, reward_funcs=[REWARDS[name] for name in config.rewards], args=args,
                          train_dataset=data, processing_class=processor,
                          peft_config=None if config.full else config.lora.config(model, config.joint))
    fit(trainer, config.out)
    return finish(trainer, processor, config)


def check(config: GRPO) -> None:
    """Raises UserError for settings that do not go together, before anything is loaded."""
    unknown = set(config.rewards) - set(REWARDS)
    if unknown:
        raise UserError(f"rewards: unknown {sorted(unknown)[0]!r}; allowed are {', '.join(REWARDS)}")
    wrong = [k for k, v in config.rewards.items() if isinstance(v, bool) or not isinstance(v, (int, float))]
    if wrong:
        raise UserError(f"rewards.{wrong[0]} must be a number, but got {config.rewards[wrong[0]]!r}")
    if config.batch % config.group or config.group < 2:
        raise UserError(f"batch ({config.batch}) must be a multiple of group ({config.group}), which is at least 2")
    if config.scale not in SCALES:
        raise UserError(f"scale: unknown {config.scale!r}; allowed are {', '.join(SCALES)}")
    if config.iterations < 1 or config.temperature <= 0:
        raise UserError("iterations must be at least 1 and temperature above 0, but got "
                        f"{config.iterations} and {config.temperature}")
    if config.vllm is None:
        return
    import importlib.util

    import torch

    if config.vllm not in ("colocate", "server"):
        raise UserError(f"vllm: unknown {config.vllm!r}; allowed are colocate and server")
    if not config.start.vlm:
        raise UserError("vllm serves start.vlm only: it does not know this model's face and AU tokens; leave vllm out")
    if importlib.util.find_spec("vllm") is None or not torch.cuda.is_available():
        raise UserError("vllm needs a CUDA GPU and vLLM (pip install 'emoreason[vllm]'); leave vllm out")


def prompts(data: Dataset, config: GRPO) -> Dataset:
    """Rows of the wanted kinds about one face, a clip, or two faces with what was seen of each, with ``abstain``:
    whether the right answer is to conclude nothing (a refusal, a face that cannot be read). Such rows are judged by
    that alone. Raises UserError when none is left."""
    known = sorted(set(data["kind"])) if "kind" in data.column_names else []
    unknown = [k for k in config.kinds if k not in known]
    if unknown:
        raise UserError(f"kinds: the data has no {unknown[0]!r}; allowed are {', '.join(known)}")
    kinds = set(config.kinds or known)

    def wanted(row: dict[str, Any]) -> bool:
        judged = len(row["images"]) == 1 or '"pair"' in (row.get("seen") or "")
        return judged and (not kinds or row.get("kind") in kinds)

    data = data.filter(wanted)
    if not len(data):
        raise UserError(f"data {config.data} has no row that can be judged")
    return data.map(judged_by).remove_columns(["completion", "kind"])


def judged_by(row: dict[str, Any]) -> dict[str, Any]:
    """What the rewards compare an answer to this row with: abstain, label, aus, measured, course, seen."""
    try:
        abstain = parse(row["completion"][0]["content"]).emotion is None
    except ParseError:
        abstain = False
    if abstain:
        return {"abstain": True, "label": None, "aus": None, "measured": None, "course": None, "seen": None}
    measured = row["measured"] or json.dumps({})
    return {"abstain": False, "label": row["label"], "aus": row["aus"], "measured": measured,
            "course": row.get("course"), "seen": row.get("seen")}
