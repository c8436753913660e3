"""`poison`: a few messages fail again and again while the rest goes through, so that the depth shows nothing.

Three ways to see it: the same messages are redelivered without end; the broker gave up on some at the delivery limit;
nearly all failures are the same one.

Not here: that hardly anything goes through (`retry_storm.py`).
"""

from __future__ import annotations

from warren.signals.findings import Finding, FindingId, Severity, Thresholds
from warren.signals.measure import redelivery_share
from warren.signals.rules.deaths import dominating, recent_deaths
from warren.signals.rules.evidence import depth_line, failure_lines, shortness_line
from warren.signals.samples import Failure
from warren.signals.window import QueueWindow
from warren.signals.words import command, count, percent, span
from warren.signals.workers import failures_gained, outcomes_gained, succeeded
from warren.topology.naming import dead_letter_queue

__all__ = ["find_poison"]

_REDELIVERIES = 5  # fewer are a restart, or chance
_FAILURES = 10
_GIVEN_UP = ("delivery_limit", "poison")  # as the broker says, as Warren says
_OUTSIDE = "transient"  # what a dependency did is not the message's fault


def find_poison(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    """Return the worst way in which the window shows poison."""
    redelivered = _redelivered(window, thresholds)
    if redelivered is not None and redelivered.severity is Severity.CRITICAL:
        return redelivered
    return _given_up(window) or redelivered or _the_same_failure(window, thresholds)


# -- redelivered without end --------------------------------------------------------------


def _redelivered(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    for severity, share, seconds in (
        (Severity.CRITICAL, thresholds.redelivery_critical, thresholds.redelivery_critical_for),
        (Severity.WARNING, thresholds.redelivery_warning, thresholds.redelivery_warning_for),
    ):
        covered = window.covering(seconds, thresholds.patience)
        if covered is not None and _keeps_coming_back(covered, share):
            return _redelivered_finding(covered, severity, seconds)
    return None


def _keeps_coming_back(window: QueueWindow, share: float) -> bool:
    """Tell redeliveries that go on from those of a restart, which gives each unacked message back once."""
    if _came_back(window) < _REDELIVERIES or _share(window) <= share:
        return False
    shares = [_share(part) for part in window.parts()]
    if shares and all(one > share for one in shares):
        return True
    published = window.queue.gained("published")
    if published is None:
        return False
    # More redeliveries than there were messages: one of them came back twice at least.
    return _came_back(window) > window.queue.first.depth + published and sum(one > 0 for one in shares) > 1


def _came_back(window: QueueWindow) -> float:
    """Return how many deliveries were redeliveries, and were given back within the window.

    Everything that was looked at, or lost its consumer, is redelivered later, however long that takes; it is not given
    back again.
    """
    queue, again = window.queue, window.redelivered or 0.0
    delivered, settled = queue.gained("delivered"), queue.settled
    if delivered is None or settled is None:
        return again
    unacked = (queue.last.unacked or 0) - (queue.first.unacked or 0)
    return min(again, max(delivered - settled - unacked, 0))


def _share(window: QueueWindow) -> float:
    again = window.redelivered
    return (redelivery_share(window) or 0.0) * _came_back(window) / again if again else 0.0


def _redelivered_finding(window: QueueWindow, severity: Severity, seconds: float) -> Finding:
    suspects = window.head or failures_gained(window.consumers)
    fingerprint = suspects[0].fingerprint if suspects else "redelivered@unknown"
    share, again = redelivery_share(window) or 0.0, window.redelivered or 0
    settled = window.queue.settled
    acked = () if settled is None else (f"{count(settled, 'message')} acknowledged meanwhile",)
    return Finding(
        id=FindingId.POISON,
        severity=severity,
        queue=window.name,
        summary=f"the same messages come back to {window.name} again and again: {percent(share)} of its deliveries are "
        f"redeliveries",
        evidence=(
            f"{count(again, 'redelivery', 'redeliveries')} in {span(window.seconds)}",
            f"{percent(share)} of all deliveries",
            depth_line(window),
            *acked,
            *failure_lines(suspects),
            *shortness_line(window, seconds),
        ),
        next_step="stop the consumer, which holds these messages, and look at the head of the queue, or at what it "
        "logs about them; a consumer that requeues must dead-letter instead, and a delivery limit ends the circle",
        command=command("inspect", window.name, "--limit", "5"),
        fingerprint=fingerprint,
    )


# -- given up by the broker ---------------------------------------------------------------


def _given_up(window: QueueWindow) -> Finding | None:
    deaths = tuple(one for one in recent_deaths(window) if one.reason in _GIVEN_UP)
    if not deaths:
        return None
    dead = dead_letter_queue(window.name)
    number = sum(one.count for one in deaths)
    return Finding(
        id=FindingId.POISON,
        severity=Severity.WARNING,
        queue=window.name,
        summary=f"{count(number, 'message')} of {window.name} came back so often that the delivery limit ended it",
        evidence=(*failure_lines(deaths), f"within {span(window.seconds)}", depth_line(window)),
        next_step=f"find out why the consumer of {window.name} neither acknowledges nor dead-letters them, which is "
        f"mostly a crash; replay them once it does",
        command=command("inspect", dead, "--group"),
        fingerprint=deaths[0].fingerprint,
    )


# -- one failure dominates ----------------------------------------------------------------


def _the_same_failure(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    covered = window.covering(thresholds.redelivery_warning_for, thresholds.patience)
    if covered is None or not _is_flat(covered):
        return None
    failures = failures_gained(covered.consumers) or recent_deaths(covered)
    top = dominating(failures)
    if top is None or top.count < _FAILURES or top.reason == _OUTSIDE:
        return None
    if not _goes_on(covered) or not _goes_through(covered, failures):
        return None
    return Finding(
        id=FindingId.POISON,
        severity=Severity.WARNING,
        queue=window.name,
        summary=f"messages of {window.name} fail the same way again and again, while the others go through",
        evidence=(
            *failure_lines((top,)),
            f"{percent(top.count / sum(one.count for one in failures))} of the failures in {span(covered.seconds)}",
            depth_line(covered),
            *shortness_line(covered, thresholds.redelivery_warning_for),
        ),
        next_step="look at what these messages have in common, fix the handler or what sends them, then replay them",
        command=command("inspect", dead_letter_queue(window.name), "--group"),
        fingerprint=top.fingerprint,
    )


def _is_flat(window: QueueWindow) -> bool:
    return window.queue.growth <= max(10, window.queue.first.depth // 10)


def _goes_on(window: QueueWindow) -> bool:
    """Return whether there were failures in each part of the window."""
    parts = window.parts()
    return bool(parts) and all(failures_gained(part.consumers) or (part.dead and part.dead.arrived) for part in parts)


def _goes_through(window: QueueWindow, failures: tuple[Failure, ...]) -> bool:
    """Return whether more messages succeed than fail: else it is not some of them that are wrong."""
    failed = sum(one.count for one in failures)
    outcomes = outcomes_gained(window.consumers)
    if outcomes:
        return succeeded(outcomes) > failed
    settled = window.queue.settled
    return settled is not None and settled - failed > failed
