"""What the management API knows of one queue that matters to whoever looks into it; nothing where there is no API.

Not here: what follows from it (`caution.py`).
"""

from __future__ import annotations

from warren.errors import BrokerRefused, BrokerUnavailable
from warren.management.client import ManagementClient
from warren.management.queues import QUEUE_STATISTICS_COLUMNS, QueueStatistics, read_queues
from warren.operations.caution import Caution, caution_of
from warren.provisioning import open_management
from warren.transport.connection import Connection

__all__ = ["find_caution"]


def find_caution(connection: Connection, queue: str, *, consumers: int = 0) -> Caution:
    """Ask the management API what a look into `queue` would do; say what is not known where it cannot be asked."""
    try:
        with open_management(connection) as management:
            statistics = _statistics(management, connection.settings.virtual_host, queue)
            version = _version(management)
    except (BrokerUnavailable, BrokerRefused) as error:
        return caution_of(queue, None, version=None, consumers=consumers, unknown=str(error))
    return caution_of(queue, statistics, version=version, consumers=consumers)


def _statistics(management: ManagementClient, virtual_host: str, queue: str) -> QueueStatistics:
    return management.ask(
        lambda told: read_queues([told])[0], "queues", virtual_host, queue, columns=QUEUE_STATISTICS_COLUMNS
    )


def _version(management: ManagementClient) -> str | None:
    try:
        return management.overview().version
    except BrokerRefused:
        return None
