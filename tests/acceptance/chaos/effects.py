"""The effects of handlers: rows without any constraint, so that an effect that happened twice is there twice.

Not here: what the number of rows means (`ledger.py`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy
from sqlalchemy import Column, Float, Integer, MetaData, Table, Text

__all__ = ["Effect", "EffectReader", "EffectWriter", "cut_connections", "new_row", "prepare", "table"]

OWN: Final = "chaos"  # the name of our own connections

table: Final = Table(
    "effects",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("order_id", Integer, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Float, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Effect:
    """One row. `at` is on the machine's monotonic clock, which all processes share."""

    order_id: int
    message_id: str
    pid: int
    attempt: int
    at: float


def new_row(order_id: int, message_id: str, attempt: int) -> dict[str, Any]:
    """Return the row of an effect that this process has now."""
    return {
        "order_id": order_id,
        "message_id": message_id,
        "pid": os.getpid(),
        "attempt": attempt,
        "at": time.monotonic(),
    }


def _engine(url: str) -> sqlalchemy.Engine:
    if url.startswith("sqlite"):
        return sqlalchemy.create_engine(url, connect_args={"timeout": 60.0, "check_same_thread": False})
    return sqlalchemy.create_engine(url, connect_args={"application_name": OWN})


def prepare(url: str) -> None:
    """Create the table."""
    engine = _engine(url)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        table.create(connection)
        connection.commit()
    engine.dispose()


def cut_connections(url: str) -> None:
    """End the connections that are not ours, as a crash of PostgreSQL would: in the middle of whatever they do."""
    engine = _engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = current_database() AND application_name <> '{OWN}'"
        )
    engine.dispose()


class EffectWriter:
    """Writes each effect in a transaction of its own, which is not the store's. What is written survives a kill."""

    def __init__(self, url: str) -> None:
        self._lock = threading.Lock()
        self._connection = _engine(url).connect().execution_options(isolation_level="AUTOCOMMIT")
        if self._connection.dialect.name == "sqlite":
            self._connection.exec_driver_sql("PRAGMA synchronous = OFF")  # No power is cut here.

    def write(self, row: dict[str, Any]) -> None:
        with self._lock:
            self._connection.execute(table.insert(), row)


class EffectReader:
    """Reads the effects while they are made, and afterwards."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)

    @classmethod
    @contextmanager
    def of(cls, url: str) -> Iterator[EffectReader]:
        reader = cls(url)
        try:
            yield reader
        finally:
            reader._engine.dispose()

    def count(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)) or 0)

    def read(self) -> list[Effect]:
        columns = (table.c.order_id, table.c.message_id, table.c.pid, table.c.attempt, table.c.at)
        with self._engine.connect() as connection:
            return [Effect(*row) for row in connection.execute(sqlalchemy.select(*columns).order_by(table.c.at))]
