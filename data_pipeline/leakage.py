"""Splits that share neither a person nor a picture: how they are drawn, and how they are guarded.

AU and emotion sets leak identity: a network that knows the person knows the answer. So a person's records all go to
one split, and a picture that nearly repeats one of another split stops the build.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from emoreason.data_pipeline.filter import Pictures, Rejection
from emoreason.errors import UserError
from emoreason.sources import Record
from emoreason.sources.record import SPLITS

SHARES = {"train": 0.9, "validation": 0.05, "test": 0.05}


def draw_split(record: Record, seed: int = 0, shares: Mapping[str, float] = SHARES) -> str:
    """The split of a record whose set has none: by its subject where there is one, else by its id. The same seed
    gives the same split, in any order and on any machine. ``shares`` must sum to 1."""
    if abs(sum(shares.values()) - 1) > 1e-6 or set(shares) - set(SPLITS):
        raise UserError(f"the shares of {', '.join(SPLITS)} must sum to 1, but are {dict(shares)}")
    name = f"{seed}|{record.source}|{record.subject if record.subject is not None else '#' + record.id}"
    at = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    for split, share in shares.items():
        at -= share
        if at < 0:
            return split
    return next(iter(shares))


class Guard:
    """Lets records in one by one and watches that no subject and no picture crosses splits.

    leaks: "fail" raises UserError at the first crossing, "drop" rejects the record that comes later (so read the
    test set first). Subjects count within their source, pictures across all.
    """

    def __init__(self, leaks: str = "fail", duplicates: str = "drop") -> None:
        for name, value, known in (("leaks", leaks, ("fail", "drop")), ("duplicates", duplicates, ("keep", "drop"))):
            if value not in known:
                raise UserError(f"{name} must be {' or '.join(known)}, but got {value!r}")
        self.leaks, self.duplicates = leaks, duplicates
        self.pictures = Pictures()
        self._subjects: dict[tuple[str, str], str] = {}

    def check(self, record: Record, split: str, hashed: bytes | None) -> Rejection | None:
        """Why this record must stay out, None if it may come in. Raises UserError for a crossing (see ``leaks``)."""
        home = None if record.subject is None else self._subjects.get((record.source, record.subject))
        if home not in (None, split):
            return self._crossing(f"{record.source} {record.id}: subject {record.subject} is in {split} and in {home}")
        twins = self.pictures.near(hashed) if hashed else []
        for name, other in twins:
            if other != split:
                return self._crossing(f"{record.source} {record.id} in {split} nearly repeats {name} in {other}")
        if twins and self.duplicates == "drop":
            return Rejection("duplicate picture", f"nearly repeats {twins[0][0]}")
        return None

    def add(self, record: Record, split: str, hashed: bytes | None) -> None:
        """Remember a record that came in."""
        if record.subject is not None:
            self._subjects[record.source, record.subject] = split
        if hashed:
            self.pictures.add(hashed, f"{record.source} {record.id}", split)

    def _crossing(self, what: str) -> Rejection:
        if self.leaks == "fail":
            raise UserError(f"leak between splits: {what}; mend the splits, or use leaks: drop to leave out the later")
        return Rejection("duplicate of another split", what)


def verify(rows: Iterable[tuple[Record, str, bytes | None]]) -> None:
    """Check a whole set of (record, split, picture hash). Raises UserError at the first crossing."""
    guard = Guard("fail", "keep")
    for record, split, hashed in rows:
        guard.check(record, split, hashed)
        guard.add(record, split, hashed)
