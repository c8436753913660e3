"""How many messages a queue holds, as the management API counts them.

Not here: rates and other signals (`signals/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

__all__ = ["QueueDepth", "read_depth"]


@final
@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Messages in a queue: `ready` wait for a consumer, `unacked` are with one, `dead_lettering` are on their way out.

    Only quorum queues hold messages that are dead-lettering: until the target has confirmed them. A retry tier that
    keeps some has a consumer's queue that is full or away.
    """

    ready: int
    unacked: int
    dead_lettering: int

    @property
    def total(self) -> int:
        return self.ready + self.unacked + self.dead_lettering


def read_depth(told: Mapping[str, Any]) -> QueueDepth:
    """Read a queue of the API; a queue too young for statistics counts as empty."""
    return QueueDepth(
        ready=int(told.get("messages_ready") or 0),
        unacked=int(told.get("messages_unacknowledged") or 0),
        dead_lettering=int(told.get("messages_dlx") or 0),
    )
