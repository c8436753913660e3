"""Bodies that are in a store, fetched before their messages go on: off the I/O thread and off the handlers' loop.

Not here: fetching one and verifying it (`claim_check/check.py`), or what follows from a failure (`process.py`).

Theory of operation. A message with a reference waits here for its body; the others go on at once, unless the consumer
handles one message at a time: there all go through one thread, so that none is overtaken. A body that is missing or was
changed goes on as a failure, which is charged to its message. While the store does not answer it is asked again, with
back-off: nothing is charged, and the message stays with the broker, unacknowledged. A minute later that is a failure
too, since one body the store refuses for ever must not keep all the others from being handled.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from warren.claim_check.check import ClaimCheck
from warren.claim_check.reference import is_reference
from warren.claim_check.threads import MOST, ThreadsOnDemand
from warren.clock import Clock
from warren.contracts.incoming import Incoming
from warren.errors import BodyMissing, ContractError, StoreUnavailable, WarrenError
from warren.worker.job import Job
from warren.worker.patience import until_answered
from warren.worker.spec import ConsumerSpec

__all__ = ["BodyStage"]

PATIENCE: Final = 60.0  # seconds until a store that does not answer is charged to a message

_log = logging.getLogger("warren.worker")


class BodyStage:
    """The stage between a channel and what follows it. `is_current` tells whether a delivery can still be settled.

    `pass_on` takes jobs that are ready, `drop` leaves them unacknowledged; neither blocks.
    """

    def __init__(
        self,
        spec: ConsumerSpec,
        claim_check: ClaimCheck,
        *,
        clock: Clock,
        is_current: Callable[[Incoming], bool],
        pass_on: Callable[[Sequence[Job]], None],
        drop: Callable[[Sequence[Job]], None],
    ) -> None:
        self._spec = spec
        self._claim_check = claim_check
        self._clock = clock
        self._is_current = is_current
        self._pass_on = pass_on
        self._drop = drop
        self._keeps_order = spec.concurrency == 1
        self._threads = ThreadsOnDemand(f"{spec.name}-bodies", most=1 if self._keeps_order else MOST)
        self._stopping = threading.Event()
        self._waiting: set[Job] = set()
        self._lock = threading.Lock()  # what is passed on is not dropped, and the other way round

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take deliveries on, in order. I/O thread; never blocks."""
        waiting: Sequence[Job] = [job for job in jobs if is_reference(job.incoming.properties)]
        at_once: Sequence[Job] = [job for job in jobs if not is_reference(job.incoming.properties)] if waiting else jobs
        if self._keeps_order and (waiting or not self._threads.is_idle):
            at_once, waiting = (), jobs
        with self._lock:
            self._waiting.update(waiting)
        for job in waiting:
            try:
                self._threads.submit(partial(self._fetch, job))
            except StoreUnavailable as error:  # no thread: a failure like any other, or nobody would take it up again
                self._go_on(job, error if is_reference(job.incoming.properties) else job.incoming)
        if at_once:
            self._pass_on(at_once)

    def stop(self) -> None:
        """Pass nothing on any more: what waits for its body is dropped, also where the store hangs."""
        with self._lock:
            self._stopping.set()
            unfetched, self._waiting = self._waiting, set()
        self._drop(list(unfetched))

    def _fetch(self, job: Job) -> None:
        whole_or_why_not = partial(self._whole, job.incoming, charged_at=self._clock.monotonic() + PATIENCE)
        try:
            whole = until_answered(whole_or_why_not, consumer=self._spec.name, given_up=self._stopping)
        except BaseException:  # a fault of ours; the broker has the message still
            _log.exception("message %s stays unacknowledged: its body could not be fetched", job.message_id)
            whole = None
        self._go_on(job, whole)

    def _go_on(self, job: Job, whole: Incoming | WarrenError | None) -> None:
        with self._lock:
            is_wanted = job in self._waiting and not self._stopping.is_set()
            self._waiting.discard(job)
            if is_wanted and whole is not None:
                job.whole = whole
                self._pass_on([job])
                return
        self._drop([job])

    def _whole(self, incoming: Incoming, *, charged_at: float) -> Incoming | WarrenError:
        if not is_reference(incoming.properties) or not self._is_current(incoming):
            return incoming  # what the broker delivers again is dropped by the next stage
        try:
            return self._claim_check.check_out(incoming, max_body=self._spec.contracts.max_body)
        except (BodyMissing, ContractError) as error:
            return error
        except StoreUnavailable as error:
            if self._clock.monotonic() < charged_at:
                raise
            return error
