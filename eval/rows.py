"""Files of predictions: JSON lines with an id, whoever wrote them, and our own as a run leaves them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from emoreason.errors import UserError

Rows = dict[str, dict[str, Any]]


def row_of(line: str) -> dict[str, Any] | None:
    """The JSON object of a line, its id as text; None for anything else, such as a line cut off by a kill."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(row, dict) or isinstance(row.get("id"), bool | list | dict) or row.get("id") in (None, ""):
        return None
    return row | {"id": str(row["id"])}


def lines_of(path: Path) -> list[str]:
    """The lines that are not blank: broken at line feeds alone, since the answers of models may hold any other sign
    that Unicode breaks lines at. Raises UserError for what is no UTF-8 text."""
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    except UnicodeDecodeError as e:
        raise UserError(f"{path} is not UTF-8 text ({e.reason}); convert it first") from None
    except OSError as e:
        raise UserError(f"{path} cannot be read ({e.strerror}); give a jsonl file with id and caption, emotion, aus or "
                        "output") from None


def kept(path: Path) -> Rows:
    """id -> row of what an earlier run has written, without its failures; {} where there is nothing."""
    lines = lines_of(path) if path.exists() else []
    return {row["id"]: row for line in lines if (row := row_of(line)) and "error" not in row}


def predictions(path: Path, wanted: Collection[str], fields: Iterable[str]) -> tuple[Rows, list[str]]:
    """id -> row of a file of predictions, and what a reader of the report should know about it.

    wanted: the ids that are scored; fields: what the task reads. A row with none of them is as good as missing: its
    ``error`` says so. Where an id comes again, its last row counts. Raises UserError for a file without a row that
    could be scored.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist; give a jsonl file with id and caption, emotion, aus or output")
    lines, fields = lines_of(path), tuple(fields)
    found = [row for line in lines if (row := row_of(line))]
    rows = {row["id"]: row for row in found}
    if not rows:
        what = f"none of its {len(lines)} lines is a JSON object with an id" if lines else "it is empty"
        raise UserError(f"{path} has no prediction for any item: {what}; write one object a line, such as "
                        f'{{"id": "{next(iter(wanted))}", "{fields[0]}": …}}')
    if not set(wanted) & set(rows):
        raise UserError(f"{path} has no prediction for any item; the data has ids such as {next(iter(wanted))!r}, the "
                        f"file {next(iter(rows))!r}")
    without = [i for i in wanted if i in rows and not set(fields) & set(rows[i])]
    if len(without) == len(set(wanted) & set(rows)):
        named = ", ".join(sorted(set(rows[without[0]]) - {"id"})) or "nothing else"
        raise UserError(f"no prediction in {path} has one of {', '.join(fields)}; the first has {named}")
    for i in without:
        rows[i] = {"id": i, "error": f"the prediction has none of {', '.join(fields)}"}
    counts = ((len(lines) - len(found), "lines of the predictions are no JSON object with an id."),
              (len(found) - len(rows), "predictions are for an id that has one already: the last one counts."),
              (len(set(rows) - set(wanted)), "predictions are for items that were not scored."))
    return rows, [f"{n} {what}" for n, what in counts if n]
