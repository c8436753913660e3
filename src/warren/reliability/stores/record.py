"""What is kept of a key, and the rules of claims as pure functions of it and the time.

Not here: where records are kept. `memory.py` and `sqlite.py` call these rules; `postgres.py` and `redis.py` say the
same in the server's language, so that each call is one round trip.

Times are whole microseconds since the epoch. A token is the time of the claim, or one more than the former token where
that is higher: it grows with every claim, also where the record was purged, or lost in a fail-over, in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ABANDONED_KEPT", "PURGE_LIMIT", "Record", "is_free", "is_held", "micros", "next_token"]

ABANDONED_KEPT: Final = 86_400 * 1_000_000
"""How long a claim that was neither finished nor claimed again is remembered: a day after its lease."""

PURGE_LIMIT: Final = 10_000
"""How many records one purge deletes at most."""


@dataclass(frozen=True, slots=True)
class Record:
    """One key of one consumer, claimed or done."""

    token: int
    is_done: bool
    until: int  # The end of the lease, or of the window if done: from then on the key can be claimed.
    expires: int  # From then on it is as if the record had never been.


def micros(seconds: float) -> int:
    """Return whole microseconds."""
    return round(seconds * 1_000_000)


def is_free(record: Record | None, now: int) -> bool:
    """Whether the key can be claimed."""
    return record is None or record.until <= now


def next_token(record: Record | None, now: int) -> int:
    """Return the token of a claim made now."""
    return now if record is None else max(now, record.token + 1)


def is_held(record: Record | None, token: int, now: int) -> bool:
    """Whether the claim with this token is the latest, done or not."""
    return record is not None and record.token == token and record.expires > now
