"""The header names Warren owns, and readers of them that never raise.

Not here: the values Warren writes (`envelope.py`, `reliability/dead_letter.py`), or field types (`properties.py`).
"""

from __future__ import annotations

from typing import Final

from warren.contracts.properties import Properties

__all__ = [
    "ATTEMPT",
    "DEAD_PREFIX",
    "DELAY",
    "EXCHANGE",
    "MAX_ATTEMPT",
    "OWN_PREFIX",
    "ROUTING_KEY",
    "SENT_AT",
    "USER_ID",
    "VERSION",
    "attempt_of",
    "delay_of",
    "origin_of",
    "sent_at_of",
]

OWN_PREFIX: Final = "x-warren-"

VERSION: Final = "x-warren-version"
"""Version of the contract, an integer from 1."""

SENT_AT: Final = "x-warren-sent-at"
"""When the message was published first, in milliseconds since the epoch."""

ATTEMPT: Final = "x-warren-attempt"
"""Which attempt a delivery is, an integer from 1. Absent: the first."""

DELAY: Final = "x-warren-delay"
"""Intended delay so far, in milliseconds, summed over the retries. Lag is counted without it."""

EXCHANGE: Final = "x-warren-exchange"
"""On a copy: the exchange of the original."""

ROUTING_KEY: Final = "x-warren-routing-key"
"""On a copy: the routing key of the original."""

USER_ID: Final = "x-warren-user-id"
"""On a copy: the `user_id` property of the original, which RabbitMQ takes from its own user only."""

DEAD_PREFIX: Final = "x-warren-dead-"
"""What every header that explains a dead letter starts with."""

MAX_ATTEMPT: Final = 1_000_000
MAX_DELAY_MS: Final = 10 * 365 * 86_400_000
MAX_EPOCH_SECONDS: Final = 100_000_000_000


def _int_in(value: object, low: int, high: int) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return int(value)
    return None


def attempt_of(properties: Properties) -> int:
    """Tell which attempt this delivery is, from 1. A missing or senseless header counts as the first."""
    value = properties.headers.get(ATTEMPT)
    return 1 if value is None else _int_in(value, 1, MAX_ATTEMPT) or 1


def delay_of(properties: Properties) -> float:
    """Tell the intended delay so far, in seconds."""
    value = properties.headers.get(DELAY)
    return 0.0 if value is None else (_int_in(value, 0, MAX_DELAY_MS) or 0) / 1000


def sent_at_of(properties: Properties) -> float | None:
    """Tell when the message was published first, in seconds since the epoch.

    From Warren's header, else from the `timestamp` property, which has whole seconds. None where neither says.
    """
    sent_at_ms = _int_in(properties.headers.get(SENT_AT), 1, MAX_EPOCH_SECONDS * 1000)
    if sent_at_ms is not None:
        return sent_at_ms / 1000
    timestamp = _int_in(properties.timestamp, 1, MAX_EPOCH_SECONDS)
    return None if timestamp is None else float(timestamp)


def origin_of(properties: Properties, exchange: str, routing_key: str) -> tuple[str, str]:
    """Tell exchange and routing key of the original; those given are the delivery's own."""
    headers = properties.headers
    original_exchange = headers.get(EXCHANGE)
    original_key = headers.get(ROUTING_KEY)
    if isinstance(original_exchange, str) and isinstance(original_key, str):
        return original_exchange, original_key
    return exchange, routing_key
