"""EmoReason: scene tokens, face tokens and AU tokens in front of a causal language model.

A media of T frames becomes SCENE_TOKENS + FACE_TOKENS * min(T, SEGMENTS) + 22 embeddings that replace its
placeholders. All of them are computed from pixel_values inside ``forward``: trainers and servers need nothing else.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from emoreason.facenet import FaceNet, FaceNetConfig, prepare
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.media import FACE_TOKENS, SCENE_TOKENS, SEGMENTS
from emoreason.records import Evidence

ORDERS = 4  # media of one conversation that are told apart by their order
COURSE = 8  # samples of an AU's course over a clip
LEVELS, TILTS = 26, 11  # knots of the intensity (0-5 in steps of 0.2) and of the side difference (-5..5 in steps of 1)
TURNS = 19  # knots of yaw, pitch and roll (-45..45 degrees in steps of 5)
OPENAI_DATASET_MEAN, OPENAI_DATASET_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
READOUT = 2 * len(EMOTIONS) + 2 + 3 + 3 * TURNS  # probabilities, scaled logits, valence and arousal, pose twice
CACHE = "cache" if "cache" in BaseModelOutputWithPast.__dataclass_fields__ else "past_key_values"  # renamed in 5.24


class EmoReasonConfig(PretrainedConfig):
    """text_config: of any causal LM; tower: {"name": open_clip model} or an open_clip config {"embed_dim",
    "vision_cfg", "text_cfg"}, None for no scene tokens' tower; facenet: fields of FaceNetConfig; emotion_temperature:
    calibrates facenet's emotions; dropout: chances in training that scene, face or AU tokens are withheld."""

    model_type = "emoreason"
    sub_configs = {"text_config": AutoConfig}

    def __init__(self, text_config: Any = None, tower: dict | None = None, facenet: dict | None = None,
                 image_token_id: int = 0, emotion_temperature: float = 1.0, dropout: tuple = (0.0, 0.0, 0.0),
                 **kwargs: Any) -> None:
        if isinstance(text_config, dict):
            text_config = AutoConfig.for_model(**text_config)
        self.text_config = text_config if text_config is not None else AutoConfig.for_model("llama")
        self.tower, self.facenet = tower, facenet or {}
        self.image_token_id, self.dropout = image_token_id, tuple(dropout)
        self.emotion_temperature = emotion_temperature
        kwargs.setdefault("tie_word_embeddings", bool(getattr(self.text_config, "tie_word_embeddings", False)))
        super().__init__(**kwargs)


def build_tower(spec: dict) -> tuple[nn.Module, int]:
    """An open_clip vision tower (weights random) and its input side in pixels, from a name or a config."""
    import open_clip

    if "name" in spec:
        visual = open_clip.create_model(spec["name"], load_weights=False).visual
    else:
        visual = open_clip.CLIP(**spec).visual
    size = visual.image_size
    return visual, int(size[0] if isinstance(size, (tuple, list)) else size)


def patch_features(visual: nn.Module, x: Tensor) -> Tensor:
    """Patch features (N, P, C) of any open_clip tower: ViT, timm trunk or ResNet."""
    if hasattr(visual, "trunk"):
        y = visual.trunk.forward_features(x)
    elif hasattr(visual, "attnpool") and hasattr(visual, "stem"):
        y = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(x)))))
    else:
        visual.output_tokens = True
        y = visual(x)[1]
    return y.flatten(2).transpose(1, 2) if y.ndim == 4 else y


def hat(x: Tensor, low: float, high: float, knots: int) -> Tensor:
    """Piecewise-linear basis (..., knots): 1 at a value's knot, shared linearly between two neighbours."""
    position = (x.clamp(low, high) - low) / (high - low) * (knots - 1)
    return (1 - (position[..., None] - torch.arange(knots, device=x.device)).abs()).clamp_min(0)


def spread(good: Tensor, parts: Tensor, most: int) -> Tensor:
    """Frames (N, most) that lie evenly among those of ``good`` (N, T), from the first to the last: ``parts`` (N,) of
    them, 2 or more or 1; what follows these repeats the last."""
    last = (good.sum(1) - 1).clamp_min(0)[:, None]
    steps = torch.arange(most, device=good.device) * last / (parts[:, None] - 1).clamp_min(1)
    return (~good).sort(dim=1, stable=True).indices.gather(1, torch.minimum(steps.round().long(), last))


