"""What the server reads and answers, as typed shapes: the OpenAPI page is made from them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from emoreason.prompts import DEFAULT_QUESTION


class Url(BaseModel):
    url: str


class Part(BaseModel):
    """A part of a message: text, or a picture or clip as a data URL."""

    type: Literal["text", "image_url", "video_url"]
    text: str | None = None
    image_url: Url | None = None
    video_url: Url | None = None


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    """OpenAI's chat completion. Greedy unless a temperature is given."""

    model: str
    messages: list[Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-2**63, lt=2**63)
    n: int | None = Field(None, ge=1, le=8)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    stop: Any = None
    tools: Any = None
    logprobs: Any = None
    response_format: Any = None


class ExplainRequest(BaseModel):
    """media: a picture or clip as a data URL; other: a second one to compare it with; face: which one, 1 is the
    largest, or "all"."""

    media: str
    other: str | None = None
    question: str = Field(DEFAULT_QUESTION, min_length=1, max_length=4000)
    face: int | Literal["all"] | None = None


class ObservationOut(BaseModel):
    """One claim about one action unit; intensity 0-5; span in seconds."""

    au: int
    intensity: float | None
    side: Literal["left", "right", "both"]
    present: bool
    span: tuple[float, float] | None
    text: str


class ExplanationOut(BaseModel):
    """emotion null: nothing can be said, and interpretation says why."""

    observations: list[ObservationOut]
    interpretation: str
    emotion: str | None
    confidence: float | None
    valence: float | None
    arousal: float | None


class EvidenceOut(BaseModel):
    """What was measured: AU -> intensity 0-5; emotion -> probability."""

    aus: dict[str, float] | None
    emotions: dict[str, float] | None


class ExplainAnswer(BaseModel):
    """explanation null: the text does not follow the format, and problem says in which way. unsupported: AUs whose
    claim the evidence does not carry; slips: what else in the text does not hold. box: xyxy pixels."""

    face: int | None
    box: tuple[float, float, float, float] | None
    explanation: ExplanationOut | None
    evidence: EvidenceOut
    unsupported: list[int]
    slips: list[str]
    problem: str | None
    text: str


class ExplainResponse(BaseModel):
    model: str
    answers: list[ExplainAnswer]
