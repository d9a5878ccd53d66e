"""The trainer of the face network on tiny caches: what it writes, and that it goes on as if it had not been stopped."""

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
from emoreason.facenet import FaceNet, FaceNetConfig, load, movements, one_jaw, standardise
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.training import facenet, facenet_looks
from emoreason.training.config import load as load_config
from emoreason.training.facenet_losses import Losses, Weights, guides
from emoreason.training.facenet_views import halved


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
    made = facenet.train(settings(caches, tmp_path / "whole", "weights.halves=0.15"))
    assert 0 <= made["accuracy"] <= 1 and 0.5 <= made["temperature"] <= 2 and 0 <= made["ece"] <= 1 and "au_f1" in made
    real, calls = facenet.step_losses, []

    def stopping(*args):
        calls.append(args[4].tolist())
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)
        return real(*args)

    monkeypatch.setattr(facenet, "step_losses", stopping)
    with pytest.raises(KeyboardInterrupt):
        facenet.train(settings(caches, tmp_path / "parts", "weights.halves=0.15"))
    assert len(calls) == 5
    facenet.train(settings(caches, tmp_path / "parts", "weights.halves=0.15"))
    assert sorted(sum(calls[3:], [])) == list(range(12))  # each face once in the epoch that was cut
    a, b = (load_file(tmp_path / n / "facenet.safetensors") for n in ("whole", "parts"))
    assert all(np.allclose(a[k].float(), b[k].float(), atol=2e-3) for k in a)
    means = [torch.load(tmp_path / n / "state.pt", weights_only=True)["losses"]["means"] for n in ("whole", "parts")]
    assert torch.allclose(*means, atol=1e-3, equal_nan=True)
    assert (tmp_path / "parts" / "curves.png").read_bytes()[:4] == b"\x89PNG" and list((tmp_path / "parts" / "runs").glob("events*"))


def test_the_movements_alone_are_trained(caches, tmp_path):
    facenet.train(settings(caches, tmp_path / "first"))
    facenet.train(settings(caches, tmp_path / "more", f"start={tmp_path}/first/facenet.safetensors", "movements=true"))
    was, now = (load_file(tmp_path / n / "facenet.safetensors") for n in ("first", "more"))
    changed = {k.split(".")[0] for k in was if not torch.equal(was[k], now[k])}
    assert {"fine", "coarse", "mix", "au_weight", "au_context"} <= changed
    assert changed <= {"fine", "coarse", "mix", "attend", "au_weight", "au_bias", "au_context", "emotion_aus"}
    assert not [k for k in was if "running_" in k and not torch.equal(was[k], now[k])]


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


def test_guides_peak_where_an_au_shows():
    points = torch.full((2, 68, 2), 0.5)
    points[0, 48], points[0, 54] = torch.tensor([0.3, 0.8]), torch.tensor([0.7, 0.8])
    maps = guides(points)
    assert maps.shape == (2, len(MEASURED_AUS), 16, 16) and torch.allclose(maps.sum((2, 3)), torch.ones(2, len(MEASURED_AUS)))
    stretched = maps[0, MEASURED_AUS.index(20)]  # at the two corners of the lips
    assert sorted(divmod(int(i), 16) for i in stretched.flatten().topk(2).indices) == [(12, 4), (12, 11)]


def test_several_caches_hold_different_people(caches):
    both = facenet.load_cache(f"{caches}/renders.npz,{caches}/renders.npz", torch.device("cpu"))
    assert both["identity"].tolist() == [0, 1] * 4 + [2, 3] * 4 and both["grey"].shape == (16, 64, 64)
    mixed_kinds = facenet.load_cache(f"{caches}/faces.npz,{caches}/renders.npz", torch.device("cpu"))
    assert len(mixed_kinds["label"]) == 20 and "pose" not in mixed_kinds


def test_labels_bound_the_movements():
    """A movement in a face labelled neutral costs, the less the surer teachers are that it is not, and so does a happy
    one without a smile; nothing else does."""
    losses = Losses(Weights(classes=0), 0.0, 0.0, torch.device("cpu"))

    def cost(emotion, found=None, **levels):
        aus = torch.zeros(1, len(MEASURED_AUS))
        for name, level in levels.items():
            aus[0, MEASURED_AUS.index(int(name[2:]))] = level
        out = {"aus": aus, "emotion": torch.zeros(1, 8), "affect": torch.zeros(1, 2), "maps": torch.full((1, len(MEASURED_AUS), 16, 16), 1 / 256)}
        log = {}
        y = {"label": torch.tensor([EMOTIONS.index(emotion)]), "aus": torch.full_like(aus, torch.nan)}
        if found is not None:
            y["soft"] = torch.full((1, 8), (1 - found) / 7).index_fill(1, torch.tensor(EMOTIONS.index("neutral")), found)
        losses.real(out, y, torch.full((1, 68, 2), 0.5), log)
        return log["labels"].item()

    assert cost("neutral", au2=3.0) > cost("neutral", au2=1.0) > 0 == cost("neutral", au2=0.7)
    assert 0 < cost("neutral", found=0.2, au2=3.0) < cost("neutral", found=0.9, au2=3.0) < cost("neutral", au2=3.0)
    assert cost("neutral", au12=3.0, au25=3.0) == 0
    assert cost("happiness") > cost("happiness", au12=0.6) > 0 == cost("happiness", au12=1.2)
    assert cost("anger", au4=5.0) == 0


