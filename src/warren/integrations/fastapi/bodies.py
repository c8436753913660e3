"""The bodies of answers about offloaded work, as clients and the OpenAPI document see them.

Not here: the statuses behind them (`warren/reliability/work.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel

from warren.reliability.work import WorkState, WorkStatus

__all__ = ["WorkBody", "WorkError"]


class WorkError(BaseModel):
    """Why work failed: the class of the failure and the exception's type, never its text."""

    reason: str
    type: str


class WorkBody(BaseModel):
    """One piece of offloaded work."""

    id: str
    status: WorkState
    status_url: str
    accepted_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    error: WorkError | None = None

    @classmethod
    def of(cls, status: WorkStatus, status_url: str) -> WorkBody:
        """Build the body of a status."""
        has_failed = status.state is WorkState.FAILED
        return cls(
            id=status.id,
            status=status.state,
            status_url=status_url,
            accepted_at=_time(status.accepted_at),
            started_at=_time(status.started_at),
            ended_at=_time(status.ended_at),
            attempts=status.attempts,
            error=WorkError(reason=status.reason, type=status.error_type) if has_failed else None,
        )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(round(seconds, 3), UTC)
