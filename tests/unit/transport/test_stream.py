"""The stream reads and writes what pika would, and what it relies on inside pika is there.

Not here: recovery (test_connection.py), or publishing and consuming (test_publisher.py, test_consumer.py).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pika.channel
import pika.connection
import pika.exceptions
import pika.frame
import pika.heartbeat
import pika.spec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pika.adapters import base_connection
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.utils import io_services_utils

from tests.support.scripted_broker import (
    HEARTBEAT,
    NO_PROPERTIES,
    ManualLoop,
    ScriptedBroker,
    Sent,
    content_frames,
    frame,
    method_frame,
)
from warren.contracts.properties import Properties
from warren.transport.stream import RawDelivery, RawReturn, Stream
from warren.transport.wire import decode_properties, encode_properties

CONSUMING, PUBLISHING = 1, 2
BEAT = frame(HEARTBEAT, 0, b"")


@dataclass
class Seen:
    """What arrived, in the order of each channel, in terms that Warren and pika share."""

    deliveries: list[tuple[Any, ...]] = field(default_factory=list)
    confirms: list[tuple[Any, ...]] = field(default_factory=list)  # acks, nacks and returns, in their order


def open_channels(broker: ScriptedBroker, kind: type[AsyncioConnection]) -> Any:
    stream = broker.connect(kind)
    for number in (CONSUMING, PUBLISHING):
        stream.channel(channel_number=number, on_open_callback=lambda _: None)
    broker.run()
    return stream


def through_warren(broker: ScriptedBroker) -> Seen:
    stream, seen = open_channels(broker, Stream), Seen()

    def deliver(batch: list[RawDelivery]) -> None:
        for raw in batch:
            message_id = decode_properties(raw.properties, 0).message_id
            place = (raw.consumer_tag, raw.delivery_tag, raw.redelivered, raw.exchange, raw.routing_key)
            seen.deliveries.append((*place, message_id, raw.body))

    def returned(raw: RawReturn) -> None:
        message_id = decode_properties(raw.properties, 0).message_id
        seen.confirms.append(("return", raw.reply_code, raw.reply_text, raw.exchange, raw.routing_key, message_id))

    stream.route_deliveries(CONSUMING, deliver)
    stream.route_confirms(PUBLISHING, acks=lambda *ack: seen.confirms.append(("ack", *ack)), returns=returned)
    stream._channels[PUBLISHING].confirm_delivery(lambda answer: nacked(seen, answer))
    broker.run()
    return seen


def nacked(seen: Seen, answer: Any) -> None:
    seen.confirms.append((answer.method.NAME.rpartition(".")[2].lower(), *vars(answer.method).values())[:3])


def through_pika(broker: ScriptedBroker) -> Seen:
    connection, seen = open_channels(broker, AsyncioConnection), Seen()

    def deliver(_: Any, method: Any, properties: Any, body: bytes) -> None:
        place = (method.consumer_tag, method.delivery_tag, method.redelivered, method.exchange, method.routing_key)
        seen.deliveries.append((*place, properties.message_id, body))

    def returned(_: Any, method: Any, properties: Any, __: bytes) -> None:
        place = (method.reply_code, method.reply_text, method.exchange, method.routing_key)
        seen.confirms.append(("return", *place, properties.message_id))

    connection._channels[CONSUMING].basic_consume("q", deliver, consumer_tag="c")
    connection._channels[PUBLISHING].add_on_return_callback(returned)
    connection._channels[PUBLISHING].confirm_delivery(lambda answer: nacked(seen, answer))
    broker.run()
    return seen


def identified(message_id: str) -> bytes:
    return encode_properties(Properties(message_id=message_id, headers={"n": 1}))


# -- what arrives: any frames, cut anywhere -----------------------------------------------------

FRAME_MAX = 4_096


@dataclass(frozen=True)
class Arrival:
    """Frames of one message or method; frames of two channels may be interleaved."""

    channel: int
    frames: tuple[bytes, ...]


def as_frames(data: bytes) -> tuple[bytes, ...]:
    frames = []
    while data:
        length = 8 + int.from_bytes(data[3:7], "big")
        frames.append(data[:length])
        data = data[length:]
    return tuple(frames)


bodies = st.integers(0, 3 * FRAME_MAX).map(lambda size: (b"0123456789abcdef" * (size // 16 + 1))[:size])


@st.composite
def deliveries(draw: st.DrawFn) -> Arrival:
    deliver = pika.spec.Basic.Deliver(
        "c", draw(st.integers(1, 2**63)), draw(st.booleans()), draw(st.text(max_size=20)), draw(st.text(max_size=20))
    )
    content = content_frames(CONSUMING, identified(draw(st.text(max_size=10))), draw(bodies), FRAME_MAX)
    return Arrival(CONSUMING, as_frames(method_frame(CONSUMING, deliver) + content))


@st.composite
def returns(draw: st.DrawFn) -> Arrival:
    method = pika.spec.Basic.Return(312, "NO_ROUTE", draw(st.text(max_size=20)), draw(st.text(max_size=20)))
    content = content_frames(PUBLISHING, identified(draw(st.text(max_size=10))), draw(bodies), FRAME_MAX)
    return Arrival(PUBLISHING, as_frames(method_frame(PUBLISHING, method) + content))


confirms = st.builds(
    lambda kind, tag, multiple: Arrival(PUBLISHING, (method_frame(PUBLISHING, kind(tag, multiple)),)),
    st.sampled_from([pika.spec.Basic.Ack, pika.spec.Basic.Nack]),
    st.integers(0, 2**63),
    st.booleans(),
)


@st.composite
def arriving_bytes(draw: st.DrawFn) -> bytes:
    arrivals = draw(st.lists(st.one_of(deliveries(), returns(), confirms), max_size=8))
    queues = {
        number: [each for arrival in arrivals if arrival.channel == number for each in arrival.frames]
        for number in (CONSUMING, PUBLISHING)
    }
    data = b""
    while any(queues.values()):
        number = draw(st.sampled_from([number for number, frames in queues.items() if frames]))
        data += queues[number].pop(0)
        if draw(st.integers(0, 4)) == 0:
            data += BEAT
    return data


def feed_in_pieces(broker: ScriptedBroker, data: bytes, cuts: list[int]) -> None:
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if start < end:
            broker.feed(data[start:end])


@settings(deadline=None, max_examples=60)
@given(arriving_bytes(), st.data())
def test_any_frames_cut_anywhere_arrive_as_pika_reads_them(data: bytes, choice: st.DataObject) -> None:
    cuts = sorted(choice.draw(st.lists(st.integers(0, len(data)), max_size=12)))
    ours, theirs = (ScriptedBroker(ManualLoop(), frame_max=FRAME_MAX, heartbeat=60) for _ in range(2))
    seen, expected = through_warren(ours), through_pika(theirs)

    feed_in_pieces(ours, data, cuts)
    feed_in_pieces(theirs, data, [])

    assert seen.deliveries == expected.deliveries
    assert seen.confirms == expected.confirms


@pytest.fixture
def broker() -> ScriptedBroker:
    return ScriptedBroker(ManualLoop(), frame_max=FRAME_MAX, heartbeat=60)


def test_frames_arrive_one_byte_at_a_time(broker: ScriptedBroker) -> None:
    seen = through_warren(broker)
    long_body = bytes(range(256)) * 40
    data = b"".join(
        [
            broker.delivery(CONSUMING, 1, body=b""),
            BEAT,
            broker.delivery(CONSUMING, 2, body=long_body),
            method_frame(PUBLISHING, pika.spec.Basic.Ack(3, True)),
            broker.delivery(CONSUMING, 3, body=b"{}"),
        ]
    )

    for at in range(len(data)):
        broker.feed(data[at : at + 1])

    assert [delivery[1] for delivery in seen.deliveries] == [1, 2, 3]
    assert [delivery[-1] for delivery in seen.deliveries] == [b"", long_body, b"{}"]
    assert seen.confirms == [("ack", 3, True)]


def test_the_deliveries_of_one_read_are_handed_over_together(broker: ScriptedBroker) -> None:
    stream = open_channels(broker, Stream)
    batches: list[list[int]] = []
    stream.route_deliveries(CONSUMING, lambda batch: batches.append([raw.delivery_tag for raw in batch]))

    broker.feed(b"".join(broker.delivery(CONSUMING, tag) for tag in (1, 2, 3)))
    broker.feed(broker.delivery(CONSUMING, 4))

    assert batches == [[1, 2, 3], [4]]


def test_deliveries_of_two_channels_keep_apart(broker: ScriptedBroker) -> None:
    stream = open_channels(broker, Stream)
    batches: list[tuple[int, list[int]]] = []
    for number in (CONSUMING, PUBLISHING):
        stream.route_deliveries(
            number, lambda batch, number=number: batches.append((number, [raw.delivery_tag for raw in batch]))
        )

    order = [(CONSUMING, 1), (CONSUMING, 2), (PUBLISHING, 1), (CONSUMING, 3)]
    broker.feed(b"".join(broker.delivery(number, tag) for number, tag in order))

    assert batches == [(CONSUMING, [1, 2]), (PUBLISHING, [1]), (CONSUMING, [3])]


def test_deliveries_are_handed_over_before_the_close_that_follows_them(broker: ScriptedBroker) -> None:
    stream = open_channels(broker, Stream)
    order: list[str] = []
    stream._channels[CONSUMING].add_on_close_callback(lambda *_: order.append("closed"))
    stream.route_deliveries(CONSUMING, lambda batch: order.append(f"{len(batch)} delivered"))

    close = method_frame(CONSUMING, pika.spec.Channel.Close(404, "NOT_FOUND", 0, 0))
    broker.feed(broker.delivery(CONSUMING, 1) + close)

    assert order == ["1 delivered", "closed"]


def test_a_delivery_half_there_when_its_channel_ends_is_dropped(broker: ScriptedBroker) -> None:
    stream = open_channels(broker, Stream)
    delivered: list[int] = []
    stream.route_deliveries(CONSUMING, lambda batch: delivered.extend(raw.delivery_tag for raw in batch))
    method, *_ = as_frames(broker.delivery(CONSUMING, 7, body=b"x"))

    broker.feed(method)
    stream.unroute(CONSUMING)
    stream.route_deliveries(CONSUMING, lambda batch: delivered.extend(raw.delivery_tag for raw in batch))
    broker.feed(broker.delivery(CONSUMING, 1))

    assert delivered == [1]


def test_channels_without_a_route_stay_with_pika(broker: ScriptedBroker) -> None:
    stream = open_channels(broker, Stream)
    bodies: list[bytes] = []
    stream._channels[CONSUMING].basic_consume("q", lambda *delivery: bodies.append(delivery[3]), consumer_tag="c")
    broker.run()

    broker.feed(broker.delivery(CONSUMING, 1, body=b"plain"))

    assert bodies == [b"plain"]


def test_properties_that_pika_cannot_read_arrive_as_bytes(broker: ScriptedBroker) -> None:
    stream = open_channels(broker, Stream)
    raw = encode_properties(Properties(headers={"ratio": 0.5, "text": bytearray(b"\xff")}))
    batches: list[list[RawDelivery]] = []
    stream.route_deliveries(CONSUMING, batches.append)

    broker.feed(broker.delivery(CONSUMING, 1, properties=raw))

    assert batches[0][0].properties == raw


@pytest.mark.parametrize(
    "nonsense",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        frame(1, 0, b"\x00\x0a\x00\x0a")[:-1] + b"\x00",  # without its end
        frame(42, 0, b"x"),
        frame(1, 0, b"\x00\x63\x00\x63"),
    ],
    ids=["another protocol", "no frame end", "unknown frame", "unknown method"],
)
def test_what_is_no_amqp_fails_at_once(broker: ScriptedBroker, nonsense: bytes) -> None:
    """The transport takes the exception as the connection's end; the alternative is to wait for the rest of 1.3 GB."""
    broker.connect()

    with pytest.raises((pika.exceptions.AMQPError, KeyError)):
        broker.feed(nonsense)


