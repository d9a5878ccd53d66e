"""Does a movement that facenet reads follow the half of the face in which it shows, or what the rest makes likely?

``python benchmarks/halves.py --faces validation.npz --au 4 --label anger NET...`` (``emoreason train facenet-data``).

Faces of a label and neutral ones are cut between eyes and nose and put together crosswise. Prints for each net in which
share the AU is read at A or above, with 95% bootstrap intervals: in both kinds as they are, in the label's half in
which it shows beside a neutral other half, and in a neutral half beside the label's other one.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from emoreason.eval import stats
from emoreason.facenet import load, standardise
from emoreason.facs import EMOTIONS, MEASURED_AUS, PRESENT, au
from emoreason.training.facenet import load_cache
from emoreason.training.facenet_views import halved

TURNED = 25.0  # degrees of yaw from which a face is left out


@torch.inference_mode()
def levels(path: str, x: torch.Tensor, number: int) -> np.ndarray:
    """Intensities (N,) of one AU in pictures (N, 1, 64, 64)."""
    net, k = load(path), MEASURED_AUS.index(number)
    return torch.cat([net.mirrored(part)["aus"][:, k] for part in x.split(256)]).numpy()


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="+", metavar="NET", help="facenet.safetensors")
    parser.add_argument("--faces", required=True)
    parser.add_argument("--au", type=int, default=4, choices=MEASURED_AUS)
    parser.add_argument("--label", default="anger", choices=[e for e in EMOTIONS if e not in ("contempt", "neutral")])
    args = parser.parse_args()
    data = load_cache(args.faces, torch.device("cpu"))
    fit = torch.isfinite(data["points"]).flatten(1).all(1) & (data["pose"][:, 0].abs() < TURNED)
    kinds = [torch.nonzero(fit & (data["label"] == EMOTIONS.index(e)))[:, 0] for e in (args.label, "neutral")]
    n = min(map(len, kinds))
    own, calm = (kind[:n] for kind in kinds)
    x, points = standardise(data["grey"][:, None].float() / 255), data["points"]

    def together(upper: torch.Tensor, lower: torch.Tensor) -> torch.Tensor:
        rows = torch.stack([lower, upper], 1).flatten()  # each face's upper half comes over the one before it
        return halved(x[rows], points[rows])[1::2]

    above = au(args.au).region in ("brows", "eyes", "nose")
    sets = {args.label: x[own], "neutral": x[calm],
            f"its half of {args.label}, the other neutral": together(own, calm) if above else together(calm, own),
            f"its half neutral, the other of {args.label}": together(calm, own) if above else together(own, calm)}
    print(f"AU{args.au} at A or above, {n} faces of each kind")
    for net in args.nets:
        print(net)
        for name, pictures in sets.items():
            there = levels(net, pictures, args.au) >= PRESENT
            found = stats.bootstrap(lambda at, there=there: {"x": float(there[at].mean())}, n)["x"]
            print(f"  {name}: {found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]")


if __name__ == "__main__":
    main()
