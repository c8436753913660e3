"""Events and readings to Prometheus metrics, in one process."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from tests.support.metrics import Scrape, documented_metrics
from warren.observability import events
from warren.observability.events import EventBus
from warren.observability.prometheus.metrics import MAX_FINGERPRINTS, MAX_TARGETS, Metrics, _observe_all
from warren.observability.readings import ConsumerReading

CONSUMER = ("billing.invoices", "billing")
WHERE = {"queue": "billing.invoices", "consumer": "billing"}
ORDER = "orders.created"


class Metered:
    """A bus with metrics: one consumer that reads orders."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.registry = CollectorRegistry()
        types = {"billing": frozenset({ORDER}), "": frozenset({"bills.sent"})}
        self.metrics = Metrics(self.bus, lambda: types, info=("0.1", "abc", "shop"), registry=self.registry)

    def emit(self, *happened: events.Event) -> None:
        for event in happened:
            self.bus.emit(event)

    def scrape(self) -> Scrape:
        return Scrape.of(self.registry)


@pytest.fixture
def metered() -> Metered:
    return Metered()


def processed(lag: float | None = 0.2, seconds: float = 0.02) -> events.Processed:
    return events.Processed(*CONSUMER, "m", ORDER, 1, seconds, lag)


def test_a_delivery_and_its_acknowledgement_are_counted_and_timed_by_the_next_scrape(metered: Metered) -> None:
    metered.emit(events.Delivered(*CONSUMER, "m", ORDER, 1, True), processed(lag=3.0, seconds=0.2))
    seen = metered.scrape()
    assert seen.get("warren_deliveries_total", **WHERE, message_type=ORDER, redelivered="true") == 1
    assert seen.get("warren_settled_total", **WHERE, message_type=ORDER, outcome="ack") == 1
    assert seen.get("warren_handler_duration_seconds_bucket", **WHERE, message_type=ORDER, le="0.1") == 0
    assert seen.get("warren_handler_duration_seconds_bucket", **WHERE, message_type=ORDER, le="0.25") == 1
    assert seen.get("warren_consumer_lag_seconds_sum", **WHERE) == 3.0
    assert seen.get("warren_consumer_lag_seconds_count", **WHERE) == 1


def test_failures_are_counted_by_fingerprint_and_their_handlers_are_timed_too(metered: Metered) -> None:
    metered.emit(
        events.Retried(*CONSUMER, "m", ORDER, 1, 1.0, "transient", "E", "E@a.py:f", 0.5, 1.0),
        events.DeadLettered(*CONSUMER, "m", ORDER, 4, "exhausted", "E", "E@a.py:f", 0.5, None),
        events.DeadLettered(*CONSUMER, "m", "", 1, "contract", "I", "I@unknown"),
    )
    seen = metered.scrape()
    assert seen.get("warren_failures_total", **WHERE, fingerprint="E@a.py:f", classification="transient") == 1
    assert seen.get("warren_failures_total", **WHERE, fingerprint="E@a.py:f", classification="exhausted") == 1
    assert seen.get("warren_settled_total", **WHERE, outcome="retry") == 1
    assert seen.get("warren_settled_total", **WHERE, outcome="dead_letter") == 2
    assert seen.get("warren_dead_letters_total", **WHERE, reason="contract") == 1
    assert seen.get("warren_handler_duration_seconds_count", **WHERE) == 2  # not where none ran


def test_other_ends_of_a_delivery_and_what_went_wrong_on_the_way_are_counted(metered: Metered) -> None:
    metered.emit(
        events.DuplicateAbsorbed(*CONSUMER, "m", "k", ORDER),
        events.InProgressDeferred(*CONSUMER, "m", "k", ORDER),
        events.TimeLimitExceeded(*CONSUMER, "m", 1.0),
        events.SettleDelayed(*CONSUMER, "m", "billing.invoices.dead", "nacked", 0.2),
        events.AckDropped(*CONSUMER, 3),
    )
    seen = metered.scrape()
    assert seen.get("warren_settled_total", **WHERE, outcome="duplicate") == 1
    assert seen.get("warren_settled_total", **WHERE, outcome="deferred") == 1
    assert seen.get("warren_time_limit_exceeded_total", **WHERE) == 1
    assert seen.get("warren_settle_delayed_total", **WHERE) == 1
    assert seen.get("warren_acks_dropped_total", **WHERE) == 3


