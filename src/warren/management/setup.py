"""How a broker is set up, as the management API tells it: nodes, policies, feature flags, rights, where queues live.

Not here: figures that change with every message (`queues.py`, `nodes.py`), and what is wrong with it (`doctor/`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, final

from warren.management.values import as_flag, as_table, as_text

__all__ = [
    "NODE_SETUP_COLUMNS",
    "PLACE_COLUMNS",
    "FeatureFlag",
    "NodeSetup",
    "Permissions",
    "Policy",
    "QueuePlace",
    "read_flags",
    "read_names",
    "read_node_setups",
    "read_permissions",
    "read_places",
    "read_policies",
]

_Json = Mapping[str, Any]

PLACE_COLUMNS: Final = "name,type,state,node,leader,members,online"
NODE_SETUP_COLUMNS: Final = "name,type,partitions,being_drained,applications"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """Which nodes keep a queue. `leader` is empty while a quorum queue has none; None where it is not told."""

    name: str
    state: str | None = None
    leader: str | None = None
    members: tuple[str, ...] = ()
    online: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSetup:
    """A node of the cluster. `version` is of RabbitMQ; None where the node does not tell."""

    name: str
    version: str | None = None
    keeps_on_disk: bool = True
    is_draining: bool = False
    partitions: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy, or an operator policy: what it sets on the queues it applies to."""

    name: str
    definition: Mapping[str, Any]
    is_operator: bool = False


@final
@dataclass(frozen=True, slots=True)
class FeatureFlag:
    """A feature flag: `state` is enabled, disabled or unavailable; `stability` stable, required or experimental."""

    name: str
    state: str
    stability: str


@final
@dataclass(frozen=True, slots=True)
class Permissions:
    """What a user may do in a virtual host: three regular expressions; an empty one allows nothing."""

    configure: str = ""
    write: str = ""
    read: str = ""


def read_places(told: Iterable[_Json]) -> Mapping[str, QueuePlace]:
    """Read a list of queues, asked for with `PLACE_COLUMNS`."""
    return MappingProxyType({str(one["name"]): _place(one) for one in told})


def _place(told: _Json) -> QueuePlace:
    leader = told.get("leader", told.get("node"))
    return QueuePlace(
        name=str(told["name"]),
        state=as_text(told.get("state")),
        leader=leader if isinstance(leader, str) else None,
        members=_texts(told.get("members")),
        online=_texts(told.get("online")),
    )


def read_node_setups(told: Iterable[_Json]) -> tuple[NodeSetup, ...]:
    """Read a list of nodes, asked for with `NODE_SETUP_COLUMNS`."""
    return tuple(map(_node, told))


def _node(told: _Json) -> NodeSetup:
    versions = [as_text(one.get("version")) for one in told.get("applications") or () if one.get("name") == "rabbit"]
    return NodeSetup(
        name=str(told["name"]),
        version=versions[0] if versions else None,
        keeps_on_disk=told.get("type") != "ram",
        is_draining=as_flag(told.get("being_drained")) or False,
        partitions=_texts(told.get("partitions")),
    )


def read_policies(told: Iterable[_Json], *, is_operator: bool) -> tuple[Policy, ...]:
    """Read a list of policies or operator policies."""
    return tuple(
        Policy(name=str(one["name"]), definition=as_table(one["definition"]), is_operator=is_operator) for one in told
    )


def read_flags(told: Iterable[_Json]) -> tuple[FeatureFlag, ...]:
    """Read the list of feature flags."""
    return tuple(
        FeatureFlag(str(one["name"]), str(one["state"]), as_text(one.get("stability")) or "stable") for one in told
    )


def read_names(told: Iterable[_Json]) -> tuple[str, ...]:
    """Read a list of what only its names matter of."""
    return tuple(str(one["name"]) for one in told)


def read_permissions(told: Iterable[_Json], virtual_host: str) -> Permissions:
    """Read the list of a user's permissions; without any in the virtual host the user may do nothing."""
    for one in told:
        if one["vhost"] == virtual_host:
            return Permissions(str(one["configure"]), str(one["write"]), str(one["read"]))
    return Permissions()


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
