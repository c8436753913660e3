"""Closing a store: it waits for nobody for long."""

from __future__ import annotations

import threading
from pathlib import Path

from warren.reliability.idempotency import TransactionalStore
from warren.reliability.stores.open import open_store


def test_a_store_closes_while_a_handler_that_never_ends_holds_its_transaction(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/warren.db")
    assert isinstance(store, TransactionalStore)
    begun, may_end = threading.Event(), threading.Event()

    def handle() -> None:
        with store.transaction() as transaction:
            transaction.claim("billing", "m1", window=60.0)
            begun.set()
            may_end.wait(60.0)

    handler, closing = threading.Thread(target=handle), threading.Thread(target=store.close, daemon=True)
    handler.start()
    assert begun.wait(10.0)
    closing.start()
    closing.join(10.0)
    was_closed = not closing.is_alive()
    may_end.set()
    handler.join()
    assert was_closed
