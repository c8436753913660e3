"""An application's publishing connection: what a refusal ends, and what it does not. Run on every broker."""

from __future__ import annotations

import threading

import pytest

from tests.support import BrokerUnderTest
from tests.support.plain import PlainPika
from warren import BrokerRefused, Message, Warren


class Parcel(Message, routing_key="parcels"):
    number: int


def io_threads() -> int:
    return sum(thread.name == "late-publish-io" for thread in threading.enumerate())


def test_a_publish_after_a_refusal_tries_again(broker: BrokerUnderTest) -> None:
    # The application is up before the virtual host is: everything that publishes is not to be started again for that.
    vhost = f"{broker.vhost}-late"
    url = f"{broker.url.rpartition('/')[0]}/{vhost}"
    with Warren("late", broker=url) as app:
        for _ in range(3):
            with pytest.raises(BrokerRefused, match="the virtual host was refused"):
                app.publish(Parcel(number=1))
        assert io_threads() == 1
        broker.api("PUT", f"vhosts/{vhost}")
        broker.api("PUT", f"permissions/{vhost}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
        with PlainPika(url) as plain:
            plain.declare("parcels")
            app.publish(Parcel(number=1))
            assert plain.depth("parcels") == 1
        broker.api("DELETE", f"vhosts/{vhost}")
    assert io_threads() == 0
