"""Starting and stopping a worker: what it waits for, whenever the signal comes, and whatever housekeeping raises."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from warren import ConfigurationError, Message, StoreUnavailable, Warren
from warren.reliability.stores.memory import MemoryStore
from warren.worker import worker as worker_module
from warren.worker.exits import ExitCode
from warren.worker.worker import Worker


class OrderCreated(Message, type="orders.created"):
    order_id: int


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker that starts without a broker."""
    app = Warren("billing", broker="amqp://127.0.0.1:1/")
    app.consumer("billing.invoices", OrderCreated)(lambda order: None)
    worker = app.worker()
    monkeypatch.setattr(worker, "start", lambda: None)
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield worker
    for number, handler in former.items():
        signal.signal(number, handler)


def test_a_signal_that_interrupts_the_waiting_thread_at_its_worst_stops_the_worker(worker: Worker) -> None:
    stop = worker._stop
    wait = stop.wait

    def interrupted(timeout: float | None = None) -> bool:
        with stop._cond:  # as `wait` itself does, for a moment
            signal.raise_signal(signal.SIGTERM)
        return wait(timeout)

    stop.wait = interrupted

    assert worker.run() is ExitCode.OK


class Away(MemoryStore):
    """A store that does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)

    def prepare(self) -> None:
        self.asked.release()
        raise StoreUnavailable("no route")


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Warren:
    app = Warren("billing", broker="amqp://127.0.0.1:1/")
    app.consumer("billing.invoices", OrderCreated, idempotent=True)(lambda order: None)
    store = Away()
    monkeypatch.setattr(app, "open_store", lambda: store)
    return app


def test_a_start_with_a_timeout_does_not_wait_for_the_store_for_ever(app: Warren) -> None:
    worker = app.worker()
    with pytest.raises(StoreUnavailable, match="no route"):
        worker.start(timeout=0.1)
    worker.close()


def test_a_start_that_waits_for_the_store_ends_with_a_stop(app: Warren) -> None:
    worker = app.worker()
    errors: list[Exception] = []

    def start() -> None:
        try:
            worker.start()
        except ConfigurationError as error:
            errors.append(error)

    starting = threading.Thread(target=start)
    starting.start()
    assert app.open_store().asked.acquire(timeout=10.0)
    worker.stop()
    starting.join(10.0)
    assert "stopped before" in str(errors[0])
    worker.close()


def test_a_purge_that_fails_does_not_end_the_worker(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    purged = threading.Semaphore(0)

    class Failing(MemoryStore):
        def purge(self) -> int:
            purged.release()
            raise ValueError("a fault of the store")

    monkeypatch.setattr(worker_module, "PURGE_INTERVAL", 0.0)
    worker._store = Failing()
    serving = threading.Thread(target=worker.wait)
    serving.start()
    for _ in range(2):
        assert purged.acquire(timeout=10.0)
    worker.stop()
    serving.join(10.0)
    assert not serving.is_alive()


def test_a_topology_is_applied_again_once_there_is_a_connection(worker: Worker) -> None:
    connection, applied = SimpleNamespace(is_open=False), threading.Event()

    def apply(_connection: object) -> None:
        assert connection.is_open, "it would wait for the connection, and the worker could not be stopped meanwhile"
        applied.set()

    worker._parts = replace(worker._parts, apply_topology=apply)
    worker._publishing = connection
    worker._reapply.set()
    serving = threading.Thread(target=worker._serve)
    serving.start()
    assert not applied.wait(0.5)
    connection.is_open = True
    assert applied.wait(10.0)
    worker.stop()
    serving.join(10.0)
