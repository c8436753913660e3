"""What a connection does while the broker is short of memory or disk."""

from __future__ import annotations

import pytest

from warren.broker.model.message import Address
from warren.broker.node import Node
from warren.broker.protocol import methods, outbound
from warren.broker.protocol.decoding import decode_method
from warren.broker.protocol.methods import Method
from warren.broker.session.connection import Connection
from warren.broker.session.peer import Peer
from warren.broker.settings import BrokerConfig
from warren.broker.storage.memory import MemoryStorage
from warren.clock import ManualClock

_NO_PROPERTIES = b"\0\0"


class Client:
    """One client of a node, without a socket between them."""

    def __init__(self, *, capable: bool = True) -> None:
        self.node = Node(BrokerConfig(), MemoryStorage(), ManualClock())
        self.node.start()
        self.is_read = True
        self.connection = Connection(
            self.node, Peer(("127.0.0.1", 40000), ("127.0.0.1", 5672)), pause_reading=self._pause_reading
        )
        self.connection.receive(b"AMQP\0\0\x09\x01")
        properties = {"capabilities": {"connection.blocked": capable}}
        self.call(methods.ConnectionStartOk(properties, "PLAIN", b"\0guest\0guest", "en_US"), channel=0)
        self.call(methods.ConnectionTuneOk(2047, 131072, 0), channel=0)
        self.call(methods.ConnectionOpen("/"), channel=0)
        self.call(methods.ChannelOpen())
        self.call(methods.QueueDeclare("q"))

    def _pause_reading(self, pause: bool) -> None:
        self.is_read = not pause

    def call(self, method: Method, *, channel: int = 1) -> list[str]:
        """Send a method; return the names of the answers."""
        self.connection.receive(outbound.method_frame(channel, method.encode()))
        return self.heard()

    def publish(self, *bodies: bytes) -> list[str]:
        """Publish to q, all with one write; return the names of what is heard then."""
        method = methods.BasicPublish(Address("", "q")).encode()
        self.connection.receive(b"".join(outbound.content(1, method, _NO_PROPERTIES, body, 131072) for body in bodies))
        return self.heard()

    def heard(self) -> list[str]:
        self.node.end_turn()
        data, names = self.connection.take_output(), []
        while data:
            size = int.from_bytes(data[3:7], "big")
            names.append(decode_method(data[7 : 7 + size]).NAME)
            data = data[8 + size :]
        return names

    @property
    def waiting(self) -> list[bytes | None]:
        return [entry.message.body for entry in self.node.vhosts["/"].queues["q"].waiting()]


@pytest.fixture
def client() -> Client:
    return Client()


def test_who_published_before_an_alarm_is_not_blocked_by_it(client: Client) -> None:
    client.publish(b"1")
    client.node.set_alarm("memory", "a lot is used")
    assert client.heard() == []
    assert client.call(methods.QueuePurge("q")) == ["queue.purge-ok"]


def test_a_publish_during_an_alarm_waits_for_its_end_with_all_that_follows_it(client: Client) -> None:
    client.node.set_alarm("memory", "a lot is used")
    assert client.publish(b"1", b"2") == ["connection.blocked"]
    assert client.publish(b"3") == []
    assert not client.is_read
    assert client.waiting == []
    client.node.set_alarm("memory", None)
    assert client.heard() == ["connection.unblocked"]
    assert client.is_read
    assert client.waiting == [b"1", b"2", b"3"]


def test_a_second_alarm_prolongs_the_first(client: Client) -> None:
    client.node.set_alarm("memory", "a lot is used")
    client.publish(b"1")
    client.node.set_alarm("disk", "little is left")
    client.node.set_alarm("memory", None)
    assert client.waiting == []
    client.node.set_alarm("disk", None)
    assert client.waiting == [b"1"]


def test_what_breaks_the_protocol_behind_a_blocked_publish_ends_the_connection_after_it(client: Client) -> None:
    client.node.set_alarm("memory", "a lot is used")
    client.publish(b"1")
    client.connection.receive(b"\x01\0\1\0\0\0\x05\0\x14\0\x28\0\x00")
    assert client.heard() == []
    client.node.set_alarm("memory", None)
    assert client.heard() == ["connection.unblocked", "connection.close"]
    assert client.waiting == [b"1"]


def test_a_client_that_does_not_want_to_hear_of_alarms_is_blocked_without_a_word() -> None:
    client = Client(capable=False)
    client.node.set_alarm("disk", "little is left")
    assert client.publish(b"1") == []
    client.node.set_alarm("disk", None)
    assert client.heard() == []
    assert client.waiting == [b"1"]
