"""What a publisher is told: returns, confirms and their order, refusals by full queues, alternate exchanges.

Not here: where messages go (routing.py), limits of queues as such (limits.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario


@scenario
def an_unroutable_mandatory_message_comes_back(ch: Channel) -> None:
    ch.publish("amq.direct", "nowhere", b"body", mandatory=True, headers={"a": 1}, message_id="m")
    ch.returned()


@scenario
def an_unroutable_message_vanishes(ch: Channel) -> None:
    ch.publish("amq.direct", "nowhere")
    ch.sync()


@scenario
def a_routable_mandatory_message_does_not_come_back(ch: Channel) -> None:
    ch.queue("q")
    ch.publish("", "q", mandatory=True)
    ch.sync("q")


@scenario
def an_empty_body_comes_back(ch: Channel) -> None:
    ch.publish("", "nowhere", b"", mandatory=True)
    ch.returned()


@scenario
def a_large_body_comes_back(ch: Channel) -> None:
    ch.publish("", "nowhere", b"x" * 200000, mandatory=True)
    ch.returned()


@scenario
def a_message_with_BCC_comes_back_as_it_was(ch: Channel) -> None:
    ch.publish("", "nowhere", mandatory=True, headers={"CC": ["a"], "BCC": ["b"], "x-death": "mine"})
    ch.returned()


@scenario
def a_return_precedes_its_confirm(ch: Channel) -> None:
    ch.confirm()
    ch.publish("", "nowhere", mandatory=True)
    ch.returned(2)


@each({}, {"delivery_mode": 2})
def messages_are_confirmed(ch: Channel, properties: dict[str, Any]) -> None:
    ch.confirm()
    ch.queue("q", durable=True)
    for _ in range(20):
        ch.publish("", "q", **properties)
    ch.confirmed(20)


@scenario
def messages_to_nowhere_are_confirmed(ch: Channel) -> None:
    ch.confirm()
    ch.publish("amq.fanout", "")
    ch.confirmed()


@scenario
def messages_to_several_queues_are_confirmed_once(ch: Channel) -> None:
    ch.confirm()
    for name, durable in (("a", True), ("b", False)):
        ch.queue(name, durable=durable)
        ch.bind(name, "amq.fanout")
    ch.quorum("c")
    ch.bind("c", "amq.fanout")
    for _ in range(5):
        ch.publish("amq.fanout", "", delivery_mode=2)
    ch.confirmed(5)


@scenario
def confirms_count_from_confirm_select_on(ch: Channel) -> None:
    ch.publish("", "nowhere")
    ch.confirm()
    ch.publish("", "nowhere")
    ch.confirmed()


@scenario
def every_channel_counts_its_own_confirms(s: Script, ch: Channel) -> None:
    other = s.channel()
    for channel in (ch, other):
        channel.confirm()
        channel.publish("", "nowhere")
        channel.publish("", "nowhere")
        channel.confirmed(2)


@scenario
def a_message_refused_by_the_broker_is_not_confirmed(ch: Channel) -> None:
    ch.confirm()
    ch.publish("", "nowhere")
    ch.confirmed()
    ch.publish("missing", "key")
    ch.closed()


@scenario
def a_full_queue_that_rejects_is_negatively_confirmed(ch: Channel) -> None:
    ch.confirm()
    ch.queue("q", x_max_length=1, x_overflow="reject-publish")
    for body in (b"1", b"2"):
        ch.publish("", "q", body)
        ch.confirmed()
    ch.get("q")


@scenario
def one_full_queue_among_several_refuses_the_message_for_the_publisher(ch: Channel) -> None:
    ch.confirm()
    ch.queue("full", x_max_length=0, x_overflow="reject-publish")
    ch.queue("roomy")
    for name in ("full", "roomy"):
        ch.bind(name, "amq.fanout")
    ch.publish("amq.fanout", "")
    ch.confirmed()
    ch.take("roomy")
    ch.get("full")


@scenario
def a_full_queue_that_drops_is_confirmed(ch: Channel) -> None:
    ch.confirm()
    ch.queue("q", x_max_length=1)
    for body in (b"1", b"2"):
        ch.publish("", "q", body)
        ch.confirmed()
    ch.get("q")


@scenario
def the_queue_is_deleted_after_the_confirm(ch: Channel) -> None:
    ch.confirm()
    ch.queue("q")
    ch.publish("", "q")
    ch.confirmed()
    ch.delete("q")


# -- alternate exchanges ------------------------------------------------------------------


@scenario
def an_alternate_exchange_takes_what_is_not_routed(ch: Channel) -> None:
    ch.exchange("x", alternate_exchange="other")
    ch.exchange("other", "fanout")
    for name, exchange in (("q", "x"), ("rest", "other")):
        ch.queue(name)
        ch.bind(name, exchange, "key")
    ch.confirm()
    for key in ("key", "none"):
        ch.publish("x", key, key.encode(), mandatory=True)
        ch.confirmed()
    ch.take("q")
    ch.take("rest")
    ch.get("q")


@scenario
def an_alternate_exchange_that_does_not_route_either(ch: Channel) -> None:
    ch.exchange("x", alternate_exchange="other")
    ch.exchange("other", "fanout")
    ch.publish("x", "key", mandatory=True)
    ch.returned()


@scenario
def a_missing_alternate_exchange(ch: Channel) -> None:
    ch.exchange("x", alternate_exchange="missing")
    ch.publish("x", "key", mandatory=True)
    ch.returned()


@scenario
def alternate_exchanges_in_a_row(ch: Channel) -> None:
    ch.exchange("a", alternate_exchange="b")
    ch.exchange("b", alternate_exchange="c")
    ch.exchange("c", "fanout")
    ch.queue("q")
    ch.bind("q", "c")
    ch.publish("a", "key", mandatory=True)
    ch.sync("q")
    ch.get("q")


@scenario
def alternate_exchanges_in_a_circle(ch: Channel) -> None:
    ch.exchange("a", alternate_exchange="b")
    ch.exchange("b", alternate_exchange="a")
    ch.publish("a", "key", mandatory=True)
    ch.returned()


@scenario
def the_default_exchange_as_alternate(ch: Channel) -> None:
    ch.exchange("x", alternate_exchange="")
    ch.queue("q")
    ch.publish("x", "q", mandatory=True)
    ch.returned()


@scenario
def an_alternate_exchange_by_policy(s: Script, ch: Channel) -> None:
    s.policy("^x", "exchanges", alternate_exchange="amq.fanout")
    ch.exchange("x")
    ch.queue("q")
    ch.bind("q", "amq.fanout")
    ch.publish("x", "key", mandatory=True)
    ch.sync("q")
    ch.get("q")


@scenario
def an_alternate_exchange_of_a_bound_exchange(ch: Channel) -> None:
    ch.exchange("top", "fanout")
    ch.exchange("x", alternate_exchange="amq.fanout")
    ch.bind_exchange("x", "top")
    ch.queue("q")
    ch.bind("q", "amq.fanout")
    ch.publish("top", "key", mandatory=True)
    ch.sync("q")
    ch.get("q")


@scenario
def CC_keys_that_are_routed_spare_the_alternate_exchange(ch: Channel) -> None:
    ch.exchange("x", alternate_exchange="amq.fanout")
    for name, exchange in (("q", "x"), ("rest", "amq.fanout")):
        ch.queue(name)
        ch.bind(name, exchange, "key")
    ch.publish("x", "none", headers={"CC": ["key"]}, mandatory=True)
    ch.take("q")
    ch.sync("rest")
    ch.get("rest")
