"""The losses of one step of facenet's training, each a mean over its batch part:
    emotion   cross-entropy with label smoothing, with teachers' probabilities mixed in where there are any
    aus       weighted squared error of the intensities (renders: exact; real: the teacher's, by its trust)
    classes   squared gap between the class means of the intensities and their expected values (real, weak)
    labels    what is present in a face that was labelled neutral, or below A of AU12 in a happy one (real, weak); where
              teachers answer, as far as they find it neutral too
    halves    as classes, for what the teacher sees poorly (``UNSEEN``), in faces put together of two: the brows answer
              to the label of the face that they come from, the mouth to that of its own (real, weak)
    maps      KL divergence from Gaussians at the landmarks to the attention maps
    sides, affect, pose, and a gradient-reversed identity head (after FMAE-IAT) on the renders' identities
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emoreason.facenet import MAP
from emoreason.facs import AFFECT, EMOTIONS, MEASURED_AUS
from emoreason.regions import AU_POINTS

NEUTRAL = 0.8  # intensity that no AU of a face labelled neutral should pass, but for those that do not speak against it
OPEN = (12, 25, 26, 43)  # or are rather missed than seen too often there: a slight smile
UNSEEN = (1, 4, 5, 7, 9, 10, 15, 17, 20, 23, 24)  # what the teacher sees poorly
LIKELY = 1.0  # from this expected mean of a label's faces on the teacher's "absent" of these does not count in them
BROWS = (1, 4, 5, 7, 9)  # of ``UNSEEN``, what shows above the middle of the nose


@dataclass
class Weights:
    """Weight of each loss: ``aus`` of the real faces' and ``seen`` of what teachers see in them, ``render_aus`` of the
    renders'; ``identity`` is the strength of the reversed gradient. Without ``halves`` no faces are put together, every
    "absent" of a teacher counts, and ``classes`` is of all AUs; with it ``steady`` or ``movements`` keeps such faces
    out of the norms' statistics."""

    emotion: float = 1.0
    aus: float = 0.5
    seen: float = 0.5
    render_aus: float = 1.5
    classes: float = 0.05
    labels: float = 0.2
    halves: float = 0.0
    maps: float = 0.05
    sides: float = 0.1
    affect: float = 0.5
    pose: float = 0.1
    identity: float = 0.05
    render_emotion: float = 0.1


class Reverse(torch.autograd.Function):
    """Identity forward; backward the gradient times -scale."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return -ctx.scale * grad, None


@lru_cache(4)
def _groups(device: torch.device) -> tuple[Tensor, Tensor]:
    """(G, 68): the mean of each group's landmarks; (K, G): which groups an AU shows at."""
    groups = [(k, list(group)) for k, number in enumerate(MEASURED_AUS) for group in AU_POINTS[number]]
    mean, member = torch.zeros(len(groups), 68), torch.zeros(len(MEASURED_AUS), len(groups))
    for i, (k, group) in enumerate(groups):
        member[k, i] = 1
        for point in group:
            mean[i, point] += 1 / len(group)
    return mean.to(device), member.to(device)


def guides(points: Tensor, spread: float = 0.07) -> Tensor:
    """Target maps (N, K, 16, 16), each summing to 1: Gaussians where each AU shows; points (N, 68, 2) in [0, 1]."""
    mean, member = _groups(points.device)
    grid = (torch.arange(MAP, device=points.device) + 0.5) / MAP
    at = torch.exp(-0.5 * ((grid - (mean @ points)[..., None]) / spread) ** 2)  # N, G, 2, 16
    out = torch.einsum("kg,ngyx->nkyx", member, at[:, :, 1, :, None] * at[:, :, 0, None])
    return out / out.sum((2, 3), keepdim=True).clamp_min(1e-6)


def masked(error: Tensor, mask: Tensor) -> Tensor:
    """Mean of error over mask > 0, weighted by it; 0 when nothing is left."""
    return torch.where(mask > 0, error * mask, 0.0).sum() / mask.expand_as(error).sum().clamp_min(1.0)


