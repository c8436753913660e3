"""What a queue is told to do: its type, and its arguments merged with the policy that applies.

Not here: which arguments are valid (`arguments.py`), nor what each of them does (`limits.py`, `expiry.py`, …).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from warren.broker.settings import Profile

__all__ = ["Kind", "Overflow", "QueueSettings", "effective_settings"]

_DELIVERY_LIMIT: Final = 20
"""Quorum queues give up after so many failed deliveries by default, since RabbitMQ 4.0."""


class Kind(Enum):
    """The type of a queue."""

    CLASSIC = "classic"
    QUORUM = "quorum"

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Kind:
        """Return the type that valid arguments ask for."""
        return cls(arguments.get("x-queue-type", cls.CLASSIC.value))


class Overflow(Enum):
    """What happens when a queue is full."""

    DROP_HEAD = "drop-head"
    REJECT_PUBLISH = "reject-publish"
    REJECT_PUBLISH_DLX = "reject-publish-dlx"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """What a queue does: its arguments and the policy merged. Times in seconds."""

    message_ttl: float | None = None
    expires: float | None = None
    max_length: int | None = None
    max_length_bytes: int | None = None
    overflow: Overflow = Overflow.DROP_HEAD
    dead_letter_exchange: str | None = None
    dead_letter_routing_key: str | None = None
    is_at_least_once: bool = False  # dead-lettering keeps a message until its targets have it
    max_priority: int | None = None
    single_active: bool = False
    delivery_limit: int | None = None  # None: no limit
    consumer_timeout: float | None = None  # None: the node's

    @property
    def is_bounded(self) -> bool:
        return self.max_length is not None or self.max_length_bytes is not None


def effective_settings(
    kind: Kind, arguments: Mapping[str, Any], policy: Mapping[str, Any] | None, profile: Profile
) -> QueueSettings:
    """Merge: of two limits the lower one counts, of two other values the argument."""
    definition = policy or {}

    def lower(name: str) -> int | None:
        values = [value for value in (arguments.get(f"x-{name}"), definition.get(name)) if isinstance(value, int)]
        return int(min(values)) if values else None

    def seconds(name: str) -> float | None:
        milliseconds = lower(name)
        return None if milliseconds is None else milliseconds / 1000

    def own(name: str) -> Any:
        return arguments.get(f"x-{name}", definition.get(name))

    is_quorum = kind is Kind.QUORUM
    overflow = Overflow(own("overflow") or "drop-head")
    if is_quorum and overflow is Overflow.REJECT_PUBLISH_DLX:
        overflow = Overflow.DROP_HEAD  # as RabbitMQ, which logs a warning
    exchange = own("dead-letter-exchange")
    return QueueSettings(
        message_ttl=seconds("message-ttl"),
        expires=seconds("expires"),
        max_length=lower("max-length"),
        max_length_bytes=lower("max-length-bytes"),
        overflow=overflow,
        dead_letter_exchange=exchange,
        dead_letter_routing_key=own("dead-letter-routing-key"),
        is_at_least_once=is_quorum
        and exchange is not None
        and overflow is Overflow.REJECT_PUBLISH
        and own("dead-letter-strategy") == "at-least-once",
        max_priority=None if is_quorum else arguments.get("x-max-priority"),
        single_active=arguments.get("x-single-active-consumer") is True,
        delivery_limit=_delivery_limit(lower("delivery-limit"), profile) if is_quorum else None,
        consumer_timeout=seconds("consumer-timeout"),
    )


def _delivery_limit(limit: int | None, profile: Profile) -> int | None:
    if limit is None and profile is not Profile.RABBITMQ_3_10:
        return _DELIVERY_LIMIT
    return None if limit is not None and limit < 0 else limit
