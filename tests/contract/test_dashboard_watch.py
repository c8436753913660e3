"""The watch of a dashboard on real brokers: one that goes and comes back, refuses, or has no management API.

Not here: what becomes of samples (tests/unit/dashboard/test_watch.py), and the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tests.support import BrokerUnderTest, wait_until
from tests.support.diagnosing import settings, wait_counted
from tests.support.plain import PlainPika
from warren.config import BrokerSettings
from warren.dashboard.history import Signal
from warren.dashboard.watch import Watch
from warren.signals.collect import Collector

QUEUE = "billing.invoices"


@contextmanager
def watching(broker: BrokerSettings, *queues: str) -> Iterator[Watch]:
    collector = Collector(broker, queues=queues, may_be_missing=True, timeout=3.0)
    watch = Watch(collector, interval=0.2, window=2.0, history=600.0)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


def depth(watch: Watch) -> int | None:
    """Return what is known now of the queue's depth; None while the broker is away."""
    snapshot = watch.snapshot
    if snapshot.problem or snapshot.report is None:
        return None
    return next((one.depth for one in snapshot.report.queues if one.queue == QUEUE), None)


def test_it_goes_on_when_the_broker_is_back_and_has_a_gap_for_the_time_it_was_not(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    broker = private_broker()
    with PlainPika(broker.url) as plain:
        plain.declare(QUEUE)
        plain.channel.confirm_delivery()
        plain.publish("", QUEUE, b"{}", delivery_mode=2)
    with watching(settings(broker)) as watch:
        wait_until(lambda: depth(watch) == 1, timeout=60.0, message=lambda: f"a depth of 1: {watch.snapshot}")
        broker.node.stop()
        wait_until(lambda: watch.snapshot.problem)
        assert watch.snapshot.report is not None
        assert not watch.snapshot.is_refused
        broker.node.start()
        wait_until(lambda: depth(watch) == 1, timeout=60.0)
        wait_until(
            lambda: (known := watch.history.of(QUEUE).series[Signal.DEPTH]) and known[-1] == 1.0 and None in known
        )
        report = watch.snapshot.report
        wait_until(lambda: watch.snapshot.report is not report)
    assert watch.snapshot.problem == ""


def test_one_that_refuses_is_told_apart(broker: BrokerUnderTest) -> None:
    with watching(replace(settings(broker), password="wrong")) as watch:
        wait_until(lambda: watch.snapshot.is_refused)
        assert "wrong" not in watch.snapshot.problem


def test_without_the_management_api_named_queues_are_watched_and_it_is_said_what_is_not_known(
    broker: BrokerUnderTest,
) -> None:
    alone = BrokerSettings.parse(broker.url)
    with PlainPika(broker.url) as plain:
        plain.declare(QUEUE)
        plain.publish("", QUEUE, b"{}")
        with watching(alone, QUEUE, "billing.refunds") as watch:
            wait_until(lambda: depth(watch) == 1)
            report = watch.snapshot.report
            assert report is not None
            assert any("AMQP tells only" in line for line in report.unknown)
            assert any("no queue 'billing.refunds'" in line for line in report.unknown)
    with watching(alone) as watch:
        wait_until(lambda: "nothing lists the queues" in watch.snapshot.problem)
        assert not watch.snapshot.is_refused


def test_the_broker_itself_is_seen(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare(QUEUE)
        wait_counted(broker, QUEUE)
        with watching(settings(broker)) as watch:
            wait_until(lambda: depth(watch) == 0)
            report = watch.snapshot.report
    assert report is not None
    assert (report.broker.version, len(report.broker.nodes)) == (broker.version, 1)
    assert (report.broker.connections or 0) >= 1
