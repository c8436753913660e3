"""Dead letters sent back, on real brokers: where they failed, as first attempts, and no others.

Not here: the command (tests/acceptance/test_cli_replay.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import BrokerUnderTest
from tests.support.gate import Gate
from tests.support.plain import PlainPika
from tests.support.queue_content import bodies, content_of, dead_letter, fill, settings_of
from tests.support.waiting import wait_until
from warren import Delivery, Message, Permanent, Retry, Warren
from warren.contracts.headers import (
    ATTEMPT,
    DEAD_PREFIX,
    OUTCOME_TO,
    REPLAYED_AT,
    REPLAYED_FINGERPRINT,
    REPLAYS,
)
from warren.errors import BrokerUnavailable, TopologyMissing, WarrenError
from warren.operations.captures import CaptureFile
from warren.operations.drain import ALL, Wish, drain_to_file
from warren.operations.homecoming import target_of_dead_letter, target_of_saved
from warren.operations.link import open_connection
from warren.operations.outcomes import Outcomes
from warren.operations.replay import Plan, Stopped, replay_file, replay_queue
from warren.operations.saved import check_saved
from warren.operations.select import Selection
from warren.operations.sending import WINDOW
from warren.operations.tally import Tally
from warren.reliability.dead_letter import FINGERPRINT
from warren.transport.connection import Connection

QUEUE, DEAD = "billing.invoices", "billing.invoices.dead"
FAILURES = ("ValueError@shop/a.py:f", "Permanent@shop/b.py:g", "Timeout@shop/c.py:h")
OF_ONE = Wish(matches=Selection.parse([f"fingerprint={FAILURES[0]}"]).matches)


@pytest.fixture
def connection(broker: BrokerUnderTest) -> Iterator[Connection]:
    with open_connection(settings_of(broker.url), "replaying") as connection:
        yield connection


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        plain.declare(QUEUE)
        plain.declare(DEAD, **{"x-delivery-limit": 2**31 - 1})
        yield plain


def dead_letters(broker: BrokerUnderTest, count: int) -> None:
    """Dead letters of three failures, in turn."""
    fill(broker.url, DEAD, (dead_letter(n, queue=QUEUE, fingerprint=FAILURES[n % 3]) for n in range(count)))


def plan(wish: Wish = ALL, **options: Any) -> Plan:
    return Plan(resolve=target_of_dead_letter, wish=wish, **options)


def test_rule_26_a_replay_of_one_failure_touches_no_other_message(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    dead_letters(broker, 1_500)
    before = content_of(broker.url, DEAD)
    tally = Tally()

    assert replay_queue(connection, DEAD, plan(OF_ONE), tally, None) is None

    assert tally.done == 500
    assert bodies(content_of(broker.url, QUEUE)) == [each.body for each in before[::3]]
    assert content_of(broker.url, DEAD) == [each for number, each in enumerate(before) if number % 3]


def test_a_replay_that_ends_at_its_limit_leaves_what_it_had_taken_on_several_channels_in_its_order(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    dead_letters(broker, 6_000)  # 2,000 are held on a channel; nobody has looked at any of them
    tally = Tally()

    assert replay_queue(connection, DEAD, plan(replace(OF_ONE, limit=1_500)), tally, None) is None

    assert tally.done == 1_500
    left = [number for number in range(6_000) if number % 3 or number >= 4_500]
    assert bodies(content_of(broker.url, DEAD)) == [b'{"order_id":%d}' % number for number in left]


def test_rule_26_a_replayed_message_comes_as_a_first_attempt_with_its_id_and_only_to_its_queue(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    plain.channel.exchange_declare("orders", "fanout", durable=True)
    plain.declare("shipping")
    plain.channel.queue_bind("shipping", "orders")
    properties, body = dead_letter(
        1, queue=QUEUE, fingerprint=FAILURES[0], **{"x-warren-exchange": "orders", "tenant": "acme", "CC": ["shipping"]}
    )
    fill(broker.url, DEAD, [(properties._replace(headers={**properties.headers, REPLAYS: 2}), body)])
    plain.channel.queue_purge("shipping")  # by CC

    replay_queue(connection, DEAD, plan(), Tally(), None)

    replayed = plain.take(QUEUE)
    assert replayed.properties.message_id == "m-1"
    assert replayed.body == body
    assert replayed.headers["tenant"] == "acme"
    assert replayed.headers[REPLAYS] == 3
    assert replayed.headers[REPLAYED_FINGERPRINT] == FAILURES[0]
    assert replayed.headers[REPLAYED_AT] > 1_700_000_000_000
    assert not [name for name in replayed.headers if name.startswith(DEAD_PREFIX) or name in (ATTEMPT, OUTCOME_TO)]
    assert plain.depth("shipping") == 0


def test_rule_26_what_dies_during_a_replay_is_not_grabbed(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    dead_letters(broker, 60)
    late, body = dead_letter(1_000, queue=QUEUE, fingerprint=FAILURES[0])
    tally = Tally(on_seen=lambda _count: fill(broker.url, DEAD, [(late, body)]))

    replay_queue(connection, DEAD, plan(), tally, None)

    assert tally.done == 60
    assert set(bodies(content_of(broker.url, DEAD))) == {body}


def test_rule_26_a_lost_connection_loses_nothing_and_a_second_run_finishes(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    dead_letters(broker, 3_000)
    wanted = {b'{"order_id":%d}' % n for n in range(3_000)}
    url = broker.url.replace(f":{broker.node.port}/", ":{port}/")

    with Gate(broker.node.port) as gate, open_connection(settings_of(url.format(port=gate.port)), "cut") as connection:
        tally = Tally()
        tally.on_seen = lambda _count: gate.cut() if tally.seen > 1_000 else None
        with pytest.raises(BrokerUnavailable):
            replay_queue(connection, DEAD, plan(), tally, None)
    sent = bodies(content_of(broker.url, QUEUE))
    wait_until(lambda: wanted <= {*sent, *bodies(content_of(broker.url, DEAD))}, interval=0.5)

    with open_connection(settings_of(broker.url), "again") as connection:
        replay_queue(connection, DEAD, plan(), Tally(), None)

    there = bodies(content_of(broker.url, QUEUE))
    assert set(there) == wanted
    assert len(there) - len(wanted) <= 2_000 + WINDOW
    assert content_of(broker.url, DEAD) == []


def test_a_queue_that_is_missing_stops_it_before_anything_is_acknowledged(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    fill(broker.url, DEAD, [dead_letter(1, queue="gone", fingerprint=FAILURES[0])])

    with pytest.raises(TopologyMissing, match="'gone'"):
        replay_queue(connection, DEAD, plan(), Tally(), None)

    assert len(content_of(broker.url, DEAD)) == 1


def test_what_says_nowhere_where_it_failed_is_not_guessed(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    plain.declare("letters")
    plain.publish("", "letters", b"{}", message_id="m-1")
    plain.wait_depth("letters", 1)

    with pytest.raises(WarrenError, match="message m-1 in letters says nowhere in which queue it failed"):
        replay_queue(connection, "letters", plan(), Tally(), None)

    plain.wait_depth("letters", 1)


def test_what_the_broker_dead_lettered_goes_back_to_the_queue_it_names(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    target = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "letters"}
    plain.declare("letters")
    plain.declare("work", **target)
    plain.publish("", "work", b"{}", message_id="m-1")
    plain.wait_depth("work", 1)
    plain.channel.basic_reject(plain.channel.basic_get("work")[0].delivery_tag, requeue=False)
    plain.wait_depth("letters", 1)

    replay_queue(connection, "letters", plan(), Tally(), None)

    replayed = plain.take("work")
    assert replayed.headers[REPLAYED_FINGERPRINT] == "rejected@work"
    assert "x-death" not in replayed.headers


def test_a_file_is_replayed_once_over_several_runs(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika, tmp_path: Path
) -> None:
    dead_letters(broker, 90)
    path = tmp_path / "dead.ndjson"
    with CaptureFile.open(path) as file:
        drain_to_file(connection, DEAD, file, Tally())

    for wish, expected in ((Wish(limit=20), (20, 0)), (OF_ONE, (23, 7)), (Wish(), (47, 43)), (Wish(), (0, 90))):
        tally = Tally(total=check_saved(path))
        replay_file(connection, path, Plan(resolve=target_of_saved, wish=wish), tally, None)
        assert (tally.done, tally.again) == expected

    assert sorted(bodies(content_of(broker.url, QUEUE))) == sorted(b'{"order_id":%d}' % n for n in range(90))


# -- workers that tell what became of them --------------------------------------------------------


class OrderCreated(Message, type="orders.created"):
    order_id: int


class Shop:
    """A consumer whose orders above a number fail for good."""

    def __init__(self, url: str, **options: object) -> None:
        self.app = Warren("billing", broker=url)
        self.handled: list[int] = []
        self.sound_below = 0
        self.is_open = threading.Event()
        self.is_open.set()
        self.app.consumer(QUEUE, OrderCreated, retry=Retry(), **options)(self.handle)

    def handle(self, order: OrderCreated, delivery: Delivery) -> None:
        if order.order_id >= self.sound_below:
            raise Permanent("no such customer")
        self.handled.append(order.order_id)


def died(broker: BrokerUnderTest, shop: Shop, count: int) -> None:
    """Have orders die in the shop's own worker."""
    shop.app.apply_topology()
    with PlainPika(broker.url) as plain, shop.app.worker():
        for number in range(count):
            plain.publish("", QUEUE, b'{"order_id": %d}' % number, message_id=f"m-{number}", type="orders.created")
        plain.wait_depth(DEAD, count)


