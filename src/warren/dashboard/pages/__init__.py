"""The pages: each a file of its own, and here the address of each.

Not here: the server that they are on (`service.py`), and the frame around them (`shell.py`).
"""

from __future__ import annotations

from nicegui import app as pages_app
from nicegui import ui
from starlette.requests import Request

from warren.dashboard import waiting
from warren.dashboard.board import Board
from warren.dashboard.pages import audit, dead_letters, message, missing, overview
from warren.dashboard.pages import queue as queue_page
from warren.dashboard.pages import types as types_pages
from warren.dashboard.shell import open_frame

__all__ = ["add_pages"]


def add_pages(board: Board) -> None:
    """Tell NiceGUI of every page. The addresses are below the prefix that the dashboard is mounted at."""

    @ui.page("/")
    def _overview(request: Request) -> None:
        with open_frame(board, request, title="Overview", here="") as frame:
            overview.build(board, frame, request.query_params)

    @ui.page("/queues/{queue:path}")
    def _queue(request: Request, queue: str) -> None:
        with open_frame(board, request, title=queue, here="") as frame:
            queue_page.build(board, frame, queue)

    @ui.page("/dead-letters")
    def _dead_letters(request: Request) -> None:
        with open_frame(board, request, title="Dead letters", here="dead-letters") as frame:
            dead_letters.build(board, frame)

    @ui.page("/dead-letters/{queue:path}")
    def _dead_letters_of(request: Request, queue: str) -> None:
        asked = request.query_params
        with open_frame(board, request, title=queue, here="dead-letters") as frame:
            fingerprint, filters = asked.get("fingerprint", ""), asked.getlist("filter")
            if not board.shows(queue):
                missing.build(frame)
                return
            dead_letters.build_queue(board, frame, queue, fingerprint=fingerprint, filters=filters)

    @ui.page("/message")
    def _message(request: Request) -> None:
        queue, key = request.query_params.get("queue", ""), request.query_params.get("key", "")
        with open_frame(board, request, title=f"Message {key[:12]}", here="dead-letters") as frame:
            if queue and not board.shows(queue):
                missing.build(frame)
                return
            message.build(board, frame, queue, key)

    @ui.page("/types")
    def _types(request: Request) -> None:
        with open_frame(board, request, title="Message types", here="types") as frame:
            types_pages.build_list(board, frame)

    @ui.page("/types/{name:path}")
    def _type(request: Request, name: str) -> None:
        with open_frame(board, request, title=name, here="types") as frame:
            types_pages.build_one(board, frame, name)

    @ui.page("/audit")
    async def _audit(request: Request) -> None:
        await waiting.for_disk(board.trail.refresh)
        with open_frame(board, request, title="Audit log", here="audit") as frame:
            audit.build(board, frame)

    _add_missing(board)  # after all others: it has every address that none of them has


def _add_missing(board: Board) -> None:
    @ui.page("/{_address:path}")
    def _missing(request: Request) -> None:
        with open_frame(board, request, title="No such page", here="-") as frame:
            missing.build(frame)

    pages_app.on_page_exception(lambda error: missing.build_failed(board, error))
