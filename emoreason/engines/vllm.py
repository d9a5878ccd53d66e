"""The vLLM engine: our models by their language half, off-the-shelf vision-language models as they are.

A model made here is exported as an ordinary causal language model (adapters merged), and gets its prompts as
embeddings: the vision part runs in torch beside it. vLLM batches by itself: requests join and leave at any step.
"""

from __future__ import annotations

import asyncio
import atexit
import tempfile
import threading
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from emoreason.engines import Completion, OnText, Request, reader
from emoreason.engines.grammar import for_tokenizer
from emoreason.engines.loading import NANO, is_ours, load_native, without_adapter
from emoreason.engines.local import NativeEngine, chats
from emoreason.engines.spec import Spec
from emoreason.errors import UserError


class VLLMEngine:
    """``vllm:NAME``. ours: the native engine whose language half runs in vLLM, None for a model made elsewhere."""

    sends_to: str | None = None
    batches = True

    def __init__(self, spec: Spec, ours: NativeEngine | None = None) -> None:
        self.spec, self.name, self.native = spec, spec.name, ours is not None
        self.ours = ours
        self._folder = tempfile.TemporaryDirectory(prefix="emoreason-vllm-") if ours is not None else None
        model = spec.name
        if ours is not None and self._folder is not None:
            model = export(ours, Path(self._folder.name))
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="vllm").start()
        self._engine = self._call(_start(model, spec, ours is not None))
        atexit.register(self.close)
        if ours is not None:
            self.tokenizer = ours.tokenizer
        else:
            from transformers import AutoProcessor

            self.processor = AutoProcessor.from_pretrained(spec.name)
            self.tokenizer = getattr(self.processor, "tokenizer", self.processor)
        self._lora = None
        if spec.lora is not None and ours is None:
            from vllm.lora.request import LoRARequest

            self._lora = LoRARequest("adapter", 1, str(Path(spec.lora).resolve()))

    def __getattr__(self, name: str) -> Any:
        ours = self.__dict__.get("ours")
        if ours is not None and name in ("look", "model", "processor", "embed", "text"):
            return getattr(ours, name)
        raise AttributeError(name)

    def close(self) -> None:
        """End vLLM's processes."""
        engine, self._engine = self._engine, None
        if engine is not None:
            self._call(_end(engine))
            self._loop.call_soon_threadsafe(self._loop.stop)

    def generate(self, requests: Sequence[Request], on_text: OnText | None = None) -> list[Completion]:
        """See ``Engine.generate``."""
        from vllm.v1.engine.exceptions import EngineDeadError

        async def all_of_them() -> list[Completion]:
            readers = [reader(on_text, i) for i in range(len(requests))]
            return await asyncio.gather(*map(self._one, requests, readers))

        try:
            return self._call(all_of_them())
        except EngineDeadError:
            raise UserError(f"vLLM stopped while it ran {self.name}, most often for want of memory; look above for its "
                            "own words, and try #memory=0.7 or #context=2048") from None

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _one(self, request: Request, on_text: Callable[[str], bool] | None) -> Completion:
        name, text, written, finish, read = uuid.uuid4().hex, "", 0, "length", 0
        prompt = self._prompt(request)
        async for out in self._engine.generate(prompt, self._sampling(request), name, lora_request=self._lora):
            piece = out.outputs[0]
            read = len(prompt["prompt_embeds"]) if self.native else len(out.prompt_token_ids or ())
            text += piece.text
            written += len(piece.token_ids)
            finish = piece.finish_reason or finish
            if piece.text and on_text is not None and not on_text(piece.text):
                await self._engine.abort(name)
                return Completion(text, read, written, "cancelled")
        ended = int(finish == "stop")  # the end token is counted by vLLM, but not by others
        return Completion(text, read, written - ended, finish)

    def _prompt(self, request: Request) -> Any:
        if self.ours is not None:
            return {"prompt_embeds": self.ours.embed(request).float().cpu().to(self._dtype())}
        from PIL import Image

        chat = chats([request], True)[0]
        text = self.processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        if not request.media:
            return {"prompt": text}
        return {"prompt": text, "multi_modal_data": {"image": [Image.fromarray(m) for m in request.media]}}

    def _dtype(self) -> torch.dtype:
        return self._engine.model_config.dtype

    def _sampling(self, request: Request) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        form = None
        if request.grammar is not None:
            vocabulary, special = self.tokenizer.get_vocab(), _special(self.tokenizer)
            form = StructuredOutputsParams(grammar=for_tokenizer(
                request.grammar, lambda tag: tag in vocabulary and special(vocabulary[tag])))
        return SamplingParams(temperature=request.temperature, top_p=request.top_p, seed=request.seed,
                              max_tokens=request.max_tokens, structured_outputs=form,
                              output_kind=RequestOutputKind.DELTA)


