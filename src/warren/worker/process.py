"""One delivery to its outcome: identify, decode, run the handler, classify what it raised.

Not here: acknowledging, retrying, dead-lettering (`settle.py`), threads and loops (`pools.py`).
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncGenerator, Coroutine, Generator
from typing import Any

from warren.claim_check.reference import is_reference
from warren.clock import Clock
from warren.contracts.celery import check_due, task_id
from warren.contracts.delivery import Delivery
from warren.contracts.envelope import decode
from warren.contracts.headers import attempt_of, delay_of, origin_of, sent_at_of
from warren.contracts.ids import derive_message_id
from warren.contracts.incoming import Incoming
from warren.contracts.message import Message
from warren.errors import HandlerSignatureError, StoreUnavailable, Undecodable, WarrenError
from warren.observability import events
from warren.observability.tracing import ConsumeTracer
from warren.reliability.idempotency import Done, InboxTransaction, InProgress, TransactionalStore
from warren.reliability.outcome import Ack, Defer, Outcome
from warren.reliability.retry import decide
from warren.worker.handler import Wanted
from warren.worker.inbox import writers
from warren.worker.job import Job
from warren.worker.spec import ConsumerSpec, Idempotency

__all__ = ["HandlerTimeout", "Processor"]


class HandlerTimeout(TimeoutError):
    """A handler ran longer than its consumer's time limit."""

    def __init__(self, limit: float) -> None:
        super().__init__(f"the handler ran longer than its time limit of {limit:g} s")


