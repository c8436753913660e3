"""Random histories of claims, on every store and on a model of what the rules say (rules 18 and 19).

Not here: single rules by name (`test_idempotency_stores.py`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.support.stores import DAY, STORES, url_of
from warren.clock import ManualClock
from warren.reliability.idempotency import Claim, ClaimResult, Done, IdempotencyStore, InProgress
from warren.reliability.stores.open import open_store

CONSUMERS = st.sampled_from(["billing", "shipping"])
KEYS = st.sampled_from([f"m{number}" for number in range(5)])
SECONDS = st.sampled_from([0.001, 1.0, 59.0, 60.0, 61.0, 3_600.0])
STEPS = st.sampled_from([0.001, 1.0, 59.0, 60.0, 3_600.0, DAY])

_examples = itertools.count()


def micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


@dataclass
class Entry:
    """What the model knows of one key: whose it is, and until when, in microseconds."""

    token: int
    is_done: bool
    ends: int
    is_released: bool = False

    def forgotten_at(self) -> int:
        return self.ends if self.is_done else self.ends + micros(DAY)


class Histories(RuleBasedStateMachine):
    """Does the same to a store and to a dictionary, and compares the answers."""

    store: IdempotencyStore
    clock: ManualClock

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], Entry] = {}
        self.highest: dict[tuple[str, str], int] = {}
        self.claims: list[Claim] = []

    @initialize()
    def begin(self) -> None:
        # Names of its own for each history: all of them share one store.
        self.prefix = f"{next(_examples)}-"

    def now(self) -> int:
        return micros(self.clock.now())

    @rule(consumer=CONSUMERS, keys=st.lists(KEYS, min_size=1, max_size=6), lease=SECONDS)
    def claim(self, consumer: str, keys: list[str], lease: float) -> None:
        consumer = self.prefix + consumer
        results = self.store.claim_many(consumer, keys, lease=lease)
        assert len(results) == len(keys)
        for key, result in zip(keys, results, strict=True):
            self.expect_claim(consumer, key, result, lease)

    def expect_claim(self, consumer: str, key: str, result: ClaimResult, lease: float) -> None:
        entry = self.entries.get((consumer, key))
        if entry is not None and not entry.is_released and self.now() < entry.ends:
            assert result == (Done(consumer, key) if entry.is_done else InProgress(consumer, key))
            return
        assert isinstance(result, Claim)
        assert (result.consumer, result.key) == (consumer, key)
        assert result.token > self.highest.get((consumer, key), 0)
        self.highest[consumer, key] = result.token
        self.entries[consumer, key] = Entry(result.token, is_done=False, ends=self.now() + micros(lease))
        self.claims.append(result)

    def is_held(self, claim: Claim, *, for_done: bool) -> bool:
        entry = self.entries.get((claim.consumer, claim.key))
        return (
            entry is not None
            and entry.token == claim.token
            and not entry.is_released
            and (for_done or not entry.is_done)
            and self.now() < entry.forgotten_at()
        )

    @rule(data=st.data(), window=SECONDS)
    def done(self, data: st.DataObject, window: float) -> None:
        claims = self.some_claims(data)
        expected = [self.is_held(claim, for_done=True) for claim in claims]
        assert self.store.done_many(claims, window=window) == expected
        self.replace(claims, expected, is_done=True, ends=self.now() + micros(window))

    @rule(data=st.data(), lease=SECONDS)
    def renew(self, data: st.DataObject, lease: float) -> None:
        claims = self.some_claims(data)
        expected = [self.is_held(claim, for_done=False) for claim in claims]
        assert self.store.renew_many(claims, lease=lease) == expected
        self.replace(claims, expected, is_done=False, ends=self.now() + micros(lease))

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        for claim in self.some_claims(data):
            self.store.release_many([claim])
            if self.is_held(claim, for_done=False):
                self.entries[claim.consumer, claim.key].is_released = True

    def some_claims(self, data: st.DataObject) -> list[Claim]:
        """Claims made in this history, present and former ones."""
        return data.draw(st.lists(st.sampled_from(self.claims), max_size=6)) if self.claims else []

    def replace(self, claims: list[Claim], held: list[bool], *, is_done: bool, ends: int) -> None:
        for claim, is_held in zip(claims, held, strict=True):
            if is_held:
                self.entries[claim.consumer, claim.key] = Entry(claim.token, is_done, ends)

    @rule(seconds=STEPS)
    def let_time_pass(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def purge(self) -> None:
        self.store.purge()


@pytest.mark.parametrize("kind", STORES)
def test_every_history_is_answered_as_the_rules_say(kind: str, request: pytest.FixtureRequest) -> None:
    clock = ManualClock()
    store = open_store(url_of(kind, request), clock=clock)

    class OfThisStore(Histories):
        pass

    OfThisStore.store, OfThisStore.clock = store, clock
    try:
        run_state_machine_as_test(
            OfThisStore,
            settings=settings(
                max_examples=60,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )
    finally:
        store.close()