def order_in_rows(lengths: Tensor, slots: Tensor) -> Tensor:
    """Which of its row's media each is, from 0: lengths (N,) of the media in placeholders, slots (B,) of each row."""
    row = torch.searchsorted(slots.cumsum(0), lengths.cumsum(0) - lengths, right=True)
    return torch.arange(len(lengths)) - torch.searchsorted(row, row)


class Projector(nn.Sequential):
    """Two layers from ``inp`` to the language model's width."""

    def __init__(self, inp: int, out: int) -> None:
        super().__init__(nn.Linear(inp, out), nn.GELU(), nn.Linear(out, out))


class MediaEncoder(nn.Module):
    """pixel_values -> embeddings, and the evidence they were made from."""

    def __init__(self, config: EmoReasonConfig, width: int) -> None:
        super().__init__()
        self.config = config
        net = FaceNetConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in config.facenet.items()})
        self.facenet = FaceNet(net)
        k, c, d = len(MEASURED_AUS), net.feature, net.widths[-1]
        self.tower, self.tower_side, tower_width = None, 0, 1
        if config.tower:
            self.tower, self.tower_side = build_tower(config.tower)
            with torch.no_grad():
                sample = torch.zeros(1, 3, self.tower_side, self.tower_side)
                tower_width = patch_features(self.tower.eval(), sample).shape[-1]
        self.scene_projector = Projector(tower_width, width)
        self.face_projector, self.readout_projector = Projector(d, width), Projector(READOUT, width)
        self.au_projector = Projector(c + LEVELS + TILTS + COURSE + 1, width)
        self.au_embedding = nn.Embedding(k, width)
        self.absent = nn.Embedding(3, width)  # no scene, no face, no AUs
        self.order = nn.Embedding(ORDERS, width)  # the first, second, ... of the media that are asked about together

    def forward(self, pixel_values: Tensor, face: dict[str, Tensor] | None = None) -> list[Tensor]:
        """(N, T, 2, 3, S, S) -> N tensors (tokens, width). face: what ``read`` gave for it, where that is known."""
        n = len(pixel_values)
        there = pixel_values.flatten(3).amax(-1) > 0  # N, T, 2
        segments = there.any(2).sum(1).clamp(1, SEGMENTS)  # of each media
        keep = there.any(1)[:, [0, 1, 1]]  # N, 3: scene, face, AUs
        if self.training and any(self.config.dropout):
            keep &= torch.rand(n, 3, device=keep.device) >= torch.tensor(self.config.dropout, device=keep.device)
        face = self.read(pixel_values[:, :, 1].flatten(0, 1), n) if face is None else face
        groups = [self._scene(pixel_values[:, :, 0], there[..., 0]), self._face_tokens(face, there[..., 1], segments),
                  self._au_tokens(face, there[..., 1])]
        tokens = torch.cat([torch.where(keep[:, i, None, None], group, self._absent(i))
                            for i, group in enumerate(groups)], 1)
        lengths = SCENE_TOKENS + FACE_TOKENS * segments + len(MEASURED_AUS)
        segment = (torch.arange(tokens.shape[1], device=tokens.device) - SCENE_TOKENS) // FACE_TOKENS
        spare = (segment >= segments[:, None]) & (segment < SEGMENTS)
        return list(tokens[~spare].split(lengths.tolist()))

    def placed(self, media: list[Tensor], slots: Tensor) -> Tensor:
        """Media's tokens one after the other, each marked by its place among those of its row; slots (B,): the
        placeholders of each row."""
        lengths = torch.tensor([len(m) for m in media])
        place = order_in_rows(lengths, slots.cpu()).clamp_max(ORDERS - 1).repeat_interleave(lengths)
        tokens = torch.cat(media)
        return tokens + self.order(place.to(tokens.device)).to(tokens.dtype)

    def _absent(self, kind: int) -> Tensor:
        return self.absent(torch.tensor(kind, device=self.au_embedding.weight.device))

    def _scene(self, scene: Tensor, there: Tensor) -> Tensor:
        """(N, T, 3, S, S) -> (N, SCENE_TOKENS, width): the frames' mean, pooled to quadrants."""
        n, t = scene.shape[:2]
        if self.tower is None or not there.any():
            return self._absent(0).expand(n, SCENE_TOKENS, -1)
        mean, std = (scene.new_tensor(v).view(3, 1, 1) for v in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD))
        x = (scene.flatten(0, 1) - mean) / std
        x = F.interpolate(x, size=(self.tower_side,) * 2, mode="bilinear", antialias=True, align_corners=False)
        y = patch_features(self.tower, x)  # N*T, P, C
        y = (y.unflatten(0, (n, t)) * there[..., None, None]).sum(1) / there.sum(1).clamp_min(1)[:, None, None]
        side = int(y.shape[1] ** 0.5)
        grid = y[:, -side * side:].transpose(1, 2).unflatten(-1, (side, side))
        pooled = F.adaptive_avg_pool2d(grid, int(SCENE_TOKENS ** 0.5)).flatten(2).transpose(1, 2)
        return self.scene_projector(pooled)

    def read(self, crops: Tensor, n: int) -> dict[str, Tensor]:
        """facenet on crops (N*T, 3, S, S); every output as (N, T, ...), zeros where a crop is missing."""
        trains = any(p.requires_grad for p in self.facenet.parameters())
        self.facenet.train(self.training and trains)
        there = crops.flatten(1).amax(1) > 0  # frames that only fill a shorter clip up are not read
        there[0] |= ~there.any()
        with torch.set_grad_enabled(trains and torch.is_grad_enabled()):
            seen = self.facenet.mirrored(prepare(crops[there].to(self.facenet.au_bias.dtype)))
        out = {k: v.new_zeros(len(crops), *v.shape[1:]).index_put((there,), v) for k, v in seen.items()}
        out["emotion"] = out["emotion"] / self.config.emotion_temperature
        p = out["emotion"].softmax(-1)
        turns = hat(out["pose"], -45, 45, TURNS).flatten(-2)
        out["readout"] = torch.cat([p, out["emotion"].clamp(-8, 8) / 4, out["affect"], out["pose"] / 45, turns], -1)
        return {k: v.unflatten(0, (n, -1)) for k, v in out.items()}

    def _face_tokens(self, face: dict[str, Tensor], good: Tensor, segments: Tensor) -> Tensor:
        """(N, FACE_TOKENS * SEGMENTS, width), two for each of a media's ``segments`` (N,), the rest to be left out."""
        row, pick = torch.arange(len(good), device=good.device)[:, None], spread(good, segments, SEGMENTS)
        pair = [self.face_projector(face["pooled"][row, pick]), self.readout_projector(face["readout"][row, pick])]
        return torch.stack(pair, 2).flatten(1, 2)

    def _au_tokens(self, face: dict[str, Tensor], good: Tensor) -> Tensor:
        """(N, K, width): each AU's feature at its apex, its intensity, side and course."""
        n, k = len(good), torch.arange(face["aus"].shape[2], device=good.device)
        row = torch.arange(n, device=good.device)[:, None]
        apex = face["aus"].masked_fill(~good[..., None], -1).argmax(1)  # N, K
        course = face["aus"][row, spread(good, good.new_full((n,), COURSE, dtype=torch.long), COURSE)]
        clip = (good.sum(1) > 1).to(course.dtype)[:, None, None].expand(n, len(k), 1)
        parts = [face["features"][row, apex, k], hat(face["aus"][row, apex, k], 0, 5, LEVELS),
                 hat(face["sides"][row, apex, k], -5, 5, TILTS), course.transpose(1, 2) / 5, clip]
        return self.au_projector(torch.cat(parts, -1)) + self.au_embedding(k)


