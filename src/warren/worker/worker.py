"""A worker in this process: connections, consumers, topology at start, shutdown at the end.

Not here: several processes (`supervisor.py`), and how one consumer runs (`runtime.py`).

Shutdown (on SIGTERM, SIGINT, `stop`, or after a handler ran too long): cancel the consumers → leave what no handler
has begun → let the handlers in flight finish within the grace time → wait for copies and marks → send the last acks →
close. What is unfinished stays unacknowledged, and the broker redelivers it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Final

from warren.claim_check.check import ClaimCheck
from warren.clock import Clock
from warren.config import BrokerSettings, WorkerSettings
from warren.errors import BrokerUnavailable, ConfigurationError, StoreUnavailable
from warren.observability import events
from warren.observability.readings import ConsumerReading, Meter
from warren.observability.tracing import UNTRACED, Tracing
from warren.reliability.dead_letter import Redact
from warren.reliability.idempotency import TransactionalStore, check_window
from warren.reliability.stores.open import Store
from warren.transport.connection import Connection
from warren.transport.io_thread import IoThread
from warren.transport.publisher import PublishChannel
from warren.worker.exits import ExitCode
from warren.worker.health import ConsumerHealth, Health
from warren.worker.runtime import ConsumerRuntime, Surroundings
from warren.worker.spec import ConsumerSpec

__all__ = ["ExitCode", "Worker", "WorkerParts"]

PURGE_INTERVAL: Final = 60.0
LINGER: Final = 0.25
"""Seconds. Under load RabbitMQ holds acks of a quorum queue back, and drops those when their channel closes."""
UNLIMITED_BODY: Final = 2**63  # a copy is as large as its original, which the broker took
_log = logging.getLogger("warren.worker")


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is built from. `apply_topology` is called with the worker's publishing connection open."""

    name: str
    broker: BrokerSettings
    specs: tuple[ConsumerSpec, ...]
    settings: WorkerSettings
    clock: Clock
    bus: events.EventBus
    open_store: Callable[[], Store]
    apply_topology: Callable[[Connection], object]
    code_version: str | None = None
    redact: Redact | None = None
    tracing: Tracing = UNTRACED
    meter: Meter | None = None
    linger: float = LINGER
    claim_check: ClaimCheck | None = None


