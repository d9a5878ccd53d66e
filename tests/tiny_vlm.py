"""Tiny random vision-language models of the Qwen family, saved as their makers save them."""

import torch
import transformers as t

from emoreason.training.pretrain import train_tokenizer

MARKS = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' or 'image' in c %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in c %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")


def save(family, folder):
    tokenizer = train_tokenizer(600, 0, 30)
    tokenizer.add_special_tokens({"additional_special_tokens": MARKS})
    tokenizer.eos_token = "<|im_end|>"
    ids = dict(zip(("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id"),
                   tokenizer.convert_tokens_to_ids(MARKS[2:]), strict=True))
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    text = dict(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
                intermediate_size=48, rope_parameters=rope, max_position_embeddings=4096, bos_token_id=None,
                eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    torch.manual_seed(0)
    pixels = dict(min_pixels=56 * 56, max_pixels=112 * 112)
    if family == "qwen2_vl":
        vision = dict(depth=1, embed_dim=32, hidden_size=32, num_heads=2, mlp_ratio=2, patch_size=14)
        model = t.Qwen2VLForConditionalGeneration(t.Qwen2VLConfig(text_config=text, vision_config=vision, **ids))
        kind, video, images = t.Qwen2VLProcessor, t.Qwen2VLVideoProcessor, t.Qwen2VLImageProcessor(**pixels)
    elif family == "qwen2_5_vl":
        vision = dict(depth=1, hidden_size=32, out_hidden_size=32, num_heads=2, intermediate_size=48, patch_size=14,
                      fullatt_block_indexes=[0], window_size=56)
        model = t.Qwen2_5_VLForConditionalGeneration(t.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids))
        kind, video, images = t.Qwen2_5_VLProcessor, t.Qwen2VLVideoProcessor, t.Qwen2VLImageProcessor(**pixels)
    else:
        vision = dict(depth=2, hidden_size=32, out_hidden_size=32, num_heads=2, intermediate_size=48, patch_size=16,
                      num_position_embeddings=64, deepstack_visual_indexes=[0])
        model = t.Qwen3VLForConditionalGeneration(t.Qwen3VLConfig(text_config=text | {"head_dim": 16}, vision_config=vision, **ids))
        kind, video = t.Qwen3VLProcessor, t.Qwen3VLVideoProcessor
        images = t.Qwen2VLImageProcessor(patch_size=16, **pixels)
    model.save_pretrained(folder)
    kind(image_processor=images, tokenizer=tokenizer, video_processor=video(), chat_template=TEMPLATE).save_pretrained(folder)
    return str(folder)
