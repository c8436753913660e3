"""The topology of an application on its broker: read, compare, create or verify.

Not here: the comparison (`topology/plan.py`), the HTTP API (`management/`), the AMQP calls (`transport/declare.py`).

Two ways, depending on what the broker lets us see. With the management API every difference is known and named.
Without it AMQP tells what is missing and of each conflict one difference. Either way nothing is changed where anything
conflicts.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from warren.errors import BrokerRefused, BrokerUnavailable
from warren.management.client import ManagementClient
from warren.management.settings import ManagementSettings
from warren.observability.events import TopologyApplied
from warren.topology import Topology
from warren.topology.actual import Actual
from warren.topology.apply import apply as apply_plan
from warren.topology.apply import verify
from warren.topology.plan import Plan
from warren.topology.plan import plan as compare
from warren.topology.survey import survey
from warren.transport.connection import Connection
from warren.transport.declare import ChannelDeclarer

__all__ = ["make_plan", "open_management", "provision"]

STANDARD_PORTS: Final = (5672, 5671)
CONNECT_TIMEOUT: Final = 30.0  # seconds
MANAGEMENT_TIMEOUT: Final = 10.0

_log = logging.getLogger("warren.topology")


def make_plan(connection: Connection, topology: Topology) -> Plan:
    """Compare with the broker; changes nothing.

    Raises `BrokerUnavailable` or `BrokerRefused` without the management API.
    """
    return compare(topology, _read(connection))


def provision(connection: Connection, topology: Topology, *, apply: bool) -> tuple[str, ...]:
    """Create what is missing, or with `apply=False` only make sure that nothing is; return what was created.

    Raises `TopologyConflict` with the whole difference, `TopologyMissing`, `BrokerUnavailable`.
    """
    declarer = ChannelDeclarer(connection)
    try:
        plan = make_plan(connection, topology)
    except (BrokerUnavailable, BrokerRefused) as error:
        _log.info("the management API is not there, so AMQP alone has to do: %s", error)
        plan = survey(topology, declarer)
    if not apply:
        verify(plan)
        return ()
    created = apply_plan(plan, declarer)
    if created:
        connection.bus.emit(TopologyApplied(created))
    return created


def _read(connection: Connection) -> Actual:
    with open_management(connection) as management:
        return management.read_topology(connection.settings.virtual_host)


def open_management(connection: Connection, *, timeout: float = MANAGEMENT_TIMEOUT) -> ManagementClient:
    """Return a client of the management API of the broker that a connection has; close it.

    Raises `BrokerUnavailable` where nothing says where that API is, where it does not answer, or where it is another
    broker's: then its URL has to be given.
    """
    settings = connection.settings
    is_derived = settings.management is None
    if is_derived and any(host.port not in STANDARD_PORTS for host in settings.hosts):
        raise BrokerUnavailable(
            "the broker is on a port of its own, so its management API could be anywhere; "
            "add ?management=http://host:15672 to the broker URL"
        )
    management = ManagementClient(replace(ManagementSettings.of(settings), timeout=timeout))
    try:
        if is_derived and not management.overview().may_be(*_identity(connection)):
            raise BrokerUnavailable(
                "another broker answers on the standard port of the management API; "
                "add ?management=http://host:port to the broker URL"
            )
    except BaseException:
        management.close()
        raise
    return management


def _identity(connection: Connection) -> tuple[str, int]:
    """Tell the cluster name and port of the broker the connection has."""
    connection.wait_open(CONNECT_TIMEOUT)
    stream = connection.stream
    if stream is None:
        raise BrokerUnavailable(f"the connection to {connection.settings.redacted} was lost just now")
    return str(stream.server_properties.get("cluster_name", "")), int(stream.params.port)
