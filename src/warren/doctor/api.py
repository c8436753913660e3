"""Asks the management API all that doctor wants to know; what it does not tell becomes an unknown.

Not here: the requests (`management/`), and what is judged of the answers (`checks/`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from warren.config import BrokerSettings
from warren.doctor.facts import Live, Unknown
from warren.errors import BrokerRefused, BrokerUnavailable
from warren.management.client import ManagementClient
from warren.management.setup import (
    NODE_SETUP_COLUMNS,
    PLACE_COLUMNS,
    Policy,
    read_flags,
    read_names,
    read_node_setups,
    read_permissions,
    read_places,
    read_policies,
)

__all__ = ["ask_management"]

T = TypeVar("T")

_MONITORING: Final = "give the user the tag 'monitoring': rabbitmqctl set_user_tags USER monitoring"
_ADMINISTRATOR: Final = "ask as an administrator: ?management=http://ADMIN:PASSWORD@host:15672 in the broker URL"


def ask_management(
    client: ManagementClient, broker: BrokerSettings, *, now: Callable[[], float]
) -> tuple[Live, tuple[Unknown, ...]]:
    """Return what the API tells, and what it does not.

    Raises `BrokerUnavailable` and `BrokerRefused` where it does not even tell queues and exchanges.
    """
    questions = _Questions(client)
    virtual_host, user = broker.virtual_host, broker.user
    version, erlang = client.ask(_versions, "overview", columns="rabbitmq_version,erlang_version")
    offset = None if client.answered_at is None else client.answered_at + 0.5 - now()
    actual = client.read_topology(virtual_host)
    queues = {queue.name: queue for queue in client.queues(virtual_host)}
    places = client.ask(read_places, "queues", virtual_host, columns=PLACE_COLUMNS)
    nodes = questions.ask("nodes: memory, disk, partitions, versions", _MONITORING, client.nodes)
    setups = (
        None
        if nodes is None
        else questions.ask(
            "nodes", _MONITORING, lambda: client.ask(read_node_setups, "nodes", columns=NODE_SETUP_COLUMNS)
        )
    )
    live = Live(
        version=version,
        erlang=erlang,
        actual=actual,
        queues=queues,
        places=places,
        nodes=nodes,
        setups=setups,
        alarm=_alarm(client) if nodes is None else None,
        policies=questions.ask(
            "policies", "list them with `rabbitmqctl list_policies`", lambda: _policies(client, virtual_host)
        ),
        flags=questions.ask("feature flags", _ADMINISTRATOR, lambda: client.ask(read_flags, "feature-flags")),
        deprecated=_deprecated(client),
        permissions=questions.ask(
            f"permissions of user {user!r}",
            f"{_ADMINISTRATOR}; or see `rabbitmqctl list_user_permissions {user}`",
            lambda: client.ask(partial(read_permissions, virtual_host=virtual_host), "users", user, "permissions"),
        ),
        clock_offset=offset,
    )
    if offset is None:
        questions.note("clock", "the API's answers have no date", "compare the clocks of both machines: date -u")
    return live, tuple(questions.unknown)


class _Questions:
    """Questions that may be refused without harm; it remembers which were."""

    def __init__(self, client: ManagementClient) -> None:
        self.client = client
        self.unknown: list[Unknown] = []

    def ask(self, subject: str, fix: str, question: Callable[[], T]) -> T | None:
        try:
            return question()
        except (BrokerRefused, BrokerUnavailable) as error:
            self.note(subject, str(error), fix)
            return None

    def note(self, subject: str, reason: str, fix: str) -> None:
        self.unknown.append(Unknown(subject, reason, fix))


def _versions(told: Any) -> tuple[str, str | None]:
    return str(told["rabbitmq_version"]), told.get("erlang_version") or None


def _policies(client: ManagementClient, virtual_host: str) -> tuple[Policy, ...]:
    operators = client.ask(partial(read_policies, is_operator=True), "operator-policies", virtual_host)
    return operators + client.ask(partial(read_policies, is_operator=False), "policies", virtual_host)


def _deprecated(client: ManagementClient) -> tuple[str, ...]:
    """Return the deprecated features in use. RabbitMQ tells them from 3.13 on, the embedded broker never."""
    try:
        return client.ask(read_names, "deprecated-features", "used")
    except (BrokerRefused, BrokerUnavailable):
        return ()


def _alarm(client: ManagementClient) -> str | None:
    """Ask the health check, which tells every user whether there is an alarm, but not where: it fails with 503."""
    try:
        client.ask(str, "health", "checks", "alarms")
    except BrokerUnavailable as error:
        return str(error)
    except BrokerRefused:
        return None
    return None
