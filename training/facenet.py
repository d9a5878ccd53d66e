"""Train facenet: real faces (emotion labels, AU pseudo-labels) and renders (exact AUs) in every batch.

Losses, each a mean over its batch part:
    emotion   cross-entropy with label smoothing, mixed with out-of-fold soft labels where there are any
    aus       weighted squared error of the intensities (renders: exact; real: the teacher's, by its trust)
    classes   squared gap between the class means of the intensities and their expected values (real, weak)
    maps      KL divergence from Gaussians at the landmarks to the attention maps
    sides, affect, pose, and a gradient-reversed identity head (after FMAE-IAT) on the renders' identities
Out-of-fold soft labels come from the same command with ``folds`` set: it trains without fold ``fold`` and writes
that fold's probabilities. FER2013's labels are noisy; nobody is taught by a network that has memorised them.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from emoreason.errors import UserError
from emoreason.facenet import MAP, FaceNet, FaceNetConfig, load, standardise
from emoreason.facs import AFFECT, EMOTIONS, MEASURED_AUS
from emoreason.regions import AU_POINTS


@dataclass
class Weights:
    """Weight of each loss; ``identity`` is the strength of the reversed gradient."""

    emotion: float = 1.0
    aus: float = 0.5
    classes: float = 0.05
    maps: float = 0.05
    sides: float = 0.1
    affect: float = 0.5
    pose: float = 0.1
    identity: float = 0.05
    render_emotion: float = 0.1


@dataclass
class FaceNetTraining:
    """real, validation, renders, render_validation: npz caches made by ``emoreason train facenet-data``; soft: npz
    with ``soft`` (N, 8); start: weights to go on from; out: folder; epochs over the real faces; batches in pictures; lr: the peak of one cycle;
    soft_share in [0, 1]; folds > 0 trains without fold ``fold`` and writes its probabilities; save_every in epochs."""

    real: str
    validation: str
    out: str
    renders: str | None = None
    render_validation: str | None = None
    soft: str | None = None
    start: str | None = None
    epochs: int = 60
    batch: int = 256
    render_batch: int = 128
    lr: float = 0.1
    weight_decay: float = 5e-4
    smoothing: float = 0.1
    soft_share: float = 0.6
    folds: int = 0
    fold: int = 0
    seed: int = 0
    save_every: int = 5
    bf16: bool = True
    ema: float = 0.998
    limit_s: float = 1e9
    weights: Weights = field(default_factory=Weights)
    net: FaceNetConfig = field(default_factory=FaceNetConfig)


class Reverse(torch.autograd.Function):
    """Identity forward; backward the gradient times -scale."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return -ctx.scale * grad, None


def load_cache(path: str, device: torch.device) -> dict[str, Tensor]:
    """An npz cache as tensors on the device: grey (N, 64, 64) uint8 and whatever labels it has."""
    if not Path(path).is_file():
        raise UserError(f"{path} not found; make it with: emoreason train facenet-data")
    with np.load(path) as z:
        data = {k: torch.from_numpy(z[k]) for k in z.files}
    return {k: (v if v.dtype in (torch.uint8, torch.int64) else v.float()).to(device) for k, v in data.items()}


