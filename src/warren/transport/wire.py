"""Properties, field tables and publish frames as bytes (AMQP 0-9-1, sections 4.2.3 to 4.2.6).

Not here: handshake, channels and every other method, which pika encodes. These are the hot paths, and the field types
that a copy has to keep exactly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from warren.contracts.properties import (
    EMPTY_HEADERS,
    FieldValue,
    Float32,
    Headers,
    Int8,
    Int16,
    Int32,
    Properties,
    Timestamp,
    UInt8,
    UInt16,
    UInt32,
)

__all__ = [
    "FRAME_END",
    "decode_properties",
    "encode_properties",
    "encode_publish",
    "encode_table",
    "header_frame_size",
]

FRAME_METHOD: Final = 1
FRAME_HEADER: Final = 2
FRAME_BODY: Final = 3
FRAME_END: Final = 0xCE
FRAME_OVERHEAD: Final = 8
BASIC_CLASS: Final = 60
BASIC_PUBLISH: Final = 0x003C0028

_frame_head: Final = struct.Struct(">BHL")
_header_payload: Final = struct.Struct(">HHQH")
_u16: Final = struct.Struct(">H")
_u32: Final = struct.Struct(">L")
_u64: Final = struct.Struct(">Q")
_long_field: Final = struct.Struct(">cq")
_decimal_field: Final = struct.Struct(">cBi")

# Property flags, most significant bit first (section 4.2.6.1).
_CONTENT_TYPE: Final = 1 << 15
_CONTENT_ENCODING: Final = 1 << 14
_HEADERS: Final = 1 << 13
_DELIVERY_MODE: Final = 1 << 12
_PRIORITY: Final = 1 << 11
_CORRELATION_ID: Final = 1 << 10
_REPLY_TO: Final = 1 << 9
_EXPIRATION: Final = 1 << 8
_MESSAGE_ID: Final = 1 << 7
_TIMESTAMP: Final = 1 << 6
_TYPE: Final = 1 << 5
_USER_ID: Final = 1 << 4
_APP_ID: Final = 1 << 3
_CLUSTER_ID: Final = 1 << 2


# -- writing ------------------------------------------------------------------------------


def _short_string(text: str) -> bytes:
    if not isinstance(text, str):
        raise ValueError(f"{text!r:.40} is not text, as names and most properties have to be")
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) > 255:
        raise ValueError(f"{text[:20]!r}… has {len(raw)} bytes; a short string holds 255")
    return bytes((len(raw),)) + raw


# Types, content types, exchanges, header names: few different ones, written with every message.
_repeated: Final = lru_cache(maxsize=1024)(_short_string)


def encode_properties(properties: Properties) -> bytes:
    """Write the flags and the property list; raises `ValueError` where a value does not fit its field."""
    try:
        return _property_list(properties)
    except (struct.error, TypeError, OverflowError) as error:
        raise ValueError(f"a property or header does not fit its field: {error}") from error
    except RecursionError:
        raise ValueError("the headers are nested too deep, or contain themselves") from None


def _property_list(properties: Properties) -> bytes:  # noqa: C901 - one paragraph a property
    p = properties
    flags = 0
    parts: list[bytes] = []
    add = parts.append
    if p.content_type is not None:
        flags |= _CONTENT_TYPE
        add(_repeated(p.content_type))
    if p.content_encoding is not None:
        flags |= _CONTENT_ENCODING
        add(_repeated(p.content_encoding))
    if p.headers:
        flags |= _HEADERS
        add(encode_table(p.headers))
    if p.delivery_mode is not None:
        flags |= _DELIVERY_MODE
        add(bytes((p.delivery_mode,)))
    if p.priority is not None:
        flags |= _PRIORITY
        add(bytes((p.priority,)))
    if p.correlation_id is not None:
        flags |= _CORRELATION_ID
        add(_short_string(p.correlation_id))
    if p.reply_to is not None:
        flags |= _REPLY_TO
        add(_repeated(p.reply_to))
    if p.expiration is not None:
        flags |= _EXPIRATION
        add(_repeated(p.expiration))
    if p.message_id is not None:
        flags |= _MESSAGE_ID
        add(_short_string(p.message_id))
    if p.timestamp is not None:
        flags |= _TIMESTAMP
        add(_u64.pack(p.timestamp))
    if p.type is not None:
        flags |= _TYPE
        add(_repeated(p.type))
    if p.user_id is not None:
        flags |= _USER_ID
        add(_repeated(p.user_id))
    if p.app_id is not None:
        flags |= _APP_ID
        add(_repeated(p.app_id))
    if p.cluster_id is not None:
        flags |= _CLUSTER_ID
        add(_repeated(p.cluster_id))
    return _u16.pack(flags) + b"".join(parts)


def encode_table(table: Mapping[str, FieldValue]) -> bytes:
    """Write a field table with its length."""
    parts: list[bytes] = []
    for name, value in table.items():
        parts.append(_repeated(name))
        parts.append(_encode_value(value))
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


def _encode_value(value: Any) -> bytes:
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
    return _encode_rare(value)


def _encode_rare(value: Any) -> bytes:
    if isinstance(value, Timestamp):
        return b"T" + _u64.pack(value)
    if isinstance(value, datetime):
        return b"T" + _u64.pack(_epoch_seconds(value))
    if isinstance(value, Mapping):
        return b"F" + encode_table(value)
    if isinstance(value, (list, tuple)):
        items = b"".join(map(_encode_value, value))
        return b"A" + _u32.pack(len(items)) + items
    if isinstance(value, Decimal):
        return _encode_decimal(value)
    for base, plain in _PLAIN:  # the members of enums, and other subclasses
        if isinstance(value, base):
            return _encode_value(plain(value))
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


@lru_cache(maxsize=1024)
def _publish_frame(channel: int, exchange: str, routing_key: str) -> bytes:
    # Flag bit 0 is mandatory: every publish is (the broker returns what no queue receives).
    payload = _u32.pack(BASIC_PUBLISH) + b"\0\0" + _short_string(exchange) + _short_string(routing_key) + b"\x01"
    return _frame_head.pack(FRAME_METHOD, channel, len(payload)) + payload + b"\xce"


def encode_publish(
    *, channel: int, exchange: str, routing_key: str, properties: bytes, body: bytes, frame_max: int
) -> bytes:
    """Write one mandatory `basic.publish` with its header and body frames.

    `properties` comes from `encode_properties`. Raises `ValueError` where a name is too long.
    """
    size = len(body)
    parts = [
        _publish_frame(channel, exchange, routing_key),
        _frame_head.pack(FRAME_HEADER, channel, 12 + len(properties)),
        # Class, weight (always 0), body size; then flags and properties.
        b"\x00\x3c\x00\x00",
        _u64.pack(size),
        properties,
    ]
    room = frame_max - FRAME_OVERHEAD
    if size <= room:
        if size:
            parts += (b"\xce", _frame_head.pack(FRAME_BODY, channel, size), body)
        parts.append(b"\xce")
        return b"".join(parts)
    parts.append(b"\xce")
    for start in range(0, size, room):
        piece = body[start : start + room]
        parts += (_frame_head.pack(FRAME_BODY, channel, len(piece)), piece, b"\xce")
    return b"".join(parts)


def header_frame_size(properties: bytes) -> int:
    """Return the size in bytes of the header frame that carries these properties; it must not exceed frame_max."""
    return len(properties) + 12 + FRAME_OVERHEAD


# -- reading ------------------------------------------------------------------------------


def decode_properties(data: bytes, at: int) -> Properties:  # noqa: C901 - one paragraph a property
    """Read the flags and property list that start at `at`; raises `ValueError` on a malformed list."""
    try:
        (flags,) = _u16.unpack_from(data, at)
        at += 2
        if flags & 0b11:
            raise ValueError("malformed message properties: more than the fourteen there are")
        content_type = content_encoding = correlation_id = reply_to = expiration = None
        message_id = kind = user_id = app_id = cluster_id = None
        delivery_mode = priority = timestamp = None
        headers: Headers = EMPTY_HEADERS
        if flags & _CONTENT_TYPE:
            end = at + 1 + data[at]
            content_type = _interned(data[at + 1 : end])
            at = end
        if flags & _CONTENT_ENCODING:
            end = at + 1 + data[at]
            content_encoding = _interned(data[at + 1 : end])
            at = end
        if flags & _HEADERS:
            headers, at = _decode_table(data, at)
        if flags & _DELIVERY_MODE:
            delivery_mode = data[at]
            at += 1
        if flags & _PRIORITY:
            priority = data[at]
            at += 1
        if flags & _CORRELATION_ID:
            end = at + 1 + data[at]
            correlation_id = data[at + 1 : end].decode("utf-8", "surrogateescape")
            at = end
        if flags & _REPLY_TO:
            end = at + 1 + data[at]
            reply_to = _interned(data[at + 1 : end])
            at = end
        if flags & _EXPIRATION:
            end = at + 1 + data[at]
            expiration = _interned(data[at + 1 : end])
            at = end
        if flags & _MESSAGE_ID:
            end = at + 1 + data[at]
            message_id = data[at + 1 : end].decode("utf-8", "surrogateescape")
            at = end
        if flags & _TIMESTAMP:
            (timestamp,) = _u64.unpack_from(data, at)
            at += 8
        if flags & _TYPE:
            end = at + 1 + data[at]
            kind = _interned(data[at + 1 : end])
            at = end
        if flags & _USER_ID:
            end = at + 1 + data[at]
            user_id = _interned(data[at + 1 : end])
            at = end
        if flags & _APP_ID:
            end = at + 1 + data[at]
            app_id = _interned(data[at + 1 : end])
            at = end
        if flags & _CLUSTER_ID:
            end = at + 1 + data[at]
            cluster_id = _interned(data[at + 1 : end])
            at = end
    except (IndexError, struct.error) as error:
        raise ValueError(f"malformed message properties: {error}") from error
    except RecursionError:
        raise ValueError("malformed message properties: tables nested without end") from None
    if at > len(data):
        raise ValueError("malformed message properties: the last is longer than its frame")
    return Properties(
        content_type,
        content_encoding,
        headers,
        delivery_mode,
        priority,
        correlation_id,
        reply_to,
        expiration,
        message_id,
        timestamp,
        kind,
        user_id,
        app_id,
        cluster_id,
    )


@lru_cache(maxsize=4096)
def _interned(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _decode_table(data: bytes, at: int) -> tuple[dict[str, FieldValue], int]:
    (size,) = _u32.unpack_from(data, at)
    at += 4
    end = at + size
    if end > len(data):
        raise IndexError("a field table is longer than its frame")
    table: dict[str, FieldValue] = {}
    while at < end:
        value_at = at + 1 + data[at]
        name = _interned(data[at + 1 : value_at])
        code = data[value_at]
        if code == 0x6C:  # "l", what Warren's own headers are
            table[name] = int.from_bytes(data[value_at + 1 : value_at + 9], "big", signed=True)
            at = value_at + 9
        else:
            table[name], at = _decode_value(code, data, value_at + 1)
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


def _decode_value(code: int, data: bytes, at: int) -> tuple[FieldValue, int]:
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
    return _decode_rare(code, data, at)


def _long_string(raw: bytes) -> FieldValue:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return bytearray(raw)


def _decode_rare(code: int, data: bytes, at: int) -> tuple[FieldValue, int]:
    match chr(code):
        case "T":
            (seconds,) = _u64.unpack_from(data, at)
            return _timestamp(seconds), at + 8
        case "F":
            return _decode_table(data, at)
        case "x":
            (size,) = _u32.unpack_from(data, at)
            return data[at + 4 : at + 4 + size], at + 4 + size
        case "A":
            return _decode_array(data, at)
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


def _decode_array(data: bytes, at: int) -> tuple[list[FieldValue], int]:
    (size,) = _u32.unpack_from(data, at)
    at += 4
    end = at + size
    items: list[FieldValue] = []
    while at < end:
        item, at = _decode_value(data[at], data, at + 1)
        items.append(item)
    if at != end:
        raise ValueError("malformed message properties: an item is longer than its array")
    return items, at
