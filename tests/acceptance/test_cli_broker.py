"""`warren broker` as users run it: what it prints, what it keeps, how it ends, and what it refuses."""

from __future__ import annotations

import json
import re
import signal
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika
import pytest

from tests.support.certificates import Certificates
from tests.support.cli import RunningCli, cli, running_cli

FREE = ("--port", "0", "--management-port", "0")


@contextmanager
def running_broker(folder: Path, *arguments: str) -> Iterator[tuple[RunningCli, int]]:
    """Run `warren broker` on free ports; yields it with the port of AMQP."""
    with running_cli("broker", *FREE, *arguments, cwd=folder) as running:
        running.wait(lambda: any("messages are kept" in line for line in running.stdout), "that it listens")
        yield running, port_of(running)


def port_of(running: RunningCli) -> int:
    return int(re.findall(r"amqps?://127\.0\.0\.1:(\d+)", "".join(running.stdout))[0])


def connect(port: int, **options: object) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, **options))


def test_it_says_where_it_listens_and_that_messages_in_memory_end_with_it(tmp_path: Path) -> None:
    with running_broker(tmp_path) as (running, port):
        connect(port).close()
        printed = "".join(running.stdout)
        assert f"listening on amqp://127.0.0.1:{port}\n" in printed
        assert re.search(r"^management on http://127\.0\.0\.1:\d+$", printed, re.MULTILINE)
        assert "messages are kept in memory and end with the broker; --data DIR keeps them on disk" in printed


def test_its_management_api_answers(tmp_path: Path) -> None:
    with running_broker(tmp_path) as (running, _):
        (url,) = re.findall(r"management on (\S+)", "".join(running.stdout))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"{url}/api/overview", headers={"Authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="})
        with opener.open(request, timeout=10.0) as answer:
            assert json.loads(answer.read())["rabbitmq_version"] == "4.0.5"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_flushes_and_ends_it_and_the_next_one_has_the_messages(tmp_path: Path, number: signal.Signals) -> None:
    with running_broker(tmp_path, "--data", "data") as (running, port):
        connection = connect(port)
        channel = connection.channel()
        channel.queue_declare("kept", durable=True)
        channel.confirm_delivery()
        channel.basic_publish("", "kept", b"body", pika.BasicProperties(delivery_mode=2), mandatory=True)
        running.signal(number)
        assert running.finish() == 0
        assert running.stderr == []
        with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="CONNECTION_FORCED"):
            connection.process_data_events()
    with running_broker(tmp_path, "--data", "data") as (_, port), connect(port) as connection:
        frame, _, body = connection.channel().basic_get("kept", auto_ack=True)
        assert (body, frame.redelivered) == (b"body", False)


def test_a_second_broker_on_the_same_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with running_broker(tmp_path, "--data", "data"):
        second = cli("broker", *FREE, "--data", "data", cwd=tmp_path)
    assert second.returncode == 2
    assert len(second.stderr.splitlines()) == 1
    assert "data" in second.stderr


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = cli("broker", "--port", port, "--no-management", cwd=tmp_path)
    assert refused.returncode == 4
    assert len(refused.stderr.splitlines()) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in refused.stderr


def test_off_loopback_it_asks_for_credentials_of_its_own(tmp_path: Path) -> None:
    refused = cli("broker", *FREE, "--host", "0.0.0.0", cwd=tmp_path)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "give a user and a password" in refused.stderr


def test_it_makes_the_user_it_was_told_and_no_guest(tmp_path: Path) -> None:
    with running_broker(tmp_path, "--user", "anna", "--password", "s3cret") as (_, port):
        connect(port, credentials=pika.PlainCredentials("anna", "s3cret")).close()
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            connect(port)


def test_definitions_are_imported_and_a_broken_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "definitions.json").write_text(
        json.dumps({"queues": [{"name": "work", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}]})
    )
    (tmp_path / "broken.json").write_text('{"queues": [')
    with running_broker(tmp_path, "--definitions", "definitions.json") as (_, port), connect(port) as connection:
        assert connection.channel().queue_declare("work", passive=True).method.queue == "work"
    refused = cli("broker", *FREE, "--definitions", "broken.json", cwd=tmp_path)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "broken.json" in refused.stderr


def test_it_serves_tls_and_lets_a_certificate_log_in(tmp_path: Path, certificates: Certificates) -> None:
    arguments = ("--tls-cert", str(certificates.certificate("server")), "--tls-key", str(certificates.key("server")))
    authority = ("--tls-ca", str(certificates.authority))
    context = ssl.create_default_context(cafile=str(certificates.authority))
    context.load_cert_chain(certificates.certificate("client"), certificates.key("client"))
    with running_broker(tmp_path, *arguments, *authority, "--user", "client", "--password", "x") as (running, port):
        assert f"listening on amqps://127.0.0.1:{port}\n" in "".join(running.stdout)
        credentials = pika.credentials.ExternalCredentials()
        connect(port, ssl_options=pika.SSLOptions(context, "localhost"), credentials=credentials).close()
        with pytest.raises(pika.exceptions.AMQPConnectionError):
            connect(port)


def test_a_certificate_without_its_key_is_refused(tmp_path: Path, certificates: Certificates) -> None:
    refused = cli("broker", *FREE, "--tls-cert", str(certificates.certificate("server")), cwd=tmp_path)
    assert refused.returncode == 2
    assert "--tls-key" in refused.stderr


def test_the_3_10_profile_presents_itself_as_that_release(tmp_path: Path) -> None:
    with running_broker(tmp_path, "--profile", "3.10") as (_, port), connect(port) as connection:
        assert connection._impl.server_properties["version"] == "3.10.8"
