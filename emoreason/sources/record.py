"""The record that every reader yields, the reject that stands for a bad one, and the register of readers.

Missing is None. In ``aus`` an AU that the set did not code is not in the mapping at all; 0 means coded as absent,
None means present without an intensity.
"""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from emoreason.errors import ParseError, UserError
from emoreason.facs import au, parse_emotions

KINDS = ("picture", "clip")
SPLITS = ("train", "validation", "test")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """One annotated picture or clip.

    id: unique within its source; media: path of the picture, the clip or the folder of a clip's frames, or None when
    ``image`` (an encoded picture: PNG, JPEG) is given or the set names no file; subject: the person, where the set
    says who it is; split: one of SPLITS; emotion: a name of facs, an ordered "fear, surprise" for a compound; votes:
    emotion -> number of raters; aus: AU -> intensity 0-5 (0 absent, None present without intensity); question, text
    (the answer or explanation), caption; valence, arousal in [-1, 1]; licence: the terms, in a few words; extra: what
    else the set says, plain JSON values. ``extra["frame"]`` (1-based, as the sets count) makes a record with the
    media of a clip a picture: that frame of it. Raises ValueError for anything outside these ranges.
    """

    id: str
    source: str
    media: str | None = None
    image: bytes | None = field(default=None, repr=False)
    kind: str = "picture"
    subject: str | None = None
    split: str | None = None
    emotion: str | None = None
    votes: dict[str, float] | None = None
    aus: dict[int, float | None] | None = None
    question: str | None = None
    text: str | None = None
    caption: str | None = None
    valence: float | None = None
    arousal: float | None = None
    licence: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id or not self.source:
            raise ValueError(f"a record needs an id and a source, but got {self.id!r} and {self.source!r}")
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, but got {self.kind!r}")
        if self.split is not None and self.split not in SPLITS:
            raise ValueError(f"split must be one of {SPLITS}, but got {self.split!r}")
        for name in ("media", "subject", "question", "text", "caption", "licence"):
            if getattr(self, name) == "":
                raise ValueError(f"{name} is empty: missing is None")
        if self.emotion is not None and self.emotion != ", ".join(parse_emotions(self.emotion)):
            raise ValueError(f"emotion {self.emotion!r} is not normalised")
        for number, value in (self.aus or {}).items():
            au(number)
            if value is not None and not 0 <= value <= 5:
                raise ValueError(f"AU{number} must have an intensity of 0-5, but got {value}")
        for name in ("valence", "arousal"):
            value = getattr(self, name)
            if value is not None and not -1 <= value <= 1:
                raise ValueError(f"{name} must lie in [-1, 1], but got {value}")

    def row(self) -> dict[str, Any]:
        """The record as one row of a table: ``aus`` and ``votes`` as lists of pairs, ``extra`` as JSON text."""
        data = asdict(self)
        data["aus"] = None if self.aus is None else [{"au": a, "intensity": v} for a, v in sorted(self.aus.items())]
        votes = None if self.votes is None else [{"emotion": e, "votes": v} for e, v in self.votes.items()]
        return data | {"votes": votes, "extra": json.dumps(self.extra, ensure_ascii=False, sort_keys=True)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Record:
        """The inverse of ``row``; further columns are ignored."""
        data = {name: row[name] for name in cls.__dataclass_fields__}
        if data["aus"] is not None:
            data["aus"] = {pair["au"]: pair["intensity"] for pair in data["aus"]}
        if data["votes"] is not None:
            data["votes"] = {pair["emotion"]: pair["votes"] for pair in data["votes"]}
        return cls(**data | {"extra": json.loads(data["extra"])})

    def picture(self) -> bytes | None:
        """The encoded picture, read from ``media`` where it is a file; None for a clip or a single frame of one.
        Raises OSError when the file cannot be read."""
        if self.image is not None:
            return self.image
        if self.media is None or self.kind == "clip" or "frame" in self.extra:
            return None
        return Path(self.media).read_bytes()


@dataclass(frozen=True)
class Reject:
    """A record that could not be used. line is 1-based; 0 where the file has no lines."""

    file: str
    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}, {self.field}: {self.reason}"