def test_a_jaw_drops_or_is_stretched_open():
    drop, stretch = MEASURED_AUS.index(26), MEASURED_AUS.index(27)
    levels = torch.full((4, len(MEASURED_AUS)), 2.0)
    levels[:, drop], levels[:, stretch] = torch.tensor([3.0, 3.0, 0.2, 1.8]), torch.tensor([1.0, 2.0, 0.1, 0.97])
    told = one_jaw(levels)
    assert torch.allclose(told[:, [drop, stretch]], torch.tensor([[3.0, 0.4], [0.4, 2.0], [0.2, 0.1], [1.8, 0.4]]))
    assert told.sum() == pytest.approx(4 * 2.0 * (len(MEASURED_AUS) - 2) + 8.3, abs=1e-4)
    net = FaceNet(FaceNetConfig(**tiny.FACENET)).eval()  # at first every level is about 2
    with torch.inference_mode():
        seen = net.mirrored(torch.randn(4, 1, 64, 64))["aus"][:, [drop, stretch]]
    assert (seen.amin(1) <= 0.4 + 1e-6).all() and (seen.amax(1) > 0.7).all()


def halves(aus: torch.Tensor, upper: list[str], lower: list[str], times: int = 1, **weights: float) -> tuple[float, torch.Tensor]:
    """The loss of faces put together, asked for ``times`` times, and how it pulls at the intensities the last time."""
    losses, log = Losses(Weights(**{"halves": 1.0, "labels": 0.0} | weights), 0.0, 0.0, torch.device("cpu")), {}
    labels = [torch.tensor([EMOTIONS.index(e) for e in names]) for names in (upper, lower)]
    for _ in range(times):
        aus = aus.detach().requires_grad_()
        losses.halves(aus, *labels, log)
    log["halves"].backward()
    return log["halves"].item(), -aus.grad


def test_the_brows_answer_to_the_label_of_the_upper_half():
    low, mixed_labels = torch.full((8, len(MEASURED_AUS)), 0.4), ["anger"] * 4 + ["neutral"] * 4
    pull = halves(low, mixed_labels, ["neutral"] * 8, 40)[1]
    brow, chin, smile = (pull[:, MEASURED_AUS.index(a)] for a in (4, 17, 12))
    assert (brow[:4] > 0).all() and brow[:4].min() > 5 * brow[4:].abs().max()
    assert torch.allclose(chin[:4], chin[4:]) and (smile == 0).all()
    chin = halves(low, ["neutral"] * 8, mixed_labels, 40)[1][:, MEASURED_AUS.index(17)]
    assert (chin[:4] > 0).all() and chin[:4].min() > 5 * chin[4:].abs().max()
    first = halves(low, mixed_labels, ["neutral"] * 8)[1][:, MEASURED_AUS.index(4)]
    assert 0 < first[0] < brow[0] / 5  # what the last steps lacked counts, not one batch


@pytest.mark.parametrize(("au", "look", "brow"), [(1, "sadness", True), (5, "fear", True), (20, "fear", False), (23, "anger", False), (24, "anger", False)])
def test_where_a_movement_shows(au, look, brow):
    low, mixed_labels, calm = torch.full((8, len(MEASURED_AUS)), 0.3), [look] * 4 + ["neutral"] * 4, ["neutral"] * 8
    own, other = ((mixed_labels, calm) if brow else (calm, mixed_labels)), ((calm, mixed_labels) if brow else (mixed_labels, calm))
    k = MEASURED_AUS.index(au)
    pull, apart = halves(low, *own, 40)[1][:, k], halves(low, *other, 40)[1][:, k]
    assert (pull[:4] > 0).all() and pull[:4].min() > 3 * pull[4:].abs().max() and torch.allclose(apart[:4], apart[4:])


