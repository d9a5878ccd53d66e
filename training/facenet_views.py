"""Views of faces that facenet is trained on: moved and flawed, mixed with one another, put together of two halves, with
darker skin."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from emoreason.facenet import standardise

EYES_AND_MOUTH = ((36, 39, (37, 38), (41, 40)), (42, 45, (43, 44), (47, 46)), (60, 64, (61, 62, 63), (67, 66, 65)))


def augment(grey: Tensor, points: Tensor | None, render: bool) -> tuple[Tensor, Tensor | None, Tensor]:
    """Random view of each picture: mirror, and slight rotation, scale and shift; of real faces, as renders come with
    flaws, more of these, and sharpness, gamma, light, noise, a cut-out.

    grey (N, 64, 64) uint8; points (N, 68, 2) in [0, 1] or None. Returns pictures (N, 1, 64, 64), the points moved
    along (not yet swapped left for right) and which were mirrored (N,) bool. Renders are upright and centred by their
    landmarks, as faces are in use: where a brow or a lip corner stands says how far it moved.
    """
    turn, zoom, shift = (0.03, 0.02, 0.015) if render else (0.09, 0.05, 0.05)
    x, points, flip = _moved(grey[:, None].float() / 255, points, turn, zoom, shift)
    return standardise(x if render else _flawed(x)), points, flip


def _moved(x: Tensor, points: Tensor | None, turn: float, zoom: float,
           shift: float) -> tuple[Tensor, Tensor | None, Tensor]:
    """Half of the pictures mirrored, all rotated, scaled and shifted by normal deviates: radians, log scale, half
    widths."""
    n, device = len(x), x.device
    flip = torch.rand(n, device=device) < 0.5
    angle, scale = (torch.randn(n, device=device) * turn, torch.exp(torch.randn(n, device=device) * zoom))
    move = torch.randn(n, 2, device=device) * shift
    sign = torch.where(flip, -1.0, 1.0)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    matrix = torch.stack([torch.stack([cos * sign, -sin, move[:, 0]], 1),
                          torch.stack([sin * sign, cos, move[:, 1]], 1)], 1)  # output -> input, in [-1, 1]
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, align_corners=False, padding_mode="border")
    if points is not None:
        inverse = torch.linalg.inv(matrix[:, :, :2])
        points = ((points * 2 - 1 - matrix[:, None, :, 2]) @ inverse.transpose(1, 2) + 1) / 2
    return x, points, flip


def _flawed(x: Tensor) -> Tensor:
    """Often half of a batch less sharp; other gamma; light and noise by each picture's contrast; a cut-out in 40%."""
    n, device = len(x), x.device

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, device=device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device)

    size = (40, 52, 64)[int(torch.randint(3, (1,)))]
    if size < 64:
        small = F.interpolate(F.interpolate(x, size=size, mode="bilinear", antialias=True), size=64, mode="bicubic")
        x = torch.where((rand(n) < 0.5)[:, None, None, None], small, x)
    x = x.clamp(1e-3, 1) ** torch.exp(normal(n, 1, 1, 1) * 0.3)
    ramp = torch.linspace(-1, 1, 64, device=device)
    light = normal(n, 1, 1, 1) * 0.3 * ramp + normal(n, 1, 1, 1) * 0.3 * ramp[:, None]
    x = x + x.std((1, 2, 3), keepdim=True) * (light + normal(*x.shape) * rand(n, 1, 1, 1) * 0.12)
    hole = (rand(n, 1) * 44, rand(n, 1) * 44)
    wide, on = 8 + rand(n, 1) * 12, rand(n, 1) < 0.4
    at = torch.arange(64, device=device)[None]
    inside_y = (at >= hole[0]) & (at < hole[0] + wide) & on
    inside_x = (at >= hole[1]) & (at < hole[1] + wide)
    return torch.where((inside_y[:, :, None] & inside_x[:, None])[:, None], x.mean((2, 3), keepdim=True), x)


