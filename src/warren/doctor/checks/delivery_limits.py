"""How often a message may come back to a consumer's queue, who says so, and what happens then.

Not here: dead-letter queues, which must never lose by it (`dead_letter_queues.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from warren.doctor.effective import DeliveryLimit, delivery_limit, value
from warren.doctor.facts import Facts
from warren.doctor.findings import Finding, FindingId, finding
from warren.topology.actual import ActualQueue

__all__ = ["check_delivery_limits"]

_LOW: Final = 5  # a few worker restarts should not condemn what was in flight


def check_delivery_limits(facts: Facts) -> Iterator[Finding]:
    """Judge the queues of the application's consumers."""
    if facts.live is None or facts.code is None:
        return
    declared = {spec.queue.name: spec.queue.delivery_limit for spec in facts.code.consumers}
    for queue in facts.live_queues():
        found = delivery_limit(queue, facts.live)
        if queue.name in declared and found is not None and found.count is not None:
            yield from _judge(queue, found, declared[queue.name])


def _judge(queue: ActualQueue, found: DeliveryLimit, declared: int | None) -> Iterator[Finding]:
    evidence = [f"delivery-limit {found.count}, set by {found.by}"]
    if value(queue, "dead-letter-exchange") is None:
        yield finding(
            FindingId.DELIVERY_LIMIT_LOSES,
            queue.name,
            f"a message that comes back {found.count} times is dropped: the queue has no dead-letter target",
            evidence=evidence,
            fix=f"give it one, with a policy: dead-letter-exchange '', dead-letter-routing-key '{queue.name}.dead'",
        )
    if found.count is not None and found.count < _LOW and found.count != declared:
        yield finding(
            FindingId.DELIVERY_LIMIT_LOW,
            queue.name,
            f"a message is dead-lettered after {found.count} returns: a few killed workers suffice",
            evidence=evidence,
            fix="raise the limit to 20 or more; retries of Warren do not count against it",
        )
    elif found.is_default:
        yield finding(
            FindingId.DELIVERY_LIMIT_DEFAULT,
            queue.name,
            "nobody says a delivery limit, so RabbitMQ 4 dead-letters what came back 20 times",
            fix="nothing to do where that is fine; else say delivery_limit= in Queue(…)",
        )
    elif found.count != declared:
        yield finding(
            FindingId.DELIVERY_LIMIT_BY_POLICY,
            queue.name,
            f"its delivery limit of {found.count} is not the code's",
            evidence=[*evidence, f"the code says {'none' if declared is None else declared}"],
            fix="nothing to do where that is meant; else take it out of the policy",
        )
