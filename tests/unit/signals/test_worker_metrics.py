"""What workers tell: Prometheus text, read into one sample a consumer.

Not here: serving it (tests of the observability package).
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.errors import BrokerUnavailable, ConfigurationError
from warren.integrations.loopback_ports import free_port
from warren.signals.samples import Failure
from warren.signals.worker_metrics import MetricsEndpoint, read_worker_metrics

TEXT = """\
# HELP warren_deliveries_total Deliveries received.
# TYPE warren_deliveries_total counter
warren_deliveries_total{queue="q",consumer="c",message_type="a",redelivered="false"} 90.0
warren_deliveries_total{queue="q",consumer="c",message_type="a",redelivered="true"} 7.0
warren_deliveries_total{queue="q",consumer="c",message_type="b",redelivered="true"} 3.0
# HELP warren_settled_total Deliveries settled.
# TYPE warren_settled_total counter
warren_settled_total{queue="q",consumer="c",message_type="a",outcome="ack"} 80.0
warren_settled_total{queue="q",consumer="c",message_type="b",outcome="ack"} 5.0
warren_settled_total{queue="q",consumer="c",message_type="a",outcome="retry"} 10.0
# HELP warren_failures_total Failures.
# TYPE warren_failures_total counter
warren_failures_total{queue="q",consumer="c",fingerprint="KeyError@shop.py:handle",classification="unknown"} 2.0
warren_failures_total{queue="q",consumer="c",fingerprint="ValueError@shop.py:handle",classification="unknown"} 9.0
# HELP warren_consumer_lag_seconds Lag.
# TYPE warren_consumer_lag_seconds histogram
warren_consumer_lag_seconds_bucket{queue="q",consumer="c",le="0.1"} 4.0
warren_consumer_lag_seconds_bucket{queue="q",consumer="c",le="+Inf"} 6.0
warren_consumer_lag_seconds_count{queue="q",consumer="c"} 6.0
warren_consumer_lag_seconds_sum{queue="q",consumer="c"} 3.0
# HELP warren_handler_duration_seconds Duration.
# TYPE warren_handler_duration_seconds histogram
warren_handler_duration_seconds_bucket{queue="q",consumer="c",message_type="a",le="+Inf"} 6.0
warren_handler_duration_seconds_bucket{queue="q",consumer="c",message_type="b",le="+Inf"} 1.0
# HELP warren_in_flight In flight.
# TYPE warren_in_flight gauge
warren_in_flight{queue="q",consumer="c"} 3.0
# HELP warren_oldest_in_flight_seconds Oldest.
# TYPE warren_oldest_in_flight_seconds gauge
warren_oldest_in_flight_seconds{queue="q",consumer="c"} 12.5
# HELP warren_clock_skew_seconds Skew.
# TYPE warren_clock_skew_seconds gauge
warren_clock_skew_seconds{queue="q",consumer="c"} -0.5
# HELP warren_connected Connected.
# TYPE warren_connected gauge
warren_connected{connection="worker"} 1.0
# HELP process_open_fds Something else.
# TYPE process_open_fds gauge
process_open_fds 17.0
"""


def test_counters_are_summed_over_message_types() -> None:
    (told,) = read_worker_metrics([TEXT])
    assert (told.queue, told.consumer) == ("q", "c")
    assert told.outcomes == {"ack": 85.0, "retry": 10.0}
    assert told.redelivered == 10.0
    assert told.duration == {math.inf: 7.0}


def test_buckets_are_in_order_of_their_bounds() -> None:
    (told,) = read_worker_metrics([TEXT])
    assert list(told.lag.items()) == [(0.1, 4.0), (math.inf, 6.0)]


def test_the_most_frequent_failure_comes_first() -> None:
    (told,) = read_worker_metrics([TEXT])
    assert told.failures == (
        Failure("ValueError@shop.py:handle", 9, "unknown"),
        Failure("KeyError@shop.py:handle", 2, "unknown"),
    )


def test_several_workers_are_added_up_and_of_ages_the_highest_counts() -> None:
    (told,) = read_worker_metrics([TEXT, TEXT.replace(" 12.5", " 99.0").replace(" -0.5", " 0.25")])
    assert (told.outcomes["ack"], told.in_flight) == (170.0, 6.0)
    assert (told.oldest_in_flight, told.clock_skew) == (99.0, 0.25)


def test_consumers_are_told_apart() -> None:
    other = TEXT.replace('queue="q"', 'queue="p"').replace('consumer="c"', 'consumer="d"')
    assert [(one.queue, one.consumer) for one in read_worker_metrics([TEXT, other])] == [("p", "d"), ("q", "c")]


def test_without_metrics_of_consumers_there_is_nothing() -> None:
    assert read_worker_metrics(["", 'warren_connected{connection="w"} 1\n']) == ()


def test_a_figure_that_is_none_is_left_out() -> None:
    assert read_worker_metrics(['warren_in_flight{queue="q",consumer="c"} NaN\n']) == ()


@given(st.text())
def test_what_is_no_such_text_is_a_value_error_at_most(text: str) -> None:
    try:
        read_worker_metrics([text])
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("127.0.0.1:9400", "http://127.0.0.1:9400/metrics"),
        ("http://worker:9400", "http://worker:9400/metrics"),
        ("https://worker:9400/", "https://worker:9400/metrics"),
        ("http://[::1]:9400/other", "http://[::1]:9400/other"),
    ],
)
def test_a_path_is_added_where_there_is_none(given_url: str, url: str) -> None:
    assert MetricsEndpoint.parse(given_url).url == url


@pytest.mark.parametrize("url", ["ftp://worker", "http://", "", "http://worker:none", "http://user:secret@worker:1"])
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="must be http://host:port") as caught:
        MetricsEndpoint.parse(url)
    assert "secret" not in str(caught.value)


def test_a_worker_that_is_not_there_is_unavailable() -> None:
    port = free_port()
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{port}/metrics cannot be read"):
        MetricsEndpoint.parse(f"127.0.0.1:{port}").fetch()
