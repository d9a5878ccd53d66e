"""Pure per-sample scores, used by rewards and evaluation alike: what training optimises is what is reported.

Every function takes an Explanation (or None for text that could not be parsed) and what it is judged against, and
returns a float in the stated range, or None where the score does not apply. None of them raises on odd content.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from emoreason.facs import EMOTION_OF_WORD, PRESENT, PROTOTYPES, prototype_support
from emoreason.schema import Explanation, find_aus, is_negated

GREY = 0.5  # below this intensity an AU may be called absent; from here to PRESENT either word is tolerated
# Negations that deny no look: what is not ruled out, and what is said of one movement beside the look of the whole.
_POSSIBLE = re.compile(r"\b(?:(?:is not|cannot be) ruled out|does not depend on it|is no key to|"
                       r"this does not fit the rest|it does not fit(?= \w+(?: \w+)?, the reading of)|"
                       r"taken alone it would not suggest)\b")


def unsupported(x: Explanation, intensities: Mapping[int, float], tolerance: float = 1.0) -> list[int]:
    """The AUs whose claim the evidence (AU -> intensity 0-5) does not carry: said to be present below GREY, absent at
    PRESENT or above, or with an intensity off by more than ``tolerance``. AUs that nobody measured do not count."""
    bad = []
    for o in x.observations:
        level = intensities.get(o.au)
        if level is None:
            continue
        wrong = level < GREY if o.present else level >= PRESENT
        off = o.present and o.intensity is not None and abs(o.intensity - level) > tolerance
        if wrong or off:
            bad.append(o.au)
    return bad


def unsupported_rate(x: Explanation | None, intensities: Mapping[int, float]) -> float | None:
    """Share of the claims that the evidence does not carry, [0, 1]; None without a claim."""
    claims = [o for o in x.observations if o.au in intensities] if x else []
    return len(unsupported(x, intensities)) / len(claims) if x and claims else None


def au_f1(predicted: Collection[int], gold: Collection[int]) -> float | None:
    """F1 of two AU sets, [0, 1]; None when both are empty."""
    if not predicted and not gold:
        return None
    return 2 * len(set(predicted) & set(gold)) / (len(set(predicted)) + len(set(gold)))


def soft_au_f1(x: Explanation | None, gold: Mapping[int, float]) -> float:
    """F1 of the claimed AUs with intensities, [0, 1].

    A claim of AU a with intensity c against a true intensity g >= PRESENT hits by 1 - min(|c - g|, 2) / 2 * 0.5 (an
    unstated c counts as 2.0); a claim with g below PRESENT is a false one, worth g / 2 of a hit; a true AU not claimed
    is missed in proportion to min(g, 3) / 3, so that a forgotten trace costs less than a forgotten grimace. A face at
    rest scores 1 for no claim. Absent claims count against it when the AU is there.
    """
    if x is None:
        return 0.0
    claimed = {a: 2.0 if o.intensity is None else o.intensity for a, o in x.present.items()}
    hits, weight_claimed, weight_gold = 0.0, 0.0, 0.0
    for a, c in claimed.items():
        g = gold.get(a, 0.0)
        weight_claimed += 1
        hits += 1 - min(abs(c - g), 2.0) / 4 if g >= PRESENT else g / 2
    for a, g in gold.items():
        if g >= PRESENT:
            weight_gold += 1.0 if a in claimed else min(g, 3.0) / 3
    denied = sum(not o.present and gold.get(o.au, 0.0) >= PRESENT for o in x.observations)
    total = weight_claimed + weight_gold + denied
    return 1.0 if total == 0 else min(1.0, 2 * hits / total)


def emotion_score(x: Explanation | None, gold: str | None) -> float | None:
    """1 for the gold emotion alone, 0 without it. The names of a compound share the 1, the first most (2/3 and 1/3 of
    two; 3/6, 2/6 and 1/6 of three), so that naming more never pays. None without a gold label."""
    if gold is None:
        return None
    if x is None or gold not in x.emotions:
        return 0.0
    n = len(x.emotions)
    return 2 * (n - x.emotions.index(gold)) / (n * (n + 1))


def agreement(x: Explanation | None) -> float | None:
    """Whether the conclusion follows from the observations, [0, 1]: the support of the claimed AUs for the stated
    emotion (of a compound: the mean) over that of the best supported one (facs.prototype_support). None when it
    abstains."""
    if x is None:
        return 0.0
    if x.emotion is None:
        return None
    aus = {a: 2.0 if o.intensity is None else o.intensity for a, o in x.present.items()}
    sides = {a: o.side for a, o in x.present.items()}
    support = prototype_support(aus, sides)
    best = max(support.values())
    mine = sum(support.get(e, 0.0) for e in x.emotions) / len(x.emotions)
    return 1.0 if best <= 0 else mine / best


def calibration(x: Explanation | None, gold: str | None) -> float | None:
    """Brier score of the stated confidence, turned so that 1 is best: 1 - (confidence - hit)^2, [0, 1].

    An unstated confidence counts as 1; an abstention as confidence 0.5. None without a gold label."""
    if gold is None:
        return None
    if x is None:
        return 0.0
    if x.emotion is None:
        return 0.75
    hit = 1.0 if x.emotions[0] == gold else 0.0
    stated = 1.0 if x.confidence is None else x.confidence
    return 1.0 - (stated - hit) ** 2


def abstention(x: Explanation | None, wanted: bool) -> float:
    """1 if it concludes nothing exactly where that is ``wanted`` (a refusal, a face that cannot be read), else 0."""
    return float(x is not None and (x.emotion is None) == wanted)


def denies_itself(x: Explanation) -> bool:
    """Whether the interpretation denies the conclusion: a negated clause with one of its words ("it looks sad, so
    sadness does not fit"); ``_POSSIBLE`` is no denial."""
    words = {w for w, e in EMOTION_OF_WORD.items() if e in x.emotions and e != "neutral"}
    for clause in re.split(r"[.;:!?]|,", _POSSIBLE.sub("", x.interpretation.lower())):
        if is_negated(clause) and words & set(re.findall(r"[a-z]+", clause)):
            return True
    return False


def stray_aus(x: Explanation) -> frozenset[int]:
    """AUs that the interpretation names as present though no observation claims them, unless the conclusion's own
    prototypes contain them (what an emotion would need may be said)."""
    named, _ = find_aus(x.interpretation)
    allowed = set(x.present) | {o.au for o in x.observations}
    for sets in PROTOTYPES.values():
        for core in sets:
            allowed |= core
    return frozenset(named - allowed)
