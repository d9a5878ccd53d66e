"""Answers about emotions: why, is it, why not, what would have to change, how sure, and looks beyond the eight."""

from __future__ import annotations

from emoreason.data_pipeline.answer_parts import evidence, finish, support, tail
from emoreason.data_pipeline.denials import INSTEAD, MET_ALL, NOT_NEUTRAL_STILL, asked_words, does_not
from emoreason.data_pipeline.facts import AGAINST, NEEDS
from emoreason.data_pipeline.grammar import pool
from emoreason.data_pipeline.phrases import WORDS
from emoreason.data_pipeline.questions import Question
from emoreason.data_pipeline.reading import Teller
from emoreason.schema import Explanation


def why(t: Teller, q: Question) -> Explanation:
    """Why the face looks the way it does, or as asked; where it does not, that comes first."""
    if q.emotion and q.emotion != t.f.top:
        return does_not(t, q.emotion)
    return finish(t, evidence(t), [t.verdict(), *support(t)])


_YES = pool(
    "yes, it looks {adj}: {clauses}", "yes, [mainly|chiefly] because of {cues}", "it does look {adj}, since {clauses}",
    "yes, {noun} is the best reading here, because of {cues}",
    "that fits: {cues} give{s} the face {look}", "yes, the face reads as {as_}, through {cues}",
    "it does, {conf}; {clauses}", "one can say so, since {clauses}",
    "in fact it looks {adj}; {cues} show{s} it", "yes, {conf}, because {clauses}",
    "agreed, the face reads as {as_}: {clauses}", "it looks {adj} indeed, [given|with] {cues}",
    "{noun} is right for this face, {conf}: {clauses}", "yes, {cues} make{s} it look {adj}",
)
_YES_BARE = pool(
    "yes, {conf}, although hardly any movement carries it",
    "it does look {adj}, but more as a whole than by any movement", "yes, by the general impression, {conf}",
    "the overall impression is {bare}, so yes, {conf}",
    "one can say so, though the movements alone would not settle it",
)
_YES_NEUTRAL = pool(
    "yes, it looks neutral: nothing moves far from rest", "yes, this reads as a resting face, {conf}",
    "it does look neutral, since hardly anything moves", "yes, the muscles are close to rest",
    "that fits, the face is almost still", "yes, {conf}; there is little movement to read",
    "neutral it is, {conf}, with so little at work",
)
_YES_NEUTRAL_BUSY = pool("yes, the overall impression is neutral, {conf}, although {cues} {is} there",
                         "it does look neutral as a whole, in spite of {cues}",
                         "yes, though {cues} {does} show, the face reads as neutral",
                         "on the whole yes, even with {cues}", "neutral fits, {conf}, though {cues} {is} there")
_IT_DOES = pool(
    "in fact, it does look {adj}: {clauses}", "{noun} is the reading here, because of {cues}",
    "it does read as {as_}, since {clauses}", "nothing rules it out; {cues} point{s} there",
    "the face does look {adj}, with {cues}", "{noun} is not ruled out, it comes first: {clauses}",
    "but it is read as {as_}: {clauses}", "it does look {adj}, {conf}, through {cues}",
)


def _yes(t: Teller, table) -> str:
    f, v, words = t.f, t.v, t.names()
    if t.level in ("open", "faint"):
        return t.verdict()
    t.numbered = True
    if f.top == "neutral":
        return v.say(_YES_NEUTRAL_BUSY, **words, **t.cues(t.emotive(),
                                                          most=2)) if f.present else v.say(_YES_NEUTRAL, **words)
    mine = f.cues(f.top)
    if not mine:
        return v.say(_YES_BARE, **words)
    text = v.say(table, **words, **t.cues(mine), clauses=t.clauses(mine))
    t.numbered = "AU" in text
    return text


def is_(t: Teller, q: Question) -> Explanation:
    """Whether the face looks as asked."""
    if q.emotion != t.f.top:
        return does_not(t, q.emotion or t.f.rival)
    return finish(t, evidence(t), [_yes(t, _YES), *support(t, 2)])


def whynot(t: Teller, q: Question) -> Explanation:
    """Why not the asked emotion; where it is the conclusion after all, that is said."""
    if q.emotion != t.f.top:
        return does_not(t, q.emotion or t.f.rival)
    return finish(t, evidence(t), [_yes(t, _IT_DOES), *support(t, 2)])


