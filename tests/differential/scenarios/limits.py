"""Limits of length and size, and what is dropped or refused; priorities of messages.

Not here: dropped messages as dead letters (dead_letters.py), confirms (returns.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario


def drain(ch: Channel, queue: str = "q") -> None:
    while (got := ch.get(queue, no_ack=True)) and got.name == "basic.get-ok":
        pass


@each(
    {"x-max-length": 2},
    {"x-max-length": 0},
    {"x-max-length": 2, "x-overflow": "drop-head"},
    {"x-max-length": 2, "x-overflow": "reject-publish"},
    {"x-max-length": 2, "x-overflow": "reject-publish-dlx"},
    {"x-max-length-bytes": 10},
    {"x-max-length-bytes": 10, "x-overflow": "reject-publish"},
    {"x-max-length-bytes": 0},
    {"x-max-length": 2, "x-max-length-bytes": 5},
    {"x-max-length": 3, "x-max-length-bytes": 9},
)
def a_limit(ch: Channel, arguments: dict[str, Any]) -> None:
    ch.queue("q", args=arguments)
    ch.put("q", b"1", b"22", b"333", b"4444", b"55555")
    ch.queue("q", passive=True)
    drain(ch)


@scenario
def a_message_larger_than_the_queue(ch: Channel) -> None:
    ch.queue("q", x_max_length_bytes=5)
    ch.put("q", b"1", b"22", b"much too large", b"4")
    drain(ch)


@scenario
def headers_do_not_count_as_size(ch: Channel) -> None:
    ch.queue("q", x_max_length_bytes=3)
    ch.put("q", b"1", b"2", b"3", headers={"long": "x" * 100})
    drain(ch)


@scenario
def unacknowledged_messages_do_not_count(ch: Channel) -> None:
    ch.queue("q", x_max_length=1)
    ch.put("q", b"1")
    ch.get("q")
    ch.put("q", b"2")
    ch.queue("q", passive=True)
    ch.reject(1)
    ch.sync("q")
    drain(ch)


@scenario
def requeueing_may_overfill_a_queue_that_rejects(ch: Channel) -> None:
    ch.queue("q", x_max_length=1, x_overflow="reject-publish")
    ch.put("q", b"1")
    ch.get("q")
    ch.put("q", b"2")
    ch.reject(1)
    ch.sync("q")
    drain(ch)


@scenario
def a_consumer_empties_a_queue_of_length_0(ch: Channel) -> None:
    ch.queue("q", x_max_length=0)
    ch.consume("q")
    ch.put("q", b"1")
    ch.delivered()


@scenario
def a_limit_by_policy(s: Script, ch: Channel) -> None:
    s.policy("^q", max_length=1, overflow="reject-publish")
    ch.queue("q")
    ch.put("q", b"1", b"2")
    drain(ch)


@scenario
def the_lower_limit_counts(s: Script, ch: Channel) -> None:
    s.policy("^q", max_length=3)
    ch.queue("q", x_max_length=1)
    ch.queue("q2", x_max_length=5)
    for name in ("q", "q2"):
        ch.put(name, b"1", b"2", b"3", b"4")
        drain(ch, name)


@scenario
def the_policy_of_the_highest_priority_counts(s: Script, ch: Channel) -> None:
    s.policy("^q", max_length=3, name="low", priority=1)
    s.policy("^q", max_length=1, name="high", priority=2)
    s.policy("^q", "exchanges", alternate_exchange="x", name="other", priority=3)
    ch.queue("q")
    ch.put("q", b"1", b"2", b"3", b"4")
    drain(ch)


@scenario
def a_policy_for_other_queues(s: Script, ch: Channel) -> None:
    s.policy("^other", max_length=1)
    ch.queue("q")
    ch.put("q", b"1", b"2")
    drain(ch)


@scenario
def a_policy_for_quorum_queues(s: Script, ch: Channel) -> None:
    s.policy("^q", "quorum_queues", max_length=1)
    ch.queue("q")
    ch.put("q", b"1", b"2")
    drain(ch)


@scenario
def a_policy_that_comes_later(s: Script, ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2", b"3")
    s.policy("^q", max_length=1)
    ch.holds("q", 1)
    drain(ch)


@scenario
def a_policy_that_goes(s: Script, ch: Channel) -> None:
    s.policy("^q", max_length=1)
    ch.queue("q")
    s.api("DELETE", "policies/{vhost}/p")
    ch.queue("other")
    ch.put("q", b"1", b"2")
    drain(ch)


# -- priorities ---------------------------------------------------------------------------


@scenario
def higher_priorities_come_first(ch: Channel) -> None:
    ch.queue("q", x_max_priority=5)
    for priority in (1, 3, 2, 0, 5, 3):
        ch.put("q", b"%d" % priority, priority=priority)
    ch.put("q", b"none")
    drain(ch)


@scenario
def a_priority_above_the_highest_counts_as_the_highest(ch: Channel) -> None:
    ch.queue("q", x_max_priority=3)
    ch.put("q", b"3", priority=3)
    ch.put("q", b"200", priority=200)
    ch.put("q", b"2", priority=2)
    drain(ch)


@scenario
def without_priorities_the_order_is_of_arrival(ch: Channel) -> None:
    ch.queue("q")
    for priority in (1, 9, 5):
        ch.put("q", b"%d" % priority, priority=priority)
    drain(ch)


@scenario
def a_consumer_gets_higher_priorities_first(ch: Channel) -> None:
    ch.queue("q", x_max_priority=5)
    for priority in (1, 5, 3):
        ch.put("q", b"%d" % priority, priority=priority)
    ch.qos(1)
    ch.consume("q")
    ch.delivered()
    ch.put("q", b"4", priority=4)
    for tag in (1, 2, 3):
        ch.ack(tag)
        ch.delivered()


@scenario
def a_requeued_message_keeps_its_priority(ch: Channel) -> None:
    ch.queue("q", x_max_priority=5)
    ch.put("q", b"low", priority=1)
    ch.get("q")
    ch.put("q", b"high", priority=5)
    ch.put("q", b"low too", priority=1)
    ch.reject(1)
    ch.sync("q")
    drain(ch)


@scenario
def the_lowest_priority_is_dropped_first(ch: Channel) -> None:
    ch.queue("q", x_max_priority=5, x_max_length=2)
    for priority in (5, 1, 3, 2):
        ch.put("q", b"%d" % priority, priority=priority)
    drain(ch)


@scenario
def messages_of_every_priority_expire(ch: Channel) -> None:
    ch.queue("q", x_max_priority=5)
    ch.queue("clock", x_message_ttl=60)
    ch.put("q", b"high", priority=5)
    ch.put("q", b"low", priority=1, expiration="20")
    ch.put("clock")
    ch.holds("clock", 0)
    drain(ch)


@scenario
def purging_takes_all_priorities(ch: Channel) -> None:
    ch.queue("q", x_max_priority=5)
    for priority in (1, 5, 3):
        ch.put("q", priority=priority)
    ch.purge("q")


@scenario
def dead_letters_keep_their_priority(ch: Channel) -> None:
    ch.queue("dead", x_max_priority=5)
    ch.queue("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    for priority in (1, 5, 3):
        ch.put("q", b"%d" % priority, priority=priority)
        ch.get("q")
    ch.nack(0, multiple=True, requeue=False)
    ch.holds("dead", 3)
    drain(ch, "dead")
