"""One queue's page: its signals over time, what is wrong with it, what leads to it, and who consumes it.

Not here: which charts there are (`charts.py`), and what leads where (`route.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, final

from markupsafe import Markup
from nicegui import ui

from warren.app import Warren
from warren.dashboard.board import Board
from warren.dashboard.fragment import render
from warren.dashboard.pages.charted import Charted
from warren.dashboard.picture import Note, told_keys
from warren.dashboard.picture_tall import draw_tall
from warren.dashboard.picture_wide import draw_wide
from warren.dashboard.reads import Answer
from warren.dashboard.route import Route, Spot, as_declared, route_of
from warren.dashboard.shell import Frame
from warren.dashboard.standing import doubts
from warren.management.setup import PLACE_COLUMNS, QueuePlace, read_places
from warren.signals.findings import Severity
from warren.signals.results import QueueSignals
from warren.signals.samples import QueueSample
from warren.topology.actual import Actual, ActualQueue
from warren.topology.model import DestinationKind
from warren.topology.naming import dead_letter_queue, is_kept_beside
from warren.worker.spec import ConsumerSpec

__all__ = ["MOST_CONSUMERS", "QueuePage", "build"]

MOST_CONSUMERS: Final = 100
"""Rows of the table; what there is more of is counted."""


def build(board: Board, frame: Frame, name: str) -> None:
    """Make the page of the queue `name`, whether there is one or not."""
    ui.add_head_html(Markup('<link rel="stylesheet" href="{}">').format(frame.url("static", "queue.css")))
    page = QueuePage(board, frame, name)
    frame.show(page.head, version=page.version)
    Charted(board, frame, name)
    frame.show(page.route, version=page.version)
    frame.show(page.consumers, version=page.version)
    frame.show(page.settings, version=page.version)


@lru_cache(maxsize=1)
def _declared(app: Warren) -> Actual:
    """What the application declares stays the same; with many consumers it takes long to put together."""
    return as_declared(app.topology)


@final
class QueuePage:
    """What the templates are given."""

    def __init__(self, board: Board, frame: Frame, name: str) -> None:
        self.board = board
        self.frame = frame
        self.name = name
        self._routed: tuple[int, Route | None] = -1, None  # the route, and which answer it was found in

    def version(self) -> object:
        """Change with everything that is shown. To ask for it has it read, so only what is looked at is."""
        reads = self.board.reads
        answers: tuple[Answer[Any], ...] = (reads.topology(), reads.connection_names(), self._place())
        return self.board.watch.snapshot.number, *(one.number for one in answers)

    # -- what is known ------------------------------------------------------------------------

    @property
    def signals(self) -> QueueSignals | None:
        """Its signals; None for a queue that is kept beside another, and for one that is not watched."""
        report = self.board.watch.snapshot.report
        return next((one for one in report.queues if one.queue == self.name), None) if report else None

    @property
    def sample(self) -> QueueSample | None:
        return self.board.watch.snapshot.queues.get(self.name)

    @property
    def actual(self) -> ActualQueue | None:
        topology = self.board.reads.topology().value
        return topology.queues.get(self.name) if topology else None

    @property
    def spec(self) -> ConsumerSpec | None:
        """The application's consumer of it."""
        app = self.board.app
        return next((one for one in app.consumers if one.queue.name == self.name), None) if app else None

    @property
    def owner(self) -> str | None:
        """The queue that it is a retry tier or the dead-letter queue of."""
        owner = self.name.rpartition(".retry.")[0] or self.name.removesuffix(".dead")
        return owner if owner != self.name and is_kept_beside(owner, self.name) and self._is_there(owner) else None

    @property
    def is_there(self) -> bool:
        return self._is_there(self.name)

    def _is_there(self, name: str) -> bool:
        topology = self.board.reads.topology().value
        return name in self.board.watch.snapshot.queues or (topology is not None and name in topology.queues)

    def _place(self) -> Answer[QueuePlace]:
        """Which nodes keep it."""
        path = ("queues", self.board.broker.virtual_host, self.name)
        return self.board.reads.look(
            ("place", self.name),
            lambda client: client.ask(lambda told: read_places([told])[self.name], *path, columns=PLACE_COLUMNS),
        )

    # -- what is shown ------------------------------------------------------------------------

    def head(self) -> str:
        snapshot, reads = self.board.watch.snapshot, self.board.reads.topology()
        report = snapshot.report
        is_awaited = report is None or (reads.is_awaited and not self.is_there)
        dead = dead_letter_queue(self.name)
        return render(
            "queue_head.html",
            url=self.frame.url,
            name=self.name,
            state="there" if self.is_there else "awaited" if is_awaited and not snapshot.problem else "missing",
            snapshot=snapshot,
            reads=reads,
            signals=self.signals,
            sample=self.sample,
            type=(self.sample and self.sample.type) or (self.actual and self.actual.type) or "",
            owner=self.owner,
            is_dead_letter_queue=self.name.endswith(".dead"),
            dead=dead if self._is_there(dead) else None,
            severity=self._severity(self.name),
            doubts=doubts(snapshot),
            findings=(*snapshot.findings.get(self.name, ()), *snapshot.findings.get(None, ())),
        )

    def route(self) -> str:
        answer = self.board.reads.topology()
        if self._routed[0] != answer.number:
            app = self.board.app
            self._routed = answer.number, route_of(self.name, answer.value, _declared(app) if app else None)
        route = self._routed[1]
        return render(
            "queue_route.html",
            url=self.frame.url,
            name=self.name,
            is_there=self.is_there,
            answer=answer,
            route=route,
            wide=draw_wide(route, self._note) if route else None,
            tall=draw_tall(route, self._note) if route else None,
            keys=told_keys,
            samples=self.board.watch.snapshot.queues,
        )

    def consumers(self) -> str:
        snapshot = self.board.watch.snapshot
        found = sorted((one for one in snapshot.subscribed or () if one.queue == self.name), key=lambda one: one.tag)
        return render(
            "queue_consumers.html",
            url=self.frame.url,
            is_there=self.is_there,
            snapshot=snapshot,
            found=found[:MOST_CONSUMERS],
            more=max(0, len(found) - MOST_CONSUMERS),
            names=self.board.reads.connection_names().value or {},
            signals=self.signals,
            spec=self.spec,
        )

    def settings(self) -> str:
        actual, sample = self.actual, self.sample
        return render(
            "queue_settings.html",
            is_there=self.is_there,
            actual=actual,
            arguments=_table(actual.arguments if actual else sample.arguments if sample else {}),
            settings=_table(actual.settings if actual else sample.settings if sample else {}),
            place=self._place(),
        )

    def _note(self, spot: Spot) -> Note:
        """Return what is written below a name in the picture."""
        if spot.is_missing:
            return Note("not there", "critical")
        if spot.kind is DestinationKind.EXCHANGE:
            return Note(f"{spot.type} exchange" if spot.type else "exchange")
        sample = self.board.watch.snapshot.queues.get(spot.name)
        if sample is None:
            return Note(f"{spot.type} queue" if spot.type else "queue")
        text = f"{sample.ready:,} ready" + (f" · {sample.unacked:,} unacked" if sample.unacked else "")
        return Note(text, "critical" if self._severity(spot.name) is Severity.CRITICAL else "")

    def _severity(self, queue: str) -> Severity | None:
        """How bad the worst finding of a queue is."""
        worst = next(iter(self.board.watch.snapshot.findings.get(queue, ())), None)
        return worst.severity if worst else None


def _table(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(values[name]) or "(empty)") for name in sorted(values)]
