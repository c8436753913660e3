"""The connection itself: whether there is one, and its heartbeat.

Not here: how it is secured (`security.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from warren.doctor.facts import Facts
from warren.doctor.findings import Finding, FindingId, finding

__all__ = ["check_connection"]

_SHORTEST: Final = (
    5  # seconds; below, a busy machine or network loses connections (RabbitMQ documentation, "Heartbeats")
)


def check_connection(facts: Facts) -> Iterator[Finding]:
    """Judge the connection, and tell of what could not be looked at."""
    if facts.failure is not None and facts.broker is not None:
        kind = FindingId.BROKER_REFUSED if facts.failure.is_refusal else FindingId.BROKER_UNAVAILABLE
        summary = "refused the connection" if facts.failure.is_refusal else "does not answer"
        yield finding(
            kind,
            facts.broker.redacted,
            f"the broker {summary}: {facts.failure.reason}",
            fix=(
                "correct user, password and virtual host of the broker URL, or the rights of the user"
                if facts.failure.is_refusal
                else "start the broker, or correct the broker URL; what needs it was not checked"
            ),
        )
    if facts.broker is not None:
        yield from _heartbeat(facts.broker.heartbeat)
    for one in facts.unknown:
        yield finding(FindingId.UNKNOWN, one.subject, f"not looked at: {one.reason}", fix=one.fix)


def _heartbeat(seconds: int) -> Iterator[Finding]:
    if seconds == 0:
        yield finding(
            FindingId.HEARTBEAT_OFF,
            "broker URL",
            "heartbeat=0: a connection that died silently is noticed only when something is sent",
            fix="leave heartbeat= out, for 60 s",
        )
    elif seconds < _SHORTEST:
        yield finding(
            FindingId.HEARTBEAT_SHORT,
            "broker URL",
            f"a heartbeat of {seconds} s cuts healthy connections whenever machine or network are busy",
            fix=f"give at least {_SHORTEST} s; the default is 60",
        )
