"""A subscription that survives its channel and its connection: deliveries in, coalesced acks out.

Not here: handlers and outcomes (`worker/`), or which acks to send (`acks.py`).

Theory of operation. Each channel the consumer opens is a generation, counted from 1; a delivery tag is valid within its
generation only. What ends a generation (connection lost, channel closed by the broker) makes all its deliveries
come again, so acks of a former generation are dropped and counted. What ends a subscription, a `basic.cancel`
from the broker included, always leads to another one, after a back-off where it keeps failing.

    down --connection opened--> opening --consume-ok--> subscribed
    subscribed --basic.cancel, channel closed--> waiting --back-off--> opening
    any --connection lost--> down        any --cancel()--> cancelled (acks still leave)
"""

from __future__ import annotations

import enum
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pika.exceptions

from warren.contracts.incoming import Incoming
from warren.errors import WarrenError
from warren.observability import events
from warren.reliability.backoff import Backoff
from warren.transport.acks import AckLedger
from warren.transport.connection import Connection
from warren.transport.failures import is_missing
from warren.transport.stream import RawDelivery, Stream
from warren.transport.wire import encode_acks, read_properties

__all__ = ["ConsumerChannel", "Subscription", "SubscriptionState"]

_RESUBSCRIBE: Final = Backoff(base=0.1, cap=10.0)

_log = logging.getLogger("warren.transport")


