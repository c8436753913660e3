"""The PostgreSQL store: claims for workers on many machines, by the server's clock.

Not here: the tables and the inbox's transaction (`sql.py`); what is said of offloaded work (`postgres_work.py`); the
rules of claims are told in `record.py`.

Theory of operation. A call is one statement in a transaction of its own, whatever its number of keys: they travel as
arrays. Keys are sorted, so that concurrent calls lock rows in one order and cannot deadlock. `ON CONFLICT DO UPDATE`
locks the row it meets: of two claims the second waits for the first's transaction, and judges what that left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from warren.clock import Clock
from warren.reliability.idempotency import Claim, ClaimResult, Done, InProgress
from warren.reliability.stores import postgres_work
from warren.reliability.stores.keys import storable
from warren.reliability.stores.record import ABANDONED_KEPT, PURGE_LIMIT, micros
from warren.reliability.stores.sql import SqlInbox, create_tables, inbox_transaction, unavailable
from warren.reliability.work import Acceptance, Known, Mark, Proposal, Underway, WorkStatus

__all__ = ["PostgresStore"]

# The time of a statement: the clock's where one was given, else the server's.
_CLOCK: Final = """
(SELECT coalesce(%(now)s::bigint, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint) AS now) AS clock
"""

# A new token is the time, so `excluded.token` is "now" where the record that is met is judged.
_CLAIM: Final = f"""
INSERT INTO warren_idempotency AS record (consumer, key, token, done, until, expires)
SELECT %(consumer)s::text, wanted.key, clock.now, %(done)s::boolean, clock.now + %(until)s::bigint,
       clock.now + %(expires)s::bigint
FROM {_CLOCK}, unnest(%(keys)s::text[]) AS wanted (key)
ON CONFLICT (consumer, key) DO UPDATE
SET token = greatest(record.token + 1, excluded.token), done = excluded.done, until = excluded.until,
    expires = excluded.expires
WHERE record.until <= excluded.token
RETURNING record.key, record.token
"""  # noqa: S608 - of constants only

_FIND_DONE: Final = f"""
SELECT record.key FROM warren_idempotency AS record, {_CLOCK}
WHERE record.consumer = %(consumer)s::text AND record.key = ANY(%(keys)s::text[]) AND record.done
AND record.until > clock.now
"""  # noqa: S608 - of constants only

# Only a done mark may be made twice. `+ 0` keeps the planner from walking the index of expiry times.
_MARK: Final = f"""
UPDATE warren_idempotency AS record
SET token = record.token + %(step)s::bigint, done = %(done)s::boolean, until = clock.now + %(until)s::bigint,
    expires = clock.now + %(expires)s::bigint
