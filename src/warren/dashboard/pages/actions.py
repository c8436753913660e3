"""What may be done with the dead letters that a page shows: replay, discard, edit.

Not here: doing it (`changes/`), the fields of the form (`forms.py`), and which messages are meant (the page).

Each act of a browser is asked anew whether it may: a button that is not there can still be sent. What a form is about
is frozen when it is opened; what was counted is the most that is changed then.
"""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, final

from warren.dashboard import waiting
from warren.dashboard.board import Board
from warren.dashboard.changes.changes import Changes
from warren.dashboard.changes.choice import Choice
from warren.dashboard.changes.counting import Counted
from warren.dashboard.changes.edit import Draft
from warren.dashboard.changes.jobs import Job
from warren.dashboard.changes.records import Action
from warren.dashboard.changes.replay import Bounds
from warren.dashboard.fragment import Fragment, render
from warren.dashboard.pages.forms import LONGEST_TEXT, Fields, text_in
from warren.dashboard.shell import Frame
from warren.errors import WarrenError
from warren.operations.editing import Problem
from warren.operations.halt import Halt
from warren.operations.tally import Tally

__all__ = ["Panel", "Stage", "add_actions"]

_log = logging.getLogger("warren.dashboard")

_ENDED_SHOWN: Final = 3  # jobs of the queue that have ended,
_COUNT_HOLDS: Final = 300.0  # seconds, then it is counted again
_SHOWN_FOR: Final = 900.0  # and how long they are shown, in seconds


class Stage(enum.StrEnum):
    """Where a person is with an action."""

    CLOSED = "closed"
    ASKING = "asking"
    COUNTING = "counting"
    COUNTED = "counted"
    FINDING = "finding"
    WRITING = "writing"
    BEGINNING = "beginning"


def add_actions(
    board: Board, frame: Frame, selection: Callable[[], Choice | None], place: Callable[[], Choice]
) -> Fragment:
    """Add the panel of what may be done with what `selection` returns now; None where nothing is selected.

    It is asked anew twice a second, so a page need not tell that somebody chose something else. A choice of one key
    can be edited too. `place` is all that the page is about: of the changes that have ended those are shown that may
    have touched it, and what runs on its queue in any case, whoever began it.
    """
    panel = Panel(board, frame, selection, place)
    panel.fragment = frame.show(panel.content, on_act=panel.act, version=panel.version)
    return panel.fragment


