"""Retry tiers: those of the code that are missing or changed by a policy, and former ones.

Not here: their other arguments, which are compared like any queue's (`topology.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from warren.doctor.facts import Code, Facts, Live
from warren.doctor.findings import Finding, FindingId, finding
from warren.topology.naming import retry_delay

__all__ = ["check_retry_tiers"]

_HARMLESS: Final = frozenset({"delivery-limit", "consumer-timeout", "queue-leader-locator", "target-group-size"})


def check_retry_tiers(facts: Facts) -> Iterator[Finding]:
    """Judge the tiers of the application's consumers."""
    if facts.code is None:
        return
    tiers = [name for name in sorted(facts.code.queues) if facts.is_retry_tier(name)]
    for name in _missing(tiers, facts, facts.code):
        yield finding(
            FindingId.RETRY_TIER_MISSING,
            name,
            "this retry tier is not on the broker: what should wait there comes back to its queue at once",
            fix="run `warren topology apply`, or start a worker, which creates what is missing",
        )
    if facts.live is not None:
        for name in tiers:
            yield from _changed(name, facts.live)
        yield from _former(facts.code, facts.live)


def _missing(tiers: list[str], facts: Facts, code: Code) -> list[str]:
    if facts.live is not None:
        there = code.queues & facts.live.actual.queues.keys()
    elif facts.passive is not None:
        there = code.queues - facts.passive.queues
    else:
        return []
    return [name for name in tiers if name not in there] if there else []


def _changed(name: str, live: Live) -> Iterator[Finding]:
    queue = live.actual.queues.get(name)
    if queue is None:
        return
    changed = {
        setting: told
        for setting, told in queue.settings.items()
        if setting not in _HARMLESS and not _is_overruled(queue.arguments.get(f"x-{setting}"), told)
    }
    if changed:
        yield finding(
            FindingId.RETRY_TIER_CHANGED,
            name,
            f"policy {queue.policy!r} changes how this retry tier delays or keeps messages",
            evidence=[f"{setting} {told!r}" for setting, told in sorted(changed.items())],
            fix=f"exclude {name!r} from the policy's pattern; retry tiers are set up by their arguments",
        )


def _is_overruled(argument: object, told: object) -> bool:
    """Whether the argument has the same or the last word: of limits the lower one, of other values the argument."""
    if isinstance(argument, int) and isinstance(told, int):
        return argument <= told
    return argument is not None


def _former(code: Code, live: Live) -> Iterator[Finding]:
    bases = [spec.queue.name for spec in code.consumers]
    for name in sorted(live.actual.queues.keys() - code.queues):
        if not any(retry_delay(base, name) is not None for base in bases):
            continue
        statistics = live.queues.get(name)
        held = 0
        if statistics is not None:
            held = (statistics.ready or 0) + (statistics.unacked or 0) + (statistics.dead_lettering or 0)
        if held:
            yield finding(
                FindingId.FORMER_TIER_HOLDS_MESSAGES,
                name,
                "a retry tier of a delay the code no longer has still holds messages: do not delete it yet",
                evidence=[f"{held} messages"],
                fix="wait until its delay is over and it is empty, then delete it",
            )
        else:
            yield finding(
                FindingId.FORMER_TIER,
                name,
                "a retry tier of a delay the code no longer has",
                fix="once workers with the former code are gone, delete it (if empty)",
            )