class EmoReasonPreTrainedModel(PreTrainedModel):
    config_class = EmoReasonConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _skip_keys_device_placement = [CACHE]
    _keep_in_fp32_modules_strict = {"encoder"}  # small, and its figures are the evidence

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)


class EmoReasonModel(EmoReasonPreTrainedModel):
    """Encoder and language model (``language_model`` in place of a new one) without the output head."""

    def __init__(self, config: EmoReasonConfig, language_model: nn.Module | None = None) -> None:
        super().__init__(config)
        self.language_model = language_model or AutoModel.from_config(config.text_config)
        self.encoder = MediaEncoder(config, self.language_model.get_input_embeddings().embedding_dim)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.language_model.set_input_embeddings(value)

    def embed(self, input_ids: Tensor, pixel_values: Tensor | None) -> Tensor:
        """Token embeddings with the media in place of their placeholders. Raises ValueError on a mismatch."""
        embeds = self.get_input_embeddings()(input_ids)
        if pixel_values is None:
            return embeds
        media = self.encoder(pixel_values)
        slots = input_ids == self.config.image_token_id
        if int(slots.sum()) != sum(map(len, media)):
            raise ValueError(f"{int(slots.sum())} image placeholders, but {sum(map(len, media))} media tokens")
        return embeds.masked_scatter(slots[..., None], self.encoder.placed(media, slots.sum(1)).to(embeds.dtype))

    def forward(self, input_ids: Tensor | None = None, pixel_values: Tensor | None = None,
                attention_mask: Tensor | None = None, position_ids: Tensor | None = None,
                inputs_embeds: Tensor | None = None, use_cache: bool | None = None,
                **kwargs: Any) -> BaseModelOutputWithPast:
        if inputs_embeds is None:
            inputs_embeds = self.embed(input_ids, pixel_values)
        return self.language_model(inputs_embeds=inputs_embeds, attention_mask=attention_mask, use_cache=use_cache,
                                   position_ids=position_ids, **kwargs)


