"""The status of offloaded work in PostgreSQL: each call one statement, by the server's clock.

Not here: the connections (`postgres.py`); the rules are told in `work_record.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy

from warren.reliability.stores.keys import storable
from warren.reliability.stores.record import micros
from warren.reliability.stores.work_record import as_json, from_json, furthest
from warren.reliability.work import (
    BEING_ACCEPTED,
    MAY_BE_SENT,
    Acceptance,
    Known,
    Mark,
    Proposal,
    Underway,
    WorkState,
    WorkStatus,
)

__all__ = ["accept", "mark", "purge", "status", "withdraw"]

# The time of a statement: the clock's where one was given, else the server's.
_CLOCK: Final = """
(SELECT coalesce(%(now)s::bigint, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint) AS now) AS clock
"""

# A new token is the time, so `excluded.token` is "now" where the record that is met is judged.
_ACCEPT: Final = f"""
INSERT INTO warren_work AS record (id, position, token, until, expires, consumer, fingerprint, status)
SELECT %(id)s::text, {BEING_ACCEPTED}, clock.now, clock.now + %(lease)s::bigint, clock.now + %(kept)s::bigint,
       %(consumer)s::text, %(fingerprint)s::text, %(status)s::text
FROM {_CLOCK}
ON CONFLICT (id) DO UPDATE
SET position = CASE WHEN record.expires <= excluded.token THEN {BEING_ACCEPTED} ELSE {MAY_BE_SENT} END,
    token = greatest(record.token + 1, excluded.token), until = excluded.until, expires = excluded.expires,
    consumer = excluded.consumer, status = excluded.status,
    fingerprint = CASE WHEN excluded.fingerprint = '' AND record.expires > excluded.token
                       THEN record.fingerprint ELSE excluded.fingerprint END
WHERE record.expires <= excluded.token
   OR (record.position <= {MAY_BE_SENT} AND record.until <= excluded.token
       AND (record.fingerprint = excluded.fingerprint OR '' IN (record.fingerprint, excluded.fingerprint)))
RETURNING record.token
"""  # noqa: S608 - of constants only

_FIND: Final = f"""
SELECT record.status, record.fingerprint, record.position <= {MAY_BE_SENT} AND record.until > clock.now
FROM warren_work AS record, {_CLOCK}
WHERE record.id = %(id)s::text AND record.expires > clock.now
"""  # noqa: S608 - of constants only

_FORGET: Final = f"""
DELETE FROM warren_work
WHERE id = %(id)s::text AND token = %(token)s::bigint AND position = {BEING_ACCEPTED}
"""  # noqa: S608 - of constants only

_LEAVE: Final = f"""
UPDATE warren_work SET position = {MAY_BE_SENT}, until = 0
WHERE id = %(id)s::text AND token = %(token)s::bigint AND position <= {MAY_BE_SENT}
"""  # noqa: S608 - of constants only

_MARK: Final = f"""
INSERT INTO warren_work AS record (id, position, token, until, expires, consumer, fingerprint, status)
SELECT mark.id, mark.position, 0, 0, clock.now + mark.kept, mark.consumer, '', mark.status
FROM {_CLOCK}, unnest(%(ids)s::text[], %(positions)s::bigint[], %(kept)s::bigint[], %(consumers)s::text[],
                      %(statuses)s::text[]) AS mark (id, position, kept, consumer, status)
ON CONFLICT (id) DO UPDATE
SET position = excluded.position, until = 0, expires = excluded.expires, consumer = excluded.consumer,
    status = excluded.status,
    fingerprint = CASE WHEN record.expires <= (SELECT now FROM {_CLOCK}) THEN '' ELSE record.fingerprint END
WHERE record.expires <= (SELECT now FROM {_CLOCK})
   OR (excluded.position > record.position AND record.consumer IN ('', excluded.consumer))
"""  # noqa: S608 - of constants only

_PURGE: Final = f"""
DELETE FROM warren_work WHERE id IN (
    SELECT id FROM warren_work, {_CLOCK}
    WHERE expires <= clock.now ORDER BY expires LIMIT %(limit)s FOR UPDATE OF warren_work SKIP LOCKED
)
"""  # noqa: S608 - of constants only

_TRIES: Final = 5


def accept(connection: sqlalchemy.Connection, proposal: Proposal, now: int | None) -> Acceptance | Underway | Known:
    """Store a new acceptance, or tell why there is none."""
    parameters = {
        "id": storable(proposal.id),
        "lease": micros(proposal.lease),
        "kept": micros(proposal.kept),
        "consumer": storable(proposal.consumer),
        "fingerprint": storable(proposal.fingerprint),
        "status": as_json(WorkStatus(id=proposal.id, state=WorkState.ACCEPTED, accepted_at=proposal.accepted_at)),
        "now": now,
    }
    for _ in range(_TRIES):  # what was in the way may be gone by the second statement
        token: int | None = connection.exec_driver_sql(_ACCEPT, parameters).scalar()
        if token is not None:
            return Acceptance(proposal.id, token)
        found: Any = connection.exec_driver_sql(_FIND, parameters).one_or_none()
        if found is not None:
            text, fingerprint, is_underway = found
            return Underway(proposal.id) if is_underway else Known(from_json(proposal.id, text), fingerprint)
    return Underway(proposal.id)


def withdraw(connection: sqlalchemy.Connection, acceptance: Acceptance, *, may_be_sent: bool) -> None:
    """End an acceptance."""
    parameters = {"id": storable(acceptance.id), "token": acceptance.token}
    if may_be_sent or not connection.exec_driver_sql(_FORGET, parameters).rowcount:
        connection.exec_driver_sql(_LEAVE, parameters)


def mark(connection: sqlalchemy.Connection, marks: Sequence[Mark], now: int | None) -> None:
    """Write what moves a status forward."""
    rows = sorted((storable(each.status.id), each) for each in furthest(marks))
    parameters = {
        "ids": [name for name, _ in rows],
        "positions": [each.position for _, each in rows],
        "kept": [micros(each.kept) for _, each in rows],
        "consumers": [storable(each.consumer) for _, each in rows],
        "statuses": [as_json(each.status) for _, each in rows],
        "now": now,
    }
    connection.exec_driver_sql(_MARK, parameters)


def status(connection: sqlalchemy.Connection, work_id: str, now: int | None) -> WorkStatus | None:
    """Return a status that is inside its window."""
    found: Any = connection.exec_driver_sql(_FIND, {"id": storable(work_id), "now": now}).one_or_none()
    return None if found is None else from_json(work_id, found[0])


def purge(connection: sqlalchemy.Connection, now: int | None, *, limit: int) -> int:
    """Delete what is outside its window; return how many rows."""
    return connection.exec_driver_sql(_PURGE, {"now": now, "limit": limit}).rowcount
