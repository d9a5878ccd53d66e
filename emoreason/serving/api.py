"""The HTTP interface: /v1/chat/completions and /v1/models as OpenAI's, /explain, /health, /metrics, /docs."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from emoreason import engines
from emoreason.engines import Completion, Engine, OnText
from emoreason.engines.batcher import Batcher
from emoreason.errors import UserError
from emoreason.reason import Answer, Reasoner, Subject
from emoreason.schema import render
from emoreason.serving import media
from emoreason.serving.command import Settings
from emoreason.serving.guard import Guard, problem
from emoreason.serving.metrics import Metrics
from emoreason.serving.shapes import ChatRequest, ExplainAnswer, ExplainRequest, ExplainResponse

UNSUPPORTED = ("stop", "tools", "logprobs")
ABOUT = ("Asks faces why they look as they do. A face shows movement, not the mind. Inferring emotion at work or in "
         "education is prohibited in the EU (AI Act, Article 5).")


class EngineFailure(Exception):
    """The engine could not answer: not the client's mistake."""


class Watched:
    """An Engine in front of another: what it writes is counted, whoever asks, and its failures are EngineFailures."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self.engine, self.metrics = engine, metrics
        self.name, self.native, self.sends_to, self.spec = engine.name, engine.native, engine.sends_to, engine.spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def generate(self, requests: Sequence[engines.Request], on_text: OnText | None = None) -> list[Completion]:
        """See ``Engine.generate``."""
        try:
            made = self.engine.generate(requests, on_text)
        except UserError as e:
            raise EngineFailure(str(e)) from None
        for completion in made:
            self.metrics.wrote(completion)
        return made


def build(reasoner: Reasoner, allowed: Settings | None = None) -> FastAPI:
    """The app of a model. An engine that does not batch by itself gets a Batcher in front."""
    allowed, metrics = allowed or Settings(), Metrics()
    engine: Any = reasoner.engine
    if not getattr(engine, "batches", False):
        engine = Batcher(engine, allowed.batch, metrics.batch.observe)
    close = getattr(engine, "close", lambda: None)
    engine = Watched(engine, metrics)
    reasoner = Reasoner(engine=engine)
    names = sorted({engine.name, engine.name.rstrip("/").rsplit("/", 1)[-1]})

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = allowed.active + 8
        yield
        close()

    app = FastAPI(title="emoreason", version=version("emoreason"), description=ABOUT, lifespan=life)
    app.state.metrics = metrics
    if allowed.hosts is not None:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*allowed.hosts, "[::1]"])
    app.add_middleware(Guard, allowed=allowed, metrics=metrics)
    _errors(app)

    @app.post("/v1/chat/completions", summary="OpenAI's chat completion, with faces")
    def chat(body: ChatRequest) -> Any:
        _check(body, names)
        subjects, question, history = media.conversation(body.messages)
        answer = _without_a_face(reasoner, subjects, question)
        head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": body.model}
        if answer is not None:
            made = [Completion(answer, 0, 0)] * (body.n or 1)
            pieces: Any = (piece for piece in (answer, made[0]))
            return _sse(_chunks(head, pieces, body)) if body.stream else _whole(head, made)
        first = _request(reasoner, body, subjects, question, history, allowed.max_tokens)
        if body.stream:
            return _sse(_chunks(head, engines.stream(engine, first), body))
        return _whole(head, engine.generate([replace(first, seed=first.seed + i) for i in range(body.n or 1)]))

    @app.post("/explain", summary="Why does this face look as it does? Checked against what was measured")
    def explain(body: ExplainRequest) -> ExplainResponse:
        found = media.find(body.media, body.face)
        groups = [[s] for s in found]
        if body.other is not None:
            groups = [[found[0], media.find(body.other, name="the other media")[0]]]
        answers = [reasoner.answer(g, body.question) for g in groups]
        return ExplainResponse(model=engine.name, answers=[_answer(a) for a in answers])

    @app.get("/v1/models", summary="The model that is served")
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": n, "object": "model", "created": 0, "owned_by": "emoreason"}
                                           for n in names]}

    @app.get("/health", summary="Whether the server is up")
    def health() -> dict[str, str]:
        return {"status": "ok", "model": engine.name, "version": version("emoreason")}

    @app.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    def figures() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app


def _errors(app: FastAPI) -> None:
    """Every error in the protocol's shape, one line, without a traceback."""

    def answer(code: int, message: str) -> JSONResponse:
        return JSONResponse(problem(code, message), code)

    def invalid(_: Request, e: Exception) -> JSONResponse:
        assert isinstance(e, RequestValidationError)
        first = e.errors()[0]
        where = ".".join(str(p) for p in first["loc"] if p != "body")
        return answer(400, f"{where or 'body'}: {first['msg']}")

    def known(_: Request, e: Exception) -> JSONResponse:
        assert isinstance(e, HTTPException)
        return answer(e.status_code, str(e.detail))

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, known)
    app.add_exception_handler(UserError, lambda _, e: answer(400, str(e)))
    app.add_exception_handler(ValueError, lambda _, e: answer(400, " ".join(str(e).split())[:300]))
    app.add_exception_handler(EngineFailure, lambda _, e: answer(503, str(e)))


