"""Transactions: publishes and acknowledgements until commit or rollback.

Not here: the mode as such (channels.py).
"""

from __future__ import annotations

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario


@scenario
def publishes_appear_with_the_commit(s: Script, ch: Channel) -> None:
    other = s.channel()
    ch.queue("q")
    ch.tx()
    ch.publish("", "q", b"1")
    ch.publish("", "q", b"2")
    ch.sync("q")
    other.get("q")
    ch.tx("commit")
    other.get("q")
    other.get("q")


@scenario
def publishes_vanish_with_a_rollback(ch: Channel) -> None:
    ch.queue("q")
    ch.tx()
    ch.publish("", "q")
    ch.tx("rollback")
    ch.tx("commit")
    ch.get("q")


@scenario
def publishes_vanish_with_the_channel(s: Script, ch: Channel) -> None:
    ch.queue("q")
    ch.tx()
    ch.publish("", "q")
    ch.close()
    s.channel().get("q")


@scenario
def acknowledgements_count_with_the_commit(s: Script, ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2")
    ch.tx()
    ch.get("q")
    ch.get("q")
    ch.ack(1)
    ch.tx("commit")
    ch.ack(2)
    ch.close()
    other = s.channel()
    other.get("q")
    other.get("q")


@scenario
def a_rollback_leaves_messages_unacknowledged(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1")
    ch.tx()
    ch.get("q")
    ch.ack(1)
    ch.tx("rollback")
    ch.get("q")
    ch.ack(1)
    ch.tx("commit")
    ch.queue("q", passive=True)


@scenario
def rejections_count_with_the_commit(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2")
    ch.tx()
    ch.get("q")
    ch.get("q")
    ch.reject(1)
    ch.nack(2, requeue=True)
    ch.sync("q")
    ch.get("q")
    ch.tx("commit")
    ch.get("q")
    ch.get("q")


@scenario
def rejections_dead_letter_with_the_commit(ch: Channel) -> None:
    ch.queue("dead")
    ch.queue("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    ch.put("q")
    ch.tx()
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.sync("q", "dead")
    ch.get("dead")
    ch.tx("commit")
    ch.take("dead")


@scenario
def a_tag_settled_twice_in_a_transaction(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q")
    ch.tx()
    ch.get("q")
    ch.ack(1)
    ch.ack(1)
    ch.closed()


@scenario
def an_unknown_tag_in_a_transaction(ch: Channel) -> None:
    ch.tx()
    ch.ack(5)
    ch.closed()


@scenario
def a_mandatory_message_comes_back_with_the_commit(ch: Channel) -> None:
    ch.tx()
    ch.publish("", "nowhere", mandatory=True)
    ch.sync()
    ch.tx("commit")
    ch.returned()


@scenario
def a_mandatory_message_rolled_back_does_not_come_back(ch: Channel) -> None:
    ch.tx()
    ch.publish("", "nowhere", mandatory=True)
    ch.tx("rollback")
    ch.sync()


@scenario
def a_missing_exchange_is_told_before_the_commit(ch: Channel) -> None:
    ch.tx()
    ch.publish("missing", "key")
    ch.closed()


@scenario
def getting_is_not_part_of_a_transaction(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2")
    ch.tx()
    ch.get("q", no_ack=True)
    ch.tx("rollback")
    ch.get("q")


@scenario
def the_commit_of_nothing(ch: Channel) -> None:
    ch.tx()
    ch.tx("commit")
    ch.tx("rollback")


@scenario
def recovering_in_a_transaction(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2")
    ch.tx()
    ch.get("q")
    ch.get("q")
    ch.ack(1)
    ch.recover()
    ch.sync("q")
    ch.get("q")
    ch.tx("rollback")


@scenario
def a_transaction_of_publishes_and_acknowledgements(ch: Channel) -> None:
    ch.queue("q")
    ch.queue("r")
    ch.put("q", b"1")
    ch.tx()
    ch.consume("q")
    ch.delivered()
    ch.publish("", "r", b"2")
    ch.ack(1)
    ch.tx("commit")
    ch.sync("r")
    ch.get("r")
    ch.queue("q", passive=True)


@scenario
def consumers_in_a_transaction_keep_their_prefetch_until_the_commit(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(1)
    ch.tx()
    ch.consume("q")
    for body in (b"1", b"2"):
        ch.publish("", "q", body)
    ch.tx("commit")
    ch.delivered()
    ch.ack(1)
    ch.sync("q")
    ch.tx("commit")
    ch.delivered()


@scenario
def a_message_goes_where_it_went_when_it_was_published(s: Script, ch: Channel) -> None:
    other = s.channel()
    other.queue("bound")
    other.queue("unbound")
    other.bind("unbound", "amq.direct", "key")
    ch.tx()
    ch.publish("amq.direct", "key")
    ch.sync("unbound")
    other.unbind("unbound", "amq.direct", "key")
    other.bind("bound", "amq.direct", "key")
    ch.tx("commit")
    other.get("unbound")
    other.get("bound")


@each("plain", "mandatory", "declared again")
def a_queue_that_is_gone_at_the_commit_fails_it(s: Script, ch: Channel, how: str) -> None:
    other = s.channel()
    for name in ("q", "r"):
        other.queue(name)
        other.bind(name, "amq.direct", "key")
    ch.tx()
    ch.publish("amq.direct", "key", mandatory=how == "mandatory")
    ch.sync("q")
    other.delete("q")
    if how == "declared again":
        other.queue("q")
    ch.tx("commit")
    ch.closed()
    other.get("r")
    other.queue("q")


@scenario
def a_full_queue_fails_the_commit(s: Script, ch: Channel) -> None:
    ch.queue("q", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    ch.queue("acked")
    ch.put("acked", b"0")
    ch.tx()
    ch.get("acked")
    ch.ack(1)
    ch.publish("", "q", b"1")
    ch.publish("", "q", b"2")
    ch.tx("commit")
    ch.closed()
    other = s.channel()
    other.get("q")
    other.get("acked")
