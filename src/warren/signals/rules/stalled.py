"""`stalled`: consumers hold all they may hold, and acknowledge none of it.

Not here: a queue nobody reads (`no_consumers.py`), and messages that are given back (`poison.py`).
"""

from __future__ import annotations

from warren.signals.findings import Finding, FindingId, Severity, Thresholds
from warren.signals.rules.evidence import shortness_line
from warren.signals.samples import QueueSample
from warren.signals.window import QueueWindow
from warren.signals.words import command, count, percent, span
from warren.signals.workers import usual_duration

__all__ = ["find_stalled"]


def find_stalled(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    """Return it where no message is settled though consumers are full. Critical where others wait behind."""
    covered = window.covering(thresholds.stalled_for, thresholds.patience)
    if covered is None or covered.queue.settled != 0 or _is_given_back(covered) or _is_as_usual(covered):
        return None
    if not all(_is_full(sample, thresholds.stalled_share) for sample in covered.queue.samples):
        return None
    now = covered.queue.last
    return Finding(
        id=FindingId.STALLED,
        severity=Severity.CRITICAL if now.ready else Severity.WARNING,
        queue=window.name,
        summary=f"the consumers of {window.name} hold {count(now.unacked or 0, 'message')} and acknowledge none",
        evidence=(
            f"0 acknowledged in {span(covered.seconds)}",
            _held(now),
            f"{count(now.ready, 'message')} waiting",
            *_oldest(covered),
            *shortness_line(covered, thresholds.stalled_for),
        ),
        next_step="see what the handlers wait for (a database, a lock, a service that does not answer); a worker that "
        "is restarted loses nothing, the broker gives its messages to others",
        command=command("signals", "--queue", window.name, "--watch"),
    )


def _is_given_back(window: QueueWindow) -> bool:
    """Return whether messages come back more often than losing every consumer once would explain."""
    return (window.queue.gained("redelivered") or 0) > max(one.unacked or 0 for one in window.queue.samples)


def _is_as_usual(window: QueueWindow) -> bool:
    """Return whether workers tell that their handlers often take as long as they have taken now."""
    usual = usual_duration(window.workers)
    return usual is not None and 0 < max(one.oldest_in_flight for one in window.workers) <= usual


def _is_full(sample: QueueSample, share: float) -> bool:
    """Return whether consumers hold what they may. Without a limit, whatever they hold may be all they will take."""
    if not sample.unacked or sample.consumers == 0:
        return False
    if sample.is_unlimited:
        return True
    return bool(sample.prefetch) and sample.unacked >= share * (sample.prefetch or 0)


def _held(now: QueueSample) -> str:
    held = count(now.unacked or 0, "message")
    by = "" if now.consumers is None else f" by {count(now.consumers, 'consumer')}"
    if now.is_unlimited or not now.prefetch:
        return f"{held} held{by}, whose prefetch has no limit"
    return f"{held} held{by}, {percent((now.unacked or 0) / now.prefetch)} of their prefetch"


def _oldest(window: QueueWindow) -> tuple[str, ...]:
    oldest = max((one.oldest_in_flight for one in window.workers), default=0.0)
    return (f"the oldest has been in its handler for {span(oldest)}",) if oldest else ()
