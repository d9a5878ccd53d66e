"""The tokenizer of a model made here as the ``tokenizers`` library reads it, without transformers around it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any


class Tokens:
    """What engines need of transformers' PreTrainedTokenizerFast, under the same names. folder: with tokenizer.json,
    tokenizer_config.json and chat_template.jinja. Raises what their readers raise where these do not do."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        raw = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        raw["padding"] = raw["truncation"] = None
        self.backend_tokenizer = Tokenizer.from_str(json.dumps(raw))
        self.template = (folder / "chat_template.jinja").read_text("utf-8")
        self._vocabulary = self.backend_tokenizer.get_vocab()
        self.eos_token_id, self.pad_token_id = (self._vocabulary[settings[f"{t}_token"]] for t in ("eos", "pad"))

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        return self.backend_tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)

    def get_vocab(self) -> dict[str, int]:
        return self._vocabulary

    def apply_chat_template(self, turns: Sequence[dict[str, Any]], tokenize: bool = False,
                            add_generation_prompt: bool = False) -> str:
        """The turns as one text."""
        return self._template.render(messages=turns, add_generation_prompt=add_generation_prompt)

    @cached_property
    def _template(self) -> Any:
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        return ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(self.template)
