"""Frames that violate the protocol, and methods in the wrong place.

Not here: the handshake (handshake.py).
"""

from __future__ import annotations

import struct

from tests.differential.raw.channel import Channel
from tests.differential.raw.connection import BODY, HEADER, HEARTBEAT, METHOD
from tests.differential.script import Script, each, scenario


def numbers(class_id: int, method_id: int) -> bytes:
    return struct.pack(">HH", class_id, method_id)


@scenario
def a_frame_with_a_wrong_end(ch: Channel) -> None:
    ch.connection.send_frame(METHOD, 1, numbers(90, 10), end=b"\0")
    ch.connection.ended()


@each(0, 4, 5, 7, 9, 65, 255)
def a_frame_of_an_unknown_kind(ch: Channel, kind: int) -> None:
    ch.connection.send_frame(kind, 1, b"abc")
    ch.connection.ended()


@scenario
def a_frame_larger_than_agreed(s: Script) -> None:
    channel = s.connect(tune=(2047, 4096, 0)).channel()
    channel.send("basic.publish", "", "q")
    channel.connection.send_header(1, 5000)
    channel.connection.send_frame(BODY, 1, b"x" * 5000)
    channel.connection.ended()


@scenario
def a_frame_as_large_as_agreed(s: Script) -> None:
    channel = s.connect(tune=(2047, 4096, 0)).channel()
    channel.queue("q")
    channel.put("q", b"x" * (4096 - 8))
    channel.get("q")


@scenario
def a_frame_with_a_giant_length(ch: Channel) -> None:
    ch.connection.send(struct.pack(">BHI", METHOD, 1, 0xFFFFFFFF) + b"abc")
    ch.connection.ended()


@each((50, 99), (99, 10), (0, 0), (60, 0), (65535, 65535), (10, 99), (50, 11), (60, 60), (60, 50), (20, 11))
def a_method_that_is_unknown_or_only_a_brokers(ch: Channel, class_id: int, method_id: int) -> None:
    ch.connection.send_frame(METHOD, 1, numbers(class_id, method_id))
    ch.connection.ended()


@each(b"", b"\0", b"\0\x32", b"\0\x32\0")
def a_method_frame_too_short_for_its_numbers(ch: Channel, payload: bytes) -> None:
    ch.connection.send_frame(METHOD, 1, payload)
    ch.connection.ended()


@scenario
def a_method_cut_short(ch: Channel) -> None:
    ch.connection.send_frame(METHOD, 1, numbers(50, 10) + b"\0\0\x05ab")
    ch.connection.ended()


@scenario
def a_method_with_bytes_left_over(ch: Channel) -> None:
    ch.connection.send_frame(METHOD, 1, numbers(90, 10) + b"more")
    ch.connection.ended()


@scenario
def a_table_longer_than_its_frame(ch: Channel) -> None:
    ch.connection.send_frame(METHOD, 1, numbers(50, 10) + b"\0\0\x01q\0" + b"\0\0\0\x50" + b"\x01a")
    ch.connection.ended()


@scenario
def a_table_with_a_value_of_an_unknown_type(ch: Channel) -> None:
    ch.connection.send_frame(METHOD, 1, numbers(50, 10) + b"\0\0\x01q\0" + b"\0\0\0\x07" + b"\x01aZ\0\0\0\1")
    ch.connection.ended()


@scenario
def a_queue_name_that_is_not_UTF_8(ch: Channel) -> None:
    ch.send("queue.declare", b"q\xff\xfe", shown="q\\xff\\xfe")
    ch.connection.ended()


@scenario
def a_content_header_without_a_method(ch: Channel) -> None:
    ch.connection.send_header(1, 3)
    ch.connection.ended()


@scenario
def a_body_without_a_method(ch: Channel) -> None:
    ch.connection.send_frame(BODY, 1, b"abc")
    ch.connection.ended()


@scenario
def a_body_before_its_header(ch: Channel) -> None:
    ch.send("basic.publish", "", "q")
    ch.connection.send_frame(BODY, 1, b"abc")
    ch.connection.ended()


@scenario
def a_method_instead_of_a_content_header(ch: Channel) -> None:
    ch.send("basic.publish", "", "q")
    ch.call("queue.declare", "q")
    ch.connection.ended()


@scenario
def a_method_instead_of_a_body(ch: Channel) -> None:
    ch.send("basic.publish", "", "q")
    ch.connection.send_header(1, 3)
    ch.call("queue.declare", "q")
    ch.connection.ended()


