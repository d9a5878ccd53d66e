"""One function for each kind of question: which observations to name, and what the interpretation says first."""

from __future__ import annotations

import random
from collections.abc import Callable

from emoreason.data_pipeline.facts import AGAINST, NEEDS, Facts
from emoreason.data_pipeline.grammar import Voice, pool, sentence
from emoreason.data_pipeline.phrases import LEVEL_NAMES, REGIONS, WORDS, band
from emoreason.data_pipeline.questions import Question
from emoreason.data_pipeline.reading import ADJECTIVE, LOOK, NOUN, Teller, endings, limit_pool

from emoreason.facs import au
from emoreason.schema import Explanation, Observation

# Absences worth naming on a still face, most telling first.
_KEY = (4, 12, 15, 1, 9, 6, 5, 24, 20, 7, 2, 10, 17, 26, 23, 14)


def finish(t: Teller, observations: tuple[Observation, ...], sentences: list[str]) -> Explanation:
    """Put an answer together: at least two observations where the evidence has them, the sentences, the figures."""
    f = t.f
    if len(observations) < 2:
        named = {o.au for o in observations}
        more = [a for a in f.strongest if a not in named][: 3 - len(observations)]
        gone = [a for a in t.may_lack(_KEY) if a not in named]
        pick = gone[:6]
        t.v.rng.shuffle(pick)
        observations += tuple(t.seen(a) for a in more) + tuple(t.gone(a) for a in pick[: max(0, 2 - len(observations) - len(more))])
    text = " ".join(sentence(s) for s in sentences if s)
    return Explanation(observations, text, f.top, f.confidence, round(f.valence, 1), round(f.arousal, 1))


def _evidence(t: Teller, most: int = 6, extra_gone: tuple[int, ...] = ()) -> tuple[Observation, ...]:
    """The signs of the conclusion, the strongest other movements, and absences that matter."""
    f, v, e = t.f, t.v, t.f.top
    there = list(f.cues(e)[:4])
    there += [a for a in f.against(e)[:2] if f.aus[a] >= 1.3]
    there += [a for a in f.strongest if a not in there][: (2 if len(there) < 3 else int(v.chance(0.5)))]
    gone = list(extra_gone)
    if e == "neutral" or not f.cues(e):
        keys = t.may_lack(_KEY)[:8]
        v.rng.shuffle(keys)
        gone += keys[: max(1, 4 - len(there))]
    else:
        for options in f.needs(f.rival)[1][:2] + f.needs(e)[1][:1]:
            if v.chance(0.5):
                gone.append(options[0])
    return t.observe(there, gone[:3] if there else gone[:5], most)


def _tail(t: Teller, parts: list[Callable[[], str]], room: int) -> list[str]:
    """Up to ``room`` sentences out of ``parts``, in order, with the limits of the view always in."""
    out = [s for s in (p() for p in parts) if s][:room]
    limit = t.limit()
    if limit:
        out = out[: max(1, room - 1)] + [limit]
    return out


def _support(t: Teller, room: int = 3) -> list[str]:
    """The sentences after the verdict."""
    v = t.v
    parts: list[Callable[[], str]] = [t.pattern]
    if v.chance(0.35):
        parts.append(t.strength)
    parts.append(t.against)
    if t.level in ("leaning", "open") or v.chance(0.6):
        parts.append(t.rival)
    if t.f.top != "neutral" and t.f.fit(t.f.top) in ("partial", "variant") and v.chance(0.45):
        parts.append(t.note)
    parts.append(t.doubt)
    return _tail(t, parts, room if v.chance(0.6) else room - 1)


def why(t: Teller, q: Question) -> Explanation:
    asked = q.emotion
    if asked and asked != t.f.top:
        return _does_not(t, asked, q.kind)
    return finish(t, _evidence(t), [t.verdict(), *_support(t)])


_YES = pool(
    "yes, it looks {adj}: {clauses}", "yes, [mainly|chiefly] because of {cues}", "it does look {adj}, since {clauses}", "yes, {noun} is the best reading here, because of {cues}",
    "that fits: {cues} give{s} the face {look}", "yes, the face reads as {noun}, through {cues}", "it does, {conf}; {clauses}", "one can say so, since {clauses}",
    "in fact it looks {adj}; {cues} show{s} it", "yes, {conf}, because {clauses}", "agreed, the face reads as {noun}: {clauses}", "it looks {adj} indeed, [given|with] {cues}",
)
_YES_BARE = pool(
    "yes, {conf}, although hardly any movement carries it", "it does look {adj}, but more as a whole than by any movement", "yes, by the general impression, {conf}",
    "the overall impression is {noun}, so yes, {conf}", "one can say so, though the movements alone would not settle it",
)
_YES_NEUTRAL = pool(
    "yes, it looks neutral: nothing moves far from rest", "yes, this reads as a resting face, {conf}", "it does look neutral, since hardly anything moves", "yes, the muscles are close to rest",
    "that fits, the face is almost still", "yes, {conf}; there is little movement to read",
)
_YES_NEUTRAL_BUSY = pool("yes, the overall impression is neutral, {conf}, although {cues} {is} there", "it does look neutral as a whole, in spite of {cues}",
                         "yes, though {cues} {does} show, the face reads as neutral", "on the whole yes, even with {cues}")
_CONF = {"clear": ("clearly so", "quite clearly", "with high confidence"), "fairly": ("fairly surely", "with fair confidence", "most likely"),
         "leaning": ("as a leaning", "with some doubt", "more so than anything else"), "open": ("though only just", "by a narrow margin"),
         "faint": ("with low confidence", "as a weak guess")}


