"""AutoDQ and TEM: how far two texts tell the same facial events, and in the same order.

FEC-Bench's paper defines TEM (temporal event matching) in words, event extraction, relation classification, longest
common subsequence, and gives no formula. This is our reading, built on AutoDQ (Tarsier, arXiv:2407.00634):

- every event of one text stands to the other text's events as entailed, contradicted or neutral;
- AutoDQ: precision = entailed predicted events / predicted events, recall = entailed reference events / reference
  events; a text without events scores 1 on its side, as in Tarsier's code, and TEM takes 0 there;
- TEM: L = the longest common subsequence of the two event lists, where a predicted and a reference event are the same
  when the prediction entails the reference, each event used once; precision L / predicted, recall L / reference;
- both are averaged over the items first, and F1 is taken of the averages;
- order share: L / (the most pairs that match without regard to order), averaged over items with such a pair.

Order is the order of telling. Time markers bound the match: an event told at the beginning is not one told at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emoreason.eval.events import Event

ENTAILED, NEUTRAL, CONTRADICTED = 1, 0, -1
FAR = 0.35  # two times of the clip (0-1) further apart than this are not one event

_OPPOSITES = {
    "head": ("up down", "turn center", "forward back", "tilt center"), "brows": ("raise lower", "furrow relax"),
    "lids": ("raise lower",), "eyes": ("open close", "wide close", "wide narrow", "half close", "wide half"),
    "mouth": ("open close", "wide close", "open press", "wide press", "wide narrow", "tighten relax"),
    "corners": ("up down", "up relax"), "upperlip": ("raise lower",), "lowerlip": ("raise lower",),
    "wrinkles": ("present gone",), "tongue": ("out in",), "chin": ("raise lower", "forward back"),
    "cheeks": ("raise lower", "puff relax"), "speech": ("start stop", "go stop", "start pause", "go pause"),
    "face": ("tense relax",), "breath": ("in out",), "teeth": ("show hide",), "nostrils": ("flare narrow",),
}
OPPOSITE = {(part, *pair) for part, pairs in _OPPOSITES.items() for p in pairs
            for pair in (p.split(), p.split()[::-1])}
# What one movement says of others: (part, action) -> the (part, action)s that hold as well.
IMPLIES: dict[tuple[str, str], frozenset[tuple[str, str]]] = {
    (part, action): frozenset(tuple(x.split(":")) for x in others.split())  # type: ignore[misc]
    for part, action, others in (
        ("head", "turn", "head:move"), ("head", "tilt", "head:move"), ("head", "up", "head:move"),
        ("head", "down", "head:move"), ("head", "sway", "head:move"), ("head", "nod", "head:move"),
        ("head", "forward", "head:move"), ("head", "back", "head:move"), ("head", "center", "head:move"),
        ("gaze", "look", "gaze:move"), ("gaze", "around", "gaze:move"), ("gaze", "move", "gaze:around"),
        ("eyes", "wide", "eyes:open lids:raise"), ("lids", "raise", "eyes:wide"),
        ("eyes", "half", "eyes:narrow lids:lower"),
        ("mouth", "wide", "mouth:open chin:lower"), ("mouth", "press", "mouth:close mouth:tighten"),
        ("mouth", "purse", "mouth:close mouth:pout"), ("mouth", "pout", "mouth:purse"),
        ("mouth", "tighten", "mouth:press"),
        ("speech", "start", "speech:go mouth:move"), ("speech", "go", "mouth:move"), ("speech", "stop", "speech:pause"),
        ("speech", "pause", "speech:stop"), ("laugh", "go", "corners:up"), ("corners", "retract", "corners:stretch"),
        ("brows", "lower", "brows:relax"), ("brows", "relax", "brows:lower"), ("chin", "raise", "head:up"),
        ("nose", "wrinkle", "nose:wrinkle"), ("corners", "down", "corners:relax"),
    )
}


@dataclass(frozen=True)
class Match:
    """One item. precision, recall: AutoDQ, in [0, 1]; tem_precision, tem_recall in [0, 1]; length: L; pairs: the most
    matching pairs; predicted, reference: numbers of events; contradicted: share of predicted events contradicted."""

    precision: float
    recall: float
    tem_precision: float
    tem_recall: float
    length: int
    pairs: int
    predicted: int
    reference: int
    contradicted: float

    @property
    def tem(self) -> float:
        return f1(self.tem_precision, self.tem_recall)

    @property
    def autodq(self) -> float:
        return f1(self.precision, self.recall)

    @property
    def order(self) -> float | None:
        """L / pairs; None without a matching pair."""
        return self.length / self.pairs if self.pairs else None


def f1(precision: float, recall: float) -> float:
    """Harmonic mean; 0 when both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def relation(a: Event, b: Event) -> int:
    """What event ``a`` says of event ``b``: ENTAILED (b holds if a does), CONTRADICTED, or NEUTRAL."""
    if a.part != b.part and (b.part, b.action) not in IMPLIES.get((a.part, a.action), ()):
        return NEUTRAL
    if a.who != b.who or (a.time is not None and b.time is not None and abs(a.time - b.time) > FAR):
        return NEUTRAL
    if a.side and b.side and a.side != b.side:
        return NEUTRAL
    same = (a.part, a.action) == (b.part, b.action)
    if not same and (b.part, b.action) not in IMPLIES.get((a.part, a.action), ()):
        opposed = (a.part, a.action, b.action) in OPPOSITE and a.part == b.part
        return CONTRADICTED if opposed and not a.negated and not b.negated else NEUTRAL
    if a.negated != b.negated:
        return CONTRADICTED if same else NEUTRAL
    if a.negated and not same:
        return NEUTRAL
    if same and _opposed(a.direction, b.direction):
        return CONTRADICTED
    if a.degree * b.degree < 0:
        return NEUTRAL
    if a.part == "wrinkles" or a.part == "teeth":  # a place or row left unsaid fits any
        return ENTAILED if not a.direction or not b.direction or a.direction & b.direction else NEUTRAL
    if not same and a.part == b.part and b.direction - a.direction:
        return NEUTRAL
    return ENTAILED if b.direction - {"front"} <= a.direction else NEUTRAL


