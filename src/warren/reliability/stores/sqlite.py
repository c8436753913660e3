"""The embedded store: one SQLite file in WAL mode, shared by the processes of one machine.

Not here: the tables and the inbox's transaction (`sql.py`), the rules of claims (`record.py`), what is said to the
database of offloaded work (`sqlite_work.py`).

Theory of operation. SQLite has one writer at a time; within a process writers queue at a lock, between processes at the
file, each for `timeout` at most. A call is one short transaction of a few statements, whatever its number of keys: they
travel as one JSON parameter, which takes half the time of a row a step. Done marks, and statuses that are accepted,
done or failed, are synced to disk before a call returns. Claims are not: they survive the death of a process, and when
the machine loses power, every holder of a claim in this file dies with it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy
from sqlalchemy import event

from warren.clock import Clock, SystemClock
from warren.errors import StoreUnavailable
from warren.reliability.idempotency import Claim, ClaimResult, Done, InProgress
from warren.reliability.stores import sqlite_work
from warren.reliability.stores.keys import storable
from warren.reliability.stores.record import ABANDONED_KEPT, PURGE_LIMIT, Record, is_free, micros, next_token
from warren.reliability.stores.sql import SqlInbox, create_tables, inbox_transaction, unavailable
from warren.reliability.work import Acceptance, Known, Mark, Proposal, Underway, WorkStatus

__all__ = ["SqliteStore"]

# CROSS JOIN fixes the order of the loops: first the keys of the call, then a look into the table for each.

_FIND: Final = """
SELECT json_group_array(json_array(record.key, record.token, record.done, record.until, record.expires))
FROM json_each(:keys) AS wanted CROSS JOIN warren_idempotency AS record
WHERE record.consumer = :consumer AND record.key = wanted.value
"""

_PUT: Final = """
INSERT INTO warren_idempotency (consumer, key, token, done, until, expires)
SELECT :consumer, key, value, :done, :until, :expires FROM json_each(:tokens) WHERE true
ON CONFLICT (consumer, key) DO UPDATE
SET token = excluded.token, done = excluded.done, until = excluded.until, expires = excluded.expires
"""

# Only a done mark may be made twice: `record.done <= :done`.
_HELD: Final = """
FROM json_each(:claims) AS consumer CROSS JOIN json_each(consumer.value) AS claim
CROSS JOIN warren_idempotency AS record
WHERE record.consumer = consumer.key AND record.key = claim.key AND record.token = claim.value
AND record.expires > :now AND record.done <= :done
"""

_MARK: Final = f"""
INSERT INTO warren_idempotency (consumer, key, token, done, until, expires)
SELECT record.consumer, record.key, record.token + :step, :done, :until, :expires {_HELD}
ON CONFLICT (consumer, key) DO UPDATE
SET token = excluded.token, done = excluded.done, until = excluded.until, expires = excluded.expires
"""

_FIND_HELD: Final = f"SELECT json_group_array(json_array(record.consumer, record.key, record.token)) {_HELD}"

_PURGE: Final = """
DELETE FROM warren_idempotency WHERE (consumer, key) IN (
    SELECT consumer, key FROM warren_idempotency WHERE expires <= :now ORDER BY expires LIMIT :limit
)
"""

_CLOSING: Final = 1.0  # seconds to wait for the present writer
_CHECKPOINT_PAGES: Final = 4_000  # 16 MB: the log is folded into the table when it has grown so far
_LOG_BYTES_KEPT: Final = 64 * 1024 * 1024  # A log that a long read let grow further is cut to this.


class SqliteStore:
    """Keeps claims in a file. `timeout` is how long a call waits for other writers, in seconds."""

    def __init__(self, path: str, *, clock: Clock | None = None, timeout: float) -> None:
        self._path = path
        self._clock = clock or SystemClock()
        self._timeout = timeout
        self._turn = threading.Lock()  # Held by this process's one writer.
        self._connection: sqlite3.Connection | None = None
        self._is_synced = True  # What `PRAGMA synchronous` of the connection is: FULL or NORMAL.
        self._engine = sqlalchemy.create_engine(
            sqlalchemy.URL.create("sqlite+pysqlite", database=path),
            connect_args={"timeout": timeout},
            hide_parameters=True,
        )
        event.listen(self._engine, "connect", self._configure)
        event.listen(self._engine, "begin", _begin_immediately)

    def __repr__(self) -> str:
        return f"<SqliteStore {self._path}>"

    def prepare(self) -> None:
        """Open the file and create the tables; raises `ConfigurationError` where they are of a newer Warren."""
        with self._writing(is_synced=False):
            pass

    def claim_many(self, consumer: str, keys: Sequence[str], *, lease: float) -> list[ClaimResult]:
        """Claim each key, in order; of equal keys in one call the first wins and the others are in progress."""
        if not keys:
            return []
        with self._writing(is_synced=False) as connection:
            now = self._now()
            until = now + micros(lease)
            return _claim(connection, consumer, keys, now, is_done=False, until=until, expires=until + ABANDONED_KEPT)

    def renew_many(self, claims: Sequence[Claim], *, lease: float) -> list[bool]:
        """Extend leases from now; False where the claim is no longer held."""
        return self._mark(claims, is_done=False, until=micros(lease), expires=micros(lease) + ABANDONED_KEPT)

    def done_many(self, claims: Sequence[Claim], *, window: float) -> list[bool]:
        """Mark claims done, synced to disk before returning; False where the fencing token is outdated."""
        return self._mark(claims, is_done=True, until=micros(window), expires=micros(window))

    def release_many(self, claims: Sequence[Claim]) -> None:
        """Give claims back after a failure; an outdated claim is left alone."""
        self._mark(claims, is_done=False, until=0, expires=ABANDONED_KEPT, step=1)

    def purge(self) -> int:
        """Delete up to `PURGE_LIMIT` keys, and as many statuses, that are outside their window; return how many."""
        with self._writing(is_synced=False) as connection:
            now = self._now()
            keys = connection.execute(_PURGE, {"now": now, "limit": PURGE_LIMIT}).rowcount
            return keys + sqlite_work.purge(connection, now, limit=PURGE_LIMIT)

    def accept(self, proposal: Proposal) -> Acceptance | Underway | Known:
        """Store that work is about to be published, synced to disk before returning."""
        with self._writing(is_synced=True) as connection:
            return sqlite_work.accept(connection, proposal, self._now())

    def withdraw(self, acceptance: Acceptance, *, may_be_sent: bool) -> None:
        """End an acceptance whose publish failed; an outdated one is left alone."""
        with self._writing(is_synced=False) as connection:
            sqlite_work.withdraw(connection, acceptance, may_be_sent=may_be_sent)

    def mark_many(self, marks: Sequence[Mark]) -> None:
        """Write statuses, final ones synced to disk before returning; what does not move one forward is left alone."""
        if marks:
            with self._writing(is_synced=any(not mark.status.is_pending for mark in marks)) as connection:
                sqlite_work.mark(connection, marks, self._now())

    def status(self, work_id: str) -> WorkStatus | None:
        """Return the status of a piece of work; None where there is none (any more)."""
        with self._my_turn(), self._boundary():
            return sqlite_work.status(self._connected(), work_id, self._now())

    @contextmanager
    def transaction(self) -> Iterator[SqlInbox]:
        """Open a transaction: commits when the block ends, rolls back when it raises.

        Transactions run one after another, and claims wait for them too.
        """
        with self._my_turn():
            with self._boundary():
                self._connected()
            with inbox_transaction(self._engine, store=self._path, claim=self._claim_inside) as transaction:
                yield transaction

    def close(self) -> None:
        """Close the file. A transaction that is still open, of a handler that never ends, keeps it until then."""
        if self._turn.acquire(timeout=_CLOSING):
            try:
                self._disconnect()
            finally:
                self._turn.release()
        self._engine.dispose()

    # -- statements -------------------------------------------------------------------------

    def _mark(self, claims: Sequence[Claim], *, is_done: bool, until: int, expires: int, step: int = 0) -> list[bool]:
        """Change the records of claims that are held; `until` and `expires` count from now, tokens move by `step`."""
        if not claims:
            return []
        as_json = _as_json(claims)
        with self._writing(is_synced=is_done) as connection:
            now = self._now()
            parameters = {
                "claims": as_json,
                "now": now,
                "done": int(is_done),
                "until": now + until,
                "expires": now + expires,
                "step": step,
            }
            if connection.execute(_MARK, parameters).rowcount == len(claims):
                return [True] * len(claims)
            [found] = connection.execute(_FIND_HELD, parameters).fetchone()
        held = {tuple(row) for row in json.loads(found)}
        return [(storable(claim.consumer), storable(claim.key), claim.token) in held for claim in claims]

    def _claim_inside(self, connection: sqlalchemy.Connection, consumer: str, key: str, window: float) -> ClaimResult:
        now = self._now()
        until = now + micros(window)
        driver: Any = connection.connection.driver_connection
        with self._boundary():
            [result] = _claim(driver, consumer, [key], now, is_done=True, until=until, expires=until)
            return result

    def _now(self) -> int:
        return micros(self._clock.now())

    # -- the connection ---------------------------------------------------------------------

    @contextmanager
    def _writing(self, *, is_synced: bool) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a write transaction; `is_synced` ones are on disk when the block has ended."""
        with self._my_turn(), self._boundary():
            connection = self._connected()
            try:
                if self._is_synced is not is_synced:
                    connection.execute(f"PRAGMA synchronous = {'FULL' if is_synced else 'NORMAL'}")
                    self._is_synced = is_synced
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._disconnect()  # Rolls back, and leaves nothing half done behind.
                raise

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=self._timeout):
            raise StoreUnavailable(
                f"the store {self._path} does not answer: other threads write to it for more than {self._timeout:g} s"
            )
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _boundary(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, sqlalchemy.exc.SQLAlchemyError) as error:
            raise unavailable(self._path, error) from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            with self._engine.begin() as connection:
                create_tables(connection)
            pooled = self._engine.raw_connection()
            driver: Any = pooled.driver_connection
            pooled.detach()
            self._connection, self._is_synced = driver, True
        connected: sqlite3.Connection = self._connection
        return connected

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _configure(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # The driver begins no transactions of its own.
        _switch_to_wal(connection, patience=self._timeout)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")  # Statements keep what they may have to undo in memory.
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES_KEPT}")


