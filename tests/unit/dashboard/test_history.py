"""What is kept of the past: aligned series, gaps where nothing was seen, and from when to when findings were there.

Not here: how it is drawn.
"""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import finding, report, signals
from warren.dashboard.history import MOST_QUEUES, MOST_SPELLS, POINTS, RESUMES_WITHIN, History, Signal, Trend
from warren.dashboard.totals import TOTAL
from warren.signals.findings import FindingId, Severity
from warren.signals.report import Report
from warren.signals.results import Lag

START = 1_700_000_000.0


def at(seconds: float, told: Report) -> Report:
    return replace(told, time=START + seconds)


def test_a_series_has_a_value_for_every_time_whenever_its_queue_came_and_went() -> None:
    history = History(3600)
    history.add(at(0, report(signals("q", depth=1))))
    history.add(at(5, report(signals("q", depth=2), signals("late", depth=7))))
    history.add(at(10, report(signals("late", depth=8))))
    told = history.of("q")
    assert told.times == (START, START + 5, START + 10)
    assert told.series[Signal.DEPTH] == (1.0, 2.0, None)
    assert history.of("late").series[Signal.READY] == (None, 7.0, 8.0)
    assert history.of("unheard-of").series[Signal.READY] == (None, None, None)
    assert all(len(values) == 3 for values in told.series.values())


def test_every_signal_is_kept_and_one_nobody_could_tell_is_none() -> None:
    lag = Lag(confidence="measured", p50=1.0, p95=2.0, p99=3.0, wait=4.0, drain=math.inf)
    figures = {"unacked": 2, "utilisation": 0.5, "dead": 9, "publish_rate": 1.5, "redelivery_rate": 0.25, "lag": lag}
    history = History(3600)
    history.add(at(0, report(signals("q", depth=3, **figures))))
    series = {signal: values[0] for signal, values in history.of("q").series.items()}
    assert series == {
        **dict.fromkeys(Signal),
        Signal.READY: 3.0,
        Signal.DEPTH: 3.0,
        Signal.UNACKED: 2.0,
        Signal.UTILISATION: 0.5,
        Signal.DEAD: 9.0,
        Signal.PUBLISH_RATE: 1.5,
        Signal.REDELIVERY_RATE: 0.25,
        Signal.LAG_P50: 1.0,
        Signal.LAG_P95: 2.0,
        Signal.LAG_P99: 3.0,
        Signal.LAG_WAIT: 4.0,
        Signal.LAG_DRAIN: math.inf,
    }


def test_while_nothing_was_seen_there_is_a_gap() -> None:
    history = History(3600)
    history.miss(START - 5)  # before the first there is nothing to have a gap
    history.add(at(0, report(signals("q", depth=1))))
    history.miss(START + 5)
    history.miss(START + 10)
    history.add(at(15, report(signals("q", depth=2))))
    assert history.of("q").series[Signal.DEPTH] == (1.0, None, None, 2.0)


def test_samples_that_come_faster_than_a_chart_can_show_share_a_point_which_is_the_newest() -> None:
    history = History(POINTS * 5.0)
    for second in range(12):
        history.add(at(second, report(signals("q", depth=second))))
    assert history.of("q").times == (START + 3, START + 7, START + 11)
    assert history.of("q").series[Signal.DEPTH] == (3.0, 7.0, 11.0)


def test_what_is_older_than_the_history_is_let_go_of_and_so_is_a_queue_that_is_gone() -> None:
    history = History(600)
    history.add(at(0, report(signals("gone", depth=1))))
    for second in range(0, 6000, 5):
        history.add(at(second + 1, report(signals("q", depth=second))))
    times = history.of("q").times
    assert len(times) <= POINTS * 1.3
    assert 595 <= times[-1] - times[0] <= 600 + POINTS
    assert history.of("q").series[Signal.DEPTH][-1] == 5995.0
    assert repr(history) == f"<History of 1 queues, {len(times)} points>"


def test_there_is_an_end_to_how_many_queues_are_kept() -> None:
    history = History(3600)
    everything = [signals(f"q{number}", depth=1) for number in range(MOST_QUEUES + 1)]
    history.add(at(0, report(*everything)))
    assert history.of(f"q{MOST_QUEUES - 1}").series[Signal.DEPTH] == (1.0,)
    assert history.of(f"q{MOST_QUEUES}").series[Signal.DEPTH] == (None,)


def trend(history: History, *, seconds: float, points: int, queue: str = "q") -> Trend:
    return history.trends([queue], [Signal.READY], seconds=seconds, points=points)[queue][Signal.READY]


