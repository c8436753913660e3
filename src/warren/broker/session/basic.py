"""The basic class but for its hot methods: qos, consume, cancel, get, settle, recover.

Not here: publish and single acks (`channel.py`), deliveries (`model/queue.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from warren.broker.auth import Access
from warren.broker.model.channel import REPLY_TO
from warren.broker.model.consumers import Consumer
from warren.broker.model.names import generated_consumer_tag, generated_reply_token
from warren.broker.model.queue_settings import Kind
from warren.broker.model.transaction import Settlement
from warren.broker.protocol import methods, outbound
from warren.broker.replies import not_allowed, not_implemented, precondition_failed
from warren.broker.session.names import plain

if TYPE_CHECKING:
    from warren.broker.model.queue import Queue
    from warren.broker.session.channel import ChannelSession

__all__ = ["HANDLERS"]


def _qos(session: ChannelSession, method: methods.BasicQos) -> None:
    if method.prefetch_size:
        raise not_implemented(f"prefetch_size!=0 ({method.prefetch_size})")
    channel = session.channel
    if method.global_:
        if not channel.prefetch_count_global:
            channel.unacked_global = len(channel.unacked)  # RabbitMQ counts what was got too, when a limit begins
        channel.prefetch_count_global = method.prefetch_count
    else:
        channel.prefetch_count = method.prefetch_count
        channel.prefetch_count_global = 0  # as in RabbitMQ, a limit for consumers ends that of the channel
    for consumer in channel.consumers.values():
        consumer.has_room()
    session.send(methods.BasicQosOk())


# -- consumers ----------------------------------------------------------------------------


def _consume(session: ChannelSession, method: methods.BasicConsume) -> None:
    channel = session.channel
    if method.consumer_tag in channel.consumers:
        raise not_allowed(f"attempt to reuse consumer tag '{method.consumer_tag}'")
    tag = method.consumer_tag or generated_consumer_tag()
    if method.queue == REPLY_TO:
        _consume_replies(session, tag, method)
        return
    name = session.queue_name(plain(method.queue))
    session.check(Access.READ, "queue", name)
    queue = session.vhost.queue(name, session.connection)
    _check_consume(queue, session.channel.prefetch_count_global, method)
    consumer = Consumer(
        tag,
        channel,
        queue,
        no_ack=method.no_ack,
        exclusive=method.exclusive,
        prefetch=channel.prefetch_count,
        arguments=method.arguments,
        deliver_prefix=outbound.deliver_prefix(tag),
    )
    queue.add_consumer(consumer)
    channel.consumers[tag] = consumer
    if not method.nowait:
        session.send(methods.BasicConsumeOk(tag))


def _check_consume(queue: Queue, prefetch_count_global: int, method: methods.BasicConsume) -> None:
    """Raise what RabbitMQ does for what a queue of this kind cannot do for a consumer."""
    what = f"queue '{queue.name}' in vhost '{queue.vhost.name}'"
    if "x-stream-offset" in method.arguments:
        raise precondition_failed(
            f"invalid arg 'x-stream-offset' for {what} of queue type rabbit_{queue.kind.value}_queue"
        )
    if queue.kind is Kind.QUORUM and prefetch_count_global:
        raise not_implemented(f"{what} does not support global qos")


def _consume_replies(session: ChannelSession, tag: str, method: methods.BasicConsume) -> None:
    """Subscribe to direct replies: there is no queue, so nothing can be acknowledged or kept."""
    channel = session.channel
    if not method.no_ack:
        raise precondition_failed("reply consumer cannot acknowledge")
    if channel.reply_consumer is not None:
        raise precondition_failed("reply consumer already set")
    prefix = outbound.deliver_prefix(tag)
    channel.reply_consumer = Consumer(
        tag,
        channel,
        None,  # type: ignore[arg-type]  # there is none, and nobody asks
        no_ack=True,
        deliver_prefix=prefix,
    )
    channel.reply_token = generated_reply_token()
    session.node.reply_to[channel.reply_token] = channel
    if not method.nowait:
        session.send(methods.BasicConsumeOk(tag))


def _cancel(session: ChannelSession, method: methods.BasicCancel) -> None:
    channel = session.channel
    consumer = channel.consumers.pop(method.consumer_tag, None)
    if consumer is not None:
        consumer.queue.remove_consumer(consumer)
    elif channel.reply_consumer is not None and channel.reply_consumer.tag == method.consumer_tag:
        channel.end_replies()
    if not method.nowait:
        session.send(methods.BasicCancelOk(method.consumer_tag))


# -- one message --------------------------------------------------------------------------


def _get(session: ChannelSession, method: methods.BasicGet) -> None:
    name = session.queue_name(plain(method.queue))
    session.check(Access.READ, "queue", name)
    queue = session.vhost.queue(name, session.connection)
    queue.was_used()
    entry = queue.get(no_ack=method.no_ack)
    if entry is None:
        session.send(methods.BasicGetEmpty())
        return
    tag, header, body = session.channel.got(entry, no_ack=method.no_ack)
    address = entry.message.address
    answer = methods.BasicGetOk(tag, entry.redelivered, address.exchange, address.routing_key, queue.ready_count)
    session.send_content(answer, header, body)


# -- settling -----------------------------------------------------------------------------


def _ack(session: ChannelSession, method: methods.BasicAck) -> None:
    session.channel.settle(method.delivery_tag, Settlement.ACKNOWLEDGE, multiple=method.multiple)


def _nack(session: ChannelSession, method: methods.BasicNack) -> None:
    how = Settlement.REQUEUE if method.requeue else Settlement.DISCARD
    session.channel.settle(method.delivery_tag, how, multiple=method.multiple)


def _reject(session: ChannelSession, method: methods.BasicReject) -> None:
    how = Settlement.REQUEUE if method.requeue else Settlement.DISCARD
    session.channel.settle(method.delivery_tag, how, multiple=False)


def _recover(session: ChannelSession, method: methods.BasicRecover) -> None:
    _recover_async(session, method)
    session.send(methods.BasicRecoverOk())


def _recover_async(session: ChannelSession, method: methods.BasicRecover | methods.BasicRecoverAsync) -> None:
    if not method.requeue:
        raise not_implemented("requeue=false")
    session.channel.recover()


HANDLERS: Final[Mapping[type[methods.Method], Callable[..., None]]] = {
    methods.BasicQos: _qos,
    methods.BasicConsume: _consume,
    methods.BasicCancel: _cancel,
    methods.BasicGet: _get,
    methods.BasicAck: _ack,
    methods.BasicNack: _nack,
    methods.BasicReject: _reject,
    methods.BasicRecover: _recover,
    methods.BasicRecoverAsync: _recover_async,
}