def _yes(t: Teller) -> str:
    f, v = t.f, t.v
    words = {**t.names(), "conf": v.one(_CONF[t.level])}
    if t.level in ("open", "faint"):
        return t.verdict()
    if f.top == "neutral":
        busy = [a for a in f.strongest if a not in (25, 26, 43)]
        return v.say(_YES_NEUTRAL_BUSY, **words, **t.cues(busy, most=2)) if busy else v.say(_YES_NEUTRAL, **words)
    mine = f.cues(f.top)
    if not mine:
        return v.say(_YES_BARE, **words)
    return v.say(_YES, **words, **t.cues(mine), clauses=t.clauses(mine))


_NO = {
    "far": pool(
        "it does not look {asked_adj}; it looks {adj}", "no, the face does not read as {asked}, it reads as {noun}", "{asked} does not fit this face; {noun} does",
        "the face does not look {asked_adj}, but {adj}", "no, this looks {adj} rather than {asked_adj}", "there is little {asked_bare} in this face, which looks {adj}",
        "the movements do not add up to {asked}; they come closer to {noun}", "this face reads as {noun}, not as {asked}", "no, {noun} describes this face better than {asked}",
        "not {asked_adj}: the face looks {adj}",
    ),
    "near": pool(
        "it could be {asked}, but {noun} fits better", "{asked} is not far off, yet the face looks more {adj}", "not quite; there is something of {asked}, but {noun} is ahead",
        "{asked} is possible, though {noun} is more likely", "the face has a part of {asked}, but it looks more {adj}", "{asked} comes close, and still {noun} is the better reading",
        "it is not clearly {asked_adj}; the reading leans more to {noun}",
    ),
}
_NEED = pool(
    "{asked} would need {lack}, and {that} {is} missing", "for {asked}, there would have to be {lack}", "what is missing for {asked} {is} {lack}", "{lack} would have to show for {asked}",
    "{asked} asks for {lack}, which the face {doesnot} show", "there {is} no {lackno} here, as {asked} would need", "the face shows no sign of {lack}, which {asked} would need",
    "to read {asked}, one would want to see {lack}",
)
_MET = pool(
    "{cues} would fit it, but [the rest is missing|that is all|not more]", "only {cues} would agree with it", "{cues} would allow it, the rest would not", "of its signs only {cues} {is} there",
    "{cues} alone {is} too little for it",
)
_MET_ALL = pool(
    "the movements it needs are there, {cues}, yet the overall impression goes to {noun}", "{cues} would fit it well, but the face as a whole leans to {noun}",
    "by the movements, {asked} could be argued: {cues}", "its main signs can be found in {cues}; the general look still favors {noun}",
)
_NONE_OF_IT = pool(
    "none of its typical movements is there", "not one of its main signs shows", "its signs are missing from brows to chin", "the face has none of its movements",
    "nothing in the muscles points to it",
)
_INSTEAD = pool(
    "what the face shows is {cues}", "instead, the face shows {cues}, [which gives|and so] {look}", "what stands out is {cues}", "{cues} lead{s} to {noun} instead", "{cues} tell{s} of {noun} instead",
    "instead {clauses}", "the {bare} look comes from {cues}", "it looks {adj} because {clauses}", "{cues} {is} what makes it look {adj}", "the better name is {noun}, since {clauses}",
)
_NOT_NEUTRAL = pool(
    "for a neutral look, too much is moving: {clauses}", "a resting face would not show {plaincues}", "{cues} take{s} it away from neutral", "the muscles are not at rest: {clauses}",
    "a neutral face would be at rest, but here {clauses}", "it is too active for a neutral face, with {cues}",
)
_NOT_NEUTRAL_STILL = pool("few movements stand out, so neutral is close, but the overall impression is {noun}", "it is nearly at rest, yet the general look leans to {noun}",
                          "the movements are weak, and only the overall impression separates it from neutral")


def _asked(e: str, v: Voice) -> dict[str, str]:
    return {"asked": NOUN[e], "asked_adj": v.one(ADJECTIVE[e]), "asked_bare": "rest" if e == "neutral" else e}


def _does_not(t: Teller, asked: str, kind: str) -> Explanation:
    """The asked emotion is not the conclusion: say so, what it would need, what is missing, what shows instead."""
    f, v = t.f, t.v
    words = {**t.names(), **_asked(asked, v)}
    near = f.p(asked) >= 0.2 and f.p(f.top) - f.p(asked) < 0.3
    said = [v.say(_NO["near" if near else "far"], **words)]
    met, missing, _ = f.needs(asked)
    missing = [m for m in missing if t.may_lack(m)]
    got = f.cues(asked)
    gone: list[int] = []
    if asked == "neutral":
        busy = [a for a in f.strongest if a not in (25, 26, 43)]
        if busy and f.activity >= 1.3:
            said.append(v.say(_NOT_NEUTRAL, **words, **t.cues(busy, most=2), plaincues=t.cues(busy, False, 2)["cues"], clauses=t.clauses(busy, 2)))
        else:
            said.append(v.say(_NOT_NEUTRAL_STILL, **words))
    elif missing:
        lack = t.lack(missing, "and" if v.chance(0.5) else "or", 2 if v.chance(0.5) else 3)
        lackno = lack["lack"]
        if not got and not met and v.chance(0.4):
            said[0] += "; " + v.say(_NONE_OF_IT)
        plural = lack["is"] == "are"
        said.append(v.say(_NEED, **words, **lack, that="these" if plural else "this", doesnot="does not", lackno=lackno.removeprefix("a ").removeprefix("an ")))
        if got and v.chance(0.75):
            said.append(v.say(_MET, **words, **t.cues(got, most=2)))
        gone = [m[0] for m in missing][:3]
    elif got:
        said.append(v.say(_MET_ALL, **words, **t.cues(got, most=3)))
    mine = f.cues(f.top)
    if mine and f.top != "neutral":
        said.append(v.say(_INSTEAD, **words, **t.cues(mine), clauses=t.clauses(mine)))
    elif f.top == "neutral" or v.chance(0.5):
        said.append(t.verdict())
    said += _tail(t, [t.doubt] if v.chance(0.3) else [], 1)
    return finish(t, _evidence(t, 6, tuple(gone)), said)


