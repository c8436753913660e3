"""Rules 18 to 20: duplicates, stores, and the inbox. Named for the rule, run on every broker."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.orm import Session

from tests.support import BrokerUnderTest, wait_until
from tests.support.events import Recorder
from tests.support.plain import PlainPika
from warren import ConfigurationError, Delivery, Exchange, Message, Permanent, Retry, Transient, Warren, WorkerSettings
from warren.observability import events

orders = Exchange("orders", "topic")
QUEUE = "billing.invoices"


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int


@pytest.fixture(params=["memory", "sqlite", "postgres", "redis"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return "memory://"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/warren.db"
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/billing.db"
    return str(request.getfixturevalue("postgres_url"))


def test_rule_18_a_duplicate_is_acknowledged_without_running_the_handler(
    broker: BrokerUnderTest, store_url: str
) -> None:
    app = Warren("billing", broker=broker.url, store=store_url)
    runs: list[str] = []

    @app.consumer(QUEUE, OrderCreated, idempotent=True)
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        runs.append(delivery.message_id)

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1), message_id="m-1")
        seen.wait(events.Processed)
        app.publish(OrderCreated(order_id=1), message_id="m-1")
        (absorbed,) = seen.wait(events.DuplicateAbsorbed)
        assert absorbed.key == "m-1"
        app.publish(OrderCreated(order_id=2), message_id="m-2")
        seen.wait(events.Processed, 2)
        assert runs == ["m-1", "m-2"]
        plain.wait_depth(QUEUE, 0)


def test_rule_18_the_key_may_come_from_the_message(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url, store="memory://")
    runs: list[int] = []

    @app.consumer(QUEUE, OrderCreated, idempotent=lambda order: order.order_id)
    async def handle(order: OrderCreated) -> None:
        runs.append(order.order_id)

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain:
        plain.publish("orders", "orders.created", b'{"order_id": 4821}')
        seen.wait(events.Processed)
        plain.publish("orders", "orders.created", b'{"order_id": 4821}')
        (absorbed,) = seen.wait(events.DuplicateAbsorbed)
        assert absorbed.key == "4821"
        assert runs == [4821]


def test_rule_18_a_message_without_a_key_is_dead_lettered_and_not_absorbed(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url, store="memory://")

    @app.consumer(QUEUE, OrderCreated, idempotent=lambda order: order.order_id or None)
    def handle(order: OrderCreated) -> None: ...

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=0))
        app.publish(OrderCreated(order_id=0))
        for letter in seen.wait(events.DeadLettered, 2):
            assert "the idempotency key of OrderCreated is None" in letter.error
        assert not seen.of(events.DuplicateAbsorbed)


def test_rule_18_equal_messages_without_ids_are_not_taken_for_duplicates(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url, store="memory://")

    @app.consumer(QUEUE, OrderCreated, idempotent=True)
    def handle(order: OrderCreated) -> None: ...

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain:
        for _ in range(3):
            plain.publish("orders", "orders.created", b'{"order_id": 1}')
        seen.wait(events.Processed, 3)
        assert not seen.of(events.DuplicateAbsorbed)


def test_rule_18_in_progress_goes_through_the_shortest_tier_and_charges_no_attempt(
    broker: BrokerUnderTest, store_url: str
) -> None:
    app = Warren("billing", broker=broker.url, store=store_url)
    begun, may_end = threading.Event(), threading.Event()
    runs: list[int] = []

    @app.consumer(QUEUE, OrderCreated, idempotent=True, retry=Retry("200ms", "1h"), concurrency=4)
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        runs.append(delivery.attempt)
        begun.set()
        may_end.wait(20.0)

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=1), message_id="m-1")
        assert begun.wait(10.0)
        app.publish(OrderCreated(order_id=1), message_id="m-1")
        # More often than the policy has attempts: deferring costs none.
        seen.wait(events.InProgressDeferred, 4)
        may_end.set()
        seen.wait(events.DuplicateAbsorbed)
        assert runs == [1]
        assert not seen.of(events.DeadLettered)


def test_rule_18_a_failed_handler_releases_its_claim(broker: BrokerUnderTest, store_url: str) -> None:
    app = Warren("billing", broker=broker.url, store=store_url)
    runs: list[int] = []

    @app.consumer(QUEUE, OrderCreated, idempotent=True, retry=Retry("100ms"))
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        runs.append(delivery.attempt)
        if delivery.attempt == 1:
            raise Transient("busy")

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=1))
        seen.wait(events.Processed)
        assert runs == [1, 2]
        assert not seen.of(events.InProgressDeferred)


def test_rule_18_leases_are_renewed_while_the_handler_runs(broker: BrokerUnderTest, store_url: str) -> None:
    app = Warren("billing", broker=broker.url, store=store_url)
    begun, may_end = threading.Event(), threading.Event()

    @app.consumer(QUEUE, OrderCreated, idempotent=True, retry=Retry("300ms"), concurrency=4)
    def handle(order: OrderCreated) -> None:
        begun.set()
        may_end.wait(20.0)

    seen = Recorder(app)
    # The handler outlives its lease several times over.
    with app.worker(WorkerSettings(lease=1.0)), app:
        app.publish(OrderCreated(order_id=1), message_id="m-1")
        assert begun.wait(10.0)
        app.publish(OrderCreated(order_id=1), message_id="m-1")
        seen.wait(events.InProgressDeferred, 8)
        may_end.set()
        seen.wait(events.DuplicateAbsorbed)
        assert len(seen.of(events.Processed)) == 1


def test_rule_19_a_window_shorter_than_the_retry_horizon_does_not_start(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url, store="memory://")

    @app.consumer(QUEUE, OrderCreated, idempotent=True, idempotency_window="1m", retry=Retry("30s", "1h"))
    def handle(order: OrderCreated) -> None: ...

    with pytest.raises(ConfigurationError, match="kept for 1m, but a message may be retried for"):
        app.worker().start()


def test_rule_19_an_outage_of_the_store_holds_messages_back_and_charges_none(
    broker: BrokerUnderTest, tmp_path: Path
) -> None:
    database = tmp_path / "warren.db"
    app = Warren("billing", broker=broker.url, store=f"sqlite:///{database}")

    @app.consumer(QUEUE, OrderCreated, idempotent=True, retry=Retry("100ms"))
    def handle(order: OrderCreated) -> None: ...

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1))
        seen.wait(events.Processed)
        lock = sqlalchemy.create_engine(f"sqlite:///{database}")
        with lock.connect() as connection:
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
            app.publish(OrderCreated(order_id=2))
            wait_until(lambda: plain.depth(QUEUE) == 0)  # delivered, and held
            assert len(seen.of(events.Processed)) == 1
            connection.rollback()
        lock.dispose()
        seen.wait(events.Processed, 2)
        assert not seen.of(events.Retried)
        assert not seen.of(events.DeadLettered)


# -- rule 20: the inbox -----------------------------------------------------------------------


def new_table(url: str) -> tuple[sqlalchemy.Engine, sqlalchemy.Table]:
    engine = sqlalchemy.create_engine(url)
    table = sqlalchemy.Table("invoices", sqlalchemy.MetaData(), sqlalchemy.Column("order_id", sqlalchemy.Integer))
    table.create(engine)
    return engine, table


def rows(engine: sqlalchemy.Engine) -> list[int]:
    with engine.connect() as connection:
        return sorted(connection.exec_driver_sql("SELECT order_id FROM invoices").scalars().all())


def test_rule_20_the_claim_and_the_handlers_writes_commit_together(broker: BrokerUnderTest, database_url: str) -> None:
    engine, table = new_table(database_url)
    app = Warren("billing", broker=broker.url, store=database_url)

    @app.consumer(QUEUE, OrderCreated, retry=Retry("100ms"))
    def handle(order: OrderCreated, connection: sqlalchemy.Connection, delivery: Delivery) -> None:
        connection.execute(table.insert().values(order_id=order.order_id))
        if delivery.attempt == 1:
            raise Transient("after the write")  # the write must be gone
        if order.order_id == 13:
            raise Permanent("unlucky")

    seen = Recorder(app)
    with app.worker(), app:
        for number in (1, 2, 13):
            app.publish(OrderCreated(order_id=number), message_id=f"m-{number}")
        seen.wait(events.Processed, 2)
        seen.wait(events.DeadLettered)
        app.publish(OrderCreated(order_id=1), message_id="m-1")
        seen.wait(events.DuplicateAbsorbed)
    assert rows(engine) == [1, 2]
    engine.dispose()


def test_rule_20_a_commit_that_fails_for_the_handlers_writes_is_the_handlers_failure(
    broker: BrokerUnderTest, postgres_url: str
) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    deferred = "REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED"
    with engine.begin() as setup:
        setup.exec_driver_sql("CREATE TABLE customers (id INTEGER PRIMARY KEY)")
        setup.exec_driver_sql(f"CREATE TABLE invoices (order_id INTEGER {deferred})")
    app = Warren("billing", broker=broker.url, store=postgres_url)

    @app.consumer(QUEUE, OrderCreated, retry=Retry("100ms"))
    def handle(order: OrderCreated, connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO invoices VALUES (13)")

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=13))
        (letter,) = seen.wait(events.DeadLettered)
        assert letter.reason == "exhausted"
        assert "IntegrityError" in letter.error
    assert rows(engine) == []
    engine.dispose()


def test_rule_20_a_session_works_likewise(broker: BrokerUnderTest, database_url: str) -> None:
    engine, table = new_table(database_url)
    app = Warren("billing", broker=broker.url, store=database_url)

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated, session: Session) -> None:
        session.execute(table.insert().values(order_id=order.order_id))
        session.commit()  # concerns the handler's own writes; the claim commits with them, or not at all
        if order.order_id == 13:
            raise Permanent("unlucky")

    seen = Recorder(app)
    with app.worker(), app:
        for number in (1, 13, 2):
            app.publish(OrderCreated(order_id=number))
        seen.wait(events.Processed, 2)
        seen.wait(events.DeadLettered)
    assert rows(engine) == [1, 2]
    engine.dispose()


def test_rule_20_concurrent_duplicates_have_one_effect(broker: BrokerUnderTest, database_url: str) -> None:
    engine, table = new_table(database_url)
    app = Warren("billing", broker=broker.url, store=database_url)

    @app.consumer(QUEUE, OrderCreated, concurrency=8, prefetch=50)
    def handle(order: OrderCreated, connection: sqlalchemy.Connection) -> None:
        connection.execute(table.insert().values(order_id=order.order_id))

    seen = Recorder(app)
    with app.worker(), app, app.publisher() as publisher:
        futures = [publisher.submit(OrderCreated(order_id=n), message_id=f"m-{n}") for n in range(40) for _ in range(4)]
        for future in futures:
            future.result(20.0)
        wait_until(lambda: len(seen.of(events.Processed)) + len(seen.of(events.DuplicateAbsorbed)) == 160, timeout=60.0)
    assert rows(engine) == list(range(40))
    engine.dispose()


def test_rule_20_the_inbox_needs_a_store_with_transactions(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url, store="memory://")

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated, session: Session) -> None: ...

    with pytest.raises(ConfigurationError, match="asks for the transaction, which this store does not have"):
        app.worker().start()
