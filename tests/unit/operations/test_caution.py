"""What is said before a look, for every queue there is.

Not here: asking the management API.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from warren.management.queues import QueueStatistics
from warren.operations.caution import Caution, caution_of


def quorum(*, version: str | None = "4.0.5", **queue: object) -> Caution:
    known = QueueStatistics(name="q", type="quorum", **queue)
    return caution_of("q", known, version=version)


def test_a_classic_queue_needs_no_caution() -> None:
    assert caution_of("q", QueueStatistics(name="q", type="classic"), version="4.0.5") == Caution()


def test_a_stream_cannot_be_looked_at() -> None:
    assert caution_of("q", QueueStatistics(name="q", type="stream"), version="4.0.5").impossible


def test_a_queue_that_is_deleted_with_its_last_consumer_cannot_be_looked_at_before_it_has_one() -> None:
    queue = QueueStatistics(name="q", type="classic", auto_delete=True, consumers=0)
    assert caution_of("q", queue, version="4.0.5").impossible
    assert caution_of("q", queue, version="4.0.5", consumers=1).impossible is None
    assert caution_of("q", replace(queue, consumers=1), version="4.0.5").impossible is None


def test_consumers_beside_are_mentioned() -> None:
    (remark,) = caution_of("q", QueueStatistics(name="q", type="classic"), version=None, consumers=3).remarks
    assert "3 consumers work on q" in remark


@pytest.mark.parametrize(
    ("told", "limit", "stop_at"),
    [
        ({"arguments": {"x-delivery-limit": 8}}, 8, 4),
        ({"settings": {"delivery-limit": 9}}, 9, 4),
        ({"delivery_limit": 20}, 20, 10),
        ({"arguments": {"x-delivery-limit": 8}, "settings": {"delivery-limit": 6}}, 6, 3),
        ({}, 20, 10),
        ({"arguments": {"x-delivery-limit": -1}}, None, None),
    ],
)
def test_a_look_stops_at_half_of_the_lowest_limit(
    told: dict[str, object], limit: int | None, stop_at: int | None
) -> None:
    caution = quorum(**told)
    assert (caution.limit, caution.stop_at) == (limit, stop_at)
    assert "counts as a delivery" in caution.remarks[0]
    assert caution.beside == caution.remarks[1:]


def test_an_old_broker_has_no_limit_unless_told() -> None:
    assert quorum(version="3.10.8").stop_at is None


def test_a_negative_limit_of_an_old_broker_gives_messages_up_at_once() -> None:
    assert quorum(version="3.10.8", arguments={"x-delivery-limit": -1}).refusal


@pytest.mark.parametrize("limit", [0, 1])
def test_a_limit_that_no_look_fits_under_is_a_refusal(limit: int) -> None:
    assert quorum(arguments={"x-delivery-limit": limit}).refusal
    assert not quorum(arguments={"x-delivery-limit": 2}).refusal


def test_without_the_management_api_it_says_what_it_cannot_know_and_is_careful() -> None:
    caution = caution_of("q", None, version=None, unknown="nothing listens there")
    assert "not known" in caution.remarks[0]
    assert "nothing listens there" in caution.remarks[0]
    assert caution.stop_at == 10


def test_looks_are_free_where_no_number_of_them_reaches_a_limit() -> None:
    assert Caution().is_free
    assert quorum(arguments={"x-delivery-limit": 2**31 - 1}).is_free
    assert quorum(arguments={"x-delivery-limit": -1}).is_free
    assert not quorum(arguments={"x-delivery-limit": 20}).is_free
    assert not quorum(arguments={"x-delivery-limit": 0}).is_free
    assert not caution_of("q", None, version=None).is_free
    assert not caution_of("q", QueueStatistics(name="q", type="stream"), version="4.0.5").is_free
