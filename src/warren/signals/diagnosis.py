"""Says what is wrong with queues and broker: a pure function from a window of samples to findings.

Theory of operation: the samples are cut into a window a consumer's queue, with its retry tiers and dead-letter queue,
and every rule is asked about every window. A rule that watches rates wants to see the same in each third of its time:
what happened once (a restart, a burst, an inspection) must not be taken for what goes on. A cause silences what follows
from it.

Not here: the rules (`rules/`), collecting the samples (`collect.py`), and showing the findings (`cli/`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from warren.signals.findings import DEFAULT_THRESHOLDS, Finding, FindingId, Severity, Thresholds
from warren.signals.rules.blocked import find_blocked
from warren.signals.rules.clock_skew import find_clock_skew
from warren.signals.rules.dead_letters_growing import find_dead_letters_growing
from warren.signals.rules.dead_letters_lost import find_dead_letters_lost, find_dropped
from warren.signals.rules.falling_behind import find_falling_behind
from warren.signals.rules.no_consumers import find_no_consumers
from warren.signals.rules.poison import find_poison
from warren.signals.rules.retry_storm import find_retry_storm
from warren.signals.rules.stalled import find_stalled
from warren.signals.rules.timeout_risk import find_timeout_risk
from warren.signals.samples import Sample
from warren.signals.window import QueueWindow, windows

__all__ = ["diagnose"]

_OF_A_QUEUE: Final[tuple[Callable[[QueueWindow, Thresholds], Finding | None], ...]] = (
    find_poison,
    find_stalled,
    find_no_consumers,
    find_falling_behind,
    find_retry_storm,
    find_dead_letters_growing,
    find_dead_letters_lost,
    find_timeout_risk,
    find_clock_skew,
)

_OF_THE_BROKER: Final[tuple[Callable[[Sequence[Sample], Thresholds], Finding | None], ...]] = (
    find_blocked,
    find_dropped,
)

_CAUSES: Final = frozenset({FindingId.POISON, FindingId.STALLED, FindingId.NO_CONSUMERS, FindingId.RETRY_STORM})
"""Each makes a queue fall behind."""


def diagnose(samples: Sequence[Sample], thresholds: Thresholds = DEFAULT_THRESHOLDS) -> tuple[Finding, ...]:
    """Return what the samples, oldest first, show to be wrong; the worst first, then in the order of `FindingId`.

    Streams keep what was read, and so have none of these findings.
    """
    if not samples:
        return ()
    found = [finding for rule in _OF_THE_BROKER if (finding := rule(samples, thresholds))]
    for window in windows(samples):
        if window.queue.last.type != "stream":
            found.extend(_of_a_queue(window, thresholds))
    return tuple(sorted(found, key=_order))


def _of_a_queue(window: QueueWindow, thresholds: Thresholds) -> Iterator[Finding]:
    found = [finding for rule in _OF_A_QUEUE if (finding := rule(window, thresholds))]
    has_cause = any(finding.id in _CAUSES and finding.severity is Severity.CRITICAL for finding in found)
    return (finding for finding in found if not (has_cause and finding.id is FindingId.FALLING_BEHIND))


def _order(finding: Finding) -> tuple[int, int, str]:
    return -finding.severity.rank, list(FindingId).index(finding.id), finding.queue or ""
