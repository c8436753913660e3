"""A channel's side of the session: which method goes where, and how the model's answers are written.

Not here: what the methods do (`exchanges.py`, `queues.py`, `basic.py`, `modes.py`), or what a channel has open
(`model/channel.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from warren.broker.auth import Access
from warren.broker.model.channel import Channel
from warren.broker.model.consumers import Consumer
from warren.broker.model.message import Message
from warren.broker.protocol import methods, outbound
from warren.broker.protocol.commands import Acks, ContentTooLarge
from warren.broker.protocol.methods import BasicPublish
from warren.broker.protocol.states import check_channel
from warren.broker.replies import (
    NAMES,
    ChannelClosed,
    not_found,
    not_implemented,
    precondition_failed,
)
from warren.broker.session.dispatch import HANDLERS

if TYPE_CHECKING:
    from warren.broker.session.connection import Connection

__all__ = ["ChannelSession"]

_NO_ROUTE: Final = 312


class ChannelSession:
    """One channel of a connection. It is the channel's sink."""

    __slots__ = (
        "_accounts_version",
        "_allowed",
        "_vhost_version",
        "channel",
        "connection",
        "is_open",
        "last_queue",
        "node",
        "number",
        "vhost",
    )

    def __init__(self, number: int, connection: Connection) -> None:
        self.number = number
        self.connection = connection
        self.node = connection.node
        self.vhost = connection.node.vhosts[connection.vhost]
        self.channel = Channel(number, self.vhost, connection.node, self, user=connection.user)
        self.is_open = True  # False from the broker's channel.close to the client's channel.close-ok
        self.last_queue = ""  # what an empty queue name means
        self._allowed: set[str] = set()  # exchanges it may publish to, as of these versions
        self._vhost_version = self._accounts_version = -1

    # -- in --------------------------------------------------------------------------------

    def handle(self, method: methods.Method, header: bytes | None, body: bytes | None) -> None:
        """Carry out a method. Raises `ChannelClosed`, `ConnectionClosed` and `PublisherBlocked`."""
        if type(method) is Acks and self.is_open:
            self.channel.acknowledge(method.tags)
        elif type(method) is BasicPublish and self.is_open:
            self._publish(method, header, body)  # type: ignore[arg-type]  # it came with its content
        else:
            self._handle_other(method)

    def _handle_other(self, method: methods.Method) -> None:
        if not self.is_open:
            self._handle_while_closing(method)
            return
        check_channel(method, is_open=True)
        if isinstance(method, ContentTooLarge):
            raise precondition_failed(f"message size {method.size} is larger than configured max size {method.limit}")
        if self.node.dirty_queues:
            self.node.settle()
        HANDLERS[type(method)](self, method)

    def _handle_while_closing(self, method: methods.Method) -> None:
        """After the broker's channel.close only the client's answer, or a close of its own, means anything."""
        if isinstance(method, methods.ChannelClose):
            self.send(methods.ChannelCloseOk())
        elif isinstance(method, methods.ChannelCloseOk):
            self.connection.sessions.pop(self.number, None)

    def _publish(self, method: BasicPublish, header: bytes, body: bytes) -> None:
        connection = self.connection
        if not connection.has_published or self.node.alarms:
            connection.published()
        address = method.address
        if method.immediate:
            raise not_implemented("immediate=true")
        if (
            address.exchange not in self._allowed
            or self._vhost_version != self.vhost.version
            or self._accounts_version != self.node.accounts.version
        ):
            self._check_publish(address.exchange, address.routing_key)
        if not self.node.faults.is_idle and self.node.faults.refuses_publish():
            self.channel.refuse_publish()
        else:
            self.channel.publish(address, header, body, mandatory=method.mandatory)

    def _check_publish(self, exchange: str, routing_key: str) -> None:
        """Raise what RabbitMQ would; where the answer does not depend on the routing key it is kept."""
        versions = self.vhost.version, self.node.accounts.version
        if versions != (self._vhost_version, self._accounts_version):
            self._allowed.clear()
            self._vhost_version, self._accounts_version = versions
        user, vhost, accounts = self.connection.user, self.vhost.name, self.node.accounts
        accounts.check(user, vhost, Access.WRITE, "exchange", exchange)
        found = self.vhost.exchange(exchange)
        if found.internal:
            raise ChannelClosed(403, f"cannot publish to internal exchange '{exchange}' in vhost '{vhost}'")
        if found.type == "topic" and accounts.has_topic_permissions(user, vhost):
            accounts.check_topic(user, vhost, Access.WRITE, exchange, routing_key)
        else:
            self._allowed.add(exchange)

    # -- what names mean -------------------------------------------------------------------

    def queue_name(self, name: str) -> str:
        """Return the name of a queue; an empty one means the queue declared last on this channel."""
        if not name and not self.last_queue:
            raise not_found("no previously declared queue")
        return name or self.last_queue

    def queue_and_key(self, name: str, routing_key: str) -> tuple[str, str]:
        """Return queue and routing key of a binding; with neither, both are the queue declared last."""
        queue = self.queue_name(name)
        return queue, routing_key or ("" if name else queue)

    def check_bind(self, kind: str, destination: str, source: str, routing_key: str) -> None:
        """Raise 403 unless the user may bind or unbind these."""
        self.check(Access.WRITE, kind, destination)
        self.check(Access.READ, "exchange", source)
        accounts, user = self.node.accounts, self.connection.user
        exchange = self.vhost.exchanges.get(source)
        if exchange is not None and exchange.type == "topic" and accounts.has_topic_permissions(user, self.vhost.name):
            accounts.check_topic(user, self.vhost.name, Access.READ, source, routing_key)

    def check(self, access: Access, kind: str, name: str) -> None:
        """Raise 403 unless the user may do that with the exchange or queue."""
        self.node.accounts.check(self.connection.user, self.vhost.name, access, kind, name)

    # -- out -------------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        return self.connection.is_full

    def send(self, method: methods.Method) -> None:
        self.connection.send(self.number, method)

    def deliver(self, consumer: Consumer, tag: int, redelivered: bool, message: Message, header: bytes) -> None:
        connection = self.connection
        connection.write(
            outbound.deliver(
                self.number,
                consumer.deliver_prefix,
                tag,
                redelivered,
                message.address.wire,
                header,
                message.body,  # type: ignore[arg-type]  # loaded with the header
                connection.frame_max,
            )
        )

    def send_content(self, method: methods.Method, header: bytes, body: bytes) -> None:
        frame_max = self.connection.frame_max
        self.connection.write(outbound.content(self.number, method.encode(), header, body, frame_max))

    def return_message(self, message: Message) -> None:
        address = message.address
        method = methods.BasicReturn(_NO_ROUTE, NAMES[_NO_ROUTE], address.exchange, address.routing_key)
        assert message.header is not None
        assert message.body is not None
        self.send_content(method, message.header, message.body)

    def confirm(self, tag: int, *, multiple: bool) -> None:
        frame = outbound.ack_frame(self.number, tag, multiple)
        faults = self.node.faults
        if faults.is_idle or not faults.takes_confirm(self.connection, frame):
            self.connection.write(frame)

    def refuse(self, tag: int) -> None:
        self.connection.write(outbound.nack_frame(self.number, tag, False))

    def committed(self) -> None:
        self.send(methods.TxCommitOk())

    def cancel(self, consumer: Consumer) -> None:
        if self.connection.is_capable("consumer_cancel_notify"):
            self.send(methods.BasicCancel(consumer.tag, True))

    # -- the end ---------------------------------------------------------------------------

    def fail(self, code: int, explanation: str) -> None:
        """Close the channel from the broker's side for no method of the client's."""
        self._close(ChannelClosed(code, explanation), 0, 0)

    def refuse_method(self, refusal: ChannelClosed, method: methods.Method) -> None:
        """Close the channel for a method that is refused."""
        self._close(refusal, method.CLASS_ID, method.METHOD_ID)

    def _close(self, refusal: ChannelClosed, class_id: int, method_id: int) -> None:
        if self.is_open:
            self.is_open = False
            self.node.churn.channel_closed += 1
            self.channel.close()
            self.connection.inbound.forget(self.number)
            self.send(methods.ChannelClose(refusal.code, refusal.text, class_id, method_id))

    def close_by_client(self) -> None:
        """Answer channel.close."""
        self.end()
        self.connection.sessions.pop(self.number, None)
        self.send(methods.ChannelCloseOk())

    def end(self) -> None:
        """Give back what the channel holds."""
        if self.is_open:
            self.is_open = False
            self.node.churn.channel_closed += 1
            self.channel.close()
