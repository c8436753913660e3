"""Frames to a client, read back by the broker's own reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.frames import FRAME_MAX, LARGEST, NO_PROPERTIES
from warren.broker.model.message import Address
from warren.broker.protocol import outbound
from warren.broker.protocol.inbound import Acks, Inbound
from warren.broker.protocol.methods import BasicAck, BasicDeliver, BasicNack, BasicReturn, ConnectionTune


def read_back(data: bytes, frame_max: int = FRAME_MAX):
    inbound = Inbound(frame_max, LARGEST)
    commands = inbound.receive(data)
    assert inbound.violation is None
    return commands


@given(
    st.integers(1, 65535),
    st.text(max_size=60),
    st.integers(1, (1 << 64) - 1),
    st.booleans(),
    st.binary(max_size=300),
    st.sampled_from([100, 108, 131072, 0]),
)
def test_a_delivery_is_a_deliver_with_its_content(channel, tag_of_consumer, tag, redelivered, body, frame_max) -> None:
    prefix = outbound.deliver_prefix(tag_of_consumer)
    address = Address("shop", "order.placed")
    data = outbound.deliver(channel, prefix, tag, redelivered, address.wire, b"\x10\x00\x02", body, frame_max)
    sent = BasicDeliver(tag_of_consumer, tag, redelivered, address.exchange, address.routing_key)
    assert data == outbound.content(channel, sent.encode(), b"\x10\x00\x02", body, frame_max)
    assert read_back(data) == [(channel, sent, b"\x10\x00\x02", body)]


@pytest.mark.parametrize("size", [0, 1, 91, 92, 93, 184, 185, 1000])
def test_a_body_is_split_into_frames_no_larger_than_agreed(size) -> None:
    sent = BasicReturn(312, "NO_ROUTE", "shop", "order.placed")
    body = bytes(number % 251 for number in range(size))
    data = outbound.content(1, sent.encode(), NO_PROPERTIES, body, 100)
    assert read_back(data, frame_max=92) == [(1, sent, NO_PROPERTIES, body)]
    assert data.count(b"\xce\x03\x00\x01") == -(-size // 92)


def test_confirms_are_acks_and_nacks() -> None:
    data = outbound.ack_frame(1, 5, False) + outbound.ack_frame(2, 6, True) + outbound.nack_frame(3, 1 << 40, True)
    assert read_back(data) == [
        (1, Acks([5]), None, None),
        (2, BasicAck(6, True), None, None),
        (3, BasicNack(1 << 40, multiple=True, requeue=True), None, None),  # RabbitMQ sets requeue, which says nothing
    ]


def test_methods_and_heartbeats() -> None:
    tune = ConnectionTune(2047, 131072, 60)
    data = outbound.HEARTBEAT_FRAME + outbound.method_frame(0, tune.encode())
    assert data == b"\x08\0\0\0\0\0\0\xce\x01\0\0\0\0\0\x0c\0\x0a\0\x1e\x07\xff\0\x02\0\0\0\x3c\xce"
    assert read_back(data) == [(0, tune, None, None)]
