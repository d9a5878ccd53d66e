"""Making, loading and merging the models that training works on."""

from __future__ import annotations

import copy
import importlib.util
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.pytorch_utils import Conv1D

from emoreason.errors import UserError
from emoreason.model import EmoReasonConfig, EmoReasonForConditionalGeneration
from emoreason.processing import EmoReasonProcessor
from emoreason.prompts import ASSISTANT, CHAT_TEMPLATE, END, IMAGE, USER
from emoreason.training.growth import grow

PROJECTORS = ("scene_projector", "face_projector", "readout_projector", "au_projector", "au_embedding", "absent",
              "order")
BRIDGES = ("merger", "multi_modal_projector", "connector")  # what stands for projectors in models made elsewhere
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Start:
    """What to start from, one of three: ``checkpoint``, a folder made here, with other ``facenet`` weights, another
    ``language_model`` of the same shape in it where they are named; ``language_model`` (folder or hub name)
    with ``facenet`` weights and an open_clip ``tower``; ``vlm``, a vision-language model (folder or hub name) that gets
    the face crop as a further picture and the evidence of ``facenet`` (none named: the bundled one) as text.

    tower: {"name": open_clip model} or an open_clip config, with "checkpoint" for its weights; facenet_config: fields
    of FaceNetConfig; emotion_temperature: divides facenet's emotion logits (metrics.json of its training has the one
    that suits), None for the checkpoint's own, else 1; layers, inner: of the language model, where it is to
    be larger than the checkpoint's (see ``growth``); dtype: of the language model's or VLM's weights; bits: 4 or 8
    loads them quantised (QLoRA)."""

    checkpoint: str | None = None
    language_model: str | None = None
    vlm: str | None = None
    facenet: str | None = None
    tower: dict | None = None
    facenet_config: dict | None = None
    emotion_temperature: float | None = None
    layers: int = 0
    inner: int = 0
    dtype: str = "float32"
    bits: int = 0

    def weights(self) -> dict[str, Any]:
        """dtype and quantisation as from_pretrained's keywords. Raises UserError for what this machine cannot do."""
        if self.dtype not in DTYPES:
            raise UserError(f"start.dtype: unknown {self.dtype!r}; allowed are {', '.join(DTYPES)}")
        if self.bits not in (0, 4, 8):
            raise UserError(f"start.bits: {self.bits} is not allowed; allowed are 0 (not quantised), 4 and 8")
        if not self.bits:
            return {"dtype": DTYPES[self.dtype]}
        if importlib.util.find_spec("bitsandbytes") is None:
            raise UserError("start.bits needs bitsandbytes: pip install bitsandbytes, or set start.bits=0")
        if self.bits == 8 and not torch.cuda.is_available():
            raise UserError("start.bits=8 needs a CUDA GPU; without one take start.bits=0")
        quantisation = BitsAndBytesConfig(load_in_4bit=self.bits == 4, load_in_8bit=self.bits == 8,
                                          bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                                          bnb_4bit_compute_dtype=DTYPES[self.dtype])
        device = {"": torch.cuda.current_device() if torch.cuda.is_available() else "cpu"}
        return {"dtype": DTYPES[self.dtype], "quantization_config": quantisation, "device_map": device}


