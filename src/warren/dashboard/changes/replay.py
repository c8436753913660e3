"""Dead letters sent back to the queues they failed in: how, and as a job.

Not here: the sending (`operations/replay.py`), and the jobs (`jobs.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, final

from warren.dashboard.changes.jobs import Ended, Job
from warren.dashboard.changes.records import Outcome
from warren.errors import ConfigurationError, WarrenError
from warren.operations.careful import careful_wish
from warren.operations.caution import Caution
from warren.operations.drain import Matches
from warren.operations.homecoming import target_of_dead_letter
from warren.operations.outcomes import Outcomes
from warren.operations.replay import Edited, Plan, check_canary_timeout, replay_queue
from warren.transport.connection import Connection

__all__ = ["Bounds", "Pace", "ended_with", "remarks_of", "send_back"]

MOST_CANARY: Final = 1_000
FASTEST: Final = 100_000.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The first `canary` messages must succeed within `canary_timeout` seconds; at most `rate` a second."""

    canary: int = 0
    canary_timeout: float = 60.0
    rate: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.canary <= MOST_CANARY:
            raise ConfigurationError(f"the canary is a number from 0 to {MOST_CANARY:,}")
        if not self.canary_timeout >= 1.0:
            raise ConfigurationError("the canary's time is at least 1 second")
        check_canary_timeout(self.canary_timeout)
        if self.rate is not None and not 0.001 <= self.rate <= FASTEST:
            raise ConfigurationError(f"the rate is from 0.001 to {FASTEST:,.0f} messages a second, or empty")

    def as_json(self) -> dict[str, Any]:
        """Return what an audit log keeps of it."""
        told: dict[str, Any] = {"canary": self.canary} if self.canary else {}
        return told if self.rate is None else {**told, "rate": self.rate}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """No more than `limit` messages, among the first `at_most` of the queue: those that somebody was shown.

    With `counted` only messages of these identities, whatever else has come to stand in their place.
    """

    limit: int | None = None
    at_most: int | None = None
    counted: tuple[bytes, ...] | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return what an audit log keeps of it."""
        told = {"limit": self.limit, "at_most": self.at_most}
        return {name: value for name, value in told.items() if value is not None}


def send_back(
    matches: Callable[[], Matches | None], bounds: Bounds, pace: Pace, *, edited: Edited | None = None
) -> Callable[[Connection, Job], Ended]:
    """Return the work of a replay. `edited` is what the one message gets for a body."""

    def work(connection: Connection, job: Job) -> Ended:
        wish, caution = careful_wish(connection, job.choice.queue, matches(), limit=bounds.limit)
        job.remarks = remarks_of(caution)
        wish = replace(wish, at_most=bounds.at_most, halt=job.halt)
        plan = Plan(
            resolve=target_of_dead_letter,
            wish=wish,
            rate=pace.rate,
            canary=pace.canary,
            canary_timeout=pace.canary_timeout,
            edited=edited,
        )
        job.outcomes = _hear(connection, job, is_needed=pace.canary > 0)
        stopped = replay_queue(connection, job.choice.queue, plan, job.tally, job.outcomes)
        if stopped is not None:
            return Ended(Outcome.STOPPED, stopped.reason)
        return ended_with(job, bounds)

    return work


def remarks_of(caution: Caution) -> tuple[str, ...]:
    """Return what is to be said of messages that are passed over: nothing where that costs them nothing."""
    return () if caution.is_free else caution.remarks


def ended_with(job: Job, bounds: Bounds | None = None) -> Ended:
    """Say what was not there any more: each message that was named, and each that was counted, should have been."""
    if job.halt.reason is not None:
        return Ended(Outcome.DONE)
    if not job.choice.keys:
        return _ended_with_all(job, 0 if bounds is None else len(bounds.counted or ()))
    missing = len(set(job.choice.keys)) - job.tally.done
    if missing <= 0:
        return Ended(Outcome.DONE)
    is_partly = job.tally.done > 0
    which = f"{missing:,} of the messages chosen" if is_partly else "the message" if missing == 1 else "the messages"
    verb, pronoun = ("is", "it") if missing == 1 else ("are", "them")
    detail = f"{which} {verb} no longer in {job.choice.queue}, or somebody else holds {pronoun}"
    return Ended(Outcome.DONE if is_partly else Outcome.FAILED, detail)


def _ended_with_all(job: Job, counted: int) -> Ended:
    tally, limit = job.tally, job.record.options.get("limit")
    unseen = tally.total - tally.seen
    if limit is not None and tally.done >= limit:
        return Ended(Outcome.DONE)
    if unseen <= 0:
        gone = counted - tally.done
        verb, pronoun = ("was", "it") if gone == 1 else ("were", "them")
        detail = (
            f"{gone:,} of the {counted:,} messages counted {verb} no longer in {job.choice.queue}, or somebody else "
            f"held {pronoun}"
        )
        return Ended(Outcome.DONE, detail if gone > 0 else "")
    detail = (
        f"{unseen:,} of {tally.total:,} messages of {job.choice.queue} could not be taken: somebody else holds them, "
        f"or has taken them; count again"
    )
    return Ended(Outcome.STOPPED if tally.done else Outcome.FAILED, detail)


def _hear(connection: Connection, job: Job, *, is_needed: bool) -> Outcomes | None:
    outcomes = Outcomes(connection)
    try:
        outcomes.open()
    except WarrenError as error:
        if is_needed:
            raise ConfigurationError(f"no canary without hearing what becomes of it: {error}") from error
        job.remarks += (f"what becomes of the messages cannot be heard: {error}",)
        return None
    return outcomes
