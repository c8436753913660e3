"""When what is killed: random moments, counted in progress instead of time, so that a slow machine gets the same run.

Not here: what is being killed (`workers.py`, `warren/integrations/rabbitmq_node.py`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

__all__ = ["Crash", "Victim", "planned_crashes"]


class Victim(Enum):
    """What a crash hits."""

    NODE = "node"
    WORKER = "worker"
    DATABASE = "database"  # its connections, all at once


@dataclass(frozen=True, slots=True)
class Crash:
    """A kill at a share of the whole progress, from 0 to 1."""

    at: float
    victim: Victim


def planned_crashes(counts: Mapping[Victim, int], rng: random.Random) -> Sequence[Crash]:
    """Return kills in order, each kind spread over the run: one at random in each of as many equal parts of it.

    The last part of the run stays quiet, so that what was killed has something left to recover for.
    """
    return sorted(
        (Crash(_within(number, count, rng), victim) for victim, count in counts.items() for number in range(count)),
        key=lambda crash: crash.at,
    )


def _within(number: int, parts: int, rng: random.Random) -> float:
    return 0.05 + 0.85 * rng.uniform(number, number + 1) / parts
