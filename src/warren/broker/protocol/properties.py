"""The content header after the body size: property flags and values, scanned, read, changed and written.

Not here: the table of headers (`fields.py`), what the broker does with the properties (the model).

The broker keeps a header as the bytes it came in. `scan` runs over every publish: it finds what the broker acts on, and
checks the rest only for its structure, so that everything else here can rely on it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from warren.broker.model.message import short_string
from warren.broker.protocol.fields import FieldError, FieldValue, decode_table, edit_table, encode_table, skip_table
from warren.broker.protocol.spec import PROPERTIES, Domain
from warren.broker.protocol.violations import FrameViolation

__all__ = ["Properties", "Scan", "edit", "encode", "headers", "read", "scan"]

_EMPTY_TABLE: Final = bytes(4)
_CONTINUED: Final = 1  # flag bit 0: more flags follow, which no property needs
_BITS: Final = {argument.name: 1 << (15 - place) for place, argument in enumerate(PROPERTIES)}
_PERSISTENT: Final = 2


@dataclass(frozen=True, slots=True)
class Properties:
    """All properties of a message; None for what it does not have."""

    content_type: str | None = None
    content_encoding: str | None = None
    headers: Mapping[str, FieldValue] | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    message_id: str | None = None
    timestamp: int | None = None
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    cluster_id: str | None = None


class Scan(NamedTuple):
    """What the broker acts on when a message is published."""

    persistent: bool = False
    priority: int | None = None
    expiration: str | None = None
    user_id: str | None = None
    reply_to: str | None = None
    has_headers: bool = False
    has_copies: bool = False  # the headers may have CC or BCC


# -- scanning -----------------------------------------------------------------------------

_SHORTSTR: Final = 0
_STEPS: Final = {
    "headers": 1,
    "delivery_mode": 2,
    "priority": 3,
    "reply_to": 4,
    "expiration": 5,
    "user_id": 6,
    "timestamp": 7,
}
_HEADERS, _DELIVERY_MODE, _PRIORITY, _REPLY_TO, _EXPIRATION, _USER_ID, _TIMESTAMP = _STEPS.values()

_plans: dict[bytes, tuple[int, ...]] = {}
"""By flags: the steps that the values after them take."""

_PLAIN: Final = tuple(Scan(bool(code & 1), has_headers=bool(code & 2), has_copies=bool(code & 4)) for code in range(8))

_REMEMBERED: Final = 1024
_LONGEST: Final = 32
"""Longer headers are not kept: they have identifiers, times or headers, and hardly one comes twice."""

_scans: dict[bytes, Scan] = {}


def scan(header: bytes) -> Scan:
    """Find what the broker acts on. Raises FrameViolation where RabbitMQ cannot read the properties."""
    known = _scans.get(header)
    if known is not None:
        return known
    try:
        found = _scan(header)
    except (FieldError, IndexError, struct.error):
        raise FrameViolation(541, "") from None
    if len(header) <= _LONGEST:
        if len(_scans) >= _REMEMBERED:
            _scans.clear()
        _scans[header] = found
    return found


def _scan(header: bytes) -> Scan:
    plan = _plans.get(header[:2]) or _plan(header[:2])
    at = 2
    persistent = has_headers = has_copies = False
    priority: int | None = None
    reply_to: str | None = None
    expiration: str | None = None
    user_id: str | None = None
    for step in plan:
        if step == _SHORTSTR:
            at += 1 + header[at]
        elif step == _DELIVERY_MODE:
            persistent = header[at] == _PERSISTENT
            at += 1
        elif step == _HEADERS:
            end = skip_table(header, at)
            has_headers = end - at > 4
            has_copies = has_headers and b"CC" in header[at:end]
            at = end
        elif step == _TIMESTAMP:
            at += 8
        elif step == _PRIORITY:
            priority = header[at]
            at += 1
        else:
            end = at + 1 + header[at]
            text = header[at + 1 : end].decode("utf-8", "surrogateescape")
            at = end
            if step == _REPLY_TO:
                reply_to = text
            elif step == _EXPIRATION:
                expiration = text
            else:
                user_id = text
    if at != len(header):
        raise FieldError("properties longer or shorter than the header")
    if priority is None and expiration is None and user_id is None and reply_to is None:
        return _PLAIN[persistent | has_headers << 1 | has_copies << 2]
    return Scan(persistent, priority, expiration, user_id, reply_to, has_headers, has_copies)


def _plan(flags: bytes) -> tuple[int, ...]:
    bits = _flags(flags)
    steps = tuple(_STEPS.get(name, _SHORTSTR) for name, bit in _BITS.items() if bits & bit)
    _plans[flags] = steps
    return steps


def _flags(header: bytes) -> int:
    if len(header) < 2:
        raise FieldError("no property flags")
    bits = int.from_bytes(header[:2], "big")
    if bits & _CONTINUED:
        raise FieldError("more property flags than properties")
    return bits


# -- reading, writing and changing --------------------------------------------------------


def _values(header: bytes) -> Iterator[tuple[str, bytes]]:
    """Each property that is there, with its bytes. Only for what `scan` has let through."""
    bits = _flags(header)
    at = 2
    for argument in PROPERTIES:
        if not bits & _BITS[argument.name]:
            continue
        match argument.domain:
            case Domain.TABLE:
                end = skip_table(header, at)
            case Domain.OCTET:
                end = at + 1
            case Domain.TIMESTAMP:
                end = at + 8
            case _:
                end = at + 1 + header[at]
        yield argument.name, header[at:end]
        at = end


def _join(values: Mapping[str, bytes]) -> bytes:
    flags = sum(_BITS[name] for name in values)
    return flags.to_bytes(2, "big") + b"".join([values[name] for name in _BITS if name in values])


def headers(header: bytes) -> dict[str, FieldValue]:
    """Return the table of headers, empty if there is none."""
    for name, raw in _values(header):
        if name == "headers":
            return decode_table(raw)
    return {}


def read(header: bytes) -> Properties:
    """Return all properties."""
    return Properties(**{name: _READERS[_DOMAINS[name]](raw) for name, raw in _values(header)})


def encode(properties: Properties) -> bytes:
    """Write the properties. Raises FieldError or OverflowError for what does not fit."""
    present = {name: value for name in _BITS if (value := getattr(properties, name)) is not None}
    return _join({name: _WRITERS[_DOMAINS[name]](value) for name, value in present.items()})


def edit(
    header: bytes,
    *,
    headers: Mapping[str, bytes | None] | None = None,
    drop: frozenset[str] = frozenset(),
    reply_to: str | None = None,
) -> bytes:
    """Return `header` without the properties in `drop`, and with some headers changed as `fields.edit_table` does."""
    values = {name: raw for name, raw in _values(header) if name not in drop}
    if headers:
        table = edit_table(values.get("headers", _EMPTY_TABLE), headers)
        if "headers" in values or table != _EMPTY_TABLE:
            values["headers"] = table
    if reply_to is not None:
        values["reply_to"] = short_string(reply_to)
    return _join(values)


_DOMAINS: Final = {argument.name: argument.domain for argument in PROPERTIES}
_READERS: Final[dict[Domain, Callable[[bytes], Any]]] = {
    Domain.SHORTSTR: lambda raw: raw[1:].decode("utf-8", "surrogateescape"),
    Domain.TABLE: decode_table,
    Domain.OCTET: lambda raw: raw[0],
    Domain.TIMESTAMP: lambda raw: int.from_bytes(raw, "big"),
}
_WRITERS: Final[dict[Domain, Callable[[Any], bytes]]] = {
    Domain.SHORTSTR: short_string,
    Domain.TABLE: encode_table,
    Domain.OCTET: lambda value: value.to_bytes(1, "big"),
    Domain.TIMESTAMP: lambda value: value.to_bytes(8, "big"),
}
