"""Offloaded work: its status is written before the handler and before the acknowledgement, whatever the store does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.support import wait_until
from tests.support.consuming import Consuming, OrderCreated
from warren import Permanent, Retry, Transient
from warren.contracts.headers import REPLAYS, WORK_ACCEPTED_AT, WORK_KEPT
from warren.errors import StoreUnavailable
from warren.reliability.stores.memory import MemoryStore
from warren.reliability.work import Mark, WorkState, WorkStatus

MARKED = {WORK_KEPT: 3_600, WORK_ACCEPTED_AT: 1_700_000_000_500}

Consume = Callable[..., Consuming]


class WorkDouble(MemoryStore):
    """A store that notes what is written, and fails or waits as told."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[Exception] = []
        self.written: list[tuple[str, WorkState]] = []
        self.before_mark: Callable[[Sequence[Mark]], object] = lambda _marks: None

    def mark_many(self, marks: Sequence[Mark]) -> None:
        self.before_mark(marks)
        if self.errors:
            raise self.errors.pop(0)
        super().mark_many(marks)
        self.written += [(mark.status.id, mark.status.state) for mark in marks]


@pytest.fixture
def store() -> WorkDouble:
    return WorkDouble()


@pytest.fixture
def consume(store: WorkDouble) -> Iterator[Consume]:
    open_ones: list[Consuming] = []

    def start(handler: Callable[..., Any], **options: Any) -> Consuming:
        open_ones.append(Consuming(handler, work=store, store=store, **options))
        return open_ones[-1]

    yield start
    for one in open_ones:
        one.close()


def status(store: WorkDouble, work_id: str = "m-1") -> WorkStatus:
    found = store.status(work_id)
    assert found is not None
    return found


