"""A subscription against a scripted broker: it always comes back, and acks reach only the channel they belong to.

Not here: which acks are sent (test_acks.py), or real brokers (tests/contract).
"""

from __future__ import annotations

import random
import struct
from typing import Any

import pika.spec
import pytest

from tests.support.scripted_broker import ScriptedBroker, ScriptedConnection
from warren.contracts.incoming import Incoming
from warren.contracts.properties import Properties
from warren.errors import BrokerRefused
from warren.observability import events
from warren.transport.consumer import ConsumerChannel, Subscription, SubscriptionState
from warren.transport.wire import MALFORMED, encode_properties

CHANNEL = 1
SUBSCRIBING = ["Channel.Open", "Basic.Qos", "Basic.Consume"]


class Consuming:
    """A consumer channel, and what it was given."""

    def __init__(self) -> None:
        self.connection = ScriptedConnection()
        self.loop = self.connection.loop
        self.delivered: list[Incoming] = []
        self.batches: list[int] = []
        self.missing = 0
        self.cancelled = 0
        self.channel = ConsumerChannel(
            self.connection,
            Subscription("invoices", "billing", 20, arguments={"x-priority": 1}),
            on_deliveries=self._take,
            on_queue_missing=self._note_missing,
            rng=random.Random(1),
        )
        self.channel.start()

    def _take(self, batch: list[Incoming]) -> None:
        self.batches.append(len(batch))
        self.delivered += batch

    def _note_missing(self) -> None:
        self.missing += 1

    def cancel(self) -> None:
        self.channel.cancel(self._note_cancelled)
        self.loop.run()

    def _note_cancelled(self) -> None:
        self.cancelled += 1

    def deliver(self, broker: ScriptedBroker, *tags: int) -> list[Incoming]:
        broker.feed(b"".join(broker.delivery(CHANNEL, tag) for tag in tags))
        return self.delivered[-len(tags) :]

    def ack(self, *deliveries: Incoming) -> None:
        for incoming in deliveries:
            self.channel.ack(incoming)
        self.loop.run()

    @property
    def state(self) -> SubscriptionState:
        return self.channel.state


@pytest.fixture
def consuming() -> Consuming:
    return Consuming()


def acks(broker: ScriptedBroker) -> list[tuple[int, bool]]:
    broker.run()
    return [
        (method.delivery_tag, method.multiple)
        for _, method in broker.methods
        if isinstance(method, pika.spec.Basic.Ack)
    ]


# -- subscribing ------------------------------------------------------------------------------------


def test_it_subscribes_with_static_prefetch_and_its_own_tag(consuming: Consuming) -> None:
    broker = consuming.connection.up()

    assert broker.names(CHANNEL) == SUBSCRIBING
    (_, _, qos), (_, _, consume) = [(0, 0, method) for _, method in broker.methods[-2:]]
    assert (qos.prefetch_count, qos.global_qos) == (20, False)
    assert (consume.queue, consume.consumer_tag, consume.no_ack) == ("invoices", "billing.1", False)
    assert consume.arguments == {"x-priority": 1}
    assert consuming.state is SubscriptionState.SUBSCRIBED
    assert consuming.connection.of(events.Subscribed) == [events.Subscribed("invoices", "billing", 1)]


