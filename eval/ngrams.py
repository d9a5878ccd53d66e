"""Word-overlap metrics of captioning: BLEU-1..4, ROUGE-L, CIDEr, and METEOR where NLTK has its dictionary.

The definitions are those of the Microsoft COCO caption evaluation (Chen et al., arXiv:1504.00325), which FEC-Bench
and nlg-eval use: corpus BLEU with the closest reference length (Papineni et al., 2002); ROUGE-L with beta = 1.2 and
the best precision and recall over the references (Lin, 2004); CIDEr with clipping and the Gaussian length penalty,
sigma = 6, times 10 (Vedantam et al., 2015; what the COCO code calls CIDEr is the paper's CIDEr-D).

Why here and not a package: the kept ones (sacrebleu, rouge-score) have no CIDEr and another ROUGE-L; the one that has
all three needs Java for its tokens and has had no release since 2020. Tokens are split at white space, as in nlg-eval,
or at words and punctuation, lower-cased, with ``tokens="words"``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

BETA, SIGMA, ORDERS = 1.2, 6.0, 4
Grams = Counter[tuple[str, ...]]


def tokenize(text: str, tokens: str = "space") -> list[str]:
    """``"space"``: split at white space, nothing else; ``"words"``: lower-cased words, punctuation dropped."""
    return text.split() if tokens == "space" else re.findall(r"[a-z0-9]+(?:['’-][a-z0-9]+)*", text.lower())


def ngrams(words: Sequence[str]) -> Grams:
    """Counts of all n-grams, n = 1..ORDERS; kept for texts met again, not to be changed."""
    return _ngrams(tuple(words))


@lru_cache(maxsize=4096)
def _ngrams(words: tuple[str, ...]) -> Grams:
    shifted = [words[k:] for k in range(ORDERS)]
    return Counter(gram for n in range(1, ORDERS + 1) for gram in zip(*shifted[:n], strict=False))


def bleu_counts(hypothesis: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """What BLEU sums over a corpus: (2 * ORDERS + 2,) = clipped matches 1..4, guesses 1..4, length, closest length."""
    have, most = ngrams(hypothesis), ngrams(references[0])
    for reference in references[1:]:
        most = most | ngrams(reference)
    matched, length = [0] * ORDERS, len(hypothesis)
    for gram, count in have.items():
        matched[len(gram) - 1] += min(count, most[gram])
    guessed = [max(0, length - n) for n in range(ORDERS)]
    closest = min((abs(len(r) - length), len(r)) for r in references)[1]
    return np.array([*matched, *guessed, length, closest], float)


def bleu(counts: np.ndarray) -> np.ndarray:
    """Corpus BLEU-1..4, (ORDERS,) in [0, 1], from ``bleu_counts`` rows (N, 10) or their sum (10,)."""
    total = counts.sum(0) if counts.ndim == 2 else counts
    matched, guessed, (length, closest) = total[:ORDERS], total[ORDERS:2 * ORDERS], total[2 * ORDERS:]
    precision = (matched + 1e-15) / (guessed + 1e-9)  # the COCO code's guards against 0 / 0
    score = np.exp(np.cumsum(np.log(precision)) / np.arange(1, ORDERS + 1))
    ratio = (length + 1e-15) / (closest + 1e-9)
    return score * math.exp(1 - 1 / ratio) if ratio < 1 else score


def lcs_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, bit-parallel (Hyyrö, 2004): about 10 µs for 120 words."""
    places: dict[str, int] = {}
    for i, word in enumerate(a):
        places[word] = places.get(word, 0) | (1 << i)
    full = (1 << len(a)) - 1
    row = full
    for word in b:
        hit = row & places.get(word, 0)
        row = ((row + hit) | (row - hit)) & full
    return len(a) - row.bit_count()


def rouge_l(hypothesis: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """ROUGE-L of one item in [0, 1]; 0 for an empty text."""
    if not hypothesis:
        return 0.0
    common = [lcs_length(hypothesis, r) for r in references]
    precision = max(c / len(hypothesis) for c in common)
    recall = max(c / len(r) if r else 0.0 for c, r in zip(common, references, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def cider(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> np.ndarray:
    """CIDEr of each item, (N,) in [0, 10]; document frequencies are taken over the N items' references.

    A corpus of one item has no document frequencies: every score is 0 there, as in the COCO code.
    """
    reference_grams = [[ngrams(r) for r in refs] for refs in references]
    documents = Counter[tuple[str, ...]]()
    for refs in reference_grams:
        documents.update(set().union(*refs))
    log_n = math.log(len(references))

    rare = {gram: log_n - math.log(count) for gram, count in documents.items()}
    done: dict[int, tuple[list[dict[tuple[str, ...], float]], list[float], int]] = {}

    def weigh(grams: Grams) -> tuple[list[dict[tuple[str, ...], float]], list[float], int]:
        if id(grams) in done:
            return done[id(grams)]
        vectors: list[dict[tuple[str, ...], float]] = [{} for _ in range(ORDERS)]
        for gram, count in grams.items():
            vectors[len(gram) - 1][gram] = count * rare.get(gram, log_n)
        norms = [math.sqrt(sum(v * v for v in vector.values())) for vector in vectors]
        done[id(grams)] = vectors, norms, sum(count for gram, count in grams.items() if len(gram) == 2)
        return done[id(grams)]

    scores = np.zeros(len(hypotheses))
    hypothesis_grams = [ngrams(words) for words in hypotheses]
    for i, (own, refs) in enumerate(zip(hypothesis_grams, reference_grams, strict=True)):
        have, have_norm, have_length = weigh(own)
        for grams in refs:
            want, want_norm, want_length = weigh(grams)
            penalty = math.exp(-((have_length - want_length) ** 2) / (2 * SIGMA**2))
            for n in range(ORDERS):
                there = want[n]
                dot = sum(min(v, there[g]) * there[g] for g, v in have[n].items() if g in there)
                if have_norm[n] and want_norm[n]:
                    scores[i] += penalty * dot / (have_norm[n] * want_norm[n]) * 10 / ORDERS / len(refs)
    return scores


def meteor(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> np.ndarray | None:
    """NLTK's METEOR of each item, (N,) in [0, 1]; None where NLTK or its WordNet is not installed."""
    try:
        from nltk.corpus import wordnet
        from nltk.translate.meteor_score import meteor_score

        wordnet.ensure_loaded()
    except (ImportError, LookupError):
        return None
    return np.array([meteor_score([list(r) for r in refs], list(h)) for h, refs in
                     zip(hypotheses, references, strict=True)])


def rouge_l_f1(hypothesis: str, reference: str) -> float:
    """ROUGE-L with beta = 1 over lower-cased words, in [0, 1], as the FEA-20K and FABA evaluations take it (theirs
    also stems words, ours does not)."""
    a, b = tokenize(hypothesis, "words"), tokenize(reference, "words")
    return 2 * lcs_length(a, b) / (len(a) + len(b)) if a and b else 0.0
