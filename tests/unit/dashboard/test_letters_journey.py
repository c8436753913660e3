"""What happened to a message, told from its headers alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operations.messages import DEAD, held
from warren.dashboard.letters.journey import Happening, Step, journey_of
from warren.operations.message import describe


def journey(headers: dict[str, Any] | None = None, **properties: Any) -> tuple[Step, ...]:
    return journey_of(describe(held(headers=headers, **properties)))


def told(steps: tuple[Step, ...]) -> list[str]:
    return [step.title for step in steps]


def test_a_message_that_failed_at_every_attempt() -> None:
    steps = journey(DEAD | {"x-warren-delay": 71_000}, app_id="shop")

    assert told(steps) == [
        "Published to exchange orders",
        "Attempt 1 failed",
        "Waited 71 s in retry tiers, in all",
        "Attempts 2 to 3 failed",
        "Attempt 4 failed",
        "Dead-lettered",
    ]
    assert [step.at for step in steps] == [
        1_700_000_000.0,
        1_700_000_001.0,
        None,
        None,
        1_700_000_009.5,
        1_700_000_009.5,
    ]
    assert steps[0].lines == ("routing key orders.created", "by application shop")
    assert steps[4].lines[0].startswith("ValueError: bad amount")
    assert steps[-1].lines[0] == "exhausted: every attempt failed, and no more were left"


def test_a_message_that_failed_once() -> None:
    steps = journey(DEAD | {"x-warren-dead-attempts": 1, "x-warren-dead-reason": "permanent"})

    assert told(steps) == ["Published to exchange orders", "Attempt 1 failed", "Dead-lettered"]


def test_a_message_that_failed_twice() -> None:
    assert told(journey(DEAD | {"x-warren-dead-attempts": 2}))[1:3] == ["Attempt 1 failed", "Attempt 2 failed"]


def test_a_message_that_was_edited_replayed_and_died_again() -> None:
    headers = {
        "x-warren-replays": 2,
        "x-warren-replayed-fingerprint": "KeyError@a.py:f",
        "x-warren-edited-at": 1_700_000_005_000,
        "x-warren-edited-by": "ada@host",
        "x-warren-delay": 99_000,
    }
    steps = journey(DEAD | headers)

    assert told(steps)[:3] == [
        "Published to exchange orders",
        "Its body was edited for a replay",
        "Replayed 2 times",
    ]
    assert (steps[1].at, steps[1].lines) == (1_700_000_005.0, ("by ada@host",))
    assert steps[2].lines == ("it had died of KeyError@a.py:f",)
    assert not any(step.what is Happening.DELAYED for step in steps)  # that header has the time it lay dead, too


def test_a_message_that_the_broker_gave_up() -> None:
    death = {
        "reason": "expired",
        "queue": "billing",
        "count": 1,
        "exchange": "orders",
        "routing-keys": ["orders.created"],
        "time": datetime(2026, 11, 23, tzinfo=UTC),
    }
    steps = journey({"x-death": [death]})

    assert told(steps) == ["Published to exchange orders", "Dead-lettered by the broker"]
    assert steps[-1].lines == ("expired: it was in its queue for longer than that allows", "from queue billing")
    assert steps[-1].at == death["time"].timestamp()


def test_retry_tiers_that_the_broker_notes_are_delays_the_earliest_first() -> None:
    tiers = [
        {"reason": "expired", "queue": "billing.retry.10s", "count": 3},
        {"reason": "expired", "queue": "billing.retry.1s", "count": 1},
    ]

    assert told(journey({"x-death": tiers}))[1:] == [
        "Waited in billing.retry.1s",
        "Waited 3 times in billing.retry.10s",
    ]


def test_a_message_that_tells_nothing_was_published() -> None:
    assert told(journey()) == ["Published to the default exchange"]
    assert [step.what for step in journey()] == [Happening.PUBLISHED]


NAMES = st.sampled_from([*DEAD, "x-death", "x-warren-replays", "x-warren-edited-at", "x-warren-edited-by", "x-other"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["queue", "reason", "count", "time"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, VALUES))
def test_any_headers_make_a_journey_that_begins_with_publishing(headers: dict[str, Any]) -> None:
    assert journey(headers)[0].what is Happening.PUBLISHED
