"""The stages around idempotent handlers: claimed before, recorded after, settled last.

Not here: a store that fails (test_claim_stages.py), or the stores themselves (tests/contract).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.support import wait_until
from warren import Message, Permanent, Retry, Transient, Warren
from warren.clock import ManualClock
from warren.contracts.incoming import Incoming
from warren.contracts.properties import Properties
from warren.errors import StoreUnavailable
from warren.reliability.idempotency import Claim, ClaimResult
from warren.reliability.outcome import Ack, DeadLetter, DeathReason, Defer, Outcome, RetryLater
from warren.reliability.stores.memory import MemoryStore
from warren.worker.claims import ClaimStages
from warren.worker.job import Job

CONSUMER = "billing.invoices"
LATER = RetryLater(10.0, "transient", Transient("later"))
DEAD = DeadLetter(DeathReason.PERMANENT, Permanent("no"))


class OrderCreated(Message, type="orders.created"):
    order_id: int


class TellingStore(MemoryStore):
    """A store that notes each call, and fails or waits as told."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self.calls: list[tuple[str, list[str]]] = []
        self.errors: dict[str, list[Exception]] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()

    def _note(self, name: str, keys: list[str]) -> None:
        self.calls.append((name, keys))
        self.asked.set()
        self.gate.wait(20.0)
        if self.errors.get(name):
            raise self.errors[name].pop(0)

    def claim_many(self, consumer: str, keys: Sequence[str], *, lease: float) -> list[ClaimResult]:
        self._note("claim", list(keys))
        return super().claim_many(consumer, keys, lease=lease)

    def renew_many(self, claims: Sequence[Claim], *, lease: float) -> list[bool]:
        self._note("renew", [claim.key for claim in claims])
        return super().renew_many(claims, lease=lease)

    def done_many(self, claims: Sequence[Claim], *, window: float) -> list[bool]:
        self._note("done", [claim.key for claim in claims])
        return super().done_many(claims, window=window)

    def release_many(self, claims: Sequence[Claim]) -> None:
        self._note("release", [claim.key for claim in claims])
        super().release_many(claims)

    def of(self, name: str) -> list[list[str]]:
        return [keys for each, keys in self.calls if each == name]


class Stages:
    """The stages of one consumer, with handlers that a test runs by hand."""

    def __init__(self, *, lease: float = 60.0) -> None:
        self.clock = ManualClock()
        self.store = TellingStore(self.clock)
        self.ran: list[Job] = []
        self.settled: list[tuple[Job, Outcome]] = []
        self.dropped: list[Job] = []
        self.failures: dict[str, Outcome] = {}  # by message id
        app = Warren("billing")
        app.consumer(CONSUMER, OrderCreated, retry=Retry("1s", "10s"), idempotent=True)(lambda order: None)
        (spec,) = app.consumers
        self.stages = ClaimStages(
            spec,
            self.store,
            lease=lease,
            prepare=self._prepare,
            run=self.ran.extend,
            settle=lambda job, outcome: self.settled.append((job, outcome)),
            drop=self.dropped.extend,
        )

    def _prepare(self, job: Job) -> Outcome | None:
        job.key = job.message_id
        return self.failures.get(job.message_id)

    def submit(self, *message_ids: str) -> list[Job]:
        jobs = [
            Job(Incoming(b"{}", Properties(message_id=each), "orders", "orders.created", False, tag, 1, "c"))
            for tag, each in enumerate(message_ids, start=1)
        ]
        self.stages.submit(jobs)
        return jobs

    def claimed(self, *message_ids: str) -> list[Job]:
        jobs = self.submit(*message_ids)
        wait_until(lambda: all(job in self.ran for job in jobs), message="all are claimed and run")
        return jobs

    def wait_settled(self, count: int) -> list[Outcome]:
        wait_until(lambda: len(self.settled) >= count, message=lambda: f"{count} settled; there are {self.settled}")
        return [outcome for _, outcome in self.settled]


@pytest.fixture
def start() -> Iterator[Callable[..., Stages]]:
    started: list[Stages] = []

    def build(**options: Any) -> Stages:
        started.append(Stages(**options))
        return started[-1]

    yield build
    for each in started:
        each.store.gate.set()
        each.stages.stop()
        each.stages.close()


@pytest.fixture
def stages(start: Callable[..., Stages]) -> Stages:
    return start()


# -- one message ----------------------------------------------------------------------------------


def test_a_new_key_runs_and_is_marked_done_before_it_is_acknowledged(stages: Stages) -> None:
    (job,) = stages.claimed("a")
    assert stages.settled == []
    stages.store.gate.clear()
    stages.stages.finish(job, Ack())
    wait_until(lambda: stages.store.of("done") == [["a"]])
    assert stages.settled == [], "the mark is not written yet"

    stages.store.gate.set()
    assert stages.wait_settled(1) == [Ack()]
    assert [name for name, _ in stages.store.calls] == ["claim", "done"]


def test_a_done_key_is_acknowledged_without_running(stages: Stages) -> None:
    (job,) = stages.claimed("a")
    stages.stages.finish(job, Ack())
    stages.wait_settled(1)

    (again,) = stages.submit("a")

    assert stages.wait_settled(2) == [Ack(), Ack()]
    assert again.is_duplicate
    assert not job.is_duplicate
    assert stages.ran == [job]


def test_a_key_in_progress_is_deferred_through_the_shortest_tier(stages: Stages) -> None:
    (job,) = stages.claimed("a")
    stages.submit("a")

    assert stages.wait_settled(1) == [Defer(1.0)]
    assert stages.ran == [job]


