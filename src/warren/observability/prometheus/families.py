"""The metrics of workers and publishers: their names, labels, buckets, and what they mean.

Not here: what is written into them (`metrics.py`).

In a worker under `warren run` each process writes its own values, and the supervisor adds them up. A gauge says with
its mode how that is done, and ends with its process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric

__all__ = ["Families", "families_of"]

DURATIONS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1_800)
LAGS: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 900, 3_600, 14_400, 86_400)
CONFIRMS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Families:
    """All metrics, in one registry. Before each scrape of it, what is in `before_scrape` is called."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.before_scrape: list[Callable[[], None]] = []
        registry.register(_BeforeScrape(self.before_scrape))  # first, since a registry asks in this order

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"warren_{name}", meaning, labels, registry=registry)

        def histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"warren_{name}", meaning, labels, registry=registry, buckets=buckets)

        def total(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"warren_{name}", meaning, labels, registry=registry, multiprocess_mode="livesum")

        def highest(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"warren_{name}", meaning, labels, registry=registry, multiprocess_mode="livemax")

        where = ("queue", "consumer")
        self.deliveries = counter(
            "deliveries", "Messages the broker delivered to a consumer.", *where, "message_type", "redelivered"
        )
        self.settled = counter(
            "settled", "Deliveries acknowledged, by what became of them.", *where, "message_type", "outcome"
        )
        self.handler_duration = histogram(
            "handler_duration_seconds", "How long handlers ran, failed ones too.", DURATIONS, *where, "message_type"
        )
        self.consumer_lag = histogram(
            "consumer_lag_seconds",
            "Start of the handler minus time of publishing minus intended delay.",
            LAGS,
            *where,
        )
        self.failures = counter(
            "failures", "Failed attempts, by fingerprint and classification.", *where, "fingerprint", "classification"
        )
        self.dead_letters = counter("dead_letters", "Messages dead-lettered by the consumer.", *where, "reason")
        self.in_flight = total("in_flight", "Deliveries in the worker that are not settled.", *where)
        self.oldest_in_flight = highest("oldest_in_flight_seconds", "Age of the oldest delivery in flight.", *where)
        self.prefetch = total("prefetch", "How many deliveries the consumer may hold, over all processes.", *where)
        self.subscribed = total("subscribed", "How many processes are subscribed.", *where)
        self.clock_skew = highest(
            "clock_skew_seconds", "How far a message's time of publishing was ahead of the worker's clock.", *where
        )
        self.time_limit_exceeded = counter("time_limit_exceeded", "Handlers that ran too long.", *where)
        self.settle_delayed = counter(
            "settle_delayed", "Copies not confirmed; their originals stay unacknowledged meanwhile.", *where
        )
        self.acks_dropped = counter("acks_dropped", "Acknowledgements whose channel was gone.", *where)
        self.published = counter(
            "published", "Messages published, retries and dead letters too.", "exchange", "message_type", "outcome"
        )
        self.publish_duration = histogram(
            "publish_duration_seconds", "Time until the broker's confirm.", CONFIRMS, "exchange", "message_type"
        )
        self.connected = total("connected", "How many connections of this name are open.", "connection")
        self.blocked = total("blocked", "How many connections of this name the broker blocks.", "connection")
        self.reconnects = counter("reconnects", "Tries to connect again.", "connection")
        self.worker_info = highest("worker_info", "What runs; always 1.", "version", "code_version", "application")


class _BeforeScrape:
    """A collector without metrics of its own: a registry asks it like all others."""

    def __init__(self, calls: list[Callable[[], None]]) -> None:
        self._calls = calls

    def collect(self) -> Iterable[Metric]:
        for call in self._calls:
            call()
        return ()


_made: Final[dict[int, tuple[CollectorRegistry, Families]]] = {}


def families_of(registry: CollectorRegistry) -> Families:
    """Return the metrics in a registry, which all applications of a process share."""
    if id(registry) not in _made:
        _made[id(registry)] = (registry, Families(registry))
    return _made[id(registry)][1]
