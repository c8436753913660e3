"""`dead_letters_lost`: the broker drops messages it should dead-letter, for want of a target, or keeps them stuck.

Not here: dead letters that arrive (`dead_letters_growing.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from warren.signals.findings import Finding, FindingId, Severity, Thresholds
from warren.signals.gains import gain
from warren.signals.rules.evidence import shortness_line
from warren.signals.samples import Sample
from warren.signals.settings import dead_letters_to, delivery_limit, drops_at_limits
from warren.signals.window import QueueWindow, Track
from warren.signals.words import command, count, span
from warren.topology.naming import dead_letter_queue

__all__ = ["find_dead_letters_lost", "find_dropped"]

_LAG = (
    5.0  # seconds between two figures of the broker; as many totals and depths may be apart, or twice that at the end
)


def find_dropped(samples: Sequence[Sample], thresholds: Thresholds) -> Finding | None:
    """Return it where the broker itself counts dead letters that nobody took."""
    del thresholds
    dropped = int(gain(one.broker.dropped for one in samples if one.broker.dropped is not None))
    if not dropped:
        return None
    return Finding(
        id=FindingId.DEAD_LETTERS_LOST,
        severity=Severity.CRITICAL,
        queue=None,
        summary=f"the broker dropped {count(dropped, 'dead letter')}: no queue took them",
        evidence=(f"{count(dropped, 'dead letter')} dropped in {span(samples[-1].at - samples[0].at)}",),
        next_step="find the queue whose dead-letter exchange is missing, or routes to no queue",
        command=command("doctor"),
    )


def find_dead_letters_lost(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    """Return it where messages of this queue are lost (critical), or stuck on their way out."""
    return _lost(window) or _stuck(window, thresholds)


# -- lost ---------------------------------------------------------------------------------


def _lost(window: QueueWindow) -> Finding | None:
    """Find messages that left without being settled, from a queue whose dead letters have nowhere to go."""
    reason = _nowhere_to_go(window)
    gone = None if reason is None else _vanished(window)
    if reason is None or gone is None:
        return None
    dead = dead_letter_queue(window.name)
    limit = delivery_limit(window.queue.last)
    limits = () if limit is None else (f"its delivery limit is {limit}",)
    return Finding(
        id=FindingId.DEAD_LETTERS_LOST,
        severity=Severity.CRITICAL,
        queue=window.name,
        summary=f"the broker dropped {count(gone, 'message')} of {window.name}: {reason}",
        evidence=(
            f"{count(gone, 'message')} left within {span(window.seconds)} without an acknowledgement",
            f"dead letters have no target: {reason}",
            *limits,
        ),
        next_step=f"give the queue a dead-letter target that exists, such as {dead} through the default exchange; a "
        f"policy can, while it runs",
        command=command("doctor"),
    )


def _nowhere_to_go(window: QueueWindow) -> str | None:
    now = window.queue.last
    target = dead_letters_to(now)
    if target is None:
        return None if drops_at_limits(now) else "it has no dead-letter exchange"
    if target.queue is None or window.names is None or target.queue in window.names:
        return None
    return f"its dead-letter queue {target.queue} does not exist"


def _vanished(window: QueueWindow) -> int | None:
    """Return how many messages vanished for certain, or None.

    Depths and each of the totals are told at times of their own, so that a message may seem to vanish between two of
    them. It does not where the balance is struck a little later at the start, or a little earlier at the end.
    """
    start, end = window.queue.times[0], window.queue.times[-1]
    starts = [at for at in window.queue.times if at <= start + min(_LAG, window.seconds / 4)]
    ends = [at for at in window.queue.times if at >= end - min(2 * _LAG, window.seconds / 2)]
    balances = [_balance(window.queue.between(first, last)) for first in starts for last in ends]
    gone = min((one for one in balances if one is not None), default=0)
    settled_meanwhile = window.queue.per_second(window.queue.settled) or 0.0
    return max(gone, _balance(window.queue) or 0) if gone > _LAG * settled_meanwhile else None


def _balance(queue: Track) -> int | None:
    """Return how many messages were published, and are neither there nor settled.

    They left some other way: rejected, given up, expired, purged. Where there is no target at all, only the first two
    count: those were delivered, and not settled.
    """
    published, delivered, settled = queue.gained("published"), queue.gained("delivered"), queue.settled
    if published is None or delivered is None or settled is None:
        return None
    gone = published - settled - queue.growth
    if dead_letters_to(queue.last) is not None:
        return gone
    return min(gone, delivered - settled - ((queue.last.unacked or 0) - (queue.first.unacked or 0)))


# -- stuck --------------------------------------------------------------------------------


def _stuck(window: QueueWindow, thresholds: Thresholds) -> Finding | None:
    covered = window.covering(thresholds.stuck_for, thresholds.patience)
    if covered is None:
        return None
    stuck = [track for track in (covered.queue, *covered.tiers) if _is_stuck(track)]
    if not stuck:
        return None
    number = sum(track.last.dead_lettering or 0 for track in stuck)
    return Finding(
        id=FindingId.DEAD_LETTERS_LOST,
        severity=Severity.WARNING,
        queue=window.name,
        summary=f"{count(number, 'message')} of {window.name} cannot get where the broker dead-letters them to",
        evidence=(
            *(
                f"{track.last.name} holds {count(track.last.dead_lettering or 0, 'message')} that no queue has "
                f"confirmed for {span(track.seconds)}"
                for track in stuck
            ),
            *shortness_line(covered, thresholds.stuck_for),
        ),
        next_step="see whether the target exists, and whether it is full; the broker keeps them and tries again every "
        "few minutes, nothing is lost yet",
        command=command("doctor"),
    )


def _is_stuck(track: Track) -> bool:
    held = [sample.dead_lettering or 0 for sample in track.samples]
    return bool(held) and min(held) > 0 and held[-1] >= held[0]
