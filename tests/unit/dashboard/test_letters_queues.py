"""The queues that have dead letters, as a report knows them."""

from __future__ import annotations

from typing import Any

from warren.dashboard.letters.queues import dead_queues, depth_of
from warren.signals.findings import Finding, FindingId, Severity
from warren.signals.report import Report
from warren.signals.results import Lag, QueueSignals
from warren.signals.samples import BrokerSample, Failure


def signals(queue: str, **known: Any) -> QueueSignals:
    unknown = {
        name: None
        for name in QueueSignals.__dataclass_fields__
        if name not in ("queue", "ready", "depth", "history", "lag", "failures")
    }
    return QueueSignals(
        **{**unknown, "queue": queue, "ready": 0, "depth": 0, "history": (), **known}, lag=Lag(confidence="unknown")
    )


def report(*queues: QueueSignals, findings: tuple[Finding, ...] = ()) -> Report:
    return Report(time=0.0, span=60.0, broker=BrokerSample(), queues=queues, findings=findings, unknown=())


def growing(queue: str, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(
        id=FindingId.DEAD_LETTERS_GROWING, severity=severity, queue=queue, summary="", evidence=(), next_step=""
    )


def test_queues_without_dead_letters_are_left_out() -> None:
    assert dead_queues(report(signals("a", dead=0), signals("b"), signals("c", dead=2)))[0].name == "c.dead"


def test_what_has_a_finding_comes_first_and_then_what_has_most() -> None:
    found = dead_queues(
        report(signals("a", dead=9), signals("b", dead=1), signals("c", dead=10), findings=(growing("b"),))
    )

    assert [one.name for one in found] == ["b.dead", "c.dead", "a.dead"]
    assert found[0].finding is not None


def test_a_dead_letter_queue_without_its_consumers_queue_stands_for_itself() -> None:
    (one,) = dead_queues(report(signals("orphan.dead", depth=3)))

    assert (one.name, one.home, one.count) == ("orphan.dead", "", 3)


def test_the_commonest_failures_are_shown() -> None:
    failures = tuple(Failure(f"E@{n}", n) for n in range(1, 6))
    (one,) = dead_queues(report(signals("a", dead=9, failures=failures)))

    assert [failure.count for failure in one.failures] == [5, 4, 3]


def test_the_depth_of_a_queue_is_what_the_report_says() -> None:
    known = report(signals("a", depth=4, dead=7))

    assert depth_of(known, "a.dead") == 7
    assert depth_of(known, "a") == 4
    assert depth_of(known, "b.dead") is None
    assert depth_of(None, "a.dead") is None
