"""One running consumer: its channel, its pool, its stages, and the count of what is in flight.

Not here: several consumers and their connections (`worker.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from warren.claim_check.check import ClaimCheck
from warren.clock import Clock
from warren.contracts.incoming import Incoming
from warren.observability.events import EventBus
from warren.observability.readings import ConsumerReading
from warren.observability.tracing import UNTRACED, Consumption, Tracing
from warren.reliability.dead_letter import Redact
from warren.reliability.idempotency import IdempotencyStore, TransactionalStore
from warren.reliability.outcome import Defer, Outcome
from warren.reliability.work import WorkStore
from warren.transport.connection import Connection
from warren.transport.consumer import ConsumerChannel, Subscription, SubscriptionState
from warren.transport.publisher import PublishChannel
from warren.worker.bodies import BodyStage
from warren.worker.claims import ClaimStages
from warren.worker.job import Job
from warren.worker.patience import until_answered
from warren.worker.pools import AsyncPool, Pool, ThreadPool
from warren.worker.process import Processor
from warren.worker.settle import Settler
from warren.worker.spec import ConsumerSpec
from warren.worker.statuses import StatusStages

__all__ = ["ConsumerRuntime", "Surroundings"]

_log = logging.getLogger("warren.worker")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every consumer of a worker shares. `on_late` asks for this process to be replaced."""

    connection: Connection
    copies: PublishChannel
    clock: Clock
    bus: EventBus
    store: IdempotencyStore | None
    lease: float
    on_late: Callable[[str], None]
    on_queue_missing: Callable[[], None]
    code_version: str | None = None
    redact: Redact | None = None
    tracing: Tracing = UNTRACED
    open_work: Callable[[], WorkStore] | None = None  # None: the status of offloaded work is not kept
    claim_check: ClaimCheck | None = None


