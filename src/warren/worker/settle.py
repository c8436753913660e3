"""Outcomes to effects. The one place that acknowledges: what is read here is what Warren guarantees.

Not here: which outcome (`process.py`, `reliability/retry.py`).

    Ack                 acknowledge
    RetryLater, Defer   copy to the retry tier, confirmed → acknowledge
    DeadLetter          copy to the dead-letter queue, confirmed → acknowledge

A copy that is returned, nacked, blocked or indeterminate does not acknowledge: the original stays with this worker and
the copy is tried again, with back-off, until it is confirmed or the delivery's channel is gone, when the broker
redelivers the original. So a message may be doubled between its copy's confirm and its own ack; it is never lost.
"""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from warren.clock import Clock
from warren.contracts.copies import copy_properties
from warren.contracts.envelope import Outgoing
from warren.contracts.headers import (
    ATTEMPT,
    DELAY,
    EXCHANGE,
    MAX_EPOCH_SECONDS,
    OUTCOME_HEADERS,
    PREVIOUS_ATTEMPT,
    ROUTING_KEY,
    delay_of,
    origin_of,
)
from warren.contracts.incoming import Incoming
from warren.contracts.properties import FieldValue
from warren.errors import Indeterminate, MessageTooLarge
from warren.observability import events
from warren.observability.tracing import ConsumeTracer, Settlement
from warren.reliability.backoff import Backoff
from warren.reliability.dead_letter import FIRST_FAILED_AT, Death, Redact, death_headers, fingerprint, fit, text_of
from warren.reliability.outcome import Ack, DeadLetter, Defer, Outcome, RetryLater
from warren.topology import dead_letter_queue, retry_queue
from warren.transport.confirms import CONFIRMED, Returned
from warren.transport.confirms import Outcome as PublishOutcome
from warren.transport.publisher import Entry, PublishChannel
from warren.worker.job import Job
from warren.worker.notices import OutcomeNotices
from warren.worker.spec import ConsumerSpec

__all__ = ["Acknowledger", "Settler"]

