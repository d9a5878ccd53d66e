"""The words of facial movement: parts, action classes, directions, degrees, time markers.

Tables only; ``events`` reads them. Words are lower-case stems of the tokens that ``events.normalise`` makes; a part or
class is found by the whole word. Collected by reading FEC-Bench's references and the FACS manual's own terms.
"""

from __future__ import annotations

import re


def _table(rows: dict[str, str]) -> dict[str, str]:
    return {word: name for name, words in rows.items() for word in words.split()}


def _verb(*stems: str) -> str:
    """All regular forms of verbs: "lift" -> lift lifts lifted lifting; "raise" -> raise raises raised raising."""
    forms: list[str] = []
    for stem in stems:
        if stem.endswith("e"):
            forms += [stem, stem + "s", stem + "d", stem[:-1] + "ing"]
        elif stem.endswith("y") and stem[-2] not in "aeou":
            forms += [stem, stem[:-1] + "ies", stem[:-1] + "ied", stem + "ing"]
        elif stem[-1] == "+":  # doubled last letter: "nod+" -> nodded
            stem = stem[:-1]
            forms += [stem, stem + "s", stem + stem[-1] + "ed", stem + stem[-1] + "ing"]
        else:
            forms += [stem, stem + ("es" if stem.endswith(("s", "x", "ch", "sh")) else "s"), stem + "ed", stem + "ing"]
    return " ".join(forms)