def is_(t: Teller, q: Question) -> Explanation:
    if q.emotion != t.f.top:
        return _does_not(t, q.emotion or t.f.rival, q.kind)
    return finish(t, _evidence(t), [_yes(t), *_support(t, 2)])


_IT_DOES = pool(
    "in fact, it does look {adj}: {clauses}", "{noun} is the reading here, because of {cues}", "it does read as {noun}, since {clauses}", "nothing rules it out; {cues} point{s} there",
    "the face does look {adj}, with {cues}", "{noun} is not ruled out, it comes first: {clauses}", "there is a mistake in the question: with {cues}, the face looks {adj}",
)


def whynot(t: Teller, q: Question) -> Explanation:
    if q.emotion != t.f.top:
        return _does_not(t, q.emotion or t.f.rival, q.kind)
    mine = t.f.cues(t.f.top)
    if not mine or t.level in ("open", "faint"):
        return finish(t, _evidence(t), [t.verdict(), *_support(t, 2)])
    said = t.v.say(_IT_DOES, **t.names(), **t.cues(mine), clauses=t.clauses(mine))
    return finish(t, _evidence(t), [said, *_support(t, 2)])


_COUNT = pool(
    "{n} action unit{pl} {are} active: {list}", "active {are} {list}", "the code of this face is {plus}", "{list} {are} active, {n} in all", "in FACS notation this is {plus}",
    "{n} movement{pl} reach{es} the level of a trace or more: {list}", "the face can be coded as {plus}", "{list} {are} present", "a coder would write {plus}",
)
_STRONGEST = pool("the strongest is the {name} at {x}", "AU{a} is the strongest, at level {letter}", "the {name} leads with {x} of 5", "most of the strength is in AU{a}",
                  "AU{a} comes first in strength, the {name}", "the {name} works hardest, at level {letter}")
_TOWARD = pool(
    "taken together they look {adj}", "as a whole this reads as {noun}, {conf}", "the set points to {noun}, {conf}", "they add up to {look}, {conf}", "this combination comes closest to {noun}, {conf}",
    "together this gives {look}, {conf}", "as an expression it reads as {noun}, {conf}",
)
_TOWARD_BARE = pool("the overall impression is {noun}, {conf}", "as a whole the face looks {adj}, {conf}", "the general look is closest to {noun}, {conf}", "by its overall impression the face reads as {noun}, {conf}")
_NO_AU = pool(
    "no action unit reaches the level of a trace", "nothing can be coded as active here", "the face is at rest, so no action unit is scored", "there is no movement strong enough to be scored",
    "a coder would score this face as zero", "all measured action units stay below the level of a trace",
)


def aus(t: Teller, q: Question) -> Explanation:
    f, v = t.f, t.v
    conf = v.one(_CONF[t.level])
    if not f.present:
        return finish(t, (), [v.say(_NO_AU), v.say(_TOWARD_BARE, **t.names(), conf=conf), *_tail(t, [], 1)])
    observations = t.observe(f.present, (), 22, v.chance(0.35))
    ordered = sorted(f.present)
    n, first = len(ordered), f.strongest[0]
    said = [v.say(_COUNT, n=_NUMBER.get(n, str(n)), pl="" if n == 1 else "s", are="is" if n == 1 else "are", es="es" if n == 1 else "",
                  list=v.listed([f"AU{a}" for a in ordered]), plus="+".join(["AU" + str(ordered[0]), *map(str, ordered[1:])]))]
    if n > 1 and v.chance(0.7):
        said.append(v.say(_STRONGEST, name=au(first).name, a=str(first), x=f"{f.aus[first]:.1f}", letter=band(f.aus[first])))
    said.append(v.say(_TOWARD if f.cues(f.top) else _TOWARD_BARE, **t.names(), conf=conf))
    said += _tail(t, [], 1)
    return finish(t, observations, said)


_NUMBER = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten", 11: "eleven", 12: "twelve"}

_PART = {"brows": ("the brows", 1), "eyes": ("the eyes", 1), "nose": ("the nose", 0), "cheeks": ("the cheeks", 1), "mouth": ("the mouth", 0),
         "chin": ("the chin", 0), "jaw": ("the jaw", 0)}
_PART_REST = pool("{part} {is} at rest", "{part} hardly move{s}", "{part} take{s} no part in the expression", "nothing happens at {part}", "there is no movement of note at {part}",
                  "{part} stay{s} as {they} would be in a resting face", "{part} {does} not join in", "{part} {is} quiet")
_PART_FAINT = pool("at {part} there is at most a hint of movement", "{part} {is} near rest, with too little to score", "what moves at {part} is too weak to be named",
                   "any movement at {part} stays below a trace")
_PART_ACTIVE = pool("{part} {is} active: {clauses}", "at {part} one can see that {clauses}", "{part} take{s} part, as {clauses}", "{part} {is} at work, since {clauses}",
                    "in this region {clauses}", "{part} {does} move: {clauses}", "the movement at {part} is this: {clauses}")
