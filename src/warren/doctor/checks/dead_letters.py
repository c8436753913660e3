"""Where queues dead-letter to: whether it is there, and whether the way is safe.

Not here: what becomes of dead letters where they arrive (`dead_letter_queues.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from warren.doctor.effective import limit, setter, value
from warren.doctor.facts import Facts, Live
from warren.doctor.findings import Finding, FindingId, finding
from warren.doctor.routing import Reach, Routes
from warren.topology.actual import ActualQueue
from warren.topology.naming import dead_letter_queue

__all__ = ["check_dead_letters"]


def check_dead_letters(facts: Facts) -> Iterator[Finding]:
    """Follow the dead letters of each queue that is looked at."""
    if facts.live is None:
        yield from _absent(facts)
        return
    routes, undeclared = Routes(facts.live.actual), _undeclared(facts, facts.live)
    for queue in facts.live_queues():
        exchange = value(queue, "dead-letter-exchange")
        if exchange is not None:
            yield from _target(queue, exchange, facts.live, routes)
            yield from _strategy(queue, facts.live)
        elif dead_letter_queue(queue.name) in undeclared:
            # An external queue: the broker drops there, but Warren itself dead-letters too.
            yield _missing(queue.name, f"queue {dead_letter_queue(queue.name)!r} does not exist", ())


def _undeclared(facts: Facts, live: Live) -> frozenset[str]:
    return facts.code.queues - live.actual.queues.keys() if facts.code else frozenset()


def _absent(facts: Facts) -> Iterator[Finding]:
    """Judge by what passive declarations told."""
    missing = facts.passive.queues if facts.passive and facts.code else frozenset()
    if facts.code is None or facts.code.queues <= missing:
        return
    for name in sorted(missing):
        if facts.is_dead_letter_queue(name):
            yield _missing(name.removesuffix(".dead"), f"queue {name!r} does not exist", ())


def _target(queue: ActualQueue, exchange: str, live: Live, routes: Routes) -> Iterator[Finding]:
    key = value(queue, "dead-letter-routing-key")
    evidence = [
        f"dead-letter-exchange {exchange!r}, set by {setter(queue, 'dead-letter-exchange', live)}",
        f"dead-letter-routing-key {key!r}" if key is not None else "messages keep their own routing key",
    ]
    match routes.reach(exchange, key):
        case Reach.NO_EXCHANGE:
            yield _missing(queue.name, f"exchange {exchange!r} does not exist", evidence)
        case Reach.NOWHERE if exchange == "":
            yield _missing(queue.name, f"queue {key!r} does not exist", evidence)
        case Reach.NOWHERE:
            yield finding(
                FindingId.DEAD_LETTER_UNROUTABLE,
                queue.name,
                f"exchange {exchange!r} leads its dead letters to no queue: {_fate(queue)}",
                evidence=evidence,
                fix=f"bind a queue to exchange {exchange!r} for them",
            )
        case Reach.ARRIVES | Reach.DEPENDS:
            pass


def _missing(queue: str, why: str, evidence: list[str] | tuple[()]) -> Finding:
    return finding(
        FindingId.DEAD_LETTER_TARGET_MISSING,
        queue,
        f"its dead letters have nowhere to go: {why}",
        evidence=evidence,
        fix="create the target at once: `warren topology apply`, or a worker's start, for an application's own queues",
    )


def _fate(queue: ActualQueue) -> str:
    if value(queue, "dead-letter-strategy") == "at-least-once" and queue.type == "quorum":
        return "they pile up inside the queue"
    return "they are lost"


def _strategy(queue: ActualQueue, live: Live) -> Iterator[Finding]:
    strategy = value(queue, "dead-letter-strategy")
    overflow = value(queue, "overflow") or "drop-head"
    if strategy != "at-least-once" or queue.type != "quorum" or overflow == "reject-publish":
        return
    limited = limit(queue, "max-length") is not None or limit(queue, "max-length-bytes") is not None
    yield finding(
        FindingId.STRATEGY_WITHOUT_REJECT,
        queue.name,
        "at-least-once dead-lettering is asked for, but not in force: RabbitMQ falls back to at-most-once silently",
        evidence=[
            f"dead-letter-strategy at-least-once, set by {setter(queue, 'dead-letter-strategy', live)}",
            f"overflow {overflow}" + (", and the queue has a length limit" if limited else ""),
        ],
        fix="set overflow to reject-publish where the strategy is set",
    )
