"""Takes messages out of a queue: into a file, into another queue, or away.

Not here: the file (`captures.py`), which messages (`select.py`), or the command (`cli/drain.py`).

Into a file: written, on disk, then acknowledged. Into a queue: published, confirmed, then acknowledged. Killed at any
point, a message is in the queue, or where it goes, or in both, and never in neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from warren.errors import WarrenError
from warren.operations.capture import write_line
from warren.operations.captures import CaptureFile
from warren.operations.halt import Halt
from warren.operations.lease import Held
from warren.operations.message import delivery_count_of
from warren.operations.replaying import moved
from warren.operations.sending import Sender
from warren.operations.sweep import Sweep
from warren.operations.tally import Tally
from warren.transport.connection import Connection

__all__ = ["Matches", "Wish", "drain_away", "drain_to_file", "drain_to_queue", "wanted"]

_PIECE: Final = 1_000

Matches = Callable[[Held], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which messages: those that match, at most `limit`, of the first `at_most` of the queue.

    `stop_at` ends it at a message that does not match and has been given back that often: each time counts as a
    delivery in a quorum queue. Once `halt` is asked for, no more are taken.
    """

    matches: Matches | None = None
    limit: int | None = None
    at_most: int | None = None
    stop_at: int | None = None
    halt: Halt | None = None

    @property
    def reach(self) -> int | None:
        """How many messages of the queue are taken at most."""
        known = [each for each in (self.at_most, None if self.matches else self.limit) if each is not None]
        return min(known, default=None)


ALL: Final = Wish()


def drain_to_file(connection: Connection, queue: str, file: CaptureFile, tally: Tally, wish: Wish = ALL) -> None:
    """Move messages to the end of a file."""
    with Sweep(connection, queue, at_most=wish.reach) as sweep:
        is_through = False
        try:
            tally.total = sweep.total
            for chosen in wanted(sweep, tally, wish):
                fresh = [held for held in chosen if not file.has(held)]
                file.append(write_line(queue, held, now=time.time()) for held in fresh)
                sweep.ack(held.tag for held in chosen)
                tally.done += len(chosen)
                tally.again += len(chosen) - len(fresh)
            is_through = wish.halt is None or wish.halt.reason is None
        finally:
            sweep.close()
            if sweep.is_settled and (file.has_met_all or (is_through and tally.again)):
                file.finish()


def drain_away(connection: Connection, queue: str, tally: Tally, wish: Wish = ALL) -> None:
    """Throw messages away."""
    with Sweep(connection, queue, at_most=wish.reach) as sweep:
        tally.total = sweep.total
        for chosen in wanted(sweep, tally, wish):
            sweep.ack(held.tag for held in chosen)
            tally.done += len(chosen)


def drain_to_queue(connection: Connection, queue: str, to: str, tally: Tally, wish: Wish = ALL) -> None:
    """Move messages to the end of another queue, in their order."""
    user = connection.settings.user

    def confirmed(tags: list[int]) -> None:
        sweep.ack(tags)
        tally.done += len(tags)

    with (
        Sweep(connection, queue, at_most=wish.reach) as sweep,
        Sender(connection, on_confirmed=confirmed) as sender,
    ):
        tally.total = sweep.total
        for chosen in wanted(sweep, tally, wish, settle=sender.finish):
            for held in chosen:
                sender.send(moved(held.properties, held.body, to=to, user=user), held.tag)
        sender.finish()


def wanted(
    sweep: Sweep, tally: Tally, wish: Wish, *, most: int = _PIECE, settle: Callable[[], None] | None = None
) -> Iterator[list[Held]]:
    """Yield the messages of a sweep that are wished for, from at most `most` messages at a time."""
    left = wish.limit if wish.limit is not None else sweep.total
    for piece in sweep.pieces(most, settle=settle):
        if wish.halt is not None and wish.halt.reason is not None:
            return
        chosen = piece if wish.matches is None else [held for held in piece if wish.matches(held)]
        if wish.stop_at is not None and len(chosen) < len(piece):
            _check_deliveries(sweep.queue, piece, chosen, wish.stop_at)
        chosen = chosen[:left]
        left -= len(chosen)
        if chosen:
            yield chosen
        tally.see(len(piece))
        if left <= 0:
            return


def _check_deliveries(queue: str, piece: list[Held], chosen: list[Held], stop_at: int) -> None:
    """Stop before the broker gives up messages that are only passed over."""
    meant = {held.tag for held in chosen}
    for held in piece:
        count = delivery_count_of(held.properties.headers)
        if held.tag not in meant and count is not None and count >= stop_at:
            message = held.properties.message_id or "without an id"
            raise WarrenError(
                f"message {message}, which the filter leaves in {queue}, has been delivered {count:,} times in vain: "
                f"its delivery limit is near; go on without a filter"
            )
