"""From facts to sentences of the interpretation: verdict, pattern, what speaks against it, the rival, doubt, limits.

In sentences with a negation, AUs go by their names only, so that a number never stands near a "not" that is meant for
something else.
"""

from __future__ import annotations

import random

from emoreason.data_pipeline.facts import Facts
from emoreason.data_pipeline.grammar import Pool, Voice, pool
from emoreason.data_pipeline.phrases import (
    ADJ,
    CLOSED_CUES,
    COMPANY,
    FRAMES,
    FRAMES_SIDED,
    GONE,
    PLACE,
    POST,
    PRE,
    SIDE,
    SIDED_TAIL,
    WORDS,
    band,
    plain,
)

from emoreason.schema import Observation

ADJECTIVE = {"anger": ("angry",), "contempt": ("contemptuous",), "disgust": ("disgusted",), "fear": ("afraid", "fearful"),
             "happiness": ("happy",), "neutral": ("neutral",), "sadness": ("sad",), "surprise": ("surprised",)}
LOOK = {"anger": "an angry look", "contempt": "a contemptuous look", "disgust": "a disgusted look", "fear": "a fearful look",
        "happiness": "a happy look", "neutral": "a neutral look", "sadness": "a sad look", "surprise": "a surprised look"}
NOUN = {e: e for e in LOOK} | {"neutral": "a neutral look"}

# Two or more movements that make one picture: (the AUs, noun phrases, clauses, what is lacking).
_JOINED = (
    ((1, 2, 4), (("the brows raised and drawn together", 1), ("the raised and knitted brows", 1)),
     ("the brows are raised and drawn together",), ("brows that are raised and drawn together", "raised and knitted brows")),
    ((1, 2), (("the raised brows", 1), ("the lifted brows", 1), ("the lift of the whole brow", 0)), ("the brows are raised", "the whole brow goes up"),
     ("raised brows", "a lift of the whole brow")),
    ((1, 4), (("the inner brows drawn up and together", 1), ("the oblique brows", 1)), ("the inner brows are drawn up and together",),
     ("inner brows drawn up and together",)),
    ((23, 24), (("the tight, pressed lips", 1),), ("the lips are tight and pressed together",), ("tight or pressed lips",)),
    ((25, 27), (("the mouth stretched wide open", 0), ("the gaping mouth", 0)), ("the mouth is stretched wide open", "the mouth gapes"),
     ("a wide open mouth",)),
    ((25, 26), (("the open mouth", 0), ("the slack, open mouth", 0)), ("the mouth hangs open", "the mouth is open"), ("an open mouth",)),
    ((15, 17), (("the downturned mouth over the raised chin", 0),), ("the mouth turns down over the raised chin",), ("a downturned mouth",)),
)
_SIDED_CUE = {14: ("the tightened {side} lip corner", "the tuck at the {side} lip corner"), 12: ("the {side} lip corner pulled up",),
              10: ("the upper lip raised on the {side}",), 15: ("the {side} lip corner pulled down",), 2: ("the raised {side} brow",)}
_SIDED_CLAUSE = {14: "the {side} lip corner is tightened", 12: "the {side} lip corner is pulled up", 2: "the {side} brow is raised",
                 10: "the upper lip is raised on the {side}", 15: "the {side} lip corner is pulled down"}
# Absence of the first says nothing, or sounds absurd, next to one of the second.
_MOOT = {25: (26, 27, 22), 26: (27,), 23: (18, 20, 22, 24, 28), 24: (23, 28, 27), 5: (43,), 4: (9,), 10: (9,), 7: (6,), 27: (26,), 43: (5,),
         20: (12,), 15: ()}

