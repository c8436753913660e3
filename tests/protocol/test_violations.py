"""What RabbitMQ 4.0.5 replies to broken and misplaced frames, word for word as a node sent it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.frames import FRAME_MAX, LARGEST, PUBLISH, ack, body, frame, header, method, publish
from warren.broker.protocol.inbound import Acks, Inbound
from warren.broker.protocol.methods import BasicQos, ChannelFlow, ConnectionClose
from warren.broker.protocol.violations import FrameViolation


def violation(data: bytes) -> FrameViolation:
    inbound = Inbound(FRAME_MAX, LARGEST)
    assert inbound.receive(ack(1, 7) + data) == [(1, Acks([7]), None, None)]
    assert inbound.violation is not None
    return inbound.violation


BROKEN_FRAMES = {
    "no frame end": (
        frame(1, 1, b"\x01" * 12, end=7),
        "type 1, all octets = <<1,1,1,1,1,1,1,1,1,1,1,1>>: {invalid_frame_end_marker,7}",
    ),
    "no frame end, with a line too long": (
        frame(1, 1, PUBLISH.encode()[:4] + b"\x00\x00\x00\x07nowhere\x00", end=0),
        "type 1, all octets = <<0,60,0,40,0,0,0,7,110,111,119,104,101,114,101,0>>: {invalid_frame_end_marker,\n"
        + " " * 75
        + "0}",
    ),
    "no frame end, with two lines of octets": (
        frame(1, 1, b"\x00\x32\x00\x0a\x00\x00\x1c" + b"q" * 40, end=0x41),
        "type 1, first 16 octets = <<0,50,0,10,0,0,28,113,113,113,113,113,113,113,113,\n"
        + " " * 28
        + "113>>: {invalid_frame_end_marker,65}",
    ),
    "a body without its frame end": (
        publish(1, b"hello")[:-1] + b"\x07",
        'type 3, all octets = <<"hello">>: {invalid_frame_end_marker,7}',
    ),
    "too large": (b"\x01\x00\x01\x00\x03\x0d\x40", "type 1, all octets = <<>>: {frame_too_large,200000,131064}"),
    "one octet too large": (
        b"\x03\x00\x01\x00\x02\x00\x01",
        "type 3, all octets = <<>>: {frame_too_large,131073,131064}",
    ),
    "an unknown type": (frame(9, 1, b"hello"), 'type 9, all octets = <<"hello">>: unknown_frame'),
    "an unknown type with more octets": (
        frame(9, 1, bytes(range(40))),
        "type 9, first 16 octets = <<0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15>>: unknown_frame",
    ),
    "an unknown type with text to escape": (
        frame(9, 1, b'a"b\\c\nd\te'),
        r'type 9, all octets = <<"a\"b\\c\nd\te">>: unknown_frame',
    ),
    "an unknown type with UTF-8": (frame(9, 1, "ééé".encode()), 'type 9, all octets = <<"ééé"/utf8>>: unknown_frame'),
    "an unknown type with Latin-1": (frame(9, 1, b"\xff\xfe"), 'type 9, all octets = <<"ÿþ">>: unknown_frame'),
    "an unknown type without a payload": (frame(9, 0, b""), "type 9, all octets = <<>>: unknown_frame"),
    "a heartbeat with a payload": (frame(8, 0, b"abc"), 'type 8, all octets = <<"abc">>: unknown_frame'),
    "half a method id": (frame(1, 1, b"\x00\x3c\x00"), "type 1, all octets = <<0,60,0>>: unknown_frame"),
    "half a header": (
        method(1, PUBLISH) + frame(2, 1, b"\x00\x3c\x00"),
        "type 2, all octets = <<0,60,0>>: unknown_frame",
    ),
}

_NOT_HEADER = "expected content header for class 60, got non content header frame instead"
_NOT_BODY = "expected content body, got non content body frame instead"
_NOT_METHOD = "expected method frame, got non method frame instead"

MISPLACED_FRAMES = {
    "a header without a method": (header(1, 0), _NOT_METHOD, (0, 0)),
    "a body without a method": (body(1, b"hello"), _NOT_METHOD, (0, 0)),
    "a body after all of it came": (publish(1) + body(1, b""), _NOT_METHOD, (0, 0)),
    "a body instead of a header": (method(1, PUBLISH) + body(1, b"hello"), _NOT_HEADER, (60, 40)),
    "a method instead of a header": (method(1, PUBLISH) + method(1, ChannelFlow()), _NOT_HEADER, (60, 40)),
    "a publish instead of a header": (method(1, PUBLISH) + publish(1, b"a"), _NOT_HEADER, (60, 40)),
    "an ack instead of a header": (method(1, PUBLISH) + ack(1, 1), _NOT_HEADER, (60, 40)),
    "a header with a weight": (method(1, PUBLISH) + header(1, 1, weight=1) + body(1, b"a"), _NOT_HEADER, (60, 40)),
    "a header of another class": (
        method(1, PUBLISH) + header(1, 1, class_id=50) + body(1, b"a"),
        "expected content header for class 60, got one for class 50 instead",
        (60, 40),
    ),
    "a method instead of a body": (method(1, PUBLISH) + header(1, 9) + method(1, BasicQos()), _NOT_BODY, (60, 40)),
    "an ack instead of a body": (method(1, PUBLISH) + header(1, 9) + ack(1, 1), _NOT_BODY, (60, 40)),
    "a header instead of a body": (method(1, PUBLISH) + header(1, 9) + header(1, 9), _NOT_BODY, (60, 40)),
    "anything after a body with more than announced": (
        method(1, PUBLISH) + header(1, 3) + body(1, b"hello") + body(1, b"more") + ack(1, 1),
        _NOT_BODY,
        (60, 40),
    ),
    "a header on channel 0": (
        header(0, 0, b""),
        "type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,0>>",
        (0, 0),
    ),
    "a body on channel 0": (body(0, b"x"), 'type 3, all octets = <<"x">>', (0, 0)),
    "a heartbeat on a channel": (frame(8, 1, b""), "type 8, all octets = <<>>", (0, 0)),
}


@pytest.mark.parametrize(("data", "explanation"), BROKEN_FRAMES.values(), ids=BROKEN_FRAMES)
def test_a_broken_frame_is_a_frame_error(data, explanation) -> None:
    found = violation(data)
    assert (found.code, found.text) == (501, f"FRAME_ERROR - {explanation}")
    assert (found.class_id, found.method_id) == (0, 0)
    assert found.is_answered
    assert found.is_fatal == ("unknown_frame" not in explanation)


@pytest.mark.parametrize(("data", "explanation", "ids"), MISPLACED_FRAMES.values(), ids=MISPLACED_FRAMES)
def test_a_frame_out_of_order_is_an_unexpected_frame(data, explanation, ids) -> None:
    inbound = Inbound(FRAME_MAX, LARGEST)
    inbound.receive(data)
    found = inbound.violation
    assert found is not None
    assert (found.code, found.text) == (505, f"UNEXPECTED_FRAME - {explanation}")
    assert (found.class_id, found.method_id) == ids
    assert found.is_answered
    assert not found.is_fatal


def test_malformed_text_names_the_method_only_on_channel_0() -> None:
    on_channel = violation(frame(1, 1, b"\x00\x32\x00\x0a\x00\x00\x01\xff\x00\x00\x00\x00\x00"))
    on_zero = violation(frame(1, 0, ConnectionClose().encode()[:6] + b"\x01\xff\x00\x00\x00\x00"))
    assert on_channel.text == on_zero.text == "FRAME_ERROR - Malformed UTF-8 in shortstr"
    assert (on_channel.class_id, on_channel.method_id) == (0, 0)
    assert (on_zero.class_id, on_zero.method_id) == (10, 50)


@given(st.lists(st.binary(max_size=40) | st.sampled_from([publish(1, b"a"), ack(1, 1), body(1, b"a")])).map(b"".join))
def test_any_bytes_end_in_commands_or_in_a_violation_however_they_are_cut(stream) -> None:
    whole, by_octet = Inbound(FRAME_MAX, LARGEST), Inbound(FRAME_MAX, LARGEST)
    whole.receive(stream)
    for octet in stream:
        by_octet.receive(bytes((octet,)))
    if whole.violation is None:
        assert by_octet.violation is None
    else:
        assert by_octet.violation is not None
        assert by_octet.violation.text == whole.violation.text