def test_a_protocol_header_in_reply_is_left_to_the_close_that_follows(broker: ScriptedBroker) -> None:
    """A broker of another version answers with its own header, then closes (AMQP section 2.2.4)."""
    stream = Stream(
        pika.ConnectionParameters(),
        on_open_error_callback=lambda _, error: broker.closed.append(error),
        custom_ioloop=broker.loop,
        internal_connection_workflow=False,
    )
    stream._proto_connection_made(broker.transport)

    stream._proto_data_received(b"AMQP\x00\x00\x08\x00")
    stream._proto_connection_lost(ConnectionResetError())

    assert [type(error) for error in broker.closed] == [pika.exceptions.IncompatibleProtocolError]


# -- what leaves --------------------------------------------------------------------------------


def test_the_writes_of_one_turn_leave_in_one_call_and_in_order(broker: ScriptedBroker) -> None:
    stream = open_channels(broker, Stream)
    broker.transport.writes.clear()

    stream.write(b"first")
    stream._send_frame(pika.frame.Heartbeat())
    stream.write(b"last")
    assert broker.transport.writes == []
    broker.loop.turn()

    assert broker.transport.writes == [b"first" + BEAT + b"last"]
    stream.write(b"next turn")
    broker.loop.turn()
    assert broker.transport.writes[1:] == [b"next turn"]