class SubscriptionState(enum.Enum):
    """Where a subscription stands."""

    DOWN = "down"
    OPENING = "opening"
    SUBSCRIBED = "subscribed"
    WAITING = "waiting"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What to subscribe to. `prefetch` is per consumer and static (`basic.qos` with global=false)."""

    queue: str
    consumer: str
    prefetch: int
    exclusive: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)


class ConsumerChannel:
    """One consumer on a channel of its own. `on_deliveries` runs on the I/O thread and must not block."""

    def __init__(
        self,
        connection: Connection,
        subscription: Subscription,
        *,
        on_deliveries: Callable[[list[Incoming]], None],
        on_queue_missing: Callable[[], None] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.subscription = subscription
        self.state = SubscriptionState.DOWN
        self.reason = "not connected yet"  # why it is not subscribed
        self.generation = 0
        self._connection = connection
        self._io = connection.io
        self._bus = connection.bus
        self._number = connection.reserve_channel()
        self._on_deliveries = on_deliveries
        self._on_queue_missing = on_queue_missing
        self._rng = rng or random.Random()
        self._settled: deque[tuple[int, int]] = deque()  # (generation, tag), from any thread
        self._flush_scheduled = False
        # Below: I/O thread only.
        self._acks = AckLedger()
        self._stream: Stream | None = None
        self._channel: Any = None
        self._tag = ""
        self.acked_at = 0.0  # when acks left last, on the monotonic clock
        self._failures = 0  # subscriptions in a row that did not come about
        self._on_cancelled: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<ConsumerChannel {self.subscription.queue} {self.state.value}, {self._acks.unacked} unacked>"

    # -- from any thread --------------------------------------------------------------------

    def start(self) -> None:
        """Subscribe as soon as there is a connection, and again whenever the subscription is lost."""
        self._connection.attach(self)

    def ack(self, incoming: Incoming) -> None:
        """Acknowledge a delivery at the end of this turn of the I/O loop."""
        self._settled.append((incoming.generation, incoming.delivery_tag))
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._io.post(self._flush)

    def is_current(self, incoming: Incoming) -> bool:
        """Whether the delivery's channel is still there; if not, the broker redelivers the message."""
        return incoming.generation == self.generation and self._channel is not None

    def cancel(self, on_cancelled: Callable[[], None]) -> None:
        """Stop deliveries for good, then call `on_cancelled` on the I/O thread; acks still leave."""
        if not self._io.post(lambda: self._cancel(on_cancelled)):
            on_cancelled()

    def close(self) -> None:
        """Send the acks that are due and close the channel; what is unacknowledged is requeued by the broker."""
        self._io.post(self._close)

    # -- I/O thread only: the subscription --------------------------------------------------

    def connection_opened(self, stream: Stream) -> None:
        """Subscribe on the new stream."""
        self._stream = stream
        if self.state is not SubscriptionState.CANCELLED:
            self._open()

    def _open(self) -> None:
        stream = self._stream
        # A back-off may end when all is well again: then another opening is under way, or done.
        is_due = self.state in (SubscriptionState.DOWN, SubscriptionState.WAITING) and self._channel is None
        if stream is None or not stream.is_open or not is_due:
            return
        self.state = SubscriptionState.OPENING
        self.generation += 1
        self._acks = AckLedger()
        self._tag = f"{self.subscription.consumer}.{self.generation}"
        self._channel = stream.channel(channel_number=self._number, on_open_callback=self._on_channel_open)
        self._channel.add_on_close_callback(self._on_channel_closed)

    def _on_channel_open(self, channel: Any) -> None:
        stream = self._stream
        if stream is None or channel is not self._channel or self.state is SubscriptionState.CANCELLED:
            return
        channel.add_on_cancel_callback(self._on_cancel_by_broker)
        stream.route_deliveries(self._number, self._deliver)
        channel.basic_qos(
            prefetch_count=self.subscription.prefetch,
            callback=lambda _frame: self._consume(channel),
        )

    def _consume(self, channel: Any) -> None:
        if channel is not self._channel or self.state is SubscriptionState.CANCELLED:
            return
        channel.basic_consume(
            self.subscription.queue,
            on_message_callback=_never,  # deliveries come through the stream's route
            exclusive=self.subscription.exclusive,
            consumer_tag=self._tag,
            arguments=dict(self.subscription.arguments) or None,
            callback=self._on_consume_ok,
        )

    def _on_consume_ok(self, _frame: Any) -> None:
        if self.state is SubscriptionState.CANCELLED:
            return
        self._failures = 0
        self.state = SubscriptionState.SUBSCRIBED
        self.reason = ""
        self._bus.emit(events.Subscribed(self.subscription.queue, self.subscription.consumer, self.generation))

    def _on_cancel_by_broker(self, _frame: Any) -> None:
        if self.state is SubscriptionState.CANCELLED:
            self._finish_cancel()  # as asked for; acks of what is in flight still leave
            return
        # Closing the channel requeues what is unacknowledged, so the next generation starts clean.
        channel = self._channel
        self._lose("the broker cancelled the consumer: its queue was deleted, or moved to another node")
        if channel is not None and channel.is_open:
            self._flush()
            channel.close()

    def _on_channel_closed(self, channel: Any, error: BaseException) -> None:
        if channel is not self._channel:
            return
        self._forget_channel()
        if isinstance(error, pika.exceptions.ChannelClosedByBroker):
            if is_missing(error) and self._on_queue_missing is not None:
                self._on_queue_missing()
            self._lose(f"the broker closed the channel: {error.reply_code} {error.reply_text}")
        if self.state is SubscriptionState.CANCELLED:
            self._finish_cancel()
        elif self.state is SubscriptionState.WAITING:
            delay = _RESUBSCRIBE.delay(self._failures, self._rng)
            self._failures += 1
            self._io.loop.call_later(delay, self._open)

    def _lose(self, reason: str) -> None:
        if self.state in (SubscriptionState.CANCELLED, SubscriptionState.WAITING):
            return
        self.state = SubscriptionState.WAITING
        self.reason = reason
        self._bus.emit(events.ConsumerCancelled(self.subscription.queue, self.subscription.consumer, reason))

    def _forget_channel(self) -> None:
        self._channel = None
        if self._stream is not None:
            self._stream.unroute(self._number)

    def connection_lost(self, reason: str) -> None:
        """Wait for the next stream."""
        self._forget_channel()
        self._stream = None
        if self.state is not SubscriptionState.CANCELLED:
            self.state = SubscriptionState.DOWN
            self.reason = f"connection lost: {reason}"
        self._finish_cancel()

    def connection_closed(self, error: WarrenError) -> None:
        """Stay down."""
        self.connection_lost(str(error))

    def connection_blocked(self, reason: str) -> None:
        """Alarms concern publishers only."""

    def connection_unblocked(self) -> None:
        """Alarms concern publishers only."""

    # -- I/O thread only: deliveries and acks -----------------------------------------------

    def _deliver(self, batch: list[RawDelivery]) -> None:
        generation = self.generation
        self._acks.delivered(batch[-1].delivery_tag)
        if self.state is SubscriptionState.CANCELLED:
            return  # on its way when the consumer was cancelled: left unacknowledged
        self._on_deliveries(
            [
                Incoming(
                    raw.body,
                    read_properties(raw.properties),
                    raw.exchange,
                    raw.routing_key,
                    raw.redelivered,
                    raw.delivery_tag,
                    generation,
                    raw.consumer_tag,
                )
                for raw in batch
            ]
        )

    def _flush(self) -> None:
        self._flush_scheduled = False
        settled, stale = self._settled, 0
        live = self._channel is not None and self._channel.is_open
        while settled:
            generation, tag = settled.popleft()
            if live and generation == self.generation:
                self._settle(tag)
            else:
                stale += 1
        if stale:
            self._bus.emit(events.AckDropped(self.subscription.queue, self.subscription.consumer, stale))
        if live and self._stream is not None:
            frames = encode_acks(self._number, self._acks.flush())
            if frames:
                self._stream.write(frames)
                self.acked_at = time.monotonic()

    def _settle(self, tag: int) -> None:
        try:
            self._acks.settle(tag)
        except ValueError:  # a fault of ours; it must not cost the other deliveries their acks
            _log.exception("consumer %s of %s", self.subscription.consumer, self.subscription.queue)

    # -- I/O thread only: the end -----------------------------------------------------------

    def _cancel(self, on_cancelled: Callable[[], None]) -> None:
        self._on_cancelled = on_cancelled
        subscribed = self.state is SubscriptionState.SUBSCRIBED
        self.state = SubscriptionState.CANCELLED
        self.reason = "cancelled"
        if subscribed and self._channel is not None and self._channel.is_open:
            self._channel.basic_cancel(self._tag, callback=lambda _frame: self._finish_cancel())
        else:
            self._finish_cancel()

    def _finish_cancel(self) -> None:
        if self._on_cancelled is not None:
            callback, self._on_cancelled = self._on_cancelled, None
            callback()

    def _close(self) -> None:
        self._flush()
        self.state = SubscriptionState.CANCELLED
        self.reason = self.reason or "closed"
        self._connection.detach(self)
        channel = self._channel
        self._forget_channel()
        if channel is not None and not (channel.is_closing or channel.is_closed):
            channel.close()
        self._finish_cancel()


def _never(*_: object) -> None:
    raise AssertionError("deliveries do not come through pika")
