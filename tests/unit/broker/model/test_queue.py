"""Queues: what waits, what is delivered, and what becomes of settled entries."""

from __future__ import annotations

import pytest

from tests.support.broker_stage import Stage, waiting
from warren.broker.model.transaction import Settlement
from warren.broker.replies import ChannelClosed


@pytest.fixture(params=[False, True], ids=["classic", "quorum"])
def quorum(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_messages_wait_in_the_order_they_came(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a", "b", "c")
    assert waiting(queue) == ["a", "b", "c"]
    assert (queue.ready_count, queue.ready_bytes, queue.unacked_count) == (3, 3, 0)


def test_a_waiting_consumer_gets_a_message_at_once(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    client = stage.client()
    client.consume(queue, "c")
    stage.publish("a")
    assert client.heard == ["c:a"]
    assert (queue.ready_count, queue.unacked_count, queue.unacked_bytes) == (0, 1, 1)


def test_a_new_consumer_gets_what_waits(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a", "b")
    client = stage.client()
    client.consume(queue, "c")
    assert client.heard == ["c:a", "c:b"]


def test_an_acknowledged_message_is_gone_and_storage_knows(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    client = stage.client()
    client.consume(queue, "c")
    stage.publish("a")
    client.ack()
    assert (queue.ready_count, queue.unacked_count, queue.unacked_bytes, queue.acked) == (0, 0, 0, 1)
    assert [entry.message.body for entry in stage.storage.acknowledged] == [b"a"]


def test_storage_hears_nothing_of_a_queue_that_is_not_durable(stage: Stage) -> None:
    queue = stage.queue(durable=False)
    client = stage.client()
    client.consume(queue, "c")
    stage.publish("a")
    client.ack()
    assert stage.storage.acknowledged == []


def test_a_consumer_without_acknowledgements_settles_with_the_delivery(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    client = stage.client()
    client.consume(queue, "c", no_ack=True)
    stage.publish("a", "b")
    assert (queue.unacked_count, queue.delivered, queue.delivered_no_ack) == (0, 0, 2)
    assert len(stage.storage.acknowledged) == 2
    assert client.channel.unacked == {}


def test_a_requeued_message_returns_to_its_place_in_a_classic_queue(stage: Stage) -> None:
    queue = stage.queue()
    stage.publish("a", "b", "c", "d")
    client = stage.client()
    assert [client.get(queue) for _ in range(3)] == ["a", "b", "c"]
    client.requeue(3)
    client.requeue(1)
    assert waiting(queue) == ["a", "c", "d"]
    assert [client.get(queue) for _ in range(3)] == ["a*", "c*", "d"]


def test_requeued_messages_go_first_in_the_order_of_their_return_in_a_quorum_queue(stage: Stage) -> None:
    queue = stage.queue(quorum=True)
    stage.publish("a", "b", "c", "d")
    client = stage.client()
    assert [client.get(queue) for _ in range(3)] == ["a", "b", "c"]
    client.requeue(3)
    client.requeue(1)
    assert [client.get(queue) for _ in range(3)] == ["c*", "a*", "d"]


def test_a_closed_channel_gives_back_what_it_had(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    client = stage.client()
    client.consume(queue, "c", prefetch=2)
    stage.publish("a", "b", "c")
    client.close()
    assert waiting(queue) == ["a", "b", "c"]
    assert queue.consumer_count == 0
    assert [entry.redelivered for entry in queue.waiting()] == [True, True, False]


def test_a_cancelled_consumer_keeps_its_messages_and_gets_no_more(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    client = stage.client()
    consumer = client.consume(queue, "c")
    stage.publish("a")
    client.cancel_consumer(consumer)
    stage.publish("b")
    assert client.heard == ["c:a"]
    client.ack(1)
    assert waiting(queue) == ["b"]
    assert queue.unacked_count == 0


def test_get_takes_one_and_no_message_is_no_answer(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a")
    client = stage.client()
    assert client.get(queue) == "a"
    assert client.get(queue) is None
    assert (queue.got, queue.got_no_ack, queue.unacked_count) == (1, 0, 1)


def test_get_without_acknowledgement_settles_at_once(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a")
    assert stage.client().get(queue, no_ack=True) == "a"
    assert (queue.got, queue.got_no_ack, queue.unacked_count) == (0, 1, 0)
    assert len(stage.storage.acknowledged) == 1


def test_a_purge_drops_what_waits_and_not_what_is_delivered(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a", "b", "c")
    client = stage.client()
    client.get(queue)
    assert queue.purge() == 2
    assert (queue.ready_count, queue.ready_bytes) == (0, 0)
    assert [entry.message.body for entry in stage.storage.acknowledged] == [b"b", b"c"]
    client.requeue()
    assert waiting(queue) == ["a"]


def test_a_deleted_queue_cancels_its_consumers(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    client = stage.client()
    client.consume(queue, "c", prefetch=1)
    stage.publish("a", "b")
    assert stage.vhost.delete_queue("q") == 1
    assert client.cancelled == ["c"]
    assert client.channel.consumers == {}
    assert stage.storage.deleted == [queue]


def test_who_deletes_a_queue_hears_it_before_its_consumers(stage: Stage, quorum: bool) -> None:
    client = stage.client()
    client.consume(stage.queue(quorum=quorum), "c")
    heard: list[tuple[int, list[str]]] = []
    stage.vhost.delete_queue("q", answer=lambda count: heard.append((count, list(client.cancelled))))
    assert heard == [(0, [])]
    assert client.cancelled == ["c"]


def test_what_a_deleted_queue_had_delivered_can_still_be_settled(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, dead_letter_exchange="")
    client = stage.client()
    client.consume(queue, "c")
    stage.publish("a", "b", "c")
    stage.vhost.delete_queue("q")
    client.ack(1)
    client.reject(2)
    client.requeue(3)
    assert client.channel.unacked == {}
    assert stage.storage.acknowledged == []
    assert not queue.ready_count


def test_a_queue_that_deletes_itself_goes_with_its_last_consumer(stage: Stage) -> None:
    queue = stage.queue(auto_delete=True)
    client = stage.client()
    first, second = client.consume(queue, "1"), client.consume(queue, "2")
    client.cancel_consumer(first)
    assert "q" in stage.vhost.queues
    client.cancel_consumer(second)
    assert "q" not in stage.vhost.queues


def test_a_queue_that_deletes_itself_waits_for_its_first_consumer(stage: Stage) -> None:
    stage.queue(auto_delete=True)
    stage.publish("a")
    stage.client().get(stage.vhost.queues["q"])
    assert "q" in stage.vhost.queues


def test_counters_tell_what_happened(stage: Stage) -> None:
    queue = stage.queue()
    client = stage.client()
    client.consume(queue, "c")
    stage.publish("a", "b")
    client.requeue(1)
    client.ack(2)
    client.ack(3)
    assert (queue.published, queue.delivered, queue.redelivered, queue.acked) == (2, 3, 1, 2)


def test_recovered_messages_are_not_counted_as_published(stage: Stage) -> None:
    queue = stage.queue()
    stage.publish("a")
    entry = queue.get()
    assert entry is not None
    queue.recover(entry.message, age=3.0, redelivered=True, deliveries=2)
    recovered = queue.head()
    assert (recovered.redelivered, recovered.deliveries, queue.published) == (True, 2, 1)


def test_a_push_never_overtakes_what_waits(stage: Stage) -> None:
    """A consumer that is able again is served in turn, although a push comes before the turn ends."""
    queue = stage.queue()
    client = stage.client()
    client.consume(queue, "c", prefetch=1)
    stage.publish("a", "b")
    client.channel.settle(1, Settlement.ACKNOWLEDGE, multiple=False)
    stage.publish("c")
    assert client.heard == ["c:a", "c:b"]
    client.ack(2)
    assert client.heard == ["c:a", "c:b", "c:c"]


def test_a_full_connection_gets_nothing_until_it_drains(stage: Stage) -> None:
    queue = stage.queue()
    client = stage.client()
    consumer = client.consume(queue, "c")
    client.is_full = True
    stage.publish("a", "b")
    assert client.heard == []
    client.is_full = False
    consumer.wake()
    stage.turn()
    assert client.heard == ["c:a", "c:b"]


def test_get_is_refused_where_a_quorum_queue_has_a_single_active_consumer(stage: Stage) -> None:
    queue = stage.queue(quorum=True, single_active_consumer=True)
    with pytest.raises(ChannelClosed) as refused:
        queue.get()
    assert refused.value.text == (
        "RESOURCE_LOCKED - cannot obtain access to locked queue 'q' in vhost '/'. "
        "basic.get operations are not supported by quorum queues with single active consumer"
    )
    assert stage.client().get(stage.queue("classic", single_active_consumer=True)) is None
