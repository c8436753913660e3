"""Rates: how fast the counters of the model grow, from samples taken every few seconds.

Not here: counting, which the model does, and how the HTTP API shows it (`management/`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from warren.broker.model.channel import Channel
    from warren.broker.model.queue import Queue

__all__ = [
    "KEPT",
    "KEPT_OF_EACH",
    "Churn",
    "Counters",
    "Key",
    "Series",
    "Statistics",
    "channel_counters",
    "queue_counters",
]

Counters = Mapping[str, int]
Key = tuple[str, ...]

KEPT: Final = 121
"""Samples kept of totals: ten minutes at RabbitMQ's interval of five seconds."""

KEPT_OF_EACH: Final = 13
"""Samples kept of each queue, exchange, connection and channel, of which there may be many: one minute."""


def queue_counters(queue: Queue) -> Counters:
    """Return what left a queue, by RabbitMQ's names."""
    return {
        "ack": queue.acked,
        "deliver": queue.delivered,
        "deliver_no_ack": queue.delivered_no_ack,
        "get": queue.got,
        "get_no_ack": queue.got_no_ack,
        "deliver_get": queue.delivered + queue.delivered_no_ack + queue.got + queue.got_no_ack,
        "redeliver": queue.redelivered,
    }


def channel_counters(channel: Channel) -> Counters:
    """Return what a channel published, by RabbitMQ's names."""
    return {
        "publish": channel.published,
        "confirm": channel.confirmed,
        "return_unroutable": channel.returned,
        "drop_unroutable": channel.dropped,
    }


@dataclass(slots=True)
class Churn:
    """What came and went since the node started: RabbitMQ's churn rates."""

    connection_created: int = 0
    connection_closed: int = 0
    channel_created: int = 0
    channel_closed: int = 0
    queue_declared: int = 0
    queue_created: int = 0
    queue_deleted: int = 0

    def counters(self) -> dict[str, int]:
        return asdict(self)


class Series:
    """The latest samples of one thing's counters."""

    __slots__ = ("_samples",)

    def __init__(self, kept: int = KEPT) -> None:
        self._samples: deque[tuple[float, Counters]] = deque(maxlen=kept)

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, at: float, counters: Counters) -> None:
        """Take a sample. One that equals the last shares its memory."""
        if self._samples and self._samples[-1][1] == counters:
            counters = self._samples[-1][1]
        self._samples.append((at, counters))

    def rate(self, name: str) -> float:
        """Return how much a counter grew a second between the last two samples; negative where it shrank."""
        if len(self._samples) < 2:
            return 0.0
        (earlier, before), (later, after) = self._samples[-2], self._samples[-1]
        if later <= earlier:
            return 0.0
        return (after.get(name, 0) - before.get(name, 0)) / (later - earlier)

    def samples(self, name: str, *, since: float) -> list[tuple[float, int]]:
        """Return time and value of a counter, latest first."""
        return [(at, counters.get(name, 0)) for at, counters in reversed(self._samples) if at >= since]


_EACH: Final = frozenset({"queue", "exchange", "connection", "channel"})


class Statistics:
    """The series of all things, by a key such as `("queue", vhost, name)`. What is gone is forgotten."""

    def __init__(self, read: Callable[[], Iterable[tuple[Key, Counters]]]) -> None:
        self._read = read
        self._series: dict[Key, Series] = {}

    def sample(self, now: float) -> None:
        """Read all counters. Call it at a steady interval."""
        before, self._series = self._series, {}
        for key, counters in self._read():
            series = before.get(key) or Series(KEPT_OF_EACH if key[0] in _EACH else KEPT)
            series.add(now, counters)
            self._series[key] = series

    def of(self, key: Key) -> Series:
        """Return the series of one thing, an empty one where there is no sample yet."""
        return self._series.get(key) or Series(1)
