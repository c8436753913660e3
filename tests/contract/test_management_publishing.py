"""What brokers tell of who publishes.

Not here: queues, consumers and nodes (test_management_statistics.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support import BrokerUnderTest, wait_until
from warren import Exchange, Message, Warren
from warren.config import BrokerSettings
from warren.management.client import ManagementClient
from warren.management.connections import CONNECTION_NAME_COLUMNS, read_connection_names
from warren.management.publishing import CHANNEL_COLUMNS, read_exchange_traffic, read_publishing_channels
from warren.management.settings import ManagementSettings


class Ticked(Message, exchange=Exchange("clocks", "fanout"), routing_key="ticked"):
    number: int


@pytest.fixture
def management(broker: BrokerUnderTest) -> Iterator[ManagementClient]:
    settings = ManagementSettings.of(BrokerSettings.parse(f"{broker.url}?management={broker.management_url}"))
    with ManagementClient(settings) as client:
        yield client


def test_a_program_that_publishes_is_told_with_its_rate_and_its_name(
    broker: BrokerUnderTest, management: ManagementClient
) -> None:
    app = Warren("clock", broker=broker.url)
    app.consumer("clocks.ticks", Ticked)(lambda ticked: None)
    numbers = iter(range(1_000_000))

    def told() -> bool:
        app.publish(Ticked(number=next(numbers)))
        traffic = management.ask(read_exchange_traffic, "exchanges", broker.vhost, "clocks")
        path = ("vhosts", broker.vhost, "channels")
        channels = management.ask(read_publishing_channels, *path, columns=CHANNEL_COLUMNS)
        path = ("vhosts", broker.vhost, "connections")
        names = management.ask(read_connection_names, *path, columns=CONNECTION_NAME_COLUMNS)
        publishing = [names.get(channel.connection, "") for channel in channels]
        return bool(traffic.rate) and any(name.startswith("clock publish") for name in publishing)

    with app, app.worker():
        wait_until(told, timeout=60.0, message="who publishes is told")


def test_the_default_exchange_is_asked_for_by_the_name_that_the_api_has_for_it(
    broker: BrokerUnderTest, management: ManagementClient
) -> None:
    traffic = management.ask(read_exchange_traffic, "exchanges", broker.vhost, "amq.default")
    assert traffic.channels == ()


@pytest.mark.parametrize("broker_version", ["rabbitmq-3.10", "rabbitmq-4.0"], indirect=True)
def test_a_broker_that_keeps_detailed_rates_tells_who_publishes_to_an_exchange(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    broker = private_broker(config={"management.rates_mode": "detailed"})
    app = Warren("clock", broker=broker.url)
    app.consumer("clocks.ticks", Ticked)(lambda ticked: None)
    settings = ManagementSettings.of(BrokerSettings.parse(f"{broker.url}?management={broker.management_url}"))
    with app, app.worker(), ManagementClient(settings) as management:

        def told() -> bool:
            app.publish(Ticked(number=1))
            traffic = management.ask(read_exchange_traffic, "exchanges", broker.vhost, "clocks")
            return any(channel.rate and channel.user == "guest" for channel in traffic.channels)

        wait_until(told, timeout=60.0, message="who publishes to the exchange is told")
