"""The evaluate tab: two files of predictions on the same clips, scored by the FEC-Bench task and compared in pairs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from emoreason import sources
from emoreason.errors import UserError
from emoreason.eval import fec_bench, stats
from emoreason.eval.answers import read_answer
from emoreason.eval.events import parse_events
from emoreason.eval.tem import Match, match
from emoreason.sources import Record

ROUNDS = 300  # bootstrap resamples
SHOWN = ("tem", "autodq", "cider", "rouge_l", "bleu_4", "order", "contradicted")
LOWER = ("contradicted",)  # metrics of which less is better
EXTREMES = 5  # clips listed on which the two differ most
Step = Callable[[float, str], None]


@dataclass(frozen=True)
class Scored:
    """One file on the clips that both files answer: captions, word scores and events of each."""

    captions: list[str]
    words: dict[str, np.ndarray]
    matches: list[Match]
    events: np.ndarray


def compare(data: str, first: str, second: str, names: tuple[str, str] = ("first", "second"),
            step: Step = lambda share, what: None) -> dict[str, Any]:
    """Score two files of predictions against the references ``data`` (FEC-Bench's test.json).

    Returns n (clips that both answer), missing (clips that only one or none answers), rows: for each metric its name,
    the two values, their difference first - second with a 95% interval of the paired bootstrap, floor; apart: the clips
    on which TEM differs most. Raises UserError for a file that cannot be used.
    """
    step(0.02, "reading the files")
    records = _references(data)
    answers = [_predictions(path, name, records) for path, name in zip((first, second), names, strict=True)]
    both = [r for r in records if all(r.id in a for a in answers)]
    if len(both) < 2:
        raise UserError(f"only {len(both)} of {len(records)} clips are answered by both files; their ids must be "
                        f"those of "
                        f"the references, such as {records[0].id!r}")
    references = [r.caption or "" for r in both]
    parsed = [parse_events(r) for r in references]
    scored = []
    for k, found in enumerate(answers):
        step(0.1 + 0.3 * k, f"scoring {names[k]}")
        scored.append(_score([found[r.id] for r in both], references, parsed))
    step(0.7, "comparing in pairs")

    def metric(at: np.ndarray) -> dict[str, float | None]:
        out: dict[str, float | None] = {}
        values = [fec_bench.corpus_scores(s.words, s.events, at) for s in scored]
        for name in SHOWN:
            a, b = (v.get(name) for v in values)
            out |= {f"{name}/a": a, f"{name}/b": b, f"{name}/d": None if a is None or b is None else a - b}
        return out

    found = stats.bootstrap(metric, len(both), 0, ROUNDS)
    floor = fec_bench.floor_of(references, parsed)
    step(1.0, "done")
    rows = [{"metric": name, "first": found[f"{name}/a"], "second": found[f"{name}/b"],
             "difference": found[f"{name}/d"], "floor": floor.get(name)} for name in SHOWN if f"{name}/d" in found]
    return {"names": list(names), "n": len(both), "missing": len(records) - len(both), "rows": rows,
            "apart": _apart(both, scored)}


def _references(path: str) -> list[Record]:
    try:
        found = [r for r in sources.read("fec_bench", Path(path)) if isinstance(r, Record) and r.caption]
    except UserError as e:
        raise UserError(f"the references cannot be read: {str(e).replace(path, 'the file')}") from None
    if not found:
        raise UserError("the references hold no captions: give FEC-Bench's test.json")
    return list({r.id: r for r in found}.values())


def _predictions(path: str, name: str, records: Sequence[Record]) -> dict[str, str]:
    """id -> caption."""
    known, out = {r.id for r in records}, {}
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{name} is no text file: give JSON lines with id and caption") from None
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and str(row.get("id")) in known and "error" not in row:
            out[str(row["id"])] = read_answer(row).caption or ""
    if not out:
        raise UserError(f"{name} has no prediction for any of the references: it must have a JSON object a line, "
                        f"with id "
                        f"(such as {records[0].id!r}) and caption")
    return out


def _score(captions: list[str], references: list[str], parsed: list) -> Scored:
    matches = [match(parse_events(c), p) for c, p in zip(captions, parsed, strict=True)]
    return Scored(captions, fec_bench.word_scores(captions, references), matches, fec_bench.event_table(matches))


def _apart(records: Sequence[Record], scored: Sequence[Scored]) -> list[dict[str, Any]]:
    gaps = [(a.tem or 0.0) - (b.tem or 0.0) for a, b in zip(scored[0].matches, scored[1].matches, strict=True)]
    order = sorted(range(len(gaps)), key=lambda i: -abs(gaps[i]))[:EXTREMES]
    return [{"id": records[i].id, "difference": gaps[i], "reference": records[i].caption,
             "first": scored[0].captions[i], "second": scored[1].captions[i]} for i in order if gaps[i]]


def report(found: dict[str, Any]) -> str:
    """The comparison as HTML."""
    a, b = (escape(n) for n in found["names"])
    body = "".join(_line(r) for r in found["rows"])
    missing = f" {found['missing']} clips that not both answer are left out." if found["missing"] else ""
    cards = "".join(
        f'<details><summary>clip {escape(c["id"])}: {a if c["difference"] > 0 else b} ahead by '
        f'{abs(c["difference"]):.2f} TEM'
        f'</summary><dl><dt>reference</dt><dd>{escape(c["reference"])}</dd><dt>{a}</dt><dd>{escape(c["first"])}</dd>'
        f'<dt>{b}</dt><dd>{escape(c["second"])}</dd></dl></details>' for c in found["apart"])
    return (f'<section class="er-versus"><p>{found["n"]} clips answered by both.{missing}</p><div class="er-scroll">'
            f'<table>'
            f"<thead><tr><th>metric</th><th>{a}</th><th>{b}</th><th>difference, 95% interval</th><th>floor</th><th>"
            f"</th></tr>"
            f'</thead><tbody>{body}</tbody></table></div><p class="er-note">Intervals: bootstrap over clips, the '
            f'same resamples '
            "for both. The floor is the caption of the next clip taken for this one; word overlap rewards the "
            "template, so "
            f"look at TEM first.</p>{'<h3>Where they differ most</h3>' + cards if cards else ''}</section>")


def _line(r: dict[str, Any]) -> str:
    d = r["difference"]
    clear = d["low"] > 0 or d["high"] < 0
    ahead = (d["value"] > 0) != (r["metric"] in LOWER)
    verdict = ("first better" if ahead else "second better") if clear else "no clear difference"
    floor = "-" if r["floor"] is None else f"{r['floor']:.3f}"
    return (f'<tr class="{"er-clear" if clear else ""}"><td>{r["metric"]}</td><td>{r["first"]["value"]:.3f}</td><td>'
            f'{r["second"]["value"]:.3f}</td><td>{d["value"]:+.3f} [{d["low"]:+.3f}, {d["high"]:+.3f}]</td>'
            f'<td>{floor}</td>'
            f"<td>{verdict}</td></tr>")
