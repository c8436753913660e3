"""What pages ask of the management API beyond the samples: seldom, however many look."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.waiting import wait_until
from warren.clock import ManualClock
from warren.dashboard.reads import Answer, Reads
from warren.errors import BrokerRefused, BrokerUnavailable
from warren.management.client import ManagementClient
from warren.management.connections import read_connection_names
from warren.management.settings import ManagementSettings

INTERVAL = 5.0


class Broker:
    """Says `says` when it is asked, or fails; it may be held up. Counts what it is asked."""

    def __init__(self) -> None:
        self.says = "first"
        self.error: Exception | None = None
        self.asked = 0
        self.opened = 0
        self.free = threading.Event()
        self.free.set()

    def open(self) -> ManagementClient:
        self.opened += 1
        if isinstance(self.error, BrokerUnavailable):
            raise self.error
        return ManagementClient(ManagementSettings(("http://127.0.0.1:1",)))

    def read(self, _: ManagementClient) -> str:
        self.asked += 1
        assert self.free.wait(30.0)
        if self.error is not None:
            raise self.error
        return self.says


@contextmanager
def reading(broker: Broker, clock: ManualClock) -> Iterator[Reads]:
    reads = Reads(broker.open, virtual_host="/", interval=INTERVAL, clock=clock)
    reads.start()
    try:
        yield reads
    finally:
        reads.stop()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def broker() -> Broker:
    return Broker()


def answered(reads: Reads, broker: Broker, number: int) -> Answer[str]:
    wait_until(lambda: reads.look(("it",), broker.read).number >= number)
    return reads.look(("it",), broker.read)


def test_a_look_does_not_wait_for_a_slow_broker(clock: ManualClock, broker: Broker) -> None:
    broker.free.clear()
    with reading(broker, clock) as reads:
        assert reads.look(("it",), broker.read).is_awaited
        broker.free.set()
        assert answered(reads, broker, 1).value == "first"


def test_many_who_look_within_an_interval_have_it_read_once(clock: ManualClock, broker: Broker) -> None:
    with reading(broker, clock) as reads:
        answered(reads, broker, 1)
        for _ in range(100):
            reads.look(("it",), broker.read)
        clock.advance(INTERVAL - 0.1)
        reads.look(("it",), broker.read)
        reads.look(("other",), broker.read)
        wait_until(lambda: not reads.look(("other",), broker.read).is_awaited)
    assert broker.asked == 2  # once each


def test_a_look_after_the_interval_has_it_read_again(clock: ManualClock, broker: Broker) -> None:
    with reading(broker, clock) as reads:
        answered(reads, broker, 1)
        broker.says = "second"
        clock.advance(INTERVAL)
        assert reads.look(("it",), broker.read).value == "first"
        assert answered(reads, broker, 2) == Answer(number=2, value="second", time=clock.now())


def test_what_a_slow_broker_has_not_answered_yet_is_not_asked_again(clock: ManualClock, broker: Broker) -> None:
    broker.free.clear()
    with reading(broker, clock) as reads:
        reads.look(("it",), broker.read)
        wait_until(lambda: broker.asked)
        clock.advance(100 * INTERVAL)
        reads.look(("it",), broker.read)
        broker.free.set()
        answered(reads, broker, 1)
    assert broker.asked == 1


def test_an_answer_that_says_the_same_is_no_news(clock: ManualClock, broker: Broker) -> None:
    with reading(broker, clock) as reads:
        answered(reads, broker, 1)
        clock.advance(INTERVAL)
        reads.look(("it",), broker.read)
        wait_until(lambda: reads.look(("it",), broker.read).time == clock.now())
        assert reads.look(("it",), broker.read).number == 1


def test_what_was_known_stays_while_the_broker_is_away(clock: ManualClock, broker: Broker) -> None:
    with reading(broker, clock) as reads:
        first = answered(reads, broker, 1)
        broker.error = BrokerUnavailable("it is down")
        clock.advance(INTERVAL)
        away = answered(reads, broker, 2)
        assert away == Answer(number=2, value="first", time=first.time, problem="it is down")
        broker.error = None
        clock.advance(INTERVAL)
        assert answered(reads, broker, 3) == Answer(number=3, value="first", time=clock.now())
    assert broker.opened == 2


def test_a_broker_that_cannot_be_reached_is_tried_once_an_interval_for_all(clock: ManualClock, broker: Broker) -> None:
    broker.error = BrokerUnavailable("it is down")
    with reading(broker, clock) as reads:
        keys = [("a",), ("b",), ("c",)]
        wait_until(lambda: [reads.look(key, broker.read).problem for key in keys] == ["it is down"] * 3)
    assert (broker.opened, broker.asked) == (1, 0)


def test_a_refusal_is_told_as_one(clock: ManualClock, broker: Broker) -> None:
    broker.error = BrokerRefused("not for this user")
    with reading(broker, clock) as reads:
        refused = answered(reads, broker, 1)
    assert (refused.problem, refused.is_refused, refused.value) == ("not for this user", True, None)


def test_a_fault_of_ours_is_told_and_the_next_look_goes_on(
    clock: ManualClock, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.error = ZeroDivisionError("oh")
    with reading(broker, clock) as reads:
        assert answered(reads, broker, 1).problem == "a fault in the dashboard: oh"
        broker.error = None
        clock.advance(INTERVAL)
        assert answered(reads, broker, 2).value == "first"
    assert "could not be read" in caplog.text


def test_only_so_many_answers_are_kept(clock: ManualClock, broker: Broker) -> None:
    with reading(broker, clock) as reads:
        answered(reads, broker, 1)
        for number in range(200):
            reads.look((str(number),), broker.read)
        wait_until(lambda: broker.asked == 201)
        assert reads.look(("it",), broker.read).is_awaited  # the oldest was let go


def test_connections_have_the_names_that_programs_gave_them() -> None:
    told: list[dict[str, object]] = [
        {"name": "a", "client_properties": {"connection_name": "billing", "product": "Warren"}},
        {"name": "b", "client_properties": {}},
        {"name": "c", "client_properties": []},
        {"name": "d"},
    ]
    assert read_connection_names(told) == {"a": "billing"}
