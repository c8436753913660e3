"""What a message carries when it goes back: a dead letter as a first attempt, anything else as it was.

Not here: which queue it goes to (test_homecoming.py).
"""

from __future__ import annotations

from hypothesis import given

from tests.support.raw_properties import raw_properties
from warren.contracts.headers import (
    ATTEMPT,
    DEAD_PREFIX,
    DELAY,
    EDITED_AT,
    EDITED_BY,
    OUTCOME_KEY,
    OUTCOME_TO,
    OUTCOME_UNTIL,
    REPLAYED_AT,
    REPLAYED_FINGERPRINT,
    REPLAYS,
    SENT_AT,
    USER_ID,
    replays_of,
)
from warren.contracts.properties import EMPTY_HEADERS, FieldValue, Properties
from warren.operations.replaying import Edit, OutcomeWanted, moved, replayed
from warren.transport.wire import decode_properties, encode_properties

NOW = 1_700_000_000.0


def sent_back(headers: dict[str, FieldValue], **options: object) -> dict[str, FieldValue]:
    copy = replayed(Properties(headers=headers), b"", to="q", now=NOW, fingerprint="KeyError@a", **options)
    return dict(copy.properties.headers)


def test_a_dead_letter_loses_its_death_and_counts_its_replays() -> None:
    dead: dict[str, FieldValue] = {
        DEAD_PREFIX + "reason": "exhausted",
        DEAD_PREFIX + "stack": "…",
        ATTEMPT: 4,
        DELAY: 71_000,
        OUTCOME_TO: "warren.outcome.0",
        OUTCOME_KEY: 1,
        REPLAYS: 2,
        "x-death": [{"queue": "q"}],
        "tenant": "acme",
    }

    assert sent_back(dead) == {
        "tenant": "acme",
        REPLAYS: 3,
        REPLAYED_AT: int(NOW * 1000),
        REPLAYED_FINGERPRINT: "KeyError@a",
    }


def test_the_time_it_lay_dead_is_no_lag() -> None:
    assert sent_back({SENT_AT: int(NOW * 1000) - 5_000})[DELAY] == 5_000
    assert DELAY not in sent_back({SENT_AT: int(NOW * 1000) + 5_000})


def test_it_says_where_its_outcome_is_wanted_and_that_it_was_edited() -> None:
    headers = sent_back(
        {},
        outcome=OutcomeWanted(queue="warren.outcome.1", until=NOW + 60, key=0),
        edit=Edit(by="ann@host", at=NOW),
    )

    assert headers[OUTCOME_TO] == "warren.outcome.1"
    assert headers[OUTCOME_UNTIL] == int((NOW + 60) * 1000)
    assert headers[OUTCOME_KEY] == 0
    assert headers[EDITED_AT] == int(NOW * 1000)
    assert headers[EDITED_BY] == "ann@host"


def test_a_senseless_count_of_replays_begins_again() -> None:
    assert [replays_of({REPLAYS: value}) for value in ("many", -1, 2**40, True, 5)] == [0, 0, 0, 0, 5]


@given(raw_properties(odd=False))
def test_what_is_moved_is_the_same_to_the_last_byte(raw: bytes) -> None:
    assert encode_properties(moved(decode_properties(raw, 0), b"", to="q", user="guest").properties) == raw


def test_what_the_broker_counted_and_routes_by_is_left_behind() -> None:
    counted = Properties(headers={"x-delivery-count": 1})
    routed = Properties(headers={"CC": ["other"], "x-death": [], "tenant": "acme"}, expiration="5000", delivery_mode=1)

    assert moved(counted, b"", to="q", user="guest").properties == Properties(headers=EMPTY_HEADERS)
    assert moved(routed, b"", to="q", user="guest").properties == routed._replace(headers={"tenant": "acme"})


def test_only_the_publisher_itself_can_be_the_user() -> None:
    own, other = Properties(user_id="guest"), Properties(user_id="ann")

    assert moved(own, b"", to="q", user="guest").properties == own
    assert moved(other, b"", to="q", user="guest").properties == Properties(headers={USER_ID: "ann"})
