"""Quorum queues: declarations, delivery counts and limits, dead letters, order.

Not here: classic queues (all other files).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.raw.values import Typed
from tests.differential.script import Script, each, scenario


def fetch(ch: Channel, queue: str = "q") -> int:
    """Get a message that will come, to be settled; return its tag."""
    got = ch.take(queue, no_ack=False)
    return int(got.delivery_tag) if got else 0


@scenario
def a_quorum_queue(ch: Channel) -> None:
    ch.quorum()
    ch.quorum()
    ch.queue("q", passive=True)
    ch.put("q", b"1", b"2")
    ch.take("q", 2)
    ch.delete("q")


@each({"durable": False}, {"exclusive": True}, {"auto_delete": True}, {"exclusive": True, "durable": False})
def a_quorum_queue_has_fixed_flags(ch: Channel, flags: dict[str, bool]) -> None:
    ch.quorum("q", **flags)


@scenario
def a_quorum_queue_needs_a_name(ch: Channel) -> None:
    ch.quorum("")


@each(("durable", False), ("auto_delete", True), ("exclusive", True))
def a_flag_of_a_quorum_queue_differs(ch: Channel, flag: str, value: bool) -> None:
    ch.quorum()
    ch.quorum("q", **{flag: value})


KNOWN = (
    ("x-message-ttl", 60000, 60001),
    ("x-expires", 60000, 60001),
    ("x-max-length", 10, 11),
    ("x-max-length-bytes", 1000, 1001),
    ("x-dead-letter-exchange", "a", "b"),
    ("x-dead-letter-routing-key", "a", "b"),
    ("x-dead-letter-strategy", "at-most-once", "at-least-once"),
    ("x-overflow", "drop-head", "reject-publish"),
    ("x-single-active-consumer", True, False),
    ("x-delivery-limit", 5, 6),
    ("x-quorum-initial-group-size", 1, 3),
    ("x-queue-leader-locator", "client-local", "balanced"),
    ("x-max-in-memory-length", 5, 6),
    ("x-unheard-of", 1, 2),
)


@each(*KNOWN)
def an_argument_of_a_quorum_queue_differs(ch: Channel, name: str, value: Any, other: Any) -> None:
    ch.quorum("q", args={name: value})
    ch.quorum("q", args={name: value})
    ch.quorum("q", args={name: other})


@each(*KNOWN)
def an_argument_of_a_quorum_queue_is_missing(ch: Channel, name: str, value: Any, _: Any) -> None:
    ch.quorum("q", args={name: value})
    ch.quorum("q")


@each(*KNOWN)
def an_argument_of_a_quorum_queue_is_new(ch: Channel, name: str, value: Any, _: Any) -> None:
    ch.quorum("q")
    ch.quorum("q", args={name: value})


@each(
    ("x-max-priority", 5),
    ("x-queue-mode", "lazy"),
    ("x-queue-master-locator", "client-local"),
    ("x-max-age", "1h"),
    ("x-overflow", "reject-publish-dlx"),
    ("x-overflow", "nonsense"),
    ("x-delivery-limit", -1),
    ("x-delivery-limit", "5"),
    ("x-delivery-limit", 0),
    ("x-delivery-limit", Typed("l", 2**40)),
    ("x-dead-letter-strategy", "nonsense"),
    ("x-dead-letter-strategy", 5),
    ("x-message-ttl", -1),
    ("x-message-ttl", "10"),
    ("x-expires", 0),
    ("x-max-length", -1),
    ("x-quorum-initial-group-size", 0),
    ("x-quorum-initial-group-size", "one"),
    ("x-queue-leader-locator", "nonsense"),
    ("x-queue-version", 2),
    ("x-single-active-consumer", "yes"),
)
def an_argument_of_a_quorum_queue_is_checked(ch: Channel, name: str, value: Any) -> None:
    ch.quorum("q", args={name: value})


@scenario
def a_quorum_queue_declared_as_classic(ch: Channel) -> None:
    ch.quorum()
    ch.queue("q", durable=True)


# -- delivery counts ----------------------------------------------------------------------


@scenario
def deliveries_are_counted(ch: Channel) -> None:
    ch.quorum()
    ch.put("q", headers={"mine": 1})
    for _ in range(3):
        ch.reject(fetch(ch))
    fetch(ch)


@scenario
def deliveries_are_counted_for_consumers(ch: Channel) -> None:
    ch.quorum()
    ch.qos(1)
    ch.consume("q")
    ch.put("q")
    for tag in (1, 2, 3):
        ch.delivered()
        ch.nack(tag)
    ch.delivered()


@scenario
def the_limit_of_deliveries_is_20_unless_told(ch: Channel) -> None:
    ch.queue("dead")
    ch.quorum("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    ch.put("q")
    for _ in range(20):
        ch.reject(fetch(ch))
    ch.reject(fetch(ch))
    ch.holds("dead", 1)
    ch.take("dead")


@each(0, 1, 2)
def a_limit_of_deliveries(ch: Channel, limit: int) -> None:
    ch.queue("dead")
    ch.quorum("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead", x_delivery_limit=limit)
    ch.put("q")
    for _ in range(limit + 1):
        ch.reject(fetch(ch))
    ch.take("dead")


@scenario
def without_a_limit_of_deliveries(ch: Channel) -> None:
    ch.quorum("q", x_delivery_limit=-1)


@scenario
def a_limit_of_deliveries_without_dead_lettering_drops(ch: Channel) -> None:
    ch.quorum("q", x_delivery_limit=1)
    ch.put("q")
    for _ in range(2):
        ch.reject(fetch(ch))
    ch.holds("q", 0)


@scenario
def a_limit_of_deliveries_by_policy(s: Script, ch: Channel) -> None:
    s.policy("^q", delivery_limit=1)
    ch.queue("dead")
    ch.quorum("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead", x_delivery_limit=5)
    ch.put("q")
    for _ in range(2):
        ch.reject(fetch(ch))
    ch.take("dead")


@scenario
def a_closed_channel_counts_as_well(s: Script, ch: Channel) -> None:
    ch.quorum()
    ch.put("q")
    fetch(ch)
    ch.close()
    fetch(s.channel())


@scenario
def recovering_counts_as_well(ch: Channel) -> None:
    ch.quorum()
    ch.put("q")
    fetch(ch)
    ch.recover()
    fetch(ch)


@scenario
def requeued_messages_go_to_the_back_once_they_were_limited(ch: Channel) -> None:
    ch.quorum("q", x_delivery_limit=5)
    ch.put("q", b"1", b"2", b"3")
    ch.reject(fetch(ch))
    ch.take("q", 3)


@scenario
def requeued_messages_of_a_quorum_queue_by_default(ch: Channel) -> None:
    ch.quorum()
    ch.put("q", b"1", b"2", b"3")
    tags = [fetch(ch), fetch(ch)]
    ch.nack(tags[-1], multiple=True)
    ch.take("q", 3)


# -- dead letters -------------------------------------------------------------------------


@each("at-most-once", "at-least-once")
def a_quorum_queue_dead_letters(ch: Channel, strategy: str) -> None:
    ch.queue("dead")
    ch.quorum(
        "q",
        x_dead_letter_exchange="",
        x_dead_letter_routing_key="dead",
        x_dead_letter_strategy=strategy,
        x_overflow="reject-publish",
    )
    ch.put("q", headers={"mine": 1})
    ch.reject(fetch(ch), requeue=False)
    ch.take("dead")


@scenario
def a_quorum_queue_dead_letters_what_expires(ch: Channel) -> None:
    ch.queue("dead")
    ch.quorum("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead", x_message_ttl=20)
    ch.put("q")
    ch.take("dead")


@scenario
def a_quorum_queue_dead_letters_an_expiration(ch: Channel) -> None:
    ch.queue("dead")
    ch.quorum("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    ch.put("q", expiration="20")
    ch.take("dead")


@scenario
def a_quorum_queue_dead_letters_what_is_too_much(ch: Channel) -> None:
    ch.queue("dead")
    ch.quorum("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead", x_max_length=1)
    ch.put("q", b"1", b"2")
    ch.take("dead")
    ch.take("q")


@scenario
def a_quorum_queue_that_rejects(ch: Channel) -> None:
    ch.quorum("q", x_max_length=1, x_overflow="reject-publish")
    ch.confirm()
    ch.publish("", "q", b"1")
    ch.confirmed()
    ch.holds("q", 1)


@scenario
def a_retry_loop_through_a_quorum_queue(ch: Channel) -> None:
    ch.quorum("q", x_dead_letter_exchange="", x_dead_letter_routing_key="wait")
    ch.quorum("wait", x_dead_letter_exchange="", x_dead_letter_routing_key="q", x_message_ttl=10)
    ch.put("q")
    for _ in range(2):
        ch.reject(fetch(ch), requeue=False)
    ch.take("q")


# -- consumers ----------------------------------------------------------------------------


@scenario
def a_consumer_of_a_quorum_queue(ch: Channel) -> None:
    ch.quorum()
    ch.qos(10)
    ch.put("q", b"1", b"2", b"3")
    ch.consume("q")
    ch.delivered(3)
    ch.ack(3, multiple=True)
    ch.holds("q", 0)


@scenario
def a_quorum_queue_without_acknowledgements(ch: Channel) -> None:
    ch.quorum()
    ch.put("q", b"1", b"2")
    ch.consume("q", no_ack=True)
    ch.delivered(2)


@scenario
def a_global_prefetch_on_a_quorum_queue(ch: Channel) -> None:
    ch.quorum()
    ch.qos(1, global_=True)
    ch.consume("q")


@scenario
def a_single_active_consumer_of_a_quorum_queue(ch: Channel) -> None:
    ch.quorum("q", x_single_active_consumer=True)
    for tag in ("a", "b"):
        ch.consume("q", tag)
    ch.put("q", b"1")
    ch.delivered()
    ch.ack(1)
    ch.cancel("a")
    ch.put("q", b"2")
    ch.delivered()


@scenario
def an_exclusive_consumer_of_a_quorum_queue(ch: Channel) -> None:
    ch.quorum()
    ch.consume("q", "a", exclusive=True)
    ch.consume("q", "b")


@scenario
def a_quorum_queue_that_is_deleted_cancels(s: Script, ch: Channel) -> None:
    ch.quorum()
    ch.consume("q")
    s.channel().delete("q")
    ch.cancelled()


@scenario
def a_quorum_queue_is_purged(ch: Channel) -> None:
    ch.quorum()
    ch.put("q", b"1", b"2")
    ch.holds("q", 2)
    ch.purge("q")


@scenario
def priorities_in_a_quorum_queue(ch: Channel) -> None:
    ch.quorum()
    for number, priority in enumerate((0, 9, 4, 5, 200, 1)):
        ch.put("q", b"%d: %d" % (number, priority), priority=priority)
    ch.put("q", b"none")
    ch.holds("q", 7)
    ch.take("q", 7)


@scenario
def a_transient_message_in_a_quorum_queue(ch: Channel) -> None:
    ch.quorum()
    ch.put("q", delivery_mode=1)
    ch.take("q")


@each("q", "r")
def a_count_of_deliveries_follows_a_dead_letter(ch: Channel, source: str) -> None:
    ch.quorum("q", x_dead_letter_exchange="", x_dead_letter_routing_key="classic")
    ch.quorum("r", x_dead_letter_exchange="", x_dead_letter_routing_key="other")
    ch.queue("classic", x_dead_letter_exchange="", x_dead_letter_routing_key="other")
    ch.quorum("other")
    ch.put(source)
    for _ in range(2):
        ch.reject(fetch(ch, source))
    ch.reject(fetch(ch, source), requeue=False)
    if source == "q":
        ch.reject(fetch(ch, "classic"), requeue=False)
    ch.reject(fetch(ch, "other"))
    fetch(ch, "other")


@scenario
def a_dead_letter_may_be_delivered_as_often_as_any_other(ch: Channel) -> None:
    ch.quorum("q", x_dead_letter_exchange="", x_dead_letter_routing_key="other", x_delivery_limit=3)
    ch.quorum("other", x_dead_letter_exchange="", x_dead_letter_routing_key="dead", x_delivery_limit=1)
    ch.queue("dead")
    ch.put("q")
    for _ in range(3):
        ch.reject(fetch(ch))
    ch.reject(fetch(ch), requeue=False)
    for _ in range(2):
        ch.reject(fetch(ch, "other"))
    ch.take("dead")