def augment(grey: Tensor, points: Tensor | None, render: bool) -> tuple[Tensor, Tensor | None, Tensor]:
    """Random view of each picture: rotation, scale, shift, mirror, sharpness, gamma, noise, a cut-out.

    grey (N, 64, 64) uint8; points (N, 68, 2) in [0, 1] or None. Returns pictures (N, 1, 64, 64), the points moved
    along (not yet swapped left for right) and which were mirrored (N,) bool.
    """
    n, device = len(grey), grey.device

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, device=device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device)

    x = grey[:, None].float() / 255
    flip = rand(n) < 0.5
    angle, scale, shift = normal(n) * 0.12, torch.exp(normal(n) * 0.07), normal(n, 2) * 0.07
    sign = torch.where(flip, -1.0, 1.0)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    matrix = torch.stack([torch.stack([cos * sign, -sin, shift[:, 0]], 1),
                          torch.stack([sin * sign, cos, shift[:, 1]], 1)], 1)  # output -> input, in [-1, 1]
    grid = F.affine_grid(matrix, [n, 1, *grey.shape[1:]], align_corners=False)
    x = F.grid_sample(x, grid, align_corners=False, padding_mode="border")
    if points is not None:
        inverse = torch.linalg.inv(matrix[:, :, :2])
        points = ((points * 2 - 1 - matrix[:, None, :, 2]) @ inverse.transpose(1, 2) + 1) / 2
    sizes = (28, 36, 44, 64) if render else (40, 52, 64)
    size = sizes[int(torch.randint(len(sizes), (1,)))]
    if size < 64:
        part = rand(n) < 0.5
        small = F.interpolate(F.interpolate(x, size=size, mode="bilinear", antialias=True), size=64, mode="bicubic")
        x = torch.where(part[:, None, None, None], small, x)
    x = x.clamp(1e-3, 1) ** torch.exp(normal(n, 1, 1, 1) * 0.3)
    ramp = torch.linspace(-1, 1, 64, device=device)
    light = normal(n, 1, 1, 1) * 0.15 * ramp + normal(n, 1, 1, 1) * 0.15 * ramp[:, None]
    x = x + light + normal(*x.shape) * rand(n, 1, 1, 1) * 0.05
    hole = (rand(n, 1) * 44, rand(n, 1) * 44)
    wide, on = 8 + rand(n, 1) * 12, rand(n, 1) < 0.4
    at = torch.arange(64, device=device)[None]
    inside_y = (at >= hole[0]) & (at < hole[0] + wide) & on
    inside_x = (at >= hole[1]) & (at < hole[1] + wide)
    x = torch.where((inside_y[:, :, None] & inside_x[:, None])[:, None], x.mean((2, 3), keepdim=True), x)
    return standardise(x), points, flip


def guides(points: Tensor, spread: float = 0.07) -> Tensor:
    """Target maps (N, K, 16, 16), each summing to 1: Gaussians where each AU shows; points (N, 68, 2) in [0, 1]."""
    grid = (torch.arange(MAP, device=points.device) + 0.5) / MAP
    maps = []
    for number in MEASURED_AUS:
        centres = torch.stack([points[:, list(g)].mean(1) for g in AU_POINTS[number]], 1)
        gx = torch.exp(-0.5 * ((grid - centres[..., :1]) / spread) ** 2)
        gy = torch.exp(-0.5 * ((grid - centres[..., 1:]) / spread) ** 2)
        maps.append(torch.einsum("ngx,ngy->nyx", gx, gy))
    out = torch.stack(maps, 1)
    return out / out.sum((2, 3), keepdim=True).clamp_min(1e-6)


def masked(error: Tensor, mask: Tensor) -> Tensor:
    """Mean of error over mask > 0, weighted by it; 0 when nothing is left."""
    return torch.where(mask > 0, error * mask, 0.0).sum() / mask.expand_as(error).sum().clamp_min(1.0)


class Losses:
    """All losses of one step; ``trust`` (K,) of the teacher's AUs and ``expected`` (8, K) class means."""

    def __init__(self, weights: Weights, smoothing: float, soft_share: float, device: torch.device) -> None:
        from emoreason.data_pipeline.teachers import TEACHER_WEIGHT, class_means

        self.w, self.smoothing, self.soft_share = weights, smoothing, soft_share
        self.trust = torch.tensor([TEACHER_WEIGHT.get(a, 0.0) for a in MEASURED_AUS], device=device)
        self.expected = torch.from_numpy(class_means()).to(device)
        self.circumplex = torch.tensor([AFFECT[e] for e in EMOTIONS], device=device)

    def aus(self, out: Tensor, want: Tensor, trust: Tensor | float) -> Tensor:
        mask = torch.isfinite(want).float() * trust * (1 + torch.nan_to_num(want) / 2.5)
        return masked((out - torch.nan_to_num(want)) ** 2, mask)

    def common(self, out: dict[str, Tensor], points: Tensor, log: dict[str, Tensor]) -> None:
        good = torch.isfinite(points).all(-1).all(-1)
        want = guides(torch.nan_to_num(points, 0.5))
        kl = (want * (want.clamp_min(1e-6).log() - out["maps"].clamp_min(1e-6).log())).sum((2, 3)).mean(1)
        log["maps"] = log.get("maps", 0) + self.w.maps * masked(kl, good.float())

    def real(self, out: dict[str, Tensor], y: dict[str, Tensor], points: Tensor, log: dict[str, Tensor]) -> None:
        target = F.one_hot(y["label"], len(EMOTIONS)).float()
        target = target * (1 - self.smoothing) + self.smoothing / 7 * (target.new_tensor(
            [e != "contempt" for e in EMOTIONS]))
        if "soft" in y:
            target = (1 - self.soft_share) * target + self.soft_share * y["soft"]
        log["emotion"] = -self.w.emotion * (target * out["emotion"].log_softmax(-1)).sum(-1).mean()
        log["aus"] = self.w.aus * self.aus(out["aus"], y["aus"], self.trust)
        share = F.one_hot(y["label"], len(EMOTIONS)).float()
        count = share.sum(0)
        mean = (share.T @ out["aus"]) / count.clamp_min(1)[:, None]
        rows = (count > 3) & torch.isfinite(self.expected[:, 0])
        log["classes"] = self.w.classes * ((mean - self.expected)[rows] ** 2).mean() * len(MEASURED_AUS)
        affect = target @ self.circumplex
        log["affect"] = self.w.affect * ((out["affect"] - affect) ** 2).mean()
        if "pose" in y:
            good = torch.isfinite(y["pose"]).all(-1, keepdim=True).float()
            log["real_pose"] = self.w.pose * masked(((out["pose"] - torch.nan_to_num(y["pose"])) / 20) ** 2, good)
        self.common(out, points, log)

    def renders(self, out: dict[str, Tensor], y: dict[str, Tensor], points: Tensor, log: dict[str, Tensor]) -> None:
        log["render_aus"] = self.w.aus * self.aus(out["aus"], y["aus"], 1.0)
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


