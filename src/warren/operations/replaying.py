"""What a message carries when it goes back to a queue. Pure: no I/O, no clock.

Not here: which queue (`resolve.py`), or sending it there (`replay.py`, `drain.py`).

A dead letter goes back as a first attempt: nothing of its death stays but what died last and how often it was
replayed. Anything else goes back as it was. In both cases some things cannot travel: what the broker adds by itself
(x-death, delivery counts), CC and BCC, by which it would reach other queues too, and the `user_id` of another user,
which RabbitMQ refuses.
"""

from __future__ import annotations

from dataclasses import dataclass

from warren.contracts.copies import copy_properties
from warren.contracts.envelope import Outgoing
from warren.contracts.headers import (
    ATTEMPT,
    DEAD_PREFIX,
    DELAY,
    EDITED_AT,
    EDITED_BY,
    MAX_DELAY_MS,
    OUTCOME_HEADERS,
    OUTCOME_KEY,
    OUTCOME_TO,
    OUTCOME_UNTIL,
    REPLAYED_AT,
    REPLAYED_FINGERPRINT,
    REPLAYS,
    replays_of,
    sent_at_of,
)
from warren.contracts.properties import EMPTY_HEADERS, FieldValue, Properties

__all__ = ["Edit", "OutcomeWanted", "moved", "replayed"]

_BY_BROKER = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeWanted:
    """Where to tell what became of a copy, and until when (seconds since the epoch).

    With a `key` every outcome is told, without one only that it died again.
    """

    queue: str
    until: float
    key: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Who changed a body, as user@host, and when (seconds since the epoch)."""

    by: str
    at: float


def moved(properties: Properties, body: bytes, *, to: str, user: str) -> Outgoing:
    """Return a message for another queue as it is; `user` is who publishes it."""
    own = properties.user_id in (None, user)
    headers = properties.headers
    if not own or any(name.startswith(_BY_BROKER) or name in ("CC", "BCC") for name in headers):
        headers = copy_properties(properties._replace(user_id=None if own else properties.user_id)).headers
        headers = headers or EMPTY_HEADERS  # the broker had begun the table
    kept = properties._replace(headers=headers, user_id=properties.user_id if own else None)
    return Outgoing("", to, kept, body, properties.message_id or "", properties.type or "")


def replayed(
    properties: Properties,
    body: bytes,
    *,
    to: str,
    now: float,
    fingerprint: str,
    outcome: OutcomeWanted | None = None,
    edit: Edit | None = None,
) -> Outgoing:
    """Return a dead letter as a first attempt for the queue `to`; `now` is in seconds since the epoch."""
    own: dict[str, FieldValue] = {
        REPLAYS: replays_of(properties.headers) + 1,
        REPLAYED_AT: int(now * 1000),
        REPLAYED_FINGERPRINT: fingerprint,
    }
    sent_at = sent_at_of(properties)
    if sent_at is not None and 0 <= (waited := int((now - sent_at) * 1000)) <= MAX_DELAY_MS:
        own[DELAY] = waited  # or the consumer would seem to lag by the time the message lay dead
    if outcome is not None:
        own |= {OUTCOME_TO: outcome.queue, OUTCOME_UNTIL: int(outcome.until * 1000)}
        if outcome.key is not None:
            own[OUTCOME_KEY] = outcome.key
    if edit is not None:
        own |= {EDITED_AT: int(edit.at * 1000), EDITED_BY: edit.by}
    gone = {name for name in properties.headers if name.startswith(DEAD_PREFIX)} | {ATTEMPT, DELAY} | OUTCOME_HEADERS
    copy = copy_properties(properties, headers=own, without=gone)
    return Outgoing("", to, copy, body, properties.message_id or "", properties.type or "")
