"""What the signals say is wrong: findings with severity, evidence and a next step.

Not here: how they are found (`diagnosis.py`), and how they are shown (`cli/`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, final

__all__ = ["DEFAULT_THRESHOLDS", "Finding", "FindingId", "Severity", "Thresholds"]


class Severity(enum.StrEnum):
    """How bad it is. Compare with `.rank`; the worst is highest."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class FindingId(enum.StrEnum):
    """The names of all findings, as in metrics, alerts and the documentation."""

    POISON = "poison"
    STALLED = "stalled"
    NO_CONSUMERS = "no_consumers"
    FALLING_BEHIND = "falling_behind"
    RETRY_STORM = "retry_storm"
    DEAD_LETTERS_GROWING = "dead_letters_growing"
    DEAD_LETTERS_LOST = "dead_letters_lost"
    BLOCKED = "blocked"
    TIMEOUT_RISK = "timeout_risk"
    CLOCK_SKEW = "clock_skew"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something is wrong with a queue, or with the broker where `queue` is None.

    `summary` is one line in plain words. `evidence` are the figures it rests on, each a line. `next_step` says what to
    do, and `command` is the command to begin with, ready to be pasted; `fingerprint` names the failure, if any.
    """

    id: FindingId
    severity: Severity
    queue: str | None
    summary: str
    evidence: tuple[str, ...]
    next_step: str
    command: str | None = None
    fingerprint: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When a finding is one. Times are in seconds, rates are shares of all deliveries.

    A finding needs its time to be covered by the window; where `patience` is shorter than that time the whole of a
    window of at least `patience` seconds is enough, which is how a command that runs once finds anything.
    """

    redelivery_warning: float = 0.01
    redelivery_warning_for: float = 600.0
    redelivery_critical: float = 0.10
    redelivery_critical_for: float = 300.0
    depth_rising_for: float = 600.0
    stalled_share: float = 0.9
    stalled_for: float = 300.0
    no_consumers_for: float = 60.0
    retry_storm_for: float = 300.0
    stuck_for: float = 300.0  # dead letters on their way out
    drain_objective: float = 900.0
    timeout_share: float = 0.5
    consumer_timeout: float = 1800.0  # where the broker does not tell
    clock_skew: float = 5.0
    patience: float = 600.0


DEFAULT_THRESHOLDS: Final = Thresholds()
