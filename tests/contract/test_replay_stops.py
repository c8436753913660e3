"""A replay that stops by itself has acknowledged all it sent: the dead letters that stay are those that were not.

Not here: replays that are killed (tests/acceptance).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import BrokerUnderTest
from tests.support.plain import PlainPika
from tests.support.waiting import wait_until
from warren.config import BrokerSettings
from warren.contracts.properties import Properties
from warren.operations.captures import CaptureFile
from warren.operations.drain import Wish, drain_to_file
from warren.operations.halt import Halt
from warren.operations.lease import Held
from warren.operations.link import open_connection
from warren.operations.outcomes import Died, Outcomes
from warren.operations.replay import Plan, Stopped, Target, replay_queue
from warren.operations.saved import check_saved
from warren.operations.tally import Tally

COUNT = 500


class DiesAfter(Outcomes):
    """Hears that a message died again once it was asked a number of times."""

    asked = 0
    after = 300

    @property
    def died_the_same(self) -> Died | None:
        self.asked += 1
        return Died("m-1", None, "same", "same", "as before") if self.asked > self.after else None

    @died_the_same.setter
    def died_the_same(self, value: Died | None) -> None: ...


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


def to_q(_queue: str, _properties: Properties) -> Target:
    return Target("q", "same")


def fill(plain: PlainPika) -> None:
    for name in ("q", "q.dead"):
        plain.declare(name, **{"x-delivery-limit": 1_000})
    plain.channel.confirm_delivery()
    for number in range(COUNT):
        plain.publish("", "q.dead", b"{}", message_id=f"m-{number}")


def asked_once(is_time: Callable[[], bool], halt: Halt) -> threading.Thread:
    """Ask for the halt from another thread, as a click does."""

    def ask() -> None:
        try:
            wait_until(is_time)
        finally:
            halt.ask("cancelled by ana")

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_nothing_is_doubled_by_a_replay_that_stops_since_a_message_died_again(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    fill(plain)
    with open_connection(BrokerSettings.parse(broker.url), "test") as connection:
        plan = Plan(resolve=to_q)
        stopped = replay_queue(connection, "q.dead", plan, Tally(), DiesAfter(connection))
    assert isinstance(stopped, Stopped)
    plain.wait_depth("q", DiesAfter.after)
    plain.wait_depth("q.dead", COUNT - DiesAfter.after)


@pytest.mark.parametrize("hears", [True, False], ids=["hearing", "deaf"])
def test_a_replay_asked_to_stop_in_a_pause_stops_then_and_acknowledges_what_it_has_sent_alone(
    broker: BrokerUnderTest, plain: PlainPika, hears: bool
) -> None:
    fill(plain)
    halt, tally = Halt(), Tally()
    with open_connection(BrokerSettings.parse(broker.url), "test") as connection:
        outcomes = Outcomes(connection) if hears else None
        if outcomes is not None:
            outcomes.open()
        plan = Plan(resolve=to_q, wish=Wish(halt=halt), rate=0.001)  # the second message would go after 1,000 s
        asking = asked_once(lambda: plain.depth("q") == 1, halt)
        stopped = replay_queue(connection, "q.dead", plan, tally, outcomes)
        asking.join()
    assert stopped == Stopped("cancelled by ana")
    assert tally.done == 1
    plain.wait_depth("q", 1)
    plain.wait_depth("q.dead", COUNT - 1)


def test_what_was_sent_before_a_long_pause_is_counted_in_it(broker: BrokerUnderTest, plain: PlainPika) -> None:
    fill(plain)
    halt, tally, done_in_the_pause = Halt(), Tally(), list[int]()

    def is_time() -> bool:
        if tally.done:
            done_in_the_pause.append(tally.done)
        return bool(tally.done)

    with open_connection(BrokerSettings.parse(broker.url), "test") as connection:
        asking = asked_once(is_time, halt)
        replay_queue(connection, "q.dead", Plan(resolve=to_q, wish=Wish(halt=halt), rate=0.001), tally, None)
        asking.join()
    assert done_in_the_pause == [1]


def test_a_replay_asked_to_stop_while_its_canary_is_out_sends_no_more(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    fill(plain)
    halt, tally = Halt(), Tally()
    with open_connection(BrokerSettings.parse(broker.url), "test") as connection:
        outcomes = Outcomes(connection)
        outcomes.open()
        plan = Plan(resolve=to_q, wish=Wish(halt=halt), canary=3, canary_timeout=1_000.0)
        asking = asked_once(lambda: plain.depth("q") == 3, halt)
        stopped = replay_queue(connection, "q.dead", plan, tally, outcomes)
        asking.join()
    assert stopped == Stopped("cancelled by ana")
    assert tally.done == 3
    plain.wait_depth("q.dead", COUNT - 3)


def test_a_drain_asked_to_stop_has_each_message_in_the_file_or_in_the_queue(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    fill(plain)
    halt = Halt()

    def third(held: Held) -> bool:
        if held.properties.message_id == "m-99":
            halt.ask("cancelled by ana")
        return True

    path = tmp_path / "q.ndjson"
    with (
        open_connection(BrokerSettings.parse(broker.url), "test") as connection,
        CaptureFile.open(path) as file,
    ):
        drain_to_file(connection, "q.dead", file, Tally(), Wish(matches=third, halt=halt))
    plain.wait_depth("q.dead", COUNT - check_saved(path))


def test_what_is_asked_to_stop_before_it_begins_does_nothing(broker: BrokerUnderTest, plain: PlainPika) -> None:
    fill(plain)
    halt, tally = Halt(), Tally()
    halt.ask("cancelled by ana")
    with open_connection(BrokerSettings.parse(broker.url), "test") as connection:
        replay_queue(connection, "q.dead", Plan(resolve=to_q, wish=Wish(halt=halt)), tally, None)
    assert tally.done == 0
    plain.wait_depth("q.dead", COUNT)
