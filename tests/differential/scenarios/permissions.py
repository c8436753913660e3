"""Permissions of users, and which of them every method needs.

Not here: logging in (handshake.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario

NEEDS: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("queue.declare", {"queue": "q"}, {"configure": "^q$"}),
    ("queue.declare", {"queue": "q", "passive": True}, {"configure": "^q$"}),
    ("queue.declare", {"queue": ""}, {"configure": "^amq.gen"}),
    ("queue.delete", {"queue": "there"}, {"configure": "^there$"}),
    ("queue.purge", {"queue": "there"}, {"read": "^there$"}),
    ("queue.bind", {"queue": "there", "exchange": "x"}, {"write": "^there$", "read": "^x$"}),
    ("queue.bind", {"queue": "there", "exchange": "x"}, {"write": "^there$"}),
    ("queue.unbind", {"queue": "there", "exchange": "x"}, {"write": "^there$", "read": "^x$"}),
    ("exchange.declare", {"exchange": "y", "type": "direct"}, {"configure": "^y$"}),
    ("exchange.declare", {"exchange": "x", "type": "direct", "passive": True}, {"read": ".*"}),
    ("exchange.delete", {"exchange": "x"}, {"configure": "^x$"}),
    ("exchange.bind", {"destination": "x", "source": "amq.fanout"}, {"write": "^x$", "read": "^amq"}),
    ("exchange.unbind", {"destination": "x", "source": "amq.fanout"}, {"write": "^x$", "read": "^amq"}),
    ("basic.get", {"queue": "there"}, {"read": "^there$"}),
    ("basic.consume", {"queue": "there", "consumer_tag": "c"}, {"read": "^there$"}),
)


@each(*NEEDS)
def a_method_with_the_permissions_it_needs(
    s: Script, ch: Channel, method: str, values: dict[str, Any], permissions: dict[str, str]
) -> None:
    ch.queue("there")
    ch.exchange("x")
    s.user(**permissions).channel().call(method, **values)


@each(*((method, values) for method, values, _ in NEEDS[:1] + NEEDS[2:6] + NEEDS[7:]))
def a_method_without_permissions(s: Script, ch: Channel, method: str, values: dict[str, Any]) -> None:
    ch.queue("there")
    ch.exchange("x")
    s.user().channel().call(method, **values)


@each("x", "", "amq.direct")
def publishing_needs_write(s: Script, ch: Channel, exchange: str) -> None:
    ch.exchange("x")
    channel = s.user(configure=".*", read=".*").channel()
    channel.publish(exchange, "key")
    channel.closed()


@scenario
def publishing_with_write(s: Script, ch: Channel) -> None:
    ch.exchange("x")
    channel = s.user(write="^x$").channel()
    channel.confirm()
    channel.publish("x", "key")
    channel.confirmed()


@scenario
def the_default_exchange_needs_a_pattern_of_its_own(s: Script, ch: Channel) -> None:
    ch.queue("q")
    channel = s.user(write="^(amq\\.default)$").channel()
    channel.confirm()
    channel.publish("", "q", mandatory=True)
    channel.confirmed()


@scenario
def patterns_match_anywhere_unless_anchored(s: Script) -> None:
    s.user(configure="mid").channel().queue("amid.all")


@scenario
def a_dead_letter_exchange_needs_permissions_too(s: Script) -> None:
    channel = s.user(configure=".*").channel()
    channel.queue("q", x_dead_letter_exchange="x")


@scenario
def a_dead_letter_exchange_with_permissions(s: Script) -> None:
    s.user(configure=".*", write="^x$", read="^q$").channel().queue("q", x_dead_letter_exchange="x")


@scenario
def an_alternate_exchange_needs_permissions_too(s: Script) -> None:
    s.user(configure=".*").channel().exchange("x", alternate_exchange="y")


@scenario
def a_users_own_id_is_accepted(s: Script, ch: Channel) -> None:
    ch.queue("q")
    channel = s.user(write=".*").channel()
    channel.publish("", "q", user_id="guest")
    channel.closed()


@scenario
def an_impersonator_may_take_another_id(s: Script, ch: Channel) -> None:
    ch.queue("q")
    channel = s.user(write=".*", tags="impersonator").channel()
    channel.publish("", "q", user_id="guest")
    channel.sync()
    ch.take("q")
