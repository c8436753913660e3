"""The event loop of async handlers: bounded, in order, apart from the caller, and gone when it is abandoned."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.support import wait_until
from warren.contracts.incoming import Incoming
from warren.contracts.properties import Properties
from warren.worker.job import Job
from warren.worker.pools import AsyncPool

Start = Callable[..., AsyncPool]


@pytest.fixture
def start() -> Iterator[Start]:
    pools: list[AsyncPool] = []

    def build(handle: Callable[[Job], Awaitable[None]], *, tasks: int = 3) -> AsyncPool:
        pools.append(AsyncPool("p", tasks=tasks, handle=handle))
        return pools[-1]

    yield build
    for pool in pools:
        if pool._thread.is_alive():
            pool.abandon()


def jobs(count: int) -> list[Job]:
    return [
        Job(Incoming(b"{}", Properties(message_id=str(tag)), "orders", "orders.created", False, tag, 1, "c"))
        for tag in range(count)
    ]


def test_jobs_start_in_order_and_no_more_at_a_time_than_there_are_tasks(start: Start) -> None:
    started: list[Job] = []
    running, most = 0, 0

    async def handle(job: Job) -> None:
        nonlocal running, most
        started.append(job)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    batch = jobs(50)
    pool = start(handle)
    pool.submit(batch[:20])
    pool.submit(batch[20:])

    wait_until(lambda: len(started) == 50)
    assert started == batch
    assert most == 3


def test_handlers_run_on_a_loop_and_thread_of_their_own(start: Start) -> None:
    threads: list[str] = []

    async def handle(_: Job) -> None:
        threads.append(threading.current_thread().name)

    start(handle).submit(jobs(2))

    wait_until(lambda: threads == ["p", "p"])


def test_stopping_returns_what_is_not_begun_and_lets_the_rest_finish(start: Start) -> None:
    begun, may_end = threading.Event(), threading.Event()
    finished: list[Job] = []

    async def handle(job: Job) -> None:
        begun.set()
        await asyncio.to_thread(may_end.wait, 20.0)
        finished.append(job)

    first, *others = jobs(4)
    pool = start(handle, tasks=1)
    pool.submit([first, *others])
    assert begun.wait(10.0)

    assert pool.stop() == others
    may_end.set()
    wait_until(lambda: finished == [first])
    pool.submit(jobs(1))
    assert pool.stop() == [], "nothing is taken on any more"


def test_abandoning_cancels_what_still_runs_and_ends_the_loop(start: Start) -> None:
    begun = threading.Event()
    cancelled: list[Job] = []

    async def handle(job: Job) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(job)
            raise

    (job,) = jobs(1)
    pool = start(handle)
    pool.submit([job])
    assert begun.wait(10.0)
    pool.abandon()

    assert cancelled == [job]
    assert not pool._thread.is_alive()
    assert pool._loop.is_closed()


def test_an_error_costs_no_task(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    handled: list[Job] = []

    async def handle(job: Job) -> None:
        handled.append(job)
        raise ValueError("settling failed")

    with caplog.at_level(logging.ERROR, logger="warren.worker"):
        start(handle, tasks=1).submit(jobs(5))
        wait_until(lambda: len(handled) == 5)

    assert "message 0 stays unacknowledged" in caplog.text
