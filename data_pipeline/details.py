"""Answers about what can be seen: action units, one unit, a region, the smile, a description, the tone."""

from __future__ import annotations

from emoreason.data_pipeline.answer_parts import KEY, evidence, finish, tail
from emoreason.data_pipeline.grammar import pool
from emoreason.data_pipeline.phrases import LEVEL_NAMES, REGIONS, UNIT_NAMES, band
from emoreason.data_pipeline.questions import Question
from emoreason.data_pipeline.reading import Teller, endings
from emoreason.facs import au
from emoreason.schema import Explanation

_COUNT = pool(
    "{n} action unit{pl} {are} active: {list}", "active {are} {list}", "the code of this face is {plus}",
    "{list} {are} active, {n} in all", "in FACS notation this is {plus}",
    "{n} movement{pl} reach{es} the level of a trace or more: {list}", "the face can be coded as {plus}",
    "{list} {are} present", "a coder would write {plus}", "the list of active units is {list}",
)
_STRONGEST = pool("the strongest is the {name} at {x}", "AU{a} is the strongest, at level {letter}",
                  "the {name} leads with {x} of 5", "most of the strength is in AU{a}",
                  "AU{a} comes first in strength, the {name}",
                  "the {name} is the strongest of them, at level {letter}")
TOGETHER = pool(
    "taken together they look {adj}, {conf}", "as a whole this reads as {as_}, {conf}",
    "the set points to {noun}, {conf}", "they add up to {look}, {conf}",
    "this combination comes closest to {noun}, {conf}",
    "together this gives {look}, {conf}", "as an expression it reads as {as_}, {conf}",
    "by these movements the face looks {adj}, {conf}",
)
_TOWARD_ONE = pool("as a whole the face reads as {as_}, {conf}", "the face as a whole looks {adj}, {conf}",
                   "with this the face comes closest to {noun}, {conf}",
                   "the reading of the whole face is {noun}, {conf}",
                   "the expression reads as {as_}, {conf}")
_TOWARD_BARE = pool("the overall impression is {bare}, {conf}", "as a whole the face looks {adj}, {conf}",
                    "the general look is closest to {as_}, {conf}",
                    "by its overall impression the face reads as {as_}, {conf}",
                    "taken as a whole, the face comes closest to {noun}, {conf}", "the whole face gives {look}, {conf}")
_NO_AU = pool(
    "no action unit reaches the level of a trace", "nothing can be coded as active here",
    "the face is at rest, so no action unit is scored", "there is no movement strong enough to be scored",
    "a coder would score this face as zero",
    "all measured action units stay below the level of a trace", "the list of active units is empty",
)
def _name(a: int) -> str:
    return UNIT_NAMES.get(a, au(a).name)


_NUMBER = dict(enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
                          "twelve"), 1))


def aus(t: Teller, q: Question) -> Explanation:
    """All present action units with their strengths."""
    f, v, words = t.f, t.v, t.names()
    if not f.present:
        return finish(t, (), [v.say(_NO_AU), v.say(_TOWARD_BARE, **words), *tail(t, [], 1)])
    observations = t.observe(f.present, (), 22, v.chance(0.35))
    ordered, first = sorted(f.present), f.strongest[0]
    n = len(ordered)
    said = [v.say(_COUNT, n=_NUMBER.get(n, str(n)), pl="" if n == 1 else "s", are="is" if n == 1 else "are",
                  es="es" if n == 1 else "", list=v.listed([f"AU{a}" for a in ordered]),
                  plus="+".join([f"AU{ordered[0]}", *map(str, ordered[1:])]))]
    if n > 1 and v.chance(0.7):
        said.append(v.say(_STRONGEST, name=_name(first), a=str(first), x=f"{f.aus[first]:.1f}",
                          letter=band(f.aus[first])))
    mine = f.cues(f.top)
    said.append(v.say(TOGETHER if len(mine) > 1 else _TOWARD_ONE if mine else _TOWARD_BARE, **words))
    return finish(t, observations, said + tail(t, [], 1))


