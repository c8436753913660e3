"""What broken, slow and greedy clients do to the embedded broker: nothing that another client notices for long.

Not here: what each violation is answered (tests/protocol, tests/differential).
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from tests.support.embedded_node import EmbeddedNode
from tests.support.waiting import wait_until

MB = 1_000_000
HEADER = b"AMQP\x00\x00\x09\x01"
START_OK = b"\x00\x0a\x00\x0b" + bytes(4) + b"\x05PLAIN" + struct.pack(">I", 12) + b"\0guest\0guest" + b"\x05en_US"
TUNE_OK = b"\x00\x0a\x00\x1f" + struct.pack(">HIH", 2047, 131072, 0)
OPEN = b"\x00\x0a\x00\x28\x01/\x00\x00"
CHANNEL_OPEN = b"\x00\x14\x00\x0a\x00"


def method(channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", 1, channel, len(payload)) + payload + b"\xce"


HANDSHAKE = HEADER + method(0, START_OK) + method(0, TUNE_OK) + method(0, OPEN)


def publish(key: bytes, body: bytes, announced: int | None = None) -> bytes:
    """A transient publish to the default exchange on channel 1."""
    size = len(body) if announced is None else announced
    head = struct.pack(">HHQH", 60, 0, size, 0)
    return (
        method(1, b"\x00\x3c\x00\x28\x00\x00\x00" + bytes([len(key)]) + key + b"\x00")
        + struct.pack(">BHI", 2, 1, len(head))
        + head
        + b"\xce"
        + struct.pack(">BHI", 3, 1, len(body))
        + body
        + b"\xce"
    )


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path / "node", config={"handshake_timeout": "1000"})
    node.start()
    yield node
    assert "Traceback" not in node.log, node.log
    node.stop()


@contextlib.contextmanager
def client(node: EmbeddedNode) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
        yield connection.channel()


def connected(node: EmbeddedNode, data: bytes = b"") -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", node.port), timeout=20.0)
    raw.sendall(data)
    return raw


def works(node: EmbeddedNode) -> None:
    """See that a client that behaves is served."""
    with client(node) as channel:
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.confirm_delivery()
        channel.basic_publish("", queue, b"still here", mandatory=True)
        assert channel.basic_get(queue, auto_ack=True)[2] == b"still here"


def close_all(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def connections(node: EmbeddedNode) -> int:
    """How many sockets the broker has open, besides its listeners."""
    table = Path(f"/proc/{node.pid}/net/tcp").read_text()
    return len(re.findall(rf"^ *\d+: \w+:{node.port:04X} \w+:\w+ 01 ", table, re.MULTILINE))


def test_whatever_bytes_come_the_broker_serves_on(node: EmbeddedNode) -> None:
    works(node)
    before = node.resident_bytes
    chance = random.Random(4821)
    valid = HANDSHAKE + method(1, CHANNEL_OPEN) + publish(b"nowhere", b"x" * 300) * 3
    for _ in range(400):
        stream = bytearray(valid)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(HEADER), len(stream))
            match chance.randrange(3):
                case 0:
                    stream[place] = chance.randrange(256)
                case 1:
                    del stream[place : place + chance.randint(1, 40)]
                case 2:
                    stream[place:place] = chance.randbytes(chance.randint(1, 40))
        with contextlib.closing(connected(node)) as raw, contextlib.suppress(OSError):
            raw.sendall(stream)
    for _ in range(100):
        with contextlib.closing(connected(node)) as raw, contextlib.suppress(OSError):
            raw.sendall(chance.randbytes(chance.randint(1, 5000)))
    works(node)
    wait_until(lambda: connections(node) == 0, timeout=20.0)
    assert node.resident_bytes < before + 20 * MB


def test_handshakes_cut_short_are_dropped_in_time(node: EmbeddedNode) -> None:
    cuts = [connected(node, HANDSHAKE[:length]) for length in range(0, len(HANDSHAKE) - 1, 3)]
    works(node)
    wait_until(lambda: connections(node) == 0, timeout=20.0, message="the broker dropped those that did not log in")
    close_all(cuts)


@pytest.mark.parametrize(
    "greedy",
    [
        struct.pack(">BHI", 1, 1, 0xFFFFFFFF),
        struct.pack(">BHI", 3, 1, 0x7FFFFFFF),
        publish(b"q", b"", announced=2**63),
        publish(b"q", b"x", announced=2**40),
        method(1, b"\x00\x32\x00\x0a\x00\x00\x01q\x00" + struct.pack(">I", 0xFFFFFFF0)),
    ],
    ids=["method", "body", "content", "larger-content", "table"],
)
def test_a_giant_length_takes_no_memory(node: EmbeddedNode, greedy: bytes) -> None:
    works(node)
    before = node.resident_bytes
    sockets = [connected(node, HANDSHAKE + method(1, CHANNEL_OPEN) + greedy) for _ in range(50)]
    works(node)
    assert node.resident_bytes < before + 20 * MB
    close_all(sockets)


def test_a_client_that_vanishes_amid_a_publish_leaves_no_message_and_its_deliveries_come_back(
    node: EmbeddedNode,
) -> None:
    with client(node) as channel:
        channel.queue_declare("q")
        channel.basic_publish("", "q", b"first")
        raw = connected(node, HANDSHAKE + method(1, CHANNEL_OPEN))
        # basic.consume on q, tag c; then a publish whose body stays incomplete.
        raw.sendall(method(1, b"\x00\x3c\x00\x14\x00\x00\x01q\x01c\x00" + bytes(4)))
        wait_until(lambda: channel.queue_declare("q", passive=True).method.message_count == 0)
        raw.sendall(publish(b"q", b"x" * 100, announced=1000))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()  # with a reset
        wait_until(lambda: channel.queue_declare("q", passive=True).method.message_count == 1)
        frame, _, body = channel.basic_get("q", auto_ack=True)
        assert (body, frame.redelivered) == (b"first", True)
        assert channel.basic_get("q")[0] is None


def test_a_slow_reader_holds_up_nobody_and_takes_little_memory(node: EmbeddedNode) -> None:
    with client(node) as channel:
        channel.queue_declare("q", durable=True)
        for _ in range(60):
            channel.basic_publish("", "q", b"x" * MB, pika.BasicProperties(delivery_mode=2))
        wait_until(lambda: channel.queue_declare("q", passive=True).method.message_count == 60)
        slow = connected(node, HANDSHAKE + method(1, CHANNEL_OPEN))
        before = node.resident_bytes
        # basic.consume without acknowledgements: all of the queue would fit its prefetch.
        slow.sendall(method(1, b"\x00\x3c\x00\x14\x00\x00\x01q\x01c\x02" + bytes(4)))
        wait_until(lambda: channel.queue_declare("q", passive=True).method.message_count < 60)
        for _ in range(20):
            works(node)
        assert channel.queue_declare("q", passive=True).method.message_count > 30
        assert node.resident_bytes < before + 20 * MB
        received = 0
        while received < 60 * MB:
            received += len(slow.recv(1 << 20))
        assert channel.queue_declare("q", passive=True).method.message_count == 0
        slow.close()


def test_two_thousand_idle_connections_cost_little_and_go_again(node: EmbeddedNode) -> None:
    works(node)
    before = node.resident_bytes
    sockets = [connected(node, HANDSHAKE) for _ in range(2_000)]
    wait_until(lambda: connections(node) >= 2_000, timeout=60.0)
    works(node)
    each = (node.resident_bytes - before) / 2_000
    assert each < 50_000
    close_all(sockets)
    wait_until(lambda: connections(node) == 0, timeout=30.0)
    works(node)
    # A second time takes nothing more: what was freed is used again.
    level = node.resident_bytes
    sockets = [connected(node, HANDSHAKE) for _ in range(2_000)]
    wait_until(lambda: connections(node) >= 2_000, timeout=60.0)
    close_all(sockets)
    wait_until(lambda: connections(node) == 0, timeout=30.0)
    assert node.resident_bytes < level + 2_000 * each + 10 * MB


def test_a_thousand_channels_on_one_connection(node: EmbeddedNode) -> None:
    with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
        channels = [connection.channel() for _ in range(1_000)]
        queue = channels[0].queue_declare("", exclusive=True).method.queue
        for channel in channels:
            channel.basic_publish("", queue, b"m")
        count = channels[0].queue_declare
        wait_until(lambda: count(queue, passive=True).method.message_count == 1_000)
        works(node)


def test_a_consumer_that_never_acks_cannot_exhaust_the_memory(tmp_path: Path) -> None:
    probe = EmbeddedNode(tmp_path / "probe")
    probe.start()
    idle = probe.resident_bytes
    probe.stop()
    limit = idle + 100 * MB
    node = EmbeddedNode(tmp_path / "node", config={"memory_limit": str(limit)})
    node.start()
    try:
        with (
            client(node) as consumer,
            contextlib.closing(connected(node, HANDSHAKE + method(1, CHANNEL_OPEN))) as raw,
        ):
            consumer.queue_declare("q")  # transient messages: the journal cannot take them out of memory
            consumer.basic_consume("q", lambda *_: None)  # no prefetch, and nothing is ever acknowledged
            raw.settimeout(3.0)
            sent = 0
            with contextlib.suppress(TimeoutError):
                while sent < 600:
                    raw.sendall(publish(b"q", b"x" * 100_000) * 10)
                    sent += 1
                    consumer.connection.process_data_events()
            assert sent < 600, f"no alarm stopped the publisher: {node.resident_bytes}, {limit} allowed; {node.log}"
            assert node.resident_bytes < limit + 100 * MB
            works_for_consumers_only(node)
    finally:
        node.stop()


def works_for_consumers_only(node: EmbeddedNode) -> None:
    """While the alarm is on only publishers wait."""
    with client(node) as channel:
        assert channel.queue_declare("q", passive=True).method.consumer_count == 1
