"""Where a message goes that is sent back: never guessed.

Not here: what it carries then (test_replaying.py).
"""

from __future__ import annotations

import pytest

from warren.contracts.properties import FieldValue, Properties
from warren.errors import WarrenError
from warren.operations.homecoming import target_of_dead_letter, target_of_saved
from warren.operations.replay import Target
from warren.reliability.dead_letter import FINGERPRINT, QUEUE

WORKERS: dict[str, FieldValue] = {QUEUE: "billing.invoices", FINGERPRINT: "KeyError@a"}
BROKERS: dict[str, FieldValue] = {"x-death": [{"queue": "work", "reason": "rejected", "count": 1}]}
RETRIED: dict[str, FieldValue] = {
    "x-death": [{"queue": "work.retry.10s", "reason": "expired", "count": 1}],
    "x-first-death-queue": "work.retry.10s",
}


@pytest.mark.parametrize(
    ("queue", "headers", "target"),
    [
        ("letters", WORKERS, Target("billing.invoices", "KeyError@a")),
        ("letters", BROKERS, Target("work", "rejected@work")),
        ("work.dead", {}, Target("work", "unknown@unknown")),
    ],
    ids=["a worker's", "the broker's", "by its name"],
)
def test_a_dead_letter_goes_to_the_queue_it_failed_in(
    queue: str, headers: dict[str, FieldValue], target: Target
) -> None:
    found = target_of_dead_letter(queue, Properties(headers=headers))

    assert found.queue == target.queue
    assert target.fingerprint is not None
    assert found.fingerprint == target.fingerprint or queue == "work.dead"
    assert target_of_saved(queue, Properties(headers=headers)) == found


def test_a_dead_letter_that_says_nothing_is_not_guessed() -> None:
    with pytest.raises(WarrenError, match="move it with `warren drain letters --to QUEUE`"):
        target_of_dead_letter("letters", Properties(message_id="m-1"))


@pytest.mark.parametrize("headers", [{}, RETRIED], ids=["new", "retried"])
def test_a_saved_message_that_was_no_dead_letter_goes_back_where_it_was(headers: dict[str, FieldValue]) -> None:
    assert target_of_saved("work", Properties(headers=headers)) == Target("work")
