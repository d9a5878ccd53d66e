"""Captions of clips by a model: perception clip by clip, then the texts of many clips in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from emoreason.checks import Checked
from emoreason.clip_checks import check_clip
from emoreason.clips import Clip
from emoreason.courses import Event
from emoreason.engines import Request
from emoreason.errors import UserError
from emoreason.mending import Attempt, keeps, mend
from emoreason.reason import Reasoner, find_subjects
from emoreason.schema import Explanation

CAPTION, READ = "Describe the video.", "What does the face show over the clip, and why?"
REDRAWS = 2  # further attempts at a text that does not hold
ROWS = 16  # texts that the language model writes at once


@dataclass(frozen=True)
class Captioned:
    """caption: the face's movements told in order; events: all that were measured; explanation: what they add up to;
    warning: one line where the clip was cut short or the texts do not hold in all points, else None."""

    caption: str
    events: tuple[Event, ...]
    explanation: Explanation
    warning: str | None = None


class Untold(UserError):
    """A clip that was measured, but no text about it can be read. events: what was measured."""

    def __init__(self, why: str, events: tuple[Event, ...]) -> None:
        super().__init__(why)
        self.events = events


class ClipCaptioner:
    """Captions clips with a model, the texts of several in one batch. face: a number instead of the main character."""

    def __init__(self, reasoner: Reasoner, face: int | None = None) -> None:
        self.reasoner, self.face = reasoner, face

    def __call__(self, path: str) -> Captioned:
        """Raises UserError for a clip that cannot be read, and Untold where no text could be parsed."""
        found = self.batch([path])[0]
        if isinstance(found, Exception):
            raise found
        return found

    def batch(self, paths: Sequence[str]) -> list[Captioned | Exception]:
        """One Captioned for each path, or why there is none."""
        seen = [self._see(path) for path in paths]
        told = iter(self._tell([s for s in seen if isinstance(s, _Seen)]))
        return [next(told) if isinstance(s, _Seen) else s for s in seen]

    def _see(self, path: str) -> _Seen | Captioned | Exception:
        try:
            subject = self.reasoner.measured(find_subjects(path, self.face)[0])
            assert subject.film is not None
            warning = subject.film.scene.warning
            if subject.film.clip is None:
                x = Explanation(interpretation="No face was found, so there is nothing to read.")
                return Captioned("No face can be seen in this clip.", (), x, warning)
            asked = [self.reasoner.request([subject], question) for question in (CAPTION, READ)]
            return _Seen(subject.film.clip, asked, warning, bool(subject.film.unread))
        except Exception as e:  # one bad clip must not cost the others of its batch
            return e

    def _tell(self, seen: Sequence[_Seen]) -> list[Captioned | Exception]:
        """The two texts of each clip; those that do not hold are mended together."""
        jobs = [(s, r) for s in seen for r in s.requests]
        engine = self.reasoner.engine
        first = [_check(text, s) for (s, _), text in zip(jobs, self._write([r for _, r in jobs]), strict=True)]
        attempts = [Attempt(r, b, partial(_check, seen=s), keeps(engine, r), partial(check_clip, clip=s.clip))
                    for (s, r), b in zip(jobs, first, strict=True)]
        best = mend(engine, attempts, self._write, REDRAWS)
        return [_captioned(s, *best[2 * n: 2 * n + 2]) for n, s in enumerate(seen)]

    def _write(self, requests: Sequence[Request]) -> list[str]:
        parts = [requests[i: i + ROWS] for i in range(0, len(requests), ROWS)]
        return [c.text for part in parts for c in self.reasoner.engine.generate(part)]


@dataclass(frozen=True)
class _Seen:
    clip: Clip
    requests: Sequence[Request]
    warning: str | None
    unread: bool = False


def _check(text: str, seen: _Seen) -> Checked:
    """As ``check_clip``; and one that declines where the face can be read is no caption."""
    checked = check_clip(text, seen.clip)
    x = checked.explanation
    if x is None or x.emotion is not None or x.observations or seen.unread:
        return checked
    return checked._replace(slips=(*checked.slips, "says nothing of a face that can be read"))


def _captioned(seen: _Seen, caption: Checked, reading: Checked) -> Captioned | Exception:
    x = reading.explanation or caption.explanation
    told = caption.explanation or reading.explanation
    if x is None or told is None:
        return Untold(f"the model's answer cannot be read ({reading.problem}); the events were measured without it",
                      seen.clip.events)
    claims = sorted({*caption.unsupported, *reading.unsupported})
    slips = [*(f"claims of AU{a}" for a in claims), *(f"it {s}" for s in (*caption.slips, *reading.slips))]
    doubts = [seen.warning, f"not borne out by what was measured: {'; '.join(dict.fromkeys(slips))}" if slips else None]
    doubts += [f"no {what} could be read ({one.problem}), the other text stands in for it"
               for what, one in (("caption", caption), ("explanation", reading)) if one.explanation is None]
    return Captioned(told.interpretation, seen.clip.events, x, "; ".join(filter(None, doubts)) or None)


def make(model: str = "nano", face: int | None = None) -> ClipCaptioner:
    """What a caption worker makes for itself."""
    return ClipCaptioner(Reasoner.load(model), face)