@pytest.fixture
def shop(broker: BrokerUnderTest) -> Iterator[Shop]:
    shop = Shop(broker.url)
    with shop.app:
        died(broker, shop, 40)
        yield shop


def heard(connection: Connection) -> Outcomes:
    outcomes = Outcomes(connection)
    outcomes.open()
    return outcomes


def test_a_canary_that_succeeds_lets_the_rest_go(broker: BrokerUnderTest, connection: Connection, shop: Shop) -> None:
    shop.sound_below = 100
    outcomes, tally = heard(connection), Tally()
    with shop.app.worker():
        assert replay_queue(connection, DEAD, plan(canary=5), tally, outcomes) is None
        wait_until(lambda: sorted(shop.handled) == list(range(40)))

    assert tally.done == 40
    assert outcomes.acked == set(range(5))


def test_a_canary_that_fails_keeps_the_rest(broker: BrokerUnderTest, connection: Connection, shop: Shop) -> None:
    shop.sound_below = 3
    tally = Tally()
    with shop.app.worker():
        stopped = replay_queue(connection, DEAD, plan(canary=5), tally, heard(connection))

    assert isinstance(stopped, Stopped)
    assert "canary message m-" in stopped.reason
    assert "no such customer" in stopped.reason
    assert tally.done == 5


