"""What gets too old: messages with a time to live, and queues nobody uses."""

from __future__ import annotations

import pytest

from tests.support.broker_stage import Stage, waiting


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(params=[False, True], ids=["classic", "quorum"])
def quorum(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_message_is_dropped_when_its_time_has_come(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, message_ttl=1000)
    stage.publish("a")
    stage.wait(0.5)
    stage.publish("b")
    stage.wait(0.499)
    assert waiting(queue) == ["a", "b"]
    stage.wait(0.001)
    assert waiting(queue) == ["b"]
    stage.wait(0.5)
    assert waiting(queue) == []
    assert (queue.ready_bytes, queue.dropped, len(stage.storage.acknowledged)) == (0, 2, 2)


def test_the_sooner_of_queue_and_publisher_counts(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, message_ttl=1000)
    stage.publish("a", expiration="200")
    stage.wait(0.2)
    assert waiting(queue) == []
    stage.publish("b", expiration="5000")
    stage.wait(1.0)
    assert waiting(queue) == []


def test_only_the_head_expires(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a", expiration="100000")
    stage.publish("b", expiration="100")
    stage.publish("c")
    stage.publish("d", expiration="50")
    stage.wait(1.0)
    assert waiting(queue) == ["a", "b", "c", "d"]
    client = stage.client()
    assert [client.get(queue) for _ in range(3)] == ["a", "c", None]


def test_a_new_head_is_watched(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a", expiration="100000")
    stage.publish("b", expiration="100")
    stage.client().get(queue)
    stage.wait(0.1)
    assert waiting(queue) == []


def test_a_delivered_message_does_not_expire_until_it_is_back(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a", expiration="100")
    stage.publish("b")
    client = stage.client()
    client.get(queue)
    stage.wait(1.0)
    client.requeue()
    assert waiting(queue) == ["b"]


def test_with_a_time_to_live_of_0_only_a_waiting_consumer_gets_it(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, message_ttl=0)
    stage.publish("a")
    assert waiting(queue) == []
    client = stage.client()
    client.consume(queue, "x", prefetch=1)
    stage.publish("b", "c")
    assert client.heard == ["x:b"]
    assert waiting(queue) == []


def test_what_is_due_is_not_delivered_although_its_timer_has_not_fired(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a", expiration="100")
    stage.publish("b")
    stage.clock.advance(0.1)
    client = stage.client()
    client.consume(queue, "x")
    assert client.heard == ["x:b"]


def test_what_is_due_behind_another_is_not_delivered_with_it(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a")
    stage.publish("b", expiration="100")
    stage.publish("c")
    stage.wait(1.0)
    client = stage.client()
    client.consume(queue, "x")
    assert client.heard == ["x:a", "x:c"]


def test_in_a_priority_queue_only_the_next_of_all_expires(stage: Stage) -> None:
    queue = stage.queue(max_priority=5)
    stage.publish("low", priority=0, expiration="100")
    stage.publish("high", priority=5)
    stage.wait(1.0)
    assert waiting(queue) == ["high", "low"]
    assert stage.client().get(queue) == "high"
    stage.turn()
    assert stage.client().get(queue) is None


def test_a_higher_priority_that_comes_later_expires_first(stage: Stage) -> None:
    queue = stage.queue(max_priority=5)
    stage.publish("low", priority=0, expiration="5000")
    stage.publish("high", priority=5, expiration="100")
    stage.wait(0.1)
    assert waiting(queue) == ["low"]


def test_a_recovered_message_has_what_is_left_of_its_time(stage: Stage) -> None:
    queue = stage.queue(message_ttl=1000)
    stage.publish("a")
    entry = queue.get()
    assert entry is not None
    queue.recover(entry.message, age=0.9, redelivered=False, deliveries=0)
    stage.wait(0.1)
    assert waiting(queue) == []


def test_no_timer_is_left_behind(stage: Stage, quorum: bool) -> None:
    before = len(stage.node.timers)
    queue = stage.queue(quorum=quorum, message_ttl=1000, expires=5000)
    stage.publish("a")
    queue.purge()
    stage.publish("b")
    stage.vhost.delete_queue("q")
    assert len(stage.node.timers) == before


# -- x-expires ----------------------------------------------------------------------------


def test_a_queue_nobody_uses_goes(stage: Stage, quorum: bool) -> None:
    stage.queue(quorum=quorum, expires=1000)
    stage.publish("a")
    stage.wait(0.999)
    assert "q" in stage.vhost.queues
    stage.wait(0.001)
    assert "q" not in stage.vhost.queues


def test_a_use_renews_its_time(stage: Stage) -> None:
    queue = stage.queue(expires=1000)
    stage.wait(0.6)
    queue.was_used()
    stage.wait(0.6)
    assert "q" in stage.vhost.queues
    stage.wait(0.4)
    assert "q" not in stage.vhost.queues


def test_it_stays_as_long_as_it_has_a_consumer(stage: Stage) -> None:
    queue = stage.queue(expires=1000)
    client = stage.client()
    consumer = client.consume(queue, "x")
    stage.wait(10.3)
    client.cancel_consumer(consumer)
    stage.wait(0.999)
    assert "q" in stage.vhost.queues
    stage.wait(0.001)
    assert "q" not in stage.vhost.queues


def test_a_policy_may_end_and_begin_it(stage: Stage) -> None:
    queue = stage.queue(expires=1000)
    stage.wait(0.5)
    queue.apply_policy({"expires": 300})
    stage.wait(0.299)
    assert "q" in stage.vhost.queues
    stage.wait(0.001)
    assert "q" not in stage.vhost.queues
