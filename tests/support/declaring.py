"""A topology on a real broker, for the length of a test: declared through Warren's transport, read through its client.

Not here: messages (`plain.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.broker import BrokerUnderTest
from warren.config import BrokerSettings
from warren.management.client import ManagementClient
from warren.management.settings import ManagementSettings
from warren.observability.events import EventBus
from warren.topology import Queue, Topology
from warren.topology.actual import Actual
from warren.topology.apply import apply
from warren.topology.plan import Plan, plan
from warren.transport.connection import Connection
from warren.transport.declare import ChannelDeclarer
from warren.transport.io_thread import IoThread

__all__ = ["TopologyUnderTest", "topology_of"]


@dataclass(frozen=True, slots=True)
class TopologyUnderTest:
    """Both ends of a plan: who declares, and who reads."""

    declarer: ChannelDeclarer
    management: ManagementClient
    vhost: str

    def read(self) -> Actual:
        return self.management.read_topology(self.vhost)

    def plan(self, topology: Topology) -> Plan:
        return plan(topology, self.read())

    def apply(self, topology: Topology) -> tuple[str, ...]:
        return apply(self.plan(topology), self.declarer)

    def declare(self, *queues: Queue) -> None:
        for queue in queues:
            self.declarer.declare_queue(queue)


@contextmanager
def topology_of(broker: BrokerUnderTest) -> Iterator[TopologyUnderTest]:
    settings = BrokerSettings.parse(f"{broker.url}?management={broker.management_url}")
    io = IoThread("test-topology")
    connection = Connection(settings, io=io, bus=EventBus(), name="test")
    connection.start()
    try:
        connection.wait_open(10.0)
        with ManagementClient(ManagementSettings.of(settings)) as management:
            yield TopologyUnderTest(ChannelDeclarer(connection, timeout=10.0), management, broker.vhost)
    finally:
        connection.close()
        io.stop()