def _check(body: ChatRequest, names: list[str]) -> None:
    if body.model not in names:
        raise HTTPException(404, f"model {body.model!r} is not served here; there is {', '.join(names)}")
    given = [n for n in UNSUPPORTED if getattr(body, n)]
    if body.response_format not in (None, {"type": "text"}):
        given.append("response_format")
    if given:
        raise UserError(f"{given[0]} is not supported")
    if body.stream and (body.n or 1) > 1:
        raise UserError("only one answer can be streamed; leave out n or stream")


def _request(reasoner: Reasoner, body: ChatRequest, subjects: list[Subject], question: str, history: list[dict],
             most: int) -> engines.Request:
    if subjects:
        request = reasoner.request([reasoner.measured(s) for s in subjects], question, history)
    else:
        request = engines.Request((*history, {"role": "user", "content": question}))
    tokens = body.max_completion_tokens or body.max_tokens or request.max_tokens
    if tokens > most:
        raise UserError(f"max_tokens is {tokens}, but at most {most} are allowed here")
    seed = secrets.randbelow(2**31) if body.seed is None else body.seed % 2**63
    return replace(request, max_tokens=tokens, temperature=body.temperature or 0.0,
                   top_p=1.0 if body.top_p is None else body.top_p, seed=seed)


def _without_a_face(reasoner: Reasoner, subjects: list[Subject], question: str) -> str | None:
    """The answer where a picture has no face, which needs no model."""
    if all(s.track is not None for s in subjects):
        return None
    explanation = reasoner.answer(subjects, question).explanation
    assert explanation is not None
    return render(explanation)


def _answer(a: Answer) -> ExplainAnswer:
    row = a.to_dict()
    row = {k: row[k] for k in ("face", "box", "evidence", "unsupported", "slips", "problem")}
    said = a.explanation.to_dict() if a.explanation else None
    return ExplainAnswer.model_validate({**row, "text": a.text, "explanation": said})


def _usage(made: list[Completion]) -> dict[str, int]:
    read, wrote = sum(c.prompt_tokens for c in made), sum(c.completion_tokens for c in made)
    return {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}


def _whole(head: dict[str, Any], made: list[Completion]) -> dict[str, Any]:
    choices = [{"index": i, "message": {"role": "assistant", "content": c.text}, "finish_reason": c.finish,
                "logprobs": None} for i, c in enumerate(made)]
    return {**head, "object": "chat.completion", "choices": choices, "usage": _usage(made)}


def _chunks(head: dict[str, Any], pieces: Any, body: ChatRequest) -> Iterator[dict[str, Any]]:
    """The stream's events: the role, the pieces, the end, and where asked for the usage. Left, it stops the pieces."""
    head = {**head, "object": "chat.completion.chunk"}

    def event(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]}

    yield event({"role": "assistant", "content": ""})
    try:
        for piece in pieces:
            if isinstance(piece, str):
                yield event({"content": piece})
                continue
            yield event({}, piece.finish)
            if body.stream_options and body.stream_options.include_usage:
                yield {**head, "choices": [], "usage": _usage([piece])}
    except (EngineFailure, ValueError) as e:
        yield problem(503 if isinstance(e, EngineFailure) else 400, str(e))
    finally:
        pieces.close()


def _sse(events: Iterator[dict[str, Any]]) -> StreamingResponse:
    def lines() -> Iterator[str]:
        for e in events:
            yield f"data: {json.dumps(e, ensure_ascii=False)}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-store"})
