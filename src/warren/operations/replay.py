"""Sends dead letters back to the queue of the consumer that failed: carefully, and safe to be killed and run again.

Not here: what a copy carries (`replaying.py`), which queue (`resolve.py`), or the command (`cli/replay.py`).

Published to the queue itself, never through the exchange: healthy subscribers must not run again. Confirmed, then
acknowledged, or where the messages come from a file, noted beside it (`replay_log.py`). A canary is a first few that
must succeed before the rest goes; and once a worker tells that a message died of what it had died of before, nothing
more is sent.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from warren.contracts.properties import Properties
from warren.errors import ConfigurationError
from warren.operations.drain import ALL, Wish, wanted
from warren.operations.halt import Halt
from warren.operations.lease import Held
from warren.operations.outcomes import Outcomes
from warren.operations.replay_log import ReplayLog, digest_of
from warren.operations.replaying import Edit, OutcomeWanted, moved, replayed
from warren.operations.saved import saved_messages
from warren.operations.sending import Sender
from warren.operations.sweep import Sweep
from warren.operations.tally import Tally
from warren.transport.connection import Connection
from warren.transport.declare import ChannelDeclarer

__all__ = [
    "LONGEST_CANARY",
    "Edited",
    "Plan",
    "Stopped",
    "Target",
    "check_canary_timeout",
    "fresh_messages",
    "replay_file",
    "replay_queue",
]

LONGEST_CANARY: Final = 1_500.0
"""Seconds to wait for a canary: RabbitMQ closes the channel of who holds messages for 1,800, its `consumer_timeout`."""

_PIECE: Final = 1_000
_SLOWEST: Final = 1_000.0  # messages a second, for how long outcomes are wanted
_SLACK: Final = 30.0
_AHEAD: Final = 0.01  # seconds that are not worth a pause
_LONG: Final = 0.25  # seconds of a pause in which confirms can be waited for


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes. `fingerprint` is what it died of, None where it is no dead letter."""

    queue: str
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """A replay that ended before its end, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Edited:
    """The body that a message gets instead of its own."""

    body: bytes
    edit: Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send back, and how.

    `resolve` tells where a message of a queue goes. `rate` is in messages a second. Of the first `canary` messages each
    must succeed within `canary_timeout` seconds.
    """

    resolve: Callable[[str, Properties], Target]
    wish: Wish = ALL
    rate: float | None = None
    canary: int = 0
    canary_timeout: float = 60.0
    edited: Edited | None = None


def check_canary_timeout(seconds: float) -> None:
    """Raise `ConfigurationError` where a canary would be waited for longer than the broker lets messages be held."""
    if not seconds <= LONGEST_CANARY:
        raise ConfigurationError(
            f"the canary's time is at most {LONGEST_CANARY:,.0f} seconds: RabbitMQ takes back what is held for 1,800"
        )


def replay_queue(
    connection: Connection, queue: str, plan: Plan, tally: Tally, outcomes: Outcomes | None
) -> Stopped | None:
    """Send back the dead letters of a queue that match, and no others."""

    def confirmed(tags: list[int]) -> None:
        sweep.ack(tags)
        tally.done += len(tags)

    most = _PIECE if plan.rate is None else max(1, min(_PIECE, int(plan.rate)))
    with (
        Sweep(connection, queue, at_most=plan.wish.reach) as sweep,
        Sender(connection, on_confirmed=confirmed) as sender,
    ):
        tally.total = sweep.total
        replay = _Replay(connection, plan, tally, outcomes, sender)
        for chosen in wanted(sweep, tally, plan.wish, most=most, settle=sender.finish):
            for held in chosen:
                if stopped := replay.send(queue, held, held.tag):
                    return stopped
        return replay.finish()


def replay_file(
    connection: Connection, path: Path, plan: Plan, tally: Tally, outcomes: Outcomes | None
) -> Stopped | None:
    """Send back the messages of a file that match and that no former run has sent."""
    with ExitStack() as ends:
        log = ends.enter_context(ReplayLog.open(path))

        def confirmed(digests: list[str]) -> None:
            log.note(digests)
            tally.done += len(digests)

        sender = ends.enter_context(Sender(connection, on_confirmed=confirmed))
        replay = _Replay(connection, plan, tally, outcomes, sender)
        for digest, queue, held in fresh_messages(path, plan.wish, tally, log.done):
            if stopped := replay.send(queue, held, digest):
                return stopped
        return replay.finish()


def fresh_messages(path: Path, wish: Wish, tally: Tally, done: Counter[str]) -> Iterator[tuple[str, str, Held]]:
    """Yield the messages of a file that are wished for and not `done`, each with its digest and its queue."""
    left = tally.total if wish.limit is None else wish.limit
    for line, queue, held in saved_messages(path, lines=tally.total):
        if left <= 0:
            return
        if wish.matches is None or wish.matches(held):
            digest = digest_of(line)
            if done[digest] > 0:  # of equal lines as many as are noted
                done[digest] -= 1
                tally.again += 1
            else:
                left -= 1
                yield digest, queue, held
        tally.see(1)


