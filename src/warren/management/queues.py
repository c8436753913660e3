"""What the management API tells of queues: what they hold, what went through them, and how they are set.

Not here: their names and arguments as a topology (`topology.py`), and what the figures mean (`signals/`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, final

from warren.management.values import as_count, as_flag, as_table, as_text

__all__ = ["QUEUE_STATISTICS_COLUMNS", "MessageTotals", "QueueStatistics", "read_queues"]

_TOTALS: Final = ("publish", "deliver_get", "deliver_no_ack", "get_no_ack", "redeliver", "ack")

QUEUE_STATISTICS_COLUMNS: Final = ",".join(
    (
        "name,type,state,auto_delete,arguments,policy,operator_policy,effective_policy_definition,consumers",
        "messages_ready,messages_unacknowledged,messages_dlx,delivery_limit",
        *(f"message_stats.{name}" for name in _TOTALS),
    )
)

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTotals:
    """Messages counted since the queue's statistics began, which a restart of the broker does again.

    `delivered` counts every delivery, whether it is to be acknowledged or not, with what `basic.get` took;
    `auto_acked` those of them that need no acknowledgement.
    """

    published: int = 0
    delivered: int = 0
    auto_acked: int = 0
    redelivered: int = 0
    acked: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatistics:
    """A queue. None is what the broker does not tell: all figures of a queue that is younger than its statistics.

    `totals` is None also where nothing ever went through, or the broker keeps no rates. `dead_lettering` are messages
    of a quorum queue that their dead-letter target has not confirmed. `settings` are what policies make of the queue.
    """

    name: str
    type: str | None = None
    state: str | None = None
    auto_delete: bool | None = None
    ready: int | None = None
    unacked: int | None = None
    dead_lettering: int | None = None
    consumers: int | None = None
    totals: MessageTotals | None = None
    arguments: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)
    settings: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)
    policy: str | None = None
    operator_policy: str | None = None
    delivery_limit: int | None = None  # the one in force, since RabbitMQ 4.0


def read_queues(told: Iterable[Mapping[str, Any]]) -> tuple[QueueStatistics, ...]:
    """Read a list of queues, asked for with `QUEUE_STATISTICS_COLUMNS` or without."""
    return tuple(map(_queue, told))


def _queue(told: Mapping[str, Any]) -> QueueStatistics:
    arguments = as_table(told.get("arguments"))
    return QueueStatistics(
        name=str(told["name"]),
        type=as_text(told.get("type")) or as_text(arguments.get("x-queue-type")),
        state=as_text(told.get("state")),
        auto_delete=as_flag(told.get("auto_delete")),
        ready=as_count(told.get("messages_ready")),
        unacked=as_count(told.get("messages_unacknowledged")),
        dead_lettering=as_count(told.get("messages_dlx")),
        consumers=as_count(told.get("consumers")),
        totals=_totals(told.get("message_stats")),
        arguments=arguments,
        settings=as_table(told.get("effective_policy_definition")),
        policy=as_text(told.get("policy")),
        operator_policy=as_text(told.get("operator_policy")),
        delivery_limit=as_count(told.get("delivery_limit")),
    )


def _totals(told: Any) -> MessageTotals | None:
    """Read the counters; one that is missing has not counted anything yet."""
    if not isinstance(told, Mapping) or not told:
        return None
    publish, deliver_get, deliver_no_ack, get_no_ack, redeliver, ack = (
        as_count(told.get(name)) or 0 for name in _TOTALS
    )
    return MessageTotals(
        published=publish,
        delivered=deliver_get,
        auto_acked=deliver_no_ack + get_no_ack,
        redelivered=redeliver,
        acked=ack,
    )
