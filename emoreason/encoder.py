"""pixel_values -> scene tokens, face tokens and AU tokens, and the evidence that they were made from.

Without transformers, whose import takes longer than an answer: engines that only write need no more than this.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emoreason.facenet import FaceNet, FaceNetConfig, prepare
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.media import FACE_TOKENS, SCENE_TOKENS, SEGMENTS
from emoreason.records import Evidence

ORDERS = 4  # media of one conversation that are told apart by their order
COURSE = 8  # samples of an AU's course over a clip
LEVELS, TILTS = 26, 11  # knots of the intensity (0-5 in steps of 0.2) and of the side difference (-5..5 in steps of 1)
TURNS = 19  # knots of yaw, pitch and roll (-45..45 degrees in steps of 5)
OPENAI_DATASET_MEAN, OPENAI_DATASET_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
READOUT = 2 * len(EMOTIONS) + 2 + 3 + 3 * TURNS  # probabilities, scaled logits, valence and arousal, pose twice


class EncoderConfig(Protocol):
    """What a MediaEncoder is told: see ``model.EmoReasonConfig``."""

    tower: dict | None
    facenet: dict
    emotion_temperature: float
    dropout: tuple


def build_tower(spec: dict) -> tuple[nn.Module, int]:
    """An open_clip vision tower (weights random) and its input side in pixels, from a name or a config."""
    import open_clip

    if "name" in spec:
        visual = open_clip.create_model(spec["name"], load_weights=False).visual
    else:
        visual = open_clip.CLIP(**spec).visual
    size = visual.image_size
    return visual, int(size[0] if isinstance(size, (tuple, list)) else size)


def patch_features(visual: nn.Module, x: Tensor) -> Tensor:
    """Patch features (N, P, C) of any open_clip tower: ViT, timm trunk or ResNet."""
    if hasattr(visual, "trunk"):
        y = visual.trunk.forward_features(x)
    elif hasattr(visual, "attnpool") and hasattr(visual, "stem"):
        y = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(x)))))
    else:
        visual.output_tokens = True
        y = visual(x)[1]
    return y.flatten(2).transpose(1, 2) if y.ndim == 4 else y


def hat(x: Tensor, low: float, high: float, knots: int) -> Tensor:
    """Piecewise-linear basis (..., knots): 1 at a value's knot, shared linearly between two neighbours."""
    position = (x.clamp(low, high) - low) / (high - low) * (knots - 1)
    return (1 - (position[..., None] - torch.arange(knots, device=x.device)).abs()).clamp_min(0)


def spread(good: Tensor, parts: Tensor, most: int) -> Tensor:
    """Frames (N, most) that lie evenly among those of ``good`` (N, T), from the first to the last: ``parts`` (N,) of
    them, 2 or more or 1; what follows these repeats the last."""
    last = (good.sum(1) - 1).clamp_min(0)[:, None]
    steps = torch.arange(most, device=good.device) * last / (parts[:, None] - 1).clamp_min(1)
    return (~good).sort(dim=1, stable=True).indices.gather(1, torch.minimum(steps.round().long(), last))


def order_in_rows(lengths: Tensor, slots: Tensor) -> Tensor:
    """Which of its row's media each is, from 0: lengths (N,) of the media in placeholders, slots (B,) of each row."""
    row = torch.searchsorted(slots.cumsum(0), lengths.cumsum(0) - lengths, right=True)
    return torch.arange(len(lengths)) - torch.searchsorted(row, row)


class Projector(nn.Sequential):
    """Two layers from ``inp`` to the language model's width."""

    def __init__(self, inp: int, out: int) -> None:
        super().__init__(nn.Linear(inp, out), nn.GELU(), nn.Linear(out, out))


