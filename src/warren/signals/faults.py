"""Which failures messages that were looked at have: told by their headers, or by their coming again and again.

Not here: looking (`look.py`), and how one message names its failure (`operations/`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from warren.operations.lease import Held
from warren.operations.message import delivery_count_of, fingerprint_of, why_dead
from warren.signals.samples import Failure

__all__ = ["count_failures", "find_redelivered"]

_OFTEN: Final = 3
"""Deliveries before the present one that make a message suspicious, where the broker counts them."""


def find_redelivered(held: Sequence[Held]) -> tuple[Failure, ...]:
    """Return which messages came again and again, by type.

    Quorum queues count the deliveries of each message: there a few are nothing. Others say only that it came before.
    """
    suspects = [one for one in held if one.redelivered]
    counts = {one.tag: count for one in suspects if (count := delivery_count_of(one.properties.headers)) is not None}
    if counts:
        suspects = [one for one in suspects if counts.get(one.tag, 0) >= _OFTEN]
    return _grouped((f"redelivered@{one.properties.type or 'unknown'}", "redelivered", one) for one in suspects)


def _grouped(found: Iterable[tuple[str, str, Held]]) -> tuple[Failure, ...]:
    """Count by fingerprint; the first of each is the example. No body is kept."""
    failures: dict[str, Failure] = {}
    for fingerprint, reason, held in found:
        known = failures.get(fingerprint)
        if known is None:
            known = Failure(fingerprint, 0, reason, held.properties.type or "", held.properties.message_id or "")
        failures[fingerprint] = replace(known, count=known.count + 1)
    return tuple(sorted(failures.values(), key=lambda one: -one.count))


def count_failures(held: Iterable[Held]) -> tuple[Failure, ...]:
    """Return what dead letters died of, the most frequent first."""
    return _grouped((fingerprint_of(one.properties), _reason(one), one) for one in held)


def _reason(held: Held) -> str:
    dead = why_dead(held.properties)
    return dead.reason if dead is not None else "unknown"
