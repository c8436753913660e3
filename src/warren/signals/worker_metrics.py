"""Reads what workers tell of their consumers: Prometheus text to samples, and the request that gets it.

Not here: the metrics themselves (`observability/prometheus.py`).
"""

from __future__ import annotations

import math
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from types import MappingProxyType
from typing import Any, Final, final
from urllib.parse import urlsplit

from warren.errors import BrokerUnavailable, ConfigurationError
from warren.signals.samples import ConsumerSample, Failure

__all__ = ["MetricsEndpoint", "read_worker_metrics"]

TIMEOUT: Final = 5.0
MAX_BYTES: Final = 32 * 1024 * 1024


@final
@dataclass(frozen=True, slots=True)
class MetricsEndpoint:
    """Where a worker serves its metrics: `http://host:port`, with /metrics unless another path is given."""

    url: str

    @classmethod
    def parse(cls, text: str) -> MetricsEndpoint:
        """Read a URL, or just `host:port`. Raises `ConfigurationError`."""
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is no number
            is_one = False
        if not is_one or "@" in parts.netloc:
            raise ConfigurationError(
                "a metrics URL must be http://host:port, without a login, as `warren run --metrics-port` serves it"
            )
        return cls(parts._replace(path=parts.path if parts.path not in ("", "/") else "/metrics").geturl())

    def fetch(self) -> str:
        """Return the text. Raises `BrokerUnavailable` where nobody answers with one in time."""
        # Proxies of the environment are not used: a worker is near.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url, timeout=TIMEOUT) as answer:
                return str(answer.read(MAX_BYTES).decode())
        except urllib.error.HTTPError as error:
            error.close()
            raise BrokerUnavailable(f"{self.url} answered with status {error.code}") from error
        except (OSError, HTTPException, UnicodeDecodeError) as error:
            reason = getattr(error, "reason", None) or error
            raise BrokerUnavailable(f"{self.url} cannot be read: {reason}") from error


@dataclass(slots=True)
class _Tally:
    """What is known of one consumer while samples are added up."""

    lag: defaultdict[float, float] = field(default_factory=lambda: defaultdict(float))
    duration: defaultdict[float, float] = field(default_factory=lambda: defaultdict(float))
    outcomes: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    failures: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    redelivered: float = 0.0
    in_flight: float = 0.0
    oldest: float = 0.0
    skew: float | None = None

    def add(self, name: str, labels: Mapping[str, str], value: float) -> None:
        match name:
            case "warren_consumer_lag_seconds_bucket":
                self.lag[float(labels["le"])] += value
            case "warren_handler_duration_seconds_bucket":
                self.duration[float(labels["le"])] += value
            case "warren_settled_total":
                self.outcomes[labels.get("outcome", "")] += value
            case "warren_failures_total":
                self.failures[labels.get("fingerprint", ""), labels.get("classification", "")] += value
            case "warren_deliveries_total" if labels.get("redelivered") == "true":
                self.redelivered += value
            case "warren_in_flight":
                self.in_flight += value
            case "warren_oldest_in_flight_seconds":
                self.oldest = max(self.oldest, value)
            case "warren_clock_skew_seconds":
                self.skew = value if self.skew is None else max(self.skew, value)
            case _:
                pass  # a metric that no finding needs

    def sample(self, queue: str, consumer: str) -> ConsumerSample:
        failures = sorted(self.failures.items(), key=lambda item: -item[1])
        return ConsumerSample(
            queue=queue,
            consumer=consumer,
            lag=MappingProxyType(dict(sorted(self.lag.items()))),
            duration=MappingProxyType(dict(sorted(self.duration.items()))),
            outcomes=MappingProxyType(dict(self.outcomes)),
            redelivered=self.redelivered,
            failures=tuple(Failure(name, int(count), reason) for (name, reason), count in failures if name),
            in_flight=self.in_flight,
            oldest_in_flight=self.oldest,
            clock_skew=self.skew,
        )


def read_worker_metrics(texts: Iterable[str]) -> tuple[ConsumerSample, ...]:
    """Add up the metrics of several workers, by queue and consumer. Raises `ValueError` for what is no such text."""
    tallies: defaultdict[tuple[str, str], _Tally] = defaultdict(_Tally)
    for text in texts:
        for one in _samples(text):
            queue = one.labels.get("queue", "")
            if queue and one.name.startswith("warren_") and math.isfinite(one.value):
                key = queue, one.labels.get("consumer", "")
                tallies[key].add(one.name, one.labels, one.value)
    return tuple(tally.sample(queue, consumer) for (queue, consumer), tally in sorted(tallies.items()))


def _samples(text: str) -> Iterator[Any]:
    from prometheus_client.parser import text_string_to_metric_families

    try:
        for family in text_string_to_metric_families(text):
            yield from family.samples
    except (KeyError, IndexError, AttributeError) as error:  # how the parser fails on what is not its format
        raise ValueError(f"not in Prometheus' text format: {error!r}") from error
