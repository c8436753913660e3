"""Definitions: users, virtual hosts, permissions, policies, queues, exchanges and bindings in RabbitMQ's JSON.

Not here: how each of them looks (`management/`), nor keeping them over a restart (`storage/`).

What is there already stays as it is; what is new is made. An import that fails halfway leaves what it made so far, as
RabbitMQ does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from warren.broker import parameters
from warren.broker.auth import Permission, TopicPermission
from warren.broker.management import permissions, policies, users, vhosts
from warren.broker.management.parameters import global_parameters, set_parameter, vhost_parameters
from warren.broker.management.queues import queue_arguments
from warren.broker.management.request import Refusal
from warren.broker.replies import Closed
from warren.errors import ConfigurationError

if TYPE_CHECKING:
    from warren.broker.model.vhost import VirtualHost
    from warren.broker.node import Node

__all__ = ["InvalidDefinitions", "export_node", "export_vhost", "import_definitions", "import_file"]

_Json = dict[str, Any]
_One = Mapping[str, Any]


class InvalidDefinitions(Exception):
    """What was to be imported cannot be; the text is one line that says why."""


# -- import -------------------------------------------------------------------------------


def import_file(node: Node, path: Path) -> None:
    """Import a file. Raises ConfigurationError, in one line, for what is no JSON or cannot be imported."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read definitions from {path}: {error}") from error
    try:
        import_definitions(node, told)
    except InvalidDefinitions as error:
        raise ConfigurationError(f"cannot import the definitions in {path}: {error}") from error


def import_definitions(node: Node, told: object, *, vhost: str | None = None) -> None:
    """Import definitions, those of one virtual host into `vhost`. Raises InvalidDefinitions."""
    if not isinstance(told, dict):
        raise InvalidDefinitions("definitions are a JSON object")
    for name, define in (_OF_NODE if vhost is None else _OF_VHOST).items():
        for one in _list_of(told, name):
            place = one if vhost is None else {**one, "vhost": vhost}
            try:
                define(node, place)
            except (Closed, Refusal, KeyError, re.error, TypeError, ValueError) as error:
                raise InvalidDefinitions(f"{_named(name, one)}: {_reason(error)}") from error


def _list_of(told: Mapping[str, Any], name: str) -> list[_One]:
    found = told.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InvalidDefinitions(f"{name!r} is no list of objects")
    return found


def _named(kind: str, one: _One) -> str:
    names = [str(one[key]) for key in ("name", "user", "source", "destination", "vhost") if key in one]
    return f"{kind} {' '.join(map(repr, names))}".rstrip()


def _reason(error: Exception) -> str:
    match error:
        case Closed():
            text = error.text.partition(" - ")[2]
        case Refusal():
            text = str(error.reason)
        case KeyError():
            text = f"{error.args[0]!r} is missing"
        case re.error():
            text = f"{error.pattern!r} is no regular expression: {error.msg}"
        case _:
            text = str(error)
    return " ".join(text.split())


def _vhost(node: Node, one: _One) -> VirtualHost:
    name = one["vhost"]
    if name not in node.vhosts:
        raise ValueError(f'Please create virtual host "{name}" prior to importing definitions.')
    return node.vhosts[name]


def _define_user(node: Node, one: _One) -> None:
    name = str(one["name"])
    node.accounts.put_user(users.user_of(name, one, node.accounts.users.get(name)))


def _define_vhost(node: Node, one: _One) -> None:
    vhosts.put_vhost(node, str(one["name"]), one)


def _user(node: Node, one: _One) -> str:
    name = str(one["user"])
    if name not in node.accounts.users:
        raise ValueError(f"there is no user {name!r}")
    return name


def _define_permission(node: Node, one: _One) -> None:
    granted = Permission(one["configure"], one["write"], one["read"])
    node.accounts.put_permission(_vhost(node, one).name, _user(node, one), granted)


def _define_topic_permission(node: Node, one: _One) -> None:
    granted = TopicPermission(one["write"], one["read"])
    node.accounts.put_topic_permission(_vhost(node, one).name, _user(node, one), one["exchange"], granted)


def _define_parameter(node: Node, one: _One) -> None:
    vhost, component, name = _vhost(node, one), str(one["component"]), str(one["name"])
    if component in ("policy", "operator_policy"):
        policies.define(vhost, name, one["value"], operator=component == "operator_policy")
    else:
        set_parameter(node, component, vhost.name, name, one["value"])


def _define_global_parameter(node: Node, one: _One) -> None:
    parameters.put(node, (str(one["name"]),), one["value"])


def _define_policy(node: Node, one: _One) -> None:
    policies.define(_vhost(node, one), str(one["name"]), one, operator=False)


def _define_queue(node: Node, one: _One) -> None:
    vhost = _vhost(node, one)
    if one["name"] not in vhost.queues:
        vhost.declare_queue(
            one["name"],
            passive=False,
            durable=one.get("durable", True),
            exclusive=False,
            auto_delete=one.get("auto_delete", False),
            arguments=dict(one.get("arguments") or {}),
            owner=None,
        )


