"""Tells a replaying command what became of the messages it sent back.

Not here: settling itself (`settle.py`), or the command's side (`operations/outcomes.py`).

A notice is a small message to the queue that the replayed message names. It is best effort, and comes after the
acknowledgement: it delays nothing, it is sent once, and nobody counts on it. Only queues that are named as those of a
replay are told anything, because what asks is a header, and headers come from outside.
"""

from __future__ import annotations

import json
from typing import Final

from warren.clock import Clock
from warren.contracts.envelope import Outgoing
from warren.contracts.headers import OUTCOME_KEY, OUTCOME_PREFIX, OUTCOME_TO, OUTCOME_UNTIL, REPLAYED_FINGERPRINT
from warren.contracts.properties import TRANSIENT, Properties
from warren.errors import MessageTooLarge
from warren.observability import events
from warren.transport.publisher import PublishChannel
from warren.worker.job import Job

__all__ = ["OutcomeNotices", "notice_of"]

TIMEOUT: Final = 10.0
_TYPE: Final = "warren.outcome"


class OutcomeNotices:
    """Sends notices through the channel of a worker's copies."""

    def __init__(self, copies: PublishChannel, clock: Clock) -> None:
        self._copies = copies
        self._clock = clock

    def tell(self, job: Job, event: events.Event | None) -> None:
        """Tell of a delivery that has been settled; `event` says how, None that it was acknowledged."""
        if OUTCOME_TO not in job.incoming.properties.headers:
            return
        notice = notice_of(job, event, now=self._clock.now())
        if notice is None:
            return
        try:
            # Not announced: whoever asked may have ended, which is nobody's error.
            self._copies.submit([self._copies.entry(notice, timeout=TIMEOUT, settled=_ignore, announced=False)])
        except (MessageTooLarge, ValueError):
            pass  # a key or fingerprint that fits nowhere; the replaying command waits in vain, and says so


def notice_of(job: Job, event: events.Event | None, *, now: float) -> Outgoing | None:
    """Return the notice to send, None where none is wanted."""
    headers = job.incoming.properties.headers
    queue, until, key = headers.get(OUTCOME_TO), headers.get(OUTCOME_UNTIL), headers.get(OUTCOME_KEY)
    if not (isinstance(queue, str) and queue.startswith(OUTCOME_PREFIX)):
        return None
    if not (isinstance(until, int) and now * 1000 <= until):
        return None
    told: dict[str, object] = {"message_id": job.message_id, "key": key if isinstance(key, int) else None}
    match event:
        case events.DeadLettered():
            came_from = headers.get(REPLAYED_FINGERPRINT)
            told |= {
                "outcome": "dead_letter",
                "reason": event.reason,
                "error": event.error,
                "fingerprint": event.fingerprint,
                "replayed_fingerprint": came_from if isinstance(came_from, str) else None,
            }
        case events.Retried() if key is not None:
            told |= {"outcome": "retry", "error": event.error}
        case None if key is not None:
            told |= {"outcome": "ack"}
        case _:
            return None
    properties = Properties(content_type="application/json", delivery_mode=TRANSIENT, type=_TYPE)
    return Outgoing("", queue, properties, json.dumps(told).encode(), "", _TYPE)


def _ignore(*_: object) -> None:
    """Do nothing: a notice is sent once."""
