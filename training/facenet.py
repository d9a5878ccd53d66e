"""Train facenet: real faces (emotion labels, AU pseudo-labels) and renders (exact AUs) in every batch.

The views stand in ``facenet_views.py``, the losses in ``facenet_losses.py``. FER2013's labels are noisy, and a net
learns them by heart: pictures mixed with one another (``mixup``) and teachers that answer to each view anew
(``teachers``) keep it from that.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from emoreason.errors import UserError
from emoreason.eval import stats
from emoreason.facenet import FaceNet, FaceNetConfig, load, standardise
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.training import facenet_looks
from emoreason.training.facenet_losses import Losses, Reverse, Weights, mirror_labels
from emoreason.training.facenet_views import augment, darker, halved, mixed
from emoreason.training.interrupt import Interrupt
from emoreason.training.precision import in_bf16
from emoreason.training.together import Together


@dataclass
class FaceNetTraining:
    """real, validation, renders, render_validation: npz caches made by ``emoreason train facenet-data``, several with
    commas between them; teachers: weights of nets, with commas between them, whose mean answer to the very view that
    is learned from (before ``dark``) counts as the label by ``soft_share`` in [0, 1], and as AUs; start: weights to go
    on from; out: folder; epochs over the real faces; batches in pictures; lr: the peak of one cycle; mixup: the part of
    the real faces that is mixed with one another; dark: the part whose skin is made darker; steady: batch norms keep
    their statistics, as short runs of small batches need it; movements: only what reads the movements is trained, and
    the norms are steady; bf16: compute in it, None where the machine gains by it; save_every in epochs."""

    real: str
    validation: str
    out: str
    renders: str | None = None
    render_validation: str | None = None
    teachers: str | None = None
    start: str | None = None
    epochs: int = 60
    batch: int = 256
    render_batch: int = 128
    lr: float = 0.1
    weight_decay: float = 5e-4
    smoothing: float = 0.1
    soft_share: float = 0.6
    mixup: float = 0.0
    dark: float = 0.0
    steady: bool = False
    movements: bool = False
    seed: int = 0
    save_every: int = 5
    bf16: bool | None = None
    ema: float = 0.998
    limit_s: float = 1e9
    weights: Weights = field(default_factory=Weights)
    net: FaceNetConfig = field(default_factory=FaceNetConfig)


def load_cache(path: str, device: torch.device) -> dict[str, Tensor]:
    """One npz cache, or several with commas between them, as tensors on the device: grey (N, 64, 64) uint8 and the
    labels that all of them have. The people of one are not those of another."""
    parts: list[dict[str, Tensor]] = []
    for name in path.split(","):
        if not Path(name).is_file():
            raise UserError(f"{name} not found; make it with: emoreason train facenet-data")
        with np.load(name) as z:
            parts.append({k: torch.from_numpy(z[k]) for k in z.files})
        if len(parts) > 1 and "identity" in parts[-1] and "identity" in parts[-2]:
            parts[-1]["identity"] += parts[-2]["identity"].max() + 1
    shared = set.intersection(*(set(p) for p in parts))
    data = {k: torch.cat([p[k] for p in parts]) for k in parts[0] if k in shared}
    return {k: (v if v.dtype in (torch.uint8, torch.int64) else v.float()).to(device) for k, v in data.items()}


@torch.inference_mode()
def predict(net: FaceNet, grey: Tensor, batch: int = 512, settled: bool = True) -> dict[str, Tensor]:
    """Mirror-averaged outputs for grey (N, 64, 64) uint8; maps and features left out. settled: as in
    ``FaceNet.mirrored``."""
    net.eval()
    parts = []
    for i in range(0, len(grey), batch):
        out = net.mirrored(standardise(grey[i:i + batch, None].float() / 255), settled)
        parts.append({k: v for k, v in out.items() if k not in ("maps", "features", "pooled")})
    return {k: torch.cat([p[k] for p in parts]) for k in parts[0]}


def evaluate(net: FaceNet, faces: dict[str, Tensor], renders: dict[str, Tensor] | None) -> dict[str, float]:
    """Accuracy on the real faces (contempt left out), with the temperature that suits its probabilities best and the
    calibration error at it (ECE, 10 bins); AU figures on the renders: F1 (present from A; ``au_f1_b``: from B),
    Pearson's r and ICC(3,1) of the intensities."""
    out = predict(net, faces["grey"])
    logits = out["emotion"].clone()
    logits[:, EMOTIONS.index("contempt")] = -1e9
    hit = logits.argmax(1) == faces["label"]
    result = {"accuracy": hit.float().mean().item(), "nll": F.cross_entropy(logits, faces["label"]).item()}
    best = min((0.5 + 0.02 * i for i in range(76)), key=lambda t: F.cross_entropy(logits / t, faces["label"]).item())
    sure = (logits / best).softmax(1).amax(1)
    error = stats.ece(sure.double().cpu().numpy(), hit.double().cpu().numpy(), 10)
    result |= {"temperature": round(best, 2), "ece": float(error or 0.0)}
    if renders is not None:
        got = predict(net, renders["grey"])
        want, have = (y["aus"].double().cpu().numpy() for y in (renders, got))
        there = {least: (want >= least, have >= least) for least in (1, 2)}
        f1 = {least: stats.f1_of((w & h).sum(0), h.sum(0), w.sum(0)) for least, (w, h) in there.items()}
        r = [np.corrcoef(a, b)[0, 1] if a.std() and b.std() else np.nan for a, b in zip(want.T, have.T, strict=True)]
        same = [stats.icc31(a, b) or 0.0 for a, b in zip(want.T, have.T, strict=True)]
        result |= {"au_f1": float(f1[1].mean()), "au_f1_b": float(f1[2].mean()), "au_r": float(np.nanmean(r)),
                   "au_icc": float(np.mean(same)), "pose_mae": (got["pose"] - renders["pose"]).abs().mean().item()}
        result |= {f"f1_au{a}": round(float(s), 3) for a, s in zip(MEASURED_AUS, f1[1], strict=True)}
    return result