def _define_exchange(node: Node, one: _One) -> None:
    vhost = _vhost(node, one)
    if one["name"] not in vhost.exchanges:
        vhost.declare_exchange(
            one["name"],
            one["type"],
            passive=False,
            durable=one.get("durable", True),
            auto_delete=one.get("auto_delete", False),
            internal=one.get("internal", False),
            arguments=dict(one.get("arguments") or {}),
        )


def _define_binding(node: Node, one: _One) -> None:
    if one["source"] == "":
        return  # of the default exchange: they come with the queues
    arguments = dict(one.get("arguments") or {})
    kind, destination = one["destination_type"], one["destination"]
    _vhost(node, one).bind(kind, destination, one["source"], one["routing_key"], arguments)


_OF_VHOST: Final[dict[str, Callable[[Node, _One], None]]] = {
    "parameters": _define_parameter,
    "policies": _define_policy,
    "queues": _define_queue,
    "exchanges": _define_exchange,
    "bindings": _define_binding,
}
"""In the order in which they build on one another."""

_OF_NODE: Final[dict[str, Callable[[Node, _One], None]]] = {
    "users": _define_user,
    "vhosts": _define_vhost,
    "permissions": _define_permission,
    "topic_permissions": _define_topic_permission,
    "global_parameters": _define_global_parameter,
    **_OF_VHOST,
}


# -- export -------------------------------------------------------------------------------


def export_node(node: Node, cluster_name: str) -> _Json:
    """Return the definitions of everything that is durable."""
    names = list(node.vhosts)
    accounts = node.accounts
    return {
        **_versions(node),
        "rabbitmq_definition_format": "cluster",
        "original_cluster_name": cluster_name,
        "explanation": f"Definitions of cluster '{cluster_name}'",
        "users": [users.user_json(user) for user in accounts.users.values()],
        "vhosts": [vhosts.describe(node, name) for name in names],
        "permissions": [permissions.permission_json(*key, one) for key, one in accounts.permissions.items()],
        "topic_permissions": [
            permissions.topic_permission_json(*key, one) for key, one in accounts.topic_permissions.items()
        ],
        "parameters": list(vhost_parameters(node, names)),
        "global_parameters": list(global_parameters(node)),
        "policies": list(policies.definitions(node, names, operator=False)),
        **_topology(node.vhosts.values()),
    }


def export_vhost(node: Node, vhost: VirtualHost) -> _Json:
    """Return the definitions of one virtual host, which say nothing of its name nor of users."""
    described = vhosts.describe(node, vhost.name)
    content = {
        "parameters": list(vhost_parameters(node, [vhost.name])),
        "policies": list(policies.definitions(node, [vhost.name], operator=False)),
        **_topology([vhost]),
    }
    return {
        **_versions(node),
        "rabbitmq_definition_format": "single_virtual_host",
        "original_vhost_name": vhost.name,
        "explanation": f"Definitions of virtual host '{vhost.name}'",
        "metadata": described["metadata"],
        "description": described["description"],
        "default_queue_type": described["default_queue_type"],
        "limits": parameters.limits(node, vhost.name) or [],
        **{kind: [_without_vhost(one) for one in found] for kind, found in content.items()},
    }


def _versions(node: Node) -> _Json:
    version = node.config.profile.version
    return {
        "rabbit_version": version,
        "rabbitmq_version": version,
        "product_name": "RabbitMQ",
        "product_version": version,
    }


def _without_vhost(one: _One) -> _Json:
    return {name: value for name, value in one.items() if name != "vhost"}


def _topology(found: Iterable[VirtualHost]) -> dict[str, list[_Json]]:
    every = list(found)
    return {
        "queues": [one for vhost in every for one in _queues(vhost)],
        "exchanges": [one for vhost in every for one in _exchanges(vhost)],
        "bindings": [one for vhost in every for one in _bindings(vhost)],
    }


def _queues(vhost: VirtualHost) -> Iterator[_Json]:
    for queue in vhost.queues.values():
        if queue.exclusive_owner is None:
            yield {
                "name": queue.name,
                "vhost": vhost.name,
                "durable": queue.durable,
                "auto_delete": queue.auto_delete,
                "arguments": queue_arguments(queue),
            }


def _exchanges(vhost: VirtualHost) -> Iterator[_Json]:
    for exchange in vhost.exchanges.values():
        if exchange.name and not exchange.name.startswith("amq."):
            yield {
                "name": exchange.name,
                "vhost": vhost.name,
                "type": exchange.type,
                "durable": exchange.durable,
                "auto_delete": exchange.auto_delete,
                "internal": exchange.internal,
                "arguments": dict(exchange.arguments),
            }


def _bindings(vhost: VirtualHost) -> Iterator[_Json]:
    for binding in vhost.bindings:
        if getattr(binding.target, "exclusive_owner", None) is None:
            yield {
                "source": binding.source.name,
                "vhost": vhost.name,
                "destination": binding.destination,
                "destination_type": binding.kind,
                "routing_key": binding.routing_key,
                "arguments": dict(binding.arguments),
            }