# Phrases made one token before anything else is read; in this order.
PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), token)
    for pattern, token in (
        (r"[’‘`]", "'"),
        (r"\b(?:can|could|would)(?:not|n't)?\b(?= be (?:seen|visible))", ""),
        (r"\b(?:are|is|do|does|did|was|were)n't\b", "not"),
        (r"\b(man|woman|boy|girl|person|character|lady|guy|he|she|it)'s\b", r"\1"),
        (r"'s\b|s'(?=\s)", ""),
        (r"\bcrow feet\b", "eyewrinkles"),
        (r"\b(?:upper|top)(?: teeth)?(?:,? and|,? as well as|/) ?(?:his |her |the )?(?:a |some |few |part of |of "
         r"|small |portion |most |all |his |her |the )*(?:lower|bottom)\b(?! eyelid| lip)", "bothrows"),
        (r"\b(?:both|two) rows\b|\bboth (?=teeth)", "bothrows "),
        (r"\bteeth (?:on|in|of) the (?:upper|top) (?:row|jaw)\b", "upper teeth"),
        (r"\b(?:upper and lower|lower and upper) (?=eyelid)", ""),
        (r"\bup and down(?:ward)?s?\b|\bdown and up\b", "updown"),
        (r"\b(?:(?:from )?(?:one )?side to (?:side|the other)|(?:from |to the )?left (?:and|to) (?:the |to the )?right"
         r"|(?:from )?right (?:and|to) (?:the )?left|back and forth|from left to right)\b", "sidetoside"),
        (r"\b(?:open|opens|opening) and (?:close|closes|closing)\b|\b(?:close|closes|closing) and "
         r"(?:open|opens|opening)\b", "openclose"),
        (r"\bhal[f-]+(?:ves)?[- ]*(?:way )?(?:open|clos|shut|lidded)\w*\b|\bnot fully open(?:ed)?\b"
         r"|\bpartially (?:open|closed)\b|\bpartly (?:open|closed)\b", "halfopen"),
        (r"\bcorners? of (?:both |the |his |her |their |its |each )?(?:left |right )?eyes?\b|\beye corners?\b"
         r"|\bouter corners?\b", "eyecorner"),
        (r"\b(?:(?:both|the|two) )?(?:corners?|edges?) (?:of|on|at) (?:his |her |the |their )?(?:mouth|lips?)\b"
         r"|\b(?:mouth|lips?)(?:')? corners?\b", "corner"),
        (r"\beye ?-?balls?\b|\bpupils?\b|\bline of sight\b|\birises\b", "eyeballs"),
        (r"\b(?:the )?whites? of (?:his|her|the) eyes?\b", ""),
        (r"\b(?:bridge of (?:his |her |the )?nose|nose ?bridge|nasal bridge|nasal root)\b", "nosebridge"),
        (r"\bnasolabial (?:folds?|lines?)\b|\bsmile lines\b", "nasolabial"),
        (r"\bupper[- ](?:eye)?lids?\b|\btop lids?\b", "upperlid"),
        (r"\b(?:lower|bottom)[- ](?:eye)?lids?\b", "lowerlid"),
        (r"\b(?:upper|top) lips?\b", "upperlip"),
        (r"\b(?:lower|bottom) lips?\b", "lowerlip"),
        (r"\bteeth? gap\b", "teeth"),
        (r"\bstraight ahead|straight forward|(?:at|into|towards?|to) the (?:camera|lens|screen)|straight in front"
         r"|in front of (?:him|her)|directly (?:ahead|forward)|to the front\b", "ahead"),
        (r"\b(?:the )?opening of (?:his|her|the) (?:mouth|lips)\b|\b(?:mouth|lip) opening\b(?= (?:be|get|wid|nar|red))"
         r"|\b(?:the )?degree of (?:his|her) mouth opening\b", "mouthgap"),
        (r"\b(?:falls?|fell|falling|comes?|came|settles?|drops?) back(?: down)?\b(?! to)", "relaxes"),
        (r"\breturn(?:s|ed|ing)? to (?:a |an |the |its |their |his |her )?(?:normal|natural|original|neutral|resting|"
         r"usual|initial|relaxed)(?: (?:state|position|posture|expression))?\b|\bback to normal\b"
         r"|\bback to (?:its|their|the) (?:normal|natural|original|neutral|initial) (?:state|position)\b",
         "normalises"),
        (r"\b(?:no|without|not|little|hardly|minimal) (?:\w+ ){0,3}?(?:chang\w+|differen\w+|fluctuation\w*"
         r"|movements?)\b(?: in"
         r"(?: \w+)? facial features)?(?! (?:of|in) (?:his|her|the) (?:head|eyes|mouth))", "facestill"),
        (r"\b(?:expressions?|face|features|demeanor|everything)(?: of (?:the )?\w+)?(?: \w+)? (?:remain|stay|keep"
         r"|maintain|is|are|was)\w* "
         r"(?:\w+ ){0,2}?(?:unchanged|constant|same|still|motionless|steady|consistent|stable)\b"
         r"|\bmaint\w+ the same (?:\w+ )?expression\b|\bexpression does not change\b|\bunchanged expression\b",
         "facestill"),
        (r"\bno expression\b|\bexpressionless\b|\bwithout (?:any )?expression\b", "facestill"),
        (r"\bno longer\b|\bceases? to\b", "not"),
        (r"\bdraw(?:s|n|ing)? (?:closer )?together\b|\bpull(?:s|ed|ing)? (?:closer )?together\b"
         r"|\bclose together\b|\bcom(?:e|es|ing) together\b|\binward\b(?= and up)", "knit"),
        (r"\b(?:lets? out|gives?|takes?|heaves?) (?:a |an )?(?:\w+ )?(sigh|breath|laugh|smile|nod|cry)s?\b", r"\1"),
        (r"\bsticks? out|sticking out|stuck out|pok(?:es|ing) out\b", "protrudes"),
        (r"\bthrow(?:s|n|ing)?\b", "tilts"),
        (r"\bon the verge of\b|\bis about to\b|\bas if (?:she|he|they) (?:is|was|were) about to\b|\bas if to\b", "as"),
        (r"\bopen(s|ed|ing)? (his|her|their|the) (eyes|mouth|lips) (?:very )?wide(?:ly|r)?\b", r"wideopen \2 \3"),
        (r"\bwider open\b|\bopen(s|ed|ing)? (?:up )?(?:even )?wider\b|\bwide[- ]open(?:ed)?\b|\bopen(s|ed|ing)?"
         r" wide(?:ly)?\b(?! enough)", "wideopen"),
        (r"\bbit by bit|little by little|a lot of|at all\b", ""),
        (r"\ba (?:bit|little)\b|\bto some extent\b|\ba trifle\b", "slightly"),
        (r"\b(left|right) (?:side|corner) of the (?:camera|screen|video|frame|picture|lens)\b", r"\1"),
        (r"\bup(?:wards?)?(?: and)? (?:to(?:wards?)? )?(?:the )?(left|right)\b(?! eye| brow| corner)", r"upper-\1"),
        (r"\bdown(?:wards?)?(?: and)? (?:to(?:wards?)? )?(?:the )?(left|right)\b(?! eye| brow| corner)", r"lower-\1"),
        (r"\b(left|right) and (up|down)(?:wards?)?\b", r"\1 \2"),
        (r"\bbreath(es|ing|ed?) out\b", "exhales"),
        (r"\bthe same (?:direction|time)\b", ""),
        (r"\b(on|between|at|of|along) (?:his |her |the |their )?(forehead|(?:eye)?brows?|nosebridge|nose|eyecorner)"
         r",? and (?:on |between |at |along |around |in )?(?:his |her |the |their )?(?=forehead|eyebrow|brow|nosebridge"
         r"|eyecorner|nose)", r"\1 \2 "),
        (r"\beyes (are |were )?(\w+ly )?(droop\w*|sag\w*)", r"eyelids \2\3"),
        (r"\bdrooping eyes\b", "drooping eyelids"),
        (r"\bopen(?:s|ed|ing)? less(?: wide(?:ly)?)?\b", "narrows"),
        (r"\bin the same (?:direction|position|way)\b", ""),
    )
)

