"""The cluster: which nodes there are, whether they run and see each other.

Not here: what each node has left (`alarms.py`), and where queues live (`replication.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from warren.doctor.facts import Facts
from warren.doctor.findings import Finding, FindingId, finding

__all__ = ["check_cluster"]


def check_cluster(facts: Facts) -> Iterator[Finding]:
    """Judge the nodes as a whole, and each."""
    if facts.live is None:
        return
    for node in facts.live.nodes or ():
        if node.is_running is False:
            yield finding(
                FindingId.NODE_DOWN,
                node.name,
                "this node of the cluster does not run",
                fix="start it; if it is gone for good: rabbitmqctl forget_cluster_node, and grow the queues elsewhere",
            )
    yield from _setups(facts)
    yield from _size(facts)


def _setups(facts: Facts) -> Iterator[Finding]:
    for node in (facts.live.setups or ()) if facts.live else ():
        if node.partitions:
            yield finding(
                FindingId.NETWORK_PARTITION,
                node.name,
                f"it is partitioned from {', '.join(node.partitions)}: both sides go on by themselves",
                fix="restart the nodes of the side that is to give way (RabbitMQ documentation, 'Network Partitions')",
            )
        if node.is_draining:
            yield finding(
                FindingId.NODE_DRAINING,
                node.name,
                "it is in maintenance mode: it takes no connections and leads no quorum queue",
                fix="end the maintenance: rabbitmq-upgrade revive",
            )
        if not node.keeps_on_disk:
            yield finding(
                FindingId.NODE_WITHOUT_DISK,
                node.name,
                "it keeps nothing on disk",
                fix="for an embedded broker name a folder (--data); a RabbitMQ node should be a disc node",
            )


def _size(facts: Facts) -> Iterator[Finding]:
    nodes = (facts.live.nodes or ()) if facts.live else ()
    names = [node.name for node in nodes]
    if len(nodes) == 1:
        yield finding(
            FindingId.SINGLE_NODE,
            names[0],
            "the broker is a single node: while it is down nothing is published or consumed",
            fix="in production run three nodes, so that quorum queues survive the loss of one",
        )
    elif len(nodes) == 2:
        yield finding(
            FindingId.TWO_NODE_CLUSTER,
            "cluster",
            "with two nodes a quorum queue needs both: it stops when either is down",
            evidence=names,
            fix="add a third node, and grow the queues onto it: rabbitmq-queues grow",
        )