def mixed(x: Tensor, y: dict[str, Tensor], part: float) -> tuple[Tensor, dict[str, Tensor]]:
    """The first ``part`` of a batch mixed with one another (mixup, Zhang et al. 2018; shares from Beta(0.4, 0.4)): y
    gets ``share`` (N, 1) of each face's own label and the ``other`` one; nothing else is known of a mixed picture."""
    n = int(len(x) * part)
    own = torch.distributions.Beta(0.4, 0.4).sample((n, 1)).to(x.device)
    own = torch.maximum(own, 1 - own)
    share = torch.cat([own, own.new_ones(len(x) - n, 1)])
    other = torch.cat([y["label"][:n].roll(1), y["label"][n:]])
    x = torch.cat([own[..., None, None] * x[:n] + (1 - own[..., None, None]) * x[:n].roll(1, 0), x[n:]])
    blank = (torch.arange(len(x), device=x.device) < n)[:, None]
    y = {k: torch.where(blank, torch.nan, v) if k in ("aus", "pose") else v for k, v in y.items()}
    return x, y | {"share": share, "other": other}


def darker(x: Tensor, points: Tensor, part: float) -> Tensor:
    """The last ``part`` of faces (N, 1, 64, 64) by ``dark_skin``, each to another degree."""
    n = int(len(x) * part)
    if not n:
        return x
    back, shine = (torch.rand(n, device=x.device) for _ in range(2))
    return torch.cat([x[:-n], dark_skin(x[-n:], points[-n:], 0.2 + 0.6 * back, shine)])


def dark_skin(x: Tensor, points: Tensor, back: Tensor, shine: Tensor) -> Tensor:
    """Faces (N, 1, 64, 64) whose skin gives back the share ``back`` (N,) of the light; of its shine ``shine`` (N,) is
    left as it was, and all of the eyes and of what the open mouth shows. points (N, 68, 2) in [0, 1]; faces without
    them stay as they are. Standardised pictures in and out; the darkest pixel counts as black."""
    light = x - x.amin((1, 2, 3), keepdim=True)
    face = light[:, :, 18:58, 14:50].flatten(1)
    dull, bright = (face.quantile(q, 1)[:, None, None, None] for q in (0.88, 0.995))
    smooth = F.avg_pool2d(light, 3, 1, 1, count_include_pad=False)
    gloss = ((smooth - dull) / (bright - dull).clamp_min(0.05)).clamp(0, 1) * shine[:, None, None, None]
    bare = no_skin(torch.nan_to_num(points, 0.5))[:, None]
    back = back[:, None, None, None]
    dark = standardise(light * (bare + (1 - bare) * (back + (1 - back) * gloss)))
    return torch.where(torch.isfinite(points).flatten(1).all(1)[:, None, None, None], dark, x)


def no_skin(points: Tensor) -> Tensor:
    """(N, 64, 64) in [0, 1]: soft ellipses of the eyes and the open mouth; points (N, 68, 2) in [0, 1]."""
    at = (torch.arange(64, device=points.device) + 0.5) / 64
    pixels = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)  # 64, 64, 2
    inside = points.new_zeros(len(points), 64, 64)
    for left, right, over, under in EYES_AND_MOUTH:
        a, b, top, low = points[:, left], points[:, right], points[:, over], points[:, under]
        wide = (b - a).norm(dim=1).clamp_min(1e-3)
        along = (b - a) / wide[:, None]
        across = torch.stack([-along[:, 1], along[:, 0]], 1)
        high = ((low - top) * across[:, None]).sum(-1).mean(1).abs()
        away = pixels - ((torch.cat([top, low], 1).mean(1) + (a + b) / 2) / 2)[:, None, None]
        axes = ((along, wide / 2), (across, (0.6 * high).clamp_min(8e-3)))
        u, v = ((away * axis[:, None, None]).sum(-1) / half[:, None, None] for axis, half in axes)
        open_ = (high / 0.02).clamp_max(1)[:, None, None]
        inside = torch.maximum(inside, torch.sigmoid(5 - 5 * (u ** 2 + v ** 2).sqrt()) * open_)
    return inside


def halved(x: Tensor, points: Tensor) -> Tensor:
    """Each face (N, 1, 64, 64) down to halfway between its lower lids and its nose, and below it the lower part of the
    one before it (of the last, in the first); points (N, 68, 2) in [0, 1]."""
    level = (points[:, [40, 41, 46, 47], 1].mean(1) + points[:, 33, 1]) / 2
    cut = (torch.nan_to_num(level, 0.53) * x.shape[2]).round().long().clamp(24, 44)[:, None]
    row = torch.arange(x.shape[2], device=x.device)[None]
    lower = (row - cut + cut.roll(1, 0)).clamp(0, x.shape[2] - 1)[:, None, :, None].expand_as(x)
    return standardise(torch.where((row < cut)[:, None, :, None], x, x.roll(1, 0).gather(2, lower)))
