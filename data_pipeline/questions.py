"""The questions people ask about a face: every kind, short and long, polite and careless."""

from __future__ import annotations

import random
from dataclasses import dataclass

from emoreason.data_pipeline import question_words as W
from emoreason.data_pipeline.grammar import Voice
from emoreason.data_pipeline.phrases import UNIT_NAMES
from emoreason.facs import EMOTIONS, MEASURED_AUS, au

KINDS = ("why", "read", "is", "whynot", "aus", "region", "smile", "sure", "describe", "au", "tone", "change", "other",
         "decline", "compare")
ASKS_EMOTION = ("why", "is", "whynot", "change")
TOPICS = ("identity", "age", "gender", "ethnicity", "looks", "honesty", "job", "health", "mind", "offtopic")


@dataclass(frozen=True)
class Question:
    """What is asked. ``kind`` is one of KINDS; the other fields say about what, where the kind needs it: an emotion
    of facs.EMOTIONS, a region of phrases.REGIONS, an AU number, a topic of TOPICS or, for ``other``, the word for a
    look that is none of the eight. ``text`` is the wording."""

    kind: str
    text: str
    emotion: str | None = None
    region: str | None = None
    au: int | None = None
    topic: str | None = None


_POLITE = ("please, ", "hey, ", "ok, ", "tell me: ", "one question: ", "so, ", "and ", "hm, ", "excuse me, ",
           "quick question: ")
_STATEMENTS = ("explain", "describe", "list", "code", "give", "tell", "read", "check", "compare", "score", "rate",
               "name", "show", "please", "walk",
               "go through", "zoom", "focus", "look at", "write", "analy", "do a", "caption", "observe", "put", "make",
               "turn", "summarize", "i think",
               "translate", "ignore", "hello", "hi", "thanks", "guess", "diagnose")


def wording(kind: str, rng: random.Random, emotion: str | None = None, region: str | None = None,
            au_number: int | None = None,
            topic: str | None = None) -> str:
    """One wording of a question, as a person might type it."""
    voice = Voice(rng, skew=1.0)
    templates = W.DECLINE[topic] if kind == "decline" and topic else W.WORDINGS[kind]
    if kind == "compare" and emotion:
        templates = W.COMPARE_EMOTION
    if kind == "compare" and au_number == 12:
        templates = W.COMPARE_SMILE
    nominative, possessive, plural = voice.one(W.SUBJECTS)
    values = {"s": nominative, "o": W.OBJECTS.get(nominative, nominative), "poss": possessive,
              "do": "do" if plural else "does", "is": "are" if plural else "is",
              "v": "" if plural else "s"}
    if emotion:
        values["adj"], values["noun"] = voice.one(W.ADJECTIVES[emotion]), voice.one(W.NOUNS[emotion])
        values["n"] = "n" if values["adj"][0] in "aeiou" else ""
        values["more"] = voice.one(W.COMPARATIVES[emotion])
    if region:
        name = values["region"] = voice.one(W.REGION_WORDS[region])
        many = name in _PLURAL
        values.update(rdo="do" if many else "does", rare="are" if many else "is", rv="" if many else "s")
    if au_number:
        values["n"], values["name"] = str(au_number), UNIT_NAMES.get(au_number, au(au_number).name)
    if kind == "other":
        values["word"] = topic or voice.one(W.OTHER_LOOKS)
    text = voice.expand(voice.one(templates), values)
    for wrong, right in _AGREEMENT:
        text = text.replace(wrong, right)
    return typed(" ".join(text.split()), rng)


_AGREEMENT = (("is they", "are they"), ("does they", "do they"), ("of a one", "of one"),
              ("would they looks", "would they look"))
_PLURAL = ("brows", "eyebrows", "forehead and brows", "eyes", "eyelids", "cheeks", "lips", "mouth and lips")


def typed(text: str, rng: random.Random) -> str:
    """A question as people type it: mostly proper, often careless about capitals, marks and now and then a letter."""
    draw = rng.random()
    if draw < 0.04:
        text = _POLITE[int(rng.random() * len(_POLITE))] + text
    mark = "." if text.startswith(_STATEMENTS) else "?"
    style = rng.random()
    if style < 0.68:
        for start in range(len(text)):
            if start == 0 or text[start - 2: start] in (". ", "? "):
                text = text[:start] + text[start].upper() + text[start + 1:]
        text = text.replace(" i ", " I ")
        return text + mark
    if style < 0.80:
        return text.lower()
    if style < 0.88:
        return text + mark
    if style < 0.92:
        return text.upper() + mark
    if style < 0.96:
        return text[0].upper() + text[1:]
    at = int(rng.random() * (len(text) - 1))
    if text[at].isalpha() and text[at + 1].isalpha() and len(text) > 12:
        text = text[:at] + text[at + 1] + text[at] + text[at + 2:]
    return text + mark * (1 + (rng.random() < 0.3))


# How often each kind is asked, first and later in a talk.
_WEIGHTS = {"why": 20, "read": 14, "is": 9, "whynot": 9, "aus": 9, "region": 9, "smile": 11, "sure": 10,
            "describe": 8, "au": 6, "tone": 5, "change": 5, "other": 3, "decline": 12}


def draw(rng: random.Random, concluded: str, rivals: tuple[str, ...], present: tuple[int, ...],
         taken: frozenset[str] = frozenset(),
         regions: tuple[str, ...] = tuple(W.REGION_WORDS)) -> Question:
    """A kind and a wording. An asked emotion is the concluded one half the time, else one of ``rivals`` or any."""
    kinds = [k for k in _WEIGHTS if k not in taken]
    kind = rng.choices(kinds, [_WEIGHTS[k] for k in kinds])[0]
    emotion = region = number = topic = None
    if kind in ASKS_EMOTION:
        right = {"why": 0.6, "is": 0.5, "whynot": 0.15, "change": 0.15}[kind]
        pick = rng.random()
        if pick < right:
            emotion = concluded
        elif rng.random() < 0.55 and rivals:
            emotion = rivals[int(rng.random() * len(rivals))]
        else:
            others = [e for e in EMOTIONS if e != concluded]
            emotion = others[int(rng.random() * len(others))]
    elif kind == "region":
        region = regions[int(rng.random() * len(regions))]
    elif kind == "au":
        usual = present if present and rng.random() < 0.55 else MEASURED_AUS
        number = usual[int(rng.random() * len(usual))]
    elif kind == "decline":
        topic = TOPICS[int(rng.random() * len(TOPICS))]
    elif kind == "other":
        topic = W.OTHER_LOOKS[int(rng.random() * len(W.OTHER_LOOKS))]
    return Question(kind, wording(kind, rng, emotion, region, number, topic), emotion, region, number, topic)


def draw_compare(rng: random.Random, looks: tuple[str, ...]) -> Question:
    """A question about two faces; a third of them ask which one looks more like an emotion, mostly one of ``looks``,
    some which one smiles more (AU12)."""
    emotion, draw = None, rng.random()
    if draw > 0.92:
        return Question("compare", wording("compare", rng, au_number=12), au=12)
    if draw < 0.35:
        choices = looks if rng.random() < 0.7 else EMOTIONS
        emotion = choices[int(rng.random() * len(choices))]
    return Question("compare", wording("compare", rng, emotion), emotion)