def test_publishes_are_counted_by_outcome_and_confirmed_ones_timed(metered: Metered) -> None:
    bill = ("m", "bills.sent", "bills", "key")
    metered.emit(
        events.Confirmed(*bill, 0.02),
        events.Returned(*bill, "312 NO_ROUTE"),
        events.ConfirmFailed(*bill, "nacked", "full"),
        events.ConfirmFailed(*bill, "indeterminate", "lost"),
    )
    seen = metered.scrape()
    for outcome in ("confirmed", "returned", "nacked", "indeterminate"):
        assert seen.get("warren_published_total", exchange="bills", message_type="bills.sent", outcome=outcome) == 1
    assert seen.get("warren_publish_duration_seconds_count", exchange="bills", message_type="bills.sent") == 1


def test_connections_are_open_blocked_lost_and_tried_again(metered: Metered) -> None:
    metered.emit(events.Connected("a", "h", 1), events.Blocked("a", "memory"))
    seen = metered.scrape()
    assert (seen.get("warren_connected", connection="a"), seen.get("warren_blocked", connection="a")) == (1, 1)
    metered.emit(events.Disconnected("a", "h", "reset"), events.Reconnecting("a", 2, 0.1, "refused"))
    seen = metered.scrape()
    assert (seen.get("warren_connected", connection="a"), seen.get("warren_blocked", connection="a")) == (0, 0)
    assert seen.get("warren_reconnects_total", connection="a") == 1
    metered.emit(events.Connected("a", "h", 2), events.Blocked("a", "memory"), events.Unblocked("a"))
    seen = metered.scrape()
    assert (seen.get("warren_connected", connection="a"), seen.get("warren_blocked", connection="a")) == (1, 0)


def test_readings_are_shown_until_the_next_and_are_nothing_once_the_worker_has_ended(metered: Metered) -> None:
    metered.metrics.show([ConsumerReading(*CONSUMER, 50, True, 7, 1.5)])
    seen = metered.scrape()
    assert seen.get("warren_prefetch", **WHERE) == 50
    assert seen.get("warren_subscribed", **WHERE) == 1
    assert seen.get("warren_in_flight", **WHERE) == 7
    assert seen.get("warren_oldest_in_flight_seconds", **WHERE) == 1.5
    assert seen.get("warren_worker_info", version="0.1", code_version="abc", application="shop") == 1
    metered.metrics.close()
    seen = metered.scrape()
    for name in ("prefetch", "subscribed", "in_flight", "oldest_in_flight_seconds"):
        assert seen.get(f"warren_{name}", **WHERE) == 0


def test_a_message_from_the_future_shows_as_clock_skew_and_as_no_lag(metered: Metered) -> None:
    metered.emit(processed(lag=-12.0), processed(lag=0.5))
    metered.metrics.show([ConsumerReading(*CONSUMER, 50)])
    seen = metered.scrape()
    assert seen.get("warren_clock_skew_seconds", **WHERE) == 12.0
    assert seen.get("warren_consumer_lag_seconds_sum", **WHERE) == 0.5


# -- bounds ---------------------------------------------------------------------------------


def test_a_type_no_contract_of_the_consumer_has_is_unknown(metered: Metered) -> None:
    metered.emit(
        *(events.Delivered(*CONSUMER, "m", f"attack.{number}", 1, False) for number in range(200)),
        *(events.Confirmed("m", f"attack.{number}", "", "billing.invoices.dead", 0.1) for number in range(200)),
    )
    seen = metered.scrape()
    assert seen.get("warren_deliveries_total", message_type="unknown") == 200
    assert seen.get("warren_published_total", exchange="", message_type="unknown") == 200
    assert "attack" not in seen.text


