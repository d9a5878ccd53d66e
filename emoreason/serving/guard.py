"""What stands before every request: its size, the bearer token, how many are under way. Plain ASGI, so that streams
pass through untouched."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException

from emoreason.serving.command import Settings
from emoreason.serving.metrics import Metrics

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
OPEN = ("/health", "/docs", "/openapi.json")  # without a token
KNOWN = ("/v1/chat/completions", "/v1/models", "/explain", "/health", "/metrics")


class Guard:
    """ASGI middleware: 401, 413 and 429, and the count of requests."""

    def __init__(self, app: Any, allowed: Settings, metrics: Metrics) -> None:
        self.app, self.allowed, self.metrics = app, allowed, metrics
        self.active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, path, code = time.perf_counter(), scope["path"], 500

        async def sent(message: dict[str, Any]) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._pass(scope, receive, sent)
        finally:
            self.metrics.done(path if path in KNOWN else "other", code, time.perf_counter() - start)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        if self.allowed.token is not None and scope["path"] not in OPEN:
            given = headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self.allowed.token.encode()):
                await refuse(send, 401, "missing or wrong bearer token", {"www-authenticate": "Bearer"})
                return
        if scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        limit = self.allowed.max_bytes
        if not headers.get("content-length", "0").isdigit() or int(headers.get("content-length", "0")) > limit:
            await refuse(send, 413, f"the request is larger than {limit} bytes")
            return
        if self.active >= self.allowed.active:
            await refuse(send, 429, f"{self.allowed.active} requests are under way; try again", {"retry-after": "1"})
            return
        read = 0

        async def counted() -> dict[str, Any]:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:  # of a body that did not say its length
                raise HTTPException(413, f"the request is larger than {limit} bytes")
            return message

        self.active += 1
        self.metrics.active.set(self.active)
        try:
            await self.app(scope, counted, send)
        finally:
            self.active -= 1
            self.metrics.active.set(self.active)


def problem(code: int, message: str) -> dict[str, Any]:
    """An error as the protocol has it."""
    kind = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}.get(
        code, "invalid_request_error" if code < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


async def refuse(send: Send, code: int, message: str, headers: dict[str, str] | None = None) -> None:
    """Answer with an error, without the body having been read."""
    body = json.dumps(problem(code, message)).encode()
    plain = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close",
             **(headers or {})}
    await send({"type": "http.response.start", "status": code,
                "headers": [(k.encode(), v.encode()) for k, v in plain.items()]})
    await send({"type": "http.response.body", "body": body})
