"""Two faces side by side.

Each action unit is named once: the mark carries the stronger of the two intensities, and the words say whose it is.
The conclusion lists the two looks in the order of the faces (one name when they agree), the confidence is the lower
of the two, and valence and arousal, which belong to one face, stay empty.
"""

from __future__ import annotations

import random

from emoreason.data_pipeline.facts import ABSENT, Facts
from emoreason.data_pipeline.grammar import Voice, pool, sentence
from emoreason.data_pipeline.phrases import PLACE, WORDS
from emoreason.data_pipeline.questions import Question
from emoreason.data_pipeline.reading import Teller
from emoreason.data_pipeline.refusals import unreadable
from emoreason.data_pipeline.sentences import ADJECTIVE, BARE, NOUN
from emoreason.facs import PRESENT
from emoreason.schema import Explanation, Observation

MORE = pool("the {one} face looks more {adj}", "{noun} is stronger in the {one} face",
            "more {bare}, of the two, is the {one} face", "it is the {one} face that looks more {adj}",
            "the {one} face comes closer to {noun}",
            "of the two, the {one} looks more {adj}")
MORE_BARELY = pool("neither face clearly looks {adj}, the {one} a little more than the {two}",
                   "{noun} is no strong reading for either, but the {one} face comes closer",
                   "if one of them looks {adj}, it is the {one}, and only by a little")
NO_MORE = pool("neither looks clearly more {adj} than the other", "the two are about level in {noun}",
               "both faces come about equally close to {noun}", "there is no clear difference in {noun}")
GAP = 0.7  # a difference in intensity worth naming
ONLY = pool("only in the {one} face {clause}",
            "in the {one} face {clause}, in the {two} [this is missing|nothing of it shows|this does not show]",
            "{clause} in the {one} face only",
            "the {one} face alone shows {cue}", "{cue} show{s} in the {one} face, not in the {two}")
ONE_MORE = pool("{clause} in both, more so in the {one} face", "both faces show {cue}, the {one} more strongly",
                "{cue} {is} stronger in the {one} face than in the {two}",
                "{clause} in both, but further in the {one}")
ONE_HINT = pool("in the {one} face {clause}, in the {two} hardly if at all", "{cue} {is} clear only in the {one} face",
                "the {one} face shows {cue} far more than the {two}")
ALIKE = pool("{clause} in both faces", "both faces show {cue}, about equally",
             "{cue} {is} much the same in the two faces", "{clause} in the first face and the second alike")
_NEITHER = pool("{lack} show{s} in neither face", "neither face shows {lack}", "{lack} {is} missing in both faces",
                "both faces are without {lack}")
VERDICT = pool("the first face looks {adj}, the second {adj2}", "the first reads as {noun}, the second as {noun2}",
               "from first to second, the look goes from {noun} to {noun2}",
               "where the first face looks {adj}, the second looks {adj2}",
               "{noun} fits the first face best, {noun2} the second",
               "the two differ: the first appears {adj}, the second {adj2}")
SAME = pool("both faces look {adj}", "the two faces read the same way, as {noun}",
            "{noun} is the best reading for both", "the same look, {noun}, appears in both faces",
            "both appear {adj}, with differences in strength")
BECAUSE = pool("{main} {cue}, [stronger|clearer] in the {one}", "what sets them apart is {cue} in the {one} face",
               "{cue} in the {one} face make{s} the difference", "the {one} face stands out by {cue}")
BECAUSE_ALONE = pool("{main} {cue}, [seen|shown] only in the {one}", "what the {two} face lacks is {cue}",
                     "what sets them apart is {cue} in the {one} face", "the {one} face stands out by {cue}",
                     "{cue} in the {one} face make{s} the difference")
_MAIN = ("the main difference is", "the main differences are")
EQUAL = pool("their movements hardly differ", "the movements are close to each other",
             "there is little to tell the movements apart", "no movement differs by much")
STRONGER = pool("the {one} face is the more expressive one", "overall, more moves in the {one} face",
                "the {one} face shows the stronger expression", "the expression is weaker in the {two} face")
PLEASANT = pool("the {one} face looks more pleasant", "in tone the {one} face is the more pleasant one",
                "the {two} face looks less pleasant")
SURE = pool("the reading of the {one} face is the surer one", "the {two} face is harder to read",
            "the {two} face is read with less confidence")
UNSURE = pool("the reading of the {one} face is uncertain", "the {one} face is hard to read",
              "for the {one} face this is little more than a guess", "what the {one} face shows stays open")
SMILES = pool("the {one} face smiles more", "the smile is bigger in the {one} face",
              "of the two, the {one} smiles more", "it is the {one} face that smiles more")
SMILES_ALONE = pool("only the {one} face smiles", "the {one} face smiles, the {two} does not",
                    "there is a smile in the {one} face only")
SMILES_ALIKE = pool("both smile about equally", "the two smiles are about equally strong")
SMILES_LEVEL = pool("neither smile is clearly bigger than the other", "the smiles do not clearly differ")
SMILES_NOT = pool("neither face smiles", "there is no smile in either face")
_WHICH = ("first", "second")


