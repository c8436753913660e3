"""A channel that takes messages from a queue only to hold them: closing it gives back what is not acknowledged.

Not here: how many to take at a time, and in how many rounds (`operations/lease.py`).

Theory of operation. Messages come by subscription, with an exact prefetch: what is held counts against it, so a
subscription ends by itself when it is full. It is cancelled then, which keeps its messages, and another one goes on
where it ended. All that is not acknowledged goes back when the channel closes, and when it is lost. An explicit
requeue would not do: RabbitMQ 3.10 puts what it returns to a quorum queue without a delivery limit at the end of it.

The methods are for one thread that is not the I/O thread. Whatever ends the channel is raised by the next of them.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from time import monotonic
from typing import Any, Final

import pika.exceptions

from warren.errors import BrokerRefused, BrokerUnavailable, TopologyMissing, WarrenError
from warren.transport.acks import AckLedger
from warren.transport.connection import Connection
from warren.transport.failures import explain, is_missing
from warren.transport.stream import RawDelivery, Stream
from warren.transport.wire import encode_acks

__all__ = ["BEHIND_OTHERS", "HoldingChannel"]

TIMEOUT: Final = 30.0
_BUSY: Final = 0.2
BEHIND_OTHERS: Final = -1
"""Whoever works with the queue comes first: only what would wait there otherwise is held."""

Operation = Callable[[Any, Callable[[Any], None]], None]


class HoldingChannel:
    """One channel, open from `open()` to `close()`; each method waits for the broker, at most `timeout` seconds."""

    def __init__(
        self, connection: Connection, queue_name: str, *, timeout: float = TIMEOUT, priority: int = BEHIND_OTHERS
    ) -> None:
        self.queue = queue_name
        self.subscriptions = 0
        self.consumers = 0  # of the queue, when its messages were counted last
        self.is_subscribed = False  # set by the caller's thread, reset on the I/O thread once the broker has cancelled
        self._connection = connection
        self._timeout = timeout
        self._priority = priority
        self._number = connection.reserve_channel()
        self._arrived: queue.SimpleQueue[list[RawDelivery]] = queue.SimpleQueue()
        self._failure: WarrenError | None = None  # set once, when the channel ended otherwise than by `close`
        # Below: I/O thread only.
        self._acks = AckLedger()
        self._stream: Stream | None = None
        self._channel: Any = None
        self._asked: Future[Any] | None = None
        self._missing = 0  # deliveries until the subscription is full
        self._when_cancelled: list[Callable[[Any], None]] | None = None  # set while the broker is asked to cancel
        self._closed: Future[None] = Future()

    def __repr__(self) -> str:
        return f"<HoldingChannel {self.queue}, {self._acks.unacked} held>"

    @property
    def held(self) -> int:
        """How many messages are here and not acknowledged."""
        return self._acks.unacked

    def open(self) -> None:
        """Open the channel. Raises `BrokerUnavailable` where the connection is not open."""
        self._ask(self._open)

    def count_ready(self) -> int:
        """Return how many messages are ready in the queue. Raises `TopologyMissing` where there is no such queue.

        A quorum queue that is busy for 250 ms counts as empty, so an answer that took so long is asked for again.
        """
        give_up_at = monotonic() + self._timeout
        while True:
            asked_at = monotonic()
            answer = self._ask(lambda channel, done: channel.queue_declare(self.queue, passive=True, callback=done))
            self.consumers = int(answer.method.consumer_count)
            ready = int(answer.method.message_count)
            now = monotonic()
            if ready > 0 or now - asked_at < _BUSY or now > give_up_at:
                return ready

    def subscribe(self, prefetch: int) -> None:
        """Have up to `prefetch` messages delivered, 1 to 65,535. One subscription at a time."""
        self.subscriptions += 1
        self.is_subscribed = True

        def begin(channel: Any, done: Callable[[Any], None]) -> None:
            self._missing = prefetch
            channel.basic_qos(prefetch_count=prefetch, callback=lambda _frame: consume(channel, done))

        def consume(channel: Any, done: Callable[[Any], None]) -> None:
            channel.basic_consume(
                self.queue,
                on_message_callback=_never,  # deliveries come through the stream's route
                consumer_tag=self._consumer_tag,
                arguments={"x-priority": self._priority},
                callback=done,
            )

        self._ask(begin)

    def receive(self, *, timeout: float) -> list[RawDelivery]:
        """Return what was delivered, in order; nothing after `timeout` seconds without a delivery."""
        try:
            batch = self._arrived.get(timeout=timeout)
        except queue.Empty:
            batch = []
        if self._failure is not None:
            raise self._failure
        return batch

    def cancel(self) -> None:
        """End the subscription, and keep its messages. What was on its way can be received now."""
        if self.is_subscribed:
            self._ask(lambda _channel, done: self._cancel(done))

    def ack(self, tags: Sequence[int]) -> None:
        """Acknowledge messages. Returns before the broker has read it: an orderly `close` waits for that.

        Whoever was interrupted here does not know what has happened, and may ask for the same again.
        """
        self._connection.io.call(lambda: self._ack(tags), timeout=self._timeout)

    def wait_until_acked(self) -> None:
        """Wait until the queue has taken note of every acknowledgement, so that closing loses none.

        A channel of RabbitMQ that has 32 acknowledgements under way to a quorum queue keeps the next ones to itself,
        and forgets them when it closes. Beginning a subscription is answered only once what came before it is done;
        then the channel sends what it kept, and another subscription is answered after that.
        """
        for _ in range(2):
            self.subscribe(1)
            self.cancel()

    def close(self) -> None:
        """Give back what is not acknowledged. Where the connection is lost that has happened already."""
        if self._connection.io.post(self._close):
            try:
                self._closed.result(self._timeout)
            except FutureTimeout:
                raise BrokerUnavailable(
                    f"the broker did not take back the messages of queue {self.queue!r} within {self._timeout:g} s; "
                    f"it will once the connection is closed"
                ) from None

    @property
    def _consumer_tag(self) -> str:
        # In order as text: a quorum queue takes back the subscriptions of a channel in the order of their tags.
        return f"warren-holding-{self.subscriptions:05}"

    def _ask(self, operation: Operation) -> Any:
        future: Future[Any] = Future()
        if not self._connection.io.post(lambda: self._begin(operation, future)):
            raise BrokerUnavailable("the connection has been closed")
        try:
            return future.result(self._timeout)
        except FutureTimeout:
            raise BrokerUnavailable(
                f"the broker did not answer about queue {self.queue!r} within {self._timeout:g} s"
            ) from None

    # -- I/O thread only --------------------------------------------------------------------

    def _begin(self, operation: Operation, future: Future[Any]) -> None:
        if self._failure is not None:
            future.set_exception(self._failure)
            return
        self._asked = future

        def done(answer: Any) -> None:
            if not future.done():
                future.set_result(answer)

        try:
            operation(self._channel, done)
        except (pika.exceptions.AMQPError, ValueError) as error:
            self._fail(BrokerRefused(f"queue {self.queue!r} cannot be asked for: {error}"))

    def _open(self, _none: Any, done: Callable[[Any], None]) -> None:
        stream = self._connection.stream
        if stream is None or not stream.is_open:
            self._fail(BrokerUnavailable(f"the connection was lost: {self._connection.error}"))
            return
        self._stream = stream
        stream.route_deliveries(self._number, self._deliver)
        self._channel = stream.channel(channel_number=self._number, on_open_callback=done)
        self._channel.add_on_close_callback(self._on_closed)
        self._channel.add_on_cancel_callback(self._on_cancelled_by_broker)

    def _deliver(self, batch: list[RawDelivery]) -> None:
        self._acks.delivered(batch[-1].delivery_tag)
        self._arrived.put(batch)
        self._missing -= len(batch)
        if self._missing <= 0 and self.is_subscribed and self._failure is None:
            self._cancel(lambda _answer: None)  # before anything is acknowledged, or more would come

    def _cancel(self, done: Callable[[Any], None]) -> None:
        if not self.is_subscribed:
            done(None)
            return
        if self._when_cancelled is not None:
            self._when_cancelled.append(done)
            return
        waiting = self._when_cancelled = [done]

        def cancelled(answer: Any) -> None:
            self.is_subscribed = False
            self._when_cancelled = None
            for each in waiting:
                each(answer)

        self._channel.basic_cancel(self._consumer_tag, callback=cancelled)

    def _ack(self, tags: Sequence[int]) -> None:
        if self._failure is not None:
            raise self._failure
        for tag in filter(self._acks.is_open, tags):
            self._acks.settle(tag)
        acks = self._acks.flush()
        if acks and self._stream is not None:
            self._stream.write(encode_acks(self._number, acks))

    def _on_cancelled_by_broker(self, _frame: Any) -> None:
        if self._channel.is_open:  # the queue was deleted, or its node is gone: the answer, or a 404, says which
            self._channel.queue_declare(self.queue, passive=True, callback=self._on_moved)

    def _on_moved(self, _answer: Any) -> None:
        self._fail(
            BrokerUnavailable(
                f"queue {self.queue!r} went to another node while it was read; what was taken and not acknowledged is "
                f"back in it: run it again"
            )
        )

    def _on_closed(self, _channel: Any, error: BaseException) -> None:
        if self._stream is not None:
            self._stream.unroute(self._number)
        self._connection.release_channel(self._number)
        if not isinstance(error, pika.exceptions.ChannelClosedByClient):
            self._fail(_failure(self.queue, error))
        self._closed.set_result(None)

    def _fail(self, failure: WarrenError) -> None:
        if self._failure is None:
            self._failure = failure
            self._arrived.put([])  # wakes up whoever waits
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(self._failure)

    def _close(self) -> None:
        if self._channel is None:
            if not self._closed.done():
                self._closed.set_result(None)
        elif not (self._channel.is_closing or self._channel.is_closed):
            self._channel.close()


def _failure(queue_name: str, error: BaseException) -> WarrenError:
    """Say what ended the channel, and what to do. What was held is back in the queue in each case."""
    if not isinstance(error, pika.exceptions.ChannelClosedByBroker):
        return BrokerUnavailable(
            f"the connection was lost while queue {queue_name!r} was read ({explain(error)}); "
            f"what was taken and not acknowledged is back in it"
        )
    text = f"{error.reply_code} {error.reply_text}"
    match error.reply_code:
        case 404 if not is_missing(error):
            return BrokerUnavailable(
                f"queue {queue_name!r} is there and cannot be read: its node is down, or it crashed; what was taken "
                f"and not acknowledged is in it still, so start its node, or look at the broker's log ({text})"
            )
        case 404:
            return TopologyMissing(
                f"there is no queue {queue_name!r} on the broker; check the name, and the virtual host in the broker "
                f"URL ({text})"
            )
        case 403 if "exclusive" in text:
            return BrokerRefused(f"another consumer has queue {queue_name!r} for itself; stop it first ({text})")
        case 403:
            return BrokerRefused(f"no permission to read queue {queue_name!r}; give the user read rights ({text})")
        case 405:
            return BrokerRefused(f"queue {queue_name!r} belongs to another connection alone ({text})")
        case 406 if "timeout" in text:
            return BrokerUnavailable(
                f"queue {queue_name!r} was held for longer than the broker's consumer_timeout; all is back in it "
                f"({text})"
            )
        case _:
            return BrokerRefused(f"queue {queue_name!r} cannot be read: {text}")


def _never(*_: object) -> None:
    raise AssertionError("deliveries do not come through pika")