def train(config: FaceNetTraining) -> dict[str, float]:
    """Run the training; writes facenet.safetensors (fp16, averaged weights), metrics.json, state.pt and curves.png. A
    second call goes on from state.pt, in the middle of an epoch too. Ctrl-C saves. Under torchrun every process takes
    ``batch`` and ``render_batch`` pictures a step; returns {} from all but the first."""
    crew = Together()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(config.seed)
    torch.backends.cudnn.benchmark = True
    out_dir = Path(config.out)
    out_dir.mkdir(parents=True, exist_ok=True)
    real, val = load_cache(config.real, device), load_cache(config.validation, device)
    renders = load_cache(config.renders, device) if config.renders else None
    render_val = load_cache(config.render_validation, device) if config.render_validation else None
    net = load(config.start, config.net).train() if config.start else FaceNet(config.net)
    net = net.to(device, memory_format=torch.channels_last)
    people = int(renders["identity"].max()) + 1 if renders is not None else 1
    critic = nn.Linear(config.net.widths[-1], people).to(device)
    if config.movements:
        net.requires_grad_(False)
        for part in (net.fine, net.coarse, net.mix, net.attend, net.au_context):
            part.requires_grad_(True)
        net.au_weight.requires_grad_(True)
        net.au_bias.requires_grad_(True)
    net.emotion_aus.weight.zero_()  # fitted at the end
    net.emotion_aus.bias.zero_()
    params = [p for p in net.parameters() if p.requires_grad] + list(critic.parameters())
    optimiser = torch.optim.SGD(params, config.lr, momentum=0.9, nesterov=True, weight_decay=config.weight_decay)
    per_epoch = max(1, len(real["grey"]) // (config.batch * crew.world))
    total = config.epochs * per_epoch
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.ema), use_buffers=True)
    half = in_bf16(config.bf16)
    losses = Losses(config.weights, config.smoothing, config.soft_share, device)
    panel = [load(p).to(device, memory_format=torch.channels_last) for p in (config.teachers or "").split(",") if p]
    parts = {"net": net, "average": average, "critic": critic, "optimiser": optimiser, "losses": losses}
    at: dict[str, Any] = {"epoch": 0, "faces": 0, "random": None, "sums": {}, "history": []}
    if (out_dir / "state.pt").is_file():
        state = torch.load(out_dir / "state.pt", map_location="cpu", weights_only=True)
        for name, part in parts.items():
            if name in state:
                part.load_state_dict(state.pop(name))
        at |= state
    start, passed, result, history = time.time(), 0.0, {}, at["history"]
    from emoreason.training.run import curves

    def keep(epoch: int, step: int, sums: dict[str, Tensor]) -> None:
        now = {"epoch": epoch, "faces": step * config.batch * crew.world, "random": torch.get_rng_state(),
               "sums": sums, "history": history}
        torch.save({k: v.state_dict() for k, v in parts.items()} | now, out_dir / "state.tmp")
        (out_dir / "state.tmp").replace(out_dir / "state.pt")
        curves(history, out_dir / "curves.png")

    writer: Any = SummaryWriter(str(out_dir / "runs")) if crew.first else nullcontext()
    with writer as board, Interrupt() as stop:
        for epoch in range(at["epoch"], config.epochs):
            torch.manual_seed(config.seed * 1000 + epoch)
            net.train()
            if config.steady or config.movements:
                for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
                    norm.eval()
            order = torch.randperm(len(real["grey"]), device=device)
            sums: dict[str, Tensor] = {}
            first = at["faces"] // (config.batch * crew.world) if epoch == at["epoch"] else 0
            if not crew.first:  # other views, other renders
                torch.manual_seed((config.seed * 1000 + epoch) * 1000 + crew.rank * 100 + first)
            elif first:
                torch.set_rng_state(at["random"])
            if first:
                sums = {k: v.to(device) for k, v in at["sums"].items()}
            for i in range(first, per_epoch):
                done = max((epoch * per_epoch + i) / total, min(1.0, passed / config.limit_s))
                rate = config.lr * min(1.0, done / 0.1 + 0.01) * 0.5 * (1 + math.cos(math.pi * done))
                optimiser.param_groups[0]["lr"] = rate
                mine = (i * crew.world + crew.rank) * config.batch
                log = step_losses(net, critic, real, renders, order[mine:mine + config.batch], losses, config, half,
                                  panel)
                optimiser.zero_grad(set_to_none=True)
                torch.stack(list(log.values())).sum().backward()
                stopping, passed = crew.average(params, float(stop.asked), time.time() - start)
                nn.utils.clip_grad_norm_(net.parameters(), 5.0)
                optimiser.step()
                average.update_parameters(net)
                for k, v in log.items():
                    sums[k] = sums.get(k, 0) + v.detach()
                if stopping:
                    if crew.first:
                        keep(epoch, i + 1, sums)
                    raise KeyboardInterrupt
            last = epoch + 1 == config.epochs or passed > config.limit_s
            if crew.first and (last or (epoch + 1) % config.save_every == 0):
                if last and renders is not None:
                    facenet_looks.add(average.module, real, renders, val)
                result = evaluate(average.module, val, render_val)
                shown = {k: round(v, 4) for k, v in result.items() if not k.startswith("f1_")}
                means = {k: round(v.item() / per_epoch, 3) for k, v in sums.items()}
                now = {"epoch": epoch + 1, "s": round(time.time() - start), **shown, "loss": means}
                print(json.dumps(now), flush=True)
                history.append({"step": epoch + 1, "loss": sum(means.values()), **shown})
                for name, value in history[-1].items():
                    board.add_scalar(name, value, epoch + 1)
                save(average.module, out_dir)
                (out_dir / "metrics.json").write_text(json.dumps({**result, "config": asdict(config)}, indent=1))
                keep(epoch + 1, 0, {})
            if last:
                break
    return result


