"""The management API of every broker: the same fields, refusals and effects on RabbitMQ and on the embedded one.

What is compared is said once, as RabbitMQ 4.0.5 answers it, and holds on each broker. Fields of Erlang's runtime and
of RabbitMQ's message store, which the embedded broker does not tell, are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pika.exceptions
import pytest

from tests.conftest import give_up
from tests.services.places import ServiceMissing
from tests.support import BrokerUnderTest, wait_until
from tests.support.plain import PlainPika

RATES = ("messages", "messages_ready", "messages_unacknowledged")

QUEUE = {
    *("arguments", "auto_delete", "consumer_utilisation", "consumers", "durable", "effective_policy_definition"),
    *("exclusive", "memory", "message_bytes", "message_bytes_ready", "message_bytes_unacknowledged", "message_stats"),
    *("name", "node", "state", "type", "vhost", "messages", "messages_ready", "messages_unacknowledged"),
    *(f"{name}_details" for name in RATES),
}
ONE_QUEUE = QUEUE | {"consumer_details", "deliveries", "incoming", "policy", "operator_policy"}
CONSUMER = {
    *("arguments", "ack_required", "active", "activity_status", "channel_details", "consumer_tag", "exclusive"),
    *("prefetch_count", "queue"),
}
EXCHANGE = {"arguments", "auto_delete", "durable", "internal", "name", "type", "vhost", "user_who_performed_action"}
BINDING = {"source", "vhost", "destination", "destination_type", "routing_key", "arguments", "properties_key"}
CONNECTION = {
    *("auth_mechanism", "channel_max", "channels", "client_properties", "connected_at", "frame_max", "host", "name"),
    *("node", "peer_host", "peer_port", "port", "protocol", "recv_oct", "recv_oct_details", "send_oct", "send_pend"),
    *("send_oct_details", "ssl", "state", "timeout", "type", "user", "user_who_performed_action", "vhost"),
}
CHANNEL = {
    *("acks_uncommitted", "confirm", "connection_details", "consumer_count", "messages_unacknowledged"),
    *("messages_uncommitted", "messages_unconfirmed", "name", "node", "number", "prefetch_count", "state"),
    *("transactional", "user", "user_who_performed_action", "vhost"),
}
OVERVIEW = {
    *("management_version", "rates_mode", "exchange_types", "product_version", "product_name", "rabbitmq_version"),
    *("cluster_name", "message_stats", "churn_rates", "queue_totals", "object_totals", "node", "listeners", "contexts"),
    *("statistics_db_event_queue", "erlang_version"),
}
NODE = {
    *("name", "type", "running", "uptime", "os_pid", "mem_used", "mem_limit", "mem_alarm", "disk_free", "fd_used"),
    *("disk_free_limit", "disk_free_alarm", "fd_total", "processors", "exchange_types", "auth_mechanisms"),
    *("applications", "contexts", "db_dir", "enabled_plugins", "rates_mode", "partitions", "mem_used_details"),
}
POLICY = {"vhost", "name", "pattern", "apply-to", "definition", "priority"}
EXPORTED = {
    *("rabbit_version", "users", "vhosts", "permissions", "topic_permissions", "parameters", "global_parameters"),
    *("policies", "queues", "exchanges", "bindings"),
}


class Api:
    """Calls a broker's management API and returns status, headers and content."""

    def __init__(self, broker: BrokerUnderTest) -> None:
        self._broker = broker
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __call__(
        self,
        method: str,
        path: str,
        content: object = None,
        *,
        user: str = "guest",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        path = path.replace("{vhost}", quote(self._broker.vhost, safe=""))
        url = f"http://127.0.0.1:{self._broker.node.management_port}/api/{path}"
        data = None if content is None else json.dumps(content).encode()
        login = b64encode(f"{user}:{user}".encode()).decode()
        sent = {"Authorization": f"Basic {login}", "Content-Type": "application/json", **(headers or {})}
        try:
            with self._opener.open(urllib.request.Request(url, data, sent, method=method), timeout=20.0) as answer:
                return answer.status, _read(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _read(error.read())

    def get(self, path: str) -> Any:
        status, content = self("GET", path)
        assert status == 200, (path, status, content)
        return content


def _read(body: bytes) -> Any:
    return json.loads(body) if body else None


@pytest.fixture
def api(broker: BrokerUnderTest) -> Api:
    return Api(broker)


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    """A connection with a consumer that holds one message of the queue `work`, and an exchange `events`."""
    with PlainPika(broker.url) as plain:
        plain.channel.queue_declare("work", durable=True)
        plain.channel.exchange_declare("events", "topic", durable=True)
        plain.channel.queue_bind("work", "events", "a.#", {"x": 1})
        plain.channel.confirm_delivery()
        plain.publish("events", "a.b", b"one", delivery_mode=2)
        plain.publish("events", "a.b", b"two", delivery_mode=2)
        plain.channel.basic_qos(prefetch_count=1)
        plain.channel.basic_consume("work", lambda *delivery: None)
        yield plain


def wait_for_statistics(api: Api) -> None:
    def are_told() -> bool:
        queue = api.get("queues/{vhost}/work")
        stats = queue.get("message_stats", {})
        return (
            queue.get("messages_unacknowledged") == 1
            and (stats.get("publish"), stats.get("deliver_get")) == (2, 1)
            and bool(queue.get("consumer_details"))
            and bool(api.get("consumers/{vhost}"))
            and any(one.get("consumer_count") == 1 for one in of_vhost(api, "channels"))
        )

    wait_until(
        are_told,
        timeout=20.0,
        message=lambda: str(api.get("queues/{vhost}/work")),
    )


def of_vhost(api: Api, kind: str) -> list[dict[str, Any]]:
    """The connections or channels of the test's virtual host, once they have statistics."""
    found = api.get(f"vhosts/{{vhost}}/{kind}")
    return [one for one in found if "state" in one]


def assert_has(content: dict[str, Any], fields: set[str]) -> None:
    assert fields <= content.keys(), f"missing: {sorted(fields - content.keys())}"


def test_everything_is_told_by_rabbitmqs_names(api: Api, plain: PlainPika) -> None:
    wait_for_statistics(api)
    (queue,) = api.get("queues/{vhost}")
    assert_has(queue, QUEUE)
    one = api.get("queues/{vhost}/work")
    assert_has(one, ONE_QUEUE)
    assert_has(one["consumer_details"][0], CONSUMER)
    assert (one["messages"], one["messages_ready"], one["message_bytes"]) == (2, 1, 6)
    assert one["message_stats"]["publish"] == 2
    assert one["message_stats"]["deliver_get"] == 1
    assert_has(api.get("consumers/{vhost}")[0], CONSUMER)
    for exchange in api.get("exchanges/{vhost}"):
        assert_has(exchange, EXCHANGE)
    for binding in api.get("bindings/{vhost}"):
        assert_has(binding, BINDING)
    wait_until(lambda: of_vhost(api, "connections"), timeout=20.0)
    assert_has(of_vhost(api, "connections")[0], CONNECTION)
    (channel,) = of_vhost(api, "channels")
    assert_has(channel, CHANNEL)
    assert (channel["confirm"], channel["prefetch_count"], channel["consumer_count"]) == (True, 1, 1)
    assert_has(api.get("overview"), OVERVIEW)
    assert_has(api.get("nodes")[0], NODE)


def test_policies_apply_and_are_told(api: Api) -> None:
    api("PUT", "queues/{vhost}/work", {"durable": True})
    api("PUT", "policies/{vhost}/p", {"pattern": "^w", "definition": {"max-length": 5}, "apply-to": "queues"})
    wait_until(lambda: api.get("queues/{vhost}/work").get("policy") == "p", timeout=20.0)
    (policy,) = api.get("policies/{vhost}")
    assert_has(policy, POLICY)
    assert api.get("queues/{vhost}/work")["effective_policy_definition"] == {"max-length": 5}


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("PUT", "queues/{vhost}/q", {"durable": True}, 201),
        ("PUT", "queues/{vhost}/q", {"arguments": {"x-max-length": "a"}}, 400),
        ("PUT", "queues/{vhost}/q", {"auto_delete": "x"}, 400),
        ("PUT", "queues/{vhost}/amq.q", {}, 401),
        ("PUT", "queues/none/q", {}, 404),
        ("GET", "queues/{vhost}/q", None, 404),
        ("DELETE", "queues/{vhost}/q", None, 404),
        ("POST", "queues/{vhost}", {}, 405),
        ("PUT", "exchanges/{vhost}/e", {"type": "fanout"}, 201),
        ("PUT", "exchanges/{vhost}/e", {"type": "nope"}, 400),
        ("DELETE", "exchanges/{vhost}/amq.topic", None, 401),
        ("POST", "bindings/{vhost}/e/amq.topic/q/q", {}, 404),
        ("POST", "bindings/{vhost}/e/amq.topic/e/amq.fanout", {"routing_key": "k"}, 201),
        ("DELETE", "bindings/{vhost}/e/amq.topic/e/amq.fanout/none", None, 404),
        ("PUT", "policies/{vhost}/p", {"pattern": "(", "definition": {"max-length": 1}}, 400),
        ("PUT", "policies/{vhost}/p", {"pattern": "a", "definition": {"nope": 1}}, 400),
        ("PUT", "policies/{vhost}/p", {"pattern": "a", "definition": {"max-length": 1}}, 201),
        ("PUT", "parameters/nope/{vhost}/x", {"value": 1}, 400),
        ("PUT", "permissions/{vhost}/nobody", {"configure": "", "write": "", "read": ""}, 400),
        ("PUT", "permissions/{vhost}/guest", {"configure": "(", "write": "", "read": ""}, 400),
        ("PUT", "vhost-limits/{vhost}/max-queues", {"value": 5}, 204),
        ("PUT", "vhost-limits/{vhost}/nope", {"value": 5}, 400),
        ("POST", "queues/{vhost}/q/get", {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}, 404),
        ("POST", "exchanges/{vhost}/amq.default/publish", {"routing_key": "q"}, 400),
        ("GET", "queues/{vhost}?page=0", None, 400),
        ("GET", "nothing", None, 404),
        ("GET", "connections/nobody", None, 404),
        ("GET", "aliveness-test/{vhost}", None, 200),
        ("GET", "health/checks/alarms", None, 200),
        ("GET", "health/checks/port-listener/1", None, 503),
        ("GET", "definitions/none", None, 400),
        ("POST", "definitions/none", {}, 404),
        (
            "POST",
            "definitions/{vhost}",
            {"queues": [{"name": "q", "durable": True, "arguments": {"x-expires": "x"}}]},
            400,
        ),
    ],
)
def test_a_request_is_accepted_and_refused_with_rabbitmqs_status(
    api: Api, method: str, path: str, content: object, status: int
) -> None:
    assert api(method, path, content)[0] == status


