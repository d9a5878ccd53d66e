"""The offline facial-event parser: text -> the movements it tells of, in the order told.

An event is who, part, action, direction, degree, side and time. Synonyms fall together ("brows knit", "she frowns",
"furrowed eyebrows" -> brows:furrow), pronouns are resolved to the person named, negation is kept ("does not smile"),
and looks that last ("thick eyebrows", "a high nose bridge", hair, clothes) are no events, as in AutoDQ's rules.
Reading is by table (``lexicon``), clause by clause, without a model: 800 captions take about a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from emoreason.eval import lexicon as lx
from emoreason.eval.clauses import LEADS, MARK, Clause, action_of, clauses, marks_of, sentences
from emoreason.eval.movements import movement
from emoreason.eval.named import directions, parts_of, rows_of_teeth, targets_of


@dataclass(frozen=True)
class Event:
    """One movement or state of the face.

    who: "main" or "other"; part, action: names of ``lexicon``; direction: of left, right, up, down, front, back, out,
    or the place of a wrinkle, the row of teeth, the kind of speech; degree -1 slight, 0 not said, 1 strong; side
    "left", "right" or ""; negated: the text says that it does not happen; time in [0, 1] of the clip by the text's own
    markers, None without; text: the clause.
    """

    who: str
    part: str
    action: str
    direction: frozenset[str] = frozenset()
    degree: int = 0
    side: str = ""
    negated: bool = False
    time: float | None = None
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        words = [self.part, self.action, *sorted(self.direction)]
        marks = ("not " if self.negated else "") + {-1: "slightly ", 0: "", 1: "strongly "}[self.degree]
        return marks + (self.side + " " if self.side else "") + ":".join(words)


@dataclass
class _State:
    """What carries over from clause to clause."""

    part: str | None = None
    side: str = ""
    time: float | None = None
    gender: str = ""
    pending: list[tuple[str, str]] = field(default_factory=list)
    verb: str | None = None
    where: frozenset[str] = frozenset()
    degree: int = 0
    negated: bool = False


def parse_events(text: str) -> list[Event]:
    """All events of a caption in the order told; [] for a text without any. Never raises on a string."""
    return [event for _, events in parse_sentences(text) for event in events]


def parse_sentences(text: str) -> list[tuple[str, list[Event]]]:
    """Each sentence with its events. An event that only repeats the one before it in the same sentence is dropped."""
    found, state = [], _State()
    all_sentences = sentences(text)
    first_mark = next((i for i, s in enumerate(all_sentences) if marks_of(s.lower())), None)
    main = _main_gender(text)
    for i, sentence in enumerate(all_sentences):
        state.part, state.pending, state.verb = None, [], None
        early = first_mark is not None and i < first_mark
        described = _describes(sentence, early)
        events: list[Event] = []
        for event in ([] if described else _read(sentence, state, main, early)):
            if event not in events[-1:] or event.action in ("blink", "turn", "tilt"):
                events.append(event)
        found.append((sentence, events))
    return found


def _main_gender(text: str) -> str:
    words = re.findall(r"[a-z]+", text.lower())
    male, female = sum(w in lx.MALE for w in words), sum(w in lx.FEMALE for w in words)
    return "m" if male > female else "f" if female > male else ""


def _describes(sentence: str, before_first_mark: bool) -> bool:
    """Whether a sentence tells who is seen, not what moves."""
    words = set(re.findall(r"[a-z]+", sentence.lower()))
    if marks_of(sentence.lower()):
        return False
    opening = re.match(r"(this|the|in this) (video|clip)\b", sentence.lower()) is not None
    has = re.match(r"(he|she|\w+ \w+) (has|have|had)\b", sentence.lower()) is not None
    looks = bool(words & lx.APPEARANCE) or (has and not words & _TURNS)
    return (opening or looks) and (before_first_mark or not words & _MOVES)


_MOVES = frozenset(word for word, action in lx.ACTIONS.items()
                   if action in ("blink", "nod", "tilt", "turn", "raise", "lower", "frown", "smile", "open", "close",
                                 "look", "furrow", "sway") and word not in lx.LOOKS)


_TURNS = frozenset(word for word, action in lx.ACTIONS.items() if action in ("blink", "nod", "turn", "tilt", "look"))


def _read(sentence: str, state: _State, main: str, early: bool) -> Iterator[Event]:
    """The events of one sentence."""
    if early and not marks_of(sentence.lower()):
        sentence = " ".join(w for w in sentence.lower().split() if w.strip(",.") not in lx.LOOKS)
    found = clauses(sentence)
    for clause, after in zip(found, [*found[1:], Clause([], ",")], strict=False):
        mark = MARK.fullmatch(clause.tokens[0])
        if mark:
            state.time = int(mark[1]) / 100
            continue
        verb = next((k for k in range(len(clause.tokens)) if action_of(clause.tokens, k)), len(clause.tokens))
        subject = next((w for k, w in enumerate(clause.tokens) if (w in lx.MALE or w in lx.FEMALE)
                        and (k < verb or w in ("his", "her"))), None)
        if subject:
            state.gender = "m" if subject in lx.MALE else "f"
        if clause.tokens[0] in lx.MEANING and not any(lx.PARTS.get(t) == "wrinkles" for t in clause.tokens):
            continue
        if any(word in lx.APPEARANCE for word in clause.tokens):
            state.part, state.pending = None, []
            continue
        who = "other" if main and state.gender and state.gender != main or "another" in clause.tokens else "main"
        joined = clause.link == "and" and after.link in (",", "with", "while") or not after.tokens
        yield from _clause_events(clause, state, who, joined and clause.link == "and")


_RANK = {"smile": 3, "frown": 3, "silent": 3, "close": 3, "wideopen": 2, "raise": 2, "lower": 2, "nod": 2, "purse": 2,
         "move": 0, "appear": 0, "show": 0, "return": 0, "tighten": 0, "go": 0}  # which of two verbs tells the movement


def _clause_events(clause: Clause, state: _State, who: str, joined: bool) -> Iterator[Event]:
    """The events of one clause; ``joined``: it is a noun hung on to the verb before it ("lifts his lids and brows")."""
    tokens, words = clause.tokens, set(clause.tokens)
    verbs = [i for i in range(len(tokens)) if action_of(tokens, i)]
    degree = 1 if words & lx.STRONG else -1 if words & lx.SLIGHT else 0
    negated = any(t in lx.NOT for t in tokens[:verbs[0] if verbs else None]) or (clause.link == "or" and state.negated)
    state.negated = negated
    if verbs and lx.ACTIONS[tokens[verbs[0]]] in _STOPPABLE:
        negated = negated or any(t in lx.STOP for t in tokens[:verbs[0]])
    if "facestill" in words:
        told: Iterable[_Told] = [("face", "still", _NOWHERE, "", 0, False)]
    elif words & lx.PAUSE and not words & lx.STOP:
        state.verb = "pause"
        told = [("speech", "pause", _NOWHERE, "", 0, False)]
    elif verbs:
        told = _with_verb(clause, verbs, degree, negated, state)
    else:
        told = _without_verb(clause, degree, joined, state)
    for part, action, where, side, how, no in told:
        yield Event(who, part, action, where, degree if how is None else how, side, negated if no is None else no,
                    state.time, " ".join(tokens))


# part, action, direction, side, degree (None: the clause's), negated (None: the clause's)
_Told = tuple[str, str, frozenset[str], str, int | None, bool | None]
_NOWHERE: frozenset[str] = frozenset()
_STOPPABLE = frozenset({"sway", "nod", "move", "tremble", "turn", "tilt", "blink"})


def _tell(part: str, action: str, where: frozenset[str] = _NOWHERE, side: str = "", degree: int | None = None,
          negated: bool | None = None) -> _Told:
    return part, action, where, side, degree, negated


def _moved(part: str, action: str, where: frozenset[str], degree: int, side: str) -> list[_Told]:
    """What a verb class does to a part, as a list of none or one."""
    found = movement(part, action, where, degree, side)
    return [(*found, degree, None)] if found else []


def _without_verb(clause: Clause, degree: int, joined: bool, state: _State) -> list[_Told]:
    """Clauses such as "fine lines on his forehead", "gaze downward", "and then to the left"."""
    tokens, words = clause.tokens, set(clause.tokens)
    parts, where = parts_of(tokens), directions(tokens)
    names = [p for p, _ in parts]
    if "wrinkles" in names:
        return _wrinkles("show", names, words, state)
    if "gaze" in names and where:
        state.part, state.side = "gaze", ""
        return _moved("gaze", "look", where, degree, "")
    if "tongue" in names and state.verb == "show":
        return [_tell("tongue", "out")]
    if names and names[-1] in ("head", "eyes", "corners", "chin", "brows") and where:
        state.part, state.side = parts[-1]
        return _moved(names[-1], "move", where, degree, state.side)
    if "stops" in words and not names and clause.link != "to" and len(words) < 8:
        return [_tell("speech", "pause", degree=0, negated=False)]
    if "tears" in names:
        return [_tell("tears", "present")]
    if state.verb == "show" and ("teeth" in names or "bothrows" in words):
        return [_tell("teeth", "show", rows_of_teeth(words))]
    bare = names and all(t in lx.PARTS or t in LEADS for t in tokens)
    if bare and joined and state.verb and movement(names[0], state.verb):
        return _moved(names[0], state.verb, state.where, state.degree, parts[0][1])
    if bare:
        state.pending += parts  # "brows and nose crease": the verb comes with the next clause
        state.part, state.side = parts[-1]
    elif names:
        (state.part, state.side), state.pending = parts[-1], []
    elif where == {"back"} and state.part in ("head", "gaze"):
        return _moved(state.part, "return", _NOWHERE, degree, "")
    elif where and state.part and state.verb and clause.link in ("and", "then", "next", "before", "or"):
        return _moved(state.part, state.verb, where, degree, state.side)
    return []


def _with_verb(clause: Clause, verbs: list[int], degree: int, negated: bool, state: _State) -> list[_Told]:
    """Clauses with one of our verbs."""
    tokens, words = clause.tokens, set(clause.tokens)
    word = tokens[max(verbs, key=lambda k: (_RANK.get(lx.ACTIONS[tokens[k]], 1), -k))]
    action, where, parts = lx.ACTIONS[word], directions(tokens), parts_of(tokens)
    names = [p for p, _ in parts]
    if clause.link not in ("and", "or", ""):
        state.pending = []
    if state.verb == "pause" and clause.link == "while":
        return []  # "pauses while talking"
    state.verb, state.where, state.degree = action, where, degree
    if action in ("speak", "sing", "shout", "silent"):
        stops = bool(words & lx.STOP)
        phase = "stop" if action == "silent" or stops or words & lx.NOT else "start" if words & lx.START else "go"
        kind = frozenset({action} - {"speak", "silent"})
        return [_tell("speech", phase, kind, degree=0, negated=negated and not stops)]
    if action == "show" and ("teeth" in names or "bothrows" in words or (not names and words & {"upper", "lower"})):
        return [_tell("teeth", "show", rows_of_teeth(words))]
    if "wrinkles" in names and action not in ("blink", "look", "smile"):
        return _wrinkles(action, names, words, state)
    if "tears" in names:
        return [_tell("tears", "present")]
    if action in _OWN_PART:
        return [_own(action, words, parts, state)]
    targets = targets_of(action, word, parts, tokens, (state.part, state.side), state.pending)
    if targets:
        (state.part, state.side), state.pending = targets[-1], []
    return [told for part, side in targets for told in _moved(part, action, where, degree, side)]


def _wrinkles(action: str, names: list[str], words: set[str], state: _State) -> list[_Told]:
    """Wrinkles appear or go, at a place; on the nose they are its own movement (AU9)."""
    gone = action in ("disappear", "relax", "narrow", "lower")
    place = frozenset(lx.PLACES[n] for n in names if n in lx.PLACES)
    if "eyewrinkles" in words:
        place = frozenset({"eyes"})
    if "nasolabial" in words:
        place = frozenset({"mouth"})
    if "them" in words and state.part in lx.PLACES:
        place = frozenset({lx.PLACES[state.part]})
    told = [_tell("nose", "relax" if gone else "wrinkle")] if "nose" in place else []
    if place != {"nose"}:
        told.append(_tell("wrinkles", "gone" if gone else "present", place - {"nose"}, degree=0))
    return told


_OWN_PART = frozenset("smile laugh cry swallow breathe exhale blink wink frown nod grimace".split())


def _own(action: str, words: set[str], parts: list[tuple[str, str]], state: _State) -> _Told:
    """Verbs that carry their own part."""
    gone = bool(words & (lx.STOP | lx.NOT)) or any(lx.ACTIONS.get(w) in ("disappear", "relax") for w in words)
    if action == "smile":
        return _tell("corners", "relax" if gone else "up", negated=False)
    if action == "frown":
        return _tell("brows", "relax" if gone else "furrow", negated=False)
    if action == "exhale" and any(p == "cheeks" for p, _ in parts):
        return _tell("cheeks", "puff", negated=gone)
    if action in ("blink", "wink"):
        state.part, state.side = "eyes", ""
        return _tell("eyes", action, side=next((s for _, s in parts if s), ""), degree=0, negated=gone)
    if action == "nod":
        state.part, state.side = "head", ""
    part, name = {"laugh": ("laugh", "go"), "cry": ("tears", "present"), "swallow": ("throat", "in"),
                  "breathe": ("breath", "in"), "exhale": ("breath", "out"), "nod": ("head", "nod"),
                  "grimace": ("mouth", "tighten")}[action]
    return _tell(part, name, negated=gone)
