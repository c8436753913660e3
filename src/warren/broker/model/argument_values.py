"""The values that the arguments of a queue may have, and what RabbitMQ says of others.

Not here: which type of queue knows which argument, and what is checked when (`arguments.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from warren.broker.protocol.fields import FieldValue, type_name

__all__ = ["CHECKS", "INTEGERS", "LONGEST_MS", "check_integer", "check_type"]

INTEGERS: Final = frozenset(
    {"byte", "short", "signedint", "long", "unsignedbyte", "unsignedshort", "unsignedint"},
)
LONGEST_MS: Final = 315_360_000_000
"""Ten years: the longest time to live."""

_HIGHEST_PRIORITY: Final = 255


# Each returns what is wrong, in the words of the reply, or None.
_Check = Callable[[FieldValue], str | None]


def check_integer(value: FieldValue) -> str | None:
    kind = type_name(value)
    return None if kind in INTEGERS else f'"expected integer, got {kind}"'


def _not_negative(value: FieldValue) -> str | None:
    return check_integer(value) or (f"{{value_negative,{_number(value)}}}" if _number(value) < 0 else None)


def _positive(value: FieldValue) -> str | None:
    return _not_negative(value) or ("{value_zero,0}" if _number(value) == 0 else None)


def _time(value: FieldValue) -> str | None:
    return _not_negative(value) or (f"{{value_too_large,{_number(value)}}}" if _number(value) > LONGEST_MS else None)


def _lease(value: FieldValue) -> str | None:
    return _positive(value) or _time(value)


def _priorities(value: FieldValue) -> str | None:
    too_many = _not_negative(value) is None and _number(value) > _HIGHEST_PRIORITY
    return f"{{max_value_exceeded,{_number(value)}}}" if too_many else _not_negative(value)


def _version(value: FieldValue) -> str | None:
    return check_integer(value) or (None if value in (1, 2) else f"\"unsupported queue version '{_number(value)}'\"")


def _text(value: FieldValue) -> str | None:
    return None if isinstance(value, str) else _unacceptable(value)


def _flag(value: FieldValue) -> str | None:
    return None if isinstance(value, bool) else _unacceptable(value)


def _one_of(*allowed: str, otherwise: str) -> _Check:
    def check(value: FieldValue) -> str | None:
        return _text(value) or (None if value in allowed else otherwise.format(value))

    return check


def _unacceptable(value: FieldValue) -> str:
    return f"{{unacceptable_type,{type_name(value)}}}"


def _number(value: FieldValue) -> int:
    assert isinstance(value, int)  # check_integer said so
    return value


CHECKS: Final[Mapping[str, _Check]] = {
    "x-expires": _lease,
    "x-message-ttl": _time,
    "x-dead-letter-routing-key": _text,
    "x-dead-letter-strategy": _one_of("at-most-once", "at-least-once", otherwise="invalid_dlx_strategy"),
    "x-max-length": _not_negative,
    "x-max-length-bytes": _not_negative,
    "x-max-in-memory-length": _not_negative,
    "x-max-in-memory-bytes": _not_negative,
    "x-max-priority": _priorities,
    "x-overflow": _one_of("drop-head", "reject-publish", "reject-publish-dlx", otherwise="invalid_overflow"),
    "x-queue-mode": _one_of("default", "lazy", otherwise="\"unsupported queue mode '{}'\""),
    "x-queue-version": _version,
    "x-single-active-consumer": _flag,
    "x-quorum-initial-group-size": _positive,
    "x-queue-leader-locator": _one_of(
        "client-local", "balanced", "random", "least-leaders", "min-masters", otherwise="invalid_queue_locator_arg"
    ),
}
"""In the order in which RabbitMQ checks them."""

check_type: Final = _one_of("classic", "quorum", otherwise="\"unsupported queue type '{}'\"")
"""Streams are refused like a type that does not exist: the broker has none."""
