"""What workers told of a queue over a window: their counters and histograms as differences.

Not here: the same of the broker (`window.py`), and fetching it (`collect.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from warren.signals.gains import gain
from warren.signals.samples import ConsumerSample, Failure

__all__ = [
    "Told",
    "failures_gained",
    "gained_by_workers",
    "histogram_gained",
    "outcomes_gained",
    "quantile",
    "succeeded",
    "usual_duration",
]

Told = Sequence[Sequence[ConsumerSample]]
"""The consumers of one queue, an entry a sample, oldest first."""

K = TypeVar("K")


def gained_by_workers(told: Told, total: Callable[[ConsumerSample], float]) -> float | None:
    """Return what a total grew by over all consumers; None where no consumer told twice."""
    tracks = _by_consumer(told)
    if not any(len(track) > 1 for track in tracks):
        return None
    return sum(gain(total(one) for one in track) for track in tracks)


def outcomes_gained(told: Told) -> dict[str, float]:
    """Return how many deliveries came to each outcome."""
    return _gains(told, lambda one: one.outcomes)


def histogram_gained(told: Told, of: Callable[[ConsumerSample], Mapping[float, float]]) -> dict[float, float]:
    """Return the cumulative buckets of what was observed in the window."""
    return _gains(told, of)


def failures_gained(told: Told) -> tuple[Failure, ...]:
    """Return which failures there were in the window, the most frequent first."""
    examples = {failure.fingerprint: failure for consumers in told for one in consumers for failure in one.failures}
    counts = _gains(told, _failure_counts)
    found = [replace(examples[fingerprint], count=int(count)) for fingerprint, count in counts.items() if count > 0]
    return tuple(sorted(found, key=lambda one: (-one.count, one.fingerprint)))


def succeeded(outcomes: Mapping[str, float]) -> float:
    """Return how many deliveries need no other: done now, or found to be done already."""
    return outcomes.get("ack", 0.0) + outcomes.get("duplicate", 0.0)


def usual_duration(workers: Iterable[ConsumerSample]) -> float | None:
    """Return how long a handler takes at most, but for one in a hundred; None where no worker tells."""
    buckets: dict[float, float] = {}
    for one in workers:
        for bound, count in one.duration.items():
            buckets[bound] = buckets.get(bound, 0.0) + count
    return quantile(buckets, 0.99)


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Return a quantile of cumulative buckets, as Prometheus does: straight within a bucket.

    Beyond the last finite bound it is that bound; None where nothing was observed.
    """
    bounds = sorted(buckets)
    total = max(buckets.values(), default=0.0)
    if total <= 0:
        return None
    lower, below = 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= share * total:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * ((share * total - below) / (count - below) if count > below else 1.0)
        lower, below = bound, count
    return lower


def _by_consumer(told: Told) -> Iterable[list[ConsumerSample]]:
    tracks: dict[str, list[ConsumerSample]] = {}
    for consumers in told:
        for one in consumers:
            tracks.setdefault(one.consumer, []).append(one)
    return tracks.values()


def _gains(told: Told, of: Callable[[ConsumerSample], Mapping[K, float]]) -> dict[K, float]:
    gains: dict[K, float] = {}
    for track in _by_consumer(told):
        for key in {key for one in track for key in of(one)}:
            gains[key] = gains.get(key, 0.0) + gain(of(one).get(key, 0.0) for one in track)
    return gains


def _failure_counts(sample: ConsumerSample) -> dict[str, float]:
    counts: dict[str, float] = {}
    for failure in sample.failures:
        counts[failure.fingerprint] = counts.get(failure.fingerprint, 0.0) + failure.count
    return counts
