"""Writes down what an application does: events, publishes, and what its handlers returned or raised.

Not here: the values (`records.py`), and how they are shown (`report.py`).
"""

from __future__ import annotations

import functools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from warren.clock import Clock
from warren.contracts.delivery import Delivery
from warren.contracts.envelope import Outgoing
from warren.contracts.message import Message
from warren.integrations.pytest_plugin.records import Handled, HandlerError, Published
from warren.observability.events import Event, Processed
from warren.publish_core import PublishingCore, PublishOptions
from warren.transport.confirms import CONFIRMED, Outcome
from warren.transport.publisher import Entry
from warren.worker.handler import Handler, Wanted
from warren.worker.spec import ConsumerSpec

__all__ = ["Recorder", "Refused", "Started"]

_KEPT: Final = 500
_ARGUMENT: Final = "warren_test_delivery"


class Refused(NamedTuple):
    """A publish that was not confirmed."""

    message: Message
    message_id: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Started:
    """A handler that runs."""

    message: Message
    delivery: Delivery
    since: float  # time.monotonic()


class Recorder:
    """What happened since a run began. Written by many threads, read by the test's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._lock = threading.Lock()
        self._returned: dict[tuple[str, str], Handled] = {}
        self.count = 0  # events so far
        self.events: deque[tuple[float, Event]] = deque(maxlen=_KEPT)
        self.published: list[Published[Any]] = []
        self.refused: list[Refused] = []
        self.handled: list[tuple[str, Handled]] = []  # with the queue
        self.errors: list[HandlerError] = []
        self.running: dict[object, Started] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, by its clock."""
        return self._clock.monotonic() - self._began

    # -- events -----------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        with self._lock:
            self.count += 1
            self.events.append((self.elapsed, event))
            if isinstance(event, Processed) and (done := self._returned.get((event.queue, event.message_id))):
                self.handled.append((event.queue, done))

    # -- publishing -------------------------------------------------------------------------

    def core(self) -> type[PublishingCore]:
        """Return a core for the application's publishers that tells this recorder of every publish."""
        told = self._on_settled

        class RecordingCore(PublishingCore):
            def entry(
                self,
                message: Message,
                options: PublishOptions,
                timeout: float,
                settled: Any,
                context: Any,
                outgoing: Outgoing | None = None,
            ) -> Entry:
                def on_settled(entry: Entry, outcome: Outcome) -> None:
                    told(message, entry.outgoing, outcome)
                    settled(entry, outcome)

                return super().entry(message, options, timeout, on_settled, context, outgoing)

        return RecordingCore

    def _on_settled(self, message: Message, outgoing: Outgoing, outcome: Outcome) -> None:
        with self._lock:
            if outcome is CONFIRMED:
                self.published.append(
                    Published(
                        message, outgoing.message_id, outgoing.exchange, outgoing.routing_key, outgoing.properties
                    )
                )
            else:
                reason = str(getattr(outcome, "reason", ""))
                self.refused.append(Refused(message, outgoing.message_id, type(outcome).__name__, reason))

    # -- handlers ---------------------------------------------------------------------------

    def observed(self, spec: ConsumerSpec) -> ConsumerSpec:
        """Return the consumer with a handler that tells this recorder what it does."""
        handler = spec.handler
        observe = self._observed_async if handler.is_async else self._observed
        wants = (*handler.wants, (_ARGUMENT, Wanted.DELIVERY))
        return replace(spec, handler=replace(handler, function=observe(handler), wants=wants))

    def _observed(self, handler: Handler) -> Callable[..., Any]:
        @functools.wraps(handler.function)
        def call(message: Message, **arguments: Any) -> Any:
            key = self._begin(message, arguments.pop(_ARGUMENT))
            try:
                result = handler.function(message, **arguments)
            except BaseException as error:
                self._end(key, error)
                raise
            self._end(key, None)
            return result

        return call

    def _observed_async(self, handler: Handler) -> Callable[..., Any]:
        @functools.wraps(handler.function)
        async def call(message: Message, **arguments: Any) -> Any:
            key = self._begin(message, arguments.pop(_ARGUMENT))
            try:
                result = await handler.function(message, **arguments)
            except BaseException as error:
                self._end(key, error)
                raise
            self._end(key, None)
            return result

        return call

    def _begin(self, message: Message, delivery: Delivery) -> object:
        key = object()
        with self._lock:
            self.running[key] = Started(message, delivery, time.monotonic())
        return key

    def _end(self, key: object, error: BaseException | None) -> None:
        with self._lock:
            run = self.running.pop(key)
            if error is not None:
                self.errors.append(HandlerError(run.message, run.delivery, error))
            else:
                self._returned[run.delivery.queue, run.delivery.message_id] = Handled(run.message, run.delivery)
