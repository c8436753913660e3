"""Every change there was: who, when, what, why, and what became of it; and the changes that are under way.

Not here: the file (`changes/audit.py`, `changes/trail.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nicegui import ui

from warren.dashboard import waiting
from warren.dashboard.board import Board
from warren.dashboard.changes.jobs import Job
from warren.dashboard.fragment import render
from warren.dashboard.shell import Frame

__all__ = ["build"]

_OFTEN: Final = 2.0  # seconds between two looks at the file


def build(board: Board, frame: Frame) -> None:
    """Make the page. The trail was read before, and is read again while it is open."""
    changes, trail = board.changes, board.trail

    def running() -> list[Job]:
        return [] if changes is None else [job for job in changes.jobs.all() if job.is_running]

    def content() -> str:
        jobs = running()
        return render(
            "audit.html",
            trail=trail,
            jobs=jobs,
            running={job.record.id for job in jobs},
            may_change=frame.may_change and changes is not None,
            is_read_only=changes is None,
            url=frame.url,
        )

    def act(told: Mapping[str, Any]) -> None:
        if changes is None or not frame.may_change:
            frame.say("Nothing was changed: this dashboard is read-only for you.", is_problem=True)
        elif told.get("act") == "cancel-job":
            changes.jobs.cancel(str(told.get("job", "")), frame.user)

    async def refresh() -> None:
        await waiting.for_disk(trail.refresh)

    frame.show(content, on_act=act, version=lambda: (trail.number, tuple(job.version for job in running())))
    ui.timer(_OFTEN, refresh)