def test_a_sparkline_has_the_highest_value_of_each_step_and_the_steps_stay_where_they_are() -> None:
    history = History(3600)
    for number, depth in enumerate([1, 9, 2, 3, 4, 5]):
        history.add(at(number * 10, report(signals("q", depth=depth))))
    assert trend(history, seconds=60, points=3) == (9.0, 3.0, 5.0)
    history.add(at(60, report(signals("q", depth=6))))
    assert trend(history, seconds=60, points=3) == (3.0, 5.0, 6.0)
    history.miss(START + 80)
    assert trend(history, seconds=60, points=3) == (5.0, 6.0, None)


def test_while_little_has_been_seen_a_sparkline_is_of_that_and_of_most_steps_there_may_be() -> None:
    history = History(3600)
    for number in range(200):
        history.add(at(number * 5, report(signals("q", depth=number))))
        steps = trend(history, seconds=900, points=30)
        assert min(number // 3, 15) <= len(steps) <= 30
        assert steps[-1] == number
        assert None not in steps


def test_of_what_is_not_known_there_is_no_sparkline() -> None:
    history = History(3600)
    assert history.trends(["q"], [Signal.READY], seconds=60, points=3) == {}
    history.add(at(0, report(signals("q"))))
    assert history.trends(["q"], [Signal.DEAD], seconds=60, points=3) == {"q": {}}


def test_all_queues_together_are_kept_like_one() -> None:
    history = History(3600)
    history.add(at(0, report(signals("a", depth=1, dead=3), signals("b", depth=2, publish_rate=0.5))))
    assert trend(history, seconds=60, points=3, queue=TOTAL) == (3.0,)
    series = history.of(TOTAL).series
    assert (series[Signal.DEAD], series[Signal.PUBLISH_RATE], series[Signal.UNACKED]) == ((3.0,), (0.5,), (None,))


def test_a_clock_that_was_set_back_begins_a_new_history() -> None:
    history = History(3600)
    history.add(at(100, report(signals("q", depth=1), findings=(finding("q"),))))
    history.add(at(0, report(signals("q", depth=2))))
    assert (history.of("q").times, history.of("q").series[Signal.DEPTH]) == ((START,), (2.0,))
    assert history.spells("q") == ()


# -- findings -------------------------------------------------------------------------------


def test_a_finding_lasts_from_when_it_was_first_seen_until_it_was_not_any_more() -> None:
    history = History(3600)
    warning = finding("q", Severity.WARNING)
    critical = finding("q", summary="worse")
    for seconds, there in ((0, ()), (5, (warning,)), (10, (critical,)), (15, ())):
        history.add(at(seconds, report(signals("q"), findings=there)))
        if seconds == 10:
            (spell,) = history.spells("q")
            assert (spell.finding, spell.began, spell.ended) == (critical, START + 5, None)
    (spell,) = history.of("q").spells
    assert (spell.began, spell.ended) == (START + 5, START + 15)


def test_findings_of_the_broker_are_kept_apart() -> None:
    history = History(3600)
    history.add(at(0, report(signals("q"), findings=(finding(None), finding("q", id=FindingId.STALLED)))))
    assert [str(one.finding.id) for one in history.spells(None)] == ["poison"]
    assert [str(one.finding.id) for one in history.spells("q")] == ["stalled"]


def test_a_finding_that_comes_again_soon_is_the_same_one() -> None:
    history = History(3600)
    gone_for = RESUMES_WITHIN
    for seconds, there in ((0, True), (5, False), (5 + gone_for, True), (40, False), (41 + gone_for, True)):
        history.add(at(seconds, report(signals("q"), findings=(finding("q"),) if there else ())))
    first, second = history.spells("q")
    assert (first.began, first.ended) == (START, START + 40)
    assert (second.began, second.ended) == (START + 41 + gone_for, None)


def test_there_is_an_end_to_how_many_are_kept_and_to_how_long() -> None:
    history = History(60_000)
    for number in range(MOST_SPELLS + 10):
        history.add(at(number * 100, report(signals("q"), findings=(finding("q"),))))
        history.add(at(number * 100 + 50, report(signals("q"))))
    assert len(history.spells("q")) == MOST_SPELLS
    for number in range(200):
        history.add(at(100_000 + number * 500, report(signals("q"))))
    assert history.spells("q") == ()


@given(
    st.lists(
        st.tuples(
            st.floats(0, 30),
            st.sampled_from(["add", "miss"]),
            st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)),
        ),
        max_size=60,
    )
)
def test_times_rise_and_every_series_is_as_long_as_they_are(
    steps: list[tuple[float, str, dict[str, int]]],
) -> None:
    history, now = History(120), 0.0
    for passed, what, depths in steps:
        now += passed
        if what == "miss":
            history.miss(START + now)
        else:
            history.add(at(now, report(*(signals(name, depth=depth) for name, depth in depths.items()))))
            for name, depth in depths.items():
                assert history.of(name).series[Signal.DEPTH][-1] == depth
    for name in "abc":
        told = history.of(name)
        assert list(told.times) == sorted(set(told.times))
        assert {len(values) for values in told.series.values()} == {len(told.times)}
