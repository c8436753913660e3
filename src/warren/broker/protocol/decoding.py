"""The payload of a method frame as a method, and what RabbitMQ replies to one it cannot read.

Not here: the methods (`methods.py`), frames (`inbound.py`).
"""

from __future__ import annotations

from typing import Final

from warren.broker.erlang import binary
from warren.broker.protocol.fields import FieldError
from warren.broker.protocol.methods import METHODS, BasicPublish, Method
from warren.broker.protocol.violations import FrameViolation

__all__ = ["decode_method", "find_publish"]

_CONNECTION: Final = 10

_REMEMBERED: Final = 4096
"""Publishes kept by their payload: clients send to few addresses, but some put an identifier in each routing key."""

_LONGEST: Final = 512
"""Longer payloads of publishes are not kept."""

_publishes: dict[bytes, BasicPublish] = {}


def find_publish(payload: bytes) -> BasicPublish | None:
    """Return the publish that `payload` is; None if it is none, or a broken one."""
    known = _publishes.get(payload)
    if known is not None or not payload.startswith(BasicPublish.IDS):
        return known
    try:
        publish = BasicPublish.decode(payload)
    except IndexError:
        return None
    if len(payload) <= _LONGEST:
        if len(_publishes) >= _REMEMBERED:
            _publishes.clear()
        _publishes[payload] = publish
    return publish


def decode_method(payload: bytes) -> Method:
    """Read the payload of a method frame. Raises FrameViolation. Publishes to the same address are one object."""
    publish = find_publish(payload)
    if publish is not None:
        return publish
    kind = METHODS.get(payload[:4])
    if kind is None:
        raise FrameViolation(503, "unknown method", is_answered=False)
    try:
        return kind.decode(payload)
    except UnicodeDecodeError:
        # RabbitMQ knows the method only where it reads methods of the connection.
        class_id, method_id = (kind.CLASS_ID, kind.METHOD_ID) if kind.CLASS_ID == _CONNECTION else (0, 0)
        raise FrameViolation(501, "Malformed UTF-8 in shortstr", class_id=class_id, method_id=method_id) from None
    except FieldError:
        raise FrameViolation(502, "malformed table", is_answered=False) from None
    except IndexError:
        explanation = f"cannot decode {binary(payload[4:])}"
        raise FrameViolation(501, explanation, class_id=kind.CLASS_ID, method_id=kind.METHOD_ID) from None
