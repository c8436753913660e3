"""The dead letters of a broker, looked at once for all browsers: what is known of them, and when to look again.

Not here: the look itself (`looking.py`), and what is found (`seen.py`, `letter.py`).

Theory of operation: nothing here waits, but for `export` and `looking`. Who asks gets what is known, and a thread looks
where that is worth it: nobody looked yet, or the queue has changed since and some time has passed, more after a long
look than after a short one. What nobody asks for is not looked at. One at a time has a queue, looks and changes alike.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, final

from warren.clock import Clock, SystemClock
from warren.config import BrokerSettings
from warren.dashboard.changes.choice import Choice, key_of
from warren.dashboard.letters.counting import Counting
from warren.dashboard.letters.errands import Errands
from warren.dashboard.letters.letter import Sought, export_line, letter_of
from warren.dashboard.letters.looking import Looking
from warren.dashboard.letters.masking import Masking
from warren.dashboard.letters.seen import Look, Stage
from warren.dashboard.turns import Turns
from warren.errors import WarrenError
from warren.operations.halt import Halt
from warren.operations.lease import Held
from warren.operations.link import open_connection
from warren.operations.select import Selection

__all__ = ["DeadLetters", "Export"]

FURTHEST: Final = 100_000
"""Messages that a look goes to at most, however often somebody asks to look further."""

MOST_EXPORTED: Final = 32 * 1024 * 1024  # bytes

_AGAIN: Final = 2.0  # seconds between two looks at a queue that changes
_REST: Final = 10.0  # times as long as the last look took
_RETRY: Final = 3.0  # seconds after a look that failed
_NEWS: Final = 0.3  # seconds between two pieces of news of a look that goes on
_AT_ONCE: Final = 2  # queues that are looked at
_PATIENCE: Final = 600.0  # seconds that a look for a page waits until a change of the queue has ended
_LOOKS: Final = 24  # kept
_LETTERS: Final = 48  # kept; of each no more than is shown

_log = logging.getLogger("warren.dashboard")


@final
@dataclass(frozen=True, slots=True)
class Export:
    """Messages as lines of JSON. `is_cut` says that there would have been more."""

    lines: bytes
    count: int
    is_cut: bool = False


@final
class DeadLetters:
    """Looks into queues for pages. For any thread; `export` and `looking` wait, and are not for the event loop.

    For `lag` seconds after a change here, what is known of a queue's depth may be of before it.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        *,
        masking: Masking,
        turns: Turns,
        most: int,
        timeout: float,
        lag: float = 15.0,
        clock: Clock | None = None,
    ) -> None:
        self.masking = masking
        self.furthest = max(FURTHEST, most)
        self._broker = broker
        self._turns = turns
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._most = most
        self._timeout = timeout
        self._lag = lag
        self._clock = clock or SystemClock()
        self._looks: Errands[tuple[str, tuple[str, ...]], Look] = Errands("warren-dashboard-look", most=_LOOKS)
        self._sought: Errands[tuple[str, str], Sought] = Errands("warren-dashboard-seek", most=_LETTERS)
        self._changed: dict[str, float] = {}  # when a change of a queue has ended here
        self._arrived: dict[str, float] = {}  # when somebody last came to a page of a queue
        self._agreed: set[str] = set()  # queues that somebody had looked at, whatever it costs
        self._worn: dict[str, str] = {}  # queues with messages near their delivery limit, and what was said of them

    def stop(self) -> None:
        """Look at nothing more."""
        self._looks.stop()
        self._sought.stop()

    def changed(self, queue: str) -> None:
        """Look again at a queue, where somebody looks at it: it may have as many messages as before, and others."""
        _note(self._changed, queue, self._clock.now())
        self._worn.pop(queue, None)

    # -- a queue ------------------------------------------------------------------------------

    def look(self, queue: str, filters: tuple[str, ...] = (), *, depth: int | None, is_arriving: bool = False) -> Look:
        """Return what is known of a queue, and have it looked at where that is worth it.

        `depth` is how many messages it is known to have; it may have as many as before, and others, so who is arriving
        at the page has it looked at sooner. Raises `ConfigurationError` for a filter that cannot be read.
        """
        if depth == 0:
            self._worn.pop(queue, None)
        if is_arriving:
            _note(self._arrived, queue, self._clock.now())
        known = self._looks.value((queue, filters))
        if known is None or self._is_due(queue, known, depth):
            return self.look_again(queue, filters, depth=depth, reach=self._most if known is None else known.reach)
        return known

    def look_again(
        self,
        queue: str,
        filters: tuple[str, ...] = (),
        *,
        depth: int | None,
        reach: int | None = None,
        agreed: bool = False,
    ) -> Look:
        """Have a queue looked at now, at its first `reach` messages; somebody `agreed` to what that costs."""
        selection = Choice(queue=queue, filters=filters).selection
        key = queue, filters
        known = self._looks.value(key)
        first = replace(known or Look(stage=Stage.WAITING, reach=self._most), stage=Stage.WAITING, depth=depth)
        first = replace(first, reach=min(reach or first.reach, self.furthest), problem="")

        def work() -> Look:
            return self._count(key, first, selection, agreed=agreed)

        def failed(error: Exception) -> Look:
            return replace(first, stage=Stage.FAILED, problem=_problem(error), ended_at=self._clock.now())

        self._looks.begin(key, first, work, failed)
        return self._looks.value(key) or first

    def _count(self, key: tuple[str, tuple[str, ...]], first: Look, selection: Selection, *, agreed: bool) -> Look:
        counting = Counting(self.masking, selection)
        with self.looking(key[0], first.reach, agreed, patience=_PATIENCE) as looking:
            began = told_at = self._clock.monotonic()
            for batch in looking.batches():
                counting.add(batch)
                now = self._clock.monotonic()
                if now - told_at >= _NEWS and not first.is_settled:
                    told_at = now
                    self._looks.put(key, _look(first, Stage.LOOKING, looking, counting))
        depth = self._expected(key[0], first.depth)
        missing = "" if looking.looked else _missing(looking, queue=key[0], reach=first.reach, depth=depth)
        if missing:
            ended = replace(first, stage=Stage.FAILED, problem=missing)
        elif looking.question:
            ended = replace(first, stage=Stage.ASKING, total=looking.total, question=looking.question)
        elif looking.stopped and not looking.looked:  # what was found before is still all that is known
            ended = replace(first, stage=Stage.DONE, stopped=looking.stopped)
        else:
            ended = _look(first, Stage.DONE, looking, counting)
        took = self._clock.monotonic() - began
        return replace(ended, took=took, ended_at=self._clock.now())

    # -- one message --------------------------------------------------------------------------

    def seek(self, queue: str, key: str, *, depth: int | None, is_arriving: bool = False) -> Sought:
        """Return what is known of a message, and have it looked for where that is worth it."""
        if is_arriving:
            _note(self._arrived, queue, self._clock.now())
        known = self._sought.value((queue, key))
        if known is None or (not _is_gone_for_good(known, depth) and self._is_due(queue, known, depth)):
            return self.seek_again(queue, key, depth=depth)
        return known

    def seek_again(
        self, queue: str, key: str, *, depth: int | None, reach: int | None = None, agreed: bool = False
    ) -> Sought:
        """Have a message looked for now, among the first `reach` of its queue."""
        name = queue, key
        known = self._sought.value(name)
        first = replace(known or Sought(stage=Stage.WAITING, reach=self._most), stage=Stage.WAITING, depth=depth)
        first = replace(first, reach=min(reach or first.reach, self.furthest), problem="")

        def work() -> Sought:
            return self._find(name, first, agreed=agreed)

        def failed(error: Exception) -> Sought:
            return replace(first, stage=Stage.FAILED, problem=_problem(error), ended_at=self._clock.now())

        self._sought.begin(name, first, work, failed)
        return self._sought.value(name) or first

    def _find(self, name: tuple[str, str], first: Sought, *, agreed: bool) -> Sought:
        queue, key = name
        found: Held | None = None
        with self.looking(queue, first.reach, agreed, patience=_PATIENCE) as looking:
            began = told_at = self._clock.monotonic()
            for batch in looking.batches():
                found = next((held for held in batch if key_of(held) == key), None)
                if found is not None:
                    break
                if (now := self._clock.monotonic()) - told_at >= _NEWS and not first.is_settled:
                    told_at = now
                    self._sought.put(name, _sought(first, Stage.LOOKING, looking))
        depth = self._expected(queue, first.depth)
        missing = "" if found is not None else _missing(looking, queue=queue, reach=first.reach, depth=depth)
        if missing:
            ended = replace(first, stage=Stage.FAILED, problem=missing, is_gone=False)
        else:
            ended = _sought(first, Stage.ASKING if looking.question else Stage.DONE, looking)
        letter = first.letter if found is None else letter_of(queue, found, self.masking)
        return replace(
            ended,
            letter=letter,
            is_gone=found is None and not missing and not looking.question and not looking.stopped,
            took=self._clock.monotonic() - began,
            ended_at=self._clock.now(),
        )

    # -- export -------------------------------------------------------------------------------

    def export(self, choice: Choice, *, reach: int | None = None) -> Export:
        """Return the chosen messages as lines of JSON, without their secrets. Not for the event loop.

        Raises `WarrenError` where the queue cannot be looked at, or nobody has agreed to what a look costs.
        """
        matches, now = choice.matches(self.masking), self._clock.now()
        lines, size, is_cut = list[bytes](), 0, False
        with self.looking(choice.queue, reach or self._most, choice.queue in self._agreed) as looking:
            for held in (held for batch in looking.batches() for held in batch):
                if matches is None or matches(held):
                    line = export_line(choice.queue, held, self.masking, now=now)
                    size += len(line)
                    is_cut = size > MOST_EXPORTED
                    if is_cut:
                        break
                    lines.append(line)
        if looking.question:
            raise WarrenError(f"{looking.question}; look at the queue first, and agree to that")
        return Export(b"".join(lines), len(lines), is_cut or (looking.looked < looking.total and not choice.keys))

    # -- looking ------------------------------------------------------------------------------

    def worn(self, queue: str) -> str:
        """Return why nobody should take messages only to give them back; nothing where that is no harm."""
        return self._worn.get(queue, "")

    @contextmanager
    def looking(
        self, queue: str, reach: int, agreed: bool, *, halt: Halt | None = None, patience: float = 60.0
    ) -> Iterator[Looking]:
        """Look at the first `reach` messages; see `Looking`. Not for the event loop.

        Raises `WarrenError` where somebody else has the queue for `patience` seconds.
        """
        if worn := self.worn(queue):
            raise WarrenError(worn)  # even a look that stops at once is another delivery
        with (
            self._turns.take(queue, "a look at its messages", halt=halt, timeout=patience),
            self._places,
            open_connection(self._broker, "warren dashboard", timeout=self._timeout) as connection,
        ):
            self._check_goes_on()
            if worn := self.worn(queue):  # meanwhile
                raise WarrenError(worn)
            with Looking(connection, queue, most=reach, agreed=agreed, check=self._check_goes_on) as looking:
                yield looking
            if agreed:
                self._agreed.add(queue)
            if looking.stopped:
                self._worn[queue] = looking.stopped

    def _expected(self, queue: str, depth: int | None) -> int | None:
        """Return how many messages are there at least; None where what is known may be of before a change here."""
        return None if self._clock.now() - self._changed.get(queue, -self._lag) < self._lag else depth

    def _check_goes_on(self) -> None:
        if self._looks.is_ending:
            raise WarrenError("the dashboard is ending")

    def _is_due(self, queue: str, known: Look | Sought, depth: int | None) -> bool:
        """Whether to look again by itself: after a change at once; after a rest where another depth is known, where not
        all were there, where it failed, or where somebody has come since, who must not read for ever of other messages
        than there are."""
        if known.stage not in (Stage.DONE, Stage.FAILED) or known.ended_at is None:
            return False
        if self._changed.get(queue, 0.0) >= known.ended_at:
            return True
        since, rest = self._clock.now() - known.ended_at, _REST * known.took
        if known.stage is Stage.FAILED:
            return since >= max(_RETRY, rest)
        if depth is not None and depth != known.depth:
            return since >= max(_AGAIN, rest)
        if queue in self._agreed:
            return False
        has_visitor = self._arrived.get(queue, 0.0) >= known.ended_at
        return (has_visitor and since >= max(_AGAIN, rest)) or (_is_short(known, depth) and since >= max(_RETRY, rest))


