"""All that pages may change: counted first, written down, then done as a job. Where it is missing nothing can be.

Not here: the jobs (`jobs.py`), and who may (`access.py`; the pages ask before each).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from warren.app import Warren
from warren.config import BrokerSettings
from warren.dashboard.changes.audit import AuditLog
from warren.dashboard.changes.choice import Choice, among
from warren.dashboard.changes.counting import Counted, count, find
from warren.dashboard.changes.discard import file_of, throw_away
from warren.dashboard.changes.edit import Draft, draft_of
from warren.dashboard.changes.jobs import Job, Jobs, Task
from warren.dashboard.changes.records import Action
from warren.dashboard.changes.replay import Bounds, Pace, send_back
from warren.dashboard.letters.dead_letters import DeadLetters
from warren.dashboard.turns import Turns
from warren.errors import ConfigurationError, WarrenError
from warren.operations.drain import Matches
from warren.operations.halt import Halt
from warren.operations.link import open_connection
from warren.operations.replay import Edited
from warren.operations.replaying import Edit
from warren.operations.tally import Tally
from warren.transport.connection import Connection

__all__ = ["Changes", "Person"]

LONGEST_REASON: Final = 500  # characters


@final
@dataclass(frozen=True, slots=True)
class Person:
    """Who changes something, and why."""

    name: str
    reason: str = ""

    def __post_init__(self) -> None:
        if len(self.reason) > LONGEST_REASON:
            raise ConfigurationError(f"a reason has at most {LONGEST_REASON} characters")


@final
class Changes:
    """The changes of one dashboard. Every method but `jobs` waits for the broker or the disk: not for the event loop.

    Each raises `WarrenError` where nothing was changed, and says why.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        *,
        app: Warren | None,
        letters: DeadLetters,
        turns: Turns,
        audit_log: Path,
        most: int,
        timeout: float,
    ) -> None:
        self._broker = broker
        self._app = app
        self._letters = letters
        self._masking = letters.masking
        self._path = audit_log
        self._most = most
        self._timeout = timeout
        self._log = AuditLog.open(audit_log)
        self.jobs = Jobs(self._log, turns, self._connect, on_end=letters.changed)

    def stop(self) -> None:
        """Stop what goes on, and close the audit log."""
        self.jobs.stop()
        self._log.close()

    def file_of(self, queue: str) -> Path:
        """Name the file that keeps what is discarded from a queue."""
        return file_of(self._path, queue)

    def count(
        self, choice: Choice, *, limit: int | None = None, tally: Tally, halt: Halt, agreed: bool = False
    ) -> Counted:
        """Look how many messages are meant, among the first of the queue; somebody `agreed` to what that costs."""
        self.jobs.check_free(choice.queue)
        matches = choice.matches(self._masking)
        with self._letters.looking(choice.queue, self._most, agreed, halt=halt) as looking:
            return count(looking, choice.queue, matches, limit=limit, tally=tally, halt=halt)

    def replay(self, choice: Choice, bounds: Bounds, pace: Pace, person: Person) -> Job:
        """Begin to send messages back."""
        return self.jobs.begin(
            Task(
                action=Action.REPLAY,
                choice=choice,
                who=person.name,
                why=person.reason,
                work=send_back(self._matches(choice, bounds), self._bounded(choice, bounds), pace),
                options={**bounds.as_json(), **pace.as_json()},
            )
        )

    def discard(self, choice: Choice, bounds: Bounds, person: Person) -> Job:
        """Begin to discard messages into their file. It takes a reason."""
        if not person.reason.strip():
            raise ConfigurationError("say why they are discarded: the audit log keeps it")
        return self.jobs.begin(
            Task(
                action=Action.DISCARD,
                choice=choice,
                who=person.name,
                why=person.reason,
                work=throw_away(
                    self._matches(choice, bounds), self._bounded(choice, bounds), self.file_of(choice.queue)
                ),
                options=bounds.as_json(),
            )
        )

    def draft(self, queue: str, key: str, *, halt: Halt | None = None) -> Draft:
        """Find a message to change. Whoever asks has looked at it, and agreed to what a look costs.

        Raises `WarrenError` once `halt` is asked for, while it waits for the queue too.
        """
        halt = halt or Halt()
        self.jobs.check_free(queue)
        matches = Choice(queue=queue, keys=(key,)).matches(self._masking)
        with self._letters.looking(queue, self._letters.furthest, agreed=True, halt=halt) as looking:
            held = find(looking, matches, halt)
        if halt.reason is not None:
            raise WarrenError(halt.reason)
        if held is None:
            raise WarrenError(f"the message is no longer in {queue}, or somebody else holds it")
        return draft_of(queue, key, held, app=self._app, masking=self._masking)

    def edit(self, draft: Draft, body: bytes, pace: Pace, person: Person) -> Job:
        """Begin to send a message back with another body, one that `draft.read` returned."""
        choice = Choice(queue=draft.queue, keys=(draft.key,))
        edited = Edited(body, Edit(by=person.name, at=time.time()))
        bounds = self._bounded(choice, Bounds(limit=1))
        return self.jobs.begin(
            Task(
                action=Action.EDIT,
                choice=choice,
                who=person.name,
                why=person.reason,
                work=send_back(self._matches(choice, bounds), bounds, pace, edited=edited),
                options={
                    "message_id": draft.held.properties.message_id,
                    "changed": list(draft.changed(body)),
                    **pace.as_json(),
                },
            )
        )

    def _matches(self, choice: Choice, bounds: Bounds) -> Callable[[], Matches | None]:
        if not choice.is_all and (worn := self._letters.worn(choice.queue)):
            raise WarrenError(f"{worn} What is passed over would be, too; `warren replay {choice.queue}` takes all.")
        choice.matches(self._masking)  # raises now for what cannot be read
        counted = bounds.counted
        if counted is not None:
            return lambda: among(counted)
        return lambda: choice.matches(self._masking)

    def _bounded(self, choice: Choice, bounds: Bounds) -> Bounds:
        """Messages that are named are looked for as far as they could have been seen, and each is meant once."""
        if not choice.keys:
            return bounds
        limit = min(len(set(choice.keys)), bounds.limit or len(choice.keys))
        return Bounds(limit=limit, at_most=bounds.at_most or self._letters.furthest)

    def _connect(self, name: str) -> AbstractContextManager[Connection]:
        return open_connection(self._broker, name, timeout=self._timeout)
