"""One dead letter: what it failed of, what happened to it, and all that it holds but its secrets.

Not here: finding it (`letters/`), and what may be done with it (`actions.py`).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from nicegui import ui

from warren.dashboard.board import Board
from warren.dashboard.changes.choice import Choice
from warren.dashboard.fragment import render
from warren.dashboard.letters.letter import Letter, Sought
from warren.dashboard.letters.queues import depth_of
from warren.dashboard.letters.shown import MOST_FOUND, parts_of
from warren.dashboard.pages.actions import add_actions
from warren.dashboard.pages.dead_letters import MAY_NOT_AGREE, exported, file_name, inspect_command
from warren.dashboard.shell import Frame
from warren.errors import WarrenError

__all__ = ["build"]

_LONGEST_SEARCH: Final = 200  # characters


def build(board: Board, frame: Frame, queue: str, key: str) -> None:
    """Make the page of the message that `key` names."""
    view = _View(board, frame, queue, key)
    if not view.is_named:
        frame.show(lambda: render("message_unknown.html", url=frame.url, queue=queue), version=lambda: 0)
        return
    board.letters.seek(queue, key, depth=depth_of(board.watch.snapshot.report, queue), is_arriving=True)
    frame.show(view.head, on_act=view.act, version=view.version)
    add_actions(board, frame, view.chosen, view.place)
    frame.show(view.why, version=view.version)
    frame.show(view.body, on_act=view.act, version=view.version)
    frame.show(view.rest, version=view.version)


@final
@dataclass(slots=True)
class _View:
    """One browser's view of a message. `wanted` is looked for in its body."""

    board: Board
    frame: Frame
    queue: str
    key: str
    wanted: str = ""
    is_exporting: bool = False
    changes: int = 0

    @property
    def is_named(self) -> bool:
        """Whether the address can be one of a message."""
        return bool(self.queue) and len(self.key) == 64 and set(self.key) <= set("0123456789abcdef")

    def version(self) -> object:
        """Whatever changes when there is something else to show."""
        return self._sought(), self.changes

    def head(self) -> str:
        """What it is, and whether it is there."""
        sought = self._sought()
        return render(
            "message.html",
            url=self.frame.url,
            queue=self.queue,
            sought=sought,
            letter=sought.letter,
            furthest=self.board.letters.furthest,
            inspect=inspect_command(self.queue),
            is_exporting=self.is_exporting,
            may_agree=self.frame.may_change,
        )

    def why(self) -> str:
        """What it failed of, and its journey."""
        letter = self._sought().letter
        return "" if letter is None else render("message_why.html", letter=letter)

    def body(self) -> str:
        """Its body, with what was looked for."""
        letter = self._sought().letter
        if letter is None:
            return ""
        parts = parts_of(letter.body.text, self.wanted)
        found = sum(part.is_found for part in parts)
        return render(
            "message_body.html",
            letter=letter,
            parts_of_body=parts,
            wanted=self.wanted,
            found=found,
            most_found=MOST_FOUND,
        )

    def rest(self) -> str:
        """Its properties and headers."""
        letter = self._sought().letter
        if letter is None:
            return ""
        return render("message_headers.html", letter=letter, drain=_drain_command(self.queue, letter))

    def chosen(self) -> Choice | None:
        """The message, as long as it is there."""
        sought = self._sought()
        if sought.letter is None or sought.is_gone:
            return None
        return self.place()

    def place(self) -> Choice:
        """The message, also where it is gone."""
        letter = self._sought().letter
        return Choice(
            queue=self.queue, keys=(self.key,), fingerprint=None if letter is None else letter.told.fingerprint
        )

    async def act(self, told: Mapping[str, Any]) -> None:
        """Do what was clicked. What comes from a browser may be anything."""
        self.changes += 1
        match told.get("act"):
            case "again":
                self._seek_again()
            case "further":
                self._seek_again(reach=self.board.letters.furthest)
            case "agree":
                self._agree()
            case "find":
                self.wanted = str(told.get("value", ""))[:_LONGEST_SEARCH]
            case "export" if not self.is_exporting:
                await self._export()

    async def _export(self) -> None:
        self.is_exporting = True
        choice, reach = Choice(queue=self.queue, keys=(self.key,)), self._sought().reach
        try:
            found = await exported(self.board, choice, reach=reach)
        except WarrenError as error:
            self.frame.say(str(error), is_problem=True)
            return
        finally:
            self.is_exporting = False
            self.changes += 1
        if not found.count:
            self.frame.say(f"The message is not in {self.queue} any more.", is_problem=True)
            return
        ui.download.content(found.lines, file_name(self.queue, self.key[:12]), "application/x-ndjson")

    def _sought(self) -> Sought:
        return self.board.letters.seek(self.queue, self.key, depth=self._depth())

    def _seek_again(self, *, reach: int | None = None, agreed: bool = False) -> None:
        self.board.letters.seek_again(self.queue, self.key, depth=self._depth(), reach=reach, agreed=agreed)

    def _agree(self) -> None:
        if self.frame.may_change:
            self._seek_again(agreed=True)
        else:
            self.frame.say(MAY_NOT_AGREE, is_problem=True)

    def _depth(self) -> int | None:
        return depth_of(self.board.watch.snapshot.report, self.queue)


def _drain_command(queue: str, letter: Letter) -> str:
    """The command that takes the message out of the queue, byte for byte; none where no filter names it alone."""
    name = letter.told.message_id
    return shlex.join(["warren", "drain", queue, "--to", file_name(queue), "--filter", f"id={name}"]) if name else ""
