"""What a task is, and what scoring one returns. A task is one ``Task`` made in its module, and one test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emoreason import scores
from emoreason.eval.answers import Answer
from emoreason.sources import Record

Interval = dict[str, float]


@dataclass(frozen=True)
class Context:
    """What scoring may use: seed of the bootstrap; judge: a ``judge.Judge``, or None for offline scoring; options: the
    task's own, from the command line."""

    seed: int = 0
    judge: Any = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plot:
    """kind "bars": data {label: (value, low, high)}; "matrix": {"rows", "columns", "values"}; "lines":
    {name: (x, y)}, with axis names x, y."""

    title: str
    kind: str
    data: Mapping[str, Any]
    x: str = ""
    y: str = ""


@dataclass
class Result:
    """rows: one per item with its own scores, ``unscored`` {id: reason}; metrics {name: {"value", "low", "high"}};
    floor {metric: value of a trivial answer}; tables (title, header, rows) and plots for the report; prompts
    {name: SHA-256}; notes: sentences that a reader of the figures needs."""

    rows: list[dict[str, Any]]
    unscored: dict[str, str]
    metrics: dict[str, Interval]
    floor: dict[str, float] = field(default_factory=dict)
    tables: list[tuple[str, list[str], list[list[Any]]]] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    prompts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Task:
    """name; about: one line; fields: what it reads of a row of predictions (beside raw ``output``); sources: readers
    of emoreason.sources that it takes, the first is the default; question(records) -> the words asked of a model;
    gold: whether a record has what is scored; score(records, answers, context), where an answer is None for an item
    without a prediction; options: names of further settings it takes; maps, captions: whether the models of ours are
    asked for their AU maps too, and for a caption of a clip rather than an answer; judged: whether ``--judge`` adds
    to it."""

    name: str
    about: str
    fields: tuple[str, ...]
    sources: tuple[str, ...]
    question: Callable[[Sequence[Record]], str]
    gold: Callable[[Record], bool]
    score: Callable[[Sequence[Record], Sequence[Answer | None], Context], Result]
    options: tuple[str, ...] = ()
    maps: bool = False
    captions: bool = False
    judged: bool = False


def reasoning(answers: Sequence[Answer]) -> dict[str, np.ndarray]:
    """Per item, NaN where it does not apply: ``unsupported_rate``, the share of claims that the model's own evidence
    does not carry; ``agreement`` of the conclusion with the claimed AUs (emoreason.scores)."""
    nan = float("nan")
    rates = [None if a.explanation is None or a.evidence is None else scores.unsupported_rate(a.explanation, a.evidence)
             for a in answers]
    agrees = [None if a.explanation is None else scores.agreement(a.explanation) for a in answers]
    return {"unsupported_rate": np.array([nan if v is None else v for v in rates]),
            "agreement": np.array([nan if v is None else v for v in agrees])}


def means(values: Mapping[str, np.ndarray], at: np.ndarray) -> dict[str, float | None]:
    """Mean of each array over the items ``at``, without NaN; None where nothing is left."""
    return {k: None if np.isnan(v[at]).all() else float(np.nanmean(v[at])) for k, v in values.items()}


def unanswered(records: Sequence[Record], answers: Sequence[Answer | None]) -> dict[str, str]:
    """The items without a prediction."""
    return {r.id: "no prediction" for r, a in zip(records, answers, strict=True) if a is None}
