"""The sentences of an interpretation, as templates: verdict, pattern, what speaks against it, rival, doubt, limits.

Slots: ``{noun}`` sadness / a neutral look, ``{as_}`` sadness / neutral, ``{adj}`` sad, ``{look}`` a sad look,
``{bare}`` sad (before a noun), each for the conclusion; with 2 for the second reading. ``{cues}`` names movements,
``{s} {is} {does} {ies}`` agree with it; ``{lack}`` is a noun phrase of what is missing, with the same endings;
``{clauses}`` says the movements as clauses; ``{nums}`` lists AU numbers.
"""

from __future__ import annotations

from emoreason.data_pipeline.grammar import Pool, pool

ADJECTIVE = {
    "anger": ("angry",), "contempt": ("contemptuous",), "disgust": ("disgusted",), "fear": ("afraid", "fearful"),
    "happiness": ("happy",),
    "neutral": ("neutral",), "sadness": ("sad",), "surprise": ("surprised",),
}
BARE = {e: a[-1] for e, a in ADJECTIVE.items()}
LOOK = {e: f"{'an' if a == 'angry' else 'a'} {a} look" for e, a in BARE.items()}
NOUN = {e: e for e in ADJECTIVE} | {"neutral": "a neutral look"}

# Movements that make one picture: (the AUs, noun phrases with plural or not, clauses, what is lacking).
JOINED = (
    ((1, 2, 4), (("the brows raised and drawn together", 1), ("the raised and knitted brows", 1)),
     ("the brows are raised and drawn together", "the brows are raised and knitted"),
     ("brows that are raised and drawn together", "raised and knitted brows")),
    ((1, 2), (("the raised brows", 1), ("the lifted brows", 1), ("the lift of the whole brow", 0)),
     ("the brows are raised", "the whole brow goes up", "the brows go up"),
     ("raised brows", "a lift of the whole brow")),
    ((1, 4), (("the inner brows drawn up and together", 1), ("the oblique brows", 1)),
     ("the inner brows are drawn up and together", "the brows are oblique and knitted"),
     ("inner brows drawn up and together",)),
    ((23, 24), (("the tight, pressed lips", 1), ("the tense, pressed lips", 1)),
     ("the lips are tight and pressed together",), ("tight or pressed lips",)),
    ((25, 27), (("the mouth stretched wide open", 0), ("the gaping mouth", 0)),
     ("the mouth is stretched wide open", "the mouth gapes"),
     ("a wide open mouth",)),
    ((25, 26), (("the open mouth", 0), ("the slack, open mouth", 0)), ("the mouth hangs open", "the mouth is open"),
     ("an open mouth",)),
    ((15, 17), (("the downturned mouth over the raised chin", 0), ("the lowered lip corners above a raised chin", 1)),
     ("the mouth turns down over the raised chin",), ("a downturned mouth with a raised chin",)),
)
SIDED_CUE = {
    14: ("the tightened {side} lip corner", "the tuck at the {side} lip corner"),
    12: ("the {side} lip corner pulled up", "the uneven lift of the lip corners"),
    10: ("the upper lip raised on the {side}",), 15: ("the {side} lip corner pulled down",),
    2: ("the raised outer end of the {side} brow",),
}
SIDED_CLAUSE = {
    14: "the {side} lip corner is tightened", 12: "the {side} lip corner is pulled up",
    2: "the outer {side} brow is raised",
    10: "the upper lip is raised on the {side}",
    15: "the {side} lip corner is pulled down",
}

