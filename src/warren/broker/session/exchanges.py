"""The exchange class: declare, delete, bind, unbind.

Not here: the exchanges (`model/exchange.py`, `model/vhost.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from warren.broker.auth import Access
from warren.broker.protocol import methods
from warren.broker.session.names import plain

if TYPE_CHECKING:
    from warren.broker.session.channel import ChannelSession

__all__ = ["HANDLERS"]


def _declare(session: ChannelSession, method: methods.ExchangeDeclare) -> None:
    name = plain(method.exchange)
    if not method.passive:
        session.check(Access.CONFIGURE, "exchange", name)
        alternate = method.arguments.get("alternate-exchange")
        if isinstance(alternate, str) and name not in session.vhost.exchanges:
            session.check(Access.READ, "exchange", name)
            session.check(Access.WRITE, "exchange", alternate)
    session.vhost.declare_exchange(
        name,
        method.type,
        passive=method.passive,
        durable=method.durable,
        auto_delete=method.auto_delete,
        internal=method.internal,
        arguments=method.arguments,
    )
    if not method.nowait:
        session.send(methods.ExchangeDeclareOk())


def _delete(session: ChannelSession, method: methods.ExchangeDelete) -> None:
    name = plain(method.exchange)
    session.check(Access.CONFIGURE, "exchange", name)
    session.vhost.delete_exchange(name, if_unused=method.if_unused)
    if not method.nowait:
        session.send(methods.ExchangeDeleteOk())


def _bind(session: ChannelSession, method: methods.ExchangeBind) -> None:
    destination, source = plain(method.destination), plain(method.source)
    session.check_bind("exchange", destination, source, method.routing_key)
    session.vhost.bind("exchange", destination, source, method.routing_key, method.arguments, owner=session.connection)
    if not method.nowait:
        session.send(methods.ExchangeBindOk())


def _unbind(session: ChannelSession, method: methods.ExchangeUnbind) -> None:
    destination, source = plain(method.destination), plain(method.source)
    session.check_bind("exchange", destination, source, method.routing_key)
    session.vhost.unbind(
        "exchange", destination, source, method.routing_key, method.arguments, owner=session.connection
    )
    if not method.nowait:
        session.send(methods.ExchangeUnbindOk())


HANDLERS: Final[Mapping[type[methods.Method], Callable[..., None]]] = {
    methods.ExchangeDeclare: _declare,
    methods.ExchangeDelete: _delete,
    methods.ExchangeBind: _bind,
    methods.ExchangeUnbind: _unbind,
}
