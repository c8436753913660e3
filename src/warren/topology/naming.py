"""The names of the queues Warren keeps beside a consumer's queue.

Not here: what these queues are declared with (`consumer.py`).
"""

from __future__ import annotations

from warren.errors import ConfigurationError
from warren.topology.duration import format_duration, parse_duration

__all__ = ["dead_letter_queue", "is_kept_beside", "retry_delay", "retry_queue"]

_DEAD = ".dead"
_RETRY = ".retry."


def dead_letter_queue(queue: str) -> str:
    """Name the queue that keeps what a consumer could not process: `billing.invoices.dead`."""
    return queue + _DEAD


def retry_queue(queue: str, delay: float) -> str:
    """Name the retry tier that holds a message for `delay` seconds: `billing.invoices.retry.10s`."""
    return queue + _RETRY + format_duration(delay)


def retry_delay(queue: str, name: str) -> float | None:
    """Return the delay of a retry tier of `queue` in seconds, or None where `name` is no tier of it."""
    if not name.startswith(queue + _RETRY):
        return None
    try:
        return parse_duration(name.removeprefix(queue + _RETRY))
    except ConfigurationError:
        return None


def is_kept_beside(queue: str, name: str) -> bool:
    """Return whether `name` is a retry tier or the dead-letter queue of `queue`."""
    return name == dead_letter_queue(queue) or retry_delay(queue, name) is not None
