"""Diagnosing a real broker in seconds: samples of short windows, taken until a finding shows.

Not here: provoking one (tests/contract/test_signals_findings.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pika
from prometheus_client import CollectorRegistry, start_http_server

from tests.support.broker import BrokerUnderTest
from tests.support.waiting import wait_until
from warren import Warren
from warren.config import BrokerSettings
from warren.signals.collect import Collector
from warren.signals.diagnosis import diagnose
from warren.signals.findings import DEFAULT_THRESHOLDS, Finding, FindingId, Thresholds
from warren.signals.recent import Recent

__all__ = ["diagnosed", "found", "in_background", "metrics_of", "settings", "wait_counted"]

WINDOW = 4.0  # four statistics intervals of a broker under test
INTERVAL = 0.5


def settings(broker: BrokerUnderTest) -> BrokerSettings:
    return BrokerSettings.parse(f"{broker.url}?management={broker.management_url}")


def wait_counted(broker: BrokerUnderTest, *queues: str) -> None:
    """Wait until the management API tells what `queues`, declared just now, hold."""
    wait_until(
        lambda: all("messages" in (broker.api("GET", f"queues/{{vhost}}/{queue}") or {}) for queue in queues),
        timeout=30.0,
        interval=0.2,
        message=f"{queues} are in the broker's statistics",
    )


@contextmanager
def diagnosed(
    broker: BrokerUnderTest,
    *,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    metrics: tuple[str, ...] = (),
    window: float = WINDOW,
) -> Iterator[Callable[[], tuple[Finding, ...] | None]]:
    """Yield a function that takes a sample and returns the findings of the last window; None until that is full."""
    recent = Recent(window)
    with Collector(settings(broker), metrics=metrics, look_again=1.0) as collector:

        def diagnose_now() -> tuple[Finding, ...] | None:
            recent.add(collector.sample())
            return diagnose(recent.samples, recent.thresholds(thresholds)) if recent.is_full else None

        yield diagnose_now


def found(broker: BrokerUnderTest, wanted: FindingId, *, queue: str | None = None, **options: Any) -> Finding:
    """Take samples until there is a finding of that kind; return it."""
    seen: set[str] = set()

    with diagnosed(broker, **options) as diagnose_now:

        def look() -> Finding | None:
            findings = diagnose_now() or ()
            seen.update(str(one.id) for one in findings)
            return next((one for one in findings if one.id is wanted and one.queue == queue), None)

        return wait_until(
            look, timeout=40.0, interval=INTERVAL, message=lambda: f"{wanted} of {queue}; found are {sorted(seen)}"
        )


@contextmanager
def metrics_of(app: Warren) -> Iterator[str]:
    """Serve the metrics of an application in this process: yield their URL. Before its worker is made."""
    registry = CollectorRegistry()
    app.collect_metrics(registry)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Requeues:
    """A step for `in_background`: sends what it gets round, but gives one message back each time.

    It takes one message a call: a callback would be called for what it sends itself, and never return.
    """

    def __init__(self, queue: str, poison: str) -> None:
        self._queue = queue
        self._poison = poison
        self._messages: Iterator[Any] | None = None

    def __call__(self, channel: Any) -> None:
        if self._messages is None:
            channel.basic_qos(prefetch_count=2)
            self._messages = channel.consume(self._queue, inactivity_timeout=0.05)
        method, properties, body = next(self._messages)
        if method is None:
            return
        if properties.message_id == self._poison:
            channel.basic_nack(method.delivery_tag, requeue=True)
        else:
            channel.basic_publish("", self._queue, body, properties)
            channel.basic_ack(method.delivery_tag)


@contextmanager
def in_background(url: str, step: Callable[[Any], object], *, every: float = 0.0) -> Iterator[None]:
    """Call `step` with a plain Pika channel again and again, on a thread with a connection of its own.

    Between two calls what the broker sends is handled, for `every` seconds.
    """
    ending = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        connection = pika.BlockingConnection(pika.URLParameters(url))
        channel = connection.channel()
        try:
            while not ending.is_set():
                step(channel)
                connection.process_data_events(every)
        except BaseException as error:
            failures.append(error)
        finally:
            if connection.is_open:
                connection.close()

    thread = threading.Thread(target=run, name="test-background")
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(10.0)
        assert not thread.is_alive(), "the background consumer did not end"
    assert not failures, failures
