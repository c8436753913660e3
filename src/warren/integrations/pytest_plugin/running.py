"""Starting an application in a test and ending it, with everything as it was before.

Not here: what a test does meanwhile (`run.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Final

from warren.app import Warren
from warren.contracts.message import Message
from warren.integrations.pytest_plugin.async_run import AsyncRun
from warren.integrations.pytest_plugin.plain import Plain
from warren.integrations.pytest_plugin.recorder import Recorder
from warren.integrations.pytest_plugin.run import Run
from warren.integrations.pytest_plugin.stage import Stage
from warren.integrations.pytest_plugin.stand_in import with_others
from warren.operations.link import open_connection
from warren.reliability.stores.open import Store, open_store
from warren.topology import Topology
from warren.topology.actual import Actual
from warren.topology.apply import apply
from warren.topology.plan import plan
from warren.transport.connection import Connection
from warren.transport.declare import ChannelDeclarer
from warren.worker.worker import Worker, WorkerParts

__all__ = ["Running", "WarrenTest"]

_GRACE: Final = 1.0
"""Seconds handlers have to end when the test has ended."""


class WarrenTest:
    """What the fixture `warren_test` is: runs applications, each on a virtual host of its own."""

    def __init__(self, new_stage: Callable[[], Stage]) -> None:
        self._new_stage = new_stage
        self.reports: list[str] = []

    def __repr__(self) -> str:
        return "<WarrenTest>"

    def running(
        self,
        app: Warren,
        *,
        store: str | None = "memory://",
        publishes: Iterable[type[Message]] = (),
        consume: bool = True,
    ) -> Running:
        """Run an application while a `with` or `async with` block does, which gets the run.

        Broker, store and clock of the application are others meanwhile, and as before afterwards; publishers made
        before keep theirs. `store` is a URL (None: the application's own). `publishes` are messages that other services
        consume, beside those of `app.publishes`. With `consume=False` its consumers stay out, and messages wait.
        """
        return Running(app, self._new_stage, self.reports, store=store, publishes=tuple(publishes), consume=consume)


class Running:
    """The block in which an application runs."""

    def __init__(
        self,
        app: Warren,
        new_stage: Callable[[], Stage],
        reports: list[str],
        *,
        store: str | None,
        publishes: tuple[type[Message], ...],
        consume: bool,
    ) -> None:
        self._app = app
        self._new_stage = new_stage
        self._reports = reports
        self._store = store
        self._publishes = publishes
        self._consume = consume
        self._ends = ExitStack()
        self._run: Run

    def __repr__(self) -> str:
        return f"<Running {self._app!r}>"

    def __enter__(self) -> Run:
        with ExitStack() as ends:
            self._run = self._start(ends)
            self._ends = ends.pop_all()
        return self._run

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not getattr(error, "warren_reported", False):
            self._tell()
        self._ends.close()

    async def __aenter__(self) -> AsyncRun:
        return AsyncRun(await asyncio.to_thread(self.__enter__))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    def _tell(self) -> None:
        """Keep how the run is, for the report of the failed test: it can be asked no more afterwards."""
        try:
            self._reports.append(self._run.report())
        except Exception as failure:  # it must not hide what the test failed of
            self._reports.append(f"the state of the run cannot be told: {failure}")

    def _start(self, ends: ExitStack) -> Run:
        app = self._app
        stage = self._new_stage()
        ends.callback(stage.close)
        recorder = Recorder(stage.clock)
        specs = tuple(recorder.observed(replace(spec, retry=stage.retry(spec.retry))) for spec in app.consumers)
        open_store = self._opener(stage)
        ends.enter_context(
            app.rebound(
                broker=stage.settings, clock=stage.clock, open_store=open_store, consumers=specs, core=recorder.core()
            )
        )
        for subscriber in (recorder.on_event, stage.note):
            app.events.subscribe(subscriber)
            ends.callback(app.events.unsubscribe, subscriber)
        ends.callback(stage.faults.unblock)
        parts = app.worker_parts()
        topology = self._topology()
        worker = ends.enter_context(_working(parts, stage, topology)) if specs and self._consume else None
        if worker is None:
            with open_connection(stage.settings, f"{app.name} test") as connection:
                _create(topology, connection)
        run = Run(stage, recorder, specs, worker, Plain(stage.settings), parts.claim_check)
        run.wait_idle()
        return run

    def _opener(self, stage: Stage) -> Callable[[], Store] | None:
        if self._store is None:
            return None
        if not self._store.startswith("memory:"):
            url = self._store
            return lambda: open_store(url, clock=stage.clock)
        shared = open_store(self._store, clock=stage.clock)  # one for all who open it, as any other store is
        return lambda: shared

    def _topology(self) -> Topology:
        app = self._app
        consumed = {message: None for spec in app.consumers for message in spec.contracts.classes}
        published = dict.fromkeys([*app.published_messages, *self._publishes])
        return with_others(app.topology, [message for message in published if message not in consumed])


@contextmanager
def _working(parts: WorkerParts, stage: Stage, topology: Topology) -> Iterator[Worker]:
    settings = replace(parts.settings, grace=min(_GRACE, parts.settings.grace))
    chosen = replace(
        parts,
        settings=settings,
        linger=stage.linger,
        meter=None,
        apply_topology=lambda connection: _create(topology, connection),
    )
    with Worker(chosen) as worker:
        yield worker


def _create(topology: Topology, connection: Connection) -> None:
    """Create everything: the virtual host is new, so there is nothing to compare with."""
    apply(plan(topology, Actual.of()), ChannelDeclarer(connection))
