"""Answers about emotions: why, is it, why not, what would have to change, how sure, and looks beyond the eight."""

from __future__ import annotations

import re
from collections.abc import Callable

from emoreason.data_pipeline import sentences as S
from emoreason.data_pipeline.facts import AGAINST, NEEDS
from emoreason.data_pipeline.grammar import Voice, pool, sentence
from emoreason.data_pipeline.phrases import WORDS
from emoreason.data_pipeline.questions import Question
from emoreason.data_pipeline.reading import Teller
from emoreason.schema import Explanation, Observation

_HEDGED = re.compile(r"\b(open|guess\w*|low|weak|narrow|doubt|close|just|barely|hard to read|lead|margin|sure|unsure"
                     r"|nearly|behind|undecided|several ways|certain|certainty|level|disagree|mixed|possible)\b")
# Absences worth naming on a still face, most telling first.
KEY = (12, 4, 15, 1, 6, 9, 5, 24, 20, 7, 2, 10, 17, 26, 23, 14)


def telling(t: Teller) -> list[int]:
    """Movements whose absence says something: what the second look would need, then a smile, a frown and the rest."""
    return t.may_lack(dict.fromkeys([*(options[0] for options in t.missing(t.f.rival)), *KEY]))


def finish(t: Teller, observations: tuple[Observation, ...], said: list[str]) -> Explanation:
    """Put an answer together: at least two observations where the evidence has them, the sentences, the figures."""
    f = t.f
    if len(observations) < 2:
        named = {o.au for o in observations}
        more = [a for a in f.strongest if a not in named][: 3 - len(observations)]
        gone = [a for a in telling(t) if a not in named][: max(0, 2 - len(observations) - len(more))]
        observations += tuple(t.seen(a) for a in more) + tuple(t.gone(a) for a in gone)
    text = " ".join(sentence(s) for s in said if s)
    if t.level in ("open", "faint") and not _HEDGED.search(text):
        text += " " + sentence(t.doubt())
    return Explanation(observations, text, f.top, f.confidence, round(f.valence, 1), round(f.arousal, 1))


def evidence(t: Teller, most: int = 6, gone: tuple[int, ...] = (),
             also: tuple[int, ...] = ()) -> tuple[Observation, ...]:
    """The signs of the conclusion, ``also``, the strongest other movements, and absences that matter."""
    f, v, e = t.f, t.v, t.f.top
    there = [*f.cues(e)[:4], *also]
    there += [a for a in f.against(e)[:2] if f.aus[a] >= 1.3 and a not in there]
    others = [a for a in f.strongest if a not in there]
    there += others[: max(2 if len(there) < 3 else int(v.chance(0.5)), min(2, sum(f.aus[a] >= 3.0 for a in others)))]
    lacking = list(gone)
    if e == "neutral" or not f.cues(e):
        lacking += telling(t)[: max(1, 3 - len(there))]
    else:
        for options in t.missing(f.rival)[:2] + t.missing(e)[:1]:
            if v.chance(0.5):
                lacking.append(options[0])
    return t.observe(there, lacking[: 3 if there else 5], most)


def tail(t: Teller, parts: list[Callable[[], str]], room: int) -> list[str]:
    """Up to ``room`` sentences out of ``parts``, in order; what limits the view is always in."""
    limit = t.limit()
    out: list[str] = []
    for part in parts:
        if len(out) >= (max(1, room - 1) if limit else room):
            break
        said = part()
        if said:
            out.append(said)
    return out + [limit] if limit else out


def support(t: Teller, room: int = 3) -> list[str]:
    """The sentences after the verdict."""
    v, fit = t.v, t.f.fit(t.f.top)
    parts: list[Callable[[], str]] = [t.pattern]
    if v.chance(0.35):
        parts.append(t.strength)
    if t.f.top != "neutral" and fit in ("partial", "variant") and v.chance(0.45):
        parts.append(t.note)
    parts.append(t.against)
    if t.level in ("leaning", "open") or v.chance(0.6):
        parts.append(t.rival)
    if t.level not in ("open", "faint") and v.chance(0.5):
        parts.append(t.doubt)
    return tail(t, parts, room if v.chance(0.6) else room - 1)


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