_PART_FITS = pool("this carries the {bare} look", "that fits the {bare} look of the whole face", "it adds to the impression of {noun}", "this is part of why the face looks {adj}",
                  "it belongs to the signs of {noun}", "this supports {noun} as the reading, {conf}")
_PART_ODD = pool("this does not fit the rest, which looks {adj}", "that is unusual for {noun}, the reading of the whole face", "taken alone it would not suggest {noun}, the reading of the whole",
                 "the rest of the face still looks {adj}")
_PART_OTHER = pool("this says little about {noun}, the reading of the whole face", "by itself this region decides nothing; the whole face looks {adj}", "this region is no key to the {bare} look",
                   "the face as a whole looks {adj}, {conf}", "the reading of the whole face, {noun}, does not depend on it")
_ELSEWHERE = pool("the {bare} look of the face comes from {cues}", "it is {cues} that make{s} the face look {adj}", "the face looks {adj} through {cues}", "the signs of {noun} lie elsewhere, in {cues}",
                  "for the reading, {noun}, look at {cues}")


def region(t: Teller, q: Question) -> Explanation:
    f, v = t.f, t.v
    units = REGIONS[q.region or "mouth"]
    here = [a for a in f.strongest if a in units]
    words = {**t.names(), "conf": v.one(_CONF[t.level])}
    name, many = _PART[q.region or "mouth"]
    part = {**endings(name, bool(many), "part"), "they": "they" if many else "it"}
    lacking = t.may_lack([a for a in units if a not in (18, 22, 28)])
    v.rng.shuffle(lacking)
    if here:
        said = [v.say(_PART_ACTIVE, **part, clauses=t.clauses(tuple(here)))]
        mine, odd = set(f.cues(f.top)), set(f.against(f.top))
        table = _PART_FITS if mine & set(here) else _PART_ODD if odd & set(here) else _PART_OTHER
        said.append(v.say(table, **words))
    else:
        rest = all(a in f.absent for a in units)
        said = [v.say(_PART_REST if rest else _PART_FAINT, **part)]
    elsewhere = [a for a in f.cues(f.top) if a not in units]
    if elsewhere and (not here or v.chance(0.4)):
        said.append(v.say(_ELSEWHERE, **words, **t.cues(elsewhere, most=2)))
    elif not here:
        said.append(v.say(_TOWARD_BARE, **words))
    said += _tail(t, [t.note] if here and v.chance(0.3) else [], 1)
    observations = t.observe(here, lacking[: 3 if not here else (1 if len(here) < 3 else 0)], 6)
    if len(observations) < 2 and elsewhere:
        observations += t.observe(elsewhere[:2], (), 2)
    return finish(t, observations, said)


_SMILE = {
    "none": pool("there is no smile here, as the lip corners are not raised", "the face does not smile, so the question does not arise", "no smile can be seen: the lip corners stay down",
                 "one cannot judge a smile that is not there", "the mouth does not smile, so it is neither genuine nor posed", "this is not a smiling face; the lip corners do not go up"),
    "hint": pool("there is at most a hint of a smile, too weak to judge", "the lip corners move so little that a smile can neither be claimed nor denied", "if this is a smile, it is too faint to be called genuine or posed",
                 "a smile is not clear enough here to be judged"),
    "duchenne": pool("the smile looks genuine: the cheeks rise together with the lip corners", "the smile has the Duchenne look, raised cheeks (AU6) with raised lip corners (AU12)",
                     "mouth and cheeks smile together, which makes the smile look genuine", "the smile reaches the eyes, as AU6 joins AU12", "with AU6 and AU12 together, this looks like a felt smile",
                     "it looks like a real smile, since the eye ring muscle takes part", "the cheeks are raised along with the mouth, the Duchenne pattern of a felt smile",
                     "this appears to be a genuine smile: AU12 comes with AU6"),
    "social": pool("it is a smile without raised cheeks, which looks social or posed", "the mouth smiles and the cheeks do not, so it looks like a polite smile", "the smile stays at the mouth and looks social rather than felt",
                   "the lip corners go up alone, which gives a social or posed look", "this looks like a polite or posed smile, because the cheeks do not join in",
                   "the smile does not reach the eyes and so looks more social than felt", "a smile of the mouth alone, it looks posed or polite"),
    "open": pool("whether the smile looks genuine stays open, since the cheeks move too little to tell", "the cheeks are on the edge, so the smile can be called neither felt nor posed",
                 "the lip corners smile, but the cheeks leave the question open", "it is a smile, and whether it reaches the eyes cannot be told with certainty"),
}
_SMILE_PROOF = pool(
    "raised cheeks are evidence for a felt smile, not proof", "this is a sign and not a proof of what is felt", "some people can raise their cheeks on purpose, so this is no proof", "a picture cannot prove what is felt",
    "the cheeks are a good sign, but they can also be raised on purpose", "what is felt inside cannot be seen with certainty", "it speaks for a felt smile without proving it",
)
_SMILE_NOPROOF = pool(
    "a real feeling may still be behind it", "this is a sign and not a proof of what is felt", "a mild but real pleasure can look like this too", "small felt smiles may also leave the cheeks still",
    "the look is posed, which says nothing certain about the person", "still, a face shows movement, not the mind", "a picture cannot prove what is felt",
)
_SMILE_STRONG = pool("with lip corners pulled this far, the cheeks are pushed up anyway, so they count for less", "such a broad smile lifts the cheeks by itself, which weakens them as a sign",
                     "a strong pull of the mouth raises the cheeks too, so the sign is less telling")