@pytest.fixture(params=[False, True], ids=["plain", "idempotent"])
def idempotent(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_it_is_processing_before_the_handler_begins_and_done_before_the_ack(
    consume: Consume, store: WorkDouble, idempotent: bool
) -> None:
    at_begin: list[WorkStatus] = []
    acked_at_mark: list[list[tuple[int, bool]]] = []
    consuming = consume(lambda _order: at_begin.append(status(store)), idempotent=idempotent)

    def note(marks: Sequence[Mark]) -> None:
        if marks[0].status.state is WorkState.DONE:
            acked_at_mark.append([*consuming.broker.methods])

    store.before_mark = note
    consuming.deliver(1, headers=MARKED)
    consuming.wait_in_flight(0)

    assert [each.state for each in at_begin] == [WorkState.PROCESSING]
    assert store.written == [("m-1", WorkState.PROCESSING), ("m-1", WorkState.DONE)]
    assert not [method for _, method in acked_at_mark[0] if method.NAME == "Basic.Ack"]
    assert consuming.acked() == [(1, False)]
    done = status(store)
    assert (done.accepted_at, done.attempts) == (1_700_000_000.5, 1)
    assert done.started_at is not None
    assert done.ended_at is not None
    assert done.started_at <= done.ended_at


async def _handle(_order: OrderCreated) -> None: ...


def test_an_async_handler_is_told_of_likewise(consume: Consume, store: WorkDouble) -> None:
    consuming = consume(_handle)
    consuming.deliver(1, headers=MARKED)
    consuming.wait_in_flight(0)

    assert store.written == [("m-1", WorkState.PROCESSING), ("m-1", WorkState.DONE)]


def test_nothing_is_acknowledged_while_the_store_does_not_take_the_end(
    consume: Consume, store: WorkDouble, idempotent: bool
) -> None:
    handled: list[int] = []
    tried = threading.Semaphore(0)
    consuming = consume(lambda order: handled.append(order.order_id), idempotent=idempotent)
    is_down = threading.Event()
    is_down.set()

    def fail(marks: Sequence[Mark]) -> None:
        if marks[0].status.state is WorkState.DONE and is_down.is_set():
            tried.release()
            raise StoreUnavailable("no route")

    store.before_mark = fail
    consuming.deliver(1, headers=MARKED)
    for _ in range(2):
        assert tried.acquire(timeout=10.0)
    assert consuming.acked() == []
    assert status(store).state is WorkState.PROCESSING

    is_down.clear()

    consuming.wait_in_flight(0)
    assert consuming.acked() == [(1, False)]
    assert status(store).state is WorkState.DONE
    assert handled == [1]  # the outage is no reason to run it again


@pytest.mark.parametrize("error", [StoreUnavailable("no route"), ValueError("a fault of the store")])
def test_no_handler_begins_while_the_store_does_not_answer(
    consume: Consume, store: WorkDouble, error: Exception
) -> None:
    store.errors = [error, error]
    consuming = consume(lambda _order: None)

    consuming.deliver(1, headers=MARKED)

    consuming.wait_in_flight(0)
    assert store.written == [("m-1", WorkState.PROCESSING), ("m-1", WorkState.DONE)]


def test_what_waits_for_the_store_is_left_when_the_worker_stops(
    consume: Consume, store: WorkDouble, idempotent: bool
) -> None:
    asked = threading.Event()
    handled: list[int] = []

    def never(_marks: Sequence[Mark]) -> None:
        asked.set()
        raise StoreUnavailable("no route")

    store.before_mark = never
    consuming = consume(lambda order: handled.append(order.order_id), idempotent=idempotent)
    consuming.deliver(1, 2, headers=MARKED)
    assert asked.wait(10.0)

    consuming.runtime.drop_unstarted()

    consuming.wait_in_flight(0)
    assert consuming.acked() == []
    assert handled == []


def test_a_dead_letter_is_failed_with_its_class_and_type_and_nothing_else(consume: Consume, store: WorkDouble) -> None:
    def refuse(_order: OrderCreated) -> None:
        raise Permanent("the card 4111 1111 is refused")

    consuming = consume(refuse)
    consuming.deliver(1, headers=MARKED)
    consuming.wait_copied(1)

    failed = status(store)
    assert failed.state is WorkState.FAILED
    assert (failed.reason, failed.error_type) == ("permanent", "warren.errors.Permanent")
    assert "4111" not in repr(failed)


def test_the_type_of_an_error_is_what_the_redaction_lets_through(consume: Consume, store: WorkDouble) -> None:
    def refuse(_order: OrderCreated) -> None:
        raise Permanent("secret")

    consuming = consume(refuse, redact=lambda texts: dict.fromkeys(texts, "hidden"))
    consuming.deliver(1, headers=MARKED)
    consuming.wait_copied(1)

    assert status(store).error_type == "hidden"


def test_a_message_that_does_not_fit_its_contract_is_failed(
    consume: Consume, store: WorkDouble, idempotent: bool
) -> None:
    consuming = consume(lambda _order: None, idempotent=idempotent)
    consuming.deliver(1, headers=MARKED, type="something.else")
    consuming.wait_copied(1)

    assert (status(store).state, status(store).reason) == (WorkState.FAILED, "contract")


def test_between_two_attempts_it_is_processing(consume: Consume, store: WorkDouble) -> None:
    def fail(_order: OrderCreated) -> None:
        raise Transient("busy")

    consuming = consume(fail, retry=Retry("1s"))
    consuming.deliver(1, headers=MARKED)
    consuming.wait_copied(1)
    assert (status(store).state, status(store).attempts) == (WorkState.PROCESSING, 1)

    consuming.deliver(1, first_tag=2, headers={**MARKED, "x-warren-attempt": 2})
    consuming.wait_copied(2)
    assert (status(store).state, status(store).attempts) == (WorkState.FAILED, 2)
    assert status(store).reason == "exhausted"


def test_a_copy_that_comes_after_the_end_changes_nothing(consume: Consume, store: WorkDouble) -> None:
    outcomes: list[Exception | None] = [None, Permanent("too late")]

    def handle(_order: OrderCreated) -> None:
        error = outcomes.pop(0)
        if error is not None:
            raise error

    consuming = consume(handle)
    consuming.deliver(1, headers=MARKED)
    consuming.wait_in_flight(0)

    consuming.deliver(1, first_tag=2, headers=MARKED)
    consuming.wait_copied(1)

    assert status(store).state is WorkState.DONE


def test_a_replay_begins_again_after_a_failure(consume: Consume, store: WorkDouble) -> None:
    seen: list[WorkState] = []
    outcomes: list[Exception | None] = [Permanent("no"), None]

    def handle(_order: OrderCreated) -> None:
        seen.append(status(store).state)
        error = outcomes.pop(0)
        if error is not None:
            raise error

    consuming = consume(handle)
    consuming.deliver(1, headers=MARKED)
    consuming.wait_copied(1)
    assert status(store).state is WorkState.FAILED

    consuming.deliver(1, first_tag=2, headers={**MARKED, REPLAYS: 1})

    wait_until(lambda: status(store).state is WorkState.DONE)
    assert seen == [WorkState.PROCESSING, WorkState.PROCESSING]


def test_a_duplicate_whose_end_was_not_written_is_done_before_its_ack(consume: Consume, store: WorkDouble) -> None:
    handled: list[int] = []
    [held] = store.claim_many("billing.invoices", ["m-1"], lease=60.0)
    store.done_many([held], window=60.0)
    consuming = consume(lambda order: handled.append(order.order_id), idempotent=True)

    consuming.deliver(1, headers=MARKED)

    consuming.wait_in_flight(0)
    assert handled == []
    assert status(store).state is WorkState.DONE
    assert consuming.acked() == [(1, False)]


@pytest.mark.parametrize(
    "headers",
    [{}, {WORK_KEPT: "for ever"}, {WORK_KEPT: True}, {WORK_KEPT: 0}, {WORK_KEPT: -1}, {WORK_KEPT: 10**12}],
    ids=str,
)
def test_messages_that_are_no_offloaded_work_never_reach_the_store(
    consume: Consume, store: WorkDouble, headers: dict[str, Any]
) -> None:
    consuming = consume(lambda _order: None)

    consuming.deliver(1, headers=headers)

    consuming.wait_in_flight(0)
    assert store.written == []


def test_other_messages_do_not_wait_for_the_status_of_work(consume: Consume, store: WorkDouble) -> None:
    handled: list[int] = []
    may_be_written = threading.Event()
    store.before_mark = lambda _marks: may_be_written.wait(20.0)
    consuming = consume(lambda order: handled.append(order.order_id), concurrency=2)
    consuming.deliver(1, headers=MARKED)
    consuming.deliver(2, first_tag=2)
    consuming.wait_in_flight(1)
    assert handled == [2]

    may_be_written.set()

    consuming.wait_in_flight(0)
    assert handled == [2, 1]
    assert {work_id for work_id, _ in store.written} == {"m-1"}


def test_where_messages_are_handled_one_at_a_time_none_overtakes_work(
    consume: Consume, store: WorkDouble, idempotent: bool
) -> None:
    handled: list[int] = []
    asked, may_be_written = threading.Event(), threading.Event()

    def wait(_marks: Sequence[Mark]) -> None:
        asked.set()
        may_be_written.wait(20.0)

    store.before_mark = wait
    consuming = consume(lambda order: handled.append(order.order_id), concurrency=1, idempotent=idempotent)
    consuming.deliver(1)
    consuming.wait_in_flight(0)
    consuming.deliver(2, first_tag=2, headers=MARKED)
    consuming.deliver(3, 4, first_tag=3)
    assert asked.wait(10.0)
    assert handled == [1]

    may_be_written.set()

    consuming.wait_in_flight(0)
    assert handled == [1, 2, 3, 4]
    assert {work_id for work_id, _ in store.written} == {"m-2"}


@pytest.mark.parametrize("startable", [0, 1])
def test_where_no_thread_can_be_started_work_is_left_and_the_next_tries_again(
    consume: Consume, store: WorkDouble, monkeypatch: pytest.MonkeyPatch, startable: int
) -> None:
    handled: list[int] = []
    consuming = consume(lambda order: handled.append(order.order_id))
    start, started = threading.Thread.start, list[threading.Thread]()

    def refuse(thread: threading.Thread) -> None:
        if len(started) == startable:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        consuming.deliver(1, headers=MARKED)
        consuming.wait_in_flight(0)
    assert consuming.acked() == []

    consuming.deliver(2, first_tag=2, headers=MARKED)

    consuming.wait_in_flight(0)
    assert handled == [2]
    assert consuming.acked() == [(2, False)]


def test_a_handler_that_runs_too_long_has_its_end_written_too(consume: Consume, store: WorkDouble) -> None:
    may_end = threading.Event()
    consuming = consume(lambda _order: may_end.wait(20.0), time_limit=0.1, retry=Retry())
    consuming.deliver(1, headers=MARKED)
    consuming.wait_copied(1)

    assert status(store).state is WorkState.FAILED
    assert consuming.late
    may_end.set()


def test_an_error_whose_stack_cannot_be_printed_is_failed_and_what_comes_after_it_is_done(
    consume: Consume, store: WorkDouble, idempotent: bool
) -> None:
    def handle(order: OrderCreated) -> None:
        if order.order_id == 1:
            raise SyntaxError("no line", ("file.py", "1", "a", "text"))

    consuming = consume(handle, idempotent=idempotent, redact=dict, retry=Retry())
    consuming.deliver(1, headers=MARKED)
    consuming.wait_copied(1)
    consuming.deliver(2, first_tag=2, headers=MARKED)

    wait_until(lambda: ("m-2", WorkState.DONE) in store.written)
    assert status(store).error_type == "SyntaxError"


@pytest.mark.parametrize("state", [WorkState.PROCESSING, WorkState.DONE])
def test_a_fault_leaves_its_messages_unacknowledged_and_their_consumer_hearing(
    consume: Consume, store: WorkDouble, idempotent: bool, state: WorkState, caplog: pytest.LogCaptureFixture
) -> None:
    handled: list[int] = []
    consuming = consume(lambda order: handled.append(order.order_id), idempotent=idempotent)

    def fail_once(marks: Sequence[Mark]) -> None:
        if marks[0].status.state is state:
            store.before_mark = lambda _marks: None
            raise SystemExit(1)

    store.before_mark = fail_once
    consuming.deliver(1, headers=MARKED)
    consuming.wait_in_flight(0)
    assert consuming.acked() == []
    assert "m-1 stay" in caplog.text

    consuming.deliver(2, first_tag=2, headers=MARKED)
    consuming.wait_in_flight(0)
    assert consuming.acked() == [(2, False)]
    assert handled == ([2] if state is WorkState.PROCESSING else [1, 2])
