"""What a language model by itself, from ``emoreason train pretrain``, gets wrong in lean talks about made clips.

``python benchmarks/lean.py FOLDER… [-n 12] [--show 1]`` draws the same questions for each model, writes the likeliest
answer with no grammar and no second attempt, and counts what ``check_clip`` finds in it. A caption's observations stand
in other talks, so none are asked for.
"""

from __future__ import annotations

import argparse
from collections import Counter

import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from emoreason.clip_checks import check_clip
from emoreason.data_pipeline.clip_talks import LEAN, Lean, lean
from emoreason.data_pipeline.grammar import Plain
from emoreason.prompts import ASSISTANT, END, USER


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("-n", type=int, default=12, help="questions of each kind")
    parser.add_argument("--show", type=int, default=0, help="answers of each kind that are printed")
    parser.add_argument("--kinds", nargs="+", choices=LEAN, default=list(LEAN))
    args = parser.parse_args()
    print(f"| model | {' | '.join(args.kinds)} |\n|---|{'---|' * len(args.kinds)}")
    shown: list[str] = []
    for folder in args.models:
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        model = LlamaForCausalLM.from_pretrained(folder).eval()
        cells = []
        for kind in args.kinds:
            rng = Plain(991, 6.0)
            drawn = [lean(rng, (kind,)) for _ in range(args.n)]
            said = answers(model, tokenizer, [talk.asked for talk in drawn])
            wrong = [faults(text, talk) for text, talk in zip(said, drawn, strict=True)]
            cells.append(f"{sum(map(len, wrong)) / args.n:.1f}, {sum(map(bool, wrong))} of {args.n}")
            shown += [f"{kind}: {talk.asked}\n  {text}\n  wrong: {w}"
                      for talk, text, w in list(zip(drawn, said, wrong, strict=True))[:args.show]]
            shown.append(f"{kind}: {Counter(w[:30] for one in wrong for w in one).most_common(5)}")
        print(f"| {folder} | {' | '.join(cells)} |", flush=True)
    print("\nthings wrong in an answer, answers with any\n")
    print("\n".join(shown))


def faults(text: str, talk: Lean) -> list[str]:
    """What is wrong in an answer, in words."""
    found = check_clip(text, talk.facts.clip, talk.question.text)
    slips = [s for s in found.slips if talk.question.kind != "caption" or "does not observe" not in s]
    return [*slips, *(f"AU{a} is not so" for a in found.unsupported), *[found.problem] * bool(found.problem)]


@torch.no_grad()
def answers(model: LlamaForCausalLM, tokenizer: AutoTokenizer, asked: list[str]) -> list[str]:
    """The likeliest answer to each."""
    batch = tokenizer([f"{USER}{q}{ASSISTANT}" for q in asked], return_tensors="pt", padding=True)
    out = model.generate(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=260,
                         do_sample=False, eos_token_id=tokenizer.convert_tokens_to_ids(END),
                         pad_token_id=tokenizer.pad_token_id)
    return [text.split(END)[0] for text in tokenizer.batch_decode(out[:, batch["input_ids"].shape[1]:])]


if __name__ == "__main__":
    main()
