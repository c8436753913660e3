"""Reports made up for tests of what draws them.

Not here: reports of a real broker.
"""

from __future__ import annotations

from typing import Any

from warren.signals.findings import Finding, FindingId, Severity
from warren.signals.report import Report
from warren.signals.results import Lag, QueueSignals
from warren.signals.samples import BrokerSample

__all__ = ["finding", "report", "signals"]


def signals(queue: str, *, depth: int = 0, **figures: Any) -> QueueSignals:
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "unacked",
            "consumers",
            "utilisation",
            "oldest_in_flight",
            "publish_rate",
            "deliver_rate",
            "ack_rate",
            "redelivery_rate",
            "retrying",
            "dead",
            "dead_growth",
            "dead_lettering",
        )
    )
    known = {"type": "quorum", "ready": depth, "history": (depth,), "lag": Lag(confidence="unknown")}
    return QueueSignals(queue=queue, depth=depth, **{**nothing, **known, **figures})


def finding(queue: str | None, severity: Severity = Severity.CRITICAL, **parts: Any) -> Finding:
    return Finding(
        **{
            "id": FindingId.POISON,
            "severity": severity,
            "queue": queue,
            "summary": "the same messages come back",
            "evidence": ("42 redeliveries",),
            "next_step": "look at them",
            "command": f"warren inspect {queue}",
            **parts,
        }
    )


def report(*queues: QueueSignals, findings: tuple[Finding, ...] = (), **parts: Any) -> Report:
    return Report(
        **{
            "time": 1_700_000_000.0,
            "span": 20.0,
            "broker": BrokerSample(version="4.0.5"),
            "queues": queues,
            "findings": findings,
            "unknown": (),
            **parts,
        }
    )
