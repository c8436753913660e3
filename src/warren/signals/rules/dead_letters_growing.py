"""`dead_letters_growing`: messages arrive in a dead-letter queue.

Not here: dead letters that get nowhere (`dead_letters_lost.py`).
"""

from __future__ import annotations

from warren.signals.findings import Finding, FindingId, Severity, Thresholds
from warren.signals.rules.deaths import recent_deaths
from warren.signals.rules.evidence import failure_lines
from warren.signals.window import QueueWindow
from warren.signals.words import command, count, span

__all__ = ["find_dead_letters_growing"]


def find_dead_letters_growing(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    """Return it for any growth within the window. What has been there for long is no news."""
    del thresholds
    if window.dead is None or not window.dead.arrived:
        return None
    dead, arrived = window.dead.last, window.dead.arrived
    deaths = recent_deaths(window)
    return Finding(
        id=FindingId.DEAD_LETTERS_GROWING,
        severity=Severity.WARNING,
        queue=window.name,
        summary=f"{count(arrived, 'message')} of {window.name} "
        f"{'was' if arrived == 1 else 'were'} dead-lettered in {span(window.dead.seconds)}",
        evidence=(
            f"{arrived:,} more in {dead.name}, which holds {count(dead.depth, 'message')} now",
            *failure_lines(deaths),
        ),
        next_step="see what they died of; fix that, then send them back with `warren replay`",
        command=command("inspect", dead.name, "--group"),
        fingerprint=deaths[0].fingerprint if deaths else None,
    )