# --- the verdict, by how sure it is -----------------------------------------------------------------------------
_VERDICT: dict[str, Pool] = {
    "clear": pool(
        "the face clearly looks {adj}, [mainly|chiefly|above all] because of {cues}", "{cues} make{s} [this|the] face look {adj}",
        "this [clearly|plainly] reads as {noun}, [carried|led] by {cues}", "the face looks {adj} because {clauses}",
        "the {bare} [look|expression] comes [mainly|mostly|above all] from {cues}", "{clauses}, and that gives the face {look}",
        "the face appears {adj}: {clauses}", "the expression reads as {noun}, and {cues} {is} the main reason",
        "the face takes its {bare} look from {cues}", "it looks {adj}, and clearly so, because {clauses}",
        "what makes the face look {adj} is plain to see: {clauses}", "the picture is clear: with {cues}, the face looks {adj}",
        "{cues} leave{s} little doubt that the face looks {adj}", "seen as a whole, the face looks {adj}; {cues} carr{ies} the look",
    ),
    "fairly": pool(
        "the face [most likely|probably] reads as {noun}, [mainly|chiefly] because of {cues}", "{cues} point{s} fairly clearly to {noun}",
        "the face looks {adj}, fairly [clearly|surely], because {clauses}", "the best reading is {noun}, [resting|based] on {cues}",
        "{noun} is the likely reading, since {clauses}", "it looks {adj} with fair certainty, given {cues}",
        "the expression probably reads as {noun}; {cues} carr{ies} it", "{clauses}, so the face reads fairly surely as {noun}",
        "the face looks rather {adj}, because of {cues}", "most of it points to {noun}, [first of all|above all] {cues}",
        "with {cues}, the face looks {adj}, fairly surely", "the reading is {noun}, with fair confidence, because {clauses}",
    ),
    "leaning": pool(
        "the face leans [toward|to] {noun}, [mainly|mostly] because of {cues}", "{cues} tip{s} the reading toward {noun}",
        "the look leans to {noun}, since {clauses}", "if one look has to be named, it is {noun}, because of {cues}",
        "it looks more {adj} than anything else, [owing to|because of] {cues}", "the reading leans to {noun}: {clauses}",
        "the face looks somewhat more {adj} than anything else, since {clauses}", "{noun} is ahead, mostly through {cues}, but only by a margin",
        "{clauses}, which leans toward {noun}", "more speaks for {noun} than for any other look, above all {cues}",
        "the face seems {adj}, though this is a leaning; it rests on {cues}",
    ),
    "open": pool(
        "the look is open between {noun} and {noun2}, with {noun} slightly ahead because of {cues}",
        "it could be read as {noun} or as {noun2}; {cues} give{s} {noun} a small lead",
        "{cues} leave{s} the look between {noun} and {noun2}, a little closer to {noun}",
        "between {noun} and {noun2}, the face reads slightly more as {noun}, since {clauses}",
        "the face stands between {noun} and {noun2}; {cues} tip{s} it slightly to {noun}",
        "two readings are close, {noun} and {noun2}, and {cues} put{s} {noun} just ahead",
        "{noun} and {noun2} are both possible; the face looks slightly more {adj}, because {clauses}",
        "the reading stays open: {noun} is a little ahead of {noun2}, mostly because of {cues}",
    ),
    "faint": pool(
        "no look stands out; {noun} is only the best of several weak guesses, just ahead of {noun2}",
        "the face is hard to read, and {noun} is named with low certainty, close to {noun2}",
        "many readings are about equally weak; {noun} is barely ahead of {noun2}",
        "the best name is {noun}, but {noun2} and others are nearly as likely",
        "this is close to a guess: {noun}, with {noun2} right behind",
        "nothing settles the look; {noun} comes out first by a narrow margin over {noun2}",
    ),
}
_VERDICT_BARE: dict[str, Pool] = {  # no movement carries it
    "clear": pool(
        "the overall impression is clearly one of {noun}, although no single movement carries it",
        "the face as a whole looks {adj}, [though|although] none of the typical movements stands out",
        "as a whole the face reads as {noun}, but the measured movements hardly show why",
        "the whole face gives {look}; the single movements are too weak to explain it",
    ),
    "fairly": pool(
        "the face probably looks {adj}, but this rests on the overall impression, not on single movements",
        "the overall impression points fairly clearly to {noun}, though no typical movement shows",
        "taken as a whole, the face reads as {noun}, while the single movements say little",
        "{noun} is the likely reading, by the general impression more than by any movement",
    ),
    "leaning": pool(
        "the overall impression leans to {noun}, though the movements alone would not settle it",
        "the face leans toward {noun} as a whole; no single movement decides it",
        "the reading leans to {noun}, and it rests on the general impression only",
        "as a whole the face looks more {adj} than anything else, with little movement to show for it",
    ),
    "open": pool(
        "the impression is open between {noun} and {noun2}, and no movement decides it",
        "the face could be read as {noun} or {noun2}; the movements alone would not settle it",
        "between {noun} and {noun2}, the general impression is a little closer to {noun}",
        "{noun} is slightly ahead of {noun2}, by the overall impression alone",
    ),
    "faint": _VERDICT["faint"],
}
_NEUTRAL_STILL: dict[str, Pool] = {
    "clear": pool(
        "the face looks neutral: no movement is strong enough to give it another look", "this is a resting face; brows, eyes and mouth hardly move",
        "the face appears neutral, with the muscles close to rest", "nothing in the face is pulled far from rest, so it looks neutral",
        "this reads clearly as a neutral face, at rest or nearly so", "the features lie at rest, and the face looks neutral",
        "there is hardly any movement to read, so the face looks neutral", "the expression is neutral, since no muscle stands out",
        "with so little movement, the face looks neutral and at rest", "the face is still, which reads as a neutral look",
    ),
    "fairly": pool(
        "the face most likely reads as neutral, since hardly anything moves", "this looks fairly surely like a resting face",
        "the likely reading is a neutral face, with little movement in it", "the face looks rather neutral; nothing moves far from rest",
        "with the muscles near rest, the face probably looks neutral", "it reads as neutral with fair certainty, as so little is moving",
        "the face seems at rest, so a neutral look is the best reading", "hardly a muscle stands out, so this is probably a neutral face",
    ),
    "leaning": pool(
        "the face leans toward neutral, as hardly anything moves", "a resting face is the most likely reading, but only by a margin",
        "with little movement to go by, the reading leans to neutral", "the look is closest to neutral, though it is a leaning only",
        "the face looks more neutral than anything else, since it is almost still", "it seems to be a face near rest, so the reading leans to neutral",
    ),
    "open": pool(
        "with so little movement, the look is open between neutral and {noun2}, neutral slightly ahead",
        "the face is almost still; neutral is a little ahead of {noun2}", "a neutral look and {noun2} are both possible, as hardly anything moves",
        "between neutral and {noun2} the still face gives little to decide on",
    ),
    "faint": _VERDICT["faint"],
}
_NEUTRAL_SLIGHT: dict[str, Pool] = {
    "clear": pool(
        "the face looks neutral; {cues} {is} too weak to change that", "apart from {cues}, the face is at rest and looks neutral",
        "{cues} add{s} a light touch, but the face as a whole looks neutral", "this reads as neutral, even with {cues}",
        "a neutral look with a small movement on top, {cues}",
    ),
    "fairly": pool(
        "the face probably looks neutral, although {cues} {is} there", "apart from {cues}, little moves, so the face reads as neutral",
        "the likely reading is neutral; {cues} {is} a small addition", "{cues} aside, the face looks fairly neutral",
        "most of the face is quiet, so it reads as neutral in spite of {cues}",
    ),
    "leaning": pool(
        "the face leans toward neutral, with {cues} as the only clear movement", "the reading leans to neutral, though {cues} {is} there",
        "more neutral than anything else, though {cues} disturb{s} the calm", "{cues} {is} visible, yet the look stays closest to neutral",
    ),
    "open": pool(
        "the look is open between neutral and {noun2}; {cues} {is} the reason for the doubt",
        "with {cues}, the face stands between neutral and {noun2}, slightly closer to neutral",
        "neutral is a little ahead of {noun2}, in spite of {cues}",
    ),
    "faint": _VERDICT["faint"],
}
_NEUTRAL_BUSY = pool(
    "{cues} {is} plainly there, yet the overall impression stays neutral", "the face as a whole reads as neutral, although {cues} would suggest otherwise",
    "the overall impression is neutral, while {cues} tell{s} of some movement", "taken as a whole the face looks neutral, but {cues} {does} fit that poorly",
    "{cues} {does} stand out, and still the general look comes closest to neutral",
)

