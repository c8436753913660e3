"""The brokers under test: started together, each on ports and data of its own.

Not here: what is played on them (running.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.differential.script import Place
from tests.services.places import RELEASES
from tests.support.embedded_node import EmbeddedNode
from warren.integrations.rabbitmq_node import RabbitmqNode

__all__ = ["OTHERS", "REFERENCE", "started"]

REFERENCE = "rabbitmq-4.0"
OTHERS = ("rabbitmq-3.10", "embedded")


@contextmanager
def started(names: Sequence[str], data_dir: Path) -> Iterator[list[Place]]:
    """Start brokers; kill them afterwards. Raises ServiceMissing or ConfigurationError where one is not installed."""
    nodes = [_node(name, data_dir / name) for name in names]
    with ThreadPoolExecutor(len(nodes)) as pool:
        try:
            list(pool.map(lambda node: node.start(), nodes))
            yield [Place(name, node.port, node.management_port) for name, node in zip(names, nodes, strict=True)]
        finally:
            list(pool.map(lambda node: node.kill(), nodes))


def _node(name: str, data_dir: Path) -> RabbitmqNode | EmbeddedNode:
    # The connections listed by the management API are as old as the statistics.
    if name == "embedded":
        return EmbeddedNode(data_dir, statistics_interval=0.5)
    return RabbitmqNode(data_dir, root=RELEASES[name.removeprefix("rabbitmq-")].root(), statistics_interval=0.5)
