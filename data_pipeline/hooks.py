"""The two steps of the build that others supply: reading a face, and writing about it."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emoreason.data_pipeline.facts import ABSENT, Facts
from emoreason.data_pipeline.filter import Rejection, has_chances
from emoreason.data_pipeline.job import Evidence, Written
from emoreason.errors import UserError
from emoreason.facs import EMOTIONS, MEASURED_AUS, PRESENT, prototype_support
from emoreason.schema import Explanation, render
from emoreason.sources import Record

if TYPE_CHECKING:
    from emoreason.data_pipeline.questions import Question
    from emoreason.records import Evidence as FaceEvidence

UNSTATED = (ABSENT + PRESENT) / 2  # an intensity about which the engine claims nothing
PLAIN = 2.0  # stands for "present, intensity not coded" while the sentences are chosen; the figure is taken out


def explain_record(record: Record, rng: random.Random) -> Written | Rejection:
    """A question about the record and the engine's answer, every figure taken out that the annotation lacks."""
    from emoreason.data_pipeline import explain  # its phrase tables take a while to compile

    if record.aus is None:
        return Rejection("nothing to explain", "no AU is annotated; complete the evidence first")
    if record.emotion is not None and record.emotion not in EMOTIONS:
        return Rejection("nothing to explain", f"the engine does not know {record.emotion}")
    facts = facts_of(record)
    mute = {"sure"} if not has_chances(record) else set()
    mute |= {"tone"} if record.valence is None else set()
    question = explain.ask(facts, rng, frozenset(mute))
    while not _coded(question, record.aus):
        question = explain.ask(facts, rng, frozenset(mute))
    return question.text, render(_only_known(explain.write(facts, question, rng), record)), question.kind == "aus"


def _coded(question: Question, known: Mapping[int, float | None]) -> bool:
    """Whether the annotation can answer: at least half of the AUs that are asked about were coded."""
    from emoreason.data_pipeline.phrases import REGIONS

    asked = (question.au,) if question.au is not None else REGIONS.get(question.region or "", ())
    asked = (6, 12) if question.kind == "smile" else asked
    return 2 * sum(a in known for a in asked) >= len(asked)


def facts_of(record: Record) -> Facts:
    """What is known of a record, in the engine's terms. An AU that was not coded gets an intensity about which the
    engine says nothing; the label leads, and the AUs say how far ahead it is."""
    known = {a: PLAIN if v is None else v for a, v in (record.aus or {}).items()}
    sides = {int(a): s for a, s in (record.extra.get("sides") or {}).items()}
    given = record.extra.get("emotions")
    if given is None:
        weights = {e: v + 0.02 for e, v in prototype_support(known, sides).items()}
        if record.votes:
            weights = {e: record.votes.get(e, 0.0) + 0.02 for e in EMOTIONS}
        if record.emotion is not None:
            weights[record.emotion] = max(weights[record.emotion], 0.3) + max(weights.values())
        given = {e: w / sum(weights.values()) for e, w in weights.items()}
    pose = record.extra.get("pose")
    turned = tuple(pose) if isinstance(pose, list) and len(pose) == 3 else (0.0, 0.0, 0.0)
    return Facts(aus={a: known.get(a, UNSTATED) for a in MEASURED_AUS}, sides=sides, emotions=given, pose=turned,
                 valence=record.valence or 0.0, arousal=record.arousal or 0.0,
                 quality=tuple(record.extra.get("quality") or ()))


def _only_known(x: Explanation, record: Record) -> Explanation:
    known = record.aus or {}
    seen = tuple(replace(o, intensity=None) if known.get(o.au) is None else o for o in x.observations)
    return replace(x, observations=seen, confidence=x.confidence if has_chances(record) else None,
                   valence=None if record.valence is None else x.valence,
                   arousal=None if record.arousal is None else x.arousal)


def from_facenet(read: Callable[[np.ndarray], FaceEvidence]) -> Evidence:
    """An evidence step from ``FaceNet.read``: pictures without AUs get those of their largest face, its pose, what
    limits the view, and, where the set has no label, the probabilities. Others pass unchanged."""

    def complete(record: Record) -> Record | Rejection:
        from emoreason import faces, images

        picture = record.picture()
        if record.aus is not None or picture is None:
            return record
        found = faces.detect(images.read(picture))
        if not found:
            return Rejection("no face", "none found")
        face = max(found, key=lambda f: f.box[2] - f.box[0])
        if not face.quality.readable:
            return Rejection("no face", f"not readable: {', '.join(face.quality.reasons)}")
        facts = Facts.from_evidence(read(face.crop[None]), pose=tuple(float(v) for v in face.pose))
        extra = record.extra | {"sides": {str(a): s for a, s in facts.sides.items()}, "pose": list(facts.pose),
                                "aus_from": "facenet"}
        if record.emotion is None and record.votes is None:
            extra["emotions"] = dict(facts.emotions)
        return replace(record, aus={a: round(v, 2) for a, v in facts.aus.items()}, extra=extra,
                       valence=_or(record.valence, facts.valence), arousal=_or(record.arousal, facts.arousal))

    return complete


def _or(value: float | None, other: float) -> float:
    return max(-1.0, min(1.0, other)) if value is None else value


def evidence_of(what: str) -> Evidence:
    """The evidence step that a setting names: a file of teachers' labels, or "package.module:function"."""
    if what.endswith(".jsonl"):
        from emoreason.data_pipeline.teach import from_labels

        return from_labels(what)
    return named(what)


def named(what: str) -> Any:
    """The function that "package.module:name" names. Raises UserError when there is none."""
    module, _, name = what.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as e:
        raise UserError(f"{what!r} names no function ({e}); write package.module:name") from None
