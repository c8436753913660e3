"""What RabbitMQ replies to frames that are broken or out of order.

Not here: where they are found (`inbound.py`, `assembly.py`).
"""

from __future__ import annotations

from warren.broker.erlang import pretty_binary, pretty_tuple
from warren.broker.protocol.constants import FRAME_OVERHEAD
from warren.broker.protocol.methods import Method
from warren.broker.protocol.violations import FrameViolation

__all__ = [
    "bad_end",
    "no_body",
    "no_header",
    "no_method",
    "out_of_place",
    "too_large",
    "unknown_frame",
    "wrong_class",
]

_SHOWN = 16


def too_large(kind: int, size: int, limit: int) -> FrameViolation:
    reason = ("frame_too_large", str(size), str(limit - FRAME_OVERHEAD))
    return FrameViolation(501, _frame_error(kind, b"", reason), is_fatal=True)


def bad_end(kind: int, payload: bytes, octet: int) -> FrameViolation:
    reason = ("invalid_frame_end_marker", str(octet))
    return FrameViolation(501, _frame_error(kind, payload, reason), is_fatal=True)


def unknown_frame(kind: int, payload: bytes) -> FrameViolation:
    return FrameViolation(501, f"{_frame(kind, payload)}: unknown_frame")


def out_of_place(kind: int, payload: bytes) -> FrameViolation:
    return FrameViolation(505, _frame(kind, payload))


def no_method() -> FrameViolation:
    return FrameViolation(505, "expected method frame, got non method frame instead")


def no_header(method: Method) -> FrameViolation:
    return _unexpected(
        f"expected content header for class {method.CLASS_ID}, got non content header frame instead", method
    )


def wrong_class(method: Method, class_id: int) -> FrameViolation:
    return _unexpected(
        f"expected content header for class {method.CLASS_ID}, got one for class {class_id} instead", method
    )


def no_body(method: Method) -> FrameViolation:
    return _unexpected("expected content body, got non content body frame instead", method)


def _unexpected(explanation: str, method: Method) -> FrameViolation:
    return FrameViolation(505, explanation, class_id=method.CLASS_ID, method_id=method.METHOD_ID)


def _frame(kind: int, payload: bytes) -> str:
    start = f"type {kind}, {'all' if len(payload) <= _SHOWN else f'first {_SHOWN}'} octets = "
    return start + pretty_binary(payload[:_SHOWN], column=len(start))


def _frame_error(kind: int, payload: bytes, reason: tuple[str, ...]) -> str:
    text = f"{_frame(kind, payload)}: "
    return text + pretty_tuple(reason, column=len(text) - text.rfind("\n") - 1)
