"""The words for what is seen: appearance changes of each measured action unit, by intensity, side and company.

The changes follow Ekman, Friesen & Hager, *FACS: the Manual* (2002); the sentences are ours. Folds, bulges and
wrinkles are only claimed from level C on, where they can be expected on most faces.

``{pre}`` stands before a participle ("slightly raised"), ``{post}`` after a verb ("raised a little"), ``{adj}`` is an
article with an adjective ("a slight"), ``{side}`` is the subject's own left or right.
"""

from __future__ import annotations

from functools import lru_cache

from emoreason.data_pipeline.grammar import Pool, Template, pool
from emoreason.facs import LETTERS

BANDS = "ABCDE"
# Names of action units that read badly as "the ...".
UNIT_NAMES = {25: "parting of the lips", 28: "lip suck", 43: "closing of the eyes"}
LEVEL_NAMES = {"A": "trace", "B": "slight", "C": "marked", "D": "severe", "E": "maximum"}
PRE = {
    "A": ("barely", "just barely", "very slightly", "minimally", "faintly", "very faintly"),
    "B": ("slightly", "mildly", "somewhat", "lightly", "a little", "gently"),
    "C": ("clearly", "markedly", "noticeably", "distinctly", "visibly", "plainly"),
    "D": ("strongly", "very strongly", "very clearly", "powerfully", "very markedly"),
    "E": ("extremely", "maximally", "fully", "completely"),
}
POST = {
    "A": ("by a trace", "ever so slightly", "just a touch", "by hardly more than a trace", "very faintly",
          "by the smallest amount"),
    "B": ("a little", "slightly", "a bit", "to a slight degree", "lightly", "by a small amount", "mildly"),
    "C": ("clearly", "markedly", "to a marked degree", "distinctly", "noticeably", "by a clear amount", "plainly"),
    "D": ("strongly", "with force", "to a strong degree", "very clearly", "by a large amount", "powerfully", "a lot"),
    "E": ("as far as possible", "to the limit", "to the full", "with full force", "to the maximum", "to the utmost"),
}
ADJ = {
    "A": ("a trace of a", "a very faint", "a barely visible", "a minimal", "only a trace of a", "the faintest"),
    "B": ("a slight", "a small", "a mild", "a light", "a modest"),
    "C": ("a clear", "a marked", "a pronounced", "a distinct", "a noticeable", "a definite"),
    "D": ("a strong", "a severe", "a very strong", "a powerful", "a very marked"),
    "E": ("an extreme", "a maximal", "a full", "the strongest possible"),
}
FRAMES = pool(
    "there is {adj} {move}", "{adj} {move} [shows|is visible|can be seen]", "{adj} {move} is [there|present]",
    "the [face|picture] shows {adj} {move}", "one [sees|can see] {adj} {move}", "{adj} {move} [stands out|is seen]",
    "the face has {adj} {move}", "we see {adj} {move}",
)
FRAMES_SIDED = pool(
    "there is {adj} {move}, [mainly|more] on the {side} side", "on the {side} side there is {adj} {move}",
    "{adj} {move} shows, stronger on the {side}", "{adj} {move} is seen, mostly on the [subject's|person's] {side}",
    "the {side} side [shows|has] {adj} {move}, more than the other",
    "{adj} {move} is visible, chiefly on the {side} side",
)
# The same for an absence.
GONE_FRAMES = pool(
    "there is no {move}", "no {move} [shows|is seen|can be seen|is visible|is there]", "the face shows no {move}",
    "one sees no {move}", "we see no {move}", "the {move} is absent",
    "a {move} does not show", "a {move} cannot be seen", "the face is without a {move}", "there is no sign of a {move}",
)
# Attached to a plain clause when one side is clearly stronger.
SIDED_TAIL = pool(
    "mainly on the {side}", "more on the {side} side", "stronger on the {side}", "above all on the {side} side",
    "chiefly on the subject's {side}", "more so on the {side}", "with the {side} side ahead",
)

