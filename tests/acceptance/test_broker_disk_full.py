"""The embedded broker on a disk that is full: publishers are blocked, nothing is confirmed, and nothing is lost.

Not here: each way in which a disk can fail (tests/unit/broker/storage/test_failing_disk.py).

A limit on the size of files, set on the running process, stands for the full disk: it needs no rights and no mount, and
every write beyond it fails.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from pika.exceptions import AMQPError

from tests.support.embedded_node import EmbeddedNode
from tests.support.flood import Flood
from tests.support.waiting import wait_until
from warren.broker.model.message import Address

QUEUE = "orders"
UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path / "node")
    node.start()
    with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
        connection.channel().queue_declare(QUEUE, durable=True)
    yield node
    node.kill()


def limit_files(node: EmbeddedNode, size: int) -> None:
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))


def largest_file(node: EmbeddedNode) -> int:
    return max(path.stat().st_size for path in node.data_dir.rglob("*") if path.is_file())


def messages_in(node: EmbeddedNode) -> list[bytes]:
    """Take and return everything in the queue."""
    with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
        channel = connection.channel()
        count = channel.queue_declare(QUEUE, passive=True).method.message_count
        return [channel.basic_get(QUEUE, auto_ack=True)[2] for _ in range(count)]


class Watcher:
    """A client that hears when it is blocked, which happens to those that publish while the disk is full."""

    def __init__(self, node: EmbeddedNode) -> None:
        self.events: list[str] = []
        self.connection = pika.BlockingConnection(pika.URLParameters(node.url))
        self.connection.add_on_connection_blocked_callback(lambda *_: self.events.append("blocked"))
        self.connection.add_on_connection_unblocked_callback(lambda *_: self.events.append("unblocked"))
        self._channel = self.connection.channel()

    def is_blocked(self) -> bool:
        self._channel.basic_publish("", "nowhere", b"so it publishes")
        self.connection.process_data_events(0.05)
        return self.events == ["blocked"]

    def is_unblocked(self) -> bool:
        self.connection.process_data_events(0.05)
        return self.events == ["blocked", "unblocked"]


@pytest.fixture
def watcher(node: EmbeddedNode) -> Iterator[Watcher]:
    watcher = Watcher(node)
    yield watcher
    try:
        watcher.connection.close()
    except AMQPError:
        pass  # The test killed the broker.


@pytest.fixture
def flood(node: EmbeddedNode) -> Iterator[Flood]:
    flood = Flood(node.port)
    yield flood
    flood.close()


def test_a_full_disk_blocks_publishers_and_loses_nothing(node: EmbeddedNode, watcher: Watcher, flood: Flood) -> None:
    sent = [b"%04d" % number + b"x" * 500 for number in range(390)]  # below the window: publish does not wait
    flood.publish((Address("", QUEUE), body) for body in sent[:10])
    flood.wait(10)

    limit_files(node, largest_file(node) + 20_000)
    flood.publish((Address("", QUEUE), body) for body in sent[10:])
    wait_until(watcher.is_blocked, message="the publisher is blocked")
    assert len(flood.confirmed) < 100

    limit_files(node, UNLIMITED)
    wait_until(watcher.is_unblocked, message="the publisher is unblocked")
    flood.wait(len(sent))
    assert flood.confirmed == sent

    node.kill()
    node.start()
    assert messages_in(node) == sent


def test_what_was_confirmed_before_survives_a_kill_while_the_disk_is_full(
    node: EmbeddedNode, watcher: Watcher, flood: Flood
) -> None:
    sent = [b"%04d" % number + b"x" * 500 for number in range(300)]
    flood.publish((Address("", QUEUE), body) for body in sent[:50])
    flood.wait(50)
    limit_files(node, largest_file(node) + 5_000)
    flood.publish((Address("", QUEUE), body) for body in sent[50:])
    wait_until(watcher.is_blocked, message="the publisher is blocked")
    confirmed = len(flood.confirmed)

    node.kill()
    node.start()
    found = messages_in(node)
    assert found[:confirmed] == sent[:confirmed]
    assert found == sent[: len(found)]


def test_consumers_go_on_while_publishers_are_blocked(node: EmbeddedNode, watcher: Watcher, flood: Flood) -> None:
    sent = [b"%04d" % number + b"x" * 500 for number in range(200)]
    flood.publish((Address("", QUEUE), body) for body in sent[:100])
    flood.wait(100)
    limit_files(node, largest_file(node) + 5_000)
    flood.publish((Address("", QUEUE), body) for body in sent[100:])
    wait_until(watcher.is_blocked, message="the publisher is blocked")
    assert messages_in(node)[:100] == sent[:100]
    limit_files(node, UNLIMITED)
    flood.wait(len(sent))
