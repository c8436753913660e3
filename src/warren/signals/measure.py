"""Computes the five signals of every consumer's queue over a window of samples.

Not here: what is wrong with them (`diagnosis.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from warren.signals.results import Lag, QueueSignals
from warren.signals.samples import Failure, Sample
from warren.signals.window import QueueWindow, Track, windows
from warren.signals.workers import failures_gained, histogram_gained, outcomes_gained, quantile

__all__ = ["measure", "measure_queue", "redelivery_share"]


def measure(samples: Sequence[Sample]) -> tuple[QueueSignals, ...]:
    """Return the signals of every queue of the last sample, by name.

    Retry tiers and dead-letter queues belong to their consumer's queue and have no entry of their own.
    """
    return tuple(map(measure_queue, windows(samples)))


def measure_queue(window: QueueWindow) -> QueueSignals:
    """Return the signals of one queue."""
    queue, now = window.queue, window.queue.last
    return QueueSignals(
        queue=now.name,
        type=now.type,
        ready=now.ready,
        unacked=now.unacked,
        depth=now.depth,
        history=queue.depths,
        consumers=now.consumers,
        utilisation=_utilisation(window),
        oldest_in_flight=max((one.oldest_in_flight for one in window.workers), default=None),
        publish_rate=queue.per_second(queue.gained("published")),
        deliver_rate=queue.per_second(queue.gained("delivered")),
        ack_rate=queue.per_second(queue.settled),
        lag=_lag(window),
        redelivery_rate=redelivery_share(window),
        retrying=sum(tier.last.depth for tier in window.tiers) if window.tiers else None,
        dead=window.dead.last.depth if window.dead else None,
        dead_growth=window.dead.arrived if window.dead and len(window.dead.samples) > 1 else None,
        dead_lettering=now.dead_lettering,
        failures=_failures(window),
    )


def redelivery_share(window: QueueWindow) -> float | None:
    """Return which share of the window's deliveries were not the first of their message."""
    again: float | None = window.redelivered
    delivered: float | None = window.queue.gained("delivered")
    if delivered is None:
        delivered = sum(outcomes_gained(window.consumers).values())
    if again is None:
        return None
    return min(again / delivered, 1.0) if delivered else 0.0


def _utilisation(window: QueueWindow) -> float | None:
    now = window.queue.last
    if now.unacked is None or not now.prefetch or now.is_unlimited:
        return None
    return now.unacked / now.prefetch


def _lag(window: QueueWindow) -> Lag:
    """Return what workers measured of late, and what the rates let expect."""
    buckets = histogram_gained(window.consumers, lambda one: one.lag)
    p50, p95, p99 = (quantile(buckets, share) for share in (0.50, 0.95, 0.99))
    drain, wait = _drain(window.queue), _wait(window.queue)
    estimated = "unknown" if drain is None and wait is None else "estimated"
    confidence = estimated if p50 is None else "measured"
    return Lag(confidence=confidence, p50=p50, p95=p95, p99=p99, drain=drain, wait=wait)


def _drain(queue: Track) -> float | None:
    settled, published = queue.per_second(queue.settled), queue.per_second(queue.gained("published"))
    if queue.last.ready == 0:
        return 0.0
    if settled is None or published is None:
        return None
    # What comes back from retry tiers is in no total, but in the depth.
    came = max(published, settled + (queue.per_second(queue.growth) or 0.0))
    return queue.last.ready / (settled - came) if settled > came else math.inf


def _wait(queue: Track) -> float | None:
    delivered = queue.per_second(queue.gained("delivered"))
    if queue.last.ready == 0:
        return 0.0
    if delivered is None:
        return None
    return queue.last.ready / delivered if delivered else math.inf


def _failures(window: QueueWindow) -> tuple[Failure, ...]:
    """Of what messages died; where nobody looked, of what they failed."""
    return window.deaths or failures_gained(window.consumers)
