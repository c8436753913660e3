"""A look leaves a queue as it was: order and content, on every broker, whatever the queue, in however many rounds.

Not here: the command (tests/acceptance/test_cli_inspect.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pika
import pytest

from tests.support.broker import BrokerUnderTest
from tests.support.plain import PlainPika
from tests.support.waiting import wait_until
from warren.config import BrokerSettings
from warren.errors import BrokerRefused, BrokerUnavailable, TopologyMissing, WarrenError
from warren.operations.lease import Lease, Rounds
from warren.operations.link import open_connection
from warren.operations.sweep import wait_until_back
from warren.transport.connection import Connection
from warren.transport.holding import HoldingChannel

SMALL = Rounds(first=3, most=7)
MANY_CHANNELS = Rounds(first=2, most=2)
COUNT = 60

QUEUES: dict[str, dict[str, Any]] = {
    "classic": {"x-queue-type": "classic"},
    "classic with priorities": {"x-queue-type": "classic", "x-max-priority": 5},
    "quorum": {"x-queue-type": "quorum"},
    "quorum with a limit": {"x-queue-type": "quorum", "x-delivery-limit": 50},
    "quorum, dead letters": {"x-queue-type": "quorum", "x-delivery-limit": 2**31 - 1},
}


@pytest.fixture(params=QUEUES, ids=str)
def arguments(request: pytest.FixtureRequest) -> dict[str, Any]:
    return QUEUES[request.param]


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


@contextmanager
def connected(broker: BrokerUnderTest) -> Iterator[Connection]:
    with open_connection(BrokerSettings.parse(broker.url), "test looking") as connection:
        yield connection


@contextmanager
def looking(broker: BrokerUnderTest, *, rounds: Rounds = SMALL, gone: int = 0) -> Iterator[Lease]:
    """Look, and wait until all but what is `gone` is back: a channel is closed before its quorum queue has that."""
    with connected(broker) as connection:
        with Lease.open(connection, "q", rounds=rounds) as lease:
            total = lease.depth()
            yield lease
        if lease.consumers == 0:
            with suppress(WarrenError), Lease.open(connection, "q") as again:
                wait_until_back(again, total - gone)


def fill(plain: PlainPika, arguments: dict[str, Any], count: int = COUNT) -> list[bytes]:
    """Return what the queue delivers, in its order: with priorities that is not the order of publishing."""
    plain.channel.queue_declare("q", durable=True, arguments=arguments)
    plain.channel.confirm_delivery()
    for number in range(count):
        priority = number * 7 % 5 if "x-max-priority" in arguments else None
        plain.publish("", "q", b"%d" % number, delivery_mode=2, priority=priority, headers={"number": number})
    bodies = [b"%d" % number for number in range(count)]
    if "x-max-priority" in arguments:
        bodies.sort(key=lambda body: -(int(body) * 7 % 5))
    return bodies


def look(lease: Lease, limit: int = 1_000_000) -> list[bytes]:
    return [held.body for batch in lease.take(limit) for held in batch]


def left(plain: PlainPika) -> list[bytes]:
    return [message.body for message in plain.drain("q")]


# -- order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [Rounds(), SMALL, MANY_CHANNELS], ids=["one round", "rounds", "channels"])
def test_rule_27_all_messages_are_taken_in_order_and_given_back_in_order(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any], rounds: Rounds
) -> None:
    count = 150 if rounds is MANY_CHANNELS else COUNT
    bodies = fill(plain, arguments, count)

    with looking(broker, rounds=rounds) as lease:
        assert look(lease) == bodies
        assert lease.depth() == 0

    assert left(plain) == bodies


def test_a_queue_that_takes_its_time_to_deliver_is_taken_whole(broker: BrokerUnderTest, plain: PlainPika) -> None:
    """A quorum queue that is busy says it is empty while thousands of messages are on their way to us."""
    count = 20_000
    plain.declare("q")
    for number in range(count):
        plain.publish("", "q", b"%d " % number + bytes(1_000), delivery_mode=2)
    plain.wait_depth("q", count, timeout=60.0)

    for _ in range(2):
        with looking(broker, rounds=Rounds()) as lease:
            taken = [int(held.body.split()[0]) for batch in lease.take(1_000_000) for held in batch]
        assert taken == list(range(count))


def test_looking_again_and_again_at_parts_of_it_changes_nothing(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any]
) -> None:
    bodies = fill(plain, arguments)

    for limit in (10, 25, COUNT, 1, 41):
        plain.wait_depth("q", COUNT)  # a channel is closed before the queue has its messages back
        with looking(broker) as lease:
            assert look(lease, limit) == bodies[:limit]

    assert left(plain) == bodies


def test_a_look_that_is_broken_off_early_keeps_the_order_of_what_was_given_back_before(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any]
) -> None:
    bodies = fill(plain, arguments)
    with looking(broker) as lease:
        look(lease)

    with looking(broker) as lease:
        next(lease.take(20))

    assert left(plain) == bodies


def test_only_what_was_given_back_before_is_taken_to_keep_the_order(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any]
) -> None:
    fill(plain, arguments)
    with looking(broker) as lease:
        look(lease, 20)

    with looking(broker) as lease:
        look(lease, 5)
    assert lease.kept_order

    assert lease.taken < 40
    deliveries = [message.headers.get("x-delivery-count", 0) for message in plain.drain("q")]
    assert deliveries[40:] == [0] * 20


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_the_tenth_look_takes_about_as_many_as_the_second(broker: BrokerUnderTest, plain: PlainPika, kind: str) -> None:
    bodies = fill(plain, {"x-queue-type": kind}, 1_000)

    taken = []
    for _ in range(10):
        plain.wait_depth("q", 1_000)
        with looking(broker, rounds=Rounds()) as lease:
            assert look(lease, 100) == bodies[:100]
        assert lease.kept_order
        taken.append(lease.taken)

    assert taken[-1] <= taken[1] + 10
    assert left(plain) == bodies


def test_of_many_that_were_given_back_at_once_all_are_taken_and_few_others(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    bodies = fill(plain, QUEUES["quorum"], 1_000)
    hold_for_a_moment(plain, 500, of=1_000)

    with looking(broker, rounds=Rounds()) as lease:
        assert look(lease, 50) == bodies[:50]

    assert lease.kept_order
    assert 500 < lease.taken <= 600
    assert left(plain) == bodies


def test_a_message_near_its_delivery_limit_is_not_taken_to_keep_the_order(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    bodies = fill(plain, QUEUES["quorum with a limit"])
    with looking(broker) as lease:
        look(lease)

    with looking(broker) as lease:
        lease.wary_of = 1
        look(lease, 5)

    assert not lease.kept_order
    assert lease.taken == 5
    assert sorted(left(plain)) == sorted(bodies)


def test_a_look_that_is_broken_off_gives_everything_back(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any]
) -> None:
    bodies = fill(plain, arguments)

    with looking(broker) as lease:
        next(lease.take(1_000))

    assert left(plain) == bodies


def test_a_connection_lost_in_the_middle_gives_everything_back(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any]
) -> None:
    bodies = fill(plain, arguments)

    with looking(broker) as lease:
        taken = lease.take(1_000)
        for _ in range(4):
            next(taken)
        lose(broker)
        with pytest.raises(BrokerUnavailable, match="back in it"):
            list(taken)

    plain.wait_depth("q", COUNT)
    assert left(plain) == bodies


def lose(broker: BrokerUnderTest) -> None:
    def ours() -> list[str]:
        told = broker.api("GET", "connections") or []
        return [
            one["name"]
            for one in told
            if (one.get("client_properties") or {}).get("connection_name") == "test looking"
            and one.get("vhost") == broker.vhost
        ]

    for name in wait_until(ours, message="the connection is in the statistics"):
        broker.api("DELETE", f"connections/{name.replace(' ', '%20').replace('>', '%3E')}")


def test_messages_that_were_redelivered_before_keep_their_place(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any]
) -> None:
    bodies = fill(plain, arguments)
    hold_for_a_moment(plain, 25, of=COUNT)

    with looking(broker) as lease:
        held = [one for batch in lease.take(1_000) for one in batch]
        assert [one.body for one in held] == bodies
        assert [one.redelivered for one in held] == [True] * 25 + [False] * (COUNT - 25)

    assert left(plain) == bodies


def hold_for_a_moment(plain: PlainPika, count: int, *, of: int) -> None:
    channel = plain.connection.channel()
    taken: list[bytes] = []
    channel.basic_qos(prefetch_count=count)
    channel.basic_consume("q", lambda _channel, _method, _properties, body: taken.append(body))
    wait_until(lambda: plain.connection.process_data_events(0.05) or len(taken) == count, message="they are held")
    channel.close()
    plain.wait_depth("q", of)  # a channel is closed before its quorum queue has its messages back


# -- beside a consumer ----------------------------------------------------------------------------


def test_a_consumer_beside_gets_every_message_once_and_in_order(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any]
) -> None:
    bodies = fill(plain, arguments)
    channel = plain.connection.channel()
    taken: list[tuple[int, bytes]] = []
    channel.basic_qos(prefetch_count=5)
    channel.basic_consume("q", lambda _channel, method, _properties, body: taken.append((method.delivery_tag, body)))
    wait_until(lambda: plain.connection.process_data_events(0.05) or len(taken) == 5, message="it is busy")

    with looking(broker) as lease:
        assert look(lease) == bodies[5:]
        for tag, _ in taken:
            channel.basic_ack(tag)
        plain.connection.process_data_events(0.2)
        assert len(taken) == 5  # there is nothing for it but what is held

    for done in range(5, COUNT):
        wait_until(lambda more=done: plain.connection.process_data_events(0.02) or len(taken) > more, message="more")
        channel.basic_ack(taken[done][0])
    assert [body for _, body in taken] == bodies
    channel.close()
    plain.wait_depth("q", 0)


def test_a_consumer_with_room_for_messages_is_deprived_of_none(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any]
) -> None:
    fill(plain, arguments, 0)
    channel = plain.connection.channel()
    taken: list[bytes] = []
    channel.basic_consume("q", lambda _channel, _method, _properties, body: taken.append(body), auto_ack=True)

    with connected(broker) as connection, Lease.open(connection, "q") as lease:
        for number in range(COUNT):
            plain.publish("", "q", b"%d" % number)
        assert look(lease) == []

    wait_until(lambda: plain.connection.process_data_events(0.05) or len(taken) == COUNT, message="it has all")


# -- content --------------------------------------------------------------------------------------


def test_a_message_comes_back_as_it_was_but_for_the_count_of_its_deliveries(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any]
) -> None:
    plain.channel.queue_declare("q", durable=True, arguments=arguments)
    properties = {
        "content_type": "application/json",
        "headers": {"text": "ä", "number": 7, "nested": {"list": [1, "two", None]}},
        "delivery_mode": 2,
        "correlation_id": "c",
        "message_id": "m",
        "timestamp": 1_700_000_000,
        "type": "orders.created",
        "app_id": "shop",
    }
    plain.publish("", "q", b"\x00\xff\x1b[31m", **properties)

    for _ in range(3):
        plain.wait_depth("q", 1)
        with looking(broker) as lease:
            assert look(lease) == [b"\x00\xff\x1b[31m"]

    (message,) = plain.drain("q")
    headers = message.headers
    counted = headers.pop("x-delivery-count", None)
    assert counted == (3 if arguments["x-queue-type"] == "quorum" else None)
    message.properties.headers = headers
    assert message.properties == pika.BasicProperties(**properties)
    assert message.body == b"\x00\xff\x1b[31m"


def test_what_is_acknowledged_is_gone_and_the_rest_keeps_its_order(
    broker: BrokerUnderTest, plain: PlainPika, arguments: dict[str, Any]
) -> None:
    bodies = fill(plain, arguments, 150)

    with looking(broker, rounds=MANY_CHANNELS, gone=50) as lease:
        held = [one for batch in lease.take(1_000) for one in batch]
        lease.ack(one.tag for one in held[::3])

    assert left(plain) == [body for place, body in enumerate(bodies) if place % 3]


def test_who_is_interrupted_while_messages_are_acknowledged_has_them_acknowledged_once(
    broker: BrokerUnderTest, plain: PlainPika, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(plain, QUEUES["quorum"])
    acknowledge = HoldingChannel.ack

    def interrupt(channel: HoldingChannel, tags: Sequence[int]) -> None:
        monkeypatch.undo()
        acknowledge(channel, tags)
        raise KeyboardInterrupt

    with connected(broker) as connection:
        lease = Lease.open(connection, "q")
        held = [one for batch in lease.take(COUNT) for one in batch]
        monkeypatch.setattr(HoldingChannel, "ack", interrupt)
        with pytest.raises(KeyboardInterrupt):
            lease.ack(one.tag for one in held[:20])
        lease.close()
    assert lease.is_settled
    plain.wait_depth("q", COUNT - 20)


# -- refusals -------------------------------------------------------------------------------------


def test_a_queue_that_is_not_there_is_named(broker: BrokerUnderTest) -> None:
    with connected(broker) as connection, pytest.raises(TopologyMissing, match="no queue 'q' on the broker"):
        Lease.open(connection, "q")


def test_a_queue_deleted_in_the_middle_is_named(broker: BrokerUnderTest, plain: PlainPika) -> None:
    fill(plain, QUEUES["quorum"])
    with looking(broker) as lease:
        taken = lease.take(1_000)
        next(taken)
        plain.channel.queue_delete("q")
        with pytest.raises(TopologyMissing, match="'q'"):
            list(taken)


def test_what_was_acknowledged_is_settled_once_its_queue_is_deleted(broker: BrokerUnderTest, plain: PlainPika) -> None:
    fill(plain, QUEUES["quorum"])
    with connected(broker) as connection:
        lease = Lease.open(connection, "q")
        for batch in lease.take(COUNT):
            lease.ack(held.tag for held in batch)
        plain.channel.queue_delete("q")
        lease.close()
    assert lease.is_settled


def test_a_queue_that_a_consumer_has_for_itself_is_refused(broker: BrokerUnderTest, plain: PlainPika) -> None:
    fill(plain, QUEUES["classic"])
    plain.channel.basic_qos(prefetch_count=1)
    plain.channel.basic_consume("q", lambda *_: None, exclusive=True)
    with pytest.raises(BrokerRefused, match="has queue 'q' for itself"), looking(broker) as lease:
        look(lease)


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_queue_with_a_single_active_consumer_says_why_it_delivers_nothing(
    broker: BrokerUnderTest, plain: PlainPika, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warren.operations.lease._PATIENCE", 0.3)
    fill(plain, {"x-queue-type": kind, "x-single-active-consumer": True})
    plain.channel.basic_qos(prefetch_count=1)
    plain.channel.basic_consume("q", lambda *_: None)
    with pytest.raises(BrokerRefused, match="its single active one"), looking(broker) as lease:
        look(lease)
