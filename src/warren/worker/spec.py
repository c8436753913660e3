"""One consumer as declared: its queue, contracts, handler and policies. A value; nothing runs here.

Not here: how the decorator's arguments become one (`warren/app.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from warren.contracts.lookup import Contracts
from warren.contracts.message import Message
from warren.errors import ConfigurationError, Permanent
from warren.reliability.classify import Rules
from warren.reliability.retry import DEFER_DELAY, Retry
from warren.topology import Queue, Topology, consumer_topology
from warren.topology.exchange import Source
from warren.worker.handler import Handler

__all__ = ["ConsumerSpec", "Idempotency"]

MAX_NAME: Final = 230  # bytes; with the number of a channel it is a consumer tag, which AMQP limits to 255


@dataclass(frozen=True, slots=True)
class Idempotency:
    """How duplicates are told: by `key(message)`, or by message id where `key` is None.

    Done keys are kept for `window` seconds (default: seven days).
    """

    key: Callable[[Any], object] | None = None
    window: float = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """Everything about one consumer. `time_limit` is in seconds; None means no limit."""

    name: str
    queue: Queue
    contracts: Contracts
    handler: Handler
    retry: Retry
    rules: Rules
    bindings: tuple[Source, ...]
    prefetch: int
    concurrency: int
    time_limit: float | None
    idempotency: Idempotency | None = None
    consumer_arguments: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("prefetch", "concurrency"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65_535:
                raise ConfigurationError(f"consumer {self.name}: {name} is {value!r}; give a number from 1 to 65535")
        if len(self.name.encode()) > MAX_NAME:
            raise ConfigurationError(f"consumer {self.name[:20]}…: its name has more than {MAX_NAME} bytes; shorten it")
        if self.time_limit is not None and self.time_limit <= 0:
            raise ConfigurationError(f"consumer {self.name}: time_limit must be more than 0 seconds, or None")

    @property
    def has_inbox(self) -> bool:
        """Whether the claim and the handler's own writes commit together."""
        return self.handler.is_transactional

    @property
    def defer_delay(self) -> float:
        """The tier for messages that are in progress elsewhere: the shortest, in seconds."""
        return self.retry.tiers[0] if self.retry.tiers else DEFER_DELAY

    @property
    def topology(self) -> Topology:
        """The consumer's queues and bindings, and the exchanges these name."""
        delays = set(self.retry.tiers)
        if self.idempotency is not None:
            delays.add(self.defer_delay)
        return consumer_topology(self.queue, bindings=self.bindings, delays=sorted(delays))

    def key_of(self, message: Message, message_id: str) -> str:
        """Return the idempotency key of a message.

        Raises `Permanent` where the key function returns None or nothing: all such messages would be taken for
        duplicates of the first.
        """
        if self.idempotency is None or self.idempotency.key is None:
            return message_id
        key = self.idempotency.key(message)
        if key is None or key == "":
            raise Permanent(f"the idempotency key of {type(message).__name__} is {key!r}; return what tells it apart")
        return str(key)