_WOULD = pool("to look {asked_adj}, {must}", "for {asked}, {must}", "it would look {asked_adj} if this changed: {must}",
              "{must}; then it would look more {asked_adj}", "a change to {asked} would mean that {must}",
              "for the face to look {asked_adj}, {must}", "on the way to {asked}, {must}",
              "this is what {asked} would take: {must}")
_UNDO = pool("at the same time, {undo}", "besides, {undo}", "what is there now would have to go: {undo}", "and {undo}",
             "in return, {undo}", "also, {undo}")
_ALREADY = pool("{cues} {is} already there", "{cues} could stay", "the face already has {plain}",
                "a part of it is there, {plain}", "{cues} would be kept")
_SAME = pool("it already looks {asked_adj}; for more of it, {must}",
             "it reads as {asked_as} as it is; to make this stronger, {must}",
             "nothing has to change for that, but to look more {asked_adj}, {must}",
             "that is the reading now; for the full pattern, {must}")
_SAME_FULL = pool("it already looks {asked_adj}, and the main movements are there",
                  "nothing would have to change; stronger movements would only make it clearer",
                  "it reads as {asked_as} as it is, with its main signs present",
                  "no change is needed, since {asked} is what the face is read as",
                  "the face looks {asked_adj} as it stands; more strength would only stress it")
_NOW = pool("as it is, it looks {adj}", "now it reads as {as_}", "for now the face looks {adj}, {conf}",
            "the present reading is {noun}, {conf}", "at the moment {noun} is the better reading",
            "as things are, {noun} fits better",
            "at present the face comes closer to {noun}")
_REST = pool("to look neutral, {undo}", "for a neutral look, the face would have to relax: {undo}",
             "neutral would mean less movement: {undo}", "a resting face needs less movement: {undo}",
             "to come to rest, {undo}",
             "it would look neutral with everything at rest: {undo}")


def _musts(t: Teller, units: list[int], undo: bool) -> str:
    """'the lip corners would have to rise and the cheeks to lift'; movements with one verb share it."""
    verbs: dict[str, list[str]] = {}
    taken: set[str] = set()
    rows = [WORDS[a]["must"] for a in units]
    if {1, 2} <= set(units):  # one brow, one movement
        both = ("rise and draw together", "go up and knit") if 4 in units else ("rise", "go up", "lift")
        back = ("relax",) if 4 in units else ("come down", "sink back", "settle")
        rows = [("the brows", both, back), *(WORDS[a]["must"] for a in units if a not in (1, 2, 4))]
    for subject, do, back in rows:
        if subject in taken:
            continue
        taken.add(subject)
        options = back if undo else do
        verb = next((x for x in options if x in verbs), None) or t.v.one(options)
        verbs.setdefault(verb, []).append(subject)
    modal, link = t.v.one((("would have to", "to "), ("would need to", "to "), ("should", "")))
    parts = [(t.v.listed(subjects), verb) for verb, subjects in verbs.items()]
    return t.v.listed([f"{s} {modal} {verb}" if i == 0 else f"{s} {link}{verb}" for i, (s, verb) in enumerate(parts)])


def change(t: Teller, q: Question) -> Explanation:
    """What would have to move for the face to look as asked."""
    f, v, asked = t.f, t.v, q.emotion or t.f.rival
    words = {**t.names(), **asked_words(asked, v)}
    _, missing, open_ = f.needs(asked)
    must = [v.one(m) for m in missing + open_]
    got = f.cues(asked)
    if asked == f.top:
        if asked == "neutral":
            return finish(t, evidence(t), [t.verdict(), *tail(t, [t.doubt], 1)])
        said = [v.say(_SAME, **words, must=_musts(t, must[:3], False)) if must else v.say(_SAME_FULL, **words)]
        said += tail(t, [lambda: v.say(INSTEAD[6:10], **words, **t.cues(got), clauses=t.clauses(got)) if got else "",
                         t.doubt], 1)
        return finish(t, evidence(t), said)
    if asked == "neutral":
        busy = t.emotive()[:3]
        said = [v.say(_REST, undo=_musts(t, busy, True)) if busy else v.say(NOT_NEUTRAL_STILL, **words)]
    else:
        needed = {a for options in NEEDS[asked] for a in options}
        undo = _musts(t, [a for a in f.strongest if a in AGAINST[asked] and a not in needed and f.aus[a] >= 1.2][:2],
                      True)
        if must:
            said = [v.say(_WOULD, **words, must=_musts(t, must[:4], False))]
            if undo:
                said.append(v.say(_UNDO, undo=undo))
            if got:
                said.append(v.say(_ALREADY, **t.cues(got, most=2), plain=t.cues(got, False, 2)["cues"]))
        else:
            said = [v.say(_WOULD, **words, must=undo) if undo else v.say(MET_ALL, **words,
                                                                         **t.cues(got or f.strongest))]
    said.append(v.say(_NOW, **words))
    gone = tuple(m[0] for m in t.missing(asked)[:3])
    return finish(t, evidence(t, 6, gone, got[:2]), said + tail(t, [], 1))


