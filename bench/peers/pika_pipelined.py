"""pika's callback connections, pipelined by hand: what pika itself costs when nothing waits.

Not here: a library. Nobody gets this by calling one: there is no reconnection, no deadline, no future per message.
Run with `select` or `uvloop` as its argument.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.frame import Method
from pika.spec import Basic, BasicProperties

from bench.drive import WARM_UP, Stopwatch, built
from bench.job import Job
from bench.order import Order, make_order
from bench.tally import Tally

_PROPERTIES = BasicProperties(content_type="application/json", delivery_mode=2)

WithChannel = Callable[[Channel], None]


def run(job: Job, flavour: str, with_channel: WithChannel) -> None:
    """Open a connection and a channel, hand it over, and run the loop until the connection closes."""
    parameters = pika.URLParameters(job.url)

    def on_open(connection: pika.connection.Connection) -> None:
        connection.channel(on_open_callback=with_channel)

    if flavour == "select":
        connection = pika.SelectConnection(parameters, on_open, on_close_callback=lambda c, _: c.ioloop.stop())
        _stop_on_sigterm(lambda: connection.ioloop.add_callback_threadsafe(connection.close))
        connection.ioloop.start()
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        loop = runner.get_loop()
        asyncio.set_event_loop(loop)
        opened = AsyncioConnection(parameters, on_open, on_close_callback=lambda *_: loop.stop(), custom_ioloop=loop)
        loop.add_signal_handler(signal.SIGTERM, opened.close)
        loop.run_forever()


def _stop_on_sigterm(stop: Callable[[], None]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: stop())


class Publishing:
    """Keeps `job.in_flight` messages unconfirmed until all are confirmed, then closes the connection."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._sent = 0
        self._confirmed = 0
        self._unconfirmed: set[int] = set()
        self._orders = built(make_order, job.messages + WARM_UP)
        self._watch: Stopwatch | None = None  # Set once the warm-up is confirmed.

    def start(self, channel: Channel) -> None:
        self._channel = channel
        channel.add_on_return_callback(lambda *_: sys.exit("a message was returned"))
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._send())

    @property
    def _until(self) -> int:
        return self._job.messages + WARM_UP if self._watch else WARM_UP

    def _send(self) -> None:
        while self._sent < self._until and len(self._unconfirmed) < self._job.in_flight:
            body = next(self._orders).model_dump_json().encode()
            self._channel.basic_publish("", self._job.queue, body, _PROPERTIES, mandatory=True)
            self._sent += 1
            self._unconfirmed.add(self._sent)

    def _on_confirm(self, frame: Method[Basic.Ack]) -> None:
        tag = frame.method.delivery_tag
        if not isinstance(frame.method, Basic.Ack):
            sys.exit("the broker refused a message")
        if frame.method.multiple:
            self._unconfirmed = {unconfirmed for unconfirmed in self._unconfirmed if unconfirmed > tag}
        else:
            self._unconfirmed.discard(tag)
        if self._sent == self._until and not self._unconfirmed:
            self._finish_phase()
        else:
            self._send()

    def _finish_phase(self) -> None:
        if self._watch is None:
            self._watch = Stopwatch()
            self._send()
        else:
            self._watch.report(self._job)
            self._channel.connection.close()


def work(job: Job, flavour: str) -> None:
    """Validate and acknowledge each message until told to stop."""
    tally = Tally(job.folder, job.messages)

    def on_message(channel: Channel, method: Basic.Deliver, _properties: BasicProperties, body: bytes) -> None:
        order = Order.model_validate_json(body)
        tally.handled(order.sent_at)
        channel.basic_ack(method.delivery_tag)

    def consume(channel: Channel) -> None:
        channel.basic_qos(prefetch_count=job.prefetch)
        channel.basic_consume(job.queue, on_message)

    run(job, flavour, consume)


if __name__ == "__main__":
    received = Job.received()
    if received.mode == "work":
        work(received, sys.argv[1])
    else:
        run(received, sys.argv[1], Publishing(received).start)
