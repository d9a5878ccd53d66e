"""What facenet reads of the clips that ``fidelity`` compares, and the rows in which it is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from emoreason.errors import UserError
from emoreason.records import Evidence

Reader = Callable[[str], Evidence | None]
KEPT = ("times", "aus", "sides", "emotions", "valence", "arousal", "poses")  # of Evidence; the maps are not needed


def reader(model: str = "nano") -> Reader:
    """Reads a clip's main face with the facenet of a model. Raises UserError when the model is not there."""
    from emoreason import watch
    from emoreason.facenet import FaceNet
    from emoreason.reason import Reasoner

    whole = Reasoner.load(model).model
    net = next(m for m in whole.modules() if isinstance(m, FaceNet))

    def read(path: str) -> Evidence | None:
        film, tracks = watch.follow(path)
        if not tracks:
            return None
        clip = watch.measure(net, tracks[0], film, whole.config.emotion_temperature).clip
        return None if clip is None else clip.evidence

    return read


def pack(evidence: Evidence | None) -> dict[str, Any] | None:
    """What fidelity needs of a clip's evidence, as JSON values to four decimals."""
    if evidence is None or not evidence.valid.any():
        return None
    return {k: np.round(getattr(evidence, k)[evidence.valid], 4).tolist() for k in KEPT}


def unpack(value: dict[str, Any] | None) -> Evidence | None:
    """The inverse of ``pack``, with flat maps."""
    if value is None:
        return None
    found = {k: np.array(value[k], float) for k in KEPT}
    shape = found["aus"].shape
    return Evidence(maps=np.ones((*shape, 1, 1), np.float32), valid=np.ones(shape[0], bool), **found)


def row_of(read: Reader, name: str, path: Path) -> dict[str, Any]:
    """The row of one clip: id and evidence, None without a face; or why it could not be read."""
    try:
        return {"id": name, "evidence": pack(read(str(path)))}
    except Exception as e:  # one bad clip must not end a run of hours
        why = str(e) if isinstance(e, UserError) else f"{type(e).__name__}: {str(e)[:200]}"
        return {"id": name, "error": why}
