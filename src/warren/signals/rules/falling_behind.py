"""`falling_behind`: consumers work, but not fast enough: more comes than goes, or what waits takes too long.

Not here: consumers that do nothing (`stalled.py`, `no_consumers.py`), which make the depth rise as well.
"""

from __future__ import annotations

import math

from warren.signals.findings import Finding, FindingId, Severity, Thresholds
from warren.signals.measure import measure_queue
from warren.signals.results import QueueSignals
from warren.signals.rules.evidence import depth_line, shortness_line
from warren.signals.window import QueueWindow
from warren.signals.words import command, count, per_second, span

__all__ = ["find_falling_behind"]

_GROWTH = 10  # messages; less is the usual up and down
_NOTICED = 5.0  # seconds of work; as old as the broker's figures may be
_BACKLOG = 60.0  # seconds of work; a queue that always holds some does not fall behind


def find_falling_behind(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    """Return it where the depth rises in each part of the window, or would take longer to drain than the objective."""
    covered = window.covering(thresholds.depth_rising_for, thresholds.patience)
    if covered is None or covered.queue.last.consumers == 0:
        return None
    if covered.queue.growth < _GROWTH and not all(sample.ready for sample in covered.queue.samples):
        return None  # not worth measuring
    signals = measure_queue(covered)
    if _rises(covered, signals):
        summary = f"{window.name} gets more messages than its consumers settle"
    elif _drains_too_slowly(covered, signals, thresholds.drain_objective):
        summary = f"{window.name} is drained too slowly: {_drain(signals)}"
    else:
        return None
    return Finding(
        id=FindingId.FALLING_BEHIND,
        severity=Severity.WARNING,
        queue=window.name,
        summary=summary,
        evidence=(
            f"{depth_line(covered)} in {span(covered.seconds)}",
            *_rates(signals),
            *(
                [f"drained {_drain(signals)}; the objective is {span(thresholds.drain_objective)}"]
                if signals.ack_rate
                else []
            ),
            *_measured(signals),
            *shortness_line(covered, thresholds.depth_rising_for),
        ),
        next_step="start more workers, or raise their prefetch and concurrency, unless what they depend on is the "
        "bottleneck: then see how long a handler takes",
        command=command("signals", "--queue", window.name, "--watch"),
    )


def _rises(window: QueueWindow, signals: QueueSignals) -> bool:
    parts = window.parts()
    if not parts or window.queue.growth < _GROWTH or not all(part.queue.growth > 0 for part in parts):
        return False
    # What comes back from retry tiers is in no total: that more comes than goes only the depth tells for certain.
    return signals.ack_rate is None or window.queue.last.ready >= _NOTICED * signals.ack_rate


def _drains_too_slowly(window: QueueWindow, signals: QueueSignals, objective: float) -> bool:
    if not signals.ack_rate or signals.lag.drain is None or signals.lag.drain <= objective:
        return False
    return all(sample.ready >= _BACKLOG * signals.ack_rate for sample in window.queue.samples)


def _drain(signals: QueueSignals) -> str:
    drain = signals.lag.drain
    return "never, at this rate" if drain is None or math.isinf(drain) else f"in {span(drain)}, at this rate"


def _rates(signals: QueueSignals) -> tuple[str, ...]:
    if signals.publish_rate is None or signals.ack_rate is None:
        return ("its rates are unknown without the management API",)
    rates = f"{per_second(signals.publish_rate)} published, {per_second(signals.ack_rate)} acknowledged"
    return (f"{rates}, {count(signals.retrying, 'message')} waiting to be retried" if signals.retrying else rates,)


def _measured(signals: QueueSignals) -> tuple[str, ...]:
    consumers = () if signals.consumers is None else (count(signals.consumers, "consumer"),)
    if signals.lag.p95 is None:
        return consumers
    return (*consumers, f"workers measure a lag of {span(signals.lag.p95)} (p95)")
