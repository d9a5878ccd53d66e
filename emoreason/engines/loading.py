"""Loading the models of the transformers engine: checkpoints made here, adapters, models of Hugging Face."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from emoreason.engines.reading import ReadingEngine
from emoreason.engines.spec import Spec
from emoreason.errors import UserError

if TYPE_CHECKING:
    from emoreason.engines.local import HubEngine, NativeEngine

NANO = Path(__file__).parent.parent / "assets" / "nano"
LARGE = 1_000_000_000  # parameters from which a language model runs in bfloat16 on a GPU unless told otherwise


def load_local(spec: Spec, device: str | None = None) -> ReadingEngine | HubEngine:
    """``nano``, a folder made by training here (or of an adapter to one), ``hf:NAME`` or a folder of such a model.

    Raises UserError when it cannot be had."""
    device, given = pick_device(spec.device or device), spec.name
    spec = without_adapter(spec)
    folder = NANO if spec.name == "nano" and spec.kind == "local" else Path(spec.name)
    if spec.kind == "local" and not (folder / "config.json").is_file():
        if spec.name == "nano":
            raise UserError(f"the bundled model is missing at {folder}; reinstall emoreason")
        raise UserError(f"model {spec.name!r} is neither 'nano' nor a folder with a config.json; for a model of "
                        f"Hugging Face write hf:{spec.name}")
    ours = spec.kind == "local" and _kind(folder) == "emoreason"
    if ours and device == "cpu" and spec.lora is None and spec.dtype in (None, "float32"):
        with suppress(Exception):  # what is wrong with it is said below
            from emoreason.engines.direct import DirectEngine

            return DirectEngine(folder, replace(spec, name=given))
    try:
        engine = load_native(folder, spec, device) if ours else _load_hub(spec, device)
    except torch.cuda.OutOfMemoryError:
        raise UserError(f"{spec.name} does not fit into the GPU's memory; take a smaller model, #dtype=bfloat16, or "
                        "#device=cpu") from None
    engine.name = given
    return engine


def load_native(folder: Path, spec: Spec, device: str = "cpu") -> NativeEngine:
    """A folder made here, on transformers. Raises UserError where it does not fit."""
    from emoreason.engines.local import NativeEngine

    model, tokenizer = load_checkpoint(folder)
    engine = NativeEngine(with_lora(model, spec), tokenizer, spec)
    text = engine.model.model.language_model
    text.to(_dtype(spec, device, text))
    engine.model.lm_head.to(text.dtype)
    engine.model.tie_weights()
    engine.model.to(device)
    return engine


def without_adapter(spec: Spec) -> Spec:
    """A folder that holds an adapter, as its base model with that adapter; any other spec as it is."""
    folder = Path(spec.name)
    if spec.kind not in ("local", "vllm") or not (folder / "adapter_config.json").is_file():
        return spec
    try:
        base = json.loads((folder / "adapter_config.json").read_text("utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError) as e:
        raise UserError(f"{folder / 'adapter_config.json'} cannot be read: {e}") from None
    if not base:
        raise UserError(f"{folder} is an adapter that names no base model; write BASE#lora={folder}")
    kind = "hf" if spec.kind == "local" and base != "nano" and not Path(base).is_dir() else spec.kind
    return replace(spec, kind=kind, name=base, lora=spec.lora or str(folder))


def is_ours(spec: Spec) -> bool:
    """Whether a model string without its kind means a model made here: nano, or a folder of one."""
    return spec.name == "nano" or (Path(spec.name) / "config.json").is_file() and _kind(Path(spec.name)) == "emoreason"


def load_checkpoint(folder: Path) -> tuple[Any, Any]:
    """(model, tokenizer) of a folder made here, in float32. Raises UserError when it does not fit, with what is
    missing."""
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import logging

    from emoreason.model import EmoReasonForConditionalGeneration

    logging.disable_progress_bar()
    try:
        loaded: Any = EmoReasonForConditionalGeneration.from_pretrained(folder, dtype=torch.float32,
                                                                        output_loading_info=True)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    except Exception as e:  # of a damaged file, safetensors and tokenizers raise kinds of their own
        raise UserError(f"model folder {folder} cannot be loaded: {' '.join(str(e).split())[:300]}") from None
    if not tokenizer.chat_template:
        raise UserError(f"model folder {folder} does not fit: there is no chat_template.jinja in it")
    net, report = loaded
    missing = sorted(set(report["missing_keys"]) - {"lm_head.weight"})
    missing += [str(m[0]) for m in report["mismatched_keys"]]
    if missing:
        raise UserError(f"model folder {folder} does not fit: {len(missing)} weights missing or of another shape, "
                        f"first {', '.join(missing[:3])}")
    return net, tokenizer


def with_lora(model: Any, spec: Spec) -> Any:
    """The model with the adapter of ``spec``, merged into its weights or beside them."""
    if spec.lora is None:
        return model
    from peft import PeftModel

    if not (Path(spec.lora) / "adapter_config.json").is_file():
        raise UserError(f"lora={spec.lora} is no adapter: there is no adapter_config.json in it")
    try:
        adapted = PeftModel.from_pretrained(model, spec.lora)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as e:
        raise UserError(f"adapter {spec.lora} does not fit {spec.name}: {' '.join(str(e).split())[:300]}") from None
    return adapted.merge_and_unload() if spec.merge else adapted.get_base_model()


def _load_hub(spec: Spec, device: str) -> HubEngine:
    import logging

    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    from emoreason.engines.local import HubEngine

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        config = transformers.AutoConfig.from_pretrained(spec.name)
        sees = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
        family = transformers.AutoModelForImageTextToText if sees else transformers.AutoModelForCausalLM
        readers = transformers.AutoProcessor if sees else transformers.AutoTokenizer
        engine = HubEngine(with_lora(family.from_pretrained(spec.name, dtype="auto"), spec),
                           readers.from_pretrained(spec.name), spec, sees)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as e:
        raise UserError(f"model hf:{spec.name} cannot be loaded: {' '.join(str(e).split())[:300]}") from None
    engine.model.to(_dtype(spec, device, engine.model)).to(device)
    return engine


def pick_device(device: str | None) -> str:
    """``device``, or the GPU where there is one. Raises UserError for a device that is not there."""
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as e:
        raise UserError(f"device {device!r} cannot be used ({str(e).splitlines()[0][:120]}); leave it out or write "
                        "#device=cpu") from None
    return device


def _dtype(spec: Spec, device: str, model: Any) -> torch.dtype:
    """The dtype asked for; else on a GPU bfloat16 for large models, on a CPU what it computes well."""
    if spec.dtype is not None:
        if spec.dtype not in ("float32", "bfloat16", "float16"):
            raise UserError(f"dtype {spec.dtype!r} is not one of float32, bfloat16, float16")
        return getattr(torch, spec.dtype)
    if device.startswith("cuda"):
        large = sum(p.numel() for p in model.parameters()) >= LARGE
        return torch.bfloat16 if large and model.dtype == torch.float32 else model.dtype
    return torch.float32 if model.dtype == torch.float16 else model.dtype


def _kind(folder: Path) -> str | None:
    try:
        return json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as e:
        raise UserError(f"{folder / 'config.json'} cannot be read: {e}") from None
