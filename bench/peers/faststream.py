"""FastStream on RabbitMQ: a subscriber whose argument is the Pydantic model, published with confirms.

Not here: aio-pika by itself (aio_pika.py), on which it stands.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue

from bench.drive import AsyncSender, drive_async
from bench.job import Job
from bench.order import Order
from bench.tally import Tally


def queue_of(job: Job) -> RabbitQueue:
    """Return the job's queue, durable and of its type."""
    return RabbitQueue(job.queue, durable=True, queue_type=QueueType(job.queue_type))


@asynccontextmanager
async def connect(job: Job) -> AsyncIterator[AsyncSender]:
    """Start a broker; a publish finishes once the broker confirmed, and raises when the message is returned."""
    channel = Channel(publisher_confirms=job.confirms, on_return_raises=job.confirms)
    async with RabbitBroker(job.url, default_channel=channel, logger=None) as broker:
        await broker.declare_queue(queue_of(job))

        async def send(order: Order) -> None:
            await broker.publish(order, queue=job.queue, persist=True, mandatory=True)

        yield send


def work(job: Job) -> None:
    """Run FastStream's own application until told to stop."""
    tally = Tally(job.folder, job.messages)
    channel = Channel(prefetch_count=job.prefetch)
    broker = RabbitBroker(job.url, default_channel=channel, logger=None, log_level=logging.ERROR)

    @broker.subscriber(queue_of(job), ack_policy=AckPolicy.REJECT_ON_ERROR)
    async def handle(order: Order) -> None:
        tally.handled(order.sent_at)

    uvloop.run(FastStream(broker, logger=None).run())


if __name__ == "__main__":
    received = Job.received()
    if received.mode == "work":
        work(received)
    else:
        drive_async(received, connect)
