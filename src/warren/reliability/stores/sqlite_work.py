"""The status of offloaded work in SQLite: what is said to the database inside a transaction of the store's.

Not here: the transactions (`sqlite.py`), the rules (`work_record.py`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple
from typing import Final

from warren.reliability.stores.keys import storable
from warren.reliability.stores.work_record import (
    WorkRecord,
    accepted,
    answer_to,
    from_json,
    furthest,
    marked,
    withdrawn,
)
from warren.reliability.work import Acceptance, Known, Mark, Proposal, Underway, WorkStatus

__all__ = ["accept", "mark", "purge", "status", "withdraw"]

_FIND: Final = """
SELECT position, token, until, expires, consumer, fingerprint, status FROM warren_work WHERE id = ?
"""

_PUT: Final = """
INSERT OR REPLACE INTO warren_work (id, position, token, until, expires, consumer, fingerprint, status)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""

_PURGE: Final = """
DELETE FROM warren_work WHERE id IN (SELECT id FROM warren_work WHERE expires <= ? ORDER BY expires LIMIT ?)
"""


def accept(connection: sqlite3.Connection, proposal: Proposal, now: int) -> Acceptance | Underway | Known:
    """Store a new acceptance, or tell why there is none."""
    present = _find(connection, proposal.id)
    new = accepted(present, proposal, now)
    if new is not None:
        _put(connection, proposal.id, new)
        return Acceptance(proposal.id, new.token)
    assert present is not None  # noqa: S101 - only what is there can be in the way
    return answer_to(proposal, present, now)


def withdraw(connection: sqlite3.Connection, acceptance: Acceptance, *, may_be_sent: bool) -> None:
    """End an acceptance."""
    present = _find(connection, acceptance.id)
    left = withdrawn(present, acceptance, may_be_sent=may_be_sent)
    if left is None:
        connection.execute("DELETE FROM warren_work WHERE id = ?", (storable(acceptance.id),))
    elif left is not present:
        _put(connection, acceptance.id, left)


def mark(connection: sqlite3.Connection, marks: Sequence[Mark], now: int) -> None:
    """Write what moves a status forward."""
    for each in furthest(marks):
        new = marked(_find(connection, each.status.id), each, now)
        if new is not None:
            _put(connection, each.status.id, new)


def status(connection: sqlite3.Connection, work_id: str, now: int) -> WorkStatus | None:
    """Return a status that is inside its window."""
    record = _find(connection, work_id)
    return None if record is None or record.expires <= now else from_json(work_id, record.status)


def purge(connection: sqlite3.Connection, now: int, *, limit: int) -> int:
    """Delete what is outside its window; return how many rows."""
    return connection.execute(_PURGE, (now, limit)).rowcount


def _find(connection: sqlite3.Connection, work_id: str) -> WorkRecord | None:
    row = connection.execute(_FIND, (storable(work_id),)).fetchone()
    return None if row is None else WorkRecord(*row)


def _put(connection: sqlite3.Connection, work_id: str, record: WorkRecord) -> None:
    connection.execute(_PUT, (storable(work_id), *astuple(record)))
