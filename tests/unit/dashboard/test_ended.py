"""How a change says that it ended, where it could not take every message that was there when it began.

Not here: changes on brokers (tests/contract/test_dashboard_changes.py).
"""

from __future__ import annotations

import pytest

from warren.dashboard.changes.choice import Choice
from warren.dashboard.changes.jobs import Job
from warren.dashboard.changes.records import Action, Outcome, Record
from warren.dashboard.changes.replay import ended_with
from warren.operations.tally import Tally

ALL = Choice(queue="q.dead")


def job(tally: Tally, *, limit: int | None = None) -> Job:
    record = Record(id="1", at=0.0, who="anna", action=Action.REPLAY, queue="q.dead", options={"limit": limit})
    return Job(record=record, choice=ALL, tally=tally)


@pytest.mark.parametrize(("done", "outcome"), [(0, Outcome.FAILED), (1, Outcome.STOPPED)])
def test_messages_that_others_hold_are_not_passed_over_in_silence(done: int, outcome: Outcome) -> None:
    ended = ended_with(job(Tally(total=4, seen=done, done=done), limit=4))
    assert ended.outcome is outcome
    assert ended.detail.startswith(f"{4 - done} of 4 messages of q.dead could not be taken: somebody else holds them")


def test_a_change_that_saw_all_of_its_queue_is_done() -> None:
    assert ended_with(job(Tally(total=4, seen=4, done=2))).outcome is Outcome.DONE


def test_a_change_that_reached_its_limit_is_done() -> None:
    assert ended_with(job(Tally(total=400, seen=100, done=10), limit=10)).outcome is Outcome.DONE
