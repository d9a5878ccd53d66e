"""Train or adapt an open_clip tower on pairs of a face and its description, with wrong descriptions beside the right.

Data are the caches of ``emoreason train facenet-data``. As the tower sees whole pictures later, the face is set into a
larger, coloured ground at random. The result, ``out``/tower.safetensors with tower.json, is what ``start.tower`` of SFT
takes. Step i depends on the seed and i alone, so that a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from emoreason.encoder import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from emoreason.errors import UserError
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.training.clip_texts import negatives, positive, prompts
from emoreason.training.interrupt import Interrupt
from emoreason.training.models import load_part
from emoreason.training.precision import in_bf16

LOSSES = ("infonce", "sigmoid")


@dataclass
class ClipTraining:
    """data, validation: npz caches; out: folder; tower: {"name": open_clip model} or an open_clip config, with
    "pretrained" (a tag or file, for a name) or "checkpoint" (safetensors of the vision tower); loss: infonce or
    sigmoid; negatives: wrong descriptions of each face; batch in faces; steps; lr: peak; place: share of faces set
    into a larger ground; freeze_text: the text tower stays as it is; save_every in steps; threads: CPU threads."""

    data: tuple[str, ...]
    out: str
    tower: dict
    validation: str | None = None
    loss: str = "infonce"
    negatives: int = 3
    batch: int = 256
    steps: int = 2000
    lr: float = 1e-3
    weight_decay: float = 0.1
    warmup: int = 100
    place: float = 0.5
    freeze_text: bool = False
    bf16: bool | None = None
    seed: int = 0
    save_every: int = 200
    threads: int = 0


@dataclass
class Faces:
    """grey (N, 64, 64) uint8; aus (N, K) intensities 0-5, NaN unknown; label (N,) index into EMOTIONS, -1 unknown."""

    grey: np.ndarray
    aus: np.ndarray
    label: np.ndarray

    @classmethod
    def read(cls, paths: tuple[str, ...]) -> Faces:
        parts = []
        for path in paths:
            if not Path(path).is_file():
                raise UserError(f"{path} not found; make it with: emoreason train facenet-data")
            with np.load(path) as z:
                parts.append((z["grey"], z["aus"].astype(np.float32), z["label"]))
        grey, aus, label = (np.concatenate(p) for p in zip(*parts, strict=True))
        return cls(grey, aus, label)

    def __len__(self) -> int:
        return len(self.grey)

    def facts(self, i: int) -> tuple[dict[int, float], str | None]:
        """AU -> intensity and the emotion of face i."""
        aus = {a: float(v) for a, v in zip(MEASURED_AUS, self.aus[i], strict=True) if np.isfinite(v)}
        return aus, EMOTIONS[self.label[i]] if self.label[i] >= 0 else None


def make(tower: dict) -> tuple[Any, Any, int]:
    """(CLIP model, its tokenizer, input side in px). Raises UserError for what open_clip does not know."""
    import open_clip

    spec = {k: v for k, v in tower.items() if k not in ("checkpoint", "pretrained")}
    try:
        if "name" in spec:
            pretrained = tower.get("pretrained")
            model = open_clip.create_model(spec["name"], pretrained=pretrained, load_weights=pretrained is not None)
            tokenizer = open_clip.get_tokenizer(spec["name"])
        else:
            model = open_clip.CLIP(**spec)
            tokenizer = open_clip.SimpleTokenizer(context_length=spec["text_cfg"].get("context_length", 77))
    except (TypeError, KeyError, ValueError, RuntimeError, OSError) as e:
        raise UserError(f"tower: open_clip cannot make it: {' '.join(str(e).split())[:200]}") from None
    if tower.get("checkpoint"):
        load_part(model.visual, tower["checkpoint"], "vision tower")
    side = model.visual.image_size
    return model, tokenizer, int(side[0] if isinstance(side, (tuple, list)) else side)


def pictures(grey: np.ndarray, side: int, place: float, generator: torch.Generator | None) -> Tensor:
    """Faces (N, 64, 64) uint8 grey -> normalised RGB (N, 3, side, side); with a generator: mirrored, tinted, and a
    share ``place`` of them set small into a coloured, noisy ground."""
    x = torch.from_numpy(grey)[:, None].float() / 255
    n = len(x)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD))
    if generator is None:
        x = F.interpolate(x, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        return (x.expand(-1, 3, -1, -1) - mean) / std

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    small = rand(n) < place
    scale = torch.where(small, 0.3 + 0.6 * rand(n), 0.9 + 0.2 * rand(n))
    room = (1 - scale).clamp_min(0.05)[:, None]
    shift = (rand(n, 2) * 2 - 1) * room / scale[:, None]
    flip = torch.where(rand(n) < 0.5, -1.0, 1.0) / scale
    zero = torch.zeros(n)
    matrix = torch.stack([torch.stack([flip, zero, shift[:, 0]], 1), torch.stack([zero, 1 / scale, shift[:, 1]], 1)], 1)
    grid = F.affine_grid(matrix, [n, 1, side, side], align_corners=False)
    inside = (grid.abs().amax(-1) <= 1)[:, None]
    face = F.grid_sample(x, grid, align_corners=False, padding_mode="border")
    tint = 1 + 0.15 * (rand(n, 3, 1, 1) - 0.5)
    ground = rand(n, 3, 1, 1) + 0.3 * F.interpolate(rand(n, 3, 4, 4) - 0.5, size=(side, side), mode="bilinear")
    out = torch.where(inside, face * tint, ground)
    out = (out.clamp(1e-3, 1) ** torch.exp(0.5 * (rand(n, 1, 1, 1) - 0.5))) + 0.03 * (rand(n, 1, side, side) - 0.5)
    return (out.clamp(0, 1) - mean) / std


def contrast(image: Tensor, right: Tensor, wrong: Tensor, same: Tensor, scale: Tensor, bias: Tensor | None,
             loss: str) -> Tensor:
    """The loss of N faces. image, right (N, D) and wrong (N, M, D) are unit vectors; same (N, N) bool: pairs whose
    texts say the same, which are no negatives of each other. infonce: cross-entropy over all right texts and the
    face's own wrong ones, and over all faces for each text (CLIP); sigmoid: each pair by itself (SigLIP)."""
    across = scale * image @ right.T
    own = scale * torch.einsum("nd,nmd->nm", image, wrong)
    eye = torch.eye(len(image), dtype=torch.bool, device=image.device)
    if loss == "sigmoid":
        b = 0.0 if bias is None else bias
        signs = torch.where(eye, 1.0, -1.0)
        pairs = -F.logsigmoid(signs * (across + b)).masked_fill(same & ~eye, 0.0)
        return (pairs.sum() - F.logsigmoid(-(own + b)).sum()) / len(image)
    across = across.masked_fill(same & ~eye, -1e4)
    target = torch.arange(len(image), device=image.device)
    return (F.cross_entropy(torch.cat([across, own], 1), target) + F.cross_entropy(across.T, target)) / 2