def test_a_write_right_before_the_close_leaves_before_it(broker: ScriptedBroker) -> None:
    stream = open_channels(broker, Stream)
    publish = Sent(PUBLISHING, "", "q", NO_PROPERTIES, b"last")

    stream.write(
        method_frame(PUBLISHING, pika.spec.Basic.Publish(0, "", "q", True))
        + content_frames(PUBLISHING, NO_PROPERTIES, b"last", FRAME_MAX)
    )
    stream.close()
    broker.run()

    assert broker.publishes == [publish]
    assert broker.names(0)[-1] == "Connection.Close"
    assert isinstance(broker.closed[0], pika.exceptions.ConnectionClosedByClient)


def test_writes_after_the_connection_is_gone_are_dropped(broker: ScriptedBroker) -> None:
    stream = open_channels(broker, Stream)
    written = len(broker.transport.writes)

    stream.write(b"in the same turn")
    broker.lose()
    stream.write(b"later")
    broker.loop.run()

    assert broker.transport.writes[written:] == []


def test_aborting_ends_the_connection_without_the_broker(broker: ScriptedBroker) -> None:
    stream = open_channels(broker, Stream)
    broker.silent.add("Connection.Close")
    stream.close()
    broker.run()
    assert not stream.is_closed

    stream.abort()
    broker.loop.run()

    assert stream.is_closed
    stream.abort()  # nothing is left to end


