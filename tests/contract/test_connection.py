"""Connecting to real brokers: what is refused at once, what is tried again, and what TLS verifies.

Not here: the table of states (tests/unit/transport/test_connection.py).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.certificates import Certificates, make_certificates
from warren.config import BrokerSettings, parse_brokers
from warren.errors import BrokerRefused, BrokerUnavailable
from warren.integrations.loopback_ports import free_port
from warren.observability import events
from warren.reliability.backoff import Backoff
from warren.transport.connection import Connection, Recovery, State
from warren.transport.io_thread import IoThread

OPEN_WITHIN = 20.0
Connect = Callable[..., Connection]


@pytest.fixture
def seen() -> list[events.Event]:
    return []


@pytest.fixture
def connect(seen: list[events.Event]) -> Iterator[Connect]:
    """A function that starts a connection to URLs; all are closed after the test."""
    opened: list[Connection] = []

    def start(*urls: str, limit: int | None = None) -> Connection:
        bus = events.EventBus()
        bus.subscribe(seen.append)
        settings: BrokerSettings = parse_brokers(urls)
        recovery = Recovery(Backoff(base=0.05, cap=0.2), limit)
        connection = Connection(settings, io=IoThread("test-io"), bus=bus, name="test", recovery=recovery)
        opened.append(connection)
        connection.start()
        return connection

    yield start
    for connection in opened:
        connection.close()
        connection.io.stop()
        assert connection.state is State.CLOSED


@pytest.fixture
def bob(broker: BrokerUnderTest) -> Iterator[str]:
    """A user without rights in any virtual host."""
    name = f"bob-{broker.vhost}"
    broker.api("PUT", f"users/{name}", {"password": "b:o/b@", "tags": ""})
    yield name
    broker.api("DELETE", f"users/{name}")


def url_of(broker: BrokerUnderTest, user: str, password: str, vhost: str | None = None) -> str:
    place = f"127.0.0.1:{broker.node.port}/{quote(vhost or broker.vhost, safe='')}"
    return f"amqp://{quote(user, safe='')}:{quote(password, safe='')}@{place}"


def refusal(connection: Connection) -> str:
    with pytest.raises(BrokerRefused) as refused:
        connection.wait_open(OPEN_WITHIN)
    text = str(refused.value)
    assert "\n" not in text
    return text


# -- login and virtual host -----------------------------------------------------------------------


def test_it_opens_and_names_itself(broker: BrokerUnderTest, connect: Connect) -> None:
    connection = connect(broker.url)
    connection.wait_open(OPEN_WITHIN)

    def named() -> list[str]:
        listed = broker.api("GET", "connections") or []
        return [each.get("client_properties", {}).get("connection_name", "") for each in listed]

    wait_until(lambda: "test" in named(), timeout=20.0)
    assert connection.frame_max == 131_072


def test_a_wrong_password_is_refused_at_once_and_never_shown(broker: BrokerUnderTest, connect: Connect) -> None:
    text = refusal(connect(url_of(broker, "guest", "hunter2")))

    assert "check user and password" in text
    assert "hunter2" not in text


def test_an_unknown_virtual_host_is_refused_by_name(broker: BrokerUnderTest, connect: Connect) -> None:
    assert "nowhere" in refusal(connect(url_of(broker, "guest", "guest", "nowhere")))


def test_a_virtual_host_without_permission_is_refused(broker: BrokerUnderTest, bob: str, connect: Connect) -> None:
    text = refusal(connect(url_of(broker, bob, "b:o/b@")))

    assert broker.vhost in text
    assert "permissions" in text


def test_a_full_virtual_host_is_waited_for(broker: BrokerUnderTest, connect: Connect, seen: list[events.Event]) -> None:
    broker.api("PUT", "vhost-limits/{vhost}/max-connections", {"value": 0})
    connection = connect(broker.url)
    wait_until(lambda: sum(isinstance(event, events.Reconnecting) for event in seen) >= 2)
    broker.api("DELETE", "vhost-limits/{vhost}/max-connections")

    connection.wait_open(OPEN_WITHIN)
    assert any("limit (0) is reached" in event.reason for event in seen if isinstance(event, events.Reconnecting))


# -- hosts ----------------------------------------------------------------------------------------


def test_of_several_hosts_those_that_are_down_are_passed_over(broker: BrokerUnderTest, connect: Connect) -> None:
    _, _, path = broker.url.rpartition("@")
    _, _, vhost = path.partition("/")
    down = [f"amqp://guest:guest@127.0.0.1:{free_port()}/{vhost}" for _ in range(3)]

    connect(*down, broker.url).wait_open(OPEN_WITHIN)


def test_nothing_listening_is_named_within_the_timeout(connect: Connect) -> None:
    connection = connect(f"amqp://guest:guest@127.0.0.1:{free_port()}")

    with pytest.raises(BrokerUnavailable, match="connection refused: nothing listens there"):
        connection.wait_open(0.5)


def test_a_server_that_never_answers_is_given_up_within_the_timeout(connect: Connect, seen: list[events.Event]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = connect(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}/?connection_timeout=0.3")
        wait_until(lambda: any(isinstance(event, events.Reconnecting) for event in seen))
        assert "no answer in time" in str(connection.error)


def test_closing_during_a_handshake_nobody_answers_does_not_wait_for_it(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = connect(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}/?connection_timeout=60")
        accepted, _ = silent.accept()
        with accepted:
            connection.close()

    assert connection.state is State.CLOSED


def test_what_is_no_amqp_is_named(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:
        connection = connect(f"amqp://guest:guest@127.0.0.1:{web.getsockname()[1]}", limit=1)
        accepted, _ = web.accept()
        with accepted:
            accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            with pytest.raises(BrokerUnavailable, match=r"does not speak AMQP 0-9-1"):
                connection.wait_open(OPEN_WITHIN)


# -- TLS --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of an authority nobody here trusts."""
    return make_certificates(tmp_path_factory.mktemp("foreign"))


