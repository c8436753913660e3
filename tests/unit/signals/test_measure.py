"""The five signals of a queue: what is computed of what, what is None, and which queues belong to which.

Not here: what is wrong with them (test_diagnosis.py).
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.windows import QUEUE, consumer, healthy, queue, window
from warren.signals.gains import gain
from warren.signals.measure import measure
from warren.signals.results import Lag, QueueSignals
from warren.signals.samples import Failure, QueueSample, Sample
from warren.signals.workers import quantile

DEAD = f"{QUEUE}.dead"


def the_only(samples: list[Sample]) -> QueueSignals:
    (signals,) = measure(samples)
    return signals


def test_nothing_is_measured_where_nothing_was_seen() -> None:
    assert measure([]) == ()


def test_retry_tiers_and_dead_letter_queues_belong_to_their_queue() -> None:
    names = [
        QUEUE,
        DEAD,
        f"{QUEUE}.retry.10s",
        f"{QUEUE}.retry.1m",
        f"{QUEUE}.retry.later",
        "lonely.dead",
        "a.dead",
        "a",
    ]
    signals = measure(window(*(lambda at, name=name: queue(name, ready=2) for name in names), steps=2))
    assert [one.queue for one in signals] == ["a", QUEUE, f"{QUEUE}.retry.later", "lonely.dead"]
    assert [(one.retrying, one.dead) for one in signals] == [(None, 2), (4, 2), (None, None), (None, None)]


def test_rates_are_differences_of_totals_over_the_whole_window() -> None:
    def odd(at: int) -> QueueSample:
        done = 50 * (at - at % 2)  # the broker tells every other time
        return queue(ready=80, unacked=5, published=2 * done, delivered=done + 8 * at, acked=done, redelivered=4 * at)

    signals = the_only(window(odd, steps=9))
    assert (signals.publish_rate, signals.deliver_rate, signals.ack_rate) == (20.0, 11.6, 10.0)
    assert signals.redelivery_rate == pytest.approx(32 / 464)
    assert (signals.depth, signals.ready, signals.unacked, signals.utilisation) == (85, 80, 5, 0.5)
    assert signals.lag == Lag(confidence="estimated", drain=math.inf, wait=80 / 11.6)


def test_a_queue_that_is_worked_off_has_a_time_until_it_is_empty() -> None:
    def falling(at: int) -> QueueSample:
        return queue(ready=1000 - 50 * at, published=50 * at, delivered=100 * at, acked=100 * at)

    assert the_only(window(falling, steps=11)).lag == Lag(confidence="estimated", drain=50.0, wait=25.0)


def test_an_empty_queue_needs_no_time() -> None:
    assert the_only(window(lambda at: queue(), steps=3)).lag == Lag(confidence="estimated", drain=0.0, wait=0.0)


def test_what_needs_no_acknowledgement_counts_as_acknowledged() -> None:
    assert the_only(window(lambda at: queue(acked=10 * at, auto_acked=40 * at), steps=3)).ack_rate == 10.0


def test_totals_that_start_again_count_what_came_since() -> None:
    totals = [1_000_000, 1_000_100, 30, 130, 230]
    signals = the_only(window(lambda at: queue(published=totals[at]), steps=5))
    assert signals.publish_rate == 300 / 20


def test_of_one_sample_only_depths_are_known() -> None:
    signals = the_only(window(lambda at: queue(ready=7, unacked=2, published=50), lambda at: queue(DEAD), steps=1))
    assert (signals.depth, signals.dead, signals.utilisation) == (9, 0, 0.2)
    unknown = (
        signals.publish_rate,
        signals.deliver_rate,
        signals.ack_rate,
        signals.redelivery_rate,
        signals.dead_growth,
    )
    assert unknown == (None, None, None, None, None)
    assert signals.lag.confidence == "unknown"


def test_without_the_management_api_what_cannot_be_known_is_none() -> None:
    signals = the_only(window(lambda at: QueueSample(name=QUEUE, ready=7), steps=5))
    assert (signals.depth, signals.unacked, signals.consumers, signals.utilisation) == (7, None, None, None)
    assert (signals.oldest_in_flight, signals.retrying, signals.dead, signals.dead_lettering) == (
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("told", [{"prefetch": None}, {"prefetch": 10, "is_unlimited": True}, {"unacked": None}])
def test_utilisation_needs_a_prefetch_with_a_limit(told: dict[str, object]) -> None:
    assert the_only(window(lambda at: queue(**told), steps=2)).utilisation is None


def test_messages_that_are_dead_lettering_are_part_of_the_depth() -> None:
    signals = the_only(window(lambda at: queue(ready=1, unacked=2, dead_lettering=3), steps=2))
    assert (signals.depth, signals.dead_lettering) == (6, 3)


def test_the_depths_of_the_window_are_its_history() -> None:
    assert the_only(window(lambda at: queue(ready=at * at), steps=5)).history == (0, 1, 4, 9, 16)


@pytest.mark.parametrize(
    ("depths", "published", "growth"),
    [
        ([5, 8], [5, 5], 3),  # dead-lettered by the broker itself
        ([5, 5], [5, 9], 4),  # copies of workers, while as many were replayed
        ([9, 2], [9, 9], 0),  # replayed
        ([9, 9], [9, 0], 0),  # a restart
    ],
)
def test_dead_letters_that_came(depths: list[int], published: list[int], growth: int) -> None:
    found = window(healthy, lambda at: queue(DEAD, ready=depths[at], published=published[at]), steps=2)
    assert the_only(found).dead_growth == growth


# -- what workers tell --------------------------------------------------------------------


def test_lag_is_measured_by_workers_within_the_window() -> None:
    before = {0.1: 1000.0, 1.0: 1000.0, 10.0: 1000.0, math.inf: 1000.0}
    after = {0.1: 1050.0, 1.0: 1090.0, 10.0: 1100.0, math.inf: 1100.0}
    signals = the_only(window(healthy, steps=2, consumers=lambda at: [consumer(lag=after if at else before)]))
    assert signals.lag.confidence == "measured"
    assert signals.lag.p50 == pytest.approx(0.1)
    assert signals.lag.p95 == pytest.approx(5.5)
    assert signals.lag.p99 == pytest.approx(9.1)


def test_workers_that_processed_nothing_measured_nothing() -> None:
    told = consumer(lag={1.0: 5.0, math.inf: 5.0}, oldest_in_flight=3.5)
    signals = the_only(window(healthy, steps=3, consumers=lambda at: [told, consumer("another", oldest_in_flight=9.0)]))
    assert (signals.lag.confidence, signals.lag.p50) == ("estimated", None)
    assert signals.oldest_in_flight == 3.5


def test_failures_are_those_of_dead_letters_else_those_workers_saw_within_the_window() -> None:
    def told(at: int) -> list[object]:
        return [
            consumer(failures=(Failure("ValueError@parse", 10 + at, "unknown"), Failure("KeyError@x", 5, "unknown")))
        ]

    found = window(healthy, lambda at: queue(DEAD, ready=1), steps=4, consumers=told)
    assert the_only(found).failures == (Failure("ValueError@parse", 3, "unknown"),)
    death = Failure("KeyError@x", 1, "exhausted")
    found = window(healthy, lambda at: queue(DEAD, ready=1), steps=4, consumers=told, dead=lambda at: {DEAD: (death,)})
    assert the_only(found).failures == (death,)


def test_a_quantile_beyond_the_last_bound_is_that_bound() -> None:
    assert quantile({1.0: 1.0, math.inf: 10.0}, 0.99) == 1.0
    assert quantile({}, 0.5) is None
    assert quantile({1.0: 0.0, math.inf: 0.0}, 0.5) is None


@given(st.lists(st.integers(0, 1000), min_size=1), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_that_holds_it(counts: list[int], share: float) -> None:
    buckets, total = {}, 0
    for bound, count in enumerate(counts, start=1):
        total += count
        buckets[float(bound)] = float(total)
    found = quantile(buckets, share)
    if found is None:
        assert total == 0
    else:
        reached = min(bound for bound, count in buckets.items() if count >= share * total)
        assert reached - 1 <= found <= reached


@given(st.lists(st.integers(0, 10**6), max_size=20))
def test_a_gain_is_never_negative_and_at_least_the_difference(totals: list[int]) -> None:
    assert gain(totals) >= max((totals[-1] - totals[0]) if totals else 0, 0)
    assert gain(sorted(totals)) == (max(totals) - min(totals) if totals else 0)
