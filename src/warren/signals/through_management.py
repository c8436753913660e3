"""Sees queues and broker through the management API: everything but what workers alone know.

Not here: the requests and their JSON (`management/`), and what becomes of them (`reading.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, final

from warren.clock import Clock
from warren.errors import BrokerRefused, BrokerUnavailable, WarrenError
from warren.management.client import ManagementClient
from warren.provisioning import open_management
from warren.signals.reading import broker_sample, queue_samples
from warren.signals.seen import Seen
from warren.transport.connection import Connection

__all__ = ["RETRY_AFTER", "RETRY_SOON", "ManagementDoor"]

T = TypeVar("T")

RETRY_AFTER = 30.0
"""Seconds after which an API that was not there is asked again: one behind a firewall takes long to say nothing."""

RETRY_SOON = 5.0
"""The same where it was told at once, as by a broker that is just starting."""

AT_ONCE = 1.0


@final
class ManagementDoor:
    """Asks the management API of the broker a connection has. Close it."""

    def __init__(self, clock: Clock, *, timeout: float) -> None:
        self._clock = clock
        self._timeout = timeout
        self._client: ManagementClient | None = None
        self._failed: tuple[float, WarrenError] | None = None  # until when, and why; set only while it is not there

    def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def see(self, connection: Connection) -> Seen:
        """Return what the API tells now. Raises `BrokerUnavailable` or `BrokerRefused` where it is not there for us."""
        began = self._clock.monotonic()
        if self._failed is not None and began < self._failed[0]:
            raise self._failed[1]
        try:
            if self._client is None:
                self._client = open_management(connection, timeout=self._timeout)
            seen = _ask(self._client, connection.settings.virtual_host)
        except (BrokerUnavailable, BrokerRefused) as error:
            now = self._clock.monotonic()
            is_starting = isinstance(error, BrokerUnavailable) and now - began < AT_ONCE
            self._failed = now + (RETRY_SOON if is_starting else RETRY_AFTER), error
            self.close()
            raise
        self._failed = None
        return seen


def _ask(client: ManagementClient, virtual_host: str) -> Seen:
    unknown: list[str] = []
    queues = client.queues(virtual_host)
    consumers = _if_allowed(lambda: client.consumers(virtual_host), "prefetch", unknown)
    nodes = _if_allowed(client.nodes, "alarms", unknown)
    overview = _if_allowed(client.overview, "the broker's version", unknown)
    samples = queue_samples(queues, consumers)
    silent = sorted(queue.name for queue in queues if queue.name not in samples)
    if silent:
        unknown.append(f"of {_listed(silent)}: too young for the broker's statistics, or on a node that is down")
    return Seen(
        queues=samples,
        names=frozenset(queue.name for queue in queues),
        broker=broker_sample(overview, nodes),
        subscribed=consumers,
        unknown=tuple(unknown),
    )


def _if_allowed(ask: Callable[[], T], what: str, unknown: list[str]) -> T | None:
    """Ask for what some users may not see."""
    try:
        return ask()
    except BrokerRefused:
        unknown.append(f"{what}: the management API does not show that to this user (tag 'monitoring')")
        return None


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
