"""Claims in batches, before handlers and after them. Batching emerges from load: there is no timer.

Not here: the stores (`reliability/stores/`), or what a claim means (`reliability/idempotency.py`).

Theory of operation. Three threads beside the handlers: one claims what has arrived since its last call to the store,
one marks done (or releases) what has finished meanwhile and only then lets it be settled, one renews the leases of what
is still held. While the store does not answer, both ends wait with back-off: nothing is charged to a message, and
nothing is settled that is not recorded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Final

from warren.errors import StoreUnavailable
from warren.reliability.idempotency import Claim, Done, IdempotencyStore, InProgress
from warren.reliability.outcome import Ack, Defer, Outcome
from warren.worker.batches import ask, batch
from warren.worker.job import Job
from warren.worker.patience import until_answered
from warren.worker.spec import ConsumerSpec, Idempotency

__all__ = ["ClaimStages"]

PATIENCE: Final = 5.0  # seconds a stop waits for the store

_log = logging.getLogger("warren.worker")


class ClaimStages:
    """The stages around the handlers of one idempotent consumer.

    `prepare` decodes a job (an outcome if that fails), `run` passes claimed jobs to the handlers, `settle` carries out
    an outcome, `drop` leaves jobs unacknowledged.
    """

    def __init__(
        self,
        spec: ConsumerSpec,
        store: IdempotencyStore,
        *,
        lease: float,
        prepare: Callable[[Job], Outcome | None],
        run: Callable[[Sequence[Job]], None],
        settle: Callable[[Job, Outcome], None],
        drop: Callable[[Sequence[Job]], None],
    ) -> None:
        self._spec = spec
        self._store = store
        self._lease = lease
        self._window = (spec.idempotency or Idempotency()).window
        self._prepare = prepare
        self._run = run
        self._settle = settle
        self._drop = drop
        self._arrived: SimpleQueue[Job | None] = SimpleQueue()
        self._finished: SimpleQueue[tuple[Job, Outcome] | None] = SimpleQueue()
        self._held: dict[int, Claim] = {}  # by id of the job
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"{spec.name}-{name}", daemon=True)
            for name, target in (("claim", self._claim), ("finish", self._finish), ("renew", self._renew))
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take deliveries on; from any thread."""
        put = self._arrived.put
        for job in jobs:
            put(job)

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Record what became of a claimed job, then settle it; from any thread."""
        self._finished.put((job, outcome))

    def stop(self) -> None:
        """Claim no more; what is not claimed is dropped."""
        self._stopping.set()
        self._arrived.put(None)
        self._threads[0].join(PATIENCE)

    def release(self, jobs: Sequence[Job]) -> None:
        """Drop jobs that were not started, and give back their claims."""
        for job in jobs:
            self._held.pop(id(job), None)
        self._give_back([job.claim for job in jobs if job.claim is not None])
        self._drop(jobs)

    def _give_back(self, claims: Sequence[Claim]) -> None:
        if claims:
            try:
                ask(self._store.release_many, claims)
            except StoreUnavailable as error:
                _log.warning("%d claims are not released and end with their lease: %s", len(claims), error)

    def close(self) -> None:
        """End the threads; what is finished by now is settled first."""
        self._stopping.set()
        self._finished.put(None)
        self._threads[1].join(PATIENCE)
        self._ended.set()

    # -- before the handler -----------------------------------------------------------------

    def _claim(self) -> None:
        while (jobs := batch(self._arrived)) is not None:
            if self._stopping.is_set():
                self._drop(jobs)
                continue
            fitting = []
            for job in jobs:
                failure = self._prepare(job)
                if failure is None:
                    fitting.append(job)
                else:
                    self._settle(job, failure)
            if fitting:
                self._claim_batch(fitting)

    def _claim_batch(self, jobs: list[Job]) -> None:
        keys = [job.key for job in jobs]
        results = until_answered(
            lambda: ask(self._store.claim_many, self._spec.name, keys, lease=self._lease),
            consumer=self._spec.name,
            given_up=self._stopping,
        )
        if results is None or self._stopping.is_set():
            # The handlers may be stopped by now, so nothing more is passed to them.
            self._give_back([result for result in results or () if isinstance(result, Claim)])
            self._drop(jobs)
            return
        claimed = []
        for job, result in zip(jobs, results, strict=True):
            match result:
                case Claim():
                    job.claim = result
                    self._held[id(job)] = result
                    claimed.append(job)
                case Done():
                    job.is_duplicate = True
                    self._settle(job, Ack())
                case InProgress():
                    self._settle(job, Defer(self._spec.defer_delay))
        if claimed:
            self._run(claimed)

    # -- after the handler ------------------------------------------------------------------

    def _finish(self) -> None:
        while (finished := batch(self._finished)) is not None:
            done = [job.claim for job, outcome in finished if isinstance(outcome, Ack) and job.claim is not None]
            failed = [job.claim for job, outcome in finished if not isinstance(outcome, Ack) and job.claim is not None]
            until_answered(partial(self._record, done, failed), consumer=self._spec.name, given_up=self._ended)
            if self._ended.is_set():
                return
            for job, outcome in finished:
                self._held.pop(id(job), None)
                self._settle(job, outcome)

    def _record(self, done: list[Claim], failed: list[Claim]) -> None:
        # Refused where another holder took over: that one has the message too, and settles its own delivery.
        if done:
            ask(self._store.done_many, done, window=self._window)
        if failed:
            ask(self._store.release_many, failed)

    def _renew(self) -> None:
        while not self._ended.wait(self._lease / 3):
            claims = list(self._held.values())
            if claims:
                try:
                    ask(self._store.renew_many, claims, lease=self._lease)
                except StoreUnavailable as error:
                    _log.warning("the leases of %d claims are not renewed: %s", len(claims), error)
