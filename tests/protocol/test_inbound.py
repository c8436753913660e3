"""From bytes to commands: however they are cut, publishes and acknowledgements in runs, contents of every size."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.frames import (
    FRAME_MAX,
    LARGEST,
    NO_PROPERTIES,
    PUBLISH,
    ack,
    body,
    frame,
    header,
    method,
    publish,
)
from warren.broker.model.message import Address
from warren.broker.protocol.inbound import Acks, Command, ContentTooLarge, Inbound
from warren.broker.protocol.methods import (
    BasicAck,
    BasicPublish,
    BasicQos,
    BasicReject,
    ChannelOpen,
    ConnectionClose,
    ConnectionCloseOk,
    QueueDeclare,
)
from warren.broker.protocol.outbound import HEARTBEAT_FRAME


def new_inbound(*, frame_max: int = FRAME_MAX, largest: int = LARGEST) -> Inbound:
    return Inbound(frame_max, largest)


def received(data: bytes, *, frame_max: int = FRAME_MAX, largest: int = LARGEST) -> list[Command]:
    inbound = new_inbound(frame_max=frame_max, largest=largest)
    commands = inbound.receive(data)
    assert inbound.violation is None
    return commands


def one_ack_each(commands: list[Command]) -> list[Command]:
    """Where a run of acknowledgements is cut is of no importance."""
    return [
        (channel, single, properties, content)
        for channel, sent, properties, content in commands
        for single in ([Acks([tag]) for tag in sent.tags] if isinstance(sent, Acks) else [sent])
    ]


OTHERS = (ChannelOpen(), BasicQos(prefetch_count=7), QueueDeclare("q", durable=True, arguments={"x-max-length": 3}))
CHANNELS = st.integers(1, 3)
KEYS = st.sampled_from(["", "order.placed", "k" * 255])
PIECES = st.one_of(
    st.builds(
        lambda channel, key, parts: publish(channel, *parts, sent=BasicPublish(Address("shop", key))),
        CHANNELS,
        KEYS,
        st.lists(st.binary(min_size=1, max_size=60), max_size=3),
    ),
    st.builds(
        lambda channel, tag, multiple: ack(channel, tag, multiple=multiple),
        CHANNELS,
        st.integers(0, 1 << 63),
        st.booleans(),
    ),
    st.builds(
        lambda channel, tags: b"".join(ack(channel, tag) for tag in tags), CHANNELS, st.lists(st.integers(0, 206))
    ),
    st.builds(method, CHANNELS, st.sampled_from(OTHERS)),
    st.builds(lambda tag: method(2, BasicReject(tag, requeue=True)), st.integers(0, 9)),
    st.just(HEARTBEAT_FRAME),
)


@given(st.lists(PIECES, max_size=12).map(b"".join), st.data())
def test_the_commands_do_not_depend_on_how_the_bytes_are_cut(stream, data) -> None:
    whole = one_ack_each(received(stream))

    by_octet = new_inbound()
    octets = [command for octet in stream for command in by_octet.receive(bytes((octet,)))]
    assert one_ack_each(octets) == whole

    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunked = new_inbound()
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert one_ack_each([command for chunk in chunks for command in chunked.receive(chunk)]) == whole


def test_a_publish_comes_out_with_its_properties_and_body() -> None:
    sent = publish(1, b"hello", properties=b"\x10\x00\x02")
    assert received(sent * 2) == [(1, PUBLISH, b"\x10\x00\x02", b"hello")] * 2


@pytest.mark.parametrize("parts", [(), (b"",), (b"a",), (b"a", b"", b"bc")], ids=repr)
def test_a_body_may_come_in_any_number_of_frames(parts) -> None:
    stream = publish(1, *parts) if any(parts) else publish(1)
    assert received(stream + method(1, BasicQos())) == [
        (1, PUBLISH, NO_PROPERTIES, b"".join(parts)),
        (1, BasicQos(), None, None),
    ]


def test_contents_of_several_channels_may_be_interleaved() -> None:
    frames = [
        method(1, PUBLISH),
        method(2, PUBLISH),
        header(2, 1),
        header(1, 2),
        method(3, ChannelOpen()),
        body(1, b"a"),
        body(2, b"x"),
        HEARTBEAT_FRAME,
        body(1, b"b"),
    ]
    assert received(b"".join(frames)) == [
        (3, ChannelOpen(), None, None),
        (2, PUBLISH, NO_PROPERTIES, b"x"),
        (1, PUBLISH, NO_PROPERTIES, b"ab"),
    ]


def test_consecutive_acks_of_a_channel_are_one_command() -> None:
    stream = b"".join([ack(1, 5), ack(1, 6), ack(1, 206), ack(2, 1), ack(2, 9, multiple=True), ack(2, 10), ack(1, 7)])
    assert received(stream) == [
        (1, Acks([5, 6, 206]), None, None),
        (2, Acks([1]), None, None),
        (2, BasicAck(9, True), None, None),
        (2, Acks([10]), None, None),
        (1, Acks([7]), None, None),
    ]


def test_a_publish_may_look_like_an_ack() -> None:
    """Its payload has thirteen octets, too."""
    sent = BasicPublish(Address("", "\x00\x00\x00"))
    assert len(sent.encode()) == 12
    longer = BasicPublish(Address("", "abcd"))
    assert len(longer.encode()) == 13
    assert received(publish(1, b"a", sent=longer) * 2) == [(1, longer, NO_PROPERTIES, b"a")] * 2


def test_a_long_run_of_acks_is_read_in_one_go() -> None:
    tags = list(range(1, 60_000))
    assert received(b"".join(ack(1, tag) for tag in tags)) == [(1, Acks(tags), None, None)]


# -- sizes --------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_skipped_and_reported_once_it_has_passed() -> None:
    inbound = new_inbound(largest=10)
    assert inbound.receive(publish(1, b"x" * 6)[:-1]) == []
    assert inbound.receive(b"\xce")[0][3] == b"x" * 6
    assert inbound.receive(publish(1, b"x" * 6, b"y" * 4))[0][3] == b"x" * 6 + b"y" * 4
    assert inbound.receive(method(1, PUBLISH) + header(1, 11) + body(1, b"x" * 6)) == []
    assert inbound.receive(body(1, b"y" * 5) + method(1, BasicQos())) == [
        (1, ContentTooLarge(11, 10), None, None),
        (1, BasicQos(), None, None),
    ]
    assert inbound.receive(publish(1, b"z" * 11)) == [(1, ContentTooLarge(11, 10), None, None)]


def test_a_huge_announced_body_allocates_nothing() -> None:
    inbound = new_inbound()
    tracemalloc.start()
    try:
        stream = b"".join(method(channel, PUBLISH) + header(channel, (1 << 64) - 1) for channel in range(1, 200))
        assert inbound.receive(stream) == []
        part = body(1, b"x" * 100_000)
        for _ in range(200):
            inbound.receive(part)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_huge_declared_frame_is_refused_at_its_first_seven_octets() -> None:
    inbound = new_inbound()
    assert inbound.receive(b"\x01\x00\x01\xff\xff\xff") == []
    assert inbound.violation is None
    inbound.receive(b"\xff")
    assert inbound.violation is not None


@pytest.mark.parametrize("read", [1 << 10, 1 << 12, 1 << 16])
def test_a_large_body_in_small_reads_is_copied_a_bounded_number_of_times(read) -> None:
    """Counted, not timed: all joins together copy no more than the stream three times."""
    size = 4 << 20
    stream = publish(1, *[b"x" * (FRAME_MAX - 8)] * (size // (FRAME_MAX - 8)))
    inbound = new_inbound()
    joined = 0
    commands: list[Command] = []
    for at in range(0, len(stream), read):
        before = inbound._pending_size if inbound._pending else 0
        chunk = stream[at : at + read]
        commands += inbound.receive(chunk)
        if before and before + len(chunk) >= inbound._needed:
            joined += before + len(chunk)
    assert len(commands[0][3]) == size // (FRAME_MAX - 8) * (FRAME_MAX - 8)
    assert joined <= 3 * len(stream)


def test_the_largest_frame_and_the_largest_body_pass() -> None:
    largest = LARGEST // 16
    part = FRAME_MAX - 8
    whole, rest = divmod(largest, part)
    parts = [b"x" * part] * whole + [b"y" * rest]
    assert received(publish(1, *parts), largest=largest) == [(1, PUBLISH, NO_PROPERTIES, b"".join(parts))]


def test_without_a_frame_max_a_body_may_come_in_one_frame() -> None:
    whole = b"x" * 1_000_000
    assert received(publish(1, whole), frame_max=0) == [(1, PUBLISH, NO_PROPERTIES, whole)]


def test_a_new_frame_max_holds_from_the_next_bytes_on() -> None:
    inbound = new_inbound()
    assert len(inbound.receive(publish(1, b"x" * 5000))) == 1
    inbound.frame_max = 4096
    inbound.receive(publish(1, b"x" * 5000))
    assert inbound.violation is not None


def test_a_channel_that_is_gone_leaves_no_half_content() -> None:
    inbound = new_inbound()
    inbound.receive(method(1, PUBLISH) + header(1, 5))
    inbound.forget(1)
    inbound.forget(2)
    assert inbound.receive(method(1, ChannelOpen())) == [(1, ChannelOpen(), None, None)]


# -- closing ------------------------------------------------------------------------------


def test_while_closing_only_the_close_of_the_connection_comes_out() -> None:
    inbound = new_inbound()
    inbound.receive(method(1, PUBLISH))
    inbound.close()
    stream = (
        publish(1, b"a")
        + ack(1, 1)
        + frame(9, 3, b"?")
        + method(0, ConnectionCloseOk())
        + method(0, ConnectionClose(200))
    )
    assert [command for octet in stream for command in inbound.receive(bytes((octet,)))] == [
        (0, ConnectionCloseOk(), None, None),
        (0, ConnectionClose(200), None, None),
    ]
    assert inbound.violation is None


def test_what_follows_a_violation_in_the_same_bytes_is_seen_with_the_next() -> None:
    inbound = new_inbound()
    assert inbound.receive(ack(1, 1) + frame(9, 0, b"") + ack(1, 2) + method(0, ConnectionClose(200))) == [
        (1, Acks([1]), None, None)
    ]
    assert inbound.violation is not None
    assert inbound.receive(b"") == [(0, ConnectionClose(200), None, None)]


def test_a_frame_that_is_too_large_while_closing_ends_it_without_another_violation() -> None:
    inbound = new_inbound()
    inbound.receive(frame(9, 0, b""))
    first = inbound.violation
    assert inbound.receive(b"\x01\x00\x01\xff\xff\xff\xff") == []
    assert inbound.receive(method(0, ConnectionCloseOk())) == []
    assert inbound.violation is first


def test_a_broken_close_while_closing_ends_it() -> None:
    inbound = new_inbound()
    inbound.close()
    assert inbound.receive(frame(1, 0, ConnectionClose.IDS + b"?") + method(0, ConnectionCloseOk())) == []
    assert inbound.receive(method(0, ConnectionCloseOk())) == []


def test_after_a_frame_without_an_end_nothing_is_read_any_more() -> None:
    inbound = new_inbound()
    inbound.receive(frame(1, 1, b"\x00\x3c\x00\x50", end=0))
    assert inbound.violation is not None
    assert inbound.violation.is_fatal
    assert inbound.receive(method(0, ConnectionCloseOk())) == []
