"""What is kept of a piece of work, and the rules of its status as pure functions of that and the time.

Not here: where records are kept. `memory.py` and `sqlite_work.py` call these rules; `postgres_work.py` and
`redis_work.py` say the same in the server's language, so that each call is one round trip.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from warren.reliability.stores.record import micros
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

__all__ = ["WorkRecord", "accepted", "answer_to", "as_json", "from_json", "furthest", "marked", "withdrawn"]


@dataclass(frozen=True, slots=True)
class WorkRecord:
    """One piece of work. Times are whole microseconds since the epoch."""

    position: int
    token: int  # of the latest acceptance: its time, or one more than the former token where that is higher
    until: int  # the end of the acceptance's lease
    expires: int  # from then on it is as if the record had never been
    consumer: str
    fingerprint: str
    status: str  # as JSON


def accepted(record: WorkRecord | None, proposal: Proposal, now: int) -> WorkRecord | None:
    """Return the record of a new acceptance, None where there can be none."""
    new = WorkRecord(
        BEING_ACCEPTED,
        now,
        now + micros(proposal.lease),
        now + micros(proposal.kept),
        proposal.consumer,
        proposal.fingerprint,
        as_json(WorkStatus(id=proposal.id, state=WorkState.ACCEPTED, accepted_at=proposal.accepted_at)),
    )
    if record is None or record.expires <= now:
        return new
    is_another = "" not in (record.fingerprint, new.fingerprint) and record.fingerprint != new.fingerprint
    if record.position > MAY_BE_SENT or record.until > now or is_another:
        return None
    fingerprint = new.fingerprint or record.fingerprint
    return replace(new, position=MAY_BE_SENT, token=max(now, record.token + 1), fingerprint=fingerprint)


def answer_to(proposal: Proposal, record: WorkRecord, now: int) -> Underway | Known:
    """Tell why there is no new acceptance beside this record."""
    if record.position <= MAY_BE_SENT and record.until > now:
        return Underway(proposal.id)
    return Known(from_json(proposal.id, record.status), record.fingerprint)


def withdrawn(record: WorkRecord | None, acceptance: Acceptance, *, may_be_sent: bool) -> WorkRecord | None:
    """Return what is left of a record whose acceptance ends; None where nothing is."""
    if record is None or record.token != acceptance.token or record.position > MAY_BE_SENT:
        return record
    if record.position == BEING_ACCEPTED and not may_be_sent:
        return None
    return replace(record, position=MAY_BE_SENT, until=0)


def marked(record: WorkRecord | None, mark: Mark, now: int) -> WorkRecord | None:
    """Return the record with a mark, None where the mark changes nothing."""
    new = WorkRecord(mark.position, 0, 0, now + micros(mark.kept), mark.consumer, "", as_json(mark.status))
    if record is None or record.expires <= now:
        return new
    if mark.position <= record.position or record.consumer not in ("", mark.consumer):
        return None
    return replace(new, token=record.token, fingerprint=record.fingerprint)


def furthest(marks: Sequence[Mark]) -> list[Mark]:
    """Return one mark for each piece of work, ordered by id, so that concurrent calls lock rows in one order."""
    latest: dict[str, Mark] = {}
    for mark in marks:
        present = latest.get(mark.status.id)
        if present is None or present.position < mark.position:
            latest[mark.status.id] = mark
    return [latest[work_id] for work_id in sorted(latest)]


def as_json(status: WorkStatus) -> str:
    """Write a status down, without its id, which may be any text."""
    known = asdict(status)
    del known["id"]
    return json.dumps(known)


def from_json(work_id: str, text: str) -> WorkStatus:
    """Read what `as_json` wrote."""
    known: dict[str, Any] = json.loads(text)
    return WorkStatus(id=work_id, **{**known, "state": WorkState(known["state"])})
