"""A small language model from scratch on the explanation engine's text, evidence written out in words.

Endless data: every batch is drawn anew from ``random_facts`` and the grammar writer, so that nothing is memorised.
Turns of a talk stay together; loss on the answers alone. ``python -m emoreason.training.pretrain CONFIG key=value``.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from emoreason.data_pipeline.clip_talks import lean as lean_talk
from emoreason.data_pipeline.clip_talks import written
from emoreason.data_pipeline.explain import Facts, ask_compare, compare, dialogue, random_facts
from emoreason.data_pipeline.grammar import Plain
from emoreason.prompts import ASSISTANT, CHAT_TEMPLATE, END, PAD, SPECIAL, USER, evidence_text, note
from emoreason.schema import ANSWER_CLOSE, ANSWER_OPEN, THINK_CLOSE, THINK_OPEN, render
from emoreason.training.config import load
from emoreason.training.interrupt import Interrupt
from emoreason.training.precision import in_bf16


@dataclass
class Pretraining:
    """out: folder; start: a checkpoint ("nano" or a folder) whose language model and tokenizer to go on from, none for
    a new one with ``words`` in the vocabulary and hidden, layers, heads, inner as the Llama's sizes; length: tokens of
    a row; batch in rows; steps; lr: peak; seed; skew: how much the text keeps to the first wordings (grammar.Plain);
    lean: share of the talks that are about a clip, with what the answer needs alone; clips: of the others, those about
    clips; compared: of the rest, those about two faces; limit_s: finish the schedule within so many seconds; threads:
    CPU threads."""

    out: str
    start: str | None = None
    words: int = 2048
    hidden: int = 192
    layers: int = 4
    heads: int = 4
    inner: int = 512
    length: int = 640
    batch: int = 16
    steps: int = 3000
    lr: float = 2e-3
    seed: int = 0
    skew: float = 1.0
    lean: float = 0.0
    clips: float = 0.15
    compared: float = 0.14
    limit_s: float = 1e9
    threads: int = 0
    save_every: int = 200


def evidence_of(facts: Facts) -> str:
    """The engine's facts as the line of text that stands for a picture."""
    return evidence_text(facts.aus, facts.emotions, facts.valence, facts.arousal, facts.sides, facts.pose)


def talk(rng: random.Random, lean: float = 0.0, clips: float = 0.15, compared: float = 0.14) -> list[tuple[str, str]]:
    """One random talk about a face, two faces or a clip: (user, assistant) texts; the evidence stands before the first
    question. lean, clips, compared as in Pretraining."""
    if rng.random() < lean:
        short = lean_talk(rng)
        return [(short.asked, short.answer)]
    if rng.random() < clips:
        return written(rng)
    if rng.random() < compared:
        a, b = random_facts(rng), random_facts(rng)
        question = ask_compare(a, b, rng)
        text = f"First. {evidence_of(a)}Second. {evidence_of(b)}{question.text}"
        return [(text, render(compare(a, b, question, rng)))]
    facts = random_facts(rng)
    turns = [(q.text, render(x)) for q, x in dialogue(facts, rng, 1 + (rng.random() < 0.35))]
    limits = facts.quality if facts.readable else ("the face cannot be read: " + "; ".join(facts.quality),)
    first = evidence_of(facts) + note(limits) + turns[0][0]
    return [(first, turns[0][1]), *turns[1:]]


def as_text(turns: list[tuple[str, str]]) -> str:
    return "".join(f"{USER}{q}{ASSISTANT}{a}{END}" for q, a in turns)


def train_tokenizer(words: int, seed: int, talks: int = 6000) -> PreTrainedTokenizerFast:
    """Byte-level BPE; AU names whole, digits one by one (numbers are copied, not memorised)."""
    rng = random.Random(seed)
    tokenizer = Tokenizer(models.BPE())
    pieces = Regex(r" ?AU\d+| ?\d| ?[A-Za-z']+| ?[^\sA-Za-z\d]|\s")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(pieces, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tags = [THINK_OPEN, THINK_CLOSE, ANSWER_OPEN, ANSWER_CLOSE]
    trainer = trainers.BpeTrainer(vocab_size=words, special_tokens=list(SPECIAL), show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator((" ".join(q + " " + a for q, a in talk(rng)) for _ in range(talks)), trainer)
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in tags])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, padding_side="left",
                                   clean_up_tokenization_spaces=False)
    fast.chat_template = CHAT_TEMPLATE
    return fast