_SMILE_SIDE = pool("the smile is stronger on the {side}, which felt smiles rarely are", "the smile is uneven, with the {side} side ahead, and that looks less spontaneous",
                   "one-sided as it is, more on the {side}, it can look like a smirk")
_SMILE_MIXED = pool("{cues} hold{s} the smile back", "{cues} dampen{s} the smile", "together with {cues}, it looks like a controlled smile", "{cues} work{s} against a free smile")
_SMILE_OTHER = pool("besides the smile there {is} {cues}", "{cues} make{s} the smile a mixed one", "{cues} {does} not belong to a pure smile")


def smile(t: Teller, q: Question) -> Explanation:
    f, v = t.f, t.v
    a12, a6 = f.aus.get(12, 0.0), f.aus.get(6, 0.0)
    if 12 in f.absent:
        kind = "none"
    elif 12 not in f.present:
        kind = "hint"
    else:
        kind = "duchenne" if 6 in f.present else "social" if 6 in f.absent else "open"
    said = [v.say(_SMILE[kind])]
    held = [a for a in (15, 14, 24, 17, 23) if a in f.present][:2]
    mixed = [a for a in (9, 4, 20, 5, 10) if a in f.present][:2]
    if kind in ("none", "hint"):
        said.append(t.verdict())
    else:
        if kind == "duchenne" and a12 >= 3.6 and v.chance(0.6):
            said.append(v.say(_SMILE_STRONG))
        if 12 in f.sides:
            said.append(v.say(_SMILE_SIDE, side=f.sides[12]))
        if held:
            said.append(v.say(_SMILE_MIXED, **t.cues(held, False)))
        elif mixed:
            said.append(v.say(_SMILE_OTHER, **t.cues(mixed, False)))
        said.append(v.say(_SMILE_PROOF if kind == "duchenne" else _SMILE_NOPROOF))
        if f.top != "happiness":
            said.append(v.say(_TOWARD_BARE, **t.names(), conf=v.one(_CONF[t.level])))
        elif v.chance(0.5):
            said.append(v.say(_TOWARD, **t.names(), conf=v.one(_CONF[t.level])))
    said = said[:4] + _tail(t, [], 1)
    lids = [a for a in (7,) if a in f.present]
    there = [a for a in (6, 12, 25, *held, *(mixed if not held else []), *lids) if a in f.present]
    if kind in ("none", "hint"):
        there += [a for a in f.strongest if a not in there][:3]
    return finish(t, t.observe(there, [12, 6] if a6 < 1 or a12 < 1 else [], 6), said)


_PERCENT = pool("about {pct} percent for {noun}", "{noun} gets about {pct} percent", "the probability of {noun} is about {pct} percent", "roughly {pct} in 100 for {noun}", "at about {pct} percent, {noun} comes first",
                "I would put {noun} at about {pct} percent", "{noun} is put at roughly {pct} percent")
_SURELY = {
    "clear": pool("quite sure: {per}", "the reading is clear: {per}", "very sure, with {per}", "there is little doubt: {per}", "the confidence is high: {per}"),
    "fairly": pool("fairly sure: {per}", "the reading is fairly firm: {per}", "sure enough, but not certain: {per}", "the confidence is fair: {per}", "reasonably sure: {per}"),
    "leaning": pool("only moderately sure: {per}", "it is a leaning: {per}", "not very sure: {per}", "the confidence is moderate: {per}", "more a leaning than a firm reading: {per}"),
    "open": pool("not sure: {per}, with {noun2} close", "it is open between {noun} and {noun2}: {per}", "the choice between {noun} and {noun2} is close: {per}", "rather unsure: {per}, and {noun2} is near"),
    "faint": pool("not sure at all: {per}, and others are nearly level", "hardly more than a guess: {per}", "the confidence is low: {per}, with {noun2} right behind", "very unsure: {per}"),
}
_FOR_IT = pool("{cues} speak{s} for it", "the reading rests on {cues}", "the main support is {cues}", "it is based on {cues}", "what counts most is {cues}", "the evidence for it: {clauses}")
_FOR_IT_BARE = pool("it rests on the overall impression, since no typical movement carries it", "the support is the general impression, not a single movement", "no single movement decides it")
_FOR_IT_NEUTRAL = pool("it rests on the lack of movement", "hardly anything moves, which speaks for it", "the stillness of the face is the reason")


def sure(t: Teller, q: Question) -> Explanation:
    f, v = t.f, t.v
    per = v.say(_PERCENT, **t.names(), pct=str(round(f.confidence * 100)))
    said = [v.say(_SURELY[t.level], **t.names(), per=per)]
    mine = f.cues(f.top)
    if mine:
        said.append(v.say(_FOR_IT, **t.cues(mine), clauses=t.clauses(mine)))
    elif f.top == "neutral" and f.activity < 1.5:
        said.append(v.say(_FOR_IT_NEUTRAL))
    else:
        said.append(v.say(_FOR_IT_BARE))
    parts = [t.against, t.rival]
    if v.chance(0.4):
        parts.append(t.pattern)
    return finish(t, _evidence(t, 5), said + _tail(t, parts, 2))


_UPPER, _LOWER = (1, 2, 4, 5, 7, 43, 6), (9, 10, 12, 14, 15, 20, 18, 22, 23, 24, 28, 25, 17, 26, 27)
_SHARES = {
    "both": pool("both the upper and the lower face are active", "the movement runs from the brows to the mouth", "upper and lower face take part", "the whole face is involved"),
    "upper": pool("most of the movement is in the upper face", "the upper face does the work, the lower face is quiet", "brows and eyes carry the expression", "the mouth adds little, the upper face more"),
    "lower": pool("most of the movement is in the lower face", "the lower face does the work, the upper face is quiet", "the expression is carried by the lower face", "brows and eyes add little, the lower face more"),
    "none": pool("the face is close to rest", "there is hardly any movement", "the face is still", "little moves in this face", "all parts of the face are near rest"),
}


