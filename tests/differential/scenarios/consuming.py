"""Consumers: tags, priorities, exclusivity, cancellation.

Not here: prefetch and single active consumers (turns.py), settling deliveries (settling.py), quorum queues (quorum.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario


@scenario
def messages_are_delivered_in_order(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2")
    ch.consume("q")
    ch.publish("", "q", b"3")
    ch.delivered(3)


@scenario
def a_tag_made_up_by_the_broker(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", "")
    ch.consume("q", "")
    ch.put("q")
    ch.delivered()


@scenario
def a_consumer_that_does_not_wait_for_the_answer(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", nowait=True)
    ch.put("q")
    ch.delivered()


@scenario
def a_missing_queue_is_not_consumed(ch: Channel) -> None:
    ch.consume("missing")


@scenario
def a_tag_in_use(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", "c")
    ch.consume("q", "c")


@scenario
def a_tag_in_use_on_another_channel(s: Script, ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", "c")
    s.channel().consume("q", "c")


@scenario
def a_tag_used_again_after_its_cancellation(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", "c")
    ch.cancel("c")
    ch.consume("q", "c")
    ch.put("q")
    ch.delivered()


@each("t" * 255, "ü", " ", "amq.ctag-mine", "amq.mine")
def tags_that_are_fine(ch: Channel, tag: str) -> None:
    ch.queue("q")
    ch.consume("q", tag)
    ch.put("q")
    ch.delivered()


@scenario
def nothing_is_delivered_after_the_cancellation(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q")
    ch.cancel()
    ch.put("q")
    ch.get("q")


@scenario
def cancelling_requeues_nothing(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q")
    ch.consume("q")
    ch.delivered()
    ch.cancel()
    ch.queue("q", passive=True)
    ch.get("q")
    ch.ack(1)
    ch.sync("q")


@scenario
def cancelling_without_waiting(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q")
    ch.cancel(nowait=True)
    ch.put("q")
    ch.get("q")


@scenario
def a_consumer_of_another_channel_is_not_cancelled(s: Script, ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q")
    s.channel().cancel()
    ch.put("q")
    ch.delivered()


@scenario
def a_deleted_queue_cancels_its_consumers(s: Script, ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", "a")
    ch.consume("q", "b")
    s.channel().delete("q")
    ch.cancelled(2)
    ch.cancel("a")


@scenario
def a_client_that_does_not_know_basic_cancel_is_not_told(s: Script) -> None:
    channel = s.connect(capabilities={"consumer_cancel_notify": False}).channel()
    channel.queue("q")
    channel.consume("q")
    s.channel().delete("q")
    channel.sync()
    channel.cancel()


@scenario
def a_queue_deleted_by_its_consumer_cancels_it(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q")
    ch.delete("q")
    ch.cancelled()


@scenario
def consuming_without_acknowledgement(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2")
    ch.consume("q", no_ack=True)
    ch.delivered(2)
    ch.ack(1)
    ch.closed()


@scenario
def consuming_with_no_local_is_consuming(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", no_local=True)
    ch.put("q")
    ch.delivered()


# -- several consumers --------------------------------------------------------------------


@scenario
def consumers_take_turns(ch: Channel) -> None:
    ch.queue("q")
    for tag in ("a", "b", "c"):
        ch.consume("q", tag)
    ch.put("q", *(b"%d" % number for number in range(7)))
    ch.delivered(7)


@scenario
def a_higher_priority_comes_first(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(2)
    ch.consume("q", "low", x_priority=-5)
    ch.consume("q", "high", x_priority=10)
    ch.consume("q", "none")
    ch.put("q", *(b"%d" % number for number in range(6)))
    ch.delivered(6)


@each("high", 1.5, True, None, -1, 2**40)
def the_priority_of_a_consumer_is_checked(ch: Channel, priority: Any) -> None:
    ch.queue("q")
    ch.consume("q", args={"x-priority": priority})


@each({"x-unheard-of": 1}, {"x-cancel-on-ha-failover": True}, {"x-stream-offset": "first"})
def other_arguments_of_a_consumer_are_not_looked_at(ch: Channel, arguments: dict[str, Any]) -> None:
    ch.queue("q")
    ch.consume("q", args=arguments)


@scenario
def an_exclusive_consumer_is_alone(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", "a", exclusive=True)
    ch.consume("q", "b")


@scenario
def an_exclusive_consumer_does_not_come_second(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", "a")
    ch.consume("q", "b", exclusive=True)


@scenario
def an_exclusive_consumer_leaves_get_to_others(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(1)
    ch.consume("q", "a", exclusive=True)
    ch.put("q", b"1", b"2")
    ch.delivered()
    ch.get("q")


@scenario
def after_an_exclusive_consumer_there_may_be_another(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", "a", exclusive=True)
    ch.cancel("a")
    ch.consume("q", "b", exclusive=True)
