"""The transactional inbox on SQLite and PostgreSQL: claim and effects commit together (rule 20).

Not here: claims under a lease (`test_idempotency_stores.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.support.children import running
from tests.support.stores import DAY, SQL, claim, look, url_of
from tests.support.waiting import wait_until
from warren.clock import ManualClock
from warren.errors import ConfigurationError, StoreUnavailable
from warren.reliability.idempotency import Claim, ClaimResult, Done, InProgress, TransactionalStore
from warren.reliability.stores.open import open_store

INSERT = sqlalchemy.text("INSERT INTO invoices (number) VALUES (:number)")


class Database:
    """A store and a table of the application's own in the same database."""

    def __init__(self, url: str, clock: ManualClock, closing: ExitStack) -> None:
        self.url = url
        self._clock = clock
        self._closing = closing
        self._engine = sqlalchemy.create_engine(url)
        closing.callback(self._engine.dispose)
        with self._engine.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE invoices (number TEXT NOT NULL UNIQUE)"))

    def open(self, *, query: str = "") -> TransactionalStore:
        store = open_store(self.url + query, clock=self._clock)
        self._closing.callback(store.close)
        assert isinstance(store, TransactionalStore)
        return store

    def invoices(self) -> list[str]:
        with self._engine.connect() as connection:
            return sorted(connection.execute(sqlalchemy.text("SELECT number FROM invoices")).scalars())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=SQL)
def database(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Database]:
    with ExitStack() as closing:
        yield Database(url_of(request.param, request), clock, closing)


@pytest.fixture
def store(database: Database) -> TransactionalStore:
    return database.open()


def handle(store: TransactionalStore, key: str, *, window: float = DAY) -> ClaimResult:
    """Write an invoice for the key unless it is done."""
    with store.transaction() as transaction:
        result = transaction.claim("billing", key, window=window)
        if isinstance(result, Claim):
            transaction.connection.execute(INSERT, {"number": key})
        return result


def inside(store: TransactionalStore, key: str, handler: Callable[[sqlalchemy.Connection], object]) -> None:
    """Run a handler inside the transaction that holds the claim of its key."""
    with store.transaction() as transaction:
        assert isinstance(transaction.claim("billing", key, window=DAY), Claim)
        handler(transaction.connection)


def insert_and_fail(connection: sqlalchemy.Connection) -> None:
    connection.execute(INSERT, {"number": "m1"})
    raise LookupError


# -- together or not at all ---------------------------------------------------------------


def test_the_claim_and_the_writes_commit_together(store: TransactionalStore, database: Database) -> None:
    assert isinstance(handle(store, "m1"), Claim)
    assert handle(store, "m1") == Done("billing", "m1")

    assert database.invoices() == ["m1"]


def test_a_failed_handler_leaves_neither_claim_nor_writes(store: TransactionalStore, database: Database) -> None:
    with pytest.raises(LookupError):
        inside(store, "m1", insert_and_fail)

    assert database.invoices() == []
    assert isinstance(handle(store, "m1"), Claim)


def test_a_handlers_database_error_stays_its_own(store: TransactionalStore, database: Database) -> None:
    handle(store, "m1")

    with pytest.raises(IntegrityError):
        inside(store, "m2", lambda connection: connection.execute(INSERT, {"number": "m1"}))

    assert isinstance(handle(store, "m2"), Claim)
    assert database.invoices() == ["m1", "m2"]


def test_a_key_is_forgotten_after_its_window(store: TransactionalStore, clock: ManualClock) -> None:
    with store.transaction() as transaction:
        first = transaction.claim("billing", "m1", window=DAY)
    clock.advance(DAY)

    with store.transaction() as transaction:
        second = transaction.claim("billing", "m1", window=DAY)

    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    assert second.token > first.token


def test_keys_of_any_text_are_claimed_inside_a_transaction(store: TransactionalStore) -> None:
    for key in ("", "nul\0", "half \ud83d", "x" * 5_000, "größer"):
        for expected in (Claim, Done):
            with store.transaction() as transaction:
                assert isinstance(transaction.claim("billing", key, window=DAY), expected)


def test_a_key_done_in_a_transaction_is_done_for_claims_under_a_lease(store: TransactionalStore) -> None:
    handle(store, "m1")

    assert look(store, "m1") is Done


def test_a_key_under_a_live_lease_is_in_progress_inside_a_transaction(
    store: TransactionalStore, clock: ManualClock
) -> None:
    claim(store, "m1", lease=60.0)
    assert handle(store, "m1") == InProgress("billing", "m1")

    clock.advance(60.0)

    assert isinstance(handle(store, "m1"), Claim)


def test_a_session_commits_into_the_transaction_only(store: TransactionalStore, database: Database) -> None:
    def commit_and_fail(connection: sqlalchemy.Connection) -> None:
        with Session(bind=connection, join_transaction_mode="create_savepoint") as session:
            session.execute(INSERT, {"number": "m1"})
            session.commit()
        raise LookupError

    with pytest.raises(LookupError):
        inside(store, "m1", commit_and_fail)
    assert database.invoices() == []

    def roll_back_and_commit(connection: sqlalchemy.Connection) -> None:
        with Session(bind=connection, join_transaction_mode="create_savepoint") as session:
            session.execute(INSERT, {"number": "dropped"})
            session.rollback()
            session.execute(INSERT, {"number": "m1"})
            session.commit()

    inside(store, "m1", roll_back_and_commit)
    assert database.invoices() == ["m1"]
    assert handle(store, "m1") == Done("billing", "m1")