_LEVEL = pool("AU{a}, the {name}, is there at level {letter}, {word}, with {x} of 5",
              "yes, AU{a} is present at {x}, which is level {letter}, {word}",
              "the {name} (AU{a}) reaches {x} of 5, level {letter}",
              "AU{a} is active: {x} of 5, {word} in FACS terms", "AU{a} scores {x}, {word}, at level {letter}",
              "the {name} is at work, at {x} of 5 (AU{a}, level {letter})",
              "level {letter} for AU{a}: {word}, about {x} of 5",
              "the {name} shows with {x} of 5, which coders call {word}")
_LEVEL_GONE = pool("AU{a}, the {name}, is absent", "there is no AU{a} here", "the {name} is not active",
                   "no {name} can be seen", "the {name} is at rest",
                   "the score is zero, without any sign of the {name}",
                   "the face does not show the {name}")
_LEVEL_EDGE = pool("the {name} is at most hinted at, too weak to be scored",
                   "whether the {name} is there cannot be decided, as it stays below a trace",
                   "the {name} lies on the edge, below the level of a trace",
                   "there may be a hint of the {name}, but too little for a score",
                   "the {name} can be neither claimed nor denied here")
_ROLE_FOR = pool("it is one of the signs of {noun}", "it supports the reading, {noun}",
                 "it belongs to the {bare} look of this face", "it helps to make the face look {adj}",
                 "it is part of why the face looks {adj}, {conf}")
_ROLE_ODD = pool("it does not fit {noun}, the reading of the whole face",
                 "for {noun}, the reading of the whole, it is unusual",
                 "it stands apart from the rest, which looks {adj}", "the face looks {adj} in spite of it, {conf}")
_ROLE_NONE = pool("by itself it says little about emotion",
                  "the reading of the whole face, {noun}, does not depend on it",
                  "the face as a whole looks {adj}, {conf}", "as a whole the face reads as {as_}, {conf}",
                  "it adds little to the reading, {noun}")
_ROLE_GONE = pool("the face as a whole looks {adj}, {conf}", "as a whole the face reads as {as_}, {conf}",
                  "the reading of the whole face is {noun}, {conf}", "the face is read as {as_}, {conf}",
                  "the {bare} look of the face does not depend on it")
_ROLE_NEEDED = pool("{noun}, the reading of the face, would be clearer with it",
                    "for a full {noun} pattern it would be needed", "its lack weakens the case for {noun}",
                    "with it, {noun} would be the firmer reading")
_ROLE_SIDE = pool("it is stronger on the {side} side", "the {side} side is clearly ahead",
                  "it shows mainly on the {side}", "it is uneven, with more of it on the {side}")


def au_level(t: Teller, q: Question) -> Explanation:
    """Whether one action unit is there, how strong, and what it does for the reading."""
    f, v, a, e, words = t.f, t.v, q.au or 12, t.f.top, t.names()
    near = [b for b in f.strongest if b != a]
    same = [b for b in near if any({a, b} <= set(units) for units in REGIONS.values())]
    others = list(dict.fromkeys(same[:1] + [b for b in f.cues(e) if b != a][:2] + near[:1]))[:3]
    if a in f.present:
        letter = band(f.aus[a])
        said = [v.say(_LEVEL, a=str(a), name=_name(a), letter=letter, word=LEVEL_NAMES[letter], x=f"{f.aus[a]:.1f}")]
        if a in f.sides:
            said.append(v.say(_ROLE_SIDE, side=f.sides[a]))
        odd = a in f.against(e) and e != "neutral"
        said.append(v.say(_ROLE_FOR if a in f.cues(e) else _ROLE_ODD if odd else _ROLE_NONE, **words))
        observations = (t.seen(a), *t.observe(others, (), 3))
    else:
        gone = a in f.absent
        said = [v.say(_LEVEL_GONE if gone else _LEVEL_EDGE, a=str(a), name=_name(a))]
        needed = gone and any(a in m for m in f.needs(e)[1])
        said.append(v.say(_ROLE_NEEDED if needed and v.chance(0.6) else _ROLE_GONE, **words))
        observations = ((t.gone(a),) if gone else ()) + t.observe(others, (), 3)
    return finish(t, observations, said + tail(t, [t.note] if v.chance(0.25) and a in f.present else [], 1))


