"""`blocked`: the broker is short of memory or disk, and takes no messages from publishers.

Not here: anything about a queue.
"""

from __future__ import annotations

from collections.abc import Sequence

from warren.signals.findings import Finding, FindingId, Severity, Thresholds
from warren.signals.samples import Sample
from warren.signals.words import command, span

__all__ = ["find_blocked"]


def find_blocked(samples: Sequence[Sample], thresholds: Thresholds) -> Finding | None:
    """Return it while an alarm is raised."""
    del thresholds
    now = samples[-1]
    if not now.broker.alarms:
        return None
    alarms = " and ".join(now.broker.alarms)
    return Finding(
        id=FindingId.BLOCKED,
        severity=Severity.CRITICAL,
        queue=None,
        summary=f"the broker blocks all publishers: it is short of {alarms}",
        evidence=tuple(f"the {alarm} alarm is raised{_since(samples, alarm)}" for alarm in now.broker.alarms),
        next_step="give the broker memory or disk, or drain the deepest queues; publishers go on by themselves after "
        "that",
        command=command("top"),
    )


def _since(samples: Sequence[Sample], alarm: str) -> str:
    raised = [one.at for one in samples if alarm in one.broker.alarms]
    lasting = samples[-1].at - raised[0]
    return f", first seen {span(lasting)} ago" if lasting > 0 else ""
