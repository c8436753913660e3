"""Samples of counters, and the rates made of them."""

from __future__ import annotations

import pytest

from warren.broker.statistics import KEPT, KEPT_OF_EACH, Churn, Series, Statistics


def test_there_is_no_rate_before_two_samples() -> None:
    series = Series()
    assert series.rate("publish") == 0.0
    series.add(0.0, {"publish": 100})
    assert series.rate("publish") == 0.0


def test_the_rate_is_that_of_the_last_interval() -> None:
    series = Series()
    for at, count in ((0.0, 0), (5.0, 1000), (10.0, 1010)):
        series.add(at, {"publish": count})
    assert series.rate("publish") == pytest.approx(2.0)
    assert series.rate("unknown") == 0.0


def test_a_gauge_that_shrinks_has_a_negative_rate() -> None:
    series = Series()
    series.add(0.0, {"messages": 50})
    series.add(5.0, {"messages": 0})
    assert series.rate("messages") == pytest.approx(-10.0)


def test_samples_come_latest_first_and_not_older_than_asked_for() -> None:
    series = Series()
    for at in range(0, 20, 5):
        series.add(float(at), {"publish": at})
    assert series.samples("publish", since=5.0) == [(15.0, 15), (10.0, 10), (5.0, 5)]


def test_old_samples_are_forgotten() -> None:
    series = Series(kept=3)
    for at in range(10):
        series.add(float(at), {"publish": at})
    assert len(series) == 3


def test_what_is_gone_is_forgotten_and_what_comes_back_starts_anew() -> None:
    counted = {("a",): {"publish": 1}}
    statistics = Statistics(lambda: counted.items())
    statistics.sample(0.0)
    counted[("a",)] = {"publish": 11}
    statistics.sample(5.0)
    assert statistics.of(("a",)).rate("publish") == pytest.approx(2.0)
    del counted[("a",)]
    statistics.sample(10.0)
    assert len(statistics.of(("a",))) == 0
    counted[("a",)] = {"publish": 100}
    statistics.sample(15.0)
    assert statistics.of(("a",)).rate("publish") == 0.0


def test_churn_counts_from_nought() -> None:
    churn = Churn()
    churn.connection_created += 1
    assert churn.counters()["connection_created"] == 1
    assert churn.counters()["queue_deleted"] == 0


def test_of_things_that_may_be_many_less_is_kept_than_of_totals() -> None:
    statistics = Statistics(lambda: [(("queue", "/", "q"), {"publish": 1}), (("overview",), {"publish": 1})])
    for at in range(200):
        statistics.sample(float(at))
    assert len(statistics.of(("queue", "/", "q"))) == KEPT_OF_EACH
    assert len(statistics.of(("overview",))) == KEPT
