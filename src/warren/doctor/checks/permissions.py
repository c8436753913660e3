"""What the broker's user may do, against what the application does.

Not here: who the user is (`security.py`). RabbitMQ documentation, "Access Control", says which operation needs what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from warren.doctor.facts import Code, Facts
from warren.doctor.findings import Finding, FindingId, finding
from warren.management.setup import Permissions
from warren.topology.model import DestinationKind

__all__ = ["check_permissions"]

_DEFAULT: Final = "amq.default"  # what the default exchange is called where permissions are concerned


class _Need(NamedTuple):
    """A right on an exchange or queue, and what for. `to_create` are only needed while something is missing."""

    right: str
    resource: str
    purpose: str
    to_create: bool = False


def check_permissions(facts: Facts) -> Iterator[Finding]:
    """Compare the application's needs with the user's rights."""
    if facts.code is None or facts.broker is None or facts.live is None or facts.live.permissions is None:
        return
    lacking = [need for need in _needs(facts.code) if not _has(facts.live.permissions, need)]
    for to_create in (False, True):
        yield from _told([one for one in lacking if one.to_create is to_create], facts, to_create=to_create)


def _told(lacking: list[_Need], facts: Facts, *, to_create: bool) -> Iterator[Finding]:
    if not lacking or facts.broker is None or facts.live is None:
        return
    has = facts.live.permissions or Permissions()
    user, virtual_host = facts.broker.user, facts.broker.virtual_host
    resources = list(dict.fromkeys(f"{need.right} on {need.resource!r} {need.purpose}" for need in lacking))
    summary = (
        "user may not create all that the application needs: it cannot mend what is missing"
        if to_create
        else "user may not do all that the application does: the broker closes its channels"
    )
    yield finding(
        FindingId.PERMISSION_TO_CREATE_MISSING if to_create else FindingId.PERMISSION_MISSING,
        user,
        f"this {summary}",
        evidence=[
            *resources[:10],
            *([f"and {len(resources) - 10} more"] if len(resources) > 10 else []),
            f"it has configure {has.configure!r}, write {has.write!r}, read {has.read!r}",
        ],
        fix=f"rabbitmqctl set_permissions -p {virtual_host} {user} CONFIGURE WRITE READ: patterns that match these",
    )


def _has(permissions: Permissions, need: _Need) -> bool:
    pattern = {"configure": permissions.configure, "write": permissions.write, "read": permissions.read}[need.right]
    try:
        return bool(pattern) and re.search(pattern, need.resource) is not None
    except re.error:  # PCRE knows more than Python
        return True


def _needs(code: Code) -> Iterator[_Need]:
    for spec in code.consumers:
        yield _Need("read", spec.queue.name, "to consume")
    if code.consumers:
        yield _Need("write", _DEFAULT, "to retry and to dead-letter")
    for name in sorted(code.published):
        yield _Need("write", name or _DEFAULT, "to publish")
    if code.settings.apply_topology:
        yield from _to_create(code)


def _to_create(code: Code) -> Iterator[_Need]:
    for exchange in code.topology.exchanges:
        if exchange.external:
            continue
        yield _Need("configure", exchange.name, "to create it", to_create=True)
        if exchange.alternate_name is not None:
            yield _Need("read", exchange.name, "to name its alternate exchange", to_create=True)
            yield _Need("write", exchange.alternate_name, "to be an alternate exchange", to_create=True)
    for queue in code.topology.queues:
        if queue.external:
            continue
        yield _Need("configure", queue.name, "to create it", to_create=True)
        if queue.dead_letter_exchange is not None:
            yield _Need("read", queue.name, "to name its dead-letter target", to_create=True)
            yield _Need("write", queue.dead_letter_exchange or _DEFAULT, "to be a dead-letter target", to_create=True)
    externals = {queue.name for queue in code.topology.queues if queue.external}
    for binding in code.topology.bindings:
        if binding.destination_kind is DestinationKind.QUEUE and binding.destination in externals:
            continue
        yield _Need("write", binding.destination, "to bind it", to_create=True)
        yield _Need("read", binding.source, "to bind to it", to_create=True)
