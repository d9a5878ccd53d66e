"""Model strings: ``[hf:|vllm:|openai:]NAME[@URL][#key=value,...]``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlparse

from emoreason.errors import UserError

KINDS = ("local", "hf", "vllm", "openai")
OPENAI_URL = "https://api.openai.com/v1"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _setting(default: Any, kinds: str, about: str) -> Any:
    return field(default=default, metadata={"kinds": kinds.split(), "about": about})


@dataclass(frozen=True)
class Spec:
    """A model string, read. kind: local (nano or a folder made here), hf, vllm, openai."""

    kind: str
    name: str
    url: str | None = None
    constrain: bool | None = _setting(None, "local hf vllm", "the answer must follow the explanation format and the "
                                      "evidence (default: of models made here)")
    device: str | None = _setting(None, "local hf", "cpu, cuda, cuda:1, ... (default: cuda where there is one)")
    dtype: str | None = _setting(None, "local hf vllm", "float32, bfloat16 or float16 of the language model")
    lora: str | None = _setting(None, "local hf vllm", "folder of a LoRA adapter")
    merge: bool = _setting(True, "local hf", "merge the adapter into the weights (default: yes)")
    retries: int | None = _setting(None, "local hf vllm openai", "more answers drawn where one fails its check")
    memory: float = _setting(0.9, "vllm", "share of the GPU's (or, on a CPU, the machine's) memory to take")
    eager: bool = _setting(False, "vllm", "start without compiling: sooner, but slower afterwards")
    context: int | None = _setting(None, "vllm", "longest conversation in tokens")
    rpm: float | None = _setting(None, "openai", "requests a minute at most")
    parallel: int = _setting(4, "openai", "requests at once")
    timeout: float = _setting(120.0, "openai", "seconds that one try may take")
    tries: int = _setting(6, "openai", "tries of a request, with pauses that double")
    price_in: float | None = _setting(None, "openai", "price of a million prompt tokens")
    price_out: float | None = _setting(None, "openai", "price of a million tokens written")

    @property
    def host(self) -> str | None:
        """The host of ``url`` where it is not this machine."""
        name = urlparse(self.url).hostname if self.url else None
        return None if name in LOOPBACK else name


SETTINGS = {f.name: f for f in fields(Spec) if f.metadata}


def parse_spec(model: str) -> Spec:
    """Read a model string. Raises UserError for one that is none."""
    body, _, tail = model.partition("#")
    kind, colon, name = body.partition(":")
    if not colon or kind not in KINDS[1:]:
        kind, name = "local", body
    if not name:
        raise UserError(f"model {model!r} names none; write nano, a folder, hf:NAME, vllm:NAME or openai:MODEL@URL")
    url = None
    if kind == "openai":
        name, at, url = name.partition("@")
        url = url.rstrip("/") if at else OPENAI_URL
        if urlparse(url).scheme not in ("http", "https") or not urlparse(url).hostname or not name:
            raise UserError(f"model {model!r} should be openai:MODEL@URL, such as openai:nano@http://127.0.0.1:8000/v1")
    return Spec(kind, name, url, **_settings(tail, kind, model))


def _settings(tail: str, kind: str, model: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    known = [n for n, f in SETTINGS.items() if kind in f.metadata["kinds"]]
    for pair in filter(None, tail.split(",")):
        name, equals, value = pair.partition("=")
        if name not in known:
            raise UserError(f"model {model!r}: setting {name!r} is not one of {kind}'s, which are {', '.join(known)}")
        found[name] = _typed(name, value if equals else "yes", model)
    return found


def _typed(name: str, value: str, model: str) -> Any:
    kind = str(SETTINGS[name].type)
    try:
        if kind.startswith("bool"):
            return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}[value.lower()]
        if kind.startswith(("int", "float")):
            number = int(value) if kind.startswith("int") else float(value)
            if number < (0 if name in ("retries", "price_in", "price_out") else 1e-9):
                raise ValueError
            return number
    except (ValueError, KeyError):
        wanted = "yes or no" if kind.startswith("bool") else "a number above 0"
        raise UserError(f"model {model!r}: {name}={value} should be {wanted}") from None
    return value
