"""The Reasoner: media and a question in, an explanation with its evidence out. One object serves the command line,
the app, captioning and evaluation."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emoreason import engines
from emoreason.checks import Checked, check
from emoreason.clip_moments import about, asked, series, spans
from emoreason.engines import Completion, Engine, Request
from emoreason.errors import UserError
from emoreason.facs import EMOTIONS
from emoreason.mending import Attempt, keeps, mend
from emoreason.prompts import DEFAULT_QUESTION, note
from emoreason.records import CROP, Evidence, Face, FaceTrack, Quality, is_clip
from emoreason.schema import Explanation

if TYPE_CHECKING:
    from emoreason.captioning import Captioned
    from emoreason.clips import Clip
    from emoreason.watch import Film

NANO = Path(__file__).parent / "assets" / "nano"
MAX_TOKENS = 320


@dataclass(frozen=True)
class Answer:
    """One answer. media: as given; face: 1 is the largest, None when there is none; box (4,) xyxy pixels or None;
    text: what the model wrote; explanation: parsed, or None with ``problem`` saying why; evidence: facenet's;
    unsupported: AUs whose claim the evidence does not carry; seconds: to the first token and to the end; retried: the
    first attempt failed the check (see ``emoreason.checks``), and the best of some more stands here; film: for a clip,
    its course, of which ``evidence`` is the summary and ``box`` that at the peak; slips: what else in the text does not
    hold, in words."""

    media: str
    question: str
    face: int | None
    box: tuple[float, float, float, float] | None
    text: str
    explanation: Explanation | None
    evidence: Evidence | None
    unsupported: tuple[int, ...] = ()
    problem: str | None = None
    seconds: tuple[float, float] = (0.0, 0.0)
    retried: bool = False
    film: Film | None = None
    slips: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: media, face, box, the fields of Explanation by their names, evidence, unsupported, slips,
        problem."""
        fields = self.explanation.to_dict() if self.explanation else {}
        levels = {str(a): round(v, 2) for a, v in self.evidence.intensities().items()} if self.evidence else None
        looks = None
        if self.evidence:
            looks = {e: round(float(p), 3) for e, p in zip(EMOTIONS, self.evidence.emotions[0], strict=True)}
        box = None if self.box is None else [round(v, 1) for v in self.box]
        return {"media": self.media, "question": self.question, "face": self.face, "box": box, **fields,
                "evidence": {"aus": levels, "emotions": looks}, "unsupported": list(self.unsupported),
                "slips": list(self.slips), "problem": self.problem, **(self.film.to_dict() if self.film else {})}


@dataclass(frozen=True)
class Subject:
    """One face of one picture or clip, found and ready to be asked about; ``track`` None: there is no face. film: of a
    clip, whose ``track`` has all frames; its index is the track's id."""

    name: str
    index: int | None
    image: np.ndarray | None
    track: FaceTrack | None
    quality: Quality | None = None
    film: Film | None = None

    @property
    def clip(self) -> Clip | None:
        """What was measured of a clip's face; None for a picture, and before it was."""
        return None if self.film is None else self.film.clip

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        if self.clip is not None and self.track is not None:
            at = np.abs(self.track.times - self.clip.peak).argmin()
            return tuple(map(float, self.track.boxes[at]))
        return tuple(map(float, self.track.boxes[0])) if self.track is not None and self.image is not None else None


def find_subjects(source: Any, face: int | str | None = None, name: str | None = None) -> list[Subject]:
    """The faces of a picture (path, bytes, PIL, array): the largest, number ``face`` (from 1), or ``"all"``. Of a clip
    (a path): the main character, see ``emoreason.tracks``.

    Without a face: one Subject without a track. A ready-made crop counts as one face. Raises UserError for unreadable
    media and for a face number that does not exist.
    """
    import cv2

    from emoreason import early, faces, images
    from emoreason.media import is_ready_crop

    if is_clip(source):
        from emoreason import watch

        film, tracks = watch.follow(source, face)
        shown = [Subject(name or str(source), t.id, None, t, film=film) for t in tracks]
        return shown or [Subject(name or str(source), None, None, None, film=film)]
    label = name or (str(source) if isinstance(source, (str, os.PathLike)) else "picture")
    image = images.read(source, name)
    if is_ready_crop(image):
        crop = cv2.resize(image, (CROP, CROP), interpolation=cv2.INTER_CUBIC)
        quality = Quality(0.36 * CROP, 1.0, 1.0, 1.0)
        side = float(max(image.shape[:2]))
        found = Face(np.array([0, 0, side, side]), np.zeros((478, 3)), 1.0, np.zeros(3), quality, crop)
        return [Subject(label, 1, None, FaceTrack.from_face(found), quality)]
    found = early.take(source, lambda: faces.detect(image))
    if not found:
        return [Subject(label, None, image, None)]
    if face == "all":
        chosen = list(range(len(found)))
    else:
        number = 1 if face is None else int(face)
        if not 1 <= number <= len(found):
            raise UserError(f"{label} has {len(found)} face{'s' * (len(found) > 1)}; there is no face {number}")
        chosen = [number - 1]
    return [Subject(label, i + 1, image, FaceTrack.from_face(found[i]), found[i].quality) for i in chosen]


