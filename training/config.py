"""Configs: a YAML file plus ``key=value`` overrides into a dataclass, with errors that name the key."""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml

from emoreason.errors import UserError

T = TypeVar("T")


def load(kind: type[T], path: str | None, overrides: list[str] | None = None) -> T:
    """A ``kind`` (dataclass, nested dataclasses allowed) from YAML file ``path`` and "a.b=value" overrides.

    Raises UserError for a missing file, an unknown key (with the allowed ones) or a value of the wrong type.
    """
    data: dict[str, Any] = {}
    if path:
        file = Path(path)
        if not file.is_file():
            raise UserError(f"config {path} not found; the examples are in configs/")
        try:
            data = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as e:
            raise UserError(f"config {path} is no valid YAML: {' '.join(str(e).split())}") from None
        if not isinstance(data, dict):
            raise UserError(f"config {path} must be a mapping of keys to values")
    for item in overrides or []:
        key, found, value = item.partition("=")
        if not found:
            raise UserError(f"override {item!r} must be key=value")
        at = data
        *parents, last = key.split(".")
        for name in parents:
            at = at.setdefault(name, {})
            if not isinstance(at, dict):
                raise UserError(f"override {item!r}: {name} is a value, and has no {last!r} in it")
        try:
            at[last] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(f"override {item!r}: {value!r} cannot be read; write lists as [1,2], mappings as "
                            "{a: 1}, and quote the whole in the shell") from None
    return _make(kind, data, path or "command line")


def _make(kind: Any, data: dict[str, Any], where: str, prefix: str = "") -> Any:
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind)]
    values = {}
    for key, value in data.items():
        if key not in names:
            raise UserError(f"{where}: unknown key {prefix + str(key)!r}; allowed are {', '.join(names)}")
        hint = hints[key]
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, dict):
                raise UserError(f"{where}: {prefix + key} must be a mapping")
            values[key] = _make(hint, value, where, f"{prefix}{key}.")
        else:
            values[key] = _convert(hint, value, f"{where}: {prefix + key}")
    missing = [f.name for f in dataclasses.fields(kind) if f.name not in values
               and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    if missing:
        raise UserError(f"{where}: missing key {prefix + missing[0]!r}")
    return kind(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        hint = next(a for a in args if a is not type(None))
        return _convert(hint, value, where)
    if origin in (tuple, list):
        if not isinstance(value, (list, tuple)):
            raise UserError(f"{where} must be a list, but got {value!r}")
        return origin(_convert(args[0], v, where) for v in value)
    if origin is dict or hint is dict:
        if not isinstance(value, dict):
            raise UserError(f"{where} must be a mapping, but got {value!r}")
        return value
    if hint is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)  # YAML reads 1e-3 as a string
        except ValueError:
            pass
    elif isinstance(hint, type) and type(value) is hint:
        return value
    name = getattr(hint, "__name__", hint)
    raise UserError(f"{where} must be of type {name}, but got {value!r}")
