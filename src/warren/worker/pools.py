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
from typing import Final, Protocol

from warren.worker.job import Job

__all__ = ["AsyncPool", "Pool", "ThreadPool"]

CANCELLING: Final = 10.0  # seconds an async handler may take to end once it is cancelled

_log = logging.getLogger("warren.worker")


class Pool(Protocol):
    """Runs jobs. `submit` never blocks; jobs start in order."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs on."""

    def stop(self) -> list[Job]:
        """Start no more jobs; return those that were not started."""

    def abandon(self) -> None:
        """Give up what still runs."""


class _Watch:
    """Reports each running job that is beyond its time limit to `on_late`, once."""

    def __init__(self, name: str, limit: float | None, on_late: Callable[[Job], None] | None) -> None:
        self.running: dict[int, Job] = {}
        self._over = threading.Event()
        if limit is not None and on_late is not None:
            threading.Thread(target=self._run, args=(limit, on_late), name=f"{name}-watch", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def _run(self, limit: float, on_late: Callable[[Job], None]) -> None:
        reported: set[int] = set()
        while not self._over.wait(max(0.02, min(0.5, limit / 5))):  # during a shutdown too
            now = time.monotonic()
            late = [job for job in list(self.running.values()) if now - job.running_since > limit]
            for job in late:
                if id(job) not in reported:
                    on_late(job)
            reported = set(map(id, late))


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
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._watch = _Watch(name, time_limit, on_late)
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

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
        self._watch.stop()

    def _run(self, number: int) -> None:
        get, handle, running, clock = self._jobs.get, self._handle, self._watch.running, time.monotonic
        while (job := get()) is not None:
            job.running_since = clock()
            running[number] = job
            try:
                handle(job)
            except BaseException:  # whatever it is, the thread is needed for the next job
                _log.exception("message %s stays unacknowledged: settling it failed", job.message_id)
            finally:
                del running[number]


class AsyncPool:
    """An event loop on a thread of its own, with a bounded number of tasks that run `handle(job)`.

    `handle` cancels itself at `time_limit`, in seconds. A job that runs on all the same, because it blocks the loop or
    will not be cancelled, is reported to `on_late` once.
    """

    def __init__(
        self,
        name: str,
        *,
        tasks: int,
        handle: Callable[[Job], Awaitable[None]],
        time_limit: float | None = None,
        on_late: Callable[[Job], None] | None = None,
    ) -> None:
        self._handle = handle
        self._watch = _Watch(name, None if time_limit is None else time_limit + CANCELLING, on_late)
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
        self._watch.stop()
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
        self._watch.running[id(job)] = job
        try:
            await self._handle(job)
        except asyncio.CancelledError:
            raise
        except BaseException:  # whatever it is, the task is needed for the next job
            _log.exception("message %s stays unacknowledged: settling it failed", job.message_id)
        finally:
            del self._watch.running[id(job)]


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
