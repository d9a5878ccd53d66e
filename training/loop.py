"""Rounds of self-improvement: data from the model's own answers -> SFT -> GRPO -> evaluation -> accept or roll back.

``out``/loop.json is the journal: which stages are done, which model stands, every round's verdict. A run that was
killed at any point goes on with the stage it was in; every stage resumes by itself.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from emoreason.errors import UserError
from emoreason.training import config as configs
from emoreason.training.grpo import GRPO
from emoreason.training.grpo import train as reinforce
from emoreason.training.heldout import Scored, evaluate, gain
from emoreason.training.sft import SFT
from emoreason.training.sft import train as tune


@dataclass
class Loop:
    """model: folder to start from, or nano; out: folder; sources: labelled sets to ask about, as {"name", "path"} of
    ``emoreason data improve``; ask: its further settings (k, temperature, keep, limit, ...); talks: parquet of which
    ``mixed`` rows join each round's own answers, and whose questions GRPO asks; held: parquet of held-out talks;
    questions: of them to answer; sft, grpo: YAML files; sure: share of paired resamples in which the reward must be
    higher for a round to be kept; slack: how far no single reward may fall."""

    model: str
    out: str
    sources: list[dict]
    talks: str
    held: str
    sft: str
    grpo: str
    rounds: int = 1
    ask: dict = field(default_factory=dict)
    mixed: int = 2000
    questions: int = 200
    sure: float = 0.9
    slack: float = 0.03
    seed: int = 0


class Journal:
    """The state of a loop as JSON, whole on the disk after every change. Raises UserError for another loop's folder."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        settings = json.loads(json.dumps({k: v for k, v in settings.items() if k != "rounds"}))
        if path.is_file():
            self.state = json.loads(path.read_text(encoding="utf-8"))
            other = [k for k, v in settings.items() if self.state["settings"].get(k) != v]
            if other:
                raise UserError(f"{path.parent} was begun with {other[0]} = {self.state['settings'].get(other[0])!r}, "
                                f"now it is {settings[other[0]]!r}; take the same settings, or another out")
        else:
            self.state = {"settings": settings, "model": settings["model"], "done": {}, "rounds": []}
            self.write()

    def write(self) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.state, indent=1), encoding="utf-8")
        temporary.replace(self.path)

    def stage(self, name: str, work: Callable[[], Any]) -> Any:
        """The result of a stage: from the journal, or made now and written there."""
        if name not in self.state["done"]:
            print(f"== {name}", flush=True)
            self.state["done"][name] = work()
            self.write()
        return self.state["done"][name]


def loop(config: Loop) -> Path:
    """Go through the rounds that are not done; the model that stands is copied to ``out``/model."""
    out = Path(config.out)
    grpo = configs.load(GRPO, config.grpo, ["start.checkpoint=x", "data=x", "out=x"])
    configs.load(SFT, config.sft, ["start.checkpoint=x", "data=x", "out=x"])  # mistakes show before anything runs
    out.mkdir(parents=True, exist_ok=True)
    journal = Journal(out / "loop.json", asdict(config))
    weights = {k: float(v) for k, v in grpo.rewards.items()}

    def figures(model: str, folder: Path) -> list[Scored]:
        folder.mkdir(exist_ok=True)
        return evaluate(model, config.held, config.questions, weights, folder / "held.json")

    standing = journal.stage("0 evaluate", lambda: figures(config.model, out / "round-0"))
    for r in range(1, config.rounds + 1):
        if len(journal.state["rounds"]) < r:
            parent = journal.state["model"]
            made = _round(config, journal, out / f"round-{r}", parent, r)
            scored = journal.stage(f"{r} evaluate", partial(figures, made, out / f"round-{r}"))
            verdict = judge(standing, scored, weights, config) | {"round": r, "parent": parent, "model": made}
            journal.state["model"] = made if verdict["kept"] else parent
            journal.state["rounds"].append(verdict)
            journal.write()
        verdict = journal.state["rounds"][r - 1]
        print(f"== round {r}: reward {verdict['gain']:+.3f}, better in {verdict['sure']:.0%} of resamples: "
              + ("kept" if verdict["kept"] else f"rolled back, {verdict['why']}"), flush=True)
        if verdict["kept"]:
            standing = journal.state["done"][f"{r} evaluate"]
    from emoreason.reason import NANO

    source = NANO if journal.state["model"] == "nano" else Path(journal.state["model"])
    shutil.rmtree(out / "model.tmp", ignore_errors=True)
    shutil.copytree(source, out / "model.tmp")
    shutil.rmtree(out / "model", ignore_errors=True)
    (out / "model.tmp").replace(out / "model")
    return out / "model"


def _round(config: Loop, journal: Journal, folder: Path, parent: str, number: int) -> str:
    """Data, SFT and GRPO of one round; the folder of the model they end with."""

    def settings(stage: str, model: str, data: str) -> list[str]:
        return [f"start.checkpoint={model}", f"data={data}", f"out={folder / stage}", f"seed={number}"]

    rows = journal.stage(f"{number} data", partial(_data, config, folder, parent, number))
    tuned = journal.stage(f"{number} sft", lambda: str(
        tune(configs.load(SFT, config.sft, settings("sft", parent, rows)))))
    return journal.stage(f"{number} grpo", lambda: str(
        reinforce(configs.load(GRPO, config.grpo, settings("grpo", tuned, config.talks)))))


def judge(before: list[Scored], after: list[Scored], weights: dict[str, float], config: Loop) -> dict[str, Any]:
    """Whether a round is kept, and why not: the reward must rise, and no single one fall by more than the slack."""
    rise, sure = gain(before, after, weights)
    fallen = [name for name in weights if gain(before, after, {name: 1.0})[0] < -config.slack]
    why = "the reward did not rise" if sure < config.sure else f"{fallen[0]} fell" if fallen else ""
    return {"kept": not why, "why": why, "gain": rise, "sure": sure}


def _data(config: Loop, folder: Path, model: str, number: int) -> str:
    """The round's rows: the model's own answers that hold, with talks mixed in. Returns the parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from emoreason.data_pipeline.improve import Config, improve

    asked = {"seed": config.seed + number, **config.ask}
    unknown = set(asked) - set(Config.__dataclass_fields__) | set(asked) & {"model", "sources", "out"}
    if unknown:
        allowed = sorted(set(Config.__dataclass_fields__) - {"model", "sources", "out"})
        raise UserError(f"ask: unknown {sorted(unknown)[0]!r}; allowed are {', '.join(allowed)}")
    manifest = improve(Config(model=model, sources=config.sources, out=str(folder / "data"), **asked))
    own = pq.read_table(folder / "data" / "train.parquet")
    talks = pq.read_table(config.talks)
    order = random.Random(config.seed + number).sample(range(len(talks)), min(config.mixed, len(talks)))
    names = [n for n in talks.column_names if n in own.column_names]
    rows = pa.concat_tables([own.select(names), talks.select(names).take(order)], promote_options="permissive")
    if not len(rows):
        raise UserError("no answer of the model held and nothing is mixed in: set mixed, or ask more")
    path = folder / "sft.parquet"
    pq.write_table(rows, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)
    counts = manifest["counts"]
    print(f"{counts['held']} of {counts['texts']} answers held; {len(own)} own rows, {len(rows) - len(own)} mixed in")
    return str(path)
