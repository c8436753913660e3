"""The queues of one consumer, as values."""

from __future__ import annotations

import pytest

from warren.errors import ConfigurationError
from warren.topology import (
    DEFAULT_EXCHANGE,
    Binding,
    Exchange,
    Headers,
    Queue,
    QueueType,
    Topology,
    consumer_topology,
    queue_arguments,
)

orders = Exchange("orders", "topic")


def names(topology: Topology) -> list[str]:
    return [queue.name for queue in topology.queues]


def queue(topology: Topology, name: str) -> Queue:
    return next(one for one in topology.queues if one.name == name)


def test_the_ways_out_come_before_the_queue_and_the_queue_before_its_bindings() -> None:
    topology = consumer_topology(Queue("billing"), bindings=[(orders, "orders.*")], delays=["10s", 1])
    assert topology.exchanges == (orders,)
    assert names(topology) == ["billing.dead", "billing.retry.1s", "billing.retry.10s", "billing"]
    assert topology.bindings == (Binding("orders", "billing", routing_key="orders.*"),)


def test_the_broker_dead_letters_to_the_dead_letter_queue_at_least_once() -> None:
    arguments = queue_arguments(queue(consumer_topology(Queue("billing")), "billing"))
    assert arguments["x-dead-letter-exchange"] == ""
    assert arguments["x-dead-letter-routing-key"] == "billing.dead"
    assert arguments["x-dead-letter-strategy"] == "at-least-once"
    assert arguments["x-overflow"] == "reject-publish"


def test_a_queue_that_drops_its_head_dead_letters_at_most_once() -> None:
    # The broker has at-least-once only for queues that reject.
    main = Queue("billing", max_length=10, overflow="drop-head")
    arguments = queue_arguments(queue(consumer_topology(main), "billing"))
    assert "x-dead-letter-strategy" not in arguments
    assert arguments["x-dead-letter-routing-key"] == "billing.dead"


@pytest.mark.parametrize("kind", list(QueueType))
def test_a_tier_is_a_quorum_queue_that_returns_its_messages_at_least_once(kind: QueueType) -> None:
    # A classic tier would lose what comes back to a full queue: see tests/contract/test_topology_loss.py.
    topology = consumer_topology(Queue("billing", type=kind), delays=["10s"])
    assert queue_arguments(queue(topology, "billing.retry.10s")) == {
        "x-queue-type": "quorum",
        "x-message-ttl": 10_000,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "billing",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_the_dead_letter_queue_has_no_ttl_and_survives_being_looked_at() -> None:
    topology = consumer_topology(Queue("billing", message_ttl="1m", expires="1h", max_length=5, delivery_limit=3))
    assert queue_arguments(queue(topology, "billing.dead")) == {
        "x-queue-type": "quorum",
        "x-delivery-limit": 2**31 - 1,
    }


def test_the_dead_letter_queue_of_a_transient_classic_queue_is_durable() -> None:
    topology = consumer_topology(Queue("billing", type="classic", durable=False), delays=[1])
    assert [one.durable for one in topology.queues] == [True, True, False]
    assert queue_arguments(queue(topology, "billing.dead")) == {"x-queue-type": "classic"}


def test_replication_is_the_same_for_all_queues_of_a_consumer() -> None:
    main = Queue("billing", arguments={"x-quorum-initial-group-size": 5, "x-other": 1})
    topology = consumer_topology(main, delays=[1])
    for name in ("billing.dead", "billing.retry.1s"):
        assert queue(topology, name).arguments == {"x-quorum-initial-group-size": 5}


def test_delays_that_are_the_same_share_a_tier() -> None:
    assert names(consumer_topology(Queue("q"), delays=["60s", "1m", 60])) == ["q.dead", "q.retry.1m", "q"]


def test_an_external_queue_is_left_as_it_is_and_gets_its_ways_out() -> None:
    external = Queue("legacy", type="classic", external=True)
    topology = consumer_topology(external, delays=["1s"])
    assert names(topology) == ["legacy.dead", "legacy.retry.1s", "legacy"]
    assert queue(topology, "legacy") is external
    assert not queue(topology, "legacy.dead").external


def test_a_dead_letter_exchange_of_the_users_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Warren dead-letters to 'q\.dead'.*external=True"):
        consumer_topology(Queue("q", dead_letter_exchange="dlx"))


def test_a_queue_whose_tiers_names_would_be_too_long_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="limited to 255 bytes"):
        consumer_topology(Queue("q" * 250), delays=["1s"])


def test_a_consumer_may_bind_by_headers() -> None:
    crm = Exchange("crm", "headers")
    topology = consumer_topology(Queue("q"), bindings=[(crm, Headers(any_={"region": "eu"}))])
    assert topology.bindings == (Binding("crm", "q", arguments={"x-match": "any", "region": "eu"}),)


def test_the_default_exchange_cannot_be_bound() -> None:
    with pytest.raises(ConfigurationError, match="cannot be bound"):
        consumer_topology(Queue("q"), bindings=[(DEFAULT_EXCHANGE, "q")])
