"""Idempotency: the window against the retry horizon, and the store.

Not here: claims (`reliability/`).
"""

from __future__ import annotations

from collections.abc import Iterator

from warren.doctor.facts import Facts, StoreFacts
from warren.doctor.findings import Finding, FindingId, finding
from warren.topology.duration import format_duration
from warren.worker.spec import ConsumerSpec

__all__ = ["check_idempotency"]


def check_idempotency(facts: Facts) -> Iterator[Finding]:
    """Judge the idempotent consumers and the store they share."""
    if facts.code is None:
        return
    for spec in facts.code.consumers:
        yield from _window(spec)
    if facts.store is not None:
        yield from _store(facts.store, [spec for spec in facts.code.consumers if spec.idempotency is not None])


def _window(spec: ConsumerSpec) -> Iterator[Finding]:
    if spec.idempotency is None:
        return
    window, horizon = spec.idempotency.window, spec.retry.horizon
    figures = [f"window {format_duration(window)}, retry horizon {format_duration(horizon)}" if horizon else ""]
    with_handlers = horizon + spec.retry.attempts * (spec.time_limit or 0.0)
    if window < horizon:
        yield finding(
            FindingId.IDEMPOTENCY_WINDOW_SHORT,
            spec.name,
            "done keys are forgotten before the last retry of a message: a worker does not start",
            evidence=figures,
            fix=f"set idempotency_window= to at least {format_duration(with_handlers)}, or shorten retry=",
        )
    elif horizon and window < with_handlers:
        yield finding(
            FindingId.IDEMPOTENCY_WINDOW_TIGHT,
            spec.name,
            "done keys may be forgotten before the last retry, if each attempt takes its whole time limit",
            evidence=[
                *figures,
                f"with {spec.retry.attempts} attempts of {spec.time_limit:g} s: {format_duration(with_handlers)}",
            ],
            fix=f"set idempotency_window= to at least {format_duration(with_handlers)}",
        )


def _store(store: StoreFacts, idempotent: list[ConsumerSpec]) -> Iterator[Finding]:
    names = [f"consumer {spec.name} needs it" for spec in idempotent]
    if store.failure is not None:
        kind = FindingId.STORE_REFUSED if store.is_refusal else FindingId.STORE_UNAVAILABLE
        yield finding(
            kind,
            store.where,
            f"the store of idempotency keys cannot be used: {store.failure}",
            evidence=names,
            fix="correct store= or $WARREN_STORE"
            if store.is_refusal
            else "start it, or correct store= or $WARREN_STORE",
        )
    if store.is_in_memory:
        yield finding(
            FindingId.STORE_IN_MEMORY,
            store.where,
            "keys are kept in the memory of one process: a restart forgets them, another worker never knows them",
            evidence=names,
            fix="for anything but tests set store= or $WARREN_STORE to sqlite:///…, postgresql+psycopg://… or redis://…",
        )
    with_inbox = [spec for spec in idempotent if spec.has_inbox]
    if with_inbox and not store.has_transactions:
        yield finding(
            FindingId.STORE_WITHOUT_TRANSACTIONS,
            store.where,
            "handlers ask for the transaction, which this store does not have: a worker does not start",
            evidence=[f"consumer {spec.name}" for spec in with_inbox],
            fix="set store= or $WARREN_STORE to sqlite:///… or postgresql+psycopg://…",
        )
