"""``emoreason eval TASK``: read the data, ask the model or read its predictions, score, report.

Everything lands in ``--out``: predictions.jsonl (one row an item, as they come: a killed run goes on where it stopped),
items.jsonl, results.json, report.md, report.html, and run.json, which says what the folder belongs to.
"""

from __future__ import annotations

import argparse
import inspect
import json
import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from emoreason.asked import sha
from emoreason.errors import UserError
from emoreason.eval import models, report
from emoreason.eval import rows as rowfile
from emoreason.eval.answers import Answer, read_answer
from emoreason.eval.faithfulness import FAITHFULNESS
from emoreason.eval.fea import FEA
from emoreason.eval.fec_bench import FEC_BENCH
from emoreason.eval.judge import Judge
from emoreason.eval.recognition import DFER, FER, VA
from emoreason.eval.task import Context, Task
from emoreason.eval.units import AU
from emoreason.sources import SOURCES, Record, Reject, read

TASKS: dict[str, Task] = {t.name: t for t in (FEC_BENCH, FEA, FER, DFER, AU, VA, FAITHFULNESS)}
FIRST = 10  # answers that may fail at the start before a run stops
SPLITS = ("test", "validation")  # the first that the data has is scored


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``emoreason eval``."""
    about = "; ".join(f"{t.name}: {t.about}" for t in TASKS.values())
    parser.add_argument("task", choices=[*TASKS, "fidelity", "leaderboard"], metavar="TASK",
                        help=f"{about}; fidelity: generated clips against a reference or a target emotion; "
                             "leaderboard: merge the results of earlier runs")
    parser.add_argument("results", nargs="*", type=Path, help="leaderboard: results.json files or folders of runs")
    parser.add_argument("--model", help="nano, a checkpoint, hf:NAME, vllm:NAME or openai:MODEL@URL")
    parser.add_argument("--predictions", type=Path, help="jsonl with id and caption, emotion, aus, or the raw output")
    parser.add_argument("--data", type=Path, help="file or folder of the benchmark")
    parser.add_argument("--source", help="which reader takes the data; default: the task's first that fits")
    parser.add_argument("--split", help="train, validation or test; default: test, else validation, else all")
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument("--limit", type=int, help="score the first N items only")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default 0)")
    parser.add_argument("--judge", help="a language model for judge scores: hf:NAME, vllm:NAME or openai:MODEL@URL")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE",
                        help="a setting of the reader (fold=2, media_root=DIR) or of the task (protocol=disfa12)")
    parser.add_argument("--generated", type=Path, help="fidelity: folder of generated clips")
    parser.add_argument("--reference", type=Path, help="fidelity: folder of real clips of the same names")
    parser.add_argument("--target", help="fidelity: the emotion that the clips should show")
    parser.add_argument("--workers", type=int, default=1,
                        help="questions asked at once, for a model behind a server; with --engine ray: actors")
    parser.add_argument("--engine", choices=("local", "ray"), default="local",
                        help="ray: --workers actors on Ray Data, each with a model of its own (default: local)")


def run(args: argparse.Namespace) -> int:
    """Run the command; prints the report's head. Raises UserError."""
    if args.results and args.task != "leaderboard":
        raise UserError(f"eval {args.task} takes no {args.results[0]}; the data comes with --data")
    if args.seed < 0:
        raise UserError(f"--seed must be 0 or more, but is {args.seed}")
    if args.limit is not None and args.limit < 1:
        raise UserError(f"--limit must be at least 1, but is {args.limit}")
    if args.task == "leaderboard":
        print(report.leaderboard(args.results, args.out))
        return 0
    if args.task == "fidelity":
        return _fidelity(args)
    results = evaluate(TASKS[args.task], data=args.data, out=args.out, model=args.model, predictions=args.predictions,
                       source=args.source, split=args.split, limit=args.limit, seed=args.seed, judge=args.judge,
                       options=_options(args.option), workers=args.workers, engine=args.engine)
    _print(results, args.out)
    return 0


