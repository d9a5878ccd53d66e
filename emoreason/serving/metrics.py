"""Figures for Prometheus: counts and times only, nothing of what was asked or shown."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from emoreason.engines import Completion


class Metrics:
    """The figures of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("emoreason_requests", "Requests answered", ["path", "code"], registry=self.registry)
        self.seconds = Histogram("emoreason_request_seconds", "From a request to the end of its answer", ["path"],
                                 buckets=(.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120), registry=self.registry)
        self.tokens = Counter("emoreason_tokens", "Tokens of answered requests", ["kind"], registry=self.registry)
        self.finished = Counter("emoreason_completions", "Texts by how they ended", ["finish"], registry=self.registry)
        self.batch = Histogram("emoreason_batch_size", "Requests that went through the model together",
                               buckets=(1, 2, 4, 8, 16, 32, 64), registry=self.registry)
        self.active = Gauge("emoreason_active_requests", "Requests under way", registry=self.registry)

    def done(self, path: str, code: int, seconds: float) -> None:
        self.requests.labels(path, str(code)).inc()
        self.seconds.labels(path).observe(seconds)

    def wrote(self, completion: Completion) -> None:
        self.tokens.labels("prompt").inc(completion.prompt_tokens)
        self.tokens.labels("completion").inc(completion.completion_tokens)
        self.finished.labels(completion.finish).inc()

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
