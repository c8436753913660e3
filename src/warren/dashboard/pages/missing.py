"""What stands where there is no page, and where a page could not be made.

Not here: what a page says where its queue or message is gone.
"""

from __future__ import annotations

import logging

from nicegui import ui

from warren.dashboard.board import Board
from warren.dashboard.fragment import render
from warren.dashboard.shell import Frame, open_frame

__all__ = ["build", "build_failed"]

_log = logging.getLogger("warren.dashboard")


def build(frame: Frame) -> None:
    """Say that there is no such page."""
    ui.context.client.status_code = 404
    frame.show(lambda: render("missing.html", home=frame.url()), version=lambda: None)


def build_failed(board: Board, error: Exception) -> None:
    """Say that a page could not be made. What was wrong is for the log: it may hold anything."""
    _log.error("a page could not be made", exc_info=error)
    with open_frame(board, ui.context.client.request, title="Failed", here="-") as frame:
        frame.show(lambda: render("failed.html"), version=lambda: None)
