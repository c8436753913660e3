"""The status of offloaded work, written before its handler and after it.

Not here: what may overwrite what (`reliability/work.py`), who accepts work (`integrations/fastapi/`).

Theory of operation. Two threads beside the handlers, started with the first piece of work: one writes "processing"
of what has arrived, and only then passes it to the handlers; one writes "done" and "failed" of what has ended, and only
then lets it be settled. So there is no acknowledged work without its end in the store. While the store does not answer
both wait: nothing is charged to a message. Claims come first: what is a duplicate never gets here before its handler.

Other messages pass without a detour, unless the consumer handles one message at a time: from the first work on all go
through the first thread there, so that none is overtaken.

"failed" is written before the dead letter is sent. A worker that dies between the two leaves a message that the broker
delivers again: it is handled once more, and may be done after all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Final

from warren.clock import Clock
from warren.contracts.headers import WORK_KEPT, attempt_of, replays_of, work_accepted_at_of, work_kept_of
from warren.reliability.dead_letter import Redact, told_type
from warren.reliability.outcome import Ack, DeadLetter, Outcome
from warren.reliability.work import Mark, WorkState, WorkStatus, WorkStore, position_of
from warren.worker.batches import ask, batch
from warren.worker.job import Job
from warren.worker.patience import until_answered
from warren.worker.spec import ConsumerSpec

__all__ = ["StatusStages"]

PATIENCE: Final = 5.0  # seconds a stop waits for the store

_log = logging.getLogger("warren.worker")


class StatusStages:
    """The stages around the handlers of one consumer.

    `open_work` returns the store; it is asked with the first piece of work. `run` passes jobs to the handlers, `settle`
    carries out an outcome. Both `leave` and `drop` leave jobs unacknowledged: those that no handler has begun, whose
    claims are given back, and those that have ended.
    """

    def __init__(
        self,
        spec: ConsumerSpec,
        open_work: Callable[[], WorkStore],
        *,
        clock: Clock,
        redact: Redact | None,
        run: Callable[[Sequence[Job]], None],
        settle: Callable[[Job, Outcome], None],
        leave: Callable[[Sequence[Job]], None],
        drop: Callable[[Sequence[Job]], None],
    ) -> None:
        self._spec = spec
        self._open_work = open_work
        self._clock = clock
        self._redact = redact
        self._run = run
        self._settle = settle
        self._leave = leave
        self._drop = drop
        self._arrived: SimpleQueue[Job | None] = SimpleQueue()
        self._ended_jobs: SimpleQueue[tuple[Job, Outcome] | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._keeps_order = spec.concurrency == 1

    def submit(self, jobs: Sequence[Job]) -> None:
        """Pass jobs on to the handlers, offloaded work once it is said to be processing; from any thread."""
        waiting: Sequence[Job] = [job for job in jobs if _kept(job) is not None]
        at_once: Sequence[Job] = [job for job in jobs if _kept(job) is None] if waiting else jobs
        if self._keeps_order and (waiting or self._threads):
            at_once, waiting = (), jobs
        if at_once:
            self._run(at_once)
        if waiting and self._has_started(waiting, self._leave):
            for job in waiting:
                self._arrived.put(job)

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Settle a job, once its end is written where it is offloaded work; from any thread."""
        if isinstance(outcome, Ack | DeadLetter) and _kept(job) is not None:
            if self._has_started([job], self._drop):
                self._ended_jobs.put((job, outcome))
        else:
            self._settle(job, outcome)

    def stop(self) -> None:
        """Begin no more; what waits for the store is left."""
        self._stopping.set()
        self._arrived.put(None)
        for thread in self._threads[:1]:
            thread.join(PATIENCE)

    def close(self) -> None:
        """End the threads; what has ended by now is settled first."""
        self._stopping.set()
        self._ended_jobs.put(None)
        for thread in self._threads[1:]:
            thread.join(PATIENCE)
        self._over.set()

    def _has_started(self, jobs: Sequence[Job], leave: Callable[[Sequence[Job]], None]) -> bool:
        """Start the threads; where that fails leave the jobs, and the next ones try again."""
        try:
            self._start()
        except RuntimeError:
            _log.exception("%s: no thread can be started that would write their status", _stay(jobs))
            leave(jobs)
            return False
        return True

    def _start(self) -> None:
        stages = (("begin-work", self._begin), ("end-work", self._end))
        if len(self._threads) == len(stages):
            return
        with self._starting:
            for name, target in stages[len(self._threads) :]:
                thread = threading.Thread(target=target, name=f"{self._spec.name}-{name}", daemon=True)
                thread.start()
                self._threads.append(thread)

    # -- before the handler -----------------------------------------------------------------

    def _begin(self) -> None:
        while (jobs := batch(self._arrived)) is not None:
            try:
                self._begin_batch(jobs)
            except BaseException:  # whatever it is, the thread is needed for the next batch
                _log.exception("%s: their begin could not be written", _stay(jobs))
                self._leave(jobs)

    def _begin_batch(self, jobs: list[Job]) -> None:
        marks = [self._processing(job) for job in jobs if _kept(job) is not None]
        written = not marks or self._write(marks, given_up=self._stopping)
        if written and not self._stopping.is_set():
            self._run(jobs)
        else:
            self._leave(jobs)

    def _processing(self, job: Job) -> Mark:
        attempt = attempt_of(job.incoming.properties)
        return self._mark(job, WorkState.PROCESSING, attempt, started_at=self._clock.now())

    # -- after the handler ------------------------------------------------------------------

    def _end(self) -> None:
        while (ended := batch(self._ended_jobs)) is not None:
            try:
                self._end_batch(ended)
            except BaseException:  # likewise; what is not written is not settled
                jobs = [job for job, _ in ended]
                _log.exception("%s: their end could not be written", _stay(jobs))
                self._drop(jobs)

    def _end_batch(self, ended: list[tuple[Job, Outcome]]) -> None:
        marks = [self._final(job, outcome) for job, outcome in ended]
        if self._write(marks, given_up=self._over):
            for job, outcome in ended:
                self._settle(job, outcome)

    def _final(self, job: Job, outcome: Outcome) -> Mark:
        started_at, ended_at = job.started_at or None, self._clock.now()
        if isinstance(outcome, DeadLetter):
            return self._mark(
                job,
                WorkState.FAILED,
                job.attempt,
                started_at=started_at,
                ended_at=ended_at,
                reason=outcome.reason.value,
                error_type=told_type(outcome.error, self._redact),
            )
        return self._mark(job, WorkState.DONE, job.attempt, started_at=started_at, ended_at=ended_at)

    # -- both -------------------------------------------------------------------------------

    def _mark(
        self,
        job: Job,
        state: WorkState,
        attempt: int,
        *,
        started_at: float | None,
        ended_at: float | None = None,
        reason: str = "",
        error_type: str = "",
    ) -> Mark:
        properties = job.incoming.properties
        status = WorkStatus(
            id=properties.message_id or "",
            state=state,
            accepted_at=work_accepted_at_of(properties),
            started_at=started_at,
            ended_at=ended_at,
            attempts=attempt,
            reason=reason,
            error_type=error_type,
        )
        position = position_of(state, attempt=attempt, replays=replays_of(properties.headers))
        return Mark(status, position, work_kept_of(properties) or 0.0, self._spec.name)

    def _write(self, marks: list[Mark], *, given_up: threading.Event) -> bool:
        def write() -> bool:
            ask(ask(self._open_work).mark_many, marks)
            return True

        return until_answered(write, consumer=self._spec.name, given_up=given_up) is True


def _kept(job: Job) -> float | None:
    properties = job.incoming.properties
    return work_kept_of(properties) if WORK_KEPT in properties.headers else None


def _stay(jobs: Sequence[Job]) -> str:
    return f"messages {', '.join(job.message_id for job in jobs)} stay unacknowledged"
