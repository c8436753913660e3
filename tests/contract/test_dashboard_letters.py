"""Dead letters as the dashboard looks at them, on real brokers: bounded, shared, careful, and all is there afterwards.

Not here: the pages (tests/acceptance), and what is made of a message (tests/unit/dashboard).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tests.support.broker import BrokerUnderTest
from tests.support.cli import url_with_management
from tests.support.moving import DEAD, FAILURES, QUEUE, declare, fill_dead, numbers
from tests.support.plain import PlainPika
from tests.support.queue_content import bodies, content_of, dead_letter, fill, settings_of
from tests.support.waiting import wait_until
from warren import Message, SecretText
from warren.clock import ManualClock
from warren.config import BrokerSettings
from warren.dashboard.changes.choice import Choice
from warren.dashboard.letters.dead_letters import DeadLetters
from warren.dashboard.letters.letter import Letter, Sought
from warren.dashboard.letters.looking import Looking
from warren.dashboard.letters.masking import HIDDEN, Masking
from warren.dashboard.letters.seen import Look, Stage
from warren.dashboard.turns import Turns
from warren.errors import WarrenError


class Paid(Message, type="billing.paid"):
    order_id: int
    card: SecretText = SecretStr("")


MASKING = Masking.of([Paid])


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        declare(plain)
        yield plain


@pytest.fixture
def settings(broker: BrokerUnderTest) -> BrokerSettings:
    return settings_of(url_with_management(broker))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def letters(settings: BrokerSettings, turns: Turns, clock: ManualClock) -> Iterator[DeadLetters]:
    letters = DeadLetters(settings, masking=MASKING, turns=turns, most=100, timeout=10.0, clock=clock)
    yield letters
    letters.stop()


def ended(letters: DeadLetters, *filters: str, depth: int | None = None, queue: str = DEAD) -> Look:
    """The look as it is once no thread is at it."""
    wait_until(lambda: not letters.look(queue, filters, depth=depth).stage.is_running, message="the look is over")
    return letters.look(queue, filters, depth=depth)


def found(letters: DeadLetters, key: str, *, depth: int | None = None) -> Sought:
    wait_until(lambda: not letters.seek(DEAD, key, depth=depth).stage.is_running, message="the search is over")
    return letters.seek(DEAD, key, depth=depth)


def letter(letters: DeadLetters, key: str) -> Letter:
    sought = found(letters, key)
    assert sought.letter is not None
    return sought.letter


def test_what_messages_died_of_is_counted_and_all_of_them_are_where_they_were(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters
) -> None:
    fill_dead(broker, 30)

    look = ended(letters)

    assert look.stage is Stage.DONE
    assert {group.fingerprint: group.count for group in look.groups} == dict.fromkeys(FAILURES, 10)
    assert (look.total, look.looked, look.is_partial) == (30, 30, False)
    assert bodies(content_of(broker.url, DEAD)) == numbers(30)


def test_looking_again_and_again_keeps_the_order(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters
) -> None:
    fill_dead(broker, 150)
    for _ in range(3):
        ended(letters)
        letters.look_again(DEAD, depth=None)
    look = ended(letters)

    assert (look.looked, look.total) == (100, 150)
    assert bodies(content_of(broker.url, DEAD)) == numbers(150)


def test_a_look_goes_as_far_as_it_may_and_further_where_somebody_asks(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters
) -> None:
    fill_dead(broker, 130)

    assert ended(letters).looked == 100
    letters.look_again(DEAD, depth=None, reach=letters.furthest)

    assert ended(letters).looked == 130


def test_a_queue_that_nobody_changed_is_not_looked_at_again(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, clock: ManualClock
) -> None:
    fill_dead(broker, 5)
    first = ended(letters, depth=5)

    clock.advance(3_600)

    assert letters.look(DEAD, depth=5) is first


def test_a_queue_that_changed_is_looked_at_again_after_some_rest(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, clock: ManualClock
) -> None:
    fill_dead(broker, 5)
    first = ended(letters, depth=5)
    fill_dead(broker, 5)

    assert letters.look(DEAD, depth=10) is first
    clock.advance(60)

    assert ended(letters, depth=10).looked == 10


def test_who_arrives_sees_what_is_there_and_not_what_was(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, clock: ManualClock
) -> None:
    fill_dead(broker, 1)
    ended(letters, depth=1)
    plain.channel.queue_purge(DEAD)
    fill(broker.url, DEAD, [dead_letter(9, queue=QUEUE, fingerprint="New@a.py:f")])
    clock.advance(60)

    letters.look(DEAD, depth=1, is_arriving=True)

    assert [group.fingerprint for group in ended(letters, depth=1).groups] == ["New@a.py:f"]


def test_who_arrives_too_early_for_another_look_gets_it_once_that_may_be_had(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, clock: ManualClock
) -> None:
    fill_dead(broker, 1)
    ended(letters, depth=1)
    plain.channel.queue_purge(DEAD)
    fill(broker.url, DEAD, [dead_letter(9, queue=QUEUE, fingerprint="New@a.py:f")])

    former = letters.look(DEAD, depth=1, is_arriving=True)
    assert letters.look(DEAD, depth=1) is former
    clock.advance(60)

    assert [group.fingerprint for group in ended(letters, depth=1).groups] == ["New@a.py:f"]


def test_many_who_ask_at_a_time_share_one_look(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, turns: Turns
) -> None:
    fill_dead(broker, 5)
    with turns.take(DEAD, "a test"):
        asked = {letters.look(DEAD, depth=5) for _ in range(50)}

    assert {one.stage for one in asked} == {Stage.WAITING}
    assert len(asked) == 1
    assert ended(letters, depth=5).looked == 5


def test_a_quorum_queue_with_a_limit_is_not_looked_at_before_somebody_agrees(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters
) -> None:
    plain.channel.queue_delete(DEAD)
    plain.declare(DEAD, **{"x-queue-type": "quorum", "x-delivery-limit": 20})
    fill_dead(broker, 5)

    asking = ended(letters)
    letters.look_again(DEAD, depth=None, agreed=True)
    look = ended(letters)

    assert asking.stage is Stage.ASKING
    assert "counts as a delivery" in asking.question
    assert asking.looked == 0
    assert (look.stage, look.looked) == (Stage.DONE, 5)


def test_a_look_stops_at_a_message_that_has_used_half_of_its_limit(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters
) -> None:
    plain.channel.queue_delete(DEAD)
    plain.declare(DEAD, **{"x-queue-type": "quorum", "x-delivery-limit": 4})
    fill_dead(broker, 3)
    looks = []
    for _ in range(6):
        letters.look_again(DEAD, depth=None, agreed=True)
        looks.append(ended(letters))

    assert [(look.looked, bool(look.stopped)) for look in looks[:3]] == [(3, False), (3, False), (3, True)]
    assert "warren inspect" in looks[2].stopped
    assert [look.problem for look in looks[3:]] == [looks[2].stopped] * 3
    assert bodies(content_of(broker.url, DEAD)) == numbers(3)


def test_a_queue_that_is_no_dead_letter_queue_is_not_looked_at_by_itself(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters
) -> None:
    plain.channel.queue_declare("audit", durable=True)
    plain.publish("", "audit", b"1")
    plain.wait_depth("audit", 1)

    assert ended(letters, queue="audit").stage is Stage.ASKING


def test_a_queue_that_is_not_there_is_said_to_be_missing(letters: DeadLetters) -> None:
    look = ended(letters, queue="nowhere.dead")

    assert look.stage is Stage.FAILED
    assert "there is no queue 'nowhere.dead'" in look.problem


def test_filters_choose_and_do_not_tell_what_is_hidden(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters
) -> None:
    secret = {"Authorization": "Bearer abc", "tenant": "acme"}
    properties, _ = dead_letter(1, queue=QUEUE, fingerprint=FAILURES[0], **secret)
    body = b'{"order_id":1,"card":"4111"}'
    fill(broker.url, DEAD, [(properties._replace(type="billing.paid"), body)])

    assert ended(letters, "header.tenant=acme", "body.order_id=1").matched == 1
    assert ended(letters, "header.Authorization~abc").matched == 0
    assert ended(letters, "body.card~4").matched == 0
    assert ended(letters, "body.card=(hidden)").matched == 1


def test_a_message_is_found_by_its_key_again_and_again(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters
) -> None:
    fill_dead(broker, 9)
    key = next(group for group in ended(letters).groups if group.fingerprint == FAILURES[0]).summaries[1].key

    first, again = letter(letters, key), letter(letters, key)

    assert first is again
    assert first.told.message_id == "m-3"
    assert json.loads(first.body.text) == {"order_id": 3}
    assert bodies(content_of(broker.url, DEAD)) == numbers(9)


def test_a_message_is_not_said_to_be_gone_where_somebody_else_holds_the_queue(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_dead(broker, 3)
    monkeypatch.setattr(Looking, "batches", lambda _: iter(()))  # all of it went to others after it was counted
    sought = found(letters, "0" * 64, depth=3)
    assert not sought.is_gone
    assert sought.stage is Stage.FAILED
    assert sought.problem.startswith(f"only 0 of 3 messages of {DEAD} could be looked at: somebody else holds")
    look = ended(letters, depth=3)
    assert look.stage is Stage.FAILED  # and it is looked at again, as after any failure
    assert look.problem == sought.problem


def test_what_somebody_else_holds_is_found_once_it_is_given_back(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, clock: ManualClock
) -> None:
    fill_dead(broker, 3)
    key = ended(letters, depth=3).groups[0].summaries[0].key
    for _ in range(3):
        wait_until(lambda: plain.channel.basic_get(DEAD)[0], message="a message is held")  # and none is ready

    held = found(letters, key, depth=3)
    assert held.problem.startswith(f"only 0 of 3 messages of {DEAD} could be looked at: somebody else holds")
    assert not held.is_gone
    letters.changed(DEAD)  # what is known of the depth may be of before this change, so nothing is wrong with a 0
    clock.advance(1)
    assert found(letters, key, depth=3).is_gone
    assert not ended(letters, depth=3).matched

    plain.channel.basic_recover(requeue=True)
    plain.wait_depth(DEAD, 3)
    clock.advance(3)
    assert found(letters, key, depth=3).letter is not None
    assert ended(letters, depth=3).matched == 3


def test_what_somebody_agreed_to_look_at_is_not_asked_for_again_while_one_message_is_held(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, clock: ManualClock
) -> None:
    plain.channel.queue_declare("audit", durable=True)
    for body in (b"1", b"2"):
        plain.publish("", "audit", body)
    plain.wait_depth("audit", 2)
    plain.channel.basic_get("audit")

    letters.look_again("audit", depth=2, agreed=True)
    assert ended(letters, queue="audit", depth=2).total == 1
    clock.advance(60)
    assert letters.look("audit", depth=2).stage is Stage.DONE


def test_a_look_that_failed_is_tried_again_for_a_message_that_was_gone_too(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise WarrenError("the broker is away")

    fill_dead(broker, 3)
    key = "0" * 64
    assert found(letters, key, depth=3).is_gone
    monkeypatch.setattr(DeadLetters, "looking", fail)
    letters.seek_again(DEAD, key, depth=3)
    assert found(letters, key, depth=3).problem == "the broker is away"
    monkeypatch.undo()
    clock.advance(3)
    assert found(letters, key, depth=3).stage is Stage.DONE


def test_a_message_that_stands_too_far_behind_is_found_once_it_has_come_nearer(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, clock: ManualClock
) -> None:
    fill_dead(broker, 130)
    letters.look_again(DEAD, depth=130, reach=letters.furthest)
    last = next(
        one.key for group in ended(letters, depth=130).groups for one in group.summaries if one.message_id == "m-120"
    )
    assert found(letters, last, depth=130).letter is None
    for _ in range(40):
        plain.channel.basic_get(DEAD, auto_ack=True)
    clock.advance(60)
    assert found(letters, last, depth=90).letter is not None


def test_a_message_that_was_taken_away_meanwhile_is_gone_and_still_shown(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, clock: ManualClock
) -> None:
    fill_dead(broker, 3)
    key = ended(letters).groups[0].summaries[0].key
    letter(letters, key)
    plain.channel.queue_purge(DEAD)

    clock.advance(60)
    sought = found(letters, key, depth=0)

    assert sought.is_gone
    assert sought.letter is not None


def test_an_export_has_what_was_chosen_without_its_secrets(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters
) -> None:
    fill_dead(broker, 9)
    properties, _ = dead_letter(9, queue=QUEUE, fingerprint=FAILURES[0], Cookie="id=1")
    fill(broker.url, DEAD, [(properties._replace(type="billing.paid"), b'{"order_id":9,"card":"4111"}')])

    export = letters.export(Choice(queue=DEAD, fingerprint=FAILURES[0]))

    lines = [json.loads(line) for line in export.lines.splitlines()]
    assert [line["body"]["order_id"] for line in lines] == [0, 3, 6, 9]
    assert lines[-1]["body"]["card"] == lines[-1]["headers"]["Cookie"] == HIDDEN
    assert b"4111" not in export.lines
    assert len(content_of(broker.url, DEAD)) == 10


def test_an_export_takes_no_look_that_nobody_agreed_to(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters
) -> None:
    plain.channel.queue_declare("audit", durable=True)
    plain.publish("", "audit", b"1")
    plain.wait_depth("audit", 1)

    with pytest.raises(WarrenError, match="agree"):
        letters.export(Choice(queue="audit"))
    letters.look_again("audit", depth=None, agreed=True)
    ended(letters, queue="audit")
    assert letters.export(Choice(queue="audit")).count == 1


def test_a_look_waits_while_its_queue_is_changed_and_other_queues_are_looked_at(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, turns: Turns
) -> None:
    fill_dead(broker, 5)
    plain.declare("other.dead", **{"x-delivery-limit": 2**31 - 1})
    keys = ["0" * 63 + digit for digit in "123"]

    with turns.take(DEAD, "a replay"):
        letters.look(DEAD, depth=5)
        for key in keys:
            letters.seek(DEAD, key, depth=5)

        assert ended(letters, queue="other.dead").stage is Stage.DONE
        assert letters.look(DEAD, depth=5).stage is Stage.WAITING

    assert ended(letters, depth=5).looked == 5
    assert all(found(letters, key, depth=5).is_gone for key in keys)


def test_a_queue_is_looked_at_again_once_a_change_of_it_has_ended(
    broker: BrokerUnderTest, plain: PlainPika, letters: DeadLetters, clock: ManualClock
) -> None:
    fill_dead(broker, 4)
    ended(letters, depth=4)
    plain.channel.queue_purge(DEAD)
    fill(broker.url, DEAD, [dead_letter(9, queue=QUEUE, fingerprint="New@a.py:f")])

    letters.changed(DEAD)
    clock.advance(0.1)

    assert [group.fingerprint for group in ended(letters, depth=4).groups] == ["New@a.py:f"]