class Reasoner:
    """A loaded model that answers questions about faces: ``Reasoner.load("nano")``, or any other model string.

    engine: what writes the answers; model, processor: what reads the faces: the engine's own, or the bundled nano's
    for engines that take pictures."""

    def __init__(self, model: Any = None, processor: Any = None, engine: Engine | None = None) -> None:
        if engine is None:
            from emoreason.engines.local import NativeEngine

            engine = NativeEngine(model, processor)
        self.engine = engine

    @classmethod
    def load(cls, model: str = "nano", device: str | None = None) -> Reasoner:
        """The bundled ``nano``, a folder made by training here, or another model string (``emoreason.engines``).
        Raises UserError when it does not fit, with the list of what is missing."""
        return cls(engine=engines.load(model, device))

    @cached_property
    def eyes(self) -> Any:
        """The native engine that reads the faces."""
        if self.engine.native:
            return self.engine
        from emoreason.engines.loading import load_local
        from emoreason.engines.spec import Spec

        return load_local(Spec("local", "nano"))

    @property
    def model(self) -> Any:
        return self.eyes.model

    @property
    def processor(self) -> Any:
        return self.eyes.processor

    def ask(self, source: Any, question: str = DEFAULT_QUESTION, face: int | str | None = None,
            name: str | None = None) -> list[Answer]:
        """One answer for each chosen face of a picture; see ``find_subjects``."""
        return [self.answer([s], question) for s in find_subjects(source, face, name)]

    def compare(self, first: Any, second: Any, question: str = "Compare the two faces.") -> Answer:
        """One answer about the largest faces of two pictures."""
        return self.answer([find_subjects(s)[0] for s in (first, second)], question)

    def caption(self, path: str, face: int | None = None) -> Captioned:
        """What a clip's face does, told in order, with its events and what they add up to. See ``captioning``, whose
        ``ClipCaptioner`` does many clips faster."""
        from emoreason.captioning import ClipCaptioner

        return ClipCaptioner(self, face)(path)

    def answer(self, subjects: Sequence[Subject], question: str, history: Sequence[dict] = ()) -> Answer:
        """``stream`` drained: the Answer."""
        for piece in self.stream(subjects, question, history):
            if isinstance(piece, Answer):
                return piece
        raise AssertionError("stream ends with an Answer")

    def stream(self, subjects: Sequence[Subject], question: str,
               history: Sequence[dict] = ()) -> Iterator[str | Answer]:
        """Pieces of text as they are written, then the Answer, checked against the evidence: where the first attempt
        fails the check it is mended (``emoreason.mending``), so that the Answer's text may differ from the pieces.
        history: earlier turns about the same subjects, as {"role", "content"} with plain text."""
        start = time.perf_counter()
        lead = subjects[0]
        missing = [s for s in subjects if s.track is None]
        if missing:
            where = f" in {missing[0].name}" if len(subjects) > 1 else ""
            x = Explanation(interpretation=f"No face was found{where}, so there is nothing to read.")
            yield x.interpretation
            yield Answer(lead.name, question, None, None, x.interpretation, x, None,
                         seconds=(time.perf_counter() - start,) * 2, film=missing[0].film)
            return
        subjects = [self.measured(s) for s in subjects]
        lead = subjects[0]
        evidence = [self._evidence(s) for s in subjects]
        request = self.request(subjects, question, history)
        text, first = "", 0.0
        for piece in engines.stream(self.engine, request):
            if isinstance(piece, Completion):
                text = piece.text
            else:
                first = first or time.perf_counter() - start
                yield piece
        checked = self._check(text, subjects, evidence, question)
        retried = checked.fails
        if retried:
            judge = partial(self._check, subjects=subjects, evidence=evidence, question=question)
            attempt = Attempt(request, checked, judge, keeps(self.engine, request))
            checked = mend(self.engine, [attempt], lambda more: [c.text for c in self.engine.generate(more)])[0]
        yield Answer(lead.name, question, lead.index, lead.box, checked.text, checked.explanation, evidence[0],
                     tuple(dict.fromkeys(checked.unsupported)), checked.problem,
                     (first, time.perf_counter() - start), retried, lead.film, checked.slips)

    def request(self, subjects: Sequence[Subject], question: str, history: Sequence[dict] = ()) -> Request:
        """What the engine is asked about faces that were found. history as in ``stream``. Raises UserError for a clip
        among several subjects."""
        if len(subjects) > 1 and any(s.film is not None for s in subjects):
            raise UserError("clips cannot be compared: ask about each by itself")
        limits = [r for s in subjects if s.quality is not None for r in s.quality.reasons]
        limits += [s.film.unread for s in subjects if s.film is not None and s.film.unread]
        clip = subjects[0].clip
        words = "" if clip is None else clip.words()
        words += note(("the face cannot be read: " + "; ".join(limits),)) if limits else ""
        turns = [dict(t) for t in history] + [{"role": "user", "content": question}]
        for turn in turns:
            if clip is not None and turn["role"] == "user":
                turn["content"] = about(turn["content"], clip) + turn["content"]
        if self.engine.native:
            media = tuple(self._media(s) for s in subjects)
            shown = [{"type": "image"}] * len(media)
        else:
            from emoreason.engines.outside import introduce

            seen = [self._evidence(s) for s in subjects]
            shown, media = introduce([(s.image, s.box, s.track.crops) for s in subjects if s.track is not None], seen)
        turns[0]["content"] = [*shown, {"type": "text", "text": words + turns[0]["content"]}]
        held = self.engine.spec.constrain
        if not (self.engine.native if held is None else held):
            return Request(tuple(turns), media, MAX_TOKENS)
        from emoreason.engines import grammar

        known = [e.intensities() for s in subjects if (e := self._evidence(s)) is not None]
        form = grammar.about(known if len(known) == len(subjects) else (), self._readings(subjects, question),
                             None if clip is None else spans(question, clip),
                             (0, ()) if clip is None else series(question, clip))
        return Request(tuple(turns), media, grammar.TOKENS if held or clip else MAX_TOKENS, grammar=form)

    def measured(self, subject: Subject) -> Subject:
        """With the course of a clip's face, if it is one; asked about often, measure it once."""
        if subject.film is None or subject.clip is not None or subject.track is None:
            return subject
        from emoreason import watch

        eyes = self.eyes.encoder
        temperature = eyes.config.emotion_temperature
        return replace(subject, film=watch.measure(eyes.facenet, subject.track, subject.film, temperature))

    def _evidence(self, subject: Subject) -> Evidence | None:
        if subject.clip is not None:
            return subject.clip.summary
        return self.eyes.look(self._media(subject)).evidence

    def _readings(self, subjects: Sequence[Subject], question: str) -> list[dict[str, float]]:
        """What the question is about, emotion -> probability: one face's look, or those of a clip; none for two."""
        clip = subjects[0].clip
        if clip is not None:
            return [look.emotions for look in asked(question, clip)]
        seen = self._evidence(subjects[0]) if len(subjects) == 1 else None
        return [] if seen is None else [dict(zip(EMOTIONS, map(float, seen.emotions[0]), strict=True))]

    def _check(self, text: str, subjects: Sequence[Subject], evidence: Sequence[Evidence | None],
               question: str) -> Checked:
        clip = subjects[0].clip
        if len(subjects) == 1 and clip is not None:
            from emoreason.clip_checks import check_clip

            return check_clip(text, clip, question)
        return check(text, evidence, question)

    def _media(self, subject: Subject) -> Any:
        if subject.clip is not None and subject.track is not None:
            from emoreason import watch

            return watch.media(subject.track, subject.clip)
        from emoreason.media import Media

        return Media.of(subject.image, subject.track)
