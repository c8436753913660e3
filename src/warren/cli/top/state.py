"""What `warren top` shows, and how a key or a new report changes it. Pure.

Not here: drawing it (`view.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, final

from warren.cli.top.keys import Key
from warren.signals.report import Report
from warren.signals.results import QueueSignals

__all__ = ["Page", "Sort", "State"]

KEPT: Final = 240  # depths of a queue, for its sparkline
_NOTHING: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType({})


class Page(enum.Enum):
    """What fills the screen."""

    QUEUES = "queues"
    DETAIL = "detail"
    HELP = "help"


class Sort(enum.StrEnum):
    """The order of the queues."""

    TROUBLE = "trouble"
    DEPTH = "depth"
    RATE = "rate"
    DEAD = "dead letters"
    NAME = "name"

    @property
    def following(self) -> Sort:
        orders = list(Sort)
        return orders[(orders.index(self) + 1) % len(orders)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything on the screen but the time. `problem` says why there is no newer report.

    The selection is a queue, not a row: it stays where it is while the order changes.
    """

    report: Report | None = None
    problem: str = ""
    depths: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: _NOTHING)
    page: Page = Page.QUEUES
    sort: Sort = Sort.TROUBLE
    selected: str | None = None
    scroll: int = 0  # of the detail
    is_paused: bool = False
    is_over: bool = False

    # -- what happens ---------------------------------------------------------------------

    def reported(self, report: Report) -> State:
        """Take a new report. While paused only its depths are remembered."""
        depths = {
            signals.queue: (*self.depths.get(signals.queue, ()), signals.depth)[-KEPT:] for signals in report.queues
        }
        if self.is_paused:
            return replace(self, depths=depths, problem="")
        return replace(self, report=report, depths=depths, problem="")

    def failed(self, problem: str) -> State:
        """Take note that there is no report, and go on showing the last one."""
        return replace(self, problem=problem)

    def pressed(self, key: Key, *, rows: int) -> State:
        """React to a key. `rows` is how many the screen has for queues, or lines of the detail."""
        if key is Key.QUIT:
            return replace(self, is_over=True)
        if self.page is Page.HELP:
            return replace(self, page=Page.QUEUES)
        match key:
            case Key.HELP:
                return replace(self, page=Page.HELP)
            case Key.SORT:
                return replace(self, sort=self.sort.following)
            case Key.PAUSE:
                return replace(self, is_paused=not self.is_paused)
            case Key.ENTER if self.page is Page.QUEUES and self.selection is not None:
                return replace(self, page=Page.DETAIL, selected=self.selection, scroll=0)
            case Key.ENTER | Key.BACK:
                return replace(self, page=Page.QUEUES)
            case _:
                return self._moved(key, rows)

    def _moved(self, key: Key, rows: int) -> State:
        step = {Key.UP: -1, Key.DOWN: 1, Key.PAGE_UP: -rows, Key.PAGE_DOWN: rows}.get(key)
        if self.page is Page.DETAIL:
            return replace(self, scroll=max(0, self.scroll + step) if step else 0)
        names = [signals.queue for signals in self.queues]
        if not names:
            return self
        if step is None:
            return replace(self, selected=names[0 if key is Key.FIRST else -1])
        place = names.index(self.selection or names[0]) + step
        return replace(self, selected=names[min(max(place, 0), len(names) - 1)])

    # -- what is shown --------------------------------------------------------------------

    @property
    def queues(self) -> tuple[QueueSignals, ...]:
        """The queues in their order."""
        if self.report is None:
            return ()
        return tuple(sorted(self.report.queues, key=self._order))

    @property
    def selection(self) -> str | None:
        """The selected queue; the first one where none was chosen, or the chosen one is gone."""
        names = [signals.queue for signals in self.queues]
        if self.selected in names:
            return self.selected
        return names[0] if names else None

    def _order(self, signals: QueueSignals) -> tuple[float, float, str]:
        severity = None if self.report is None else self.report.severity_of(signals.queue)
        trouble = -1.0 if severity is None else float(severity.rank)
        worst = {
            Sort.TROUBLE: (trouble, float((signals.dead_growth or 0) + signals.depth)),
            Sort.DEPTH: (float(signals.depth), trouble),
            Sort.RATE: ((signals.publish_rate or 0.0) + (signals.ack_rate or 0.0), trouble),
            Sort.DEAD: (float(signals.dead or 0), float(signals.dead_growth or 0)),
            Sort.NAME: (0.0, 0.0),
        }[self.sort]
        return -worst[0], -worst[1], signals.queue
