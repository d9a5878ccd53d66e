"""`emoreason data synth`: synthetic faces and clips with exact labels, in parallel, resumed after a kill.

Item i depends on (seed, i) alone, whatever the number of workers and however often a run was stopped.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from emoreason.data_pipeline import ict, pairs
from emoreason.data_pipeline.studio import SHARED, Studio, sample, studio
from emoreason.errors import UserError

__all__ = ["Studio", "sample", "studio", "add_arguments", "run", "main", "generate"]
LABELS, SETTINGS, SHEET = "labels.jsonl", "synth.json", "contact.jpg"
VERSION = 1  # of the look: a folder is not continued with another
_worker: dict[str, Studio] = {}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("-n", type=int, required=True, metavar="N", help="how many pictures (clips, pairs)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument("--size", type=int, default=224, help="side of a picture in pixels, 32-1024 (default: 224)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips", action="store_true", help="mp4 clips of 2-6 s instead of pictures")
    parser.add_argument("--pairs", choices=(*pairs.KINDS, "both"),
                        help="pairs that differ in one thing: an AU switched on or off, its region covered, or both in "
                             "turn; -n counts pairs")
    parser.add_argument("--face-model", metavar="PATH",
                        help="the ICT face model, ict_face.npz (default: $EMOREASON_FACE_MODEL)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--no-progress", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Run the command; 0 when every item was made. Raises UserError for impossible settings."""
    done = generate(args.n, args.output, size=args.size, seed=args.seed, clips=args.clips, face_model=args.face_model,
                    workers=args.workers, progress=not args.no_progress, pairs_of=args.pairs)
    failed = sum("error" in row for row in done)
    kind = "clips" if args.clips else "pictures"
    print(f"{len(done) - failed} {kind} in {args.output}, labels in {args.output / LABELS}"
          + (f"; {failed} failed, see their rows" if failed else ""))
    return 1 if failed else 0


def main(argv: list[str] | None = None) -> int:
    """The command by itself: ``main(["-n", "100", "-o", "faces", "--face-model", "ict_face.npz"])``."""
    parser = argparse.ArgumentParser(prog="emoreason data synth", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))


def generate(n: int, output: Path, size: int = 224, seed: int = 0, clips: bool = False,
             face_model: str | Path | None = None, workers: int = 2, progress: bool = True,
             pairs_of: str | None = None) -> list[dict]:
    """Write n pictures (images/0000000.jpg), clips (clips/0000000.mp4) or pairs (images/0000000a.jpg, ...b.jpg;
    ``pairs_of``: a kind of pairs.KINDS, or "both"), labels.jsonl and a contact sheet.

    Returns the rows, in order. A folder with the same settings is continued, also with a larger n; an item that fails
    is a row with "error". Raises UserError for impossible settings or a folder made with other ones.
    """
    if n < 1 or workers < 1 or seed < 0:
        raise UserError(f"-n and --workers must be at least 1 and --seed at least 0, got {n}, {workers} and {seed}")
    if not 32 <= size <= 1024:
        raise UserError(f"--size must lie between 32 and 1024 pixels, got {size}")
    if clips and pairs_of:
        raise UserError("--pairs are pictures: leave out --clips")
    model = ict.find(face_model)
    folder = "clips" if clips else "images"
    (output / folder).mkdir(parents=True, exist_ok=True)
    _check_settings(output, {"version": VERSION, "size": size, "seed": seed, "clips": clips, "pairs": pairs_of})
    rows = _finished(output, 2 if pairs_of else 1)
    missing = [i for i in range(n) if i not in rows]
    kind = "clips" if clips else pairs_of or "pictures"
    tasks = list(_tasks(missing, 1 if clips else SHARED, output, size, seed, kind))
    if tasks:
        from tqdm import tqdm

        unit = "clip" if clips else "pair" if pairs_of else "picture"
        bar = tqdm(total=n, initial=n - len(missing), unit=unit, disable=not progress)
        first, drawn = range(min(n, 48)), False
        with open(output / LABELS, "a", encoding="utf-8") as file, bar:
            for made in _spread(tasks, str(model), workers):
                for i, found in made:
                    rows[i] = found
                    file.write(_lines(found))
                file.flush()
                bar.update(len(made))
                if not drawn and all(i in rows for i in first):  # a long run can be looked at while it goes on
                    _contact_sheet(output, [row for i in first for row in rows[i]][:48])
                    drawn = True
        _write(output / LABELS, "".join(_lines(rows[i]) for i in sorted(rows)))
    return [row for i in range(n) for row in rows[i]]


