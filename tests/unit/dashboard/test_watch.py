"""The watch: what becomes of samples and of failures, with a source that the tests play.

Not here: a real broker that goes away (tests/contract/test_dashboard_watch.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import wait_until
from tests.support.windows import QUEUE, healthy, queue, window
from warren.clock import ManualClock
from warren.dashboard.history import Signal
from warren.dashboard.watch import Watch, rest
from warren.errors import BrokerRefused, BrokerUnavailable, TopologyMissing
from warren.signals.samples import BrokerSample, Sample

START = 1_700_000_000.0


class Played:
    """Gives what it is told to, sample after sample; raises what is an error."""

    def __init__(self, *told: Sample | Exception) -> None:
        self.told = list(told)
        self.closed = 0

    def sample(self, *, on_seen: Callable[[Sample], object] | None = None) -> Sample:
        next_one = self.told.pop(0)
        if isinstance(next_one, Exception):
            raise next_one
        if on_seen is not None:
            on_seen(replace(next_one, dead={}, heads={}))
        return next_one

    def close(self) -> None:
        self.closed += 1


def watching(source: Played, clock: ManualClock | None = None) -> Watch:
    return Watch(source, interval=5.0, window=60.0, history=3600.0, clock=clock or ManualClock())


def test_a_sample_makes_a_snapshot_and_is_kept() -> None:
    watch = watching(Played(*window(healthy, steps=2)))
    assert (watch.snapshot.number, watch.snapshot.report) == (0, None)
    watch.look()
    watch.look()
    report = watch.snapshot.report
    assert report is not None
    assert (report.queues[0].publish_rate, watch.snapshot.problem) == (20.0, "")
    assert watch.history.of(QUEUE).series[Signal.READY] == (3.0, 3.0)


def test_the_first_sample_is_shown_before_queues_are_looked_into_and_is_kept_once() -> None:
    (sample,) = window(healthy, steps=1)
    shown: list[tuple[int, bool, int]] = []

    class Looking(Played):
        def sample(self, *, on_seen: Callable[[Sample], object] | None = None) -> Sample:
            known = super().sample(on_seen=on_seen)
            kept = watch.history.of(QUEUE).times
            shown.append((watch.snapshot.number, watch.snapshot.report is not None, len(kept)))
            return known

    watch = watching(Looking(sample, sample))
    watch.look()
    watch.look()
    assert shown == [(1, True, 0), (2, True, 1)]


def test_findings_are_at_hand_by_queue_and_those_of_the_broker_by_none() -> None:
    def nobody_reads(at: int) -> object:
        return queue(ready=100 + at, consumers=0, published=at)

    told = window(nobody_reads, steps=13, broker=lambda _: BrokerSample(alarms=("memory",)))
    watch = watching(Played(*told))
    for _ in told:
        watch.look()
    assert [str(one.id) for one in watch.snapshot.findings[QUEUE]] == ["no_consumers"]
    assert [str(one.id) for one in watch.snapshot.findings[None]] == ["blocked"]


def test_while_the_broker_is_away_the_last_report_stays_and_is_known_to_be_old() -> None:
    clock, (first, second) = ManualClock(START), window(healthy, steps=2)
    away = BrokerUnavailable("no broker at amqp://guest:***@localhost")
    watch = watching(Played(first, away, away, second), clock)
    watch.look()
    clock.advance(5)
    watch.look()
    good, gone = watch.snapshot.report, watch.snapshot
    assert good is not None
    assert (gone.problem, gone.problem_since, gone.is_refused, gone.number) == (str(away), START + 5, False, 3)
    clock.advance(5)
    watch.look()
    assert (watch.snapshot.problem_since, watch.snapshot.report) == (START + 5, good)
    watch.look()
    assert (watch.snapshot.problem, watch.snapshot.problem_since) == ("", None)


def test_an_outage_is_a_gap_in_the_history() -> None:
    samples = window(healthy, steps=4)
    clock = ManualClock(samples[1].time)
    watch = watching(Played(samples[0], BrokerUnavailable("away"), samples[3]), clock)
    for _ in range(3):
        watch.look()
    assert watch.history.of(QUEUE).series[Signal.READY] == (3.0, None, 3.0)


def test_a_lost_broker_is_asked_over_connections_opened_anew() -> None:
    source = Played(BrokerUnavailable("away"), BrokerRefused("wrong password"), TopologyMissing("no queue 'x'"))
    watch = watching(source)
    watch.look()
    assert source.closed == 1
    watch.look()
    assert watch.snapshot.is_refused
    watch.look()
    assert (watch.snapshot.is_refused, watch.snapshot.problem) == (False, "no queue 'x'")
    assert source.closed == 1


def test_a_fault_of_ours_is_told_and_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    watch = watching(Played(ZeroDivisionError("oh"), *window(healthy, steps=1)))
    watch.look()
    assert watch.snapshot.problem == "a fault in the dashboard: oh"
    assert "a sample could not be taken" in caplog.text
    watch.look()
    assert watch.snapshot.problem == ""


@given(st.floats(0.1, 3600), st.floats(0, 7200))
def test_no_two_samples_begin_within_an_interval_and_a_slow_broker_has_a_rest(interval: float, took: float) -> None:
    pause = rest(interval, took)
    assert took + pause >= interval * 0.999
    assert pause >= min(took, interval) * 0.999


def test_it_starts_stops_and_starts_again() -> None:
    (sample,) = window(healthy, steps=1)
    source = Played(sample)
    watch = watching(source)
    for times in (1, 2):
        source.told = [sample]
        watch.start()
        wait_until(lambda times=times: watch.snapshot.number == times + 1)
        watch.stop()
        assert source.closed == times
    assert not [one for one in threading.enumerate() if one.name == "warren-dashboard-watch"]


def test_a_broker_that_does_not_answer_does_not_hold_up_the_end() -> None:
    asked, answer = threading.Event(), threading.Event()

    class Silent(Played):
        def sample(self, **_: object) -> Sample:
            asked.set()
            answer.wait(30)
            return super().sample()

    source = Silent(*window(healthy, steps=1))
    watch = watching(source)
    watch.start()
    assert asked.wait(10)
    watch.stop()
    assert source.closed == 0
    answer.set()
    wait_until(lambda: source.closed == 1)