@dataclass
class Lora:
    """rank, alpha, dropout of the adapters on the language model; targets: last names of the layers (q_proj, ...), none
    for every linear layer of it; dora: weight-decomposed; saved: modules trained in full, none for the projectors."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    dora: bool = False
    targets: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()

    def config(self, model: nn.Module, joint: bool = False) -> LoraConfig:
        """peft's: adapters on the language model, projectors (and facenet, if ``joint``) in full, all else frozen.

        Raises UserError for targets that the model does not have."""
        linear = [n for n, m in model.named_modules() if isinstance(m, (nn.Linear, Conv1D))
                  and ".language_model." in f".{n}."]
        chosen = [n for n in linear if not self.targets or n.split(".")[-1] in self.targets]
        if not chosen:
            known = sorted({n.split(".")[-1] for n in linear})
            raise UserError(f"lora.targets: no {' or '.join(self.targets)} in this model; allowed: {', '.join(known)}")
        names = {n.split(".")[-1] for n, _ in model.named_modules()}
        saved = list(self.saved or [p for p in (*PROJECTORS, *BRIDGES) if p in names])
        if joint:
            saved.append("facenet")
        return LoraConfig(r=self.rank, lora_alpha=self.alpha, lora_dropout=self.dropout, use_dora=self.dora,
                          target_modules=chosen, modules_to_save=saved, task_type="CAUSAL_LM")


def begin(start: Start) -> tuple[Any, Any]:
    """The model to train and its processor. Raises UserError when the config names nothing to start from."""
    if start.vlm or start.checkpoint and not is_native(start.checkpoint):
        from emoreason.training.vlm import load_vlm

        return load_vlm(start.vlm or str(start.checkpoint), start.weights())
    if start.emotion_temperature is not None and start.emotion_temperature <= 0:
        raise UserError(f"start.emotion_temperature must be above 0, but got {start.emotion_temperature}")
    if start.checkpoint:
        model, processor = load(start.checkpoint)
        if start.facenet:
            load_part(model.model.encoder.facenet, start.facenet, "facenet")
        if start.language_model:
            file = f"{start.language_model}/model.safetensors"
            load_part(model.model.language_model, file, "language model", "model.")
        if start.layers or start.inner:
            grow(model, start.layers, start.inner)
    elif start.layers or start.inner:
        raise UserError("start.layers and start.inner enlarge the language model of a start.checkpoint; name one")
    elif start.language_model:
        model, processor = build(start.language_model, start.facenet, start.tower, start.facenet_config,
                                 start.weights())
    else:
        raise UserError("start needs a checkpoint, a language_model with facenet weights, or a vlm")
    if start.emotion_temperature is not None:
        model.config.emotion_temperature = model.model.encoder.config.emotion_temperature = start.emotion_temperature
    return model, processor


def is_native(folder: str) -> bool:
    """Whether a model folder holds an EmoReason (a missing folder counts as one: loading it says what is wrong)."""
    file = Path(folder) / "config.json"
    return not file.is_file() or json.loads(file.read_text()).get("model_type") == "emoreason"


def build(language_model: str, facenet: str | None, tower: dict | None, facenet_config: dict | None = None,
          weights: dict[str, Any] | None = None) -> tuple[EmoReasonForConditionalGeneration, EmoReasonProcessor]:
    """A new EmoReason from a causal LM (folder or hub name), facenet weights and an open_clip tower.

    tower: {"name": ...} or a config, with "checkpoint" for its weights; None: no scene; weights: Start.weights(). New
    marks of the chat are added to the tokenizer where the language model does not know them. Raises UserError when
    something does not fit.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(language_model)
        text = AutoModelForCausalLM.from_pretrained(language_model, **(weights or {"dtype": torch.float32}))
    except (OSError, ValueError, ImportError, RuntimeError) as e:
        why = " ".join(str(e).split())[:200]
        raise UserError(f"language model {language_model!r} cannot be loaded: {why}") from None
    if text.get_output_embeddings() is None or getattr(text.get_output_embeddings(), "bias", None) is not None:
        raise UserError(f"language model {language_model!r} has no plain output head; take another")
    add_marks(tokenizer, text)
    spec = None if tower is None else {k: v for k, v in tower.items() if k != "checkpoint"}
    text.config.pad_token_id, text.config.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id
    probe = torch.arange(1, 5, device=text.device)[None]
    quantised = "quantization_config" in (weights or {})  # such layers pack themselves when they are evaluated
    own = copy.deepcopy(text.config)  # a config inside another loses its choice of attention
    config = EmoReasonConfig(own, spec, facenet_config, tokenizer.get_vocab()[IMAGE])
    with torch.no_grad():
        before = torch.zeros(1) if quantised else text.eval()(probe).logits.float()
        model = EmoReasonForConditionalGeneration(config, getattr(text, text.base_model_prefix))
        model.lm_head = text.get_output_embeddings()
        model.tie_weights()
        after = before
        if not quantised:
            after = model.eval().lm_head(model.model.language_model(probe).last_hidden_state).float()
    if getattr(own, "final_logit_softcapping", None) or not torch.allclose(before, after, atol=1e-3, rtol=1e-3):
        raise UserError(f"language model {language_model!r} does more than a linear layer after its last hidden state "
                        "(as logit soft-capping does); take another")
    if facenet:
        load_part(model.model.encoder.facenet, facenet, "facenet")
    if tower and tower.get("checkpoint"):
        load_part(model.model.encoder.tower, tower["checkpoint"], "vision tower")
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    return model, EmoReasonProcessor(tokenizer)


