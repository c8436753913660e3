"""The numbers of AMQP 0-9-1: frame types and sizes, and the octets of the protocol header.

Not here: reply codes and their names (`replies.py`), class and method ids (`spec.py`).
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "BASIC",
    "BODY",
    "FRAME_END",
    "FRAME_OVERHEAD",
    "HEADER",
    "HEARTBEAT",
    "METHOD",
    "PROTOCOL_HEADER",
]

# AMQP 0-9-1, 4.2.3: the first octet of a frame.
METHOD: Final = 1
HEADER: Final = 2
BODY: Final = 3
HEARTBEAT: Final = 8

FRAME_END: Final = 0xCE

FRAME_OVERHEAD: Final = 8
"""Octets of a frame around its payload: type, channel, size and frame end."""

PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"

BASIC: Final = 60
"""The class of all methods that carry content."""
