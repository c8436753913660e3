"""Declaring queues: names, flags, equivalence, and the checks of every argument.

Not here: what the arguments do (limits.py, expiry.py, dead_letters.py and others), deleting (queue_delete.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.raw.values import Typed
from tests.differential.script import Script, each, scenario


@scenario
def a_queue_named_by_the_broker(ch: Channel) -> None:
    name = ch.queue()
    ch.queue(name, passive=True)


@scenario
def the_last_declared_queue_is_meant_by_an_empty_name(ch: Channel) -> None:
    ch.queue()
    ch.queue("q")
    ch.bind("", "amq.direct", "key")
    ch.publish("amq.direct", "key")
    ch.sync("q")
    ch.get("")
    ch.consume("")
    ch.purge("")
    ch.unbind("", "amq.direct", "key")
    ch.delete("")


@each("queue.bind", "queue.purge", "queue.delete", "queue.unbind", "basic.get", "basic.consume")
def an_empty_name_without_a_queue_declared_before(ch: Channel, method: str) -> None:
    ch.call(method, "")


@scenario
def an_empty_name_bound_with_an_empty_key_takes_the_queues_name(ch: Channel) -> None:
    ch.queue("q")
    ch.bind("", "amq.direct", "")
    ch.publish("amq.direct", "q")
    ch.sync("q")
    ch.get("q")


@scenario
def a_named_queue_bound_with_an_empty_key_keeps_it_empty(ch: Channel) -> None:
    ch.queue("q")
    ch.bind("q", "amq.direct", "")
    ch.publish("amq.direct", "q")
    ch.publish("amq.direct", "", b"empty")
    ch.sync("q")
    ch.get("q")
    ch.get("q")


@scenario
def an_empty_name_declared_passively(ch: Channel) -> None:
    ch.queue("q")
    ch.queue("", passive=True)


@scenario
def an_empty_name_declared_passively_first(ch: Channel) -> None:
    ch.queue("", passive=True)


@scenario
def a_passive_declaration_of_a_missing_queue(ch: Channel) -> None:
    ch.queue("missing", passive=True)


@scenario
def a_passive_declaration_looks_at_nothing_but_the_name(ch: Channel) -> None:
    ch.queue("q")
    ch.queue("q", passive=True, durable=True, auto_delete=True, x_message_ttl=5, x_queue_type="nonsense")


@scenario
def a_declaration_counts_messages_and_consumers(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2")
    ch.queue("q")
    ch.get("q")
    ch.queue("q")
    ch.consume("q")
    ch.delivered()
    ch.queue("q")


@each("amq.mine", "amq.", "amq.gen-mine")
def names_that_begin_with_amq_are_refused(ch: Channel, name: str) -> None:
    ch.queue(name)


@each("amqp", "AMQ.mine", " ", "a b/c?d", "ü", "q" * 255, "with\nnewline", "'quoted'", "%s~p")
def names_that_are_fine(ch: Channel, name: str) -> None:
    ch.queue(name)
    ch.queue(name, durable=True)


@scenario
def a_missing_amq_name_declared_passively(ch: Channel) -> None:
    ch.queue("amq.missing", passive=True)


# -- equivalence --------------------------------------------------------------------------


@each("durable", "auto_delete", "exclusive")
def a_flag_differs(ch: Channel, flag: str) -> None:
    ch.queue("q", **{flag: True})
    ch.queue("q")


@each("durable", "auto_delete", "exclusive")
def a_flag_is_new(ch: Channel, flag: str) -> None:
    ch.queue("q")
    ch.queue("q", **{flag: True})


ARGUMENTS = (
    ("x-message-ttl", 60000, 60001),
    ("x-expires", 60000, 60001),
    ("x-max-length", 10, 11),
    ("x-max-length-bytes", 1000, 1001),
    ("x-dead-letter-exchange", "amq.direct", "amq.fanout"),
    ("x-max-priority", 5, 6),
    ("x-overflow", "reject-publish", "drop-head"),
    ("x-single-active-consumer", True, False),
    ("x-queue-type", "classic", "quorum"),
)
OTHERS = (
    ("x-queue-mode", "lazy", "default"),
    ("x-queue-version", 1, 2),
    ("x-unheard-of", "a", "b"),
    ("x-queue-master-locator", "client-local", "min-masters"),
)


@each(*ARGUMENTS, *OTHERS)
def an_argument_declared_the_same_again(ch: Channel, name: str, value: Any, _: Any) -> None:
    ch.queue("q", args={name: value})
    ch.queue("q", args={name: value})


@each(*ARGUMENTS, *OTHERS)
def an_argument_differs(ch: Channel, name: str, value: Any, other: Any) -> None:
    ch.queue("q", durable=True, args={name: value})
    ch.queue("q", durable=True, args={name: other})


@each(*ARGUMENTS, *OTHERS)
def an_argument_is_missing(ch: Channel, name: str, value: Any, _: Any) -> None:
    ch.queue("q", args={name: value})
    ch.queue("q")


@each(*ARGUMENTS, *OTHERS)
def an_argument_is_new(ch: Channel, name: str, value: Any, _: Any) -> None:
    ch.queue("q")
    ch.queue("q", args={name: value})


@scenario
def a_dead_letter_routing_key_differs(ch: Channel) -> None:
    ch.queue("q", x_dead_letter_exchange="x", x_dead_letter_routing_key="a")
    ch.queue("q", x_dead_letter_exchange="x", x_dead_letter_routing_key="b")


@each("b", "B", "s", "u", "I", "i", "l")
def the_same_number_of_another_type(ch: Channel, tag: str) -> None:
    ch.queue("q", x_message_ttl=100)
    ch.queue("q", x_message_ttl=Typed(tag, 100))


@scenario
def the_same_arguments_in_another_order(ch: Channel) -> None:
    ch.queue("q", x_message_ttl=100, x_max_length=5)
    ch.queue("q", x_max_length=5, x_message_ttl=100)


@scenario
def flags_are_compared_before_arguments(ch: Channel) -> None:
    ch.queue("q", durable=True, x_message_ttl=100)
    ch.queue("q", auto_delete=True, x_message_ttl=200)


# -- checks -------------------------------------------------------------------------------

NUMBERS = ("x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-max-priority")


@each(*((name, value) for name in NUMBERS for value in ("10", -1, 0, 1.5, True, 2**40, None, {}, [])))
def a_number_is_checked(ch: Channel, name: str, value: Any) -> None:
    ch.queue("q", args={name: value})


@each(*((name, 255) for name in NUMBERS), *((name, 256) for name in NUMBERS))
def a_number_that_fits_an_octet_or_does_not(ch: Channel, name: str, value: int) -> None:
    ch.queue("q", args={name: value})


TEXTS = ("x-dead-letter-exchange", "x-overflow", "x-queue-mode", "x-queue-type", "x-queue-master-locator")


@each(*((name, value) for name in TEXTS for value in ("nonsense", "", 5, True, b"bytes")))
def a_text_is_checked(ch: Channel, name: str, value: Any) -> None:
    ch.queue("q", args={name: value})


@each("key", "", 5, "k" * 300)
def a_dead_letter_routing_key_is_checked(ch: Channel, key: Any) -> None:
    ch.queue("q", x_dead_letter_exchange="x", x_dead_letter_routing_key=key)


@scenario
def a_dead_letter_routing_key_without_its_exchange(ch: Channel) -> None:
    ch.queue("q", x_dead_letter_routing_key="key")


@each("yes", 1, True, False)
def single_active_consumer_is_checked(ch: Channel, value: Any) -> None:
    ch.queue("q", x_single_active_consumer=value)


@each("at-most-once", "at-least-once", "nonsense")
def a_dead_letter_strategy_is_of_quorum_queues_only(ch: Channel, strategy: str) -> None:
    ch.queue("q", x_dead_letter_exchange="x", x_dead_letter_strategy=strategy)


@each(
    "x-delivery-limit", "x-quorum-initial-group-size", "x-max-in-memory-length", "x-max-age", "x-queue-leader-locator"
)
def an_argument_of_another_queue_type(ch: Channel, name: str) -> None:
    ch.queue("q", args={name: 5})


@scenario
def a_stream(ch: Channel) -> None:
    ch.queue("q", x_queue_type="stream")


# -- exclusive queues of others -----------------------------------------------------------


@each("queue.declare", "queue.bind", "queue.purge", "queue.delete", "queue.unbind", "basic.get", "basic.consume")
def an_exclusive_queue_of_another_connection(s: Script, ch: Channel, method: str) -> None:
    ch.queue("q", exclusive=True)
    other = s.connect().channel()
    extra = {"exchange": "amq.direct", "routing_key": "k"} if "bind" in method else {}
    other.call(method, "q", **extra)


@scenario
def an_exclusive_queue_of_another_connection_declared_passively(s: Script, ch: Channel) -> None:
    ch.queue("q", exclusive=True)
    s.connect().channel().queue("q", passive=True)


@scenario
def an_exclusive_queue_takes_messages_of_other_connections(s: Script, ch: Channel) -> None:
    ch.queue("q", exclusive=True)
    other = s.connect().channel()
    other.confirm()
    other.publish("", "q", mandatory=True)
    other.confirmed()
    ch.get("q")


@scenario
def an_exclusive_queue_goes_with_its_connection(s: Script, ch: Channel) -> None:
    connection = s.connect()
    connection.channel().queue("q", exclusive=True, durable=True)
    connection.zero.call("connection.close", 200, "bye")
    ch.gone("q")


@scenario
def an_exclusive_queue_belongs_to_all_channels_of_its_connection(s: Script, ch: Channel) -> None:
    ch.queue("q", exclusive=True)
    ch.close()
    s.channel().queue("q", exclusive=True)