FROM {_CLOCK}, unnest(%(consumers)s::text[], %(keys)s::text[], %(tokens)s::bigint[]) AS claim (consumer, key, token)
WHERE record.consumer = claim.consumer AND record.key = claim.key AND record.token = claim.token
AND record.expires + 0 > clock.now AND (%(done)s::boolean OR NOT record.done)
RETURNING claim.consumer, claim.key, claim.token
"""  # noqa: S608 - of constants only

_PURGE: Final = f"""
DELETE FROM warren_idempotency WHERE (consumer, key) IN (
    SELECT consumer, key FROM warren_idempotency, {_CLOCK}
    WHERE expires <= clock.now ORDER BY expires LIMIT %(limit)s FOR UPDATE OF warren_idempotency SKIP LOCKED
)
"""  # noqa: S608 - of constants only

# For the claims' connections only, never for the handlers': the one good plan is to look up each key of the call in the
# primary key, in the order given. On a table that has grown since its last ANALYZE the planner would read all of it.
_PLAN: Final = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off"
_STATEMENT_TIMEOUT: Final = "SET statement_timeout = '30s'"

# Between creating tables in several processes at once; the number only has to be Warren's own.
_CREATION_LOCK: Final = 0x57A22E4

_PATIENCE: Final = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # milliseconds; a server that vanished without a word is noticed
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


class PostgresStore:
    """Keeps claims in a PostgreSQL database; `clock` replaces the server's time in tests.

    `timeout` is how long a claim waits for an inbox transaction that holds its key, in seconds.
    """

    def __init__(self, url: sqlalchemy.URL, *, clock: Clock | None = None, timeout: float) -> None:
        self._clock = clock
        self._timeout = timeout
        self._where = f"postgresql at {url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"
        self._is_prepared = False
        patience = {name: value for name, value in _PATIENCE.items() if name not in url.query}
        options: Any = {"connect_args": patience, "pool_pre_ping": True, "hide_parameters": True, "max_overflow": -1}
        self._claims = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", **options)
        event.listen(self._claims, "connect", self._set_up)
        self._inbox = sqlalchemy.create_engine(url, isolation_level="READ COMMITTED", **options)

    def __repr__(self) -> str:
        return f"<PostgresStore {self._where}>"

    def prepare(self) -> None:
        """Connect and create the tables; raises `ConfigurationError` where they are of a newer Warren."""
        if not self._is_prepared:
            with self._boundary(), self._inbox.begin() as connection:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%(lock)s)", {"lock": _CREATION_LOCK})
                create_tables(connection)
            self._is_prepared = True

    def claim_many(self, consumer: str, keys: Sequence[str], *, lease: float) -> list[ClaimResult]:
        """Claim each key, in order; of equal keys in one call the first wins and the others are in progress."""
        if not keys:
            return []
        with self._answering() as connection:
            held = micros(lease)
            return self._claim(connection, consumer, keys, is_done=False, until=held, expires=held + ABANDONED_KEPT)

    def renew_many(self, claims: Sequence[Claim], *, lease: float) -> list[bool]:
        """Extend leases from now; False where the claim is no longer held."""
        return self._mark(claims, is_done=False, until=micros(lease), expires=micros(lease) + ABANDONED_KEPT)

    def done_many(self, claims: Sequence[Claim], *, window: float) -> list[bool]:
        """Mark claims done, committed before returning; False where the fencing token is outdated."""
        return self._mark(claims, is_done=True, until=micros(window), expires=micros(window))

    def release_many(self, claims: Sequence[Claim]) -> None:
        """Give claims back after a failure; an outdated claim is left alone."""
        self._mark(claims, is_done=False, until=0, expires=ABANDONED_KEPT, step=1)

    def purge(self) -> int:
        """Delete up to `PURGE_LIMIT` keys, and as many statuses, that are outside their window; return how many."""
        with self._answering() as connection:
            now = self._now()
            keys = connection.exec_driver_sql(_PURGE, {"now": now, "limit": PURGE_LIMIT}).rowcount
            return keys + postgres_work.purge(connection, now, limit=PURGE_LIMIT)

    def accept(self, proposal: Proposal) -> Acceptance | Underway | Known:
        """Store that work is about to be published, committed before returning."""
        with self._answering() as connection:
            return postgres_work.accept(connection, proposal, self._now())

    def withdraw(self, acceptance: Acceptance, *, may_be_sent: bool) -> None:
        """End an acceptance whose publish failed; an outdated one is left alone."""
        with self._answering() as connection:
            postgres_work.withdraw(connection, acceptance, may_be_sent=may_be_sent)

    def mark_many(self, marks: Sequence[Mark]) -> None:
        """Write statuses, committed before returning; what does not move one forward is left alone."""
        if marks:
            with self._answering() as connection:
                postgres_work.mark(connection, marks, self._now())

    def status(self, work_id: str) -> WorkStatus | None:
        """Return the status of a piece of work; None where there is none (any more)."""
        with self._answering() as connection:
            return postgres_work.status(connection, work_id, self._now())

    @contextmanager
    def transaction(self) -> Iterator[SqlInbox]:
        """Open a transaction: commits when the block ends, rolls back when it raises."""
        self.prepare()
        with inbox_transaction(self._inbox, store=self._where, claim=self._claim_inside) as transaction:
            yield transaction

    def close(self) -> None:
        """Close the pooled connections."""
        self._claims.dispose()
        self._inbox.dispose()

    # -- statements -------------------------------------------------------------------------

    def _claim(
        self,
        connection: sqlalchemy.Connection,
        consumer: str,
        keys: Sequence[str],
        *,
        is_done: bool,
        until: int,
        expires: int,
    ) -> list[ClaimResult]:
        names = [storable(key) for key in keys]
        parameters = {
            "consumer": storable(consumer),
            "keys": sorted(set(names)),
            "now": self._now(),
            "done": is_done,
            "until": until,
            "expires": expires,
        }
        claimed: Any = connection.exec_driver_sql(_CLAIM, parameters)
        tokens: dict[str, int] = dict(claimed.all())
        done: set[str] = set()
        if len(tokens) < len(names):
            done.update(connection.exec_driver_sql(_FIND_DONE, parameters).scalars())
        results: list[ClaimResult] = []
        for key, name in zip(keys, names, strict=True):
            token = tokens.pop(name, None)  # Once: of equal keys the first wins.
            if token is not None:
                results.append(Claim(consumer, key, token))
            else:
                results.append(Done(consumer, key) if name in done else InProgress(consumer, key))
        return results

    def _claim_inside(self, connection: sqlalchemy.Connection, consumer: str, key: str, window: float) -> ClaimResult:
        # The patience is for the claim alone: what the handler waits for is its own affair.
        milliseconds = {"timeout": f"{self._timeout * 1000:.0f}"}
        before = connection.exec_driver_sql(
            "SELECT current_setting('lock_timeout'), set_config('lock_timeout', %(timeout)s, true)", milliseconds
        ).scalar_one()
        kept = micros(window)
        [result] = self._claim(connection, consumer, [key], is_done=True, until=kept, expires=kept)
        connection.exec_driver_sql("SELECT set_config('lock_timeout', %(before)s, true)", {"before": before})
        return result

    def _mark(self, claims: Sequence[Claim], *, is_done: bool, until: int, expires: int, step: int = 0) -> list[bool]:
        """Change the records of claims that are held; `until` and `expires` count from now, tokens move by `step`."""
        if not claims:
            return []
        rows = [(storable(claim.consumer), storable(claim.key), claim.token) for claim in claims]
        consumers, keys, tokens = zip(*sorted(rows), strict=True)
        parameters = {
            "consumers": list(consumers),
            "keys": list(keys),
            "tokens": list(tokens),
            "now": self._now(),
            "done": is_done,
            "until": until,
            "expires": expires,
            "step": step,
        }
        with self._answering() as connection:
            held = {tuple(row) for row in connection.exec_driver_sql(_MARK, parameters)}
        return [row in held for row in rows]

    def _now(self) -> int | None:
        return None if self._clock is None else micros(self._clock.now())

    def _set_up(self, connection: Any, _record: object) -> None:
        connection.execute(f"{_PLAN}; {_STATEMENT_TIMEOUT}; SET lock_timeout = {self._timeout * 1000:.0f}")

    @contextmanager
    def _answering(self) -> Iterator[sqlalchemy.Connection]:
        self.prepare()
        with self._boundary(), self._claims.connect() as connection:
            yield connection

    @contextmanager
    def _boundary(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise unavailable(self._where, error) from error
