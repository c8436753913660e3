"""What became of every order: pure bookkeeping over what the broker, the databases and the processes said.

Not here: collecting it (`harness.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.acceptance.chaos.effects import Effect
from tests.acceptance.chaos.orders import OrderCreated
from tests.acceptance.chaos.records import Record
from warren.observability import events

__all__ = ["DeadOrder", "Evidence", "Ledger", "Published", "close_ledger"]

SHOWN = 5


@dataclass(slots=True)
class Published:
    """What publishing said of each order. `confirmed` holds message ids, the others the orders themselves."""

    attempted: list[OrderCreated] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    indeterminate: list[OrderCreated] = field(default_factory=list)
    refused: dict[str, list[OrderCreated]] = field(default_factory=lambda: defaultdict(list))  # by error: certain


@dataclass(frozen=True, slots=True)
class DeadOrder:
    """One message of the dead-letter queue; `reason` is Warren's, or the broker's."""

    order_id: int
    message_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known at the end. `killed` says when (monotonic) which process was killed."""

    published: Published
    effects: Sequence[Effect]
    dead: Sequence[DeadOrder]
    records: Sequence[Record]
    killed: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The balance. `lost` and `repeated` name messages; `unexplained` are the repeats no crash accounts for."""

    confirmed: int
    lost: tuple[str, ...]
    redelivered: int
    absorbed: int
    repeated: tuple[str, ...]
    unexplained: tuple[str, ...]
    indeterminate: int
    refused: int
    retried: int
    deferred: int
    dead: int
    contradictions: tuple[str, ...]

    def line(self) -> str:
        """The counts, as one line of a table."""
        return (
            f"confirmed {self.confirmed:,} | lost {len(self.lost)} | redelivered {self.redelivered:,} | "
            f"absorbed {self.absorbed:,} | repeated {len(self.repeated)} | indeterminate {self.indeterminate} | "
            f"refused {self.refused} | retried {self.retried:,} | deferred {self.deferred:,} | dead {self.dead}"
        )


def close_ledger(evidence: Evidence) -> Ledger:
    """Balance what was published against what happened."""
    effects = _by_message(evidence.effects)
    dead = {letter.message_id for letter in evidence.dead}
    repeated = {message_id: rows for message_id, rows in effects.items() if len(rows) > 1}
    processed = {(each.pid, each.message_id) for each in evidence.records if each.kind == events.Processed.__name__}
    counts = Counter(each.kind for each in evidence.records)
    published = evidence.published
    return Ledger(
        confirmed=len(published.confirmed),
        lost=tuple(each for each in published.confirmed if each not in effects and each not in dead),
        redelivered=sum(
            1 for each in evidence.records if each.kind == events.Delivered.__name__ and each.fields["redelivered"]
        ),
        absorbed=counts[events.DuplicateAbsorbed.__name__],
        repeated=tuple(repeated),
        unexplained=tuple(_unexplained(repeated, evidence.killed, processed)),
        indeterminate=len(published.indeterminate),
        refused=sum(map(len, published.refused.values())),
        retried=counts[events.Retried.__name__],
        deferred=counts[events.InProgressDeferred.__name__],
        dead=len(dead),
        contradictions=tuple(_contradictions(evidence, effects)),
    )


def _by_message(effects: Iterable[Effect]) -> dict[str, list[Effect]]:
    found: dict[str, list[Effect]] = defaultdict(list)
    for effect in effects:
        found[effect.message_id].append(effect)
    return found


def _unexplained(
    repeated: Mapping[str, Sequence[Effect]], killed: Mapping[int, float], processed: set[tuple[int, str]]
) -> Iterable[str]:
    """Yield repeats that followed an effect of a worker which was not killed between that effect and its done mark."""
    for message_id, rows in repeated.items():
        for effect in rows[:-1]:
            if effect.pid not in killed:
                yield f"{message_id}: worker {effect.pid} had its effect, lives on, and it was had again"
            elif effect.at > killed[effect.pid]:
                yield f"{message_id}: worker {effect.pid} had its effect after it was killed"
            elif (effect.pid, message_id) in processed:
                yield f"{message_id}: worker {effect.pid} had marked it done before it was killed"


def _contradictions(evidence: Evidence, effects: Mapping[str, Sequence[Effect]]) -> Iterable[str]:
    """Yield what cannot be, whatever was killed."""
    published = evidence.published
    seen = {effect.order_id for effect in evidence.effects} | {letter.order_id for letter in evidence.dead}
    if unknown := seen - {order.order_id for order in published.attempted}:
        yield f"orders nobody published: {_some(unknown)}"
    for error, refused in published.refused.items():
        if there := {order.order_id for order in refused} & seen:
            yield f"orders were consumed although their publish was refused ({error}): {_some(there)}"
    ids: dict[int, set[str]] = defaultdict(set)
    for order_id, message_id in [(each.order_id, each.message_id) for each in (*evidence.effects, *evidence.dead)]:
        ids[order_id].add(message_id)
    if changed := [order_id for order_id, names in ids.items() if len(names) > 1]:
        yield f"orders came under several message ids: {_some(changed)}"
    meant = {order.order_id for order in published.attempted if order.is_refused}
    if unmeant := [letter for letter in evidence.dead if letter.reason != "permanent" or letter.order_id not in meant]:
        yield f"dead letters nobody meant: {_some(unmeant)}"
    if both := {letter.message_id for letter in evidence.dead} & effects.keys():
        yield f"messages had their effect and are dead: {_some(both)}"
    failures = {order.order_id: order.failures for order in published.attempted}
    if early := [each for each in evidence.effects if each.attempt <= failures.get(each.order_id, 0)]:
        yield f"effects of attempts that failed: {_some(early)}"


def _some(values: Iterable[object]) -> str:
    listed = list(values)
    rest = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(map(str, listed[:SHOWN])) + rest
