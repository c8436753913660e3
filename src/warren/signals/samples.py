"""What was seen of queues, workers and the broker at one moment. What nobody could tell is None.

Not here: what it means (`measure.py`, `diagnosis.py`), and how it is collected (`collect.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, final

from warren.management.consumers import QueueConsumer
from warren.management.nodes import Node

__all__ = ["BrokerSample", "ConsumerSample", "Failure", "QueueSample", "Sample"]

_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSample:
    """A queue at one moment. Totals count messages since the queue's statistics began; they may start again at 0.

    `prefetch` is the sum over its consumers; `is_unlimited` says that one of them has no limit. `dead_lettering` are
    messages of a quorum queue that its dead-letter target has not confirmed yet. `delivered` counts every delivery,
    `auto_acked` those of them that need no acknowledgement: they are settled as they are sent.
    """

    name: str
    ready: int
    type: str | None = None
    auto_delete: bool | None = None
    unacked: int | None = None
    dead_lettering: int | None = None
    consumers: int | None = None
    prefetch: int | None = None
    is_unlimited: bool = False
    published: int | None = None
    delivered: int | None = None
    auto_acked: int | None = None
    acked: int | None = None
    redelivered: int | None = None
    consumer_timeout: float | None = None  # seconds, the shortest of its consumers
    delivery_limit: int | None = None  # the one in force, where the broker tells it
    arguments: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)
    settings: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)  # of policies

    @property
    def depth(self) -> int:
        """Ready, unacked and dead-lettering together."""
        return self.ready + (self.unacked or 0) + (self.dead_lettering or 0)


@final
@dataclass(frozen=True, slots=True)
class Failure:
    """How often one failure was seen: its fingerprint, and an example of a message that has it."""

    fingerprint: str
    count: int
    reason: str = ""  # why they are dead, or the classification of the retries
    message_type: str = ""
    message_id: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSample:
    """What workers tell of one consumer, summed over them. Times are in seconds; totals start again with a worker.

    `lag` are cumulative buckets as in Prometheus, upper bound to count, and so is `duration` of the handler.
    """

    queue: str
    consumer: str
    lag: Mapping[float, float] = field(default_factory=lambda: _NOTHING, hash=False)
    duration: Mapping[float, float] = field(default_factory=lambda: _NOTHING, hash=False)
    outcomes: Mapping[str, float] = field(default_factory=lambda: _NOTHING, hash=False)  # ack, retry, dead_letter, …
    redelivered: float = 0.0
    failures: tuple[Failure, ...] = ()
    in_flight: float = 0.0
    oldest_in_flight: float = 0.0
    clock_skew: float | None = None  # how far the newest sent-at was ahead of the worker's clock


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSample:
    """The broker itself. `alarms` are `memory` and `disk`, of any node; `dropped` are dead letters nobody took.

    `nodes` is empty where the user may not see them; `connections` and `channels` are those of the whole cluster.
    """

    version: str | None = None
    alarms: tuple[str, ...] = ()
    dropped: int | None = None
    consumer_timeout: float | None = None  # seconds
    cluster_name: str | None = None
    nodes: tuple[Node, ...] = ()
    connections: int | None = None
    channels: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Everything seen at one moment. `at` is on a monotonic clock, `time` in seconds since the epoch.

    `dead` are the failures found by looking into dead-letter queues, by the name of those. `heads` are those found at
    the head of consumers' queues: messages that come again and again without a recorded failure have the fingerprint
    `redelivered@<message type>`. `names` are all queues of the virtual host, where something lists them;
    `subscribed` all its consumers as the broker knows them. `unknown` says in words what could not be known, and why.
    """

    at: float
    time: float
    queues: Mapping[str, QueueSample]
    broker: BrokerSample = BrokerSample()
    consumers: tuple[ConsumerSample, ...] = ()
    dead: Mapping[str, tuple[Failure, ...]] = field(default_factory=lambda: _NOTHING, hash=False)
    heads: Mapping[str, tuple[Failure, ...]] = field(default_factory=lambda: _NOTHING, hash=False)
    names: frozenset[str] | None = None
    subscribed: tuple[QueueConsumer, ...] | None = None
    unknown: tuple[str, ...] = ()
