"""Columns, order and pages of lists."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.broker.management.api_under_test import ApiUnderTest


@pytest.fixture(autouse=True)
def queues(api: ApiUnderTest) -> None:
    for name in ("b", "a", "C", "ab"):
        api.put(f"queues/%2F/{name}", {"durable": name != "C"})


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


def test_lists_are_sorted_by_virtual_host_and_name(api: ApiUnderTest) -> None:
    api.put("vhosts/0")
    api.put("queues/0/z")
    assert names(api.get("queues")) == ["C", "a", "ab", "b", "z"]


def test_a_list_can_be_sorted_by_any_column_and_backwards(api: ApiUnderTest) -> None:
    assert names(api.get("queues?sort=durable"))[0] == "C"
    assert names(api.get("queues?sort=name&sort_reverse=true")) == ["b", "ab", "a", "C"]
    assert names(api.get("queues?sort=unknown")) == ["C", "a", "ab", "b"]
    assert names(api.get("queues?sort=messages_details.rate")) == ["C", "a", "ab", "b"]


def test_columns_choose_what_is_shown_also_inside(api: ApiUnderTest) -> None:
    shown = api.get("queues?columns=name,messages_details.rate,unknown")
    assert shown[1] == {"name": "a", "messages_details": {"rate": 0.0}}
    assert api.get("queues/%2F/a?columns=name") == {"name": "a"}
    assert api.get("overview?columns=listeners.port") == {"listeners": [{"port": 5672}]}


def test_a_page_says_how_many_there_are(api: ApiUnderTest) -> None:
    assert api.get("queues?page=2&page_size=3&columns=name") == {
        "filtered_count": 4,
        "item_count": 1,
        "items": [{"name": "b"}],
        "page": 2,
        "page_count": 2,
        "page_size": 3,
        "total_count": 4,
    }


def test_pages_can_be_of_those_with_a_name(api: ApiUnderTest) -> None:
    page = api.get("queues?page=1&name=b")
    assert (names(page["items"]), page["filtered_count"], page["total_count"]) == (["ab", "b"], 2, 4)
    assert names(api.get("queues?page=1&name=^[ac]$&use_regex=true")["items"]) == ["C", "a"]


def test_a_name_counts_in_pages_only(api: ApiUnderTest) -> None:
    assert len(api.get("queues?name=b")) == 4


@pytest.mark.parametrize(
    ("query", "error", "reason"),
    [
        ("page=9&page_size=2", "page_out_of_range", "Page out of range, page: 9 page size: 2, len: 4"),
        (
            "page=0",
            "invalid_pagination_parameters",
            "Invalid pagination parameters: page number 0, page size undefined",
        ),
        (
            "page=1&page_size=501",
            "invalid_pagination_parameters",
            "Invalid pagination parameters: page number 1, page size 501",
        ),
        ("page=x", "bad_request", "Pagination parameters are invalid"),
        ("page=1&name=(&use_regex=true", "bad_request", "Pagination parameters are invalid"),
    ],
)
def test_a_page_that_cannot_be_is_refused(api: ApiUnderTest, query: str, error: str, reason: str) -> None:
    answer = api.call("GET", f"queues?{query}")
    assert (answer.status, answer.content) == (400, {"error": error, "reason": reason})
