"""``emoreason ask MEDIA... [QUESTION]``: the answer as readable text, as JSON, or as an overlay picture or clip."""

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
    from rich.console import Console

    from emoreason.reason import Answer, Subject

MOST = 20  # movements of a clip that are listed
COMPARING = re.compile(
    r"\b(?:compar|differ|both\b|between\b|than\b|same\b|alike\b|in common|side by side|before and after|the other\b|"
    r"in which\b|which (?:one|of|face|picture|photo|smile|person|look)|who (?:looks|seems|smiles|shows|is more|is less|"
    r"is the)|two (?:faces|pictures|photos|people|looks)|(?:first|second) (?:face|picture|photo|one)|first or|"
    r"face (?:one|two)\b|(?:happi|angri)er|sadder|calmer|stronger|bigger)", re.I)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("media", nargs="+", metavar="MEDIA",
                        help="pictures or clips, then the question if there is one")
    parser.add_argument("--json", action="store_true", help="a JSON list, one object a face")
    parser.add_argument("--model", default="nano",
                        help="nano, a checkpoint folder, hf:NAME, vllm:NAME or openai:MODEL@URL")
    parser.add_argument("--face", metavar="N|all", help="which face, largest first (default: the largest); in a clip, "
                        "by appearance (default: the main character)")
    parser.add_argument("--save-overlay", metavar="OUT.png|OUT.mp4", help="write the picture with box and AU regions; "
                        "of a clip, box, AU bars and timeline, and the AUs' courses as a PNG beside it")


def run(args: argparse.Namespace) -> int:
    """Answer; returns the exit code. Raises UserError for mistakes."""
    paths, question = split_question(args.media)
    face = _face(args.face)
    for path in map(Path, paths):  # before the model is loaded: a wrong name is told at once
        if path.is_dir():
            raise UserError(f"{path} is a folder; name a picture or clip in it")
        if not path.is_file():
            raise UserError(f"{path} not found")
    from emoreason import early

    early.begin(paths[0])
    from emoreason.reason import Reasoner, find_subjects

    subjects = [find_subjects(path, face) for path in paths]
    reasoner = Reasoner.load(args.model)
    subjects = [[reasoner.measured(s) for s in found] for found in subjects]
    comparing = len(paths) == 2 and bool(COMPARING.search(question))
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
    if several:
        name = Path(path)
        path = str(name.with_name(f"{name.stem}_{Path(subject.name).stem}_{subject.index or 0}{name.suffix}"))
    if subject.film is not None:
        from emoreason import film

        written: list[str | Path] = [*film.write(subject, answer, path)]
    else:
        from emoreason import overlay

        overlay.save(overlay.draw(subject, answer), path)
        written = [path]
    print(f"overlay: {' and '.join(map(str, written))}", file=sys.stderr)


def _show(reasoner: object, group: list[Subject], question: str) -> Answer:
    """Print the answer for people."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    who = " and ".join(f"{s.name}, face {s.index}" if s.index else s.name for s in group)
    console.print(Text(f"{who}: {question}", style="bold"))
    for s in group:
        if s.film is not None:
            console.print(Text(_about(s), style="dim"))
    answer = reasoner.answer(group, question)
    x = answer.explanation
    if x is None:
        console.print(answer.text, markup=False)
        console.print(f"(The answer does not follow the format: {answer.problem}.)", markup=False)
        _measured(console, group)
        return answer
    for o in x.observations:
        unit = ACTION_UNITS[o.au]
        level = "absent" if not o.present else "" if o.intensity is None else f"{o.intensity:.1f}"
        filled = round(o.intensity * 2) if o.intensity is not None else 0
        bar = "█" * filled + "░" * (10 - filled) if o.present and o.intensity is not None else ""
        side = "" if o.side == "both" else f" ({o.side})"
        doubt = "  ? not supported by the evidence" if o.au in answer.unsupported else ""
        span = f"{o.span[0]:.1f}-{o.span[1]:.1f} s  " if o.span else ""
        console.print(Text(f"  AU{o.au:<3}{unit.name + side:24}{unit.region:8}{bar:11}{level:7}{span}{o.text}.{doubt}",
                           style="" if o.present else "dim"))
    console.print()
    console.print(x.interpretation, markup=False)
    if x.emotion:
        stated = "" if x.confidence is None else f", confidence {x.confidence:.0%}"
        known = x.valence is not None and x.arousal is not None
        affect = f" (valence {x.valence:+.1f}, arousal {x.arousal:+.1f})" if known else ""
        console.print(Text(f"Looks: {x.emotion}{stated}{affect}", style="bold"))
    if answer.slips:
        slips = "; it ".join(answer.slips)
        console.print(f"(The text is not borne out by what was measured: it {slips}.)", markup=False)
    if answer.slips or answer.unsupported:
        _measured(console, group)
    console.print()
    return answer


def _measured(console: Console, group: list[Subject]) -> None:
    """The movements that were measured in a clip, for where its text does not hold."""
    from rich.text import Text

    for s in group:
        if s.film is None or s.film.clip is None:
            continue
        events = sorted(s.film.clip.events, key=lambda e: -e.peak)
        most = f" (the {MOST} strongest of {len(events)}; --json has all)" if len(events) > MOST else ""
        console.print(Text(f"Measured{most}:" if events else "Measured: no movement."))
        for e in sorted(events[:MOST], key=lambda e: (e.onset, e.au)):
            side = "" if e.side == "both" else f", {e.side}"
            doubt = f"  ? {e.uncertain}" if e.uncertain else ""
            console.print(Text(f"  {e.onset:.1f}-{e.offset:.1f} s  AU{e.au} {ACTION_UNITS[e.au].name}{side}, "
                               f"{e.peak:.1f} at {e.apex:.1f} s{doubt}"))


def _about(subject: Subject) -> str:
    """What the clip is, in a line."""
    film = subject.film
    assert film is not None
    others = [str(t.id) for t in film.scene.tracks if t.id != subject.index]
    more = f"; face{'s' * (len(others) > 1)} {', '.join(others)} too (--face)" if subject.index and others else ""
    gaps = "".join(f", away {a:.1f}-{b:.1f} s" for a, b in film.clip.away) if film.clip else ""
    warning = f"; {film.scene.warning}" if film.scene.warning else ""
    unread = f"; the face cannot be read: {film.unread}" if film.unread else ""
    return f"{film.duration:.1f} s{gaps}{more}{warning}{unread}"
