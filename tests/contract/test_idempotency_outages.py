"""What stores do when their server or file does not answer, and when it answers again (rules 18 and 19).

Not here: what a worker does meanwhile.
"""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.postgres_server import PostgresServer
from tests.services.redis_service import RedisService
from tests.support.gate import Gate
from tests.support.stores import DAY, claim, look
from warren.errors import StoreUnavailable
from warren.reliability.idempotency import Claim, Done, IdempotencyStore, TransactionalStore
from warren.reliability.stores.open import open_store

SERVERS = ("postgres", "redis")


@dataclass
class Gated:
    """A server's store behind a gate; the URL has credentials that must not show."""

    gate: Gate
    url: str
    store: IdempotencyStore


@pytest.fixture(params=SERVERS)
def gated(request: pytest.FixtureRequest) -> Iterator[Gated]:
    url: str = request.getfixturevalue(f"{request.param}_url")
    server: PostgresServer | RedisService = request.getfixturevalue(
        {"postgres": "postgres_server", "redis": "redis_service"}[request.param]
    )
    with Gate(server.port) as gate:
        through_gate = url.replace(f":{server.port}/", f":{gate.port}/")
        store = open_store(through_gate)
        yield Gated(gate, through_gate, store)
        store.close()


CALLS: dict[str, Callable[[IdempotencyStore, Claim], object]] = {
    "prepare": lambda store, _claim: store.prepare(),
    "claim": lambda store, _claim: store.claim_many("billing", ["m9"], lease=60.0),
    "renew": lambda store, claim: store.renew_many([claim], lease=60.0),
    "done": lambda store, claim: store.done_many([claim], window=DAY),
    "release": lambda store, claim: store.release_many([claim]),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_is_not_there_is_store_unavailable(gated: Gated, call: str) -> None:
    gated.gate.shut()

    with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{gated.gate.port}"):
        CALLS[call](gated.store, Claim("billing", "m1", 1))


@pytest.mark.parametrize("call", [name for name in CALLS if name != "prepare"])
def test_a_server_that_went_away_is_store_unavailable_until_it_is_back(gated: Gated, call: str) -> None:
    held = claim(gated.store, "m1")

    gated.gate.shut()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            CALLS[call](gated.store, held)
    gated.gate.open()

    CALLS[call](gated.store, held)


def test_connections_that_were_lost_while_idle_are_replaced_unnoticed(gated: Gated) -> None:
    held = claim(gated.store, "m1")
    gated.gate.cut()

    assert gated.store.done_many([held], window=DAY) == [True]
    gated.gate.cut()
    assert gated.store.claim_many("billing", ["m1"], lease=60.0) == [Done("billing", "m1")]


def test_a_transaction_begins_on_a_fresh_connection_after_the_old_one_was_lost(postgres_url: str) -> None:
    port = int(postgres_url.rpartition(":")[2].partition("/")[0])
    with Gate(port) as gate:
        store = open_store(postgres_url.replace(f":{port}/", f":{gate.port}/"))
        assert isinstance(store, TransactionalStore)
        for key in ("m1", "m2"):
            with store.transaction() as transaction:
                assert isinstance(transaction.claim("billing", key, window=DAY), Claim)
            gate.cut()
        gate.shut()
        with pytest.raises(StoreUnavailable), store.transaction():
            pass
        store.close()


def test_a_restarted_redis_that_lost_its_scripts_gets_them_again(redis_service: RedisService, redis_url: str) -> None:
    store = open_store(redis_url)
    held = claim(store, "m1")
    redis_service._call(b"SCRIPT FLUSH")

    assert store.done_many([held], window=DAY) == [True]
    store.close()


def test_a_redis_that_is_silent_is_store_unavailable(redis_service: RedisService, redis_url: str) -> None:
    store = open_store(f"{redis_url}?socket_timeout=0.2")
    store.prepare()
    redis_service._call(b"CLIENT PAUSE 600")

    with pytest.raises(StoreUnavailable, match="imeout"):
        store.claim_many("billing", ["m1"], lease=60.0)
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://warren:s3cr3t@127.0.0.1:1/orders?password=s3cr3t&sslpassword=s3cr3t",
        "redis://warren:s3cr3t@127.0.0.1:1/0",
        "rediss://127.0.0.1:1/0?password=s3cr3t",
    ],
)
def test_credentials_never_show(url: str) -> None:
    store = open_store(url)

    with pytest.raises(StoreUnavailable) as failure:
        store.prepare()

    shown = repr(store) + "".join(traceback.format_exception(failure.value))
    assert "s3cr3t" not in shown
    store.close()


# -- SQLite -------------------------------------------------------------------------------


def test_a_file_that_another_process_writes_to_for_too_long_is_store_unavailable(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/warren.db?timeout=0.05")
    held = claim(store, "m1")
    other = sqlite3.connect(tmp_path / "warren.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    for call in CALLS.values():
        if call is not CALLS["prepare"]:  # There is nothing left to prepare.
            with pytest.raises(StoreUnavailable, match=r"warren\.db.*locked"):
                call(store, held)
    other.execute("ROLLBACK")
    other.close()

    assert store.done_many([held], window=DAY) == [True]
    store.close()


def test_a_file_that_is_no_database_is_store_unavailable(tmp_path: Path) -> None:
    (tmp_path / "warren.db").write_text("a letter, " * 1_000)
    store = open_store(f"sqlite:///{tmp_path}/warren.db")

    with pytest.raises(StoreUnavailable, match=r"warren\.db.*not a database"):
        look(store, "m1")
    store.close()


def test_a_folder_in_the_place_of_the_file_is_store_unavailable(tmp_path: Path) -> None:
    (tmp_path / "warren.db").mkdir()
    store = open_store(f"sqlite:///{tmp_path}/warren.db")

    with pytest.raises(StoreUnavailable, match="unable to open"):
        store.prepare()
    store.close()


def test_a_sqlite_store_can_be_used_again_after_it_was_closed(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/warren.db")
    held = claim(store, "m1")
    store.close()

    assert store.done_many([held], window=DAY) == [True]
    store.close()
