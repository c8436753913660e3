"""What is on disk, what grows and what time counts: properties of one store or another (rule 19).

Not here: what all stores share (`test_idempotency_stores.py`).
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
import sqlalchemy

from tests.support.children import running
from tests.support.stores import DAY, SHARED, SQL, claim, look, url_of
from warren.clock import ManualClock
from warren.errors import ConfigurationError
from warren.reliability.idempotency import Claim, Done, InProgress
from warren.reliability.stores.open import open_store
from warren.reliability.stores.record import PURGE_LIMIT

# -- what a killed process leaves ---------------------------------------------------------

MARK_AND_WAIT = """
import sys
from warren.reliability.stores.open import open_store
store = open_store(sys.argv[1])
keys = [f"m{number}" for number in range(100)]
claims = store.claim_many("billing", keys, lease=3600.0)
store.done_many(claims[:50], window=86400.0)
print("marked", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("kind", SHARED)
def test_done_marks_and_claims_are_there_after_kill_9(kind: str, request: pytest.FixtureRequest) -> None:
    url = url_of(kind, request)
    with running(MARK_AND_WAIT, url) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "marked\n"
        child.kill()
        child.wait()

    store = open_store(url)
    results = store.claim_many("billing", [f"m{number}" for number in range(100)], lease=60.0)
    store.close()

    assert [type(result) for result in results] == [Done] * 50 + [InProgress] * 50


def test_sqlite_syncs_done_marks_before_returning_and_claims_not(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/warren.db")
    held = claim(store, "m1")
    connection = store._connection

    def synchronous() -> int:
        return int(connection.execute("PRAGMA synchronous").fetchone()[0])

    assert synchronous() == 1  # NORMAL: written, not synced
    store.done_many([held], window=DAY)
    assert synchronous() == 2  # FULL: the write-ahead log is synced with each commit
    store.release_many([claim(store, "m2")])
    assert synchronous() == 1
    store.close()


def test_sqlite_commits_inbox_transactions_synced(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/warren.db")
    with store.transaction() as transaction:
        assert transaction.connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert transaction.connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    store.close()


# -- what grows ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["memory", *SQL])
def test_purging_deletes_what_is_outside_its_window_a_bounded_number_a_call(
    kind: str, request: pytest.FixtureRequest
) -> None:
    clock = ManualClock()
    store = open_store(url_of(kind, request), clock=clock)
    keys = [f"m{number}" for number in range(PURGE_LIMIT + 500)]
    claims = [result for result in store.claim_many("billing", keys, lease=60.0) if isinstance(result, Claim)]
    store.done_many(claims[1:], window=60.0)  # the first is abandoned
    kept = claim(store, "kept")
    store.done_many([kept], window=30 * DAY)
    clock.advance(60.0)

    assert [store.purge() for _ in range(3)] == [PURGE_LIMIT, 499, 0]

    clock.advance(DAY)
    assert [store.purge() for _ in range(2)] == [1, 0]
    assert look(store, "kept") is Done
    store.close()


def test_redis_forgets_by_itself(redis_url: str) -> None:
    store = open_store(redis_url)
    done, held, released = claim(store, "done"), claim(store, "held", lease=60.0), claim(store, "released")
    store.done_many([done], window=3_600.0)
    store.release_many([released])

    client = redis.Redis.from_url(redis_url)
    seconds = {key.decode().rpartition(":")[2]: client.ttl(key) for key in client.scan_iter()}
    client.close()

    assert held
    assert seconds.keys() == {"done", "held", "released"}
    assert seconds["done"] == pytest.approx(3_600, abs=60)
    assert seconds["held"] == pytest.approx(60 + DAY, abs=60)
    assert seconds["released"] == pytest.approx(DAY, abs=60)
    assert store.purge() == 0
    store.close()


def test_the_log_of_a_sqlite_store_stays_bounded(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/warren.db")
    for batch in range(150):
        keys = [f"{number * 7_919 % 100_003}-{batch}" for number in range(200)]
        claims = [result for result in store.claim_many("billing", keys, lease=60.0) if isinstance(result, Claim)]
        store.done_many(claims, window=DAY)

    log = (tmp_path / "warren.db-wal").stat().st_size
    store.close()

    assert log < 24 * 1024 * 1024


# -- whose time counts --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["postgres", "redis"])
def test_servers_go_by_their_own_time(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(url_of(kind, request))
    before = claim(store, "m1", lease=60.0)
    with monkeypatch.context() as patch:
        late = time.time() + 365 * DAY
        patch.setattr(time, "time", lambda: late)
        assert look(store, "m1") is InProgress
        patch.setattr(time, "time", lambda: 0.0)
        after = claim(store, "m2")

    assert before.token < after.token < (time.time() + 60.0) * 1_000_000
    store.close()


@pytest.mark.parametrize("kind", SHARED)
def test_a_short_lease_ends_by_itself(kind: str, request: pytest.FixtureRequest) -> None:
    store = open_store(url_of(kind, request))
    first = claim(store, "m1", lease=0.001)
    deadline = time.monotonic() + 10.0
    while (answer := store.claim_many("billing", ["m1"], lease=60.0)[0]) == InProgress("billing", "m1"):
        assert time.monotonic() < deadline

    assert isinstance(answer, Claim)
    assert answer.token > first.token
    store.close()


# -- schema and settings ------------------------------------------------------------------

PREPARE = """
import sys
from warren.reliability.stores.open import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
store.prepare()
print(type(store.claim_many("billing", ["m1"], lease=60.0)[0]).__name__, flush=True)
store.close()
"""


@pytest.mark.parametrize("kind", SQL)
def test_processes_that_create_the_schema_at_once_all_succeed(kind: str, request: pytest.FixtureRequest) -> None:
    url = url_of(kind, request)
    with ExitStack() as stack:
        children = [stack.enter_context(running(PREPARE, url)) for _ in range(4)]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        answers = sorted(child.communicate(timeout=60)[0] for child in children)

    assert answers == ["Claim\n", "InProgress\n", "InProgress\n", "InProgress\n"]


@pytest.mark.parametrize("kind", SQL)
def test_tables_of_a_newer_warren_are_refused(kind: str, request: pytest.FixtureRequest) -> None:
    url = url_of(kind, request)
    store = open_store(url)
    store.prepare()
    store.close()
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE warren_schema SET version = 2"))
    engine.dispose()

    store = open_store(url)
    with pytest.raises(ConfigurationError, match=r"version 2.*version 1"):
        store.prepare()
    with pytest.raises(ConfigurationError):
        look(store, "m1")
    store.close()


def test_a_redis_that_may_evict_marks_is_refused(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    client.config_set("maxmemory", "100mb")
    client.config_set("maxmemory-policy", "allkeys-lru")
    store = open_store(redis_url)
    try:
        with pytest.raises(ConfigurationError, match=r"allkeys-lru.*noeviction"):
            store.prepare()
        client.config_set("maxmemory-policy", "noeviction")
        store.prepare()
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "0")
        client.close()
        store.close()
