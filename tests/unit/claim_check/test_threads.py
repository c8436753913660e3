"""Threads on demand: so many at most, in order, and none once there is nothing to do.

Not here: what publishers and consumers do on them.
"""

from __future__ import annotations

import threading
import weakref
from functools import partial

import pytest

from tests.support.waiting import wait_until
from warren.claim_check.threads import ThreadsOnDemand
from warren.errors import StoreUnavailable


def test_results_and_errors_come_back() -> None:
    threads = ThreadsOnDemand("test")
    assert threads.submit(lambda: 7).result(10.0) == 7
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(10.0)


def test_one_thread_keeps_the_order() -> None:
    threads, seen = ThreadsOnDemand("test", most=1), list[int]()
    futures = [threads.submit(partial(seen.append, number)) for number in range(500)]
    for future in futures:
        future.result(10.0)
    assert seen == list(range(500))


def test_no_more_run_at_once_than_allowed_and_all_run() -> None:
    threads, go, lock = ThreadsOnDemand("test", most=3), threading.Event(), threading.Lock()
    running = most = 0

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(10.0)
        with lock:
            running -= 1

    futures = [threads.submit(work) for _ in range(20)]
    wait_until(lambda: running == 3, message="three run")
    go.set()
    for future in futures:
        future.result(10.0)
    assert most == 3


def test_what_is_cancelled_before_it_began_never_runs() -> None:
    threads, go, ran = ThreadsOnDemand("test", most=1), threading.Event(), list[str]()
    hanging = threads.submit(lambda: go.wait(10.0))
    cancelled = threads.submit(lambda: ran.append("cancelled"))
    last = threads.submit(lambda: ran.append("last"))
    assert cancelled.cancel()
    go.set()
    last.result(10.0)
    assert hanging.result(10.0)
    assert ran == ["last"]


def test_what_is_cancelled_is_let_go_of_while_the_store_hangs() -> None:
    class Body:
        pass

    threads, go, body = ThreadsOnDemand("test", most=1), threading.Event(), Body()
    hanging = threads.submit(lambda: go.wait(10.0))
    cancelled = threads.submit(partial(repr, body))
    is_there = weakref.ref(body)
    del body
    assert is_there()
    cancelled.cancel()
    assert not is_there()
    go.set()
    assert hanging.result(10.0)


def refuse(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_where_no_thread_can_be_started_the_caller_knows_and_the_next_call_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads, ran = ThreadsOnDemand("test", most=1), list[int]()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(StoreUnavailable, match="can't start new thread"):
            threads.submit(partial(ran.append, 1))
        assert threads.is_idle
    threads.submit(partial(ran.append, 2)).result(10.0)
    assert ran == [2]


def test_where_no_further_thread_can_be_started_those_that_run_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, go = ThreadsOnDemand("test", most=2), threading.Event()
    first = threads.submit(lambda: go.wait(10.0))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        second = threads.submit(lambda: 2)
    go.set()
    assert first.result(10.0)
    assert second.result(10.0) == 2


def test_it_is_idle_again_and_keeps_no_thread() -> None:
    threads = ThreadsOnDemand("test-idle")
    assert threads.is_idle
    threads.submit(lambda: None).result(10.0)
    wait_until(lambda: threads.is_idle, message="idle")
    wait_until(lambda: not any(t.name == "test-idle" for t in threading.enumerate()), message="no thread")
