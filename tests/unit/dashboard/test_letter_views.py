"""What a person has chosen on the pages of dead letters, and may look at: never more because something is gone.

Not here: how the pages look (test_letter_pages.py), and looking (tests/contract/test_dashboard_letters.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.operations.messages import DEAD, held
from warren.dashboard.board import shows
from warren.dashboard.changes.choice import Choice
from warren.dashboard.letters.counting import Counting
from warren.dashboard.letters.letter import Sought
from warren.dashboard.letters.masking import Masking
from warren.dashboard.letters.seen import Look, Stage
from warren.dashboard.pages import dead_letters, message
from warren.errors import WarrenError
from warren.operations.lease import Held
from warren.operations.select import Selection

QUEUE = "billing.invoices.dead"


@dataclass
class FakeFrame:
    """Somebody who looks."""

    may_change: bool = True
    said: list[str] = field(default_factory=list)

    def say(self, text: str, *, is_problem: bool = False) -> None:
        self.said.append(text)

    def url(self, *steps: str, **_: Any) -> str:
        return "/".join(steps)


@dataclass
class FakeLetters:
    """What was seen, and what is agreed to."""

    seen: Look
    furthest: int = 1_000
    agreed: int = 0

    def look(self, *_: Any, **__: Any) -> Look:
        return self.seen

    def look_again(self, *_: Any, agreed: bool, **__: Any) -> None:
        self.agreed += agreed

    def seek(self, *_: Any, **__: Any) -> Sought:
        return Sought(stage=Stage.ASKING, reach=100, question="it would count")

    seek_again = look_again


def look_at(*messages: Held) -> Look:
    counting = Counting(Masking(), Selection())
    counting.add(messages)
    start, end = counting.span() or (None, None)
    look = Look(stage=Stage.DONE, reach=100, total=len(messages), looked=len(messages), ended_at=1.0)
    return replace(look, matched=counting.matched, groups=counting.groups(), start=start, end=end)


def letter(number: int) -> Held:
    return held(headers=DEAD, message_id=f"m-{number}")


def view_of(letters: FakeLetters, frame: FakeFrame) -> tuple[Any, Callable[..., None]]:
    watch = SimpleNamespace(snapshot=SimpleNamespace(report=None))
    fingerprint = letters.seen.groups[0].fingerprint if letters.seen.groups else ""
    board: Any = SimpleNamespace(letters=letters, watch=watch)
    made = dead_letters._View(board, frame, QUEUE, fingerprint, (), "")  # type: ignore[arg-type]

    def act(**told: Any) -> None:
        asyncio.run(made.act(told))

    return made, act


def keys_of(look: Look) -> list[str]:
    return [one.key for one in look.groups[0].summaries]


@pytest.mark.parametrize("left", [(3,), ()], ids=["others are left", "none is left"])
def test_ticks_whose_messages_are_gone_never_come_to_mean_all_of_them(left: tuple[int, ...]) -> None:
    letters = FakeLetters(look_at(letter(1), letter(2), letter(3)))
    view, act = view_of(letters, FakeFrame())
    first, second, _ = keys_of(letters.seen)
    act(act="pick", name=first, checked=True)
    act(act="pick", name=second, checked=True)
    assert view.chosen().keys == tuple(sorted((first, second)))

    letters.seen = look_at(*map(letter, left))

    assert "What was ticked is gone" in view.messages()
    assert view.chosen() is None
    act(act="pick", name=first, checked=False)  # from a page that was not refreshed yet
    assert view.chosen() is None
    act(act="pick-none")
    assert "What was ticked is gone" not in view.messages()
    assert view.chosen() == (Choice(queue=QUEUE, fingerprint=view.fingerprint) if left else None)


def test_an_export_is_refused_at_once_where_somebody_changes_the_queue() -> None:
    def check_free(_queue: str) -> None:
        raise WarrenError("ana has a replay under way")

    board: Any = SimpleNamespace(changes=SimpleNamespace(jobs=SimpleNamespace(check_free=check_free)))
    with pytest.raises(WarrenError, match="ana has a replay under way"):
        asyncio.run(dead_letters.exported(board, Choice(queue=QUEUE), reach=None))


def test_ticks_of_which_some_are_gone_mean_the_others() -> None:
    letters = FakeLetters(look_at(letter(1), letter(2), letter(3)))
    view, act = view_of(letters, FakeFrame())
    act(act="pick-all", checked=True)

    letters.seen = look_at(letter(2), letter(3), letter(4))
    view.messages()

    assert view.chosen().keys == tuple(sorted(keys_of(letters.seen)[:2]))


def test_who_takes_all_ticks_away_means_the_failure_again() -> None:
    letters = FakeLetters(look_at(letter(1), letter(2)))
    view, act = view_of(letters, FakeFrame())
    (first, _) = keys_of(letters.seen)
    act(act="pick", name=first, checked=True)
    act(act="pick", name=first, checked=False)
    assert view.chosen() == Choice(queue=QUEUE, fingerprint=view.fingerprint)


@pytest.mark.parametrize("may_change", [True, False])
def test_only_who_may_change_messages_agrees_to_what_a_look_costs(may_change: bool) -> None:
    letters, frame = FakeLetters(replace(look_at(), stage=Stage.ASKING, question="it costs")), FakeFrame(may_change)
    view, act = view_of(letters, frame)
    one = message._View(view.board, frame, QUEUE, "a" * 64)  # type: ignore[arg-type]

    act(act="agree")
    asyncio.run(one.act({"act": "agree"}))

    assert letters.agreed == (2 if may_change else 0)
    assert frame.said == ([] if may_change else [dead_letters.MAY_NOT_AGREE] * 2)
    for head in (view.head(), one.head()):
        assert ("Look all the same" in head) is may_change
        assert ("you may only look" in head) is not may_change


@pytest.mark.parametrize(
    ("queue", "is_shown"),
    [("w", True), ("w.dead", True), ("w.retry.10s", True), ("payroll", False), ("w.dead.dead", False), ("", False)],
)
def test_only_the_queues_that_are_named_are_shown_and_what_is_kept_beside_them(queue: str, is_shown: bool) -> None:
    assert shows(("v", "w"), queue) is is_shown
    assert shows((), queue)
