"""What brokers close a publisher's channel for: the message they mean is told apart from those beside it.

Not here: outcomes of the usual kind (test_guarantees_publishing.py), or the texts without a broker
(tests/unit/transport/test_publisher.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support import BrokerUnderTest
from tests.support.plain import PlainPika
from warren.config import BrokerSettings
from warren.contracts.envelope import Outgoing
from warren.contracts.properties import Properties
from warren.observability.events import EventBus
from warren.transport.confirms import CONFIRMED, Confirmed, Indeterminate, Nacked, Outcome, Returned
from warren.transport.connection import Connection
from warren.transport.io_thread import IoThread
from warren.transport.publisher import Entry, PublishChannel

Publish = Callable[..., dict[str, Outcome]]


@pytest.fixture
def publisher() -> Iterator[Callable[[BrokerUnderTest], Publish]]:
    """A function that publishes a batch on one channel of a broker, and returns what became of each."""
    connections: list[Connection] = []

    def on(broker: BrokerUnderTest) -> Publish:
        connection = Connection(BrokerSettings.parse(broker.url), io=IoThread("test-io"), bus=EventBus(), name="test")
        connections.append(connection)
        connection.start()
        connection.wait_open(20.0)
        channel = PublishChannel(connection, max_body=2**30)

        def publish(*batch: Outgoing) -> dict[str, Outcome]:
            outcomes: dict[str, Outcome] = {}
            settled = threading.Semaphore(0)

            def note(entry: Entry, outcome: Outcome) -> None:
                outcomes[entry.outgoing.message_id] = outcome
                settled.release()

            channel.submit([channel.entry(outgoing, timeout=20.0, settled=note) for outgoing in batch])
            for _ in batch:
                assert settled.acquire(timeout=30.0)
            return outcomes

        return publish

    yield on
    for connection in connections:
        connection.close()
        connection.io.stop()


def message(
    message_id: str, *, exchange: str = "", routing_key: str = "parcels", size: int = 2, user_id: str | None = None
) -> Outgoing:
    properties = Properties(message_id=message_id, user_id=user_id)
    return Outgoing(exchange, routing_key, properties, b"x" * size, message_id, "parcel")


def test_a_missing_exchange_returns_its_own_messages_only(
    broker: BrokerUnderTest, publisher: Callable[[BrokerUnderTest], Publish]
) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare("parcels")
    publish = publisher(broker)

    outcomes = publish(message("good"), message("lost", exchange="nowhere"), message("after"))

    assert isinstance(outcomes["lost"], Returned)
    assert "no exchange 'nowhere'" in outcomes["lost"].reason
    assert isinstance(outcomes["good"], (Confirmed, Indeterminate))
    assert isinstance(outcomes["after"], Indeterminate)
    assert publish(message("next")) == {"next": CONFIRMED}


def test_an_internal_exchange_nacks_its_own_messages_only(
    broker: BrokerUnderTest, publisher: Callable[[BrokerUnderTest], Publish]
) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare("parcels")
        plain.channel.exchange_declare("inside", "fanout", internal=True)

    outcomes = publisher(broker)(message("refused", exchange="inside"), message("after"))

    assert isinstance(outcomes["refused"], Nacked)
    assert isinstance(outcomes["after"], Indeterminate)


def test_a_message_in_another_users_name_is_nacked(
    broker: BrokerUnderTest, publisher: Callable[[BrokerUnderTest], Publish]
) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare("parcels")

    outcomes = publisher(broker)(message("forged", user_id="bob"), message("after"))

    assert isinstance(outcomes["forged"], Nacked)
    assert isinstance(outcomes["after"], Indeterminate)


def test_a_message_beyond_the_brokers_own_limit_is_nacked(
    private_broker: Callable[..., BrokerUnderTest], publisher: Callable[[BrokerUnderTest], Publish]
) -> None:
    broker = private_broker(config={"max_message_size": "1000"})
    with PlainPika(broker.url) as plain:
        plain.declare("parcels")
    publish = publisher(broker)

    outcomes = publish(message("just", size=1000), message("big", size=1001), message("after"))

    assert isinstance(outcomes["big"], Nacked)
    assert "larger than configured max size 1000" in outcomes["big"].reason
    assert isinstance(outcomes["just"], (Confirmed, Indeterminate))
    assert isinstance(outcomes["after"], Indeterminate)
    assert publish(message("next")) == {"next": CONFIRMED}