class EmoReasonForConditionalGeneration(EmoReasonPreTrainedModel, GenerationMixin):
    """The whole model: ``model`` (encoder and language model) and the output head."""

    _tied_weights_keys = {"lm_head.weight": "model.language_model.embed_tokens.weight"}

    def __init__(self, config: EmoReasonConfig, language_model: nn.Module | None = None) -> None:
        super().__init__(config)
        self.model = EmoReasonModel(config, language_model)
        words = self.model.get_input_embeddings()
        self.lm_head = nn.Linear(words.embedding_dim, words.num_embeddings, bias=False)
        name = next(n for n, m in self.model.named_modules() if m is words)  # language models differ in it
        self._tied_weights_keys = {"lm_head.weight": f"model.{name}.weight"}
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head

    def set_output_embeddings(self, value: nn.Module) -> None:
        self.lm_head = value

    def forward(self, input_ids: Tensor | None = None, pixel_values: Tensor | None = None,
                attention_mask: Tensor | None = None, labels: Tensor | None = None, inputs_embeds: Tensor | None = None,
                logits_to_keep: int | Tensor = 0, **kwargs: Any) -> CausalLMOutputWithPast:
        out = self.model(input_ids=input_ids, pixel_values=pixel_values, attention_mask=attention_mask,
                         inputs_embeds=inputs_embeds, **kwargs)
        keep = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(out.last_hidden_state[:, keep])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1], **kwargs)
        return CausalLMOutputWithPast(loss=loss, logits=logits, hidden_states=out.hidden_states,
                                      attentions=out.attentions, **{CACHE: out.get(CACHE)})

    def prepare_inputs_for_generation(self, input_ids: Tensor, pixel_values: Tensor | None = None,
                                      inputs_embeds: Tensor | None = None, **kwargs: Any) -> dict[str, Any]:
        inputs = super().prepare_inputs_for_generation(input_ids, inputs_embeds=inputs_embeds, **kwargs)
        cache = kwargs.get(CACHE)
        first = cache is None or cache.get_seq_length() == 0
        inputs["pixel_values"] = pixel_values if first else None
        return inputs

    @torch.inference_mode()
    def evidence(self, pixel_values: Tensor, read: dict[str, Tensor] | None = None) -> list[Evidence | None]:
        """What facenet reads off each media: the same figures that its AU tokens carry. None without a face.
        read: what ``encoder.read`` gave for it, where that is known."""
        encoder = self.model.encoder.eval()
        there = pixel_values[:, :, 1].flatten(2).amax(-1) > 0
        read = encoder.read(pixel_values[:, :, 1].flatten(0, 1), len(pixel_values)) if read is None else read
        face = {k: v.float().cpu().numpy() for k, v in read.items()}
        out: list[Evidence | None] = []
        for i, good in enumerate(there.cpu().numpy()):
            p = face["readout"][i, good, :len(EMOTIONS)]
            out.append(Evidence(torch.arange(int(good.sum())).numpy().astype(float), face["aus"][i, good],
                                face["sides"][i, good], face["maps"][i, good], p, face["affect"][i, good, 0],
                                face["affect"][i, good, 1], face["pose"][i, good], good[good]) if good.any() else None)
        return out


AutoConfig.register("emoreason", EmoReasonConfig)
AutoModel.register(EmoReasonConfig, EmoReasonModel)
AutoModelForCausalLM.register(EmoReasonConfig, EmoReasonForConditionalGeneration)
