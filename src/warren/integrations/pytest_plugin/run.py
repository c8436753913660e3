"""An application that runs in a test: what it did, and what the test makes it wait for or go through.

Not here: starting and ending it (`running.py`), and the same for event loops (`async_run.py`).
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar, Unpack, overload

from warren.claim_check.check import ClaimCheck
from warren.claim_check.reference import is_reference
from warren.contracts.envelope import decode
from warren.contracts.incoming import Incoming
from warren.contracts.message import Message
from warren.errors import ContractError, WarrenError
from warren.integrations.pytest_plugin.plain import Plain, PlainProperties
from warren.integrations.pytest_plugin.recorder import Recorder
from warren.integrations.pytest_plugin.records import DeadLetter, Handled, HandlerError, Published
from warren.integrations.pytest_plugin.report import report
from warren.integrations.pytest_plugin.stage import Faults, QueueDepth, Stage
from warren.operations.lease import Held
from warren.operations.message import describe
from warren.topology.duration import Duration, parse_duration
from warren.topology.naming import dead_letter_queue
from warren.worker.spec import ConsumerSpec
from warren.worker.worker import Worker

__all__ = ["PATIENCE", "Run", "text_of"]

M = TypeVar("M", bound=Message)
T = TypeVar("T")

PATIENCE: Final = 10.0
"""Seconds of real time that a wait may take."""

_LOOK: Final = 0.001
_LARGEST: Final = 2**31
_SUBSCRIBED: Final = "subscribed"


class Run:
    """One application on a virtual host of its own, with its consumers in this process.

    Made by `warren_test.running(app)`. Waits are bounded in real time, and raise AssertionError with a report.
    """

    def __init__(
        self,
        stage: Stage,
        recorder: Recorder,
        specs: tuple[ConsumerSpec, ...],
        worker: Worker | None,
        plain: Plain,
        claim_check: ClaimCheck | None,
    ) -> None:
        self._stage = stage
        self._recorder = recorder
        self._specs = {spec.queue.name: spec for spec in specs}
        self._worker = worker
        self._plain = plain
        self._claim_check = claim_check

    def __repr__(self) -> str:
        return f"<Run after {self._recorder.elapsed:g} s, {len(self._recorder.published)} published>"

    # -- what happened ----------------------------------------------------------------------

    @overload
    def published(self) -> list[Published[Message]]: ...
    @overload
    def published(self, message: type[M]) -> list[Published[M]]: ...
    def published(self, message: type[Any] = Message) -> list[Published[Any]]:
        """Return what the application published and the broker confirmed, in that order; of one class, or all."""
        return [one for one in list(self._recorder.published) if isinstance(one.message, message)]

    def handled(self, queue: str | None = None) -> list[Handled]:
        """Return the messages whose handler returned and that are acknowledged; of one queue, or all."""
        self._check(queue)
        return [one for name, one in list(self._recorder.handled) if queue in (None, name)]

    def errors(self, queue: str | None = None) -> list[HandlerError]:
        """Return what handlers raised, with the message and the attempt; of one queue, or all."""
        self._check(queue)
        return [one for one in list(self._recorder.errors) if queue in (None, one.delivery.queue)]

    def dead_letters(self, queue: str | None = None) -> list[DeadLetter]:
        """Return what is in the dead-letter queue of a consumer's queue, oldest first, or in all of them."""
        self._check(queue)
        wanted = self._specs if queue is None else (queue,)
        return [self._dead(name, held) for name in wanted for held in self._stage.held(dead_letter_queue(name))]

    def queues(self) -> dict[str, QueueDepth]:
        """Return how much is in each queue now, retry tiers and dead-letter queues included."""
        return {depth.name: depth for depth in self._stage.depths()}

    def send(self, queue: str, body: object, **properties: Unpack[PlainProperties]) -> None:
        """Put a message into a queue as a producer does that has never heard of Warren.

        `body` is written as JSON, unless it is bytes. Without `type` the queue's own contract applies.
        """
        self._check(queue)
        self._plain.send(queue, body, **properties)

    @property
    def faults(self) -> Faults:
        """What is to go wrong next."""
        return self._stage.faults

    def report(self) -> str:
        """Return what a reader of a failed test wants to know."""
        consumers = () if self._worker is None else self._worker.health().consumers
        waiting = [f"{one.queue}: {one.state} {one.reason}" for one in consumers if one.state != _SUBSCRIBED]
        return report(self._stage.depths(), self.dead_letters(), self._recorder, waiting)

    def _check(self, queue: str | None) -> None:
        if queue is not None and queue not in self._specs:
            known = ", ".join(sorted(self._specs)) or "none"
            raise ValueError(f"the application has no consumer of {queue!r}; its queues are {known}")

    def _dead(self, queue: str, held: Held) -> DeadLetter:
        told = describe(held)
        why = told.dead
        body = self._body(held)
        return DeadLetter(
            queue=queue,
            message=self._read(self._specs[queue], held, body),
            message_id=told.message_id,
            type=told.type,
            reason=why.reason if why is not None else "",
            error=why.error if why is not None else "",
            error_type=why.error_type if why is not None else "",
            attempts=told.attempts,
            headers=told.properties.headers,
            body=body,
            stack=why.stack if why is not None else "",
        )

    def _body(self, held: Held) -> bytes:
        """Return the body, from the store where the message only refers to it; the reference where that has none."""
        if self._claim_check is None or not is_reference(held.properties):
            return held.body
        incoming = Incoming(held.body, held.properties, held.exchange, held.routing_key, held.redelivered, 0, 0, "")
        try:
            return self._claim_check.check_out(incoming, max_body=_LARGEST).body
        except WarrenError:
            return held.body

    def _read(self, spec: ConsumerSpec, held: Held, body: bytes) -> Message | None:
        try:
            return decode(spec.contracts, held.properties, body, describe(held).routing_key)
        except ContractError:
            return None

    # -- waiting ----------------------------------------------------------------------------

    def wait_until(self, condition: Callable[[], T], *, timeout: float = PATIENCE) -> T:
        """Call `condition` again and again until it returns something true, and return that.

        Raises AssertionError after `timeout` seconds of real time. Virtual time stands still meanwhile.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        while not (result := condition()):
            if time.monotonic() > deadline:
                raise self.failure(f"not within {timeout:g} s: {text_of(condition)} (last: {result!r})")
            pause()
        return result

    def wait_idle(self, *, timeout: float = PATIENCE) -> None:
        """Return once every message that is due has been dealt with: what waits in a retry tier may stay there."""
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        quiet_since, seen = float("inf"), -1
        while True:
            before = self._recorder.count
            if not self._looks_idle() or seen != before:
                quiet_since, seen = time.monotonic(), before
            if time.monotonic() - quiet_since >= self._stage.certain_after and self._looks_idle():
                return
            if time.monotonic() > deadline:
                raise self.failure(f"the consumers are still busy after {timeout:g} s")
            pause()

    def _looks_idle(self) -> bool:
        if not self._stage.is_quiet(self._consumed):
            return False
        # The broker is asked first: what it has an acknowledgement for may still be about to be told here.
        consumers = () if self._worker is None else self._worker.health().consumers
        return all(one.in_flight == 0 and one.state == _SUBSCRIBED for one in consumers)

    @property
    def _consumed(self) -> tuple[str, ...] | None:
        """The queues that this run consumes, also while its connection is lost; None: those that anyone does."""
        return None if self._worker is None else tuple(self._specs)

    def advance(self, duration: Duration, *, timeout: float = PATIENCE) -> None:
        """Let virtual time pass: "10m", or seconds. What is due at a moment is dealt with before the next one comes.

        On RabbitMQ, where time cannot be moved, retry tiers are shorter instead, and this waits for them.
        """
        __tracebackhide__ = True
        self._stage.advance(parse_duration(duration), self._consumed, lambda: self.wait_idle(timeout=timeout))

    def failure(self, text: str) -> AssertionError:
        """Return an error that tells `text` and how the run is."""
        error = AssertionError(f"{text}\n\n{self.report()}")
        error.warren_reported = True  # type: ignore[attr-defined]  # the plugin need not say it again
        return error


def pause() -> None:
    """Leave the other threads a moment."""
    threading.Event().wait(_LOOK)


def text_of(condition: Callable[[], object]) -> str:
    """Return the source of a condition, on one line."""
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):  # typed into a prompt, or no function
        return repr(condition)
