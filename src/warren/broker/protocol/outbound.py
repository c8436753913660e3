"""Frames to a client: methods, contents and heartbeats as bytes.

Not here: the payloads of methods (`methods.py`), when what is sent (`session.py`).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from warren.broker.model.message import short_string
from warren.broker.protocol.constants import BASIC, BODY, FRAME_END, FRAME_OVERHEAD, HEADER, METHOD
from warren.broker.protocol.methods import BasicDeliver

__all__ = ["HEARTBEAT_FRAME", "ack_frame", "content", "deliver", "deliver_prefix", "method_frame", "nack_frame"]

HEARTBEAT_FRAME: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"

_END: Final = bytes((FRAME_END,))

_frame = Struct(">BHI").pack
_ack = Struct(">BHI4sQBB").pack
_tag = Struct(">QB").pack
# The end of the method frame, and the header frame up to the property flags: class, weight, body size.
_header = Struct(">BBHIHHQ").pack
# The end of the header or body frame before, and the beginning of a body frame.
_body = Struct(">BBHI").pack

_ACK_IDS: Final = b"\x00\x3c\x00\x50"
_NACK_IDS: Final = b"\x00\x3c\x00\x78"
_REQUEUE: Final = 2  # means nothing to a publisher, but RabbitMQ sets it


def method_frame(channel: int, payload: bytes) -> bytes:
    return _frame(METHOD, channel, len(payload)) + payload + _END


def ack_frame(channel: int, tag: int, multiple: bool) -> bytes:
    return _ack(METHOD, channel, 13, _ACK_IDS, tag, multiple, FRAME_END)


def nack_frame(channel: int, tag: int, multiple: bool) -> bytes:
    return _ack(METHOD, channel, 13, _NACK_IDS, tag, multiple | _REQUEUE, FRAME_END)


def content(channel: int, method_payload: bytes, header: bytes, body: bytes, frame_max: int) -> bytes:
    """Return a method with its content, the body in as many frames as `frame_max` makes necessary (0: one)."""
    size = len(body)
    parts = [
        _frame(METHOD, channel, len(method_payload)),
        method_payload,
        _header(FRAME_END, HEADER, channel, 12 + len(header), BASIC, 0, size),
        header,
    ]
    room = frame_max - FRAME_OVERHEAD if frame_max else size
    for at in range(0, size, room or 1):
        piece = body[at : at + room]
        parts += (_body(FRAME_END, BODY, channel, len(piece)), piece)
    parts.append(_END)
    return b"".join(parts)


def deliver_prefix(consumer_tag: str) -> bytes:
    """Return what all deliveries to one consumer begin with, for `deliver`."""
    return BasicDeliver.IDS + short_string(consumer_tag)


def deliver(
    channel: int,
    prefix: bytes,
    delivery_tag: int,
    redelivered: bool,
    address_wire: bytes,
    header: bytes,
    body: bytes,
    frame_max: int,
) -> bytes:
    """Return a basic.deliver with its content."""
    size = len(body)
    if not 0 < size <= frame_max - FRAME_OVERHEAD:
        return content(channel, prefix + _tag(delivery_tag, redelivered) + address_wire, header, body, frame_max)
    return b"".join(
        (
            _frame(METHOD, channel, len(prefix) + 9 + len(address_wire)),
            prefix,
            _tag(delivery_tag, redelivered),
            address_wire,
            _header(FRAME_END, HEADER, channel, 12 + len(header), BASIC, 0, size),
            header,
            _body(FRAME_END, BODY, channel, size),
            body,
            _END,
        )
    )
