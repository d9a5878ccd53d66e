"""Parquet shards with a manifest: written atomically, resumed after a kill without loss or duplicate.

A folder holds ``data/SPLIT-00000.parquet`` ..., ``rejects.jsonl`` and ``manifest.json``. The manifest is the only
commit point: shards come in by temp file and rename, rejects are appended, and then the manifest, which names every
shard with its hash, the length of the rejects and how many source items are done, is replaced. On resuming, what it
does not name is taken away.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from emoreason.errors import UserError

FORMAT = 1
MANIFEST, REJECTS, DATA = "manifest.json", "rejects.jsonl", "data"
COUNTERS = ("by_reason", "by_split", "by_source", "by_emotion", "by_au")


class Shards:
    """A writer. ``start`` is the number of source items that an earlier run has done; ``complete`` says that there is
    nothing left to do.

    features: ``datasets.Features`` of a row; config: what the content depends on (seed, options), as JSON values;
    sources: name and licence of each. rows, size: a shard is written at so many rows, or bytes of pictures. Raises
    UserError when the folder holds something else, was begun with another config, or is in use.
    """

    def __init__(self, folder: str | Path, features: Any, config: dict[str, Any], sources: list[dict[str, Any]],
                 rows: int = 2000, size: int = 1 << 28) -> None:
        self.folder, self.features, self.rows, self.size = Path(folder), features, rows, size
        config = json.loads(json.dumps(config))
        if (self.folder / MANIFEST).exists():
            self.manifest = load_manifest(self.folder)
            old = self.manifest["config"]
            changed = sorted(k for k in old.keys() | config.keys() if old.get(k) != config.get(k))
            if changed:
                k = changed[0]
                raise UserError(f"{folder} was begun with {k} = {old.get(k)!r}, now it is {config.get(k)!r}; take the "
                                "same settings to go on, or another folder")
        else:
            if self.folder.exists() and any(p.name != ".lock" for p in self.folder.iterdir()):
                raise UserError(f"{folder} is not empty and holds no {MANIFEST}; take a new folder")
            self.manifest = {"format": FORMAT, "versions": versions(), "config": config, "sources": sources,
                             "items": 0, "kept": 0, "rejected": 0, **{c: {} for c in COUNTERS}, "shards": [],
                             "rejects_bytes": 0, "complete": False}
        (self.folder / DATA).mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.folder)
        self._tidy()
        self.start: int = self.manifest["items"]
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._rejects: list[dict[str, Any]] = []
        self._bytes, self._done = 0, self.start

    @property
    def complete(self) -> bool:
        return bool(self.manifest["complete"])

    @property
    def next(self) -> int:
        return self._done

    def _tidy(self) -> None:
        named = {s["file"] for s in self.manifest["shards"]}
        for path in (self.folder / DATA).iterdir():
            if f"{DATA}/{path.name}" not in named:
                path.unlink()
        rejects = self.folder / REJECTS
        rejects.touch()
        if rejects.stat().st_size < self.manifest["rejects_bytes"]:
            raise UserError(f"{rejects} is shorter than the manifest says; take a new folder")
        os.truncate(rejects, self.manifest["rejects_bytes"])
        write_atomically(self.folder / MANIFEST, _json(self.manifest))

    def add(self, row: dict[str, Any], split: str) -> None:
        """Keep a row."""
        self._rows.setdefault(split, []).append(row)
        self._bytes += len((row.get("image") or {}).get("bytes") or b"") + 1000

    def reject(self, row: dict[str, Any]) -> None:
        """Leave something out: ``reason`` and whatever helps to find it."""
        self._rejects.append(row)

    def tick(self) -> None:
        """One source item is done, with all its rows and rejects. Writes a shard when there is enough."""
        self._done += 1
        if sum(map(len, self._rows.values())) >= self.rows or self._bytes >= self.size or len(self._rejects) >= 10_000:
            self.commit()

    def commit(self) -> None:
        """Write what is held, and then the manifest."""
        m = self.manifest
        for split, rows in sorted(self._rows.items()):
            number = sum(s["split"] == split for s in m["shards"])
            file = f"{DATA}/{split}-{number:05d}.parquet"
            digest, size = self._parquet(self.folder / file, rows)
            m["shards"].append({"file": file, "split": split, "rows": len(rows), "bytes": size, "sha256": digest})
            m["kept"] += len(rows)
            _count(m["by_split"], [split] * len(rows))
            _count(m["by_source"], [r["source"] for r in rows])
            _count(m["by_emotion"], [r["emotion"] or "none" for r in rows])
            _count(m["by_au"], [f"AU{a['au']}" for r in rows for a in r["aus"] or ()
                                if a["intensity"] is None or a["intensity"] >= 1])
        with (self.folder / REJECTS).open("ab") as f:
            f.writelines(_json(r, None) + b"\n" for r in self._rejects)
            f.flush()
            os.fsync(f.fileno())
            m["rejects_bytes"] = f.tell()
        m["rejected"] += len(self._rejects)
        _count(m["by_reason"], [r["reason"] for r in self._rejects])
        m["items"] = self._done
        write_atomically(self.folder / MANIFEST, _json(m))
        self._rows, self._rejects, self._bytes = {}, [], 0

    def finish(self) -> dict[str, Any]:
        """Write the rest, mark the set as complete, and return the manifest."""
        self.manifest["complete"] = True
        self.commit()
        self.close()
        return self.manifest

    def close(self) -> None:
        """Give the folder free; what is not committed is lost, as after a kill."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _parquet(self, path: Path, rows: list[dict[str, Any]]) -> tuple[str, int]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        part = path.with_name(path.name + ".part")
        pq.write_table(pa.Table.from_pylist(rows, schema=self.features.arrow_schema), part, row_group_size=500)
        _sync(part)
        digest, size = sha256(part), part.stat().st_size
        part.rename(path)
        _sync(path.parent)
        return digest, size


