"""Frames as a client would send them, and strategies for field values.

Not here: tests.
"""

from __future__ import annotations

import struct
from decimal import Decimal

from hypothesis import strategies as st

from warren.broker.model.message import Address
from warren.broker.protocol import fields
from warren.broker.protocol.methods import BasicAck, BasicPublish, Method

FRAME_MAX = 131072
LARGEST = 16 * 1024 * 1024
NO_PROPERTIES = b"\x00\x00"


def frame(kind: int, channel: int, payload: bytes, *, end: int = 0xCE) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + bytes((end,))


def method(channel: int, sent: Method) -> bytes:
    return frame(1, channel, sent.encode())


def header(channel: int, size: int, properties: bytes = NO_PROPERTIES, *, class_id: int = 60, weight: int = 0) -> bytes:
    return frame(2, channel, struct.pack(">HHQ", class_id, weight, size) + properties)


def body(channel: int, part: bytes) -> bytes:
    return frame(3, channel, part)


PUBLISH = BasicPublish(Address("shop", "order.placed"), mandatory=True)


def publish(channel: int, *parts: bytes, properties: bytes = NO_PROPERTIES, sent: BasicPublish = PUBLISH) -> bytes:
    """A publish with its body in as many frames as there are parts."""
    frames = [method(channel, sent), header(channel, sum(map(len, parts)), properties)]
    return b"".join([*frames, *(body(channel, part) for part in parts)])


def ack(channel: int, tag: int, *, multiple: bool = False) -> bytes:
    return method(channel, BasicAck(tag, multiple))


def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.integers(low, high)


def text(longest: int = 40) -> st.SearchStrategy[str]:
    """Text whose UTF-8 is at most `longest` bytes."""
    return st.text(max_size=longest // 4)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    integers(8, signed=True).map(fields.Int8),
    integers(8, signed=False).map(fields.UInt8),
    integers(16, signed=True).map(fields.Int16),
    integers(16, signed=False).map(fields.UInt16),
    integers(32, signed=True).map(fields.Int32),
    integers(32, signed=False).map(fields.UInt32),
    integers(64, signed=True),
    integers(64, signed=False).map(fields.Timestamp),
    st.floats(width=32, allow_nan=False).map(fields.Float32),
    st.floats(allow_nan=False),
    st.tuples(st.integers(0, 255), integers(32, signed=False)).map(lambda parts: Decimal(f"{parts[1]}e-{parts[0]}")),
    text(),
    st.binary(max_size=40),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text(), inner, max_size=4),
    max_leaves=6,
)
TABLES = st.dictionaries(text(), VALUES, max_size=4)