_PART = {"brows": ("the brows", 1), "eyes": ("the eyes", 1), "nose": ("the nose", 0), "cheeks": ("the cheeks", 1),
         "mouth": ("the mouth", 0), "chin": ("the chin", 0), "jaw": ("the jaw", 0)}
_PART_REST = pool("{part} {is} at rest", "{part} hardly move{s}", "{part} take{s} no part in the expression",
                  "nothing happens at {part}", "there is no movement of note at {part}",
                  "{part} stay{s} as in a resting face",
                  "{part} {does} not join in", "{part} {is} quiet", "no movement is seen at {part}",
                  "{part} add{s} nothing to the expression")
_PART_FAINT = pool("at {part} there is at most a hint of movement", "{part} {is} near rest, with too little to score",
                   "what moves at {part} is too weak to be named", "any movement at {part} stays below a trace",
                   "{part} may move a hint, but too little to name")
_PART_ACTIVE = pool("{part} {is} active: {clauses}", "at {part} one can see that {clauses}",
                    "{part} take{s} part, as {clauses}", "{part} {is} at work, since {clauses}",
                    "in this region {clauses}",
                    "the movement at {part} is this: {clauses}", "something happens at {part}: {clauses}",
                    "what one sees at {part} is that {clauses}")
AROUND_EYES = ("the skin around the eyes is gathered", "the cheeks push up below the eyes",
               "the skin around them is drawn together")
PART_FITS = pool("this carries the {bare} look", "that fits the {bare} look of the whole face",
                 "it adds to the impression of {noun}", "this is part of why the face looks {adj}",
                 "it belongs to the signs of {noun}",
                 "this supports {noun} as the reading, {conf}", "it is one reason why the face reads as {as_}",
                 "this region speaks for {noun}")
_PART_ODD = pool("this does not fit the rest, which looks {adj}",
                 "that is unusual for {noun}, the reading of the whole face",
                 "taken alone it would not suggest {noun}, the reading of the whole",
                 "the rest of the face still looks {adj}",
                 "the face reads as {as_} in spite of this")
_PART_OTHER = pool("this says little about {noun}, the reading of the whole face",
                   "by itself this region decides nothing; the whole face looks {adj}",
                   "this region is no key to the {bare} look", "the face as a whole looks {adj}, {conf}",
                   "the reading of the whole face, {noun}, does not depend on it",
                   "the whole face reads as {as_}, {conf}")
_ELSEWHERE = pool("the {bare} look of the face comes from {cues}", "it is {cues} that make{s} the face look {adj}",
                  "the face looks {adj} through {cues}", "the signs of {noun} lie elsewhere, in {cues}",
                  "for the reading, {noun}, look at {cues}",
                  "the reading, {noun}, rests on {cues}", "what makes the face look {adj} is elsewhere: {clauses}")
_ELSEWHERE_TOO = pool("the {bare} look comes from {cues} as well", "{cues} speak{s} for {noun}, too",
                      "further signs of {noun} are found elsewhere, in {cues}",
                      "{cues} add{s} to the {bare} look")


