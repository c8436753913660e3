"""Whose turn it is: round robin, priorities, prefetch, exclusive and single active consumers."""

from __future__ import annotations

import pytest

from tests.support.broker_stage import Stage, waiting
from warren.broker.protocol.fields import Int32
from warren.broker.replies import ChannelClosed


@pytest.fixture
def stage() -> Stage:
    return Stage()


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_consumers_take_turns(stage: Stage) -> None:
    queue = stage.queue()
    client = stage.client()
    for tag in ("x", "y", "z"):
        client.consume(queue, tag)
    stage.publish(*numbers(7))
    assert client.heard == ["x:0", "y:1", "z:2", "x:3", "y:4", "z:5", "x:6"]


def test_they_take_turns_over_what_waited_too(stage: Stage) -> None:
    queue = stage.queue()
    stage.publish(*numbers(4))
    client = stage.client()
    client.consume(queue, "x", prefetch=1)
    client.consume(queue, "y", prefetch=1)
    assert client.taken() == ["x:0", "y:1"]
    client.ack(2)
    client.ack(1)
    assert client.taken() == ["y:2", "x:3"]


def test_a_requeued_message_goes_to_whose_turn_it_is(stage: Stage) -> None:
    queue = stage.queue()
    client = stage.client()
    client.consume(queue, "x")
    client.consume(queue, "y")
    stage.publish("a")
    client.requeue(1)
    assert client.heard == ["x:a", "y:a*"]


def test_prefetch_limits_what_a_consumer_has(stage: Stage) -> None:
    queue = stage.queue()
    client = stage.client()
    client.consume(queue, "x", prefetch=2)
    stage.publish(*numbers(5))
    assert client.taken() == ["x:0", "x:1"]
    assert waiting(queue) == ["2", "3", "4"]
    client.ack(2)
    assert client.taken() == ["x:2"]
    client.ack(3, multiple=True)
    assert client.taken() == ["x:3", "x:4"]


def test_prefetch_means_nothing_without_acknowledgements(stage: Stage) -> None:
    queue = stage.queue()
    client = stage.client()
    client.consume(queue, "x", prefetch=1, no_ack=True)
    stage.publish("a", "b")
    assert client.heard == ["x:a", "x:b"]


def test_a_global_limit_is_shared_by_the_consumers_of_a_channel(stage: Stage) -> None:
    one, other = stage.queue("one"), stage.queue("other")
    client = stage.client()
    client.channel.prefetch_count_global = 2
    client.consume(one, "x")
    client.consume(other, "y")
    stage.publish("a", "b", to="one")
    stage.publish("c", "d", to="other")
    assert client.taken() == ["x:a", "x:b"]
    client.ack(1)
    assert client.taken() == ["y:c"]
    client.ack(2)
    assert client.taken() == ["y:d"]


def test_queues_share_a_global_limit_in_turn(stage: Stage) -> None:
    client = stage.client()
    client.channel.prefetch_count_global = 1
    for name in ("one", "two", "three"):
        client.consume(stage.queue(name), name)
        stage.publish("a", "b", to=name)
    for _ in range(5):
        client.ack()
    assert client.taken() == ["one:a", "two:a", "three:a", "one:b", "two:b", "three:b"]


def test_consumers_of_a_queue_share_a_global_limit_in_turn(stage: Stage) -> None:
    queue = stage.queue()
    client = stage.client()
    client.channel.prefetch_count_global = 1
    client.consume(queue, "x")
    client.consume(queue, "y")
    stage.publish(*numbers(4))
    for _ in range(3):
        client.ack()
    assert client.taken() == ["x:0", "y:1", "x:2", "y:3"]


def test_a_global_limit_holds_back_who_does_not_acknowledge(stage: Stage) -> None:
    client = stage.client()
    client.channel.prefetch_count_global = 1
    client.consume(stage.queue("one"), "x")
    client.consume(stage.queue("two"), "y", no_ack=True)
    stage.publish("a", to="one")
    stage.publish("b", "c", to="two")
    assert client.taken() == ["x:a"]
    client.ack()
    assert client.taken() == ["y:b", "y:c"]


def test_a_higher_priority_is_served_first_as_long_as_it_is_able(stage: Stage) -> None:
    queue = stage.queue()
    client = stage.client()
    client.consume(queue, "low", prefetch=1, arguments={"x-priority": Int32(-1)})
    client.consume(queue, "plain", prefetch=3)
    client.consume(queue, "high1", prefetch=2, arguments={"x-priority": Int32(1)})
    client.consume(queue, "high2", prefetch=2, arguments={"x-priority": Int32(1)})
    stage.publish(*numbers(10))
    assert client.taken() == [
        "high1:0", "high2:1", "high1:2", "high2:3", "plain:4", "plain:5", "plain:6", "low:7"
    ]  # fmt: skip
    client.ack(4)
    assert client.taken() == ["high2:8"]


