"""What the frozen values of this layer are built with: checked fields, and arguments that cannot change.

Not here: which values are allowed where (`exchange.py`, `queue.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from warren.contracts.properties import FieldValue
from warren.errors import ConfigurationError
from warren.topology.duration import Duration, parse_duration

__all__ = [
    "NO_ARGUMENTS",
    "Arguments",
    "assign",
    "between",
    "choice",
    "declarable",
    "frozen",
    "name_of",
    "refuse_owned",
    "seconds",
]

Arguments = Mapping[str, FieldValue]
"""The table of extra arguments that exchanges, queues and bindings take."""

NO_ARGUMENTS: Final[Arguments] = MappingProxyType({})

_Choice = TypeVar("_Choice", bound=StrEnum)


def assign(value: object, **attributes: object) -> None:
    """Fill the fields of a frozen dataclass whose `__init__` is written by hand."""
    for name, attribute in attributes.items():
        object.__setattr__(value, name, attribute)


def frozen(arguments: Arguments) -> Arguments:
    """Return a copy that cannot be changed."""
    return MappingProxyType(dict(arguments))


def declarable(arguments: Arguments, where: str) -> Arguments:
    """Return a frozen copy, or raise `ConfigurationError` for a value that cannot be declared or read back equal."""
    for name, value in arguments.items():
        if not _is_plain(value):
            raise ConfigurationError(
                f"{where}: argument {name!r} is {value!r}; give text, a whole number, True, False or None"
            )
    return frozen(arguments)


def _is_plain(value: object) -> bool:
    """Floats, times and bytes are left out: Pika cannot send floats, the management API shows none as it was sent."""
    match value:
        case bool() | str() | None:
            return True
        case int():
            return -(2**63) <= value < 2**63
        case list():
            return all(map(_is_plain, value))
        case Mapping():
            return all(map(_is_plain, value.values()))
        case _:
            return False


def name_of(name: str, what: str) -> str:
    """Return `name`, or raise `ConfigurationError` where the broker would not take it."""
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{what}: a name is needed, as text")
    if len(name.encode()) > 255:
        raise ConfigurationError(
            f"{what} {name[:40]!r}…: names are limited to 255 bytes, this one has {len(name.encode())}"
        )
    return name


def choice(kind: type[_Choice], value: str, where: str) -> _Choice:
    """Return the member of `kind` that `value` names."""
    try:
        return kind(value)
    except ValueError:
        raise ConfigurationError(
            f"{where} is {value!r}; choose one of {', '.join(repr(str(one)) for one in kind)}"
        ) from None


def between(value: int | None, low: int, high: int | None, where: str) -> int | None:
    """Return a whole number within limits, or None where none is given."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ConfigurationError(f"{where} is {value!r}; give a whole number, {limits}")
    return value


def seconds(value: Duration | None, where: str) -> float | None:
    """Return a duration in seconds, or None where none is given."""
    try:
        return None if value is None else parse_duration(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def refuse_owned(arguments: Arguments, owned: Mapping[str, str], where: str) -> None:
    """Raise `ConfigurationError` for an argument that has a field of its own: two truths would be one too many."""
    for name in arguments:
        if name in owned:
            raise ConfigurationError(f"{where}: argument {name!r} has a field of its own; say {owned[name]}=")
