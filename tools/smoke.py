"""The whole of training in small, on a CPU: data -> SFT -> GRPO -> evaluation, with held-out figures after each stage.

``make smoke``. The faces are the bundled samples and their moved, scaled and lit copies, read by the bundled facenet;
the language model is tiny and new. It shows that the chain runs and moves the right way, no more.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import numpy as np

from emoreason.cli import main as command
from emoreason.facs import EMOTIONS, MEASURED_AUS

ROOT = Path(__file__).resolve().parent.parent
SHOWN = {"angry": "anger", "happy": "happiness", "sad": "sadness", "surprised": "surprise"}


def call(*words: str) -> None:
    """One emoreason command, in this process."""
    print("$ emoreason", *words, flush=True)
    try:
        command(list(words))
    except SystemExit as end:
        if end.code:
            raise


def cache(path: Path, count: int, seed: int) -> None:
    """A cache as ``emoreason train facenet-data`` makes them: ``count`` altered copies of the sample faces."""
    import cv2

    from emoreason import faces, images
    from emoreason.training.facenet_data import small

    rng = np.random.default_rng(seed)
    crops = {e: faces.detect(images.read(ROOT / "samples" / f"{name}.jpg"))[0].crop for name, e in SHOWN.items()}
    grey, label = [], []
    for i in range(count):
        emotion = list(crops)[i % len(crops)]
        side = crops[emotion].shape[0]
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.normal(0, 5), np.exp(rng.normal(0, 0.06)))
        turn = turn + np.concatenate([np.zeros((2, 2)), rng.normal(0, 3, (2, 1))], 1)
        view = cv2.warpAffine(crops[emotion], turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
        view = view[:, ::-1] if rng.random() < 0.5 else view
        view = np.clip(255 * (view / 255) ** np.exp(rng.normal(0, 0.2)) + rng.normal(0, 4, view.shape), 0, 255)
        grey.append(small(np.ascontiguousarray(view.astype(np.uint8))))
        label.append(EMOTIONS.index(emotion))
    np.savez(path, grey=np.stack(grey), label=np.array(label), aus=np.full((count, len(MEASURED_AUS)), np.nan))


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/smoke")
    parser.add_argument("--seconds", type=int, default=90, help="for the language model's pretraining")
    args = parser.parse_args()
    start, out = time.time(), Path(args.out)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    from safetensors.torch import save_file

    from emoreason.training.grpo import WEIGHTS
    from emoreason.training.heldout import evaluate
    from emoreason.training.models import load

    nano, _ = load("nano")
    net = out / "facenet.safetensors"
    save_file({k: v.contiguous() for k, v in nano.model.encoder.facenet.state_dict().items()}, net)

    def figures(stage: str) -> None:
        print(f"== after {stage}, {time.time() - start:.0f} s", flush=True)
        evaluate(str(out / stage / "model"), str(out / "held.parquet"), 40, WEIGHTS)

    cache(out / "train.npz", 320, 1)
    cache(out / "held.npz", 80, 2)
    for name, talks in (("train", "4"), ("held", "1")):
        call("data", "talks", str(out / f"{name}.npz"), "--facenet", str(net), "--talks", talks, "-o",
             str(out / f"{name}.parquet"))
    call("train", "pretrain", f"out={out}/language", "hidden=96", "layers=3", "heads=2", "inner=256", "words=1024",
         "length=512", "batch=8", "lr=4e-3", "skew=6", "steps=1000", f"limit_s={args.seconds}")
    call("train", "sft", f"start.language_model={out}/language", f"start.facenet={net}", f"data={out}/train.parquet",
         f"out={out}/sft", "full=true", "steps=50", "batch=16", "lr=3e-3", "warmup=5")
    figures("sft")
    call("train", "grpo", f"start.checkpoint={out}/sft/model", f"data={out}/train.parquet", f"out={out}/grpo",
         "full=true", "steps=8", "batch=32", "group=8", "longest=200", "lr=3e-4", "warmup=1", "log_steps=1")
    figures("grpo")
    print(f"done in {time.time() - start:.0f} s; everything stands in {out}")


if __name__ == "__main__":
    main()