def describe(t: Teller, q: Question) -> Explanation:
    f, v = t.f, t.v
    there = list(f.strongest[:6])
    few = len(there) < 3
    keys = t.may_lack(_KEY)[:9]
    v.rng.shuffle(keys)
    observations = t.observe(there, keys[: 4 - len(there)] if few else keys[: int(v.chance(0.5))], 7, False)
    up, low = any(a in there for a in _UPPER if a != 43), any(a in there for a in _LOWER if a != 25)
    share = v.say(_SHARES["both" if up and low else "upper" if up else "lower" if low else "none"])
    said = [share, t.verdict()] if v.chance(0.5) else [t.verdict(), share]
    if t.f.top == "neutral" and "none" == ("none" if not (up or low) else ""):
        said = [t.verdict()]
    if v.chance(0.5):
        said.append(tone_words(t))
    said.append(t.tilt())
    return finish(t, observations, said + _tail(t, [t.against] if v.chance(0.5) else [t.rival], 1))


_LEVEL = pool("AU{a}, the {name}, is there at level {letter}, {word}, with {x} of 5", "yes, AU{a} is present at {x}, which is level {letter}, {word}", "the {name} (AU{a}) reaches {x} of 5, level {letter}",
              "AU{a} is active: {x} of 5, {word} in FACS terms", "AU{a} scores {x}, a {word} one at level {letter}", "the {name} is at work, at {x} of 5 (AU{a}, level {letter})", "level {letter} for AU{a}: {word}, about {x} of 5")
_LEVEL_GONE = pool("AU{a}, the {name}, is absent", "there is no AU{a} here", "the {name} is not active", "no {name} can be seen", "the {name} is at rest", "without any sign of the {name}, the score is zero",
                   "the face does not show the {name}")
_LEVEL_EDGE = pool("the {name} is at most hinted at, too weak to be scored", "whether the {name} is there cannot be decided, as it stays below a trace", "the {name} lies on the edge, below the level of a trace",
                   "there may be a hint of the {name}, but too little for a score")
_ROLE_FOR = pool("it is one of the signs of {noun}", "it supports the reading, {noun}", "it belongs to the {bare} look of this face", "it helps to make the face look {adj}")
_ROLE_ODD = pool("it does not fit {noun}, the reading of the whole face", "for {noun}, the reading of the whole, it is unusual", "it stands apart from the rest, which looks {adj}")
_ROLE_NONE = pool("by itself it says little about emotion", "the reading of the whole face, {noun}, does not depend on it", "the face as a whole looks {adj}, {conf}", "as a whole the face reads as {noun}, {conf}")
_ROLE_NEEDED = pool("{noun} would be clearer with it", "for a full {noun} pattern it would be needed", "its lack weakens the case for {noun}")
_ROLE_SIDE = pool("it is stronger on the {side} side", "the {side} side is clearly ahead", "it shows mainly on the {side}")


def au_level(t: Teller, q: Question) -> Explanation:
    f, v, a = t.f, t.v, q.au or 12
    words = {**t.names(), "conf": v.one(_CONF[t.level])}
    e = f.top
    near = [b for b in f.strongest if b != a]
    same = [b for b in near if any({a, b} <= set(units) for units in REGIONS.values())]
    others = list(dict.fromkeys(same[:1] + [b for b in f.cues(e) if b != a][:2] + near[:1]))[:3]
    if a in f.present:
        letter = band(f.aus[a])
        said = [v.say(_LEVEL, a=str(a), name=au(a).name, letter=letter, word=LEVEL_NAMES[letter], x=f"{f.aus[a]:.1f}")]
        if a in f.sides:
            said.append(v.say(_ROLE_SIDE, side=f.sides[a]))
        said.append(v.say(_ROLE_FOR if a in f.cues(e) else _ROLE_ODD if a in f.against(e) and e != "neutral" else _ROLE_NONE, **words))
        observations = (t.seen(a), *t.observe(others, (), 3))
    else:
        gone = a in f.absent
        said = [v.say(_LEVEL_GONE if gone else _LEVEL_EDGE, a=str(a), name=au(a).name)]
        needed = gone and any(a in m for m in f.needs(e)[1])
        said.append(v.say(_ROLE_NEEDED if needed and v.chance(0.6) else _ROLE_NONE[1:], **words))
        observations = ((t.gone(a),) if gone else ()) + t.observe(others, (), 3)
    note = t.note() if v.chance(0.25) else ""
    return finish(t, observations, said + [note] + _tail(t, [], 1))


_PLEASANT = ((0.45, ("clearly pleasant", "distinctly pleasant", "plainly pleasant")), (0.15, ("mildly pleasant", "slightly pleasant", "rather pleasant")),
             (-0.15, ("neither pleasant nor unpleasant", "about even between pleasant and unpleasant")), (-0.45, ("mildly unpleasant", "slightly unpleasant", "rather unpleasant")),
             (-2.0, ("clearly unpleasant", "distinctly unpleasant", "plainly unpleasant")))
_AROUSED = ((0.45, ("highly aroused", "full of energy", "strongly aroused")), (0.15, ("somewhat aroused", "fairly lively", "moderately aroused")),
            (-0.15, ("of middling energy", "neither calm nor excited")), (-0.45, ("rather calm", "fairly calm", "mildly calm")), (-2.0, ("very calm", "low in energy", "quite still")))
