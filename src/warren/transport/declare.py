"""Declares exchanges, queues and bindings over AMQP, each with a deadline and a readable refusal.

Not here: what to declare, and in which order (`topology/`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Final, NamedTuple

import pika.exceptions

from warren.errors import (
    BrokerRefused,
    BrokerUnavailable,
    ConfigurationError,
    TopologyConflict,
    TopologyMissing,
    WarrenError,
)
from warren.topology import (
    Binding,
    DestinationKind,
    Exchange,
    Queue,
    exchange_arguments,
    queue_arguments,
)
from warren.transport.connection import Connection
from warren.transport.failures import is_missing
from warren.transport.stream import Stream

__all__ = ["ChannelDeclarer", "QueueCount", "QueueDown"]

TIMEOUT: Final = 30.0

Operation = Callable[[Any, Callable[[Any], None]], None]


class QueueDown(BrokerUnavailable):
    """The broker answers, but the node of a queue is down, or the queue crashed."""


class QueueCount(NamedTuple):
    """What AMQP itself tells of a queue: messages that wait for a consumer, and how many consumers there are."""

    ready: int
    consumers: int


class ChannelDeclarer:
    """Declares through a connection, one operation at a time, each on a channel of its own.

    Every method waits for the broker's answer: at most `timeout` seconds, then `BrokerUnavailable`, which a queue that
    is there and cannot be reached raises as well (`QueueDown`). Not for the I/O thread.
    """

    def __init__(self, connection: Connection, *, timeout: float = TIMEOUT) -> None:
        self._connection = connection
        self._timeout = timeout

    def declare_exchange(self, exchange: Exchange) -> None:
        """Create an exchange. Raises `TopologyConflict` where it exists with other properties."""
        arguments = exchange_arguments(exchange)
        self._run(
            f"exchange {exchange.name!r}",
            lambda channel, done: channel.exchange_declare(
                exchange.name,
                exchange_type=exchange.type.value,
                durable=exchange.durable,
                auto_delete=exchange.auto_delete,
                internal=exchange.internal,
                arguments=dict(arguments) or None,
                callback=done,
            ),
        )

    def declare_queue(self, queue: Queue) -> None:
        """Create a queue. Raises `TopologyConflict` where it exists with other properties."""
        arguments = queue_arguments(queue)
        self._run(
            f"queue {queue.name!r}",
            lambda channel, done: channel.queue_declare(
                queue.name, durable=queue.durable, arguments=dict(arguments) or None, callback=done
            ),
        )

    def bind(self, binding: Binding) -> None:
        """Create a binding; one that exists stays as it is."""
        what = f"binding of {binding.destination_kind} {binding.destination!r} to exchange {binding.source!r}"
        arguments = dict(binding.arguments) or None
        if binding.destination_kind is DestinationKind.QUEUE:
            self._run(
                what,
                lambda channel, done: channel.queue_bind(
                    binding.destination, binding.source, binding.routing_key, arguments=arguments, callback=done
                ),
            )
        else:
            self._run(
                what,
                lambda channel, done: channel.exchange_bind(
                    binding.destination, binding.source, binding.routing_key, arguments=arguments, callback=done
                ),
            )

    def check_queue(self, name: str) -> None:
        """Raise `TopologyMissing` where a queue does not exist."""
        self.count_queue(name)

    def count_queue(self, name: str) -> QueueCount:
        """Count a queue's messages and consumers. Raises `TopologyMissing` where it does not exist."""
        answer = self._run(
            f"queue {name!r}",
            lambda channel, done: channel.queue_declare(name, passive=True, callback=done),
        )
        return QueueCount(int(answer.method.message_count), int(answer.method.consumer_count))

    def check_exchange(self, name: str) -> None:
        """Raise `TopologyMissing` where an exchange does not exist."""
        self._run(
            f"exchange {name!r}",
            lambda channel, done: channel.exchange_declare(name, passive=True, callback=done),
        )

    def _run(self, what: str, operation: Operation) -> Any:
        """Do one thing on a channel of its own, and return the broker's answer."""
        self._connection.wait_open(self._timeout)
        future: Future[Any] = Future()
        if not self._connection.io.post(lambda: self._begin(what, operation, future)):
            raise BrokerUnavailable("the connection has been closed")
        try:
            return future.result(self._timeout)
        except FutureTimeout:
            raise BrokerUnavailable(f"the broker did not answer about {what} within {self._timeout:g} s") from None
        except pika.exceptions.ChannelClosedByBroker as error:
            raise _refusal(what, error) from error
        except pika.exceptions.AMQPError as error:
            raise BrokerUnavailable(f"the connection was lost while declaring {what}: {error}") from error

    def _begin(self, what: str, operation: Operation, future: Future[Any]) -> None:
        """Open a channel, run the operation, close the channel. I/O thread."""
        stream: Stream | None = self._connection.stream
        if stream is None or not stream.is_open:
            future.set_exception(pika.exceptions.AMQPConnectionError("not connected"))
            return
        number = self._connection.reserve_channel()
        answer: Any = None

        def opened(channel: Any) -> None:
            try:
                operation(channel, done)
            except Exception as error:  # pika could not write it, for example a name that is too long
                future.set_exception(ConfigurationError(f"{what} cannot be declared: {error}"))
                channel.close()

        def done(frame: Any) -> None:
            nonlocal answer
            answer = frame
            channel.close()

        def closed(_channel: Any, error: BaseException) -> None:
            self._connection.release_channel(number)
            if answer is not None:
                future.set_result(answer)
            elif not future.done():
                future.set_exception(error)

        channel = stream.channel(channel_number=number, on_open_callback=opened)
        channel.add_on_close_callback(closed)


_INEQUIVALENT: Final = re.compile(
    r"inequivalent arg '(?P<arg>[^']+)'.*received (?P<received>.*?) but current is (?P<current>.*)"
)


def _refusal(what: str, error: pika.exceptions.ChannelClosedByBroker) -> WarrenError:
    """Turn the broker's channel error into one that says what to do."""
    text = str(error.reply_text)
    if error.reply_code == 406:
        found = _INEQUIVALENT.search(text)
        if found is not None:
            difference = (
                f"{what}: {found['arg']} is {found['current']} on the broker and {found['received']} in the code"
            )
            return TopologyConflict(
                f"{difference}; make the code agree, or drain and delete it and start again", [difference]
            )
        return TopologyConflict(f"{what} was refused: {text}", [text])
    if error.reply_code == 404 and not is_missing(error):
        return QueueDown(
            f"{what} is on the broker and cannot be reached: its node is down, or it crashed; start its node, or look "
            f"at the broker's log ({text})"
        )
    if error.reply_code == 404:
        return TopologyMissing(f"{what} is not on the broker ({text}); run `warren topology apply`", [what])
    if error.reply_code == 403:
        return BrokerRefused(f"no permission for {what}: {text}; give the user configure, write and read rights to it")
    return TopologyConflict(f"{what} was refused: {error.reply_code} {text}", [text])
