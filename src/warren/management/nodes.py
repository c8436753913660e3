"""What the management API tells of the nodes of a cluster: which run, and which are short of memory or disk.

Not here: which broker it is (`overview.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from warren.management.values import as_count, as_flag

__all__ = ["NODE_COLUMNS", "Node", "read_nodes"]

NODE_COLUMNS: Final = (
    "name,running,uptime,partitions,mem_alarm,mem_used,mem_limit,disk_free_alarm,disk_free,disk_free_limit,"
    "fd_used,fd_total"
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node. None is what it does not tell: all but its name while it starts. Sizes are in bytes.

    `uptime` is in seconds; `partitions` are the nodes it has lost sight of, which may go on without it.
    """

    name: str
    is_running: bool | None = None
    uptime: float | None = None
    partitions: tuple[str, ...] = ()
    memory_alarm: bool | None = None
    memory_used: int | None = None
    memory_limit: int | None = None
    disk_alarm: bool | None = None
    disk_free: int | None = None
    disk_limit: int | None = None
    files_used: int | None = None
    files_limit: int | None = None

    @property
    def alarms(self) -> tuple[str, ...]:
        """`memory` and `disk`, of those that are raised."""
        return tuple(name for name, raised in (("memory", self.memory_alarm), ("disk", self.disk_alarm)) if raised)


def read_nodes(told: Iterable[Mapping[str, Any]]) -> tuple[Node, ...]:
    """Read a list of nodes, asked for with `NODE_COLUMNS` or without."""
    return tuple(map(_node, told))


def _node(told: Mapping[str, Any]) -> Node:
    uptime_ms, partitions = as_count(told.get("uptime")), told.get("partitions")
    return Node(
        name=str(told["name"]),
        is_running=as_flag(told.get("running")),
        uptime=None if uptime_ms is None else uptime_ms / 1000,
        partitions=tuple(map(str, partitions)) if isinstance(partitions, list) else (),
        memory_alarm=as_flag(told.get("mem_alarm")),
        memory_used=as_count(told.get("mem_used")),
        memory_limit=as_count(told.get("mem_limit")),
        disk_alarm=as_flag(told.get("disk_free_alarm")),
        disk_free=as_count(told.get("disk_free")),
        disk_limit=as_count(told.get("disk_free_limit")),
        files_used=as_count(told.get("fd_used")),
        files_limit=as_count(told.get("fd_total")),
    )
