"""The queues that have dead letters, as the last report knows them: without looking into any.

Not here: looking into one (`dead_letters.py`), and the signals themselves (`signals/`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from warren.operations.resolve import dead_letter_queue_of
from warren.signals.findings import Finding
from warren.signals.report import Report
from warren.signals.results import QueueSignals
from warren.signals.samples import Failure

__all__ = ["DeadQueue", "dead_queues", "depth_of"]

_SHOWN: Final = 3  # failures of a queue


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DeadQueue:
    """A queue with dead letters. `home` is the consumer's queue, empty where the report has none beside it.

    `growth` counts those that came in the report's window; `failures` are of those that were looked at, most often
    first; `finding` is the worst of the consumer's queue that is about them.
    """

    name: str
    home: str
    count: int
    growth: int | None
    failures: tuple[Failure, ...]
    finding: Finding | None


def dead_queues(report: Report) -> tuple[DeadQueue, ...]:
    """Return the queues that have dead letters, those with a finding first, then by count."""
    found = [one for one in (_dead_queue(report, signals) for signals in report.queues) if one.count]
    return tuple(sorted(found, key=lambda one: (-_rank(one), -one.count, one.name)))


def depth_of(report: Report | None, queue: str) -> int | None:
    """Return how many messages a dead-letter queue, or any other, is known to have."""
    if report is None:
        return None
    own = next((one.depth for one in report.queues if one.queue == queue), None)
    beside = (one.dead for one in report.queues if one.queue != queue and dead_letter_queue_of(one.queue) == queue)
    return own if own is not None else next(beside, None)


def _dead_queue(report: Report, signals: QueueSignals) -> DeadQueue:
    is_alone = dead_letter_queue_of(signals.queue) == signals.queue
    return DeadQueue(
        name=signals.queue if is_alone else dead_letter_queue_of(signals.queue),
        home="" if is_alone else signals.queue,
        count=signals.depth if is_alone else signals.dead or 0,
        growth=signals.dead_growth,
        failures=tuple(sorted(signals.failures, key=lambda one: -one.count)[:_SHOWN]),
        finding=_about_dead_letters(report.findings_of(signals.queue)),
    )


def _about_dead_letters(findings: Sequence[Finding]) -> Finding | None:
    return next((one for one in findings if str(one.id) in ("poison", "dead_letters_growing")), None)


def _rank(queue: DeadQueue) -> int:
    return 0 if queue.finding is None else 1 + queue.finding.severity.rank
