"""Dead letters counted by what they died of."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operations.messages import DEAD, held
from warren.dashboard.changes.choice import key_of
from warren.dashboard.letters.counting import A_GROUP, Counting, histogram
from warren.dashboard.letters.masking import Masking
from warren.operations.lease import Held
from warren.operations.select import Selection


def dead(number: int, fingerprint: str = "ValueError@a.py:f", **headers: Any) -> Held:
    own = {"x-warren-dead-fingerprint": fingerprint, "x-warren-dead-last-failed-at": 1_700_000_000_000 + number * 1000}
    return held(b"%d" % number, headers=DEAD | own | headers, message_id=f"m-{number}", type="orders.created")


def counted(*messages: Held, filters: tuple[str, ...] = ()) -> Counting:
    counting = Counting(Masking(), Selection.parse(filters, plain=True))
    counting.add(messages)
    return counting


def test_the_largest_group_comes_first_with_an_example_of_its_error() -> None:
    groups = counted(dead(1, "a@b"), dead(2, "c@d"), dead(3, "c@d")).groups()

    assert [(group.fingerprint, group.count) for group in groups] == [("c@d", 2), ("a@b", 1)]
    assert (groups[0].error_type, groups[0].error, groups[0].reason) == ("ValueError", "bad amount", "exhausted")
    assert groups[0].type == "orders.created"


def test_a_line_of_each_message_tells_its_key_and_no_body() -> None:
    message = dead(1)
    (group,) = counted(message).groups()

    (line,) = group.summaries
    assert line.key == key_of(message)
    assert (line.message_id, line.error, line.attempts) == ("m-1", "bad amount", 4)
    assert line.failed_at == 1_700_000_001.0


def test_messages_that_are_the_same_to_the_last_byte_are_one_line() -> None:
    (group,) = counted(dead(1), dead(1), dead(2)).groups()

    assert group.count == 3
    assert [line.copies for line in group.summaries] == [2, 1]


def test_of_a_great_group_the_first_lines_are_kept() -> None:
    (group,) = counted(*(dead(number) for number in range(A_GROUP + 50))).groups()

    assert group.count == A_GROUP + 50
    assert len(group.summaries) == A_GROUP
    assert group.summaries[0].message_id == "m-0"


def test_only_what_the_filters_let_through_is_counted() -> None:
    counting = counted(dead(1), dead(2, tenant="acme"), filters=("header.tenant=acme",))

    assert counting.matched == 1
    assert [line.message_id for group in counting.groups() for line in group.summaries] == ["m-2"]


def test_a_filter_cannot_ask_for_what_is_hidden() -> None:
    counting = counted(dead(1, Cookie="abc"), filters=("header.Cookie=abc",))

    assert counting.matched == 0


def test_the_trend_counts_deaths_over_the_time_of_all_groups() -> None:
    first, second = counted(dead(0, "a@b"), dead(0, "a@b"), dead(240, "c@d")).groups()

    assert first.trend == (2, *[0] * 23)
    assert second.trend == (*[0] * 23, 1)


def test_messages_that_died_at_one_moment_are_the_end_of_the_trend() -> None:
    (group,) = counted(dead(5), dead(5)).groups()

    assert group.trend == (*[0] * 23, 2)


def test_a_message_that_says_nothing_is_counted_without_a_time() -> None:
    (group,) = counted(held()).groups()

    assert group.fingerprint == "unknown@unknown"
    assert sum(group.trend) == 0


@given(st.lists(st.floats(0, 1_000), max_size=50), st.integers(1, 30))
def test_every_time_is_in_one_part_of_the_trend(times: list[float], buckets: int) -> None:
    counts = histogram(times, min(times, default=0.0), max(times, default=0.0), buckets)

    assert sum(counts) == len(times)
    assert len(counts) == buckets
