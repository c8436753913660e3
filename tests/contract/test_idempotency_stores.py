"""What every store of idempotency keys does, on memory, SQLite, PostgreSQL and Redis (rules 18 and 19).

Not here: the transactional inbox, and what is peculiar to one store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.support.stores import DAY, SHARED, STORES, claim, look, url_of
from warren.clock import ManualClock
from warren.reliability.idempotency import Claim, Done, IdempotencyStore, InProgress
from warren.reliability.stores.open import open_store


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    return url_of(request.param, request)


@pytest.fixture
def opened(store_url: str, clock: ManualClock) -> Iterator[Callable[[], IdempotencyStore]]:
    """A function that opens the store once more, as another process would."""
    with ExitStack() as closing:

        def open_another() -> IdempotencyStore:
            store = open_store(store_url, clock=clock)
            closing.callback(store.close)
            return store

        yield open_another


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(opened: Callable[[], IdempotencyStore]) -> IdempotencyStore:
    return opened()


# -- claims -------------------------------------------------------------------------------


def test_a_free_key_is_claimed(store: IdempotencyStore) -> None:
    [result] = store.claim_many("billing", ["m1"], lease=60.0)

    assert isinstance(result, Claim)
    assert (result.consumer, result.key) == ("billing", "m1")


def test_a_claimed_key_is_in_progress(store: IdempotencyStore) -> None:
    claim(store, "m1")

    assert store.claim_many("billing", ["m1"], lease=60.0) == [InProgress("billing", "m1")]


def test_a_done_key_is_done(store: IdempotencyStore) -> None:
    assert store.done_many([claim(store, "m1")], window=DAY) == [True]

    assert store.claim_many("billing", ["m1"], lease=60.0) == [Done("billing", "m1")]


def test_a_released_key_can_be_claimed_under_a_higher_token(store: IdempotencyStore) -> None:
    first = claim(store, "m1")
    store.release_many([first])

    assert claim(store, "m1").token > first.token


def test_consumers_do_not_share_keys(store: IdempotencyStore) -> None:
    store.done_many([claim(store, "m1", consumer="billing")], window=DAY)

    assert look(store, "m1", consumer="shipping") is Claim


def test_answers_come_in_the_order_of_the_keys(store: IdempotencyStore) -> None:
    store.done_many([claim(store, "done")], window=DAY)
    claim(store, "held")

    results = store.claim_many("billing", ["z", "done", "a", "held", "m"], lease=60.0)

    assert [type(result) for result in results] == [Claim, Done, Claim, InProgress, Claim]
    assert [result.key for result in results] == ["z", "done", "a", "held", "m"]


def test_of_equal_keys_in_one_call_the_first_wins(store: IdempotencyStore) -> None:
    store.done_many([claim(store, "done")], window=DAY)

    results = store.claim_many("billing", ["m1", "m1", "done", "m1", "done"], lease=60.0)

    assert [type(result) for result in results] == [Claim, InProgress, Done, InProgress, Done]


def test_nothing_asked_is_nothing_answered(store: IdempotencyStore) -> None:
    assert store.claim_many("billing", [], lease=60.0) == []
    assert store.renew_many([], lease=60.0) == []
    assert store.done_many([], window=DAY) == []
    store.release_many([])


def test_a_call_takes_thousands_of_keys(store: IdempotencyStore) -> None:
    keys = [f"m{number}" for number in range(2_500)]

    claims = [result for result in store.claim_many("billing", keys, lease=60.0) if isinstance(result, Claim)]

    assert [claim.key for claim in claims] == keys
    assert store.done_many(claims, window=DAY) == [True] * len(keys)
    assert store.claim_many("billing", keys, lease=60.0) == [Done("billing", key) for key in keys]


def test_one_call_marks_claims_of_several_consumers(store: IdempotencyStore) -> None:
    claims = [claim(store, key, consumer=consumer) for key in ("m1", "m2") for consumer in ("billing", "shipping")]

    assert store.renew_many(claims, lease=60.0) == [True] * 4
    assert store.done_many(claims, window=DAY) == [True] * 4


# -- leases -------------------------------------------------------------------------------


def test_a_lease_that_ran_out_frees_the_key_under_a_higher_token(store: IdempotencyStore, clock: ManualClock) -> None:
    first = claim(store, "m1", lease=60.0)
    clock.advance(59.999)
    assert look(store, "m1") is InProgress

    clock.advance(0.001)

    assert claim(store, "m1").token > first.token


def test_renewing_extends_the_lease_from_now(store: IdempotencyStore, clock: ManualClock) -> None:
    held = claim(store, "m1", lease=60.0)
    clock.advance(40.0)

    assert store.renew_many([held], lease=60.0) == [True]

    clock.advance(59.0)
    assert look(store, "m1") is InProgress
    clock.advance(1.0)
    assert look(store, "m1") is Claim


def test_a_late_holder_still_marks_done_while_nobody_took_over(store: IdempotencyStore, clock: ManualClock) -> None:
    held = claim(store, "m1", lease=60.0)
    clock.advance(3_600.0)

    assert store.done_many([held], window=DAY) == [True]

    assert look(store, "m1") is Done


def test_a_late_holder_still_renews_while_nobody_took_over(store: IdempotencyStore, clock: ManualClock) -> None:
    held = claim(store, "m1", lease=60.0)
    clock.advance(3_600.0)

    assert store.renew_many([held], lease=60.0) == [True]

    assert look(store, "m1") is InProgress


# -- fencing ------------------------------------------------------------------------------


def test_a_former_holder_cannot_mark_done(store: IdempotencyStore, clock: ManualClock) -> None:
    former = claim(store, "m1", lease=60.0)
    clock.advance(60.0)
    present = claim(store, "m1")

    assert store.done_many([former], window=DAY) == [False]
    assert look(store, "m1") is InProgress
    assert store.done_many([present], window=DAY) == [True]


def test_a_former_holder_can_neither_renew_nor_release(store: IdempotencyStore, clock: ManualClock) -> None:
    former = claim(store, "m1", lease=60.0)
    clock.advance(60.0)
    claim(store, "m1", lease=60.0)

    assert store.renew_many([former], lease=3_600.0) == [False]
    store.release_many([former])

    assert look(store, "m1") is InProgress
    clock.advance(60.0)
    assert look(store, "m1") is Claim


def test_a_released_claim_cannot_be_marked_done(store: IdempotencyStore) -> None:
    released = claim(store, "m1")
    store.release_many([released])

    assert store.done_many([released], window=DAY) == [False]
    assert store.renew_many([released], lease=60.0) == [False]


def test_a_released_claim_does_not_fit_the_next_holders(store: IdempotencyStore) -> None:
    released = claim(store, "m1")
    store.release_many([released])
    present = claim(store, "m1")

    assert store.done_many([released, present], window=DAY) == [False, True]


def test_a_former_and_a_present_claim_in_one_call_are_told_apart(store: IdempotencyStore, clock: ManualClock) -> None:
    former = claim(store, "m1", lease=60.0)
    clock.advance(60.0)
    present = claim(store, "m1")
    other = claim(store, "m2")

    assert store.renew_many([present, other, former], lease=60.0) == [True, True, False]
    assert store.done_many([former, other, present], window=DAY) == [False, True, True]


def test_a_done_mark_can_be_repeated(store: IdempotencyStore) -> None:
    # As after an answer that was lost: the caller cannot know that the first call took effect.
    claims = [claim(store, "m1"), claim(store, "m2")]

    assert store.done_many(claims[:1], window=DAY) == [True]
    assert store.done_many(claims, window=DAY) == [True, True]
    assert store.done_many([*claims, *claims], window=DAY) == [True] * 4


def test_a_done_key_can_be_neither_renewed_nor_released(store: IdempotencyStore) -> None:
    held = claim(store, "m1")
    store.done_many([held], window=DAY)

    assert store.renew_many([held], lease=60.0) == [False]
    store.release_many([held])

    assert look(store, "m1") is Done


def test_a_claim_nobody_made_is_refused(store: IdempotencyStore) -> None:
    invented = Claim("billing", "m1", 1)

    assert store.done_many([invented], window=DAY) == [False]
    assert store.renew_many([invented], lease=60.0) == [False]
    store.release_many([invented])
    assert look(store, "m1") is Claim


# -- windows ------------------------------------------------------------------------------


def test_a_done_key_is_forgotten_after_its_window(store: IdempotencyStore, clock: ManualClock) -> None:
    held = claim(store, "m1")
    store.done_many([held], window=DAY)
    clock.advance(DAY - 0.001)
    assert look(store, "m1") is Done

    clock.advance(0.001)

    assert store.done_many([held], window=DAY) == [False]
    assert claim(store, "m1").token > held.token


def test_an_abandoned_claim_is_forgotten_a_day_after_its_lease(store: IdempotencyStore, clock: ManualClock) -> None:
    abandoned = claim(store, "m1", lease=60.0)
    clock.advance(60.0 + DAY - 0.001)
    assert store.renew_many([abandoned], lease=60.0) == [True]

    clock.advance(60.0 + DAY)

    assert store.done_many([abandoned], window=DAY) == [False]


def test_purging_deletes_nothing_that_still_counts(store: IdempotencyStore, clock: ManualClock) -> None:
    done, held = claim(store, "done"), claim(store, "held", lease=60.0)
    store.done_many([done], window=DAY)
    clock.advance(3_600.0)

    assert store.purge() == 0

    assert look(store, "done") is Done
    assert store.done_many([held], window=DAY) == [True]


def test_tokens_grow_over_a_purge(store: IdempotencyStore, clock: ManualClock) -> None:
    first = claim(store, "m1")
    store.done_many([first], window=1.0)
    clock.advance(1.0)
    store.purge()

    assert claim(store, "m1").token > first.token


# -- keys ---------------------------------------------------------------------------------

ODD_TEXTS = (
    "",
    " ",
    "0",
    "%",
    "%s %(now)s :now ? $1",
    "it's",
    '"quoted"',
    "back\\slash",
    "\\u0041",
    "line\nbreak\r\t\x01\x1f\x7f",
    "nul\0",
    "nul\0s",
    "brace}",
    "}",
    "{}",
    "%7D",
    "a:b",
    "größer",
    "gro\u0308ßer",
    "発注",
    "🐇",
    "half \ud83d",
    "half \udc07",
    "x" * 200,
    "x" * 201,
    "x" * 100_000,
    "sha256:" + "0" * 64,
    "$.a[0]",
    "null",
)


def test_keys_are_any_text(store: IdempotencyStore) -> None:
    results = store.claim_many("billing", ODD_TEXTS, lease=60.0)
    claims = [result for result in results if isinstance(result, Claim)]

    assert [claim.key for claim in claims] == list(ODD_TEXTS)
    assert store.done_many(claims, window=DAY) == [True] * len(ODD_TEXTS)
    assert store.claim_many("billing", ODD_TEXTS, lease=60.0) == [Done("billing", text) for text in ODD_TEXTS]


def test_consumers_are_any_text(store: IdempotencyStore) -> None:
    claims = [claim(store, "m1", consumer=consumer) for consumer in ODD_TEXTS]

    assert store.done_many(claims, window=DAY) == [True] * len(ODD_TEXTS)
    for consumer in ODD_TEXTS:
        assert look(store, "m1", consumer=consumer) is Done


def test_consumer_and_key_do_not_run_into_each_other(store: IdempotencyStore) -> None:
    pairs = [("a", "b:c"), ("a:b", "c"), ("a}", "b"), ("a", "}b"), ("a}:b", "c"), ("a", "b}:c")]

    assert [look(store, key, consumer=consumer) for consumer, key in pairs] == [Claim] * len(pairs)


# -- threads and processes ----------------------------------------------------------------


def test_threads_that_claim_the_same_keys_get_each_key_once(store: IdempotencyStore) -> None:
    keys = [f"m{number}" for number in range(1_000)]
    ready = threading.Barrier(4)

    def take(shift: int) -> list[Claim]:
        mine = keys[shift:] + keys[:shift]
        ready.wait()
        results = [
            result
            for start in range(0, len(mine), 50)
            for result in store.claim_many("billing", mine[start : start + 50], lease=60.0)
        ]
        assert {type(result) for result in results} <= {Claim, InProgress}
        return [result for result in results if isinstance(result, Claim)]

    with ThreadPoolExecutor(4) as threads:
        taken = [claim.key for claims in threads.map(take, (0, 250, 500, 750)) for claim in claims]

    assert sorted(taken) == sorted(keys)


def test_threads_claim_renew_finish_and_release_at_once(store: IdempotencyStore) -> None:
    keys = [f"m{number}" for number in range(400)]
    ready = threading.Barrier(4)

    def work(shift: int) -> list[str]:
        finished = []
        ready.wait()
        for start in range(0, len(keys), 40):
            batch = [keys[(start + shift + offset) % len(keys)] for offset in range(40)]
            claims = [result for result in store.claim_many("billing", batch, lease=60.0) if isinstance(result, Claim)]
            assert all(store.renew_many(claims, lease=60.0))
            store.release_many(claims[1::2])
            assert all(store.done_many(claims[::2], window=DAY))
            finished += [claim.key for claim in claims[::2]]
        return finished

    with ThreadPoolExecutor(4) as threads:
        finished = [key for keys_done in threads.map(work, (0, 100, 200, 300)) for key in keys_done]

    assert len(finished) == len(set(finished))
    assert finished


@pytest.mark.parametrize("store_url", SHARED, indirect=True)
def test_stores_on_the_same_place_see_each_others_claims(
    opened: Callable[[], IdempotencyStore], clock: ManualClock
) -> None:
    one, other = opened(), opened()
    held = claim(one, "held", lease=60.0)
    one.done_many([claim(one, "done")], window=DAY)

    assert look(other, "held") is InProgress
    assert look(other, "done") is Done
    clock.advance(60.0)
    assert look(other, "held") is Claim
    assert one.done_many([held], window=DAY) == [False]


@pytest.mark.parametrize("store_url", SHARED, indirect=True)
def test_marks_outlive_the_store_that_made_them(opened: Callable[[], IdempotencyStore]) -> None:
    first = opened()
    first.done_many([claim(first, "done")], window=DAY)
    claim(first, "held")
    first.close()

    second = opened()

    assert look(second, "done") is Done
    assert look(second, "held") is InProgress


def test_preparing_twice_does_no_harm(opened: Callable[[], IdempotencyStore]) -> None:
    for store in (opened(), opened()):
        store.prepare()
        store.prepare()
        look(store, "m1")