class MediaEncoder(nn.Module):
    """pixel_values -> embeddings, and the evidence they were made from."""

    def __init__(self, config: EncoderConfig, width: int) -> None:
        super().__init__()
        self.config = config
        net = FaceNetConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in config.facenet.items()})
        self.facenet = FaceNet(net)
        k, c, d = len(MEASURED_AUS), net.feature, net.widths[-1]
        self.tower, self.tower_side, tower_width = None, 0, 1
        if config.tower:
            self.tower, self.tower_side = build_tower(config.tower)
            with torch.no_grad():
                sample = torch.zeros(1, 3, self.tower_side, self.tower_side)
                tower_width = patch_features(self.tower.eval(), sample).shape[-1]
        self.scene_projector = Projector(tower_width, width)
        self.face_projector, self.readout_projector = Projector(d, width), Projector(READOUT, width)
        self.au_projector = Projector(c + LEVELS + TILTS + COURSE + 1, width)
        self.au_embedding = nn.Embedding(k, width)
        self.absent = nn.Embedding(3, width)  # no scene, no face, no AUs
        self.order = nn.Embedding(ORDERS, width)  # the first, second, ... of the media that are asked about together

    def forward(self, pixel_values: Tensor, face: dict[str, Tensor] | None = None) -> list[Tensor]:
        """(N, T, 2, 3, S, S) -> N tensors (tokens, width). face: what ``read`` gave for it, where that is known."""
        n = len(pixel_values)
        there = pixel_values.flatten(3).amax(-1) > 0  # N, T, 2
        segments = there.any(2).sum(1).clamp(1, SEGMENTS)  # of each media
        keep = there.any(1)[:, [0, 1, 1]]  # N, 3: scene, face, AUs
        if self.training and any(self.config.dropout):
            keep &= torch.rand(n, 3, device=keep.device) >= torch.tensor(self.config.dropout, device=keep.device)
        face = self.read(pixel_values[:, :, 1].flatten(0, 1), n) if face is None else face
        groups = [self._scene(pixel_values[:, :, 0], there[..., 0]), self._face_tokens(face, there[..., 1], segments),
                  self._au_tokens(face, there[..., 1])]
        tokens = torch.cat([torch.where(keep[:, i, None, None], group, self._absent(i))
                            for i, group in enumerate(groups)], 1)
        lengths = SCENE_TOKENS + FACE_TOKENS * segments + len(MEASURED_AUS)
        segment = (torch.arange(tokens.shape[1], device=tokens.device) - SCENE_TOKENS) // FACE_TOKENS
        spare = (segment >= segments[:, None]) & (segment < SEGMENTS)
        return list(tokens[~spare].split(lengths.tolist()))

    def placed(self, media: list[Tensor], slots: Tensor) -> Tensor:
        """Media's tokens one after the other, each marked by its place among those of its row; slots (B,): the
        placeholders of each row."""
        lengths = torch.tensor([len(m) for m in media])
        place = order_in_rows(lengths, slots.cpu()).clamp_max(ORDERS - 1).repeat_interleave(lengths)
        tokens = torch.cat(media)
        return tokens + self.order(place.to(tokens.device)).to(tokens.dtype)

    def _absent(self, kind: int) -> Tensor:
        return self.absent(torch.tensor(kind, device=self.au_embedding.weight.device))

    def _scene(self, scene: Tensor, there: Tensor) -> Tensor:
        """(N, T, 3, S, S) -> (N, SCENE_TOKENS, width): the frames' mean, pooled to quadrants."""
        n, t = scene.shape[:2]
        if self.tower is None or not there.any():
            return self._absent(0).expand(n, SCENE_TOKENS, -1)
        mean, std = (scene.new_tensor(v).view(3, 1, 1) for v in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD))
        x = (scene.flatten(0, 1) - mean) / std
        x = F.interpolate(x, size=(self.tower_side,) * 2, mode="bilinear", antialias=True, align_corners=False)
        y = patch_features(self.tower, x)  # N*T, P, C
        y = (y.unflatten(0, (n, t)) * there[..., None, None]).sum(1) / there.sum(1).clamp_min(1)[:, None, None]
        side = int(y.shape[1] ** 0.5)
        grid = y[:, -side * side:].transpose(1, 2).unflatten(-1, (side, side))
        pooled = F.adaptive_avg_pool2d(grid, int(SCENE_TOKENS ** 0.5)).flatten(2).transpose(1, 2)
        return self.scene_projector(pooled)

    def read(self, crops: Tensor, n: int) -> dict[str, Tensor]:
        """facenet on crops (N*T, 3, S, S); every output as (N, T, ...), zeros where a crop is missing."""
        trains = any(p.requires_grad for p in self.facenet.parameters())
        self.facenet.train(self.training and trains)
        there = crops.flatten(1).amax(1) > 0  # frames that only fill a shorter clip up are not read
        there[0] |= ~there.any()
        with torch.set_grad_enabled(trains and torch.is_grad_enabled()):
            seen = self.facenet.mirrored(prepare(crops[there].to(self.facenet.au_bias.dtype)))
        out = {k: v.new_zeros(len(crops), *v.shape[1:]).index_put((there,), v) for k, v in seen.items()}
        out["emotion"] = out["emotion"] / self.config.emotion_temperature
        p = out["emotion"].softmax(-1)
        turns = hat(out["pose"], -45, 45, TURNS).flatten(-2)
        out["readout"] = torch.cat([p, out["emotion"].clamp(-8, 8) / 4, out["affect"], out["pose"] / 45, turns], -1)
        return {k: v.unflatten(0, (n, -1)) for k, v in out.items()}

    def _face_tokens(self, face: dict[str, Tensor], good: Tensor, segments: Tensor) -> Tensor:
        """(N, FACE_TOKENS * SEGMENTS, width), two for each of a media's ``segments`` (N,), the rest to be left out."""
        row, pick = torch.arange(len(good), device=good.device)[:, None], spread(good, segments, SEGMENTS)
        pair = [self.face_projector(face["pooled"][row, pick]), self.readout_projector(face["readout"][row, pick])]
        return torch.stack(pair, 2).flatten(1, 2)

    def _au_tokens(self, face: dict[str, Tensor], good: Tensor) -> Tensor:
        """(N, K, width): each AU's feature at its apex, its intensity, side and course."""
        n, k = len(good), torch.arange(face["aus"].shape[2], device=good.device)
        row = torch.arange(n, device=good.device)[:, None]
        apex = face["aus"].masked_fill(~good[..., None], -1).argmax(1)  # N, K
        course = face["aus"][row, spread(good, good.new_full((n,), COURSE, dtype=torch.long), COURSE)]
        clip = (good.sum(1) > 1).to(course.dtype)[:, None, None].expand(n, len(k), 1)
        parts = [face["features"][row, apex, k], hat(face["aus"][row, apex, k], 0, 5, LEVELS),
                 hat(face["sides"][row, apex, k], -5, 5, TILTS), course.transpose(1, 2) / 5, clip]
        return self.au_projector(torch.cat(parts, -1)) + self.au_embedding(k)

    @torch.inference_mode()
    def evidence(self, pixel_values: Tensor, read: dict[str, Tensor] | None = None) -> list[Evidence | None]:
        """What facenet reads off each media: the same figures that its AU tokens carry. None without a face.
        read: what ``read`` gave for it, where that is known."""
        self.eval()
        there = pixel_values[:, :, 1].flatten(2).amax(-1) > 0
        read = self.read(pixel_values[:, :, 1].flatten(0, 1), len(pixel_values)) if read is None else read
        face = {k: v.float().cpu().numpy() for k, v in read.items()}
        out: list[Evidence | None] = []
        for i, good in enumerate(there.cpu().numpy()):
            p = face["readout"][i, good, :len(EMOTIONS)]
            out.append(Evidence(torch.arange(int(good.sum())).numpy().astype(float), face["aus"][i, good],
                                face["sides"][i, good], face["maps"][i, good], p, face["affect"][i, good, 0],
                                face["affect"][i, good, 1], face["pose"][i, good], good[good]) if good.any() else None)
        return out
