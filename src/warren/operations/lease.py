"""Messages taken from a queue to be looked at, and given back in their old order unless they are acknowledged.

Not here: channels (`transport/holding.py`), and what is made of the messages.

Theory of operation. What is held counts against a prefetch of at most 65,535, and a quorum queue gives a subscription
without one no more than 2,000. So messages are taken in rounds, a subscription each, sized so that a round of average
messages is about 64 MB: more than that is never in memory. Giving back is closing the channel, oldest first where there
are several: one channel keeps the order of no more than 32 subscriptions when it is lost (a quorum queue takes them
back in the order of an Erlang map, which is sorted up to there).

A quorum queue keeps what was given back apart, puts more of it at the end, and hands all of it out first. So whoever
takes a part of it and gives that back has moved it behind the rest. Before such a part is given back, the rest is taken
too, unseen: then all of it comes back in its order. The same is done where messages of several channels stay and some
were acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from types import TracebackType
from typing import Final, NamedTuple, Self, final

from warren.contracts.properties import Properties
from warren.errors import BrokerRefused, TopologyMissing, WarrenError
from warren.transport.connection import Connection
from warren.transport.holding import BEHIND_OTHERS, TIMEOUT, HoldingChannel
from warren.transport.stream import RawDelivery
from warren.transport.wire import read_properties

__all__ = ["DELIVERY_COUNT", "Held", "Lease", "Rounds"]

DELIVERY_COUNT: Final = "x-delivery-count"

_IDLE: Final = 0.05  # seconds without a delivery after which the queue is asked whether it is empty
_SILENCE: Final = 5.0  # seconds without a delivery after which what was due has gone to someone else
_TAKING_BACK: Final = 0.005
_PATIENCE: Final = 10.0  # seconds to wait for a queue that has messages and delivers none
_SMALL_ROUND: Final = 64
_ROUNDS_A_CHANNEL: Final = 30  # and two to wait for acknowledgements
_CHANNEL_SHIFT: Final = 48  # a channel never delivers 2^48 messages


class Held(NamedTuple):
    """A message that is held. `tag` names it in this lease; `raw_properties` are its properties as they came."""

    tag: int
    redelivered: bool
    exchange: str
    routing_key: str
    properties: Properties
    raw_properties: bytes
    body: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """How many messages a round takes: `first`, then by their average size up to `most`, growing up to eightfold."""

    first: int = 100
    most: int = 65_535
    size: int = 64 * 1024 * 1024
    a_channel: int | None = None
    """After so many messages another channel goes on. For each acknowledgement that is not of its oldest message a
    channel of RabbitMQ looks through all that it holds."""

    def following(self, previous: int, *, taken: int, size: int) -> int:
        """Return the next round's number, after `taken` messages of `size` bytes together."""
        average = max(1, size // max(1, taken))
        return max(1, min(previous * 8, self.most, self.size // average))


class Lease:
    """Messages of one queue, held. Use it as a context manager; `close` gives back what is not acknowledged.

    Every method raises `BrokerUnavailable` where the connection was lost: all that was held is back in the queue then.
    Not thread-safe, and not for the I/O thread. What is held counts against the broker's consumer_timeout.
    """

    def __init__(self, connection: Connection, queue: str, *, rounds: Rounds, timeout: float, priority: int) -> None:
        self.queue = queue
        self.taken = 0
        self.consumers = 0  # others, when it began
        self.wary_of: int | None = None  # a message delivered in vain so often is not taken only to keep the order
        self.kept_order = True  # after `close`: whether it could
        self.is_settled = True  # after `close`: whether the broker has noted all that was acknowledged
        self._connection = connection
        self._rounds = rounds
        self._timeout = timeout
        self._priority = priority
        self._channels: list[HoldingChannel] = []
        self._size = 0  # bytes of all bodies taken
        self._last: RawDelivery | None = None  # set from the first delivery on
        self._on_channel = 0  # messages taken on the last channel
        self._unacked = 0
        self._settled: list[int] = []  # tags to acknowledge at the end of this round
        self._acked_on: set[int] = set()  # channels, by index

    @classmethod
    def open(
        cls,
        connection: Connection,
        queue: str,
        *,
        rounds: Rounds | None = None,
        timeout: float = TIMEOUT,
        priority: int = BEHIND_OTHERS,
    ) -> Lease:
        """Begin, with nothing taken. Raises `TopologyMissing` where there is no such queue.

        Whatever consumes from the queue comes first, unless `priority` is above its own, which is 0 by default.
        """
        lease = cls(connection, queue, rounds=rounds or Rounds(), timeout=timeout, priority=priority)
        try:
            lease.depth()
            lease.consumers = lease._channel().consumers
        except BaseException:
            lease.close()
            raise
        return lease

    def __repr__(self) -> str:
        return f"<Lease of {self.queue}, {self.taken} taken>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def must_take_more(self) -> bool:
        """Whether `close` has to take more messages, perhaps many, to give all back in their order."""
        if self._unacked == 0 or self._last is None:
            return False
        # A former channel that waits for its acknowledgements would take what comes next, and give it back too early.
        return _returns_of(self._last) > 0 or any(index < len(self._channels) - 1 for index in self._acked_on)

    def depth(self) -> int:
        """Return how many messages are ready in the queue now, without those held."""
        return self._channel().count_ready()

    def take(self, limit: int) -> Iterator[list[Held]]:
        """Take messages in their order, in batches, until `limit` are taken in all or the queue is empty.

        Raises `BrokerRefused` where the queue has messages and gives none of them away.
        """
        self._end_round()
        number = self._rounds.first
        while self.taken < limit:
            number = min(number, limit - self.taken)
            before = self.taken
            yield from self._take_round(number)
            if self.taken - before < number:
                return
            number = self._rounds.following(number, taken=self.taken, size=self._size)

    def ack(self, tags: Iterable[int]) -> None:
        """Acknowledge messages: they are gone from the queue once `close` has returned.

        Within a round it happens at its end: before, the broker would deliver another message for each.
        """
        settled = list(tags)
        self._settled += settled
        self._unacked -= len(settled)
        if not (self._channels and self._channels[-1].is_subscribed):
            self._flush()

    def _flush(self) -> None:
        by_channel: dict[int, list[int]] = {}
        for tag in self._settled:
            by_channel.setdefault(tag >> _CHANNEL_SHIFT, []).append(tag & ((1 << _CHANNEL_SHIFT) - 1))
        for index, own in by_channel.items():
            self._channels[index].ack(own)
            self._acked_on.add(index)
        self._settled = []

    def close(self) -> None:
        """Give back what is not acknowledged, in its old order.

        That may take as long as taking all the queue has: see the top of this file.
        """
        if not self._channels:
            return
        self.is_settled = False
        try:
            try:
                self._end_round()  # or it would be given what the first channels give back
                self._take_the_rest()
            except WarrenError:
                self.kept_order = False  # the connection is lost, or the queue: all is given back
            except BaseException:
                self.kept_order = False  # who interrupts does not wait for the order
                raise
            for index in sorted(self._acked_on):
                self._channels[index].wait_until_acked()
            self.is_settled = not self._settled
        except TopologyMissing:  # the queue was deleted, and what was acknowledged went with it
            self.kept_order = False
            self.is_settled = not self._settled
        except WarrenError:
            self.kept_order = False
        finally:
            channels, self._channels = self._channels, []
            self._close_in_order(channels)

    def _close_in_order(self, channels: list[HoldingChannel]) -> None:
        """Close channels, oldest first, each once the queue has the former one's messages back.

        RabbitMQ says that a channel is closed before that.
        """
        give_up_at = monotonic() + _PATIENCE
        for channel, following in zip(channels, [*channels[1:], None], strict=True):
            held = channel.held
            ready = self._ready_of(following)
            channel.close()
            while self.kept_order and following is not None and self._ready_of(following) < ready + held:
                if monotonic() > give_up_at:  # somebody consumes them
                    self.kept_order = False
                sleep(_TAKING_BACK)

    def _ready_of(self, channel: HoldingChannel | None) -> int:
        try:
            return channel.count_ready() if channel is not None and self.kept_order else 0
        except WarrenError:
            self.kept_order = False
            return 0

    # -- order --------------------------------------------------------------------------------

    def _take_the_rest(self) -> None:
        """Take, unseen, as long as that is needed to give all back in its order, or until the queue is empty."""
        while self._channels and (batch := self._channels[-1].receive(timeout=0.0)):
            self._hold(batch)  # of a round that was broken off
        number = 0
        while self.must_take_more and self._last is not None:
            returns = _returns_of(self._last)
            if self.wary_of is not None and returns >= self.wary_of:
                self.kept_order = False
                return
            number = self._following(number, returns)
            before = self.taken
            for _ in self._take_round(number):
                pass
            self._end_round()
            if self.taken - before < number:
                return

    def _following(self, number: int, returns: int) -> int:
        """Return how many of the rest to take next: what a round takes too many is given back for the next look, too.

        Each look goes further by a message at least: behind one that was given back ten times stand nine others.
        """
        if self._acked_on:
            return self._rounds.following(number, taken=self.taken, size=self._size)
        small = max(_SMALL_ROUND, self.taken // 8)
        most = self._rounds.following(small, taken=self.taken, size=self._size)
        return min(max(2 * number, returns), small, most)

    # -- a round ------------------------------------------------------------------------------

    def _take_round(self, number: int) -> Iterator[list[Held]]:
        channel = self._channel(for_round=True)
        due = min(number, channel.count_ready())
        if due == 0 and self._priority <= 0:
            return  # one that comes before others gets what these give back
        channel.subscribe(number)
        got = 0
        while got < number:
            batch = channel.receive(timeout=_IDLE) or self._wait(channel, is_due=got < due)
            if not batch:
                break
            got += len(batch)
            yield self._hold(batch)
        self._end_round()

    def _wait(self, channel: HoldingChannel, *, is_due: bool) -> Sequence[RawDelivery]:
        """Wait for a delivery; nothing where the queue is empty, and where another consumer took what was due.

        A quorum queue that says it is empty may have thousands of messages still on their way to us.
        """
        began = monotonic()
        while True:
            ready = channel.count_ready()
            batch = channel.receive(timeout=_IDLE)
            if batch:
                return batch
            if ready == 0 and (not is_due or monotonic() - began > _SILENCE):
                return ()
            if ready > 0 and monotonic() - began > _PATIENCE:
                raise BrokerRefused(
                    f"queue {self.queue!r} has {ready:,} messages ready and delivers none of them: another consumer "
                    f"is its single active one, or it has no leader; stop that consumer, or look at the broker's log"
                )

    def _hold(self, batch: Sequence[RawDelivery]) -> list[Held]:
        index = len(self._channels) - 1
        self.taken += len(batch)
        self._on_channel += len(batch)
        self._unacked += len(batch)
        self._last = batch[-1]
        self._size += sum(len(raw.body) for raw in batch)
        return [
            Held(
                index << _CHANNEL_SHIFT | raw.delivery_tag,
                raw.redelivered,
                raw.exchange,
                raw.routing_key,
                read_properties(raw.properties),
                raw.properties,
                raw.body,
            )
            for raw in batch
        ]

    def _channel(self, *, for_round: bool = False) -> HoldingChannel:
        """Return the channel to go on with; another one where the rounds of the last are used up."""
        if not self._channels or (for_round and self._is_used_up()):
            self._on_channel = 0
            channel = HoldingChannel(self._connection, self.queue, timeout=self._timeout, priority=self._priority)
            self._channels.append(channel)
            channel.open()
        return self._channels[-1]

    def _is_used_up(self) -> bool:
        most = self._rounds.a_channel
        return self._channels[-1].subscriptions >= _ROUNDS_A_CHANNEL or (most is not None and self._on_channel >= most)

    def _end_round(self) -> None:
        if self._channels:
            self._channels[-1].cancel()
            self._flush()


def _returns_of(raw: RawDelivery) -> int:
    """Return how often a quorum queue has been given the message back; 0 in other queues."""
    count = read_properties(raw.properties).headers.get(DELIVERY_COUNT) if raw.redelivered else None
    return count if isinstance(count, int) else 0
