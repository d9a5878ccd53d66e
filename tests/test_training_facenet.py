"""The trainer of the face network on tiny caches: what it writes, and that it goes on as if it had not been stopped."""

import argparse
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file

from emoreason.errors import UserError
from emoreason.facs import MEASURED_AUS
from emoreason.training import facenet
from emoreason.training.config import load as load_config
from emoreason.training.facenet_losses import guides


@pytest.fixture
def caches(tmp_path):
    """Twelve faces of two emotions, and eight renders of two people, in the caches' real format."""
    rng = np.random.default_rng(0)

    def save(name, n, **more):
        np.savez(tmp_path / f"{name}.npz", grey=rng.integers(0, 256, (n, 64, 64), np.uint8), label=np.arange(n) % 2,
                 aus=rng.uniform(0, 5, (n, len(MEASURED_AUS))).astype(np.float16), points=rng.uniform(0, 1, (n, 68, 2)).astype(np.float16), **more)

    save("faces", 12)
    save("renders", 8, identity=np.arange(8) % 2, pose=rng.normal(0, 9, (8, 3)).astype(np.float32), affect=np.zeros((8, 2), np.float16),
         sides=np.zeros((8, len(MEASURED_AUS)), np.float16))
    return tmp_path


def settings(caches, out, *more):
    return load_config(facenet.FaceNetTraining, None, [*settings_list(caches, out), *more])


def settings_list(caches, out):
    return [
        f"real={caches}/faces.npz", f"validation={caches}/faces.npz", f"renders={caches}/renders.npz", f"render_validation={caches}/renders.npz",
        f"out={out}", "epochs=2", "batch=4", "render_batch=4", "lr=0.01", "save_every=1", "bf16=false", f"net={json.dumps(tiny.FACENET)}"]


def test_it_goes_on_as_if_it_had_not_stopped(caches, tmp_path, monkeypatch):
    """Ctrl-C in the second step of the second epoch."""
    made = facenet.train(settings(caches, tmp_path / "whole"))
    assert 0 <= made["accuracy"] <= 1 and 0.5 <= made["temperature"] <= 2 and 0 <= made["ece"] <= 1 and "au_f1" in made
    real, calls = facenet.step_losses, []

    def stopping(*args):
        calls.append(args[4].tolist())
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)
        return real(*args)

    monkeypatch.setattr(facenet, "step_losses", stopping)
    with pytest.raises(KeyboardInterrupt):
        facenet.train(settings(caches, tmp_path / "parts"))
    assert len(calls) == 5
    facenet.train(settings(caches, tmp_path / "parts"))
    assert sorted(sum(calls[3:], [])) == list(range(12))  # each face once in the epoch that was cut
    a, b = (load_file(tmp_path / n / "facenet.safetensors") for n in ("whole", "parts"))
    assert all(np.allclose(a[k].float(), b[k].float(), atol=2e-3) for k in a)
    assert (tmp_path / "parts" / "curves.png").read_bytes()[:4] == b"\x89PNG" and list((tmp_path / "parts" / "runs").glob("events*"))


def test_two_processes_share_a_batch(caches, tmp_path):
    """Three steps of 2 x 2 faces and renders: both end with the same weights, every face is seen once an epoch."""
    script = tmp_path / "run.py"
    script.write_text(f"""
import os, json, torch
from emoreason.training import facenet
from emoreason.training.config import load
real, rows, nets = facenet.step_losses, [], []
def seen(*args):
    rows.extend(args[4].tolist())
    nets[:] = [args[0]]
    return real(*args)
facenet.step_losses = seen
facenet.train(load(facenet.FaceNetTraining, None, {settings_list(caches, tmp_path / "out")!r} + ["batch=2", "render_batch=2", "epochs=1"]))
kept = {{"rows": rows, "weights": [p.double().sum().item() for p in nets[0].parameters()]}}
open({str(tmp_path)!r} + "/rank" + os.environ["RANK"], "w").write(json.dumps(kept))
""")
    subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)], check=True,
                   env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=240)
    first, second = (json.loads((tmp_path / f"rank{i}").read_text()) for i in (0, 1))
    assert first["weights"] == second["weights"]
    assert sorted(first["rows"] + second["rows"]) == list(range(12))
    assert (tmp_path / "out" / "facenet.safetensors").is_file()


def test_a_missing_cache_is_named(caches):
    with pytest.raises(UserError, match="nowhere.npz not found; make it with: emoreason train facenet-data"):
        facenet.train(settings(caches, caches / "out", f"real={caches}/nowhere.npz"))


def test_soft_labels_are_the_mean_of_several(caches):
    import torch

    from emoreason.facenet import FaceNet
    from emoreason.training import facenet_data

    parser = argparse.ArgumentParser()
    facenet_data.add_arguments(parser)

    for i in range(2):
        torch.manual_seed(i)
        (caches / f"net{i}").mkdir()
        facenet.save(FaceNet(), caches / f"net{i}")
    made = {}
    for names in ((0,), (1,), (0, 1)):
        paths = [str(caches / f"net{i}" / "facenet.safetensors") for i in names]
        out = caches / f"soft{len(made)}.npz"
        facenet_data.run(parser.parse_args(["soft", str(caches / "faces.npz"), "--facenet", *paths, "--temperature", "0.9", "-o", str(out)]))
        made[names] = np.load(out)["soft"]
    assert np.allclose(made[0, 1], (made[0,] + made[1,]) / 2, atol=1e-5) and not np.allclose(made[0,], made[1,], atol=1e-3)
    assert np.allclose(made[0, 1].sum(1), 1, atol=1e-4)


def test_guides_peak_where_an_au_shows():
    points = torch.full((2, 68, 2), 0.5)
    points[0, 48], points[0, 54] = torch.tensor([0.3, 0.8]), torch.tensor([0.7, 0.8])
    maps = guides(points)
    assert maps.shape == (2, len(MEASURED_AUS), 16, 16) and torch.allclose(maps.sum((2, 3)), torch.ones(2, len(MEASURED_AUS)))
    stretched = maps[0, MEASURED_AUS.index(20)]  # at the two corners of the lips
    assert sorted(divmod(int(i), 16) for i in stretched.flatten().topk(2).indices) == [(12, 4), (12, 11)]
