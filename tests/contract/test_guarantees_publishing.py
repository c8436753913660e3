"""Rules 1 to 6: publishing. Each test is named for the rule it holds Warren to, and runs on every broker."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.events import Recorder
from tests.support.plain import PlainPika
from warren import (
    Blocked,
    Exchange,
    Indeterminate,
    Message,
    MessageTooLarge,
    Nacked,
    PublishManyError,
    Unroutable,
    Warren,
)
from warren.observability import events

orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int
    note: str = ""


class Parcel(Message, routing_key="parcels"):
    """Goes through the default exchange to the queue `parcels`."""

    number: int
    label: str = ""


def test_rule_01_a_publish_is_confirmed_and_persistent_by_default(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.declare("parcels")
        seen = Recorder(app)
        receipt = app.publish(Parcel(number=1))
        # Confirmed and routed by the time publish returns: no waiting here.
        (stored,) = plain.drain("parcels")
        assert stored.properties.delivery_mode == 2
        assert stored.properties.message_id == receipt.message_id
        assert [event.message_id for event in seen.of(events.Confirmed)] == [receipt.message_id]


def test_rule_01_persistent_messages_survive_a_kill_of_the_node(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    broker = private_broker()
    with PlainPika(broker.url) as plain:
        plain.declare("parcels")
    broker.wait_until_recorded("parcels")
    with Warren("shop", broker=broker.url) as app, app.publisher() as publisher:
        assert publisher.publish_many(Parcel(number=n) for n in range(500)) == 500
        broker.node.kill()
    broker.node.start()
    with PlainPika(broker.url) as plain:
        assert {stored.body for stored in plain.drain("parcels")} == {
            b'{"number":%d,"label":""}' % n for n in range(500)
        }


def test_rule_02_an_unroutable_message_raises_and_is_never_counted_as_sent(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.channel.exchange_declare("orders", "topic", durable=True)
        with pytest.raises(Unroutable, match=r"no queue receives exchange 'orders' with routing key 'orders.created'"):
            app.publish(OrderCreated(order_id=1))
        with pytest.raises(Unroutable, match="queue 'parcels'"):
            app.publish(Parcel(number=1))


def test_rule_02_a_batch_names_its_unroutable_messages_and_confirms_the_others(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.declare("parcels")
        plain.channel.exchange_declare("orders", "topic", durable=True)
        mixed = [Parcel(number=n) if n % 10 else OrderCreated(order_id=n) for n in range(1000)]
        with app.publisher() as publisher, pytest.raises(PublishManyError) as failure:
            publisher.publish_many(mixed)
        assert failure.value.confirmed == 900
        assert {message.order_id for message, _ in failure.value.failures} == set(range(0, 1000, 10))
        assert {type(error) for _, error in failure.value.failures} == {Unroutable}
        assert plain.depth("parcels") == 900


def test_rule_02_a_missing_exchange_says_what_to_do(broker: BrokerUnderTest) -> None:
    with Warren("shop", broker=broker.url) as app:
        with pytest.raises(Unroutable, match=r"no exchange 'orders'.*warren topology apply"):
            app.publish(OrderCreated(order_id=1))
        # The channel the broker closed over it is open again.
        with pytest.raises(Unroutable, match="queue 'parcels'"):
            app.publish(Parcel(number=1))


def test_rule_03_confirms_are_pipelined_within_the_window(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.declare("parcels")
        open_now, most = 0, 0

        def count(step: int) -> None:
            nonlocal open_now, most
            open_now += step
            most = max(most, open_now)

        app.events.subscribe(lambda _: count(1), events.Published)
        app.events.subscribe(lambda _: count(-1), events.Confirmed)
        with app.publisher(window=64) as publisher:
            assert publisher.publish_many(Parcel(number=n) for n in range(2000)) == 2000
        assert 1 < most <= 64
        assert plain.depth("parcels") == 2000


def test_rule_03_a_full_window_makes_callers_wait_and_drops_nothing(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.declare("parcels")
        with app.publisher(window=8) as publisher:
            futures: list[object] = []
            threads = [
                threading.Thread(
                    target=lambda start=start: futures.extend(
                        publisher.submit(Parcel(number=start + n)).result() for n in range(100)
                    )
                )
                for start in range(0, 1600, 100)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(futures) == 1600
        assert len({stored.body for stored in plain.drain("parcels")}) == 1600


def test_rule_03_messages_of_one_publisher_keep_their_order(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.declare("parcels")
        with app.publisher() as publisher:
            publisher.publish_many(Parcel(number=n) for n in range(3000))
        numbers = [int(stored.body.split(b":")[1].split(b",")[0]) for stored in plain.drain("parcels")]
        assert numbers == list(range(3000))


def test_rule_04_a_dead_node_ends_in_blocked_at_the_deadline(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    broker = private_broker()
    with Warren("shop", broker=broker.url) as app:
        with pytest.raises(Unroutable):
            app.publish(Parcel(number=0))
        broker.node.kill()
        with pytest.raises((Blocked, Indeterminate)) as failure:
            app.publish(Parcel(number=1), timeout=1.0)
        assert "no connection" in str(failure.value)


def test_rule_04_a_memory_alarm_ends_in_blocked_or_indeterminate_and_publishing_resumes(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    broker = private_broker()
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.declare("parcels")
        seen = Recorder(app)
        app.publish(Parcel(number=0))
        broker.run_out_of_memory()
        # The broker announces the alarm to a connection when that publishes.
        with pytest.raises((Blocked, Indeterminate)):
            app.publish(Parcel(number=1), timeout=1.0)
        seen.wait(events.Blocked)
        with pytest.raises(Blocked, match="the broker blocks publishers"):
            app.publish(Parcel(number=2), timeout=0.5)
        broker.have_memory_again()
        seen.wait(events.Unblocked)
        app.publish(Parcel(number=3))


def test_rule_05_publishes_open_at_a_connection_loss_are_sent_again_under_the_same_id(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    broker = private_broker()
    with PlainPika(broker.url) as plain:
        plain.declare("parcels")
    broker.wait_until_recorded("parcels")
    with Warren("shop", broker=broker.url, publish_timeout=60.0) as app:
        seen = Recorder(app)
        confirmed: list[str] = []
        with app.publisher() as publisher:
            publishing = threading.Thread(
                target=lambda: publisher.publish_many(
                    (Parcel(number=n) for n in range(8000)), on_confirmed=lambda r: confirmed.append(r.message_id)
                )
            )
            publishing.start()
            wait_until(lambda: len(confirmed) > 500)
            broker.node.kill()
            seen.wait(events.Disconnected)
            broker.node.start()
            publishing.join(60.0)
            assert not publishing.is_alive()
    assert len(set(confirmed)) == 8000
    with PlainPika(broker.url) as plain:
        stored = [message.properties.message_id for message in plain.drain("parcels")]
    assert set(stored) >= set(confirmed)
    # What was stored but not confirmed when the node died is there twice, under one id: consumers can absorb it.
    assert len(stored) - len(set(stored)) <= 1000


def test_rule_05_without_a_broker_until_the_deadline_a_sent_message_is_indeterminate(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    broker = private_broker()
    with PlainPika(broker.url) as plain:
        plain.declare("parcels")
    with Warren("shop", broker=broker.url) as app, app.publisher(timeout=2.0) as publisher:
        publisher.publish(Parcel(number=0))
        outcomes: list[type[BaseException] | None] = []
        stop = threading.Event()
        begun = 0

        def keep_publishing() -> None:
            nonlocal begun
            while not stop.is_set():
                begun += 1
                try:
                    future = publisher.submit(Parcel(number=1))
                except Blocked as error:  # no place in the window came free in time
                    outcomes.append(type(error))
                    continue
                future.add_done_callback(
                    lambda done: outcomes.append(type(done.exception()) if done.exception() else None)
                )

        thread = threading.Thread(target=keep_publishing)
        thread.start()
        wait_until(lambda: len(outcomes) > 100)
        os.kill(broker.node.pid, signal.SIGSTOP)  # so that something is sent and not confirmed
        sent = begun
        wait_until(lambda: begun > sent + 1)
        broker.node.kill()
        try:
            wait_until(lambda: Indeterminate in outcomes, timeout=20.0)
        finally:
            stop.set()
            thread.join()
        assert {None, Indeterminate} <= set(outcomes) <= {None, Indeterminate, Blocked}


def test_rule_06_a_channel_closed_by_the_broker_fails_its_publishes_with_the_reason(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.declare("parcels")
        with app.publisher() as publisher:
            futures = [publisher.submit(Parcel(number=n)) for n in range(20)]
            futures.append(publisher.submit(OrderCreated(order_id=1)))
            futures += [publisher.submit(Parcel(number=n)) for n in range(20, 40)]
            errors = [future.exception(20.0) for future in futures]
        assert isinstance(errors[20], Unroutable)
        others = [error for index, error in enumerate(errors) if index != 20 and error is not None]
        # Those that shared the channel were confirmed before it closed, or are honestly unknown.
        assert all(isinstance(error, Indeterminate) and "no exchange 'orders'" in str(error) for error in others)
        with app.publisher() as publisher:
            publisher.publish(Parcel(number=99))


def test_rule_06_an_oversize_body_is_refused_before_it_is_sent(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.declare("parcels")
        with pytest.raises(MessageTooLarge, match=r"body of 20,000,0\d\d bytes; the limit is 16,777,216"):
            app.publish(Parcel(number=1, label="x" * 20_000_000))
        with pytest.raises(MessageTooLarge, match="properties and headers"):
            app.publish(Parcel(number=1), headers={"note": "x" * 140_000})
        app.publish(Parcel(number=2))
        assert plain.depth("parcels") == 1


def test_rule_06_a_full_queue_that_rejects_publishes_raises_nacked(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.declare("parcels", **{"x-max-length": 1, "x-overflow": "reject-publish"})

        def publish_until_full() -> bool:
            try:
                app.publish(Parcel(number=1))
            except Nacked as error:
                return "queue is full" in str(error)
            return False

        wait_until(publish_until_full)


def test_a_message_larger_than_a_frame_arrives_whole(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.declare("parcels")
        for size in (0, 131_000, 131_072, 140_000, 1_000_000, 10_000_000):
            app.publish(Parcel(number=size, label="x" * size))
            assert len(plain.take("parcels").body) > size
