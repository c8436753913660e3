"""The ledger itself, on evidence made up: it must see what a run should never show."""

from __future__ import annotations

from collections.abc import Sequence

from tests.acceptance.chaos.effects import Effect
from tests.acceptance.chaos.ledger import DeadOrder, Evidence, Ledger, Published, close_ledger
from tests.acceptance.chaos.orders import OrderCreated
from tests.acceptance.chaos.records import Record
from warren.errors import Blocked

PLAIN, REFUSED, OTHER = OrderCreated(order_id=1), OrderCreated(order_id=2, is_refused=True), OrderCreated(order_id=3)
W1, W2 = 101, 102


def effect(order_id: int, pid: int, at: float, *, message_id: str = "", attempt: int = 1) -> Effect:
    return Effect(order_id, message_id or f"m{order_id}", pid, attempt, at)


def ledger(
    effects: Sequence[Effect],
    *,
    dead: Sequence[DeadOrder] = (),
    killed: dict[int, float] | None = None,
    processed: Sequence[tuple[int, str]] = (),
    blocked: Sequence[OrderCreated] = (),
) -> Ledger:
    published = Published(attempted=[PLAIN, REFUSED, OTHER], confirmed=["m1", "m2", "m3"])
    published.refused[Blocked.__name__].extend(blocked)
    records = [Record(pid, 0.0, "Processed", {"message_id": message_id}) for pid, message_id in processed]
    return close_ledger(Evidence(published, effects, dead, records, killed or {}))


ALL_EFFECTS = (effect(1, W1, 1.0), effect(3, W1, 1.0))
REFUSAL = DeadOrder(2, "m2", "permanent")


def test_a_closed_ledger_has_nothing_to_say() -> None:
    closed = ledger(ALL_EFFECTS, dead=[REFUSAL])
    assert (closed.confirmed, closed.lost, closed.repeated, closed.dead) == (3, (), (), 1)
    assert closed.contradictions == ()


def test_a_confirmed_message_without_effect_or_dead_letter_is_lost() -> None:
    assert ledger(ALL_EFFECTS).lost == ("m2",)
    assert ledger([effect(1, W1, 1.0)], dead=[REFUSAL]).lost == ("m3",)


def test_a_repeat_is_explained_by_the_death_of_a_worker_between_effect_and_mark() -> None:
    closed = ledger([*ALL_EFFECTS, effect(1, W2, 9.0)], dead=[REFUSAL], killed={W1: 2.0})
    assert closed.repeated == ("m1",)
    assert closed.unexplained == ()


def test_no_other_repeat_is_explained() -> None:
    again = [*ALL_EFFECTS, effect(1, W2, 9.0)]
    (alive,) = ledger(again).unexplained
    assert "lives on" in alive
    (late,) = ledger(again, killed={W1: 0.5}).unexplained
    assert "after it was killed" in late
    (marked,) = ledger(again, killed={W1: 2.0}, processed=[(W1, "m1")]).unexplained
    assert "marked it done" in marked


def test_what_cannot_be_is_told() -> None:
    cases = {
        "nobody published": ledger([*ALL_EFFECTS, effect(4, W1, 1.0)], dead=[REFUSAL]),
        "their publish was refused": ledger(ALL_EFFECTS, dead=[REFUSAL], blocked=[PLAIN]),
        "several message ids": ledger([*ALL_EFFECTS, effect(1, W1, 2.0, message_id="other")], dead=[REFUSAL]),
        "nobody meant": ledger(ALL_EFFECTS, dead=[REFUSAL, DeadOrder(3, "m3", "exhausted")]),
        "are dead": ledger(ALL_EFFECTS, dead=[REFUSAL, DeadOrder(1, "m1", "permanent")]),
    }
    for text, closed in cases.items():
        assert any(text in each for each in closed.contradictions), text
