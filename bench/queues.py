"""The queues of a run, as the broker sees them: declared, counted and deleted over one connection.

Not here: publishing or consuming.
"""

from __future__ import annotations

import time
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from bench.processes import Failed

__all__ = ["Queues"]


class Queues:
    """Declares, counts and deletes queues. Not safe from several threads."""

    def __init__(self, url: str) -> None:
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0  # Nothing is read from it for minutes at a time.
        self._connection = pika.BlockingConnection(parameters)
        self._channel: BlockingChannel = self._connection.channel()

    @property
    def broker_version(self) -> str:
        """What the broker says it is, such as `RabbitMQ 3.10.8`."""
        server: dict[str, Any] = self._connection._impl.server_properties or {}
        return f"{_text(server.get('product'))} {_text(server.get('version'))}"

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def declare(self, name: str, queue_type: str) -> None:
        """Declare a durable queue of that type."""
        self._channel.queue_declare(name, durable=True, arguments={"x-queue-type": queue_type})

    def delete(self, name: str) -> None:
        """Delete a queue, and the delay and dead-letter queues Dramatiq adds to each."""
        for each in (name, f"{name}.DQ", f"{name}.XQ"):
            self._channel.queue_delete(each)

    def consumers(self, name: str) -> int:
        """Return how many consumers the queue has; none when it is not declared yet."""
        try:
            return int(self._channel.queue_declare(name, passive=True).method.consumer_count)
        except ChannelClosedByBroker:
            self._channel = self._connection.channel()
            return 0

    def depth(self, name: str) -> int:
        """Return how many messages are ready."""
        return int(self._channel.queue_declare(name, passive=True).method.message_count)

    def settled_depth(self, name: str) -> int:
        """Return how many messages are in a queue whose consumers have just ended."""
        deadline = time.monotonic() + 2.0
        while (depth := self.depth(name)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return depth

    def await_depth(self, name: str, expected: int, timeout: float = 15.0) -> None:
        """Wait until the queue holds exactly that many messages; raise Failed when it does not."""
        deadline = time.monotonic() + timeout
        while (depth := self.depth(name)) != expected:
            if time.monotonic() > deadline:
                raise Failed(f"the queue holds {depth:,} messages instead of {expected:,}")
            time.sleep(0.02)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
