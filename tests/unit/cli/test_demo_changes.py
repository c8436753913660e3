"""What somebody edits or discards in the demo's dashboard is left out of its books, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

from warren.cli.demo.changes import Changed, read_changed, without
from warren.cli.demo.evidence import ConsumerEvidence, DeadLetter, Effect, Evidence
from warren.cli.demo.ledger import open_account

PUBLISHED = ("order-1", "order-2", "order-2", "order-3", "no-json-0")


def evidence(*effects: int, dead: tuple[str, ...], orders: tuple[int, ...] = (1, 2, 3)) -> Evidence:
    consumer = ConsumerEvidence(
        consumer="billing.invoices",
        effects=tuple(Effect(order, 1) for order in effects),
        dead=tuple(DeadLetter(message_id, "permanent", "", 1) for message_id in dead),
        done_keys=len(effects),
        left=0,
    )
    return Evidence(
        confirmed=len(PUBLISHED),
        published=PUBLISHED,
        orders={order: f"order-{order}" for order in orders},
        consumers=(consumer,),
    )


def closes(whole: Evidence, changed: Changed) -> bool:
    left = without(whole, changed)
    return open_account(left, left.consumers[0]).closes


def test_books_that_nobody_touched_stay_as_they_are() -> None:
    whole = evidence(1, 2, dead=("order-3", "no-json-0"))
    assert without(whole, Changed()) == whole
    assert closes(whole, Changed())


def test_a_discarded_message_is_missed_unless_it_is_left_out() -> None:
    whole = evidence(1, 2, dead=("order-3",))
    assert not closes(whole, Changed())
    assert closes(whole, Changed(discarded=frozenset({"no-json-0"})))
    assert closes(
        evidence(1, 3, dead=("no-json-0",)), Changed(discarded=frozenset({"order-2"}))
    )  # with its second copy


def test_an_edited_message_may_have_become_an_order_that_was_never_published() -> None:
    whole = evidence(1, 2, 77, dead=("order-3",))
    assert not closes(whole, Changed())
    assert closes(whole, Changed(edited=frozenset({"no-json-0"})))
    assert closes(evidence(1, 2, 3, dead=("no-json-0",)), Changed(edited=frozenset({"order-3"})))


def test_what_is_wrong_beside_a_change_is_still_seen() -> None:
    changed = Changed(edited=frozenset({"no-json-0"}))
    assert not closes(evidence(1, 2, 77, 78, dead=("order-3",)), changed)  # two strangers, and one edit
    assert not closes(evidence(1, 1, 2, 77, dead=("order-3",)), changed)  # an effect twice
    assert not closes(evidence(1, 77, dead=("order-3",)), changed)  # one is lost


def test_changes_are_read_from_the_audit_log_and_the_files_beside_it(tmp_path: Path) -> None:
    assert read_changed(tmp_path) == Changed()
    log = [
        {"phase": "intent", "action": "edit", "options": {"message_id": "order-1"}},
        {"phase": "intent", "action": "discard", "options": {}},
        {"phase": "result", "outcome": "done"},
    ]
    (tmp_path / "audit.ndjson").write_text("".join(f"{json.dumps(line)}\n" for line in log))
    gone = [{"properties": {"message_id": "order-2"}}, {"properties": {"message_id": "order-3"}}]
    (tmp_path / "warren-discarded-billing.invoices.dead.ndjson").write_text(
        "".join(f"{json.dumps(one)}\n" for one in gone)
    )
    changed = read_changed(tmp_path)
    assert changed == Changed(frozenset({"order-1"}), frozenset({"order-2", "order-3"}))
    assert len(changed) == 3
