"""Media and chat -> input_ids and pixel_values (``emoreason.media``): all that the model sees, as trainers take it."""

from __future__ import annotations

from typing import Any

import torch
from transformers import BatchFeature, ProcessorMixin

from emoreason.media import as_media, stack_media, token_count
from emoreason.prompts import IMAGE


class EmoReasonProcessor(ProcessorMixin):
    """Tokenizer plus media: ``processor(images=[[media, ...], ...], text=[...])``, one placeholder <image> a media."""

    def __init__(self, tokenizer: Any = None, chat_template: str | None = None, **kwargs: Any) -> None:
        self.image_token = IMAGE
        super().__init__(tokenizer, chat_template=chat_template or getattr(tokenizer, "chat_template", None))

    @property
    def model_input_names(self) -> list[str]:
        return ["input_ids", "attention_mask", "pixel_values"]

    def __call__(self, images: Any = None, text: Any = None, return_tensors: str | None = None,
                 **kwargs: Any) -> BatchFeature:
        """text: a string or list of strings; images: a flat or nested list in the order of the placeholders. Token ids
        are tensors where the texts are equally long (or padded), else lists, as trainers that pad for themselves want.

        Raises ValueError when placeholders and media differ in number.
        """
        texts = [text] if isinstance(text, str) else list(text)
        flat = [as_media(item) for item in _flatten(images)]
        wanted = sum(t.count(IMAGE) for t in texts)
        if wanted != len(flat):
            raise ValueError(f"{wanted} {IMAGE} placeholders, but {len(flat)} media")
        counts = iter(flat)
        expanded = []
        for t in texts:
            head, *tails = t.split(IMAGE)
            expanded.append(head + "".join(IMAGE * token_count(len(next(counts))) + tail for tail in tails))
        for name in ("do_resize", "num_images", "videos", "audio", "common_kwargs", "images_kwargs", "text_kwargs"):
            kwargs.pop(name, None)
        data = dict(self.tokenizer(expanded, **kwargs))
        data.pop("token_type_ids", None)
        if return_tensors == "pt" or len({len(ids) for ids in data["input_ids"]}) == 1:
            data = {k: torch.tensor(v) for k, v in data.items()}
        if flat:
            data["pixel_values"] = stack_media(flat)
        return BatchFeature(data)

    def batch_decode(self, *args: Any, **kwargs: Any) -> list[str]:
        return self.tokenizer.batch_decode(*args, **kwargs)

    def decode(self, *args: Any, **kwargs: Any) -> str:
        return self.tokenizer.decode(*args, **kwargs)


def _flatten(images: Any) -> list[Any]:
    if images is None:
        return []
    if isinstance(images, (list, tuple)):
        return [leaf for item in images for leaf in _flatten(item)]
    return [images]
