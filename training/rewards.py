"""Rewards for GRPO: each is a score of ``emoreason.scores`` over a batch, so that the reward is the metric.

A reward takes TRL's keyword arguments (completions and the data's columns) and returns a float, or None where it
does not apply, for each completion.

>>> format_reward(["<think>Interpretation: calm.</think><answer>neutral</answer>", "neutral"])
[1.0, 0.0]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from emoreason import scores
from emoreason.checks import Checked, conclusion, of_one, of_two
from emoreason.clip_checks import check_clip
from emoreason.clips import Clip
from emoreason.consistency import DENIAL
from emoreason.errors import ParseError
from emoreason.schema import Explanation, parse

if TYPE_CHECKING:
    from emoreason.data_pipeline.facts import Facts

Reward = Callable[..., list[float | None]]
LONGEST = 1400  # characters of a completion from which on the length reward is 0
CLEAR = 2.0  # an intensity that an answer cannot pass over while it speaks of other movements


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else completion[0]["content"]


def _question(prompt: Any) -> str:
    """The words of a prompt's last turn, after what was noted of the view before the first."""
    if isinstance(prompt, str):
        return prompt
    texts = [m["content"] if isinstance(m["content"], str) else " ".join(p.get("text") or "" for p in m["content"])
             for m in (prompt[0], prompt[-1])]
    noted = texts[0].rpartition("\n")[0]
    return texts[1] if len(prompt) == 1 or not noted else f"{noted}\n{texts[1]}"


def _parsed(completion: Any) -> Explanation | None:
    try:
        return parse(_text(completion))
    except ParseError:
        return None


def _levels(column: Sequence[str | None]) -> list[dict[int, float] | None]:
    return [None if v is None else {int(a): float(x) for a, x in json.loads(v).items()} for v in column]


@lru_cache(64)
def _clip(course: bytes) -> Clip:
    from emoreason.data_pipeline.clip_talks import unpacked

    return unpacked(course)


def _facts(one: dict[str, Any]) -> Facts:
    from emoreason.data_pipeline.facts import Facts

    aus = {int(a): v for a, v in one["aus"].items()}
    sides = {int(a): side for a, side in one.get("sides", {}).items()}
    return Facts(aus, sides, one["emotions"], one["valence"], pose=tuple(one["pose"]))


def _gaps(view: dict[str, Any]) -> dict[int, float] | None:
    """Right less left of a face's AUs, 1 or -1 where one side is clearly the stronger; None where that is not known."""
    if "sides" not in view:
        return None
    return {int(a): {"right": 1.0, "left": -1.0}.get(view["sides"].get(a), 0.0) for a in view["aus"]}


def over_time(completions: Sequence[Any], course: Sequence[bytes | None] | None,
              prompts: Sequence[Any] | None) -> Iterable[Checked | None]:
    """Each answer about a clip, checked against its course; None for the others."""
    for i, c in enumerate(completions):
        mine = course[i] if course else None
        asked = _question(prompts[i]).rpartition("\n")[2] if prompts else ""
        yield None if mine is None else check_clip(_text(c), _clip(mine), asked)


def format_reward(completions: Sequence[Any], **_: Any) -> list[float | None]:
    """1 for a completion that parses, else 0."""
    return [float(_parsed(c) is not None) for c in completions]


def emotion_reward(completions: Sequence[Any], label: Sequence[str | None], **_: Any) -> list[float | None]:
    """scores.emotion_score against ``label``."""
    return [scores.emotion_score(_parsed(c), gold) for c, gold in zip(completions, label, strict=True)]


def au_reward(completions: Sequence[Any], aus: Sequence[str | None], **_: Any) -> list[float | None]:
    """scores.soft_au_f1 against the true intensities ``aus`` (JSON), where they are known."""
    pairs = zip(completions, _levels(aus), strict=True)
    return [None if gold is None else scores.soft_au_f1(_parsed(c), gold) for c, gold in pairs]