# au: moves   what the muscle does, as a noun ("a slight ...")
#     plain   any level; keys such as "high +1 -2" hold only at levels CDE, with AU1 present and AU2 absent
#     side    only when one side is clearly stronger
#     gone    the AU is absent
#     cue     noun phrases for the interpretation: (text, plural)
#     clause  the same as a clause ("because ...")
#     lack    what is missing, after "without" or "there is no" / "would need"
#     must    (subject, verb to do it, verb to undo it): "the inner brows would have to rise / sink back"
WORDS: dict[int, dict] = {
    1: dict(
        moves=("lift of the inner brows", "rise of the inner brow ends", "upward pull on the inner brows",
               "raising of the inner corners of the brows"),
        plain={
            "": ("the inner [ends|corners|parts] of the brows are {pre} [raised|lifted|pulled up|drawn up]",
                 "the inner brows [rise|lift|go up|move up] {post}",
                 "the brows are [raised|lifted] {post} at their inner ends",
                 "the inner brows are {pre} [raised|lifted|drawn upward]",
                 "the middle of the brows is {pre} [pulled up|lifted]"),
            "high": ("the inner brows are {pre} raised and [wrinkle|crease] the middle of the forehead",
                     "the inner brows [rise|lift] {post}, with [short|curved] lines in the middle of the forehead"),
            "high -2": ("the inner brows are {pre} raised, [so that|and] the brows [slope down|slant] to the outside",
                        "the brows take an oblique shape, {pre} [raised|lifted] at the inner ends"),
            "-2": ("the inner part of the brows alone is {pre} [raised|lifted]",
                   "the brows are {pre} raised on the inside alone"),
            "+2": ("the whole [brow|brow line] is {pre} raised, beginning with the inner ends",
                   "the inner brows are {pre} raised together with the outer ones"),
            "+4": ("the inner brows are {pre} raised while they are [also pulled|also drawn] together",
                   "the inner brow ends are {pre} drawn up and in"),
        },
        side=("the inner end of the {side} brow is {pre} [raised|lifted]",),
        gone=("the inner brows are not [raised|lifted|pulled up][|| at all| here| in any visible way]",
              "the inner brow ends [stay|remain|are] [down|low]",
              "the inner brows do not go up[|| at all| here| visibly]",
              "the inner corners of the brows do not rise[|| at all| here| visibly]",),
        cue=(("the raised inner brows", 1), ("the lifted inner brow ends", 1),
             ("the upward pull on the inner brows", 0),
             ("the lift of the inner brows", 0)),
        clause=("the inner brows are raised", "the inner brow ends are pulled up", "the inner brows go up"),
        lack=("raised inner brows", "a lift of the inner brows", "inner brows that are pulled up"),
        must=("the inner brows", ("rise", "be pulled up", "lift"), ("come down", "sink back", "settle")),
    ),
    2: dict(
        moves=("lift of the outer brows", "rise of the outer brow ends", "raising of the outer parts of the brows",
               "upward arch of the outer brows"),
        plain={
            "": ("the outer [ends|parts|halves] of the brows are {pre} [raised|lifted|pulled up]",
                 "the outer brows [rise|lift|go up|move up] {post}",
                 "the brows are [raised|lifted] {post} at their outer ends",
                 "the outer brows are {pre} [raised|lifted|arched]"),
            "high": ("the outer brows are {pre} raised and stretch the skin above the eyes",
                     "the outer brows arch {post}, with lines on the sides of the forehead"),
            "+1": ("the outer brows [go up|rise] too, {pre} raised",
                   "the outer ends of the brows [follow|rise as well], {pre} lifted",
                   "the outer brows are {pre} raised along with the inner ones"),
            "high +1": ("the outer brows rise {post} too, and lines run across the [whole|entire] forehead",),
            "-1": ("the outer part of the brows alone is {pre} [raised|lifted]",
                   "the tails of the brows are {pre} raised"),
        },
        side=("the outer part of the {side} brow is {pre} [raised|lifted]",
              "the {side} brow is {pre} [arched|cocked] at its outer end"),
        gone=("the outer brows are not [raised|lifted|arched][|| at all| here| in any visible way]",
              "the outer brow ends [stay|remain|are] [down|low]",
              "the outer brows do not go up[|| at all| here| visibly]",
              "the outer parts of the brows do not rise[|| at all| here| visibly]",),
        cue=(("the raised outer brows", 1), ("the lifted outer brow ends", 1), ("the arch of the outer brows", 0)),
        clause=("the outer brows are raised", "the outer brow ends go up", "the outer brows arch"),
        lack=("raised outer brows", "a lift of the outer brows", "outer brows that are pulled up"),
        must=("the outer brows", ("rise", "go up", "lift"), ("come down", "sink back", "settle")),
    ),
    4: dict(
        moves=("frown of the brows", "lowering of the brows", "pull of the brows toward each other",
               "knitting of the brows", "drawing together of the brows"),
        plain={
            "": ("the brows are {pre} [knitted|drawn together|pulled together]",
                 "the brows [draw|pull] together {post}",
                 "the brows are [knitted|drawn together] {post}", "the brows are {pre} drawn in toward the nose"),
            "-1": ("the brows are {pre} [lowered|pulled down|drawn down]",
                   "the brows [sink|come down|are lowered] {post}",
                   "the brows are {pre} lowered and drawn together", "the brows [frown|knit] {post}",
                   "the brow line is {pre} [lowered|pulled down]"),
            "high": ("the brows are {pre} drawn together, with [upright|vertical] lines between them",
                     "the brows are {pre} knitted, [forming|leaving] [a fold|a crease|upright folds] between them"),
            "high -1": ("the brows are {pre} lowered and [crowd|press on] the eyes from above",
                        "the brows are {pre} pulled down and together, with a furrow between them"),
            "+1": ("the brows are {pre} pulled together [although|while] their inner ends go up",
                   "the brows are {pre} drawn toward each other as well"),
            "+9": ("the brows are {pre} [drawn down|pulled in] over the wrinkled nose",),
        },
        side=("the {side} brow is {pre} [lowered|pulled in], more than the other",),
        gone=("the brows are not [lowered|knitted|drawn together][|| at all| here| in any visible way]",
              "no frown [shows|is seen] between the brows", "the brows [stay|remain] [apart|well apart|wide apart]",
              "the space between the brows is [smooth|free of folds]",
              "the brows do not frown[|| at all| here| visibly]",),
        cue=(("the lowered brows", 1), ("the knitted brows", 1), ("the frown", 0), ("the brows drawn together", 1)),
        clause=("the brows are knitted", "the brows are drawn together", "the brows frown"),
        lack=("knitted brows", "a frown of the brows", "brows that are drawn together"),
        must=("the brows", ("be drawn together", "knit", "frown"), ("relax", "smooth out", "move apart")),
    ),
    5: dict(
        moves=("lift of the upper eyelids", "widening of the eyes", "raising of the upper lids",
               "upward pull on the upper lids"),
        plain={
            "": ("the upper [eyelids|lids] are {pre} [raised|lifted|pulled up]", "the upper lids [rise|lift] {post}",
                 "the eyes are {pre} widened [by|through] the raised upper lids", "the upper lids are drawn up {post}",
                 "the eyes are {pre} [widened|wide]"),
            "high": ("the upper lids are {pre} raised, [so that|and] white shows above the iris",
                     "the eyes are {pre} widened into a stare", "the eyes stare, with the upper lids {pre} raised",
                     "the upper lids are {pre} pulled up and [lay open|uncover] more of the eyeballs"),
            "+4": ("under the drawn brows, the upper lids are {pre} raised",
                   "the eyes are {pre} widened under the knitted brows"),
            "+2": ("the eyes are {pre} widened below the raised brows",),
            "+7": ("the upper lids are {pre} raised, which gives a hard stare with the tense lower lids",),
        },
        side=("the upper lid of the {side} eye is {pre} raised",
              "the {side} eye is {pre} widened, more than the other"),
        gone=("the upper eyelids are not [raised|widened][|| at all| here| in any visible way]",
              "the eyes are not widened[|| at all| here]", "the upper lids [stay|rest] at their usual height",
              "there is no stare", "the upper lids do not lift[|| at all| here| visibly]",),
        cue=(("the raised upper lids", 1), ("the widened eyes", 1), ("the wide eyes", 1),
             ("the lift of the upper lids", 0)),
        clause=("the upper lids are raised", "the eyes are widened", "the eyes open wide"),
        lack=("raised upper lids", "widened eyes", "a lift of the upper lids"),
        must=("the upper lids", ("rise", "be raised", "lift"), ("come down", "relax", "sink back")),
    ),
    6: dict(
        moves=("lift of the cheeks", "raising of the cheeks", "rise of the cheeks toward the eyes",
               "gathering of the skin around the eyes"),
        plain={
            "": ("the cheeks are {pre} [raised|lifted|pushed up]", "the cheeks [rise|lift|move up] {post}",
                 "the cheeks [push|press] up {post} toward the eyes",
                 "the skin around the eyes is {pre} [gathered|drawn in]",
                 "the cheeks are {pre} [raised|lifted] toward the lower lids"),
            "high": ("the cheeks are {pre} raised, with [fine lines|crow's feet] at the outer eye corners",
                     "the cheeks are {pre} lifted and [narrow the eyes from below|bunch the skin below the eyes]",
                     "the cheeks push up {post} and [crease|fold] the skin under the eyes"),
            "+12": ("the cheeks [rise|go up] with the smile, {pre} lifted",
                    "the smile [reaches|extends to] the cheeks, which are {pre} raised"),
            "-12": ("the cheeks are {pre} raised although the lip corners are not [pulled up|lifted]",
                    "the eye ring muscle lifts the cheeks {post}"),
            "+9": ("the cheeks are {pre} bunched up beside the wrinkled nose",),
        },
        side=("the {side} cheek is {pre} [raised|lifted]", "the {side} cheek rises {post}, more than the other"),
        gone=("the cheeks are not [raised|lifted|pushed up][|| at all| here| in any visible way]",
              "the cheeks stay [flat|low]", "the skin around the eyes [stays smooth|is relaxed|is not gathered]",
              "the cheeks do not [rise|push up][|| at all| here| visibly]",),
        cue=(("the raised cheeks", 1), ("the lifted cheeks", 1), ("the lift of the cheeks", 0),
             ("the gathered skin around the eyes", 0)),
        clause=("the cheeks are raised", "the cheeks push up", "the cheeks are lifted toward the eyes"),
        lack=("raised cheeks", "a lift of the cheeks", "cheeks that push up"),
        must=("the cheeks", ("rise", "lift", "push up"), ("come down", "relax", "settle")),
    ),
    7: dict(
        moves=("tightening of the eyelids", "narrowing of the eyes", "tension of the lower lids",
               "squeeze of the lids"),
        plain={
            "": ("the [eyelids|lids] are {pre} [tightened|tensed|narrowed]",
                 "the lower lids are {pre} [tensed|tightened|drawn up]",
                 "the lids [tighten|tense|narrow] {post}", "the eyes [narrow|are narrowed] {post}",
                 "the lower lids [rise|tighten] {post}"),
            "high": ("the lids are {pre} tightened and [narrow the eyes|leave only a narrow opening]",
                     "the lower lids are {pre} [raised|drawn up] and straightened",
                     "the lids tighten {post}, with a bulge along the lower lids"),
            "+4": ("below the drawn brows, the lids are {pre} tightened",
                   "the eyes are {pre} narrowed under the knitted brows"),
            "+5": ("the lower lids are {pre} tensed while the upper lids are raised",),
            "+6": ("the lower lids tighten {post} above the raised cheeks",),
        },
        side=("the lids of the {side} eye are {pre} [tightened|narrowed]",
              "the {side} eye is {pre} narrowed, more than the other"),
        gone=("the eyelids are not [tightened|tensed|narrowed][|| at all| here| in any visible way]",
              "the lower lids [stay|are] [relaxed|soft|at rest]", "the eyes are not narrowed[|| at all| here]",
              "the lids do not tighten[|| at all| here| visibly]",),
        cue=(("the tightened eyelids", 1), ("the tense lids", 1), ("the narrowed eyes", 1),
             ("the tension of the lower lids", 0)),
        clause=("the eyelids are tightened", "the lids are tense", "the eyes narrow"),
        lack=("tightened eyelids", "tense lids", "a narrowing of the eyes"),
        must=("the eyelids", ("tighten", "tense up", "narrow the eyes"), ("relax", "loosen", "soften")),
    ),
    9: dict(
        moves=("wrinkling of the nose", "upward pull on the sides of the nose", "scrunch of the nose",
               "crinkle of the nose"),
        plain={
            "": ("the nose is {pre} [wrinkled|crinkled|scrunched]", "the nose [wrinkles|crinkles] {post}",
                 "the skin [along|beside] the nose is {pre} [pulled up|drawn up]",
                 "the sides of the nose are {pre} drawn up"),
            "high": ("the nose is {pre} wrinkled, with [lines|folds|creases] across its [root|bridge]",
                     "the nose wrinkles {post} and [pulls|draws] the inner brows down",
                     "the sides of the nose are {pre} drawn up and [lift|raise] the nostrils"),
            "+10": ("the nose is {pre} wrinkled above the lifted upper lip",
                    "with the upper lip, the nose is drawn up {post}"),
        },
        side=("the {side} side of the nose is {pre} [wrinkled|drawn up]",),
        gone=("the nose is not [wrinkled|crinkled|scrunched][|| at all| here| in any visible way]",
              "the nose stays [smooth|relaxed|at rest]", "no wrinkles form on the nose",
              "the skin beside the nose is [smooth|relaxed]",
              "the nose does not [wrinkle|crinkle][|| at all| here| visibly]",),
        cue=(("the wrinkled nose", 0), ("the crinkled nose", 0), ("the wrinkling of the nose", 0)),
        clause=("the nose is wrinkled", "the nose wrinkles", "the sides of the nose are drawn up"),
        lack=("a wrinkled nose", "wrinkling of the nose", "a nose that wrinkles"),
        must=("the nose", ("wrinkle", "crinkle", "be drawn up"), ("smooth out", "relax", "come to rest")),
    ),
    10: dict(
        moves=("lift of the upper lip", "raising of the upper lip", "upward pull on the upper lip",
               "rise of the middle of the upper lip"),
        plain={
            "": ("the upper lip is {pre} [raised|lifted|pulled up|drawn up]",
                 "the upper lip [rises|lifts|goes up] {post}",
                 "the [middle|center] of the upper lip is {pre} [raised|pulled up]",
                 "the upper lip is drawn up {post} toward the nose"),
            "high": ("the upper lip is {pre} raised, [deepening|and deepens] the folds beside the nose",
                     "the upper lip is {pre} pulled up and [takes on a square shape|bends at an angle]",
                     "the upper lip rises {post} and [pushes up|widens] the nostrils"),
            "+9": ("the upper lip [follows|goes up with] the wrinkled nose, {pre} raised",),
            "+25": ("the upper lip is {pre} [raised|lifted] away from the lower lip",),
            "+12": ("besides the lifted corners, the middle of the upper lip is {pre} raised",),
        },
        side=("the {side} side of the upper lip is {pre} [raised|lifted|pulled up]",
              "the upper lip is {pre} curled up on the {side}"),
        gone=("the upper lip is not [raised|lifted|pulled up][|| at all| here| in any visible way]",
              "the upper lip stays down", "the upper lip does not [rise|curl][|| at all| here| visibly]",),
        cue=(("the raised upper lip", 0), ("the lifted upper lip", 0), ("the upward pull on the upper lip", 0)),
        clause=("the upper lip is raised", "the upper lip is pulled up", "the upper lip lifts"),
        lack=("a raised upper lip", "a lift of the upper lip"),
        must=("the upper lip", ("rise", "lift", "be pulled up"), ("come down", "relax", "settle")),
    ),
    12: dict(
        moves=("lift of the lip corners", "upward pull on the lip corners", "smile movement at the lip corners",
               "rise of the mouth corners", "raising of the corners of the mouth"),
        plain={
            "": ("the lip corners are {pre} [raised|lifted|pulled up|drawn up]",
                 "the [mouth|lip] corners [rise|lift|go up|curve up] {post}",
                 "the corners of the mouth are {pre} [raised|lifted|pulled up and back]",
                 "the lip corners are drawn back and up {post}",
                 "the mouth [curves|bends] upward {post} at its corners",
                 "the mouth is {pre} [curved|drawn] into a smile"),
            "low": ("a smile [begins|starts] at the lip corners, which are {pre} raised",),
            "high": ("the lip corners are {pre} raised, [deepening|and deepen] the folds from nose to mouth",
                     "the smile pulls the lip corners {post} up toward the cheekbones",
                     "the mouth corners are {pre} drawn up and back, [widening the mouth|with fuller cheeks]"),
            "+25": ("the lip corners are {pre} raised in [an open|an open-lipped] smile",
                    "the parted lips are {pre} drawn up at the corners"),
            "-25": ("with closed lips, the mouth corners are {pre} [raised|lifted]",),
            "+15": ("the lip corners are {pre} pulled up against the downward pull",),
        },
        side=("the {side} lip corner is {pre} [raised|lifted|pulled up]",
              "the mouth is drawn up {post} on the {side}, more than on the other side",
              "the {side} corner of the mouth [rises|goes up] {post}, ahead of the other"),
        gone=("the lip corners are not [raised|lifted|pulled up][|| at all| here| in any visible way]",
              "no smile [shows|is seen] at the lip corners",
              "the corners of the mouth do not [rise|go up|lift][|| at all| here| visibly]",
              "the mouth corners do not curve up[|| at all| here| visibly]",
              "the lip corners are not drawn up[|| at all| here]",
              "the mouth does not [smile|curve upward][|| at all| here| visibly]",),
        cue=(("the raised lip corners", 1), ("the lifted mouth corners", 1), ("the smile", 0),
             ("the upward pull on the lip corners", 0)),
        clause=("the lip corners are raised", "the mouth corners go up", "the lip corners are pulled up"),
        lack=("raised lip corners", "a lift of the lip corners", "mouth corners that go up"),
        must=("the lip corners", ("rise", "be pulled up", "go up"), ("come down", "relax", "settle")),
    ),
    14: dict(
        moves=("tightening of the lip corners", "dimpling beside the mouth", "inward pull on the lip corners",
               "tuck at the corners of the mouth"),
        plain={
            "": ("the lip corners are {pre} [tightened|tucked in|pulled inward]",
                 "the corners of the mouth [tighten|draw inward] {post}",
                 "the mouth corners are {pre} [pressed|pulled] in", "the lip corners [tuck|pull] in {post}"),
            "high": ("the lip corners are {pre} tightened, with [a dimple|a fold] beside the mouth",
                     "the mouth corners are {pre} pulled in and [dimple|crease] the cheeks"),
            "+12": ("the raised lip corners are also {pre} [tightened|tucked in]",),
        },
        side=("the {side} lip corner is {pre} [tightened|tucked in|pulled inward]",
              "the mouth tightens {post} at its {side} corner, more than at the other",
              "a one-sided tuck marks the {side} lip corner, {pre} tightened"),
        gone=("the lip corners are not [tightened|tucked in][|| at all| here]", "no dimpling shows beside the mouth",
              "the mouth corners do not tuck in[|| at all| here| visibly]",
              "the corners of the mouth are not pulled inward[|| at all| here]",),
        cue=(("the tightened lip corners", 1), ("the tucked-in mouth corners", 1),
             ("the inward pull on the lip corners", 0)),
        clause=("the lip corners are tightened", "the mouth corners are pulled inward", "the lip corners tuck in"),
        lack=("a tightened lip corner", "a tuck at one lip corner"),
        must=("one lip corner", ("tighten", "be pulled inward", "tuck in"), ("loosen", "relax", "soften")),
    ),
    15: dict(
        moves=("drop of the lip corners", "downward pull on the lip corners", "lowering of the mouth corners",
               "downturn of the mouth"),
        plain={
            "": ("the lip corners are {pre} [lowered|pulled down|drawn down|turned down]",
                 "the [mouth|lip] corners [sink|drop|go down|turn down] {post}",
                 "the corners of the mouth are {pre} [lowered|turned down]",
                 "the mouth [turns|bends|curves] down {post} at its corners"),
            "high": ("the lip corners are {pre} pulled down, with [a fold|small pouches] below them",
                     "the lip corners are {pre} lowered and [stretch|flatten] the lower lip",
                     "the mouth takes a downward curve, its corners {pre} lowered"),
            "+17": ("above the raised chin, the lip corners are {pre} turned down",),
            "+12": ("the lip corners are {pre} held down against the upward pull",),
        },
        side=("the {side} lip corner is {pre} [lowered|pulled down]",
              "the mouth sinks {post} at its {side} corner, more than at the other"),
        gone=("the lip corners are not [lowered|pulled down|turned down][|| at all| here| in any visible way]",
              "the mouth corners do not [sink|drop|turn down][|| at all| here| visibly]",
              "the mouth is not turned down[|| at all| here]",),
        cue=(("the lowered lip corners", 1), ("the downturned mouth", 0), ("the drop of the lip corners", 0),
             ("the downward pull on the mouth corners", 0)),
        clause=("the lip corners are pulled down", "the mouth corners turn down", "the lip corners are lowered"),
        lack=("lowered lip corners", "a drop of the lip corners", "mouth corners that turn down"),
        must=("the lip corners", ("turn down", "sink", "be pulled down"), ("come back up", "relax", "return to rest")),
    ),
    17: dict(
        moves=("raising of the chin", "upward push of the chin", "lift of the chin and lower lip",
               "bunching of the chin"),
        plain={
            "": ("the chin is {pre} [raised|pushed up|bunched]", "the chin [pushes|presses] up {post}",
                 "the [chin|skin of the chin] is {pre} drawn upward",
                 "the chin [lifts|raises] the lower lip {post}", "the lower lip is {pre} pushed up from below"),
            "high": ("the chin is {pre} raised and [wrinkled|dimpled]",
                     "the chin is {pre} pushed up, [bulging|with a bulge] under the lower lip",
                     "the chin pushes the lower lip up {post} and [bows|curves] the mouth"),
            "+15": ("the chin is {pre} raised under the lowered mouth corners",),
            "+24": ("the chin is {pre} pushed up against the pressed lips",),
        },
        side=(),
        gone=("the chin is not [raised|pushed up|bunched][|| at all| here| in any visible way]",
              "the chin stays [smooth|relaxed|at rest]", "the chin does not push up[|| at all| here| visibly]",),
        cue=(("the raised chin", 0), ("the bunched chin", 0), ("the upward push of the chin", 0)),
        clause=("the chin is raised", "the chin pushes up", "the chin is bunched"),
        lack=("a raised chin", "an upward push of the chin"),
        must=("the chin", ("push up", "rise", "bunch"), ("relax", "smooth out", "sink back")),
    ),
    18: dict(
        moves=("pucker of the lips", "pursing of the lips", "forward push of the lips", "drawing together of the lips"),
        plain={
            "": ("the lips are {pre} [puckered|pursed|drawn together]", "the lips [pucker|purse|push forward] {post}",
                 "the mouth is {pre} [puckered|drawn in from the sides]",
                 "the lips are {pre} pushed forward and narrowed"),
            "high": ("the lips are {pre} puckered, with small lines around them",
                     "the lips are {pre} pursed, so that the mouth looks small and round"),
        },
        side=(),
        gone=("the lips are not [puckered|pursed][|| at all| here| in any visible way]",
              "the lips are not pushed forward[|| at all| here]",),
        cue=(("the puckered lips", 1), ("the pursed lips", 1)),
        clause=("the lips are puckered", "the lips are pursed"),
        lack=("puckered lips", "a pucker of the lips"),
        must=("the lips", ("pucker", "push forward"), ("loosen", "relax")),
    ),
    20: dict(
        moves=("sideways stretch of the lips", "stretch of the mouth to the sides", "pull of the lips toward the ears",
               "widening of the mouth"),
        plain={
            "": ("the lips are {pre} [stretched|pulled|drawn] [sideways|to the sides]",
                 "the lips [stretch|pull] {post} to the sides",
                 "the mouth is {pre} [stretched sideways|widened|drawn out]",
                 "the lip corners are {pre} pulled back toward the ears"),
            "high": ("the lips are {pre} stretched and look [flat|thin]",
                     "the mouth is {pre} drawn out to the sides, [flattening|and flattens] the chin",
                     "the lips are {pre} pulled sideways, [tensing the neck|with long flat corners]"),
            "+25": ("the parted lips are {pre} stretched to the sides",),
            "+1": ("below the raised brows, the mouth is {pre} stretched sideways",),
        },
        side=("the mouth is {pre} stretched to the {side}",
              "the {side} lip corner is pulled sideways {post}, more than the other"),
        gone=("the lips are not stretched [sideways|to the sides]",
              "the mouth is not [stretched|drawn out|pulled wide][|| at all| here| in any visible way]",
              "the lips do not stretch sideways[|| at all| here| visibly]",),
        cue=(("the stretched lips", 1), ("the sideways stretch of the mouth", 0), ("the lips drawn to the sides", 1)),
        clause=("the lips are stretched sideways", "the mouth is drawn out to the sides", "the lips stretch"),
        lack=("lips stretched sideways", "a sideways stretch of the mouth"),
        must=("the lips", ("stretch to the sides", "be drawn sideways"), ("relax", "draw back in")),
    ),
    22: dict(
        moves=("funneling of the lips", "outward turn of the lips", "flare of the lips"),
        plain={
            "": ("the lips are {pre} [funneled|turned outward|flared]", "the lips [funnel|turn|flare] outward {post}",
                 "the lips are {pre} pushed out like a funnel"),
            "high": ("the lips are {pre} funneled and show more of their inner side",
                     "the lips turn outward {post}, like a funnel"),
        },
        side=(),
        gone=("the lips are not [funneled|turned outward][|| at all| here| in any visible way]",
              "the lips do not flare[|| at all| here| visibly]",),
        cue=(("the funneled lips", 1), ("the outward turn of the lips", 0)),
        clause=("the lips are funneled", "the lips turn outward"),
        lack=("funneled lips", "an outward turn of the lips"),
        must=("the lips", ("turn outward", "funnel"), ("relax", "draw back")),
    ),
    23: dict(
        moves=("tightening of the lips", "narrowing of the lips", "tension of the lips"),
        plain={
            "": ("the lips are {pre} [tightened|tensed|narrowed]", "the lips [tighten|tense|narrow] {post}",
                 "the red of the lips is {pre} [narrowed|rolled in]",
                 "the mouth is {pre} [tightened|tensed]"),
            "high": ("the lips are {pre} tightened and look thin",
                     "the lips are {pre} tensed, with the red parts drawn in",
                     "the lips tighten {post} into a thin line"),
            "+25": ("the parted lips are {pre} tightened at the same time",),
        },
        side=(),
        gone=("the lips are not [tightened|tensed|narrowed][|| at all| here| in any visible way]",
              "the lips [stay|are] [soft|loose|relaxed]", "the lips do not tighten[|| at all| here| visibly]",),
        cue=(("the tightened lips", 1), ("the tense lips", 1), ("the tension of the lips", 0)),
        clause=("the lips are tightened", "the lips are tense", "the lips narrow"),
        lack=("tightened lips", "tense lips", "a tightening of the lips"),
        must=("the lips", ("tighten", "tense up"), ("loosen", "relax", "soften")),
    ),
    24: dict(
        moves=("pressing of the lips", "squeeze of the lips", "press of lip on lip",
               "pressure of the lips against each other"),
        plain={
            "": ("the lips are {pre} [pressed|squeezed] together", "the lips [press|squeeze] together {post}",
                 "the lips are pressed on each other {post}",
                 "the mouth is {pre} pressed shut"),
            "high": ("the lips are {pre} pressed together and look [thin|narrow]",
                     "the lips press together {post}, [bulging|with a bulge] around the mouth",
                     "the mouth is {pre} pressed into a thin line"),
            "+17": ("over the raised chin, the lips are {pre} pressed together",),
        },
        side=(),
        gone=("the lips are not pressed [together|on each other]",
              "the lips do not press together[|| at all| here| visibly]",),
        cue=(("the pressed lips", 1), ("the lips pressed together", 1), ("the pressing of the lips", 0)),
        clause=("the lips are pressed together", "the lips press on each other", "the mouth is pressed shut"),
        lack=("pressed lips", "lips pressed together"),
        must=("the lips", ("press together", "be pressed together"), ("loosen", "relax", "soften")),
    ),
    25: dict(
        moves=("parting of the lips", "gap between the lips", "opening of the lips"),
        plain={
            "": ("the lips are {pre} [parted|opened]", "the lips [part|open] {post}",
                 "the mouth opens {post} at the lips", "the lips are {pre} [apart|open]"),
            "low": ("a [narrow|small] gap opens between the lips, which are {pre} parted",),
            "high": ("the lips are {pre} parted, leaving a [clear|broad] gap", "the lips stand {pre} [apart|open]"),
            "+26": ("the lips are {pre} parted with the jaw", "as the jaw sinks, the lips are {pre} parted"),
            "+27": ("the lips are {pre} pulled apart by the wide jaw",),
            "-26 -27": ("the lips are {pre} parted, with the jaw still up",
                        "the lips part {post} while the jaw stays up"),
            "+12": ("the smile opens the lips, which are {pre} parted",),
        },
        side=(),
        gone=("the lips are not parted[|| at all| here]", "the lips [stay|are] [closed|shut|together]",
              "the mouth [is|stays] closed", "the lips do not part[|| at all| here| visibly]",
              "there is no gap between the lips",),
        cue=(("the parted lips", 1), ("the open lips", 1), ("the gap between the lips", 0)),
        clause=("the lips are parted", "the lips are open", "the lips part"),
        lack=("parted lips", "open lips"),
        must=("the lips", ("part", "open"), ("close", "come together")),
    ),
    26: dict(
        moves=("drop of the jaw", "lowering of the jaw", "slackening of the jaw"),
        plain={
            "": ("the jaw is {pre} [lowered|dropped]", "the jaw [drops|sinks|falls] {post}",
                 "the lower jaw comes down {post}", "the lower jaw is {pre} let down"),
            "high": ("the jaw is {pre} dropped and lengthens the lower face",
                     "the jaw hangs down {post}, as if it had gone slack"),
            "+25": ("the mouth hangs open, the jaw {pre} lowered", "the jaw drops {post} and opens the mouth"),
            "-25": ("behind closed lips, the jaw is {pre} lowered",),
        },
        side=(),
        gone=("the jaw is not [lowered|dropped][|| at all| here| in any visible way]",
              "the jaw [stays up|does not drop]", "the jaw [stays|is] closed",),
        cue=(("the dropped jaw", 0), ("the lowered jaw", 0), ("the drop of the jaw", 0)),
        clause=("the jaw drops", "the jaw is lowered", "the jaw has dropped"),
        lack=("a dropped jaw", "a drop of the jaw"),
        must=("the jaw", ("drop", "sink"), ("close", "come up", "rise again")),
    ),
    27: dict(
        moves=("stretch of the mouth downward", "wide opening of the mouth", "downward stretch of the jaw"),
        plain={
            "": ("the mouth is {pre} stretched open", "the jaw is {pre} pulled down, and the mouth gapes",
                 "the mouth is stretched downward {post}",
                 "the jaw stretches the mouth open {post}"),
            "high": ("the mouth gapes, {pre} stretched open", "the mouth is {pre} stretched into a tall opening",
                     "the jaw is {pre} pulled down and flattens the cheeks"),
        },
        side=(),
        gone=("the mouth is not stretched open[|| at all| here]", "the mouth does not gape[|| at all| here| visibly]",
              "the jaw is not pulled down wide",),
        cue=(("the mouth stretched wide open", 0), ("the gaping mouth", 0), ("the wide stretch of the mouth", 0)),
        clause=("the mouth is stretched wide open", "the mouth gapes", "the jaw is pulled far down"),
        lack=("a mouth stretched wide open", "a gaping mouth"),
        must=("the mouth", ("stretch wide open", "gape"), ("close", "come together")),
    ),
    28: dict(
        moves=("sucking in of the lips", "inward roll of the lips", "tucking of the lips over the teeth"),
        plain={
            "": ("the lips are {pre} [sucked in|rolled inward]", "the lips [roll|turn] inward {post}",
                 "the red of the lips is {pre} drawn into the mouth"),
            "high": ("the lips are {pre} sucked in, and little of their red [shows|is left]",
                     "the lips are {pre} rolled in over the teeth"),
        },
        side=(),
        gone=("the lips are not [sucked in|rolled inward][|| at all| here]",
              "the lips do not roll in[|| at all| here| visibly]",),
        cue=(("the lips rolled inward", 1), ("the sucked-in lips", 1)),
        clause=("the lips are rolled inward", "the lips are sucked in"),
        lack=("lips rolled inward", "an inward roll of the lips"),
        must=("the lips", ("roll inward",), ("relax", "come out again")),
    ),
    43: dict(
        moves=("lowering of the upper lids", "closing of the eyes", "drop of the upper eyelids"),
        plain={
            "A": ("the upper lids hang [a trace|a touch] lower than usual", "the upper lids are {pre} lowered",
                  "the eyes are {pre} [closed|narrowed] from above"),
            "B": ("the upper lids [hang|sink] a little", "the upper lids are {pre} lowered over the eyes",
                  "the eyes are {pre} closed from above",
                  "the upper lids droop {post}"),
            "C": ("the eyes are [about half|half] [closed|shut]",
                  "the upper lids [sink|droop] [halfway|about halfway] over the eyes",
                  "the upper lids are {pre} lowered, leaving the eyes half open"),
            "D": ("the eyes are [nearly|almost] [closed|shut]",
                  "the upper lids are lowered until only [slits|narrow slits] remain",
                  "the eyes are [nearly|almost] covered by the upper lids"),
            "E": ("the eyes are [closed|shut|fully closed|completely shut]", "both eyes are [closed|shut]",
                  "the upper lids [cover|are down over] the eyes"),
        },
        side=("the upper lid of the {side} eye is {pre} lowered, more than the other",),
        gone=("the eyes are not closed[|| at all| here]", "the eyes are [open|not shut]",
              "the upper lids do not [droop|sink over the eyes][|| at all| here| visibly]", "the eyes stay open",),
        cue=(("the lowered upper lids", 1), ("the drooping lids", 1)),
        clause=("the upper lids are lowered", "the upper lids come down"),
        lack=("lowered upper lids", "closed eyes"),
        must=("the eyes", ("close", "be shut"), ("open",)),
    ),
}
# Brows that frown while they are raised are not lowered.
RAISED_FROWN_CUES = (("the knitted brows", 1), ("the frown", 0), ("the brows drawn together", 1))
CLOSED_CUES = (("the closed eyes", 1), ("the shut eyes", 1))
# What a reading of the region lists, from the top of the face down.
REGIONS: dict[str, tuple[int, ...]] = {
    "brows": (1, 2, 4), "eyes": (5, 7, 6, 43), "nose": (9,), "cheeks": (6,),
    "mouth": (10, 12, 14, 15, 20, 18, 22, 23, 24, 28, 25, 26, 27), "chin": (17,), "jaw": (26, 27),
}
ORDER = (1, 2, 4, 5, 7, 43, 6, 9, 10, 12, 14, 15, 20, 18, 22, 23, 24, 28, 25, 17, 26, 27)
PLACE = {a: i for i, a in enumerate(ORDER)}