# -- heartbeats ---------------------------------------------------------------------------------


def test_bytes_are_counted_as_pika_counts_them(broker: ScriptedBroker) -> None:
    theirs = ScriptedBroker(ManualLoop(), frame_max=FRAME_MAX, heartbeat=60)
    through_warren(broker)
    through_pika(theirs)
    before, before_theirs = broker.stream.bytes_received, theirs.stream.bytes_received
    data = broker.delivery(CONSUMING, 1, body=b"x" * 10_000) + BEAT

    for one in (broker, theirs):
        one.feed(data)

    assert broker.stream.bytes_received - before == theirs.stream.bytes_received - before_theirs == len(data)


def test_a_frame_that_is_still_arriving_is_a_sign_of_life(broker: ScriptedBroker) -> None:
    """Any traffic counts (AMQP section 4.2.7); a long frame on a slow line takes longer than a heartbeat."""
    through_warren(broker)
    data = broker.delivery(CONSUMING, 1, body=b"x" * 2_000)

    for at in range(0, len(data), 400):
        broker.feed(data[at : at + 400])
        broker.loop.advance(60.0)

    assert broker.stream.is_open


def test_silence_beyond_the_heartbeat_ends_the_connection(broker: ScriptedBroker) -> None:
    through_warren(broker)

    broker.loop.advance(200.0)

    assert [type(error) for error in broker.closed] == [pika.exceptions.AMQPHeartbeatTimeout]