def test_class_means_are_left_to_the_halves():
    def cost(**weights):
        losses, log = Losses(Weights(classes=1.0, **weights), 0.0, 0.0, torch.device("cpu")), {}
        aus = losses.expected[EMOTIONS.index("anger")].repeat(5, 1)
        aus[:, MEASURED_AUS.index(4)] = 0.0
        y = {"label": torch.full((5,), EMOTIONS.index("anger")), "aus": torch.full_like(aus, torch.nan)}
        out = {"aus": aus, "emotion": torch.zeros(5, 8), "affect": torch.zeros(5, 2), "maps": torch.full((5, len(MEASURED_AUS), 16, 16), 1 / 256)}
        losses.real(out, y, torch.full((5, 68, 2), 0.5), log)
        return log["classes"].item()

    assert cost(halves=0.0) > 1 and cost(halves=0.1) == pytest.approx(0, abs=1e-6)


def test_a_neutral_half_shows_nothing_under_an_angry_other_one():
    aus = torch.zeros(2, len(MEASURED_AUS))
    aus[:, [MEASURED_AUS.index(a) for a in (4, 12, 17)]] = 3.0
    loss, pull = halves(aus, ["neutral", "anger"], ["anger", "anger"], halves=1e-9, labels=1.0)
    brow, smile, chin = (pull[:, MEASURED_AUS.index(a)] for a in (4, 12, 17))
    assert loss > 0.1 and brow[0] < -0.1 and abs(brow[1]) < 1e-6 and (smile == 0).all() and chin.abs().max() < 1e-6


class Stub(torch.nn.Module):
    """Every AU is the mean of the picture's upper half."""

    def forward(self, x):
        n, k = len(x), len(MEASURED_AUS)
        aus = x[:, 0, :16].mean((1, 2))[:, None].expand(n, k) + torch.zeros(n, k, requires_grad=True)
        return {"aus": aus, "sides": aus, "emotion": torch.zeros(n, 8), "affect": torch.zeros(n, 2), "pose": torch.zeros(n, 3),
                "pooled": torch.zeros(n, 4), "maps": torch.full((n, k, 16, 16), 1 / 256)}


def one_step(caches, monkeypatch, config, losses, panel=()):
    """A step of five faces that are seen as they are; returns these."""
    real, renders = (facenet.load_cache(f"{caches}/{name}.npz", torch.device("cpu")) for name in ("faces", "renders"))
    monkeypatch.setattr(facenet, "augment", lambda grey, points, render: (standardise(grey[:, None].float()), points,
                                                                          torch.zeros(len(grey), dtype=torch.bool)))
    facenet.step_losses(Stub(), torch.nn.Linear(4, 9), real, renders, torch.arange(5), losses, config, False, list(panel))
    return standardise(real["grey"][:5, None].float()), real["points"][:5], real["label"][:5]


def test_the_halves_go_into_a_step_in_their_order(caches, monkeypatch):
    """That of a face put together is its own face's."""
    config = facenet.FaceNetTraining("", "", "", render_batch=3, dark=1.0, weights=Weights(halves=1.0))
    losses, seen = Losses(config.weights, 0.0, 0.0, torch.device("cpu")), []
    monkeypatch.setattr(losses, "halves", lambda aus, upper, lower, log: seen.append((aus, upper, lower)))
    x, points, label = one_step(caches, monkeypatch, config, losses)
    aus, upper, lower = seen[0]
    assert torch.allclose(aus[:, 0], halved(x, points)[:, 0, :16].mean((1, 2)), atol=1e-5)
    assert upper.tolist() == label.tolist() and lower.tolist() == label.roll(1).tolist()


def test_teachers_see_the_skin_as_it_is(caches, monkeypatch):
    """Dark faces are learned from with what teachers say of them in the light; a mixed picture is mixed for both."""
    config = facenet.FaceNetTraining("", "", "", render_batch=3, dark=0.6, mixup=0.4)
    losses, asked, seen = Losses(config.weights, 0.0, 0.0, torch.device("cpu")), [], []
    monkeypatch.setattr(losses, "real", lambda out, y, points, log: seen.append(out["aus"][:, 0]))
    monkeypatch.setattr(losses, "renders", lambda *args: None)
    monkeypatch.setattr(facenet, "darker", lambda x, points, part: torch.cat([x[:-int(5 * part)], x[-int(5 * part):] - 7]))
    monkeypatch.setattr(facenet, "answers", lambda panel, x, half: asked.append(x) or {})
    x, _, _ = one_step(caches, monkeypatch, config, losses, [None])
    assert torch.allclose(asked[0][2:], x[2:], atol=1e-5) and not torch.allclose(asked[0][:2], x[:2], atol=1e-2)
    assert torch.allclose(seen[0], asked[0][:, 0, :16].mean((1, 2)) - torch.tensor([0.0, 0, 7, 7, 7]), atol=1e-4)