def test_a_handler_that_commits_by_itself_is_stopped_before_it_does(
    store: TransactionalStore, database: Database
) -> None:
    def commit(connection: sqlalchemy.Connection) -> None:
        connection.execute(INSERT, {"number": "m1"})
        connection.commit()

    with pytest.raises(ConfigurationError, match="must not commit"):
        inside(store, "m1", commit)

    assert database.invoices() == []
    assert isinstance(handle(store, "m1"), Claim)


def test_a_handler_that_rolls_back_by_itself_is_not_taken_for_done(
    store: TransactionalStore, database: Database
) -> None:
    def roll_back(connection: sqlalchemy.Connection) -> None:
        connection.rollback()
        connection.execute(INSERT, {"number": "lost"})

    with pytest.raises(ConfigurationError, match="rolled back"):
        inside(store, "m1", roll_back)

    assert database.invoices() == []
    assert isinstance(handle(store, "m1"), Claim)


def test_connections_are_given_back_clean(store: TransactionalStore, database: Database) -> None:
    for number in range(30):
        with pytest.raises(LookupError):
            inside(store, f"m{number}", insert_and_fail)
    for number in range(30):
        assert isinstance(handle(store, f"m{number}"), Claim)

    assert len(database.invoices()) == 30


# -- two at once --------------------------------------------------------------------------


@pytest.mark.parametrize("commits", [True, False])
def test_the_second_of_two_transactions_waits_and_sees_what_the_first_left(database: Database, commits: bool) -> None:
    first, second = database.open(), database.open()
    claimed, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with first.transaction() as transaction:
            transaction.claim("billing", "m1", window=DAY)
            transaction.connection.execute(INSERT, {"number": "m1"})
            claimed.set()
            assert may_end.wait(30.0)
            if not commits:
                raise LookupError

    with ThreadPoolExecutor(2) as threads:
        holding = threads.submit(hold)
        assert claimed.wait(30.0)
        waiting: Future[ClaimResult] = threads.submit(handle, second, "m1")
        wait_until(waiting.running)
        assert not waiting.done()
        may_end.set()
        answer = waiting.result(30.0)
        assert isinstance(holding.exception(30.0), LookupError if not commits else type(None))

    assert isinstance(answer, Done if commits else Claim)
    assert database.invoices() == ["m1"]


def test_waiting_for_another_transaction_has_a_limit(database: Database) -> None:
    first = database.open()
    with first.transaction() as transaction:
        transaction.claim("billing", "m1", window=DAY)
        second = database.open(query="?timeout=0.1")
        with pytest.raises(StoreUnavailable):
            handle(second, "m1")
        if not database.url.startswith("sqlite"):  # SQLite has one writer, whatever the key.
            assert isinstance(handle(second, "m2"), Claim)

    assert handle(second, "m1") == Done("billing", "m1")


def test_threads_that_handle_the_same_messages_have_each_effect_once(database: Database) -> None:
    stores = [database.open(), database.open()]
    keys = [f"m{number}" for number in range(60)]
    ready = threading.Barrier(4)

    def work(number: int) -> int:
        ready.wait()
        shift = number * 15
        return sum(isinstance(handle(stores[number % 2], key), Claim) for key in keys[shift:] + keys[:shift])

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) == len(keys)

    assert database.invoices() == sorted(keys)


# -- a process that dies ------------------------------------------------------------------

HANDLE_AND_WAIT = """
import sys
import sqlalchemy
from warren.reliability.stores.open import open_store
store = open_store(sys.argv[1])
with store.transaction() as transaction:
    transaction.claim("billing", "m1", window=86400.0)
    transaction.connection.execute(sqlalchemy.text("INSERT INTO invoices (number) VALUES ('m1')"))
    if sys.argv[2] == "before":
        print("here", flush=True)
        sys.stdin.read()
print("here", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("killed", ["before", "after"])
def test_kill_9_before_the_commit_leaves_nothing_and_after_it_everything(
    store: TransactionalStore, database: Database, killed: str
) -> None:
    with running(HANDLE_AND_WAIT, database.url, killed) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        child.kill()
        child.wait()

    left = database.invoices()
    answer = handle(store, "m1")

    assert (left, type(answer)) == (([], Claim) if killed == "before" else (["m1"], Done))
    assert database.invoices() == ["m1"]


def test_a_connection_lost_before_the_commit_is_store_unavailable(postgres_url: str, clock: ManualClock) -> None:
    with ExitStack() as closing:
        database = Database(postgres_url, clock, closing)
        store = database.open()

        def lose_connection(connection: sqlalchemy.Connection) -> None:
            connection.execute(INSERT, {"number": "m1"})
            end_backend(database, connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

        with pytest.raises(StoreUnavailable):
            inside(store, "m1", lose_connection)

        assert database.invoices() == []
        assert isinstance(handle(store, "m1"), Claim)


def test_the_claims_patience_does_not_bind_the_handler(postgres_url: str, clock: ManualClock) -> None:
    with ExitStack() as closing:
        store = Database(postgres_url, clock, closing).open()
        with store.transaction() as transaction:
            transaction.claim("billing", "m1", window=DAY)
            assert transaction.connection.exec_driver_sql("SHOW lock_timeout").scalar() == "0"
            assert transaction.connection.exec_driver_sql("SHOW enable_hashjoin").scalar() == "on"
            assert transaction.connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"


def end_backend(database: Database, pid: int) -> None:
    engine = sqlalchemy.create_engine(database.url)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid}).scalar()
    engine.dispose()
