"""What the demo publishes: orders, some with trouble ahead, some twice, some by a producer that knows no contract.

Not here: publishing them (`producer.py`), or what a customer's name brings about (examples/orders/outside.py).
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Item", "Order", "Plain", "write_script"]

FIRST_ORDER: Final = 4_801
EXCHANGE: Final = "orders"
ROUTING_KEY: Final = "orders.created"

_CUSTOMERS: Final = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hedy", "Ivo", "June")

# Of a hundred orders so many have customers with trouble ahead. Both consumers get every order.
_TROUBLES: Final = {
    "slow-1@tax": 5.0,
    "slow-2@tax": 3.0,
    "slow-1@address": 4.0,
    "slow-2@address": 2.0,
    "slow-9@tax": 2.0,
    "slow-9@address": 1.5,
    "unknown@tax": 2.0,
    "unknown@address": 1.0,
}
_PLAIN_SHARE: Final = 4.0  # valid, but from a producer that has never heard of Warren
_TWICE_SHARE: Final = 6.0  # published a second time under the same message id
_MALFORMED_SHARE: Final = 1.0  # of each kind


@dataclass(frozen=True, slots=True)
class Order:
    """An order, published by Warren."""

    message_id: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plain:
    """A body as a plain producer sends it, with a message id and perhaps a type, and nothing of Warren's."""

    message_id: str
    body: bytes
    type: str | None = None


Item = Order | Plain


def write_script(orders: int, *, seed: int, batch: int = 0) -> list[Item]:
    """Return what is published, in order: the orders and a few messages more. The same for the same arguments.

    Another `batch` has other orders, under other numbers.
    """
    rng = random.Random(seed + batch)
    first = FIRST_ORDER + batch * orders
    customers = [name for name, share in _TROUBLES.items() for _ in range(_count(orders, share))]
    customers += [rng.choice(_CUSTOMERS) for _ in range(orders - len(customers))]
    rng.shuffle(customers)
    placed: list[Item] = [_order(number, name, rng) for number, name in enumerate(customers[:orders], first)]
    easy = [number for number, name in enumerate(customers[:orders]) if "@" not in name]
    for number in rng.sample(easy, min(len(easy), _count(orders, _PLAIN_SHARE))):
        placed[number] = _as_plain(placed[number])
    malformed = _count(orders, _MALFORMED_SHARE)
    for number in range(batch * malformed, (batch + 1) * malformed):
        placed += _malformed(number, rng)
    # Each has its moment, and a second copy a later one.
    timed = [(rng.random(), item) for item in placed]
    for number in rng.sample(easy, min(len(easy), _count(orders, _TWICE_SHARE))):
        moment, item = timed[number]
        timed.append((rng.uniform(moment, 1.0), item))
    return [item for _, item in sorted(timed, key=lambda pair: pair[0])]


def _as_plain(item: Item) -> Item:
    return Plain(item.message_id, json.dumps(item.fields).encode()) if isinstance(item, Order) else item


def _count(orders: int, share: float) -> int:
    return max(1, round(orders * share / 100))


def _order(number: int, customer: str, rng: random.Random) -> Order:
    fields = {"order_id": number, "event": "created", "customer": customer, "total_cents": rng.randint(500, 90_000)}
    return Order(f"order-{number}", fields)


def _malformed(number: int, rng: random.Random) -> list[Plain]:
    """Return one message of each kind that fits no contract of its consumers."""
    order_id = rng.randint(1_000, 4_800)
    sound = {"order_id": order_id, "event": "created", "customer": "Kay", "total_cents": 1_200}
    without_customer = {name: value for name, value in sound.items() if name != "customer"}
    kinds = {
        "wrong-type": (json.dumps(sound | {"order_id": str(order_id)}).encode(), None),
        "missing-field": (json.dumps(without_customer).encode(), None),
        "negative-total": (json.dumps(sound | {"total_cents": -1_200}).encode(), None),
        "no-json": (f"order {order_id}, please".encode(), None),
        "unknown-type": (json.dumps(sound).encode(), "orders.moved"),
    }
    return [Plain(f"{kind}-{number}", body, type_) for kind, (body, type_) in kinds.items()]
