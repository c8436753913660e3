"""The charts of one queue on its page: as many as there are signals, each with its figures as a table.

Not here: what is drawn (`charts.py`), and what ECharts is told (`echart.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, final

from nicegui import ui

from warren.dashboard.board import Board
from warren.dashboard.charts import CHARTS, Chart, Drawn, draw
from warren.dashboard.echart import options
from warren.dashboard.fragment import Fragment, render
from warren.dashboard.history import QueueHistory
from warren.dashboard.shell import Frame

__all__ = ["Charted"]

_SPANS: Final = (300.0, 900.0, 3_600.0, 4 * 3_600.0, 24 * 3_600.0)
_FIRST: Final = 900.0  # of those, the one shown before somebody chooses


@final
class Charted:
    """Draws the charts of a queue here, and keeps them up to date."""

    def __init__(self, board: Board, frame: Frame, queue: str) -> None:
        self._board = board
        self._queue = queue
        longest = board.settings.history
        self._spans = [*(span for span in _SPANS if span < longest), longest]
        self._span = max(span for span in self._spans if span <= max(_FIRST, self._spans[0]))
        history = self._history()
        with ui.element("div") as self._whole:
            self._toolbar = Fragment(self._draw_toolbar, on_act=self._choose)
            with ui.element("div").classes("charts"):
                self._panels = [_Panel(draw(chart, history, span=self._span)) for chart in CHARTS]
        self._show_whole(history)
        frame.follow(self._refresh)

    def _history(self) -> QueueHistory:
        """What is kept of the queue, with what was wrong with the broker."""
        kept = self._board.watch.history
        history = kept.of(self._queue)
        spells = sorted((*history.spells, *kept.spells(None)), key=lambda one: one.began)
        return replace(history, spells=tuple(spells))

    def _refresh(self) -> None:
        history = self._history()
        self._show_whole(history)
        self._toolbar.refresh()
        for panel in self._panels:
            panel.show(draw(panel.chart, history, span=self._span))

    def _show_whole(self, history: QueueHistory) -> None:
        """Hide all of it where nothing was ever seen."""
        is_known = any(value is not None for values in history.series.values() for value in values)
        _hide(self._whole, is_hidden=not is_known)

    def _draw_toolbar(self) -> str:
        history = self._history()
        since = (history.times[-1] if history.times else 0.0) - self._span
        spells = [one for one in history.spells if one.ended is None or one.ended >= since]
        return render("queue_spans.html", spans=self._spans, chosen=self._span, spells=spells)

    def _choose(self, act: Mapping[str, Any]) -> None:
        chosen = [span for span in self._spans if f"{span:g}" == str(act.get("span"))]
        if chosen:
            self._span = chosen[0]
            self._refresh()


@final
class _Panel:
    """One chart: its title, the drawing, and its figures for whoever does not see that."""

    def __init__(self, drawn: Drawn) -> None:
        self._drawn = drawn
        title = f"chart-{self.chart.key}"
        with ui.element("div").classes("card chart").props(f"role=group aria-labelledby={title}") as self._whole:
            self._head = Fragment(lambda: render("chart_head.html", drawn=self._drawn, id=title))
            self._echart = ui.echart(options(drawn), renderer="svg").props("aria-hidden=true")
            self._figures = Fragment(lambda: render("chart_figures.html", drawn=self._drawn))
        self._hide()

    @property
    def chart(self) -> Chart:
        return self._drawn.chart

    def show(self, drawn: Drawn) -> None:
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self._head.refresh()
        self._figures.refresh()
        self._hide()
        if drawn.lines:
            self._echart.props["options"] = options(drawn)
            self._echart.update()

    def _hide(self) -> None:
        is_unknown = not self._drawn.lines
        _hide(self._echart, is_hidden=is_unknown)
        _hide(self._whole, is_hidden=is_unknown and self.chart.is_optional)


def _hide(element: ui.element, *, is_hidden: bool) -> None:
    """Show an element or not, as HTML says it: NiceGUI's own way needs its styles."""
    if is_hidden == ("hidden" in element.props):
        return
    if is_hidden:
        element.props("hidden")
    else:
        element.props(remove="hidden")
