"""Language models of other families as backbones, and adapters on them."""

import json

import pytest
import tiny
import torch
from datasets import Dataset
from peft import get_peft_model
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    OPTConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from emoreason.errors import UserError
from emoreason.training.config import load as load_config
from emoreason.training.models import Lora, Start, begin, build, load, save_merged
from emoreason.training.pretrain import train_tokenizer

FAMILIES = {
    "qwen2": lambda n: Qwen2Config(vocab_size=n, hidden_size=64, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
                                   intermediate_size=128, tie_word_embeddings=False),
    "qwen3": lambda n: Qwen3Config(vocab_size=n, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=16,
                                   intermediate_size=48, tie_word_embeddings=True),
    "gpt2": lambda n: GPT2Config(vocab_size=n, n_embd=32, n_layer=1, n_head=2, n_positions=256),
    "opt": lambda n: OPTConfig(vocab_size=n, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, ffn_dim=48, word_embed_proj_dim=16,
                               max_position_embeddings=256),
    "gpt_neox": lambda n: GPTNeoXConfig(vocab_size=n, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Random language models in the real formats, without the chat's marks in their tokenizer's template."""
    at = tmp_path_factory.mktemp("language")
    tokenizer = train_tokenizer(600, 0, 30)
    for name, config in {**FAMILIES, "gemma2": lambda n: Gemma2Config(vocab_size=n, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                                                                      num_key_value_heads=1, head_dim=16, intermediate_size=48)}.items():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config(len(tokenizer)))
        for p in model.parameters():  # large enough that a soft cap shows
            p.data.mul_(3.0)
        model.save_pretrained(at / name)
        tokenizer.save_pretrained(at / name)
    return at


@pytest.mark.parametrize("name", FAMILIES)
def test_any_family_gives_the_same_text_as_before(folder, tmp_path, name):
    model, processor = build(str(folder / name), None, tiny.TOWER, tiny.FACENET)
    alone = AutoModelForCausalLM.from_pretrained(folder / name).eval()
    ids = torch.arange(5, 25)[None]
    with torch.no_grad():
        before = alone(ids).logits  # a family's tokenizer may bring a mark of its own, and with it a row
        torch.testing.assert_close(model.eval()(input_ids=ids).logits[..., :before.shape[-1]], before, atol=1e-4, rtol=1e-4)
        adapted = get_peft_model(model, Lora(rank=4).config(model))
        assert not any(".encoder." in n and "lora" in n for n, _ in adapted.named_parameters())
        assert any(".language_model." in n and "lora" in n for n, _ in adapted.named_parameters())
        for n, p in adapted.named_parameters():
            if "lora_B" in n:
                p.normal_()
        expected = adapted(input_ids=ids).logits
        save_merged(adapted, processor, str(tmp_path / "merged"))
        again, _ = load(str(tmp_path / "merged"))
        torch.testing.assert_close(again.eval()(input_ids=ids).logits, expected, atol=2e-3, rtol=2e-3)


def test_a_head_that_is_not_linear_is_refused(folder):
    with pytest.raises(UserError, match="soft-capping"):
        build(str(folder / "gemma2"), None, None, tiny.FACENET)


def test_a_start_takes_the_temperature_that_suits_its_facenet(folder):
    start = dict(language_model=str(folder / "gpt2"), facenet_config=tiny.FACENET)
    assert begin(Start(**start, emotion_temperature=0.8))[0].model.encoder.config.emotion_temperature == 0.8
    assert begin(Start(**start))[0].config.emotion_temperature == 1.0
    with pytest.raises(UserError, match="emotion_temperature must be above 0, but got 0"):
        begin(Start(**start, emotion_temperature=0))


@pytest.mark.parametrize("more", [{"layers": 5}, {"inner": 80}, {"layers": 3, "inner": 64}])
def test_a_larger_language_model_begins_as_the_small_one(folder, tmp_path, more):
    model, processor = tiny.make()
    save_merged(model, processor, str(tmp_path / "small"))
    deep, _ = begin(Start(checkpoint=str(tmp_path / "small"), **more))
    ids = torch.arange(5, 25)[None]
    with torch.no_grad():
        assert torch.allclose(model(ids).logits, deep.eval()(ids).logits, atol=1e-5)
        for p in deep.model.language_model.layers[-1].parameters():
            p.add_(0.01)
    save_merged(deep, processor, str(tmp_path / "large"))
    again, _ = begin(Start(checkpoint=str(tmp_path / "large")))
    has = again.config.text_config
    assert len(again.model.language_model.layers) == has.num_hidden_layers == more.get("layers", 2)
    assert again.model.language_model.layers[-1].mlp.up_proj.out_features == has.intermediate_size == more.get("inner", 48)
    tokens = [m.eval().generate(ids, max_new_tokens=8, do_sample=False).tolist() for m in (deep, again)]
    assert tokens[0] == tokens[1], "the cache knows each layer"


def test_what_cannot_grow_is_named(folder, tmp_path):
    model, processor = tiny.make()
    save_merged(model, processor, str(tmp_path / "small"))
    with pytest.raises(UserError, match="start.layers: 1 is fewer than the 2"):
        begin(Start(checkpoint=str(tmp_path / "small"), layers=1))
    with pytest.raises(UserError, match="start.inner: 20 is fewer than the 48"):
        begin(Start(checkpoint=str(tmp_path / "small"), inner=20))
    with pytest.raises(UserError, match="enlarge the language model of a start.checkpoint; name one"):
        begin(Start(language_model=str(folder / "gpt2"), layers=5))
    model, processor = build(str(folder / "qwen2"), None, None, tiny.FACENET)
    save_merged(model, processor, str(tmp_path / "qwen2"))
    with pytest.raises(UserError, match="only a language model of the Llama kind can grow"):
        begin(Start(checkpoint=str(tmp_path / "qwen2"), layers=5))


def test_targets_are_checked_against_the_model(folder):
    model, _ = build(str(folder / "gpt2"), None, None, tiny.FACENET)
    chosen = Lora(targets=("c_attn",)).config(model).target_modules
    assert chosen and all(n.endswith("c_attn") for n in chosen)
    with pytest.raises(UserError, match="lora.targets: no q_proj in this model; allowed: c_attn, c_fc, c_proj"):
        Lora(targets=("q_proj",)).config(model)


def test_new_marks_mean_something_and_are_the_same_every_time(folder, tmp_path):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "qwen3")
    text = AutoModelForCausalLM.from_pretrained(folder / "qwen3")
    from tokenizers import Tokenizer

    plain = json.loads(tokenizer.backend_tokenizer.to_str())  # as if it had never seen a chat
    marks = {"<|user|>", "<|assistant|>", "<image>", "<|end|>"}
    names = {t: f"[unused{i}]" for i, t in enumerate(sorted(marks))}
    plain["added_tokens"] = [dict(t, content=names.get(t["content"], t["content"])) for t in plain["added_tokens"]]
    plain["model"]["vocab"] = {names.get(t, t): i for t, i in plain["model"]["vocab"].items()}
    bare = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(plain)), eos_token=names["<|end|>"])
    bare.save_pretrained(tmp_path / "bare")
    text.save_pretrained(tmp_path / "bare")
    one, processor = build(str(tmp_path / "bare"), None, None, tiny.FACENET)
    two, _ = build(str(tmp_path / "bare"), None, None, tiny.FACENET)
    ids = processor.tokenizer("user", add_special_tokens=False)["input_ids"]
    words = one.get_input_embeddings().weight
    torch.testing.assert_close(words[processor.tokenizer.convert_tokens_to_ids("<|user|>")], words[ids].mean(0))
    assert torch.equal(words, two.get_input_embeddings().weight)
    says = processor.tokenizer.apply_chat_template([{"role": "user", "content": "why?"}, {"role": "assistant", "content": "so"}], tokenize=False)
    assert says == "<|user|>why?<|assistant|>so" + names["<|end|>"]
    assert one.config.image_token_id == processor.tokenizer.convert_tokens_to_ids("<image>") >= len(bare)


@pytest.mark.slow
def test_four_bits_train_where_the_machine_can(folder, tmp_path):
    pytest.importorskip("bitsandbytes")
    from test_training_loop import row

    from emoreason.training.sft import SFT, train

    Dataset.from_list([row(i) for i in range(4)]).to_parquet(str(tmp_path / "rows.parquet"))
    out = train(load_config(SFT, None, [f"start.language_model={folder}/qwen2", "start.bits=4", f"start.facenet_config={json.dumps(tiny.FACENET)}",
                                        f"data={tmp_path}/rows.parquet", f"out={tmp_path}/out", "batch=2", "steps=1", "warmup=0", "lr=0.01",
                                        "half=false", "threads=1"]))
    before = AutoModelForCausalLM.from_pretrained(folder / "qwen2").model.layers[0].self_attn.q_proj.weight
    after = load(str(out))[0].model.language_model.layers[0].self_attn.q_proj.weight
    assert 0 < (before - after).abs().max() < 0.5
