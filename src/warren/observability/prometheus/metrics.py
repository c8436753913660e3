"""Events and readings to metrics.

Not here: the metrics' names (`families.py`), several processes (`processes.py`), serving (`server.py`).

Theory of operation. Two events a message are the busy case, and adding to a metric costs more than making an event. So
events are only put by, and folded into the metrics many at a time: when a batch is full, with every event that is
rare, with the worker's readings, and before a scrape of this process's registry.

Labels come from the code and the topology, but for three, which other programs choose: a consumer's message type that
none of its contracts has is `unknown`, and beyond a hundred fingerprints of a consumer, or a hundred publishing
targets, further ones are `other`.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry

from warren.observability import events
from warren.observability.events import Event, EventBus
from warren.observability.prometheus.families import families_of
from warren.observability.readings import ConsumerReading

__all__ = ["Metrics"]

BATCH: Final = 128
MAX_AGE: Final = 1.0  # seconds
MAX_FINGERPRINTS: Final = 100  # of a consumer
MAX_TARGETS: Final = 100  # pairs of an exchange and a message type
SKEW_KEPT: Final = 60.0  # seconds, at least


class Metrics:
    """The metrics of one application in this process.

    `types` returns, for each consumer, the message types its contracts have.
    """

    def __init__(
        self,
        bus: EventBus,
        types: Callable[[], Mapping[str, frozenset[str]]],
        *,
        info: tuple[str, str, str],
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._families = families_of(registry if registry is not None else REGISTRY)
        self._types = types
        self._known: Mapping[str, frozenset[str]] = {}
        self._info = info
        self._children: dict[tuple[Any, ...], Any] = {}
        self._fingerprints: dict[tuple[str, str], set[str]] = {}
        self._targets: set[tuple[str, str]] = set()
        self._skews: dict[tuple[str, str], _Peak] = {}
        self._shown: Sequence[ConsumerReading] = ()
        self._waiting: deque[Event] = deque()
        self._counts: dict[tuple[Any, ...], int] = {}  # while folding
        self._observed: defaultdict[tuple[Any, ...], list[float]] = defaultdict(list)  # while folding
        self._due = time.monotonic() + MAX_AGE
        self._folding = threading.Lock()
        self._folds: Final[dict[type[Event], Callable[[Any], None]]] = {
            events.Delivered: self._delivered,
            events.Processed: self._processed,
            events.Retried: self._retried,
            events.DeadLettered: self._dead_lettered,
            events.DuplicateAbsorbed: self._absorbed,
            events.InProgressDeferred: self._deferred,
            events.TimeLimitExceeded: self._time_limit_exceeded,
            events.SettleDelayed: self._settle_delayed,
            events.AckDropped: self._ack_dropped,
            events.Confirmed: self._confirmed,
            events.Returned: self._returned,
            events.ConfirmFailed: self._confirm_failed,
            events.Connected: self._connected,
            events.Disconnected: self._disconnected,
            events.Reconnecting: self._reconnecting,
            events.Blocked: self._blocked,
            events.Unblocked: self._unblocked,
        }
        self._families.before_scrape.append(self.fold)
        often = (events.Delivered, events.Processed)
        bus.subscribe(self._put_by, *often)
        bus.subscribe(self._take, *(kind for kind in self._folds if kind not in often))

    # -- events in: any thread ------------------------------------------------------------------

    def _put_by(self, event: Event) -> None:
        waiting = self._waiting
        waiting.append(event)
        if len(waiting) >= BATCH:
            self.fold(wait=False)

    def _take(self, event: Event) -> None:
        self._put_by(event)
        if type(event) is not events.Confirmed or time.monotonic() >= self._due:  # publishers have no readings
            self.fold(wait=False)

    def fold(self, *, wait: bool = True) -> None:
        """Write what was put by into the metrics; without `wait`, only if no other thread does so now."""
        if not self._folding.acquire(blocking=wait):
            return
        try:
            waiting, folds = self._waiting, self._folds
            while waiting:
                event = waiting.popleft()
                folds[type(event)](event)
            for key, count in self._counts.items():
                self._child(*key).inc(count)
            for key, values in self._observed.items():
                _observe_all(self._child(*key), values)
            self._counts.clear()
            self._observed.clear()
            self._due = time.monotonic() + MAX_AGE
        finally:
            self._folding.release()

    def _child(self, family: Any, *labels: str) -> Any:
        key = (family, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = family.labels(*labels)
        return child

    def _count(self, family: Any, *labels: str) -> None:
        key = (family, *labels)
        self._counts[key] = self._counts.get(key, 0) + 1

    # -- consuming ------------------------------------------------------------------------------

    def _delivered(self, event: events.Delivered) -> None:
        type_ = self._type(event.consumer, event.message_type)
        again = "true" if event.redelivered else "false"
        self._count(self._families.deliveries, event.queue, event.consumer, type_, again)

    def _processed(self, event: events.Processed) -> None:
        self._ran(event)
        self._settled(event, self._type(event.consumer, event.message_type), "ack")

    def _retried(self, event: events.Retried) -> None:
        self._ran(event)
        self._settled(event, self._type(event.consumer, event.message_type), "retry")
        self._failed(event, event.fingerprint, event.classification)

    def _dead_lettered(self, event: events.DeadLettered) -> None:
        self._ran(event)
        self._settled(event, self._type(event.consumer, event.message_type), "dead_letter")
        self._failed(event, event.fingerprint, event.reason)
        self._count(self._families.dead_letters, event.queue, event.consumer, event.reason)

    def _absorbed(self, event: events.DuplicateAbsorbed) -> None:
        self._settled(event, self._type(event.consumer, event.message_type), "duplicate")

    def _deferred(self, event: events.InProgressDeferred) -> None:
        self._settled(event, self._type(event.consumer, event.message_type), "deferred")

    def _time_limit_exceeded(self, event: events.TimeLimitExceeded) -> None:
        self._count(self._families.time_limit_exceeded, event.queue, event.consumer)

    def _settle_delayed(self, event: events.SettleDelayed) -> None:
        self._count(self._families.settle_delayed, event.queue, event.consumer)

    def _ack_dropped(self, event: events.AckDropped) -> None:
        self._child(self._families.acks_dropped, event.queue, event.consumer).inc(event.count)

    def _settled(self, event: Any, type_: str, outcome: str) -> None:
        self._count(self._families.settled, event.queue, event.consumer, type_, outcome)

    def _failed(self, event: Any, fingerprint: str, classification: str) -> None:
        seen = self._fingerprints.setdefault((event.queue, event.consumer), set())
        name = _bounded(seen, fingerprint, MAX_FINGERPRINTS)
        self._count(self._families.failures, event.queue, event.consumer, name, classification)

    def _ran(self, event: events.Processed | events.Retried | events.DeadLettered) -> None:
        queue, consumer = event.queue, event.consumer
        if event.seconds is not None:
            type_ = self._type(consumer, event.message_type)
            self._observed[self._families.handler_duration, queue, consumer, type_].append(event.seconds)
        if event.lag is not None:
            self._observed[self._families.consumer_lag, queue, consumer].append(max(0.0, event.lag))
            if event.lag < 0.0:
                self._skews.setdefault((queue, consumer), _Peak()).note(-event.lag)

    def _type(self, consumer: str, message_type: str) -> str:
        if message_type in self._known.get(consumer, ()):
            return message_type
        if consumer not in self._known:
            self._known = self._types()
        return message_type if message_type in self._known.get(consumer, ()) else "unknown"

    # -- publishing -----------------------------------------------------------------------------

    def _confirmed(self, event: events.Confirmed) -> None:
        target = self._published(event, "confirmed")
        self._observed[(self._families.publish_duration, *target)].append(event.seconds)

    def _returned(self, event: events.Returned) -> None:
        self._published(event, "returned")

    def _confirm_failed(self, event: events.ConfirmFailed) -> None:
        self._published(event, event.outcome)

    def _published(self, event: Any, outcome: str) -> tuple[str, str]:
        target = (event.exchange, event.message_type)
        if target not in self._targets:
            # Copies of the worker's go through the default exchange, and carry the type their producer chose.
            if not event.exchange and not any(event.message_type in types for types in self._types().values()):
                target = ("", "unknown")
            elif len(self._targets) >= MAX_TARGETS:
                target = ("other", "other")
            else:
                self._targets.add(target)
        self._count(self._families.published, *target, outcome)
        return target

    # -- connections ----------------------------------------------------------------------------

    def _connected(self, event: events.Connected) -> None:
        self._connection(event.name, is_open=True)

    def _disconnected(self, event: events.Disconnected) -> None:
        self._connection(event.name, is_open=False)

    def _connection(self, name: str, *, is_open: bool) -> None:
        self._child(self._families.connected, name).set(is_open)
        self._child(self._families.blocked, name).set(0)

    def _reconnecting(self, event: events.Reconnecting) -> None:
        self._count(self._families.reconnects, event.name)
        self._child(self._families.connected, event.name).set(0)

    def _blocked(self, event: events.Blocked) -> None:
        self._child(self._families.blocked, event.name).set(1)

    def _unblocked(self, event: events.Unblocked) -> None:
        self._child(self._families.blocked, event.name).set(0)

    # -- readings -------------------------------------------------------------------------------

    def show(self, readings: Sequence[ConsumerReading]) -> None:
        """Take how the consumers are now, in place of what was shown before."""
        self.fold()
        families = self._families
        self._child(families.worker_info, *self._info).set(1)
        self._shown = readings
        for reading in readings:
            where = (reading.queue, reading.consumer)
            self._child(families.prefetch, *where).set(reading.prefetch)
            self._child(families.subscribed, *where).set(reading.is_subscribed)
            self._child(families.in_flight, *where).set(reading.in_flight)
            self._child(families.oldest_in_flight, *where).set(reading.oldest_in_flight)
            skew = self._skews.get(where)
            self._child(families.clock_skew, *where).set(0.0 if skew is None else skew.value())

    def close(self) -> None:
        """Take note that the worker has ended."""
        self.show([ConsumerReading(reading.queue, reading.consumer, 0) for reading in self._shown])


def _bounded(seen: set[str], name: str, limit: int) -> str:
    if name not in seen:
        if len(seen) >= limit:
            return "other"
        seen.add(name)
    return name


def _observe_all(histogram: Any, values: list[float]) -> None:
    """Observe many values for the cost of a few: each `observe` writes twice, which is most of what metrics cost."""
    histogram._sum.inc(sum(values))
    for bucket, count in Counter(bisect_left(histogram._upper_bounds, value) for value in values).items():
        histogram._buckets[bucket].inc(count)


class _Peak:
    """The highest value of the last one or two minutes."""

    def __init__(self) -> None:
        self._values = [0.0, 0.0]  # of this span, of the one before
        self._until = time.monotonic() + SKEW_KEPT

    def note(self, value: float) -> None:
        self._turn()
        self._values[0] = max(self._values[0], value)

    def value(self) -> float:
        self._turn()
        return max(self._values)

    def _turn(self) -> None:
        while time.monotonic() >= self._until:
            self._values = [0.0, self._values[0]]
            self._until += SKEW_KEPT
