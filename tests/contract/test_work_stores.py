"""What every store does with the status of offloaded work, on memory, SQLite, PostgreSQL and Redis.

Not here: who writes which status when (tests of the worker and of the integration with FastAPI).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.services.postgres_server import PostgresServer
from tests.services.redis_service import RedisService
from tests.support.gate import Gate
from tests.support.stores import DAY, SHARED, STORES, claim, url_of
from warren.clock import ManualClock
from warren.errors import StoreUnavailable
from warren.reliability.stores.open import Store, open_store
from warren.reliability.work import (
    Acceptance,
    Known,
    Mark,
    Proposal,
    Underway,
    WorkState,
    WorkStatus,
    position_of,
)


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    return url_of(request.param, request)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def opened(store_url: str, clock: ManualClock) -> Iterator[Callable[[], Store]]:
    with ExitStack() as closing:

        def open_another() -> Store:
            store = open_store(store_url, clock=clock)
            closing.callback(store.close)
            return store

        yield open_another


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()


def proposal(work_id: str = "w1", *, fingerprint: str = "", consumer: str = "", kept: float = DAY) -> Proposal:
    return Proposal(id=work_id, accepted_at=1_000.0, lease=10.0, kept=kept, fingerprint=fingerprint, consumer=consumer)


def accept(store: Store, work_id: str = "w1", *, fingerprint: str = "", consumer: str = "") -> Acceptance:
    answer = store.accept(proposal(work_id, fingerprint=fingerprint, consumer=consumer))
    assert isinstance(answer, Acceptance), answer
    return answer


def mark(
    state: WorkState,
    work_id: str = "w1",
    *,
    attempt: int = 1,
    replays: int = 0,
    consumer: str = "billing",
    kept: float = DAY,
) -> Mark:
    has_failed = state is WorkState.FAILED
    status = WorkStatus(
        id=work_id,
        state=state,
        accepted_at=1_000.0,
        started_at=1_001.5,
        ended_at=1_002.25 if state in (WorkState.DONE, WorkState.FAILED) else None,
        attempts=attempt,
        reason="permanent" if has_failed else "",
        error_type="ValueError" if has_failed else "",
    )
    return Mark(status, position_of(state, attempt=attempt, replays=replays), kept, consumer)


def state(store: Store, work_id: str = "w1") -> WorkState | None:
    status = store.status(work_id)
    return None if status is None else status.state


# -- accepting ----------------------------------------------------------------------------


def test_unknown_work_has_no_status(store: Store) -> None:
    assert store.status("w1") is None


def test_accepted_work_has_its_status_before_anything_is_sent(store: Store) -> None:
    accept(store)

    assert store.status("w1") == WorkStatus(id="w1", state=WorkState.ACCEPTED, accepted_at=1_000.0)


def test_work_that_is_being_accepted_is_underway_for_others_until_its_lease_ends(
    store: Store, clock: ManualClock
) -> None:
    first = accept(store)
    assert store.accept(proposal()) == Underway("w1")
    clock.advance(9.999)
    assert store.accept(proposal()) == Underway("w1")

    clock.advance(0.001)

    assert accept(store).token > first.token


def test_work_that_surely_was_not_sent_is_forgotten(store: Store) -> None:
    store.withdraw(accept(store), may_be_sent=False)

    assert store.status("w1") is None
    accept(store)


def test_work_that_may_have_been_sent_stays_and_may_be_sent_again_at_once(store: Store) -> None:
    store.withdraw(accept(store), may_be_sent=True)

    assert state(store) is WorkState.ACCEPTED
    accept(store)
    assert store.accept(proposal()) == Underway("w1")


def test_work_that_may_have_been_sent_before_is_never_forgotten_by_a_later_failure(store: Store) -> None:
    store.withdraw(accept(store), may_be_sent=True)

    store.withdraw(accept(store), may_be_sent=False)

    assert state(store) is WorkState.ACCEPTED
    accept(store)


def test_work_taken_over_after_its_lease_counts_as_maybe_sent(store: Store, clock: ManualClock) -> None:
    accept(store)  # by a process that died, before or after it had sent it
    clock.advance(10.0)

    store.withdraw(accept(store), may_be_sent=False)

    assert state(store) is WorkState.ACCEPTED


def test_a_former_acceptance_cannot_withdraw(store: Store, clock: ManualClock) -> None:
    former = accept(store)
    clock.advance(10.0)
    accept(store)

    store.withdraw(former, may_be_sent=False)
    store.withdraw(former, may_be_sent=True)

    assert state(store) is WorkState.ACCEPTED
    assert store.accept(proposal()) == Underway("w1")


def test_withdrawing_after_a_worker_began_changes_nothing(store: Store) -> None:
    acceptance = accept(store)
    store.mark_many([mark(WorkState.PROCESSING)])

    store.withdraw(acceptance, may_be_sent=False)
    store.withdraw(acceptance, may_be_sent=True)

    assert state(store) is WorkState.PROCESSING


def test_work_that_was_sent_is_known(store: Store, clock: ManualClock) -> None:
    accept(store, fingerprint="f1")
    store.mark_many([mark(WorkState.ACCEPTED, consumer="")])
    clock.advance(60.0)

    answer = store.accept(proposal(fingerprint="f1"))

    assert isinstance(answer, Known)
    assert (answer.status.state, answer.fingerprint) == (WorkState.ACCEPTED, "f1")


def test_the_fingerprint_outlives_what_workers_write(store: Store) -> None:
    accept(store, fingerprint="f1")
    store.mark_many([mark(WorkState.PROCESSING)])
    store.mark_many([mark(WorkState.DONE)])

    answer = store.accept(proposal(fingerprint="f2"))

    assert isinstance(answer, Known)
    assert (answer.status.state, answer.fingerprint) == (WorkState.DONE, "f1")


@pytest.mark.parametrize(("first", "again"), [("f1", ""), ("", "f1")])
def test_a_request_without_a_fingerprint_may_be_the_same_one(store: Store, first: str, again: str) -> None:
    store.withdraw(accept(store, fingerprint=first), may_be_sent=True)

    store.withdraw(accept(store, fingerprint=again), may_be_sent=True)

    answer = store.accept(proposal(fingerprint="f2"))
    assert isinstance(answer, Known)
    assert answer.fingerprint == "f1"


def test_another_request_never_takes_over(store: Store, clock: ManualClock) -> None:
    accept(store, fingerprint="f1")
    clock.advance(10.0)

    answer = store.accept(proposal(fingerprint="f2"))

    assert isinstance(answer, Known)
    assert answer.fingerprint == "f1"


# -- a status moves forward only --------------------------------------------------------------

ACCEPTED, PROCESSING, DONE, FAILED = WorkState.ACCEPTED, WorkState.PROCESSING, WorkState.DONE, WorkState.FAILED


def test_work_goes_from_accepted_to_done(store: Store) -> None:
    accept(store)
    for each in (mark(ACCEPTED, consumer=""), mark(PROCESSING), mark(DONE)):
        store.mark_many([each])
        assert store.status("w1") == each.status


def test_a_failure_keeps_its_reason_and_type(store: Store) -> None:
    failed = mark(FAILED, attempt=4)
    store.mark_many([failed])

    assert store.status("w1") == failed.status


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (mark(PROCESSING), mark(ACCEPTED, consumer="")),
        (mark(PROCESSING, attempt=2), mark(PROCESSING, attempt=1)),
        (mark(DONE), mark(PROCESSING)),
        (mark(DONE), mark(PROCESSING, attempt=4)),
        (mark(DONE), mark(FAILED, attempt=4)),
        (mark(DONE), mark(PROCESSING, replays=3)),
        (mark(FAILED, attempt=2), mark(PROCESSING, attempt=2)),
        (mark(FAILED, attempt=2), mark(PROCESSING, attempt=3)),
        (mark(PROCESSING, replays=1), mark(FAILED, attempt=4)),
        (mark(FAILED, replays=1), mark(FAILED, attempt=4)),
    ],
    ids=lambda each: f"{each.status.state} {each.position}",
)
def test_what_comes_late_overwrites_nothing(store: Store, later: Mark, earlier: Mark) -> None:
    store.mark_many([earlier])
    store.mark_many([later])
    assert store.status("w1") == later.status

    store.mark_many([earlier])

    assert store.status("w1") == later.status


def test_an_equal_mark_changes_nothing(store: Store) -> None:
    store.mark_many([mark(PROCESSING)])
    again = Mark(WorkStatus(id="w1", state=PROCESSING, started_at=9_999.0), mark(PROCESSING).position, DAY, "billing")

    store.mark_many([again])

    assert store.status("w1") == mark(PROCESSING).status


def test_marks_in_any_order_end_alike(store: Store) -> None:
    marks = [
        mark(each, replays=replays, attempt=attempt)
        for each in (PROCESSING, FAILED)
        for replays in (0, 1)
        for attempt in (1, 2)
    ]
    rng = random.Random(4821)
    for number in range(10):
        rng.shuffle(marks)
        own = [
            Mark(
                WorkStatus(id=f"w{number}", state=each.status.state, attempts=each.status.attempts),
                each.position,
                each.kept,
                each.consumer,
            )
            for each in marks
        ]
        for each in own[:4]:
            store.mark_many([each])
        store.mark_many(own[4:])  # several of one work in a call
        assert store.status(f"w{number}") == max(own, key=lambda each: each.position).status


def test_work_that_was_never_accepted_gets_its_status_from_its_worker(store: Store) -> None:
    store.mark_many([mark(PROCESSING)])

    assert state(store) is PROCESSING


def test_one_call_marks_many(store: Store) -> None:
    marks = [mark(PROCESSING, f"w{number}") for number in range(1_500)]
    store.mark_many(marks)
    store.mark_many([])

    assert all(state(store, f"w{number}") is PROCESSING for number in (0, 1, 999, 1_000, 1_499))


# -- whose work it is -----------------------------------------------------------------------


def test_only_the_named_consumer_writes_the_status(store: Store) -> None:
    accept(store, consumer="billing")
    store.mark_many([mark(ACCEPTED, consumer="billing")])

    store.mark_many([mark(DONE, consumer="shipping")])
    assert state(store) is ACCEPTED
    store.mark_many([mark(PROCESSING, consumer="billing")])
    assert state(store) is PROCESSING


def test_without_a_name_it_is_the_first_that_begins(store: Store) -> None:
    accept(store)
    store.mark_many([mark(PROCESSING, consumer="shipping")])

    store.mark_many([mark(DONE, consumer="billing")])
    assert state(store) is PROCESSING
    store.mark_many([mark(DONE, consumer="shipping")])
    assert state(store) is DONE


# -- windows ----------------------------------------------------------------------------------


def test_a_status_is_kept_for_its_window_after_its_last_change(store: Store, clock: ManualClock) -> None:
    accept(store)
    clock.advance(DAY - 1)
    store.mark_many([mark(DONE, kept=60.0)])
    clock.advance(59.999)
    assert state(store) is DONE

    clock.advance(0.001)

    assert store.status("w1") is None
    accept(store)
    assert state(store) is ACCEPTED


def test_after_its_window_a_status_fences_nothing(store: Store, clock: ManualClock) -> None:
    store.mark_many([mark(DONE, kept=60.0)])
    clock.advance(60.0)

    store.mark_many([mark(PROCESSING, consumer="shipping")])

    assert state(store) is PROCESSING


def test_purging_deletes_what_is_outside_its_window_and_nothing_else(store: Store, clock: ManualClock) -> None:
    store.mark_many([mark(DONE, kept=60.0), mark(DONE, "w2", kept=61.0)])
    held = claim(store, "w1", lease=3_600.0)
    clock.advance(60.0)

    while store.purge():
        pass

    assert (state(store), state(store, "w2")) == (None, DONE)
    assert store.done_many([held], window=DAY) == [True]


# -- odd ids, threads, processes, outages --------------------------------------------------------


@pytest.mark.parametrize(
    "work_id", ["", " ", "it's", '"quoted"', "nul\0", "x" * 10_000, "}", "%7D", "half \ud83d", "発注"]
)
def test_an_id_is_any_text(store: Store, work_id: str) -> None:
    acceptance = accept(store, work_id)
    assert acceptance.id == work_id
    store.mark_many([mark(DONE, work_id)])

    status = store.status(work_id)
    assert status is not None
    assert (status.id, status.state) == (work_id, DONE)
    assert store.status(work_id + ".") is None


def test_of_threads_that_accept_the_same_work_one_gets_it(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        for number in range(20):
            answers = list(threads.map(lambda _, work_id=f"w{number}": store.accept(proposal(work_id)), range(8)))
            assert sorted(type(answer).__name__ for answer in answers) == ["Acceptance", *["Underway"] * 7]


def test_threads_that_mark_the_same_work_never_move_it_back(store: Store) -> None:
    ids = [f"w{number}" for number in range(50)]
    steps = [mark(PROCESSING), mark(FAILED), mark(PROCESSING, replays=1), mark(DONE)]

    def write(seed: int) -> None:
        rng = random.Random(seed)
        for step in rng.sample(steps, len(steps)):
            mixed = rng.sample(ids, len(ids))
            store.mark_many([mark(step.status.state, each, replays=1 if step is steps[2] else 0) for each in mixed])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))

    assert {state(store, each) for each in ids} == {DONE}


@pytest.mark.parametrize("store_url", SHARED, indirect=True)
def test_another_process_sees_the_status(opened: Callable[[], Store]) -> None:
    here, there = opened(), opened()
    accept(here)

    assert there.accept(proposal()) == Underway("w1")
    there.mark_many([mark(DONE)])
    assert state(here) is DONE


@pytest.mark.parametrize("kind", ["postgres", "redis"])
def test_a_server_that_is_not_there_is_store_unavailable(kind: str, request: pytest.FixtureRequest) -> None:
    url: str = request.getfixturevalue(f"{kind}_url")
    fixture = {"postgres": "postgres_server", "redis": "redis_service"}[kind]
    server: PostgresServer | RedisService = request.getfixturevalue(fixture)
    with Gate(server.port) as gate:
        store = open_store(url.replace(f":{server.port}/", f":{gate.port}/"))
        acceptance = accept(store)
        gate.shut()
        calls: list[Callable[[], object]] = [
            lambda: store.accept(proposal("w2")),
            lambda: store.withdraw(acceptance, may_be_sent=False),
            lambda: store.mark_many([mark(DONE)]),
            lambda: store.status("w1"),
        ]
        for call in calls:
            with pytest.raises(StoreUnavailable):
                call()
        gate.open()
        for call in calls:
            call()
        store.close()
