"""A virtual host on a RabbitMQ: real time, with retry tiers that are much shorter.

Not here: a stage on the embedded broker (`embedded_stage.py`).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Final, NoReturn

import pytest

from warren.clock import SystemClock
from warren.config import BrokerSettings
from warren.errors import BrokerRefused, ConfigurationError, TopologyMissing
from warren.integrations.pytest_plugin.stage import QueueDepth
from warren.integrations.pytest_plugin.timeline import Key, Timeline
from warren.management.client import ManagementClient
from warren.management.settings import ManagementSettings
from warren.observability.events import Delivered, Event, Retried
from warren.operations.lease import Held, Lease
from warren.operations.link import open_connection
from warren.reliability.retry import Retry
from warren.transport.declare import ChannelDeclarer

__all__ = ["RabbitmqStage", "ShorterRetry", "rabbitmq_stages", "read_scale"]

_SHORTEST: Final = 0.001
_PATIENCE: Final = 30.0
_LOOK: Final = 0.005
_MOST: Final = 10_000  # dead letters that are read
_OWN: Final = "warren test observer"


def read_scale(text: str) -> float:
    """Read `--warren-time-scale`. Raises `ConfigurationError`."""
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 1:
        raise ConfigurationError(f"the time scale is {text!r}; give a number above 0, and at most 1")
    return scale


def rabbitmq_stages(url: str, scale: str) -> Callable[[], RabbitmqStage]:
    """Return a function that adds a virtual host. Raises `ConfigurationError`."""
    settings, factor = BrokerSettings.parse(url), read_scale(scale)
    return lambda: RabbitmqStage(settings, factor)


class RabbitmqStage:
    """One virtual host, made through the management API, and removed at the end."""

    linger: Final = 0.25
    certain_after: Final = 0.05

    def __init__(self, broker: BrokerSettings, scale: float) -> None:
        self.clock = SystemClock()
        self.settings = replace(broker, virtual_host=f"warren-test-{uuid.uuid4().hex[:12]}")
        self._scale = scale
        self._delays: dict[float, float] = {}  # of the policy, by what they are here
        self._timeline = Timeline()
        self._lock = threading.Lock()
        with ExitStack() as ends:
            self._management = ends.enter_context(ManagementClient(ManagementSettings.of(broker)))
            self._management.put("vhosts", self._name)
            ends.callback(self._management.delete, "vhosts", self._name)
            rights = {"configure": ".*", "write": ".*", "read": ".*"}
            self._management.put("permissions", self._name, self.settings.user, **rights)
            self._connection = ends.enter_context(open_connection(self.settings, _OWN))
            self._declarer = ChannelDeclarer(self._connection)
            self._ends = ends.pop_all()
        self.faults = RabbitmqFaults(self._management, self._name)

    @property
    def _name(self) -> str:
        return self.settings.virtual_host

    def close(self) -> None:
        self._ends.close()

    # -- queues -----------------------------------------------------------------------------

    def depths(self) -> list[QueueDepth]:
        names = self._management.ask(
            lambda told: sorted(str(one["name"]) for one in told), "queues", self._name, columns="name"
        )
        return [depth for depth in map(self._depth, names) if depth is not None]

    def is_quiet(self, queues: tuple[str, ...] | None) -> bool:
        if queues is None:
            return not any(depth.consumers and depth.ready for depth in self.depths())
        return not any(depth is not None and depth.ready for depth in map(self._depth, queues))

    def _depth(self, queue: str) -> QueueDepth | None:
        try:
            count = self._declarer.count_queue(queue)
        except TopologyMissing:
            return None
        return QueueDepth(queue, count.ready, None, count.consumers)

    def held(self, queue: str) -> list[Held]:
        try:
            with Lease.open(self._connection, queue) as lease:
                found = [held for batch in lease.take(_MOST) for held in batch]
        except TopologyMissing:
            return []
        # RabbitMQ has closed the channel before it has put the messages back, and the next look is to find them.
        _wait(lambda: self._ready(queue) >= len(found), f"queue {queue!r} has not got its messages back")
        return found

    def _ready(self, queue: str) -> int:
        depth = self._depth(queue)
        return 0 if depth is None else depth.ready

    # -- time -------------------------------------------------------------------------------

    def retry(self, policy: Retry) -> Retry:
        shorter = ShorterRetry(policy, self._scale)
        self._delays.update(zip(shorter.delays, policy.delays, strict=True))
        return shorter

    def note(self, event: Event) -> None:
        if isinstance(event, Retried):
            with self._lock:
                self._timeline.retried((event.queue, event.message_id), self._delays.get(event.delay, event.delay))
        elif isinstance(event, Delivered):
            with self._lock:
                self._timeline.delivered((event.queue, event.message_id))

    def advance(self, seconds: float, queues: tuple[str, ...] | None, wait_idle: Callable[[], None]) -> None:
        over_at = time.monotonic() + seconds * self._scale
        wait_idle()
        end = self._timeline.now + seconds
        while (first := self._next(end)) is not None:
            self._timeline.now, key = first
            _wait(partial(self._is_back, key), f"message {key[1]} has not come back to {key[0]}")
            wait_idle()
        self._timeline.now = end
        _wait(lambda: time.monotonic() >= over_at, "time does not pass", patience=seconds * self._scale + 1.0)
        wait_idle()

    def _next(self, end: float) -> tuple[float, Key] | None:
        with self._lock:
            return self._timeline.next(end)

    def _is_back(self, key: Key) -> bool:
        with self._lock:
            return not self._timeline.waits(key)


class ShorterRetry(Retry):
    """A policy with every delay shortened, also those a handler asks for."""

    __slots__ = ("_scale",)

    def __init__(self, policy: Retry, scale: float) -> None:
        delays = (max(_SHORTEST, round(delay * scale, 3)) for delay in policy.delays)
        super().__init__(*delays, attempts=policy.attempts)
        self._scale = scale

    def tier_for(self, seconds: float) -> float:
        return super().tier_for(seconds * self._scale)


class RabbitmqFaults:
    """The one fault that can be had of RabbitMQ from outside. A test that asks for another is skipped."""

    def __init__(self, management: ManagementClient, vhost: str) -> None:
        self._management = management
        self._vhost = vhost

    def drop_connection(self) -> None:
        found: list[str] = []

        def find() -> bool:
            found[:] = self._management.ask(_of_application, "vhosts", self._vhost, "connections")
            return bool(found)

        _wait(find, "the broker lists no connection of the application")
        for name in found:
            try:
                self._management.delete("connections", name)
            except BrokerRefused:
                pass  # gone meanwhile

    def block(self) -> None:
        _only_embedded("block()")

    def unblock(self) -> None:
        """Do nothing: nothing is blocked."""

    def nack(self, times: int = 1) -> None:
        _only_embedded(f"nack({times})")

    def lose_confirm(self, times: int = 1) -> None:
        _only_embedded(f"lose_confirm({times})")


def _of_application(told: list[dict[str, dict[str, str]]]) -> list[str]:
    named = [(str(one["name"]), one.get("client_properties", {}).get("connection_name", "")) for one in told]
    return [name for name, given in named if given != _OWN]


def _only_embedded(fault: str) -> NoReturn:
    pytest.skip(f"faults.{fault} needs the embedded broker: RabbitMQ cannot be asked for it")


def _wait(condition: Callable[[], bool], otherwise: str, *, patience: float = _PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{otherwise} after {patience:g} s")
        threading.Event().wait(_LOOK)