# --- the pattern --------------------------------------------------------------------------------------------------
_PATTERN: dict[str, Pool] = {
    "full": pool(
        "[together|in combination], {nums} form{s} the [full|typical|classic] pattern of {noun}", "this is the [typical|classic|well-known] combination for {noun}: {nums}",
        "{nums} belong together in the [classic|typical] picture of {noun}", "the pattern of {noun} is complete here, with {nums}",
        "in FACS terms, {nums} make{s} up the {noun} pattern", "{nums} [is|are] what the [FACS tables|coding tables] list for {noun}",
        "such a set of movements, {nums}, is the standard picture of {noun}", "the main signs of {noun} all meet here: {nums}",
        "each part of the {noun} pattern has its movement: {nums}",
    ),
    "variant": pool(
        "{nums} {is} a known short form of the {noun} pattern", "this is a [common|known] variant of {noun}, not its full pattern: {nums}",
        "{nums} {is} enough for a [short|reduced] form of the {noun} pattern", "the {noun} pattern appears in a reduced form, through {nums}",
        "coders know {nums} as a shorter version of the {noun} pattern", "{nums} can stand for {noun}, even if the full pattern has more to it",
    ),
    "partial": pool(
        "this is only part of the {noun} pattern", "only a part of the {noun} pattern is [there|present]", "{nums} {is} just one part of the {noun} pattern",
        "the {noun} pattern is incomplete here", "by themselves these signs would not settle it", "the movements alone would not settle it, as the pattern is partial",
        "{nums} alone would leave the question open", "by FACS rules this is a fragment of the {noun} pattern", "that is a piece of the {noun} pattern and no more",
    ),
    "none": pool(
        "none of the typical {noun} movements is clearly there", "the movements that usually go with {noun} are weak or missing",
        "no part of the {noun} pattern can be named with certainty", "by the movements alone, {noun} would be hard to defend",
        "the action units by themselves do not explain {noun}", "a coder would find little in the muscles to support {noun}",
    ),
}
_MISSING = pool(
    "{lack} {is} missing", "the face lacks {lack}", "what is missing is {lack}", "there is no sign of {lack}", "{lack} {does} not show",
    "{lack} would complete the pattern, but {does} not show",
)
_STRENGTH = {
    "weak": pool("all of this stays [slight|weak|mild]", "the movements are [slight|weak] ones", "the expression is a [slight|mild] one",
                 "the strength is low throughout", "the movements remain close to rest"),
    "strong": pool("the movements are strong", "the expression is an intense one", "the muscles pull hard here", "the strength is high",
                   "this is a strong form of it", "these are far from subtle movements"),
}
_AGAINST = pool(
    "{cues} speak{s} against it", "{cues} fit{s} this poorly", "{cues} pull{s} the other way", "against this stand{s} {cues}",
    "{cues} {does} disturb the picture", "only {cues} fall{s} outside this pattern", "{cues} would be unusual for {noun}",
    "on the other side there {is} {cues}",
)
_AGAINST_OTHER = pool(
    "{cues} would rather fit {other}", "{cues} bring{s} in a note of {other}", "{cues} belong{s} more to {other}", "there is some {other} in {cues}",
    "{cues} add{s} a touch of {other}", "{cues} pull{s} toward {other}",
)
_OVERRULED = pool(
    "by the movements alone, {other} would fit better; the overall impression decides for {noun}",
    "the action units match {other} more closely, yet the whole face leans to {noun}",
    "movements and impression disagree: the muscles suggest {other}, the face as a whole {noun}",
    "read muscle by muscle, this would be {other}, so {noun} is to be taken with care",
)

