"""What every page is given: the application, what is seen of the broker, and what may be changed.

Not here: the pages (`pages/`), and the frame around them (`shell.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from warren.app import Warren
from warren.config import BrokerSettings
from warren.dashboard.changes.changes import Changes
from warren.dashboard.changes.trail import Trail
from warren.dashboard.letters.dead_letters import DeadLetters
from warren.dashboard.reads import Reads
from warren.dashboard.settings import DashboardSettings
from warren.dashboard.turns import Turns
from warren.dashboard.watch import Watch
from warren.topology.naming import is_kept_beside

__all__ = ["Board", "own_queues", "shows"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The parts of one dashboard. `app` is None where only a broker is known, `changes` where pages can only look."""

    settings: DashboardSettings
    broker: BrokerSettings
    app: Warren | None
    watch: Watch
    reads: Reads
    turns: Turns
    letters: DeadLetters
    trail: Trail
    changes: Changes | None

    def shows(self, queue: str) -> bool:
        """Whether pages look into a queue: no others than are watched, and what is kept beside those."""
        return shows(own_queues(self.app, self.settings), queue)


def own_queues(app: Warren | None, settings: DashboardSettings) -> tuple[str, ...]:
    """Return the queues to watch and to look into, with what is kept beside them; none stands for all."""
    if app is None or settings.all_queues or settings.queues:
        return settings.queues
    return tuple(spec.queue.name for spec in app.consumers)


def shows(own: Iterable[str], queue: str) -> bool:
    """Whether a queue is one of `own`, or kept beside one; none stands for all."""
    names = tuple(own)
    return not names or any(queue == name or is_kept_beside(name, queue) for name in names)