def test_deliveries_of_one_read_come_together_with_everything_in_them(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    properties = Properties(message_id="m-1", headers={"n": 1})
    broker.feed(
        broker.delivery(CHANNEL, 1, body=b'{"a":1}', properties=encode_properties(properties))
        + broker.delivery(CHANNEL, 2, body=b"")
    )

    first, second = consuming.delivered
    assert consuming.batches == [2]
    assert (first.body, first.properties, first.exchange, first.routing_key) == (
        b'{"a":1}',
        properties,
        "orders",
        "orders.created",
    )
    assert (first.delivery_tag, first.generation, second.delivery_tag, second.body) == (1, 1, 2, b"")


def test_properties_no_one_can_read_keep_their_bytes_and_the_message_comes(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    malformed = struct.pack(">H", 1 << 13) + b"\x00\x00\x00\x03\x01a?"
    broker.feed(broker.delivery(CHANNEL, 1, properties=malformed, body=b"sound"))

    (incoming,) = consuming.delivered
    assert incoming.body == b"sound"
    assert dict(incoming.properties.headers) == {MALFORMED: malformed}


# -- acknowledging ----------------------------------------------------------------------------------


def test_acks_of_one_turn_leave_together_as_one(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    deliveries = consuming.deliver(broker, 1, 2, 3)
    writes = len(broker.transport.writes)

    consuming.ack(*deliveries)

    assert acks(broker) == [(3, True)]
    assert len(broker.transport.writes) == writes + 1


def test_an_ack_of_a_former_channel_is_dropped_and_told(consuming: Consuming) -> None:
    first = consuming.connection.up()
    (old,) = consuming.deliver(first, 1)
    consuming.connection.down(first)
    assert not consuming.channel.is_current(old)
    second = consuming.connection.up()
    (new,) = consuming.deliver(second, 1)
    assert not consuming.channel.is_current(old)
    assert consuming.channel.is_current(new)

    consuming.ack(old)
    assert acks(second) == []
    assert consuming.connection.of(events.AckDropped) == [events.AckDropped("invoices", "billing", 1)]
    consuming.ack(new)
    assert acks(second) == [(1, False)]


def test_an_ack_while_there_is_no_connection_is_dropped(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    deliveries = consuming.deliver(broker, 1, 2)
    consuming.connection.down(broker)
    consuming.ack(*deliveries)

    assert consuming.connection.of(events.AckDropped) == [events.AckDropped("invoices", "billing", 2)]


def test_a_second_ack_of_a_delivery_costs_no_other_its_ack(
    consuming: Consuming, caplog: pytest.LogCaptureFixture
) -> None:
    broker = consuming.connection.up()
    first, second = consuming.deliver(broker, 1, 2)
    consuming.ack(first)
    consuming.ack(first, second)

    assert acks(broker) == [(1, False), (2, False)]
    assert "delivery tag 1 was settled before" in caplog.text


# -- losing the subscription --------------------------------------------------------------------------


def test_a_cancel_from_the_broker_leads_to_a_new_subscription_on_a_new_channel(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    deliveries = consuming.deliver(broker, 1, 2)
    consuming.channel.ack(deliveries[0])
    broker.send(CHANNEL, pika.spec.Basic.Cancel("billing.1", True))

    assert consuming.state is SubscriptionState.WAITING
    assert acks(broker) == [(1, False)], "what is settled leaves before the channel does"
    consuming.loop.advance(10.0)
    broker.run()
    assert broker.names(CHANNEL) == [*SUBSCRIBING, "Basic.Ack", "Channel.Close", *SUBSCRIBING]
    assert consuming.state is SubscriptionState.SUBSCRIBED
    assert [event.generation for event in consuming.connection.of(events.Subscribed)] == [1, 2]
    (lost,) = consuming.connection.of(events.ConsumerCancelled)
    assert "queue was deleted" in lost.reason

    assert not consuming.channel.is_current(deliveries[1])
    (again,) = consuming.deliver(broker, 1)
    assert again.generation == 2
    consuming.ack(again)
    assert acks(broker) == [(1, False), (1, False)]


def test_a_channel_closed_by_the_broker_leads_to_a_new_subscription(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    (old,) = consuming.deliver(broker, 1)
    broker.close_channel(CHANNEL, 406, "PRECONDITION_FAILED - delivery acknowledgement timed out")
    assert consuming.state is SubscriptionState.WAITING
    assert "timed out" in consuming.channel.reason
    assert not consuming.channel.is_current(old)

    consuming.loop.advance(10.0)
    broker.run()
    assert consuming.state is SubscriptionState.SUBSCRIBED
    assert consuming.channel.reason == ""


def test_a_missing_queue_is_told_and_tried_again_ever_more_slowly(consuming: Consuming) -> None:
    broker = consuming.connection.up(silent={"Basic.Consume"})
    waits = []
    for _ in range(30):
        broker.close_channel(CHANNEL, 404, "NOT_FOUND - no queue 'invoices'")
        waits.append(max(consuming.loop.delays))
        consuming.loop.advance(waits[-1])
        broker.run()

    assert consuming.missing == 30
    assert waits[0] <= 0.1
    assert 1.0 < max(waits) <= 10.0
    broker.silent.clear()
    broker.send(CHANNEL, pika.spec.Basic.ConsumeOk(f"billing.{consuming.channel.generation}"))
    assert consuming.state is SubscriptionState.SUBSCRIBED


def test_a_queue_whose_node_is_down_is_waited_for_and_not_told_as_missing(consuming: Consuming) -> None:
    broker = consuming.connection.up(silent={"Basic.Consume"})
    broker.close_channel(CHANNEL, 404, "NOT_FOUND - home node 'rabbit@b' of durable queue 'invoices' is down")
    assert consuming.missing == 0
    assert consuming.state is SubscriptionState.WAITING
    assert "home node 'rabbit@b'" in consuming.channel.reason


def test_a_lost_connection_leads_to_a_new_subscription_on_the_next(consuming: Consuming) -> None:
    first = consuming.connection.up()
    consuming.connection.down(first, "reset by peer")
    assert consuming.state is SubscriptionState.DOWN
    assert "reset by peer" in consuming.channel.reason

    second = consuming.connection.up()
    assert second.names(CHANNEL) == SUBSCRIBING
    assert consuming.state is SubscriptionState.SUBSCRIBED


@pytest.mark.parametrize("silent", ["Channel.Open", "Basic.Qos", "Basic.Consume", "Channel.Close"])
def test_a_connection_lost_at_any_point_of_subscribing_subscribes_once_on_the_next(
    consuming: Consuming, silent: str
) -> None:
    """The back-off of the former connection must not open the channel a second time."""
    broker = consuming.connection.up(silent={silent})
    if silent == "Channel.Close":
        broker.send(CHANNEL, pika.spec.Basic.Cancel("billing.1", True))
    consuming.connection.down(broker)
    broker = consuming.connection.up()
    consuming.loop.advance(60.0)
    broker.run()

    assert broker.names(CHANNEL) == SUBSCRIBING
    assert consuming.state is SubscriptionState.SUBSCRIBED


def test_a_back_off_that_outlives_its_connection_opens_nothing_twice(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    broker.close_channel(CHANNEL, 541, "INTERNAL_ERROR")
    consuming.connection.down(broker)
    broker = consuming.connection.up()
    consuming.loop.advance(60.0)
    broker.run()

    assert broker.names(CHANNEL) == SUBSCRIBING


def test_alarms_do_not_concern_consumers(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    consuming.channel.connection_blocked("low on memory")
    consuming.ack(*consuming.deliver(broker, 1))
    consuming.channel.connection_unblocked()

    assert acks(broker) == [(1, False)]


# -- cancelling and closing -----------------------------------------------------------------------------


def test_after_cancel_nothing_is_delivered_and_acks_still_leave(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    (running,) = consuming.deliver(broker, 1)
    broker.silent.add("Basic.Cancel")
    consuming.cancel()
    broker.run()
    broker.feed(broker.delivery(CHANNEL, 2))  # was on its way
    assert consuming.cancelled == 0
    broker.send(CHANNEL, pika.spec.Basic.CancelOk("billing.1"))
    consuming.ack(running)

    assert consuming.cancelled == 1
    assert [incoming.delivery_tag for incoming in consuming.delivered] == [1]
    assert acks(broker) == [(1, False)]


def cancelled_by_broker(broker: ScriptedBroker, consuming: Consuming) -> None:
    broker.send(CHANNEL, pika.spec.Basic.Cancel("billing.1", True))


def channel_closed(broker: ScriptedBroker, consuming: Consuming) -> None:
    broker.close_channel(CHANNEL, 541, "INTERNAL_ERROR")


def connection_lost(broker: ScriptedBroker, consuming: Consuming) -> None:
    consuming.connection.down(broker)


@pytest.mark.parametrize("event", [cancelled_by_broker, channel_closed, connection_lost])
def test_a_cancel_overtaken_by_something_worse_is_finished_all_the_same(consuming: Consuming, event: Any) -> None:
    """A worker that shuts down waits for it."""
    broker = consuming.connection.up()
    broker.silent.add("Basic.Cancel")
    consuming.cancel()
    broker.run()
    event(broker, consuming)
    consuming.loop.advance(60.0)

    assert consuming.cancelled == 1
    assert consuming.state is SubscriptionState.CANCELLED


def test_a_cancel_from_the_broker_after_our_own_leaves_the_channel_to_the_acks(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    (running,) = consuming.deliver(broker, 1)
    broker.silent.add("Basic.Cancel")
    consuming.cancel()
    broker.run()
    cancelled_by_broker(broker, consuming)
    consuming.ack(running)

    assert acks(broker) == [(1, False)]


@pytest.mark.parametrize("silent", ["Channel.Open", "Basic.Qos", "Basic.Consume"])
def test_a_cancel_at_any_point_of_subscribing_is_finished_at_once(consuming: Consuming, silent: str) -> None:
    broker = consuming.connection.up(silent={silent})
    consuming.cancel()
    broker.silent.clear()

    assert consuming.cancelled == 1
    consuming.connection.down(broker)
    assert consuming.connection.up().names(CHANNEL) == [], "cancelled for good"


def test_a_cancel_without_a_connection_is_finished_at_once(consuming: Consuming) -> None:
    consuming.cancel()
    assert consuming.cancelled == 1


def test_a_cancel_after_the_io_thread_has_ended_is_finished_at_once(consuming: Consuming) -> None:
    consuming.connection.io.is_stopped = True
    consuming.cancel()
    assert consuming.cancelled == 1


def test_closing_sends_the_last_acks_then_closes_the_channel(consuming: Consuming) -> None:
    broker = consuming.connection.up()
    deliveries = consuming.deliver(broker, 1, 2, 3)
    consuming.channel.ack(deliveries[0])
    consuming.channel.ack(deliveries[1])
    consuming.channel.close()
    broker.run()

    assert broker.names(CHANNEL)[3:] == ["Basic.Ack", "Basic.Cancel", "Channel.Close"]
    assert acks(broker) == [(2, True)]
    assert consuming.connection.users == []


@pytest.mark.parametrize("silent", ["Channel.Open", "Basic.Qos", "Basic.Consume"])
def test_closing_at_any_point_of_subscribing_leaves_no_channel(consuming: Consuming, silent: str) -> None:
    broker = consuming.connection.up(silent={silent})
    consuming.channel.close()
    broker.run()
    answer = {
        "Channel.Open": pika.spec.Channel.OpenOk(),
        "Basic.Qos": pika.spec.Basic.QosOk(),
        "Basic.Consume": pika.spec.Basic.ConsumeOk("billing.1"),
    }[silent]
    broker.send(CHANNEL, answer)

    assert broker.stream._channels == {}
    assert broker.names(CHANNEL)[-1] == "Channel.Close"


def test_a_connection_closed_for_good_leaves_it_down_with_the_reason(consuming: Consuming) -> None:
    consuming.connection.up()
    consuming.connection.end(BrokerRefused("the virtual host was deleted"))

    assert consuming.state is SubscriptionState.DOWN
    assert "the virtual host was deleted" in consuming.channel.reason


def test_its_repr_tells_how_it_stands(consuming: Consuming) -> None:
    consuming.deliver(consuming.connection.up(), 1, 2)

    assert repr(consuming.channel) == "<ConsumerChannel invoices subscribed, 2 unacked>"
