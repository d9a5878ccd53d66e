"""The explanation format as a grammar, in the Lark dialect of llguidance (which vLLM reads too).

What follows it parses. With the evidence, no mark can claim what the evidence does not carry: an AU is either given as
present, near its measured intensity, or as absent, by words that deny it or that say that nothing moved there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from emoreason.checks import SURE, shares
from emoreason.courses import Event
from emoreason.facs import ACTION_UNITS, EMOTIONS, PRESENT
from emoreason.schema import ANSWER_CLOSE, ANSWER_OPEN, THINK_CLOSE, THINK_OPEN
from emoreason.scores import GREY

OBSERVATIONS, WORDS, SENTENCES = 8, 18, 6
NEAR = 0.3  # intensities by which a mark may miss what was measured
LONG = 96  # tokens of a sentence about a clip, which may tell four spans of time; of a picture two thirds of it
BEFORE, AFTER = 10, 12  # words around the one that denies
TOKENS = 1024  # enough for an untrained model too, which goes to most of these limits letter by letter
# Words of which a denial needs one: to begin with, later, and later where only one AU is at rest in that way.
FIRST_DENIALS = ("No", "Neither", "Nothing", "Without")
DENIALS = ("no", "not", "without", "neither", "nor", "never", "nothing", "cannot", "lacks", "absent", "missing", "free",
           "relaxed", "rest", "usual", "smooth", "soft", "loose", "still")
AT_REST = {1: ("down", "low"), 2: ("down", "low"), 4: ("apart",), 6: ("flat", "low"), 10: ("down",),
           25: ("closed", "shut", "together"), 26: ("up", "closed"), 43: ("open",)}
_GRAMMAR = r"""
start: "<think>" observed? "Interpretation: " ({bodies}) affect? end
observed: "Key observations: " {seen}
observation: {kinds}
present: first (" " word){{2,{words}}} " (" PRESENT "). "
absent: denial " (" ABSENT "). "
denial: FIRST_DENIAL (" " word){{1,{words}}} | first (" " word){{0,{before}}} " " DENIAL (" " word){{0,{after}}}
first[max_tokens=6]: /[A-Z][a-z]*,?/
word[max_tokens=6]: /[a-z][a-z'-]*,?/
body: {opening} further{{0,{more}}} (" Confidence: " /(0(\.[0-9][0-9]?)?|1)\./)?
sentence[max_tokens={length}]: SENTENCE
further[max_tokens={length}]: FURTHER
affect: " Valence: " AFFECT " Arousal: " AFFECT
end: "</think>" "<answer>" answer "</answer>"
answer: EMOTION (", " EMOTION)? | "none"
PRESENT: {present}
ABSENT: {absent}
SENTENCE: {sentence}
FURTHER: " " SENTENCE
FIRST_DENIAL: {first_denials}
DENIAL: {denials}
AFFECT: /-?(0(\.[0-9][0-9]?)?|1)\./
EMOTION: {emotions}
"""

_SENTENCE = r"/[A-Z]([^.:<>\n]|\.[0-9]|: [A-Za-z0-9])*\./"
# The same where the confidence is known: no figures but those of AUs, of intensities or seconds, "of 5" and "4 times".
_UNSURE = r"/[A-Z]({figure}?([^0-9.:<>\n]|: ))*{figure}?\./"
_FIGURE = r"(U[0-9][0-9]?(\+[0-9][0-9]?)*|{whole}\.[0-9][0-9]?|5{counted})"
_NO_HEADING = r" & ~/(?is:.*(interpretation|confidence|valence|arousal):.*)/"
_NO_SHARE = r" & ~/(?s:.*[0-9] (percent|in 100).*)/"

# What is made of it and one confidence, which a percentage in the words is too.
_BODY = r"""
body{i}: ({opening} | sure{i}) (further | " " sure{i}){{0,{more}}} (" Confidence: " SHARE{i})?
sure{i}[max_tokens={length}]: SURE{i}
SURE{i}: /[A-Z]([^0-9.:<>\n]|: )* {percent} (percent|in 100)([^0-9.:<>\n]|AU[0-9])*\./
SHARE{i}: /{share}\./
"""


def explanation(levels: Mapping[int, float] | None = None, tolerance: float = NEAR,
                spans: Mapping[int, Sequence[tuple[float, float, float]]] | None = None,
                likely: Sequence[float] = (), series: tuple[int, Sequence[Event]] = (0, ())) -> str:
    """The grammar of an explanation. levels: AU -> measured intensity 0-5; then a mark names only measured AUs, as
    ``scores.unsupported`` with this tolerance allows. Without, every AU may be claimed, with an intensity. spans: of a
    clip, AU -> its movements (onset, offset, peak), in seconds and 0-5; a present AU is one of them, with its times to
    a tenth as ``clips.Clip.words`` tells them. likely: probabilities of the looks that may be concluded; the confidence
    is near one of them, in steps of .05. series: how often one movement comes, and those of its events that are
    observed one by one, in this order, and nothing else; what is first made of them gives these times or none: a small
    model takes the first or the second of four for all of them."""
    often, events = series
    known = dict(sorted((levels or {}).items()))
    if spans is not None:
        present = [_near(a, peak, tolerance, (on, off)) for a in sorted(spans) for on, off, peak in spans[a]]
        gone = [a for a, v in known.items() if v < GREY and a not in spans]
    elif known:
        present = [_near(a, v, tolerance) for a, v in known.items() if v >= GREY]
        gone = [a for a, v in known.items() if v < PRESENT]
    else:
        present, gone = [rf"/AU{a}, ([0-4]\.[0-9]|5\.0)(, left|, right)?/" for a in ACTION_UNITS], []
    rules = {"present": present, "absent": gone}
    resting = [a for a in gone if a in AT_REST]
    sure = [n for n in range(21) if any(abs(n / 20 - p) <= SURE for p in likely)]
    seen = " ".join(f"seen{i}" for i in range(len(events))) or f"observation{{1,{OBSERVATIONS}}}"
    figure = _FIGURE.format(whole="[0-5]", counted="")
    if spans is not None:
        longest = max((off for each in spans.values() for _, off, _ in each), default=0.0)
        figure = _FIGURE.format(whole="[0-9]" if longest < 10 else "[0-9]+", counted="|[0-9] times")
    common = {"opening": "told" if events else "sentence", "more": SENTENCES - 1,
              "length": LONG if spans is not None else LONG * 2 // 3}
    form = _GRAMMAR.format(
        **common, seen=seen, words=WORDS, before=BEFORE, after=AFTER,
        bodies=" | ".join(f"body{i}" for i in range(len(sure))) or "body",
        sentence=(_UNSURE.format(figure=figure) + _NO_SHARE if sure else _SENTENCE) + _NO_HEADING,
        kinds=" | ".join([k for k, marks in rules.items() if marks] + [f"still{a}" for a in resting]),
        present=" | ".join(present) or '"-"', absent=_words([f"AU{a} absent" for a in gone]) or '"-"',
        first_denials=_words(FIRST_DENIALS), denials=_words(DENIALS), emotions=_words(EMOTIONS))
    form += "".join(
        _BODY.format(**common, i=i, share=_any([f"{n / 20:.2f}".rstrip("0").rstrip(".")]),
                     percent=f"(over )?{min(5 * n, 95)}") for i, n in enumerate(sure))
    form += "".join(
        f'seen{i}: "The" (" " word){{2,{WORDS}}} " (" SEEN{i} "). "\n'
        f"SEEN{i}: {_near(e.au, e.peak, tolerance, (e.onset, e.offset))}\n" for i, e in enumerate(events))
    if events:
        form += f"told[max_tokens={LONG}]: TOLD\nTOLD: {_told(often, events)}\n"
    return form + "".join(
        f'still{a}: first (" " word){{1,{BEFORE}}} " " REST{a} (" " word){{0,{BEFORE}}} " (" "AU{a} absent" "). "\n'
        f"REST{a}: {_words(AT_REST[a])}\n" for a in resting)


def about(faces: Sequence[Mapping[int, float]], readings: Sequence[Mapping[str, float]],
          spans: Mapping[int, Sequence[tuple[float, float, float]]] | None = None,
          series: tuple[int, Sequence[Event]] = (0, ())) -> str:
    """``explanation`` of what was measured on faces (AU -> intensity; of two the stronger), none where one of them
    could not be; readings: emotion -> probability of each look that may be concluded; spans, series: of a clip."""
    levels = {a: max(one[a] for one in faces) for a in faces[0]} if faces else None
    return explanation(levels, spans=spans, likely=shares(readings), series=series)


def for_tokenizer(grammar: str, marked: Callable[[str], bool]) -> str:
    """The grammar with those tags as tokens that a tokenizer has as tokens of their own (``marked``): llguidance tells
    these from the same letters."""
    for tag in (THINK_OPEN, THINK_CLOSE, ANSWER_OPEN, ANSWER_CLOSE):
        if marked(tag):
            grammar = grammar.replace(f'"{tag}"', tag)
    return grammar


def _near(au: int, level: float, tolerance: float, span: tuple[float, float] | None = None) -> str:
    low, high = max(0.0, level - tolerance), min(5.0, level + tolerance)
    figures = [f"{n / 10:.1f}" for n in range(51) if low <= n / 10 <= high]
    when = "" if span is None else ", " + _any(["-".join(f"{round(t, 1):.2f}" for t in span)]) + " s"
    return rf"/AU{au}, ({_any(figures)})(, left|, right)?{when}/"


def _told(often: int, events: Sequence[Event]) -> str:
    """A sentence on one movement: how often it comes, from when to when, when it is strongest; or without figures."""
    strongest, free = max(events, key=lambda e: e.peak), r"[^0-9.:<>\n]"
    peak = _any([f"{strongest.apex:.1f}"])
    *times, last = (rf"from {_any([f'{e.onset:.1f}'])} to {_any([f'{e.offset:.1f}'])}" for e in events)
    told = rf" {often} times{free}* {', '.join(times)},? and {last} seconds{free}*( at {peak})?"
    return rf"/(AU{strongest.au}|[A-Z])({free}|AU{strongest.au})*({told})?\./"


def _any(figures: Sequence[str]) -> str:
    return "|".join(f.replace(".", r"\.") for f in figures)


def _words(words: Sequence[str]) -> str:
    return " | ".join(f'"{w}"' for w in words)
