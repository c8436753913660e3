"""The loops that drive a library's publish call: flat out, one at a time, and at a fixed rate.

Not here: how a library publishes (peers/). A peer hands over one function: for the blocking libraries it returns,
for the others its coroutine finishes, when the message is confirmed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from itertools import cycle, islice
from statistics import quantiles
from typing import TypeVar

from bench.job import Job
from bench.order import Order, make_order

__all__ = ["WARM_UP", "AsyncSender", "Sender", "Stopwatch", "built", "drive_async", "drive_serial", "report_latencies"]

Sender = Callable[[Order], object]
AsyncSender = Callable[[Order], Awaitable[object]]

WARM_UP = 100

T = TypeVar("T")


class Stopwatch:
    """Wall and processor time of this process since it was made."""

    def __init__(self) -> None:
        self.started_ns = time.monotonic_ns()
        self._cpu = time.process_time()

    def report(self, job: Job) -> None:
        job.report(
            messages=job.messages,
            warm_up=WARM_UP,
            started_ns=self.started_ns,
            seconds=(time.monotonic_ns() - self.started_ns) / 1e9,
            cpu_seconds=time.process_time() - self._cpu,
        )


def built(make: Callable[[int], T], messages: int) -> Iterator[T]:
    """Give that many messages, of a thousand built beforehand: building them is the application's work.

    Each is encoded every time it is published, as if it were new.
    """
    return islice(cycle([make(number) for number in range(1_000)]), messages)


def report_latencies(job: Job, taken: list[float]) -> None:
    """Report the median and the 99th percentile of durations in seconds."""
    cuts = quantiles(taken, n=100)
    job.report(messages=len(taken), warm_up=WARM_UP, p50_us=cuts[49] * 1e6, p99_us=cuts[98] * 1e6)


# -- blocking libraries -----------------------------------------------------------------------


def drive_serial(job: Job, connect: Callable[[Job], AbstractContextManager[Sender]]) -> None:
    """Publish one message after the other, as a blocking library does."""
    with connect(job) as send:
        for number in range(WARM_UP):
            send(make_order(number))
        match job.mode:
            case "roundtrip":
                report_latencies(job, [_timed(send, number) for number in range(job.messages)])
            case "produce" if job.rate:
                _produce(job, send)
            case _:
                orders = built(make_order, job.messages)
                watch = Stopwatch()
                for order in orders:
                    send(order)
                watch.report(job)


def _timed(send: Sender, number: int) -> float:
    order = make_order(number)
    started = time.perf_counter()
    send(order)
    return time.perf_counter() - started


def _produce(job: Job, send: Sender) -> None:
    watch = Stopwatch()
    begin = time.monotonic()
    for number in range(job.messages):
        wait = begin + number / job.rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        send(make_order(number, time.monotonic_ns()))
    watch.report(job)


# -- asyncio libraries ------------------------------------------------------------------------


def drive_async(job: Job, connect: Callable[[Job], AbstractAsyncContextManager[AsyncSender]]) -> None:
    """Publish with `job.in_flight` messages unconfirmed at any time, on uvloop."""
    import uvloop

    uvloop.run(_drive(job, connect))


async def _drive(job: Job, connect: Callable[[Job], AbstractAsyncContextManager[AsyncSender]]) -> None:
    async with connect(job) as send:
        await _flood(send, built(make_order, WARM_UP), job.in_flight)
        match job.mode:
            case "roundtrip":
                report_latencies(job, [await _timed_async(send, number) for number in range(job.messages)])
            case "produce" if job.rate:
                await _produce_async(job, send)
            case _:
                orders = built(make_order, job.messages)
                watch = Stopwatch()
                await _flood(send, orders, job.in_flight)
                watch.report(job)


async def _flood(send: AsyncSender, orders: Iterator[Order], in_flight: int) -> None:
    # A sliding window, which is kinder to a library than waiting for each batch of a thousand to end.
    async def one_after_the_other() -> None:
        for order in orders:
            await send(order)

    await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))


async def _timed_async(send: AsyncSender, number: int) -> float:
    order = make_order(number)
    started = time.perf_counter()
    await send(order)
    return time.perf_counter() - started


async def _produce_async(job: Job, send: AsyncSender) -> None:
    watch = Stopwatch()
    begin = time.monotonic()
    publishing: list[asyncio.Future[object]] = []
    for number in range(job.messages):
        wait = begin + number / job.rate - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        publishing.append(asyncio.ensure_future(send(make_order(number, time.monotonic_ns()))))
    await asyncio.gather(*publishing)
    watch.report(job)