_NO = {
    "far": pool(
        "it does not look {asked_adj}; it looks {adj}", "no, the face does not read as {asked_as}, it reads as {as_}",
        "{asked} does not fit this face; {noun} does",
        "the face does not look {asked_adj}, but {adj}", "no, this looks {adj} rather than {asked_adj}",
        "there is little {asked_as} in this face, which looks {adj}",
        "the movements do not add up to {asked}; they come closer to {noun}",
        "this face reads as {as_}, not as {asked_as}", "no, {noun} describes this face better than {asked}",
        "not {asked_adj}: the face looks {adj}", "{asked} is not what the face shows; it looks {adj}",
        "hardly {asked_adj}, since the face reads as {as_}", "the face looks {adj}, so {asked} does not fit",
    ),
    "near": pool(
        "it could be {asked}, but {noun} fits better", "{asked} is not far off, yet the face looks more {adj}",
        "not quite; there is something of {asked}, but {noun} is ahead",
        "{asked} is possible, though {noun} is more likely", "the face has a part of {asked}, but it looks more {adj}",
        "{asked} comes close, and still {noun} is the better reading",
        "it is not clearly {asked_adj}; the reading leans more to {noun}",
        "{asked} is a fair guess, only {noun} is a better one", "between the two, {noun} is ahead of {asked}",
    ),
    "doubt": pool(
        "it does not look {asked_adj}, though {noun} is only a weak best guess",
        "{asked} does not stand out, and {noun} only just does",
        "not {asked_adj}; if anything, the face leans to {noun}",
        "{asked} is less likely than {noun}, which itself is not sure",
        "the reading is open, but {noun} is ahead of {asked}",
        "no; the face is hard to read, and {noun} comes before {asked}",
    ),
    "near neutral": pool(
        "it is close to neutral, but looks more {adj}", "neutral comes near, yet {noun} is the better reading",
        "almost neutral, though the face leans more to {noun}",
        "it could pass for neutral, but {noun} is ahead", "not far from neutral, the face still looks more {adj}",
    ),
    "neutral": pool(
        "it does not look neutral; it looks {adj}", "no, the face is not at rest, it reads as {as_}",
        "this is more than a neutral face; it looks {adj}", "neutral does not fit; the face reads as {as_}",
        "no, the face looks {adj} rather than neutral", "the face is not neutral in its look, but {adj}",
        "neutral is not the best name here; {noun} is",
    ),
}
_NEED = pool(
    "{asked} would need {lack}, and {that} {is} missing", "for {asked}, there would have to be {lack}",
    "what is missing for {asked} is {lack}", "{lack} would have to show for {asked}",
    "{asked} asks for {lack}, which the face does not show",
    "the face shows no sign of {lack}, which {asked} would need", "to read {asked}, one would want to see {lack}",
    "without {lack}, the face cannot be read as {asked_as}",
    "{lack} would be the first sign of {asked}, and {that} {is} missing",
    "the face lacks {lack}, and so the basis for {asked}",
    "no {asked_sign} is there: {lack} {is} missing",
)
_NEED_MORE = tuple(t for t in _NEED if "sign" not in t.source)  # after "none of the signs is there"
_MET = pool(
    "{cues} would fit it, but [the rest is missing|that is all]", "only {cues} would agree with it",
    "{cues} would allow it, the rest would not", "of its signs only {cues} {is} there",
    "{cues} alone {is} too little for it", "{cues} would be a start, and no more",
)
_MET_ALL = pool(
    "the movements it needs are there, {cues}, yet the overall impression goes to {noun}",
    "{cues} would fit it well, but the face as a whole leans to {noun}",
    "by the movements, {asked} could be argued: {cues}",
    "its main signs can be found in {cues}; the general look still favors {noun}",
    "{cues} would speak for it, and still {noun} is the likelier reading",
)
_NONE_OF_IT = pool("none of the movements of {asked} is there", "not one of the main signs of {asked} shows",
                   "the main signs of {asked} are all missing", "nothing in the muscles points to {asked}",
                   "the face has no part of the {asked} pattern")
_TOO_FAINT = pool("the signs of {asked} are too weak here to be counted",
                  "what might belong to {asked} stays below a trace",
                  "the movements of {asked} are hinted at, at the most",
                  "the signs of {asked} do not reach the level of a trace")
_BOTH_SIDES = pool("contempt would show on one side only, but here both lip corners tighten",
                   "the lip corners tighten on both sides, while contempt is uneven",
                   "for contempt one lip corner should be ahead, and neither clearly is")
_INSTEAD = pool(
    "what the face shows is {cues}", "instead, the face shows {cues}, [which gives|and so] {look}",
    "what stands out is {cues}", "{cues} lead{s} to {noun} instead", "{cues} tell{s} of {noun} instead",
    "instead {clauses}",
    "the {bare} look comes from {cues}", "it looks {adj} because {clauses}", "{cues} {is} what makes it look {adj}",
    "the better name is {noun}, since {clauses}", "{cues} speak{s} for {noun}", "the {bare} side wins through {cues}",
)
_INSTEAD_BARE = pool("{noun} is named for the overall impression, not for single movements",
                     "the general impression speaks for {noun}", "as a whole the face looks {adj}, {conf}",
                     "the whole face comes closer to {noun}, {conf}")
