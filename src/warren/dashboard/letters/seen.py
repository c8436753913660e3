"""What a look into a dead-letter queue has found so far: groups by failure, and a line for each of their messages.

Not here: looking (`looking.py`), counting (`counting.py`), and one message in full (`letter.py`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, final

__all__ = ["GroupSeen", "Look", "Stage", "Summary", "is_settled"]

_QUICK: Final = 1.0  # seconds


class Stage(enum.StrEnum):
    """How far a look, or a search for one message, has come."""

    WAITING = "waiting"
    """For its turn with the queue, or for a connection."""

    LOOKING = "looking"

    ASKING = "asking"
    """Nothing was looked at: it would cost something, and somebody must agree first."""

    DONE = "done"

    FAILED = "failed"

    @property
    def is_running(self) -> bool:
        return self in (Stage.WAITING, Stage.LOOKING)


def is_settled(stage: Stage, ended_at: float | None, took: float) -> bool:
    """Whether what was found before stands for what is found; `took` is how long that lasted, in seconds."""
    return stage is Stage.DONE or (stage.is_running and ended_at is not None and took < _QUICK)


@final
@dataclass(frozen=True, slots=True)
class Summary:
    """One message in a line, without its body. `copies` says how many are the same to the last byte."""

    key: str
    message_id: str
    type: str
    failed_at: float | None
    error: str
    attempts: int
    replays: int
    copies: int = 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSeen:
    """Messages that died of the same. `trend` counts their deaths over the time from the look's `start` to its `end`.

    `summaries` are the first of them in their queue's order, at most 200. Times are in seconds since the epoch.
    """

    fingerprint: str
    count: int
    reason: str
    error_type: str
    error: str
    type: str
    first_seen: float | None
    last_seen: float | None
    trend: tuple[int, ...]
    summaries: tuple[Summary, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """A look into a queue. It is replaced by a newer one, never changed; two are the same only if they are one.

    `total` messages were there, `looked` of them were looked at, and `matched` of those met the filters. `reach` is how
    many it may look at. `question` says what it would cost where somebody must agree first, `stopped` why it ended
    early, `problem` why it failed. `depth` is how many messages the queue was known to have when it began.
    """

    stage: Stage
    reach: int
    depth: int | None = None
    total: int = 0
    looked: int = 0
    matched: int = 0
    groups: tuple[GroupSeen, ...] = ()
    start: float | None = None
    end: float | None = None
    remarks: tuple[str, ...] = ()
    question: str = ""
    stopped: str = ""
    problem: str = ""
    ended_at: float | None = None
    took: float = 0.0

    @property
    def is_settled(self) -> bool:
        """Whether it can be read as it is: done, or looked at again so quickly that nobody need be told."""
        return is_settled(self.stage, self.ended_at, self.took)

    @property
    def is_partial(self) -> bool:
        """Whether there were more messages than it looked at."""
        return self.looked < self.total

    def group(self, fingerprint: str) -> GroupSeen | None:
        """Return the group of a failure."""
        return next((one for one in self.groups if one.fingerprint == fingerprint), None)