def test_a_canary_nobody_tells_of_keeps_the_rest(broker: BrokerUnderTest, connection: Connection, shop: Shop) -> None:
    tally = Tally()

    stopped = replay_queue(connection, DEAD, plan(canary=5, canary_timeout=0.2), tally, heard(connection))

    assert isinstance(stopped, Stopped)
    assert "0 of 5 canary messages succeeded within 0.2 s" in stopped.reason
    assert tally.done == 5


def test_a_replay_stops_once_the_same_failure_comes_back(
    broker: BrokerUnderTest, connection: Connection, shop: Shop
) -> None:
    tally = Tally()
    with shop.app.worker(), PlainPika(broker.url) as plain:
        stopped = replay_queue(connection, DEAD, plan(rate=2.0), tally, heard(connection))
        plain.wait_depth(DEAD, 40)

    assert isinstance(stopped, Stopped)
    assert "died again of Permanent@" in stopped.reason
    assert tally.done < 40
    with PlainPika(broker.url) as plain:
        letters = plain.drain(DEAD)
    again = [each for each in letters if REPLAYS in each.headers]
    assert len(again) == tally.done
    for each in again:
        assert each.headers[REPLAYED_FINGERPRINT] == each.headers[FINGERPRINT]
        assert OUTCOME_TO not in each.headers
        assert REPLAYED_AT not in each.headers