# --- the rival ----------------------------------------------------------------------------------------------------
_RIVAL_OWN = pool(
    "{noun2} comes next, since {cues} would fit it", "the second reading is {noun2}, because of {cues}", "{cues} would also allow {noun2}",
    "{noun2} remains possible, as {cues} [point{s} there|suggest{s} it]", "the nearest rival is {noun2}, through {cues}",
)
_RIVAL_SHARED = pool(
    "{noun2} shares {cues}, but would also need {lack}", "{cues} would fit {noun2} as well, which would also call for {lack}",
    "{noun2} also has {cues}; what it lacks here is {lack}", "with {lack} in addition, it would look more like {noun2}",
    "the nearest rival, {noun2}, would need {lack} too", "what separates it from {noun2} is the lack of {lack}",
)
_RIVAL_MISSING = pool(
    "{noun2} is the next guess, but it would need {lack}", "for {noun2}, {lack} would have to show", "{noun2} comes second, although {lack} {is} missing",
    "the second choice, {noun2}, lacks {lack}", "{noun2} is less likely, as {lack} {does} not show",
)
_RIVAL_NEUTRAL = pool(
    "the movements are small, so a neutral face comes next", "a neutral look is the next guess, given how little moves", "with a little less movement it would pass for neutral",
    "some would call this neutral, because the signs are weak", "the second reading is a face at rest",
)
_RIVAL_NEUTRAL_STRONG = pool("a neutral look is the next guess", "a neutral face comes second", "the second reading is a neutral look")
_RIVAL_PLAIN = pool(
    "{noun2} is the second guess", "{noun2} comes second", "the next reading in line is {noun2}", "{noun2} cannot be ruled out", "some of it could pass for {noun2}",
    "{noun2} is the nearest alternative",
)
_ALONE = pool("no other look comes close", "other readings are far behind", "nothing else competes with this reading", "no rival reading is near",
              "the other looks play no part", "all other readings are unlikely")

