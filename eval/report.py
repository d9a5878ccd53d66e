"""results.json, report.md and report.html of one run, and the leaderboard that merges several."""

from __future__ import annotations

import html
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emoreason.errors import UserError
from emoreason.eval.task import Plot, Result

STYLE = ("body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
         "table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #ccc;padding:.25rem .6rem;"
         "text-align:left}th{background:#f3f3f3}svg{max-width:100%;height:auto}"
         "@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}th{background:#2a2a2a}svg{background:#fff}}")


def summary(task: str, model: str, n: int, result: Result, run: Mapping[str, Any]) -> dict[str, Any]:
    """results.json: task, model, n (items), unscored (how many of them), metrics {name: {value, low, high}}; then
    unscored_reasons, floor, notes and run (seed, versions, prompt hashes, data, command)."""
    return {"task": task, "model": model, "n": n, "unscored": len(result.unscored), "metrics": result.metrics,
            "unscored_reasons": dict(Counter(result.unscored.values()).most_common()), "floor": result.floor,
            "notes": result.notes, "run": dict(run) | {"prompts": dict(run.get("prompts", {})) | result.prompts}}


def write(out: Path, results: Mapping[str, Any], result: Result) -> None:
    """items.jsonl, results.json, report.md and report.html below ``out``."""
    folder(out)
    lines = [*result.rows, *({"id": i, "unscored": why} for i, why in result.unscored.items())]
    put(out / "items.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in lines))
    put(out / "results.json", json.dumps(results, ensure_ascii=False, indent=1) + "\n")
    blocks = _blocks(results, result)
    put(out / "report.md", "\n\n".join(_markdown(b) for b in blocks) + "\n")
    put(out / "report.html", page(f"{results['task']}: {results['model']}", blocks))


def folder(out: Path) -> None:
    """Make the folder of a run. Raises UserError where that cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"--out {out} cannot be a folder ({e.strerror}); choose another") from None


def claim(out: Path, this: Mapping[str, Any], used: bool) -> None:
    """Write run.json, what the folder belongs to. used: it holds answers already; raises UserError where they are
    another run's: all but ``limit`` must be the same for a run to go on."""
    about = out / "run.json"
    try:
        before = json.loads(about.read_text(encoding="utf-8")) if used and about.exists() else this
        different = [k for k in this if k != "limit" and before.get(k) != this[k]]
    except (ValueError, AttributeError):
        raise UserError(f"{about} is damaged; choose another --out") from None
    if different:
        raise UserError(f"{out} holds another run ({different[0]} was {before.get(different[0])!r}, but is "
                        f"{this[different[0]]!r}); choose another --out")
    put(about, json.dumps(this) + "\n")


def put(path: Path, text: str) -> None:
    """Write whole or not at all: a kill leaves the old file."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def counted(results: Mapping[str, Any]) -> str:
    """How many items there are, the share that went unscored, and the five most frequent reasons."""
    n, lost = results["n"], results["unscored"]
    why = "; ".join(f"{count} {reason}" for reason, count in list(results["unscored_reasons"].items())[:5])
    return f"{n} items; {lost} unscored ({100 * lost / max(1, n):.1f}%)" + (f": {why}." if lost else ".")


# A block of a report: ("h1" | "h2" | "p", text), ("table", header, rows) or ("plot", Plot).
Block = tuple[Any, ...]


def _blocks(results: Mapping[str, Any], result: Result) -> list[Block]:
    rows = [[_named(name), v["value"], f"{number(v['low'])} to {number(v['high'])}", results["floor"].get(name)]
            for name, v in results["metrics"].items()]
    blocks: list[Block] = [
        ("h1", f"{results['task']}: {results['model']}"),
        ("p", counted(results)),
        ("table", ["metric", "value", "95% interval", "floor"], rows)]
    blocks += [("p", note) for note in results["notes"]]
    shown = {k: (v["value"], v["low"], v["high"]) for k, v in results["metrics"].items() if 0 <= v["value"] <= 1}
    if shown:
        blocks.append(("plot", Plot("Metrics, 95% intervals; a red line marks the floor", "bars",
                                    {_named(k): (*v, results["floor"].get(k)) for k, v in shown.items()})))
    for title, header, table in result.tables:
        blocks += [("h2", title), ("table", header, table)]
    blocks += [("plot", plot) for plot in result.plots]
    run = results["run"]
    flat = [[k, ", ".join(f"{a} {b}" for a, b in v.items()) or None if isinstance(v, dict) else v]
            for k, v in run.items()]
    return [*blocks, ("h2", "This run"), ("table", ["what", "value"], flat)]


LOWER = ("unsupported", "ece", "aurc", "mae", "lag", "jitter", "contradicted")  # how metrics begin or end


def _named(metric: str) -> str:
    """A metric's name, with an arrow where less is better."""
    name = metric.removeprefix("offline_")
    return f"{metric} ↓" if name.startswith(LOWER) or name.endswith(LOWER) else metric


def number(value: Any) -> str:
    """Four decimals for a share, two for larger figures, "-" for None."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
    return str(value)


def _markdown(block: Block) -> str:
    kind = block[0]
    if kind == "table":
        cells = [[number(c).replace("|", "\\|").replace("\n", " ") for c in row] for row in block[2]]
        return "\n".join("| " + " | ".join(row) + " |" for row in [block[1], ["---"] * len(block[1]), *cells])
    if kind == "plot":
        return f"(Plot in report.html: {block[1].title})"
    return {"h1": "# ", "h2": "## ", "p": ""}[kind] + block[1]


def page(title: str, blocks: Sequence[Block]) -> str:
    """One HTML file without outside references; plots are SVG."""
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
             f"<meta name=viewport content='width=device-width'><style>{STYLE}</style>"]
    for block in blocks:
        if block[0] == "table":
            head = "".join(f"<th>{html.escape(c)}</th>" for c in block[1])
            body = "".join("<tr>" + "".join(f"<td>{html.escape(number(c))}</td>" for c in row) + "</tr>"
                           for row in block[2])
            parts.append(f"<table><tr>{head}</tr>{body}</table>")
        elif block[0] == "plot":
            parts.append(f"<figure>{svg(block[1])}<figcaption>{html.escape(block[1].title)}</figcaption></figure>")
        else:
            parts.append(f"<{block[0]}>{html.escape(block[1])}</{block[0]}>")
    return "\n".join(parts) + "\n"


def svg(plot: Plot) -> str:
    """A plot as an SVG element."""
    import matplotlib
    from matplotlib.figure import Figure

    wide = 3 + 0.45 * len(plot.data) if plot.kind == "bars" else 6
    figure = Figure(figsize=(max(5, wide), 5 if plot.kind == "matrix" else 3.2), layout="constrained")
    axes = figure.subplots()
    if plot.kind == "bars":
        _bars(axes, plot)
    elif plot.kind == "matrix":
        _matrix(axes, plot)
    else:
        for name, (x, y) in plot.data.items():
            axes.plot(x, y, label=name, marker="o" if len(x) < 20 else None, markersize=3)
        axes.set(xlabel=plot.x, ylabel=plot.y, ylim=(0, 1.02))
        axes.legend()
    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "emoreason"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg"):]


def _bars(axes: Any, plot: Plot) -> None:
    names = [k for k, v in plot.data.items() if v[0] is not None]
    for i, name in enumerate(names):
        value, low, high, *floor = plot.data[name]
        axes.bar(i, value, color="#4a7ab5")
        axes.plot([i, i], [low, high], color="black", linewidth=1)
        if floor and floor[0] is not None:
            axes.plot([i - 0.4, i + 0.4], [floor[0]] * 2, color="crimson")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_ylim(0, 1.03)


def _matrix(axes: Any, plot: Plot) -> None:
    values = plot.data["values"]
    shares = [[v / max(1, sum(row)) for v in row] for row in values]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(plot.data["columns"])), plot.data["columns"], rotation=45, ha="right")
    axes.set_yticks(range(len(plot.data["rows"])), plot.data["rows"])
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            axes.text(j, i, str(value), ha="center", va="center", fontsize=7,
                      color="white" if shares[i][j] > 0.5 else "black")


def leaderboard(paths: Sequence[Path], out: Path | None) -> str:
    """Several results.json (or their folders) as one table for each task, best first by its first metric, as Markdown;
    also written as leaderboard.md, .html and .json below ``out``. Raises UserError for a file that is none."""
    runs = [_results(p) for p in paths]
    if not runs:
        raise UserError("no results given; name results.json files or the --out folders of earlier runs")
    blocks: list[Block] = [("h1", "Leaderboard")]
    for task in dict.fromkeys(r["task"] for r in runs):
        of = [r for r in runs if r["task"] == task]
        names = list(dict.fromkeys(name for r in of for name in r["metrics"]))
        lead = next((m for m in (LEAD.get(task), *names) if any(m in r["metrics"] for r in of)), "")
        of.sort(key=lambda r, lead=lead: _rank(r, lead))
        rows = [[r["model"], r["n"], r["unscored"], *(_interval(r["metrics"].get(m)) for m in names)] for r in of]
        floor = next((r["floor"] for r in of if r.get("floor")), None)
        if floor is not None:
            rows.append(["(floor)", "", "", *(number(floor.get(m)) for m in names)])
        blocks += [("h2", task), ("table", ["model", "n", "unscored", *map(_named, names)], rows)]
        data = {Path(str(r.get("run", {}).get("data"))).name for r in of}
        if len(data) > 1:
            blocks.append(("p", f"The runs are of different data ({', '.join(sorted(data))}): not to be compared."))
        elif len({r["n"] for r in of}) > 1:
            blocks.append(("p", "The runs have different numbers of items: compare with care."))
    text = "\n\n".join(_markdown(b) for b in blocks) + "\n"
    if out is not None:
        folder(out)
        put(out / "leaderboard.md", text)
        put(out / "leaderboard.html", page("Leaderboard", blocks))
        put(out / "leaderboard.json", json.dumps(runs, ensure_ascii=False, indent=1) + "\n")
    return text


LEAD = {"fec-bench": "tem", "fer": "accuracy", "dfer": "accuracy", "au": "au_f1_macro", "va": "ccc", "fea": "rege",
        "faithfulness": "switch_faithful", "fidelity": "emotion_accuracy"}


def _rank(run: Mapping[str, Any], metric: str) -> float:
    value = run["metrics"].get(metric, {}).get("value", float("inf"))
    return value if _named(metric) != metric or value == float("inf") else -value


def _interval(value: Mapping[str, float] | None) -> str:
    return "-" if not value else f"{number(value['value'])} [{number(value['low'])}, {number(value['high'])}]"


def _results(path: Path) -> dict[str, Any]:
    file = path / "results.json" if path.is_dir() else path
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not {"task", "model", "n", "unscored", "metrics"} <= set(found):
            raise ValueError("task, model, n, unscored or metrics is missing")
    except (OSError, ValueError, TypeError) as e:
        raise UserError(f"{file} is no results.json of a run ({e}); give one, or the folder that holds it") from None
    return found
