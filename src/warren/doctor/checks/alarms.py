"""Memory, disk and file handles of the nodes: alarms, and what is close to one.

Not here: whether nodes run at all (`cluster.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from warren.doctor.facts import Facts
from warren.doctor.findings import Finding, FindingId, finding
from warren.management.nodes import Node

__all__ = ["check_alarms"]

_CLOSE: Final = 0.85  # of a limit
_ENOUGH_DISK: Final = 2_000_000_000  # bytes; a limit of so much is fine whatever the memory
_BLOCKS: Final = "publishers are blocked on the whole cluster until it ends"


def check_alarms(facts: Facts) -> Iterator[Finding]:
    """Judge what the nodes have left."""
    if facts.live is None:
        return
    if facts.live.alarm is not None:
        yield finding(
            FindingId.ALARM_IN_EFFECT,
            "cluster",
            f"a memory or disk alarm is in effect: {_BLOCKS}",
            evidence=[facts.live.alarm],
            fix="find the node with `rabbitmq-diagnostics alarms`, then free memory (drain queues) or disk there",
        )
    for node in facts.live.nodes or ():
        yield from _memory(node)
        yield from _disk(node)
        yield from _files(node)


def _memory(node: Node) -> Iterator[Finding]:
    figures = [f"{_size(node.memory_used)} used of {_size(node.memory_limit)}"]
    if node.memory_alarm:
        yield finding(
            FindingId.MEMORY_ALARM,
            node.name,
            f"the memory alarm is raised: {_BLOCKS}",
            evidence=figures,
            fix="let consumers drain the longest queues, or give the node more memory: `warren signals` names them",
        )
    elif _is_close(node.memory_used, node.memory_limit):
        yield finding(
            FindingId.MEMORY_SHORT,
            node.name,
            "its memory is close to the alarm",
            evidence=figures,
            fix="let consumers drain the longest queues, or raise vm_memory_high_watermark or the machine's memory",
        )


def _disk(node: Node) -> Iterator[Finding]:
    free, limit = node.disk_free, node.disk_limit
    figures = [f"{_size(free)} free, the alarm comes below {_size(limit)}"]
    if node.disk_alarm:
        yield finding(
            FindingId.DISK_ALARM,
            node.name,
            f"the disk alarm is raised: {_BLOCKS}",
            evidence=figures,
            fix="free disk space on the node, or drain queues",
        )
    elif free is not None and limit and free < 2 * limit:
        yield finding(
            FindingId.DISK_SHORT,
            node.name,
            "its disk is close to the alarm",
            evidence=figures,
            fix="free disk space on the node before publishers are blocked",
        )
    elif limit is not None and limit < min(_ENOUGH_DISK, node.memory_limit or _ENOUGH_DISK):
        yield finding(
            FindingId.DISK_LIMIT_LOW,
            node.name,
            "the disk alarm comes late: the node may fill its disk with what is in its memory, and stop",
            evidence=figures,
            fix="set disk_free_limit.relative = 1.0 or more (or an absolute limit) in rabbitmq.conf",
        )


def _files(node: Node) -> Iterator[Finding]:
    if _is_close(node.files_used, node.files_limit):
        yield finding(
            FindingId.FILES_SHORT,
            node.name,
            "it is running out of file handles: connections will be refused and queues fail",
            evidence=[f"{node.files_used} used of {node.files_limit}"],
            fix="raise the node's open files limit (LimitNOFILE, ulimit -n), or close idle connections",
        )


def _is_close(used: int | None, limit: int | None) -> bool:
    return used is not None and bool(limit) and used >= _CLOSE * (limit or 0)


def _size(count: int | None) -> str:
    return "an unknown amount" if count is None else f"{count / 1e6:,.0f} MB"
