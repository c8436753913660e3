"""Binding, unbinding, deleting and purging queues.

Not here: how messages are routed (routing.py), declaring (queue_declare.py).
"""

from __future__ import annotations

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario


@each(("missing", "amq.direct"), ("q", "missing"), ("q", ""), ("missing", "missing"), ("missing", ""))
def a_queue_that_cannot_be_bound(ch: Channel, queue: str, exchange: str) -> None:
    ch.queue("q")
    ch.bind(queue, exchange, "key")


@each(("missing", "amq.direct"), ("q", "missing"), ("q", ""), ("q", "amq.direct"), ("missing", "missing"))
def a_queue_that_is_not_bound_is_unbound(ch: Channel, queue: str, exchange: str) -> None:
    ch.queue("q")
    ch.unbind(queue, exchange, "key")


@scenario
def a_binding_made_twice_is_one(ch: Channel) -> None:
    ch.queue("q")
    ch.bind("q", "amq.direct", "key")
    ch.bind("q", "amq.direct", "key")
    ch.publish("amq.direct", "key")
    ch.holds("q", 1)
    ch.unbind("q", "amq.direct", "key")
    ch.publish("amq.direct", "key", mandatory=True)
    ch.returned()


@scenario
def bindings_with_other_arguments_are_others(ch: Channel) -> None:
    ch.queue("q")
    ch.bind("q", "amq.direct", "key", tag="a")
    ch.bind("q", "amq.direct", "key", tag="b")
    ch.unbind("q", "amq.direct", "key", tag="a")
    ch.publish("amq.direct", "key")
    ch.holds("q", 1)
    ch.unbind("q", "amq.direct", "key")
    ch.unbind("q", "amq.direct", "key", tag="b")
    ch.publish("amq.direct", "key", mandatory=True)
    ch.returned()


@scenario
def a_durable_exchange_takes_a_transient_queue(ch: Channel) -> None:
    ch.queue("q", exclusive=True)
    ch.exchange("x", durable=True)
    ch.bind("q", "x", "key")


@scenario
def a_deleted_queue_takes_its_bindings_along(ch: Channel) -> None:
    ch.queue("q")
    ch.bind("q", "amq.direct", "key")
    ch.delete("q")
    ch.queue("q")
    ch.publish("amq.direct", "key", mandatory=True)
    ch.returned()


@each("k" * 255, "", "a.b.c", "ü", "#", "*")
def routing_keys_of_direct_exchanges_are_taken_as_they_are(ch: Channel, key: str) -> None:
    ch.queue("q")
    ch.bind("q", "amq.direct", key)
    ch.publish("amq.direct", key)
    ch.publish("amq.direct", key + "x" if len(key) < 255 else "x", b"another")
    ch.holds("q", 1)


# -- deleting -----------------------------------------------------------------------------


@scenario
def a_missing_queue_is_deleted(ch: Channel) -> None:
    ch.delete("missing")
    ch.delete("missing", if_unused=True, if_empty=True)


@scenario
def deleting_counts_the_messages(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2", b"3")
    ch.get("q")
    ch.delete("q")


@scenario
def a_queue_with_messages_is_not_empty(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q")
    ch.delete("q", if_empty=True)


@scenario
def a_queue_with_only_unacknowledged_messages_is_empty(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q")
    ch.get("q")
    ch.delete("q", if_empty=True)


@scenario
def a_queue_with_a_consumer_is_in_use(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q")
    ch.delete("q", if_unused=True)


@scenario
def a_queue_in_use_and_not_empty(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(1)
    ch.consume("q")
    ch.put("q", b"1", b"2")
    ch.delete("q", if_unused=True, if_empty=True)


@scenario
def a_queue_unused_and_empty_is_deleted(ch: Channel) -> None:
    ch.queue("q")
    ch.delete("q", if_unused=True, if_empty=True)
    ch.queue("q", passive=True)


@each("if_unused", "if_empty")
def a_quorum_queue_does_not_know_the_conditions(ch: Channel, condition: str) -> None:
    ch.quorum("q")
    ch.delete("q", **{condition: True})


@scenario
def what_was_got_from_a_deleted_queue_can_be_settled(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2", b"3")
    for _ in range(3):
        ch.get("q")
    ch.delete("q")
    ch.ack(1)
    ch.nack(2)
    ch.reject(3, requeue=False)
    ch.sync()
    ch.ack(1)
    ch.closed()


# -- purging ------------------------------------------------------------------------------


@scenario
def purging_counts_and_spares_what_is_unacknowledged(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2", b"3")
    ch.get("q")
    ch.purge("q")
    ch.purge("q")
    ch.nack(1)
    ch.sync("q")
    ch.get("q")


@scenario
def a_missing_queue_is_not_purged(ch: Channel) -> None:
    ch.purge("missing")


@scenario
def purging_does_not_dead_letter(ch: Channel) -> None:
    ch.queue("dead")
    ch.queue("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    ch.put("q")
    ch.purge("q")
    ch.sync("q", "dead")
    ch.get("dead")


# -- auto-delete --------------------------------------------------------------------------


@scenario
def an_auto_delete_queue_goes_with_its_last_consumer(s: Script, ch: Channel) -> None:
    ch.queue("q", auto_delete=True)
    ch.consume("q", "a")
    ch.consume("q", "b")
    ch.cancel("a")
    ch.queue("q", passive=True)
    ch.cancel("b")
    s.channel().gone("q")


@scenario
def an_auto_delete_queue_without_consumers_stays(ch: Channel) -> None:
    ch.queue("q", auto_delete=True)
    ch.put("q")
    ch.get("q")
    ch.queue("q", passive=True)


@scenario
def an_auto_delete_queue_goes_with_the_channel_of_its_consumer(s: Script, ch: Channel) -> None:
    ch.queue("q", auto_delete=True)
    ch.consume("q")
    ch.close()
    s.channel().gone("q")


@scenario
def an_auto_delete_queue_does_not_dead_letter_at_its_end(s: Script, ch: Channel) -> None:
    ch.queue("dead")
    ch.queue("q", auto_delete=True, x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    ch.qos(1)
    ch.consume("q")
    ch.put("q", b"1", b"2")
    ch.delivered()
    ch.cancel()
    s.channel().gone("q")
    s.channel().get("dead")
