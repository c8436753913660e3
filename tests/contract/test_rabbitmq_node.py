"""A private node on real RabbitMQ: it starts, is killed, restarts with its data, and leaves nothing behind.

Not here: what other tests do with a node.
"""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pika
import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.certificates import Certificates
from warren.errors import BrokerUnavailable, ConfigurationError
from warren.integrations.loopback_ports import free_port
from warren.integrations.rabbitmq_installation import find_installation
from warren.integrations.rabbitmq_node import RabbitmqNode

StartBroker = Callable[..., BrokerUnderTest]

ON_RABBITMQ = pytest.mark.parametrize("broker_version", ["rabbitmq-3.10", "rabbitmq-4.0"], indirect=True)

OWNER = """
import sys, time
from pathlib import Path
from warren.integrations.rabbitmq_node import RabbitmqNode
root, data_dir = sys.argv[1:]
node = RabbitmqNode(Path(data_dir), root=Path(root) if root else None)
node.start()
print(node.pid, flush=True)
time.sleep(600)
"""


def processes_like(pid: int) -> dict[int, str]:
    """The living processes of the node whose server is `pid`: they share the epmd port in their environment."""
    mark = next(entry for entry in environment(pid) if entry.startswith(b"ERL_EPMD_PORT="))
    return {other: command(other) for other in living() if mark in environment(other)}


def environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []  # It ended meanwhile.


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def living() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def descriptors(pid: int) -> list[str]:
    """What the open descriptors of a process lead to."""
    found: list[str] = []
    with suppress(OSError):  # it ended meanwhile: a node runs `ps` and `df`
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                found.append(str(descriptor.readlink()))
    return found


def listening_addresses(pids: set[int]) -> set[str]:
    """The local addresses (hex, as in /proc/net/tcp) on which any of `pids` listens."""
    inodes = set()
    for pid in pids:
        for target in descriptors(pid):
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


def publish_durably(url: str, queue: str, bodies: list[bytes]) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        for body in bodies:
            channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2), mandatory=True)


def read_all(url: str, queue: str, count: int) -> list[bytes]:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        got = []
        for method, _, body in channel.consume(queue, inactivity_timeout=20.0):
            assert method is not None, f"{queue} held {len(got)} of {count} messages"
            channel.basic_ack(method.delivery_tag)
            got.append(body)
            if len(got) == count:
                return got
    return got


@ON_RABBITMQ
def test_a_node_keeps_what_it_confirmed_when_it_is_killed_and_restarted(private_broker: StartBroker) -> None:
    broker = private_broker()
    bodies = [b"%d" % number for number in range(50)]
    publish_durably(broker.url, "kept", bodies)
    broker.wait_until_recorded("kept")

    broker.node.kill()
    assert not broker.node.is_running
    with pytest.raises(BrokerUnavailable, match="is not running"):
        _ = broker.node.pid
    broker.node.start()

    assert read_all(broker.url, "kept", 50) == bodies


@ON_RABBITMQ
def test_a_node_restarts_on_its_ports_and_stops_without_leaving_a_process(private_broker: StartBroker) -> None:
    broker = private_broker()
    first = broker.node.pid
    broker.node.restart()
    assert broker.node.pid != first
    assert broker.api("GET", "overview")["rabbitmq_version"] == broker.version

    processes = processes_like(broker.node.pid)
    assert any("epmd" in line for line in processes.values()), processes
    broker.node.stop()

    wait_until(
        lambda: not [pid for pid, line in processes.items() if line and command(pid) == line],
        message=lambda: f"no process of the node is left: {processes}",
    )
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", broker.node.port), timeout=1.0)


@ON_RABBITMQ
def test_a_node_listens_on_loopback_only(private_broker: StartBroker) -> None:
    broker = private_broker()
    loopback = {"0100007F", "00000000000000000000000001000000"}
    addresses = listening_addresses(set(processes_like(broker.node.pid)))
    assert addresses
    assert addresses <= loopback


@ON_RABBITMQ
def test_a_node_serves_tls_with_the_files_it_is_given(private_broker: StartBroker, certificates: Certificates) -> None:
    port = free_port()
    private_broker(**certificates.broker_options(port=port, client_required=True))
    context = ssl.create_default_context(cafile=str(certificates.authority))
    context.load_cert_chain(certificates.certificate("client"), certificates.key("client"))

    def connected() -> socket.socket | None:  # the node listens without TLS first
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10.0)
        except ConnectionRefusedError:
            return None

    with (
        wait_until(connected, message="the node listens with TLS") as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        encrypted.sendall(b"AMQP\x00\x00\x09\x01")
        assert encrypted.recv(1) == b"\x01"  # A method frame: Connection.Start.


@ON_RABBITMQ
def test_nothing_of_a_node_outlives_an_owner_that_is_killed(broker_node: RabbitmqNode, tmp_path: Path) -> None:
    root = broker_node.installation.root or ""
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(root), str(tmp_path)], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    with owner.stdout as output:
        processes = processes_like(int(output.readline()))
    assert len(processes) >= 2

    owner.send_signal(signal.SIGKILL)
    owner.wait()

    wait_until(
        lambda: not [pid for pid, line in processes.items() if line and command(pid) == line],
        message=lambda: f"no process of the node is left: {processes}",
    )


@ON_RABBITMQ
def test_rabbitmqctl_reaches_this_node_and_says_what_failed(broker: BrokerUnderTest) -> None:
    assert broker.vhost in broker.node.rabbitmqctl("-q", "list_vhosts")
    with pytest.raises(BrokerUnavailable, match="no-such-user"):
        broker.node.rabbitmqctl("set_user_tags", "no-such-user", "administrator")


@ON_RABBITMQ
def test_a_node_that_cannot_start_says_why(broker_node: RabbitmqNode, tmp_path: Path) -> None:
    node = RabbitmqNode(tmp_path, root=broker_node.installation.root, config={"no.such.setting": "1"})
    with pytest.raises(BrokerUnavailable, match=r"(?s)ended while starting.*no\.such\.setting"):
        node.start()
    assert not node.is_running


@ON_RABBITMQ
def test_a_port_that_is_taken_is_named(broker_node: RabbitmqNode, tmp_path: Path) -> None:
    node = RabbitmqNode(tmp_path, root=broker_node.installation.root, port=broker_node.management_port)
    with pytest.raises(BrokerUnavailable, match=f"another process listens on port {node.port}"):
        node.start()


def test_a_folder_without_rabbitmq_is_refused_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"needs root|apt-get install rabbitmq-server"):
        find_installation(tmp_path)
