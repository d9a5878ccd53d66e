"""What cheats earn, under Facial-R1's formula and under ours: ``python tools/cheats.py`` prints the table.

A face that looks sad, but not as the book has it: the brows are knitted and the lip corners lowered, the inner brows
stay down. ``FACE`` is both what was measured and what is true.
"""

from __future__ import annotations

import json
import re

from emoreason.facs import MEASURED_AUS
from emoreason.schema import Explanation, Observation, render
from emoreason.training.grpo import WEIGHTS
from emoreason.training.rewards import REWARDS

LABEL = "sadness"
FACE = {a: 0.0 for a in MEASURED_AUS} | {4: 2.2, 15: 2.4, 17: 1.8}


def explain(aus: dict[int, float], emotion: str | None = LABEL, confidence: float = 0.7,
            interpretation: str = "It looks sad.", absent: tuple[int, ...] = ()) -> str:
    """The text of an answer that claims ``aus`` (AU -> intensity) and denies ``absent``."""
    seen = tuple(Observation(a, v, text="it moves") for a, v in aus.items())
    seen += tuple(Observation(a, present=False, text="it does not move") for a in absent)
    return render(Explanation(seen, interpretation, emotion, confidence))


HONEST = {
    "honest": explain({4: 2.1, 15: 2.4, 17: 1.7}, absent=(12,)),
    "honest, one AU wrong": explain({4: 2.1, 15: 2.4, 17: 1.7, 1: 1.5}),
    "honest, one AU forgotten": explain({4: 2.1, 15: 2.4}),
}
CHEATS = {
    "all AUs": explain({a: 2.5 for a in MEASURED_AUS}),
    "prototype AUs of the label": explain({1: 3.0, 4: 3.0, 6: 3.0, 11: 3.0, 15: 3.0, 17: 3.0}),
    "the label's pattern, nothing else": explain({1: 3.0, 4: 3.0, 15: 3.0}),
    "prototype of another emotion": explain({4: 3.0, 5: 3.0, 7: 3.0, 23: 3.0}),
    "the label alone": "<think>Interpretation: It looks sad.</think><answer>sadness</answer>",
    "empty thinking": "<think></think><answer>sadness</answer>",
    "contradiction": explain({6: 3.0, 12: 4.0}),
    "repeated tags": HONEST["honest"] + "<answer>sadness</answer>",
    "tags within tags": f"<think>{HONEST['honest']}</think><answer>sadness</answer>",
    "negated AUs": explain({}, absent=(4, 15, 17)),
    "true denials alone": explain({}, absent=(6, 9, 12)),
    "AUs in the interpretation": explain({4: 2.2}, interpretation="It looks sad; AU15, AU17, AU28 and AU43 show."),
    "an AU that does not exist": HONEST["honest"].replace("AU15", "AU99"),
    "prompt echo": "<|user|>Why does this face look sad? Answer with AU4, AU15, AU17.",
    "no tags": "AU4 AU15 AU17 sadness",
    "refuses to answer": explain({}, None, interpretation="I cannot say."),
    "every emotion named, the label first": explain(
        {4: 2.1, 15: 2.4, 17: 1.7}, "sadness, anger, fear, disgust, contempt, surprise",
        interpretation="It looks mixed."),
    "wrong name, all confidence": explain({4: 2.1, 15: 2.4, 17: 1.7}, "anger", 1.0, "It looks angry."),
    "words without end": explain({4: 2.1}, interpretation="It looks sad. " * 200),
}


def facial_r1(text: str, label: str = LABEL, face: dict[int, float] | None = None) -> float:
    """Facial-R1's reward, written from its published formula: 2 F1 - 1 of the AU numbers in the first think block
    (-1 without any), 1 for the label in the last answer tag, 1 for the form."""
    gold = {a for a, v in (FACE if face is None else face).items() if v >= 1}
    think = re.search(r"<think>(.*?)</think>", text, re.S)
    named = {int(n) for n in re.findall(r"AU(\d+)", think.group(1).upper())} if think else set()
    f1 = 2 * len(named & gold) / (len(named) + len(gold)) if named else 0.0
    said = re.findall(r"<answer>(.*?)</answer>", text, re.S)
    hit = (said[-1].strip() if said else text.strip()) == label
    form = re.fullmatch(r"<think>.*?</think>\s*<answer>.*?</answer>", text.strip(), re.S) is not None
    return (2 * f1 - 1) + float(hit) + float(form)


def ours(text: str, label: str | None = LABEL, face: dict[int, float] | None = None) -> float:
    """The weighted sum that GRPO here sees, rewards that do not apply left out."""
    levels = [json.dumps({str(a): v for a, v in (FACE if face is None else face).items()})]
    columns = {"label": [label], "aus": levels, "measured": levels, "abstain": [False]}
    return sum(w * (REWARDS[name]([text], **columns)[0] or 0.0) for name, w in WEIGHTS.items())


def main() -> None:
    """Print the table; a cheat that earns at least as much as an honest answer with a mistake is marked."""
    bars = [min(reward(HONEST[k]) for k in HONEST) for reward in (facial_r1, ours)]
    print("| answer | Facial-R1 | ours |\n|---|---|---|")
    for name, text in {**HONEST, **CHEATS}.items():
        marks = ["**" if name in CHEATS and reward(text) >= bar else ""
                 for reward, bar in zip((facial_r1, ours), bars, strict=True)]
        print(f"| {name} | {marks[0]}{facial_r1(text):.2f}{marks[0]} | {marks[1]}{ours(text):.2f}{marks[1]} |")


if __name__ == "__main__":
    main()
