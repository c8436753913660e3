"""Dead-lettering: reasons, routing keys, configuration.

Not here: several deaths and cycles (deaths.py), quorum queues (quorum.py), expiry and limits as such (expiry.py,
limits.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario


def to_dead(ch: Channel, name: str = "q", **arguments: Any) -> None:
    """Declare a queue that dead-letters to the queue `dead`, which is declared too."""
    ch.queue("dead")
    ch.queue(name, **({"x_dead_letter_exchange": "", "x_dead_letter_routing_key": "dead"} | arguments))


@scenario
def rejecting_dead_letters(ch: Channel) -> None:
    to_dead(ch)
    ch.put("q", b"one", headers={"mine": 1}, message_id="m", delivery_mode=2)
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")


@each(True, False)
def nack_dead_letters_unless_it_requeues(ch: Channel, requeue: bool) -> None:
    to_dead(ch)
    ch.put("q", b"1", b"2")
    ch.get("q")
    ch.get("q")
    ch.nack(2, multiple=True, requeue=requeue)
    ch.holds("q" if requeue else "dead", 2)


@scenario
def several_messages_are_dead_lettered_in_order(ch: Channel) -> None:
    to_dead(ch)
    ch.put("q", b"1", b"2", b"3")
    for _ in range(3):
        ch.get("q")
    ch.nack(0, multiple=True, requeue=False)
    ch.take("dead", 3)


@scenario
def an_expired_message_is_dead_lettered(ch: Channel) -> None:
    to_dead(ch, x_message_ttl=20)
    ch.put("q")
    ch.take("dead")


@scenario
def a_message_with_an_expiration_loses_it(ch: Channel) -> None:
    to_dead(ch)
    ch.put("q", expiration="20", headers={"a": 1})
    ch.take("dead")


@scenario
def a_rejected_message_with_an_expiration_loses_it_too(ch: Channel) -> None:
    to_dead(ch)
    ch.put("q", expiration="60000")
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")


@scenario
def a_message_dropped_for_length_is_dead_lettered(ch: Channel) -> None:
    to_dead(ch, x_max_length=1)
    ch.put("q", b"1", b"2")
    ch.take("dead")
    ch.get("q")


@scenario
def a_message_refused_for_length_is_dead_lettered_where_asked(ch: Channel) -> None:
    to_dead(ch, x_max_length=1, x_overflow="reject-publish-dlx")
    ch.confirm()
    for body in (b"1", b"2"):
        ch.publish("", "q", body)
        ch.confirmed()
    ch.take("dead")
    ch.get("q")


@scenario
def a_message_refused_for_length_is_not_dead_lettered_otherwise(ch: Channel) -> None:
    to_dead(ch, x_max_length=1, x_overflow="reject-publish")
    ch.put("q", b"1", b"2")
    ch.sync("dead")
    ch.get("dead")


@scenario
def without_an_exchange_dead_messages_vanish(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q")
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.sync("q")
    ch.queue("q")


@scenario
def a_missing_dead_letter_exchange_swallows(ch: Channel) -> None:
    ch.queue("q", x_dead_letter_exchange="missing")
    ch.put("q")
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.sync("q")
    ch.queue("q")


@scenario
def a_dead_letter_that_is_not_routed_vanishes(ch: Channel) -> None:
    ch.queue("q", x_dead_letter_exchange="amq.direct")
    ch.put("q", mandatory=True)
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.sync("q")
    ch.queue("q")


# -- keys ---------------------------------------------------------------------------------


@scenario
def the_routing_key_is_kept_unless_another_is_given(ch: Channel) -> None:
    ch.queue("dead")
    ch.bind("dead", "amq.topic", "#")
    ch.queue("q", x_dead_letter_exchange="amq.topic")
    ch.bind("q", "amq.direct", "key")
    ch.publish("amq.direct", "key")
    ch.sync("q")
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")


@scenario
def CC_keys_are_routing_keys_of_the_dead_letter(ch: Channel) -> None:
    for name in ("dead", "copy"):
        ch.queue(name)
    ch.bind("dead", "amq.direct", "q")
    ch.bind("copy", "amq.direct", "cc")
    ch.queue("q", x_dead_letter_exchange="amq.direct")
    ch.put("q", headers={"CC": ["cc", "other"]})
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")
    ch.take("copy")


@scenario
def a_given_routing_key_replaces_CC(ch: Channel) -> None:
    to_dead(ch)
    ch.put("q", headers={"CC": ["cc"], "BCC": ["bcc"]})
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")


@scenario
def BCC_keys_are_among_the_keys_of_the_death(ch: Channel) -> None:
    ch.queue("dead")
    ch.bind("dead", "amq.topic", "#")
    ch.queue("q", x_dead_letter_exchange="amq.topic")
    ch.put("q", headers={"BCC": ["bcc"]})
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")


@scenario
def a_dead_letter_through_its_exchange_to_several_queues(ch: Channel) -> None:
    for name in ("a", "b"):
        ch.queue(name)
        ch.bind(name, "amq.fanout")
    ch.queue("q", x_dead_letter_exchange="amq.fanout")
    ch.put("q")
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("a")
    ch.take("b")


@scenario
def a_dead_letter_goes_to_the_alternate_exchange(ch: Channel) -> None:
    ch.exchange("x", alternate_exchange="amq.fanout")
    ch.queue("dead")
    ch.bind("dead", "amq.fanout")
    ch.queue("q", x_dead_letter_exchange="x")
    ch.put("q")
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")


@scenario
def an_internal_exchange_takes_dead_letters(ch: Channel) -> None:
    ch.exchange("x", "fanout", internal=True)
    ch.queue("dead")
    ch.bind("dead", "x")
    ch.queue("q", x_dead_letter_exchange="x")
    ch.put("q")
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")


# -- configuration ------------------------------------------------------------------------


@scenario
def dead_lettering_by_policy(s: Script, ch: Channel) -> None:
    s.policy("^q", dead_letter_exchange="amq.fanout", dead_letter_routing_key="k")
    ch.queue("dead")
    ch.bind("dead", "amq.fanout")
    ch.queue("q")
    ch.put("q")
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")


@scenario
def arguments_prevail_over_the_policy(s: Script, ch: Channel) -> None:
    s.policy("^q", dead_letter_exchange="missing", dead_letter_routing_key="k")
    to_dead(ch)
    ch.put("q")
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")


@scenario
def a_deleted_queue_dead_letters_nothing(ch: Channel) -> None:
    to_dead(ch)
    ch.put("q")
    ch.delete("q")
    ch.sync("dead")
    ch.get("dead")


@scenario
def dead_letters_reach_consumers(ch: Channel) -> None:
    to_dead(ch)
    ch.consume("dead", "undertaker")
    ch.put("q")
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.delivered()


@scenario
def a_message_without_headers_and_one_with_an_empty_table(ch: Channel) -> None:
    to_dead(ch)
    ch.put("q", b"none")
    ch.put("q", b"empty", headers={})
    ch.get("q")
    ch.get("q")
    ch.nack(2, multiple=True, requeue=False)
    ch.take("dead", 2)
