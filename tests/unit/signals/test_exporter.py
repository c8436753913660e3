"""Samples to Prometheus metrics, and what is served while the broker tells nothing."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable

import pytest

from tests.support import wait_until
from tests.support.metrics import Scrape, documented_metrics
from warren.clock import ManualClock
from warren.errors import BrokerRefused, BrokerUnavailable, TopologyMissing
from warren.signals.exporter import Exporter
from warren.signals.samples import BrokerSample, QueueSample, Sample

WHERE = {"queue": "billing", "virtual_host": "shop"}


def sample(at: float, *, dead: int = 0, broker: BrokerSample | None = None, **figures: int) -> Sample:
    queue = {
        "ready": 40, "unacked": 10, "dead_lettering": 0, "consumers": 2, "prefetch": 100,
        "published": 0, "delivered": 0, "acked": 0, "auto_acked": 0, "redelivered": 0,
    }  # fmt: skip
    queues = {
        "billing": QueueSample(name="billing", **{**queue, **figures}),
        "billing.retry.1s": QueueSample(name="billing.retry.1s", ready=3),
        "billing.dead": QueueSample(name="billing.dead", ready=dead),
    }
    return Sample(at=at, time=at, queues=queues, broker=broker or BrokerSample(version="4.0.5"))


class Script:
    """Gives one sample or error after the other; the last for ever."""

    def __init__(self, *told: Sample | Exception) -> None:
        self.told = list(told)
        self.asked = self.closed = 0

    def sample(self) -> Sample:
        self.asked += 1
        next_ = self.told.pop(0) if len(self.told) > 1 else self.told[0]
        if isinstance(next_, Exception):
            raise next_
        return next_

    def close(self) -> None:
        self.closed += 1


class Exporting:
    """An exporter over a script."""

    def __init__(self, *told: Sample | Exception) -> None:
        self.clock = ManualClock(1_000.0)
        self.script = Script(*told)
        self.lines: list[str] = []
        self.exporter = Exporter(self.script, "shop", window=60.0, tell=self.lines.append, clock=self.clock)

    def steps(self, count: int) -> Scrape:
        for _ in range(count):
            self.exporter.step()
        return self.scrape()

    def scrape(self) -> Scrape:
        return Scrape.of(self.exporter.registry)


def test_depths_rates_and_shares_are_those_of_the_window() -> None:
    exporting = Exporting(
        sample(0.0, ready=60), sample(10.0, published=50, delivered=100, acked=80, redelivered=25, dead=2, ready=30)
    )
    seen = exporting.steps(2)
    expected = {
        "ready": 30, "unacked": 10, "depth": 40, "consumers": 2, "utilisation": 0.1, "publish_rate": 5,
        "deliver_rate": 10, "ack_rate": 8, "redelivery_ratio": 0.25, "lag_drain_seconds": 10, "lag_wait_seconds": 3,
        "retrying": 3, "dead_letters": 2, "dead_lettering": 0,
    }  # fmt: skip
    for name, value in expected.items():
        assert seen.get(f"warren_queue_{name}", **WHERE) == pytest.approx(value), name
    assert seen.get("warren_broker_up") == 1
    assert seen.get("warren_broker_info", version="4.0.5") == 1
    assert seen.get("warren_queue_ready", queue="billing.dead") is None  # belongs to its consumer's queue


def test_what_is_not_known_has_no_sample_and_what_never_ends_is_infinite() -> None:
    seen = Exporting(Sample(at=0.0, time=0.0, queues={"q": QueueSample(name="q", ready=5)})).steps(1)
    assert seen.get("warren_queue_ready", queue="q") == 5
    assert seen.get("warren_queue_unacked", queue="q") is None
    assert seen.get("warren_queue_publish_rate", queue="q") is None
    assert seen.get("warren_broker_info", version="unknown") == 1
    never = Exporting(sample(0.0), sample(10.0, published=50, acked=10)).steps(2)
    assert never.get("warren_queue_lag_drain_seconds", **WHERE) == math.inf


def test_findings_come_with_their_severity_and_go_again() -> None:
    blocked = BrokerSample(version="4.0.5", alarms=("disk",))
    exporting = Exporting(sample(0.0, broker=blocked), sample(10.0))
    seen = exporting.steps(1)
    assert seen.get("warren_finding", finding="blocked", queue="", severity="critical", virtual_host="shop") == 1
    assert seen.get("warren_broker_alarm", alarm="disk") == 1
    assert seen.get("warren_broker_alarm", alarm="memory") == 0
    seen = exporting.steps(1)
    assert seen.get("warren_finding") is None
    assert seen.get("warren_broker_alarm", alarm="disk") == 0


def test_alarms_that_this_user_may_not_see_are_not_said_to_be_off() -> None:
    told = Sample(at=0.0, time=0.0, queues={}, unknown=("alarms: not shown to this user",))
    assert Exporting(told).steps(1).get("warren_broker_alarm") is None


def test_queues_that_the_broker_named_are_left_out_since_each_has_a_new_name() -> None:
    queues = {name: QueueSample(name=name, ready=5, consumers=0) for name in ("q", "amq.gen-x7")}
    told = (Sample(at=at, time=at, queues=queues) for at in (0.0, 30.0, 60.0, 90.0))
    seen = Exporting(*told).steps(4)
    assert seen.get("warren_finding", finding="no_consumers", queue="q") == 1
    assert "amq.gen" not in seen.text


def test_while_the_broker_is_down_only_that_is_served_and_then_everything_again() -> None:
    down = BrokerUnavailable("no broker at amqp://shop: connection refused")
    exporting = Exporting(sample(0.0), down, down, sample(30.0))
    assert exporting.steps(1).get("warren_queue_ready", **WHERE) == 40
    exporting.clock.advance(10.0)
    seen = exporting.steps(2)
    assert set(seen.metrics()) == {"warren_broker_up", "warren_exporter_last_sample_timestamp_seconds"}
    assert seen.get("warren_broker_up") == 0
    assert seen.get("warren_exporter_last_sample_timestamp_seconds") == 1_010.0
    assert exporting.script.closed == 2  # the next sample connects anew
    assert exporting.steps(1).get("warren_queue_ready", **WHERE) == 40
    assert exporting.lines == [
        "no signals: no broker at amqp://shop: connection refused; asking again",
        "the broker tells its signals again",
    ]


def test_a_queue_that_is_not_there_yet_is_no_broker_that_is_down() -> None:
    seen = Exporting(TopologyMissing("queue billing is not there", ("queue billing",))).steps(1)
    assert seen.get("warren_broker_up") == 1
    assert seen.get("warren_queue_ready") is None


def test_a_refusal_ends_it_at_the_start_and_is_waited_out_later() -> None:
    refused = BrokerRefused("login refused")
    with pytest.raises(BrokerRefused):
        Exporting(refused).exporter.run(interval=0.01, stop=threading.Event())
    exporting = Exporting(sample(0.0), refused)
    assert exporting.steps(2).get("warren_broker_up") == 0


def test_scrapes_ask_the_broker_nothing() -> None:
    exporting = Exporting(sample(0.0))
    exporting.steps(1)
    for _ in range(50):
        exporting.scrape()
    assert exporting.script.asked == 1


def test_it_samples_until_it_is_stopped() -> None:
    exporting, stop = Exporting(BrokerUnavailable("down")), threading.Event()
    running = threading.Thread(target=exporting.exporter.run, kwargs={"interval": 0.001, "stop": stop})
    running.start()
    wait_until(lambda: exporting.script.asked > 5)
    stop.set()
    running.join(5.0)
    assert not running.is_alive()


def test_every_metric_of_the_exporter_is_documented_with_its_labels() -> None:
    blocked = BrokerSample(version="4.0.5", alarms=("memory",))
    samples: Iterable[Sample] = (
        sample(float(at), broker=blocked, published=at, acked=at, delivered=at) for at in (0, 10)
    )
    seen = Exporting(*samples).steps(2)
    assert seen.metrics() == documented_metrics("Exporter")
