"""All checks, and what they find, the worst first.

Not here: the checks (`checks/`, one file a concern) and the facts (`collect.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from warren.doctor.checks.alarms import check_alarms
from warren.doctor.checks.cluster import check_cluster
from warren.doctor.checks.connection import check_connection
from warren.doctor.checks.dead_letter_queues import check_dead_letter_queues
from warren.doctor.checks.dead_letters import check_dead_letters
from warren.doctor.checks.delivery_limits import check_delivery_limits
from warren.doctor.checks.features import check_features
from warren.doctor.checks.idempotency import check_idempotency
from warren.doctor.checks.machine import check_machine
from warren.doctor.checks.permissions import check_permissions
from warren.doctor.checks.replication import check_replication
from warren.doctor.checks.retry_tiers import check_retry_tiers
from warren.doctor.checks.security import check_security
from warren.doctor.checks.time_limits import check_time_limits
from warren.doctor.checks.topology import check_topology
from warren.doctor.checks.version import check_version
from warren.doctor.facts import Facts
from warren.doctor.findings import Finding

__all__ = ["CHECKS", "examine"]

CHECKS: Final[tuple[Callable[[Facts], Iterator[Finding]], ...]] = (
    check_connection,
    check_alarms,
    check_cluster,
    check_topology,
    check_dead_letters,
    check_dead_letter_queues,
    check_retry_tiers,
    check_delivery_limits,
    check_time_limits,
    check_idempotency,
    check_permissions,
    check_replication,
    check_security,
    check_version,
    check_features,
    check_machine,
)


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Return what is wrong, the worst first, in the order of the checks."""
    found = [one for check in CHECKS for one in check(facts)]
    return tuple(sorted(found, key=lambda one: -one.severity.rank))
