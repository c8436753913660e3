"""Definitions: out of one node, into another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from warren.broker.auth import Access
from warren.broker.definitions import InvalidDefinitions, export_node, export_vhost, import_definitions, import_file
from warren.broker.node import Node
from warren.broker.settings import BrokerConfig
from warren.broker.storage.memory import MemoryStorage
from warren.clock import ManualClock
from warren.errors import ConfigurationError

# As RabbitMQ 4.0.5 exports it, shortened.
EXPORTED: dict[str, Any] = {
    "rabbit_version": "4.0.5",
    "users": [
        {
            "name": "ann",
            "password_hash": "SWUUCbvsUY5/2JhSfTs5tDTcB+yHry1JmNZOLJKFr0UHdwGO",
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": ["monitoring"],
            "limits": {"max-connections": 7},
        }
    ],
    "vhosts": [
        {
            "name": "/",
            "description": "Default virtual host",
            "metadata": {},
            "tags": [],
            "default_queue_type": "classic",
        },
        {"name": "v1", "description": "d", "tags": ["a", "b"], "default_queue_type": "classic"},
    ],
    "permissions": [{"user": "ann", "vhost": "v1", "configure": "^a", "write": "", "read": ".*"}],
    "topic_permissions": [{"user": "ann", "vhost": "v1", "exchange": "amq.topic", "write": "a", "read": "b"}],
    "parameters": [
        {"value": {"max-queues": 5}, "vhost": "v1", "component": "vhost-limits", "name": "limits"},
        {
            "value": {"pattern": "^q", "definition": {"message-ttl": 100000}, "priority": 1, "apply-to": "queues"},
            "vhost": "v1",
            "component": "operator_policy",
            "name": "op",
        },
    ],
    "global_parameters": [{"name": "cluster_name", "value": "exported"}],
    "policies": [
        {
            "vhost": "v1",
            "name": "p",
            "pattern": "^q",
            "apply-to": "queues",
            "definition": {"max-length": 10},
            "priority": 1,
        }
    ],
    "queues": [
        {
            "name": "q",
            "vhost": "v1",
            "durable": True,
            "auto_delete": False,
            "arguments": {"x-max-priority": 5, "x-queue-type": "classic"},
        },
        {"name": "qq", "vhost": "v1", "durable": True, "auto_delete": False, "arguments": {"x-queue-type": "quorum"}},
    ],
    "exchanges": [
        {
            "name": "e1",
            "vhost": "v1",
            "type": "topic",
            "durable": True,
            "auto_delete": False,
            "internal": False,
            "arguments": {"alternate-exchange": "amq.fanout"},
        }
    ],
    "bindings": [
        {
            "source": "e1",
            "vhost": "v1",
            "destination": "q",
            "destination_type": "queue",
            "routing_key": "c.#",
            "arguments": {"x": 1},
        },
        {
            "source": "amq.topic",
            "vhost": "v1",
            "destination": "e1",
            "destination_type": "exchange",
            "routing_key": "k",
            "arguments": {},
        },
    ],
}


@pytest.fixture
def node() -> Node:
    return started()


def started() -> Node:
    node = Node(BrokerConfig(), MemoryStorage(), ManualClock())
    node.start()
    return node


def test_what_rabbitmq_exported_is_there_after_the_import(node: Node) -> None:
    import_definitions(node, EXPORTED)
    ann = node.accounts.authenticate("ann", "a", loopback=False)
    assert (ann.tags, ann.limits) == (("monitoring",), {"max-connections": 7})
    assert node.accounts.allows("ann", "v1", Access.CONFIGURE, "a")
    vhost = node.vhosts["v1"]
    assert vhost.queues["q"].settings.max_length == 10
    assert vhost.queues["q"].settings.message_ttl == 100.0
    assert vhost.queues["qq"].kind.value == "quorum"
    assert vhost.exchanges["e1"].arguments == {"alternate-exchange": "amq.fanout"}
    assert len(vhost.bindings) == 2


def test_what_is_exported_is_what_was_imported(node: Node) -> None:
    import_definitions(node, EXPORTED)
    exported = export_node(node, "exported")
    for kind in ("topic_permissions", "global_parameters", "policies", "queues", "exchanges", "bindings"):
        assert exported[kind] == EXPORTED[kind], kind
    assert EXPORTED["users"][0] in exported["users"]
    assert EXPORTED["permissions"][0] in exported["permissions"]
    for parameter in EXPORTED["parameters"]:
        assert parameter in exported["parameters"]
    other = started()
    import_definitions(other, json.loads(json.dumps(exported)))
    assert export_node(other, "exported") == exported


def test_the_definitions_of_a_virtual_host_go_into_another(node: Node) -> None:
    import_definitions(node, EXPORTED)
    exported = export_vhost(node, node.vhosts["v1"])
    assert exported["rabbitmq_definition_format"] == "single_virtual_host"
    assert "users" not in exported
    assert all("vhost" not in one for one in exported["queues"])
    node.add_vhost("v2")
    import_definitions(node, exported, vhost="v2")
    again = export_vhost(node, node.vhosts["v2"])
    for kind in ("parameters", "policies", "queues", "exchanges", "bindings", "limits"):
        assert again[kind] == exported[kind], kind


def test_users_and_virtual_hosts_are_ignored_in_the_definitions_of_one(node: Node) -> None:
    import_definitions(node, {"users": [{"name": "x", "tags": ""}], "vhosts": [{"name": "x"}]}, vhost="/")
    assert "x" not in node.accounts.users
    assert "x" not in node.vhosts


def test_what_is_there_already_stays_as_it_is(node: Node) -> None:
    import_definitions(node, EXPORTED)
    queue = node.vhosts["v1"].queues["q"]
    changed = [{"name": "q", "vhost": "v1", "durable": False, "auto_delete": True, "arguments": {}}]
    import_definitions(node, {"queues": changed})
    assert node.vhosts["v1"].queues["q"] is queue
    assert queue.durable


def test_exclusive_queues_and_exchanges_of_the_broker_are_not_exported(node: Node) -> None:
    node.vhosts["/"].declare_queue("mine", exclusive=True, owner=object())
    exported = export_node(node, "c")
    assert exported["queues"] == []
    assert exported["exchanges"] == []


@pytest.mark.parametrize(
    ("definitions", "reason"),
    [
        ([], "definitions are a JSON object"),
        ({"queues": "x"}, "'queues' is no list of objects"),
        ({"vhosts": [{}]}, "vhosts: 'name' is missing"),
        ({"users": [{"name": "x"}]}, "users 'x': tags_not_present"),
        (
            {"queues": [{"name": "q", "vhost": "none"}]},
            "queues 'q' 'none': Please create virtual host \"none\" prior to importing definitions.",
        ),
        (
            {"queues": [{"name": "q", "vhost": "/", "durable": True, "arguments": {"x-max-length": "s"}}]},
            "queues 'q' '/': invalid arg 'x-max-length' for queue 'q' in vhost '/': \"expected integer, got longstr\"",
        ),
        (
            {"permissions": [{"user": "x", "vhost": "/", "configure": "", "write": "", "read": ""}]},
            "permissions 'x' '/': there is no user 'x'",
        ),
        (
            {"permissions": [{"user": "guest", "vhost": "/", "configure": "(", "write": "", "read": ""}]},
            "permissions 'guest' '/': '(' is no regular expression: missing ), unterminated subpattern",
        ),
        (
            {"policies": [{"vhost": "/", "name": "p", "pattern": "a", "definition": {"zz": 1}}]},
            "policies 'p' '/': Validation failed [{<<\"zz\">>,1}] are not recognised policy settings",
        ),
        (
            {"parameters": [{"vhost": "/", "component": "zz", "name": "n", "value": 1}]},
            "parameters 'n' '/': Validation failed component zz not found",
        ),
        (
            {"exchanges": [{"name": "x", "vhost": "/", "type": "nope"}]},
            "exchanges 'x' '/': unknown exchange type 'nope'",
        ),
        (
            {"bindings": [{"source": "x", "vhost": "/", "destination": "q", "destination_type": "queue"}]},
            "bindings 'x' 'q' '/': 'routing_key' is missing",
        ),
    ],
)
def test_what_cannot_be_imported_is_refused_in_one_line(node: Node, definitions: object, reason: str) -> None:
    with pytest.raises(InvalidDefinitions) as refused:
        import_definitions(node, definitions)
    assert str(refused.value) == reason


def test_a_file_is_imported(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "definitions.json"
    path.write_text(json.dumps(EXPORTED))
    import_file(node, path)
    assert "q" in node.vhosts["v1"].queues


@pytest.mark.parametrize("content", ["{", '{"queues": "x"}', "[]"])
def test_a_file_that_cannot_be_imported_is_named(node: Node, tmp_path: Path, content: str) -> None:
    path = tmp_path / "definitions.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=str(path)) as refused:
        import_file(node, path)
    assert "\n" not in str(refused.value)
    with pytest.raises(ConfigurationError, match=r"missing\.json"):
        import_file(node, tmp_path / "missing.json")