def test_a_message_goes_in_and_out(api: Api) -> None:
    api("PUT", "queues/{vhost}/q", {"durable": True})
    properties = {"delivery_mode": 2, "headers": {"a": 1, "b": ["x", 2]}, "message_id": "m", "timestamp": 123}
    message = {"properties": properties, "routing_key": "q", "payload": "hi", "payload_encoding": "string"}
    assert api("POST", "exchanges/{vhost}/amq.default/publish", message) == (200, {"routed": True})
    lost = {**message, "routing_key": "nobody"}
    assert api("POST", "exchanges/{vhost}/amq.default/publish", lost) == (200, {"routed": False})
    expected = {
        "payload_bytes": 2,
        "redelivered": False,
        "exchange": "",
        "routing_key": "q",
        "message_count": 0,
        "properties": properties,
        "payload": "hi",
        "payload_encoding": "string",
    }
    wanted = {"count": 5, "ackmode": "ack_requeue_true", "encoding": "auto"}
    assert api("POST", "queues/{vhost}/q/get", wanted) == (200, [expected])
    again = {**wanted, "ackmode": "ack_requeue_false"}
    assert api("POST", "queues/{vhost}/q/get", again) == (200, [{**expected, "redelivered": True}])
    assert api("POST", "queues/{vhost}/q/get", wanted) == (200, [])


