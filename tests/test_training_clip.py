"""The contrastive trainer on a tiny tower: texts, loss, resuming, and that its tower is what a model takes."""

import json
import random

import numpy as np
import pytest
import tiny
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from emoreason.errors import UserError
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.training import clip
from emoreason.training.clip_texts import negatives, positive
from emoreason.training.config import load as load_config
from emoreason.training.models import load_part

TOWER = {"embed_dim": 16, "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
         "text_cfg": {"context_length": 48, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}}


@pytest.fixture
def cache(tmp_path):
    """Faces whose look can be told from the picture: happy ones are bright below, sad ones above."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 60, (96, 64, 64), np.uint8)
    label = np.array([EMOTIONS.index(("happiness", "sadness")[i % 2]) for i in range(96)])
    grey[label == EMOTIONS.index("happiness"), 40:] += 150
    grey[label == EMOTIONS.index("sadness"), :24] += 150
    aus = np.zeros((96, len(MEASURED_AUS)), np.float16)
    for i, e in enumerate(label):
        for a in ((6, 12) if EMOTIONS[e] == "happiness" else (1, 4, 15)):
            aus[i, MEASURED_AUS.index(a)] = 3
    path = tmp_path / "faces.npz"
    np.savez(path, grey=grey, label=label, aus=aus)
    return str(path)


def settings(cache, out, *more):
    return load_config(clip.ClipTraining, None, [f"data=[{cache}]", f"validation={cache}", f"out={out}", "batch=24",
                                                 f"tower={json.dumps(TOWER)}", "warmup=2", "threads=1", "place=0.2", *more])


def test_negatives_are_never_the_truth():
    rng = random.Random(0)
    for seed in range(200):
        aus = {a: float(v) for a, v in zip(MEASURED_AUS, np.random.default_rng(seed).uniform(0, 3, len(MEASURED_AUS)), strict=True)}
        emotion = EMOTIONS[seed % 8]
        word = {"anger": "angry", "happiness": "happy", "sadness": "sad"}.get(emotion)
        right, wrong = positive(aus, emotion, rng), negatives(aus, emotion, rng)
        assert len(wrong) == 3 and right not in wrong
        if word:
            assert f"looks {word}" in right
            assert not any(f"looks {word}" in w for w in wrong)
    assert negatives({}, None, rng) and positive({}, None, rng) == "nothing moves in the face"


@pytest.mark.parametrize("loss", clip.LOSSES)
def test_loss_is_small_for_the_right_text_and_ignores_equal_ones(loss):
    image = F.normalize(torch.eye(4), dim=1)
    wrong = F.normalize(torch.randn(4, 3, 4, generator=torch.Generator().manual_seed(0)), dim=-1)
    none, scale = torch.eye(4, dtype=torch.bool), torch.tensor(20.0)
    bias = torch.tensor(-10.0)
    good = clip.contrast(image, image, wrong, none, scale, bias, loss)
    bad = clip.contrast(image, image.roll(1, 0), wrong, none, scale, bias, loss)
    assert good < bad
    twins = torch.eye(4, dtype=torch.bool)
    twins[0, 1] = twins[1, 0] = True
    text = image.clone()
    text[1] = text[0]
    pictures = text.clone()
    assert clip.contrast(pictures, text, wrong, twins, scale, bias, loss) < clip.contrast(pictures, text, wrong, none, scale, bias, loss)


def test_it_learns_and_goes_on_as_if_it_had_not_stopped(cache, tmp_path, monkeypatch):
    whole = clip.train(settings(cache, tmp_path / "whole", "steps=30", "lr=3e-3", "save_every=30"))
    assert whole["accuracy"] > 0.9 and whole["pairs"] > 0.5
    real, calls = clip.one_step, []

    def stopping(*args):
        calls.append(args[5])
        if len(calls) == 12:
            import signal

            signal.raise_signal(signal.SIGINT)
        return real(*args)

    monkeypatch.setattr(clip, "one_step", stopping)
    with pytest.raises(KeyboardInterrupt):
        clip.train(settings(cache, tmp_path / "parts", "steps=30", "lr=3e-3", "save_every=30"))
    clip.train(settings(cache, tmp_path / "parts", "steps=30", "lr=3e-3", "save_every=30"))
    assert calls == list(range(30))
    a, b = (load_file(tmp_path / n / "tower.safetensors") for n in ("whole", "parts"))
    assert all(torch.allclose(a[k].float(), b[k].float(), atol=2e-3) for k in a)
    assert (tmp_path / "parts" / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_its_tower_is_what_a_model_takes(cache, tmp_path):
    clip.train(settings(cache, tmp_path / "out", "steps=2", "loss=sigmoid"))
    spec = json.loads((tmp_path / "out" / "tower.json").read_text())
    model, _ = tiny.make({k: v for k, v in spec.items() if k != "checkpoint"})
    load_part(model.model.encoder.tower, spec["checkpoint"], "vision tower")
    kept = load_file(spec["checkpoint"])
    assert torch.equal(model.model.encoder.tower.conv1.weight.half(), kept["conv1.weight"])


def test_mistakes_are_named(cache, tmp_path):
    with pytest.raises(UserError, match="loss: unknown 'triplet'; allowed are infonce, sigmoid"):
        clip.train(settings(cache, tmp_path, "loss=triplet"))
    with pytest.raises(UserError, match="nowhere.npz not found"):
        clip.train(settings(tmp_path / "nowhere.npz", tmp_path))
    with pytest.raises(UserError, match="open_clip cannot make it"):
        clip.make({"name": "ViT-Z-99"})
