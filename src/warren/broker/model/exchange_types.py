"""All types of exchanges by name, and how one is made.

Not here: what they do (`direct.py`, `topic.py`, …).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from warren.broker.model.consistent_hash import ConsistentHashExchange
from warren.broker.model.delayed import DelayedExchange, WaitingRoom, inner_type
from warren.broker.model.direct import DirectExchange
from warren.broker.model.exchange import Exchange
from warren.broker.model.fanout import FanoutExchange
from warren.broker.model.headers import HeadersExchange, NumericHeadersExchange
from warren.broker.model.topic import TopicExchange
from warren.broker.replies import command_invalid, precondition_failed
from warren.broker.settings import Profile

if TYPE_CHECKING:
    from warren.broker.model.vhost import VirtualHost

__all__ = ["check_type", "make_exchange"]

_TYPES: Final[dict[str, type[Exchange]]] = {
    kind.TYPE: kind for kind in (DirectExchange, FanoutExchange, TopicExchange, HeadersExchange, ConsistentHashExchange)
}


def check_type(name: str, profile: Profile) -> None:
    """Raise what RabbitMQ does for a type that it does not know: 406, up to 3.x 503."""
    if name in _TYPES or name == DelayedExchange.TYPE:
        return
    refuse = command_invalid if profile is Profile.RABBITMQ_3_10 else precondition_failed
    raise refuse(f"unknown exchange type '{name}'" if name else "invalid exchange type ''")


def make_exchange(
    vhost: VirtualHost,
    name: str,
    kind: str,
    *,
    durable: bool,
    auto_delete: bool = False,
    internal: bool = False,
    arguments: Mapping[str, Any] | None = None,
    id: int | None = None,  # noqa: A002 - the word of storage
) -> Exchange:
    """Make an exchange of a type that is known. `id`: of the waiting room of a delayed one that was there before."""
    arguments = arguments or {}
    delays = kind == DelayedExchange.TYPE
    if delays:
        kind = inner_type(arguments)
        check_type(kind, vhost.node.config.profile)
        if kind == DelayedExchange.TYPE:
            raise precondition_failed("Invalid argument, 'x-delayed-type' must not delay itself")
    make = _TYPES[kind]
    if make is HeadersExchange and vhost.node.config.profile is Profile.RABBITMQ_3_10:
        make = NumericHeadersExchange
    exchange = make(name, vhost.name, durable=durable, auto_delete=auto_delete, internal=internal, arguments=arguments)
    if not delays:
        return exchange
    id = vhost.node.storage.next_queue_id() if id is None else id  # noqa: A001
    return DelayedExchange(exchange, WaitingRoom(vhost, id=id, durable=durable))
