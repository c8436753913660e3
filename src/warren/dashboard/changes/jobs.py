"""Changes under way: each on a thread and a connection of its own, one at a time a queue, written down.

Not here: what is done (`replay.py`, `discard.py`), and the file it is written to (`audit.py`).

Theory of operation. A job is begun by its line in the audit log: where that cannot be written, nothing is changed. Then
it waits for its turn with the queue, works, and ends as one of `Outcome`; the line that says so is written before
anyone is shown that it has ended. Asked to stop, it gives back what it holds. Where the dashboard ends and a job does
not within some seconds, the connection ends with the process, and the broker takes back what was not acknowledged.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, final

from warren.contracts.rejection import one_line
from warren.dashboard.changes.audit import AuditLog
from warren.dashboard.changes.choice import Choice
from warren.dashboard.changes.records import Action, Outcome, Record, Result
from warren.dashboard.turns import Turns
from warren.errors import WarrenError
from warren.operations.halt import Halt
from warren.operations.outcomes import Outcomes
from warren.operations.tally import Tally
from warren.transport.connection import Connection

__all__ = ["Ended", "Job", "Jobs", "Task"]

_MOST: Final = 8  # at a time
_REMEMBERED: Final = 50  # of those that have ended
_ENOUGH: Final = 2.5  # seconds for all to stop at the end

_log = logging.getLogger("warren.dashboard")


@final
@dataclass(frozen=True, slots=True)
class Ended:
    """How work ended that came to its end: `outcome` is DONE, STOPPED, or FAILED where nothing could be taken."""

    outcome: Outcome
    detail: str = ""


@final
@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """One change. Its thread writes, and everybody may read: `tally` counts on while it goes on."""

    record: Record
    choice: Choice
    tally: Tally = field(default_factory=Tally)
    halt: Halt = field(default_factory=Halt)
    outcomes: Outcomes | None = None  # while it goes on
    is_waiting: bool = True  # for its turn, and for its connection
    file: str = ""  # what keeps what was discarded
    remarks: tuple[str, ...] = ()
    result: Result | None = None  # set last of all
    _heard: tuple[int, int] = (0, 0)

    @property
    def is_running(self) -> bool:
        return self.result is None

    @property
    def died(self) -> int:
        """How many of the messages sent back have died again, as far as that was heard."""
        outcomes = self.outcomes
        return self._heard[0] if outcomes is None else len(outcomes.died)

    @property
    def succeeded(self) -> int:
        """How many of the canary's messages succeeded."""
        outcomes = self.outcomes
        return self._heard[1] if outcomes is None else len(outcomes.acked)

    def close(self, result: Result) -> None:
        """Show how it ended, and keep no more than is shown: jobs are remembered."""
        self._heard = self.died, self.succeeded
        self.outcomes = None
        self.halt.forget()
        self.result = result

    @property
    def version(self) -> tuple[object, ...]:
        """What changes with everything there is to show."""
        tally = self.tally
        told = (tally.total, tally.seen, tally.done, self.died, self.succeeded, len(self.remarks))
        return (self.record.id, self.is_waiting, self.halt.reason, self.result is None, *told)


