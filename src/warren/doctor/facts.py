"""What is known before anything is judged: of the application, its settings, the broker and this machine.

Not here: how it is found out (`collect.py`). None stands for what could not be looked at; why is in `unknown`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, final

from warren.config import BrokerSettings, WorkerSettings
from warren.management.nodes import Node
from warren.management.queues import QueueStatistics
from warren.management.setup import FeatureFlag, NodeSetup, Permissions, Policy, QueuePlace
from warren.topology.actual import Actual, ActualQueue
from warren.topology.model import Topology
from warren.topology.naming import dead_letter_queue, retry_delay
from warren.worker.spec import ConsumerSpec

__all__ = [
    "Certificate",
    "Code",
    "ConnectionFailure",
    "Facts",
    "Greeting",
    "Live",
    "Passive",
    "Runtime",
    "StoreFacts",
    "Unknown",
]

_RETRY: Final = ".retry."  # what stands before it is the name of the queue whose messages are delayed
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An application as declared. `published` are the names of the exchanges it publishes to."""

    name: str
    topology: Topology = field(default_factory=Topology)
    consumers: tuple[ConsumerSpec, ...] = ()
    published: frozenset[str] = frozenset()
    settings: WorkerSettings = field(default_factory=WorkerSettings)
    broker_ignores_environment: bool = False
    store_ignores_environment: bool = False

    @property
    def queues(self) -> frozenset[str]:
        """The names of all its queues: those of the consumers and those kept beside them."""
        return frozenset(queue.name for queue in self.topology.queues)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """How the broker introduced itself on the AMQP connection."""

    product: str
    version: str
    platform: str
    cluster_name: str


@final
@dataclass(frozen=True, slots=True)
class ConnectionFailure:
    """Why there is no AMQP connection. Where it was refused, trying again unchanged cannot help."""

    reason: str
    is_refusal: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the management API tells. `clock_offset` is in seconds: how much the broker's clock is ahead of ours.

    `alarm` is what the health check says where the user may not see the nodes; None where all is well.
    """

    version: str
    actual: Actual
    queues: Mapping[str, QueueStatistics] = field(default_factory=lambda: _NOTHING)
    places: Mapping[str, QueuePlace] = field(default_factory=lambda: _NOTHING)
    erlang: str | None = None
    nodes: tuple[Node, ...] | None = None
    setups: tuple[NodeSetup, ...] | None = None
    alarm: str | None = None
    policies: tuple[Policy, ...] | None = None
    flags: tuple[FeatureFlag, ...] | None = None
    deprecated: tuple[str, ...] = ()
    permissions: Permissions | None = None
    clock_offset: float | None = None


@final
@dataclass(frozen=True, slots=True)
class Passive:
    """What passive declarations told, where AMQP is all there is: which names are not there."""

    exchanges: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()


@final
@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in use, and when it ends, in seconds since the epoch."""

    subject: str
    ends: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """The store of idempotency keys. `failure` is why it cannot be used; None where it answers."""

    where: str
    failure: str | None = None
    is_refusal: bool = False
    is_in_memory: bool = False
    has_transactions: bool = True


@final
@dataclass(frozen=True, slots=True)
class Runtime:
    """What this process runs on: versions as tuples of numbers."""

    python: tuple[int, ...]
    pika: tuple[int, ...]


@final
@dataclass(frozen=True, slots=True)
class Unknown:
    """Something could not be looked at: what, why, and how to look at it otherwise."""

    subject: str
    reason: str
    fix: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the checks may ask. `broker` is None for an embedded broker of the application's own process.

    `environment` are the names of the variables that begin with WARREN_; what they say may be secret. `durations` are
    the 99th percentiles of handlers by queue, in seconds, as workers measured them.
    """

    now: float
    runtime: Runtime
    broker: BrokerSettings | None = None
    environment: frozenset[str] = frozenset()
    code: Code | None = None
    greeting: Greeting | None = None
    failure: ConnectionFailure | None = None
    live: Live | None = None
    passive: Passive | None = None
    certificates: tuple[Certificate, ...] = ()
    store: StoreFacts | None = None
    durations: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    unknown: tuple[Unknown, ...] = ()

    @property
    def version(self) -> str | None:
        """The broker's version, from whoever told it."""
        if self.live is not None:
            return self.live.version
        return None if self.greeting is None else self.greeting.version

    def live_queues(self) -> Iterator[ActualQueue]:
        """Yield the queues on the broker that are looked at: the application's, else all of the virtual host."""
        if self.live is not None:
            wanted = self.live.actual.queues.keys() if self.code is None else self.code.queues
            for name, queue in sorted(self.live.actual.queues.items()):
                if name in wanted:
                    yield queue

    def is_dead_letter_queue(self, name: str) -> bool:
        """Whether a queue keeps the dead letters of another."""
        return name.endswith(dead_letter_queue("")) and name.removesuffix(dead_letter_queue("")) in self._bases()

    def is_retry_tier(self, name: str) -> bool:
        """Whether a queue delays the messages of another."""
        base = name.rpartition(_RETRY)[0]
        return base in self._bases() and retry_delay(base, name) is not None

    def _bases(self) -> Collection[str]:
        if self.code is not None:
            return {spec.queue.name for spec in self.code.consumers}
        return self.live.actual.queues.keys() if self.live is not None else ()
