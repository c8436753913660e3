"""Which broker answers: enough to tell whether it is the one we are connected to, and how many are.

Not here: nodes and their health (`signals/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from warren.management.values import as_count

__all__ = ["OVERVIEW_COLUMNS", "Overview", "read_overview"]

OVERVIEW_COLUMNS: Final = (
    "rabbitmq_version,cluster_name,listeners.protocol,listeners.port,object_totals.connections,object_totals.channels"
)


@final
@dataclass(frozen=True, slots=True)
class Overview:
    """A broker's version and name, and how many connections and channels of it the user may see.

    `amqp_ports` is empty where the user may not see them (tag `monitoring`).
    """

    version: str
    cluster_name: str
    amqp_ports: frozenset[int] = frozenset()
    connections: int | None = None
    channels: int | None = None

    def may_be(self, cluster_name: str, amqp_port: int) -> bool:
        """Return whether this can be the broker that an AMQP connection has: its `cluster_name` property and its port.

        A management URL that was derived, not given, may be of another broker on the same machine.
        """
        return self.cluster_name == cluster_name and (not self.amqp_ports or amqp_port in self.amqp_ports)


def read_overview(told: Mapping[str, Any]) -> Overview:
    """Read the API's overview, asked for with `OVERVIEW_COLUMNS`."""
    listeners = told.get("listeners", [])
    ports = frozenset(int(one["port"]) for one in listeners if str(one["protocol"]).startswith("amqp"))
    totals = told.get("object_totals")
    counted = totals if isinstance(totals, Mapping) else {}
    return Overview(
        str(told["rabbitmq_version"]),
        str(told["cluster_name"]),
        ports,
        connections=as_count(counted.get("connections")),
        channels=as_count(counted.get("channels")),
    )
