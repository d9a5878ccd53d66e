"""One face, one voice: picks observations and puts the sentences of an interpretation together so that they hold.

In sentences with a negation, AUs go by their names only, so that a number never stands near a "not" that is meant for
something else.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence

from emoreason.data_pipeline import sentences as S
from emoreason.data_pipeline.facts import Facts
from emoreason.data_pipeline.grammar import Pool, Voice
from emoreason.data_pipeline.phrases import (
    ADJ,
    CLOSED_CUES,
    COMPANY,
    FRAMES,
    FRAMES_SIDED,
    GONE,
    GONE_FRAMES,
    PLACE,
    POST,
    PRE,
    RAISED_FROWN_CUES,
    SIDE,
    SIDED_TAIL,
    WORDS,
    band,
    plain,
    shaded,
)
from emoreason.schema import Observation

# Absence of the first says nothing, or sounds absurd, next to one of the second.
_MOOT = {
    25: (26, 27, 22), 26: (27,), 23: (18, 20, 22, 24, 28), 24: (23, 25, 28, 27), 5: (43,), 4: (9,), 10: (9,), 7: (6,),
    27: (26,),
    43: (5,), 20: (12,),
}
_MOUTH_AND_LIDS = (25, 26, 43)  # movements that carry no emotion of their own
_VOWELS = ("upward", "inward", "outward", "opening")  # what a movement's noun may start with
_MANY = re.compile(r"\b(they|them|these|together|combination|parts|set|all)\b")


def _without_plural(table: dict[str, Pool]) -> dict[str, Pool]:
    return {fit: tuple(t for t in texts if not _MANY.search(t.source)) for fit, texts in table.items()}


_ONLY = re.compile(r"apart from|aside|only|on top")
_NEUTRAL_MORE: dict[str, Pool] = {
    level: tuple(t for t in texts if not _ONLY.search(t.source)) or texts for level, texts in S.NEUTRAL_SLIGHT.items()
}
_PATTERN_ONE, _PATTERN_IT = _without_plural(S.PATTERN), _without_plural(S.PATTERN_THEY)


class Teller:
    """Draws observations and sentences that hold for these facts."""

    def __init__(self, facts: Facts, rng: random.Random, voice: Voice | None = None) -> None:
        self.f, self.v = facts, voice or Voice(rng)
        self.rival_told = False  # whether the second reading has been mentioned
        self.numbered = False  # whether the last cues gave AU numbers
        c = facts.confidence
        levels = ((0.8, "clear"), (0.6, "fairly"), (0.4, "leaning"), (0.3, "open"), (0.0, "faint"))
        self.level = next(name for low, name in levels if c >= low)

    # --- words ---
    def names(self) -> dict[str, str]:
        """The names of the conclusion and of the second reading, in each form that sentences ask for."""
        e, d = self.f.top, self.f.rival
        return {"noun": S.NOUN[e], "as_": e, "adj": self.v.one(S.ADJECTIVE[e]), "look": S.LOOK[e], "bare": S.BARE[e],
                "noun2": S.NOUN[d],
                "as2": d, "bare2": S.BARE[d], "conf": self.v.one(S.CONF[self.level])}

    def cues(self, aus: Sequence[int], numbers: bool | None = None, most: int = 3,
             name: str = "cues") -> dict[str, str]:
        """Movements as a noun phrase, with the verb endings that go with it. ``numbers``: True adds AU numbers, False
        leaves them out, None draws: both, names only, or numbers only."""
        v, rest, parts = self.v, list(aus[:most]), []
        style = v.rng.random() if numbers is None else (0.5 if numbers else 0.9)
        self.numbered = style < 0.6
        if style < 0.2 and len(rest) > 1:
            return endings(v.listed([f"AU{a}" for a in rest]), True, name)
        many = False
        while rest:
            group, phrases = self._joined(rest, 1)
            if phrases:
                text, many = v.fresh(phrases)
            else:
                group = (rest[0],)
                text, many = self._cue(rest[0])
            rest = [a for a in rest if a not in group]
            parts.append(f"{text} ({', '.join(f'AU{a}' for a in group)})" if self.numbered else text)
        return endings(v.listed(parts), bool(many) or len(parts) > 1, name)

    def _joined(self, rest: list[int], column: int):
        """The first group of movements in ``rest`` that goes by one name, and its phrases."""
        for row in S.JOINED:
            if set(row[0]) <= set(rest) and not any(a in self.f.sides for a in row[0]):
                return row[0], row[column]
        return (), None

    def _cue(self, a: int) -> tuple[str, int]:
        side = self.f.sides.get(a)
        if side and a in S.SIDED_CUE:
            return self.v.one(S.SIDED_CUE[a]).format(side=side), 0
        if a == 43 and self.f.aus[a] >= 4.5:
            return self.v.one(CLOSED_CUES)
        if a == 4 and self.f.present & {1, 2}:
            return self.v.fresh(RAISED_FROWN_CUES)
        return self.v.fresh(WORDS[a]["cue"])

    def numbers(self, aus: Sequence[int]) -> dict[str, str]:
        """The AU numbers as ``nums``."""
        return endings(self.v.listed([f"AU{a}" for a in aus[:5]]), len(aus) > 1, "nums")

    def clauses(self, aus: Sequence[int], most: int = 3) -> str:
        """'the brows are raised, the jaw drops and ...'."""
        rest, parts = list(aus[:most]), []
        while rest:
            group, texts = self._joined(rest, 2)
            if texts:
                parts.append(self.v.one(texts))
            else:
                group = (rest[0],)
                side = self.f.sides.get(rest[0])
                if side and rest[0] in S.SIDED_CLAUSE:
                    parts.append(S.SIDED_CLAUSE[rest[0]].format(side=side))
                elif rest[0] == 43 and self.f.aus[43] >= 4.5:
                    parts.append("the eyes are closed")
                else:
                    parts.append(self.v.fresh(WORDS[rest[0]]["clause"]))
            rest = [a for a in rest if a not in group]
        return self.v.listed(parts)

    def lack(self, missing: Sequence[tuple[int, ...]], word: str = "or", most: int = 2) -> dict[str, str]:
        """What is missing, as a noun phrase without numbers; each entry a tuple of alternatives."""
        rest, parts = [tuple(m) for m in missing], []
        while rest and len(parts) < most:
            for group, _, _, texts in S.JOINED:
                if all((a,) in rest for a in group):
                    parts.append(self.v.one(texts))
                    rest = [m for m in rest if m not in [(a,) for a in group]]
                    break
            else:
                options = rest.pop(0)
                both = len(options) > 1 and not rest and not parts
                parts.append(self.v.listed([self.v.fresh(WORDS[a]["lack"]) for a in (options if both else options[:1])],
                                           "or"))
        many = len(parts) > 1 or not parts or not parts[0].startswith(("a ", "an ", "wrinkling"))
        return endings(self.v.listed(parts, word), many, "lack")

    # --- observations ---
    def seen(self, a: int) -> Observation:
        """What can be seen of a present AU."""
        f, v = self.f, self.v
        letter, side = band(f.aus[a]), f.sides.get(a)
        words = {"pre": lambda: v.fresh(shaded(PRE[letter], f.aus[a])),
                 "post": lambda: v.fresh(shaded(POST[letter], f.aus[a])),
                 "adj": lambda: v.fresh(shaded(ADJ[letter], f.aus[a])),
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
        for vowel in _VOWELS:
            text = text.replace(f" a {vowel}", f" an {vowel}")
        return Observation(a, f.aus[a], side or "both", True, None, text[0].upper() + text[1:])

    def gone(self, a: int) -> Observation:
        """That an absent AU is not there."""
        if self.v.chance(0.4):
            text = self.v.say(GONE_FRAMES, move=self.v.one(WORDS[a]["moves"]))
            for vowel in _VOWELS:
                text = text.replace(f"a {vowel}", f"an {vowel}")
        else:
            text = self.v.say(GONE[a])
        return Observation(a, None, "both", False, None, text[0].upper() + text[1:])

    def may_lack(self, aus: Iterable[int]) -> list[int]:
        """Those of ``aus`` that can be called absent and make sense so next to what is there."""
        return [a for a in aus if a in self.f.absent and not self.f.present.intersection(_MOOT.get(a, ()))]

    def missing(self, emotion: str) -> list[tuple[int, ...]]:
        """What the pattern of ``emotion`` needs and does not have, as far as that can be said."""
        return [m for m in self.f.needs(emotion)[1] if len(self.may_lack(m)) == len(m)]

    def observe(self, there: Iterable[int], lacking: Iterable[int], most: int = 7,
                by_strength: bool | None = None) -> tuple[Observation, ...]:
        """Observations of the AUs in ``there`` and, as contrast, of those in ``lacking``; mostly from the top down."""
        f, v = self.f, self.v
        shown = [a for a in dict.fromkeys(there) if a in f.present][:most]
        absent = self.may_lack(dict.fromkeys(lacking))[:max(0, most - len(shown))]
        strength = v.chance(0.3) if by_strength is None else by_strength
        shown.sort(key=(lambda a: -f.aus[a]) if strength else PLACE.__getitem__)
        absent.sort(key=PLACE.__getitem__)
        order = shown + absent if strength or v.chance(0.5) else sorted(shown + absent, key=PLACE.__getitem__)
        return tuple(self.seen(a) if a in f.present else self.gone(a) for a in order)

    # --- sentences ---
    def emotive(self) -> list[int]:
        """The present movements, strongest first, those that carry an emotion before lips, jaw and lids."""
        return [a for a in self.f.strongest if a not in _MOUTH_AND_LIDS] or list(self.f.strongest)

    def verdict(self) -> str:
        """What the face looks like, how surely, and mainly why."""
        f, v, e = self.f, self.v, self.f.top
        words = self.names()
        self.numbered = True
        if e == "neutral":
            if not f.present:
                return v.say(S.NEUTRAL_STILL[self.level], **words)
            named = [*self.emotive(), *(a for a in f.strongest if a in _MOUTH_AND_LIDS and f.activity >= 1.0)][:3]
            table = (S.NEUTRAL_SLIGHT if len(named) == len(f.present) else _NEUTRAL_MORE)[self.level]
            return v.say(table if f.activity < S.SLIGHT else S.NEUTRAL_BUSY, **words, **self.cues(named))
        mine = f.cues(e)
        if not mine:
            return v.say(S.VERDICT_BARE[self.level], **words)
        template = v.fresh(S.VERDICT[self.level])
        if "clauses" in template.slots:
            self.numbered = False
            return v.expand(template, {**words, "clauses": self.clauses(mine)})
        if "cues" not in template.slots:
            return v.expand(template, words)
        return v.expand(template, {**words, **self.cues(mine)})

    def pattern(self) -> str:
        """How far the movements make up the pattern of the conclusion; for a neutral face, what a movement may mean."""
        f, v, e = self.f, self.v, self.f.top
        if e == "neutral":
            return self.note()
        fit, mine, words = f.fit(e), f.cues(e), self.names()
        if f.best_pattern not in (None, e) and fit in ("partial", "none"):
            return v.say(S.OVERRULED, **words, other=S.NOUN[f.best_pattern])
        if self.level == "faint" and fit in ("full", "variant") and v.chance(0.8):
            return v.say(S.UNCONFIRMED, **words, **self.numbers(mine))
        known = [t for emotion, with_, without,
                 t in S.KNOWN if emotion == e and with_ <= f.present and not without & f.present]
        if known and fit != "none" and v.chance(0.15):
            return v.say(v.one(known))
        if fit == "none" or self.numbered or v.chance(0.3):
            text = v.say((S.PATTERN_THEY if len(mine) > 1 or fit == "none" else _PATTERN_IT)[fit], **words)
        else:
            text = v.say((S.PATTERN if len(mine) > 1 else _PATTERN_ONE)[fit], **words, **self.numbers(mine))
        missing = self.missing(e)
        if fit in ("partial", "variant") and missing and v.chance(0.6):
            link = "; " if not text[-1].isdigit() else ". "
            more = v.say(S.MISSING, **self.lack(missing, "and" if v.chance(0.4) else "or"))
            text += link + (more if link == "; " else more[0].upper() + more[1:])
        return text

    def strength(self) -> str:
        """Whether the signs are all weak, or strong; '' in between."""
        values = [self.f.aus[a] for a in self.f.cues(self.f.top)]
        if len(values) < 2:
            return ""
        if max(values) < 2.0:
            return self.v.say(S.STRENGTH["weak"])
        return self.v.say(S.STRENGTH["strong"]) if sum(values) / len(values) >= 3.3 else ""

    def against(self) -> str:
        """The strongest movement that does not fit, if there is one."""
        f, e = self.f, self.f.top
        odd = [a for a in f.against(e) if f.aus[a] >= 1.5][:2]
        if not odd or e == "neutral":
            return ""
        for other in f.ranked[1:4]:
            if other != "neutral" and set(odd) <= set(f.cues(other)) and self.v.chance(0.6):
                self.rival_told |= other == f.rival
                return self.v.say(S.AGAINST_OTHER, other=S.NOUN[other], **self.cues(odd))
        return self.v.say(S.AGAINST_IT, **self.names(), **self.cues(odd), plain=self.cues(odd, False)["cues"])

    def rival(self) -> str:
        """The second reading and what speaks for it or is missing; or that none is near."""
        f, v, e, d = self.f, self.v, self.f.top, self.f.rival
        if self.rival_told:
            return ""
        if f.p(d) < 0.1:
            return v.say(S.ALONE if f.p(e) >= 0.7 else S.SPREAD, **self.names())
        words = self.names()
        if d == "neutral":
            return v.say(S.RIVAL_NEUTRAL if f.activity < 2.5 else S.RIVAL_NEUTRAL_STRONG, **words)
        own = [a for a in f.cues(d) if a not in f.cues(e) and a not in _MOUTH_AND_LIDS]
        shared = [a for a in f.cues(d) if a in f.cues(e)]
        missing = self.missing(d)
        if own and f.p(d) >= 0.2 and f.fit(d) in ("full", "variant") and e != "neutral" and v.chance(0.7):
            return v.say(S.BLEND, **words, **self.cues(own, most=2))
        if own and (not missing or v.chance(0.6)):
            return v.say(S.RIVAL_OWN, **words, **self.cues(own, most=2))
        if shared and missing:
            return v.say(S.RIVAL_SHARED, **{**words, **self.lack(missing, "and"), **self.cues(shared, False, 2)})
        if missing:
            return v.say(S.RIVAL_MISSING, **words, **self.lack(missing))
        return v.say(S.RIVAL_PLAIN, **words)

    def doubt(self) -> str:
        return self.v.say(S.DOUBT[self.level], **self.names())

    def note(self) -> str:
        """What a movement that is there may also mean; '' if nothing applies."""
        present = self.f.present
        fitting = [t for with_, without, t in S.NOTES if with_ <= present and not without & present]
        return self.v.say(self.v.one(fitting)) if fitting else ""

    def limit(self) -> str:
        """What limits the view: the picture's quality or the pose; '' if nothing does."""
        f, v = self.f, self.v
        if f.quality:
            reason = v.one(f.quality)
            return v.say(S.limit_pool(reason), reason=reason.strip(" ."))
        yaw, pitch, _ = f.pose
        if abs(yaw) >= 25:
            return v.say(S.POSE["yaw"], way="right" if yaw > 0 else "left")
        if abs(pitch) >= 20:
            return v.say(S.POSE["up" if pitch > 0 else "down"])
        return ""

    def tilt(self) -> str:
        roll = self.f.pose[2]
        return self.v.say(S.POSE["roll"], way="right" if roll > 0 else "left") if abs(roll) >= 15 else ""


def endings(text: str, many: bool, name: str = "cues") -> dict[str, str]:
    """A noun phrase under ``name`` with the verb endings that agree with it."""
    return {name: text, "s": "" if many else "s", "is": "are" if many else "is", "does": "do" if many else "does",
            "ies": "y" if many else "ies"}