def _note(times: dict[str, float], queue: str, now: float) -> None:
    """Note a time of a queue, the newest last; the oldest are forgotten."""
    times.pop(queue, None)
    times[queue] = now
    while len(times) > _LOOKS + _LETTERS:
        del times[next(iter(times))]


def _is_gone_for_good(known: Sought, depth: int | None) -> bool:
    """Whether a message was not there when all of the queue was, so that there is no more to look for."""
    is_whole = known.looked >= known.total and not _is_short(known, depth)
    return known.stage is Stage.DONE and known.is_gone and is_whole


def _is_short(known: Look | Sought, depth: int | None) -> bool:
    """Whether the queue has more messages than were there to look at: somebody held them, and they come back."""
    is_broken_off = isinstance(known, Look) and not known.stopped and known.looked < min(known.total, known.reach)
    return is_broken_off or (depth is not None and depth > known.total)


def _missing(looking: Looking, *, queue: str, reach: int, depth: int | None = None) -> str:
    """Return why messages that were there, `depth` or more, could not all be taken: they are not gone."""
    due = 0 if looking.question or looking.stopped else min(reach, max(looking.total, depth or 0))
    if looking.looked >= due:
        return ""
    return (
        f"only {looking.looked:,} of {due:,} messages of {queue} could be looked at: somebody else holds the "
        f"others, or has just taken them"
    )


def _look(first: Look, stage: Stage, looking: Looking, counting: Counting) -> Look:
    """Return a look as far as it has come. What a former one found stays until this one is done."""
    progress = replace(first, stage=stage, total=looking.total, looked=looking.looked)
    if first.groups and stage is Stage.LOOKING:
        return progress
    start, end = counting.span() or (None, None)
    return replace(
        progress,
        matched=counting.matched,
        groups=counting.groups(),
        start=start,
        end=end,
        remarks=looking.remarks,
        question=looking.question,
        stopped=looking.stopped,
    )


def _sought(first: Sought, stage: Stage, looking: Looking) -> Sought:
    return replace(
        first,
        stage=stage,
        total=looking.total,
        looked=looking.looked,
        question=looking.question,
        stopped=looking.stopped,
    )


def _problem(error: Exception) -> str:
    if isinstance(error, WarrenError):
        return str(error)
    _log.error("a look at dead letters failed", exc_info=error)
    return f"a fault in the dashboard: {error}"
