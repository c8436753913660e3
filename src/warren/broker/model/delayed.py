"""The delayed exchange: a message with an `x-delay` header waits so many milliseconds before it is routed.

Not here: how it is routed then, which is the business of the type in `x-delayed-type`.

What waits is in a waiting room: for the router and for storage a queue among others, so a persistent message is
confirmed when it is safe, and waits on after a restart if the exchange is durable. When its time has come the message
is published again, with the negative of the delay in the header, as RabbitMQ's plugin does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from warren.broker.model.exchange import Exchange, Target
from warren.broker.model.message import Entry, Message
from warren.broker.model.queue_settings import Kind
from warren.broker.protocol import properties
from warren.broker.protocol.fields import FieldValue, Int32, encode_value
from warren.broker.replies import precondition_failed

if TYPE_CHECKING:
    from warren.broker.model.bindings import Binding
    from warren.broker.model.vhost import VirtualHost
    from warren.broker.timers import Timer

__all__ = ["DELAYED_TYPE", "DelayedExchange", "WaitingRoom"]

DELAYED_TYPE: Final = "x-delayed-type"
_DELAY: Final = "x-delay"
_LONGEST_MS: Final = 0xFFFF_FFFF
"""A delay above Erlang's longest timer is none."""


class DelayedExchange(Exchange):
    """Holds messages back, then passes them to an exchange of another type with the same bindings."""

    TYPE = "x-delayed-message"

    __slots__ = ("_inner", "room")

    def __init__(self, inner: Exchange, room: WaitingRoom) -> None:
        super().__init__(
            inner.name,
            inner.vhost,
            durable=inner.durable,
            auto_delete=inner.auto_delete,
            internal=inner.internal,
            arguments=inner.arguments,
        )
        self.is_keyed = False
        self._inner = inner
        self.room = room

    def check_binding(self, routing_key: str, arguments: Mapping[str, Any]) -> None:
        self._inner.check_binding(routing_key, arguments)

    def bind(self, binding: Binding) -> None:
        self._inner.bind(binding)

    def unbind(self, binding: Binding) -> None:
        self._inner.unbind(binding)

    def match(self, keys: Sequence[str], message: Message) -> Collection[Target]:
        if delay_ms(message):
            return (self.room,)
        return self._inner.match(keys, message)


class WaitingRoom:
    """Where the messages of one delayed exchange wait. A queue without a name or consumers."""

    __slots__ = ("_number", "_vhost", "_waiting", "durable", "exclusive_owner", "id", "name")
    kind: ClassVar = Kind.CLASSIC
    is_deleted: ClassVar = False

    def __init__(self, vhost: VirtualHost, *, id: int, durable: bool) -> None:  # noqa: A002 - the word of storage
        self.name = ""
        self.id = id
        self.durable = durable
        self.exclusive_owner = None
        self._vhost = vhost
        self._number = 0
        self._waiting: dict[Entry, Timer] = {}

    def __repr__(self) -> str:
        return f"<WaitingRoom with {len(self)} messages>"

    def __len__(self) -> int:
        return len(self._waiting)

    def accepts(self, message: Message) -> bool:
        return True

    def push(self, message: Message) -> None:
        """Let a message wait."""
        self._admit(message, delay_ms(message) / 1000, redelivered=False)

    def recover(self, message: Message, *, age: float, redelivered: bool, deliveries: int) -> None:
        """Take back a message that storage kept: it waits for the rest of its delay."""
        self._admit(message, delay_ms(message) / 1000 - age, redelivered=redelivered)

    def _admit(self, message: Message, seconds: float, *, redelivered: bool) -> None:
        self._number += 1
        entry = Entry(message, self, self._number)  # type: ignore[arg-type]  # enough of a queue for storage
        entry.redelivered = redelivered
        self._waiting[entry] = self._vhost.node.timers.after(max(0.0, seconds), lambda: self._release(entry))

    def _release(self, entry: Entry) -> None:
        del self._waiting[entry]
        storage = self._vhost.node.storage
        if entry.message.header is None:
            storage.load(entry.message)
        self._vhost.publish(_released(entry.message))
        if self.durable:
            storage.acknowledge(entry)

    def close(self) -> None:
        """Drop all that waits: the exchange is gone."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        if self.durable:
            self._vhost.node.storage.queue_deleted(self)


def delay_ms(message: Message) -> int:
    """Return the milliseconds a message has to wait, 0 for none."""
    assert message.header is not None  # loaded before it is routed
    wanted = _wanted(properties.headers(message.header).get(_DELAY))
    return wanted if 0 < wanted <= _LONGEST_MS else 0


def _wanted(value: FieldValue) -> int:
    """Integers count, and what can be read as one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        return int(value)
    except (ValueError, OverflowError):
        return 0


def _released(message: Message) -> Message:
    assert message.header is not None and message.body is not None  # loaded  # noqa: PT018 - they come together
    passed = encode_value(Int32(-min(delay_ms(message), 1 << 31)))
    header = properties.edit(message.header, headers={_DELAY: passed})
    released = Message(message.address, header, message.body, persistent=message.persistent)
    released.dead_lettered = message.dead_lettered
    released.survived = message.survived
    return released


def inner_type(arguments: Mapping[str, Any]) -> str:
    """Return the type a delayed exchange passes on to. Raises `ChannelClosed` (406) where the arguments name none."""
    wanted = arguments.get(DELAYED_TYPE)
    if not isinstance(wanted, str):
        raise precondition_failed("Invalid argument, 'x-delayed-type' must be an existing exchange type")
    return wanted