Work = Callable[[Connection, Job], Ended]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be done, to which messages, as whom and why. `options` are for the audit log."""

    action: Action
    choice: Choice
    who: str
    why: str
    work: Work
    options: dict[str, Any] = field(default_factory=dict)


@final
class Jobs:
    """All changes of one dashboard; `on_end` is told of a queue whose change has ended.

    Safe to use from any thread but the event loop's: `begin` waits for the disk."""

    def __init__(
        self,
        log: AuditLog,
        turns: Turns,
        connect: Callable[[str], AbstractContextManager[Connection]],
        *,
        on_end: Callable[[str], None] = lambda _queue: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._on_end = on_end
        self._turns = turns
        self._connect = connect
        self._now = now
        self._lock = threading.Lock()
        # Below: under the lock.
        self._running: dict[str, tuple[Job, threading.Thread]] = {}  # by queue
        self._ended: deque[Job] = deque(maxlen=_REMEMBERED)
        self._closing: set[Job] = set()  # those whose end is being written
        self._is_ending = False

    def begin(self, task: Task) -> Job:
        """Write down what is to be done, and begin it.

        Raises `WarrenError`, and nothing is changed: where somebody changes the same queue, or the audit log cannot be
        written.
        """
        record = Record(
            id=secrets.token_hex(8),
            at=self._now(),
            who=task.who,
            action=task.action,
            queue=task.choice.queue,
            which=task.choice.as_json(),
            options=task.options,
            why=task.why,
        )
        job = Job(record=record, choice=task.choice)
        name = f"warren-dashboard-{task.action}"
        thread = threading.Thread(target=self._run, args=(job, task.work), name=name, daemon=True)
        with self._lock:
            self._check(job)
            self._running[record.queue] = (job, thread)
        try:
            self._log.write(record.intent())
            thread.start()
        except BaseException as error:
            with self._lock:
                self._running.pop(record.queue, None)
            if isinstance(error, WarrenError):
                raise
            raise WarrenError(f"nothing was changed: {error}") from error
        return job

    def all(self, queue: str | None = None) -> list[Job]:
        """Return the jobs that run and the last that have ended, the newest first; of one queue if it is named."""
        with self._lock:
            found = [*self._ended, *(job for job, _ in self._running.values())]
        found = [job for job in found if queue is None or job.choice.queue == queue]
        return sorted(found, key=lambda job: job.record.at, reverse=True)

    def check_free(self, queue: str) -> None:
        """Raise `WarrenError` where somebody changes a queue, with who does."""
        job = self.running_on(queue)
        if job is not None:
            raise WarrenError(_busy(job))

    def running_on(self, queue: str) -> Job | None:
        """Return the job that changes a queue now."""
        with self._lock:
            entry = self._running.get(queue)
        return None if entry is None else entry[0]

    def cancel(self, name: str, who: str) -> bool:
        """Ask a job to stop, as `who`; False where it does not run any more."""
        with self._lock:
            jobs = [job for job, _ in self._running.values() if job.record.id == name]
        for job in jobs:
            job.halt.ask(f"cancelled by {who}")
        return bool(jobs)

    def stop(self) -> None:
        """Stop all, and begin no more. What does not end within some seconds is written down as interrupted."""
        with self._lock:
            self._is_ending = True
            running = list(self._running.values())
        for job, _ in running:
            job.halt.ask("the dashboard ended")
        give_up_at = time.monotonic() + _ENOUGH
        for job, thread in running:
            if thread.is_alive():
                thread.join(max(0.0, give_up_at - time.monotonic()))
            self._end(job, Ended(Outcome.INTERRUPTED, "the dashboard ended"))

    def _check(self, job: Job) -> None:
        if self._is_ending:
            raise WarrenError("the dashboard is ending; nothing was changed")
        other = self._running.get(job.choice.queue)
        if other is not None:
            raise WarrenError(_busy(other[0]))
        if len(self._running) >= _MOST:
            raise WarrenError(f"{_MOST} changes are under way; wait for one of them")

    # -- a job's own thread -----------------------------------------------------------------

    def _run(self, job: Job, work: Work) -> None:
        self._end(job, self._done(job, work))

    def _done(self, job: Job, work: Work) -> Ended:
        record = job.record
        what = f"the {record.action} by {record.who}"
        try:
            with (
                self._turns.take(record.queue, what, halt=job.halt),
                self._connect(f"warren dashboard: {what}") as connection,
            ):
                job.is_waiting = False
                ended = work(connection, job)
        except WarrenError as error:
            if job.is_waiting and self._turns.is_over:
                return Ended(Outcome.INTERRUPTED, "the dashboard ended")
            is_stopped = job.is_waiting and job.halt.reason is not None
            return self._stopped(job) if is_stopped else Ended(Outcome.FAILED, one_line(str(error)))
        except Exception as error:
            _log.exception("a change failed")
            return Ended(Outcome.FAILED, f"a fault in the dashboard: {type(error).__name__}; its log has more")
        return ended if job.halt.reason is None else self._stopped(job)

    def _stopped(self, job: Job) -> Ended:
        return Ended(Outcome.INTERRUPTED if self._is_ending else Outcome.CANCELLED, job.halt.reason or "")

    def _end(self, job: Job, ended: Ended) -> None:
        """Write down how it ended, and then show it; whoever comes first does."""
        with self._lock:
            if job in self._closing or job.result is not None:
                return
            self._closing.add(job)
        result = Result(
            outcome=ended.outcome,
            done=job.tally.done,
            of=job.tally.total,
            died=job.died,
            detail=ended.detail,
            file=job.file,
            at=self._now(),
        )
        try:
            self._log.write(job.record.end(result))
        except WarrenError as error:
            _log.error("%s; it misses that the %s %s ended: %s", error, job.record.action, job.record.id, result)
            job.remarks += (f"the result is missing in the audit log: {error}",)
        with self._lock:
            job.close(result)
            self._running.pop(job.record.queue, None)
            self._closing.discard(job)
            self._ended.append(job)
        self._on_end(job.choice.queue)


def _busy(job: Job) -> str:
    what = "an edit" if job.record.action is Action.EDIT else f"a {job.record.action}"
    return f"{job.record.who} has {what} under way on {job.record.queue}; wait for it, or cancel it"
