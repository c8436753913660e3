"""What the demo publishes: the same for the same seed, and something of everything."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from warren.cli.demo.script import Order, Plain, write_script


def test_the_same_seed_writes_the_same_script_and_another_seed_another_one() -> None:
    assert write_script(300, seed=1) == write_script(300, seed=1)
    assert write_script(300, seed=1) != write_script(300, seed=2)


@pytest.mark.parametrize("orders", [20, 300, 5_000])
def test_a_script_has_something_of_everything(orders: int) -> None:
    script = write_script(orders, seed=7)
    placed = [item for item in script if isinstance(item, Order)]
    plain = [item for item in script if isinstance(item, Plain)]
    copies = Counter(item.message_id for item in script)
    troubles = {item.fields["customer"] for item in placed if "@" in item.fields["customer"]}
    assert len({name for name in copies if name.startswith("order-")}) == orders
    assert {f"{kind}@{place}" for kind in ("slow-1", "slow-9", "unknown") for place in ("tax", "address")} <= troubles
    assert {item.message_id.rpartition("-")[0] for item in plain} == {
        "order",
        "wrong-type",
        "missing-field",
        "negative-total",
        "no-json",
        "unknown-type",
    }
    assert max(copies.values()) == 2


def test_second_copies_come_later_and_are_equal_to_the_first() -> None:
    script = write_script(300, seed=7)
    first: dict[str, Order | Plain] = {}
    for item in script:
        assert first.setdefault(item.message_id, item) == item
    assert len(first) < len(script)


def test_plain_orders_are_as_sound_as_the_others() -> None:
    for item in write_script(300, seed=7):
        if isinstance(item, Plain) and item.message_id.startswith("order-"):
            assert set(json.loads(item.body)) == {"order_id", "event", "customer", "total_cents"}


def test_another_batch_has_other_messages_under_other_ids() -> None:
    batches = [write_script(100, seed=7, batch=batch) for batch in range(4)]
    ids = [{item.message_id for item in batch} for batch in batches]
    assert sum(map(len, ids)) == len(set().union(*ids))
    assert write_script(100, seed=7, batch=2) == batches[2]
