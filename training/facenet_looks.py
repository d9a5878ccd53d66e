"""What the movements alone say of the look: facenet's second reading of the emotion, fitted once the net is trained.

A net that has learned its training faces by heart has no use for a second opinion there, so that trained jointly the
movements come to count for nothing. Fitted by itself, as a logistic regression on the intensities and their squares,
and weighed by faces that neither has seen, it makes the look follow the movements where the picture misleads.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emoreason.facenet import FaceNet, movements
from emoreason.facs import EMOTIONS

FACES = 8000  # real faces to fit to: more than enough for 45 figures a look
SHARE = 0.5  # of the renders, whose looks follow from the movements by the prototypes, in the fit
CONTEMPT = EMOTIONS.index("contempt")


def fit(levels: Tensor, label: Tensor, render_levels: Tensor, render_label: Tensor, share: float = SHARE) -> nn.Linear:
    """Logistic regression (K levels 0-5 and their squares -> 8 looks) on real faces (N, K), (N,) and renders; renders
    without a label (-1) do not count."""
    head = nn.Linear(2 * levels.shape[1], len(EMOTIONS)).to(levels.device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    known = render_label >= 0
    parts = [(movements(levels), label, 1 - share), (movements(render_levels[known]), render_label[known], share)]
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=300)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = 1e-3 * head.weight.square().sum()
        for x, y, weight in parts:
            loss = loss + weight * F.cross_entropy(head(x), y)
        loss.backward()
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return head.requires_grad_(False)


def weigh(picture: Tensor, movement: Tensor, label: Tensor) -> float:
    """How much the second reading's logits (N, 8) are to count beside the first's, so that their sum at its best
    temperature suits the labels (N,) of unseen real faces (cross-entropy; contempt, which they lack, left out)."""
    best = (float("inf"), 0.0)
    for weight in np.arange(0.0, 1.55, 0.1):
        logits = picture + float(weight) * movement
        logits[:, CONTEMPT] = -1e9
        for temperature in np.arange(0.5, 3.0, 0.05):
            loss = F.cross_entropy(logits / float(temperature), label).item()
            best = min(best, (loss, float(weight)))
    return best[1]


def add(net: FaceNet, faces: dict[str, Tensor], renders: dict[str, Tensor], validation: dict[str, Tensor]) -> float:
    """Fit the second reading of a trained net and put it, weighed, into ``net.emotion_aus``; returns its weight."""
    from emoreason.training.facenet import predict

    seen = torch.linspace(0, len(faces["grey"]) - 1, min(FACES, len(faces["grey"])), device=faces["grey"].device).long()
    net.emotion_aus.weight.data.zero_()
    net.emotion_aus.bias.data.zero_()
    learned = predict(net, faces["grey"][seen], settled=False)["aus"]
    head = fit(learned, faces["label"][seen], renders["aus"], renders["label"])
    held = predict(net, validation["grey"], settled=False)
    weight = weigh(held["emotion"], head(movements(held["aus"])), validation["label"])
    net.emotion_aus.weight.data.copy_(weight * head.weight)
    net.emotion_aus.bias.data.copy_(weight * head.bias)
    return weight
