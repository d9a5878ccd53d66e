"""Several processes of one run, as torchrun starts them: each has its share of a batch, the gradients are averaged.

For trainings of our own; TRL's bring theirs along.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import nn


class Together:
    """world: number of processes; rank: which one this is; first: whether it is the one that writes. Alone, where
    torchrun started nothing."""

    def __init__(self) -> None:
        self.world, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        self.first = self.rank == 0
        if self.world > 1 and not dist.is_initialized():
            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")

    def average(self, params: Sequence[nn.Parameter], *figures: float) -> list[float]:
        """Every gradient becomes the mean over the processes; returns the means of ``figures``, so that all of them
        decide alike."""
        if self.world == 1:
            return list(figures)
        grads = [p.grad for p in params if p.grad is not None]
        flat = torch.cat([*(g.flatten() for g in grads), grads[0].new_tensor(figures)]) / self.world
        dist.all_reduce(flat)
        at = 0
        for g in grads:
            g.copy_(flat[at:at + g.numel()].view_as(g))
            at += g.numel()
        return flat[at:].tolist()
