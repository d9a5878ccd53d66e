"""What answers are put together from: which movements are named, what follows a verdict, and the figures at the end."""

from __future__ import annotations

import re
from collections.abc import Callable

from emoreason.data_pipeline.grammar import sentence
from emoreason.data_pipeline.phrases import PLACE
from emoreason.data_pipeline.reading import Teller
from emoreason.schema import Explanation, Observation
from emoreason.wording import spoken_aus

_HEDGED = re.compile(r"\b(open|guess\w*|low|weak|narrow|doubt|close|just|barely|hard to read|lead|margin|sure|unsure"
                     r"|nearly|behind|undecided|several ways|certain|certainty|level|disagree|mixed|possible)\b")
# Absences worth naming on a still face, most telling first.
KEY = (12, 4, 15, 1, 6, 9, 5, 24, 20, 7, 2, 10, 17, 26, 23, 14)


def telling(t: Teller) -> list[int]:
    """Movements whose absence says something: what the second look would need, then a smile, a frown and the rest."""
    return t.may_lack(dict.fromkeys([*(options[0] for options in t.missing(t.f.rival)), *KEY]))


def finish(t: Teller, observations: tuple[Observation, ...], said: list[str]) -> Explanation:
    """Put an answer together: at least two observations where the evidence has them, the sentences, the figures."""
    f = t.f
    if len(observations) < 2:
        named = {o.au for o in observations}
        more = [a for a in f.strongest if a not in named][: 3 - len(observations)]
        gone = [a for a in telling(t) if a not in named][: max(0, 2 - len(observations) - len(more))]
        observations += tuple(t.seen(a) for a in more) + tuple(t.gone(a) for a in gone)
    observations = cited(t, observations, said)
    text = " ".join(sentence(s) for s in said if s)
    if t.level in ("open", "faint") and not _HEDGED.search(text):
        text += " " + sentence(t.doubt())
    return Explanation(observations, text, f.top, f.confidence, round(f.valence, 1), round(f.arousal, 1))


def cited(t: Teller, observations: tuple[Observation, ...], said: list[str]) -> tuple[Observation, ...]:
    """With what the sentences name and the observations do not: nothing is built on what was not observed."""
    known = {o.au for o in observations}
    more = tuple(t.seen(a) for a in sorted(spoken_aus(". ".join(said)) & t.f.present - known, key=PLACE.__getitem__))
    return observations + more


def evidence(t: Teller, most: int = 6, gone: tuple[int, ...] = (),
             also: tuple[int, ...] = ()) -> tuple[Observation, ...]:
    """The signs of the conclusion, ``also``, the strongest other movements, and absences that matter."""
    f, v, e = t.f, t.v, t.f.top
    there = [*f.cues(e)[:4], *also]
    there += [a for a in f.against(e)[:2] if f.aus[a] >= 1.3 and a not in there]
    others = [a for a in f.strongest if a not in there]
    there += others[: max(2 if len(there) < 3 else int(v.chance(0.5)), min(2, sum(f.aus[a] >= 3.0 for a in others)))]
    lacking = list(gone)
    if e == "neutral" or not f.cues(e):
        lacking += telling(t)[: max(1, 3 - len(there))]
    else:
        for options in t.missing(f.rival)[:2] + t.missing(e)[:1]:
            if v.chance(0.5):
                lacking.append(options[0])
    return t.observe(there, lacking[: 3 if there else 5], most)


def tail(t: Teller, parts: list[Callable[[], str]], room: int) -> list[str]:
    """Up to ``room`` sentences out of ``parts``, in order; what limits the view is always in."""
    limit = t.limit()
    out: list[str] = []
    for part in parts:
        if len(out) >= (max(1, room - 1) if limit else room):
            break
        said = part()
        if said:
            out.append(said)
    return out + [limit] if limit else out


def support(t: Teller, room: int = 3) -> list[str]:
    """The sentences after the verdict."""
    v, fit = t.v, t.f.fit(t.f.top)
    opposed = t.f.top != "neutral" and bool(t.f.opposed(t.f.top))
    parts: list[Callable[[], str]] = [t.pattern]
    if opposed:
        parts = [t.against] if room == 2 and t.limit() else [t.pattern, t.against]
    if v.chance(0.35):
        parts.append(t.strength)
    if t.f.top != "neutral" and fit in ("partial", "variant") and v.chance(0.45):
        parts.append(t.note)
    if not opposed:
        parts.append(t.against)
    if t.level in ("leaning", "open") or v.chance(0.6):
        parts.append(t.rival)
    if t.level not in ("open", "faint") and v.chance(0.5):
        parts.append(t.doubt)
    return tail(t, parts, room if opposed or v.chance(0.6) else room - 1)
