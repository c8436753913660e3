"""The five signals of one queue, computed over a window of samples.

Not here: how they are computed (`measure.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from warren.signals.samples import Failure

__all__ = ["Lag", "QueueSignals"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Consumer lag in seconds. `confidence` is `measured` (by workers), `estimated` (from rates) or `unknown`."""

    confidence: str
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    drain: float | None = None  # until the queue is empty at the present rates; infinite where it never will be
    wait: float | None = None  # what a message published now will wait


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSignals:
    """The signals of a queue. What cannot be known is None; rates are per second over the window.

    `dead` counts the messages of its dead-letter queue, `dead_growth` how many came in the window, `failures` says of
    what they died. `history` are the depths of the window, oldest first, for a sparkline.
    """

    queue: str
    type: str | None
    ready: int
    unacked: int | None
    depth: int
    history: tuple[int, ...]
    consumers: int | None
    utilisation: float | None  # unacked / prefetch
    oldest_in_flight: float | None  # seconds
    publish_rate: float | None
    deliver_rate: float | None
    ack_rate: float | None
    lag: Lag
    redelivery_rate: float | None  # a share, 0 to 1
    retrying: int | None  # messages in its retry tiers
    dead: int | None
    dead_growth: int | None
    dead_lettering: int | None
    failures: tuple[Failure, ...] = ()
