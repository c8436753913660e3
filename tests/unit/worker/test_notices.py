"""Notices of what became of replayed messages: told to those who ask, as long as they listen, and to nobody else.

Not here: the command that listens (tests/contract/test_replay.py).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from warren.contracts.headers import OUTCOME_KEY, OUTCOME_TO, OUTCOME_UNTIL, REPLAYED_FINGERPRINT
from warren.contracts.incoming import Incoming
from warren.contracts.properties import Properties
from warren.observability import events
from warren.worker.job import Job
from warren.worker.notices import notice_of

NOW = 1_700_000_000.0
ASKED = {OUTCOME_TO: "warren.outcome.1", OUTCOME_UNTIL: int(NOW * 1000), REPLAYED_FINGERPRINT: "KeyError@a"}
CANARY = {**ASKED, OUTCOME_KEY: 3}
DIED = events.DeadLettered("q", "c", "m-1", "orders.created", 1, "permanent", "KeyError: 'NO'", "KeyError@a")
RETRIED = events.Retried("q", "c", "m-1", "orders.created", 1, 10.0, "transient", "TimeoutError", "TimeoutError@a")


def told(headers: dict[str, Any], event: events.Event | None) -> dict[str, Any] | None:
    properties = Properties(message_id="m-1", headers=headers)
    notice = notice_of(Job(Incoming(b"", properties, "", "q", False, 1, 1, "c")), event, now=NOW)
    if notice is None:
        return None
    assert (notice.exchange, notice.routing_key) == ("", "warren.outcome.1")
    outcome: dict[str, Any] = json.loads(notice.body)
    return outcome


def test_every_outcome_of_a_canary_is_told() -> None:
    assert told(CANARY, None) == {"message_id": "m-1", "key": 3, "outcome": "ack"}
    assert told(CANARY, RETRIED) == {"message_id": "m-1", "key": 3, "outcome": "retry", "error": "TimeoutError"}
    assert told(CANARY, DIED) == {
        "message_id": "m-1",
        "key": 3,
        "outcome": "dead_letter",
        "reason": "permanent",
        "error": "KeyError: 'NO'",
        "fingerprint": "KeyError@a",
        "replayed_fingerprint": "KeyError@a",
    }


def test_of_the_others_only_deaths_are_told() -> None:
    assert told(ASKED, None) is None
    assert told(ASKED, RETRIED) is None
    died = told(ASKED, DIED)
    assert died is not None
    assert died["key"] is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**CANARY, OUTCOME_TO: "billing.invoices"},
        {**CANARY, OUTCOME_TO: 7},
        {**CANARY, OUTCOME_UNTIL: int(NOW * 1000) - 1},
        {**CANARY, OUTCOME_UNTIL: "tomorrow"},
        {OUTCOME_TO: "warren.outcome.1"},
    ],
    ids=["not asked", "another queue", "no queue", "too late", "no time", "without a time"],
)
def test_nothing_is_told_where_nobody_listens(headers: dict[str, Any]) -> None:
    assert told(headers, None) is None
    assert told(headers, DIED) is None


def test_what_is_only_deferred_is_not_told() -> None:
    assert told(CANARY, events.InProgressDeferred("q", "c", "m-1", "key", "orders.created")) is None
