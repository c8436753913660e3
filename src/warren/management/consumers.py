"""What the management API tells of consumers: what they read, and how much of it at once.

Not here: what workers tell of themselves (`signals/`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from warren.management.values import as_count, as_flag, as_text

__all__ = ["CONSUMER_COLUMNS", "QueueConsumer", "read_consumers"]

CONSUMER_COLUMNS: Final = (
    "queue.name,consumer_tag,prefetch_count,ack_required,active,consumer_timeout,"
    "channel_details.name,channel_details.connection_name,channel_details.user"
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConsumer:
    """A consumer of a queue. `prefetch` 0 means without a limit; None is what the broker does not tell.

    `is_active` is false for one that waits for its turn (single active consumer). `timeout` is the broker's
    consumer_timeout for it, in seconds.
    """

    queue: str
    tag: str
    prefetch: int | None = None
    needs_acks: bool | None = None
    is_active: bool | None = None
    timeout: float | None = None
    channel: str | None = None
    connection: str | None = None
    user: str | None = None


def read_consumers(told: Iterable[Mapping[str, Any]]) -> tuple[QueueConsumer, ...]:
    """Read a list of consumers, asked for with `CONSUMER_COLUMNS` or without."""
    return tuple(map(_consumer, told))


def _consumer(told: Mapping[str, Any]) -> QueueConsumer:
    timeout_ms = as_count(told.get("consumer_timeout"))
    channel = told.get("channel_details")
    details = channel if isinstance(channel, Mapping) else {}
    return QueueConsumer(
        queue=str(told["queue"]["name"]),
        tag=str(told.get("consumer_tag", "")),
        prefetch=as_count(told.get("prefetch_count")),
        needs_acks=as_flag(told.get("ack_required")),
        is_active=as_flag(told.get("active")),
        timeout=None if timeout_ms is None else timeout_ms / 1000,
        channel=as_text(details.get("name")),
        connection=as_text(details.get("connection_name")),
        user=as_text(details.get("user")),
    )
