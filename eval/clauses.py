"""Text to clauses: phrases made single words, time markers found, and one movement verb in each clause."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from emoreason.eval import lexicon as lx
from emoreason.facs import EMOTION_OF_WORD

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_TOKEN = re.compile(r"[a-z0-9'-]+|[,:]")
_BREAK = frozenset(", : and then while as but before after when which with who where although though whereas plus or"
                   " followed because so until whose afterwards subsequently next simultaneously".split())
_LOWER_NOUNS = frozenset("teeth tooth row part portion left right lip lips front half gums jaw and".split())
_LOWER_LEADS = frozenset("the his her of some few upper both their right left".split())
_PART_LEADS = frozenset("a small large later middle latter following final first some the".split())
_FACE_LEADS = frozenset("the his her entire whole a of facial on side and with".split())
_GO_WAYS = frozenset("up upward upwards down downward downwards left right back forward out sideways".split())
_NEGATORS = lx.NOT | {"without"}
_TO_START = lx.START | lx.STOP | lx.PAUSE | {"to"}
LEADS = frozenset("his her the their its slightly gently a both left right upper lower some few".split())
MARK = re.compile(r"'-time(\d{1,3})")  # a time marker as a token: '-time50 is the middle of the clip

# Two verbs close to each other that tell one movement ("tightly closed", "pulled back", "the smile fades").
_ONE_MOVEMENT = frozenset(
    frozenset(pair.split()) for pair in (
        "tighten close", "widen open", "wideopen open", "widen wideopen", "stretch retract", "look face", "press close",
        "move nod", "move look", "move purse", "move tremble", "move sway", "stretch lower", "stretch raise",
        "curl raise", "curl lower", "appear show", "clench close", "tighten raise", "lower close", "narrow close",
        "lower open", "lower silent", "smile disappear", "smile appear", "smile widen", "smile relax", "smile return",
        "frown relax", "frown appear", "frown disappear", "go nod"))


@dataclass
class Clause:
    """Words with at most one movement; ``link``: the word or comma that opened it, "" where a sentence was cut."""

    tokens: list[str]
    link: str


def sentences(text: str) -> list[str]:
    """The sentences of a caption, without empty ones."""
    return [s.strip() for s in _SENTENCE.split(text) if s.strip()]


def normalise(sentence: str) -> str:
    """Lower-case, with the phrases of ``lexicon.PHRASES`` made single words."""
    text = sentence.lower()
    for pattern, token in lx.PHRASES:
        text = pattern.sub(token if "\\" in token or not token else f"{token} " if token[-1] != " " else token, text)
    return " ".join(text.split())


@lru_cache(maxsize=1024)
def marks_of(lowered: str) -> tuple[tuple[int, int, float], ...]:
    """(start, end, time) of the time markers of a lower-case sentence; of overlapping ones the first pattern's."""
    marks: list[tuple[int, int, float]] = []
    for pattern, time in lx.TIMES:
        for m in pattern.finditer(lowered):
            if not any(a < m.end() and m.start() < b for a, b, _ in marks):
                marks.append((m.start(), m.end(), time))
    return tuple(sorted(marks))


def clauses(sentence: str) -> list[Clause]:
    """The clauses of a sentence; a time marker is a clause of its own, of one token that MARK matches."""
    lowered = sentence.lower()
    for start, end, time in reversed(marks_of(lowered)):
        lowered = f"{lowered[:start]} , '-time{round(100 * time)} , {lowered[end:]}"
    found: list[Clause] = []
    tokens: list[str] = []
    link = ""
    for token in [*_TOKEN.findall(normalise(lowered)), ","]:
        if token in _BREAK and not (token == "as" and tokens and tokens[-1] in ("same", "such")):
            if tokens:
                found += _one_verb_each(tokens, link)
            link, tokens = token, []
        else:
            tokens.append(token)
    return [clause for clause in found if clause.tokens]


