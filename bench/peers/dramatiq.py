"""Dramatiq: an actor that validates the order, published with confirms.

Not here: Dramatiq's own middleware settings, which stay at their defaults.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from bench.drive import Sender, drive_serial
from bench.job import Job
from bench.order import Order
from bench.tally import Tally

job = Job.received()


class TypedQueueBroker(RabbitmqBroker):
    """Declares its queues with the type the run asks for; Dramatiq has no option for it."""

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        return {**super()._build_queue_arguments(queue_name), "x-queue-type": job.queue_type}


broker = TypedQueueBroker(url=job.url, confirm_delivery=job.confirms)
dramatiq.set_broker(broker)
tally = Tally(job.folder, job.messages) if job.mode == "work" else None


@dramatiq.actor(queue_name=job.queue)
def handle(order: dict[str, Any]) -> None:
    """Validate the order."""
    assert tally is not None
    tally.handled(Order.model_validate(order).sent_at)


@contextmanager
def connect(_job: Job) -> Iterator[Sender]:
    """Publish on this thread's channel; publishing returns once the broker confirmed."""

    def send(order: Order) -> None:
        handle.send(order.model_dump())

    yield send
    broker.close()


def work() -> None:
    """Become Dramatiq's own worker: one process of `job.threads` threads."""
    os.environ["dramatiq_queue_prefetch"] = str(job.prefetch)  # noqa: SIM112 - Dramatiq's spelling
    worker = ["-m", "dramatiq", "bench.peers.dramatiq", "--processes", "1", "--threads", str(job.threads)]
    os.execv(sys.executable, [sys.executable, *worker])


if __name__ == "__main__":
    if job.mode == "work":
        work()
    else:
        drive_serial(job, connect)
