"""Windows of samples for tests of signals: one queue, told by what it does between two samples.

Not here: samples of real brokers (tests/recordings).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from warren.signals.samples import BrokerSample, ConsumerSample, Failure, QueueSample, Sample

__all__ = ["QUEUE", "consumer", "healthy", "queue", "window"]

QUEUE = "billing.invoices"
STEP = 5.0


def queue(name: str = QUEUE, **told: Any) -> QueueSample:
    """A consumer's queue with one consumer of prefetch 10, all of whose totals are known."""
    usual: dict[str, Any] = {
        "ready": 0,
        "unacked": 0,
        "consumers": 1,
        "prefetch": 10,
        "published": 0,
        "delivered": 0,
        "auto_acked": 0,
        "acked": 0,
        "redelivered": 0,
        "type": "quorum",
        "arguments": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{name}.dead"},
    }
    return QueueSample(name=name, **{**usual, **told})


def healthy(at: int) -> QueueSample:
    """What comes is settled: 100 a step."""
    return queue(ready=3, unacked=2, published=100 * at, delivered=100 * at, acked=100 * at)


def consumer(queue: str = QUEUE, name: str = "billing", **told: Any) -> ConsumerSample:
    return ConsumerSample(queue=queue, consumer=name, **told)


def window(
    *tracks: Callable[[int], QueueSample | None],
    steps: int = 121,
    step: float = STEP,
    consumers: Callable[[int], Sequence[ConsumerSample]] = lambda at: (),
    broker: Callable[[int], BrokerSample] = lambda at: BrokerSample(),
    dead: Callable[[int], Mapping[str, tuple[Failure, ...]]] = lambda at: {},
    heads: Mapping[str, tuple[Failure, ...]] | None = None,
    names: frozenset[str] | None = None,
) -> list[Sample]:
    """Samples of ten minutes, unless told otherwise; each track is a queue by the number of the sample."""
    return [
        Sample(
            at=1000.0 + at * step,
            time=1_700_000_000.0 + at * step,
            queues={one.name: one for track in tracks if (one := track(at)) is not None},
            consumers=tuple(consumers(at)),
            broker=broker(at),
            dead=dead(at),
            heads=heads or {},
            names=names,
        )
        for at in range(steps)
    ]
