"""EmoReason: scene tokens, face tokens and AU tokens in front of a causal language model.

A media of T frames becomes SCENE_TOKENS + FACE_TOKENS * min(T, SEGMENTS) + 22 embeddings that replace its
placeholders. All of them are computed from pixel_values inside ``forward``: trainers and servers need nothing else.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from emoreason.encoder import MediaEncoder

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


AutoConfig.register("emoreason", EmoReasonConfig)
AutoModel.register(EmoReasonConfig, EmoReasonModel)
AutoModelForCausalLM.register(EmoReasonConfig, EmoReasonForConditionalGeneration)
