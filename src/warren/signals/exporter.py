"""The signals of a broker's queues as Prometheus metrics: taken at intervals, served from the last sample.

Not here: what workers themselves tell (`observability/prometheus/`), serving (`observability/prometheus/server.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily

from warren.clock import Clock, SystemClock
from warren.errors import BrokerRefused, BrokerUnavailable, TopologyMissing, WarrenError
from warren.signals.findings import Finding
from warren.signals.recent import Recent
from warren.signals.report import Report
from warren.signals.results import QueueSignals
from warren.signals.samples import BrokerSample, Sample

__all__ = ["ALARMS", "QUEUE_METRICS", "Exporter", "Sampler"]

ALARMS: Final = ("memory", "disk")

_NAMED_BY_BROKER: Final = "amq."
"""Each has a new name: as labels they would grow without end."""


@final
@dataclass(frozen=True, slots=True)
class _OfQueue:
    """One metric of a queue, in both directions of reading: its meaning, and where its value comes from."""

    name: str
    meaning: str
    value: Callable[[QueueSignals], float | None]


QUEUE_METRICS: Final = (
    _OfQueue("ready", "Messages that wait for a consumer.", lambda one: one.ready),
    _OfQueue("unacked", "Messages delivered and not acknowledged.", lambda one: one.unacked),
    _OfQueue("depth", "Ready, unacked and dead-lettering together.", lambda one: one.depth),
    _OfQueue("consumers", "Consumers the queue has.", lambda one: one.consumers),
    _OfQueue("utilisation", "Unacked as a share of the consumers' prefetch.", lambda one: one.utilisation),
    _OfQueue("publish_rate", "Messages published to it a second.", lambda one: one.publish_rate),
    _OfQueue("deliver_rate", "Messages delivered from it a second.", lambda one: one.deliver_rate),
    _OfQueue("ack_rate", "Messages acknowledged a second.", lambda one: one.ack_rate),
    _OfQueue("redelivery_ratio", "Redeliveries as a share of deliveries.", lambda one: one.redelivery_rate),
    _OfQueue("lag_drain_seconds", "Until it is empty at the present rates.", lambda one: one.lag.drain),
    _OfQueue("lag_wait_seconds", "How long a message published now will wait.", lambda one: one.lag.wait),
    _OfQueue("retrying", "Messages in its retry tiers.", lambda one: one.retrying),
    _OfQueue("dead_letters", "Messages in its dead-letter queue.", lambda one: one.dead),
    _OfQueue("dead_lettering", "Dead letters their target has not confirmed.", lambda one: one.dead_lettering),
)


class Sampler(Protocol):
    """What takes samples: a `Collector`."""

    def sample(self) -> Sample: ...

    def close(self) -> None: ...


class Exporter:
    """Takes samples with `sampler`, and has what they say in `registry`: a scrape costs the broker nothing.

    Signals and findings are those of the last `window` seconds. `tell` gets a line when the broker goes and comes.
    """

    def __init__(
        self,
        sampler: Sampler,
        virtual_host: str,
        *,
        window: float,
        tell: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self._sampler = sampler
        self._virtual_host = virtual_host
        self._recent = Recent(window)
        self._tell = tell
        self._clock = clock or SystemClock()
        self._trouble = ""  # as told; set only while the broker tells nothing
        self._metrics: tuple[Metric, ...] = ()
        self.registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Return what the last sample said. From any thread."""
        return self._metrics

    def run(self, *, interval: float, stop: threading.Event) -> None:
        """Take a sample every `interval` seconds until `stop` is set.

        Raises what the first sample does where waiting cannot help: `BrokerRefused`, `ConfigurationError`.
        """
        self.step(is_first=True)
        while not stop.wait(interval):
            self.step()

    def step(self, *, is_first: bool = False) -> None:
        """Take one sample. A broker that tells nothing is asked again by the next."""
        try:
            self._recent.add(self._sampler.sample())
        except (BrokerUnavailable, TopologyMissing) as error:
            self._failed(error)
        except WarrenError as error:
            if is_first:
                raise
            self._failed(error)
        else:
            self._succeeded()

    def _failed(self, error: WarrenError) -> None:
        self._sampler.close()
        is_up = not isinstance(error, (BrokerUnavailable, BrokerRefused))
        self._metrics = tuple(_own_metrics(is_up=is_up, at=self._clock.now()))
        if str(error) != self._trouble:
            self._trouble = str(error)
            self._tell(f"no signals: {error}; asking again")

    def _succeeded(self) -> None:
        report = Report.of(self._recent)
        own = _own_metrics(is_up=True, at=self._clock.now())
        self._metrics = (*own, *_broker_metrics(report), *_queue_metrics(report, self._virtual_host))
        if self._trouble:
            self._trouble = ""
            self._tell("the broker tells its signals again")


# -- what a report says, as metrics ---------------------------------------------------------


def _own_metrics(*, is_up: bool, at: float) -> Iterator[Metric]:
    yield GaugeMetricFamily("warren_broker_up", "Whether the broker answers.", value=is_up)
    yield GaugeMetricFamily(
        "warren_exporter_last_sample_timestamp_seconds", "When the broker was last asked.", value=at
    )


def _broker_metrics(report: Report) -> Iterator[Metric]:
    broker: BrokerSample = report.broker
    info = GaugeMetricFamily("warren_broker_info", "The broker's version; always 1.", labels=("version",))
    info.add_metric((broker.version or "unknown",), 1)
    yield info
    if broker.alarms or not any("alarms" in line for line in report.unknown):
        alarm = GaugeMetricFamily("warren_broker_alarm", "Whether any node has this alarm.", labels=("alarm",))
        for name in ALARMS:
            alarm.add_metric((name,), name in broker.alarms)
        yield alarm


def _queue_metrics(report: Report, virtual_host: str) -> Iterator[Metric]:
    queues = [signals for signals in report.queues if not signals.queue.startswith(_NAMED_BY_BROKER)]
    for metric in QUEUE_METRICS:
        family = GaugeMetricFamily(f"warren_queue_{metric.name}", metric.meaning, labels=("queue", "virtual_host"))
        for signals in queues:
            value = metric.value(signals)
            if value is not None:  # what is not known has no sample, which no alert takes for 0
                family.add_metric((signals.queue, virtual_host), value)
        if family.samples:
            yield family
    named = {signals.queue for signals in queues}
    yield _findings((one for one in report.findings if one.queue is None or one.queue in named), virtual_host)


def _findings(findings: Iterable[Finding], virtual_host: str) -> Metric:
    labels = ("finding", "queue", "severity", "virtual_host")
    family = GaugeMetricFamily("warren_finding", "A finding there is now; always 1.", labels=labels)
    found = {(str(one.id), one.queue or "", str(one.severity)) for one in findings}
    for finding, queue, severity in sorted(found):
        family.add_metric((finding, queue, severity, virtual_host), 1)
    return family