@torch.inference_mode()
def evaluate(model: Any, tokenizer: Any, side: int, faces: Faces, most: int = 2000) -> dict[str, float]:
    """accuracy and mean recall of the expression by ``prompts``, and pairs: share of faces whose own description is
    nearer than each of three wrong ones; all over faces with a label."""
    model.eval()
    device = next(model.parameters()).device
    keep = np.flatnonzero(faces.label >= 0)
    keep = keep[np.random.default_rng(0).permutation(len(keep))[:most]]
    classes = [e for i, e in enumerate(EMOTIONS) if (faces.label[keep] == i).any()]
    heads = torch.stack([F.normalize(model.encode_text(tokenizer(prompts(e)).to(device), normalize=True).mean(0), dim=0)
                         for e in classes])
    hits, right, gold = [], [], [EMOTIONS[v] for v in faces.label[keep]]
    rng = random.Random(0)
    for at in range(0, len(keep), 250):
        rows = keep[at:at + 250]
        image = model.encode_image(pictures(faces.grey[rows], side, 0.0, None).to(device), normalize=True)
        right += [classes[int(i)] for i in (image @ heads.T).argmax(1)]
        texts = [t for i in rows for t in (positive(*faces.facts(i), rng), *negatives(*faces.facts(i), rng))]
        text = model.encode_text(tokenizer(texts).to(device), normalize=True).unflatten(0, (len(rows), -1))
        near = torch.einsum("nd,nmd->nm", image, text)
        hits.append(near[:, 0] > near[:, 1:].amax(1))
    model.train()
    good = np.array([a == b for a, b in zip(right, gold, strict=True)])
    recall = [good[[g == e for g in gold]].mean() for e in classes]
    return {"accuracy": float(good.mean()), "recall": float(np.mean(recall)),
            "pairs": torch.cat(hits).float().mean().item()}