def test_fingerprints_and_publishing_targets_beyond_a_hundred_are_others(metered: Metered) -> None:
    metered.emit(
        *(
            events.Retried(*CONSUMER, "m", ORDER, 1, 1.0, "unknown", "E", f"E@{number}")
            for number in [*range(MAX_FINGERPRINTS + 50), 0]
        ),
        *(events.Confirmed("m", "bills.sent", f"tenant-{number}", "", 0.1) for number in range(MAX_TARGETS + 50)),
    )
    seen = metered.scrape()
    assert seen.get("warren_failures_total", fingerprint="other") == 50
    assert seen.get("warren_failures_total", fingerprint="E@0") == 2
    assert seen.get("warren_published_total", exchange="other", message_type="other") == 50


# -- folding ---------------------------------------------------------------------------------


def test_nothing_is_lost_or_counted_twice_while_threads_emit_and_others_scrape(metered: Metered) -> None:
    each, threads = 3_000, 4
    over = threading.Event()

    def emit() -> None:
        for _ in range(each):
            metered.emit(events.Delivered(*CONSUMER, "m", ORDER, 1, False), processed())

    def scrape() -> None:
        while not over.is_set():
            generate_latest(metered.registry)

    emitting = [threading.Thread(target=emit) for _ in range(threads)]
    scraping = threading.Thread(target=scrape)
    for thread in (*emitting, scraping):
        thread.start()
    for thread in emitting:
        thread.join()
    over.set()
    scraping.join()
    seen = metered.scrape()
    assert seen.get("warren_deliveries_total") == each * threads
    assert seen.get("warren_handler_duration_seconds_count") == each * threads


def test_a_thread_that_emits_does_not_wait_for_one_that_scrapes(metered: Metered) -> None:
    with metered.metrics._folding:  # a scrape that is not yet over
        metered.emit(*(processed() for _ in range(1_000)), events.TimeLimitExceeded(*CONSUMER, "m", 1.0))
    assert metered.scrape().get("warren_settled_total") == 1_000


@given(st.lists(st.floats(0, 10_000), min_size=1, max_size=50))
def test_observing_many_values_at_once_is_observing_each(values: list[float]) -> None:
    one, many = CollectorRegistry(), CollectorRegistry()
    each = Histogram("h", "h", registry=one, buckets=(0.1, 1, 5))
    for value in values:
        each.observe(value)
    _observe_all(Histogram("h", "h", registry=many, buckets=(0.1, 1, 5)), values)
    for le in ("0.1", "1.0", "5.0", "+Inf"):
        assert one.get_sample_value("h_bucket", {"le": le}) == many.get_sample_value("h_bucket", {"le": le})
    assert one.get_sample_value("h_sum") == pytest.approx(many.get_sample_value("h_sum"))


# -- names -----------------------------------------------------------------------------------


def test_two_applications_of_a_process_share_the_metrics_of_a_registry() -> None:
    registry = CollectorRegistry()
    for name in ("shop", "stock"):
        Metrics(EventBus(), dict, info=("", "", name), registry=registry).show([])
    seen = Scrape.of(registry)
    assert seen.get("warren_worker_info", application="shop") == 1
    assert seen.get("warren_worker_info", application="stock") == 1


def test_every_metric_of_a_worker_is_documented_with_its_type_and_labels() -> None:
    registry = CollectorRegistry()
    Metrics(EventBus(), dict, info=("", "", ""), registry=registry)
    declared = {
        f"{family._name}_total" if family._type == "counter" else family._name: (
            family._type,
            frozenset(family._labelnames),
        )
        for family in registry._collector_to_names
        if hasattr(family, "_labelnames")
    }
    declared["warren_worker_restarts_total"] = ("counter", frozenset())  # the supervisor's own
    assert declared == documented_metrics("Workers")
