"""What a clause names, for the event parser: parts of the face with their side, directions, and what a verb moves."""

from __future__ import annotations

from emoreason.eval import lexicon as lx
from emoreason.eval.clauses import action_of
from emoreason.eval.movements import movement

Part = tuple[str, str]  # a part of the face and its side, "" for both
FACE_NOUNS = frozenset("expression expressions countenance features demeanor muscles".split())
HEADS = frozenset({"turn", "tilt", "sway", "return"})


def parts_of(tokens: list[str]) -> list[Part]:
    """(part, side) of each part named, in order."""
    parts = []
    for i, token in enumerate(tokens):
        part = lx.PARTS.get(token)
        if part is None or (part in ("face", "gaze") and token not in FACE_NOUNS and action_of(tokens, i)):
            continue
        reach = 2 if part in ("corners", "eyecorner") else 1
        side = next((t for t in reversed(tokens[max(0, i - reach):i]) if t in ("left", "right")), "")
        parts.append((part, side))
    return parts


def directions(tokens: list[str]) -> frozenset[str]:
    """Directions named; "left eye" and "right side of" are sides, not directions."""
    found = set()
    for i, token in enumerate(tokens):
        name, after = lx.DIRECTIONS.get(token), tokens[i + 1] if i + 1 < len(tokens) else ""
        side_of = token in ("left", "right") and (after in lx.PARTS or (after == "side" and "of" in tokens[i:]))
        if name is None or side_of:
            continue
        if token not in ("side", "apart", "inside"):
            found.add(name)
        found |= {side for side in ("left", "right") if side in token.split("-")}
        if "front" in token.split("-"):
            found.add("front")
        if i and tokens[i - 1] in ("upper", "lower") and token in ("left", "right"):
            found.add("up" if tokens[i - 1] == "upper" else "down")
    return frozenset(found)


def rows_of_teeth(words: set[str]) -> frozenset[str]:
    """The rows of teeth named."""
    both = "bothrows" in words
    return frozenset(row for row, names in (("upper", {"upper", "top"}), ("lower", {"lower", "bottom"}))
                     if both or words & names)


def targets_of(action: str, word: str, parts: list[Part], tokens: list[str], last: Part,
               waiting: list[Part]) -> list[Part]:
    """Which parts a verb moves: those named in the clause, the one that it implies, or the ``last`` one spoken of;
    ``waiting``: parts named before, without a verb yet."""
    named = [(p, s) for p, s in parts if p != "eyecorner"]
    pending = [p for p in waiting if movement(p[0], action)]
    if named and named[0][0] == "hand":
        return named[:1]
    if action in ("look", "face") and not any(p == "head" for p, _ in named):
        return [("gaze", "")]
    if action == "furrow" and named and named[0][0] == "wrinkles":
        named = named[1:]
    if named:
        if len(named) > 1 and named[0][0] in ("head", "face", "body") and action not in HEADS:
            named = named[1:]
        if len(named) > 1 and not movement(named[0][0], action):
            named = [p for p in named if movement(p[0], action)] or named
        return pending + named[:1]
    if word in lx.IMPLIED_WORDS:
        return [(lx.IMPLIED_WORDS[word], "")]
    if pending:
        return pending
    if action == "tilt" or (action in HEADS and last[0] not in ("gaze", "body", "head", "eyes")):
        return [("head", "")]
    if action in ("purse", "pout"):
        return [("mouth", "")]
    if "it" in tokens and last[0] == "eyes":
        return [("head", "")]
    return [last] if last[0] and movement(last[0], action) else []
