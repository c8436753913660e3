"""A virtual host on an embedded broker with a manual clock: time passes by `advance` alone.

Not here: a stage on RabbitMQ (`rabbitmq_stage.py`).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from warren.broker.auth import Permission
from warren.broker.embedded import EmbeddedBroker
from warren.broker.model.queue import Queue
from warren.broker.node import Node
from warren.broker.settings import BrokerConfig
from warren.clock import ManualClock
from warren.config import BrokerSettings
from warren.integrations.pytest_plugin.stage import QueueDepth
from warren.observability.events import Event
from warren.operations.lease import Held
from warren.reliability.retry import Retry
from warren.transport.wire import read_properties

__all__ = ["EmbeddedStage", "embedded_stages"]

_ULP: Final = 0.0005
"""Deadlines are sums of floats: this much later is still the same moment. Durations are whole milliseconds."""


@contextmanager
def embedded_stages() -> Iterator[Callable[[], EmbeddedStage]]:
    """Run one broker while the block runs, and give a function that adds a virtual host to it."""
    clock = ManualClock(float(int(time.time())))
    names = (f"test-{number}" for number in itertools.count(1))
    with EmbeddedBroker(BrokerConfig(port=0, management_port=None), clock=clock) as broker:
        yield lambda: EmbeddedStage(broker, clock, next(names))


class EmbeddedStage:
    """One virtual host of the broker that all tests of this process share, one at a time."""

    linger: Final = 0.0  # it carries out every ack before it closes a channel
    certain_after: Final = 0.0  # it is asked on its own thread, where nothing is under way

    def __init__(self, broker: EmbeddedBroker, clock: ManualClock, name: str) -> None:
        self._broker = broker
        self._name = name
        self.clock = clock
        self.settings = replace(BrokerSettings.parse(broker.url), virtual_host=name)
        self.faults = EmbeddedFaults(broker, name)
        broker.call(self._add)

    def _add(self, node: Node) -> None:
        node.add_vhost(self._name)
        node.accounts.put_permission(self._name, self.settings.user, Permission(".*", ".*", ".*"))

    def note(self, event: Event) -> None:
        """Time passes by `advance`, whatever happens."""

    def retry(self, policy: Retry) -> Retry:
        return policy

    def depths(self) -> list[QueueDepth]:
        def look(node: Node) -> list[QueueDepth]:
            queues = sorted(node.vhosts[self._name].queues.values(), key=lambda queue: queue.name)
            return [QueueDepth(one.name, one.ready_count, one.unacked_count, one.consumer_count) for one in queues]

        return self._broker.call(look)

    def is_quiet(self, queues: tuple[str, ...] | None) -> bool:
        return self._broker.call(lambda node: not self._has_work(node, queues))

    def _has_work(self, node: Node, names: tuple[str, ...] | None) -> bool:
        queues = node.vhosts[self._name].queues
        asked = (one for one in queues.values() if (one.consumer_count if names is None else one.name in names))
        return any(queue.ready_count or queue.unacked_count for queue in asked)

    def held(self, queue: str) -> list[Held]:
        def look(node: Node) -> list[Held]:
            found = node.vhosts[self._name].queues.get(queue)
            return [] if found is None else list(_messages(found))

        return self._broker.call(look)

    def advance(self, seconds: float, queues: tuple[str, ...] | None, wait_idle: Callable[[], None]) -> None:
        end = self.clock.monotonic() + seconds
        wait_idle()
        while not self._broker.call(lambda node: self._step(node, end, queues)):
            wait_idle()

    def _step(self, node: Node, end: float, queues: tuple[str, ...] | None) -> bool:
        """Go on to `end`, or to the first moment on which there is something to do; True at the end."""
        while (deadline := node.timers.next_deadline()) <= end + _ULP:
            self._move(deadline)
            node.timers.fire(self.clock.monotonic())
            node.end_turn()
            if self._has_work(node, queues):
                return False
        self._move(end)
        return True

    def _move(self, to: float) -> None:
        self.clock.advance(max(0.0, to - self.clock.monotonic()))

    def close(self) -> None:
        self.faults.end()
        self._broker.call(lambda node: node.delete_vhost(self._name))


class EmbeddedFaults:
    """Faults of the broker, as a test asks for them."""

    def __init__(self, broker: EmbeddedBroker, vhost: str) -> None:
        self._broker = broker
        self._vhost = vhost

    def drop_connection(self) -> None:
        def cut(node: Node) -> None:
            for connection in [one for one in node.connections if one.vhost == self._vhost]:
                connection.cut()

        self._broker.call(cut)

    def block(self) -> None:
        self._broker.call(lambda node: node.faults.block())

    def unblock(self) -> None:
        self._broker.call(lambda node: node.faults.unblock())

    def nack(self, times: int = 1) -> None:
        self._broker.call(lambda node: node.faults.nack(times))

    def lose_confirm(self, times: int = 1) -> None:
        self._broker.call(lambda node: node.faults.drop_before_confirm(times))

    def end(self) -> None:
        self._broker.call(lambda node: node.faults.clear())


def _messages(queue: Queue) -> Iterator[Held]:
    unacked = (
        entry
        for connection in queue.node.connections
        for channel in connection.channels.values()
        for entry in channel.unacked.values()
        if entry.queue is queue
    )
    for entry in sorted(itertools.chain(unacked, queue.waiting()), key=lambda entry: entry.order):
        message = entry.message
        header, address = message.header or b"", message.address
        yield Held(
            entry.order,
            entry.redelivered,
            address.exchange,
            address.routing_key,
            read_properties(header),
            header,
            message.body or b"",
        )
