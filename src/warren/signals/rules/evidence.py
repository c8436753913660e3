"""Lines of evidence that several rules give.

Not here: the rules.
"""

from __future__ import annotations

from warren.signals.samples import Failure
from warren.signals.window import QueueWindow
from warren.signals.words import count, span

__all__ = ["depth_line", "failure_lines", "shortness_line"]

_MOST_FAILURES = 3


def depth_line(window: QueueWindow) -> str:
    """Say what the depth does."""
    depths = window.queue.depths
    low, high = min(depths), max(depths)
    if low == high:
        return f"the depth stays at {count(low, 'message')}"
    if depths[0] == depths[-1]:
        return f"the depth stays between {low:,} and {count(high, 'message')}"
    return f"the depth went from {depths[0]:,} to {count(depths[-1], 'message')}"


def failure_lines(failures: tuple[Failure, ...]) -> tuple[str, ...]:
    """Name the most frequent failures, each with an example."""
    return tuple(map(_failure_line, failures[:_MOST_FAILURES]))


def _failure_line(failure: Failure) -> str:
    example = f", such as message {failure.message_id}" if failure.message_id else ""
    of_type = f" of type {failure.message_type}" if failure.message_type else ""
    return f"{failure.count:,} × {failure.fingerprint}{of_type}{example}"


def shortness_line(window: QueueWindow, seconds: float) -> tuple[str, ...]:
    """Say where less was seen than an alert would wait for."""
    if window.seconds >= seconds:
        return ()
    return (f"seen for {span(window.seconds)} only; an alert waits for {span(seconds)}",)
