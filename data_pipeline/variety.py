"""How varied texts are: distinct-2, self-BLEU-4, and the share of texts that the commonest sentence is in."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from emoreason.errors import ParseError
from emoreason.schema import Explanation, parse

SAMPLE = 1000  # texts that distinct-2 and self-BLEU are taken over: both depend on how many there are
_SENTENCE = re.compile(r"(?<=[.!?])\s(?=[A-Z])")


class Variety(NamedTuple):
    """distinct2: different pairs of words, of all pairs (Li et al., 2016); self_bleu: mean BLEU-4 of a text against
    the others (Zhu et al., 2018); both over ``n`` texts. commonest: a sentence, and the share of texts it is in."""

    n: int
    distinct2: float
    self_bleu: float
    commonest: str
    share: float


def sentences(x: Explanation) -> list[str]:
    """The sentences of an explanation in small letters, without marks; AU numbers and figures are alike (#)."""
    said = _SENTENCE.split(re.sub(r"\s*\(AU[^)]*\)", "", x.interpretation))
    found = [re.sub(r"AU\d+(?:\+\d+)*|\d+(?:\.\d+)?", "#", s).lower().strip(" .;") for s in said]
    return [o.text.lower() for o in x.observations] + found


def measure(texts: Sequence[str]) -> Variety | None:
    """The variety of explanations in the schema; others are passed over. None for fewer than two."""
    split = []
    for text in texts:
        try:
            split.append(sentences(parse(text)))
        except ParseError:
            continue
    return of_sentences(split)


def of_sentences(texts: Sequence[Sequence[str]]) -> Variety | None:
    """The same of texts given as their sentences."""
    if len(texts) < 2:
        return None
    words = [re.findall(r"[a-z'-]+", " ".join(t)) for t in texts[::max(1, len(texts) // SAMPLE)][:SAMPLE]]
    pairs = [p for w in words for p in zip(w, w[1:], strict=False)]
    said, n = Counter(s for t in texts for s in set(t)).most_common(1)[0]
    return Variety(len(words), len(set(pairs)) / max(1, len(pairs)), self_bleu(words), said, n / len(texts))


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """Mean BLEU-4 of each text (a list of words) against all the others, without the length penalty."""
    total = [0.0] * len(texts)
    for n in range(1, 5):
        grams = [Counter(zip(*(t[i:] for i in range(n)), strict=False)) for t in texts]
        best: dict[tuple[str, ...], list[int]] = {}  # gram -> highest count, in which text, highest elsewhere
        for i, gram_counts in enumerate(grams):
            for gram, count in gram_counts.items():
                top = best.setdefault(gram, [0, -1, 0])
                if count > top[0]:
                    top[:] = count, i, top[0]
                elif count > top[2]:
                    top[2] = count
        for i, gram_counts in enumerate(grams):
            hits = sum(min(c, best[g][2] if best[g][1] == i else best[g][0]) for g, c in gram_counts.items())
            total[i] += math.log(max(hits, 1e-9) / max(1, gram_counts.total())) / 4
    return sum(map(math.exp, total)) / len(texts)