# --- the verdict, by how sure it is ---
VERDICT: dict[str, Pool] = {
    "clear": pool(
        "the face clearly looks {adj}, [mainly|chiefly|above all] because of {cues}",
        "{cues} make{s} [this|the] face look {adj}",
        "this [clearly|plainly] reads as {as_}, [carried|led] by {cues}", "the face looks {adj} because {clauses}",
        "the {bare} [look|expression] comes [mainly|mostly|above all] from {cues}",
        "{clauses}, and that gives the face {look}",
        "the face appears {adj}: {clauses}", "the expression reads as {as_}, and {cues} {is} the main reason",
        "the face takes its {bare} look from {cues}", "it looks {adj}, and clearly so, because {clauses}",
        "what makes the face look {adj} is plain to see: {clauses}",
        "the picture is clear: with {cues}, the face looks {adj}",
        "{cues} leave{s} little doubt that the face looks {adj}",
        "seen as a whole, the face looks {adj}; {cues} carr{ies} the look",
        "it is above all {cues} that make{s} the face look {adj}",
        "by its movements the face looks {adj}: {clauses}",
    ),
    "fairly": pool(
        "the face [most likely|probably] reads as {as_}, [mainly|chiefly] because of {cues}",
        "{cues} point{s} fairly clearly to {noun}",
        "the face looks {adj}, fairly [clearly|surely], because {clauses}",
        "the best reading is {noun}, [resting|based] on {cues}",
        "{noun} is the likely reading, since {clauses}", "it looks {adj} with fair certainty, given {cues}",
        "the expression probably reads as {as_}; {cues} carr{ies} it",
        "{clauses}, so the face reads fairly surely as {as_}",
        "most of it points to {noun}, [first of all|above all] {cues}",
        "with {cues}, the face looks {adj}, fairly surely",
        "the reading is {noun}, with fair confidence, because {clauses}",
        "the face appears {adj}, most likely, since {clauses}",
        "{cues} make{s} {noun} the most likely reading", "the face probably looks {adj}: {clauses}",
    ),
    "leaning": pool(
        "the face leans [toward|to] {noun}, [mainly|mostly] because of {cues}",
        "{cues} tip{s} the reading toward {noun}",
        "the look leans to {noun}, since {clauses}", "if one look has to be named, it is {noun}, because of {cues}",
        "it looks more {adj} than anything else, [owing to|because of] {cues}",
        "the reading leans to {noun}: {clauses}",
        "the face looks somewhat more {adj} than anything else, since {clauses}",
        "{noun} is ahead, mostly through {cues}, but only by a margin",
        "{clauses}, which leans toward {noun}", "more speaks for {noun} than for any other look, above all {cues}",
        "the face seems {adj}, though this is a leaning; it rests on {cues}",
        "{noun} is the more likely name for this look, given {cues}",
        "the best guess is {noun}, as {clauses}",
    ),
    "open": pool(
        "the look is open between {noun} and {noun2}, with {as_} slightly ahead because of {cues}",
        "it could be read as {as_} or as {as2}; {cues} give{s} {as_} a small lead",
        "{cues} leave{s} the look between {noun} and {noun2}, a little closer to {as_}",
        "between {noun} and {noun2}, the face reads slightly more as {as_}, since {clauses}",
        "the face stands between {noun} and {noun2}; {cues} tip{s} it slightly to {as_}",
        "two readings are close, {noun} and {noun2}, and {cues} put{s} {as_} just ahead",
        "{noun} and {noun2} are both possible; the face looks slightly more {adj}, because {clauses}",
        "the reading stays open: {noun} is a little ahead of {noun2}, mostly because of {cues}",
        "whether this is {noun} or {noun2} stays open, but {cues} favor{s} {as_} a little",
        "{noun} leads by a small step over {noun2}, since {clauses}",
    ),
    "faint": pool(
        "no look stands out; {noun} is only the best of several weak guesses, just ahead of {noun2}",
        "the face is hard to read, and {noun} is named with low certainty, close to {noun2}",
        "many readings are about equally weak; {noun} is barely ahead of {noun2}",
        "the best name is {noun}, but {noun2} and others are nearly as likely",
        "this is close to a guess: {noun}, with {noun2} right behind",
        "nothing settles the look; {noun} comes out first by a narrow margin over {noun2}",
        "the signs go several ways, and {noun} is ahead of {noun2} by very little",
        "it is hard to choose here; {noun} comes first and {noun2} close after it",
    ),
}
VERDICT_BARE: dict[str, Pool] = {  # when no movement carries it
    "clear": pool(
        "the overall impression is clearly one of {noun}, although no single movement carries it",
        "the face as a whole looks {adj}, [though|although] none of the typical movements stands out",
        "as a whole the face reads as {as_}, but the measured movements hardly show why",
        "the whole face gives {look}; the single movements are too weak to explain it",
        "the general impression is {bare}, and clearly so, while the movements that should carry it are missing",
    ),
    "fairly": pool(
        "the face probably looks {adj}, but this rests on the overall impression, not on single movements",
        "the overall impression points fairly clearly to {noun}, though no typical movement shows",
        "taken as a whole, the face reads as {as_}, while the single movements say little",
        "{noun} is the likely reading, by the general impression more than by any movement",
        "the look is most likely {bare}, although the muscles hardly tell why",
    ),
    "leaning": pool(
        "the overall impression leans to {noun}, though the movements alone would not settle it",
        "the face leans toward {noun} as a whole; no single movement decides it",
        "the reading leans to {noun}, and it rests on the general impression only",
        "as a whole the face looks more {adj} than anything else, with little movement to show for it",
        "{noun} is the better guess, taken from the whole face and not from a typical movement",
    ),
    "open": pool(
        "the impression is open between {noun} and {noun2}, and no movement decides it",
        "the face could be read as {as_} or {as2}; the movements alone would not settle it",
        "between {noun} and {noun2}, the general impression is a little closer to {as_}",
        "{noun} is slightly ahead of {noun2}, by the overall impression alone",
    ),
    "faint": VERDICT["faint"],
}
NEUTRAL_STILL: dict[str, Pool] = {
    "clear": pool(
        "the face looks neutral: no movement is strong enough to give it another look",
        "this is a resting face; brows, eyes and mouth hardly move",
        "the face appears neutral, with the muscles close to rest",
        "nothing in the face is pulled far from rest, so it looks neutral",
        "this reads clearly as a neutral face, at rest or nearly so",
        "the features lie at rest, and the face looks neutral",
        "there is hardly any movement to read, so the face looks neutral",
        "the expression is neutral, since no muscle stands out",
        "with so little movement, the face looks neutral and at rest",
        "the face is still, which reads as a neutral look",
        "the muscles rest, and with them the expression: it looks neutral",
        "no part of the face is at work, which makes it look neutral",
        "a neutral look, because nothing moves enough to change it",
    ),
    "fairly": pool(
        "the face most likely reads as neutral, since hardly anything moves",
        "this looks fairly surely like a resting face",
        "the likely reading is a neutral face, with little movement in it",
        "the face looks rather neutral; nothing moves far from rest",
        "with the muscles near rest, the face probably looks neutral",
        "it reads as neutral with fair certainty, as so little is moving",
        "the face seems at rest, so a neutral look is the best reading",
        "hardly a muscle stands out, so this is probably a neutral face",
        "so little moves that neutral is the likely name for it",
    ),
    "leaning": pool(
        "the face leans toward neutral, as hardly anything moves",
        "a resting face is the most likely reading, but only by a margin",
        "with little movement to go by, the reading leans to neutral",
        "the look is closest to neutral, though it is a leaning only",
        "the face looks more neutral than anything else, since it is almost still",
        "it seems to be a face near rest, so the reading leans to neutral",
    ),
    "open": pool(
        "with so little movement, the look is open between neutral and {as2}, neutral slightly ahead",
        "the face is almost still; neutral is a little ahead of {as2}",
        "a neutral look and {noun2} are both possible, as hardly anything moves",
        "between neutral and {as2}, the still face gives little to decide on",
    ),
    "faint": VERDICT["faint"],
}
SLIGHT = 2.2  # the activity from which on a neutral face is no quiet one
NEUTRAL_SLIGHT: dict[str, Pool] = {
    "clear": pool(
        "the face looks neutral; {cues} {is} too weak to change that",
        "apart from {cues}, the face is at rest and looks neutral",
        "{cues} add{s} a light touch, but the face as a whole looks neutral",
        "this reads as neutral, even with {cues}", "a neutral look with a small movement on top, {cues}",
        "{cues} {is} the only thing that stirs; the face looks neutral",
    ),
    "fairly": pool(
        "the face probably looks neutral, although {cues} {is} there",
        "apart from {cues}, little moves, so the face reads as neutral",
        "the likely reading is neutral; {cues} {is} a small addition",
        "{cues} aside, the face looks fairly neutral",
        "most of the face is quiet, so it reads as neutral in spite of {cues}",
    ),
    "leaning": pool(
        "the face leans toward neutral, with {cues} as the clearest movement",
        "the reading leans to neutral, though {cues} {is} there",
        "more neutral than anything else, though {cues} disturb{s} the calm",
        "{cues} {is} visible, yet the look stays closest to neutral",
    ),
    "open": pool(
        "the look is open between neutral and {as2}; {cues} {is} the reason for the doubt",
        "with {cues}, the face stands between neutral and {as2}, slightly closer to neutral",
        "neutral is a little ahead of {as2}, in spite of {cues}",
    ),
    "faint": VERDICT["faint"],
}
NEUTRAL_BUSY = pool(
    "{cues} {is} plainly there, yet the overall impression stays neutral",
    "the face as a whole reads as neutral, although {cues} would suggest otherwise",
    "the overall impression is neutral, while {cues} tell{s} of some movement",
    "taken as a whole the face looks neutral, but {cues} fit{s} that poorly",
    "{cues} {does} stand out, and still the general look comes closest to neutral",
    "neutral is the best name for the whole, though {cues} {does} not belong to a resting face",
)