class Losses(nn.Module):
    """All losses of one step; ``trust`` (K,) of the teacher's AUs and ``expected`` (8, K) class means. Its state is
    what halves showed of late."""

    means: Tensor

    def __init__(self, weights: Weights, smoothing: float, soft_share: float, device: torch.device) -> None:
        from emoreason.data_pipeline.teachers import TEACHER_WEIGHT, class_means

        super().__init__()
        self.w, self.smoothing, self.soft_share = weights, smoothing, soft_share
        self.trust = torch.tensor([TEACHER_WEIGHT.get(a, 0.0) for a in MEASURED_AUS], device=device)
        self.bounded = torch.tensor([a not in OPEN for a in MEASURED_AUS], device=device)
        self.expected = torch.from_numpy(class_means()).to(device)
        self.unseen = torch.tensor([a in UNSEEN for a in MEASURED_AUS], device=device)
        self.doubted = (self.expected >= LIKELY) & self.unseen
        self.pulled = torch.isfinite(self.expected) & self.unseen
        self.brows = torch.tensor([a in BROWS for a in MEASURED_AUS], device=device)
        self.register_buffer("means", self.expected.clone())  # by label
        self.circumplex = torch.tensor([AFFECT[e] for e in EMOTIONS], device=device)

    def aus(self, out: Tensor, want: Tensor, trust: Tensor | float) -> Tensor:
        mask = torch.isfinite(want).float() * trust * (1 + torch.nan_to_num(want) / 5)
        return masked((out - torch.nan_to_num(want)) ** 2, mask)

    def common(self, out: dict[str, Tensor], points: Tensor, log: dict[str, Tensor]) -> None:
        good = torch.isfinite(points).all(-1).all(-1)
        want = guides(torch.nan_to_num(points, 0.5))
        kl = (want * (want.clamp_min(1e-6).log() - out["maps"].clamp_min(1e-6).log())).sum((2, 3)).mean(1)
        log["maps"] = log.get("maps", 0) + self.w.maps * masked(kl, good.float())

    def believed(self, aus: Tensor, y: dict[str, Tensor]) -> Tensor:
        """A teacher's AUs (N, K) with NaN where it sees too little to say that what a face's label expects, or one of
        the two of a mixed picture, is absent."""
        doubted = self.doubted[y["label"]]
        if "share" in y:
            doubted = doubted | (self.doubted[y["other"]] & (y["share"] < 1))
        return torch.where(doubted & (aus < 1), torch.nan, aus) if self.w.halves else aus

    def halves(self, aus: Tensor, upper: Tensor, lower: Tensor, log: dict[str, Tensor]) -> None:
        """aus (N, K) of faces put together by ``halved``, and the labels of their parts. What the means of the last
        twenty steps or so lack is pulled alike in all faces of a label, so that few faces in a batch add no noise; a
        part labelled neutral has nothing present, whatever the other part shows."""
        parts = [F.one_hot(label, len(EMOTIONS)).float() for label in (upper, lower)]
        mean = torch.where(self.brows, *((part.T @ aus) / part.sum(0).clamp_min(1)[:, None] for part in parts))
        count = torch.where(self.brows, *(part.sum(0)[:, None] for part in parts))
        there = self.pulled & (count > 0)
        self.means = torch.where(there, torch.lerp(self.means, mean.detach(), 0.05), self.means)
        gap = torch.where(there, 2 * (self.means - self.expected) * count / len(aus), 0.0)
        log["halves"] = self.w.halves * (gap * torch.where(there, mean - self.expected, 0.0)).sum()
        calm = torch.where(self.brows, *(part[:, EMOTIONS.index("neutral"), None] for part in parts)) * self.unseen
        log["halves"] += self.w.labels * len(UNSEEN) / 2 * masked(F.relu(aus - NEUTRAL).square(), calm)

    def real(self, out: dict[str, Tensor], y: dict[str, Tensor], points: Tensor, log: dict[str, Tensor]) -> None:
        label = F.one_hot(y["label"], len(EMOTIONS)).float()
        target = label
        if "share" in y:  # of this face in a mixed picture
            target = y["share"] * label + (1 - y["share"]) * F.one_hot(y["other"], len(EMOTIONS)).float()
        target = target * (1 - self.smoothing) + self.smoothing / 7 * (target.new_tensor(
            [e != "contempt" for e in EMOTIONS]))
        if "soft" in y:
            target = (1 - self.soft_share) * target + self.soft_share * y["soft"]
        log["emotion"] = -self.w.emotion * (target * out["emotion"].log_softmax(-1)).sum(-1).mean()
        log["aus"] = self.w.aus * self.aus(out["aus"], self.believed(y["aus"], y), self.trust)
        if "seen" in y:
            log["aus"] = log["aus"] + self.w.seen * self.aus(out["aus"], self.believed(y["seen"], y), 1.0)
        pure = label * (y["share"] == 1) if "share" in y else label
        count = pure.sum(0)
        mean = (pure.T @ out["aus"]) / count.clamp_min(1)[:, None]
        rows = (count > 3) & torch.isfinite(self.expected[:, 0])
        gap = (mean - self.expected)[rows] * (~self.unseen if self.w.halves else 1)
        log["classes"] = self.w.classes * (gap ** 2).mean() * len(MEASURED_AUS)
        calm, glad = pure[:, EMOTIONS.index("neutral")], pure[:, EMOTIONS.index("happiness")]
        if "soft" in y:
            calm = calm * y["soft"][:, EMOTIONS.index("neutral")]
        above, below = F.relu(out["aus"] - NEUTRAL)[:, self.bounded], F.relu(1 - out["aus"][:, MEASURED_AUS.index(12)])
        log["labels"] = self.w.labels * (masked(above.square().sum(1), calm) + masked(below.square(), glad))
        affect = target @ self.circumplex
        log["affect"] = self.w.affect * ((out["affect"] - affect) ** 2).mean()
        if "pose" in y:
            good = torch.isfinite(y["pose"]).all(-1, keepdim=True).float()
            log["real_pose"] = self.w.pose * masked(((out["pose"] - torch.nan_to_num(y["pose"])) / 20) ** 2, good)
        self.common(out, points, log)

    def renders(self, out: dict[str, Tensor], y: dict[str, Tensor], points: Tensor, log: dict[str, Tensor]) -> None:
        log["render_aus"] = self.w.render_aus * self.aus(out["aus"], y["aus"], 1.0)
        log["sides"] = self.w.sides * self.aus(out["sides"], y["sides"], 1.0)
        log["pose"] = self.w.pose * ((out["pose"] - y["pose"]) / 20).square().mean()
        log["render_emotion"] = self.w.render_emotion * F.cross_entropy(out["emotion"], y["label"], ignore_index=-1)
        log["affect"] = log["affect"] + self.w.affect * ((out["affect"] - y["affect"]) ** 2).mean()
        self.common(out, points, log)


def mirror_labels(y: dict[str, Tensor], flip: Tensor) -> dict[str, Tensor]:
    """Labels of pictures some of which were mirrored."""
    y = dict(y)
    if "sides" in y:
        y["sides"] = torch.where(flip[:, None], -y["sides"], y["sides"])
    if "pose" in y:
        y["pose"] = torch.where(flip[:, None], y["pose"] * y["pose"].new_tensor([-1.0, 1.0, -1.0]), y["pose"])
    return y