class Worker:
    """Consumes with every consumer of an application until it is stopped."""

    def __init__(self, parts: WorkerParts) -> None:
        if not parts.specs:
            raise ConfigurationError("the application has no consumers; declare one with @app.consumer(queue, Message)")
        self._parts = parts
        self._io = IoThread(f"{parts.name}-io")
        self._store: Store | None = None
        self._opening = threading.Lock()
        self._runtimes: list[ConsumerRuntime] = []
        self._consuming: Connection | None = None
        self._publishing: Connection | None = None
        self._copies: PublishChannel | None = None
        self._stop_reason = ""
        self._exit_code = ExitCode.OK
        self._stop = threading.Event()
        self._reapply = threading.Event()
        self._beat = 0.0  # monotonic time at which the I/O thread last answered
        self._down = threading.Lock()
        self._unfinished: int | None = None  # set once everything is down

    def __repr__(self) -> str:
        return f"<Worker {self._parts.name}, {', '.join(map(repr, self._runtimes)) or 'not started'}>"

    # -- life -------------------------------------------------------------------------------

    def start(self, *, timeout: float | None = None) -> None:
        """Connect, apply the topology, subscribe. Waits for broker and store: for ever, or `timeout` seconds.

        Raises `BrokerRefused`, `TopologyConflict`, `TopologyMissing`, `ConfigurationError`; with a timeout
        `BrokerUnavailable` and `StoreUnavailable` too.
        """
        parts = self._parts
        deadline = None if timeout is None else time.monotonic() + timeout
        self._show_readings()
        _check_time_limits(parts)
        self._store = self._open_store()
        if self._store is not None:
            self._insist(self._store.prepare, deadline)
        publishing = self._publishing = self._connect("publish")
        self._consuming = self._connect("consume")
        self._insist(lambda: self._provision(publishing, deadline), deadline)
        self._copies = PublishChannel(publishing, max_body=UNLIMITED_BODY)
        around = Surroundings(
            connection=self._consuming,
            copies=self._copies,
            clock=parts.clock,
            bus=parts.bus,
            store=self._store,
            lease=parts.settings.lease,
            on_late=lambda reason: self.stop(reason, exit_code=ExitCode.REPLACE),
            on_queue_missing=self._reapply.set,
            code_version=parts.code_version,
            redact=parts.redact,
            tracing=parts.tracing,
            open_work=self._work_store,
            claim_check=parts.claim_check,
        )
        self._runtimes = [ConsumerRuntime(spec, around) for spec in parts.specs]
        for runtime in self._runtimes:
            runtime.start()
        parts.bus.emit(events.WorkerStarted(os.getpid(), tuple(spec.name for spec in parts.specs)))

    def stop(self, reason: str = "stop requested", *, exit_code: ExitCode = ExitCode.OK) -> None:
        """Ask for a graceful shutdown; returns at once. The first reason counts."""
        if not self._stop.is_set():
            self._stop_reason, self._exit_code = reason, exit_code
            self._stop.set()

    def wait(self) -> ExitCode:
        """Serve until asked to stop, then shut down; return how it ended."""
        self._serve()
        return self._shut_down()

    def _serve(self) -> None:
        next_purge = time.monotonic() + PURGE_INTERVAL
        while not self._stop.wait(0.2):
            self._io.post(self._note_beat)
            self._show_readings()
            if self._reapply.is_set() and self._publishing is not None and self._publishing.is_open:
                self._reapply.clear()
                self._reapply_topology(self._publishing)
            if time.monotonic() >= next_purge:
                # A purge deletes a bounded number of keys; while it finds any, the next follows at once.
                next_purge = time.monotonic() + (0.0 if self._purge() else PURGE_INTERVAL)

    def run(self) -> ExitCode:
        """Start, handle SIGTERM and SIGINT, serve, shut down. For the main thread of a process.

        A second signal ends the process at once: nothing more is acknowledged, so nothing is lost.
        """
        seen: list[int] = []

        def on_signal(number: int, _frame: FrameType | None) -> None:
            if seen:
                os._exit(128 + number)
            seen.append(number)
            # On another thread: this one may be inside the event's own lock, where it would wait for itself.
            threading.Thread(target=self.stop, args=(signal.Signals(number).name,), daemon=True).start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, on_signal)
        try:
            self.start()
        except BaseException:
            stopped = self._stop.is_set()
            self.close()
            if stopped:
                return ExitCode.OK
            raise
        return self.wait()

    def close(self) -> None:
        """Shut down without waiting for anything: for tests, and after a failed start."""
        self._parts_down(grace=0.0)

    def __enter__(self) -> Worker:
        try:
            self.start(timeout=30.0)
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self.wait, name=f"{self._parts.name}-worker", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("left the with block")
        self._parts_down(grace=self._parts.settings.grace)

    # -- health -----------------------------------------------------------------------------

    def health(self) -> Health:
        """Tell how the worker is: live (its I/O thread answers), ready (every consumer is subscribed)."""
        self._io.post(self._note_beat)
        return Health(
            pid=os.getpid(),
            live=self._beat == 0.0 or time.monotonic() - self._beat < 10.0,
            connected=self._consuming is not None and self._consuming.is_open,
            stopping=self._stop.is_set(),
            consumers=tuple(
                ConsumerHealth(
                    runtime.spec.name,
                    runtime.spec.queue.name,
                    runtime.channel.state.value,
                    runtime.channel.reason,
                    runtime.in_flight,
                )
                for runtime in self._runtimes
            ),
        )

    def _show_readings(self) -> None:
        if self._parts.meter is not None:
            waiting = [ConsumerReading(spec.queue.name, spec.name, spec.prefetch) for spec in self._parts.specs]
            self._parts.meter.show([runtime.reading() for runtime in self._runtimes] or waiting)

    def _note_beat(self) -> None:
        self._beat = time.monotonic()

    # -- pieces -----------------------------------------------------------------------------

    def _connect(self, purpose: str) -> Connection:
        parts = self._parts
        connection = Connection(parts.broker, io=self._io, bus=parts.bus, name=f"{parts.name} {purpose}")
        connection.start()
        return connection

    def _provision(self, connection: Connection, deadline: float | None) -> None:
        self._wait_open(connection, deadline)
        self._parts.apply_topology(connection)

    def _insist(self, step: Callable[[], object], deadline: float | None) -> None:
        """Take a step of the start; a broker or store that is not there, or goes away meanwhile, is waited for."""
        while not self._stop.is_set():
            try:
                step()
            except (BrokerUnavailable, StoreUnavailable) as error:
                if deadline is not None and time.monotonic() >= deadline:
                    raise
                _log.warning("not started yet: %s", error)
                self._stop.wait(1.0)
            else:
                return
        raise ConfigurationError("stopped before broker or store answered")

    def _wait_open(self, connection: Connection, deadline: float | None) -> None:
        while not self._stop.is_set():
            remaining = 0.5 if deadline is None else deadline - time.monotonic()
            if connection.wait_open_for(min(0.5, max(0.0, remaining))):
                return
            if deadline is not None and time.monotonic() >= deadline:
                connection.wait_open(0.0)
        raise ConfigurationError("stopped before the broker answered")

    def _work_store(self) -> Store:
        """Return the store, opened with the first piece of offloaded work where no consumer is idempotent."""
        with self._opening:
            if self._store is None:
                self._store = self._parts.open_store()
            return self._store

    def _open_store(self) -> Store | None:
        idempotent = [spec for spec in self._parts.specs if spec.idempotency is not None]
        if not idempotent:
            return None
        for spec in idempotent:
            if spec.idempotency is not None:
                try:
                    check_window(spec.idempotency.window, spec.retry.horizon)
                except ConfigurationError as error:
                    raise ConfigurationError(f"consumer {spec.name}: {error}") from error
        store = self._parts.open_store()
        for spec in idempotent:
            if spec.has_inbox and not isinstance(store, TransactionalStore):
                raise ConfigurationError(
                    f"handler {spec.handler.name} asks for the transaction, which this store does not have; "
                    f"set store= or $WARREN_STORE to sqlite:///… or postgresql+psycopg://…"
                )
        return store

    def _reapply_topology(self, connection: Connection) -> None:
        try:
            self._parts.apply_topology(connection)
        except Exception as error:
            _log.warning("a queue is missing and cannot be declared again yet: %s", error)

    def _purge(self) -> int:
        if self._store is None:
            return 0
        try:
            return self._store.purge()
        except Exception as error:  # whatever it is, keys can wait, and those who consume cannot
            _log.warning("keys outside their window are not deleted yet: %s", error)
            return 0

    # -- shutdown ---------------------------------------------------------------------------

    def _shut_down(self) -> ExitCode:
        unfinished = self._parts_down(grace=self._parts.settings.grace)
        if self._exit_code is ExitCode.OK and unfinished:
            return ExitCode.UNFINISHED
        return self._exit_code

    def _parts_down(self, *, grace: float) -> int:
        """Take everything down in order, once; return how many deliveries stay unfinished."""
        with self._down:
            if self._unfinished is None:
                self._unfinished = self._take_down(grace)
            return self._unfinished

    def _take_down(self, grace: float) -> int:
        self._stop.set()
        deadline = time.monotonic() + grace
        in_flight = sum(runtime.in_flight for runtime in self._runtimes)
        if self._runtimes:
            self._parts.bus.emit(events.ShutdownStarted(self._stop_reason or "closed", in_flight, grace))
        _cancel_all(self._runtimes, timeout=min(5.0, grace))
        for runtime in self._runtimes:
            runtime.drop_unstarted()
        for runtime in self._runtimes:
            runtime.wait_settled(max(0.0, deadline - time.monotonic()))
        unfinished = sum(max(0, runtime.in_flight) for runtime in self._runtimes)
        for runtime in self._runtimes:
            runtime.finish()
        self._linger()
        for runtime in self._runtimes:
            runtime.close()
        for connection in (self._consuming, self._publishing):
            if connection is not None:
                connection.close()
        self._io.stop()
        if self._store is not None:
            self._store.close()
        if self._runtimes:
            self._parts.bus.emit(events.ShutdownFinished(unfinished))
        if self._parts.meter is not None:
            self._parts.meter.close()
        return unfinished

    def _linger(self) -> None:
        """Leave the broker time for acks that are on their way, if there are any."""
        if not self._runtimes:
            return
        with contextlib.suppress(TimeoutError, BrokerUnavailable):
            self._io.call(lambda: None, timeout=1.0)  # what was posted before has been sent then
        quiet_at = max((runtime.channel.acked_at for runtime in self._runtimes), default=0.0) + self._parts.linger
        threading.Event().wait(max(0.0, quiet_at - time.monotonic()))


def _cancel_all(runtimes: Sequence[ConsumerRuntime], *, timeout: float) -> None:
    remaining = threading.Semaphore(0)
    for runtime in runtimes:
        runtime.cancel(remaining.release)
    deadline = time.monotonic() + timeout
    for _ in runtimes:
        if not remaining.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return


def _check_time_limits(parts: WorkerParts) -> None:
    limit = parts.settings.consumer_timeout
    for spec in parts.specs:
        if spec.time_limit is not None and spec.time_limit >= limit:
            raise ConfigurationError(
                f"consumer {spec.name}: its time limit of {spec.time_limit:g} s is not below the broker's "
                f"consumer_timeout of {limit:g} s, after which the broker closes the channel; lower time_limit=, "
                f"or raise both consumer_timeout settings"
            )
