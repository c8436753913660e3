"""aio-pika, on uvloop.

Not here: the loops that drive it (drive.py).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import uvloop
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage

from bench.drive import AsyncSender, drive_async
from bench.job import Job
from bench.order import Order
from bench.tally import Tally


@asynccontextmanager
async def connect(job: Job) -> AsyncIterator[AsyncSender]:
    """Open a channel; a publish finishes once the broker confirmed, and raises when the message is returned."""
    connection = await aio_pika.connect_robust(job.url)
    channel = await connection.channel(publisher_confirms=job.confirms, on_return_raises=job.confirms)
    await channel.declare_queue(job.queue, durable=True, arguments=job.queue_arguments)
    exchange = channel.default_exchange

    async def send(order: Order) -> None:
        body = order.model_dump_json().encode()
        message = Message(body, content_type="application/json", delivery_mode=DeliveryMode.PERSISTENT)
        await exchange.publish(message, job.queue, mandatory=True)

    yield send
    await connection.close()


async def work(job: Job) -> None:
    """Validate and acknowledge each message until told to stop."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    tally = Tally(job.folder, job.messages)
    connection = await aio_pika.connect_robust(job.url)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=job.prefetch)
    queue = await channel.declare_queue(job.queue, durable=True, arguments=job.queue_arguments)

    async def on_message(message: AbstractIncomingMessage) -> None:
        order = Order.model_validate_json(message.body)
        tally.handled(order.sent_at)
        await message.ack()

    await queue.consume(on_message)
    await stopped.wait()
    await connection.close()


if __name__ == "__main__":
    received = Job.received()
    if received.mode == "work":
        uvloop.run(work(received))
    else:
        drive_async(received, connect)
