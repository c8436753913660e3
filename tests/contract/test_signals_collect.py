"""Samples of real brokers: what each way of seeing tells, and what looking into queues does to them, which is nothing.

Not here: what samples mean (tests/unit/signals), and findings (test_signals_findings.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.diagnosing import in_background, settings, wait_counted
from tests.support.plain import PlainPika
from warren.clock import ManualClock
from warren.config import BrokerSettings
from warren.errors import BrokerRefused, BrokerUnavailable, ConfigurationError, TopologyMissing, WarrenError
from warren.reliability.dead_letter import FINGERPRINT
from warren.signals.collect import Collector
from warren.signals.samples import Failure
from warren.signals.through_management import RETRY_AFTER, RETRY_SOON, ManagementDoor
from warren.transport.declare import ChannelDeclarer, QueueCount, QueueDown

QUEUE, DEAD, TIER = "billing.invoices", "billing.invoices.dead", "billing.invoices.retry.1s"


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


def wait_known(broker: BrokerUnderTest, **depths: int) -> None:
    """Wait until the management API tells these depths."""
    wait_until(
        lambda: all(
            (broker.api("GET", f"queues/{{vhost}}/{name.replace('__', '.')}") or {}).get("messages") == depth
            for name, depth in depths.items()
        ),
        timeout=20.0,
        message=f"{depths} are known",
    )


def test_the_management_api_tells_of_all_queues_and_of_consumers(broker: BrokerUnderTest, plain: PlainPika) -> None:
    for name in (QUEUE, DEAD, TIER, "other"):
        plain.declare(name)
    for number in range(5):
        plain.publish("", QUEUE, b"{}", message_id=str(number))
    plain.channel.basic_qos(prefetch_count=2)
    plain.channel.basic_consume(QUEUE, lambda *_: None)
    with Collector(settings(broker)) as collector:
        sample = wait_until(
            lambda: (
                seen
                if (seen := collector.sample()).queues.keys() == {QUEUE, DEAD, TIER, "other"}
                and seen.queues[QUEUE].unacked == 2
                and seen.queues[QUEUE].published
                else None
            ),
            timeout=30.0,
            interval=0.5,
        )
    queue = sample.queues[QUEUE]
    assert (queue.ready, queue.unacked, queue.consumers, queue.prefetch) == (3, 2, 1, 2)
    assert (queue.type, queue.published) == ("quorum", 5)
    assert sample.broker.version == broker.version
    assert sample.broker.cluster_name
    assert (sample.broker.connections or 0) >= 1
    assert (sample.broker.channels or 0) >= 1
    (node,) = sample.broker.nodes
    assert (node.is_running, node.partitions) == (True, ())
    assert (node.uptime or 0) > 0
    assert sample.unknown == ()


def test_named_queues_come_with_those_kept_beside_them(broker: BrokerUnderTest, plain: PlainPika) -> None:
    for name in (QUEUE, DEAD, TIER, "other"):
        plain.declare(name)
    wait_counted(broker, QUEUE, DEAD, TIER)
    with Collector(settings(broker), queues=[QUEUE]) as collector:
        assert collector.sample().queues.keys() == {QUEUE, DEAD, TIER}


def test_amqp_alone_tells_of_named_queues_what_is_ready_and_how_many_consumers(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    for name in (QUEUE, DEAD, TIER):
        plain.declare(name)
    plain.publish("", QUEUE, b"{}")
    plain.publish("", TIER, b"{}")
    plain.wait_depth(QUEUE, 1)
    plain.wait_depth(TIER, 1)
    alone = BrokerSettings.parse(broker.url)
    with Collector(alone, queues=[QUEUE, TIER]) as collector:
        sample = collector.sample()
    assert {name: (one.ready, one.consumers) for name, one in sample.queues.items()} == {
        QUEUE: (1, 0),
        DEAD: (0, 0),
        TIER: (1, 0),
    }
    assert all(one.unacked is None and one.published is None for one in sample.queues.values())
    assert sample.unknown[0].startswith("unacked messages, rates, redeliveries")
    assert "management=http://host:15672" in sample.unknown[1]
    with Collector(alone, queues=["gone"]) as collector, pytest.raises(TopologyMissing, match="no queue 'gone'"):
        collector.sample()
    with Collector(alone) as collector, pytest.raises(ConfigurationError, match="nothing lists the queues"):
        collector.sample()


def test_a_management_api_that_goes_away_leaves_the_queues_it_told_of_and_is_asked_again_later(
    broker: BrokerUnderTest, plain: PlainPika, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain.declare(QUEUE)
    wait_known(broker, billing__invoices=0)
    clock = ManualClock()
    with Collector(settings(broker), clock=clock) as collector:
        assert collector.sample().queues[QUEUE].unacked == 0
        with monkeypatch.context() as patched:
            patched.setattr(
                "warren.management.client.ManagementClient.queues",
                lambda *_: (_ for _ in ()).throw(BrokerUnavailable("the plugin is off")),
            )
            sample = collector.sample()
            assert sample.queues[QUEUE].unacked is None
            assert sample.unknown[1] == "why: the plugin is off"
        assert collector.sample().queues[QUEUE].unacked is None  # not asked: it might take long to say nothing
        clock.advance(RETRY_AFTER)
        assert collector.sample().queues[QUEUE].unacked == 0


@pytest.mark.parametrize(
    ("error", "after"), [(BrokerUnavailable("no answer"), RETRY_SOON), (BrokerRefused("wrong login"), RETRY_AFTER)]
)
def test_an_api_that_said_no_at_once_is_asked_again_soon_unless_it_was_a_refusal(
    broker: BrokerUnderTest, monkeypatch: pytest.MonkeyPatch, error: WarrenError, after: float
) -> None:
    asked, clock = [], ManualClock()

    def refuse(*_: object) -> None:
        asked.append(clock.monotonic())
        raise error

    monkeypatch.setattr("warren.management.client.ManagementClient.queues", refuse)
    with Collector(settings(broker), queues=["gone"], may_be_missing=True, clock=clock) as collector:
        for passed in (0.0, after / 2, after / 2):
            clock.advance(passed)
            collector.sample()
    assert len(asked) == 2


def test_a_queue_that_may_be_missing_is_told_of_and_the_others_are_seen(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    plain.declare(QUEUE)
    wait_counted(broker, QUEUE)
    for way in (settings(broker), BrokerSettings.parse(broker.url)):
        with Collector(way, queues=[QUEUE, "billing.refunds"], may_be_missing=True) as collector:
            sample = collector.sample()
        assert sample.queues.keys() == {QUEUE}
        assert any("no queue 'billing.refunds'" in line for line in sample.unknown)


def test_dead_letters_are_looked_at_once_and_again_when_there_are_others_and_stay_in_their_order(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    plain.declare(QUEUE)
    plain.declare(DEAD, **{"x-delivery-limit": 2**31 - 1})
    for number in range(3):
        plain.publish("", DEAD, b"{}", message_id=str(number), headers={FINGERPRINT: "ValueError@a.py:b"})
    wait_known(broker, billing__invoices__dead=3)
    clock = ManualClock()
    with Collector(settings(broker), clock=clock, look_again=10.0) as collector:
        assert collector.sample().dead == {DEAD: (Failure("ValueError@a.py:b", 3, "", "", "0"),)}
        plain.publish("", DEAD, b"{}", message_id="3", type="t")
        wait_known(broker, billing__invoices__dead=4)
        assert [one.count for one in collector.sample().dead[DEAD]] == [3]  # too soon
        clock.advance(10.0)
        assert [one.count for one in collector.sample().dead[DEAD]] == [3, 1]
        plain.wait_depth(DEAD, 4)
        assert [one.properties.message_id for one in plain.drain(DEAD)] == ["0", "1", "2", "3"]
        wait_known(broker, billing__invoices__dead=0)
        assert collector.sample().dead == {}  # what they were says nothing any more


def test_over_amqp_a_queue_whose_node_is_down_is_told_and_the_others_are_seen(
    broker: BrokerUnderTest, plain: PlainPika, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (QUEUE, DEAD):
        plain.declare(name)
    count = ChannelDeclarer.count_queue

    def count_or_fail(declarer: ChannelDeclarer, name: str) -> QueueCount:
        if name == QUEUE:
            raise QueueDown("its node is down")  # one node alone cannot be brought to say so
        return count(declarer, name)

    monkeypatch.setattr(ChannelDeclarer, "count_queue", count_or_fail)
    with Collector(BrokerSettings.parse(broker.url), queues=[QUEUE]) as collector:
        sample = collector.sample()
    assert sample.queues.keys() == {DEAD}
    assert "its node is down" in sample.unknown


def test_without_looking_nothing_is_taken(broker: BrokerUnderTest, plain: PlainPika) -> None:
    plain.declare(DEAD, **{"x-delivery-limit": 2**31 - 1})
    plain.publish("", DEAD, b"{}")
    wait_known(broker, billing__invoices__dead=1)
    with Collector(settings(broker), look=False) as collector:
        assert collector.sample().dead == {}
    assert not plain.take(DEAD).redelivered


def test_a_head_is_looked_at_only_where_messages_come_back(broker: BrokerUnderTest, plain: PlainPika) -> None:
    plain.declare(QUEUE, **{"x-queue-type": "classic"})
    plain.publish("", QUEUE, b"{}", message_id="poison", type="orders.created")

    def give_back(channel: object) -> None:
        method, _, _ = channel.basic_get(QUEUE)
        if method is not None:
            channel.basic_nack(method.delivery_tag, requeue=True)

    with Collector(settings(broker)) as collector:
        wait_until(lambda: QUEUE in collector.sample().queues, timeout=30.0, interval=0.5)
        assert collector.sample().heads == {}
        with in_background(broker.url, give_back, every=0.1):
            heads = wait_until(lambda: collector.sample().heads, timeout=30.0, interval=0.5)
    assert heads == {QUEUE: (Failure("redelivered@orders.created", 1, "redelivered", "orders.created", "poison"),)}
    plain.wait_depth(QUEUE, 1)


def test_the_only_message_is_found_though_its_consumer_holds_it_nearly_all_the_time(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    plain.declare(QUEUE, **{"x-queue-type": "classic"})
    plain.publish("", QUEUE, b"{}", message_id="poison", type="orders.created")

    def give_back(channel: Any) -> None:
        for number, (method, _, _) in enumerate(channel.consume(QUEUE, inactivity_timeout=0.1)):
            if method is not None:
                channel.basic_nack(method.delivery_tag, requeue=True)
            if number == 20:
                return  # still subscribed

    with Collector(settings(broker)) as collector, in_background(broker.url, give_back, every=0.01):
        heads = wait_until(lambda: collector.sample().heads, timeout=30.0, interval=0.5)
    assert heads == {QUEUE: (Failure("redelivered@orders.created", 1, "redelivered", "orders.created", "poison"),)}


@pytest.mark.parametrize(("tag", "unknown"), [("management", "alarms: "), ("", "unacked messages, rates")])
def test_a_user_who_may_see_less_is_told_what_is_not_known(
    broker: BrokerUnderTest, plain: PlainPika, tag: str, unknown: str
) -> None:
    plain.declare(QUEUE)
    wait_counted(broker, QUEUE)
    name = f"user-{broker.vhost}-{tag}"
    broker.api("PUT", f"users/{name}", {"password": "p", "tags": tag})
    broker.api("PUT", f"permissions/{{vhost}}/{name}", {"configure": ".*", "write": ".*", "read": ".*"})
    try:
        management = broker.management_url.replace("guest:guest@", "")  # without a login of its own
        user = replace(settings(broker), user=name, password="p", management=management)
        with Collector(user, queues=[QUEUE]) as collector:
            sample = collector.sample()
    finally:
        broker.api("DELETE", f"users/{name}")
    assert sample.queues[QUEUE].ready == 0
    assert sample.unknown[0].startswith(unknown)


def test_the_door_is_closed_with_its_client(broker: BrokerUnderTest) -> None:
    clock = ManualClock()
    door = ManagementDoor(clock, timeout=5.0)
    door.close()
    door.close()
    with Collector(settings(broker), clock=clock) as collector:
        collector.sample()
        collector.close()
        assert collector.sample().broker.version == broker.version  # opened again
