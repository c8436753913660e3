"""Situations a queue can be in, made by plain Pika on a broker's virtual host of their own.

Not here: recording them (`record.py`). None of this knows Warren; queues are only named and set as Warren would.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import pika

__all__ = ["ALONE", "SITUATIONS", "Stage"]

QUEUE: Final = "billing.invoices"
DEAD: Final = f"{QUEUE}.dead"
TIER: Final = f"{QUEUE}.retry.2s"

Settle = Callable[[Any, Any, Any], None]  # channel, method, body


class Stage(threading.Thread):
    """A connection in a thread of its own, on which one situation goes on until `end`."""

    def __init__(self, url: str, situation: Callable[[Stage], None]) -> None:
        super().__init__(daemon=True)
        self._parameters = pika.URLParameters(url)
        self._situation = situation
        self._ended = threading.Event()
        self.is_set = threading.Event()
        self.settled = 0

    def run(self) -> None:
        self.connection = pika.BlockingConnection(self._parameters)
        self.channel = self.connection.channel()
        self._situation(self)
        self.is_set.set()
        while not self._ended.is_set():
            self.connection.process_data_events(0.02)
        self.connection.close()

    def end(self) -> None:
        self._ended.set()
        self.join(10.0)

    def declare(self, name: str, *, quorum: bool = True, **arguments: Any) -> None:
        kind = {"x-queue-type": "quorum"} if quorum else {}
        named = {f"x-{name.replace('_', '-')}": value for name, value in arguments.items()}
        self.channel.queue_declare(name, durable=True, arguments={**kind, **named})

    def declare_with_dead(self, **arguments: Any) -> None:
        self.declare(DEAD, delivery_limit=2**31 - 1)
        self.declare(QUEUE, dead_letter_exchange="", dead_letter_routing_key=DEAD, **arguments)

    def publish(self, count: int = 1, *, body: bytes = b"fine", queue: str = QUEUE) -> None:
        for _ in range(count):
            self.channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2))

    def publish_often(self, per_second: float, *, body: bytes = b"fine") -> None:
        def again() -> None:
            self.publish(body=body)
            self.connection.call_later(1 / per_second, again)

        again()

    def consume(self, settle: Settle, *, prefetch: int, after: float = 0.0) -> Any:
        """Consume on a channel of its own; every message is settled `after` seconds."""
        channel = self.connection.channel()
        channel.basic_qos(prefetch_count=prefetch)

        def deliver(_: Any, method: Any, properties: Any, body: bytes) -> None:
            self.connection.call_later(after, lambda: settle(channel, method, body) if channel.is_open else None)

        channel.basic_consume(QUEUE, deliver)
        return channel


def ack(channel: Any, method: Any, body: bytes) -> None:
    channel.basic_ack(method.delivery_tag)


def hold(channel: Any, method: Any, body: bytes) -> None:
    """Never settle."""


def requeue_bad(channel: Any, method: Any, body: bytes) -> None:
    if body == b"bad":
        channel.basic_nack(method.delivery_tag, requeue=True)
    else:
        channel.basic_ack(method.delivery_tag)


def reject_bad(channel: Any, method: Any, body: bytes) -> None:
    if body == b"bad":
        channel.basic_reject(method.delivery_tag, requeue=False)
    else:
        channel.basic_ack(method.delivery_tag)


# -- something is wrong -------------------------------------------------------------------


def poison(stage: Stage) -> None:
    """One message is requeued again and again, in a queue whose other messages go through."""
    stage.declare(QUEUE, quorum=False)
    stage.publish(body=b"bad")
    stage.publish_often(3)
    stage.consume(requeue_bad, prefetch=2, after=0.05)


def poison_given_up(stage: Stage) -> None:
    """Messages come back until the delivery limit makes dead letters of them."""
    stage.declare_with_dead(delivery_limit=3)
    stage.publish_often(2, body=b"bad")
    stage.consume(requeue_bad, prefetch=2, after=0.05)


def stalled(stage: Stage) -> None:
    """A consumer holds its prefetch and settles nothing."""
    stage.declare_with_dead()
    stage.publish(25)
    stage.consume(hold, prefetch=5)


def no_consumers(stage: Stage) -> None:
    """Messages are published, and nobody reads them."""
    stage.declare_with_dead()
    stage.publish(10)
    stage.publish_often(2)


def falling_behind(stage: Stage) -> None:
    """More is published than the consumer settles."""
    stage.declare_with_dead()
    stage.publish_often(40)
    stage.consume(ack, prefetch=2, after=0.2)


def retry_storm(stage: Stage) -> None:
    """Nearly all messages go through the retry tier, again and again."""
    stage.declare_with_dead()
    stage.declare(TIER, message_ttl=2000, dead_letter_exchange="", dead_letter_routing_key=QUEUE)
    stage.publish(20)
    stage.publish_often(3)

    def retry(channel: Any, method: Any, body: bytes) -> None:
        stage.settled += 1
        if stage.settled % 10:
            stage.publish(queue=TIER)
        channel.basic_ack(method.delivery_tag)

    stage.consume(retry, prefetch=20)


def dead_letters_growing(stage: Stage) -> None:
    """Some messages are rejected, and arrive in the dead-letter queue."""
    stage.declare_with_dead()
    stage.publish_often(10)
    stage.publish_often(1, body=b"bad")
    stage.consume(reject_bad, prefetch=10)


def dead_letters_lost(stage: Stage) -> None:
    """Messages are rejected, and the queue has no dead-letter exchange."""
    stage.declare(QUEUE)
    stage.publish_often(2)
    stage.publish_often(10, body=b"bad")
    stage.consume(reject_bad, prefetch=10)


def dead_letters_lost_target(stage: Stage) -> None:
    """Messages are rejected, and the queue's dead-letter queue does not exist."""
    stage.declare(QUEUE, dead_letter_exchange="", dead_letter_routing_key=DEAD)
    stage.publish_often(2)
    stage.publish_often(10, body=b"bad")
    stage.consume(reject_bad, prefetch=10)


