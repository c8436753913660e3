"""How sure it is that nothing is wrong: only what is known entirely, and of now, is said to be fine.

Not here: what is wrong (`signals/diagnosis.py`).
"""

from __future__ import annotations

from warren.dashboard.watch import Snapshot
from warren.signals.words import count, span

__all__ = ["doubts", "is_without_management"]

_WHY = "why: "  # how a collector tells what the management API said


def doubts(snapshot: Snapshot) -> tuple[str, ...]:
    """Say why something may be wrong although nothing was found; nothing where all that there is was seen."""
    report = snapshot.report
    if report is None:
        return ("Nothing has been seen of the broker yet.",)
    told = []
    if snapshot.problem:
        told.append("The broker tells nothing newer: that is how it was before.")
    if not snapshot.is_full:
        told.append(f"Only {span(report.span)} have been seen so far.")
    if report.unknown:
        told.append(f"{count(len(report.unknown), 'thing')} could not be seen: the overview says which.")
    return tuple(told)


def is_without_management(snapshot: Snapshot) -> bool:
    """Whether the management API is away, without which most is not known."""
    report = snapshot.report
    return report is not None and any(line.startswith(_WHY) for line in report.unknown)
