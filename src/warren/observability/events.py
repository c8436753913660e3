"""What happened, as frozen values, and the sink they are emitted into.

Not here: subscribers (`logs.py`), and anything that changes an outcome: subscribers only observe, and their errors
are logged, never raised.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, final

__all__ = [
    "AckDropped",
    "Blocked",
    "ConfirmFailed",
    "Confirmed",
    "Connected",
    "ConsumerCancelled",
    "DeadLettered",
    "Delivered",
    "Disconnected",
    "DuplicateAbsorbed",
    "Event",
    "EventBus",
    "InProgressDeferred",
    "Processed",
    "Published",
    "Reconnecting",
    "Retried",
    "Returned",
    "SettleDelayed",
    "ShutdownFinished",
    "ShutdownStarted",
    "Subscribed",
    "TimeLimitExceeded",
    "TopologyApplied",
    "Unblocked",
    "WorkerExited",
    "WorkerStarted",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


# -- publishing ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Published(Event):
    """A message was handed to the connection; the broker has not confirmed it yet."""

    message_id: str
    message_type: str
    exchange: str
    routing_key: str


@final
@dataclass(frozen=True, slots=True)
class Confirmed(Event):
    """The broker confirmed a message; `seconds` since it was handed over."""

    message_id: str
    message_type: str
    exchange: str
    routing_key: str
    seconds: float


@final
@dataclass(frozen=True, slots=True)
class Returned(Event):
    """No queue received a message."""

    message_id: str
    message_type: str
    exchange: str
    routing_key: str
    reason: str


@final
@dataclass(frozen=True, slots=True)
class ConfirmFailed(Event):
    """A publish ended as nacked, blocked or indeterminate (`outcome` says which)."""

    message_id: str
    message_type: str
    exchange: str
    routing_key: str
    outcome: str
    reason: str


# -- consuming ----------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class Delivered(Event):
    """The broker delivered a message to a consumer."""

    queue: str
    consumer: str
    message_id: str
    message_type: str
    attempt: int
    redelivered: bool


@final
@dataclass(frozen=True, slots=True)
class Processed(Event):
    """A handler returned; the delivery is acknowledged. `lag` is handler start minus sent-at minus intended delay,
    in seconds, None where the producer did not say when it sent."""

    queue: str
    consumer: str
    message_id: str
    message_type: str
    attempt: int
    seconds: float
    lag: float | None


@final
@dataclass(frozen=True, slots=True)
class Retried(Event):
    """A delivery failed, and its copy is confirmed in a retry tier. `classification` is transient | unknown.

    `seconds` and `lag` are as in `Processed`; None where no handler ran.
    """

    queue: str
    consumer: str
    message_id: str
    message_type: str
    attempt: int
    delay: float
    classification: str
    error: str
    fingerprint: str
    seconds: float | None = None
    lag: float | None = None


@final
@dataclass(frozen=True, slots=True)
class DeadLettered(Event):
    """A delivery's copy is confirmed in the dead-letter queue. `reason` is permanent | exhausted | contract.

    `seconds` and `lag` are as in `Processed`; None where no handler ran.
    """

    queue: str
    consumer: str
    message_id: str
    message_type: str
    attempt: int
    reason: str
    error: str
    fingerprint: str
    seconds: float | None = None
    lag: float | None = None


@final
@dataclass(frozen=True, slots=True)
class DuplicateAbsorbed(Event):
    """A message was already done; it was acknowledged without running its handler."""

    queue: str
    consumer: str
    message_id: str
    key: str
    message_type: str


@final
@dataclass(frozen=True, slots=True)
class InProgressDeferred(Event):
    """A message is being processed elsewhere; it went through the shortest retry tier, no attempt charged."""

    queue: str
    consumer: str
    message_id: str
    key: str
    message_type: str


@final
@dataclass(frozen=True, slots=True)
class TimeLimitExceeded(Event):
    """A handler ran longer than its limit (`limit` in seconds)."""

    queue: str
    consumer: str
    message_id: str
    limit: float


@final
@dataclass(frozen=True, slots=True)
class SettleDelayed(Event):
    """The copy of a retry or dead letter was not confirmed: the original stays unacknowledged.

    The copy is tried again in `next_try` seconds.
    """

    queue: str
    consumer: str
    message_id: str
    target: str
    reason: str
    next_try: float


@final
@dataclass(frozen=True, slots=True)
class AckDropped(Event):
    """An acknowledgement belonged to a channel that is gone; the broker redelivers the message."""

    queue: str
    consumer: str
    count: int


# -- connection ---------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class Connected(Event):
    """A connection is open. `host` is shown without credentials; `attempt` counts from 1."""

    name: str
    host: str
    attempt: int


@final
@dataclass(frozen=True, slots=True)
class Disconnected(Event):
    """A connection was lost."""

    name: str
    host: str
    reason: str


@final
@dataclass(frozen=True, slots=True)
class Reconnecting(Event):
    """The next try to connect starts in `delay` seconds."""

    name: str
    attempt: int
    delay: float
    reason: str


@final
@dataclass(frozen=True, slots=True)
class Blocked(Event):
    """The broker raised an alarm and stopped reading publishes."""

    name: str
    reason: str


@final
@dataclass(frozen=True, slots=True)
class Unblocked(Event):
    """The broker's alarm is over."""

    name: str


