"""What a change would do, before it is done: how many messages, and where they would go.

Not here: doing it (`replay.py`, `discard.py`), and looking with care (`letters/looking.py`).
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, final

from warren.dashboard.letters.looking import Looking
from warren.errors import TopologyMissing, WarrenError
from warren.operations.captures import identity_of
from warren.operations.drain import Matches
from warren.operations.halt import Halt
from warren.operations.homecoming import target_of_dead_letter
from warren.operations.lease import Held
from warren.operations.tally import Tally
from warren.transport.connection import Connection
from warren.transport.declare import ChannelDeclarer, QueueDown

__all__ = ["Counted", "count", "find"]

_MOST_TARGETS: Final = 20


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """`count` of the first `looked` of `depth` messages are meant; `targets` is where a replay would send them.

    `problems` say why a replay would not come to its end, and `stopped` why the look ended early. Where somebody has to
    agree to what a look costs, nothing was counted, and `question` says it. `keys` are the identities of those that are
    meant: no others may be changed for it. `at` is when it was counted, in seconds since the epoch.
    """

    count: int
    looked: int
    depth: int
    targets: tuple[tuple[str, int], ...] = ()
    problems: tuple[str, ...] = ()
    stopped: str = ""
    question: str = ""
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    at: float = field(default_factory=time.time)


def count(
    looking: Looking, queue: str, matches: Matches | None, *, limit: int | None, tally: Tally, halt: Halt
) -> Counted:
    """Count the messages of a look, at most `limit`."""
    targets, homeless, left = Counter[str](), 0, looking.total if limit is None else limit
    tally.total, keys = looking.total, list[bytes]()
    for batch in looking.batches():
        chosen = [held for held in batch if matches is None or matches(held)][:left]
        left -= len(chosen)
        found = [_target(queue, held) for held in chosen]
        keys += map(identity_of, chosen)
        targets.update(target for target in found if target is not None)
        homeless += found.count(None)
        tally.see(len(batch))
        if left <= 0 or halt.reason is not None:
            break
    return Counted(
        count=targets.total() + homeless,
        looked=looking.looked,
        depth=looking.total,
        targets=tuple(targets.most_common(_MOST_TARGETS)),
        problems=_problems(looking.connection, targets, homeless),
        stopped=looking.stopped,
        question=looking.question,
        keys=tuple(keys),
    )


def find(looking: Looking, matches: Matches | None, halt: Halt) -> Held | None:
    """Return the first message of a look that matches."""
    for batch in looking.batches():
        if halt.reason is not None:
            return None
        for held in batch:
            if matches is None or matches(held):
                return held
    return None


def _target(queue: str, held: Held) -> str | None:
    try:
        return target_of_dead_letter(queue, held.properties).queue
    except WarrenError:
        return None


def _problems(connection: Connection, targets: Counter[str], homeless: int) -> tuple[str, ...]:
    found = []
    if homeless:
        verb = "says" if homeless == 1 else "say"
        found.append(f"{homeless:,} {verb} nowhere in which queue they failed; a replay stops at the first of them")
    declarer = ChannelDeclarer(connection)
    for name, _ in targets.most_common(_MOST_TARGETS):
        try:
            declarer.check_queue(name)
        except TopologyMissing:
            found.append(f"there is no queue {name}; a replay stops at the first message of it")
        except QueueDown as down:
            found.append(f"{down}; a replay stops at the first message of it")
    return tuple(found)
