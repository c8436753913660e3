"""Field tables as bytes: every AMQP field type, read and written exactly (AMQP 0-9-1, section 4.2.5.5).

Not here: the fourteen properties, of which headers are one (`wire.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from warren.contracts.properties import (
    FieldValue,
    Float32,
    Int8,
    Int16,
    Int32,
    Timestamp,
    UInt8,
    UInt16,
    UInt32,
)

__all__ = ["MAX_DEPTH", "decode_table", "encode_table", "interned", "repeated", "short_string"]

MAX_DEPTH: Final = 64
"""Tables and arrays inside each other. RabbitMQ passes on thousands, at which a reader that recurses dies."""

_u32: Final = struct.Struct(">L")
_u64: Final = struct.Struct(">Q")
_long_field: Final = struct.Struct(">cq")
_decimal_field: Final = struct.Struct(">cBi")


# -- writing ------------------------------------------------------------------------------


def short_string(text: str) -> bytes:
    if not isinstance(text, str):
        raise ValueError(f"{text!r:.40} is not text, as names and most properties have to be")
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) > 255:
        raise ValueError(f"{text[:20]!r}… has {len(raw)} bytes; a short string holds 255")
    return bytes((len(raw),)) + raw


# Types, content types, exchanges, header names: few different ones, written with every message.
repeated: Final = lru_cache(maxsize=1024)(short_string)


def encode_table(table: Mapping[str, FieldValue], depth: int = 0) -> bytes:
    """Write a field table with its length. Raises `ValueError`, `struct.error` or `TypeError` for what does not fit."""
    if depth > MAX_DEPTH:
        raise ValueError("the headers are nested too deep, or contain themselves")
    parts: list[bytes] = []
    for name, value in table.items():
        parts.append(repeated(name))
        parts.append(_encode_value(value, depth))
    body = b"".join(parts)
    return _u32.pack(len(body)) + body


_SIZED: Final[dict[type, struct.Struct]] = {
    Int8: struct.Struct(">cb"),
    UInt8: struct.Struct(">cB"),
    Int16: struct.Struct(">ch"),
    UInt16: struct.Struct(">cH"),
    Int32: struct.Struct(">ci"),
    UInt32: struct.Struct(">cI"),
    Float32: struct.Struct(">cf"),
    float: struct.Struct(">cd"),
}
_CODES: Final[dict[type, bytes]] = {
    Int8: b"b",
    UInt8: b"B",
    Int16: b"s",
    UInt16: b"u",
    Int32: b"I",
    UInt32: b"i",
    Float32: b"f",
    float: b"d",
}


_PLAIN: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, bytes.__bytes__),
)


def _encode_value(value: Any, depth: int) -> bytes:
    kind = type(value)
    if kind is str:
        # Bytes that were read as text they are not (a routing key in Latin-1) leave as they came.
        raw: bytes = value.encode("utf-8", "surrogateescape")
        return b"S" + _u32.pack(len(raw)) + raw
    if kind is int:
        return _long_field.pack(b"l", value)
    if kind is bool:
        return b"t\x01" if value else b"t\x00"
    if value is None:
        return b"V"
    sized = _SIZED.get(kind)
    if sized is not None:
        return sized.pack(_CODES[kind], value)
    if kind is bytes:
        return b"x" + _u32.pack(len(value)) + bytes(value)
    if kind is bytearray:
        return b"S" + _u32.pack(len(value)) + bytes(value)
    return _encode_rare(value, depth + 1)


def _encode_rare(value: Any, depth: int) -> bytes:
    if isinstance(value, Timestamp):
        return b"T" + _u64.pack(value)
    if isinstance(value, datetime):
        return b"T" + _u64.pack(_epoch_seconds(value))
    if isinstance(value, Mapping):
        return b"F" + encode_table(value, depth)
    if isinstance(value, (list, tuple)):
        if depth > MAX_DEPTH:
            raise ValueError("the headers are nested too deep, or contain themselves")
        items = b"".join([_encode_value(item, depth) for item in value])
        return b"A" + _u32.pack(len(items)) + items
    if isinstance(value, Decimal):
        return _encode_decimal(value)
    for base, plain in _PLAIN:  # the members of enums, and other subclasses
        if isinstance(value, base):
            return _encode_value(plain(value), depth)
    raise ValueError(f"a header cannot hold {type(value).__name__}; use text, numbers, booleans, lists or mappings")


def _epoch_seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError(f"the time {moment} in a header has no time zone; write datetime(…, tzinfo=UTC)")
    return int(moment.timestamp())


def _encode_decimal(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    if isinstance(exponent, int) and 0 < exponent < 10:
        digits, exponent = digits + (0,) * exponent, 0
    if not isinstance(exponent, int) or not -255 <= exponent <= 0:
        raise ValueError(f"{value} does not fit an AMQP decimal: 32 bits, and 0 to 255 decimal places")
    unscaled = int("".join(map(str, digits)))
    return _decimal_field.pack(b"D", -exponent, -unscaled if sign else unscaled)


# -- reading ------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def interned(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def decode_table(data: bytes, at: int, depth: int = 0) -> tuple[dict[str, FieldValue], int]:
    """Read the table at `at`; return it with where it ends.

    Raises `ValueError`, `IndexError` or `struct.error` where it is malformed.
    """
    if depth > MAX_DEPTH:
        raise ValueError("malformed message properties: tables nested too deep")
    (size,) = _u32.unpack_from(data, at)
    at += 4
    end = at + size
    if end > len(data):
        raise IndexError("a field table is longer than its frame")
    table: dict[str, FieldValue] = {}
    while at < end:
        value_at = at + 1 + data[at]
        name = interned(data[at + 1 : value_at])
        code = data[value_at]
        if code == 0x6C:  # "l", what Warren's own headers are
            table[name] = int.from_bytes(data[value_at + 1 : value_at + 9], "big", signed=True)
            at = value_at + 9
        else:
            table[name], at = _decode_value(code, data, value_at + 1, depth)
    if at != end:
        raise ValueError("malformed message properties: a field is longer than its table")
    return table, at


_READERS: Final[dict[int, tuple[struct.Struct, Any]]] = {
    ord("b"): (struct.Struct(">b"), Int8),
    ord("B"): (struct.Struct(">B"), UInt8),
    ord("s"): (struct.Struct(">h"), Int16),
    ord("U"): (struct.Struct(">h"), Int16),  # as the specification has it; RabbitMQ writes "s"
    ord("u"): (struct.Struct(">H"), UInt16),
    ord("I"): (struct.Struct(">i"), Int32),
    ord("i"): (struct.Struct(">I"), UInt32),
    ord("l"): (struct.Struct(">q"), int),
    ord("L"): (struct.Struct(">q"), int),  # py-amqp writes it; RabbitMQ too passes it on as "l"
    ord("f"): (struct.Struct(">f"), Float32),
    ord("d"): (struct.Struct(">d"), float),
    ord("t"): (struct.Struct(">?"), bool),
}


def _decode_value(code: int, data: bytes, at: int, depth: int) -> tuple[FieldValue, int]:
    if code == 0x53:  # "S"
        (size,) = _u32.unpack_from(data, at)
        end = at + 4 + size
        return _long_string(data[at + 4 : end]), end
    reader = _READERS.get(code)
    if reader is not None:
        layout, kind = reader
        return kind(layout.unpack_from(data, at)[0]), at + layout.size
    if code == 0x56:  # "V"
        return None, at
    return _decode_rare(code, data, at, depth + 1)


def _long_string(raw: bytes) -> FieldValue:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return bytearray(raw)


def _decode_rare(code: int, data: bytes, at: int, depth: int) -> tuple[FieldValue, int]:
    match chr(code):
        case "T":
            (seconds,) = _u64.unpack_from(data, at)
            return _timestamp(seconds), at + 8
        case "F":
            return decode_table(data, at, depth)
        case "x":
            (size,) = _u32.unpack_from(data, at)
            return data[at + 4 : at + 4 + size], at + 4 + size
        case "A":
            return _decode_array(data, at, depth)
        case "D":
            places, unscaled = struct.unpack_from(">Bi", data, at)
            return Decimal(f"{unscaled}e-{places}"), at + 5  # exact, whatever the thread's decimal context
        case other:
            raise ValueError(f"unknown field type {other!r} in message headers")


def _timestamp(seconds: int) -> FieldValue:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return Timestamp(seconds)


def _decode_array(data: bytes, at: int, depth: int) -> tuple[list[FieldValue], int]:
    if depth > MAX_DEPTH:
        raise ValueError("malformed message properties: arrays nested too deep")
    (size,) = _u32.unpack_from(data, at)
    at += 4
    end = at + size
    items: list[FieldValue] = []
    while at < end:
        item, at = _decode_value(data[at], data, at + 1, depth)
        items.append(item)
    if at != end:
        raise ValueError("malformed message properties: an item is longer than its array")
    return items, at