@torch.inference_mode()
def predict(net: FaceNet, grey: Tensor, batch: int = 512) -> dict[str, Tensor]:
    """Mirror-averaged outputs for grey (N, 64, 64) uint8; maps and features left out."""
    net.eval()
    parts = []
    for i in range(0, len(grey), batch):
        out = net.mirrored(standardise(grey[i:i + batch, None].float() / 255))
        parts.append({k: v for k, v in out.items() if k not in ("maps", "features", "pooled")})
    return {k: torch.cat([p[k] for p in parts]) for k in parts[0]}


def evaluate(net: FaceNet, faces: dict[str, Tensor], renders: dict[str, Tensor] | None) -> dict[str, float]:
    """Accuracy on the real faces (contempt left out), AU figures on the renders (present from 1)."""
    out = predict(net, faces["grey"])
    logits = out["emotion"].clone()
    logits[:, EMOTIONS.index("contempt")] = -1e9
    result = {"accuracy": (logits.argmax(1) == faces["label"]).float().mean().item()}
    result["nll"] = F.cross_entropy(logits, faces["label"]).item()
    if renders is not None:
        got = predict(net, renders["grey"])
        scores, r = [], []
        for k in range(len(MEASURED_AUS)):
            want, have = renders["aus"][:, k], got["aus"][:, k]
            hit = ((want >= 1) & (have >= 1)).sum()
            scores.append((2 * hit / ((want >= 1).sum() + (have >= 1).sum()).clamp_min(1)).item())
            r.append(torch.corrcoef(torch.stack([want, have]))[0, 1].item())
        result |= {"au_f1": float(np.mean(scores)), "au_r": float(np.nanmean(r)),
                   "pose_mae": (got["pose"] - renders["pose"]).abs().mean().item()}
        result |= {f"f1_au{a}": round(s, 3) for a, s in zip(MEASURED_AUS, scores, strict=True)}
    return result


