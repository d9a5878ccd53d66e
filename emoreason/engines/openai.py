"""Any OpenAI-compatible server: vLLM's, Ollama's, ``emoreason serve``, a hosted one.

The key comes from OPENAI_API_KEY alone. Pictures are sent as JPEG data URLs, to the host of the model string and
nowhere else; where that is not this machine, the engine says so on stderr when it is made.
"""

from __future__ import annotations

import atexit
import base64
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emoreason.engines import Completion, OnText, Request, reader
from emoreason.engines.spec import Spec
from emoreason.errors import UserError

KEY = "OPENAI_API_KEY"
JPEG_QUALITY = 92


@dataclass
class Usage:
    """What was used so far: answered requests, tokens read and written."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, done: Completion) -> None:
        with self.lock:
            self.requests += 1
            self.prompt_tokens += done.prompt_tokens
            self.completion_tokens += done.completion_tokens

    def cost(self, price_in: float | None, price_out: float | None) -> float | None:
        """In the currency of the prices, which are for a million tokens; None without prices."""
        if price_in is None and price_out is None:
            return None
        return (self.prompt_tokens * (price_in or 0) + self.completion_tokens * (price_out or 0)) / 1e6


class Pace:
    """Lets at most ``rpm`` calls a minute pass, evenly spaced; None: all."""

    def __init__(self, rpm: float | None) -> None:
        self.gap = 60 / rpm if rpm else 0.0
        self.next = 0.0
        self.lock = threading.Lock()

    def wait(self) -> None:
        with self.lock:
            now = time.monotonic()
            start = max(now, self.next)
            self.next = start + self.gap
        time.sleep(max(0.0, start - now))


class OpenAIEngine:
    """``openai:MODEL@URL``. Raises UserError at once where nothing answers, or the key is refused."""

    native = False

    def __init__(self, spec: Spec) -> None:
        import openai

        self.spec, self.name, self.sends_to = spec, spec.name, spec.host
        key = os.environ.get(KEY)
        if not key and spec.host is not None:
            raise UserError(f"no key for {spec.host}: set {KEY} in the environment (any text for a server without)")
        self.usage, self.pace = Usage(), Pace(spec.rpm)
        paced = openai.DefaultHttpxClient(event_hooks={"request": [self._wait]})  # further tries are requests too
        self.client = openai.OpenAI(api_key=key or "none", base_url=spec.url, timeout=spec.timeout,
                                    max_retries=spec.tries - 1, http_client=paced)
        self._answers()
        if self.sends_to is not None:
            print(f"emoreason: pictures and questions are sent to {self.sends_to}", file=sys.stderr)
        if self.sends_to is not None or spec.price_in is not None or spec.price_out is not None:
            atexit.register(self.report)

    def report(self) -> None:
        """One line on stderr: requests, tokens, and what they cost where prices are known."""
        u, cost = self.usage, self.usage.cost(self.spec.price_in, self.spec.price_out)
        if u.requests:
            print(f"emoreason: {self.name}: {u.requests} requests, {u.prompt_tokens} tokens read, "
                  f"{u.completion_tokens} written" + (f", cost {cost:.4f}" if cost is not None else ""),
                  file=sys.stderr)

    def generate(self, requests: Sequence[Request], on_text: OnText | None = None) -> list[Completion]:
        """See ``Engine.generate``."""
        if not requests:
            return []
        with ThreadPoolExecutor(min(self.spec.parallel, len(requests))) as pool:
            readers = [reader(on_text, i) for i in range(len(requests))]
            return list(pool.map(self._one, requests, readers))

    def _answers(self) -> None:
        """Raise UserError unless the server is there and takes the key. Servers without a list of models are fine."""
        import openai

        try:
            self.client.with_options(max_retries=1, timeout=min(20.0, self.spec.timeout)).models.list()
        except openai.APIStatusError as e:
            if e.status_code in (401, 403):
                raise UserError(_said(e, self.spec)) from None
        except openai.APIConnectionError as e:
            raise UserError(_said(e, self.spec)) from None
        except (openai.OpenAIError, ValueError, TypeError, AttributeError):
            return  # not a list of models; the first request will tell

    def _wait(self, sent: Any) -> None:
        if sent.method == "POST":
            self.pace.wait()

    def _one(self, request: Request, on_text: Callable[[str], bool] | None) -> Completion:
        import openai

        if request.grammar is not None:
            raise ValueError("an answer cannot be constrained through an OpenAI-compatible server")
        options: dict[str, Any] = {"model": self.name, "messages": messages(request), "max_tokens": request.max_tokens,
                                   "temperature": request.temperature}
        if request.temperature > 0:
            options |= {"top_p": request.top_p, "seed": request.seed}
        try:
            done = self._whole(options) if on_text is None else self._pieces(options, on_text)
        except openai.OpenAIError as e:
            raise UserError(_said(e, self.spec)) from None
        except (ValueError, TypeError, AttributeError, IndexError, KeyError) as e:
            raise UserError(f"{self.spec.url} answered with something that is no chat completion "
                            f"({type(e).__name__}); is the URL right? It usually ends in /v1") from None
        self.usage.add(done)
        return done

    def _whole(self, options: dict[str, Any]) -> Completion:
        said = self.client.chat.completions.create(**options)
        choice = said.choices[0]
        text = _text(choice.message.content)
        used = said.usage
        return Completion(text, used.prompt_tokens if used else 0, used.completion_tokens if used else 0,
                          choice.finish_reason or "stop")

    def _pieces(self, options: dict[str, Any], on_text: Callable[[str], bool]) -> Completion:
        text, finish, used = "", "", None
        with self.client.chat.completions.create(**options, stream=True,
                                                 stream_options={"include_usage": True}) as chunks:
            for chunk in chunks:
                used = chunk.usage or used
                if not chunk.choices:
                    continue
                piece = chunk.choices[0].delta.content
                finish = chunk.choices[0].finish_reason or finish
                if piece:
                    text += piece
                    if not on_text(piece):
                        finish = "cancelled"
                        break
        if not finish:
            raise ValueError("the stream broke off")
        return Completion(_text(text), used.prompt_tokens if used else 0, used.completion_tokens if used else 0, finish)


def messages(request: Request) -> list[dict[str, Any]]:
    """The conversation as the protocol has it, pictures as data URLs."""
    media = iter(request.media)
    out = []
    for m in request.messages:
        content = m["content"]
        if not isinstance(content, str):
            content = [{"type": "image_url", "image_url": {"url": data_url(next(media))}} if p["type"] == "image"
                       else {"type": "text", "text": p["text"]} for p in content]
        out.append({"role": m["role"], "content": content})
    return out


def data_url(picture: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 RGB as a JPEG data URL, without metadata."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value.strip()


def _said(e: Exception, spec: Spec) -> str:
    """One line with the mend for what went wrong."""
    import openai

    where = f"{spec.url}, model {spec.name}"
    if isinstance(e, openai.APITimeoutError):
        return f"{where}: no answer within {spec.timeout:g} s, tried {spec.tries} times; give more with #timeout="
    if isinstance(e, openai.APIConnectionError):
        return f"nothing answers at {spec.url}; start the server, or correct the URL"
    if isinstance(e, openai.APIStatusError):
        mend = {401: f"check {KEY}", 403: f"check {KEY}", 404: "check the URL and the model's name",
                429: f"it still asks to wait after {spec.tries} tries; send less with #rpm= or #parallel=",
                }.get(e.status_code, f"it failed {spec.tries} times" if e.status_code >= 500 else "")
        body = " ".join(str(e.body if e.body is not None else e.message).split())[:160]
        return f"{where}: {e.status_code} {body}" + (f"; {mend}" if mend else "")
    return f"{where}: {' '.join(str(e).split())[:200]}"