def compare(a: Facts, b: Facts, question: Question, rng: random.Random) -> Explanation:
    """How the second face differs from the first."""
    voice = Voice(rng)
    for facts in (a, b):
        if not facts.readable:
            return unreadable(facts, voice)
    ta, tb = Teller(a, rng, voice), Teller(b, rng, voice)
    gaps = sorted((x for x in a.present | b.present), key=lambda x: -abs(a.aus[x] - b.aus[x]))
    told = gaps[:5]
    observations = [_difference(voice, a, b, x) for x in told]
    both_gone = [x for x in ta.may_lack((12, 4, 1, 15, 9, 6, 5, 26, 7)) if x in tb.may_lack((x,))]
    voice.rng.shuffle(both_gone)
    for x in both_gone[: max(int(voice.chance(0.3)), 2 - len(observations))]:
        text = voice.say(_NEITHER, **ta.lack([(x,)]))
        observations.append(Observation(x, None, "both", False, None, text[0].upper() + text[1:]))
    if voice.chance(0.5):
        observations.sort(key=lambda o: PLACE[o.au])
    said = _smiles(voice, a, b) if question.au == 12 else _asked(voice, a, b, question.emotion)
    said += _interpretation(voice, a, b, ta, tb, told)
    return Explanation(tuple(observations), " ".join(sentence(s) for s in said),
                       ", ".join(dict.fromkeys((a.top, b.top))), min(a.confidence, b.confidence))


def _difference(v: Voice, a: Facts, b: Facts, x: int) -> Observation:
    first = a.aus[x] >= b.aus[x]
    strong, weak = (a, b) if first else (b, a)
    one, two = _WHICH if first else _WHICH[::-1]
    cue, many = v.one(WORDS[x]["cue"])
    words = {"one": one, "two": two, "clause": v.one(WORDS[x]["clause"]), "cue": cue, "s": "" if many else "s",
             "is": "are" if many else "is"}
    gap = strong.aus[x] - weak.aus[x]
    if x in weak.absent:
        text = v.say(ONLY, **words)
    elif x not in weak.present:
        text = v.say(ONE_HINT if gap >= GAP else ALIKE, **words)
    else:
        text = v.say(ONE_MORE if gap >= GAP else ALIKE, **words)
    return Observation(x, strong.aus[x], strong.sides.get(x, "both"), True, None, text[0].upper() + text[1:])


def _asked(v: Voice, a: Facts, b: Facts, emotion: str | None) -> list[str]:
    """Which face looks more like the asked emotion."""
    if emotion is None:
        return []
    first = a.p(emotion) >= b.p(emotion)
    words = {**_order(first), "adj": v.one(ADJECTIVE[emotion]), "bare": BARE[emotion], "noun": NOUN[emotion]}
    if abs(a.p(emotion) - b.p(emotion)) < 0.1:
        return [v.say(NO_MORE, **words)]
    return [v.say(MORE if max(a.p(emotion), b.p(emotion)) >= 0.3 else MORE_BARELY, **words)]


def _smiles(v: Voice, a: Facts, b: Facts) -> list[str]:
    """Which face smiles more, by AU12."""
    first, second = a.aus[12], b.aus[12]
    words = _order(first >= second)
    if max(first, second) < PRESENT:
        return [v.say(SMILES_NOT)]
    if abs(first - second) < GAP:
        return [v.say(SMILES_ALIKE if min(first, second) >= PRESENT else SMILES_LEVEL)]
    return [v.say(SMILES_ALONE if min(first, second) < ABSENT else SMILES, **words)]


def _interpretation(v: Voice, a: Facts, b: Facts, ta: Teller, tb: Teller, told: list[int]) -> list[str]:
    words = {"adj": v.one(ADJECTIVE[a.top]), "adj2": v.one(ADJECTIVE[b.top]), "noun": NOUN[a.top], "noun2": NOUN[b.top]}
    said = [v.say(SAME if a.top == b.top else VERDICT, **words)]
    big = [x for x in told if abs(a.aus[x] - b.aus[x]) >= GAP]
    if big:
        first = a.aus[big[0]] > b.aus[big[0]]
        mine = [x for x in big if (a.aus[x] > b.aus[x]) == first][:2]
        found = (ta if first else tb).cues(mine)
        because = BECAUSE_ALONE if all(x in (b if first else a).absent for x in mine) else BECAUSE
        main = _MAIN[len(mine) > 1]
        said.append(v.say(because, cue=found["cues"], s=found["s"], main=main, **_order(first)))
    else:
        said.append(v.say(EQUAL))
    extra = []
    if abs(a.activity - b.activity) >= 1.0:
        extra.append(v.say(STRONGER, **_order(a.activity > b.activity)))
    if abs(a.valence - b.valence) >= 0.35:
        extra.append(v.say(PLEASANT, **_order(a.valence > b.valence)))
    if abs(a.confidence - b.confidence) >= 0.2:
        extra.append(v.say(SURE, **_order(a.confidence > b.confidence)))
    v.rng.shuffle(extra)
    if min(a.confidence, b.confidence) < 0.4:
        extra.insert(0, v.say(UNSURE, **_order(a.confidence < b.confidence)))
    limit = ta.limit() or tb.limit()
    return said + extra[:1 if limit else 2] + ([limit] if limit and (a.quality or b.quality) else [])


def _order(first: bool) -> dict[str, str]:
    return dict(zip(("one", "two"), _WHICH if first else _WHICH[::-1], strict=True))
