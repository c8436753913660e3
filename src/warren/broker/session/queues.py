"""The queue class: declare, bind, unbind, purge, delete.

Not here: the queues (`model/queue.py`, `model/vhost.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from warren.broker.auth import Access
from warren.broker.model.channel import REPLY_TO
from warren.broker.model.names import generated_queue_name
from warren.broker.protocol import methods
from warren.broker.replies import not_found
from warren.broker.session.names import plain

if TYPE_CHECKING:
    from warren.broker.session.channel import ChannelSession

__all__ = ["HANDLERS"]


def _declare(session: ChannelSession, method: methods.QueueDeclare) -> None:
    name = plain(method.queue)
    if name == REPLY_TO or name.startswith(f"{REPLY_TO}."):
        _declare_reply_queue(session, name, method)
        return
    if method.passive:
        queue = session.vhost.queue(name, session.connection)
    else:
        session.check(Access.CONFIGURE, "queue", name or generated_queue_name())
        _check_dead_letter_exchange(session, name, method)
        queue = session.vhost.declare_queue(
            name,
            passive=False,
            durable=method.durable,
            exclusive=method.exclusive,
            auto_delete=method.auto_delete,
            arguments=method.arguments,
            owner=session.connection,
        )
        session.connection.has_exclusive_queues |= queue.exclusive_owner is not None
    session.last_queue = queue.name
    queue.was_used()
    if not method.nowait:
        session.send(methods.QueueDeclareOk(queue.name, queue.ready_count, queue.consumer_count))


def _declare_reply_queue(session: ChannelSession, name: str, method: methods.QueueDeclare) -> None:
    """Tell a server whether the one who asked is still there to be answered."""
    token = name[len(REPLY_TO) + 1 :]
    if token and token not in session.node.reply_to:
        raise not_found(f"no queue '{name}' in vhost '{session.vhost.name}'")
    session.last_queue = name
    if not method.nowait:
        session.send(methods.QueueDeclareOk(name, 0, 1))


def _check_dead_letter_exchange(session: ChannelSession, name: str, method: methods.QueueDeclare) -> None:
    exchange = method.arguments.get("x-dead-letter-exchange")
    if isinstance(exchange, str) and name not in session.vhost.queues:
        session.check(Access.READ, "queue", name)
        session.check(Access.WRITE, "exchange", exchange)


def _bind(session: ChannelSession, method: methods.QueueBind) -> None:
    queue, routing_key = session.queue_and_key(plain(method.queue), method.routing_key)
    exchange = plain(method.exchange)
    session.check_bind("queue", queue, exchange, routing_key)
    session.vhost.bind("queue", queue, exchange, routing_key, method.arguments, owner=session.connection)
    if not method.nowait:
        session.send(methods.QueueBindOk())


def _unbind(session: ChannelSession, method: methods.QueueUnbind) -> None:
    queue, routing_key = session.queue_and_key(plain(method.queue), method.routing_key)
    exchange = plain(method.exchange)
    session.check_bind("queue", queue, exchange, routing_key)
    session.vhost.unbind("queue", queue, exchange, routing_key, method.arguments, owner=session.connection)
    session.send(methods.QueueUnbindOk())


def _purge(session: ChannelSession, method: methods.QueuePurge) -> None:
    name = session.queue_name(plain(method.queue))
    session.check(Access.READ, "queue", name)
    count = session.vhost.queue(name, session.connection).purge()
    if not method.nowait:
        session.send(methods.QueuePurgeOk(count))


def _delete(session: ChannelSession, method: methods.QueueDelete) -> None:
    name = session.queue_name(plain(method.queue))
    session.check(Access.CONFIGURE, "queue", name)

    def answer(count: int) -> None:
        if not method.nowait:
            session.send(methods.QueueDeleteOk(count))

    session.vhost.delete_queue(
        name, if_unused=method.if_unused, if_empty=method.if_empty, owner=session.connection, answer=answer
    )


HANDLERS: Final[Mapping[type[methods.Method], Callable[..., None]]] = {
    methods.QueueDeclare: _declare,
    methods.QueueBind: _bind,
    methods.QueueUnbind: _unbind,
    methods.QueuePurge: _purge,
    methods.QueueDelete: _delete,
}