def test_heartbeats_are_sent_while_nothing_else_is(broker: ScriptedBroker) -> None:
    through_warren(broker)

    for _ in range(4):
        broker.loop.advance(30.0)
        broker.feed(BEAT)
    broker.run()

    assert broker.heartbeats == 4
    assert broker.stream.is_open


# -- pins: what the stream relies on inside pika --------------------------------------------------


def parameters_of(function: Callable[..., object]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (base_connection.BaseConnection, "_adapter_emit_data", ["self", "data"]),
        (base_connection.BaseConnection, "_adapter_disconnect_stream", ["self"]),
        (base_connection.BaseConnection, "_proto_connection_made", ["self", "transport"]),
        (base_connection.BaseConnection, "_proto_data_received", ["self", "data"]),
        (pika.connection.Connection, "_on_data_available", ["self", "data_in"]),
        (pika.connection.Connection, "_process_frame", ["self", "frame_value"]),
        (pika.connection.Connection, "channel", ["self", "channel_number", "on_open_callback"]),
        (pika.frame, "decode_frame", ["data_in"]),
    ],
)
def test_pika_still_has_what_is_overridden_and_called(owner: Any, name: str, parameters: list[str]) -> None:
    assert parameters_of(getattr(owner, name)) == parameters


def test_pika_still_has_the_constructor_that_is_extended() -> None:
    assert parameters_of(AsyncioConnection.__init__) == [
        "self",
        "parameters",
        "on_open_callback",
        "on_open_error_callback",
        "on_close_callback",
        "custom_ioloop",
        "internal_connection_workflow",
    ]


def test_pika_overrides_nothing_on_the_way_that_the_stream_replaces() -> None:
    """What `Stream` overrides must be the method that pika calls: defined once, below `AsyncioConnection`."""
    for name in ("_adapter_emit_data", "_adapter_disconnect_stream", "_proto_connection_made", "_on_data_available"):
        assert name not in vars(AsyncioConnection)


def test_every_frame_pika_writes_passes_the_overridden_method(broker: ScriptedBroker) -> None:
    written: list[bytes] = []

    class Spy(Stream):
        def _adapter_emit_data(self, data: bytes) -> None:
            written.append(data)
            super()._adapter_emit_data(data)

    open_channels(broker, Spy)

    assert b"".join(written).endswith(broker.transport.writes[-1])
    assert len(b"".join(written)) == len(b"AMQP\x00\x00\x09\x01" + b"".join(broker.transport.writes))


def test_the_attributes_read_and_written_inside_pika_are_there(broker: ScriptedBroker) -> None:
    connection = broker.connect(AsyncioConnection)

    assert connection._frame_buffer == b""
    assert connection._channels == {}
    assert connection._transport is broker.transport
    assert connection.params.frame_max == FRAME_MAX
    assert connection.bytes_sent > 0
    assert connection.bytes_received > 0
    assert connection.frames_received == 3


def test_the_heartbeat_checker_goes_by_the_counters_that_the_stream_keeps() -> None:
    source = inspect.getsource(pika.heartbeat.HeartbeatChecker)

    assert "self._connection.bytes_received" in source
    assert "self._connection.bytes_sent" in source


@pytest.mark.parametrize("name", ["_MAX_RECV_BYTES", "_MAX_CONSUME_BYTES"])
def test_the_transport_reads_as_much_at_once_as_it_is_told(name: str, broker: ScriptedBroker) -> None:
    assert f"self.{name}" in inspect.getsource(io_services_utils._AsyncTransportBase._consume)
    assert "_consume" not in vars(io_services_utils._AsyncPlaintextTransport)
    assert "super()._consume()" in inspect.getsource(io_services_utils._AsyncSSLTransport._consume)

    broker.connect()
    assert getattr(broker.transport, name) > getattr(io_services_utils._AsyncTransportBase, name)


def test_a_channel_closed_by_the_broker_tells_its_users_before_pika_forgets_it() -> None:
    """A number can be used again only afterwards, which is why channels are opened again in a later turn."""
    source = inspect.getsource(pika.channel.Channel._transition_to_closed)

    assert source.index("_on_channel_close") < source.index("_cleanup")