@final
@dataclass(frozen=True, slots=True)
class Subscribed(Event):
    """A consumer is subscribed. `generation` counts its subscriptions from 1."""

    queue: str
    consumer: str
    generation: int


@final
@dataclass(frozen=True, slots=True)
class ConsumerCancelled(Event):
    """A consumer lost its subscription; it will subscribe again."""

    queue: str
    consumer: str
    reason: str


@final
@dataclass(frozen=True, slots=True)
class TopologyApplied(Event):
    """Missing exchanges, queues and bindings were created."""

    created: tuple[str, ...]


# -- worker -------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class WorkerStarted(Event):
    """A worker process consumes."""

    pid: int
    consumers: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class WorkerExited(Event):
    """A supervised worker process ended and is replaced after `restart_in` seconds (None: it is not)."""

    pid: int
    exit_code: int
    reason: str
    restart_in: float | None


@final
@dataclass(frozen=True, slots=True)
class ShutdownStarted(Event):
    """Consumers are cancelled; what is in flight may finish within `grace` seconds."""

    reason: str
    in_flight: int
    grace: float


@final
@dataclass(frozen=True, slots=True)
class ShutdownFinished(Event):
    """The worker has closed; `unfinished` deliveries stay unacknowledged and will be redelivered."""

    unfinished: int


E = TypeVar("E", bound=Event)
Subscriber = Callable[[Any], None]

_log = logging.getLogger("warren.events")


class EventBus:
    """Hands each event to the subscribers of its type.

    Emit with `if bus.wants(Type): bus.emit(Type(...))` where an event is built once a message: with no
    subscriber it costs one dictionary look-up. Subscribers run on the emitting thread, sometimes the I/O
    thread, so they must not block.
    """

    def __init__(self) -> None:
        self._subscribers: dict[type[Event], tuple[Subscriber, ...]] = {}
        self._all: tuple[Subscriber, ...] = ()

    def subscribe(self, subscriber: Callable[[E], None], *types: type[E]) -> None:
        """Call `subscriber` with each event of the given types, or with every event if none is given."""
        if not types:
            self._all = (*self._all, subscriber)
        for event_type in types:
            self._subscribers[event_type] = (*self._subscribers.get(event_type, ()), subscriber)

    def unsubscribe(self, subscriber: Callable[[E], None]) -> None:
        """Call `subscriber` no more, whatever it was subscribed to."""
        self._all = tuple(each for each in self._all if each != subscriber)
        for event_type, subscribers in list(self._subscribers.items()):
            self._subscribers[event_type] = tuple(each for each in subscribers if each != subscriber)

    def wants(self, event_type: type[Event]) -> bool:
        """Tell whether anyone listens for this type."""
        return bool(self._subscribers.get(event_type) or self._all)

    def emit(self, event: Event) -> None:
        """Hand over one event. Never raises: a subscriber's error is logged."""
        for subscriber in (*self._subscribers.get(type(event), ()), *self._all):
            try:
                subscriber(event)
            except KeyboardInterrupt:
                raise
            except BaseException:  # sys.exit() too: it would end only the thread, and what that has still to do
                _log.exception("a subscriber failed on %s", type(event).__name__)