def _fidelity(args: argparse.Namespace) -> int:
    from emoreason.eval import fidelity

    if args.generated is None or args.out is None:
        raise UserError("eval fidelity needs --generated FOLDER and --out FOLDER")
    results = fidelity.evaluate(args.generated, args.out, args.reference, args.target, args.model or "nano", args.limit,
                                args.seed, versions=_versions())
    _print(results, args.out)
    print(results["notes"][0])
    return 0


def _print(results: dict[str, Any], out: Path) -> None:
    for name, v in results["metrics"].items():
        floor = results["floor"].get(name)
        print(f"{name:24} {report.number(v['value']):>8}  [{report.number(v['low'])}, {report.number(v['high'])}]"
              + (f"  floor {report.number(floor)}" if floor is not None else ""))
    print(f"{report.counted(results)} Report: {out / 'report.html'}")


def evaluate(task: Task, *, data: Path | None, out: Path | None, model: str | models.Answerer | None = None,
             predictions: Path | None = None, source: str | None = None, split: str | None = None,
             limit: int | None = None, seed: int = 0, judge: str | Judge | None = None,
             options: dict[str, str] | None = None, workers: int = 1, engine: str = "local") -> dict[str, Any]:
    """One run; returns what results.json holds. ``model`` and ``judge`` may be objects (Answerer, Judge) too. engine
    "ray": ``workers`` actors ask, to which an object is sent."""
    if data is None or out is None:
        raise UserError(f"eval {task.name} needs --data FILE_OR_FOLDER and --out FOLDER")
    if (model is None) == (predictions is None):
        raise UserError("give either --model or --predictions FILE")
    if judge is not None and not task.judged:
        raise UserError(f"eval {task.name} has nothing for a judge to score: leave out --judge")
    everything, notes, context_options = _records(task, data, source, split, dict(options or {}))
    report.folder(out)
    question, records = task.question(everything), everything[:limit]
    name = predictions.stem if predictions else model if isinstance(model, str) else type(model).__name__
    weights = models.weights(model) if isinstance(model, str) else None
    this = {"task": task.name, "model": name, "weights": weights, "data": str(data), "question": sha(question),
            "limit": limit}
    if predictions is not None:
        rows, more = rowfile.predictions(predictions, [r.id for r in records], (*task.fields, "output"))
        notes += more
    else:
        assert model is not None
        rows = _ask_all(model, records, question, out, this, workers, task, engine)
    answers = [_answer(rows.get(r.id)) for r in records]
    asked = Judge(models.judge(judge), judge, out / "judge.jsonl") if isinstance(judge, str) else judge
    result = task.score(records, answers, Context(seed, asked, context_options))
    for r in records:
        if r.id in result.unscored and "error" in rows.get(r.id, {}):
            result.unscored[r.id] = str(rows[r.id]["error"])
    result.notes += notes
    prompts = {"question": sha(question)} if predictions is None else {}
    results = report.summary(task.name, str(name), len(records), result, {
        "seed": seed, "versions": _versions(), "weights": weights, "prompts": prompts, "data": str(data),
        "split": split, "limit": limit, "options": dict(options or {}), "judge": asked.name if asked else None})
    report.write(out, results, result)
    return results


def _options(pairs: Sequence[str]) -> dict[str, str]:
    bad = next((p for p in pairs if "=" not in p), None)
    if bad is not None:
        raise UserError(f"--option {bad} must be KEY=VALUE, such as fold=2")
    return dict(p.split("=", 1) for p in pairs)