def dead_letters_stuck(stage: Stage) -> None:
    """What is dead-lettered at least once has no queue to go to, and stays."""
    stage.declare(
        QUEUE,
        dead_letter_exchange="",
        dead_letter_routing_key=DEAD,
        dead_letter_strategy="at-least-once",
        overflow="reject-publish",
    )
    stage.publish(5, body=b"bad")
    stage.publish_often(3)
    stage.consume(reject_bad, prefetch=10)


def timeout_risk(stage: Stage) -> None:
    """One delivery is held all the time, by a consumer that would take more."""
    stage.declare_with_dead()
    stage.publish(1)
    stage.consume(hold, prefetch=10)


def blocked(stage: Stage) -> None:
    """The broker is short of memory. Whoever calls this sees to that."""
    stage.declare_with_dead()


# -- nothing is wrong ---------------------------------------------------------------------


def idle(stage: Stage) -> None:
    """A consumer waits for messages, and there are none."""
    stage.declare_with_dead()
    stage.consume(ack, prefetch=10)


def steady(stage: Stage) -> None:
    """What comes is settled; dead letters of some time ago lie in their queue."""
    stage.declare_with_dead()
    stage.publish(7, queue=DEAD)
    stage.publish_often(30)
    stage.consume(ack, prefetch=10, after=0.01)


def burst(stage: Stage) -> None:
    """Many messages came at once, and are worked off."""
    stage.declare_with_dead()
    stage.publish(3000)
    stage.consume(ack, prefetch=2, after=0.08)


def restart(stage: Stage) -> None:
    """A worker is restarted: what it held comes back once."""
    stage.declare_with_dead()
    stage.publish_often(20)
    first = stage.consume(ack, prefetch=50, after=0.5)

    def again() -> None:
        first.close()
        stage.connection.call_later(1.0, lambda: stage.consume(ack, prefetch=50, after=0.5))

    stage.connection.call_later(25.0, again)


def looked_at(stage: Stage) -> None:
    """A thousand messages were looked at and given back; as they are worked off, each is a redelivery."""
    stage.declare_with_dead()
    stage.publish(3000)
    looking = stage.consume(hold, prefetch=1000)

    def work() -> None:
        looking.close()
        stage.consume(ack, prefetch=2, after=0.08)

    stage.connection.call_later(2.0, work)


def polled(stage: Stage) -> None:
    """Nobody subscribes, but someone asks for messages now and then."""
    stage.declare_with_dead()
    stage.publish(50)

    def poll() -> None:
        method, _, _ = stage.channel.basic_get(QUEUE)
        if method is not None:
            stage.channel.basic_ack(method.delivery_tag)
        stage.connection.call_later(0.5, poll)

    poll()


SITUATIONS: Final = (
    poison,
    poison_given_up,
    stalled,
    no_consumers,
    falling_behind,
    retry_storm,
    dead_letters_growing,
    dead_letters_lost,
    dead_letters_lost_target,
    dead_letters_stuck,
    timeout_risk,
    idle,
    steady,
    burst,
    restart,
    looked_at,
    polled,
)

ALONE: Final = (blocked,)
"""Those that touch the whole broker."""
