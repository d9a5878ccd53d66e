"""One prediction, whatever form it came in: a row of a predictions file, or a model's raw text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emoreason.errors import ParseError
from emoreason.eval.maps import Maps, unpack
from emoreason.facs import parse_emotions
from emoreason.schema import Explanation, find_aus, parse, split

SHORT = 80  # an answer without tags this long or shorter is read as a label
AusOf = dict[int, float | None]


@dataclass(frozen=True)
class Answer:
    """What a model said of one item.

    output: the raw text; caption; emotions: in order, () for an abstention, None where nothing readable was said;
    aus: AU -> intensity 0-5 or None for present without one, None where AUs were not answered; confidence in [0, 1];
    valence, arousal in [-1, 1]; explanation: the whole, where the text follows our format; evidence: AU -> intensity
    that the model measured, where it says so; maps: where it looked for each AU, where it says so; note: why something
    could not be read.
    """

    output: str | None = None
    caption: str | None = None
    emotions: tuple[str, ...] | None = None
    aus: AusOf | None = None
    confidence: float | None = None
    valence: float | None = None
    arousal: float | None = None
    explanation: Explanation | None = None
    evidence: dict[int, float] | None = None
    maps: Maps | None = None
    note: str = ""

    @property
    def emotion(self) -> str | None:
        return self.emotions[0] if self.emotions else None


def read_answer(row: Mapping[str, Any]) -> Answer:
    """A row {"id", "output"} or {"id", "caption" | "emotion" | "aus" | "confidence" | "valence" | "arousal"}; named
    fields win over what the text says. Never raises: what cannot be read is None, and ``note`` says why."""
    text = row.get("output")
    text = text if isinstance(text, str) else None
    said = _of_text(text) if text is not None else Answer()
    notes = [said.note] if said.note else []
    emotions, aus = said.emotions, said.aus
    if row.get("emotion") is not None:
        emotions, why = _emotions(row["emotion"])
        notes += [why] if why else []
    if row.get("aus") is not None:
        aus, why = _aus(row["aus"])
        notes += [why] if why else []
    numbers = {}
    for name, low in (("confidence", 0.0), ("valence", -1.0), ("arousal", -1.0)):
        numbers[name] = getattr(said, name)
        if row.get(name) is not None:
            numbers[name] = _number(row[name], low, 1.0)
            notes += [f"{name} {str(row[name])[:20]!r} is not in [{low:g}, 1]"] if numbers[name] is None else []
    caption = row.get("caption")
    caption = caption if isinstance(caption, str) else said.caption
    measured = row.get("evidence")
    evidence = None
    if isinstance(measured, Mapping):
        evidence = {int(a): v for a, v in measured.items() if str(a).isdecimal() and isinstance(v, int | float)}
    return Answer(text, caption, emotions, aus, explanation=said.explanation, evidence=evidence,
                  maps=unpack(row.get("maps")), note="; ".join(notes), **numbers)


def _of_text(text: str) -> Answer:
    """An explanation in our format; or, failing that, tagged parts, a bare label, AUs named in running words."""
    try:
        x: Explanation = parse(text)
        return Answer(text, x.interpretation, x.emotions, {a: o.intensity for a, o in x.present.items()}, x.confidence,
                      x.valence, x.arousal, x)
    except ParseError as e:
        why = str(e)
    try:
        label = split(text)[1]
    except ParseError:
        label = text if len(text) <= SHORT else ""
    emotions = None
    if label.strip():
        try:
            emotions = parse_emotions(label)
        except ParseError as e:
            why = str(e)
    present, absent = find_aus(text)
    aus: AusOf | None = dict.fromkeys(sorted(present)) if present or absent else None
    return Answer(text, text, emotions, aus, note="" if emotions is not None and len(text) <= SHORT else why)


def _emotions(value: Any) -> tuple[tuple[str, ...] | None, str]:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    try:
        return parse_emotions(text), ""
    except ParseError as e:
        return None, str(e)


def _aus(value: Any) -> tuple[AusOf | None, str]:
    """AUs as a list [4, "AU12"], a mapping {"4": 2.1}, or text "AU4, AU12"; an intensity of 0 says absent."""
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list | tuple):
        pairs = [(v, None) for v in value]
    else:
        pairs = [(v, None) for v in str(value).replace(",", " ").split()]
    found: AusOf = {}
    for key, level in pairs:
        present, _ = find_aus(f"AU{str(key).strip().upper().removeprefix('AU').lstrip('0')}")
        number = _number(level, 0.0, 5.0) if level is not None else None
        if not present or (level is not None and number is None):
            return None, f"{str(key)[:20]!r}: {str(level)[:20]!r} is no AU of FACS with an intensity of 0-5"
        if number != 0:
            found |= dict.fromkeys(present, number)
    return found, ""


def _number(value: Any, low: float, high: float) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if low <= number <= high else None
