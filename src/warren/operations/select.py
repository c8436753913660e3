"""Which messages are meant: conditions on type, failure, headers and body, all of which must hold.

Not here: taking the messages (`lease.py`), and what is done with them.

    type=orders.created       reason=exhausted        fingerprint~^ValueError
    header.tenant!=acme       body.customer.id=42     body.items.*.price>100      age>1h
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import time
from typing import Any, Final, final

from warren.errors import ConfigurationError
from warren.operations.body import BodyKind, read_body
from warren.operations.lease import Held
from warren.operations.message import Described, describe
from warren.operations.plain import as_plain
from warren.topology.duration import parse_duration

__all__ = ["FIELDS", "Selection"]

_CONDITION: Final = re.compile(
    r"""(?P<field>(?:"[^"]*"|[^=!~<>"])+?)\s*(?P<operator>!=|<=|>=|=|~|<|>)(?P<text>.*)""", re.DOTALL
)
_STEP: Final = re.compile(r'"(?P<quoted>[^"]*)"|(?P<plain>[^."]+)')

Values = Callable[[Described], Iterator[Any]]


def _one(read: Callable[[Described], Any]) -> Values:
    def values(message: Described) -> Iterator[Any]:
        value = read(message)
        if value is not None and value != "":
            yield value

    return values


def _of_death(name: str) -> Values:
    return _one(lambda message: getattr(message.dead, name) if message.dead is not None else None)


FIELDS: Final[Mapping[str, Values]] = {
    "id": _one(lambda message: message.message_id),
    "type": _one(lambda message: message.type),
    "fingerprint": _one(lambda message: message.fingerprint),
    "reason": _of_death("reason"),
    "error": _of_death("error"),
    "error-type": _of_death("error_type"),
    "queue": _of_death("queue"),
    "consumer": _of_death("consumer"),
    "attempts": _one(lambda message: message.attempts),
    "exchange": _one(lambda message: message.exchange),
    "routing-key": _one(lambda message: message.routing_key),
    "correlation-id": _one(lambda message: message.properties.correlation_id),
    "age": _one(lambda message: message.age(time())),
    "size": _one(lambda message: len(message.body)),
    "redelivered": _one(lambda message: message.redelivered),
}
"""What a filter may name, beside `header.NAME` and `body.PATH`."""


@final
@dataclass(frozen=True, slots=True)
class _Condition:
    """One filter. Of several values one must fit; for `!=` none may be equal."""

    text: str  # as it was given
    values: Values = field(repr=False, hash=False, compare=False)
    fits: Callable[[Any], bool] = field(repr=False, hash=False, compare=False)
    is_negative: bool = False

    def holds(self, message: Described) -> bool:
        found = any(self.fits(value) for value in self.values(message))
        return not found if self.is_negative else found


@final
@dataclass(frozen=True, slots=True)
class Selection:
    """The messages for which every condition holds; all of them where there is none."""

    conditions: tuple[_Condition, ...] = ()

    @classmethod
    def parse(cls, filters: Sequence[str], *, plain: bool = False) -> Selection:
        """Read `FIELD OPERATOR VALUE` texts. Raises `ConfigurationError` that says what is wrong with which.

        With `plain` the text after `~` is looked for as it stands, in upper or lower case: a regular expression can be
        written so that it never ends, and nothing stops it.
        """
        return cls(tuple(_condition(text, plain=plain) for text in filters))

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.conditions)

    def __str__(self) -> str:
        return " and ".join(condition.text for condition in self.conditions) or "all messages"

    def matches(self, held: Held) -> bool:
        """Tell whether a message is meant."""
        return not self.conditions or self.meets(describe(held))

    def meets(self, message: Described) -> bool:
        """Tell whether a message that is described already is meant."""
        return all(condition.holds(message) for condition in self.conditions)


# -- reading a condition --------------------------------------------------------------------


def _condition(text: str, *, plain: bool) -> _Condition:
    found = _CONDITION.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(
            f"the filter {text!r} has no field and operator; write it like type=orders.created, attempts>3 or "
            f"error~timeout"
        )
    name, operator, wanted = found["field"].strip(), found["operator"], found["text"].strip()
    if name == "age":
        wanted = str(_age(text, wanted))
    if plain and operator == "~":
        wanted = f"(?i){re.escape(wanted)}"
    fits = _comparison(text, operator, wanted)
    return _Condition(text.strip(), _values(text, name), fits, is_negative=operator == "!=")


def _values(text: str, name: str) -> Values:
    known = FIELDS.get(name)
    if known is not None:
        return known
    kind, _, rest = name.partition(".")
    if kind == "header" and rest:
        header = rest[1:-1] if len(rest) > 1 and rest[0] == rest[-1] == '"' else rest
        return _one(lambda message: message.properties.headers.get(header))
    if kind == "body" and rest:
        return _in_body(_path(text, rest))
    close = difflib.get_close_matches(name, [*FIELDS, "header.NAME", "body.PATH"], n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise ConfigurationError(
        f"the filter {text!r} names {name!r}, which no message has; {hint}Known are {', '.join(FIELDS)}, header.NAME "
        f"and body.PATH"
    )


def _path(text: str, path: str) -> tuple[str, ...]:
    steps: list[str] = []
    at = 0
    while True:
        found = _STEP.match(path, at)
        if found is None:
            raise ConfigurationError(
                f"the filter {text!r} has an empty step in its path; write it like body.customer.id, "
                f'body.items.0.sku, body.items.*.sku or body."a.b"'
            )
        steps.append(found["plain"] if found["quoted"] is None else found["quoted"])
        at = found.end()
        if at == len(path):
            return tuple(steps)
        if path[at] != ".":
            raise ConfigurationError(f"the filter {text!r} needs a dot after {path[:at]!r}")
        at += 1


def _in_body(path: tuple[str, ...]) -> Values:
    def values(message: Described) -> Iterator[Any]:
        kind, value = read_body(message.body, message.properties.content_encoding)
        if kind is BodyKind.JSON:
            yield from _walk(value, path)

    return values


def _walk(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if not path:
        yield value
        return
    step, rest = path[0], path[1:]
    match value:
        case dict() if step in value:
            yield from _walk(value[step], rest)
        case dict() if step == "*":
            for one in value.values():
                yield from _walk(one, rest)
        case list() if step == "*":
            for one in value:
                yield from _walk(one, rest)
        case list() if step.isascii() and step.isdecimal() and int(step) < len(value):
            yield from _walk(value[int(step)], rest)


# -- comparing ------------------------------------------------------------------------------


def _age(text: str, wanted: str) -> float:
    try:
        return parse_duration(wanted)
    except ConfigurationError as error:
        raise ConfigurationError(f"the filter {text!r} compares an age: {error}") from error


def _comparison(text: str, operator: str, wanted: str) -> Callable[[Any], bool]:
    match operator:
        case "=" | "!=":
            return _equal(wanted)
        case "~":
            return _like(text, wanted)
        case _:
            return _ordered(text, operator, wanted)


def _equal(wanted: str) -> Callable[[Any], bool]:
    number = _number(wanted)
    quoted = wanted[1:-1] if len(wanted) > 1 and wanted[0] == wanted[-1] == '"' else None

    def fits(value: Any) -> bool:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return number is not None and value == number
        text = _text(value)
        return text == wanted or (quoted is not None and isinstance(value, str) and text == quoted)

    return fits


def _like(text: str, wanted: str) -> Callable[[Any], bool]:
    try:
        pattern = re.compile(wanted)
    except re.error as error:
        raise ConfigurationError(f"the filter {text!r} has no valid regular expression: {error}") from error
    return lambda value: pattern.search(_text(value)) is not None


def _ordered(text: str, operator: str, wanted: str) -> Callable[[Any], bool]:
    """Numbers compare as numbers, and text as text, which is right for ISO 8601 times."""
    if not wanted:
        raise ConfigurationError(
            f"the filter {text!r} compares with nothing; write a number or a text after {operator}"
        )
    limit = _number(wanted)

    def fits(value: Any) -> bool:
        if limit is not None:
            number = value if isinstance(value, int | float) else _number(_text(value))
            return number is not None and not isinstance(value, bool) and _compare(operator, number, limit)
        return isinstance(value, str | datetime) and _compare(operator, _text(value), wanted)

    return fits


def _compare(operator: str, value: Any, limit: Any) -> bool:
    match operator:
        case "<":
            return bool(value < limit)
        case ">":
            return bool(value > limit)
        case "<=":
            return bool(value <= limit)
        case _:
            return bool(value >= limit)


def _number(text: str) -> int | float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _text(value: Any) -> str:
    """Write a value as JSON would, but text without its quotes."""
    plain = as_plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