# --- doubt --------------------------------------------------------------------------------------------------------
_DOUBT: dict[str, Pool] = {
    "clear": pool("the reading is clear", "there is little doubt about the look", "few would read it otherwise", "this is a clear case", "the signs agree well",
                  "the confidence is high"),
    "fairly": pool("this reading is fairly sure", "the reading is fairly firm, though some doubt remains", "the confidence is fair, short of certain",
                   "most observers would probably agree", "it is a fairly safe reading", "a small doubt remains"),
    "leaning": pool("this is a leaning rather than a firm reading", "the reading leans this way, no more", "the reading is far from certain",
                    "another coder might decide differently", "the confidence is moderate", "take it as the likelier of several readings"),
    "open": pool("it stays open between {noun} and {noun2}", "{noun} and {noun2} are nearly level", "the choice between {noun} and {noun2} is a close one",
                 "one could argue for {noun} or for {noun2}"),
    "faint": pool("the confidence is low", "this should be taken as a weak guess", "very little is certain here", "the evidence is too thin for more"),
}
# --- what a movement may also mean: (needed, must be lacking, sentences) -------------------------------------------
_NOTES: tuple[tuple[frozenset[int], frozenset[int], Pool], ...] = tuple((frozenset(a), frozenset(b), pool(*t)) for a, b, t in (
    ((4,), (1, 5, 23, 24), ("a frown alone also goes with effort, [thought|focus] or bright light", "people also frown when they concentrate",
                            "knitted brows alone can be a sign of thinking", "a lowered brow may also answer bright light")),
    ((1, 2), (5, 26, 27), ("raised brows alone can also be a question or a greeting", "brows go up in talk as well, to stress a word",
                           "a raised brow alone may only show interest")),
    ((12,), (6,), ("lip corners are often lifted out of politeness", "a lift of the mouth alone can be a social sign",
                   "without raised cheeks, the lip corners say less", "a mouth may smile by choice, the cheeks less easily")),
    ((24,), (4,), ("pressed lips can also mean effort or holding back", "people press their lips when they hold something back",
                   "lips are also pressed in thought")),
    ((23,), (4,), ("tight lips can also come from effort", "lips may tighten in concentration too")),
    ((17,), (15, 4), ("a raised chin also goes with doubt or thought", "the chin may be pushed up in doubt as well")),
    ((15,), (1, 4), ("in some faces the lip corners point down even at rest", "a mouth can turn down by its shape alone")),
    ((25,), (26, 27), ("parted lips may come from speech or breathing", "lips part in speech as well", "a gap between the lips says little by itself")),
    ((26,), (1, 2, 5), ("a lowered jaw may come from speech", "the jaw also drops in talk or from ease")),
    ((7,), (4, 6), ("narrowed eyes can also come from bright light", "lids also tighten when one looks closely")),
    ((5,), (1, 2, 4), ("wide eyes can also be simple attention", "upper lids go up in close attention too")),
    ((43,), (), ("the lowered lids may be a blink or a look down", "such lids can be a blink caught by the camera", "the eyes may only be looking down")),
    ((18,), (), ("rounded lips also belong to speech", "a pucker can come from speaking")),
    ((22,), (4,), ("funneled lips also belong to speech",)),
    ((10,), (9,), ("the upper lip also lifts in speech", "an upper lip may rise in talk too")),
    ((9,), (10,), ("a nose may also wrinkle in bright light", "the nose can also wrinkle in a laugh or in strong light")),
    ((6,), (12,), ("cheeks also rise when one squints", "raised cheeks alone may be a squint")),
    ((14,), (12,), ("tucked lip corners can also hold back a smile", "a dimple may also come with thought")),
    ((20,), (), ("a mouth is also stretched in speech", "stretched lips can come from speaking")),
    ((28,), (), ("lips rolled in can be a way of holding back", "people also roll their lips in when they think")),
    ((1,), (2, 4, 15), ("inner brows that rise alone can also show concern", "raised inner brows alone leave much open")),
    ((2,), (1,), ("a raised outer brow alone may be a question", "raised outer brows alone say little about emotion")),
))
# --- limits -------------------------------------------------------------------------------------------------------
_LIMITS: tuple[tuple[tuple[str, ...], Pool], ...] = (
    (("small", "size", "pixel", "far"), pool("the face is small in the picture, so fine movements may be missed", "at this size, weak movements are easily overlooked",
                                              "the small picture hides fine detail", "more pixels would make the reading safer")),
    (("dark", "light", "shadow"), pool("the light is poor, which hides fine movements", "the picture is dark, so weak signs may be missed",
                                       "in this light, small folds are hard to see", "better light would make the reading safer")),
    (("bright", "exposed", "glare"), pool("the picture is too bright in places, which hides fine folds", "bright areas hide some detail",
                                          "the strong light washes out fine movements")),
    (("blur", "sharp", "focus", "motion"), pool("the picture is blurred, so fine movements may be missed", "the blur hides small folds and lines",
                                                "a sharper picture would make the reading safer", "with this blur, weak movements are uncertain")),
    (("turn", "angle", "side", "profile", "frontal", "away"), pool("the head is turned away, so one half of the face is hard to see",
                                                                   "the turned head hides part of the face", "from this angle, one side can hardly be judged",
                                                                   "a view from the front would make the reading safer")),
    (("cover", "hidden", "hand", "mask", "glasses"), pool("part of the face is covered, which limits the reading", "what is covered cannot be judged")),
)
_LIMIT_OTHER = pool("the view is limited ({reason})", "one limit is that {reason}")
_POSE = {
    "yaw": pool("the head is turned to the {way} of the picture, so the far side is seen less well", "with the head turned to the {way} of the picture, the far side counts less",
                "the head is turned to the {way} of the picture, which hides a part of the face"),
    "up": pool("the head is tipped back, which changes how the brows and mouth appear", "the raised head can make the brows seem higher",
               "the view from below makes the reading less safe"),
    "down": pool("the head is lowered, which can make the brows seem lower than they are", "the lowered head can pass for a frown, so the brows count less",
                 "the head points down, and that makes the upper face harder to read"),
    "roll": pool("the head leans to the {way} of the picture", "the head is tilted to the {way} of the picture"),
}


