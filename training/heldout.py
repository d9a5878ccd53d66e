"""Held-out figures of a model: greedy answers to the questions of held-out talks, scored by the rewards and more.

The same rows and questions for every model, so that two models can be compared pair by pair.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emoreason import engines, scores
from emoreason.engines import Request
from emoreason.errors import ParseError, UserError
from emoreason.eval import stats
from emoreason.media import as_media
from emoreason.schema import parse
from emoreason.training.rewards import REWARDS, over_time

JUDGED = ("label", "aus", "measured", "course", "seen", "abstain")  # columns that the rewards take
Scored = dict[str, float | None]


def answers(model: str, rows: Sequence[Mapping[str, Any]], longest: int = 320, batch: int = 32) -> list[str]:
    """Greedy answers of a model (a folder, or any string that ``engines.load`` takes) to rows of talks."""
    engine = engines.load(model)
    if engine.native:
        requests = [request(row, longest) for row in rows]
    else:
        from emoreason.training.vlm import asked, facenet_of

        net, temperature = facenet_of(None)
        made = [asked(row["images"], row["prompt"], net, temperature) for row in rows]
        requests = [Request(tuple(messages), tuple(np.asarray(p) for p in pictures), longest)
                    for pictures, messages in made]
    return [done.text for at in range(0, len(requests), batch) for done in engine.generate(requests[at:at + batch])]


def request(row: Mapping[str, Any], longest: int) -> Request:
    media = tuple(as_media(image) for image in row["images"])
    first, *rest = [{"role": m["role"], "content": m["content"]} for m in row["prompt"]]
    first["content"] = [*[{"type": "image"}] * len(media), {"type": "text", "text": first["content"]}]
    return Request((first, *rest), media, longest)


def score(texts: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[Scored]:
    """The scores of each answer: every reward by its name, and confidence, hit, claims, unsupported."""
    columns = {name: [row.get(name) for row in rows] for name in JUDGED}
    columns["prompts"] = [row["prompt"] for row in rows]
    clips = over_time(texts, columns["course"], columns["prompts"])
    named = {name: reward(list(texts), **columns) for name, reward in REWARDS.items()}
    out: list[Scored] = []
    for i, (text, row, clip) in enumerate(zip(texts, rows, clips, strict=True)):
        mine: Scored = {name: values[i] for name, values in named.items()}
        try:
            x = parse(text)
        except ParseError:
            x = None
        levels = {int(a): float(v) for a, v in json.loads(row.get("measured") or "{}").items()}
        known = x is not None and x.emotion is not None and row.get("label") is not None
        mine["confidence"] = x.confidence if x is not None and known else None
        mine["hit"] = float(x.emotions[0] == row["label"]) if x is not None and known else None
        mine["claims"] = float(sum(o.au in levels for o in x.observations)) if x is not None else 0.0
        missed = [] if x is None else scores.unsupported(x, levels) if clip is None else clip.unsupported
        mine["unsupported"] = float(len(missed))
        out.append(mine)
    return out


def figures(scored: Sequence[Scored], weights: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """{name: {"value", "low", "high"}}: each reward's mean over the answers it applies to; ``reward``, the mean of
    their sum by ``weights``; ``unsupported rate`` of all claims; ``calibration error`` (ECE, 10 bins). Intervals: 95%,
    bootstrap."""
    table = {name: _column(scored, name) for name in scored[0]}
    sums = total(scored, weights)

    def metric(at: np.ndarray) -> dict[str, float | None]:
        out: dict[str, float | None] = {"reward": float(sums[at].mean())}
        for name in REWARDS:
            values = table[name][at]
            out[name] = float(np.nanmean(values)) if np.isfinite(values).any() else None
        claims = table["claims"][at].sum()
        out["unsupported rate"] = float(table["unsupported"][at].sum() / claims) if claims else None
        sure, hit = table["confidence"][at], table["hit"][at]
        both = np.isfinite(sure) & np.isfinite(hit)
        out["calibration error"] = stats.ece(sure[both], hit[both], 10) if both.any() else None
        return out

    return stats.bootstrap(metric, len(scored))


def total(scored: Sequence[Scored], weights: Mapping[str, float]) -> np.ndarray:
    """(n,) the weighted sum of each answer's rewards, those that do not apply left out, as GRPO sums them."""
    return sum((w * np.nan_to_num(_column(scored, name)) for name, w in weights.items()), np.zeros(len(scored)))


def _column(scored: Sequence[Scored], name: str) -> np.ndarray:
    return np.array([np.nan if s[name] is None else s[name] for s in scored], float)


def gain(before: Sequence[Scored], after: Sequence[Scored], weights: Mapping[str, float],
         seed: int = 0) -> tuple[float, float]:
    """(mean gain of the weighted reward on the same rows, share of paired bootstrap resamples in which it is > 0)."""
    difference = total(after, weights) - total(before, weights)
    draws = np.random.default_rng(seed).integers(0, len(difference), (2000, len(difference)))
    return float(difference.mean()), float((difference[draws].mean(1) > 0).mean())


def shown(made: Mapping[str, Mapping[str, float]]) -> str:
    """Figures in one line each, with their intervals."""
    return "\n".join(f"  {name:18} {v['value']:6.3f} [{v['low']:.3f}, {v['high']:.3f}]" for name, v in made.items())


def read(path: str, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """``count`` rows of a parquet of talks, about one face or clip each, with ``abstain`` as GRPO has it."""
    from emoreason.training.grpo import COLUMNS, judged_by
    from emoreason.training.run import read_rows

    data = read_rows(path, COLUMNS).shuffle(seed=seed)
    rows = [row for row in data.select(range(min(len(data), 3 * count))) if len(row["images"]) == 1][:count]
    return [row | judged_by(row) for row in rows]


def compare(models: Sequence[str], path: str, count: int, weights: Mapping[str, float]) -> None:
    """The figures of each model in turn, and its gain over the one before on the same questions."""
    before: list[Scored] | None = None
    for model in models:
        scored = evaluate(model, path, count, weights)
        if before is not None:
            rise, sure = gain(before, scored, weights)
            print(f"  reward {rise:+.3f} over the model before, higher in {sure:.0%} of paired resamples", flush=True)
        before = scored


def evaluate(model: str, path: str, count: int, weights: Mapping[str, float], keep: Path | None = None) -> list[Scored]:
    """Score a model on held-out talks and print its figures; ``keep``: write answers and scores there as JSON."""
    rows = read(path, count)
    texts = answers(model, rows)
    scored = score(texts, rows)
    made = figures(scored, weights)
    print(f"held out, {len(rows)} questions, {model}\n{shown(made)}", flush=True)
    if keep is not None:
        content = {"figures": made, "answers": [{"text": t, "scores": s} for t, s in zip(texts, scored, strict=True)]}
        keep.with_suffix(".tmp").write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        keep.with_suffix(".tmp").replace(keep)
    return scored


def main() -> None:
    """``python -m emoreason.training.heldout held.parquet MODEL [MODEL ...]``: what each stage of training gained."""
    from emoreason.training.grpo import WEIGHTS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("talks", help="parquet of held-out talks, made by emoreason data talks")
    parser.add_argument("models", nargs="+", help="folders, or nano, in the order in which they were made")
    parser.add_argument("-n", type=int, default=400, help="questions (default: 400)")
    args = parser.parse_args()
    try:
        compare(args.models, args.talks, args.n, WEIGHTS)
    except UserError as e:
        sys.exit(f"error: {e}")


if __name__ == "__main__":
    main()
