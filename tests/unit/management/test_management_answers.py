"""What the client makes of answers that RabbitMQ gives seldom, or that something else gives."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from warren.errors import BrokerRefused, BrokerUnavailable
from warren.management.client import ManagementClient
from warren.management.depth import QueueDepth, read_depth
from warren.management.settings import ManagementSettings
from warren.management.topology import read_actual
from warren.topology import Binding, DestinationKind


@contextmanager
def answering(status: int, body: bytes, *, hold: threading.Event | None = None) -> Iterator[str]:
    """A server that gives every request the same answer; with `hold` only once that is set."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if hold is not None:
                hold.wait(30.0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """The client is allowed to have gone away."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        if hold is not None:
            hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


def ask(url: str, *, timeout: float = 10.0) -> None:
    with ManagementClient(ManagementSettings((url,), timeout=timeout)) as client:
        client.overview()


def test_a_broker_that_fails_is_unavailable_and_its_reason_is_told() -> None:
    body = json.dumps({"error": "service_unavailable", "reason": "the node is starting"}).encode()
    with answering(503, body) as url, pytest.raises(BrokerUnavailable, match="failed: 503 the node is starting"):
        ask(url)


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>hello</html>"), (400, b"what?"), (302, b"")])
def test_something_else_that_answers_there_is_told_apart(status: int, body: bytes) -> None:
    with answering(status, body) as url, pytest.raises(BrokerRefused, match="does not answer like RabbitMQ"):
        ask(url)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"rabbitmq_version": 1, "cluster_name": 2, "listeners": 3}'])
def test_json_of_another_shape_is_refused(body: bytes) -> None:
    with answering(200, body) as url, pytest.raises(BrokerRefused, match="cannot make sense of the answer"):
        ask(url)


def test_a_broker_that_does_not_answer_in_time_is_unavailable() -> None:
    with (
        answering(200, b"{}", hold=threading.Event()) as url,
        pytest.raises(BrokerUnavailable, match=r"did not answer within 0\.1 s"),
    ):
        ask(url, timeout=0.1)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with answering(200, json.dumps({"rabbitmq_version": "4.0.5", "cluster_name": "c"}).encode()) as url:
        ask(url)


def test_void_header_values_and_empty_tables_are_read() -> None:
    told = {"source": "crm", "destination": "q", "destination_type": "queue", "routing_key": ""}
    actual = read_actual(
        exchanges=[],
        queues=[],
        bindings=[{**told, "arguments": {"x-match": "all", "a": "undefined"}}, {**told, "arguments": []}],
    )
    assert actual.bindings == (
        Binding("crm", "q", DestinationKind.QUEUE, arguments={"x-match": "all", "a": None}),
        Binding("crm", "q", DestinationKind.QUEUE),
    )


def test_a_queue_without_statistics_counts_as_empty() -> None:
    assert read_depth({"name": "young"}) == QueueDepth(0, 0, 0)
    counted = read_depth({"messages_ready": 1, "messages_unacknowledged": 2, "messages_dlx": 3})
    assert counted.total == 6
