"""The words of a clip's caption: how each movement begins, is there, and ends; where in the clip that is."""

from __future__ import annotations

from emoreason.data_pipeline.grammar import pool

MOVES: dict[int, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    1: (("the inner brows rise {deg}", "the inner brow ends go up {deg}"), ("the inner brows are {pre}raised",),
        ("the inner brows come down again", "the inner brows relax")),
    2: (("the outer brows rise {deg}", "the outer brows arch {deg}"), ("the outer brows are {pre}raised",),
        ("the outer brows come down again", "the outer brows settle")),
    4: (("the brows draw together {deg}", "the brows knit {deg}", "a frown forms between the brows"),
        ("the brows are {pre}knitted", "the brows are {pre}drawn together"),
        ("the frown eases", "the brows relax")),
    5: (("the eyes widen {deg}", "the upper lids rise {deg}"), ("the eyes are {pre}widened",),
        ("the upper lids come back down", "the eyes return to their usual width")),
    6: (("the cheeks rise {deg}", "the cheeks lift {deg}"), ("the cheeks are {pre}raised",),
        ("the cheeks come down", "the cheeks relax")),
    7: (("the eyes narrow {deg}", "the lids tighten {deg}"), ("the eyes are {pre}narrowed", "the lids are {pre}tight"),
        ("the lids relax", "the eyes are no longer narrowed")),
    9: (("the nose wrinkles {deg}", "the nose crinkles {deg}"), ("the nose is {pre}wrinkled",),
        ("the nose smooths out",)),
    10: (("the upper lip lifts {deg}", "the upper lip rises {deg}"), ("the upper lip is {pre}raised",),
         ("the upper lip comes down",)),
    12: (("the mouth corners go up {deg}", "a smile forms", "the lip corners rise {deg}"),
         ("the mouth corners are {pre}raised", "the mouth shows a smile"), ("the smile fades",
                                                                            "the mouth corners come down")),
    14: (("the lip corners tighten {deg}", "the mouth corners tuck in {deg}"), ("the lip corners are {pre}tightened",),
         ("the lip corners loosen",)),
    15: (("the mouth corners turn down {deg}", "the lip corners sink {deg}"), ("the mouth corners are {pre}lowered",),
         ("the mouth corners return to rest",)),
    17: (("the chin pushes up {deg}",), ("the chin is {pre}raised",), ("the chin relaxes",)),
    18: (("the lips pucker {deg}",), ("the lips are {pre}puckered",), ("the lips loosen",)),
    20: (("the lips stretch to the sides {deg}", "the mouth widens {deg}"), ("the lips are {pre}stretched",),
         ("the lips draw back in",)),
    22: (("the lips turn outward {deg}",), ("the lips are {pre}turned outward",), ("the lips draw back",)),
    23: (("the lips tighten {deg}",), ("the lips are {pre}tightened",), ("the lips soften", "the lips loosen")),
    24: (("the lips press together {deg}",), ("the lips are {pre}pressed together",),
         ("the pressure of the lips eases", "the lips relax")),
    25: (("the lips part {deg}", "the mouth opens {deg}"), ("the lips are {pre}parted", "the mouth is {pre}open"),
         ("the lips close", "the mouth closes")),
    26: (("the jaw drops {deg}", "the jaw sinks {deg}"), ("the jaw is {pre}lowered",), ("the jaw comes up again",)),
    27: (("the mouth opens wide", "the mouth stretches wide open"), ("the mouth is stretched wide open",),
         ("the mouth is no longer stretched",)),
    28: (("the lips roll inward {deg}",), ("the lips are {pre}rolled inward",), ("the lips come out again",)),
    43: (("the eyes close", "the upper lids sink"), ("the eyes are closed", "the upper lids are lowered"),
         ("the eyes open again",)),
}
DROOP = ("the upper lids sink {deg}", "the upper lids are {pre}lowered", "the upper lids lift again")
BLINKS = ("the eyes blink", "there is a blink", "the person blinks")
TURNS = {("yaw", 1): ("the head turns to the right of the picture",),
          ("yaw", -1): ("the head turns to the left of the picture",),
          ("pitch", 1): ("the head lifts", "the head tips back"),
          ("pitch", -1): ("the head lowers", "the head bends down"),
          ("roll", 1): ("the head tilts to the right of the picture",),
          ("roll", -1): ("the head tilts to the left of the picture",)}
OPEN = pool("the video shows the changing expression of one face", "the clip follows the movements of one face",
             "one face can be seen in this video", "the video shows how the expression of a person changes",
             "a person's face is seen through this clip", "the clip shows the facial movements of one person")
OPEN_STILL = pool("the video shows a face that hardly moves", "the clip shows one face, nearly at rest",
                   "one face is seen, and it changes little")
AT = (
    pool("at the beginning of the video, {what}", "at the start of the video, {what}", "in the beginning, {what}",
         "when the video starts, {what}", "at first, {what}"),
    pool("as the video progresses, {what}", "as the video goes on, {what}", "with the progress of the video, {what}",
         "then, as the clip progresses, {what}", "a little later, as it progresses, {what}"),
    pool("in the middle of the video, {what}", "halfway through the video, in the middle, {what}",
         "by the middle of the video, {what}", "around the middle, {what}"),
    pool("towards the end of the video, {what}", "at the end of the video, {what}", "near the end, {what}",
         "in the final part, towards the end, {what}"),
)
THEN = ("then", "soon", "after that", "and then")
NO_CHANGE = ("there is no clear change in the face", "the expression stays as it is", "the face hardly changes",
              "no obvious change can be seen", "the face keeps its expression")
DEGREE = {"A": ("a trace", "very slightly"), "B": ("slightly", "a little"), "C": ("clearly", "markedly"),
           "D": ("strongly", "a lot"), "E": ("as far as possible", "to the full")}
BEFORE = {"A": ("barely ", "very slightly "), "B": ("slightly ", "lightly "), "C": ("clearly ", "markedly "),
           "D": ("strongly ",), "E": ("fully ",)}
# In what order the movements come, and how the look goes over the clip.
ORDER = pool("{first} comes first, at {x} seconds, and {last} last, at {y} seconds",
             "the movements begin with {first} at {x} seconds and end with {last} at {y} seconds",
             "it starts at {x} seconds with {first}; {last} begins last, at {y} seconds",
             "in time, {first} leads at {x} seconds, and {last} follows as the last one at {y} seconds")
AT_ONCE = pool("the movements begin together, at {x} seconds", "all of it begins at once, at {x} seconds",
               "the movements set in at the same time, at {x} seconds")
BUILDS = pool("the look builds up to about {z} seconds", "it is strongest near {z} seconds",
              "the peak comes at about {z} seconds", "most of it can be seen around {z} seconds")
STAYS = pool("the look stays {start} throughout", "the face looks {start} from beginning to end",
             "nothing much changes; it looks {start} all along", "it keeps looking {start}")
TURN = pool("it begins as {start} and turns {end} later", "the face looks {start} at first and {end} at the end",
            "from a {start} start the look goes over to {end}", "the clip starts {start} and ends {end}")
PASSES = pool("the face looks {start} at first, {mid} around {z} seconds and {end} at the end",
              "it goes from {start} to {mid} at about {z} seconds and then to {end}",
              "the look changes from {start} to {mid}, near {z} seconds, and ends {end}")
RETURNS = pool("the face looks {start} at first, {mid} around {z} seconds, and {start} again at the end",
               "it goes from {start} to {mid} at about {z} seconds and back",
               "a {mid} look comes up, near {z} seconds, and goes back to {start}")
