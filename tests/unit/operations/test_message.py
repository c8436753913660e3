"""What a message tells of itself, whatever its headers hold.

Not here: how it is shown (tests/unit/cli).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operations.messages import DEAD, held
from warren.operations.body import BodyKind, json_of_body, read_body
from warren.operations.groups import MOST, OTHERS, Groups
from warren.operations.message import describe, fingerprint_of
from warren.operations.resolve import consumer_queue_of, dead_letter_queue_of, home_of

NOW = 1_700_000_060.0


def death(queue: str, reason: str, **more: Any) -> dict[str, Any]:
    return {
        "queue": queue,
        "reason": reason,
        "exchange": "",
        "count": 1,
        "time": datetime(2026, 1, 2, tzinfo=UTC),
        **more,
    }


# -- what it tells --------------------------------------------------------------------------------


def test_a_dead_letter_says_why() -> None:
    told = describe(held(headers=DEAD, type="orders.created", message_id="m-1"))

    assert told.dead is not None
    assert (told.dead.reason, told.dead.error_type) == ("exhausted", "ValueError")
    assert (told.exchange, told.routing_key, told.attempts) == ("orders", "orders.created", 4)
    assert told.dead.first_failed_at == 1_700_000_001.0
    assert told.age(NOW) == 60.0
    assert told.fingerprint == "ValueError@billing/handlers.py:charge"


def test_what_the_application_blanked_stays_blank_and_nothing_else() -> None:
    blanked = {**DEAD, "x-warren-dead-error": "", "x-warren-dead-stack": ""}
    told = describe(held(headers=blanked)).as_json(now=NOW, full=True)
    assert told["dead"]["error"] == told["dead"]["stack"] == ""
    assert told["dead"]["error_type"] == "ValueError"


def test_the_stack_is_told_in_full_only() -> None:
    message = describe(held(headers=DEAD))
    assert "stack" not in message.as_json(now=NOW)["dead"]
    assert "x-warren-dead-stack" not in message.as_json(now=NOW)["headers"]
    assert message.as_json(now=NOW, full=True)["dead"]["stack"].startswith("Traceback")


@pytest.mark.parametrize("reason", ["expired", "maxlen", "rejected", "delivery_limit"])
def test_what_the_broker_gave_up_is_named_by_reason_and_queue(reason: str) -> None:
    told = describe(held(headers={"x-death": [death("billing", reason, **{"routing-keys": ["orders.paid"]})]}))
    assert told.fingerprint == f"{reason}@billing"
    assert told.dead is not None
    assert told.dead.first_failed_at == datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert told.routing_key == "orders.paid"


def test_a_message_that_waited_in_a_retry_tier_is_not_dead() -> None:
    headers = {"x-death": [death("billing.retry.10s", "expired")], "x-warren-attempt": 2}
    told = describe(held(headers=headers, type="orders.created"))
    assert told.dead is None
    assert told.attempts == 2
    assert told.fingerprint == "unknown@orders.created"


def test_a_message_without_anything_is_described() -> None:
    told = describe(held(b"")).as_json(now=NOW)
    assert (told["message_id"], told["type"], told["dead"], told["age_seconds"]) == (None, None, None, None)
    assert fingerprint_of(held().properties) == "unknown@unknown"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.just(Decimal("1.5"))
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from([*DEAD, "x-death", "x-delivery-count", "x-warren-exchange"]), VALUES),
    st.binary(max_size=40),
)
def test_a_message_with_any_headers_is_described_as_json(headers: dict[str, Any], body: bytes) -> None:
    message = held(body, headers=headers)
    json.dumps(describe(message).as_json(now=NOW, full=True), allow_nan=False)
    groups = Groups()
    groups.add(message)
    (group,) = groups.by_count()
    json.dumps(group.as_json(now=NOW), allow_nan=False)


# -- bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"a": 1}', BodyKind.JSON),
        ("ä".encode(), BodyKind.TEXT),
        (b"", BodyKind.TEXT),
        (b"NaN", BodyKind.TEXT),
        (b"[" * 100_000, BodyKind.TEXT),
        (b"a\x00b", BodyKind.BINARY),
        (b"\xff", BodyKind.BINARY),
    ],
)
def test_a_body_is_json_or_text_or_bytes(body: bytes, kind: BodyKind) -> None:
    assert read_body(body).kind is kind


def test_what_is_compressed_is_not_read() -> None:
    assert json_of_body(b"{}", "gzip") == {"body_base64": "e30="}
    assert json_of_body(b"{}", "utf-8") == {"body": {}}


# -- groups ---------------------------------------------------------------------------------------


def test_groups_are_counted_with_first_last_and_an_example() -> None:
    groups = Groups()
    for number in range(5):
        headers = {
            **DEAD,
            "x-warren-dead-fingerprint": f"E@f{number % 2}",
            "x-warren-dead-first-failed-at": 1_700_000_000_000 + number * 1_000,
            "x-warren-dead-last-failed-at": 1_700_000_100_000 + number * 1_000,
        }
        groups.add(held(headers=headers, message_id=f"m-{number}"))

    most, least = groups.by_count()

    assert (most.fingerprint, most.count, most.example.message_id) == ("E@f0", 3, "m-0")
    assert (most.first_seen, most.last_seen) == (1_700_000_000.0, 1_700_000_104.0)
    assert (least.fingerprint, least.count) == ("E@f1", 2)


def test_messages_that_all_fail_differently_do_not_fill_the_memory() -> None:
    groups = Groups()
    for number in range(MOST + 500):
        groups.add(held(headers={"x-warren-dead-fingerprint": f"E@{number}"}))
    assert len(groups) == MOST + 1
    assert groups.by_count()[0].fingerprint == OTHERS
    assert groups.by_count()[0].count == 500


# -- queues ---------------------------------------------------------------------------------------


def test_the_dead_letter_queue_of_a_queue_is_beside_it() -> None:
    assert dead_letter_queue_of("billing") == "billing.dead"
    assert dead_letter_queue_of("billing.dead") == "billing.dead"


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("billing", "billing"),
        ("billing.dead", "billing"),
        ("billing.retry.10s", "billing"),
        ("billing.retry.soon", "billing.retry.soon"),
        (".dead", ".dead"),
    ],
)
def test_a_queue_that_is_kept_beside_has_an_owner(name: str, owner: str) -> None:
    assert consumer_queue_of(name) == owner


@pytest.mark.parametrize(
    ("headers", "home"),
    [
        ({"x-warren-dead-queue": "billing"}, "billing"),
        ({"x-death": [death("billing.retry.1s", "expired"), death("shipping", "rejected")]}, "shipping"),
        ({"x-first-death-queue": "orders"}, "orders"),
        ({"x-death": [death("named.dead", "expired")]}, "named"),
        ({"x-warren-dead-queue": 7}, "named"),
        ({}, "named"),
    ],
)
def test_a_dead_letter_goes_back_to_the_queue_it_failed_in(headers: dict[str, Any], home: str) -> None:
    assert home_of(headers, queue="named.dead") == home


def test_a_message_in_a_queue_of_any_name_may_have_no_home() -> None:
    assert home_of({}, queue="graveyard") is None
