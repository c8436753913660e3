"""The status of offloaded work: what a store tells of it, what may overwrite what, and the port every store implements.

Not here: the stores themselves (`stores/`), who accepts work (`integrations/fastapi/`) and who does it (`worker/`).

Theory of operation. A status is written by the one who accepts the work and by the workers that do it, which may be
late, repeat themselves, or run twice. So every writing has a position, and a status moves forward only:

    0 being accepted → 1 may have been sent → 2 sent → processing and failed, by replay, then by attempt → done

Done is the highest: the effect is there, whatever a second copy of the message comes to. Failed is above every
attempt before it, and below the attempts of a replay. It is written before the dead letter is sent: a worker that dies
between the two leaves work that is told to be failed and is handled once more, which may end in done. Whoever writes
later at a lower or the same position changes nothing, so all writings may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, final

__all__ = [
    "BEING_ACCEPTED",
    "MAY_BE_SENT",
    "Acceptance",
    "Known",
    "Mark",
    "Proposal",
    "Underway",
    "WorkState",
    "WorkStatus",
    "WorkStore",
    "position_of",
]

BEING_ACCEPTED: Final = 0
MAY_BE_SENT: Final = 1
_SENT: Final = 2
_DONE: Final = 2**52  # Redis' numbers are exact below 2^53
_COUNTED: Final = 20  # bits of a count of attempts; the replays stand above it
_MOST: Final = (1 << _COUNTED) - 1


class WorkState(StrEnum):
    """How far offloaded work is."""

    ACCEPTED = "accepted"
    PROCESSING = "processing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStatus:
    """What is told of a piece of work. Times are in seconds since the epoch, None where it is not so far.

    `attempts` counts the handler's runs, the present one too. `started_at` is the latest run's. `reason` is the class
    of the failure (`DeathReason`), and `error_type` the exception's name: both are empty unless it failed.
    """

    id: str
    state: WorkState
    accepted_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    attempts: int = 0
    reason: str = ""
    error_type: str = ""

    @property
    def is_pending(self) -> bool:
        """Whether it is going to change by itself."""
        return self.state in (WorkState.ACCEPTED, WorkState.PROCESSING)


def position_of(state: WorkState, *, attempt: int = 1, replays: int = 0) -> int:
    """Return the position of a writing. `replays` counts how often the message was brought back from the dead."""
    match state:
        case WorkState.ACCEPTED:
            return _SENT
        case WorkState.DONE:
            return _DONE
        case WorkState.PROCESSING | WorkState.FAILED:
            step = 1 + 2 * min(replays, _MOST) + (state is WorkState.FAILED)
            return step << _COUNTED | min(attempt, _MOST)


# -- accepting ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Work about to be published. Times are in seconds.

    While the `lease` is live nobody else publishes it. The status is `kept` after its last change. `consumer` is whose
    work it is where the message reaches several; else the first that begins it. `fingerprint` tells requests apart
    that came under the same id; an empty one fits every other.
    """

    id: str
    accepted_at: float
    lease: float
    kept: float
    consumer: str = ""
    fingerprint: str = ""


@final
@dataclass(frozen=True, slots=True)
class Acceptance:
    """It is ours to publish. `token` fences off whoever takes it over once the lease is over."""

    id: str
    token: int


@final
@dataclass(frozen=True, slots=True)
class Underway:
    """Someone else is publishing it, under a lease that is live."""

    id: str


@final
@dataclass(frozen=True, slots=True)
class Known:
    """It has been published before, or belongs to a request with another fingerprint."""

    status: WorkStatus
    fingerprint: str


# -- marking ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """One writing: the status, where it stands, for how many seconds it is kept, and which consumer writes it."""

    status: WorkStatus
    position: int
    kept: float
    consumer: str = ""


class WorkStore(Protocol):
    """Where statuses live. Calls are thread-safe, may be repeated, and raise `StoreUnavailable`."""

    def accept(self, proposal: Proposal) -> Acceptance | Underway | Known:
        """Store that work is about to be published, durably before returning.

        Where it is stored already but was never said to be sent, and its lease is over, it may be published again.
        """
        ...

    def withdraw(self, acceptance: Acceptance, *, may_be_sent: bool) -> None:
        """End an acceptance whose publish failed; an outdated one is left alone.

        Its status is gone if nothing was sent, now or under a former acceptance. Else it stays, free to be sent again.
        """
        ...

    def mark_many(self, marks: Sequence[Mark]) -> None:
        """Write statuses, final ones durably before returning. What does not move a status forward is left alone."""
        ...

    def status(self, work_id: str) -> WorkStatus | None:
        """Return the status of a piece of work; None where there is none (any more)."""
        ...