# Time markers: (pattern, time in [0, 1] of the clip). Sequence words ("then") keep the current time.
TIMES: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(pattern), time)
    for pattern, time in (
        (r"\bfirst half\b", 0.25),
        (r"\b(?:second|latter|later) half\b|\b(?:later|latter|second) (?:parts?|stages?|portion|section)\b"
         r"|\bmiddle (?:to|and) (?:later|latter|end)\b|\bmiddle-to-later\b", 0.75),
        (r"\b(?:at|in|from|towards?) (?:the )?(?:very )?(?:beginning|start|outset|opening)\b|^to (?:begin|start)\b"
         r"|\binitially\b|\bat first\b|\bfirst(?:ly)?\b(?=,| (?:his|her|the|he|she|it)\b)"
         r"|\b(?:when|as) the (?:video|clip) (?:opens|begins|starts)\b"
         r"|\bthe (?:video|clip) (?:opens|begins|starts)\b|\bstarts out\b", 0.0),
        (r"\b(?:by|at|towards?|near|until|till|in) the (?:very )?(?:end|finish|close|final|last)\b|\bfinally\b"
         r"|\bat last\b|\blast(?:ly|ing)\b|\bin the (?:final|last|closing|ending)\b|\bend(?:ing)? of the (?:video|clip)"
         r"|\beventually\b|\bin the end\b", 1.0),
        (r"\bin the middle\b|\bmidway\b|\bhalfway\b|\bmiddle (?:part|of the video|section|stage)\b"
         r"|\bmid-?video\b", 0.5),
        (r"\bas (?:the|his|her|their) (?:video|clip|time|conversation|scene|plot|footage|story|speech|emotions?)"
         r"|\bas time\b|\bprogress(?:es|ed|ing)\b|\bover time\b|\bwith time\b|\blater(?: on)?\b|\bsubsequently\b"
         r"|\bin the (?:following|next|subsequent)\b|\bthe (?:video|clip) (?:continues|goes on|plays)", 0.3),
    )
)

PARTS = _table({
    "head": "head heads",
    "face": "face faces expression expressions countenance features demeanor muscles",
    "forehead": "forehead foreheads",
    "brows": "eyebrow eyebrows brow brows",
    "eyes": "eye eyes",
    "lids": "eyelid eyelids lid lids upperlid",
    "lowerlid": "lowerlid",
    "gaze": "eyeballs gaze gazes glance vision sight",
    "eyecorner": "eyecorner",
    "nose": "nose nosebridge",
    "nostrils": "nostril nostrils",
    "cheeks": "cheek cheeks cheekbone cheekbones",
    "mouth": "mouth lip lips mouths",
    "mouthgap": "mouthgap gap",
    "upperlip": "upperlip",
    "lowerlip": "lowerlip",
    "corners": "corner corners",
    "teeth": "teeth tooth gums gum",
    "tongue": "tongue",
    "chin": "chin jaw jaws jawline",
    "wrinkles": "wrinkles wrinkle lines creases folds nasolabial eyewrinkles",
    "tears": "tears tear",
    "hand": "hand hands finger fingers fist arm arms",
    "body": "body shoulders shoulder torso neck posture chest",
})
# Where a wrinkle lies, by the other parts named with it.
PLACES = {"forehead": "forehead", "brows": "brows", "nose": "nose", "eyecorner": "eyes", "eyes": "eyes",
          "corners": "mouth", "mouth": "mouth", "cheeks": "mouth", "lids": "eyes", "lowerlid": "eyes"}