# --- the pattern: with a list of AU numbers, or pointing back to the movements just named ---
PATTERN: dict[str, Pool] = {
    "full": pool(
        "[together|in combination], {nums} form{s} the [full|typical|classic] pattern of {noun}",
        "this is the [typical|classic|well-known] combination for {noun}: {nums}",
        "{nums} belong{s} together in the [classic|typical] picture of {noun}",
        "the pattern of {noun} is complete here, with {nums}", "in FACS terms, {nums} make{s} up the {noun} pattern",
        "{nums} {is} what the [FACS tables|coding tables] list for {noun}",
        "such a set of movements, {nums}, is the standard picture of {noun}",
        "the main signs of {noun} all meet here: {nums}",
    ),
    "variant": pool(
        "{nums} {is} a known short form of the {noun} pattern", "this is a [common|known] variant of {noun}: {nums}",
        "{nums} {is} enough for a [short|reduced] form of the {noun} pattern",
        "the {noun} pattern appears in a reduced form, through {nums}",
        "coders know {nums} as a shorter version of the {noun} pattern",
        "{nums} can stand for {noun}, even if the full pattern has more to it",
    ),
    "partial": pool(
        "{nums} {is} just one part of the {noun} pattern", "{nums} alone would leave the question open",
        "with {nums}, only a part of the {noun} pattern is there", "{nums} {is} a fragment of the {noun} pattern",
        "of the {noun} pattern, only {nums} can be seen",
    ),
}
PATTERN_THEY: dict[str, Pool] = {
    "full": pool(
        "together they form the [full|typical|classic] pattern of {noun}",
        "this combination is [typical of|what coders expect for|the textbook picture of] {noun}",
        "the pattern of {noun} is complete with them",
        "these movements belong together in the [classic|typical] picture of {noun}",
        "this is the full pattern of {noun}", "nothing essential is missing from the {noun} pattern",
        "all the main parts of the {noun} pattern are there",
        "as a set they are the standard picture of {noun}",
        "the parts fit each other and make up {noun} as the tables have it",
    ),
    "variant": pool(
        "this is a known short form of the {noun} pattern", "they are enough for a reduced form of the {noun} pattern",
        "as signs of {noun} they are a common, shorter version", "the full pattern of {noun} has more to it",
        "this much can stand for {noun}, though the full pattern is larger",
        "it is a common variant of {noun} rather than the whole pattern",
        "a shorter form of the {noun} pattern, but a known one",
    ),
    "partial": pool(
        "this is only part of the {noun} pattern", "only a part of the {noun} pattern is [there|present]",
        "the {noun} pattern is incomplete here", "by themselves these signs would not settle it",
        "the movements alone would not settle it, as the pattern is partial",
        "by FACS rules this is a fragment of the {noun} pattern", "that is a piece of the {noun} pattern and no more",
        "taken alone, so small a part of the pattern would prove little",
        "the rest of the {noun} pattern cannot be found", "as evidence for {noun} this is incomplete",
    ),
    "none": pool(
        "none of the typical {noun} movements is clearly there",
        "the movements that usually go with {noun} are weak or missing",
        "no part of the {noun} pattern can be named with certainty",
        "by the movements alone, {noun} would be hard to defend",
        "the action units by themselves do not explain {noun}",
        "a coder would find little in the muscles to support {noun}",
        "the muscles give {noun} no firm support", "none of this is a sign of {noun} in the coding tables",
    ),
}
MISSING = pool(
    "{lack} {is} missing", "the face lacks {lack}", "what is missing is {lack}", "there is no sign of {lack}",
    "{lack} {does} not show", "{lack} would complete it, but {does} not show",
    "for the whole pattern, {lack} would be needed",
)
# What is known about a combination: (emotion, needed, must be lacking, sentences).
KNOWN: tuple[tuple[str, frozenset[int], frozenset[int], Pool],
             ...] = tuple((e, frozenset(a), frozenset(b), pool(*t)) for e, a, b, t in (
    ("anger", (4, 7), (), ("lowered brows over tight lids give the eyes a hard look",
                           "brows and lids work together into a glare",
                           "the hard look comes from brows and lids together")),
    ("anger", (4, 5), (), ("wide eyes under lowered brows make an angry stare",
                           "the stare under drawn brows is typical of anger",
                           "the eyes are wide and the brows low, which gives a glare")),
    ("anger", (4, 24), (), ("a frown with pressed lips is a common sign of held-in anger",
                            "the pressed mouth adds to the frown, as in anger that is held back",
                            "brows and lips are both tense, as anger has it")),
    ("anger", (4, 23), (), ("tight lips are among the surest signs of anger",
                            "the tight mouth is what sets anger apart from a mere frown",
                            "a frown becomes anger when the lips tighten too")),
    ("sadness", (1, 4), (2,), ("oblique brows are hard to make on purpose, which gives them weight",
                               "inner brows drawn up and together are the surest sign of sadness",
                               "few people can make such brows at will")),
    ("sadness", (1, 15), (), ("brows and mouth agree here, up on the inside above and down below",
                              "raised inner brows and lowered lip corners are the two poles of a sad face",
                              "upper and lower face tell the same story")),
    ("sadness", (15, 17), (1,), ("a lowered mouth with a raised chin is the lower half of a sad face",
                                 "mouth and chin show sadness, the brows do not",
                                 "the lower face carries the sadness alone")),
    ("fear", (1, 2, 4), (), ("brows that are raised and drawn together set fear apart from surprise",
                             "the brows go up and in, as they do in fear",
                             "raised brows with a frown in them belong to fear")),
    ("fear", (5, 20), (), ("wide eyes with a stretched mouth are typical of fear",
                           "the stretched mouth turns wide eyes into fear",
                           "eyes and mouth are both pulled wide, as in fear")),
    ("fear", (5, 4), (20,), ("wide eyes and a frown together have a tense, fearful look",
                             "the eyes are wide while the brows draw in, as in fear")),
    ("surprise", (1, 2, 5), (4, 20),
     ("the brows rise without being drawn together, which sets surprise apart from fear",
      "raised brows and wide eyes without a frown belong to surprise", "brows and lids both go up, as in surprise")),
    ("surprise", (1, 2, 26), (20,), ("the jaw drops loosely, as it does in surprise",
                                     "raised brows over a slack jaw are the picture of surprise",
                                     "the mouth falls open and is not stretched, as surprise has it")),
    ("surprise", (1, 2, 27), (20,), ("the mouth opens wide below raised brows, as in great surprise",
                                     "raised brows over a wide open mouth speak for surprise")),
    ("disgust", (9,), (), ("a wrinkled nose is the most direct sign of disgust",
                           "the wrinkled nose speaks for disgust more than for any other look",
                           "the nose is the key region for disgust")),
    ("disgust", (10,), (9,), ("a raised upper lip is one of the two main signs of disgust",
                              "the upper lip alone can carry disgust, the nose need not take part",
                              "the lip is lifted as in a reaction to something foul")),
    ("disgust", (9, 10), (), ("nose and upper lip go up together, as they do in disgust",
                              "nose and lip work as one in disgust")),
    ("happiness", (6, 12), (), ("raised cheeks with raised lip corners are known as the Duchenne look",
                                "cheeks and mouth smile together",
                                "a smile that lifts the cheeks looks more felt than posed",
                                "cheeks and lip corners rising together are the core of a happy face")),
    ("happiness", (12,), (6,), ("the smile stays at the mouth, which makes it look more polite",
                                "the cheeks do not join, so the smile may be a social one",
                                "a smile without the cheeks is the weaker sign")),
    ("contempt", (14,), (), ("a lip corner tightened on one side is the main sign of contempt",
                             "contempt is the one basic look that is uneven", "the uneven mouth is what marks contempt",
                             "one-sided as it is, the mouth suggests contempt")),
))
STRENGTH = {
    "weak": pool("all of this stays [slight|weak|mild]", "the movements are [slight|weak] ones",
                 "the expression is a [slight|mild] one", "the strength is low all over the face",
                 "the movements remain close to rest",
                 "it is a [weak|faint] form of the look", "nothing here goes beyond a slight degree"),
    "strong": pool("the movements are strong", "the expression is an intense one", "the muscles pull hard here",
                   "the strength is high", "this is a strong form of it", "these are far from subtle movements",
                   "the pull is [strong|heavy] in all of them"),
}
AGAINST_IT = pool(
    "{cues} speak{s} against it", "{cues} fit{s} this poorly", "{cues} pull{s} the other way",
    "against this stand{s} {cues}", "{cues} {does} disturb the picture", "only {cues} fall{s} outside this pattern",
    "{cues} would be unusual for {noun}", "on the other hand there {is} {cues}", "what does not agree is {plain}",
    "{cues} make{s} the picture less pure",
)
AGAINST_OTHER = pool(
    "{cues} would rather fit {other}", "{cues} bring{s} in a note of {other}", "{cues} belong{s} more to {other}",
    "there is some {other} in {cues}", "{cues} add{s} a touch of {other}", "{cues} pull{s} toward {other}",
    "with {cues}, a part of {other} is mixed in",
)
UNCONFIRMED = pool(  # the movements fit, but the reading is weak all the same
    "the movements would fit {noun}, yet the overall impression stays undecided",
                   "{nums} would make {noun} plausible, but the face as a whole is not clear",
    "by the movements one would expect {noun} more surely, so they disagree with the overall impression",
                   "{nums} would suit {noun}; the general look gives it little support",
    "{noun} is what the muscles suggest, while the whole face leaves it open",
                   "the muscles favor {noun}, the rest of the impression does not settle on anything",
)
OVERRULED = pool(
    "by the movements alone, {other} would fit better; the overall impression decides for {noun}",
    "the action units match {other} more closely, yet the whole face leans to {noun}",
    "movements and impression disagree: the muscles suggest {other}, the face as a whole {noun}",
    "read muscle by muscle, this would be {other}, so {noun} is to be taken with care",
    "the pattern of the muscles is that of {other}, and only the general look favors {noun}",
    "a coder would think of {other} first; the general impression goes to {noun}",
)