def test_of_two_in_one_batch_the_first_runs(stages: Stages) -> None:
    stages.store.gate.clear()
    stages.submit("hold the stage")
    assert stages.store.asked.wait(10.0)
    first, second = stages.submit("a", "a")
    stages.store.gate.set()

    assert stages.wait_settled(1) == [Defer(1.0)]
    assert stages.settled[0][0] is second
    wait_until(lambda: first in stages.ran)


@pytest.mark.parametrize("outcome", [LATER, DEAD], ids=["retry", "dead-letter"])
def test_a_failed_handler_gives_its_claim_back_before_it_is_settled(stages: Stages, outcome: Outcome) -> None:
    """So that the retry finds the key free."""
    (job,) = stages.claimed("a")
    stages.stages.finish(job, outcome)

    assert stages.wait_settled(1) == [outcome]
    assert [name for name, _ in stages.store.calls] == ["claim", "release"]
    (again,) = stages.claimed("a")
    assert not again.is_duplicate


def test_a_message_that_fits_no_contract_claims_nothing(stages: Stages) -> None:
    stages.failures["broken"] = DEAD
    stages.submit("broken")

    assert stages.wait_settled(1) == [DEAD]
    assert (stages.store.calls, stages.ran) == ([], [])


# -- batches ----------------------------------------------------------------------------------------


def test_what_arrives_while_the_store_is_asked_is_asked_together(stages: Stages) -> None:
    stages.store.gate.clear()
    stages.submit("first")
    assert stages.store.asked.wait(10.0)
    jobs = stages.submit("a", "b", "c")
    stages.store.gate.set()
    wait_until(lambda: all(job in stages.ran for job in jobs))

    assert stages.store.of("claim") == [["first"], ["a", "b", "c"]]


def test_what_finishes_while_marks_are_written_is_marked_together_and_settled_in_order(stages: Stages) -> None:
    first, *others = stages.claimed("first", "a", "b", "c", "d")
    stages.store.gate.clear()
    stages.stages.finish(first, Ack())
    wait_until(lambda: stages.store.of("done") == [["first"]])
    outcomes: list[Outcome] = [Ack(), LATER, Ack(), DEAD]
    for job, outcome in zip(others, outcomes, strict=True):
        stages.stages.finish(job, outcome)
    stages.store.gate.set()

    assert stages.wait_settled(5) == [Ack(), *outcomes]
    assert stages.store.of("done") == [["first"], ["a", "c"]]
    assert stages.store.of("release") == [["b", "d"]]


# -- leases -------------------------------------------------------------------------------------------


def test_leases_of_what_runs_are_renewed_and_no_others(start: Callable[..., Stages]) -> None:
    stages = start(lease=0.06)
    running, finished = stages.claimed("running", "finished")
    stages.stages.finish(finished, Ack())
    stages.wait_settled(1)
    before = len(stages.store.of("renew"))

    wait_until(lambda: len(stages.store.of("renew")) >= before + 3)

    assert all(keys == ["running"] for keys in stages.store.of("renew")[before + 1 :])
    assert running.claim is not None


def test_a_renewal_that_fails_is_tried_again(start: Callable[..., Stages]) -> None:
    stages = start(lease=0.06)
    stages.store.errors["renew"] = [StoreUnavailable("no route"), ValueError("a fault of the store")]
    stages.claimed("a")

    wait_until(lambda: len(stages.store.of("renew")) >= 4)


def test_a_holder_whose_lease_ran_out_neither_marks_nor_frees_the_next_ones_claim(stages: Stages) -> None:
    """Its handler was slow; the next holder has the message too, and settles its own delivery."""
    (slow,) = stages.claimed("a")
    stages.clock.advance(61.0)
    (next_holder,) = stages.claimed("a")
    assert slow.claim is not None
    assert next_holder.claim is not None
    assert next_holder.claim.token > slow.claim.token

    stages.stages.finish(slow, LATER)
    assert stages.wait_settled(1) == [LATER]
    stages.submit("a")
    assert stages.wait_settled(2) == [LATER, Defer(1.0)], "it is still in progress"
    stages.stages.finish(next_holder, Ack())
    stages.wait_settled(3)
    (duplicate,) = stages.submit("a")
    stages.wait_settled(4)
    assert duplicate.is_duplicate


# -- the store does not answer --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["done", "release"])
def test_nothing_is_settled_that_is_not_recorded(stages: Stages, name: str) -> None:
    outcome: Outcome = Ack() if name == "done" else LATER
    stages.store.errors[name] = [StoreUnavailable("no route")] * 2
    (job,) = stages.claimed("a")
    stages.stages.finish(job, outcome)

    assert stages.wait_settled(1) == [outcome]
    assert stages.store.of(name) == [["a"]] * 3


def test_what_cannot_be_recorded_before_the_end_is_not_settled(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warren.worker.claims.PATIENCE", 0.05)
    stages.store.errors["done"] = [StoreUnavailable("no route")] * 1_000
    (job,) = stages.claimed("a")
    stages.stages.finish(job, Ack())
    wait_until(lambda: stages.store.of("done"))
    stages.stages.stop()
    stages.stages.close()

    assert stages.settled == []


def test_what_is_finished_before_the_end_is_recorded_and_settled(stages: Stages) -> None:
    jobs = stages.claimed("a", "b")
    for job in jobs:
        stages.stages.finish(job, Ack())
    stages.stages.stop()
    stages.stages.close()

    assert [job for job, _ in stages.settled] == jobs