ACTIONS = _table({
    "raise": _verb("lift", "raise", "elevate", "arch", "uplift", "hoist", "perk")
    + " rise rises rose risen rising upturned upturn upturns upturning",
    "lower": _verb("lower", "drop+", "droop", "dip+", "descend", "bow", "sag+", "downturn", "slump")
    + " fall falls fell fallen falling sink sinks sank sunk sinking downcast droopy hang hangs hanging frowny",
    "open": _verb("open", "reopen", "gape") + " ajar agape apart unsealed parted parting parts part",
    "wideopen": "wideopen",
    "halfopen": "halfopen",
    "openclose": "openclose",
    "close": _verb("close", "seal") + " shut shuts shutting together closure",
    "widen": _verb("widen", "enlarge", "expand", "dilate", "broaden") + " wide wider flare flares flared flaring",
    "narrow": _verb("narrow", "squint", "shrink", "reduce") + " smaller slit slits narrower narrowing",
    "furrow": _verb("furrow", "crease", "scrunch", "scowl", "crinkle", "wrinkle") + " knit knits knitted knitting"
    " wrinkly",
    "frown": _verb("frown"),
    "relax": _verb("relax", "soften", "loosen", "smooth", "smoothen", "unfurrow", "ease", "slacken", "unwrinkle")
    + " normalises softer",
    "turn": _verb("turn", "rotate", "twist", "swivel", "pivot") + " turned rotation",
    "tilt": _verb("tilt", "lean", "incline", "tip+", "slant", "cock"),
    "go": "go goes went going come comes came coming",
    "move": _verb("move", "shift", "drift", "dart", "flick", "slide", "approach", "travel", "swirl")
    + " movement movements motion motions",
    "sway": _verb("sway", "rock", "wobble", "shake", "bob+") + " swing swings swung swinging shook shaken shaking",
    "nod": _verb("nod+"),
    "stretch": _verb("stretch", "pull", "extend", "tug+", "spread") + " drawn draws drawing outstretched",
    "retract": _verb("retract", "withdraw", "recede", "contract", "retreat"),
    "tighten": _verb("tighten", "tense", "stiffen", "strain") + " tight tensed",
    "clench": _verb("clench", "grit+"),
    "purse": _verb("purse", "pucker"),
    "pout": _verb("pout", "protrude", "jut+", "push") + " pushes pushed bulging",
    "press": _verb("press", "compress", "squeeze"),
    "curl": _verb("curl", "curve", "curve") + " curvature",
    "tremble": _verb("tremble", "quiver", "twitch", "flicker", "shiver"),
    "blink": _verb("blink", "flutter"),
    "wink": _verb("wink"),
    "roll": _verb("roll"),
    "look": _verb("look", "gaze", "stare", "glance", "peer", "focus", "fix", "stare", "scan+") + " facing gazes fixed"
    " focused focuses directed direction eyeing staring fixated fixed",
    "face": "faces facing face",
    "show": _verb("reveal", "show", "expose", "bare", "display", "exhibit") + " visible seen shown showing",
    "cover": _verb("cover", "hide") + " covered",
    "bite": _verb("bite") + " bit bites biting",
    "lick": _verb("lick"),
    "swallow": _verb("swallow", "gulp"),
    "breathe": _verb("breathe", "inhale") + " breath breaths breathing",
    "exhale": _verb("exhale", "sigh", "blow") + " blows blown",
    "puff": _verb("puff", "bulge", "inflate"),
    "deflate": _verb("deflate"),
    "speak": _verb("speak", "talk", "converse", "chat+", "communicate") + " spoke spoken say says said saying speech"
    " words talks answers answering replies questions questioning narrating explaining describing stating",
    "sing": _verb("sing") + " sang sung",
    "shout": _verb("shout", "yell", "scream"),
    "silent": "silent quiet silence",
    "smile": _verb("smile", "grin+", "beam", "smirk"),
    "laugh": _verb("laugh", "chuckle", "giggle") + " laughter",
    "cry": _verb("cry", "sob+", "weep") + " wept watery teary",
    "appear": _verb("appear", "emerge", "form", "deepen", "reappear") + " deeper pronounced prominent obvious evident"
    " apparent noticeable present clear form forming formed",
    "disappear": _verb("disappear", "vanish", "fade", "lessen", "lighten") + " gone shallower",
    "return": _verb("return", "straighten", "reposition", "recenter", "realign") + " upright",
    "grimace": _verb("grimace"),
    "follow": _verb("follow"),
})
# Forms that are adjectives of a lasting look in a description ("arched eyebrows", "a prominent nose").
LOOKS = frozenset("arched curved curly curled prominent clear full narrow wide slit larger parted evident deep watery"
                  " teary tear".split())

