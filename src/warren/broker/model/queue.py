"""A queue: what comes in, what waits, what is delivered and not yet settled.

Not here: the order of what waits (`ready.py`), whose turn it is (`consumers.py`), what is too much (`limits.py`) or too
old (`expiry.py`), and where that goes (`dead_letter.py`).

An entry waits, is handed to a consumer or to basic.get, and is settled: acknowledged, requeued or discarded. A push to
an empty queue with an able consumer is handed over at once; all else is left to `dispatch`, which the node calls at the
end of the loop turn for every queue in its `dirty_queues`. So an entry waits beside an able consumer only in a dirty
queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from warren.broker.model import limits, quorum
from warren.broker.model.consumers import Consumer, check_priority, consumers_for
from warren.broker.model.dead_letter import Reason, Undelivered, bury
from warren.broker.model.expiry import HAS_EXPIRATION, Lease, MessageExpiry, expires_at
from warren.broker.model.message import NEVER, Entry, Message
from warren.broker.model.queue_settings import Kind, effective_settings
from warren.broker.model.ready import Fifo, Priorities, Ready
from warren.broker.protocol import properties
from warren.broker.replies import access_refused

if TYPE_CHECKING:
    from warren.broker.model.vhost import VirtualHost

__all__ = ["Queue"]


class Queue:
    """One queue of a virtual host. Gone once `delete` ran: entries settled after that are ignored."""

    def __init__(
        self,
        name: str,
        vhost: VirtualHost,
        *,
        id: int,  # noqa: A002 - the word of storage
        durable: bool = True,
        exclusive_owner: object | None = None,
        auto_delete: bool = False,
        arguments: Mapping[str, Any] | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.vhost = vhost
        self.node = vhost.node
        self.id = id
        self.durable = durable
        self.exclusive_owner = exclusive_owner
        self.auto_delete = auto_delete
        self.arguments = dict(arguments or {})
        self.kind = Kind.of(self.arguments)
        self.settings = effective_settings(self.kind, self.arguments, policy, self.node.config.profile)
        self.storage = self.node.storage
        self._release: Callable[[Entry], None] = self.storage.acknowledge if durable else lambda entry: None
        self._ready = self._order_of_waiting()
        self._consumers = consumers_for(self.kind, self.settings)
        self._expiry = MessageExpiry(self)
        self._lease = Lease(self)
        self.undelivered = Undelivered(self)
        self._order = self._recovered = 0  # of the newest entry; how many storage gave back
        self._is_dirty = False  # in node.dirty_queues
        self.is_deleted = False
        self.is_rejecting = False  # a quorum queue that was over its limit, and is not well below it again
        self.ready_count = self.ready_bytes = self.unacked_count = self.unacked_bytes = 0
        self.delivered = self.delivered_no_ack = self.got = self.got_no_ack = 0
        self.acked = self.redelivered = self.dropped = 0
        self.apply_policy(policy)

    def __repr__(self) -> str:
        return f"<Queue {self.name!r}, {self.ready_count} ready, {self.unacked_count} unacked>"

    def _order_of_waiting(self) -> Ready:
        if self.kind is Kind.QUORUM:
            return quorum.order(self.node.config.profile, self._priority_of)
        highest = self.settings.max_priority
        return Priorities(highest, self._priority_of) if highest else Fifo()

    def _priority_of(self, message: Message) -> int:
        return properties.scan(self.header(message)).priority or 0

    def header(self, message: Message) -> bytes:
        """Return the header of a message that may have been paged out."""
        if message.header is None:
            self.storage.load(message)
        assert message.header is not None  # loaded
        return message.header

    # -- settings --------------------------------------------------------------------------

    def apply_policy(self, policy: Mapping[str, Any] | None) -> None:
        """Merge the arguments with the definition of the policy that applies now, if any, and act on it."""
        self.settings = effective_settings(self.kind, self.arguments, policy, self.node.config.profile)
        self._message_ttl = self.settings.message_ttl
        self._is_bounded = self.settings.is_bounded
        self._lease.renew()
        if self._is_bounded:
            limits.enforce(self)
        if self.undelivered.count:
            self.undelivered.retry()

    @property
    def published(self) -> int:
        """Messages that came in since the node started."""
        return self._order - self._recovered

    # -- publishing ------------------------------------------------------------------------

    def accepts(self, message: Message) -> bool:
        """Whether a push may follow: not when the queue is full and rejects what is published then.

        With reject-publish-dlx the message goes to the dead-letter exchange instead.
        """
        if not self._is_bounded or limits.has_room(self, message):
            return True
        limits.refuse(self, message)
        return False

    def push(self, message: Message) -> None:
        """Hand a message to a consumer at once, or keep it."""
        self._order = order = self._order + 1
        if self._message_ttl is None and not message.header[0] & HAS_EXPIRATION:  # type: ignore[index]  # just published
            entry = Entry(message, self, order)
        else:
            entry = Entry(message, self, order, expires_at(self, message))
        if message.dead_lettered:
            quorum.inherit(entry)
        if not self.ready_count:
            consumer = self._consumers.take()
            if consumer is not None:
                self._hand_over(consumer, entry)
                return
        self._ready.append(entry)
        self.ready_count += 1
        self.ready_bytes += message.size
        if self._is_bounded:
            limits.enforce(self)
        if entry.expires_at != NEVER:
            self._expiry.drop_due()

    def recover(self, message: Message, *, age: float, redelivered: bool, deliveries: int) -> None:
        """Take back a message that storage kept, `age` seconds after it was pushed. Called in the order of pushes."""
        self._order += 1
        self._recovered += 1
        entry = Entry(message, self, self._order)
        if self._message_ttl is not None or self.header(message)[0] & HAS_EXPIRATION:
            entry.expires_at = expires_at(self, message) - age
        entry.redelivered = redelivered
        entry.deliveries = deliveries
        if message.dead_lettered and not deliveries:
            quorum.inherit(entry)
        self._ready.append(entry)
        self._count_in(entry)
        self.head_changed()

    def _count_in(self, entry: Entry) -> None:
        self.ready_count += 1
        self.ready_bytes += entry.message.size
        self._expiry.is_needed |= entry.expires_at != NEVER

    # -- delivering ------------------------------------------------------------------------

    def dispatch(self) -> None:
        """Deliver while there are entries and able consumers."""
        self._is_dirty = False
        self.head_changed()
        take, pop, expiry = self._consumers.take, self._ready.pop, self._expiry
        while self.ready_count:
            consumer = take()
            if consumer is None:
                break
            entry = pop()
            self.ready_count -= 1
            self.ready_bytes -= entry.message.size
            self._hand_over(consumer, entry)
            if expiry.is_needed:
                expiry.drop_due()
        if self.is_rejecting:
            limits.relieve(self)

    def _hand_over(self, consumer: Consumer, entry: Entry) -> None:
        if entry.redelivered:
            self.redelivered += 1
        if consumer.no_ack:
            self.delivered_no_ack += 1
            consumer.channel.deliver(consumer, entry)
            self._release(entry)
            return
        self.delivered += 1
        self.unacked_count += 1
        self.unacked_bytes += entry.message.size
        consumer.unacked += 1
        entry.consumer = consumer
        consumer.channel.deliver(consumer, entry)

    def get(self, *, no_ack: bool = False) -> Entry | None:
        """Take the head for basic.get, or None when nothing waits. Without `no_ack` it is unacked then.

        Raises 405 for a quorum queue with a single active consumer.
        """
        if self.kind is Kind.QUORUM:
            quorum.check_get(self)
        self.head_changed()
        if not self.ready_count:
            return None
        entry = self._take_head()
        if entry.redelivered:
            self.redelivered += 1
        if no_ack:
            self.got_no_ack += 1
            if entry.message.header is None:
                self.storage.load(entry.message)
            self.let_go(entry)
        else:
            self.got += 1
            self.unacked_count += 1
            self.unacked_bytes += entry.message.size
        self._shrunk()
        return entry

    def mark_dirty(self) -> None:
        """Be dispatched at the end of the loop turn."""
        if not self._is_dirty:
            self._is_dirty = True
            self.node.dirty_queues[self] = None

    def header_of(self, entry: Entry) -> bytes:
        """Return the header of an entry as it is delivered: with x-delivery-count once a quorum queue counts."""
        return quorum.with_delivery_count(self.header(entry.message), entry.deliveries)

    # -- settling --------------------------------------------------------------------------

    def acknowledge(self, entry: Entry) -> None:
        """Let go of a delivered entry for good."""
        self.acked += 1
        self.unacked_count -= 1
        self.unacked_bytes -= entry.message.size
        consumer = entry.consumer
        if consumer is not None:
            consumer.unacked -= 1
            if consumer.parked or consumer.channel.prefetch_count_global:
                consumer.has_room()
        self._release(entry)

    def discard(self, entry: Entry, reason: Reason) -> None:
        """Let go of a delivered entry that its consumer does not want: it may be dead-lettered."""
        self._taken_back(entry)
        self._bury(entry, reason)

    def requeue(self, entries: Iterable[Entry], *, count_delivery: bool) -> None:
        """Put delivered entries back where they came from; `count_delivery`: the delivery failed."""
        for entry in entries:
            self._taken_back(entry)
            if self.is_deleted:
                continue
            entry.consumer = None
            entry.redelivered = True
            if self.kind is Kind.QUORUM and quorum.gives_up(entry, count_delivery=count_delivery):
                self._bury(entry, Reason.DELIVERY_LIMIT)
            else:
                self._ready.restore(entry)
                self._count_in(entry)
        if self._is_bounded:
            limits.enforce(self)
        self.mark_dirty()

    def _taken_back(self, entry: Entry) -> None:
        self.unacked_count -= 1
        self.unacked_bytes -= entry.message.size
        consumer = entry.consumer
        if consumer is not None:
            consumer.unacked -= 1
            if consumer.parked or consumer.channel.prefetch_count_global:
                consumer.has_room()

    # -- dropping --------------------------------------------------------------------------

    def head(self) -> Entry:
        """Return the entry that is next; there must be one."""
        return self._ready.peek()

    def waiting(self) -> Iterator[Entry]:
        """The entries that wait, in the order in which they would be delivered. None of them is taken."""
        return iter(self._ready)

    def drop_head(self, reason: Reason) -> None:
        """Let go of the head, which nobody got: it may be dead-lettered."""
        self._bury(self._take_head(), reason)

    def head_changed(self) -> None:
        """Drop the head if it is due already, else be there when it is."""
        if self._expiry.is_needed:
            self._expiry.drop_due()

    def let_go(self, entry: Entry) -> None:
        """Tell storage that an entry left the queue for good."""
        self._release(entry)

    def _take_head(self) -> Entry:
        entry = self._ready.pop()
        self.ready_count -= 1
        self.ready_bytes -= entry.message.size
        return entry

    def _bury(self, entry: Entry, reason: Reason) -> None:
        if not self.is_deleted:
            self.dropped += 1
            bury(self, entry, reason)

    def _shrunk(self) -> None:
        """Look after what depends on the head, or on how much waits."""
        self.head_changed()
        if self.is_rejecting:
            limits.relieve(self)

    def purge(self) -> int:
        """Drop all that waits, and return how many that were. Nothing is dead-lettered."""
        count = self.ready_count
        for entry in self._ready:
            self.let_go(entry)
        self._ready.clear()
        self.ready_count = self.ready_bytes = 0
        self._shrunk()
        return count

    # -- the end ---------------------------------------------------------------------------

    def remove(self) -> None:
        """Leave the virtual host: nobody needs this queue any more."""
        self.vhost.delete_queue(self.name, if_unused=False, if_empty=False, owner=self.exclusive_owner)

    def delete(self, answer: Callable[[int], None]) -> int:
        """End; called by the virtual host. Dead-letters nothing; returns how many waited.

        `answer` is told that number first, then the consumers that they are cancelled: RabbitMQ's order.
        """
        self.is_deleted = True
        count = self.ready_count
        consumers = list(self._consumers)
        for consumer in consumers:
            self._consumers.remove(consumer)
        self._lease.stop()
        self._expiry.stop()
        self.undelivered.stop()
        self._ready.clear()
        self.ready_count = self.ready_bytes = 0
        if self.durable:
            self.storage.queue_deleted(self)
        self._release = lambda entry: None
        answer(count)
        for consumer in consumers:
            consumer.channel.cancelled_by_broker(consumer)
        return count

    # -- consumers -------------------------------------------------------------------------

    @property
    def consumer_count(self) -> int:
        return len(self._consumers)

    @property
    def consumers(self) -> Iterator[Consumer]:
        """In the order they came."""
        return iter(self._consumers)

    def add_consumer(self, consumer: Consumer) -> None:
        """Deliver to a consumer from the end of this turn on.

        Raises 406 for a priority that is no integer; 403 where it or another consumer is exclusive (quorum queues do
        not care).
        """
        check_priority(consumer)
        if self.kind is Kind.CLASSIC and self._consumers.is_in_exclusive_use(consumer):
            raise access_refused(f"queue '{self.name}' in vhost '{self.vhost.name}' in exclusive use")
        self._consumers.add(consumer)
        self._lease.renew()
        self.mark_dirty()

    def remove_consumer(self, consumer: Consumer) -> None:
        """Deliver nothing more to it; what it has unacked stays with its channel. May delete an auto-delete queue."""
        self._consumers.remove(consumer)
        self._lease.renew()
        if self.auto_delete and not self._consumers:
            self.remove()
        else:
            self.mark_dirty()

    def readmit(self, consumer: Consumer) -> None:
        """Let a parked consumer take turns again."""
        self._consumers.readmit(consumer)
        if self.ready_count:
            self.mark_dirty()

    def was_used(self) -> None:
        """Renew the lease of a queue with x-expires: it was declared, or basic.get asked it."""
        self._lease.renew()