@scenario
def a_second_content_header(ch: Channel) -> None:
    ch.send("basic.publish", "", "q")
    ch.connection.send_header(1, 3)
    ch.connection.send_header(1, 3)
    ch.connection.ended()


@scenario
def a_content_header_of_another_class(ch: Channel) -> None:
    ch.send("basic.publish", "", "q")
    ch.connection.send_header(1, 3, cls=50)
    ch.connection.ended()


@scenario
def a_content_header_with_a_weight(ch: Channel) -> None:
    ch.queue("q")
    ch.send("basic.publish", "", "q")
    ch.connection.send_frame(HEADER, 1, struct.pack(">HHQH", 60, 7, 0, 0))
    ch.sync("q")
    ch.get("q")


@scenario
def a_content_header_cut_short(ch: Channel) -> None:
    ch.send("basic.publish", "", "q")
    ch.connection.send_frame(HEADER, 1, struct.pack(">HHI", 60, 0, 0))
    ch.connection.ended()


@scenario
def a_content_header_with_properties_cut_short(ch: Channel) -> None:
    ch.queue("q")
    ch.send("basic.publish", "", "q")
    ch.connection.send_frame(HEADER, 1, struct.pack(">HHQH", 60, 0, 0, 0x8000) + b"\x09ab")
    ch.sync("q")
    ch.get("q")


@scenario
def a_body_longer_than_its_header_said(ch: Channel) -> None:
    ch.queue("q")
    ch.send("basic.publish", "", "q")
    ch.connection.send_header(1, 2)
    ch.connection.send_frame(BODY, 1, b"abc")
    ch.sync("q")
    ch.get("q")


@scenario
def a_body_in_many_frames_one_of_them_empty(ch: Channel) -> None:
    ch.queue("q")
    ch.send("basic.publish", "", "q")
    ch.connection.send_header(1, 5)
    for piece in (b"a", b"b", b"", b"cde"):
        ch.connection.send_frame(BODY, 1, piece)
    ch.sync("q")
    ch.get("q")


@scenario
def contents_of_two_channels_may_alternate(ch: Channel) -> None:
    other, connection = ch.connection.channel(), ch.connection
    ch.queue("q")
    for channel in (ch, other):
        channel.send("basic.publish", "", "q")
    connection.send_header(2, 3)
    connection.send_header(1, 3)
    connection.send_frame(BODY, 1, b"one")
    ch.sync("q")
    connection.send_frame(BODY, 2, b"two")
    other.sync("q")
    ch.get("q")
    ch.get("q")


@scenario
def a_heartbeat_is_no_answer_to_anything(ch: Channel) -> None:
    ch.connection.send_frame(HEARTBEAT, 0, b"")
    ch.queue("q")


@scenario
def a_heartbeat_on_a_channel(ch: Channel) -> None:
    ch.connection.send_frame(HEARTBEAT, 1, b"")
    ch.queue("q")


@scenario
def a_heartbeat_with_a_payload(ch: Channel) -> None:
    ch.connection.send_frame(HEARTBEAT, 0, b"abc")
    ch.queue("q")


@scenario
def heartbeats_come_at_the_agreed_interval(s: Script) -> None:
    connection = s.connect(tune=(2047, 131072, 1))
    if not connection.pump(lambda: connection.heartbeats >= 2, 4.0):
        connection.zero.note("!! no heartbeats")


@each("queue.declare", "basic.publish", "basic.ack", "tx.select", "channel.open", "channel.close", "confirm.select")
def a_method_of_a_channel_on_channel_0(s: Script, method: str) -> None:
    connection = s.connect()
    connection.zero.send(method)
    connection.ended()


@each("connection.close", "connection.open", "connection.close-ok", "connection.update-secret")
def a_method_of_the_connection_on_a_channel(ch: Channel, method: str) -> None:
    ch.send(method)
    ch.connection.ended()


@scenario
def a_content_header_on_channel_0(s: Script) -> None:
    connection = s.connect()
    connection.send_header(0, 3)
    connection.ended()


@each("queue.declare", "basic.ack", "channel.close", "channel.close-ok", "channel.flow-ok", "tx.select")
def a_method_on_a_channel_not_opened(s: Script, method: str) -> None:
    connection = s.connect()
    connection.channel(7, opened=False).send(method)
    connection.zero.closed()
    connection.ended()


@each(HEADER, BODY)
def content_on_a_channel_not_opened(s: Script, kind: int) -> None:
    connection = s.connect()
    connection.send_frame(kind, 7, b"abc")
    connection.ended()
