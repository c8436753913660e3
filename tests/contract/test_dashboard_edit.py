"""A message edited in the dashboard, on real brokers: it fits its contract, and its secrets are as they were, unseen.

Not here: the form (tests/acceptance), and reading what was written (tests/unit/dashboard/test_draft.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import BrokerUnderTest
from tests.support.cli import url_with_management
from tests.support.moving import DEAD, FAILURES, QUEUE, declare
from tests.support.plain import PlainPika
from tests.support.queue_content import content_of, dead_letter, fill, held_in, settings_of
from tests.support.waiting import wait_until
from warren import Message, SecretText, Warren
from warren.contracts.headers import EDITED_BY, REPLAYS
from warren.dashboard.changes.changes import Changes, Person
from warren.dashboard.changes.choice import Choice, key_of
from warren.dashboard.changes.jobs import Job
from warren.dashboard.changes.records import Action, Outcome, Result
from warren.dashboard.changes.replay import Bounds, Pace
from warren.dashboard.changes.trail import Trail
from warren.dashboard.letters.dead_letters import DeadLetters
from warren.dashboard.letters.masking import Masking
from warren.dashboard.turns import Turns
from warren.errors import WarrenError

ANA = Person("ana@office", "a typing error")
BODY = {"order_id": 1, "country": "XX", "card": "4111-1111"}


class OrderCreated(Message, type="orders.created"):
    order_id: int
    country: str
    card: SecretText


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        declare(plain)
        for number in (1, 2):
            properties, _ = dead_letter(number, queue=QUEUE, fingerprint=FAILURES[0])
            body = json.dumps({**BODY, "order_id": number}).encode()
            fill(broker.url, DEAD, [(properties._replace(type="orders.created"), body)])
        yield plain


@pytest.fixture
def changes(broker: BrokerUnderTest, tmp_path: Path) -> Iterator[Changes]:
    app = Warren("billing", broker=broker.url)

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None: ...

    settings, turns = settings_of(url_with_management(broker)), Turns()
    letters = DeadLetters(settings, masking=Masking.of(app.messages), turns=turns, most=10_000, timeout=10.0)
    changes = Changes(
        settings,
        app=app,
        letters=letters,
        turns=turns,
        audit_log=tmp_path / "audit.ndjson",
        most=10_000,
        timeout=10.0,
    )
    yield changes
    changes.stop()


def ended(job: Job) -> Result:
    wait_until(lambda: job.result is not None)
    assert job.result is not None
    return job.result


def key_of_first(broker: BrokerUnderTest) -> str:
    return key_of(held_in(broker.url, DEAD)[0])


def test_an_edited_message_goes_back_with_its_secret_and_a_note_of_who_edited_it(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes, tmp_path: Path
) -> None:
    draft = changes.draft(DEAD, key_of_first(broker))
    assert "4111" not in draft.text + repr(draft)
    assert (draft.target, draft.note) == (QUEUE, "")
    body = draft.read(draft.text.replace("XX", "DE"))
    assert isinstance(body, bytes)

    result = ended(changes.edit(draft, body, Pace(), ANA))

    assert (result.outcome, result.done) == (Outcome.DONE, 1)
    replayed = plain.take(QUEUE)
    assert json.loads(replayed.body) == {**BODY, "country": "DE"}
    assert replayed.headers[EDITED_BY] == ANA.name
    assert replayed.headers[REPLAYS] == 1
    assert [json.loads(held.body)["order_id"] for held in held_in(broker.url, DEAD)] == [2]
    trail = Trail(tmp_path / "audit.ndjson")
    trail.refresh()
    (record,) = trail.records
    assert (record.action, record.why) == (Action.EDIT, ANA.reason)
    assert record.options == {"message_id": "m-1", "changed": ["country"]}
    assert "4111" not in (tmp_path / "audit.ndjson").read_text()


def test_what_does_not_fit_the_contract_is_told_and_sends_nothing(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    draft = changes.draft(DEAD, key_of_first(broker))

    problems = draft.read(draft.text.replace('"XX"', "7"))

    assert [str(problem) for problem in problems] == ["country: expected a valid string, got number"]
    assert len(content_of(broker.url, DEAD)) == 2


def test_a_message_that_is_gone_while_it_is_edited_is_not_sent(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    key = key_of_first(broker)
    draft = changes.draft(DEAD, key)
    body = draft.read(draft.text.replace("XX", "DE"))
    assert isinstance(body, bytes)
    ended(changes.discard(Choice(queue=DEAD, keys=(key,)), Bounds(), ANA))

    result = ended(changes.edit(draft, body, Pace(), ANA))

    assert (result.outcome, result.done) == (Outcome.FAILED, 0)
    assert "the message is no longer in" in result.detail
    assert content_of(broker.url, QUEUE) == []
    with pytest.raises(WarrenError, match="the message is no longer in"):
        changes.draft(DEAD, key)