class _Replay:
    """One replay: its pace, its canary, and what it hears."""

    def __init__(
        self, connection: Connection, plan: Plan, tally: Tally, outcomes: Outcomes | None, sender: Sender
    ) -> None:
        self._plan = plan
        self._tally = tally
        self._outcomes = outcomes
        self._sender = sender
        self._user = connection.settings.user
        self._declarer = ChannelDeclarer(connection)
        self._there: set[str] = set()  # queues that exist
        self._sent = 0
        self._next_at = time.monotonic()
        self._halt = plan.wish.halt or Halt()
        self._woken = threading.Event()
        self._halt.on_ask(self._woken.set if outcomes is None else outcomes.wake)

    def send(self, queue: str, held: Held, belonging: Any) -> Stopped | None:
        """Send one message back; return why it was not, and no other may be."""
        plan = self._plan
        if plan.canary and self._sent == plan.canary and (stopped := self._await_canary()):
            return stopped
        target = plan.resolve(queue, held.properties)
        if target.queue not in self._there:
            self._declarer.check_queue(target.queue)  # or the message would be returned, one of many
            self._there.add(target.queue)
        if stopped := self._keep_pace():
            return stopped
        self._sender.send(self._copy(target, held), belonging)
        self._sent += 1
        return None

    def finish(self) -> Stopped | None:
        """Wait for all confirms, and for the canary where there was nothing after it."""
        self._sender.finish()
        if 0 < self._sent <= self._plan.canary:
            return self._await_canary()
        return None

    def _copy(self, target: Target, held: Held) -> Any:
        if target.fingerprint is None:
            return moved(held.properties, held.body, to=target.queue, user=self._user)
        now, edited = time.time(), self._plan.edited
        return replayed(
            held.properties,
            held.body if edited is None else edited.body,
            to=target.queue,
            now=now,
            fingerprint=target.fingerprint,
            outcome=self._outcome_wanted(now),
            edit=None if edited is None else edited.edit,
        )

    def _outcome_wanted(self, now: float) -> OutcomeWanted | None:
        """Ask for as long as somebody listens, or workers would tell nobody, and complain of it."""
        if self._outcomes is None:
            return None
        plan = self._plan
        rest = (self._tally.total - self._tally.seen) / (plan.rate or _SLOWEST)
        key = self._sent if self._sent < plan.canary else None
        until = now + plan.canary_timeout if key is not None else now + rest + _SLACK
        return OutcomeWanted(queue=self._outcomes.queue, until=until, key=key)

    def _is_halted(self) -> bool:
        return self._halt.reason is not None

    def _keep_pace(self) -> Stopped | None:
        """Wait for the message's turn, or for a reason to stop."""
        outcomes, rate = self._outcomes, self._plan.rate
        if rate is not None:
            due, now = self._next_at, time.monotonic()
            self._next_at = max(due, now) + 1 / rate
            if due - now > _LONG:
                self._sender.finish()  # or who looks in the pause would be told of less than was sent
            elif due - now > _AHEAD:
                self._sender.hand_back()
            if (pause := due - time.monotonic()) > _AHEAD:
                if outcomes is None:
                    self._woken.wait(pause)
                else:
                    outcomes.wait(lambda: outcomes.died_the_same is not None or self._is_halted(), timeout=pause)
        if self._halt.reason is not None:
            return Stopped(self._halt.reason)
        died = outcomes.died_the_same if outcomes is not None else None
        if died is None:
            return None
        return Stopped(f"message {died.message_id} died again of {died.fingerprint}: {died.error}")

    def _await_canary(self) -> Stopped | None:
        """Wait until the first messages have succeeded, or one has not."""
        self._sender.finish()
        outcomes, count = self._outcomes, min(self._plan.canary, self._sent)
        if outcomes is None:
            return None
        outcomes.wait(
            lambda: bool(outcomes.died) or len(outcomes.acked) == count or self._is_halted(),
            timeout=self._plan.canary_timeout,
        )
        if self._halt.reason is not None:
            return Stopped(self._halt.reason)
        if outcomes.died:
            died = outcomes.died[0]
            return Stopped(f"canary message {died.message_id} died again, of {died.fingerprint}: {died.error}")
        if len(outcomes.acked) == count:
            return None
        told = f"{len(outcomes.acked)} of {count} canary messages succeeded within {self._plan.canary_timeout:g} s"
        if outcomes.retried:
            return Stopped(f"{told}, {len(outcomes.retried)} failed and wait for another attempt")
        return Stopped(f"{told}; is a worker of Warren's consuming?")