def step_losses(net: FaceNet, critic: nn.Module, real: dict[str, Tensor], renders: dict[str, Tensor] | None,
                rows: Tensor, losses: Losses, config: FaceNetTraining, half: bool,
                panel: list[FaceNet]) -> dict[str, Tensor]:
    """The weighted losses of one step, by name: ``rows`` of the real faces, and as many renders as the config says.
    half: compute in bf16; panel: teachers that see the same views of the real faces, their skin as it is."""
    x, points, flip = augment(real["grey"][rows], real["points"][rows], False)
    y = mirror_labels({k: real[k][rows] for k in ("label", "aus", "pose") if k in real}, flip)
    parts = halved(x, points) if config.weights.halves else x[:0]
    labels = y["label"]
    views = torch.cat([darker(x, points, config.dark), x], 1)
    if config.mixup:
        views, y = mixed(views, y, config.mixup)
        points = torch.where(y["share"][..., None] < 1, torch.nan, points)
    x, light = views.split(1, 1)
    if panel:
        y |= answers(panel, light, half)
    batch = [x, parts]
    if renders is not None:
        pick = torch.randint(len(renders["grey"]), (config.render_batch,), device=x.device)
        rx, rpoints, flip = augment(renders["grey"][pick], renders["points"][pick], True)
        ry = {k: renders[k][pick] for k in ("label", "aus", "sides", "pose", "affect", "identity")}
        batch.append(rx)
    log: dict[str, Tensor] = {}
    with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
        out = net(torch.cat(batch).contiguous(memory_format=torch.channels_last))
        out = {k: v.float() for k, v in out.items()}
    losses.real({k: v[:len(x)] for k, v in out.items()}, y, points, log)
    if len(parts):
        losses.halves(out["aus"][len(x):len(x) + len(parts)], labels, labels.roll(1), log)
    if renders is not None:
        part = {k: v[len(x) + len(parts):] for k, v in out.items()}
        losses.renders(part, mirror_labels(ry, flip), rpoints, log)
        who = critic(Reverse.apply(part["pooled"], config.weights.identity))
        log["identity"] = F.cross_entropy(who, ry["identity"])
    return log


@torch.no_grad()
def answers(panel: list[FaceNet], x: Tensor, half: bool) -> dict[str, Tensor]:
    """soft (N, 8) and seen (N, K): the mean emotion probabilities and AUs of the teachers on views x (N, 1, 64, 64)."""
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
        said = [net(x) for net in panel]
    return {"soft": torch.stack([s["emotion"].float().softmax(-1) for s in said]).mean(0),
            "seen": torch.stack([s["aus"].float() for s in said]).mean(0)}


def save(net: FaceNet, folder: Path) -> None:
    """Weights as fp16 safetensors, written atomically."""
    tensors = {k: (v.half() if v.is_floating_point() else v).contiguous().cpu() for k, v in net.state_dict().items()}
    temporary = folder / "facenet.tmp"
    save_file(tensors, temporary)
    temporary.replace(folder / "facenet.safetensors")
