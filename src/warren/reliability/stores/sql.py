"""What the SQL stores share: the tables and their version, the inbox's transaction, errors at the boundary.

Not here: the statements that claim and mark, which each database words its own way (`sqlite.py`, `postgres.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from warren.errors import ConfigurationError, StoreUnavailable
from warren.reliability.idempotency import ClaimResult

__all__ = ["SCHEMA_VERSION", "SqlInbox", "create_tables", "inbox_transaction", "unavailable"]

SCHEMA_VERSION: Final = 1

_COMPONENTS: Final = {"idempotency": SCHEMA_VERSION, "work": 1}

metadata: Final = MetaData()

# Compared byte by byte: faster than by a language's rules, and the same in every database.
_Name = Text().with_variant(Text(collation="C"), "postgresql")

versions: Final = Table(
    "warren_schema",
    metadata,
    Column("component", _Name, primary_key=True),
    Column("version", Integer, nullable=False),
)

keys: Final = Table(
    "warren_idempotency",
    metadata,
    # One row a key, as record.py describes it; without a rowid, so that SQLite looks up and writes one tree only.
    Column("consumer", _Name, primary_key=True),
    Column("key", _Name, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("warren_idempotency_expires", "expires"),
    sqlite_with_rowid=False,
)

work: Final = Table(
    "warren_work",
    metadata,
    # One row a piece of offloaded work, as work_record.py describes it.
    Column("id", _Name, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("consumer", _Name, nullable=False),
    Column("fingerprint", _Name, nullable=False),
    Column("status", Text, nullable=False),
    Index("warren_work_expires", "expires"),
    sqlite_with_rowid=False,
)


def create_tables(connection: sqlalchemy.Connection) -> None:
    """Create what is missing, in the connection's transaction, which must keep other processes from doing the same.

    Raises `ConfigurationError` where a newer Warren has changed the tables.
    """
    metadata.create_all(connection)
    rows = connection.execute(sqlalchemy.select(versions.c.component, versions.c.version))
    found = {row.component: row.version for row in rows}
    for component, version in _COMPONENTS.items():
        if component not in found:
            connection.execute(versions.insert().values(component=component, version=version))
        elif found[component] != version:
            raise ConfigurationError(
                f"the {component} tables of the store have version {found[component]}, and this Warren works with "
                f"version {version}; run the Warren that made them, or point the store at another database"
            )


# -- errors -------------------------------------------------------------------------------


def unavailable(store: str, error: BaseException) -> StoreUnavailable:
    """Return the error a store raises instead of its driver's: one line, without statements or parameters."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).strip().splitlines()
    return StoreUnavailable(f"the store {store} does not answer: {lines[0] if lines else type(cause).__name__}")


# -- the transactional inbox --------------------------------------------------------------


class SqlInbox:
    """One open transaction. Warren alone commits it, when its block ends."""

    __slots__ = ("_claim", "_store", "connection")

    def __init__(
        self,
        connection: sqlalchemy.Connection,
        *,
        store: str,
        claim: Callable[[sqlalchemy.Connection, str, str, float], ClaimResult],
    ) -> None:
        self.connection = connection
        self._store = store
        self._claim = claim

    def claim(self, consumer: str, key: str, *, window: float) -> ClaimResult:
        """Record the key as done inside this transaction; it is `Done` if an earlier transaction committed it."""
        with _boundary(self._store):
            return self._claim(self.connection, consumer, key, window)


@contextmanager
def inbox_transaction(
    engine: sqlalchemy.Engine,
    *,
    store: str,
    claim: Callable[[sqlalchemy.Connection, str, str, float], ClaimResult],
) -> Iterator[SqlInbox]:
    """Open a transaction: commits when the block ends, rolls back when it raises.

    What the block itself raises passes unchanged. `StoreUnavailable` from the commit leaves open whether it took
    effect; the next claim of the key tells. `ConfigurationError` where the block ended the transaction itself.
    """
    with _boundary(store):
        connection = engine.connect()
    try:
        guard = _CommitGuard(connection)
        with _boundary(store):
            transaction = connection.begin()
        yield SqlInbox(connection, store=store, claim=claim)
        if not transaction.is_active:
            raise ConfigurationError(
                "the handler rolled back the transaction that holds its claim, so nothing is recorded; use a savepoint "
                "(connection.begin_nested()), or raise to have everything rolled back"
            )
        guard.lift()
        with _boundary(store, passing=(IntegrityError, DataError)):  # deferred constraints: the handler's own doing
            transaction.commit()
    except BaseException:
        _roll_back(connection)
        raise
    connection.close()


def _roll_back(connection: sqlalchemy.Connection) -> None:
    """Give the connection back without what it has written; close it if its transaction ended by other hands."""
    try:
        transaction = connection.get_transaction()
        if transaction is None or not transaction.is_active:
            connection.invalidate()
        connection.close()
    except SQLAlchemyError:
        connection.invalidate()  # Lost by now: the server rolls back, and the first error is the one to raise.


class _CommitGuard:
    """Refuses a commit inside the block: the claim would be kept although the handler can still fail."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self._connection = connection
        event.listen(connection, "commit", self._refuse)

    def lift(self) -> None:
        event.remove(self._connection, "commit", self._refuse)

    def _refuse(self, _connection: Any) -> None:
        raise ConfigurationError(
            "a handler must not commit the transaction that holds its claim: Warren commits both when the handler "
            "returns; use a savepoint (connection.begin_nested()) for parts"
        )


@contextmanager
def _boundary(store: str, *, passing: tuple[type[SQLAlchemyError], ...] = ()) -> Iterator[None]:
    """Raise `StoreUnavailable` from what the database raises, but for `passing`."""
    try:
        yield
    except passing:
        raise
    except SQLAlchemyError as error:
        raise unavailable(store, error) from error
