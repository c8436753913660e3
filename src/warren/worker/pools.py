"""Where handlers run: a pool of threads for `def`, an event loop of its own for `async def`. Never the I/O thread.

Not here: what a handler is given and what follows from its outcome (`process.py`, `settle.py`).
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol

from warren.worker.job import Job

__all__ = ["AsyncPool", "Pool", "ThreadPool"]

_log = logging.getLogger("warren.worker")


class Pool(Protocol):
    """Runs jobs. `submit` never blocks; jobs start in order."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs on."""

    def stop(self) -> list[Job]:
        """Start no more jobs; return those that were not started."""

    def abandon(self) -> None:
        """Give up what still runs."""


class ThreadPool:
    """Threads that run `handle(job)`, which must not raise.

    A thread cannot be interrupted: a job that runs beyond `time_limit` seconds is reported to `on_late` once, and its
    thread is left to itself.
    """

    def __init__(
        self,
        name: str,
        *,
        threads: int,
        handle: Callable[[Job], None],
        time_limit: float | None = None,
        on_late: Callable[[Job], None] | None = None,
    ) -> None:
        self._handle = handle
        self._time_limit = time_limit
        self._on_late = on_late
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._running: dict[int, Job] = {}  # by thread number
        self._abandoned = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()
        if time_limit is not None and on_late is not None:
            threading.Thread(target=self._watch, name=f"{name}-watch", daemon=True).start()

    def submit(self, jobs: Sequence[Job]) -> None:
        put = self._jobs.put
        for job in jobs:
            put(job)

    def stop(self) -> list[Job]:
        unstarted = []
        with suppress(Empty):
            while True:  # the threads take from it too, so only taking tells what is there
                job = self._jobs.get_nowait()
                if job is not None:
                    unstarted.append(job)
        for _ in self._threads:
            self._jobs.put(None)
        return unstarted

    def abandon(self) -> None:
        """Threads are daemons: they end with the process."""
        self._abandoned.set()

    def overdue(self, now: float) -> list[Job]:
        """Return the jobs that have run too long at monotonic time `now`."""
        limit = self._time_limit
        if limit is None:
            return []
        return [job for job in list(self._running.values()) if now - job.running_since > limit]

    def _run(self, number: int) -> None:
        get, handle, running, clock = self._jobs.get, self._handle, self._running, time.monotonic
        while (job := get()) is not None:
            job.running_since = clock()
            running[number] = job
            try:
                handle(job)
            except BaseException:  # whatever it is, the thread is needed for the next job
                _log.exception("message %s stays unacknowledged: settling it failed", job.message_id)
            finally:
                del running[number]

    def _watch(self) -> None:
        interval = max(0.02, min(0.5, (self._time_limit or 1.0) / 5))
        reported: set[int] = set()
        while not self._abandoned.wait(interval):  # time limits hold during a shutdown too
            late = self.overdue(time.monotonic())
            for job in late:
                if id(job) not in reported and self._on_late is not None:
                    self._on_late(job)
            reported = set(map(id, late))


class AsyncPool:
    """An event loop on a thread of its own, with a bounded number of tasks that run `handle(job)`."""

    def __init__(self, name: str, *, tasks: int, handle: Callable[[Job], Awaitable[None]]) -> None:
        self._handle = handle
        self._tasks_wanted = tasks
        self._unstarted: asyncio.Queue[Job] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False
        self._finishing = False
        self._ended = False
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, jobs: Sequence[Job]) -> None:
        self._loop.call_soon_threadsafe(self._accept, jobs)

    def _accept(self, jobs: Sequence[Job]) -> None:
        if not self._stopped:
            for job in jobs:
                self._unstarted.put_nowait(job)

    def stop(self) -> list[Job]:
        drained: list[Job] = []
        done = threading.Event()

        def drain() -> None:
            self._stopped = True
            while not self._unstarted.empty():
                drained.append(self._unstarted.get_nowait())
            done.set()

        self._loop.call_soon_threadsafe(drain)
        done.wait(5.0)
        return drained

    def abandon(self) -> None:
        """Cancel what still runs, and end the loop."""
        self._loop.call_soon_threadsafe(self._finish)
        self._thread.join(5.0)

    def _finish(self) -> None:
        self._finishing = True
        for task in self._tasks:
            task.cancel()
        gathered = asyncio.gather(*self._tasks, return_exceptions=True)
        gathered.add_done_callback(self._end)

    def _end(self, _gathered: object) -> None:
        self._ended = True
        self._loop.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._tasks = [self._loop.create_task(self._serve()) for _ in range(self._tasks_wanted)]
        while not self._ended:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):  # by a task or callback of a handler's; a loop lets them through
                _log.exception("consumer %s goes on", self._thread.name)
        self._loop.close()

    async def _serve(self) -> None:
        while not self._finishing:
            try:
                await self._serve_next()
            except asyncio.CancelledError:
                pass  # by `_finish`, or by a handler that cancels all tasks it finds
            _clear_cancellation()

    async def _serve_next(self) -> None:
        job = await self._unstarted.get()
        try:
            await self._handle(job)
        except asyncio.CancelledError:
            raise
        except BaseException:  # whatever it is, the task is needed for the next job
            _log.exception("message %s stays unacknowledged: settling it failed", job.message_id)


def _clear_cancellation() -> None:
    """Forget that a handler cancelled the task it ran in: timeouts and task groups of the next one count from it."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # a platform without it
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
