"""The embedded broker in a test's own process: time moved by hand, faults on demand, and waiting for what happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from warren import Message, Warren
from warren.broker.embedded import EmbeddedBroker
from warren.broker.node import Node
from warren.broker.settings import BrokerConfig
from warren.clock import ManualClock
from warren.errors import BrokerUnavailable, Nacked

PERSISTENT = pika.BasicProperties(delivery_mode=2)


class Parcel(Message, routing_key="parcels"):
    number: int


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(clock=ManualClock()) as broker:
        yield broker


@pytest.fixture
def channel(broker: EmbeddedBroker) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    yield connection.channel()
    if connection.is_open:
        connection.close()


def depth(node: Node, queue: str) -> int:
    return node.vhosts["/"].queues[queue].ready_count


def test_a_ladder_of_ten_minutes_passes_in_no_time(broker: EmbeddedBroker, channel) -> None:
    channel.queue_declare("work")
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work", "x-message-ttl": 600_000}
    channel.queue_declare("work.retry.10m", arguments=arguments)
    channel.basic_publish("", "work.retry.10m", b"again")
    broker.wait_until(lambda node: depth(node, "work.retry.10m") == 1)
    started = time.monotonic()
    broker.advance(599.9)
    assert broker.call(lambda node: depth(node, "work")) == 0
    broker.advance(0.2)
    assert broker.call(lambda node: depth(node, "work")) == 1
    assert time.monotonic() - started < 60.0


def test_waiting_ends_with_what_is_waited_for_or_says_that_it_did_not_come(broker: EmbeddedBroker, channel) -> None:
    channel.queue_declare("work")
    later = threading.Thread(target=lambda: broker.wait_until(lambda node: depth(node, "work") == 1))
    later.start()
    channel.basic_publish("", "work", b"m")
    later.join(10.0)
    assert not later.is_alive()
    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        broker.wait_until(lambda node: depth(node, "work") == 2, timeout=0.05)


def test_an_error_of_a_condition_is_raised_where_it_is_waited_for(broker: EmbeddedBroker) -> None:
    with pytest.raises(KeyError):
        broker.wait_until(lambda node: depth(node, "missing") == 1)


def test_a_connection_is_dropped_before_the_confirm_and_the_message_is_there(broker: EmbeddedBroker, channel) -> None:
    channel.queue_declare("work")
    channel.confirm_delivery()
    broker.call(lambda node: node.faults.drop_before_confirm())
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        channel.basic_publish("", "work", b"m", mandatory=True)
    assert broker.call(lambda node: depth(node, "work")) == 1


def test_a_connection_is_dropped_after_the_confirm(broker: EmbeddedBroker, channel) -> None:
    channel.queue_declare("parcels")
    with Warren("shop", broker=broker.url) as app:
        app.connect()
        broker.call(lambda node: node.faults.drop_after_confirm())
        app.publish(Parcel(number=1))
        broker.wait_until(lambda node: node.churn.connection_closed == 1)
        app.publish(Parcel(number=2))
    assert broker.call(lambda node: depth(node, "parcels")) == 2


def test_publishes_are_nacked_on_demand_and_reach_no_queue(broker: EmbeddedBroker, channel) -> None:
    channel.queue_declare("parcels")
    broker.call(lambda node: node.faults.nack())
    with Warren("shop", broker=broker.url) as app:
        with pytest.raises(Nacked):
            app.publish(Parcel(number=1))
        app.publish(Parcel(number=2))
    assert broker.call(lambda node: depth(node, "parcels")) == 1


def test_confirms_come_late_by_the_brokers_clock(broker: EmbeddedBroker, channel) -> None:
    channel.queue_declare("work")
    channel.confirm_delivery()
    broker.call(lambda node: node.faults.delay_confirms(5.0))
    publishing = threading.Thread(target=lambda: channel.basic_publish("", "work", b"m", mandatory=True))
    publishing.start()
    broker.wait_until(lambda node: depth(node, "work") == 1)
    broker.advance(4.9)
    assert publishing.is_alive()
    broker.advance(0.2)
    publishing.join(10.0)
    assert not publishing.is_alive()


def test_publishers_are_blocked_and_unblocked_on_demand(broker: EmbeddedBroker) -> None:
    heard: list[str] = []
    changed = threading.Condition()

    def hear(word: str) -> None:
        with changed:
            heard.append(word)
            changed.notify_all()

    def follow() -> None:
        connection = pika.BlockingConnection(pika.URLParameters(broker.url))
        connection.add_on_connection_blocked_callback(lambda *_: hear("blocked"))
        connection.add_on_connection_unblocked_callback(lambda *_: hear("unblocked"))
        channel = connection.channel()
        channel.queue_declare("work")
        while "unblocked" not in heard:
            if not heard:
                channel.basic_publish("", "work", b"m")  # the broker blocks whoever publishes while it is short
            connection.process_data_events(time_limit=0.05)
        connection.close()

    following = threading.Thread(target=follow)
    following.start()
    broker.wait_until(lambda node: "work" in node.vhosts["/"].queues and depth(node, "work") >= 1)
    broker.call(lambda node: node.faults.block())
    with changed:
        assert changed.wait_for(lambda: heard == ["blocked"], 10.0)
    broker.call(lambda node: node.faults.unblock())
    following.join(10.0)
    assert heard == ["blocked", "unblocked"]


def test_all_connections_are_cut_at_once(broker: EmbeddedBroker, channel) -> None:
    broker.call(lambda node: node.faults.drop_connections())
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        channel.queue_declare("work")
    broker.wait_until(lambda node: not node.connections)


def test_messages_in_a_folder_outlive_the_broker(tmp_path: Path) -> None:
    config = BrokerConfig(port=0, management_port=None, data=tmp_path / "data")
    for round_number in range(2):
        with EmbeddedBroker(config) as broker, pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
            channel = connection.channel()
            count = channel.queue_declare("kept", durable=True).method.message_count
            assert count == round_number
            channel.confirm_delivery()
            channel.basic_publish("", "kept", b"m", PERSISTENT, mandatory=True)


def test_a_quorum_queue_keeps_transient_messages_too_and_a_classic_one_does_not(tmp_path: Path) -> None:
    config = BrokerConfig(port=0, management_port=None, data=tmp_path / "data")
    kinds = ("quorum", "classic")
    with EmbeddedBroker(config) as broker, pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for kind in kinds:
            channel.queue_declare(kind, durable=True, arguments={"x-queue-type": kind})
            channel.basic_publish("", kind, b"m", mandatory=True)
    with EmbeddedBroker(config) as broker:
        assert {kind: broker.call(lambda node, kind=kind: depth(node, kind)) for kind in kinds} == {
            "quorum": 1,
            "classic": 0,
        }


def test_a_broker_that_is_not_running_says_so() -> None:
    broker = EmbeddedBroker()
    with pytest.raises(BrokerUnavailable, match="start it first"):
        _ = broker.url
    with broker:
        assert broker.management_url is not None
    with pytest.raises(BrokerUnavailable, match="start it first"):
        broker.call(lambda node: None)
    broker.stop()  # twice does no harm


def test_a_broker_that_cannot_listen_says_so_where_it_is_started() -> None:
    with EmbeddedBroker() as first, pytest.raises(BrokerUnavailable, match=f"cannot listen on 127.0.0.1:{first.port}"):
        EmbeddedBroker(BrokerConfig(port=first.port, management_port=None)).start()


def test_only_a_manual_clock_can_be_advanced() -> None:
    with EmbeddedBroker() as broker, pytest.raises(TypeError, match="ManualClock"):
        broker.advance(1.0)


def test_applications_of_one_process_share_the_embedded_broker() -> None:
    received: list[int] = []
    consumer = Warren("depot", broker="embedded://")

    @consumer.consumer("parcels", Parcel)
    def take(parcel: Parcel) -> None:
        received.append(parcel.number)

    with Warren("shop", broker="embedded://") as shop, consumer.worker():
        arrived = threading.Event()
        shop.publish(Parcel(number=7))
        while not received and not arrived.wait(0.01):
            pass
    assert received == [7]
