"""A channel: what it delivered and not yet settled, its confirms, its transaction.

Not here: the methods that ask for all this (`session/`), nor what a queue does with a settled entry (`queue.py`).

Confirms. Publishes are numbered from 1 once the channel is in confirm mode; `_points` holds, for each number not yet
confirmed, the point of the journal at which it is safe (0: at once, REJECTED: refused by a full queue). Numbers are
confirmed strictly in order, so a flush of the journal confirms a prefix with one frame.
"""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from warren.broker.model.dead_letter import Reason
from warren.broker.model.expiry import check_expiration
from warren.broker.model.message import Address, Entry, Message
from warren.broker.model.transaction import Settlement, Transaction
from warren.broker.model.vhost import REJECTED, UNROUTABLE
from warren.broker.protocol import properties
from warren.broker.replies import precondition_failed
from warren.broker.statistics import channel_counters

if TYPE_CHECKING:
    from warren.broker.model.consumers import Consumer
    from warren.broker.model.queue import Queue
    from warren.broker.model.vhost import VirtualHost
    from warren.broker.node import Node

__all__ = ["REPLY_TO", "Channel", "Sink"]

REPLY_TO = "amq.rabbitmq.reply-to"
_REPLY_TO_BYTES = REPLY_TO.encode()


class Sink(Protocol):
    """What the model says to the client of a channel."""

    @property
    def is_full(self) -> bool:
        """Whether the connection has more to write than the client reads: then nothing is delivered."""
        ...

    def deliver(self, consumer: Consumer, tag: int, redelivered: bool, message: Message, header: bytes) -> None: ...

    def return_message(self, message: Message) -> None:
        """Hand back a mandatory message that no queue took."""

    def confirm(self, tag: int, *, multiple: bool) -> None: ...

    def refuse(self, tag: int) -> None: ...

    def committed(self) -> None: ...

    def cancel(self, consumer: Consumer) -> None:
        """Tell the client that the broker ended its consumer."""

    def fail(self, code: int, explanation: str) -> None:
        """Close the channel from the broker's side, outside of any method."""


