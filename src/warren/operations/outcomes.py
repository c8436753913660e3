"""Hears what became of replayed messages: the workers' notices, in a queue of this connection's own.

Not here: the notices' making (`worker/notices.py`), or what follows from them (`replay.py`).

Notices are best effort, and only Warren's workers send them. What is heard is true; what is not heard means nothing.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, Final

from warren.contracts.headers import OUTCOME_PREFIX
from warren.errors import BrokerUnavailable, WarrenError
from warren.transport.connection import Connection
from warren.transport.stream import RawDelivery, Stream

__all__ = ["Died", "Outcomes"]

TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Died:
    """A replayed message that is dead again. `replayed_fingerprint` is what it had died of before."""

    message_id: str
    key: int | None
    fingerprint: str
    replayed_fingerprint: str | None
    error: str

    @property
    def is_the_same(self) -> bool:
        return self.fingerprint == self.replayed_fingerprint


class Outcomes:
    """What was heard so far, by the keys the copies were sent with. Reading is safe from any thread."""

    def __init__(self, connection: Connection) -> None:
        self.queue = OUTCOME_PREFIX + secrets.token_hex(8)
        self.acked: set[int] = set()
        self.retried: set[int] = set()  # and not heard of since
        self.died: list[Died] = []
        self.died_the_same: Died | None = None  # the first that died of what it had died of before
        self._connection = connection
        self._changed = threading.Condition()
        self._lost: str | None = None

    def open(self) -> None:
        """Declare the queue and listen. Raises `WarrenError` where the broker does not let us."""
        ready: Future[None] = Future()
        number = self._connection.reserve_channel()
        if not self._connection.io.post(lambda: self._open(number, ready)):
            raise BrokerUnavailable("the connection has been closed")
        try:
            ready.result(TIMEOUT)
        except FutureTimeout:
            raise BrokerUnavailable(f"the broker did not answer within {TIMEOUT:g} s") from None

    def wait(self, is_enough: Callable[[], bool], *, timeout: float) -> bool:
        """Wait until enough is heard; False where it is not within `timeout` seconds, or where nothing more comes."""
        with self._changed:
            self._changed.wait_for(lambda: is_enough() or self._lost is not None, timeout)
            return is_enough()

    def wake(self) -> None:
        """Have whoever waits ask again whether it is enough."""
        with self._changed:
            self._changed.notify_all()

    # -- I/O thread only --------------------------------------------------------------------

    def _open(self, number: int, ready: Future[None]) -> None:
        stream: Stream | None = self._connection.stream
        if stream is None or not stream.is_open:
            ready.set_exception(BrokerUnavailable("the connection was lost"))
            return

        def declare(channel: Any) -> None:
            stream.route_deliveries(number, self._hear)
            arguments = {"x-queue-type": "classic"}
            channel.queue_declare(self.queue, exclusive=True, arguments=arguments, callback=lambda _: consume(channel))

        def consume(channel: Any) -> None:
            channel.basic_consume(
                self.queue, on_message_callback=_never, auto_ack=True, callback=lambda _: ready.set_result(None)
            )

        def closed(_channel: Any, error: BaseException) -> None:
            stream.unroute(number)
            self._connection.release_channel(number)
            if not ready.done():
                ready.set_exception(WarrenError(f"the broker lets nobody hear of outcomes: {error}"))
            with self._changed:
                self._lost = str(error)
                self._changed.notify_all()

        channel = stream.channel(channel_number=number, on_open_callback=declare)
        channel.add_on_close_callback(closed)

    def _hear(self, batch: list[RawDelivery]) -> None:
        with self._changed:
            for raw in batch:
                try:
                    told = json.loads(raw.body)
                    self._note(told, told["outcome"])
                except (ValueError, KeyError, TypeError):
                    pass  # somebody else's message
            self._changed.notify_all()

    def _note(self, told: dict[str, Any], outcome: str) -> None:
        key = told.get("key")
        if outcome == "dead_letter":
            self.retried.discard(key)
            came_from = told.get("replayed_fingerprint")
            died = Died(str(told["message_id"]), key, str(told["fingerprint"]), came_from, str(told["error"]))
            self.died.append(died)
            if died.is_the_same and self.died_the_same is None:
                self.died_the_same = died
        elif isinstance(key, int) and outcome == "ack":
            self.retried.discard(key)
            self.acked.add(key)
        elif isinstance(key, int) and outcome == "retry":
            self.retried.add(key)


def _never(*_: object) -> None:
    raise AssertionError("deliveries do not come through pika")
