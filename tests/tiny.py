"""A tiny random model in the real formats, for tests."""

import copy
from functools import cache

from transformers import LlamaConfig

from emoreason.data_pipeline.explain import random_facts  # noqa: F401  (the engine makes the tokenizer's text)
from emoreason.model import EmoReasonConfig, EmoReasonForConditionalGeneration
from emoreason.processing import EmoReasonProcessor
from emoreason.training.pretrain import train_tokenizer

TOWER = {"embed_dim": 16, "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
         "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}}
FACENET = {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "feature": 8}


@cache
def _tokenizer():
    return train_tokenizer(600, 0, 60)


def tokenizer_of():
    return copy.deepcopy(_tokenizer())


def make(tower=TOWER):
    tokenizer = tokenizer_of()
    text = LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                       num_key_value_heads=2, intermediate_size=48, tie_word_embeddings=True, pad_token_id=tokenizer.pad_token_id,
                       bos_token_id=None, eos_token_id=tokenizer.eos_token_id)
    config = EmoReasonConfig(text, tower, FACENET, image_token_id=tokenizer.convert_tokens_to_ids("<image>"))
    return EmoReasonForConditionalGeneration(config).eval(), EmoReasonProcessor(tokenizer)
