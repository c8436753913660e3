"""The broker's version: old enough to lack what Warren builds on, not tested with, or known for a fault.

Not here: feature flags (`features.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from warren.doctor.facts import Facts
from warren.doctor.findings import Finding, FindingId, finding
from warren.doctor.versions import version_of

__all__ = ["check_version"]

_OLDEST: Final = (3, 10)  # dead-lettering at least once, on which retry tiers rest
_TESTED: Final = ((3, 10), (4, 0))


class _Bad(NamedTuple):
    """RabbitMQ before `fixed`, with Erlang from `erlang` on."""

    fixed: tuple[int, ...]
    erlang: int
    why: str


# RabbitMQ documentation, "Erlang Version Requirements".
_KNOWN_BAD: Final = (
    _Bad((3, 12, 0), 26, "RabbitMQ runs on Erlang 26 from 3.12.0 on"),
    _Bad((4, 0, 4), 27, "RabbitMQ runs on Erlang 27 from 4.0.4 on"),
)


def check_version(facts: Facts) -> Iterator[Finding]:
    """Judge what the broker says it is."""
    text = facts.version
    version = version_of(text or "")
    if version:
        yield from _range(f"RabbitMQ {text}", version)
        yield from _known_bad(version, facts)
    yield from _mixed(facts)


def _range(subject: str, version: tuple[int, ...]) -> Iterator[Finding]:
    if version < _OLDEST:
        yield finding(
            FindingId.BROKER_TOO_OLD,
            subject,
            "this version cannot dead-letter at least once, so retries can lose messages",
            fix="upgrade RabbitMQ to 3.10 or later",
        )
    elif version[:2] not in _TESTED:
        tested = " and ".join(".".join(map(str, one)) for one in _TESTED)
        yield finding(
            FindingId.BROKER_UNTESTED,
            subject,
            f"Warren is tested with RabbitMQ {tested}; others from 3.10 on are expected to work",
            fix="nothing to do; test your application on this version",
        )


def _known_bad(version: tuple[int, ...], facts: Facts) -> Iterator[Finding]:
    platform = facts.greeting.platform.partition("Erlang/OTP ")[2] if facts.greeting else ""
    erlang = version_of((facts.live.erlang if facts.live else None) or platform)
    for bad in _KNOWN_BAD:
        if erlang and erlang[0] >= bad.erlang and version < bad.fixed:
            yield finding(
                FindingId.BROKER_KNOWN_BAD,
                f"RabbitMQ {facts.version}",
                f"this version of RabbitMQ is not made for Erlang {erlang[0]}",
                evidence=[bad.why, f"the broker runs on Erlang {'.'.join(map(str, erlang))}"],
                fix=f"upgrade RabbitMQ to {'.'.join(map(str, bad.fixed))} or later, or run it on an older Erlang",
            )


def _mixed(facts: Facts) -> Iterator[Finding]:
    nodes = (facts.live.setups or ()) if facts.live else ()
    versions = {node.version for node in nodes if node.version}
    if len(versions) > 1:
        yield finding(
            FindingId.CLUSTER_MIXED_VERSIONS,
            "cluster",
            f"its nodes run different versions: {', '.join(sorted(versions))}",
            evidence=[f"{node.name} runs {node.version}" for node in nodes if node.version],
            fix="finish the rolling upgrade: a mixed cluster is meant for the time of an upgrade only",
        )