_INSTEAD_NEUTRAL = pool("the face is near rest, {conf}", "so little moves that neutral fits best",
                        "hardly anything moves, and so it looks neutral",
                        "the muscles are too quiet for any strong look", "a face this still looks neutral")
_NOT_NEUTRAL = pool(
    "for a neutral look, too much is moving: {clauses}", "a resting face would not show {plain}",
    "{cues} take{s} it away from neutral", "the muscles are not at rest: {clauses}",
    "a neutral face would be at rest, but here {clauses}", "it is too active for a neutral face, with {cues}",
    "at rest, {plain} would not be there",
)
_NOT_NEUTRAL_STILL = pool("few movements stand out, so neutral is close, but the overall impression is {bare}",
                          "it is nearly at rest, yet the general look leans to {noun}",
                          "the movements are weak, and only the overall impression separates it from neutral",
                          "by the muscles it could pass for neutral, by the whole impression it is nearer to {noun}")


def _asked(e: str, v: Voice) -> dict[str, str]:
    return {"asked": S.NOUN[e], "asked_as": e, "asked_adj": v.one(S.ADJECTIVE[e]), "asked_sign": f"sign of {e}"}


def does_not(t: Teller, asked: str) -> Explanation:
    """The asked emotion is not the conclusion: say so, what it would need, what is missing, what shows instead."""
    f, v = t.f, t.v
    words = {**t.names(), **_asked(asked, v)}
    near = f.p(asked) >= 0.2 and f.p(f.top) - f.p(asked) < 0.3
    unsure = t.level in ("open", "faint")
    if asked == "neutral":
        how = "near neutral" if near else "doubt" if unsure else "neutral"
    else:
        how = "near" if near else "doubt" if unsure else "far"
    said = [v.say(_NO[how], **words)]
    missing, got = t.missing(asked), f.cues(asked)
    if asked == "neutral":
        busy = t.emotive()
        if busy and f.activity >= 1.3:
            said.append(v.say(_NOT_NEUTRAL, **words, **t.cues(busy, most=2), plain=t.cues(busy, False, 2)["cues"],
                              clauses=t.clauses(busy, 2)))
        else:
            said.append(v.say(_NOT_NEUTRAL_STILL, **words))
    elif missing:
        none = not got and not f.needs(asked)[0] and v.chance(0.4)
        if none:
            said.append(v.say(_NONE_OF_IT, **words))
        lack = t.lack(missing, "and" if v.chance(0.5) else "or", 2 if v.chance(0.6) else 3)
        said.append(v.say(_NEED_MORE if none else _NEED, **words, **lack,
                          that="these" if lack["is"] == "are" else "this"))
        if got and v.chance(0.75):
            said.append(v.say(_MET, **t.cues(got, most=2)))
    elif got:
        said.append(v.say(_MET_ALL, **words, **t.cues(got)))
    elif asked == "contempt" and 14 in f.present:
        said.append(v.say(_BOTH_SIDES))
    else:
        said.append(v.say(_TOO_FAINT, **words))
    mine = f.cues(f.top)
    if mine:
        said.append(v.say(_INSTEAD, **words, **t.cues(mine), clauses=t.clauses(mine)))
    elif f.top == "neutral":
        said.append(v.say(_INSTEAD_NEUTRAL, **words) if not f.present else t.verdict())
    elif f.best_pattern not in (None, f.top, asked):
        said.append(v.say(S.OVERRULED, **words, other=S.NOUN[f.best_pattern]))
    elif v.chance(0.6):
        said.append(v.say(_INSTEAD_BARE, **words))
    said += tail(t, [t.doubt] if v.chance(0.25) and len(said) < 4 and t.level not in ("open", "faint") else [], 1)
    return finish(t, evidence(t, 6, tuple(m[0] for m in missing)[:3], got[:2]), said)


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
    words = {**t.names(), **_asked(asked, v)}
    _, missing, open_ = f.needs(asked)
    must = [v.one(m) for m in missing + open_]
    got = f.cues(asked)
    if asked == f.top:
        if asked == "neutral":
            return finish(t, evidence(t), [t.verdict(), *tail(t, [t.doubt], 1)])
        said = [v.say(_SAME, **words, must=_musts(t, must[:3], False)) if must else v.say(_SAME_FULL, **words)]
        said += tail(t, [lambda: v.say(_INSTEAD[6:10], **words, **t.cues(got), clauses=t.clauses(got)) if got else "",
                         t.doubt], 1)
        return finish(t, evidence(t), said)
    if asked == "neutral":
        busy = t.emotive()[:3]
        said = [v.say(_REST, undo=_musts(t, busy, True)) if busy else v.say(_NOT_NEUTRAL_STILL, **words)]
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
            said = [v.say(_WOULD, **words, must=undo) if undo else v.say(_MET_ALL, **words,
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