@pytest.mark.parametrize(
    ("value", "kind"), [("5", "longstr"), (True, "bool"), (1.5, "double"), (None, "void"), ({}, "table")]
)
def test_a_priority_is_an_integer(stage: Stage, value: object, kind: str) -> None:
    queue = stage.queue()
    with pytest.raises(ChannelClosed) as refused:
        stage.client().consume(queue, "x", arguments={"x-priority": value})
    assert refused.value.text == (
        f"PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': \"expected integer, got {kind}\""
    )


# -- exclusive ----------------------------------------------------------------------------


def test_an_exclusive_consumer_is_alone(stage: Stage) -> None:
    queue = stage.queue()
    client = stage.client()
    alone = client.consume(queue, "alone", exclusive=True)
    with pytest.raises(ChannelClosed) as refused:
        client.consume(queue, "second")
    assert refused.value.text == "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"
    client.cancel_consumer(alone)
    client.consume(queue, "second")
    with pytest.raises(ChannelClosed, match="in exclusive use"):
        client.consume(queue, "alone", exclusive=True)


def test_a_quorum_queue_does_not_care_for_exclusive(stage: Stage) -> None:
    queue = stage.queue(quorum=True)
    client = stage.client()
    client.consume(queue, "x", exclusive=True)
    client.consume(queue, "y", exclusive=True)
    assert queue.consumer_count == 2


def test_a_single_active_consumer_is_never_exclusive(stage: Stage) -> None:
    queue = stage.queue(single_active_consumer=True)
    with pytest.raises(ChannelClosed, match="in exclusive use"):
        stage.client().consume(queue, "x", exclusive=True)


# -- single active consumer ---------------------------------------------------------------


@pytest.mark.parametrize("quorum", [False, True])
def test_one_is_active_and_the_next_takes_over_when_it_goes(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, single_active_consumer=True)
    first, rest = stage.client(), stage.client()
    first.consume(queue, "first")
    second = rest.consume(queue, "second")
    third = rest.consume(queue, "third")
    stage.publish("a", "b")
    assert first.heard == ["first:a", "first:b"]
    assert (second.active, third.active) == (False, False)
    first.close()
    assert rest.heard == ["second:a*", "second:b*"]
    assert (second.active, third.active) == (True, False)


def test_the_one_with_the_highest_priority_takes_over_in_a_classic_queue(stage: Stage) -> None:
    queue = stage.queue(single_active_consumer=True)
    client = stage.client()
    first = client.consume(queue, "first")
    client.consume(queue, "second")
    client.consume(queue, "high", arguments={"x-priority": Int32(10)})
    stage.publish("a")
    client.cancel_consumer(first)
    stage.publish("b")
    assert client.heard == ["first:a", "high:b"]


def test_in_a_quorum_queue_a_higher_priority_takes_over_from_an_idle_one_at_once(stage: Stage) -> None:
    queue = stage.queue(quorum=True, single_active_consumer=True)
    client = stage.client()
    client.consume(queue, "first")
    client.consume(queue, "high", arguments={"x-priority": Int32(10)})
    client.consume(queue, "middle", arguments={"x-priority": Int32(5)})
    stage.publish("a")
    assert client.heard == ["high:a"]


def test_in_a_quorum_queue_a_busy_one_gets_no_more_and_makes_room_once_it_is_done(stage: Stage) -> None:
    queue = stage.queue(quorum=True, single_active_consumer=True)
    client = stage.client()
    first = client.consume(queue, "first")
    stage.publish("a", "b")
    high = client.consume(queue, "high", arguments={"x-priority": Int32(10)})
    stage.publish("c")
    client.ack(1)
    assert client.taken() == ["first:a", "first:b"]
    client.ack(2)
    assert client.taken() == ["high:c"]
    assert (first.active, high.active) == (False, True)


def test_in_a_quorum_queue_a_busy_one_that_goes_makes_room(stage: Stage) -> None:
    queue = stage.queue(quorum=True, single_active_consumer=True)
    busy, other = stage.client(), stage.client()
    busy.consume(queue, "first")
    stage.publish("a")
    other.consume(queue, "high", arguments={"x-priority": Int32(10)})
    busy.close()
    assert other.heard == ["high:a*"]


def test_a_single_active_consumer_that_is_parked_wakes_up_again(stage: Stage) -> None:
    queue = stage.queue(single_active_consumer=True)
    client = stage.client()
    client.consume(queue, "first", prefetch=1)
    client.consume(queue, "second")
    stage.publish("a", "b")
    client.ack(1)
    assert client.heard == ["first:a", "first:b"]