# --- the rival ---
BLEND = pool(
    "the face can also be seen as a blend of {noun} and {noun2}",
    "{noun} and {noun2} may be mixed here, with {cues} for the latter",
    "{cues} add{s} a second look, {noun2}, to the first", "this may be a mixed look, partly {noun2} through {cues}",
    "two looks overlap: {noun}, and {noun2} in {cues}",
)
RIVAL_OWN = pool(
    "{noun2} comes next, since {cues} would fit it", "the second reading is {noun2}, because of {cues}",
    "{cues} would also allow {noun2}", "{noun2} remains possible, as {cues} [point{s} there|suggest{s} it]",
    "the nearest rival is {noun2}, through {cues}", "someone could see {noun2} in {cues}",
)
RIVAL_SHARED = pool(
    "{noun2} shares {cues}, but would also need {lack}",
    "{cues} would fit {noun2} as well, which would also call for {lack}",
    "{noun2} also has {cues}; what it lacks here is {lack}",
    "with {lack} in addition, it would look more {bare2}", "the nearest rival, {noun2}, would need {lack} too",
    "what separates it from {noun2} is the lack of {lack}", "for {noun2} instead, {lack} would have to join {cues}",
)
RIVAL_MISSING = pool(
    "{noun2} is the next guess, but it would need {lack}", "for {noun2}, {lack} would have to show",
    "{noun2} comes second, although {lack} {is} missing", "the second choice, {noun2}, lacks {lack}",
    "{noun2} is less likely, as {lack} {does} not show", "{noun2} would be the alternative, if {lack} could be seen",
)
RIVAL_NEUTRAL = pool(
    "the movements are small, so a neutral face comes next", "a neutral look is the next guess, given how little moves",
    "with a little less movement it would pass for neutral", "some would call this neutral, because the signs are weak",
    "the second reading is a face at rest", "the signs are small enough that neutral comes second",
    "it is not far from a resting face",
)
RIVAL_NEUTRAL_STRONG = pool("a neutral look is the next guess", "a neutral face comes second",
                            "the second reading is a neutral look",
                            "the overall impression leaves some room for neutral")
