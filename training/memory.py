"""A frozen facenet reads each face once: the answers of a group, and later epochs, ask for the same faces again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from emoreason.facenet import FaceNet


class FaceMemory:
    """Stands for ``net.mirrored`` without gradients and without its attention maps, which no loss reads. most: faces
    that are kept, some 10 KB each; the ones not asked for longest go first. asked, read: faces asked for, and read."""

    def __init__(self, net: FaceNet, most: int = 50_000) -> None:
        self._forward, self.most, self.asked, self.read = net.mirrored, most, 0, 0
        self._known: OrderedDict[bytes, dict[str, Tensor]] = OrderedDict()

    @torch.no_grad()
    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """x (N, 1, 64, 64) -> as ``FaceNet.mirrored``."""
        keys = [hashlib.blake2b(face.tobytes(), digest_size=16).digest() for face in x.detach().float().cpu().numpy()]
        new = {key: i for i, key in reversed(list(enumerate(keys))) if key not in self._known}
        self.asked, self.read = self.asked + len(keys), self.read + len(new)
        if new:
            out = self._forward(x[list(new.values())])
            for j, key in enumerate(new):
                self._known[key] = {k: v[j].float() for k, v in out.items() if k != "maps"}
        rows = [self._known[key] for key in keys]
        for key in keys:
            self._known.move_to_end(key)
        while len(self._known) > self.most:
            self._known.popitem(last=False)
        return {k: torch.stack([row[k] for row in rows]) for k in rows[0]}


def remember_faces(model: Any) -> None:
    """Let the facenet of an EmoReason that trains on a CPU read each face once; it must be frozen, and only training
    may use the model afterwards."""
    encoder = model.model.encoder
    if next(model.parameters()).device.type == "cpu" and not torch.cuda.is_available():
        encoder.facenet.mirrored = FaceMemory(encoder.facenet)