def action_of(tokens: list[str], i: int) -> str | None:
    """The action class of token i, or None where the word is used otherwise here ("lower teeth", "his gaze")."""
    word, action = tokens[i], lx.ACTIONS.get(tokens[i])
    before, after = tokens[i - 1] if i else "", tokens[i + 1] if i + 1 < len(tokens) else ""
    if action is None:
        return None
    if action == "go":
        return action if set(tokens) & _GO_WAYS else None
    named = {lx.PARTS.get(t) for t in tokens}
    match word:
        case "wrinkles" | "lines" | "creases":  # a noun, but in "his nose wrinkles", "she wrinkles her nose"
            verb = before in ("nose", "brow", "forehead", "nosebridge") or after in ("his", "her", "the", "their", "up")
            other = not verb or (word == "wrinkles" and before == "forehead")
        case "lower":
            other = after in _LOWER_NOUNS or before in _LOWER_LEADS
        case "together":
            other = any(t in lx.ACTIONS for t in tokens[:i])
        case "part" | "parts":
            other = after in ("of", "in") or before in _PART_LEADS
        case "form" | "forms" | "forming" | "formed":
            other = "wrinkles" not in named
        case "present" | "clear" | "obvious" | "evident" | "prominent" | "apparent" | "noticeable" | "deeper":
            other = not named & {"wrinkles", "corners"}
        case "face":
            other = before in _FACE_LEADS
        case "wide" | "wider":
            other = bool(set(tokens) & {"open", "opens", "opened", "opening"})
        case "look" | "looks" | "looked" | "looking":  # "she looks sad"
            other = not set(tokens) & set(lx.DIRECTIONS) and bool(set(tokens) & set(EMOTION_OF_WORD))
        case "gaze":
            other = before not in ("to", "eyes", "slightly", "they", "then")
        case "fixed" | "focused" | "directed" | "tight" | "tense":
            other = not set(tokens) & ((set(lx.PARTS) - {"expression"}) | set(lx.DIRECTIONS))
        case _:
            other = word in ("direction", "still")
    return None if other else action


def _one_verb_each(tokens: list[str], link: str) -> Iterator[Clause]:
    """Cut a clause before its second verb, and before the noun that this verb's clause starts with."""
    start, last = 0, None
    for i in range(len(tokens)):
        action = action_of(tokens, i)
        if action is None:
            continue
        if last is not None:
            if (tokens[i].endswith("ed") and i + 1 < len(tokens) and tokens[i + 1] in lx.PARTS
                    and not tokens[last].endswith(("ed", "en")) and not any(t in lx.PARTS for t in tokens[start:i])):
                continue  # "relaxes her tightly furrowed brows": how they were, not what they do
            if not _one_movement(tokens, last, i):
                cut = _cut(tokens, start, last, i)
                yield Clause(tokens[start:cut], link)
                start, link = cut, ""
        last = i
    yield Clause(tokens[start:], link)


def _cut(tokens: list[str], start: int, last: int, i: int) -> int:
    """Where the clause of the verb at i begins, after the verb at ``last``."""
    cut = i
    if lx.IMPLIED.get(lx.ACTIONS[tokens[i]]) is None and lx.ACTIONS[tokens[i]] != "show":
        while cut > last + 1 and (tokens[cut - 1] in lx.PARTS or tokens[cut - 1] in LEADS):
            cut -= 1
        if not any(t in lx.PARTS for t in tokens[start:cut]) and any(t in lx.PARTS for t in tokens[cut:i]):
            cut = i  # the noun belongs to the first verb: "opens his mouth showing teeth"
    negator = next((k for k in range(last + 1, cut) if tokens[k] in _NEGATORS), None)
    if negator is not None:
        return negator
    while cut - 1 > last and tokens[cut - 1] in _TO_START:
        cut -= 1
    return cut


def _one_movement(tokens: list[str], first: int, second: int) -> bool:
    if second - first > (3 if tokens[second] == "shut" else 2):
        return False
    a, b = lx.ACTIONS[tokens[first]], lx.ACTIONS[tokens[second]]
    return a == b or tokens[first].startswith("appear") or frozenset((a, b)) in _ONE_MOVEMENT
