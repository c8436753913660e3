"""The action panel: what a browser may send, and in which order; a button that is not there can still be sent.

Not here: what it looks like (tests/acceptance), and what is done then (tests/contract/test_dashboard_changes.py).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from warren.dashboard.changes.changes import Person
from warren.dashboard.changes.choice import Choice
from warren.dashboard.changes.counting import Counted
from warren.dashboard.changes.replay import Bounds, Pace
from warren.dashboard.pages.actions import Panel, Stage
from warren.dashboard.pages.forms import Fields, text_in
from warren.errors import ConfigurationError, WarrenError
from warren.operations.halt import Halt

GROUP = Choice(queue="q.dead", fingerprint="F")
KEYS = (b"a" * 32, b"b" * 32, b"b" * 32)
ONE = Choice(queue="q.dead", keys=("a" * 64,))


@dataclass
class FakeChanges:
    """Notes what it is asked for."""

    counted: Counted = field(default_factory=lambda: Counted(count=3, looked=9, depth=20, keys=KEYS))
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    refuses: str = ""
    is_slow: bool = False
    ended: list[Any] = field(default_factory=list)
    jobs: Any = None

    def __post_init__(self) -> None:
        self.jobs = SimpleNamespace(
            cancel=lambda job, who: self.asked.append(("cancel", job, who)), all=lambda _queue: self.ended
        )

    def count(self, choice: Choice, *, limit: int | None, agreed: bool, **_: Any) -> Counted:
        self.asked.append(("count", choice, limit, agreed))
        return self.counted

    def replay(self, choice: Choice, bounds: Bounds, pace: Pace, person: Person) -> None:
        self.asked.append(("replay", choice, bounds, pace, person))
        if self.refuses:
            raise WarrenError(self.refuses)

    def discard(self, choice: Choice, bounds: Bounds, person: Person) -> None:
        self.asked.append(("discard", choice, bounds, person))

    def draft(self, *_: Any, halt: Halt) -> None:
        if not self.is_slow:
            raise WarrenError("gone")
        asked = threading.Event()
        halt.on_ask(asked.set)
        self.asked.append(("draft", asked.wait(10)))
        raise WarrenError(halt.reason or "nobody asked for it")


@dataclass
class FakeFrame:
    """Somebody who looks."""

    may_change: bool = True
    user: str = "ana"
    said: list[str] = field(default_factory=list)

    def say(self, text: str, *, is_problem: bool = False) -> None:
        self.said.append(text)


def panel(
    changes: FakeChanges | None, choice: Choice | None = GROUP, frame: FakeFrame | None = None
) -> Callable[..., Panel]:
    made = Panel(SimpleNamespace(changes=changes), frame or FakeFrame(), lambda: choice, lambda: choice or GROUP)  # type: ignore[arg-type]

    def act(*acts: dict[str, Any]) -> Panel:
        for each in acts:
            asyncio.run(made.act(each))
        return made

    return act


OPEN, COUNT, BEGIN = {"act": "open", "kind": "replay"}, {"act": "count"}, {"act": "begin"}
EVERYTHING = ({"act": "open", "kind": "discard"}, COUNT, BEGIN, {"act": "send"}, {"act": "cancel-job", "job": "x"})


@pytest.mark.parametrize("allowed", [True, False], ids=["not this person", "nobody"])
def test_who_may_not_change_anything_does_not_whatever_the_browser_sends(allowed: bool) -> None:
    changes = FakeChanges()
    frame = FakeFrame(may_change=not allowed)
    act = panel(changes if allowed else None, ONE, frame)

    assert act(*EVERYTHING, {"act": "open", "kind": "edit"}).stage is Stage.CLOSED

    assert changes.asked == []
    assert set(frame.said) == {"Nothing was changed: this dashboard is read-only for you."}


def test_a_right_that_was_taken_away_meanwhile_is_gone() -> None:
    changes, frame = FakeChanges(), FakeFrame()
    act = panel(changes, GROUP, frame)
    act(OPEN, COUNT)
    frame.may_change = False
    act(BEGIN)
    assert [asked[0] for asked in changes.asked] == ["count"]


def test_no_more_is_changed_than_was_counted() -> None:
    changes = FakeChanges()
    panel(changes)(OPEN, {**COUNT, "canary": "2", "rate": "0.5", "reason": " fixed "}, BEGIN)

    assert changes.asked == [
        ("count", GROUP, None, False),
        ("replay", GROUP, Bounds(limit=3, at_most=9, counted=KEYS), Pace(canary=2, rate=0.5), Person("ana", "fixed")),
    ]


@pytest.mark.parametrize("what", ["too old", "changed meanwhile"])
def test_what_is_not_any_more_what_was_counted_is_counted_again(what: str) -> None:
    changes = FakeChanges()
    act = panel(changes)
    if what == "too old":
        changes.counted = replace(changes.counted, at=changes.counted.at - 301)
    act(OPEN, COUNT)
    if what == "changed meanwhile":
        changes.ended.append(SimpleNamespace(result=SimpleNamespace(at=changes.counted.at + 1, done=1)))

    made = act(BEGIN)

    assert (made.stage, made.error.endswith("count them again.")) == (Stage.ASKING, True)
    assert [asked[0] for asked in changes.asked] == ["count"]


def test_more_is_changed_only_where_somebody_says_so() -> None:
    changes = FakeChanges()
    panel(changes)(OPEN, COUNT, {**BEGIN, "beyond": "on"})
    assert changes.asked[-1][2] == Bounds()


@pytest.mark.parametrize("acts", [(BEGIN,), (OPEN, BEGIN), (COUNT,), ({"act": "send"},), ({"act": "open"},), ({},)])
def test_what_comes_out_of_order_does_nothing(acts: tuple[dict[str, Any], ...]) -> None:
    changes = FakeChanges()
    panel(changes)(*acts)
    assert changes.asked == []


def test_a_click_that_comes_twice_begins_one_change() -> None:
    changes = FakeChanges()
    assert panel(changes)(OPEN, COUNT, BEGIN, BEGIN).stage is Stage.CLOSED
    assert [asked[0] for asked in changes.asked] == ["count", "replay"]


def test_what_a_look_costs_is_agreed_to_before_anything_begins() -> None:
    changes = FakeChanges(counted=Counted(count=0, looked=0, depth=9, question="it costs a delivery"))
    act = panel(changes)
    act(OPEN, COUNT, BEGIN)
    changes.counted = Counted(count=9, looked=9, depth=9)
    act(COUNT, BEGIN)
    assert [asked[0] for asked in changes.asked] == ["count", "count", "replay"]
    assert [asked[3] for asked in changes.asked[:2]] == [False, True]


def test_messages_that_are_named_are_not_counted_first() -> None:
    changes = FakeChanges()
    panel(changes, ONE)(OPEN, {**BEGIN, "reason": "fixed"})
    assert changes.asked == [("replay", ONE, Bounds(), Pace(canary=1), Person("ana", "fixed"))]


def test_a_discard_without_a_reason_is_asked_for_one() -> None:
    changes = FakeChanges()
    act = panel(changes, ONE)
    assert act({"act": "open", "kind": "discard"}, {**BEGIN, "reason": "  "}).error.startswith("Say why")
    act({**BEGIN, "reason": "a test"})
    assert changes.asked == [("discard", ONE, Bounds(), Person("ana", "a test"))]


def test_where_it_does_not_begin_the_form_stays_with_what_was_written() -> None:
    changes = FakeChanges(refuses="ben has a replay under way")
    act = panel(changes)
    made = act(OPEN, {**COUNT, "reason": "fixed"}, BEGIN)
    assert (made.stage, made.error, made.fields.reason) == (Stage.COUNTED, "ben has a replay under way", "fixed")


def test_a_fault_is_logged_and_leaves_the_panel_of_use(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    changes = FakeChanges()
    monkeypatch.setattr(changes, "count", lambda *_, **__: 1 / 0)
    act = panel(changes)
    made = act(OPEN, COUNT)
    assert (made.stage, made.error) == (Stage.CLOSED, "That is a fault of the dashboard; its log says what happened.")
    assert "ZeroDivisionError" in caplog.text
    assert act(OPEN).stage is Stage.ASKING


def test_a_message_that_cannot_be_edited_says_why() -> None:
    made = panel(FakeChanges(), ONE)({"act": "open", "kind": "edit"})
    assert (made.stage, made.error) == (Stage.CLOSED, "gone")


def test_a_search_for_the_message_to_edit_ends_when_the_panel_is_closed() -> None:
    async def together() -> Panel:
        made = Panel(SimpleNamespace(changes=changes), FakeFrame(), lambda: ONE, lambda: ONE)  # type: ignore[arg-type]
        opening = asyncio.ensure_future(made.act({"act": "open", "kind": "edit"}))
        while made.stage is not Stage.FINDING:
            await asyncio.sleep(0)
        await made.act({"act": "close"})
        await opening
        return made

    changes = FakeChanges(is_slow=True)
    made = asyncio.run(together())
    assert (made.stage, made.error, changes.asked) == (Stage.CLOSED, "", [("draft", True)])


# -- the fields --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"canary": "many"}, "the canary is a whole number, not 'many'"),
        ({"canary": "-1"}, "the canary is a number from 0 to 1,000"),
        ({"canary": "9" * 5_000}, "that is too long"),
        ({"canary": "9" * 500}, "the canary is too large"),
        ({"rate": "0"}, "the rate is from 0.001"),
        ({"rate": "nan"}, "the rate is too large"),
        ({"canary_timeout": "0"}, "the canary's time is at least 1 second"),
        ({"canary_timeout": "1501"}, "the canary's time is at most 1,500 seconds: RabbitMQ takes back"),
        ({"reason": "x" * 501}, "a reason has at most 500 characters"),
        ({"limit": "0"}, "the number of messages is at least 1"),
    ],
)
def test_a_field_that_is_wrong_is_said_before_anything_is_looked_at(fields: dict[str, str], problem: str) -> None:
    changes = FakeChanges()
    made = panel(changes)(OPEN, {**COUNT, **fields})
    assert made.error.startswith(problem)
    assert changes.asked == []


def test_what_is_no_text_is_as_if_it_were_not_sent() -> None:
    assert Fields.of({"canary": ["7"], "rate": None}, Fields(canary="2")) == Fields(canary="2")
    assert text_in({"job": {"a": 1}}, "job") == ""
    with pytest.raises(ConfigurationError):
        text_in({"body": "x" * 601}, "body")
