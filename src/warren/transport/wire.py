"""Properties, publish frames and acks as bytes (AMQP 0-9-1, sections 4.2.3 to 4.2.6).

Not here: field tables (`fields.py`), or handshake, channels and every other method, which pika encodes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from warren.contracts.properties import EMPTY_HEADERS, Headers, Properties
from warren.transport.fields import decode_table, encode_table, interned, repeated, short_string

__all__ = [
    "FRAME_END",
    "MALFORMED",
    "decode_properties",
    "encode_acks",
    "encode_properties",
    "encode_publish",
    "header_frame_size",
    "read_properties",
]

FRAME_METHOD: Final = 1
FRAME_HEADER: Final = 2
FRAME_BODY: Final = 3
FRAME_END: Final = 0xCE
FRAME_OVERHEAD: Final = 8
BASIC_CLASS: Final = 60
BASIC_PUBLISH: Final = 0x003C0028
BASIC_ACK: Final = 0x003C0050

MALFORMED: Final = "x-warren-malformed-properties"

_frame_head: Final = struct.Struct(">BHL")
_ack_frame: Final = struct.Struct(">BHLLQBB")
_header_payload: Final = struct.Struct(">HHQH")
_u16: Final = struct.Struct(">H")
_u32: Final = struct.Struct(">L")
_u64: Final = struct.Struct(">Q")

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


def encode_properties(properties: Properties) -> bytes:
    """Write the flags and the property list; raises `ValueError` where a value does not fit its field."""
    try:
        return _property_list(properties)
    except (struct.error, TypeError, OverflowError) as error:
        raise ValueError(f"a property or header does not fit its field: {error}") from error


def _property_list(properties: Properties) -> bytes:  # noqa: C901 - one paragraph a property
    p = properties
    flags = 0
    parts: list[bytes] = []
    add = parts.append
    if p.content_type is not None:
        flags |= _CONTENT_TYPE
        add(repeated(p.content_type))
    if p.content_encoding is not None:
        flags |= _CONTENT_ENCODING
        add(repeated(p.content_encoding))
    if p.headers is not EMPTY_HEADERS:  # an empty table stays one
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
        add(short_string(p.correlation_id))
    if p.reply_to is not None:
        flags |= _REPLY_TO
        add(repeated(p.reply_to))
    if p.expiration is not None:
        flags |= _EXPIRATION
        add(repeated(p.expiration))
    if p.message_id is not None:
        flags |= _MESSAGE_ID
        add(short_string(p.message_id))
    if p.timestamp is not None:
        flags |= _TIMESTAMP
        add(_u64.pack(p.timestamp))
    if p.type is not None:
        flags |= _TYPE
        add(repeated(p.type))
    if p.user_id is not None:
        flags |= _USER_ID
        add(repeated(p.user_id))
    if p.app_id is not None:
        flags |= _APP_ID
        add(repeated(p.app_id))
    if p.cluster_id is not None:
        flags |= _CLUSTER_ID
        add(repeated(p.cluster_id))
    return _u16.pack(flags) + b"".join(parts)


@lru_cache(maxsize=1024)
def _publish_frame(channel: int, exchange: str, routing_key: str) -> bytes:
    # Flag bit 0 is mandatory: every publish is (the broker returns what no queue receives).
    payload = _u32.pack(BASIC_PUBLISH) + b"\0\0" + short_string(exchange) + short_string(routing_key) + b"\x01"
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


def encode_acks(channel: int, acks: Iterable[tuple[int, bool]]) -> bytes:
    """Write one `basic.ack` for each tag, with its `multiple` flag."""
    return b"".join(
        _ack_frame.pack(FRAME_METHOD, channel, 13, BASIC_ACK, tag, multiple, FRAME_END) for tag, multiple in acks
    )


def header_frame_size(properties: bytes) -> int:
    """Return the size in bytes of the header frame that carries these properties; it must not exceed frame_max."""
    return len(properties) + 12 + FRAME_OVERHEAD


# -- reading ------------------------------------------------------------------------------


def read_properties(data: bytes) -> Properties:
    """Read flags and property list; a malformed one becomes the header `MALFORMED`, because the body may be sound."""
    try:
        return decode_properties(data, 0)
    except ValueError:
        # No client can have meant this. A copy keeps the bytes for whoever looks.
        return Properties(headers={MALFORMED: data})


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
            content_type = interned(data[at + 1 : end])
            at = end
        if flags & _CONTENT_ENCODING:
            end = at + 1 + data[at]
            content_encoding = interned(data[at + 1 : end])
            at = end
        if flags & _HEADERS:
            headers, at = decode_table(data, at)
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
            reply_to = interned(data[at + 1 : end])
            at = end
        if flags & _EXPIRATION:
            end = at + 1 + data[at]
            expiration = interned(data[at + 1 : end])
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
            kind = interned(data[at + 1 : end])
            at = end
        if flags & _USER_ID:
            end = at + 1 + data[at]
            user_id = interned(data[at + 1 : end])
            at = end
        if flags & _APP_ID:
            end = at + 1 + data[at]
            app_id = interned(data[at + 1 : end])
            at = end
        if flags & _CLUSTER_ID:
            end = at + 1 + data[at]
            cluster_id = interned(data[at + 1 : end])
            at = end
    except (IndexError, struct.error) as error:
        raise ValueError(f"malformed message properties: {error}") from error
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
