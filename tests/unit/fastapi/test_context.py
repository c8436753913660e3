"""What a message takes along from a request: only what makes sense, and never over what the caller says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.contracts.headers import WORK_KEPT, OwnHeaders
from warren.integrations.fastapi.context import RequestContext

GOOD = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_trace_and_request_id_are_taken_along() -> None:
    context = RequestContext.of({"traceparent": GOOD, "tracestate": "a=1", "x-request-id": "r-1"}, is_traced=False)

    assert context.applied({}) == {
        "correlation_id": "r-1",
        "headers": {"traceparent": GOOD, "tracestate": "a=1"},
    }


def test_a_traced_request_gives_its_id_only() -> None:
    context = RequestContext.of({"traceparent": GOOD, "x-request-id": "r-1"}, is_traced=True)

    assert context.applied({}) == {"correlation_id": "r-1"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        GOOD.upper(),
        GOOD + "x",
        f" {GOOD}",
        f"{GOOD}-more",  # version 00 has no more
        f"ff{GOOD[2:]}",
        f"01{GOOD[2:]}-{'x' * 73}",
        f"01{GOOD[2:]}x",
    ],
)
def test_a_senseless_traceparent_is_left_behind(value: str) -> None:
    assert RequestContext.of({"traceparent": value, "tracestate": "a=1"}, is_traced=False).applied({}) == {}


@pytest.mark.parametrize("more", ["", "-", "-more", f"-{'x' * 72}"])
def test_a_traceparent_of_a_version_to_come_is_taken_along(more: str) -> None:
    value = f"01{GOOD[2:]}{more}"
    assert len(value) <= 128
    assert RequestContext.of({"traceparent": value}, is_traced=False).applied({}) == {"headers": {"traceparent": value}}


@pytest.mark.parametrize("value", ["", "with space", "x" * 129, "größer", "line\nbreak"])
def test_a_senseless_request_id_is_left_behind(value: str) -> None:
    assert RequestContext.of({"x-request-id": value}, is_traced=False).correlation_id is None


def test_a_tracestate_that_is_too_long_is_left_behind() -> None:
    context = RequestContext.of({"traceparent": GOOD, "tracestate": "a" * 513}, is_traced=False)

    assert context.applied({}) == {"headers": {"traceparent": GOOD}}


def test_what_the_caller_says_stays() -> None:
    context = RequestContext.of({"traceparent": GOOD, "x-request-id": "r-1"}, is_traced=False)

    assert context.applied({"correlation_id": "c", "headers": {"traceparent": "mine"}}) == {
        "correlation_id": "c",
        "headers": {"traceparent": "mine"},
    }
    assert context.applied({"headers": {"region": "eu"}}) == {
        "correlation_id": "r-1",
        "headers": {"region": "eu", "traceparent": GOOD},
    }


def test_headers_of_warrens_own_stay_so() -> None:
    context = RequestContext.of({"traceparent": GOOD}, is_traced=False)

    assert isinstance(context.applied({"headers": OwnHeaders({WORK_KEPT: 1})})["headers"], OwnHeaders)
    assert not isinstance(context.applied({"headers": {"region": "eu"}})["headers"], OwnHeaders)


@given(st.dictionaries(st.sampled_from(["traceparent", "tracestate", "x-request-id"]), st.text()))
def test_no_header_of_a_request_is_an_error(headers: dict[str, str]) -> None:
    applied = RequestContext.of(headers, is_traced=False).applied({})
    assert set(applied) <= {"correlation_id", "headers"}
