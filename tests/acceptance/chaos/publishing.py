"""Publishing all orders while brokers come and go: patiently, and in a hurry around each kill.

Not here: the kills (`crashes.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from tests.acceptance.chaos.ledger import Published
from tests.acceptance.chaos.orders import OrderCreated
from tests.support import wait_until
from warren import Warren
from warren.errors import Indeterminate, PublishManyError
from warren.publishing import Receipt

__all__ = ["Publishing"]

PATIENCE = 180.0  # Longer than all outages together: a patient publish is confirmed in the end.
HURRY = 1.0  # Shorter than any outage.
HURRIED_WINDOW = 40


class Publishing:
    """Publishes `orders` with `publish_many`, at most `lead` ahead of `progress()`; says what became of each."""

    def __init__(
        self, app: Warren, orders: Sequence[OrderCreated], *, lead: int, progress: Callable[[], float]
    ) -> None:
        self.published = Published()
        self._app = app
        self._orders = orders
        self._lead = lead
        self._progress = progress
        self._stopped = threading.Event()
        self._errors: list[BaseException] = []
        self._thread = self._new_thread("publishing", self._publish_patiently)
        self._hurried: threading.Thread | None = None

    @property
    def confirmed(self) -> int:
        return len(self.published.confirmed)

    def start(self) -> None:
        self._thread.start()

    def hurry(self, orders: Sequence[OrderCreated]) -> None:
        """Publish `orders` besides, with less patience than the outage that comes now."""
        self.finish_hurry()
        self._hurried = self._new_thread("hurried", lambda: self._publish(orders, orders, HURRY, HURRIED_WINDOW))
        self._hurried.start()

    @property
    def is_hurrying(self) -> bool:
        return self._hurried is not None and self._hurried.is_alive()

    def finish_hurry(self) -> None:
        if self._hurried is not None:
            _join(self._hurried)

    def finish(self) -> Published:
        """Wait until every order has its answer."""
        self.finish_hurry()
        _join(self._thread)
        self.check()
        return self.published

    def check(self) -> None:
        """Raise what went wrong meanwhile."""
        if self._errors:
            raise self._errors[0]

    def stop(self) -> None:
        """Give up what has not been handed over."""
        self._stopped.set()

    def _new_thread(self, name: str, publish: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                publish()
            except BaseException as error:
                self._errors.append(error)

        return threading.Thread(target=run, name=name, daemon=True)

    def _publish_patiently(self) -> None:
        self._publish(self._orders, self._paced(), PATIENCE, None)

    def _paced(self) -> Iterator[OrderCreated]:
        for number, order in enumerate(self._orders):
            if number % 100 == 0:
                wait_until(
                    lambda ahead=number - self._lead: self._stopped.is_set() or self._progress() >= ahead,
                    timeout=PATIENCE,
                    interval=0.05,
                    message="the workers keep up",
                )
                if self._stopped.is_set():
                    return
            yield order

    def _publish(
        self,
        attempted: Sequence[OrderCreated],
        source: Sequence[OrderCreated] | Iterator[OrderCreated],
        timeout: float,
        window: int | None,
    ) -> None:
        published = self.published
        published.attempted.extend(attempted)
        confirmed: list[str] = []

        def note(receipt: Receipt) -> None:
            confirmed.append(receipt.message_id)
            published.confirmed.append(receipt.message_id)

        with self._app.publisher(window=window, timeout=timeout) as publisher:
            try:
                count = publisher.publish_many(source, on_confirmed=note)
            except PublishManyError as failed:
                count = failed.confirmed
                for order, error in failed.failures:
                    assert isinstance(order, OrderCreated)
                    if isinstance(error, Indeterminate):
                        published.indeterminate.append(order)
                    else:
                        published.refused[type(error).__name__].append(order)
        assert count == len(confirmed), f"publish_many says {count} confirmed, its receipts {len(confirmed)}"


def _join(thread: threading.Thread) -> None:
    thread.join(PATIENCE + 60.0)
    assert not thread.is_alive(), f"{thread.name} did not come to an end"
