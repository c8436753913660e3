"""kombu over py-amqp, with confirms.

Not here: Celery, which stands on it (celery.py).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from kombu import Connection, Consumer, Message, Queue

from bench.drive import Sender, drive_serial
from bench.job import Job
from bench.order import Order
from bench.tally import Tally


def queue_of(job: Job) -> Queue:
    """Return the job's queue, on the default exchange."""
    return Queue(job.queue, durable=True, queue_arguments=job.queue_arguments)


@contextmanager
def connect(job: Job) -> Iterator[Sender]:
    """Open a producer; publishing returns once the broker confirmed."""

    def returned(*_: object) -> None:
        raise RuntimeError(f"a message was returned: no queue {job.queue}")

    with Connection(job.url, transport_options={"confirm_publish": job.confirms}) as connection:
        queue_of(job).bind(connection.default_channel).declare()
        producer = connection.Producer(on_return=returned)

        def send(order: Order) -> None:
            producer.publish(
                order.model_dump_json().encode(),
                exchange="",
                routing_key=job.queue,
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=2,
                mandatory=True,
            )

        yield send


def work(job: Job) -> None:
    """Validate and acknowledge each message until told to stop."""
    tally = Tally(job.folder, job.messages)
    is_stopping = False

    def stop(*_: object) -> None:
        nonlocal is_stopping
        is_stopping = True

    def on_message(message: Message) -> None:
        order = Order.model_validate_json(message.body)
        tally.handled(order.sent_at)
        message.ack()

    signal.signal(signal.SIGTERM, stop)
    with (
        Connection(job.url) as connection,
        Consumer(connection, [queue_of(job)], on_message=on_message, prefetch_count=job.prefetch),
    ):
        while not is_stopping:
            try:
                connection.drain_events(timeout=0.1)
            except TimeoutError:
                continue


if __name__ == "__main__":
    received = Job.received()
    if received.mode == "work":
        work(received)
    else:
        drive_serial(received, connect)