def _claim(
    connection: sqlite3.Connection,
    consumer: str,
    keys: Sequence[str],
    now: int,
    *,
    is_done: bool,
    until: int,
    expires: int,
) -> list[ClaimResult]:
    """Claim in the connection's transaction: find what is there, decide, put what is claimed."""
    consumer_name = storable(consumer)
    names = [storable(key) for key in keys]
    [found] = connection.execute(_FIND, {"consumer": consumer_name, "keys": json.dumps(names)}).fetchone()
    records = {
        name: Record(token, bool(done), until_, expires_) for name, token, done, until_, expires_ in json.loads(found)
    }
    tokens: dict[str, int] = {}
    results: list[ClaimResult] = []
    for key, name in zip(keys, names, strict=True):
        record = records.get(name)
        if record is not None and not is_free(record, now):
            results.append(Done(consumer, key) if record.is_done else InProgress(consumer, key))
        elif name in tokens:
            results.append(InProgress(consumer, key))
        else:
            tokens[name] = token = next_token(record, now)
            results.append(Claim(consumer, key, token))
    if tokens:
        connection.execute(
            _PUT,
            {
                "consumer": consumer_name,
                "tokens": json.dumps(tokens),
                "done": int(is_done),
                "until": until,
                "expires": expires,
            },
        )
    return results


def _as_json(claims: Sequence[Claim]) -> str:
    """Return {consumer: {key: token}}; of two claims on one key only the later can be held."""
    tokens: dict[str, dict[str, int]] = {}
    for claim in claims:
        of_consumer = tokens.setdefault(storable(claim.consumer), {})
        key = storable(claim.key)
        if of_consumer.get(key, 0) < claim.token:
            of_consumer[key] = claim.token
    return json.dumps(tokens)


def _begin_immediately(connection: sqlalchemy.Connection) -> None:
    # Takes the write lock at once: a transaction that reads first could not write any more if another one came between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _switch_to_wal(connection: sqlite3.Connection, *, patience: float) -> None:
    """Switch the file to WAL. SQLite does not wait where two processes do it at once, so this does."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