def test_a_binding_is_named_by_its_properties_key(api: Api) -> None:
    api("PUT", "queues/{vhost}/q", {})
    for routing_key, key in (("", "~"), ("a.b", "a.b"), ("c.#", "c.%23"), ("r%x", "r%25x"), ("a b/c~", "a+b%2Fc%7E")):
        assert api("POST", "bindings/{vhost}/e/amq.topic/q/q", {"routing_key": routing_key})[0] == 201
        (binding,) = api.get("bindings/{vhost}/e/amq.topic/q/q")
        assert binding["properties_key"] == key
        path = f"bindings/{{vhost}}/e/amq.topic/q/q/{quote(key, safe='')}"
        assert api("DELETE", path)[0] == 204


def test_a_closed_connection_hears_why(api: Api, broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain:
        wait_until(lambda: of_vhost(api, "connections"), timeout=20.0)
        name = quote(of_vhost(api, "connections")[0]["name"], safe="")
        assert api("DELETE", f"connections/{name}", headers={"X-Reason": "for a test"})[0] == 204
        with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as closed:
            wait_until(lambda: plain.connection.process_data_events(1.0), timeout=20.0)
    assert (closed.value.reply_code, closed.value.reply_text) == (320, "CONNECTION_FORCED - for a test")


def test_a_connection_ends_with_its_user_and_its_virtual_host(api: Api, broker: BrokerUnderTest) -> None:
    api("PUT", "users/passing", {"password": "passing", "tags": ""})
    api("PUT", "vhosts/passing")
    for vhost in ("{vhost}", "passing"):
        api("PUT", f"permissions/{vhost}/passing", {"configure": "", "write": "", "read": ""})
    own = broker.url.replace("guest:guest", "passing:passing")
    other = f"{broker.url.rpartition('/')[0]}/passing"
    for url, path, reason in ((own, "users/passing", "user 'passing'"), (other, "vhosts/passing", "vhost 'passing'")):
        with PlainPika(url) as plain:
            assert api("DELETE", path)[0] == 204
            with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as closed:
                wait_until(lambda connection=plain.connection: connection.process_data_events(1.0), timeout=20.0)
        assert closed.value.reply_text.startswith(f"CONNECTION_FORCED - {reason} is ")  # deleted, or down in 3.10


def test_definitions_go_out_and_in_again(api: Api) -> None:
    assert_has(api.get("definitions"), EXPORTED)
    api("PUT", "queues/{vhost}/q", {"durable": True, "arguments": {"x-max-length": 3}})
    api("PUT", "exchanges/{vhost}/e", {"type": "topic", "durable": True})
    api("POST", "bindings/{vhost}/e/e/q/q", {"routing_key": "k", "arguments": {"z": "1"}})
    api("PUT", "policies/{vhost}/p", {"pattern": "^q", "definition": {"max-length": 5}})
    exported = api.get("definitions/{vhost}")
    for path in ("queues/{vhost}/q", "exchanges/{vhost}/e", "policies/{vhost}/p"):
        assert api("DELETE", path)[0] == 204
    assert api("POST", "definitions/{vhost}", exported)[0] == 204
    again = api.get("definitions/{vhost}")
    for kind in ("queues", "exchanges", "bindings", "policies"):
        assert again[kind] == exported[kind] != []


def test_a_tag_opens_what_it_opens(api: Api) -> None:
    api("PUT", "users/tagged", {"password": "tagged", "tags": ""})
    try:
        assert api("GET", "overview", user="tagged")[0] == 401
        for tag, path, status in (
            ("management", "overview", 200),
            ("management", "nodes", 401),
            ("monitoring", "nodes", 200),
            ("monitoring", "users", 401),
            ("management", "queues/{vhost}", 401),
            ("policymaker", "parameters", 200),
            ("administrator", "users", 200),
        ):
            api("PUT", "users/tagged", {"password": "tagged", "tags": tag})
            assert api("GET", path, user="tagged")[0] == status, (tag, path)
    finally:
        api("DELETE", "users/tagged")


def rabbitmqadmin(broker: BrokerUnderTest, *arguments: str) -> str:
    """Run the script that RabbitMQ's management plugin brings."""
    script = next(
        iter(sorted(Path("/usr/lib/rabbitmq").glob("lib/*/plugins/rabbitmq_management-*/priv/www/cli/rabbitmqadmin"))),
        None,
    )
    if script is None:
        give_up(ServiceMissing("rabbitmqadmin comes with RabbitMQ's management plugin"))
    command = [sys.executable, str(script), "-P", str(broker.node.management_port), "-V", broker.vhost, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60.0, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rabbitmqadmin_lists_publishes_gets_exports_and_imports(broker: BrokerUnderTest, tmp_path: Path) -> None:
    exported = tmp_path / "exported.json"
    rabbitmqadmin(broker, "declare", "queue", "name=q", "durable=true")
    rabbitmqadmin(broker, "declare", "exchange", "name=e", "type=topic")
    rabbitmqadmin(broker, "declare", "binding", "source=e", "destination=q", "routing_key=a.#")
    assert "published" in rabbitmqadmin(broker, "publish", "exchange=e", "routing_key=a.b", "payload=hello")
    assert "hello" in rabbitmqadmin(broker, "get", "queue=q", "ackmode=ack_requeue_false")
    assert " q " in rabbitmqadmin(broker, "list", "queues", "name", "durable")
    assert "a.#" in rabbitmqadmin(broker, "list", "bindings")
    rabbitmqadmin(broker, "export", str(exported))
    rabbitmqadmin(broker, "delete", "queue", "name=q")
    assert "No items" in rabbitmqadmin(broker, "list", "queues")
    rabbitmqadmin(broker, "import", str(exported))
    assert " q " in rabbitmqadmin(broker, "list", "queues", "name")
    assert "a.#" in rabbitmqadmin(broker, "list", "bindings")