def evidence_reward(completions: Sequence[Any], measured: Sequence[str | None],
                    course: Sequence[bytes | None] | None = None, prompts: Sequence[Any] | None = None,
                    **_: Any) -> list[float | None]:
    """1 minus twice the share of claims that facenet's figures ``measured`` (JSON), of a clip its ``course``
    (``clip_talks.packed``), do not carry; -1 for stray AUs or text that does not parse; 0.5 for no claim at all, and
    at most that where something clearly moves and the answer only says what does not: true denials cost nothing."""
    out: list[float | None] = []
    clips = over_time(completions, course, prompts)
    for c, levels, clip in zip(completions, _levels(measured), clips, strict=True):
        x = _parsed(c)
        if levels is None:
            out.append(None)
        elif x is None or scores.stray_aus(x):
            out.append(-1.0)
        else:
            rate = scores.unsupported_rate(x, levels)
            if clip is not None:
                rate = len(clip.unsupported) / len(x.observations) if x.observations else None
            earned = 0.5 if rate is None else 1.0 - 2.0 * rate
            passed_over = not x.present and max(levels.values(), default=0.0) >= CLEAR
            out.append(min(earned, 0.5) if passed_over else earned)
    return out


def words_reward(completions: Sequence[Any], measured: Sequence[str | None],
                 course: Sequence[bytes | None] | None = None, prompts: Sequence[Any] | None = None,
                 seen: Sequence[str | None] | None = None, **_: Any) -> list[float | None]:
    """1 less a half for each thing that the words say against facenet's figures ``measured`` (JSON), against what else
    it has ``seen`` (JSON of "pose", "sides", "emotions", or for two faces "pair", such and "aus" of each), of a clip
    against its ``course``, against the marks or themselves, or leave out of what was asked (``checks``,
    ``clip_checks``), down to -1; -1 for text that denies its own conclusion or does not parse."""
    out: list[float | None] = []
    none = [None] * len(completions)
    for c, levels, track, prompt, view in zip(completions, measured, course or none, prompts or none, seen or none,
                                              strict=True):
        row = {"measured": levels, "course": track, "prompt": prompt or "", "seen": view}
        found = checked(_text(c), row)
        lost = found.problem is not None or DENIAL in found.slips
        out.append(None if levels is None else -1.0 if lost else max(-1.0, 1.0 - 0.5 * len(found.slips)))
    return out


def checked(text: str, row: Mapping[str, Any]) -> Checked:
    """An answer to a row of talks, checked against what the row knows: prompt, measured, course, seen."""
    if row.get("course") is not None:
        return check_clip(text, _clip(row["course"]), _question(row["prompt"]).rpartition("\n")[2])
    try:
        x = parse(text)
    except ParseError as e:
        return Checked(text, None, str(e))
    levels, view = _levels([row.get("measured")])[0] or {}, json.loads(row.get("seen") or "null") or {}
    question, pair = _question(row["prompt"]), view.get("pair")
    slips = (of_two(text, x, [_facts(one) for one in pair], question) if pair
             else of_one(text, x, levels, view.get("pose"), question, _gaps(view)))
    slips += conclusion(x, [one["emotions"] for one in pair or [view] if "emotions" in one])
    return Checked(text, x, None, tuple(scores.unsupported(x, levels)), tuple(slips))


def agreement_reward(completions: Sequence[Any], abstain: Sequence[bool | None] | None = None,
                     seen: Sequence[str | None] | None = None, **_: Any) -> list[float | None]:
    """scores.agreement: does the conclusion follow from the observations? None where nothing can be concluded, and of
    two faces, whose observations stand in one list."""
    none = [None] * len(completions)
    return [None if away or "pair" in (view or "") else scores.agreement(_parsed(c))
            for c, away, view in zip(completions, abstain or none, seen or none, strict=True)]


def calibration_reward(completions: Sequence[Any], label: Sequence[str | None], **_: Any) -> list[float | None]:
    """scores.calibration of the stated confidence against ``label``."""
    return [scores.calibration(_parsed(c), gold) for c, gold in zip(completions, label, strict=True)]


def abstention_reward(completions: Sequence[Any], abstain: Sequence[bool | None], **_: Any) -> list[float | None]:
    """scores.abstention: concludes nothing exactly where nothing can be concluded."""
    return [None if want is None else scores.abstention(_parsed(c), want)
            for c, want in zip(completions, abstain, strict=True)]


def length_reward(completions: Sequence[Any], **_: Any) -> list[float | None]:
    """1 up to three quarters of LONGEST characters, falling to 0 at LONGEST and on below it, to -10."""
    return [max(-10.0, min(1.0, 4.0 - 4.0 * len(_text(c)) / LONGEST)) for c in completions]


REWARDS: dict[str, Reward] = {
    "format": format_reward, "emotion": emotion_reward, "au": au_reward, "evidence": evidence_reward,
    "words": words_reward,
    "agreement": agreement_reward, "calibration": calibration_reward, "length": length_reward,
    "abstention": abstention_reward,
}
