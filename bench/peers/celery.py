"""Celery: a task that validates the order, acknowledged late, published with confirms.

Not here: kombu by itself (kombu.py). Run with `solo` or `threads` as its argument to choose the worker's pool.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery

from bench.drive import Sender, drive_serial
from bench.job import Job
from bench.order import Order
from bench.tally import Tally

job = Job.received()
app = Celery("bench", broker=job.url)
app.conf.update(
    task_default_queue=job.queue,
    task_default_queue_type=job.queue_type,
    task_default_exchange="",
    task_default_routing_key=job.queue,
    task_default_delivery_mode="persistent",
    task_create_missing_queue_type=job.queue_type,
    broker_transport_options={"confirm_publish": job.confirms},
    task_acks_late=True,  # Acknowledged after processing, as everywhere else here.
    task_ignore_result=True,
    worker_prefetch_multiplier=job.prefetch if sys.argv[1:] == ["solo"] else job.prefetch // job.threads,
    worker_hijack_root_logger=False,
    task_track_started=False,
    worker_send_task_events=False,
)

tally = Tally(job.folder, job.messages) if job.mode == "work" else None


@app.task(name="bench.handle", pydantic=True)
def handle(order: Order) -> None:
    """Celery validates the argument against the model before this is called."""
    assert tally is not None
    tally.handled(order.sent_at)


@contextmanager
def connect(_job: Job) -> Iterator[Sender]:
    """Publish on one producer; publishing returns once the broker confirmed."""

    def returned(*_: object) -> None:
        raise RuntimeError(f"a message was returned: no queue {job.queue}")

    with app.producer_pool.acquire(block=True) as producer:
        producer.on_return = returned

        def send(order: Order) -> None:
            handle.apply_async((order.model_dump(),), producer=producer, mandatory=True, retry=False)

        yield send


def work(pool: str) -> None:
    """Run Celery's own worker until told to stop."""
    concurrency = 1 if pool == "solo" else job.threads
    lean = ["--loglevel=WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(
        ["worker", f"--pool={pool}", f"--concurrency={concurrency}", f"--hostname=bench{os.getpid()}@%h", *lean]
    )


if __name__ == "__main__":
    if job.mode == "work":
        work(sys.argv[1])
    else:
        drive_serial(job, connect)
