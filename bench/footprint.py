"""What the embedded broker takes: time to listen, memory idle and with a backlog, and cost as queues and bindings grow.

Not here: its speed beside RabbitMQ's (brokers.py).
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pika
from pika.adapters.blocking_connection import BlockingChannel
from rich.console import Console

from bench.queues import Queues
from bench.server import BrokerProcess

__all__ = ["Footprint", "measure_footprint"]

_MB = 1_000_000
_BODY = 1_000


@dataclass(slots=True)
class Footprint:
    """The figures; sizes in bytes, times in seconds."""

    listening: float
    idle: int
    backlog: int
    backlog_resident: int
    backlog_most: int
    by_queues: dict[int, float] = field(default_factory=dict)
    by_bindings: dict[int, float] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        yield f"listening {self.listening:.2f} s after exec (wanted: 0.5)"
        yield f"idle: {self.idle / _MB:.0f} MB resident (wanted: 60)"
        yield (
            f"{self.backlog:,} messages of 1 kB waiting on disk: {self.backlog_resident / _MB:.0f} MB resident,"
            f" {self.backlog_most / _MB:.0f} at most (wanted: 400)"
        )
        for what, rates in (("queues", self.by_queues), ("topic bindings", self.by_bindings)):
            yield f"publish by number of {what}: " + ", ".join(f"{n:,}: {rate:,.0f}/s" for n, rate in rates.items())


def measure_footprint(console: Console, *, backlog: int) -> Footprint:
    """Take all of them on brokers of their own."""
    with tempfile.TemporaryDirectory(prefix="warren-footprint-") as folder:
        starts = []
        for number in range(5):
            with BrokerProcess(Path(folder) / f"start-{number}") as broker:
                starts.append(broker.seconds_to_listen)
                idle = broker.resident_bytes
        with console.status(f"a backlog of {backlog:,}"), BrokerProcess(Path(folder) / "backlog") as broker:
            resident, most = _backlog(broker, backlog)
        found = Footprint(median(starts), idle, backlog, resident, most)
        with BrokerProcess(Path(folder) / "scale") as broker:
            for count in (1, 10, 100, 1_000):
                with console.status(f"{count:,} queues"):
                    found.by_queues[count] = _rate(broker, lambda channel, n=count: _queues(channel, n))
            for count in (1, 100, 10_000):
                with console.status(f"{count:,} topic bindings"):
                    found.by_bindings[count] = _rate(broker, lambda channel, n=count: _bindings(channel, n))
    return found


def _backlog(broker: BrokerProcess, messages: int) -> tuple[int, int]:
    """Fill a queue with the C client, and let the broker settle."""
    queues = Queues(broker.url)
    queues.declare("backlog", "classic")
    limit = os.environ["WARREN_BENCH_LIMIT"]
    command = [limit, "publish", broker.url, "backlog", str(messages), str(_BODY), "1000"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    queues.await_depth("backlog", messages)
    queues.close()
    return broker.resident_bytes, broker.most_resident_bytes


def _rate(broker: BrokerProcess, prepare: Callable[[BlockingChannel], list[tuple[str, str]]]) -> float:
    """Return how many transient messages a second it routes, sent round robin to the addresses `prepare` made."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    addresses = prepare(channel)
    wire = b"".join(_publish(exchange, key) for exchange, key in (addresses * 2_000)[:2_000])
    rounds = 20
    started = time.perf_counter()
    for _ in range(rounds):
        connection._impl._output_marshaled_frames([wire])
        channel.basic_qos(prefetch_count=1)  # answered once all before it is routed
    elapsed = time.perf_counter() - started
    connection.close()
    return rounds * 2_000 / elapsed


def _publish(exchange: str, key: str) -> bytes:
    properties = pika.BasicProperties()
    frames = [
        pika.frame.Method(1, pika.spec.Basic.Publish(exchange=exchange, routing_key=key)).marshal(),
        pika.frame.Header(1, 256, properties).marshal(),
        pika.frame.Body(1, b"x" * 256).marshal(),
    ]
    return b"".join(frames)


def _queues(channel: BlockingChannel, count: int) -> list[tuple[str, str]]:
    names = [f"scale.{count}.{number}" for number in range(count)]
    # A thousand messages wait in all, whatever the number of queues: what is compared is the queues.
    for name in names:
        channel.queue_declare(name, exclusive=True, arguments={"x-max-length": 1_000 // count})
    return [("", name) for name in names]


def _bindings(channel: BlockingChannel, count: int) -> list[tuple[str, str]]:
    exchange = f"topic.{count}"
    channel.exchange_declare(exchange, "topic")
    queue = channel.queue_declare("", exclusive=True, arguments={"x-max-length": 10}).method.queue
    for number in range(count):
        channel.queue_bind(queue, exchange, f"region.{number}.*.created")
    return [(exchange, f"region.{number % count}.order.created") for number in range(2_000)]
