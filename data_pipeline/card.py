"""The data card of a folder of shards: ``card.md`` with what is in it and why the rest is not, and ``card.png``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emoreason.data_pipeline import shards, variety

BAR = 30  # characters of the longest bar


def write_card(folder: str | Path, title: str | None = None) -> Path:
    """Write card.md and card.png beside the manifest, reading the shards once; returns the path of card.md."""
    folder = Path(folder)
    manifest = shards.load_manifest(folder)
    levels: dict[int, Counter[int]] = {}
    texts: list[str] = []
    subjects: set[tuple[str, str]] = set()
    for row in shards.rows(folder, ["source", "subject", "text", "aus"]):
        if row["text"]:
            texts.append(row["text"])
        if row["subject"] is not None:
            subjects.add((row["source"], row["subject"]))
        for pair in row["aus"] or ():
            if pair["intensity"] is not None:
                levels.setdefault(pair["au"], Counter())[min(5, int(pair["intensity"] + 0.5))] += 1
    _plot(folder / "card.png", manifest, [len(t.split()) for t in texts], levels)
    path = folder / "card.md"
    shards.write_atomically(path, _text(title or folder.name, manifest, texts, len(subjects), levels).encode())
    return path


def bars(counts: Mapping[str, int]) -> str:
    """A markdown table of counts, largest first, with a bar each."""
    most = max(counts.values(), default=1)
    lines = [f"| {name} | {n:,} | {'█' * max(1, round(BAR * n / most))} |"
             for name, n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]
    return "\n".join(["| | count | |", "| --- | ---: | --- |", *lines]) if lines else "none"


def _text(title: str, m: Mapping[str, Any], texts: list[str], subjects: int,
          levels: Mapping[int, Counter[int]]) -> str:
    items = m["kept"] + m["rejected"]
    parts = [f"# {title}", "",
             f"{m['kept']:,} rows kept of {m['items']:,} source records; {m['rejected']:,} left out "
             f"({100 * m['rejected'] / max(1, items):.1f}%)."
             + ("" if m["complete"] else " **The build is not complete.**"), "",
             "![histograms](card.png)", "", "## Sources and terms", "",
             "| source | rows | terms |", "| --- | ---: | --- |"]
    parts += [f"| {s['name']} | {m['by_source'].get(s['name'], 0):,} | {s.get('licence') or 'not stated'} |"
              for s in m["sources"]]
    parts += ["", f"{subjects:,} subjects named.", "", "## Splits", "", bars(m["by_split"]),
              "", "## Emotions", "", bars(m["by_emotion"]), "", "## Action units present", "", bars(m["by_au"])]
    if levels:
        parts += ["", "## Intensities", "", "| AU | 0 | A | B | C | D | E |", "| --- |" + " ---: |" * 6]
        parts += [f"| AU{a} | " + " | ".join(f"{levels[a][i]:,}" for i in range(6)) + " |" for a in sorted(levels)]
    if texts:
        low, middle, high = np.percentile([len(t.split()) for t in texts], (5, 50, 95))
        parts += ["", "## Texts", "",
                  f"{len(texts):,} texts; words: median {middle:.0f}, 5% below {low:.0f}, 5% above {high:.0f}."]
        varied = variety.measure(texts)
        if varied:
            parts += [f"Distinct-2 {varied.distinct2:.3f} and self-BLEU-4 {varied.self_bleu:.3f} over {varied.n:,} of "
                      f"them; the commonest sentence (\"{varied.commonest}\", # a figure) is in {varied.share:.2%}."]
    parts += ["", "## Left out, by reason", "", bars(m["by_reason"]), "", "## Made with", "",
              ", ".join(f"{k} {v}" for k, v in m["versions"].items()) + ".", "",
              "Settings: " + ", ".join(f"{k} = {v}" for k, v in m["config"].items() if k != "sources") + "."]
    return "\n".join(parts) + "\n"


def _plot(path: Path, m: Mapping[str, Any], lengths: list[int], levels: Mapping[int, Counter[int]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots(2, 2)
    by_au = dict(sorted(m["by_au"].items(), key=lambda c: int(c[0].removeprefix("AU"))))
    for axis, name, counts in ((axes[0, 0], "emotions", m["by_emotion"]), (axes[0, 1], "action units present", by_au)):
        axis.bar(list(counts), list(counts.values()), color="#4c78a8")
        axis.set_title(name)
        axis.tick_params(axis="x", rotation=60)
    total = Counter({i: sum(c[i] for c in levels.values()) for i in range(6)})
    axes[1, 0].bar(["0", "A", "B", "C", "D", "E"], [total[i] for i in range(6)], color="#f58518")
    axes[1, 0].set(title="annotated intensities", yscale="log" if total.total() else "linear")
    axes[1, 1].hist(lengths or [0], bins=30, color="#54a24b")
    axes[1, 1].set_title("words in a text")
    figure.savefig(path, dpi=90, metadata={"Software": None})
