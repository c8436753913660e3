"""What a broker shows of its queues at one moment, through one of its doors.

Not here: the doors (`through_management.py`, `through_amqp.py`).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import final

from warren.errors import TopologyMissing
from warren.management.consumers import QueueConsumer
from warren.signals.samples import BrokerSample, QueueSample
from warren.topology.naming import is_kept_beside

__all__ = ["Seen", "is_beside_any", "missing"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Queues by name, the broker, and in words what could not be seen.

    `names` are all queues there are and `subscribed` all consumers, None where nothing lists them.
    """

    queues: Mapping[str, QueueSample]
    names: frozenset[str] | None
    broker: BrokerSample
    subscribed: tuple[QueueConsumer, ...] | None = None
    unknown: tuple[str, ...] = ()

    def only(self, wanted: Collection[str], *, may_be_missing: bool = False) -> Seen:
        """Return what concerns the wanted queues.

        Raises `TopologyMissing` where one is not there, or tells of it in `unknown` if it may be.
        """
        if not wanted:
            return self
        absent = [missing(name, self.names) for name in wanted if self.names is not None and name not in self.names]
        if absent and not may_be_missing:
            raise absent[0]
        kept = {name: sample for name, sample in self.queues.items() if name in wanted or is_beside_any(wanted, name)}
        return replace(self, queues=kept, unknown=(*self.unknown, *map(str, absent)))


def is_beside_any(queues: Iterable[str], name: str) -> bool:
    """Return whether a queue is kept beside one of `queues`: a retry tier, or the dead-letter queue."""
    return any(is_kept_beside(queue, name) for queue in queues)


def missing(name: str, known: Collection[str] = ()) -> TopologyMissing:
    """Say that there is no such queue, and which one may be meant."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "check the name and the virtual host of the broker URL"
    return TopologyMissing(f"there is no queue {name!r} on the broker; {hint}")