def _opposed(a: frozenset[str], b: frozenset[str]) -> bool:
    return any(x in a and y in b and y not in a and x not in b
               for p, q in (("left", "right"), ("up", "down"), ("front", "back")) for x, y in ((p, q), (q, p)))


def match(predicted: Sequence[Event], reference: Sequence[Event]) -> Match:
    """Compare two event lists by the offline relations."""
    shape = len(predicted), len(reference)
    forward = np.array([[relation(p, r) for r in reference] for p in predicted], int).reshape(shape)
    backward = np.array([[relation(r, p) for r in reference] for p in predicted], int).reshape(shape)
    return from_relations(forward, backward)


def from_relations(forward: np.ndarray, backward: np.ndarray) -> Match:
    """forward[i, j]: what predicted event i says of reference event j; backward[i, j]: the reverse; values ENTAILED,
    NEUTRAL, CONTRADICTED; shape (predicted, reference), either may be 0."""
    n, m = forward.shape
    entailed = backward == ENTAILED  # the reference entails the predicted event: a precision hit
    supported, told = entailed.any(1), (forward == ENTAILED).any(0)
    against = ~supported & (backward == CONTRADICTED).any(1)
    same = forward == ENTAILED
    length, pairs = _lcs(same), _pairs(same)
    return Match(supported.mean() if n else 1.0, told.mean() if m else 1.0, length / n if n else 0.0,
                 length / m if m else 0.0, length, pairs, n, m, against.mean() if n else 0.0)


def _lcs(same: np.ndarray) -> int:
    """Longest common subsequence of two lists whose equality is the matrix ``same`` (n, m) bool."""
    row = [0] * (same.shape[1] + 1)
    for line in same.tolist():
        before = 0
        for j, hit in enumerate(line, 1):
            kept = row[j]
            row[j] = before + 1 if hit and before + 1 > max(kept, row[j - 1]) else max(kept, row[j - 1])
            before = kept
    return row[-1]


def _pairs(same: np.ndarray) -> int:
    """Size of the largest one-to-one matching in ``same`` (n, m), by augmenting paths."""
    owner: dict[int, int] = {}
    near = [np.flatnonzero(line).tolist() for line in same]

    def place(i: int, seen: set[int]) -> bool:
        for j in near[i]:
            if j not in seen:
                seen.add(j)
                if j not in owner or place(owner[j], seen):
                    owner[j] = i
                    return True
        return False

    return sum(place(i, set()) for i in range(len(same)))


def corpus(matches: Sequence[Match]) -> dict[str, float]:
    """tem, autodq (F1 of the averaged precision and recall) and order over items; all in [0, 1]."""
    mean = {name: float(np.mean([getattr(m, name) for m in matches])) if matches else 0.0
            for name in ("precision", "recall", "tem_precision", "tem_recall", "contradicted")}
    orders = [m.order for m in matches if m.order is not None]
    return {"tem": f1(mean["tem_precision"], mean["tem_recall"]), "autodq": f1(mean["precision"], mean["recall"]),
            "order": float(np.mean(orders)) if orders else 0.0, "autodq_precision": mean["precision"],
            "autodq_recall": mean["recall"], "contradicted": mean["contradicted"]}
