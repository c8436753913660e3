"""Declaring, deleting and binding exchanges.

Not here: how they route (routing.py), alternate exchanges (alternates.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario

STANDARD = ("amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match", "amq.rabbitmq.trace")
TYPES = ("direct", "fanout", "topic", "headers")


@each(*TYPES)
def an_exchange_declared_again(ch: Channel, kind: str) -> None:
    ch.exchange("x", kind, durable=True)
    ch.exchange("x", kind, durable=True)
    ch.exchange("x", kind, passive=True)


@each(*STANDARD)
def a_standard_exchange_exists(ch: Channel, name: str) -> None:
    ch.exchange(name, "topic", passive=True)


@each(("amq.direct", "direct"), ("amq.rabbitmq.trace", "topic"), ("amq.match", "headers"))
def a_standard_exchange_declared_as_it_is(ch: Channel, name: str, kind: str) -> None:
    ch.exchange(name, kind, durable=True, internal=name.endswith("trace"))


@scenario
def a_standard_exchange_declared_otherwise(ch: Channel) -> None:
    ch.exchange("amq.direct", "fanout", durable=True)


@each(*STANDARD, "")
def a_standard_exchange_is_not_deleted(ch: Channel, name: str) -> None:
    ch.delete_exchange(name)


@each("amq.mine", "amq.", "amq.gen-mine")
def names_of_exchanges_that_begin_with_amq_are_refused(ch: Channel, name: str) -> None:
    ch.exchange(name)


@each("amqp", "ü", "x" * 255, "with\nnewline", " ", "a b/c")
def names_of_exchanges_that_are_fine(ch: Channel, name: str) -> None:
    ch.exchange(name)
    ch.exchange(name, "fanout")


@each("nonsense", "", "DIRECT", "x-consistent-hash", "x-delayed-message", "x-random", "x-local-random")
def an_exchange_of_another_type(ch: Channel, kind: str) -> None:
    ch.exchange("x", kind)


@scenario
def another_type_for_an_existing_exchange(ch: Channel) -> None:
    ch.exchange("x", "direct")
    ch.exchange("x", "nonsense")


@scenario
def a_passive_declaration_does_not_look_at_the_type(ch: Channel) -> None:
    ch.exchange("x", "direct")
    ch.exchange("x", "fanout", passive=True)
    ch.exchange("x", "nonsense", passive=True)


@scenario
def a_passive_declaration_of_a_missing_exchange(ch: Channel) -> None:
    ch.exchange("missing", passive=True)


@scenario
def the_default_exchange_is_not_declared(ch: Channel) -> None:
    ch.exchange("", "direct", durable=True)


@scenario
def the_default_exchange_is_not_declared_passively_either(ch: Channel) -> None:
    ch.exchange("", "direct", passive=True)


@each("durable", "auto_delete", "internal")
def a_flag_of_an_exchange_differs(ch: Channel, flag: str) -> None:
    ch.exchange("x", **{flag: True})
    ch.exchange("x")


@each("durable", "auto_delete", "internal")
def a_flag_of_an_exchange_is_new(ch: Channel, flag: str) -> None:
    ch.exchange("x")
    ch.exchange("x", **{flag: True})


@scenario
def the_type_of_an_exchange_differs(ch: Channel) -> None:
    ch.exchange("x", "topic")
    ch.exchange("x", "direct", durable=True)


@each(
    ({"alternate-exchange": "a"}, {"alternate-exchange": "b"}),
    ({"alternate-exchange": "a"}, {}),
    ({}, {"alternate-exchange": "a"}),
    ({"x-unheard-of": 1}, {"x-unheard-of": 2}),
    ({"x-unheard-of": 1}, {}),
)
def the_arguments_of_an_exchange_differ(ch: Channel, first: dict[str, Any], second: dict[str, Any]) -> None:
    ch.exchange("x", args=first)
    ch.exchange("x", args=second)


@each(5, True, "", "x" * 300, {})
def the_alternate_exchange_is_checked(ch: Channel, value: Any) -> None:
    ch.exchange("x", alternate_exchange=value)


# -- deleting -----------------------------------------------------------------------------


@scenario
def a_missing_exchange_is_deleted(ch: Channel) -> None:
    ch.delete_exchange("missing")
    ch.delete_exchange("missing", if_unused=True)


@scenario
def an_unused_exchange_is_deleted(ch: Channel) -> None:
    ch.exchange("x")
    ch.delete_exchange("x", if_unused=True)
    ch.exchange("x", passive=True)


@scenario
def an_exchange_bound_to_a_queue_is_in_use(ch: Channel) -> None:
    ch.exchange("x")
    ch.queue("q")
    ch.bind("q", "x")
    ch.delete_exchange("x", if_unused=True)


@scenario
def an_exchange_that_is_only_a_destination_is_unused(ch: Channel) -> None:
    ch.exchange("x")
    ch.exchange("source")
    ch.bind_exchange("x", "source")
    ch.delete_exchange("x", if_unused=True)


@scenario
def an_exchange_that_is_a_source_is_in_use(ch: Channel) -> None:
    ch.exchange("x")
    ch.exchange("destination")
    ch.bind_exchange("destination", "x")
    ch.delete_exchange("x", if_unused=True)


@scenario
def a_deleted_exchange_takes_its_bindings_along(ch: Channel) -> None:
    ch.exchange("x", "fanout")
    ch.queue("q")
    ch.bind("q", "x")
    ch.delete_exchange("x")
    ch.exchange("x", "fanout")
    ch.publish("x", "", mandatory=True)
    ch.returned()


# -- auto-delete --------------------------------------------------------------------------


@scenario
def an_auto_delete_exchange_goes_with_its_last_binding(ch: Channel) -> None:
    ch.exchange("x", auto_delete=True)
    ch.queue("q")
    ch.bind("q", "x", "a")
    ch.bind("q", "x", "b")
    ch.unbind("q", "x", "a")
    ch.exchange("x", passive=True)
    ch.unbind("q", "x", "b")
    ch.exchange("x", passive=True)


@scenario
def an_auto_delete_exchange_goes_with_its_last_queue(ch: Channel) -> None:
    ch.exchange("x", auto_delete=True)
    ch.queue("q")
    ch.bind("q", "x", "a")
    ch.delete("q")
    ch.exchange("x", passive=True)


@scenario
def an_auto_delete_exchange_that_was_never_bound_stays(ch: Channel) -> None:
    ch.exchange("x", auto_delete=True)
    ch.queue("q")
    ch.unbind("q", "x", "never")
    ch.exchange("x", passive=True)


@scenario
def an_auto_delete_exchange_goes_with_its_last_destination(ch: Channel) -> None:
    ch.exchange("x", auto_delete=True)
    ch.exchange("destination")
    ch.bind_exchange("destination", "x")
    ch.delete_exchange("destination")
    ch.exchange("x", passive=True)


@scenario
def auto_delete_exchanges_go_one_after_the_other(ch: Channel) -> None:
    for name in ("a", "b", "c"):
        ch.exchange(name, "fanout", auto_delete=True)
    ch.queue("q")
    ch.bind_exchange("b", "a")
    ch.bind_exchange("c", "b")
    ch.bind("q", "c")
    ch.delete("q")
    ch.exchange("c", passive=True)
    ch.connection.channel().exchange("a", passive=True)


# -- bindings between exchanges -----------------------------------------------------------


@each(("missing", "x"), ("x", "missing"), ("", "x"), ("x", ""), ("missing", "missing"), ("", ""))
def exchanges_that_cannot_be_bound(ch: Channel, destination: str, source: str) -> None:
    ch.exchange("x")
    ch.bind_exchange(destination, source, "key")


@each(("missing", "x"), ("x", "missing"), ("", "x"), ("x", ""), ("x", "y"), ("x", "x"))
def exchanges_that_are_not_bound_are_unbound(ch: Channel, destination: str, source: str) -> None:
    ch.exchange("x")
    ch.exchange("y")
    ch.unbind_exchange(destination, source, "key")


@scenario
def a_binding_between_exchanges_made_twice_is_one(ch: Channel) -> None:
    ch.exchange("x")
    ch.exchange("y", "fanout")
    ch.queue("q")
    ch.bind("q", "y")
    ch.bind_exchange("y", "x", "key")
    ch.bind_exchange("y", "x", "key")
    ch.publish("x", "key")
    ch.holds("q", 1)
    ch.unbind_exchange("y", "x", "key")
    ch.publish("x", "key", mandatory=True)
    ch.returned()


@scenario
def an_exchange_bound_to_itself(ch: Channel) -> None:
    ch.exchange("x", "fanout")
    ch.queue("q")
    ch.bind("q", "x")
    ch.bind_exchange("x", "x")
    ch.publish("x", "key")
    ch.holds("q", 1)


@scenario
def a_cycle_of_exchanges_routes_once(ch: Channel) -> None:
    for name in ("a", "b", "c"):
        ch.exchange(name, "fanout")
    for destination, source in (("b", "a"), ("c", "b"), ("a", "c")):
        ch.bind_exchange(destination, source)
    ch.queue("q")
    for name in ("a", "c"):
        ch.bind("q", name)
    ch.publish("b", "key")
    ch.holds("q", 1)
    ch.get("q")


@scenario
def two_paths_to_a_queue_deliver_once(ch: Channel) -> None:
    for name in ("top", "left", "right"):
        ch.exchange(name, "fanout")
    ch.queue("q")
    for name in ("left", "right"):
        ch.bind_exchange(name, "top")
        ch.bind("q", name)
    ch.publish("top", "key")
    ch.holds("q", 1)
    ch.get("q")


@scenario
def an_internal_exchange_is_not_published_to(ch: Channel) -> None:
    ch.exchange("x", internal=True)
    ch.publish("x", "key")
    ch.closed()


@scenario
def an_internal_exchange_takes_messages_of_others(ch: Channel) -> None:
    ch.exchange("x", "fanout")
    ch.exchange("inner", "fanout", internal=True)
    ch.queue("q")
    ch.bind("q", "inner")
    ch.bind_exchange("inner", "x")
    ch.publish("x", "key")
    ch.sync("q")
    ch.get("q")


@scenario
def an_error_of_an_exchange_leaves_no_trace(s: Script, ch: Channel) -> None:
    ch.exchange("x", "nonsense")
    s.connect().channel().exchange("x", passive=True)
