"""facenet: a face crop in, action units with attention maps, emotion, valence and arousal, head pose out.

One small residual network on 64 px grey crops: grey and small because its real training faces are (FER2013), so
that a photograph, a film frame and a render look alike to it. Each AU is read from the feature under its own
attention map; the two halves of that map give the subject's left and right side. The emotion is read twice, from the
picture and from the intensities alone, and added up, so that the look follows the movements.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from emoreason.errors import UserError
from emoreason.facs import EMOTIONS, MEASURED_AUS, PRESENT
from emoreason.records import Evidence

SIDE = 64  # pixels of the grey input
MAP = 16  # side of the attention maps
NO_JAW, STRETCH = 0.4, 0.5  # of AU26 and AU27, what the one that is none has at most; share of AU26 from which AU27 is
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class FaceNetConfig:
    """widths: channels of the four stages (at 32, 16, 8, 4 px); depths: residual blocks in each; feature: channels of
    an AU's feature; dropout: share dropped before the emotion head."""

    widths: tuple[int, ...] = (48, 96, 208, 256)
    depths: tuple[int, ...] = (1, 2, 3, 2)
    feature: int = 96
    dropout: float = 0.3


def prepare(crops: Tensor) -> Tensor:
    """Crops (N, 3, H, W) float in [0, 1] -> grey (N, 1, 64, 64), each with mean 0 and deviation 1."""
    weights = crops.new_tensor(LUMA).view(1, 3, 1, 1)
    grey = (crops * weights).sum(1, keepdim=True)
    if grey.shape[-2:] != (SIDE, SIDE):
        grey = F.interpolate(grey, size=(SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
    return standardise(grey)


def movements(levels: Tensor) -> Tensor:
    """AU intensities (N, K) in 0-5 -> (N, 2K), what the second reading of the emotion takes: halves and their
    squares."""
    return torch.cat([levels / 2, (levels / 2) ** 2], -1)


def one_jaw(levels: Tensor) -> Tensor:
    """AU intensities (N, K) in 0-5 with AU26 or AU27, in each picture not both: the manual has them as alternatives
    (Facial Action Coding System, 2002). A stretch opens the jaw further than a drop can, so that one that is there wins
    from half the drop's intensity on."""
    drop, stretch = levels[:, MEASURED_AUS.index(26)], levels[:, MEASURED_AUS.index(27)]
    wide = (stretch >= drop) | ((stretch >= STRETCH * drop) & (stretch >= PRESENT))
    none = torch.where(wide, MEASURED_AUS.index(26), MEASURED_AUS.index(27))[:, None]
    return levels.scatter(1, none, levels.gather(1, none).clamp_max(NO_JAW))


def standardise(grey: Tensor) -> Tensor:
    """Each picture (N, 1, h, w) to mean 0, deviation 1 (a flat picture stays 0)."""
    grey = grey - grey.mean((1, 2, 3), keepdim=True)
    return grey / (grey.std((1, 2, 3), keepdim=True) + 1e-2)


class Block(nn.Module):
    """Two 3x3 convolutions with a residual path."""

    def __init__(self, inp: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inp, out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.skip = None
        if stride != 1 or inp != out:
            self.skip = nn.Sequential(nn.Conv2d(inp, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + (x if self.skip is None else self.skip(x)))


class FaceNet(nn.Module):
    """Grey crops (N, 1, 64, 64), standardised -> a dict of tensors; see ``forward``."""

    def __init__(self, config: FaceNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or FaceNetConfig()
        w, k, c = config.widths, len(MEASURED_AUS), config.feature
        self.stem = nn.Sequential(nn.Conv2d(1, w[0], 5, 2, 2, bias=False), nn.BatchNorm2d(w[0]), nn.ReLU())
        self.stages = nn.ModuleList()
        inp = w[0]
        for i, (out, depth) in enumerate(zip(w, config.depths, strict=True)):
            blocks = [Block(inp if j == 0 else out, out, 2 if i and j == 0 else 1) for j in range(depth)]
            self.stages.append(nn.Sequential(*blocks))
            inp = out
        self.fine, self.coarse = nn.Conv2d(w[1], c, 1), nn.Conv2d(w[2], c, 1)
        self.mix = nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c),
                                 nn.ReLU())
        self.attend = nn.Conv2d(c, k, 1)
        self.au_weight = nn.Parameter(torch.randn(k, c) * c**-0.5)
        self.au_bias = nn.Parameter(torch.full((k,), -1.5))
        self.au_context = nn.Linear(w[3], k, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.emotion = nn.Linear(w[3], len(EMOTIONS))
        self.emotion_aus = nn.Linear(2 * k, len(EMOTIONS)).requires_grad_(False)  # training/facenet_looks.py fits it
        nn.init.zeros_(self.emotion_aus.weight)
        nn.init.zeros_(self.emotion_aus.bias)
        self.affect = nn.Linear(w[3], 2)
        self.pose = nn.Linear(w[3], 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """x (N, 1, 64, 64) -> aus, sides (N, K) (0-5; right minus left, the subject's own), maps (N, K, 16, 16),
        features (N, K, C) under each map, pooled (N, D), emotion logits (N, 8), affect (N, 2) valence and arousal
        in [-1, 1], pose (N, 3) degrees."""
        s1 = self.stages[0](self.stem(x))
        s2 = self.stages[1](s1)  # N, w1, 16, 16
        s3 = self.stages[2](s2)  # N, w2, 8, 8
        pooled = self.stages[3](s3).mean((2, 3))  # N, D
        fused = self.fine(s2) + F.interpolate(self.coarse(s3), size=(MAP, MAP), mode="nearest")
        fused = self.mix(fused)  # N, C, 16, 16
        maps = self.attend(fused).flatten(2).softmax(-1).unflatten(-1, (MAP, MAP))  # N, K, 16, 16
        features = torch.einsum("nkhw,nchw->nkc", maps, fused)
        context = self.au_context(pooled) + self.au_bias
        halves = [self._half(maps, fused, slice(0, MAP // 2)), self._half(maps, fused, slice(MAP // 2, MAP))]
        levels = [5 * torch.sigmoid((f * self.au_weight).sum(-1) + context) for f in (features, *halves)]
        emotion = self.emotion(self.dropout(pooled)) + self.emotion_aus(movements(levels[0].detach()))
        return {"aus": levels[0], "sides": levels[1] - levels[2], "maps": maps, "features": features, "pooled": pooled,
                "emotion": emotion, "affect": torch.tanh(self.affect(pooled)), "pose": 45 * self.pose(pooled)}

    def _half(self, maps: Tensor, fused: Tensor, columns: slice) -> Tensor:
        """AU features (N, K, C) from one image half; the image's left half is the subject's right side."""
        part = maps[..., columns]
        part = part / part.sum((2, 3), keepdim=True).clamp_min(1e-4)
        return torch.einsum("nkhw,nchw->nkc", part, fused[..., columns])

    @torch.inference_mode()
    def read(self, crops: np.ndarray, times: np.ndarray | None = None, valid: np.ndarray | None = None,
             temperature: float = 1.0, settled: bool = True) -> Evidence:
        """Evidence from crops (T, H, W, 3) uint8 RGB of one face, averaged with their mirror images (see ``mirrored``).

        The mirror swaps left and right, which the average undoes; ``temperature`` calibrates the emotion
        probabilities. Raises ValueError on another shape or type.
        """
        if crops.ndim != 4 or crops.shape[-1] != 3 or crops.dtype != np.uint8:
            raise ValueError(f"crops must be (T, H, W, 3) uint8, but got {crops.shape} {crops.dtype}")
        device = self.au_bias.device
        x = prepare(torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float() / 255)
        out = self.eval().mirrored(x, settled)
        n = len(crops)
        p = (out["emotion"] / temperature).softmax(-1)
        get = {k: v.float().cpu().numpy() for k, v in out.items()}
        return Evidence(np.zeros(n) if times is None else times, get["aus"], get["sides"], get["maps"],
                        p.float().cpu().numpy(), get["affect"][:, 0], get["affect"][:, 1],
                        get["pose"], np.ones(n, bool) if valid is None else valid)

    def mirrored(self, x: Tensor, settled: bool = True) -> dict[str, Tensor]:
        """``forward`` averaged over x and its mirror image, outputs brought back to x's own sides; settled: with
        ``one_jaw``, as everything but the second reading of the emotion takes the intensities."""
        both = self(torch.cat([x, x.flip(-1)]))
        a, b = ({k: v[i * len(x):(i + 1) * len(x)] for k, v in both.items()} for i in (0, 1))
        b["sides"], b["maps"] = -b["sides"], b["maps"].flip(-1)
        b["pose"] = b["pose"] * b["pose"].new_tensor([-1.0, 1.0, -1.0])
        mean = {k: (a[k] + b[k]) / 2 for k in a}
        return mean | {"aus": one_jaw(mean["aus"])} if settled else mean


def load(path: str | Path, config: FaceNetConfig | None = None) -> FaceNet:
    """A FaceNet from safetensors, in float32, of the size that its tensors have where no config is given. Raises
    UserError when the file is missing or does not fit."""
    if not Path(path).is_file():
        raise UserError(f"facenet weights {path} not found")
    tensors = {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()}
    try:
        net = FaceNet(config or _size(tensors))
        net.load_state_dict(tensors)
    except (KeyError, RuntimeError) as e:
        raise UserError(f"{path} does not fit this facenet: {' '.join(str(e).split())[:300]}") from None
    return net.eval().to(memory_format=torch.channels_last)


def _size(tensors: dict[str, Tensor]) -> FaceNetConfig:
    blocks = [k.split(".") for k in tensors if k.startswith("stages.") and k.endswith(".conv1.weight")]
    depths = tuple(sum(int(b[1]) == i for b in blocks) for i in range(4))
    widths = tuple(len(tensors[f"stages.{i}.0.conv1.weight"]) for i in range(4))
    return FaceNetConfig(widths, depths, len(tensors["fine.weight"]))