COPY_TIMEOUT: Final = 30.0  # seconds until an unconfirmed copy counts as indeterminate and is sent again
_AGAIN: Final = Backoff(base=0.2, cap=30.0)
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?!0{32})(?P<trace_id>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


class Acknowledger(Protocol):
    """The consumer's channel, as settling needs it."""

    def ack(self, incoming: Incoming) -> None: ...

    def is_current(self, incoming: Incoming) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy on its way: what to tell once it is confirmed."""

    job: Job
    outgoing: Outgoing
    tries: int
    event: events.Event


class Settler:
    """Carries out the outcomes of one consumer.

    `on_settled` is called once a delivery is done with, on any thread, and `on_queue_missing` where a copy reaches no
    queue again and again.
    """

    def __init__(
        self,
        spec: ConsumerSpec,
        *,
        channel: Acknowledger,
        copies: PublishChannel,
        clock: Clock,
        bus: events.EventBus,
        on_settled: Callable[[Job], None],
        on_queue_missing: Callable[[], None],
        call_later: Callable[[float, Callable[[], None]], None],
        lag: Callable[[Job], float | None],
        code_version: str | None = None,
        redact: Redact | None = None,
        tracer: ConsumeTracer | None = None,
        frame_max: Callable[[], int] = lambda: 131_072,
        rng: random.Random | None = None,
    ) -> None:
        self._spec = spec
        self._channel = channel
        self._copies = copies
        self._clock = clock
        self._bus = bus
        self._on_settled = on_settled
        self._on_queue_missing = on_queue_missing
        self._call_later = call_later
        self._lag = lag
        self._code_version = code_version
        self._redact = redact
        self._tracer = tracer
        self._frame_max = frame_max
        self._rng = rng or random.Random()
        self._notices = OutcomeNotices(copies, clock)
        self._host = socket.gethostname()
        self._closed = False

    def settle(self, job: Job, outcome: Outcome) -> None:
        """Carry out an outcome. Never blocks and never raises for what a message holds."""
        if self._tracer is not None:
            self._begin_trace(self._tracer, job, outcome)
        match outcome:
            case Ack():
                self._ack(job)
                self._announce_ack(job)
                self._on_settled(job)
                self._notices.tell(job, None)
            case RetryLater(delay, classification, error):
                mark = fingerprint(error, job.message_type)
                failed = (*self._identity(job), job.attempt, delay, classification, _line(error), mark)
                event = events.Retried(*failed, *self._timing(job))
                self._copy(job, retry_queue(self._spec.queue.name, delay), self._retried(job, delay), event)
            case Defer(delay):
                deferred = events.InProgressDeferred(*self._keyed(job))
                self._copy(job, retry_queue(self._spec.queue.name, delay), self._deferred(job, delay), deferred)
            case DeadLetter(reason, error):
                mark = fingerprint(error, job.message_type)
                fatal = (*self._identity(job), job.attempt, reason.value, _line(error), mark)
                died = events.DeadLettered(*fatal, *self._timing(job))
                self._copy(job, dead_letter_queue(self._spec.queue.name), self._dead(job, outcome), died)

    def close(self) -> None:
        """Stop trying: what is not confirmed by now stays unacknowledged."""
        self._closed = True

    # -- acknowledging ----------------------------------------------------------------------

    def _ack(self, job: Job) -> None:
        if job.settling is not None:
            is_late = not self._channel.is_current(job.incoming)
            job.settling.end(Indeterminate("acknowledged too late") if is_late else None)
        self._channel.ack(job.incoming)

    def _leave(self, job: Job) -> None:
        """Be done with a delivery that stays unacknowledged: the broker redelivers it."""
        if job.settling is not None:
            job.settling.end(Indeterminate("left unacknowledged"))
        self._on_settled(job)

    def _announce_ack(self, job: Job) -> None:
        bus = self._bus
        if job.is_duplicate:
            bus.emit(events.DuplicateAbsorbed(*self._keyed(job)))
        elif bus.wants(events.Processed):
            bus.emit(events.Processed(*self._identity(job), job.attempt, job.seconds, self._lag(job)))

    # -- tracing ------------------------------------------------------------------------------

    def _begin_trace(self, tracer: ConsumeTracer, job: Job, outcome: Outcome) -> None:
        match outcome:
            case Ack():
                operation = Settlement.ACK
            case RetryLater():
                operation = Settlement.RETRY
            case DeadLetter():
                operation = Settlement.DEAD_LETTER
            case Defer():
                if not self._channel.is_current(job.incoming):
                    return  # nothing was begun with it, and nothing is done
                operation = Settlement.DEFER
        job.settling = tracer.settle(operation, job.incoming, job.message_id, job.trace)

    # -- copies: confirmed first, then the original is acknowledged ---------------------------

    def _copy(self, job: Job, queue: str, headers: dict[str, FieldValue], event: events.Event) -> None:
        without = OUTCOME_HEADERS if isinstance(event, events.DeadLettered) else ()
        properties = copy_properties(
            job.incoming.properties, headers=headers, message_id=job.message_id, without=without
        )
        fitted = fit(properties.headers, own=headers.keys(), frame_max=self._frame_max())
        outgoing = Outgoing(
            "", queue, properties._replace(headers=fitted), job.incoming.body, job.message_id, job.message_type
        )
        self._send(_Copy(job, outgoing, 0, event))

    def _send(self, copy: _Copy) -> None:
        if self._closed or not self._channel.is_current(copy.job.incoming):
            self._leave(copy.job)
            return
        try:
            entry = self._copies.entry(copy.outgoing, timeout=COPY_TIMEOUT, settled=self._copy_settled, context=copy)
        except (MessageTooLarge, ValueError) as error:
            self._again(copy, str(error))
            return
        self._copies.submit([entry])

    def _copy_settled(self, entry: Entry, outcome: PublishOutcome) -> None:
        copy: _Copy = entry.context
        if outcome is CONFIRMED:
            self._ack(copy.job)
            self._bus.emit(copy.event)
            self._on_settled(copy.job)  # after the event, so that whoever waits until nothing is in flight has seen it
            self._notices.tell(copy.job, copy.event)
            return
        if isinstance(outcome, Returned) and copy.tries:
            self._on_queue_missing()  # not at once: a queue that has just moved is back by the next try
        self._again(copy, f"{type(outcome).__name__}: {getattr(outcome, 'reason', '')}")

    def _again(self, copy: _Copy, reason: str) -> None:
        if self._closed:
            self._leave(copy.job)
            return
        delay = _AGAIN.delay(copy.tries, self._rng)
        spec, job = self._spec, copy.job
        self._bus.emit(
            events.SettleDelayed(spec.queue.name, spec.name, job.message_id, copy.outgoing.routing_key, reason, delay)
        )
        again = _Copy(job, copy.outgoing, copy.tries + 1, copy.event)
        self._call_later(delay, lambda: self._send(again))

    # -- what a copy carries ------------------------------------------------------------------

    def _origin(self, job: Job) -> dict[str, FieldValue]:
        incoming = job.incoming
        exchange, routing_key = origin_of(incoming.properties, incoming.exchange, incoming.routing_key)
        return {EXCHANGE: exchange, ROUTING_KEY: routing_key}

    def _deferred(self, job: Job, delay: float) -> dict[str, FieldValue]:
        total = delay_of(job.incoming.properties) + delay
        return {**self._origin(job), ATTEMPT: job.attempt, DELAY: round(total * 1000)}

    def _retried(self, job: Job, delay: float) -> dict[str, FieldValue]:
        return {
            **self._deferred(job, delay),
            ATTEMPT: job.attempt + 1,
            FIRST_FAILED_AT: round(self._first_failure(job) * 1000),
            **_trail(job),
        }

    def _first_failure(self, job: Job) -> float:
        known = job.incoming.properties.headers.get(FIRST_FAILED_AT)
        if isinstance(known, int) and 0 < known <= MAX_EPOCH_SECONDS * 1000:
            return known / 1000
        return self._clock.now()

    def _dead(self, job: Job, outcome: DeadLetter) -> dict[str, FieldValue]:
        exchange, routing_key = origin_of(job.incoming.properties, job.incoming.exchange, job.incoming.routing_key)
        death = Death(
            reason=outcome.reason,
            error=outcome.error,
            attempts=job.attempt,
            first_failed_at=self._first_failure(job),
            last_failed_at=self._clock.now(),
            exchange=exchange,
            routing_key=routing_key,
            queue=self._spec.queue.name,
            consumer=self._spec.name,
            host=self._host,
            message_type=job.message_type,
            code_version=self._code_version,
            trace_id=_trace_id(job),
        )
        headers = death_headers(death, redact=self._redact)
        return {**self._origin(job), ATTEMPT: job.attempt, **headers, **_trail(job)}

    def _identity(self, job: Job) -> tuple[str, str, str, str]:
        return self._spec.queue.name, self._spec.name, job.message_id, job.message_type

    def _keyed(self, job: Job) -> tuple[str, str, str, str, str]:
        return self._spec.queue.name, self._spec.name, job.message_id, job.key, job.message_type

    def _timing(self, job: Job) -> tuple[float | None, float | None]:
        return (job.seconds, self._lag(job)) if job.started_at else (None, None)


def _trace_id(job: Job) -> str | None:
    """Return the trace a delivery belongs to: its attempt's, else the one its producer names (W3C `traceparent`)."""
    if job.trace is not None and job.trace.trace_id:
        return job.trace.trace_id
    value = job.incoming.properties.headers.get("traceparent")
    found = _TRACEPARENT.fullmatch(value) if isinstance(value, str) else None
    return None if found is None else found["trace_id"]


def _trail(job: Job) -> dict[str, FieldValue]:
    """Return what leads from a copy back to the attempt that failed."""
    return {PREVIOUS_ATTEMPT: job.trace.traceparent} if job.trace is not None and job.trace.traceparent else {}


def _line(error: BaseException) -> str:
    text = " ".join(text_of(error).split())
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__