def test_tls_verifies_authority_host_name_and_client(
    private_broker: Callable[..., BrokerUnderTest], certificates: Certificates, foreign: Certificates, connect: Connect
) -> None:
    """One node for all of it: a start takes seconds."""
    port = free_port()
    broker = private_broker(**certificates.broker_options(port=port, client_required=True))

    def url(host: str, authority: Certificates, client: Certificates | None, more: str = "") -> str:
        ours = f"&certfile={client.certificate('client')}&keyfile={client.key('client')}" if client else ""
        return f"amqps://guest:guest@{host}:{port}/%2F?cafile={authority.authority}{ours}{more}"

    connect(url("localhost", certificates, certificates)).wait_open(OPEN_WITHIN)

    # The certificate is for localhost.
    wrong_name = url("127.0.0.1", certificates, certificates)
    assert "certificate is not valid for '127.0.0.1'" in refusal(connect(wrong_name))
    connect(f"{wrong_name}&server_name=localhost").wait_open(OPEN_WITHIN)

    assert "certificate cannot be verified" in refusal(connect(url("localhost", foreign, certificates)))
    assert "certificate cannot be verified" in refusal(
        connect(f"amqps://guest:guest@localhost:{port}/")  # the system's authorities
    )
    # The embedded broker asks for it at the login, where it can say so.
    missing = "the login was refused" if broker.name == "embedded" else "our client certificate"
    assert missing in refusal(connect(url("localhost", certificates, None)))
    if broker.name == "embedded":  # asyncio ends a failed handshake without the alert that names the reason
        with pytest.raises(BrokerUnavailable, match="closed the connection at once"):
            connect(url("localhost", certificates, foreign)).wait_open(2.0)
    else:
        assert "our client certificate" in refusal(connect(url("localhost", certificates, foreign)))

    plain_port = f"amqps://guest:guest@localhost:{broker.node.port}/?cafile={certificates.authority}"
    with pytest.raises(BrokerUnavailable, match="does not speak TLS"):
        connect(plain_port, limit=1).wait_open(OPEN_WITHIN)


# -- loss and recovery --------------------------------------------------------------------------------


def test_it_recovers_from_a_node_that_is_killed(
    private_broker: Callable[..., BrokerUnderTest], connect: Connect, seen: list[events.Event]
) -> None:
    broker = private_broker()
    connection = connect(broker.url)
    connection.wait_open(OPEN_WITHIN)

    broker.node.kill()
    wait_until(lambda: any(isinstance(event, events.Disconnected) for event in seen))
    broker.node.start()

    connection.wait_open(OPEN_WITHIN)
    assert connection.is_open


def test_a_connection_closed_by_an_operator_opens_again(
    broker: BrokerUnderTest, connect: Connect, seen: list[events.Event]
) -> None:
    connection = connect(broker.url)
    connection.wait_open(OPEN_WITHIN)

    def own() -> list[str]:
        return [each["name"] for each in broker.api("GET", "vhosts/{vhost}/connections") or []]

    for name in wait_until(own, timeout=20.0):
        broker.api("DELETE", f"connections/{quote(name, safe='')}")
    wait_until(lambda: sum(isinstance(event, events.Connected) for event in seen) == 2)

    lost = next(event for event in seen if isinstance(event, events.Disconnected))
    assert "320 CONNECTION_FORCED" in lost.reason