def region(t: Teller, q: Question) -> Explanation:
    """What one part of the face does, and what that means for the whole."""
    f, v, words = t.f, t.v, t.names()
    where = q.region or "mouth"
    units = REGIONS[where]
    here = [a for a in f.strongest if a in units]
    name, many = _PART[where]
    part = endings(name, bool(many), "part")
    lacking = t.may_lack([a for a in units if a not in (18, 22, 28)])
    v.rng.shuffle(lacking)
    if here:
        told = sorted(here, key=lambda a: a not in f.cues(f.top))[:3]  # what the next sentence speaks of comes first
        clauses = t.clauses(told)
        if where == "eyes" and 6 in told:
            clauses = v.listed([x for x in (t.clauses([a for a in told if a != 6]), v.one(AROUND_EYES)) if x])
        said = [v.say(_PART_ACTIVE, **part, clauses=clauses)]
        odd = f.top != "neutral" and not set(told).isdisjoint(f.against(f.top))
        fits = not set(told).isdisjoint(f.cues(f.top))
        said.append(v.say(PART_FITS if fits else _PART_ODD if odd else _PART_OTHER, **words))
    else:
        fits = False
        said = [v.say(_PART_REST if all(a in f.absent for a in units) else _PART_FAINT, **part)]
    elsewhere = [a for a in f.cues(f.top) if a not in units]
    if elsewhere and (not here or v.chance(0.35)):
        table = _ELSEWHERE_TOO if fits else _ELSEWHERE
        said.append(v.say(table, **words, **t.cues(elsewhere, most=2), clauses=t.clauses(elsewhere, 2)))
    elif not here:
        said.append(v.say(_TOWARD_BARE, **words))
    observations = t.observe(here, lacking[: 3 if not here else (1 if len(here) < 3 else 0)], 6)
    if len(observations) < 2 and elsewhere:
        observations += t.observe(elsewhere[:2], (), 2)
    return finish(t, observations, said + tail(t, [t.note] if here and v.chance(0.3) else [], 1))


SMILE = {
    "none": pool("there is no smile here, as the lip corners are not raised",
                 "the face does not smile, so the question does not arise",
                 "no smile can be seen: the lip corners do not go up", "one cannot judge a smile that is not there",
                 "the mouth does not smile, so it is neither genuine nor posed",
                 "this is not a smiling face; the lip corners do not go up",
                 "without raised lip corners there is no smile to judge",
                 "a smile would raise the lip corners, and they do not rise"),
    "hint": pool("there is at most a hint of a smile, too weak to judge",
                 "the lip corners move so little that a smile can neither be claimed nor denied",
                 "if this is a smile, it is too faint to be called genuine or posed",
                 "a smile is not clear enough here to be judged"),
    "duchenne": pool("the smile looks genuine: the cheeks rise together with the lip corners",
                     "the smile has the Duchenne look, raised cheeks (AU6) with raised lip corners (AU12)",
                     "mouth and cheeks smile together, which makes the smile look genuine",
                     "the smile reaches the eyes, as AU6 joins AU12",
                     "with AU6 and AU12 together, this looks like a felt smile",
                     "it looks like a real smile, since the muscle around the eye takes part",
                     "the cheeks are raised along with the mouth, the Duchenne pattern of a felt smile",
                     "this appears to be a genuine smile: AU12 comes with AU6",
                     "it has the look of a real smile, as cheeks and lip corners rise together"),
    "grimace": pool("cheeks and lip corners rise as in a felt smile, but the face as a whole looks {adj}",
                    "AU6 and AU12 are there as in a real smile, yet the face as a whole looks {adj}",
                    "it has the movements of a felt smile, but in a face that looks {adj} they may make a grimace"),
    "social": pool("it is a smile without raised cheeks, which looks social or posed",
                   "the mouth smiles and the cheeks do not, so it looks like a polite smile",
                   "the smile stays at the mouth and looks social rather than felt",
                   "the lip corners go up alone, which gives a social or posed look",
                   "this looks like a polite or posed smile, because the cheeks do not join in",
                   "the smile does not reach the eyes and so looks more social than felt",
                   "a smile of the mouth alone, it looks posed or polite",
                   "it looks like a social smile: lip corners up, cheeks at rest"),
    "open": pool("whether the smile looks genuine stays open, since the cheeks move too little to tell",
                 "the cheeks are on the edge, so the smile can be called neither felt nor posed",
                 "the lip corners smile, but the cheeks leave the question open",
                 "it is a smile, and whether it reaches the eyes cannot be told with certainty"),
}
_SMILE_PROOF = pool(
    "raised cheeks are evidence for a felt smile, not proof", "this is a sign and not a proof of what is felt",
    "some people can raise their cheeks on purpose, so this is no proof", "a picture cannot prove what is felt",
    "the cheeks are a good sign, but they can also be raised on purpose",
    "what is felt inside cannot be seen with certainty", "it speaks for a felt smile without proving it",
    "it is evidence, and no more than that",
)
_SMILE_NOPROOF = pool(
    "a real feeling may still be behind it", "that is a sign, no proof of how the person feels",
    "a mild but real pleasure can look like this too", "small felt smiles may also leave the cheeks still",
    "this says nothing certain about the person",
    "still, a face shows movement, not the mind", "how it feels from inside cannot be seen",
)
_SMILE_STRONG = pool("with lip corners pulled this far, the cheeks are pushed up anyway, so they count for less",
                     "such a broad smile lifts the cheeks by itself, which weakens them as a sign",
                     "a strong pull of the mouth raises the cheeks too, so the sign is less telling")
