"""Does facenet read dark faces as it reads light ones?

``python benchmarks/skin.py --faces validation.npz NET...`` (``emoreason train facenet-data``).

Prints for each net, with 95% bootstrap intervals: how often the look is right in the fifth of the faces that is darkest
beside what is bright in its picture (median of the face's middle over the 99th percentile) and in the lightest, and of
those labelled happy how often they are read so and AU12 at A or above, and its mean; then the same of the
happy faces with their skin made darker (``training/facenet_views.py``, ``dark_skin``, half of the shine left), by the
share of the light that it gives back.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch import Tensor

from emoreason.eval import stats
from emoreason.facenet import FaceNet, load, standardise
from emoreason.facs import EMOTIONS, MEASURED_AUS, PRESENT
from emoreason.training.facenet import load_cache
from emoreason.training.facenet_views import dark_skin

BACK = (1.0, 0.5, 0.35, 0.25)
HAPPY, SMILE = EMOTIONS.index("happiness"), MEASURED_AUS.index(12)


@torch.inference_mode()
def read(net: FaceNet, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Looks (N,) and AU12 (N,) of standardised pictures (N, 1, 64, 64)."""
    parts = [net.mirrored(part) for part in x.split(256)]
    looks = torch.cat([p["emotion"] for p in parts])
    looks[:, EMOTIONS.index("contempt")] = -torch.inf
    return looks.argmax(1).numpy(), torch.cat([p["aus"][:, SMILE] for p in parts]).numpy()


def line(name: str, **values: np.ndarray) -> None:
    """Means with their intervals."""
    shown = []
    for key, value in values.items():
        found = stats.bootstrap(lambda at, value=value: {"x": float(value[at].mean())}, len(value))["x"]
        shown.append(f"{key} {found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]")
    print(f"  {name}: {', '.join(shown)}")


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="+", metavar="NET", help="facenet.safetensors")
    parser.add_argument("--faces", required=True)
    args = parser.parse_args()
    data = load_cache(args.faces, torch.device("cpu"))
    x, label = standardise(data["grey"][:, None].float() / 255), data["label"].numpy()
    grey = data["grey"].float()
    middle = grey[:, 16:56, 14:50].flatten(1).median(1).values
    middle = (middle / grey.flatten(1).quantile(0.99, 1).clamp_min(1)).numpy()
    low, high = np.quantile(middle, (0.2, 0.8))
    fit = torch.isfinite(data["points"]).flatten(1).all(1) & (data["label"] == HAPPY)
    for path in args.nets:
        net = load(path)
        print(path)
        look, smile = read(net, x)
        for name, some in (("darkest fifth", middle <= low), ("lightest fifth", middle >= high)):
            glad = some & (label == HAPPY)
            line(f"{name}, {some.sum()} faces, {glad.sum()} happy", right=look[some] == label[some],
                 happy=look[glad] == HAPPY, AU12=smile[glad] >= PRESENT, mean=smile[glad])
        for back in BACK:
            share = torch.full((int(fit.sum()),), back)
            look_, smile_ = read(net, dark_skin(x[fit], data["points"][fit], share, torch.full_like(share, 0.5)))
            line(f"{len(share)} happy, skin gives back {back:.2f}", happy=look_ == HAPPY, AU12=smile_ >= PRESENT,
                 mean=smile_)


if __name__ == "__main__":
    main()
