"""pika's BlockingConnection: what most programs that use pika call.

Not here: pika pipelined by hand (pika_pipelined.py).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from bench.drive import Sender, drive_serial
from bench.job import Job
from bench.order import Order
from bench.tally import Tally

_PROPERTIES = BasicProperties(content_type="application/json", delivery_mode=2)


@contextmanager
def connect(job: Job) -> Iterator[Sender]:
    """Open a channel, with confirms; publishing returns once the broker confirmed."""
    connection = pika.BlockingConnection(pika.URLParameters(job.url))
    channel = connection.channel()
    channel.queue_declare(job.queue, durable=True, arguments=job.queue_arguments)
    if job.confirms:
        channel.confirm_delivery()

    def send(order: Order) -> None:
        channel.basic_publish("", job.queue, order.model_dump_json().encode(), _PROPERTIES, mandatory=True)

    yield send
    connection.close()


def work(job: Job) -> None:
    """Validate and acknowledge each message until told to stop."""
    tally = Tally(job.folder, job.messages)
    channel = pika.BlockingConnection(pika.URLParameters(job.url)).channel()
    channel.basic_qos(prefetch_count=job.prefetch)

    def on_message(channel: BlockingChannel, method: Basic.Deliver, _properties: BasicProperties, body: bytes) -> None:
        order = Order.model_validate_json(body)
        tally.handled(order.sent_at)
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume(job.queue, on_message)
    signal.signal(signal.SIGTERM, lambda *_: channel.connection.add_callback_threadsafe(channel.stop_consuming))
    channel.start_consuming()
    channel.connection.close()


if __name__ == "__main__":
    received = Job.received()
    if received.mode == "work":
        work(received)
    else:
        drive_serial(received, connect)
