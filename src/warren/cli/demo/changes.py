"""What somebody changed in the demo's dashboard: messages that were edited or discarded, which no book can account for.

Not here: the books (`ledger.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from warren.cli.demo.evidence import ConsumerEvidence, Evidence

__all__ = ["AUDIT_LOG", "Changed", "read_changed", "without"]

AUDIT_LOG: Final = "audit.ndjson"
_DISCARDED: Final = "warren-discarded-*.ndjson"


@dataclass(frozen=True, slots=True)
class Changed:
    """The ids of the messages that somebody edited, and of those that somebody discarded."""

    edited: frozenset[str] = frozenset()
    discarded: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.edited | self.discarded)


def read_changed(folder: Path) -> Changed:
    """Read the audit log, and the files of what was discarded, in the dashboard's folder."""
    edits = (line for line in _lines([folder / AUDIT_LOG]) if line.get("action") == "edit")
    discarded = _lines(sorted(folder.glob(_DISCARDED)))
    return Changed(
        frozenset(str(edit["options"]["message_id"]) for edit in edits),
        frozenset(str(line["properties"].get("message_id", "")) for line in discarded),
    )


def _lines(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        if path.exists():
            with path.open(encoding="utf-8") as file:
                yield from map(json.loads, file)


def without(evidence: Evidence, changed: Changed) -> Evidence:
    """Return the evidence on all other messages. An edited order may have become one that was never published."""
    ids = changed.edited | changed.discarded
    published = tuple(message_id for message_id in evidence.published if message_id not in ids)
    orders = {order_id: message_id for order_id, message_id in evidence.orders.items() if message_id not in ids}
    return Evidence(
        confirmed=evidence.confirmed - (len(evidence.published) - len(published)),
        published=published,
        orders=orders,
        consumers=tuple(_without(consumer, evidence, orders, changed, ids) for consumer in evidence.consumers),
    )


def _without(
    consumer: ConsumerEvidence, evidence: Evidence, orders: dict[int, str], changed: Changed, ids: frozenset[str]
) -> ConsumerEvidence:
    strange = [effect for effect in consumer.effects if effect.order_id not in evidence.orders]
    are_edited = len(strange) <= len(changed.edited)
    effects = tuple(
        effect
        for effect in consumer.effects
        if effect.order_id in orders or (effect.order_id not in evidence.orders and not are_edited)
    )
    return replace(
        consumer,
        effects=effects,
        dead=tuple(letter for letter in consumer.dead if letter.message_id not in ids),
        done_keys=consumer.done_keys - (len(consumer.effects) - len(effects)),
    )