_NOT_A_LOOK = pool(
    "to look {word} is not one of the eight looks that are weighed here",
    "whether the person is {word} cannot be read from the face alone",
    "there is no fixed pattern of movements for looking {word}", "FACS knows no pattern for looking {word}",
    "no set of action units stands for being {word}",
    "a face alone cannot settle whether someone is {word}", "looking {word} has no action units of its own",
    "the eight basic looks do not include looking {word}",
)


def other(t: Teller, q: Question) -> Explanation:
    """Asked about a look that is none of the eight: say so, and what the face looks like by the eight."""
    return finish(t, evidence(t, 5), [t.v.say(_NOT_A_LOOK, word=q.topic or "that"), t.verdict(), *support(t, 2)])


_PERCENT = pool("{pct} percent for {noun}", "{noun} gets {pct} percent", "the probability of {noun} is {pct} percent",
                "{noun} stands at {pct} percent", "at {pct} percent, {noun} comes first",
                "I would put {noun} at {pct} percent", "{noun} is put at {pct} percent", "{pct} in 100 for {noun}")
_SURELY = {
    "clear": pool("quite sure: {per}", "the reading is clear: {per}", "very sure; {per}",
                  "there is little doubt: {per}", "the confidence is high: {per}", "as sure as a face allows: {per}"),
    "fairly": pool("fairly sure: {per}", "the reading is fairly firm: {per}", "sure enough, but not certain: {per}",
                   "the confidence is fair: {per}", "reasonably sure: {per}", "likely, not certain: {per}"),
    "leaning": pool("only moderately sure: {per}", "it is a leaning: {per}", "not very sure: {per}",
                    "the confidence is moderate: {per}", "more a leaning than a firm reading: {per}",
                    "about half sure: {per}"),
    "open": pool("not sure: {per}, with {noun2} close", "it is open between {noun} and {noun2}: {per}",
                 "the choice between {noun} and {noun2} is close: {per}", "rather unsure: {per}, and {noun2} is near"),
    "faint": pool("not sure at all: {per}, and others are nearly level", "hardly more than a guess: {per}",
                  "the confidence is low: {per}, with {noun2} right behind", "very unsure: {per}"),
}
_FOR_IT = pool("{cues} speak{s} for it", "the reading rests on {cues}", "the main support is {plain}",
               "it is based on {cues}", "what counts most is {plain}", "the evidence for it: {clauses}",
               "it rests on this: {clauses}")
_FOR_IT_BARE = pool("it rests on the overall impression, since no typical movement carries it",
                    "the support is the general impression, not a single movement", "no single movement decides it",
                    "the muscles alone would not give it")
_FOR_IT_NEUTRAL = pool("it rests on the lack of movement", "hardly anything moves, which speaks for it",
                       "the stillness of the face is the reason", "the reason is how little moves")


def sure(t: Teller, q: Question) -> Explanation:
    """How sure the reading is, on what it rests, what else it could be."""
    f, v = t.f, t.v
    percent = round(f.p(f.top) * 20) * 5
    pct = "over 95" if percent > 95 else f"{v.one(('about', 'roughly', 'around'))} {percent}"
    per = v.say(_PERCENT, **t.names(), pct=pct)
    said = [v.say(_SURELY[t.level], **t.names(), per=per)]
    mine = f.cues(f.top)
    if mine:
        said.append(v.say(_FOR_IT, **t.cues(mine), plain=t.cues(mine, False)["cues"], clauses=t.clauses(mine)))
    else:
        said.append(v.say(_FOR_IT_NEUTRAL if f.top == "neutral" and not f.present else _FOR_IT_BARE))
    parts = [t.against, t.rival]
    if v.chance(0.4):
        parts.append(t.pattern)
    return finish(t, evidence(t, 5), said + tail(t, parts, 2))
