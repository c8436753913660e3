"""Pools of handlers: order, time limits, and what is left when they stop."""

from __future__ import annotations

import sys
import threading

from tests.support import wait_until
from warren.contracts.incoming import Incoming
from warren.contracts.properties import Properties
from warren.worker.job import Job
from warren.worker.pools import ThreadPool


def job(tag: int) -> Job:
    return Job(Incoming(b"{}", Properties(message_id=str(tag)), "orders", "orders.created", False, tag, 1, "c"))


def test_a_job_beyond_its_time_limit_is_reported_once_and_the_others_are_not() -> None:
    release, late = threading.Event(), list[Job]()
    slow, quick = job(1), job(2)
    handled = list[Job]()

    def handle(each: Job) -> None:
        if each is slow:
            release.wait(20.0)
        handled.append(each)

    pool = ThreadPool("p", threads=2, handle=handle, time_limit=0.05, on_late=late.append)
    pool.submit([slow, quick])
    wait_until(lambda: late == [slow], message="the slow job is late")
    release.set()
    wait_until(lambda: len(handled) == 2)
    assert late == [slow]
    pool.abandon()


def test_time_limits_hold_while_a_pool_stops() -> None:
    release, late, begun = threading.Event(), list[Job](), threading.Event()
    slow = job(1)

    def handle(_: Job) -> None:
        begun.set()
        release.wait(20.0)

    pool = ThreadPool("p", threads=1, handle=handle, time_limit=0.2, on_late=late.append)
    pool.submit([slow, job(2)])
    assert begun.wait(10.0)
    assert [each.message_id for each in pool.stop()] == ["2"]
    wait_until(lambda: late == [slow], message="it is late although the pool stops")
    release.set()
    pool.abandon()


def test_a_stopped_pool_returns_what_it_has_not_begun_in_order() -> None:
    release, begun = threading.Event(), threading.Event()

    def handle(_: Job) -> None:
        begun.set()
        release.wait(20.0)

    pool = ThreadPool("p", threads=1, handle=handle)
    jobs = [job(tag) for tag in range(5)]
    pool.submit(jobs)
    assert begun.wait(10.0)
    assert pool.stop() == jobs[1:]
    release.set()
    pool.abandon()


def test_a_pool_stops_while_its_threads_take_the_last_jobs() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns as unfavourably as they can
    try:
        for _ in range(300):
            pool = ThreadPool("p", threads=2, handle=lambda _: None)
            pool.submit([job(tag) for tag in range(60)])
            stopping = threading.Thread(target=pool.stop, daemon=True)
            stopping.start()
            stopping.join(10.0)
            assert not stopping.is_alive()
            pool.abandon()
    finally:
        sys.setswitchinterval(interval)
