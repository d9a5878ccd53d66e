"""An answer as HTML: the conclusion in front, each AU linked to its region, what the evidence does not carry marked."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from emoreason import schema, wording
from emoreason.facs import ACTION_UNITS
from emoreason.reason import Answer
from emoreason.schema import Explanation, Observation

LOOKS = {"anger": "angry", "contempt": "contemptuous", "disgust": "disgusted", "fear": "afraid", "happiness": "happy",
         "neutral": "neutral", "sadness": "sad", "surprise": "surprised", "anxiety": "anxious",
         "disappointment": "disappointed", "helplessness": "helpless"}


def link(aus: Iterable[int], inner: str, kind: str = "er-au", seek: float | None = None) -> str:
    """A button-like span that shows the region of ``aus``, in a clip at ``seek`` seconds or their peak. ``inner`` is
    HTML."""
    numbers = sorted(aus)
    names = ", ".join(f"AU{a} {ACTION_UNITS[a].name}" for a in numbers)
    when = "" if seek is None else f' data-seek="{seek:.3f}"'
    return (f'<span class="{kind}" data-au="{" ".join(map(str, numbers))}"{when} tabindex="0" role="button" '
            f'title="{escape(names)}">{inner}</span>')


def linked(text: str) -> str:
    """Plain text as HTML in which each AU, by number or in words, is a link."""
    text = " ".join(text.split())
    spots = [(s, e, frozenset((a,))) for s, e, a in schema.mentions(text)]
    spots += [one for one in wording.mentions(text) if all(one[1] <= s or e <= one[0] for s, e, _ in spots)]
    out, at = [], 0
    for start, end, aus in sorted(spots, key=lambda one: one[0]):
        out += [escape(text[at:start]), link(aus, escape(text[start:end]))]
        at = end
    return "".join(out) + escape(text[at:])


def looks(x: Explanation) -> str:
    """The conclusion in words: "looks sad"; of two faces the two; "no reading" for an abstention."""
    if not x.emotions:
        return "no reading"
    return "looks " + ", then ".join(LOOKS.get(e, e) for e in x.emotions)


def conclusion(answer: Answer, compared: bool = False) -> str:
    """What stands in front: how the face looks, how sure that is, why, and what the check found."""
    x = answer.explanation
    if x is None:
        return (f'<div class="er-answer"><p class="er-why">{escape(answer.text)}</p><p class="er-note er-bad">This '
                f'answer '
                f'does not follow the format ({escape(answer.problem or "")}), so nothing in it could be checked.'
                f'</p></div>')
    head = looks(x)
    if compared and len(x.emotions) == 2:
        head = f"first {LOOKS.get(x.emotions[0], x.emotions[0])}, second {LOOKS.get(x.emotions[1], x.emotions[1])}"
    sure = ""
    if x.emotion and x.confidence is not None:
        share = round(100 * x.confidence)
        sure = (f'<span class="er-sure" title="how sure the model says it is"><i style="--v:{share}%"></i>'
                f'<b>{share}%</b> sure</span>')
    name = escape(x.emotions[0] if x.emotions else "none")
    return (f'<div class="er-answer" data-emotion="{name}"><div class="er-head"><span class="er-look">{escape(head)}'
            f'</span>{sure}</div><p class="er-why">{linked(x.interpretation)}</p>{_verdict(answer, x)}</div>')


def _verdict(answer: Answer, x: Explanation) -> str:
    """How many claims hold, and what else in the text does not."""
    slips = f'<p class="er-note er-bad">Does not hold: {escape("; ".join(answer.slips))}.</p>' if answer.slips else ""
    if not x.observations:
        return slips
    bad = [o for o in x.observations if o.au in answer.unsupported]
    n = len(x.observations)
    if not bad:
        all_ = "the claim is" if n == 1 else f"all {n} claims are"
        return slips or f'<p class="er-note er-good">Checked: {all_} supported by the measured action units.</p>'
    names = ", ".join(link((o.au,), f"AU{o.au}", "er-au er-doubt") for o in bad)
    return (f'<p class="er-note er-bad">Not supported by the evidence: {names} ({len(bad)} of {n} claims). Do not '
            f'rely on {"it" if len(bad) == 1 else "them"}.</p>{slips}')


def observations(answer: Answer) -> str:
    """The reasoning: each claim with its mark, what was measured, and whether that carries it."""
    x = answer.explanation
    if x is None or not x.observations:
        return ""
    levels = answer.evidence.intensities() if answer.evidence else {}
    rows = "".join(_claim(o, levels.get(o.au), o.au in answer.unsupported, _peak(o, answer)) for o in x.observations)
    return f'<ul class="er-claims">{rows}</ul>'


def _claim(o: Observation, level: float | None, doubt: bool, seek: float | None) -> str:
    kind = "er-doubt" if doubt else "" if o.present else "er-gone"
    mark = schema.mark(o)[1:-1]
    seen = "" if level is None else f'<small>measured {level:.1f}{", does not carry this" if doubt else ""}</small>'
    chip = link((o.au,), escape(mark), f"er-au er-chip {kind}", seek)
    return f'<li class="{kind}">{escape(o.text)} {chip} {seen}</li>'


def _peak(o: Observation, answer: Answer) -> float | None:
    """Seconds at which the claim's movement is strongest within the span that it names."""
    if o.span is None:
        return None
    first, last = o.span
    events = answer.film.clip.events if answer.film is not None and answer.film.clip is not None else ()
    inside = [e for e in events if e.au == o.au and first - 0.2 <= e.apex <= last + 0.2]
    return max(inside, key=lambda e: e.peak).apex if inside else (first + last) / 2


def live(text: str) -> str:
    """Text on its way, without tags, even where one is cut off."""
    out, inside = [], False
    for c in text:
        inside = True if c == "<" else inside
        if not inside:
            out.append(c)
        if c == ">":
            inside = False
            out.append(" ")
    return f'<div class="er-live">{escape(" ".join("".join(out).split()))}</div>'
