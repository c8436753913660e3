"""The first page: every consumer's queue a row, worst first; all of them together; and how the broker is.

Not here: which rows those are (`rows.py`), and one queue's page (`queue.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from nicegui import ui

from warren.dashboard.board import Board
from warren.dashboard.fragment import render
from warren.dashboard.history import Signal
from warren.dashboard.rows import PAGE, Choice, Order, choose
from warren.dashboard.shell import Frame
from warren.dashboard.standing import doubts, is_without_management
from warren.dashboard.totals import TOTAL

__all__ = ["build"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_TREND: Final = 900.0  # seconds
_STEPS: Final = 30
_OF_A_QUEUE: Final = (
    Signal.DEPTH,
    Signal.LAG_P95,
    Signal.LAG_WAIT,
    Signal.UNACKED,
    Signal.REDELIVERY_RATE,
    Signal.DEAD,
    Signal.PUBLISH_RATE,
)
_OF_ALL: Final = (Signal.READY, Signal.UNACKED, Signal.DEAD, Signal.PUBLISH_RATE, Signal.ACK_RATE)


def build(board: Board, frame: Frame, asked: Mapping[str, str] = _NOTHING) -> None:
    """Make the page. `asked` is what its address says is wanted."""
    choice = Choice.of(asked)

    def act(told: Mapping[str, Any]) -> None:
        nonlocal choice
        choice = choice.after(told)
        queues.refresh()
        ui.navigate.history.replace(frame.url(**choice.address) if choice.address else frame.url(""))

    frame.show(lambda: _summary(board, frame))
    queues = frame.show(lambda: _queues(board, frame, choice), on_act=act)


def _summary(board: Board, frame: Frame) -> str:
    snapshot = board.watch.snapshot
    trends = board.watch.history.trends([TOTAL], _OF_ALL, seconds=_TREND, points=_STEPS)
    return render(
        "overview.html",
        url=frame.url,
        snapshot=snapshot,
        report=snapshot.report,
        total=snapshot.total,
        trends=trends.get(TOTAL, {}),
        doubts=doubts(snapshot),
        is_without_management=is_without_management(snapshot),
    )


def _queues(board: Board, frame: Frame, choice: Choice) -> str:
    snapshot = board.watch.snapshot
    rows = choose(snapshot, choice)
    names = [row.signals.queue for row in rows.shown]
    return render(
        "queues.html",
        url=frame.url,
        report=snapshot.report,
        total=snapshot.total,
        is_certain=not doubts(snapshot),
        choice=choice,
        rows=rows,
        size=PAGE,
        orders=Order,
        trends=board.watch.history.trends(names, _OF_A_QUEUE, seconds=_TREND, points=_STEPS),
        seconds=_TREND,
    )
