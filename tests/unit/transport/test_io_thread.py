"""The I/O thread runs what it is given until it has ended, and says so when it has."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from tests.support import wait_until
from warren.errors import BrokerUnavailable
from warren.transport.io_thread import IoThread


@pytest.fixture
def io() -> Iterator[IoThread]:
    thread = IoThread("test-io")
    thread.start()
    yield thread
    thread.stop()


def test_what_is_posted_runs_on_the_thread_in_order(io: IoThread) -> None:
    seen: list[object] = []
    io.post(lambda: seen.append(threading.current_thread().name))
    io.post(lambda: seen.append("second"))

    assert io.call(lambda: list(seen), timeout=5.0) == ["test-io", "second"]


def test_it_knows_whether_it_is_called_on_itself(io: IoThread) -> None:
    assert not io.is_current
    assert io.call(lambda: io.is_current, timeout=5.0)


def test_a_call_brings_back_result_and_error(io: IoThread) -> None:
    assert io.call(lambda: 42, timeout=5.0) == 42
    with pytest.raises(ZeroDivisionError):
        io.call(lambda: 1 / 0, timeout=5.0)


def test_what_exits_on_the_thread_does_not_end_it(io: IoThread, caplog: pytest.LogCaptureFixture) -> None:
    io.post(sys.exit)

    assert io.call(lambda: 42, timeout=5.0) == 42
    wait_until(lambda: "SystemExit" in caplog.text)


def test_what_exits_while_the_thread_stops_does_not_keep_it() -> None:
    for _ in range(30):
        io, ran = IoThread(), list[None]()
        io.start()
        io.loop.call_soon_threadsafe(io.post, sys.exit)  # both in one turn of the loop, or in two
        io.post(sys.exit)
        io.post(lambda ran=ran: ran.append(None))
        io.stop()

        assert not io._thread.is_alive()
        assert ran == [None]


def test_posting_later_waits_for_the_delay(io: IoThread) -> None:
    done = threading.Event()
    io.post_later(0.01, done.set)

    assert done.wait(5.0)


def test_after_the_end_posting_says_so(io: IoThread) -> None:
    io.stop()

    assert io.post(lambda: None) is False
    with pytest.raises(BrokerUnavailable):
        io.call(lambda: None, timeout=5.0)
    io.stop()  # a second time changes nothing


def test_a_thread_never_started_can_be_stopped() -> None:
    io = IoThread()
    io.stop()

    assert io.post(lambda: None) is False


def test_what_post_accepted_runs_even_if_the_thread_is_stopping() -> None:
    """A publish whose entry is neither sent nor settled would leave its caller waiting."""
    for _ in range(20):
        io = IoThread()
        io.start()
        accepted, ran = 0, []
        go = threading.Event()
        stopper = threading.Thread(target=lambda io=io, go=go: (go.wait(), io.stop()))
        stopper.start()
        go.set()
        while io.post(lambda ran=ran: ran.append(None)):
            accepted += 1
        stopper.join()

        assert len(ran) == accepted
