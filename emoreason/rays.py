"""Captioning on Ray Data: actors of an existing cluster, or of this machine, each with a worker process of its own.

The worker process is the same as without Ray, so that a clip that kills or stalls it costs its own row and no actor.
Clips are opened where an actor runs: their paths must be valid on every machine.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

from emoreason.errors import UserError
from emoreason.farm import Farm


class Rays:
    """``run`` like ``Farm.run``, on ``workers`` actors. make: as for ``Farm``; limit: seconds for one clip."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]], workers: int, limit: float = 600.0) -> None:
        try:
            import ray
        except ImportError:
            raise UserError("--engine ray needs Ray: pip install 'emoreason[ray]'") from None
        self.ray, self.make, self.workers, self.limit = ray, make, workers, limit
        self.ours = False

    def __enter__(self) -> Rays:
        return self

    def __exit__(self, *_: object) -> None:
        if self.ours:
            self.ray.shutdown()

    def _start(self) -> None:
        """Join the cluster that RAY_ADDRESS names or that runs here, or else begin one on this machine."""
        if not self.ray.is_initialized():
            try:
                self.ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            except Exception as e:  # Ray raises bare ones, and of many kinds
                why = " ".join(str(e).split())[:200]
                raise UserError(f"Ray cannot be reached or started ({why}); see `ray status`, RAY_ADDRESS") from None
            self.ours = True
        self.ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)

    def run(self, groups: Any) -> Iterator[tuple[list[Any], Any, str | None]]:
        """(group, rows, None) as they are done, or (group, None, why). Raises UserError when no worker can be made."""
        while todo := list(groups):  # those put back come in a further round
            self._start()
            blocks = [{"group": pickle.dumps(group)} for group in todo]
            data = self.ray.data.from_items(blocks, override_num_blocks=len(blocks))
            done = data.map_batches(
                Worker, fn_constructor_args=(self.make, self.limit), batch_size=1, num_cpus=self._share("CPU"),
                num_gpus=self._share("GPU"),
                compute=self.ray.data.ActorPoolStrategy(size=min(self.workers, len(blocks))))
            for made in self._rows(done):
                group, rows, died, failed = pickle.loads(made["made"])
                if failed:
                    raise UserError(failed)
                yield group, rows, died

    def _rows(self, data: Any) -> Iterator[dict[str, Any]]:
        try:
            yield from data.iter_rows()
        except self.ray.exceptions.RayError as e:
            last = str(e).strip().splitlines()[-1]
            raise UserError(f"Ray stopped ({last[:300]}): the same command goes on from here") from None

    def _share(self, kind: str) -> float:
        """CPUs or GPUs for each actor: what the cluster has, shared evenly, at most one."""
        return min(1.0, self.ray.cluster_resources().get(kind, 0.0) / self.workers)


class Worker:
    """One actor: hands each group to its worker process."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]], limit: float) -> None:
        self.farm = Farm(make, 1, limit)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        groups = [pickle.loads(g) for g in batch["group"]]
        try:
            made: list[tuple[Any, Any, str | None, str | None]] = [(*found, None) for found in self.farm.run(groups)]
        except UserError as e:
            made = [(group, None, None, str(e)) for group in groups]
        return {"made": [pickle.dumps(m) for m in made]}

    def __del__(self) -> None:
        self.farm.__exit__()
