"""One step of each trainer on a tiny model in the real formats: everything that should move moves."""

import io
import json
import random

import numpy as np
import pytest
import tiny
import torch
from datasets import Dataset, load_dataset
from PIL import Image

from emoreason.errors import UserError
from emoreason.facs import MEASURED_AUS
from emoreason.training import rewards
from emoreason.training.config import load as load_config
from emoreason.training.grpo import GRPO
from emoreason.training.models import PROJECTORS, load, save_merged
from emoreason.training.sft import SFT, Stress


def png(seed):
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 48, 3), np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    model, processor = tiny.make()
    save_merged(model, processor, str(folder / "start"))
    rng = random.Random(0)
    rows = [{"images": [png(i)], "prompt": [{"role": "user", "content": "why?"}],
             "completion": [{"role": "assistant", "content": "<think>Interpretation: calm.</think><answer>neutral</answer>"}],
             "label": rng.choice(["sadness", None]), "aus": json.dumps({"4": 2.0}), "measured": json.dumps({"4": 2.0}), "kind": "why"} for i in range(8)]
    for i, row in enumerate(rows):  # prompts differ in length
        row["prompt"][0]["content"] += " really?" * (i % 3)
    Dataset.from_list(rows).to_parquet(str(folder / "rows.parquet"))
    return folder


def moved(before, after):
    """Which groups of parameters differ."""
    names = {n for n, p in after.named_parameters() if not torch.equal(p, before.get_parameter(n))}
    return {g for g in (*PROJECTORS, "language_model", "facenet", "tower") if any(g in n for n in names)}


def test_the_sentence_that_answers_counts_more():
    tokenizer = tiny.tokenizer_of()
    text = "<think>Key observations: The lip corners rise (AU12, 3.0). Interpretation: It does not look sad; it looks happy. The reading is clear.</think>"
    ids = tokenizer(text)["input_ids"]
    labels = torch.tensor([[-100, -100, *ids], [-100] * (2 + len(ids))])
    weights = Stress(tokenizer, 9.0).weights(labels)
    assert tokenizer.decode([i for i, w in zip(ids, weights[0, 2:], strict=True) if w == 9]).strip() == "It does not look sad; it looks happy."
    assert set(weights[0, 2:].tolist()) == {1.0, 9.0} and not weights[1].any() and not weights[0, :2].any()


def test_the_stressed_loss_is_the_weighted_mean(files, tmp_path, monkeypatch):
    """Against logits computed apart, for a whole batch and with the tokens of several ranks."""
    from emoreason.training import sft

    seen = {}
    monkeypatch.setattr(sft, "fit", lambda trainer, out: seen.update(trainer=trainer))
    monkeypatch.setattr(sft, "finish", lambda *a: None)
    sft.train(load_config(SFT, None, [f"start.checkpoint={files}/start", f"data={files}/rows.parquet", f"out={tmp_path}/sft", "batch=4",
                                      "steps=1", "full=true", "stress=5", "threads=1", "dropout=[0,0,0]"]))
    trainer = seen["trainer"]
    trainer.model.eval()
    batch = next(iter(trainer.get_train_dataloader()))
    labels = batch["labels"]
    weights = trainer.stress.weights(labels[:, 1:])
    assert set(weights.unique().tolist()) == {0.0, 1.0, 5.0}
    with torch.no_grad():
        logits = trainer.model(**{k: v for k, v in batch.items() if k != "labels"}).logits[:, :-1]
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels[:, 1:], reduction="none")
        want = (each * weights).sum() / weights.sum()
        count = (labels[:, 1:] >= 0).sum()
        assert torch.allclose(trainer.compute_loss(trainer.model, dict(batch)), want, atol=1e-5)
        assert torch.allclose(trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=2 * count), want / 2, atol=1e-5)


