"""`retry_storm`: more messages go to be retried than succeed.

Not here: a few messages that fail while the rest goes through (`poison.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from warren.signals.findings import Finding, FindingId, Severity, Thresholds
from warren.signals.rules.evidence import failure_lines, shortness_line
from warren.signals.window import QueueWindow
from warren.signals.words import command, count, span
from warren.signals.workers import failures_gained, outcomes_gained, succeeded

__all__ = ["find_retry_storm"]

_RETRIES = 10  # fewer are the retries of a message or two


class _Balance(NamedTuple):
    retried: float
    succeeded: float


def find_retry_storm(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    """Return it where retries outnumber successes in each part of the window. Critical where nothing succeeds."""
    covered = window.covering(thresholds.retry_storm_for, thresholds.patience)
    if covered is None:
        return None
    balance = _balance(covered)
    if balance is None or balance.retried < _RETRIES or balance.retried <= balance.succeeded:
        return None
    parts = [_balance(part) for part in covered.parts()]
    if not parts or not all(part and part.retried > part.succeeded for part in parts):
        return None
    failures = failures_gained(covered.consumers)
    return Finding(
        id=FindingId.RETRY_STORM,
        severity=Severity.WARNING if balance.succeeded else Severity.CRITICAL,
        queue=window.name,
        summary=f"more messages of {window.name} are sent to be retried than succeed",
        evidence=(
            f"{count(balance.retried, 'retry', 'retries')} in {span(covered.seconds)}",
            f"{count(balance.succeeded, 'success', 'successes')} meanwhile",
            *_tiers(covered),
            *failure_lines(failures),
            *shortness_line(covered, thresholds.retry_storm_for),
        ),
        next_step="find what all of them need and do not get (a service, a database, a login); what waits in the retry "
        "tiers comes back by itself",
        command=_command(covered),
        fingerprint=failures[0].fingerprint if failures else None,
    )


def _balance(window: QueueWindow) -> _Balance | None:
    """Count retries and successes: as workers do, else by what was published to the tiers.

    Whatever was retried or dead-lettered has been acknowledged too, as a copy of it is what goes on.
    """
    outcomes = outcomes_gained(window.consumers)
    if sum(outcomes.values()):
        return _Balance(outcomes.get("retry", 0.0), succeeded(outcomes))
    gained = [tier.gained("published") for tier in window.tiers]
    settled = window.queue.settled
    if not any(gained) or settled is None:
        return None
    retried = sum(one or 0 for one in gained)
    dead = window.dead.gained("published") or 0 if window.dead else 0
    return _Balance(retried, max(settled - retried - dead, 0))


def _tiers(window: QueueWindow) -> tuple[str, ...]:
    return tuple(
        f"{tier.last.name} went from {tier.first.depth:,} to {count(tier.last.depth, 'message')}"
        for tier in window.tiers
        if tier.samples and (tier.last.depth or tier.first.depth)
    )


def _command(window: QueueWindow) -> str:
    fullest = max((tier.last for tier in window.tiers if tier.samples), key=lambda one: one.depth, default=None)
    if fullest is None or not fullest.depth:
        return command("signals", "--queue", window.name, "--watch")
    return command("inspect", fullest.name, "--limit", "5")
