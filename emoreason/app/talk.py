"""A question's way through the page: the chat grows while the model writes, then conclusion, regions and figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import escape
from typing import NamedTuple

from emoreason.app import charts, stage, words
from emoreason.app.media import Loaded, at_peak
from emoreason.app.session import Session
from emoreason.app.words import LOOKS
from emoreason.errors import UserError
from emoreason.facs import EMOTIONS, PRESENT
from emoreason.prompts import DEFAULT_QUESTION
from emoreason.reason import Answer, Reasoner
from emoreason.records import Evidence

LONGEST = 500  # characters of a question
COMPARE = "Compare the two faces."
QUESTIONS = ("Why does this face look sad?", "Which action units are active?", "Is the smile genuine?",
             "How sure are you?", "What changes over the clip, and when?")


class View(NamedTuple):
    """What the page shows: chat messages, and HTML of the stage and of the figures; None: as it is."""

    log: list[dict]
    stage: str | None = None
    figures: str | None = None


def evidence_of(reasoner: Reasoner, session: Session, medium: int) -> Evidence | None:
    """What was measured on the chosen face of one medium, a clip's as its summary; the clip is measured once."""
    loaded = session.media[medium]
    subject = loaded.subject(session.chosen[medium])
    if subject is None:
        return None
    if subject.film is None:
        from emoreason.media import Media

        return reasoner.eyes.look(Media.of(subject.image, subject.track)).evidence
    measured = reasoner.measured(subject)
    if measured is not subject:
        maps = stage.peak_maps(measured, reasoner.eyes.encoder.facenet.read)
        found = at_peak(loaded.with_subject(measured), measured)
        session.media[medium] = replace(found, maps={**loaded.maps, session.chosen[medium]: maps})
    return measured.film.clip.summary if measured.film and measured.film.clip else None


def show(reasoner: Reasoner, session: Session) -> tuple[str, str]:
    """HTML of the stage and of the figures."""
    if not session.media:
        return EMPTY, ""
    figures, views = [], []
    two = len(session.media) > 1
    for i in range(len(session.media)):
        evidence = evidence_of(reasoner, session, i)
        loaded, chosen = session.media[i], session.chosen[i]
        answer = session.answer if not two or session.asked == [loaded.subject(chosen)] else None
        views.append(_view(loaded, i, chosen, evidence, answer))
        title = "Measured on this face" if not two else f"Measured on the {'first' if i == 0 else 'second'} face"
        subject = loaded.subject(chosen)
        if subject is not None and subject.film is not None and subject.film.clip is not None:
            figures.append(charts.timeline(subject.film.clip))
            title = "Strongest in this clip" if not two else title
        figures.append(charts.bars(evidence, answer, title))
    return f'<div class="er-stage er-{len(views)}">{"".join(views)}</div>', "".join(figures)


def _view(loaded: Loaded, medium: int, chosen: int, evidence: Evidence | None, answer: Answer | None) -> str:
    if loaded.clip is not None:
        return stage.clip(loaded, medium, chosen, answer, f"gradio_api/file={loaded.clip}")
    return stage.picture(loaded, medium, chosen, evidence, answer)


def suggestions(reasoner: Reasoner, session: Session) -> tuple[str, ...]:
    """Questions that suit what is shown: about the look that was measured, about a smile where there is one."""
    if not session.media:
        return QUESTIONS
    if len(session.media) > 1:
        return (COMPARE, "What is the difference between the two faces?", "How sure are you?")
    evidence = evidence_of(reasoner, session, 0)
    if evidence is None:
        return (DEFAULT_QUESTION,)
    p = dict(zip(EMOTIONS, map(float, evidence.emotions[0]), strict=True))
    first, second = (LOOKS[e] for e in sorted(p, key=lambda e: -p[e])[:2])
    smile = ("Is the smile genuine?",) if evidence.intensities()[12] >= PRESENT else ()
    changes = ("What changes over the clip, and when?",) if session.media[0].clip is not None else ()
    return (*changes, f"Why does this face look {first}?", f"Why not {second}?", "Which action units are active?",
            *smile, "How sure are you?")


EMPTY = ('<div class="er-stage er-empty"><p>Drop a picture or a clip above, use the webcam, or take a sample.</p>'
         "</div>")


def ask(reasoner: Reasoner, session: Session, question: str) -> Iterator[View]:
    """The views, one after the other. Raises UserError for a question that cannot be asked."""
    question = " ".join(question.split())[:LONGEST + 1]
    if len(question) > LONGEST:
        raise UserError(f"that question is too long: the limit is {LONGEST} characters")
    if not session.media:
        raise UserError("give a picture or a clip first: drop one, use the webcam, or take a sample")
    compared = len(session.media) > 1
    question = question or (COMPARE if compared else DEFAULT_QUESTION)
    for i in range(len(session.media)):
        evidence_of(reasoner, session, i)
    subjects = session.subjects()
    of = "" if compared or len(session.media[0].faces) < 2 else f"<small>face {session.chosen[0]}</small> "
    base = [*session.log, {"role": "user", "content": f'<div class="er-q">{of}{escape(question)}</div>'}]
    yield View([*base, _thought("Looking", words.live(""))])
    text, title = "", "Looking"
    for piece in reasoner.stream(subjects, question, session.history):
        if isinstance(piece, Answer):
            session.asked, session.log = subjects, [*base, *_said(piece, compared)]
            session.remember(question, piece)
            yield View(session.log, *show(reasoner, session))
        else:
            text += piece
            title = "Checking against the evidence" if "</answer>" in text else "Reasoning"
            yield View([*base, _thought(title, words.live(text))])


def _thought(title: str, content: str, done: bool = False) -> dict:
    status = "done" if done else "pending"
    return {"role": "assistant", "content": content, "metadata": {"title": title, "status": status}}


def _said(answer: Answer, compared: bool) -> list[dict]:
    """The folded reasoning and, in front, the conclusion."""
    final = {"role": "assistant", "content": words.conclusion(answer, compared)}
    reasons = words.observations(answer)
    if not reasons:
        return [final]
    drafts = '<p class="er-note">The first draft failed the check; this is the best of several.</p>'
    more = drafts if answer.retried else ""
    return [_thought("Reasoning: what was observed", reasons + more, done=True), final]