class Channel:
    """One channel of a connection. Not open any more once `close` ran."""

    __slots__ = (
        "_commits",
        "_points",
        "_unnumbered",
        "confirmed",
        "confirming",
        "consumers",
        "dropped",
        "last_tag",
        "node",
        "number",
        "prefetch_count",
        "prefetch_count_global",
        "published",
        "reply_consumer",
        "reply_token",
        "returned",
        "sink",
        "transaction",
        "unacked",
        "unacked_global",
        "user",
        "vhost",
    )

    def __init__(self, number: int, vhost: VirtualHost, node: Node, sink: Sink, *, user: str) -> None:
        self.number = number
        self.vhost = vhost
        self.node = node
        self.sink = sink
        self.user = user
        self.consumers: dict[str, Consumer] = {}
        self.unacked: dict[int, Entry] = {}  # by delivery tag, ascending
        self.last_tag = 0
        self.prefetch_count = 0  # for consumers to come; 0: no limit
        self.prefetch_count_global = 0  # shared by the channel's consumers; 0: no limit
        self.unacked_global = 0  # delivered to consumers, not got
        self.confirming = False
        self.published = 0
        self.confirmed = 0
        self._unnumbered = 0  # publishes before the channel was in confirm mode
        self._points: deque[int] = deque()
        self.transaction: Transaction | None = None
        self._commits: deque[int] = deque()  # points of commits not yet answered
        self.reply_consumer: Consumer | None = None
        self.reply_token = ""
        self.returned = 0
        self.dropped = 0  # publishes that no queue took, and that were not mandatory

    def __repr__(self) -> str:
        return f"<Channel {self.number}, {len(self.unacked)} unacked, {len(self._points)} unconfirmed>"

    def select_confirms(self) -> None:
        """Number and confirm the publishes to come."""
        if not self.confirming:
            self.confirming = True
            self._unnumbered = self.published

    # -- publishing ------------------------------------------------------------------------

    def publish(self, address: Address, header: bytes, body: bytes, *, mandatory: bool) -> None:
        """Publish, or keep it for the commit. Raises `ChannelClosed` for properties RabbitMQ refuses."""
        message = self._message(address, header, body)
        self.published += 1
        if self.transaction is not None:
            self.transaction.publishes.append((message, self.vhost.publishing.route(message), mandatory))
            return
        point = self._published(message, self.vhost.publish(message), mandatory=mandatory)
        if self.confirming:
            self._await(point)

    def refuse_publish(self) -> None:
        """Take a publish that is to reach no queue, and will be nacked."""
        self.published += 1
        if self.confirming:
            self._await(REJECTED)

    def _await(self, point: int) -> None:
        """Confirm the latest publish once the journal is flushed up to `point`."""
        if not self._points:
            self.node.await_flush(self, point)
        self._points.append(point)

    def _message(self, address: Address, header: bytes, body: bytes) -> Message:
        facts = properties.scan(header)
        if facts.user_id is not None:
            self._check_user(facts.user_id)
        if facts.expiration is not None:
            check_expiration(facts.expiration)
        if facts.reply_to == REPLY_TO:
            header = self._with_reply_address(header)
        return Message(address, header, body, persistent=facts.persistent)

    def _published(self, message: Message, point: int, *, mandatory: bool) -> int:
        # RabbitMQ returns a mandatory direct reply although it delivers it: no queue took it.
        if point != UNROUTABLE and not (mandatory and _is_reply(message.address)):
            return point
        if mandatory:
            self.returned += 1
            self.sink.return_message(message)
        else:
            self.dropped += 1
        return 0

    def _check_user(self, user_id: str) -> None:
        user = self.node.accounts.users.get(self.user)
        may_impersonate = user is not None and "impersonator" in user.tags
        if user_id != self.user and not may_impersonate:
            raise precondition_failed(f"user_id property set to '{user_id}' but authenticated user was '{self.user}'")

    def _with_reply_address(self, header: bytes) -> bytes:
        if self.reply_consumer is None:
            raise precondition_failed("fast reply consumer does not exist")
        return properties.edit(header, reply_to=f"{REPLY_TO}.{self.reply_token}")

    @property
    def unconfirmed(self) -> int:
        """Publishes that are neither confirmed nor refused."""
        return len(self._points)

    def settle_confirms(self, flushed: int) -> None:
        """Confirm what is safe now that the journal is flushed up to `flushed`."""
        points = self._points
        before = number = self.published - self._unnumbered - len(points)
        while points and points[0] <= flushed:
            number += 1
            if points.popleft() == REJECTED:
                self._confirm_to(before, number - 1)
                self.sink.refuse(number)
                before = number
        self._confirm_to(before, number)
        commits = self._commits
        while commits and commits[0] <= flushed:
            commits.popleft()
            self.sink.committed()
        if not points and not commits:
            self.node.unconfirmed.discard(self)

    def _confirm_to(self, before: int, last: int) -> None:
        if last > before:
            self.confirmed += last - before
            self.sink.confirm(last, multiple=last > before + 1)

    # -- delivering ------------------------------------------------------------------------

    def deliver(self, consumer: Consumer, entry: Entry) -> None:
        """Send an entry to a consumer, and remember it until it is settled."""
        self.last_tag = tag = self.last_tag + 1
        message = entry.message
        if message.header is None:
            self.node.storage.load(message)
        header = message.header if not entry.deliveries else entry.queue.header_of(entry)
        if not consumer.no_ack:
            self.unacked[tag] = entry
            self.unacked_global += 1
        self.sink.deliver(consumer, tag, entry.redelivered, message, header)  # type: ignore[arg-type]  # loaded above

    def got(self, entry: Entry, *, no_ack: bool) -> tuple[int, bytes, bytes]:
        """Number an entry that basic.get took, unacked unless `no_ack`; return its tag, header and body."""
        self.last_tag = tag = self.last_tag + 1
        if not no_ack:
            self.unacked[tag] = entry
        message = entry.message
        header = entry.queue.header_of(entry) if entry.deliveries else entry.queue.header(message)
        assert message.body is not None  # loaded with its header
        return tag, header, message.body

    def deliver_reply(self, message: Message) -> None:
        """Deliver a direct reply: there is no queue, and nothing to acknowledge."""
        consumer = self.reply_consumer
        if consumer is not None:
            self.last_tag = tag = self.last_tag + 1
            self.sink.deliver(consumer, tag, False, message, message.header)  # type: ignore[arg-type]  # never stored

    # -- settling --------------------------------------------------------------------------

    def acknowledge(self, tags: list[int]) -> None:
        """Settle these deliveries. Raises `ChannelClosed` at the first that is none, with those before it settled."""
        if self.transaction is not None:
            for tag in tags:
                self.settle(tag, Settlement.ACKNOWLEDGE, multiple=False)
            return
        take = self.unacked.pop
        for tag in tags:
            entry = take(tag, None)
            if entry is None:
                raise precondition_failed(f"unknown delivery tag {tag}")
            if entry.consumer is not None:
                self.unacked_global -= 1
            entry.queue.acknowledge(entry)

    def settle(self, tag: int, how: Settlement, *, multiple: bool) -> None:
        """Settle one delivery, or all up to it (0: all there are), now or with the commit."""
        taken = self._take_up_to(tag) if multiple else self._take(tag)
        if self.transaction is not None:
            self.transaction.settlements.append((how, taken))
        else:
            self._carry_out(how, taken)

    def _take(self, tag: int) -> dict[int, Entry]:
        if tag not in self.unacked:
            raise precondition_failed(f"unknown delivery tag {tag}")
        return {tag: self.unacked.pop(tag)}

    def _take_up_to(self, tag: int) -> dict[int, Entry]:
        if tag and tag not in self.unacked:
            raise precondition_failed(f"unknown delivery tag {tag}")
        tags = list(takewhile(lambda number: not tag or number <= tag, self.unacked))
        return {number: self.unacked.pop(number) for number in tags}

    def _carry_out(self, how: Settlement, taken: dict[int, Entry]) -> None:
        entries = list(taken.values())
        self.unacked_global -= sum(entry.consumer is not None for entry in entries)
        if how is Settlement.REQUEUE:
            by_queue: dict[Queue, list[Entry]] = {}
            for entry in entries:
                by_queue.setdefault(entry.queue, []).append(entry)
            for queue, returned in by_queue.items():
                queue.requeue(returned, count_delivery=True)
            return
        for entry in entries:
            if how is Settlement.ACKNOWLEDGE:
                entry.queue.acknowledge(entry)
            else:
                entry.queue.discard(entry, Reason.REJECTED)

    def recover(self) -> None:
        """Requeue all that is unacked."""
        self._carry_out(Settlement.REQUEUE, self._take_up_to(0))

    # -- transactions ----------------------------------------------------------------------

    def commit(self) -> None:
        """Carry out the transaction; the sink hears of it once that is safe.

        Raises 406 where a queue refused a message or is gone since it was published: the rest is done all the same.
        """
        assert self.transaction is not None
        transaction, self.transaction = self.transaction, None
        publish = self.vhost.publishing.publish_along
        points = [
            self._published(message, publish(message, route), mandatory=mandatory)
            for message, route, mandatory in transaction.publishes
        ]
        for how, taken in transaction.settlements:
            self._carry_out(how, taken)
        self.transaction = Transaction()
        if REJECTED in points:
            raise precondition_failed("partial tx completion")
        point = max(points, default=0)
        self._commits.append(point)
        self.node.await_flush(self, point)

    def rollback(self) -> None:
        """Forget the transaction: what it had settled is unacked again."""
        assert self.transaction is not None
        for _, taken in self.transaction.settlements:
            self.unacked.update(taken)
        self.unacked = dict(sorted(self.unacked.items()))
        self.transaction = Transaction()

    # -- the end ---------------------------------------------------------------------------

    def cancelled_by_broker(self, consumer: Consumer) -> None:
        """Forget a consumer whose queue is gone, and tell the client."""
        if self.consumers.pop(consumer.tag, None) is not None:
            self.sink.cancel(consumer)

    def end_replies(self) -> None:
        """Forget the consumer of direct replies."""
        if self.reply_consumer is not None:
            self.node.reply_to.pop(self.reply_token, None)
            self.reply_consumer = None

    def close(self) -> None:
        """End the consumers, and give back what is unacked."""
        self.end_replies()
        if self.transaction is not None:
            self.rollback()
            self.transaction = None
        consumers = list(self.consumers.values())
        self.consumers.clear()
        entries = self._take_up_to(0)
        for consumer in consumers:
            consumer.queue.remove_consumer(consumer)
        self._carry_out(Settlement.REQUEUE, entries)
        self._points.clear()
        self._commits.clear()
        self.node.unconfirmed.discard(self)
        self.vhost.past.update(channel_counters(self))


def _is_reply(address: Address) -> bool:
    return not address.exchange and address.routing_key.startswith(f"{REPLY_TO}.")
