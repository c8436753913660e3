"""Nothing that was confirmed is lost, whatever is killed: the node three times, workers and connections at random.

Each test prints its ledger. On CI two variants run in full, the others with fewer orders. Run all of them in full with
`WARREN_CHAOS_ORDERS=20000 make test PYTEST_ARGS=tests/acceptance/test_no_loss.py`; `WARREN_CHAOS_SEED` repeats the
crashes of a run.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.chaos.harness import Chaos, Result, run_chaos
from tests.acceptance.chaos.mutations import Mutation
from tests.support import BrokerUnderTest

FULL = 20_000
IN_PART = 1_000
WHOLE = int(os.environ.get("WARREN_CHAOS_ORDERS", "0"))
# In full on CI too.
MAIN = {("rabbitmq-3.10", "inbox-postgresql"), ("rabbitmq-4.0", "idempotent-sqlite")}

Tell = Callable[[str, Result], None]


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("WARREN_CHAOS_SEED") or random.randrange(1_000_000))


@pytest.fixture
def tell(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], seed: int) -> Tell:
    """A function that prints a ledger, also when the test passes."""

    def show(what: str, result: Result) -> None:
        killed = f"node killed {len(result.recovery)} x, workers {result.workers_killed} x"
        recovered = ", ".join(f"{seconds:.0f} s" for seconds in result.recovery) or "-"
        with capsys.disabled():
            print(f"\n{what} (seed {seed}): {killed} | {result.ledger.line()}")
            print(f"  {result.seconds:.0f} s in all; from a kill of the node to the next effect: {recovered}")

    return show


def sized(broker_version: str, name: str) -> tuple[int, int, int]:
    """Return how many orders, kills of the node and kills of workers."""
    orders = WHOLE or (FULL if (broker_version, name) in MAIN else IN_PART)
    return (orders, 3, 6) if orders >= FULL else (orders, 1, 2)


def check(result: Result) -> None:
    """What holds for every run."""
    ledger = result.ledger
    assert ledger.lost == ()
    assert ledger.contradictions == ()
    assert ledger.unexplained == ()
    assert set(result.exit_codes) == {0}
    # What lived through all of it holds no more than before: no thread, no descriptor, no memory is left behind.
    assert result.late.threads <= result.early.threads
    assert result.late.descriptors <= result.early.descriptors + 10  # a pool of database connections may have filled
    assert result.late.resident_mb <= result.early.resident_mb + 60
    assert result.left.threads <= 0
    assert result.left.descriptors <= 2  # a pipe that libuv opens once a process


@pytest.mark.timeout(400)
def test_plain_idempotency_loses_nothing_and_repeats_only_what_a_worker_died_over(
    private_broker: Callable[..., BrokerUnderTest], broker_version: str, tmp_path: Path, seed: int, tell: Tell
) -> None:
    name = "idempotent-sqlite"
    orders, nodes, workers = sized(broker_version, name)
    chaos = Chaos(
        consumer="idempotent",
        store=f"sqlite:///{tmp_path}/store.db",
        effects=f"sqlite:///{tmp_path}/effects.db",
        orders=orders,
        lead=max(300, orders // 10),
        node_kills=nodes,
        worker_kills=workers,
        work=0.002,
        seed=seed,
    )
    result = run_chaos(chaos, private_broker(), tmp_path)
    tell(f"{name} on {broker_version}", result)
    check(result)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_transactional_inbox_has_every_effect_exactly_once(
    private_broker: Callable[..., BrokerUnderTest],
    broker_version: str,
    database: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    seed: int,
    tell: Tell,
) -> None:
    name = f"inbox-{database}"
    orders, nodes, workers = sized(broker_version, name)
    url = f"sqlite:///{tmp_path}/store.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    chaos = Chaos(
        consumer="inbox",
        store=url,
        effects=url,
        orders=orders,
        lead=max(300, orders // 10),
        node_kills=nodes,
        worker_kills=workers,
        database_kills=nodes if database == "postgresql" else 0,
        work=0.002 if database == "postgresql" else 0.0,  # SQLite's transactions wait for one another
        seed=seed,
    )
    result = run_chaos(chaos, private_broker(), tmp_path)
    tell(f"{name} on {broker_version}", result)
    check(result)
    assert result.ledger.repeated == ()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("broker_version", ["rabbitmq-4.0"], indirect=True)
def test_a_rolling_restart_of_the_workers_repeats_nothing_even_without_idempotency(
    broker: BrokerUnderTest, broker_version: str, tmp_path: Path, seed: int, tell: Tell
) -> None:
    chaos = Chaos(
        consumer="careless",
        store=f"sqlite:///{tmp_path}/store.db",
        effects=f"sqlite:///{tmp_path}/effects.db",
        orders=1_500,
        lead=300,
        node_kills=0,
        worker_kills=4,
        worker_signal=signal.SIGTERM,
        failing=0.1,
        work=0.005,
        seed=seed,
    )
    result = run_chaos(chaos, broker, tmp_path)
    tell(f"rolling restart on {broker_version}", result)
    check(result)
    assert result.ledger.repeated == ()


# -- the harness sees -----------------------------------------------------------------------

ON_ONE_BROKER = pytest.mark.parametrize("broker_version", ["rabbitmq-3.10"], indirect=True)


@ON_ONE_BROKER
@pytest.mark.timeout(200)
@pytest.mark.parametrize("mutation", [Mutation.ACK_BEFORE_HANDLER, Mutation.ACK_BEFORE_COPY], ids=str)
def test_the_loss_shows_where_the_settle_order_is_inverted(
    broker: BrokerUnderTest, broker_version: str, mutation: Mutation, tmp_path: Path, seed: int, tell: Tell
) -> None:
    chaos = Chaos(
        consumer="idempotent",
        store=f"sqlite:///{tmp_path}/store.db",
        effects=f"sqlite:///{tmp_path}/effects.db",
        orders=600,
        node_kills=0,
        worker_kills=2,
        failing=0.5,
        lead=600,
        work=0.05,
        mutation=mutation,
        seed=seed,
    )
    result = run_chaos(chaos, broker, tmp_path)
    tell(f"{mutation} on {broker_version}", result)
    assert len(result.ledger.lost) > 0


@ON_ONE_BROKER
@pytest.mark.timeout(200)
def test_the_repeats_show_where_the_inbox_is_switched_off(
    broker: BrokerUnderTest, broker_version: str, tmp_path: Path, seed: int, tell: Tell
) -> None:
    chaos = Chaos(
        consumer="careless",
        store=f"sqlite:///{tmp_path}/store.db",
        effects=f"sqlite:///{tmp_path}/effects.db",
        orders=600,
        node_kills=0,
        worker_kills=2,
        lead=600,
        work=0.05,
        seed=seed,
    )
    result = run_chaos(chaos, broker, tmp_path)
    tell(f"inbox switched off on {broker_version}", result)
    assert len(result.ledger.repeated) > 0
    assert result.ledger.lost == ()
