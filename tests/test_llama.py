"""Writing without transformers: the same logits, texts and draws as with it."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.generation.logits_process import TopPLogitsWarper

from emoreason.engines.decoding import nucleus
from emoreason.engines.direct import DirectEngine
from emoreason.engines.loading import NANO, load_native
from emoreason.engines.spec import Spec
from emoreason.engines.tokens import Tokens
from emoreason.llama import Llama, is_plain

SAMPLES = Path(__file__).parent.parent / "samples"


def pair(tied=True, **settings):
    torch.manual_seed(0)
    config = LlamaConfig(**{"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4,
                            "num_key_value_heads": 4, "intermediate_size": 40, "tie_word_embeddings": tied, **settings})
    theirs = LlamaForCausalLM(config).eval()
    for p in theirs.parameters():  # norms of 1 would hide where they stand
        p.data += 0.2 * torch.randn_like(p)
    assert is_plain(config.to_dict())
    head = None if tied else theirs.lm_head.weight.detach()
    return theirs, Llama(config.to_dict(), {k: v.detach() for k, v in theirs.model.state_dict().items()}, head)


@pytest.mark.parametrize("settings", [
    {}, {"num_key_value_heads": 2}, {"head_dim": 10}, {"tied": False},
    {"rope_parameters": {"rope_theta": 500.0, "rope_type": "default"}, "rms_norm_eps": 1e-3}])
@torch.inference_mode()
def test_the_logits_of_transformers(settings):
    theirs, ours = pair(**settings)
    ids = torch.randint(0, 50, (3, 12))
    mask = torch.ones(3, 12, dtype=torch.long)
    mask[1, :4], mask[2, :7] = 0, 0
    draft = ours.write(ours.words(ids[:, :9]), mask[:, :9], 3)
    for at in range(9, 13):
        for i, skip in enumerate((0, 4, 7)):  # each row by itself, without padding
            expected = theirs(ids[i:i + 1, skip:at]).logits[0, -1]
            assert torch.allclose(draft.logits[i], expected, atol=2e-5), (at, i)
        if at < 12:
            draft.step(ids[:, at])


@torch.inference_mode()
def test_rows_that_are_over_are_left_out():
    theirs, ours = pair()
    ids = torch.randint(0, 50, (3, 8))
    mask = torch.ones(3, 7, dtype=torch.long)
    mask[2, :3] = 0
    draft = ours.write(ours.words(ids[:, :7]), mask, 2)
    draft.keep(torch.tensor([2]))
    draft.step(ids[2:, 7])
    assert torch.allclose(draft.logits, theirs(ids[2:, 3:]).logits[:, -1], atol=2e-5)


def test_what_is_no_plain_llama():
    config = LlamaConfig().to_dict()
    rope = {"rope_theta": 1e4, "rope_type": "linear", "factor": 2.0}
    others = ({"model_type": "qwen2"}, {"attention_bias": True}, {"hidden_act": "gelu"}, {"rope_parameters": rope},
              {"rope_parameters": None})
    assert is_plain(config) and not any(is_plain({**config, **other}) for other in others)
    _, ours = pair()
    with pytest.raises(KeyError):
        Llama({**LlamaConfig().to_dict(), "num_hidden_layers": 1}, {})
    with pytest.raises(ValueError, match=r"embed_tokens.weight is \(50, 24\)"):
        Llama(LlamaConfig().to_dict(), {"embed_tokens.weight": ours.words.weight})


@pytest.mark.parametrize("top_p", [1.0, 0.95, 0.5, 0.01, 1e-9])
def test_the_nucleus_is_that_of_transformers(top_p):
    for seed in range(20):
        scores = 3 * torch.randn(300, generator=torch.Generator().manual_seed(seed))
        expected = (TopPLogitsWarper(top_p)(None, scores[None]) if top_p < 1 else scores[None]).softmax(-1)[0]
        assert torch.allclose(nucleus(scores, top_p), expected, atol=1e-6)


def test_the_tokens_of_transformers():
    ours, theirs = Tokens(NANO), PreTrainedTokenizerFast.from_pretrained(NANO)
    turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Why does  it look sad?\n é 😀"}]},
             {"role": "assistant", "content": "<think>The brows (AU4, 2.1).</think>"}, {"role": "user", "content": "x"}]
    text = theirs.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert ours.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) == text
    for special in (True, False):
        ids = theirs(text, add_special_tokens=special)["input_ids"]
        assert ours(text, add_special_tokens=special)["input_ids"] == ids
        for skip in (True, False):
            assert ours.decode(ids, skip_special_tokens=skip) == theirs.decode(ids, skip_special_tokens=skip)
    assert (ours.eos_token_id, ours.pad_token_id) == (theirs.eos_token_id, theirs.pad_token_id)
    assert ours.get_vocab() == theirs.get_vocab()


def test_nano_says_the_same_on_both():
    from emoreason.reason import Reasoner

    pictures = [SAMPLES / f"{name}.jpg" for name in ("sad", "surprised")]
    both = [Reasoner(engine=e) for e in (DirectEngine(NANO, Spec("local", "nano")),
                                         load_native(NANO, Spec("local", "nano")))]
    for question in ("Why does this face look sad?", "How sure are you?"):
        direct, plain = ([r.ask(p, question)[0].text for p in pictures] for r in both)
        assert direct == plain
    ours = both[0].model.state_dict()  # which is loaded for those who want transformers' own
    assert all(torch.equal(v, ours[k]) for k, v in both[1].model.state_dict().items())


def test_an_answer_needs_no_transformers():
    code = ("import sys; from emoreason.reason import Reasoner; r = Reasoner.load('nano#device=cpu');"
            f"print(r.ask({str(SAMPLES / 'sad.jpg')!r})[0].explanation.emotion, 'transformers' in sys.modules)")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["sadness", "False"]
