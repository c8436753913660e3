"""AMQP message properties as values, and number types that keep their exact AMQP field type.

Not here: how they are written to the wire (`transport/wire.py`) or what Warren puts in them (`envelope.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = [
    "EMPTY_HEADERS",
    "FieldValue",
    "Float32",
    "Headers",
    "Int8",
    "Int16",
    "Int32",
    "Properties",
    "Timestamp",
    "UInt8",
    "UInt16",
    "UInt32",
]


# A plain int travels as a signed 64-bit field ("l"), a plain float as a double ("d"). A value read from the
# wire in another width keeps that width through these, so that a copy is identical to its original.
class Int8(int):
    """A signed 8-bit field (`b`)."""


class UInt8(int):
    """An unsigned 8-bit field (`B`)."""


class Int16(int):
    """A signed 16-bit field (`s`)."""


class UInt16(int):
    """An unsigned 16-bit field (`u`)."""


class Int32(int):
    """A signed 32-bit field (`I`)."""


class UInt32(int):
    """An unsigned 32-bit field (`i`)."""


class Float32(float):
    """A 32-bit floating-point field (`f`)."""


class Timestamp(int):
    """A timestamp field (`T`) beyond what `datetime` can hold, in seconds."""


FieldValue = (
    bool
    | int
    | float
    | Decimal
    | str
    | bytes
    | bytearray
    | datetime
    | None
    | Mapping[str, "FieldValue"]
    | list["FieldValue"]
)
"""What a field table may hold. `str` is a long string (`S`) and `bytes` a byte array (`x`); a long string
that is not UTF-8 is read as `bytearray` and written back as `S`."""

Headers = Mapping[str, FieldValue]

EMPTY_HEADERS: Final[Headers] = MappingProxyType({})

TRANSIENT: Final = 1
PERSISTENT: Final = 2


class Properties(NamedTuple):
    """The fourteen properties of an AMQP 0-9-1 basic message. `None` means absent.

    `timestamp` is in whole seconds since the epoch, `expiration` is the TTL in milliseconds as text
    (AMQP 0-9-1, class basic). A named tuple, because one is made for every message, and it takes a quarter of the time.
    """

    content_type: str | None = None
    content_encoding: str | None = None
    headers: Headers = EMPTY_HEADERS
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
