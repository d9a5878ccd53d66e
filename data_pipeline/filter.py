"""What an explanation must be to enter the training data: well formed, true to its annotation, and not said before.

``check`` judges one text against one record; ``Pictures`` and ``Texts`` find near-duplicates. Each says why.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import numpy as np

from emoreason import images
from emoreason.errors import ParseError
from emoreason.facs import MEASURED_AUS, PRESENT, prototype_support
from emoreason.schema import Explanation, find_aus, is_present, parse
from emoreason.sources import Record

REASONS = ("malformed", "absent AU claimed", "present AU denied", "AU missed", "intensity differs", "side differs",
           "beyond the evidence", "conclusion differs", "valence or arousal differs", "duplicate picture",
           "duplicate text", "unreadable picture", "duplicate of another split", "nothing to explain",
           "no face", "bad record", "writer failed")
MUST_NAME = 2.0  # an AU from B on must be named; a trace (A) may be passed over
TOLERANCE = 1.0  # how far a stated intensity may lie from the annotated one, of 5
FEEL_TOLERANCE = 0.3  # the same for valence and arousal, of 2
SUPPORT = 0.3  # a conclusion without a label needs this much of facs.prototype_support
# What a face cannot show, whatever the annotation says.
_NEVER = re.compile(r"\b(?:years old|ethnic\w*|nationality|caucasian|asian|african|hispanic|latin[ao]|lying|liar|"
                    r"dishonest\w*|attractive\w*|handsome|ugly|intelligent|criminal|his job|her job)\b", re.I)
_CHANCE = re.compile(r"\b\d+\s?(?:percent\b|%)", re.I)
_FEELING = re.compile(r"\b(?:un)?pleasant\b|\bexcited\b|\benergy\b", re.I)


@dataclass(frozen=True)
class Rejection:
    """Why a text or picture was left out: one of REASONS, and the particulars."""

    reason: str
    detail: str
    text: str | None = None  # the refused text, where one was written


def check(text: str, record: Record, complete: bool = True) -> Rejection | None:
    """Whether an explanation agrees with the annotation of its picture or clip; None when it does.

    ``complete``: the text is a whole explanation, which must name every measured AU of at least MUST_NAME; an
    answer about one region need not. Where the annotation says nothing about an AU, any claim about it is beyond the
    evidence; an AU annotated without intensity allows no figure, a label without votes no probability, a picture no
    times. The conclusion must be the annotated emotion, or one of those with the most votes, or, without either, one
    that the AUs support.
    """
    try:
        x = parse(text)
    except ParseError as e:
        return Rejection("malformed", str(e))
    never = _NEVER.search(text)
    if never and x.emotion is not None:  # a refusal may name what it refuses
        return Rejection("beyond the evidence", f"says {never.group()!r}")
    missed = _missed(x, record) if complete else None
    return _claims(x, record) or missed or _conclusion(x, record) or _feel(x, record)


def _claims(x: Explanation, record: Record) -> Rejection | None:
    known = record.aus or {}
    length = record.extra.get("duration")
    sides = record.extra.get("sides")  # {"12": "left"}: the stronger side; AUs left out show on both
    for o in x.observations:
        if o.au not in known:
            return Rejection("beyond the evidence", f"AU{o.au} was not coded")
        value = known[o.au]
        if o.present and value is not None and value < PRESENT:
            return Rejection("absent AU claimed", f"AU{o.au}, annotated {value:g}")
        if not o.present and is_present(value):
            return Rejection("present AU denied", f"AU{o.au}, annotated {'present' if value is None else f'{value:g}'}")
        if o.present and o.intensity is not None:
            if value is None:
                return Rejection("beyond the evidence", f"AU{o.au} has no annotated intensity")
            if abs(o.intensity - value) > TOLERANCE + 1e-9:
                return Rejection("intensity differs", f"AU{o.au}: {o.intensity:g}, annotated {value:g}")
        if o.span is not None and (record.kind == "picture" or length is not None and o.span[1] > length + 0.05):
            return Rejection("beyond the evidence", f"AU{o.au} at {o.span[0]:g}-{o.span[1]:g} s")
        if o.side != "both" and sides is None:
            return Rejection("beyond the evidence", f"AU{o.au}: sides were not coded")
        if o.side != "both" and sides is not None and sides.get(str(o.au), "both") != o.side:
            return Rejection("side differs", f"AU{o.au}: {o.side}, annotated {sides.get(str(o.au), 'both')}")
    chance, feeling = _CHANCE.search(x.interpretation), _FEELING.search(x.interpretation)
    if (chance or x.confidence is not None) and not has_chances(record):
        return Rejection("beyond the evidence", f"states a chance: {chance.group() if chance else x.confidence}")
    if feeling and record.valence is None and record.arousal is None:
        return Rejection("beyond the evidence", f"says {feeling.group()!r}, but no valence is annotated")
    for number in sorted(find_aus(x.interpretation)[0]):
        if number not in known or not is_present(known[number]):
            return Rejection("beyond the evidence", f"the interpretation rests on AU{number}")
    return None


def has_chances(record: Record) -> bool:
    """Whether anything says how sure the emotion is: raters' votes, or probabilities of a calibrated reader."""
    return bool(record.votes) or "emotions" in record.extra


def _missed(x: Explanation, record: Record) -> Rejection | None:
    if x.emotion is None:
        return None
    missed = [a for a, v in (record.aus or {}).items()
              if a in MEASURED_AUS and is_present(v, MUST_NAME) and a not in x.present]
    return Rejection("AU missed", ", ".join(f"AU{a}" for a in missed)) if missed else None