def load_manifest(folder: str | Path) -> dict[str, Any]:
    """The manifest of a folder of shards. Raises UserError when it is missing or of another format."""
    path = Path(folder) / MANIFEST
    if not path.exists():
        raise UserError(f"{folder} holds no {MANIFEST}; give a folder that `emoreason data build` wrote")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if manifest.get("format") != FORMAT:
        raise UserError(f"{path} has format {manifest.get('format')}, but this version reads {FORMAT}")
    return manifest


def verify(folder: str | Path) -> dict[str, Any]:
    """Read every shard back: its hash and its rows must be those of the manifest. Raises UserError; returns the
    manifest."""
    import pyarrow.parquet as pq

    manifest = load_manifest(folder)
    for shard in manifest["shards"]:
        path = Path(folder) / shard["file"]
        if not path.exists() or sha256(path) != shard["sha256"]:
            raise UserError(f"{path} is {'changed' if path.exists() else 'missing'}; build the set anew")
        if pq.ParquetFile(path).metadata.num_rows != shard["rows"]:
            raise UserError(f"{path} has not the {shard['rows']} rows that the manifest names; build the set anew")
    return manifest


def load(folder: str | Path, streaming: bool = False) -> Any:
    """The shards as a ``datasets.DatasetDict`` (or its streaming form), one entry a split."""
    from datasets import load_dataset

    files: dict[str, list[str]] = {}
    for shard in load_manifest(folder)["shards"]:
        files.setdefault(shard["split"], []).append(str(Path(folder) / shard["file"]))
    if not files:
        raise UserError(f"{folder} holds no shards; see its {REJECTS}")
    return load_dataset("parquet", data_files=files, streaming=streaming)


def rows(folder: str | Path, columns: list[str] | None = None) -> Any:
    """Iterate over the rows of all shards as plain dicts, in the order they were written."""
    import pyarrow.parquet as pq

    for shard in load_manifest(folder)["shards"]:
        for batch in pq.ParquetFile(Path(folder) / shard["file"]).iter_batches(256, columns=columns):
            yield from batch.to_pylist()


def versions() -> dict[str, str]:
    """Of what the shards were made with."""
    found = {"python": platform.python_version()}
    for name in ("emoreason", "datasets", "pyarrow", "numpy", "pillow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def sha256(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """The file is either the old or the new one, whenever the machine stops."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    _sync(part)
    part.replace(path)
    _sync(path.parent)


def _json(value: Any, indent: int | None = 1) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent).encode()


def _count(counter: dict[str, int], values: list[str]) -> None:
    for value, n in Counter(values).items():
        counter[value] = counter.get(value, 0) + n


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some file systems cannot sync a folder
        if path.is_file():
            raise
    finally:
        os.close(handle)


def _lock(folder: Path) -> int | None:
    """Hold the folder for this process; the system lets go when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return None
    handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise UserError(f"{folder} is being written by another process; wait for it, or take another folder") from None
    return handle
