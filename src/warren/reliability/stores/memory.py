"""The store for tests: a dictionary and a lock. It forgets everything when the process ends.

Not here: the rules of claims (`record.py`) and of statuses (`work_record.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import islice

from warren.clock import Clock, SystemClock
from warren.reliability.idempotency import Claim, ClaimResult, Done, InProgress
from warren.reliability.stores.record import (
    ABANDONED_KEPT,
    PURGE_LIMIT,
    Record,
    is_free,
    is_held,
    micros,
    next_token,
)
from warren.reliability.stores.work_record import WorkRecord, accepted, answer_to, from_json, marked, withdrawn
from warren.reliability.work import Acceptance, Known, Mark, Proposal, Underway, WorkStatus

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps claims and statuses in this process, shared by its threads only."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._records: dict[tuple[str, str], Record] = {}
        self._work: dict[str, WorkRecord] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore, {len(self._records)} keys>"

    def prepare(self) -> None:
        """Do nothing: a dictionary is always there."""

    def claim_many(self, consumer: str, keys: Sequence[str], *, lease: float) -> list[ClaimResult]:
        """Claim each key, in order; of equal keys in one call the first wins and the others are in progress."""
        with self._lock:
            now = self._now()
            return [self._claim(consumer, key, now, now + micros(lease)) for key in keys]

    def renew_many(self, claims: Sequence[Claim], *, lease: float) -> list[bool]:
        """Extend leases from now; False where the claim is no longer held."""
        with self._lock:
            now = self._now()
            until = now + micros(lease)
            return [
                self._replace(claim, Record(claim.token, False, until, until + ABANDONED_KEPT), now) for claim in claims
            ]

    def done_many(self, claims: Sequence[Claim], *, window: float) -> list[bool]:
        """Mark claims done; False where the fencing token is outdated."""
        with self._lock:
            now = self._now()
            until = now + micros(window)
            return [self._replace(claim, Record(claim.token, True, until, until), now) for claim in claims]

    def release_many(self, claims: Sequence[Claim]) -> None:
        """Give claims back after a failure; an outdated claim is left alone."""
        with self._lock:
            now = self._now()
            for claim in claims:
                self._replace(claim, Record(claim.token + 1, False, 0, now + ABANDONED_KEPT), now)

    def purge(self) -> int:
        """Delete up to `PURGE_LIMIT` keys, and as many statuses, that are outside their window; return how many."""
        with self._lock:
            now = self._now()
            expired = (name for name, record in self._records.items() if record.expires <= now)
            names = list(islice(expired, PURGE_LIMIT))
            for name in names:
                del self._records[name]
            work = list(islice((name for name, record in self._work.items() if record.expires <= now), PURGE_LIMIT))
            for work_id in work:
                del self._work[work_id]
            return len(names) + len(work)

    def close(self) -> None:
        """Keep the claims: they are gone when the store is."""

    # -- offloaded work ---------------------------------------------------------------------

    def accept(self, proposal: Proposal) -> Acceptance | Underway | Known:
        """Store that work is about to be published."""
        with self._lock:
            now, present = self._now(), self._work.get(proposal.id)
            new = accepted(present, proposal, now)
            if new is not None:
                self._work[proposal.id] = new
                return Acceptance(proposal.id, new.token)
            assert present is not None  # noqa: S101 - only what is there can be in the way
            return answer_to(proposal, present, now)

    def withdraw(self, acceptance: Acceptance, *, may_be_sent: bool) -> None:
        """End an acceptance whose publish failed; an outdated one is left alone."""
        with self._lock:
            left = withdrawn(self._work.get(acceptance.id), acceptance, may_be_sent=may_be_sent)
            if left is not None:
                self._work[acceptance.id] = left
            else:
                self._work.pop(acceptance.id, None)

    def mark_many(self, marks: Sequence[Mark]) -> None:
        """Write statuses; what does not move one forward is left alone."""
        with self._lock:
            now = self._now()
            for mark in marks:
                new = marked(self._work.get(mark.status.id), mark, now)
                if new is not None:
                    self._work[mark.status.id] = new

    def status(self, work_id: str) -> WorkStatus | None:
        """Return the status of a piece of work; None where there is none (any more)."""
        with self._lock:
            record = self._work.get(work_id)
            return None if record is None or record.expires <= self._now() else from_json(work_id, record.status)

    # -- claims -----------------------------------------------------------------------------

    def _claim(self, consumer: str, key: str, now: int, until: int) -> ClaimResult:
        record = self._records.get((consumer, key))
        if record is not None and not is_free(record, now):
            return Done(consumer, key) if record.is_done else InProgress(consumer, key)
        token = next_token(record, now)
        self._records[consumer, key] = Record(token, False, until, until + ABANDONED_KEPT)
        return Claim(consumer, key, token)

    def _replace(self, claim: Claim, record: Record, now: int) -> bool:
        """Put `record` in place of the claim's; only a done mark may be made twice."""
        name = (claim.consumer, claim.key)
        present = self._records.get(name)
        if present is None or not is_held(present, claim.token, now) or (present.is_done and not record.is_done):
            return False
        self._records[name] = record
        return True

    def _now(self) -> int:
        return micros(self._clock.now())