_SMILE_SIDE = pool("the smile is stronger on the {side}, which felt smiles rarely are",
                   "the smile is uneven, with the {side} side ahead, and that looks less spontaneous",
                   "one-sided as it is, more on the {side}, it can look like a smirk")
_SMILE_HELD = pool("{cues} hold{s} the smile back", "{cues} dampen{s} the smile",
                   "together with {plain}, it looks like a controlled smile", "{cues} work{s} against a free smile")
_SMILE_OTHER = pool("besides the smile there {is} {cues}", "{cues} make{s} the smile a mixed one",
                    "{cues} {does} not belong to a pure smile")


_SMILELESS = ("anger", "disgust", "fear", "sadness")


def smile(t: Teller, q: Question) -> Explanation:
    """Whether there is a smile, and whether it looks felt (AU6 with AU12) or social."""
    f, v = t.f, t.v
    if 12 not in f.present:
        kind = "none" if 12 in f.absent else "hint"
    else:
        kind = "duchenne" if 6 in f.present else "social" if 6 in f.absent else "open"
        if kind == "duchenne" and f.top in _SMILELESS and f.p("happiness") < 0.2:
            kind = "grimace"
    said = [v.say(SMILE[kind], **t.names())]
    held = [a for a in (15, 14, 24, 17, 23) if a in f.present][:2]
    mixed = [a for a in (9, 4, 20, 5, 10) if a in f.present][:2]
    if kind in ("none", "hint"):
        said.append(t.verdict())
        if v.chance(0.3):
            said.append(t.pattern())
    else:
        if kind == "duchenne" and f.aus[12] >= 3.6 and v.chance(0.6):
            said.append(v.say(_SMILE_STRONG))
        if 12 in f.sides:
            said.append(v.say(_SMILE_SIDE, side=f.sides[12]))
        if held:
            said.append(v.say(_SMILE_HELD, **t.cues(held, False), plain=t.cues(held, False)["cues"]))
        elif mixed:
            said.append(v.say(_SMILE_OTHER, **t.cues(mixed, False)))
        if kind in ("duchenne", "social"):
            said.append(v.say(_SMILE_PROOF if kind == "duchenne" else _SMILE_NOPROOF))
        if kind != "grimace" and (f.top != "happiness" or v.chance(0.5)):
            said.append(v.say(_TOWARD_BARE, **t.names()))
    there = [a for a in (6, 12, 25, *held, *([] if held else mixed), 7) if a in f.present]
    if kind in ("none", "hint"):
        there += [a for a in f.strongest if a not in there][:3]
    return finish(t, t.observe(there, [a for a in (12, 6) if a not in f.present], 6), said[:5] + tail(t, [], 1))