def _records(task: Task, data: Path, source: str | None, split: str | None,
             options: dict[str, str]) -> tuple[list[Record], list[str], dict[str, str]]:
    """The items to score, notes on what was left out, and the options that are the task's."""
    if source is not None and source not in SOURCES:
        raise UserError(f"there is no source {source!r}; known are {', '.join(sorted(SOURCES))}")
    if not data.exists():
        raise UserError(f"{data} does not exist; give the file or folder of the benchmark")
    names = [source] if source else list(task.sources)
    first: UserError | None = None
    for name in names:
        takes = {k: p for k, p in inspect.signature(SOURCES[name].read).parameters.items() if k not in ("path", "name")}
        unknown = [k for k in options if k not in takes and k not in task.options]
        if unknown:
            first = first or UserError(f"option {unknown[0]} is not known to {task.name} or the source {name}; they "
                                       f"know {', '.join([*task.options, *takes]) or 'none'}")
            continue
        try:
            items = list(read(name, data, **{k: _typed(v, takes[k]) for k, v in options.items() if k in takes}))
        except UserError as e:
            first = first or e
            continue
        read_ = [i for i in items if isinstance(i, Record)]
        rejects = [i for i in items if isinstance(i, Reject)]
        if any(task.gold(r) for r in read_):
            kept = _chosen(task, read_, split)
            chosen = list({r.id: r for r in kept}.values())
            part = f", split {chosen[0].split}" if chosen[0].split and len({r.split for r in chosen}) == 1 else ""
            return chosen, _notes(rejects, name + part, read_, len(kept) - len(chosen), task), {
                k: v for k, v in options.items() if k in task.options}
    if first is not None and len(names) > 1:
        raise UserError(f"no reader of {task.name} fits {data}; {names[0]} says: {first}; tried too: "
                        f"{', '.join(names[1:])}; name the right one with --source")
    raise first or UserError(f"{data} holds nothing that {task.name} could score; it reads {', '.join(names)}")


def _typed(value: str, parameter: inspect.Parameter) -> Any:
    """An option as its reader takes it: whole numbers and JSON values where they are meant."""
    if isinstance(parameter.default, int) and value.isdigit():
        return int(value)
    try:
        return json.loads(value) if value[:1] in ("{", "[") else value
    except json.JSONDecodeError as e:
        raise UserError(f"--option {parameter.name}={value} is no JSON: {e}") from None


def _chosen(task: Task, records: list[Record], split: str | None) -> list[Record]:
    there = {r.split for r in records}
    split = split or next((s for s in SPLITS if s in there), None)
    kept = [r for r in records if task.gold(r) and (split is None or r.split == split)]
    if not kept:
        raise UserError(f"no item has split {split!r}; the data has {', '.join(sorted(str(s) for s in there))}")
    return kept


def _notes(rejects: list[Reject], name: str, records: list[Record], twice: int, task: Task) -> list[str]:
    without = sum(not task.gold(r) for r in records)
    notes = [f"Read as {name}."]
    if twice:
        notes.append(f"{twice} items of the data have an id that came before: the last of each is scored.")
    if rejects:
        notes.append(f"{len(rejects)} records could not be read, first: {rejects[0]}.")
    if without:
        notes.append(f"{without} records without the gold value of this task were left out.")
    return notes


def _answer(row: dict[str, Any] | None) -> Answer | None:
    return None if row is None or "error" in row else read_answer(row)


def _ask_all(model: str | models.Answerer, records: Sequence[Record], question: str, out: Path, this: dict[str, Any],
             workers: int, task: Task, engine: str = "local") -> dict[str, dict[str, Any]]:
    """Ask what predictions.jsonl below ``out`` does not hold yet; a failure is a row with ``error``, asked again by
    the next run."""
    from tqdm import tqdm

    path = out / "predictions.jsonl"
    rows = rowfile.kept(path)
    report.claim(out, this, bool(rows))
    missing, done = [r for r in records if r.id not in rows], len(rows)
    report.put(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows.values()))
    if missing:
        make = partial(models.load, model, task.maps, task.captions)
        asked = (models.on_ray(make, missing, question, workers) if engine == "ray"
                 else _asked(make(), missing, question, workers))
        with path.open("a", encoding="utf-8") as file:
            failed = 0
            for row in tqdm(asked, total=len(missing), desc=this["task"], disable=None):
                rows[row["id"]] = row
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()
                failed += "error" in row
                if failed == FIRST == len(rows) - done:
                    raise UserError(f"the first {FIRST} answers all failed, the last with {row['error']}; mend that, "
                                    "and run again")
    return rows


def _asked(answerer: models.Answerer, records: Sequence[Record], question: str,
           workers: int) -> Iterator[dict[str, Any]]:
    def one(record: Record) -> dict[str, Any]:
        return models.ask(answerer, record, question)

    if workers <= 1:
        yield from map(one, records)
        return
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(records), 8 * workers):  # in short stretches, so that a kill loses little
            yield from pool.map(one, records[start:start + 8 * workers])


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("emoreason", "numpy", "torch", "transformers"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
