"""The header names Warren owns, and readers of them that never raise.

Not here: the values Warren writes (`envelope.py`, `reliability/dead_letter.py`), or field types (`properties.py`).
"""

from __future__ import annotations

from typing import Final

from warren.contracts.properties import FieldValue, Headers, Properties

__all__ = [
    "ATTEMPT",
    "DEAD_PREFIX",
    "DELAY",
    "EDITED_AT",
    "EDITED_BY",
    "EXCHANGE",
    "MAX_ATTEMPT",
    "OUTCOME_HEADERS",
    "OUTCOME_KEY",
    "OUTCOME_PREFIX",
    "OUTCOME_TO",
    "OUTCOME_UNTIL",
    "OWN_PREFIX",
    "PREVIOUS_ATTEMPT",
    "REPLAYED_AT",
    "REPLAYED_FINGERPRINT",
    "REPLAYS",
    "ROUTING_KEY",
    "SENT_AT",
    "USER_ID",
    "VERSION",
    "WORK_ACCEPTED_AT",
    "WORK_KEPT",
    "OwnHeaders",
    "attempt_of",
    "delay_of",
    "origin_of",
    "replays_of",
    "sent_at_of",
    "work_accepted_at_of",
    "work_kept_of",
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

PREVIOUS_ATTEMPT: Final = "x-warren-previous-attempt"
"""On a copy: the W3C traceparent of the attempt that failed, where that was traced."""

DEAD_PREFIX: Final = "x-warren-dead-"
"""What every header that explains a dead letter starts with."""

REPLAYS: Final = "x-warren-replays"
"""How often the message has been replayed, an integer from 1. It stays when the message dies again."""

REPLAYED_AT: Final = "x-warren-replayed-at"
"""When it was replayed last, in milliseconds since the epoch."""

REPLAYED_FINGERPRINT: Final = "x-warren-replayed-fingerprint"
"""The fingerprint it had died of when it was replayed last. It stays when the message dies again."""

EDITED_AT: Final = "x-warren-edited-at"
"""When its body was edited for a replay, in milliseconds since the epoch. It stays."""

EDITED_BY: Final = "x-warren-edited-by"
"""Who edited it, as user@host. It stays."""

OUTCOME_PREFIX: Final = "warren.outcome."
"""What the queue named in `OUTCOME_TO` starts with; nothing is told to any other."""

OUTCOME_TO: Final = "x-warren-outcome-to"
"""On a replayed message: the queue of the replaying command, which wants to hear what becomes of it."""

OUTCOME_UNTIL: Final = "x-warren-outcome-until"
"""Until when it wants to, in milliseconds since the epoch."""

OUTCOME_KEY: Final = "x-warren-outcome-key"
"""Which message of the replay it is, an integer. With it every outcome is told, without it only that it died again."""

OUTCOME_HEADERS: Final = frozenset({OUTCOME_TO, OUTCOME_UNTIL, OUTCOME_KEY, REPLAYED_AT})
"""What concerns one replay only: a dead letter does not have it any more."""

WORK_KEPT: Final = "x-warren-work-kept"
"""The message is offloaded work: its worker keeps the status under the message id, for so many seconds."""

WORK_ACCEPTED_AT: Final = "x-warren-work-accepted-at"
"""When that work was accepted, in milliseconds since the epoch."""

MAX_ATTEMPT: Final = 1_000_000
MAX_WORK_KEPT: Final = 10 * 365 * 86_400
MAX_DELAY_MS: Final = 10 * 365 * 86_400_000
MAX_EPOCH_SECONDS: Final = 100_000_000_000


class OwnHeaders(dict[str, FieldValue]):
    """Headers for a publish that may be Warren's own; an application's must not be."""


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


def replays_of(headers: Headers) -> int:
    """Tell how often a message has been replayed."""
    return _int_in(headers.get(REPLAYS), 1, 2**31 - 1) or 0


def work_kept_of(properties: Properties) -> float | None:
    """Tell for how many seconds the status of this work is kept; None where it is no offloaded work."""
    kept = _int_in(properties.headers.get(WORK_KEPT), 1, MAX_WORK_KEPT)
    return None if kept is None or not properties.message_id else float(kept)


def work_accepted_at_of(properties: Properties) -> float | None:
    """Tell when this work was accepted, in seconds since the epoch; None where nobody says."""
    accepted_at_ms = _int_in(properties.headers.get(WORK_ACCEPTED_AT), 1, MAX_EPOCH_SECONDS * 1000)
    return None if accepted_at_ms is None else accepted_at_ms / 1000
