"""Feature flags that are off, or on before their time; features of RabbitMQ that are to go.

Not here: versions (`version.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from warren.doctor.facts import Facts
from warren.doctor.findings import Finding, FindingId, finding

__all__ = ["check_features"]


def check_features(facts: Facts) -> Iterator[Finding]:
    """Judge what is switched on."""
    if facts.live is None:
        return
    flags = facts.live.flags or ()
    off = sorted(flag.name for flag in flags if flag.state == "disabled" and flag.stability != "experimental")
    if off:
        loses = ["without stream_queue, RabbitMQ 3.10 dead-letters at most once"] if "stream_queue" in off else []
        yield finding(
            FindingId.FEATURE_FLAG_DISABLED,
            "cluster",
            f"feature flags are off since an upgrade: {', '.join(off)}",
            evidence=loses,
            fix="rabbitmqctl enable_feature_flag all; the next upgrade may refuse to start without them",
        )
    early = sorted(flag.name for flag in flags if flag.state == "enabled" and flag.stability == "experimental")
    if early:
        yield finding(
            FindingId.FEATURE_FLAG_EXPERIMENTAL,
            "cluster",
            f"experimental feature flags are on: {', '.join(early)}",
            fix="they cannot be switched off again; do not upgrade this cluster in place before reading the notes",
        )
    for name in facts.live.deprecated:
        yield finding(
            FindingId.DEPRECATED_FEATURE_USED,
            name,
            "somebody uses this deprecated feature of RabbitMQ, which a later version will refuse",
            fix="find who does before the next upgrade; `rabbitmqctl list_deprecated_features --used` explains it",
        )