def test_absence_counts_where_the_teacher_would_see_it():
    label = torch.tensor([EMOTIONS.index("anger"), EMOTIONS.index("happiness")])
    aus = torch.zeros(2, len(MEASURED_AUS))
    aus[:, MEASURED_AUS.index(7)] = 2.0
    found = Losses(Weights(halves=1.0), 0.0, 0.0, torch.device("cpu")).believed(aus, {"label": label})
    assert [MEASURED_AUS[k] for k in found[0].isnan().nonzero()[:, 0]] == [4] and not found[1].isnan().any()
    sad = Losses(Weights(halves=1.0), 0.0, 0.0, torch.device("cpu")).believed(aus[:1], {"label": torch.tensor([EMOTIONS.index("sadness")])})
    assert [MEASURED_AUS[k] for k in sad[0].isnan().nonzero()[:, 0]] == [1, 4, 15]
    assert Losses(Weights(), 0.0, 0.0, torch.device("cpu")).believed(aus, {"label": label}).isfinite().all()
    mixed_in = {"label": label.flip(0), "other": label, "share": torch.tensor([[0.6], [1.0]])}
    found = Losses(Weights(halves=1.0), 0.0, 0.0, torch.device("cpu")).believed(aus, mixed_in)
    assert found.isnan().nonzero().tolist() == [[0, MEASURED_AUS.index(4)], [1, MEASURED_AUS.index(4)]]


def test_the_movements_speak_where_the_picture_is_silent():
    generator = torch.Generator().manual_seed(0)
    levels = torch.rand(400, len(MEASURED_AUS), generator=generator) * 4
    smile = levels[:, MEASURED_AUS.index(12)]
    label = torch.where(smile > 2, EMOTIONS.index("happiness"), EMOTIONS.index("neutral"))
    head = facenet_looks.fit(levels, label, levels[:50], torch.full((50,), -1))
    said = head(movements(levels))
    assert (said.argmax(1) == label).float().mean() > 0.97
    silent, sure = torch.zeros(400, 8), 20 * torch.nn.functional.one_hot(label, 8).float()
    assert facenet_looks.weigh(silent, said, label) > 0
    assert facenet_looks.weigh(sure, torch.randn(400, 8, generator=generator) * 9, label) == 0


def test_the_second_reading_is_fitted_to_what_it_reads(caches, monkeypatch):
    """The intensities as they leave the net, AU26 beside AU27."""
    faces, renders = (facenet.load_cache(f"{caches}/{name}.npz", torch.device("cpu")) for name in ("faces", "renders"))
    real, asked = facenet.predict, []

    def predict(net, grey, batch=512, settled=True):
        asked.append(settled)
        return real(net, grey, batch, settled)

    monkeypatch.setattr(facenet, "predict", predict)
    facenet_looks.add(FaceNet(FaceNetConfig(**tiny.FACENET)), faces, renders, faces)
    assert asked == [False, False]


def test_a_trained_net_reads_the_look_from_movements_too(caches, tmp_path):
    facenet.train(settings(caches, tmp_path / "out", "epochs=1"))
    net = load(tmp_path / "out" / "facenet.safetensors")
    assert net.config.widths == tuple(tiny.FACENET["widths"]) and net.config.depths == tuple(tiny.FACENET["depths"])
    head = facenet_looks.fit(torch.zeros(2, len(MEASURED_AUS)), torch.tensor([0, 1]), torch.ones(2, len(MEASURED_AUS)), torch.tensor([0, 1]))
    net.emotion_aus.load_state_dict(head.state_dict())
    x = torch.randn(3, 1, 64, 64)
    with torch.inference_mode():
        out = net(x)
        assert torch.allclose(out["emotion"], net.emotion(out["pooled"]) + head(movements(out["aus"])), atol=1e-4)


def test_teachers_answer_to_the_view_itself(caches, tmp_path):
    for i in range(2):
        torch.manual_seed(i)
        (tmp_path / f"t{i}").mkdir()
        facenet.save(FaceNet(FaceNetConfig(**tiny.FACENET)), tmp_path / f"t{i}")
    paths = [str(tmp_path / f"t{i}" / "facenet.safetensors") for i in range(2)]
    x = torch.randn(3, 1, 64, 64)
    said = facenet.answers([load(p) for p in paths], x, False)
    alone = [load(p)(x) for p in paths]
    assert torch.allclose(said["seen"], (alone[0]["aus"] + alone[1]["aus"]) / 2, atol=1e-5)
    assert torch.allclose(said["soft"].sum(1), torch.ones(3), atol=1e-5) and said["soft"].requires_grad is False
    plain = settings(caches, tmp_path / "plain", "epochs=1", "soft_share=0.5")
    taught = settings(caches, tmp_path / "taught", "epochs=1", "soft_share=0.5", "mixup=0.5", f"teachers={','.join(paths)}")
    nets = []
    for config in (plain, taught):
        facenet.train(config)
        nets.append(load_file(f"{config.out}/facenet.safetensors"))
    assert not torch.equal(nets[0]["emotion.weight"], nets[1]["emotion.weight"])
