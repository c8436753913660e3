"""What Celery's messages say in their headers (task protocol 2): a task's name, its id, and when it may run.

Not here: their bodies, and contracts for them (`integrations/celery.py`).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

from warren.contracts.properties import Headers
from warren.errors import InvalidPayload

__all__ = ["LANG", "TASK", "TASK_ID", "check_due", "task_id", "task_name"]

TASK: Final = "task"
TASK_ID: Final = "id"
LANG: Final = "lang"
ETA: Final = "eta"
LEEWAY: Final = 5.0
"""Seconds that a task may be early: its caller's clock may be ahead of ours."""


def task_name(headers: Headers) -> str | None:
    """Return the name of the task that a message asks for; None where it is no message of Celery's."""
    return str(headers[TASK]) if _is_task(headers) else None


def task_id(headers: Headers) -> str | None:
    """Return the id of the task, which is the same when Celery sends it again; None where there is none."""
    return str(headers[TASK_ID])[:255] if _is_task(headers) else None


def check_due(headers: Headers, now: float) -> None:
    """Raise `InvalidPayload` for a task that is to run later than `now`, in seconds since the epoch.

    Brokers deliver it at once, and Celery's workers hold it. Run now, it would be early without anybody noticing. For
    quorum queues Celery has the broker wait, and such a task is due when it comes.
    """
    eta = headers.get(ETA)
    if eta is not None and _is_task(headers) and _seconds(eta) > now + LEEWAY:
        raise InvalidPayload(
            f"task {headers[TASK]!r:.120} is to wait until {eta!s:.40}, as only a Celery worker does; replay it then"
        )


def _seconds(eta: object) -> float:
    try:
        at = datetime.fromisoformat(str(eta))
    except ValueError:
        return math.inf
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def _is_task(headers: Headers) -> bool:
    # All three: "task" or "id" alone may be anybody's.
    return LANG in headers and isinstance(headers.get(TASK), str) and isinstance(headers.get(TASK_ID), str)
