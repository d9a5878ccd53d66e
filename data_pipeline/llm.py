"""The explanation engine with a language model as writer: told the annotation, its text verified against it.

Any engine writes (``emoreason.engines``): transformers, vLLM, an OpenAI-compatible server. A text that does not parse,
or that ``filter.check`` refuses, is asked for again with the reason; what still fails is a counted reject.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

from emoreason.asked import Asked
from emoreason.data_pipeline.filter import MUST_NAME, Rejection, check, has_chances
from emoreason.data_pipeline.hooks import facts_of
from emoreason.data_pipeline.job import Writer, Written
from emoreason.errors import UserError
from emoreason.facs import ACTION_UNITS, EMOTIONS, PRESENT
from emoreason.prompts import INSTRUCTION
from emoreason.schema import is_present
from emoreason.sources import Record

BROKEN = 3  # calls that fail one after the other before the build stops
_BODY = re.compile(r"<\s*think\s*>.*<\s*/\s*answer\s*>", re.I | re.S)
RULES = """Rules:
- Name every AU listed at {must:g} or more, each in a sentence of its own closed by its mark, with the listed figure. \
An AU listed as present without a figure gets a mark without one.
- AUs listed as absent may be named as absent where that explains something. Name no AU that is not listed.
- The answer is the listed emotion. The interpretation says how the observations lead there, and what speaks against it.
- {limits}
- Write plain English in your own words; do not copy the names of the AUs. Nothing outside the tags."""


def prompt_of(record: Record, question: str) -> str:
    """What the writer is asked: the form, the annotation, the question, the rules."""
    told, absent = [], []
    for a, v in sorted((record.aus or {}).items()):
        name = f"AU{a} {ACTION_UNITS[a].name}"
        side = (record.extra.get("sides") or {}).get(str(a))
        if is_present(v):
            told.append(name + (" present" if v is None else f" {v:.1f}") + (f" {side}" if side else ""))
        elif v is not None and v < PRESENT / 2:
            absent.append(f"AU{a}")
    lines = ["Present: " + ("; ".join(told) or "nothing") + ".", "Absent: " + (", ".join(absent) or "not coded") + ".",
             f"Emotion: {record.emotion or 'not labelled; conclude what the AUs support'}."]
    if record.valence is not None:
        lines.append(f"Valence {record.valence:.1f}.")
    if record.arousal is not None:
        lines.append(f"Arousal {record.arousal:.1f}.")
    chances = record.votes or record.extra.get("emotions")
    if chances:
        total = sum(chances.values()) or 1.0
        shares = sorted(((v / total, e) for e, v in chances.items() if v), reverse=True)[:3]
        lines.append("Confidence is the share of the answer: " + ", ".join(f"{e} {p:.2f}" for p, e in shares) + ".")
    limits = ["Leave out sides (left, right) that are not listed, and times"]
    if not has_chances(record):
        limits.append("leave out Confidence and every probability")
    limits.append("leave out " + ("Valence and Arousal, and words such as pleasant" if record.valence is None
                                  else "Arousal" if record.arousal is None else "nothing else"))
    rules = RULES.format(must=MUST_NAME, limits="; ".join(limits) + ".")
    return f"{INSTRUCTION}\n\nThis is what a FACS coder noted of one face.\n" + "\n".join(lines) + (
        f"\n\n{rules}\n\nQuestion: {question}")


def writer(complete: Callable[[str], str], name: str, attempts: int = 3, cache: Path | None = None) -> Writer:
    """A writer for ``job.Job``. complete: prompt -> text; name: of the model; attempts: texts a record; cache: where
    answers are kept. Raises UserError when BROKEN calls fail in a row."""
    asked, broken = Asked(complete, name, cache), [0]

    def write(record: Record, rng: random.Random) -> Written | Rejection:
        from emoreason.data_pipeline import explain, questions

        if not record.aus:
            return Rejection("nothing to explain", "no AU is annotated; complete the evidence first")
        if record.emotion is not None and record.emotion not in EMOTIONS:
            return Rejection("nothing to explain", f"the engine does not know {record.emotion}")
        others = frozenset(questions.KINDS) - {"why", "read"}
        question = explain.ask(facts_of(record), rng, others).text
        prompt = prompt_of(record, question)
        why, text = Rejection("writer failed", "no attempt"), ""
        for _ in range(attempts):
            try:
                text = asked(prompt if why.detail == "no attempt" else _again(prompt, text, why))
                broken[0] = 0
            except Exception as e:  # whatever a server, a network or a model may raise
                broken[0] += 1
                if broken[0] >= BROKEN:
                    raise UserError(f"the writer {name} failed {BROKEN} times in a row, last: {type(e).__name__}: "
                                    f"{str(e)[:160]}; mend that and run again: the build goes on") from None
                return Rejection("writer failed", f"{type(e).__name__}: {str(e)[:160]}")
            body = _BODY.search(text)
            text = body.group() if body else text
            found = check(text, record, complete=True)
            if found is None:
                return question, text, True
            why = found
        return Rejection(why.reason, f"{why.detail}; the last of {attempts} attempts", text)

    return write


def _again(prompt: str, text: str, why: Rejection) -> str:
    return (f"{prompt}\n\nYour answer was:\n{text}\n\nIt is refused: {why.reason} ({why.detail}). "
            "Write it again, mended.")
