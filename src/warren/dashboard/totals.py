"""The signals of all queues together, as if they were one.

Not here: the signals of a queue (`signals/measure.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from warren.signals.results import Lag, QueueSignals

__all__ = ["TOTAL", "total_of"]

N = TypeVar("N", int, float)

TOTAL: Final = ""
"""What all queues together are called: no queue has that name."""


def total_of(queues: Iterable[QueueSignals]) -> QueueSignals:
    """Add up what can be added; what is known of no queue is not known of all, and what no sum tells is not known."""
    known = tuple(queues)

    def added(read: Callable[[QueueSignals], N | None]) -> N | None:
        told = [value for one in known if (value := read(one)) is not None]
        return sum(told) if told else None

    return QueueSignals(
        queue=TOTAL,
        type=None,
        ready=sum(one.ready for one in known),
        unacked=added(lambda one: one.unacked),
        depth=sum(one.depth for one in known),
        history=(),
        consumers=added(lambda one: one.consumers),
        utilisation=None,
        oldest_in_flight=max((one.oldest_in_flight for one in known if one.oldest_in_flight is not None), default=None),
        publish_rate=added(lambda one: one.publish_rate),
        deliver_rate=added(lambda one: one.deliver_rate),
        ack_rate=added(lambda one: one.ack_rate),
        lag=Lag(confidence="unknown"),
        redelivery_rate=None,
        retrying=added(lambda one: one.retrying),
        dead=added(lambda one: one.dead),
        dead_growth=added(lambda one: one.dead_growth),
        dead_lettering=added(lambda one: one.dead_lettering),
    )
