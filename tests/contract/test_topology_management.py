"""The management client against real brokers: what it reads, and how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.broker import management_call
from tests.support.declaring import topology_of
from tests.support.plain import PlainPika
from warren.config import BrokerSettings
from warren.errors import BrokerRefused, BrokerUnavailable
from warren.integrations.loopback_ports import free_port
from warren.management.client import ManagementClient
from warren.management.settings import ManagementSettings
from warren.topology import Queue


@pytest.fixture
def settings(broker: BrokerUnderTest) -> ManagementSettings:
    return ManagementSettings.of(BrokerSettings.parse(f"{broker.url}?management={broker.management_url}"))


@pytest.fixture
def management(settings: ManagementSettings) -> Iterator[ManagementClient]:
    with ManagementClient(settings) as client:
        yield client


def test_the_overview_tells_which_broker_answers(broker: BrokerUnderTest, management: ManagementClient) -> None:
    # A node lists its listeners a moment after it has started.
    overview = wait_until(lambda: (found := management.overview()).amqp_ports and found)
    assert overview.version == broker.version
    with PlainPika(broker.url) as plain:
        properties = plain.connection._impl.server_properties
    assert overview.may_be(properties["cluster_name"], broker.node.port)
    assert not overview.may_be(properties["cluster_name"], 1)
    assert not overview.may_be("another", broker.node.port)


def test_a_virtual_host_may_have_any_name(broker: BrokerUnderTest, management: ManagementClient) -> None:
    port = broker.node.management_port
    encoded = "odd%2F%20%C3%BC%25"
    management_call(port, "PUT", f"vhosts/{encoded}")
    try:
        assert "amq.topic" in management.read_topology("odd/ ü%").exchanges
    finally:
        management_call(port, "DELETE", f"vhosts/{encoded}")


def test_a_virtual_host_that_is_not_there_is_refused_by_name(management: ManagementClient) -> None:
    with pytest.raises(BrokerRefused, match="no virtual host 'nowhere', or user 'guest' may not see it"):
        management.read_topology("nowhere")


def test_a_queue_that_is_not_there_is_refused_by_name(broker: BrokerUnderTest, management: ManagementClient) -> None:
    with pytest.raises(BrokerRefused, match="no queue 'a/b' in virtual host"):
        management.queue_depth(broker.vhost, "a/b")


def test_a_refused_login_says_what_the_user_needs_and_hides_the_password(settings: ManagementSettings) -> None:
    wrong = replace(settings, password="s3cret")
    assert "s3cret" not in repr(wrong)
    with ManagementClient(wrong) as client, pytest.raises(BrokerRefused, match="the tag 'management'") as refused:
        client.overview()
    assert "s3cret" not in f"{refused.value}{client!r}"


def test_a_user_without_the_management_tag_is_refused(broker: BrokerUnderTest, settings: ManagementSettings) -> None:
    port = broker.node.management_port
    management_call(port, "PUT", "users/plain", {"password": "plain", "tags": ""})
    try:
        poor = replace(settings, user="plain", password="plain")
        with ManagementClient(poor) as client, pytest.raises(BrokerRefused, match="refused user 'plain'"):
            client.read_topology(broker.vhost)
    finally:
        management_call(port, "DELETE", "users/plain")


def test_another_host_is_asked_where_the_first_does_not_answer(settings: ManagementSettings) -> None:
    with ManagementClient(replace(settings, urls=(f"http://127.0.0.1:{free_port()}", *settings.urls))) as client:
        assert client.overview().version


def test_no_answer_at_all_says_which_url_and_what_to_enable(settings: ManagementSettings) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with (
        ManagementClient(replace(settings, urls=(url,))) as client,
        pytest.raises(BrokerUnavailable, match=f"{url} cannot be reached: .*rabbitmq_management"),
    ):
        client.overview()


def test_the_amqp_port_is_no_management_api(broker: BrokerUnderTest, settings: ManagementSettings) -> None:
    wrong = replace(settings, urls=(f"http://127.0.0.1:{broker.node.port}",))
    with ManagementClient(wrong) as client, pytest.raises(BrokerUnavailable, match="cannot be reached"):
        client.overview()


def test_plain_http_where_tls_was_asked_for_is_refused(broker: BrokerUnderTest, settings: ManagementSettings) -> None:
    wrong = replace(settings, urls=(f"https://127.0.0.1:{broker.node.management_port}",))
    with ManagementClient(wrong) as client, pytest.raises(BrokerRefused, match="no TLS with"):
        client.overview()


def test_the_depth_of_a_queue_counts_ready_and_unacked(broker: BrokerUnderTest) -> None:
    with topology_of(broker) as topology, PlainPika(broker.url) as plain:
        topology.declare(Queue("work"))
        plain.channel.confirm_delivery()
        for _ in range(3):
            plain.publish("", "work", b"", delivery_mode=2)
        wait_until(lambda: plain.channel.basic_get("work")[0])
        wait_until(
            lambda: (found := topology.management.queue_depth(broker.vhost, "work")).ready == 2 and found.unacked == 1,
            timeout=20.0,
            message=lambda: str(topology.management.queue_depth(broker.vhost, "work")),
        )
        assert topology.management.queue_depth(broker.vhost, "work").total == 3
