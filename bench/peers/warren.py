"""Warren: a contract with the order's fields, published through `publish_many`, consumed by a worker.

Not here: several processes. Run with `def` or `async` as its first argument to choose the handler, and `idempotent` as
its second to have each message claim a key in a SQLite store.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future
from pathlib import Path

from bench.drive import WARM_UP, Stopwatch, built, report_latencies
from bench.job import Job
from bench.order import Line, fields_of
from bench.tally import Tally
from warren import Exchange, Message, Queue, Warren

job = Job.received()
orders = Exchange("bench.orders", "direct")


class PlacedOrder(Message, exchange=orders, routing_key=job.queue, type="bench.order", version=1):
    """The same fields as the other libraries' model."""

    order_id: int
    event: str
    customer: str
    email: str
    amount: float
    currency: str
    lines: list[Line]
    note: str
    sent_at: int


app = Warren("bench", broker=job.url, store=f"sqlite:///{Path(job.folder) / 'warren.db'}", window=job.in_flight)
tally = Tally(job.folder, job.messages) if job.mode == "work" else None
consumer = app.consumer(
    Queue(job.queue, type=job.queue_type),
    PlacedOrder,
    prefetch=job.prefetch,
    concurrency=100 if "async" in sys.argv else job.threads,
    idempotent="idempotent" in sys.argv,
)


def handle(order: PlacedOrder) -> None:
    """Count the order."""
    assert tally is not None
    tally.handled(order.sent_at)


async def handle_async(order: PlacedOrder) -> None:
    """Count the order."""
    handle(order)


consumer(handle_async if "async" in sys.argv else handle)


def placed(number: int, sent_at: int = 0) -> PlacedOrder:
    """Build one validated order."""
    return PlacedOrder(**fields_of(number, sent_at))


def publish() -> None:
    """Publish flat out."""
    with app.publisher() as publisher:
        publisher.publish_many(built(placed, WARM_UP))
        orders = built(placed, job.messages)
        watch = Stopwatch()
        publisher.publish_many(orders)
        watch.report(job)


def round_trip() -> None:
    """Publish one at a time, each waiting for its confirm."""
    for number in range(WARM_UP):
        app.publish(placed(number))
    taken: list[float] = []
    for number in range(job.messages):
        order = placed(number)
        started = time.perf_counter()
        app.publish(order)
        taken.append(time.perf_counter() - started)
    report_latencies(job, taken)


def produce() -> None:
    """Publish at a fixed rate, without waiting for one confirm before the next message."""
    with app.publisher() as publisher:
        publisher.publish_many(built(placed, WARM_UP))
        watch = Stopwatch()
        begin = time.monotonic()
        receipts: list[Future[object]] = []
        for number in range(job.messages):
            wait = begin + number / job.rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            receipts.append(publisher.submit(placed(number, time.monotonic_ns())))
        for receipt in receipts:
            receipt.result()
        watch.report(job)


if __name__ == "__main__":
    if job.mode == "work":
        sys.exit(app.run())
    app.apply_topology()
    with app:
        match job.mode:
            case "roundtrip":
                round_trip()
            case "produce" if job.rate:
                produce()
            case _:
                publish()