def load_vllm(spec: Spec) -> VLLMEngine:
    """The engine of ``vllm:nano``, ``vllm:FOLDER`` or ``vllm:NAME``. Raises UserError, with the mend, where vLLM is
    missing, does not fit this installation, or cannot start."""
    try:
        import vllm
    except ImportError as e:
        if getattr(e, "name", None) == "vllm":
            raise UserError("vllm is not installed; on a machine with a GPU: pip install 'emoreason[vllm]'") from None
        raise UserError(f"vllm does not fit this installation ({str(e)[:160]}); in an environment of its own: "
                        "pip install 'emoreason[vllm]'") from None
    if not hasattr(vllm, "SamplingParams") or tuple(map(int, vllm.__version__.split(".")[:2])) < (0, 27):
        raise UserError(f"vllm {vllm.__version__} is too old; pip install 'vllm>=0.27'")
    from vllm.platforms import current_platform

    if current_platform.device_type not in ("cuda", "cpu", "xpu", "tpu"):
        raise UserError("vLLM finds no GPU here; take the same model without 'vllm:', which runs on a CPU")
    ours, given, spec = None, spec.name, without_adapter(spec)
    if is_ours(spec):
        ours = load_native(NANO if spec.name == "nano" else Path(spec.name), Spec("local", spec.name, lora=spec.lora))
    engine = VLLMEngine(spec, ours)
    engine.name = given
    return engine


async def _start(model: str, spec: Spec, embeds: bool) -> Any:
    from vllm.config import StructuredOutputsConfig
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    options: dict[str, Any] = {"gpu_memory_utilization": spec.memory, "max_model_len": spec.context,
                               "enable_prompt_embeds": embeds, "dtype": spec.dtype or "auto", "seed": 0,
                               "enforce_eager": spec.eager,
                               "structured_outputs_config": StructuredOutputsConfig(backend="guidance"),
                               "disable_log_stats": True}
    if spec.lora is not None and not embeds:
        options |= {"enable_lora": True, "max_lora_rank": _rank(spec.lora)}
    try:
        return AsyncLLM.from_engine_args(AsyncEngineArgs(model=model, **options))
    except (RuntimeError, ValueError, OSError, TypeError, NotImplementedError) as e:
        why = " ".join(str(e).split())[:240]
        raise UserError(f"vLLM cannot start {spec.name}: {why}; less memory: #memory=0.7 or #context=2048") from None


async def _end(engine: Any) -> None:
    engine.shutdown()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def export(engine: NativeEngine, folder: Path) -> str:
    """Write the language half of a model made here as an ordinary causal language model; returns the folder."""
    from transformers import AutoModelForCausalLM

    ours = engine.model
    with torch.device("meta"):
        plain = AutoModelForCausalLM.from_config(ours.config.text_config)
    prefix = plain.base_model_prefix
    weights = {f"{prefix}.{k}": v for k, v in ours.model.language_model.state_dict().items()}
    if not ours.config.tie_word_embeddings:
        weights["lm_head.weight"] = ours.lm_head.weight
    plain.save_pretrained(folder, state_dict=weights)
    engine.tokenizer.save_pretrained(folder)
    return str(folder)


def _rank(lora: str) -> int:
    import json

    try:
        rank = int(json.loads(Path(lora, "adapter_config.json").read_text("utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"lora={lora} is no adapter: its adapter_config.json is missing or has no rank") from None
    return next(r for r in (8, 16, 32, 64, 128, 256, 320, 512, max(rank, 513)) if r >= rank)


def _special(tokenizer: Any) -> Callable[[int], bool]:
    import llguidance.hf

    return llguidance.hf.from_tokenizer(tokenizer).is_special_token
