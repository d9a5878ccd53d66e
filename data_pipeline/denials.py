"""It does not look as asked: what that look would need, what is missing, what shows instead."""

from __future__ import annotations

from emoreason.data_pipeline import sentences as S
from emoreason.data_pipeline.answer_parts import evidence, finish, tail
from emoreason.data_pipeline.grammar import Voice, pool
from emoreason.data_pipeline.reading import Teller
from emoreason.schema import Explanation

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
MET_ALL = pool(
    "the movements that {asked} needs are there, {cues}, yet the overall impression goes to {noun}",
    "{cues} would fit it well, but the face as a whole leans to {noun}",
    "by the movements, {asked} could be argued: {cues}",
    "its main signs can be found in {cues}; the general look still favors {noun}",
    "{cues} would speak for it, and still {noun} is the likelier reading",
)
_NONE_OF_IT = pool("none of the movements of {asked} is there", "not one of the main signs of {asked} shows",
                   "the main signs of {asked} are all missing", "nothing in the muscles points to {asked}",
                   "the face has no part of the {asked} pattern")
TOO_FAINT = pool("the signs of {asked} are too weak here to be counted",
                 "what might belong to {asked} stays below a trace",
                 "the movements of {asked} are hinted at, at the most",
                 "the signs of {asked} do not reach the level of a trace")
_BOTH_SIDES = pool("contempt would show on one side only, but here both lip corners tighten",
                   "the lip corners tighten on both sides, while contempt is uneven",
                   "for contempt one lip corner should be ahead, and neither clearly is")
INSTEAD = pool(
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
NOT_NEUTRAL_STILL = pool("few movements stand out, so neutral is close, but the overall impression is {bare}",
                          "it is nearly at rest, yet the general look leans to {noun}",
                          "the movements are weak, and only the overall impression separates it from neutral",
                          "by the muscles it could pass for neutral, by the whole impression it is nearer to {noun}")


def asked_words(e: str, v: Voice) -> dict[str, str]:
    """The look that is asked about, for the slots of a template."""
    return {"asked": S.NOUN[e], "asked_as": e, "asked_adj": v.one(S.ADJECTIVE[e]), "asked_sign": f"sign of {e}"}


def does_not(t: Teller, asked: str) -> Explanation:
    """The asked emotion is not the conclusion: say so, what it would need, what is missing, what shows instead."""
    f, v = t.f, t.v
    words = {**t.names(), **asked_words(asked, v)}
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
            said.append(v.say(NOT_NEUTRAL_STILL, **words))
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
        said.append(v.say(MET_ALL, **words, **t.cues(got)))
    elif asked == "contempt" and 14 in f.present:
        said.append(v.say(_BOTH_SIDES))
    else:
        said.append(v.say(TOO_FAINT, **words))
    mine = f.cues(f.top)
    if mine:
        said.append(v.say(INSTEAD, **words, **t.cues(mine), clauses=t.clauses(mine)))
    elif f.top == "neutral":
        said.append(v.say(_INSTEAD_NEUTRAL, **words) if not f.present else t.verdict())
    elif f.best_pattern not in (None, f.top, asked):
        said.append(v.say(S.OVERRULED, **words, other=S.NOUN[f.best_pattern]))
    elif v.chance(0.6):
        said.append(v.say(_INSTEAD_BARE, **words))
    said += tail(t, [t.doubt] if v.chance(0.25) and len(said) < 4 and t.level not in ("open", "faint") else [], 1)
    return finish(t, evidence(t, 6, tuple(m[0] for m in missing)[:3], got[:2]), said)
