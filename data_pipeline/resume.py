"""Going on where a run was stopped: a folder with its settings and a JSONL file of rows, one for each "id"."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emoreason.errors import UserError


def go_on(about: Path, rows: Path, settings: Mapping[str, Any], command: str) -> dict[str, dict[str, Any]]:
    """The rows of an earlier run of ``command`` by their ids, a torn last line cut off; the folder is made where it is
    missing. about, rows: the files of the settings and of the rows. Raises UserError for a folder that was begun with
    other settings, or holds something else."""
    folder, wanted = about.parent, json.loads(json.dumps(settings))
    folder.mkdir(parents=True, exist_ok=True)
    if about.exists():
        before = json.loads(about.read_text(encoding="utf-8"))
        other = [k for k in wanted if before.get(k) != wanted[k]]
        if other:
            raise UserError(f"{folder} was begun with {other[0]} = {before.get(other[0])!r}, now it is "
                            f"{wanted[other[0]]!r}; take the same settings to go on, or another folder")
    elif any(folder.iterdir()):
        raise UserError(f"{folder} is not empty and no run of {command}; take a new folder")
    about.write_text(json.dumps(wanted) + "\n", encoding="utf-8")
    done = {row["id"]: row for row in read(rows)} if rows.exists() else {}
    rows.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in done.values()), encoding="utf-8")
    return done


def read(rows: Path) -> Iterator[dict[str, Any]]:
    """The whole rows of a file that have an id."""
    for line in rows.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # cut off by a kill
            continue
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            yield row
