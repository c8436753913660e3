"""Where a look is worth it and harmless, and what the messages that were looked at say.

Not here: looks into real queues (tests/contract/test_signals_collect.py).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from warren.clock import ManualClock
from warren.contracts.properties import Properties
from warren.dashboard.turns import Turns
from warren.errors import BrokerRefused, BrokerUnavailable, WarrenError
from warren.operations.lease import Held
from warren.reliability.dead_letter import FINGERPRINT, REASON
from warren.signals.faults import count_failures, find_redelivered
from warren.signals.look import Looked, Looker, is_limited, redelivers
from warren.signals.samples import BrokerSample, Failure, QueueSample
from warren.signals.seen import Seen


def queue(kind: str | None = "quorum", **parts: Any) -> QueueSample:
    return QueueSample(name="q", ready=1, type=kind, **parts)


class Looks:
    """A looker whose looks are noted, and find what they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = ManualClock()
        self.made: list[str] = []
        self.error: WarrenError | None = None
        self.turns = Turns()
        self._looker = Looker(self.clock, turn=partial(self.turns.take_if_free, what="the look"))
        monkeypatch.setattr("warren.signals.look._look_at_head", self._look)
        monkeypatch.setattr("warren.signals.look._look_at_dead_letters", self._look)

    def _look(self, _connection: object, name: str) -> tuple[Failure, ...]:
        self.made.append(name)
        if self.error is not None:
            raise self.error
        return (Failure("redelivered@t", 1),)

    def see(self, *samples: QueueSample) -> Looked:
        """Look a second later."""
        self.clock.advance(1.0)
        queues = {sample.name: sample for sample in samples}
        return self._looker.look(
            None,
            Seen(queues=queues, names=None, broker=BrokerSample(version="4.0.5")),
        )


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


def test_redeliveries_that_go_on_are_worth_a_look_and_those_of_a_restart_are_not(looks: Looks) -> None:
    for redelivered in (0, 50, 50, 50):
        assert looks.see(queue("classic", redelivered=redelivered)).heads == {}
    assert looks.see(queue("classic", redelivered=51)).heads == {"q": (Failure("redelivered@t", 1),)}
    assert looks.made == ["q"]


def test_two_restarts_in_a_day_are_not_worth_a_look(looks: Looks) -> None:
    for redelivered in (0, 50):
        looks.see(queue("classic", redelivered=redelivered))
    looks.clock.advance(3600.0)
    looks.see(queue("classic", redelivered=100))
    assert looks.made == []


def test_a_head_is_looked_at_again_after_five_minutes_at_the_earliest(looks: Looks) -> None:
    for redelivered in range(400):
        looks.see(queue("classic", redelivered=redelivered))
    assert looks.made == ["q", "q"]


def test_a_queue_that_somebody_else_has_is_left_alone_and_looked_into_afterwards(looks: Looks) -> None:
    sample = QueueSample(name="q.dead", ready=1, type="classic")
    with looks.turns.take("q.dead", "a replay"):
        assert looks.see(sample).dead == {}
    assert looks.made == []
    assert looks.see(sample).dead == {"q.dead": (Failure("redelivered@t", 1),)}
    with looks.turns.take("q.dead", "a replay", timeout=0.0):  # which the look has left
        assert looks.see(sample).dead == {"q.dead": (Failure("redelivered@t", 1),)}


@pytest.mark.parametrize(
    "parts", [{"type": "stream"}, {"arguments": {"x-single-active-consumer": True}}, {"type": None}]
)
def test_a_queue_that_would_let_us_wait_is_left_alone(looks: Looks, parts: dict[str, Any]) -> None:
    for redelivered in range(5):
        looks.see(QueueSample(**{"name": "q", "ready": 1, "type": "classic", "redelivered": redelivered, **parts}))
    assert looks.made == []


@pytest.mark.parametrize(("consumers", "made"), [(0, []), (1, ["q.dead"])])
def test_a_queue_that_would_be_deleted_when_the_look_ends_is_left_alone(
    looks: Looks, consumers: int, made: list[str]
) -> None:
    looks.see(QueueSample(name="q.dead", ready=1, type="classic", auto_delete=True, consumers=consumers))
    assert looks.made == made


