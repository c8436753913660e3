"""Acknowledging, rejecting, requeueing and recovering deliveries, and basic.get.

Not here: what becomes of rejected messages (dead_letters.py), transactions (transactions.py).
"""

from __future__ import annotations

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario


def filled(ch: Channel, *bodies: bytes) -> None:
    """Declare `q`, put messages into it and get them all."""
    ch.queue("q")
    ch.put("q", *bodies)
    for _ in bodies:
        ch.get("q")


@scenario
def get_counts_what_is_left(ch: Channel) -> None:
    filled(ch, b"1", b"2", b"3")
    ch.get("q")


@scenario
def get_without_acknowledgement(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q")
    ch.get("q", no_ack=True)
    ch.ack(1)
    ch.closed()


@scenario
def get_of_a_missing_queue(ch: Channel) -> None:
    ch.get("missing")


@scenario
def messages_come_back_in_order(ch: Channel) -> None:
    filled(ch, b"1", b"2", b"3")
    ch.nack(3, multiple=True)
    ch.sync("q")
    for _ in range(4):
        ch.get("q")


@each((3, 1, 2), (2, 3, 1), (1, 2, 3))
def messages_come_back_to_their_places_one_by_one(ch: Channel, *order: int) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2", b"3", b"4")
    for _ in range(3):
        ch.get("q")
    for tag in order:
        ch.reject(tag)
    ch.sync("q")
    for _ in range(4):
        ch.get("q")


@scenario
def a_requeued_message_comes_before_later_ones(ch: Channel) -> None:
    filled(ch, b"1")
    ch.put("q", b"2")
    ch.reject(1)
    ch.sync("q")
    ch.get("q")
    ch.get("q")


@scenario
def only_what_was_delivered_is_redelivered(ch: Channel) -> None:
    filled(ch, b"1")
    ch.nack(1)
    ch.put("q", b"2")
    ch.get("q")
    ch.get("q")


@scenario
def a_requeued_message_is_delivered_to_the_next_consumer(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(1)
    ch.consume("q", "a")
    ch.put("q")
    ch.delivered()
    ch.consume("q", "b")
    ch.reject(1)
    ch.delivered()


@each(0, 1, 2, 99, 2**63)
def an_unknown_tag_is_not_acknowledged(ch: Channel, tag: int) -> None:
    filled(ch, b"1")
    ch.ack(1)
    ch.ack(tag)
    ch.closed()


@each("ack", "nack", "reject")
def a_tag_is_settled_once(ch: Channel, verb: str) -> None:
    filled(ch, b"1", b"2")
    getattr(ch, verb)(1)
    getattr(ch, verb)(1)
    ch.closed()


@each("ack", "nack")
def an_unknown_tag_is_not_settled_with_those_before_it(ch: Channel, verb: str) -> None:
    filled(ch, b"1", b"2")
    getattr(ch, verb)(7, multiple=True)
    ch.closed()


@each("ack", "nack")
def tag_0_means_all(ch: Channel, verb: str) -> None:
    filled(ch, b"1", b"2", b"3")
    getattr(ch, verb)(0, multiple=True)
    ch.sync("q")
    ch.queue("q", passive=True)
    getattr(ch, verb)(0, multiple=True)
    ch.sync("q")


@scenario
def tag_0_without_multiple(ch: Channel) -> None:
    filled(ch, b"1")
    ch.ack(0)
    ch.closed()


@scenario
def all_up_to_a_tag_are_acknowledged(ch: Channel) -> None:
    filled(ch, b"1", b"2", b"3", b"4")
    ch.ack(2)
    ch.ack(3, multiple=True)
    ch.nack(4)
    ch.sync("q")
    ch.get("q")
    ch.get("q")


@scenario
def a_settled_tag_does_not_bound_those_before_it(ch: Channel) -> None:
    filled(ch, b"1", b"2", b"3")
    ch.ack(2)
    ch.ack(2, multiple=True)
    ch.closed()


@scenario
def tags_of_get_and_consume_count_together(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1")
    ch.get("q")
    ch.consume("q")
    ch.put("q", b"2")
    ch.delivered()
    ch.ack(2, multiple=True)
    ch.queue("q")


@scenario
def tags_of_another_channel_are_unknown(s: Script, ch: Channel) -> None:
    filled(ch, b"1")
    other = s.channel()
    other.ack(1)
    other.closed()


@scenario
def a_channel_that_closes_requeues(s: Script, ch: Channel) -> None:
    filled(ch, b"1", b"2")
    ch.close()
    other = s.channel()
    other.get("q")
    other.get("q")


@scenario
def a_connection_that_breaks_requeues(s: Script, ch: Channel) -> None:
    ch.queue("q")
    broken = s.connect()
    lost = broken.channel()
    lost.put("q", b"1", b"2")
    lost.get("q")
    broken.abort()
    ch.holds("q", 2)
    ch.get("q")
    ch.get("q")


@scenario
def an_error_requeues(s: Script, ch: Channel) -> None:
    filled(ch, b"1")
    ch.queue("missing", passive=True)
    other = s.channel()
    other.holds("q", 1)
    other.get("q")


@scenario
def messages_of_two_channels_come_back_in_order(s: Script, ch: Channel) -> None:
    other = s.channel()
    ch.queue("q")
    ch.put("q", b"1", b"2", b"3", b"4")
    for channel in (ch, other, ch, other):
        channel.get("q")
    other.nack(2, multiple=True)
    other.sync("q")
    ch.nack(2, multiple=True)
    ch.sync("q")
    for _ in range(4):
        ch.get("q")


# -- recover ------------------------------------------------------------------------------


@scenario
def recovering_requeues_all(ch: Channel) -> None:
    filled(ch, b"1", b"2")
    ch.recover()
    ch.sync("q")
    ch.get("q")
    ch.get("q")


@scenario
def recovering_without_requeueing_is_not_implemented(ch: Channel) -> None:
    filled(ch, b"1")
    ch.recover(requeue=False)


@scenario
def recovering_asynchronously_is_not_answered(ch: Channel) -> None:
    filled(ch, b"1", b"2")
    ch.send("basic.recover-async", requeue=True)
    ch.sync("q")
    ch.get("q")


@scenario
def recovering_asynchronously_without_requeueing(ch: Channel) -> None:
    ch.send("basic.recover-async", requeue=False)
    ch.closed()


@scenario
def recovering_delivers_to_the_consumer_again(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q")
    ch.put("q", b"1", b"2")
    ch.delivered(2)
    ch.recover()
    ch.delivered(2)
    ch.ack(4, multiple=True)
    ch.sync("q")


@scenario
def recovered_tags_are_unknown(ch: Channel) -> None:
    filled(ch, b"1")
    ch.recover()
    ch.ack(1)
    ch.closed()
