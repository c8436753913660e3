"""What the management client reads of queues, consumers and nodes, against real brokers.

Not here: topologies (test_topology_management.py), and what signals make of it (tests/unit/signals).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.broker import management_call
from tests.support.plain import PlainPika
from warren.config import BrokerSettings
from warren.errors import BrokerRefused
from warren.management.client import ManagementClient
from warren.management.queues import MessageTotals, QueueStatistics
from warren.management.settings import ManagementSettings


@pytest.fixture
def settings(broker: BrokerUnderTest) -> ManagementSettings:
    return ManagementSettings.of(BrokerSettings.parse(f"{broker.url}?management={broker.management_url}"))


@pytest.fixture
def management(settings: ManagementSettings) -> Iterator[ManagementClient]:
    with ManagementClient(settings) as client:
        yield client


def told(management: ManagementClient, broker: BrokerUnderTest, name: str) -> QueueStatistics:
    return next(one for one in management.queues(broker.vhost) if one.name == name)


def test_a_queue_tells_what_it_holds_and_what_went_through_it(
    broker: BrokerUnderTest, management: ManagementClient
) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare("work", **{"x-delivery-limit": 9})
        plain.channel.confirm_delivery()
        for _ in range(5):
            plain.publish("", "work", b"", delivery_mode=2)
        # One is acknowledged by being sent, one after it came twice, one stays unacked.
        assert wait_until(lambda: plain.channel.basic_get("work", auto_ack=True)[0])
        method, _, _ = plain.channel.basic_get("work")
        plain.channel.basic_nack(method.delivery_tag, requeue=True)
        method, _, _ = wait_until(lambda: (got := plain.channel.basic_get("work"))[0] and got)
        plain.channel.basic_ack(method.delivery_tag)
        plain.channel.basic_get("work")
        expected = MessageTotals(published=5, delivered=4, auto_acked=1, redelivered=1, acked=1)
        queue = wait_until(
            # Totals, counts and state come from statistics of their own.
            lambda: (
                (found := told(management, broker, "work")).totals == expected
                and (found.unacked, found.state, found.dead_lettering) == (1, "running", 0)
                and found
            ),
            timeout=30.0,
            message=lambda: str(told(management, broker, "work")),
        )
    assert (queue.type, queue.state, queue.ready, queue.dead_lettering) == ("quorum", "running", 2, 0)
    assert queue.arguments["x-delivery-limit"] == 9
    assert queue.delivery_limit in (9, None if broker.version.startswith("3.") else 9)


def test_a_queue_tells_what_policies_make_of_it(broker: BrokerUnderTest, management: ManagementClient) -> None:
    policy = {"pattern": "^work$", "definition": {"delivery-limit": 7}, "priority": 1, "apply-to": "queues"}
    broker.api("PUT", "policies/{vhost}/limits", policy)
    with PlainPika(broker.url) as plain:
        plain.declare("work")
        queue = wait_until(
            lambda: (found := told(management, broker, "work")).policy and found,
            timeout=30.0,
            message="the policy applies",
        )
    assert (queue.policy, queue.operator_policy, queue.settings) == ("limits", None, {"delivery-limit": 7})


def test_a_queue_that_was_just_declared_is_listed_though_it_tells_nothing_yet(
    broker: BrokerUnderTest, management: ManagementClient
) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare("young")
        queue = told(management, broker, "young")
    assert (queue.name, queue.type, queue.totals) == ("young", "quorum", None)
    assert queue.ready in (0, None)


def test_consumers_tell_their_queue_and_their_prefetch(broker: BrokerUnderTest, management: ManagementClient) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare("work")
        for prefetch, automatic in ((7, False), (0, False), (3, True)):
            channel = plain.connection.channel()
            channel.basic_qos(prefetch_count=prefetch)
            channel.basic_consume("work", lambda *_: None, auto_ack=automatic)
        found = wait_until(
            lambda: len(known := management.consumers(broker.vhost)) == 3 and known,
            timeout=30.0,
            message=lambda: str(management.consumers(broker.vhost)),
        )
    assert {one.queue for one in found} == {"work"}
    assert {one.prefetch for one in found if one.needs_acks} == {7, 0}
    assert {one.user for one in found} == {"guest"}
    assert len({one.tag for one in found}) == 3
    if not broker.version.startswith("3."):
        assert {one.timeout for one in found} == {1800.0}


def test_nodes_tell_their_alarms(broker: BrokerUnderTest, management: ManagementClient) -> None:
    (node,) = wait_until(
        lambda: (found := management.nodes())[0].memory_alarm is not None and found,
        timeout=30.0,
        message=lambda: str(management.nodes()),
    )
    assert node.is_running
    assert node.alarms == ()
    assert node.memory_used
    assert node.memory_limit
    assert node.disk_free
    assert node.disk_limit is not None


def test_nodes_are_refused_to_a_user_without_the_tag_and_queues_are_not(
    broker: BrokerUnderTest, settings: ManagementSettings
) -> None:
    port = broker.node.management_port
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    management_call(port, "PUT", "users/plain", {"password": "plain", "tags": "management"})
    management_call(port, "PUT", f"permissions/{broker.vhost}/plain", everything)
    try:
        with ManagementClient(replace(settings, user="plain", password="plain")) as client:
            assert client.queues(broker.vhost) == ()
            assert client.consumers(broker.vhost) == ()
            with pytest.raises(BrokerRefused, match="refused user 'plain'"):
                client.nodes()
    finally:
        management_call(port, "DELETE", "users/plain")