def band(intensity: float) -> str:
    """The FACS letter of an intensity of at least 1: A below 1.5, then one letter per unit."""
    return BANDS[max(0, min(4, int(round(intensity, 1) + 0.5) - 1))]


def shaded(words: tuple[str, ...], intensity: float) -> tuple[str, ...]:
    """The words for this intensity's level without those that say "very", but in the half of the level that is next to
    its end of the scale ("very faintly", "very strongly"): so a weaker movement does not sound the stronger one."""
    far = intensity < 1.25 if band(intensity) == "A" else intensity >= LETTERS[band(intensity)]
    return tuple(w for w in words if far or "very " not in w)


def _conditions(key: str) -> tuple[str, frozenset[int], frozenset[int]]:
    bands, with_, without = BANDS, set(), set()
    for word in key.split():
        if word[0] in "+-":
            (with_ if word[0] == "+" else without).add(int(word[1:]))
        else:
            bands = {"low": "AB", "high": "CDE"}.get(word, word)
    return bands, frozenset(with_), frozenset(without)


_PLAIN: dict[int, list[tuple[str, frozenset[int], frozenset[int], Pool]]] = {
    a: [(*_conditions(key), pool(*texts)) for key, texts in words["plain"].items()] for a, words in WORDS.items()
}
COMPANY = {a: frozenset().union(*(w | wo for _, w, wo, _ in rows)) for a, rows in _PLAIN.items()}
SIDE: dict[int, Pool] = {a: pool(*words["side"]) for a, words in WORDS.items()}
GONE: dict[int, Pool] = {a: pool(*words["gone"]) for a, words in WORDS.items()}


@lru_cache(maxsize=20000)
def plain(au: int, letter: str, present: frozenset[int], absent: frozenset[int]) -> Pool:
    """The templates that may describe ``au`` at this level; those that fit the company count twice.

    Pass only the AUs of ``COMPANY[au]``, so that the cache stays small.
    """
    out: list[Template] = []
    for bands, with_, without, templates in _PLAIN[au]:
        if letter in bands and with_ <= present and without <= absent:
            out += templates * (2 if with_ else 1)
    return tuple(out)