class ConsumerRuntime:
    """Deliveries of one consumer from the channel through claim, handler and settling."""

    def __init__(self, spec: ConsumerSpec, around: Surroundings) -> None:
        self.spec = spec
        self._around = around
        self._flight: dict[Job, float] = {}  # delivered here and not settled, with when it came (monotonic), in order
        self._lock = threading.Condition()
        self._stopping = threading.Event()
        connection = around.connection
        self.channel = ConsumerChannel(
            connection,
            Subscription(spec.queue.name, spec.name, spec.prefetch, arguments=spec.consumer_arguments),
            on_deliveries=self._on_deliveries,
            on_queue_missing=around.on_queue_missing,
        )
        consumption = Consumption(spec.queue.name, spec.contracts.routes, hides_errors=around.redact is not None)
        tracer = around.tracing.consumer(consumption, lambda: connection.host)
        self._processor = Processor(spec, clock=around.clock, bus=around.bus, tracer=tracer)
        self._settler = Settler(
            spec,
            channel=self.channel,
            copies=around.copies,
            clock=around.clock,
            bus=around.bus,
            on_settled=self._on_settled,
            on_queue_missing=around.on_queue_missing,
            call_later=connection.io.post_later,
            lag=self._processor.lag,
            code_version=around.code_version,
            redact=around.redact,
            tracer=tracer,
            frame_max=lambda: connection.frame_max,
        )
        self._stages: ClaimStages | None = None
        self._pool = self._new_pool()
        self._statuses: StatusStages | None = None
        if around.open_work is not None:
            self._statuses = StatusStages(
                spec,
                around.open_work,
                clock=around.clock,
                redact=around.redact,
                run=self._pool.submit,
                settle=self._settle_first,
                leave=self._leave,
                drop=self._drop,
            )
        self._run = self._pool.submit if self._statuses is None else self._statuses.submit
        self._settle_recorded = self._settle_first if self._statuses is None else self._statuses.finish
        if spec.idempotency is not None and not spec.has_inbox and around.store is not None:
            self._stages = ClaimStages(
                spec,
                around.store,
                lease=around.lease,
                prepare=self._prepare,
                run=self._run,
                settle=self._settle_recorded,
                drop=self._drop,
            )
        self._bodies: BodyStage | None = None
        if around.claim_check is not None:
            self._bodies = BodyStage(
                spec,
                around.claim_check,
                clock=around.clock,
                is_current=self.channel.is_current,
                pass_on=self._begin,
                drop=self._drop,
            )

    def __repr__(self) -> str:
        return f"<ConsumerRuntime {self.spec.name}, {self.in_flight} in flight>"

    def start(self) -> None:
        """Subscribe."""
        self.channel.start()

    @property
    def is_ready(self) -> bool:
        """Whether the consumer is subscribed."""
        return self.channel.state is SubscriptionState.SUBSCRIBED

    @property
    def in_flight(self) -> int:
        """How many deliveries are here and not settled."""
        return len(self._flight)

    def reading(self) -> ConsumerReading:
        """Tell how the consumer is now."""
        with self._lock:
            oldest = next(iter(self._flight.values()), None)
            in_flight = len(self._flight)
        age = 0.0 if oldest is None else time.monotonic() - oldest
        return ConsumerReading(self.spec.queue.name, self.spec.name, self.spec.prefetch, self.is_ready, in_flight, age)

    # -- deliveries in: I/O thread ------------------------------------------------------------

    def _on_deliveries(self, batch: list[Incoming]) -> None:
        if self._stopping.is_set():
            return  # unacknowledged: closing the channel requeues them
        jobs = [Job(incoming) for incoming in batch]
        with self._lock:
            self._flight.update(dict.fromkeys(jobs, time.monotonic()))
        if self._bodies is not None:
            self._bodies.submit(jobs)
        else:
            self._begin(jobs)

    def _begin(self, jobs: Sequence[Job]) -> None:
        if self._stages is not None:
            self._stages.submit(jobs)
        else:
            self._run(jobs)

    # -- the handler: pool threads, or the pool's loop ----------------------------------------

    def _new_pool(self) -> Pool:
        spec = self.spec
        if spec.handler.is_async:
            return AsyncPool(
                spec.name,
                tasks=spec.concurrency,
                handle=self._handle_async,
                time_limit=spec.time_limit,
                on_late=self._on_late,
            )
        return ThreadPool(
            spec.name,
            threads=spec.concurrency,
            handle=self._handle,
            time_limit=spec.time_limit,
            on_late=self._on_late,
        )

    def _handle(self, job: Job) -> None:
        outcome = self._before_handler(job)
        if outcome is None:
            outcome = self._run_with_inbox(job) if self.spec.has_inbox else self._processor.run(job)
        if outcome is not None:
            self._finish(job, outcome)

    async def _handle_async(self, job: Job) -> None:
        outcome = self._before_handler(job)
        if outcome is None:
            outcome = await self._processor.run_async(job)
        self._finish(job, outcome)

    def _before_handler(self, job: Job) -> Outcome | None:
        return self._prepare(job) if self._stages is None else self._if_lost(job)

    def _prepare(self, job: Job) -> Outcome | None:
        return self._if_lost(job) or self._processor.prepare(job)

    def _if_lost(self, job: Job) -> Outcome | None:
        """Begin nothing that the broker delivers again: while connections come and go, it would pile up and run twice.

        Settling a deferral gives its claim back, and drops what belongs to a former channel.
        """
        return None if self.channel.is_current(job.incoming) else Defer(self.spec.defer_delay)

    def _run_with_inbox(self, job: Job) -> Outcome | None:
        """Run until the store answers; None where the worker stops first: the delivery stays unacknowledged."""
        store = cast("TransactionalStore", self._around.store)  # checked at start-up
        outcome = until_answered(
            # Not once more where its time was up before the commit failed.
            lambda: None if job.taken else self._processor.run_in_transaction(job, store),
            consumer=self.spec.name,
            given_up=self._stopping,
        )
        if outcome is None and job.take():
            self._on_settled(job)
        return outcome

    def _finish(self, job: Job, outcome: Outcome) -> None:
        if not job.take():
            return  # its time was up, and its outcome decided
        if self._stages is not None:
            self._stages.finish(job, outcome)
        else:
            self._settle_recorded(job, outcome)

    def _settle_first(self, job: Job, outcome: Outcome) -> None:
        """Settle what the stages let through: decided by them, or recorded where that is wanted."""
        job.taken = True
        self._settle(job, outcome)

    def _settle(self, job: Job, outcome: Outcome) -> None:
        try:
            self._settler.settle(job, outcome)
        except Exception:  # a fault of ours; it must not cost the other deliveries the thread that settles them
            _log.exception("message %s stays unacknowledged: settling it failed", job.message_id)
            self._drop([job])

    def _on_late(self, job: Job) -> None:
        if not job.take():
            return
        # The claim is kept: the handler still runs, and its lease ends with this process.
        self._settle_recorded(job, self._processor.timed_out(job))
        self._around.on_late(f"a handler of {self.spec.name} ran longer than {self.spec.time_limit:g} s")

    # -- settled: any thread ------------------------------------------------------------------

    def _on_settled(self, job: Job) -> None:
        self._drop([job])

    def _drop(self, jobs: Sequence[Job]) -> None:
        """Be done with deliveries; what was not acknowledged by now is redelivered."""
        with self._lock:
            for job in jobs:
                self._flight.pop(job, None)
            if not self._flight:
                self._lock.notify_all()

    # -- shutdown -----------------------------------------------------------------------------

    def cancel(self, on_cancelled: Callable[[], None]) -> None:
        """Stop deliveries; `on_cancelled` is called once the broker agreed."""
        self.channel.cancel(on_cancelled)

    def drop_unstarted(self) -> None:
        """Leave what no handler has begun unacknowledged, and give its claims back."""
        self._stopping.set()
        if self._bodies is not None:
            self._bodies.stop()
        if self._stages is not None:
            self._stages.stop()
        if self._statuses is not None:
            self._statuses.stop()
        self._leave(self._pool.stop())

    def _leave(self, jobs: Sequence[Job]) -> None:
        """Leave jobs unacknowledged that no handler has begun, and give their claims back."""
        if self._stages is not None:
            self._stages.release(jobs)
        else:
            self._drop(jobs)

    def wait_settled(self, timeout: float) -> bool:
        """Wait until nothing is in flight, at most `timeout` seconds."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._flight, timeout)

    def finish(self) -> None:
        """Settle no more; what is unfinished stays unacknowledged. The last acks are on their way."""
        self._settler.close()
        if self._stages is not None:
            self._stages.close()
        if self._statuses is not None:
            self._statuses.close()

    def close(self) -> None:
        """Close the channel and let go of the handlers."""
        self.channel.close()
        self._pool.abandon()