def add_marks(tokenizer: Any, text: Any) -> None:
    """The chat's marks for a language model that does not know them. Its own end of text closes an answer; a new mark
    starts as the mean of a word's embeddings, so that frozen rows mean something and are the same every time."""
    if tokenizer.eos_token is None:
        tokenizer.add_special_tokens({"eos_token": END})
    words = {USER: "user", ASSISTANT: "assistant", IMAGE: "image"}
    known = tokenizer.get_vocab()
    likened = {mark: tokenizer(word, add_special_tokens=False)["input_ids"] for mark, word in words.items()
               if mark not in known}
    tokenizer.add_special_tokens({"additional_special_tokens": list(likened)}, replace_extra_special_tokens=False)
    if len(tokenizer) > text.get_input_embeddings().num_embeddings:
        text.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for table in {id(m): m for m in (text.get_input_embeddings(), text.get_output_embeddings())}.values():
            for mark, ids in likened.items():
                table.weight[tokenizer.convert_tokens_to_ids(mark)] = table.weight[ids].mean(0)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    tokenizer.padding_side = "left"
    tokenizer.chat_template = CHAT_TEMPLATE.replace(END, tokenizer.eos_token)


def load_part(module: torch.nn.Module, path: str, what: str, prefix: str = "") -> None:
    """Weights of one part from safetensors, those whose names begin with ``prefix``; raises UserError when they do not
    fit."""
    if not Path(path).is_file():
        raise UserError(f"{what} weights {path} not found")
    tensors = {k.removeprefix(prefix): v.float() if v.is_floating_point() else v for k, v in load_file(path).items()
               if k.startswith(prefix)}
    try:
        module.load_state_dict(tensors)
    except RuntimeError as e:
        raise UserError(f"{path} does not fit this {what}: {' '.join(str(e).split())[:300]}") from None


def load(folder: str) -> tuple[EmoReasonForConditionalGeneration, EmoReasonProcessor]:
    """A checkpoint made here ("nano": the bundled one), in float32, to go on training. Raises UserError."""
    from emoreason.engines.loading import NANO, load_checkpoint

    path = NANO if folder == "nano" else Path(folder)
    if not (path / "config.json").is_file():
        raise UserError(f"start.checkpoint {folder} is neither 'nano' nor a folder with a config.json")
    model, tokenizer = load_checkpoint(path)
    return model, EmoReasonProcessor(tokenizer)


def train_in_full(model: nn.Module, joint: bool) -> None:
    """Everything trains but the vision tower and, unless ``joint``, facenet."""
    for name, p in model.named_parameters():
        p.requires_grad_(not (".tower." in name or ".visual." in name or ".facenet." in name and not joint))


def save_merged(model: Any, processor: Any, out: str, half: bool = False) -> None:
    """Merge the adapters and write model and tokenizer atomically; ``half``: weights as fp16."""
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    if model.config.model_type == "emoreason":
        model.config.dropout = (0.0, 0.0, 0.0)
    model.config.get_text_config()._name_or_path = ""  # no path of the machine that trained it
    temporary = Path(out).with_name(Path(out).name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    (model.half() if half else model).save_pretrained(temporary)
    if half:
        model.float()
    (processor.tokenizer if isinstance(processor, EmoReasonProcessor) else processor).save_pretrained(temporary)
    if Path(out).exists():
        for file in temporary.iterdir():
            file.replace(Path(out) / file.name)
        temporary.rmdir()
    else:
        temporary.replace(out)