def rows(tokenizer: PreTrainedTokenizerFast, length: int, seed: int, skew: float = 1.0,
         **shares: float) -> Iterator[tuple[list[int], list[int]]]:
    """Endless (ids, labels) rows of ``length``: talks one after another, labels -100 outside the answers. shares as of
    ``talk``."""
    rng = Plain(seed, skew)
    assistant, end = tokenizer.convert_tokens_to_ids([ASSISTANT, END])
    ids: list[int] = []
    labels: list[int] = []
    while True:
        more = tokenizer(as_text(talk(rng, **shares)))["input_ids"]
        inside = False
        marked = []
        for token in more:
            marked.append(token if inside else -100)
            inside = (inside or token == assistant) and token != end
        if len(more) > length:
            continue
        if len(ids) + len(more) > length:
            pad = length - len(ids)
            yield ids + [tokenizer.pad_token_id] * pad, labels + [-100] * pad
            ids, labels = [], []
        ids += more
        labels += marked


class Stream(torch.utils.data.IterableDataset):
    """Batches of rows from a worker process, each worker with its own seed."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, config: Pretraining, seed: int) -> None:
        self.tokenizer, self.config, self.seed = tokenizer, config, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        info = torch.utils.data.get_worker_info()
        c = self.config
        source = rows(self.tokenizer, c.length, self.seed + (info.id if info else 0), c.skew, lean=c.lean,
                      clips=c.clips, compared=c.compared)
        while True:
            pairs = [next(source) for _ in range(c.batch)]
            yield torch.tensor([p[0] for p in pairs]), torch.tensor([p[1] for p in pairs])


def begin(config: Pretraining, out: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """The model before the first step, and its tokenizer, which stands in ``out`` from then on."""
    if config.start:
        from emoreason.training.models import load as load_checkpoint

        whole, processor = load_checkpoint(config.start)
        processor.tokenizer.save_pretrained(out)
        model = LlamaForCausalLM(whole.config.text_config)
        model.model.load_state_dict(whole.model.language_model.state_dict())
        model.tie_weights()
        return model, processor.tokenizer
    if (out / "tokenizer.json").is_file():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(out)
    else:
        tokenizer = train_tokenizer(config.words, config.seed)
        tokenizer.save_pretrained(out)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=config.hidden, num_hidden_layers=config.layers, tie_word_embeddings=True,
        num_attention_heads=config.heads, num_key_value_heads=config.heads, intermediate_size=config.inner,
        max_position_embeddings=2048, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id)), tokenizer


def pretrain(config: Pretraining) -> Path:
    """Train; the newest model, tokenizer and curves.png stand in ``out`` and a second call goes on from there. Ctrl-C
    saves."""
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    state_file = out / "state.pt"
    model, tokenizer = begin(config, out)
    model = model.to(device)
    groups = [{"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
              {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, config.lr, betas=(0.9, 0.98))
    half, first = in_bf16(None), 0
    history: list[dict] = []
    if state_file.is_file():
        state = torch.load(state_file, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first, history = state["step"], state.get("history", [])
    source = Stream(tokenizer, config, config.seed + 7919 * (first + 1))
    stream = torch.utils.data.DataLoader(source, batch_size=None, num_workers=1, prefetch_factor=4)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(tokenizer)} words, from {first}")
    start, total, seen = time.time(), 0.0, 0
    with SummaryWriter(str(out / "runs")) as board, Interrupt() as stop:
        for step, (ids, labels) in enumerate(stream, first):
            done = max(step / config.steps, (time.time() - start) / config.limit_s)
            if done >= 1:
                break
            rate = config.lr * min(1.0, (step + 1) / 100) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))
            for group in optimiser.param_groups:
                group["lr"] = rate
            ids, labels = ids.to(device), labels.to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                loss = model(input_ids=ids, labels=labels).loss
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            total, seen = total + loss.item(), seen + 1
            if (step + 1) % 50 == 0:
                history.append({"step": step + 1, "loss": round(total / seen, 4)})
                board.add_scalar("loss", total / seen, step + 1)
                print(json.dumps(history[-1] | {"s": round(time.time() - start)}), flush=True)
                total, seen = 0.0, 0
            if (step + 1) % config.save_every == 0:
                save(model, optimiser, step + 1, history, out)
            if stop.asked:
                save(model, optimiser, step + 1, history, out)
                raise KeyboardInterrupt
    save(model, optimiser, step, history, out)
    (out / "pretraining.json").write_text(json.dumps(asdict(config), indent=1))
    return out


def save(model: LlamaForCausalLM, optimiser: torch.optim.Optimizer, step: int, history: list[dict], out: Path) -> None:
    """State for going on, the model in the usual format, and its curve."""
    from emoreason.training.run import curves

    temporary = out / "state.tmp"
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "history": history},
               temporary)
    temporary.replace(out / "state.pt")
    model.save_pretrained(out)
    curves(history, out / "curves.png")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    path = arguments.pop(0) if arguments and "=" not in arguments[0] else None
    pretrain(load(Pretraining, path, arguments))
