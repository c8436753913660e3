"""`timeout_risk`: a delivery nears consumer_timeout, at which the broker closes its channel and gives all back.

Not here: consumers that acknowledge nothing at all (`stalled.py`).
"""

from __future__ import annotations

from warren.signals.findings import Finding, FindingId, Severity, Thresholds
from warren.signals.settings import consumer_timeout
from warren.signals.window import QueueWindow
from warren.signals.words import command, percent, span

__all__ = ["find_timeout_risk"]


def find_timeout_risk(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    """Return it where the oldest delivery in flight has used up its share of the time."""
    oldest, source = _oldest(window)
    timeout = consumer_timeout(window.queue.last) or window.broker_timeout or thresholds.consumer_timeout
    if oldest <= thresholds.timeout_share * timeout:
        return None
    return Finding(
        id=FindingId.TIMEOUT_RISK,
        severity=Severity.WARNING,
        queue=window.name,
        summary=f"a message of {window.name} has been with its consumer for {span(oldest)}; the broker takes it back "
        f"at {span(timeout)}",
        evidence=(f"in flight for {span(oldest)}, {source}", f"{percent(oldest / timeout)} of consumer_timeout"),
        next_step="see what its handler waits for; a handler that may take this long needs a time limit below "
        "consumer_timeout, or smaller messages to work on",
        command=command("signals", "--queue", window.name, "--watch"),
    )


def _oldest(window: QueueWindow) -> tuple[float, str]:
    told = max((one.oldest_in_flight for one in window.workers), default=0.0)
    held = _held_throughout(window)
    return (told, "as its worker says") if told >= held else (held, "as nothing was settled or delivered since")


def _held_throughout(window: QueueWindow) -> float:
    """Return for how long the same messages are unacked for certain: nothing was delivered or settled all the time."""
    queue = window.queue
    if queue.settled != 0 or queue.gained("delivered") != 0 or queue.gained("redelivered") != 0:
        return 0.0
    return window.seconds if all(sample.unacked for sample in queue.samples) else 0.0