UPPER, LOWER = (1, 2, 4, 5, 7, 6), (9, 10, 12, 14, 15, 20, 18, 22, 23, 24, 28, 17, 26, 27)
SHARES = {
    "both": pool("both the upper and the lower face are active", "there is movement above and below",
                 "upper and lower face take part", "brows or eyes and the mouth region all take part",
                 "the movement is spread over the face"),
    "upper": pool("most of the movement is in the upper face", "the upper face does the work",
                  "brows and eyes carry the expression", "the mouth adds little, the upper face more",
                  "what moves is mainly around the brows and eyes"),
    "lower": pool("most of the movement is in the lower face", "the lower face does the work",
                  "the expression is carried by the lower face", "brows and eyes add little, the lower face more",
                  "what moves is mainly around nose, mouth and chin"),
    "none": pool("the face is close to rest", "there is hardly any movement", "the face is still",
                 "little moves in this face", "all parts of the face are near rest"),
}


def describe(t: Teller, q: Question) -> Explanation:
    """The face from the top down, then how it looks as a whole."""
    f, v = t.f, t.v
    there = list(f.strongest[:6])
    keys = t.may_lack(KEY)[:9]
    v.rng.shuffle(keys)
    observations = t.observe(there, keys[: 4 - len(there)] if len(there) < 3 else keys[: int(v.chance(0.5))], 7, False)
    up, low = any(a in there for a in UPPER), any(a in there for a in LOWER)
    share = v.say(SHARES["both" if up and low else "upper" if up else "lower" if low else "none"])
    said = [share, t.verdict()] if v.chance(0.5) else [t.verdict(), share]
    if f.top == "neutral" and not (up or low):
        said = [t.verdict()]
    if v.chance(0.5):
        said.append(tone_words(t))
    said.append(t.tilt())
    return finish(t, observations, said + tail(t, [t.against if v.chance(0.5) else t.rival], 1))


_PLEASANT = ((0.45, ("clearly pleasant", "distinctly pleasant", "plainly pleasant")),
             (0.15, ("mildly pleasant", "slightly pleasant", "rather pleasant")),
             (-0.14, ("neither pleasant nor unpleasant", "about even between pleasant and unpleasant")),
             (-0.44, ("mildly unpleasant", "slightly unpleasant", "rather unpleasant")),
             (-2.0, ("clearly unpleasant", "distinctly unpleasant", "plainly unpleasant")))
_AROUSED = ((0.45, ("highly aroused", "full of energy", "strongly aroused")),
            (0.15, ("somewhat aroused", "fairly lively", "moderately aroused")),
            (-0.14, ("of middling energy", "neither calm nor excited")),
            (-0.44, ("rather calm", "fairly calm", "mildly calm")), (-2.0, ("very calm", "low in energy",
                                                                            "quite calm")))
_TONE = pool("the look is {val} and {aro}", "in tone the face appears {val} and {aro}",
             "it comes across as {val} and {aro}", "the expression seems {val}, and {aro}",
             "the tone is {val}, and the face looks {aro}", "it looks {val} and {aro}",
             "the impression is {val} and {aro}")
_TONE_WHY = pool("{cues} set{s} this tone", "this comes mainly from {cues}", "the tone rests on {cues}",
                 "{cues} {is} what gives this tone", "the main reason is {plain}", "the tone follows from {cues}")
_TONE_STILL = pool("with so little movement, the tone is taken from the overall impression",
                   "no movement pushes the tone far to either side", "the muscles alone say little about the tone",
                   "the tone is taken from the face as a whole")


def tone_words(t: Teller) -> str:
    """Valence and arousal in words."""
    v, val, aro = t.v, round(t.f.valence, 1), round(t.f.arousal, 1)
    return v.say(_TONE, val=v.one(next(w for low, w in _PLEASANT if val >= low)),
                 aro=v.one(next(w for low, w in _AROUSED if aro >= low)))


def tone(t: Teller, q: Question) -> Explanation:
    """Pleasant or unpleasant, calm or aroused, and from what."""
    f, v = t.f, t.v
    said = [tone_words(t)]
    mine = f.cues(f.top)
    said.append(v.say(_TONE_WHY, **t.cues(mine, most=2), plain=t.cues(mine, False,
                                                                      2)["cues"]) if mine else v.say(_TONE_STILL))
    said.append(v.say(_TOWARD_BARE, **t.names()))
    return finish(t, evidence(t, 5), said + tail(t, [t.rival] if v.chance(0.4) else [], 1))
