"""``emoreason ask MEDIA... [QUESTION]``: the answer as readable text, as JSON, or as an overlay picture."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emoreason.errors import UserError
from emoreason.facs import ACTION_UNITS
from emoreason.prompts import DEFAULT_QUESTION

if TYPE_CHECKING:
    from emoreason.reason import Answer, Subject

_COMPARING = re.compile(r"\b(compar|differ|which (?:one|face|of)|both|between|than)", re.I)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("media", nargs="+", metavar="MEDIA", help="pictures, then the question if there is one")
    parser.add_argument("--json", action="store_true", help="a JSON list, one object a face")
    parser.add_argument("--model", default="nano", help="nano or a checkpoint folder")
    parser.add_argument("--face", metavar="N|all", help="which face, largest first (default: the largest)")
    parser.add_argument("--save-overlay", metavar="OUT.png", help="write the picture with box and AU regions")


def run(args: argparse.Namespace) -> int:
    """Answer; returns the exit code. Raises UserError for mistakes."""
    paths, question = split_question(args.media)
    face = _face(args.face)
    for path in map(Path, paths):  # before the model is loaded: a wrong name is told at once
        if path.is_dir():
            raise UserError(f"{path} is a folder; name a picture in it")
        if not path.is_file():
            raise UserError(f"{path} not found")
    from emoreason.reason import Reasoner, find_subjects

    subjects = [find_subjects(path, face) for path in paths]
    reasoner = Reasoner.load(args.model)
    comparing = len(paths) == 2 and bool(_COMPARING.search(question))
    groups = [[s[0] for s in subjects]] if comparing else [[s] for found in subjects for s in found]
    answers = []
    for group in groups:
        answers.append(reasoner.answer(group, question) if args.json else _show(reasoner, group, question))
        if args.save_overlay:
            _overlay(args.save_overlay, group[0], answers[-1], len(groups) > 1)
    if args.json:
        print(json.dumps([a.to_dict() for a in answers], indent=1, ensure_ascii=False))
    return 0


def split_question(words: list[str]) -> tuple[list[str], str]:
    """(media, question): the last argument is the question when it is no file and does not look like one."""
    *first, last = words
    looks_like_file = bool(re.search(r"\.\w{2,4}$|[/\\]", last)) and " " not in last.strip()
    if Path(last).exists() or looks_like_file:
        return words, DEFAULT_QUESTION
    if not first:
        raise UserError(f"no picture given, only {last!r}; use: emoreason ask PICTURE {last!r}")
    return first, last


def _face(value: str | None) -> int | str | None:
    if value is None or value == "all":
        return value
    if not value.isdigit() or int(value) < 1:
        raise UserError(f"--face {value}: give a number from 1 (the largest) or all")
    return int(value)


def _overlay(path: str, subject: Subject, answer: Answer, several: bool) -> None:
    from emoreason import overlay

    if several:
        name = Path(path)
        path = str(name.with_name(f"{name.stem}_{Path(subject.name).stem}_{subject.index or 0}{name.suffix}"))
    overlay.save(overlay.draw(subject, answer), path)
    print(f"overlay: {path}", file=sys.stderr)


def _show(reasoner: object, group: list[Subject], question: str) -> Answer:
    """Print the answer for people."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    who = " and ".join(f"{s.name}, face {s.index}" if s.index else s.name for s in group)
    console.print(Text(f"{who}: {question}", style="bold"))
    answer = reasoner.answer(group, question)
    x = answer.explanation
    if x is None:
        console.print(answer.text, markup=False)
        console.print(f"(The answer does not follow the format: {answer.problem}.)", markup=False)
        return answer
    for o in x.observations:
        unit = ACTION_UNITS[o.au]
        level = "absent" if not o.present else "" if o.intensity is None else f"{o.intensity:.1f}"
        filled = round(o.intensity * 2) if o.intensity is not None else 0
        bar = "█" * filled + "░" * (10 - filled) if o.present and o.intensity is not None else ""
        side = "" if o.side == "both" else f" ({o.side})"
        doubt = "  ? not supported by the evidence" if o.au in answer.unsupported else ""
        console.print(Text(f"  AU{o.au:<3}{unit.name + side:24}{unit.region:8}{bar:11}{level:7}{o.text}.{doubt}",
                           style="" if o.present else "dim"))
    console.print()
    console.print(x.interpretation, markup=False)
    if x.emotion:
        stated = "" if x.confidence is None else f", confidence {x.confidence:.0%}"
        known = x.valence is not None and x.arousal is not None
        affect = f" (valence {x.valence:+.1f}, arousal {x.arousal:+.1f})" if known else ""
        console.print(Text(f"Looks: {x.emotion}{stated}{affect}", style="bold"))
    console.print()
    return answer
