"""From a store URL to its store. Each driver is imported only for its own scheme.

Not here: where the URL comes from (`app.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from warren.clock import Clock
from warren.errors import ConfigurationError
from warren.reliability.idempotency import IdempotencyStore
from warren.reliability.work import WorkStore

if TYPE_CHECKING:
    import sqlalchemy

__all__ = ["DEFAULT_TIMEOUT", "Store", "open_store"]

DEFAULT_TIMEOUT: Final = 10.0
"""How long a call waits for another writer of an SQL store, in seconds."""

_FORMS: Final = (
    "sqlite:///warren.db, postgresql+psycopg://user:password@host/database, redis://host:6379/0, rediss://host:6379/0 "
    "or memory://"
)


class Store(IdempotencyStore, WorkStore, Protocol):
    """What every store keeps: claims on idempotency keys, and the status of offloaded work."""


def open_store(url: str, *, clock: Clock | None = None) -> Store:
    """Return the store a URL names; it connects on first use, or by `prepare`.

    Without a `clock` PostgreSQL and Redis go by their server's time, the others by the system's. Raises
    `ConfigurationError` for a URL that cannot be used or a driver that is not installed; credentials never show in it.
    """
    scheme = url.partition(":")[0]
    match scheme:
        case "memory":
            return _open_memory(clock)
        case "sqlite":
            return _open_sqlite(url, clock)
        case "postgresql" | "postgresql+psycopg":
            return _open_postgres(url, clock)
        case "redis" | "rediss":
            return _open_redis(url, clock)
        case _:
            raise ConfigurationError(f"the store URL does not start with a scheme that Warren knows; write {_FORMS}")


def _open_memory(clock: Clock | None) -> Store:
    from warren.reliability.stores.memory import MemoryStore

    return MemoryStore(clock=clock)


def _open_sqlite(url: str, clock: Clock | None) -> Store:
    from warren.reliability.stores.sqlite import SqliteStore

    parsed = _parse(url)
    path = parsed.database
    if not path or path == ":memory:" or parsed.host:
        raise ConfigurationError(
            "the store URL names no file; write sqlite:///warren.db, sqlite:////var/lib/app/warren.db, or memory://"
        )
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise ConfigurationError(f"the store {path} cannot be opened: create the folder {folder}")
    return SqliteStore(path, clock=clock, timeout=_timeout(parsed))


def _open_postgres(url: str, clock: Clock | None) -> Store:
    parsed = _parse(url)
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import make_conninfo
    except ImportError as error:
        raise ConfigurationError(
            "the store is in PostgreSQL, and psycopg is not installed: pip install 'warren-mq[postgres]'"
        ) from error
    from warren.reliability.stores.postgres import PostgresStore

    driver_url = parsed.difference_update_query(["timeout"]).set(drivername="postgresql+psycopg")
    for option in driver_url.query:
        try:
            make_conninfo(**{option: ""})
        except ProgrammingError:
            raise ConfigurationError(f"PostgreSQL has no connection option {option!r}; see the store URL") from None
    return PostgresStore(driver_url, clock=clock, timeout=_timeout(parsed))


def _open_redis(url: str, clock: Clock | None) -> Store:
    try:
        import redis  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            "the store is in Redis, and the redis package is not installed: pip install 'warren-mq[redis]'"
        ) from error
    from warren.reliability.stores.redis import RedisStore

    try:
        urlsplit(url).port  # noqa: B018 - raises where the port is no number
        return RedisStore(url, clock=clock)
    except (ValueError, TypeError):
        raise ConfigurationError(f"the store URL cannot be read; write {_FORMS}") from None


def _timeout(url: sqlalchemy.URL) -> float:
    """Return how long to wait for another writer, in seconds: `?timeout=` of the URL."""
    try:
        timeout = float(str(url.query.get("timeout", DEFAULT_TIMEOUT)))
    except ValueError:
        timeout = 0.0
    if not 0.0 < timeout < 3_600.0:
        raise ConfigurationError("timeout= of the store URL is no number of seconds between 0 and 3600")
    return timeout


def _parse(url: str) -> sqlalchemy.URL:
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError

    try:
        return sqlalchemy.make_url(url)
    except (ArgumentError, ValueError):
        # Not chained: their texts may show the URL with its password.
        raise ConfigurationError(f"the store URL cannot be read; write {_FORMS}") from None
