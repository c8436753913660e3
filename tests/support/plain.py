"""Plain Pika, as services use it that have never heard of Warren: publish, count, drain.

Not here: anything of Warren's.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import pika

from tests.support.waiting import wait_until

__all__ = ["PlainMessage", "PlainPika"]


class PlainMessage(NamedTuple):
    """What `basic.get` brought."""

    body: bytes
    properties: pika.BasicProperties
    exchange: str
    routing_key: str
    redelivered: bool

    @property
    def headers(self) -> dict[str, Any]:
        return dict(self.properties.headers or {})


class PlainPika:
    """A blocking connection for the length of a test: `with PlainPika(url) as plain:`."""

    def __init__(self, url: str) -> None:
        self._parameters = pika.URLParameters(url)

    def __enter__(self) -> PlainPika:
        self.connection = pika.BlockingConnection(self._parameters)
        self.channel = self.connection.channel()
        return self

    def __exit__(self, *_: object) -> None:
        if self.connection.is_open:
            self.connection.close()

    def declare(self, queue: str, **arguments: Any) -> None:
        self.channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum", **arguments})

    def publish(self, exchange: str, routing_key: str, body: bytes, **properties: Any) -> None:
        self.channel.basic_publish(exchange, routing_key, body, pika.BasicProperties(**properties))

    def depth(self, queue: str) -> int:
        """Count what is ready."""
        return int(self._asked(queue).message_count)

    def consumers(self, queue: str) -> int:
        return int(self._asked(queue).consumer_count)

    def _asked(self, queue: str) -> Any:
        """A quorum queue that is busy for 250 ms says it has no message and no consumer: it is asked again."""
        give_up_at = time.monotonic() + 15.0
        while True:
            asked_at = time.monotonic()
            answer = self.channel.queue_declare(queue, passive=True).method
            now = time.monotonic()
            if answer.message_count or answer.consumer_count or now - asked_at < 0.2 or now > give_up_at:
                return answer

    def wait_depth(self, queue: str, count: int, *, timeout: float = 15.0) -> None:
        wait_until(
            lambda: self.depth(queue) == count,
            timeout=timeout,
            message=lambda: f"{queue} holds {count} messages; it holds {self.depth(queue)}",
        )

    def drain(self, queue: str) -> list[PlainMessage]:
        """Take and acknowledge all messages."""
        taken = []
        while True:
            method, properties, body = self.channel.basic_get(queue, auto_ack=True)
            if method is None:
                return taken
            taken.append(PlainMessage(body, properties, method.exchange, method.routing_key, method.redelivered))

    def take(self, queue: str, *, timeout: float = 15.0) -> PlainMessage:
        """Wait for one message and take it."""

        def get() -> PlainMessage | None:
            method, properties, body = self.channel.basic_get(queue, auto_ack=True)
            if method is None:
                return None
            return PlainMessage(body, properties, method.exchange, method.routing_key, method.redelivered)

        return wait_until(get, timeout=timeout, message=f"a message in {queue}")
