"""What is a finding: each of the ten, with its evidence, its next step and the command to begin with.

Not here: what is none (test_false_alarms.py), and real brokers (test_recordings.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.support.windows import QUEUE, consumer, healthy, queue, window
from warren.signals.diagnosis import diagnose
from warren.signals.findings import DEFAULT_THRESHOLDS, Finding, FindingId, Severity
from warren.signals.samples import BrokerSample, Failure, QueueSample, Sample

DEAD = f"{QUEUE}.dead"
HASTY = replace(DEFAULT_THRESHOLDS, patience=20.0)
NEVER_FOUND = Failure("delivery_limit@billing.invoices", 3, "delivery_limit")


def the_only(samples: Sequence[Sample], thresholds: Any = DEFAULT_THRESHOLDS) -> Finding:
    (finding,) = diagnose(samples, thresholds)
    return finding


# -- poison -------------------------------------------------------------------------------


def poisoned(at: int) -> QueueSample:
    """Seven messages lie there; one of them goes round."""
    return queue(ready=6, unacked=1, published=200, delivered=300 + 450 * at, acked=190, redelivered=100 + 450 * at)


def test_redeliveries_that_climb_in_a_flat_queue_are_critical_poison() -> None:
    finding = the_only(window(poisoned))
    assert (finding.id, finding.severity, finding.queue) == (FindingId.POISON, Severity.CRITICAL, QUEUE)
    assert finding.summary == (
        "the same messages come back to billing.invoices again and again: 100 % of its deliveries are redeliveries"
    )
    assert finding.evidence == (
        "27,000 redeliveries in 5 min",
        "100 % of all deliveries",
        "the depth stays at 7 messages",
        "0 messages acknowledged meanwhile",
    )
    assert finding.command == "warren inspect billing.invoices --limit 5"
    assert finding.fingerprint == "redelivered@unknown"


def test_poison_is_named_by_what_was_found_at_the_head_of_the_queue() -> None:
    head = Failure("redelivered@orders.created", 1, "redelivered", "orders.created", "a1b2")
    finding = the_only(window(poisoned, heads={QUEUE: (head,)}))
    assert finding.fingerprint == "redelivered@orders.created"
    assert "1 × redelivered@orders.created of type orders.created, such as message a1b2" in finding.evidence


def test_a_few_redeliveries_that_go_on_for_ten_minutes_are_a_warning() -> None:
    def some(at: int) -> QueueSample:
        return queue(ready=4, published=100 * at, delivered=103 * at, acked=100 * at, redelivered=3 * at)

    finding = the_only(window(some))
    assert (finding.id, finding.severity) == (FindingId.POISON, Severity.WARNING)
    assert "2.9 % of all deliveries" in finding.evidence


def test_poison_among_messages_that_go_through_is_found_however_the_depth_moves() -> None:
    def falling(at: int) -> QueueSample:
        return queue(ready=9_000 - 9 * at, published=0, delivered=20 * at, acked=9 * at, redelivered=11 * at)

    assert the_only(window(falling)).severity is Severity.CRITICAL


def test_poison_whose_handler_takes_long_is_found_by_more_redeliveries_than_messages() -> None:
    """In most of the samples nothing is delivered at all."""

    def slow(at: int) -> QueueSample:
        return queue(unacked=1, delivered=1 + at // 20, redelivered=at // 20, published=1)

    finding = the_only(window(slow))
    assert finding.id is FindingId.POISON
    assert finding.evidence[1] == "100 % of all deliveries"


def test_a_command_that_runs_once_needs_thirty_seconds_and_says_so() -> None:
    finding = the_only(window(poisoned, steps=7), HASTY)
    assert finding.severity is Severity.CRITICAL
    assert "seen for 30 s only; an alert waits for 5 min" in finding.evidence


def test_workers_alone_can_tell_of_redeliveries() -> None:
    """Without the management API only depths are known."""

    def told(at: int) -> list[Any]:
        return [consumer(redelivered=40.0 * at, outcomes={"ack": 50.0 * at, "retry": 10.0 * at})]

    finding = the_only(window(lambda at: QueueSample(name=QUEUE, ready=5), consumers=told))
    assert (finding.id, finding.severity) == (FindingId.POISON, Severity.CRITICAL)
    assert "67 % of all deliveries" in finding.evidence


def test_deaths_by_the_delivery_limit_mean_poison() -> None:
    found = window(
        healthy,
        lambda at: queue(DEAD, ready=at // 40, consumers=0),
        dead=lambda at: {DEAD: (replace(NEVER_FOUND, count=at // 40),)} if at >= 40 else {},
    )
    poison, growing = diagnose(found)
    assert (poison.id, poison.severity) == (FindingId.POISON, Severity.WARNING)
    assert poison.fingerprint == "delivery_limit@billing.invoices"
    assert poison.command == "warren inspect billing.invoices.dead --group"
    assert growing.id is FindingId.DEAD_LETTERS_GROWING


def test_new_deaths_are_told_from_old_ones_by_two_looks() -> None:
    old, new = Failure("ValueError@parse", 50, "exhausted"), NEVER_FOUND
    found = window(
        healthy,
        lambda at: queue(DEAD, ready=50 + at // 40, consumers=0),
        dead=lambda at: {DEAD: (old, new) if at >= 40 else (old,)},
    )
    assert [finding.fingerprint for finding in diagnose(found)] == ["delivery_limit@billing.invoices"] * 2


def test_one_failure_that_dominates_in_a_flat_queue_means_poison() -> None:
    def told(at: int) -> list[Any]:
        failures = (Failure("ValueError@parse", 9 * at, "unknown"), Failure("KeyError@look_up", at, "unknown"))
        return [consumer(outcomes={"ack": 100.0 * at, "retry": 10.0 * at}, failures=failures)]

    finding = the_only(window(healthy, consumers=told))
    assert (finding.id, finding.severity) == (FindingId.POISON, Severity.WARNING)
    assert finding.fingerprint == "ValueError@parse"
    assert "90 % of the failures in 10 min" in finding.evidence


@pytest.mark.parametrize("reason", ["transient"])
def test_what_a_dependency_did_is_not_poison(reason: str) -> None:
    def told(at: int) -> list[Any]:
        failures = (Failure("ConnectionError@pay", 9 * at, reason),)
        return [consumer(outcomes={"ack": 100.0 * at, "retry": 9.0 * at}, failures=failures)]

    assert diagnose(window(healthy, consumers=told)) == ()


# -- stalled ------------------------------------------------------------------------------


def stalled(at: int) -> QueueSample:
    return queue(ready=140 + at, unacked=10, published=1_150 + at, delivered=1_010, acked=1_000)


def test_full_consumers_that_acknowledge_nothing_are_stalled_and_do_not_also_fall_behind() -> None:
    finding = the_only(window(stalled, consumers=lambda at: [consumer(oldest_in_flight=400.0 + at)]))
    assert (finding.id, finding.severity) == (FindingId.STALLED, Severity.CRITICAL)
    assert finding.evidence == (
        "0 acknowledged in 5 min",
        "10 messages held by 1 consumer, 100 % of their prefetch",
        "260 messages waiting",
        "the oldest has been in its handler for 8.7 min",
    )
    assert finding.command == "warren signals --queue billing.invoices --watch"


def test_nine_tenths_of_the_prefetch_are_enough() -> None:
    assert the_only(window(lambda at: queue(ready=5, unacked=9))).id is FindingId.STALLED


def test_a_stall_behind_which_nothing_waits_is_a_warning() -> None:
    assert the_only(window(lambda at: queue(unacked=10))).severity is Severity.WARNING


def test_a_consumer_without_a_limit_is_stalled_with_whatever_it_holds() -> None:
    finding = the_only(window(lambda at: queue(ready=5, unacked=2000, prefetch=0, is_unlimited=True)))
    assert finding.id is FindingId.STALLED
    assert "2,000 messages held by 1 consumer, whose prefetch has no limit" in finding.evidence


# -- no consumers -------------------------------------------------------------------------


def test_messages_that_nobody_reads_are_critical() -> None:
    finding = the_only(window(lambda at: queue(ready=40 + at, consumers=0, prefetch=None, published=40 + at)))
    assert (finding.id, finding.severity) == (FindingId.NO_CONSUMERS, Severity.CRITICAL)
    assert finding.summary == "nobody reads billing.invoices, which holds 160 messages"
    assert finding.evidence == (
        "0 consumers for 60 s",
        "the depth went from 148 to 160 messages",
        "12 messages published meanwhile",
    )


def test_a_name_that_a_shell_would_split_is_quoted() -> None:
    finding = the_only(window(lambda at: queue("a b; rm", ready=1, consumers=0)))
    assert finding.command == "warren signals --queue 'a b; rm' --watch"


# -- falling behind -----------------------------------------------------------------------


def test_a_depth_that_rises_for_ten_minutes_is_a_warning() -> None:
    def rising(at: int) -> QueueSample:
        return queue(ready=100 * at, unacked=10, published=300 * at, delivered=200 * at, acked=200 * at)

    finding = the_only(window(rising))
    assert (finding.id, finding.severity) == (FindingId.FALLING_BEHIND, Severity.WARNING)
    assert finding.evidence == (
        "the depth went from 10 to 12,010 messages in 10 min",
        "60/s published, 40/s acknowledged",
        "drained never, at this rate; the objective is 15 min",
        "1 consumer",
    )


def test_a_backlog_that_takes_longer_than_the_objective_is_a_warning() -> None:
    def slow(at: int) -> QueueSample:
        return queue(ready=100_000 - 50 * at, published=100 * at, delivered=150 * at, acked=150 * at)

    finding = the_only(window(slow))
    assert finding.summary == "billing.invoices is drained too slowly: in 2.6 h, at this rate"


def test_a_depth_alone_can_tell_that_it_rises() -> None:
    finding = the_only(window(lambda at: QueueSample(name=QUEUE, ready=100 * at)))
    assert finding.id is FindingId.FALLING_BEHIND
    assert "its rates are unknown without the management API" in finding.evidence


def test_what_comes_back_from_retry_tiers_makes_a_queue_fall_behind_as_well() -> None:
    """It is in no total: fewer messages are published than acknowledged, and still the depth rises."""

    def rising(at: int) -> QueueSample:
        return queue(ready=50 * at, published=100 * at, delivered=150 * at, acked=150 * at)

    finding = the_only(window(rising, lambda at: queue(f"{QUEUE}.retry.1s", ready=50, published=70 * at)))
    assert finding.id is FindingId.FALLING_BEHIND
    assert "20/s published, 30/s acknowledged, 50 messages waiting to be retried" in finding.evidence
    assert "drained never, at this rate; the objective is 15 min" in finding.evidence


# -- retry storm --------------------------------------------------------------------------


def test_more_retries_than_successes_are_a_storm() -> None:
    def tier(at: int) -> QueueSample:
        return queue(f"{QUEUE}.retry.10s", ready=20 + at, published=80 * at)

    finding = the_only(window(healthy, tier))
    assert (finding.id, finding.severity) == (FindingId.RETRY_STORM, Severity.WARNING)
    assert finding.evidence == (
        "4,800 retries in 5 min",
        "1,200 successes meanwhile",
        "billing.invoices.retry.10s went from 80 to 140 messages",
    )
    assert finding.command == "warren inspect billing.invoices.retry.10s --limit 5"


def test_a_storm_in_which_nothing_succeeds_is_critical_and_named_by_what_workers_saw() -> None:
    def told(at: int) -> list[Any]:
        failures = (Failure("ConnectionError@pay", 100 * at, "transient"),)
        return [consumer(outcomes={"retry": 100.0 * at}, failures=failures)]

    finding = the_only(window(healthy, consumers=told))
    assert (finding.id, finding.severity) == (FindingId.RETRY_STORM, Severity.CRITICAL)
    assert finding.fingerprint == "ConnectionError@pay"


# -- dead letters -------------------------------------------------------------------------


def test_any_growth_of_dead_letters_is_a_warning() -> None:
    found = window(healthy, lambda at: queue(DEAD, ready=5 + at // 60, consumers=0))
    finding = the_only(found)
    assert (finding.id, finding.severity) == (FindingId.DEAD_LETTERS_GROWING, Severity.WARNING)
    assert finding.summary == "2 messages of billing.invoices were dead-lettered in 10 min"
    assert finding.evidence == ("2 more in billing.invoices.dead, which holds 7 messages now",)
    assert finding.command == "warren inspect billing.invoices.dead --group"


def test_dead_letters_that_come_while_others_are_replayed_are_seen_by_their_total() -> None:
    found = window(healthy, lambda at: queue(DEAD, ready=500 - at, published=500 + at, consumers=0))
    assert the_only(found).summary == "120 messages of billing.invoices were dead-lettered in 10 min"


def test_growth_is_named_by_its_most_frequent_failure() -> None:
    failures = (
        Failure("ValueError@parse", 8, "exhausted", "orders.created", "m1"),
        Failure("KeyError@x", 6, "exhausted"),
    )
    found = window(
        healthy, lambda at: queue(DEAD, ready=at // 8, consumers=0), dead=lambda at: {DEAD: failures} if at else {}
    )
    finding = the_only(found)
    assert finding.fingerprint == "ValueError@parse"
    assert "8 × ValueError@parse of type orders.created, such as message m1" in finding.evidence


def test_rejected_messages_of_a_queue_without_a_dead_letter_exchange_are_lost() -> None:
    def losing(at: int) -> QueueSample:
        return queue(published=10 * at, delivered=10 * at, acked=4 * at, arguments={}, delivery_limit=20)

    finding = the_only(window(losing))
    assert (finding.id, finding.severity) == (FindingId.DEAD_LETTERS_LOST, Severity.CRITICAL)
    assert finding.summary == "the broker dropped 720 messages of billing.invoices: it has no dead-letter exchange"
    assert "its delivery limit is 20" in finding.evidence
    assert finding.command == "warren doctor"


def test_messages_are_lost_where_the_dead_letter_queue_does_not_exist() -> None:
    def losing(at: int) -> QueueSample:
        return queue(published=10 * at, delivered=4 * at, acked=4 * at)

    there = frozenset({QUEUE, DEAD})
    assert diagnose(window(losing, names=there)) == ()
    assert diagnose(window(losing)) == ()  # nobody lists the queues
    finding = the_only(window(losing, names=there - {DEAD}))
    assert "its dead-letter queue billing.invoices.dead does not exist" in finding.summary


def test_what_the_broker_itself_counts_as_dropped_is_lost() -> None:
    finding = the_only(window(healthy, broker=lambda at: BrokerSample(dropped=5 + at // 60)))
    assert (finding.id, finding.queue) == (FindingId.DEAD_LETTERS_LOST, None)
    assert finding.evidence == ("2 dead letters dropped in 10 min",)


def test_dead_letters_that_nobody_confirms_are_stuck() -> None:
    def tier(at: int) -> QueueSample:
        return queue(f"{QUEUE}.retry.10s", dead_lettering=4)

    finding = the_only(window(healthy, tier))
    assert (finding.id, finding.severity) == (FindingId.DEAD_LETTERS_LOST, Severity.WARNING)
    assert "billing.invoices.retry.10s holds 4 messages that no queue has confirmed for 5 min" in finding.evidence


# -- broker and clocks --------------------------------------------------------------------


def test_an_alarm_is_critical_at_once() -> None:
    found = window(healthy, steps=7, broker=lambda at: BrokerSample(alarms=("memory", "disk") if at > 3 else ()))
    finding = the_only(found)
    assert (finding.id, finding.severity, finding.queue) == (FindingId.BLOCKED, Severity.CRITICAL, None)
    assert finding.summary == "the broker blocks all publishers: it is short of memory and disk"
    assert finding.evidence[0] == "the memory alarm is raised, first seen 10 s ago"


def test_an_alarm_shows_in_a_single_sample() -> None:
    found = window(healthy, steps=1, broker=lambda at: BrokerSample(alarms=("disk",)))
    assert the_only(found).evidence == ("the disk alarm is raised",)


@pytest.mark.parametrize(
    ("told", "timeout"),
    [
        ({"arguments": {"x-consumer-timeout": 1_000_000}}, "17 min"),
        ({"settings": {"consumer-timeout": 1_000_000}}, "17 min"),
        ({"consumer_timeout": 1_000.0}, "17 min"),
        ({}, "30 min"),
    ],
)
def test_a_delivery_past_half_of_its_time_is_a_risk(told: dict[str, Any], timeout: str) -> None:
    found = window(lambda at: replace(healthy(at), **told), consumers=lambda at: [consumer(oldest_in_flight=901.0)])
    finding = the_only(found)
    assert (finding.id, finding.severity) == (FindingId.TIMEOUT_RISK, Severity.WARNING)
    assert finding.summary == (
        f"a message of billing.invoices has been with its consumer for 15 min; the broker takes it back at {timeout}"
    )


def test_a_delivery_that_is_held_all_the_time_is_a_risk_without_workers_that_tell() -> None:
    finding = the_only(window(lambda at: queue(unacked=1), steps=200))
    assert "in flight for 17 min, as nothing was settled or delivered since" in finding.evidence


def test_messages_from_the_future_mean_that_clocks_differ() -> None:
    finding = the_only(window(healthy, consumers=lambda at: [consumer(clock_skew=7.5)]))
    assert (finding.id, finding.severity) == (FindingId.CLOCK_SKEW, Severity.WARNING)
    assert finding.evidence[0] == "consumer billing saw a message from 7.5 s ahead of its clock"


# -- together -----------------------------------------------------------------------------


def test_the_worst_comes_first_then_findings_by_their_order_then_queues_by_name() -> None:
    found = window(
        lambda at: queue("b", ready=9, consumers=0),
        lambda at: queue("a", ready=9, consumers=0),
        lambda at: queue("c", ready=9, unacked=10),
        lambda at: replace(poisoned(at), name="d"),
        lambda at: queue("d.dead", ready=at),
        broker=lambda at: BrokerSample(alarms=("disk",)),
    )
    assert [(finding.id.value, finding.queue) for finding in diagnose(found)] == [
        ("poison", "d"),
        ("stalled", "c"),
        ("no_consumers", "a"),
        ("no_consumers", "b"),
        ("blocked", None),
        ("dead_letters_growing", "d"),
    ]