class Teller:
    """One face and one voice: draws observations and sentences that hold for these facts."""

    def __init__(self, facts: Facts, rng: random.Random, voice: Voice | None = None) -> None:
        self.f, self.v = facts, voice or Voice(rng)
        self.noted: set[int] = set()

    # --- words ---
    @property
    def level(self) -> str:
        """How sure the conclusion is, by the stated confidence."""
        c = self.f.confidence
        return "clear" if c >= 0.8 else "fairly" if c >= 0.6 else "leaning" if c >= 0.4 else "open" if c >= 0.3 else "faint"

    def names(self, emotion: str | None = None, second: str | None = None) -> dict[str, str]:
        e, d = emotion or self.f.top, second or self.f.rival
        return {"noun": NOUN[e], "noun2": NOUN[d], "adj": self.v.one(ADJECTIVE[e]), "look": LOOK[e], "bare": LOOK[e].split()[1]}

    def cues(self, aus: tuple[int, ...] | list[int], numbers: bool | None = None, most: int = 3) -> dict[str, str]:
        """Movements as a noun phrase for ``cues`` with the verb endings that go with it; AU numbers or not."""
        v, rest, parts, count = self.v, list(aus[:most]), [], 0
        style = v.rng.random() if numbers is None else (0.5 if numbers else 0.9)
        if style < 0.22 and len(rest) > 1 and numbers is None:
            return endings(v.listed([f"AU{a}" for a in rest]), True)
        many = False
        while rest:
            for group, phrases, _, _ in _JOINED:
                if set(group) <= set(rest) and not any(a in self.f.sides for a in group):
                    text, many = v.fresh(phrases)
                    rest = [a for a in rest if a not in group]
                    break
            else:
                group = (rest.pop(0),)
                text, many = self._cue(group[0])
            if style < 0.62:
                text += f" ({', '.join(f'AU{a}' for a in group)})"
            parts.append(text)
            count += 1
        return endings(v.listed(parts), bool(many) or count > 1)

    def _cue(self, a: int) -> tuple[str, int]:
        side = self.f.sides.get(a)
        if side and a in _SIDED_CUE:
            return self.v.one(_SIDED_CUE[a]).format(side=side), 0
        if a == 43 and self.f.aus[a] >= 4.5:
            return self.v.one(CLOSED_CUES)
        return self.v.fresh(WORDS[a]["cue"])

    def numbers(self, aus: tuple[int, ...]) -> dict[str, str]:
        """The AU numbers, or now and then their movements."""
        if self.v.chance(0.35):
            return self.cues(aus, False, 4)
        return endings(self.v.listed([f"AU{a}" for a in aus[:5]]), len(aus) > 1)

    def clauses(self, aus: tuple[int, ...], most: int = 3) -> str:
        rest, parts = list(aus[:most]), []
        while rest:
            for group, _, clauses, _ in _JOINED:
                if set(group) <= set(rest) and not any(a in self.f.sides for a in group):
                    parts.append(self.v.one(clauses))
                    rest = [a for a in rest if a not in group]
                    break
            else:
                a = rest.pop(0)
                side = self.f.sides.get(a)
                if side and a in _SIDED_CLAUSE:
                    parts.append(_SIDED_CLAUSE[a].format(side=side))
                elif a == 43 and self.f.aus[a] >= 4.5:
                    parts.append("the eyes are closed")
                else:
                    parts.append(self.v.fresh(WORDS[a]["clause"]))
        return self.v.listed(parts)

    def lack(self, missing: list[tuple[int, ...]] | list[int], word: str = "or", most: int = 3) -> dict[str, str]:
        """What is missing, as a noun phrase without numbers; each entry an AU or a tuple of alternatives."""
        options = [(m,) if isinstance(m, int) else m for m in missing[:most]]
        rest, parts = list(options), []
        while rest:
            for group, _, _, lacks in _JOINED:
                if all((a,) in rest for a in group):
                    parts.append(self.v.one(lacks))
                    rest = [m for m in rest if m not in [(a,) for a in group]]
                    break
            else:
                parts.append(self.v.listed([self.v.fresh(WORDS[a]["lack"]) for a in rest.pop(0)], "or"))
        text = self.v.listed(parts, word)
        first = parts[0] if parts else ""
        many = len(parts) > 1 or not first.startswith(("a ", "an "))
        if first.startswith(("wrinkling",)) and len(parts) == 1:
            many = False
        return endings(text, many, "lack")

    # --- observations ---
    def seen(self, a: int) -> Observation:
        f, v = self.f, self.v
        value = f.aus[a]
        letter, side = band(value), f.sides.get(a)
        words = {"pre": lambda: v.fresh(PRE[letter]), "post": lambda: v.fresh(POST[letter]), "adj": lambda: v.fresh(ADJ[letter]),
                 "move": lambda: v.one(WORDS[a]["moves"]), "side": side or ""}
        draw = v.rng.random()
        if side and draw < 0.5 and SIDE[a]:
            text = v.say(SIDE[a], **words)
        elif side and draw < 0.75:
            text = v.say(FRAMES_SIDED, **words)
        elif not side and draw < 0.3 and a != 43:
            text = v.say(FRAMES, **words)
        else:
            company = COMPANY[a]
            text = v.say(plain(a, letter, f.present & company, f.absent & company), **words)
            if side:
                text += ", " + v.say(SIDED_TAIL, **words)
        return Observation(a, value, side or "both", True, None, text[0].upper() + text[1:])

    def gone(self, a: int) -> Observation:
        text = self.v.say(GONE[a])
        return Observation(a, None, "both", False, None, text[0].upper() + text[1:])

    def may_lack(self, aus) -> list[int]:
        """Those of ``aus`` that can be called absent and make sense so next to what is there."""
        f = self.f
        return [a for a in aus if a in f.absent and not f.present.intersection(_MOOT.get(a, ()))]

    def observe(self, there, lacking, most: int = 7, by_strength: bool | None = None) -> tuple[Observation, ...]:
        """Observations of the AUs in ``there`` and, as contrast, of those in ``lacking``; mostly from the top down."""
        f, v = self.f, self.v
        there = [a for a in dict.fromkeys(there) if a in f.present][:most]
        lacking = [a for a in dict.fromkeys(self.may_lack(lacking))][:max(0, most - len(there))]
        strength = v.chance(0.3) if by_strength is None else by_strength
        there.sort(key=(lambda a: -f.aus[a]) if strength else PLACE.__getitem__)
        lacking.sort(key=PLACE.__getitem__)
        if strength or v.chance(0.5):
            order = there + lacking
        else:
            order = sorted(there + lacking, key=PLACE.__getitem__)
        return tuple(self.seen(a) if a in f.present else self.gone(a) for a in order)

    # --- sentences ---
    def verdict(self) -> str:
        """What the face looks like, how surely, and mainly why."""
        f, v, e = self.f, self.v, self.f.top
        words = self.names()
        if e == "neutral":
            if f.activity < 1.0:
                return v.say(_NEUTRAL_STILL[self.level], **words)
            busy = [a for a in f.strongest if a not in (25, 26, 43)]
            table = _NEUTRAL_SLIGHT[self.level] if f.activity < 2.2 else _NEUTRAL_BUSY
            return v.say(table, **words, **self.cues(busy, most=2))
        mine = f.cues(e)
        if not mine:
            return v.say(_VERDICT_BARE[self.level], **words)
        return v.say(_VERDICT[self.level], **words, **self.cues(mine), clauses=self.clauses(mine))

    def pattern(self) -> str:
        """How far the movements make up the pattern of the conclusion; '' for a neutral face."""
        f, v, e = self.f, self.v, self.f.top
        if e == "neutral":
            return self.note()
        fit = f.fit(e)
        other = f.best_pattern
        if other and other != e and fit in ("partial", "none"):
            return v.say(_OVERRULED, **self.names(), other=NOUN[other])
        mine = f.cues(e)
        text = v.say(_PATTERN[fit], **self.names(), **_nums(self.numbers(mine)))
        if fit in ("partial", "variant"):
            missing = [m for m in f.needs(e)[1] if self.may_lack(m)]
            if missing and v.chance(0.6):
                text += "; " + v.say(_MISSING, **self.lack(missing[:2], "and" if v.chance(0.3) else "or"))
        return text

    def strength(self) -> str:
        values = [self.f.aus[a] for a in self.f.cues(self.f.top)]
        if not values:
            return ""
        if max(values) < 2.0:
            return self.v.say(_STRENGTH["weak"])
        return self.v.say(_STRENGTH["strong"]) if sum(values) / len(values) >= 3.3 else ""

    def against(self) -> str:
        """The strongest movement that does not fit, if there is one."""
        f, e = self.f, self.f.top
        odd = [a for a in f.against(e) if f.aus[a] >= 1.5][:2]
        if not odd or e == "neutral":
            return ""
        for other in f.ranked[1:4]:
            if other != "neutral" and set(odd) <= set(f.cues(other)) and self.v.chance(0.6):
                return self.v.say(_AGAINST_OTHER, other=NOUN[other], **self.cues(odd))
        return self.v.say(_AGAINST, **self.names(), **self.cues(odd))

    def rival(self) -> str:
        """The second reading and what speaks for it or is missing; or that none is near."""
        f, v, e, d = self.f, self.v, self.f.top, self.f.rival
        if f.p(d) < 0.1:
            return v.say(_ALONE)
        words = self.names()
        if d == "neutral":
            return v.say(_RIVAL_NEUTRAL if f.activity < 2.5 else _RIVAL_NEUTRAL_STRONG, **words)
        own = [a for a in f.cues(d) if a not in f.cues(e)]
        shared = [a for a in f.cues(d) if a in f.cues(e)]
        missing = [m for m in f.needs(d)[1] if self.may_lack(m)]
        if own and (not missing or v.chance(0.6)):
            return v.say(_RIVAL_OWN, **words, **self.cues(own, most=2))
        if shared and missing:
            return v.say(_RIVAL_SHARED, **{**words, **self.cues(shared, False, 2), **self.lack(missing[:2], "and")})
        if missing:
            return v.say(_RIVAL_MISSING, **words, **self.lack(missing[:2], "or"))
        return v.say(_RIVAL_PLAIN, **words)

    def doubt(self) -> str:
        return self.v.say(_DOUBT[self.level], **self.names())

    def note(self) -> str:
        """What a movement that is there may also mean; '' if nothing applies."""
        present, absent = self.f.present, self.f.absent
        fitting = [t for with_, without, t in _NOTES if with_ <= present and not (without & present)]
        return self.v.say(self.v.one(fitting)) if fitting and absent else ""

    def limit(self) -> str:
        """What limits the view: the picture's quality or the pose; '' if nothing does."""
        f, v = self.f, self.v
        if f.quality:
            reason = v.one(f.quality)
            return v.say(limit_pool(reason), reason=reason.strip(" ."))
        yaw, pitch, roll = f.pose
        if abs(yaw) >= 20:
            return v.say(_POSE["yaw"], way="right" if yaw > 0 else "left")
        if abs(pitch) >= 15:
            return v.say(_POSE["up" if pitch > 0 else "down"])
        return ""

    def tilt(self) -> str:
        roll = self.f.pose[2]
        return self.v.say(_POSE["roll"], way="right" if roll > 0 else "left") if abs(roll) >= 15 else ""


def limit_pool(reason: str) -> Pool:
    """The sentences for a reason given in plain words."""
    low = reason.lower()
    for words, sentences in _LIMITS:
        if any(w in low for w in words):
            return sentences
    return _LIMIT_OTHER


def endings(text: str, many: bool, name: str = "cues") -> dict[str, str]:
    """A noun phrase under ``name`` with the verb endings that agree with it."""
    return {name: text, "s": "" if many else "s", "is": "are" if many else "is", "does": "do" if many else "does", "ies": "y" if many else "ies"}


def _nums(found: dict[str, str]) -> dict[str, str]:
    return {("nums" if k == "cues" else k): v for k, v in found.items()}