def train(config: FaceNetTraining) -> dict[str, float]:
    """Run the training; writes facenet.safetensors (fp16, averaged weights), metrics.json and a resumable state."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(config.seed)
    torch.backends.cudnn.benchmark = True
    out_dir = Path(config.out)
    out_dir.mkdir(parents=True, exist_ok=True)
    real, val = load_cache(config.real, device), load_cache(config.validation, device)
    renders = load_cache(config.renders, device) if config.renders else None
    render_val = load_cache(config.render_validation, device) if config.render_validation else None
    if config.soft:
        real["soft"] = load_cache(config.soft, device)["soft"]
    index = torch.arange(len(real["grey"]), device=device)
    if config.folds:
        index = index[index % config.folds != config.fold]
    net = load(config.start, config.net).train() if config.start else FaceNet(config.net)
    net = net.to(device, memory_format=torch.channels_last)
    people = int(renders["identity"].max()) + 1 if renders is not None else 1
    critic = nn.Linear(config.net.widths[-1], people).to(device)
    params = list(net.parameters()) + list(critic.parameters())
    optimiser = torch.optim.SGD(params, config.lr, momentum=0.9, nesterov=True, weight_decay=config.weight_decay)
    per_epoch = max(1, len(index) // config.batch)
    total = config.epochs * per_epoch
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.ema), use_buffers=True)
    losses = Losses(config.weights, config.smoothing, config.soft_share, device)
    state_file, first = out_dir / "state.pt", 0
    if state_file.is_file():
        state = torch.load(state_file, map_location=device, weights_only=True)
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        critic.load_state_dict(state["critic"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["epoch"]
    start, result = time.time(), {}
    for epoch in range(first, config.epochs):
        torch.manual_seed(config.seed * 1000 + epoch)
        net.train()
        order = index[torch.randperm(len(index), device=device)]
        sums: dict[str, Tensor] = {}
        for i in range(per_epoch):
            done = max((epoch * per_epoch + i) / total, min(1.0, (time.time() - start) / config.limit_s))
            rate = config.lr * min(1.0, done / 0.1 + 0.01) * 0.5 * (1 + math.cos(math.pi * done))
            optimiser.param_groups[0]["lr"] = rate
            rows = order[i * config.batch:(i + 1) * config.batch]
            x, points, flip = augment(real["grey"][rows], real["points"][rows], False)
            y = mirror_labels({k: real[k][rows] for k in ("label", "aus", "soft", "pose") if k in real}, flip)
            batch = [x]
            if renders is not None:
                pick = torch.randint(len(renders["grey"]), (config.render_batch,), device=device)
                rx, rpoints, flip = augment(renders["grey"][pick], renders["points"][pick], True)
                ry = {k: renders[k][pick] for k in ("label", "aus", "sides", "pose", "affect", "identity")}
                batch.append(rx)
            log: dict[str, Tensor] = {}
            with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16):
                out = net(torch.cat(batch).contiguous(memory_format=torch.channels_last))
                out = {k: v.float() for k, v in out.items()}
            losses.real({k: v[:len(x)] for k, v in out.items()}, y, points, log)
            if renders is not None:
                part = {k: v[len(x):] for k, v in out.items()}
                losses.renders(part, mirror_labels(ry, flip), rpoints, log)
                who = critic(Reverse.apply(part["pooled"], config.weights.identity))
                log["identity"] = F.cross_entropy(who, ry["identity"])
            loss = torch.stack(list(log.values())).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            average.update_parameters(net)
            for k, v in log.items():
                sums[k] = sums.get(k, 0) + v.detach()
        last = epoch + 1 == config.epochs or time.time() - start > config.limit_s
        if last or (epoch + 1) % config.save_every == 0:
            result = evaluate(average.module, val, render_val)
            shown = {k: round(v, 4) for k, v in result.items() if not k.startswith("f1_")}
            parts = {k: round(v.item() / per_epoch, 3) for k, v in sums.items()}
            print(json.dumps({"epoch": epoch + 1, "s": round(time.time() - start), **shown, "loss": parts}), flush=True)
            save(average.module, out_dir)
            (out_dir / "metrics.json").write_text(json.dumps({**result, "config": asdict(config)}, indent=1))
            temporary = state_file.with_suffix(".tmp")
            torch.save({"net": net.state_dict(), "average": average.state_dict(), "critic": critic.state_dict(),
                        "optimiser": optimiser.state_dict(), "epoch": epoch + 1}, temporary)
            temporary.replace(state_file)
        if last:
            break
    if config.folds:
        held = torch.arange(len(real["grey"]), device=device) % config.folds == config.fold
        probabilities = predict(average.module, real["grey"][held])["emotion"].softmax(-1)
        np.savez(out_dir / "soft.npz", rows=held.nonzero()[:, 0].cpu().numpy(), soft=probabilities.cpu().numpy())
    return result


def save(net: FaceNet, folder: Path) -> None:
    """Weights as fp16 safetensors, written atomically."""
    tensors = {k: (v.half() if v.is_floating_point() else v).contiguous().cpu() for k, v in net.state_dict().items()}
    temporary = folder / "facenet.tmp"
    save_file(tensors, temporary)
    temporary.replace(folder / "facenet.safetensors")
