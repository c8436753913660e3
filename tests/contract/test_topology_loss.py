"""What the queues of a consumer must not lose: retries that come back, rejects, expiry, overflow, and looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pika
import pika.exceptions
import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.declaring import TopologyUnderTest, topology_of
from tests.support.plain import PlainPika
from warren.topology import Overflow, Queue, QueueType, consumer_topology, queue_arguments

BOTH = pytest.mark.parametrize("kind", list(QueueType))


@contextmanager
def on(broker: BrokerUnderTest) -> Iterator[tuple[TopologyUnderTest, PlainPika]]:
    with topology_of(broker) as topology, PlainPika(broker.url) as plain:
        plain.channel.confirm_delivery()
        yield topology, plain


def fill(plain: PlainPika, queue: str) -> int:
    """Publish until the queue refuses, and return how many it took."""
    for taken in range(50):
        try:
            plain.publish("", queue, b"filler", delivery_mode=2)
        except pika.exceptions.NackError:
            return taken
    raise AssertionError(f"{queue} never refused")


# -- retry tiers ----------------------------------------------------------------------------


@BOTH
def test_a_message_comes_back_from_its_tier_unchanged(broker: BrokerUnderTest, kind: QueueType) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work", type=kind), delays=["300ms"]))
        plain.publish("", "work.retry.300ms", b"once more", message_id="m-1", priority=3, headers={"x-warren-try": 2})
        back = plain.take("work")
        assert (back.body, back.properties.message_id, back.properties.priority) == (b"once more", "m-1", 3)
        assert back.headers["x-warren-try"] == 2
        assert back.headers["x-death"][0]["reason"] == "expired"


def test_a_tier_returns_messages_in_the_order_of_their_coming(broker: BrokerUnderTest) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work"), delays=["300ms"]))
        for number in range(20):
            plain.publish("", "work.retry.300ms", b"%d" % number)
        plain.wait_depth("work", 20)
        assert [message.body for message in plain.drain("work")] == [b"%d" % number for number in range(20)]


def test_what_comes_back_to_a_full_or_absent_queue_is_kept_and_tried_again(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    broker = private_broker()
    # The broker tries again after three minutes; here after one second.
    broker.look_at_timeouts_often()
    consumers = {
        kind: consumer_topology(Queue(kind, type=kind, max_length=2), delays=["300ms"])
        for kind in ("quorum", "classic")
    }
    absent = consumer_topology(Queue("absent"), delays=["300ms"])
    expected = {b"%d" % number for number in range(5)}
    with on(broker) as (topology, plain):
        topology.apply(consumers["quorum"] | consumers["classic"] | absent)
        plain.channel.queue_delete("absent")
        for kind in consumers:
            fill(plain, kind)
        for name in (*consumers, "absent"):
            for body in sorted(expected):
                plain.publish("", f"{name}.retry.300ms", body, delivery_mode=2)
        for name in (*consumers, "absent"):
            wait_until(
                lambda tier=f"{name}.retry.300ms": topology.management.queue_depth("/", tier).dead_lettering == 5,
                timeout=30.0,
                message=f"the tier of {name} holds what it could not deliver",
            )
        topology.apply(absent)
        for name in (*consumers, "absent"):
            back: set[bytes] = set()
            while not back >= expected:
                back.add(plain.take(name, timeout=30.0).body)


def test_a_classic_tier_would_lose_what_comes_back_to_a_full_queue(broker: BrokerUnderTest) -> None:
    """The reason why tiers are quorum queues, even beside a classic queue."""
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work", type="classic", max_length=2)))
        topology.declare(
            Queue(
                "tier",
                type="classic",
                message_ttl="300ms",
                dead_letter_exchange="",
                dead_letter_routing_key="work",
            )
        )
        fill(plain, "work")
        plain.publish("", "tier", b"retried", delivery_mode=2)
        plain.wait_depth("tier", 0)
        assert b"retried" not in {message.body for message in plain.drain("work")}
        assert plain.depth("work.dead") == 0
        wait_until(lambda: topology.management.queue_depth(broker.vhost, "tier").total == 0)


# -- into the dead-letter queue ----------------------------------------------------------------


@BOTH
def test_a_rejected_message_ends_in_the_dead_letter_queue(broker: BrokerUnderTest, kind: QueueType) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work", type=kind)))
        plain.publish("", "work", b"bad", delivery_mode=2)
        method, _, _ = wait_until(lambda: (got := plain.channel.basic_get("work"))[0] and got)
        plain.channel.basic_reject(method.delivery_tag, requeue=False)
        assert plain.take("work.dead").headers["x-death"][0]["reason"] == "rejected"


@BOTH
def test_an_expired_message_ends_in_the_dead_letter_queue(broker: BrokerUnderTest, kind: QueueType) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work", type=kind, message_ttl="200ms")))
        plain.publish("", "work", b"late", delivery_mode=2)
        assert plain.take("work.dead").headers["x-death"][0]["reason"] == "expired"


@BOTH
def test_what_a_queue_that_drops_its_head_drops_ends_in_the_dead_letter_queue(
    broker: BrokerUnderTest, kind: QueueType
) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work", type=kind, max_length=2, overflow="drop-head")))
        for number in range(5):
            plain.publish("", "work", b"%d" % number, delivery_mode=2)
        plain.wait_depth("work.dead", 3)
        assert [message.body for message in plain.drain("work.dead")] == [b"0", b"1", b"2"]
        assert [message.body for message in plain.drain("work")] == [b"3", b"4"]


def test_a_message_beyond_the_delivery_limit_ends_in_the_dead_letter_queue(broker: BrokerUnderTest) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work", delivery_limit=2)))
        plain.publish("", "work", b"poison", delivery_mode=2)

        def put_back() -> bool:
            method, _, _ = plain.channel.basic_get("work")
            if method is not None:
                plain.channel.basic_reject(method.delivery_tag, requeue=True)
            return plain.depth("work.dead") == 1

        wait_until(put_back)
        assert plain.take("work.dead").headers["x-death"][0]["reason"] == "delivery_limit"


@BOTH
def test_a_dead_letter_survives_any_number_of_looks_in_its_place(broker: BrokerUnderTest, kind: QueueType) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work", type=kind)))
        for number in range(3):
            plain.publish("", "work.dead", b"%d" % number, delivery_mode=2)
        looks = 30  # RabbitMQ 4 would drop a message after 20 by default, 3.10 with a limit of -1 after one.
        for _ in range(looks):
            seen = []
            tag = 0
            while len(seen) < 3:
                method, _, body = wait_until(lambda: (got := plain.channel.basic_get("work.dead"))[0] and got)
                seen.append(body)
                tag = method.delivery_tag
            assert seen == [b"0", b"1", b"2"]
            plain.channel.basic_nack(tag, multiple=True, requeue=True)
        plain.wait_depth("work.dead", 3)


# -- length limits ---------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("limit", [{"max_length": 3}, {"max_length_bytes": 60}], ids=["messages", "bytes"])
def test_a_full_queue_refuses_by_default_and_loses_nothing(
    broker: BrokerUnderTest, kind: QueueType, limit: dict[str, int]
) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work", type=kind, **limit)))
        taken = fill(plain, "work")
        plain.wait_depth("work", taken)
        assert plain.depth("work.dead") == 0


def test_a_classic_queue_may_refuse_and_dead_letter(broker: BrokerUnderTest) -> None:
    with on(broker) as (topology, plain):
        queue = Queue("work", type="classic", max_length=1, overflow=Overflow.REJECT_PUBLISH_DLX)
        topology.apply(consumer_topology(queue))
        plain.publish("", "work", b"first", delivery_mode=2)
        with pytest.raises(pika.exceptions.NackError):
            plain.publish("", "work", b"second", delivery_mode=2)
        assert plain.take("work.dead").body == b"second"


def test_a_quorum_queue_takes_the_longest_delay_there_is(broker: BrokerUnderTest) -> None:
    with on(broker) as (topology, plain):
        consumer = consumer_topology(Queue("work"), delays=[4_294_967.295])
        topology.apply(consumer)
        tier = consumer.queues[1]
        assert queue_arguments(tier)["x-message-ttl"] == 2**32 - 1
        plain.publish("", tier.name, b"in seven weeks", delivery_mode=2)
        plain.wait_depth(tier.name, 1)