def _lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _check_settings(output: Path, wanted: dict) -> None:
    file = output / SETTINGS
    if not file.exists():
        if (output / LABELS).exists():
            raise UserError(f"{output} holds a {LABELS} without {SETTINGS}: give another folder")
        _write(file, json.dumps(wanted) + "\n")
        return
    found = json.loads(file.read_text(encoding="utf-8"))
    other = [f"{k} {found.get(k)} (now {v})" for k, v in wanted.items() if found.get(k) != v]
    if other:
        raise UserError(f"{output} was made with {', '.join(other)}: give another folder or the same settings")


def _finished(output: Path, together: int) -> dict[int, list[dict]]:
    """The rows already written, ``together`` an item; a torn last line, rows whose file is gone and what is left of
    their items are dropped, failed ones tried again."""
    rows: dict[int, list[dict]] = {}
    file = output / LABELS
    if not file.exists():
        return rows
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if "error" not in row and (output / row["file"]).is_file():
            rows.setdefault(int(Path(row["file"]).stem.rstrip("ab")), []).append(row)
    rows = {i: found for i, found in rows.items() if len(found) == together}
    _write(file, "".join(_lines(rows[i]) for i in sorted(rows)))
    return rows


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _tasks(missing: list[int], together: int, *rest: object) -> Iterator[tuple]:
    """Items of one person go to one worker."""
    group: list[int] = []
    for i in missing:
        if group and i // together != group[0] // together:
            yield (group, *rest)
            group = []
        group.append(i)
    if group:
        yield (group, *rest)


def _spread(tasks: list[tuple], model: str, workers: int) -> Iterator[list[tuple[int, list[dict]]]]:
    if workers == 1 or len(tasks) == 1:
        _start(model, False)
        yield from map(_make, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(workers, len(tasks)), _start, (model, True)) as pool:
        yield from pool.imap(_make, tasks)


def _start(model: str, alone: bool) -> None:
    if alone:
        cv2.setNumThreads(1)
    _worker["studio"] = studio(model)


def _make(task: tuple) -> list[tuple[int, list[dict]]]:
    items, output, size, seed, kind = task
    made = []
    for i in items:
        name = f"clips/{i:07d}.mp4" if kind == "clips" else f"images/{i:07d}.jpg"
        try:
            rows = _item(i, name, output, size, seed, kind)
        except Exception as error:  # a failed item is a row, and the run goes on
            rows = [{"file": name, "error": f"{type(error).__name__}: {error}"}]
        made.append((i, rows))
    return made


def _item(i: int, name: str, output: Path, size: int, seed: int, kind: str) -> list[dict]:
    """Make item i and write its files; its rows."""
    if kind == "clips":
        from emoreason.data_pipeline import clip

        images, times, row = clip.sample_clip(_worker["studio"], seed, i, size)
        clip.write(output / name, images, times)
        return [{"file": name, **row}]
    if kind == "pictures":
        image, row = sample(_worker["studio"], seed, i, size)
        _picture(output / name, image)
        return [{"file": name, **row}]
    rows = []
    kinds = pairs.KINDS if kind == "both" else (kind,)
    for letter, (image, row) in zip("ab", pairs.sample_pair(_worker["studio"], seed, i, size, kinds), strict=True):
        file = name.replace(".jpg", f"{letter}.jpg")
        _picture(output / file, image)
        rows.append({"file": file, **row})
    return rows


def _picture(path: Path, image: np.ndarray) -> None:
    if not cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95]):
        raise OSError(f"cannot write {path}")


def _contact_sheet(output: Path, rows: list[dict]) -> None:
    """The first items in one picture, each with its emotion and AUs."""
    cells = []
    for row in rows:
        if "error" in row:
            continue
        image = _still(output / row["file"], row.get("apex_time"))
        cell = np.zeros((176, 160, 3), np.uint8)
        cell[:160] = cv2.resize(image, (160, 160), interpolation=cv2.INTER_AREA)
        present = "+".join(a for a, v in row["aus"].items() if v >= 1)
        change = "".join(f" {name[:3]}{row[name]}" for name in ("switched", "occluded") if name in row)
        cv2.putText(cell, f"{(row['emotion'] or '?')[:9]} {present}{change}", (2, 172), cv2.FONT_HERSHEY_SIMPLEX, 0.32,
                    (255, 255, 255), 1, cv2.LINE_AA)
        cells.append(cell)
    if not cells:
        return
    cells += [np.zeros_like(cells[0])] * (-len(cells) % 8)
    sheet = np.concatenate([np.concatenate(cells[k:k + 8], 1) for k in range(0, len(cells), 8)])
    cv2.imwrite(str(output / SHEET), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])


def _still(path: Path, time: float | None) -> np.ndarray:
    if time is None:
        return np.asarray(cv2.imread(str(path)))
    import av

    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            if frame.time is not None and frame.time >= time - 1e-3:
                break
        return frame.to_ndarray(format="bgr24")


if __name__ == "__main__":
    raise SystemExit(main())
