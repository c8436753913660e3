"""An application that is bound to other surroundings for a while.

Not here: running it there.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from warren import Message, Warren
from warren.clock import ManualClock
from warren.config import BrokerSettings
from warren.observability.events import Connected, Event, EventBus, Subscribed
from warren.reliability.stores.memory import MemoryStore
from warren.reliability.stores.sqlite import SqliteStore

ELSEWHERE = BrokerSettings.parse("amqp://elsewhere/tests")


class OrderCreated(Message, routing_key="orders", version=1):
    order_id: int


def an_application(store: Path) -> Warren:
    app = Warren("billing", broker="amqp://here/%2F", store=f"sqlite:///{store / 'own.db'}")

    @app.consumer("orders", OrderCreated)
    def handle(order: OrderCreated) -> None: ...

    return app


def test_an_application_is_as_before_also_when_its_block_fails(tmp_path: Path) -> None:
    app, clock, store = an_application(tmp_path), ManualClock(), MemoryStore()
    before = (app.broker, app.consumers, app.worker_parts().clock)
    rebound = app.rebound(broker=ELSEWHERE, clock=clock, open_store=lambda: store, consumers=())
    with suppress(KeyError), rebound:
        parts = app.worker_parts()
        assert (app.broker, app.consumers, parts.clock) == (ELSEWHERE, (), clock)
        assert app.open_store() is store
        raise KeyError
    assert (app.broker, app.consumers, app.worker_parts().clock) == before


def test_an_application_may_keep_its_own_store(tmp_path: Path) -> None:
    app = an_application(tmp_path)
    with app.rebound(broker=ELSEWHERE, clock=ManualClock(), open_store=None, consumers=app.consumers):
        store = app.open_store()
    assert isinstance(store, SqliteStore)
    store.close()


def test_who_unsubscribes_hears_no_more() -> None:
    heard: list[Event] = []
    others: list[Event] = []
    bus = EventBus()
    bus.subscribe(heard.append)
    bus.subscribe(heard.append, Connected)
    bus.subscribe(others.append, Connected)
    bus.unsubscribe(heard.append)
    bus.emit(Connected("billing", "here:5672", 1))
    assert (len(heard), len(others)) == (0, 1)
    assert bus.wants(Connected)
    assert not bus.wants(Subscribed)
    bus.unsubscribe(others.append)
    assert not bus.wants(Connected)
