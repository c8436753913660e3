"""Warren's headers are read without ever failing, and copies keep everything but what must not travel."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.contracts.copies import copy_properties
from warren.contracts.delivery import Delivery
from warren.contracts.headers import attempt_of, delay_of, origin_of, sent_at_of
from warren.contracts.incoming import Incoming
from warren.contracts.properties import Float32, Int8, Int32, Properties

garbage: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.integers()),
    st.dictionaries(st.text(), st.integers()),
)

full = Properties(
    content_type="application/json",
    content_encoding="utf-8",
    headers={"trace": "t", "small": Int8(1), "nested": {"list": [Int32(1), Float32(0.5), None]}},
    delivery_mode=1,
    priority=3,
    correlation_id="c",
    reply_to="r",
    expiration="60000",
    message_id="m",
    timestamp=1_700_000_000,
    type="orders.created",
    user_id="shop",
    app_id="web",
    cluster_id="old",
)


# -- reading ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "attempt"),
    [(1, 1), (7, 7), (Int32(3), 3), (0, 1), (-2, 1), (True, 1), ("4", 1), (2.0, 1), (None, 1), (10**9, 1), ([2], 1)],
)
def test_the_attempt_is_the_header_or_the_first(value: Any, attempt: int) -> None:
    assert attempt_of(Properties(headers={"x-warren-attempt": value})) == attempt


def test_without_a_header_it_is_the_first_attempt() -> None:
    assert attempt_of(Properties()) == 1


@given(garbage, garbage, garbage, garbage, garbage)
def test_no_header_makes_a_reader_fail(attempt: Any, delay: Any, sent_at: Any, exchange: Any, key: Any) -> None:
    properties = Properties(
        headers={
            "x-warren-attempt": attempt,
            "x-warren-delay": delay,
            "x-warren-sent-at": sent_at,
            "x-warren-exchange": exchange,
            "x-warren-routing-key": key,
        }
    )

    assert attempt_of(properties) >= 1
    assert delay_of(properties) >= 0.0
    assert (sent_at_of(properties) or 1.0) > 0
    assert all(isinstance(part, str) for part in origin_of(properties, "e", "k"))


def test_sent_at_is_read_from_the_header_then_from_the_timestamp() -> None:
    assert sent_at_of(Properties(headers={"x-warren-sent-at": 1_700_000_000_250}, timestamp=5)) == 1_700_000_000.25
    assert sent_at_of(Properties(timestamp=1_700_000_000)) == 1_700_000_000.0
    assert sent_at_of(Properties()) is None


def test_a_timestamp_in_milliseconds_is_not_taken_for_seconds() -> None:
    assert sent_at_of(Properties(timestamp=1_700_000_000_000)) is None


def test_the_delay_is_in_seconds() -> None:
    assert delay_of(Properties(headers={"x-warren-delay": 1_500})) == 1.5
    assert delay_of(Properties()) == 0.0


def test_the_origin_is_in_the_headers_of_a_copy() -> None:
    copied = Properties(headers={"x-warren-exchange": "", "x-warren-routing-key": "jobs"})

    assert origin_of(copied, "amq.direct", "billing") == ("", "jobs")
    assert origin_of(Properties(), "orders", "orders.created") == ("orders", "orders.created")


# -- copying ------------------------------------------------------------------------------


def test_rule_08_a_copy_keeps_every_property_but_those_that_must_not_travel() -> None:
    copied = copy_properties(full)

    changed = {name for name in full._fields if getattr(copied, name) != getattr(full, name)}
    assert changed == {"headers", "delivery_mode", "expiration", "user_id"}
    assert copied.delivery_mode == 2
    assert copied.expiration is None
    assert copied.user_id is None
    assert copied.headers == {**full.headers, "x-warren-user-id": "shop"}


def test_a_copy_keeps_the_exact_types_of_headers() -> None:
    headers = copy_properties(full).headers

    assert type(headers["small"]) is Int8
    assert headers["nested"] is full.headers["nested"]


def test_rule_15_what_brokers_add_and_route_by_is_stripped_from_copies() -> None:
    original = Properties(
        headers={
            "x-death": [{"count": 1}],
            "x-first-death-queue": "q",
            "x-first-death-reason": "expired",
            "x-first-death-exchange": "",
            "x-last-death-queue": "q",
            "x-delivery-count": 3,
            "x-acquired-count": 3,
            "CC": ["copy"],
            "BCC": ["copy"],
            "cc": "mine",
            "x-warren-attempt": 2,
        },
        expiration="5",
    )

    copied = copy_properties(original, headers={"x-warren-attempt": 3, "x-warren-delay": 1_000})

    assert copied.headers == {"cc": "mine", "x-warren-attempt": 3, "x-warren-delay": 1_000}
    assert copied.expiration is None


def test_a_copy_takes_the_derived_id_only_where_the_original_has_none() -> None:
    assert copy_properties(Properties(), message_id="derived-1").message_id == "derived-1"
    assert copy_properties(Properties(message_id=""), message_id="derived-1").message_id == "derived-1"
    assert copy_properties(full, message_id="derived-1").message_id == "m"


def test_the_user_of_the_first_original_stays_through_later_copies() -> None:
    assert copy_properties(copy_properties(full)).headers["x-warren-user-id"] == "shop"


# -- the handler's view -------------------------------------------------------------------


def test_a_delivery_shows_the_original_exchange_and_routing_key_on_a_retry() -> None:
    properties = copy_properties(
        full, headers={"x-warren-exchange": "orders", "x-warren-routing-key": "orders.created", "x-warren-attempt": 2}
    )
    incoming = Incoming(b"{}", properties, "", "billing.invoices", False, 7, 1, "ctag")

    delivery = Delivery.of(
        incoming,
        queue="billing.invoices",
        consumer="billing",
        message_id="m",
        message_type="orders.created",
        version=1,
        attempt=2,
    )

    assert (delivery.exchange, delivery.routing_key) == ("orders", "orders.created")
    assert (delivery.queue, delivery.consumer, delivery.attempt) == ("billing.invoices", "billing", 2)
    assert (delivery.correlation_id, delivery.reply_to, delivery.priority) == ("c", "r", 3)
    assert delivery.sent_at == 1_700_000_000.0
    assert delivery.headers is properties.headers
    assert delivery.body == b"{}"


def test_a_delivery_can_be_built_for_a_test_of_a_handler_and_does_not_change() -> None:
    delivery = Delivery(message_id="m", attempt=3, queue="q")

    assert (delivery.attempt, dict(delivery.headers), delivery.sent_at) == (3, {}, None)
    with pytest.raises(AttributeError):
        delivery.attempt = 4


def test_neither_view_shows_the_body_in_its_repr() -> None:
    incoming = Incoming(b"secret", full, "", "q", False, 7, 1, "ctag")

    assert repr(incoming) == "<Incoming 7 of channel 1, 6 bytes>"
    assert repr(Delivery(message_id="m", type="t", queue="q", body=b"secret")) == "<Delivery m of t, attempt 1, on q>"
