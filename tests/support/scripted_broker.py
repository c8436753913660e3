"""A broker that is a script: the other end of a stream, without a socket, a thread or a clock.

Not here: what a broker really does; that is tested on real nodes (tests/contract).
"""

from __future__ import annotations

import heapq
import itertools
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pika
import pika.amqp_object
import pika.frame
import pika.spec
from pika.adapters.asyncio_connection import AsyncioConnection

from warren.config import Host
from warren.contracts.properties import Properties
from warren.errors import BrokerUnavailable, WarrenError
from warren.observability.events import Event, EventBus
from warren.transport.stream import Stream
from warren.transport.wire import decode_properties, encode_properties

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
NO_PROPERTIES = encode_properties(Properties())


class Handle:
    """What a loop gives for a call that is due later."""

    def __init__(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def run(self) -> None:
        if not self.is_cancelled:
            self.function(*self.arguments)


class ManualLoop:
    """An event loop that turns when a test says so, with a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._soon: deque[Handle] = deque()
        self._timers: list[tuple[float, int, Handle]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self.now

    def call_soon(self, function: Callable[..., object], *arguments: Any) -> Handle:
        handle = Handle(function, arguments)
        self._soon.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(self, delay: float, function: Callable[..., object], *arguments: Any) -> Handle:
        handle = Handle(function, arguments)
        heapq.heappush(self._timers, (self.now + delay, next(self._order), handle))
        return handle

    def turn(self) -> None:
        """Run what is due now, not what it schedules in turn."""
        for _ in range(len(self._soon)):
            self._soon.popleft().run()

    def run(self) -> None:
        """Turn until nothing is due."""
        for _ in range(1_000):
            if not self._soon:
                return
            self.turn()
        raise AssertionError("the loop never comes to rest")

    def advance(self, seconds: float) -> None:
        """Move the clock, running each timer at its time."""
        end = self.now + seconds
        self.run()
        while self._timers and self._timers[0][0] <= end:
            self.now, _, handle = heapq.heappop(self._timers)
            handle.run()
            self.run()
        self.now = end

    @property
    def delays(self) -> list[float]:
        """How far off each timer is."""
        return sorted(due - self.now for due, _, handle in self._timers if not handle.is_cancelled)


class ManualIo:
    """An I/O thread that is the test's own."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.is_stopped = False
        self.is_current = False

    def start(self) -> None:
        """Nothing to start."""

    def post(self, function: Callable[[], object]) -> bool:
        if not self.is_stopped:
            self.loop.call_soon(function)
        return not self.is_stopped

    def post_later(self, delay: float, function: Callable[[], object]) -> None:
        self.loop.call_later(delay, function)


class ScriptedTransport:
    """The socket's place: keeps what is written."""

    def __init__(self, loop: ManualLoop) -> None:
        self._loop = loop
        self.writes: list[bytes] = []  # one item a system call
        self.on_aborted: Callable[[], None] = lambda: None
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        assert data
        if not self.is_aborted:
            self.writes.append(data)

    def abort(self) -> None:
        if not self.is_aborted:
            self.is_aborted = True
            self._loop.call_soon(self.on_aborted)


@dataclass(frozen=True, slots=True)
class Sent:
    """A publish the client sent."""

    channel: int
    exchange: str
    routing_key: str
    properties: bytes
    body: bytes

    @property
    def message_id(self) -> str | None:
        return decode_properties(self.properties, 0).message_id


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHL", kind, channel, len(payload)) + payload + b"\xce"


def method_frame(channel: int, method: pika.amqp_object.Method) -> bytes:
    return pika.frame.Method(channel, method).marshal()


def content_frames(channel: int, properties: bytes, body: bytes, frame_max: int) -> bytes:
    pieces = [body[at : at + frame_max - 8] for at in range(0, len(body), frame_max - 8)]
    header = frame(HEADER, channel, struct.pack(">HHQ", 60, 0, len(body)) + properties)
    return header + b"".join(frame(BODY, channel, piece) for piece in pieces)


def split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Take bytes apart into frames: kind, channel, payload."""
    while data:
        kind, channel, length = struct.unpack_from(">BHL", data)
        assert data[7 + length] == 0xCE, "a frame without its end"
        yield kind, channel, data[7 : 7 + length]
        data = data[8 + length :]


def decode_method(payload: bytes) -> Any:
    method = pika.spec.methods[int.from_bytes(payload[:4], "big")]()
    method.decode(payload, 4)
    return method


ANSWERS: Final[dict[str, Callable[[Any], pika.amqp_object.Method]]] = {
    "Channel.Open": lambda _: pika.spec.Channel.OpenOk(),
    "Channel.Close": lambda _: pika.spec.Channel.CloseOk(),
    "Confirm.Select": lambda _: pika.spec.Confirm.SelectOk(),
    "Basic.Qos": lambda _: pika.spec.Basic.QosOk(),
    "Basic.Consume": lambda method: pika.spec.Basic.ConsumeOk(method.consumer_tag),
    "Basic.Cancel": lambda method: pika.spec.Basic.CancelOk(method.consumer_tag),
    "Queue.Declare": lambda method: pika.spec.Queue.DeclareOk(method.queue, 0, 0),
    "Connection.Close": lambda _: pika.spec.Connection.CloseOk(),
}


class ScriptedBroker:
    """Speaks AMQP with one connection: answers what every broker answers, and the rest when told to.

    `silent` holds names of methods it does not answer, such as "Channel.Open".
    """

    def __init__(self, loop: ManualLoop, *, frame_max: int = 131_072, heartbeat: int = 0) -> None:
        self.loop = loop
        self.frame_max = frame_max
        self.heartbeat = heartbeat
        self.silent: set[str] = set()
        self.methods: list[tuple[int, Any]] = []  # channel and method, publishes left out
        self.publishes: list[Sent] = []
        self.heartbeats = 0
        self.closed: list[BaseException] = []
        self.transport = ScriptedTransport(loop)
        self._read = 0  # writes taken apart so far
        self._content: list[Any] = []  # the publish whose content is coming

    def connect(self, kind: type[AsyncioConnection] = Stream) -> Any:
        """Return a connection whose handshake is done."""
        stream = kind(
            pika.ConnectionParameters(heartbeat=self.heartbeat, frame_max=131_072),
            on_open_error_callback=lambda _, error: self.closed.append(error),
            on_close_callback=lambda _, error: self.closed.append(error),
            custom_ioloop=self.loop,
            internal_connection_workflow=False,
        )
        self.stream = stream
        self.transport.on_aborted = lambda: stream._proto_connection_lost(None)
        stream._proto_connection_made(self.transport)
        self.loop.run()
        assert self.transport.writes.pop(0) == b"AMQP\x00\x00\x09\x01"
        capabilities = {"publisher_confirms": True, "basic.nack": True, "consumer_cancel_notify": True}
        self.send(0, pika.spec.Connection.Start(0, 9, {"capabilities": capabilities}, "PLAIN", "en_US"))
        self.send(0, pika.spec.Connection.Tune(2047, self.frame_max, self.heartbeat))
        self.send(0, pika.spec.Connection.OpenOk(""))
        assert stream.is_open
        return stream

    # -- to the client ----------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Let bytes arrive, and answer what the client sends upon them."""
        self.stream._proto_data_received(data)
        self.run()

    def send(self, channel: int, method: pika.amqp_object.Method) -> None:
        self.feed(method_frame(channel, method))

    def ack(self, channel: int, tag: int, *, multiple: bool = False) -> None:
        self.send(channel, pika.spec.Basic.Ack(tag, multiple))

    def nack(self, channel: int, tag: int, *, multiple: bool = False) -> None:
        self.send(channel, pika.spec.Basic.Nack(tag, multiple))

    def give_back(self, sent: Sent) -> None:
        """Return a publish as unroutable."""
        returned = pika.spec.Basic.Return(312, "NO_ROUTE", sent.exchange, sent.routing_key)
        content = content_frames(sent.channel, sent.properties, sent.body, self.frame_max)
        self.feed(method_frame(sent.channel, returned) + content)

    def delivery(
        self, channel: int, tag: int, *, body: bytes = b"{}", properties: bytes = NO_PROPERTIES, consumer: str = "c"
    ) -> bytes:
        """Return the bytes of a delivery, to feed alone or with others."""
        deliver = pika.spec.Basic.Deliver(consumer, tag, False, "orders", "orders.created")
        return method_frame(channel, deliver) + content_frames(channel, properties, body, self.frame_max)

    def close_channel(self, channel: int, code: int, text: str) -> None:
        self.send(channel, pika.spec.Channel.Close(code, text, 0, 0))

    def lose(self) -> None:
        """Cut the connection."""
        self.transport.is_aborted = True
        self.stream._proto_connection_lost(ConnectionResetError("reset"))
        self.loop.run()

    # -- from the client --------------------------------------------------------------------

    def run(self) -> None:
        """Turn the loop, reading and answering, until both ends are at rest."""
        self.loop.run()
        while self._read < len(self.transport.writes):
            data = self.transport.writes[self._read]
            self._read += 1
            for kind, channel, payload in split(data):
                self._take(kind, channel, payload)
            self.loop.run()

    def _take(self, kind: int, channel: int, payload: bytes) -> None:
        if kind == METHOD:
            method = decode_method(payload)
            if isinstance(method, pika.spec.Basic.Publish):
                assert method.mandatory
                self._content = [channel, method.exchange, method.routing_key]
                return
            self.methods.append((channel, method))
            answer = ANSWERS.get(method.NAME)
            if answer is not None and method.NAME not in self.silent and not self.transport.is_aborted:
                self.stream._proto_data_received(method_frame(channel, answer(method)))
        elif kind == HEADER:
            (missing,) = struct.unpack_from(">Q", payload, 4)
            self._content += [payload[12:], missing, b""]
            self._finish()
        elif kind == BODY:
            assert len(payload) <= self.frame_max - 8
            self._content[5] += payload
            self._finish()
        else:
            assert kind == HEARTBEAT
            self.heartbeats += 1

    def _finish(self) -> None:
        channel, exchange, routing_key, properties, size, body = self._content
        if len(body) == size:
            self.publishes.append(Sent(channel, exchange, routing_key, properties, body))
            self._content = []

    def names(self, channel: int) -> list[str]:
        """Return the names of the methods the client sent on a channel, in order."""
        return [method.NAME for number, method in self.methods if number == channel]


class ScriptedConnection:
    """A connection that comes and goes as the test says; for a publisher or a consumer on it."""

    def __init__(self) -> None:
        self.io = ManualIo()
        self.loop = self.io.loop
        self.bus = EventBus()
        self.events: list[Event] = []
        self.bus.subscribe(self.events.append)
        self.frame_max = 131_072
        self.error: WarrenError | None = None
        self.stream: Any = None  # set only while it is up
        self.blocked_reason: str | None = None
        self.host: Host | None = None
        self.channels: set[int] = set()
        self.users: list[Any] = []

    # -- what its users call ------------------------------------------------------------------

    def attach(self, user: Any) -> None:
        self.users.append(user)

    def detach(self, user: Any) -> None:
        self.users.remove(user)

    def wait_open(self, timeout: float) -> None:
        """As far as this connection is concerned it has waited."""

    def reserve_channel(self) -> int:
        number = next(number for number in itertools.count(1) if number not in self.channels)
        self.channels.add(number)
        return number

    def release_channel(self, number: int) -> None:
        self.channels.remove(number)

    # -- what a test does ---------------------------------------------------------------------

    def up(self, *, frame_max: int = 131_072, silent: set[str] | None = None) -> ScriptedBroker:
        """Open, and return the broker at the other end."""
        broker = ScriptedBroker(self.loop, frame_max=frame_max)
        broker.silent = silent or set()
        self.stream = stream = broker.connect()
        self.frame_max = stream.frame_max
        self.error = None
        for user in list(self.users):
            user.connection_opened(stream)
        broker.run()
        return broker

    def down(self, broker: ScriptedBroker, reason: str = "reset") -> None:
        """Lose it: pika tells the channels first."""
        broker.lose()
        self.stream, self.error = None, BrokerUnavailable(reason)
        for user in list(self.users):
            user.connection_lost(reason)
        self.loop.run()

    def end(self, error: WarrenError) -> None:
        """Close it for good."""
        self.error = error
        for user in list(self.users):
            user.connection_closed(error)
        self.loop.run()

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]