class BadField(ValueError):
    """A single value that does not fit; ``Row.record`` turns it into a Reject."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


Items = Iterator[Record | Reject]


@dataclass(frozen=True)
class Row:
    """One raw entry of a file with its place, and typed access to its fields. Every getter raises BadField; with
    ``need=False`` an absent, null or blank field is None."""

    file: str
    line: int
    data: Mapping[str, Any]

    def get(self, name: str, need: bool = True) -> Any:
        value = self.data.get(name)
        if isinstance(value, str):
            value = value.strip() or None
        if value is None and need:
            raise BadField(name, "missing")
        return value

    def text(self, name: str, need: bool = True) -> str | None:
        value = self.get(name, need)
        if value is not None and not isinstance(value, (str, int)):
            raise BadField(name, f"must be text, but got {type(value).__name__}")
        return None if value is None else str(value)

    def number(self, name: str, low: float, high: float, need: bool = True) -> float | None:
        value = self.get(name, need)
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise BadField(name, f"must be a number, but got {str(value)[:40]!r}") from None
        if not math.isfinite(number) or not low <= number <= high:
            raise BadField(name, f"must lie in [{low:g}, {high:g}], but got {number:g}")
        return number

    def integer(self, name: str, low: int, high: int, need: bool = True) -> int | None:
        number = self.number(name, low, high, need)
        if number is not None and number != int(number):
            raise BadField(name, f"must be a whole number, but got {number:g}")
        return None if number is None else int(number)

    def emotion(self, name: str, table: Mapping[str, str] | None = None, need: bool = True) -> str | None:
        """The emotion that a field names, normalised; ``table`` first turns the set's own codes into words."""
        value = self.text(name, need)
        if value is None:
            return None
        if table is not None:
            if value not in table:
                raise BadField(name, f"{value!r} is not one of {', '.join(table)}")
            value = table[value]
        return named(value, name)

    def record(self, make: Callable[[Row], Record]) -> Record | Reject:
        """``make(self)``, or the Reject that says which field is wrong."""
        try:
            return make(self)
        except BadField as e:
            return Reject(self.file, self.line, e.name, str(e))
        except ValueError as e:
            return Reject(self.file, self.line, "record", str(e))


def named(label: str, name: str = "label") -> str:
    """A label, or several as a compound, normalised through facs. Raises BadField."""
    try:
        found = ", ".join(parse_emotions(label))
    except ParseError as e:
        raise BadField(name, str(e)) from None
    if not found:
        raise BadField(name, f"{label!r} names no emotion")
    return found


@dataclass(frozen=True)
class Source:
    """A registered reader: ``read(path, **options)`` yields Records and Rejects in the order of the files."""

    name: str
    read: Callable[..., Items]
    form: str
    licence: str | None


SOURCES: dict[str, Source] = {}


def source(name: str, form: str, licence: str | None = None) -> Callable[[Callable[..., Items]], Callable[..., Items]]:
    """Register a reader. ``form`` says in a line what it reads, ``licence`` the terms of the set."""

    def register(function: Callable[..., Items]) -> Callable[..., Items]:
        SOURCES[name] = Source(name, function, form, licence)
        return function

    return register


def read(name: str, path: str | Path, **options: Any) -> Items:
    """Read the set ``name`` at ``path``, lazily. Options are the reader's own (``SOURCES[name].read``).

    A bad record comes as a Reject. Raises UserError for an unknown name or option, a path that is not there, a file
    that is malformed as a whole, and when not one record could be read.
    """
    if name not in SOURCES:
        raise UserError(f"there is no source {name!r}; known are {', '.join(sorted(SOURCES))}")
    if not Path(path).exists():
        raise UserError(f"{path} does not exist; give the path of a {name} file or folder: {SOURCES[name].form}")
    try:
        items = SOURCES[name].read(Path(path), **options)
    except TypeError as e:
        raise UserError(f"source {name}: {e}") from None
    except OSError as e:
        raise _unreadable(name, str(path), e) from None
    return _checked(name, str(path), items)


def _unreadable(name: str, path: str, e: OSError) -> UserError:
    return UserError(f"{e.filename or path} cannot be read as {name} ({e.strerror or e}); expected: "
                     f"{SOURCES[name].form}")


def _checked(name: str, path: str, items: Items) -> Items:
    first: Reject | None = None
    empty, terms = True, SOURCES[name].licence
    try:
        for item in items:
            if isinstance(item, Reject):
                first = first or item
            else:
                empty = False
                if item.licence is None and terms is not None:
                    item = replace(item, licence=terms)
            yield item
    except OSError as e:
        raise _unreadable(name, path, e) from None
    if empty and first is not None:
        raise UserError(f"not one record of {path} could be read as {name}; first: {first}; expected: "
                        f"{SOURCES[name].form}")
    if empty:
        raise UserError(f"{path} holds no record; expected for {name}: {SOURCES[name].form}")


def to_dataset(name: str, path: str | Path, **options: Any) -> Any:
    """A streaming ``datasets.IterableDataset`` over the records of a set, columns as ``Record.row``.

    Rejects are left out, counted by field, and logged as one warning when the pass ends.
    """
    from datasets import IterableDataset

    return IterableDataset.from_generator(_rows, features=features(),
                                          gen_kwargs={"name": name, "path": str(path), "options": options})


def _rows(name: str, path: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    bad: Counter[str] = Counter()
    for item in read(name, path, **options):
        if isinstance(item, Reject):
            bad[item.field] += 1
        else:
            yield item.row()
    if bad:
        log.warning("%s: %d records left out (%s)", path, bad.total(), ", ".join(f"{k} {n}" for k, n in bad.items()))


def features() -> Any:
    """The ``datasets.Features`` of ``Record.row``."""
    from datasets import Features, List, Value

    made = {name: Value("string") for name in Record.__dataclass_fields__}
    made |= {"image": Value("binary"), "valence": Value("float32"), "arousal": Value("float32"),
             "votes": List({"emotion": Value("string"), "votes": Value("float32")}),
             "aus": List({"au": Value("int32"), "intensity": Value("float32")})}
    return Features(made)
