"""What was measured, beside the picture: bars of intensities and, for a clip, the course of each AU over time."""

from __future__ import annotations

from html import escape

import numpy as np

from emoreason import courses
from emoreason.app.words import LOOKS, link
from emoreason.clips import Clip
from emoreason.courses import BLINK, Event
from emoreason.facs import ACTION_UNITS, EMOTIONS, MEASURED_AUS
from emoreason.reason import Answer
from emoreason.records import Evidence

WEAK = 0.5  # intensity below which a bar is left out, unless it was claimed
ROWS = 9  # action units on a timeline


def bars(evidence: Evidence | None, answer: Answer | None, title: str = "Measured on this face") -> str:
    """Intensity bars, strongest first, with a tick where the answer's claim lies; then what the face looks like."""
    if evidence is None:
        return ""
    levels = evidence.intensities()
    claims = {}
    if answer is not None and answer.explanation is not None:
        claims = {o.au: o for o in answer.explanation.observations}
    wanted = [a for a, v in levels.items() if v >= WEAK or a in claims]
    wanted += [a for a in claims if a not in levels]
    wanted.sort(key=lambda a: -levels.get(a, 0.0))
    rows = []
    for a in wanted:
        claim, level, doubt = claims.get(a), levels.get(a), answer is not None and a in answer.unsupported
        tick = "" if claim is None or not claim.present or claim.intensity is None else (
            f'<s style="left:{claim.intensity * 20:.0f}%" title="claimed {claim.intensity:.1f}"></s>')
        stated = "" if claim is None else "claimed" if claim.present else "said absent"
        said = "claim not supported" if doubt else stated
        value = "not measured" if level is None else f"{level:.1f}"
        rows.append(
            f'<div class="er-bar{" er-doubt" if doubt else ""}" data-au="{a}" tabindex="0" role="button" aria-label="'
            f'AU{a} {ACTION_UNITS[a].name}, measured {value} of 5{", " + said if said else ""}"><span '
            f'class="er-name"><b>AU{a}'
            f'</b> {escape(ACTION_UNITS[a].name)}{" <em>?</em>" if doubt else ""}</span><span class="er-track"><i '
            f'style="'
            f'--v:{20 * (level or 0):.0f}%"></i>{tick}</span><span class="er-value">{value}</span></div>')
    empty = "" if rows else '<p class="er-note">No action unit reaches 0.5: the face is at rest.</p>'
    key = ('<p class="er-key">0 to 5 (A to E in FACS); present from 1. '
           + ("The tick is what the answer claims. " if claims else "") + "Point at a row to see where.</p>")
    return f'<section class="er-bars"><h3>{escape(title)}</h3>{"".join(rows)}{empty}{key}{_looks(evidence)}</section>'


def _looks(evidence: Evidence) -> str:
    p = dict(zip(EMOTIONS, map(float, evidence.emotions[0]), strict=True))
    top = sorted(p, key=lambda e: -p[e])[:3]
    chips = "".join(f'<span class="er-prob" style="--v:{p[e]:.2f}">{LOOKS[e]} <b>{100 * p[e]:.0f}%</b></span>'
                    for e in top)
    v, a = float(evidence.valence[0]), float(evidence.arousal[0])
    affect = f'<span class="er-prob">valence <b>{v:+.1f}</b> arousal <b>{a:+.1f}</b></span>'
    return f'<p class="er-probs">{chips}{affect}</p>'