def test_a_queue_that_cannot_be_looked_into_is_tried_once_and_told_of_each_time(looks: Looks) -> None:
    looks.error = BrokerRefused("it is somebody's own")
    dead = QueueSample(name="q.dead", ready=1, type="classic")
    for _ in range(3):
        looked = looks.see(dead)
        assert looked.unknown == ("what the messages in q.dead failed of: it is somebody's own",)
        assert looked.dead == {}
    assert looks.made == ["q.dead"]


def test_a_connection_that_is_lost_while_looking_says_so_and_the_look_is_made_later(looks: Looks) -> None:
    looks.error = BrokerUnavailable("gone")
    dead = QueueSample(name="q.dead", ready=1, type="classic")
    with pytest.raises(BrokerUnavailable):
        looks.see(dead)
    looks.error = None
    assert looks.see(dead).dead == {"q.dead": (Failure("redelivered@t", 1),)}


def held(tag: int, *, redelivered: bool = True, count: int | None = None, **properties: Any) -> Held:
    headers = properties.pop("headers", {}) | ({} if count is None else {"x-delivery-count": count})
    return Held(tag, redelivered, "", "q", Properties(headers=headers, **properties), b"", b"{}")


@pytest.mark.parametrize(
    ("sample", "version", "limited"),
    [
        (queue("classic", arguments={"x-delivery-limit": 3}), "4.0.5", False),
        (queue(), "3.10.8", False),
        (queue(), "4.0.5", True),  # 20 by default
        (queue(), None, True),
        (queue(arguments={"x-delivery-limit": 3}), "3.10.8", True),
        (queue(settings={"delivery-limit": 3}), "3.10.8", True),
        (queue(delivery_limit=20), "4.0.5", True),
        (queue(arguments={"x-delivery-limit": -1}), "4.0.5", False),
        (queue(arguments={"x-delivery-limit": -1}), "3.10.8", True),  # a limit that the first return exceeds
        (queue(arguments={"x-delivery-limit": -1}, settings={"delivery-limit": 5}), "4.0.5", False),  # the lower one
    ],
)
def test_a_queue_with_a_delivery_limit_gives_up_what_is_looked_at_too_often(
    sample: QueueSample, version: str | None, limited: bool
) -> None:
    assert is_limited(sample, version) is limited


def test_a_queue_redelivers_where_its_total_grew() -> None:
    assert redelivers(queue(redelivered=1), queue(redelivered=2))
    assert not redelivers(queue(redelivered=2), queue(redelivered=2))
    assert not redelivers(queue(redelivered=2), queue(redelivered=0))  # its statistics began again
    assert not redelivers(queue(), queue(redelivered=2))


def test_messages_that_came_before_are_counted_by_type() -> None:
    messages = [held(1, type="a", message_id="1"), held(2, type="b"), held(3, type="b"), held(4, redelivered=False)]
    assert find_redelivered(messages) == (
        Failure("redelivered@b", 2, "redelivered", "b", ""),
        Failure("redelivered@a", 1, "redelivered", "a", "1"),
    )


def test_where_deliveries_are_counted_a_few_are_nothing() -> None:
    messages = [held(1, count=1, type="innocent"), held(2, count=40, type="poison"), held(3, count=2)]
    assert [one.fingerprint for one in find_redelivered(messages)] == ["redelivered@poison"]


def test_a_message_without_a_type_is_of_an_unknown_one() -> None:
    assert find_redelivered([held(1)])[0].fingerprint == "redelivered@unknown"


def test_dead_letters_are_counted_by_fingerprint_the_most_frequent_first() -> None:
    told = {FINGERPRINT: "ValueError@shop.py:handle", REASON: "exhausted"}
    messages = [
        held(1, headers={"x-death": [{"reason": "expired", "queue": "q", "count": 1}]}),
        held(2, headers=told, type="orders.created", message_id="m-2"),
        held(3, headers=told, message_id="m-3"),
    ]
    assert count_failures(messages) == (
        Failure("ValueError@shop.py:handle", 2, "exhausted", "orders.created", "m-2"),
        Failure("expired@q", 1, "expired", "", ""),
    )
