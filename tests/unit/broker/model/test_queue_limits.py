"""Full queues: what is dropped and what is refused. The expectations are answers of RabbitMQ 4.0.5."""

from __future__ import annotations

import pytest

from tests.support.broker_stage import Stage, waiting
from warren.broker.model.vhost import REJECTED


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(params=[False, True], ids=["classic", "quorum"])
def quorum(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def is_taken(stage: Stage, *bodies: str, **values: object) -> list[bool]:
    return [point != REJECTED for point in stage.publish(*bodies, **values)]


def test_the_head_is_dropped_to_make_room(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, max_length=2)
    stage.publish("a", "b", "c", "d")
    assert waiting(queue) == ["c", "d"]
    assert queue.dropped == 2
    assert [entry.message.body for entry in stage.storage.acknowledged] == [b"a", b"b"]


def test_bytes_of_bodies_count_too(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, max_length_bytes=10)
    stage.publish("aaaa", "bbbb", "cc", "d")
    assert waiting(queue) == ["bbbb", "cc", "d"]
    stage.publish("0123456789ab")
    assert waiting(queue) == []
    stage.publish("0123456789")
    assert waiting(queue) == ["0123456789"]


def test_delivered_messages_do_not_count(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, max_length=1)
    client = stage.client()
    client.consume(queue, "x", prefetch=2)
    stage.publish("a", "b", "c")
    assert client.heard == ["x:a", "x:b"]
    assert waiting(queue) == ["c"]


def test_nothing_waits_in_a_queue_of_length_0_but_its_consumers_get_everything(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, max_length=0)
    stage.publish("a")
    client = stage.client()
    client.consume(queue, "x")
    stage.publish("b")
    assert client.heard == ["x:b"]


def test_requeued_messages_are_dropped_where_there_is_no_room(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, max_length=2)
    stage.publish("a", "b")
    client = stage.client()
    client.get(queue)
    client.get(queue)
    stage.publish("c", "d")
    client.requeue(2, multiple=True)
    assert waiting(queue) == ["c", "d"]


def test_a_classic_queue_refuses_what_does_not_fit(stage: Stage) -> None:
    queue = stage.queue(max_length=2, overflow="reject-publish")
    assert is_taken(stage, "a", "b", "c") == [True, True, False]
    stage.client().get(queue)
    assert is_taken(stage, "d") == [True]
    assert waiting(queue) == ["b", "d"]


def test_a_classic_queue_of_length_0_refuses_everything(stage: Stage) -> None:
    stage.client().consume(stage.queue(max_length=0, overflow="reject-publish"), "x")
    assert is_taken(stage, "a") == [False]


def test_a_classic_queue_refuses_bytes_that_do_not_fit_and_takes_what_does(stage: Stage) -> None:
    queue = stage.queue(max_length_bytes=10, overflow="reject-publish")
    assert is_taken(stage, "x", "0123456789ab", "y") == [True, False, True]
    assert waiting(queue) == ["x", "y"]


def test_a_quorum_queue_takes_one_too_many_and_then_none_until_it_is_well_below(stage: Stage) -> None:
    queue = stage.queue(quorum=True, max_length=10, overflow="reject-publish")
    assert is_taken(stage, *"abcdefghijklm") == [True] * 11 + [False] * 2
    client = stage.client()
    answers = []
    for _ in range(6):
        client.get(queue)
        answers.append((queue.ready_count, *is_taken(stage, "x", "y")))
    assert answers == [
        (10, False, False),
        (9, False, False),
        (8, True, True),
        (9, True, True),
        (10, False, False),
        (9, False, False),
    ]


def test_a_quorum_queue_measures_bytes_the_same_way(stage: Stage) -> None:
    queue = stage.queue(quorum=True, max_length_bytes=10, overflow="reject-publish")
    assert is_taken(stage, "aaaa", "bbbb", "cc", "d", "e") == [True, True, True, True, False]
    assert waiting(queue) == ["aaaa", "bbbb", "cc", "d"]


def test_a_refused_message_can_be_dead_lettered(stage: Stage) -> None:
    dead = stage.queue("dead")
    arguments = {"overflow": "reject-publish-dlx", "dead_letter_exchange": "", "dead_letter_routing_key": "dead"}
    queue = stage.queue(max_length=2, **arguments)
    assert is_taken(stage, "a", "b", "c") == [True, True, False]
    assert (waiting(queue), waiting(dead)) == (["a", "b"], ["c"])
    assert stage.storage.acknowledged == []


def test_a_refused_message_is_not_dead_lettered_otherwise(stage: Stage) -> None:
    dead = stage.queue("dead")
    arguments = {"overflow": "reject-publish", "dead_letter_exchange": "", "dead_letter_routing_key": "dead"}
    stage.queue(max_length=1, **arguments)
    stage.publish("a", "b")
    assert waiting(dead) == []


def test_a_quorum_queue_takes_reject_publish_dlx_for_drop_head(stage: Stage) -> None:
    dead = stage.queue("dead")
    arguments = {"overflow": "reject-publish-dlx", "dead_letter_exchange": "", "dead_letter_routing_key": "dead"}
    queue = stage.queue(quorum=True, max_length=2, **arguments)
    assert is_taken(stage, "a", "b", "c", "d") == [True] * 4
    assert (waiting(queue), waiting(dead)) == (["c", "d"], ["a", "b"])


def test_the_highest_priority_is_the_head_that_is_dropped(stage: Stage) -> None:
    queue = stage.queue(max_priority=5, max_length=3)
    for body, priority in (("0p1", 1), ("1p5", 5), ("2p3", 3), ("3p0", 0), ("4p4", 4)):
        stage.publish(body, priority=priority)
    assert waiting(queue) == ["2p3", "0p1", "3p0"]


def test_a_policy_with_a_lower_limit_drops_at_once(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, max_length=5)
    stage.publish("a", "b", "c")
    queue.apply_policy({"max-length": 2})
    assert waiting(queue) == ["b", "c"]
    queue.apply_policy({"max-length": 20})
    stage.publish("d", "e", "f", "g")
    assert queue.ready_count == 5