_TONE = pool("the look is {val} and {aro}", "in tone the face appears {val} and {aro}", "it comes across as {val} and {aro}", "the expression seems {val}, and {aro}", "the tone is {val}, and the face looks {aro}",
             "it looks {val} and {aro}", "the impression is {val} and {aro}")
_TONE_WHY = pool("{cues} set{s} this tone", "this comes mainly from {cues}", "the tone rests on {cues}", "{cues} {is} what gives this tone", "the main reason is {cues}")
_TONE_STILL = pool("with so little movement, the tone is taken from the overall impression", "no movement pushes the tone far to either side", "the muscles alone say little about the tone")


def tone_words(t: Teller) -> str:
    v, val, aro = t.v, round(t.f.valence, 1), round(t.f.arousal, 1)
    return v.say(_TONE, val=v.one(next(w for low, w in _PLEASANT if val >= low)), aro=v.one(next(w for low, w in _AROUSED if aro >= low)))


def tone(t: Teller, q: Question) -> Explanation:
    f, v = t.f, t.v
    said = [tone_words(t)]
    base = list(f.cues(f.top)) or [a for a in f.strongest if a not in (25, 26)]
    said.append(v.say(_TONE_WHY, **t.cues(base, most=2)) if base else v.say(_TONE_STILL))
    said.append(v.say(_TOWARD_BARE, **t.names(), conf=v.one(_CONF[t.level])))
    return finish(t, _evidence(t, 5), said + _tail(t, [t.rival] if v.chance(0.3) else [], 1))


_WOULD = pool("to look {asked_adj}, {must}", "for {asked}, {must}", "it would look {asked_adj} if this changed: {must}", "{must}; then it would look more {asked_adj}", "a change to {asked} would mean that {must}")
_UNDO = pool("at the same time, {undo}", "besides, {undo}", "what is there now would have to go: {undo}", "and {undo}", "in return, {undo}")
_ALREADY = pool("{cues} {is} already there", "{cues} could stay as {it} {is}", "the face already has {cues}", "a part of it is there, {cues}")
_SAME = pool("it already looks {asked_adj}; for more of it, {must}", "it reads as {asked} as it is; to make this stronger, {must}", "nothing has to change for that, but to look more {asked_adj}, {must}")
_SAME_FULL = pool("it already looks {asked_adj}, and the main movements are there", "nothing would have to change; stronger movements would only make it clearer", "it reads as {asked} as it is, with its main signs present")
_NOW = pool("as it is, it looks {adj}", "now it reads as {noun}", "for now the face looks {adj}, {conf}", "the present reading is {noun}, {conf}", "at the moment {noun} is the better reading")
_REST = pool("to look neutral, {undo}", "for a neutral look, the face would have to relax: {undo}", "it would look neutral if {undo2}", "a resting face needs less movement: {undo}")


def _musts(t: Teller, units: list[int], undo: bool) -> str:
    """'the lip corners would have to rise and the cheeks would have to lift'."""
    parts, said = [], set()
    for a in units:
        subject, do, back = WORDS[a]["must"]
        verb = t.v.one(back if undo else do)
        if (subject, verb) not in said and not any(s == subject for s, _ in said):
            said.add((subject, verb))
            parts.append((subject, verb))
    modal = t.v.one(("would have to", "would need to", "should"))
    if not parts:
        return ""
    head = f"{parts[0][0]} {modal} {parts[0][1]}"
    return t.v.listed([head, *(f"{s} {modal if i == 0 and len(parts) == 2 else 'would have to'} {w}" if t.v.chance(0.4) else f"{s} to {w}" if modal != "should"
                              else f"{s} {w}" for i, (s, w) in enumerate(parts[1:]))])


def change(t: Teller, q: Question) -> Explanation:
    f, v, asked = t.f, t.v, q.emotion or t.f.rival
    words = {**t.names(), **_asked(asked, v), "conf": v.one(_CONF[t.level])}
    gone: tuple[int, ...] = ()
    met, missing, open_ = f.needs(asked)
    must = [v.one(m) for m in missing + open_]
    if asked == "neutral" and asked != f.top:
        busy = [a for a in f.strongest if a != 43][:3]
        undo = _musts(t, busy, True)
        said = [v.say(_REST, undo=undo, undo2=_musts(t, busy, True).replace("would have to", "were to").replace("would need to", "were to").replace(" should ", " were to "))] if busy else \
            [v.say(_NOT_NEUTRAL_STILL, **words)]
    elif asked == f.top:
        said = [v.say(_SAME, **words, must=_musts(t, must[:3], False)) if must else v.say(_SAME_FULL, **words) if asked != "neutral" else t.verdict()]
    else:
        clash = [a for a in f.strongest if a in AGAINST[asked] and a not in NEEDS_FLAT[asked]][:2]
        undo = _musts(t, clash, True)
        if must:
            said = [v.say(_WOULD, **words, must=_musts(t, must[:4], False))]
            if undo:
                said.append(v.say(_UNDO, undo=undo))
        elif undo:
            said = [v.say(_WOULD, **words, must=undo)]
        else:
            said = [v.say(_MET_ALL, **words, **t.cues(f.cues(asked) or f.strongest))]
        got = f.cues(asked)
        if got and must:
            said.append(v.say(_ALREADY, **t.cues(got, most=2), it="they" if len(got) > 1 else "it"))
        gone = tuple(m[0] for m in missing[:3])
    if asked != f.top:
        said.append(v.say(_NOW, **words))
    return finish(t, _evidence(t, 6, gone), said + _tail(t, [], 1))


