"""How a connection begins: the protocol header, and what a client answers to prove who it is.

Not here: the methods of the handshake and their order (`states.py`, the session), who may log in (`auth.py`).
"""

from __future__ import annotations

from typing import Final

from warren.broker.erlang import binary
from warren.broker.protocol.constants import PROTOCOL_HEADER
from warren.broker.protocol.fields import FieldError, decode_fields
from warren.broker.protocol.violations import FrameViolation

__all__ = ["PROTOCOL_HEADER", "credentials", "is_prefix"]

_UNDERSTOOD: Final = (PROTOCOL_HEADER, b"AMQP\x01\x01\x00\x09")
"""0-9-1, and 0-9 as clients of the time wrote it: RabbitMQ goes on with both alike."""


def is_prefix(data: bytes) -> bool:
    """Return whether `data` begins with a protocol header that is understood, or is too short to tell."""
    return len(data) < len(PROTOCOL_HEADER) or data.startswith(_UNDERSTOOD)


def credentials(mechanism: str, response: bytes) -> tuple[str, str]:
    """Return the name and password in a response to PLAIN or AMQPLAIN. Raises FrameViolation."""
    try:
        return _plain(response) if mechanism == "PLAIN" else _amqplain(response)
    except ValueError:
        raise FrameViolation(502, f"response {binary(response)} invalid", is_answered=False) from None


def _plain(response: bytes) -> tuple[str, str]:
    """RFC 4616, but RabbitMQ takes no identity to act as: NUL, name, NUL, password."""
    identity, name, password = response.split(b"\x00")
    if identity:
        raise ValueError("an identity to act as")
    return _text(name), _text(password)


def _amqplain(response: bytes) -> tuple[str, str]:
    """A field table without its length."""
    table = decode_fields(response)
    name, password = table.get("LOGIN"), table.get("PASSWORD")
    if not isinstance(name, str) or not isinstance(password, str):
        raise FieldError("LOGIN and PASSWORD are text")
    return name, password


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
