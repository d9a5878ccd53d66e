"""The face with its action units drawn on it, as one SVG over the picture or the playing clip.

Everything that belongs to an AU carries ``data-au``; static/app.js lights all of it together.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape

import cv2
import numpy as np

from emoreason import faces
from emoreason.app.media import Loaded, data_url
from emoreason.facs import ACTION_UNITS, MEASURED_AUS, PRESENT
from emoreason.reason import Answer, Subject
from emoreason.records import CROP, Evidence
from emoreason.regions import AU_POINTS, au_centres, points68

MAP = 64  # pixels that an AU's map is drawn with
WEAK = 0.5  # intensity from which a region is drawn before anything was asked
GLOW = (255, 176, 46)
SAMPLES = 240  # moments of a clip for which regions are placed


def shown_aus(evidence: Evidence | None, answer: Answer | None) -> dict[int, str]:
    """AU -> how its region is drawn: present, gone (said to be absent) or doubt (not supported)."""
    out: dict[int, str] = {}
    if evidence is not None:
        out = {a: "present" for a, v in evidence.intensities().items() if v >= PRESENT and a in AU_POINTS}
    if answer is not None and answer.explanation is not None:
        for o in answer.explanation.observations:
            if o.au in AU_POINTS:
                out[o.au] = "doubt" if o.au in answer.unsupported else "present" if o.present else "gone"
    return out


def picture(loaded: Loaded, medium: int, chosen: int, evidence: Evidence | None, answer: Answer | None,
            faces_too: bool = True) -> str:
    """The picture with numbered faces and, on the chosen one, regions and maps."""
    height, width = loaded.picture.shape[:2]
    subject = loaded.subject(chosen)
    parts = [f'<image href="{data_url(loaded.picture)}" width="{width}" height="{height}"/>']
    if subject is not None and subject.image is not None:
        parts += [_maps(subject, evidence, loaded.scale), _regions(subject, evidence, answer, loaded.scale)]
    elif subject is not None and evidence is not None:
        parts.append(_map_images(evidence, np.array([[width / CROP, 0, 0], [0, height / CROP, 0]])))
    if faces_too:
        parts += [_face(s, medium, s.index == chosen, loaded.scale, len(loaded.faces)) for s in loaded.faces
                  if s.image is not None]
    note = "" if loaded.faces else '<p class="er-nothing">No face was found here.</p>'
    return (f'<figure class="er-fig" data-medium="{medium}"><svg viewBox="0 0 {width} {height}" role="group" '
            f'aria-label="{escape(loaded.name)}">{"".join(parts)}</svg>{note}'
            f'<figcaption>{_caption(loaded, chosen)}</figcaption></figure>')


def _caption(loaded: Loaded, chosen: int) -> str:
    n = len(loaded.faces)
    if n > 1:
        return f"{escape(loaded.name)}: {n} faces, asking about face {chosen}. Click another number to ask about it."
    return escape(loaded.name)


def _face(s: Subject, medium: int, chosen: bool, scale: float, count: int) -> str:
    assert s.track is not None
    x0, y0, x1, y1 = (float(v) * scale for v in s.track.boxes[0])
    r = float(np.clip(0.09 * (x1 - x0), 9, 22))
    badge = (f'<circle cx="{x0 + r:.1f}" cy="{y0 + r:.1f}" r="{r:.1f}"/><text x="{x0 + r:.1f}" y="{y0 + r:.1f}" '
             f'font-size="{1.25 * r:.1f}">{s.index}</text>') if count > 1 else ""
    button = (f'data-face="{s.index}" data-medium="{medium}" tabindex="0" role="button" aria-pressed="'
              f'{str(chosen).lower()}" aria-label="face {s.index}"') if count > 1 else ""
    return (f'<g class="er-face{" er-chosen" if chosen else ""}" {button}><rect x="{x0:.1f}" y="{y0:.1f}" '
            f'width="{x1 - x0:.1f}" height="{y1 - y0:.1f}" rx="6"/>{badge}</g>')


def _regions(subject: Subject, evidence: Evidence | None, answer: Answer | None, scale: float) -> str:
    assert subject.track is not None
    points = points68(subject.track.landmarks[0]) * scale
    width = float(subject.track.boxes[0][2] - subject.track.boxes[0][0]) * scale
    levels = evidence.intensities() if evidence else {}
    out = []
    for au, kind in shown_aus(evidence, answer).items():
        level = levels.get(au, 2.0)
        r = width * 0.07 * (0.6 + 0.12 * level)
        spots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>' for x, y in au_centres(points, au))
        out.append(_region(au, kind, level, spots))
    return f'<g class="er-regions">{"".join(out)}</g>'


def _region(au: int, kind: str, level: float, spots: str) -> str:
    name = f"AU{au} {ACTION_UNITS[au].name}"
    return (f'<g class="er-region er-{kind}" data-au="{au}" style="--level:{level / 5:.2f}" tabindex="0" role="button" '
            f'aria-label="{name}, measured {level:.1f}"><title>{name}: {level:.1f} of 5</title>{spots}</g>')


def _maps(subject: Subject, evidence: Evidence | None, scale: float) -> str:
    if evidence is None or subject.image is None or subject.track is None:
        return ""
    _, matrix = faces.align(subject.image, subject.track.landmarks[0])
    return _map_images(evidence, matrix * scale)


def _map_images(evidence: Evidence, matrix: np.ndarray) -> str:
    """The maps of the AUs that show at all; none for evidence that was summed up without them. matrix (2, 3): pixels of
    the crop -> pixels of the picture shown."""
    if evidence.maps.shape[-1] == 1:
        return ""
    shown = (a for a, v in evidence.intensities().items() if v >= WEAK)
    return f'<g class="er-maps">{"".join(_map(a, evidence, 0, matrix) for a in shown)}</g>'


def _map(au: int, evidence: Evidence, i: int, matrix: np.ndarray, when: str = "") -> str:
    (a, c, e), (b, d, f) = matrix
    url = map_url(evidence.maps[i, MEASURED_AUS.index(au)])
    return (f'<image class="er-map" data-au="{au}" href="{url}" width="{CROP}" height="{CROP}" transform="matrix('
            f'{a:.4f} {b:.4f} {c:.4f} {d:.4f} {e:.2f} {f:.2f})"{when}/>')


def map_url(weights: np.ndarray) -> str:
    """Where an AU was read: weights (h, w) as a glow on transparent ground."""
    share = cv2.resize(weights.astype(np.float32), (MAP, MAP), interpolation=cv2.INTER_CUBIC)
    share = np.clip(share / max(float(weights.max()), 1e-9), 0, 1)
    picture = np.empty((MAP, MAP, 4), np.uint8)
    picture[..., :3] = GLOW
    picture[..., 3] = 220 * share ** 0.8
    return data_url(picture, ".webp")


def clip(loaded: Loaded, medium: int, chosen: int, answer: Answer | None, address: str) -> str:
    """The playing clip; ``data-course`` has where the regions are at SAMPLES moments, for static/app.js."""
    subject = loaded.subject(chosen)
    film = loaded.subjects[0].film
    assert film is not None
    width, height = max(film.scene.width, 1), max(film.scene.height, 1)
    course = escape(json.dumps(_course(subject, answer), separators=(",", ":")))
    buttons = "".join(
        f'<button type="button" class="er-pick{" er-chosen" if s.index == chosen else ""}" data-face="{s.index}" '
        f'data-medium="{medium}" aria-pressed="{str(s.index == chosen).lower()}">face {s.index}</button>'
        for s in loaded.faces) if len(loaded.faces) > 1 else ""
    aus = _clip_aus(subject, answer)
    groups = "".join(_region(a, kind, 0.0, "<circle/>" * len(AU_POINTS[a])) for a, kind in aus.items())
    maps = f'<g class="er-maps">{loaded.maps.get(chosen, "")}</g>'
    note = "" if loaded.faces else '<p class="er-nothing">No face was found in this clip.</p>'
    warning = film.scene.warning.replace(film.path, loaded.name) if film.scene.warning else ""
    if warning:
        warning = f'<p class="er-nothing">{escape(warning)}</p>'
    return (f'<figure class="er-fig er-film" data-medium="{medium}" data-course="{course}" '
            f'data-duration="{film.duration:.3f}"><div class="er-screen"><video src="{escape(address)}" controls '
            f'playsinline muted preload="auto" aria-label="{escape(loaded.name)}"></video><svg viewBox="0 0 {width} '
            f'{height}" role="group" aria-label="action units on the face">{maps}<g class="er-regions">{groups}</g>'
            f'<g class="er-face er-chosen"><rect rx="6"/></g></svg></div>{note}{warning}'
            f'<figcaption>{escape(loaded.name)} {buttons}</figcaption></figure>')


def peak_maps(subject: Subject, read: Callable[[np.ndarray], Evidence]) -> str:
    """The map of each AU that the clip is told by, read where it is strongest; ``data-at``: seconds, since it shows
    around that time only. read: crops (T, S, S, 3) uint8 RGB -> Evidence."""
    if subject.track is None or subject.film is None or subject.film.clip is None:
        return ""
    track, apexes = subject.track, {e.au: e.apex for e in sorted(subject.film.clip.told, key=lambda e: e.peak)}
    if not apexes:
        return ""
    at = [int(np.abs(track.times - t).argmin()) for t in apexes.values()]
    evidence = read(track.crops[at])
    out = []
    for i, (au, frame) in enumerate(zip(apexes, at, strict=True)):
        matrix = faces.framing(*faces.anchors(track.landmarks[frame])).matrix(CROP)
        out.append(_map(au, evidence, i, matrix, f' data-at="{track.times[frame]:.3f}"'))
    return "".join(out)


def _clip_aus(subject: Subject | None, answer: Answer | None) -> dict[int, str]:
    if subject is None or subject.film is None or subject.film.clip is None:
        return {}
    out = {e.au: "present" for e in subject.film.clip.told if e.au in AU_POINTS}
    return out | {a: k for a, k in shown_aus(None, answer).items() if k != "gone"}


def _course(subject: Subject | None, answer: Answer | None) -> dict[str, object]:
    """times (n,), boxes (n, 4) and for each AU levels (n,) and centres (n, 2 G), in pixels of the clip."""
    if subject is None or subject.track is None or subject.film is None or subject.film.clip is None:
        return {}
    track, clip_ = subject.track, subject.film.clip
    step = max(1, len(track) // SAMPLES)
    at = np.arange(0, len(track), step)
    points = points68(track.landmarks[at])
    seen = clip_.evidence.times
    near = np.abs(seen[None] - track.times[at][:, None]).argmin(1)
    aus = {}
    for au in _clip_aus(subject, answer):
        spots = np.stack([points[:, list(g)].mean(1) for g in AU_POINTS[au]], 1).reshape(len(at), -1)
        level = clip_.evidence.aus[near, MEASURED_AUS.index(au)]
        aus[str(au)] = {"at": spots.round().astype(int).tolist(), "level": level.round(1).tolist()}
    return {"times": track.times[at].round(3).tolist(), "boxes": track.boxes[at].round().astype(int).tolist(),
            "seen": track.valid[at].astype(int).tolist(), "aus": aus}
