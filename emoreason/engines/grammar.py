"""The explanation format as a grammar, in the Lark dialect of llguidance (which vLLM reads too).

What follows it parses. With the evidence, no mark can claim what the evidence does not carry: an AU is either given as
present, near its measured intensity, or as absent, after words that deny it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from emoreason.facs import ACTION_UNITS, EMOTIONS
from emoreason.schema import ANSWER_CLOSE, ANSWER_OPEN, THINK_CLOSE, THINK_OPEN
from emoreason.scores import GREY

OBSERVATIONS, WORDS, SENTENCES = 8, 16, 5
TOKENS = 1024  # enough for the longest answer, even one spelled letter by letter

_GRAMMAR = r"""
start: "<think>" observed? "Interpretation: " sentence further{{0,{more}}} share? affect? end
observed: "Key observations: " observation{{1,{observations}}}
observation: {kinds}
present: first (" " word){{2,{words}}} " (" PRESENT "). "
absent: first (" " word){{1,{half}}} " " NO (" " word){{0,{half}}} " (" ABSENT "). "
NO: "no" | "not" | "without"
first[max_tokens=4]: /[A-Z][a-z]*,?/
word[max_tokens=4]: /[a-z][a-z'-]*,?/
sentence[max_tokens=40]: /[A-Z]([^.:<>\n]|\.[0-9])*\./
further[max_tokens=40]: / [A-Z]([^.:<>\n]|\.[0-9])*\./
share: " Confidence: " SHARE "."
affect: " Valence: " AFFECT ". Arousal: " AFFECT "."
end: "</think>" "<answer>" EMOTION "</answer>"
PRESENT: {present}
ABSENT: {absent}
SHARE: /0(\.[0-9][0-9]?)?|1/
AFFECT: /-?0(\.[0-9][0-9]?)?|-?1/
EMOTION: {emotions}
"""


def explanation(levels: Mapping[int, float] | None = None, tolerance: float = 1.0,
                spans: Mapping[int, Sequence[tuple[float, float]]] | None = None) -> str:
    """The grammar of an explanation. levels: AU -> measured intensity 0-5; then a mark names only measured AUs, as
    ``scores.unsupported`` with this tolerance allows. Without, every AU may be claimed, with an intensity. spans: AU ->
    the stretches (onset, offset) in seconds that a mark may give."""
    if levels:
        present = [_near(a, v, tolerance, (spans or {}).get(a, ())) for a, v in sorted(levels.items()) if v >= GREY]
    else:
        present = [rf"/AU{a}, ([0-4]\.[0-9]|5\.0)(, left|, right)?/" for a in ACTION_UNITS]
    absent = [f'"AU{a} absent"' for a, v in sorted((levels or {}).items()) if v < GREY]
    kinds = {"present": present, "absent": absent}
    return _GRAMMAR.format(
        observations=OBSERVATIONS, words=WORDS, half=WORDS // 2, more=SENTENCES - 1,
        kinds=" | ".join(k for k, marks in kinds.items() if marks),
        emotions=" | ".join(f'"{e}"' for e in (*EMOTIONS, "none")),
        **{k: " | ".join(marks) or '"-"' for k, marks in kinds.items()})


def for_tokenizer(grammar: str, marked: Callable[[str], bool]) -> str:
    """The grammar with those tags as tokens that a tokenizer has as tokens of their own (``marked``): llguidance tells
    these from the same letters."""
    for tag in (THINK_OPEN, THINK_CLOSE, ANSWER_OPEN, ANSWER_CLOSE):
        if marked(tag):
            grammar = grammar.replace(f'"{tag}"', tag)
    return grammar


def _near(au: int, level: float, tolerance: float, spans: Sequence[tuple[float, float]]) -> str:
    low, high = max(0.0, level - tolerance), min(5.0, level + tolerance)
    figures = [f"{n / 10:.1f}" for n in range(51) if low <= n / 10 <= high]
    when = f"(, ({_any([f'{a:.2f}-{b:.2f}' for a, b in spans])}) s)?" if spans else ""
    return rf"/AU{au}, ({_any(figures)})(, left|, right)?{when}/"


def _any(figures: Sequence[str]) -> str:
    return "|".join(f.replace(".", r"\.") for f in figures)
