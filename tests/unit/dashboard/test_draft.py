"""A body edited without its secrets: they come back where they were, whatever was moved, and nowhere else.

Not here: sending it (tests/contract/test_dashboard_edit.py).
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.contracts.properties import Properties
from warren.dashboard.changes.edit import Draft, draft_of
from warren.dashboard.letters.masking import Masking
from warren.errors import ConfigurationError
from warren.operations.lease import Held

SECRET = "4111-1111"
MASKING = Masking(fields={"orders.created": frozenset({"card", "token"})})

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "card", "token"]), inner),
    max_leaves=12,
)


def draft(body: bytes, masking: Masking = MASKING) -> Draft:
    properties = Properties(content_type="application/json", type="orders.created")
    return draft_of("q.dead", "f" * 64, Held(1, False, "", "q", properties, b"", body), app=None, masking=masking)


def of(value: Any) -> Draft:
    return draft(json.dumps(value).encode())


def read(drafted: Draft, value: Any) -> Any:
    """What is sent for a value, or why it is not."""
    body = drafted.read(json.dumps(value))
    return json.loads(body) if isinstance(body, bytes) else [str(problem) for problem in body]


@given(values)
def test_a_secret_comes_back_and_all_else_is_as_it_was(value: Any) -> None:
    drafted = of({"value": value})
    assert read(drafted, {**json.loads(drafted.text), "new": 1}) == {"value": value, "new": 1}


@given(st.text(min_size=8, alphabet="0123456789"))
def test_no_secret_is_shown(secret: str) -> None:
    drafted = of({"card": secret, "items": [{"token": [secret]}]})
    assert secret not in drafted.text
    assert secret not in repr(drafted)


def test_secrets_follow_their_fields_when_those_are_moved() -> None:
    drafted = of({"items": [{"id": 1, "card": "one"}, {"id": 2, "card": "two"}]})
    shown = json.loads(drafted.text)

    assert read(drafted, {"items": shown["items"][1:]}) == {"items": [{"id": 2, "card": "two"}]}
    assert read(drafted, {"items": shown["items"][::-1]}) == {
        "items": [{"id": 2, "card": "two"}, {"id": 1, "card": "one"}]
    }


def test_a_secret_cannot_be_moved_to_where_it_is_shown() -> None:
    drafted = of({"card": SECRET, "country": "XX"})

    assert read(drafted, {"card": SECRET, "country": "(hidden 1)"}) == [
        "country: (hidden 1) can only stand in a field that is hidden"
    ]
    assert read(drafted, {"card": ["(hidden 1)"]}) == ["card.0: (hidden 1) can only stand in a field that is hidden"]


def test_a_secret_can_be_written_anew() -> None:
    assert read(of({"card": SECRET}), {"card": "4222"}) == {"card": "4222"}


def test_what_was_not_changed_is_not_sent_as_an_edit() -> None:
    for drafted in (of({"card": SECRET}), of({"country": "XX"})):
        assert read(drafted, json.loads(drafted.text)) == ["the message was not changed; replay it as it is"]


def test_half_a_character_beside_a_secret_comes_back_as_it_was() -> None:
    drafted = of({"card": SECRET, "name": "a\ud800"})

    assert r"a\ud800" in drafted.text
    assert read(drafted, {**json.loads(drafted.text), "new": 1}) == {"card": SECRET, "name": "a\ud800", "new": 1}


def test_as_many_secrets_as_a_page_takes_come_back_at_once() -> None:
    drafted = of({"items": [{"card": number} for number in range(9_000)]})
    began = time.process_time()

    assert read(drafted, {**json.loads(drafted.text), "new": 1})["items"][-1] == {"card": 8_999}

    assert time.process_time() - began < 2.0  # where each was looked for among all it took ten times as long


def test_a_number_that_would_lose_digits_is_never_sent_changed() -> None:
    with pytest.raises(ConfigurationError, match="a number that cannot be kept to its last digit"):
        draft(b'{"card":"x","price":1.00000000000000000001}')
    drafted = of({"card": SECRET, "price": 1})
    problems = drafted.read('{"card":"(hidden 1)","price":1.00000000000000000001}')
    assert [str(problem) for problem in problems] == [
        "it has a number that cannot be kept to its last digit beside hidden fields"
    ]
    assert draft(b'{"price":1.00000000000000000001}').read('{"price":1.00000000000000000002}') == (
        b'{"price":1.00000000000000000002}'
    )


def test_a_body_that_cannot_be_read_is_edited_only_where_it_has_no_secrets() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read to tell where they are; change it with"):
        draft(b"{not json")
    assert draft(b"{not json", Masking()).read("{}") == b"{}"
    (problem,) = of({"card": 1}).read("{not json")
    assert str(problem).startswith("it is not JSON")


def test_without_an_application_it_says_what_is_not_checked() -> None:
    assert of({}).note == "This dashboard knows no application, so the body is only checked to be JSON."


def test_a_body_too_long_for_a_page_is_edited_elsewhere() -> None:
    with pytest.raises(ConfigurationError, match="too many for a page; change it with `warren replay --edit`"):
        of({"note": "x" * 500_001})
