"""The model of the embedded broker on a stage: a node in memory, a clock moved by hand, clients that only write down.

Not here: sockets, sessions and storage on a disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from warren.broker.model.channel import Channel
from warren.broker.model.consumers import Consumer
from warren.broker.model.message import Address, Entry, Message
from warren.broker.model.queue import Queue
from warren.broker.model.transaction import Settlement
from warren.broker.node import Node
from warren.broker.protocol import properties
from warren.broker.protocol.fields import FieldValue
from warren.broker.settings import BrokerConfig, Profile
from warren.broker.storage.memory import MemoryStorage
from warren.broker.storage.port import Storage
from warren.clock import ManualClock

__all__ = ["Client", "ListeningStorage", "Stage"]


class ListeningStorage(MemoryStorage):
    """Writes down what left its queue for good, and what was requeued."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledged: list[Entry] = []
        self.requeues: list[tuple[Entry, int]] = []
        self.deleted: list[Queue] = []

    def acknowledge(self, entry: Entry) -> None:
        self.acknowledged.append(entry)

    def requeued(self, entry: Entry) -> None:
        self.requeues.append((entry, entry.deliveries))

    def queue_deleted(self, queue: Queue) -> None:
        self.deleted.append(queue)


@dataclass(slots=True)
class Client:
    """One channel, and all that the broker said on it. Implements Sink."""

    stage: Stage
    channel: Channel = field(init=False)
    is_full: bool = False
    heard: list[str] = field(default_factory=list)  # "consumer:body", with a star if redelivered
    headers: list[dict[str, FieldValue]] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def deliver(self, consumer: Consumer, tag: int, redelivered: bool, message: Message, header: bytes) -> None:
        assert message.body is not None
        self.heard.append(f"{consumer.tag}:{message.body.decode()}{'*' if redelivered else ''}")
        self.headers.append(properties.headers(header))
        self.tags.append(tag)

    def return_message(self, message: Message) -> None:
        raise AssertionError("nothing was mandatory")

    def confirm(self, tag: int, *, multiple: bool) -> None:
        raise AssertionError("nothing was to be confirmed")

    def refuse(self, tag: int) -> None:
        raise AssertionError("nothing was to be confirmed")

    def committed(self) -> None:
        raise AssertionError("there was no transaction")

    def cancel(self, consumer: Consumer) -> None:
        self.cancelled.append(consumer.tag)

    def fail(self, code: int, explanation: str) -> None:
        self.failures.append((code, explanation))

    # -- what a client does ----------------------------------------------------------------

    def consume(self, queue: Queue, tag: str, **options: Any) -> Consumer:
        consumer = Consumer(tag, self.channel, queue, **options)
        queue.add_consumer(consumer)
        self.channel.consumers[tag] = consumer
        self.stage.turn()
        return consumer

    def cancel_consumer(self, consumer: Consumer) -> None:
        del self.channel.consumers[consumer.tag]
        consumer.queue.remove_consumer(consumer)
        self.stage.turn()

    def ack(self, tag: int = 0, *, multiple: bool = False) -> None:
        self._settle(Settlement.ACKNOWLEDGE, tag, multiple=multiple)

    def reject(self, tag: int = 0, *, multiple: bool = False) -> None:
        self._settle(Settlement.DISCARD, tag, multiple=multiple)

    def requeue(self, tag: int = 0, *, multiple: bool = False) -> None:
        self._settle(Settlement.REQUEUE, tag, multiple=multiple)

    def get(self, queue: Queue, *, no_ack: bool = False) -> str | None:
        """Get one message as `body`, with a star if redelivered."""
        entry = queue.get(no_ack=no_ack)
        if entry is None:
            return None
        got = self.channel.got(entry, no_ack=no_ack)
        self.tags.append(got[0])
        assert entry.message.body is not None
        return f"{entry.message.body.decode()}{'*' if entry.redelivered else ''}"

    def close(self) -> None:
        self.channel.close()
        self.stage.turn()

    def taken(self) -> list[str]:
        """Return what was heard since the last call."""
        heard, self.heard = self.heard, []
        return heard

    def _settle(self, how: Settlement, tag: int, *, multiple: bool) -> None:
        self.channel.settle(tag or max(self.tags), how, multiple=multiple)
        self.stage.turn()


class Stage:
    """A node and its first virtual host; in memory, unless it gets a journal."""

    def __init__(
        self, *, profile: Profile = Profile.RABBITMQ_4_0, journal: Storage | None = None, **settings: Any
    ) -> None:
        self.clock = ManualClock()
        self.storage = ListeningStorage()
        self.node = Node(BrokerConfig(profile=profile, **settings), journal or self.storage, self.clock)
        self.node.start()
        self.vhost = self.node.vhosts["/"]
        self._channels = 0

    def client(self) -> Client:
        client = Client(self)
        self._channels += 1
        client.channel = Channel(self._channels, self.vhost, self.node, client, user="guest")
        return client

    def queue(self, name: str = "q", *, quorum: bool = False, durable: bool = True, **options: Any) -> Queue:
        """Declare a queue; arguments without `x-`, with underscores."""
        own = {key: options.pop(key) for key in ("auto_delete", "exclusive", "owner") if key in options}
        arguments = {f"x-{key.replace('_', '-')}": value for key, value in options.items()}
        if quorum:
            arguments["x-queue-type"] = "quorum"
        return self.vhost.declare_queue(name, durable=durable, arguments=arguments, **own)

    def publish(self, *bodies: str, to: str = "q", exchange: str = "", **values: Any) -> list[int]:
        """Publish each body to a queue, or to an exchange with a routing key; return what `publish` said."""
        header = properties.encode(properties.Properties(**values))
        address = Address(exchange, to)
        persistent = values.get("delivery_mode") == 2
        points = [self.vhost.publish(Message(address, header, body.encode(), persistent=persistent)) for body in bodies]
        self.turn()
        return points

    def turn(self) -> None:
        self.node.end_turn()

    def wait(self, seconds: float) -> None:
        """Let time pass, as the server does: a turn whenever a timer is due."""
        end = self.clock.monotonic() + seconds
        while (due := self.node.timers.next_deadline()) <= end:
            self._advance_to(due)
            self.node.timers.fire()
            self.turn()
        self._advance_to(end)

    def _advance_to(self, when: float) -> None:
        while (left := when - self.clock.monotonic()) > 0:
            self.clock.advance(max(left, 1e-6))  # less may be lost in rounding


def waiting(queue: Queue) -> list[str]:
    """Return the bodies that wait, in the order of delivery."""
    return [entry.message.body.decode() for entry in queue.waiting() if entry.message.body is not None]
