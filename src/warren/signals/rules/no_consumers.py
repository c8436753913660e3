"""`no_consumers`: messages wait in a queue that nobody reads.

Not here: consumers that read and do not acknowledge (`stalled.py`).
"""

from __future__ import annotations

from warren.signals.findings import Finding, FindingId, Severity, Thresholds
from warren.signals.rules.evidence import depth_line, shortness_line
from warren.signals.settings import dead_letters_to, has_message_ttl
from warren.signals.window import QueueWindow
from warren.signals.words import command, count, span

__all__ = ["find_no_consumers"]


def find_no_consumers(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    """Return it where messages waited all the time and there was no consumer at any time.

    Nothing is wrong with queues that are made to be left alone: those that keep dead letters, and those whose messages
    expire into another queue; nor with one that is polled with `basic.get`.
    """
    covered = window.covering(thresholds.no_consumers_for, thresholds.patience)
    if covered is None or _is_left_alone(window):
        return None
    if not all(sample.consumers == 0 and sample.ready for sample in covered.queue.samples):
        return None
    if covered.queue.settled:
        return None
    published = covered.queue.gained("published")
    arrived = () if published is None else (f"{count(published, 'message')} published meanwhile",)
    return Finding(
        id=FindingId.NO_CONSUMERS,
        severity=Severity.CRITICAL,
        queue=window.name,
        summary=f"nobody reads {window.name}, which holds {count(covered.queue.last.ready, 'message')}",
        evidence=(
            f"0 consumers for {span(covered.seconds)}",
            depth_line(covered),
            *arrived,
            *shortness_line(covered, thresholds.no_consumers_for),
        ),
        next_step="start the consumer, or see why it is not connected: its log, its login, its virtual host, the name "
        "of its queue",
        command=command("signals", "--queue", window.name, "--watch"),
    )


def _is_left_alone(window: QueueWindow) -> bool:
    now = window.queue.last
    if window.is_dead_letter_target or now.name.endswith(".dead"):
        return True
    return has_message_ttl(now) and dead_letters_to(now) is not None
