"""What only quorum queues do: count failed deliveries, give up, and let high priorities go first."""

from __future__ import annotations

import pytest

from tests.support.broker_stage import Stage, waiting
from warren.broker.settings import Profile


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_redelivery_tells_how_often_it_failed(stage: Stage) -> None:
    queue = stage.queue(quorum=True)
    client = stage.client()
    client.consume(queue, "x")
    stage.publish("a", headers={"h": "v"})
    client.requeue()
    client.requeue()
    assert client.headers == [
        {"h": "v"},
        {"h": "v", "x-delivery-count": 1},
        {"h": "v", "x-delivery-count": 2},
    ]
    assert client.heard == ["x:a", "x:a*", "x:a*"]


def test_a_closed_channel_is_a_failed_delivery_too(stage: Stage) -> None:
    queue = stage.queue(quorum=True)
    stage.publish("a")
    client = stage.client()
    client.get(queue)
    client.close()
    assert queue.head().deliveries == 1


def test_storage_is_told_the_count(stage: Stage) -> None:
    queue = stage.queue(quorum=True)
    stage.publish("a")
    client = stage.client()
    client.get(queue)
    client.requeue()
    assert [count for _, count in stage.storage.requeues] == [1]


def test_a_classic_queue_does_not_count(stage: Stage) -> None:
    queue = stage.queue()
    client = stage.client()
    client.consume(queue, "x")
    stage.publish("a")
    client.requeue()
    assert client.headers == [{}, {}]
    assert stage.storage.requeues == []


@pytest.mark.parametrize(("options", "deliveries"), [({}, 21), ({"delivery_limit": 0}, 1), ({"delivery_limit": 3}, 4)])
def test_after_so_many_failures_it_is_gone(stage: Stage, options: dict[str, int], deliveries: int) -> None:
    queue = stage.queue(quorum=True, **options)
    stage.publish("a")
    client = stage.client()
    count = 0
    while client.get(queue) is not None:
        count += 1
        client.requeue()
    assert count == deliveries
    assert len(stage.storage.acknowledged) == 1


def test_rabbitmq_3_10_never_gave_up_by_itself_and_knew_no_priorities() -> None:
    stage = Stage(profile=Profile.RABBITMQ_3_10)
    queue = stage.queue(quorum=True)
    stage.publish("a", priority=0)
    stage.publish("b", priority=9)
    assert waiting(queue) == ["a", "b"]
    client = stage.client()
    for _ in range(50):
        assert client.get(queue) is not None
        client.requeue()
    assert queue.ready_count == 2


def test_high_priorities_go_first_without_starving_the_others(stage: Stage) -> None:
    queue = stage.queue(quorum=True)
    for number in range(4):
        stage.publish(f"n{number}")
    for number in range(4):
        stage.publish(f"h{number}", priority=5 + number)
    client = stage.client()
    client.consume(queue, "x", no_ack=True)
    assert [body[2:] for body in client.heard] == ["h0", "h1", "n0", "h2", "h3", "n1", "n2", "n3"]