def _conclusion(x: Explanation, record: Record) -> Rejection | None:
    if x.emotion is None:
        return None  # an abstention claims nothing
    if record.emotion is not None:
        right = x.emotion == record.emotion
        return None if right else Rejection("conclusion differs", f"{x.emotion}, annotated {record.emotion}")
    if record.votes:
        best = [e for e, v in record.votes.items() if v == max(record.votes.values())]
        return None if x.emotion in best else Rejection("conclusion differs", f"{x.emotion}, voted {', '.join(best)}")
    known = {a: 3.0 if v is None else v for a, v in (record.aus or {}).items()}
    sides = {int(a): s for a, s in (record.extra.get("sides") or {}).items()}
    support = prototype_support(known, sides)
    if not known or any(support.get(e, 0.0) < SUPPORT for e in x.emotions):
        return Rejection("beyond the evidence", f"nothing annotated supports {x.emotion}")
    return None


def _feel(x: Explanation, record: Record) -> Rejection | None:
    for name in ("valence", "arousal"):
        said, known = getattr(x, name), getattr(record, name)
        if said is not None and known is not None and abs(said - known) > FEEL_TOLERANCE:
            return Rejection("valence or arousal differs", f"{name} {said:g}, annotated {known:g}")
    return None


_N = 32
_DCT = np.cos(np.pi * (2 * np.arange(_N)[None] + 1) * np.arange(16)[:, None] / (2 * _N))
NEAR = 20  # of 255 bits


def picture_hash(picture: bytes) -> bytes:
    """A perceptual hash, 32 bytes: the signs of the lowest 16 x 16 cosine frequencies of the grey picture at 32 px
    about their median, without the mean. Raises UserError for bytes that are no picture.

    Of 3,000 pictures of FER2013, every pair within NEAR bits had thumbnails that correlate above .985, whereas with
    the usual 64 bits pairs at a distance of 5 go down to .59: aligned faces are alike in their low frequencies.
    """
    from PIL import Image

    image = Image.fromarray(images.read(picture)).convert("L")
    grey = np.asarray(image.resize((_N, _N), Image.Resampling.BILINEAR), np.float64)
    low = (_DCT @ grey @ _DCT.T).ravel()
    return np.packbits(np.append(low[1:] > np.median(low[1:]), False)).tobytes()


class Pictures:
    """The pictures seen so far, 32 bytes each; a look-up is exact and takes about 10 ms per million of them."""

    def __init__(self) -> None:
        self._words = np.empty((4, 1024), np.uint64)
        self._keys: list[tuple[str, str | None]] = []

    def near(self, hashed: bytes) -> list[tuple[str, str | None]]:
        """(name, split) of every picture within NEAR bits, nearest first."""
        held = self._words[:, :len(self._keys)]
        wanted = np.frombuffer(hashed, np.uint64)
        differ = np.bitwise_count(held[0] ^ wanted[0])  # uint8: at most 255 bits differ in all, as the last is always 0
        for i in (1, 2, 3):
            differ += np.bitwise_count(held[i] ^ wanted[i])
        found = np.flatnonzero(differ <= NEAR)
        return [self._keys[i] for i in found[np.argsort(differ[found], kind="stable")]]

    def add(self, hashed: bytes, name: str, split: str | None = None) -> None:
        n = len(self._keys)
        if n == self._words.shape[1]:
            self._words = np.concatenate([self._words, np.empty_like(self._words)], axis=1)
        self._words[:, n] = np.frombuffer(hashed, np.uint64)
        self._keys.append((name, split))


_BANDS, _ROWS, SAME_TEXT = 8, 6, 0.85
_rng = np.random.default_rng(1997)
_A = _rng.integers(1, 2**63, _BANDS * _ROWS, np.uint64) * np.uint64(2) + np.uint64(1)
_B = _rng.integers(0, 2**63, _BANDS * _ROWS, np.uint64)


class Texts:
    """Near-duplicate texts by MinHash (Broder, 1997) over runs of three words, figures taken as alike. Two texts are
    the same from an estimated overlap (Jaccard) of SAME_TEXT on, 48 hashes, compared when a band of six agrees."""

    def __init__(self) -> None:
        self._bands: dict[bytes, int] = {}
        self._signatures: list[np.ndarray] = []
        self._names: list[str] = []

    def near(self, text: str) -> str | None:
        """The name of a text that says the same, None if there is none."""
        signature = _signature(text)
        for key in _bands(signature):
            other = self._bands.get(key)
            if other is not None and (self._signatures[other] == signature).mean() >= SAME_TEXT:
                return self._names[other]
        return None

    def add(self, text: str, name: str) -> None:
        signature = _signature(text)
        for key in _bands(signature):
            self._bands.setdefault(key, len(self._names))
        self._signatures.append(signature)
        self._names.append(name)


def _signature(text: str) -> np.ndarray:
    words = re.findall(r"[a-z]+|#", re.sub(r"-?\d+(?:\.\d+)?", "#", text.lower()))
    runs = {" ".join(words[i:i + 3]) for i in range(max(1, len(words) - 2))}
    codes = np.array([zlib.crc32(r.encode()) for r in sorted(runs)], np.uint64)
    return ((_A[:, None] * codes + _B[:, None]) >> np.uint64(32)).min(1).astype(np.uint32)


def _bands(signature: np.ndarray) -> list[bytes]:
    return [bytes([i]) + signature[i * _ROWS:(i + 1) * _ROWS].tobytes() for i in range(_BANDS)]
