"""A TOML table into a frozen dataclass, by its type hints, strictly.

Every problem is one SettingsError that names the file, the table, the key and, where a name is unknown, the nearest
known one.
"""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from calibtui.core.errors import SettingsError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Between:
    """The range a number must lie in, both ends included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file a value stands."""

    file: Path
    table: str = ""
    key: str = ""

    def under(self, key: str) -> Place:
        table = ".".join(part for part in (self.table, self.key) if part)
        return Place(self.file, table, key)

    def error(self, problem: str, hint: str = "") -> SettingsError:
        table = f"[{self.table}] " if self.table else ""
        return SettingsError(f"{self.file}: {table}{self.key}: {problem}", hint)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name`, or ""."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint sentence: the nearest known name, or all of them."""
    names = sorted(known)
    close = nearest(name, names)
    if close:
        return f"Did you mean {close}?"
    return f"Known here: {', '.join(names)}." if names else ""


def read_table(cls: type[T], table: Any, place: Place, **given: Any) -> T:
    """A dataclass `cls` from a TOML table; `given` are fields that the file doesn't write (a provider's name is its
    table's)."""
    if not isinstance(table, Mapping):
        raise place.error(f"must be a table, not {_described(table)}.")
    hints = get_type_hints(cls, include_extras=True)
    known = {field.name: field for field in fields(cls) if field.name not in given}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise place.under(key).error("is not a known key.", did_you_mean(key, known))
    values = {key: read_value(hints[key], value, place.under(key)) for key, value in table.items()}
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise place.under(name).error("is missing.", f"Write {name} = … in the table [{place.under(name).table}].")
    return cls(**given, **values)


def read_value(hint: Any, value: Any, place: Place) -> Any:
    """`value` as the type `hint`: str, int, float, bool, Literal, tuple, Mapping, dataclass, or a union of them."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _between(arguments[1], read_value(arguments[0], value, place), place)
    if origin in (Union, types.UnionType):
        return _read_union(arguments, value, place)
    if origin is Literal:
        if value not in arguments:
            allowed = ", ".join(str(item) for item in arguments)
            hint_text = did_you_mean(value, [str(a) for a in arguments]) if isinstance(value, str) else ""
            raise place.error(f"must be one of {allowed}, not {_described(value)}.", hint_text)
        return value
    if origin is tuple:
        return _read_tuple(arguments, value, place)
    if origin is not None and issubclass(origin, Mapping):
        return _read_mapping(arguments[1], value, place)
    if is_dataclass(hint):
        return read_table(hint, value, place)  # type: ignore[arg-type]
    return _read_scalar(hint, value, place)


def _read_union(arguments: tuple[Any, ...], value: Any, place: Place) -> Any:
    choices = [argument for argument in arguments if argument is not type(None)]
    if isinstance(value, str) and str in choices:
        return value
    if str in choices and len(choices) > 1:
        choices.remove(str)
    return read_value(choices[0], value, place)


def _read_tuple(arguments: tuple[Any, ...], value: Any, place: Place) -> tuple[Any, ...]:
    many = len(arguments) == 2 and arguments[1] is Ellipsis
    if many and arguments[0] is str and isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise place.error(f"must be a list, not {_described(value)}.")
    if many:
        return tuple(read_value(arguments[0], item, place) for item in value)
    if len(value) != len(arguments):
        raise place.error(f"must have {len(arguments)} values, not {len(value)}.")
    return tuple(read_value(hint, item, place) for hint, item in zip(arguments, value, strict=True))


def _read_mapping(hint: Any, value: Any, place: Place) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise place.error(f"must be a table, not {_described(value)}.")
    return types.MappingProxyType({key: read_value(hint, item, place.under(key)) for key, item in value.items()})


def _read_scalar(hint: Any, value: Any, place: Place) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        wanted = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}.get(hint, str(hint))
        raise place.error(f"must be {wanted}, not {_described(value)}.")
    if hint is float and not math.isfinite(value):
        raise place.error(f"must be a finite number, not {value}.")
    return value


def _between(bounds: Between, value: Any, place: Place) -> Any:
    for number in value if isinstance(value, tuple) else (value,):
        if number is not None and not bounds.low <= number <= bounds.high:
            raise place.error(f"must lie between {bounds.low:g} and {bounds.high:g}, not {number:g}.")
    return value


def _described(value: Any) -> str:
    text = f"a table with {', '.join(map(str, value)) or 'nothing'}" if isinstance(value, Mapping) else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
