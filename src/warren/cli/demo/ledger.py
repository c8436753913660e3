"""Whether the evidence adds up: each published message has its effect once, or is a dead letter once. Pure.

Not here: reading the evidence (`evidence.py`), showing it (`report.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from warren.cli.demo.evidence import ConsumerEvidence, Evidence

__all__ = ["Account", "open_account"]


@dataclass(frozen=True, slots=True)
class Account:
    """One consumer's books. Messages are counted by message id: copies of one are one message."""

    consumer: str
    confirmed: int  # publishes, copies among them
    published: int
    copies: int  # published beyond the first of their message id
    effects: int
    after_retry: int  # effects of a second or later attempt
    dead: int
    dead_by_reason: dict[str, int]
    done_keys: int
    twice: tuple[int, ...]  # orders with more than one effect
    missing: tuple[str, ...]  # messages with neither effect nor dead letter
    doubtful: tuple[str, ...]  # with both, or with an effect and never published
    left: int

    @property
    def closes(self) -> bool:
        """Whether published = effects + dead letters, no effect twice, and nothing is left over."""
        return (
            self.published == self.effects + self.dead
            and self.confirmed == self.published + self.copies
            and self.published > 0
            and self.done_keys == self.effects
            and not (self.twice or self.missing or self.doubtful or self.left)
        )


def open_account(evidence: Evidence, consumer: ConsumerEvidence) -> Account:
    """Balance one consumer against what was published."""
    published = set(evidence.published)
    effects = Counter(effect.order_id for effect in consumer.effects)
    done = {evidence.orders.get(order_id, f"order {order_id}, never published") for order_id in effects}
    reasons = {letter.message_id: letter.reason for letter in consumer.dead}
    dead = set(reasons)
    return Account(
        consumer=consumer.consumer,
        confirmed=evidence.confirmed,
        published=len(published),
        copies=len(evidence.published) - len(published),
        effects=effects.total(),
        after_retry=sum(effect.attempt > 1 for effect in consumer.effects),
        dead=len(dead),
        dead_by_reason=dict(Counter(reasons.values())),
        done_keys=consumer.done_keys,
        twice=tuple(sorted(order_id for order_id, count in effects.items() if count > 1)),
        missing=tuple(sorted(published - done - dead)),
        doubtful=tuple(sorted((done & dead) | (done - published) | (dead - published))),
        left=consumer.left,
    )
