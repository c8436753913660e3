"""One consumer on a scripted broker: real handlers, pools and stages, and an I/O loop that the test turns.

Not here: real brokers (tests/contract).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support.scripted_broker import ScriptedConnection
from tests.support.waiting import wait_until
from warren import ClaimCheck, Message, Warren
from warren.clock import Clock, SystemClock
from warren.contracts.properties import Properties
from warren.observability.tracing import UNTRACED, Tracing
from warren.reliability.dead_letter import Redact
from warren.reliability.idempotency import Claim, ClaimResult, IdempotencyStore, InboxTransaction
from warren.reliability.stores.memory import MemoryStore
from warren.reliability.work import WorkStore
from warren.transport.publisher import PublishChannel
from warren.transport.wire import encode_properties
from warren.worker.runtime import ConsumerRuntime, Surroundings

__all__ = ["Consuming", "InboxDouble", "OrderCreated", "StoreDouble"]

QUEUE = "billing.invoices"


class OrderCreated(Message, type="orders.created"):
    order_id: int


class Consuming:
    """A consumer of `OrderCreated` with a handler and the options of `app.consumer`, subscribed."""

    def __init__(
        self,
        handler: Callable[..., Any],
        *,
        store: IdempotencyStore | None = None,
        lease: float = 60.0,
        tracing: Tracing = UNTRACED,
        work: WorkStore | None = None,
        redact: Redact | None = None,
        claim_check: ClaimCheck | None = None,
        clock: Clock | None = None,
        **options: Any,
    ) -> None:
        self.connection = ScriptedConnection()
        self.late: list[str] = []
        app = Warren("billing")
        app.consumer(QUEUE, OrderCreated, **options)(handler)
        (spec,) = app.consumers
        copies = PublishChannel(self.connection, max_body=2**31)
        self.runtime = ConsumerRuntime(
            spec,
            Surroundings(
                connection=self.connection,
                copies=copies,
                clock=clock or SystemClock(),
                bus=self.connection.bus,
                store=store,
                lease=lease,
                on_late=self.late.append,
                on_queue_missing=lambda: None,
                tracing=tracing,
                open_work=None if work is None else lambda: work,
                redact=redact,
                claim_check=claim_check,
            ),
        )
        self.copies = 1  # the channels' numbers
        self.deliveries = 2
        self.connection.attach(copies)
        self.runtime.start()
        self.broker = self.connection.up()

    def reconnect(self) -> None:
        self.connection.down(self.broker)
        self.broker = self.connection.up()

    def deliver(self, *order_ids: int, first_tag: int = 1, **properties: Any) -> None:
        """Deliver orders at once, with the tags from `first_tag` on; the message ids are `m-<order id>`."""
        self.broker.feed(
            b"".join(
                self.broker.delivery(
                    self.deliveries,
                    tag,
                    body=b'{"order_id": %d}' % order_id,
                    properties=encode_properties(Properties(message_id=f"m-{order_id}", **properties)),
                )
                for tag, order_id in enumerate(order_ids, start=first_tag)
            )
        )

    def acked(self) -> list[tuple[int, bool]]:
        """Turn the loop; return what has been acknowledged on the present connection, as (tag, multiple)."""
        self.broker.run()
        sent = (method for _, method in self.broker.methods if method.NAME == "Basic.Ack")
        return [(method.delivery_tag, method.multiple) for method in sent]

    def copied(self) -> list[str]:
        """Turn the loop; return the queues that copies were sent to on the present connection."""
        self.broker.run()
        return [publish.routing_key for publish in self.broker.publishes]

    def wait_copied(self, count: int) -> None:
        wait_until(lambda: len(self.copied()) == count, message=lambda: f"{count} copies; there are {self.copied()}")

    def wait_in_flight(self, count: int) -> None:
        def settled() -> bool:
            self.broker.run()
            return self.runtime.in_flight == count

        wait_until(settled, message=lambda: f"{count} in flight; there are {self.runtime.in_flight}")

    def close(self) -> None:
        self.runtime.drop_unstarted()
        self.runtime.finish()
        self.runtime.close()


class StoreDouble(MemoryStore):
    """A store whose next claims fail as told, or wait until they may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[Exception] = []
        self.before_claim: Callable[[], object] = lambda: None
        self.released: list[str] = []

    def claim_many(self, consumer: str, keys: Sequence[str], *, lease: float) -> list[ClaimResult]:
        self.before_claim()
        if self.errors:
            raise self.errors.pop(0)
        return super().claim_many(consumer, keys, lease=lease)

    def release_many(self, claims: Sequence[Claim]) -> None:
        self.released += [claim.key for claim in claims]
        super().release_many(claims)


class InboxDouble(StoreDouble):
    """A store whose transactions fail as told, and note what was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.committed: list[str] = []
        self.commit_errors: list[Exception] = []
        self.tries = 0

    @contextmanager
    def transaction(self) -> Iterator[InboxTransaction]:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        transaction = OpenTransaction()
        yield transaction
        if self.commit_errors:
            raise self.commit_errors.pop(0)
        self.committed.append(transaction.key)


class OpenTransaction:
    connection = None
    key = ""

    def claim(self, consumer: str, key: str, *, window: float) -> Claim:
        self.key = key
        return Claim(consumer, key, 1)
