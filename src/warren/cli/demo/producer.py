"""Publishes the demo's script: orders through Warren, the rest as a producer would that has never heard of it.

Not here: what is in the script (`script.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from warren.app import Warren
from warren.cli.demo.script import EXCHANGE, ROUTING_KEY, Item, Order, Plain
from warren.contracts.envelope import Outgoing
from warren.contracts.message import Message
from warren.contracts.properties import PERSISTENT, Properties
from warren.errors import PublishError
from warren.transport.confirms import CONFIRMED, Outcome
from warren.transport.connection import Connection
from warren.transport.io_thread import IoThread
from warren.transport.publisher import Entry, PublishChannel

__all__ = ["Producer"]

_TIMEOUT: Final = 30.0
_MAX_BODY: Final = 1_000_000


class Producer:
    """Publishes within a `with` block. `contract` is the class of the orders."""

    def __init__(self, app: Warren, contract: type[Message]) -> None:
        self._app = app
        self._contract = contract
        self._publisher = app.publisher()
        self._io = IoThread("demo-plain-io")
        self._connection = Connection(app.broker, io=self._io, bus=app.events, name="plain producer")
        self._plain = PublishChannel(self._connection, max_body=_MAX_BODY)

    def __enter__(self) -> Producer:
        self._connection.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.close()
        self._connection.close()
        self._io.stop()

    def publish(self, script: Sequence[Item], *, seconds: float, watch: Callable[[], None]) -> None:
        """Publish all, spread over `seconds`, and wait until each is confirmed. `watch` is called now and then.

        Raises `PublishError` where a message is not confirmed.
        """
        started = time.monotonic()
        waiting: list[Future[Any]] = []
        for number, item in enumerate(script):
            due = started + seconds * number / len(script)
            while time.monotonic() < due:
                watch()
            waiting.append(self._send(item))
        for future in waiting:
            while not future.done():
                watch()
            future.result()

    def _send(self, item: Item) -> Future[Any]:
        match item:
            case Order(message_id, fields):
                order = self._contract.model_validate(fields)
                return self._publisher.submit(order, message_id=message_id)
            case Plain():
                return self._send_plain(item)

    def _send_plain(self, item: Plain) -> Future[Any]:
        future: Future[Any] = Future()

        def settled(_entry: Entry, outcome: Outcome) -> None:
            if outcome is CONFIRMED:
                future.set_result(None)
            else:
                future.set_exception(PublishError(f"message {item.message_id} was not confirmed: {outcome}"))

        properties = Properties(message_id=item.message_id, type=item.type, delivery_mode=PERSISTENT)
        outgoing = Outgoing(EXCHANGE, ROUTING_KEY, properties, item.body, item.message_id, item.type or "")
        self._plain.submit([self._plain.entry(outgoing, timeout=_TIMEOUT, settled=settled)])
        return future
