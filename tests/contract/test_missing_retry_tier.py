"""A retry tier that someone deleted comes back by itself, and no message is lost meanwhile."""

from __future__ import annotations

import threading

from tests.support import BrokerUnderTest, wait_until
from warren import Delivery, Message, Retry, Transient, Warren


class Parcel(Message, routing_key="parcels"):
    number: int


def test_a_deleted_retry_tier_is_declared_again_and_its_message_retried(broker: BrokerUnderTest) -> None:
    app = Warren("shop", broker=broker.url)
    attempts: list[int] = []
    done = threading.Event()

    @app.consumer("parcels", Parcel, retry=Retry("200ms"))
    def handle(parcel: Parcel, delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        if delivery.attempt == 1:
            raise Transient("later")
        done.set()

    with app, app.worker():
        broker.api("DELETE", "queues/{vhost}/parcels.retry.200ms")
        wait_until(lambda: broker.api("GET", "queues/{vhost}/parcels.retry.200ms") is None)
        app.publish(Parcel(number=1))

        assert done.wait(30.0)
    assert attempts == [1, 2]
