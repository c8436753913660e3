"""The queues that have dead letters; and of one of them the failures, and the messages of a failure.

Not here: one message (`message.py`), what may be done with them (`actions.py`), and looking (`letters/`).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, final
from urllib.parse import urlencode

from nicegui import ui

from warren.dashboard import waiting
from warren.dashboard.board import Board
from warren.dashboard.changes.choice import Choice
from warren.dashboard.fragment import render
from warren.dashboard.letters.dead_letters import Export
from warren.dashboard.letters.queues import dead_queues, depth_of
from warren.dashboard.letters.seen import GroupSeen, Look
from warren.dashboard.pages.actions import add_actions
from warren.dashboard.shell import Frame
from warren.errors import ConfigurationError, WarrenError
from warren.operations.groups import OTHERS
from warren.operations.select import FIELDS

__all__ = ["MAY_NOT_AGREE", "build", "build_queue", "exported", "file_name", "inspect_command"]

MAY_NOT_AGREE: Final = "Nothing was looked at: only who may change messages can agree to that."


def build(board: Board, frame: Frame) -> None:
    """Make the page of all queues."""

    def content() -> str:
        report = board.watch.snapshot.report
        queues = None if report is None else dead_queues(report)
        return render("dead_letters.html", url=frame.url, queues=queues, report=report)

    frame.show(content)


def build_queue(board: Board, frame: Frame, queue: str, *, fingerprint: str, filters: Sequence[str]) -> None:
    """Make the page of one queue: its failures, or the messages of one of them."""
    texts = tuple(text.strip() for text in filters if text.strip())
    wrong = tuple(text for text in texts if _problem_of(queue, (text,)))
    view = _View(board, frame, queue, fingerprint, texts, _problem_of(queue, texts))
    if wrong:
        view.filters, view.wrong = tuple(text for text in texts if text not in wrong), wrong[-1]
    view.arrive()
    frame.show(view.head, on_act=view.act, version=view.version)
    if view.problem:
        return
    add_actions(board, frame, view.chosen, view.place)
    frame.show(view.groups if not fingerprint else view.messages, on_act=view.act, version=view.version)


async def exported(board: Board, choice: Choice, *, reach: int | None) -> Export:
    """Export messages. Raises `WarrenError`, at once where somebody changes the queue: that may take long."""
    if board.changes is not None:
        board.changes.jobs.check_free(choice.queue)
    return await waiting.for_queue(lambda: board.letters.export(choice, reach=reach))


def file_name(queue: str, what: str = "") -> str:
    """Name a file for an export, of what any file system takes."""
    name = "-".join(each for each in (queue, what) if each)
    return "".join(each if each.isalnum() or each in ".-_" else "_" for each in name)[:120] + ".ndjson"


def inspect_command(queue: str) -> str:
    """The command that looks into a queue without limits."""
    return shlex.join(["warren", "inspect", queue])


def _problem_of(queue: str, filters: tuple[str, ...]) -> str:
    try:
        _ = Choice(queue=queue, filters=filters).selection
    except ConfigurationError as error:
        return str(error)
    return ""


@final
@dataclass(slots=True)
class _View:
    """One browser's view of a queue. `picked` are the keys of messages; `problem` is what is wrong with a filter.

    Once something was picked, nothing stands for it: where all that was picked is gone, nothing is chosen.
    """

    board: Board
    frame: Frame
    queue: str
    fingerprint: str
    filters: tuple[str, ...]
    problem: str
    wrong: str = ""  # the condition that cannot be read: it can be put right where it was written
    picked: set[str] = field(default_factory=set)
    is_picking: bool = False
    is_exporting: bool = False
    changes: int = 0  # of what this browser chose

    # -- what is shown ------------------------------------------------------------------------

    def version(self) -> object:
        """Whatever changes when there is something else to show. Asking is what keeps a look up to date."""
        return self._look(), self._depth(), self.changes

    def head(self) -> str:
        """What is known of the queue, and what is left out."""
        look = self._look()
        return render(
            "dead_letter_queue.html",
            url=self.frame.url,
            address=self.address,
            queue=self.queue,
            fingerprint=self.fingerprint,
            filters=self.filters,
            problem=self.problem,
            wrong=self.wrong,
            depth=self._depth(),
            look=look,
            group=None if look is None else look.group(self.fingerprint),
            furthest=self.board.letters.furthest,
            inspect=inspect_command(self.queue),
            fields=tuple(FIELDS),
            is_exporting=self.is_exporting,
            may_agree=self.frame.may_change,
        )

    def groups(self) -> str:
        """The failures, most often first."""
        look = self._look()
        return render("dead_letter_groups.html", look=look, address=self.address, filters=self.filters)

    def messages(self) -> str:
        """The messages of one failure."""
        look = self._look()
        group = None if look is None else look.group(self.fingerprint)
        self.picked &= _keys(group)
        return render(
            "dead_letter_messages.html",
            url=self.frame.url,
            queue=self.queue,
            look=look,
            group=group,
            picked=self.picked,
            is_picking=self.is_picking,
            is_all=group is not None and len(self.picked) == len(group.summaries),
        )

    def address(self, fingerprint: str = "", filters: Sequence[str] = ()) -> str:
        """Return the address of this queue's page, narrowed."""
        asked = [("fingerprint", fingerprint)] if fingerprint else []
        query = urlencode(asked + [("filter", text) for text in filters], errors="replace")
        return self.frame.url("dead-letters", self.queue) + (f"?{query}" if query else "")

    def chosen(self) -> Choice | None:
        """What an action would mean: the messages that were ticked, else the failure, else all that is let through."""
        if self.picked:
            return replace(self.place(), keys=tuple(sorted(self.picked)))
        if self.is_picking or self.fingerprint == OTHERS or self._is_nothing():
            return None
        return Choice(queue=self.queue, fingerprint=self.fingerprint or None, filters=self.filters)

    def place(self) -> Choice:
        """All that the page is about."""
        known = self.fingerprint if self.fingerprint != OTHERS else ""
        return Choice(queue=self.queue, fingerprint=known or None)

    def _is_nothing(self) -> bool:
        """Whether all of the queue was looked at, and what the page is about is not in it."""
        look = self._look()
        if look is None or not look.is_settled or look.is_partial or look.problem:
            return False
        return not look.matched if not self.fingerprint else look.group(self.fingerprint) is None

    # -- what is clicked ----------------------------------------------------------------------

    async def act(self, told: Mapping[str, Any]) -> None:
        """Do what was clicked. What comes from a browser may be anything."""
        self.changes += 1
        match told.get("act"):
            case "again":
                self._look_again()
            case "further":
                self._look_again(reach=self.board.letters.furthest)
            case "agree":
                self._agree()
            case "pick":
                self._pick(str(told.get("name", "")), told.get("checked") is True)
            case "pick-all":
                self._pick_all(told.get("checked") is True)
            case "pick-none":
                self._pick_all(False)
            case "export" if not self.is_exporting:
                await self._export()

    def _pick(self, key: str, is_picked: bool) -> None:
        if is_picked and key in _keys(self._group()):
            self.picked.add(key)
            self.is_picking = True
        elif key in self.picked:
            self.picked.discard(key)
            self.is_picking = bool(self.picked)

    def _pick_all(self, is_picked: bool) -> None:
        self.is_picking = is_picked
        self.picked = _keys(self._group()) if is_picked else set()

    async def _export(self) -> None:
        choice, look = self.chosen(), self._look()
        if choice is None:
            why = "What was ticked is gone" if self.is_picking else "These are of many kinds"
            self.frame.say(f"{why}; tick the messages to export.", is_problem=True)
            return
        self.is_exporting = True
        try:
            found = await exported(self.board, choice, reach=None if look is None else look.reach)
        except WarrenError as error:
            self.frame.say(str(error), is_problem=True)
            return
        finally:
            self.is_exporting = False
            self.changes += 1
        ui.download.content(found.lines, file_name(self.queue), "application/x-ndjson")
        more = "; there are more than fit an export" if found.is_cut else ""
        self.frame.say(f"{found.count:,} {'message' if found.count == 1 else 'messages'} exported{more}.")

    # -- looking ------------------------------------------------------------------------------

    def arrive(self) -> None:
        """Have the queue looked at for somebody who has just opened its page."""
        if not self.problem:
            self.board.letters.look(self.queue, self.filters, depth=self._depth(), is_arriving=True)

    def _look(self) -> Look | None:
        if self.problem:
            return None
        return self.board.letters.look(self.queue, self.filters, depth=self._depth())

    def _look_again(self, *, reach: int | None = None, agreed: bool = False) -> None:
        self.board.letters.look_again(self.queue, self.filters, depth=self._depth(), reach=reach, agreed=agreed)

    def _agree(self) -> None:
        if self.frame.may_change:
            self._look_again(agreed=True)
        else:
            self.frame.say(MAY_NOT_AGREE, is_problem=True)

    def _group(self) -> GroupSeen | None:
        look = self._look()
        return None if look is None else look.group(self.fingerprint)

    def _depth(self) -> int | None:
        return depth_of(self.board.watch.snapshot.report, self.queue)


def _keys(group: GroupSeen | None) -> set[str]:
    return set() if group is None else {one.key for one in group.summaries}