class _RolledBack(Exception):
    """Leaves the transaction's block with an outcome, so that nothing of it is committed."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Processor:
    """Decides the outcome of the deliveries of one consumer."""

    def __init__(
        self, spec: ConsumerSpec, *, clock: Clock, bus: events.EventBus, tracer: ConsumeTracer | None = None
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._bus = bus
        self._tracer = tracer
        self._salt = os.urandom(16)
        self._wants_delivery = spec.handler.wants_delivery
        self._announce = bus.wants(events.Delivered)

    def prepare(self, job: Job) -> Outcome | None:
        """Identify and decode a delivery; the outcome where it does not fit its contract, None where it does."""
        incoming, spec = job.incoming, self._spec
        properties = incoming.properties
        job.attempt = attempt_of(properties)
        if not job.message_id:
            job.message_id = task_id(properties.headers) or self._derived_id(incoming)
        if self._announce:
            self._bus.emit(
                events.Delivered(
                    spec.queue.name, spec.name, job.message_id, job.message_type, job.attempt, incoming.redelivered
                )
            )
        try:
            _, routing_key = origin_of(properties, incoming.exchange, incoming.routing_key)
            job.message = self._decoded(job, routing_key)
            job.message_type = job.message.__warren__.type
            if spec.idempotency is not None:
                job.key = spec.key_of(job.message, job.message_id)
        except BaseException as error:  # a validator or a key function of the application's may raise anything
            self._begin_trace(job)
            outcome = self._failed(job, error)
            self._end_trace(job)
            return outcome
        return None

    def _decoded(self, job: Job, routing_key: str) -> Message:
        whole = job.whole
        if isinstance(whole, WarrenError):
            raise whole
        if is_reference(whole.properties):
            raise Undecodable(
                "its body is in a store of bodies, and this consumer has none; give the application the claim_check of "
                "its producers"
            )
        if not whole.properties.type:
            check_due(whole.properties.headers, self._clock.now())
        return decode(self._spec.contracts, whole.properties, whole.body, routing_key)

    def run(self, job: Job) -> Outcome:
        """Run a `def` handler."""
        started = self._start(job)
        try:
            self._check_has_run(self._spec.handler.function(job.message, **self._arguments(job)))
        except BaseException as error:
            return self._failed(job, error)
        finally:
            self._end(job, started)
            self._end_trace(job)
        return Ack()

    async def run_async(self, job: Job) -> Outcome:
        """Run an `async def` handler; it is cancelled at its time limit."""
        started = self._start(job)
        limit = self._spec.time_limit
        try:
            async with asyncio.timeout(limit) as scope:
                self._check_has_run(await self._spec.handler.function(job.message, **self._arguments(job)))
        except BaseException as error:  # also what cancels it: nothing is settled any more where that is a shutdown
            if isinstance(error, TimeoutError) and scope.expired() and limit is not None:
                return self.timed_out(job)
            return self._failed(job, error)
        finally:
            self._end(job, started)
            self._end_trace(job)
        return Ack()

    def run_in_transaction(self, job: Job, store: TransactionalStore) -> Outcome:
        """Run a handler with the claim and its own writes in one database transaction (the inbox).

        Raises `StoreUnavailable` where the transaction could not begin or commit: nothing happened then, or everything
        did, which the claim of the next try tells.
        """
        job.running_since = math.inf  # what the store takes is not the handler's time
        try:
            with store.transaction() as transaction:
                return self._run_inside(job, transaction)
        except _RolledBack as failure:
            return failure.outcome
        except StoreUnavailable as error:
            if job.trace is not None:
                job.trace.fail(error)
            raise
        except Exception as error:  # the commit failed for what the handler wrote, or the handler ended the transaction
            return self._failed(job, error)
        finally:
            self._end_trace(job)

    def _run_inside(self, job: Job, transaction: InboxTransaction) -> Outcome:
        spec = self._spec
        window = spec.idempotency.window if spec.idempotency is not None else Idempotency().window
        match transaction.claim(spec.name, job.key, window=window):
            case Done():
                job.is_duplicate = True
                return Ack()
            case InProgress():
                return Defer(spec.defer_delay)
            case _:
                pass
        started = self._start(job)
        try:
            with writers(transaction.connection, spec.handler.wants) as written_through:
                self._check_has_run(spec.handler.function(job.message, **self._arguments(job), **written_through))
        except BaseException as error:
            raise _RolledBack(self._failed(job, error)) from error
        finally:
            self._end(job, started)
        return Ack()

    def timed_out(self, job: Job) -> Outcome:
        """Return the outcome of a handler that ran too long."""
        spec = self._spec
        limit = spec.time_limit or 0.0
        job.seconds = max(limit, job.seconds)  # at least: a thread's handler runs on
        self._bus.emit(events.TimeLimitExceeded(spec.queue.name, spec.name, job.message_id, limit))
        outcome = self._failed(job, HandlerTimeout(limit))
        self._end_trace(job)  # a thread's handler may never come back to do it
        return outcome

    def lag(self, job: Job) -> float | None:
        """Return handler start minus sent-at minus intended delay, in seconds; None where the producer did not say."""
        sent_at = sent_at_of(job.incoming.properties)
        return None if sent_at is None else job.started_at - sent_at - delay_of(job.incoming.properties)

    def _begin_trace(self, job: Job) -> None:
        if self._tracer is not None:
            job.trace = self._tracer.process(job.incoming, job.message_id)

    def _end_trace(self, job: Job) -> None:
        if job.trace is not None:
            job.trace.end()

    def _start(self, job: Job) -> float:
        self._begin_trace(job)
        job.started_at = self._clock.now()
        job.running_since = time.monotonic()
        return job.running_since

    def _end(self, job: Job, started: float) -> None:
        job.seconds = time.monotonic() - started
        job.running_since = math.inf

    def _failed(self, job: Job, error: BaseException) -> Outcome:
        if job.trace is not None:
            job.trace.fail(error)
        return decide(self._spec.retry, self._spec.rules, job.attempt, error)

    def _check_has_run(self, result: object) -> None:
        """Refuse to take a handler for done that only returned what was to be run, as a plain `def` around one does."""
        if result is not None and isinstance(result, (Coroutine, Generator, AsyncGenerator)):
            if not isinstance(result, AsyncGenerator):
                result.close()
            raise HandlerSignatureError(
                f"handler {self._spec.handler.name} returned a {type(result).__name__} that nobody runs; await it, or "
                f"write the handler and what wraps it as async def"
            )

    def _arguments(self, job: Job) -> dict[str, Any]:
        if not self._wants_delivery:
            return {}
        delivery = Delivery.of(
            job.incoming if isinstance(job.whole, WarrenError) else job.whole,
            queue=self._spec.queue.name,
            consumer=self._spec.name,
            message_id=job.message_id,
            message_type=job.message_type,
            version=job.message.__warren__.version if job.message is not None else 1,
            attempt=job.attempt,
        )
        return {name: delivery for name, wanted in self._spec.handler.wants if wanted is Wanted.DELIVERY}

    def _derived_id(self, incoming: Incoming) -> str:
        return derive_message_id(
            incoming.body,
            exchange=incoming.exchange,
            routing_key=incoming.routing_key,
            queue=self._spec.queue.name,
            salt=self._salt + incoming.generation.to_bytes(8),
            tag=incoming.delivery_tag,
        )
