"""Celery and Warren on one broker: callers and workers of Celery's own, in processes of their own.

Not here: the step-by-step move (docs/migration/celery.md, which is followed by tests/test_docs.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import kombu
import pytest
from celery import Celery
from kombu.transport.native_delayed_delivery import (
    bind_queue_to_native_delayed_delivery_exchange,
    declare_native_delayed_delivery_exchanges_and_queues,
)

from tests.support.broker import BrokerUnderTest
from tests.support.celery_worker import celery_worker
from tests.support.cli import cli
from tests.support.events import Recorder
from tests.support.plain import PlainPika
from warren import Delivery, Permanent, Queue, Retry, Transient, Warren
from warren.integrations.celery import CeleryTask
from warren.observability import events

TASKS = """
@app.task(name="shop.send_invoice", bind=True)
def send_invoice(self, order_id, event="created"):
    note(f"{self.request.id} {order_id} {event}")
"""
QUORUM = {"x-queue-type": "quorum"}
WORKERS_ONLY = (
    "as only a Celery worker does; replay it then",
    "callbacks for afterwards, which only a Celery worker runs",
    "type 'shop.refund' is not handled here",
    "content type 'application/x-python-serialize' is not read",
    "the body is not JSON",  # compressed
)


class SendInvoice(CeleryTask, type="shop.send_invoice", routing_key="celery"):
    order_id: int
    event: str = "created"


class Settle(CeleryTask, type="shop.settle", routing_key="invoices"):
    id: UUID
    due: date
    at: datetime
    amount: Decimal


@pytest.fixture
def celery(broker: BrokerUnderTest) -> Iterator[Any]:
    """An application that calls tasks by their names, as services do that do not have their code."""
    app = Celery("caller", broker=broker.url)
    yield app
    app.close()


def test_a_celery_worker_runs_what_warren_publishes(broker: BrokerUnderTest, tmp_path: Path) -> None:
    with celery_worker(broker.url, tmp_path, "celery", TASKS) as worker, Warren("shop", broker=broker.url) as app:
        with PlainPika(broker.url) as plain:
            plain.channel.queue_declare("celery", durable=True)  # as Celery does; the worker may not have come so far
        receipt = app.publish(SendInvoice(order_id=1, event="paid"))
        assert worker.wait_notes(1) == [f"{receipt.message_id} 1 paid"]


def test_warren_runs_what_celerys_callers_ask_for_under_the_tasks_id(broker: BrokerUnderTest, celery: Any) -> None:
    app = Warren("billing", broker=broker.url, store="memory://")
    runs: list[tuple[str, int, str, int]] = []

    @app.consumer(Queue("invoices", type="classic", external=True), SendInvoice, retry=Retry("1s"), idempotent=True)
    def handle(task: SendInvoice, delivery: Delivery) -> None:
        runs.append((delivery.message_id, task.order_id, task.event, delivery.attempt))
        if delivery.attempt == 1:
            raise Transient("once more")

    sent = celery.send_task("shop.send_invoice", (7,), {"event": "paid"}, queue="invoices")
    seen = Recorder(app)
    with app.worker():
        seen.wait(events.Processed)
        celery.send_task("shop.send_invoice", (7,), {"event": "paid"}, queue="invoices", task_id=sent.id)
        seen.wait(events.DuplicateAbsorbed)
    assert runs == [(sent.id, 7, "paid", 1), (sent.id, 7, "paid", 2)]


def test_values_that_json_has_no_type_for_arrive_as_what_they_were(broker: BrokerUnderTest, celery: Any) -> None:
    app = Warren("billing", broker=broker.url)
    settled: list[Settle] = []

    @app.consumer(Queue("invoices", type="classic", external=True), Settle)
    def settle(task: Settle) -> None:
        settled.append(task)

    at = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    celery.send_task("shop.settle", (UUID(int=7), at.date()), {"at": at, "amount": Decimal("42.10")}, queue="invoices")
    seen = Recorder(app)
    with app.worker():
        seen.wait(events.Processed)
    assert settled == [Settle(id=UUID(int=7), due=at.date(), at=at, amount=Decimal("42.10"))]


def test_what_a_celery_worker_alone_could_do_is_kept_with_its_reason(broker: BrokerUnderTest, celery: Any) -> None:
    app = Warren("billing", broker=broker.url)

    @app.consumer(Queue("invoices", type="classic", external=True), SendInvoice)
    def handle(task: SendInvoice) -> None:
        raise AssertionError("none of these may run")

    follow = celery.signature("shop.settle")
    celery.send_task("shop.send_invoice", (1,), queue="invoices", countdown=60)
    celery.send_task("shop.send_invoice", (2,), queue="invoices", link=follow)
    celery.send_task("shop.refund", (3,), queue="invoices")
    celery.send_task("shop.send_invoice", (4,), queue="invoices", serializer="pickle")
    celery.send_task("shop.send_invoice", (5,), queue="invoices", compression="gzip")
    seen = Recorder(app)
    with app.worker():
        seen.wait(events.DeadLettered, 5)
    with PlainPika(broker.url) as plain:
        reasons = [str(message.headers["x-warren-dead-error"]) for message in plain.drain("invoices.dead")]
    for expected in WORKERS_ONLY:
        assert sum(expected in reason for reason in reasons) == 1, (expected, reasons)
    assert len(reasons) == len(WORKERS_ONLY)


def test_a_countdown_that_the_broker_waited_for_is_due_when_it_comes(broker: BrokerUnderTest, celery: Any) -> None:
    """As Celery does it for quorum queues, through exchanges that its workers declare."""
    tasks = kombu.Queue("invoices", kombu.Exchange("tasks", "topic"), "invoices", queue_arguments=QUORUM)
    celery.conf.update(task_queues=[tasks], task_default_queue="invoices", task_default_exchange="tasks")
    with celery.connection_for_write() as connection:
        tasks(connection.default_channel).declare()
        declare_native_delayed_delivery_exchanges_and_queues(connection, "quorum")
        bind_queue_to_native_delayed_delivery_exchange(connection, tasks)
    app = Warren("billing", broker=broker.url)
    runs: list[Any] = []

    @app.consumer(Queue("invoices", external=True), SendInvoice)
    def handle(task: SendInvoice, delivery: Delivery) -> None:
        runs.append((task.order_id, delivery.headers["eta"], datetime.now(UTC)))

    seen = Recorder(app)
    with app.worker():
        celery.send_task("shop.send_invoice", (7,), countdown=1, queue="invoices")
        seen.wait(events.Processed)
    ((order_id, eta, ran_at),) = runs
    assert order_id == 7
    assert ran_at >= datetime.fromisoformat(eta)


def test_a_dead_letter_of_warrens_can_be_given_back_to_celery(
    broker: BrokerUnderTest, celery: Any, tmp_path: Path
) -> None:
    """The way back: the task is as it was, through a retry tier and the dead-letter queue."""
    app = Warren("billing", broker=broker.url)

    @app.consumer(Queue("invoices", type="classic", external=True), SendInvoice, retry=Retry("1s"))
    def handle(task: SendInvoice, delivery: Delivery) -> None:
        raise Transient("not yet") if delivery.attempt == 1 else Permanent("not here")

    sent = celery.send_task("shop.send_invoice", (7,), {"event": "paid"}, queue="invoices")
    seen = Recorder(app)
    with app.worker():
        seen.wait(events.DeadLettered)
    done = cli("replay", "invoices.dead", "--yes", cwd=tmp_path, broker=broker.url)
    assert done.returncode == 0, done.stderr
    with celery_worker(broker.url, tmp_path, "invoices", TASKS) as worker:
        assert worker.wait_notes(1) == [f"{sent.id} 7 paid"]
