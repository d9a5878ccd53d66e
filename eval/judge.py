"""A language model as judge: pinned prompts with hashes, answers cached on disk, failures unscored.

A judge is any callable ``complete(prompt: str) -> str``. The prompts are ours: AutoDQ's two steps (Tarsier,
arXiv:2407.00634) put to facial movement, and the criteria of Video-ChatGPT's four scores (Maaz et al., 2023), 0-5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emoreason.asked import Asked, sha
from emoreason.eval.tem import CONTRADICTED, ENTAILED, Match, from_relations

EVENTS = """You read a description of a clip of a face. List the facial events it tells, in the order told.
An event is one movement or momentary state of head, brows, forehead, eyes, gaze, nose, cheeks, mouth, lips, teeth, \
tongue, chin or jaw, or speaking starting or stopping. Write each in at most ten words, with the part, the movement \
and its direction; split sentences that tell several; replace pronouns by "the person". Leave out looks that last \
(hair, skin, clothes, shape of the features) and what the movements may mean.
Answer with a JSON array of strings and nothing else.

Description:
{text}"""

RELATIONS = """Two lists of facial events, A and B, describe the same clip. For each event of A say which events of B \
it entails (they must be true if it is: same part, same movement, same direction) and which it contradicts (they \
cannot both be true of that moment). Events that are merely different are neither. Slight and strong degrees of one \
movement entail each other unless stated as opposites. An event at the beginning is not one at the end.
Answer with a JSON object that has each number of A as a key and nothing else, for instance
{{"1": {{"entails": [2], "contradicts": []}}, "2": {{"entails": [], "contradicts": [1]}}}}

A:
{a}

B:
{b}"""

CRITERIA = {
    "correctness": "whether the facts in the prediction agree with the reference, without anything wrong added",
    "detail": "whether the prediction covers all that the reference tells, in as specific words",
    "context": "whether the prediction fits the overall course and meaning of the reference",
    "temporal": "whether the prediction tells the events in the order of the reference",
}
SCORE = """Compare a predicted description of a clip of a face with the reference. Judge one thing: {criterion}. \
Other words for the same movement are as good as the same words.

Reference:
{reference}

Prediction:
{prediction}

Answer with a JSON object and nothing else: {{"score": N}}, N a whole number from 0 (not at all) to 5 (fully)."""

AGREEMENT = """Rate how far the predicted analysis of a facial expression agrees with the reference analysis in the \
movements it names and in what it concludes, from 1 (not at all) to 10 (fully).

Reference:
{reference}

Prediction:
{prediction}

Answer with a JSON object and nothing else: {{"score": N}}, N a whole number from 1 to 10."""


class JudgeError(Exception):
    """The judge gave no usable answer; the item goes unscored with this reason."""


class Judge:
    """Asks ``complete`` once for each prompt; answers are kept in ``cache`` (JSON lines), keyed by name and prompt."""

    def __init__(self, complete: Callable[[str], str], name: str, cache: Path | None = None) -> None:
        self.name, self.asked = name, Asked(complete, name, cache)

    def ask(self, prompt: str) -> str:
        """The judge's answer. Raises JudgeError when it fails."""
        try:
            return self.asked(prompt)
        except Exception as e:  # whatever a server, a network or a model may raise
            raise JudgeError(f"the judge failed: {type(e).__name__}: {str(e)[:120]}") from e

    def events(self, text: str) -> list[str]:
        """The events of a description, in order. [] for an empty text, without asking."""
        if not text.strip():
            return []
        found = _json(self.ask(EVENTS.format(text=text)), "[", "]")
        if not isinstance(found, list) or not all(isinstance(e, str) for e in found):
            raise JudgeError("the judge's events are not a list of texts")
        return [e.strip() for e in found if e.strip()]

    def match(self, prediction: str, reference: str) -> Match:
        """AutoDQ and TEM of one item by this judge: events of both texts, relations in both directions."""
        ours, theirs = self.events(prediction), self.events(reference)
        if not ours or not theirs:
            return from_relations(np.zeros((len(ours), len(theirs)), int), np.zeros((len(ours), len(theirs)), int))
        return from_relations(self._relations(ours, theirs), self._relations(theirs, ours).T)

    def _relations(self, a: Sequence[str], b: Sequence[str]) -> np.ndarray:
        listed = ["\n".join(f"{i}. {e}" for i, e in enumerate(events, 1)) for events in (a, b)]
        found = _json(self.ask(RELATIONS.format(a=listed[0], b=listed[1])), "{", "}")
        table = np.zeros((len(a), len(b)), int)
        try:
            for i in range(len(a)):
                said = found[str(i + 1)]
                for value, name in ((CONTRADICTED, "contradicts"), (ENTAILED, "entails")):
                    for j in said.get(name, []):
                        if not 1 <= int(j) <= len(b):
                            raise JudgeError(f"the judge names event {j} of {len(b)}")
                        table[i, int(j) - 1] = value
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise JudgeError(f"the judge's relations are incomplete: {type(e).__name__} {e}") from None
        return table

    def score(self, template: str, low: int, high: int, **texts: str) -> float:
        """The number in {"score": N}."""
        found = _json(self.ask(template.format(**texts)), "{", "}")
        value = found.get("score") if isinstance(found, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise JudgeError(f"the judge's score {value!r} is not in {low}-{high}")
        return float(value)


def hashes(*templates: tuple[str, str]) -> dict[str, str]:
    """name -> SHA-256 of a prompt template."""
    return {name: sha(template) for name, template in templates}


def _json(text: str, opening: str, closing: str) -> Any:
    """The JSON value between the first opening and the last closing bracket, whatever stands around it."""
    found = re.search(re.escape(opening) + ".*" + re.escape(closing), text, re.S)
    try:
        return json.loads(found.group()) if found else None
    except json.JSONDecodeError:
        raise JudgeError(f"the judge's answer is no JSON: {text.strip()[:60]!r}") from None