NEEDS_FLAT = {e: frozenset(a for options in rows for a in options) for e, rows in NEEDS.items()}

_NOT_A_LOOK = pool(
    "{word} is not one of the eight looks that are weighed here", "whether the person is {word} cannot be read from the face alone", "there is no fixed pattern of movements for {word}",
    "FACS has no pattern for a {word} look", "no set of action units stands for {word}", "a face alone cannot settle whether someone is {word}",
)


def other(t: Teller, q: Question) -> Explanation:
    v = t.v
    return finish(t, _evidence(t, 5), [v.say(_NOT_A_LOOK, word=q.topic or "so"), t.verdict(), *_support(t, 2)])


_OPENING = {
    "identity": pool("who this is cannot be answered here", "I do not identify people", "naming people is not something I do", "I cannot say who this is"),
    "age": pool("I do not guess age", "how old someone is cannot be answered here", "age is not something I judge", "I cannot tell an age from movements"),
    "gender": pool("I do not judge gender", "gender is not something I read from a face", "I cannot answer questions about gender", "whether a man or a woman is not judged here"),
    "ethnicity": pool("I do not judge origin or ethnicity", "where someone comes from is not read from a face here", "I cannot answer questions about origin", "ethnicity and origin are not judged here"),
    "looks": pool("I do not rate looks", "beauty is not judged here", "how attractive someone is lies outside what I answer", "I cannot rate a person's looks"),
    "honesty": pool("a face cannot show whether someone is honest", "I do not judge honesty", "no movement of the face proves a lie", "truth and lies cannot be read from a face"),
    "job": pool("a face says nothing about fitness for a job", "I do not judge ability or fitness for work", "skill and attention at work are not judged from a face here", "such judgments should not rest on a face"),
    "health": pool("I cannot judge health from a face", "I do not make diagnoses", "that is a question for a doctor, not for a picture", "illness is not something I judge from a face"),
    "mind": pool("what someone thinks or feels inside cannot be seen", "a face shows movement, not the mind", "I cannot look into a mind", "thoughts and character are not written in a face"),
    "offtopic": pool("I only answer questions about facial expressions", "that lies outside what I can answer", "my subject is the movement of faces", "I cannot help with that"),
}
_OFFER = pool("I can [describe|explain] how the face moves", "ask me what the face shows and why", "I can say which movements show", "I can explain the expression", "I can tell what the expression looks like",
              "a question about the expression is welcome", "I can [describe|name] the visible movements", "what I can do is describe the expression", "I can only describe what the face does")
_OFFER_MIND = pool("I can only say how it looks", "I can describe what the face shows", "I can only explain the visible expression", "what I can do is describe how the face looks", "I can say what the expression looks like")
_LINK = ("; ", ", but ", "; ", ", though ")


def decline(t: Teller, q: Question) -> Explanation:
    """One polite sentence, no conclusion."""
    v = t.v
    topic = q.topic or "offtopic"
    sorry = v.one(("", "", "", "sorry, ", "I am sorry, ", "sorry, "))
    opening = v.say(_OPENING[topic])
    offer = v.say(_OFFER_MIND if topic == "mind" else _OFFER)
    link = "; " if offer.startswith(("ask", "a question", "what")) else v.one(_LINK)
    return Explanation((), sentence(sorry + opening + link + offer))


_UNREADABLE = pool(
    "the face cannot be read here because {reasons}", "no reading is possible: {reasons}", "I cannot say what this face shows, as {reasons}", "this face is left without a reading, since {reasons}",
    "nothing reliable can be said about the expression, because {reasons}", "the expression cannot be judged here: {reasons}", "there is too little to see for a reading, as {reasons}",
    "I would rather not guess, because {reasons}", "an answer would be a guess here, since {reasons}",
)
_REASONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("small", ("the face is too small in the picture", "the picture has too few pixels on the face")), ("dark", ("the face is too dark", "there is too little light on the face")),
    ("bright", ("the face is too bright", "the light washes out the face")), ("blur", ("the picture is too blurred", "the face is out of focus")),
    ("turn", ("the head is turned too far away", "too much of the face is turned away")), ("cover", ("too much of the face is covered",)),
)
_BETTER = pool("a closer or sharper picture would help", "a clearer picture from the front would help", "a better picture would make an answer possible", "please try a clearer picture", "with a better view it could be answered")


def unreadable(t: Teller, q: Question) -> Explanation:
    """The view is too poor: say so and why, conclude nothing."""
    v, reasons = t.v, []
    for reason in t.f.quality[:3]:
        table = limit_pool(reason)
        words = next((texts for key, texts in _REASONS if limit_pool(key) is table), None)
        reasons.append(v.one(words) if words else reason.strip(" ."))
    said = [v.say(_UNREADABLE, reasons=v.listed(reasons) or "the view is too poor")]
    if v.chance(0.4):
        said.append(v.say(_BETTER))
    return Explanation((), " ".join(sentence(s) for s in said))


WRITERS: dict[str, Callable[[Teller, Question], Explanation]] = {
    "why": why, "read": why, "is": is_, "whynot": whynot, "aus": aus, "region": region, "smile": smile, "sure": sure, "describe": describe,
    "au": au_level, "tone": tone, "change": change, "other": other, "decline": decline,
}


def answer(facts: Facts, question: Question, rng: random.Random) -> Explanation:
    """The answer to ``question`` about one face."""
    t = Teller(facts, rng)
    if question.kind == "decline":
        return decline(t, question)
    if not facts.readable:
        return unreadable(t, question)
    return WRITERS[question.kind](t, question)


__all__ = ["answer", "finish", "tone_words", "LOOK"]
