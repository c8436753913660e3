"""Deliveries that are not acknowledged for too long."""

from __future__ import annotations

from tests.support.broker_stage import Client, Stage
from warren.broker.model.overdue import OverdueWatch


def watched(*clients: Client) -> None:
    stage = clients[0].stage
    OverdueWatch(stage.node, lambda: [client.channel for client in clients]).start()


def test_the_channel_is_closed_with_the_words_of_rabbitmq() -> None:
    stage = Stage(consumer_timeout=100.0)
    queue = stage.queue()
    client = stage.client()
    watched(client)
    client.consume(queue, "x")
    stage.publish("a")
    stage.wait(99.0)
    assert client.failures == []
    stage.wait(21.0)
    code, explanation = client.failures[0]
    assert code == 406
    assert explanation == (
        "delivery acknowledgement on channel 1 timed out. Timeout value used: 100000 ms. "
        "This timeout value can be configured, see consumers doc guide to learn more"
    )


def test_a_channel_that_acknowledges_in_time_is_left_alone() -> None:
    stage = Stage(consumer_timeout=100.0)
    queue = stage.queue()
    client = stage.client()
    watched(client)
    client.consume(queue, "x")
    for _ in range(10):
        stage.publish("a", "b")
        stage.wait(40.0)
        client.ack(multiple=True)
    assert client.failures == []


def test_the_oldest_delivery_counts_although_younger_ones_are_settled() -> None:
    stage = Stage(consumer_timeout=100.0)
    queue = stage.queue()
    client, other = stage.client(), stage.client()
    watched(client, other)
    client.consume(queue, "x")
    stage.publish("a")
    for _ in range(12):
        stage.publish("b")
        client.ack()
        stage.wait(10.0)
    assert client.failures
    assert other.failures == []


def test_a_queue_may_have_a_timeout_of_its_own() -> None:
    stage = Stage(consumer_timeout=100.0)
    queue = stage.queue()
    queue.apply_policy({"consumer-timeout": 30_000})
    client = stage.client()
    watched(client)
    client.consume(queue, "x")
    stage.publish("a")
    stage.wait(45.0)
    assert "Timeout value used: 30000 ms" in client.failures[0][1]