RIVAL_PLAIN = pool(
    "{noun2} is the second guess", "{noun2} comes second", "the next reading in line is {noun2}",
    "{noun2} cannot be ruled out", "some of it could pass for {noun2}", "{noun2} is the nearest alternative",
    "after that, {noun2} is the most likely",
)
ALONE = pool(
    "no other look [comes close|is near it|can rival it]", "other readings [are|stay|fall] far behind",
    "nothing else competes with [this reading|it]", "no rival reading is [near|in sight]",
    "the other looks play no [part|role]", "all other readings are unlikely",
    "there is no serious rival to [it|{noun}]", "no second reading [offers itself|has much in its favor]",
    "{noun} stands alone here",
    "every other look is a good deal less likely", "the other seven looks are [far|well] behind",
    "it has no close rival",
)
SPREAD = pool("the other readings share the rest, none of them strong", "no single rival stands out",
              "the remaining doubt is spread over several looks", "behind it, several looks are about equal",
              "no other look gathers much support")

# --- doubt ---
DOUBT: dict[str, Pool] = {
    "clear": pool(
        "the reading is [clear|firm|safe]", "there is little doubt about [the look|the reading|this look]",
        "few [people |]would read it otherwise", "this is [a clear|an easy] case",
        "the signs agree [well|with each other]",
        "the confidence is high", "so the reading [is firm|can be trusted]", "one can be [quite|rather] sure of it",
        "there is hardly room for another reading", "most observers would [see the same|agree on {noun}]",
    ),
    "fairly": pool(
        "[this|the] reading is fairly [sure|safe]", "the reading is fairly firm, though some doubt remains",
        "the confidence is fair, short of certain", "most observers would [probably|likely] agree",
        "it is a fairly safe reading", "[a small|some] doubt remains", "the reading is likely, not certain",
        "one can be fairly sure of it", "it holds well, if not beyond all doubt",
    ),
    "leaning": pool(
        "this is a leaning rather than a firm reading", "the reading leans this way, no more",
        "the reading is [far from|not at all] certain", "another [coder|observer] might decide differently",
        "the confidence is [moderate|limited]", "take it as the likelier of several readings",
        "more than a leaning it is not", "other readings remain open",
        "it is no more than the best of several readings",
    ),
    "open": pool("it stays open between {noun} and {noun2}", "{noun} and {noun2} are nearly level",
                 "the choice between {noun} and {noun2} is a close one", "one could argue for {noun} or for {noun2}",
                 "a small change could turn {noun} into {noun2} here"),
    "faint": pool("the confidence is low", "this should be taken as a weak guess", "very little is certain here",
                  "the evidence is too thin for more", "the reading is little better than a guess"),
}
# --- what a movement may also mean: (needed, must be lacking, sentences) ---
NOTES: tuple[tuple[frozenset[int], frozenset[int], Pool],
             ...] = tuple((frozenset(a), frozenset(b), pool(*t)) for a, b, t in (
    ((4,), (1, 2, 5, 6, 9, 10, 12, 14, 15, 17, 20, 22, 23, 24, 26, 27), (
        "a frown alone also goes with effort, [thought|focus] or bright light",
        "people also frown when they concentrate", "knitted brows alone can be a sign of thinking",
        "a lowered brow may also answer bright light")),
    ((1, 2), (4, 5, 26, 27), ("raised brows alone can also be a question or a greeting",
                              "brows go up in talk as well, to stress a word",
                              "a raised brow alone may only show interest")),
    ((12,), (6,), ("lip corners are often lifted out of politeness", "a lift of the mouth alone can be a social sign",
                   "without raised cheeks, the lip corners say less",
                   "a mouth may smile by choice, the cheeks less easily")),
    ((24,), (4,), ("pressed lips can also mean effort or holding back",
                   "people press their lips when they hold something back", "lips are also pressed in thought")),
    ((23,), (4,), ("tight lips can also come from effort", "lips may tighten in concentration too",
                   "a tight mouth may also be a mouth at work")),
    ((17,), (15, 4), ("a raised chin also goes with doubt or thought", "the chin may be pushed up in doubt as well",
                      "chins also rise when lips are pressed or in a shrug")),
    ((15,), (1, 4), ("in some faces the lip corners point down even at rest",
                     "a mouth can turn down by its shape alone", "lowered lip corners may also be part of a shrug")),
    ((25,), (26, 27), ("parted lips may come from speech or breathing", "lips part in speech as well",
                       "a gap between the lips says little by itself", "open lips carry no emotion of their own")),
    ((26,), (1, 2, 5), ("a lowered jaw may come from speech", "the jaw also drops in talk or from ease",
                        "a dropped jaw alone may be a word being said")),
    ((7,), (4, 6), ("narrowed eyes can also come from bright light", "lids also tighten when one looks closely",
                    "tight lids alone may be a close look at something")),
    ((5,), (1, 2, 4), ("wide eyes can also be simple attention", "upper lids go up in close attention too",
                       "wide eyes alone may only mean interest")),
    ((43,), (), ("the lowered lids may be a blink or a look down", "such lids can be a blink caught by the camera",
                 "the eyes may only be looking down")),
    ((18,), (), ("rounded lips also belong to speech", "a pucker can come from speaking",
                 "lips are pursed in thought as well")),
    ((22,), (4,), ("funneled lips also belong to speech", "lips also turn outward while a word is formed")),
    ((10,), (9,), ("the upper lip also lifts in speech", "an upper lip may rise in talk too",
                   "an upper lip can be lifted by a word being said")),
    ((9,), (10,), ("a nose may also wrinkle in bright light", "the nose can also wrinkle in a laugh or in strong light",
                   "noses wrinkle for light as well")),
    ((6,), (12,), ("cheeks also rise when one squints", "raised cheeks alone may be a squint",
                   "cheeks go up against bright light too")),
    ((14,), (12,), ("tucked lip corners can also hold back a smile", "a dimple may also come with thought",
                    "lip corners also tighten when a smile is held in")),
    ((20,), (), ("a mouth is also stretched in speech", "stretched lips can come from speaking",
                 "some sounds stretch the lips as well")),
    ((28,), (), ("lips rolled in can be a way of holding back", "people also roll their lips in when they think",
                 "lips are sucked in to moisten them, too")),
    ((1,), (2, 4, 15), ("inner brows that rise alone can also show concern", "raised inner brows alone leave much open",
                        "such brows may also be a sign of worry or care")),
    ((2,), (1,), ("a raised outer brow alone may be a question", "raised outer brows alone say little about emotion",
                  "outer brows also go up in doubt")),
))
# --- limits of the view: (words that a reason may hold, sentences) ---
LIMITS: tuple[tuple[tuple[str, ...], Pool], ...] = (
    (("small", "size", "pixel", "far"), pool("the face is small in the picture, so fine movements may be missed",
                                             "at this size, weak movements are easily overlooked",
                                             "the small picture hides fine detail",
                                             "more pixels would make the reading safer")),
    (("dark", "shadow", "dim"), pool("the light is poor, which hides fine movements",
                                     "the picture is dark, so weak signs may be missed",
                                     "in this light, small folds are hard to see",
                                     "better light would make the reading safer")),
    (("bright", "exposed", "glare"), pool("the picture is too bright in places, which hides fine folds",
                                          "bright areas hide some detail",
                                          "the strong light washes out fine movements")),
    (("blur", "sharp", "focus", "motion"), pool("the picture is blurred, so fine movements may be missed",
                                                "the blur hides small folds and lines",
                                                "a sharper picture would make the reading safer",
                                                "with this blur, weak movements are uncertain")),
    (("turn", "angle", "side", "profile", "frontal", "away"),
     pool("the head is turned away, so one half of the face is hard to see", "the turned head hides part of the face",
          "from this angle, one side can hardly be judged",
          "a view from the front would make the reading safer")),
    (("cover", "hidden", "hand", "mask", "glasses"), pool("part of the face is covered, which limits the reading",
                                                          "what is covered cannot be judged")),
    (("light",), pool("the light is poor, which hides fine movements", "in this light, small folds are hard to see",
                      "better light would make the reading safer")),
)
LIMIT_OTHER = pool("the view is limited: {reason}", "one limit is that {reason}")
POSE = {
    "yaw": pool("the head is turned to the {way} of the picture, so the far side is seen less well",
                "with the head turned to the {way} of the picture, the far side counts less",
                "the head is turned to the {way} of the picture, which hides a part of the face"),
    "up": pool("the head is tipped back, which changes how the brows and mouth appear",
               "the raised head can make the brows seem higher", "the view from below makes the reading less safe"),
    "down": pool("the head is lowered, which can make the brows seem lower than they are",
                 "the lowered head can pass for a frown, so the brows count less",
                 "the head points down, and that makes the upper face harder to read"),
    "roll": pool("the head leans to the {way} of the picture", "the head is tilted to the {way} of the picture",
                 "the head is held at a tilt, to the {way} of the picture"),
}
# How sure, in a few words.
CONF = {"clear": ("clearly so", "quite clearly", "with high confidence", "with little doubt"),
        "fairly": ("fairly surely", "with fair confidence", "most likely", "in all likelihood"),
        "leaning": ("as a leaning", "with some doubt", "more so than anything else", "with moderate confidence"),
        "open": ("though only just", "by a narrow margin", "by a small lead"),
        "faint": ("with low confidence", "as a weak guess", "with great doubt")}


def limit_pool(reason: str) -> Pool:
    """The sentences for a reason given in plain words."""
    low = reason.lower()
    for words, texts in LIMITS:
        if any(w in low for w in words):
            return texts
    return LIMIT_OTHER