@final
class Panel:
    """One browser's panel. `stage`, `fields` and `error` are what it shows."""

    def __init__(
        self, board: Board, frame: Frame, selection: Callable[[], Choice | None], place: Callable[[], Choice]
    ) -> None:
        self.fragment: Fragment | None = None
        self.stage = Stage.CLOSED
        self.fields = Fields()
        self.error = ""
        self._board = board
        self._frame = frame
        self._selection = selection
        self._place = place
        self._action = Action.REPLAY
        self._choice: Choice | None = None  # what the open form is about
        self._tally, self._halt = Tally(), Halt()  # of a count that goes on
        self._counted: Counted | None = None
        self._draft: Draft | None = None
        self._written = ""
        self._problems: tuple[Problem, ...] = ()
        self._left: Action | None = None  # the form that was closed again: its button gets the focus
        self._began = ""  # the job begun last here: it gets the focus of its form
        self._number = 0  # of changes here

    # -- what is shown ------------------------------------------------------------------------

    def version(self) -> object:
        """Whatever changes when there is something else to show."""
        choice = self._selection()
        jobs = tuple(job.version for job in self._jobs())
        return choice, jobs, self._number, self._tally.seen, self._tally.total

    def content(self) -> str:
        """The buttons, or the form, and what goes on in the queue."""
        choice = self._selection()
        about = self._choice or choice
        changes, jobs = self._board.changes, self._jobs()
        newest = max(1, sum(job.is_running for job in jobs))
        return render(
            "actions.html",
            choice=choice,
            about=about,
            may_change=self._may_change,
            is_read_only=changes is None,
            busy=changes.jobs.running_on(about.queue) if changes is not None and about is not None else None,
            shown=jobs[:newest],
            earlier=jobs[newest:],
            left=self._left,
            began=self._began,
            url=self._frame.url,
            stage=self.stage,
            action=self._action,
            fields=self.fields,
            error=self.error,
            tally=self._tally,
            counted=self._counted,
            draft=self._draft,
            written=self._written,
            problems=self._problems,
            file="" if changes is None or about is None else str(changes.file_of(about.queue)),
        )

    @property
    def _may_change(self) -> bool:
        return self._frame.may_change and self._board.changes is not None

    def _jobs(self) -> list[Job]:
        changes = self._board.changes
        if changes is None:
            return []
        place, since = self._place(), time.time() - _SHOWN_FOR
        found = [job for job in changes.jobs.all(place.queue) if job.is_running or place.may_share(job.choice)]
        ended = [job for job in found if job.result is not None and job.result.at > since]
        return [job for job in found if job.is_running] + ended[:_ENDED_SHOWN]

    # -- what is clicked ----------------------------------------------------------------------

    async def act(self, told: Mapping[str, Any]) -> None:
        """Do what a browser asks for, if it may."""
        changes = self._board.changes
        if changes is None or not self._frame.may_change:
            self._frame.say("Nothing was changed: this dashboard is read-only for you.", is_problem=True)
            return
        try:
            self.error = ""
            await self._do(changes, told)
        except WarrenError as error:
            self.error = str(error)
        except Exception:
            _log.exception("an act of a browser failed")
            self._close()
            self.error = "That is a fault of the dashboard; its log says what happened."
        finally:
            self._number += 1
            if self.fragment is not None and not self.fragment.is_deleted:
                self.fragment.refresh()

    async def _do(self, changes: Changes, told: Mapping[str, Any]) -> None:
        act, stage = told.get("act"), self.stage
        if act == "cancel-job":
            changes.jobs.cancel(text_in(told, "job"), self._frame.user)
        elif act == "close" and stage is not Stage.BEGINNING:
            self._close()
            self._left = self._action
        elif act == "open" and stage is Stage.CLOSED:
            await self._open(changes, text_in(told, "kind"))
        elif act == "count" and (stage is Stage.ASKING or (stage is Stage.COUNTED and self._is_asked)):
            await self._count(changes, told)
        elif act == "back" and stage is Stage.COUNTED:
            self.stage, self._counted = Stage.ASKING, None
        elif act == "begin" and (
            (stage is Stage.COUNTED and not self._is_asked) or (stage is Stage.ASKING and self._is_named)
        ):
            await self._begin(changes, told)
        elif act == "send" and stage is Stage.WRITING:
            await self._send(changes, told)

    @property
    def _is_asked(self) -> bool:
        """Whether nothing was counted, since somebody has to agree to what that costs."""
        return self._counted is not None and bool(self._counted.question)

    @property
    def _is_named(self) -> bool:
        """Whether the messages are named one by one, so that nobody need count them."""
        return self._choice is not None and bool(self._choice.keys)

    def _close(self) -> None:
        self._halt.ask("not wanted any more")
        self.stage, self._choice, self._counted = Stage.CLOSED, None, None
        self._draft, self._written, self._problems = None, "", ()
        self._tally = Tally()

    async def _open(self, changes: Changes, kind: str) -> None:
        choice = self._selection()
        if choice is None or kind not in tuple(Action):
            return
        self._close()
        self._left, self._began = None, ""
        self._action, self._choice = Action(kind), choice
        one = len(choice.keys) == 1
        self.fields = Fields(canary="1" if one else "5")
        if self._action is not Action.EDIT:
            self.stage = Stage.ASKING
        elif one:
            await self._find(changes, choice)

    async def _find(self, changes: Changes, choice: Choice) -> None:
        self.stage, self._halt = Stage.FINDING, Halt()
        self._show()
        halt = self._halt
        try:
            draft = await waiting.for_queue(lambda: changes.draft(choice.queue, choice.keys[0], halt=halt))
        except WarrenError:
            if halt.reason is not None:
                return
            self._close()
            self._left = Action.EDIT
            raise
        if halt.reason is None:
            self._draft, self._written, self.stage = draft, draft.text, Stage.WRITING

    async def _count(self, changes: Changes, told: Mapping[str, Any]) -> None:
        choice = self._choice
        if choice is None:
            return
        self.fields = Fields.of(told, self.fields)
        self._check()
        limit, agreed = self.fields.most(), self._is_asked
        self.stage, self._counted, self._tally, self._halt = Stage.COUNTING, None, Tally(), Halt()
        self._show()
        tally, halt = self._tally, self._halt
        try:
            counted = await waiting.for_queue(
                lambda: changes.count(choice, limit=limit, tally=tally, halt=halt, agreed=agreed)
            )
        except WarrenError:
            if halt.reason is None:
                self.stage = Stage.ASKING
                raise
            return
        if halt.reason is None:
            self._counted, self.stage = counted, Stage.COUNTED

    def _check(self) -> None:
        """Raise for a field that is wrong, before anything is looked at."""
        self.fields.person(self._frame.user)
        if self._action is Action.DISCARD and not self.fields.reason.strip():
            raise WarrenError("Say why they are discarded: the audit log keeps it.")
        if self._action is Action.REPLAY:
            self.fields.pace()

    async def _begin(self, changes: Changes, told: Mapping[str, Any]) -> None:
        choice, former = self._choice, self.stage
        if choice is None:
            return
        self.fields = Fields.of(told, self.fields)
        self._check()
        self._check_count(changes, choice.queue)
        bounds = self._bounds(is_beyond=told.get("beyond") == "on")
        fields, person = self.fields, self.fields.person(self._frame.user)

        def begin() -> Job:
            if self._action is Action.DISCARD:
                return changes.discard(choice, bounds, person)
            return changes.replay(choice, bounds, fields.pace(), person)

        await self._begun(begin, former)

    def _bounds(self, *, is_beyond: bool) -> Bounds:
        counted = self._counted
        if counted is None or is_beyond:
            return Bounds(limit=self.fields.most())
        return Bounds(limit=counted.count, at_most=counted.looked, counted=counted.keys)

    def _check_count(self, changes: Changes, queue: str) -> None:
        """Raise where what was counted says little of what is there now: it is counted again."""
        counted = self._counted
        if counted is None:
            return
        is_old = time.time() - counted.at > _COUNT_HOLDS
        ended = (job.result for job in changes.jobs.all(queue))
        if is_old or any(result is not None and result.at >= counted.at and result.done for result in ended):
            self.stage, self._counted = Stage.ASKING, None
            since = "a while ago" if is_old else "before somebody changed the queue"
            raise WarrenError(f"They were counted {since}: count them again.")

    async def _send(self, changes: Changes, told: Mapping[str, Any]) -> None:
        draft = self._draft
        if draft is None:
            return
        self._written = text_in(told, "body", self._written, longest=LONGEST_TEXT)
        self.fields = Fields.of(told, self.fields)
        read = await waiting.for_disk(lambda: draft.read(self._written))
        if self._draft is not draft or self.stage is not Stage.WRITING:
            return
        self._problems = () if isinstance(read, bytes) else read
        if isinstance(read, bytes):
            body, pace, person = read, self.fields.pace(), self.fields.person(self._frame.user)
            await self._begun(lambda: changes.edit(draft, body, pace, person), Stage.WRITING)

    async def _begun(self, begin: Callable[[], Job], former: Stage) -> None:
        """Begin a job once, however often somebody clicks; where it does not begin, what was written stays."""
        self.stage = Stage.BEGINNING
        try:
            job = await waiting.for_disk(begin)
        except BaseException:
            self.stage = former
            raise
        self._close()
        self._began = job.record.id

    def _show(self) -> None:
        self._number += 1
        if self.fragment is not None:
            self.fragment.refresh()