def test_a_frozen_facenet_reads_each_face_once():
    from emoreason.training.memory import FaceMemory, remember_faces

    model, _ = tiny.make()
    encoder = model.model.encoder
    pixels = torch.rand(4, 3, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    pixels[1], pixels[2, 1:] = pixels[0], 0  # a second completion; a shorter clip
    plain = encoder(pixels)
    remember_faces(model)
    memory = encoder.facenet.mirrored
    for asked in (10, 20):
        for one, other in zip(plain, encoder(pixels), strict=True):
            assert torch.allclose(one, other, atol=1e-5)
        assert (memory.asked, memory.read) == (asked, 7)
    small = FaceMemory(encoder.facenet, most=2)
    small(torch.rand(5, 1, 64, 64))
    assert len(small._known) == 2


def test_config_errors_name_the_key():
    with pytest.raises(UserError, match="unknown key 'lora.rnak'; allowed are rank"):
        load_config(SFT, None, ["data=x", "out=y", "start.checkpoint=z", "lora.rnak=3"])
    with pytest.raises(UserError, match="missing key 'data'"):
        load_config(SFT, None, ["out=y", "start.checkpoint=z"])
    with pytest.raises(UserError, match="start is a value, and has no 'vlm' in it"):
        load_config(SFT, None, ["start=nano", "start.vlm=x"])
    with pytest.raises(UserError, match="cannot be read; write lists as"):
        load_config(SFT, None, ["dropout=[1,"])
    with pytest.raises(UserError, match="batch must be of type int"):
        load_config(SFT, None, ["data=x", "out=y", "start.checkpoint=z", "batch=many"])


@pytest.mark.slow
def test_sft_moves_projectors_and_language_model_and_nothing_else(files, tmp_path):
    from emoreason.training.sft import train

    config = load_config(SFT, None, [f"start.checkpoint={files}/start", f"data={files}/rows.parquet", f"out={tmp_path}/sft", "batch=4",
                                     "steps=2", "warmup=0", "lr=0.01", "half=false", "dropout=[0,0,0]"])
    out = train(config)
    before, after = load(str(files / "start"))[0], load(str(out))[0]
    assert moved(before, after) >= {"face_projector", "readout_projector", "au_projector", "au_embedding", "language_model"}
    assert not moved(before, after) & {"facenet", "tower"}


@pytest.mark.slow
def test_only_the_completion_is_supervised(files):
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    _, processor = load(str(files / "start"))
    rows = load_dataset("parquet", data_files=str(files / "rows.parquet"), split="train").select_columns(["images", "prompt", "completion"])
    batch = DataCollatorForVisionLanguageModeling(processor, completion_only_loss=True)([rows[0], rows[1]])
    answer = rows[0]["completion"][0]["content"] + "<|end|>"
    expected = len(processor.tokenizer(answer)["input_ids"])
    supervised = (batch["labels"] != -100).sum(1)
    assert supervised.tolist() in ([expected, expected], [expected + 1, expected + 1])  # the assistant mark may count
    assert not (batch["labels"] == processor.tokenizer.convert_tokens_to_ids("<image>")).any()


@pytest.mark.slow
def test_one_grpo_step_moves_every_projector(files, tmp_path, monkeypatch):
    from emoreason.training.grpo import train

    # Rows with a scene beside the face, as a Media's fields.
    rows = load_dataset("parquet", data_files=str(files / "rows.parquet"), split="train").to_list()
    rng = np.random.default_rng(0)
    for r in rows[:4]:
        r["images"] = [{part: rng.integers(1, 256, (1, 128, 128, 3), np.uint8).tolist() for part in ("scene", "crops")}]
    Dataset.from_list(rows[:4]).to_parquet(str(tmp_path / "scenes.parquet"))
    # A random model earns the same from every real reward; this one tells its completions apart.
    monkeypatch.setitem(rewards.REWARDS, "letters", lambda completions, **_: [float(sum(map(ord, c[0]["content"])) % 7) for c in completions])
    config = load_config(GRPO, None, [f"start.checkpoint={files}/start", f"data={tmp_path}/scenes.parquet", f"out={tmp_path}/grpo", "group=4", "batch=8",
                                      "steps=1", "warmup=0", "longest=12", "lr=0.01", "half=false", "rewards={letters: 1.0}"])
    out = train(config)
    assert moved(load(str(files / "start"))[0], load(str(out))[0]) == {*PROJECTORS, "language_model"} - {"absent"}


@pytest.mark.slow
def test_grpo_compares_two_faces_beside_questions_about_one(files, tmp_path, monkeypatch):
    from emoreason.training.grpo import train

    rows = load_dataset("parquet", data_files=str(files / "rows.parquet"), split="train").to_list()[:4]
    seen = {"aus": {str(a): 0.0 for a in MEASURED_AUS}, "emotions": {"neutral": 1.0}, "valence": 0.0, "pose": [0, 0, 0]}
    rows = [r | {"seen": json.dumps(seen)} for r in rows]
    rows += [r | {"images": r["images"] * 2, "seen": json.dumps({"pair": [seen, seen]}), "kind": "compare", "label": None} for r in rows]
    Dataset.from_list(rows).to_parquet(str(tmp_path / "rows.parquet"))
    judged = []
    words = rewards.words_reward
    monkeypatch.setitem(rewards.REWARDS, "words", lambda completions, **more: judged.extend(more["seen"]) or words(completions, **more))
    train(load_config(GRPO, None, [f"start.checkpoint={files}/start", f"data={tmp_path}/rows.parquet", f"out={tmp_path}/grpo", "group=2", "batch=8",
                                   "steps=2", "longest=12", "rewards={words: 1.0}"]))
    assert {"pair" in json.loads(s) for s in judged} == {True, False}


@pytest.mark.slow
def test_a_run_that_was_stopped_gives_the_same_losses(files, tmp_path, monkeypatch):
    """Ctrl-C in the third of six steps, with a checkpoint that a kill left half written: the losses stay the same."""
    import signal

    from trl import SFTTrainer

    from emoreason.training import run, sft
    from emoreason.training.run import newest

    histories = []
    fit = run.fit

    def kept(trainer, out):
        try:
            fit(trainer, out)
        finally:
            histories.append({h["step"]: h["loss"] for h in trainer.state.log_history if "loss" in h})

    monkeypatch.setattr(sft, "fit", kept)

    def settings(out):
        return load_config(SFT, None, [f"start.checkpoint={files}/start", f"data={files}/rows.parquet", f"out={out}", "batch=2", "epochs=9", "steps=6",
                                       "warmup=0", "lr=0.01", "log_steps=1", "save_steps=100", "threads=1", "lora.rank=4", "dropout=[0.3,0.3,0.3]"])

    sft.train(settings(tmp_path / "whole"))
    step, done = SFTTrainer.training_step, []

    def stopping(self, *args, **kwargs):
        done.append(1)
        if len(done) == 3:
            signal.raise_signal(signal.SIGINT)
        return step(self, *args, **kwargs)

    monkeypatch.setattr(SFTTrainer, "training_step", stopping)
    with pytest.raises(KeyboardInterrupt):
        sft.train(settings(tmp_path / "parts"))
    (tmp_path / "parts" / "checkpoint-5").mkdir()  # what a kill in the middle of saving leaves
    out = sft.train(settings(tmp_path / "parts"))
    whole, first, rest = histories
    assert set(first) == {1, 2, 3} and set(whole) == set(range(1, 7))
    for at, loss in {**first, **rest}.items():
        assert abs(loss - whole[at]) < 2e-4, (at, loss, whole[at])
    assert (tmp_path / "parts" / "curves.png").is_file() and list((tmp_path / "parts").rglob("events.out.tfevents.*"))
    made = load(str(out))[0]
    assert moved(load(str(tmp_path / "whole" / "model"))[0], made) == set()
    steps = len(done)
    assert moved(made, load(str(sft.train(settings(tmp_path / "parts"))))[0]) == set()  # a finished run has no step left
    assert len(done) == steps and newest(str(tmp_path / "parts")).endswith("checkpoint-6")


@pytest.mark.slow
@pytest.mark.parametrize("more", [["lora.dora=true", "checkpointing=true"], ["full=true", "bf16=true"], ["joint=true"]])
def test_ways_of_training(files, tmp_path, more):
    from emoreason.training.sft import train

    out = train(load_config(SFT, None, [f"start.checkpoint={files}/start", f"data={files}/rows.parquet", f"out={tmp_path}/sft", "batch=4", "steps=1",
                                        "warmup=0", "lr=0.01", "half=false", "dropout=[0,0,0]", *more]))
    after = moved(load(str(files / "start"))[0], load(str(out))[0])
    assert {"au_projector", "language_model"} <= after and "tower" not in after
    assert ("facenet" in after) == ("joint=true" in more)


@pytest.mark.slow
def test_rows_of_like_length_share_a_batch_and_bf16_is_computed_in(files, tmp_path, monkeypatch):
    from transformers.trainer_pt_utils import LengthGroupedSampler

    from emoreason.training import run, sft

    seen = {}

    def fit(trainer, out):
        layer = next(m for n, m in trainer.model.named_modules() if n.endswith("gate_proj"))
        layer.register_forward_hook(lambda module, given, made: seen.update(dtype=made.dtype))
        seen["sampler"] = trainer._get_train_sampler(trainer.train_dataset)
        run.fit(trainer, out)

    monkeypatch.setattr(sft, "fit", fit)
    sft.train(load_config(SFT, None, [f"start.checkpoint={files}/start", f"data={files}/rows.parquet", f"out={tmp_path}/sft", "batch=4", "steps=1",
                                      "full=true", "bf16=true", "threads=1"]))
    rows = load_dataset("parquet", data_files=str(files / "rows.parquet"), split="train")
    assert isinstance(seen["sampler"], LengthGroupedSampler)
    assert list(seen["sampler"].lengths) == [sum(len(m["content"]) for m in [*r["prompt"], *r["completion"]]) for r in rows]
    assert seen["dtype"] == torch.bfloat16


def test_clips_share_batches_with_clips():
    from emoreason.training.sft import lengths

    said = [{"role": "user", "content": "a" * 40}]
    rows = {"prompt": [said] * 3, "completion": [said * 30, said, said * 2], "kind": ["why", "clip events", None]}
    short, clip, _ = lengths(Dataset.from_dict(rows))
    assert short == 1240 < clip
    assert lengths(Dataset.from_dict({k: v for k, v in rows.items() if k != "kind"})) == [1240, 80, 120]


def test_a_refusal_is_judged_by_abstaining_alone():
    from emoreason.training.grpo import judged_by

    row = {"completion": [{"role": "assistant", "content": "<think>Interpretation: I do not judge age.</think><answer>none</answer>"}],
           "label": "anger", "aus": None, "measured": json.dumps({"4": 2.0})}
    assert judged_by(row) == {"abstain": True, "label": None, "aus": None, "measured": None, "course": None, "seen": None}
    row["completion"][0]["content"] = "<think>Interpretation: calm.</think><answer>neutral</answer>"
    assert judged_by(row)["label"] == "anger" and not judged_by(row)["abstain"]
    says = ["<think>Interpretation: no.</think><answer>none</answer>", "<think>Interpretation: calm.</think><answer>neutral</answer>", "?"]
    assert rewards.abstention_reward(says, abstain=[True] * 3) == [1, 0, 0]
    assert rewards.abstention_reward(says, abstain=[False] * 3) == [0, 1, 0]


def test_what_goes_wrong_before_anything_is_loaded(tmp_path):
    from emoreason.training import grpo
    from emoreason.training.models import Start, begin
    from emoreason.training.run import newest, read_rows

    made = lambda *more: load_config(GRPO, None, ["start.checkpoint=x", "data=x", "out=y", *more])  # noqa: E731
    with pytest.raises(UserError, match="multiple of group"):
        grpo.check(made("batch=6", "group=4"))
    with pytest.raises(UserError, match="scale: unknown 'all'; allowed are group, batch, none"):
        grpo.check(made("scale=all"))
    with pytest.raises(UserError, match="iterations must be at least 1 and temperature above 0, but got 0 and 1.0"):
        grpo.check(made("iterations=0"))
    with pytest.raises(UserError, match="rewards.format must be a number, but got 'much'"):
        grpo.check(made("rewards={format: much}"))
    with pytest.raises(UserError, match="vllm: unknown 'fast'; allowed are colocate and server"):
        grpo.check(made("vllm=fast"))
    with pytest.raises(UserError, match="vllm serves start.vlm only"):
        grpo.check(made("vllm=colocate"))
    with pytest.raises(UserError, match="make it with: emoreason data talks"):
        read_rows(str(tmp_path / "nothing.parquet"), ("images",))
    with pytest.raises(UserError, match="start needs a checkpoint"):
        begin(Start())
    with pytest.raises(UserError, match="neither 'nano' nor a folder"):
        begin(Start(checkpoint=str(tmp_path)))
    with pytest.raises(UserError, match="start.bits: 5 is not allowed; allowed are 0"):
        Start(bits=5).weights()
    with pytest.raises(UserError, match="start.dtype: unknown 'half'; allowed are float32"):
        Start(dtype="half").weights()
    assert newest(str(tmp_path)) is None


def test_grpo_knows_its_rewards(files):
    from emoreason.training.grpo import train

    with pytest.raises(UserError, match="unknown 'smile'; allowed are format"):
        train(load_config(GRPO, None, [f"start.checkpoint={files}/start", "data=x", "out=y", "rewards={smile: 1}"]))
