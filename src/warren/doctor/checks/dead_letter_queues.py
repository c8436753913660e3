"""Dead-letter queues: that nothing makes them lose what they keep.

Not here: the way there (`dead_letters.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from warren.doctor.effective import delivery_limit, limit, setter, value
from warren.doctor.facts import Facts, Live
from warren.doctor.findings import Finding, FindingId, finding
from warren.topology.actual import ActualQueue

__all__ = ["check_dead_letter_queues"]

_ENOUGH: Final = 1_000_000  # returns; looking into a queue returns its messages each time


def check_dead_letter_queues(facts: Facts) -> Iterator[Finding]:
    """Judge each dead-letter queue that is looked at."""
    if facts.live is None:
        return
    for queue in facts.live_queues():
        if facts.is_dead_letter_queue(queue.name):
            yield from _expiry(queue, facts.live)
            yield from _length(queue, facts.live)
            yield from _deliveries(queue, facts.live)


def _expiry(queue: ActualQueue, live: Live) -> Iterator[Finding]:
    for name, what in (("message-ttl", "its messages"), ("expires", "the whole queue, while nothing consumes from it")):
        milliseconds = limit(queue, name)
        if milliseconds is not None:
            yield finding(
                FindingId.DEAD_LETTER_QUEUE_EXPIRES,
                queue.name,
                f"the broker deletes {what} after {milliseconds / 1000:g} s: dead letters are lost",
                evidence=[f"{name} {milliseconds} ms, set by {setter(queue, name, live)}"],
                fix=_take_away(queue, name, live),
            )


def _length(queue: ActualQueue, live: Live) -> Iterator[Finding]:
    refuses = value(queue, "overflow") == "reject-publish"
    for name in ("max-length", "max-length-bytes"):
        most = limit(queue, name)
        if most is None:
            continue
        evidence = [f"{name} {most}, set by {setter(queue, name, live)}"]
        if refuses:
            yield finding(
                FindingId.DEAD_LETTER_QUEUE_REFUSES,
                queue.name,
                "once full it refuses dead letters: what should go there comes back to its queue again and again",
                evidence=evidence,
                fix=_take_away(queue, name, live),
            )
        else:
            yield finding(
                FindingId.DEAD_LETTER_QUEUE_DROPS,
                queue.name,
                "once full it drops the oldest dead letter for each new one: they are lost",
                evidence=evidence,
                fix=_take_away(queue, name, live),
            )


def _deliveries(queue: ActualQueue, live: Live) -> Iterator[Finding]:
    found = delivery_limit(queue, live)
    if found is None or found.count is None or found.count >= _ENOUGH:
        return
    yield finding(
        FindingId.DEAD_LETTER_QUEUE_DELIVERY_LIMIT,
        queue.name,
        f"a dead letter that is looked at and returned {found.count} times is lost",
        evidence=[f"delivery-limit {found.count}, set by {found.by}"],
        fix=(
            "give the queue a delivery limit of its own with a policy (2147483647): it must not have the default"
            if found.is_default
            else _take_away(queue, "delivery-limit", live)
        ),
    )


def _take_away(queue: ActualQueue, name: str, live: Live) -> str:
    who = setter(queue, name, live)
    if who.startswith("argument"):
        return f"declare the queue without {who.removeprefix('argument ')}: drain it, delete it, apply"
    return f"take {name} out of {who}, or exclude {queue.name!r} from its pattern"