def timeline(clip: Clip) -> str:
    """The course of the strongest AUs with their events as buttons, and a playhead that follows the clip."""
    duration = max(clip.duration, 1e-3)
    rows = _rows(clip)
    if not rows:
        return '<section class="er-time"><h3>Over time</h3><p class="er-note">Nothing moves in this face.</p></section>'
    body = "".join(_row(au, events, clip, duration) for au, events in rows)
    ticks = "".join(f'<span style="left:{100 * t / duration:.1f}%">{t:g} s</span>' for t in _ticks(duration))
    away = "".join(f'<i class="er-away" style="left:{100 * a / duration:.1f}%;width:{100 * (b - a) / duration:.1f}%" '
                   f'title="no face {a:.1f}-{b:.1f} s"></i>' for a, b in clip.away)
    return (f'<section class="er-time" style="--t:0" data-duration="{duration:.3f}" data-peak="{clip.peak:.2f}">'
            f'<h3>Over time</h3>{body}<div class="er-row er-scale"><span></span><span class="er-lane" data-lane>{ticks}'
            f'{away}</span></div><div class="er-event-note" role="status" aria-live="polite">Click a movement to '
            f'jump to '
            f'its peak, or <button type="button" class="er-ask" data-ask="What changes over the clip, and when?">ask '
            f'what '
            f'changes</button></div></section>')


def _rows(clip: Clip) -> list[tuple[int, list[Event]]]:
    by_au: dict[int, list[Event]] = {}
    for e in clip.events:
        by_au.setdefault(e.au, []).append(e)
    strongest = sorted(by_au, key=lambda a: -max(e.peak for e in by_au[a]))[:ROWS]
    order = sorted(strongest, key=lambda a: (a == BLINK, by_au[a][0].onset))
    return [(a, by_au[a]) for a in order]


def _row(au: int, events: list[Event], clip: Clip, duration: float) -> str:
    spans = "".join(_event(e, duration) for e in events)
    measured = 43 if au == BLINK else au
    name = link((au,), f"<b>AU{au}</b> {ACTION_UNITS[au].name}")
    return (f'<div class="er-row" data-au="{au}"><span class="er-name">{name}'
            f'</span><span class="er-lane" data-lane>{_curve(clip, measured, duration)}{spans}</span></div>')


def _event(e: Event, duration: float) -> str:
    left, wide = 100 * e.onset / duration, 100 * max(e.offset - e.onset, 0.01 * duration) / duration
    doubt = f"; uncertain: {e.uncertain}" if e.uncertain else ""
    side = "" if e.side == "both" else f", {e.side} side"
    words = (f"AU{e.au} {ACTION_UNITS[e.au].name}{side}: {e.onset:.1f} to {e.offset:.1f} s, peak {e.peak:.1f} at "
             f"{e.apex:.1f} s{doubt}")
    return (f'<button type="button" class="er-event{" er-unsure" if e.uncertain else ""}" data-au="{e.au}" data-seek="'
            f'{e.apex:.3f}" data-words="{escape(words)}" data-question="What does the face show at {e.apex:.1f} '
            f'seconds?" '
            f'style="left:{left:.2f}%;width:{wide:.2f}%" title="{escape(words)}" aria-label="{escape(words)}">'
            f'</button>')


def _curve(clip: Clip, au: int, duration: float) -> str:
    """The AU's intensity over the clip as a filled path."""
    if au not in MEASURED_AUS:
        return ""
    times = clip.evidence.times
    y = courses.smooth(times, np.clip(clip.evidence.aus[:, [MEASURED_AUS.index(au)]], 0, 5))[:, 0]
    at = np.unique(np.linspace(0, len(times) - 1, min(len(times), 160)).round().astype(int))
    points = " ".join(f"{1000 * times[i] / duration:.0f},{50 - 10 * y[i]:.1f}" for i in at)
    first, last = 1000 * times[at[0]] / duration, 1000 * times[at[-1]] / duration
    return (f'<svg viewBox="0 0 1000 50" preserveAspectRatio="none" aria-hidden="true"><polygon points="{first:.0f},50 '
            f'{points} {last:.0f},50"/></svg>')


def _ticks(duration: float) -> list[float]:
    step = next((s for s in (0.5, 1, 2, 5, 10, 20) if duration / s <= 8), 60)
    return [round(float(t), 1) for t in np.arange(0, duration + 1e-6, step) if t < duration * 0.97]
