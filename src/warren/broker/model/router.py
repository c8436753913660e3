"""Where a message goes: through exchanges, their alternates and bindings between them, to queues, each of them once.

Not here: what one exchange passes on to (`direct.py`, `topic.py`, …), nor the handing over to queues (`vhost.py`).

A route is kept by exchange and routing key as long as nothing but these decides: no headers exchange on the way, no CC
or BCC in the message. Any change of an exchange, a binding or a queue forgets all routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from warren.broker.model.exchange import Exchange
from warren.broker.model.message import Message
from warren.broker.model.queue_settings import Kind
from warren.broker.model.receiver import Receiver
from warren.broker.protocol import properties
from warren.broker.protocol.fields import type_name
from warren.broker.replies import precondition_failed

if TYPE_CHECKING:
    from warren.broker.model.channel import Channel

__all__ = ["REPLY_PREFIX", "Route", "Router"]

REPLY_PREFIX: Final = "amq.rabbitmq.reply-to."
"""In front of the token of a direct reply-to consumer: the name of its pseudo-queue."""

_MOST_ROUTES: Final = 8192
_HAS_HEADERS: Final = 0x20
"""In the first octet of a header: the property flag of headers (AMQP 0-9-1, 4.2.6.1)."""

_COPIES: Final = ("CC", "BCC")


class Route:
    """The queues a message goes to, and those of them whose messages storage keeps."""

    __slots__ = ("durable", "exchange", "has_quorum", "queues")

    def __init__(self, exchange: Exchange | None, queues: tuple[Receiver, ...]) -> None:
        self.exchange = exchange  # None: there is no such exchange
        self.queues = queues
        self.durable = tuple([queue for queue in queues if queue.durable])
        self.has_quorum = any(queue.kind is Kind.QUORUM for queue in queues)

    def __repr__(self) -> str:
        return f"<Route to {len(self.queues)} queues>"


_NOWHERE: Final = Route(None, ())


class Router:
    """Finds the routes of one virtual host, and keeps those it may."""

    __slots__ = ("_exchanges", "_reply_to", "routes")

    def __init__(self, exchanges: Mapping[str, Exchange], reply_to: Mapping[str, Channel]) -> None:
        self._exchanges = exchanges
        self._reply_to = reply_to
        self.routes: dict[bytes, Route] = {}  # by Address.wire

    def forget(self) -> None:
        """Keep no route any longer: what they led through has changed."""
        self.routes.clear()

    def find(self, message: Message) -> Route:
        """Return where a message goes. Takes the BCC header out of it. Raises 406 where CC or BCC is no array."""
        address = message.address
        exchange = self._exchanges.get(address.exchange)
        if exchange is None:
            return _NOWHERE
        copies = _take_copies(message)
        if not copies:
            known = self.routes.get(address.wire)
            if known is not None:
                return known
        if not address.exchange and address.routing_key.startswith(REPLY_PREFIX):
            return self._to_replies(exchange, address.routing_key)
        route, is_keyed = self._walk(exchange, (address.routing_key, *copies), message)
        if is_keyed and not copies:
            self._keep(address.wire, route)
        return route

    def _keep(self, wire: bytes, route: Route) -> None:
        if len(self.routes) >= _MOST_ROUTES:
            self.routes.clear()
        self.routes[wire] = route

    def _walk(self, start: Exchange, keys: tuple[str, ...], message: Message) -> tuple[Route, bool]:
        """Return the route, and whether the key alone decided on it."""
        found = start.match(keys, message)
        if start.exchanges_bound or (not found and start.alternate):
            return self._walk_on(start, keys, message)
        return Route(start, tuple(dict.fromkeys(found))), start.is_keyed  # type: ignore[arg-type]  # all are queues

    def _walk_on(self, start: Exchange, keys: tuple[str, ...], message: Message) -> tuple[Route, bool]:
        """Visit each exchange once."""
        is_keyed = True
        queues: dict[Receiver, None] = {}
        to_visit = {start: None}
        visited: set[Exchange] = set()
        while to_visit:
            exchange = to_visit.popitem()[0]
            visited.add(exchange)
            is_keyed = is_keyed and exchange.is_keyed
            for target in exchange.match(keys, message) or self._alternate(exchange):
                if not isinstance(target, Exchange):
                    queues[target] = None
                elif target not in visited:
                    to_visit[target] = None
        return Route(start, tuple(queues)), is_keyed

    def _alternate(self, exchange: Exchange) -> tuple[Exchange, ...]:
        """Return the exchange for what passed no binding, if there is one."""
        if not exchange.alternate:  # the default exchange is nobody's alternate
            return ()
        found = self._exchanges.get(exchange.alternate)
        return () if found is None else (found,)

    def _to_replies(self, exchange: Exchange, name: str) -> Route:
        channel = self._reply_to.get(name.removeprefix(REPLY_PREFIX))
        if channel is None:
            return Route(exchange, ())
        return Route(exchange, (_ReplyQueue(name, channel),))


class _ReplyQueue:
    """The pseudo-queue of a direct reply-to consumer: nothing waits in it."""

    __slots__ = ("_channel", "durable", "name")
    id: ClassVar = 0  # never kept
    kind: ClassVar = Kind.CLASSIC
    is_deleted: ClassVar = False

    def __init__(self, name: str, channel: Channel) -> None:
        self.name = name
        self.durable = False
        self._channel = channel

    def accepts(self, message: Message) -> bool:
        return True

    def push(self, message: Message) -> None:
        self._channel.deliver_reply(message)


def _take_copies(message: Message) -> list[str]:
    """Return the routing keys in the CC and BCC headers, and remove BCC: receivers are not to see it."""
    header = message.header
    assert header is not None  # loaded before it is routed
    if not header[0] & _HAS_HEADERS or b"CC" not in header:
        return []
    headers = properties.headers(header)
    keys: list[str] = []
    for name in _COPIES:
        if name not in headers:
            continue
        value = headers[name]
        if not isinstance(value, list):
            kind = type_name(value)
            raise precondition_failed(f'invalid message: {{unacceptable_type_in_header,"{name}",{kind}}}')
        keys += [key for key in value if isinstance(key, str)]
    if "BCC" in headers:
        message.header = properties.edit(header, headers={"BCC": None})
    return keys
