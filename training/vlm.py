"""An off-the-shelf vision-language model (Qwen2-VL, Qwen2.5-VL, Qwen3-VL and their kind) as the backbone: the picture,
the face crop as a further picture, and what facenet measured as text. The same rows, rewards and trainers as for our
own model."""

from __future__ import annotations

from typing import Any

import numpy as np
from datasets import Dataset
from PIL import Image as Pictures

from emoreason.engines.outside import Shown, introduce
from emoreason.errors import UserError
from emoreason.facenet import FaceNet
from emoreason.facenet import load as load_facenet
from emoreason.faces import detect
from emoreason.images import read as read_image
from emoreason.media import Media, as_media

LEAST = 112  # px: smaller pictures are enlarged, as the models' patches would leave little of them


def load_vlm(name: str, weights: dict[str, Any]) -> tuple[Any, Any]:
    """(model, processor) from a folder or hub name; weights: Start.weights(). Raises UserError when it cannot be
    loaded or takes no pictures."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(name)
        model = AutoModelForImageTextToText.from_pretrained(name, **weights)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as e:
        raise UserError(f"vision-language model {name!r} cannot be loaded: {' '.join(str(e).split())[:200]}") from None
    if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
        raise UserError(f"{name!r} is no vision-language model: its processor takes no pictures")
    processor.tokenizer.padding_side = "left"
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return model, processor


def facenet_of(path: str | None) -> tuple[FaceNet, float]:
    """(facenet, temperature of its emotions): weights from a file, or the bundled model's."""
    if path is not None:
        return load_facenet(path), 1.0
    from emoreason.training.models import load

    model, _ = load("nano")
    return model.model.encoder.facenet.eval(), model.config.emotion_temperature


def with_evidence(data: Dataset, facenet: str | None) -> Dataset:
    """Rows (images, prompt, ...) of ``emoreason data talks`` as a vision-language model is asked at inference
    (engines/outside.py): instruction, pictures and evidence before the first question. Made when a row is read."""
    net, temperature = facenet_of(facenet)

    def convert(rows: dict[str, list]) -> dict[str, list]:
        if "images" not in rows or "prompt" not in rows:  # another column alone
            return rows
        pairs = [asked(i, p, net, temperature) for i, p in zip(rows["images"], rows["prompt"], strict=True)]
        return {**rows, "images": [i for i, _ in pairs], "prompt": [p for _, p in pairs]}

    return data.with_transform(convert)


def asked(images: list[Any], prompt: list[dict], net: FaceNet, temperature: float) -> tuple[list, list[dict]]:
    """(pictures, messages) of one row."""
    faces = [face_of(image) for image in images]
    seen = [net.read(crops, temperature=temperature) if found else None for found, (_, _, crops) in faces]
    parts, pictures = introduce([face for _, face in faces], seen)
    first, *rest = [{"role": m["role"], "content": m["content"]} for m in prompt]
    first = first | {"content": [*parts, {"type": "text", "text": first["content"]}]}
    return [enlarged(p) for p in pictures], [first, *rest]


def face_of(item: Any) -> tuple[bool, Shown]:
    """Whether there is a face, and (picture, box, crops) of it as engines.outside takes them."""
    media = as_media(item)
    if media.scene is None:
        crops: Any = media.crops
        return True, (None, None, crops)
    if isinstance(item, (Media, dict)):
        shown: Any = media.scene if media.crops is None else media.crops
        return media.crops is not None, (None, None, shown)
    image = read_image(item)
    found = detect(image)
    if not found:
        return False, (None, None, image[None])
    x0, y0, x1, y1 = map(float, found[0].box)
    return True, (image, (x0, y0, x1, y1), found[0].crop[None])


def enlarged(picture: np.ndarray) -> Pictures.Image:
    """A picture no smaller than LEAST on its shorter side."""
    image = Pictures.fromarray(picture)
    if min(image.size) >= LEAST:
        return image
    scale = LEAST / min(image.size)
    return image.resize((round(image.width * scale), round(image.height * scale)), Pictures.Resampling.BICUBIC)