# What an action moves when no part is named.
IMPLIED = {"blink": "eyes", "wink": "eyes", "look": "gaze", "face": "gaze", "frown": "brows", "nod": "head",
           "speak": "speech", "sing": "speech", "shout": "speech", "silent": "speech", "smile": "corners",
           "laugh": "laugh", "cry": "tears", "breathe": "breath", "exhale": "breath", "swallow": "throat",
           "pout": "mouth", "purse": "mouth", "wideopen": None, "grimace": "mouth", "squint": "eyes"}
IMPLIED_WORDS = {word: part for verb, part in (("squint", "eyes"), ("scowl", "brows"), ("bow", "head"))
                 for word in _verb(verb).split()}

DIRECTIONS = _table({
    "left": "left leftward leftwards front-left left-front",
    "right": "right rightward rightwards front-right right-front",
    "up": "up upward upwards above upper-left upper-right overhead",
    "down": "down downward downwards below lower-left lower-right downside",
    "front": "forward forwards ahead front straight frontward forth",
    "back": "back backward backwards behind rearward",
    "center": "center centre middle central upright neutral",
    "out": "outward outwards sideways sides side apart laterally horizontally",
    "in": "inward inwards inside",
    "updown": "updown",
    "sidetoside": "sidetoside around sidewise",
})
SLIGHT = frozenset("slightly slight gently faint faintly lightly subtle subtly somewhat softly gentle little small"
                   " minor barely".split())
STRONG = frozenset("wide widely wider tightly tighter deeply deep heavily forcefully broadly broad fully firmly"
                   " strongly vigorously very completely much high loudly hard intensely significantly noticeably"
                   " wideopen yells shouts".split())
NOT = frozenset("no not without never neither nor cannot lacks lacking".split())
STOP = frozenset("stop stops stopped stopping cease ceases ceasing ceased quit quits quitting finish finishes finished"
                 " ends ending".split())
PAUSE = frozenset("pause pauses paused pausing".split())
START = frozenset("start starts started starting begin begins began beginning resume resumes resuming resumed".split())
GO_ON = frozenset("continue continues continued continuing keep keeps keeping kept still remain remains remained"
                  " remaining stay stays maintain maintains maintaining".split())
MALE = frozenset("he his him himself man men boy boys male gentleman guy father".split())
FEMALE = frozenset("she her hers herself woman women girl girls female lady mother nun witch nurse".split())
# A clause about looks, not movement.
APPEARANCE = frozenset(
    "hair haired skin skinned complexion wears wearing wore glasses sunglasses earring earrings necklace years old"
    " bangs beard stubble ponytail mustache goatee hairstyle hat cap helmet scarf headscarf hairline headband makeup"
    " lipstick freckles sockets hairpin hairpins eyeshadow braid braids bun braided dressed clothes clothing suit shirt"
    " jacket shaped contours contour adorned accessories sideburns hairdo updo".split())
# A clause that opens with one of these says what a movement means, not that something moves.
MEANING = frozenset("indicating suggesting conveying expressing giving implying signifying reflecting making creating"
                    " seeming seemingly appearing".split())