def train(config: ClipTraining) -> dict[str, float]:
    """Run it; writes tower.safetensors (fp16), tower.json, metrics.json, state.pt and curves.png into ``out``. A second
    call goes on from state.pt. Ctrl-C saves. Raises UserError for settings or files that do not do."""
    if config.loss not in LOSSES:
        raise UserError(f"loss: unknown {config.loss!r}; allowed are {', '.join(LOSSES)}")
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    faces = Faces.read(config.data)
    held = Faces.read((config.validation,)) if config.validation else None
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, tokenizer, side = make(config.tower)
    model.to(device)
    if config.freeze_text:
        for name, p in model.named_parameters():
            p.requires_grad_(name.startswith("visual.") or name.startswith("logit_"))
    if config.loss == "sigmoid" and model.logit_bias is None:
        model.logit_bias = nn.Parameter(torch.full((), -10.0, device=device))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW([{"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
                                   {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0}], config.lr,
                                  betas=(0.9, 0.98))
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    first, history = 0, []
    if (out / "state.pt").is_file():
        state = torch.load(out / "state.pt", map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first, history = state["step"], state["history"]
    count = sum(p.numel() for p in model.visual.parameters()) / 1e6
    print(f"vision tower {count:.2f} M parameters at {side} px, {len(faces)} faces, from step {first}")
    result: dict[str, float] = {}
    with SummaryWriter(str(out / "runs")) as board, Interrupt() as stop:
        for step in range(first, config.steps):
            rate = min(1.0, (step + 1) / max(1, config.warmup)) * 0.5 * (1 + math.cos(math.pi * step / config.steps))
            for group in optimiser.param_groups:
                group["lr"] = config.lr * rate
            loss = one_step(model, tokenizer, side, faces, config, step, device)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, math.log(100))
            history.append({"step": step + 1, "loss": loss.item()})
            board.add_scalar("loss", loss.item(), step + 1)
            if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                result = evaluate(model, tokenizer, side, held) if held is not None else {}
                shown = {k: round(v, 4) for k, v in result.items()}
                history[-1] |= result
                print(json.dumps({"step": step + 1, "loss": round(loss.item(), 4), **shown}), flush=True)
                for name, value in result.items():
                    board.add_scalar(name, value, step + 1)
                save(model, optimiser, step + 1, history, config, result)
            elif stop.asked:
                save(model, optimiser, step + 1, history, config, result)
            if stop.asked:
                raise KeyboardInterrupt
    return result


def one_step(model: Any, tokenizer: Any, side: int, faces: Faces, config: ClipTraining, step: int,
             device: torch.device) -> Tensor:
    """The loss of step number ``step``: which faces, views and texts depends on the seed and the step."""
    rng = random.Random(f"{config.seed}-{step}")
    rows = rng.sample(range(len(faces)), min(config.batch, len(faces)))
    facts = [faces.facts(i) for i in rows]
    right = [positive(*f, rng) for f in facts]
    wrong = [t for f in facts for t in negatives(*f, rng, config.negatives)]
    keys = [(e, frozenset(a for a, v in aus.items() if v >= 1.0)) for aus, e in facts]
    same = torch.tensor([[a == b for b in keys] for a in keys], device=device)
    generator = torch.Generator().manual_seed(rng.getrandbits(62))
    x = pictures(faces.grey[rows], side, config.place, generator).to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=in_bf16(config.bf16)):
        image = model.encode_image(x, normalize=True)
        text = model.encode_text(tokenizer([*right, *wrong]).to(device), normalize=True)
    image, text = image.float(), text.float()
    return contrast(image, text[:len(rows)], text[len(rows):].unflatten(0, (len(rows), config.negatives)), same,
                    model.logit_scale.exp(), model.logit_bias, config.loss)


def save(model: Any, optimiser: torch.optim.Optimizer, step: int, history: list[dict], config: ClipTraining,
         result: dict[str, float]) -> None:
    """Tower, state, figures and curve, each written whole or not at all."""
    from emoreason.training.run import curves

    out = Path(config.out)
    tensors = {k: (v.half() if v.is_floating_point() else v).contiguous().cpu()
               for k, v in model.visual.state_dict().items()}
    save_file(tensors, out / "tower.tmp")
    (out / "tower.tmp").replace(out / "tower.safetensors")
    spec = {k: v for k, v in config.tower.items() if k not in ("checkpoint", "pretrained")}
    (out / "tower.json").write_text(json.dumps({**spec, "checkpoint": str(out / "tower.safetensors")}, indent=1))
    (out / "metrics.json").write_text(json.dumps({"step": step, **result, "config": asdict(config)}, indent=1))
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "history": history},
               out / "state.tmp")
    (out / "state.tmp").replace(out / "state.pt")
    curves(history, out / "curves.png")
