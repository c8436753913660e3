"""What is no finding: a false alarm at night is as bad as a miss.

Not here: what is one (test_diagnosis.py).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.windows import QUEUE, consumer, healthy, queue, window
from warren.signals.diagnosis import diagnose
from warren.signals.findings import DEFAULT_THRESHOLDS, Thresholds
from warren.signals.samples import BrokerSample, Failure, QueueSample

# A command that runs once is as careful as an alert: every test here runs with both.
HASTY = replace(DEFAULT_THRESHOLDS, patience=20.0)


@pytest.fixture(params=[(DEFAULT_THRESHOLDS, 121), (HASTY, 7)], ids=["ten-minutes", "thirty-seconds"])
def look(request: pytest.FixtureRequest) -> tuple[Thresholds, int]:
    return request.param


def test_nothing_was_seen() -> None:
    assert diagnose([]) == ()


def test_an_idle_queue(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    assert diagnose(window(lambda at: queue(), steps=steps), thresholds) == ()


def test_a_queue_that_keeps_up(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    assert diagnose(window(healthy, steps=steps), thresholds) == ()


def test_a_burst_that_is_worked_off(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look

    def burst(at: int) -> QueueSample:
        left = 10_000 - 60 * at
        return queue(ready=left - 10, unacked=10, published=10_000, delivered=10_000 - left + 10, acked=10_000 - left)

    assert diagnose(window(burst, steps=steps), thresholds) == ()


def test_a_burst_within_the_window_that_is_worked_off(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    start = steps // 3

    def burst(at: int) -> QueueSample:
        published = 2_000 if at > start else 0
        acked = min(published, max(at - start, 0) * 60)
        return queue(ready=published - acked, published=published, delivered=acked, acked=acked)

    assert diagnose(window(burst, steps=steps), thresholds) == ()


def test_a_depth_that_goes_up_and_down(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    depths = [0, 40, 5, 70, 10, 55, 60]

    def wave(at: int) -> QueueSample:
        depth = depths[at % 7]
        return queue(ready=depth, published=100 * at + depth, delivered=100 * at, acked=100 * at)

    assert diagnose(window(wave, steps=steps), thresholds) == ()


def test_a_fast_queue_that_holds_less_than_some_seconds_of_work_and_slightly_more_than_before() -> None:
    def fast(at: int) -> QueueSample:
        return queue(ready=100 + at, published=50_001 * at, delivered=50_000 * at, acked=50_000 * at)

    assert diagnose(window(fast)) == ()


def test_a_worker_that_is_restarted(look: tuple[Thresholds, int]) -> None:
    """What it held comes back once, and for a moment there is no consumer."""
    thresholds, steps = look
    half = steps // 2

    def restarted(at: int) -> QueueSample:
        done = 100 * at
        if at == half:
            return queue(ready=60, consumers=0, prefetch=None, published=done, delivered=done, acked=done - 60)
        again = 50 if at > half else 0
        return queue(ready=2, unacked=5, published=done, delivered=done + again, acked=done - 7, redelivered=again)

    assert diagnose(window(restarted, steps=steps), thresholds) == ()


def test_a_backlog_that_was_looked_at_and_is_worked_off(look: tuple[Thresholds, int]) -> None:
    """All of it came back once, so that every delivery is a redelivery for as long as it lasts."""
    thresholds, steps = look

    def looked_at(at: int) -> QueueSample:
        return queue(ready=9_990 - 70 * at, unacked=10, delivered=70 * at + 10, acked=70 * at, redelivered=70 * at + 10)

    assert diagnose(window(looked_at, steps=steps), thresholds) == ()


def test_a_worker_whose_metrics_were_away_for_a_while(look: tuple[Thresholds, int]) -> None:
    """What it tells when it is there again is not of that moment."""
    thresholds, steps = look

    def told(at: int) -> list[object]:
        if steps // 3 < at < steps // 2:
            return [consumer(outcomes={"ack": 100.0})]
        failures = (Failure("ValueError@parse", 5_000, "unknown"),)
        return [consumer(outcomes={"ack": 9_000.0, "retry": 12_000.0}, failures=failures, redelivered=5_000)]

    assert diagnose(window(healthy, steps=steps, consumers=told), thresholds) == ()


def test_a_broker_that_is_restarted(look: tuple[Thresholds, int]) -> None:
    """Its totals begin again at 0, and the queue tells nothing for a while."""
    thresholds, steps = look
    half = steps // 2

    def forgetful(at: int) -> QueueSample | None:
        if at == half:
            return None
        seen = at if at < half else at - half
        return queue(
            ready=2,
            published=5_000_000 + 100 * seen if at < half else 100 * seen,
            delivered=100 * seen,
            acked=100 * seen,
        )

    assert diagnose(window(forgetful, lambda at: queue(f"{QUEUE}.dead", ready=9), steps=steps), thresholds) == ()


def test_one_of_several_workers_that_is_restarted(look: tuple[Thresholds, int]) -> None:
    """The sum over workers falls to what the others have: none of that is new."""
    thresholds, steps = look
    half = steps // 2
    failures = (Failure("ValueError@parse", 3_000, "unknown"),)
    fewer = (Failure("ValueError@parse", 2_000, "unknown"),)

    def told(at: int) -> list[object]:
        if at < half:
            return [consumer(outcomes={"ack": 9_000.0, "retry": 3_000.0}, failures=failures, redelivered=900)]
        return [consumer(outcomes={"ack": 6_000.0, "retry": 2_000.0}, failures=fewer, redelivered=600)]

    assert diagnose(window(healthy, steps=steps, consumers=told), thresholds) == ()


def test_an_empty_dead_letter_queue_and_empty_tiers(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    beside = [queue(f"{QUEUE}.dead"), queue(f"{QUEUE}.retry.10s"), queue(f"{QUEUE}.retry.1m")]
    assert diagnose(window(healthy, *(lambda at, one=one: one for one in beside), steps=steps), thresholds) == ()


def test_dead_letters_of_long_ago(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    found = window(
        healthy,
        lambda at: queue(f"{QUEUE}.dead", ready=400, consumers=0, published=400),
        steps=steps,
        dead=lambda at: {f"{QUEUE}.dead": (Failure("delivery_limit@billing.invoices", 200, "delivery_limit"),)},
    )
    assert diagnose(found, thresholds) == ()


def test_dead_letters_that_are_replayed(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    found = window(healthy, lambda at: queue(f"{QUEUE}.dead", ready=1000 - 5 * at, acked=5 * at), steps=steps)
    assert diagnose(found, thresholds) == ()


def test_dead_letters_that_are_looked_at(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look

    def looked_at(at: int) -> QueueSample:
        held = 200 if at % 2 else 0
        return queue(f"{QUEUE}.dead", ready=400 - held, unacked=held, delivered=200 * at, redelivered=200 * at)

    assert diagnose(window(healthy, looked_at, steps=steps), thresholds) == ()


def test_some_retries_while_most_messages_succeed(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    found = window(healthy, lambda at: queue(f"{QUEUE}.retry.10s", ready=at % 7, published=20 * at), steps=steps)
    assert diagnose(found, thresholds) == ()


def test_a_message_or_two_that_are_retried_in_a_quiet_queue(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look

    def quiet(at: int) -> QueueSample:
        return queue(published=2, delivered=min(at, 6), acked=min(at, 6))

    def tier(at: int) -> QueueSample:
        return queue(f"{QUEUE}.retry.1s", published=min(at, 5))

    assert diagnose(window(quiet, tier, steps=steps), thresholds) == ()


def test_a_queue_nobody_reads_and_nobody_needs_to(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    unread = {"consumers": 0, "prefetch": None}
    expiring = {"x-message-ttl": 60_000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "elsewhere"}
    tracks = [
        queue("empty", **unread),
        queue("alone.dead", ready=5, **unread),
        queue("delay", ready=5, arguments=expiring, **unread),
        queue("orders", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "parked"}),
        queue("parked", ready=5, **unread),
        queue("log", ready=5, type="stream", **unread),
        queue("unknown", ready=5, consumers=None, prefetch=None),
    ]
    assert diagnose(window(*(lambda at, one=one: one for one in tracks), steps=steps), thresholds) == ()


def test_a_queue_that_is_polled(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    found = window(lambda at: queue(ready=50, consumers=0, published=at, delivered=at, acked=at), steps=steps)
    assert diagnose(found, thresholds) == ()


def test_a_consumer_that_has_room_left(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    assert diagnose(window(lambda at: queue(unacked=8, delivered=8, published=8), steps=steps), thresholds) == ()


def test_consumers_that_need_no_acknowledgements(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look

    def automatic(at: int) -> QueueSample:
        done = 100 * at
        return queue(prefetch=None, published=done, delivered=done, auto_acked=done)

    assert diagnose(window(automatic, steps=steps), thresholds) == ()


def test_messages_that_expire_or_overflow_as_they_are_meant_to(look: tuple[Thresholds, int]) -> None:
    """Nobody asked for them to be kept."""
    thresholds, steps = look

    def dropping(at: int) -> QueueSample:
        return queue("cache", published=100 * at, delivered=10 * at, acked=10 * at, arguments={"x-max-length": 10})

    assert diagnose(window(dropping, steps=steps), thresholds) == ()


def test_messages_that_expire_by_a_time_of_their_own(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look

    def expiring(at: int) -> QueueSample:
        return queue("requests", published=100 * at, delivered=90 * at, acked=90 * at, arguments={})

    assert diagnose(window(expiring, steps=steps), thresholds) == ()


def test_a_purge(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look

    def purged(at: int) -> QueueSample:
        return queue(ready=0 if at > steps // 2 else 5_000, published=5_000, arguments={})

    assert diagnose(window(purged, steps=steps), thresholds) == ()


def test_totals_and_depths_that_lag_behind_each_other(look: tuple[Thresholds, int]) -> None:
    """Depth is told at once, totals five seconds later."""
    thresholds, steps = look

    def lagging(at: int) -> QueueSample:
        then = max(at - 1, 0)
        return queue(ready=7, published=100 * at, delivered=100 * then, acked=100 * then, arguments={})

    assert diagnose(window(lagging, steps=steps), thresholds) == ()


@pytest.mark.parametrize(
    ("published", "delivered", "acked"),
    [(20, 20, 29), (20, 25, 20), (5, -4, -4), (4, -4, -4), (9, 0, 3)],
    ids=["acked-late", "delivered-late", "published-late", "published-late-too", "all-late"],
)
def test_a_single_message_whose_totals_are_told_at_different_times(published: int, delivered: int, acked: int) -> None:
    """It is published and settled at once; each total is told within ten seconds."""

    def at_last(at: int) -> QueueSample:
        totals = {"published": published, "delivered": delivered, "acked": acked}
        return queue("plain", **{name: int(at >= told) for name, told in totals.items()}, arguments={})

    for steps in (21, 26, 31):
        assert diagnose(window(at_last, steps=steps, step=1.0), HASTY) == ()


def test_an_alarm_that_is_over(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    found = window(healthy, steps=steps, broker=lambda at: BrokerSample(alarms=("memory",) if at < 3 else ()))
    assert diagnose(found, thresholds) == ()


def test_dead_letters_on_their_way(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    found = window(lambda at: replace(healthy(at), dead_lettering=3 if at % 3 else 0), steps=steps)
    assert diagnose(found, thresholds) == ()


def test_workers_that_are_well(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    told = consumer(oldest_in_flight=60.0, in_flight=4.0, clock_skew=0.3, outcomes={"ack": 5.0})
    assert diagnose(window(healthy, steps=steps, consumers=lambda at: [told]), thresholds) == ()


def test_failures_that_workers_do_not_count_apart(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look

    def told(at: int) -> list[object]:
        failures = (Failure("other", 10 * at, "unknown"),)
        return [consumer(outcomes={"ack": 100.0 * at, "retry": 10.0 * at}, failures=failures)]

    assert diagnose(window(healthy, steps=steps, consumers=told), thresholds) == ()


def test_handlers_that_take_as_long_as_they_usually_do(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look
    told = consumer(duration={60.0: 20.0, 600.0: 100.0, float("inf"): 100.0}, oldest_in_flight=400.0)
    found = window(lambda at: queue(ready=5, unacked=10), steps=steps, consumers=lambda at: [told])
    assert diagnose(found, thresholds) == ()


def test_failures_that_differ_from_each_other(look: tuple[Thresholds, int]) -> None:
    thresholds, steps = look

    def told(at: int) -> list[object]:
        failures = tuple(Failure(f"Error{n}@here", 10 * at, "unknown") for n in range(3))
        return [consumer(outcomes={"ack": 100.0 * at, "retry": 30.0 * at}, failures=failures)]

    assert diagnose(window(healthy, steps=steps, consumers=told), thresholds) == ()


def test_a_window_that_is_too_short_for_everything_that_takes_time() -> None:
    """Poison, stall, no consumers and a rising depth, for five seconds."""
    tracks = [
        lambda at: queue("poison", ready=1, delivered=500 * at, redelivered=500 * at),
        lambda at: queue("stalled", ready=9, unacked=10),
        lambda at: queue("unread", ready=9, consumers=0),
        lambda at: queue("rising", ready=900 * at, published=900 * at, acked=at),
    ]
    assert diagnose(window(*tracks, steps=6, step=1.0), HASTY) == ()
    assert diagnose(window(*tracks, steps=11, step=5.0)) == ()
