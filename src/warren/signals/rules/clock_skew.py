"""`clock_skew`: the clocks of publishers and workers differ, so that no lag or age can be believed.

Not here: lag itself (`measure.py`).
"""

from __future__ import annotations

from warren.signals.findings import Finding, FindingId, Severity, Thresholds
from warren.signals.window import QueueWindow
from warren.signals.words import command, span

__all__ = ["find_clock_skew"]


def find_clock_skew(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    """Return it where messages come from the future."""
    skews = [(one.clock_skew, one.consumer) for one in window.workers if one.clock_skew is not None]
    skew, consumer = max(skews, default=(0.0, ""))
    if not skew > thresholds.clock_skew:
        return None
    return Finding(
        id=FindingId.CLOCK_SKEW,
        severity=Severity.WARNING,
        queue=window.name,
        summary=f"messages of {window.name} were published {span(skew)} in the future, by the clock of their worker",
        evidence=(
            f"consumer {consumer} saw a message from {span(skew)} ahead of its clock",
            f"{span(thresholds.clock_skew)} are let pass",
        ),
        next_step="see whether NTP runs on the machines of publishers and workers; until it does, lag and ages are "
        "wrong by as much",
        command=command("signals", "--queue", window.name),
    )
