"""What a window of samples says, all together, for people and as JSON.

Not here: drawing it (`cli/signals/`).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self, final

from warren.signals.diagnosis import diagnose
from warren.signals.findings import Finding, Severity
from warren.signals.measure import measure
from warren.signals.recent import Recent
from warren.signals.results import Lag, QueueSignals
from warren.signals.samples import BrokerSample

__all__ = ["Report", "describe_finding", "describe_queue", "describe_report"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The signals of all queues and the findings, worst first. `time` is the last sample's, `span` the window's."""

    time: float
    span: float
    broker: BrokerSample
    queues: tuple[QueueSignals, ...]
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, recent: Recent) -> Self:
        """Compute it from the samples there are: at least one."""
        samples = recent.samples
        last = samples[-1]
        return cls(
            time=last.time,
            span=recent.span,
            broker=last.broker,
            queues=measure(samples),
            findings=diagnose(samples, recent.thresholds()),
            unknown=last.unknown,
        )

    @property
    def is_critical(self) -> bool:
        return any(one.severity is Severity.CRITICAL for one in self.findings)

    def findings_of(self, queue: str) -> tuple[Finding, ...]:
        """Return the findings of one queue, worst first."""
        return tuple(one for one in self.findings if one.queue == queue)

    def severity_of(self, queue: str) -> Severity | None:
        """Return how bad the worst finding of a queue is, None without one."""
        return max((one.severity for one in self.findings_of(queue)), key=lambda one: one.rank, default=None)


# -- JSON -----------------------------------------------------------------------------------


def describe_report(report: Report) -> dict[str, Any]:
    """Return it as JSON: everything, with None for what is not known."""
    return {
        "time": round(report.time, 3),
        "window": round(report.span, 3),
        "critical": report.is_critical,
        "broker": {"version": report.broker.version, "alarms": list(report.broker.alarms)},
        "queues": [describe_queue(one) for one in report.queues],
        "findings": [describe_finding(one) for one in report.findings],
        "unknown": list(report.unknown),
    }


def describe_queue(signals: QueueSignals) -> dict[str, Any]:
    """Return the signals of a queue as JSON."""
    told = {name: _number(value) for name, value in asdict(signals).items() if name not in ("lag", "failures")}
    return {
        **told,
        "history": list(signals.history),
        "lag": _describe_lag(signals.lag),
        "failures": [asdict(one) for one in signals.failures],
    }


def _describe_lag(lag: Lag) -> dict[str, Any]:
    """JSON has no infinity: `drains` says whether the queue gets empty, and `drain` when."""
    told = {name: _number(value) for name, value in asdict(lag).items()}
    return {**told, "drains": None if lag.drain is None else math.isfinite(lag.drain)}


def describe_finding(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON."""
    return {
        "id": str(finding.id),
        "severity": str(finding.severity),
        "queue": finding.queue,
        "summary": finding.summary,
        "evidence": list(finding.evidence),
        "next_step": finding.next_step,
        "command": finding.command,
        "fingerprint": finding.fingerprint,
    }


def _number(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return round(value, 4) if math.isfinite(value) else None
