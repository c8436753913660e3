"""What is true at the end, as read from the broker's queues and the databases. No counter of Warren's is asked.

Not here: whether it adds up (`ledger.py`).
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from warren.cli.demo.broker_api import BrokerApi

__all__ = ["WITNESS", "ConsumerEvidence", "DeadLetter", "Effect", "Evidence", "gather"]

WITNESS: Final = "witness"
_EFFECTS: Final = {"billing.invoices": ("orders.db", "invoices"), "shipping.labels": ("labels.db", "labels")}


@dataclass(frozen=True, slots=True)
class Effect:
    """A row that a handler wrote, and at which attempt."""

    order_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in a dead-letter queue, with what its headers say."""

    message_id: str
    reason: str
    error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class ConsumerEvidence:
    """One consumer: rows written, dead letters, keys done in the store, and messages left in its queue and tiers."""

    consumer: str
    effects: tuple[Effect, ...]
    dead: tuple[DeadLetter, ...]
    done_keys: int
    left: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was published, each copy with its message id, the orders among it, and every consumer.

    `confirmed` is how many publishes the broker answered for.
    """

    confirmed: int
    published: tuple[str, ...]
    orders: dict[int, str]  # order id → message id
    consumers: tuple[ConsumerEvidence, ...]


def gather(api: BrokerApi, folder: Path, consumers: tuple[str, ...], *, confirmed: int) -> Evidence:
    """Read everything; the worker must have stopped, so that nothing is in its hands."""
    witnessed = api.messages(WITNESS)
    queues = api.queues()
    return Evidence(
        confirmed=confirmed,
        published=tuple(_message_id(message) for message in witnessed),
        orders={
            order_id: _message_id(message) for message in witnessed if (order_id := _order_id(message)) is not None
        },
        consumers=tuple(_of_consumer(api, folder, name, queues) for name in consumers),
    )


def _of_consumer(api: BrokerApi, folder: Path, name: str, queues: list[str]) -> ConsumerEvidence:
    own = [queue for queue in queues if queue == name or queue.startswith(f"{name}.retry.")]
    return ConsumerEvidence(
        consumer=name,
        effects=tuple(Effect(*row) for row in _rows(folder, *_EFFECTS[name])),
        dead=tuple(_dead_letter(message) for message in api.messages(f"{name}.dead")),
        done_keys=_done_keys(folder, name),
        left=sum(len(api.messages(queue)) for queue in own),
    )


def _message_id(message: dict[str, Any]) -> str:
    return str(message["properties"].get("message_id", ""))


def _order_id(message: dict[str, Any]) -> int | None:
    try:
        order_id = json.loads(message["payload"])["order_id"]
    except (ValueError, KeyError, TypeError):
        return None
    return order_id if isinstance(order_id, int) else None


def _dead_letter(message: dict[str, Any]) -> DeadLetter:
    headers = message["properties"].get("headers", {})
    return DeadLetter(
        _message_id(message),
        str(headers.get("x-warren-dead-reason", "unexplained")),
        f"{headers.get('x-warren-dead-error-type', '')}: {headers.get('x-warren-dead-error', '')}",
        int(headers.get("x-warren-dead-attempts", 0)),
    )


def _rows(folder: Path, database: str, table: str) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(folder / database)) as connection:
        return connection.execute(f"SELECT order_id, attempt FROM {table}").fetchall()  # noqa: S608 - our own names


def _done_keys(folder: Path, consumer: str) -> int:
    query = "SELECT count(*) FROM warren_idempotency WHERE consumer = ? AND done"
    with closing(sqlite3.connect(folder / "orders.db")) as connection:
        return int(connection.execute(query, (consumer,)).fetchone()[0])
