"""Making, loading and merging the models that training works on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from emoreason.errors import UserError
from emoreason.model import EmoReasonConfig, EmoReasonForConditionalGeneration
from emoreason.processing import EmoReasonProcessor
from emoreason.prompts import ASSISTANT, CHAT_TEMPLATE, END, IMAGE, USER

PROJECTORS = ("scene_projector", "face_projector", "readout_projector", "au_projector", "au_embedding", "absent")


@dataclass
class Lora:
    """rank, alpha, dropout of the adapters on the language model's linear layers; dora: weight-decomposed."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    dora: bool = False

    def config(self) -> LoraConfig:
        """peft's: adapters on the language model, projectors trained in full, everything else frozen."""
        return LoraConfig(r=self.rank, lora_alpha=self.alpha, lora_dropout=self.dropout, use_dora=self.dora,
                          target_modules=r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)",
                          modules_to_save=list(PROJECTORS), task_type="CAUSAL_LM")


def build(language_model: str, facenet: str | None, tower: dict | None,
          facenet_config: dict | None = None) -> tuple[EmoReasonForConditionalGeneration, EmoReasonProcessor]:
    """A new EmoReason from a causal LM (folder or hub name), facenet weights and an open_clip tower.

    tower: {"name": ...} or a config, with "checkpoint" for its weights; None: no scene. New marks of the chat are
    added to the tokenizer where the language model does not know them. Raises UserError when something does not fit.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(language_model)
        text = AutoModelForCausalLM.from_pretrained(language_model, dtype=torch.float32)
    except (OSError, ValueError) as e:
        why = " ".join(str(e).split())[:200]
        raise UserError(f"language model {language_model!r} cannot be loaded: {why}") from None
    new = [t for t in (IMAGE, USER, ASSISTANT, END) if t not in tokenizer.get_vocab()]
    if new:
        tokenizer.add_special_tokens({"additional_special_tokens": new})
        text.resize_token_embeddings(len(tokenizer))
        tokenizer.eos_token = END
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    tokenizer.padding_side = "left"
    tokenizer.chat_template = CHAT_TEMPLATE
    spec = None if tower is None else {k: v for k, v in tower.items() if k != "checkpoint"}
    text.config.pad_token_id, text.config.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id
    config = EmoReasonConfig(text.config, spec, facenet_config, tokenizer.convert_tokens_to_ids(IMAGE))
    model = EmoReasonForConditionalGeneration(config)
    decoder = getattr(text, text.base_model_prefix)
    model.model.language_model.load_state_dict(decoder.state_dict())
    if not config.tie_word_embeddings:
        model.lm_head.load_state_dict(text.get_output_embeddings().state_dict())
    model.tie_weights()
    if facenet:
        load_part(model.model.encoder.facenet, facenet, "facenet")
    if tower and tower.get("checkpoint"):
        load_part(model.model.encoder.tower, tower["checkpoint"], "vision tower")
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    return model, EmoReasonProcessor(tokenizer)


def load_part(module: torch.nn.Module, path: str, what: str) -> None:
    """Weights of one part from safetensors; raises UserError when they do not fit."""
    if not Path(path).is_file():
        raise UserError(f"{what} weights {path} not found")
    tensors = {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()}
    try:
        module.load_state_dict(tensors)
    except RuntimeError as e:
        raise UserError(f"{path} does not fit this {what}: {' '.join(str(e).split())[:300]}") from None


def load(folder: str) -> tuple[EmoReasonForConditionalGeneration, EmoReasonProcessor]:
    """A checkpoint made here, in float32, to go on training."""
    from emoreason.reason import Reasoner

    reasoner = Reasoner.load(folder, device="cpu")
    return reasoner.model, reasoner.processor


def save_merged(model: Any, processor: EmoReasonProcessor, out: str, half: bool = False) -> None:
    """Merge the adapters and write model and tokenizer atomically; ``half``: weights as fp16."""
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    model.config.dropout = (0.0, 0.0, 0.0)
    model.config.text_config._name_or_path = ""  # no path of the machine that trained it
    temporary = Path(out).with_name(Path(out).name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    (model.half() if half else model).save_pretrained(temporary)
    if half:
        model.float()
    processor.tokenizer.save_pretrained(temporary)
    if Path(out).exists():
        for file in temporary.iterdir():
            file.replace(Path(out) / file.name)
        temporary.rmdir()
    else:
        temporary.replace(out)
