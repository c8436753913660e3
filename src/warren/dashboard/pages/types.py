"""The message types of the application: their contracts, who publishes them and who consumes them.

Not here: how contracts are described (`contracts.py`), and who publishes (`publishers.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from warren.app import Warren
from warren.dashboard.board import Board
from warren.dashboard.contracts import MessageType, types_of
from warren.dashboard.fragment import render
from warren.dashboard.publishers import Publishers, look_at_publishers
from warren.dashboard.shell import Frame
from warren.dashboard.standing import doubts

__all__ = ["build_list", "build_one"]


@lru_cache(maxsize=1)
def _types(app: Warren) -> tuple[MessageType, ...]:
    """What an application declares does not change while it is watched."""
    return types_of(app)


def _known(board: Board) -> tuple[MessageType, ...]:
    return () if board.app is None else _types(board.app)


def build_list(board: Board, frame: Frame) -> None:
    """Make the page of all types."""
    wanted = ""

    def content() -> str:
        found = [one for one in _known(board) if _matches(one, wanted)]
        return render(
            "types.html",
            app=board.app,
            report=board.watch.snapshot.report,
            count=len(_known(board)),
            found=found,
            wanted=wanted,
            url=frame.url,
        )

    def act(told: Mapping[str, Any]) -> None:
        nonlocal wanted
        if told.get("act") == "filter":
            wanted = str(told.get("value", ""))[:200].strip()
            fragment.refresh()

    fragment = frame.show(content, on_act=act)


def _matches(one: MessageType, wanted: str) -> bool:
    """Whether a type, its class, or a queue or an exchange of it has all the words in its name."""
    names = [one.name, *(each.class_name for each in one.contracts), *one.exchanges, *(r.queue for r in one.readers)]
    whole = " ".join(names).casefold()
    return all(word in whole for word in wanted.casefold().split())


def build_one(board: Board, frame: Frame, name: str) -> None:
    """Make the page of one type."""
    found = next((one for one in _known(board) if one.name == name), None)

    def publishers() -> Publishers | None:
        if found is None or not found.exchanges:
            return None
        return look_at_publishers(board.reads, board.broker.virtual_host, found.exchanges[0])

    def content() -> str:
        report = board.watch.snapshot.report
        return render(
            "type.html",
            app=board.app,
            report=report,
            is_certain=not doubts(board.watch.snapshot),
            queues={one.queue: one for one in report.queues} if report is not None else {},
            name=name,
            found=found,
            publishers=publishers(),
            url=frame.url,
        )

    frame.show(content, version=lambda: (board.watch.snapshot.number, publishers()))
